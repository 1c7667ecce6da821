/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_pki_machine.c - requests of machines: what is signed, and what is not.
 *
 * openssl(1) makes the requests that must be refused; others are published
 * (python3-cryptography-vectors).
 */
#include "tests/unit/pki_authority.h"

#include "tests/unit/pki_keys.h"

#ifndef VECTORS_DIR
#define VECTORS_DIR "/usr/lib/python3/dist-packages/cryptography_vectors"
#endif

static void test_a_machine_gets_its_certificate(void **state)
{
	CLEANUP_BUF struct buf request = BUF_INIT(X509_REQUEST_MAX);
	CLEANUP_X509 struct x509_cert *c = NULL;
	char want[128], sum[HEX_LEN(X509_SHA256_LEN)];
	const struct x509_info *i;

	(void)state;
	assert_int_equal(x509_request(key, "asked-for", &request), 0);
	put_bytes("req", (char *)request.p, request.len);
	sh("openssl req -in req -noout -verify -text");
	assert_said("verify OK");
	assert_said("CN = asked-for");
	c = client_of(SPAN_OF(&request));
	i = x509_info(c);
	assert_string_equal(i->cn, "web1");
	assert_string_equal(i->machine, UUID);
	assert_int_equal(i->not_before, NOW - X509_BACK_SECONDS);
	assert_int_equal(i->not_after, NOW + 90ll * DAY);
	assert_false(i->is_ca);
	assert_true(x509_has_key(c, key));
	assert_int_equal(x509_verify(c, ca, X509_USE_CLIENT, NOW, NULL), 0);
	assert_int_equal(x509_verify(c, ca, X509_USE_SERVER, NOW, NULL),
			 -EKEYREJECTED);
	write_pem("ca", ca);
	write_pem("client", c);
	sh("openssl verify -x509_strict -purpose sslclient -attime 1700000000 "
	   "-CAfile ca client");
	sh("! openssl verify -purpose sslserver -attime 1700000000 -CAfile ca "
	   "client");
	sh("openssl x509 -in client -noout -text");
	assert_said("URI:urn:tidemark:machine:" UUID "\n");
	assert_said("TLS Web Client Authentication\n");
	assert_said("Subject: CN = web1\n");
	assert_said("CA:FALSE");
	sh("openssl x509 -in client -noout -serial | tr A-F a-f");
	snprintf(want, sizeof(want), "serial=%s\n", i->serial);
	assert_said(want);
	sh("openssl x509 -in client -outform DER | sha256sum");
	assert_said(hex_encode(sum, i->sha256, sizeof(i->sha256)));
}

/* Whatever a machine asks for: an authority, other names, another use. */
static void test_extensions_of_a_request_are_ignored(void **state)
{
	CLEANUP_BUF struct buf request = BUF_INIT(X509_REQUEST_MAX);
	CLEANUP_X509 struct x509_cert *c = NULL;

	(void)state;
	sh("openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
	   "-nodes -keyout k -subj '/O=admins/CN=vault' "
	   "-addext basicConstraints=critical,CA:TRUE "
	   "-addext keyUsage=keyCertSign "
	   "-addext extendedKeyUsage=serverAuth "
	   "-addext 'subjectAltName=DNS:vault.example.org,"
	   "URI:urn:tidemark:machine:11111111-1111-4111-8111-111111111111' "
	   "-out req");
	assert_int_equal(io_read_file(dirfd_, "req", &request), 0);
	c = client_of(SPAN_OF(&request));
	assert_string_equal(x509_info(c)->machine, UUID);
	assert_string_equal(x509_info(c)->cn, "web1");
	assert_false(x509_info(c)->is_ca);
	write_pem("client", c);
	sh("openssl x509 -in client -noout -text");
	assert_said("Subject: CN = web1\n");
	assert_not_said("vault.example.org");
	assert_not_said("11111111");
	assert_not_said("Server");
	assert_not_said("Certificate Sign");
}

static void test_keys_that_machines_may_have(void **state)
{
	static const char *const kinds[] = {
		"rsa:2048",
		"rsa:2048 -sha512",
		"ec -pkeyopt ec_paramgen_curve:P-256",
		"ec -pkeyopt ec_paramgen_curve:P-384 -sha384",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(kinds); i++) {
		CLEANUP_BUF struct buf pem = BUF_INIT(X509_REQUEST_MAX);
		CLEANUP_BUF struct buf der = BUF_INIT(X509_REQUEST_MAX);
		CLEANUP_X509 struct x509_cert *a = NULL, *b = NULL;
		char line[512];

		snprintf(line, sizeof(line),
			 "openssl req -new -newkey %s -nodes -keyout k "
			 "-subj /CN=x -out req && "
			 "openssl req -in req -outform DER -out der",
			 kinds[i]);
		sh(line);
		assert_int_equal(io_read_file(dirfd_, "req", &pem), 0);
		assert_int_equal(io_read_file(dirfd_, "der", &der), 0);
		a = client_of(SPAN_OF(&pem));
		b = client_of(SPAN_OF(&der));
		assert_int_equal(x509_verify(a, ca, X509_USE_CLIENT, NOW, NULL),
				 0);
		assert_int_equal(x509_verify(b, ca, X509_USE_CLIENT, NOW, NULL),
				 0);
		assert_string_not_equal(x509_info(a)->serial,
					x509_info(b)->serial);
	}
}

static void test_keys_that_machines_may_not_have(void **state)
{
	static const struct {
		const char *kind, *why;
	} bad[] = {
		{ "rsa:1024", "less than 2048 bits" },
		{ "rsa:2048 -pkeyopt rsa_keygen_pubexp:3", "exponent" },
		{ "rsa:2048 -sha1", "SHA-256" },
		{ "rsa:2048 -sigopt rsa_padding_mode:pss", "SHA-256" },
		{ "ec -pkeyopt ec_paramgen_curve:P-256 -sha1", "SHA-256" },
		{ "ec -pkeyopt ec_paramgen_curve:P-521", "P-256" },
		{ "ec -pkeyopt ec_paramgen_curve:secp256k1", "P-256" },
		{ "ec -pkeyopt ec_paramgen_curve:P-256 "
		  "-pkeyopt ec_param_enc:explicit",
		  "curve has no name" },
		{ "ed25519", "not EC or RSA" },
	};
	struct x509_signer by = signer(90);
	CLEANUP_X509 struct x509_cert *c = NULL;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		CLEANUP_BUF struct buf req = BUF_INIT(X509_REQUEST_MAX);
		const char *why = "";
		char line[512];

		snprintf(line, sizeof(line),
			 "openssl req -new -newkey %s -nodes -keyout k "
			 "-subj /CN=x -out req",
			 bad[i].kind);
		sh(line);
		assert_int_equal(io_read_file(dirfd_, "req", &req), 0);
		assert_int_equal(x509_new_client(&by, SPAN_OF(&req), "web1",
						 UUID, &c, &why),
				 -EKEYREJECTED);
		if (!strstr(why, bad[i].why))
			fail_msg("%s: %s", bad[i].kind, why);
	}
}

/* Published requests, good and bad. */
static void test_published_requests(void **state)
{
	static const struct {
		const char *name;
		int r;
	} known[] = {
		{ "ec_sha256.pem", 0 },
		{ "ec_sha256.der", 0 },
		{ "ec_sha256_old_header.pem", 0 },
		{ "rsa_sha256.pem", 0 },
		{ "rsa_sha256.der", 0 },
		{ "challenge.pem", 0 },
		{ "freeipa-bad-critical.pem", 0 },
		{ "bad-version.pem", -EUCLEAN },
		{ "invalid_signature.pem", -EKEYREJECTED },
		{ "dsa_sha1.pem", -EKEYREJECTED },
		{ "dsa_sha1.der", -EKEYREJECTED },
		{ "rsa_md4.pem", -EKEYREJECTED },
		{ "rsa_sha1.pem", -EKEYREJECTED },
		{ "san_rsa_sha1.der", -EKEYREJECTED },
		{ "two_basic_constraints.pem", -EKEYREJECTED },
	};
	struct x509_signer by = signer(90);
	const char *top = getenv("VECTORS_DIR");
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(known); i++) {
		CLEANUP_BUF struct buf req = BUF_INIT(X509_REQUEST_MAX);
		CLEANUP_X509 struct x509_cert *c = NULL;
		char path[512];
		int r;

		snprintf(path, sizeof(path), "%s/x509/requests/%s",
			 top ? top : VECTORS_DIR, known[i].name);
		assert_int_equal(io_read_file(AT_FDCWD, path, &req), 0);
		r = x509_new_client(&by, SPAN_OF(&req), "web1", UUID, &c, NULL);
		if (r != known[i].r)
			fail_msg("%s: %d", known[i].name, r);
	}
}

/* One bit of the key, the subject or the signature: it is no proof any more.
 * What still parses fails at the signature or at the key. */
static void test_a_changed_request_is_refused(void **state)
{
	static const char *const labels[] = { "CERTIFICATE REQUEST", NULL };
	CLEANUP_BUF struct buf pem = BUF_INIT(X509_REQUEST_MAX);
	CLEANUP_BUF struct buf more = BUF_INIT(X509_REQUEST_MAX);
	CLEANUP_PKI_DER struct pki_der der = { NULL, 0 };
	CLEANUP_X509 struct x509_cert *c = NULL;
	struct x509_signer by = signer(90);
	unsigned int wrong = 0;
	long i;

	(void)state;
	assert_int_equal(x509_request(key, "web1", &pem), 0);
	assert_int_equal(pki_pem_read(SPAN_OF(&pem), labels, &der, NULL), 0);
	for (i = 0; i < der.len; i++) {
		int r;

		der.p[i] ^= (unsigned char)(1u << i % 8);
		r = x509_new_client(&by, SPAN(der.p, (size_t)der.len), "web1",
				    UUID, &c, NULL);
		der.p[i] ^= (unsigned char)(1u << i % 8);
		if (r != -EBADMSG && r != -EUCLEAN && r != -EKEYREJECTED)
			fail_msg("byte %ld: %d", i, r);
		wrong += r == -EBADMSG;
	}
	/* the subject's letters, r and s at the least */
	assert_true(wrong > 60);
	assert_int_equal(buf_append(&more, der.p, (size_t)der.len), 0);
	assert_int_equal(buf_u8(&more, 0), 0);
	assert_int_equal(x509_new_client(&by, SPAN_OF(&more), "web1", UUID, &c,
					 NULL),
			 -EUCLEAN);
	for (i = 0; i < der.len; i++)
		assert_int_equal(x509_new_client(&by, SPAN(der.p, (size_t)i),
						 "web1", UUID, &c, NULL),
				 -EUCLEAN);
}

static void test_a_request_over_its_limit_is_refused(void **state)
{
	CLEANUP_BUF struct buf pem = BUF_INIT(X509_REQUEST_MAX + 1);
	CLEANUP_X509 struct x509_cert *c = NULL;
	struct x509_signer by = signer(90);

	(void)state;
	assert_int_equal(x509_request(key, "web1", &pem), 0);
	assert_int_equal(buf_fill(&pem, '\n', pem.max - pem.len), 0);
	assert_int_equal(x509_new_client(&by, SPAN_OF(&pem), "web1", UUID, &c,
					 NULL),
			 -EMSGSIZE);
	pem.len--;
	assert_int_equal(
		x509_new_client(&by, SPAN_OF(&pem), "web1", UUID, &c, NULL), 0);
}

static void test_machine_names_and_uuids(void **state)
{
	static const char *const bad[] = { "",	   ".",	      "..",  "-a",
					   ".a",   "a b",     "a/b", "a\n",
					   "a,CN", "h\u00f6", "a;b", "a:b" };
	static const char *const bad_uuids[] = {
		"",
		"0b5ca7a9-3e5c-4d6f-9d2e-8f0a1b2c3d4",
		"0b5ca7a9-3e5c-4d6f-9d2e-8f0a1b2c3d4e0",
		"0B5CA7A9-3E5C-4D6F-9D2E-8F0A1B2C3D4E",
		"0b5ca7a9x3e5c-4d6f-9d2e-8f0a1b2c3d4e",
		"{b5ca7a9-3e5c-4d6f-9d2e-8f0a1b2c3d4e",
	};
	CLEANUP_BUF struct buf pem = BUF_INIT(X509_REQUEST_MAX);
	CLEANUP_X509 struct x509_cert *c = NULL;
	struct x509_signer by = signer(90);
	char name[255] = { 0 };
	size_t i;

	(void)state;
	assert_int_equal(x509_request(key, "web1", &pem), 0);
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		assert_false(x509_is_machine_name(bad[i]));
		assert_int_equal(x509_request(key, bad[i], &pem), -EINVAL);
		assert_int_equal(x509_new_client(&by, SPAN_OF(&pem), bad[i],
						 UUID, &c, NULL),
				 -EINVAL);
	}
	for (i = 0; i < ARRAY_LEN(bad_uuids); i++) {
		assert_false(x509_is_uuid(bad_uuids[i]));
		assert_int_equal(x509_new_client(&by, SPAN_OF(&pem), "web1",
						 bad_uuids[i], &c, NULL),
				 -EINVAL);
	}
	assert_true(x509_is_machine_name("Web_1.example-a.org"));
	memset(name, 'a', 254);
	assert_false(x509_is_machine_name(name));
	name[253] = '\0';
	assert_true(x509_is_machine_name(name));
	assert_int_equal(
		x509_new_client(&by, SPAN_OF(&pem), name, UUID, &c, NULL), 0);
	assert_string_equal(x509_info(c)->cn, name);
	/* other readers take it, too */
	write_pem("ca", ca);
	write_pem("client", c);
	sh("openssl verify -x509_strict -purpose sslclient -attime 1700000000 "
	   "-CAfile ca client");
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_machine_gets_its_certificate),
		TEST(test_extensions_of_a_request_are_ignored),
		TEST(test_keys_that_machines_may_have),
		TEST(test_keys_that_machines_may_not_have),
		TEST(test_published_requests),
		TEST(test_a_changed_request_is_refused),
		TEST(test_a_request_over_its_limit_is_refused),
		TEST(test_machine_names_and_uuids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
