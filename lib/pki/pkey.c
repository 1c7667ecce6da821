/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkey.c - key pairs that sign.
 */
#include "pki/pkey.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/log.h"
#include "pki/private.h"

#define RSA_EXPONENT_MIN 65537
#define RSA_EXPONENT_BITS_MAX 64

void pkey_free(struct pkey *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->evp); /* wipes the private half */
	free(k);
}

void pkey_cleanup(struct pkey **k)
{
	pkey_free(*k);
}

void pkey_wipe_buf(struct buf *b)
{
	if (b->p)
		OPENSSL_cleanse(b->p, b->cap);
	buf_release(b);
}

/* --- which keys are good --- */

static int judge_rsa(const EVP_PKEY *evp, const char **why)
{
	CLEANUP_BN BIGNUM *n = NULL;
	CLEANUP_BN BIGNUM *e = NULL;
	int bits;

	if (EVP_PKEY_get_bn_param(evp, OSSL_PKEY_PARAM_RSA_N, &n) != 1 ||
	    EVP_PKEY_get_bn_param(evp, OSSL_PKEY_PARAM_RSA_E, &e) != 1)
		return pki_refuse(-EKEYREJECTED, why, "the RSA key is damaged");
	bits = BN_num_bits(n);
	if (bits < PKEY_RSA_BITS_MIN)
		return pki_refuse(-EKEYREJECTED, why,
				  "the RSA key has less than 2048 bits");
	if (bits > PKEY_RSA_BITS_MAX)
		return pki_refuse(-EKEYREJECTED, why,
				  "the RSA key has more than 8192 bits");
	if (!BN_is_odd(n))
		return pki_refuse(-EKEYREJECTED, why, "the RSA key is damaged");
	if (!BN_is_odd(e) || BN_num_bits(e) > RSA_EXPONENT_BITS_MAX ||
	    BN_get_word(e) < RSA_EXPONENT_MIN)
		return pki_refuse(-EKEYREJECTED, why,
				  "the RSA key's exponent is not allowed");
	return 0;
}

static int judge_ec(const EVP_PKEY *evp, enum pkey_kind *kind, const char **why)
{
	CLEANUP_EVP_CTX EVP_PKEY_CTX *ctx = NULL;
	int is_explicit = 0;
	char group[32];

	/* A curve that is spelled out may have a generator of its own
	 * (CVE-2020-0601), or cost time to look at (CVE-2022-0778). */
	if (EVP_PKEY_get_int_param(
		    evp, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
		    &is_explicit) != 1 ||
	    is_explicit ||
	    EVP_PKEY_get_group_name(evp, group, sizeof(group), NULL) != 1)
		return pki_refuse(-EKEYREJECTED, why,
				  "the key's curve has no name");
	if (strcmp(group, "prime256v1") == 0)
		*kind = PKEY_P256;
	else if (strcmp(group, "secp384r1") == 0)
		*kind = PKEY_P384;
	else
		return pki_refuse(-EKEYREJECTED, why,
				  "the key's curve is not P-256 or P-384");
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, (EVP_PKEY *)evp, NULL);
	if (!ctx)
		return pki_fail(-ENOMEM);
	if (EVP_PKEY_public_check(ctx) != 1)
		return pki_refuse(-EKEYREJECTED, why,
				  "the key's point is not on its curve");
	return 0;
}

int pki_judge(const EVP_PKEY *evp, enum pkey_kind *kind, const char **why)
{
	switch (EVP_PKEY_get_base_id(evp)) {
	case EVP_PKEY_RSA:
		*kind = PKEY_RSA;
		return judge_rsa(evp, why);
	case EVP_PKEY_EC:
		return judge_ec(evp, kind, why);
	}
	return pki_refuse(-EKEYREJECTED, why, "the key is not EC or RSA");
}

/* A file in which one bit has turned still parses: its signatures would be
 * wrong, and of RSA could give the key away. */
static int judge_pair(EVP_PKEY *evp, const char **why)
{
	CLEANUP_EVP_CTX EVP_PKEY_CTX *ctx =
		EVP_PKEY_CTX_new_from_pkey(NULL, evp, NULL);

	if (!ctx)
		return pki_fail(-ENOMEM);
	if (EVP_PKEY_private_check(ctx) == 1 &&
	    EVP_PKEY_pairwise_check(ctx) == 1)
		return 0;
	return pki_refuse(-EKEYREJECTED, why,
			  "the private and the public half do not match");
}

int pki_wrap(EVP_PKEY *evp, bool is_private, struct pkey **out,
	     const char **why)
{
	CLEANUP_PKEY struct pkey *k = calloc(1, sizeof(*k));
	int r;

	if (!k) {
		EVP_PKEY_free(evp);
		return -ENOMEM;
	}
	k->evp = evp;
	k->is_private = is_private;
	r = pki_judge(evp, &k->kind, why);
	if (r < 0)
		return r;
	if (k->kind == PKEY_P384)
		return pki_refuse(-EKEYREJECTED, why,
				  "the key's curve is not P-256");
	*out = TAKE_PTR(k);
	return 0;
}

/* --- new ones --- */

int pkey_new(struct pkey **out)
{
	EVP_PKEY *evp = EVP_EC_gen("P-256");

	if (!evp)
		return pki_fail(-EIO);
	return pki_wrap(evp, true, out, NULL);
}

int pkey_new_rsa(unsigned int bits, struct pkey **out)
{
	EVP_PKEY *evp;

	if (bits < PKEY_RSA_BITS_MIN || bits > PKEY_RSA_BITS_MAX)
		return -EINVAL;
	evp = EVP_RSA_gen(bits);
	if (!evp)
		return pki_fail(-EIO);
	return pki_wrap(evp, true, out, NULL);
}

enum pkey_kind pkey_kind(const struct pkey *k)
{
	return k->kind;
}

bool pkey_is_private(const struct pkey *k)
{
	return k->is_private;
}

bool pkey_equal(const struct pkey *a, const struct pkey *b)
{
	bool same = EVP_PKEY_eq(a->evp, b->evp) == 1;

	ERR_clear_error();
	return same;
}

/* --- PEM --- */

int pkey_from_pem(struct span pem, struct pkey **out, const char **why)
{
	static const char *const names[] = { "PRIVATE KEY", "EC PRIVATE KEY",
					     "RSA PRIVATE KEY", NULL };
	CLEANUP_PKI_DER struct pki_der der = { NULL, 0 };
	CLEANUP_PKEY struct pkey *k = NULL;
	const unsigned char *p;
	EVP_PKEY *evp;
	int r;

	if (pem.len > PKEY_PEM_MAX)
		return pki_refuse(-EMSGSIZE, why, "the key is too long");
	r = pki_pem_read(pem, names, &der, why);
	if (r < 0)
		return r;
	p = der.p;
	evp = d2i_AutoPrivateKey(NULL, &p, der.len);
	if (!evp || p != der.p + der.len) {
		EVP_PKEY_free(evp);
		return pki_refuse(-EUCLEAN, why, "there is no private key");
	}
	ERR_clear_error(); /* of the kinds it tried first */
	r = pki_wrap(evp, true, &k, why);
	if (r == 0)
		r = judge_pair(k->evp, why);
	if (r < 0)
		return r;
	*out = TAKE_PTR(k);
	return 0;
}

int pkey_to_pem(const struct pkey *k, struct buf *out)
{
	CLEANUP_BIO BIO *bio = NULL;

	if (!k->is_private || out->len)
		return -EINVAL;
	bio = BIO_new(BIO_s_secmem()); /* wiped as it grows and when freed */
	if (!bio || PEM_write_bio_PKCS8PrivateKey(bio, k->evp, NULL, NULL, 0,
						  NULL, NULL) != 1)
		return pki_fail(-ENOMEM);
	return pki_take_bio(bio, out);
}

int pkey_public_from_pem(struct span pem, struct pkey **out, const char **why)
{
	static const char *const names[] = { "PUBLIC KEY", NULL };
	CLEANUP_PKI_DER struct pki_der der = { NULL, 0 };
	const unsigned char *p;
	EVP_PKEY *evp;
	int r;

	if (pem.len > PKEY_PEM_MAX)
		return pki_refuse(-EMSGSIZE, why, "the key is too long");
	r = pki_pem_read(pem, names, &der, why);
	if (r < 0)
		return r;
	p = der.p;
	evp = d2i_PUBKEY(NULL, &p, der.len);
	if (!evp || p != der.p + der.len) {
		EVP_PKEY_free(evp);
		return pki_refuse(-EUCLEAN, why, "there is no public key");
	}
	ERR_clear_error();
	return pki_wrap(evp, false, out, why);
}

int pkey_public_to_pem(const struct pkey *k, struct buf *out)
{
	CLEANUP_BIO BIO *bio = BIO_new(BIO_s_mem());

	if (!bio || PEM_write_bio_PUBKEY(bio, k->evp) != 1)
		return pki_fail(-ENOMEM);
	return pki_take_bio(bio, out);
}

/* --- files --- */

int pkey_save(int dirfd, const char *path, const struct pkey *k)
{
	CLEANUP_SECRET_BUF struct buf pem = BUF_INIT(PKEY_PEM_MAX);
	int r;

	r = pkey_to_pem(k, &pem);
	if (r == 0)
		r = io_replace_file(dirfd, path, SPAN_OF(&pem));
	if (r < 0)
		return log_fail(r, "write the private key %s", path);
	return 0;
}

static int read_key(int fd, const char *path, struct buf *pem)
{
	struct stat st;
	ssize_t n;
	int r;

	if (fstat(fd, &st) < 0)
		return log_fail(-errno, "read the private key %s", path);
	if (st.st_mode & (S_IWGRP | S_IRWXO)) {
		log_error("the private key %s is open to others (mode %04o): "
			  "chmod 600 it, and replace it if others have been "
			  "on this machine",
			  path, st.st_mode & 07777u);
		return -EPERM;
	}
	/* at once in full, so that its growth leaves no copies */
	r = buf_reserve(pem, pem->max);
	if (r < 0)
		return r;
	n = io_read_full(fd, pem->p, pem->max);
	if (n < 0)
		return log_fail((int)n, "read the private key %s", path);
	pem->len = (size_t)n;
	return 0;
}

int pkey_load(int dirfd, const char *path, struct pkey **out)
{
	/* one byte more, so that too long a file is seen to be */
	CLEANUP_SECRET_BUF struct buf pem = BUF_INIT(PKEY_PEM_MAX + 1);
	CLEANUP_CLOSE int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	const char *why = NULL;
	int r;

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0)
		return log_fail(-errno, "open the private key %s", path);
	r = read_key(fd, path, &pem);
	if (r < 0)
		return r;
	r = pkey_from_pem(SPAN_OF(&pem), out, &why);
	if (r < 0 && why)
		log_error("the private key %s cannot be used: %s", path, why);
	return r;
}
