/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.h - is everything there, genuine, and does it fit together?
 *
 * The structure check reads heads, key slots, snapshots, indexes and every
 * tree and content map that a snapshot reaches, each once over all
 * snapshots; of packs it looks at existence and size. With read_data whole
 * packs are read: the hash, every frame, every chunk's id.
 *
 * A problem names the object that is damaged or missing. What it does to
 * snapshots is told by a count and the first few places. What is there but
 * not needed is counted and no problem.
 *
 * Memory:  a few bits for each chunk of the index, and what one frame takes
 *          for each thread; it does not grow with the number of files.
 * Errors:  0 if the check ran to its end, whatever it found. -ENOMEM;
 *          -ECANCELED: stop() said so.
 * Threads: opt->threads of its own; the repo belongs to the check meanwhile.
 */
#ifndef REPO_CHECK_H
#define REPO_CHECK_H

#include "repo/repo.h"

enum check_object {
	CHECK_KEY,
	CHECK_HEAD,
	CHECK_SNAPSHOT,
	CHECK_INDEX,
	CHECK_PACK,
	CHECK_TREE, /* named by chunk id, as are those below */
	CHECK_MAP,
	CHECK_CHUNK,
};

/* "key", "head", "snapshot", "index", "pack", "tree", "map", "chunk". */
const char *check_object_name(enum check_object object);

#define CHECK_PLACES 5
#define CHECK_PROBLEMS_MAX 1000

/* A path below a snapshot's root, as bytes. */
struct check_place {
	uint8_t snapshot[OBJECT_ID_LEN];
	uint8_t *path;
	size_t len;
};

struct check_problem {
	enum check_object object;
	char name[STORE_NAME_MAX + 1]; /* the object's, or a chunk id in hex */
	char what[160];		       /* of the first time */
	uint64_t times;
	uint64_t affected; /* references from trees that lead to it */
	unsigned int n_places;
	struct check_place places[CHECK_PLACES];
};

/* Grows while the check runs; the plain numbers may be read meanwhile. */
struct check_report {
	struct check_problem *problems; /* at most CHECK_PROBLEMS_MAX */
	uint32_t count, cap;
	uint64_t more; /* problems beyond those */

	uint64_t keys, heads, snapshots, indexes, packs, pack_bytes;
	uint64_t trees, maps, files, chunks; /* visited; chunks: referred to */
	uint64_t packs_read, bytes_read, bytes_to_read;

	struct idlist hurt; /* snapshots that are not whole */

	/* there but not needed */
	uint64_t stray_packs, stray_bytes;   /* of sessions that died */
	uint64_t doomed_packs, doomed_bytes; /* prune has yet to delete them */
	uint64_t stray_indexes, stray_snapshots;
};

struct check_options {
	double read_data; /* percent of the packs, 0: none */
	unsigned int threads;
	bool (*stop)(void); /* polled; may be NULL */
};

/* rep starts as zeros; check_report_release() in every case. */
MUST_CHECK int check_repo(struct repo *r, const struct check_options *opt,
			  struct check_report *rep);
void check_report_release(struct check_report *rep);

#endif /* REPO_CHECK_H */
