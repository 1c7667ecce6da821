/* SPDX-License-Identifier: Apache-2.0 */
/*
 * location.c - what --repo names: a directory or a vault.
 */
#include "tools/location.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "store/registration.h"
#include "store/vault.h"
#include "tools/cli.h"

static const char prefix[] = "vault:";

bool location_is_vault(const char *where)
{
	return !strncmp(where, prefix, strlen(prefix));
}

/* The @ before nothing but digits at the end, or NULL. */
static const char *find_head(const char *where)
{
	const char *at = strrchr(where, '@');

	return at && at[1] && strspn(at + 1, "0123456789") == strlen(at + 1)
		       ? at
		       : NULL;
}

bool location_is_past(const char *where)
{
	return location_is_vault(where) && find_head(where);
}

static int open_past(const char *dir, const char *number, struct store **out)
{
	uint64_t head;

	/* a vault counts up to 2^63 - 2 */
	if (cli_parse_u64(number, &head) < 0 || head >= INT64_MAX) {
		log_error("@%s is no number of a head", number);
		return -EINVAL;
	}
	return store_open_vault_as_of(dir, head, out);
}

static int open_vault(const char *where, struct store **out)
{
	const char *dir = where + strlen(prefix), *at = find_head(dir);
	CLEANUP_FREE char *text =
		strndup(dir, at ? (size_t)(at - dir) : strlen(dir));
	int e;

	if (!text)
		return -ENOMEM;
	dir = *text ? text : REGISTRATION_DIR;
	store_vault_interrupt(cli_interrupted);
	e = at ? open_past(dir, at + 1, out) : store_open_vault(dir, out);
	return e == -ENOENT ? -ENOKEY : e;
}

int location_open(const char *where, struct store **out)
{
	return location_is_vault(where) ? open_vault(where, out)
					: store_open_dir(where, out);
}

int location_create(const char *where, struct store **out)
{
	return location_is_vault(where) ? open_vault(where, out)
					: store_create_dir(where, out);
}
