/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vectors.h - published test vectors, as NIST's CAVP and the RFC collections
 * write them: "Key = value" lines in records.
 *
 * The files come from Debian's python3-cryptography-vectors; the environment
 * variable VECTORS_DIR names another place. Anything unexpected (no file, a
 * missing key, bad hex) fails the running cmocka test.
 *
 * Memory:  what a function returns is valid until the next vectors_next().
 */
#ifndef TESTS_UNIT_VECTORS_H
#define TESTS_UNIT_VECTORS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct vectors;

/* first: the key that begins a record. What stands before the first of them
 * belongs to the first record. */
struct vectors *vectors_open(const char *name, const char *first);
void vectors_close(struct vectors *v);
/* The next record; false at the end of the file. */
bool vectors_next(struct vectors *v);

/* True too for a word alone on a line ("FAIL"). */
bool vectors_has(const struct vectors *v, const char *key);
const char *vectors_text(const struct vectors *v, const char *key);
uint64_t vectors_number(const struct vectors *v, const char *key);
/* The value decoded from hex. */
struct span vectors_hex(struct vectors *v, const char *key);

#endif /* TESTS_UNIT_VECTORS_H */
