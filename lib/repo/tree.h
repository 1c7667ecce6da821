/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree.h - directories as chunks.
 *
 * A directory is a leaf (its entries, sorted by name as bytes) or, when it
 * is big, a list of leaves. Where it is split depends on the names alone, so
 * one new file among a hundred thousand changes one leaf. An entry carries
 * all that a restore needs and what the next scan compares (inode number,
 * ctime, birth time): a tree is also the record of what was seen.
 *
 *   part   := 0 names(users) names(groups) fsid:varint count:varint entry*
 *           | 1 count:varint { first-name:bytes id[32] entries:varint }*
 *   names  := count:varint { id:varint name:bytes }*
 *   entry  := length:varint { type:u8 flags:varint name:bytes mode uid gid
 *             mtime ctime btime ino [xattrs:bytes] [iflags] [fsid] rest }
 *   time   := seconds:svarint nanoseconds:varint
 *   rest   := regular: size:varint content | directory: id[32]
 *           | symlink: target:bytes | device: major:varint minor:varint
 *   content:= depth:u8 count:varint item*
 *   item   := depth 0: 0 len | 1 len id[32] | 2 len id[32] offset
 *             (hole, whole chunk from its start, part of a chunk)
 *           | depth > 0: len id[32], a content map of depth - 1
 *
 * Errors:  -EUCLEAN structure; -EMSGSIZE a limit of format.h. Not logged.
 * Memory:  everything decoded borrows from the part's bytes.
 * Threads: none shared.
 */
#ifndef REPO_TREE_H
#define REPO_TREE_H

#include <sys/types.h>

#include "base/buf.h"
#include "repo/format.h"

enum node_type {
	NODE_FILE = 1,
	NODE_DIR = 2,
	NODE_SYMLINK = 3,
	NODE_FIFO = 4,
	NODE_SOCKET = 5,
	NODE_CHAR = 6,
	NODE_BLOCK = 7,
};

enum node_flag {
	NODE_HAS_XATTRS = 1,
	NODE_HAS_IFLAGS = 2,
	NODE_HARDLINK = 4, /* more than one name when seen */
	NODE_OTHER_FS = 8, /* its own fsid */
	/* It changed so close to its capture that its times prove nothing:
	 * the next scan reads it again. */
	NODE_RACY = 16,
	/* Its content could not be captured cleanly; what is here is named in
	 * the result of that backup. The next scan reads it again. Of a
	 * directory: its list may lack what could not be read. */
	NODE_PARTIAL = 32,
	NODE_FLAGS_ALL = 63,
};

struct node_time {
	int64_t sec;
	uint32_t nsec;
};

struct node {
	struct span name;
	uint8_t type;
	uint8_t flags;
	uint16_t mode; /* 07777 */
	uint32_t uid, gid;
	struct node_time mtime, ctime, btime;
	uint64_t ino, fsid;
	uint32_t iflags; /* FS_*_FL, as FS_IOC_GETFLAGS gives them */
	uint64_t size;	 /* regular files */
	uint32_t major, minor;
	struct span xattrs;  /* xattr.h of the archive room; opaque here */
	struct span target;  /* symlinks */
	struct span content; /* encoded, as above */
	uint8_t tree[CHUNK_ID_LEN]; /* directories */
};

/* --- writing --- */

/* Store bytes as a chunk of kind; id gets its id. */
typedef int tree_put_fn(void *arg, enum chunk_kind kind, struct span bytes,
			uint8_t id[CHUNK_ID_LEN]);
/* The name of a user (group) id, "" if it has none. Borrowed for a while. A
 * builder may do without. */
typedef const char *tree_name_fn(void *arg, bool group, uint32_t id);

struct tree_builder {
	uint64_t fsid;
	tree_put_fn *put;
	tree_name_fn *name_of;
	void *arg;
	struct buf entries; /* of the open leaf */
	struct buf part;    /* scratch */
	struct buf list;    /* of finished leaves: first name, id, entries */
	struct buf record;  /* all leaves, for the catalog (tree_record) */
	bool keep_record;
	uint32_t count, leaves;
	uint32_t uids[64], gids[64];
	unsigned int n_uids, n_gids;
	char first[NAME_BYTES_MAX];
	uint8_t first_len;
};

/* An entry as it stands in a leaf, its length in front, for
 * tree_builder_copy(). */
MUST_CHECK int tree_entry_encode(const struct node *n, struct buf *out);

void tree_builder_init(struct tree_builder *b, uint64_t fsid, tree_put_fn *put,
		       tree_name_fn *name_of, void *arg);
void tree_builder_release(struct tree_builder *b);
/* Add an entry as tree_next() or tree_entry_encode() gave it. Entries come in
 * strictly ascending order of their names. */
MUST_CHECK int tree_builder_add(struct tree_builder *b, struct span name,
				uint32_t uid, uint32_t gid, struct span raw);
MUST_CHECK int tree_builder_finish(struct tree_builder *b,
				   uint8_t id[CHUNK_ID_LEN]);

/* --- reading one part --- */

struct tree_part {
	bool split;
	uint64_t fsid;
	uint32_t count;
	struct span users, groups; /* names tables, checked */
	struct reader rest;	   /* at the first entry */
	/* iteration */
	uint32_t seen;
	struct span last_name;
};

struct tree_leaf_ref {
	struct span first;
	const uint8_t *id;
	uint64_t entries;
};

MUST_CHECK int tree_part_open(struct span bytes, struct tree_part *p);
/* 1 and the next entry, 0 at the end, or an error. raw (may be NULL) gets
 * the entry's bytes for tree_builder_copy(). */
MUST_CHECK int tree_next(struct tree_part *p, struct node *n, struct span *raw);
/* The same for the leaves of a split directory. */
MUST_CHECK int tree_next_leaf(struct tree_part *p, struct tree_leaf_ref *leaf);
/* {NULL, 0} if the part has no name for id. */
struct span tree_owner_name(const struct tree_part *p, bool group, uint32_t id);

/* --- file content --- */

enum extent_kind { EXTENT_HOLE = 0, EXTENT_CHUNK = 1, EXTENT_PART = 2 };

struct extent {
	enum extent_kind kind; /* in a map of depth > 0: CHUNK, the submap */
	uint64_t len;	       /* bytes of the file */
	const uint8_t *id;     /* not for holes */
	uint32_t offset;       /* in the chunk; 0 but for EXTENT_PART */
};

struct content_iter {
	struct reader rd;
	uint8_t depth;
	uint64_t left; /* items */
};

MUST_CHECK int content_open(struct span encoded, struct content_iter *it);
/* 1 and the next item, 0 at the end, or an error. */
MUST_CHECK int content_next(struct content_iter *it, struct extent *e);

/* Collects the extents of a file, merges neighbouring holes, and moves what
 * is long into content maps. */
struct content_builder {
	struct buf items[MAP_DEPTH_MAX + 1];
	uint64_t counts[MAP_DEPTH_MAX + 1];
	uint64_t lens[MAP_DEPTH_MAX + 1]; /* file bytes of the open items */
	uint8_t depth;			  /* levels in use */
	uint64_t hole;			  /* not yet written */
	tree_put_fn *put;
	void *arg;
};

void content_builder_init(struct content_builder *b, tree_put_fn *put,
			  void *arg);
void content_builder_release(struct content_builder *b);
MUST_CHECK int content_builder_add(struct content_builder *b,
				   const struct extent *e);
/* Append the encoded content to out. b can be used for the next file. */
MUST_CHECK int content_builder_finish(struct content_builder *b,
				      struct buf *out);

#endif /* REPO_TREE_H */
