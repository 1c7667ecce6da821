/* SPDX-License-Identifier: Apache-2.0 */
/*
 * providers.c - which namespaces and types of resources there are.
 *
 * Clients look here which api-version they may use. Any is taken; the ones
 * that are told are those that the shapes were checked with.
 */
#include "vault/arm/providers.h"

#include <string.h>
#include <strings.h>

struct type {
	const char *name;
	const char *versions[4];
};

static const struct provider {
	const char *name;
	struct type types[4];
} providers[] = {
	{ "Microsoft.Authorization",
	  { { "roleAssignments", { "2022-04-01", "2020-04-01-preview" } },
	    { "roleDefinitions", { "2022-04-01", "2018-01-01-preview" } } } },
	{ "Microsoft.RecoveryServices",
	  { { "vaults", { "2024-04-01", "2023-06-01", "2022-10-01" } },
	    { "operations", { "2024-04-01" } } } },
	{ "Microsoft.Resources",
	  { { "subscriptions", { "2022-12-01", "2019-11-01" } },
	    { "tenants", { "2022-12-01", "2020-01-01" } },
	    { "resourceGroups", { "2021-04-01" } } } },
};

static void write_type(struct json_out *j, const struct type *t)
{
	size_t i;

	json_object(j, NULL);
	json_str(j, "resourceType", t->name);
	json_array(j, "locations");
	json_str(j, NULL, ARM_LOCATION);
	json_close(j);
	json_array(j, "apiVersions");
	for (i = 0; i < ARRAY_LEN(t->versions) && t->versions[i]; i++)
		json_str(j, NULL, t->versions[i]);
	json_close(j);
	json_str(j, "capabilities", "None");
	json_close(j);
}

static void write_provider(struct json_out *j, struct arm_request *r,
			   const struct provider *p)
{
	char id[ARM_ID_MAX];
	size_t i;

	snprintf(id, sizeof(id), "%s%s/providers/%s",
		 r->id.subscription ? "/subscriptions/" : "",
		 r->id.subscription ?: "", p->name);
	json_str(j, "id", id);
	json_str(j, "namespace", p->name);
	json_str(j, "registrationPolicy", "RegistrationFree");
	json_str(j, "registrationState", "Registered");
	json_array(j, "resourceTypes");
	for (i = 0; i < ARRAY_LEN(p->types) && p->types[i].name; i++)
		write_type(j, &p->types[i]);
	json_close(j);
}

static int list_providers(struct arm_request *r)
{
	CLEANUP_ARM_LIST struct arm_list l = { 0 };
	size_t i;
	int e = arm_list_init(r, &l);

	if (e < 0)
		return e;
	for (i = 0; i < ARRAY_LEN(providers); i++) {
		if (!arm_list_wants(&l, providers[i].name))
			continue;
		json_object(&l.reply.j, NULL);
		write_provider(&l.reply.j, r, &providers[i]);
		json_close(&l.reply.j);
	}
	return arm_list_send(r, &l);
}

/* The last word that is not "register" is the namespace. */
static int get_provider(struct arm_request *r)
{
	const char *name = r->id.provider;
	CLEANUP_ARM_REPLY struct arm_reply a = { 0 };
	size_t i;

	arm_reply_init(&a);
	for (i = 0; name && i < ARRAY_LEN(providers); i++) {
		if (strcasecmp(name, providers[i].name))
			continue;
		write_provider(&a.j, r, &providers[i]);
		return arm_reply_send(r, &a, 200);
	}
	return arm_error(r, 404, "InvalidResourceNamespace",
			 "The resource namespace '%s' is invalid.", name ?: "");
}

static const struct arm_route routes[] = {
	{ "GET", ARM_PUBLIC, "/providers", list_providers, NULL },
	{ "GET", ARM_PUBLIC, "/providers/{}", get_provider, NULL },
	{ "GET", ARM_PUBLIC, "/subscriptions/{}/providers", list_providers,
	  NULL },
	{ "GET", ARM_PUBLIC, "/subscriptions/{}/providers/{}", get_provider,
	  NULL },
	{ "POST", ARM_PUBLIC, "/subscriptions/{}/providers/{}/register",
	  get_provider, NULL },
};

const struct arm_table provider_table = { routes, ARRAY_LEN(routes) };
