/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gfs.c - which recovery points a policy keeps.
 */
#include "vault/retention/gfs.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#define DAY 86400
/* A rule's dates are at most so far apart: one weekday of one week of one
 * month. */
#define DAYS_BACK 380

/* Azure's own, with its security features on. */
static const unsigned int least[3] = { 4, 3, 1 };
#define LEAST_DAYS 7

struct date {
	int year, month, day, weekday; /* as struct tm has them */
};

static int64_t day_of(int64_t t)
{
	return t >= 0 ? t / DAY : -((-t + DAY - 1) / DAY);
}

/* Days of the proleptic Gregorian calendar, counted from 0000-03-01 in eras of
 * 400 years: a leap day is then the last of its year. */
static struct date date_of(int64_t day)
{
	int64_t n = day + 719468, era = (n >= 0 ? n : n - 146096) / 146097;
	int64_t of_era = n - era * 146097;
	int64_t year =
		(of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) /
		365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * of_year + 2) / 153; /* from March */

	return (struct date){
		.year = (int)(year + era * 400 + (month >= 10) - 1900),
		.month = (int)(month < 10 ? month + 2 : month - 10),
		.day = (int)(of_year - (153 * month + 2) / 5 + 1),
		.weekday = (int)(((day % 7) + 11) % 7),
	};
}

static int64_t time_of(int year, int month, int day)
{
	struct tm tm = { .tm_year = year, .tm_mon = month, .tm_mday = day };

	return timegm(&tm);
}

static int last_day(const struct date *d)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30,
				    31, 31, 30, 31, 30, 31 };
	int year = d->year + 1900;

	return days[d->month] + (d->month == 1 && year % 4 == 0 &&
				 (year % 100 != 0 || year % 400 == 0));
}

static bool fits(const struct gfs_rule *r, const struct date *d)
{
	bool is_last = d->day == last_day(d);

	if (r->months && !(r->months & 1u << d->month))
		return false;
	if (r->days)
		return (d->day <= 28 && (r->days & 1u << d->day)) ||
		       ((r->days & 1) && is_last);
	if (!(r->weekdays & 1u << d->weekday))
		return false;
	if (!r->weeks)
		return true;
	return ((r->weeks & 16) && d->day > last_day(d) - 7) ||
	       (d->day <= 28 && (r->weeks & 1u << (d->day - 1) / 7));
}

/* The latest date of the rule up to t, as the second that it begins; false:
 * it has none. */
static bool latest(const struct gfs_rule *r, int64_t t, int64_t *begin)
{
	int64_t day = day_of(t), end = day - DAYS_BACK;

	for (; day > end; day--) {
		struct date d = date_of(day);

		if (fits(r, &d)) {
			*begin = day * DAY;
			return true;
		}
	}
	return false;
}

static int64_t rule_end(enum gfs_unit unit, unsigned int count, int64_t begin)
{
	struct date d = date_of(day_of(begin));
	int n = (int)count;

	switch (unit) {
	case BY_WEEK:
		return begin + (int64_t)count * 7 * DAY;
	case BY_MONTH:
		return time_of(d.year, d.month + n, d.day);
	default:
		return time_of(d.year + n, d.month, d.day);
	}
}

void gfs_apply(const struct gfs *r, const int64_t *times, size_t n, int64_t now,
	       unsigned int *reasons)
{
	int64_t begin;
	size_t i;
	unsigned int u;

	for (i = 0; i < n; i++) {
		reasons[i] = i == n - 1 ? KEEP_NEWEST : 0;
		if (now < times[i] + (int64_t)r->days * DAY)
			reasons[i] |= KEEP_DAILY;
		for (u = BY_WEEK; u <= BY_YEAR; u++)
			if (r->rules[u].count &&
			    latest(&r->rules[u], times[i], &begin) &&
			    (i == 0 || times[i - 1] < begin) &&
			    now < rule_end(u, r->rules[u].count, begin))
				reasons[i] |= KEEP_WEEKLY << u;
	}
}

int64_t gfs_end(const struct gfs *r, int64_t time)
{
	int64_t end = time + (int64_t)r->days * DAY, begin;
	unsigned int u;

	for (u = BY_WEEK; u <= BY_YEAR; u++)
		if (r->rules[u].count && latest(&r->rules[u], time, &begin))
			end = MAX(end, rule_end(u, r->rules[u].count, begin));
	return end;
}

const char *gfs_mistake(const struct gfs *r)
{
	unsigned int u;

	if (r->days < 1)
		return "daily points are kept for a day at least";
	if (r->days > GFS_POINTS_MAX)
		return "daily points are kept for 9999 days at most";
	for (u = BY_WEEK; u <= BY_YEAR; u++) {
		const struct gfs_rule *one = &r->rules[u];

		if (!one->count)
			continue;
		if (one->count > (u == BY_YEAR ? 99u : 5163u))
			return "nothing is kept for more than 99 years";
		if (!one->days && !one->weekdays)
			return "a rule names days of the month or weekdays";
		if (u == BY_YEAR && !one->months)
			return "a yearly rule names months";
	}
	return NULL;
}

const char *gfs_too_short(const struct gfs *r)
{
	static const char *const few[] = { "weekly points are kept for 4 weeks "
					   "at least",
					   "monthly points are kept for 3 "
					   "months at least",
					   "yearly points are kept for a year "
					   "at least" };
	unsigned int u;

	if (r->days < LEAST_DAYS)
		return "daily points are kept for 7 days at least";
	for (u = BY_WEEK; u <= BY_YEAR; u++)
		if (r->rules[u].count && r->rules[u].count < least[u])
			return few[u];
	return NULL;
}

/* Has b all that a has? */
static bool has_all(uint32_t a, uint32_t b)
{
	return (a & ~b) == 0;
}

/* A point stands for the latest date before it: with more dates it still
 * stands for one, not an earlier one. So what has all dates of another rule
 * keeps all that it keeps. */
static bool rule_lowers(const struct gfs_rule *from, const struct gfs_rule *to)
{
	if (!from->count)
		return false;
	if (to->count < from->count)
		return true;
	/* a month from the 31st on ends after one from the 1st of the next */
	if (((from->days & 1) || (from->weeks & 16)) &&
	    (from->days != to->days || from->weekdays != to->weekdays ||
	     from->weeks != to->weeks || from->months != to->months))
		return true;
	if (to->months && (!from->months || !has_all(from->months, to->months)))
		return true;
	if (from->days)
		return !has_all(from->days, to->days);
	if (to->days || !has_all(from->weekdays, to->weekdays))
		return true;
	return to->weeks && (!from->weeks || !has_all(from->weeks, to->weeks));
}

bool gfs_lowers(const struct gfs *from, const struct gfs *to)
{
	bool lowers = to->days < from->days;
	unsigned int u;

	for (u = BY_WEEK; u <= BY_YEAR; u++)
		lowers = lowers || rule_lowers(&from->rules[u], &to->rules[u]);
	return lowers;
}
