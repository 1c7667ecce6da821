/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_seal.c - sealed objects: every bit counts.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo/seal.h"
#include "tests/unit/prng.h"

static struct keyring ring;

static int make_ring(void **state)
{
	(void)state;
	memset(&ring, 0, sizeof(ring));
	prng_fill(1, ring.repo_id, sizeof(ring.repo_id));
	ring.count = 2;
	prng_fill(2, ring.master[0], AEAD_KEY_LEN);
	prng_fill(3, ring.master[1], AEAD_KEY_LEN);
	return 0;
}

static void seal(const char *clear, const char *body, struct buf *out)
{
	assert_int_equal(seal_object(&ring, OBJECT_SNAPSHOT,
				     SPAN(clear, strlen(clear)),
				     SPAN(body, strlen(body)), out),
			 0);
}

static int open_it(const struct buf *object, struct buf *body)
{
	return seal_open_object(&ring, OBJECT_SNAPSHOT, SPAN_OF(object), NULL,
				body);
}

static void test_round_trip(void **state)
{
	static const char *const bodies[] = { "", "x", "a longer body of it" };
	struct span clear;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bodies); i++) {
		CLEANUP_BUF struct buf object = BUF_INIT(4096);
		CLEANUP_BUF struct buf body = BUF_INIT(4096);

		seal("in clear", bodies[i], &object);
		assert_int_equal(object.len, SEAL_HEADER_LEN + 4 + 8 +
						     strlen(bodies[i]) +
						     AEAD_TAG_LEN);
		assert_int_equal(seal_open_object(&ring, OBJECT_SNAPSHOT,
						  SPAN_OF(&object), &clear,
						  &body),
				 0);
		assert_int_equal(clear.len, 8);
		assert_memory_equal(clear.p, "in clear", 8);
		assert_int_equal(body.len, strlen(bodies[i]));
		if (body.len)
			assert_memory_equal(body.p, bodies[i], body.len);
	}
}

/* Two objects of the same bytes have nothing in common behind the header's
 * fixed part: the salt is fresh each time. */
static void test_salt_is_fresh(void **state)
{
	CLEANUP_BUF struct buf a = BUF_INIT(4096), b = BUF_INIT(4096);

	(void)state;
	seal("", "the same body", &a);
	seal("", "the same body", &b);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.p, b.p, 16);
	assert_memory_not_equal(a.p + 16, b.p + 16, 32);
	assert_memory_not_equal(a.p + 48, b.p + 48, 32);
	assert_memory_not_equal(a.p + SEAL_HEADER_LEN + 4,
				b.p + SEAL_HEADER_LEN + 4, 13);
}

static void test_every_bit_flip_is_refused(void **state)
{
	CLEANUP_BUF struct buf object = BUF_INIT(4096);
	size_t bit;

	(void)state;
	seal("clear part", "a small body", &object);
	for (bit = 0; bit < object.len * 8; bit++) {
		CLEANUP_BUF struct buf body = BUF_INIT(4096);
		int r;

		object.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		r = open_it(&object, &body);
		object.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_true(r == -EBADMSG || r == -EUCLEAN ||
			    r == -EPROTONOSUPPORT || r == -EKEYREJECTED);
		assert_int_equal(body.len, 0);
		/* from the salt on nothing but authenticity can be wrong, but
		 * for the length of the clear part */
		if (bit / 8 >= 16 && bit / 8 < SEAL_HEADER_LEN)
			assert_int_equal(r, -EBADMSG);
		if (bit / 8 >= SEAL_HEADER_LEN + 4)
			assert_int_equal(r, -EBADMSG);
	}
}

static void test_every_length_is_refused(void **state)
{
	CLEANUP_BUF struct buf object = BUF_INIT(4096);
	size_t len, whole;

	(void)state;
	seal("clear part", "a small body", &object);
	whole = object.len;
	for (len = 0; len < whole; len++) {
		CLEANUP_BUF struct buf body = BUF_INIT(4096);
		/* a copy of its own length, so that asan sees the end */
		uint8_t *copy = malloc(len + 1);
		int r;

		assert_non_null(copy);
		memcpy(copy, object.p, len);
		r = seal_open_object(&ring, OBJECT_SNAPSHOT, SPAN(copy, len),
				     NULL, &body);
		free(copy);
		assert_true(r == -EBADMSG || r == -EUCLEAN);
	}
	assert_int_equal(buf_u8(&object, 0), 0);
	{
		CLEANUP_BUF struct buf body = BUF_INIT(4096);

		assert_int_equal(open_it(&object, &body), -EBADMSG);
	}
}

static void test_bound_to_type_repository_and_generation(void **state)
{
	CLEANUP_BUF struct buf object = BUF_INIT(4096), body = BUF_INIT(4096);
	struct keyring other = ring;

	(void)state;
	seal("", "body", &object);
	assert_int_equal(object.p[11], 1); /* the newest master key */
	assert_int_equal(seal_open_object(&ring, OBJECT_HEAD, SPAN_OF(&object),
					  NULL, &body),
			 -EUCLEAN);
	/* renamed to the type that is asked for, it is still not that */
	object.p[10] = OBJECT_HEAD;
	assert_int_equal(seal_open_object(&ring, OBJECT_HEAD, SPAN_OF(&object),
					  NULL, &body),
			 -EBADMSG);
	object.p[10] = OBJECT_SNAPSHOT;
	other.repo_id[0] ^= 1;
	assert_int_equal(seal_open_object(&other, OBJECT_SNAPSHOT,
					  SPAN_OF(&object), NULL, &body),
			 -EBADMSG);
	other = ring;
	other.count = 1;
	assert_int_equal(seal_open_object(&other, OBJECT_SNAPSHOT,
					  SPAN_OF(&object), NULL, &body),
			 -EKEYREJECTED);
	other = ring;
	other.master[1][31] ^= 1;
	assert_int_equal(seal_open_object(&other, OBJECT_SNAPSHOT,
					  SPAN_OF(&object), NULL, &body),
			 -EBADMSG);
	object.p[8] = 2; /* of a newer format */
	assert_int_equal(open_it(&object, &body), -EPROTONOSUPPORT);
	object.p[8] = 0;
	assert_int_equal(open_it(&object, &body), -EUCLEAN);
}

static void test_old_generations_open(void **state)
{
	CLEANUP_BUF struct buf object = BUF_INIT(4096), body = BUF_INIT(4096);
	struct keyring old = ring;

	(void)state;
	old.count = 1;
	assert_int_equal(seal_object(&old, OBJECT_SNAPSHOT, SPAN("", 0),
				     SPAN("old", 3), &object),
			 0);
	assert_int_equal(open_it(&object, &body), 0);
	assert_memory_equal(body.p, "old", 3);
}

/* A piece opens as the kind and number that it was sealed as, alone. */
static void test_pieces_cannot_be_exchanged(void **state)
{
	uint8_t a[4 + AEAD_TAG_LEN], b[4 + AEAD_TAG_LEN], out[4];
	struct sealer s, r;

	(void)state;
	assert_int_equal(sealer_init_new(&s, &ring, OBJECT_PACK_DATA), 0);
	assert_int_equal(seal_piece(&s, SEAL_FRAME, 0, SPAN("aaaa", 4), a), 0);
	assert_int_equal(seal_piece(&s, SEAL_FRAME, 1, SPAN("bbbb", 4), b), 0);
	assert_int_equal(sealer_init_open(&r, &ring, OBJECT_PACK_DATA,
					  sealer_header(&s)),
			 0);
	assert_int_equal(
		seal_open_piece(&r, SEAL_FRAME, 1, SPAN(b, sizeof(b)), out), 0);
	assert_memory_equal(out, "bbbb", 4);
	assert_int_equal(seal_open_piece(&r, SEAL_FRAME, 1, SPAN(a, sizeof(a)),
					 out),
			 -EBADMSG);
	assert_int_equal(seal_open_piece(&r, SEAL_DIRECTORY, 0,
					 SPAN(a, sizeof(a)), out),
			 -EBADMSG);
	assert_int_equal(seal_open_piece(&r, SEAL_FRAME, 0,
					 SPAN(a, AEAD_TAG_LEN - 1), out),
			 -EBADMSG);
	sealer_release(&s);
	sealer_release(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_salt_is_fresh),
		cmocka_unit_test(test_every_bit_flip_is_refused),
		cmocka_unit_test(test_every_length_is_refused),
		cmocka_unit_test(test_bound_to_type_repository_and_generation),
		cmocka_unit_test(test_old_generations_open),
		cmocka_unit_test(test_pieces_cannot_be_exchanged),
	};

	return cmocka_run_group_tests(tests, make_ring, NULL);
}
