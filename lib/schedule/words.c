/* SPDX-License-Identifier: Apache-2.0 */
/*
 * words.c - schedules as people write them.
 */
#include "schedule/schedule.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static const char *const day_names[] = { "mon", "tue", "wed", "thu",
					 "fri", "sat", "sun" };

static int wrong(const char **why, const char *text)
{
	*why = text;
	return -EINVAL;
}

static void skip_blanks(const char **s)
{
	*s += strspn(*s, " \t");
}

/* At least least digits and at most most. */
static bool number(const char **s, int least, int most, unsigned int *out)
{
	unsigned int v = 0;
	int n = 0;

	for (; n < most && **s >= '0' && **s <= '9'; n++)
		v = 10 * v + (unsigned int)(*(*s)++ - '0');
	*out = v;
	return n >= least && !(**s >= '0' && **s <= '9');
}

static void insert(struct schedule_rule *r, uint16_t minute)
{
	size_t i = r->n_at;

	while (i > 0 && r->at[i - 1] > minute)
		i--;
	if (i > 0 && r->at[i - 1] == minute)
		return;
	memmove(r->at + i + 1, r->at + i, (r->n_at - i) * sizeof(*r->at));
	r->at[i] = minute;
	r->n_at++;
}

int schedule_parse_at(const char *text, struct schedule_rule *r,
		      const char **why)
{
	static const char form[] =
		"must be times of the day like 06:00, 18:30, with a comma "
		"between";
	struct schedule_rule got = *r;
	unsigned int hour, minute;

	for (;;) {
		skip_blanks(&text);
		if (!number(&text, 1, 2, &hour) || *text++ != ':' ||
		    !number(&text, 2, 2, &minute))
			return wrong(why, form);
		if (hour > 23 || minute > 59)
			return wrong(why, "a time of the day lies between "
					  "00:00 and 23:59");
		if (got.n_at == SCHEDULE_AT_MAX)
			return wrong(why, "at most 48 times a day; every = "
					  "15m is for more");
		insert(&got, (uint16_t)(hour * 60 + minute));
		skip_blanks(&text);
		if (!*text)
			break;
		if (*text++ != ',')
			return wrong(why, form);
	}
	*r = got;
	return 0;
}

/* A day's name, also in full; 0 is Monday. */
static int day_name(const char **s, int *out)
{
	static const char *const full[] = { "monday",	"tuesday", "wednesday",
					    "thursday", "friday",  "saturday",
					    "sunday" };
	size_t n = strspn(*s, "abcdefghijklmnopqrstuvwxyz"
			      "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
	int i;

	for (i = 0; i < 7; i++)
		if ((n == 3 && !strncasecmp(*s, day_names[i], 3)) ||
		    (n == strlen(full[i]) && !strncasecmp(*s, full[i], n))) {
			*s += n;
			*out = i;
			return 0;
		}
	return -EINVAL;
}

int schedule_parse_days(const char *text, struct schedule_rule *r,
			const char **why)
{
	static const char form[] = "must be days of the week, like mon,wed "
				   "or mon-fri";
	uint8_t days = 0;
	int from, to;

	for (;;) {
		skip_blanks(&text);
		if (day_name(&text, &from) < 0)
			return wrong(why, form);
		to = from;
		skip_blanks(&text);
		if (*text == '-') {
			text++;
			skip_blanks(&text);
			if (day_name(&text, &to) < 0)
				return wrong(why, form);
			skip_blanks(&text);
		}
		/* sat-mon runs over the end of the week */
		for (; from != to; from = (from + 1) % 7)
			days |= (uint8_t)(1 << from);
		days |= (uint8_t)(1 << to);
		if (!*text)
			break;
		if (*text++ != ',')
			return wrong(why, form);
	}
	r->days = days;
	return 0;
}

int schedule_parse_day(const char *text, int64_t *day, const char **why)
{
	unsigned int y, m, d;
	struct tm tm = { 0 };
	time_t t;

	if (!number(&text, 4, 4, &y) || *text++ != '-' ||
	    !number(&text, 2, 2, &m) || *text++ != '-' ||
	    !number(&text, 2, 2, &d) || *text)
		return wrong(why, "must be a day like 2026-01-31");
	tm.tm_year = (int)y - 1900;
	tm.tm_mon = (int)m - 1;
	tm.tm_mday = (int)d;
	t = timegm(&tm);
	/* timegm() makes 3 March of 31 February */
	if (y < 1970 || y > 2200 || m < 1 || tm.tm_mon != (int)m - 1 ||
	    tm.tm_mday != (int)d)
		return wrong(why, "there is no such day");
	*day = t / 86400;
	return 0;
}

static uint32_t unit_seconds(char c)
{
	switch (c) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return 86400;
	case 'w':
		return 7 * 86400;
	}
	return 0;
}

int schedule_parse_duration(const char *text, uint32_t *seconds,
			    const char **why)
{
	uint32_t last = UINT32_MAX, unit;
	uint64_t sum = 0;
	unsigned int n;

	do {
		if (!number(&text, 1, 8, &n) || !(unit = unit_seconds(*text)) ||
		    unit >= last)
			return wrong(why, "must be a time like 90s, 15m, "
					  "1h30m, 2d or 1w");
		text++;
		last = unit;
		sum += (uint64_t)n * unit;
	} while (*text);
	if (sum > 5 * 366 * 86400u)
		return wrong(why, "is longer than five years");
	*seconds = (uint32_t)sum;
	return 0;
}

/* --- and back --- */

static void PRINTF_LIKE(3, 4) add(char *out, size_t size, const char *fmt, ...)
{
	size_t n = strlen(out);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out + n, size - n, fmt, ap);
	va_end(ap);
}

static void add_duration(char *out, size_t size, uint32_t s)
{
	if (s % 3600 == 0)
		add(out, size, "%uh", s / 3600);
	else if (s % 60 == 0)
		add(out, size, "%um", s / 60);
	else
		add(out, size, "%us", s);
}

char *schedule_words(const struct schedule_rule *r, char *out, size_t size)
{
	const char *glue = " on ";
	size_t i;

	out[0] = '\0';
	if (r->every_s) {
		add(out, size, "every ");
		add_duration(out, size, r->every_s);
	}
	for (i = 0; i < r->n_at; i++)
		add(out, size, "%s%02d:%02d", i ? ", " : "", r->at[i] / 60,
		    r->at[i] % 60);
	for (i = 0; i < 7; i++)
		if (r->days & (1 << i)) {
			add(out, size, "%s%s", glue, day_names[i]);
			glue = ", ";
		}
	if (r->every_weeks > 1)
		add(out, size, ", every %u weeks", r->every_weeks);
	return out;
}
