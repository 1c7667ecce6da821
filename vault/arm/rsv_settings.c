/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rsv_settings.c - securitySettings of a vault: settings.h in Azure's words.
 *
 * No rule is here: which change is refused is settings.h's to say.
 */
#include "vault/arm/rsv_settings.h"

#include <errno.h>
#include <string.h>

#include "vault/retention/settings.h"

#define SECURITY "properties.securitySettings."
#define SOFT_DELETE SECURITY "softDeleteSettings."

int rsv_settings_write(struct json_out *j, struct db *db, const char *vault)
{
	struct vault_settings s;
	int e = vault_settings_get(db, vault, &s);

	if (e < 0)
		return e;
	json_object(j, "securitySettings");
	json_object(j, "softDeleteSettings");
	json_str(j, "softDeleteState", setting_state_text(s.soft_delete));
	json_u64(j, "softDeleteRetentionPeriodInDays", s.soft_delete_days);
	json_str(j, "enhancedSecurityState", setting_state_text(s.enhanced));
	json_close(j);
	json_object(j, "immutabilitySettings");
	json_str(j, "state", immutability_text(s.immutability));
	json_close(j);
	json_str(j, "multiUserAuthorization", "Disabled");
	json_close(j);
	return 0;
}

int rsv_config_write(struct json_out *j, struct db *db, const char *vault)
{
	struct vault_settings s;
	int e = vault_settings_get(db, vault, &s);

	if (e < 0)
		return e;
	json_str(j, "storageModelType", "LocallyRedundant");
	json_str(j, "storageType", "LocallyRedundant");
	json_str(j, "storageTypeState", "Locked");
	json_str(j, "enhancedSecurityState", setting_state_text(s.enhanced));
	json_str(j, "softDeleteFeatureState",
		 setting_state_text(s.soft_delete));
	json_u64(j, "softDeleteRetentionPeriodInDays", s.soft_delete_days);
	json_bool(j, "isSoftDeleteFeatureStateEditable",
		  s.soft_delete != SETTING_ALWAYS_ON);
	return 0;
}

/* --- reading --- */

static int bad_word(struct arm_request *r, const char *path)
{
	return arm_done(arm_error(r, 400, "InvalidParameter",
				  "The value of %s is not one that it can "
				  "have.",
				  path));
}

static int read_state(struct arm_request *r, const char *path,
		      enum setting_state *out)
{
	const struct json *j = arm_get(r->body, path);
	const char *text = json_to_str(j);

	if (!j || (text && setting_state_parse(text, out)))
		return 0;
	return bad_word(r, path);
}

static int read_days(struct arm_request *r, const char *path, unsigned int *out)
{
	const struct json *j = arm_get(r->body, path);
	uint64_t n;

	if (!j)
		return 0;
	if (json_to_u64(j, &n) < 0 || n > UINT32_MAX)
		return bad_word(r, path);
	*out = (unsigned int)n;
	return 0;
}

static int read_immutability(struct arm_request *r, const char *path,
			     enum immutability *out)
{
	const struct json *j = arm_get(r->body, path);
	const char *text = json_to_str(j);

	if (!j || (text && immutability_parse(text, out)))
		return 0;
	return bad_word(r, path);
}

static int read_settings(struct arm_request *r, struct vault_settings *s)
{
	int e = read_state(r, SOFT_DELETE "softDeleteState", &s->soft_delete);

	if (e == 0)
		e = read_days(r, SOFT_DELETE "softDeleteRetentionPeriodInDays",
			      &s->soft_delete_days);
	if (e == 0)
		e = read_state(r, SOFT_DELETE "enhancedSecurityState",
			       &s->enhanced);
	if (e == 0)
		e = read_immutability(r, SECURITY "immutabilitySettings.state",
				      &s->immutability);
	return e;
}

static int read_config(struct arm_request *r, struct vault_settings *s)
{
	int e = read_state(r, "properties.softDeleteFeatureState",
			   &s->soft_delete);

	if (e == 0)
		e = read_days(r, "properties.softDeleteRetentionPeriodInDays",
			      &s->soft_delete_days);
	if (e == 0)
		e = read_state(r, "properties.enhancedSecurityState",
			       &s->enhanced);
	return e;
}

int rsv_settings_check(struct arm_request *r)
{
	struct vault_settings s = { 0 };

	return read_settings(r, &s);
}

/* --- changing --- */

static bool are_same(const struct vault_settings *a,
		     const struct vault_settings *b)
{
	return a->soft_delete == b->soft_delete && a->enhanced == b->enhanced &&
	       a->immutability == b->immutability &&
	       a->soft_delete_days == b->soft_delete_days;
}

static int change(struct arm_request *r, const char *vault,
		  int (*read)(struct arm_request *, struct vault_settings *))
{
	struct vault_settings old, to;
	struct refusal why = { NULL, NULL };
	int e = vault_settings_get(r->v->db, vault, &old);

	to = old;
	if (e == 0)
		e = read(r, &to);
	if (e < 0 || are_same(&old, &to))
		return e;
	e = vault_settings_set(r->v->db, vault, &to, r->actor, &why);
	if (e == -EPERM)
		return arm_done(arm_error(r, 400, why.code, "%s", why.text));
	return e;
}

int rsv_settings_change(struct arm_request *r, const char *vault)
{
	return change(r, vault, read_settings);
}

int rsv_config_change(struct arm_request *r, const char *vault)
{
	return change(r, vault, read_config);
}
