/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schedule.h - when something is due: arithmetic without a clock.
 *
 * A rule stands for a set of instants, its occurrences. What is due is found
 * from the rule, the last occurrence that was dealt with, and an instant that
 * is called now: who asks owns the clock and what is remembered.
 *
 * Daylight saving: a time of day that does not exist on a day means the
 * first instant after it that does; one that exists twice means the first.
 * So each time of a day is one occurrence (and two that are skipped by the
 * same change are one).
 *
 * Units:   instants are seconds since 1970 UTC, below SCHEDULE_NEVER; days
 *          are those since 1970-01-01 in the local calendar, that of TZ.
 * Errors:  -EINVAL, not logged.
 * Threads: any, as long as nobody changes TZ.
 */
#ifndef SCHEDULE_SCHEDULE_H
#define SCHEDULE_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

#define SCHEDULE_AT_MAX 48
#define SCHEDULE_NEVER INT64_MAX
/* An occurrence that is noticed later than this has been missed. */
#define SCHEDULE_GRACE_S 300

struct schedule_rule {
	uint16_t at[SCHEDULE_AT_MAX]; /* minutes of the day, ascending */
	size_t n_at;
	uint32_t every_s;     /* instead of at: each multiple, in UTC */
	uint8_t days;	      /* bit 0 is Monday; 0: all */
	uint32_t every_weeks; /* 0 and 1: all; counted from starting's */
	int64_t starting;     /* no day before this; INT64_MIN: none */
	uint32_t delay_s;     /* at most so much later, at random */
	bool catch_up;
};

#define SCHEDULE_RULE_INIT                                                     \
	((struct schedule_rule){ .starting = INT64_MIN, .catch_up = true })

/* The first occurrence after t; SCHEDULE_NEVER if there is none within ten
 * years. */
int64_t schedule_after(const struct schedule_rule *r, int64_t t);
/* The last occurrence up to t, itself included, and after since; INT64_MIN if
 * there is none. */
int64_t schedule_upto(const struct schedule_rule *r, int64_t t, int64_t since);
/* How many lie after from and up to to; at most max. */
unsigned int schedule_count(const struct schedule_rule *r, int64_t from,
			    int64_t to, unsigned int max);
/* How much later than the occurrence its run begins: 0..delay_s, the same
 * whenever it is asked; seed is the machine's and the schedule's. */
uint32_t schedule_delay(const struct schedule_rule *r, uint64_t seed,
			int64_t occurrence);

struct schedule_look {
	bool is_due;	      /* occurrence has come and was not dealt with */
	int64_t occurrence;   /* the last one up to now */
	int64_t start;	      /* when its run begins; may have passed */
	unsigned int skipped; /* older ones that it stands for, at most 10000 */
	bool is_late;	      /* it was missed: see catch_up */
	bool set_back;	      /* the clock was; *handled was changed */
	int64_t next;	      /* the first after now */
};

#define SCHEDULE_SKIPPED_MAX 10000

/*
 * What is due at now, if *handled is the last occurrence that was dealt with
 * (at first: the time from which on the schedule counts). The caller sets
 * *handled to the occurrence when it has dealt with it.
 *
 * A clock that is set back brings no occurrence twice, as long as at most one
 * that was dealt with lies ahead of it again. If there are more, then waiting
 * for all of them to pass would lose runs: *handled becomes now, and the next
 * one counts. A clock that is set forward makes one occurrence due, for all
 * that it passed over.
 *
 * A late occurrence of a rule that catches up starts within delay_s from
 * now, so that many machines that were off do not all start at once.
 */
void schedule_look_at(const struct schedule_rule *r, uint64_t seed, int64_t now,
		      int64_t *handled, struct schedule_look *out);

/* --- as people write it --- */

/* "06:00, 18:30": sorted, each once. *why is half a line. */
MUST_CHECK int schedule_parse_at(const char *text, struct schedule_rule *r,
				 const char **why);
/* "mon,wed", "mon-fri". */
MUST_CHECK int schedule_parse_days(const char *text, struct schedule_rule *r,
				   const char **why);
/* "2026-01-31": a day. */
MUST_CHECK int schedule_parse_day(const char *text, int64_t *day,
				  const char **why);
/* "90s", "15m", "1h30m", "2d", "1w": in seconds, at most 5 years. */
MUST_CHECK int schedule_parse_duration(const char *text, uint32_t *seconds,
				       const char **why);
/* The rule in words: "06:00, 18:00 on mon, wed", "every 15m". Returns out. */
char *schedule_words(const struct schedule_rule *r, char *out, size_t size);

#endif /* SCHEDULE_SCHEDULE_H */
