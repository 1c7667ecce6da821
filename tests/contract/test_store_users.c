/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_store_users.c - several users of one store, of every kind: threads,
 * and processes with their leases.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/contract/store_fixture.h"

/* --- threads ------------------------------------------------------------ */

#define THREADS 6
#define OBJECTS 40

struct job {
	const struct fixture *f;
	struct store *s;
	int stored; /* puts answered with 0 */
	int wrong;
};

/* What is stored is its label. */
struct object {
	char label[8];
	char name[STORE_NAME_MAX + 1];
};

static void make_object(struct object *o, const struct job *job, int i)
{
	snprintf(o->label, sizeof(o->label), "ab%02x", i);
	fixture_name(o->name, job->f, STORE_PACK, o->label, SPAN(o->label, 5));
}

/* Everyone puts the same objects and reads them back at once. */
static void *put_all(void *arg)
{
	struct job *job = arg;
	int i;

	for (i = 0; i < OBJECTS; i++) {
		uint8_t p[8] = { 0 };
		struct object o;
		int r;

		make_object(&o, job, i);
		r = store_put(job->s, STORE_PACK, o.name, SPAN(o.label, 5));
		job->stored += r == 0;
		job->wrong += r != 0 && r != -EEXIST;
		r = store_get_range(job->s, STORE_PACK, o.name, 0, p, 5);
		job->wrong += r != 0 || memcmp(p, o.label, 5) != 0;
	}
	return NULL;
}

/* Read what another thread deletes: whole or not there. */
static void *read_all(void *arg)
{
	struct job *job = arg;
	int round, i;

	for (round = 0; round < 20; round++)
		for (i = 0; i < OBJECTS; i++) {
			uint8_t p[8] = { 0 };
			struct object o;
			int r;

			make_object(&o, job, i);
			r = store_get_range(job->s, STORE_PACK, o.name, 0, p,
					    5);
			if (r != -ENOENT)
				job->wrong += r != 0 || memcmp(p, o.label, 5);
		}
	return NULL;
}

static void *delete_all(void *arg)
{
	struct job *job = arg;
	int i;

	for (i = 0; i < OBJECTS; i++) {
		uint8_t p[8];
		struct object o;

		make_object(&o, job, i);
		job->wrong += store_delete(job->s, STORE_PACK, o.name) != 0;
		job->wrong += store_get_range(job->s, STORE_PACK, o.name, 0, p,
					      5) != -ENOENT;
	}
	return NULL;
}

static void test_threads_share_a_store(void **state)
{
	struct fixture *f = *state;
	struct job jobs[THREADS];
	pthread_t threads[THREADS];
	int i, stored = 0;

	for (i = 0; i < THREADS; i++) {
		jobs[i] = (struct job){ f, f->s, 0, 0 };
		assert_int_equal(0, pthread_create(&threads[i], NULL, put_all,
						   &jobs[i]));
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(0, jobs[i].wrong);
		stored += jobs[i].stored;
		jobs[i].wrong = 0;
	}
	assert_int_equal(OBJECTS, stored);
	assert_int_equal(OBJECTS, count_all(f->s));
	for (i = 0; i < THREADS; i++)
		assert_int_equal(0, pthread_create(&threads[i], NULL,
						   i ? read_all : delete_all,
						   &jobs[i]));
	for (i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(0, jobs[i].wrong);
	}
	assert_int_equal(0, count_all(f->s));
	assert_int_equal(0, log_lines);
}

/* --- leases ------------------------------------------------------------- */

static void test_maintenance_is_one_at_once(void **state)
{
	struct fixture *f = *state;
	struct store_lease *a, *b, *w;

	assert_int_equal(0,
			 store_lease_begin(f->s, STORE_LEASE_MAINTENANCE, &a));
	assert_int_equal(-EBUSY,
			 store_lease_begin(f->s, STORE_LEASE_MAINTENANCE, &b));
	assert_int_equal(0, store_lease_begin(f->s, STORE_LEASE_WRITER, &w));
	assert_int_equal(0, log_lines);
	store_lease_end(w);
	store_lease_end(a);
	assert_int_equal(0,
			 store_lease_begin(f->s, STORE_LEASE_MAINTENANCE, &b));
	store_lease_end(b);
	store_lease_end(NULL);
}

static void test_own_writers_are_not_counted(void **state)
{
	struct fixture *f = *state;
	struct store_lease *a, *b;

	assert_int_equal(0, store_lease_writers(f->s));
	assert_int_equal(0, store_lease_begin(f->s, STORE_LEASE_WRITER, &a));
	assert_int_equal(0, store_lease_begin(f->s, STORE_LEASE_WRITER, &b));
	assert_int_equal(0, store_lease_writers(f->s));
	store_lease_end(a);
	store_lease_end(b);
	assert_int_equal(0, store_lease_writers(f->s));
	assert_int_equal(0, count_all(f->s));
}

struct child {
	pid_t pid;
	int end; /* a byte here ends the leases */
};

/* A process that holds leases; returns when it does. It ends them by itself
 * when told so, or is killed. (Not when `end` closes: the next child has a
 * copy of it.) */
static struct child start_holder(const struct fixture *f, int writers,
				 int maintenance)
{
	struct store_lease *l[4] = { NULL };
	struct child c;
	int ready[2], end[2], i, n = 0, r = 0;
	struct store *s;
	char byte;

	assert_int_equal(0, pipe(ready));
	assert_int_equal(0, pipe(end));
	c.pid = fork();
	if (c.pid == 0) {
		close(end[1]);
		s = fixture_again(f);
		for (i = 0; i < writers && r == 0; i++)
			r = store_lease_begin(s, STORE_LEASE_WRITER, &l[n++]);
		if (maintenance && r == 0)
			r = store_lease_begin(s, STORE_LEASE_MAINTENANCE,
					      &l[n++]);
		byte = r == 0 ? 'y' : 'n';
		if (write(ready[1], &byte, 1) != 1 ||
		    read(end[0], &byte, 1) != 1)
			_exit(1);
		for (i = 0; i < n; i++)
			store_lease_end(l[i]);
		store_free(s);
		_exit(0);
	}
	assert_true(c.pid > 0);
	close(end[0]);
	close(ready[1]);
	assert_int_equal(1, read(ready[0], &byte, 1));
	assert_int_equal('y', byte);
	close(ready[0]);
	c.end = end[1];
	return c;
}

static void finish(struct child c, int sig)
{
	int status;

	if (sig)
		kill(c.pid, sig);
	else
		assert_int_equal(1, write(c.end, "e", 1));
	assert_int_equal(c.pid, waitpid(c.pid, &status, 0));
	assert_int_equal(sig, status & 0x7f);
	close(c.end);
}

static void test_other_writers_are_counted_until_they_die(void **state)
{
	struct fixture *f = *state;
	struct store_lease *own;
	struct child a, b;

	assert_int_equal(0, store_lease_begin(f->s, STORE_LEASE_WRITER, &own));
	a = start_holder(f, 2, 0);
	b = start_holder(f, 1, 0);
	assert_int_equal(3, store_lease_writers(f->s));
	finish(a, 0);
	assert_int_equal(1, store_lease_writers(f->s));
	assert_int_equal(2, fixture_entries(f, "leases"));
	finish(b, SIGKILL);
	assert_int_equal(0, store_lease_writers(f->s));
	assert_int_equal(1, fixture_entries(f, "leases"));
	store_lease_end(own);
	assert_int_equal(0, fixture_entries(f, "leases"));
}

static void test_other_writers_are_counted_until_they_end(void **state)
{
	struct fixture *f = *state;
	struct store_lease *own, *l;
	struct child a, b;

	/* before the lease: a vault's has a thread, and these fork */
	a = start_holder(f, 2, 0);
	b = start_holder(f, 1, 1);
	assert_int_equal(0, store_lease_begin(f->s, STORE_LEASE_WRITER, &own));
	assert_int_equal(3, store_lease_writers(f->s));
	assert_int_equal(-EBUSY,
			 store_lease_begin(f->s, STORE_LEASE_MAINTENANCE, &l));
	finish(a, 0);
	assert_int_equal(1, store_lease_writers(f->s));
	finish(b, 0);
	assert_int_equal(0, store_lease_writers(f->s));
	store_lease_end(own);
}

static void test_maintenance_ends_with_its_process(void **state)
{
	struct fixture *f = *state;
	struct store_lease *l;
	struct child c;

	c = start_holder(f, 0, 1);
	assert_int_equal(-EBUSY,
			 store_lease_begin(f->s, STORE_LEASE_MAINTENANCE, &l));
	assert_int_equal(0, store_lease_writers(f->s));
	finish(c, SIGKILL);
	assert_int_equal(0,
			 store_lease_begin(f->s, STORE_LEASE_MAINTENANCE, &l));
	store_lease_end(l);
	assert_int_equal(0, log_lines);
}

/* --- the table ---------------------------------------------------------- */

static const struct test_case cases[] = {
	CASE(test_threads_share_a_store, ALL_KINDS),
	CASE(test_maintenance_is_one_at_once, ALL_KINDS),
	CASE(test_own_writers_are_not_counted, ALL_KINDS),
	CASE(test_other_writers_are_counted_until_they_die, SHARED_KINDS),
	CASE(test_other_writers_are_counted_until_they_end,
	     SHARED_KINDS | KIND(VAULT_KIND)),
	CASE(test_maintenance_ends_with_its_process, SHARED_KINDS),
};

int main(void)
{
	return fixture_run("store users", cases, ARRAY_LEN(cases));
}
