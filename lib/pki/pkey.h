/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkey.h - key pairs that sign: of machines, of a vault's certificates, of
 * its tokens.
 *
 * Known are EC P-256, and RSA of 2048 to 8192 bits with an odd public
 * exponent of 65537 to 2^64. What a machine asks a certificate for may also be
 * EC P-384 (x509.h), which signs nothing here. No other key gets past a
 * parser, whatever it came in.
 *
 * A private key is written as PKCS#8 PEM without a passphrase: the file's
 * mode and its directory's protect it. Its bytes are a secret: bufs that hold
 * them are CLEANUP_SECRET_BUF, and nothing else keeps a copy.
 *
 * Errors:  -EUCLEAN: no key, or more than one; -EMSGSIZE: over PKEY_PEM_MAX;
 *          -EKEYREJECTED: a key, but of another kind or size, or its halves do
 *          not belong together; -ENOMEM; -EIO: OpenSSL failed, as it does
 *          without randomness. Not logged, but for files. Where a
 *          function has `why`, it gets a reason in words when a judgement
 *          (not -ENOMEM) fails: a literal, without a byte of the input.
 *          NULL is allowed. OpenSSL's queue of errors is left empty.
 * Memory:  a key is the caller's until pkey_free().
 * Threads: any, at once, on one key; pkey_free() comes last.
 * Source:  RFC 5208, RFC 5915, RFC 7468, RFC 8017; FIPS 186-4.
 */
#ifndef PKI_PKEY_H
#define PKI_PKEY_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/macros.h"

#define PKEY_PEM_MAX (16u << 10)
#define PKEY_RSA_BITS_MIN 2048
#define PKEY_RSA_BITS_MAX 8192

enum pkey_kind { PKEY_P256, PKEY_P384, PKEY_RSA };

struct pkey;

#define CLEANUP_PKEY CLEANUP(pkey_cleanup)
/* As CLEANUP_BUF, and the bytes are wiped. */
#define CLEANUP_SECRET_BUF CLEANUP(pkey_wipe_buf)

/* A new P-256 pair: 0.1 ms. */
MUST_CHECK int pkey_new(struct pkey **out);
/* A new RSA pair, for readers of tokens that know nothing else: 2048 bits
 * take 0.1 s, 4096 one second and more. */
MUST_CHECK int pkey_new_rsa(unsigned int bits, struct pkey **out);
/* NULL is allowed. */
void pkey_free(struct pkey *k);
void pkey_cleanup(struct pkey **k);
void pkey_wipe_buf(struct buf *b);

enum pkey_kind pkey_kind(const struct pkey *k);
/* False: only the public half is there. */
bool pkey_is_private(const struct pkey *k);
/* The same public half. */
bool pkey_equal(const struct pkey *a, const struct pkey *b);

/* A private key: PKCS#8 ("PRIVATE KEY"), or the older "EC PRIVATE KEY" and
 * "RSA PRIVATE KEY". One that is encrypted is -EUCLEAN: nobody is asked. */
MUST_CHECK int pkey_from_pem(struct span pem, struct pkey **out,
			     const char **why);
/* Append it. -EINVAL if k has no private half. The buf must be empty, else
 * its growth leaves copies: that is -EINVAL, too. */
MUST_CHECK int pkey_to_pem(const struct pkey *k, struct buf *out);
/* A public key ("PUBLIC KEY"). */
MUST_CHECK int pkey_public_from_pem(struct span pem, struct pkey **out,
				    const char **why);
MUST_CHECK int pkey_public_to_pem(const struct pkey *k, struct buf *out);

/* Write the private key to the file path, mode 0600, atomically and durably.
 * A file that is there is replaced. Logged. */
MUST_CHECK int pkey_save(int dirfd, const char *path, const struct pkey *k);
/* Read it again. -ENOENT is an answer; other errors are logged. -EPERM: others
 * than the owner may write the file, or others than owner and group read it. */
MUST_CHECK int pkey_load(int dirfd, const char *path, struct pkey **out);

#endif /* PKI_PKEY_H */
