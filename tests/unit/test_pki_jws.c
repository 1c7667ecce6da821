/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_pki_jws.c - tokens: published ones, our own, forged ones.
 */
#include "tests/unit/pki_tokens.h"

#include <errno.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <pthread.h>

#include "base/base64.h"
#include "pki/private.h"

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

/* --- helpers --- */

static void assert_payload(const struct buf *got, const char *want)
{
	assert_int_equal(got->len, strlen(want));
	assert_memory_equal(got->p, want, got->len);
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
		TEST(test_one_set_serves_many_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
