/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mab.c - policies of the kind MAB, to and from what this vault keeps by.
 */
#include "vault/arm/mab.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "vault/arm/arm.h"

static const char *const weekdays[] = { "Sunday",    "Monday",	 "Tuesday",
					"Wednesday", "Thursday", "Friday",
					"Saturday",  NULL };
static const char *const weeks[] = { "First",  "Second", "Third",
				     "Fourth", "Last",	 NULL };
static const char *const months[] = { "January", "February", "March",
				      "April",	 "May",	     "June",
				      "July",	 "August",   "September",
				      "October", "November", "December",
				      NULL };
static const char *const units[] = { "Weeks", "Months", "Years" };
static const char *const rules[] = { "weeklySchedule", "monthlySchedule",
				     "yearlySchedule" };

/* --- words --- */

/* An array of words as bits; absent or null is none. */
static bool read_words(const struct json *j, const char *path,
		       const char *const *words, uint32_t *out)
{
	const struct json *list = arm_get(j, path), *i;
	unsigned int w;

	*out = 0;
	if (!json_is_array(list))
		return true;
	for (i = json_first(list); i; i = json_next(i)) {
		const char *text = json_to_str(i);

		for (w = 0; text && words[w]; w++)
			if (!strcasecmp(words[w], text))
				break;
		if (!text || !words[w])
			return false;
		*out |= 1u << w;
	}
	return true;
}

static void write_words(struct json_out *j, const char *key,
			const char *const *words, uint32_t bits)
{
	unsigned int w;

	json_array(j, key);
	for (w = 0; words[w]; w++)
		if (bits & 1u << w)
			json_str(j, NULL, words[w]);
	json_close(j);
}

/* --- times --- */

/* "2026-01-01T21:00:00Z": the hour and the minute. */
static bool read_time(const char *text, uint16_t *out)
{
	const char *t = text ? strchr(text, 'T') : NULL;
	unsigned int h, m;

	if (!t || sscanf(t, "T%2u:%2u", &h, &m) != 2 || h > 23 || m > 59)
		return false;
	*out = (uint16_t)(60 * h + m);
	return true;
}

static bool read_times(const struct json *list, struct mab_schedule *s)
{
	const struct json *i;

	for (i = json_is_array(list) ? json_first(list) : NULL; i;
	     i = json_next(i)) {
		if (s->n_times == MAB_TIMES_MAX ||
		    !read_time(json_to_str(i), &s->times[s->n_times]))
			return false;
		s->n_times++;
	}
	return true;
}

static void write_times(struct json_out *j, const char *key,
			const struct mab_schedule *s)
{
	char text[40];
	unsigned int i;

	json_array(j, key);
	for (i = 0; i < s->n_times; i++) {
		snprintf(text, sizeof(text), "2024-01-01T%02u:%02u:00Z",
			 s->times[i] / 60u, s->times[i] % 60u);
		json_str(j, NULL, text);
	}
	json_close(j);
}

void mab_times_text(const struct mab_schedule *s, char out[MAB_TIMES_TEXT])
{
	size_t at = 0;
	unsigned int i;

	out[0] = '\0';
	for (i = 0; i < s->n_times && at < MAB_TIMES_TEXT; i++)
		at += (size_t)snprintf(out + at, MAB_TIMES_TEXT - at,
				       "%s%02u:%02u", i ? "," : "",
				       s->times[i] / 60u, s->times[i] % 60u);
}

void mab_times_parse(const char *text, struct mab_schedule *s)
{
	unsigned int h, m;
	int n;

	s->n_times = 0;
	while (s->n_times < MAB_TIMES_MAX &&
	       sscanf(text, "%2u:%2u%n", &h, &m, &n) == 2) {
		s->times[s->n_times++] = (uint16_t)(60 * h + m);
		text += n;
		text += *text == ',';
	}
}

/* --- the schedule --- */

static const char *read_schedule(const struct json *p, struct mab_schedule *s)
{
	const struct json *j = arm_get(p, "schedulePolicy");
	const char *type = arm_get_text(j, "schedulePolicyType");
	const char *frequency = arm_get_text(j, "scheduleRunFrequency");
	uint32_t days;
	uint64_t every = 0;

	if (!json_is_object(j))
		return NULL;
	if (type && strcasecmp(type, "SimpleSchedulePolicy"))
		return "schedulePolicyType is SimpleSchedulePolicy";
	s->weekly = frequency && !strcasecmp(frequency, "Weekly");
	if (frequency && !s->weekly && strcasecmp(frequency, "Daily"))
		return "scheduleRunFrequency is Daily or Weekly";
	if (!read_words(j, "scheduleRunDays", weekdays, &days))
		return "scheduleRunDays are days of the week";
	s->days = (uint8_t)days;
	if (s->weekly && !days)
		return "a weekly schedule has scheduleRunDays";
	if (!read_times(arm_get(j, "scheduleRunTimes"), s))
		return "scheduleRunTimes are 1 to 3 times of a day";
	if (arm_get(j, "scheduleWeeklyFrequency") &&
	    (json_to_u64(arm_get(j, "scheduleWeeklyFrequency"), &every) < 0 ||
	     every > 52))
		return "scheduleWeeklyFrequency is a number of weeks";
	s->every = (unsigned int)every;
	return NULL;
}

static void write_schedule(struct json_out *j, const struct mab_schedule *s)
{
	json_object(j, "schedulePolicy");
	json_str(j, "schedulePolicyType", "SimpleSchedulePolicy");
	json_str(j, "scheduleRunFrequency", s->weekly ? "Weekly" : "Daily");
	if (s->weekly)
		write_words(j, "scheduleRunDays", weekdays, s->days);
	write_times(j, "scheduleRunTimes", s);
	json_u64(j, "scheduleWeeklyFrequency", s->every);
	json_close(j);
}

/* --- retention --- */

static const char *read_count(const struct json *j, const char *unit,
			      unsigned int *out)
{
	const char *type = arm_get_text(j, "retentionDuration.durationType");
	uint64_t n;

	if (json_to_u64(arm_get(j, "retentionDuration.count"), &n) < 0 ||
	    n == 0 || n > GFS_POINTS_MAX)
		return "a retentionDuration has a count, 9999 at most";
	if (!type || strcasecmp(type, unit))
		return "a durationType is Days, Weeks, Months or Years, that "
		       "of its schedule";
	*out = (unsigned int)n;
	return NULL;
}

/* Rules have no times of their own: a backup is kept, whenever it comes. */
static bool has_other_times(const struct json *j, const struct mab_schedule *s)
{
	struct mab_schedule own = { .n_times = 0 };
	unsigned int i, k;

	if (!read_times(arm_get(j, "retentionTimes"), &own))
		return true;
	for (i = 0; i < own.n_times; i++) {
		for (k = 0; k < s->n_times; k++)
			if (own.times[i] == s->times[k])
				break;
		if (k == s->n_times)
			return true;
	}
	return false;
}

static const char *read_days(const struct json *j, struct gfs_rule *r)
{
	const struct json *list =
		arm_get(j, "retentionScheduleDaily.daysOfTheMonth");
	const struct json *i;

	for (i = json_is_array(list) ? json_first(list) : NULL; i;
	     i = json_next(i)) {
		uint64_t date = 0;
		bool last = false;

		if (arm_get(i, "isLast") &&
		    json_to_bool(arm_get(i, "isLast"), &last) < 0)
			return "isLast is true or false";
		if (!last && (json_to_u64(arm_get(i, "date"), &date) < 0 ||
			      date < 1 || date > 28))
			return "a date is 1 to 28, or isLast";
		r->days |= 1u << (last ? 0 : date);
	}
	return r->days ? NULL : "daysOfTheMonth are missing";
}

/* By weekdays: of any week, or of some of the month. */
static const char *read_weekdays(const struct json *j, struct gfs_rule *r)
{
	uint32_t days, of;

	if (!read_words(j, "daysOfTheWeek", weekdays, &days) ||
	    !read_words(j, "weeksOfTheMonth", weeks, &of))
		return "daysOfTheWeek are Sunday to Saturday, weeksOfTheMonth "
		       "First to Fourth or Last";
	r->weekdays = (uint8_t)days;
	r->weeks = (uint8_t)of;
	return days ? NULL : "daysOfTheWeek are missing";
}

static const char *read_dates(const struct json *j, enum gfs_unit unit,
			      struct gfs_rule *r)
{
	const char *format = arm_get_text(j, "retentionScheduleFormatType");
	const char *why;

	if (unit == BY_WEEK)
		return read_weekdays(j, r);
	if (format && !strcasecmp(format, "Daily"))
		return read_days(j, r);
	if (!format || strcasecmp(format, "Weekly"))
		return "retentionScheduleFormatType is Daily or Weekly";
	why = read_weekdays(arm_get(j, "retentionScheduleWeekly"), r);
	if (!why && !r->weeks)
		return "weeksOfTheMonth are missing";
	return why;
}

static const char *read_rule(const struct json *retention, enum gfs_unit unit,
			     struct mab_policy *out)
{
	const struct json *j = arm_get(retention, rules[unit]);
	struct gfs_rule *r = &out->keep.rules[unit];
	uint32_t of;
	const char *why;

	if (!json_is_object(j))
		return NULL;
	why = read_count(j, units[unit], &r->count);
	if (!why)
		why = read_dates(j, unit, r);
	if (why)
		return why;
	if (unit == BY_YEAR) {
		if (!read_words(j, "monthsOfYear", months, &of) || !of)
			return "monthsOfYear are January to December";
		r->months = (uint16_t)of;
	}
	return has_other_times(j, &out->schedule)
		       ? "retentionTimes are among the scheduleRunTimes"
		       : NULL;
}

static const char *read_retention(const struct json *p, struct mab_policy *out)
{
	const struct json *j = arm_get(p, "retentionPolicy");
	const struct json *daily = arm_get(j, "dailySchedule");
	const char *type = arm_get_text(j, "retentionPolicyType");
	const char *why;
	unsigned int u;

	if (!json_is_object(j))
		return "the retentionPolicy is missing";
	if (type && strcasecmp(type, "LongTermRetentionPolicy"))
		return "retentionPolicyType is LongTermRetentionPolicy";
	if (!json_is_object(daily))
		return "the dailySchedule is missing: every point is kept for "
		       "some days";
	why = read_count(daily, "Days", &out->keep.days);
	if (!why && has_other_times(daily, &out->schedule))
		why = "retentionTimes are among the scheduleRunTimes";
	for (u = BY_WEEK; u <= BY_YEAR && !why; u++)
		why = read_rule(j, u, out);
	return why ?: gfs_mistake(&out->keep);
}

int mab_read(const struct json *properties, struct mab_policy *out,
	     const char **why)
{
	memset(out, 0, sizeof(*out));
	*why = read_schedule(properties, &out->schedule);
	if (!*why)
		*why = read_retention(properties, out);
	return *why ? -EINVAL : 0;
}

static void write_count(struct json_out *j, unsigned int count,
			const char *unit)
{
	json_object(j, "retentionDuration");
	json_u64(j, "count", count);
	json_str(j, "durationType", unit);
	json_close(j);
}

static void write_dates(struct json_out *j, const struct gfs_rule *r)
{
	unsigned int d;

	json_str(j, "retentionScheduleFormatType",
		 r->days ? "Daily" : "Weekly");
	if (!r->days) {
		json_object(j, "retentionScheduleWeekly");
		write_words(j, "daysOfTheWeek", weekdays, r->weekdays);
		write_words(j, "weeksOfTheMonth", weeks, r->weeks);
		json_close(j);
		return;
	}
	json_object(j, "retentionScheduleDaily");
	json_array(j, "daysOfTheMonth");
	for (d = 0; d <= 28; d++) {
		if (!(r->days & 1u << d))
			continue;
		json_object(j, NULL);
		json_u64(j, "date", d);
		json_bool(j, "isLast", d == 0);
		json_close(j);
	}
	json_close(j);
	json_close(j);
}

static void write_rule(struct json_out *j, enum gfs_unit unit,
		       const struct mab_policy *p)
{
	const struct gfs_rule *r = &p->keep.rules[unit];

	json_object(j, rules[unit]);
	if (unit == BY_WEEK)
		write_words(j, "daysOfTheWeek", weekdays, r->weekdays);
	else
		write_dates(j, r);
	if (unit == BY_YEAR)
		write_words(j, "monthsOfYear", months, r->months);
	write_times(j, "retentionTimes", &p->schedule);
	write_count(j, r->count, units[unit]);
	json_close(j);
}

void mab_write(struct json_out *j, const struct mab_policy *p)
{
	unsigned int u;

	write_schedule(j, &p->schedule);
	json_object(j, "retentionPolicy");
	json_str(j, "retentionPolicyType", "LongTermRetentionPolicy");
	json_object(j, "dailySchedule");
	write_times(j, "retentionTimes", &p->schedule);
	write_count(j, p->keep.days, "Days");
	json_close(j);
	for (u = BY_WEEK; u <= BY_YEAR; u++)
		if (p->keep.rules[u].count)
			write_rule(j, u, p);
	json_close(j);
}
