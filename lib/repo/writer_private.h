/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer_private.h - what writer.c, session.c and commit.c share.
 */
#ifndef REPO_WRITER_PRIVATE_H
#define REPO_WRITER_PRIVATE_H

#include <pthread.h>

#include "repo/chunkset.h"
#include "repo/pack.h"
#include "repo/private.h"
#include "repo/writer.h"

#define FINISH_QUEUE_MAX 3

enum pack_kind { PACK_KIND_DATA, PACK_KIND_TREE, PACK_KINDS };

struct open_pack {
	enum pack_kind kind;
	struct pack_writer *pw;
	uint32_t pos; /* in the session's packs */
	struct open_pack *next;
};

struct session_pack {
	struct index_pack pack; /* valid when done */
	bool done;		/* durable */
};

struct writer {
	struct repo *repo;
	struct writer_options opt;
	struct store_lease *lease;
	uint64_t base_losses; /* repo->losses when it began */
	/* Heads up to this one doom nothing of this session's. */
	uint64_t seen_head;
	bool relying; /* counted in repo->relying */
	pthread_mutex_t ready_lock;
	bool ready; /* atomic: the index is there; see writer_ready() */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* all below: guarded by lock */
	int error;
	struct chunkset set;
	struct index_frame *frames;
	uint32_t n_frames, cap_frames;
	struct session_pack *packs;
	uint32_t n_packs, cap_packs;
	struct open_pack *idle[PACK_KINDS];
	struct open_pack *finish_queue;
	unsigned int finishing; /* queued or being finished */
	struct lane *lanes;
	struct writer_stats stats;
	struct idlist added;   /* packs stored */
	struct idlist indexes; /* index objects stored */
	struct index spilled;  /* their tables */
	struct index adopted;  /* tables of a dead session's packs */
	bool adopted_used;
	bool closing;

	pthread_t finisher;
	bool finisher_runs;
};

void *writer_finisher(void *arg);

/* session.c; lock: held */
MUST_CHECK int session_add_frame(struct writer *w, uint32_t *ordinal);
MUST_CHECK int session_add_pack(struct writer *w, uint32_t *pos);

/* Enough chunks lie in durable packs to be worth an index object. */
bool writer_should_spill(struct writer *w);
/* Store an index of the chunks in durable packs and forget them; with all,
 * every pack must be durable. */
MUST_CHECK int writer_spill(struct writer *w, bool all);

/* Have the index, and what a dead session left: before the first lookup. A
 * session that adds nothing never needs them. */
MUST_CHECK int writer_ready(struct writer *w);

/* adopt.c: find what a session that died has left. */
MUST_CHECK int writer_adopt(struct writer *w);

#endif /* REPO_WRITER_PRIVATE_H */
