/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_catalog.c - what the catalog keeps, forgets, and never believes.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "catalog/catalog.h"
#include "catalog/stamp.h"
#include "catalog/verify.h"
#include "tests/unit/prng.h"

#define SET SPAN("one set of sources", 18)

static char dir[64], path[80];
static const uint8_t head1[32] = { 1 }, head2[32] = { 2 };

static void quiet(enum log_level level, const char *line, void *arg)
{
	(void)level;
	(void)line;
	(void)arg;
}

static int make(void **state)
{
	(void)state;
	log_set_sink(quiet, NULL);
	snprintf(dir, sizeof(dir), "/tmp/test_catalog.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/catalog", dir);
	return 0;
}

static int clean(void **state)
{
	char name[96];

	(void)state;
	unlink(path);
	snprintf(name, sizeof(name), "%s-lock", path);
	unlink(name);
	snprintf(name, sizeof(name), "%s.lock", path);
	unlink(name);
	snprintf(name, sizeof(name), "%s-whole", path);
	unlink(name);
	return rmdir(dir);
}

static struct catalog *open_set(struct span set)
{
	struct catalog *c = NULL;

	assert_int_equal(catalog_open(dir, set, &c), 0);
	return c;
}

static struct catalog_key key_of(uint64_t i)
{
	return (struct catalog_key){ 77, i };
}

/* Record i: some bytes, some more than a page, that i determines. */
static struct span parts_of(uint64_t i)
{
	static uint8_t bytes[40000];
	size_t len = (i * 977) % sizeof(bytes);

	prng_fill(i, bytes, len);
	return SPAN(bytes, len);
}

static void put(struct catalog *c, uint64_t i)
{
	uint8_t tree[32];

	prng_fill(~i, tree, sizeof(tree));
	assert_int_equal(catalog_put(c, key_of(i), tree, parts_of(i)), 0);
}

/* 1: as it was put; 0: none. */
static int has(struct catalog *c, uint64_t i)
{
	struct span r = catalog_get(c, key_of(i)), want = parts_of(i);
	uint8_t tree[32];

	if (!r.p)
		return 0;
	prng_fill(~i, tree, sizeof(tree));
	assert_int_equal(r.len, 32 + want.len);
	assert_memory_equal(r.p, tree, 32);
	if (want.len)
		assert_memory_equal(r.p + 32, want.p, want.len);
	return 1;
}

static void fill(uint64_t n, const uint8_t *head)
{
	struct catalog *c = open_set(SET);
	uint64_t i;

	for (i = 0; i < n; i++)
		put(c, i);
	assert_int_equal(catalog_commit(c, head), 0);
	catalog_close(c);
}

static void test_records_come_back(void **state)
{
	struct catalog *c;
	uint64_t i;

	(void)state;
	fill(300, head1);
	c = open_set(SET);
	assert_true(catalog_is_current(c, head1));
	assert_false(catalog_is_current(c, head2));
	for (i = 0; i < 300; i++)
		assert_int_equal(has(c, i), 1);
	assert_int_equal(has(c, 300), 0);
	catalog_close(c);
}

static void test_what_is_neither_put_nor_kept_goes(void **state)
{
	struct catalog *c;
	uint64_t i;

	(void)state;
	fill(300, head1);
	c = open_set(SET);
	for (i = 0; i < 300; i += 3)
		assert_int_equal(catalog_keep(c, key_of(i)), 0);
	put(c, 1000);
	assert_int_equal(catalog_commit(c, head2), 0);
	catalog_close(c);
	c = open_set(SET);
	assert_true(catalog_is_current(c, head2));
	for (i = 0; i < 300; i++)
		assert_int_equal(has(c, i), i % 3 == 0);
	assert_int_equal(has(c, 1000), 1);
	catalog_close(c);
	assert_int_equal(catalog_verify(path), 0);
}

static void test_without_a_commit_nothing_is_trusted(void **state)
{
	struct catalog *c;
	uint64_t i;

	(void)state;
	fill(10, head1);
	c = open_set(SET);
	/* enough for several batches */
	for (i = 0; i < 600; i++)
		put(c, i);
	catalog_close(c);
	c = open_set(SET);
	assert_false(catalog_is_current(c, head1));
	assert_int_equal(has(c, 5), 1);
	catalog_close(c);
}

static void test_sets_do_not_mix(void **state)
{
	struct catalog *c;

	(void)state;
	fill(10, head1);
	c = open_set(SPAN("another", 7));
	assert_false(catalog_is_current(c, head1));
	assert_int_equal(has(c, 3), 0);
	put(c, 500);
	assert_int_equal(catalog_commit(c, head2), 0);
	catalog_close(c);
	c = open_set(SET);
	assert_true(catalog_is_current(c, head1));
	assert_int_equal(has(c, 3), 1);
	assert_int_equal(has(c, 500), 0);
	catalog_close(c);
}

static void test_one_process_at_a_time(void **state)
{
	struct catalog *c = open_set(SET), *second = NULL;

	(void)state;
	assert_int_equal(catalog_open(dir, SET, &second), -EBUSY);
	catalog_close(c);
	c = open_set(SET);
	catalog_close(c);
}

/* Read the file, damage it, and see: no crash, and a record is what was put
 * or none. */
static void damaged(const uint8_t *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	struct catalog *c;
	uint64_t i;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
	c = open_set(SET);
	for (i = 0; i < 120; i++)
		(void)has(c, i);
	/* it can be written again, too */
	for (i = 60; i < 90; i++)
		put(c, i);
	assert_int_equal(catalog_commit(c, head2), 0);
	catalog_close(c);
	assert_int_equal(catalog_verify(path), 0);
	c = open_set(SET);
	for (i = 60; i < 90; i++)
		assert_int_equal(has(c, i), 1);
	catalog_close(c);
}

static uint8_t *slurp(size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *p;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	*len = (size_t)st.st_size;
	p = malloc(*len);
	assert_non_null(p);
	assert_int_equal(read(fd, p, *len), *len);
	close(fd);
	return p;
}

static void test_no_damage_is_believed(void **state)
{
	uint64_t seed = 1;
	uint8_t *sound, *bad;
	size_t len, k, pages;
	unsigned int i;

	(void)state;
	fill(100, head1);
	/* twice, so that there are free pages */
	fill(120, head1);
	sound = slurp(&len);
	bad = malloc(len);
	assert_non_null(bad);
	pages = len / 4096;
	/* the first bytes of pages are what the structure is made of */
	for (i = 0; i < 400; i++) {
		size_t page = prng_next(&seed) % pages;
		size_t at =
			page * 4096 + prng_next(&seed) % (i % 2 ? 4096 : 200);

		memcpy(bad, sound, len);
		bad[at] ^= (uint8_t)(1u << prng_next(&seed) % 8);
		damaged(bad, len);
	}
	for (i = 0; i < 40; i++) {
		memcpy(bad, sound, len);
		k = prng_next(&seed) % pages * 4096;
		prng_fill(i, bad + k, MIN(len - k, (size_t)4096));
		damaged(bad, len);
		damaged(sound, prng_next(&seed) % len);
	}
	/* a page in the place of another */
	for (i = 0; i < 40; i++) {
		memcpy(bad, sound, len);
		k = prng_next(&seed) % pages * 4096;
		memcpy(bad + k, sound + prng_next(&seed) % pages * 4096, 4096);
		damaged(bad, len);
	}
	free(sound);
	free(bad);
}

/* One byte of the file at path, from its end. */
static void flip(const char *name, long from_end)
{
	FILE *f = fopen(name, "r+");
	int c;

	assert_non_null(f);
	assert_int_equal(fseek(f, -from_end, SEEK_END), 0);
	c = getc(f);
	assert_int_equal(fseek(f, -from_end, SEEK_END), 0);
	assert_int_equal(putc(c ^ 1, f), c ^ 1);
	assert_int_equal(fclose(f), 0);
}

static void test_what_was_written_to_is_walked_again(void **state)
{
	char name[96];

	(void)state;
	snprintf(name, sizeof(name), "%s-whole", path);
	fill(100, head1);
	assert_true(stamp_holds(path));
	flip(path, 1);
	assert_false(stamp_holds(path));
	flip(path, 1);
	assert_false(stamp_holds(path));
	fill(100, head1);
	assert_true(stamp_holds(path));
	/* another boot, as far as the stamp says */
	flip(name, 60);
	assert_false(stamp_holds(path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_records_come_back, make,
						clean),
		cmocka_unit_test_setup_teardown(
			test_what_is_neither_put_nor_kept_goes, make, clean),
		cmocka_unit_test_setup_teardown(
			test_without_a_commit_nothing_is_trusted, make, clean),
		cmocka_unit_test_setup_teardown(test_sets_do_not_mix, make,
						clean),
		cmocka_unit_test_setup_teardown(test_one_process_at_a_time,
						make, clean),
		cmocka_unit_test_setup_teardown(test_no_damage_is_believed,
						make, clean),
		cmocka_unit_test_setup_teardown(
			test_what_was_written_to_is_walked_again, make, clean),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("catalog", tests, NULL, NULL);
}
