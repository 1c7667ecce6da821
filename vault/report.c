/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.c - what is in a vault, for its administrator.
 */
#include "vault/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "vault/audit.h"
#include "vault/retention/collect.h"
#include "vault/retention/policy.h"
#include "vault/machines/readers.h"

static const char *time_text(char out[32], int64_t t)
{
	time_t sec = (time_t)t;
	struct tm tm;

	if (!t || !gmtime_r(&sec, &tm) ||
	    strftime(out, 32, "%Y-%m-%d %H:%M:%SZ", &tm) == 0)
		snprintf(out, 32, "-");
	return out;
}

static int print_json(struct buf *b, struct json_out *j)
{
	int e = json_end(j);

	if (e == 0)
		printf("%.*s\n", (int)b->len, (const char *)b->p);
	return e;
}

static const char *state_text(const struct machine *m)
{
	if (m->state >= PROTECTION_DELETED)
		return "deleted";
	if (m->removed)
		return "unregistered";
	return m->state == PROTECTION_STOPPED ? "stopped" : "";
}

static int print_machine(void *arg, const struct machine *m)
{
	const bool *json = arg;
	CLEANUP_BUF struct buf b = BUF_INIT(8192);
	struct json_out j = JSON_OUT(&b);
	char newest[32];

	if (!*json) {
		printf("%s  %-24s %-12s %6" PRId64 " point%s %14" PRId64
		       " bytes  newest %s\n",
		       m->id, m->name, state_text(m), m->points,
		       m->points == 1 ? " " : "s", m->bytes,
		       time_text(newest, m->newest));
		return 0;
	}
	json_object(&j, NULL);
	json_str(&j, "message_type", "machine");
	json_str(&j, "machine", m->id);
	json_str(&j, "name", m->name);
	json_i64(&j, "registered", m->registered);
	json_bool(&j, "is_registered", m->removed == 0);
	json_str(&j, "protection", protection_text(m->state));
	json_bool(&j, "is_deleted", m->state >= PROTECTION_DELETED);
	json_i64(&j, "purge_after", m->purge_after);
	json_i64(&j, "head", m->head);
	json_i64(&j, "points", m->points);
	json_i64(&j, "newest_point", m->newest);
	json_i64(&j, "bytes", m->bytes);
	json_close(&j);
	return print_json(&b, &j);
}

static const char *state_of(const struct vault_reader *r)
{
	if (r->revoked)
		return "revoked";
	if (r->expires <= clock_now())
		return "over";
	return r->used ? "in use" : "not used";
}

static int print_reader(void *arg, const struct vault_reader *r)
{
	const bool *json = arg;
	CLEANUP_BUF struct buf b = BUF_INIT(8192);
	struct json_out j = JSON_OUT(&b);
	char until[32];

	if (!*json) {
		printf("%s  %-8s until %s  %-36s  %s\n", r->id, state_of(r),
		       time_text(until, r->expires),
		       r->machine[0] ? r->machine : "every machine",
		       r->used ? r->name : "-");
		return 0;
	}
	json_object(&j, NULL);
	json_str(&j, "message_type", "reader");
	json_str(&j, "reader", r->id);
	json_str(&j, "state", state_of(r));
	if (r->machine[0])
		json_str(&j, "machine", r->machine);
	if (r->used)
		json_str(&j, "name", r->name);
	json_i64(&j, "created", r->created);
	json_i64(&j, "expires", r->expires);
	json_i64(&j, "used", r->used);
	json_i64(&j, "revoked", r->revoked);
	json_close(&j);
	return print_json(&b, &j);
}

int report_readers(struct vault *v, bool json)
{
	return readers_list(v->db, print_reader, &json);
}

static int print_line(void *arg, const struct audit_line *l,
		      const uint8_t hash[static SHA256_LEN])
{
	const bool *json = arg;
	CLEANUP_BUF struct buf b = BUF_INIT(64u << 10);
	struct json_out j = JSON_OUT(&b);
	char when[32];

	if (!*json) {
		printf("%6" PRId64 "  %s  %-10s %-20s %s by %s%s%s\n", l->seq,
		       time_text(when, l->time), l->outcome, l->action,
		       l->target, l->actor, *l->detail ? ": " : "", l->detail);
		return 0;
	}
	json_object(&j, NULL);
	json_str(&j, "message_type", "audit");
	json_i64(&j, "seq", l->seq);
	json_i64(&j, "time", l->time);
	json_str(&j, "actor", l->actor);
	json_str(&j, "action", l->action);
	json_str(&j, "target", l->target);
	json_str(&j, "outcome", l->outcome);
	json_str(&j, "detail", l->detail);
	json_hex(&j, "hash", hash, SHA256_LEN);
	json_close(&j);
	return print_json(&b, &j);
}

int report_machines(struct vault *v, bool json)
{
	return machines_list(v->db, print_machine, &json);
}

int report_audit(struct vault *v, bool json)
{
	return audit_list(v->db, 0, print_line, &json);
}

int report_audit_verdict(struct vault *v)
{
	struct audit_verdict verdict;
	char hex[2 * SHA256_LEN + 1];
	int e = audit_verify(v->db, &verdict);

	if (e < 0)
		return e;
	hex_encode(hex, verdict.last, SHA256_LEN);
	if (verdict.wrong) {
		log_error("line %" PRId64 " of the audit log does not follow "
			  "from the one before: it, or one before it, was "
			  "changed or taken out",
			  verdict.wrong);
		return -EUCLEAN;
	}
	printf("%" PRId64 " lines, each follows from the one before; the last "
	       "hash is %s\n",
	       verdict.lines, hex);
	return 0;
}

/* --- recovery points --- */

static const char *const reasons[] = { "daily",	 "weekly", "monthly",
				       "yearly", "newest", "held" };

static void print_reasons(unsigned int bits)
{
	const char *between = "";
	size_t i;

	for (i = 0; i < ARRAY_LEN(reasons); i++)
		if (bits & 1u << i) {
			printf("%s%s", between, reasons[i]);
			between = ",";
		}
	puts(bits ? "" : "nothing: the next collection lets it go");
}

static int print_point(void *arg, const struct point *p)
{
	const bool *json = arg;
	CLEANUP_BUF struct buf b = BUF_INIT(8192);
	struct json_out j = JSON_OUT(&b);
	char when[32];
	size_t i;

	if (!*json) {
		printf("%8" PRId64 "  %s  %14" PRId64 " bytes  kept as ",
		       p->head, time_text(when, p->arrived), p->bytes);
		print_reasons(p->reasons);
		return 0;
	}
	json_object(&j, NULL);
	json_str(&j, "message_type", "point");
	json_i64(&j, "head", p->head);
	json_i64(&j, "arrived", p->arrived);
	json_i64(&j, "bytes", p->bytes);
	json_array(&j, "kept_as");
	for (i = 0; i < ARRAY_LEN(reasons); i++)
		if (p->reasons & 1u << i)
			json_str(&j, NULL, reasons[i]);
	json_close(&j);
	json_close(&j);
	return print_json(&b, &j);
}

int report_points(struct vault *v, const char *machine, bool json)
{
	int e = points_list(v->db, machine, print_point, &json);

	if (e == -ENOENT)
		log_error("no machine has the id %s", machine);
	return e;
}

static int print_policy(void *arg, const struct policy_entry *p)
{
	char text[POLICY_TEXT_MAX];

	(void)arg;
	printf("%s/%s %s\n", p->vault, p->name, policy_text(&p->g, text));
	return 0;
}

int report_policies(struct vault *v)
{
	return policies_list(v->db, print_policy, NULL);
}
