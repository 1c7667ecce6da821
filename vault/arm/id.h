/* SPDX-License-Identifier: Apache-2.0 */
/*
 * id.h - which resource is meant: the ids of Azure Resource Manager.
 *
 *	/subscriptions/S
 *	/subscriptions/S/resourceGroups/R
 *	[scope]/providers/NAMESPACE/TYPE/NAME/TYPE/NAME...
 *
 * where the scope may be nothing, either of the first two, or another
 * resource. Of several providers the last one counts: it is asked about, and
 * what stands before is its scope. Types match in either case of letters, and
 * so do names; which of both is kept is for others to say.
 *
 * Errors:  -EINVAL: no id; -EMSGSIZE: longer than ARM_ID_MAX, or deeper than
 *          ARM_DEPTH_MAX. Not logged.
 * Memory:  an id borrows the segments it was made of.
 * Threads: any.
 */
#ifndef VAULT_ARM_ID_H
#define VAULT_ARM_ID_H

#include <stdbool.h>

#include "base/macros.h"
#include "vault/http/uri.h"

#define ARM_ID_MAX 2048 /* bytes, with the NUL */
#define ARM_DEPTH_MAX 8

struct arm_id {
	const char *subscription, *group; /* or NULL */
	const char *provider;		  /* of the last "providers", or NULL */
	struct arm_part {
		const char *type;
		const char *name; /* NULL: all of that type; only the last */
	} parts[ARM_DEPTH_MAX];
	unsigned int n_parts;
	/* how many segments are before the last "providers"; without one,
	 * all */
	unsigned int scope_segments;
};

/* An empty last segment is nothing. */
MUST_CHECK int arm_id_parse(const char *const *segments, unsigned int n,
			    struct arm_id *out);
/* Of text; uri holds what out borrows, until uri_release(). */
MUST_CHECK int arm_id_of_text(const char *text, struct uri *uri,
			      struct arm_id *out);
/* The first n segments as a path: "/" for none. */
MUST_CHECK int arm_path(const char *const *segments, unsigned int n,
			char out[static ARM_ID_MAX]);
/* Are segments below prefix, or it? By whole segments. */
bool arm_is_below(const char *path, const char *prefix);

#endif /* VAULT_ARM_ID_H */
