/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assignments.h - who has which role, and where.
 *
 * A scope is the id of a resource, a resource group, a subscription, or "/",
 * and what is below it; it need not be there. Ids are compared in any case of
 * letters.
 *
 * Errors:  -ENOENT: no such assignment, or no such principal; -EEXIST: there
 *          is one of the same role, scope and principal; -EPERM: the id is
 *          that of another one, which cannot be changed into this; -EINVAL: no
 *          scope, no id. Not logged; others are.
 * Threads: any.
 */
#ifndef VAULT_IDENTITY_ASSIGNMENTS_H
#define VAULT_IDENTITY_ASSIGNMENTS_H

#include "vault/identity/roles.h"
#include "vault/machines/machines.h"

#define SCOPE_MAX 1023
#define DESCRIPTION_MAX 511

struct assignment {
	char id[MACHINE_ID_LEN + 1]; /* a GUID, chosen by who assigns */
	char scope[SCOPE_MAX + 1];
	char role[ROLE_ID_LEN + 1];
	char principal[MACHINE_ID_LEN + 1]; /* object id */
	char type[32];			    /* "ServicePrincipal", "User" */
	char description[DESCRIPTION_MAX + 1];
	int64_t created, updated;
	char created_by[64], updated_by[64]; /* object ids, or "local root" */
	/* In: who does it, for updated_by; and, if not NULL, for the audit
	 * log. */
	const char *by, *actor;
};

/* The scope in its one form: begins with one slash, ends with none but in
 * "/", has no empty parts. -EINVAL. */
MUST_CHECK int scope_normal(const char *text, char out[static SCOPE_MAX + 1]);
/* Is inner the scope outer, or below it? Both are normal. */
bool scope_contains(const char *outer, const char *inner);

/* Also within db_write(). Returns 1 if it is new, 0 if it was there and is
 * the same but for the description, which is changed. */
MUST_CHECK int assignment_add(struct db *db, struct assignment *a);
/* What was removed goes to out. Also within db_write(). */
MUST_CHECK int assignment_remove(struct db *db, const char *id,
				 const char *actor, struct assignment *out);
MUST_CHECK int assignment_get(struct db *db, const char *id,
			      struct assignment *out);

typedef int assignment_fn(void *arg, const struct assignment *a);
/* All, or of one principal, by their ids. fn's other than 0 ends it. */
MUST_CHECK int assignments_list(struct db *db, const char *principal,
				assignment_fn *fn, void *arg);

#endif /* VAULT_IDENTITY_ASSIGNMENTS_H */
