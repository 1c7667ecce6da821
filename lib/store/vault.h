/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault.h - the store of a machine that is registered with a vault.
 *
 * It is as store.h says, with these differences. Names of keys, packs, indexes
 * and snapshots must be the SHA-256 of the bytes (-EBADMSG), heads have 16
 * digits and come one after another (-ESTALE). What is deleted is gone for
 * this machine, and kept by the vault for as long as a recovery point needs
 * it. A lease of a process that was killed ends within 45 seconds.
 *
 * Requests that the network or the vault break off are sent again
 * (vault_http.h). What a writer has sent lies in an unnamed file meanwhile,
 * in $TMPDIR or /var/tmp: encrypted, as it is in the vault.
 *
 * Errors:  besides those of store.h, -EACCES: the vault takes the machine's
 *          certificate no more, or is not the one that we know; -EIO: out
 *          of reach; -ENOSPC: its disk is full or the quota used up; -EROFS:
 *          the store is as of a head, or another machine's. All are logged.
 * Threads: as store.h. Its own threads send and renew leases; do not fork and
 *          go on with it in the child.
 * Source:  docs/vault-protocol.md.
 */
#ifndef STORE_VAULT_H
#define STORE_VAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

struct store_vault_options {
	const char *dir; /* holds a registration (registration.h) */
	/* Another machine's, by its name or id (sources.h); read only. NULL:
	 * this one's; or, if the registration is to restore, the only one
	 * there is. */
	const char *source;
	/* As it was with that head, whatever was deleted since; read only. */
	bool past;
	uint64_t head;
};

/* Errors also of registration.h, and of sources_find(). Asks nothing of the
 * vault, unless the certificate is old and is renewed, or a source is to be
 * found. */
MUST_CHECK int store_open_vault_with(const struct store_vault_options *opt,
				     struct store **out);
/* This machine's own, as it is now. */
MUST_CHECK int store_open_vault(const char *dir, struct store **out);
/* From now on, waiting for a vault ends (-EINTR) when the function says so. */
void store_vault_interrupt(bool (*interrupted)(void));

#endif /* STORE_VAULT_H */
