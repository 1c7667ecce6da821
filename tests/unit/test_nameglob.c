/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_nameglob.c - one pattern on one name, with and without case.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "archive/nameglob.h"

static bool glob(const char *pattern, const char *name, bool fold)
{
	struct nameglob g;
	bool yes;

	assert_int_equal(nameglob_init(&g, pattern, strlen(pattern), fold), 0);
	yes = nameglob_match(&g, name, strlen(name));
	nameglob_release(&g);
	return yes;
}

struct glob_case {
	const char *pattern, *name;
	bool yes;
};

static const struct glob_case names[] = {
	{ "a", "a", true },
	{ "a", "aa", false },
	{ "a", "", false },
	{ "*", "", true },
	{ "*", ".hidden", true },
	{ "*.o", "x.o", true },
	{ "*.o", ".o", true },
	{ "*.o", "x.oo", false },
	{ "*.o", "o", false },
	{ "a*", "a", true },
	{ "a*", "ba", false },
	{ "a*b", "ab", true },
	{ "a*b", "a/b", true }, /* a name has no slash; nobody asks */
	{ "a*b", "abb", true },
	{ "a*b", "aba", false },
	{ "a**b", "axxb", true },
	{ "*a*b*", "xaxbx", true },
	{ "*a*b*", "xbxax", false },
	{ "?", "a", true },
	{ "?", "", false },
	{ "?", "ab", false },
	{ "?", "\xc3\xa9", true },
	{ "??", "\xc3\xa9", false },
	{ "?", "\xe9", true },
	{ "??", "\xe9z", true },
	{ "*?", "\xe6\x97\xa5", true },
	{ "*??", "\xe6\x97\xa5", false },
	{ "\xe9*", "\xe9t\xe9", true },
	{ "\xe9", "\xc3\xa9", false },
	{ "[ab]", "b", true },
	{ "[ab]", "c", false },
	{ "[a-c]x", "bx", true },
	{ "[^a-c]", "b", false },
	{ "[^a-c]", "d", true },
	{ "[^a-c]", "\xff", true },
	{ "[!a]", "!", true }, /* `!` is a member, not a negation */
	{ "[!a]", "b", false },
	{ "[\\]]", "]", true },
	{ "[\\-]", "-", true },
	{ "[\xc3\xa0-\xc3\xbf]", "\xc3\xa9", true },
	{ "[c-a]", "b", false },
	{ "\\*", "*", true },
	{ "\\*", "x", false },
	{ "\\\\", "\\", true },
	{ "]", "]", true },
	{ "a]", "a]", true },
	{ "A", "a", false },
	{ "\n*", "\nx", true },
};

static void test_a_name_matches_by_gos_rules(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(names); i++) {
		if (glob(names[i].pattern, names[i].name, false) !=
		    names[i].yes)
			fail_msg("'%s' on '%s'", names[i].pattern,
				 names[i].name);
	}
}

static const struct glob_case folded[] = {
	{ "README*", "readme.txt", true },
	{ "*.JPG", "a.jpg", true },
	{ "*.jpg", "a.JpG", true },
	{ "[A-C]", "b", true },
	{ "[a-c]", "B", true },
	{ "\xc3\x89t\xc3\xa9", "\xc3\xa9T\xc3\x89", true },
	{ "*\xc3\x9c", "x\xc3\xbc", true },
	{ "*\xd0\x96*", "a\xd0\xb6z", true },
	{ "kelvin",
	  "\xe2\x84\xaa"
	  "elvin",
	  true }, /* U+212A */
	{ "*k", "\xe2\x84\xaa", true },
	{ "\xc9", "\xe9", false }, /* Latin-1 is only bytes */
	{ "a\xc9", "A\xc9", true },
	{ "[\\[]", "{", false }, /* not letters, though 32 apart */
	{ "@", "`", false },
};

static void test_folding_knows_more_than_ascii(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(folded); i++) {
		if (glob(folded[i].pattern, folded[i].name, true) !=
		    folded[i].yes)
			fail_msg("'%s' on '%s'", folded[i].pattern,
				 folded[i].name);
	}
}

static void test_bad_patterns_are_einval(void **state)
{
	static const char *const bad[] = { "[",	   "[]",   "[a",      "[^]",
					   "[a-]", "[-a]", "[a-",     "\\",
					   "a\\",  "[a\\", "[a-c-e]", "[]a]" };
	struct nameglob g;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(nameglob_init(&g, bad[i], strlen(bad[i]),
					       false),
				 -EINVAL);
	}
}

static void test_a_tail_is_what_every_match_ends_in(void **state)
{
	static const struct {
		const char *pattern;
		bool fold;
		int tail;
	} cases[] = {
		{ "a", false, 'a' },   { "*.o", false, 'o' },
		{ "a*", false, -1 },   { "*", false, -1 },
		{ "?b", false, 'b' },  { "[ab]", false, -1 },
		{ "a?", false, -1 },   { "*\xc3\xa9", false, 0xa9 },
		{ "*.O", true, 'o' },  { "*\xc3\xa9", true, -1 },
		{ "[a]Z", true, 'z' }, { "", false, -1 },
	};
	struct nameglob g;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(nameglob_init(&g, cases[i].pattern,
					       strlen(cases[i].pattern),
					       cases[i].fold),
				 0);
		if (nameglob_tail(&g) != cases[i].tail)
			fail_msg("'%s'", cases[i].pattern);
		nameglob_release(&g);
	}
}

static void test_a_literal_has_no_wildcards(void **state)
{
	struct nameglob g;

	(void)state;
	assert_int_equal(nameglob_init_literal(&g, "*[\\", 3), 0);
	assert_true(nameglob_match(&g, "*[\\", 3));
	assert_false(nameglob_match(&g, "x[\\", 3));
	nameglob_release(&g);
	nameglob_release(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_name_matches_by_gos_rules),
		cmocka_unit_test(test_folding_knows_more_than_ascii),
		cmocka_unit_test(test_bad_patterns_are_einval),
		cmocka_unit_test(test_a_tail_is_what_every_match_ends_in),
		cmocka_unit_test(test_a_literal_has_no_wildcards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
