/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fault.h - named points at which a test makes the program die or fail.
 *
 * The environment variable TIDEMARK_FAULT="NAME[:N][:ACTION]" arms one point:
 * at the N-th passage (default 1) the process kills itself with SIGKILL
 * (ACTION "kill", the default), gets the error ACTION names ("EIO",
 * "ENOSPC"), or stops (SIGSTOP, ACTION "stop") so that a test can act
 * meanwhile. Unarmed, a point costs one predictable branch.
 *
 * Every point is listed in fault.c, so that a test can walk all of them
 * (`tidemark version --fault-points`); an unknown name is refused.
 *
 * Threads: any.
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include "base/macros.h"

/* Read TIDEMARK_FAULT. -EINVAL if it names no point. Call once, early. */
MUST_CHECK int fault_init(void);

/* 0, or the negative errno this passage must fail with. */
#define FAULT(name) (UNLIKELY(fault_armed) ? fault_hit(name) : 0)

/* The i-th point's name, NULL past the last. */
const char *fault_name(unsigned int i);

extern int fault_armed;
int fault_hit(const char *name);

#endif /* BASE_FAULT_H */
