/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_store.c - one suite for every kind of store, sentence by sentence of
 * store/store.h: objects, writers, listings. What concerns several users of
 * one store is in test_store_users.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/contract/store_fixture.h"

/* --- objects ------------------------------------------------------------ */

static void test_put_then_get_in_every_class(void **state)
{
	struct fixture *f = *state;
	int cls;

	for (cls = 0; cls < STORE_CLASSES; cls++) {
		enum store_class c = (enum store_class)cls;
		const char *label = c == STORE_CONFIG ? "config" : "1";
		const char *name = NAMED(f, c, label, HELLO);

		assert_int_equal(0, store_put(f->s, c, name, HELLO));
		assert_object(f->s, c, name, HELLO);
		assert_int_equal(1, count_objects(f->s, c));
	}
	assert_int_equal(STORE_CLASSES, count_all(f->s));
}

static void test_classes_have_their_names(void **state)
{
	(void)state;
	assert_string_equal("config", store_class_name(STORE_CONFIG));
	assert_string_equal("keys", store_class_name(STORE_KEY));
	assert_string_equal("packs", store_class_name(STORE_PACK));
	assert_string_equal("index", store_class_name(STORE_INDEX));
	assert_string_equal("snapshots", store_class_name(STORE_SNAPSHOT));
	assert_string_equal("heads", store_class_name(STORE_HEAD));
}

static void test_put_twice_is_eexist_and_changes_nothing(void **state)
{
	struct fixture *f = *state;
	const char *name = NAMED(f, STORE_HEAD, "1", HELLO);

	assert_int_equal(0, store_put(f->s, STORE_HEAD, name, HELLO));
	assert_int_equal(-EEXIST, store_put(f->s, STORE_HEAD, name, WORLD));
	assert_object(f->s, STORE_HEAD, name, HELLO);
	assert_int_equal(1, count_objects(f->s, STORE_HEAD));
	assert_int_equal(0, log_lines);
}

static void test_an_empty_object_is_an_object(void **state)
{
	struct fixture *f = *state;
	struct span none = SPAN(NULL, 0);
	const char *name = NAMED(f, STORE_KEY, "e", none);

	assert_int_equal(0, store_put(f->s, STORE_KEY, name, none));
	assert_object(f->s, STORE_KEY, name, none);
	assert_int_equal(-EEXIST, store_put(f->s, STORE_KEY, name,
					    fixture_other(f, none, HELLO)));
}

static void test_a_missing_object_is_enoent_and_not_logged(void **state)
{
	struct fixture *f = *state;
	uint64_t size = 77;
	uint8_t p[1];

	assert_int_equal(-ENOENT, get_size(f->s, STORE_PACK, "ab"));
	assert_int_equal(-ENOENT,
			 store_get_range(f->s, STORE_PACK, "ab", 0, p, 1));
	assert_int_equal(-ENOENT, store_stat(f->s, STORE_PACK, "ab", &size));
	assert_int_equal(77, size);
	assert_int_equal(-ENOENT, store_delete(f->s, STORE_PACK, "ab"));
	assert_int_equal(-ENOENT, get_size(f->s, STORE_CONFIG, "config"));
	assert_int_equal(0, log_lines);
}

static void assert_refused(struct store *s, enum store_class cls,
			   const char *name)
{
	struct store_writer *w;
	uint64_t size;
	uint8_t p[1];
	int before = log_lines;

	assert_int_equal(-EINVAL, store_put(s, cls, name, HELLO));
	assert_int_equal(before + 1, log_lines);
	assert_int_equal(-EINVAL, get_size(s, cls, name));
	assert_int_equal(-EINVAL, store_get_range(s, cls, name, 0, p, 1));
	assert_int_equal(-EINVAL, store_stat(s, cls, name, &size));
	assert_int_equal(-EINVAL, store_delete(s, cls, name));
	assert_int_equal(0, store_writer_open(s, cls, &w));
	assert_int_equal(-EINVAL, store_writer_commit(w, name));
}

static void test_a_bad_name_is_einval(void **state)
{
	static const char too_long[] = "0000000000000000000000000000000"
				       "0000000000000000000000000000000"
				       "000"; /* 65 */
	static const char *const bad[] = {
		"",    ".",	 "..", "../config", "/",   "/etc/passwd",
		"a/b", "AB",	 "0x", "g",	    " ",   "a ",
		"a\n", "config", "-",  "\xc3\xa4",  "a.b", too_long,
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_refused(f->s, STORE_PACK, bad[i]);
	assert_refused(f->s, STORE_CONFIG, "0a");
	assert_refused(f->s, STORE_CONFIG, "");
	assert_refused(f->s, STORE_CONFIG, "packs");
	assert_int_equal(0, count_all(f->s));
}

static void test_names_of_1_and_64_digits_are_good(void **state)
{
	struct fixture *f = *state;
	const char *longest = "0123456789abcdef0123456789abcdef"
			      "0123456789abcdef0123456789abcdef";

	assert_int_equal(0, store_put(f->s, STORE_PACK, "f", HELLO));
	assert_int_equal(0, store_put(f->s, STORE_PACK, longest, WORLD));
	assert_object(f->s, STORE_PACK, "f", HELLO);
	assert_object(f->s, STORE_PACK, longest, WORLD);
}

static void test_classes_are_apart(void **state)
{
	struct fixture *f = *state;
	const char *name = NAMED(f, STORE_PACK, "aa", HELLO);
	struct span other = fixture_other(f, HELLO, WORLD);

	assert_int_equal(0, store_put(f->s, STORE_PACK, name, HELLO));
	assert_int_equal(0, store_put(f->s, STORE_INDEX, name, other));
	assert_int_equal(0, store_delete(f->s, STORE_PACK, name));
	assert_object(f->s, STORE_INDEX, name, other);
	assert_int_equal(-ENOENT, get_size(f->s, STORE_SNAPSHOT, name));
}

static void test_get_appends_or_leaves_out_as_it_was(void **state)
{
	struct fixture *f = *state;
	CLEANUP_BUF struct buf b = BUF_INIT(9);
	const char *one = NAMED(f, STORE_KEY, "1", HELLO);
	const char *two = NAMED(f, STORE_KEY, "2", WORLD);
	char text[STORE_NAME_MAX + 8];

	assert_int_equal(0, store_put(f->s, STORE_KEY, one, HELLO));
	assert_int_equal(0, store_put(f->s, STORE_KEY, two, WORLD));
	assert_int_equal(0, buf_append(&b, "abc", 3));
	assert_int_equal(-ENOENT, store_get(f->s, STORE_KEY, "3", &b));
	assert_int_equal(3, b.len);
	assert_int_equal(0, store_get(f->s, STORE_KEY, two, &b));
	assert_int_equal(9, b.len);
	assert_memory_equal("abcworld!", b.p, 9);
	assert_int_equal(0, log_lines);
	assert_int_equal(-EMSGSIZE, store_get(f->s, STORE_KEY, one, &b));
	assert_int_equal(9, b.len);
	assert_memory_equal("abcworld!", b.p, 9);
	assert_int_equal(1, log_lines);
	snprintf(text, sizeof(text), "keys/%s", one);
	assert_non_null(strstr(last_line, text));
}

static void test_a_range_is_exactly_its_bytes(void **state)
{
	struct fixture *f = *state;
	const char *name = NAMED(f, STORE_PACK, "1", WORLD);
	uint8_t p[8] = { 0 };

	assert_int_equal(0, store_put(f->s, STORE_PACK, name, WORLD));
	assert_int_equal(0, store_get_range(f->s, STORE_PACK, name, 0, p, 6));
	assert_memory_equal("world!\0\0", p, 8);
	assert_int_equal(0, store_get_range(f->s, STORE_PACK, name, 2, p, 3));
	assert_memory_equal("rldld!\0\0", p, 8);
	assert_int_equal(0, store_get_range(f->s, STORE_PACK, name, 5, p, 1));
	assert_int_equal('!', p[0]);
	assert_int_equal(0, store_get_range(f->s, STORE_PACK, name, 3, p, 0));
	assert_int_equal(0, store_get_range(f->s, STORE_PACK, name, 6, p, 0));
	assert_int_equal(0, log_lines);
}

static void test_a_range_past_the_end_is_euclean(void **state)
{
	static const struct {
		uint64_t off;
		size_t len;
	} bad[] = {
		{ 0, 7 },	   { 5, 2 },
		{ 6, 1 },	   { 1u << 20, 1 },
		{ INT64_MAX, 1 },  { UINT64_MAX, 1 },
		{ UINT64_MAX, 8 }, { INT64_MAX - 1, 8 },
	};
	struct fixture *f = *state;
	const char *name = NAMED(f, STORE_PACK, "1", WORLD);
	char text[STORE_NAME_MAX + 8];
	uint8_t p[8];
	size_t i;

	snprintf(text, sizeof(text), "packs/%s", name);
	assert_int_equal(0, store_put(f->s, STORE_PACK, name, WORLD));
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(-EUCLEAN,
				 store_get_range(f->s, STORE_PACK, name,
						 bad[i].off, p, bad[i].len));
		assert_int_equal((int)i + 1, log_lines);
		assert_non_null(strstr(last_line, text));
	}
}

/* --- writers ------------------------------------------------------------ */

static void test_a_writer_stores_its_pieces(void **state)
{
	/* odd pieces that cross every flush step */
	const size_t len = (9u << 20) + 17, step = 1000003;
	struct fixture *f = *state;
	CLEANUP_FREE uint8_t *p = pattern(len);
	const char *name = NAMED(f, STORE_PACK, "beef", SPAN(p, len));
	const char *next = NAMED(f, STORE_PACK, "cafe", SPAN(p, len - 1));
	struct store_writer *w;
	size_t off;

	assert_int_equal(0, store_writer_open(f->s, STORE_PACK, &w));
	for (off = 0; off < len; off += step)
		assert_int_equal(
			0, store_writer_append(w, SPAN(p + off,
						       MIN(step, len - off))));
	assert_int_equal(0, count_all(f->s));
	assert_int_equal(0, store_writer_commit(w, name));
	assert_object(f->s, STORE_PACK, name, SPAN(p, len));
	assert_int_equal(0,
			 store_put(f->s, STORE_PACK, next, SPAN(p, len - 1)));
	assert_object(f->s, STORE_PACK, next, SPAN(p, len - 1));
}

static void test_an_aborted_writer_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct store_writer *w;

	assert_int_equal(0, store_writer_open(f->s, STORE_PACK, &w));
	store_writer_abort(w);
	assert_int_equal(0, store_writer_open(f->s, STORE_PACK, &w));
	assert_int_equal(0, store_writer_append(w, HELLO));
	store_writer_abort(w);
	store_writer_abort(NULL);
	assert_int_equal(0, count_all(f->s));
}

static void test_a_writer_meets_eexist_at_its_commit(void **state)
{
	struct fixture *f = *state;
	const char *name = NAMED(f, STORE_INDEX, "1", WORLD);
	struct store_writer *a, *b;

	assert_int_equal(0, store_writer_open(f->s, STORE_INDEX, &a));
	assert_int_equal(0, store_writer_open(f->s, STORE_INDEX, &b));
	assert_int_equal(
		0, store_writer_append(a, fixture_other(f, WORLD, HELLO)));
	assert_int_equal(0, store_writer_append(b, WORLD));
	assert_int_equal(0, store_writer_commit(b, name));
	assert_int_equal(-EEXIST, store_writer_commit(a, name));
	assert_object(f->s, STORE_INDEX, name, WORLD);
	assert_int_equal(1, count_all(f->s));
	assert_int_equal(0, log_lines);
}

/* --- listing and deleting ----------------------------------------------- */

struct seen {
	char names[10][STORE_NAME_MAX + 1];
	unsigned int which; /* bit i: name i */
	uint64_t bytes;
};

static int see(void *arg, const char *name, uint64_t size)
{
	struct seen *seen = arg;
	int i = 0;

	while (i < 10 && strcmp(seen->names[i], name) != 0)
		i++;
	assert_true(i < 10);
	assert_int_equal(0, seen->which & 1u << i);
	seen->which |= 1u << i;
	seen->bytes += size;
	return 0;
}

static int stop_at_two(void *arg, const char *name, uint64_t size)
{
	(void)name;
	(void)size;
	return ++*(int *)arg == 2 ? -ECANCELED : 0;
}

static int stop_with_seven(void *arg, const char *name, uint64_t size)
{
	(void)arg;
	(void)name;
	(void)size;
	return 7;
}

static void test_a_listing_names_each_object_once(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { .which = 0 };
	char label[3] = "a0";
	int i, n = 0;

	assert_int_equal(0, count_all(f->s));
	for (i = 0; i < 10; i++) {
		struct span data = SPAN("0123456789", (size_t)i);

		label[1] = (char)('0' + i);
		fixture_name(seen.names[i], f, STORE_SNAPSHOT, label, data);
		assert_int_equal(0, store_put(f->s, STORE_SNAPSHOT,
					      seen.names[i], data));
	}
	assert_int_equal(0,
			 store_put(f->s, STORE_INDEX,
				   NAMED(f, STORE_INDEX, "b0", HELLO), HELLO));
	assert_int_equal(0, store_list(f->s, STORE_SNAPSHOT, see, &seen));
	assert_int_equal((1u << 10) - 1, seen.which);
	assert_int_equal(45, seen.bytes);
	assert_int_equal(-ECANCELED,
			 store_list(f->s, STORE_SNAPSHOT, stop_at_two, &n));
	assert_int_equal(2, n);
	assert_int_equal(7, store_list(f->s, STORE_SNAPSHOT, stop_with_seven,
				       NULL));
	assert_int_equal(0, log_lines);
}

static int delete_it(void *arg, const char *name, uint64_t size)
{
	(void)size;
	return store_delete(arg, STORE_HEAD, name);
}

static void test_a_listing_may_delete_what_it_is_shown(void **state)
{
	struct fixture *f = *state;
	char label[8];
	int i;

	for (i = 1; i <= 20; i++) {
		snprintf(label, sizeof(label), "%x", i);
		assert_int_equal(0,
				 store_put(f->s, STORE_HEAD,
					   NAMED(f, STORE_HEAD, label, HELLO),
					   HELLO));
	}
	assert_int_equal(0, store_list(f->s, STORE_HEAD, delete_it, f->s));
	assert_int_equal(0, count_all(f->s));
}

static void test_a_deleted_object_is_gone_and_can_come_back(void **state)
{
	struct fixture *f = *state;
	const char *name = NAMED(f, STORE_PACK, "1", HELLO);
	struct span again = fixture_other(f, HELLO, WORLD);
	uint8_t p[6];

	assert_int_equal(0, store_put(f->s, STORE_PACK, name, HELLO));
	assert_int_equal(0, store_get_range(f->s, STORE_PACK, name, 0, p, 5));
	assert_int_equal(0, store_delete(f->s, STORE_PACK, name));
	assert_int_equal(-ENOENT,
			 store_get_range(f->s, STORE_PACK, name, 0, p, 5));
	assert_int_equal(-ENOENT, get_size(f->s, STORE_PACK, name));
	assert_int_equal(-ENOENT, store_delete(f->s, STORE_PACK, name));
	assert_int_equal(0, count_all(f->s));
	assert_int_equal(0, store_put(f->s, STORE_PACK, name, again));
	assert_int_equal(0, store_get_range(f->s, STORE_PACK, name, 0, p,
					    again.len));
	assert_memory_equal(again.p, p, again.len);
	assert_int_equal(0, log_lines);
}

/* --- the table ---------------------------------------------------------- */

static const struct test_case cases[] = {
	CASE(test_put_then_get_in_every_class, ALL_KINDS),
	CASE(test_classes_have_their_names, ALL_KINDS),
	CASE(test_put_twice_is_eexist_and_changes_nothing, ALL_KINDS),
	CASE(test_an_empty_object_is_an_object, ALL_KINDS),
	CASE(test_a_missing_object_is_enoent_and_not_logged, ALL_KINDS),
	CASE(test_a_bad_name_is_einval, ALL_KINDS),
	CASE(test_names_of_1_and_64_digits_are_good, FREE_KINDS),
	CASE(test_classes_are_apart, ALL_KINDS),
	CASE(test_get_appends_or_leaves_out_as_it_was, ALL_KINDS),
	CASE(test_a_range_is_exactly_its_bytes, ALL_KINDS),
	CASE(test_a_range_past_the_end_is_euclean, ALL_KINDS),
	CASE(test_a_writer_stores_its_pieces, ALL_KINDS),
	CASE(test_an_aborted_writer_leaves_nothing, ALL_KINDS),
	CASE(test_a_writer_meets_eexist_at_its_commit, ALL_KINDS),
	CASE(test_a_listing_names_each_object_once, ALL_KINDS),
	CASE(test_a_listing_may_delete_what_it_is_shown, ALL_KINDS),
	CASE(test_a_deleted_object_is_gone_and_can_come_back, ALL_KINDS),
};

int main(void)
{
	return fixture_run("store", cases, ARRAY_LEN(cases));
}
