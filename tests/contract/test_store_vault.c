/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_store_vault.c - what a vault's store does beyond the contract of all:
 * names that must be hashes, the past, and a network that breaks off.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "store/registration.h"
#include "store/vault.h"
#include "tests/contract/cutter.h"
#include "tests/contract/store_fixture.h"

#define LARGE ((4u << 20) + 17) /* is streamed */

static const char *head(char out[static 17], unsigned int n)
{
	snprintf(out, 17, "%016x", n);
	return out;
}

/* --- names -------------------------------------------------------------- */

static void test_other_bytes_than_the_name_says_are_refused(void **state)
{
	struct fixture *f = *state;
	const char *name = NAMED(f, STORE_PACK, "", HELLO);

	assert_int_equal(-EBADMSG, store_put(f->s, STORE_PACK, name, WORLD));
	assert_int_equal(1, log_lines);
	assert_non_null(strstr(last_line, name));
	assert_int_equal(0, count_all(f->s));
}

static void test_a_stream_that_gets_another_name_is_refused(void **state)
{
	struct fixture *f = *state;
	CLEANUP_FREE uint8_t *p = pattern(LARGE);
	struct store_writer *w;

	assert_int_equal(0, store_writer_open(f->s, STORE_PACK, &w));
	assert_int_equal(0, store_writer_append(w, SPAN(p, LARGE)));
	assert_int_equal(-EBADMSG, store_writer_commit(w, NAMED(f, STORE_PACK,
								"", HELLO)));
	assert_int_equal(1, log_lines);
}

static void test_a_stream_that_is_there_already_is_eexist(void **state)
{
	struct fixture *f = *state;
	CLEANUP_FREE uint8_t *p = pattern(LARGE);
	const char *name = NAMED(f, STORE_PACK, "", SPAN(p, LARGE));
	struct store_writer *w;
	int want[] = { 0, -EEXIST };
	size_t i;

	for (i = 0; i < ARRAY_LEN(want); i++) {
		assert_int_equal(0, store_writer_open(f->s, STORE_PACK, &w));
		assert_int_equal(0, store_writer_append(w, SPAN(p, LARGE)));
		assert_int_equal(want[i], store_writer_commit(w, name));
	}
	assert_object(f->s, STORE_PACK, name, SPAN(p, LARGE));
	assert_int_equal(0, log_lines);
}

static void test_a_head_that_is_not_the_next_is_estale(void **state)
{
	struct fixture *f = *state;
	char name[17];

	assert_int_equal(0, store_put(f->s, STORE_HEAD, head(name, 1), HELLO));
	assert_int_equal(-ESTALE,
			 store_put(f->s, STORE_HEAD, head(name, 3), HELLO));
	assert_int_equal(0, store_put(f->s, STORE_HEAD, head(name, 2), HELLO));
}

static void test_an_end_of_a_writer_in_the_middle_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	CLEANUP_FREE uint8_t *p = pattern(LARGE);
	struct store_writer *w;

	assert_int_equal(0, store_writer_open(f->s, STORE_PACK, &w));
	assert_int_equal(0, store_writer_append(w, SPAN(p, LARGE)));
	store_writer_abort(w);
	assert_int_equal(0, count_all(f->s));
	assert_int_equal(0, log_lines);
}

/* --- the past ----------------------------------------------------------- */

static void assert_read_only(struct store *s, const char *name)
{
	struct store_lease *l;
	struct store_writer *w;

	assert_int_equal(-EROFS, store_put(s, STORE_PACK, name, HELLO));
	assert_int_equal(-EROFS, store_writer_open(s, STORE_PACK, &w));
	assert_int_equal(-EROFS, store_delete(s, STORE_PACK, name));
	assert_int_equal(-EROFS, store_lease_begin(s, STORE_LEASE_WRITER, &l));
	assert_int_equal(-EROFS,
			 store_lease_begin(s, STORE_LEASE_MAINTENANCE, &l));
	assert_int_equal(5, log_lines);
}

static void test_as_of_a_head_is_what_was_there_then(void **state)
{
	struct fixture *f = *state;
	const char *old = NAMED(f, STORE_PACK, "", HELLO);
	const char *new = NAMED(f, STORE_PACK, "", WORLD);
	const struct store_vault_options opt = { .dir = f->repo,
						 .past = true,
						 .head = 1 };
	struct store *past;
	char name[17];

	assert_int_equal(0, store_put(f->s, STORE_PACK, old, HELLO));
	assert_int_equal(0, store_put(f->s, STORE_HEAD, head(name, 1), HELLO));
	assert_int_equal(0, store_delete(f->s, STORE_PACK, old));
	assert_int_equal(0, store_put(f->s, STORE_PACK, new, WORLD));
	assert_int_equal(0, store_put(f->s, STORE_HEAD, head(name, 2), HELLO));
	assert_int_equal(-ENOENT, get_size(f->s, STORE_PACK, old));
	assert_int_equal(0, store_open_vault_with(&opt, &past));
	assert_object(past, STORE_PACK, old, HELLO);
	assert_int_equal(-ENOENT, get_size(past, STORE_PACK, new));
	assert_int_equal(1, count_objects(past, STORE_PACK));
	assert_int_equal(1, count_objects(past, STORE_HEAD));
	assert_int_equal(0, log_lines);
	assert_read_only(past, old);
	store_free(past);
}

/* --- a network that breaks off ------------------------------------------ */

/* The fixture's repository, over a relay. */
static struct store *open_by(const struct fixture *f, const struct cutter *c)
{
	CLEANUP_BUF struct buf text = BUF_INIT(4096);
	char path[256], *url;
	struct store *s;

	fixture_path(path, f, "registration.json");
	assert_int_equal(0, io_read_file(AT_FDCWD, path, &text));
	assert_int_equal(0, buf_u8(&text, '\0'));
	url = strstr((char *)text.p, "https://localhost:");
	assert_non_null(url);
	url += strlen("https://localhost:");
	/* a port of five digits gives way to one of five */
	assert_true(strspn(url, "0123456789") == 5 && cutter_port(c) > 9999);
	url += snprintf(url, 6, "%u", cutter_port(c));
	*url = '"';
	assert_int_equal(0, io_replace_file(AT_FDCWD, path,
					    SPAN(text.p, text.len - 1)));
	assert_int_equal(0, store_open_vault(f->repo, &s));
	return s;
}

static unsigned int vault_port(void)
{
	return (unsigned int)strtoul(
		strrchr(getenv("TIDEMARK_VAULT_URL"), ':') + 1, NULL, 10);
}

/* Bytes at which a connection ends: amid the handshake, the request's head,
 * the body, the answer. */
static const uint64_t cuts[] = { 0,    300,  1500,   2500,    3000,
				 3500, 5000, 100000, 3000000, 4190000 };

static int store_large(struct store *s, const char *name, struct span data)
{
	struct store_writer *w;
	int r = store_writer_open(s, STORE_PACK, &w);

	if (r == 0)
		r = store_writer_append(w, data);
	assert_int_equal(0, r);
	return store_writer_commit(w, name);
}

/* Stored once or twice, whatever of it was heard. */
static void put_cut(struct store *s, struct cutter *c, const struct fixture *f,
		    struct span data, bool back, uint64_t at)
{
	const char *name = NAMED(f, STORE_PACK, "", data);
	int r;

	cutter_cut(c, back ? CUTTER_NEVER : at, back ? at : CUTTER_NEVER);
	r = store_large(s, name, data);
	assert_true(r == 0 || (r == -EEXIST && back));
	assert_object(s, STORE_PACK, name, data);
	assert_true(cutter_count(c) >= 1);
}

static void test_uploads_survive_cuts(void **state)
{
	struct fixture *f = *state;
	CLEANUP_FREE uint8_t *p = pattern(LARGE);
	struct cutter *c = cutter_new(vault_port());
	struct store *s = open_by(f, c);
	size_t i;

	for (i = 0; i < ARRAY_LEN(cuts); i++) {
		p[i] ^= 1;
		put_cut(s, c, f, SPAN(p, LARGE), false, cuts[i]);
		assert_true(cutter_count(c) >= 2);
	}
	for (i = 0; i < ARRAY_LEN(cuts) && cuts[i] < 5000; i++) {
		p[i] ^= 2;
		put_cut(s, c, f, SPAN(p, LARGE), true, cuts[i]);
	}
	store_free(s);
	cutter_free(c);
}

static void test_downloads_survive_cuts(void **state)
{
	struct fixture *f = *state;
	CLEANUP_FREE uint8_t *p = pattern(LARGE), *q = malloc(LARGE);
	const char *name = NAMED(f, STORE_PACK, "", SPAN(p, LARGE));
	struct cutter *c = cutter_new(vault_port());
	struct store *s = open_by(f, c);
	size_t i;

	assert_non_null(q);
	assert_int_equal(0, store_put(s, STORE_PACK, name, SPAN(p, LARGE)));
	for (i = 0; i < ARRAY_LEN(cuts); i++) {
		CLEANUP_BUF struct buf b = BUF_INIT(LARGE + 3);

		assert_int_equal(0, buf_append(&b, "abc", 3));
		cutter_cut(c, CUTTER_NEVER, cuts[i]);
		assert_int_equal(0, store_get(s, STORE_PACK, name, &b));
		assert_true(cutter_count(c) >= 2);
		assert_int_equal(LARGE + 3, b.len);
		assert_memory_equal("abc", b.p, 3);
		assert_memory_equal(p, b.p + 3, LARGE);
	}
	cutter_cut(c, CUTTER_NEVER, 1000000);
	assert_int_equal(0,
			 store_get_range(s, STORE_PACK, name, 7, q, LARGE - 7));
	assert_memory_equal(p + 7, q, LARGE - 7);
	store_free(s);
	cutter_free(c);
}

/* The vault has done it, and was not heard: that is no failure. */
static void test_a_delete_that_is_not_heard_is_done(void **state)
{
	struct fixture *f = *state;
	const char *name = NAMED(f, STORE_PACK, "", HELLO);
	struct cutter *c = cutter_new(vault_port());
	struct store *s = open_by(f, c);
	uint64_t at;

	for (at = 500; at < 3500; at += 500) {
		(void)!store_put(s, STORE_PACK, name, HELLO);
		cutter_cut(c, CUTTER_NEVER, at);
		assert_int_equal(0, store_delete(s, STORE_PACK, name));
		assert_int_equal(0, count_all(s));
	}
	store_free(s);
	cutter_free(c);
}

static void test_a_vault_out_of_reach_is_given_up(void **state)
{
	struct fixture *f = *state;
	struct cutter *c = cutter_new(vault_port());
	struct store *s;

	setenv("TIDEMARK_VAULT_RETRY_SECONDS", "0", 1);
	s = open_by(f, c);
	unsetenv("TIDEMARK_VAULT_RETRY_SECONDS");
	cutter_free(c);
	assert_int_equal(-EIO,
			 store_put(s, STORE_KEY, NAMED(f, STORE_KEY, "", HELLO),
				   HELLO));
	assert_int_equal(1, log_lines);
	assert_non_null(strstr(last_line, "given up"));
	assert_int_equal(-EIO, get_size(s, STORE_CONFIG, "config"));
	store_free(s);
}

static bool yes(void)
{
	return true;
}

static void test_waiting_ends_when_it_is_told_so(void **state)
{
	struct fixture *f = *state;
	struct cutter *c = cutter_new(vault_port());
	struct store *s = open_by(f, c);

	cutter_free(c);
	store_vault_interrupt(yes);
	assert_int_equal(-EINTR, get_size(s, STORE_CONFIG, "config"));
	store_vault_interrupt(NULL);
	store_free(s);
}

/* --- the table ---------------------------------------------------------- */

static const struct test_case cases[] = {
	CASE(test_other_bytes_than_the_name_says_are_refused, KIND(VAULT_KIND)),
	CASE(test_a_stream_that_gets_another_name_is_refused, KIND(VAULT_KIND)),
	CASE(test_a_stream_that_is_there_already_is_eexist, KIND(VAULT_KIND)),
	CASE(test_a_head_that_is_not_the_next_is_estale, KIND(VAULT_KIND)),
	CASE(test_an_end_of_a_writer_in_the_middle_leaves_nothing,
	     KIND(VAULT_KIND)),
	CASE(test_as_of_a_head_is_what_was_there_then, KIND(VAULT_KIND)),
	CASE(test_uploads_survive_cuts, KIND(VAULT_KIND)),
	CASE(test_downloads_survive_cuts, KIND(VAULT_KIND)),
	CASE(test_a_delete_that_is_not_heard_is_done, KIND(VAULT_KIND)),
	CASE(test_a_vault_out_of_reach_is_given_up, KIND(VAULT_KIND)),
	CASE(test_waiting_ends_when_it_is_told_so, KIND(VAULT_KIND)),
};

int main(void)
{
	signal(SIGPIPE, SIG_IGN); /* of the relay */
	return fixture_run("store vault", cases, ARRAY_LEN(cases));
}
