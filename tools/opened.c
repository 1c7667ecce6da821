/* SPDX-License-Identifier: Apache-2.0 */
/*
 * opened.c - from --repo and a passphrase to an open repository.
 */
#include "tools/opened.h"

#include <dirent.h>
#include <errno.h>
#include <pwd.h>

#include "base/log.h"
#include "store/rate.h"
#include "tools/location.h"
#include "tools/passphrase.h"

#define TRIES 3 /* at a terminal */

bool opened_dir_is_empty(const char *where)
{
	DIR *d = opendir(where);
	struct dirent *e;
	bool empty = true;

	if (!d)
		return false;
	while (empty && (e = readdir(d)))
		empty = !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..");
	closedir(d);
	return empty;
}

static int no_repository(const char *where, int err)
{
	if (location_is_vault(where))
		log_error("there is no repository at %s: make one with "
			  "tidemark init",
			  where);
	else if (err == -ENOTDIR)
		log_error("there is no repository at %s: it is no directory",
			  where);
	else if (err == -ENOMSG)
		log_error("there is no repository at %s: its config is "
			  "another program's",
			  where);
	else if (access(where, F_OK) == 0 && !opened_dir_is_empty(where))
		log_error("there is no repository at %s: the directory holds "
			  "other things, and no config",
			  where);
	else
		log_error("there is no repository at %s: make one with "
			  "tidemark init",
			  where);
	return CLI_NO_REPOSITORY;
}

static int limited(const struct cli *cli, struct opened *o)
{
	struct rate_plan plan = { .rate = cli_u64(cli, "limit-rate", 0) };
	const char *work = cli_str(cli, "limit-work-hours");

	if (work && rate_plan_parse(work, &plan) < 0) {
		log_error("--limit-work-hours %s: give days, hours and a rate, "
			  "as in 'mon-fri 08:00-18:00 512K'",
			  work);
		return -EINVAL;
	}
	return rate_plan_limits(&plan)
		       ? store_open_limit_plan(o->store, &plan, &o->store)
		       : 0;
}

int opened_store(const struct cli *cli, struct opened *o)
{
	const char *where = cli_str(cli, "repo");
	int e;

	if (!where) {
		log_error("no repository is given: say --repo DIR or set "
			  "TIDEMARK_REPOSITORY");
		return CLI_NO_REPOSITORY;
	}
	e = location_open(where, &o->store);
	if (e == -ENOENT || e == -ENOTDIR)
		return no_repository(where, e);
	if (e == -ENOKEY)
		return CLI_NO_REPOSITORY;
	if (e == 0)
		e = limited(cli, o);
	if (e < 0)
		return cli_exit_of(e);
	e = repo_probe(o->store, &o->config, &o->config_bytes);
	if (e == -ENOENT || e == -ENOMSG)
		return no_repository(where, e);
	/* what is past is no rollback, and nothing to remember */
	if (e == 0 && !location_is_past(where))
		e = cli_cache_dir(cli, &o->cache_dir);
	return cli_exit_of(e);
}

int opened_with(const struct cli *cli, struct opened *o, struct span pass)
{
	struct repo_options opt = {
		.config = SPAN_OF(&o->config_bytes),
		.cache_dir = o->cache_dir,
		.accept_rollback = cli_flag(cli, "accept-rollback"),
		.expect_head = cli_u64(cli, "expect-head", 0),
	};
	int e = repo_open(o->store, pass, &opt, &o->repo);

	if (e == -EKEYREJECTED)
		log_error("wrong passphrase for the repository at %s",
			  store_location(o->store));
	if (e == 0)
		e = repo_reader_new(o->repo, &o->reader);
	return cli_exit_of(e);
}

int opened_unlock(const struct cli *cli, struct opened *o,
		  struct passphrase *pass)
{
	int code, tries;

	for (tries = 1;; tries++) {
		code = pass->p ? CLI_OK
			       : cli_exit_of(passphrase_get(cli, pass));
		if (code == CLI_OK)
			code = opened_with(cli, o, passphrase_span(pass));
		if (code != CLI_WRONG_PASSPHRASE || !pass->asked ||
		    tries == TRIES)
			return code;
		passphrase_release(pass);
	}
}

int opened_repo(const struct cli *cli, struct opened *o)
{
	CLEANUP_PASSPHRASE struct passphrase pass = PASSPHRASE_INIT;
	int code = o->store ? CLI_OK : opened_store(cli, o);

	return code == CLI_OK ? opened_unlock(cli, o, &pass) : code;
}

void opened_close(struct opened *o)
{
	repo_reader_free(o->reader);
	repo_free(o->repo);
	store_free(o->store);
	free(o->cache_dir);
	buf_release(&o->config_bytes);
	*o = OPENED_INIT;
}

const char *opened_host(char out[static 256])
{
	if (gethostname(out, 256) < 0)
		snprintf(out, 256, "localhost");
	out[255] = '\0';
	return out;
}

const char *opened_user(char out[static 64])
{
	const struct passwd *pw = getpwuid(getuid());

	if (pw)
		snprintf(out, 64, "%s", pw->pw_name);
	else
		snprintf(out, 64, "%lu", (unsigned long)getuid());
	return out;
}

const char *opened_label(char out[static 129])
{
	char host[256], user[64];

	snprintf(out, 129, "%.60s@%.60s", opened_user(user), opened_host(host));
	return out;
}
