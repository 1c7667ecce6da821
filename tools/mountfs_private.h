/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mountfs_private.h - what an mnode is, for mountfs.c and mountlist.c.
 */
#ifndef TOOLS_MOUNTFS_PRIVATE_H
#define TOOLS_MOUNTFS_PRIVATE_H

#include "tools/mountfs.h"
#include "tools/mountlinks.h"

#define READERS_KEPT 16
#define SNAP_NAME_MAX 48

enum mkind {
	M_ROOT,
	M_SNAPSHOTS, /* /snapshots */
	M_IDS,	     /* /ids */
	M_LINK,	     /* a symlink to the snapshot's directory */
	M_SNAPSHOT,  /* a snapshot's root */
	M_NODE,	     /* what a snapshot holds */
};

struct mnode {
	struct mnode *next; /* in its slot */
	struct mnode *parent;
	uint64_t ino;
	uint64_t lookups; /* of the kernel */
	uint32_t refs;	  /* children in memory */
	uint32_t snap;
	uint8_t kind, type;
	bool has_xattrs;
	uint8_t name_len;
	uint8_t data[]; /* a directory's tree id, then the name */
};

struct msnap {
	struct snapshot s;
	char name[SNAP_NAME_MAX];
	struct mountlinks *links; /* NULL: not yet counted */
};

struct mountfs {
	struct repo *repo;
	struct chunkcache *chunks;
	struct msnap *snaps;
	uint32_t n_snaps;
	struct mnode *root;
	struct stat stat; /* of what is not in a snapshot */
	pthread_mutex_t lock;
	/* guarded by lock */
	struct mnode **slots;
	size_t count, mask;
	struct repo_reader *readers[READERS_KEPT];
	unsigned int n_readers;
	pthread_mutex_t links_lock; /* guards snaps[].links */
};

/* What an mnode is made of. */
struct spec {
	enum mkind kind;
	uint32_t snap;
	uint64_t ino;
	struct span name;
	const struct node *node; /* M_NODE */
	const uint8_t *tree;	 /* directories of a snapshot */
};

/* Does it stand for a directory of a snapshot, with a tree? */
static inline bool has_tree(const struct mnode *m)
{
	return m->type == NODE_DIR &&
	       (m->kind == M_NODE || m->kind == M_SNAPSHOT);
}

/* What name is in a directory that no snapshot has. -ENOENT. */
MUST_CHECK int spec_made(struct mountfs *fs, const struct mnode *dir,
			 struct span name, struct spec *spec);
/* What an entry of a snapshot's directory is. */
void spec_node(const struct mnode *dir, const struct node *n,
	       struct spec *spec);
/* The mnode of spec in dir, counted once more. Files with several names
 * have one mnode, by the name that was met first. */
MUST_CHECK int mnode_get(struct mountfs *fs, struct mnode *dir,
			 const struct spec *spec, struct mnode **out);
void stat_node(struct mountfs *fs, uint32_t snap, uint64_t ino,
	       const struct node *n, struct stat *st);
void stat_made(const struct mountfs *fs, const struct mnode *m,
	       struct stat *st);
/* The name of a snapshot in /ids. */
void snap_id(const struct mountfs *fs, uint32_t i, char out[static 9]);

#endif /* TOOLS_MOUNTFS_PRIVATE_H */
