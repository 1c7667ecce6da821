/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_state.c - a tracked file system's state is loaded as it was saved, or
 * not at all.
 */
#include "daemon/state.h"
#include "testdir.h"

static struct state_chunk chunks[2] = { { 4, 7, 2 }, { 6, 9, 2 } };
static struct state_consumer consumers[2] = { { "one", 3 }, { "two", 5 } };

static char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void save(size_t n_chunks)
{
	char path[] = "/mnt";
	struct state_info info = { .path = path,
				   .dev = 7,
				   .mount_id = 1ull << 40,
				   .epoch = 7,
				   .floor = 3,
				   .next_number = 10,
				   .consumers = consumers,
				   .n_consumers = 2,
				   .chunks = chunks,
				   .n_chunks = n_chunks };

	assert_int_equal(state_save(dir, &info), 0);
}

static void write_chunks(void)
{
	struct dirty d = { 0 };
	struct dirty_inode in = { 12, 1 << 22, 1, DIRTY_DATA };
	struct dirty_range r = { .ino = 12, .bits = { 5 } };
	size_t i;

	for (i = 0; i < 2; i++) {
		dirty_add_inode(&d, &in);
		in.ino++;
		dirty_add_inode(&d, &in);
		dirty_add_range(&d, &r);
		dirty_sort(&d);
		assert_int_equal(state_chunk_write(dir, &chunks[i], &d), 0);
		dirty_release(&d);
	}
}

/* The number of chunks, or the error. */
static int load(void)
{
	struct state_info info = { 0 };
	struct state_chunk *list = NULL;
	size_t n = 0;
	int e = state_load(dir, &info, &list, &n);

	if (e == 0) {
		assert_string_equal(info.path, "/mnt");
		assert_int_equal(info.epoch, 7);
		assert_int_equal(info.n_consumers, 2);
	}
	state_info_release(&info);
	free(list);
	return e < 0 ? e : (int)n;
}

static void put(const char *name, const uint8_t *p, size_t len)
{
	int fd = open(path_of(name), O_WRONLY | O_TRUNC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, len), (ssize_t)len);
	close(fd);
}

static int read_first(void)
{
	struct dirty d = { 0 };
	int e = state_chunk_read(dir, &chunks[0], &d);

	dirty_release(&d);
	return e;
}

static int load_info(void)
{
	return load();
}

/* Each byte in turn another one, and each length that is too short. */
static void damage(const char *name, int (*use)(void))
{
	static const uint8_t flips[] = { 1, 2, 0x10, 0x80, 0xff };
	CLEANUP_BUF struct buf b = BUF_INIT(1 << 16);
	size_t i, k;

	assert_int_equal(io_read_file(AT_FDCWD, path_of(name), &b), 0);
	assert_true(use() >= 0);
	for (i = 0; i < b.len; i++) {
		for (k = 0; k < sizeof(flips); k++) {
			b.p[i] ^= flips[k];
			put(name, b.p, b.len);
			assert_true(use() < 0);
			b.p[i] ^= flips[k];
		}
		put(name, b.p, i);
		assert_true(use() < 0);
	}
	put(name, b.p, b.len);
	assert_true(use() >= 0);
	assert_int_equal(buf_u8(&b, '\n'), 0);
	put(name, b.p, b.len);
	assert_true(use() < 0);
}

static void test_damaged_info(void **state)
{
	(void)state;
	write_chunks();
	save(2);
	damage("info", load_info);
}

static void test_damaged_chunk(void **state)
{
	(void)state;
	write_chunks();
	damage("4.7", read_first);
}

static void test_missing_chunk(void **state)
{
	(void)state;
	write_chunks();
	save(2);
	assert_int_equal(load(), 2);
	assert_int_equal(unlink(path_of("6.9")), 0);
	assert_true(load() < 0);
}

/* What the daemon did and could not note, when it was killed. */
static void test_killed(void **state)
{
	(void)state;
	write_chunks();
	save(1);
	assert_int_equal(load(), 2); /* written after info */
	save(2);
	state_chunk_remove(dir, &chunks[0]);
	assert_int_equal(load(), 2); /* removed before info */
	state_chunk_remove(dir, &chunks[1]);
	save(1);
	assert_int_equal(load(), 1);
	assert_int_equal(access(path_of(".6.9"), F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_damaged_info, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(test_damaged_chunk, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(test_missing_chunk, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(test_killed, make_dir,
						remove_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
