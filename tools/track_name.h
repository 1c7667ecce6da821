/* SPDX-License-Identifier: Apache-2.0 */
/*
 * track_name.h - the name of an inode, if the kernel knows one.
 *
 * A file is opened by a handle made of its number and generation, which ext4
 * and xfs take, and the kernel is asked for its path. It knows that of every
 * directory, and of a file that was looked up not long ago. Needs
 * CAP_DAC_READ_SEARCH.
 *
 * Errors:  none: what is not found is not there.
 * Memory:  path is malloc'd, the caller's.
 * Source:  open_by_handle_at(2); linux/exportfs.h, enum fid_type.
 */
#ifndef TOOLS_TRACK_NAME_H
#define TOOLS_TRACK_NAME_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct track_name {
	char *path;    /* NULL: not known */
	bool is_there; /* it was opened: what follows is known */
	bool is_gone;  /* there is no such inode any more, or no name of it */
	bool is_file;  /* a regular one, size is its length */
	bool is_dir;
	bool has_more; /* names than this one */
	uint64_t size;
	struct timespec changed; /* ctime */
};

/* at: anything open on that file system. */
void track_name_find(int at, uint64_t ino, uint32_t generation,
		     struct track_name *out);

#endif /* TOOLS_TRACK_NAME_H */
