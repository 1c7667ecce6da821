/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_store_dir.c - what only the directory kind promises: its layout, and
 * what it does with a directory that holds something else.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/contract/store_fixture.h"

static void write_file(const struct fixture *f, const char *sub)
{
	char path[256];
	FILE *p;

	fixture_path(path, f, sub);
	p = fopen(path, "w");
	assert_non_null(p);
	fputs("foreign", p);
	fclose(p);
}

static unsigned int mode_of(const struct fixture *f, const char *sub)
{
	struct stat st;
	char path[256];

	fixture_path(path, f, sub);
	assert_int_equal(0, lstat(path, &st));
	return st.st_mode & 07777;
}

static void name_of(char name[8], int i)
{
	snprintf(name, 8, "ab%02x", i);
}

static int count_fds(void)
{
	FILE *p = popen("ls /proc/$PPID/fd | wc -l", "r");
	int n = 0;

	assert_int_equal(1, fscanf(p, "%d", &n));
	pclose(p);
	return n;
}

static void test_dir_that_is_missing_is_enoent(void **state)
{
	struct fixture *f = *state;
	struct store *s;
	char path[256];

	fixture_path(path, f, "none/at/all");
	assert_int_equal(-ENOENT, store_open_dir(path, &s));
	assert_int_equal(0, log_lines);
	write_file(f, "file");
	fixture_path(path, f, "file");
	assert_int_equal(-ENOTDIR, store_open_dir(path, &s));
	assert_int_equal(0, log_lines);
	assert_int_equal(-ENOTDIR, store_create_dir(path, &s));
	assert_int_equal(1, log_lines);
	assert_non_null(strstr(last_line, path));
}

static void test_dir_is_made_private_and_can_be_completed(void **state)
{
	static const char *const subs[] = { "",	     "keys",	  "packs",
					    "index", "snapshots", "heads",
					    "leases" };
	struct fixture *f = *state;
	struct store *s;
	char path[256];
	size_t i;

	fixture_path(path, f, "packs/deep/er");
	assert_int_equal(0, store_create_dir(path, &s));
	store_free(s);
	for (i = 0; i < ARRAY_LEN(subs); i++)
		assert_int_equal(0700, mode_of(f, subs[i]));
	fixture_path(path, f, "heads");
	assert_int_equal(0, rmdir(path));
	fixture_path(path, f, "lost+found");
	assert_int_equal(0, mkdir(path, 0700));
	assert_int_equal(0, store_create_dir(f->repo, &s));
	assert_string_equal(f->repo, store_location(s));
	store_free(s);
	assert_int_equal(0700, mode_of(f, "heads"));
	assert_int_equal(0, log_lines);
}

static void test_dir_with_anything_else_is_eexist(void **state)
{
	struct fixture *f = *state;
	struct store *s;
	char path[256];

	write_file(f, "letter");
	assert_int_equal(-EEXIST, store_create_dir(f->repo, &s));
	fixture_path(path, f, "letter");
	assert_int_equal(0, unlink(path));
	assert_int_equal(0, store_put(f->s, STORE_CONFIG, "config", HELLO));
	assert_int_equal(-EEXIST, store_create_dir(f->repo, &s));
	assert_int_equal(0, log_lines);
}

static void test_dir_objects_are_read_only_files(void **state)
{
	struct fixture *f = *state;
	uint8_t p[7];

	assert_int_equal(0, store_put(f->s, STORE_PACK, "0f", HELLO));
	assert_int_equal(0, store_put(f->s, STORE_CONFIG, "config", HELLO));
	assert_int_equal(0400, mode_of(f, "packs/0f"));
	assert_int_equal(0400, mode_of(f, "config"));
	/* the layout: what lies there under an object's name is one */
	write_file(f, "snapshots/77");
	assert_int_equal(0,
			 store_get_range(f->s, STORE_SNAPSHOT, "77", 0, p, 7));
	assert_memory_equal("foreign", p, 7);
}

static void test_dir_skips_foreign_names(void **state)
{
	struct fixture *f = *state;
	char path[256];

	write_file(f, "packs/README");
	write_file(f, "packs/ab.tmp");
	write_file(f, "packs/AB");
	fixture_path(path, f, "packs/dd");
	assert_int_equal(0, mkdir(path, 0700));
	write_file(f, "other");
	assert_int_equal(0, store_put(f->s, STORE_PACK, "ab", HELLO));
	assert_int_equal(1, count_objects(f->s, STORE_PACK));
	assert_int_equal(0, count_objects(f->s, STORE_CONFIG));
	assert_int_equal(5, fixture_entries(f, "packs"));
	assert_int_equal(0, log_lines);
}

static void test_dir_refuses_what_is_no_file(void **state)
{
	struct fixture *f = *state;
	char path[256];
	uint64_t size;
	uint8_t p[1];

	fixture_path(path, f, "packs/f1f0");
	assert_int_equal(0, mkfifo(path, 0600));
	fixture_path(path, f, "packs/1111");
	assert_int_equal(0, symlink("/etc/passwd", path));
	assert_int_equal(-EUCLEAN, get_size(f->s, STORE_PACK, "f1f0"));
	assert_int_equal(-EUCLEAN, store_stat(f->s, STORE_PACK, "f1f0", &size));
	assert_int_equal(-EUCLEAN, store_stat(f->s, STORE_PACK, "1111", &size));
	assert_int_equal(-ELOOP,
			 store_get_range(f->s, STORE_PACK, "1111", 0, p, 1));
	assert_int_equal(4, log_lines);
	assert_int_equal(0, count_objects(f->s, STORE_PACK));
	assert_true(store_put(f->s, STORE_PACK, "1111", HELLO) < 0);
	assert_int_equal(-EUCLEAN, store_put(f->s, STORE_PACK, "f1f0", HELLO));
	assert_int_equal(6, log_lines);
}

static void test_dir_without_a_class_reads_as_empty(void **state)
{
	struct fixture *f = *state;
	struct store *s;
	struct store_lease *l;
	char path[256];

	fixture_path(path, f, "heads");
	assert_int_equal(0, rmdir(path));
	fixture_path(path, f, "leases");
	assert_int_equal(0, rmdir(path));
	s = fixture_again(f);
	assert_int_equal(0, count_all(s));
	assert_int_equal(-ENOENT, get_size(s, STORE_HEAD, "1"));
	assert_int_equal(-ENOENT, store_delete(s, STORE_HEAD, "1"));
	assert_int_equal(0, store_lease_writers(s));
	assert_int_equal(0, log_lines);
	assert_int_equal(0, store_put(s, STORE_HEAD, "1", HELLO));
	assert_object(s, STORE_HEAD, "1", HELLO);
	assert_int_equal(0, store_lease_begin(s, STORE_LEASE_WRITER, &l));
	store_lease_end(l);
	store_free(s);
}

static void test_dir_sees_what_another_store_deletes(void **state)
{
	struct fixture *f = *state;
	struct store *other = fixture_again(f);
	uint8_t p[6];

	assert_int_equal(0, store_put(f->s, STORE_PACK, "1", HELLO));
	assert_int_equal(0, store_get_range(f->s, STORE_PACK, "1", 0, p, 5));
	assert_int_equal(0, store_delete(other, STORE_PACK, "1"));
	assert_int_equal(-ENOENT,
			 store_get_range(f->s, STORE_PACK, "1", 0, p, 5));
	assert_int_equal(0, store_put(other, STORE_PACK, "1", WORLD));
	assert_int_equal(0, store_get_range(f->s, STORE_PACK, "1", 0, p, 6));
	assert_memory_equal("world!", p, 6);
	store_free(other);
}

static void test_dir_keeps_few_packs_open(void **state)
{
	struct fixture *f = *state;
	struct store_writer *w;
	int i, before, round;

	assert_int_equal(0, store_writer_open(f->s, STORE_PACK, &w));
	before = count_fds();
	for (i = 0; i < 100; i++) {
		char name[8];

		name_of(name, i);
		assert_int_equal(0, store_put(f->s, STORE_PACK, name,
					      SPAN(name, 5)));
	}
	/* a sanitizer has one more or less at times; these would be 100 */
	assert_true(count_fds() <= before + 8);
	for (round = 0; round < 2; round++)
		for (i = 0; i < 100; i++) {
			char name[8], p[8];

			name_of(name, i);
			assert_int_equal(0, store_get_range(f->s, STORE_PACK,
							    name, 0, p, 5));
			assert_string_equal(name, p);
		}
	/* 32 of the 100; a sanitizer may have a few of its own at times */
	assert_true(count_fds() <= before + 48);
	store_writer_abort(w);
}

static void test_dir_write_error_names_object_and_place(void **state)
{
	const struct rlimit small = { 4096, RLIM_INFINITY };
	struct fixture *f = *state;
	CLEANUP_FREE uint8_t *p = pattern(8192);
	struct store_writer *w;
	struct rlimit old;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(0, setrlimit(RLIMIT_FSIZE, &small));
	assert_int_equal(-EFBIG,
			 store_put(f->s, STORE_PACK, "77", SPAN(p, 8192)));
	assert_non_null(strstr(last_line, "packs/77"));
	assert_non_null(strstr(last_line, f->repo));
	assert_int_equal(1, log_lines);
	assert_int_equal(0, store_writer_open(f->s, STORE_PACK, &w));
	assert_int_equal(-EFBIG, store_writer_append(w, SPAN(p, 8192)));
	assert_non_null(strstr(last_line, "packs/(new)"));
	setrlimit(RLIMIT_FSIZE, &old);
	/* what failed once never gets a name */
	assert_int_equal(-EFBIG, store_writer_append(w, HELLO));
	assert_int_equal(-EFBIG, store_writer_commit(w, "88"));
	assert_int_equal(2, log_lines);
	assert_int_equal(0, fixture_entries(f, "packs"));
	assert_int_equal(0, store_put(f->s, STORE_PACK, "77", SPAN(p, 8192)));
}

/* --- the table ---------------------------------------------------------- */

static const struct test_case cases[] = {
	CASE(test_dir_that_is_missing_is_enoent, KIND(DIR_KIND)),
	CASE(test_dir_is_made_private_and_can_be_completed, KIND(DIR_KIND)),
	CASE(test_dir_with_anything_else_is_eexist, KIND(DIR_KIND)),
	CASE(test_dir_objects_are_read_only_files, KIND(DIR_KIND)),
	CASE(test_dir_skips_foreign_names, KIND(DIR_KIND)),
	CASE(test_dir_refuses_what_is_no_file, KIND(DIR_KIND)),
	CASE(test_dir_without_a_class_reads_as_empty, KIND(DIR_KIND)),
	CASE(test_dir_sees_what_another_store_deletes, KIND(DIR_KIND)),
	CASE(test_dir_keeps_few_packs_open, KIND(DIR_KIND)),
	CASE(test_dir_write_error_names_object_and_place, KIND(DIR_KIND)),
};

int main(void)
{
	return fixture_run("store dir", cases, ARRAY_LEN(cases));
}
