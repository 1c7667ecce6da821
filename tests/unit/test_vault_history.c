/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vault_history.c - what is usual for a machine, and what is not.
 */
#include "testdir.h"
#include "vault/monitor/history.h"

#define MIB (1 << 20)
#define FLOOR (64 * MIB)
#define HOUR 3600
#define DAY (24 * HOUR)

static bool is_unusual(const int64_t *before, size_t n, int64_t value)
{
	return history_judge(before, n, value, 3, FLOOR).is_unusual;
}

static void test_a_median_is_in_the_middle(void **state)
{
	int64_t odd[] = { 9, 1, 5 }, even[] = { 4, 1, 3, 2 }, one[] = { 7 };

	(void)state;
	assert_int_equal(5, history_median(odd, 3));
	assert_int_equal(2, history_median(even, 4));
	assert_int_equal(7, history_median(one, 1));
}

static void test_the_first_backup_and_wild_days_move_nothing(void **state)
{
	int64_t v[20];
	size_t i;

	(void)state;
	for (i = 0; i < 20; i++)
		v[i] = (100 + (int64_t)(i * 7 % 30)) * MIB;
	v[0] = 500000ll * MIB; /* all of it */
	v[5] = 9000ll * MIB;
	v[9] = 0;
	assert_false(is_unusual(v, 20, 140 * MIB));
	assert_false(is_unusual(v, 20, 300 * MIB));
	assert_true(is_unusual(v, 20, 2000ll * MIB));
	assert_true(is_unusual(v, 20, 100000ll * MIB));
	assert_int_equal(115, history_judge(v, 20, 0, 3, FLOOR).usual / MIB);
}

static void test_a_restless_machine_may_do_more(void **state)
{
	int64_t v[10] = { 10 * MIB,  500 * MIB, 40 * MIB,  900 * MIB, 5 * MIB,
			  700 * MIB, 20 * MIB,	600 * MIB, 300 * MIB, 80 * MIB };

	(void)state;
	assert_false(is_unusual(v, 10, 900 * MIB));
	assert_true(is_unusual(v, 10, 9000ll * MIB));
}

static void test_little_is_nothing_to_wonder_about(void **state)
{
	int64_t v[10] = { 1, 2, 1, 2, 1, 2, 1, 2, 1, 2 };

	(void)state;
	assert_false(is_unusual(v, 10, FLOOR));
	assert_true(is_unusual(v, 10, FLOOR + 2));
	/* of a machine that is hardly known nothing is said */
	assert_false(is_unusual(v, HISTORY_MIN - 1, INT64_MAX));
	assert_false(is_unusual(v, 0, INT64_MAX));
}

static void test_a_rhythm_has_weekends(void **state)
{
	int64_t v[30], t = 0;
	size_t i;

	(void)state;
	/* Monday to Friday */
	for (i = 0; i < 30; i++) {
		t += i % 5 == 0 ? 3 * DAY : DAY;
		v[i] = t + (int64_t)(i * 97 % 600);
	}
	assert_in_range(history_patience(v, 30), 4 * DAY, 5 * DAY);
}

static void test_one_holiday_is_no_rhythm(void **state)
{
	int64_t v[12];
	size_t i;

	(void)state;
	for (i = 0; i < 12; i++)
		v[i] = (int64_t)i * DAY + (i > 6 ? 20 * DAY : 0);
	assert_int_equal(DAY * 3 / 2 + HOUR, history_patience(v, 12));
	/* of few, it may be one */
	assert_int_equal(21 * DAY * 3 / 2 + HOUR, history_patience(v + 5, 4));
	assert_int_equal(0, history_patience(v, 3));
	/* a clock that went back */
	for (i = 0; i < 12; i++)
		v[i] = -(int64_t)i * DAY;
	assert_int_equal(HOUR, history_patience(v, 12));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_median_is_in_the_middle),
		cmocka_unit_test(
			test_the_first_backup_and_wild_days_move_nothing),
		cmocka_unit_test(test_a_restless_machine_may_do_more),
		cmocka_unit_test(test_little_is_nothing_to_wonder_about),
		cmocka_unit_test(test_a_rhythm_has_weekends),
		cmocka_unit_test(test_one_holiday_is_no_rhythm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
