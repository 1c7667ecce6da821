/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output_priv.h - the terminal, shared by output.c and progress.c only.
 */
#ifndef TOOLS_OUTPUT_PRIV_H
#define TOOLS_OUTPUT_PRIV_H

#include <pthread.h>
#include <stdbool.h>

extern pthread_mutex_t output_lock;
extern bool output_bar_shown; /* guarded by output_lock */

/* Take the bar off the terminal. The caller holds output_lock. */
void output_bar_clear(void);

#endif /* TOOLS_OUTPUT_PRIV_H */
