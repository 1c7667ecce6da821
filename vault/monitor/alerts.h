/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alerts.h - what an administrator has to know, once.
 *
 * Whoever notices something raises an alert; what becomes of it (a list, a
 * metric, a mail, a webhook) is decided elsewhere. An alert has a kind, which
 * says how severe it is, and a subject: the id of a machine or vault, or "".
 *
 * Some kinds are conditions: they last until alert_clear(), and while they do,
 * raising one again counts it and renews its text. Others are events: the same
 * one within ALERT_HOUR is counted, a later one is a new alert. Only a new
 * alert is sent.
 *
 *	e = db_write(db, delete_all, &d);	-- in delete_all():
 *	e = alert_raise(db, ALERT_DELETE, machine, "the data of %s are deleted
 *			by %s", name, actor);
 *
 * Raised within db_write(), an alert is there if and only if the change is.
 *
 * Errors:  negative errno, logged. -ENOENT: no such alert, not logged.
 * Threads: any.
 * Source:  severities of Azure Monitor's built-in alerts for Azure Backup: 0
 *          security, 1 jobs; below that our own.
 */
#ifndef VAULT_MONITOR_ALERTS_H
#define VAULT_MONITOR_ALERTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "vault/db.h"

#define ALERT_HOUR 3600
#define ALERT_TEXT_MAX 1024
#define ALERT_KEPT_DAYS 180 /* after it ended */

enum alert_kind {
	ALERT_DELETE,		  /* of backup data, asked for by somebody */
	ALERT_SOFT_DELETE_OFF,	  /* of a vault */
	ALERT_IMMUTABILITY_OFF,	  /* of a vault */
	ALERT_MUA_OFF,		  /* a resource guard was taken off a vault */
	ALERT_POLICY_SHORTENED,	  /* points live less long than they did */
	ALERT_PROTECTION_STOPPED, /* of a machine; its data are kept */
	ALERT_PURGE,		  /* what was soft-deleted is gone, or soon */
	ALERT_HEAD,		  /* a machine goes back, or leaves a gap */
	ALERT_UNUSUAL, /* much more, or much less compressible, than ever */
	ALERT_DAMAGE,  /* an object is not what its name says: lasts */
	ALERT_BACKUP_FAILED,  /* a machine says so: lasts until one succeeds */
	ALERT_RESTORE_FAILED, /* a machine says so */
	ALERT_MISSED,	      /* a machine has not come: lasts until it does */
	ALERT_UNREGISTERED,   /* a machine */
	ALERT_REFUSED,	      /* somebody tries to register again and again */
	ALERT_DISK,	      /* nearly full: lasts */
	ALERT_QUOTA,	      /* a machine's is nearly used up: lasts */
	ALERT_CLOCK,	      /* has jumped */
	ALERT_NOT_SENT,	      /* alerts could not be sent: lasts */
	ALERT_KINDS
};

/* "delete", "soft-delete-off", ... */
const char *alert_kind_name(enum alert_kind kind);
unsigned int alert_severity(enum alert_kind kind); /* 0 is the worst */

/* By itself a transaction, or a part of the one that it is in. */
MUST_CHECK int alert_raise(struct db *db, enum alert_kind kind,
			   const char *subject, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
/* What lasted is over, if it was there. */
MUST_CHECK int alert_clear(struct db *db, enum alert_kind kind,
			   const char *subject);
/* An administrator has seen it; a line of the audit log. */
MUST_CHECK int alert_acknowledge(struct db *db, int64_t id, const char *actor);

struct alert {
	int64_t id;
	const char *kind, *subject, *text;
	int64_t severity;
	int64_t first, last, count;
	int64_t ended;	      /* 0: a condition that lasts, or an event */
	int64_t acknowledged; /* 0: nobody has */
	const char *machine;  /* its name, if the subject is one; or NULL */
};
typedef int alert_fn(void *arg, const struct alert *a);
/* Those that last or nobody has acknowledged; or all. The oldest first. */
MUST_CHECK int alerts_list(struct db *db, bool all, alert_fn *fn, void *arg);
/* Its members, into an object that is open. */
void alert_json(struct json_out *j, const struct alert *a);
/* How many of each kind are open: last, or were not acknowledged. */
MUST_CHECK int alerts_count(struct db *db, int64_t open[static ALERT_KINDS]);
/* What ended long ago, and was acknowledged, goes. */
MUST_CHECK int alerts_forget(struct db *db);

/* --- the outbox --- */

enum alert_channel { ALERT_MAIL, ALERT_WEBHOOK, ALERT_CHANNELS };

#define NOTICES_MAX 1000 /* that wait, of each channel */

struct notice {
	int64_t created, tries;
	struct alert alert;
};
/* fn gets those that are due, the worst first, at most max of them. */
typedef int notice_fn(void *arg, const struct notice *n);
MUST_CHECK int notices_due(struct db *db, enum alert_channel channel,
			   unsigned int max, notice_fn *fn, void *arg);
/* It was sent, or never will be. */
MUST_CHECK int notice_done(struct db *db, enum alert_channel channel,
			   int64_t alert);
/* Again at that time. */
MUST_CHECK int notice_later(struct db *db, enum alert_channel channel,
			    int64_t alert, int64_t due);
/* Nothing is to be sent that way; what waits is forgotten. */
MUST_CHECK int notices_drop(struct db *db, enum alert_channel channel);
MUST_CHECK int notices_waiting(struct db *db, enum alert_channel channel,
			       int64_t *n);

#endif /* VAULT_MONITOR_ALERTS_H */
