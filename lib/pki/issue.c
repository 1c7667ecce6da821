/* SPDX-License-Identifier: Apache-2.0 */
/*
 * issue.c - certificates and requests made.
 *
 * Extensions with a fixed text go through OpenSSL's little language for them;
 * names never do, as it would give a comma in one a meaning.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <string.h>

#include "base/utf8.h"
#include "pki/x509_private.h"

#define SERIAL_LEN 16
#define DAY_SECONDS 86400
#define CA_NAME_MAX 64
#define LABEL_MAX 63
/* RFC 5280's upper bound of a common name (ub-common-name). */
#define CN_STANDARD_MAX 64
/* 9999-12-31: the last day that a certificate can name. */
#define TIME_MAX 253402300799

/* --- names --- */

bool x509_is_machine_name(const char *name)
{
	size_t i, len = strnlen(name, X509_CN_MAX + 1);

	if (len == 0 || len > X509_CN_MAX || !isalnum((unsigned char)*name))
		return false;
	for (i = 0; i < len; i++)
		if (!isascii(name[i]) || (!isalnum((unsigned char)name[i]) &&
					  !strchr("._-", name[i])))
			return false;
	return true;
}

static bool is_ca_name(const char *name)
{
	size_t i, len = strnlen(name, 4 * CA_NAME_MAX + 1);

	if (len == 0 || !utf8_is_valid(name, len) ||
	    utf8_count(name, len) > CA_NAME_MAX)
		return false;
	for (i = 0; i < len; i++)
		if (iscntrl((unsigned char)name[i]))
			return false;
	return true;
}

/* Labels of letters, digits and inner dashes; the last is no number, which
 * would be read as an address. */
static bool is_dns_name(const char *name)
{
	const char *label = name;
	size_t len = 0;
	bool number = true;

	if (strnlen(name, X509_CN_MAX + 1) > X509_CN_MAX)
		return false;
	for (;; name++) {
		char c = *name;

		if (c == '.' || c == '\0') {
			if (len == 0 || len > LABEL_MAX || label[0] == '-' ||
			    name[-1] == '-')
				return false;
			if (c == '\0')
				return !number;
			label = name + 1;
			len = 0;
			number = true;
			continue;
		}
		if (!isascii(c) || (!isalnum((unsigned char)c) && c != '-'))
			return false;
		number = number && isdigit((unsigned char)c);
		len++;
	}
}

/* Past ub-common-name on purpose: a machine's full name may be longer, readers
 * of certificates do not count, and cutting it would make two names one. */
static bool set_cn(X509_NAME *name, const char *cn)
{
	return X509_NAME_add_entry_by_NID(name, NID_commonName,
					  V_ASN1_UTF8STRING,
					  (const unsigned char *)cn,
					  (int)strlen(cn), -1, 0) == 1;
}

static bool add_name(GENERAL_NAMES *names, int type, const void *p, size_t len)
{
	ASN1_STRING *value = ASN1_STRING_type_new(
		type == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
	GENERAL_NAME *name = GENERAL_NAME_new();

	if (!value || !name || ASN1_STRING_set(value, p, (int)len) != 1) {
		ASN1_STRING_free(value);
		GENERAL_NAME_free(name);
		return false;
	}
	GENERAL_NAME_set0_value(name, type, value);
	if (sk_GENERAL_NAME_push(names, name) > 0)
		return true;
	GENERAL_NAME_free(name);
	return false;
}

/* 0, -EINVAL or -ENOMEM. */
static int add_host(GENERAL_NAMES *names, const char *host)
{
	uint8_t ip[16];
	bool done;

	if (inet_pton(AF_INET, host, ip) == 1)
		done = add_name(names, GEN_IPADD, ip, 4);
	else if (inet_pton(AF_INET6, host, ip) == 1)
		done = add_name(names, GEN_IPADD, ip, 16);
	else if (is_dns_name(host))
		done = add_name(names, GEN_DNS, host, strlen(host));
	else
		return -EINVAL;
	return done ? 0 : -ENOMEM;
}

/* --- parts of a certificate --- */

/* The first byte is not zero, so that every number has 32 digits; the sign
 * that DER wants is its encoder's to add. */
static bool set_serial(X509 *x)
{
	uint8_t bytes[SERIAL_LEN];
	CLEANUP_BN BIGNUM *n = NULL;

	do {
		if (RAND_bytes(bytes, sizeof(bytes)) != 1)
			return false;
	} while (bytes[0] == 0);
	n = BN_bin2bn(bytes, sizeof(bytes), NULL);
	return n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
}

static bool set_days(X509 *x, int64_t from, int64_t to)
{
	return ASN1_TIME_set(X509_getm_notBefore(x), (time_t)from) &&
	       ASN1_TIME_set(X509_getm_notAfter(x), (time_t)to);
}

static bool add_ext(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *e;
	X509V3_CTX ctx;
	bool done;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_nconf_nid(NULL, &ctx, nid, value);
	done = e && X509_add_ext(x, e, -1) == 1;
	X509_EXTENSION_free(e);
	return done;
}

static bool check_days(int64_t now, unsigned int days)
{
	return days > 0 && days <= X509_DAYS_MAX && now >= 0 &&
	       now <= TIME_MAX - (int64_t)X509_DAYS_MAX * DAY_SECONDS;
}

static int64_t back(int64_t now)
{
	return now > X509_BACK_SECONDS ? now - X509_BACK_SECONDS : 0;
}

int x509_new_ca(const struct pkey *key, const char *name, int64_t now,
		unsigned int days, struct x509_cert **out)
{
	CLEANUP_X X509 *x = NULL;

	if (!pkey_is_private(key) || !is_ca_name(name) ||
	    !check_days(now, days))
		return -EINVAL;
	x = X509_new();
	if (!x || X509_set_version(x, X509_VERSION_3) != 1 || !set_serial(x) ||
	    !set_days(x, back(now), now + (int64_t)days * DAY_SECONDS) ||
	    !set_cn(X509_get_subject_name(x), name) ||
	    X509_set_issuer_name(x, X509_get_subject_name(x)) != 1 ||
	    X509_set_pubkey(x, key->evp) != 1 ||
	    !add_ext(x, x, NID_basic_constraints,
		     "critical,CA:TRUE,pathlen:0") ||
	    !add_ext(x, x, NID_key_usage, "critical,keyCertSign,cRLSign") ||
	    !add_ext(x, x, NID_subject_key_identifier, "hash") ||
	    X509_sign(x, key->evp, EVP_sha256()) <= 0)
		return pki_fail(-EIO);
	return x509_wrap(TAKE_PTR(x), out, NULL);
}

/* Who a certificate is for. */
struct bearer {
	EVP_PKEY *key;
	const char *cn;
	GENERAL_NAMES *names;
	enum x509_use use;
};

static int check_signer(const struct x509_signer *by)
{
	if (!check_days(by->now, by->days) || !pkey_is_private(by->key) ||
	    !by->ca->info.is_ca || !x509_has_key(by->ca, by->key))
		return -EINVAL;
	return by->now >= by->ca->info.not_after ? -EKEYEXPIRED : 0;
}

static int sign_for(const struct x509_signer *by, const struct bearer *b,
		    struct x509_cert **out)
{
	/* Encryption to the key is a thing of RSA, and of old TLS. */
	bool rsa = EVP_PKEY_get_base_id(b->key) == EVP_PKEY_RSA;
	int64_t end = by->now + (int64_t)by->days * DAY_SECONDS;
	X509 *ca = by->ca->x;
	CLEANUP_X X509 *x = X509_new();

	if (!x || X509_set_version(x, X509_VERSION_3) != 1 || !set_serial(x) ||
	    !set_days(x, MAX(back(by->now), by->ca->info.not_before),
		      MIN(end, by->ca->info.not_after)) ||
	    !set_cn(X509_get_subject_name(x), b->cn) ||
	    X509_set_issuer_name(x, X509_get_subject_name(ca)) != 1 ||
	    X509_set_pubkey(x, b->key) != 1 ||
	    !add_ext(x, ca, NID_basic_constraints, "critical,CA:FALSE") ||
	    !add_ext(x, ca, NID_key_usage,
		     rsa ? "critical,digitalSignature,keyEncipherment"
			 : "critical,digitalSignature") ||
	    !add_ext(x, ca, NID_ext_key_usage,
		     b->use == X509_USE_SERVER ? "serverAuth" : "clientAuth") ||
	    !add_ext(x, ca, NID_subject_key_identifier, "hash") ||
	    !add_ext(x, ca, NID_authority_key_identifier, "keyid:always") ||
	    X509_add1_ext_i2d(x, NID_subject_alt_name, b->names, 0,
			      X509V3_ADD_DEFAULT) != 1 ||
	    X509_sign(x, by->key->evp, EVP_sha256()) <= 0)
		return pki_fail(-EIO);
	return x509_wrap(TAKE_PTR(x), out, NULL);
}

int x509_new_server(const struct x509_signer *by, const struct pkey *key,
		    const char *const *names, size_t count,
		    struct x509_cert **out)
{
	CLEANUP_NAMES GENERAL_NAMES *list = NULL;
	struct bearer b = { .key = key->evp, .use = X509_USE_SERVER };
	size_t i;
	int r;

	r = check_signer(by);
	if (r < 0)
		return r;
	if (count == 0 || count > X509_SERVER_NAMES_MAX)
		return -EINVAL;
	b.names = list = GENERAL_NAMES_new();
	if (!list)
		return pki_fail(-ENOMEM);
	for (i = 0; i < count; i++) {
		r = add_host(list, names[i]);
		if (r < 0)
			return pki_fail(r);
	}
	/* Clients read the names above; some refuse a longer one here. */
	b.cn = strlen(names[0]) <= CN_STANDARD_MAX ? names[0] : "tidemark";
	return sign_for(by, &b, out);
}

/* --- requests --- */

int x509_request(const struct pkey *key, const char *machine, struct buf *out)
{
	CLEANUP_REQ X509_REQ *req = NULL;
	CLEANUP_BIO BIO *bio = NULL;

	if (!pkey_is_private(key) || !x509_is_machine_name(machine))
		return -EINVAL;
	req = X509_REQ_new();
	bio = BIO_new(BIO_s_mem());
	if (!req || !bio ||
	    X509_REQ_set_version(req, X509_REQ_VERSION_1) != 1 ||
	    !set_cn(X509_REQ_get_subject_name(req), machine) ||
	    X509_REQ_set_pubkey(req, key->evp) != 1 ||
	    X509_REQ_sign(req, key->evp, EVP_sha256()) <= 0 ||
	    PEM_write_bio_X509_REQ(bio, req) != 1)
		return pki_fail(-EIO);
	return pki_take_bio(bio, out);
}

static int read_request(struct span text, X509_REQ **out, const char **why)
{
	static const char *const labels[] = { "CERTIFICATE REQUEST",
					      "NEW CERTIFICATE REQUEST", NULL };
	CLEANUP_PKI_DER struct pki_der der = { NULL, 0 };
	CLEANUP_REQ X509_REQ *req = NULL;
	const unsigned char *p;
	int r;

	if (text.len > X509_REQUEST_MAX)
		return pki_refuse(-EMSGSIZE, why, "the request is too long");
	r = x509_read_der(text, labels, &der, why);
	if (r < 0)
		return r;
	p = der.p;
	req = d2i_X509_REQ(NULL, &p, der.len);
	if (!req || p != der.p + der.len ||
	    X509_REQ_get_version(req) != X509_REQ_VERSION_1)
		return pki_refuse(-EUCLEAN, why, "there is no request");
	*out = TAKE_PTR(req);
	return pki_fail(0);
}

/* Is it signed, by the key that is in it? The key is looked at first: what an
 * odd one makes OpenSSL compute is the sender's choice. */
static int judge_request(X509_REQ *req, const char **why)
{
	EVP_PKEY *key = X509_REQ_get0_pubkey(req);
	enum pkey_kind kind;
	int digest = NID_undef;
	int r;

	if (!key)
		return pki_refuse(-EKEYREJECTED, why,
				  "the request's key cannot be read");
	r = pki_judge(key, &kind, why);
	if (r < 0)
		return r;
	if (OBJ_find_sigid_algs(X509_REQ_get_signature_nid(req), &digest,
				NULL) != 1 ||
	    (digest != NID_sha256 && digest != NID_sha384 &&
	     digest != NID_sha512))
		return pki_refuse(-EKEYREJECTED, why,
				  "the request is not signed with SHA-256, "
				  "SHA-384 or SHA-512");
	if (X509_REQ_verify(req, key) != 1)
		return pki_refuse(-EBADMSG, why,
				  "the request's signature is wrong");
	return 0;
}

int x509_new_client(const struct x509_signer *by, struct span request,
		    const char *machine, const char *uuid,
		    struct x509_cert **out, const char **why)
{
	CLEANUP_NAMES GENERAL_NAMES *names = NULL;
	CLEANUP_REQ X509_REQ *req = NULL;
	char uri[sizeof(X509_MACHINE_URI) + X509_UUID_LEN];
	struct bearer b = { .cn = machine, .use = X509_USE_CLIENT };
	int r;

	if (!x509_is_machine_name(machine) || !x509_is_uuid(uuid))
		return -EINVAL;
	r = check_signer(by);
	if (r == 0)
		r = read_request(request, &req, why);
	if (r == 0)
		r = judge_request(req, why);
	if (r < 0)
		return r;
	b.key = X509_REQ_get0_pubkey(req);
	b.names = names = GENERAL_NAMES_new();
	snprintf(uri, sizeof(uri), X509_MACHINE_URI "%s", uuid);
	if (!names || !add_name(names, GEN_URI, uri, strlen(uri)))
		return pki_fail(-ENOMEM);
	return sign_for(by, &b, out);
}
