/* SPDX-License-Identifier: Apache-2.0 */
/*
 * objects_delete.c - deletes what was dropped and no recovery point needs.
 *
 * What was dropped has an index of its own, in order of when. One pass through
 * it, a page at a time, compares each object's interval with the points that
 * are kept, which are numbers in memory; what lies between two of them goes,
 * in batches that are short enough for others to wait for.
 *
 * Whether it may go is asked again by the transaction that deletes its row, so
 * all that was found out before is only a guess. As in objects.c the row goes
 * first, then the file, if no row has come again meanwhile. A crash leaves
 * files without rows, for the scrub.
 */
#include "vault/objects/objects_private.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "vault/retention/protection.h"

#define PAGE 4096
/* Others wait for a batch: it has as many as go in a tenth of a second or so,
 * most of which is the disk's. */
#define BATCH_FIRST 128
#define BATCH_LEAST 32
#define SHORT_MS 50
#define LONG_MS 150

struct gone {
	enum store_class cls;
	char name[STORE_NAME_MAX + 1];
	int64_t since, until;
	bool is_gone; /* its row is */
};

struct pass {
	struct objects *o;
	struct repository *r;
	const char *machine;
	/* heads of the points that are kept, in order */
	int64_t *kept;
	size_t n_kept, room;
	/* a page: what may go, and where the next one begins */
	struct gone *v;
	size_t n, n_rows;
	struct gone last;
	bool purges;
	size_t batch; /* how many at once */
	uint64_t objects, bytes;
};

void objects_interrupt(struct objects *o)
{
	__atomic_store_n(&o->is_interrupted, true, __ATOMIC_RELAXED);
}

int objects_check_interrupt(struct objects *o)
{
	return __atomic_load_n(&o->is_interrupted, __ATOMIC_RELAXED)
		       ? -ECANCELED
		       : 0;
}

/* --- what may go --- */

static int add_kept(void *arg, const struct db_row *row)
{
	struct pass *p = arg;

	if (p->n_kept == p->room) {
		size_t room = p->room ? 2 * p->room : 256;
		int64_t *kept = realloc(p->kept, room * sizeof(*kept));

		if (!kept)
			return -ENOMEM;
		p->kept = kept;
		p->room = room;
	}
	p->kept[p->n_kept++] = db_int(row, 0);
	return 0;
}

/* Is there one in [since, until)? */
static bool is_needed(const struct pass *p, int64_t since, int64_t until)
{
	size_t low = 0, high = p->n_kept;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (p->kept[mid] < since)
			low = mid + 1;
		else
			high = mid;
	}
	return low < p->n_kept && p->kept[low] < until;
}

static int take_row(void *arg, const struct db_row *row)
{
	struct pass *p = arg;
	struct gone *g = &p->last;

	p->n_rows++;
	g->until = db_int(row, 0);
	g->since = db_int(row, 1);
	g->cls = (enum store_class)db_int(row, 2);
	snprintf(g->name, sizeof(g->name), "%s", db_text(row, 3));
	if (!is_needed(p, g->since, g->until))
		p->v[p->n++] = *g;
	return 0;
}

static int read_dropped(struct pass *p)
{
	p->n = p->n_rows = 0;
	return db_query(p->o->db, take_row, p,
			"SELECT until_head, since_head, class, name FROM object"
			" WHERE machine = ? AND until_head IS NOT NULL"
			" AND (until_head, since_head, class, name)"
			" > (?, ?, ?, ?)"
			" ORDER BY until_head, since_head, class, name LIMIT ?",
			"siiisi", p->machine, p->last.until, p->last.since,
			(int64_t)p->last.cls, p->last.name, (int64_t)PAGE);
}

static int take_any(void *arg, const struct db_row *row)
{
	struct pass *p = arg;
	struct gone *g = &p->v[p->n++];

	p->n_rows++;
	g->cls = (enum store_class)db_int(row, 0);
	snprintf(g->name, sizeof(g->name), "%s", db_text(row, 1));
	return 0;
}

static int read_all(struct pass *p)
{
	p->n = p->n_rows = 0;
	return db_query(p->o->db, take_any, p,
			"SELECT class, name FROM object WHERE machine = ?"
			" LIMIT ?",
			"si", p->machine, (int64_t)PAGE);
}

/* --- deleting --- */

struct batch {
	struct pass *p;
	struct gone *v;
	size_t n;
	uint64_t objects, bytes;
};

static int take_size(void *arg, const struct db_row *row)
{
	struct batch *b = arg;

	b->objects++;
	b->bytes += (uint64_t)db_int(row, 0);
	return 0;
}

static int delete_row(struct db *db, struct batch *b, const struct gone *g)
{
	if (b->p->purges)
		return db_query(db, take_size, b,
				"DELETE FROM object WHERE machine = ?"
				" AND class = ? AND name = ? RETURNING size",
				"sis", b->p->machine, (int64_t)g->cls, g->name);
	return db_query(db, take_size, b,
			"DELETE FROM object WHERE machine = ? AND class = ?"
			" AND name = ? AND until_head IS NOT NULL"
			" AND NOT EXISTS (SELECT 1 FROM point WHERE"
			" point.machine = object.machine AND head >= since_head"
			" AND head < until_head) RETURNING size",
			"sis", b->p->machine, (int64_t)g->cls, g->name);
}

static int check_state(struct db *db, const struct pass *p)
{
	struct protection now;
	int e = protection_get(db, p->machine, &now);

	if (e < 0)
		return e;
	if (p->purges)
		return now.state == PROTECTION_PURGING ? 0 : -EUCLEAN;
	return now.state == PROTECTED || now.state == PROTECTION_STOPPED
		       ? 0
		       : -ESTALE;
}

static int delete_rows(struct db *db, void *arg)
{
	struct batch *b = arg;
	uint64_t before;
	size_t i;
	int e = check_state(db, b->p);

	b->objects = b->bytes = 0;
	for (i = 0; i < b->n && e == 0; i++) {
		before = b->objects;
		e = delete_row(db, b, &b->v[i]);
		b->v[i].is_gone = b->objects > before;
	}
	return e;
}

/* A file goes only if there is no row: it may have come again, by way of
 * another process that does not see the repository's lock. */
static int delete_file(struct db *db, const struct pass *p,
		       const struct gone *g)
{
	int64_t n;
	int e = db_number(db, &n,
			  "SELECT 1 FROM object WHERE machine = ?"
			  " AND class = ? AND name = ?",
			  "sis", p->machine, (int64_t)g->cls, g->name);

	if (e != -ENOENT)
		return e;
	e = store_delete_soon(p->r->store, g->cls, g->name);
	return e == -ENOENT ? 0 : e;
}

/* One that cannot be removed is not in the way of the others. */
static int delete_files(struct db *db, void *arg)
{
	struct batch *b = arg;
	int e = 0, r;
	size_t i;

	for (i = 0; i < b->n; i++) {
		r = b->v[i].is_gone ? delete_file(db, b->p, &b->v[i]) : 0;
		if (r < 0)
			e = r;
	}
	return e;
}

static int delete_batch(struct pass *p, struct gone *v, size_t n)
{
	struct batch b = { p, v, n, 0, 0 };
	int e;

	pthread_rwlock_wrlock(&p->r->files);
	e = db_write(p->o->db, delete_rows, &b);
	if (e == 0) {
		p->objects += b.objects;
		p->bytes += b.bytes;
		e = db_write(p->o->db, delete_files, &b);
	}
	pthread_rwlock_unlock(&p->r->files);
	return e;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int delete_page(struct pass *p)
{
	size_t i, n;
	int e = 0;

	for (i = 0; i < p->n && e == 0; i += n) {
		int64_t before = now_ms(), took;

		n = MIN(p->batch, p->n - i);
		e = objects_check_interrupt(p->o);
		if (e == 0)
			e = delete_batch(p, p->v + i, n);
		took = now_ms() - before;
		if (took > LONG_MS)
			p->batch = MAX(p->batch / 2, (size_t)BATCH_LEAST);
		else if (took < SHORT_MS)
			p->batch = MIN(p->batch * 2, (size_t)PAGE);
	}
	return e;
}

/* --- passes --- */

static int begin(struct pass *p, struct objects *o, const char *machine)
{
	memset(p, 0, sizeof(*p));
	p->o = o;
	p->machine = machine;
	p->batch = BATCH_FIRST;
	p->v = calloc(PAGE, sizeof(*p->v));
	return p->v ? repository_get(o, machine, &p->r) : -ENOMEM;
}

static void end(struct pass *p, uint64_t *n, uint64_t *bytes)
{
	*n += p->objects;
	*bytes += p->bytes;
	free(p->kept);
	free(p->v);
}

int objects_collect(struct objects *o, const char *machine, uint64_t *n,
		    uint64_t *bytes)
{
	struct pass p;
	int e = begin(&p, o, machine);

	if (e == 0)
		e = db_query(o->db, add_kept, &p,
			     "SELECT head FROM point WHERE machine = ?"
			     " ORDER BY head",
			     "s", machine);
	do {
		if (e == 0)
			e = objects_check_interrupt(o);
		if (e == 0)
			e = read_dropped(&p);
		if (e == 0)
			e = delete_page(&p);
	} while (e == 0 && p.n_rows == PAGE);
	end(&p, n, bytes);
	/* somebody has deleted it meanwhile: softly, so it stays */
	return e == -ESTALE ? 0 : e;
}

/* --- purging --- */

static int delete_some_points(struct db *db, void *arg)
{
	const struct pass *p = arg;
	int e = check_state(db, p);

	return e < 0 ? e
		     : db_exec(db,
			       "DELETE FROM point WHERE machine = ? AND head IN"
			       " (SELECT head FROM point WHERE machine = ?"
			       " LIMIT ?)",
			       "ssi", p->machine, p->machine, (int64_t)PAGE);
}

static int delete_points(struct pass *p)
{
	int n = 1;

	while (n > 0) {
		n = objects_check_interrupt(p->o);
		if (n == 0)
			n = db_write(p->o->db, delete_some_points, p);
	}
	return n;
}

int objects_purge(struct objects *o, const char *machine, uint64_t *n,
		  uint64_t *bytes)
{
	struct pass p;
	int e = begin(&p, o, machine);

	p.purges = true;
	if (e == 0)
		e = delete_points(&p);
	do {
		if (e == 0)
			e = objects_check_interrupt(o);
		if (e == 0)
			e = read_all(&p);
		if (e == 0)
			e = delete_page(&p);
	} while (e == 0 && p.n_rows > 0);
	end(&p, n, bytes);
	return e;
}
