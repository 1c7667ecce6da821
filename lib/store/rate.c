/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rate.c - how fast a store may be, by the hours of the week.
 */
#include "store/rate.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define DAYS 7u
#define ALL_DAYS 0x7f
#define DAY_MINUTES 1440u

/* --- words --- */

static bool take_day(const char **at, unsigned int *day)
{
	static const char names[] = "montuewedthufrisatsun";
	unsigned int i;

	for (i = 0; i < DAYS; i++) {
		if (strncasecmp(*at, names + 3 * i, 3) != 0)
			continue;
		*at += 3;
		*day = i;
		return true;
	}
	return false;
}

/* "mon-fri,sun", "daily" */
static bool take_days(const char **at, uint8_t *days)
{
	unsigned int from, to;

	*days = ALL_DAYS;
	if (!strncasecmp(*at, "daily", 5)) {
		*at += 5;
		return true;
	}
	*days = 0;
	do {
		if (!take_day(at, &from))
			return false;
		to = from;
		if (**at == '-' && (++*at, !take_day(at, &to)))
			return false;
		*days |= (uint8_t)(1u << to);
		for (; from != to; from = (from + 1) % DAYS)
			*days |= (uint8_t)(1u << from);
	} while (**at == ',' && ++*at);
	return true;
}

static bool take_two_digits(const char **at, unsigned int *out)
{
	const char *p = *at;

	if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
		return false;
	*out = (unsigned int)(p[0] - '0') * 10 + (unsigned int)(p[1] - '0');
	*at += 2;
	return true;
}

/* "08:00", up to "24:00" */
static bool take_minute(const char **at, uint16_t *out)
{
	unsigned int hours, minutes;

	if (!take_two_digits(at, &hours) || *(*at)++ != ':' ||
	    !take_two_digits(at, &minutes) || minutes > 59 ||
	    hours * 60 + minutes > DAY_MINUTES)
		return false;
	*out = (uint16_t)(hours * 60 + minutes);
	return true;
}

/* "512K"; powers of 1024, as --limit-rate */
static bool take_rate(const char **at, uint64_t *out)
{
	static const char units[] = "kmgt";
	const char *unit;
	uint64_t n = 0;

	if (**at < '0' || **at > '9')
		return false;
	for (; **at >= '0' && **at <= '9'; ++*at)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(**at - '0'), &n))
			return false;
	unit = **at ? strchr(units, **at | 0x20) : NULL;
	if (unit) {
		unsigned int shift = 10 * (unsigned int)(unit - units + 1);

		if (n > UINT64_MAX >> shift)
			return false;
		n <<= shift;
		++*at;
	}
	*out = n;
	return n > 0;
}

static bool take_blanks(const char **at)
{
	size_t n = strspn(*at, " \t");

	*at += n;
	return n > 0;
}

int rate_plan_parse(const char *text, struct rate_plan *p)
{
	struct rate_plan got = *p;
	const char *at = text;

	(void)take_blanks(&at);
	if (!take_days(&at, &got.work_days) || !take_blanks(&at) ||
	    !take_minute(&at, &got.from) || *at++ != '-' ||
	    !take_minute(&at, &got.to) || !take_blanks(&at) ||
	    !take_rate(&at, &got.work_rate))
		return -EINVAL;
	(void)take_blanks(&at);
	if (*at || got.from == got.to || got.from == DAY_MINUTES)
		return -EINVAL;
	*p = got;
	return 0;
}

/* --- hours --- */

static bool has_day(const struct rate_plan *p, unsigned int day)
{
	return p->work_days & (1u << day);
}

static bool is_work(const struct rate_plan *p, const struct tm *tm)
{
	unsigned int minute = (unsigned int)(tm->tm_hour * 60 + tm->tm_min);
	unsigned int today = (unsigned int)(tm->tm_wday + 6) % DAYS;

	if (p->from < p->to)
		return has_day(p, today) && minute >= p->from && minute < p->to;
	/* past midnight it is still the day before's */
	return minute >= p->from
		       ? has_day(p, today)
		       : minute < p->to && has_day(p, (today + 6) % DAYS);
}

uint64_t rate_plan_at(const struct rate_plan *p, int64_t when)
{
	time_t t = (time_t)when;
	struct tm tm;

	/* a time that is none: the slower one */
	if (!p->work_days)
		return p->rate;
	if (!localtime_r(&t, &tm))
		return p->rate && p->rate < p->work_rate ? p->rate
							 : p->work_rate;
	return is_work(p, &tm) ? p->work_rate : p->rate;
}

bool rate_plan_limits(const struct rate_plan *p)
{
	return p->rate || p->work_days;
}
