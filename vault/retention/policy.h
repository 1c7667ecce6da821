/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.h - what is kept, and for how long: policies of a vault by name.
 *
 * As people write them, in words with commas between:
 *
 *	daily=30		every point for so many days
 *	weekly=12:sun		of these weekdays one, for so many weeks
 *	monthly=24:1		of these days of the month (1 to 28, last), or
 *	monthly=24:first-sun	weekdays in a week (first to fourth, last)
 *	yearly=10:jan:1		the same, of these months
 *
 * with several days, weekdays or months joined by "+".
 *
 * Errors:  -EINVAL: not logged, why gets the reason; -ENOENT; -EEXIST. Refused
 *          (policy_refusal() says it in words; not logged): -ERANGE: it keeps
 *          less than the vault's security features want; -EPERM: the vault is
 *          immutable, and it keeps less than before; -EBUSY: it was lowered
 *          too often (retention.h).
 * Threads: any.
 */
#ifndef VAULT_RETENTION_POLICY_H
#define VAULT_RETENTION_POLICY_H

#include "vault/db.h"
#include "vault/retention/gfs.h"
#include "vault/retention/settings.h"

#define POLICY_DEFAULT "default"
#define POLICY_TEXT_MAX 512

extern const struct gfs policy_default;

MUST_CHECK int policy_parse(const char *text, struct gfs *out,
			    const char **why);
const char *policy_text(const struct gfs *g, char out[static POLICY_TEXT_MAX]);

MUST_CHECK int policy_add(struct db *db, const char *vault, const char *name,
			  const struct gfs *g, const char *actor);
/* Of those machines that follow it, too. */
MUST_CHECK int policy_change(struct db *db, const char *vault, const char *name,
			     const struct gfs *g, const char *actor);
/* This machine follows that policy of its vault from now on. */
MUST_CHECK int policy_assign(struct db *db, const char *machine,
			     const char *name, const char *actor);
/* g: that was refused; NULL: one that exists. False: e is no refusal. */
bool policy_refusal(int e, const struct gfs *g, struct refusal *why);
struct policy_entry {
	const char *vault, *name; /* names, borrowed */
	struct gfs g;
};
typedef int policy_fn(void *arg, const struct policy_entry *p);
MUST_CHECK int policies_list(struct db *db, policy_fn *fn, void *arg);
MUST_CHECK int policy_of_machine(struct db *db, const char *machine,
				 struct gfs *out);

#endif /* VAULT_RETENTION_POLICY_H */
