/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli_text.h - what the generators of usage and manual share.
 */
#ifndef TOOLS_CLI_TEXT_H
#define TOOLS_CLI_TEXT_H

#include "tools/cli.h"

/* The heading under which the option stands. */
const char *cli_group_name(const struct cli_opt *o);
/* Is o the first of its group in the array opts? */
bool cli_group_starts(const struct cli_opt *opts, const struct cli_opt *o);
/* Write words in lines of width, the first from column on, the others from
 * indent on, and a newline. */
void cli_wrap(FILE *out, const char *text, size_t column, size_t indent,
	      size_t width);

#endif /* TOOLS_CLI_TEXT_H */
