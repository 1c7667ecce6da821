/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeping.h - what an administrator at the vault's own machine says about
 * keeping and deleting: settings, PINs, and what becomes of a machine's data.
 *
 * Errors:  negative errno, logged; -EPERM: refused, with the reason.
 * Threads: one.
 */
#ifndef VAULT_RETENTION_KEEPING_H
#define VAULT_RETENTION_KEEPING_H

#include "vault/vault.h"

struct keeping_options {
	/* NULL: as it is */
	const char *soft_delete, *soft_delete_days, *immutability, *security;
	const char *pin; /* NULL: none was told */
	bool delete_data, json;
};

/* Is it one of these commands: "settings" (shown, or those that are given are
 * changed) and "pin", of a vault; "stop", "resume", "undelete", "purge", of a
 * machine; "status" (of the scrub) and "scrub" (now), of all? */
bool keeping_has(const char *command);
/* of: the vault's name or the machine's id. -EUCLEAN: objects are damaged. */
MUST_CHECK int keeping_run(struct vault *v, const char *command, const char *of,
			   const struct keeping_options *o);

#endif /* VAULT_RETENTION_KEEPING_H */
