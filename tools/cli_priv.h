/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli_priv.h - what a parsed command line is, for cli.c and cli_get.c only.
 */
#ifndef TOOLS_CLI_PRIV_H
#define TOOLS_CLI_PRIV_H

#include "tools/cli.h"

struct cli_slot {
	const struct cli_opt *opt;
	unsigned int count;
	const char **values; /* count of them; NULL for a flag */
};

struct cli {
	const struct cli_verb *verb;
	const struct cli_form *form;
	struct cli_slot *slots; /* global ones first, then the verb's */
	size_t nslots;
	const char **words; /* allocated; the form's word and the arguments */
	const char **args;  /* into words */
	size_t nargs;
	int64_t now_ns; /* one instant for all options that say "now" */
};

#endif /* TOOLS_CLI_PRIV_H */
