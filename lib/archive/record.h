/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.h - a directory's record in the catalog.
 *
 * record := tree-id[32] birth-seconds:u64 birth-nanoseconds:u64
 *           files:u64 dirs:u64 others:u64 bytes:u64
 *           { length:u32 part }*
 *
 * The numbers are of everything below the directory; the parts are its
 * tree's leaves (repo/tree.h). Birth tells a directory from one that was
 * deleted and whose inode number it has.
 *
 * Errors:  a record that ends early or cannot be decoded sets `damaged`.
 * Memory:  everything borrows from the record.
 * Threads: none shared.
 */
#ifndef ARCHIVE_RECORD_H
#define ARCHIVE_RECORD_H

#include "repo/tree.h"

struct totals {
	uint64_t files, dirs, others;
	uint64_t bytes; /* content of the files */
};

struct record_head {
	struct node_time birth;
	struct totals below;
};

#define RECORD_HEAD_LEN 48

/* Of parts of tree_builder's record, in front of them. */
void record_head_encode(const struct record_head *h,
			uint8_t out[RECORD_HEAD_LEN]);
/* False: too short. */
bool record_head_decode(struct span record, struct record_head *out);

/* Walks the entries in the order of their names. */
struct record_iter {
	struct reader parts;
	struct tree_part part;
	bool in_part, has, damaged;
	struct node node; /* while has */
	struct span raw;
};

/* A record of length 0 has no entries. */
void record_open(struct record_iter *it, struct span record);
void record_next(struct record_iter *it);

#endif /* ARCHIVE_RECORD_H */
