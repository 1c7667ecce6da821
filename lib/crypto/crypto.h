/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crypto.h - the primitives, and nothing about what they protect.
 *
 *   AES-256-GCM   NIST SP 800-38D         aead_*
 *   HMAC-SHA-256  RFC 2104, FIPS 198-1    hmac_*
 *   HKDF-SHA-256  RFC 5869                hkdf_sha256()
 *   and what is in kdf.h and digest.h
 *
 * This room alone includes libargon2, and OpenSSL but for lib/pki: what signs
 * knows no data key, and what encrypts no certificate.
 *
 * Errors:  -EBADMSG: a tag did not verify, nothing was written to the
 *          output that may be used. -ENOMEM, -EINVAL. Not logged.
 * Memory:  contexts are opaque and wiped when freed; NULL may be freed.
 * Threads: a context belongs to one thread at a time; functions without
 *          one may be called from any.
 */
#ifndef CRYPTO_CRYPTO_H
#define CRYPTO_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/macros.h"
#include "crypto/digest.h"
#include "crypto/kdf.h"

#define AEAD_KEY_LEN 32
#define AEAD_NONCE_LEN 12
#define AEAD_TAG_LEN 16

/* --- AES-256-GCM --- */
struct aead;
MUST_CHECK int aead_new(const uint8_t key[static AEAD_KEY_LEN],
			struct aead **out);
void aead_free(struct aead *a);
/* Give a another key; cheaper than a new one. */
MUST_CHECK int aead_rekey(struct aead *a,
			  const uint8_t key[static AEAD_KEY_LEN]);
/* out gets pt.len + AEAD_TAG_LEN bytes and may be pt.p. The caller answers
 * for (key, nonce) being used once. */
MUST_CHECK int aead_seal(struct aead *a,
			 const uint8_t nonce[static AEAD_NONCE_LEN],
			 struct span aad, struct span pt, uint8_t *out);
/* out gets ct.len - AEAD_TAG_LEN bytes and may be ct.p. -EBADMSG also if ct
 * is shorter than a tag. On failure out is zeroed. */
MUST_CHECK int aead_open(struct aead *a,
			 const uint8_t nonce[static AEAD_NONCE_LEN],
			 struct span aad, struct span ct, uint8_t *out);

/* --- HMAC-SHA-256, the key prepared once --- */
struct hmac;
MUST_CHECK int hmac_new(struct span key, struct hmac **out);
void hmac_free(struct hmac *h);
/* The MAC of the concatenation a || b (either may be empty). */
void hmac_once(struct hmac *h, struct span a, struct span b,
	       uint8_t out[static SHA256_LEN]);

MUST_CHECK int hkdf_sha256(struct span ikm, struct span salt, struct span info,
			   uint8_t *out, size_t len);

/* --- keyed 64-bit function, for cut decisions: the first half of AES-128 of
 * (x, 0), both little-endian --- */
struct prf64;
MUST_CHECK int prf64_new(const uint8_t key[static 16], struct prf64 **out);
void prf64_free(struct prf64 *p);
uint64_t prf64(struct prf64 *p, uint64_t x);

#endif /* CRYPTO_CRYPTO_H */
