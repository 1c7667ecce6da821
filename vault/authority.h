/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authority.h - the vault's own certificates, and those it signs.
 *
 * A vault is its own authority: machines trust its certificate and no other,
 * and it takes for a machine only what it has signed. Files, PEM, in tls/:
 * ca.crt, ca.key, server.crt, server.key. The server's certificate is made
 * anew when it comes near its end or other names are configured.
 *
 * Errors:  negative errno; logged, but for -EUCLEAN, -EBADMSG and
 *          -EKEYREJECTED of a request, which come with a reason.
 * Threads: any, once it is open.
 */
#ifndef VAULT_AUTHORITY_H
#define VAULT_AUTHORITY_H

#include "pki/x509.h"

#define AUTHORITY_CA_DAYS 7300
#define AUTHORITY_SERVER_DAYS 397
#define AUTHORITY_CLIENT_DAYS 90

struct authority {
	char *dir;
	struct pkey *key, *server_key;
	struct x509_cert *ca, *server;
};

/* Make keys and certificates in dir, which is made too. */
MUST_CHECK int authority_make(const char *dir, const char *name);
MUST_CHECK int authority_open(const char *dir, const char *const *names,
			      size_t n_names, struct authority *out);
void authority_close(struct authority *a);
/* Append PEM. key is a secret (CLEANUP_SECRET_BUF). */
MUST_CHECK int authority_server(const struct authority *a, struct buf *cert,
				struct buf *key);
MUST_CHECK int authority_sign(const struct authority *a, struct span request,
			      const char *machine, const char *uuid,
			      struct x509_cert **out, const char **why);

#endif /* VAULT_AUTHORITY_H */
