/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protection.h - what becomes of a machine's data when its protection ends.
 *
 *   PROTECTED   it backs up; its policy lets old points go
 *   STOPPED     an administrator has stopped it and kept its data: nothing
 *               comes in, nothing is let go, all can be restored
 *   DELETED     softly: nothing comes in, nothing can be restored; whoever
 *               undeletes it in time has it STOPPED again, whole
 *   PURGING     its time is over: what it has goes, and nothing brings it back
 *   PURGED      it has gone; the name is free
 *
 *	PROTECTED <-> STOPPED -> DELETED -> PURGING -> PURGED
 *	                      <-
 *
 * (PROTECTED may become DELETED at once.) To delete takes a PIN (pin.h) where
 * settings.h says so. Of an immutable vault nothing is deleted as long as a
 * point would still be kept. How long DELETED lasts is settled when it begins,
 * and may then only become longer: immutability that is turned on later holds
 * it, too. By the vault's clock alone.
 *
 * Errors:  -ENOENT: no such machine (or PURGED); -EPERM: refused, see struct
 *          refusal, and the audit log; not logged.
 * Threads: any.
 * Source:  Azure Backup, "soft delete"; the words are those of bms.json.
 */
#ifndef VAULT_RETENTION_PROTECTION_H
#define VAULT_RETENTION_PROTECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "vault/db.h"
#include "vault/retention/settings.h"

enum protection_state {
	PROTECTED,
	PROTECTION_STOPPED,
	PROTECTION_DELETED,
	PROTECTION_PURGING,
	PROTECTION_PURGED
};

struct protection {
	enum protection_state state;
	int64_t since;	     /* of that state; 0: always */
	int64_t purge_after; /* of DELETED and PURGING; else 0 */
};

MUST_CHECK int protection_get(struct db *db, const char *machine,
			      struct protection *out);

MUST_CHECK int protection_stop(struct db *db, const char *machine,
			       const char *actor, struct refusal *why);
MUST_CHECK int protection_resume(struct db *db, const char *machine,
				 const char *actor, struct refusal *why);
/* Stop, if it was not, and delete. pin: what was told, or NULL. It is used up
 * only if nothing else is in the way. */
MUST_CHECK int protection_delete(struct db *db, const char *machine,
				 const char *pin, const char *actor,
				 struct refusal *why);
MUST_CHECK int protection_undelete(struct db *db, const char *machine,
				   const char *actor, struct refusal *why);
/* DELETED becomes PURGING, if its time is over: refused before. */
MUST_CHECK int protection_purge(struct db *db, const char *machine,
				const char *actor, struct refusal *why);
/* The same by retention, which asks again and again: a refusal (why is not
 * needed) is not in the audit log. */
MUST_CHECK int protection_purge_if_due(struct db *db, const char *machine);
/* PURGING becomes PURGED: there is nothing left. */
MUST_CHECK int protection_purged(struct db *db, const char *machine);

/* May objects come and be dropped? -EROFS: no. */
MUST_CHECK int protection_check_write(struct db *db, const char *machine);

/* --- Azure's words --- */

/* "Protected", "ProtectionStopped" */
const char *protection_text(enum protection_state s);
bool protection_is_deferred(const struct protection *p);
/* deferredDeleteTimeRemaining, as .NET writes times: "13.23:59:58" */
const char *protection_remaining(const struct protection *p, int64_t now,
				 char out[static 32]);

#endif /* VAULT_RETENTION_PROTECTION_H */
