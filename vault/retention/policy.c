/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.c - what is kept, and for how long.
 */
#include "vault/retention/policy.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "base/clock.h"
#include "vault/monitor/alerts.h"
#include "vault/audit.h"
#include "vault/machines/machines.h"
#include "vault/retention/retention.h"

const struct gfs policy_default = {
	.days = 30,
	.rules = { { .count = 12, .weekdays = 1 },
		   { .count = 24, .days = 1u << 1 },
		   { .count = 10, .days = 1u << 1, .months = 1 } },
};

static const char *const units[] = { "weekly", "monthly", "yearly" };
static const char *const weekdays[] = { "sun", "mon", "tue", "wed",
					"thu", "fri", "sat", NULL };
static const char *const weeks[] = { "first",  "second", "third",
				     "fourth", "last",	 NULL };
static const char *const months[] = { "jan", "feb", "mar", "apr", "may",
				      "jun", "jul", "aug", "sep", "oct",
				      "nov", "dec", NULL };

/* --- words --- */

static int find(const char *const *names, const char *word)
{
	int i;

	for (i = 0; names[i]; i++)
		if (!strcmp(names[i], word))
			return i;
	return -1;
}

static bool get_count(const char *text, unsigned int *out)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	*out = (unsigned int)n;
	return *text >= '1' && *text <= '9' && !*end && n < 100000;
}

/* "sun", "first-sun", "17" or "last". */
static bool take_day(struct gfs_rule *r, char *word)
{
	char *dash = strchr(word, '-');
	unsigned int day;
	int i;

	if (dash) {
		*dash++ = '\0';
		i = find(weeks, word);
		if (i < 0)
			return false;
		r->weeks |= (uint8_t)(1 << i);
		word = dash;
	}
	i = find(weekdays, word);
	if (i >= 0) {
		r->weekdays |= (uint8_t)(1 << i);
		return true;
	}
	if (!dash && !strcmp(word, "last"))
		r->days |= 1;
	else if (!dash && get_count(word, &day) && day <= 28)
		r->days |= 1u << day;
	else
		return false;
	return true;
}

static bool take_month(struct gfs_rule *r, char *word)
{
	int i = find(months, word);

	r->months |= (uint16_t)(i < 0 ? 0 : 1 << i);
	return i >= 0;
}

static bool take_all(struct gfs_rule *r, char *words,
		     bool (*take)(struct gfs_rule *, char *))
{
	char *save, *word;

	for (word = strtok_r(words, "+", &save); word;
	     word = strtok_r(NULL, "+", &save))
		if (!take(r, word))
			return false;
	return true;
}

/* "12:sun", "10:jan:1" */
static bool take_rule(struct gfs_rule *r, enum gfs_unit unit, char *text)
{
	char *days = strchr(text, ':'), *next;

	if (!days)
		return false;
	*days++ = '\0';
	if (unit == BY_YEAR) {
		next = strchr(days, ':');
		if (!next)
			return false;
		*next++ = '\0';
		if (!take_all(r, days, take_month))
			return false;
		days = next;
	}
	return get_count(text, &r->count) && take_all(r, days, take_day) &&
	       !(r->days && r->weekdays) &&
	       (unit == BY_WEEK ? !r->days && !r->weeks : r->days || r->weeks);
}

static bool take_word(struct gfs *g, char *word)
{
	char *value = strchr(word, '=');
	unsigned int u;

	if (!value)
		return false;
	*value++ = '\0';
	if (!strcmp(word, "daily"))
		return get_count(value, &g->days);
	for (u = BY_WEEK; u <= BY_YEAR; u++)
		if (!strcmp(word, units[u]))
			return !g->rules[u].count &&
			       take_rule(&g->rules[u], u, value);
	return false;
}

int policy_parse(const char *text, struct gfs *out, const char **why)
{
	CLEANUP_FREE char *copy = strdup(text);
	char *save, *word;

	memset(out, 0, sizeof(*out));
	if (!copy)
		return -ENOMEM;
	*why = "words are daily=30, weekly=12:sun, monthly=24:1 or "
	       "24:first-sun, yearly=10:jan:1, with commas between";
	for (word = strtok_r(copy, ",", &save); word;
	     word = strtok_r(NULL, ",", &save))
		if (!take_word(out, word))
			return -EINVAL;
	*why = gfs_mistake(out);
	return *why ? -EINVAL : 0;
}

struct text {
	char *p;
	size_t left;
};

static void PRINTF_LIKE(2, 3) add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->p, t->left, fmt, ap);
	va_end(ap);
	n = MIN(n, (int)t->left - 1);
	t->p += n;
	t->left -= (size_t)n;
}

static void add_names(struct text *t, uint32_t bits, const char *const *names)
{
	const char *between = "";
	int i;

	for (i = 0; names[i]; i++)
		if (bits & 1u << i) {
			add(t, "%s%s", between, names[i]);
			between = "+";
		}
}

static void add_days(struct text *t, const struct gfs_rule *r)
{
	const char *between = "";
	int w, d;

	for (d = 1; d <= 28; d++)
		if (r->days & 1u << d) {
			add(t, "%s%d", between, d);
			between = "+";
		}
	if (r->days & 1)
		add(t, "%slast", between);
	if (!r->weeks)
		add_names(t, r->weekdays, weekdays);
	for (w = 0; weeks[w]; w++)
		for (d = 0; weekdays[d]; d++)
			if ((r->weeks & 1u << w) && (r->weekdays & 1u << d)) {
				add(t, "%s%s-%s", between, weeks[w],
				    weekdays[d]);
				between = "+";
			}
}

const char *policy_text(const struct gfs *g, char out[static POLICY_TEXT_MAX])
{
	struct text t = { out, POLICY_TEXT_MAX };
	unsigned int u;

	add(&t, "daily=%u", g->days);
	for (u = BY_WEEK; u <= BY_YEAR; u++) {
		if (!g->rules[u].count)
			continue;
		add(&t, ",%s=%u:", units[u], g->rules[u].count);
		if (u == BY_YEAR) {
			add_names(&t, g->rules[u].months, months);
			add(&t, ":");
		}
		add_days(&t, &g->rules[u]);
	}
	return out;
}

/* --- in the database --- */

struct policy {
	char id[MACHINE_ID_LEN + 1];
	const char *vault, *name, *actor;
	const struct gfs *g;
};

static int add_rules(struct db *db, const struct policy *p)
{
	unsigned int u;
	int e = 0;

	for (u = BY_WEEK; u <= BY_YEAR && e >= 0; u++) {
		const struct gfs_rule *r = &p->g->rules[u];

		if (r->count)
			e = db_exec(db,
				    "INSERT INTO policy_rule(policy, unit,"
				    " count, days, weekdays, weeks, months)"
				    " VALUES (?, ?, ?, ?, ?, ?, ?)",
				    "siiiiii", p->id, (int64_t)u,
				    (int64_t)r->count, (int64_t)r->days,
				    (int64_t)r->weekdays, (int64_t)r->weeks,
				    (int64_t)r->months);
	}
	return MIN(e, 0);
}

static int note(struct db *db, const struct policy *p, const char *action)
{
	char text[POLICY_TEXT_MAX];
	struct audit_line line = {
		0, 0, p->actor, action, p->name, "done", policy_text(p->g, text)
	};

	return audit_add(db, &line);
}

static int check_least(struct db *db, const struct policy *p)
{
	struct vault_settings s;
	int e = vault_settings_get(db, p->vault, &s);

	if (e == 0 && settings_need_pin(&s, clock_now()) && gfs_too_short(p->g))
		return -ERANGE;
	return e;
}

/* What was refused is in the audit log, too. */
static int answer(struct db *db, int e, const struct policy *p,
		  const char *action)
{
	struct refusal why;

	if (!policy_refusal(e, p->g, &why))
		return e;
	if (note_refusal(db, p->actor, action, p->name, &why) != -EPERM)
		return -EIO;
	return e;
}

static int add_policy(struct db *db, void *arg)
{
	const struct policy *p = arg;
	int e = check_least(db, p);

	if (e == 0)
		e = db_exec(db,
			    "INSERT INTO policy(id, vault, name, days)"
			    " VALUES (?, ?, ?, ?)",
			    "sssi", p->id, p->vault, p->name,
			    (int64_t)p->g->days);
	if (e >= 0)
		e = add_rules(db, p);
	return e < 0 ? e : note(db, p, "policy/create");
}

int policy_add(struct db *db, const char *vault, const char *name,
	       const struct gfs *g, const char *actor)
{
	struct policy p = { "", vault, name, actor, g };

	uuid_make(p.id);
	return answer(db, db_write(db, add_policy, &p), &p, "policy/create");
}

static int take_id(void *arg, const struct db_row *row)
{
	snprintf(arg, MACHINE_ID_LEN + 1, "%s", db_text(row, 0));
	return 1;
}

#define RULE_COLUMNS                                                           \
	"policy.days, unit, count, policy_rule.days, weekdays, weeks, months"

/* Columns from 0, as above. */
static int take_rule_row(void *arg, const struct db_row *row)
{
	struct gfs *g = arg;
	int64_t u = db_int(row, 1);

	g->days = (unsigned int)db_int(row, 0);
	if (u >= BY_WEEK && u <= BY_YEAR && db_int(row, 2) > 0)
		g->rules[u] = (struct gfs_rule){
			.count = (unsigned int)db_int(row, 2),
			.days = (uint32_t)db_int(row, 3),
			.weekdays = (uint8_t)db_int(row, 4),
			.weeks = (uint8_t)db_int(row, 5),
			.months = (uint16_t)db_int(row, 6),
		};
	return 0;
}

int policy_of_machine(struct db *db, const char *machine, struct gfs *out)
{
	int e;

	memset(out, 0, sizeof(*out));
	e = db_query(db, take_rule_row, out,
		     "SELECT " RULE_COLUMNS " FROM machine JOIN policy"
		     " ON policy.id = machine.policy"
		     " LEFT JOIN policy_rule ON policy_rule.policy = policy.id"
		     " WHERE machine.id = ?",
		     "s", machine);
	return e == 0 && out->days == 0 ? -ENOENT : e;
}

static int get_rules(struct db *db, const char *policy, struct gfs *out)
{
	int e;

	memset(out, 0, sizeof(*out));
	e = db_query(db, take_rule_row, out,
		     "SELECT " RULE_COLUMNS " FROM policy"
		     " LEFT JOIN policy_rule ON policy_rule.policy = policy.id"
		     " WHERE policy.id = ?",
		     "s", policy);
	return e;
}

/* --- changing --- */

static int warn_of_lower(struct db *db, const struct policy *p,
			 const struct gfs *from, const struct gfs *to)
{
	char before[POLICY_TEXT_MAX], after[POLICY_TEXT_MAX];

	if (!gfs_lowers(from, to))
		return 0;
	return alert_raise(db, ALERT_POLICY_SHORTENED, p->vault,
			   "by %s, what policy %s keeps is less than before: "
			   "%s, it was %s",
			   p->actor, p->name, policy_text(to, after),
			   policy_text(from, before));
}

static int find_policy(struct db *db, struct policy *p)
{
	int e = db_query(db, take_id, p->id,
			 "SELECT id FROM policy WHERE vault = ? AND name = ?",
			 "ss", p->vault, p->name);

	return e == 0 ? -ENOENT : MIN(e, 0);
}

static int change_policy(struct db *db, void *arg)
{
	struct policy *p = arg;
	struct gfs from;
	int e = find_policy(db, p);

	if (e == 0)
		e = get_rules(db, p->id, &from);
	if (e == 0)
		e = check_least(db, p);
	if (e == 0)
		e = retention_change_policy(db, p->vault, p->id, &from, p->g);
	if (e >= 0)
		e = warn_of_lower(db, p, &from, p->g);
	if (e >= 0)
		e = db_exec(db, "UPDATE policy SET days = ? WHERE id = ?", "is",
			    (int64_t)p->g->days, p->id);
	if (e >= 0)
		e = db_exec(db, "DELETE FROM policy_rule WHERE policy = ?", "s",
			    p->id);
	if (e >= 0)
		e = add_rules(db, p);
	return e < 0 ? e : note(db, p, "policy/change");
}

int policy_change(struct db *db, const char *vault, const char *name,
		  const struct gfs *g, const char *actor)
{
	struct policy p = { "", vault, name, actor, g };

	return answer(db, db_write(db, change_policy, &p), &p, "policy/change");
}

struct assignment {
	const char *machine;
	struct policy p;
};

static int assign(struct db *db, void *arg)
{
	struct assignment *a = arg;
	char vault[MACHINE_ID_LEN + 1], target[MACHINE_ID_LEN + 1];
	struct audit_line line = { 0,	   0,	   a->p.actor, "policy/assign",
				   target, "done", a->p.name };
	struct gfs from, to;
	int e = db_query(db, take_id, vault,
			 "SELECT vault FROM machine WHERE id = ?", "s",
			 a->machine);

	if (e <= 0)
		return e < 0 ? e : -ENOENT;
	snprintf(target, sizeof(target), "%s", a->machine);
	a->p.vault = vault;
	e = find_policy(db, &a->p);
	if (e == 0)
		e = policy_of_machine(db, a->machine, &from);
	if (e == 0)
		e = get_rules(db, a->p.id, &to);
	if (e == 0)
		e = retention_change_machine(db, vault, a->machine, &from, &to);
	if (e >= 0)
		e = warn_of_lower(db, &a->p, &from, &to);
	if (e >= 0)
		e = db_exec(db, "UPDATE machine SET policy = ? WHERE id = ?",
			    "ss", a->p.id, a->machine);
	a->p.vault = NULL;
	return e < 0 ? e : audit_add(db, &line);
}

int policy_assign(struct db *db, const char *machine, const char *name,
		  const char *actor)
{
	struct assignment a = { machine, { "", NULL, name, actor, NULL } };

	return answer(db, db_write(db, assign, &a), &a.p, "policy/assign");
}

bool policy_refusal(int e, const struct gfs *g, struct refusal *why)
{
	const char *few = g ? gfs_too_short(g) : NULL;

	switch (e) {
	case -ERANGE:
		*why = (struct refusal){ "RetentionTooShort",
					 few ?: "it keeps too little" };
		return true;
	case -EPERM:
		*why = (struct refusal){
			"810001", "the vault is immutable: nothing may be kept "
				  "for a shorter time than before"
		};
		return true;
	case -EBUSY:
		*why = (struct refusal){
			"PolicyLoweredTooOften",
			"it was lowered too often lately: what it was before "
			"is kept beside it until soft delete's days are over"
		};
		return true;
	}
	return false;
}

struct listing {
	struct db *db;
	policy_fn *fn;
	void *arg;
};

static int list_policy(void *arg, const struct db_row *row)
{
	const struct listing *l = arg;
	struct policy_entry p = { .vault = db_text(row, 1),
				  .name = db_text(row, 2) };
	int e = db_query(l->db, take_rule_row, &p.g,
			 "SELECT " RULE_COLUMNS " FROM policy"
			 " LEFT JOIN policy_rule ON policy_rule.policy ="
			 " policy.id WHERE policy.id = ?",
			 "s", db_text(row, 0));

	return e < 0 ? e : l->fn(l->arg, &p);
}

int policies_list(struct db *db, policy_fn *fn, void *arg)
{
	struct listing l = { db, fn, arg };

	return db_query(db, list_policy, &l,
			"SELECT policy.id, vault.name, policy.name FROM policy"
			" JOIN vault ON vault.id = policy.vault"
			" ORDER BY vault.name, policy.name",
			"");
}
