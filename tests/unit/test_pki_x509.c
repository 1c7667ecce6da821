/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_pki_x509.c - certificates: what is signed, for how long, and what is
 * parsed. openssl(1) is the oracle of what is made.
 */
#include "tests/unit/pki_authority.h"

#include <pthread.h>

#include "tests/unit/pki_keys.h"

/* --- the authority --- */

static void test_a_ca_is_one_and_no_more(void **state)
{
	const struct x509_info *i = x509_info(ca);

	(void)state;
	assert_true(i->is_ca);
	assert_string_equal(i->cn, "A vault, for tests");
	assert_string_equal(i->machine, "");
	assert_int_equal(strlen(i->serial), 32);
	assert_int_equal(i->not_before, NOW - X509_BACK_SECONDS);
	assert_int_equal(i->not_after, NOW + 3650ll * DAY);
	assert_true(x509_has_key(ca, ca_key));
	assert_false(x509_has_key(ca, key));
	write_pem("ca", ca);
	sh("openssl verify -x509_strict -check_ss_sig -attime 1700000000 "
	   "-CAfile ca ca");
	sh("openssl x509 -in ca -noout -text");
	assert_said("CA:TRUE, pathlen:0");
	assert_said("Basic Constraints: critical");
	assert_said("Key Usage: critical");
	assert_said("Certificate Sign, CRL Sign\n");
}

static void test_ca_arguments(void **state)
{
	CLEANUP_PKEY struct pkey *half = NULL;
	CLEANUP_BUF struct buf pem = BUF_INIT(PKEY_PEM_MAX);
	CLEANUP_X509 struct x509_cert *c = NULL;
	char name[66] = { 0 };

	(void)state;
	assert_int_equal(pkey_public_to_pem(key, &pem), 0);
	assert_int_equal(pkey_public_from_pem(SPAN_OF(&pem), &half, NULL), 0);
	assert_int_equal(x509_new_ca(half, "x", NOW, 1, &c), -EINVAL);
	assert_int_equal(x509_new_ca(key, "", NOW, 1, &c), -EINVAL);
	assert_int_equal(x509_new_ca(key, "a\nb", NOW, 1, &c), -EINVAL);
	assert_int_equal(x509_new_ca(key, "a\xff", NOW, 1, &c), -EINVAL);
	assert_int_equal(x509_new_ca(key, "x", NOW, 0, &c), -EINVAL);
	assert_int_equal(x509_new_ca(key, "x", NOW, 36501, &c), -EINVAL);
	assert_int_equal(x509_new_ca(key, "x", -1, 1, &c), -EINVAL);
	assert_int_equal(x509_new_ca(key, "x", INT64_MAX, 1, &c), -EINVAL);
	memset(name, 'x', 65);
	assert_int_equal(x509_new_ca(key, name, NOW, 1, &c), -EINVAL);
	name[64] = '\0';
	assert_int_equal(x509_new_ca(key, name, NOW, 36500, &c), 0);
	x509_free(TAKE_PTR(c));
	/* the two ends of what may be said, one of each spelling of a year */
	assert_int_equal(x509_new_ca(key, "H\u00f6he", 0, 36500, &c), 0);
	assert_int_equal(x509_info(c)->not_before, 0);
	assert_int_equal(x509_info(c)->not_after, 36500ll * DAY);
	assert_string_equal(x509_info(c)->cn, "H\u00f6he");
}

/* --- servers --- */

static void test_a_server_has_its_names(void **state)
{
	static const char *const names[] = { "vault.example.org", "localhost",
					     "192.0.2.7", "2001:db8::7" };
	CLEANUP_X509 struct x509_cert *c = NULL;
	struct x509_signer by = signer(365);

	(void)state;
	assert_int_equal(x509_new_server(&by, key, names, ARRAY_LEN(names), &c),
			 0);
	assert_string_equal(x509_info(c)->cn, names[0]);
	assert_false(x509_info(c)->is_ca);
	assert_int_equal(x509_verify(c, ca, X509_USE_SERVER, NOW, NULL), 0);
	assert_int_equal(x509_verify(c, ca, X509_USE_CLIENT, NOW, NULL),
			 -EKEYREJECTED);
	write_pem("ca", ca);
	write_pem("server", c);
#define VERIFY                                                                 \
	"openssl verify -x509_strict -purpose sslserver -attime 1700000000 "   \
	"-CAfile ca "
	sh(VERIFY "-verify_hostname vault.example.org server");
	sh(VERIFY "-verify_hostname localhost server");
	sh(VERIFY "-verify_ip 192.0.2.7 server");
	sh(VERIFY "-verify_ip 2001:db8::7 server");
	sh("! " VERIFY "-verify_hostname example.org server");
	sh("! " VERIFY "-verify_ip 192.0.2.8 server");
	sh("openssl x509 -in server -noout -text");
	assert_said("TLS Web Server Authentication\n");
	assert_said("Digital Signature\n");
	assert_not_said("Key Encipherment");
}

static void test_an_rsa_server_may_be_encrypted_to(void **state)
{
	CLEANUP_PKEY struct pkey *rsa = NULL;
	CLEANUP_X509 struct x509_cert *c = NULL;
	struct x509_signer by = signer(365);
	const char *name = "localhost";

	(void)state;
	assert_int_equal(pkey_from_pem(TEXT(rfc7515_rsa), &rsa, NULL), 0);
	assert_int_equal(x509_new_server(&by, rsa, &name, 1, &c), 0);
	assert_true(x509_has_key(c, rsa));
	write_pem("server", c);
	sh("openssl x509 -in server -noout -text");
	assert_said("Digital Signature, Key Encipherment\n");
}

static void test_names_that_are_none_are_refused(void **state)
{
	static const char *const bad[] = {
		"",	 ".",		"a..b",	     "a.",	".a",
		"-a.b",	 "a-.b",	"*.b",	     "a b",	"a,b",
		"DNS:a", "a\n",		"1.2.3.4.5", "1.2.3",	"256.1.1.1",
		"::1::", "2001:db8::g", "a_b",	     "h\u00f6", "a/b",
	};
	char label[65] = { 0 }, name[300] = { 0 };
	const char *p = name;
	struct x509_signer by = signer(365);
	CLEANUP_X509 struct x509_cert *c = NULL;
	const char *many[X509_SERVER_NAMES_MAX + 1];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++)
		if (x509_new_server(&by, key, &bad[i], 1, &c) != -EINVAL)
			fail_msg("taken: '%s'", bad[i]);
	memset(label, 'a', 64);
	p = label;
	assert_int_equal(x509_new_server(&by, key, &p, 1, &c), -EINVAL);
	for (i = 0; i < 254; i++)
		name[i] = i % 50 == 49 ? '.' : 'a';
	p = name;
	assert_int_equal(x509_new_server(&by, key, &p, 1, &c), -EINVAL);
	name[253] = '\0';
	assert_int_equal(x509_new_server(&by, key, &p, 1, &c), 0);
	/* too long for a common name as others read it */
	assert_string_equal(x509_info(c)->cn, "tidemark");
	x509_free(TAKE_PTR(c));
	for (i = 0; i < ARRAY_LEN(many); i++)
		many[i] = "localhost";
	assert_int_equal(x509_new_server(&by, key, many, 0, &c), -EINVAL);
	assert_int_equal(x509_new_server(&by, key, many, ARRAY_LEN(many), &c),
			 -EINVAL);
	assert_int_equal(
		x509_new_server(&by, key, many, ARRAY_LEN(many) - 1, &c), 0);
}

/* --- time, and who signs --- */

static void test_nothing_outlives_its_authority(void **state)
{
	CLEANUP_BUF struct buf pem = BUF_INIT(X509_REQUEST_MAX);
	CLEANUP_X509 struct x509_cert *c = NULL;
	struct x509_signer by = signer(3651);
	const int64_t last = x509_info(ca)->not_after;

	(void)state;
	assert_int_equal(x509_request(key, "web1", &pem), 0);
	assert_int_equal(
		x509_new_client(&by, SPAN_OF(&pem), "web1", UUID, &c, NULL), 0);
	assert_int_equal(x509_info(c)->not_after, last);
	x509_free(TAKE_PTR(c));
	by.now = last - 1;
	assert_int_equal(
		x509_new_client(&by, SPAN_OF(&pem), "web1", UUID, &c, NULL), 0);
	x509_free(TAKE_PTR(c));
	by.now = last;
	assert_int_equal(x509_new_client(&by, SPAN_OF(&pem), "web1", UUID, &c,
					 NULL),
			 -EKEYEXPIRED);
	by.now = NOW;
	by.days = 0;
	assert_int_equal(x509_new_client(&by, SPAN_OF(&pem), "web1", UUID, &c,
					 NULL),
			 -EINVAL);
}

static void test_days_are_kept(void **state)
{
	CLEANUP_X509 struct x509_cert *c = client();
	const struct x509_info *i = x509_info(c);
	const char *why = "";

	(void)state;
	assert_int_equal(
		x509_verify(c, ca, X509_USE_CLIENT, i->not_before, NULL), 0);
	assert_int_equal(
		x509_verify(c, ca, X509_USE_CLIENT, i->not_after - 1, NULL), 0);
	assert_int_equal(x509_verify(c, ca, X509_USE_CLIENT, i->not_before - 1,
				     &why),
			 -EKEYEXPIRED);
	assert_non_null(strstr(why, "not yet valid"));
	assert_int_equal(x509_verify(c, ca, X509_USE_CLIENT, i->not_after,
				     &why),
			 -EKEYEXPIRED);
	assert_non_null(strstr(why, "expired"));
}

static void test_only_an_authority_signs(void **state)
{
	CLEANUP_BUF struct buf pem = BUF_INIT(X509_REQUEST_MAX);
	CLEANUP_X509 struct x509_cert *c = client(), *d = NULL;
	struct x509_signer by = { c, key, NOW, 1 };

	(void)state;
	assert_int_equal(x509_request(key, "web1", &pem), 0);
	/* a machine's certificate is no authority */
	assert_int_equal(x509_new_client(&by, SPAN_OF(&pem), "web1", UUID, &d,
					 NULL),
			 -EINVAL);
	/* another key than the authority's */
	by.ca = ca;
	assert_int_equal(x509_new_client(&by, SPAN_OF(&pem), "web1", UUID, &d,
					 NULL),
			 -EINVAL);
}

static void test_another_authority_is_not_this_one(void **state)
{
	CLEANUP_X509 struct x509_cert *other = NULL, *self = NULL;
	CLEANUP_X509 struct x509_cert *c = client();
	const char *why = "";

	(void)state;
	/* of the same name, with a key of its own */
	assert_int_equal(
		x509_new_ca(key, "A vault, for tests", NOW, 3650, &other), 0);
	assert_int_equal(x509_verify(c, other, X509_USE_CLIENT, NOW, &why),
			 -EKEYREJECTED);
	assert_true(*why);
	/* one that has signed itself */
	assert_int_equal(x509_new_ca(key, "web1", NOW, 3650, &self), 0);
	assert_int_equal(x509_verify(self, ca, X509_USE_CLIENT, NOW, NULL),
			 -EKEYREJECTED);
	/* a machine's certificate verifies no other */
	assert_int_equal(x509_verify(c, c, X509_USE_CLIENT, NOW, NULL),
			 -EKEYREJECTED);
}

/* --- parsing --- */

static void test_pem_and_der_are_one(void **state)
{
	CLEANUP_X509 struct x509_cert *c = client(), *a = NULL, *b = NULL;
	CLEANUP_BUF struct buf pem = BUF_INIT(X509_CERT_MAX);

	(void)state;
	assert_int_equal(x509_to_pem(c, &pem), 0);
	assert_int_equal(x509_parse(SPAN_OF(&pem), &a, NULL), 0);
	assert_int_equal(x509_parse(x509_der(c), &b, NULL), 0);
	assert_memory_equal(x509_info(a), x509_info(c),
			    sizeof(struct x509_info));
	assert_memory_equal(x509_info(b), x509_info(c),
			    sizeof(struct x509_info));
	assert_int_equal(x509_verify(a, ca, X509_USE_CLIENT, NOW, NULL), 0);
}

static void test_what_is_no_certificate_is_refused(void **state)
{
	CLEANUP_X509 struct x509_cert *c = client(), *d = NULL;
	CLEANUP_BUF struct buf text = BUF_INIT(X509_CERT_MAX + 1);
	struct span der = x509_der(c);
	size_t n;

	(void)state;
	for (n = 0; n < der.len; n++)
		assert_int_equal(x509_parse(SPAN(der.p, n), &d, NULL),
				 -EUCLEAN);
	assert_int_equal(buf_append(&text, der.p, der.len), 0);
	assert_int_equal(buf_u8(&text, 0), 0);
	assert_int_equal(x509_parse(SPAN_OF(&text), &d, NULL), -EUCLEAN);
	text.len = 0;
	assert_int_equal(x509_request(key, "web1", &text), 0);
	assert_int_equal(x509_parse(SPAN_OF(&text), &d, NULL), -EUCLEAN);
	/* a chain: the caller would look at the first and trust the rest */
	text.len = 0;
	assert_int_equal(x509_to_pem(c, &text), 0);
	assert_int_equal(x509_to_pem(ca, &text), 0);
	assert_int_equal(x509_parse(SPAN_OF(&text), &d, NULL), -EUCLEAN);
	text.len = 0;
	assert_int_equal(x509_to_pem(c, &text), 0);
	assert_int_equal(buf_fill(&text, '\n', text.max - text.len), 0);
	assert_int_equal(x509_parse(SPAN_OF(&text), &d, NULL), -EMSGSIZE);
}

static void test_a_changed_certificate_is_refused(void **state)
{
	CLEANUP_X509 struct x509_cert *c = client();
	CLEANUP_BUF struct buf der = BUF_INIT(X509_CERT_MAX);
	size_t i;

	(void)state;
	assert_int_equal(buf_append(&der, x509_der(c).p, x509_der(c).len), 0);
	for (i = 0; i < der.len; i++) {
		CLEANUP_X509 struct x509_cert *d = NULL;

		der.p[i] ^= (uint8_t)(1u << i % 8);
		if (x509_parse(SPAN_OF(&der), &d, NULL) == 0 &&
		    x509_verify(d, ca, X509_USE_CLIENT, NOW, NULL) == 0)
			fail_msg("byte %zu", i);
		der.p[i] ^= (uint8_t)(1u << i % 8);
	}
}

/* What no authority of ours signs, and a parser may be given. cn and uri may
 * be NULL. What stands twice is the uri, or the cn if there is none. */
static int parse_odd(struct span cn, const char *uri, bool twice, long serial,
		     struct x509_cert **out)
{
	CLEANUP_X X509 *x = X509_new();
	CLEANUP_NAMES GENERAL_NAMES *names = GENERAL_NAMES_new();
	unsigned char *der = NULL;
	int i, len, r;

	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
	ASN1_TIME_set(X509_getm_notBefore(x), NOW);
	ASN1_TIME_set(X509_getm_notAfter(x), NOW + DAY);
	for (i = 0; i <= (twice && !uri) && cn.p; i++)
		X509_NAME_add_entry_by_NID(X509_get_subject_name(x),
					   NID_commonName, V_ASN1_UTF8STRING,
					   cn.p, (int)cn.len, -1, 0);
	for (i = 0; i <= twice && uri; i++) {
		ASN1_IA5STRING *s = ASN1_IA5STRING_new();
		GENERAL_NAME *name = GENERAL_NAME_new();

		ASN1_STRING_set(s, uri, -1);
		GENERAL_NAME_set0_value(name, GEN_URI, s);
		sk_GENERAL_NAME_push(names, name);
	}
	if (uri)
		X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0);
	X509_set_pubkey(x, key->evp);
	assert_true(X509_sign(x, key->evp, EVP_sha256()) > 0);
	len = i2d_X509(x, &der);
	assert_true(len > 0);
	r = x509_parse(SPAN(der, (size_t)len), out, NULL);
	OPENSSL_free(der);
	return r;
}

static int parse_named(struct span cn, bool twice)
{
	CLEANUP_X509 struct x509_cert *c = NULL;

	return parse_odd(cn, NULL, twice, 1, &c);
}

static int parse_uri(const char *uri, bool twice)
{
	CLEANUP_X509 struct x509_cert *c = NULL;

	return parse_odd(TEXT("web1"), uri, twice, 1, &c);
}

static void test_ambiguous_names_are_refused(void **state)
{
	CLEANUP_X509 struct x509_cert *c = NULL;
	char name[255];

	(void)state;
	assert_int_equal(parse_named(TEXT("web1"), false), 0);
	assert_int_equal(parse_named(TEXT("web1"), true), -EUCLEAN);
	assert_int_equal(parse_named(SPAN("web1\0.evil", 10), false), -EUCLEAN);
	assert_int_equal(parse_named(TEXT("web1\n"), false), -EUCLEAN);
	assert_int_equal(parse_named(TEXT("web1\x7f"), false), -EUCLEAN);
	memset(name, 'a', sizeof(name));
	assert_int_equal(parse_named(SPAN(name, 253), false), 0);
	assert_int_equal(parse_named(SPAN(name, 254), false), -EUCLEAN);
	assert_int_equal(parse_odd(SPAN(NULL, 0), NULL, false, 1, &c), 0);
	assert_string_equal(x509_info(c)->cn, "");
	assert_string_equal(x509_info(c)->machine, "");
	assert_string_equal(x509_info(c)->serial, "01");
}

static void test_a_machine_is_one_uuid_or_none(void **state)
{
	CLEANUP_X509 struct x509_cert *c = NULL;

	(void)state;
	assert_int_equal(parse_odd(TEXT("web1"), X509_MACHINE_URI UUID, false,
				   1, &c),
			 0);
	assert_string_equal(x509_info(c)->machine, UUID);
	assert_int_equal(parse_uri(X509_MACHINE_URI UUID, true), -EUCLEAN);
	assert_int_equal(parse_uri(X509_MACHINE_URI, false), -EUCLEAN);
	assert_int_equal(parse_uri(X509_MACHINE_URI UUID "0", false), -EUCLEAN);
	assert_int_equal(parse_uri(X509_MACHINE_URI
				   "0B5CA7A9-3E5C-4D6F-9D2E-8F0A1B2C3D4E",
				   false),
			 -EUCLEAN);
	x509_free(TAKE_PTR(c));
	assert_int_equal(parse_odd(TEXT("web1"), "urn:uuid:" UUID, true, 1, &c),
			 0);
	assert_string_equal(x509_info(c)->machine, "");
}

static void test_serial_numbers_are_positive(void **state)
{
	CLEANUP_X509 struct x509_cert *c = NULL;

	(void)state;
	assert_int_equal(parse_odd(TEXT("a"), NULL, false, 0, &c), -EUCLEAN);
	assert_int_equal(parse_odd(TEXT("a"), NULL, false, -5, &c), -EUCLEAN);
	assert_int_equal(parse_odd(TEXT("a"), NULL, false, 0x1234, &c), 0);
	assert_string_equal(x509_info(c)->serial, "1234");
}

static void test_serial_numbers_differ(void **state)
{
	enum { COUNT = 64 };
	char seen[COUNT][HEX_LEN(X509_SERIAL_MAX)];
	unsigned int high = 0;
	size_t i, k;

	(void)state;
	for (i = 0; i < COUNT; i++) {
		CLEANUP_X509 struct x509_cert *c = client();

		memcpy(seen[i], x509_info(c)->serial, sizeof(seen[i]));
		assert_int_equal(strlen(seen[i]), 32);
		high += seen[i][0] >= '8';
		for (k = 0; k < i; k++)
			assert_string_not_equal(seen[i], seen[k]);
	}
	/* the first bit is as random as the others: 2^-63 to fail */
	assert_true(high > 0 && high < COUNT);
}

/* --- threads --- */

static void *sign_some(void *arg)
{
	const struct buf *request = arg;
	struct x509_signer by = signer(90);
	int i;

	for (i = 0; i < 16; i++) {
		CLEANUP_X509 struct x509_cert *c = NULL;

		if (x509_new_client(&by, SPAN_OF(request), "web1", UUID, &c,
				    NULL) < 0 ||
		    x509_verify(c, ca, X509_USE_CLIENT, NOW, NULL) < 0 ||
		    !x509_has_key(c, key))
			return arg;
	}
	return NULL;
}

static void test_one_authority_serves_many_threads(void **state)
{
	CLEANUP_BUF struct buf request = BUF_INIT(X509_REQUEST_MAX);
	pthread_t threads[4];
	size_t i;

	(void)state;
	assert_int_equal(x509_request(key, "web1", &request), 0);
	for (i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, sign_some,
						&request),
				 0);
	for (i = 0; i < ARRAY_LEN(threads); i++) {
		void *failed;

		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
}

static void test_a_server_is_no_client(void **state)
{
	CLEANUP_X509 struct x509_cert *c = server("localhost");

	(void)state;
	assert_string_equal(x509_info(c)->machine, "");
	assert_int_equal(x509_verify(c, ca, X509_USE_CLIENT, NOW, NULL),
			 -EKEYREJECTED);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_ca_is_one_and_no_more),
		TEST(test_ca_arguments),
		TEST(test_a_server_has_its_names),
		TEST(test_an_rsa_server_may_be_encrypted_to),
		TEST(test_names_that_are_none_are_refused),
		TEST(test_nothing_outlives_its_authority),
		TEST(test_days_are_kept),
		TEST(test_only_an_authority_signs),
		TEST(test_another_authority_is_not_this_one),
		TEST(test_pem_and_der_are_one),
		TEST(test_what_is_no_certificate_is_refused),
		TEST(test_a_changed_certificate_is_refused),
		TEST(test_ambiguous_names_are_refused),
		TEST(test_a_machine_is_one_uuid_or_none),
		TEST(test_serial_numbers_are_positive),
		TEST(test_serial_numbers_differ),
		TEST(test_one_authority_serves_many_threads),
		TEST(test_a_server_is_no_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
