/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kdf.h - what makes a guess at a passphrase or a PIN expensive.
 *
 *   scrypt        RFC 7914                kdf_scrypt()
 *   Argon2id      RFC 9106                kdf_argon2id()
 *
 * Errors:  -ENOMEM; -EINVAL only for costs that are not defined: limits on
 *          what an unverified header may ask for are the caller's. Not logged.
 * Threads: any.
 */
#ifndef CRYPTO_KDF_H
#define CRYPTO_KDF_H

#include <stdint.h>

#include "base/buf.h"
#include "base/macros.h"

/* n is the cost itself (a power of two), not its logarithm. */
MUST_CHECK int kdf_scrypt(struct span pass, struct span salt, uint64_t n,
			  uint32_t r, uint32_t p, uint8_t *out, size_t len);
MUST_CHECK int kdf_argon2id(struct span pass, struct span salt, uint32_t passes,
			    uint32_t kib, uint32_t lanes, uint8_t *out,
			    size_t len);

#endif /* CRYPTO_KDF_H */
