/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_pki_pkey.c - key pairs: which are let in, and how they are kept.
 *
 * openssl(1) makes the keys that must be refused.
 */
#include "tests/unit/testdir.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "pki/private.h"
#include "tests/unit/pki_keys.h"

#define TEXT(s) SPAN(s, strlen(s))

static unsigned int errors;
static char last_line[512];

static void see_line(enum log_level level, const char *line, void *arg)
{
	(void)arg;
	errors += level == LOG_LEVEL_ERROR;
	snprintf(last_line, sizeof(last_line), "%s", line);
}

static int begin(void **state)
{
	int r = make_dir(state);

	log_set_sink(see_line, NULL);
	errors = 0;
	return r;
}

/* Whatever a test provoked: nothing is left for the next TLS connection. */
static int end(void **state)
{
	int r = remove_dir(state);

	return ERR_peek_error() ? -1 : r;
}

/* Run in the test's directory. */
static void sh(const char *command)
{
	char line[1024];

	snprintf(line, sizeof(line), "cd '%s' && (%s) 2>err", dir, command);
	if (system(line) != 0)
		fail_msg("failed: %s", command);
}

static void read_whole(const char *name, struct buf *out)
{
	assert_int_equal(io_read_file(dirfd_, name, out), 0);
}

static struct pkey *parse(const char *pem)
{
	struct pkey *k = NULL;

	assert_int_equal(pkey_from_pem(TEXT(pem), &k, NULL), 0);
	return k;
}

static void test_round_trip(void **state)
{
	CLEANUP_SECRET_BUF struct buf pem = BUF_INIT(PKEY_PEM_MAX);
	CLEANUP_BUF struct buf public = BUF_INIT(PKEY_PEM_MAX);
	CLEANUP_PKEY struct pkey *k = NULL, *again = NULL, *half = NULL;
	CLEANUP_PKEY struct pkey *other = NULL;

	(void)state;
	assert_int_equal(pkey_new(&k), 0);
	assert_int_equal(pkey_new(&other), 0);
	assert_int_equal(pkey_kind(k), PKEY_P256);
	assert_true(pkey_is_private(k));
	assert_int_equal(pkey_to_pem(k, &pem), 0);
	assert_int_equal(pkey_from_pem(SPAN_OF(&pem), &again, NULL), 0);
	assert_true(pkey_equal(k, again));
	assert_false(pkey_equal(k, other));
	assert_int_equal(pkey_public_to_pem(k, &public), 0);
	assert_int_equal(pkey_public_from_pem(SPAN_OF(&public), &half, NULL),
			 0);
	assert_true(pkey_equal(k, half));
	assert_false(pkey_is_private(half));
	/* it has nothing to write, and a buf that grows leaves copies */
	assert_int_equal(pkey_to_pem(half, &public), -EINVAL);
	assert_int_equal(pkey_to_pem(k, &pem), -EINVAL);
	assert_int_equal(pkey_save(dirfd_, "key", half), -EINVAL);
}

static void test_rsa_within_bounds(void **state)
{
	CLEANUP_SECRET_BUF struct buf pem = BUF_INIT(PKEY_PEM_MAX);
	CLEANUP_PKEY struct pkey *k = NULL, *again = NULL;

	(void)state;
	assert_int_equal(pkey_new_rsa(2047, &k), -EINVAL);
	assert_int_equal(pkey_new_rsa(8193, &k), -EINVAL);
	assert_int_equal(pkey_new_rsa(2048, &k), 0);
	assert_int_equal(pkey_kind(k), PKEY_RSA);
	assert_int_equal(pkey_to_pem(k, &pem), 0);
	assert_int_equal(pkey_from_pem(SPAN_OF(&pem), &again, NULL), 0);
	assert_true(pkey_equal(k, again));
}

static void test_older_forms_are_read(void **state)
{
	static const char *const commands[] = {
		"openssl pkey -in rsa -traditional -out key",
		"openssl pkey -in ec -traditional -out key",
	};
	size_t i;

	(void)state;
	put_file("rsa", rfc7515_rsa);
	put_file("ec", rfc7515_ec);
	for (i = 0; i < ARRAY_LEN(commands); i++) {
		CLEANUP_BUF struct buf pem = BUF_INIT(PKEY_PEM_MAX);
		CLEANUP_PKEY struct pkey *k = NULL, *want = NULL;

		want = parse(i == 0 ? rfc7515_rsa : rfc7515_ec);
		sh(commands[i]);
		read_whole("key", &pem);
		assert_int_equal(pkey_from_pem(SPAN_OF(&pem), &k, NULL), 0);
		assert_true(pkey_equal(k, want));
	}
}

static void test_other_keys_are_refused(void **state)
{
	static const struct {
		const char *command, *why;
	} bad[] = {
		{ "genrsa 1024", "less than 2048 bits" },
		{ "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 "
		  "-pkeyopt rsa_keygen_pubexp:3",
		  "exponent" },
		{ "genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048",
		  "not EC or RSA" },
		{ "genpkey -algorithm ed25519", "not EC or RSA" },
		{ "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384",
		  "not P-256" },
		{ "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521",
		  "not P-256" },
		{ "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1",
		  "not P-256" },
		{ "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 "
		  "-pkeyopt ec_param_enc:explicit",
		  "curve has no name" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		CLEANUP_BUF struct buf pem = BUF_INIT(PKEY_PEM_MAX);
		CLEANUP_BUF struct buf public = BUF_INIT(PKEY_PEM_MAX);
		CLEANUP_PKEY struct pkey *k = NULL;
		const char *why = "";
		char line[256];

		snprintf(line, sizeof(line),
			 "openssl %s >key && openssl pkey -in key -pubout >pub",
			 bad[i].command);
		sh(line);
		read_whole("key", &pem);
		read_whole("pub", &public);
		assert_int_equal(pkey_from_pem(SPAN_OF(&pem), &k, &why),
				 -EKEYREJECTED);
		if (!strstr(why, bad[i].why))
			fail_msg("%s: %s", bad[i].command, why);
		assert_int_equal(pkey_public_from_pem(SPAN_OF(&public), &k,
						      &why),
				 -EKEYREJECTED);
		assert_null(k);
	}
}

/* Nobody is asked for a passphrase: the test would wait for ever. */
static void test_an_encrypted_key_is_refused(void **state)
{
	static const char *const commands[] = {
		"openssl pkey -in ec -aes256 -passout pass:x -out key",
		"openssl pkey -in ec -traditional -aes256 -passout pass:x "
		"-out key",
	};
	size_t i;

	(void)state;
	put_file("ec", rfc7515_ec);
	for (i = 0; i < ARRAY_LEN(commands); i++) {
		CLEANUP_BUF struct buf pem = BUF_INIT(PKEY_PEM_MAX);
		CLEANUP_PKEY struct pkey *k = NULL;
		const char *why = "";

		sh(commands[i]);
		read_whole("key", &pem);
		assert_int_equal(pkey_from_pem(SPAN_OF(&pem), &k, &why),
				 -EUCLEAN);
		assert_non_null(strstr(why, "another kind"));
	}
}

static void test_what_is_no_key_is_refused(void **state)
{
	CLEANUP_BUF struct buf two = BUF_INIT(PKEY_PEM_MAX);
	CLEANUP_BUF struct buf public = BUF_INIT(PKEY_PEM_MAX);
	CLEANUP_BUF struct buf big = BUF_INIT(PKEY_PEM_MAX + 1);
	CLEANUP_PKEY struct pkey *k = NULL, *good = parse(rfc7515_ec);
	size_t len = strlen(rfc7515_ec), n;

	(void)state;
	assert_int_equal(pkey_from_pem(SPAN(NULL, 0), &k, NULL), -EUCLEAN);
	assert_int_equal(buf_append(&two, rfc7515_ec, len), 0);
	assert_int_equal(buf_append(&two, "\n \t\n", 4), 0);
	assert_int_equal(pkey_from_pem(SPAN_OF(&two), &k, NULL), 0);
	pkey_free(TAKE_PTR(k));
	assert_int_equal(buf_append(&two, rfc7515_ec, len), 0);
	assert_int_equal(pkey_from_pem(SPAN_OF(&two), &k, NULL), -EUCLEAN);
	assert_int_equal(pkey_public_to_pem(good, &public), 0);
	assert_int_equal(pkey_from_pem(SPAN_OF(&public), &k, NULL), -EUCLEAN);
	assert_int_equal(pkey_public_from_pem(TEXT(rfc7515_ec), &k, NULL),
			 -EUCLEAN);
	assert_int_equal(buf_append(&big, rfc7515_ec, len), 0);
	assert_int_equal(buf_fill(&big, '\n', big.max - big.len), 0);
	assert_int_equal(pkey_from_pem(SPAN_OF(&big), &k, NULL), -EMSGSIZE);
	assert_int_equal(pkey_from_pem(SPAN(big.p, big.len - 1), &k, NULL), 0);
	pkey_free(TAKE_PTR(k));
	/* the last byte is a newline, which may be missing */
	for (n = 0; n + 1 < len; n++)
		assert_int_equal(pkey_from_pem(SPAN(rfc7515_ec, n), &k, NULL),
				 -EUCLEAN);
	assert_null(k);
}

/* A private half of one key, the public half of another. */
static void test_halves_that_do_not_match_are_refused(void **state)
{
	enum { POINT_LEN = 65 };
	CLEANUP_PKEY struct pkey *a = parse(rfc7515_ec), *b = NULL, *k = NULL;
	CLEANUP_BIO BIO *bio = BIO_new(BIO_s_mem());
	CLEANUP_BUF struct buf pem = BUF_INIT(PKEY_PEM_MAX);
	unsigned char *der_a = NULL, *der_b = NULL;
	const char *why = "";
	int len;

	(void)state;
	assert_int_equal(pkey_new(&b), 0);
	len = i2d_PrivateKey(a->evp, &der_a);
	assert_int_equal(i2d_PrivateKey(b->evp, &der_b), len);
	/* the public point comes last */
	memcpy(der_a + len - POINT_LEN, der_b + len - POINT_LEN, POINT_LEN);
	assert_true(PEM_write_bio(bio, "EC PRIVATE KEY", "", der_a, len) > 0);
	assert_int_equal(pki_take_bio(bio, &pem), 0);
	assert_int_equal(pkey_from_pem(SPAN_OF(&pem), &k, &why), -EKEYREJECTED);
	assert_non_null(strstr(why, "do not match"));
	OPENSSL_free(der_a);
	OPENSSL_free(der_b);
}

static void test_a_point_off_the_curve_is_refused(void **state)
{
	CLEANUP_PKEY struct pkey *a = parse(rfc7515_ec), *k = NULL;
	CLEANUP_BIO BIO *bio = BIO_new(BIO_s_mem());
	CLEANUP_BUF struct buf pem = BUF_INIT(PKEY_PEM_MAX);
	unsigned char *der = NULL;
	int len;

	(void)state;
	len = i2d_PUBKEY(a->evp, &der);
	der[len - 1] ^= 1;
	assert_true(PEM_write_bio(bio, "PUBLIC KEY", "", der, len) > 0);
	assert_int_equal(pki_take_bio(bio, &pem), 0);
	assert_true(pkey_public_from_pem(SPAN_OF(&pem), &k, NULL) < 0);
	assert_null(k);
	OPENSSL_free(der);
}

/* --- files --- */

static void test_save_and_load(void **state)
{
	CLEANUP_PKEY struct pkey *k = NULL, *again = NULL;
	struct stat st;

	(void)state;
	/* what a process left that died, open to others */
	put_file("key.tmp", "left");
	assert_int_equal(fchmodat(dirfd_, "key.tmp", 0644, 0), 0);
	assert_int_equal(pkey_new(&k), 0);
	assert_int_equal(pkey_save(dirfd_, "key", k), 0);
	assert_int_equal(fstatat(dirfd_, "key", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(faccessat(dirfd_, "key.tmp", F_OK, 0), -1);
	assert_int_equal(pkey_load(dirfd_, "key", &again), 0);
	assert_true(pkey_equal(k, again));
	assert_true(pkey_is_private(again));
	assert_int_equal(errors, 0);
}

static void test_no_file_is_an_answer(void **state)
{
	CLEANUP_PKEY struct pkey *k = NULL;

	(void)state;
	assert_int_equal(pkey_load(dirfd_, "key", &k), -ENOENT);
	assert_int_equal(errors, 0);
}

static void test_a_file_open_to_others_is_refused(void **state)
{
	static const struct {
		mode_t mode;
		int r;
	} modes[] = {
		{ 0400, 0 },	  { 0600, 0 },	    { 0640, 0 },
		{ 0644, -EPERM }, { 0604, -EPERM }, { 0602, -EPERM },
		{ 0620, -EPERM }, { 0601, -EPERM },
	};
	size_t i;

	(void)state;
	put_file("key", rfc7515_ec);
	for (i = 0; i < ARRAY_LEN(modes); i++) {
		CLEANUP_PKEY struct pkey *k = NULL;

		assert_int_equal(fchmodat(dirfd_, "key", modes[i].mode, 0), 0);
		errors = 0;
		assert_int_equal(pkey_load(dirfd_, "key", &k), modes[i].r);
		assert_int_equal(errors, modes[i].r < 0);
		if (modes[i].r < 0)
			assert_non_null(strstr(last_line, "chmod 600"));
	}
}

static void test_a_bad_file_is_named_with_its_reason(void **state)
{
	CLEANUP_PKEY struct pkey *k = NULL;
	CLEANUP_BUF struct buf big = BUF_INIT(1 << 20);

	(void)state;
	put_file("key", "nothing");
	assert_int_equal(pkey_load(dirfd_, "key", &k), -EUCLEAN);
	assert_int_equal(errors, 1);
	assert_non_null(strstr(last_line, "the private key key cannot be used: "
					  "there is no PEM block"));
	assert_int_equal(buf_fill(&big, '\n', big.max), 0);
	put_bytes("key", (char *)big.p, big.len);
	assert_int_equal(pkey_load(dirfd_, "key", &k), -EMSGSIZE);
	assert_int_equal(errors, 2);
	assert_int_equal(pkey_load(dirfd_, "key/key", &k), -ENOTDIR);
	assert_int_equal(errors, 3);
}

static void test_save_to_nowhere_is_logged(void **state)
{
	CLEANUP_PKEY struct pkey *k = parse(rfc7515_ec);

	(void)state;
	assert_int_equal(pkey_save(dirfd_, "no/key", k), -ENOENT);
	assert_int_equal(errors, 1);
}

static void test_a_secret_buf_is_wiped(void **state)
{
	struct buf b = BUF_INIT(64);

	(void)state;
	assert_int_equal(buf_append(&b, "secret", 6), 0);
	pkey_wipe_buf(&b);
	assert_null(b.p);
	assert_int_equal(b.len, 0);
	pkey_wipe_buf(&b);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_round_trip),
		TEST(test_rsa_within_bounds),
		TEST(test_older_forms_are_read),
		TEST(test_other_keys_are_refused),
		TEST(test_an_encrypted_key_is_refused),
		TEST(test_what_is_no_key_is_refused),
		TEST(test_halves_that_do_not_match_are_refused),
		TEST(test_a_point_off_the_curve_is_refused),
		TEST(test_save_and_load),
		TEST(test_no_file_is_an_answer),
		TEST(test_a_file_open_to_others_is_refused),
		TEST(test_a_bad_file_is_named_with_its_reason),
		TEST(test_save_to_nowhere_is_logged),
		TEST(test_a_secret_buf_is_wiped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
