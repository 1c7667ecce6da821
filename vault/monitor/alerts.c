/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alerts.c - what an administrator has to know, once.
 */
#include "vault/monitor/alerts.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "vault/audit.h"

#define DAY 86400

static const struct kind {
	const char *name;
	unsigned int severity;
	bool lasts;
} kinds[ALERT_KINDS] = {
	[ALERT_DELETE] = { "delete", 0, false },
	[ALERT_SOFT_DELETE_OFF] = { "soft-delete-off", 0, false },
	[ALERT_IMMUTABILITY_OFF] = { "immutability-off", 0, false },
	[ALERT_MUA_OFF] = { "multi-user-authorization-off", 0, false },
	[ALERT_POLICY_SHORTENED] = { "policy-shortened", 0, false },
	[ALERT_PROTECTION_STOPPED] = { "protection-stopped", 0, false },
	[ALERT_PURGE] = { "purge", 0, false },
	[ALERT_HEAD] = { "head", 0, false },
	[ALERT_UNUSUAL] = { "unusual-change", 0, false },
	[ALERT_DAMAGE] = { "damage", 1, true },
	[ALERT_BACKUP_FAILED] = { "backup-failed", 1, true },
	[ALERT_RESTORE_FAILED] = { "restore-failed", 1, false },
	[ALERT_MISSED] = { "missed-backup", 1, true },
	[ALERT_UNREGISTERED] = { "unregistered", 1, false },
	[ALERT_REFUSED] = { "registration-refused", 2, false },
	[ALERT_DISK] = { "disk", 1, true },
	[ALERT_QUOTA] = { "quota", 2, true },
	[ALERT_CLOCK] = { "clock", 1, false },
	[ALERT_NOT_SENT] = { "not-sent", 2, true },
};

const char *alert_kind_name(enum alert_kind kind)
{
	return kinds[kind].name;
}

unsigned int alert_severity(enum alert_kind kind)
{
	return kinds[kind].severity;
}

/* --- raising --- */

struct raising {
	const struct kind *kind;
	const char *subject, *text;
	bool is_new;
};

/* One that waits for an alert that is new; a full outbox takes no more. */
static int add_notices(struct db *db)
{
	int e = 0, channel;

	for (channel = 0; channel < ALERT_CHANNELS && e >= 0; channel++)
		e = db_exec(db,
			    "INSERT INTO notice(alert, channel, created, due,"
			    " tries) SELECT id, ?, ?, ?, 0 FROM alert"
			    " WHERE (SELECT COUNT(*) FROM notice"
			    " WHERE channel = ?) < ? ORDER BY id DESC LIMIT 1",
			    "iiiii", (int64_t)channel, clock_now(), clock_now(),
			    (int64_t)channel, (int64_t)NOTICES_MAX);
	return MIN(e, 0);
}

static int add_alert(struct db *db, const struct raising *r)
{
	int64_t now = clock_now();
	int e = db_exec(db,
			"INSERT INTO alert(kind, severity, subject, first,"
			" last, count, text) VALUES (?, ?, ?, ?, ?, 1, ?)",
			"sisiis", r->kind->name, (int64_t)r->kind->severity,
			r->subject, now, now, r->text);

	return e < 0 ? e : add_notices(db);
}

/* The same again? Of conditions: if it has not ended. */
static int count_again(struct db *db, const struct raising *r)
{
	int64_t now = clock_now();

	if (r->kind->lasts)
		return db_exec(db,
			       "UPDATE alert SET last = ?, count = count + 1,"
			       " text = ? WHERE kind = ? AND subject = ?"
			       " AND ended IS NULL",
			       "isss", now, r->text, r->kind->name, r->subject);
	return db_exec(db,
		       "UPDATE alert SET last = ?, count = count + 1, text = ?"
		       " WHERE kind = ? AND subject = ? AND last > ?"
		       " AND acknowledged IS NULL",
		       "isssi", now, r->text, r->kind->name, r->subject,
		       now - ALERT_HOUR);
}

static int raise_one(struct db *db, void *arg)
{
	struct raising *r = arg;
	int e = count_again(db, r);

	r->is_new = e == 0;
	return e == 0 ? add_alert(db, r) : MIN(e, 0);
}

int alert_raise(struct db *db, enum alert_kind kind, const char *subject,
		const char *fmt, ...)
{
	char text[ALERT_TEXT_MAX];
	struct raising r = { &kinds[kind], subject, text, false };
	va_list ap;
	int e;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	e = db_write(db, raise_one, &r);
	if (e == 0 && r.is_new)
		log_warn("alert (%s, severity %u): %s", r.kind->name,
			 r.kind->severity, text);
	return e;
}

struct ending {
	const char *kind, *subject;
};

static int end_one(struct db *db, void *arg)
{
	const struct ending *x = arg;
	int e = db_exec(db,
			"UPDATE alert SET ended = ? WHERE kind = ?"
			" AND subject = ? AND ended IS NULL",
			"iss", clock_now(), x->kind, x->subject);

	return MIN(e, 0);
}

/* Most conditions are not there: that is found out without a commit. */
int alert_clear(struct db *db, enum alert_kind kind, const char *subject)
{
	struct ending x = { kinds[kind].name, subject };
	int64_t n;
	int e = db_number(db, &n,
			  "SELECT 1 FROM alert WHERE kind = ? AND subject = ?"
			  " AND ended IS NULL",
			  "ss", x.kind, subject);

	return e == -ENOENT ? 0 : e < 0 ? e : db_write(db, end_one, &x);
}

struct acknowledging {
	int64_t id;
	const char *actor;
};

static int acknowledge(struct db *db, void *arg)
{
	const struct acknowledging *a = arg;
	char target[32];
	struct audit_line line = {
		0, 0, a->actor, "alert/acknowledge", target, "done", ""
	};
	int n = db_exec(db,
			"UPDATE alert SET acknowledged = ?, acknowledged_by = ?"
			" WHERE id = ? AND acknowledged IS NULL",
			"isi", clock_now(), a->actor, a->id);

	snprintf(target, sizeof(target), "%lld", (long long)a->id);
	return n < 0 ? n : n == 0 ? -ENOENT : audit_add(db, &line);
}

int alert_acknowledge(struct db *db, int64_t id, const char *actor)
{
	struct acknowledging a = { id, actor };

	return db_write(db, acknowledge, &a);
}

/* --- looking --- */

#define COLUMNS                                                                \
	"a.id, a.kind, a.severity, a.subject, a.first, a.last, a.count,"       \
	" a.text, a.ended, a.acknowledged, m.name"
#define TABLES "alert a LEFT JOIN machine m ON m.id = a.subject"

static struct alert alert_of(const struct db_row *row)
{
	return (struct alert){
		.id = db_int(row, 0),
		.kind = db_text(row, 1),
		.severity = db_int(row, 2),
		.subject = db_text(row, 3),
		.first = db_int(row, 4),
		.last = db_int(row, 5),
		.count = db_int(row, 6),
		.text = db_text(row, 7),
		.ended = db_int(row, 8),
		.acknowledged = db_int(row, 9),
		.machine = db_text(row, 10),
	};
}

struct listing {
	alert_fn *fn;
	notice_fn *notice;
	void *arg;
};

static int list_row(void *arg, const struct db_row *row)
{
	const struct listing *l = arg;
	struct alert a = alert_of(row);

	return l->fn(l->arg, &a);
}

int alerts_list(struct db *db, bool all, alert_fn *fn, void *arg)
{
	struct listing l = { fn, NULL, arg };

	return db_query(db, list_row, &l,
			"SELECT " COLUMNS " FROM " TABLES
			" WHERE ? OR a.acknowledged IS NULL ORDER BY a.id",
			"i", (int64_t)all);
}

void alert_json(struct json_out *j, const struct alert *a)
{
	json_i64(j, "alert", a->id);
	json_str(j, "kind", a->kind);
	json_i64(j, "severity", a->severity);
	json_str(j, "subject", a->subject);
	json_str(j, "machine", a->machine);
	json_i64(j, "first", a->first);
	json_i64(j, "last", a->last);
	json_i64(j, "count", a->count);
	json_bool(j, "is_over", a->ended != 0);
	json_bool(j, "is_acknowledged", a->acknowledged != 0);
	json_str(j, "text", a->text);
}

static int count_row(void *arg, const struct db_row *row)
{
	int64_t *open = arg;
	unsigned int i;

	for (i = 0; i < ALERT_KINDS; i++)
		if (!strcmp(kinds[i].name, db_text(row, 0)))
			open[i] = db_int(row, 1);
	return 0;
}

int alerts_count(struct db *db, int64_t open[static ALERT_KINDS])
{
	memset(open, 0, ALERT_KINDS * sizeof(*open));
	return db_query(db, count_row, open,
			"SELECT kind, COUNT(*) FROM alert"
			" WHERE acknowledged IS NULL AND ended IS NULL"
			" GROUP BY kind",
			"");
}

static int forget(struct db *db, void *arg)
{
	int e;

	(void)arg;
	e = db_exec(db,
		    "DELETE FROM alert WHERE acknowledged IS NOT NULL"
		    " AND last < ?",
		    "i", clock_now() - (int64_t)ALERT_KEPT_DAYS * DAY);
	return MIN(e, 0);
}

int alerts_forget(struct db *db)
{
	return db_write(db, forget, NULL);
}

/* --- the outbox --- */

static int notice_row(void *arg, const struct db_row *row)
{
	const struct listing *l = arg;
	struct notice n = { db_int(row, 11), db_int(row, 12), alert_of(row) };

	return l->notice(l->arg, &n);
}

int notices_due(struct db *db, enum alert_channel channel, unsigned int max,
		notice_fn *fn, void *arg)
{
	struct listing l = { NULL, fn, arg };

	return db_query(db, notice_row, &l,
			"SELECT " COLUMNS ", n.created, n.tries"
			" FROM notice n JOIN " TABLES
			" WHERE n.alert = a.id AND n.channel = ?"
			" AND n.due <= ? ORDER BY a.severity, a.id LIMIT ?",
			"iii", (int64_t)channel, clock_now(), (int64_t)max);
}

struct moving {
	enum alert_channel channel;
	int64_t alert, due;
};

static int move(struct db *db, void *arg)
{
	const struct moving *m = arg;
	int e;

	if (m->alert == 0)
		e = db_exec(db, "DELETE FROM notice WHERE channel = ?", "i",
			    (int64_t)m->channel);
	else if (m->due == 0)
		e = db_exec(db,
			    "DELETE FROM notice WHERE alert = ?"
			    " AND channel = ?",
			    "ii", m->alert, (int64_t)m->channel);
	else
		e = db_exec(db,
			    "UPDATE notice SET due = ?, tries = tries + 1"
			    " WHERE alert = ? AND channel = ?",
			    "iii", m->due, m->alert, (int64_t)m->channel);
	return MIN(e, 0);
}

int notice_done(struct db *db, enum alert_channel channel, int64_t alert)
{
	struct moving m = { channel, alert, 0 };

	return db_write(db, move, &m);
}

int notice_later(struct db *db, enum alert_channel channel, int64_t alert,
		 int64_t due)
{
	struct moving m = { channel, alert, due };

	return db_write(db, move, &m);
}

int notices_drop(struct db *db, enum alert_channel channel)
{
	struct moving m = { channel, 0, 0 };

	return db_write(db, move, &m);
}

int notices_waiting(struct db *db, enum alert_channel channel, int64_t *n)
{
	return db_number(db, n, "SELECT COUNT(*) FROM notice WHERE channel = ?",
			 "i", (int64_t)channel);
}
