/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timeparse.c - instants and spans of time as people write them.
 *
 * mktime() quietly moves an hour that a change of the clocks skips, and
 * leaves open which of two equal ones it means. So local time is found by
 * trial: the offsets in force a day before and a day after are the only ones
 * it can have, and an instant counts if it reads back as what was written.
 */
#include "base/timeparse.h"

#include <errno.h>
#include <string.h>

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

void time_local(int64_t t, struct tm *out)
{
	time_t s = (time_t)floor_div(t, NSEC_PER_SEC);

	localtime_r(&s, out);
}

/* Exactly n digits. */
static int digits(const char **s, int n, int *out)
{
	int v = 0, i;

	for (i = 0; i < n; i++) {
		if ((*s)[i] < '0' || (*s)[i] > '9')
			return -EINVAL;
		v = 10 * v + ((*s)[i] - '0');
	}
	*s += n;
	*out = v;
	return 0;
}

static bool accept(const char **s, const char *any)
{
	if (**s == '\0' || !strchr(any, **s))
		return false;
	(*s)++;
	return true;
}

static int days_in(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30,
				    31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

static int parse_date(const char **s, struct tm *tm)
{
	int y, m, d;

	if (digits(s, 4, &y) < 0 || !accept(s, "-") || digits(s, 2, &m) < 0 ||
	    !accept(s, "-") || digits(s, 2, &d) < 0)
		return -EINVAL;
	if (m < 1 || m > 12 || d < 1 || d > days_in(y, m))
		return -EINVAL;
	tm->tm_year = y - 1900;
	tm->tm_mon = m - 1;
	tm->tm_mday = d;
	return 0;
}

/* hh:mm or hh:mm:ss; *seconds tells which. */
static int parse_clock(const char **s, struct tm *tm, bool *seconds)
{
	if (digits(s, 2, &tm->tm_hour) < 0 || !accept(s, ":") ||
	    digits(s, 2, &tm->tm_min) < 0)
		return -EINVAL;
	*seconds = accept(s, ":");
	if (*seconds && digits(s, 2, &tm->tm_sec) < 0)
		return -EINVAL;
	if (tm->tm_hour > 23 || tm->tm_min > 59 || tm->tm_sec > 59)
		return -EINVAL;
	return 0;
}

/* ".5": further digits than nanoseconds have are dropped. */
static int parse_fraction(const char **s, int64_t *ns)
{
	int64_t unit = NSEC_PER_SEC;
	int d;

	*ns = 0;
	if (!accept(s, "."))
		return 0;
	if (**s < '0' || **s > '9')
		return -EINVAL;
	while (digits(s, 1, &d) == 0) {
		unit /= 10;
		*ns += d * unit;
	}
	return 0;
}

static int parse_zone(const char **s, int64_t *seconds)
{
	bool west = **s == '-';
	int h, m;

	*seconds = 0;
	if (accept(s, "Zz"))
		return 0;
	if (!accept(s, "+-") || digits(s, 2, &h) < 0 || !accept(s, ":") ||
	    digits(s, 2, &m) < 0 || h > 23 || m > 59)
		return -EINVAL;
	*seconds = (west ? -1 : 1) * (h * 3600 + m * 60);
	return 0;
}

static bool reads_as(time_t t, const struct tm *want)
{
	struct tm tm;

	return localtime_r(&t, &tm) && tm.tm_year == want->tm_year &&
	       tm.tm_mon == want->tm_mon && tm.tm_mday == want->tm_mday &&
	       tm.tm_hour == want->tm_hour && tm.tm_min == want->tm_min &&
	       tm.tm_sec == want->tm_sec;
}

/* The first instant that local clocks show as tm. */
static int from_local(const struct tm *tm, int64_t *seconds)
{
	struct tm copy = *tm, near;
	time_t utc = timegm(&copy), t, probe;
	bool found = false;
	int day;

	for (day = -1; day <= 1; day++) {
		probe = utc + day * 86400;
		if (!localtime_r(&probe, &near))
			return -EINVAL;
		t = utc - near.tm_gmtoff;
		if (reads_as(t, tm) && (!found || t < *seconds)) {
			*seconds = t;
			found = true;
		}
	}
	return found ? 0 : -EINVAL;
}

/* In 128 bits, as the product alone may pass the limit that the sum keeps. */
static int combine(int64_t seconds, int64_t ns, int64_t *out)
{
	__int128 t = (__int128)seconds * NSEC_PER_SEC + ns;

	if (t < INT64_MIN || t > INT64_MAX)
		return -ERANGE;
	*out = (int64_t)t;
	return 0;
}

int timeparse_instant(const char *text, int64_t now, int64_t *out)
{
	int64_t zone, ns = 0, seconds = 0;
	struct tm tm = { 0 };
	const char *s = text;
	bool full = false;
	int r;

	if (strcmp(s, "now") == 0) {
		*out = now;
		return 0;
	}
	if (parse_date(&s, &tm) < 0)
		return -EINVAL;
	if (*s && (!accept(&s, " Tt") || parse_clock(&s, &tm, &full) < 0))
		return -EINVAL;
	if (full && parse_fraction(&s, &ns) < 0)
		return -EINVAL;
	if (full && *s) {
		if (parse_zone(&s, &zone) < 0)
			return -EINVAL;
		seconds = timegm(&tm) - zone;
		r = 0;
	} else {
		r = from_local(&tm, &seconds);
	}
	if (r < 0 || *s)
		return -EINVAL;
	return combine(seconds, ns, out);
}

static unsigned int *unit_of(struct timespan *s, char c)
{
	switch (c) {
	case 'y':
		return &s->years;
	case 'm':
		return &s->months;
	case 'd':
		return &s->days;
	case 'h':
		return &s->hours;
	}
	return NULL;
}

int timeparse_span(const char *text, struct timespan *out)
{
	struct timespan s = { 0 }, seen = { 0 };
	unsigned int v, *field;
	const char *p = text;
	int d;

	if (*p == '\0')
		return -EINVAL;
	while (*p) {
		if (*p < '0' || *p > '9')
			return -EINVAL;
		/* A million hours are a century; more is a slip. */
		for (v = 0; digits(&p, 1, &d) == 0;) {
			v = 10 * v + (unsigned int)d;
			if (v > 1000000)
				return -EINVAL;
		}
		field = unit_of(&s, *p);
		if (!field || *unit_of(&seen, *p) > 0)
			return -EINVAL;
		*field = v;
		*unit_of(&seen, *p++) = 1;
	}
	*out = s;
	return 0;
}

bool timespan_is_zero(const struct timespan *s)
{
	return !s->years && !s->months && !s->days && !s->hours;
}

int64_t timespan_before(int64_t t, const struct timespan *s)
{
	int64_t ns = (t % NSEC_PER_SEC + NSEC_PER_SEC) % NSEC_PER_SEC;
	int64_t out, seconds = floor_div(t, NSEC_PER_SEC);
	struct tm tm;

	/* Without calendar units this is plain arithmetic, also in the hour
	 * that occurs twice. */
	if (s->years || s->months || s->days) {
		time_local(t, &tm);
		tm.tm_year -= (int)s->years;
		tm.tm_mon -= (int)s->months;
		tm.tm_mday -= (int)s->days;
		tm.tm_isdst = -1;
		seconds = mktime(&tm);
		/* The only error is a year out of range: long ago. */
		if (seconds == -1 && tm.tm_year < 0)
			return INT64_MIN;
	}
	seconds -= (int64_t)s->hours * 3600;
	return combine(seconds, ns, &out) < 0 ? INT64_MIN : out;
}
