/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roles.c - what a role allows.
 */
#include "vault/identity/roles.h"

#include <ctype.h>
#include <strings.h>

static bool same_letter(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* After a mismatch the last * takes one character more: no recursion, and at
 * most length times length steps. */
bool role_pattern_matches(const char *pattern, const char *action)
{
	const char *star = NULL, *from = NULL;

	while (*action) {
		if (*pattern == '*') {
			star = ++pattern;
			from = action;
		} else if (*pattern && same_letter(*pattern, *action)) {
			pattern++;
			action++;
		} else if (star) {
			pattern = star;
			action = ++from;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

static bool any_matches(const char *const *patterns, const char *action)
{
	for (; *patterns; patterns++)
		if (role_pattern_matches(*patterns, action))
			return true;
	return false;
}

bool role_allows(const struct role *r, const char *action, bool is_data)
{
	return any_matches(is_data ? r->data_actions : r->actions, action) &&
	       !any_matches(is_data ? r->not_data_actions : r->not_actions,
			    action);
}

const struct role *role_find(const char *word)
{
	size_t i;

	for (i = 0; i < n_builtin_roles; i++)
		if (!strcasecmp(builtin_roles[i].id, word) ||
		    !strcasecmp(builtin_roles[i].name, word))
			return &builtin_roles[i];
	return NULL;
}
