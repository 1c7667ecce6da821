/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_csr.c - requests for certificates, and certificates.
 *
 * A request that is accepted yields a certificate that holds what the vault
 * said and nothing that the request did. The same bytes are read as a
 * certificate, too: what is accepted is read again from its PEM and must say
 * the same.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "pki/x509.h"
#include "tests/unit/pki_keys.h"

#define TEXT(s) SPAN(s, strlen(s))
#define NOW 1700000000
#define UUID "0b5ca7a9-3e5c-4d6f-9d2e-8f0a1b2c3d4e"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct x509_signer *vault(void)
{
	static struct x509_signer by;
	struct x509_cert *ca;
	struct pkey *key;

	if (by.ca)
		return &by;
	if (pkey_from_pem(TEXT(rfc7515_ec), &key, NULL) < 0 ||
	    x509_new_ca(key, "fuzz", NOW, 365, &ca) < 0)
		abort();
	by = (struct x509_signer){ ca, key, NOW, 90 };
	return &by;
}

static void read_request(struct span text)
{
	CLEANUP_X509 struct x509_cert *c = NULL, *again = NULL;
	const char *why = NULL;
	int r;

	r = x509_new_client(vault(), text, "web1", UUID, &c, &why);
	if (r < 0) {
		assert(why && !c);
		return;
	}
	r = x509_parse(x509_der(c), &again, NULL);
	assert(r == 0);
	assert(strcmp(x509_info(again)->machine, UUID) == 0);
	assert(strcmp(x509_info(again)->cn, "web1") == 0);
	assert(!x509_info(again)->is_ca);
	r = x509_verify(c, vault()->ca, X509_USE_CLIENT, NOW, NULL);
	assert(r == 0);
}

static void read_certificate(struct span text)
{
	CLEANUP_X509 struct x509_cert *c = NULL, *again = NULL;
	CLEANUP_BUF struct buf pem = BUF_INIT(4 * X509_CERT_MAX);
	const char *why = NULL;
	int r;

	r = x509_parse(text, &c, &why);
	if (r < 0) {
		assert(why && !c);
		return;
	}
	r = x509_to_pem(c, &pem);
	assert(r == 0);
	if (pem.len > X509_CERT_MAX)
		return;
	r = x509_parse(SPAN_OF(&pem), &again, NULL);
	assert(r == 0);
	assert(memcmp(x509_info(c), x509_info(again),
		      sizeof(struct x509_info)) == 0);
	/* the corpus has no server's, and nobody can sign one */
	r = x509_verify(c, vault()->ca, X509_USE_SERVER, NOW, NULL);
	assert(r < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_request(SPAN(data, size));
	read_certificate(SPAN(data, size));
	return 0;
}
