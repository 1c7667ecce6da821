/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kept.h - marks of closed epochs, kept until nobody needs them.
 *
 * Of one tracked thing: the numbers of its epochs, the files with marks, and
 * which backups asked when. Who has the marks in the kernel closes an epoch
 * in this order:
 *
 *   turn, wait | kept_take(): marks to a file | forget them in the kernel |
 *   kept_save()
 *
 * Killed before the file: the marks are in the kernel's idle set, and are
 * taken at the next start. Before the kernel forgets: they are in both.
 * Before kept_save(): the epoch's number is used once more, by nobody who
 * knows of the first.
 *
 * Errors:  negative errno, logged.
 * Threads: one at a time for one kept.
 */
#ifndef DAEMON_KEPT_H
#define DAEMON_KEPT_H

#include "daemon/epochs.h"
#include "daemon/state.h"

#define KEPT_CONSUMERS_MAX 64

struct kept {
	uint8_t instance[16]; /* of the programs */
	uint8_t id[EPOCHS_ID_LEN];
	char *dir;
	uint64_t epoch; /* the open one */
	uint64_t floor; /* marks of it and before are not kept any more */
	struct state_chunk *chunks; /* ascending */
	size_t n_chunks;
	uint64_t next_number;
	struct state_consumer consumers[KEPT_CONSUMERS_MAX];
	size_t n_consumers;
	/* What is tracked, as state.h keeps it. */
	char *path;
	dev_t dev;
	uint64_t identity;
};

/* Begin anew, with a new id and a directory in base. */
MUST_CHECK int kept_new(struct kept *k, const char *base);
/* What the directory base/name has. -ESTALE, -EUCLEAN (not logged): it does
 * not serve. */
MUST_CHECK int kept_load(struct kept *k, const char *base, const char *name);
MUST_CHECK int kept_save(const struct kept *k);
void kept_release(struct kept *k);

/* d, sorted, becomes a file of the open epoch. */
MUST_CHECK int kept_take(struct kept *k, const struct dirty *d);
/* The open epoch is closed, and since says what the consumer has: fills the
 * answer. last_why: why trust was lost the last time, or NULL. */
MUST_CHECK int kept_answer(struct kept *k, const struct epochs_token *since,
			   const char *consumer, const char *last_why,
			   struct epochs_answer *out);
/* Add the marks of closed epochs, or with all the ones that any consumer
 * needs, to d. */
MUST_CHECK int kept_peek(const struct kept *k, bool all, struct dirty *d);

#endif /* DAEMON_KEPT_H */
