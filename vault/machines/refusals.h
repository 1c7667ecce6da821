/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refusals.h - strangers who try to register, in few lines of the audit log.
 *
 * Each line of that log is synced and stays for ever, so nobody without rights
 * may cause any number of them. The first refusals from an address are a line
 * each; the next ones are counted, and one line tells of them when
 * REFUSALS_SECONDS have passed. Of too many addresses, the rest is counted
 * together. Who tries again and again raises an alert.
 *
 * A process that is killed loses the counts of its last minutes, nothing else.
 *
 * Errors:  negative errno, logged.
 * Threads: any.
 */
#ifndef VAULT_MACHINES_REFUSALS_H
#define VAULT_MACHINES_REFUSALS_H

#include <stdbool.h>

#include "vault/db.h"

#define REFUSALS_LINES 3      /* of an address, before they are counted */
#define REFUSALS_ADDRESSES 64 /* that are counted by themselves */
#define REFUSALS_SECONDS 600  /* that a count goes on */
#define REFUSALS_ALERT 10     /* of one address within that time */

struct refusals;

MUST_CHECK int refusals_new(struct refusals **out);
void refusals_free(struct refusals *r); /* NULL is allowed */
/* Somebody at that address was refused that name. */
MUST_CHECK int refusals_note(struct refusals *r, struct db *db,
			     const char *address, const char *name,
			     const char *why);
/* Write lines of counts whose time is over; or of all, at the end. */
MUST_CHECK int refusals_flush(struct refusals *r, struct db *db, bool all);

#endif /* VAULT_MACHINES_REFUSALS_H */
