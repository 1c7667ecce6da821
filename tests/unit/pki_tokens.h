/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pki_tokens.h - the two keys of RFC 7515, and a set with both: "r" and "e".
 */
#ifndef TESTS_UNIT_PKI_TOKENS_H
#define TESTS_UNIT_PKI_TOKENS_H

#include "tests/unit/testdir.h"

#include <openssl/err.h>

#include "base/base64.h"
#include "pki/jws.h"
#include "tests/unit/pki_keys.h"

#define TEXT(s) SPAN(s, strlen(s))

/* RFC 7515: the payload of its examples. */
#define PAYLOAD                                                                \
	"{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n "                       \
	"\"http://example.com/is_root\":true}"

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

static struct pkey *rsa, *ec;
static struct jwk_set *set;

static inline int begin(void **state)
{
	(void)state;
	if (pkey_from_pem(TEXT(rfc7515_rsa), &rsa, NULL) < 0 ||
	    pkey_from_pem(TEXT(rfc7515_ec), &ec, NULL) < 0 ||
	    jwk_set_new(&set) < 0 || jwk_set_add(set, "r", rsa) < 0)
		return -1;
	return jwk_set_add(set, "e", ec);
}

static inline int end(void **state)
{
	(void)state;
	jwk_set_free(TAKE_PTR(set));
	pkey_free(TAKE_PTR(rsa));
	pkey_free(TAKE_PTR(ec));
	return ERR_peek_error() ? -1 : 0;
}

static inline void add(struct buf *b, const char *text)
{
	assert_int_equal(buf_append(b, text, strlen(text)), 0);
}

static inline void add64(struct buf *b, struct span data)
{
	assert_int_equal(base64url_append(b, data), 0);
}

#endif /* TESTS_UNIT_PKI_TOKENS_H */
