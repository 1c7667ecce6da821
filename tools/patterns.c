/* SPDX-License-Identifier: Apache-2.0 */
/*
 * patterns.c - a filter from the options of the command line.
 */
#include "tools/patterns.h"

#include <stdio.h>

int patterns_filter(const struct cli *cli, const char *what,
		    struct filter **out)
{
	static const struct {
		const char *before, *after; /* the option's name */
		int (*add)(struct filter *f, const char *value,
			   unsigned int flags);
		unsigned int flags;
	} kinds[] = {
		{ "", "", filter_add, 0 },
		{ "i", "", filter_add, FILTER_FOLD },
		{ "", "-file", filter_add_file, 0 },
		{ "i", "-file", filter_add_file, FILTER_FOLD },
	};
	size_t i, k;
	int e = filter_new(out);

	for (i = 0; i < ARRAY_LEN(kinds); i++) {
		struct cli_strings list;
		char opt[32];

		snprintf(opt, sizeof(opt), "%s%s%s", kinds[i].before, what,
			 kinds[i].after);
		list = cli_list(cli, opt);
		for (k = 0; e == 0 && k < list.n; k++)
			e = kinds[i].add(*out, list.v[k], kinds[i].flags);
	}
	return e;
}
