/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jws.h - signed tokens (JWS, compact form), and public keys as JSON (JWK).
 *
 * RS256 and ES256, nothing else. Which of the two is the key's to say: the
 * token's "alg" must be the same. A token whose header brings a key or the
 * way to one (jwk, jku, x5c, x5u), or asks for more than is done here (crit,
 * b64, zip), is refused. What the payload claims, and for how long, is not
 * looked at. An ES256 token has two valid signatures, so that no token may be
 * told from another by its text.
 *
 * Names:   a kid is 1..JWS_KID_MAX bytes of UTF-8 and compared byte by byte.
 * Errors:  -EMSGSIZE: over JWS_MAX or JWK_SET_MAX, before anything is decoded.
 *          -EUCLEAN: not of the form. -EPROTONOSUPPORT: a header that asks for
 *          what is not done here, another alg too. -ENOKEY: no key has that
 *          kid; the issuer's may have changed. -EKEYREJECTED: the alg is not
 *          that of the key, or a key that pkey.h does not allow. -EBADMSG: the
 *          signature is wrong. -EINVAL: the caller's arguments. -ENOMEM, -EIO.
 *          Not logged; `why` and OpenSSL's queue are as in pkey.h.
 * Memory:  a set is the caller's until jwk_set_free(), and keeps hold of its
 *          keys itself.
 * Threads: any, at once, on one set that nobody changes.
 * Source:  RFC 7515, RFC 7517, RFC 7518, RFC 7638; RFC 8725 for what to refuse.
 */
#ifndef PKI_JWS_H
#define PKI_JWS_H

#include <stddef.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/macros.h"
#include "pki/pkey.h"

#define JWS_MAX (16u << 10)
#define JWS_HEADER_MAX 2048 /* letters, in base64url */
#define JWS_KID_MAX 255
#define JWS_TYP_MAX 31
#define JWK_SET_MAX (128u << 10)
#define JWK_SET_KEYS_MAX 32
#define JWK_THUMBPRINT_LEN 43

/* What a token's header says. */
struct jws_header {
	char kid[JWS_KID_MAX + 1]; /* "" if there is none */
	char typ[JWS_TYP_MAX + 1]; /* the same */
};

struct jwk_set;

#define CLEANUP_JWK_SET CLEANUP(jwk_set_cleanup)

/* "RS256", "ES256", or NULL for a key that signs no token. */
const char *jws_alg(const struct pkey *key);

/* Append the token of payload. kid and typ may be NULL. The header is
 * {"typ":TYP,"alg":ALG,"kid":KID}. */
MUST_CHECK int jws_sign(const struct pkey *key, const char *kid,
			const char *typ, struct span payload, struct buf *out);

/* Verify with the key of the set that the token's kid names, and append the
 * payload. header may be NULL. Until the signature is known to be good neither
 * is touched. A token without a kid is -EUCLEAN. */
MUST_CHECK int jws_verify(struct span token, const struct jwk_set *set,
			  struct buf *payload, struct jws_header *header,
			  const char **why);
/* The same with this one key, whatever the kid. */
MUST_CHECK int jws_verify_key(struct span token, const struct pkey *key,
			      struct buf *payload, struct jws_header *header,
			      const char **why);

/* --- keys as JSON --- */

/* The public half as an object, with use "sig" and its alg; kid NULL is left
 * out. A value inside of what j writes. */
MUST_CHECK int jwk_write(struct json_out *j, const char *key_in_object,
			 const char *kid, const struct pkey *key);
/* One public key (kty RSA; kty EC, crv P-256). kid gets "" if there is none.
 * -EUCLEAN also if a private or secret member is there, or use, key_ops or
 * alg say that it is not for RS256 or ES256 signatures. */
MUST_CHECK int jwk_parse(struct span text, struct pkey **out,
			 char kid[static JWS_KID_MAX + 1], const char **why);
/* RFC 7638, SHA-256: a name for the key, JWK_THUMBPRINT_LEN letters of
 * base64url. */
MUST_CHECK int jwk_thumbprint(const struct pkey *key,
			      char out[static JWK_THUMBPRINT_LEN + 1]);

MUST_CHECK int jwk_set_new(struct jwk_set **out);
/* NULL is allowed. */
void jwk_set_free(struct jwk_set *s);
void jwk_set_cleanup(struct jwk_set **s);
/* -EEXIST: there is a key of that kid; -ENOSPC: there are JWK_SET_KEYS_MAX. */
MUST_CHECK int jwk_set_add(struct jwk_set *s, const char *kid,
			   const struct pkey *key);
size_t jwk_set_count(const struct jwk_set *s);
/* NULL if there is none. As long as the set lives. */
const struct pkey *jwk_set_find(const struct jwk_set *s, const char *kid);
/* {"keys":[...]}. Keys of another kind or use, without a kid or with a kid
 * that was there before are passed over, as RFC 7517, 5 wants it; more than
 * JWK_SET_KEYS_MAX that are not are -EMSGSIZE. A set may come out empty. */
MUST_CHECK int jwk_set_parse(struct span text, struct jwk_set **out,
			     const char **why);
/* Append {"keys":[...]}. */
MUST_CHECK int jwk_set_write(const struct jwk_set *s, struct buf *out);

#endif /* PKI_JWS_H */
