/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x509.h - certificates: of a vault's authority, of its server, of machines.
 *
 * An authority signs two kinds and no authority below it. Who a certificate
 * is for is said by whoever signs, never by whoever asks: of a request only
 * the key counts, and the proof that the asker has it. A machine is known by
 * its UUID (a URI among the subjectAltNames); its name is for people. Which
 * certificates were revoked is the caller's knowledge, by serial number.
 *
 * Names:   a machine's is 1..253 of [A-Za-z0-9._-], the first a letter or
 *          digit, so that it is neither an option nor a path; a UUID has 36
 *          characters, lower case. Anything else is -EINVAL.
 * Units:   unix seconds. The caller says what time it is. A certificate is
 *          good from not_before on, and no more at not_after.
 * Errors:  -EMSGSIZE: over X509_CERT_MAX or X509_REQUEST_MAX, before anything
 *          is parsed. -EUCLEAN: no certificate or request in strict DER or
 *          one block of PEM, or not of these bounds. -EBADMSG: a request whose
 *          signature is wrong. -EKEYREJECTED: a key that pkey.h does not
 *          allow, or one that does not belong to it. -EKEYEXPIRED: outside of
 *          its days. -EINVAL: the caller's own arguments. -ENOMEM, -EIO. Not
 *          logged; `why` and OpenSSL's queue are as in pkey.h.
 * Memory:  a certificate is the caller's until x509_free(); what its accessors
 *          return lives as long.
 * Threads: any, at once, on one certificate; x509_free() comes last.
 * Source:  RFC 5280, RFC 2986, RFC 7468, RFC 9562.
 */
#ifndef PKI_X509_H
#define PKI_X509_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/macros.h"
#include "pki/pkey.h"

#define X509_CERT_MAX (64u << 10)
#define X509_REQUEST_MAX (16u << 10)
#define X509_SERIAL_MAX 20 /* bytes; RFC 5280, 4.1.2.2 */
#define X509_CN_MAX 253
#define X509_UUID_LEN 36
#define X509_SHA256_LEN 32
#define X509_DAYS_MAX 36500
#define X509_SERVER_NAMES_MAX 64
/* Before the UUID in a machine's subjectAltName. */
#define X509_MACHINE_URI "urn:tidemark:machine:"
/* So much before now is a certificate's notBefore: clocks differ. */
#define X509_BACK_SECONDS 300

struct x509_info {
	char serial[HEX_LEN(X509_SERIAL_MAX)]; /* lower-case hex, no 00 first */
	char cn[X509_CN_MAX + 1];	       /* UTF-8; "" if there is none */
	char machine[X509_UUID_LEN + 1];       /* "" if it is no machine's */
	int64_t not_before;
	int64_t not_after;
	uint8_t sha256[X509_SHA256_LEN];     /* of the DER */
	uint8_t key_sha256[X509_SHA256_LEN]; /* of the public key's bytes */
	bool is_ca;
};

struct x509_cert;

#define CLEANUP_X509 CLEANUP(x509_cleanup)

/* --- any certificate --- */

/* One certificate, PEM or DER. -EUCLEAN also if it has two common names, or
 * a machine's URI that is not one UUID. Nothing is verified. */
MUST_CHECK int x509_parse(struct span text, struct x509_cert **out,
			  const char **why);
/* NULL is allowed. */
void x509_free(struct x509_cert *c);
void x509_cleanup(struct x509_cert **c);
const struct x509_info *x509_info(const struct x509_cert *c);
struct span x509_der(const struct x509_cert *c);
/* Append it. */
MUST_CHECK int x509_to_pem(const struct x509_cert *c, struct buf *out);
/* The public key that it is for, if pkey.h allows it: -EKEYREJECTED. */
MUST_CHECK int x509_public_key(const struct x509_cert *c, struct pkey **out,
			       const char **why);
/* Is it for this key? */
bool x509_has_key(const struct x509_cert *c, const struct pkey *key);

enum x509_use { X509_USE_SERVER, X509_USE_CLIENT };
/* Did ca sign it, for this use, and is now within its days and the CA's? Else
 * -EKEYREJECTED or -EKEYEXPIRED. Says nothing of host names. */
MUST_CHECK int x509_verify(const struct x509_cert *c,
			   const struct x509_cert *ca, enum x509_use use,
			   int64_t now, const char **why);

/* --- the authority --- */

/* A new one, signed by itself, that may sign no other authority. name: 1..64
 * printable characters of UTF-8. days: 1..X509_DAYS_MAX. */
MUST_CHECK int x509_new_ca(const struct pkey *key, const char *name,
			   int64_t now, unsigned int days,
			   struct x509_cert **out);

/* Who signs, and for how long. A certificate ends with its authority's at the
 * latest. -EINVAL: key is not the CA's, or ca is none; -EKEYEXPIRED: it has
 * ended itself. */
struct x509_signer {
	const struct x509_cert *ca;
	const struct pkey *key;
	int64_t now;
	unsigned int days;
};

/* For a TLS server that has these names: DNS names (no wildcards) and IP
 * addresses, 1..X509_SERVER_NAMES_MAX of them. */
MUST_CHECK int x509_new_server(const struct x509_signer *by,
			       const struct pkey *key, const char *const *names,
			       size_t count, struct x509_cert **out);

/* --- machines --- */

bool x509_is_machine_name(const char *name);
bool x509_is_uuid(const char *uuid);

/* Append a PKCS#10 request in PEM. */
MUST_CHECK int x509_request(const struct pkey *key, const char *machine,
			    struct buf *out);
/*
 * A client's certificate for the key of a request (PEM or DER), which is EC
 * P-256, P-384 or RSA; the request must be signed by it with SHA-256 or
 * longer. Subject, names and extensions of the request are not looked at.
 * The serial number is random: 128 bits, 32 digits.
 */
MUST_CHECK int x509_new_client(const struct x509_signer *by,
			       struct span request, const char *machine,
			       const char *uuid, struct x509_cert **out,
			       const char **why);

#endif /* PKI_X509_H */
