/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sources.h - whose repositories a registration lets us read.
 *
 * One that was made with credentials to restore: one machine's, or those of a
 * whole vault, also of machines that are not registered any more. A machine's
 * own: itself.
 *
 * Errors:  all are logged; those of registration.h and vault_http.h.
 * Threads: any.
 * Source:  docs/vault-protocol.md, "Restoring elsewhere".
 */
#ifndef STORE_SOURCES_H
#define STORE_SOURCES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "store/registration.h"

#define SOURCE_ID_LEN 36
#define SOURCE_NAME_MAX 253

struct vault_http;

struct vault_source {
	char machine[SOURCE_ID_LEN + 1];
	char name[SOURCE_NAME_MAX + 1];
	bool is_registered;
	/* by the vault's clock; 0: there is none */
	int64_t registered, newest_point;
	uint64_t points, head;
};

/* fn gets each, in order of ids; what it returns but 0 ends that. */
typedef int source_fn(void *arg, const struct vault_source *s);
MUST_CHECK int sources_list(const char *dir, source_fn *fn, void *arg);

/* The one with this id or name; of several with that name the one that has
 * recovery points. NULL: the only one. -ENOENT: none; -EMLINK: several. */
MUST_CHECK int sources_find(struct vault_http *h, const struct registration *r,
			    const char *word, struct vault_source *out);

#endif /* STORE_SOURCES_H */
