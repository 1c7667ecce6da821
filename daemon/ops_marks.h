/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops_marks.h - the words of the control socket that file systems and block
 * devices have in common (docs/control.md).
 *
 * Errors:  negative errno, not logged; where a request is taken the reply is
 *          told, and what is returned is what the operation returns.
 * Threads: those of the server.
 */
#ifndef DAEMON_OPS_MARKS_H
#define DAEMON_OPS_MARKS_H

#include <pthread.h>

#include "daemon/epochs.h"
#include "daemon/request.h"

/* The members major and minor; -EUCLEAN: they are not there. */
MUST_CHECK int marks_dev(const struct request *q, dev_t *dev);
/* The token of a request: instance, epoch, and the id with this name. False:
 * there is none, or it is not whole. */
bool marks_token(const struct request *q, const char *id,
		 struct epochs_token *t);
/* The member "kept". */
bool marks_kept(const struct request *q);

/* What began to be answered with e: whether it is tracked and trusted, the
 * marks, and the token if id is not NULL. Releases a. */
int marks_answer(struct request *q, int e, const char *id,
		 struct epochs_answer *a);
/* The same of marks that are only looked at. Releases d. */
int marks_peeked(struct request *q, int e, struct dirty *d);

/* A whole request for what changed since the token of a consumer. */
typedef int marks_begin_fn(void *arg, dev_t dev,
			   const struct epochs_token *since,
			   const char *consumer, struct epochs_answer *out);
int marks_begin(struct request *q, const char *id, marks_begin_fn *fn,
		void *arg);

/* The file of what is tracked again after a restart. */
struct marks_list {
	const char *file;
	/* Held from before something is tracked or not until the file says
	 * so. */
	pthread_mutex_t lock;
};

/* Track path, or no longer. *listed is malloc'd: its name in the list. *why
 * (static) refuses. */
typedef int marks_change_fn(void *arg, const char *path, bool add,
			    char **listed, const char **why);
/* A whole request to track the member "path", or no longer. */
int marks_change(struct request *q, bool add, struct marks_list *list,
		 marks_change_fn *fn, void *arg);

#endif /* DAEMON_OPS_MARKS_H */
