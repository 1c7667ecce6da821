/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_plan.c - arcs of a circle, and the bound of a rate.
 */
#include "archive/audit_plan.h"

#include <math.h>

#define CIRCLE 18446744073709551616.0 /* 2^64 */
#define DOUBT 0.05

static uint64_t mix(uint64_t x)
{
	/* the finalizer of splitmix64: every bit of x reaches every other */
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ull;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

uint64_t audit_point(uint64_t seed, struct catalog_key key)
{
	return mix(mix(seed + key.fsid * 0x9e3779b97f4a7c15ull) ^ key.ino);
}

bool audit_is_on(const struct audit_arc *arc, uint64_t point, uint64_t *behind)
{
	*behind = point - arc->from;
	return arc->all || *behind < arc->len;
}

struct audit_arc audit_arc_of(const struct audit_plan *p, double part)
{
	struct audit_arc arc = { .from = p->at };

	if (part * CIRCLE >= (double)UINT64_MAX)
		arc.all = true;
	else if (part > 0)
		arc.len = (uint64_t)(part * CIRCLE);
	return arc;
}

double audit_due(const struct audit_plan *p, int64_t now, int64_t period)
{
	double part = (double)(now - p->at_time) / (double)period;

	return part < 0 ? 0 : part > 1 ? 1 : part;
}

void audit_advance(struct audit_plan *p, const struct audit_arc *arc,
		   uint64_t behind, int64_t now, int64_t period)
{
	double part = (double)behind / CIRCLE;

	if (arc->all) {
		p->at_time = now;
		return;
	}
	p->at = arc->from + behind;
	/* Credit for what was done early would make others wait longer. */
	p->at_time += (int64_t)(part * (double)period);
	if (p->at_time > now)
		p->at_time = now;
}

struct audit_arc audit_arc_part(const struct audit_arc *arc, uint64_t i,
				uint64_t n)
{
	uint64_t step = (arc->all ? UINT64_MAX : arc->len) / n;
	struct audit_arc part = { .from = arc->from + i * step, .len = step };

	if (n == 1)
		return *arc;
	/* the last one has what the division left */
	if (i == n - 1)
		part.len = (arc->all ? 0 : arc->len) - i * step;
	return part;
}

/* --- the bound --- */

/* P(X <= k) for X binomial (n, p), summed from its last term down, which is
 * the largest where this is asked: p > k / n. */
static double at_most(uint64_t k, uint64_t n, double p)
{
	int sign;
	double all = lgamma_r((double)n + 1, &sign), sum = 0;
	uint64_t i = k + 1;

	while (i-- > 0) {
		double term =
			exp(all - lgamma_r((double)i + 1, &sign) -
			    lgamma_r((double)(n - i) + 1, &sign) +
			    (double)i * log(p) + (double)(n - i) * log1p(-p));

		sum += term;
		if (term < sum * 1e-15)
			break;
	}
	return sum;
}

double audit_bound(uint64_t missed, uint64_t n)
{
	double lo, hi = 1;
	int i;

	if (n == 0 || missed >= n)
		return 1;
	lo = (double)missed / (double)n;
	/* a double has no more digits than these */
	for (i = 0; i < 100 && hi - lo > hi * 1e-12; i++) {
		double mid = (lo + hi) / 2;

		if (at_most(missed, n, mid) > DOUBT)
			lo = mid;
		else
			hi = mid;
	}
	return hi;
}
