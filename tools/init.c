/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init.c - make a repository.
 */
#include <errno.h>

#include "base/log.h"
#include "tools/commands.h"
#include "tools/location.h"
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

/* 0: nothing at where forbids a repository; o is left as it was. */
static int refuse_existing(const char *where, struct opened *o)
{
	int e = location_open(where, &o->store);

	if (e == -ENOENT)
		return 0;
	if (e == -ENOTDIR)
		log_error("%s is no directory", where);
	if (e < 0)
		return e;
	e = repo_probe(o->store, &o->config, &o->config_bytes);
	opened_close(o);
	if (e == -ENOENT)
		return 0;
	if (e == 0)
		log_error("%s is a repository already", where);
	else if (e == -ENOMSG)
		log_error("%s holds a config of another program", where);
	return -EEXIST;
}

/* Nothing is created before there is a passphrase to create it with. */
static int create(struct cli *cli, const char *where, struct opened *o)
{
	CLEANUP_PASSPHRASE struct passphrase pass = PASSPHRASE_INIT;
	const char *label = cli_str(cli, "label");
	char self[129];
	int e = passphrase_get_first(cli, &pass);

	if (e < 0)
		return e;
	e = location_create(where, &o->store);
	if (e == -EEXIST)
		log_error("%s is not empty and not a repository: give a new or "
			  "empty directory",
			  where);
	if (e == 0)
		e = repo_init(o->store, passphrase_span(&pass),
			      passphrase_kdf(cli),
			      label ? label : opened_label(self));
	if (e == 0)
		e = repo_probe(o->store, &o->config, &o->config_bytes);
	return e;
}

int cmd_init(struct cli *cli)
{
	CLEANUP_OPENED struct opened o = OPENED_INIT;
	const char *where = cli_str(cli, "repo");
	int e;

	if (!where) {
		log_error("no repository is given: say --repo DIR or set "
			  "TIDEMARK_REPOSITORY");
		return CLI_FATAL;
	}
	e = refuse_existing(where, &o);
	if (e == 0)
		e = create(cli, where, &o);
	if (e == 0)
		report(&o);
	return e == -EEXIST ? CLI_FATAL : cli_exit_of(e);
}
