/* SPDX-License-Identifier: Apache-2.0 */
/*
 * track_device.c - the verbs track, status and changes, for block devices.
 */
#include "tools/track_device.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/log.h"
#include "tools/ask.h"
#include "tools/output.h"
#include "track/blocks.h"

#define RANGES_TEXT 4
#define RANGES_JSON 10000

bool track_device_is(const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0)
		return S_ISBLK(st.st_mode);
	return !strncmp(path, "/dev/", 5);
}

int track_device_change(const struct cli *cli, const char *path, bool add)
{
	CLEANUP_JSON struct json *reply = NULL;
	CLEANUP_ASK struct ask a;
	CLEANUP_CLOSE int fd = -1;
	struct output_line line;

	ask_begin(&a, add ? "device-add" : "device-remove");
	json_str(&a.json, "path", path);
	if (ask_send(&a, cli, &reply, &fd) < 0)
		return CLI_FATAL;
	if (output_is_json()) {
		output_begin(&line, add ? "track_added" : "track_removed");
		json_str(&line.json, "path", ask_text(reply, "path"));
		output_end(&line);
	} else if (add) {
		output_note("tracking %s; the next backup --device reads all "
			    "of it once more\n",
			    ask_text(reply, "path"));
	} else {
		output_note("no longer tracking %s\n", ask_text(reply, "path"));
	}
	return CLI_OK;
}

/* --- status --- */

static const char *const numbers[] = { "major",	 "minor",	 "size",
				       "epoch",	 "backups",	 "marks",
				       "resets", "range_entries" };

static void put_json(const struct json *v)
{
	struct output_line line;
	size_t i;

	output_begin(&line, "device");
	json_str(&line.json, "path", ask_text(v, "path"));
	json_str(&line.json, "disk", ask_text(v, "disk"));
	json_bool(&line.json, "trusted", ask_true(v, "trusted"));
	json_str(&line.json, "why", ask_str(v, "why"));
	json_str(&line.json, "last_reset", ask_str(v, "last_reset"));
	for (i = 0; i < ARRAY_LEN(numbers); i++)
		json_u64(&line.json, numbers[i], ask_u64(v, numbers[i]));
	output_end(&line);
}

static void put_text(const struct json *v)
{
	char size[16], backups[48], marks[48];

	output_text("%s (block device, %s)\n", ask_text(v, "path"),
		    output_size(size, ask_u64(v, "size")));
	if (ask_true(v, "trusted"))
		output_text("  trusted: a backup reads only what was "
			    "written\n");
	else
		output_text("  the next backup reads all of it: %s\n",
			    ask_text(v, "why"));
	output_text("  epoch %llu, kept for %s, %s counted\n",
		    (unsigned long long)ask_u64(v, "epoch"),
		    output_count(backups, ask_u64(v, "backups"), "backup",
				 "backups"),
		    output_count(marks, ask_u64(v, "marks"), "write",
				 "writes"));
	if (ask_u64(v, "resets"))
		output_text("  trust was lost %llu times, the last time "
			    "because %s\n",
			    (unsigned long long)ask_u64(v, "resets"),
			    ask_text(v, "last_reset"));
}

int track_device_status(const struct cli *cli, bool only_list, size_t *n)
{
	CLEANUP_JSON struct json *reply = NULL;
	CLEANUP_ASK struct ask a;
	CLEANUP_CLOSE int fd = -1;
	const struct json *v;
	int e;

	*n = 0;
	ask_begin(&a, "device-status");
	e = ask_send(&a, cli, &reply, &fd);
	if (e < 0)
		return e;
	for (v = json_first(json_get(reply, "devices")); v; v = json_next(v)) {
		(*n)++;
		if (output_is_json())
			put_json(v);
		else if (only_list)
			output_text("%s\n", ask_text(v, "path"));
		else
			put_text(v);
	}
	return 0;
}

/* --- changes --- */

static void put_extents(const char *path, const struct dirty_extent *x,
			size_t n, bool lost)
{
	struct output_line line;
	char size[16];
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < n; i++)
		sum += x[i].to - x[i].from;
	if (output_is_json()) {
		output_begin(&line, "changed_device");
		json_name(&line.json, "path", SPAN(path, strlen(path)));
		json_u64(&line.json, "bytes", sum);
		json_bool(&line.json, "lost", lost);
		json_u64(&line.json, "ranges_count", n);
		json_array(&line.json, "ranges");
		for (i = 0; i < n && i < RANGES_JSON; i++) {
			json_object(&line.json, NULL);
			json_u64(&line.json, "from", x[i].from);
			json_u64(&line.json, "to", x[i].to);
			json_close(&line.json);
		}
		json_close(&line.json);
		output_end(&line);
		return;
	}
	output_text("%s  %s written", path, output_size(size, sum));
	for (i = 0; i < n && i < RANGES_TEXT; i++)
		output_text("%s%llu-%llu", i ? ", " : "  ",
			    (unsigned long long)x[i].from,
			    (unsigned long long)x[i].to);
	if (n > RANGES_TEXT)
		output_text(" and %zu more", n - RANGES_TEXT);
	output_text("\n");
	if (lost)
		log_warn("not all writes to %s were recorded: the next backup "
			 "reads all of it",
			 path);
}

static int put_changes(const char *path, const struct disk *disk, int fd)
{
	struct dirty d = { 0 };
	struct dirty_extent *x = NULL;
	const struct dirty_inode *in;
	size_t n = 0;
	int e = dirty_read(fd, &d);

	if (e < 0)
		return log_fail(e, "read what tidemarkd sent");
	in = dirty_find(&d, BLOCKS_INO);
	if (in)
		e = dirty_extents(&d, in, disk->size, disk->size, &x, &n);
	if (e == 0)
		put_extents(path, x, n, d.lost);
	free(x);
	dirty_release(&d);
	return e;
}

int track_device_changes(const struct cli *cli, const char *path)
{
	CLEANUP_JSON struct json *reply = NULL;
	CLEANUP_ASK struct ask a;
	CLEANUP_CLOSE int fd = -1;
	struct disk disk;
	int e = disk_of(path, &disk);

	if (e < 0) {
		log_fail(e, "find %s", path);
		return CLI_FATAL;
	}
	ask_begin(&a, "device-changes");
	json_u64(&a.json, "major", major(disk.dev));
	json_u64(&a.json, "minor", minor(disk.dev));
	if (cli_flag(cli, "kept"))
		json_bool(&a.json, "kept", true);
	if (ask_send(&a, cli, &reply, &fd) < 0)
		return CLI_FATAL;
	if (!ask_true(reply, "tracked")) {
		log_error("%s is not tracked: tidemark track add %s", path,
			  path);
		return CLI_FATAL;
	}
	return cli_exit_of(put_changes(path, &disk, fd));
}
