/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_schedule.c - when something is due, on days on which clocks change.
 *
 * The oracle knows no offsets: it reads local time minute by minute, and the
 * occurrence of a time is the first minute that shows it or more.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/timeparse.h"
#include "prng.h"
#include "schedule/schedule.h"

#define DAY_S 86400
#define WINDOW_DAYS 16
#define MINUTES (WINDOW_DAYS * 1440)
#define FOUND_MAX 40000

static uint64_t seed = 1;

static void zone(const char *tz)
{
	setenv("TZ", tz, 1);
	tzset();
}

static int64_t at(const char *text)
{
	int64_t ns;

	assert_int_equal(timeparse_instant(text, 0, &ns), 0);
	return ns / NSEC_PER_SEC;
}

static struct schedule_rule rule(const char *times, const char *days)
{
	struct schedule_rule r = SCHEDULE_RULE_INIT;
	const char *why;

	if (times)
		assert_int_equal(schedule_parse_at(times, &r, &why), 0);
	if (days)
		assert_int_equal(schedule_parse_days(days, &r, &why), 0);
	return r;
}

/* Each next occurrence after from is what the list says. */
static void check_next(const struct schedule_rule *r, const char *from,
		       const char *const *want, size_t n)
{
	int64_t t = at(from);
	size_t i;

	for (i = 0; i < n; i++) {
		int64_t o = schedule_after(r, t);

		if (o != at(want[i]))
			fail_msg("after %lld comes %lld, not %s", (long long)t,
				 (long long)o, want[i]);
		assert_true(schedule_upto(r, o, 0) == o);
		assert_true(schedule_upto(r, o - 1, t - 1) ==
			    (schedule_upto(r, t, t - 1) == t ? t : INT64_MIN));
		t = o;
	}
}

static void test_a_time_that_does_not_exist_is_the_next_that_does(void **state)
{
	struct schedule_rule r = rule("02:30", NULL);
	struct schedule_rule two = rule("02:10,02:50,03:00", NULL);
	static const char *const days[] = { "2026-03-28 02:30",
					    "2026-03-29 03:00",
					    "2026-03-30 02:30" };
	static const char *const once[] = { "2026-03-28 03:00",
					    "2026-03-29 03:00",
					    "2026-03-30 02:10" };
	static const char *const gone[] = { "2011-12-29 12:00",
					    "2011-12-31 00:00",
					    "2011-12-31 12:00" };

	(void)state;
	zone("Europe/Berlin");
	check_next(&r, "2026-03-28 00:00", days, 3);
	check_next(&two, "2026-03-28 02:50", once, 3);
	/* a whole day was left out */
	zone("Pacific/Apia");
	r = rule("12:00", NULL);
	check_next(&r, "2011-12-29 00:00", gone, 3);
}

static void test_a_time_that_exists_twice_is_due_once(void **state)
{
	struct schedule_rule r = rule("02:30", NULL);
	static const char *const days[] = {
		"2026-10-24 02:30",
		"2026-10-25T02:30:00+02:00",
		"2026-10-26 02:30",
	};

	(void)state;
	zone("Europe/Berlin");
	check_next(&r, "2026-10-24 00:00", days, 3);
}

static void test_every_two_weeks_goes_on_over_the_year(void **state)
{
	struct schedule_rule r = rule("06:00", "mon,thu");
	static const char *const want[] = {
		"2026-12-14 06:00", "2026-12-17 06:00", "2026-12-28 06:00",
		"2026-12-31 06:00", "2027-01-11 06:00",
	};
	const char *why;

	(void)state;
	zone("Europe/Berlin");
	/* a Wednesday: the Monday of its week is before the first day */
	r.every_weeks = 2;
	assert_int_equal(schedule_parse_day("2026-12-02", &r.starting, &why),
			 0);
	assert_true(schedule_after(&r, at("2026-01-01")) ==
		    at("2026-12-03 06:00"));
	check_next(&r, "2026-12-04", want, 5);
}

static void test_intervals_neither_stop_nor_double_at_a_change(void **state)
{
	struct schedule_rule r = SCHEDULE_RULE_INIT;
	int64_t t, end;

	(void)state;
	zone("Europe/Berlin");
	r.every_s = 900;
	end = at("2026-10-26");
	for (t = at("2026-10-24"); t < end; t += 900)
		assert_true(schedule_after(&r, t) == t + 900);
	assert_int_equal(schedule_count(&r, at("2026-10-25"), end, 1000),
			 25 * 4);
	assert_int_equal(schedule_count(&r, at("2026-03-29"), at("2026-03-30"),
					1000),
			 23 * 4);
}

static void test_a_midnight_that_is_shown_twice_stops_no_interval(void **state)
{
	struct schedule_rule r = rule(NULL, "mon");

	(void)state;
	/* at 00:01 on Sunday it was 23:01 on Saturday again */
	zone("America/St_Johns");
	r.every_s = 3600;
	assert_true(schedule_after(&r, at("2010-11-06 22:00")) ==
		    at("2010-11-08 00:30"));
	r = rule(NULL, "sat");
	r.every_s = 3600;
	assert_true(schedule_upto(&r, at("2010-11-07 12:00"), 0) ==
		    at("2010-11-07T03:00:00Z"));
}

static void test_a_day_that_never_comes_is_never(void **state)
{
	struct schedule_rule r = rule("06:00", NULL);

	(void)state;
	zone("UTC");
	r.starting = 200 * 365;
	assert_true(schedule_after(&r, 0) == SCHEDULE_NEVER);
	assert_true(schedule_upto(&r, 86400, 0) == INT64_MIN);
}

/* --- the oracle --- */

static int64_t shown[MINUTES];	 /* local time of each minute */
static int64_t found[FOUND_MAX]; /* occurrences, ascending */
static size_t n_found;
static int64_t window;

static void read_window(int64_t from)
{
	int i;

	window = from - from % 60;
	for (i = 0; i < MINUTES; i++) {
		time_t t = (time_t)(window + i * 60);
		struct tm tm;

		localtime_r(&t, &tm);
		tm.tm_isdst = 0;
		shown[i] = timegm(&tm);
	}
}

static bool day_counts(const struct schedule_rule *r, int64_t day)
{
	time_t t = (time_t)(day * DAY_S);
	struct tm tm;
	int64_t monday, first;

	gmtime_r(&t, &tm);
	if (r->days && !(r->days & (1 << (tm.tm_wday + 6) % 7)))
		return false;
	if (r->starting == INT64_MIN)
		return true;
	t = (time_t)(r->starting * DAY_S);
	monday = day - (tm.tm_wday + 6) % 7;
	gmtime_r(&t, &tm);
	first = r->starting - (tm.tm_wday + 6) % 7;
	return day >= r->starting &&
	       (r->every_weeks < 2 ||
		(monday - first) / 7 % r->every_weeks == 0);
}

static void add_found(int64_t t)
{
	assert_true(n_found < FOUND_MAX);
	if (n_found == 0 || found[n_found - 1] < t)
		found[n_found++] = t;
}

static void oracle(const struct schedule_rule *r)
{
	int64_t day, last = shown[MINUTES - 1] / DAY_S;
	size_t i;
	int m = 0;

	n_found = 0;
	for (m = 0; r->every_s && m < MINUTES; m++)
		if ((window + m * 60) % r->every_s == 0 &&
		    day_counts(r, shown[m] / DAY_S))
			add_found(window + m * 60);
	if (r->every_s)
		return;
	for (day = shown[0] / DAY_S + 1; day < last; day++)
		for (i = 0; day_counts(r, day) && i < r->n_at; i++) {
			int64_t want = day * DAY_S + r->at[i] * 60;

			for (m = 0; m < MINUTES && shown[m] < want; m++)
				;
			if (m < MINUTES)
				add_found(window + m * 60);
		}
}

static unsigned int below(unsigned int n)
{
	return (unsigned int)(prng_next(&seed) % n);
}

static struct schedule_rule random_rule(void)
{
	static const uint32_t every[] = { 60,	120,  300,   900,  1200,
					  3600, 7200, 21600, 86400 };
	struct schedule_rule r = SCHEDULE_RULE_INIT;
	char text[8];
	const char *why;
	unsigned int i;

	if (below(4) == 0)
		r.every_s = every[below(ARRAY_LEN(every))];
	for (i = r.every_s ? 0 : 1 + below(4); i > 0; i--) {
		/* the hours in which clocks change, most of all */
		snprintf(text, sizeof(text), "%02u:%02u",
			 below(2) ? below(4) : below(24), below(60));
		assert_int_equal(schedule_parse_at(text, &r, &why), 0);
	}
	r.days = below(2) ? (uint8_t)below(128) : 0;
	if (below(2)) {
		r.starting = window / DAY_S + below(8) - 4;
		r.every_weeks = below(4);
	}
	return r;
}

static void check_rule(const struct schedule_rule *r)
{
	/* three days at the edges are not for sure in the oracle's list */
	int64_t first = window + 3 * DAY_S;
	int64_t last = window + (WINDOW_DAYS - 3) * (int64_t)DAY_S;
	size_t i, k, n;
	int try;

	oracle(r);
	for (try = 0; try < 30; try++) {
		int64_t t = first + below((unsigned int)(last - first)), want;

		for (i = 0; i < n_found && found[i] <= t; i++)
			;
		if (below(3) == 0 && i > 0 && found[i - 1] > first)
			t = found[i - 1]; /* just on one */
		want = i < n_found ? found[i] : SCHEDULE_NEVER;
		if (want < last && schedule_after(r, t) != want)
			fail_msg("%s: after %lld comes %lld, not %lld",
				 getenv("TZ"), (long long)t,
				 (long long)schedule_after(r, t),
				 (long long)want);
		want = i > 0 && found[i - 1] > first ? found[i - 1] : INT64_MIN;
		if (schedule_upto(r, t, first) != want)
			fail_msg("%s: up to %lld is %lld, not %lld",
				 getenv("TZ"), (long long)t,
				 (long long)schedule_upto(r, t, first),
				 (long long)want);
		for (k = i, n = 0; k < n_found && found[k] <= last; k++)
			n++;
		assert_int_equal(schedule_count(r, t, last, 50),
				 MIN(n, (size_t)50));
	}
}

static void test_random_rules_are_as_a_minute_by_minute_look(void **state)
{
	static const struct {
		const char *zone, *day; /* of a change */
	} places[] = {
		{ "UTC", "2026-12-31 12:00" },
		{ "Europe/Berlin", "2026-03-29 12:00" },
		{ "Europe/Berlin", "2026-10-25 12:00" },
		{ "Europe/Berlin", "2020-12-31 12:00" },
		{ "Australia/Lord_Howe", "2024-10-06 12:00" },
		{ "Australia/Lord_Howe", "2024-04-07 12:00" },
		{ "Pacific/Apia", "2011-12-29 12:00" },
		{ "America/New_York", "2026-11-01 12:00" },
		{ "America/Sao_Paulo", "2018-11-04 12:00" }, /* at midnight */
		{ "America/Sao_Paulo", "2018-02-18 12:00" },
		{ "Africa/Casablanca", "2026-02-15 12:00" },
		{ "Asia/Kathmandu", "2026-01-01 12:00" },
		{ "America/St_Johns", "2010-11-07 12:00" }, /* at one past */
	};
	size_t i;
	int k;

	(void)state;
	for (i = 0; i < ARRAY_LEN(places); i++) {
		zone(places[i].zone);
		read_window(at(places[i].day) - 7 * DAY_S);
		for (k = 0; k < 60; k++) {
			struct schedule_rule r = random_rule();

			check_rule(&r);
		}
	}
}

/* --- what is due --- */

/* A clock that only goes forward, in steps of any length: everything is run
 * or stood for, once, in order. */
static void test_nothing_is_lost_and_nothing_runs_twice(void **state)
{
	int k, i;

	(void)state;
	zone("Europe/Berlin");
	read_window(at("2026-10-20"));
	for (k = 0; k < 500; k++) {
		struct schedule_rule r = random_rule();
		int64_t now = at("2026-10-20") + below(100000), handled = now;
		int64_t begin = now, last = now;
		unsigned int sum = 0;

		r.delay_s = below(2) ? below(600) : 0;
		for (i = 0; i < 60; i++) {
			struct schedule_look l;

			now += below(10) ? below(1800) : below(90000);
			schedule_look_at(&r, 7, now, &handled, &l);
			assert_false(l.set_back);
			assert_true(l.next > now);
			if (!l.is_due || l.start > now)
				continue;
			assert_true(l.occurrence > last);
			assert_true(l.occurrence <= now);
			last = handled = l.occurrence;
			sum += l.skipped + 1;
		}
		assert_int_equal(sum, schedule_count(&r, begin, last, 100000));
	}
}

static void test_missed_ones_are_one(void **state)
{
	struct schedule_rule r = rule("06:00", NULL);
	struct schedule_look l;
	int64_t handled;

	(void)state;
	zone("Europe/Berlin");
	handled = at("2026-10-20 06:00");
	schedule_look_at(&r, 0, at("2026-10-26 05:00"), &handled, &l);
	assert_true(l.is_due && l.is_late);
	assert_int_equal(l.skipped, 4);
	assert_true(l.occurrence == at("2026-10-25 06:00"));
	assert_true(l.start == at("2026-10-26 05:00"));
	assert_true(l.next == at("2026-10-26 06:00"));
	handled = l.occurrence;
	schedule_look_at(&r, 0, at("2026-10-26 05:01"), &handled, &l);
	assert_false(l.is_due);
	/* in time, or nearly so */
	schedule_look_at(&r, 0, at("2026-10-26 06:05"), &handled, &l);
	assert_true(l.is_due && !l.is_late && l.skipped == 0);
	schedule_look_at(&r, 0, at("2026-10-26 06:06"), &handled, &l);
	assert_true(l.is_due && l.is_late);
}

static void test_a_clock_set_back_repeats_nothing(void **state)
{
	struct schedule_rule r = rule("06:00,18:00", NULL);
	struct schedule_look l;
	int64_t handled;

	(void)state;
	zone("UTC");
	handled = at("2026-05-01 18:00");
	schedule_look_at(&r, 0, at("2026-05-01 09:00"), &handled, &l);
	assert_false(l.is_due || l.set_back);
	assert_true(l.next == at("2026-05-02 06:00"));
	schedule_look_at(&r, 0, at("2026-05-01 18:30"), &handled, &l);
	assert_false(l.is_due || l.set_back);
	assert_true(handled == at("2026-05-01 18:00"));
}

static void test_a_clock_set_far_back_does_not_stop_the_runs(void **state)
{
	struct schedule_rule r = rule("06:00", NULL);
	struct schedule_look l;
	int64_t handled;

	(void)state;
	zone("UTC");
	/* the year was wrong when the last one ran */
	handled = at("2036-05-01 06:00");
	schedule_look_at(&r, 0, at("2026-05-01 09:00"), &handled, &l);
	assert_true(l.set_back && !l.is_due);
	assert_true(l.next == at("2026-05-02 06:00"));
	schedule_look_at(&r, 0, at("2026-05-02 06:00"), &handled, &l);
	assert_true(l.is_due && !l.is_late && !l.set_back);
	/* a quarter of an hour is soon lost */
	r = SCHEDULE_RULE_INIT;
	r.every_s = 900;
	handled = at("2026-05-01 12:00");
	schedule_look_at(&r, 0, at("2026-05-01 11:00"), &handled, &l);
	assert_true(l.set_back);
	assert_true(l.next == at("2026-05-01 11:15"));
}

static void test_delays_are_spread_and_bounded(void **state)
{
	struct schedule_rule r = rule("06:00", NULL);
	struct schedule_look l;
	unsigned int early = 0;
	uint64_t machine;
	int64_t handled;

	(void)state;
	zone("UTC");
	r.delay_s = 600;
	for (machine = 0; machine < 1000; machine++) {
		uint32_t d = schedule_delay(&r, machine, 1800000000);

		assert_true(d <= 600);
		assert_int_equal(d, schedule_delay(&r, machine, 1800000000));
		early += d < 300;
	}
	assert_in_range(early, 400, 600);
	/* also when it was missed */
	handled = at("2026-05-01 06:00");
	schedule_look_at(&r, 5, at("2026-05-03 00:00"), &handled, &l);
	assert_true(l.is_late);
	assert_in_range(l.start, at("2026-05-03 00:00"),
			at("2026-05-03 00:10"));
	/* and before it begins it is not late */
	r.delay_s = 7200;
	handled = at("2026-05-02 06:00");
	schedule_look_at(&r, 5, at("2026-05-03 06:00"), &handled, &l);
	schedule_look_at(&r, 5, l.start, &handled, &l);
	assert_true(l.is_due && !l.is_late);
}

/* --- words --- */

static void test_what_is_no_rule_is_einval(void **state)
{
	static const char *const times[] = { "",      "6",	"24:00",
					     "06:60", "06:00,", "06:00 18:00",
					     "6:0",   "006:00", "-1:00",
					     "06:00;" };
	static const char *const days[] = { "",	       "m", "mond", "mon,",
					    "mon tue", "1", "mon-", "-tue" };
	static const char *const dates[] = {
		"",	    "2026-02-30", "2026-13-01",	 "2026-00-01",
		"2026-1-1", "1969-12-31", "2026-01-01x", "31.12.2026"
	};
	static const char *const spans[] = { "",    "5",    "m",
					     "5x",  "5m5h", "5m5m",
					     "-5m", "5 m",  "9999w" };
	struct schedule_rule r = SCHEDULE_RULE_INIT;
	uint32_t seconds = 99;
	const char *why;
	int64_t day;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(times); i++)
		if (schedule_parse_at(times[i], &r, &why) != -EINVAL)
			fail_msg("'%s'", times[i]);
	for (i = 0; i < ARRAY_LEN(days); i++)
		if (schedule_parse_days(days[i], &r, &why) != -EINVAL)
			fail_msg("'%s'", days[i]);
	for (i = 0; i < ARRAY_LEN(dates); i++)
		if (schedule_parse_day(dates[i], &day, &why) != -EINVAL)
			fail_msg("'%s'", dates[i]);
	for (i = 0; i < ARRAY_LEN(spans); i++)
		if (schedule_parse_duration(spans[i], &seconds, &why) !=
		    -EINVAL)
			fail_msg("'%s'", spans[i]);
	assert_int_equal(r.n_at, 0);
	assert_int_equal(r.days, 0);
	assert_int_equal(seconds, 99);
}

static void test_rules_in_words(void **state)
{
	struct schedule_rule r = rule("18:30, 6:00,06:00", "Fri-Mon,wednesday");
	uint32_t seconds;
	const char *why;
	char out[200];

	(void)state;
	assert_string_equal(schedule_words(&r, out, sizeof(out)),
			    "06:00, 18:30 on mon, wed, fri, sat, sun");
	r = SCHEDULE_RULE_INIT;
	assert_int_equal(schedule_parse_duration("1h30m", &r.every_s, &why), 0);
	r.every_weeks = 2;
	assert_string_equal(schedule_words(&r, out, sizeof(out)),
			    "every 90m, every 2 weeks");
	assert_int_equal(schedule_parse_duration("1w", &seconds, &why), 0);
	assert_int_equal(seconds, 604800);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_a_time_that_does_not_exist_is_the_next_that_does),
		cmocka_unit_test(test_a_time_that_exists_twice_is_due_once),
		cmocka_unit_test(test_every_two_weeks_goes_on_over_the_year),
		cmocka_unit_test(
			test_intervals_neither_stop_nor_double_at_a_change),
		cmocka_unit_test(
			test_a_midnight_that_is_shown_twice_stops_no_interval),
		cmocka_unit_test(test_a_day_that_never_comes_is_never),
		cmocka_unit_test(
			test_random_rules_are_as_a_minute_by_minute_look),
		cmocka_unit_test(test_nothing_is_lost_and_nothing_runs_twice),
		cmocka_unit_test(test_missed_ones_are_one),
		cmocka_unit_test(test_a_clock_set_back_repeats_nothing),
		cmocka_unit_test(
			test_a_clock_set_far_back_does_not_stop_the_runs),
		cmocka_unit_test(test_delays_are_spread_and_bounded),
		cmocka_unit_test(test_what_is_no_rule_is_einval),
		cmocka_unit_test(test_rules_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
