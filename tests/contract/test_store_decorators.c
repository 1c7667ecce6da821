/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_store_decorators.c - stores that fail and stores that are slow.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "store/rate.h"
#include "tests/contract/store_fixture.h"

static struct store *faulty_mem(const char *ops, unsigned long n, int err,
				bool sticky)
{
	struct store *inner, *s;

	assert_int_equal(0, store_open_mem(&inner));
	assert_int_equal(0, store_open_fault(inner, ops, n, err, sticky, &s));
	return s;
}

static void test_fault_strikes_the_nth_call_once(void **state)
{
	struct store *s = faulty_mem("p", 2, -ENOSPC, false);

	(void)state;
	assert_int_equal(0, store_put(s, STORE_PACK, "1", HELLO));
	assert_int_equal(-ENOSPC, store_put(s, STORE_PACK, "2", HELLO));
	assert_int_equal(1, log_lines);
	assert_non_null(strstr(last_line, "packs/2"));
	assert_int_equal(-ENOENT, get_size(s, STORE_PACK, "2"));
	assert_int_equal(0, store_put(s, STORE_PACK, "2", HELLO));
	assert_int_equal(2, count_all(s));
	store_free(s);
}

static void test_fault_that_is_sticky_stays(void **state)
{
	struct store *s = faulty_mem("pd", 3, -EIO, true);
	struct store_writer *w;

	(void)state;
	assert_int_equal(0, store_put(s, STORE_PACK, "1", HELLO));
	assert_int_equal(-ENOENT, store_delete(s, STORE_PACK, "2"));
	assert_int_equal(-EIO, store_delete(s, STORE_PACK, "1"));
	assert_int_equal(-EIO, store_put(s, STORE_PACK, "3", HELLO));
	assert_int_equal(0, store_writer_open(s, STORE_PACK, &w));
	assert_int_equal(0, store_writer_append(w, HELLO));
	assert_int_equal(-EIO, store_writer_commit(w, "4"));
	assert_object(s, STORE_PACK, "1", HELLO);
	assert_int_equal(1, count_all(s));
	store_free(s);
}

/* One operation of each letter; returns the letters that gave -EIO. */
static const char *who_fails(struct store *s, char out[8])
{
	uint64_t size;
	uint8_t p[1];
	int n = 0, i = 0;

	if (store_put(s, STORE_KEY, "2", HELLO) == -EIO)
		out[n++] = 'p';
	if (get_size(s, STORE_KEY, "1") == -EIO)
		out[n++] = 'g';
	if (store_get_range(s, STORE_KEY, "1", 0, p, 1) == -EIO)
		out[n++] = 'g';
	if (store_list(s, STORE_KEY, count_one, &i) == -EIO)
		out[n++] = 'l';
	if (store_stat(s, STORE_KEY, "1", &size) == -EIO)
		out[n++] = 's';
	if (store_delete(s, STORE_KEY, "1") == -EIO)
		out[n++] = 'd';
	out[n] = '\0';
	return out;
}

static void test_fault_strikes_only_its_operations(void **state)
{
	static const struct {
		const char *ops;
		const char *fail;
	} cases[] = { { "", "" },	    { "p", "p" }, { "g", "gg" },
		      { "l", "l" },	    { "s", "s" }, { "d", "d" },
		      { "pglds", "pgglsd" } };
	char out[8];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		struct store *s = faulty_mem(cases[i].ops, 1, -EIO, true);

		(void)!store_put(s, STORE_KEY, "1", HELLO);
		assert_string_equal(cases[i].fail, who_fails(s, out));
		store_free(s);
	}
}

static void test_fault_of_nonsense_is_einval(void **state)
{
	struct fixture *f = *state;
	struct store *s;

	assert_int_equal(-EINVAL,
			 store_open_fault(f->s, "x", 1, -EIO, false, &s));
	assert_int_equal(-EINVAL,
			 store_open_fault(f->s, "p", 1, EIO, false, &s));
	assert_int_equal(-EINVAL, store_open_fault(f->s, "ppppppppp", 1, -EIO,
						   false, &s));
	assert_int_equal(0, store_put(f->s, STORE_KEY, "1", HELLO));
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Lower bounds only: a busy machine may be slower, never faster. */
static void test_limit_keeps_to_its_rate(void **state)
{
	const size_t len = 1u << 20;
	CLEANUP_FREE uint8_t *p = pattern(len);
	struct store *inner, *s;
	double t;

	(void)state;
	assert_int_equal(0, store_open_mem(&inner));
	assert_int_equal(0, store_open_limit(inner, 2u << 20, &s));
	t = seconds();
	/* 0.5 s of bytes, of which 0.25 s may go at once */
	assert_int_equal(0, store_put(s, STORE_PACK, "1", SPAN(p, len)));
	assert_true(seconds() - t >= 0.249);
	t = seconds();
	assert_object(s, STORE_PACK, "1", SPAN(p, len));
	assert_true(seconds() - t >= 0.249);
	store_free(s);
}

/* --- by the hours ------------------------------------------------------- */

struct upload {
	struct store *s;
	const uint8_t *p;
	size_t len;
	char name[2];
	bool done; /* atomic */
};

static void *put(void *arg)
{
	struct upload *u = arg;

	assert_int_equal(0, store_put(u->s, STORE_PACK, u->name,
				      SPAN(u->p, u->len)));
	__atomic_store_n(&u->done, true, __ATOMIC_SEQ_CST);
	return NULL;
}

static void set_clock(const char *file, const char *text)
{
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(0, fclose(f));
}

/* At 4 bytes a second this would last for days. */
static void test_limit_takes_a_new_hour_while_bytes_go(void **state)
{
	const struct rate_plan plan = {
		.work_rate = 4, .work_days = 0x1f, .from = 480, .to = 1080
	};
	struct fixture *f = *state;
	CLEANUP_FREE uint8_t *p = pattern(1u << 20);
	struct upload u[2] = { { f->s, p, 1u << 20, "1", false },
			       { f->s, p, 1u << 20, "2", false } };
	char file[256];
	struct store *s;
	pthread_t t[2];
	size_t i;

	snprintf(file, sizeof(file), "%s/clock", f->root);
	set_clock(file, "2026-03-02T17:59:59Z\n"); /* a Monday */
	setenv("TZ", "UTC", 1);
	tzset();
	clock_use(file);
	assert_int_equal(0, store_open_limit_plan(f->s, &plan, &s));
	f->s = s;
	for (i = 0; i < 2; i++) {
		u[i].s = s;
		assert_int_equal(0, pthread_create(&t[i], NULL, put, &u[i]));
	}
	/* the first byte's turn lasts longer than this look */
	assert_false(__atomic_load_n(&u[0].done, __ATOMIC_SEQ_CST));
	assert_int_equal(-ENOENT, get_size(s, STORE_PACK, "1"));
	set_clock(file, "2026-03-02T18:00:00Z\n");
	for (i = 0; i < 2; i++)
		assert_int_equal(0, pthread_join(t[i], NULL));
	clock_use(NULL);
	assert_object(s, STORE_PACK, "2", SPAN(p, 1u << 20));
}

static void test_limit_of_nothing_is_einval(void **state)
{
	struct fixture *f = *state;
	struct store *s;

	assert_int_equal(-EINVAL, store_open_limit(f->s, 0, &s));
	assert_int_equal(0, store_put(f->s, STORE_KEY, "1", HELLO));
	/* the slowest there is still stores a byte out of its burst */
	assert_int_equal(0, store_open_limit(f->s, 4, &s));
	f->s = s;
	assert_int_equal(0, store_put(s, STORE_KEY, "2", SPAN("x", 1)));
}

static void test_decorators_stack_and_keep_the_location(void **state)
{
	struct store *s = faulty_mem("s", 1, -EIO, false), *top;
	uint64_t size;

	(void)state;
	assert_int_equal(0, store_open_limit(s, 1u << 30, &top));
	assert_string_equal("memory", store_location(top));
	assert_int_equal(0, store_put(top, STORE_KEY, "1", HELLO));
	assert_int_equal(-EIO, store_stat(top, STORE_KEY, "1", &size));
	assert_object(top, STORE_KEY, "1", HELLO);
	store_free(top);
	store_free(NULL);
}

/* --- the table ---------------------------------------------------------- */

static const struct test_case cases[] = {
	CASE(test_fault_strikes_the_nth_call_once, KIND(MEM_KIND)),
	CASE(test_fault_that_is_sticky_stays, KIND(MEM_KIND)),
	CASE(test_fault_strikes_only_its_operations, KIND(MEM_KIND)),
	CASE(test_fault_of_nonsense_is_einval, KIND(MEM_KIND)),
	CASE(test_limit_keeps_to_its_rate, KIND(MEM_KIND)),
	CASE(test_limit_takes_a_new_hour_while_bytes_go, KIND(MEM_KIND)),
	CASE(test_limit_of_nothing_is_einval, KIND(MEM_KIND)),
	CASE(test_decorators_stack_and_keep_the_location, KIND(MEM_KIND)),
};

int main(void)
{
	return fixture_run("store decorators", cases, ARRAY_LEN(cases));
}
