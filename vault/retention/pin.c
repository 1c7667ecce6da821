/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pin.c - a security PIN.
 */
#include "vault/retention/pin.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "crypto/digest.h"
#include "crypto/kdf.h"
#include "vault/audit.h"

#define SALT_LEN 16
/* 30 ms or so for one, a night for all of them on one processor */
#define KDF_PASSES 2
#define KDF_KIB 19456

int64_t pin_ticks(int64_t seconds)
{
	return seconds * 10000000 + 621355968000000000;
}

static int hash_pin(const char *digits, const uint8_t salt[static SALT_LEN],
		    uint8_t out[static SHA256_LEN])
{
	return kdf_argon2id(SPAN(digits, strlen(digits)), SPAN(salt, SALT_LEN),
			    KDF_PASSES, KDF_KIB, 1, out, SHA256_LEN);
}

/* --- making --- */

struct making {
	const char *vault, *actor;
	uint8_t salt[SALT_LEN], hash[SHA256_LEN];
	int64_t expires;
};

static int put_pin(struct db *db, void *arg)
{
	const struct making *m = arg;
	struct audit_line line = { 0,	     0,	     m->actor, "pin/issue",
				   m->vault, "done", "" };
	int e = db_exec(db,
			"INSERT INTO security_pin(vault, salt, hash, expires)"
			" VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
			" salt = excluded.salt, hash = excluded.hash,"
			" expires = excluded.expires, tries = 0",
			"sbbi", m->vault, SPAN(m->salt, SALT_LEN),
			SPAN(m->hash, SHA256_LEN), m->expires);

	return e < 0 ? e : audit_add(db, &line);
}

/* Numbers from 4,294,000,000 on would make the first PINs likelier. */
static uint32_t random_million(void)
{
	uint32_t n;

	do
		random_bytes(&n, sizeof(n));
	while (n >= UINT32_MAX / 1000000 * 1000000);
	return n % 1000000;
}

int pin_make(struct db *db, const char *vault, const char *actor,
	     struct pin *out)
{
	struct making m = { .vault = vault, .actor = actor };
	int e;

	snprintf(out->digits, sizeof(out->digits), "%06u", random_million());
	random_bytes(m.salt, sizeof(m.salt));
	e = hash_pin(out->digits, m.salt, m.hash);
	if (e < 0)
		return e;
	m.expires = out->expires = clock_now() + PIN_SECONDS;
	e = db_write(db, put_pin, &m);
	if (e < 0)
		secret_wipe(out, sizeof(*out));
	return e;
}

/* --- using --- */

struct guess {
	const char *vault, *actor;
	uint8_t salt[SALT_LEN], hash[SHA256_LEN]; /* of what was said */
	bool is_known, is_right;
};

static int take_salt(void *arg, const struct db_row *row)
{
	struct guess *g = arg;
	struct span salt = db_bytes(row, 0);

	g->is_known = salt.len == SALT_LEN;
	if (g->is_known)
		memcpy(g->salt, salt.p, SALT_LEN);
	return 0;
}

/* It may have been replaced since its salt was read: another one, then. */
static int compare(void *arg, const struct db_row *row)
{
	struct guess *g = arg;
	struct span salt = db_bytes(row, 0), hash = db_bytes(row, 1);

	g->is_right = salt.len == SALT_LEN && hash.len == SHA256_LEN &&
		      secret_equal(salt.p, g->salt, SALT_LEN) &&
		      secret_equal(hash.p, g->hash, SHA256_LEN) &&
		      clock_now() < db_int(row, 2) &&
		      db_int(row, 3) < PIN_TRIES;
	return 0;
}

static int judge(struct db *db, void *arg)
{
	struct guess *g = arg;
	struct audit_line line = { 0,	     0,	     g->actor, "pin/use",
				   g->vault, "done", "" };
	int e = 0;

	g->is_right = false;
	if (g->is_known)
		e = db_query(db, compare, g,
			     "SELECT salt, hash, expires, tries"
			     " FROM security_pin WHERE vault = ?",
			     "s", g->vault);
	if (e == 0 && g->is_right)
		e = db_exec(db, "DELETE FROM security_pin WHERE vault = ?", "s",
			    g->vault);
	else if (e == 0)
		e = db_exec(db,
			    "UPDATE security_pin SET tries = tries + 1"
			    " WHERE vault = ?",
			    "s", g->vault);
	if (!g->is_right)
		line.outcome = "refused";
	return e < 0 ? e : audit_add(db, &line);
}

int pin_use(struct db *db, const char *vault, const char *digits,
	    const char *actor)
{
	struct guess g = { .vault = vault, .actor = actor };
	int e;

	/* what is no PIN is not worth the hash */
	if (strlen(digits) == PIN_DIGITS &&
	    strspn(digits, "0123456789") == PIN_DIGITS) {
		e = db_query(db, take_salt, &g,
			     "SELECT salt FROM security_pin WHERE vault = ?",
			     "s", vault);
		if (e == 0 && g.is_known)
			e = hash_pin(digits, g.salt, g.hash);
		if (e < 0)
			return e;
	}
	e = db_write(db, judge, &g);
	return e < 0 ? e : g.is_right ? 0 : -EACCES;
}
