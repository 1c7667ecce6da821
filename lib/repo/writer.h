/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer.h - one writing session: chunks in, packs and an index out.
 *
 * Threads work through lanes, one each: a lane gathers small chunks into a
 * frame, compresses it, decodes it again as a proof, seals it and appends it
 * to a pack. Packs are shared by lanes but held by one at a time.
 *
 * A chunk that the repository has, or that this session has added, is not
 * stored again. What a session that died has left (packs without an index)
 * is found at the start and used: data only, never trees, since nothing
 * proves that what those refer to is still there.
 *
 * Errors:  logged where detected. After an error every call returns it.
 * Threads: one per lane; writer_flush() and later calls when no lane is
 *          in use.
 * Source:  docs/design.md, "Commit"; docs/commit.pml.
 */
#ifndef REPO_WRITER_H
#define REPO_WRITER_H

#include "repo/repo.h"

struct writer;
struct lane;

struct writer_options {
	int level;    /* zstd level, or COMPRESS_OFF */
	bool dry_run; /* ids are made and looked up, nothing is stored */
	/* For prune: what comes by lane_put_*() is stored whether the head's
	 * index has it or not, nothing is adopted, writer_commit() is not
	 * for it. */
	bool repack;
};

struct writer_stats {
	uint64_t chunks_new, chunks_known;
	uint64_t bytes_new;    /* before compression */
	uint64_t bytes_stored; /* object bytes written */
};

/* The index is loaded when something is first looked up or added. */
MUST_CHECK int writer_new(struct repo *r, const struct writer_options *opt,
			  struct writer **out);
void writer_free(struct writer *w);
struct repo *writer_repo(const struct writer *w);
MUST_CHECK int lane_new(struct writer *w, struct lane **out);
/* Chunks that are gathered and not yet in a frame are dropped. */
void lane_free(struct lane *l);
/* Put what is gathered into a pack, for a lane that ends before the session. */
MUST_CHECK int lane_flush(struct lane *l);

/* The id of data (one byte or more); it is stored unless it is there. */
MUST_CHECK int lane_add(struct lane *l, enum chunk_kind kind, struct span data,
			uint8_t id[CHUNK_ID_LEN]);
/*
 * For a session that repacks. A chunk by its id, into a pack of type; or a
 * whole frame, decrypted but as it was encoded: bytes (room for a tag behind
 * them) are sealed in place. chunks[i].id, offset and len are set.
 */
MUST_CHECK int lane_put_chunk(struct lane *l, enum object_type type,
			      const uint8_t id[CHUNK_ID_LEN], struct span data);
MUST_CHECK int lane_put_frame(struct lane *l, enum object_type type,
			      struct buf *bytes,
			      const struct index_frame *frame,
			      struct index_chunk *chunks, uint32_t n);
/* Flush, and store the index of all that was put; ids gets its objects. */
MUST_CHECK int writer_store_index(struct writer *w, struct idlist *ids);

/* True if a chunk can be referred to: in the head's index, this session's
 * own, or adopted from one that died. */
bool writer_has(struct writer *w, const uint8_t id[CHUNK_ID_LEN]);

/* Close all frames and packs; everything added is durable on return. */
MUST_CHECK int writer_flush(struct writer *w);
/*
 * Store the index and the snapshot and make them the head. The snapshot's id
 * is set. If another writer was first, *lost is set when chunks that this
 * session relied on are gone: the caller must go through its sources again
 * with a new session (what was stored is found again), nothing is committed.
 */
MUST_CHECK int writer_commit(struct writer *w, struct snapshot *s, bool *lost);
void writer_get_stats(struct writer *w, struct writer_stats *st);

#endif /* REPO_WRITER_H */
