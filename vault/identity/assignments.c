/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assignments.c - who has which role, and where.
 */
#include "vault/identity/assignments.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "vault/audit.h"

#define WRITE "Microsoft.Authorization/roleAssignments/write"
#define DELETE "Microsoft.Authorization/roleAssignments/delete"

/* --- scopes --- */

int scope_normal(const char *text, char out[static SCOPE_MAX + 1])
{
	size_t n;

	while (text[0] == '/' && text[1] == '/')
		text++;
	n = strlen(text);
	if (n > 1 && text[n - 1] == '/')
		n--;
	if (text[0] != '/' || n > SCOPE_MAX || strpbrk(text, "?#%\\"))
		return -EINVAL;
	if (memmem(text, n, "//", 2) || (n > 1 && text[n - 1] == '/'))
		return -EINVAL;
	snprintf(out, SCOPE_MAX + 1, "%.*s", (int)n, text);
	return 0;
}

bool scope_contains(const char *outer, const char *inner)
{
	size_t n = strlen(outer);

	if (n == 1)
		return true; /* "/" */
	return !strncasecmp(outer, inner, n) &&
	       (inner[n] == '\0' || inner[n] == '/');
}

/* --- rows --- */

#define SELECT                                                                 \
	"SELECT id, scope, role, principal, type, description, created,"       \
	" updated, created_by, updated_by FROM role_assignment"

static void take_text(char *to, size_t size, const struct db_row *row,
		      int column)
{
	snprintf(to, size, "%s", db_text(row, column) ?: "");
}

static int take_row(void *arg, const struct db_row *row)
{
	struct assignment *a = arg;

	memset(a, 0, sizeof(*a));
	take_text(a->id, sizeof(a->id), row, 0);
	take_text(a->scope, sizeof(a->scope), row, 1);
	take_text(a->role, sizeof(a->role), row, 2);
	take_text(a->principal, sizeof(a->principal), row, 3);
	take_text(a->type, sizeof(a->type), row, 4);
	take_text(a->description, sizeof(a->description), row, 5);
	a->created = db_int(row, 6);
	a->updated = db_int(row, 7);
	take_text(a->created_by, sizeof(a->created_by), row, 8);
	take_text(a->updated_by, sizeof(a->updated_by), row, 9);
	return 1;
}

int assignment_get(struct db *db, const char *id, struct assignment *out)
{
	int n = db_query(db, take_row, out, SELECT " WHERE id = ?", "s", id);

	return n == 0 ? -ENOENT : MIN(n, 0);
}

/* --- adding and removing --- */

static int note(struct db *db, const char *actor, const char *action,
		const struct assignment *a)
{
	char detail[SCOPE_MAX + 128];
	const struct role *r = role_find(a->role);
	struct audit_line line = { 0, 0, actor, action, a->id, "done", detail };

	snprintf(detail, sizeof(detail), "%s, %s, of %s", r ? r->name : a->role,
		 a->scope, a->principal);
	return audit_add(db, &line);
}

/* The same assignment once more, perhaps described in other words. */
static int change(struct db *db, struct assignment *a,
		  const struct assignment *old)
{
	bool same = !strcasecmp(old->scope, a->scope) &&
		    !strcasecmp(old->role, a->role) &&
		    !strcasecmp(old->principal, a->principal);
	int e;

	if (!same)
		return -EPERM;
	a->created = old->created;
	memcpy(a->created_by, old->created_by, sizeof(a->created_by));
	e = db_exec(db,
		    "UPDATE role_assignment SET description = ?, updated = ?,"
		    " updated_by = ? WHERE id = ?",
		    "siss", a->description, a->updated, a->updated_by, a->id);
	return e < 0 ? e : note(db, a->actor ?: a->by, WRITE, a);
}

static int insert(struct db *db, const struct assignment *a)
{
	int e = db_exec(db,
			"INSERT INTO role_assignment(id, scope, role,"
			" principal, type, description, created, updated,"
			" created_by, updated_by)"
			" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			"ssssssiiss", a->id, a->scope, a->role, a->principal,
			a->type, a->description, a->created, a->updated,
			a->created_by, a->updated_by);

	if (e >= 0)
		e = note(db, a->actor ?: a->by, WRITE, a);
	return e < 0 ? e : 1;
}

static int add(struct db *db, void *arg)
{
	struct assignment *a = arg;
	struct assignment old;
	int e = assignment_get(db, a->id, &old);

	a->created = a->updated = clock_now();
	snprintf(a->created_by, sizeof(a->created_by), "%s", a->by);
	snprintf(a->updated_by, sizeof(a->updated_by), "%s", a->by);
	if (e == 0)
		return change(db, a, &old);
	return e == -ENOENT ? insert(db, a) : e;
}

static bool is_id(const char *text)
{
	return strlen(text) == MACHINE_ID_LEN &&
	       strspn(text, "0123456789abcdef-") == MACHINE_ID_LEN;
}

/* The result of db_write() is an error or 0: what is more goes past it. */
struct adding {
	struct assignment *a;
	int is_new;
};

static int add_in(struct db *db, void *arg)
{
	struct adding *w = arg;

	w->is_new = add(db, w->a);
	return MIN(w->is_new, 0);
}

int assignment_add(struct db *db, struct assignment *a)
{
	struct adding w = { a, 0 };
	const struct role *r = role_find(a->role);
	char scope[SCOPE_MAX + 1];
	int e = scope_normal(a->scope, scope);

	if (e == 0 && (!is_id(a->id) || !r))
		e = -EINVAL;
	if (e < 0)
		return e;
	memcpy(a->scope, scope, sizeof(scope));
	snprintf(a->role, sizeof(a->role), "%s", r->id);
	if (!*a->type)
		snprintf(a->type, sizeof(a->type), "ServicePrincipal");
	e = db_write(db, add_in, &w);
	return e < 0 ? e : w.is_new;
}

struct removing {
	const char *id, *actor;
	struct assignment *out;
};

static int remove_one(struct db *db, void *arg)
{
	const struct removing *r = arg;
	int e = assignment_get(db, r->id, r->out);

	if (e == 0)
		e = db_exec(db, "DELETE FROM role_assignment WHERE id = ?", "s",
			    r->id);
	return e < 0 ? e : note(db, r->actor, DELETE, r->out);
}

int assignment_remove(struct db *db, const char *id, const char *actor,
		      struct assignment *out)
{
	struct removing r = { id, actor, out };

	return db_write(db, remove_one, &r);
}

/* --- listing --- */

struct listing {
	assignment_fn *fn;
	void *arg;
};

static int list_row(void *arg, const struct db_row *row)
{
	const struct listing *l = arg;
	struct assignment a;

	(void)take_row(&a, row);
	return l->fn(l->arg, &a);
}

int assignments_list(struct db *db, const char *principal, assignment_fn *fn,
		     void *arg)
{
	struct listing l = { fn, arg };

	if (principal)
		return db_query(db, list_row, &l,
				SELECT " WHERE principal = ?"
				       " ORDER BY id",
				"s", principal);
	return db_query(db, list_row, &l, SELECT " ORDER BY id", "");
}
