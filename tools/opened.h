/* SPDX-License-Identifier: Apache-2.0 */
/*
 * opened.h - the repository that the command line names, opened.
 *
 * Errors:  functions return an exit code (enum cli_exit) and have logged one
 *          line if it is not CLI_OK.
 */
#ifndef TOOLS_OPENED_H
#define TOOLS_OPENED_H

#include "repo/repo.h"
#include "tools/cli.h"
#include "tools/passphrase.h"

struct opened {
	struct store *store;
	struct repo *repo;
	struct repo_reader *reader;
	char *cache_dir;
	struct config config;
	struct buf config_bytes;
};

#define OPENED_INIT ((struct opened){ .config_bytes = BUF_INIT(CONFIG_MAX) })
#define CLEANUP_OPENED CLEANUP(opened_close)

/* The store and the repository's config, before any passphrase. */
int opened_store(const struct cli *cli, struct opened *o);
/* The passphrase is asked for and tried; with a reader. Calls opened_store()
 * if that was not done. */
int opened_repo(const struct cli *cli, struct opened *o);
/* The same with a passphrase at hand; after opened_store(). */
int opened_with(const struct cli *cli, struct opened *o, struct span pass);
/* The same with *pass, which is asked for if it is empty; of a person at a
 * terminal three times. */
int opened_unlock(const struct cli *cli, struct opened *o,
		  struct passphrase *pass);
void opened_close(struct opened *o);

/* False if it cannot be read. */
bool opened_dir_is_empty(const char *where);
/* The caller's name, or number if it has none. */
const char *opened_user(char out[static 64]);
/* "user@host", for key slots. */
const char *opened_label(char out[static 129]);
/* The host's name. */
const char *opened_host(char out[static 256]);

#endif /* TOOLS_OPENED_H */
