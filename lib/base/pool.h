/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.h - threads that run jobs, newest first.
 *
 * Newest first walks a tree depth first, so the number of waiting jobs
 * follows the tree's depth and fan-out, not its size. A job may push others.
 *
 * Memory:  the pool never frees a job; run() may free its own.
 * Threads: pool_push() from anywhere; pool_wait() from outside the pool.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include "base/macros.h"

struct pool;

struct pool_job {
	struct pool_job *next;
	/* worker: the number of the thread that runs it, from 0 */
	void (*run)(struct pool_job *job, unsigned int worker);
};

MUST_CHECK int pool_new(unsigned int threads, struct pool **out);
void pool_push(struct pool *p, struct pool_job *job);
/* Return when every job that was pushed has run. */
void pool_wait(struct pool *p);
/* Waits first. NULL is allowed. */
void pool_free(struct pool *p);
/* The number of processors this process may use. */
unsigned int pool_cpus(void);

#endif /* BASE_POOL_H */
