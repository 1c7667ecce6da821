/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signing.c - the keys that sign a vault's tokens.
 *
 * What is loaded is compared with the database each time by the kids alone;
 * there are a handful.
 */
#include "vault/identity/signing.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "vault/audit.h"

#define RSA_BITS 2048
#define KEYS_MAX 16
#define FILE_MAX (JWS_KID_MAX + 8)
/* Kids that are known, the newest first, with commas. */
#define KIDS_MAX ((JWK_THUMBPRINT_LEN + 1) * (KEYS_MAX + 1))

struct signing {
	struct db *db;
	int dirfd;
	bool es256;
	pthread_rwlock_t lock; /* of what follows */
	char kids[KIDS_MAX + 1];
	struct jwk_set *set;
	struct pkey *key; /* the newest, that signs */
	char kid[JWS_KID_MAX + 1];
};

/* --- what the database says --- */

static int take_kids(void *arg, const struct db_row *row)
{
	snprintf(arg, KIDS_MAX + 1, "%s", db_text(row, 0) ?: "");
	return 0;
}

static int known_kids(const struct signing *s, char kids[static KIDS_MAX + 1])
{
	kids[0] = '\0';
	return db_query(s->db, take_kids, kids,
			"SELECT group_concat(kid) FROM (SELECT kid FROM"
			" signing_key WHERE ends IS NULL OR ends > ?"
			" ORDER BY ends IS NULL DESC, created DESC, kid)",
			"i", clock_now());
}

static int take_key(void *arg, const struct db_row *row)
{
	CLEANUP_PKEY struct pkey *key = NULL;
	const char *pem = db_text(row, 1), *why = NULL;
	int e = pkey_public_from_pem(SPAN(pem, strlen(pem)), &key, &why);

	if (e < 0)
		return log_fail(e, "the signing key %s in the database: %s",
				db_text(row, 0), why ?: "read");
	return jwk_set_add(arg, db_text(row, 0), key);
}

/* The lock is held for writing. */
static int load(struct signing *s, const char *kids)
{
	CLEANUP_JWK_SET struct jwk_set *set = NULL;
	CLEANUP_PKEY struct pkey *key = NULL;
	char file[FILE_MAX];
	int n = (int)strcspn(kids, ",");
	int e = jwk_set_new(&set);

	if (e == 0)
		e = db_query(s->db, take_key, set,
			     "SELECT kid, key FROM signing_key"
			     " WHERE ends IS NULL OR ends > ?",
			     "i", clock_now());
	snprintf(file, sizeof(file), "%.*s.key", n, kids);
	if (e == 0)
		e = pkey_load(s->dirfd, file, &key);
	if (e == -ENOENT)
		log_error("the key that signs tokens, %s, is not there: "
			  "restore the file, or: tidemark-vaultd identity DIR "
			  "rotate-keys",
			  file);
	if (e < 0)
		return e;
	snprintf(s->kid, sizeof(s->kid), "%.*s", n, kids);
	snprintf(s->kids, sizeof(s->kids), "%s", kids);
	jwk_set_free(s->set);
	s->set = TAKE_PTR(set);
	pkey_free(s->key);
	s->key = TAKE_PTR(key);
	return 0;
}

/* On success the lock is held for reading. */
static int lock_current(struct signing *s)
{
	char kids[KIDS_MAX + 1];
	int e = known_kids(s, kids);

	if (e < 0)
		return e;
	pthread_rwlock_rdlock(&s->lock);
	if (!strcmp(kids, s->kids))
		return 0;
	pthread_rwlock_unlock(&s->lock);
	pthread_rwlock_wrlock(&s->lock);
	e = load(s, kids);
	pthread_rwlock_unlock(&s->lock);
	if (e < 0)
		return e;
	/* One that came meanwhile is seen by the next. */
	pthread_rwlock_rdlock(&s->lock);
	return 0;
}

/* --- a new key --- */

struct adding {
	const char *kid, *pem, *actor;
	bool first, at_once;
};

static int not_too_many(struct db *db, int64_t now)
{
	int64_t n;
	int e = db_number(db, &n,
			  "SELECT COUNT(*) FROM signing_key"
			  " WHERE ends IS NULL OR ends > ?",
			  "i", now);

	if (e < 0 || n < KEYS_MAX)
		return e;
	log_error("%d keys are known still: a new one can come when the first "
		  "of them ends, or at once",
		  KEYS_MAX);
	return -EBUSY;
}

static int add_key(struct db *db, void *arg)
{
	const struct adding *a = arg;
	struct audit_line line = { 0,
				   0,
				   a->actor,
				   "identity/rotate-keys",
				   a->kid,
				   "done",
				   a->at_once ? "at once" : "" };
	int64_t n, now = clock_now();
	int e = db_number(db, &n,
			  "SELECT COUNT(*) FROM signing_key"
			  " WHERE ends IS NULL",
			  "");

	if (e == 0 && a->first && n > 0)
		return -EEXIST; /* another process has made it */
	if (e == 0 && !a->at_once)
		e = not_too_many(db, now);
	if (e == 0)
		e = db_exec(db,
			    "UPDATE signing_key SET ends = ? WHERE ends IS NULL"
			    " OR ends > ?1",
			    "i",
			    a->at_once ? now
				       : now + TOKEN_SECONDS + TOKEN_SKEW);
	if (e >= 0)
		e = db_exec(db,
			    "INSERT INTO signing_key(kid, key, created)"
			    " VALUES (?, ?, ?)",
			    "ssi", a->kid, a->pem, now);
	return e < 0 ? e : audit_add(db, &line);
}

static int forget_file(void *arg, const struct db_row *row)
{
	const struct signing *s = arg;
	char file[FILE_MAX];

	snprintf(file, sizeof(file), "%s.key", db_text(row, 0));
	if (unlinkat(s->dirfd, file, 0) < 0 && errno != ENOENT)
		return log_fail(-errno, "remove the old key %s", file);
	return 0;
}

static int forget_rows(struct db *db, void *arg)
{
	return MIN(db_exec(db, "DELETE FROM signing_key WHERE ends <= ?", "i",
			   *(int64_t *)arg),
		   0);
}

/* Files first: a row without one is found again. */
static int forget_old(struct signing *s)
{
	int64_t now = clock_now();
	int e = db_query(s->db, forget_file, s,
			 "SELECT kid FROM signing_key WHERE ends <= ?", "i",
			 now);

	return e < 0 ? e : db_write(s->db, forget_rows, &now);
}

static int make_key(struct signing *s, struct adding *a)
{
	CLEANUP_PKEY struct pkey *key = NULL;
	CLEANUP_BUF struct buf pem = BUF_INIT(PKEY_PEM_MAX);
	char kid[JWK_THUMBPRINT_LEN + 1], file[FILE_MAX];
	int e = s->es256 ? pkey_new(&key) : pkey_new_rsa(RSA_BITS, &key);

	if (e == 0)
		e = jwk_thumbprint(key, kid);
	if (e == 0)
		e = pkey_public_to_pem(key, &pem);
	if (e == 0)
		e = buf_u8(&pem, '\0');
	if (e < 0)
		return log_fail(e, "make a key that signs tokens");
	snprintf(file, sizeof(file), "%s.key", kid);
	e = pkey_save(s->dirfd, file, key);
	a->kid = kid;
	a->pem = (const char *)pem.p;
	if (e == 0)
		e = db_write(s->db, add_key, a);
	if (e < 0)
		(void)unlinkat(s->dirfd, file, 0);
	return e;
}

int signing_rotate(struct signing *s, bool at_once, const char *actor)
{
	struct adding a = { .actor = actor, .at_once = at_once };
	int e = make_key(s, &a);

	return e < 0 ? e : forget_old(s);
}

/* --- opening --- */

static int first_or_next(struct signing *s)
{
	struct adding a = { .actor = "local root", .first = true };
	int64_t made;
	int e = db_number(s->db, &made,
			  "SELECT MAX(created) FROM signing_key"
			  " WHERE ends IS NULL",
			  "");

	if (e == -ENOENT) {
		e = make_key(s, &a);
		return e == -EEXIST ? 0 : e;
	}
	if (e == 0 && clock_now() - made > SIGNING_DAYS * 86400)
		e = signing_rotate(s, false, "local root");
	return e;
}

int signing_open(struct db *db, const char *dir, bool es256,
		 struct signing **out)
{
	struct signing *s;
	int e = io_mkdir_p(dir);

	if (e < 0)
		return log_fail(e, "make %s", dir);
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	pthread_rwlock_init(&s->lock, NULL);
	s->db = db;
	s->es256 = es256;
	s->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	e = s->dirfd < 0 ? log_fail(-errno, "open %s", dir) : 0;
	if (e == 0)
		e = first_or_next(s);
	if (e < 0)
		signing_close(s);
	else
		*out = s;
	return e;
}

void signing_close(struct signing *s)
{
	if (!s)
		return;
	if (s->dirfd >= 0)
		close(s->dirfd);
	jwk_set_free(s->set);
	pkey_free(s->key);
	pthread_rwlock_destroy(&s->lock);
	free(s);
}

/* --- use --- */

int signing_sign(struct signing *s, struct span payload, struct buf *out)
{
	int e = first_or_next(s);

	if (e == 0)
		e = lock_current(s);
	if (e < 0)
		return e;
	e = jws_sign(s->key, s->kid, "JWT", payload, out);
	pthread_rwlock_unlock(&s->lock);
	return e < 0 ? log_fail(e, "sign a token") : 0;
}

int signing_verify(struct signing *s, struct span token, struct buf *payload,
		   const char **why)
{
	int e = lock_current(s);

	if (e < 0)
		return e;
	e = jws_verify(token, s->set, payload, NULL, why);
	pthread_rwlock_unlock(&s->lock);
	return e;
}

int signing_jwks(struct signing *s, struct buf *out)
{
	int e = lock_current(s);

	if (e < 0)
		return e;
	e = jwk_set_write(s->set, out);
	pthread_rwlock_unlock(&s->lock);
	return e;
}
