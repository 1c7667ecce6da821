/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_pki_jws.c - tokens and JSON keys: published ones, our own, forged ones.
 */
#include "tests/unit/testdir.h"

#include <errno.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <pthread.h>

#include "base/base64.h"
#include "pki/jws.h"
#include "pki/private.h"
#include "tests/unit/pki_keys.h"

#define TEXT(s) SPAN(s, strlen(s))

/* RFC 7515: the payload of its examples. */
#define PAYLOAD                                                                \
	"{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n "                       \
	"\"http://example.com/is_root\":true}"
#define PAYLOAD_TEXT                                                           \
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"     \
	"cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

/* Appendix A.2. */
#define A2_SIGNATURE                                                           \
	"cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7"     \
	"AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4"     \
	"BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K"     \
	"0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqv"     \
	"hJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrB"     \
	"p0igcN_IoypGlUPQGe77Rw"
static const char a2_token[] = "eyJhbGciOiJSUzI1NiJ9." PAYLOAD_TEXT
			       "." A2_SIGNATURE;

/* Appendix A.3. */
static const char a3_token[] =
	"eyJhbGciOiJFUzI1NiJ9." PAYLOAD_TEXT "."
	"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSA"
	"pmWQxfKTUJqPP3-Kg6NU1Q";

/* RFC 7517, appendix A.1: of the two, the first is for encryption. The second
 * is RFC 7638's, too. */
#define RFC7517_RSA                                                            \
	"{\"kty\":\"RSA\",\"n\":\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFb"  \
	"WhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3"   \
	"oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0"   \
	"_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbO"   \
	"pbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIq"   \
	"bw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw\",\"e\":\"AQAB\",\"alg\":\""     \
	"RS256\",\"kid\":\"2011-04-29\"}"
#define RFC7517_EC_MEMBERS                                                     \
	"\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8" \
	"AiTo7Tu6KPAqv7D4\",\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4I"  \
	"FyM\""
static const char rfc7517_set[] = "{\"keys\":[{" RFC7517_EC_MEMBERS
				  ",\"use\":\"enc\",\"kid\":\"1\"}," RFC7517_RSA
				  "]}";

static struct pkey *rsa, *ec;
static struct jwk_set *set;

static int begin(void **state)
{
	(void)state;
	if (pkey_from_pem(TEXT(rfc7515_rsa), &rsa, NULL) < 0 ||
	    pkey_from_pem(TEXT(rfc7515_ec), &ec, NULL) < 0 ||
	    jwk_set_new(&set) < 0 || jwk_set_add(set, "r", rsa) < 0)
		return -1;
	return jwk_set_add(set, "e", ec);
}

static int end(void **state)
{
	(void)state;
	jwk_set_free(TAKE_PTR(set));
	pkey_free(TAKE_PTR(rsa));
	pkey_free(TAKE_PTR(ec));
	return ERR_peek_error() ? -1 : 0;
}

/* --- helpers --- */

static void assert_payload(const struct buf *got, const char *want)
{
	assert_int_equal(got->len, strlen(want));
	assert_memory_equal(got->p, want, got->len);
}

static void add(struct buf *b, const char *text)
{
	assert_int_equal(buf_append(b, text, strlen(text)), 0);
}

static void add64(struct buf *b, struct span data)
{
	assert_int_equal(base64url_append(b, data), 0);
}

static int try_token(struct span token)
{
	CLEANUP_BUF struct buf out = BUF_INIT(JWS_MAX);
	struct jws_header h = { "as it", "was" };
	const char *why = NULL;
	int r = jws_verify(token, set, &out, &h, &why);

	if (r == 0)
		return 0;
	/* nothing is given away, and there is a reason */
	assert_int_equal(out.len, 0);
	assert_string_equal(h.kid, "as it");
	assert_string_equal(h.typ, "was");
	assert_non_null(why);
	return r;
}

/* A token with this header, signed as it should be with key. */
static void forge(struct buf *out, const char *header, const struct pkey *key)
{
	CLEANUP_MD_CTX EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t sig[1024], raw[64];
	size_t n = sizeof(sig);

	add64(out, TEXT(header));
	add(out, "." PAYLOAD_TEXT);
	assert_int_equal(
		EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key->evp), 1);
	assert_int_equal(EVP_DigestSign(ctx, sig, &n, out->p, out->len), 1);
	add(out, ".");
	if (pkey_kind(key) == PKEY_P256) {
		const unsigned char *p = sig;
		ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &p, (long)n);

		BN_bn2binpad(ECDSA_SIG_get0_r(s), raw, 32);
		BN_bn2binpad(ECDSA_SIG_get0_s(s), raw + 32, 32);
		ECDSA_SIG_free(s);
		add64(out, SPAN(raw, 64));
	} else {
		add64(out, SPAN(sig, n));
	}
}

static int try_header(const char *header, const struct pkey *key)
{
	CLEANUP_BUF struct buf token = BUF_INIT(2 * JWS_MAX);

	forge(&token, header, key);
	return try_token(SPAN_OF(&token));
}

/* --- published --- */

static void test_rfc7515_rs256(void **state)
{
	CLEANUP_BUF struct buf out = BUF_INIT(JWS_MAX);
	CLEANUP_BUF struct buf token = BUF_INIT(JWS_MAX);
	struct jws_header h;

	(void)state;
	assert_int_equal(jws_verify_key(TEXT(a2_token), rsa, &out, &h, NULL),
			 0);
	assert_payload(&out, PAYLOAD);
	assert_string_equal(h.kid, "");
	assert_string_equal(h.typ, "");
	/* PKCS #1 v1.5 has no choice: the same token to the letter */
	assert_int_equal(jws_sign(rsa, NULL, NULL, TEXT(PAYLOAD), &token), 0);
	assert_payload(&token, a2_token);
}

static void test_rfc7515_es256(void **state)
{
	CLEANUP_BUF struct buf out = BUF_INIT(JWS_MAX);

	(void)state;
	assert_int_equal(jws_verify_key(TEXT(a3_token), ec, &out, NULL, NULL),
			 0);
	assert_payload(&out, PAYLOAD);
	/* appended */
	assert_int_equal(jws_verify_key(TEXT(a3_token), ec, &out, NULL, NULL),
			 0);
	assert_int_equal(out.len, 2 * strlen(PAYLOAD));
}

static void test_rfc7517_keys(void **state)
{
	CLEANUP_JWK_SET struct jwk_set *s = NULL;
	CLEANUP_PKEY struct pkey *k = NULL, *e = NULL;
	char kid[JWS_KID_MAX + 1];

	(void)state;
	assert_int_equal(jwk_set_parse(TEXT(rfc7517_set), &s, NULL), 0);
	assert_int_equal(jwk_set_count(s), 1);
	assert_null(jwk_set_find(s, "1"));
	assert_int_equal(jwk_parse(TEXT(RFC7517_RSA), &k, kid, NULL), 0);
	assert_string_equal(kid, "2011-04-29");
	assert_true(pkey_equal(k, jwk_set_find(s, "2011-04-29")));
	assert_int_equal(
		jwk_parse(TEXT("{" RFC7517_EC_MEMBERS "}"), &e, kid, NULL), 0);
	assert_string_equal(kid, "");
	assert_int_equal(pkey_kind(e), PKEY_P256);
	assert_false(pkey_is_private(e));
}

static void test_rfc7638_thumbprint(void **state)
{
	CLEANUP_PKEY struct pkey *k = NULL;
	char kid[JWS_KID_MAX + 1], name[JWK_THUMBPRINT_LEN + 1];

	(void)state;
	assert_int_equal(jwk_parse(TEXT(RFC7517_RSA), &k, kid, NULL), 0);
	assert_int_equal(jwk_thumbprint(k, name), 0);
	assert_string_equal(name,
			    "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
	assert_int_equal(jwk_thumbprint(ec, name), 0);
	assert_string_equal(name,
			    "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
}

/* --- our own --- */

static void test_round_trip(void **state)
{
	const struct pkey *keys[] = { rsa, ec };
	const char *kids[] = { "r", "e" };
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		CLEANUP_BUF struct buf token = BUF_INIT(JWS_MAX);
		CLEANUP_BUF struct buf out = BUF_INIT(JWS_MAX);
		struct jws_header h;

		assert_int_equal(jws_sign(keys[i], kids[i], "JWT",
					  TEXT("{\"a\":1}"), &token),
				 0);
		assert_int_equal(
			jws_verify(SPAN_OF(&token), set, &out, &h, NULL), 0);
		assert_payload(&out, "{\"a\":1}");
		assert_string_equal(h.kid, kids[i]);
		assert_string_equal(h.typ, "JWT");
	}
}

static void test_an_empty_payload_is_one(void **state)
{
	CLEANUP_BUF struct buf token = BUF_INIT(JWS_MAX);

	(void)state;
	assert_int_equal(jws_sign(ec, "e", NULL, SPAN(NULL, 0), &token), 0);
	assert_int_equal(try_token(SPAN_OF(&token)), 0);
}

static void test_sign_arguments(void **state)
{
	CLEANUP_PKEY struct pkey *half = NULL;
	CLEANUP_BUF struct buf pem = BUF_INIT(PKEY_PEM_MAX);
	CLEANUP_BUF struct buf out = BUF_INIT(2 * JWS_MAX);
	CLEANUP_BUF struct buf big = BUF_INIT(JWS_MAX);
	CLEANUP_BUF struct buf small = BUF_INIT(100);
	char kid[JWS_KID_MAX + 2];

	(void)state;
	assert_int_equal(pkey_public_to_pem(ec, &pem), 0);
	assert_int_equal(pkey_public_from_pem(SPAN_OF(&pem), &half, NULL), 0);
	assert_int_equal(jws_sign(half, "e", NULL, TEXT("x"), &out), -EINVAL);
	assert_int_equal(jws_sign(ec, "", NULL, TEXT("x"), &out), -EINVAL);
	assert_int_equal(jws_sign(ec, "\xff", NULL, TEXT("x"), &out), -EINVAL);
	assert_int_equal(jws_sign(ec, "e", "", TEXT("x"), &out), -EINVAL);
	memset(kid, 'k', sizeof(kid));
	kid[JWS_KID_MAX + 1] = '\0';
	assert_int_equal(jws_sign(ec, kid, NULL, TEXT("x"), &out), -EINVAL);
	assert_int_equal(jws_sign(ec, "e", kid, TEXT("x"), &out), -EINVAL);
	kid[JWS_KID_MAX] = '\0';
	assert_int_equal(jws_sign(ec, kid, NULL, TEXT("x"), &out), 0);
	out.len = 0;
	/* no token that no verifier takes */
	assert_int_equal(buf_fill(&big, 'x', JWS_MAX * 3 / 4), 0);
	assert_int_equal(jws_sign(ec, "e", NULL, SPAN_OF(&big), &out),
			 -EMSGSIZE);
	assert_int_equal(out.len, 0);
	assert_int_equal(jws_sign(ec, "e", NULL, TEXT("x"), &small), -EMSGSIZE);
	assert_int_equal(small.len, 0);
}

/* --- forged --- */

static void test_no_algorithm(void **state)
{
	static const char *const headers[] = {
		"{\"alg\":\"none\",\"kid\":\"r\"}",
		"{\"alg\":\"None\",\"kid\":\"r\"}",
		"{\"alg\":\"\",\"kid\":\"r\"}",
		"{\"kid\":\"r\"}",
		"{\"alg\":null,\"kid\":\"r\"}",
		"{\"alg\":[\"RS256\"],\"kid\":\"r\"}",
		"{\"alg\":\"rs256\",\"kid\":\"r\"}",
		"{\"alg\":\"RS256 \",\"kid\":\"r\"}",
		"{\"alg\":\"RS384\",\"kid\":\"r\"}",
		"{\"alg\":\"RS2560000000000\",\"kid\":\"r\"}",
		"{\"alg\":\"PS256\",\"kid\":\"r\"}",
		"{\"alg\":\"ES384\",\"kid\":\"e\"}",
		"{\"alg\":\"EdDSA\",\"kid\":\"e\"}",
		"{\"ALG\":\"RS256\",\"kid\":\"r\"}",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(headers); i++) {
		CLEANUP_BUF struct buf token = BUF_INIT(JWS_MAX);

		/* signed as if it were RS256, and not at all */
		assert_int_equal(try_header(headers[i], rsa), -EPROTONOSUPPORT);
		add64(&token, TEXT(headers[i]));
		add(&token, "." PAYLOAD_TEXT ".");
		assert_int_equal(try_token(SPAN_OF(&token)), -EPROTONOSUPPORT);
	}
}

/* The public key, which everyone has, as the secret of an HMAC. */
static void test_hs256_with_the_public_key(void **state)
{
	CLEANUP_BUF struct buf token = BUF_INIT(JWS_MAX);
	CLEANUP_BUF struct buf pem = BUF_INIT(PKEY_PEM_MAX);
	uint8_t mac[32];
	unsigned int n = sizeof(mac);

	(void)state;
	assert_int_equal(pkey_public_to_pem(rsa, &pem), 0);
	add64(&token, TEXT("{\"alg\":\"HS256\",\"kid\":\"r\"}"));
	add(&token, "." PAYLOAD_TEXT);
	assert_non_null(HMAC(EVP_sha256(), pem.p, (int)pem.len, token.p,
			     token.len, mac, &n));
	add(&token, ".");
	add64(&token, SPAN(mac, n));
	assert_int_equal(try_token(SPAN_OF(&token)), -EPROTONOSUPPORT);
}

static void test_the_alg_is_the_keys(void **state)
{
	(void)state;
	assert_int_equal(try_header("{\"alg\":\"RS256\",\"kid\":\"r\"}", rsa),
			 0);
	assert_int_equal(try_header("{\"alg\":\"ES256\",\"kid\":\"e\"}", ec),
			 0);
	assert_int_equal(try_header("{\"alg\":\"ES256\",\"kid\":\"r\"}", ec),
			 -EKEYREJECTED);
	assert_int_equal(try_header("{\"alg\":\"ES256\",\"kid\":\"r\"}", rsa),
			 -EKEYREJECTED);
	assert_int_equal(try_header("{\"alg\":\"RS256\",\"kid\":\"e\"}", rsa),
			 -EKEYREJECTED);
}

static void test_the_kid_is_known(void **state)
{
	CLEANUP_PKEY struct pkey *other = NULL;
	CLEANUP_BUF struct buf out = BUF_INIT(JWS_MAX);

	(void)state;
	assert_int_equal(pkey_new(&other), 0);
	assert_int_equal(try_header("{\"alg\":\"ES256\",\"kid\":\"x\"}", ec),
			 -ENOKEY);
	assert_int_equal(try_header("{\"alg\":\"ES256\",\"kid\":\"E\"}", ec),
			 -ENOKEY);
	assert_int_equal(try_header("{\"alg\":\"ES256\",\"kid\":\"e \"}", ec),
			 -ENOKEY);
	/* by another's key */
	assert_int_equal(try_header("{\"alg\":\"ES256\",\"kid\":\"e\"}", other),
			 -EBADMSG);
	assert_int_equal(jws_verify_key(TEXT(a3_token), other, &out, NULL,
					NULL),
			 -EBADMSG);
	assert_int_equal(jws_verify_key(TEXT(a3_token), rsa, &out, NULL, NULL),
			 -EKEYREJECTED);
	assert_int_equal(try_header("{\"alg\":\"ES256\"}", ec), -EUCLEAN);
	assert_int_equal(try_header("{\"alg\":\"ES256\",\"kid\":\"\"}", ec),
			 -EUCLEAN);
	assert_int_equal(try_header("{\"alg\":\"ES256\",\"kid\":7}", ec),
			 -EUCLEAN);
}

static void test_a_header_may_not_ask_for_more(void **state)
{
	static const char *const members[] = {
		"\"crit\":[\"exp\"]",
		"\"crit\":[]",
		"\"b64\":false",
		"\"zip\":\"DEF\"",
		"\"enc\":\"A128GCM\"",
		"\"jwk\":{" RFC7517_EC_MEMBERS "}",
		"\"jku\":\"https://evil.example/keys\"",
		"\"x5u\":\"https://evil.example/cert\"",
		"\"x5c\":[\"MIIB\"]",
		"\"jwk\":null",
		"\"\\u006aku\":\"https://evil.example/keys\"",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(members); i++) {
		char header[512];

		snprintf(header, sizeof(header),
			 "{\"alg\":\"ES256\",\"kid\":\"e\",%s}", members[i]);
		assert_int_equal(try_header(header, ec), -EPROTONOSUPPORT);
	}
	/* what others add and a verifier need not know */
	assert_int_equal(try_header("{\"alg\":\"ES256\",\"kid\":\"e\","
				    "\"x5t\":\"abc\",\"nonce\":\"1\"}",
				    ec),
			 0);
}

static void test_a_header_is_one_json_object(void **state)
{
	static const char *const headers[] = {
		"",
		"[]",
		"\"alg\"",
		"{\"alg\":\"ES256\",\"kid\":\"e\"",
		"{\"alg\":\"ES256\",\"kid\":\"e\"}}",
		"{\"alg\":\"ES256\",\"kid\":\"e\"}{}",
		"{\"alg\":\"ES256\",\"kid\":\"e\",\"kid\":\"e\"}",
		"{\"alg\":\"none\",\"alg\":\"ES256\",\"kid\":\"e\"}",
		"{\"alg\":\"ES256\",\"alg\":\"none\",\"kid\":\"e\"}",
		"{\"alg\":\"ES256\",\"kid\":\"e\",\"x\":1,\"x\":1}",
		"{\"alg\":\"ES256\",\"kid\":\"e\\u0000\"}",
		"{\"alg\":\"ES256\",\"kid\":\"e\",\"typ\":1}",
		"{\"alg\":\"ES256\",\"kid\":\"e\xff\"}",
	};
	char header[JWS_HEADER_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(headers); i++)
		assert_int_equal(try_header(headers[i], ec), -EUCLEAN);
	snprintf(header, sizeof(header),
		 "{\"alg\":\"ES256\",\"kid\":\"%0300d"
		 "\"}",
		 7);
	assert_int_equal(try_header(header, ec), -EUCLEAN);
	snprintf(header, sizeof(header),
		 "{\"alg\":\"ES256\",\"kid\":\"e\","
		 "\"x\":\"%01600d\"}",
		 7);
	assert_int_equal(try_header(header, ec), -EMSGSIZE);
}

/* Every letter of a token counts, in each of its parts. */
static void test_a_changed_token_is_refused(void **state)
{
	static const char letters[] = "Aa0-_=.+/ \n";
	const struct pkey *keys[] = { rsa, ec };
	const char *const kids[] = { "r", "e" };
	size_t k, i, n;

	(void)state;
	for (k = 0; k < 2; k++) {
		CLEANUP_BUF struct buf token = BUF_INIT(JWS_MAX);

		assert_int_equal(jws_sign(keys[k], kids[k], "JWT",
					  TEXT(PAYLOAD), &token),
				 0);
		for (i = 0; i < token.len; i++) {
			uint8_t was = token.p[i];

			n = i % (sizeof(letters) - 1);
			token.p[i] = (uint8_t)letters[n];
			if (token.p[i] == was)
				token.p[i] ^= 1;
			if (try_token(SPAN_OF(&token)) == 0)
				fail_msg("%s: letter %zu", kids[k], i);
			token.p[i] = was;
		}
		assert_int_equal(try_token(SPAN_OF(&token)), 0);
		for (i = 0; i < token.len; i++)
			assert_true(try_token(SPAN(token.p, i)) < 0);
	}
}

static void test_the_form_is_strict(void **state)
{
	static const struct {
		const char *before, *after;
	} around[] = {
		{ "", "=" },  { "", "==" }, { "", "\n" },   { "", "." },
		{ "", ".x" }, { "", "A" },  { " ", "" },    { ".", "" },
		{ "=", "" },  { "", "AA" }, { "", "AAAA" },
	};
	CLEANUP_BUF struct buf token = BUF_INIT(JWS_MAX);
	size_t i;

	(void)state;
	assert_int_equal(jws_sign(ec, "e", NULL, TEXT(PAYLOAD), &token), 0);
	for (i = 0; i < ARRAY_LEN(around); i++) {
		CLEANUP_BUF struct buf odd = BUF_INIT(JWS_MAX);
		int r;

		add(&odd, around[i].before);
		assert_int_equal(buf_append(&odd, token.p, token.len), 0);
		add(&odd, around[i].after);
		r = try_token(SPAN_OF(&odd));
		/* zero bits make the signature longer */
		if (r != -EUCLEAN &&
		    !(r == -EBADMSG && strchr(around[i].after, 'A')))
			fail_msg("%zu: %d", i, r);
	}
	assert_int_equal(try_token(SPAN(NULL, 0)), -EUCLEAN);
	assert_int_equal(try_token(TEXT("..")), -EUCLEAN);
	assert_int_equal(try_token(TEXT("a.b")), -EUCLEAN);
}

static void test_the_size_is_limited_first(void **state)
{
	CLEANUP_BUF struct buf big = BUF_INIT(JWS_MAX + 1);
	CLEANUP_BUF struct buf token = BUF_INIT(JWS_MAX);
	CLEANUP_BUF struct buf small = BUF_INIT(strlen(PAYLOAD) - 1);

	(void)state;
	assert_int_equal(buf_fill(&big, '.', big.max), 0);
	assert_int_equal(try_token(SPAN_OF(&big)), -EMSGSIZE);
	assert_int_equal(try_token(SPAN(big.p, big.len - 1)), -EUCLEAN);
	assert_int_equal(jws_sign(ec, "e", NULL, TEXT(PAYLOAD), &token), 0);
	assert_int_equal(jws_verify(SPAN_OF(&token), set, &small, NULL, NULL),
			 -EMSGSIZE);
	assert_int_equal(small.len, 0);
}

/* Signed well, but the payload's last letter says more than its bytes. */
static void test_a_payload_of_two_spellings_is_refused(void **state)
{
	CLEANUP_MD_CTX EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	CLEANUP_BUF struct buf token = BUF_INIT(JWS_MAX);
	uint8_t sig[256];
	size_t n = sizeof(sig);

	(void)state;
	add64(&token, TEXT("{\"alg\":\"RS256\",\"kid\":\"r\"}"));
	add(&token, ".Zh");
	assert_int_equal(
		EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, rsa->evp), 1);
	assert_int_equal(EVP_DigestSign(ctx, sig, &n, token.p, token.len), 1);
	add(&token, ".");
	add64(&token, SPAN(sig, n));
	assert_int_equal(try_token(SPAN_OF(&token)), -EUCLEAN);
}

static int try_es256(struct span sig)
{
	CLEANUP_BUF struct buf token = BUF_INIT(JWS_MAX);

	add64(&token, TEXT("{\"alg\":\"ES256\",\"kid\":\"e\"}"));
	add(&token, "." PAYLOAD_TEXT ".");
	add64(&token, sig);
	return try_token(SPAN_OF(&token));
}

static void test_es256_signatures_of_no_value(void **state)
{
	/* the order of P-256's group */
	static const uint8_t order[32] = {
		0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
		0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
	};
	uint8_t sig[66] = { 0 };

	(void)state;
	assert_int_equal(try_es256(SPAN(sig, 64)), -EBADMSG);
	sig[31] = 1; /* r = 1, s = 0 */
	assert_int_equal(try_es256(SPAN(sig, 64)), -EBADMSG);
	sig[31] = 0;
	sig[63] = 1; /* r = 0, s = 1 */
	assert_int_equal(try_es256(SPAN(sig, 64)), -EBADMSG);
	memcpy(sig, order, 32);
	assert_int_equal(try_es256(SPAN(sig, 64)), -EBADMSG);
	memcpy(sig + 32, order, 32);
	assert_int_equal(try_es256(SPAN(sig, 64)), -EBADMSG);
	memset(sig, 0xff, sizeof(sig));
	assert_int_equal(try_es256(SPAN(sig, 64)), -EBADMSG);
	assert_int_equal(try_es256(SPAN(sig, 63)), -EBADMSG);
	assert_int_equal(try_es256(SPAN(sig, 65)), -EBADMSG);
	assert_int_equal(try_es256(SPAN(sig, 66)), -EBADMSG);
	assert_int_equal(try_es256(SPAN(sig, 0)), -EBADMSG);
}

/* What OpenSSL writes, and what JWS does not want. */
static void test_es256_in_der_is_refused(void **state)
{
	CLEANUP_MD_CTX EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	CLEANUP_BUF struct buf text = BUF_INIT(JWS_MAX);
	uint8_t sig[80];
	size_t n = sizeof(sig);

	(void)state;
	add64(&text, TEXT("{\"alg\":\"ES256\",\"kid\":\"e\"}"));
	add(&text, "." PAYLOAD_TEXT);
	assert_int_equal(
		EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, ec->evp), 1);
	assert_int_equal(EVP_DigestSign(ctx, sig, &n, text.p, text.len), 1);
	assert_int_equal(try_es256(SPAN(sig, n)), -EBADMSG);
}

static void test_rs256_signatures_have_the_keys_length(void **state)
{
	CLEANUP_BUF struct buf sig = BUF_INIT(512);
	CLEANUP_BUF struct buf out = BUF_INIT(JWS_MAX);
	size_t n;

	(void)state;
	assert_int_equal(base64url_decode(&sig, TEXT(A2_SIGNATURE)), 0);
	assert_int_equal(sig.len, 256);
	assert_int_equal(buf_fill(&sig, 0, 1), 0);
	for (n = 0; n <= sig.len; n++) {
		CLEANUP_BUF struct buf token = BUF_INIT(JWS_MAX);
		int r;

		add(&token, "eyJhbGciOiJSUzI1NiJ9." PAYLOAD_TEXT ".");
		add64(&token, SPAN(sig.p, n));
		r = jws_verify_key(SPAN_OF(&token), rsa, &out, NULL, NULL);
		assert_int_equal(r, n == 256 ? 0 : -EBADMSG);
	}
}

/* --- JSON keys --- */

static int parse_key(const char *text)
{
	CLEANUP_PKEY struct pkey *k = NULL;
	char kid[JWS_KID_MAX + 1] = "as it was";
	const char *why = NULL;
	int r = jwk_parse(TEXT(text), &k, kid, &why);

	if (r < 0) {
		assert_null(k);
		assert_string_equal(kid, "as it was");
		assert_non_null(why);
	}
	return r;
}

#define EC_X "\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\""
#define EC_Y "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\""
#define EC_KEY "{\"kty\":\"EC\",\"crv\":\"P-256\","

static void test_keys_that_are_none(void **state)
{
	static const struct {
		const char *text;
		int r;
	} keys[] = {
		{ EC_KEY EC_X "," EC_Y "}", 0 },
		{ EC_KEY EC_X "," EC_Y ",\"use\":\"sig\",\"alg\":\"ES256\","
			      "\"key_ops\":[\"verify\"],\"x5t\":\"a\"}",
		  0 },
		{ "", -EUCLEAN },
		{ "[]", -EUCLEAN },
		{ "{}", -EUCLEAN },
		{ EC_KEY EC_X "}", -EUCLEAN },
		{ EC_KEY EC_X ",\"y\":7}", -EUCLEAN },
		{ EC_KEY EC_X "," EC_Y ",\"use\":\"enc\"}", -EUCLEAN },
		{ EC_KEY EC_X "," EC_Y ",\"use\":7}", -EUCLEAN },
		{ EC_KEY EC_X "," EC_Y ",\"alg\":\"RS256\"}", -EUCLEAN },
		{ EC_KEY EC_X "," EC_Y ",\"alg\":\"ECDH-ES\"}", -EUCLEAN },
		{ EC_KEY EC_X "," EC_Y ",\"key_ops\":[\"sign\"]}", -EUCLEAN },
		{ EC_KEY EC_X "," EC_Y ",\"key_ops\":\"verify\"}", -EUCLEAN },
		{ EC_KEY EC_X "," EC_Y ",\"d\":\"AQ\"}", -EUCLEAN },
		{ EC_KEY EC_X "," EC_Y ",\"kid\":\"\"}", -EUCLEAN },
		{ EC_KEY EC_X "," EC_Y ",\"kid\":7}", -EUCLEAN },
		{ "{\"kty\":\"EC\",\"crv\":\"P-384\"," EC_X "," EC_Y "}",
		  -EUCLEAN },
		{ "{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qz\"}",
		  -EUCLEAN },
		/* off the curve; too short; a zero too many */
		{ EC_KEY EC_X ","
			      "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbb"
			      "M4IFyI\"}",
		  -EKEYREJECTED },
		{ EC_KEY EC_X ",\"y\":\"4Etl6SRW2YiLUrN5vfvVHg\"}", -EUCLEAN },
		{ EC_KEY EC_X ","
			      "\"y\":\"AOBLZekkVtmIi1Kzeb371R7oae8fD8ZbZllpW"
			      "2zOCBcj\"}",
		  -EUCLEAN },
		/* padded */
		{ EC_KEY EC_X ","
			      "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbb"
			      "M4IFyM=\"}",
		  -EUCLEAN },
		{ "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
		  -EKEYREJECTED },
		{ "{\"kty\":\"RSA\",\"n\":\"\",\"e\":\"AQAB\"}", -EUCLEAN },
		{ "{\"kty\":\"RSA\",\"e\":\"AQAB\"}", -EUCLEAN },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(keys); i++)
		if (parse_key(keys[i].text) != keys[i].r)
			fail_msg("%s: %d", keys[i].text,
				 parse_key(keys[i].text));
}

/* {"kty":"RSA"} with a modulus of len bytes: first, 0xff..., last. */
static int parse_modulus(size_t len, uint8_t first, uint8_t last,
			 const char *exponent)
{
	CLEANUP_BUF struct buf n = BUF_INIT(4096);
	CLEANUP_BUF struct buf text = BUF_INIT(16384);

	assert_int_equal(buf_u8(&n, first), 0);
	assert_int_equal(buf_fill(&n, 0xff, len - 2), 0);
	assert_int_equal(buf_u8(&n, last), 0);
	add(&text, "{\"kty\":\"RSA\",\"e\":\"");
	add(&text, exponent);
	add(&text, "\",\"n\":\"");
	add64(&text, SPAN_OF(&n));
	add(&text, "\"}");
	assert_int_equal(buf_u8(&text, 0), 0);
	return parse_key((char *)text.p);
}

static void test_rsa_keys_have_bounds(void **state)
{
	(void)state;
	assert_int_equal(parse_modulus(256, 0x80, 0x01, "AQAB"), 0);
	assert_int_equal(parse_modulus(256, 0x7f, 0x01, "AQAB"), -EKEYREJECTED);
	assert_int_equal(parse_modulus(256, 0x80, 0x02, "AQAB"), -EKEYREJECTED);
	assert_int_equal(parse_modulus(1024, 0xff, 0x01, "AQAB"), 0);
	assert_int_equal(parse_modulus(1025, 0x01, 0x01, "AQAB"),
			 -EKEYREJECTED);
	assert_int_equal(parse_modulus(1026, 0x01, 0x01, "AQAB"), -EUCLEAN);
	/* a zero first: the same number, written otherwise */
	assert_int_equal(parse_modulus(257, 0x00, 0x01, "AQAB"), -EUCLEAN);
	/* 3, 65536, 65539, 2^64 + 1 */
	assert_int_equal(parse_modulus(256, 0x80, 0x01, "Aw"), -EKEYREJECTED);
	assert_int_equal(parse_modulus(256, 0x80, 0x01, "AQAA"), -EKEYREJECTED);
	assert_int_equal(parse_modulus(256, 0x80, 0x01, "AQAD"), 0);
	assert_int_equal(parse_modulus(256, 0x80, 0x01, "AQAAAAAAAAAB"),
			 -EKEYREJECTED);
}

static void test_a_set_round_trips(void **state)
{
	CLEANUP_JWK_SET struct jwk_set *again = NULL;
	CLEANUP_BUF struct buf text = BUF_INIT(JWK_SET_MAX);
	CLEANUP_BUF struct buf token = BUF_INIT(JWS_MAX);
	CLEANUP_BUF struct buf out = BUF_INIT(JWS_MAX);

	(void)state;
	assert_int_equal(jwk_set_write(set, &text), 0);
	assert_int_equal(jwk_set_parse(SPAN_OF(&text), &again, NULL), 0);
	assert_int_equal(jwk_set_count(again), 2);
	assert_true(pkey_equal(jwk_set_find(again, "r"), rsa));
	assert_true(pkey_equal(jwk_set_find(again, "e"), ec));
	assert_false(pkey_is_private(jwk_set_find(again, "e")));
	/* nothing of the private halves */
	assert_int_equal(buf_u8(&text, 0), 0);
	assert_null(strstr((char *)text.p, "\"d\""));
	assert_null(strstr((char *)text.p, "\"p\""));
	assert_non_null(strstr((char *)text.p, "\"use\":\"sig\""));
	assert_int_equal(jws_sign(ec, "e", "JWT", TEXT(PAYLOAD), &token), 0);
	assert_int_equal(jws_verify(SPAN_OF(&token), again, &out, NULL, NULL),
			 0);
}

static void test_a_set_keeps_one_key_a_kid(void **state)
{
	CLEANUP_PKEY struct pkey *other = NULL;
	CLEANUP_JWK_SET struct jwk_set *s = NULL;
	CLEANUP_BUF struct buf text = BUF_INIT(JWK_SET_MAX);
	struct json_out j = JSON_OUT(&text);

	(void)state;
	assert_int_equal(pkey_new(&other), 0);
	assert_int_equal(jwk_set_add(set, "e", other), -EEXIST);
	assert_int_equal(jwk_set_add(set, "", other), -EINVAL);
	assert_int_equal(jwk_set_add(set, "\xff", other), -EINVAL);
	assert_true(pkey_equal(jwk_set_find(set, "e"), ec));
	json_object(&j, NULL);
	json_array(&j, "keys");
	assert_int_equal(jwk_write(&j, NULL, "e", ec), 0);
	assert_int_equal(jwk_write(&j, NULL, "e", other), 0);
	assert_int_equal(jwk_write(&j, NULL, NULL, other), 0);
	json_close(&j);
	json_close(&j);
	assert_int_equal(json_end(&j), 0);
	assert_int_equal(jwk_set_parse(SPAN_OF(&text), &s, NULL), 0);
	assert_int_equal(jwk_set_count(s), 1);
	assert_true(pkey_equal(jwk_set_find(s, "e"), ec));
}

static void test_a_set_passes_over_what_it_does_not_know(void **state)
{
	static const char *const sets[] = {
		"{\"keys\":[]}",
		"{\"keys\":[7,null,\"x\",[],{},{\"kty\":\"OKP\"}]}",
		"{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"AAAA\"}]}",
		"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}",
	};
	static const char *const bad[] = { "", "[]", "{}", "{\"keys\":{}}",
					   "null" };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(sets); i++) {
		CLEANUP_JWK_SET struct jwk_set *s = NULL;

		assert_int_equal(jwk_set_parse(TEXT(sets[i]), &s, NULL), 0);
		assert_int_equal(jwk_set_count(s), 0);
	}
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		CLEANUP_JWK_SET struct jwk_set *s = NULL;
		const char *why = NULL;

		assert_int_equal(jwk_set_parse(TEXT(bad[i]), &s, &why),
				 -EUCLEAN);
		assert_non_null(why);
	}
}

static void test_a_set_has_bounds(void **state)
{
	CLEANUP_JWK_SET struct jwk_set *full = NULL, *s = NULL;
	CLEANUP_BUF struct buf text = BUF_INIT(JWK_SET_MAX);
	CLEANUP_BUF struct buf big = BUF_INIT(JWK_SET_MAX + 1);
	struct json_out j = JSON_OUT(&text);
	char kid[16];
	int i;

	(void)state;
	assert_int_equal(jwk_set_new(&full), 0);
	json_object(&j, NULL);
	json_array(&j, "keys");
	for (i = 0; i <= JWK_SET_KEYS_MAX; i++) {
		snprintf(kid, sizeof(kid), "k%d", i);
		assert_int_equal(jwk_set_add(full, kid, ec),
				 i < JWK_SET_KEYS_MAX ? 0 : -ENOSPC);
		assert_int_equal(jwk_write(&j, NULL, kid, ec), 0);
	}
	json_close(&j);
	json_close(&j);
	assert_int_equal(json_end(&j), 0);
	assert_int_equal(jwk_set_parse(SPAN_OF(&text), &s, NULL), -EMSGSIZE);
	text.len = 0;
	assert_int_equal(jwk_set_write(full, &text), 0);
	assert_int_equal(jwk_set_parse(SPAN_OF(&text), &s, NULL), 0);
	assert_int_equal(jwk_set_count(s), JWK_SET_KEYS_MAX);
	jwk_set_free(TAKE_PTR(s));
	assert_int_equal(buf_append(&big, text.p, text.len), 0);
	assert_int_equal(buf_fill(&big, ' ', big.max - big.len), 0);
	assert_int_equal(jwk_set_parse(SPAN_OF(&big), &s, NULL), -EMSGSIZE);
	assert_int_equal(jwk_set_parse(SPAN(big.p, big.len - 1), &s, NULL), 0);
}

/* --- threads --- */

static void *verify_some(void *arg)
{
	int i;

	for (i = 0; i < 32; i++) {
		CLEANUP_BUF struct buf token = BUF_INIT(JWS_MAX);
		CLEANUP_BUF struct buf out = BUF_INIT(JWS_MAX);

		if (jws_sign(i % 2 ? ec : rsa, i % 2 ? "e" : "r", "JWT",
			     TEXT(PAYLOAD), &token) < 0 ||
		    jws_verify(SPAN_OF(&token), set, &out, NULL, NULL) < 0)
			return arg;
	}
	return NULL;
}

static void test_one_set_serves_many_threads(void **state)
{
	pthread_t threads[4];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, verify_some, set), 0);
	for (i = 0; i < ARRAY_LEN(threads); i++) {
		void *failed;

		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rfc7515_rs256),
		TEST(test_rfc7515_es256),
		TEST(test_rfc7517_keys),
		TEST(test_rfc7638_thumbprint),
		TEST(test_round_trip),
		TEST(test_an_empty_payload_is_one),
		TEST(test_sign_arguments),
		TEST(test_no_algorithm),
		TEST(test_hs256_with_the_public_key),
		TEST(test_the_alg_is_the_keys),
		TEST(test_the_kid_is_known),
		TEST(test_a_header_may_not_ask_for_more),
		TEST(test_a_header_is_one_json_object),
		TEST(test_a_changed_token_is_refused),
		TEST(test_the_form_is_strict),
		TEST(test_the_size_is_limited_first),
		TEST(test_a_payload_of_two_spellings_is_refused),
		TEST(test_es256_signatures_of_no_value),
		TEST(test_es256_in_der_is_refused),
		TEST(test_rs256_signatures_have_the_keys_length),
		TEST(test_keys_that_are_none),
		TEST(test_rsa_keys_have_bounds),
		TEST(test_a_set_round_trips),
		TEST(test_a_set_keeps_one_key_a_kid),
		TEST(test_a_set_passes_over_what_it_does_not_know),
		TEST(test_a_set_has_bounds),
		TEST(test_one_set_serves_many_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
