/* SPDX-License-Identifier: Apache-2.0 */
/* WRAP: fsync linkat openat renameat2 */
/*
 * test_store_sync.c - the directory store's promises about stable storage:
 * what is synced, in which order, and what happens when that fails, or when
 * the process is killed in between.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "tests/contract/store_fixture.h"

/* --- the system below --------------------------------------------------- */

static int file_syncs, dir_syncs;
static int fail_file_sync, fail_dir_sync; /* count down to the failing one */
static int fail_linkat, fail_renameat2;	  /* an errno, for every call */
static bool no_tmpfile;
static char order[64]; /* f d: syncs; l: the object gets its name */

int __real_fsync(int fd);
int __real_linkat(int from, const char *a, int to, const char *b, int flags);
int __real_openat(int dir, const char *path, int flags, ...);
int __real_renameat2(int from, const char *a, int to, const char *b,
		     unsigned int flags);
int __wrap_fsync(int fd);
int __wrap_linkat(int from, const char *a, int to, const char *b, int flags);
int __wrap_openat(int dir, const char *path, int flags, ...);
int __wrap_renameat2(int from, const char *a, int to, const char *b,
		     unsigned int flags);

static void note(char c)
{
	size_t len = strlen(order);

	if (len + 1 < sizeof(order))
		order[len] = c;
}

static int fails(int *countdown)
{
	return *countdown && --*countdown == 0;
}

int __wrap_fsync(int fd)
{
	struct stat st;
	bool dir;

	assert_int_equal(0, fstat(fd, &st));
	dir = S_ISDIR(st.st_mode);
	note(dir ? 'd' : 'f');
	++*(dir ? &dir_syncs : &file_syncs);
	if (fails(dir ? &fail_dir_sync : &fail_file_sync)) {
		errno = EIO;
		return -1;
	}
	return __real_fsync(fd);
}

int __wrap_linkat(int from, const char *a, int to, const char *b, int flags)
{
	if (fail_linkat) {
		errno = fail_linkat;
		return -1;
	}
	note('l');
	return __real_linkat(from, a, to, b, flags);
}

int __wrap_renameat2(int from, const char *a, int to, const char *b,
		     unsigned int flags)
{
	if (fail_renameat2) {
		errno = fail_renameat2;
		return -1;
	}
	note('l');
	return __real_renameat2(from, a, to, b, flags);
}

int __wrap_openat(int dir, const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode = 0;

	if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	if (no_tmpfile && (flags & O_TMPFILE) == O_TMPFILE) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return __real_openat(dir, path, flags, mode);
}

static void reset(void)
{
	file_syncs = dir_syncs = 0;
	fail_file_sync = fail_dir_sync = fail_linkat = fail_renameat2 = 0;
	no_tmpfile = false;
	memset(order, 0, sizeof(order));
	fault_armed = 0;
	unsetenv("TIDEMARK_FAULT");
}

/* --- helpers ------------------------------------------------------------ */

static int put(struct fixture *f, const char *name)
{
	memset(order, 0, sizeof(order));
	return store_put(f->s, STORE_PACK, name, HELLO);
}

static void assert_whole(struct fixture *f, const char *name)
{
	CLEANUP_BUF struct buf b = BUF_INIT(100);

	assert_int_equal(0, store_get(f->s, STORE_PACK, name, &b));
	assert_int_equal(5, b.len);
	assert_memory_equal("hello", b.p, 5);
}

static bool is_there(struct fixture *f, const char *name)
{
	uint64_t size = 5;
	int r = store_stat(f->s, STORE_PACK, name, &size);

	assert_int_equal(5, size); /* never a part of an object */
	return r == 0;
}

/* --- order of syncs ----------------------------------------------------- */

static void test_put_syncs_file_then_names_then_syncs_directory(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(0, put(f, "1"));
	assert_string_equal("fld", order);
}

static void test_named_put_keeps_the_same_order(void **state)
{
	struct fixture *f = *state;

	no_tmpfile = true;
	assert_int_equal(0, put(f, "1"));
	assert_string_equal("fld", order);
	assert_int_equal(1, fixture_entries(f, "packs"));
}

static void test_eexist_syncs_the_object_that_is_there(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(0, put(f, "1"));
	assert_int_equal(-EEXIST, put(f, "1"));
	/* own file, refused link, the existing file, its directory */
	assert_string_equal("flfd", order);
}

static void test_delete_syncs_the_directory(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(0, put(f, "1"));
	reset();
	assert_int_equal(0, store_delete(f->s, STORE_PACK, "1"));
	assert_string_equal("d", order);
	assert_int_equal(0, put(f, "1"));
	fail_dir_sync = 1;
	assert_int_equal(-EIO, store_delete(f->s, STORE_PACK, "1"));
	assert_int_equal(1, log_lines);
}

static void test_create_syncs_root_and_ancestors(void **state)
{
	struct fixture *f = *state;
	char path[200];
	struct store *s;

	snprintf(path, sizeof(path), "%s/a/b/c", f->root);
	reset();
	assert_int_equal(0, store_create_dir(path, &s));
	store_free(s);
	/* c for each of six directories and once more; b, a, root and up */
	assert_true(dir_syncs >= 6 + 1 + 3);
	assert_int_equal(0, file_syncs);
}

/* --- failing syncs ------------------------------------------------------ */

static void test_failed_file_sync_leaves_no_object(void **state)
{
	struct fixture *f = *state;

	fail_file_sync = 1;
	assert_int_equal(-EIO, put(f, "1"));
	assert_int_equal(0, fixture_entries(f, "packs"));
	assert_int_equal(1, log_lines);
	assert_non_null(strstr(last_line, "packs/1"));
	assert_non_null(strstr(last_line, f->repo));
	assert_int_equal(0, put(f, "1"));
	assert_whole(f, "1");
}

static void test_failed_directory_sync_is_made_up_for(void **state)
{
	struct fixture *f = *state;

	fail_dir_sync = 1;
	assert_int_equal(-EIO, put(f, "1"));
	/* "already safe" only after another sync, and only if that works */
	fail_dir_sync = 1;
	assert_int_equal(-EIO, put(f, "1"));
	fail_file_sync = 2; /* the one of the existing file */
	assert_int_equal(-EIO, put(f, "1"));
	assert_int_equal(3, log_lines);
	assert_int_equal(-EEXIST, put(f, "1"));
	assert_string_equal("flfd", order);
	assert_whole(f, "1");
}

/* --- file systems that cannot do everything ----------------------------- */

static void test_unlinkable_unnamed_file_is_copied_once(void **state)
{
	const size_t len = 200001;
	struct fixture *f = *state;
	CLEANUP_BUF struct buf b = BUF_INIT(1u << 20);
	CLEANUP_FREE uint8_t *p = calloc(1, len);
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = (uint8_t)(i % 251);
	fail_linkat = EOPNOTSUPP;
	assert_int_equal(0, store_put(f->s, STORE_PACK, "1", SPAN(p, len)));
	assert_string_equal("ffld", order + strlen(order) - 4);
	assert_int_equal(0, store_get(f->s, STORE_PACK, "1", &b));
	assert_int_equal(len, b.len);
	assert_memory_equal(p, b.p, len);
	assert_int_equal(0, put(f, "2"));
	assert_string_equal("fld", order);
	assert_int_equal(-EEXIST, put(f, "1"));
	assert_int_equal(2, fixture_entries(f, "packs"));
	assert_int_equal(0, log_lines);
}

static void test_without_rename_noreplace_the_file_is_linked(void **state)
{
	struct fixture *f = *state;

	no_tmpfile = true;
	fail_renameat2 = EINVAL;
	assert_int_equal(0, put(f, "1"));
	assert_int_equal(-EEXIST, put(f, "1"));
	assert_whole(f, "1");
	assert_int_equal(1, fixture_entries(f, "packs"));
	fail_linkat = EPERM;
	assert_int_equal(-EPERM, put(f, "2"));
	assert_int_equal(1, fixture_entries(f, "packs"));
	assert_int_equal(1, log_lines);
}

static void test_named_objects_are_read_only_too(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	char path[200];

	no_tmpfile = true;
	assert_int_equal(0, put(f, "1"));
	snprintf(path, sizeof(path), "%s/packs/1", f->repo);
	assert_int_equal(0, stat(path, &st));
	assert_int_equal(0400, st.st_mode & 07777);
}

static void test_named_writer_leaves_nothing_when_it_ends(void **state)
{
	struct fixture *f = *state;
	struct store_writer *w;

	no_tmpfile = true;
	assert_int_equal(0, store_writer_open(f->s, STORE_PACK, &w));
	assert_int_equal(0, store_writer_append(w, HELLO));
	/* a listing neither shows nor removes what a living writer has */
	assert_int_equal(0, count_objects(f->s, STORE_PACK));
	assert_int_equal(1, fixture_entries(f, "packs"));
	store_writer_abort(w);
	assert_int_equal(0, fixture_entries(f, "packs"));
	fail_file_sync = 1;
	assert_int_equal(-EIO, put(f, "1"));
	assert_int_equal(0, fixture_entries(f, "packs"));
}

static void test_dead_named_writer_is_cleaned_up_by_a_listing(void **state)
{
	struct fixture *f = *state;
	struct store_writer *w;
	int status;
	pid_t pid;

	no_tmpfile = true;
	pid = fork();
	if (pid == 0) {
		if (store_writer_open(f->s, STORE_PACK, &w) == 0 &&
		    store_writer_append(w, HELLO) == 0)
			kill(getpid(), SIGKILL);
		_exit(1);
	}
	assert_int_equal(pid, waitpid(pid, &status, 0));
	assert_true(WIFSIGNALED(status));
	assert_int_equal(1, fixture_entries(f, "packs"));
	assert_int_equal(0, count_objects(f->s, STORE_PACK));
	assert_int_equal(0, fixture_entries(f, "packs"));
}

/* --- fault points ------------------------------------------------------- */

static void arm(const char *spec)
{
	setenv("TIDEMARK_FAULT", spec, 1);
	assert_int_equal(0, fault_init());
}

struct point {
	const char *name;
	bool named; /* the object has its name there */
};

static const struct point points[] = {
	{ "store.create", false },   { "store.write", false },
	{ "store.sync", false },     { "store.publish", false },
	{ "store.published", true },
};

static void kill_at(struct fixture *f, const char *point)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		arm(point);
		(void)!put(f, "1");
		_exit(0);
	}
	assert_int_equal(pid, waitpid(pid, &status, 0));
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void check_kills(struct fixture *f)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(points); i++) {
		kill_at(f, points[i].name);
		assert_int_equal(points[i].named, is_there(f, "1"));
		assert_int_equal(points[i].named,
				 count_objects(f->s, STORE_PACK));
		assert_int_equal(points[i].named, fixture_entries(f, "packs"));
		assert_int_equal(points[i].named ? -EEXIST : 0, put(f, "1"));
		assert_whole(f, "1");
		assert_int_equal(0, store_delete(f->s, STORE_PACK, "1"));
	}
}

static void test_killed_put_leaves_a_whole_object_or_none(void **state)
{
	check_kills(*state);
}

static void test_killed_named_put_leaves_a_whole_object_or_none(void **state)
{
	no_tmpfile = true;
	check_kills(*state);
}

static void test_fault_points_fail_with_the_objects_name(void **state)
{
	struct fixture *f = *state;
	char spec[64];
	size_t i;

	for (i = 0; i < ARRAY_LEN(points); i++) {
		snprintf(spec, sizeof(spec), "%s:1:ENOSPC", points[i].name);
		arm(spec);
		log_lines = 0;
		assert_int_equal(-ENOSPC, put(f, "1"));
		assert_int_equal(1, log_lines);
		assert_non_null(strstr(last_line, "packs/1"));
		assert_non_null(strstr(last_line, f->repo));
		assert_non_null(strstr(last_line, "No space left"));
		assert_int_equal(points[i].named, is_there(f, "1"));
		assert_int_equal(points[i].named ? -EEXIST : 0, put(f, "1"));
		assert_int_equal(0, store_delete(f->s, STORE_PACK, "1"));
	}
}

static void test_read_and_delete_faults_fail_clearly(void **state)
{
	struct fixture *f = *state;
	CLEANUP_BUF struct buf b = BUF_INIT(100);
	uint8_t p[1];

	assert_int_equal(0, put(f, "1"));
	arm("store.read:1:EIO");
	assert_int_equal(-EIO, store_get(f->s, STORE_PACK, "1", &b));
	assert_int_equal(0, b.len);
	arm("store.read:1:EIO");
	assert_int_equal(-EIO, store_get_range(f->s, STORE_PACK, "1", 0, p, 1));
	arm("store.delete:1:EIO");
	assert_int_equal(-EIO, store_delete(f->s, STORE_PACK, "1"));
	assert_int_equal(3, log_lines);
	assert_whole(f, "1");
}

static const struct test_case cases[] = {
	CASE(test_put_syncs_file_then_names_then_syncs_directory,
	     KIND(DIR_KIND)),
	CASE(test_named_put_keeps_the_same_order, KIND(DIR_KIND)),
	CASE(test_eexist_syncs_the_object_that_is_there, KIND(DIR_KIND)),
	CASE(test_delete_syncs_the_directory, KIND(DIR_KIND)),
	CASE(test_create_syncs_root_and_ancestors, KIND(DIR_KIND)),
	CASE(test_failed_file_sync_leaves_no_object, KIND(DIR_KIND)),
	CASE(test_failed_directory_sync_is_made_up_for, KIND(DIR_KIND)),
	CASE(test_unlinkable_unnamed_file_is_copied_once, KIND(DIR_KIND)),
	CASE(test_without_rename_noreplace_the_file_is_linked, KIND(DIR_KIND)),
	CASE(test_named_objects_are_read_only_too, KIND(DIR_KIND)),
	CASE(test_named_writer_leaves_nothing_when_it_ends, KIND(DIR_KIND)),
	CASE(test_dead_named_writer_is_cleaned_up_by_a_listing, KIND(DIR_KIND)),
	CASE(test_killed_put_leaves_a_whole_object_or_none, KIND(DIR_KIND)),
	CASE(test_killed_named_put_leaves_a_whole_object_or_none,
	     KIND(DIR_KIND)),
	CASE(test_fault_points_fail_with_the_objects_name, KIND(DIR_KIND)),
	CASE(test_read_and_delete_faults_fail_clearly, KIND(DIR_KIND)),
};

int main(void)
{
	fixture_reset = reset;
	return fixture_run("store sync", cases, ARRAY_LEN(cases));
}
