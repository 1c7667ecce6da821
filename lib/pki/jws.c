/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jws.c - tokens signed and verified.
 *
 * Of a token that is to be verified, the header alone is decoded before its
 * signature is: it says which key. What it may say is a short list; it is
 * never asked how to verify.
 */
#include "pki/jws.h"

#include <errno.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <string.h>

#include "base/base64.h"
#include "base/utf8.h"
#include "pki/private.h"

#define ES256_HALF 32
#define ES256_LEN (2 * ES256_HALF)
/* SEQUENCE, two INTEGERs of up to 33 bytes. */
#define ES256_DER_MAX (2 + 2 * (2 + ES256_HALF + 1))
#define SIG_MAX (PKEY_RSA_BITS_MAX / 8)

const char *jws_alg(const struct pkey *key)
{
	switch (key->kind) {
	case PKEY_RSA:
		return "RS256";
	case PKEY_P256:
		return "ES256";
	case PKEY_P384:
		break;
	}
	return NULL;
}

/* --- signatures of bytes --- */

/* ECDSA as OpenSSL writes it to r || s. */
static int der_to_raw(const uint8_t *der, size_t len,
		      uint8_t raw[static ES256_LEN])
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
	bool done;

	done = sig &&
	       BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, ES256_HALF) ==
		       ES256_HALF &&
	       BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + ES256_HALF,
			    ES256_HALF) == ES256_HALF;
	ECDSA_SIG_free(sig);
	return done ? 0 : pki_fail(-EIO);
}

static int raw_to_der(const uint8_t raw[static ES256_LEN],
		      uint8_t der[static ES256_DER_MAX], size_t *len)
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw, ES256_HALF, NULL);
	BIGNUM *s = BN_bin2bn(raw + ES256_HALF, ES256_HALF, NULL);
	int n, err = 0;

	if (!sig || !r || !s || ECDSA_SIG_set0(sig, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		ECDSA_SIG_free(sig);
		return pki_fail(-ENOMEM);
	}
	if (BN_is_zero(r) || BN_is_zero(s)) {
		err = -EBADMSG; /* CVE-2022-21449 was this, elsewhere */
	} else {
		n = i2d_ECDSA_SIG(sig, &der);
		if (n < 0)
			err = pki_fail(-ENOMEM);
		else
			*len = (size_t)n;
	}
	ECDSA_SIG_free(sig);
	return err;
}

static int sign_bytes(const struct pkey *key, struct span data, uint8_t *sig,
		      size_t *len)
{
	CLEANUP_MD_CTX EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t der[SIG_MAX];
	size_t n = sizeof(der);

	if (!ctx ||
	    EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key->evp) != 1 ||
	    EVP_DigestSign(ctx, der, &n, data.p, data.len) != 1)
		return pki_fail(-EIO);
	if (key->kind == PKEY_P256) {
		*len = ES256_LEN;
		return der_to_raw(der, n, sig);
	}
	memcpy(sig, der, n);
	*len = n;
	return 0;
}

static int verify_bytes(const struct pkey *key, struct span data,
			struct span sig, const char **why)
{
	static const char *const wrong = "the token's signature is wrong";
	CLEANUP_MD_CTX EVP_MD_CTX *ctx = NULL;
	uint8_t der[ES256_DER_MAX];
	int r;

	if (key->kind == PKEY_P256) {
		size_t n = 0;

		r = sig.len == ES256_LEN ? raw_to_der(sig.p, der, &n)
					 : -EBADMSG;
		if (r < 0)
			return pki_refuse(r, why, wrong);
		sig = SPAN(der, n);
	}
	ctx = EVP_MD_CTX_new();
	if (!ctx ||
	    EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key->evp) != 1)
		return pki_fail(-ENOMEM);
	if (EVP_DigestVerify(ctx, sig.p, sig.len, data.p, data.len) != 1)
		return pki_refuse(-EBADMSG, why, wrong);
	return 0;
}

/* --- signing --- */

static bool is_short_text(const char *s, size_t max)
{
	size_t len = strnlen(s, max + 1);

	return len > 0 && len <= max && utf8_is_valid(s, len);
}

static int append_header(const char *alg, const char *kid, const char *typ,
			 struct buf *out)
{
	CLEANUP_BUF struct buf text = BUF_INIT(JWS_HEADER_MAX);
	struct json_out j = JSON_OUT(&text);
	int r;

	json_object(&j, NULL);
	if (typ)
		json_str(&j, "typ", typ);
	json_str(&j, "alg", alg);
	if (kid)
		json_str(&j, "kid", kid);
	json_close(&j);
	r = json_end(&j);
	if (r == 0 && BASE64URL_LEN(text.len) > JWS_HEADER_MAX)
		r = -EMSGSIZE;
	return r < 0 ? r : base64url_append(out, SPAN_OF(&text));
}

int jws_sign(const struct pkey *key, const char *kid, const char *typ,
	     struct span payload, struct buf *out)
{
	CLEANUP_BUF struct buf token = BUF_INIT(JWS_MAX);
	const char *alg = jws_alg(key);
	uint8_t sig[SIG_MAX];
	size_t len = 0;
	int r;

	if (!alg || !pkey_is_private(key) ||
	    (kid && !is_short_text(kid, JWS_KID_MAX)) ||
	    (typ && !is_short_text(typ, JWS_TYP_MAX)))
		return -EINVAL;
	r = append_header(alg, kid, typ, &token);
	if (r == 0)
		r = buf_u8(&token, '.');
	if (r == 0)
		r = base64url_append(&token, payload);
	if (r == 0)
		r = sign_bytes(key, SPAN_OF(&token), sig, &len);
	if (r == 0)
		r = buf_u8(&token, '.');
	if (r == 0)
		r = base64url_append(&token, SPAN(sig, len));
	return r < 0 ? r : buf_append(out, token.p, token.len);
}

/* --- verifying --- */

struct parts {
	struct span header, payload, sig; /* in base64url */
	struct span signed_text;	  /* header "." payload */
};

static int split(struct span token, struct parts *out, const char **why)
{
	const uint8_t *end = token.p + token.len;
	const uint8_t *a, *b;

	if (token.len > JWS_MAX)
		return pki_refuse(-EMSGSIZE, why, "the token is too long");
	a = token.len ? memchr(token.p, '.', token.len) : NULL;
	b = a ? memchr(a + 1, '.', (size_t)(end - a - 1)) : NULL;
	if (!b || memchr(b + 1, '.', (size_t)(end - b - 1)))
		return pki_refuse(-EUCLEAN, why,
				  "the token does not have three parts");
	out->header = SPAN(token.p, (size_t)(a - token.p));
	out->payload = SPAN(a + 1, (size_t)(b - a - 1));
	out->sig = SPAN(b + 1, (size_t)(end - b - 1));
	out->signed_text = SPAN(token.p, (size_t)(b - token.p));
	if (out->header.len > JWS_HEADER_MAX)
		return pki_refuse(-EMSGSIZE, why,
				  "the token's header is too long");
	return 0;
}

/* Copy the string member, if it is there. */
static int take_text(const struct json *object, const char *name, char *out,
		     size_t max)
{
	const struct json *item = json_get(object, name);
	const char *text = json_to_str(item);

	*out = '\0';
	if (!item)
		return 0;
	if (!text || !is_short_text(text, max))
		return -EUCLEAN;
	memcpy(out, text, strlen(text) + 1);
	return 0;
}

/* A name that stands twice means one thing to this reader, and another to the
 * next (RFC 7515, 4). */
static bool has_double(const struct json *object)
{
	const struct json *item;

	for (item = json_first(object); item; item = json_next(item))
		if (json_get(object, json_key(item)) != item)
			return true;
	return false;
}

/* Members that bring a key, or change what is signed or how. Others that are
 * unknown say nothing to a verifier (RFC 7515, 4). */
static bool asks_too_much(const struct json *object)
{
	static const char *const names[] = { "crit", "b64", "zip", "enc",
					     "jwk",  "jku", "x5c", "x5u" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(names); i++)
		if (json_get(object, names[i]))
			return true;
	return false;
}

struct header {
	struct jws_header shown;
	char alg[8];
};

static int read_header(struct span text, struct header *out, const char **why)
{
	CLEANUP_BUF struct buf bytes = BUF_INIT(JWS_HEADER_MAX);
	CLEANUP_JSON struct json *object = NULL;
	int r;

	r = base64url_decode(&bytes, text);
	if (r == 0)
		r = json_parse(SPAN_OF(&bytes), bytes.len, &object);
	if (r == -ENOMEM)
		return r;
	if (r < 0 || !json_is_object(object) || has_double(object))
		return pki_refuse(-EUCLEAN, why,
				  "the token's header is no JSON object in "
				  "base64url");
	if (asks_too_much(object))
		return pki_refuse(-EPROTONOSUPPORT, why,
				  "the token's header brings a key, or asks "
				  "for an extension");
	if (take_text(object, "alg", out->alg, sizeof(out->alg) - 1) < 0 ||
	    (strcmp(out->alg, "RS256") != 0 && strcmp(out->alg, "ES256") != 0))
		return pki_refuse(-EPROTONOSUPPORT, why,
				  "the token's alg is not RS256 or ES256");
	if (take_text(object, "kid", out->shown.kid, JWS_KID_MAX) < 0 ||
	    take_text(object, "typ", out->shown.typ, JWS_TYP_MAX) < 0)
		return pki_refuse(-EUCLEAN, why,
				  "the token's kid or typ is no short text");
	return 0;
}

/* Everything behind the choice of the key. */
static int verify(const struct parts *t, const struct header *h,
		  const struct pkey *key, struct buf *payload,
		  struct jws_header *header, const char **why)
{
	CLEANUP_BUF struct buf sig = BUF_INIT(JWS_MAX);
	const char *alg = jws_alg(key);
	int r;

	if (!alg || strcmp(h->alg, alg) != 0)
		return pki_refuse(-EKEYREJECTED, why,
				  "the token's alg is not that of its key");
	r = base64url_decode(&sig, t->sig);
	if (r == -EUCLEAN)
		return pki_refuse(r, why,
				  "the token's signature is not base64url");
	if (r == 0)
		r = verify_bytes(key, t->signed_text, SPAN_OF(&sig), why);
	if (r < 0)
		return r;
	r = base64url_decode(payload, t->payload);
	if (r == -EUCLEAN)
		return pki_refuse(r, why,
				  "the token's payload is not base64url");
	if (r == 0 && header)
		*header = h->shown;
	return r;
}

int jws_verify(struct span token, const struct jwk_set *set,
	       struct buf *payload, struct jws_header *header, const char **why)
{
	const struct pkey *key;
	struct parts t;
	struct header h;
	int r;

	r = split(token, &t, why);
	if (r == 0)
		r = read_header(t.header, &h, why);
	if (r < 0)
		return r;
	if (*h.shown.kid == '\0')
		return pki_refuse(-EUCLEAN, why, "the token has no kid");
	key = jwk_set_find(set, h.shown.kid);
	if (!key)
		return pki_refuse(-ENOKEY, why,
				  "no key has the token's kid: its issuer is "
				  "another one, or has new keys");
	return verify(&t, &h, key, payload, header, why);
}

int jws_verify_key(struct span token, const struct pkey *key,
		   struct buf *payload, struct jws_header *header,
		   const char **why)
{
	struct parts t;
	struct header h;
	int r;

	r = split(token, &t, why);
	if (r == 0)
		r = read_header(t.header, &h, why);
	return r < 0 ? r : verify(&t, &h, key, payload, header, why);
}
