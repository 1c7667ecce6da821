/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prune.c - the verb prune.
 */
#include "tools/prune.h"

#include <errno.h>

#include "base/log.h"
#include "tools/commands.h"
#include "tools/output.h"

#define MAX_UNUSED_PERCENT 5.0
#define REPACK_LEVEL 3 /* as backup's default */

static bool stop(void *arg)
{
	(void)arg;
	return cli_interrupted();
}

static void put_json(const struct prune_stats *st, bool dry_run)
{
	struct output_line line;
	struct json_out *j = &line.json;

	output_begin(&line, "prune_summary");
	json_bool(j, "dry_run", dry_run);
	json_u64(j, "packs", st->packs);
	json_u64(j, "bytes", st->bytes);
	json_u64(j, "packs_removed", st->packs_removed);
	json_u64(j, "bytes_removed", st->bytes_removed);
	json_u64(j, "packs_repacked", st->packs_repacked);
	json_u64(j, "bytes_repacked", st->bytes_repacked);
	json_u64(j, "packs_orphaned", st->packs_orphaned);
	json_u64(j, "bytes_orphaned", st->bytes_orphaned);
	json_u64(j, "bytes_stored", st->bytes_stored);
	json_u64(j, "bytes_freed", st->bytes_freed);
	json_u64(j, "bytes_unused", st->bytes_unused);
	json_u64(j, "chunks_live", st->chunks_live);
	json_u64(j, "chunks_dead", st->chunks_dead);
	json_u64(j, "objects_deleted", st->objects_deleted);
	json_bool(j, "writers_active", st->busy_writers);
	json_bool(j, "committed", st->committed);
	output_end(&line);
}

/* "removed:", or "would remove:" in a dry run. */
static void label(bool dry_run, const char *done, const char *verb)
{
	char text[32];

	snprintf(text, sizeof(text), "%s%s:", dry_run ? "would " : "",
		 dry_run ? verb : done);
	output_note("%-*s ", dry_run ? 13 : 8, text);
}

static void put_text(const struct prune_stats *st, bool dry_run)
{
	char a[16], b[16], n[48];

	output_note("%-*s %s, %s\n", dry_run ? 13 : 8,
		    "before:", output_count(n, st->packs, "pack", "packs"),
		    output_size(a, st->bytes));
	label(dry_run, "removed", "remove");
	output_note("%s of which nothing is needed, %s\n",
		    output_count(n, st->packs_removed, "pack", "packs"),
		    output_size(a, st->bytes_removed));
	if (st->packs_orphaned) {
		label(dry_run, "removed", "remove");
		output_note("%s of backups that did not finish, %s\n",
			    output_count(n, st->packs_orphaned, "pack",
					 "packs"),
			    output_size(a, st->bytes_orphaned));
	}
	label(dry_run, "copied", "copy");
	output_note("what is needed of %s, %s of %s\n",
		    output_count(n, st->packs_repacked, "pack", "packs"),
		    output_size(a, st->bytes_stored),
		    output_size(b, st->bytes_repacked));
	label(dry_run, "freed", "free");
	output_note("%s; %s stay unused\n", output_size(a, st->bytes_freed),
		    output_size(b, st->bytes_unused));
	if (st->busy_writers)
		output_note("a backup is running: packs in no index were left "
			    "alone\n");
	if (dry_run)
		output_note("dry run: nothing was changed\n");
}

int prune_run(const struct cli *cli, struct opened *o,
	      const struct idlist *without)
{
	struct prune_options opt = {
		.dry_run = cli_flag(cli, "dry-run"),
		.max_unused =
			cli_percent(cli, "max-unused", MAX_UNUSED_PERCENT) /
			100,
		.max_repack = cli_u64(cli, "max-repack-size", UINT64_MAX),
		.level = REPACK_LEVEL,
		.stop = stop,
		.without = without,
	};
	struct prune_stats st;
	int e = repo_prune(o->repo, &opt, &st);

	if (e == -EBUSY)
		log_error("the repository at %s is busy: another forget or "
			  "prune is at work there",
			  store_location(o->store));
	if (e < 0)
		return cli_exit_of(e);
	if (output_is_json())
		put_json(&st, opt.dry_run);
	else
		put_text(&st, opt.dry_run);
	return CLI_OK;
}

int cmd_prune(struct cli *cli)
{
	CLEANUP_OPENED struct opened o = OPENED_INIT;
	int code = opened_repo(cli, &o);

	return code == CLI_OK ? prune_run(cli, &o, NULL) : code;
}
