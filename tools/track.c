/* SPDX-License-Identifier: Apache-2.0 */
/*
 * track.c - the verbs track, status and changes: what tidemarkd knows.
 *
 * The daemon counts and keeps marks; names it does not know. `changes` looks
 * for them itself (track_name.h), so that the daemon opens no file of a user.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "tools/ask.h"
#include "tools/commands.h"
#include "tools/jobs.h"
#include "tools/output.h"
#include "tools/track_btrfs.h"
#include "tools/track_device.h"
#include "tools/track_name.h"
#include "track/dirty.h"

/* What a line of text shows; JSON has up to RANGES_JSON. */
#define RANGES_TEXT 4
#define RANGES_JSON 10000

/* --- asking --- */

/* One request, with a path if it is not NULL; *fd is -1 or came with the
 * reply. Logs. */
static int ask(const struct cli *cli, const char *op, const char *path,
	       struct json **reply, int *fd)
{
	CLEANUP_ASK struct ask a;

	ask_begin(&a, op);
	if (path)
		json_str(&a.json, "path", path);
	if (cli_flag(cli, "kept"))
		json_bool(&a.json, "kept", true);
	return ask_send(&a, cli, reply, fd);
}

/* For people: a name that came as text. The caller's to free. */
static char *shown(const char *name)
{
	return output_name(SPAN(name, strlen(name)));
}

/* --- status, track list --- */

static const char *const numbers_of_fs[] = {
	"major", "minor",  "epoch",	    "kept_inodes",   "backups",
	"marks", "resets", "inode_entries", "range_entries", "whole_file_falls"
};

static void fs_json(const struct json *fs)
{
	const char *exact = json_to_str(json_get(fs, "path_b64"));
	struct output_line line;
	size_t i;

	output_begin(&line, "file_system");
	json_str(&line.json, "path", ask_text(fs, "path"));
	if (exact)
		json_str(&line.json, "path_b64", exact);
	json_str(&line.json, "type", ask_text(fs, "type"));
	json_bool(&line.json, "trusted", ask_true(fs, "trusted"));
	json_str(&line.json, "why", json_to_str(json_get(fs, "why")));
	json_str(&line.json, "last_reset",
		 json_to_str(json_get(fs, "last_reset")));
	json_bool(&line.json, "lost", ask_true(fs, "lost"));
	for (i = 0; i < ARRAY_LEN(numbers_of_fs); i++)
		json_u64(&line.json, numbers_of_fs[i],
			 ask_u64(fs, numbers_of_fs[i]));
	output_end(&line);
}

static void fs_text(const struct json *fs)
{
	CLEANUP_FREE char *path = shown(ask_text(fs, "path"));
	char inodes[48], backups[48], marks[48];

	output_text("%s (%s)\n", path ?: "?", ask_text(fs, "type"));
	if (ask_true(fs, "trusted"))
		output_text("  trusted: a backup looks only at what changed\n");
	else
		output_text("  the next backup scans: %s\n",
			    ask_text(fs, "why"));
	output_text("  epoch %llu, %s kept for %s\n",
		    (unsigned long long)ask_u64(fs, "epoch"),
		    output_count(inodes, ask_u64(fs, "kept_inodes"),
				 "changed inode", "changed inodes"),
		    output_count(backups, ask_u64(fs, "backups"), "backup",
				 "backups"));
	output_text("  %s counted, %llu fell to the whole file\n",
		    output_count(marks, ask_u64(fs, "marks"), "mark", "marks"),
		    (unsigned long long)ask_u64(fs, "whole_file_falls"));
	if (ask_u64(fs, "resets"))
		output_text("  trust was lost %llu times, the last time "
			    "because %s\n",
			    (unsigned long long)ask_u64(fs, "resets"),
			    ask_text(fs, "last_reset"));
}

static void tracker_line(const struct json *j)
{
	uint64_t used = ask_u64(j, "map_entries");
	uint64_t max = ask_u64(j, "map_entries_max");
	const char *why = ask_str(j, "hook_set_why");
	struct output_line line;

	if (!output_is_json()) {
		output_text("hook set %s, %llu of %llu map entries in use\n",
			    ask_text(j, "hook_set"), (unsigned long long)used,
			    (unsigned long long)max);
		if (why)
			output_text("  because %s\n", why);
		return;
	}
	output_begin(&line, "tracker");
	json_str(&line.json, "hook_set", ask_text(j, "hook_set"));
	json_str(&line.json, "hook_set_why", why);
	json_str(&line.json, "instance", ask_text(j, "instance"));
	json_u64(&line.json, "map_entries", used);
	json_u64(&line.json, "map_entries_max", max);
	output_end(&line);
}

static int put_status(const struct cli *cli, bool only_list)
{
	CLEANUP_JSON struct json *reply = NULL;
	CLEANUP_CLOSE int fd = -1;
	const struct json *list, *fs;
	size_t devices, btrfs;
	int e = ask(cli, "status", NULL, &reply, &fd);

	if (e < 0)
		return CLI_FATAL;
	list = json_get(reply, "file_systems");
	if (!only_list)
		tracker_line(reply);
	for (fs = json_first(list); fs; fs = json_next(fs)) {
		CLEANUP_FREE char *path = shown(ask_text(fs, "path"));

		if (output_is_json())
			fs_json(fs);
		else if (only_list)
			output_text("%s\n", path ?: "?");
		else
			fs_text(fs);
	}
	if (track_btrfs_status(only_list, &btrfs) < 0 ||
	    track_device_status(cli, only_list, &devices) < 0)
		return CLI_FATAL;
	if (!only_list && schedule_put_status(cli) < 0)
		return CLI_FATAL;
	if (!json_first(list) && devices + btrfs == 0)
		output_note("nothing is tracked: tidemark track add PATH\n");
	return CLI_OK;
}

int cmd_status(struct cli *cli)
{
	return put_status(cli, false);
}

/* --- track add, remove --- */

/* As the daemon needs it: absolute. Of what is gone, or not mounted any more,
 * as it was given. */
static int absolute(const char *given, char out[PATH_MAX])
{
	if (realpath(given, out))
		return 0;
	if (given[0] != '/' || strlen(given) >= PATH_MAX)
		return log_fail(-errno, "find %s", given);
	snprintf(out, PATH_MAX, "%s", given);
	return 0;
}

int cmd_track(struct cli *cli)
{
	CLEANUP_JSON struct json *reply = NULL;
	CLEANUP_CLOSE int fd = -1;
	CLEANUP_FREE char *where = NULL;
	const char *word = cli_form_word(cli), *const * args;
	char path[PATH_MAX];
	struct output_line line;
	bool add = !strcmp(word, "add");
	size_t n;

	if (!strcmp(word, "list"))
		return put_status(cli, true);
	args = cli_args(cli, &n);
	if (absolute(args[0], path) < 0)
		return CLI_FATAL;
	if (track_device_is(path))
		return track_device_change(cli, path, add);
	if (add && track_btrfs_is(path))
		return track_btrfs_add(path);
	if (ask(cli, add ? "track-add" : "track-remove", path, &reply, &fd) < 0)
		return CLI_FATAL;
	where = shown(ask_text(reply, "path"));
	if (output_is_json()) {
		output_begin(&line, add ? "track_added" : "track_removed");
		json_str(&line.json, "path", ask_text(reply, "path"));
		output_end(&line);
	} else if (add) {
		output_note("tracking %s; the next backup looks at everything "
			    "once more\n",
			    where ?: "?");
	} else {
		output_note("no longer tracking %s\n", where ?: "?");
	}
	return CLI_OK;
}

/* --- changes --- */

/* One inode of the set, and what was found out about it. */
struct change {
	const struct dirty_inode *in;
	struct track_name name;
	struct dirty_extent *ranges;
	size_t n_ranges;
	uint64_t bytes;
};

/* The changed parts of a file whose blocks are known. */
static int find_ranges(const struct dirty *d, struct change *c)
{
	size_t i;
	int e;

	if (!(c->in->flags & DIRTY_DATA) || c->in->flags & DIRTY_WHOLE ||
	    !c->name.is_file)
		return 0;
	/* what was there before, and how long it was, nobody here knows */
	e = dirty_extents(d, c->in, UINT64_MAX, c->name.size, &c->ranges,
			  &c->n_ranges);
	for (i = 0; i < c->n_ranges; i++)
		c->bytes += c->ranges[i].to - c->ranges[i].from;
	return e;
}

static void change_json(const struct change *c)
{
	struct output_line line;
	size_t i;

	output_begin(&line, "changed_inode");
	json_u64(&line.json, "inode", c->in->ino);
	json_u64(&line.json, "generation", c->in->generation);
	if (c->name.path)
		json_name(&line.json, "path",
			  SPAN(c->name.path, strlen(c->name.path)));
	if (c->name.is_gone)
		json_bool(&line.json, "gone", true);
	json_bool(&line.json, "meta", c->in->flags & DIRTY_META);
	json_bool(&line.json, "data", c->in->flags & DIRTY_DATA);
	json_bool(&line.json, "whole", c->in->flags & DIRTY_WHOLE);
	if (c->ranges) {
		json_u64(&line.json, "bytes", c->bytes);
		json_u64(&line.json, "ranges_count", c->n_ranges);
		json_array(&line.json, "ranges");
		for (i = 0; i < c->n_ranges && i < RANGES_JSON; i++) {
			json_object(&line.json, NULL);
			json_u64(&line.json, "from", c->ranges[i].from);
			json_u64(&line.json, "to", c->ranges[i].to);
			json_close(&line.json);
		}
		json_close(&line.json);
	}
	output_end(&line);
}

static void change_text(const struct change *c)
{
	CLEANUP_FREE char *path = c->name.path ? shown(c->name.path) : NULL;
	size_t i;

	output_text("%s  ", c->in->flags & DIRTY_WHOLE	? "whole"
			    : c->in->flags & DIRTY_DATA ? "data "
							: "meta ");
	if (path)
		output_text("%s", path);
	else
		output_text("inode %llu%s", (unsigned long long)c->in->ino,
			    c->name.is_gone ? " (gone)" : "");
	for (i = 0; i < c->n_ranges && i < RANGES_TEXT; i++)
		output_text("%s%llu-%llu", i ? ", " : "  ",
			    (unsigned long long)c->ranges[i].from,
			    (unsigned long long)c->ranges[i].to);
	if (c->n_ranges > RANGES_TEXT)
		output_text(" and %zu more", c->n_ranges - RANGES_TEXT);
	output_text("\n");
}

static int put_changes(int at, const struct dirty *d)
{
	size_t i;

	for (i = 0; i < d->n_inodes; i++) {
		struct change c = { .in = &d->inodes[i] };
		int e;

		if (cli_interrupted())
			return -EINTR;
		track_name_find(at, c.in->ino, c.in->generation, &c.name);
		e = find_ranges(d, &c);
		if (e == 0 && output_is_json())
			change_json(&c);
		else if (e == 0)
			change_text(&c);
		free(c.ranges);
		free(c.name.path);
		if (e < 0)
			return e;
	}
	return 0;
}

static void put_sum(const struct dirty *d)
{
	struct output_line line;
	char count[48];

	if (output_is_json()) {
		output_begin(&line, "changes_summary");
		json_u64(&line.json, "inodes", d->n_inodes);
		json_u64(&line.json, "marked_bytes", dirty_bytes(d));
		json_bool(&line.json, "lost", d->lost);
		output_end(&line);
		return;
	}
	output_note("%s changed since the last backup began\n",
		    output_count(count, d->n_inodes, "inode", "inodes"));
	if (d->lost)
		log_warn("not all that changed is known, and the next backup "
			 "scans: tidemark status says why");
	else if (geteuid() != 0 && d->n_inodes > 0)
		output_note("root sees their names\n");
}

int cmd_changes(struct cli *cli)
{
	CLEANUP_JSON struct json *reply = NULL;
	CLEANUP_CLOSE int fd = -1, at = -1;
	struct dirty d = { 0 };
	const char *const *args;
	char path[PATH_MAX];
	size_t n;
	int e;

	args = cli_args(cli, &n);
	if (!realpath(n ? args[0] : ".", path)) {
		log_fail(-errno, "find %s", n ? args[0] : ".");
		return CLI_FATAL;
	}
	if (track_device_is(path))
		return track_device_changes(cli, path);
	if (ask(cli, "changes", path, &reply, &fd) < 0)
		return CLI_FATAL;
	if (!ask_true(reply, "tracked")) {
		if (track_btrfs_is(path))
			log_error("what changed on btrfs is asked by a backup "
				  "alone: tidemarkd has no list for %s",
				  path);
		else
			log_error("the file system of %s is not tracked: "
				  "tidemark track add %s",
				  path, path);
		return CLI_FATAL;
	}
	/* no name is found from what cannot be opened; the numbers are */
	at = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	e = dirty_read(fd, &d);
	if (e < 0)
		log_fail(e, "read what tidemarkd sent");
	if (e == 0)
		e = put_changes(at, &d);
	if (e == 0)
		put_sum(&d);
	dirty_release(&d);
	return cli_exit_of(e);
}
