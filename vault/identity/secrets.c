/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secrets.c - what proves that a principal is who it says.
 */
#include <errno.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "vault/audit.h"
#include "vault/identity/principals.h"

#define SECRET_BYTES 32

static int found(int e)
{
	return e == 0 ? -ENOENT : MIN(e, 0);
}

/* --- adding and removing --- */

struct adding {
	const char *principal, *actor, *key;
	uint8_t hash[SHA256_LEN];
	struct secret *out;
};

static int add_secret(struct db *db, void *arg)
{
	const struct adding *a = arg;
	struct secret *s = a->out;
	struct audit_line line = { 0,	  0,	  a->actor,    "secret/add",
				   s->id, "done", a->principal };
	int64_t n;
	int e = db_number(db, &n,
			  "SELECT COUNT(*) FROM secret WHERE principal = ?",
			  "s", a->principal);

	if (e == 0 && n >= SECRETS_MAX)
		e = -ENOSPC;
	if (e == 0)
		e = db_exec(db,
			    "INSERT INTO secret(id, principal, kind, hash, key,"
			    " created, expires) VALUES (?, ?, ?, ?, ?, ?, ?)",
			    "ssibsii", s->id, a->principal, (int64_t)s->kind,
			    SPAN(a->hash, SHA256_LEN), a->key, s->created,
			    s->expires);
	return e < 0 ? e : audit_add(db, &line);
}

static void fill(struct secret *s, enum secret_kind kind, int64_t expires)
{
	uuid_make(s->id);
	s->kind = kind;
	s->created = clock_now();
	s->expires = expires;
}

int secret_add(struct db *db, const char *principal, enum secret_kind kind,
	       int64_t expires, const char *actor, struct secret *out,
	       char text[static SECRET_TEXT_LEN + 1])
{
	CLEANUP_SECRET_BUF struct buf b = BUF_INIT(SECRET_TEXT_LEN + 1);
	struct secret s;
	struct adding a = { .principal = principal, .actor = actor, .out = &s };
	uint8_t bytes[SECRET_BYTES];
	int e = buf_reserve(&b, SECRET_TEXT_LEN + 1);

	random_bytes(bytes, sizeof(bytes));
	if (e == 0)
		e = base64url_append(&b, SPAN(bytes, sizeof(bytes)));
	secret_wipe(bytes, sizeof(bytes));
	if (e < 0)
		return e;
	fill(&s, kind, expires);
	sha256_once(SPAN_OF(&b), a.hash);
	e = db_write(db, add_secret, &a);
	if (e < 0)
		return e;
	*out = s;
	memcpy(text, b.p, SECRET_TEXT_LEN);
	text[SECRET_TEXT_LEN] = '\0';
	return 0;
}

int secret_add_key(struct db *db, const char *principal, const struct pkey *key,
		   const uint8_t hash[static SHA256_LEN], int64_t expires,
		   const char *actor, struct secret *out)
{
	CLEANUP_BUF struct buf pem = BUF_INIT(PKEY_PEM_MAX);
	struct secret s;
	struct adding a = { .principal = principal, .actor = actor, .out = &s };
	int e = pkey_public_to_pem(key, &pem);

	if (e == 0)
		e = buf_u8(&pem, '\0');
	if (e < 0)
		return e;
	fill(&s, SECRET_KEY, expires);
	a.key = (const char *)pem.p;
	memcpy(a.hash, hash, SHA256_LEN);
	e = db_write(db, add_secret, &a);
	if (e == 0)
		*out = s;
	return e;
}

struct removing {
	const char *id, *actor;
};

static int remove_secret(struct db *db, void *arg)
{
	const struct removing *r = arg;
	struct audit_line line = { 0,	  0,	  r->actor, "secret/remove",
				   r->id, "done", "" };
	int n = db_exec(db, "DELETE FROM secret WHERE id = ?", "s", r->id);

	if (n == 0)
		return -ENOENT;
	return n < 0 ? n : audit_add(db, &line);
}

int secret_remove(struct db *db, const char *id, const char *actor)
{
	struct removing r = { id, actor };

	return db_write(db, remove_secret, &r);
}

/* --- looking --- */

struct checking {
	uint8_t hash[SHA256_LEN];
	int64_t now;
	bool is_there, is_over;
};

/* All of them are compared, and in constant time. */
static int compare(void *arg, const struct db_row *row)
{
	struct checking *c = arg;
	struct span hash = db_bytes(row, 0);
	bool same = hash.len == SHA256_LEN &&
		    secret_equal(hash.p, c->hash, SHA256_LEN);

	c->is_there |= same;
	c->is_over |= same && db_int(row, 1) <= c->now;
	return 0;
}

int secret_check(struct db *db, const char *principal, const char *text)
{
	struct checking c = { .now = clock_now() };
	int e;

	sha256_once(SPAN(text, strlen(text)), c.hash);
	e = db_query(db, compare, &c,
		     "SELECT hash, expires FROM secret WHERE principal = ?"
		     " AND kind = ?",
		     "si", principal, (int64_t)SECRET_CLIENT);
	if (e < 0)
		return e;
	if (!c.is_there)
		return -EACCES;
	return c.is_over ? -EKEYEXPIRED : 0;
}

static int take_id(void *arg, const struct db_row *row)
{
	snprintf(arg, MACHINE_ID_LEN + 1, "%s", db_text(row, 0));
	return 1;
}

/* Found by its hash, of which nobody can make one that is nearly right. */
int secret_holder(struct db *db, const char *text, struct principal *out)
{
	char id[MACHINE_ID_LEN + 1];
	uint8_t hash[SHA256_LEN];
	int e;

	sha256_once(SPAN(text, strlen(text)), hash);
	e = found(db_query(db, take_id, id,
			   "SELECT principal FROM secret WHERE hash = ?"
			   " AND kind = ? AND expires > ?",
			   "bii", SPAN(hash, SHA256_LEN),
			   (int64_t)SECRET_HEADER, clock_now()));
	return e < 0 ? e : principal_get(db, id, out);
}

struct keys {
	secret_key_fn *fn;
	void *arg;
};

static int take_key(void *arg, const struct db_row *row)
{
	const struct keys *k = arg;
	CLEANUP_PKEY struct pkey *key = NULL;
	const char *pem = db_text(row, 0), *why;
	int e = pkey_public_from_pem(SPAN(pem, strlen(pem)), &key, &why);

	return e < 0 ? e : k->fn(k->arg, key);
}

int secret_keys(struct db *db, const char *principal, secret_key_fn *fn,
		void *arg)
{
	struct keys k = { fn, arg };

	return db_query(db, take_key, &k,
			"SELECT key FROM secret WHERE principal = ?"
			" AND kind = ? AND expires > ?",
			"sii", principal, (int64_t)SECRET_KEY, clock_now());
}

struct listing {
	secret_fn *fn;
	void *arg;
};

static int list_row(void *arg, const struct db_row *row)
{
	const struct listing *l = arg;
	struct secret s;

	snprintf(s.id, sizeof(s.id), "%s", db_text(row, 0));
	s.kind = (enum secret_kind)db_int(row, 1);
	s.created = db_int(row, 2);
	s.expires = db_int(row, 3);
	return l->fn(l->arg, &s);
}

int secrets_list(struct db *db, const char *principal, secret_fn *fn, void *arg)
{
	struct listing l = { fn, arg };

	return db_query(db, list_row, &l,
			"SELECT id, kind, created, expires FROM secret"
			" WHERE principal = ? ORDER BY created",
			"s", principal);
}
