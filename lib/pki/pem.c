/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pem.c - PEM blocks, and OpenSSL's errors.
 *
 * Blocks are read by label and decoded here, not by PEM_read_bio_X509() and
 * its kin: those take several labels for one thing, and ask at the terminal
 * for the passphrase of whatever claims to be encrypted.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "pki/private.h"

int pki_fail(int err)
{
	unsigned long e = ERR_peek_last_error();

	ERR_clear_error();
	return e && ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE ? -ENOMEM : err;
}

int pki_refuse(int err, const char **why, const char *reason)
{
	if (why)
		*why = reason;
	return pki_fail(err);
}

void pki_der_wipe(struct pki_der *d)
{
	/* Frees what PEM_FLAG_SECURE allocated, in a secure heap or not. */
	OPENSSL_secure_clear_free(d->p, (size_t)d->len);
	d->p = NULL;
	d->len = 0;
}

static bool is_listed(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(name, *names) == 0)
			return true;
	return false;
}

static bool is_blank(BIO *bio)
{
	char c;

	while (BIO_read(bio, &c, 1) == 1)
		if (!isspace((unsigned char)c))
			return false;
	return true;
}

int pki_pem_read(struct span text, const char *const *names,
		 struct pki_der *out, const char **why)
{
	CLEANUP_BIO BIO *bio = NULL;
	CLEANUP_PKI_DER struct pki_der der = { NULL, 0 };
	char *name = NULL, *header = NULL;
	bool good;

	if (text.len == 0 || text.len > INT_MAX)
		return pki_refuse(-EUCLEAN, why, "there is no PEM block");
	bio = BIO_new_mem_buf(text.p, (int)text.len);
	if (!bio)
		return pki_fail(-ENOMEM);
	if (PEM_read_bio_ex(bio, &name, &header, &der.p, &der.len,
			    PEM_FLAG_SECURE) != 1)
		return pki_refuse(-EUCLEAN, why, "there is no PEM block");
	good = is_listed(name, names) && *header == '\0';
	OPENSSL_secure_free(name);
	OPENSSL_secure_free(header);
	if (!good)
		return pki_refuse(-EUCLEAN, why,
				  "the PEM block is of another kind");
	if (!is_blank(bio))
		return pki_refuse(-EUCLEAN, why,
				  "something follows the PEM block");
	*out = der;
	der.p = NULL;
	der.len = 0;
	return 0;
}

int pki_take_bio(BIO *bio, struct buf *out)
{
	char *p;
	long n = BIO_get_mem_data(bio, &p);

	if (n < 0)
		return pki_fail(-EIO);
	return buf_append(out, p, (size_t)n);
}
