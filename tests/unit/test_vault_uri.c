/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vault_uri.c - targets of requests, as Azure's clients and others send
 * them.
 */
#include <errno.h>

#include "testdir.h"
#include "vault/http/uri.h"

static void test_parts_are_decoded(void **state)
{
	struct uri u;

	(void)state;
	assert_int_equal(0,
			 uri_parse("/a%20b/C?api%2Dversion=1&x=a+b%26&y", &u));
	assert_int_equal(2, u.n_segments);
	assert_string_equal("a b", u.segments[0]);
	assert_string_equal("C", u.segments[1]);
	assert_string_equal("/a%20b/C", u.path);
	assert_string_equal("1", uri_parameter(&u, "api-version"));
	assert_string_equal("1", uri_parameter(&u, "API-Version"));
	assert_string_equal("a b&", uri_parameter(&u, "x"));
	assert_string_equal("", uri_parameter(&u, "y"));
	assert_null(uri_parameter(&u, "z"));
	uri_release(&u);
}

static void test_slashes(void **state)
{
	struct uri u;

	(void)state;
	/* what arm-authorization sends for a scope that begins with one */
	assert_int_equal(0, uri_parse("//subscriptions/1", &u));
	assert_int_equal(2, u.n_segments);
	uri_release(&u);
	/* the newest version of a secret: an empty segment at the end */
	assert_int_equal(0, uri_parse("/secrets/NAME/", &u));
	assert_int_equal(3, u.n_segments);
	assert_string_equal("", u.segments[2]);
	uri_release(&u);
}

static void test_what_is_refused(void **state)
{
	static const char *const bad[] = {
		"",	    "a",       "*",	    "/..",     "/a/../b",
		"/%2e%2E/", "/a%2fb",  "/a%00b",    "/a%0ab",  "/%",
		"/%4",	    "/%zz",    "/%ff",	    "/?a=%00", "/?%0d=1",
		"/.",	    "/%c0%af", "http://x/", "/a\x7f",
	};
	struct uri u;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++)
		if (uri_parse(bad[i], &u) != -EINVAL)
			fail_msg("%s is taken", bad[i]);
}

static void test_limits(void **state)
{
	char text[URI_MAX + 2];
	struct uri u;
	size_t i, n = 0;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[0] = '/';
	text[URI_MAX + 1] = '\0';
	assert_int_equal(-EMSGSIZE, uri_parse(text, &u));
	text[URI_MAX] = '\0';
	assert_int_equal(0, uri_parse(text, &u));
	uri_release(&u);
	for (i = 0; i <= URI_SEGMENTS_MAX; i++) {
		text[n++] = '/';
		text[n++] = 'a';
	}
	text[n] = '\0';
	assert_int_equal(-EMSGSIZE, uri_parse(text, &u));
	text[n - 2] = '\0';
	assert_int_equal(0, uri_parse(text, &u));
	uri_release(&u);
	n = (size_t)snprintf(text, sizeof(text), "/?");
	for (i = 0; i <= URI_PARAMETERS_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "a=%zu&", i);
	assert_int_equal(-EMSGSIZE, uri_parse(text, &u));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts_are_decoded),
		cmocka_unit_test(test_slashes),
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
