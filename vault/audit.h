/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h - what was asked of the vault, and what became of it.
 *
 * A line is written with the change it tells of, in one transaction: neither
 * is without the other. Each line's hash covers the one before, so nothing can
 * be taken out or changed without all later hashes; who notes the last one
 * elsewhere can prove it.
 *
 *	hash = SHA-256(hash of the line before (zeros), and of seq, time: i64;
 *	       actor, action, target, outcome, detail: length:u32, bytes)
 *
 * Errors:  negative errno, logged.
 * Threads: any.
 */
#ifndef VAULT_AUDIT_H
#define VAULT_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "crypto/digest.h"
#include "vault/db.h"

struct audit_line {
	int64_t seq, time;
	const char *actor; /* "machine UUID", "local root" */
	const char *action, *target;
	const char *outcome; /* "done", "refused" */
	const char *detail;  /* or "" */
};

/* seq and time are set here. Only within db_write(). */
MUST_CHECK int audit_add(struct db *db, const struct audit_line *line);
/* The same as a transaction of its own: what was refused changed nothing. */
MUST_CHECK int audit_note(struct db *db, const struct audit_line *line);

typedef int audit_fn(void *arg, const struct audit_line *line,
		     const uint8_t hash[static SHA256_LEN]);
/* From line number `from`, in order. */
MUST_CHECK int audit_list(struct db *db, int64_t from, audit_fn *fn, void *arg);

struct audit_verdict {
	int64_t lines;
	int64_t wrong; /* the first line that does not follow; 0: none */
	uint8_t last[SHA256_LEN];
};
MUST_CHECK int audit_verify(struct db *db, struct audit_verdict *out);

#endif /* VAULT_AUDIT_H */
