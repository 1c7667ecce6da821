/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vault_gfs.c - which points a policy keeps, day after day.
 */
#include <time.h>

#include "testdir.h"
#include "vault/retention/gfs.h"

#define DAY 86400
#define MAX_POINTS 4000

/* 7 days; Sundays for 4 weeks; the first of the month for 12 months; the last
 * of December for 10 years. */
static const struct gfs usual = {
	.days = 7,
	.rules = { { .count = 4, .weekdays = 1 },
		   { .count = 12, .days = 1u << 1 },
		   { .count = 10, .days = 1, .months = 1u << 11 } },
};

static int64_t at(int year, int month, int day, int hour)
{
	struct tm tm = { .tm_year = year - 1900,
			 .tm_mon = month - 1,
			 .tm_mday = day,
			 .tm_hour = hour };

	return timegm(&tm);
}

static unsigned int reason(const struct gfs *r, const int64_t *times, size_t n,
			   size_t i, int64_t now)
{
	static unsigned int reasons[MAX_POINTS];

	gfs_apply(r, times, n, now, reasons);
	return reasons[i];
}

static void test_daily(void **state)
{
	int64_t t[] = { at(2026, 3, 3, 22), at(2026, 3, 4, 22),
			at(2026, 3, 20, 1) };

	(void)state;
	assert_int_equal(KEEP_DAILY,
			 reason(&usual, t + 1, 2, 0, t[1] + 7 * DAY - 1) &
				 KEEP_DAILY);
	assert_int_equal(0, reason(&usual, t + 1, 2, 0, t[1] + 7 * DAY) &
				    KEEP_DAILY);
	/* whatever the policy says */
	assert_int_equal(KEEP_NEWEST,
			 reason(&usual, t, 3, 2, t[2] + 999 * DAY) &
				 KEEP_NEWEST);
}

/* 2026-03-01 was a Sunday and the first of a month. */
static void test_long_term(void **state)
{
	int64_t t[] = { at(2026, 2, 28, 22), at(2026, 3, 1, 3),
			at(2026, 3, 1, 22), at(2026, 3, 2, 22) };

	(void)state;
	assert_int_equal(KEEP_WEEKLY | KEEP_MONTHLY,
			 reason(&usual, t, 4, 1, at(2026, 3, 28, 0)));
	/* the second of that day stands for nothing */
	assert_int_equal(0, reason(&usual, t, 4, 2, at(2026, 3, 28, 0)));
	assert_int_equal(KEEP_MONTHLY,
			 reason(&usual, t, 4, 1, at(2026, 3, 29, 0)));
	assert_int_equal(KEEP_MONTHLY,
			 reason(&usual, t, 4, 1, at(2027, 2, 28, 23)));
	assert_int_equal(0, reason(&usual, t, 4, 1, at(2027, 3, 1, 0)));
}

static void test_missed_is_made_good(void **state)
{
	/* nothing on the Sunday and the first; the next one is of Tuesday */
	int64_t t[] = { at(2026, 2, 27, 22), at(2026, 3, 3, 9),
			at(2026, 3, 4, 9) };

	(void)state;
	assert_int_equal(KEEP_WEEKLY | KEEP_MONTHLY,
			 reason(&usual, t, 3, 1, at(2026, 3, 20, 0)));
	assert_int_equal(0, reason(&usual, t, 3, 1, at(2026, 3, 20, 0)) &
				    KEEP_DAILY);
}

static void test_last_days(void **state)
{
	struct gfs r = usual;
	int64_t t[] = { at(2024, 2, 28, 1), at(2024, 2, 29, 1),
			at(2024, 3, 31, 1), at(2024, 4, 2, 1) };

	(void)state;
	/* the last day of each month; February had 29 */
	r.rules[BY_MONTH].days = 1;
	assert_int_equal(KEEP_MONTHLY,
			 reason(&r, t, 4, 1, at(2024, 6, 1, 0)) & KEEP_MONTHLY);
	assert_int_equal(KEEP_MONTHLY,
			 reason(&r, t, 4, 2, at(2024, 6, 1, 0)) & KEEP_MONTHLY);
	/* the last Thursday of a month */
	r.rules[BY_MONTH] = (struct gfs_rule){ .count = 12,
					       .weekdays = 1 << 4,
					       .weeks = 16 };
	assert_int_equal(KEEP_MONTHLY,
			 reason(&r, t, 4, 1, at(2024, 6, 1, 0)) & KEEP_MONTHLY);
	assert_int_equal(0, reason(&r, t + 1, 3, 2, at(2024, 6, 1, 0)) &
				    KEEP_MONTHLY);
}

/* A point a day for ten years, looked at again and again: what is let go never
 * comes back, and the numbers are those of the policy. */
static void test_ten_years(void **state)
{
	static int64_t times[MAX_POINTS];
	static unsigned int reasons[MAX_POINTS];
	static bool gone[MAX_POINTS];
	int64_t kept[MAX_POINTS];
	size_t n = 0, i, m = 0;
	int day, dailies, weeklies, monthlies, yearlies;

	(void)state;
	for (day = 0; day < 3653; day++) {
		times[n++] = at(2020, 1, 1, 2) + (int64_t)day * DAY;
		kept[m++] = times[n - 1];
		if (day % 50 != 2 && day != 3652)
			continue;
		gfs_apply(&usual, times, n, times[n - 1], reasons);
		for (i = 0; i < n; i++) {
			assert_false(gone[i] && reasons[i]);
			gone[i] = !reasons[i];
		}
		if (day % 100 == 2) {
			/* the same from what was kept alone */
			unsigned int again[MAX_POINTS];
			size_t k = 0;

			gfs_apply(&usual, kept, m, times[n - 1], again);
			for (i = 0; i < m; i++)
				if (again[i])
					kept[k++] = kept[i];
			m = k;
			for (i = k = 0; i < n; i++)
				if (reasons[i])
					assert_int_equal(times[i], kept[k++]);
			assert_int_equal(k, m);
		}
	}
	dailies = weeklies = monthlies = yearlies = 0;
	for (i = 0; i < n; i++) {
		dailies += !!(reasons[i] & KEEP_DAILY);
		weeklies += !!(reasons[i] & KEEP_WEEKLY);
		monthlies += !!(reasons[i] & KEEP_MONTHLY);
		yearlies += !!(reasons[i] & KEEP_YEARLY);
	}
	assert_int_equal(7, dailies);
	assert_int_equal(4, weeklies);
	/* the first point stands for a month and a year before it */
	assert_int_equal(12, monthlies);
	assert_int_equal(10, yearlies);
}

static void test_limits(void **state)
{
	struct gfs r = usual;

	(void)state;
	assert_null(gfs_mistake(&r));
	assert_null(gfs_too_short(&r));
	r.days = 6;
	assert_null(gfs_mistake(&r));
	assert_non_null(gfs_too_short(&r));
	r.days = 0;
	assert_non_null(gfs_mistake(&r));
	r = usual;
	r.rules[BY_WEEK].count = 3;
	assert_non_null(gfs_too_short(&r));
	r = usual;
	r.rules[BY_MONTH].count = 2;
	assert_non_null(gfs_too_short(&r));
	r = usual;
	r.rules[BY_YEAR].months = 0;
	assert_non_null(gfs_mistake(&r));
	r = usual;
	r.rules[BY_WEEK] = r.rules[BY_MONTH] = r.rules[BY_YEAR] =
		(struct gfs_rule){ 0 };
	assert_null(gfs_mistake(&r));
	assert_int_equal(at(2026, 3, 8, 0), gfs_end(&r, at(2026, 3, 1, 0)));
	assert_int_equal(at(2035, 12, 31, 0),
			 gfs_end(&usual, at(2026, 3, 1, 0)));
}

static void test_calendar(void **state)
{
	int64_t t;

	(void)state;
	/* a rule of one day of the year is found from any other day */
	for (t = at(1970, 1, 1, 0); t < at(2400, 1, 1, 0); t += 97 * DAY) {
		time_t sec = (time_t)t;
		struct tm tm;
		struct gfs r = { .days = 7 };

		assert_non_null(gmtime_r(&sec, &tm));
		r.rules[BY_WEEK] = (struct gfs_rule){
			.count = 4, .weekdays = (uint8_t)(1 << tm.tm_wday)
		};
		r.rules[BY_YEAR] = (struct gfs_rule){
			.count = 1, .months = (uint16_t)(1 << tm.tm_mon)
		};
		if (tm.tm_mday <= 28)
			r.rules[BY_YEAR].days = 1u << tm.tm_mday;
		tm.tm_year++;
		assert_int_equal(tm.tm_mday <= 28 ? timegm(&tm) : t + 28 * DAY,
				 gfs_end(&r, t));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calendar),
		cmocka_unit_test(test_daily),
		cmocka_unit_test(test_long_term),
		cmocka_unit_test(test_missed_is_made_good),
		cmocka_unit_test(test_last_days),
		cmocka_unit_test(test_ten_years),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
