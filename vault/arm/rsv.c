/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rsv.c - Microsoft.RecoveryServices/vaults: made, shown, changed, removed.
 */
#include "vault/arm/rsv.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/log.h"
#include "vault/arm/access.h"
#include "vault/arm/groups.h"
#include "vault/arm/operations.h"
#include "vault/arm/rsv_settings.h"
#include "vault/arm/tags.h"
#include "vault/identity/principals.h"

/* --- finding --- */

#define RSV_COLUMNS                                                            \
	"vault.id, vault.name, subscription, grp, location, principal, tags,"  \
	" vault.created, changed, version, integrity"
#define RSV_TABLES                                                             \
	" FROM vault_resource JOIN vault ON vault.id = vault_resource.vault"

static int take_rsv(void *arg, const struct db_row *row)
{
	struct rsv *v = arg;
	struct span key = db_bytes(row, 10);

	memset(v, 0, sizeof(*v));
	snprintf(v->id, sizeof(v->id), "%s", db_text(row, 0));
	snprintf(v->name, sizeof(v->name), "%s", db_text(row, 1));
	snprintf(v->path, sizeof(v->path),
		 "/subscriptions/%s/resourceGroups/%s/providers/" RSV_TYPE
		 "/%s",
		 db_text(row, 2), db_text(row, 3), v->name);
	snprintf(v->location, sizeof(v->location), "%s", db_text(row, 4));
	snprintf(v->principal, sizeof(v->principal), "%s",
		 db_text(row, 5) ?: "");
	v->created = db_int(row, 7);
	v->changed = db_int(row, 8);
	v->version = db_int(row, 9);
	memcpy(v->integrity, key.p ?: v->integrity,
	       MIN(key.len, sizeof(v->integrity)));
	v->tags = strdup(db_text(row, 6));
	return v->tags ? 1 : -ENOMEM;
}

/* -ENOENT: not answered. */
static int find(struct arm_request *r, struct rsv *out)
{
	int n = db_query(r->v->db, take_rsv, out,
			 "SELECT " RSV_COLUMNS RSV_TABLES
			 " WHERE subscription = ? AND grp = ?"
			 " AND vault_resource.name = ?",
			 "sss", r->id.subscription, r->id.group, r->names[0]);

	return n == 0 ? -ENOENT : MIN(n, 0);
}

int rsv_find(struct arm_request *r, struct rsv *out)
{
	int e;

	memset(out, 0, sizeof(*out));
	e = find(r, out);
	if (e != -ENOENT)
		return e;
	e = http_set_header(r->x, "x-ms-failure-cause", "gateway");
	if (e < 0)
		return e;
	return arm_done(arm_error(r, 404, "ResourceNotFound",
				  "The Resource '" RSV_TYPE
				  "/%s' under resource group '%s' was "
				  "not found. For more details please go to "
				  "https://aka.ms/ARMResourceNotFoundFix",
				  r->names[0], r->id.group));
}

void rsv_release(struct rsv *v)
{
	free(v->tags);
	v->tags = NULL;
}

void rsv_etag(const struct rsv *v, char out[static RSV_ETAG_MAX])
{
	snprintf(out, RSV_ETAG_MAX, "W/\"%lld-%lld\"", (long long)v->version,
		 (long long)v->changed);
}

/* --- showing --- */

static void write_identity(struct json_out *j, struct arm_request *r,
			   const struct rsv *v)
{
	json_object(j, "identity");
	json_str(j, "type", *v->principal ? "SystemAssigned" : "None");
	if (*v->principal) {
		json_str(j, "principalId", v->principal);
		json_str(j, "tenantId", access_tenant(r));
	}
	json_close(j);
}

/* What does not exist here is said to be off. */
static void write_fixed(struct json_out *j)
{
	json_str(j, "provisioningState", "Succeeded");
	json_str(j, "privateEndpointStateForBackup", "None");
	json_str(j, "privateEndpointStateForSiteRecovery", "None");
	json_str(j, "publicNetworkAccess", "Enabled");
	json_str(j, "backupStorageVersion", "V2");
	json_object(j, "monitoringSettings");
	json_object(j, "azureMonitorAlertSettings");
	json_str(j, "alertsForAllJobFailures", "Enabled");
	json_close(j);
	json_object(j, "classicAlertSettings");
	json_str(j, "alertsForCriticalOperations", "Enabled");
	json_close(j);
	json_close(j);
	json_object(j, "redundancySettings");
	json_str(j, "standardTierStorageRedundancy", "LocallyRedundant");
	json_str(j, "crossRegionRestore", "Disabled");
	json_close(j);
	json_object(j, "restoreSettings");
	json_object(j, "crossSubscriptionRestoreSettings");
	json_str(j, "crossSubscriptionRestoreState", "Disabled");
	json_close(j);
	json_close(j);
}

static int write_rsv(struct json_out *j, struct arm_request *r,
		     const struct rsv *v)
{
	char etag[RSV_ETAG_MAX];
	int e;

	rsv_etag(v, etag);
	json_str(j, "id", v->path);
	json_str(j, "name", v->name);
	json_str(j, "type", RSV_TYPE);
	json_str(j, "etag", etag);
	json_str(j, "location", v->location);
	e = tags_write(j, "tags", v->tags);
	json_object(j, "sku");
	json_str(j, "name", "Standard");
	json_close(j);
	write_identity(j, r, v);
	json_object(j, "properties");
	write_fixed(j);
	if (e == 0)
		e = rsv_settings_write(j, r->v->db, v->id);
	json_close(j);
	json_object(j, "systemData");
	arm_time(j, "createdAt", v->created);
	arm_time(j, "lastModifiedAt", v->changed);
	json_close(j);
	return e;
}

static int answer_rsv(struct arm_request *r, unsigned int status)
{
	CLEANUP_ARM_REPLY struct arm_reply a = { 0 };
	CLEANUP_RSV struct rsv v = { 0 };
	int e = rsv_find(r, &v);

	arm_reply_init(&a);
	if (e == 0)
		e = write_rsv(&a.j, r, &v);
	return e < 0 ? e : arm_reply_send(r, &a, status);
}

static int get_rsv(struct arm_request *r)
{
	return answer_rsv(r, 200);
}

struct listing {
	struct arm_request *r;
	struct arm_list *l;
};

static int list_row(void *arg, const struct db_row *row)
{
	struct listing *x = arg;
	CLEANUP_RSV struct rsv v = { 0 };
	char key[ARM_KEY_MAX];
	int e = take_rsv(&v, row);

	if (e < 0)
		return e;
	/* a blank is before all that a name may have */
	snprintf(key, sizeof(key), "%s %s", db_text(row, 3), v.name);
	e = arm_allows(x->r, RSV_TYPE "/read", v.path);
	if (e <= 0 || !arm_list_wants(x->l, key))
		return MIN(e, 0);
	json_object(&x->l->reply.j, NULL);
	e = write_rsv(&x->l->reply.j, x->r, &v);
	json_close(&x->l->reply.j);
	return e;
}

static int list_rsv(struct arm_request *r)
{
	CLEANUP_ARM_LIST struct arm_list l = { 0 };
	struct listing x = { r, &l };
	int e = arm_list_init(r, &l);

	if (e == 0)
		e = db_query(r->v->db, list_row, &x,
			     "SELECT " RSV_COLUMNS RSV_TABLES
			     " WHERE subscription = ? AND grp = COALESCE(?,"
			     " grp) ORDER BY grp, vault_resource.name",
			     "ss", r->id.subscription, r->id.group);
	return e < 0 ? e : arm_list_send(r, &l);
}

/* --- making and changing --- */

static bool is_rsv_name(const char *name)
{
	size_t i, n = strlen(name);

	for (i = 0; i < n; i++)
		if (!isalnum((unsigned char)name[i]) && name[i] != '-')
			return false;
	return n >= 2 && n <= 50 && isalpha((unsigned char)name[0]);
}

enum identity_wish { IDENTITY_AS_IT_IS, IDENTITY_ON, IDENTITY_OFF };

struct wish {
	struct arm_request *r;
	struct rsv *v;
	enum identity_wish identity;
	struct buf tags; /* empty: as they are */
};

static int get_identity(struct wish *w)
{
	const struct json *given = arm_get(w->r->body, "identity");
	const char *type = arm_get_text(given, "type");

	w->identity = IDENTITY_AS_IT_IS;
	if (!given || !json_is_object(given))
		return 0;
	if (type && !strcasecmp(type, "SystemAssigned"))
		w->identity = IDENTITY_ON;
	else if (type && !strcasecmp(type, "None"))
		w->identity = IDENTITY_OFF;
	else
		return arm_done(arm_error(
			w->r, 400, "InvalidIdentityType",
			"The identity's type is SystemAssigned or None: others "
			"are not known here."));
	return 0;
}

static int get_wish(struct wish *w)
{
	const struct json *tags = arm_get(w->r->body, "tags");
	int e = get_identity(w);

	if (e == 0 &&
	    json_is_object(arm_get(w->r->body, "properties.encryption")))
		e = arm_done(arm_error(
			w->r, 400, "OperationNotSupported",
			"There is no key of the vault's to be replaced by a "
			"customer's: machines encrypt before they send."));
	if (e == 0 && tags)
		e = tags_text(tags, &w->tags);
	if (e == -EINVAL)
		e = arm_done(arm_error(w->r, 400, "InvalidTags",
				       "Tags are at most %d names and values.",
				       TAGS_MAX));
	return e;
}

static int change_identity(struct db *db, const struct wish *w)
{
	const struct principal_new n = { .kind = PRINCIPAL_MANAGED,
					 .name = w->v->name,
					 .resource = w->v->path,
					 .actor = w->r->actor };
	struct principal p = { .id = "" };
	int e;

	if (w->identity == IDENTITY_AS_IT_IS ||
	    (w->identity == IDENTITY_ON) == (*w->v->principal != '\0'))
		return 0;
	if (w->identity == IDENTITY_ON)
		e = principal_add(db, &n, &p);
	else
		e = principal_remove(db, w->v->principal, w->r->actor);
	if (e < 0 && !(e == -ENOENT && w->identity == IDENTITY_OFF))
		return e;
	e = db_exec(db,
		    "UPDATE vault_resource SET principal = ? WHERE vault = ?",
		    "ss", *p.id ? p.id : NULL, w->v->id);
	return MIN(e, 0);
}

static int write_changes(struct db *db, void *arg)
{
	struct wish *w = arg;
	const char *tags = w->tags.len ? (const char *)w->tags.p : NULL;
	int e = change_identity(db, w);

	if (e == 0)
		e = db_exec(db,
			    "UPDATE vault_resource SET tags = COALESCE(?,"
			    " tags), version = version + 1, changed = ?"
			    " WHERE vault = ?",
			    "sis", tags, clock_now(), w->v->id);
	return e < 0 ? e : arm_audit(db, w->r, "");
}

/* Settings first: they may be refused, and what they are for may not be done
 * without them. */
static int change(struct wish *w)
{
	int e = rsv_settings_change(w->r, w->v->id);

	return e < 0 ? e : db_write(w->r->v->db, write_changes, w);
}

static int patch_rsv(struct arm_request *r)
{
	CLEANUP_RSV struct rsv v = { 0 };
	struct wish w = { .r = r, .v = &v, .tags = BUF_INIT(TAGS_TEXT_MAX) };
	char etag[RSV_ETAG_MAX];
	int e = rsv_find(r, &v);

	if (e == 0)
		e = arm_need_body(r);
	rsv_etag(&v, etag);
	if (e == 0)
		e = arm_check_etag(r, etag);
	if (e == 0)
		e = get_wish(&w);
	if (e == 0)
		e = change(&w);
	buf_release(&w.tags);
	return e < 0 ? e : answer_rsv(r, 200);
}

/* --- a new one --- */

static int check_new(struct arm_request *r)
{
	const char *location = arm_get_text(r->body, "location");
	int e = arm_check_etag(r, NULL);

	if (e < 0)
		return e;
	if (!is_rsv_name(r->names[0]))
		return arm_done(arm_error(
			r, 400, "InvalidResourceName",
			"The name '%s' is none of a vault: 2 to 50 letters, "
			"digits and hyphens, a letter first.",
			r->names[0]));
	if (!location || !*location || strlen(location) > 90)
		return arm_done(arm_error(r, 400, "LocationRequired",
					  "The location property is required "
					  "for this definition."));
	if (!arm_get_text(r->body, "sku.name"))
		return arm_done(arm_error(r, 400, "InvalidSku",
					  "The sku is required: its name is "
					  "Standard or RS0."));
	return 0;
}

static int make(struct arm_request *r, struct wish *w)
{
	char group[GROUP_NAME_MAX + 1];
	struct vault_place place = {
		.subscription = r->id.subscription,
		.group = group,
		.location = arm_get_text(r->body, "location"),
		.tags = w->tags.len ? (const char *)w->tags.p : "{}",
	};
	int e = group_find(r->v->db, r->id.subscription, r->id.group, group);

	if (e == 0)
		e = vault_add_at(r->v->db, r->names[0], &place, r->actor,
				 w->v->id);
	if (e == -EEXIST)
		return arm_done(arm_error(
			r, 409, "VaultAlreadyExists",
			"There is a vault '%s' in another resource group: "
			"names are of the whole server.",
			r->names[0]));
	return e < 0 ? e : find(r, w->v);
}

static int remove_rsv(struct db *db, void *arg);

static int put_new(struct arm_request *r, struct wish *w)
{
	int e = check_new(r);

	if (e == 0)
		e = rsv_settings_check(r);
	if (e == 0)
		e = get_wish(w);
	if (e == 0)
		e = make(r, w);
	if (e < 0)
		return e;
	e = change(w);
	/* half of what was asked for is nothing that was asked for */
	if (e < 0 && db_write(r->v->db, remove_rsv, w) < 0)
		log_error("a vault %s was made without all that was asked for",
			  w->v->name);
	return e < 0 ? e : answer_rsv(r, 201);
}

static int put_old(struct arm_request *r, struct wish *w)
{
	const char *location = arm_get_text(r->body, "location");
	char etag[RSV_ETAG_MAX];
	int e;

	rsv_etag(w->v, etag);
	e = arm_check_etag(r, etag);
	if (e == 0 && location && strcasecmp(location, w->v->location))
		e = arm_done(arm_error(
			r, 409, "InvalidResourceLocation",
			"The resource '%s' already exists in location '%s': a "
			"vault does not move.",
			w->v->name, w->v->location));
	if (e == 0)
		e = get_wish(w);
	if (e == 0)
		e = change(w);
	return e < 0 ? e : answer_rsv(r, 200);
}

static int put_rsv(struct arm_request *r)
{
	CLEANUP_RSV struct rsv v = { 0 };
	struct wish w = { .r = r, .v = &v, .tags = BUF_INIT(TAGS_TEXT_MAX) };
	int e;

	memset(&v, 0, sizeof(v));
	e = arm_need_body(r);
	if (e == 0)
		e = find(r, &v);
	if (e == 0)
		e = put_old(r, &w);
	else if (e == -ENOENT)
		e = put_new(r, &w);
	buf_release(&w.tags);
	return e;
}

/* --- removing --- */

/* What is left of machines that are gone and have nothing. */
static int remove_rows(struct db *db, const char *vault)
{
	static const char *const rows[] = {
		"DELETE FROM certificate WHERE machine IN"
		" (SELECT id FROM machine WHERE vault = ?)",
		"DELETE FROM retention_held WHERE machine IN"
		" (SELECT id FROM machine WHERE vault = ?)",
		"DELETE FROM machine WHERE vault = ?",
		"DELETE FROM credential WHERE vault = ?",
		"DELETE FROM policy WHERE vault = ?",
		"DELETE FROM vault WHERE id = ?",
	};
	size_t i;
	int e = 0;

	for (i = 0; i < ARRAY_LEN(rows) && e >= 0; i++)
		e = db_exec(db, rows[i], "s", vault);
	return MIN(e, 0);
}

/* -ENOTEMPTY: a machine is registered, or has left something. */
static int remove_rsv(struct db *db, void *arg)
{
	struct wish *w = arg;
	int64_t n;
	int e = db_number(db, &n,
			  "SELECT COUNT(*) FROM machine WHERE vault = ? AND"
			  " (removed IS NULL OR EXISTS (SELECT 1 FROM object"
			  " WHERE object.machine = machine.id))",
			  "s", w->v->id);

	if (e == 0 && n > 0)
		return -ENOTEMPTY;
	if (e == 0) {
		w->identity = IDENTITY_OFF;
		e = change_identity(db, w);
	}
	if (e == 0)
		e = remove_rows(db, w->v->id);
	return e < 0 ? e : arm_audit(db, w->r, "removed");
}

static int delete_rsv(struct arm_request *r)
{
	CLEANUP_RSV struct rsv v = { 0 };
	struct wish w = { .r = r, .v = &v };
	char etag[RSV_ETAG_MAX];
	int e;

	memset(&v, 0, sizeof(v));
	e = find(r, &v);
	if (e == -ENOENT)
		return arm_reply_empty(r, 204);
	rsv_etag(&v, etag);
	if (e == 0)
		e = arm_check_etag(r, etag);
	if (e == 0)
		e = db_write(r->v->db, remove_rsv, &w);
	if (e == -ENOTEMPTY)
		return arm_error(
			r, 409, "ServiceResourceNotEmptyWithContainerDetails",
			"Recovery Services vault '%s' cannot be deleted as "
			"machines are registered with it or have backups in "
			"it: unregister them, delete their backups, and wait "
			"until soft delete lets these go.",
			v.name);
	return e < 0 ? e : arm_reply_empty(r, 200);
}

static int check_name(struct arm_request *r)
{
	const char *name = arm_get_text(r->body, "name");
	CLEANUP_ARM_REPLY struct arm_reply a = { 0 };
	char id[MACHINE_ID_LEN + 1];
	int e = arm_need_body(r);

	arm_reply_init(&a);
	if (e < 0)
		return e;
	e = name && is_rsv_name(name) ? vault_find(r->v->db, name, id)
				      : -EINVAL;
	if (e < 0 && e != -ENOENT && e != -EINVAL)
		return e;
	json_bool(&a.j, "nameAvailable", e == -ENOENT);
	json_str(&a.j, "reason",
		 e == 0		? "AlreadyExists"
		 : e == -EINVAL ? "Invalid"
				: NULL);
	json_str(&a.j, "message",
		 e == 0		? "There is a vault of that name."
		 : e == -EINVAL ? "2 to 50 letters, digits and hyphens, a "
				  "letter first."
				: NULL);
	return arm_reply_send(r, &a, 200);
}

/* --- operations on a vault --- */

/* The result of what was done to a vault is the vault, as long as it is
 * there. */
static int operation_result(struct arm_request *r)
{
	int e = operation_check(r);

	return e < 0 ? e : answer_rsv(r, 200);
}

static const struct arm_route routes[] = {
	{ "GET", ARM_AT_SUBSCRIPTION | ARM_AT_GROUP | ARM_FILTERED, RSV_TYPE,
	  list_rsv, NULL },
	{ "GET", ARM_AT_GROUP, RSV_TYPE "/{}", get_rsv, NULL },
	{ "PUT", ARM_AT_GROUP, RSV_TYPE "/{}", put_rsv, NULL },
	{ "PATCH", ARM_AT_GROUP, RSV_TYPE "/{}", patch_rsv, NULL },
	{ "DELETE", ARM_AT_GROUP, RSV_TYPE "/{}", delete_rsv, NULL },
	{ "POST", ARM_AT_GROUP | ARM_AT_SUBSCRIPTION,
	  "Microsoft.RecoveryServices/locations/{}/checkNameAvailability",
	  check_name, NULL },
	{ "GET", ARM_AT_GROUP, RSV_TYPE "/{}/operationStatus/{}",
	  operation_status, NULL },
	{ "GET", ARM_AT_GROUP, RSV_TYPE "/{}/operationResults/{}",
	  operation_result, NULL },
	{ "GET", ARM_AT_GROUP, RSV_TYPE "/{}/backupOperations/{}",
	  operation_status, NULL },
	{ "GET", ARM_AT_GROUP, RSV_TYPE "/{}/backupOperationResults/{}",
	  operation_result, NULL },
};

const struct arm_table rsv_table = { routes, ARRAY_LEN(routes) };
