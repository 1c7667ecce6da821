/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_writer.c - what one writing session stores, another reads.
 *
 * WRAP: malloc calloc realloc
 *
 * On the store in memory: round trips of all sizes, chunks known from this
 * session, from earlier ones and from one that died, every store call and
 * every allocation failing once, and two writers at a time.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/log.h"
#include "compress/compress.h"
#include "repo/writer.h"
#include "tests/unit/prng.h"

#define PASS SPAN("correct horse battery staple", 28)

/* --- allocations that fail --- */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static long fail_at; /* atomic; 0: never. The n-th from now fails */
static bool failed;

/* nobody guesses here */
static const struct kdf_choice cheap = { KDF_ARGON2ID, KDF_MEMORY_MIN };

static bool must_fail(void)
{
	if (__atomic_load_n(&fail_at, __ATOMIC_RELAXED) == 0 ||
	    __atomic_sub_fetch(&fail_at, 1, __ATOMIC_RELAXED) != 0)
		return false;
	__atomic_store_n(&failed, true, __ATOMIC_RELAXED);
	return true;
}

void *__wrap_malloc(size_t n)
{
	return must_fail() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return must_fail() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return must_fail() ? NULL : __real_realloc(p, n);
}

/* --- a repository for each test --- */

static struct store *template; /* an empty repository */
static uint8_t *noise;	       /* CHUNK_MAX + 1 bytes */

static void quiet(enum log_level level, const char *line, void *arg)
{
	(void)level;
	(void)line;
	(void)arg;
}

struct copying {
	struct store *from, *to;
	enum store_class cls;
};

static int copy_object(void *arg, const char *name, uint64_t size)
{
	CLEANUP_BUF struct buf b = BUF_INIT(SIZE_MAX);
	const struct copying *c = arg;
	int e = store_get(c->from, c->cls, name, &b);

	(void)size;
	return e < 0 ? e : store_put(c->to, c->cls, name, SPAN_OF(&b));
}

/* The key derivation takes longer than all else here, so repositories are
 * copies of one. */
static struct store *fresh_store(void)
{
	struct copying c = { template, NULL, STORE_CONFIG };

	assert_int_equal(store_open_mem(&c.to), 0);
	for (c.cls = 0; c.cls < STORE_CLASSES; c.cls++)
		assert_int_equal(store_list(template, c.cls, copy_object, &c),
				 0);
	return c.to;
}

static struct repo *open_repo(struct store *s)
{
	struct repo_options opt = { .cache_dir = NULL };
	struct repo *r = NULL;

	assert_int_equal(repo_open(s, PASS, &opt, &r), 0);
	return r;
}

static int setup(void **state)
{
	(void)state;
	log_set_sink(quiet, NULL);
	noise = malloc(CHUNK_MAX + 1);
	assert_non_null(noise);
	prng_fill(7, noise, CHUNK_MAX + 1);
	assert_int_equal(store_open_mem(&template), 0);
	return repo_init(template, PASS, cheap, "test");
}

static int teardown(void **state)
{
	(void)state;
	store_free(template);
	free(noise);
	return 0;
}

/* --- sessions --- */

static char host[] = "host", user[] = "user", program[] = "tidemark 0";

static struct snapshot snapshot_of(const uint8_t tree[CHUNK_ID_LEN])
{
	struct snapshot s = {
		.time_ns = 1, .host = host, .user = user, .program = program
	};

	memcpy(s.tree, tree, CHUNK_ID_LEN);
	return s;
}

/* Chunk i of a session that begins at `from`: of a size of its own. */
static struct span chunk_of(unsigned int from, unsigned int i)
{
	size_t len = 1 + (i * 7919u) % 40000;

	if (i % 50 == 49)
		len = FRAME_RAW_TARGET + i;
	return SPAN(noise + from * 100 + i * 3, len);
}

/* Add n chunks and a tree, and commit. */
static int session(struct repo *r, unsigned int from, unsigned int n,
		   uint8_t (*ids)[CHUNK_ID_LEN], bool commit,
		   struct writer_stats *stats)
{
	struct writer_options opt = { .level = 1 };
	struct writer *w = NULL;
	struct lane *l = NULL;
	struct snapshot s;
	unsigned int i;
	bool lost = false;
	int e = writer_new(r, &opt, &w);

	if (e == 0)
		e = lane_new(w, &l);
	for (i = 0; e == 0 && i < n; i++)
		e = lane_add(l, CHUNK_DATA, chunk_of(from, i), ids[i]);
	if (e == 0)
		e = lane_add(l, CHUNK_TREE, SPAN(ids, n * CHUNK_ID_LEN),
			     ids[n]);
	if (e == 0 && commit) {
		s = snapshot_of(ids[n]);
		e = writer_commit(w, &s, &lost);
	} else if (e == 0) {
		e = writer_flush(w);
	}
	if (e == 0 && stats)
		writer_get_stats(w, stats);
	writer_free(w);
	return e < 0 ? e : lost ? -ESTALE : 0;
}

static void assert_readable(struct repo *r, unsigned int from, unsigned int n,
			    uint8_t (*ids)[CHUNK_ID_LEN])
{
	struct repo_reader *rr = NULL;
	struct chunk_ref ref;
	unsigned int i;

	assert_int_equal(repo_reader_new(r, &rr), 0);
	for (i = 0; i < n; i++) {
		struct span want = chunk_of(from, i);

		assert_int_equal(repo_chunk_get(rr, CHUNK_DATA, ids[i], &ref),
				 0);
		assert_int_equal(ref.data.len, want.len);
		assert_memory_equal(ref.data.p, want.p, want.len);
		repo_chunk_put(rr, &ref);
	}
	assert_int_equal(repo_chunk_get(rr, CHUNK_TREE, ids[n], &ref), 0);
	assert_memory_equal(ref.data.p, ids, n * CHUNK_ID_LEN);
	repo_chunk_put(rr, &ref);
	repo_reader_free(rr);
}

static void assert_snapshots(struct repo *r, unsigned int n)
{
	const struct head *h = repo_head(r);
	unsigned int i;

	assert_int_equal(h->snapshots.count, n);
	for (i = 0; i < n; i++) {
		struct snapshot s = { 0 };

		assert_int_equal(repo_load_snapshot(r, h->snapshots.ids[i], &s),
				 0);
		snapshot_release(&s);
	}
}

/* --- the tests --- */

static void round_trip(int level)
{
	static const size_t sizes[] = { 1,
					2,
					31,
					4096,
					FRAME_RAW_TARGET - 1,
					FRAME_RAW_TARGET,
					FRAME_RAW_TARGET + 1,
					1u << 20,
					CHUNK_MAX - 1,
					CHUNK_MAX };
	struct writer_options opt = { .level = level };
	uint8_t ids[CHUNK_KINDS][ARRAY_LEN(sizes)][CHUNK_ID_LEN];
	struct store *st = fresh_store();
	struct repo *r = open_repo(st);
	struct repo_reader *rr = NULL;
	struct chunk_ref ref;
	struct writer *w = NULL;
	struct lane *l = NULL;
	struct snapshot s;
	bool lost;
	size_t i;
	int kind;

	assert_int_equal(writer_new(r, &opt, &w), 0);
	assert_int_equal(lane_new(w, &l), 0);
	for (kind = 0; kind < CHUNK_KINDS; kind++)
		for (i = 0; i < ARRAY_LEN(sizes); i++)
			assert_int_equal(lane_add(l, kind,
						  SPAN(noise, sizes[i]),
						  ids[kind][i]),
					 0);
	/* the same bytes as content, as a tree and as a map are three */
	assert_memory_not_equal(ids[0][0], ids[1][0], CHUNK_ID_LEN);
	assert_memory_not_equal(ids[1][0], ids[2][0], CHUNK_ID_LEN);
	s = snapshot_of(ids[CHUNK_TREE][0]);
	assert_int_equal(writer_commit(w, &s, &lost), 0);
	writer_free(w);
	repo_free(r);

	r = open_repo(st);
	assert_snapshots(r, 1);
	assert_int_equal(repo_reader_new(r, &rr), 0);
	for (kind = 0; kind < CHUNK_KINDS; kind++) {
		for (i = 0; i < ARRAY_LEN(sizes); i++) {
			assert_int_equal(repo_chunk_get(rr, kind, ids[kind][i],
							&ref),
					 0);
			assert_int_equal(ref.data.len, sizes[i]);
			assert_memory_equal(ref.data.p, noise, sizes[i]);
			repo_chunk_put(rr, &ref);
		}
	}
	/* an id of one kind is none of another */
	assert_int_not_equal(
		repo_chunk_get(rr, CHUNK_TREE, ids[CHUNK_DATA][3], &ref), 0);
	repo_reader_free(rr);
	repo_free(r);
	store_free(st);
}

static void test_chunks_of_every_size(void **state)
{
	(void)state;
	round_trip(1);
	round_trip(COMPRESS_OFF);
}

static void test_a_chunk_over_the_limit_is_refused(void **state)
{
	struct writer_options opt = { .level = 1 };
	struct store *st = fresh_store();
	struct repo *r = open_repo(st);
	uint8_t id[CHUNK_ID_LEN];
	struct writer *w = NULL;
	struct lane *l = NULL;

	(void)state;
	assert_int_equal(writer_new(r, &opt, &w), 0);
	assert_int_equal(lane_new(w, &l), 0);
	assert_int_equal(lane_add(l, CHUNK_DATA, SPAN(noise, CHUNK_MAX + 1),
				  id),
			 -EMSGSIZE);
	/* and the session is over */
	assert_int_equal(lane_add(l, CHUNK_DATA, SPAN(noise, 1), id),
			 -EMSGSIZE);
	writer_free(w);
	repo_free(r);
	store_free(st);
}

static void test_known_chunks_are_not_stored_again(void **state)
{
	uint8_t ids[101][CHUNK_ID_LEN], again[101][CHUNK_ID_LEN];
	struct writer_stats first, second;
	struct store *st = fresh_store();
	struct repo *r = open_repo(st);

	(void)state;
	assert_int_equal(session(r, 0, 100, ids, true, &first), 0);
	assert_int_equal(first.chunks_new, 101);
	assert_int_equal(session(r, 0, 100, again, true, &second), 0);
	assert_memory_equal(ids, again, sizeof(ids));
	assert_int_equal(second.chunks_new, 0);
	assert_int_equal(second.chunks_known, 101);
	assert_int_equal(second.bytes_stored, 0);
	/* ten at the end overlap with nothing */
	assert_int_equal(session(r, 1, 100, again, true, &second), 0);
	assert_true(second.chunks_new > 0);
	assert_snapshots(r, 3);
	assert_readable(r, 0, 100, ids);
	assert_readable(r, 1, 100, again);
	repo_free(r);
	store_free(st);
}

static void test_twice_in_one_session(void **state)
{
	struct writer_options opt = { .level = 1 };
	struct store *st = fresh_store();
	struct repo *r = open_repo(st);
	struct writer *w = NULL;
	struct lane *a = NULL, *b = NULL;
	struct writer_stats stats;
	uint8_t x[CHUNK_ID_LEN], y[CHUNK_ID_LEN];

	(void)state;
	assert_int_equal(writer_new(r, &opt, &w), 0);
	assert_int_equal(lane_new(w, &a), 0);
	assert_int_equal(lane_new(w, &b), 0);
	assert_int_equal(lane_add(a, CHUNK_DATA, SPAN(noise, 999), x), 0);
	/* by another lane, while the first has it in an open frame */
	assert_int_equal(lane_add(b, CHUNK_DATA, SPAN(noise, 999), y), 0);
	assert_memory_equal(x, y, CHUNK_ID_LEN);
	assert_true(writer_has(w, x));
	writer_get_stats(w, &stats);
	assert_int_equal(stats.chunks_new, 1);
	assert_int_equal(stats.chunks_known, 1);
	writer_free(w);
	repo_free(r);
	store_free(st);
}

static void test_a_dead_session_is_adopted(void **state)
{
	uint8_t ids[101][CHUNK_ID_LEN], again[101][CHUNK_ID_LEN];
	struct writer_stats stats;
	struct store *st = fresh_store();
	struct repo *r = open_repo(st);

	(void)state;
	assert_int_equal(session(r, 0, 100, ids, false, NULL), 0);
	repo_free(r);
	r = open_repo(st);
	assert_snapshots(r, 0);
	assert_int_equal(session(r, 0, 100, again, true, &stats), 0);
	/* the data, never the tree */
	assert_int_equal(stats.chunks_new, 1);
	assert_int_equal(stats.chunks_known, 100);
	repo_free(r);
	r = open_repo(st);
	assert_snapshots(r, 1);
	assert_readable(r, 0, 100, again);
	repo_free(r);
	store_free(st);
}

/* Every store call of a session fails once. */
static void every_call_fails(const char *ops, int err)
{
	uint8_t ids[101][CHUNK_ID_LEN], more[101][CHUNK_ID_LEN];
	unsigned long n;
	int e = -1;

	for (n = 1; e != 0 && n < 1000; n++) {
		struct store *inner = fresh_store(), *st = NULL;
		struct repo *r = open_repo(inner);
		unsigned int had;

		assert_int_equal(session(r, 0, 20, ids, true, NULL), 0);
		repo_free(r);
		assert_int_equal(
			store_open_fault(inner, ops, n, err, false, &st), 0);
		/* opening reads, and may be what fails */
		r = NULL;
		e = repo_open(st, PASS, &(struct repo_options){ 0 }, &r);
		if (e == 0)
			e = session(r, 5, 20, more, true, NULL);
		repo_free(r);
		/* the fault is over: what was there is there */
		r = open_repo(st);
		assert_readable(r, 0, 20, ids);
		had = repo_head(r)->snapshots.count;
		/* an error after the head was stored cannot take it back */
		assert_true(had == 1 || had == 2);
		assert_true(e != 0 || had == 2);
		assert_snapshots(r, had);
		/* and the next session is none the worse for it; after the
		 * last round the fault is still to come */
		if (e != 0) {
			assert_int_equal(session(r, 5, 20, more, true, NULL),
					 0);
			assert_readable(r, 5, 20, more);
			assert_snapshots(r, had + 1);
		}
		repo_free(r);
		store_free(st);
	}
	assert_int_equal(e, 0);
	assert_true(n > 3);
}

static void test_every_put_fails_once(void **state)
{
	(void)state;
	every_call_fails("p", -ENOSPC);
}

static void test_every_get_and_list_fails_once(void **state)
{
	(void)state;
	every_call_fails("gl", -EIO);
}

static void test_two_writers_at_once(void **state)
{
	struct writer_options opt = { .level = 1 };
	uint8_t a[101][CHUNK_ID_LEN], id[CHUNK_ID_LEN], tree[CHUNK_ID_LEN];
	struct store *st = fresh_store();
	struct repo *r1 = open_repo(st), *r2 = open_repo(st);
	struct writer *w = NULL;
	struct lane *l = NULL;
	struct snapshot s;
	bool lost = true;

	(void)state;
	/* the second begins, the first commits, the second commits on top */
	assert_int_equal(writer_new(r2, &opt, &w), 0);
	assert_int_equal(lane_new(w, &l), 0);
	assert_int_equal(lane_add(l, CHUNK_DATA, SPAN(noise, 77), id), 0);
	assert_int_equal(session(r1, 3, 100, a, true, NULL), 0);
	assert_int_equal(lane_add(l, CHUNK_TREE, SPAN(id, 32), tree), 0);
	s = snapshot_of(tree);
	assert_int_equal(writer_commit(w, &s, &lost), 0);
	assert_false(lost);
	writer_free(w);
	assert_snapshots(r2, 2);
	assert_readable(r2, 3, 100, a);
	assert_int_equal(repo_refresh(r1), 1);
	assert_snapshots(r1, 2);
	repo_free(r1);
	repo_free(r2);
	store_free(st);
}

/* A vault knows a recovery point by the snapshot that came since the head
 * before: one that another's head has overtaken is put again. */
static void test_a_snapshot_comes_with_its_head(void **state)
{
	struct writer_options opt = { .level = 1 };
	uint8_t a[11][CHUNK_ID_LEN], id[CHUNK_ID_LEN];
	struct store *inner = fresh_store(), *st = NULL;
	struct repo *r1 = open_repo(inner), *r2;
	struct writer *w = NULL;
	struct lane *l = NULL;
	struct snapshot s;
	bool lost;

	(void)state;
	/* pack, index, snapshot, head: it is there; snapshot, and the sixth
	 * is the head */
	assert_int_equal(store_open_fault(inner, "p", 6, -ENOSPC, false, &st),
			 0);
	r2 = open_repo(st);
	assert_int_equal(writer_new(r2, &opt, &w), 0);
	assert_int_equal(lane_new(w, &l), 0);
	assert_int_equal(lane_add(l, CHUNK_TREE, SPAN(noise, 77), id), 0);
	assert_int_equal(session(r1, 3, 10, a, true, NULL), 0);
	s = snapshot_of(id);
	assert_int_equal(writer_commit(w, &s, &lost), -ENOSPC);
	assert_int_equal(repo_refresh(r1), 0);
	assert_snapshots(r1, 1);
	writer_free(w);
	repo_free(r1);
	repo_free(r2);
	store_free(st);
}

struct racer {
	struct repo *repo;
	unsigned int from;
	int e;
};

static void *race(void *arg)
{
	uint8_t ids[31][CHUNK_ID_LEN];
	struct racer *me = arg;
	int i;

	for (i = 0; me->e == 0 && i < 5; i++)
		me->e = session(me->repo, me->from + (unsigned int)i, 30, ids,
				true, NULL);
	return NULL;
}

static void test_writers_race_for_the_head(void **state)
{
	struct store *st = fresh_store();
	struct racer racers[3];
	pthread_t threads[3];
	struct repo *r;
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		racers[i] = (struct racer){ open_repo(st), 100u * i, 0 };
		assert_int_equal(
			pthread_create(&threads[i], NULL, race, &racers[i]), 0);
	}
	for (i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(racers[i].e, 0);
		repo_free(racers[i].repo);
	}
	r = open_repo(st);
	assert_snapshots(r, 15);
	assert_int_equal(repo_head(r)->counter, 16);
	repo_free(r);
	store_free(st);
}

/* Every allocation of a session fails once: an error, no crash, no leak
 * (asan), and the repository is as it was. */
static void test_every_allocation_fails_once(void **state)
{
	uint8_t ids[31][CHUNK_ID_LEN], more[31][CHUNK_ID_LEN];
	struct store *st = fresh_store();
	struct repo *r = open_repo(st);
	unsigned int had = 1;
	long n;
	int e;

	(void)state;
	assert_int_equal(session(r, 0, 30, ids, true, NULL), 0);
	/* each at first, then fewer: every session that dies leaves packs */
	for (n = 1;; n += 1 + n / 12) {
		failed = false;
		__atomic_store_n(&fail_at, n, __ATOMIC_RELAXED);
		e = session(r, 1000 + (unsigned int)n, 30, more, true, NULL);
		__atomic_store_n(&fail_at, 0, __ATOMIC_RELAXED);
		assert_true(e == 0 || e == -ENOMEM);
		/* the lost one may have been for a cache */
		if (e == 0)
			had++;
		if (!failed)
			break;
		(void)!repo_refresh(r);
		assert_true(repo_head(r)->snapshots.count >= had);
		had = repo_head(r)->snapshots.count;
	}
	assert_true(n > 30);
	repo_free(r);
	r = open_repo(st);
	assert_readable(r, 0, 30, ids);
	assert_readable(r, 1000 + (unsigned int)n, 30, more);
	repo_free(r);
	store_free(st);
}

static void test_dry_run_stores_nothing(void **state)
{
	struct writer_options opt = { .level = 1, .dry_run = true };
	struct store *st = fresh_store();
	struct repo *r = open_repo(st);
	struct writer *w = NULL;
	struct writer_stats stats;
	struct lane *l = NULL;
	uint8_t id[CHUNK_ID_LEN];
	unsigned int i;

	(void)state;
	assert_int_equal(writer_new(r, &opt, &w), 0);
	assert_int_equal(lane_new(w, &l), 0);
	for (i = 0; i < 100; i++)
		assert_int_equal(lane_add(l, CHUNK_DATA, chunk_of(0, i), id),
				 0);
	assert_int_equal(writer_flush(w), 0);
	writer_get_stats(w, &stats);
	assert_int_equal(stats.chunks_new, 100);
	assert_int_equal(stats.bytes_stored, 0);
	writer_free(w);
	repo_free(r);
	store_free(st);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chunks_of_every_size),
		cmocka_unit_test(test_a_chunk_over_the_limit_is_refused),
		cmocka_unit_test(test_known_chunks_are_not_stored_again),
		cmocka_unit_test(test_twice_in_one_session),
		cmocka_unit_test(test_a_dead_session_is_adopted),
		cmocka_unit_test(test_every_put_fails_once),
		cmocka_unit_test(test_every_get_and_list_fails_once),
		cmocka_unit_test(test_two_writers_at_once),
		cmocka_unit_test(test_a_snapshot_comes_with_its_head),
		cmocka_unit_test(test_writers_race_for_the_head),
		cmocka_unit_test(test_every_allocation_fails_once),
		cmocka_unit_test(test_dry_run_stores_nothing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("writer", tests, setup, teardown);
}
