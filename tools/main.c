/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - from the words of the command line to the verb's function.
 */
#include <fcntl.h>
#include <signal.h>

#include "base/fault.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "tools/cli.h"
#include "tools/commands.h"
#include "tools/output.h"

/* A file opened as descriptor 2 would get our messages written into it. */
static void open_missing_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static int dispatch(struct cli *cli)
{
	const struct cli_verb *verb = cli_verb_of(cli);
	int code;

	if (cli_flag(cli, "help")) {
		if (verb)
			cli_usage_verb(stdout, verb);
		else
			cli_usage(stdout);
		return CLI_OK;
	}
	if (!verb && cli_flag(cli, "version"))
		return cmd_version(cli);
	if (!verb) {
		log_error("no verb is given, see tidemark help");
		return CLI_FATAL;
	}
	/* Verbs that only print end quietly when nobody reads on, as filters
	 * do. The others must not die half way because of a closed pipe. */
	if (!verb->prints)
		signal(SIGPIPE, SIG_IGN);
	code = verb->run(cli);
	return code != CLI_OK && cli_interrupted() ? CLI_INTERRUPTED : code;
}

int main(int argc, char **argv)
{
	struct cli *cli = NULL;
	int code = CLI_FATAL;

	open_missing_descriptors();
	secret_harden_process();
	output_early(cli_wants_json(argc, argv));
	if (fault_init() == 0 && cli_parse(argc, argv, &cli) == 0) {
		output_init(cli);
		cli_signals_init();
		code = dispatch(cli);
	}
	if (code == CLI_INTERRUPTED && !output_is_json())
		log_error("interrupted");
	code = output_finish(code);
	cli_free(cli);
	return code;
}
