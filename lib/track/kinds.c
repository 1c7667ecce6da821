/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kinds.c - why file systems of some kinds are scanned, in words.
 */
#include "track/kinds.h"

#include <stdbool.h>
#include <string.h>
#include <sys/vfs.h>

#define NETWORK                                                                \
	"other machines change a network file system unseen: it is scanned"
#define MEMORY "files in memory leave no marks when they change: it is scanned"

static const struct {
	const char *type; /* with a dot at its end: and all that begin so */
	unsigned int magic;
	const char *why;
} kinds[] = {
	{ "btrfs", 0x9123683e,
	  "btrfs records its changes itself: backups by root ask it, and "
	  "nothing has to be added" },
	{ "tmpfs", 0x01021994, MEMORY },
	{ "ramfs", 0x858458f6, MEMORY },
	{ "overlay", 0x794c7630,
	  "what changes in an overlay changes in its upper directory, whose "
	  "file system can be tracked: the overlay itself is scanned" },
	{ "nfs", 0x6969, NETWORK },
	{ "nfs4", 0x6969, NETWORK },
	{ "cifs", 0xff534d42, NETWORK },
	{ "smb3", 0xfe534d42, NETWORK },
	{ "ceph", 0x00c36400, NETWORK },
	{ "9p", 0x01021997, NETWORK },
	{ "afs", 0x5346414f, NETWORK },
	{ "gfs2", 0x01161970, NETWORK },
	{ "ocfs2", 0x7461636f, NETWORK },
	{ "lustre", 0x0bd00bd0, NETWORK },
	{ "fuse", 0x65735546,
	  "what changes behind a FUSE file system is not seen: it is scanned" },
	{ "fuseblk", 0x65735546,
	  "what changes behind a FUSE file system is not seen: it is scanned" },
	{ "fuse.", 0x65735546,
	  "what changes behind a FUSE file system is not seen: it is scanned" },
};

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static bool is_kind(const char *type, const char *kind)
{
	size_t n = strlen(kind);

	return kind[n - 1] == '.' ? !strncmp(type, kind, n)
				  : !strcmp(type, kind);
}

const char *kind_why_not(const char *type)
{
	size_t i;

	for (i = 0; i < N_KINDS; i++)
		if (is_kind(type, kinds[i].type))
			return kinds[i].why;
	return NULL;
}

const char *kind_why_scanned(const char *path)
{
	struct statfs fs;
	size_t i;

	if (statfs(path, &fs) < 0)
		return "its file system cannot be asked for its kind";
	for (i = 0; i < N_KINDS; i++)
		if (kinds[i].magic == (unsigned int)fs.f_type)
			return kinds[i].why;
	return "its file system is not tracked (tidemark track add)";
}
