/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_crypto_vectors.c - lib/crypto against published vectors.
 *
 * NIST CAVP: AES-256-GCM, SHA-256 (short, long, Monte Carlo). AESAVS: the
 * PRF. RFC 4231: HMAC. RFC 5869: HKDF. RFC 7914: scrypt. Each test counts its
 * cases, so that a file that is read as empty fails.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "tests/unit/vectors.h"

#define GCM "ciphers/AES/GCM/"

static void assert_bytes(const uint8_t *got, struct span want)
{
	if (want.len)
		assert_memory_equal(got, want.p, want.len);
}

/* ct || tag of the record, as this library writes it. Owned by the caller. */
static uint8_t *sealed(struct vectors *v, size_t *len)
{
	struct span ct = vectors_hex(v, "CT");
	struct span tag = vectors_hex(v, "Tag");
	uint8_t *p = malloc(ct.len + tag.len);

	assert_non_null(p);
	memcpy(p, ct.p, ct.len);
	memcpy(p + ct.len, tag.p, tag.len);
	*len = ct.len + tag.len;
	return p;
}

/* CAVP also has odd nonce and tag lengths, which are not offered here. */
static bool is_our_shape(struct vectors *v)
{
	return vectors_hex(v, "IV").len == AEAD_NONCE_LEN &&
	       vectors_hex(v, "Tag").len == AEAD_TAG_LEN;
}

static void test_gcm_encrypts_as_published(void **state)
{
	struct vectors *v = vectors_open(GCM "gcmEncryptExtIV256.rsp", "Count");
	uint8_t zero[AEAD_KEY_LEN] = { 0 };
	struct aead *a;
	unsigned int cases = 0;

	(void)state;
	assert_int_equal(aead_new(zero, &a), 0);
	while (vectors_next(v)) {
		struct span pt = vectors_hex(v, "PT");
		CLEANUP_FREE uint8_t *want = NULL;
		CLEANUP_FREE uint8_t *got = malloc(pt.len + AEAD_TAG_LEN);
		size_t len;

		if (!is_our_shape(v))
			continue;
		want = sealed(v, &len);
		assert_int_equal(aead_rekey(a, vectors_hex(v, "Key").p), 0);
		assert_int_equal(aead_seal(a, vectors_hex(v, "IV").p,
					   vectors_hex(v, "AAD"), pt, got),
				 0);
		assert_int_equal(len, pt.len + AEAD_TAG_LEN);
		assert_memory_equal(got, want, len);
		cases++;
	}
	print_message("# %u cases\n", cases);
	assert_true(cases > 100);
	aead_free(a);
	vectors_close(v);
}

static void test_gcm_decrypts_as_published(void **state)
{
	struct vectors *v = vectors_open(GCM "gcmDecrypt256.rsp", "Count");
	unsigned int good = 0, bad = 0;
	struct aead *a;

	(void)state;
	while (vectors_next(v)) {
		CLEANUP_FREE uint8_t *ct = NULL;
		CLEANUP_FREE uint8_t *got = NULL;
		bool fails = vectors_has(v, "FAIL");
		size_t len;
		int r;

		if (!is_our_shape(v))
			continue;
		ct = sealed(v, &len);
		got = malloc(len);
		assert_int_equal(aead_new(vectors_hex(v, "Key").p, &a), 0);
		r = aead_open(a, vectors_hex(v, "IV").p, vectors_hex(v, "AAD"),
			      SPAN(ct, len), got);
		assert_int_equal(r, fails ? -EBADMSG : 0);
		if (!fails)
			assert_bytes(got, vectors_hex(v, "PT"));
		good += !fails;
		bad += fails;
		aead_free(a);
	}
	print_message("# %u good, %u bad\n", good, bad);
	assert_true(good > 100 && bad > 50);
	vectors_close(v);
}

static void sha256_file(const char *name, unsigned int at_least)
{
	struct vectors *v = vectors_open(name, "Len");
	uint8_t out[SHA256_LEN];
	struct sha256 *h;
	unsigned int cases = 0;

	assert_int_equal(sha256_new(&h), 0);
	for (; vectors_next(v); cases++) {
		size_t len = vectors_number(v, "Len") / 8;
		const uint8_t *msg = vectors_hex(v, "Msg").p;

		sha256_once(SPAN(msg, len), out);
		assert_bytes(out, vectors_hex(v, "MD"));
		sha256_update(h, SPAN(msg, len / 3));
		sha256_update(h, SPAN(msg + len / 3, len - len / 3));
		sha256_final(h, out);
		assert_bytes(out, vectors_hex(v, "MD"));
	}
	print_message("# %u cases\n", cases);
	assert_true(cases >= at_least);
	sha256_free(h);
	vectors_close(v);
}

static void test_sha256_short_messages(void **state)
{
	(void)state;
	sha256_file("hashes/SHA2/SHA256ShortMsg.rsp", 65);
}

static void test_sha256_long_messages(void **state)
{
	(void)state;
	sha256_file("hashes/SHA2/SHA256LongMsg.rsp", 60);
}

/* SHAVS 6.4: MD(i) = SHA-256(MD(i-3) || MD(i-2) || MD(i-1)), 1000 times. */
static void test_sha256_monte_carlo(void **state)
{
	struct vectors *v =
		vectors_open("hashes/SHA2/SHA256Monte.rsp", "COUNT");
	uint8_t seed[SHA256_LEN], m[3][SHA256_LEN], md[SHA256_LEN];
	unsigned int cases = 0;
	int i;

	(void)state;
	for (; vectors_next(v); cases++) {
		if (cases == 0)
			memcpy(seed, vectors_hex(v, "Seed").p, sizeof(seed));
		for (i = 0; i < 3; i++)
			memcpy(m[i], seed, sizeof(seed));
		for (i = 0; i < 1000; i++) {
			sha256_once(SPAN(m, sizeof(m)), md);
			memmove(m[0], m[1], sizeof(m[0]) + sizeof(m[1]));
			memcpy(m[2], md, sizeof(md));
		}
		memcpy(seed, md, sizeof(seed));
		assert_bytes(md, vectors_hex(v, "MD"));
	}
	assert_int_equal(cases, 100);
	vectors_close(v);
}

static void test_hmac_rfc4231(void **state)
{
	struct vectors *v = vectors_open("HMAC/rfc-4231-sha256.txt", "Len");
	uint8_t out[SHA256_LEN];
	unsigned int cases = 0;
	struct hmac *h;
	size_t cut;

	(void)state;
	for (; vectors_next(v); cases++) {
		struct span msg = vectors_hex(v, "Msg");

		assert_int_equal(msg.len, vectors_number(v, "Len") / 8);
		assert_int_equal(hmac_new(vectors_hex(v, "Key"), &h), 0);
		for (cut = 0; cut <= msg.len; cut++) {
			hmac_once(h, SPAN(msg.p, cut),
				  SPAN(msg.p + cut, msg.len - cut), out);
			assert_bytes(out, vectors_hex(v, "MD"));
		}
		hmac_free(h);
	}
	print_message("# %u cases\n", cases);
	assert_true(cases >= 6);
	vectors_close(v);
}

static void hkdf_file(const char *name, unsigned int at_least)
{
	struct vectors *v = vectors_open(name, "COUNT");
	unsigned int cases = 0;

	for (; vectors_next(v); cases++) {
		size_t len = vectors_number(v, "L");
		CLEANUP_FREE uint8_t *out = malloc(len);

		assert_string_equal(vectors_text(v, "Hash"), "SHA-256");
		assert_int_equal(vectors_hex(v, "OKM").len, len);
		assert_int_equal(hkdf_sha256(vectors_hex(v, "IKM"),
					     vectors_hex(v, "salt"),
					     vectors_hex(v, "info"), out, len),
				 0);
		assert_bytes(out, vectors_hex(v, "OKM"));
	}
	print_message("# %u cases\n", cases);
	assert_true(cases >= at_least);
	vectors_close(v);
}

static void test_hkdf_rfc5869(void **state)
{
	(void)state;
	hkdf_file("KDF/rfc-5869-HKDF-SHA256.txt", 3);
}

static void test_hkdf_long_output(void **state)
{
	(void)state;
	hkdf_file("KDF/hkdf-generated.txt", 1);
}

/* AESAVS variable plaintext: blocks whose second half is zero are ours. */
static void test_prf64_is_aes128_of_half_blocks(void **state)
{
	struct vectors *v =
		vectors_open("ciphers/AES/ECB/ECBVarTxt128.rsp", "COUNT");
	unsigned int cases = 0;
	struct prf64 *p;

	(void)state;
	while (vectors_next(v)) {
		const uint8_t *pt = vectors_hex(v, "PLAINTEXT").p;
		const uint8_t *ct = vectors_hex(v, "CIPHERTEXT").p;

		if (get_le64(pt + 8) != 0)
			continue;
		assert_int_equal(prf64_new(vectors_hex(v, "KEY").p, &p), 0);
		assert_true(prf64(p, get_le64(pt)) == get_le64(ct));
		prf64_free(p);
		cases++;
	}
	print_message("# %u cases\n", cases);
	assert_true(cases >= 64);
	vectors_close(v);
}

static void test_scrypt_rfc7914(void **state)
{
	struct vectors *v = vectors_open("KDF/scrypt.txt", "COUNT");
	unsigned int cases = 0;
	uint8_t out[64];

	(void)state;
	for (; vectors_next(v); cases++) {
		const char *pass = vectors_text(v, "PASSWORD");
		const char *salt = vectors_text(v, "SALT");

		assert_int_equal(vectors_number(v, "LENGTH"), sizeof(out));
		assert_int_equal(kdf_scrypt(SPAN(pass, strlen(pass)),
					    SPAN(salt, strlen(salt)),
					    vectors_number(v, "N"),
					    (uint32_t)vectors_number(v, "r"),
					    (uint32_t)vectors_number(v, "p"),
					    out, sizeof(out)),
				 0);
		assert_bytes(out, vectors_hex(v, "DERIVED_KEY"));
	}
	print_message("# %u cases\n", cases);
	assert_true(cases >= 4);
	vectors_close(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gcm_encrypts_as_published),
		cmocka_unit_test(test_gcm_decrypts_as_published),
		cmocka_unit_test(test_sha256_short_messages),
		cmocka_unit_test(test_sha256_long_messages),
		cmocka_unit_test(test_sha256_monte_carlo),
		cmocka_unit_test(test_hmac_rfc4231),
		cmocka_unit_test(test_hkdf_rfc5869),
		cmocka_unit_test(test_hkdf_long_output),
		cmocka_unit_test(test_prf64_is_aes128_of_half_blocks),
		cmocka_unit_test(test_scrypt_rfc7914),
	};

	return cmocka_run_group_tests_name("crypto_vectors", tests, NULL, NULL);
}
