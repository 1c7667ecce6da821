/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings.h - how hard it is to lose what a vault has: soft delete,
 * immutability, security features.
 *
 *   soft delete   What an administrator deletes is kept for soft_delete_days
 *                 more, and can be brought back meanwhile. Enabled, Disabled;
 *                 AlwaysON stays.
 *   immutability  Disabled; Unlocked: nothing may shorten how long a point is
 *                 kept; Locked: and this stays.
 *   enhanced      Security features: a deletion needs a PIN (pin.h), and no
 *                 policy keeps less than 7 days, 4 weeks, 3 months, 1 year.
 *
 * Whoever may turn these off gains nothing by it at once. What is weakened now
 * is weak for what is deleted when the time that it promised is over: until
 * held_until all that is deleted is kept, and until guarded_until a PIN is
 * needed, whatever the settings say since. So between the first step of
 * somebody who means harm, which is in the audit log, and the loss of data
 * there is always the time of soft delete, as it was before.
 *
 * The rules are here alone: what speaks Azure's dialect translates, no more.
 *
 * Errors:  -ENOENT: no such vault; -EPERM: refused, see struct refusal; these
 *          are not logged.
 * Threads: any.
 */
#ifndef VAULT_RETENTION_SETTINGS_H
#define VAULT_RETENTION_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "vault/db.h"

#define SOFT_DELETE_DAYS_MIN 14
#define SOFT_DELETE_DAYS_MAX 180

enum setting_state { SETTING_DISABLED, SETTING_ENABLED, SETTING_ALWAYS_ON };
enum immutability {
	IMMUTABILITY_DISABLED,
	IMMUTABILITY_UNLOCKED,
	IMMUTABILITY_LOCKED
};

struct vault_settings {
	enum setting_state soft_delete, enhanced;
	enum immutability immutability;
	unsigned int soft_delete_days;
	/* seconds since 1970; not for vault_settings_set() */
	int64_t held_until, guarded_until;
};

/* Why something was refused: a word for programs, and a sentence. Literals. */
struct refusal {
	const char *code, *text;
};

MUST_CHECK int vault_settings_get(struct db *db, const char *vault,
				  struct vault_settings *out);
/* All of them, as one change. A refusal is in the audit log, too. */
MUST_CHECK int vault_settings_set(struct db *db, const char *vault,
				  const struct vault_settings *to,
				  const char *actor, struct refusal *why);

/* Until when what is deleted now is kept; now: it is not. */
int64_t settings_kept_until(const struct vault_settings *s, int64_t now);
bool settings_need_pin(const struct vault_settings *s, int64_t now);
bool settings_are_immutable(const struct vault_settings *s);

/* "Enabled", "AlwaysON", "Unlocked", as Recovery Services vaults spell them;
 * letters in any case are read. */
const char *setting_state_text(enum setting_state s);
bool setting_state_parse(const char *text, enum setting_state *out);
const char *immutability_text(enum immutability i);
bool immutability_parse(const char *text, enum immutability *out);

/* Note that something was refused, and return -EPERM, or an error of that. Not
 * within db_write(): it would be undone with it. */
MUST_CHECK int note_refusal(struct db *db, const char *actor,
			    const char *action, const char *target,
			    const struct refusal *why);
/* Other points may be kept from now on than before. Only within db_write(). */
MUST_CHECK int vault_next_generation(struct db *db, const char *vault);

#endif /* VAULT_RETENTION_SETTINGS_H */
