/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vault_quota.c - a quota holds, also for those who come at one moment.
 */
#include <errno.h>
#include <pthread.h>

#include "testdir.h"
#include "vault/machines/machines.h"
#include "vault/objects/objects.h"

#define WRITERS 16
#define ROUNDS 20

static struct db *db;
static struct objects *objects;
static char machine[MACHINE_ID_LEN + 1];
static pthread_barrier_t together;

static int setup(void **state)
{
	uint8_t secret[CREDENTIAL_LEN] = { 7 };
	struct machine_certificate c = { .hash = { 1 }, .expires = INT64_MAX };
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

static void *put_at_once(void *arg)
{
	char name[STORE_NAME_MAX + 1] = "", text[32];
	struct object_writer *w;
	intptr_t e;

	snprintf(text, sizeof(text), "%020ld", (long)(intptr_t)arg);
	e = object_writer_open(objects, machine, STORE_PACK, &w);
	if (e == 0)
		e = object_writer_append(w, SPAN(text, 20));
	pthread_barrier_wait(&together);
	if (e == 0)
		e = object_writer_commit(w, name);
	return (void *)e;
}

/* Room for three more in each round: three come, whoever they are. */
static void round_of(intptr_t n)
{
	struct quota q = { (uint64_t)(3 * (n + 1)) * 20 + 19, 0 };
	pthread_t threads[WRITERS];
	unsigned int i, came = 0;
	void *e;

	assert_int_equal(0, quota_set(db, machine, &q, "t"));
	for (i = 0; i < WRITERS; i++)
		assert_int_equal(0,
				 pthread_create(&threads[i], NULL, put_at_once,
						(void *)(n * WRITERS + i)));
	for (i = 0; i < WRITERS; i++) {
		assert_int_equal(0, pthread_join(threads[i], &e));
		assert_true(!e || (intptr_t)e == -EDQUOT);
		came += !e;
	}
	assert_int_equal(3, came);
}

static void test_three_fit_and_three_come(void **state)
{
	const struct quota none = { 0, 0 };
	struct quota_use use;
	intptr_t n;

	(void)state;
	pthread_barrier_init(&together, NULL, WRITERS);
	for (n = 0; n < ROUNDS; n++)
		round_of(n);
	pthread_barrier_destroy(&together);
	assert_int_equal(0, quota_of(db, machine, &none, &use));
	assert_int_equal(3 * ROUNDS, use.objects);
	assert_int_equal(3 * ROUNDS * 20, use.bytes);
}

static void test_what_is_deleted_takes_no_room(void **state)
{
	const struct quota none = { 0, 0 };
	char name[STORE_NAME_MAX + 1] = "";
	struct object_writer *w;
	struct quota_use use;
	uint64_t n = 0, bytes = 0;

	(void)state;
	assert_int_equal(0,
			 object_writer_open(objects, machine, STORE_PACK, &w));
	assert_int_equal(0, object_writer_append(w, SPAN("text", 4)));
	assert_int_equal(0, object_writer_commit(w, name));
	assert_int_equal(0, objects_drop(objects, machine, STORE_PACK, name));
	assert_int_equal(0, quota_of(db, machine, &none, &use));
	assert_int_equal(4, use.bytes); /* dropped is not deleted */
	assert_int_equal(0, objects_collect(objects, machine, &n, &bytes));
	assert_int_equal(0, quota_of(db, machine, &none, &use));
	assert_int_equal(0, use.bytes);
	assert_int_equal(0, use.objects);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_three_fit_and_three_come),
		T(test_what_is_deleted_takes_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
