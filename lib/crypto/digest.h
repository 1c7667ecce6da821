/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest.h - hashes, random bytes, and bytes that are wiped: what may be used
 * by those, too, who hold no keys of a repository.
 *
 *   SHA-256       FIPS 180-4              sha256_*
 *
 * Errors:  -ENOMEM. Not logged.
 * Memory:  contexts are opaque and wiped when freed; NULL may be freed.
 * Threads: a context belongs to one thread at a time; functions without
 *          one may be called from any.
 */
#ifndef CRYPTO_DIGEST_H
#define CRYPTO_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/macros.h"

#define SHA256_LEN 32

/* --- SHA-256 --- */
struct sha256;
MUST_CHECK int sha256_new(struct sha256 **out);
void sha256_free(struct sha256 *h);
void sha256_update(struct sha256 *h, struct span data);
/* The digest; h starts anew. */
void sha256_final(struct sha256 *h, uint8_t out[static SHA256_LEN]);
void sha256_once(struct span data, uint8_t out[static SHA256_LEN]);

/* --- randomness and secrets --- */
/* From getrandom(2); never fails, the process aborts if the kernel cannot. */
void random_bytes(void *out, size_t len);
/* Constant time. */
bool secret_equal(const void *a, const void *b, size_t len);
/* A wipe that the compiler may not remove. */
void secret_wipe(void *p, size_t len);
/* Memory that is locked (as far as RLIMIT_MEMLOCK goes), left out of core
 * dumps and not inherited by a fork; secret_free() wipes it. */
void *secret_alloc(size_t len);
void secret_free(void *p, size_t len);
/* No core dumps, no ptrace by others of the same user (PR_SET_DUMPABLE 0). */
void secret_harden_process(void);

#endif /* CRYPTO_DIGEST_H */
