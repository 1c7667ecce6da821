/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_aead.c - AES-256-GCM against its contract: what must not open.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "tests/unit/prng.h"

#define NONE SPAN(NULL, 0)
#define TEXT(s) SPAN(s, sizeof(s) - 1)
#define SPAN_ARRAY(a) SPAN(a, sizeof(a))
#define SHORT_LEN 33

static const uint8_t key_one[AEAD_KEY_LEN] = { 1 };
static const uint8_t key_two[AEAD_KEY_LEN] = { 2 };
static const uint8_t nonce[AEAD_NONCE_LEN] = { 7, 7, 7 };

struct sealed {
	struct aead *a;
	uint8_t pt[SHORT_LEN];
	uint8_t aad[5];
	uint8_t nonce[AEAD_NONCE_LEN];
	uint8_t ct[SHORT_LEN + AEAD_TAG_LEN];
	uint8_t out[SHORT_LEN];
};

static int open_it(struct sealed *s)
{
	memset(s->out, 0xee, sizeof(s->out));
	return aead_open(s->a, s->nonce, SPAN_ARRAY(s->aad), SPAN_ARRAY(s->ct),
			 s->out);
}

static void seal_it(struct sealed *s)
{
	assert_int_equal(aead_new(key_one, &s->a), 0);
	prng_fill(1, s->pt, sizeof(s->pt));
	prng_fill(2, s->aad, sizeof(s->aad));
	prng_fill(3, s->nonce, sizeof(s->nonce));
	assert_int_equal(aead_seal(s->a, s->nonce, SPAN_ARRAY(s->aad),
				   SPAN_ARRAY(s->pt), s->ct),
			 0);
	assert_int_equal(open_it(s), 0);
	assert_memory_equal(s->out, s->pt, sizeof(s->pt));
}

static void assert_zero(const uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		assert_int_equal(p[i], 0);
}

/* Flip each bit of a part in turn: none may open, and none leaves a byte of
 * plaintext. Restored, it opens. */
static void assert_no_flip_opens(struct sealed *s, uint8_t *part, size_t len)
{
	size_t bit;

	for (bit = 0; bit < len * 8; bit++) {
		part[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(open_it(s), -EBADMSG);
		assert_zero(s->out, sizeof(s->out));
		part[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(open_it(s), 0);
	assert_memory_equal(s->out, s->pt, sizeof(s->pt));
}

static void test_no_flipped_bit_opens(void **state)
{
	struct sealed s;

	(void)state;
	seal_it(&s);
	assert_no_flip_opens(&s, s.ct, sizeof(s.ct)); /* tag included */
	assert_no_flip_opens(&s, s.nonce, sizeof(s.nonce));
	assert_no_flip_opens(&s, s.aad, sizeof(s.aad));
	aead_free(s.a);
}

static void test_no_other_length_opens(void **state)
{
	struct sealed s;
	size_t len;
	int r;

	(void)state;
	seal_it(&s);
	for (len = 0; len < sizeof(s.ct); len++) {
		r = aead_open(s.a, s.nonce, SPAN_ARRAY(s.aad), SPAN(s.ct, len),
			      s.out);
		assert_int_equal(r, -EBADMSG);
		r = aead_open(s.a, s.nonce, SPAN_ARRAY(s.aad),
			      SPAN(s.ct + sizeof(s.ct) - len, len), s.out);
		assert_int_equal(r, -EBADMSG);
	}
	for (len = 0; len < sizeof(s.aad); len++) {
		r = aead_open(s.a, s.nonce, SPAN(s.aad, len), SPAN_ARRAY(s.ct),
			      s.out);
		assert_int_equal(r, -EBADMSG);
	}
	aead_free(s.a);
}

static void test_another_key_does_not_open(void **state)
{
	struct aead *other;
	struct aead *one;
	struct sealed s;

	(void)state;
	seal_it(&s);
	assert_int_equal(aead_new(key_two, &other), 0);
	one = s.a;
	s.a = other;
	assert_int_equal(open_it(&s), -EBADMSG);
	assert_zero(s.out, sizeof(s.out));
	assert_int_equal(aead_rekey(other, key_one), 0);
	assert_int_equal(open_it(&s), 0);
	assert_int_equal(aead_rekey(other, key_two), 0);
	assert_int_equal(open_it(&s), -EBADMSG);
	s.a = one;
	assert_int_equal(open_it(&s), 0);
	aead_free(one);
	aead_free(other);
}

/* One context must not carry anything from one call to the next: neither
 * direction, nor nonce, nor the rest of a message that did not verify. */
static void test_calls_do_not_touch_each_other(void **state)
{
	uint8_t n[AEAD_NONCE_LEN], pt[300], ct[316], want[316], out[300];
	struct aead *fresh;
	struct aead *a;
	size_t len;
	int i;

	(void)state;
	assert_int_equal(aead_new(key_one, &a), 0);
	for (i = 0; i < 300; i++) {
		len = (size_t)i;
		prng_fill((uint64_t)i, n, sizeof(n));
		prng_fill((uint64_t)i + 1000, pt, len);
		assert_int_equal(aead_new(key_one, &fresh), 0);
		assert_int_equal(aead_seal(fresh, n, SPAN(pt, len / 2),
					   SPAN(pt, len), want),
				 0);
		aead_free(fresh);
		assert_int_equal(aead_seal(a, n, SPAN(pt, len / 2),
					   SPAN(pt, len), ct),
				 0);
		assert_memory_equal(ct, want, len + AEAD_TAG_LEN);
		ct[0] ^= 1;
		assert_int_equal(aead_open(a, n, SPAN(pt, len / 2),
					   SPAN(ct, len + AEAD_TAG_LEN), out),
				 -EBADMSG);
		assert_int_equal(aead_open(a, n, SPAN(pt, len / 2),
					   SPAN(want, len + AEAD_TAG_LEN), out),
				 0);
		assert_true(len == 0 || memcmp(out, pt, len) == 0);
	}
	aead_free(a);
}

static void test_seals_and_opens_in_place(void **state)
{
	static uint8_t pt[100000], apart[sizeof(pt) + AEAD_TAG_LEN];
	static uint8_t in_place[sizeof(apart)];
	struct aead *a;

	(void)state;
	prng_fill(4, pt, sizeof(pt));
	memcpy(in_place, pt, sizeof(pt));
	assert_int_equal(aead_new(key_one, &a), 0);
	assert_int_equal(aead_seal(a, nonce, NONE, SPAN_ARRAY(pt), apart), 0);
	assert_int_equal(aead_seal(a, nonce, NONE, SPAN(in_place, sizeof(pt)),
				   in_place),
			 0);
	assert_memory_equal(in_place, apart, sizeof(apart));
	assert_int_equal(
		aead_open(a, nonce, NONE, SPAN_ARRAY(in_place), in_place), 0);
	assert_memory_equal(in_place, pt, sizeof(pt));
	memcpy(in_place, apart, sizeof(apart));
	in_place[sizeof(pt)] ^= 0x80;
	assert_int_equal(aead_open(a, nonce, NONE, SPAN_ARRAY(in_place),
				   in_place),
			 -EBADMSG);
	assert_zero(in_place, sizeof(pt));
	aead_free(a);
}

static void test_nothing_is_authenticated_too(void **state)
{
	uint8_t tag[AEAD_TAG_LEN];
	struct aead *a;

	(void)state;
	assert_int_equal(aead_new(key_one, &a), 0);
	assert_int_equal(aead_seal(a, nonce, NONE, NONE, tag), 0);
	assert_int_equal(aead_open(a, nonce, NONE, SPAN_ARRAY(tag), NULL), 0);
	assert_int_equal(aead_open(a, nonce, TEXT("x"), SPAN_ARRAY(tag), NULL),
			 -EBADMSG);
	aead_free(a);
}

static void test_null_may_be_freed(void **state)
{
	(void)state;
	aead_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_flipped_bit_opens),
		cmocka_unit_test(test_no_other_length_opens),
		cmocka_unit_test(test_another_key_does_not_open),
		cmocka_unit_test(test_calls_do_not_touch_each_other),
		cmocka_unit_test(test_seals_and_opens_in_place),
		cmocka_unit_test(test_nothing_is_authenticated_too),
		cmocka_unit_test(test_null_may_be_freed),
	};

	return cmocka_run_group_tests_name("aead", tests, NULL, NULL);
}
