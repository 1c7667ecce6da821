/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rbac.h - may the caller do that, there?
 *
 * Yes, if one of the caller's role assignments is at the scope or above it
 * and its role has the action among its own, and not among those that it
 * takes away. Roles add up; nothing else allows anything. Data actions are
 * apart: who may do everything else to a key vault reads no secret.
 *
 * The scope must be that of the resource which was found, not what a client
 * wrote about it.
 *
 * Errors:  -EINVAL: no scope. Others are logged.
 * Threads: any.
 * Source:  learn.microsoft.com/azure/role-based-access-control/overview.
 */
#ifndef VAULT_IDENTITY_RBAC_H
#define VAULT_IDENTITY_RBAC_H

#include "vault/identity/assignments.h"
#include "vault/identity/caller.h"

/* 1: yes; 0: no. action: "Microsoft.RecoveryServices/vaults/read". */
MUST_CHECK int rbac_allows(struct db *db, const struct caller *c,
			   const char *action, const char *scope);
MUST_CHECK int rbac_allows_data(struct db *db, const struct caller *c,
				const char *action, const char *scope);
/* At or below the scope, anywhere: for lists, whose items are asked about one
 * by one. */
MUST_CHECK int rbac_allows_below(struct db *db, const struct caller *c,
				 const char *action, const char *scope);

/* May it give that role to somebody at the scope, or (is_delete) take it? Who
 * has the right by a role that names the roles it is for, only those. */
MUST_CHECK int rbac_may_assign(struct db *db, const struct caller *c,
			       const char *scope, const struct role *role,
			       bool is_delete);

/* 0: it may. -ECANCELED: it may not; that was answered (403
 * AuthorizationFailed) and noted in the audit log. */
MUST_CHECK int rbac_authorize(struct http_exchange *x, struct vault *v,
			      const struct caller *c, const char *action,
			      const char *scope);
/* The answer and the note alone. */
MUST_CHECK int rbac_refuse(struct http_exchange *x, struct vault *v,
			   const struct caller *c, const char *action,
			   const char *scope);

#endif /* VAULT_IDENTITY_RBAC_H */
