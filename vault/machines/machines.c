/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machines.c - which machines may come, and how they become known.
 */
#include "vault/machines/machines.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "vault/monitor/alerts.h"
#include "vault/audit.h"
#include "vault/retention/policy.h"

/* RFC 9562, version 4. */
void uuid_make(char out[static MACHINE_ID_LEN + 1])
{
	uint8_t b[16];
	char hex[33];

	random_bytes(b, sizeof(b));
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	hex_encode(hex, b, sizeof(b));
	snprintf(out, MACHINE_ID_LEN + 1, "%.8s-%.4s-%.4s-%.4s-%.12s", hex,
		 hex + 8, hex + 12, hex + 16, hex + 20);
}

bool machine_name_is_valid(const char *name)
{
	size_t i;

	for (i = 0; name[i]; i++)
		if (i == MACHINE_NAME_MAX ||
		    !(isalnum((unsigned char)name[i]) ||
		      strchr("._-", name[i])))
			return false;
	return i > 0 && isalnum((unsigned char)name[0]);
}

/* --- vaults and credentials --- */

struct named {
	const char *name, *actor;
	char *id;
	const struct vault_place *place;
};

/* Without a place it is put into the group that came with the database. */
static int place_vault(struct db *db, const struct named *v)
{
	const struct vault_place *p = v->place;
	int e;

	if (!p) {
		e = db_exec(db,
			    "INSERT INTO vault_resource(vault, subscription,"
			    " grp, name, location, tags, version, changed,"
			    " integrity) SELECT ?, subscription, name, ?,"
			    " location, '{}', 1, ?, randomblob(16)"
			    " FROM resource_group ORDER BY created, name"
			    " LIMIT 1",
			    "ssi", v->id, v->name, clock_now());
		return e == 0 ? -ENOENT : MIN(e, 0);
	}
	e = db_exec(db,
		    "INSERT INTO vault_resource(vault, subscription, grp, name,"
		    " location, tags, version, changed, integrity)"
		    " VALUES (?, ?, ?, ?, ?, ?, 1, ?, randomblob(16))",
		    "ssssssi", v->id, p->subscription, p->group, v->name,
		    p->location, p->tags, clock_now());
	return MIN(e, 0);
}

static int add_vault(struct db *db, void *arg)
{
	const struct named *v = arg;
	struct audit_line line = { 0,	    0,	    v->actor, "vault/create",
				   v->name, "done", "" };
	int e = db_exec(db,
			"INSERT INTO vault(id, name, created) VALUES (?, ?, ?)",
			"ssi", v->id, v->name, clock_now());

	if (e >= 0)
		e = policy_add(db, v->id, POLICY_DEFAULT, &policy_default,
			       v->actor);
	if (e == 0)
		e = place_vault(db, v);
	return e < 0 ? e : audit_add(db, &line);
}

int vault_add(struct db *db, const char *name,
	      char id[static MACHINE_ID_LEN + 1])
{
	return vault_add_at(db, name, NULL, "local root", id);
}

int vault_add_at(struct db *db, const char *name,
		 const struct vault_place *place, const char *actor,
		 char id[static MACHINE_ID_LEN + 1])
{
	struct named v = { name, actor, id, place };

	if (!machine_name_is_valid(name))
		return -EINVAL;
	uuid_make(id);
	return db_write(db, add_vault, &v);
}

static int take_id(void *arg, const struct db_row *row)
{
	snprintf(arg, MACHINE_ID_LEN + 1, "%s", db_text(row, 0));
	return 1;
}

static int found(int r)
{
	return r == 0 ? -ENOENT : MIN(r, 0);
}

int vault_find(struct db *db, const char *name,
	       char id[static MACHINE_ID_LEN + 1])
{
	return found(db_query(db, take_id, id,
			      "SELECT id FROM vault WHERE name = ?", "s",
			      name));
}

struct credential {
	const char *vault, *actor;
	uint8_t hash[SHA256_LEN];
	int64_t expires;
};

static int add_credential(struct db *db, void *arg)
{
	const struct credential *c = arg;
	struct audit_line line = {
		0, 0, c->actor, "credential/create", c->vault, "done", ""
	};
	int e = db_exec(db,
			"INSERT INTO credential(hash, vault, created, expires)"
			" VALUES (?, ?, ?, ?)",
			"bsii", SPAN(c->hash, sizeof(c->hash)), c->vault,
			clock_now(), c->expires);

	return e < 0 ? e : audit_add(db, &line);
}

int credential_add(struct db *db, const char *vault,
		   const uint8_t secret[static CREDENTIAL_LEN], int64_t expires,
		   const char *actor)
{
	struct credential c = { vault, actor, { 0 }, expires };

	sha256_once(SPAN(secret, CREDENTIAL_LEN), c.hash);
	return db_write(db, add_credential, &c);
}

/* --- machines --- */

static int take_machine(void *arg, const struct db_row *row)
{
	struct machine *m = arg;

	memset(m, 0, sizeof(*m));
	snprintf(m->id, sizeof(m->id), "%s", db_text(row, 0));
	snprintf(m->vault, sizeof(m->vault), "%s", db_text(row, 1));
	snprintf(m->name, sizeof(m->name), "%s", db_text(row, 2));
	m->registered = db_int(row, 3);
	m->head = db_int(row, 4);
	m->removed = db_int(row, 5);
	m->state = (enum protection_state)db_int(row, 6);
	m->purge_after = db_int(row, 7);
	return 1;
}

#define MACHINE_COLUMNS                                                        \
	"machine.id, machine.vault, machine.name, machine.registered,"         \
	" machine.head, machine.removed, machine.state,"                       \
	" machine.purge_after"

static int add_certificate(struct db *db, const char *machine,
			   const struct machine_certificate *c)
{
	char actor[64];
	struct audit_line line = { 0,	    0,	    actor, "certificate/issue",
				   machine, "done", "" };
	int e = db_exec(db,
			"INSERT INTO certificate(fingerprint, machine, issued,"
			" expires) VALUES (?, ?, ?, ?)",
			"bsii", SPAN(c->hash, SHA256_LEN), machine, clock_now(),
			c->expires);

	snprintf(actor, sizeof(actor), "machine %s", machine);
	return e < 0 ? e : audit_add(db, &line);
}

struct registration {
	const char *id, *name;
	uint8_t hash[SHA256_LEN]; /* of the credential */
	const struct machine_certificate *c;
};

static int take_use(void *arg, const struct db_row *row)
{
	struct credential_use *u = arg;
	struct span key = db_bytes(row, 3);

	memset(u, 0, sizeof(*u));
	snprintf(u->vault, sizeof(u->vault), "%s", db_text(row, 0));
	snprintf(u->machine, sizeof(u->machine), "%s", db_text(row, 1) ?: "");
	snprintf(u->name, sizeof(u->name), "%s", db_text(row, 2) ?: "");
	if (key.len == sizeof(u->key))
		memcpy(u->key, key.p, sizeof(u->key));
	return 1;
}

static int find_credential(struct db *db, const uint8_t *hash,
			   struct credential_use *out)
{
	int e = found(db_query(
		db, take_use, out,
		"SELECT credential.vault, machine.id, machine.name, key"
		" FROM credential LEFT JOIN machine"
		" ON machine.id = credential.machine AND removed IS NULL"
		" WHERE hash = ? AND expires > ?"
		" AND (used IS NULL OR machine.id IS NOT NULL)",
		"bi", SPAN(hash, SHA256_LEN), clock_now()));

	return e == -ENOENT ? -EACCES : e;
}

static int register_one(struct db *db, void *arg)
{
	const struct registration *r = arg;
	char actor[64];
	struct audit_line line = { 0,	    0,	    actor, "machine/register",
				   r->name, "done", "" };
	int64_t now = clock_now();
	struct credential_use use;
	int e = find_credential(db, r->hash, &use);

	if (e == 0 && use.machine[0])
		e = -EACCES;
	if (e < 0)
		return e;
	snprintf(actor, sizeof(actor), "machine %s", r->id);
	e = db_exec(db,
		    "INSERT INTO machine(id, vault, name, registered, policy)"
		    " SELECT ?, ?, ?, ?, id FROM policy"
		    " WHERE vault = ? AND name = ?",
		    "sssiss", r->id, use.vault, r->name, now, use.vault,
		    POLICY_DEFAULT);
	if (e >= 0)
		e = db_exec(db,
			    "UPDATE credential SET used = ?, machine = ?,"
			    " key = ? WHERE hash = ?",
			    "isbb", now, r->id, SPAN(r->c->key, SHA256_LEN),
			    SPAN(r->hash, sizeof(r->hash)));
	if (e >= 0)
		e = audit_add(db, &line);
	return e < 0 ? e : add_certificate(db, r->id, r->c);
}

int credential_check(struct db *db, const uint8_t secret[static CREDENTIAL_LEN],
		     struct credential_use *out)
{
	uint8_t hash[SHA256_LEN];

	sha256_once(SPAN(secret, CREDENTIAL_LEN), hash);
	return find_credential(db, hash, out);
}

int machine_register(struct db *db, const uint8_t secret[static CREDENTIAL_LEN],
		     const char *id, const char *name,
		     const struct machine_certificate *c)
{
	struct registration r = { id, name, { 0 }, c };

	if (!machine_name_is_valid(name))
		return -EINVAL;
	sha256_once(SPAN(secret, CREDENTIAL_LEN), r.hash);
	return db_write(db, register_one, &r);
}

static int unregister_one(struct db *db, void *arg)
{
	const struct named *m = arg;
	struct audit_line line = {
		0, 0, m->actor, "machine/unregister", m->id, "done", ""
	};
	int64_t now = clock_now();
	int n = db_exec(db,
			"UPDATE machine SET removed = ?"
			" WHERE id = ? AND removed IS NULL",
			"is", now, m->id);

	if (n == 0)
		return -ENOENT;
	if (n > 0)
		n = db_exec(db,
			    "UPDATE certificate SET revoked = ?"
			    " WHERE machine = ? AND revoked IS NULL",
			    "is", now, m->id);
	if (n >= 0)
		n = audit_add(db, &line);
	return n < 0 ? n
		     : alert_raise(db, ALERT_UNREGISTERED, m->id,
				   "a machine was unregistered by %s: it is "
				   "backed up no longer; what it has stored "
				   "stays",
				   m->actor);
}

int machine_unregister(struct db *db, const char *id, const char *actor)
{
	struct named m = { NULL, actor, (char *)(uintptr_t)id, NULL };

	return db_write(db, unregister_one, &m);
}

struct certified {
	const char *machine;
	const struct machine_certificate *c;
};

static int add_one(struct db *db, void *arg)
{
	const struct certified *one = arg;

	return add_certificate(db, one->machine, one->c);
}

int certificate_add(struct db *db, const char *machine,
		    const struct machine_certificate *c)
{
	struct certified one = { machine, c };

	return db_write(db, add_one, &one);
}

int machine_of_certificate(struct db *db, const uint8_t hash[static SHA256_LEN],
			   struct machine *out)
{
	return found(db_query(
		db, take_machine, out,
		"SELECT " MACHINE_COLUMNS " FROM certificate JOIN machine"
		" ON machine.id = certificate.machine"
		" WHERE fingerprint = ? AND revoked IS NULL AND expires > ?"
		" AND removed IS NULL",
		"bi", SPAN(hash, SHA256_LEN), clock_now()));
}

struct listing {
	machine_fn *fn;
	void *arg;
};

static int list_row(void *arg, const struct db_row *row)
{
	const struct listing *l = arg;
	struct machine m;

	(void)take_machine(&m, row);
	m.bytes = db_int(row, 8);
	m.points = db_int(row, 9);
	m.newest = db_int(row, 10);
	return l->fn(l->arg, &m);
}

int machines_list(struct db *db, machine_fn *fn, void *arg)
{
	struct listing l = { fn, arg };

	return db_query(db, list_row, &l,
			"SELECT " MACHINE_COLUMNS ","
			" (SELECT SUM(size) FROM object WHERE object.machine ="
			" machine.id), (SELECT COUNT(*) FROM point WHERE"
			" point.machine = machine.id), (SELECT MAX(arrived)"
			" FROM point WHERE point.machine = machine.id)"
			" FROM machine WHERE state <> ?"
			" ORDER BY name, registered",
			"i", (int64_t)PROTECTION_PURGED);
}

struct finding {
	struct machine *out;
	unsigned int n;
};

static int take_found(void *arg, const struct db_row *row)
{
	struct finding *f = arg;

	if (f->n++ == 0)
		(void)take_machine(f->out, row);
	return 0;
}

/* Those with recovery points, else those without. */
int machine_find(struct db *db, const char *vault, const char *word,
		 struct machine *out)
{
	struct finding f = { out, 0 };
	int e = found(db_query(db, take_machine, out,
			       "SELECT " MACHINE_COLUMNS
			       " FROM machine WHERE vault = ? AND id = ?",
			       "ss", vault, word));

	if (e != -ENOENT)
		return e;
	e = db_query(db, take_found, &f,
		     "SELECT " MACHINE_COLUMNS " FROM machine WHERE vault = ?"
		     " AND name = ? AND EXISTS (SELECT 1 FROM point"
		     " WHERE point.machine = machine.id)",
		     "ss", vault, word);
	if (e == 0 && f.n == 0)
		e = db_query(db, take_found, &f,
			     "SELECT " MACHINE_COLUMNS " FROM machine"
			     " WHERE vault = ? AND name = ?",
			     "ss", vault, word);
	if (e < 0)
		return e;
	return f.n == 0 ? -ENOENT : f.n > 1 ? -EMLINK : 0;
}
