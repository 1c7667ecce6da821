/* SPDX-License-Identifier: Apache-2.0 */
/*
 * repo.h - an opened repository: keys, present head, index, chunks.
 *
 * Reading needs no lock: every object is immutable. A pack or an index that
 * prune has removed meanwhile shows as -ENOENT, and repo_refresh() then
 * shows the newer state; repo_reader does so by itself, once per chunk.
 *
 * Local state, under CACHE/REPO-ID/ (mode 0700), can be thrown away at any
 * time: decoded index tables, each with a MAC; the newest head ever seen,
 * against rollback; the catalog (catalog.h).
 *
 * Errors:  logged where detected, with the object's name, but for the
 *          answers named here. -ENOENT from repo_open(): no repository.
 *          -EKEYREJECTED: no slot opens with this passphrase.
 * Memory:  struct repo is opaque.
 * Threads: one repo may be used from many threads; a repo_reader and
 *          repo_refresh() belong to one at a time.
 */
#ifndef REPO_REPO_H
#define REPO_REPO_H

#include "base/buf.h"
#include "repo/head.h"
#include "repo/index.h"
#include "repo/keys.h"
#include "store/store.h"

struct repo;

/* Make a repository in an empty store: config, one key slot, head 1. */
MUST_CHECK int repo_init(struct store *s, struct span pass,
			 struct kdf_choice kdf, const char *label);

/* What can be told without a passphrase. -ENOENT, -ENOMSG (not ours). */
MUST_CHECK int repo_probe(struct store *s, struct config *c,
			  struct buf *config_bytes);

/* The object name of the newest head, which needs no passphrase. -ENOENT. */
MUST_CHECK int repo_newest_head(struct store *s,
				char name[static HEAD_NAME_LEN + 1]);

struct repo_options {
	/* The config's bytes, if repo_probe() has just read them: a request
	 * less. Borrowed for the call. */
	struct span config;
	const char *cache_dir; /* NULL: no local state is read or written */
	/* Accept a head older than the one seen before (a repository that was
	 * put back from a copy on purpose). */
	bool accept_rollback;
	/* -ESTALE (logged) if the newest head is an older one than this, which
	 * was seen elsewhere; 0: nothing is known */
	uint64_t expect_head;
};

/* Borrows s, which must live longer. */
MUST_CHECK int repo_open(struct store *s, struct span pass,
			 const struct repo_options *opt, struct repo **out);
/* NULL is allowed. */
void repo_free(struct repo *r);

struct store *repo_store(const struct repo *r);
const struct config *repo_config(const struct repo *r);
const struct keyring *repo_keyring(const struct repo *r);
/* CACHE/REPO-ID, or NULL. */
const char *repo_state_dir(const struct repo *r);
/* Where the state of a repository lies, before it is opened. The caller
 * frees *out. */
MUST_CHECK int repo_state_path(const char *cache_dir, const struct config *c,
			       char **out);
/* The head that this repo stands on; changes with repo_refresh() and
 * repo_commit(). */
const struct head *repo_head(const struct repo *r);
/* All tables of the head, loaded at the first call. */
MUST_CHECK int repo_index(struct repo *r, const struct index **out);

/* Look at the store for a newer head. 1 if there was one, else 0. */
MUST_CHECK int repo_refresh(struct repo *r);
/* Make next the head: a changed head_copy() of the present one, whose
 * counter, prev and time are set here. -EEXIST (not logged): another writer
 * was first; refresh, look, try again. */
MUST_CHECK int repo_commit(struct repo *r, struct head *next);

/* The id keys, prepared; one per thread. */
struct chunk_ids {
	struct hmac *mac[CHUNK_KINDS];
};
MUST_CHECK int chunk_ids_init(struct chunk_ids *ids, const struct repo *r);
void chunk_ids_release(struct chunk_ids *ids);
/* HMAC of data under the id key of kind. */
void chunk_ids_of(struct chunk_ids *ids, enum chunk_kind kind, struct span data,
		  uint8_t id[CHUNK_ID_LEN]);
/* Look id up in the head's index (from any thread). */
bool repo_find(struct repo *r, const uint8_t id[CHUNK_ID_LEN],
	       struct chunk_loc *loc);

/* Load and decode one object of the head. */
MUST_CHECK int repo_load_snapshot(struct repo *r,
				  const uint8_t id[OBJECT_ID_LEN],
				  struct snapshot *s);
MUST_CHECK int repo_load_head(struct repo *r, uint64_t counter, struct head *h);
/* Check and store a new index object; next's list gets its id. */
MUST_CHECK int repo_store_table(struct repo *r, struct span table,
				uint8_t id[OBJECT_ID_LEN]);
/* Fetch, check and map one index object (from the cache if it is there). */
MUST_CHECK int repo_load_table(struct repo *r, const uint8_t id[OBJECT_ID_LEN],
			       struct table *t);
/* Fetch and check one index object as it is stored, whatever the cache
 * holds. Errors are not logged. */
MUST_CHECK int repo_verify_table(struct repo *r,
				 const uint8_t id[OBJECT_ID_LEN]);

/* --- reading chunks --- */

/*
 * Decoded frames are kept (FRAME_CACHE_BYTES in all) and shared by all
 * readers of a repo. A borrowed chunk stays valid until it is given back.
 */
struct repo_reader;
struct chunk_ref {
	struct span data;
	struct cached_frame *frame;
};

MUST_CHECK int repo_reader_new(struct repo *r, struct repo_reader **out);
void repo_reader_free(struct repo_reader *rr);
/* The chunk, decrypted, decoded and proved to be the one that id names.
 * -ENOENT (logged, with the id): the index has no such chunk. */
MUST_CHECK int repo_chunk_get(struct repo_reader *rr, enum chunk_kind kind,
			      const uint8_t id[CHUNK_ID_LEN],
			      struct chunk_ref *out);
void repo_chunk_put(struct repo_reader *rr, struct chunk_ref *ref);
/* The same for who has looked the chunk up in tables of its own. Never
 * refreshes: -ENOENT, not logged, if the pack is gone. */
MUST_CHECK int repo_chunk_get_at(struct repo_reader *rr, enum chunk_kind kind,
				 const struct chunk_loc *loc,
				 struct chunk_ref *out);
/* Forget the decoded frames that nobody holds. */
void repo_frames_drop(struct repo *r);
/* Read, decrypt and decode one frame into out (replaced). */
MUST_CHECK int repo_frame_read(struct repo_reader *rr,
			       const struct index_pack *pack,
			       const struct index_frame *frame,
			       struct buf *out);
/* In two steps: the bytes as stored, and what is in them (sealed is
 * decrypted in place). sealed must allow FRAME_SEALED_MAX. */
MUST_CHECK int repo_frame_sealed(struct repo_reader *rr,
				 const struct index_pack *pack,
				 const struct index_frame *frame,
				 struct buf *sealed);
MUST_CHECK int repo_frame_open(struct repo_reader *rr,
			       const struct index_pack *pack,
			       const struct index_frame *frame,
			       struct buf *sealed, struct buf *out);

/* Key slots. */
typedef int repo_slot_fn(void *arg, const char *name,
			 const struct key_slot *slot, bool current);
MUST_CHECK int repo_slots(struct repo *r, repo_slot_fn *fn, void *arg);
/* A slot for another passphrase. name gets the slot's object name. */
MUST_CHECK int repo_slot_add(struct repo *r, struct span pass,
			     struct kdf_choice kdf, const char *label,
			     char name[static STORE_NAME_MAX + 1]);
/* -ENOENT; -EBUSY: it is the last one, or the one in use. */
MUST_CHECK int repo_slot_remove(struct repo *r, const char *name, bool force);
/* The slot that opened this repository. */
const char *repo_slot_current(const struct repo *r);
/* Start a new master key, wrapped for pass alone: every other slot is
 * removed. What is written from now on is sealed under the new key. */
MUST_CHECK int repo_rekey(struct repo *r, struct span pass,
			  struct kdf_choice kdf, const char *label);

#endif /* REPO_REPO_H */
