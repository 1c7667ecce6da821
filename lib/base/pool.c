/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.c - a stack of jobs and the threads that take from it.
 */
#include "base/pool.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>

struct worker {
	struct pool *pool;
	unsigned int number;
	pthread_t thread;
};

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t work;	/* a job was pushed, or the end has come */
	pthread_cond_t idle;	/* nothing is left */
	struct pool_job *stack; /* guarded by lock */
	unsigned long open;	/* guarded by lock: pushed and not finished */
	bool closing;		/* guarded by lock */
	unsigned int n_workers;
	struct worker workers[];
};

static void *work(void *arg)
{
	struct worker *me = arg;
	struct pool *p = me->pool;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		struct pool_job *job = p->stack;

		if (!job) {
			if (p->closing)
				break;
			pthread_cond_wait(&p->work, &p->lock);
			continue;
		}
		p->stack = job->next;
		pthread_mutex_unlock(&p->lock);
		job->run(job, me->number);
		pthread_mutex_lock(&p->lock);
		if (--p->open == 0)
			pthread_cond_broadcast(&p->idle);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

int pool_new(unsigned int threads, struct pool **out)
{
	struct pool *p =
		calloc(1, sizeof(*p) + threads * sizeof(p->workers[0]));
	unsigned int i;
	int e = 0;

	if (!p)
		return -ENOMEM;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	pthread_cond_init(&p->idle, NULL);
	for (i = 0; e == 0 && i < threads; i++) {
		p->workers[i].pool = p;
		p->workers[i].number = i;
		e = -pthread_create(&p->workers[i].thread, NULL, work,
				    &p->workers[i]);
		if (e == 0)
			p->n_workers++;
	}
	if (e < 0) {
		pool_free(p);
		return e;
	}
	*out = p;
	return 0;
}

void pool_push(struct pool *p, struct pool_job *job)
{
	pthread_mutex_lock(&p->lock);
	job->next = p->stack;
	p->stack = job;
	p->open++;
	pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
}

void pool_wait(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	while (p->open > 0)
		pthread_cond_wait(&p->idle, &p->lock);
	pthread_mutex_unlock(&p->lock);
}

void pool_free(struct pool *p)
{
	unsigned int i;

	if (!p)
		return;
	pool_wait(p);
	pthread_mutex_lock(&p->lock);
	p->closing = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (i = 0; i < p->n_workers; i++)
		pthread_join(p->workers[i].thread, NULL);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->work);
	pthread_cond_destroy(&p->idle);
	free(p);
}

unsigned int pool_cpus(void)
{
	cpu_set_t set;
	long n;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		return (unsigned int)CPU_COUNT(&set);
	n = sysconf(_SC_NPROCESSORS_ONLN);
	return n > 0 ? (unsigned int)n : 1;
}
