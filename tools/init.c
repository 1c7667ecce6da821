/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init.c - make a repository.
 */
#include <errno.h>

#include "base/log.h"
#include "tools/commands.h"
#include "tools/opened.h"
#include "tools/output.h"
#include "tools/passphrase.h"

static void report(const struct opened *o)
{
	struct output_line line;

	output_note("made repository %s\n"
		    "Without the passphrase nobody can read it, you included: "
		    "keep it in a second place.\n",
		    store_location(o->store));
	if (!output_is_json())
		return;
	output_begin(&line, "initialized");
	json_str(&line.json, "repository", store_location(o->store));
	json_hex(&line.json, "id", o->config.repo_id, REPO_ID_LEN);
	output_end(&line);
}

int cmd_init(struct cli *cli)
{
	CLEANUP_PASSPHRASE struct passphrase pass = PASSPHRASE_INIT;
	CLEANUP_OPENED struct opened o = OPENED_INIT;
	const char *where = cli_str(cli, "repo"), *kdf = cli_str(cli, "kdf");
	const char *label = cli_str(cli, "label");
	char self[129];
	int e;

	if (!where) {
		log_error("no repository is given: say --repo DIR or set "
			  "TIDEMARK_REPOSITORY");
		return CLI_FATAL;
	}
	e = store_create_dir(where, &o.store);
	if (e == -EEXIST) {
		log_error("%s is not empty and not a repository: give a new or "
			  "empty directory",
			  where);
		return CLI_FATAL;
	}
	if (e < 0)
		return cli_exit_of(e);
	e = repo_probe(o.store, &o.config, &o.config_bytes);
	if (e != -ENOENT) {
		if (e == 0)
			log_error("%s is a repository already", where);
		else if (e == -ENOMSG)
			log_error("%s holds a config of another program",
				  where);
		return CLI_FATAL;
	}
	e = passphrase_get_first(cli, &pass);
	if (e == 0)
		e = repo_init(o.store, passphrase_span(&pass),
			      kdf && !strcmp(kdf, "scrypt") ? KDF_SCRYPT
							    : KDF_ARGON2ID,
			      label ? label : opened_label(self));
	if (e == 0)
		e = repo_probe(o.store, &o.config, &o.config_bytes);
	if (e == 0)
		report(&o);
	return cli_exit_of(e);
}
