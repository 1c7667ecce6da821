/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_filter.c - patterns, tags and sizes that select paths.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "archive/filter.h"
#include "archive/nameglob.h"
#include "prng.h"
#include "testdir.h"

static bool glob(const char *pattern, const char *name, bool fold)
{
	struct nameglob g;
	bool yes;

	assert_int_equal(nameglob_init(&g, pattern, strlen(pattern), fold), 0);
	yes = nameglob_match(&g, name, strlen(name));
	nameglob_release(&g);
	return yes;
}

/* --- paths --- */

/* Patterns are separated by blanks; `~` in front folds. */
static struct filter *filter_of(const char *patterns)
{
	struct filter *f;
	char one[256];
	size_t n;

	assert_int_equal(filter_new(&f), 0);
	while (*patterns) {
		n = strcspn(patterns, " ");
		snprintf(one, sizeof(one), "%.*s", (int)n, patterns);
		assert_int_equal(filter_add(f, one + (*one == '~'),
					    *one == '~' ? FILTER_FOLD : 0),
				 0);
		patterns += n + (patterns[n] == ' ');
	}
	return f;
}

static bool selects(const struct filter *f, const char *path)
{
	return filter_match_path(f, path, strlen(path));
}

struct path_case {
	const char *patterns, *path;
	bool yes;
};

static const struct path_case paths[] = {
	/* one component, anywhere, and all below it */
	{ "foo", "/foo", true },
	{ "foo", "/a/foo", true },
	{ "foo", "/a/foo/b/c", true },
	{ "foo", "/a/foob", false },
	{ "foo", "/", false },
	{ "*.o", "/a/b.o", true },
	{ "*.o", "/a.o/b", true },
	{ "*", "/a", true },
	{ "*", "/", false },
	/* several */
	{ "a/b", "/x/a/b", true },
	{ "a/b", "/x/a/c/b", false },
	{ "a/b", "/a/b/c", true },
	{ "a/*", "/x/a", false },
	{ "a/*", "/x/a/y", true },
	{ "a/b/c", "/b/c", false },
	/* from the root */
	{ "/a", "/a", true },
	{ "/a", "/b/a", false },
	{ "/a", "/a/b", true },
	{ "/a/*/c", "/a/b/c", true },
	{ "/a/*/c", "/a/c", false },
	{ "/a/*/c", "/x/a/b/c", false },
	{ "/*", "/a", true },
	{ "/*", "/", false },
	{ "/", "/", true },
	{ "/", "/a/b", true },
	/* any depth */
	{ "a/**/c", "/a/c", true },
	{ "a/**/c", "/a/x/c", true },
	{ "a/**/c", "/q/a/x/y/z/c/d", true },
	{ "a/**/c", "/a/x", false },
	{ "/a/**/c", "/a/x/y/c", true },
	{ "/a/**/c", "/b/a/x/c", false },
	{ "**/c", "/c", true },
	{ "**/c", "/a/b/c", true },
	{ "/**/c", "/a/b/c", true },
	{ "/**/c", "/c", true },
	{ "/**", "/", true },
	{ "/**", "/a", true },
	{ "a/**", "/a", true },
	{ "a/**", "/a/b", true },
	{ "a/**", "/b", false },
	{ "/a/**/b/**/c", "/a/b/x/b/y/c", true },
	{ "/a/**/b/**/c", "/a/x/c", false },
	{ "/**/a/b/**/c", "/a/x/a/b/c", true },
	{ "/a/**/**/c", "/a/c", true },
	{ "/a**b", "/axxb", true }, /* `**` in a name is `*` */
	{ "/a**b", "/a/b", false },
	/* the text of a pattern is resolved */
	{ "a/", "/a", true },
	{ "a//b/", "/a/b", true },
	{ "./a", "/x/a", true },
	{ "a/../b", "/b", true },
	{ "a/../b", "/a", false },
	{ "/../a", "/a", true },
	{ "../a", "/a", false },
	{ "*../b", "/x../b", true },
	{ ".", "/a", false },
	{ "a/..", "/a", false },
	{ "..", "/a", false },
	/* the last one decides */
	{ "*.c !keep.c", "/a/x.c", true },
	{ "*.c !keep.c", "/a/keep.c", false },
	{ "!keep.c *.c", "/a/keep.c", true },
	{ "*.c !keep.c *p.c", "/a/keep.c", true },
	{ "/a/* !/a/b", "/a/b", false },
	{ "/a/* !/a/b", "/a/b/c", false },
	{ "/a/* !/a/b", "/a/c", true },
	{ "*.log !keep", "/keep/a.log", false }, /* `keep` covers it */
	{ "!keep *.log", "/keep/a.log", true },
	{ "!a", "/a", false },
	{ "\\!a", "/!a", true },
	{ "!!a", "/!a", false },
	/* case, in one list with the rest */
	{ "~README", "/a/ReadMe", true },
	{ "~*.JPG !~x.jpg", "/a.jpg", true },
	{ "~/HOME/*/TMP", "/home/U/tmp/x", true },
	{ "~*.jpg !b.JPG", "/b.JPG", false },
	{ "~*\xc3\x89", "/x\xc3\xa9", true },
	{ "~k", "/\xe2\x84\xaa/x", true },
	/* bytes */
	{ "*\xff", "/a/b\xff", true },
	{ "a\nb", "/a\nb", true },
};

static void test_a_path_matches_by_restics_rules(void **state)
{
	struct filter *f;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(paths); i++) {
		f = filter_of(paths[i].patterns);
		if (selects(f, paths[i].path) != paths[i].yes)
			fail_msg("'%s' on '%s'", paths[i].patterns,
				 paths[i].path);
		filter_free(f);
	}
}

static void test_slashes_in_a_path_do_not_matter(void **state)
{
	struct filter *f = filter_of("/a/b !/a/b/c");

	(void)state;
	assert_true(selects(f, "//a//b/"));
	assert_true(selects(f, "a/b"));
	assert_false(selects(f, "/a/b//c/d/"));
	filter_free(f);
}

/* An entry asked for in its directory is the same as its path. */
static void test_an_entry_is_as_its_path(void **state)
{
	struct filter_dir d, child, again;
	const char *slash, *name;
	struct filter *f;
	size_t i, len;

	(void)state;
	for (i = 0; i < ARRAY_LEN(paths); i++) {
		slash = strrchr(paths[i].path, '/');
		name = slash + 1;
		if (*name == '\0')
			continue;
		len = (size_t)(slash - paths[i].path);
		f = filter_of(paths[i].patterns);
		filter_dir_init(&d, f, paths[i].path, len);
		assert_int_equal(filter_match(f, &d, name, strlen(name)),
				 paths[i].yes);
		filter_dir_child(&child, f, &d, name, strlen(name),
				 paths[i].path, strlen(paths[i].path));
		filter_dir_init(&again, f, paths[i].path,
				strlen(paths[i].path));
		assert_int_equal(child.rank, again.rank);
		assert_int_equal(filter_dir_is_matched(&child, f),
				 paths[i].yes);
		filter_free(f);
	}
}

static void test_an_empty_filter_selects_nothing(void **state)
{
	struct filter_dir d;
	struct filter *f;

	(void)state;
	assert_true(filter_is_empty(NULL));
	filter_dir_init(&d, NULL, "/a", 2);
	assert_false(filter_match(NULL, &d, "b", 1));
	assert_false(filter_is_too_large(NULL, UINT64_MAX));
	filter_dir_read_tags(&d, NULL, -1);
	assert_int_equal(filter_new(&f), 0);
	assert_int_equal(filter_add(f, "", 0), 0);
	assert_int_equal(filter_add(f, "!", 0), 0);
	assert_true(filter_is_empty(f));
	filter_dir_init(&d, f, "/a", 2);
	assert_true(d.idle);
	assert_false(filter_match(f, &d, "b", 1));
	assert_false(filter_dir_may_contain(&d, f));
	filter_free(f);
	filter_free(NULL);
}

static const struct path_case below[] = {
	{ "/a/b/c", "/", true },
	{ "/a/b/c", "/a", true },
	{ "/a/b/c", "/a/b", true },
	{ "/a/b/c", "/a/b/c", true }, /* it is selected itself */
	{ "/a/b/c", "/a/b/c/d", true },
	{ "/a/b/c", "/x", false },
	{ "/a/b/c", "/a/x", false },
	{ "/a/*/c", "/a/x", true },
	{ "/a/*/c", "/a/x/y", false },
	{ "/a/**/c", "/a/x/y/z", true },
	{ "/a/**/c", "/b", false },
	{ "c", "/x/y", true },
	{ "!c", "/x/y", false },
	{ "/a !/a/b", "/a/b", false },
	{ "/a !/a/b /a/b/c", "/a/b", true },
	{ "/a/b/c !/a", "/a", false },
};

static void test_a_directory_on_the_way_may_contain(void **state)
{
	struct filter_dir d;
	struct filter *f;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(below); i++) {
		f = filter_of(below[i].patterns);
		filter_dir_init(&d, f, below[i].path, strlen(below[i].path));
		if (filter_dir_may_contain(&d, f) != below[i].yes)
			fail_msg("'%s' below '%s'", below[i].patterns,
				 below[i].path);
		filter_free(f);
	}
}

static void test_a_path_is_taken_as_written(void **state)
{
	struct filter *f;

	(void)state;
	assert_int_equal(filter_new(&f), 0);
	assert_int_equal(filter_add_path(f, "/a/[x]*/!b\\"), 0);
	assert_true(selects(f, "/a/[x]*/!b\\"));
	assert_true(selects(f, "/a/[x]*/!b\\/c"));
	assert_false(selects(f, "/a/xx/!b\\"));
	filter_free(f);
	assert_int_equal(filter_new(&f), 0);
	assert_int_equal(filter_add_path(f, "/**"), 0);
	assert_false(selects(f, "/a"));
	assert_true(selects(f, "/**/a"));
	filter_free(f);
}

/* The obvious exponential matcher, to compare with on small cases. */
static bool slow_match(char *const *p, size_t np, char *const *s, size_t ns)
{
	size_t i;

	if (np == 0)
		return ns == 0;
	if (strcmp(p[0], "**") == 0) {
		for (i = 0; i <= ns; i++) {
			if (slow_match(p + 1, np - 1, s + i, ns - i))
				return true;
		}
		return false;
	}
	return ns > 0 && glob(p[0], s[0], false) &&
	       slow_match(p + 1, np - 1, s + 1, ns - 1);
}

static size_t random_path(uint64_t *seed, const char *const *words, size_t n,
			  char **parts, char *text)
{
	size_t count = 1 + prng_next(seed) % 6, i;

	*text = '\0';
	for (i = 0; i < count; i++) {
		parts[i] = (char *)words[prng_next(seed) % n];
		strcat(strcat(text, "/"), parts[i]);
	}
	return count;
}

static void test_random_patterns_agree_with_a_simple_matcher(void **state)
{
	static const char *const words[] = { "a", "b", "ab" };
	static const char *const globs[] = { "a",  "**", "b", "*",
					     "?b", "a*", "**" };
	char *p[8], *s[8], pattern[64], path[64];
	size_t np, ns, k, hits = 0;
	uint64_t seed = 17;
	struct filter *f;
	bool want;
	int i;

	(void)state;
	for (i = 0; i < 20000; i++) {
		np = random_path(&seed, globs, ARRAY_LEN(globs), p, pattern);
		ns = random_path(&seed, words, ARRAY_LEN(words), s, path);
		for (want = false, k = 0; k <= ns; k++)
			want |= slow_match(p, np, s, k);
		f = filter_of(pattern);
		if (selects(f, path) != want)
			fail_msg("'%s' on '%s'", pattern, path);
		filter_free(f);
		hits += want;
	}
	assert_in_range(hits, 2000, 18000);
}

/* An exponential matcher would not end; ours is done at once. The bound is
 * generous, for valgrind and busy machines. */
static void test_hostile_patterns_end(void **state)
{
	static char pattern[40000], path[40000], stars[1024], name[256];
	struct timespec t0, t1;
	struct filter_dir d;
	struct filter *f;
	int i;

	(void)state;
	for (i = 0; i < 2000; i++) {
		strcpy(pattern + 5 * i, "/a/**");
		strcpy(path + 2 * i, "/a");
	}
	strcat(pattern, "/b");
	for (i = 0; i < 250; i++)
		strcpy(stars + 2 * i, "a*");
	strcat(stars, "b");
	memset(name, 'a', 255);
	clock_gettime(CLOCK_MONOTONIC, &t0);
	assert_int_equal(filter_new(&f), 0);
	assert_int_equal(filter_add(f, pattern, 0), 0);
	assert_int_equal(filter_add(f, stars, 0), 0);
	for (i = 0; i < 100; i++) {
		assert_false(selects(f, name));
		strcpy(path + 4000, "/b/b/a/c");
		d = (struct filter_dir){ .path = path, .len = 4000 };
		assert_false(filter_match(f, &d, "c", 1));
	}
	assert_true(selects(f, "/a") == false);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	assert_in_range(t1.tv_sec - t0.tv_sec, 0, 60);
	filter_free(f);
	memset(pattern, 'a', sizeof(pattern) - 1);
	assert_int_equal(filter_new(&f), 0);
	assert_int_equal(filter_add(f, pattern, 0), 0);
	filter_free(f);
}

static void test_a_bad_pattern_adds_nothing(void **state)
{
	struct filter *f;

	(void)state;
	assert_int_equal(filter_new(&f), 0);
	assert_int_equal(filter_add(f, "!x/[/y", 0), -EINVAL);
	assert_int_equal(filter_add(f, "a\\", FILTER_FOLD), -EINVAL);
	assert_false(filter_has_patterns(f));
	filter_free(f);
}

static void test_a_pattern_over_the_limit_is_einval(void **state)
{
	char *text = malloc(FILTER_PATTERN_MAX + 2);
	struct filter *f;

	(void)state;
	memset(text, 'a', FILTER_PATTERN_MAX + 1);
	text[FILTER_PATTERN_MAX + 1] = '\0';
	assert_int_equal(filter_new(&f), 0);
	assert_int_equal(filter_add(f, text, 0), -EINVAL);
	text[FILTER_PATTERN_MAX] = '\0';
	assert_int_equal(filter_add(f, text, 0), 0);
	filter_free(f);
	free(text);
}

/* --- pattern files, sizes --- */

static void test_a_pattern_file_drops_blanks_and_comments(void **state)
{
	struct filter *f;

	(void)state;
	put_file("p", "\xef\xbb\xbf*.o\r\n"
		      "# a comment\n"
		      "   \t\n"
		      "\n"
		      "  # another\n"
		      "\t two words \n"
		      "$HOME\n"
		      "!keep.o");
	assert_int_equal(filter_new(&f), 0);
	assert_int_equal(filter_add_file(f, in_dir("p"), 0), 0);
	assert_true(selects(f, "/x.o"));
	assert_false(selects(f, "/keep.o"));
	assert_true(selects(f, "/a/two words"));
	assert_true(selects(f, "/$HOME"));
	assert_false(selects(f, "/# a comment"));
	filter_free(f);
	assert_int_equal(filter_new(&f), 0);
	assert_int_equal(filter_add_file(f, in_dir("p"), FILTER_FOLD), 0);
	assert_true(selects(f, "/X.O"));
	filter_free(f);
}

static void test_a_bad_pattern_file_is_an_error(void **state)
{
	struct filter *f;

	(void)state;
	assert_int_equal(filter_new(&f), 0);
	assert_int_equal(filter_add_file(f, in_dir("none"), 0), -ENOENT);
	assert_int_equal(filter_add_file(f, dir, 0), -EISDIR);
	put_file("p", "a\n[\n");
	assert_int_equal(filter_add_file(f, in_dir("p"), 0), -EINVAL);
	put_bytes("p", "a\0b\n", 4);
	assert_int_equal(filter_add_file(f, in_dir("p"), 0), -EINVAL);
	put_file("p", "");
	assert_int_equal(filter_add_file(f, in_dir("p"), 0), 0);
	filter_free(f);
}

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t size;
	} sizes[] = {
		{ "0", 0, 0 },
		{ "100", 0, 100 },
		{ "100b", 0, 100 },
		{ "1k", 0, 1024 },
		{ "1K", 0, 1024 },
		{ "3M", 0, 3 << 20 },
		{ "2GiB", 0, 2ull << 30 },
		{ "1t", 0, 1ull << 40 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -EINVAL, 0 },
		{ "16777216t", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ "k", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "1.5M", -EINVAL, 0 },
		{ "1 k", -EINVAL, 0 },
		{ "1kk", -EINVAL, 0 },
		{ "1x", -EINVAL, 0 },
	};
	struct filter *f;
	uint64_t v;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		v = 77;
		assert_int_equal(filter_parse_size(sizes[i].text, &v),
				 sizes[i].r);
		assert_true(v == (sizes[i].r < 0 ? 77 : sizes[i].size));
	}
	assert_int_equal(filter_new(&f), 0);
	assert_false(filter_is_too_large(f, UINT64_MAX));
	filter_set_max_size(f, 1024);
	assert_false(filter_is_empty(f));
	assert_false(filter_is_too_large(f, 1024));
	assert_true(filter_is_too_large(f, 1025));
	filter_free(f);
}

/* --- tags --- */

#define SIGNATURE "Signature: 8a477f597d28d172789f06886806bc55"

static bool leaves_out(struct filter *f, const char *name)
{
	struct filter_dir d;

	filter_dir_init(&d, f, "/src", 4);
	filter_dir_read_tags(&d, f, dirfd_);
	return filter_match(f, &d, name, strlen(name));
}

static void test_a_cache_keeps_only_its_tag(void **state)
{
	struct filter *f;

	(void)state;
	assert_int_equal(filter_new(&f), 0);
	assert_int_equal(filter_add_cachedir_tag(f), 0);
	assert_true(filter_has_tags(f));
	assert_false(leaves_out(f, "x"));
	put_file("CACHEDIR.TAG", "Signature: something else");
	assert_false(leaves_out(f, "x"));
	put_file("CACHEDIR.TAG", "Signature: 8a477f");
	assert_false(leaves_out(f, "x"));
	put_file("CACHEDIR.TAG", SIGNATURE "\n# more\n");
	assert_true(leaves_out(f, "x"));
	assert_true(leaves_out(f, "CACHEDIR.TAG2"));
	assert_false(leaves_out(f, "CACHEDIR.TAG"));
	assert_int_equal(filter_add(f, "*.TAG", 0), 0);
	assert_true(leaves_out(f, "CACHEDIR.TAG"));
	filter_free(f);
}

static void test_a_tag_with_a_header_is_a_regular_file(void **state)
{
	struct filter *f;

	(void)state;
	assert_int_equal(filter_new(&f), 0);
	assert_int_equal(filter_add_cachedir_tag(f), 0);
	put_file("real", SIGNATURE);
	assert_int_equal(symlinkat("real", dirfd_, "CACHEDIR.TAG"), 0);
	assert_false(leaves_out(f, "x"));
	assert_int_equal(unlinkat(dirfd_, "CACHEDIR.TAG", 0), 0);
	assert_int_equal(mkfifoat(dirfd_, "CACHEDIR.TAG", 0600), 0);
	assert_false(leaves_out(f, "x"));
	assert_int_equal(unlinkat(dirfd_, "CACHEDIR.TAG", 0), 0);
	assert_int_equal(mkdirat(dirfd_, "CACHEDIR.TAG", 0700), 0);
	assert_false(leaves_out(f, "x"));
	filter_free(f);
}

static void test_any_entry_may_be_a_tag(void **state)
{
	struct filter *f;

	(void)state;
	assert_int_equal(filter_new(&f), 0);
	assert_int_equal(filter_add_tag(f, ".nobackup"), 0);
	assert_int_equal(filter_add_tag(f, "MARK:head: er"), 0);
	assert_int_equal(symlinkat("nowhere", dirfd_, ".nobackup"), 0);
	assert_true(leaves_out(f, "x"));
	assert_true(leaves_out(f, "MARK"));
	put_file("MARK", "head: er and so on");
	assert_false(leaves_out(f, "MARK"));
	assert_false(leaves_out(f, ".nobackup"));
	assert_int_equal(unlinkat(dirfd_, ".nobackup", 0), 0);
	assert_true(leaves_out(f, ".nobackup"));
	filter_free(f);
}

static void test_a_tag_is_a_file_name(void **state)
{
	static const char *const bad[] = { "", ":x", "a/b", ".", "..", "/" };
	struct filter *f;
	size_t i;

	(void)state;
	assert_int_equal(filter_new(&f), 0);
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(filter_add_tag(f, bad[i]), -EINVAL);
	for (i = 0; i < 32; i++)
		assert_int_equal(filter_add_tag(f, "..."), 0);
	assert_int_equal(filter_add_tag(f, "a"), -EINVAL);
	filter_free(f);
}

static void test_an_unreadable_tag_is_a_warning(void **state)
{
	struct filter_dir d;
	struct filter *f;

	(void)state;
	assert_int_equal(filter_new(&f), 0);
	assert_int_equal(filter_add_cachedir_tag(f), 0);
	filter_dir_init(&d, f, "/src", 4);
	filter_dir_read_tags(&d, f, -1);
	assert_int_equal(warnings, 1);
	assert_false(filter_match(f, &d, "x", 1));
	filter_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_DIR(test_a_bad_pattern_adds_nothing),
		cmocka_unit_test(test_a_path_matches_by_restics_rules),
		cmocka_unit_test(test_slashes_in_a_path_do_not_matter),
		cmocka_unit_test(test_an_entry_is_as_its_path),
		cmocka_unit_test(test_an_empty_filter_selects_nothing),
		cmocka_unit_test(test_a_directory_on_the_way_may_contain),
		cmocka_unit_test(test_a_path_is_taken_as_written),
		cmocka_unit_test(
			test_random_patterns_agree_with_a_simple_matcher),
		cmocka_unit_test(test_hostile_patterns_end),
		IN_DIR(test_a_pattern_over_the_limit_is_einval),
		IN_DIR(test_a_pattern_file_drops_blanks_and_comments),
		IN_DIR(test_a_bad_pattern_file_is_an_error),
		cmocka_unit_test(test_sizes),
		IN_DIR(test_a_cache_keeps_only_its_tag),
		IN_DIR(test_a_tag_with_a_header_is_a_regular_file),
		IN_DIR(test_any_entry_may_be_a_tag),
		IN_DIR(test_a_tag_is_a_file_name),
		IN_DIR(test_an_unreadable_tag_is_a_warning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
