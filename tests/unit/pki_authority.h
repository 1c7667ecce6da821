/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pki_authority.h - a vault's authority for a test, and openssl(1) beside it.
 */
#ifndef TESTS_UNIT_PKI_AUTHORITY_H
#define TESTS_UNIT_PKI_AUTHORITY_H

#include "tests/unit/testdir.h"

#include <errno.h>
#include <openssl/err.h>

#include "pki/x509_private.h"

#define TEXT(s) SPAN(s, strlen(s))
#define NOW 1700000000
#define DAY 86400
#define UUID "0b5ca7a9-3e5c-4d6f-9d2e-8f0a1b2c3d4e"

static struct pkey *ca_key, *key;
static struct x509_cert *ca;

static inline int begin(void **state)
{
	if (make_dir(state) < 0 || pkey_new(&ca_key) < 0 || pkey_new(&key) < 0)
		return -1;
	return x509_new_ca(ca_key, "A vault, for tests", NOW, 3650, &ca);
}

/* Nothing may be left for the next TLS connection to stumble over. */
static inline int end(void **state)
{
	int r = remove_dir(state);

	x509_free(TAKE_PTR(ca));
	pkey_free(TAKE_PTR(ca_key));
	pkey_free(TAKE_PTR(key));
	return ERR_peek_error() ? -1 : r;
}

static inline struct x509_signer signer(unsigned int days)
{
	return (struct x509_signer){ ca, ca_key, NOW, days };
}

static inline void sh(const char *command)
{
	char line[2048];

	snprintf(line, sizeof(line), "cd '%s' && (%s) >out 2>&1", dir, command);
	if (system(line) != 0) {
		CLEANUP_BUF struct buf out = BUF_INIT(1 << 20);

		if (io_read_file(dirfd_, "out", &out) == 0)
			print_message("# %.*s\n", (int)out.len, (char *)out.p);
		fail_msg("failed: %s", command);
	}
}

/* What the last command said. */
static inline void assert_said(const char *text)
{
	CLEANUP_BUF struct buf out = BUF_INIT(1 << 20);

	assert_int_equal(io_read_file(dirfd_, "out", &out), 0);
	assert_int_equal(buf_u8(&out, 0), 0);
	if (!strstr((char *)out.p, text))
		fail_msg("'%s' is not in: %s", text, (char *)out.p);
}

static inline void assert_not_said(const char *text)
{
	CLEANUP_BUF struct buf out = BUF_INIT(1 << 20);

	assert_int_equal(io_read_file(dirfd_, "out", &out), 0);
	assert_int_equal(buf_u8(&out, 0), 0);
	if (strstr((char *)out.p, text))
		fail_msg("'%s' is in: %s", text, (char *)out.p);
}

static inline void write_pem(const char *name, const struct x509_cert *c)
{
	CLEANUP_BUF struct buf pem = BUF_INIT(X509_CERT_MAX);

	assert_int_equal(x509_to_pem(c, &pem), 0);
	put_bytes(name, (char *)pem.p, pem.len);
}

static inline struct x509_cert *client_of(struct span request)
{
	struct x509_signer by = signer(90);
	struct x509_cert *c = NULL;
	const char *why = "";

	if (x509_new_client(&by, request, "web1", UUID, &c, &why) != 0)
		fail_msg("refused: %s", why);
	return c;
}

static inline struct x509_cert *client(void)
{
	CLEANUP_BUF struct buf request = BUF_INIT(X509_REQUEST_MAX);

	assert_int_equal(x509_request(key, "web1", &request), 0);
	return client_of(SPAN_OF(&request));
}

static inline struct x509_cert *server(const char *name)
{
	struct x509_signer by = signer(90);
	struct x509_cert *c = NULL;

	assert_int_equal(x509_new_server(&by, key, &name, 1, &c), 0);
	return c;
}

#endif /* TESTS_UNIT_PKI_AUTHORITY_H */
