/* SPDX-License-Identifier: Apache-2.0 */
/*
 * private.h - what the files of this room share: OpenSSL's own types, and
 * the way from its errors to ours.
 */
#ifndef PKI_PRIVATE_H
#define PKI_PRIVATE_H

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>

#include "pki/pkey.h"

struct pkey {
	EVP_PKEY *evp;
	enum pkey_kind kind;
	bool is_private;
};

/* What d2i_*() reads, and the room to give it back to. */
struct pki_der {
	unsigned char *p;
	long len;
};

#define CLEANUP_PKI_DER CLEANUP(pki_der_wipe)
#define CLEANUP_BIO CLEANUP(pki_bio_cleanup)
#define CLEANUP_BN CLEANUP(pki_bn_cleanup)
#define CLEANUP_EVP CLEANUP(pki_evp_cleanup)
#define CLEANUP_EVP_CTX CLEANUP(pki_evp_ctx_cleanup)
#define CLEANUP_MD_CTX CLEANUP(pki_md_ctx_cleanup)

static inline void pki_bio_cleanup(BIO **p)
{
	BIO_free(*p);
}

static inline void pki_bn_cleanup(BIGNUM **p)
{
	BN_clear_free(*p);
}

static inline void pki_evp_cleanup(EVP_PKEY **p)
{
	EVP_PKEY_free(*p);
}

static inline void pki_evp_ctx_cleanup(EVP_PKEY_CTX **p)
{
	EVP_PKEY_CTX_free(*p);
}

static inline void pki_md_ctx_cleanup(EVP_MD_CTX **p)
{
	EVP_MD_CTX_free(*p);
}

/* Empty OpenSSL's queue of errors; what is left there would be taken for the
 * next TLS connection's. -ENOMEM if the queue says so, else err. */
int pki_fail(int err);
/* *why = reason, unless why is NULL; then as pki_fail(). */
int pki_refuse(int err, const char **why, const char *reason);

/* The one block of text between BEGIN and END lines, decoded. Its label must
 * be one of names (NULL at the end). Text before it is passed over, after it
 * only white space may follow. -EUCLEAN. */
MUST_CHECK int pki_pem_read(struct span text, const char *const *names,
			    struct pki_der *out, const char **why);
void pki_der_wipe(struct pki_der *d);
/* The bytes of a memory BIO, appended. */
MUST_CHECK int pki_take_bio(BIO *bio, struct buf *out);

/* Is this a key that pkey.h knows? Tells its kind, or -EKEYREJECTED. */
MUST_CHECK int pki_judge(const EVP_PKEY *evp, enum pkey_kind *kind,
			 const char **why);
/* Judge evp and wrap it; takes it over, also on failure. */
MUST_CHECK int pki_wrap(EVP_PKEY *evp, bool is_private, struct pkey **out,
			const char **why);

#endif /* PKI_PRIVATE_H */
