/* SPDX-License-Identifier: Apache-2.0 */
/*
 * head.h - the repository's present state, and snapshots.
 *
 * Heads are a chain: head N names the snapshots and index objects that are
 * live, and carries the hash of head N-1. Its name is its counter, and the
 * store creates names only once, so storing head N+1 is the one commit of
 * the repository: of two writers, one gets -EEXIST, looks at what the other
 * did, and tries again. `doomed` lists objects (packs, indexes, snapshots)
 * that prune has condemned: they may vanish at any time and nobody may refer
 * to them again. Prune removes nothing that is not on a stored head's list.
 *
 * Errors:  -EUCLEAN, -EBADMSG, -EPROTONOSUPPORT as seal.h. Not logged.
 * Memory:  structs own their arrays and strings; X_release() frees them.
 * Source:  docs/repository-format.md, "Heads", "Snapshots".
 */
#ifndef REPO_HEAD_H
#define REPO_HEAD_H

#include "base/buf.h"
#include "repo/seal.h"

/* A growing array of 32-byte ids. */
struct idlist {
	uint8_t (*ids)[OBJECT_ID_LEN];
	uint32_t count, cap;
};

void idlist_release(struct idlist *l);
MUST_CHECK int idlist_add(struct idlist *l, const uint8_t id[OBJECT_ID_LEN]);
MUST_CHECK int idlist_copy(struct idlist *to, const struct idlist *from);
bool idlist_has(const struct idlist *l, const uint8_t id[OBJECT_ID_LEN]);
/* Remove id if it is there, keeping the order of the others. */
void idlist_remove(struct idlist *l, const uint8_t id[OBJECT_ID_LEN]);

struct head {
	uint64_t counter;	     /* from 1 */
	uint8_t prev[OBJECT_ID_LEN]; /* SHA-256 of head counter-1, or zeros */
	uint64_t time_ns;	     /* the writer's clock, for display */
	struct idlist snapshots, indexes, doomed;
	uint8_t hash[OBJECT_ID_LEN]; /* SHA-256 of this head's object */
};

#define HEAD_NAME_LEN 16
/* The object name of a head: its counter in hex. */
void head_name(uint64_t counter, char name[static HEAD_NAME_LEN + 1]);

MUST_CHECK int head_encode(const struct keyring *ring, struct head *h,
			   struct buf *out);
MUST_CHECK int head_decode(const struct keyring *ring, struct span object,
			   uint64_t counter, struct head *h);
MUST_CHECK int head_copy(struct head *to, const struct head *from);
void head_release(struct head *h);

struct snapshot_stats {
	uint64_t files, dirs, others; /* in the snapshot */
	uint64_t bytes;		      /* content, holes not counted */
	uint64_t files_new, files_changed, files_unchanged;
	uint64_t bytes_read;   /* read from the source */
	uint64_t bytes_stored; /* added to the repository */
	uint64_t duration_ns;
	uint64_t errors; /* sources that could not be read cleanly */
};

struct snapshot {
	uint8_t id[OBJECT_ID_LEN]; /* of the object; not stored in it */
	uint64_t time_ns;
	char *host, *user, *program; /* program: "tidemark 0.1.0" */
	char **paths;		     /* absolute; bytes, not always UTF-8 */
	char **tags;
	uint32_t n_paths, n_tags;
	uint8_t tree[CHUNK_ID_LEN];
	bool has_parent;
	uint8_t parent[OBJECT_ID_LEN];
	bool partial;	 /* some sources could not be read */
	bool consistent; /* all of one instant */
	struct snapshot_stats stats;
};

/* added: packs that this snapshot brought; in clear, for the vault. */
MUST_CHECK int snapshot_encode(const struct keyring *ring,
			       const struct snapshot *s,
			       const struct idlist *added, struct buf *out);
/* Sets s->id from the bytes. */
MUST_CHECK int snapshot_decode(const struct keyring *ring, struct span object,
			       struct snapshot *s);
void snapshot_release(struct snapshot *s);

#endif /* REPO_HEAD_H */
