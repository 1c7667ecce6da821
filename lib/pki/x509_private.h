/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x509_private.h - what reads certificates and what makes them share.
 */
#ifndef PKI_X509_PRIVATE_H
#define PKI_X509_PRIVATE_H

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "pki/private.h"
#include "pki/x509.h"

struct x509_cert {
	X509 *x;
	unsigned char *der;
	int der_len;
	struct x509_info info;
};

#define CLEANUP_X CLEANUP(pki_x_cleanup)
#define CLEANUP_REQ CLEANUP(pki_req_cleanup)
#define CLEANUP_NAMES CLEANUP(pki_names_cleanup)

static inline void pki_x_cleanup(X509 **p)
{
	X509_free(*p);
}

static inline void pki_req_cleanup(X509_REQ **p)
{
	X509_REQ_free(*p);
}

static inline void pki_names_cleanup(GENERAL_NAMES **p)
{
	GENERAL_NAMES_free(*p);
}

/* Wrap a certificate and read its facts; takes x over, also on failure. */
MUST_CHECK int x509_wrap(X509 *x, struct x509_cert **out, const char **why);

/* The DER of text, PEM (with one of labels) or DER itself. der is a copy. */
MUST_CHECK int x509_read_der(struct span text, const char *const *labels,
			     struct pki_der *der, const char **why);

#endif /* PKI_X509_PRIVATE_H */
