/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vault_objects.c - a repository as of each of its heads, whatever its
 * machine drops.
 */
#include <errno.h>
#include <pthread.h>

#include "testdir.h"
#include "vault/machines/machines.h"
#include "vault/objects/objects.h"

static struct db *db;
static struct objects *objects;
static char machine[MACHINE_ID_LEN + 1];

static int setup(void **state)
{
	uint8_t secret[CREDENTIAL_LEN] = { 7 };
	struct machine_certificate c = { { 1 }, INT64_MAX, { 2 } };
	char vault[MACHINE_ID_LEN + 1];

	make_dir(state);
	assert_int_equal(0, db_open(in_dir("vault.db"), &db));
	assert_int_equal(0, objects_open(db, in_dir("r"), &objects));
	assert_int_equal(0, vault_add(db, "default", vault));
	assert_int_equal(0, credential_add(db, vault, secret, INT64_MAX, "t"));
	uuid_make(machine);
	assert_int_equal(0, objects_add_machine(objects, machine));
	assert_int_equal(0, machine_register(db, secret, machine, "m", &c));
	return 0;
}

static int teardown(void **state)
{
	objects_close(objects);
	db_close(db);
	return remove_dir(state);
}

/* The result of the commit; name as for object_writer_commit(). */
static int put(enum store_class cls, char *name, const char *text)
{
	struct object_writer *w;

	assert_int_equal(0, object_writer_open(objects, machine, cls, &w));
	assert_int_equal(0, object_writer_append(w, SPAN(text, strlen(text))));
	return object_writer_commit(w, name);
}

static int put_head(uint64_t n, const char *text)
{
	char name[STORE_NAME_MAX + 1];

	snprintf(name, sizeof(name), "%016llx", (unsigned long long)n);
	return put(STORE_HEAD, name, text);
}

static bool is_seen(enum store_class cls, const char *name, int64_t as_of)
{
	uint64_t size;
	int e = objects_stat(objects, machine, cls, name, as_of, &size);

	assert_true(e == 0 || e == -ENOENT);
	return e == 0;
}

static int64_t points(void)
{
	int64_t n;

	assert_int_equal(0,
			 db_number(db, &n, "SELECT COUNT(*) FROM point", ""));
	return n;
}

static void test_hashes_are_checked(void **state)
{
	char name[STORE_NAME_MAX + 1] = "", wrong[STORE_NAME_MAX + 1];

	(void)state;
	assert_int_equal(0, put(STORE_PACK, name, "bytes"));
	assert_int_equal(64, strlen(name));
	assert_int_equal(-EEXIST, put(STORE_PACK, name, "bytes"));
	strcpy(wrong, name);
	wrong[0] = wrong[0] == 'a' ? 'b' : 'a';
	assert_int_equal(-EBADMSG, put(STORE_PACK, wrong, "bytes"));
	assert_false(is_seen(STORE_PACK, wrong, AS_OF_NOW));
	/* a pack is no index */
	assert_false(is_seen(STORE_INDEX, name, AS_OF_NOW));
}

static void test_heads_have_no_gaps(void **state)
{
	char bad[STORE_NAME_MAX + 1] = "1";

	(void)state;
	assert_int_equal(-ESTALE, put_head(2, "two"));
	assert_int_equal(0, put_head(1, "one"));
	assert_int_equal(-EEXIST, put_head(1, "another one"));
	assert_int_equal(-ESTALE, put_head(3, "three"));
	assert_int_equal(-EINVAL, put(STORE_HEAD, bad, "short name"));
	assert_int_equal(0, put_head(2, "two"));
	assert_int_equal(-ESTALE, put_head(UINT64_MAX / 2 - 1, "far"));
}

static void test_dropped_is_there_as_it_was(void **state)
{
	char pack[STORE_NAME_MAX + 1] = "", snap[STORE_NAME_MAX + 1] = "";

	(void)state;
	assert_int_equal(0, put(STORE_PACK, pack, "data"));
	assert_int_equal(0, put(STORE_SNAPSHOT, snap, "snapshot"));
	assert_int_equal(0, put_head(1, "one"));
	assert_int_equal(1, points());
	assert_int_equal(0, objects_drop(objects, machine, STORE_PACK, pack));
	assert_int_equal(-ENOENT,
			 objects_drop(objects, machine, STORE_PACK, pack));
	assert_false(is_seen(STORE_PACK, pack, AS_OF_NOW));
	assert_true(is_seen(STORE_PACK, pack, 1));
	/* a head without a snapshot is no recovery point */
	assert_int_equal(0, put_head(2, "two"));
	assert_int_equal(1, points());
	assert_false(is_seen(STORE_PACK, pack, 2));
	assert_true(is_seen(STORE_PACK, pack, 1));
	assert_true(is_seen(STORE_SNAPSHOT, snap, 2));
	/* dropped and put again: it was never away */
	assert_int_equal(0, put(STORE_PACK, pack, "data"));
	assert_true(is_seen(STORE_PACK, pack, AS_OF_NOW));
	assert_true(is_seen(STORE_PACK, pack, 2));
}

static void test_later_is_not_seen_before(void **state)
{
	char a[STORE_NAME_MAX + 1] = "", b[STORE_NAME_MAX + 1] = "";

	(void)state;
	assert_int_equal(0, put(STORE_PACK, a, "a"));
	assert_int_equal(0, put_head(1, "one"));
	assert_int_equal(0, put(STORE_PACK, b, "b"));
	assert_true(is_seen(STORE_PACK, b, AS_OF_NOW));
	assert_false(is_seen(STORE_PACK, b, 1));
	assert_true(is_seen(STORE_PACK, a, 1));
	assert_false(is_seen(STORE_HEAD, "0000000000000001", 0));
	assert_true(is_seen(STORE_HEAD, "0000000000000001", 1));
}

static int count_names(void *arg, const char *name, uint64_t size)
{
	char *last = arg;

	assert_true(strcmp(last, name) < 0);
	assert_int_equal(1, size);
	strcpy(last, name);
	warnings++; /* as a counter */
	return 0;
}

static void test_listing_in_pages(void **state)
{
	char text[2] = "a", last[STORE_NAME_MAX + 1] = "";
	unsigned int before;

	(void)state;
	for (; *text <= 'z'; (*text)++) {
		char name[STORE_NAME_MAX + 1] = "";

		assert_int_equal(0, put(STORE_KEY, name, text));
	}
	warnings = 0;
	do {
		before = warnings;
		assert_int_equal(0, objects_list(objects, machine, STORE_KEY,
						 AS_OF_NOW, last, 4,
						 count_names, last));
		assert_in_range(warnings - before, 0, 4);
	} while (warnings > before);
	assert_int_equal(26, warnings);
}

static int forget_rows(struct db *to, void *arg)
{
	(void)arg;
	return MIN(db_exec(to, "DELETE FROM object", ""), 0);
}

/* Killed between the file and its row: whoever comes again finds an object
 * that nobody was told of. */
static void test_a_file_without_its_row(void **state)
{
	char pack[STORE_NAME_MAX + 1] = "", config[] = "config", byte;
	uint64_t size;

	(void)state;
	assert_int_equal(0, put(STORE_PACK, pack, "data"));
	assert_int_equal(0, put(STORE_CONFIG, config, "first"));
	assert_int_equal(0, db_write(db, forget_rows, NULL));
	assert_false(is_seen(STORE_PACK, pack, AS_OF_NOW));
	assert_int_equal(0, put(STORE_PACK, pack, "data"));
	assert_true(is_seen(STORE_PACK, pack, AS_OF_NOW));
	/* not what came now, but what is there */
	assert_int_equal(-EEXIST, put(STORE_CONFIG, config, "another"));
	assert_int_equal(0, objects_stat(objects, machine, STORE_CONFIG,
					 "config", AS_OF_NOW, &size));
	assert_int_equal(5, size);
	assert_int_equal(0, objects_read(objects, machine, STORE_CONFIG,
					 "config", 4, &byte, 1));
	assert_int_equal('t', byte);
}

/* Who puts a config that is there already has it read: into memory. */
static void test_a_config_is_small(void **state)
{
	static const char bytes[CONFIG_OBJECT_MAX];
	struct object_writer *w;

	(void)state;
	assert_int_equal(0, object_writer_open(objects, machine, STORE_CONFIG,
					       &w));
	assert_int_equal(0,
			 object_writer_append(w, SPAN(bytes, sizeof(bytes))));
	assert_int_equal(-EMSGSIZE, object_writer_append(w, SPAN(bytes, 1)));
	object_writer_abort(w);
}

static void test_another_machine(void **state)
{
	char pack[STORE_NAME_MAX + 1] = "";
	uint64_t size;

	(void)state;
	assert_int_equal(0, put(STORE_PACK, pack, "data"));
	assert_int_equal(-ENOENT, objects_stat(objects, "other", STORE_PACK,
					       pack, AS_OF_NOW, &size));
	assert_int_equal(-ENOENT,
			 objects_drop(objects, "other", STORE_PACK, pack));
}

/* --- deleting --- */

static uint64_t collected(void)
{
	uint64_t n = 0, bytes = 0;

	assert_int_equal(0, objects_collect(objects, machine, &n, &bytes));
	return n;
}

static bool has_file(const char *cls, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "r/%s/%s/%s", machine, cls, name);
	return faccessat(dirfd_, path, F_OK, 0) == 0;
}

static int forget_point(struct db *to, void *arg)
{
	return MIN(db_exec(to, "DELETE FROM point WHERE head = ?", "i",
			   *(const int64_t *)arg),
		   0);
}

static void put_point(uint64_t n)
{
	char snap[STORE_NAME_MAX + 1] = "", text[32];

	snprintf(text, sizeof(text), "snapshot %d", (int)n);
	assert_int_equal(0, put(STORE_SNAPSHOT, snap, text));
	assert_int_equal(0, put_head(n, text));
}

static void test_what_no_point_needs_goes(void **state)
{
	char a[STORE_NAME_MAX + 1] = "", b[STORE_NAME_MAX + 1] = "";
	int64_t one = 1, two = 2;

	(void)state;
	assert_int_equal(0, put(STORE_PACK, a, "a"));
	put_point(1);
	assert_int_equal(0, put(STORE_PACK, b, "b"));
	put_point(2);
	put_point(3);
	/* a: in 1 to 3; b: in 2 and 3 */
	assert_int_equal(0, objects_drop(objects, machine, STORE_PACK, a));
	assert_int_equal(0, objects_drop(objects, machine, STORE_PACK, b));
	put_point(4);
	assert_int_equal(0, collected());
	assert_int_equal(0, db_write(db, forget_point, &two));
	assert_int_equal(0, collected());
	one = 3;
	assert_int_equal(0, db_write(db, forget_point, &one));
	assert_int_equal(1, collected());
	assert_false(has_file("packs", b));
	assert_true(has_file("packs", a));
	assert_true(is_seen(STORE_PACK, a, 1));
	one = 1;
	assert_int_equal(0, db_write(db, forget_point, &one));
	assert_int_equal(1, collected());
	assert_false(has_file("packs", a));
	/* what was not dropped stays, points or not */
	assert_true(is_seen(STORE_HEAD, "0000000000000001", AS_OF_NOW));
	/* and it can come again */
	assert_int_equal(0, put(STORE_PACK, a, "a"));
	assert_true(has_file("packs", a));
}

/* One drops and collects for ever; the other puts the same object and looks
 * whether what was acknowledged is there. */
static bool stop;		   /* atomic */
static struct objects *collecting; /* ours, or as another process has it */

static void *drop_and_collect(void *arg)
{
	const char *name = arg;
	uint64_t n, bytes;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		(void)!objects_drop(collecting, machine, STORE_PACK, name);
		n = bytes = 0;
		(void)!objects_collect(collecting, machine, &n, &bytes);
	}
	return NULL;
}

static int64_t rows(const char *name)
{
	int64_t n;

	assert_int_equal(0, db_number(db, &n,
				      "SELECT COUNT(*) FROM object"
				      " WHERE name = ?",
				      "s", name));
	return n;
}

static void puts_beside_deletion(struct objects *by)
{
	char name[STORE_NAME_MAX + 1] = "", again[STORE_NAME_MAX + 1], byte;
	pthread_t t;
	uint64_t size;
	int i, e;

	collecting = by;
	assert_int_equal(0, put(STORE_PACK, name, "raced for"));
	__atomic_store_n(&stop, false, __ATOMIC_RELAXED);
	assert_int_equal(0, pthread_create(&t, NULL, drop_and_collect, name));
	for (i = 0; i < 300; i++) {
		strcpy(again, name);
		e = put(STORE_PACK, again, "raced for");
		/* -EAGAIN: another process took the file away meanwhile */
		assert_true(e == 0 || e == -EEXIST ||
			    (e == -EAGAIN && by != objects));
		/* a row has its file, always; and only we add one */
		assert_false(rows(name) && !has_file("packs", name) &&
			     rows(name));
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
	/* an object has its bytes */
	if (objects_stat(objects, machine, STORE_PACK, name, AS_OF_NOW,
			 &size) == 0)
		assert_int_equal(0, objects_read(objects, machine, STORE_PACK,
						 name, 0, &byte, 1));
	else
		assert_int_equal(0, put(STORE_PACK, again, "raced for"));
	assert_int_equal(0, objects_read(objects, machine, STORE_PACK, name, 0,
					 &byte, 1));
}

static void test_puts_beside_deletion(void **state)
{
	(void)state;
	puts_beside_deletion(objects);
}

/* `tidemark-vaultd collect` beside a server: no lock in memory helps. */
static void test_puts_beside_another_process(void **state)
{
	struct objects *others;
	struct db *its;

	(void)state;
	assert_int_equal(0, db_open(in_dir("vault.db"), &its));
	assert_int_equal(0, objects_open(its, in_dir("r"), &others));
	puts_beside_deletion(others);
	objects_close(others);
	db_close(its);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_hashes_are_checked),
		TEST(test_heads_have_no_gaps),
		TEST(test_dropped_is_there_as_it_was),
		TEST(test_later_is_not_seen_before),
		TEST(test_listing_in_pages),
		TEST(test_a_file_without_its_row),
		TEST(test_a_config_is_small),
		TEST(test_another_machine),
		TEST(test_what_no_point_needs_goes),
		TEST(test_puts_beside_deletion),
		TEST(test_puts_beside_another_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
