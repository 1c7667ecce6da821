/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vault_rbac.c - what roles allow, where, and to whom.
 *
 * How many of Azure's published operations each role covers was counted by
 * another program, from Azure's own lists.
 */
#include <errno.h>

#include "provider_operations.h"
#include "testdir.h"
#include "vault/identity/guesses.h"
#include "vault/identity/rbac.h"

#define RSV "Microsoft.RecoveryServices/vaults/"
#define AUTH "Microsoft.Authorization/"
#define GROUP "/subscriptions/s/resourceGroups/g"
#define VAULT GROUP "/providers/Microsoft.RecoveryServices/vaults/v"
#define GUID "00000000-0000-0000-0000-00000000000"

static struct db *db;
static struct caller who;

static int setup(void **state)
{
	char path[128];

	make_dir(state);
	snprintf(path, sizeof(path), "%s/vault.db", dir);
	return db_open(path, &db);
}

static int teardown(void **state)
{
	db_close(db);
	db = NULL;
	return remove_dir(state);
}

/* --- roles --- */

static void test_a_star_stands_for_any_characters(void **state)
{
	static const struct {
		const char *pattern, *action;
		bool matches;
	} cases[] = {
		{ "*", "A/b/read", true },
		{ "*/read", "A/b/read", true },
		{ "*/read", "A/b/c/READ", true },
		{ "*/read", "A/b/readx", false },
		{ "*/read", "read", false },
		{ "A/*/read", "A/b/c/read", true },
		{ "A/*/read", "A/read", false },
		{ "A/*", "A/", true },
		{ "A/*", "AB/x", false },
		{ "a/b", "A/B", true },
		{ "a/b", "a/b/c", false },
		{ "a/b/c", "a/b", false },
		{ "*a*b*a*", "xaybza", true },
		{ "*a*b*a", "aab", false },
		{ "", "", true },
		{ "", "a", false },
		{ "**", "", true },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++)
		if (role_pattern_matches(cases[i].pattern, cases[i].action) !=
		    cases[i].matches)
			fail_msg("%s of %s", cases[i].pattern, cases[i].action);
}

static void test_a_pattern_of_stars_takes_no_time(void **state)
{
	char pattern[2001], action[4001];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(pattern) - 1; i++)
		pattern[i] = i % 2 ? 'a' : '*';
	memset(action, 'a', sizeof(action) - 1);
	pattern[sizeof(pattern) - 1] = action[sizeof(action) - 1] = '\0';
	pattern[sizeof(pattern) - 2] = 'b';
	assert_false(role_pattern_matches(pattern, action));
}

static unsigned int allowed(const struct role *r, bool is_data)
{
	const char *const *list = is_data ? data_operations
					  : control_operations;
	size_t i, n = is_data ? ARRAY_LEN(data_operations)
			      : ARRAY_LEN(control_operations);
	unsigned int count = 0;

	for (i = 0; i < n; i++)
		count += role_allows(r, list[i], is_data);
	return count;
}

static void test_roles_cover_what_azures_do(void **state)
{
	static const struct {
		const char *name;
		unsigned int actions, data;
	} want[] = {
		{ "Owner", 480, 0 },
		{ "Contributor", 443, 0 },
		{ "Reader", 209, 0 },
		{ "User Access Administrator", 255, 0 },
		{ "Role Based Access Control Administrator", 211, 0 },
		{ "Backup Contributor", 163, 0 },
		{ "Backup Operator", 129, 0 },
		{ "Backup Reader", 90, 0 },
		{ "Backup MUA Admin", 55, 0 },
		{ "Backup MUA Operator", 72, 0 },
		{ "Key Vault Administrator", 48, 53 },
		{ "Key Vault Contributor", 75, 0 },
		{ "Key Vault Data Access Administrator", 43, 0 },
		{ "Key Vault Reader", 48, 7 },
		{ "Key Vault Secrets Officer", 48, 9 },
		{ "Key Vault Secrets User", 0, 2 },
	};
	size_t i;

	(void)state;
	assert_int_equal(ARRAY_LEN(want), n_builtin_roles);
	for (i = 0; i < ARRAY_LEN(want); i++) {
		const struct role *r = role_find(want[i].name);

		assert_non_null(r);
		assert_ptr_equal(r, role_find(r->id));
		if (allowed(r, false) != want[i].actions ||
		    allowed(r, true) != want[i].data)
			fail_msg("%s: %u, %u", r->name, allowed(r, false),
				 allowed(r, true));
	}
	assert_null(role_find("Emperor"));
}

/* A pattern that covers nothing is a mistake in writing it down. */
static void test_patterns_mean_something(void **state)
{
	size_t i, k;

	(void)state;
	for (i = 0; i < n_builtin_roles; i++) {
		const char *const *p = builtin_roles[i].actions;

		for (; *p; p++) {
			bool ours = !strncmp(*p, RSV, 26) ||
				    !strncmp(*p, AUTH, 24) ||
				    !strncmp(*p, "Microsoft.DataPro", 17) ||
				    !strncmp(*p, "Microsoft.KeyVault", 18);

			for (k = 0; ours && k < ARRAY_LEN(control_operations);
			     k++)
				ours = !role_pattern_matches(
					*p, control_operations[k]);
			if (ours)
				fail_msg("%s: %s", builtin_roles[i].name, *p);
		}
	}
}

static void test_what_each_role_is_for(void **state)
{
	static const struct {
		const char *role, *action;
		bool yes;
	} cases[] = {
		{ "Contributor", RSV "write", true },
		{ "Contributor", AUTH "roleAssignments/write", false },
		{ "Contributor", AUTH "roleAssignments/delete", false },
		{ "Contributor", AUTH "roleAssignments/read", true },
		{ "Backup Contributor", RSV "backupSecurityPIN/action", true },
		{ "Backup Operator", RSV "backupSecurityPIN/action", false },
		{ "Backup Operator", RSV "backupPolicies/write", false },
		{ "Backup Operator",
		  RSV
		  "backupFabrics/protectionContainers/protectedItems/delete",
		  false },
		{ "Backup Operator",
		  RSV "backupFabrics/protectionContainers/protectedItems/write",
		  true },
		{ "Backup Reader", RSV "write", false },
		{ "Backup Reader", RSV "backupPolicies/read", true },
		{ "Reader", RSV "certificates/write", false },
		{ "User Access Administrator", AUTH "roleAssignments/write",
		  true },
		{ "User Access Administrator", RSV "write", false },
		{ "Owner", "Microsoft.Anything/else/action", true },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++)
		if (role_allows(role_find(cases[i].role), cases[i].action,
				false) != cases[i].yes)
			fail_msg("%s, %s", cases[i].role, cases[i].action);
	assert_false(role_allows(
		role_find("Owner"),
		"Microsoft.KeyVault/vaults/secrets/getSecret/action", true));
}

/* --- scopes --- */

static void test_scopes_have_one_form(void **state)
{
	char out[SCOPE_MAX + 1], long_one[SCOPE_MAX + 3];

	(void)state;
	assert_int_equal(0, scope_normal("/", out));
	assert_string_equal("/", out);
	assert_int_equal(0, scope_normal("//", out));
	assert_string_equal("/", out);
	assert_int_equal(0, scope_normal("//subscriptions/s/", out));
	assert_string_equal("/subscriptions/s", out);
	assert_int_equal(-EINVAL, scope_normal("", out));
	assert_int_equal(-EINVAL, scope_normal("subscriptions/s", out));
	assert_int_equal(-EINVAL, scope_normal("/a//b", out));
	assert_int_equal(-EINVAL, scope_normal("/a//", out));
	assert_int_equal(-EINVAL, scope_normal("/a?b", out));
	assert_int_equal(-EINVAL, scope_normal("/a%2fb", out));
	memset(long_one, 'a', sizeof(long_one) - 1);
	long_one[0] = '/';
	long_one[sizeof(long_one) - 1] = '\0';
	assert_int_equal(-EINVAL, scope_normal(long_one, out));
}

static void test_a_scope_is_what_is_below_it(void **state)
{
	(void)state;
	assert_true(scope_contains("/", GROUP));
	assert_true(scope_contains("/", "/"));
	assert_false(scope_contains(GROUP, "/"));
	assert_true(scope_contains(GROUP, VAULT));
	assert_true(scope_contains("/SUBSCRIPTIONS/S", VAULT));
	assert_false(scope_contains(VAULT, GROUP));
	assert_false(scope_contains(GROUP, GROUP "2"));
	assert_false(scope_contains(GROUP "2", GROUP));
	assert_false(scope_contains("/subscriptions/s2", VAULT));
}

/* --- principals and their roles --- */

static void make_principal(const char *name, struct principal *p)
{
	const struct principal_new n = { .kind = PRINCIPAL_APPLICATION,
					 .name = name,
					 .actor = "test" };
	char tenant[MACHINE_ID_LEN + 1];

	assert_int_equal(0, tenant_id(db, tenant));
	assert_int_equal(0, principal_add(db, &n, p));
	assert_string_equal(tenant, p->tenant);
	memcpy(who.object, p->id, sizeof(who.object));
}

static int assign(const struct principal *p, const char *role,
		  const char *scope, const char *id)
{
	struct assignment a = { .by = "test" };

	snprintf(a.id, sizeof(a.id), "%s", id);
	snprintf(a.scope, sizeof(a.scope), "%s", scope);
	snprintf(a.role, sizeof(a.role), "%s", role_find(role)->id);
	snprintf(a.principal, sizeof(a.principal), "%s", p->id);
	return assignment_add(db, &a);
}

static void test_nothing_is_allowed_to_whom_nothing_was_given(void **state)
{
	struct principal p;

	(void)state;
	make_principal("bob", &p);
	assert_int_equal(0, rbac_allows(db, &who, RSV "read", VAULT));
	assert_int_equal(0, rbac_allows(db, &who, RSV "read", "/"));
	assert_int_equal(-EINVAL, rbac_allows(db, &who, RSV "read", "x"));
}

static void test_roles_are_inherited_downwards_and_add_up(void **state)
{
	struct principal p, other;
	struct assignment gone;

	(void)state;
	make_principal("alice", &other);
	make_principal("bob", &p);
	assert_int_equal(1, assign(&p, "Reader", GROUP, GUID "1"));
	assert_int_equal(1, rbac_allows(db, &who, RSV "read", VAULT));
	assert_int_equal(1, rbac_allows(db, &who, RSV "read", VAULT "/x/y"));
	assert_int_equal(0, rbac_allows(db, &who, RSV "write", VAULT));
	assert_int_equal(0,
			 rbac_allows(db, &who, RSV "read", "/subscriptions/s"));
	assert_int_equal(1, rbac_allows_below(db, &who, RSV "read",
					      "/subscriptions/s"));
	assert_int_equal(0, rbac_allows_below(db, &who, RSV "read",
					      "/subscriptions/t"));
	assert_int_equal(1, assign(&p, "Backup Contributor", VAULT, GUID "2"));
	assert_int_equal(1, rbac_allows(db, &who, RSV "write", VAULT));
	assert_int_equal(0, rbac_allows(db, &who, RSV "write", GROUP));
	/* what one role takes away another may give */
	assert_int_equal(1, assign(&p, "Contributor", "/", GUID "3"));
	assert_int_equal(0, rbac_allows(db, &who, AUTH "roleAssignments/write",
					VAULT));
	assert_int_equal(1, assign(&p, "User Access Administrator", VAULT,
				   GUID "4"));
	assert_int_equal(1, rbac_allows(db, &who, AUTH "roleAssignments/write",
					VAULT));
	/* and it goes when it is taken */
	assert_int_equal(0, assignment_remove(db, GUID "4", "test", &gone));
	assert_int_equal(0, rbac_allows(db, &who, AUTH "roleAssignments/write",
					VAULT));
	assert_int_equal(-ENOENT,
			 assignment_remove(db, GUID "4", "test", &gone));
	memcpy(who.object, other.id, sizeof(who.object));
	assert_int_equal(0, rbac_allows(db, &who, RSV "read", VAULT));
}

static void test_data_is_apart(void **state)
{
	static const char get[] =
		"Microsoft.KeyVault/vaults/secrets/getSecret/action";
	struct principal p;

	(void)state;
	make_principal("bob", &p);
	assert_int_equal(1, assign(&p, "Owner", "/", GUID "1"));
	assert_int_equal(1, rbac_allows(db, &who, get, VAULT));
	assert_int_equal(0, rbac_allows_data(db, &who, get, VAULT));
	assert_int_equal(1,
			 assign(&p, "Key Vault Secrets User", VAULT, GUID "2"));
	assert_int_equal(1, rbac_allows_data(db, &who, get, VAULT));
	assert_int_equal(0, rbac_allows_data(db, &who, get, GROUP));
}

static void test_some_roles_assign_some_roles(void **state)
{
	const struct role *user = role_find("Key Vault Secrets User");
	const struct role *owner = role_find("Owner");
	struct principal p;

	(void)state;
	make_principal("bob", &p);
	assert_int_equal(0, rbac_may_assign(db, &who, VAULT, user, false));
	assert_int_equal(1, assign(&p, "Key Vault Data Access Administrator",
				   GROUP, GUID "1"));
	assert_int_equal(1, rbac_may_assign(db, &who, VAULT, user, false));
	assert_int_equal(1, rbac_may_assign(db, &who, VAULT, user, true));
	assert_int_equal(0, rbac_may_assign(db, &who, VAULT, owner, false));
	assert_int_equal(0, rbac_may_assign(db, &who, VAULT, owner, true));
	assert_int_equal(1, assign(&p, "User Access Administrator", GROUP,
				   GUID "2"));
	assert_int_equal(1, rbac_may_assign(db, &who, VAULT, owner, false));
	assert_int_equal(0, rbac_may_assign(db, &who, "/", owner, false));
}

static void test_an_assignment_is_what_it_was(void **state)
{
	struct principal p, q;

	(void)state;
	make_principal("alice", &q);
	make_principal("bob", &p);
	assert_int_equal(1, assign(&p, "Reader", GROUP, GUID "1"));
	assert_int_equal(0, assign(&p, "Reader", GROUP "/", GUID "1"));
	assert_int_equal(-EPERM, assign(&p, "Owner", GROUP, GUID "1"));
	assert_int_equal(-EPERM, assign(&p, "Reader", "/", GUID "1"));
	assert_int_equal(-EPERM, assign(&q, "Reader", GROUP, GUID "1"));
	assert_int_equal(-EEXIST, assign(&p, "Reader", GROUP, GUID "2"));
	assert_int_equal(-EINVAL, assign(&p, "Reader", "/", "1"));
	assert_int_equal(-EINVAL, assign(&p, "Reader", "x", GUID "2"));
	snprintf(q.id, sizeof(q.id), GUID "9");
	assert_int_equal(-ENOENT, assign(&q, "Reader", GROUP, GUID "2"));
	/* what was given to somebody goes with him */
	assert_int_equal(0, principal_remove(db, p.id, "test"));
	assert_int_equal(0, rbac_allows(db, &who, RSV "read", VAULT));
	assert_int_equal(1, assign(&p, "Reader", GROUP, GUID "1") == -ENOENT);
}

static void test_secrets_are_known_by_their_hashes(void **state)
{
	char text[SECRET_TEXT_LEN + 1], other[SECRET_TEXT_LEN + 1];
	struct principal p, q;
	struct secret s;
	int i;

	(void)state;
	make_principal("alice", &q);
	make_principal("bob", &p);
	assert_int_equal(0, secret_add(db, p.id, SECRET_CLIENT, INT64_MAX,
				       "test", &s, text));
	assert_int_equal(SECRET_TEXT_LEN, strlen(text));
	assert_int_equal(0, secret_check(db, p.id, text));
	assert_int_equal(-EACCES, secret_check(db, q.id, text));
	assert_int_equal(-EACCES, secret_check(db, p.id, ""));
	assert_int_equal(-EACCES, secret_check(db, p.id, s.id));
	/* it is no header, and a header is none */
	assert_int_equal(-ENOENT, secret_holder(db, text, &q));
	assert_int_equal(0, secret_add(db, p.id, SECRET_HEADER, INT64_MAX,
				       "test", &s, other));
	assert_int_equal(0, secret_holder(db, other, &q));
	assert_string_equal(p.id, q.id);
	assert_int_equal(-EACCES, secret_check(db, p.id, other));
	assert_int_equal(0, secret_add(db, p.id, SECRET_CLIENT, 1, "test", &s,
				       other));
	assert_int_equal(-EKEYEXPIRED, secret_check(db, p.id, other));
	for (i = 3; i < SECRETS_MAX; i++)
		assert_int_equal(0, secret_add(db, p.id, SECRET_CLIENT, 1,
					       "test", &s, other));
	assert_int_equal(-ENOSPC, secret_add(db, p.id, SECRET_CLIENT, 1, "test",
					     &s, other));
	assert_int_equal(0, secret_remove(db, s.id, "test"));
	assert_int_equal(-ENOENT, secret_remove(db, s.id, "test"));
}

static void test_managed_identities_go_with_what_they_are_of(void **state)
{
	const struct principal_new n = { .kind = PRINCIPAL_MANAGED,
					 .name = "v",
					 .resource = VAULT,
					 .actor = "test" };
	struct principal p, q;

	(void)state;
	make_principal("v", &q); /* of the same name, and somebody else */
	assert_int_equal(0, principal_add(db, &n, &p));
	assert_int_equal(-EEXIST, principal_add(db, &n, &q));
	assert_int_equal(0, principal_of_resource(db, VAULT, &q));
	assert_string_equal(p.id, q.id);
	assert_string_equal(VAULT, q.resource);
	assert_int_equal(0, principal_remove(db, p.id, "test"));
	assert_int_equal(-ENOENT, principal_of_resource(db, VAULT, &q));
	assert_int_equal(-ENOENT, principal_get(db, p.id, &q));
}

/* --- guesses --- */

static void test_addresses_wait_each_for_itself(void **state)
{
	struct guesses *g;
	char other[64];
	int i;

	(void)state;
	assert_int_equal(0, guesses_new(&g));
	for (i = 0; i < GUESSES_MAX; i++) {
		assert_int_equal(0, guesses_wait(g, "192.0.2.1"));
		guesses_wrong(g, "192.0.2.1");
	}
	assert_in_range(guesses_wait(g, "192.0.2.1"), 1, GUESSES_SECONDS);
	assert_int_equal(0, guesses_wait(g, "192.0.2.2"));
	/* a network of IPv6 is one */
	for (i = 0; i < GUESSES_MAX; i++) {
		snprintf(other, sizeof(other), "2001:db8::%x", i + 1);
		guesses_wrong(g, other);
	}
	assert_int_not_equal(0, guesses_wait(g, "2001:db8::ffff"));
	assert_int_equal(0, guesses_wait(g, "2001:db8:0:1::1"));
	/* however many come, memory is what it was */
	for (i = 0; i < 2000; i++) {
		snprintf(other, sizeof(other), "10.0.%d.%d", i / 250, i % 250);
		guesses_wrong(g, other);
	}
	assert_int_equal(0, guesses_wait(g, "10.0.0.1"));
	guesses_free(g);
	guesses_free(NULL);
}

int main(void)
{
#define DB(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_star_stands_for_any_characters),
		cmocka_unit_test(test_a_pattern_of_stars_takes_no_time),
		cmocka_unit_test(test_roles_cover_what_azures_do),
		cmocka_unit_test(test_patterns_mean_something),
		cmocka_unit_test(test_what_each_role_is_for),
		cmocka_unit_test(test_scopes_have_one_form),
		cmocka_unit_test(test_a_scope_is_what_is_below_it),
		DB(test_nothing_is_allowed_to_whom_nothing_was_given),
		DB(test_roles_are_inherited_downwards_and_add_up),
		DB(test_data_is_apart),
		DB(test_some_roles_assign_some_roles),
		DB(test_an_assignment_is_what_it_was),
		DB(test_secrets_are_known_by_their_hashes),
		DB(test_managed_identities_go_with_what_they_are_of),
		cmocka_unit_test(test_addresses_wait_each_for_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
