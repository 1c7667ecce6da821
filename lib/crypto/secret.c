/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret.c - random bytes, and memory that holds keys.
 */
#include "crypto/crypto.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>

void random_bytes(void *out, size_t len)
{
	uint8_t *p = out;

	while (len) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		/* No key, salt or nonce may ever come from anywhere else. */
		if (n <= 0)
			abort();
		p += n;
		len -= (size_t)n;
	}
}

bool secret_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

void secret_wipe(void *p, size_t len)
{
	explicit_bzero(p, len);
}

void *secret_alloc(size_t len)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	void *p;

	/* Whole pages of its own: locks do not nest, and the advice below
	 * must not hit a neighbour. */
	/* cppcheck's table of mmap() does not know the -1 of MAP_ANONYMOUS. */
	/* cppcheck-suppress invalidFunctionArg */
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	/* WIPEONFORK and not DONTFORK: a child that frees what it has
	 * inherited must not touch memory that is gone. */
	if (madvise(p, len, MADV_DONTDUMP) < 0 ||
	    madvise(p, len, MADV_WIPEONFORK) < 0) {
		munmap(p, len);
		return NULL;
	}
	/* Refused over RLIMIT_MEMLOCK: then swap is the one gap left. */
	(void)mlock(p, len);
	return p;
}

void secret_free(void *p, size_t len)
{
	if (!p)
		return;
	secret_wipe(p, len);
	munmap(p, len);
}

void secret_harden_process(void)
{
	struct rlimit none = { 0, 0 };

	/* Either may be refused in a container; the other still helps. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)setrlimit(RLIMIT_CORE, &none);
}
