/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history.c - is this as it was?
 */
#include "vault/monitor/history.h"

#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

#define DEVIATIONS 8
#define GAPS 16 /* newest ones that make a rhythm */
#define MANY 8	/* gaps, of which the longest may be an exception */
#define HOUR 3600

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

int64_t history_median(int64_t *v, size_t n)
{
	qsort(v, n, sizeof(*v), compare);
	/* the lower of two: no sum that could overflow */
	return v[(n - 1) / 2];
}

struct history_verdict history_judge(const int64_t *before, size_t n,
				     int64_t value, unsigned int times,
				     int64_t floor)
{
	int64_t v[HISTORY_MAX];
	struct history_verdict verdict = { false, 0 };
	double median, mad;
	size_t i;

	if (n < HISTORY_MIN)
		return verdict;
	before += n - MIN(n, (size_t)HISTORY_MAX);
	n = MIN(n, (size_t)HISTORY_MAX);
	memcpy(v, before, n * sizeof(*v));
	verdict.usual = history_median(v, n);
	for (i = 0; i < n; i++)
		v[i] = llabs(before[i] - verdict.usual);
	median = (double)verdict.usual;
	mad = (double)history_median(v, n);
	verdict.is_unusual = (double)value >
				     median + DEVIATIONS * 1.4826 * mad &&
			     (double)value > times * median &&
			     (double)value >= median + (double)floor;
	return verdict;
}

int64_t history_patience(const int64_t *arrivals, size_t n)
{
	int64_t gaps[GAPS];
	size_t i, n_gaps;

	if (n < 4)
		return 0;
	n_gaps = MIN(n - 1, (size_t)GAPS);
	for (i = 0; i < n_gaps; i++)
		gaps[i] = arrivals[n - 1 - i] - arrivals[n - 2 - i];
	qsort(gaps, n_gaps, sizeof(*gaps), compare);
	i = n_gaps >= MANY ? n_gaps - 2 : n_gaps - 1;
	return MAX(gaps[i], 0) * 3 / 2 + HOUR;
}
