/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history.h - is this as it was? Arithmetic alone.
 *
 * What a machine did before says what is usual for it: the median of what
 * came, and the median of how far each was from that (MAD). Neither is moved
 * by a first full backup or a few wild days, as a mean would be.
 *
 * Threads: any.
 */
#ifndef VAULT_MONITOR_HISTORY_H
#define VAULT_MONITOR_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HISTORY_MAX 64 /* values that are looked at, the newest */
#define HISTORY_MIN 7  /* with fewer nothing is known */

/* Sorts v. n > 0. */
int64_t history_median(int64_t *v, size_t n);

struct history_verdict {
	bool is_unusual;
	int64_t usual; /* the median */
};

/* Is value far above what was before: more than 8 deviations (1.4826 MAD, as
 * a normal distribution's), more than so many times the median, and at least
 * floor above it? */
struct history_verdict history_judge(const int64_t *before, size_t n,
				     int64_t value, unsigned int times,
				     int64_t floor);

/* Of arrivals, oldest first: how long after the newest the next one is
 * overdue; 0: nothing is known. Half as much again as the longest gap (of
 * many, the second longest: one holiday is none of the rhythm), and an hour. */
int64_t history_patience(const int64_t *arrivals, size_t n);

#endif /* VAULT_MONITOR_HISTORY_H */
