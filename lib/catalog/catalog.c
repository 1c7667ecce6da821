/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalog.c - directory records in LMDB.
 *
 * One environment a repository, one database a set of sources, and in each
 * an entry META beside the records: the hash of the head that the records
 * agree with. It goes with the first batch that is written and comes back
 * with catalog_commit(), so a run that dies leaves records and no trust.
 *
 * MDB_NOMETASYNC: one fdatasync a batch; what may be lost is the last batch,
 * never the structure.
 *
 * Two more entries go and come with META: the tracker's token, and the mark
 * that the index is complete. The index is a database of its own, of keys
 * alone: child, then parent. (No MDB_DUPSORT: verify.c knows its pages not.)
 *
 * A record begins with a checksum of its key and of what follows. The disk
 * may return something else than was written, and what a record says of
 * unchanged files goes into the next snapshot as it stands.
 */
#include "catalog/catalog.h"

#include <errno.h>
#include <lmdb.h>
#include <pthread.h>
#include <sys/mman.h>

#include "base/fault.h"
#include "base/log.h"
#include "catalog/lock.h"
#include "catalog/keys.h"
#include "catalog/seen.h"
#include "catalog/stamp.h"
#include "catalog/verify.h"

#define MAP_SIZE (256ull << 30) /* address space; the file is what it holds */
#define SETS_MAX 8192		/* two for each set of sources */
/* A batch is a small part of what this run has put, so that one that dies
 * loses no more than that. */
#define BATCH_BYTES_MIN (512u << 10)
#define BATCH_BYTES_MAX (4u << 20)
#define BATCH_PART 32
#define SET_NAME_LEN 32
#define SUM_LEN 8
#define RECORD_MIN (SUM_LEN + 32)

struct pending {
	struct pending *next;
	struct catalog_key key;
	size_t len;
	uint8_t value[];
};

struct catalog {
	MDB_env *env;
	MDB_dbi dbi, index;
	int lock_fd;
	pthread_mutex_t lock;
	MDB_txn *read; /* guarded by lock: a txn is one thread's at a time */
	struct pending *pending; /* guarded by lock */
	size_t pending_bytes;	 /* guarded by lock */
	size_t put_bytes;	 /* guarded by lock: in this run */
	bool dirty;		 /* guarded by lock: META is gone */
	char *path;		 /* once it is open */
	bool has_head;
	uint8_t head[CATALOG_HASH_LEN];
	bool use_index, index_complete, keep_all;
	bool must_exist; /* opened by an audit */
	bool failed;	 /* guarded by lock: something was not kept */
	uint8_t token[CATALOG_TOKEN_MAX]; /* as committed */
	size_t token_len;
	uint8_t new_token[CATALOG_TOKEN_MAX];
	size_t new_token_len;
	uint8_t note, new_note;
	/* child and parent keys, to be written */
	uint8_t *pairs;		   /* guarded by lock */
	size_t n_pairs, cap_pairs; /* guarded by lock */
	struct seen seen; /* guarded by lock: keys put or kept in this run */
};

static const uint8_t meta_key[1] = { 'M' };
static const uint8_t token_key[1] = { 'T' };
static const uint8_t index_key[1] = { 'I' };
static const uint8_t note_key[1] = { 'N' };

#define PAIR_LEN ((size_t)2 * CATALOG_KEY_LEN)
/* Pairs are written in transactions of so many: a bound for memory. */
#define PAIRS_BATCH ((size_t)32 << 10)

static MDB_val val_of(const uint8_t *p, size_t len)
{
	return (MDB_val){ len, (void *)(uintptr_t)p };
}

static int fail(int rc, const char *what)
{
	log_error("catalog: %s: %s", what, mdb_strerror(rc));
	return rc > 0 ? -rc : rc == MDB_MAP_FULL ? -ENOSPC : -EIO;
}

static int see(struct catalog *c, struct catalog_key key)
{
	uint8_t k[CATALOG_KEY_LEN];

	key_encode(key, k);
	return seen_add(&c->seen, key_hash(k));
}

/* --- open --- */

static int env_open(struct catalog *c, const char *path)
{
	int rc = mdb_env_create(&c->env);

	if (rc == 0)
		rc = mdb_env_set_mapsize(c->env, MAP_SIZE);
	if (rc == 0)
		rc = mdb_env_set_maxdbs(c->env, SETS_MAX);
	if (rc == 0)
		rc = mdb_env_open(c->env, path,
				  MDB_NOSUBDIR | MDB_NOTLS | MDB_NOMETASYNC |
					  MDB_NORDAHEAD,
				  0600);
	return rc;
}

static int set_open(struct catalog *c, struct span set)
{
	char name[2 * SET_NAME_LEN + 2], *end;
	MDB_val key, val;
	unsigned int create = c->must_exist ? 0 : MDB_CREATE;
	MDB_txn *txn;
	int rc = mdb_txn_begin(c->env, NULL, create ? 0 : MDB_RDONLY, &txn);

	if (rc)
		return rc;
	hex_encode(name, set.p, MIN(set.len, (size_t)SET_NAME_LEN));
	end = name + strlen(name);
	rc = mdb_dbi_open(txn, name, create, &c->dbi);
	end[0] = 'i';
	end[1] = '\0';
	if (rc == 0)
		rc = mdb_dbi_open(txn, name, create, &c->index);
	if (rc == 0)
		rc = mdb_txn_commit(txn);
	else
		mdb_txn_abort(txn);
	if (rc == 0)
		rc = mdb_txn_begin(c->env, NULL, MDB_RDONLY, &c->read);
	key = val_of(meta_key, sizeof(meta_key));
	if (rc == 0 && mdb_get(c->read, c->dbi, &key, &val) == 0 &&
	    val.mv_size == CATALOG_HASH_LEN) {
		memcpy(c->head, val.mv_data, CATALOG_HASH_LEN);
		c->has_head = true;
	}
	key = val_of(index_key, sizeof(index_key));
	c->index_complete = rc == 0 &&
			    mdb_get(c->read, c->dbi, &key, &val) == 0;
	key = val_of(token_key, sizeof(token_key));
	if (rc == 0 && c->has_head && c->index_complete &&
	    mdb_get(c->read, c->dbi, &key, &val) == 0 &&
	    val.mv_size <= CATALOG_TOKEN_MAX) {
		memcpy(c->token, val.mv_data, val.mv_size);
		c->token_len = val.mv_size;
	}
	key = val_of(note_key, sizeof(note_key));
	if (rc == 0 && mdb_get(c->read, c->dbi, &key, &val) == 0)
		c->note = *(uint8_t *)val.mv_data;
	return rc;
}

static void env_close(struct catalog *c)
{
	if (c->read)
		mdb_txn_abort(c->read);
	if (c->env)
		mdb_env_close(c->env);
	c->read = NULL;
	c->env = NULL;
	c->has_head = false;
}

/* What cannot be used is begun anew: it is a cache. */
static int open_or_begin(struct catalog *c, const char *path, struct span set)
{
	char lock[4096 + 8];
	int e = stamp_holds(path) ? 0 : catalog_verify(path);
	int rc = e == -EUCLEAN ? MDB_CORRUPTED : 0;

	if (rc == 0)
		rc = env_open(c, path);
	if (rc == 0)
		rc = set_open(c, set);
	if (rc != MDB_INVALID && rc != MDB_VERSION_MISMATCH &&
	    rc != MDB_CORRUPTED && rc != MDB_PAGE_NOTFOUND && rc != MDB_PANIC)
		return rc;
	log_warn("catalog %s is damaged: starting a new one, this run looks at "
		 "everything",
		 path);
	env_close(c);
	unlink(path);
	snprintf(lock, sizeof(lock), "%s-lock", path);
	unlink(lock);
	rc = env_open(c, path);
	return rc ? rc : set_open(c, set);
}

int catalog_open(const char *dir, struct span set, struct catalog **out)
{
	struct catalog *c = calloc(1, sizeof(*c));
	char path[4096];
	int e, rc;

	if (!c)
		return -ENOMEM;
	c->lock_fd = -1;
	pthread_mutex_init(&c->lock, NULL);
	e = catalog_lock(dir, CATALOG_LOCK_BACKUP, NULL, &c->lock_fd);
	if (e < 0) {
		catalog_close(c);
		return e;
	}
	snprintf(path, sizeof(path), "%s/catalog", dir);
	rc = open_or_begin(c, path, set);
	if (rc) {
		e = fail(rc, path);
		catalog_close(c);
		return e;
	}
	c->path = strdup(path);
	*out = c;
	return 0;
}

/* An audit begins nothing anew: that is the next backup's. */
static int open_existing(struct catalog *c, const char *path, struct span set)
{
	int e, rc;

	if (access(path, F_OK) < 0)
		return -errno;
	e = stamp_holds(path) ? 0 : catalog_verify(path);
	rc = e == -EUCLEAN ? MDB_CORRUPTED : env_open(c, path);
	if (rc == 0)
		rc = set_open(c, set);
	if (rc == MDB_NOTFOUND)
		return -ENOENT;
	return rc ? fail(rc, path) : 0;
}

int catalog_open_audit(const char *dir, struct span set, bool amend,
		       bool (*stopped)(void), struct catalog **out)
{
	struct catalog *c = calloc(1, sizeof(*c));
	char path[4096];
	int e;

	if (!c)
		return -ENOMEM;
	c->lock_fd = -1;
	c->must_exist = true;
	pthread_mutex_init(&c->lock, NULL);
	snprintf(path, sizeof(path), "%s/catalog", dir);
	e = access(dir, F_OK) < 0 ? -errno : 0;
	if (e == 0)
		e = catalog_lock(dir,
				 amend ? CATALOG_LOCK_AMEND : CATALOG_LOCK_READ,
				 stopped, &c->lock_fd);
	if (e == 0)
		e = open_existing(c, path, set);
	if (e < 0) {
		catalog_close(c);
		return e;
	}
	/* what is read now stays as it is, whoever writes */
	if (!amend) {
		close(c->lock_fd);
		c->lock_fd = -1;
	} else {
		c->path = strdup(path);
	}
	*out = c;
	return 0;
}

static void pending_free(struct catalog *c)
{
	while (c->pending) {
		struct pending *p = c->pending;

		c->pending = p->next;
		free(p);
	}
	c->pending_bytes = 0;
}

void catalog_close(struct catalog *c)
{
	if (!c)
		return;
	pending_free(c);
	env_close(c);
	if (c->path && !c->failed)
		stamp_put(c->path);
	free(c->path);
	if (c->lock_fd >= 0)
		close(c->lock_fd);
	seen_release(&c->seen);
	free(c->pairs);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

bool catalog_is_current(const struct catalog *c,
			const uint8_t head[static CATALOG_HASH_LEN])
{
	return c->has_head && !memcmp(c->head, head, CATALOG_HASH_LEN);
}

/* --- records --- */

struct span catalog_get(struct catalog *c, struct catalog_key key)
{
	uint8_t k[CATALOG_KEY_LEN];
	MDB_val mk = { sizeof(k), k }, val;
	struct span value;
	int rc;

	key_encode(key, k);
	pthread_mutex_lock(&c->lock);
	rc = mdb_get(c->read, c->dbi, &mk, &val);
	pthread_mutex_unlock(&c->lock);
	if (rc || val.mv_size < RECORD_MIN)
		return SPAN(NULL, 0);
	value = SPAN((uint8_t *)val.mv_data + SUM_LEN, val.mv_size - SUM_LEN);
	if (get_le64(val.mv_data) != record_sum(k, value))
		return SPAN(NULL, 0); /* read it all, and write it anew */
	return value;
}

void catalog_done(struct span record)
{
	uintptr_t from = (uintptr_t)record.p & ~(uintptr_t)4095;
	uintptr_t to = ((uintptr_t)record.p + record.len) & ~(uintptr_t)4095;

	if (to > from)
		madvise((void *)from, to - from, MADV_DONTNEED);
}

static int del(MDB_txn *txn, MDB_dbi dbi, const uint8_t key[1])
{
	MDB_val k = val_of(key, 1);
	int rc = mdb_del(txn, dbi, &k, NULL);

	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* The index stays complete while each record that is put is noted in it, and
 * both come with the same transaction. */
static int forget_trust(struct catalog *c, MDB_txn *txn)
{
	int rc = del(txn, c->dbi, meta_key);

	if (rc == 0)
		rc = del(txn, c->dbi, token_key);
	if (rc == 0 && !c->use_index)
		rc = del(txn, c->dbi, index_key);
	return rc;
}

static int pair_order(const void *a, const void *b)
{
	return memcmp(a, b, PAIR_LEN);
}

/* lock: held */
static int write_pairs(struct catalog *c, MDB_txn *txn)
{
	size_t i;
	int rc = 0;

	if (c->n_pairs)
		qsort(c->pairs, c->n_pairs, PAIR_LEN, pair_order);
	for (i = 0; rc == 0 && i < c->n_pairs; i++) {
		MDB_val key = val_of(c->pairs + i * PAIR_LEN, PAIR_LEN);
		MDB_val val = val_of(NULL, 0);

		rc = mdb_put(txn, c->index, &key, &val, MDB_NOOVERWRITE);
		if (rc == MDB_KEYEXIST)
			rc = 0;
	}
	return rc;
}

/* lock: held */
static int write_batch(struct catalog *c, MDB_txn *txn)
{
	MDB_val key, val;
	struct pending *p;
	int rc = 0;

	if (!c->dirty)
		rc = forget_trust(c, txn);
	for (p = c->pending; rc == 0 && p; p = p->next) {
		uint8_t k[CATALOG_KEY_LEN];

		key_encode(p->key, k);
		key = (MDB_val){ sizeof(k), k };
		val = (MDB_val){ p->len, p->value };
		rc = p->len ? mdb_put(txn, c->dbi, &key, &val, 0)
			    : mdb_del(txn, c->dbi, &key, NULL);
		if (rc == MDB_NOTFOUND)
			rc = 0;
	}
	return rc ? rc : write_pairs(c, txn);
}

/* lock: held */
static int flush(struct catalog *c)
{
	MDB_txn *txn;
	int e = FAULT("catalog.commit"), rc;

	if (e < 0)
		return log_fail(e, "commit the catalog");
	rc = mdb_txn_begin(c->env, NULL, 0, &txn);
	if (rc)
		return fail(rc, "begin");
	rc = write_batch(c, txn);
	if (rc == 0)
		rc = mdb_txn_commit(txn);
	else
		mdb_txn_abort(txn);
	if (rc)
		return fail(rc, "write");
	c->dirty = true;
	pending_free(c);
	c->n_pairs = 0;
	return 0;
}

/* lock: held */
static size_t batch_bytes(const struct catalog *c)
{
	size_t part = c->put_bytes / BATCH_PART;

	return MIN(MAX(part, (size_t)BATCH_BYTES_MIN), (size_t)BATCH_BYTES_MAX);
}

int catalog_put(struct catalog *c, struct catalog_key key,
		const uint8_t tree[32], struct span parts)
{
	struct pending *p = malloc(sizeof(*p) + RECORD_MIN + parts.len);
	uint8_t k[CATALOG_KEY_LEN];
	int e;

	if (!p) {
		__atomic_store_n(&c->failed, true, __ATOMIC_RELAXED);
		return -ENOMEM;
	}
	p->key = key;
	p->len = RECORD_MIN + parts.len;
	memcpy(p->value + SUM_LEN, tree, 32);
	if (parts.len)
		memcpy(p->value + RECORD_MIN, parts.p, parts.len);
	key_encode(key, k);
	put_le64(p->value,
		 record_sum(k, SPAN(p->value + SUM_LEN, p->len - SUM_LEN)));
	pthread_mutex_lock(&c->lock);
	p->next = c->pending;
	c->pending = p;
	c->pending_bytes += sizeof(*p) + p->len;
	c->put_bytes += sizeof(*p) + p->len;
	e = see(c, key);
	if (e == 0 && c->pending_bytes >= batch_bytes(c))
		e = flush(c);
	c->failed |= e < 0;
	pthread_mutex_unlock(&c->lock);
	return e;
}

int catalog_flush(struct catalog *c)
{
	int e;

	pthread_mutex_lock(&c->lock);
	e = c->pending ? flush(c) : 0;
	pthread_mutex_unlock(&c->lock);
	return e;
}

int catalog_keep(struct catalog *c, struct catalog_key key)
{
	int e;

	pthread_mutex_lock(&c->lock);
	e = see(c, key);
	pthread_mutex_unlock(&c->lock);
	return e;
}

/* Remove the records of directories that are gone. */
static int sweep(struct catalog *c, MDB_txn *txn)
{
	MDB_cursor *cur;
	MDB_val key, val;
	MDB_stat st;
	int rc = mdb_stat(txn, c->dbi, &st);

	if (rc || st.ms_entries <= c->seen.n)
		return rc;
	rc = mdb_cursor_open(txn, c->dbi, &cur);
	if (rc)
		return rc;
	while ((rc = mdb_cursor_get(cur, &key, &val, MDB_NEXT)) == 0) {
		if (key.mv_size != CATALOG_KEY_LEN ||
		    seen_has(&c->seen, key_hash(key.mv_data)))
			continue;
		rc = mdb_cursor_del(cur, 0);
		if (rc)
			break;
	}
	mdb_cursor_close(cur);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* lock: held */
static int sweep_now(struct catalog *c)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(c->env, NULL, 0, &txn);

	if (rc)
		return fail(rc, "begin");
	rc = c->dirty ? 0 : forget_trust(c, txn);
	if (rc == 0)
		rc = sweep(c, txn);
	if (rc == 0)
		rc = mdb_txn_commit(txn);
	else
		mdb_txn_abort(txn);
	c->dirty |= rc == 0;
	return rc ? fail(rc, "write") : 0;
}

int catalog_renew(struct catalog *c)
{
	int e = 0, rc;

	pthread_mutex_lock(&c->lock);
	if (c->pending || c->n_pairs)
		e = flush(c);
	if (e == 0 && !c->keep_all)
		e = sweep_now(c);
	if (e == 0) {
		c->keep_all = true;
		seen_release(&c->seen);
		mdb_txn_abort(c->read);
		c->read = NULL;
		rc = mdb_txn_begin(c->env, NULL, MDB_RDONLY, &c->read);
		if (rc)
			e = fail(rc, "begin");
	}
	c->failed |= e < 0;
	pthread_mutex_unlock(&c->lock);
	return e;
}

/* What a tracker's next run relies on. */
static int put_trust(struct catalog *c, MDB_txn *txn)
{
	MDB_val key = val_of(note_key, sizeof(note_key));
	MDB_val val = val_of(&c->new_note, sizeof(c->new_note));
	int rc = mdb_put(txn, c->dbi, &key, &val, 0);

	key = val_of(token_key, sizeof(token_key));
	val = val_of(c->new_token, c->new_token_len);
	if (rc || !c->use_index || c->new_token_len == 0)
		return rc ?: del(txn, c->dbi, token_key);
	rc = mdb_put(txn, c->dbi, &key, &val, 0);
	key = val_of(index_key, sizeof(index_key));
	val = val_of(index_key, sizeof(index_key));
	return rc ? rc : mdb_put(txn, c->dbi, &key, &val, 0);
}

/* lock: held */
static int commit_locked(struct catalog *c, const uint8_t *head)
{
	MDB_val key = val_of(meta_key, sizeof(meta_key));
	MDB_val val = val_of(head, CATALOG_HASH_LEN);
	MDB_txn *txn;
	int rc;

	/* the read transaction pins the pages of the old records */
	mdb_txn_abort(c->read);
	c->read = NULL;
	rc = mdb_txn_begin(c->env, NULL, 0, &txn);
	if (rc)
		return fail(rc, "begin");
	rc = write_batch(c, txn);
	if (rc == 0 && !c->keep_all)
		rc = sweep(c, txn);
	if (rc == 0)
		rc = mdb_put(txn, c->dbi, &key, &val, 0);
	if (rc == 0)
		rc = put_trust(c, txn);
	if (rc == 0)
		rc = mdb_txn_commit(txn);
	else
		mdb_txn_abort(txn);
	if (rc)
		return fail(rc, "commit");
	pending_free(c);
	return 0;
}

int catalog_commit(struct catalog *c,
		   const uint8_t head[static CATALOG_HASH_LEN])
{
	int e = FAULT("catalog.commit");

	if (e < 0)
		return log_fail(e, "commit the catalog");
	pthread_mutex_lock(&c->lock);
	/* a record that is older than the head would be believed */
	if (c->failed)
		e = log_fail(-EIO, "keep the catalog: a record of it could not "
				   "be written, the next backup looks at "
				   "everything");
	else
		e = commit_locked(c, head);
	pthread_mutex_unlock(&c->lock);
	return e;
}

int catalog_amend(struct catalog *c, bool keep_token)
{
	uint8_t head[CATALOG_HASH_LEN];

	if (!c->has_head)
		return catalog_flush(c);
	memcpy(head, c->head, sizeof(head));
	c->keep_all = true;
	c->new_token_len = 0;
	if (keep_token && c->token_len) {
		memcpy(c->new_token, c->token, c->token_len);
		c->new_token_len = c->token_len;
	}
	return catalog_commit(c, head);
}

/* --- for a tracker --- */

bool catalog_use_index(struct catalog *c)
{
	c->use_index = true;
	return c->index_complete;
}

void catalog_keep_all(struct catalog *c)
{
	c->keep_all = true;
}

int catalog_drop_unseen(struct catalog *c, struct catalog_key key)
{
	uint8_t k[CATALOG_KEY_LEN];
	struct pending *p;
	int e = 0;

	key_encode(key, k);
	pthread_mutex_lock(&c->lock);
	if (!seen_has(&c->seen, key_hash(k))) {
		p = calloc(1, sizeof(*p)); /* no value: to be removed */
		e = p ? 0 : -ENOMEM;
		c->failed |= e < 0;
		if (p) {
			p->key = key;
			p->next = c->pending;
			c->pending = p;
		}
	}
	pthread_mutex_unlock(&c->lock);
	return e;
}

struct span catalog_token(const struct catalog *c)
{
	return SPAN(c->token_len ? c->token : NULL, c->token_len);
}

int catalog_set_token(struct catalog *c, struct span token)
{
	if (token.len > CATALOG_TOKEN_MAX)
		return -EMSGSIZE;
	memcpy(c->new_token, token.p, token.len);
	c->new_token_len = token.len;
	return 0;
}

uint8_t catalog_note(const struct catalog *c)
{
	return c->note;
}

void catalog_set_note(struct catalog *c, uint8_t note)
{
	c->new_note = note;
}

int catalog_children(struct catalog *c, struct catalog_key parent,
		     const struct catalog_key *children, size_t n)
{
	size_t i;
	int e = 0;

	if (!c->use_index)
		return 0;
	pthread_mutex_lock(&c->lock);
	if (c->n_pairs + n > c->cap_pairs) {
		size_t cap = MAX(2 * c->cap_pairs, c->n_pairs + n);
		void *p = realloc(c->pairs, cap * PAIR_LEN);

		if (p) {
			c->pairs = p;
			c->cap_pairs = cap;
		} else {
			e = -ENOMEM;
		}
	}
	for (i = 0; e == 0 && i < n; i++) {
		uint8_t *pair = c->pairs + c->n_pairs++ * PAIR_LEN;

		key_encode(children[i], pair);
		key_encode(parent, pair + CATALOG_KEY_LEN);
	}
	if (e == 0 && c->n_pairs >= PAIRS_BATCH)
		e = flush(c);
	c->failed |= e < 0;
	pthread_mutex_unlock(&c->lock);
	return e;
}

int catalog_each(struct catalog *c, catalog_each_fn *fn, void *arg)
{
	MDB_cursor *cur = NULL;
	MDB_val key, val;
	MDB_txn *txn = NULL;
	int rc, e = catalog_flush(c);

	if (e < 0)
		return e;
	rc = mdb_txn_begin(c->env, NULL, MDB_RDONLY, &txn);
	if (rc == 0)
		rc = mdb_cursor_open(txn, c->dbi, &cur);
	while (rc == 0 && e >= 0) {
		rc = mdb_cursor_get(cur, &key, &val, MDB_NEXT);
		if (rc || key.mv_size != CATALOG_KEY_LEN ||
		    val.mv_size < RECORD_MIN)
			continue;
		e = fn(arg, key_decode(key.mv_data),
		       SPAN((uint8_t *)val.mv_data + SUM_LEN,
			    val.mv_size - SUM_LEN));
	}
	if (cur)
		mdb_cursor_close(cur);
	if (txn)
		mdb_txn_abort(txn);
	return rc && rc != MDB_NOTFOUND ? fail(rc, "read") : e;
}

int catalog_parents(struct catalog *c, struct catalog_key child,
		    catalog_parent_fn *fn, void *arg)
{
	uint8_t from[PAIR_LEN] = { 0 };
	MDB_val key = val_of(from, sizeof(from)), val;
	MDB_cursor *cur;
	int rc, e = 0;

	key_encode(child, from);
	pthread_mutex_lock(&c->lock);
	rc = mdb_cursor_open(c->read, c->index, &cur);
	if (rc == 0) {
		rc = mdb_cursor_get(cur, &key, &val, MDB_SET_RANGE);
		while (rc == 0 && e >= 0 && key.mv_size == PAIR_LEN &&
		       !memcmp(key.mv_data, from, CATALOG_KEY_LEN)) {
			e = fn(arg, key_decode((uint8_t *)key.mv_data +
					       CATALOG_KEY_LEN));
			rc = mdb_cursor_get(cur, &key, &val, MDB_NEXT);
		}
		mdb_cursor_close(cur);
	}
	pthread_mutex_unlock(&c->lock);
	return rc && rc != MDB_NOTFOUND ? fail(rc, "read") : e;
}
