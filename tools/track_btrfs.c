/* SPDX-License-Identifier: Apache-2.0 */
/*
 * track_btrfs.c - the verbs track and status, for btrfs.
 */
#include "tools/track_btrfs.h"

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>

#include "base/log.h"
#include "tools/cli.h"
#include "tools/output.h"
#include "track/btrfs.h"

#define BY "btrfs generations"

bool track_btrfs_is(const char *path)
{
	CLEANUP_CLOSE int fd = open(path, O_PATH | O_CLOEXEC);

	return fd >= 0 && btrfs_is(fd);
}

int track_btrfs_add(const char *path)
{
	CLEANUP_FREE char *shown = output_name(SPAN(path, strlen(path)));
	struct output_line line;

	if (output_is_json()) {
		output_begin(&line, "track_added");
		json_name(&line.json, "path", SPAN(path, strlen(path)));
		json_str(&line.json, "by", BY);
		output_end(&line);
	} else {
		output_note("%s is on btrfs, which records its changes "
			    "itself: backups by root ask it, and nothing has "
			    "to be added\n",
			    shown ?: "?");
	}
	return CLI_OK;
}

static void put(const char *path, bool only_list)
{
	CLEANUP_FREE char *shown = output_name(SPAN(path, strlen(path)));
	struct output_line line;

	if (output_is_json()) {
		output_begin(&line, "file_system");
		json_name(&line.json, "path", SPAN(path, strlen(path)));
		json_str(&line.json, "type", "btrfs");
		json_str(&line.json, "by", BY);
		output_end(&line);
	} else if (only_list) {
		output_text("%s (btrfs, asked itself)\n", shown ?: "?");
	} else {
		output_text("%s (btrfs)\n"
			    "  records its changes itself: backups by root "
			    "ask it\n",
			    shown ?: "?");
	}
}

int track_btrfs_status(bool only_list, size_t *n)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct mntent *m;

	*n = 0;
	if (!f)
		return log_fail(-errno, "read /proc/self/mounts");
	while ((m = getmntent(f))) {
		if (strcmp(m->mnt_type, "btrfs") != 0)
			continue;
		put(m->mnt_dir, only_list);
		++*n;
	}
	endmntent(f);
	return 0;
}
