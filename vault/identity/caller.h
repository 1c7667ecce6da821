/* SPDX-License-Identifier: Apache-2.0 */
/*
 * caller.h - who calls: the bearer of a token.
 *
 * The token is one of this vault's or of an issuer that it is configured to
 * believe. Its signature, its audience, its issuer, its tenant and its times
 * are looked at, and whether its principal is still there.
 *
 * Errors:  others than below are logged.
 * Threads: any.
 * Source:  RFC 6750; the answers of Azure Resource Manager.
 */
#ifndef VAULT_IDENTITY_CALLER_H
#define VAULT_IDENTITY_CALLER_H

#include "vault/http/http.h"
#include "vault/identity/identity.h"

struct caller {
	char tenant[MACHINE_ID_LEN + 1];
	char object[MACHINE_ID_LEN + 1]; /* what rights are given to */
	char app[MACHINE_ID_LEN + 1];
	char name[MACHINE_NAME_MAX + 1];
	enum principal_kind kind;
	/* for the audit log: "principal OBJECT (NAME)" */
	char actor[MACHINE_NAME_MAX + MACHINE_ID_LEN + 16];
};

/* -ECANCELED: it has shown no token that is valid for this; that was answered
 * (401, WWW-Authenticate). */
MUST_CHECK int caller_of(struct http_exchange *x, struct vault *v,
			 enum audience audience, struct caller *out);

#endif /* VAULT_IDENTITY_CALLER_H */
