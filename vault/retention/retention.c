/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retention.c - which points of a machine are kept.
 */
#include "vault/retention/retention.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "vault/retention/policy.h"
#include "vault/retention/settings.h"

/* --- what is in force --- */

static int take_held(void *arg, const struct db_row *row)
{
	struct retention *r = arg;
	const char *why;
	int e;

	if (r->n == ARRAY_LEN(r->v))
		return 0;
	e = policy_parse(db_text(row, 0), &r->v[r->n], &why);
	if (e == -EINVAL)
		return log_fail(-EUCLEAN, "former policy %s: %s",
				db_text(row, 0), why);
	r->n++;
	return e;
}

static int get_generation(struct db *db, const char *machine, int64_t *out)
{
	return db_number(db, out,
			 "SELECT generation FROM vault JOIN machine"
			 " ON machine.vault = vault.id WHERE machine.id = ?",
			 "s", machine);
}

/* The generation first: who finds it unchanged later has seen all of it. */
int retention_get(struct db *db, const char *machine, struct retention *out)
{
	int e;

	memset(out, 0, sizeof(*out));
	e = get_generation(db, machine, &out->generation);
	if (e == 0)
		e = policy_of_machine(db, machine, &out->v[0]);
	if (e < 0)
		return e;
	out->n = 1;
	return db_query(db, take_held, out,
			"SELECT rules FROM retention_held"
			" WHERE machine = ? AND until > ?",
			"si", machine, clock_now());
}

int retention_check(struct db *db, const char *machine, int64_t generation)
{
	int64_t now;
	int e = get_generation(db, machine, &now);

	return e < 0 ? e : now == generation ? 0 : -EAGAIN;
}

int retention_apply(const struct retention *r, const int64_t *times, size_t n,
		    int64_t now, unsigned int *reasons)
{
	CLEANUP_FREE unsigned int *held = NULL;
	size_t i, k;

	gfs_apply(&r->v[0], times, n, now, reasons);
	if (r->n == 1)
		return 0;
	held = calloc(n + 1, sizeof(*held));
	if (!held)
		return -ENOMEM;
	for (k = 1; k < r->n; k++) {
		gfs_apply(&r->v[k], times, n, now, held);
		for (i = 0; i < n; i++)
			if (held[i] && !reasons[i])
				reasons[i] = KEEP_HELD;
	}
	return 0;
}

struct ending {
	const struct retention *r;
	int64_t end;
};

static int take_end(void *arg, const struct db_row *row)
{
	struct ending *x = arg;
	size_t k;

	for (k = 0; k < x->r->n; k++)
		x->end = MAX(x->end, gfs_end(&x->r->v[k], db_int(row, 0)));
	return 0;
}

int retention_end(struct db *db, const char *machine, int64_t *out)
{
	struct retention r;
	struct ending x = { &r, 0 };
	int e = retention_get(db, machine, &r);

	if (e == 0)
		e = db_query(db, take_end, &x,
			     "SELECT arrived FROM point WHERE machine = ?", "s",
			     machine);
	*out = x.end;
	return e;
}

/* --- lowering --- */

/* 0: there is nothing to hold; 1: there is, until *until. */
static int judge(struct db *db, const char *vault, const struct gfs *from,
		 const struct gfs *to, int64_t *until)
{
	struct vault_settings s;
	int64_t now = clock_now();
	int e = vault_settings_get(db, vault, &s);

	if (e == 0)
		e = vault_next_generation(db, vault);
	if (e < 0 || !gfs_lowers(from, to))
		return e;
	if (settings_are_immutable(&s))
		return -EPERM;
	*until = settings_kept_until(&s, now);
	return *until > now;
}

static int check_room(struct db *db)
{
	int64_t n;
	int e = db_number(db, &n,
			  "SELECT MAX(n) FROM (SELECT COUNT(*) AS n"
			  " FROM retention_held WHERE until > ?"
			  " GROUP BY machine)",
			  "i", clock_now());

	return e == 0 && n > RETENTION_HELD_MAX ? -EBUSY : e;
}

#define HOLD                                                                   \
	"INSERT INTO retention_held(machine, rules, until)"                    \
	" SELECT id, ?, ? FROM machine WHERE "
#define HELD_ALREADY                                                           \
	" ON CONFLICT DO UPDATE SET until = MAX(until, excluded.until)"

int retention_change_policy(struct db *db, const char *vault,
			    const char *policy, const struct gfs *from,
			    const struct gfs *to)
{
	char rules[POLICY_TEXT_MAX];
	int64_t until;
	int e = judge(db, vault, from, to, &until);

	if (e <= 0)
		return e;
	e = db_exec(db, HOLD "policy = ?" HELD_ALREADY, "sis",
		    policy_text(from, rules), until, policy);
	return e <= 0 ? e : check_room(db);
}

int retention_change_machine(struct db *db, const char *vault,
			     const char *machine, const struct gfs *from,
			     const struct gfs *to)
{
	char rules[POLICY_TEXT_MAX];
	int64_t until;
	int e = judge(db, vault, from, to, &until);

	if (e <= 0)
		return e;
	e = db_exec(db, HOLD "id = ?" HELD_ALREADY, "sis",
		    policy_text(from, rules), until, machine);
	return e <= 0 ? e : check_room(db);
}

int retention_forget(struct db *db)
{
	int e = db_exec(db, "DELETE FROM retention_held WHERE until <= ?", "i",
			clock_now());

	return MIN(e, 0);
}
