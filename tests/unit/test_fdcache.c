/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_fdcache.c - which descriptors the cache keeps, and until when.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "store/fdcache.h"

static struct fdcache cache;

static int setup(void **state)
{
	(void)state;
	fdcache_init(&cache);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fdcache_release(&cache);
	return 0;
}

static int new_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* Add name as a reader does; the slot stays in use. */
static struct fdcache_slot *add(const char *name)
{
	struct fdcache_slot *slot;
	uint64_t ticket;

	assert_null(fdcache_find(&cache, STORE_PACK, name, &ticket));
	slot = fdcache_add(&cache, STORE_PACK, name, ticket, new_fd());
	assert_non_null(slot);
	return slot;
}

static bool has(const char *name)
{
	uint64_t ticket;
	struct fdcache_slot *slot =
		fdcache_find(&cache, STORE_PACK, name, &ticket);

	if (slot)
		fdcache_done(&cache, slot);
	return slot != NULL;
}

static void test_class_and_name_find_a_descriptor(void **state)
{
	struct fdcache_slot *slot = add("aa");
	uint64_t ticket;

	(void)state;
	fdcache_done(&cache, slot);
	assert_true(has("aa"));
	assert_false(has("a"));
	assert_null(fdcache_find(&cache, STORE_INDEX, "aa", &ticket));
}

static void test_drop_closes_an_idle_descriptor_at_once(void **state)
{
	struct fdcache_slot *slot = add("aa");
	int fd = slot->fd;

	(void)state;
	fdcache_done(&cache, slot);
	fdcache_drop(&cache, STORE_PACK, "bb");
	assert_true(is_open(fd));
	fdcache_drop(&cache, STORE_PACK, "aa");
	assert_false(is_open(fd));
	assert_false(has("aa"));
}

static void test_drop_leaves_a_reader_its_descriptor(void **state)
{
	struct fdcache_slot *slot = add("aa");
	int fd = slot->fd;

	(void)state;
	fdcache_drop(&cache, STORE_PACK, "aa");
	assert_false(has("aa"));
	assert_true(is_open(fd));
	fdcache_done(&cache, slot);
	assert_false(is_open(fd));
}

static void test_what_was_opened_before_a_drop_is_not_kept(void **state)
{
	uint64_t ticket;
	int fd;

	(void)state;
	assert_null(fdcache_find(&cache, STORE_PACK, "aa", &ticket));
	fd = new_fd();
	fdcache_drop(&cache, STORE_PACK, "aa");
	assert_null(fdcache_add(&cache, STORE_PACK, "aa", ticket, fd));
	assert_false(has("aa"));
	assert_int_equal(0, close(fd)); /* it was still ours */
}

static void test_two_readers_of_one_object_keep_one(void **state)
{
	uint64_t ticket;
	int fd = new_fd();

	(void)state;
	assert_null(fdcache_find(&cache, STORE_PACK, "aa", &ticket));
	fdcache_done(&cache, add("aa"));
	assert_null(fdcache_add(&cache, STORE_PACK, "aa", ticket, fd));
	assert_int_equal(0, close(fd));
	assert_true(has("aa"));
}

static void test_the_one_unused_for_longest_makes_room(void **state)
{
	char name[8];
	int i;

	(void)state;
	for (i = 0; i < FDCACHE_SLOTS; i++) {
		snprintf(name, sizeof(name), "%02x", i);
		fdcache_done(&cache, add(name));
	}
	assert_true(has("00"));
	fdcache_done(&cache, add("ff"));
	assert_true(has("00"));
	assert_true(has("ff"));
	assert_false(has("01"));
	assert_true(has("02"));
}

static void test_descriptors_in_use_are_never_closed(void **state)
{
	struct fdcache_slot *slots[FDCACHE_SLOTS];
	int i, fd = new_fd();
	uint64_t ticket;
	char name[8];

	(void)state;
	for (i = 0; i < FDCACHE_SLOTS; i++) {
		snprintf(name, sizeof(name), "%02x", i);
		slots[i] = add(name);
	}
	assert_null(fdcache_find(&cache, STORE_PACK, "ff", &ticket));
	assert_null(fdcache_add(&cache, STORE_PACK, "ff", ticket, fd));
	assert_int_equal(0, close(fd));
	for (i = 0; i < FDCACHE_SLOTS; i++) {
		assert_true(is_open(slots[i]->fd));
		fdcache_done(&cache, slots[i]);
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_class_and_name_find_a_descriptor),
		TEST(test_drop_closes_an_idle_descriptor_at_once),
		TEST(test_drop_leaves_a_reader_its_descriptor),
		TEST(test_what_was_opened_before_a_drop_is_not_kept),
		TEST(test_two_readers_of_one_object_keep_one),
		TEST(test_the_one_unused_for_longest_makes_room),
		TEST(test_descriptors_in_use_are_never_closed),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("fdcache", tests, NULL, NULL);
}
