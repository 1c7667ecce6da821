/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kdf.c - passphrase to key: scrypt by OpenSSL, Argon2id by libargon2
 * (OpenSSL 3.0 has no Argon2 yet; it came with 3.2).
 *
 * The costs usually come from a header that nobody has authenticated yet.
 * What the functions refuse here is only what is not defined; how much memory
 * and time a header may ask for is the caller's decision.
 */
#include "crypto/kdf.h"

#include <argon2.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <sys/mman.h>

/* RFC 7914, 2 and 6: N is a power of two, 1 < N < 2^(128 * r / 8), and
 * p <= (2^32 - 1) * 32 / (128 * r), that is r * p < 2^30. */
static bool scrypt_defined(uint64_t n, uint32_t r, uint32_t p)
{
	if (n < 2 || (n & (n - 1)) || r == 0 || p == 0)
		return false;
	if ((uint64_t)r * p >= (1U << 30))
		return false;
	return r >= 4 || n < (uint64_t)1 << (16 * r);
}

int kdf_scrypt(struct span pass, struct span salt, uint64_t n, uint32_t r,
	       uint32_t p, uint8_t *out, size_t len)
{
	uint64_t bytes;

	if (len == 0 || !scrypt_defined(n, r, p))
		return -EINVAL;
	/* V has n elements of 128 r bytes, B has p, and two are for work.
	 * OpenSSL refuses more than 32 MiB unless it is told. */
	if (__builtin_mul_overflow(n + p + 2, (uint64_t)128 * r, &bytes))
		return -EINVAL;
	if (EVP_PBE_scrypt((const char *)pass.p, pass.len, salt.p, salt.len, n,
			   r, p, bytes, out, len) == 1)
		return 0;
	ERR_clear_error();
	return -ENOMEM;
}

static int argon2_errno(int code)
{
	switch (code) {
	case ARGON2_OK:
		return 0;
	case ARGON2_MEMORY_ALLOCATION_ERROR:
	case ARGON2_THREAD_FAIL:
		return -ENOMEM;
	default:
		return -EINVAL;
	}
}

/* Tens of megabytes, each page of which is touched: with huge pages a fifth of
 * the time goes. */
static int work_alloc(uint8_t **out, size_t len)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	void *p;

	/* cppcheck's table of mmap() does not know the -1 of MAP_ANONYMOUS. */
	/* cppcheck-suppress invalidFunctionArg */
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (p == MAP_FAILED)
		return -1;
	/* where there are none, pages will do */
	(void)madvise(p, len, MADV_HUGEPAGE);
	(void)madvise(p, len, MADV_DONTDUMP);
	*out = p;
	return 0;
}

/* libargon2 has wiped it. */
static void work_free(uint8_t *p, size_t len)
{
	munmap(p, len);
}

/* libargon2 takes lengths as uint32_t, and only reads password and salt,
 * though its struct has no const. */
int kdf_argon2id(struct span pass, struct span salt, uint32_t passes,
		 uint32_t kib, uint32_t lanes, uint8_t *out, size_t len)
{
	argon2_context ctx = {
		.out = out,
		.outlen = (uint32_t)len,
		.pwd = (uint8_t *)(uintptr_t)pass.p,
		.pwdlen = (uint32_t)pass.len,
		.salt = (uint8_t *)(uintptr_t)salt.p,
		.saltlen = (uint32_t)salt.len,
		.t_cost = passes,
		.m_cost = kib,
		.lanes = lanes,
		.threads = lanes,
		.version = ARGON2_VERSION_13,
		.allocate_cbk = work_alloc,
		.free_cbk = work_free,
		.flags = ARGON2_DEFAULT_FLAGS,
	};
	int code;

	if (len > UINT32_MAX || pass.len > UINT32_MAX || salt.len > UINT32_MAX)
		return -EINVAL;
	code = argon2id_ctx(&ctx);
	/* Where no thread may be made, one does all lanes: same result. */
	if (code == ARGON2_THREAD_FAIL) {
		ctx.threads = 1;
		code = argon2id_ctx(&ctx);
	}
	return argon2_errno(code);
}
