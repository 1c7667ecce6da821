/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vault_false.c - a vault's store against a vault that is broken, or
 * lies: the vault's own listener, with other answers.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "store/vault.h"
#include "tests/contract/store_fixture.h"
#include "vault/authority.h"
#include "vault/http/http.h"

#define MACHINE "0b9b0db9-e42b-4b4b-972e-0bd54677d4cd"
#define NAME "aaaa"

/* What the next requests are answered. */
struct answer {
	unsigned int status;
	const char *body;
	size_t len;
	const char *header, *value;
	unsigned int requests; /* that came */
	unsigned int failures; /* so many get 503 first */
};

static struct answer says;
static struct authority authority;
static struct http *server;
static char dir[64];

static int reply(struct http_exchange *x, void *arg)
{
	unsigned int n =
		__atomic_add_fetch(&says.requests, 1, __ATOMIC_RELAXED);
	int e = 0;

	(void)arg;
	if (n <= says.failures)
		return http_reply_error(x, 503, "Busy", "Not just now.");
	if (says.header)
		e = http_set_header(x, says.header, says.value);
	return e < 0 ? e
		     : http_reply(x, says.status, "application/json",
				  SPAN(says.body, says.len));
}

static const struct http_route routes[] = {
	{ "GET", "/v1/objects/{}", reply, NULL, 0 },
	{ "POST", "/v1/objects/{}", reply, NULL, 64u << 20 },
	{ "GET", "/v1/objects/{}/{}", reply, NULL, 0 },
	{ "PUT", "/v1/objects/{}/{}", reply, NULL, 64u << 20 },
	{ "POST", "/v1/leases", reply, NULL, 4096 },
	{ "GET", "/v1/machine", reply, NULL, 0 },
};

static void answer(unsigned int status, const char *body)
{
	says = (struct answer){ .status = status,
				.body = body,
				.len = strlen(body) };
}

/* --- a registration that no vault has made ------------------------------ */

static void save(int fd, const char *name, const struct x509_cert *c)
{
	CLEANUP_BUF struct buf pem = BUF_INIT(2 * X509_CERT_MAX);

	assert_int_equal(0, x509_to_pem(c, &pem));
	assert_int_equal(0, io_replace_file(fd, name, SPAN_OF(&pem)));
}

static void make_registration(unsigned int port)
{
	CLEANUP_BUF struct buf request = BUF_INIT(X509_REQUEST_MAX);
	CLEANUP_PKEY struct pkey *key = NULL;
	CLEANUP_X509 struct x509_cert *cert = NULL;
	CLEANUP_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *why = NULL;
	char record[256];
	int n = snprintf(record, sizeof(record),
			 "{\"url\":\"https://localhost:%u\",\"vault\":\"v\","
			 "\"machine\":\"" MACHINE "\",\"name\":\"m\"}",
			 port);

	assert_int_equal(0, pkey_new(&key));
	assert_int_equal(0, pkey_save(fd, "key.pem", key));
	assert_int_equal(0, x509_request(key, "m", &request));
	assert_int_equal(0, authority_sign(&authority, SPAN_OF(&request), "m",
					   MACHINE, &cert, &why));
	save(fd, "cert.pem", cert);
	save(fd, "authority.pem", authority.ca);
	assert_int_equal(0, io_replace_file(fd, "registration.json",
					    SPAN(record, n)));
}

static void start_server(void)
{
	CLEANUP_BUF struct buf cert = BUF_INIT(2 * X509_CERT_MAX);
	CLEANUP_SECRET_BUF struct buf key = BUF_INIT(PKEY_PEM_MAX);
	CLEANUP_BUF struct buf ca = BUF_INIT(2 * X509_CERT_MAX);
	struct http_options opt = {
		.address = "127.0.0.1:0",
		.fd = -1,
		.routes = routes,
		.n_routes = ARRAY_LEN(routes),
		.connections = 100,
		.connections_per_address = 100,
		.seconds = 10,
	};

	assert_int_equal(0, authority_server(&authority, &cert, &key));
	assert_int_equal(0, x509_to_pem(authority.ca, &ca));
	opt.certificate = SPAN_OF(&cert);
	opt.key = SPAN_OF(&key);
	opt.client_ca = SPAN_OF(&ca);
	assert_int_equal(0, http_start(&opt, &server));
}

static int start(void **state)
{
	static const char *const names[] = { "localhost" };
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(dir, sizeof(dir), "%.40s/false.XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(0, authority_make(dir, "false"));
	assert_int_equal(0, authority_open(dir, names, 1, &authority));
	start_server();
	make_registration(http_port(server));
	return 0;
}

static int stop(void **state)
{
	static const char *const files[] = {
		"ca.key",     "ca.crt",	       "server.key",
		"server.crt", "key.pem",       "server.names",
		"cert.pem",   "authority.pem", "registration.json",
	};
	char path[128];
	size_t i;

	(void)state;
	http_stop(server);
	authority_close(&authority);
	for (i = 0; i < ARRAY_LEN(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		(void)unlink(path);
	}
	return rmdir(dir);
}

static int open_it(void **state)
{
	struct store *s;

	assert_int_equal(0, store_open_vault(dir, &s));
	*state = s;
	return 0;
}

static int close_it(void **state)
{
	store_free(*state);
	return 0;
}

/* --- what it says ------------------------------------------------------- */

static void assert_listing(struct store *s, int want, const char *body,
			   const char *next)
{
	int n = 0;

	answer(200, body);
	if (next) {
		says.header = "Tidemark-Next";
		says.value = next;
	}
	assert_int_equal(want, store_list(s, STORE_PACK, count_one, &n));
	assert_in_range(says.requests, 1, 2);
}

static void test_a_damaged_listing_ends(void **state)
{
	static const char *const bad[] = {
		"aa",	    "aa\n", "aa 1",    "aa x\n",
		"aa 1 2\n", " \n",  "aa -1\n", "aa\nbb 1\n",
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_listing(*state, -EPROTO, bad[i], NULL);
	/* names that are none are skipped, as in a directory */
	assert_listing(*state, 0, "../x 1\nAA 2\n", NULL);
}

static void test_a_listing_that_does_not_go_on_ends(void **state)
{
	assert_listing(*state, -EPROTO, "aa 1\n", "../..");
	assert_listing(*state, -EPROTO, "aa 1\n", "AA");
	/* the second page says the same again */
	assert_listing(*state, -EPROTO, "aa 1\n", "aa");
	assert_int_equal(2, says.requests);
}

static void test_an_answer_is_never_longer_than_there_is_room(void **state)
{
	const size_t len = 16u << 20;
	CLEANUP_FREE char *p = calloc(1, len);
	CLEANUP_BUF struct buf b = BUF_INIT(1000);
	uint8_t range[16];
	int n = 0;

	assert_non_null(p);
	answer(200, "");
	says.body = p;
	says.len = len;
	assert_int_equal(-EMSGSIZE, store_get(*state, STORE_KEY, NAME, &b));
	assert_int_equal(0, b.len);
	assert_int_equal(-EMSGSIZE, store_get_range(*state, STORE_PACK, NAME, 0,
						    range, sizeof(range)));
	assert_int_equal(-EPROTO,
			 store_list(*state, STORE_PACK, count_one, &n));
	/* also of an error, or of what nobody wants to read */
	assert_int_equal(-EPROTO, store_put(*state, STORE_KEY, NAME, HELLO));
	says.status = 404;
	assert_int_equal(-EPROTO, store_get(*state, STORE_KEY, NAME, &b));
}

static void test_a_range_must_be_what_was_asked_for(void **state)
{
	uint8_t p[5] = { 0 };

	answer(206, "hell");
	assert_int_equal(-EUCLEAN, store_get_range(*state, STORE_PACK, NAME, 0,
						   p, sizeof(p)));
	answer(200, "hello"); /* from the start, not from 7 */
	assert_int_equal(-EPROTO, store_get_range(*state, STORE_PACK, NAME, 7,
						  p, sizeof(p)));
	answer(206, "hello");
	assert_int_equal(0, store_get_range(*state, STORE_PACK, NAME, 7, p,
					    sizeof(p)));
}

static void test_only_a_vault_says_that_nothing_is_there(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(1000);

	answer(404, "<html>not found</html>");
	assert_int_equal(-EPROTO, store_get(*state, STORE_KEY, NAME, &b));
	answer(404, "{\"error\":{\"code\":\"ObjectNotFound\"}}");
	assert_int_equal(-ENOENT, store_get(*state, STORE_KEY, NAME, &b));
	answer(409, "{\"error\":{\"code\":\"Other\"}}");
	assert_int_equal(-EPROTO, store_put(*state, STORE_KEY, NAME, HELLO));
	answer(409, "{\"error\":{\"code\":\"ObjectExists\"}}");
	assert_int_equal(-EEXIST, store_put(*state, STORE_KEY, NAME, HELLO));
}

static void test_nobody_is_sent_elsewhere(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(1000);

	answer(302, "");
	says.header = "Location";
	says.value = "/v1/machine";
	assert_int_equal(-EPROTO, store_get(*state, STORE_KEY, NAME, &b));
	assert_int_equal(1, says.requests);
}

static void test_what_passes_is_tried_again(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(1000);

	answer(200, "hello");
	says.failures = 2;
	assert_int_equal(0, store_get(*state, STORE_KEY, NAME, &b));
	assert_int_equal(3, says.requests);
	assert_int_equal(5, b.len);
	answer(201, "{}");
	says.failures = 1;
	assert_int_equal(0, store_put(*state, STORE_KEY, NAME, WORLD));
	assert_int_equal(2, says.requests);
}

static void test_what_does_not_pass_is_not_tried_again(void **state)
{
	static const struct {
		unsigned int status;
		int want;
	} cases[] = { { 400, -EPROTO },
		      { 401, -EACCES },
		      { 413, -EMSGSIZE },
		      { 422, -EBADMSG },
		      { 507, -ENOSPC } };
	size_t i;

	for (i = 0; i < ARRAY_LEN(cases); i++) {
		answer(cases[i].status, "{\"error\":\"\\u0000\"}");
		assert_int_equal(cases[i].want,
				 store_put(*state, STORE_KEY, NAME, HELLO));
		assert_int_equal(1, says.requests);
	}
}

static void test_leases_and_counts_must_be_such(void **state)
{
	static const char *const bad[] = {
		"",
		"{}",
		"{\"lease\":\"../../x\",\"seconds\":9}",
		"{\"lease\":\"ab\",\"seconds\":-1}",
		"{\"writers\":\"1\"}",
		"{\"writers\":1.5}",
		"[[[[[",
	};
	struct store_lease *l;
	size_t i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		answer(201, bad[i]);
		assert_int_equal(-EPROTO,
				 store_lease_begin(*state, STORE_LEASE_WRITER,
						   &l));
		assert_int_equal(-EPROTO, store_lease_writers(*state));
	}
}

/* --- the table ---------------------------------------------------------- */

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_it, close_it)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_a_damaged_listing_ends),
		TEST(test_a_listing_that_does_not_go_on_ends),
		TEST(test_an_answer_is_never_longer_than_there_is_room),
		TEST(test_a_range_must_be_what_was_asked_for),
		TEST(test_only_a_vault_says_that_nothing_is_there),
		TEST(test_nobody_is_sent_elsewhere),
		TEST(test_what_passes_is_tried_again),
		TEST(test_what_does_not_pass_is_not_tried_again),
		TEST(test_leases_and_counts_must_be_such),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, start, stop);
}
