/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_timeparse.c - instants and spans of time as people write them.
 *
 * The numbers come from date(1): TZ=Europe/Berlin date -d '...' +%s.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/timeparse.h"

#define S(seconds) ((seconds)*NSEC_PER_SEC)
#define UNTOUCHED 4711

static void zone(const char *tz)
{
	setenv("TZ", tz, 1);
	tzset();
}

struct instant_case {
	const char *text;
	int r;
	int64_t t;
};

static void check_instants(const struct instant_case *c, size_t n)
{
	int64_t t;
	size_t i;

	for (i = 0; i < n; i++) {
		t = UNTOUCHED;
		if (timeparse_instant(c[i].text, S(99), &t) != c[i].r ||
		    t != (c[i].r < 0 ? UNTOUCHED : c[i].t))
			fail_msg("'%s' gave %lld", c[i].text, (long long)t);
	}
}

static void test_rfc_3339(void **state)
{
	static const struct instant_case cases[] = {
		{ "1970-01-01T00:00:00Z", 0, 0 },
		{ "2006-01-02T15:04:05Z", 0, S(1136214245) },
		{ "2006-01-02t15:04:05z", 0, S(1136214245) },
		{ "2006-01-02 15:04:05Z", 0, S(1136214245) },
		{ "2006-01-02T15:04:05+07:00", 0, S(1136189045) },
		{ "2006-01-02T15:04:05-07:30", 0, S(1136241245) },
		{ "2006-01-02T15:04:05.5Z", 0, S(1136214245) + 500000000 },
		{ "2006-01-02T15:04:05.123456789Z", 0,
		  S(1136214245) + 123456789 },
		{ "2006-01-02T15:04:05.1234567899Z", 0,
		  S(1136214245) + 123456789 },
		{ "1969-12-31T23:59:59.25Z", 0, S(-1) + 250000000 },
		{ "2024-02-29T00:00:00Z", 0, S(1709164800) },
		{ "2262-04-11T23:47:16.854775807Z", 0, INT64_MAX },
		{ "2262-04-11T23:47:16.854775808Z", -ERANGE, 0 },
		{ "1600-01-01T00:00:00Z", -ERANGE, 0 },
		{ "9999-12-31T23:59:59Z", -ERANGE, 0 },
	};

	(void)state;
	zone("Europe/Berlin");
	check_instants(cases, ARRAY_LEN(cases));
}

static void test_local_time(void **state)
{
	static const struct instant_case cases[] = {
		{ "now", 0, S(99) },
		{ "2006-01-02 15:04:05", 0, S(1136210645) },
		{ "2006-01-02T15:04:05", 0, S(1136210645) },
		{ "2006-01-02 15:04", 0, S(1136210640) },
		{ "2006-01-02", 0, S(1136156400) },
		{ "2006-07-02", 0, S(1151791200) },
		{ "2006-01-02 15:04:05.75", 0, S(1136210645) + 750000000 },
		/* 31 March 2024: 02:00 is followed by 03:00 */
		{ "2024-03-31 01:59:59", 0, S(1711846799) },
		{ "2024-03-31 02:00:00", -EINVAL, 0 },
		{ "2024-03-31 02:30:00", -EINVAL, 0 },
		{ "2024-03-31 03:00:00", 0, S(1711846800) },
		/* 27 October 2024: 02:00 to 03:00 comes twice */
		{ "2024-10-27 01:59:59", 0, S(1729987199) },
		{ "2024-10-27 02:00:00", 0, S(1729987200) },
		{ "2024-10-27 02:30:00", 0, S(1729989000) },
		{ "2024-10-27 03:00:00", 0, S(1729994400) },
		{ "2024-12-31 23:59:59", 0, S(1735685999) },
		{ "2025-01-01 00:00:00", 0, S(1735686000) },
	};

	(void)state;
	zone("Europe/Berlin");
	check_instants(cases, ARRAY_LEN(cases));
}

static void test_odd_zones(void **state)
{
	static const struct instant_case lord_howe[] = {
		/* half an hour of summer time: 02:00 to 02:30 is skipped */
		{ "2024-10-06 02:15:00", -EINVAL, 0 },
		{ "2024-10-06 02:30:00", 0, S(1728142200) },
	};
	static const struct instant_case apia[] = {
		/* the whole 30th of December 2011 is skipped */
		{ "2011-12-29 23:59:59", 0, S(1325239199) },
		{ "2011-12-30 12:00:00", -EINVAL, 0 },
		{ "2011-12-31 00:00:00", 0, S(1325239200) },
	};

	(void)state;
	zone("Australia/Lord_Howe");
	check_instants(lord_howe, ARRAY_LEN(lord_howe));
	zone("Pacific/Apia");
	check_instants(apia, ARRAY_LEN(apia));
}

static void test_what_is_no_time_is_einval(void **state)
{
	static const char *const bad[] = {
		"",
		"yesterday",
		"now ",
		"2006",
		"2006-1-2",
		"2006-13-01",
		"2006-00-01",
		"2006-01-00",
		"2006-02-29",
		"1900-02-29",
		"2006-04-31",
		"2006-01-02 ",
		"2006-01-02x",
		"2006-01-02 15",
		"2006-01-02 15:04:",
		"2006-01-02 24:00:00",
		"2006-01-02 15:60:00",
		"2006-01-02 15:04:60",
		"2006-01-02 15:04Z",
		"2006-01-02 15:04:05.",
		"2006-01-02 15:04:05,5",
		"2006-01-02 15:04:05 Z",
		"2006-01-02T15:04:05+0700",
		"2006-01-02T15:04:05+24:00",
		"2006-01-02T15:04:05+07:60",
		"2006-01-02T15:04:05Zx",
		"-2006-01-02",
		" 2006-01-02",
	};
	struct instant_case c = { NULL, -EINVAL, 0 };
	size_t i;

	(void)state;
	zone("Europe/Berlin");
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		c.text = bad[i];
		check_instants(&c, 1);
	}
}

/* What local time says of an instant, read back, is that instant; but for
 * the second of two equal hours, which becomes the first. */
static void test_local_time_reads_back(void **state)
{
	char text[64];
	struct tm tm;
	int64_t t, back;

	(void)state;
	zone("Europe/Berlin");
	for (t = 1704063600; t < 1735686000; t += 1801) {
		time_local(S(t), &tm);
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
		assert_int_equal(timeparse_instant(text, 0, &back), 0);
		if (t >= 1729990800 && t < 1729994400)
			assert_true(back == S(t - 3600));
		else
			assert_true(back == S(t));
	}
}

static void test_local_rounds_down(void **state)
{
	struct tm tm;

	(void)state;
	zone("UTC");
	time_local(-1, &tm);
	assert_int_equal(tm.tm_sec, 59);
	assert_int_equal(tm.tm_year, 69);
	time_local(S(1) - 1, &tm);
	assert_int_equal(tm.tm_sec, 0);
}

static void test_spans(void **state)
{
	static const struct {
		const char *text;
		int r;
		struct timespan s;
	} cases[] = {
		{ "2y5m7d3h", 0, { 2, 5, 7, 3 } },
		{ "3h7d5m2y", 0, { 2, 5, 7, 3 } },
		{ "14d", 0, { 0, 0, 14, 0 } },
		{ "0h", 0, { 0, 0, 0, 0 } },
		{ "007d", 0, { 0, 0, 7, 0 } },
		{ "1000000h", 0, { 0, 0, 0, 1000000 } },
		{ "1000001h", -EINVAL, { 0 } },
		{ "99999999999999999999h", -EINVAL, { 0 } },
		{ "", -EINVAL, { 0 } },
		{ "5", -EINVAL, { 0 } },
		{ "d", -EINVAL, { 0 } },
		{ "1w", -EINVAL, { 0 } },
		{ "-1d", -EINVAL, { 0 } },
		{ "1d 2h", -EINVAL, { 0 } },
		{ "1d2d", -EINVAL, { 0 } },
		{ "0d2d", -EINVAL, { 0 } },
		{ "1.5d", -EINVAL, { 0 } },
	};
	struct timespan s;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		s = (struct timespan){ 0 };
		if (timeparse_span(cases[i].text, &s) != cases[i].r ||
		    s.years != cases[i].s.years ||
		    s.months != cases[i].s.months ||
		    s.days != cases[i].s.days || s.hours != cases[i].s.hours)
			fail_msg("'%s'", cases[i].text);
	}
	assert_true(timespan_is_zero(&(struct timespan){ 0 }));
	assert_false(timespan_is_zero(&(struct timespan){ .hours = 1 }));
}

static void test_before_goes_by_the_calendar(void **state)
{
	static const struct {
		const char *from, *span, *to;
	} cases[] = {
		{ "2024-05-31 12:00:00", "1m", "2024-05-01 12:00:00" },
		{ "2024-03-31 12:00:00", "1m", "2024-03-02 12:00:00" },
		{ "2023-03-31 12:00:00", "1m", "2023-03-03 12:00:00" },
		{ "2024-10-31 12:00:00", "1m", "2024-10-01 12:00:00" },
		{ "2024-02-29 12:00:00", "1y", "2023-03-01 12:00:00" },
		{ "2024-01-01 00:00:00", "1d", "2023-12-31 00:00:00" },
		{ "2024-01-15 10:00:00", "13m", "2022-12-15 10:00:00" },
		{ "2024-01-15 10:00:00", "1y2m3d4h", "2022-11-12 06:00:00" },
		/* a day over the change of the clocks has 23 or 25 hours */
		{ "2024-03-31 12:00:00", "1d", "2024-03-30 12:00:00" },
		{ "2024-03-31 12:00:00", "24h", "2024-03-30 11:00:00" },
		{ "2024-10-27 12:00:00", "1d", "2024-10-26 12:00:00" },
		{ "2024-10-27 12:00:00", "24h", "2024-10-26 13:00:00" },
		{ "2024-05-31 12:00:00", "0h", "2024-05-31 12:00:00" },
		{ "2024-05-31 12:00:00.5", "1d", "2024-05-30 12:00:00.5" },
	};
	struct timespan s;
	int64_t from, to;
	size_t i;

	(void)state;
	zone("Europe/Berlin");
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(timeparse_instant(cases[i].from, 0, &from), 0);
		assert_int_equal(timeparse_instant(cases[i].to, 0, &to), 0);
		assert_int_equal(timeparse_span(cases[i].span, &s), 0);
		if (timespan_before(from, &s) != to)
			fail_msg("%s before %s", cases[i].span, cases[i].from);
	}
}

static void test_before_all_time_is_the_beginning(void **state)
{
	struct timespan s = { .years = 1000000, .months = 1000000 };

	(void)state;
	assert_true(timespan_before(0, &s) == INT64_MIN);
	s = (struct timespan){ .years = 400 };
	assert_true(timespan_before(0, &s) == INT64_MIN);
	s = (struct timespan){ .hours = 1 };
	assert_true(timespan_before(INT64_MIN, &s) == INT64_MIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc_3339),
		cmocka_unit_test(test_local_time),
		cmocka_unit_test(test_odd_zones),
		cmocka_unit_test(test_what_is_no_time_is_einval),
		cmocka_unit_test(test_local_time_reads_back),
		cmocka_unit_test(test_local_rounds_down),
		cmocka_unit_test(test_spans),
		cmocka_unit_test(test_before_goes_by_the_calendar),
		cmocka_unit_test(test_before_all_time_is_the_beginning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
