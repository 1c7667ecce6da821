/* SPDX-License-Identifier: Apache-2.0 */
/*
 * principals.c - who there is to call a vault.
 */
#include "vault/identity/principals.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "vault/audit.h"

static int found(int e)
{
	return e == 0 ? -ENOENT : MIN(e, 0);
}

/* --- the tenant --- */

static int take_id(void *arg, const struct db_row *row)
{
	snprintf(arg, MACHINE_ID_LEN + 1, "%s", db_text(row, 0));
	return 1;
}

static int find_tenant(struct db *db, char *out)
{
	return found(db_query(db, take_id, out, "SELECT id FROM tenant LIMIT 1",
			      ""));
}

static int make_tenant(struct db *db, void *arg)
{
	struct audit_line line = {
		0, 0, "local root", "tenant/create", arg, "done", ""
	};
	int e = find_tenant(db, arg);

	if (e != -ENOENT)
		return e;
	uuid_make(arg);
	e = db_exec(db, "INSERT INTO tenant(id, created) VALUES (?, ?)", "si",
		    arg, clock_now());
	return e < 0 ? e : audit_add(db, &line);
}

int tenant_id(struct db *db, char out[static MACHINE_ID_LEN + 1])
{
	int e = find_tenant(db, out);

	return e == -ENOENT ? db_write(db, make_tenant, out) : e;
}

/* --- principals --- */

/* One of a machine is there as long as the machine is registered. */
#define SELECT                                                                 \
	"SELECT id, app, tenant, name, resource, kind, created FROM principal" \
	" WHERE (kind <> 3 OR EXISTS (SELECT 1 FROM machine"                   \
	" WHERE machine.id = principal.id AND removed IS NULL)) AND "

static int take_principal(void *arg, const struct db_row *row)
{
	struct principal *p = arg;
	const char *resource = db_text(row, 4);

	memset(p, 0, sizeof(*p));
	snprintf(p->id, sizeof(p->id), "%s", db_text(row, 0));
	snprintf(p->app, sizeof(p->app), "%s", db_text(row, 1));
	snprintf(p->tenant, sizeof(p->tenant), "%s", db_text(row, 2));
	snprintf(p->name, sizeof(p->name), "%s", db_text(row, 3));
	snprintf(p->resource, sizeof(p->resource), "%s", resource ?: "");
	p->kind = (enum principal_kind)db_int(row, 5);
	p->created = db_int(row, 6);
	return 1;
}

struct adding {
	const struct principal_new *n;
	const char *id; /* NULL: a new one */
	struct principal *out;
};

static int add_principal(struct db *db, void *arg)
{
	const struct adding *a = arg;
	const struct principal_new *n = a->n;
	struct principal *p = a->out;
	struct audit_line line = { 0,	  0,	  n->actor, "principal/create",
				   p->id, "done", n->name };
	int e;

	memset(p, 0, sizeof(*p));
	uuid_make(p->id);
	uuid_make(p->app);
	if (a->id) {
		snprintf(p->id, sizeof(p->id), "%s", a->id);
		snprintf(p->app, sizeof(p->app), "%s", a->id);
	}
	p->kind = n->kind;
	p->created = clock_now();
	snprintf(p->name, sizeof(p->name), "%s", n->name);
	snprintf(p->resource, sizeof(p->resource), "%s", n->resource ?: "");
	e = find_tenant(db, p->tenant);
	if (e == 0)
		e = db_exec(db,
			    "INSERT INTO principal(id, tenant, kind, app, name,"
			    " resource, issuer, subject, created)"
			    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
			    "ssisssssi", p->id, p->tenant, (int64_t)p->kind,
			    p->app, p->name, n->resource, n->issuer, n->subject,
			    p->created);
	return e < 0 ? e : audit_add(db, &line);
}

int principal_add(struct db *db, const struct principal_new *n,
		  struct principal *out)
{
	struct adding a = { n, NULL, out };

	if (!machine_name_is_valid(n->name) ||
	    (n->resource && strlen(n->resource) > PRINCIPAL_RESOURCE_MAX) ||
	    (n->subject && strlen(n->subject) > SUBJECT_MAX))
		return -EINVAL;
	return db_write(db, add_principal, &a);
}

struct removing {
	const char *id, *actor;
	const char *action;
};

static int remove_principal(struct db *db, void *arg)
{
	const struct removing *r = arg;
	struct audit_line line = {
		0, 0, r->actor, r->action, r->id, "done", ""
	};
	int n = db_exec(db, "DELETE FROM principal WHERE id = ?", "s", r->id);

	if (n == 0)
		return -ENOENT;
	return n < 0 ? n : audit_add(db, &line);
}

int principal_remove(struct db *db, const char *id, const char *actor)
{
	struct removing r = { id, actor, "principal/delete" };

	return db_write(db, remove_principal, &r);
}

int principal_get(struct db *db, const char *id, struct principal *out)
{
	return found(
		db_query(db, take_principal, out, SELECT "id = ?", "s", id));
}

int principal_of_app(struct db *db, const char *app, struct principal *out)
{
	return found(
		db_query(db, take_principal, out, SELECT "app = ?", "s", app));
}

int principal_of_resource(struct db *db, const char *resource,
			  struct principal *out)
{
	return found(db_query(db, take_principal, out, SELECT "resource = ?",
			      "s", resource));
}

int principal_of_subject(struct db *db, const char *issuer, const char *subject,
			 struct principal *out)
{
	return found(db_query(db, take_principal, out,
			      SELECT "issuer = ? AND subject = ?", "ss", issuer,
			      subject));
}

int principal_of_machine(struct db *db, const struct machine *m,
			 struct principal *out)
{
	char actor[64];
	struct principal_new n = { .kind = PRINCIPAL_MACHINE,
				   .name = m->name,
				   .actor = actor };
	struct adding a = { &n, m->id, out };
	int e = principal_get(db, m->id, out);

	if (e != -ENOENT)
		return e;
	snprintf(actor, sizeof(actor), "machine %s", m->id);
	e = db_write(db, add_principal, &a);
	/* another request was first, or the machine has gone meanwhile */
	return e == -EEXIST || e == 0 ? principal_get(db, m->id, out) : e;
}

int principal_find(struct db *db, const char *word, struct principal *out)
{
	return found(db_query(db, take_principal, out,
			      SELECT "(id = ?1 OR app = ?1 OR name = ?1)"
				     " ORDER BY id = ?1 DESC, app = ?1 DESC,"
				     " kind = 3",
			      "s", word));
}

struct listing {
	principal_fn *fn;
	void *arg;
};

static int list_row(void *arg, const struct db_row *row)
{
	const struct listing *l = arg;
	struct principal p;

	(void)take_principal(&p, row);
	return l->fn(l->arg, &p);
}

int principals_list(struct db *db, principal_fn *fn, void *arg)
{
	struct listing l = { fn, arg };

	return db_query(db, list_row, &l, SELECT "1 ORDER BY name, created",
			"");
}
