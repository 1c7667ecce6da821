/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vault_db.c - changes come whole or not at all, and the audit log shows
 * what was done to it.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sqlite3.h>
#include <time.h>

#include "testdir.h"
#include "vault/audit.h"
#include "vault/machines/machines.h"

#define THREADS 8
#define CHANGES 40

static struct db *db;

static char *file(void)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/vault.db", dir);
	return path;
}

static int setup(void **state)
{
	make_dir(state);
	return db_open(file(), &db);
}

static int teardown(void **state)
{
	db_close(db);
	db = NULL;
	return remove_dir(state);
}

static int64_t count(const char *sql)
{
	int64_t n = -1;

	assert_int_equal(0, db_number(db, &n, sql, ""));
	return n;
}

static int add(struct db *to, void *arg)
{
	const char *name = arg;
	int e = db_exec(to,
			"INSERT INTO vault(id, name, created) VALUES (?, ?, 1)",
			"ss", name, name);

	return MIN(e, 0);
}

static int add_and_fail(struct db *to, void *arg)
{
	int e = add(to, arg);

	return e < 0 ? e : -ECANCELED;
}

static void test_a_change_that_fails_leaves_nothing(void **state)
{
	char a[] = "a";

	(void)state;
	assert_int_equal(-ECANCELED, db_write(db, add_and_fail, a));
	assert_int_equal(0, count("SELECT COUNT(*) FROM vault"));
	assert_int_equal(0, db_write(db, add, a));
	assert_int_equal(-EEXIST, db_write(db, add, a));
	assert_int_equal(1, count("SELECT COUNT(*) FROM vault"));
}

static void test_references_are_kept(void **state)
{
	uint8_t secret[CREDENTIAL_LEN] = { 1 };

	(void)state;
	assert_int_equal(-ENOENT,
			 credential_add(db, "nowhere", secret, 5, "test"));
}

static int fail_odd(struct db *to, void *arg)
{
	const char *name = arg;
	int e = add(to, arg);

	return e < 0 ? e : name[strlen(name) - 1] % 2 ? -ECANCELED : 0;
}

static void *change_much(void *arg)
{
	char name[32];
	long i;

	for (i = 0; i < CHANGES; i++) {
		snprintf(name, sizeof(name), "%ld-%ld", (long)(intptr_t)arg, i);
		if (db_write(db, fail_odd, name) != (i % 2 ? -ECANCELED : 0))
			return (void *)1;
	}
	return NULL;
}

static void test_many_writers(void **state)
{
	pthread_t t[THREADS];
	void *r;
	int i;

	(void)state;
	for (i = 0; i < THREADS; i++)
		assert_int_equal(0, pthread_create(&t[i], NULL, change_much,
						   (void *)(intptr_t)i));
	for (i = 0; i < THREADS; i++) {
		pthread_join(t[i], &r);
		assert_null(r);
	}
	assert_int_equal(THREADS * CHANGES / 2,
			 count("SELECT COUNT(*) FROM vault"));
	/* and it is in the file */
	db_close(db);
	assert_int_equal(0, db_open(file(), &db));
	assert_int_equal(THREADS * CHANGES / 2,
			 count("SELECT COUNT(*) FROM vault"));
}

/* As one who has the file, and no respect. */
static void tamper(const char *sql)
{
	sqlite3 *raw;

	assert_int_equal(SQLITE_OK, sqlite3_open(file(), &raw));
	assert_int_equal(SQLITE_OK, sqlite3_exec(raw, sql, NULL, NULL, NULL));
	sqlite3_close(raw);
}

/* Two that share a transaction: the first makes that it cannot be committed,
 * the second finds what the first has added. */
static pid_t second; /* atomic */

static void *add_second(void *arg)
{
	__atomic_store_n(&second, gettid(), __ATOMIC_RELEASE);
	return (void *)(intptr_t)db_write(db, add, arg);
}

static bool sleeps(pid_t tid)
{
	char path[64], state = '?';
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_int_equal(1, fscanf(f, "%*d (%*[^)]) %c", &state));
	fclose(f);
	return state == 'S';
}

static int add_what_fails_late(struct db *to, void *arg)
{
	static char a[] = "a";
	pid_t tid;
	int e = add(to, a);

	if (e == 0)
		e = db_exec(to, "INSERT INTO late VALUES ('nobody')", "");
	assert_int_equal(0, pthread_create(arg, NULL, add_second, a));
	while (!(tid = __atomic_load_n(&second, __ATOMIC_ACQUIRE)) ||
	       !sleeps(tid))
		sched_yield();
	return MIN(e, 0);
}

static void test_what_was_found_and_is_not_committed(void **state)
{
	pthread_t t;
	void *r;

	(void)state;
	tamper("CREATE TABLE late (vault TEXT REFERENCES vault(id)"
	       " DEFERRABLE INITIALLY DEFERRED)");
	assert_int_equal(-ENOENT, db_write(db, add_what_fails_late, &t));
	pthread_join(t, &r);
	assert_int_equal(0, count("SELECT COUNT(*) FROM vault"));
	/* so it is not there, and nobody may be told that it is */
	assert_int_equal(-ENOENT, (intptr_t)r);
}

static void *count_vaults(void *arg)
{
	int64_t *n = arg;

	*n = -1;
	(void)!db_number(db, n, "SELECT COUNT(*) FROM vault", "");
	return NULL;
}

/* Another thread asks while a change is made. */
static int add_and_be_asked(struct db *to, void *arg)
{
	struct timespec until;
	int64_t n = -1;
	pthread_t t;
	int e = add(to, arg);

	assert_int_equal(0, e);
	assert_int_equal(0, pthread_create(&t, NULL, count_vaults, &n));
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 20;
	assert_int_equal(0, pthread_timedjoin_np(t, NULL, &until));
	assert_int_equal(0, n);
	return 0;
}

static void test_nobody_sees_what_is_not_committed(void **state)
{
	char a[] = "a";

	(void)state;
	assert_int_equal(0, db_write(db, add_and_be_asked, a));
	assert_int_equal(1, count("SELECT COUNT(*) FROM vault"));
}

static void note(const char *action)
{
	struct audit_line line = { 0, 0, "test", action, "x", "done", "" };

	assert_int_equal(0, audit_note(db, &line));
}

static int remove_line(struct db *to, void *arg)
{
	(void)arg;
	return db_exec(to, "DELETE FROM audit WHERE seq = 2", "");
}

static void test_audit_log(void **state)
{
	struct audit_verdict v;

	(void)state;
	note("one");
	note("two");
	note("three");
	assert_int_equal(-EPERM, db_write(db, remove_line, NULL));
	assert_int_equal(0, audit_verify(db, &v));
	assert_int_equal(3, v.lines);
	assert_int_equal(0, v.wrong);
	tamper("DROP TRIGGER audit_is; UPDATE audit SET action = 'tow'"
	       " WHERE seq = 2");
	assert_int_equal(0, audit_verify(db, &v));
	assert_int_equal(2, v.wrong);
}

static void test_audit_line_taken_out(void **state)
{
	struct audit_verdict v;

	(void)state;
	note("one");
	note("two");
	note("three");
	tamper("DROP TRIGGER audit_stays; DELETE FROM audit WHERE seq = 2;"
	       "DROP TRIGGER audit_is; UPDATE audit SET seq = 2 WHERE seq = 3");
	assert_int_equal(0, audit_verify(db, &v));
	assert_int_equal(2, v.wrong);
}

static void test_newer_database_is_left_alone(void **state)
{
	(void)state;
	db_close(db);
	db = NULL;
	tamper("PRAGMA user_version = 1000");
	assert_int_equal(-EINVAL, db_open(file(), &db));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_a_change_that_fails_leaves_nothing, setup,
			teardown),
		cmocka_unit_test_setup_teardown(test_references_are_kept, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			test_nobody_sees_what_is_not_committed, setup,
			teardown),
		cmocka_unit_test_setup_teardown(test_many_writers, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			test_what_was_found_and_is_not_committed, setup,
			teardown),
		cmocka_unit_test_setup_teardown(test_audit_log, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_audit_line_taken_out,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_newer_database_is_left_alone, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
