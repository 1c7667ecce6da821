/* SPDX-License-Identifier: Apache-2.0 */
/*
 * register.c - make this machine known to a vault, and take that back.
 */
#include <errno.h>
#include <netdb.h>
#include <string.h>

#include "base/log.h"
#include "store/sources.h"
#include "tools/commands.h"
#include "tools/opened.h"
#include "tools/output.h"
#include "tools/show.h"

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
	char until[32];

	if (r->restores)
		output_note(
			"%s may restore from the vault %s until %s\n"
			"The key and the certificate are in %s.\n"
			"next: tidemark machines%s%s, then tidemark -r "
			"vault:%s#MACHINE snapshots\n",
			r->name, r->url,
			show_time(until,
				  (struct node_time){ r->restore_until, 0 }),
			r->dir, is_default ? "" : " --directory ",
			is_default ? "" : r->dir, is_default ? "" : r->dir);
	else
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
	if (r->restores)
		json_i64(&line.json, "restore_until", r->restore_until);
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

/* --- machines --- */

static int show_machine(void *arg, const struct vault_source *s)
{
	struct output_line line;
	char newest[32] = "never", n[48];
	size_t *count = arg;

	++*count;
	if (s->newest_point)
		(void)show_time(newest,
				(struct node_time){ s->newest_point, 0 });
	if (!output_is_json()) {
		output_text("%-32s %-19s %16s  %s%s\n", s->name, newest,
			    output_count(n, s->points, "point", "points"),
			    s->machine,
			    s->is_registered ? "" : "  (unregistered)");
		return 0;
	}
	output_begin(&line, "machine");
	json_str(&line.json, "machine", s->machine);
	json_str(&line.json, "name", s->name);
	json_bool(&line.json, "is_registered", s->is_registered);
	json_i64(&line.json, "registered", s->registered);
	json_u64(&line.json, "points", s->points);
	json_i64(&line.json, "newest_point", s->newest_point);
	json_u64(&line.json, "head", s->head);
	output_end(&line);
	return 0;
}

int cmd_machines(struct cli *cli)
{
	size_t count = 0;
	int e = sources_list(directory_of(cli), show_machine, &count);

	if (e == 0 && count == 0)
		output_note("there is no machine in this vault yet\n");
	return cli_exit_of(e);
}
