/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_rate.c - rates by the hours of the week, also where hours are left out
 * or come twice.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "store/rate.h"

#define REST 1000
#define K 1024ull

static void zone(const char *name)
{
	setenv("TZ", name, 1);
	tzset();
}

/* At a time of the wall, in the zone that is set. */
static uint64_t at(const struct rate_plan *p, const char *text)
{
	struct tm tm = { .tm_isdst = -1 };

	assert_non_null(strptime(text, "%Y-%m-%d %H:%M", &tm));
	return rate_plan_at(p, mktime(&tm));
}

static struct rate_plan plan(const char *text)
{
	struct rate_plan p = { .rate = REST };

	assert_int_equal(0, rate_plan_parse(text, &p));
	assert_int_equal(REST, p.rate);
	return p;
}

static void test_words_are_read(void **state)
{
	struct rate_plan p = plan("mon-fri 08:00-18:00 512K");

	(void)state;
	assert_int_equal(0x1f, p.work_days);
	assert_int_equal(480, p.from);
	assert_int_equal(1080, p.to);
	assert_int_equal(512 * K, p.work_rate);
	assert_int_equal(0x7f, plan("daily 00:00-24:00 1").work_days);
	assert_int_equal(0x71, plan(" Fri-Mon\t00:00-24:00 3g ").work_days);
	assert_int_equal(0x45, plan("mon,wed,sun 22:00-06:00 2M").work_days);
	assert_int_equal(1, plan("mon 23:59-00:00 9T").work_rate /
				    (9 * K * K * K * K));
}

static void test_what_is_no_plan_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"mon",
		"mon 08:00-18:00",
		"mon 08:00-18:00 0",
		"mon 08:00-18:00 K",
		"mon 08:00-18:00 1X",
		"mon 08:00-18:00 1K x",
		"mon 08:00-18:00 1KB",
		"mon 8:00-18:00 1K",
		"mon 08:00-08:00 1K",
		"mon 24:00-08:00 1K",
		"mon 08:60-18:00 1K",
		"mon 08:00-24:01 1K",
		"mon 08:00 18:00 1K",
		"mon- 08:00-18:00 1K",
		"mon, 08:00-18:00 1K",
		"xyz 08:00-18:00 1K",
		"mon 08:00-18:00 99999999999999999999",
		"mon 08:00-18:00 99999999T",
	};
	struct rate_plan p = { .rate = 7 }, before = p;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(-EINVAL, rate_plan_parse(bad[i], &p));
		assert_memory_equal(&before, &p, sizeof(p));
	}
}

static void test_work_hours_have_another_rate(void **state)
{
	struct rate_plan p = plan("mon-fri 08:00-18:00 5");

	(void)state;
	zone("UTC");
	assert_int_equal(REST, at(&p, "2026-03-02 07:59")); /* a Monday */
	assert_int_equal(5, at(&p, "2026-03-02 08:00"));
	assert_int_equal(5, at(&p, "2026-03-06 17:59"));
	assert_int_equal(REST, at(&p, "2026-03-06 18:00"));
	assert_int_equal(REST, at(&p, "2026-03-07 12:00"));
	assert_int_equal(REST, at(&p, "2026-03-08 12:00"));
	p = plan("daily 00:00-24:00 5");
	assert_int_equal(5, at(&p, "2026-03-08 00:00"));
	assert_int_equal(5, at(&p, "2026-03-08 23:59"));
}

static void test_hours_go_past_midnight(void **state)
{
	struct rate_plan p = plan("sun 22:00-06:00 5");

	(void)state;
	zone("UTC");
	assert_int_equal(REST, at(&p, "2026-03-01 05:00")); /* a Sunday */
	assert_int_equal(REST, at(&p, "2026-03-01 21:59"));
	assert_int_equal(5, at(&p, "2026-03-01 22:00"));
	assert_int_equal(5, at(&p, "2026-03-02 05:59"));
	assert_int_equal(REST, at(&p, "2026-03-02 06:00"));
	assert_int_equal(REST, at(&p, "2026-03-02 22:00"));
}

/* Berlin 2026: on 29 March 02:00 becomes 03:00 at 01:00 UTC; on 25 October
 * 03:00 becomes 02:00 at 01:00 UTC. */
static void test_hours_follow_daylight_saving(void **state)
{
	struct rate_plan p = plan("daily 02:00-03:00 5");
	struct rate_plan day = plan("daily 08:00-18:00 5");
	const int64_t spring = 1774746000, autumn = 1792890000;
	int64_t t;
	unsigned int n = 0;

	(void)state;
	zone("Europe/Berlin");
	for (t = spring - 7200; t < spring + 7200; t += 60)
		assert_int_equal(REST, rate_plan_at(&p, t));
	for (t = autumn - 7200; t < autumn + 7200; t += 60)
		n += rate_plan_at(&p, t) == 5;
	assert_int_equal(120, n);
	/* eight o'clock is another hour of UTC before and after */
	assert_int_equal(5, rate_plan_at(&day, spring + 5 * 3600));
	assert_int_equal(REST, rate_plan_at(&day, spring + 5 * 3600 - 1));
	assert_int_equal(REST, rate_plan_at(&day, spring - 18 * 3600 - 1));
	assert_int_equal(5, rate_plan_at(&day, spring - 18 * 3600));
}

static void test_a_plan_may_limit_nothing(void **state)
{
	struct rate_plan p = { .rate = 0 };

	(void)state;
	assert_false(rate_plan_limits(&p));
	assert_int_equal(0, rate_plan_at(&p, 0));
	p.rate = 9;
	assert_true(rate_plan_limits(&p));
	assert_int_equal(9, rate_plan_at(&p, INT64_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words_are_read),
		cmocka_unit_test(test_what_is_no_plan_is_refused),
		cmocka_unit_test(test_work_hours_have_another_rate),
		cmocka_unit_test(test_hours_go_past_midnight),
		cmocka_unit_test(test_hours_follow_daylight_saving),
		cmocka_unit_test(test_a_plan_may_limit_nothing),
	};

	return cmocka_run_group_tests_name("rates", tests, NULL, NULL);
}
