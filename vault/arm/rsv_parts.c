/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rsv_parts.c - what a vault has one of each: configuration, credentials,
 * usages, a security PIN.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "base/clock.h"
#include "vault/arm/access.h"
#include "vault/arm/rsv.h"
#include "vault/arm/rsv_settings.h"
#include "vault/retention/pin.h"

/* {"id","name","type","properties":{ is open afterwards. */
static void begin_part(struct json_out *j, const struct rsv *v,
		       const char *type, const char *name)
{
	char text[ARM_ID_MAX + 300];

	snprintf(text, sizeof(text), "%s/%s/%s", v->path, type, name);
	json_str(j, "id", text);
	json_str(j, "name", name);
	snprintf(text, sizeof(text), RSV_TYPE "/%s", type);
	json_str(j, "type", text);
	json_object(j, "properties");
}

/* --- backupconfig, backupstorageconfig, extendedInformation --- */

static int answer_config(struct arm_request *r, const struct rsv *v)
{
	CLEANUP_ARM_REPLY struct arm_reply a = { 0 };
	int e;

	arm_reply_init(&a);
	begin_part(&a.j, v, "backupconfig", "vaultconfig");
	e = rsv_config_write(&a.j, r->v->db, v->id);
	json_close(&a.j);
	return e < 0 ? e : arm_reply_send(r, &a, 200);
}

static int get_config(struct arm_request *r)
{
	CLEANUP_RSV struct rsv v = { 0 };
	int e = rsv_find(r, &v);

	return e < 0 ? e : answer_config(r, &v);
}

static int put_config(struct arm_request *r)
{
	CLEANUP_RSV struct rsv v = { 0 };
	int e = rsv_find(r, &v);

	if (e == 0)
		e = arm_need_body(r);
	if (e == 0)
		e = rsv_config_change(r, v.id);
	return e < 0 ? e : answer_config(r, &v);
}

static int get_storage(struct arm_request *r)
{
	CLEANUP_ARM_REPLY struct arm_reply a = { 0 };
	CLEANUP_RSV struct rsv v = { 0 };
	int e = rsv_find(r, &v);

	arm_reply_init(&a);
	if (e < 0)
		return e;
	begin_part(&a.j, &v, "backupstorageconfig", "vaultstorageconfig");
	json_str(&a.j, "storageModelType", "LocallyRedundant");
	json_str(&a.j, "storageType", "LocallyRedundant");
	json_str(&a.j, "storageTypeState", "Locked");
	json_bool(&a.j, "crossRegionRestoreFlag", false);
	json_close(&a.j);
	return arm_reply_send(r, &a, 200);
}

static int get_information(struct arm_request *r)
{
	CLEANUP_BUF struct buf key = BUF_INIT(64);
	CLEANUP_ARM_REPLY struct arm_reply a = { 0 };
	CLEANUP_RSV struct rsv v = { 0 };
	int e = rsv_find(r, &v);

	arm_reply_init(&a);
	if (e == 0)
		e = base64_append(&key, SPAN(v.integrity, sizeof(v.integrity)));
	if (e < 0)
		return e;
	begin_part(&a.j, &v, "extendedInformation", "vaultExtendedInfo");
	json_strn(&a.j, "integrityKey", SPAN_OF(&key));
	json_str(&a.j, "algorithm", "None");
	json_close(&a.j);
	return arm_reply_send(r, &a, 200);
}

/* --- vault credentials --- */

/* Some number that is the same for a vault, and exact in JSON. */
static int64_t number_of(const struct rsv *v)
{
	char hex[13];

	snprintf(hex, sizeof(hex), "%.8s%.4s", v->id, v->id + 9);
	return (int64_t)strtoull(hex, NULL, 16);
}

/* Azure's answer, of which an agent of Azure's would make its file; and, as
 * "tidemark", the file that `tidemark register` takes. */
static void write_credentials(struct json_out *j, struct arm_request *r,
			      const struct rsv *v, const struct json *file,
			      const char *base)
{
	const char *certificate =
		arm_get_text(r->body, "properties.certificate");
	uint64_t expires = 0, version = 0;

	if (json_to_u64(arm_get(file, "expires"), &expires) < 0 ||
	    json_to_u64(arm_get(file, "version"), &version) < 0)
		expires = 0;
	begin_part(j, v, "certificates", r->names[1]);
	json_str(j, "authType", "AzureActiveDirectory");
	json_str(j, "certificate", certificate ?: "");
	json_i64(j, "resourceId", number_of(v));
	json_str(j, "aadAuthority", base);
	json_str(j, "aadTenantId", access_tenant(r));
	json_str(j, "servicePrincipalClientId", v->principal);
	json_str(j, "servicePrincipalObjectId", v->principal);
	json_str(j, "azureManagementEndpointAudience", base);
	json_str(j, "aadAudience", base);
	json_str(j, "friendlyName", "");
	arm_time(j, "validFrom", clock_now());
	arm_time(j, "validTo", (int64_t)expires);
	json_object(j, "tidemark");
	json_str(j, "type", arm_get_text(file, "type"));
	json_u64(j, "version", version);
	json_str(j, "url", arm_get_text(file, "url"));
	json_str(j, "vault", arm_get_text(file, "vault"));
	json_u64(j, "expires", expires);
	json_str(j, "secret", arm_get_text(file, "secret"));
	json_str(j, "authority", arm_get_text(file, "authority"));
	json_close(j);
	json_close(j);
}

static int put_certificate(struct arm_request *r)
{
	CLEANUP_SECRET_BUF struct buf text = BUF_INIT(4 * X509_CERT_MAX);
	CLEANUP_JSON struct json *file = NULL;
	CLEANUP_ARM_REPLY struct arm_reply a = { 0 };
	CLEANUP_RSV struct rsv v = { 0 };
	char base[300];
	int e = rsv_find(r, &v);

	arm_reply_init(&a);
	if (e == 0)
		e = arm_need_body(r);
	if (e == 0)
		e = arm_base_url(r, base, sizeof(base));
	if (e == 0)
		e = vault_credentials(r->v, v.name, base, r->actor, &text);
	if (e == 0)
		e = json_parse(SPAN_OF(&text), text.max, &file);
	if (e == 0) {
		write_credentials(&a.j, r, &v, file, base);
		e = arm_reply_send(r, &a, 200);
	}
	if (a.b.p)
		secret_wipe(a.b.p, a.b.len);
	return e;
}

/* --- registeredIdentities --- */

static int take_id(void *arg, const struct db_row *row)
{
	snprintf(arg, MACHINE_ID_LEN + 1, "%s", db_text(row, 0));
	return 1;
}

/* By the machine's name, or its container's, as clients have it. */
static int delete_identity(struct arm_request *r)
{
	char id[MACHINE_ID_LEN + 1];
	CLEANUP_RSV struct rsv v = { 0 };
	const char *name = r->names[1];
	int n = rsv_find(r, &v);

	if (n < 0)
		return n;
	if (strchr(name, ';'))
		name = strrchr(name, ';') + 1;
	n = db_query(r->v->db, take_id, id,
		     "SELECT id FROM machine WHERE vault = ? AND name = ?"
		     " AND removed IS NULL",
		     "ss", v.id, name);
	if (n > 0)
		n = machine_unregister(r->v->db, id, r->actor);
	else if (n == 0)
		n = -ENOENT;
	if (n == -ENOENT)
		return arm_not_found(r);
	return n < 0 ? n : arm_reply_empty(r, 204);
}

/* --- usages --- */

struct counted {
	int64_t machines, items;
};

static int count(struct db *db, const struct rsv *v, struct counted *out)
{
	int e = db_number(db, &out->machines,
			  "SELECT COUNT(*) FROM machine WHERE vault = ?"
			  " AND removed IS NULL",
			  "s", v->id);

	return e < 0 ? e
		     : db_number(db, &out->items,
				 "SELECT COUNT(*) FROM machine WHERE vault = ?"
				 " AND (removed IS NULL OR EXISTS (SELECT 1"
				 " FROM point WHERE point.machine ="
				 " machine.id))",
				 "s", v->id);
}

static void write_usage(struct arm_list *l, const char *name, const char *words,
			int64_t n)
{
	struct json_out *j = &l->reply.j;

	if (!arm_list_wants(l, name))
		return;
	json_object(j, NULL);
	json_str(j, "unit", "Count");
	json_i64(j, "currentValue", n);
	json_i64(j, "limit", -1);
	json_object(j, "name");
	json_str(j, "value", name);
	json_str(j, "localizedValue", words);
	json_close(j);
	json_close(j);
}

/* What the three lists have in common: the vault, and how many it has. */
static int list_of(struct arm_request *r,
		   void (*write)(struct arm_request *, struct arm_list *,
				 const struct counted *))
{
	CLEANUP_ARM_LIST struct arm_list l = { 0 };
	CLEANUP_RSV struct rsv v = { 0 };
	struct counted n = { 0 };
	int e = rsv_find(r, &v);

	if (e == 0)
		e = arm_list_init(r, &l);
	if (e == 0)
		e = count(r->v->db, &v, &n);
	if (e < 0)
		return e;
	if (write)
		write(r, &l, &n);
	return arm_list_send(r, &l);
}

static void write_usages(struct arm_request *r, struct arm_list *l,
			 const struct counted *n)
{
	(void)r;
	write_usage(l, "ProtectedItemCount", "Protected items", n->items);
	write_usage(l, "RegisteredServerCount", "Registered servers",
		    n->machines);
}

static int list_usages(struct arm_request *r)
{
	return list_of(r, write_usages);
}

static int list_nothing(struct arm_request *r)
{
	return list_of(r, NULL);
}

static void write_summaries(struct arm_request *r, struct arm_list *l,
			    const struct counted *n)
{
	const char *filter = http_query(r->x, "$filter");

	write_usage(l, "MAB", "Tidemark",
		    filter && strstr(filter, "Container") ? n->machines
							  : n->items);
}

static int list_summaries(struct arm_request *r)
{
	return list_of(r, write_summaries);
}

/* --- the security PIN --- */

static int post_pin(struct arm_request *r)
{
	CLEANUP_ARM_REPLY struct arm_reply a = { 0 };
	CLEANUP_RSV struct rsv v = { 0 };
	struct pin pin = { "", 0 };
	int e = rsv_find(r, &v);

	arm_reply_init(&a);
	if (e == 0)
		e = pin_make(r->v->db, v.id, r->actor, &pin);
	if (e == 0) {
		json_str(&a.j, "token", pin.digits);
		json_i64(&a.j, "expiryTimeInUtcTicks", pin_ticks(pin.expires));
		json_str(&a.j, "securityPIN", pin.digits);
		e = arm_reply_send(r, &a, 200);
	}
	if (a.b.p)
		secret_wipe(a.b.p, a.b.len);
	secret_wipe(&pin, sizeof(pin));
	return e;
}

#define ROUTE(method, path, handler)                                           \
	{                                                                      \
		method, ARM_AT_GROUP, RSV_TYPE "/{}" path, handler, NULL       \
	}

static const struct arm_route routes[] = {
	ROUTE("GET", "/backupconfig/vaultconfig", get_config),
	ROUTE("PUT", "/backupconfig/vaultconfig", put_config),
	ROUTE("PATCH", "/backupconfig/vaultconfig", put_config),
	ROUTE("GET", "/backupstorageconfig/vaultstorageconfig", get_storage),
	ROUTE("GET", "/extendedInformation/vaultExtendedInfo", get_information),
	ROUTE("PUT", "/certificates/{}", put_certificate),
	ROUTE("DELETE", "/registeredIdentities/{}", delete_identity),
	ROUTE("GET", "/usages", list_usages),
	ROUTE("GET", "/replicationUsages", list_nothing),
	ROUTE("GET", "/backupUsageSummaries", list_summaries),
	ROUTE("POST", "/backupSecurityPIN", post_pin),
};

const struct arm_table rsv_parts_table = { routes, ARRAY_LEN(routes) };
