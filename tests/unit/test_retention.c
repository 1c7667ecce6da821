/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_retention.c - which snapshots a policy keeps, and why.
 *
 * A case is a list of local times, a policy, and below each time the reasons
 * that are expected, worked out by hand.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "prng.h"
#include "repo/retention.h"

#define MANY 400

static struct retention_snapshot snaps[MANY];
static struct retention_verdict verdicts[MANY];

static void zone(const char *tz)
{
	setenv("TZ", tz, 1);
	tzset();
}

static int64_t at(const char *text)
{
	int64_t t;

	assert_int_equal(timeparse_instant(text, 0, &t), 0);
	return t;
}

static struct timespan span(const char *text)
{
	struct timespan s;

	assert_int_equal(timeparse_span(text, &s), 0);
	return s;
}

/* "daily+last": reasons are told apart by name. */
static const char *reasons_of(uint32_t reasons)
{
	static char text[256];
	const char *name;
	unsigned int i;

	*text = '\0';
	for (i = 0; i < 32; i++) {
		if (!(reasons & 1u << i))
			continue;
		name = retention_reason_name(i);
		assert_non_null(name);
		if (*text)
			strcat(text, "+");
		strcat(text, name);
	}
	return text;
}

/* Pairs of a time and the reasons to keep it, "" for none. */
static struct retention_summary expect(const struct retention_policy *p,
				       const char *const (*rows)[2], size_t n)
{
	struct retention_summary sum;
	size_t i;

	for (i = 0; i < n; i++)
		snaps[i] = (struct retention_snapshot){ .time_ns = at(
								rows[i][0]) };
	assert_int_equal(retention_apply(p, 0, snaps, n, verdicts, &sum), 0);
	for (i = 0; i < n; i++) {
		if (strcmp(reasons_of(verdicts[i].reasons), rows[i][1]) != 0)
			fail_msg("%s: '%s' not '%s'", rows[i][0],
				 reasons_of(verdicts[i].reasons), rows[i][1]);
	}
	return sum;
}

#define EXPECT(p, rows) expect(p, rows, ARRAY_LEN(rows))

static void test_the_newest_of_each_day_stays(void **state)
{
	static const char *const rows[][2] = {
		{ "2024-05-01 10:00:00", "" },
		{ "2024-05-02 00:00:00", "" },
		{ "2024-05-02 23:59:59", "daily" },
		{ "2024-05-04 00:00:00", "daily" }, /* the 3rd has none */
		{ "2024-05-05 08:00:00", "" },
		{ "2024-05-05 09:00:00", "last+daily" },
	};
	struct retention_policy p = {
		.keep = { [RETENTION_LAST] = 1, [RETENTION_DAILY] = 3 }
	};
	struct retention_summary sum;

	(void)state;
	zone("Europe/Berlin");
	sum = EXPECT(&p, rows);
	assert_int_equal(sum.groups, 1);
	assert_int_equal(sum.kept, 3);
	assert_int_equal(sum.removed, 3);
	assert_int_equal(sum.emptied, 0);
}

static void test_days_are_local(void **state)
{
	static const char *const rows[][2] = {
		{ "2024-05-01T21:30:00Z", "daily" }, /* 23:30 in Berlin */
		{ "2024-05-01T22:30:00Z", "" },	     /* 00:30 of the 2nd */
		{ "2024-05-02T21:59:59Z", "daily" },
	};
	static const char *const utc[][2] = {
		{ "2024-05-01T21:30:00Z", "" },
		{ "2024-05-01T22:30:00Z", "daily" },
		{ "2024-05-02T21:59:59Z", "daily" },
	};
	struct retention_policy p = { .keep = { [RETENTION_DAILY] = 5 } };

	(void)state;
	zone("Europe/Berlin");
	EXPECT(&p, rows);
	zone("UTC");
	EXPECT(&p, utc);
}

static void test_hours_when_the_clocks_change(void **state)
{
	static const char *const autumn[][2] = {
		{ "2024-10-26T23:30:00Z", "" },	      /* 01:30 CEST */
		{ "2024-10-27T00:10:00Z", "" },	      /* 02:10 CEST */
		{ "2024-10-27T00:50:00Z", "hourly" }, /* 02:50 CEST */
		{ "2024-10-27T01:10:00Z", "hourly" }, /* 02:10 CET */
		{ "2024-10-27T02:10:00Z", "hourly" }, /* 03:10 CET */
	};
	static const char *const spring[][2] = {
		{ "2024-03-31T00:10:00Z", "" },	      /* 01:10 CET */
		{ "2024-03-31T00:50:00Z", "hourly" }, /* 01:50 CET */
		{ "2024-03-31T01:10:00Z", "hourly" }, /* 03:10 CEST */
		{ "2024-03-31T02:10:00Z", "hourly" }, /* 04:10 CEST */
	};
	static const char *const day[][2] = {
		{ "2024-10-26T21:59:59Z", "daily" }, /* 23:59:59 CEST */
		{ "2024-10-26T22:00:00Z", "" },	     /* 00:00 CEST */
		{ "2024-10-27T22:59:59Z", "daily" }, /* 23:59:59 CET */
		{ "2024-10-27T23:00:00Z", "daily" }, /* the 28th */
	};
	struct retention_policy hours = { .keep = { [RETENTION_HOURLY] = 3 } };
	struct retention_policy days = { .keep = { [RETENTION_DAILY] = 3 } };

	(void)state;
	zone("Europe/Berlin");
	EXPECT(&hours, autumn);
	EXPECT(&hours, spring);
	EXPECT(&days, day);
}

/* 30 December 2024 is a Monday and in week 1 of 2025; 3 January 2021 is a
 * Sunday and in week 53 of 2020. */
static void test_weeks_are_iso_weeks(void **state)
{
	static const char *const w1[][2] = {
		{ "2024-12-29 23:00:00", "weekly" }, /* Sunday, 2024-W52 */
		{ "2024-12-30 01:00:00", "" },	     /* Monday, 2025-W01 */
		{ "2024-12-31 12:00:00", "" },
		{ "2025-01-05 23:59:59", "weekly" }, /* Sunday, 2025-W01 */
		{ "2025-01-06 00:00:00", "weekly" }, /* Monday, 2025-W02 */
	};
	static const char *const w53[][2] = {
		{ "2020-12-27 12:00:00", "weekly" }, /* Sunday, 2020-W52 */
		{ "2020-12-28 12:00:00", "" },	     /* Monday, 2020-W53 */
		{ "2021-01-03 12:00:00", "weekly" }, /* Sunday, 2020-W53 */
		{ "2021-01-04 12:00:00", "weekly" }, /* Monday, 2021-W01 */
	};
	static const char *const same_number[][2] = {
		{ "2023-01-04 12:00:00", "weekly" }, /* 2023-W01 */
		{ "2024-01-03 12:00:00", "weekly" }, /* 2024-W01 */
	};
	struct retention_policy p = { .keep = { [RETENTION_WEEKLY] = 9 } };

	(void)state;
	zone("Europe/Berlin");
	EXPECT(&p, w1);
	EXPECT(&p, w53);
	EXPECT(&p, same_number);
}

/* Against the week that strftime() knows, over 60 years. */
static void test_a_week_is_what_strftime_says(void **state)
{
	struct retention_policy p = { .keep = { [RETENTION_WEEKLY] = 1 } };
	char a[16], b[16];
	struct tm tm;
	int64_t day;

	(void)state;
	zone("UTC");
	for (day = 0; day < 60 * 366; day++) {
		snaps[0].time_ns = day * 86400 * NSEC_PER_SEC;
		snaps[1].time_ns = (day + 1) * 86400 * NSEC_PER_SEC;
		time_local(snaps[0].time_ns, &tm);
		strftime(a, sizeof(a), "%G-%V", &tm);
		time_local(snaps[1].time_ns, &tm);
		strftime(b, sizeof(b), "%G-%V", &tm);
		p.keep[RETENTION_WEEKLY] = 2;
		assert_int_equal(
			retention_apply(&p, 0, snaps, 2, verdicts, NULL), 0);
		assert_int_equal(verdicts[0].reasons == 0, strcmp(a, b) == 0);
	}
}

static void test_months_and_years(void **state)
{
	static const char *const rows[][2] = {
		{ "2022-12-31 23:59:59", "yearly" },
		{ "2023-01-01 00:00:00", "" },
		{ "2023-12-31 23:59:59", "monthly+yearly" },
		{ "2024-01-01 00:00:00", "" },
		{ "2024-01-31 23:00:00", "monthly" },
		{ "2024-02-01 00:00:00", "" },
		{ "2024-02-29 12:00:00", "monthly+yearly" },
	};
	static const char *const same_month[][2] = {
		{ "2023-02-10 00:00:00", "monthly" },
		{ "2024-02-10 00:00:00", "monthly" },
	};
	struct retention_policy p = {
		.keep = { [RETENTION_MONTHLY] = 3, [RETENTION_YEARLY] = 10 }
	};
	struct retention_policy m = { .keep = { [RETENTION_MONTHLY] = 3 } };

	(void)state;
	zone("Europe/Berlin");
	EXPECT(&p, rows);
	EXPECT(&m, same_month);
}

static void test_within_counts_from_the_newest(void **state)
{
	static const char *const rows[][2] = {
		{ "2010-03-31 11:59:59", "" },
		{ "2010-04-01 12:00:00", "" }, /* exactly a month is out */
		{ "2010-04-01 12:00:00.000000001", "within" },
		{ "2010-05-01 11:00:00", "within" },
		{ "2010-05-01 12:00:00", "within" },
	};
	static const char *const daily[][2] = {
		{ "2010-04-28 09:00:00", "" },
		{ "2010-04-29 09:00:00", "" }, /* older than two days */
		{ "2010-04-29 13:00:00", "within daily" },
		{ "2010-04-30 08:00:00", "" },
		{ "2010-04-30 09:00:00", "within daily" },
		{ "2010-05-01 12:00:00", "within daily" },
	};
	struct retention_policy p = { 0 }, d = { 0 };

	(void)state;
	zone("Europe/Berlin");
	p.within[RETENTION_LAST] = span("1m");
	EXPECT(&p, rows);
	d.within[RETENTION_DAILY] = span("2d");
	EXPECT(&d, daily);
}

static void test_the_oldest_stays_while_there_is_room(void **state)
{
	static const char *const room[][2] = {
		{ "2024-01-10 00:00:00", "oldest" },
		{ "2024-01-20 00:00:00", "" },
		{ "2024-01-30 00:00:00", "monthly" },
		{ "2024-02-10 00:00:00", "monthly" },
	};
	static const char *const full[][2] = {
		{ "2024-01-10 00:00:00", "" },
		{ "2024-01-30 00:00:00", "monthly" },
		{ "2024-02-10 00:00:00", "monthly" },
	};
	struct retention_policy p = { .keep = { [RETENTION_MONTHLY] = 3 },
				      .keep_oldest = true };

	(void)state;
	zone("Europe/Berlin");
	EXPECT(&p, room);
	p.keep[RETENTION_MONTHLY] = 2;
	EXPECT(&p, full);
}

static void test_unlimited(void **state)
{
	static const char *const rows[][2] = {
		{ "2001-01-01 00:00:00", "yearly" },
		{ "2002-01-01 00:00:00", "" },
		{ "2002-01-02 00:00:00", "yearly" },
		{ "2020-01-01 00:00:00", "yearly" },
	};
	struct retention_policy p = {
		.keep = { [RETENTION_YEARLY] = RETENTION_UNLIMITED },
	};

	(void)state;
	zone("Europe/Berlin");
	EXPECT(&p, rows);
}

static void test_no_policy_keeps_everything(void **state)
{
	static const char *const rows[][2] = {
		{ "2001-01-01 00:00:00", "no policy" },
		{ "2001-01-01 00:00:00", "no policy" },
	};
	struct retention_policy p = { .keep_oldest = true };

	(void)state;
	assert_true(retention_is_empty(&p));
	EXPECT(&p, rows);
	p.within[RETENTION_WEEKLY].hours = 1;
	assert_false(retention_is_empty(&p));
}

static void test_of_equal_times_the_later_one_is_newer(void **state)
{
	static const char *const rows[][2] = {
		{ "2001-01-01 00:00:00", "" },
		{ "2001-01-01 00:00:00", "" },
		{ "2001-01-01 00:00:00", "last" },
	};
	struct retention_policy p = { .keep = { [RETENTION_LAST] = 1 } };

	(void)state;
	EXPECT(&p, rows);
}

/* --- tags and groups --- */

static const char *const ab[] = { "a", "b" }, *const ba[] = { "b", "a" };
static const char *const only_a[] = { "a" }, *const none[] = { "" };

static void test_tags_keep_what_has_them_all(void **state)
{
	const struct retention_tags either[] = { { ab, 2 }, { none, 1 } };
	const struct retention_tags empty = { NULL, 0 };
	struct retention_policy p = { .tags = either, .tags_count = 2 };
	struct retention_summary sum;

	(void)state;
	snaps[0] = (struct retention_snapshot){ .tags = ba, .tag_count = 2 };
	snaps[1] =
		(struct retention_snapshot){ .tags = only_a, .tag_count = 1 };
	snaps[2] = (struct retention_snapshot){ .time_ns = 5 };
	assert_int_equal(retention_apply(&p, 0, snaps, 3, verdicts, &sum), 0);
	assert_string_equal(reasons_of(verdicts[0].reasons), "tag");
	assert_string_equal(reasons_of(verdicts[1].reasons), "");
	assert_string_equal(reasons_of(verdicts[2].reasons), "tag");
	p.tags_count = 1;
	assert_int_equal(retention_apply(&p, 0, snaps + 1, 2, verdicts, &sum),
			 0);
	assert_int_equal(sum.emptied, 1);
	assert_int_equal(sum.kept, 0);
	p.tags = &empty;
	assert_int_equal(retention_apply(&p, 0, snaps, 3, verdicts, &sum), 0);
	assert_int_equal(sum.kept, 0);
}

static void test_each_group_is_judged_alone(void **state)
{
	struct retention_policy p = { .keep = { [RETENTION_LAST] = 1 } };
	struct retention_summary sum;
	static const struct {
		unsigned int by;
		uint32_t group[5];
		bool kept[5];
	} cases[] = {
		{ 0, { 0, 0, 0, 0, 0 }, { 0, 0, 0, 0, 1 } },
		{ RETENTION_BY_HOST, { 1, 1, 0, 1, 0 }, { 0, 0, 0, 1, 1 } },
		{ RETENTION_BY_PATHS, { 1, 1, 1, 0, 1 }, { 0, 0, 0, 1, 1 } },
		{ RETENTION_BY_HOST | RETENTION_BY_PATHS,
		  { 2, 2, 0, 1, 0 },
		  { 0, 1, 0, 1, 1 } },
		{ RETENTION_BY_HOST | RETENTION_BY_PATHS | RETENTION_BY_TAGS,
		  { 3, 4, 0, 2, 1 },
		  { 1, 1, 1, 1, 1 } },
	};
	size_t c, i;

	(void)state;
	snaps[0] = (struct retention_snapshot){ 1, "h", ab, 2, NULL, 0 };
	snaps[1] = (struct retention_snapshot){ 2, "h", ba, 2, ab, 2 };
	snaps[2] = (struct retention_snapshot){ 3, "g", ab, 2, NULL, 0 };
	snaps[3] = (struct retention_snapshot){ 4, "h", only_a, 1, NULL, 0 };
	snaps[4] = (struct retention_snapshot){ 5, "g", ba, 2, ba, 2 };
	for (c = 0; c < ARRAY_LEN(cases); c++) {
		assert_int_equal(retention_apply(&p, cases[c].by, snaps, 5,
						 verdicts, &sum),
				 0);
		for (i = 0; i < 5; i++) {
			if (verdicts[i].group != cases[c].group[i] ||
			    !verdicts[i].reasons == cases[c].kept[i])
				fail_msg("case %zu, snapshot %zu", c, i);
		}
	}
}

static void test_nothing_in_nothing_out(void **state)
{
	struct retention_policy p = { .keep = { [RETENTION_LAST] = 1 } };
	struct retention_summary sum;

	(void)state;
	assert_int_equal(retention_apply(&p, 7, NULL, 0, NULL, &sum), 0);
	assert_int_equal(sum.groups + sum.kept + sum.removed, 0);
}

/* --- properties --- */

static void random_snaps(uint64_t *seed, size_t n)
{
	static const char *const hosts[] = { "a", "b" };
	size_t i;

	for (i = 0; i < n; i++) {
		snaps[i] = (struct retention_snapshot){
			.time_ns = (int64_t)(prng_next(seed) %
					     (3ull * 365 * 86400)) *
					   NSEC_PER_SEC +
				   1640991600 * NSEC_PER_SEC,
			.host = hosts[prng_next(seed) % 2],
		};
	}
}

static void random_policy(uint64_t *seed, struct retention_policy *p)
{
	int u;

	*p = (struct retention_policy){ .keep_oldest = prng_next(seed) % 2 };
	for (u = 0; u < RETENTION_UNITS; u++) {
		if (prng_next(seed) % 2)
			p->keep[u] = (int)(prng_next(seed) % 12);
		if (prng_next(seed) % 4 == 0)
			p->within[u].days =
				(unsigned int)(prng_next(seed) % 99);
	}
	p->keep[RETENTION_DAILY]++; /* never empty */
}

/* A policy that asks for more never keeps less. */
static void test_more_never_keeps_less(void **state)
{
	static struct retention_verdict before[MANY];
	struct retention_policy p;
	uint64_t seed = 3;
	size_t n, i;
	int round, u;

	(void)state;
	zone("Europe/Berlin");
	for (round = 0; round < 300; round++) {
		n = prng_next(&seed) % MANY;
		random_snaps(&seed, n);
		random_policy(&seed, &p);
		assert_int_equal(retention_apply(&p, RETENTION_BY_HOST, snaps,
						 n, before, NULL),
				 0);
		u = (int)(prng_next(&seed) % RETENTION_UNITS);
		if (prng_next(&seed) % 2)
			p.keep[u] += 1 + (int)(prng_next(&seed) % 5);
		else
			p.within[u].days += 1 + prng_next(&seed) % 30;
		assert_int_equal(retention_apply(&p, RETENTION_BY_HOST, snaps,
						 n, verdicts, NULL),
				 0);
		for (i = 0; i < n; i++)
			assert_true(!before[i].reasons || verdicts[i].reasons);
	}
}

/* The order of the array means nothing but between equals; forgetting twice
 * is forgetting once; the newest of each group always stays. */
static void test_forgetting_again_forgets_nothing(void **state)
{
	struct retention_policy p;
	struct retention_summary sum, again;
	uint64_t seed = 5;
	size_t n, i, k;
	int round;

	(void)state;
	zone("Europe/Berlin");
	for (round = 0; round < 200; round++) {
		n = 1 + prng_next(&seed) % (MANY - 1);
		random_snaps(&seed, n);
		random_policy(&seed, &p);
		assert_int_equal(retention_apply(&p, RETENTION_BY_HOST, snaps,
						 n, verdicts, &sum),
				 0);
		assert_int_equal(sum.emptied, 0);
		assert_int_equal(sum.kept + sum.removed, n);
		for (i = k = 0; i < n; i++) {
			if (verdicts[i].reasons)
				snaps[k++] = snaps[i];
		}
		assert_int_equal(k, sum.kept);
		assert_int_equal(retention_apply(&p, RETENTION_BY_HOST, snaps,
						 k, verdicts, &again),
				 0);
		assert_int_equal(again.kept, k);
	}
}

/* --- what people write --- */

static void test_groups_and_numbers_are_parsed(void **state)
{
	static const struct {
		const char *text;
		int r;
		unsigned int by;
	} groups[] = {
		{ "", 0, 0 },
		{ "host", 0, 1 },
		{ "host,paths", 0, 3 },
		{ "tags,path,host", 0, 7 },
		{ "tag", 0, 4 },
		{ "hosts", -EINVAL, 0 },
		{ "host,", -EINVAL, 0 },
		{ ",host", -EINVAL, 0 },
		{ "host paths", -EINVAL, 0 },
	};
	static const struct {
		const char *text;
		int r, keep;
	} keeps[] = {
		{ "0", 0, 0 },
		{ "7", 0, 7 },
		{ "100000000", 0, 100000000 },
		{ "unlimited", 0, -1 },
		{ "-1", 0, -1 },
		{ "-2", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ "7d", -EINVAL, 0 },
		{ " 7", -EINVAL, 0 },
		{ "99999999999", -EINVAL, 0 },
	};
	unsigned int by;
	size_t i;
	int keep;

	(void)state;
	for (i = 0; i < ARRAY_LEN(groups); i++) {
		by = 0;
		assert_int_equal(retention_parse_group(groups[i].text, &by),
				 groups[i].r);
		assert_int_equal(by, groups[i].by);
	}
	for (i = 0; i < ARRAY_LEN(keeps); i++) {
		keep = 0;
		assert_int_equal(retention_parse_keep(keeps[i].text, &keep),
				 keeps[i].r);
		assert_int_equal(keep, keeps[i].keep);
	}
}

static void test_every_reason_has_a_name(void **state)
{
	(void)state;
	assert_string_equal(retention_reason_name(RETENTION_LAST), "last");
	assert_string_equal(retention_reason_name(RETENTION_YEARLY), "yearly");
	assert_string_equal(retention_reason_name(8), "within");
	assert_string_equal(retention_reason_name(13), "within yearly");
	assert_string_equal(retention_reason_name(16), "oldest");
	assert_string_equal(retention_reason_name(18), "no policy");
	assert_null(retention_reason_name(6));
	assert_null(retention_reason_name(19));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_newest_of_each_day_stays),
		cmocka_unit_test(test_days_are_local),
		cmocka_unit_test(test_hours_when_the_clocks_change),
		cmocka_unit_test(test_weeks_are_iso_weeks),
		cmocka_unit_test(test_a_week_is_what_strftime_says),
		cmocka_unit_test(test_months_and_years),
		cmocka_unit_test(test_within_counts_from_the_newest),
		cmocka_unit_test(test_the_oldest_stays_while_there_is_room),
		cmocka_unit_test(test_unlimited),
		cmocka_unit_test(test_no_policy_keeps_everything),
		cmocka_unit_test(test_of_equal_times_the_later_one_is_newer),
		cmocka_unit_test(test_tags_keep_what_has_them_all),
		cmocka_unit_test(test_each_group_is_judged_alone),
		cmocka_unit_test(test_nothing_in_nothing_out),
		cmocka_unit_test(test_more_never_keeps_less),
		cmocka_unit_test(test_forgetting_again_forgets_nothing),
		cmocka_unit_test(test_groups_and_numbers_are_parsed),
		cmocka_unit_test(test_every_reason_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
