/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jwk.c - public keys as JSON, one and in sets.
 */
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <string.h>

#include "base/base64.h"
#include "base/utf8.h"
#include "pki/jws.h"
#include "pki/private.h"

#define COORDINATE_LEN 32
#define NUMBER_MAX (PKEY_RSA_BITS_MAX / 8)
#define JWK_MAX (16u << 10)

struct entry {
	char *kid;
	struct pkey *key;
};

struct jwk_set {
	struct entry keys[JWK_SET_KEYS_MAX];
	size_t count;
};

/* --- writing --- */

/* A number of the key as a member, in width bytes (0: as few as it has). */
static int put_number(struct json_out *j, const char *name,
		      const struct pkey *key, const char *param, size_t width)
{
	CLEANUP_BUF struct buf text = BUF_INIT(BASE64URL_LEN(NUMBER_MAX));
	CLEANUP_BN BIGNUM *n = NULL;
	uint8_t bytes[NUMBER_MAX];
	int r;

	if (EVP_PKEY_get_bn_param(key->evp, param, &n) != 1)
		return pki_fail(-EIO);
	if (width == 0)
		width = (size_t)BN_num_bytes(n);
	if (width > sizeof(bytes) || BN_bn2binpad(n, bytes, (int)width) < 0)
		return pki_fail(-EIO);
	r = base64url_append(&text, SPAN(bytes, width));
	if (r == 0)
		json_strn(j, name, SPAN_OF(&text));
	return r;
}

/* The members that make the key, in the order that RFC 7638 hashes. */
static int put_members(struct json_out *j, const struct pkey *key)
{
	int r;

	if (key->kind == PKEY_RSA) {
		r = put_number(j, "e", key, OSSL_PKEY_PARAM_RSA_E, 0);
		json_str(j, "kty", "RSA");
		if (r < 0)
			return r;
		return put_number(j, "n", key, OSSL_PKEY_PARAM_RSA_N, 0);
	}
	json_str(j, "crv", "P-256");
	json_str(j, "kty", "EC");
	r = put_number(j, "x", key, OSSL_PKEY_PARAM_EC_PUB_X, COORDINATE_LEN);
	if (r < 0)
		return r;
	return put_number(j, "y", key, OSSL_PKEY_PARAM_EC_PUB_Y,
			  COORDINATE_LEN);
}

int jwk_write(struct json_out *j, const char *key_in_object, const char *kid,
	      const struct pkey *key)
{
	const char *alg = jws_alg(key);
	int r;

	if (!alg)
		return -EINVAL;
	json_object(j, key_in_object);
	r = put_members(j, key);
	json_str(j, "use", "sig");
	json_str(j, "alg", alg);
	if (kid)
		json_str(j, "kid", kid);
	json_close(j);
	return r;
}

int jwk_thumbprint(const struct pkey *key,
		   char out[static JWK_THUMBPRINT_LEN + 1])
{
	CLEANUP_BUF struct buf text = BUF_INIT(JWK_MAX);
	CLEANUP_BUF struct buf name = BUF_INIT(JWK_THUMBPRINT_LEN);
	struct json_out j = JSON_OUT(&text);
	uint8_t sum[32];
	int r, e;

	if (!jws_alg(key))
		return -EINVAL;
	json_object(&j, NULL);
	r = put_members(&j, key);
	json_close(&j);
	e = json_end(&j);
	if (r == 0)
		r = e;
	if (r < 0)
		return r;
	if (EVP_Digest(text.p, text.len, sum, NULL, EVP_sha256(), NULL) != 1)
		return pki_fail(-EIO);
	r = base64url_append(&name, SPAN(sum, sizeof(sum)));
	if (r < 0)
		return r;
	memcpy(out, name.p, JWK_THUMBPRINT_LEN);
	out[JWK_THUMBPRINT_LEN] = '\0';
	return 0;
}

/* --- reading --- */

static bool is_text(const struct json *object, const char *name,
		    const char *want)
{
	const char *text = json_to_str(json_get(object, name));

	return text && strcmp(text, want) == 0;
}

/* The member is not there, or says this. */
static bool may_be(const struct json *object, const char *name,
		   const char *want)
{
	return !json_get(object, name) || is_text(object, name, want);
}

static bool may_verify(const struct json *object)
{
	const struct json *ops = json_get(object, "key_ops");
	const struct json *op;

	if (!ops)
		return true;
	for (op = json_first(ops); op; op = json_next(op))
		if (json_to_str(op) && strcmp(json_to_str(op), "verify") == 0)
			return true;
	return false;
}

/* The bytes of a member in base64url, up to out's maximum. -EUCLEAN. */
static int get_bytes(const struct json *object, const char *name,
		     struct buf *out)
{
	const char *text = json_to_str(json_get(object, name));
	int r;

	if (!text)
		return -EUCLEAN;
	r = base64url_decode(out, SPAN(text, strlen(text)));
	return r == -EMSGSIZE ? -EUCLEAN : r;
}

/* A big-endian number without zeros first. */
static int get_number(const struct json *object, const char *name, BIGNUM **out)
{
	CLEANUP_BUF struct buf bytes = BUF_INIT(NUMBER_MAX + 1);
	int r = get_bytes(object, name, &bytes);

	if (r < 0)
		return r;
	if (bytes.len == 0 || bytes.p[0] == 0)
		return -EUCLEAN;
	*out = BN_bin2bn(bytes.p, (int)bytes.len, NULL);
	return *out ? 0 : pki_fail(-ENOMEM);
}

static int get_coordinate(const struct json *object, const char *name,
			  uint8_t out[static COORDINATE_LEN])
{
	CLEANUP_BUF struct buf bytes = BUF_INIT(COORDINATE_LEN);
	int r = get_bytes(object, name, &bytes);

	if (r < 0)
		return r;
	if (bytes.len != COORDINATE_LEN)
		return -EUCLEAN;
	memcpy(out, bytes.p, COORDINATE_LEN);
	return 0;
}

/* Takes bld's parameters for a key of the kind. */
static int make_key(const char *kind, OSSL_PARAM_BLD *bld, struct pkey **out,
		    const char **why)
{
	CLEANUP_EVP_CTX EVP_PKEY_CTX *ctx =
		EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
	EVP_PKEY *evp = NULL;
	bool done;

	if (!ctx || !params) {
		OSSL_PARAM_free(params);
		return pki_fail(-ENOMEM);
	}
	done = EVP_PKEY_fromdata_init(ctx) == 1 &&
	       EVP_PKEY_fromdata(ctx, &evp, EVP_PKEY_PUBLIC_KEY, params) == 1;
	OSSL_PARAM_free(params);
	if (!done)
		return pki_refuse(-EKEYREJECTED, why,
				  "the key's numbers make no key");
	return pki_wrap(evp, false, out, why);
}

static int read_rsa(const struct json *object, struct pkey **out,
		    const char **why)
{
	CLEANUP_BN BIGNUM *n = NULL;
	CLEANUP_BN BIGNUM *e = NULL;
	OSSL_PARAM_BLD *bld;
	int r;

	r = get_number(object, "n", &n);
	if (r == 0)
		r = get_number(object, "e", &e);
	if (r < 0)
		return pki_refuse(r, why, "the key's n or e is no number");
	bld = OSSL_PARAM_BLD_new();
	if (bld && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e) == 1)
		r = make_key("RSA", bld, out, why);
	else
		r = pki_fail(-ENOMEM);
	OSSL_PARAM_BLD_free(bld);
	return r;
}

static int read_ec(const struct json *object, struct pkey **out,
		   const char **why)
{
	uint8_t point[1 + 2 * COORDINATE_LEN] = { 4 }; /* not compressed */
	OSSL_PARAM_BLD *bld;
	int r;

	r = get_coordinate(object, "x", point + 1);
	if (r == 0)
		r = get_coordinate(object, "y", point + 1 + COORDINATE_LEN);
	if (r < 0)
		return pki_refuse(r, why, "the key's x or y is not 32 bytes");
	bld = OSSL_PARAM_BLD_new();
	if (bld &&
	    OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME,
					    "P-256", 0) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY,
					     point, sizeof(point)) == 1)
		r = make_key("EC", bld, out, why);
	else
		r = pki_fail(-ENOMEM);
	OSSL_PARAM_BLD_free(bld);
	return r;
}

static int read_key(const struct json *object, struct pkey **out,
		    const char **kid, const char **why)
{
	const struct json *id = json_get(object, "kid");
	bool rsa = is_text(object, "kty", "RSA");

	if (!rsa &&
	    !(is_text(object, "kty", "EC") && is_text(object, "crv", "P-256")))
		return pki_refuse(-EUCLEAN, why,
				  "the key is not RSA or EC P-256");
	if (json_get(object, "d") || json_get(object, "k"))
		return pki_refuse(-EUCLEAN, why, "the key is not public");
	if (!may_be(object, "use", "sig") || !may_verify(object) ||
	    !may_be(object, "alg", rsa ? "RS256" : "ES256"))
		return pki_refuse(-EUCLEAN, why,
				  "the key is not for RS256 or ES256");
	*kid = json_to_str(id);
	if (id && (!*kid || **kid == '\0' || strlen(*kid) > JWS_KID_MAX))
		return pki_refuse(-EUCLEAN, why,
				  "the key's kid is no short text");
	return rsa ? read_rsa(object, out, why) : read_ec(object, out, why);
}

int jwk_parse(struct span text, struct pkey **out,
	      char kid[static JWS_KID_MAX + 1], const char **why)
{
	CLEANUP_JSON struct json *object = NULL;
	const char *id = NULL;
	int r;

	if (text.len > JWK_MAX)
		return pki_refuse(-EMSGSIZE, why, "the key is too long");
	r = json_parse(text, JWK_MAX, &object);
	if (r == -ENOMEM)
		return r;
	if (r < 0 || !json_is_object(object))
		return pki_refuse(-EUCLEAN, why, "the key is no JSON object");
	r = read_key(object, out, &id, why);
	if (r < 0)
		return r;
	snprintf(kid, JWS_KID_MAX + 1, "%s", id ? id : "");
	return 0;
}

/* --- sets --- */

int jwk_set_new(struct jwk_set **out)
{
	struct jwk_set *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	*out = s;
	return 0;
}

void jwk_set_free(struct jwk_set *s)
{
	size_t i;

	if (!s)
		return;
	for (i = 0; i < s->count; i++) {
		free(s->keys[i].kid);
		pkey_free(s->keys[i].key);
	}
	free(s);
}

void jwk_set_cleanup(struct jwk_set **s)
{
	jwk_set_free(*s);
}

size_t jwk_set_count(const struct jwk_set *s)
{
	return s->count;
}

const struct pkey *jwk_set_find(const struct jwk_set *s, const char *kid)
{
	size_t i;

	for (i = 0; i < s->count; i++)
		if (strcmp(s->keys[i].kid, kid) == 0)
			return s->keys[i].key;
	return NULL;
}

/* The set owns key from here on, on success. */
static int keep(struct jwk_set *s, const char *kid, struct pkey *key)
{
	char *copy;

	if (jwk_set_find(s, kid))
		return -EEXIST;
	if (s->count == JWK_SET_KEYS_MAX)
		return -ENOSPC;
	copy = strdup(kid);
	if (!copy)
		return -ENOMEM;
	s->keys[s->count++] = (struct entry){ copy, key };
	return 0;
}

int jwk_set_add(struct jwk_set *s, const char *kid, const struct pkey *key)
{
	CLEANUP_PKEY struct pkey *mine = NULL;
	size_t len = strnlen(kid, JWS_KID_MAX + 1);
	int r;

	if (!jws_alg(key) || len == 0 || len > JWS_KID_MAX ||
	    !utf8_is_valid(kid, len))
		return -EINVAL;
	mine = calloc(1, sizeof(*mine));
	if (!mine)
		return -ENOMEM;
	if (EVP_PKEY_up_ref(key->evp) != 1)
		return pki_fail(-EIO);
	*mine = *key;
	r = keep(s, kid, mine);
	if (r == 0)
		TAKE_PTR(mine);
	return r;
}

/* 0 also if it is one to pass over. */
static int take_key(struct jwk_set *s, const struct json *object)
{
	CLEANUP_PKEY struct pkey *key = NULL;
	const char *kid = NULL;
	int r;

	r = read_key(object, &key, &kid, NULL);
	if (r == -EUCLEAN || r == -EKEYREJECTED)
		return 0;
	if (r < 0 || !kid)
		return r;
	r = keep(s, kid, key);
	if (r == 0)
		TAKE_PTR(key);
	return r == -EEXIST ? 0 : r;
}

int jwk_set_parse(struct span text, struct jwk_set **out, const char **why)
{
	CLEANUP_JWK_SET struct jwk_set *s = NULL;
	CLEANUP_JSON struct json *object = NULL;
	const struct json *item, *list;
	int r;

	if (text.len > JWK_SET_MAX)
		return pki_refuse(-EMSGSIZE, why, "the set is too long");
	r = json_parse(text, JWK_SET_MAX, &object);
	if (r == -ENOMEM)
		return r;
	list = r == 0 ? json_get(object, "keys") : NULL;
	if (!list || !json_is_array(list))
		return pki_refuse(-EUCLEAN, why,
				  "the set is no JSON object with keys");
	r = jwk_set_new(&s);
	for (item = json_first(list); item && r == 0; item = json_next(item))
		r = take_key(s, item);
	if (r == -ENOSPC)
		return pki_refuse(-EMSGSIZE, why,
				  "the set has more than 32 keys");
	if (r < 0)
		return r;
	*out = TAKE_PTR(s);
	return 0;
}

int jwk_set_write(const struct jwk_set *s, struct buf *out)
{
	CLEANUP_BUF struct buf text = BUF_INIT(JWK_SET_MAX);
	struct json_out j = JSON_OUT(&text);
	size_t i;
	int r = 0, e;

	json_object(&j, NULL);
	json_array(&j, "keys");
	for (i = 0; i < s->count && r == 0; i++)
		r = jwk_write(&j, NULL, s->keys[i].kid, s->keys[i].key);
	json_close(&j);
	json_close(&j);
	e = json_end(&j);
	if (r == 0)
		r = e;
	return r < 0 ? r : buf_append(out, text.p, text.len);
}
