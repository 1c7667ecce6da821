/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db.c - statements, and commits that writers share.
 */
#include "vault/db.h"

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "base/log.h"
#include "vault/schema.h"

#define STATEMENTS 512 /* a power of two; more than the program has */
#define BUSY_MS 10000  /* another process: an administrator's command */

/*
 * Whoever has changed something in a transaction waits until it is committed.
 * Who comes to wait when nobody else is on his way makes the commit: so while
 * one is written to the disk, the next one's writers gather.
 */
struct transaction {
	unsigned int waiters;
	bool is_done;
	int error;
};

struct connection {
	sqlite3 *handle;
	pthread_mutex_t lock; /* recursive: a row's function may ask for more */
	struct cached {
		const char *sql;
		sqlite3_stmt *stmt;
		bool is_used;
	} cache[STATEMENTS];
};

/*
 * What is asked outside of db_write() goes to a connection of its own, which
 * sees what is committed and nothing else: nobody is told of what may still
 * be taken back.
 */
struct db {
	struct connection to, from; /* to's lock is of all below, too */
	pthread_t writer; /* atomic: has the lock, runs fn of db_write(); or 0 */
	unsigned int on_their_way; /* atomic: writers that have not joined */
	pthread_cond_t changed;	  /* that number is 0, or a transaction ended */
	struct transaction *open; /* NULL: none */
};

struct db_row {
	sqlite3_stmt *stmt;
};

static int error_of(struct connection *c, int r, const char *what)
{
	switch (r & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_CONSTRAINT:
		r = sqlite3_extended_errcode(c->handle);
		if (r == SQLITE_CONSTRAINT_FOREIGNKEY)
			return -ENOENT;
		return r == SQLITE_CONSTRAINT_TRIGGER ? -EPERM : -EEXIST;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_FULL:
		return log_fail(-ENOSPC, "%s", what);
	case SQLITE_BUSY:
		return log_fail(-EBUSY, "%s: another program holds it", what);
	}
	log_error("%s: %s", what, sqlite3_errmsg(c->handle));
	return -EIO;
}

static int run_text(struct connection *c, const char *sql)
{
	return error_of(c, sqlite3_exec(c->handle, sql, NULL, NULL, NULL), sql);
}

/* --- opening --- */

static int get_version(struct connection *c, int *version)
{
	sqlite3_stmt *s = NULL;
	int r = sqlite3_prepare_v2(c->handle, "PRAGMA user_version", -1, &s,
				   NULL);

	if (r == SQLITE_OK)
		r = sqlite3_step(s);
	if (r == SQLITE_ROW)
		*version = sqlite3_column_int(s, 0);
	sqlite3_finalize(s);
	return error_of(c, r, "read the version of the database");
}

static int migrate(struct connection *c, const char *path)
{
	char pragma[64];
	int version = 0, e;

	e = run_text(c, "BEGIN IMMEDIATE");
	if (e == 0)
		e = get_version(c, &version);
	if (e == 0 && version > SCHEMA_VERSION) {
		log_error("%s was made by a newer tidemark-vaultd (version %d "
			  "of its tables, this one knows %d)",
			  path, version, SCHEMA_VERSION);
		e = -EINVAL;
	}
	for (; e == 0 && version < SCHEMA_VERSION; version++)
		e = run_text(c, schema_steps[version]);
	if (e == 0) {
		snprintf(pragma, sizeof(pragma), "PRAGMA user_version = %d",
			 SCHEMA_VERSION);
		e = run_text(c, pragma);
	}
	if (e == 0)
		return run_text(c, "COMMIT");
	(void)!run_text(c, "ROLLBACK");
	return e;
}

static int connect(struct connection *c, const char *path, int flags)
{
	pthread_mutexattr_t recursive;
	int e;

	pthread_mutexattr_init(&recursive);
	pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&c->lock, &recursive);
	pthread_mutexattr_destroy(&recursive);
	e = error_of(c,
		     sqlite3_open_v2(path, &c->handle,
				     flags | SQLITE_OPEN_NOMUTEX, NULL),
		     path);
	if (e == 0)
		e = error_of(c, sqlite3_busy_timeout(c->handle, BUSY_MS), path);
	return e < 0 ? e
		     : run_text(c, "PRAGMA trusted_schema = OFF;"
				   "PRAGMA cell_size_check = ON");
}

static void disconnect(struct connection *c)
{
	size_t i;

	for (i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(c->cache[i].stmt);
	sqlite3_close(c->handle);
	pthread_mutex_destroy(&c->lock);
}

int db_open(const char *path, struct db **out)
{
	struct db *db = calloc(1, sizeof(*db));
	int e, r;

	*out = NULL;
	if (!db)
		return -ENOMEM;
	pthread_cond_init(&db->changed, NULL);
	e = connect(&db->to, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
	if (e == 0)
		e = run_text(&db->to, "PRAGMA journal_mode = WAL;"
				      "PRAGMA synchronous = FULL;"
				      "PRAGMA foreign_keys = ON");
	if (e == 0)
		e = migrate(&db->to, path);
	/* also after an error: db_close() ends both */
	r = connect(&db->from, path, SQLITE_OPEN_READONLY);
	if (e == 0)
		e = r;
	if (e < 0)
		db_close(db);
	else
		*out = db;
	return e;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	disconnect(&db->from);
	disconnect(&db->to);
	pthread_cond_destroy(&db->changed);
	free(db);
}

/* --- statements --- */

/* Does this thread run fn of db_write()? */
static bool is_writing(struct db *db)
{
	return __atomic_load_n(&db->writer, __ATOMIC_RELAXED) == pthread_self();
}

static int get_statement(struct connection *at, const char *sql,
			 struct cached **out)
{
	size_t i = ((uintptr_t)sql >> 3) * 0x9e3779b97f4a7c15u >> 55, n;

	for (n = 0; n < STATEMENTS; n++, i = (i + 1) % STATEMENTS) {
		struct cached *c = &at->cache[i];

		if (!c->sql) {
			int r = sqlite3_prepare_v3(at->handle, sql, -1,
						   SQLITE_PREPARE_PERSISTENT,
						   &c->stmt, NULL);

			if (r != SQLITE_OK)
				return error_of(at, r, sql);
			c->sql = sql;
		}
		if (c->sql == sql && !c->is_used) {
			c->is_used = true;
			*out = c;
			return 0;
		}
	}
	log_error("too many statements are open: %s", sql);
	return -EMFILE;
}

static void put_statement(struct cached *c)
{
	sqlite3_reset(c->stmt);
	sqlite3_clear_bindings(c->stmt);
	c->is_used = false;
}

static int bind_all(struct connection *at, struct cached *c, const char *kinds,
		    va_list ap)
{
	int r = SQLITE_OK, i;

	for (i = 1; kinds[i - 1] && r == SQLITE_OK; i++) {
		const char *text;
		struct span bytes;

		switch (kinds[i - 1]) {
		case 's':
			text = va_arg(ap, const char *);
			r = sqlite3_bind_text(c->stmt, i, text, -1,
					      SQLITE_TRANSIENT);
			break;
		case 'i':
			r = sqlite3_bind_int64(c->stmt, i, va_arg(ap, int64_t));
			break;
		default:
			bytes = va_arg(ap, struct span);
			r = sqlite3_bind_blob64(c->stmt, i,
						bytes.p ? (const void *)bytes.p
							: "",
						bytes.len, SQLITE_TRANSIENT);
		}
	}
	return error_of(at, r, c->sql);
}

static int query(struct connection *at, db_row_fn *fn, void *arg,
		 const char *sql, const char *kinds, va_list ap)
{
	struct cached *c = NULL;
	struct db_row row;
	int r, e = get_statement(at, sql, &c);

	if (e < 0)
		return e;
	row.stmt = c->stmt;
	e = bind_all(at, c, kinds, ap);
	while (e == 0) {
		r = sqlite3_step(c->stmt);
		if (r != SQLITE_ROW) {
			e = error_of(at, r, sql);
			break;
		}
		e = fn ? fn(arg, &row) : 0;
	}
	put_statement(c);
	return e;
}

int db_exec(struct db *db, const char *sql, const char *kinds, ...)
{
	va_list ap;
	int e;

	if (!is_writing(db))
		return log_fail(-EINVAL, "a change outside of db_write()");
	va_start(ap, kinds);
	e = query(&db->to, NULL, NULL, sql, kinds, ap);
	va_end(ap);
	return e < 0 ? e : sqlite3_changes(db->to.handle);
}

static int ask(struct db *db, db_row_fn *fn, void *arg, const char *sql,
	       const char *kinds, va_list ap)
{
	struct connection *at = is_writing(db) ? &db->to : &db->from;
	int e;

	pthread_mutex_lock(&at->lock);
	e = query(at, fn, arg, sql, kinds, ap);
	pthread_mutex_unlock(&at->lock);
	return e;
}

int db_query(struct db *db, db_row_fn *fn, void *arg, const char *sql,
	     const char *kinds, ...)
{
	va_list ap;
	int e;

	va_start(ap, kinds);
	e = ask(db, fn, arg, sql, kinds, ap);
	va_end(ap);
	return e;
}

static int first_number(void *arg, const struct db_row *row)
{
	if (sqlite3_column_type(row->stmt, 0) == SQLITE_NULL)
		return -ENOENT;
	*(int64_t *)arg = db_int(row, 0);
	return 1;
}

int db_number(struct db *db, int64_t *out, const char *sql, const char *kinds,
	      ...)
{
	va_list ap;
	int e;

	va_start(ap, kinds);
	e = ask(db, first_number, out, sql, kinds, ap);
	va_end(ap);
	return e == 0 ? -ENOENT : MIN(e, 0);
}

const char *db_text(const struct db_row *row, int column)
{
	return (const char *)sqlite3_column_text(row->stmt, column);
}

struct span db_bytes(const struct db_row *row, int column)
{
	const void *p = sqlite3_column_blob(row->stmt, column);

	return SPAN(p, (size_t)sqlite3_column_bytes(row->stmt, column));
}

int64_t db_int(const struct db_row *row, int column)
{
	return sqlite3_column_int64(row->stmt, column);
}

/* --- writing --- */

/* From here on whoever has changed something waits for t. */
static int join_transaction(struct db *db, struct transaction **out)
{
	struct transaction *t = db->open;
	int e;

	if (!t) {
		t = calloc(1, sizeof(*t));
		if (!t)
			return -ENOMEM;
		e = run_text(&db->to, "BEGIN IMMEDIATE");
		if (e < 0) {
			free(t);
			return e;
		}
		db->open = t;
	}
	t->waiters++;
	*out = t;
	return 0;
}

static void end_transaction(struct db *db, struct transaction *t, int e)
{
	t->is_done = true;
	t->error = e;
	db->open = NULL;
	pthread_cond_broadcast(&db->changed);
}

static int change(struct db *db, struct transaction *t, db_fn *fn, void *arg)
{
	int e = run_text(&db->to, "SAVEPOINT one");

	if (e == 0) {
		__atomic_store_n(&db->writer, pthread_self(), __ATOMIC_RELAXED);
		e = fn(db, arg);
		__atomic_store_n(&db->writer, 0, __ATOMIC_RELAXED);
		if (e < 0)
			(void)!run_text(&db->to, "ROLLBACK TO one");
		(void)!run_text(&db->to, "RELEASE one");
	}
	/* some errors (a full disk) take back all of it, not only this */
	if (e < 0 && sqlite3_get_autocommit(db->to.handle))
		end_transaction(db, t, e);
	return e;
}

/* Who comes first commits, once all that were on their way have joined. */
static int wait_for_commit(struct db *db, struct transaction *t)
{
	int e;

	while (!t->is_done &&
	       __atomic_load_n(&db->on_their_way, __ATOMIC_RELAXED) > 0)
		pthread_cond_wait(&db->changed, &db->to.lock);
	if (!t->is_done) {
		e = run_text(&db->to, "COMMIT");
		if (e < 0 && !sqlite3_get_autocommit(db->to.handle))
			(void)!run_text(&db->to, "ROLLBACK");
		end_transaction(db, t, e);
	}
	return t->error;
}

int db_write(struct db *db, db_fn *fn, void *arg)
{
	struct transaction *t = NULL;
	int e, r = 0;

	if (is_writing(db)) /* a part of a larger change */
		return fn(db, arg);
	__atomic_add_fetch(&db->on_their_way, 1, __ATOMIC_RELAXED);
	pthread_mutex_lock(&db->to.lock);
	e = join_transaction(db, &t);
	if (e == 0)
		e = change(db, t, fn, arg);
	if (__atomic_sub_fetch(&db->on_their_way, 1, __ATOMIC_RELAXED) == 0)
		pthread_cond_broadcast(&db->changed);
	if (t) {
		/* also if it changed nothing: others wait for no one else */
		r = wait_for_commit(db, t);
		if (--t->waiters == 0)
			free(t);
	}
	pthread_mutex_unlock(&db->to.lock);
	/* what fn has found may be gone with the transaction */
	return r < 0 ? r : e;
}
