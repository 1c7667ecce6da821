/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_json.c - JSON written and read, and what the reader refuses; UTF-8.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/utf8.h"

static void expect_text(struct json_out *j, const char *want)
{
	assert_int_equal(json_end(j), 0);
	assert_int_equal(j->buf->len, strlen(want));
	assert_memory_equal(j->buf->p, want, j->buf->len);
}

static void test_writer_writes_every_kind(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(4096);
	struct json_out j = JSON_OUT(&b);

	(void)state;
	json_object(&j, NULL);
	json_str(&j, "s", "a");
	json_str(&j, "none", NULL);
	json_u64(&j, "u", UINT64_MAX);
	json_i64(&j, "i", INT64_MIN);
	json_bool(&j, "t", true);
	json_bool(&j, "f", false);
	json_double(&j, "d", 0.5);
	json_double(&j, "nan", 0.0 / 0.0);
	json_hex(&j, "h", "\x00\xff", 2);
	json_array(&j, "a");
	json_u64(&j, NULL, 1);
	json_object(&j, NULL);
	json_close(&j);
	json_array(&j, NULL);
	json_close(&j);
	json_close(&j);
	json_close(&j);
	expect_text(&j, "{\"s\":\"a\",\"none\":null,"
			"\"u\":18446744073709551615,"
			"\"i\":-9223372036854775808,\"t\":true,\"f\":false,"
			"\"d\":0.5,\"nan\":null,\"h\":\"00ff\","
			"\"a\":[1,{},[]]}");
}

static void test_text_is_escaped_and_made_utf8(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(4096);
	struct json_out j = JSON_OUT(&b);

	(void)state;
	json_strn(&j, NULL,
		  SPAN("a\"b\\c\n\t\x7f\0\xc3\xbc\xff\xed\xa0\x80", 15));
	expect_text(&j, "\"a\\\"b\\\\c\\n\\u0009\\u007f\\u0000\xc3\xbc"
			"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void test_name_keeps_its_bytes(void **state)
{
	static const struct {
		const char *name, *want;
	} cases[] = {
		{ "plain", "{\"path\":\"plain\"}" },
		{ "\xff", "{\"path\":\"\xef\xbf\xbd\",\"path_b64\":\"/w==\"}" },
		{ "a\xff",
		  "{\"path\":\"a\xef\xbf\xbd\",\"path_b64\":\"Yf8=\"}" },
		{ "ab\xff",
		  "{\"path\":\"ab\xef\xbf\xbd\",\"path_b64\":\"YWL/\"}" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP_BUF struct buf b = BUF_INIT(4096);
		struct json_out j = JSON_OUT(&b);

		json_object(&j, NULL);
		json_name(&j, "path",
			  SPAN(cases[i].name, strlen(cases[i].name)));
		json_close(&j);
		expect_text(&j, cases[i].want);
	}
}

static void test_writer_remembers_its_error(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(8);
	struct json_out j = JSON_OUT(&b);

	(void)state;
	json_array(&j, NULL);
	json_str(&j, NULL, "too long for eight bytes");
	json_u64(&j, NULL, 1);
	json_close(&j);
	assert_int_equal(json_end(&j), -EMSGSIZE);
}

static int parse(const char *text, struct json **out)
{
	return json_parse(SPAN(text, strlen(text)), 4096, out);
}

static void test_reader_gives_what_is_there(void **state)
{
	CLEANUP_JSON struct json *j = NULL;
	const struct json *a;
	uint8_t hex[4];
	uint64_t n;
	bool t;

	(void)state;
	assert_int_equal(
		parse(" {\"s\":\"\\u00fc\",\"n\":9007199254740992,"
		      "\"t\":true,\"a\":[1,2],\"h\":\"001fa9\",\"S\":0} ",
		      &j),
		0);
	assert_true(json_is_object(j));
	assert_string_equal(json_to_str(json_get(j, "s")), "\xc3\xbc");
	assert_int_equal(json_to_u64(json_get(j, "n"), &n), 0);
	assert_true(n == 1ull << 53);
	assert_int_equal(json_to_bool(json_get(j, "t"), &t), 0);
	assert_true(t);
	assert_null(json_get(j, "missing"));
	assert_null(json_to_str(json_get(j, "missing")));
	assert_null(json_to_str(json_get(j, "n")));
	assert_int_equal(json_to_u64(json_get(j, "s"), &n), -EUCLEAN);
	assert_int_equal(json_to_bool(json_get(j, "n"), &t), -EUCLEAN);
	assert_int_equal(json_to_hex(json_get(j, "h"), hex, 3), 0);
	assert_memory_equal(hex, "\x00\x1f\xa9", 3);
	assert_int_equal(json_to_hex(json_get(j, "h"), hex, 2), -EUCLEAN);
	assert_int_equal(json_to_hex(json_get(j, "h"), hex, 4), -EUCLEAN);
	assert_int_equal(json_to_hex(json_get(j, "s"), hex, 1), -EUCLEAN);
	assert_int_equal(json_to_hex(json_get(j, "n"), hex, 1), -EUCLEAN);
	assert_int_equal(json_to_hex(json_get(j, "missing"), hex, 0), -EUCLEAN);
	a = json_get(j, "a");
	assert_true(json_is_array(a));
	a = json_first(a);
	assert_null(json_key(a));
	a = json_next(a);
	assert_int_equal(json_to_u64(a, &n), 0);
	assert_int_equal(n, 2);
	assert_null(json_next(a));
	assert_string_equal(json_key(json_first(j)), "s");
	assert_null(json_first(json_get(j, "s")));
}

static void test_numbers_that_are_not_exact_are_refused(void **state)
{
	static const char *const bad[] = { "-1", "0.5", "9007199254740993e1",
					   "1e300", "-0.1" };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		CLEANUP_JSON struct json *j = NULL;
		uint64_t n;

		assert_int_equal(parse(bad[i], &j), 0);
		assert_int_equal(json_to_u64(j, &n), -EUCLEAN);
	}
}

static void test_reader_refuses(void **state)
{
	static const char *const bad[] = {
		"",	    "{",	   "{}x",	"{\"a\":}",
		"\"\xff\"", "\"\\u0000\"", "\"a\nb\"",	"[1,]",
		"\"open",   "nul",	   "{\"a\" 1}", "]",
	};
	struct json *j = NULL;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(parse(bad[i], &j), -EUCLEAN);
	assert_int_equal(json_parse(SPAN("1\0", 2), 10, &j), -EUCLEAN);
	assert_int_equal(json_parse(SPAN("  1", 3), 2, &j), -EMSGSIZE);
	assert_null(j);
}

static void test_depth_is_bounded(void **state)
{
	char text[2 * (JSON_DEPTH_MAX + 1) + 1];
	struct json *j = NULL;
	size_t n = JSON_DEPTH_MAX;

	(void)state;
	memset(text, '[', n);
	memset(text + n, ']', n);
	text[2 * n] = '\0';
	assert_int_equal(parse(text, &j), 0);
	json_free(j);
	n++;
	memset(text, '[', n);
	memset(text + n, ']', n);
	text[2 * n] = '\0';
	assert_int_equal(parse(text, &j), -EUCLEAN);
}

static void test_utf8(void **state)
{
	static const char *const bad[] = {
		"\x80",
		"\xc0\x80",
		"\xc3",
		"\xe0\x80\x80",
		"\xed\xa0\x80",
		"\xf0\x80\x80\x80",
		"\xf4\x90\x80\x80",
		"\xf8\x88\x80\x80\x80",
		"\xc3(",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(utf8_is_valid(bad[i], strlen(bad[i])));
	assert_true(utf8_is_valid("", 0));
	assert_true(utf8_is_valid("a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80", 10));
	assert_int_equal(
		utf8_count("a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80", 10), 4);
	assert_int_equal(utf8_count("\xc3\xbc\xff", 3), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_writer_writes_every_kind),
		cmocka_unit_test(test_text_is_escaped_and_made_utf8),
		cmocka_unit_test(test_name_keeps_its_bytes),
		cmocka_unit_test(test_writer_remembers_its_error),
		cmocka_unit_test(test_reader_gives_what_is_there),
		cmocka_unit_test(test_numbers_that_are_not_exact_are_refused),
		cmocka_unit_test(test_reader_refuses),
		cmocka_unit_test(test_depth_is_bounded),
		cmocka_unit_test(test_utf8),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
