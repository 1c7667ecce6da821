/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protection.c - what becomes of a machine's data when its protection ends.
 *
 * A transition is one transaction: the state that it starts from, what forbids
 * it, and its line in the audit log. So a purge and an undelete that come
 * together have an order, and whoever comes second is refused.
 */
#include "vault/retention/protection.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "vault/monitor/alerts.h"
#include "vault/audit.h"
#include "vault/machines/machines.h"
#include "vault/retention/pin.h"
#include "vault/retention/retention.h"

/* --- reading --- */

static int take_protection(void *arg, const struct db_row *row)
{
	struct protection *p = arg;
	int64_t state = db_int(row, 0);

	p->state = state < PROTECTED || state > PROTECTION_PURGED
			   ? PROTECTION_STOPPED /* of a newer version */
			   : (enum protection_state)state;
	p->since = db_int(row, 1);
	p->purge_after = db_int(row, 2);
	return 1;
}

int protection_get(struct db *db, const char *machine, struct protection *out)
{
	int e = db_query(db, take_protection, out,
			 "SELECT state, state_since, purge_after FROM machine"
			 " WHERE id = ?",
			 "s", machine);

	if (e == 0 || (e > 0 && out->state == PROTECTION_PURGED))
		return -ENOENT;
	return MIN(e, 0);
}

int protection_check_write(struct db *db, const char *machine)
{
	struct protection p;
	int e = protection_get(db, machine, &p);

	if (e < 0)
		return e;
	return p.state == PROTECTED ? 0 : -EROFS;
}

/* --- words --- */

const char *protection_text(enum protection_state s)
{
	return s == PROTECTED ? "Protected" : "ProtectionStopped";
}

bool protection_is_deferred(const struct protection *p)
{
	return p->state == PROTECTION_DELETED;
}

const char *protection_remaining(const struct protection *p, int64_t now,
				 char out[static 32])
{
	int64_t s = protection_is_deferred(p) ? MAX(p->purge_after - now, 0)
					      : 0;

	snprintf(out, 32, "%" PRId64 ".%02d:%02d:%02d", s / 86400,
		 (int)(s / 3600 % 24), (int)(s / 60 % 60), (int)(s % 60));
	return out;
}

/* --- what may become of what --- */

struct transition {
	const char *machine, *actor, *action;
	const char *detail; /* set by judge, or NULL */
	struct refusal *why;
	enum protection_state to;
	int64_t purge_after;
	/* of the vault that it is in, for judge */
	char vault[MACHINE_ID_LEN + 1];
	struct vault_settings settings;
	struct protection now;
	char text[80]; /* room for detail */
	/* Refuse, by why; or set what is not settled yet. Within a
	 * transaction, or outside to ask only. */
	int (*judge)(struct db *db, struct transition *t);
};

static int no(struct transition *t, const char *code, const char *text)
{
	*t->why = (struct refusal){ code, text };
	return -EPERM;
}

static int judge_stop(struct db *db, struct transition *t)
{
	(void)db;
	if (t->now.state == PROTECTED)
		return 0;
	return no(t, "ProtectionStopped",
		  "The protection of this machine is stopped already.");
}

static int judge_resume(struct db *db, struct transition *t)
{
	(void)db;
	if (t->now.state == PROTECTION_STOPPED)
		return 0;
	if (t->now.state == PROTECTED)
		return no(t, "AlreadyProtected", "This machine is protected.");
	if (t->now.state == PROTECTION_DELETED)
		return no(t, "ItemSoftDeleted",
			  "The data of this machine are deleted: undelete them "
			  "first.");
	return no(t, "ItemPurged",
		  "The data of this machine are being purged.");
}

static int judge_undelete(struct db *db, struct transition *t)
{
	(void)db;
	if (t->now.state == PROTECTION_DELETED)
		return 0;
	if (t->now.state == PROTECTION_PURGING)
		return no(t, "ItemPurged",
			  "The data of this machine are being purged: that "
			  "cannot be undone.");
	return no(t, "ItemNotDeleted",
		  "The data of this machine are not deleted.");
}

/* Is a point still kept by its policy, where nothing may shorten that? */
static int judge_immutable(struct db *db, struct transition *t)
{
	int64_t end;
	int e;

	if (!settings_are_immutable(&t->settings))
		return 0;
	e = retention_end(db, t->machine, &end);
	if (e == 0 && clock_now() < end)
		return no(t, "810001",
			  "The vault is immutable: recovery points of this "
			  "machine are still to be kept by its policy, so its "
			  "data cannot be deleted. Stop its protection and "
			  "keep them.");
	return e;
}

static int judge_delete(struct db *db, struct transition *t)
{
	if (t->now.state >= PROTECTION_DELETED)
		return no(t, "ItemSoftDeleted",
			  "The data of this machine are deleted already.");
	t->purge_after = settings_kept_until(&t->settings, clock_now());
	snprintf(t->text, sizeof(t->text), "kept for %" PRId64 " days more",
		 (t->purge_after - clock_now() + 86399) / 86400);
	t->detail = t->text;
	return judge_immutable(db, t);
}

static int judge_purge(struct db *db, struct transition *t)
{
	if (t->now.state != PROTECTION_DELETED)
		return no(t, "ItemNotDeleted",
			  "Only what was deleted is purged, and not twice.");
	t->purge_after = t->now.purge_after;
	if (clock_now() < t->purge_after)
		return no(t, "ItemSoftDeleted",
			  "The data of this machine are deleted softly: they "
			  "can be undeleted, and are purged only when their "
			  "time is over.");
	return judge_immutable(db, t);
}

static int judge_purged(struct db *db, struct transition *t)
{
	(void)db;
	t->purge_after = t->now.purge_after;
	return t->now.state == PROTECTION_PURGING ? 0 : -EUCLEAN;
}

/* --- transitions --- */

static int take_vault(void *arg, const struct db_row *row)
{
	snprintf(arg, MACHINE_ID_LEN + 1, "%s", db_text(row, 0));
	return 1;
}

static int look(struct db *db, struct transition *t)
{
	int e = protection_get(db, t->machine, &t->now);

	if (e == 0)
		e = db_query(db, take_vault, t->vault,
			     "SELECT vault FROM machine WHERE id = ?", "s",
			     t->machine);
	if (e >= 0)
		e = vault_settings_get(db, t->vault, &t->settings);
	return e < 0 ? e : t->judge(db, t);
}

static int warn(struct db *db, const struct transition *t)
{
	switch (t->to) {
	case PROTECTION_STOPPED:
		if (t->now.state != PROTECTED)
			return 0; /* undeleted */
		return alert_raise(db, ALERT_PROTECTION_STOPPED, t->machine,
				   "%s has stopped the protection of a "
				   "machine: what it has stored is kept, "
				   "nothing new is taken",
				   t->actor);
	case PROTECTION_DELETED:
		return alert_raise(db, ALERT_DELETE, t->machine,
				   "%s has deleted what a machine has stored: "
				   "%s, and can be undeleted until then",
				   t->actor, t->text);
	case PROTECTION_PURGED:
		return alert_raise(db, ALERT_PURGE, t->machine,
				   "what a machine had stored, and was deleted "
				   "softly, is gone");
	default:
		return 0;
	}
}

static int move(struct db *db, void *arg)
{
	struct transition *t = arg;
	struct audit_line line = { 0,	       0,      t->actor, t->action,
				   t->machine, "done", "" };
	int e = look(db, t);

	if (e == 0)
		e = db_exec(db,
			    "UPDATE machine SET state = ?, state_since = ?,"
			    " purge_after = ? WHERE id = ?",
			    "iiis", (int64_t)t->to, clock_now(), t->purge_after,
			    t->machine);
	/* whoever has just found out which points may go looks again */
	if (e >= 0)
		e = vault_next_generation(db, t->vault);
	if (e == 0)
		e = warn(db, t);
	if (t->detail)
		line.detail = t->detail;
	return e < 0 ? e : audit_add(db, &line);
}

static int change(struct db *db, struct transition *t)
{
	int e = db_write(db, move, t);

	return e == -EPERM ? note_refusal(db, t->actor, t->action, t->machine,
					  t->why)
			   : e;
}

int protection_stop(struct db *db, const char *machine, const char *actor,
		    struct refusal *why)
{
	struct transition t = { .machine = machine,
				.actor = actor,
				.action = "protection/stop",
				.why = why,
				.to = PROTECTION_STOPPED,
				.judge = judge_stop };

	return change(db, &t);
}

int protection_resume(struct db *db, const char *machine, const char *actor,
		      struct refusal *why)
{
	struct transition t = { .machine = machine,
				.actor = actor,
				.action = "protection/resume",
				.why = why,
				.to = PROTECTED,
				.judge = judge_resume };

	return change(db, &t);
}

int protection_undelete(struct db *db, const char *machine, const char *actor,
			struct refusal *why)
{
	struct transition t = { .machine = machine,
				.actor = actor,
				.action = "protection/undelete",
				.why = why,
				.to = PROTECTION_STOPPED,
				.judge = judge_undelete };

	return change(db, &t);
}

static int check_pin(struct db *db, struct transition *t, const char *pin)
{
	int e;

	if (!settings_need_pin(&t->settings, clock_now()))
		return 0;
	if (!pin)
		return no(t, "SecurityPinNeeded",
			  "To delete data takes a security PIN.");
	e = pin_use(db, t->vault, pin, t->actor);
	if (e != -EACCES)
		return e;
	return no(t, "SecurityPinInvalid",
		  "That security PIN is wrong, over, used or was guessed at "
		  "too often: ask for another one.");
}

/* The PIN has a transaction of its own, and comes last of what may be in the
 * way: what is found before is found again with the change. */
int protection_delete(struct db *db, const char *machine, const char *pin,
		      const char *actor, struct refusal *why)
{
	struct transition t = { .machine = machine,
				.actor = actor,
				.action = "protection/delete",
				.why = why,
				.to = PROTECTION_DELETED,
				.judge = judge_delete };
	int e = look(db, &t);

	if (e == 0)
		e = check_pin(db, &t, pin);
	if (e == -EPERM)
		return note_refusal(db, actor, t.action, machine, why);
	return e < 0 ? e : change(db, &t);
}

int protection_purge(struct db *db, const char *machine, const char *actor,
		     struct refusal *why)
{
	struct transition t = { .machine = machine,
				.actor = actor,
				.action = "protection/purge",
				.why = why,
				.to = PROTECTION_PURGING,
				.judge = judge_purge };

	return change(db, &t);
}

int protection_purge_if_due(struct db *db, const char *machine)
{
	struct refusal why;
	struct transition t = { .machine = machine,
				.actor = "retention",
				.action = "protection/purge",
				.why = &why,
				.to = PROTECTION_PURGING,
				.judge = judge_purge };

	return db_write(db, move, &t);
}

/* Its certificates are revoked before: nobody is to speak for it. */
int protection_purged(struct db *db, const char *machine)
{
	struct refusal why;
	struct transition t = { .machine = machine,
				.actor = "retention",
				.action = "protection/purged",
				.why = &why,
				.to = PROTECTION_PURGED,
				.judge = judge_purged };
	int e = machine_unregister(db, machine, "retention");

	return e < 0 && e != -ENOENT ? e : change(db, &t);
}
