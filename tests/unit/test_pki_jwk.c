/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_pki_jwk.c - keys as JSON: published ones, sets of them, and what is
 * none.
 */
#include "tests/unit/pki_tokens.h"

#include <errno.h>

#include "base/base64.h"
#include "pki/private.h"

static const char rfc7517_set[] = "{\"keys\":[{" RFC7517_EC_MEMBERS
				  ",\"use\":\"enc\",\"kid\":\"1\"}," RFC7517_RSA
				  "]}";

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

#define TEST(t) cmocka_unit_test_setup_teardown(t, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rfc7517_keys),
		TEST(test_rfc7638_thumbprint),
		TEST(test_keys_that_are_none),
		TEST(test_rsa_keys_have_bounds),
		TEST(test_a_set_round_trips),
		TEST(test_a_set_keeps_one_key_a_kid),
		TEST(test_a_set_passes_over_what_it_does_not_know),
		TEST(test_a_set_has_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
