/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x509.c - certificates read and verified.
 *
 * What is read is written again and must be the same bytes: a certificate
 * that has two spellings would have two fingerprints.
 */
#include "pki/x509.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <string.h>
#include <time.h>

#include "base/utf8.h"
#include "pki/x509_private.h"

void x509_free(struct x509_cert *c)
{
	if (!c)
		return;
	X509_free(c->x);
	OPENSSL_free(c->der);
	free(c);
}

void x509_cleanup(struct x509_cert **c)
{
	x509_free(*c);
}

const struct x509_info *x509_info(const struct x509_cert *c)
{
	return &c->info;
}

struct span x509_der(const struct x509_cert *c)
{
	return SPAN(c->der, (size_t)c->der_len);
}

bool x509_is_uuid(const char *uuid)
{
	size_t i;

	if (strlen(uuid) != X509_UUID_LEN)
		return false;
	for (i = 0; i < X509_UUID_LEN; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? uuid[i] != '-'
			 : !strchr("0123456789abcdef", uuid[i]))
			return false;
	}
	return true;
}

/* --- facts of a certificate --- */

static int read_serial(const X509 *x, struct x509_info *info, const char **why)
{
	const ASN1_INTEGER *n = X509_get0_serialNumber(x);
	CLEANUP_BN BIGNUM *bn = NULL;
	uint8_t bytes[X509_SERIAL_MAX];
	int len;

	bn = ASN1_INTEGER_to_BN(n, NULL);
	if (!bn || BN_is_negative(bn) || BN_is_zero(bn) ||
	    BN_num_bytes(bn) > X509_SERIAL_MAX)
		return pki_refuse(-EUCLEAN, why,
				  "the certificate's serial number is no "
				  "number of 1 to 20 bytes");
	len = BN_bn2bin(bn, bytes);
	hex_encode(info->serial, bytes, (size_t)len);
	return 0;
}

static int read_time(const ASN1_TIME *t, int64_t *out, const char **why)
{
	struct tm tm;

	if (ASN1_TIME_check(t) != 1 || ASN1_TIME_to_tm(t, &tm) != 1)
		return pki_refuse(-EUCLEAN, why,
				  "the certificate's days are no dates");
	*out = timegm(&tm);
	return 0;
}

static bool is_text(const unsigned char *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (p[i] < 0x20 || p[i] == 0x7f)
			return false;
	return utf8_is_valid(p, len);
}

static int read_cn(X509 *x, struct x509_info *info, const char **why)
{
	const X509_NAME *subject = X509_get_subject_name(x);
	unsigned char *text = NULL;
	bool good;
	int at, n;

	at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	if (at < 0)
		return 0;
	if (X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
		return pki_refuse(-EUCLEAN, why,
				  "the certificate has two common names");
	n = ASN1_STRING_to_UTF8(
		&text,
		X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
	good = n >= 0 && n <= X509_CN_MAX && is_text(text, (size_t)n);
	if (good && n)
		memcpy(info->cn, text, (size_t)n);
	OPENSSL_free(text);
	if (!good)
		return pki_refuse(-EUCLEAN, why,
				  "the certificate's common name is no "
				  "printable text of at most 253 bytes");
	return 0;
}

/* Takes one name's URI; false if it claims a machine and is not the one. */
static bool take_uri(const ASN1_IA5STRING *uri, struct x509_info *info)
{
	static const size_t prefix = sizeof(X509_MACHINE_URI) - 1;
	const char *p = (const char *)ASN1_STRING_get0_data(uri);
	size_t len = (size_t)ASN1_STRING_length(uri);

	if (len < prefix || memcmp(p, X509_MACHINE_URI, prefix) != 0)
		return true;
	if (*info->machine || len != prefix + X509_UUID_LEN)
		return false;
	memcpy(info->machine, p + prefix, X509_UUID_LEN);
	return x509_is_uuid(info->machine);
}

static int read_machine(const X509 *x, struct x509_info *info, const char **why)
{
	CLEANUP_NAMES GENERAL_NAMES *names = NULL;
	int i, state = -1;

	names = X509_get_ext_d2i(x, NID_subject_alt_name, &state, NULL);
	if (!names && state == -1)
		return pki_fail(0); /* there is none */
	if (!names)
		return pki_refuse(-EUCLEAN, why,
				  "the certificate's names are damaged");
	for (i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type == GEN_URI &&
		    !take_uri(name->d.uniformResourceIdentifier, info))
			return pki_refuse(-EUCLEAN, why,
					  "the certificate's machine is not "
					  "one UUID");
	}
	return 0;
}

static int read_facts(struct x509_cert *c, const char **why)
{
	struct x509_info *info = &c->info;
	int r;

	/* Reads the extensions once and for all: no thread writes later. */
	if (X509_check_purpose(c->x, -1, 0) != 1)
		return pki_refuse(-EUCLEAN, why,
				  "the certificate's extensions are damaged");
	info->is_ca = X509_check_ca(c->x) == 1;
	if (EVP_Digest(c->der, (size_t)c->der_len, info->sha256, NULL,
		       EVP_sha256(), NULL) != 1 ||
	    X509_pubkey_digest(c->x, EVP_sha256(), info->key_sha256, NULL) != 1)
		return pki_fail(-EIO);
	r = read_serial(c->x, info, why);
	if (r == 0)
		r = read_time(X509_get0_notBefore(c->x), &info->not_before,
			      why);
	if (r == 0)
		r = read_time(X509_get0_notAfter(c->x), &info->not_after, why);
	if (r == 0)
		r = read_cn(c->x, info, why);
	return r < 0 ? r : read_machine(c->x, info, why);
}

int x509_wrap(X509 *x, struct x509_cert **out, const char **why)
{
	CLEANUP_X509 struct x509_cert *c = calloc(1, sizeof(*c));
	int r;

	if (!c) {
		X509_free(x);
		return -ENOMEM;
	}
	c->x = x;
	c->der_len = i2d_X509(x, &c->der);
	if (c->der_len < 0)
		return pki_fail(-ENOMEM);
	r = read_facts(c, why);
	if (r < 0)
		return r;
	*out = TAKE_PTR(c);
	return 0;
}

/* --- in and out --- */

int x509_read_der(struct span text, const char *const *labels,
		  struct pki_der *der, const char **why)
{
	/* A SEQUENCE of more than 127 bytes; no text begins so. */
	if (text.len < 2 || text.p[0] != 0x30 || text.p[1] < 0x80)
		return pki_pem_read(text, labels, der, why);
	der->p = OPENSSL_secure_malloc(text.len);
	if (!der->p)
		return pki_fail(-ENOMEM);
	memcpy(der->p, text.p, text.len);
	der->len = (long)text.len;
	return 0;
}

int x509_parse(struct span text, struct x509_cert **out, const char **why)
{
	static const char *const labels[] = { "CERTIFICATE", NULL };
	CLEANUP_PKI_DER struct pki_der der = { NULL, 0 };
	CLEANUP_X509 struct x509_cert *c = NULL;
	const unsigned char *p;
	X509 *x;
	int r;

	if (text.len > X509_CERT_MAX)
		return pki_refuse(-EMSGSIZE, why,
				  "the certificate is too long");
	r = x509_read_der(text, labels, &der, why);
	if (r < 0)
		return r;
	p = der.p;
	x = d2i_X509(NULL, &p, der.len);
	if (!x)
		return pki_refuse(-EUCLEAN, why, "there is no certificate");
	ERR_clear_error();
	r = x509_wrap(x, &c, why);
	if (r < 0)
		return r;
	if (c->der_len != der.len ||
	    memcmp(c->der, der.p, (size_t)der.len) != 0)
		return pki_refuse(-EUCLEAN, why,
				  "the certificate is not in strict DER");
	*out = TAKE_PTR(c);
	return 0;
}

int x509_to_pem(const struct x509_cert *c, struct buf *out)
{
	CLEANUP_BIO BIO *bio = BIO_new(BIO_s_mem());

	if (!bio || PEM_write_bio_X509(bio, c->x) != 1)
		return pki_fail(-ENOMEM);
	return pki_take_bio(bio, out);
}

int x509_public_key(const struct x509_cert *c, struct pkey **out,
		    const char **why)
{
	EVP_PKEY *evp = X509_get_pubkey(c->x);

	if (!evp)
		return pki_refuse(-EKEYREJECTED, why,
				  "a key of a kind that is not known");
	return pki_wrap(evp, false, out, why);
}

bool x509_has_key(const struct x509_cert *c, const struct pkey *key)
{
	EVP_PKEY *evp = X509_get0_pubkey(c->x);
	bool same = evp && EVP_PKEY_eq(evp, key->evp) == 1;

	ERR_clear_error();
	return same;
}

/* --- verification --- */

static int judge_chain(X509_STORE_CTX *ctx, const char **why)
{
	int e;

	if (X509_verify_cert(ctx) == 1)
		return pki_fail(0);
	e = X509_STORE_CTX_get_error(ctx);
	if (e == X509_V_ERR_OUT_OF_MEM)
		return pki_fail(-ENOMEM);
	return pki_refuse(e == X509_V_ERR_CERT_HAS_EXPIRED ||
					  e == X509_V_ERR_CERT_NOT_YET_VALID
				  ? -EKEYEXPIRED
				  : -EKEYREJECTED,
			  why, X509_verify_cert_error_string(e));
}

int x509_verify(const struct x509_cert *c, const struct x509_cert *ca,
		enum x509_use use, int64_t now, const char **why)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param;
	int r;

	if (store && ctx && X509_STORE_add_cert(store, ca->x) == 1 &&
	    X509_STORE_CTX_init(ctx, store, c->x, NULL) == 1) {
		param = X509_STORE_CTX_get0_param(ctx);
		X509_VERIFY_PARAM_set_time(param, (time_t)now);
		X509_VERIFY_PARAM_set_auth_level(param, 2); /* 112 bits */
		X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT);
		X509_VERIFY_PARAM_set_purpose(
			param, use == X509_USE_SERVER
				       ? X509_PURPOSE_SSL_SERVER
				       : X509_PURPOSE_SSL_CLIENT);
		r = judge_chain(ctx, why);
	} else {
		r = pki_fail(-ENOMEM);
	}
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	return r;
}
