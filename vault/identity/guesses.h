/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guesses.h - how often an address has shown a wrong secret.
 *
 * After GUESSES_MAX within GUESSES_SECONDS it is not listened to until those
 * have passed: nobody guesses 32 random bytes, but each wrong one is a line of
 * the audit log that is synced. Of IPv6 a network of 64 bits is one address.
 * What is remembered is bounded: the oldest is forgotten first.
 *
 * Threads: any.
 */
#ifndef VAULT_IDENTITY_GUESSES_H
#define VAULT_IDENTITY_GUESSES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"

#define GUESSES_MAX 20
#define GUESSES_SECONDS 300

struct guesses;

MUST_CHECK int guesses_new(struct guesses **out);
void guesses_free(struct guesses *g); /* NULL is allowed */

/* Seconds until it is listened to again; 0: it is. */
unsigned int guesses_wait(struct guesses *g, const char *address);
/* It was wrong once more. */
void guesses_wrong(struct guesses *g, const char *address);

#endif /* VAULT_IDENTITY_GUESSES_H */
