/* SPDX-License-Identifier: Apache-2.0 */
/*
 * objects.c - the repositories of machines: bytes that the vault cannot read.
 *
 * First the bytes are made durable under their name, then the row that makes
 * them an object. A crash between the two leaves a file without a row, which
 * is no object: who puts it again finds the file there and adds the row.
 *
 * To delete, the row goes first. Between the two a put would find the file
 * still there, add its row, and lose it; so puts hold the repository's lock
 * from before the file to after the row, together, and deletion holds it
 * alone.
 *
 * Other processes (`tidemark-vaultd collect`) do not see that lock. So within
 * a transaction, which is one at a time for all, a row is added only if the
 * file is there, and a file goes only if there is no row.
 */
#include "vault/objects/objects.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "vault/monitor/alerts.h"
#include "vault/audit.h"
#include "vault/objects/objects_private.h"
#include "vault/retention/protection.h"

struct object_writer {
	struct objects *o;
	struct repository *r;
	enum store_class cls;
	struct store_writer *w;
	struct sha256 *h;
	uint64_t size;
	int64_t read; /* stated; 0: not */
};

/* --- repositories --- */

int objects_open(struct db *db, const char *root, struct objects **out)
{
	struct objects *o = calloc(1, sizeof(*o));

	*out = NULL;
	if (!o)
		return -ENOMEM;
	o->db = db;
	o->root = strdup(root);
	pthread_mutex_init(&o->lock, NULL);
	if (!o->root) {
		objects_close(o);
		return -ENOMEM;
	}
	*out = o;
	return 0;
}

void objects_close(struct objects *o)
{
	if (!o)
		return;
	while (o->repositories) {
		struct repository *r = o->repositories;

		o->repositories = r->next;
		store_free(r->store);
		pthread_mutex_destroy(&r->heads);
		pthread_rwlock_destroy(&r->files);
		quota_hold_release(&r->hold);
		free(r);
	}
	pthread_mutex_destroy(&o->lock);
	free(o->root);
	free(o);
}

void objects_limit(struct objects *o, const struct quota *quota,
		   uint64_t disk_reserve)
{
	o->quota = *quota;
	o->disk_reserve = disk_reserve;
}

int objects_room(struct objects *o, const char *machine, uint64_t size)
{
	struct quota_use use;
	int e = quota_of(o->db, machine, &o->quota, &use);

	if (e == 0 && quota_room(&use) < MAX(size, 1u))
		e = -EDQUOT;
	return e < 0 ? e : disk_check(o->root, o->disk_reserve);
}

static char *path_of(const struct objects *o, const char *machine)
{
	char *path;

	return asprintf(&path, "%s/%s", o->root, machine) < 0 ? NULL : path;
}

int objects_add_machine(struct objects *o, const char *machine)
{
	CLEANUP_FREE char *path = path_of(o, machine);
	struct store *s;
	int e = path ? store_create_dir(path, &s) : -ENOMEM;

	if (e == 0)
		store_free(s);
	return e == -EEXIST ? 0 : e;
}

/* Deletion is rare, and would else wait for a gap between puts. */
static void init_files_lock(pthread_rwlock_t *lock)
{
	pthread_rwlockattr_t attr;

	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(
		&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(lock, &attr);
	pthread_rwlockattr_destroy(&attr);
}

static int open_repository(struct objects *o, const char *machine,
			   struct repository **out)
{
	CLEANUP_FREE char *path = path_of(o, machine);
	struct repository *r = calloc(1, sizeof(*r));
	int e = path && r ? store_open_dir(path, &r->store) : -ENOMEM;

	if (e < 0) {
		free(r);
		return log_fail(e, "open the repository of machine %s",
				machine);
	}
	snprintf(r->machine, sizeof(r->machine), "%s", machine);
	pthread_mutex_init(&r->heads, NULL);
	init_files_lock(&r->files);
	quota_hold_init(&r->hold);
	r->next = o->repositories;
	o->repositories = r;
	*out = r;
	return 0;
}

int repository_get(struct objects *o, const char *machine,
		   struct repository **out)
{
	struct repository *r;
	int e = 0;

	pthread_mutex_lock(&o->lock);
	for (r = o->repositories; r && strcmp(r->machine, machine) != 0;)
		r = r->next;
	if (r)
		*out = r;
	else
		e = open_repository(o, machine, out);
	pthread_mutex_unlock(&o->lock);
	return e;
}

/* --- putting --- */

int object_writer_open(struct objects *o, const char *machine,
		       enum store_class cls, struct object_writer **out)
{
	struct object_writer *w = calloc(1, sizeof(*w));
	int e;

	*out = NULL;
	if (!w)
		return -ENOMEM;
	w->o = o;
	w->cls = cls;
	e = repository_get(o, machine, &w->r);
	if (e == 0)
		e = sha256_new(&w->h);
	if (e == 0)
		e = store_writer_open(w->r->store, cls, &w->w);
	if (e < 0)
		object_writer_abort(w);
	else
		*out = w;
	return e;
}

int object_writer_append(struct object_writer *w, struct span data)
{
	size_t max = w->cls == STORE_CONFIG ? CONFIG_OBJECT_MAX : OBJECT_MAX;

	if (data.len > max - w->size)
		return -EMSGSIZE;
	w->size += data.len;
	sha256_update(w->h, data);
	return store_writer_append(w->w, data);
}

void object_writer_state_read(struct object_writer *w, int64_t bytes)
{
	w->read = bytes;
}

void object_writer_abort(struct object_writer *w)
{
	if (!w)
		return;
	store_writer_abort(w->w);
	sha256_free(w->h);
	free(w);
}

static bool is_named_by_hash(enum store_class cls)
{
	return cls != STORE_CONFIG && cls != STORE_HEAD;
}

struct row {
	const struct object_writer *w;
	const char *name;
	const uint8_t *hash;
	uint64_t size;
	int64_t head; /* of a head: its number */
};

static int64_t head_now(struct db *db, const char *machine)
{
	int64_t head;
	int e = db_number(db, &head, "SELECT head FROM machine WHERE id = ?",
			  "s", machine);

	return e < 0 ? e : head;
}

/* A head that comes with a snapshot is a recovery point. */
static int add_point(struct db *db, const struct row *row)
{
	const char *machine = row->w->r->machine;
	int e;

	e = db_exec(db,
		    "INSERT INTO point(machine, head, arrived, bytes,"
		    " read_bytes)"
		    " SELECT machine, since_head, ?, SUM(size), NULLIF(?, 0)"
		    " FROM object"
		    " WHERE machine = ? AND since_head = ?"
		    " GROUP BY machine, since_head"
		    " HAVING MAX(class = ?) = 1",
		    "iisii", clock_now(), row->w->read, machine, row->head,
		    (int64_t)STORE_SNAPSHOT);
	if (e >= 0)
		e = db_exec(db, "UPDATE machine SET head = ? WHERE id = ?",
			    "is", row->head, machine);
	return MIN(e, 0);
}

/* Has another process taken the file away since it was made or found? */
static int check_file(const struct row *row)
{
	const struct object_writer *w = row->w;
	uint64_t size;
	int e = store_stat(w->r->store, w->cls, row->name, &size);

	return e == -ENOENT ? -EAGAIN : e;
}

static int add_row(struct db *db, void *arg)
{
	const struct row *row = arg;
	const struct object_writer *w = row->w;
	int64_t head = head_now(db, w->r->machine);
	int e, n;

	if (head < 0)
		return (int)head;
	e = protection_check_write(db, w->r->machine);
	if (e < 0)
		return e;
	n = db_exec(db,
		    "INSERT INTO object(machine, class, name, size, arrived,"
		    " since_head, hash) VALUES (?, ?, ?, ?, ?, ?, ?)"
		    " ON CONFLICT DO NOTHING",
		    "sisiiib", w->r->machine, (int64_t)w->cls, row->name,
		    (int64_t)row->size, clock_now(), head + 1,
		    is_named_by_hash(w->cls) ? SPAN(NULL, 0)
					     : SPAN(row->hash, SHA256_LEN));
	if (n < 0)
		return n;
	if (n == 0) {
		/* what was dropped and comes again was never away */
		e = db_exec(db,
			    "UPDATE object SET until_head = NULL"
			    " WHERE machine = ? AND class = ? AND name = ?"
			    " AND until_head IS NOT NULL",
			    "sis", w->r->machine, (int64_t)w->cls, row->name);
		return e < 0 ? e : e == 0 ? -EEXIST : 0;
	}
	e = check_file(row);
	if (e == 0 && w->cls == STORE_HEAD)
		e = add_point(db, row);
	return e;
}

/* A config or head whose file was made, and not its row. Nobody was told that
 * it is there, but it is, and whole. */
static int adopt(struct object_writer *w, struct row *row,
		 uint8_t hash[static SHA256_LEN])
{
	CLEANUP_BUF struct buf there = BUF_INIT(OBJECT_MAX);
	int e = store_get(w->r->store, w->cls, row->name, &there);

	if (e < 0)
		return e;
	sha256_once(SPAN_OF(&there), hash);
	row->hash = hash;
	row->size = there.len;
	e = db_write(w->o->db, add_row, row);
	return e == 0 ? -EEXIST : e;
}

/* --- what the scrub has found damaged --- */

int objects_damage(struct objects *o, const char *machine, enum store_class cls,
		   const char *name, bool *is_missing)
{
	int64_t n;
	int e = db_number(o->db, &n,
			  "SELECT what = 'missing' FROM damage"
			  " WHERE machine = ? AND class = ? AND name = ?",
			  "sis", machine, (int64_t)cls, name);

	*is_missing = e == 0 && n;
	return e == 0 ? 1 : e == -ENOENT ? 0 : e;
}

static int heal_row(struct db *db, void *arg)
{
	const struct row *row = arg;
	const struct object_writer *w = row->w;
	char target[160];
	struct audit_line line = { .actor = "machine",
				   .action = "object/healed",
				   .target = target,
				   .outcome = "done",
				   .detail = "put again" };
	int64_t n;
	int e = add_row(db, arg);

	if (e < 0 && e != -EEXIST)
		return e;
	snprintf(target, sizeof(target), "%s %s/%s", w->r->machine,
		 store_class_name(w->cls), row->name);
	e = db_exec(db,
		    "DELETE FROM damage WHERE machine = ? AND class = ?"
		    " AND name = ?",
		    "sis", w->r->machine, (int64_t)w->cls, row->name);
	if (e >= 0)
		e = audit_add(db, &line);
	if (e == 0)
		e = db_number(db, &n, "SELECT 1 FROM damage WHERE machine = ?",
			      "s", w->r->machine);
	return e == -ENOENT ? alert_clear(db, ALERT_DAMAGE, w->r->machine) : e;
}

/* These are the right bytes, and those on the disk are not: in their place.
 * Alone, so that nobody takes the gap between for another's deletion. */
static int heal(struct object_writer *w, struct row *row)
{
	int e;

	pthread_rwlock_wrlock(&w->r->files);
	e = store_delete(w->r->store, w->cls, row->name);
	if (e == 0 || e == -ENOENT)
		e = store_writer_commit(TAKE_PTR(w->w), row->name);
	if (e == 0)
		e = db_write(w->o->db, heal_row, row);
	pthread_rwlock_unlock(&w->r->files);
	return e;
}

/* --- putting, all of it --- */

/* The bytes, then the row. */
static int put_both(struct object_writer *w, const char *name,
		    uint8_t hash[static SHA256_LEN], int64_t head)
{
	struct row row = { w, name, hash, w->size, head };
	bool is_missing;
	int e = protection_check_write(w->o->db, w->r->machine);

	/* asked again with the row; but a file that has none is in the way */
	if (e == 0 && is_named_by_hash(w->cls))
		e = objects_damage(w->o, w->r->machine, w->cls, name,
				   &is_missing);
	if (e != 0)
		return e < 0 ? e : heal(w, &row);
	pthread_rwlock_rdlock(&w->r->files);
	e = store_writer_commit(TAKE_PTR(w->w), name);
	if (e == -EEXIST && !is_named_by_hash(w->cls))
		e = adopt(w, &row, hash);
	else if (e == 0 || e == -EEXIST)
		e = db_write(w->o->db, add_row, &row);
	pthread_rwlock_unlock(&w->r->files);
	return e;
}

/* What is there takes no more room: it can be put again for ever. */
static int put(struct object_writer *w, const char *name,
	       uint8_t hash[static SHA256_LEN], int64_t head)
{
	struct quota_hold *hold = &w->r->hold;
	uint64_t size = w->size;
	int64_t n;
	int e = quota_take(hold, w->o->db, w->r->machine, &w->o->quota, size);
	bool is_held = e == 0;

	if (e == -EDQUOT &&
	    db_number(w->o->db, &n,
		      "SELECT size FROM object WHERE machine = ?"
		      " AND class = ? AND name = ?",
		      "sis", w->r->machine, (int64_t)w->cls, name) == 0)
		e = 0;
	if (e == 0)
		e = put_both(w, name, hash, head);
	if (is_held)
		quota_give(hold, size);
	return e;
}

/* 16 digits, hexadecimal. */
static int head_number(const char *name, int64_t *out)
{
	char *end;
	unsigned long long n = strtoull(name, &end, 16);

	if (strlen(name) != 16 || *end || n == 0 || n > INT64_MAX - 1)
		return -EINVAL;
	*out = (int64_t)n;
	return 0;
}

/*
 * The same head again is a request that came twice; another one with the
 * newest one's number, two writers, of whom one was faster. Everything else
 * no agent does that knows its own repository.
 */
static void warn_of_head(const struct object_writer *w, const char *name,
			 const uint8_t hash[static SHA256_LEN], int64_t newest)
{
	int64_t n;

	if (db_number(w->o->db, &n,
		      "SELECT 1 FROM object WHERE machine = ? AND class = ?"
		      " AND name = ? AND hash = ?",
		      "sisb", w->r->machine, (int64_t)STORE_HEAD, name,
		      SPAN(hash, SHA256_LEN)) == 0)
		return;
	/* that it was refused does not depend on whether this succeeds */
	(void)!alert_raise(w->o->db, ALERT_HEAD, w->r->machine,
			   "a machine wanted to add head %s, but %016llx is "
			   "its newest: is it restored from an old image, are "
			   "there two of it, or has somebody its keys? "
			   "Nothing was changed",
			   name, (unsigned long long)newest);
}

static int put_head(struct object_writer *w, const char *name,
		    uint8_t hash[static SHA256_LEN])
{
	int64_t n, now;
	int e = head_number(name, &n);

	if (e < 0)
		return e;
	pthread_mutex_lock(&w->r->heads);
	now = head_now(w->o->db, w->r->machine);
	if (now < 0)
		e = (int)now;
	else if (n <= now)
		e = -EEXIST;
	else
		e = n > now + 1 ? -ESTALE : put(w, name, hash, n);
	pthread_mutex_unlock(&w->r->heads);
	if (e == -ESTALE || (e == -EEXIST && n < now))
		warn_of_head(w, name, hash, now);
	return e;
}

int object_writer_commit(struct object_writer *w,
			 char name[static STORE_NAME_MAX + 1])
{
	uint8_t hash[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	int e;

	sha256_final(w->h, hash);
	hex_encode(hex, hash, sizeof(hash));
	if (is_named_by_hash(w->cls)) {
		e = name[0] && strcmp(name, hex) != 0
			    ? -EBADMSG
			    : put(w, memcpy(name, hex, sizeof(hex)), hash, 0);
	} else if (w->cls == STORE_HEAD) {
		e = put_head(w, name, hash);
	} else {
		e = strcmp(name, "config") ? -EINVAL : put(w, name, hash, 0);
	}
	object_writer_abort(w);
	return e;
}

/* --- the rest --- */

#define SEEN " AND since_head <= ? AND (until_head IS NULL OR until_head > ?)"

int objects_stat(struct objects *o, const char *machine, enum store_class cls,
		 const char *name, int64_t as_of, uint64_t *size)
{
	int64_t n;
	int e = db_number(o->db, &n,
			  "SELECT size FROM object WHERE machine = ?"
			  " AND class = ? AND name = ?" SEEN,
			  "sisii", machine, (int64_t)cls, name, as_of, as_of);

	*size = e < 0 ? 0 : (uint64_t)n;
	return e;
}

int objects_read(struct objects *o, const char *machine, enum store_class cls,
		 const char *name, uint64_t off, void *p, size_t len)
{
	struct repository *r;
	int e = repository_get(o, machine, &r);

	return e < 0 ? e : store_get_range(r->store, cls, name, off, p, len);
}

struct listing {
	store_list_fn *fn;
	void *arg;
};

static int list_row(void *arg, const struct db_row *row)
{
	const struct listing *l = arg;

	return l->fn(l->arg, db_text(row, 0), (uint64_t)db_int(row, 1));
}

int objects_list(struct objects *o, const char *machine, enum store_class cls,
		 int64_t as_of, const char *after, unsigned int max,
		 store_list_fn *fn, void *arg)
{
	struct listing l = { fn, arg };

	return db_query(o->db, list_row, &l,
			"SELECT name, size FROM object WHERE machine = ?"
			" AND class = ? AND name > ?" SEEN
			" AND NOT EXISTS (SELECT 1 FROM damage WHERE"
			" damage.machine = object.machine AND damage.class ="
			" object.class AND damage.name = object.name"
			" AND damage.class NOT IN (0, 5))"
			" ORDER BY name LIMIT ?",
			"sisiii", machine, (int64_t)cls, after, as_of, as_of,
			(int64_t)max);
}

struct drop {
	const char *machine, *name;
	enum store_class cls;
};

static int drop(struct db *db, void *arg)
{
	const struct drop *d = arg;
	int n = protection_check_write(db, d->machine);

	if (n == 0)
		n = db_exec(db,
			    "UPDATE object SET until_head = 1 +"
			    " (SELECT head FROM machine WHERE id = ?)"
			    " WHERE machine = ? AND class = ? AND name = ?"
			    " AND until_head IS NULL",
			    "ssis", d->machine, d->machine, (int64_t)d->cls,
			    d->name);
	return n < 0 ? n : n == 0 ? -ENOENT : 0;
}

int objects_drop(struct objects *o, const char *machine, enum store_class cls,
		 const char *name)
{
	struct drop d = { machine, name, cls };

	return db_write(o->db, drop, &d);
}
