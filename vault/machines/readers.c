/* SPDX-License-Identifier: Apache-2.0 */
/*
 * readers.c - who may restore what machines have stored, without being one.
 */
#include "vault/machines/readers.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "vault/audit.h"

#define COLUMNS "id, vault, machine, name, created, expires, used, revoked, key"

static int take_reader(void *arg, const struct db_row *row)
{
	struct vault_reader *r = arg;
	struct span key = db_bytes(row, 8);

	memset(r, 0, sizeof(*r));
	snprintf(r->id, sizeof(r->id), "%s", db_text(row, 0));
	snprintf(r->vault, sizeof(r->vault), "%s", db_text(row, 1));
	snprintf(r->machine, sizeof(r->machine), "%s", db_text(row, 2) ?: "");
	snprintf(r->name, sizeof(r->name), "%s", db_text(row, 3) ?: "");
	r->created = db_int(row, 4);
	r->expires = db_int(row, 5);
	r->used = db_int(row, 6);
	r->revoked = db_int(row, 7);
	if (key.len == sizeof(r->key))
		memcpy(r->key, key.p, sizeof(r->key));
	return 1;
}

static int found(int r, int none)
{
	return r == 0 ? none : MIN(r, 0);
}

static bool is_over(const struct vault_reader *r)
{
	return r->revoked || r->expires <= clock_now();
}

/* --- allowing --- */

struct allowing {
	const char *id, *vault, *machine, *actor;
	uint8_t hash[SHA256_LEN];
	int64_t expires;
};

static int allow(struct db *db, void *arg)
{
	const struct allowing *a = arg;
	struct audit_line line = { 0,
				   0,
				   a->actor,
				   "restore/allow",
				   a->id,
				   "done",
				   a->machine ? a->machine
					      : "every machine of the vault" };
	int e = db_exec(db,
			"INSERT INTO reader(id, vault, machine, secret,"
			" created, expires) VALUES (?, ?, ?, ?, ?, ?)",
			"sssbii", a->id, a->vault, a->machine,
			SPAN(a->hash, sizeof(a->hash)), clock_now(),
			a->expires);

	return e < 0 ? e : audit_add(db, &line);
}

int reader_allow(struct db *db, const char *vault, const char *machine,
		 const uint8_t secret[static CREDENTIAL_LEN], int64_t expires,
		 const char *actor, char id[static MACHINE_ID_LEN + 1])
{
	struct allowing a = { id, vault, machine, actor, { 0 }, expires };

	uuid_make(id);
	sha256_once(SPAN(secret, CREDENTIAL_LEN), a.hash);
	return db_write(db, allow, &a);
}

int reader_check(struct db *db, const uint8_t secret[static CREDENTIAL_LEN],
		 struct vault_reader *out)
{
	uint8_t hash[SHA256_LEN];
	int e;

	sha256_once(SPAN(secret, CREDENTIAL_LEN), hash);
	e = found(db_query(db, take_reader, out,
			   "SELECT " COLUMNS " FROM reader WHERE secret = ?",
			   "b", SPAN(hash, sizeof(hash))),
		  -EACCES);
	return e == 0 && is_over(out) ? -EACCES : e;
}

struct using
{
	const char *id, *name;
	const uint8_t *key, *certificate;
};

static int use(struct db *db, void *arg)
{
	const struct using *u = arg;
	char actor[64];
	struct audit_line line = { 0,	    0,	    actor, "restore/register",
				   u->name, "done", "" };
	struct vault_reader r;
	int e = found(db_query(db, take_reader, &r,
			       "SELECT " COLUMNS " FROM reader WHERE id = ?",
			       "s", u->id),
		      -EACCES);

	if (e < 0)
		return e;
	if (is_over(&r) ||
	    (r.used && (memcmp(r.key, u->key, sizeof(r.key)) != 0 ||
			strcmp(r.name, u->name) != 0)))
		return -EACCES;
	snprintf(actor, sizeof(actor), "reader %s", u->id);
	e = db_exec(db,
		    "UPDATE reader SET used = ?, name = ?, key = ?,"
		    " fingerprint = ? WHERE id = ?",
		    "isbbs", clock_now(), u->name, SPAN(u->key, SHA256_LEN),
		    SPAN(u->certificate, SHA256_LEN), u->id);
	return e < 0 ? e : audit_add(db, &line);
}

int reader_register(struct db *db, const char *id, const char *name,
		    const uint8_t key[static SHA256_LEN],
		    const uint8_t certificate[static SHA256_LEN])
{
	struct using u = { id, name, key, certificate };

	return db_write(db, use, &u);
}

/* --- reading --- */

int reader_of_certificate(struct db *db, const uint8_t hash[static SHA256_LEN],
			  struct vault_reader *out)
{
	int e = found(db_query(db, take_reader, out,
			       "SELECT " COLUMNS
			       " FROM reader WHERE fingerprint = ?",
			       "b", SPAN(hash, SHA256_LEN)),
		      -ENOENT);

	return e == 0 && is_over(out) ? -EACCES : e;
}

#define MACHINES                                                               \
	"SELECT id, vault, name, registered, head, removed,"                   \
	" (SELECT COUNT(*) FROM point WHERE point.machine = machine.id),"      \
	" (SELECT MAX(arrived) FROM point WHERE point.machine = machine.id),"  \
	" state FROM machine WHERE vault = ?1 AND (?2 = '' OR id = ?2)"        \
	" AND state < 3" /* PROTECTION_PURGING */

static void fill_machine(struct machine *m, const struct db_row *row)
{
	memset(m, 0, sizeof(*m));
	snprintf(m->id, sizeof(m->id), "%s", db_text(row, 0));
	snprintf(m->vault, sizeof(m->vault), "%s", db_text(row, 1));
	snprintf(m->name, sizeof(m->name), "%s", db_text(row, 2));
	m->registered = db_int(row, 3);
	m->head = db_int(row, 4);
	m->removed = db_int(row, 5);
	m->points = db_int(row, 6);
	m->newest = db_int(row, 7);
	m->state = (enum protection_state)db_int(row, 8);
}

static int take_machine(void *arg, const struct db_row *row)
{
	fill_machine(arg, row);
	return 1;
}

struct beginning {
	const struct vault_reader *r;
	const char *machine;
};

static int begin(struct db *db, void *arg)
{
	const struct beginning *b = arg;
	char actor[64];
	struct audit_line line = {
		0, 0, actor, "restore/begin", b->machine, "done", b->r->name
	};
	int n = db_exec(db,
			"INSERT INTO reading(reader, machine, began)"
			" VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
			"ssi", b->r->id, b->machine, clock_now());

	snprintf(actor, sizeof(actor), "reader %s", b->r->id);
	return n <= 0 ? n : audit_add(db, &line);
}

static int refuse(struct db *db, const struct vault_reader *r,
		  const char *machine)
{
	char actor[64];
	struct audit_line line = { 0,	    0,	       actor,  "restore/begin",
				   machine, "refused", r->name };
	int e;

	snprintf(actor, sizeof(actor), "reader %s", r->id);
	e = audit_note(db, &line);
	return e < 0 ? e : -EACCES;
}

int reader_may_read(struct db *db, const struct vault_reader *r,
		    const char *machine, struct machine *out)
{
	struct beginning b = { r, machine };
	int64_t began;
	int e = found(db_query(db, take_machine, out, MACHINES " AND id = ?3",
			       "sss", r->vault, r->machine, machine),
		      -ENOENT);

	if (e == -ENOENT)
		return refuse(db, r, machine);
	if (e == 0)
		e = db_number(db, &began,
			      "SELECT began FROM reading WHERE reader = ?"
			      " AND machine = ?",
			      "ss", r->id, machine);
	return e == -ENOENT ? db_write(db, begin, &b) : e;
}

struct listing {
	machine_fn *fn;
	void *arg;
};

static int list_machine(void *arg, const struct db_row *row)
{
	const struct listing *l = arg;
	struct machine m;

	fill_machine(&m, row);
	return l->fn(l->arg, &m);
}

int reader_machines(struct db *db, const struct vault_reader *r,
		    const char *after, unsigned int max, machine_fn *fn,
		    void *arg)
{
	struct listing l = { fn, arg };

	return db_query(db, list_machine, &l,
			MACHINES " AND id > ?3 ORDER BY id LIMIT ?4", "sssi",
			r->vault, r->machine, after, (int64_t)max);
}

/* --- revoking --- */

static int revoke_one(struct db *db, void *arg)
{
	const struct using *u = arg;
	struct audit_line line = { 0,	  0,	  u->name, "restore/revoke",
				   u->id, "done", "" };
	int n = db_exec(db,
			"UPDATE reader SET revoked = ?"
			" WHERE id = ? AND revoked IS NULL",
			"is", clock_now(), u->id);

	return n == 0 ? -ENOENT : n < 0 ? n : audit_add(db, &line);
}

int reader_revoke(struct db *db, const char *id, const char *actor)
{
	struct using u = { id, actor, NULL, NULL };

	return db_write(db, revoke_one, &u);
}

struct readers {
	reader_fn *fn;
	void *arg;
};

static int list_reader(void *arg, const struct db_row *row)
{
	const struct readers *l = arg;
	struct vault_reader r;

	(void)take_reader(&r, row);
	return l->fn(l->arg, &r);
}

int readers_list(struct db *db, reader_fn *fn, void *arg)
{
	struct readers l = { fn, arg };

	return db_query(db, list_reader, &l,
			"SELECT " COLUMNS " FROM reader ORDER BY created, id",
			"");
}
