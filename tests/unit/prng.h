/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prng.h - bytes that look random and are the same in every run.
 *
 * Source: splitmix64, Steele, Lea, Flood, OOPSLA 2014.
 */
#ifndef TESTS_UNIT_PRNG_H
#define TESTS_UNIT_PRNG_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/macros.h"

static inline uint64_t prng_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static inline void prng_fill(uint64_t seed, void *out, size_t len)
{
	uint8_t *p = out;
	uint64_t v;
	size_t n;

	for (; len; p += n, len -= n) {
		v = prng_next(&seed);
		n = MIN(len, sizeof(v));
		memcpy(p, &v, n);
	}
}

#endif /* TESTS_UNIT_PRNG_H */
