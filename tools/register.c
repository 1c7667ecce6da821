/* SPDX-License-Identifier: Apache-2.0 */
/*
 * register.c - make this machine known to a vault, and take that back.
 */
#include <errno.h>
#include <netdb.h>
#include <string.h>

#include "base/log.h"
#include "store/registration.h"
#include "tools/commands.h"
#include "tools/opened.h"
#include "tools/output.h"

/* What other machines call this one: its full name if it has one. */
static void own_name(char out[static 256])
{
	static const struct addrinfo hints = { .ai_flags = AI_CANONNAME };
	struct addrinfo *found = NULL;

	opened_host(out);
	if (strchr(out, '.') || getaddrinfo(out, NULL, &hints, &found) != 0)
		return;
	if (found->ai_canonname && strchr(found->ai_canonname, '.'))
		snprintf(out, 256, "%s", found->ai_canonname);
	freeaddrinfo(found);
}

static const char *directory_of(const struct cli *cli)
{
	const char *dir = cli_str(cli, "directory");

	return dir ? dir : REGISTRATION_DIR;
}

static void report(const struct registration *r)
{
	struct output_line line;
	bool is_default = !strcmp(r->dir, REGISTRATION_DIR);

	output_note("registered %s with the vault %s\n"
		    "The key and the certificate are in %s.\n"
		    "next: tidemark -r vault:%s init\n",
		    r->name, r->url, r->dir, is_default ? "" : r->dir);
	if (!output_is_json())
		return;
	output_begin(&line, "registered");
	json_str(&line.json, "machine", r->machine);
	json_str(&line.json, "name", r->name);
	json_str(&line.json, "vault", r->vault);
	json_str(&line.json, "url", r->url);
	json_str(&line.json, "directory", r->dir);
	json_i64(&line.json, "certificate_expires", r->not_after);
	output_end(&line);
}

int cmd_register(struct cli *cli)
{
	CLEANUP_REGISTRATION struct registration r = { .dir = NULL };
	const char *name = cli_str(cli, "name");
	char own[256];
	int e;

	if (!name) {
		own_name(own);
		name = own;
	}
	e = registration_make(directory_of(cli),
			      cli_str(cli, "vault-credentials"), name, &r);
	if (e == 0)
		report(&r);
	return cli_exit_of(e);
}

int cmd_unregister(struct cli *cli)
{
	const char *dir = directory_of(cli);
	struct output_line line;
	int e = registration_end(dir);

	if (e < 0)
		return cli_exit_of(e);
	output_note("this machine is unregistered; what it has stored stays "
		    "in the vault\n");
	if (output_is_json()) {
		output_begin(&line, "unregistered");
		json_str(&line.json, "directory", dir);
		output_end(&line);
	}
	return CLI_OK;
}
