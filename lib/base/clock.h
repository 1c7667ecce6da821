/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.h - what time it is, or what a test says that it is.
 *
 * Units:   seconds since 1970.
 * Threads: any.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* From now on the time is what this file says, in a form that
 * timeparse_instant() reads; NULL: the machine's clock. Before any thread. */
void clock_use(const char *file);
/* Is it a test's? Then it is looked at often. */
bool clock_is_fake(void);
/* A file that cannot be read leaves the time as it was. */
int64_t clock_now(void);

#endif /* BASE_CLOCK_H */
