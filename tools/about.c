/* SPDX-License-Identifier: Apache-2.0 */
/*
 * about.c - the verbs that speak of the program: version, completion, help.
 */
#include "base/fault.h"
#include "tools/cli.h"
#include "tools/commands.h"
#include "tools/output.h"
#include "version.h"

static int fault_points(void)
{
	struct output_line line;
	const char *name;
	unsigned int i;

	for (i = 0; (name = fault_name(i)); i++)
		output_text("%s\n", name);
	if (!output_is_json())
		return CLI_OK;
	output_begin(&line, "fault_points");
	json_array(&line.json, "names");
	for (i = 0; (name = fault_name(i)); i++)
		json_str(&line.json, NULL, name);
	json_close(&line.json);
	output_end(&line);
	return CLI_OK;
}

int cmd_version(struct cli *cli)
{
	struct output_line line;

	if (cli_flag(cli, "fault-points"))
		return fault_points();
	output_text("tidemark %s\n", TIDEMARK_VERSION);
	if (output_is_json()) {
		output_begin(&line, "version");
		json_str(&line.json, "version", TIDEMARK_VERSION);
		output_end(&line);
	}
	return CLI_OK;
}

int cmd_completion(struct cli *cli)
{
	const char *word = cli_form_word(cli);
	const char *const *args;
	size_t n;

	args = cli_args(cli, &n);
	if (n > 0)
		return cli_exit_of(cli_man_write(args[0]));
	cli_complete_write(stdout, word);
	return CLI_OK;
}

int cmd_help(struct cli *cli)
{
	const struct cli_verb *verb;
	const char *const *args;
	const char *near;
	size_t n;

	args = cli_args(cli, &n);
	if (n == 0) {
		cli_usage(stdout);
		return CLI_OK;
	}
	verb = cli_verb_find(args[0]);
	if (verb) {
		cli_usage_verb(stdout, verb);
		return CLI_OK;
	}
	near = cli_suggest_verb(args[0]);
	if (near)
		log_error("unknown verb %s, did you mean %s?", args[0], near);
	else
		log_error("unknown verb %s, see tidemark help", args[0]);
	return CLI_FATAL;
}
