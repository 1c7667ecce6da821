/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_run.c - choose, compare, judge.
 *
 * What differs from its record is only a suspect. It may have changed while
 * or after it was looked at, and then there is a mark of it, or will be in a
 * moment: some marks follow their change. So (docs/change-tracking.md, "The
 * audit"): compare; wait for the inode's lock, which all but a few changes
 * hold until they are marked; ask for the marks, after that. What is left is
 * looked at twice more, each time behind a sync of the file system, the last
 * time after a second. Only what differs each time, and has no mark at last,
 * is a miss.
 */
#include <errno.h>

#include "base/log.h"
#include "tools/audit.h"
#include "tools/backup_token.h"
#include "tools/output.h"

/* Chosen at once, judged at once. */
#define GROUP 32768
#define BATCH 1024
#define BATCH_BYTES ((uint64_t)1 << 30)
/* Backups that come in between make what was chosen old. */
#define TRIES 5

struct suspect {
	const struct audit_unit *unit;
	unsigned int differs;
	/* Content alone differed, and there was no mark: nothing changes content
	 * that way. A mark that the sync makes as it writes back is no excuse. */
	bool is_sure;
};

/* --- the view --- */

void audit_close_view(struct audit *a)
{
	track_end(TAKE_PTR(a->track));
	catalog_close(a->catalog);
	a->catalog = NULL;
	audit_picked_release(&a->picked);
}

static int ask(struct audit *a, struct track **out)
{
	struct track_options opt = {
		.archiver = a->archiver,
		.catalog = a->catalog,
		.filter = a->in.filter,
		.one_file_system = cli_flag(a->cli, "one-file-system"),
		.differs = filter_has_max_size(a->in.filter),
	};

	return track_peek(&opt, out);
}

static int open_view(struct audit *a)
{
	int e;

	audit_close_view(a);
	e = catalog_open_audit(a->dir, SPAN(a->set, sizeof(a->set)), false,
			       cli_interrupted, &a->catalog);
	if (e == 0)
		e = ask(a, &a->track);
	if (e == 0 && track_is_stale(a->track)) {
		log_error("patterns, options or mounts are not those of the "
			  "last backup: give audit the same, or back up first");
		e = -EINVAL;
	}
	return e;
}

static enum audit_hold hold(void *arg, struct catalog_key key,
			    const struct node *n)
{
	const struct audit *a = arg;
	const struct dirty *marks = track_marks(a->track, key.fsid);

	if (n->flags & (NODE_PARTIAL | NODE_OTHER_FS))
		return AUDIT_CHANGED;
	if (!marks)
		return n->flags & NODE_RACY ? AUDIT_CHANGED : AUDIT_BY_TIMES;
	if (dirty_find(marks, key.ino) ||
	    (n->type == NODE_DIR && track_is_again(a->track, key)))
		return AUDIT_CHANGED;
	return AUDIT_BY_TRACKER;
}

static int pick(struct audit *a, const struct audit_arc *arc)
{
	struct audit_pick opt = { .catalog = a->catalog,
				  .sources = a->sources,
				  .n_sources = a->n_sources,
				  .seed = a->plan.seed,
				  .arc = arc,
				  .hold = hold,
				  .arg = a };

	audit_picked_release(&a->picked);
	return audit_pick(&opt, &a->picked);
}

int audit_count(struct audit *a)
{
	int e = open_view(a);

	if (e == 0)
		e = pick(a, NULL);
	a->held = a->picked.held;
	a->held_bytes = a->picked.held_bytes;
	a->changed = a->picked.changed;
	return e;
}

/* --- judging --- */

/* Is there a mark of it? -EAGAIN: nobody can say any more. */
static int is_marked(const struct track *t, const struct suspect *s)
{
	const struct audit_dir *d;
	const struct dirty *marks = track_marks(t, s->unit->key.fsid);

	if (!marks)
		return -EAGAIN;
	if (dirty_find(marks, s->unit->key.ino))
		return 1;
	/* another name leads to it, or none */
	for (d = s->differs & AUDIT_GONE ? s->unit->in : NULL; d; d = d->up) {
		marks = track_marks(t, d->key.fsid);
		if (!marks)
			return -EAGAIN;
		if (dirty_find(marks, d->key.ino))
			return 1;
	}
	return 0;
}

/* It was counted, and is not held to be unchanged any more. */
static void not_held(struct audit *a, const struct audit_unit *u)
{
	a->moved++;
	a->looked_at--;
	a->files -= u->node.type == NODE_FILE;
	a->by_tracker -= u->is_tracked;
}

/* Those of which there are marks by now are none. */
static int drop_marked(struct audit *a, struct suspect *s, size_t *n)
{
	struct track *t = NULL;
	size_t i, k = 0;
	int e;

	for (i = 0; i < *n; i++)
		if (s[i].unit->is_tracked)
			audit_check_wait(s[i].unit);
	e = ask(a, &t);
	for (i = 0; e >= 0 && i < *n; i++) {
		bool asks = s[i].unit->is_tracked && !s[i].is_sure;

		e = asks ? is_marked(t, &s[i]) : 0;
		if (e != 0) {
			not_held(a, s[i].unit);
			continue;
		}
		s[i].is_sure |= s[i].differs == AUDIT_CONTENT;
		s[k++] = s[i];
	}
	track_end(t);
	if (e >= 0)
		*n = k;
	return e < 0 ? e : 0;
}

static int look_again(struct audit *a, struct suspect *s, size_t *n)
{
	struct audit_found f;
	size_t i, k = 0;
	int e = track_sync(a->track);

	for (i = 0; e == 0 && i < *n; i++) {
		e = audit_check_unit(&a->check, s[i].unit, &f);
		if (e < 0 && e != -EINTR && e != -ENOMEM) {
			/* told when it was first looked at, or it is gone */
			e = 0;
			continue;
		}
		a->bytes += f.bytes;
		if (f.has_moved && !s[i].unit->is_tracked) {
			not_held(a, s[i].unit);
			continue;
		}
		if (f.differs || f.has_moved) {
			s[k] = s[i];
			s[k++].differs = f.differs ?: AUDIT_STAT;
		}
	}
	if (e == 0)
		*n = k;
	return e;
}

static int keep_miss(struct audit *a, const struct suspect *s)
{
	struct audit_unit *u;
	struct audit_dir *in;

	if (a->n_misses == a->cap_misses) {
		size_t cap = a->cap_misses ? 2 * a->cap_misses : 16;
		void *p = realloc(a->misses, cap * sizeof(*a->misses));

		if (!p)
			return -ENOMEM;
		a->misses = p;
		a->cap_misses = cap;
	}
	a->misses[a->n_misses].differs = s->differs;
	u = &a->misses[a->n_misses].unit;
	*u = *s->unit;
	u->path = arena_copy(&a->arena, u->path, strlen(u->path) + 1);
	if (u->node.name.len)
		u->node.name.p =
			arena_copy(&a->arena, u->node.name.p, u->node.name.len);
	if (u->in) {
		in = arena_alloc(&a->arena, sizeof(*in));
		if (!in)
			return -ENOMEM;
		*in = (struct audit_dir){ NULL, u->in->key };
		u->in = in;
	}
	if (!u->path || (u->node.name.len && !u->node.name.p))
		return -ENOMEM;
	a->n_misses++;
	a->tracker_misses += u->is_tracked;
	a->gave_up |= a->n_misses >= AUDIT_MISSES_MAX;
	return 0;
}

/* What is left of the suspects are misses. -EAGAIN: a backup ran meanwhile,
 * choose anew. */
static int judge(struct audit *a, struct suspect *s, size_t n)
{
	size_t i;
	int e = n ? drop_marked(a, s, &n) : 0, pass;

	for (pass = 0; e == 0 && n > 0 && pass < 2; pass++) {
		if (pass == 1)
			sleep(1);
		e = look_again(a, s, &n);
		if (e == 0)
			e = drop_marked(a, s, &n);
	}
	for (i = 0; e == 0 && i < n; i++)
		e = keep_miss(a, &s[i]);
	return e;
}

/* --- looking --- */

static void tell_unreadable(struct audit *a, const struct audit_unit *u, int e)
{
	a->unreadable++;
	output_on_error(NULL, u->path, e, "audit");
}

/* One unit; *s is filled if it is a suspect: 1. */
static int look(struct audit *a, const struct audit_unit *u, struct suspect *s)
{
	struct audit_found f = { 0 };
	int e = audit_check_unit(&a->check, u, &f);

	a->bytes += f.bytes;
	if (e == -EINTR || e == -ENOMEM)
		return e;
	if (e < 0) {
		tell_unreadable(a, u, e);
		return 0;
	}
	if (f.has_moved && !u->is_tracked) {
		a->moved++;
		return 0;
	}
	a->looked_at++;
	a->files += u->node.type == NODE_FILE;
	a->by_tracker += u->is_tracked;
	if (!f.differs && !f.has_moved)
		return 0;
	*s = (struct suspect){ u, f.differs ?: AUDIT_STAT, false };
	return 1;
}

/* What was counted of a batch that is done once more. */
struct counts {
	uint64_t looked_at, files, by_tracker, moved, unreadable;
};

static struct counts counts_of(const struct audit *a)
{
	return (struct counts){ a->looked_at, a->files, a->by_tracker, a->moved,
				a->unreadable };
}

static void counts_back(struct audit *a, const struct counts *c)
{
	a->looked_at = c->looked_at;
	a->files = c->files;
	a->by_tracker = c->by_tracker;
	a->moved = c->moved;
	a->unreadable = c->unreadable;
}

/* Units from *at on, as many as are judged at once; moves *at on. */
static int batch(struct audit *a, size_t *at)
{
	CLEANUP_FREE struct suspect *suspects =
		calloc(BATCH, sizeof(*suspects));
	struct counts before = counts_of(a);
	uint64_t began = a->bytes;
	size_t i = *at, n = 0;
	int e = suspects ? 0 : -ENOMEM;

	while (e >= 0 && i < a->picked.n && i - *at < BATCH &&
	       a->bytes - began < BATCH_BYTES && a->bytes < a->bytes_max) {
		e = cli_interrupted()
			    ? -EINTR
			    : look(a, &a->picked.units[i++], &suspects[n]);
		n += e == 1;
	}
	if (e >= 0)
		e = judge(a, suspects, n);
	if (e < 0)
		counts_back(a, &before);
	else
		*at = i;
	return e;
}

static bool is_enough(const struct audit *a)
{
	return a->gave_up || a->bytes >= a->bytes_max;
}

/* All of the arc up to this far behind its beginning was looked at. */
static int save(struct audit *a, const struct audit_arc *arc, uint64_t behind)
{
	struct audit_plan p = a->plan;

	audit_advance(&p, arc, behind, a->now, a->period);
	return audit_state_save(a, &p);
}

/* A part of the arc. Units up to *done behind its beginning were looked at
 * already. */
static int group(struct audit *a, const struct audit_arc *arc,
		 const struct audit_arc *part, uint64_t *done)
{
	size_t at = 0;
	int e = open_view(a);

	if (e == 0)
		e = pick(a, part);
	while (at < a->picked.n && a->picked.units[at].behind < *done)
		at++;
	while (e == 0 && at < a->picked.n && !is_enough(a)) {
		e = batch(a, &at);
		if (e < 0)
			break;
		*done = at < a->picked.n ? a->picked.units[at].behind
					 : a->picked.units[at - 1].behind + 1;
		if (!arc->all)
			e = save(a, arc, part->from - arc->from + *done);
	}
	return e;
}

int audit_arc_run(struct audit *a, const struct audit_arc *arc)
{
	double part = arc->all ? 1 : (double)arc->len / 18446744073709551616.0;
	uint64_t n = 1 + (uint64_t)((double)a->held * part) / GROUP, i;
	int e = 0, tries;

	for (i = 0; e == 0 && i < n && !is_enough(a); i++) {
		struct audit_arc p = audit_arc_part(arc, i, n);
		uint64_t done = 0;

		for (tries = 1;; tries++) {
			e = group(a, arc, &p, &done);
			if (e != -EAGAIN || tries == TRIES)
				break;
		}
		if (e == -EAGAIN)
			log_error("backups came in between %d times: try again "
				  "later",
				  tries);
	}
	return e == 0 && !is_enough(a) ? save(a, arc, arc->len) : e;
}

/* --- healing --- */

/* Has the daemon begun anew where something was missed? */
static bool distrust(struct audit *a)
{
	bool all = true;
	size_t i, k;

	for (i = 0; i < a->n_misses; i++) {
		const struct audit_unit *u = &a->misses[i].unit;

		for (k = 0; k < i; k++)
			if (a->misses[k].unit.is_tracked &&
			    a->misses[k].unit.key.fsid == u->key.fsid)
				break;
		if (u->is_tracked && k == i &&
		    (!a->track || track_distrust(a->track, u->key.fsid) < 0))
			all = false;
	}
	return all;
}

/*
 * First the catalog, without the token: whatever happens after that, the
 * next backup scans. With the token again, once the daemon knows, it scans
 * and can say why. What was missed by times alone no daemon knows of.
 */
int audit_heal(struct audit *a)
{
	CLEANUP_FREE const struct audit_unit **units = NULL;
	struct catalog *c = NULL;
	uint8_t note = 0;
	size_t i;
	int e;

	if (a->n_misses == 0)
		return 0;
	units = calloc(a->n_misses, sizeof(*units));
	if (!units)
		return -ENOMEM;
	for (i = 0; i < a->n_misses; i++)
		units[i] = &a->misses[i].unit;
	/* never twice open in one process */
	catalog_close(a->catalog);
	a->catalog = NULL;
	e = catalog_open_audit(a->dir, SPAN(a->set, sizeof(a->set)), true, NULL,
			       &c);
	if (e == 0) {
		(void)catalog_use_index(c);
		e = audit_doubt(c, units, a->n_misses);
	}
	if (e == 0) {
		note = catalog_note(c);
		catalog_set_note(c, NOTE_AUDIT);
		e = catalog_amend(c, false);
	}
	a->healed = e == 0;
	a->distrusted = distrust(a);
	if (e == 0 && a->distrusted && a->tracker_misses == a->n_misses) {
		catalog_set_note(c, note);
		e = catalog_amend(c, true);
	}
	catalog_close(c);
	return e;
}
