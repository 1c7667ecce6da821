/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli_suggest.c - "did you mean": the nearest name to one that is unknown.
 *
 * First what other tools call it (the table's `aka`), then the edit distance
 * with exchanged neighbours as one edit (optimal string alignment). Near is
 * at most a third of the letters, and at least one.
 */
#include "tools/cli.h"

#include <limits.h>
#include <string.h>

#define WORD_MAX 63

unsigned int cli_distance(const char *a, const char *b)
{
	/* Three rows of the table: two back, one back, this one. */
	unsigned int row[3][WORD_MAX + 1];
	size_t la = strlen(a), lb = strlen(b), i, j;

	if (la > WORD_MAX || lb > WORD_MAX)
		return UINT_MAX;
	for (j = 0; j <= lb; j++)
		row[0][j] = (unsigned int)j;
	for (i = 1; i <= la; i++) {
		unsigned int *now = row[i % 3], *one = row[(i + 2) % 3];
		unsigned int *two = row[(i + 1) % 3];

		now[0] = (unsigned int)i;
		for (j = 1; j <= lb; j++) {
			unsigned int d = one[j - 1] + (a[i - 1] != b[j - 1]);

			d = MIN(d, one[j] + 1);
			d = MIN(d, now[j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				d = MIN(d, two[j - 2] + 1);
			now[j] = d;
		}
	}
	return row[la % 3][lb];
}

struct best {
	const char *name;
	unsigned int distance;
};

static void consider(struct best *best, const char *typed, const char *name,
		     const char *aka)
{
	size_t len = strlen(typed);
	unsigned int limit = (unsigned int)MAX(len / 3, len > 3 ? 2u : len > 2);
	unsigned int d = cli_distance(typed, name);

	if (cli_in_list(aka, typed, len))
		d = 0;
	else if (len >= 3 && !strncmp(name, typed, len))
		d = MIN(d, 1u);
	if (d <= limit && d < best->distance) {
		best->name = name;
		best->distance = d;
	}
}

const char *cli_suggest_verb(const char *typed)
{
	struct best best = { NULL, UINT_MAX };
	const struct cli_verb *v;

	for (v = cli_verbs; v->name; v++)
		if (v->run)
			consider(&best, typed, v->name, v->aka);
	return best.name;
}

const char *cli_suggest_opt(const struct cli_verb *verb, const char *typed)
{
	struct best best = { NULL, UINT_MAX };
	const struct cli_opt *o;

	for (o = verb ? verb->opts : NULL; o && o->name; o++)
		consider(&best, typed, o->name, o->aka);
	for (o = cli_global_opts; o->name; o++)
		consider(&best, typed, o->name, o->aka);
	return best.name;
}

const char *cli_suggest_word(const char *words, const char *typed,
			     char out[static 64])
{
	unsigned int least = UINT_MAX;
	char word[64];

	while (cli_next_word(&words, word)) {
		struct best best = { NULL, UINT_MAX };

		consider(&best, typed, word, NULL);
		if (best.distance < least) {
			least = best.distance;
			memcpy(out, word, sizeof(word));
		}
	}
	return least == UINT_MAX ? NULL : out;
}
