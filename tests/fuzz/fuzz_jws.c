/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_jws.c - tokens, and sets of public keys.
 *
 * What begins with '{' is read as a set of keys: what it yields is written and
 * read again, and must be as many. Anything else is a token. Its keys are
 * those of RFC 7515, "r" and "e"; what they have signed is known, and nothing
 * else may be accepted.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "pki/jws.h"
#include "tests/unit/pki_keys.h"

#define TEXT(s) SPAN(s, strlen(s))
#define PAYLOAD "{\"sub\":\"fuzz\"}"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct jwk_set *known(void)
{
	static struct jwk_set *set;
	struct pkey *rsa, *ec;

	if (set)
		return set;
	if (pkey_from_pem(TEXT(rfc7515_rsa), &rsa, NULL) < 0 ||
	    pkey_from_pem(TEXT(rfc7515_ec), &ec, NULL) < 0 ||
	    jwk_set_new(&set) < 0 || jwk_set_add(set, "r", rsa) < 0 ||
	    jwk_set_add(set, "e", ec) < 0)
		abort();
	pkey_free(rsa);
	pkey_free(ec);
	return set;
}

static void read_set(struct span text)
{
	CLEANUP_JWK_SET struct jwk_set *set = NULL, *again = NULL;
	CLEANUP_BUF struct buf out = BUF_INIT(JWK_SET_MAX);
	const char *why = NULL;
	int r;

	r = jwk_set_parse(text, &set, &why);
	if (r < 0) {
		assert(why);
		return;
	}
	assert(jwk_set_count(set) <= JWK_SET_KEYS_MAX);
	r = jwk_set_write(set, &out);
	assert(r == 0);
	r = jwk_set_parse(SPAN_OF(&out), &again, NULL);
	assert(r == 0);
	assert(jwk_set_count(again) == jwk_set_count(set));
}

static void read_token(struct span token)
{
	CLEANUP_BUF struct buf out = BUF_INIT(JWS_MAX);
	struct jws_header h = { "", "" };
	const char *why = NULL;
	int r;

	r = jws_verify(token, known(), &out, &h, &why);
	if (r < 0) {
		assert(why && out.len == 0 && *h.kid == '\0');
		return;
	}
	assert(strcmp(h.kid, "r") == 0 || strcmp(h.kid, "e") == 0);
	assert(out.len == strlen(PAYLOAD));
	assert(memcmp(out.p, PAYLOAD, out.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size && data[0] == '{')
		read_set(SPAN(data, size));
	else
		read_token(SPAN(data, size));
	return 0;
}
