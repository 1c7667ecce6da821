/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch.h - looks around each minute, and raises or clears alerts.
 *
 * Looked at: the clock, against the one that nobody can set; room on the disk;
 * and each machine: has it come as it used to, is its quota nearly used up,
 * did its newest recovery point bring much more than it used to.
 *
 * The vault sees encrypted bytes, so it cannot see their entropy. What it
 * sees is how many came: files that somebody has encrypted are changed, and
 * compress no more, and both is more bytes than usual. An agent may state how
 * much it has read for a point (docs/vault-protocol.md); then the vault also
 * compares how well that was compressed. Who has the machine can lie there,
 * and can stay below what is usual by being slow.
 *
 * Errors:  negative errno, logged.
 * Threads: any; passes at once do no harm.
 */
#ifndef VAULT_MONITOR_WATCH_H
#define VAULT_MONITOR_WATCH_H

#include "vault/vault.h"

#define WATCH_SECONDS 60
#define WATCH_CLOCK_STEP 120	      /* seconds that a clock may be moved */
#define WATCH_NEVER_DAYS 3	      /* for a machine's first backup */
#define WATCH_BYTES_FLOOR (64u << 20) /* less is nothing to wonder about */

MUST_CHECK int watch_pass(struct vault *v);
/* Is it later than the last pass, as it must be? */
MUST_CHECK int watch_clock_is_right(struct vault *v, bool *is);

#endif /* VAULT_MONITOR_WATCH_H */
