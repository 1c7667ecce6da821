/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pin.h - a security PIN: a second right, that of whoever may ask for one,
 * besides the right to delete.
 *
 * Six digits from the kernel's random numbers, good for five minutes, for one
 * use and for PIN_TRIES guesses in all; one at a time for a vault, the newest.
 * What is kept of it is a salted Argon2id hash: all PINs tried out cost more
 * time than one lives.
 *
 * Errors:  -ENOENT: no such vault; -EACCES: not that PIN, or it is over, used
 *          or guessed at too often (not logged). Others are logged.
 * Threads: any.
 */
#ifndef VAULT_RETENTION_PIN_H
#define VAULT_RETENTION_PIN_H

#include <stdint.h>

#include "vault/db.h"

#define PIN_DIGITS 6
#define PIN_SECONDS 300
#define PIN_TRIES 5

struct pin {
	char digits[PIN_DIGITS + 1]; /* the caller wipes it */
	int64_t expires;
};

MUST_CHECK int pin_make(struct db *db, const char *vault, const char *actor,
			struct pin *out);
/* Uses it up; a wrong guess counts. Either is in the audit log. A transaction
 * of its own: a guess counts even if what it was for fails. */
MUST_CHECK int pin_use(struct db *db, const char *vault, const char *digits,
		       const char *actor);

/* As .NET counts: 100 ns since the year 1. */
int64_t pin_ticks(int64_t seconds);

#endif /* VAULT_RETENTION_PIN_H */
