/* SPDX-License-Identifier: Apache-2.0 */
/*
 * issuers.h - tokens of other issuers (Microsoft Entra ID, Keycloak).
 *
 * vaultd.conf names each: [issuer NAME] with its URL, its keys (JWKS, by https
 * or in a file), and the audience that its tokens must have. A token of one is
 * as good as what it says; who its subject is here, an administrator has said
 * (PRINCIPAL_OUTSIDE).
 *
 * Keys are kept for a day. A kid that is not among them has them fetched
 * anew, at most once a minute; while that fails, the old ones are used.
 *
 * Errors:  -ENOENT: no such issuer is configured; of issuers_verify() as of
 *          jws.h, -EIO if the keys cannot be had (logged).
 * Threads: any.
 * Source:  OpenID Connect Discovery 1.0; RFC 7517.
 */
#ifndef VAULT_IDENTITY_ISSUERS_H
#define VAULT_IDENTITY_ISSUERS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/macros.h"

#define ISSUERS_MAX 8
#define ISSUER_AUDIENCES_MAX 8

/* As configured; NULL: not given. */
struct issuer_config {
	char *name;
	char *issuer;	 /* the claim iss, exactly */
	char *jwks;	 /* https://..., or a file's path */
	char *authority; /* PEM file: who signs that server's certificate */
	char *tenant;	 /* the claim tid must be this */
	char *subject;	 /* the claim that names the subject: sub, oid */
	char *audiences[ISSUER_AUDIENCES_MAX];
	unsigned int n_audiences;
};

struct issuers;
struct issuer;

/* configs must live as long. */
MUST_CHECK int issuers_new(const struct issuer_config *configs, size_t n,
			   struct issuers **out);
void issuers_free(struct issuers *s); /* NULL is allowed */

/* By the claim iss. NULL: nobody that is believed. */
struct issuer *issuers_find(struct issuers *s, const char *iss);
const struct issuer_config *issuer_config(const struct issuer *i);
/* Append the payload, if one of its keys has signed the token. */
MUST_CHECK int issuer_verify(struct issuer *i, struct span token,
			     struct buf *payload, const char **why);

#endif /* VAULT_IDENTITY_ISSUERS_H */
