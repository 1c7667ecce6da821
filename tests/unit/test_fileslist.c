/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_fileslist.c - the lists of paths that --files-from and its two
 * sisters read.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "archive/fileslist.h"
#include "testdir.h"

static void test_a_raw_list_has_any_bytes(void **state)
{
	static const char text[] = "a\n\0 # b \0\xff\0";
	struct fileslist l = { 0 };

	(void)state;
	put_bytes("l", text, sizeof(text) - 1);
	assert_int_equal(fileslist_add_raw(&l, in_dir("l")), 0);
	assert_int_equal(l.count, 3);
	assert_string_equal(l.paths[0], "a\n");
	assert_string_equal(l.paths[1], " # b ");
	assert_string_equal(l.paths[2], "\xff");
	put_bytes("l", "a\0b", 3);
	assert_int_equal(fileslist_add_raw(&l, in_dir("l")), -EINVAL);
	put_bytes("l", "a\0\0", 3);
	assert_int_equal(fileslist_add_raw(&l, in_dir("l")), -EINVAL);
	put_bytes("l", "", 0);
	assert_int_equal(fileslist_add_raw(&l, in_dir("l")), 0);
	assert_int_equal(fileslist_add_raw(&l, in_dir("none")), -ENOENT);
	fileslist_release(&l);
}

static void test_a_verbatim_list_is_not_touched(void **state)
{
	struct fileslist l = { 0 };

	(void)state;
	put_file("l", "# no comment\n\n  *.c \nlast");
	assert_int_equal(fileslist_add_verbatim(&l, in_dir("l")), 0);
	assert_int_equal(l.count, 3);
	assert_string_equal(l.paths[0], "# no comment");
	assert_string_equal(l.paths[1], "  *.c ");
	assert_string_equal(l.paths[2], "last");
	put_bytes("l", "a\0\n", 3);
	assert_int_equal(fileslist_add_verbatim(&l, in_dir("l")), -EINVAL);
	fileslist_release(&l);
}

/* Read a list in which @ stands for the directory of the test. */
static int list_of(struct fileslist *l, const char *lines)
{
	char text[512], *out = text;

	for (; *lines; lines++) {
		if (*lines == '@')
			out = stpcpy(out, dir);
		else
			*out++ = *lines;
	}
	*out = '\0';
	put_file("l", text);
	return fileslist_add_patterns(l, in_dir("l"));
}

static void test_patterns_of_a_list_are_expanded(void **state)
{
	struct fileslist l = { 0 };

	(void)state;
	assert_int_equal(mkdirat(dirfd_, "d", 0700), 0);
	assert_int_equal(mkdirat(dirfd_, "e", 0700), 0);
	put_file("d/b.c", "");
	put_file("d/a.c", "");
	put_file("d/.c", "");
	put_file("e/x [1].c", "");
	assert_int_equal(symlinkat("nowhere", dirfd_, "e/broken"), 0);
	assert_int_equal(list_of(&l, "# x\n \n  @/d/*.c \n@/?/x \\[*\n"
				     "@/e/broken\n@//d/\n"),
			 0);
	assert_int_equal(l.count, 6);
	assert_string_equal(l.paths[0], in_dir("d/.c"));
	assert_string_equal(l.paths[1], in_dir("d/a.c"));
	assert_string_equal(l.paths[2], in_dir("d/b.c"));
	assert_string_equal(l.paths[3], in_dir("e/x [1].c"));
	assert_string_equal(l.paths[4], in_dir("e/broken"));
	assert_string_equal(l.paths[5], in_dir("d/"));
	assert_int_equal(warnings, 0);
	assert_int_equal(list_of(&l, "@/d/*.h\n@/none\n@/d/a.c/*\n"), 0);
	assert_int_equal(l.count, 6);
	assert_int_equal(warnings, 3);
	assert_int_equal(list_of(&l, "@/none/[\n"), -EINVAL);
	fileslist_release(&l);
	assert_null(l.paths);
}

static void test_relative_patterns_stay_relative(void **state)
{
	struct fileslist l = { 0 };
	int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	put_file("l", "l\n./l\n*\n");
	assert_int_equal(fchdir(dirfd_), 0);
	assert_int_equal(fileslist_add_patterns(&l, "l"), 0);
	assert_int_equal(fchdir(here), 0);
	close(here);
	assert_int_equal(l.count, 3);
	assert_string_equal(l.paths[0], "l");
	assert_string_equal(l.paths[1], "./l");
	assert_string_equal(l.paths[2], "l");
	fileslist_release(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_DIR(test_a_raw_list_has_any_bytes),
		IN_DIR(test_a_verbatim_list_is_not_touched),
		IN_DIR(test_patterns_of_a_list_are_expanded),
		IN_DIR(test_relative_patterns_stay_relative),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
