/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_audit.c - arcs that cover all in time, and the bound of a rate.
 *
 * The bounds were worked out by another program, with the binomial sums of
 * exact coefficients.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "archive/audit_plan.h"
#include "prng.h"

#define INODES 5000
#define DAY 86400

static struct catalog_key key_of(uint64_t i)
{
	return (struct catalog_key){ 7, 1000 + i };
}

/* One run as the verb does it; marks what it looked at. */
static unsigned int run(struct audit_plan *p, struct audit_arc arc, int64_t now,
			int64_t period, int64_t seen[INODES])
{
	unsigned int i, n = 0;
	uint64_t behind;

	for (i = 0; i < INODES; i++)
		if (audit_is_on(&arc, audit_point(p->seed, key_of(i)),
				&behind)) {
			seen[i] = now;
			n++;
		}
	audit_advance(p, &arc, arc.len, now, period);
	return n;
}

static void test_all_is_looked_at_within_the_period(void **state)
{
	static int64_t seen[INODES];
	int64_t period = 30 * DAY, start = 1700000000, now = start;
	struct audit_plan p = { 12345, 0, start - DAY };
	uint64_t rng = 1;
	unsigned int i;

	(void)state;
	memset(seen, 0, sizeof(seen));
	while (now < start + 200 * DAY) {
		run(&p, audit_arc_of(&p, audit_due(&p, now, period)), now,
		    period, seen);
		/* once all had their turn none waits longer than the period,
		 * and never longer than this run is late */
		for (i = 0; now >= start + period && i < INODES; i++)
			assert_true(now - seen[i] <= period);
		now += (int64_t)(prng_next(&rng) % (3 * DAY)) + 1;
		/* up to the next run something may wait so much longer */
		for (i = 0; now >= start + 2 * period && i < INODES; i++)
			assert_true(now - seen[i] <= period + 3 * DAY);
	}
}

static void test_a_run_after_a_long_pause_looks_at_all(void **state)
{
	static int64_t seen[INODES];
	int64_t now = 1700000000;
	struct audit_plan p = { 1, 77, now - 31 * DAY };
	struct audit_arc arc = audit_arc_of(&p, audit_due(&p, now, 30 * DAY));

	(void)state;
	assert_true(arc.all);
	assert_int_equal(run(&p, arc, now, 30 * DAY, seen), INODES);
	assert_true(audit_due(&p, now, 30 * DAY) == 0);
}

/* What was done early must not make others wait longer than the period. */
static void test_early_work_gives_no_credit(void **state)
{
	int64_t now = 1700000000;
	struct audit_plan p = { 1, 0, now };
	struct audit_arc arc = audit_arc_of(&p, 0.5);

	(void)state;
	audit_advance(&p, &arc, arc.len, now, 30 * DAY);
	assert_true(p.at_time == now);
	assert_true(p.at == arc.len);
}

static void test_a_clock_that_was_set_back_makes_nothing_due(void **state)
{
	struct audit_plan p = { 1, 0, 1700000000 };

	(void)state;
	assert_true(audit_due(&p, 1600000000, DAY) == 0);
}

static void test_a_rate_takes_its_part(void **state)
{
	static int64_t seen[INODES];
	struct audit_plan p = { 99, UINT64_MAX - 5, 0 };
	unsigned int n = 0, i;

	(void)state;
	for (i = 0; i < 10; i++) {
		unsigned int some =
			run(&p, audit_arc_of(&p, 0.1), 1, DAY, seen);

		/* binomial (5000, 0.1): sigma is 21 */
		assert_in_range(some, 400, 600);
		n += some;
	}
	/* ten tenths are all, but for what rounding leaves */
	assert_in_range(n, INODES - 1, INODES + 1);
}

static void test_parts_of_an_arc_are_the_arc(void **state)
{
	struct audit_arc arcs[] = { { 5, 1000003, false },
				    { UINT64_MAX - 9, 100, false },
				    { 123456789, 0, true } };
	unsigned int a, i;

	(void)state;
	for (a = 0; a < 3; a++) {
		uint64_t n = 7, at = arcs[a].from, sum = 0;

		for (i = 0; i < n; i++) {
			struct audit_arc p = audit_arc_part(&arcs[a], i, n);

			assert_true(p.from == at);
			assert_false(p.all);
			at += p.len;
			sum += p.len;
		}
		/* of the whole circle the sum is 2^64 */
		assert_true(sum == (arcs[a].all ? 0 : arcs[a].len));
	}
	assert_true(audit_arc_part(&arcs[2], 0, 1).all);
}

static void bound_is(uint64_t missed, uint64_t n, double want)
{
	double got = audit_bound(missed, n);

	if (fabs(got - want) > want * 1e-6)
		fail_msg("bound(%llu, %llu) is %.10g, not %.10g",
			 (unsigned long long)missed, (unsigned long long)n, got,
			 want);
}

static void test_bounds_are_those_of_exact_sums(void **state)
{
	(void)state;
	bound_is(0, 10, 0.2588655509);
	bound_is(0, 100, 0.02951304961);
	bound_is(0, 300, 0.009936081944);
	bound_is(1, 10, 0.3941633024);
	bound_is(1, 100, 0.04655981145);
	bound_is(5, 50, 0.1988330025);
	bound_is(10, 1000, 0.01690317512);
	/* the rule of three */
	assert_true(fabs(audit_bound(0, 1000000) * 1000000 - 2.9957) < 0.001);
	bound_is(3, 3, 1);
	bound_is(0, 0, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_is_looked_at_within_the_period),
		cmocka_unit_test(test_a_run_after_a_long_pause_looks_at_all),
		cmocka_unit_test(test_early_work_gives_no_credit),
		cmocka_unit_test(
			test_a_clock_that_was_set_back_makes_nothing_due),
		cmocka_unit_test(test_a_rate_takes_its_part),
		cmocka_unit_test(test_parts_of_an_arc_are_the_arc),
		cmocka_unit_test(test_bounds_are_those_of_exact_sums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
