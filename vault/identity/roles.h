/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roles.h - the roles there are: Azure's built-in ones, as far as they concern
 * what a vault does.
 *
 * Threads: any; everything is constant.
 * Source:  `az role definition list`, August 2026.
 */
#ifndef VAULT_IDENTITY_ROLES_H
#define VAULT_IDENTITY_ROLES_H

#include <stdbool.h>
#include <stddef.h>

#define ROLE_ID_LEN 36
#define ROLE_OWNER "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"

/* Lists end with NULL. In a pattern * stands for any characters. */
struct role {
	const char *id, *name, *description;
	const char *created, *updated; /* as Azure says it */
	const char *const *actions, *const *not_actions;
	const char *const *data_actions, *const *not_data_actions;
	/* Who has no more than this role to assign roles with may assign these
	 * only; NULL: any. Azure's own words for it beside. */
	const char *const *assignable;
	const char *condition;
};

extern const struct role builtin_roles[];
extern const size_t n_builtin_roles;

/* By id (a GUID), or by name, in any case of letters; NULL: there is none. */
const struct role *role_find(const char *word);
/* Does pattern cover the action? Letters in any case. */
bool role_pattern_matches(const char *pattern, const char *action);
/* Does the role alone allow it? */
bool role_allows(const struct role *r, const char *action, bool is_data);

#endif /* VAULT_IDENTITY_ROLES_H */
