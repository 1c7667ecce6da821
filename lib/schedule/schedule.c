/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schedule.c - when something is due.
 *
 * Local time is t + offset(t), as a number of seconds that one would see if
 * it were UTC. It jumps where clocks change, so the instant of a local time
 * is found by trial: the offsets in force a day before and a day after are
 * the only ones that it can have.
 */
#include "schedule/schedule.h"

#include <time.h>

#define DAY_S 86400
#define HORIZON_DAYS 3660
#define GRACE_OF_EVERY 2 /* an interval's occurrence is late at half of it */

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

static int64_t local_of(int64_t t)
{
	time_t s = (time_t)t;
	struct tm tm;

	return localtime_r(&s, &tm) ? t + tm.tm_gmtoff : t;
}

/* The first instant at which local clocks show want or more. */
static int64_t instant_of(int64_t want)
{
	int64_t low = INT64_MAX, high = INT64_MIN, found = INT64_MAX;
	int day;

	for (day = -1; day <= 1; day++) {
		int64_t probe = want + day * DAY_S;
		int64_t t = want - (local_of(probe) - probe);

		if (local_of(t) == want && t < found)
			found = t;
		low = t < low ? t : low;
		high = t > high ? t : high;
	}
	if (found != INT64_MAX)
		return found;
	/* skipped: the change lies between the two guesses */
	while (low < high) {
		int64_t mid = low + (high - low) / 2;

		if (local_of(mid) >= want)
			high = mid;
		else
			low = mid + 1;
	}
	return high;
}

static int64_t day_of(int64_t t)
{
	return floor_div(local_of(t), DAY_S);
}

/* Its Monday's number: 1970-01-05 was one. */
static int64_t week_of(int64_t day)
{
	return floor_div(day - 4, 7);
}

static bool has_day(const struct schedule_rule *r, int64_t day)
{
	int64_t weekday = day - 4 - 7 * week_of(day);
	int64_t first = r->starting == INT64_MIN ? 0 : r->starting;

	if (r->days && !(r->days & (1 << weekday)))
		return false;
	if (r->starting != INT64_MIN && day < r->starting)
		return false;
	return r->every_weeks < 2 ||
	       (week_of(day) - week_of(first)) % r->every_weeks == 0;
}

/* --- at times of the day --- */

static int64_t at_after(const struct schedule_rule *r, int64_t t)
{
	int64_t from = day_of(t) - 2, day;
	size_t i;

	/* a skipped time may lie in the day after its own */
	for (day = from; day < from + HORIZON_DAYS; day++) {
		if (!has_day(r, day))
			continue;
		for (i = 0; i < r->n_at; i++) {
			int64_t o = instant_of(day * DAY_S + r->at[i] * 60);

			if (o > t)
				return o;
		}
	}
	return SCHEDULE_NEVER;
}

static int64_t at_upto(const struct schedule_rule *r, int64_t t, int64_t since)
{
	int64_t from = day_of(t) + 1, day;
	size_t i;

	for (day = from; day > from - HORIZON_DAYS; day--) {
		if ((day + 3) * DAY_S < since)
			break;
		if (!has_day(r, day))
			continue;
		for (i = r->n_at; i-- > 0;) {
			int64_t o = instant_of(day * DAY_S + r->at[i] * 60);

			if (o <= t)
				return o > since ? o : INT64_MIN;
		}
	}
	return INT64_MIN;
}

/* --- at intervals --- */

/* Where the next day may begin. By the offset in force at t, which is wrong
 * if clocks change before; and by the first midnight that is shown, which is
 * wrong if it is shown twice. What comes first is never too late. */
static int64_t next_day(int64_t t)
{
	int64_t local = local_of(t), day = floor_div(local, DAY_S);
	int64_t guess = t + (day + 1) * DAY_S - local;
	int64_t first = instant_of((day + 1) * DAY_S);

	return first > t && first < guess ? first : guess;
}

/* The last second that may be one of the day before; never too early. */
static int64_t day_before(int64_t t)
{
	int64_t local = local_of(t), day = floor_div(local, DAY_S);
	int64_t guess = t - (local - day * DAY_S) - 1;
	int64_t first = instant_of(day * DAY_S) - 1;

	return first < t && first > guess ? first : guess;
}

static int64_t every_after(const struct schedule_rule *r, int64_t t)
{
	int64_t o = (floor_div(t, r->every_s) + 1) * r->every_s;
	int i;

	for (i = 0; i < HORIZON_DAYS; i++) {
		if (has_day(r, day_of(o)))
			return o;
		o = -floor_div(-next_day(o), r->every_s) * r->every_s;
	}
	return SCHEDULE_NEVER;
}

static int64_t every_upto(const struct schedule_rule *r, int64_t t,
			  int64_t since)
{
	int64_t o = floor_div(t, r->every_s) * r->every_s;
	int i;

	for (i = 0; i < HORIZON_DAYS && o > since; i++) {
		if (has_day(r, day_of(o)))
			return o;
		o = floor_div(day_before(o), r->every_s) * r->every_s;
	}
	return INT64_MIN;
}

int64_t schedule_after(const struct schedule_rule *r, int64_t t)
{
	return r->every_s ? every_after(r, t) : at_after(r, t);
}

int64_t schedule_upto(const struct schedule_rule *r, int64_t t, int64_t since)
{
	return r->every_s ? every_upto(r, t, since) : at_upto(r, t, since);
}

unsigned int schedule_count(const struct schedule_rule *r, int64_t from,
			    int64_t to, unsigned int max)
{
	unsigned int n = 0;

	while (n < max) {
		from = schedule_after(r, from);
		if (from > to || from == SCHEDULE_NEVER)
			break;
		n++;
	}
	return n;
}

/* splitmix64's last step: every bit of x in every bit of the result. */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

uint32_t schedule_delay(const struct schedule_rule *r, uint64_t seed,
			int64_t occurrence)
{
	return (uint32_t)(mix(seed ^ mix((uint64_t)occurrence)) %
			  ((uint64_t)r->delay_s + 1));
}

static int64_t grace_of(const struct schedule_rule *r)
{
	uint32_t of_every = r->every_s / GRACE_OF_EVERY;

	return r->every_s && of_every < SCHEDULE_GRACE_S ? of_every
							 : SCHEDULE_GRACE_S;
}

void schedule_look_at(const struct schedule_rule *r, uint64_t seed, int64_t now,
		      int64_t *handled, struct schedule_look *out)
{
	uint32_t delay;

	*out = (struct schedule_look){ 0 };
	if (*handled > now && schedule_count(r, now, *handled, 2) > 1) {
		*handled = now;
		out->set_back = true;
	}
	out->next = schedule_after(r, MAX(now, *handled));
	out->occurrence = schedule_upto(r, now, *handled);
	if (out->occurrence == INT64_MIN)
		return;
	out->is_due = true;
	out->skipped = schedule_count(r, *handled, out->occurrence - 1,
				      SCHEDULE_SKIPPED_MAX);
	delay = schedule_delay(r, seed, out->occurrence);
	out->start = out->occurrence + delay;
	out->is_late = now > out->start + grace_of(r);
	if (out->is_late)
		out->start = now + delay;
}
