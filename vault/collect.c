/* SPDX-License-Identifier: Apache-2.0 */
/*
 * collect.c - lets go of recovery points that no policy keeps, and of what
 * only they needed.
 */
#include "vault/collect.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "vault/audit.h"
#include "vault/machines.h"
#include "vault/policy.h"

#define DAY 86400

/* --- points --- */

struct points {
	struct point *v;
	size_t n, room;
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

static int apply(struct points *p, const struct gfs *g)
{
	CLEANUP_FREE int64_t *times = calloc(p->n + 1, sizeof(*times));
	CLEANUP_FREE unsigned int *reasons = calloc(p->n + 1, sizeof(*reasons));
	size_t i;

	if (!times || !reasons)
		return -ENOMEM;
	for (i = 0; i < p->n; i++)
		times[i] = p->v[i].arrived;
	gfs_apply(g, times, p->n, clock_now(), reasons);
	for (i = 0; i < p->n; i++)
		p->v[i].reasons = reasons[i];
	return 0;
}

static int get_points(struct db *db, const char *machine, struct points *out)
{
	struct gfs g;
	int e = policy_of_machine(db, machine, &g);

	if (e == 0)
		e = db_query(db, add_point, out,
			     "SELECT head, arrived, bytes FROM point"
			     " WHERE machine = ? ORDER BY head",
			     "s", machine);
	return e < 0 ? e : apply(out, &g);
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
	uint64_t n;
};

static int delete_points(struct db *db, void *arg)
{
	struct expiry *x = arg;
	char target[80];
	struct audit_line line = { 0,	   0,	   "retention", "point/expire",
				   target, "done", "" };
	size_t i;
	int e = 0;

	x->n = 0;
	for (i = 0; i < x->points->n && e >= 0; i++) {
		if (x->points->v[i].reasons)
			continue;
		e = db_exec(db,
			    "DELETE FROM point WHERE machine = ? AND head = ?",
			    "si", x->machine, x->points->v[i].head);
		snprintf(target, sizeof(target), "%s@%lld", x->machine,
			 (long long)x->points->v[i].head);
		if (e > 0)
			e = audit_add(db, &line);
		x->n++;
	}
	return MIN(e, 0);
}

static int expire(struct vault *v, const char *machine, struct collected *out)
{
	struct points p = { 0 };
	struct expiry x = { machine, &p, 0 };
	int e = get_points(v->db, machine, &p);

	if (e == 0)
		e = db_write(v->db, delete_points, &x);
	if (e == 0)
		out->points += x.n;
	free(p.v);
	return e;
}

/* --- the clock --- */

static int note_time(struct db *db, void *arg)
{
	int e;

	(void)arg;
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
	int e = check_clock(v, clock_is_right);

	memset(out, 0, sizeof(*out));
	if (e == 0)
		e = db_query(v->db, add_id, &ids, "SELECT id FROM machine", "");
	for (i = 0; i < ids.n && e == 0; i++) {
		e = expire(v, ids.v[i], out);
		if (e == 0)
			e = objects_collect(v->objects, ids.v[i], &out->objects,
					    &out->bytes);
	}
	free(ids.v);
	return e;
}
