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

/* A machine's name or id after the last #, or NULL. */
static char *find_source(char *dir)
{
	char *hash = strrchr(dir, '#');

	return hash && hash[1] && !strchr(hash, '/') ? hash : NULL;
}

static int parse_head(const char *number, struct store_vault_options *opt)
{
	/* a vault counts up to 2^63 - 2 */
	if (cli_parse_u64(number, &opt->head) < 0 || opt->head >= INT64_MAX) {
		log_error("@%s is no number of a head", number);
		return -EINVAL;
	}
	opt->past = true;
	return 0;
}

static int open_vault(const char *where, struct store **out)
{
	CLEANUP_FREE char *text = strdup(where + strlen(prefix));
	struct store_vault_options opt = { .dir = text };
	char *at, *source;
	int e = 0;

	if (!text)
		return -ENOMEM;
	at = (char *)(uintptr_t)find_head(text);
	if (at) {
		*at = '\0';
		e = parse_head(at + 1, &opt);
	}
	source = find_source(text);
	if (source) {
		*source = '\0';
		opt.source = source + 1;
	}
	if (!*text)
		opt.dir = REGISTRATION_DIR;
	store_vault_interrupt(cli_interrupted);
	if (e == 0)
		e = store_open_vault_with(&opt, out);
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
