/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_crypto.c - lib/crypto but for AES-GCM against its contract.
 *
 * Published vectors are in test_crypto_vectors.c, but for Argon2id, whose are
 * here: the RFC's own (9106, 5.3) has a secret and associated data, which the
 * contract does not offer, so these are the reference implementation's (its
 * test.c).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "tests/unit/prng.h"

#define NONE SPAN(NULL, 0)
#define TEXT(s) SPAN(s, sizeof(s) - 1)

/* asan would end the program where malloc() answers NULL. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static void assert_zero(const uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		assert_int_equal(p[i], 0);
}

static void test_sha256_starts_anew_after_final(void **state)
{
	uint8_t once[SHA256_LEN], out[SHA256_LEN];
	struct sha256 *h;
	int i;

	(void)state;
	assert_int_equal(sha256_new(&h), 0);
	sha256_once(TEXT("abc"), once);
	for (i = 0; i < 3; i++) {
		sha256_update(h, TEXT("ab"));
		sha256_update(h, NONE);
		sha256_update(h, TEXT("c"));
		sha256_final(h, out);
		assert_memory_equal(out, once, sizeof(out));
	}
	sha256_free(h);
}

static void test_hmac_keeps_its_key(void **state)
{
	uint8_t one[SHA256_LEN], two[SHA256_LEN], again[SHA256_LEN];
	struct hmac *h;

	(void)state;
	assert_int_equal(hmac_new(TEXT("key"), &h), 0);
	hmac_once(h, TEXT("a"), TEXT("b"), one);
	hmac_once(h, TEXT("other"), NONE, two);
	hmac_once(h, NONE, TEXT("ab"), again);
	assert_memory_equal(one, again, sizeof(one));
	assert_memory_not_equal(one, two, sizeof(one));
	hmac_free(h);
	assert_int_equal(hmac_new(NONE, &h), 0);
	hmac_once(h, TEXT("ab"), NONE, again);
	assert_memory_not_equal(one, again, sizeof(one));
	hmac_free(h);
}

static void test_hkdf_limits(void **state)
{
	static uint8_t out[255 * SHA256_LEN + 1];

	(void)state;
	assert_int_equal(hkdf_sha256(TEXT("k"), NONE, NONE, out, 0), -EINVAL);
	assert_int_equal(hkdf_sha256(TEXT("k"), NONE, NONE, out, sizeof(out)),
			 -EINVAL);
	assert_int_equal(
		hkdf_sha256(TEXT("k"), NONE, NONE, out, sizeof(out) - 1), 0);
}

static void test_scrypt_refuses_what_is_not_defined(void **state)
{
	const struct {
		uint64_t n;
		uint32_t r, p;
		int error;
	} cases[] = {
		{ 0, 8, 1, -EINVAL },
		{ 1, 8, 1, -EINVAL },
		{ 1000, 8, 1, -EINVAL },
		{ 1024, 0, 1, -EINVAL },
		{ 1024, 8, 0, -EINVAL },
		{ 1 << 16, 1, 1, -EINVAL },
		{ 1024, 1 << 15, 1 << 15, -EINVAL },
		{ (uint64_t)1 << 62, 8, 1, -EINVAL },
		{ (uint64_t)1 << 45, 8, 1, -ENOMEM },
	};
	uint8_t out[32];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(kdf_scrypt(TEXT("p"), TEXT("s"), cases[i].n,
					    cases[i].r, cases[i].p, out,
					    sizeof(out)),
				 cases[i].error);
	assert_int_equal(kdf_scrypt(TEXT("p"), TEXT("s"), 16, 1, 1, out, 0),
			 -EINVAL);
}

/* More memory than the 32 MiB that OpenSSL allows unless told. */
static void test_scrypt_takes_the_default_cost(void **state)
{
	uint8_t one[32], two[32];

	(void)state;
	assert_int_equal(kdf_scrypt(TEXT("passphrase"), TEXT("salt"), 1 << 17,
				    8, 1, one, sizeof(one)),
			 0);
	assert_int_equal(kdf_scrypt(TEXT("passphrase"), TEXT("tlas"), 1 << 17,
				    8, 1, two, sizeof(two)),
			 0);
	assert_memory_not_equal(one, two, sizeof(one));
}

static void test_argon2id_known_answers(void **state)
{
	const struct {
		const char *pass, *salt;
		uint32_t passes, log_kib, lanes;
		const char *hex;
	} cases[] = {
		{ "password", "somesalt", 2, 16, 1,
		  "09316115d5cf24ed5a15a31a3ba326e5"
		  "cf32edc24702987c02b6566f61913cf7" },
		{ "password", "somesalt", 2, 8, 1,
		  "9dfeb910e80bad0311fee20f9c0e2b12"
		  "c17987b4cac90c2ef54d5b3021c68bfe" },
		{ "password", "somesalt", 2, 8, 2,
		  "6d093c501fd5999645e0ea3bf620d7b8"
		  "be7fd2db59c20d9fff9539da2bf57037" },
		{ "password", "somesalt", 1, 16, 1,
		  "f6a5adc1ba723dddef9b5ac1d464e180"
		  "fcd9dffc9d1cbf76cca2fed795d9ca98" },
		{ "password", "diffsalt", 2, 16, 1,
		  "bdf32b05ccc42eb15d58fd19b1f856b1"
		  "13da1e9a5874fdcc544308565aa8141c" },
		{ "differentpassword", "somesalt", 2, 16, 1,
		  "0b84d652cf6b0c4beaef0dfe278ba6a8"
		  "0df6696281d7e0d2891b817d8c458fde" },
	};
	char hex[HEX_LEN(32)];
	uint8_t out[32];
	size_t i;
	int r;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		r = kdf_argon2id(SPAN(cases[i].pass, strlen(cases[i].pass)),
				 SPAN(cases[i].salt, strlen(cases[i].salt)),
				 cases[i].passes, 1U << cases[i].log_kib,
				 cases[i].lanes, out, sizeof(out));
		assert_int_equal(r, 0);
		hex_encode(hex, out, sizeof(out));
		assert_string_equal(hex, cases[i].hex);
	}
}

static void test_argon2id_refuses_what_is_not_defined(void **state)
{
	const struct span pass = TEXT("password"), salt = TEXT("somesalt");
	uint8_t out[32];

	(void)state;
	assert_int_equal(kdf_argon2id(pass, salt, 0, 64, 1, out, 32), -EINVAL);
	assert_int_equal(kdf_argon2id(pass, salt, 1, 4, 1, out, 32), -EINVAL);
	assert_int_equal(kdf_argon2id(pass, salt, 1, 64, 0, out, 32), -EINVAL);
	assert_int_equal(kdf_argon2id(pass, salt, 1, 64, 1, out, 3), -EINVAL);
	assert_int_equal(kdf_argon2id(pass, TEXT("7 bytes"), 1, 64, 1, out, 32),
			 -EINVAL);
	assert_int_equal(kdf_argon2id(NONE, salt, 1, 64, 1, out, 32), 0);
}

static void test_random_bytes_fill_all(void **state)
{
	uint8_t one[1000] = { 0 }, two[1000] = { 0 };
	unsigned int zeros = 0;
	size_t i;

	(void)state;
	random_bytes(one, sizeof(one));
	random_bytes(two, sizeof(two));
	random_bytes(NULL, 0);
	assert_memory_not_equal(one, two, sizeof(one));
	for (i = 0; i < sizeof(one); i++)
		zeros += one[i] == 0;
	assert_true(zeros < 50); /* 3.9 expected */
}

static void test_secret_equal_and_wipe(void **state)
{
	uint8_t a[40], b[40];
	size_t i;

	(void)state;
	prng_fill(5, a, sizeof(a));
	for (i = 0; i < sizeof(a) * 8; i++) {
		memcpy(b, a, sizeof(a));
		assert_true(secret_equal(a, b, sizeof(a)));
		b[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_false(secret_equal(a, b, sizeof(a)));
	}
	assert_true(secret_equal(a, b, 0));
	secret_wipe(a, sizeof(a));
	assert_zero(a, sizeof(a));
}

/* The "VmFlags:" of the mapping that holds p. */
static void mapping_flags(const void *p, char *out, size_t size)
{
	CLEANUP_FILE FILE *f = fopen("/proc/self/smaps", "re");
	uintptr_t at = (uintptr_t)p;
	unsigned long from, to;
	bool inside = false;
	char line[512];

	assert_non_null(f);
	out[0] = '\0';
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = at >= from && at < to;
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			snprintf(out, size, "%s", line);
	}
}

static void test_secret_memory_is_neither_dumped_nor_inherited(void **state)
{
	uint8_t *p = secret_alloc(64);
	char flags[512];
	int status;
	pid_t pid;

	(void)state;
	assert_non_null(p);
	assert_zero(p, 64);
	memset(p, 0x5a, 64);
	mapping_flags(p, flags, sizeof(flags));
	assert_non_null(strstr(flags, " dd")); /* left out of dumps */
	assert_non_null(strstr(flags, " wf")); /* wiped on fork */
	pid = fork();
	if (pid == 0)
		_exit(p[0] | p[63]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(p[63], 0x5a);
	secret_free(p, 64);
	secret_free(NULL, 64);
}

static void test_hardened_process_is_not_dumpable(void **state)
{
	struct rlimit core;
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (pid == 0) {
		secret_harden_process();
		getrlimit(RLIMIT_CORE, &core);
		_exit(prctl(PR_GET_DUMPABLE) != 0 || core.rlim_max != 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_null_may_be_freed(void **state)
{
	(void)state;
	sha256_free(NULL);
	hmac_free(NULL);
	prf64_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256_starts_anew_after_final),
		cmocka_unit_test(test_hmac_keeps_its_key),
		cmocka_unit_test(test_hkdf_limits),
		cmocka_unit_test(test_scrypt_refuses_what_is_not_defined),
		cmocka_unit_test(test_scrypt_takes_the_default_cost),
		cmocka_unit_test(test_argon2id_known_answers),
		cmocka_unit_test(test_argon2id_refuses_what_is_not_defined),
		cmocka_unit_test(test_random_bytes_fill_all),
		cmocka_unit_test(test_secret_equal_and_wipe),
		cmocka_unit_test(
			test_secret_memory_is_neither_dumped_nor_inherited),
		cmocka_unit_test(test_hardened_process_is_not_dumpable),
		cmocka_unit_test(test_null_may_be_freed),
	};

	return cmocka_run_group_tests_name("crypto", tests, NULL, NULL);
}
