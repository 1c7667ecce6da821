/* SPDX-License-Identifier: Apache-2.0 */
/*
 * collect.c - lets go of recovery points that no policy keeps, and of what
 * only they needed.
 */
#include "vault/retention/collect.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "vault/audit.h"
#include "vault/machines/machines.h"
#include "vault/retention/protection.h"
#include "vault/retention/retention.h"

#define DAY 86400
#define POINTS_AT_ONCE 200 /* others wait meanwhile */

/* --- points --- */

struct points {
	struct point *v;
	size_t n, room;
	int64_t generation; /* of retention_get() */
};

static int add_point(void *arg, const struct db_row *row)
{
	struct points *p = arg;

	if (p->n == p->room) {
		size_t room = p->room ? 2 * p->room : 64;
		struct point *v = realloc(p->v, room * sizeof(*v));

		if (!v)
			return -ENOMEM;
		p->v = v;
		p->room = room;
	}
	p->v[p->n++] = (struct point){ db_int(row, 0), db_int(row, 1),
				       db_int(row, 2), 0 };
	return 0;
}

static int apply(struct points *p, const struct retention *r)
{
	CLEANUP_FREE int64_t *times = calloc(p->n + 1, sizeof(*times));
	CLEANUP_FREE unsigned int *reasons = calloc(p->n + 1, sizeof(*reasons));
	size_t i;
	int e;

	if (!times || !reasons)
		return -ENOMEM;
	for (i = 0; i < p->n; i++)
		times[i] = p->v[i].arrived;
	e = retention_apply(r, times, p->n, clock_now(), reasons);
	for (i = 0; i < p->n; i++)
		p->v[i].reasons = reasons[i];
	return e;
}

static int get_points(struct db *db, const char *machine, struct points *out)
{
	struct retention r;
	int e = retention_get(db, machine, &r);

	out->generation = r.generation;
	if (e == 0)
		e = db_query(db, add_point, out,
			     "SELECT head, arrived, bytes FROM point"
			     " WHERE machine = ? ORDER BY head",
			     "s", machine);
	return e < 0 ? e : apply(out, &r);
}

int points_list(struct db *db, const char *machine, point_fn *fn, void *arg)
{
	struct points p = { 0 };
	size_t i;
	int e = get_points(db, machine, &p);

	for (i = 0; i < p.n && e == 0; i++)
		e = fn(arg, &p.v[i]);
	free(p.v);
	return e;
}

struct expiry {
	const char *machine;
	const struct points *points;
	size_t next; /* the first that was not looked at */
	uint64_t n;
};

static int delete_point(struct db *db, const struct expiry *x,
			const struct point *p)
{
	char target[80];
	struct audit_line line = { 0,	   0,	   "retention", "point/expire",
				   target, "done", "" };
	int e = db_exec(db, "DELETE FROM point WHERE machine = ? AND head = ?",
			"si", x->machine, p->head);

	snprintf(target, sizeof(target), "%s@%lld", x->machine,
		 (long long)p->head);
	return e > 0 ? audit_add(db, &line) : e;
}

/* Some. A policy or a state that has changed since they were found may keep
 * them. */
static int delete_points(struct db *db, void *arg)
{
	struct expiry *x = arg;
	size_t i = x->next, n = 0;
	int e = retention_check(db, x->machine, x->points->generation);

	for (; i < x->points->n && n < POINTS_AT_ONCE && e >= 0; i++) {
		if (x->points->v[i].reasons)
			continue;
		e = delete_point(db, x, &x->points->v[i]);
		n++;
	}
	if (e < 0)
		return e;
	x->next = i;
	x->n += n;
	return 0;
}

/* The generation was read before the state. */
static int is_protected(struct vault *v, const char *machine)
{
	struct protection now;
	int e = protection_get(v->db, machine, &now);

	return e < 0 ? e : now.state == PROTECTED;
}

static int expire(struct vault *v, const char *machine, struct collected *out)
{
	struct points p = { 0 };
	struct expiry x = { .machine = machine, .points = &p };
	int e = get_points(v->db, machine, &p);

	if (e == 0)
		e = is_protected(v, machine);
	while (e == 1 && x.next < p.n) {
		e = objects_check_interrupt(v->objects);
		if (e == 0)
			e = db_write(v->db, delete_points, &x);
		if (e == 0)
			e = 1;
	}
	out->points += x.n;
	free(p.v);
	/* it has changed: the next collection sees how */
	return e == -EAGAIN ? 0 : MIN(e, 0);
}

/* --- what was deleted --- */

static int purge(struct vault *v, const char *machine, struct collected *out)
{
	int e = objects_purge(v->objects, machine, &out->objects, &out->bytes);

	if (e == 0)
		e = protection_purged(v->db, machine);
	if (e == 0)
		out->purged++;
	return e;
}

static int collect_machine(struct vault *v, const char *machine,
			   struct collected *out)
{
	struct protection now;
	int e = protection_get(v->db, machine, &now);

	if (e == 0 && now.state == PROTECTION_DELETED &&
	    clock_now() >= now.purge_after) {
		e = protection_purge_if_due(v->db, machine);
		if (e == 0)
			now.state = PROTECTION_PURGING;
	}
	if (e == 0 && now.state == PROTECTION_PURGING)
		return purge(v, machine, out);
	/* -EPERM: an immutable vault keeps it longer */
	if (e < 0 || now.state == PROTECTION_DELETED)
		return e == -EPERM || e == -ENOENT ? 0 : e;
	e = expire(v, machine, out);
	return e < 0 ? e
		     : objects_collect(v->objects, machine, &out->objects,
				       &out->bytes);
}

/* --- the clock --- */

static int note_time(struct db *db, void *arg)
{
	int e = retention_forget(db);

	(void)arg;
	if (e < 0)
		return e;
	e = db_exec(db,
		    "INSERT INTO collection(one, time) VALUES (1, ?)"
		    " ON CONFLICT DO UPDATE SET time = excluded.time",
		    "i", clock_now());
	return MIN(e, 0);
}

static int check_clock(struct vault *v, bool is_right)
{
	int64_t last, now = clock_now();
	int e = db_number(v->db, &last, "SELECT time FROM collection", "");

	if (e == 0 && !is_right &&
	    now > last + (int64_t)COLLECT_JUMP_DAYS * DAY) {
		log_error("the clock is %lld days ahead of the last time that "
			  "retention was applied: nothing is let go until "
			  "tidemark-vaultd collect %s --clock-is-right",
			  (long long)((now - last) / DAY), v->dir);
		return -ETIME;
	}
	return e < 0 && e != -ENOENT ? e : db_write(v->db, note_time, NULL);
}

/* --- all of it --- */

struct ids {
	char (*v)[MACHINE_ID_LEN + 1];
	size_t n;
};

static int add_id(void *arg, const struct db_row *row)
{
	struct ids *ids = arg;
	void *v = realloc(ids->v, (ids->n + 1) * sizeof(*ids->v));

	if (!v)
		return -ENOMEM;
	ids->v = v;
	snprintf(ids->v[ids->n++], MACHINE_ID_LEN + 1, "%s", db_text(row, 0));
	return 0;
}

int collect(struct vault *v, bool clock_is_right, struct collected *out)
{
	struct ids ids = { NULL, 0 };
	size_t i;
	int e = check_clock(v, clock_is_right), r;

	memset(out, 0, sizeof(*out));
	if (e == 0)
		e = db_query(v->db, add_id, &ids,
			     "SELECT id FROM machine"
			     " WHERE state <> ?",
			     "i", (int64_t)PROTECTION_PURGED);
	if (e < 0)
		ids.n = 0;
	/* what is wrong with one is not in the way of the others */
	for (i = 0; i < ids.n && e != -ECANCELED; i++) {
		r = collect_machine(v, ids.v[i], out);
		e = r < 0 ? r : e;
	}
	free(ids.v);
	return e;
}
