/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cutter.h - a bad network: a relay that cuts connections.
 *
 * Relays TCP from a port of its own to another one of this machine. A limit
 * cuts one connection, the next that is made, after that many bytes.
 *
 * Helpers assert; they return only if all is well.
 */
#ifndef CUTTER_H
#define CUTTER_H

#include <stdint.h>

#define CUTTER_NEVER UINT64_MAX

struct cutter;

struct cutter *cutter_new(unsigned int port);
void cutter_free(struct cutter *c);
unsigned int cutter_port(const struct cutter *c);
/* The next connection ends after so many bytes to the server or from it; the
 * others are left alone. Present ones end now. */
void cutter_cut(struct cutter *c, uint64_t there, uint64_t back);
/* Connections that were made since the last cutter_cut(). */
unsigned int cutter_count(struct cutter *c);

#endif /* CUTTER_H */
