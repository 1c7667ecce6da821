/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scrub.c - looks whether the bytes are still those that came.
 *
 * An object is read without a lock, beside puts and deletions. What seems
 * damaged is read once more under the repository's lock, which deletions take
 * alone, and only then believed: meanwhile it may have gone, or gone and come
 * again.
 */
#include "vault/objects/scrub.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "vault/monitor/alerts.h"
#include "vault/audit.h"
#include "vault/machines/machines.h"
#include "vault/objects/objects_private.h"
#include "vault/objects/orphans.h"
#include "vault/retention/protection.h"

#define PAGE 64
#define PIECE (1u << 20)
#define LOGGED_MAX 10

struct item {
	char machine[MACHINE_ID_LEN + 1];
	enum store_class cls;
	char name[STORE_NAME_MAX + 1];
	uint64_t size;
	uint8_t hash[SHA256_LEN];
	bool was_damaged;
};

struct scrub {
	struct objects *o;
	struct scrubbed *out;
	struct item v[PAGE];
	size_t n;
	struct item last; /* where the next page begins */
	uint8_t *piece;
};

/* --- reading --- */

static int take_item(void *arg, const struct db_row *row)
{
	struct scrub *s = arg;
	struct item *i = &s->v[s->n];
	struct span hash = db_bytes(row, 4);

	snprintf(i->machine, sizeof(i->machine), "%s", db_text(row, 0));
	i->cls = (enum store_class)db_int(row, 1);
	snprintf(i->name, sizeof(i->name), "%s", db_text(row, 2));
	i->size = (uint64_t)db_int(row, 3);
	i->was_damaged = db_int(row, 5) != 0;
	if (hash.len == SHA256_LEN)
		memcpy(i->hash, hash.p, SHA256_LEN);
	else if (hex_decode(i->hash, SHA256_LEN, i->name, strlen(i->name)) < 0)
		memset(i->hash, 0, SHA256_LEN); /* no name of ours: wrong */
	s->n++;
	return 0;
}

static int read_page(struct scrub *s)
{
	s->n = 0;
	return db_query(s->o->db, take_item, s,
			"SELECT machine, class, name, size, hash,"
			" EXISTS (SELECT 1 FROM damage WHERE damage.machine ="
			" object.machine AND damage.class = object.class"
			" AND damage.name = object.name) FROM object"
			" WHERE (machine, class, name) > (?, ?, ?)"
			" ORDER BY machine, class, name LIMIT ?",
			"sisi", s->last.machine, (int64_t)s->last.cls,
			s->last.name, (int64_t)PAGE);
}

static int hash_object(const struct scrub *s, const struct repository *r,
		       const struct item *i, uint8_t out[static SHA256_LEN])
{
	struct sha256 *h = NULL;
	uint64_t off = 0, size;
	int e = store_stat(r->store, i->cls, i->name, &size);

	if (e == 0 && size != i->size)
		e = -EUCLEAN;
	if (e == 0)
		e = sha256_new(&h);
	while (e == 0 && off < size) {
		size_t len = (size_t)MIN(size - off, (uint64_t)PIECE);

		e = store_get_range(r->store, i->cls, i->name, off, s->piece,
				    len);
		if (e == 0)
			sha256_update(h, SPAN(s->piece, len));
		off += len;
	}
	if (e == 0)
		sha256_final(h, out);
	sha256_free(h);
	return e;
}

/* NULL: it is whole. */
static int look(const struct scrub *s, const struct repository *r,
		const struct item *i, const char **what)
{
	uint8_t hash[SHA256_LEN];
	int e = hash_object(s, r, i, hash);

	*what = NULL;
	if (e == -ENOMEM)
		return e;
	if (e == -ENOENT)
		*what = "missing";
	else if (e == -EUCLEAN || (e == 0 && memcmp(hash, i->hash, SHA256_LEN)))
		*what = "wrong";
	else if (e < 0)
		*what = "unreadable";
	return 0;
}

/* --- what was found --- */

struct finding {
	struct scrub *s;
	const struct item *i;
	const char *what; /* NULL: it is whole again */
	bool is_new;
};

static int note(struct db *db, const struct finding *f)
{
	char target[160];
	struct audit_line line = { .actor = "scrub",
				   .action = f->what ? "object/damaged"
						     : "object/healed",
				   .target = target,
				   .outcome = "done",
				   .detail = f->what ?: "" };
	int64_t n;
	int e;

	snprintf(target, sizeof(target), "%s %s/%s", f->i->machine,
		 store_class_name(f->i->cls), f->i->name);
	e = audit_add(db, &line);
	if (e == 0)
		e = db_number(db, &n,
			      "SELECT COUNT(*) FROM damage WHERE machine = ?",
			      "s", f->i->machine);
	if (e < 0)
		return e;
	if (n == 0)
		return alert_clear(db, ALERT_DAMAGE, f->i->machine);
	return alert_raise(db, ALERT_DAMAGE, f->i->machine,
			   "%lld objects that a machine has stored are damaged "
			   "on the vault's disk: see tidemark-vaultd status; "
			   "the disk may be failing",
			   (long long)n);
}

/* A row that is gone meanwhile is not damaged. */
static int record(struct db *db, void *arg)
{
	struct finding *f = arg;
	const struct item *i = f->i;
	int n;

	if (f->what)
		n = db_exec(db,
			    "INSERT INTO damage(machine, class, name, found,"
			    " what) SELECT machine, class, name, ?, ?"
			    " FROM object WHERE machine = ? AND class = ?"
			    " AND name = ? ON CONFLICT DO NOTHING",
			    "issis", clock_now(), f->what, i->machine,
			    (int64_t)i->cls, i->name);
	else
		n = db_exec(db,
			    "DELETE FROM damage WHERE machine = ?"
			    " AND class = ? AND name = ?",
			    "sis", i->machine, (int64_t)i->cls, i->name);
	f->is_new = n > 0;
	return n <= 0 ? n : note(db, f);
}

static int check_again(struct scrub *s, struct repository *r,
		       const struct item *i)
{
	struct finding f = { s, i, NULL, false };
	int e;

	pthread_rwlock_rdlock(&r->files);
	e = look(s, r, i, &f.what);
	if (e == 0)
		e = db_write(s->o->db, record, &f);
	pthread_rwlock_unlock(&r->files);
	if (e < 0 || !f.is_new)
		return e;
	if (f.what) {
		/* a lost directory may be a million; the rest is in the table */
		if (++s->out->damaged <= LOGGED_MAX)
			log_error("%s/%s of machine %s is damaged: %s",
				  store_class_name(i->cls), i->name, i->machine,
				  f.what);
	} else {
		s->out->healed++;
	}
	return 0;
}

/* What is being purged need not be whole. */
static int check_item(struct scrub *s, const struct item *i)
{
	struct repository *r;
	struct protection p;
	const char *what;
	int e = protection_get(s->o->db, i->machine, &p);

	if (e == -ENOENT || (e == 0 && p.state == PROTECTION_PURGING))
		return 0;
	if (e == 0)
		e = repository_get(s->o, i->machine, &r);
	if (e == 0)
		e = look(s, r, i, &what);
	if (e < 0)
		return e;
	s->out->objects++;
	s->out->bytes += i->size;
	return what || i->was_damaged ? check_again(s, r, i) : 0;
}

/* A repository that cannot be opened is not in the way of the others. */
static int check_page(struct scrub *s, uint64_t until_bytes)
{
	size_t k;
	int e = 0;

	for (k = 0; k < s->n && s->out->bytes < until_bytes; k++) {
		e = objects_check_interrupt(s->o);
		if (e == 0)
			e = check_item(s, &s->v[k]);
		if (e == -ECANCELED || e == -ENOMEM)
			return e;
		s->last = s->v[k];
	}
	return 0;
}

static int begin(struct scrub *s, struct objects *o, struct scrubbed *out)
{
	memset(s, 0, sizeof(*s));
	s->o = o;
	s->out = out;
	s->piece = malloc(PIECE);
	return s->piece ? 0 : -ENOMEM;
}

int scrub_all(struct objects *o, struct scrubbed *out)
{
	struct scrub s;
	int e = begin(&s, o, out);

	do {
		if (e == 0)
			e = read_page(&s);
		if (e == 0)
			e = check_page(&s, UINT64_MAX);
	} while (e == 0 && s.n == PAGE);
	free(s.piece);
	return e < 0 ? e : orphans_remove(o, &out->orphans);
}

/* --- slowly --- */

struct progress {
	const struct scrub *s;
	struct scrubbed done;
	bool begins, ends;
};

static int take_place(void *arg, const struct db_row *row)
{
	struct item *last = arg;

	snprintf(last->machine, sizeof(last->machine), "%s", db_text(row, 0));
	last->cls = (enum store_class)db_int(row, 1);
	snprintf(last->name, sizeof(last->name), "%s", db_text(row, 2));
	return 0;
}

static int save_place(struct db *db, void *arg)
{
	const struct progress *p = arg;
	const struct item *last = &p->s->last;
	int e = 0;

	if (p->begins)
		e = db_exec(db,
			    "INSERT OR REPLACE INTO scrub(one, began, machine,"
			    " class, name, objects, bytes)"
			    " VALUES (1, ?, '', 0, '', 0, 0)",
			    "i", clock_now());
	if (e >= 0)
		e = db_exec(db,
			    "UPDATE scrub SET machine = ?, class = ?, name = ?,"
			    " objects = objects + ?, bytes = bytes + ?",
			    "sisii", last->machine, (int64_t)last->cls,
			    last->name, (int64_t)p->done.objects,
			    (int64_t)p->done.bytes);
	if (e >= 0 && p->ends)
		e = db_exec(db, "UPDATE scrub SET ended = ?", "i", clock_now());
	return MIN(e, 0);
}

static int go_on(struct scrub *s, struct progress *p, uint64_t max_bytes)
{
	int e = 0;

	if (!p->begins)
		e = db_query(s->o->db, take_place, &s->last,
			     "SELECT machine, class, name FROM scrub", "");
	if (e == 0)
		e = read_page(s);
	p->ends = s->n == 0;
	if (e == 0 && p->ends)
		e = orphans_remove(s->o, &s->out->orphans);
	return e < 0 ? e : check_page(s, max_bytes);
}

int scrub_some(struct objects *o, uint64_t max_bytes, struct scrubbed *out)
{
	struct scrubbed done = { 0 };
	struct scrub_state now;
	struct progress p = { 0 };
	struct scrub s;
	int e = scrub_get(o->db, &now), r;

	if (e < 0)
		return e;
	p.begins = !now.began || now.ended;
	if (p.begins && now.began &&
	    clock_now() < now.began + SCRUB_PASS_SECONDS)
		return 1;
	e = begin(&s, o, &done);
	p.s = &s;
	if (e == 0)
		e = go_on(&s, &p, max_bytes);
	p.done = done;
	if (e == 0 || e == -ECANCELED) {
		r = db_write(o->db, save_place, &p);
		e = e < 0 ? e : r;
	}
	out->objects += done.objects;
	out->bytes += done.bytes;
	out->damaged += done.damaged;
	out->healed += done.healed;
	out->orphans += done.orphans;
	free(s.piece);
	return e < 0 ? e : p.ends;
}

/* --- telling --- */

static int take_state(void *arg, const struct db_row *row)
{
	struct scrub_state *s = arg;

	s->began = db_int(row, 0);
	s->ended = db_int(row, 1);
	s->objects = db_int(row, 2);
	s->bytes = db_int(row, 3);
	return 0;
}

int scrub_get(struct db *db, struct scrub_state *out)
{
	int e;

	memset(out, 0, sizeof(*out));
	e = db_query(db, take_state, out,
		     "SELECT began, ended, objects, bytes FROM scrub", "");
	return e < 0 ? e
		     : db_number(db, &out->damaged,
				 "SELECT COUNT(*) FROM damage", "");
}

struct listing {
	damage_fn *fn;
	void *arg;
};

static int list_row(void *arg, const struct db_row *row)
{
	const struct listing *l = arg;
	struct damage d = { .machine = db_text(row, 0),
			    .cls = (enum store_class)db_int(row, 1),
			    .name = db_text(row, 2),
			    .found = db_int(row, 3),
			    .what = db_text(row, 4) };

	return l->fn(l->arg, &d);
}

int damage_list(struct db *db, damage_fn *fn, void *arg)
{
	struct listing l = { fn, arg };

	return db_query(db, list_row, &l,
			"SELECT machine, class, name, found, what FROM damage"
			" ORDER BY machine, class, name",
			"");
}
