/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_head.c - heads and snapshots: what is written is what is read, and
 * nothing else is read at all.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo/head.h"
#include "tests/unit/prng.h"

static struct keyring ring;

static int make_ring(void **state)
{
	(void)state;
	memset(&ring, 0, sizeof(ring));
	prng_fill(1, ring.repo_id, sizeof(ring.repo_id));
	ring.count = 1;
	prng_fill(2, ring.master[0], AEAD_KEY_LEN);
	return 0;
}

static void add_ids(struct idlist *l, uint64_t seed, unsigned int n)
{
	uint8_t id[OBJECT_ID_LEN];

	while (n-- > 0) {
		prng_fill(seed++, id, sizeof(id));
		assert_int_equal(idlist_add(l, id), 0);
	}
}

static void assert_ids_equal(const struct idlist *a, const struct idlist *b)
{
	assert_int_equal(a->count, b->count);
	if (a->count)
		assert_memory_equal(a->ids, b->ids,
				    (size_t)a->count * OBJECT_ID_LEN);
}

static void make_head(struct head *h, uint64_t counter, unsigned int n)
{
	memset(h, 0, sizeof(*h));
	h->counter = counter;
	prng_fill(7, h->prev, sizeof(h->prev));
	h->time_ns = 1234567890123456789u;
	add_ids(&h->snapshots, 100, n);
	add_ids(&h->indexes, 200, n / 2);
	add_ids(&h->doomed, 300, n / 3);
}

/* --- lists of ids --- */

static void test_idlist(void **state)
{
	struct idlist l = { 0 }, copy;
	uint8_t id[OBJECT_ID_LEN], other[OBJECT_ID_LEN];

	(void)state;
	add_ids(&l, 10, 40);
	prng_fill(25, id, sizeof(id));
	prng_fill(99, other, sizeof(other));
	assert_true(idlist_has(&l, id));
	assert_false(idlist_has(&l, other));
	assert_int_equal(idlist_copy(&copy, &l), 0);
	idlist_remove(&l, id);
	idlist_remove(&l, other);
	assert_int_equal(l.count, 39);
	assert_false(idlist_has(&l, id));
	assert_true(idlist_has(&copy, id));
	/* the order of the others stays */
	assert_memory_equal(l.ids, copy.ids, (size_t)15 * OBJECT_ID_LEN);
	assert_memory_equal(l.ids[15], copy.ids[16],
			    (size_t)24 * OBJECT_ID_LEN);
	while (l.count) {
		memcpy(id, l.ids[l.count - 1], sizeof(id));
		idlist_remove(&l, id);
	}
	idlist_release(&l);
	idlist_release(&copy);
}

/* --- heads --- */

static void test_head_round_trip(void **state)
{
	static const unsigned int sizes[] = { 0, 1, 3, 500 };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		CLEANUP_BUF struct buf object = BUF_INIT(HEAD_MAX);
		struct head h, back, copy;

		make_head(&h, 42 + i, sizes[i]);
		assert_int_equal(head_encode(&ring, &h, &object), 0);
		assert_int_equal(
			head_decode(&ring, SPAN_OF(&object), 42 + i, &back), 0);
		assert_int_equal(back.counter, h.counter);
		assert_int_equal(back.time_ns, h.time_ns);
		assert_memory_equal(back.prev, h.prev, OBJECT_ID_LEN);
		assert_memory_equal(back.hash, h.hash, OBJECT_ID_LEN);
		assert_ids_equal(&back.snapshots, &h.snapshots);
		assert_ids_equal(&back.indexes, &h.indexes);
		assert_ids_equal(&back.doomed, &h.doomed);
		assert_int_equal(head_copy(&copy, &back), 0);
		head_release(&back);
		assert_ids_equal(&copy.snapshots, &h.snapshots);
		assert_memory_equal(copy.hash, h.hash, OBJECT_ID_LEN);
		head_release(&copy);
		head_release(&h);
	}
}

static void test_head_names(void **state)
{
	char name[HEAD_NAME_LEN + 1];

	(void)state;
	head_name(1, name);
	assert_string_equal(name, "0000000000000001");
	head_name(UINT64_MAX, name);
	assert_string_equal(name, "ffffffffffffffff");
}

/* An old head under a new name must not pass for the newest. */
static void test_replayed_counter_is_refused(void **state)
{
	CLEANUP_BUF struct buf object = BUF_INIT(HEAD_MAX);
	struct head h, back;

	(void)state;
	make_head(&h, 5, 2);
	assert_int_equal(head_encode(&ring, &h, &object), 0);
	assert_int_equal(head_decode(&ring, SPAN_OF(&object), 6, &back),
			 -EBADMSG);
	assert_int_equal(head_decode(&ring, SPAN_OF(&object), 4, &back),
			 -EBADMSG);
	assert_int_equal(head_decode(&ring, SPAN_OF(&object), 5, &back), 0);
	head_release(&back);
	head_release(&h);
}

static void test_head_damage_is_refused(void **state)
{
	CLEANUP_BUF struct buf object = BUF_INIT(HEAD_MAX);
	struct head h, back;
	size_t i;

	(void)state;
	make_head(&h, 5, 3);
	assert_int_equal(head_encode(&ring, &h, &object), 0);
	for (i = 0; i < object.len * 8; i++) {
		object.p[i / 8] ^= (uint8_t)(1u << i % 8);
		assert_true(head_decode(&ring, SPAN_OF(&object), 5, &back) < 0);
		object.p[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	for (i = 0; i < object.len; i++)
		assert_true(head_decode(&ring, SPAN(object.p, i), 5, &back) <
			    0);
	head_release(&h);
}

/* Authentic bytes that are no head: of a writer gone mad, or of a key's
 * owner. No crash, no allocation by a count that nothing stands behind. */
static int decode_body(const void *body, size_t len)
{
	CLEANUP_BUF struct buf object = BUF_INIT(HEAD_MAX);
	struct head h;
	int r;

	assert_int_equal(seal_object(&ring, OBJECT_HEAD, SPAN("", 0),
				     SPAN(body, len), &object),
			 0);
	r = head_decode(&ring, SPAN_OF(&object), 1, &h);
	if (r == 0)
		head_release(&h);
	return r;
}

static void test_hostile_heads(void **state)
{
	uint8_t body[8 + 32 + 8 + 16] = { 1 };
	const size_t lists = 8 + 32 + 8;
	size_t i;

	(void)state;
	/* three empty lists, and a byte more or fewer */
	assert_int_equal(decode_body(body, lists + 3), 0);
	assert_int_equal(decode_body(body, lists + 4), -EUCLEAN);
	for (i = 0; i < lists + 3; i++)
		assert_int_equal(decode_body(body, i), -EUCLEAN);
	/* counts that nothing stands behind */
	body[lists] = 1;
	assert_int_equal(decode_body(body, lists + 3), -EUCLEAN);
	memset(body + lists, 0xff, 9);
	body[lists + 9] = 1;
	assert_int_equal(decode_body(body, lists + 10), -EUCLEAN);
	body[lists + 9] = 0x7f; /* past 64 bits */
	assert_int_equal(decode_body(body, lists + 12), -EUCLEAN);
}

/* --- snapshots --- */

static char host[] = "h\xff", user[] = "u@h", program[] = "tidemark 0";
static char path_a[] = "/a\nb\xfe", path_b[] = "/b", tag[] = "t";
static char *paths[] = { path_a, path_b }, *tags[] = { tag };

static void make_snapshot(struct snapshot *s)
{
	*s = (struct snapshot){
		.time_ns = 1700000000123456789u,
		.host = host,
		.user = user,
		.program = program,
		.paths = paths,
		.n_paths = 2,
		.tags = tags,
		.n_tags = 1,
		.has_parent = true,
		.partial = true,
		.consistent = true,
		.stats = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, UINT64_MAX },
	};
	prng_fill(5, s->tree, sizeof(s->tree));
	prng_fill(6, s->parent, sizeof(s->parent));
}

static void test_snapshot_round_trip(void **state)
{
	CLEANUP_BUF struct buf object = BUF_INIT(SNAPSHOT_MAX);
	struct idlist added = { 0 };
	struct snapshot s, back;
	uint8_t id[OBJECT_ID_LEN];

	(void)state;
	make_snapshot(&s);
	add_ids(&added, 50, 3);
	assert_int_equal(snapshot_encode(&ring, &s, &added, &object), 0);
	assert_int_equal(snapshot_decode(&ring, SPAN_OF(&object), &back), 0);
	sha256_once(SPAN_OF(&object), id);
	assert_memory_equal(back.id, id, sizeof(id));
	assert_int_equal(back.time_ns, s.time_ns);
	assert_memory_equal(back.tree, s.tree, CHUNK_ID_LEN);
	assert_memory_equal(back.parent, s.parent, OBJECT_ID_LEN);
	assert_true(back.has_parent && back.partial && back.consistent);
	assert_string_equal(back.host, host);
	assert_string_equal(back.user, user);
	assert_string_equal(back.program, program);
	assert_int_equal(back.n_paths, 2);
	assert_string_equal(back.paths[0], path_a);
	assert_string_equal(back.paths[1], path_b);
	assert_int_equal(back.n_tags, 1);
	assert_string_equal(back.tags[0], tag);
	assert_memory_equal(&back.stats, &s.stats, sizeof(s.stats));
	snapshot_release(&back);
	idlist_release(&added);
}

/* What a vault reads without a key: bytes stored, and the packs. */
static void test_snapshot_clear_part(void **state)
{
	CLEANUP_BUF struct buf object = BUF_INIT(SNAPSHOT_MAX);
	struct idlist added = { 0 };
	struct snapshot s;
	const uint8_t *clear;

	(void)state;
	make_snapshot(&s);
	add_ids(&added, 50, 2);
	assert_int_equal(snapshot_encode(&ring, &s, &added, &object), 0);
	clear = object.p + SEAL_HEADER_LEN;
	assert_int_equal(get_le32(clear), 8 + 1 + 2 * OBJECT_ID_LEN);
	assert_int_equal(get_le64(clear + 4), s.stats.bytes_stored);
	assert_int_equal(clear[12], 2);
	assert_memory_equal(clear + 13, added.ids, (size_t)2 * OBJECT_ID_LEN);
	assert_null(memmem(object.p, object.len, path_a, strlen(path_a)));
	idlist_release(&added);
}

static void test_snapshot_damage_is_refused(void **state)
{
	CLEANUP_BUF struct buf object = BUF_INIT(SNAPSHOT_MAX);
	struct idlist added = { 0 };
	struct snapshot s, back;
	size_t i;

	(void)state;
	make_snapshot(&s);
	assert_int_equal(snapshot_encode(&ring, &s, &added, &object), 0);
	for (i = 0; i < object.len * 8; i++) {
		object.p[i / 8] ^= (uint8_t)(1u << i % 8);
		assert_true(snapshot_decode(&ring, SPAN_OF(&object), &back) <
			    0);
		object.p[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	for (i = 0; i < object.len; i++)
		assert_true(snapshot_decode(&ring, SPAN(object.p, i), &back) <
			    0);
}

static int decode_snapshot(struct span body)
{
	CLEANUP_BUF struct buf object = BUF_INIT(SNAPSHOT_MAX);
	struct snapshot s;
	int r;

	assert_int_equal(seal_object(&ring, OBJECT_SNAPSHOT, SPAN("", 0), body,
				     &object),
			 0);
	r = snapshot_decode(&ring, SPAN_OF(&object), &s);
	if (r == 0)
		snapshot_release(&s);
	return r;
}

/* The body of a good snapshot, cut short and changed byte by byte: authentic
 * every time, a snapshot or an error. */
static void test_hostile_snapshots(void **state)
{
	CLEANUP_BUF struct buf object = BUF_INIT(SNAPSHOT_MAX);
	CLEANUP_BUF struct buf body = BUF_INIT(SNAPSHOT_MAX);
	struct idlist added = { 0 };
	struct snapshot s;
	size_t i;

	(void)state;
	make_snapshot(&s);
	assert_int_equal(snapshot_encode(&ring, &s, &added, &object), 0);
	assert_int_equal(seal_open_object(&ring, OBJECT_SNAPSHOT,
					  SPAN_OF(&object), NULL, &body),
			 0);
	assert_int_equal(decode_snapshot(SPAN_OF(&body)), 0);
	for (i = 0; i < body.len; i++)
		assert_int_equal(decode_snapshot(SPAN(body.p, i)), -EUCLEAN);
	for (i = 0; i < body.len; i++) {
		uint8_t was = body.p[i];
		int r;

		body.p[i] = 0xff;
		r = decode_snapshot(SPAN_OF(&body));
		assert_true(r == 0 || r == -EUCLEAN);
		body.p[i] = was;
	}
	/* flags that are not defined */
	body.p[8 + CHUNK_ID_LEN] = 8;
	assert_int_equal(decode_snapshot(SPAN_OF(&body)), -EUCLEAN);
	/* a NUL in a name would cut it short */
	body.p[8 + CHUNK_ID_LEN] = 3;
	body.p[8 + CHUNK_ID_LEN + 1 + OBJECT_ID_LEN + 1] = '\0';
	assert_int_equal(decode_snapshot(SPAN_OF(&body)), -EUCLEAN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_idlist),
		cmocka_unit_test(test_head_round_trip),
		cmocka_unit_test(test_head_names),
		cmocka_unit_test(test_replayed_counter_is_refused),
		cmocka_unit_test(test_head_damage_is_refused),
		cmocka_unit_test(test_hostile_heads),
		cmocka_unit_test(test_snapshot_round_trip),
		cmocka_unit_test(test_snapshot_clear_part),
		cmocka_unit_test(test_snapshot_damage_is_refused),
		cmocka_unit_test(test_hostile_snapshots),
	};

	return cmocka_run_group_tests(tests, make_ring, NULL);
}
