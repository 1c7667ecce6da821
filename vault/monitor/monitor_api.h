/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitor_api.h - is the vault well? Over HTTP.
 *
 *	GET /health		200: it lives, and can read its database
 *	GET /health/ready	200 or 503: can it take backups
 *	GET /metrics		numbers, and names of machines
 *
 * The first two say no more than that to anybody. The third, and the reasons
 * of the second, are for those who show a token (Authorization: Bearer), of
 * which the vault keeps the hash.
 */
#ifndef VAULT_MONITOR_MONITOR_API_H
#define VAULT_MONITOR_MONITOR_API_H

#include "vault/db.h"
#include "vault/http/http.h"

#define MONITOR_TOKEN_LEN 32 /* bytes; as hex in requests */

extern const struct http_route monitor_routes[];
extern const size_t n_monitor_routes;

/* A new token under that name, in hex. -EEXIST: the name has one; a line of
 * the audit log. */
MUST_CHECK int monitor_token_add(struct db *db, const char *name,
				 const char *actor,
				 char token[static 2 * MONITOR_TOKEN_LEN + 1]);
/* -ENOENT: there is none. */
MUST_CHECK int monitor_token_revoke(struct db *db, const char *name,
				    const char *actor);

#endif /* VAULT_MONITOR_MONITOR_API_H */
