/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity.h - a vault's own issuer of tokens, and those of others that it
 * believes.
 *
 * Tokens are as Microsoft Entra's for Azure's control plane: version 1.0,
 * issuer https://HOST:PORT/TENANT/, for one audience, an hour long. What
 * their bearer may do is not in them: that is looked up with each request, as
 * is the principal itself. So whoever is removed is out at once.
 *
 * Errors:  negative errno, logged.
 * Threads: any.
 * Source:  RFC 7519, RFC 9068; the claims of Entra's access tokens.
 */
#ifndef VAULT_IDENTITY_IDENTITY_H
#define VAULT_IDENTITY_IDENTITY_H

#include "vault/identity/guesses.h"
#include "vault/identity/issuers.h"
#include "vault/identity/principals.h"
#include "vault/identity/signing.h"

struct vault;

/* What a token is for. */
enum audience { AUDIENCE_ARM, AUDIENCE_KEY_VAULT };

struct identity {
	char tenant[MACHINE_ID_LEN + 1];
	struct signing *signing;
	struct issuers *issuers;
	struct guesses *guesses;
};

/* With v->db open. A tenant and a key are made if there are none. */
MUST_CHECK int identity_open(struct vault *v, struct identity **out);
void identity_close(struct identity *i); /* NULL is allowed */

/* "https://HOST:PORT/TENANT/". -EAGAIN (not logged): the vault does not listen
 * yet. */
MUST_CHECK int identity_issuer(struct vault *v, char **out);
/* Which audience is the resource that a client names? -EINVAL (not logged):
 * none of this vault's. */
MUST_CHECK int identity_audience(struct vault *v, const char *resource,
				 enum audience *out);

/* What it was proven by, as the claim appidacr has it. */
enum proof { PROOF_SECRET = 1, PROOF_KEY = 2 };
struct token {
	const struct principal *principal;
	const char *resource; /* the claim aud, as the client wrote it */
	enum proof proof;
	int64_t issued, expires; /* set by token_issue() */
};
/* Append it. */
MUST_CHECK int token_issue(struct vault *v, struct token *t, struct buf *out);

/* A service principal with Owner on everything, for whoever has just made a
 * vault: its names and its secret as JSON, into a file of mode 0600 that must
 * not be there. -EEXIST (logged). */
MUST_CHECK int identity_first_administrator(struct vault *v, const char *file);

#endif /* VAULT_IDENTITY_IDENTITY_H */
