/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verbs_vault.c - the options of register and unregister; part of the table
 * in verbs.c.
 */
#include "tools/verbs_private.h"

/* clang-format off */

#define DIRECTORY							       \
	OPT(STRING, "directory", 0, "DIR",				       \
	    "where the registration is kept; /etc/tidemark/vault if not "     \
	    "given", .hint = CLI_HINT_DIR)

const struct cli_opt register_opts[] = {
	OPT(STRING, "vault-credentials", 0, "FILE",
	    "what tidemark-vaultd credentials has made", .hint = CLI_HINT_FILE,
	    .detail = "For one machine, once, within ten days. Who has it can "
		      "register a machine: delete it afterwards."),
	OPT(STRING, "name", 0, "NAME",
	    "what the vault calls this machine; its host name if not given"),
	DIRECTORY,
	OPT_END
};

const struct cli_opt unregister_opts[] = { DIRECTORY, OPT_END };
const struct cli_opt machines_opts[] = { DIRECTORY, OPT_END };
