/* SPDX-License-Identifier: Apache-2.0 */
/*
 * groups.c - tenants, subscriptions, resource groups.
 */
#include "vault/arm/groups.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "vault/arm/access.h"
#include "vault/arm/tags.h"

/* --- what is there --- */

static int take_name(void *arg, const struct db_row *row)
{
	snprintf(arg, GROUP_NAME_MAX + 1, "%s", db_text(row, 0));
	return 1;
}

int group_find(struct db *db, const char *subscription, const char *name,
	       char out[static GROUP_NAME_MAX + 1])
{
	int n = db_query(db, take_name, out,
			 "SELECT name FROM resource_group"
			 " WHERE subscription = ? AND name = ?",
			 "ss", subscription, name);

	return n == 0 ? -ENOENT : MIN(n, 0);
}

static int row_is_there(void *arg, const struct db_row *row)
{
	(void)arg;
	(void)row;
	return 1;
}

int subscription_check(struct arm_request *r)
{
	int n = db_query(r->v->db, row_is_there, NULL,
			 "SELECT id FROM subscription WHERE id = ?", "s",
			 r->id.subscription);

	if (n != 0)
		return MIN(n, 0);
	return arm_done(arm_error(r, 404, "SubscriptionNotFound",
				  "The subscription '%s' could not be found.",
				  r->id.subscription));
}

static int no_group(struct arm_request *r)
{
	return arm_error(r, 404, "ResourceGroupNotFound",
			 "Resource group '%s' could not be found.",
			 r->id.group);
}

int group_check(struct arm_request *r)
{
	char name[GROUP_NAME_MAX + 1];
	int e = group_find(r->v->db, r->id.subscription, r->id.group, name);

	return e == -ENOENT ? arm_done(no_group(r)) : e;
}

/* --- tenants and subscriptions --- */

static int list_tenants(struct arm_request *r)
{
	CLEANUP_ARM_LIST struct arm_list l = { 0 };
	char id[80];
	int e = arm_list_init(r, &l);

	if (e < 0)
		return e;
	snprintf(id, sizeof(id), "/tenants/%s", access_tenant(r));
	json_object(&l.reply.j, NULL);
	json_str(&l.reply.j, "id", id);
	json_str(&l.reply.j, "tenantId", access_tenant(r));
	json_str(&l.reply.j, "displayName", "Tidemark");
	json_str(&l.reply.j, "tenantCategory", "Home");
	json_array(&l.reply.j, "domains");
	json_close(&l.reply.j);
	json_close(&l.reply.j);
	return arm_list_send(r, &l);
}

static void write_subscription(struct json_out *j, struct arm_request *r,
			       const char *id, const char *name)
{
	char path[80];

	snprintf(path, sizeof(path), "/subscriptions/%s", id);
	json_str(j, "id", path);
	json_str(j, "subscriptionId", id);
	json_str(j, "tenantId", access_tenant(r));
	json_str(j, "displayName", name);
	json_str(j, "state", "Enabled");
	json_object(j, "subscriptionPolicies");
	json_str(j, "locationPlacementId", "Public_2014-09-01");
	json_str(j, "quotaId", "Tidemark");
	json_str(j, "spendingLimit", "Off");
	json_close(j);
	json_str(j, "authorizationSource", "RoleBased");
	json_array(j, "managedByTenants");
	json_close(j);
}

struct listing {
	struct arm_request *r;
	struct arm_list *l;
	struct filter filter;
	unsigned int n;
};

static int list_subscription(void *arg, const struct db_row *row)
{
	struct listing *x = arg;
	char path[80];
	int e;

	snprintf(path, sizeof(path), "/subscriptions/%s", db_text(row, 0));
	e = access_sees(x->r, path);
	if (e <= 0 || !arm_list_wants(x->l, db_text(row, 0)))
		return MIN(e, 0);
	json_object(&x->l->reply.j, NULL);
	write_subscription(&x->l->reply.j, x->r, db_text(row, 0),
			   db_text(row, 1));
	json_close(&x->l->reply.j);
	return 0;
}

static int list_subscriptions(struct arm_request *r)
{
	CLEANUP_ARM_LIST struct arm_list l = { 0 };
	struct listing x = { .r = r, .l = &l };
	int e = arm_list_init(r, &l);

	if (e == 0)
		e = db_query(r->v->db, list_subscription, &x,
			     "SELECT id, name FROM subscription ORDER BY id",
			     "");
	return e < 0 ? e : arm_list_send(r, &l);
}

static int show_subscription(void *arg, const struct db_row *row)
{
	struct listing *x = arg;
	CLEANUP_ARM_REPLY struct arm_reply a = { 0 };
	int e;

	arm_reply_init(&a);
	write_subscription(&a.j, x->r, db_text(row, 0), db_text(row, 1));
	e = arm_reply_send(x->r, &a, 200);
	return e < 0 ? e : 1;
}

static int get_subscription(struct arm_request *r)
{
	struct listing x = { .r = r };
	int n = db_query(r->v->db, show_subscription, &x,
			 "SELECT id, name FROM subscription WHERE id = ?", "s",
			 r->names[0]);

	return n == 0 ? -ENOENT : MIN(n, 0);
}

/* Where a resource is means nothing here; clients want to choose from a list,
 * and any other word is taken, too. */
static int list_locations(struct arm_request *r)
{
	CLEANUP_ARM_LIST struct arm_list l = { 0 };
	char id[120];
	int e = arm_list_init(r, &l);

	if (e < 0)
		return e;
	snprintf(id, sizeof(id), "/subscriptions/%s/locations/" ARM_LOCATION,
		 r->names[0]);
	json_object(&l.reply.j, NULL);
	json_str(&l.reply.j, "id", id);
	json_str(&l.reply.j, "name", ARM_LOCATION);
	json_str(&l.reply.j, "type", "Region");
	json_str(&l.reply.j, "displayName", "Local");
	json_str(&l.reply.j, "regionalDisplayName", "Local");
	json_object(&l.reply.j, "metadata");
	json_str(&l.reply.j, "regionType", "Physical");
	json_str(&l.reply.j, "regionCategory", "Recommended");
	json_close(&l.reply.j);
	json_close(&l.reply.j);
	return arm_list_send(r, &l);
}

/* --- resource groups --- */

#define GROUP_COLUMNS "name, location, tags"

static int write_group(struct json_out *j, const char *subscription,
		       const struct db_row *row)
{
	char id[200];
	int e;

	snprintf(id, sizeof(id), "/subscriptions/%s/resourceGroups/%s",
		 subscription, db_text(row, 0));
	json_str(j, "id", id);
	json_str(j, "name", db_text(row, 0));
	json_str(j, "type", "Microsoft.Resources/resourceGroups");
	json_str(j, "location", db_text(row, 1));
	e = tags_write(j, "tags", db_text(row, 2));
	json_object(j, "properties");
	json_str(j, "provisioningState", "Succeeded");
	json_close(j);
	return e;
}

static int list_group(void *arg, const struct db_row *row)
{
	struct listing *x = arg;
	char id[200];
	int e;

	snprintf(id, sizeof(id), "/subscriptions/%s/resourceGroups/%s",
		 x->r->id.subscription, db_text(row, 0));
	e = access_sees(x->r, id);
	if (e <= 0 || !arm_list_wants(x->l, db_text(row, 0)))
		return MIN(e, 0);
	json_object(&x->l->reply.j, NULL);
	e = write_group(&x->l->reply.j, x->r->id.subscription, row);
	json_close(&x->l->reply.j);
	return e;
}

static int list_groups(struct arm_request *r)
{
	CLEANUP_ARM_LIST struct arm_list l = { 0 };
	struct listing x = { .r = r, .l = &l };
	int e = arm_list_init(r, &l);

	if (e == 0)
		e = db_query(r->v->db, list_group, &x,
			     "SELECT " GROUP_COLUMNS " FROM resource_group"
			     " WHERE subscription = ? ORDER BY name",
			     "s", r->id.subscription);
	return e < 0 ? e : arm_list_send(r, &l);
}

struct showing {
	struct arm_request *r;
	unsigned int status;
};

static int show_group(void *arg, const struct db_row *row)
{
	struct showing *x = arg;
	CLEANUP_ARM_REPLY struct arm_reply a = { 0 };
	int e;

	arm_reply_init(&a);
	e = write_group(&a.j, x->r->id.subscription, row);
	if (e == 0)
		e = arm_reply_send(x->r, &a, x->status);
	return e < 0 ? e : 1;
}

static int answer_group(struct arm_request *r, unsigned int status)
{
	struct showing x = { r, status };
	int n = db_query(r->v->db, show_group, &x,
			 "SELECT " GROUP_COLUMNS " FROM resource_group"
			 " WHERE subscription = ? AND name = ?",
			 "ss", r->id.subscription, r->id.group);

	return n == 0 ? no_group(r) : MIN(n, 0);
}

static int get_group(struct arm_request *r)
{
	return answer_group(r, 200);
}

static int head_group(struct arm_request *r)
{
	char name[GROUP_NAME_MAX + 1];
	int e = group_find(r->v->db, r->id.subscription, r->id.group, name);

	if (e < 0 && e != -ENOENT)
		return e;
	return arm_reply_empty(r, e == 0 ? 204 : 404);
}

static bool is_group_name(const char *name)
{
	size_t i, n = strlen(name);

	for (i = 0; i < n; i++)
		if (!isalnum((unsigned char)name[i]) &&
		    !strchr("-_.()", name[i]))
			return false;
	return n > 0 && n <= GROUP_NAME_MAX && name[n - 1] != '.';
}

struct change {
	struct arm_request *r;
	const char *location; /* NULL: as it was */
	struct buf tags;      /* empty: as they were */
	bool is_new;
};

static int write_group_row(struct db *db, void *arg)
{
	struct change *c = arg;
	const struct arm_request *r = c->r;
	const char *tags = c->tags.len ? (const char *)c->tags.p : NULL;
	int e = db_exec(db,
			"UPDATE resource_group SET tags = COALESCE(?, tags)"
			" WHERE subscription = ? AND name = ?",
			"sss", tags, r->id.subscription, r->id.group);

	c->is_new = e == 0;
	if (e == 0 && !c->location)
		return -ENOENT;
	if (e == 0)
		e = db_exec(db,
			    "INSERT INTO resource_group(subscription, name,"
			    " location, tags, created) VALUES (?, ?, ?, ?, ?)",
			    "ssssi", r->id.subscription, r->id.group,
			    c->location, tags ?: "{}", clock_now());
	return e < 0 ? e : arm_audit(db, r, c->is_new ? "new" : "");
}

/* PUT and PATCH: what may change of a group is its tags. */
static int write_group_of(struct arm_request *r, const char *location)
{
	struct change c = { r, location, BUF_INIT(TAGS_TEXT_MAX), false };
	const struct json *tags = arm_get(r->body, "tags");
	int e = 0;

	if (tags || location)
		e = tags_text(tags, &c.tags);
	if (e == -EINVAL)
		e = arm_done(arm_error(r, 400, "InvalidTags",
				       "Tags are at most %d names and values.",
				       TAGS_MAX));
	if (e == 0)
		e = db_write(r->v->db, write_group_row, &c);
	buf_release(&c.tags);
	if (e == -ENOENT)
		return no_group(r);
	return e < 0 ? e : answer_group(r, c.is_new ? 201 : 200);
}

static int put_group(struct arm_request *r)
{
	const char *location = arm_get_text(r->body, "location");
	int e = arm_need_body(r);

	if (e < 0)
		return e;
	if (!location || !*location || strlen(location) > 90)
		return arm_error(r, 400, "LocationRequired",
				 "The location property is required for this "
				 "definition.");
	if (!is_group_name(r->id.group))
		return arm_error(r, 400, "InvalidResourceGroup",
				 "The provided resource group name '%s' has "
				 "invalid characters: letters, digits, "
				 "periods, underscores, hyphens and "
				 "parentheses are allowed, no period at the "
				 "end, 90 at most.",
				 r->id.group);
	return write_group_of(r, location);
}

static int patch_group(struct arm_request *r)
{
	int e = arm_need_body(r);

	return e < 0 ? e : write_group_of(r, NULL);
}

static int delete_group_row(struct db *db, void *arg)
{
	struct change *c = arg;
	const struct arm_request *r = c->r;
	int64_t n;
	int e = db_number(db, &n,
			  "SELECT COUNT(*) FROM vault_resource"
			  " WHERE subscription = ? AND grp = ?",
			  "ss", r->id.subscription, r->id.group);

	if (e == 0 && n > 0)
		return -ENOTEMPTY;
	if (e == 0)
		e = db_exec(db,
			    "DELETE FROM resource_group"
			    " WHERE subscription = ? AND name = ?",
			    "ss", r->id.subscription, r->id.group);
	if (e == 0)
		return -ENOENT;
	return e < 0 ? e : arm_audit(db, r, "");
}

/* Azure would delete what is in it; a vault's contents go by other ways. */
static int delete_group(struct arm_request *r)
{
	struct change c = { .r = r };
	int e = db_write(r->v->db, delete_group_row, &c);

	if (e == -ENOENT)
		return no_group(r);
	if (e == -ENOTEMPTY)
		return arm_error(r, 409, "ResourceGroupDeletionBlocked",
				 "Deletion of resource group '%s' failed as it "
				 "holds vaults: delete these first.",
				 r->id.group);
	return e < 0 ? e : arm_reply_empty(r, 200);
}

/* --- resources of any type --- */

static int list_resource(void *arg, const struct db_row *row)
{
	struct listing *x = arg;
	struct json_out *j = &x->l->reply.j;
	char id[ARM_ID_MAX], key[ARM_KEY_MAX];
	int e;

	/* a blank is before all that a name may have */
	snprintf(key, sizeof(key), "%s %s", db_text(row, 1), db_text(row, 2));
	snprintf(id, sizeof(id),
		 "/subscriptions/%s/resourceGroups/%s/providers/" RSV_TYPE
		 "/%s",
		 db_text(row, 0), db_text(row, 1), db_text(row, 2));
	if ((x->r->id.group && strcasecmp(x->r->id.group, db_text(row, 1))) ||
	    !filter_passes(&x->filter, "resourceType", RSV_TYPE) ||
	    !filter_passes(&x->filter, "name", db_text(row, 2)) ||
	    !filter_passes(&x->filter, "resourceGroup", db_text(row, 1)))
		return 0;
	e = arm_allows(x->r, RSV_TYPE "/read", id);
	if (e <= 0 || !arm_list_wants(x->l, key))
		return MIN(e, 0);
	json_object(j, NULL);
	json_str(j, "id", id);
	json_str(j, "name", db_text(row, 2));
	json_str(j, "type", RSV_TYPE);
	json_str(j, "location", db_text(row, 3));
	e = tags_write(j, "tags", db_text(row, 4));
	json_close(j);
	return e;
}

static int list_resources(struct arm_request *r)
{
	CLEANUP_ARM_LIST struct arm_list l = { 0 };
	struct listing x = { .r = r, .l = &l };
	int e = arm_list_init(r, &l);

	if (e == 0)
		e = arm_get_filter(r, &x.filter);
	if (e == 0)
		e = db_query(r->v->db, list_resource, &x,
			     "SELECT subscription, grp, name, location, tags"
			     " FROM vault_resource WHERE subscription = ?"
			     " ORDER BY grp, name",
			     "s", r->id.subscription);
	filter_release(&x.filter);
	return e < 0 ? e : arm_list_send(r, &l);
}

static const struct arm_route routes[] = {
	{ "GET", ARM_PUBLIC, "/tenants", list_tenants, NULL },
	{ "GET", ARM_FILTERED, "/subscriptions", list_subscriptions, NULL },
	{ "GET", 0, "/subscriptions/{}", get_subscription,
	  "Microsoft.Resources/subscriptions/read" },
	{ "GET", 0, "/subscriptions/{}/locations", list_locations,
	  "Microsoft.Resources/subscriptions/locations/read" },
	{ "GET", ARM_FILTERED, "/subscriptions/{}/resourceGroups", list_groups,
	  NULL },
	{ "GET", 0, "/subscriptions/{}/resourceGroups/{}", get_group,
	  "Microsoft.Resources/subscriptions/resourceGroups/read" },
	{ "HEAD", 0, "/subscriptions/{}/resourceGroups/{}", head_group,
	  "Microsoft.Resources/subscriptions/resourceGroups/read" },
	{ "PUT", 0, "/subscriptions/{}/resourceGroups/{}", put_group,
	  "Microsoft.Resources/subscriptions/resourceGroups/write" },
	{ "PATCH", 0, "/subscriptions/{}/resourceGroups/{}", patch_group,
	  "Microsoft.Resources/subscriptions/resourceGroups/write" },
	{ "DELETE", 0, "/subscriptions/{}/resourceGroups/{}", delete_group,
	  "Microsoft.Resources/subscriptions/resourceGroups/delete" },
	{ "GET", ARM_FILTERED, "/subscriptions/{}/resources", list_resources,
	  NULL },
	{ "GET", ARM_FILTERED, "/subscriptions/{}/resourceGroups/{}/resources",
	  list_resources, NULL },
};

const struct arm_table group_table = { routes, ARRAY_LEN(routes) };
