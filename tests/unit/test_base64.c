/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_base64.c - bytes as text, and one text only.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base64.h"
#include "tests/unit/prng.h"

#define TEXT(s) SPAN(s, strlen(s))

/* RFC 4648, section 10, and the letters that the two alphabets differ in. */
static const struct {
	const char *bytes, *text;
} known[] = {
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
	{ "\xfb\xff\xfe", "+//+" },
	{ "\xff\xef", "/+8=" },
};

static void test_known_texts(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(known); i++) {
		CLEANUP_BUF struct buf b = BUF_INIT(64);

		assert_int_equal(base64_append(&b, TEXT(known[i].bytes)), 0);
		assert_int_equal(b.len, strlen(known[i].text));
		if (b.len)
			assert_memory_equal(b.p, known[i].text, b.len);
	}
}

static void test_url_has_its_own_letters(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(64);

	(void)state;
	assert_int_equal(base64url_append(&b, TEXT("\xfb\xff\xfe\xff")), 0);
	assert_int_equal(b.len, 6);
	assert_memory_equal(b.p, "-__-_w", 6);
}

static void test_round_trip_of_every_length(void **state)
{
	uint8_t in[200];
	size_t n;

	(void)state;
	prng_fill(1, in, sizeof(in));
	for (n = 0; n <= sizeof(in); n++) {
		CLEANUP_BUF struct buf text = BUF_INIT(BASE64URL_LEN(n));
		CLEANUP_BUF struct buf out = BUF_INIT(n);

		assert_int_equal(base64url_append(&text, SPAN(in, n)), 0);
		assert_int_equal(text.len, BASE64URL_LEN(n));
		assert_int_equal(base64url_decode(&out, SPAN_OF(&text)), 0);
		assert_int_equal(out.len, n);
		if (n)
			assert_memory_equal(out.p, in, n);
	}
}

static void test_another_text_for_the_same_bytes_is_refused(void **state)
{
	static const char *const texts[] = {
		"Zg==",	 "Zm8=",   "Zm9v=", "Z",    "Zm9vY",   "Zh", "Zm9",
		"Zm 9v", "Zm9v\n", "+//+",  "Zm.v", "Zm\x80v", "=",  "Zm9vZ===",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(texts); i++) {
		CLEANUP_BUF struct buf out = BUF_INIT(64);

		assert_int_equal(buf_append(&out, "as it was", 9), 0);
		assert_int_equal(base64url_decode(&out, TEXT(texts[i])),
				 -EUCLEAN);
		assert_int_equal(out.len, 9);
		assert_memory_equal(out.p, "as it was", 9);
	}
}

static void test_a_zero_byte_is_no_letter(void **state)
{
	CLEANUP_BUF struct buf out = BUF_INIT(64);

	(void)state;
	assert_int_equal(base64url_decode(&out, SPAN("Zm\0v", 4)), -EUCLEAN);
}

static void test_the_maximum_holds(void **state)
{
	CLEANUP_BUF struct buf out = BUF_INIT(3);

	(void)state;
	assert_int_equal(base64url_decode(&out, TEXT("Zm9vYg")), -EMSGSIZE);
	assert_int_equal(base64url_append(&out, TEXT("foo")), -EMSGSIZE);
	assert_int_equal(base64_append(&out, TEXT("foo")), -EMSGSIZE);
	assert_int_equal(out.len, 0);
	assert_int_equal(base64url_decode(&out, TEXT("Zm9v")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_texts),
		cmocka_unit_test(test_url_has_its_own_letters),
		cmocka_unit_test(test_round_trip_of_every_length),
		cmocka_unit_test(
			test_another_text_for_the_same_bytes_is_refused),
		cmocka_unit_test(test_a_zero_byte_is_no_letter),
		cmocka_unit_test(test_the_maximum_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
