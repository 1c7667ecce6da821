/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings.c - how hard it is to lose what a vault has.
 */
#include "vault/retention/settings.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>

#include "base/clock.h"
#include "vault/monitor/alerts.h"
#include "vault/audit.h"

#define DAY 86400

/* --- words --- */

static const char *const states[] = { "Disabled", "Enabled", "AlwaysON" };
static const char *const immutabilities[] = { "Disabled", "Unlocked",
					      "Locked" };

static bool find(const char *const names[static 3], const char *text,
		 unsigned int *out)
{
	unsigned int i;

	for (i = 0; i < 3; i++)
		if (!strcasecmp(names[i], text)) {
			*out = i;
			return true;
		}
	return false;
}

const char *setting_state_text(enum setting_state s)
{
	return states[s];
}

bool setting_state_parse(const char *text, enum setting_state *out)
{
	unsigned int i;
	bool is_known = find(states, text, &i);

	if (is_known)
		*out = (enum setting_state)i;
	return is_known;
}

const char *immutability_text(enum immutability i)
{
	return immutabilities[i];
}

bool immutability_parse(const char *text, enum immutability *out)
{
	unsigned int i;
	bool is_known = find(immutabilities, text, &i);

	if (is_known)
		*out = (enum immutability)i;
	return is_known;
}

/* --- what follows from them --- */

int64_t settings_kept_until(const struct vault_settings *s, int64_t now)
{
	int64_t until = now;

	if (s->soft_delete != SETTING_DISABLED)
		until += (int64_t)s->soft_delete_days * DAY;
	return MAX(until, s->held_until);
}

bool settings_need_pin(const struct vault_settings *s, int64_t now)
{
	return s->enhanced != SETTING_DISABLED || now < s->guarded_until;
}

bool settings_are_immutable(const struct vault_settings *s)
{
	return s->immutability != IMMUTABILITY_DISABLED;
}

/* --- reading --- */

/* A number that no version of this program has written is the strict one. */
static unsigned int within(int64_t n)
{
	return n < 0 || n > 2 ? 2 : (unsigned int)n;
}

static int take_settings(void *arg, const struct db_row *row)
{
	struct vault_settings *s = arg;

	s->soft_delete = (enum setting_state)within(db_int(row, 0));
	s->soft_delete_days = (unsigned int)db_int(row, 1);
	s->immutability = (enum immutability)within(db_int(row, 2));
	s->enhanced = (enum setting_state)within(db_int(row, 3));
	s->held_until = db_int(row, 4);
	s->guarded_until = db_int(row, 5);
	return 1;
}

int vault_settings_get(struct db *db, const char *vault,
		       struct vault_settings *out)
{
	int e = db_query(db, take_settings, out,
			 "SELECT soft_delete, soft_delete_days, immutability,"
			 " enhanced, held_until, guarded_until FROM vault"
			 " WHERE id = ?",
			 "s", vault);

	return e == 0 ? -ENOENT : MIN(e, 0);
}

/* --- changing --- */

static bool check(const struct vault_settings *from,
		  const struct vault_settings *to, struct refusal *why)
{
	bool less_soft = to->soft_delete == SETTING_DISABLED ||
			 to->soft_delete_days < from->soft_delete_days;

	if (to->soft_delete_days < SOFT_DELETE_DAYS_MIN ||
	    to->soft_delete_days > SOFT_DELETE_DAYS_MAX)
		*why = (struct refusal){ "InvalidSoftDeleteDays",
					 "What is deleted is kept for 14 to "
					 "180 days." };
	else if (from->soft_delete == SETTING_ALWAYS_ON &&
		 to->soft_delete != SETTING_ALWAYS_ON)
		*why = (struct refusal){ "SoftDeleteAlwaysOn",
					 "Soft delete is AlwaysON: that cannot "
					 "be undone." };
	else if (from->enhanced == SETTING_ALWAYS_ON &&
		 to->enhanced != SETTING_ALWAYS_ON)
		*why = (struct refusal){ "EnhancedSecurityAlwaysOn",
					 "The security features are AlwaysON: "
					 "that cannot be undone." };
	else if (from->immutability == IMMUTABILITY_LOCKED &&
		 to->immutability != IMMUTABILITY_LOCKED)
		*why = (struct refusal){ "ImmutabilityLocked",
					 "Immutability is Locked: that cannot "
					 "be undone." };
	else if (from->immutability == IMMUTABILITY_LOCKED && less_soft)
		*why = (struct refusal){ "ImmutabilityLocked",
					 "Immutability is Locked: soft delete "
					 "can be neither turned off nor "
					 "shortened." };
	else if (from->immutability == IMMUTABILITY_DISABLED &&
		 to->immutability == IMMUTABILITY_LOCKED)
		*why = (struct refusal){ "ImmutabilityNotUnlocked",
					 "Immutability is turned on as "
					 "Unlocked first, and Locked when that "
					 "has proven right: Locked cannot be "
					 "undone." };
	else
		return true;
	return false;
}

struct change {
	const char *vault, *actor;
	const struct vault_settings *to;
	struct refusal *why;
};

static int note(struct db *db, const struct change *c,
		const struct vault_settings *from)
{
	char text[300];
	struct audit_line line = { 0,	     0,	     c->actor, "vault/settings",
				   c->vault, "done", text };
	const struct vault_settings *to = c->to;

	snprintf(text, sizeof(text),
		 "soft delete %s, %u days (was %s, %u); immutability %s (was "
		 "%s); security features %s (were %s)",
		 setting_state_text(to->soft_delete), to->soft_delete_days,
		 setting_state_text(from->soft_delete), from->soft_delete_days,
		 immutability_text(to->immutability),
		 immutability_text(from->immutability),
		 setting_state_text(to->enhanced),
		 setting_state_text(from->enhanced));
	return audit_add(db, &line);
}

/* Somebody may have to turn it on again before its time is over. */
static int warn(struct db *db, const struct change *c,
		const struct vault_settings *from)
{
	const struct vault_settings *to = c->to;
	int e = 0;

	if ((from->soft_delete != SETTING_DISABLED &&
	     to->soft_delete == SETTING_DISABLED) ||
	    (from->enhanced != SETTING_DISABLED &&
	     to->enhanced == SETTING_DISABLED))
		e = alert_raise(db, ALERT_SOFT_DELETE_OFF, c->vault,
				"%s has turned off what makes deleting hard: "
				"soft delete is %s, security features are %s; "
				"they hold for %u days more",
				c->actor, setting_state_text(to->soft_delete),
				setting_state_text(to->enhanced),
				from->soft_delete_days);
	if (e == 0 && from->immutability != IMMUTABILITY_DISABLED &&
	    to->immutability == IMMUTABILITY_DISABLED)
		e = alert_raise(db, ALERT_IMMUTABILITY_OFF, c->vault,
				"%s has turned off immutability", c->actor);
	return e;
}

/* What was promised until now holds for as long as it was to. */
static void hold(const struct vault_settings *from,
		 const struct vault_settings *to, int64_t now, int64_t *held,
		 int64_t *guarded)
{
	int64_t promised = now + (int64_t)from->soft_delete_days * DAY;

	*held = from->held_until;
	*guarded = from->guarded_until;
	if (from->soft_delete != SETTING_DISABLED &&
	    (to->soft_delete == SETTING_DISABLED ||
	     to->soft_delete_days < from->soft_delete_days))
		*held = MAX(*held, promised);
	if (from->enhanced != SETTING_DISABLED &&
	    to->enhanced == SETTING_DISABLED)
		*guarded = MAX(*guarded, promised);
}

static int set(struct db *db, void *arg)
{
	const struct change *c = arg;
	struct vault_settings from;
	int64_t held, guarded;
	int e = vault_settings_get(db, c->vault, &from);

	if (e < 0)
		return e;
	if (!check(&from, c->to, c->why))
		return -EPERM;
	hold(&from, c->to, clock_now(), &held, &guarded);
	e = db_exec(db,
		    "UPDATE vault SET soft_delete = ?, soft_delete_days = ?,"
		    " immutability = ?, enhanced = ?, held_until = ?,"
		    " guarded_until = ? WHERE id = ?",
		    "iiiiiis", (int64_t)c->to->soft_delete,
		    (int64_t)c->to->soft_delete_days,
		    (int64_t)c->to->immutability, (int64_t)c->to->enhanced,
		    held, guarded, c->vault);
	if (e >= 0)
		e = vault_next_generation(db, c->vault);
	if (e == 0)
		e = warn(db, c, &from);
	return e < 0 ? e : note(db, c, &from);
}

int vault_settings_set(struct db *db, const char *vault,
		       const struct vault_settings *to, const char *actor,
		       struct refusal *why)
{
	struct change c = { vault, actor, to, why };
	int e = db_write(db, set, &c);

	return e == -EPERM
		       ? note_refusal(db, actor, "vault/settings", vault, why)
		       : e;
}

int note_refusal(struct db *db, const char *actor, const char *action,
		 const char *target, const struct refusal *why)
{
	struct audit_line line = { 0,	   0,	      actor,	action,
				   target, "refused", why->code };
	int e = audit_note(db, &line);

	return e < 0 ? e : -EPERM;
}

int vault_next_generation(struct db *db, const char *vault)
{
	int e = db_exec(db,
			"UPDATE vault SET generation = generation + 1"
			" WHERE id = ?",
			"s", vault);

	return MIN(e, 0);
}
