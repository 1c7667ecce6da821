/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mab.h - policies of the kind MAB, to and from what this vault keeps by.
 *
 * SimpleSchedulePolicy says when machines back up; LongTermRetentionPolicy is
 * gfs.h in other words. What cannot be kept exactly is refused, not rounded:
 * days of the month 29 to 31 (there is "last"), a time for one rule alone,
 * units other than a rule's own.
 *
 * Units:   times are UTC.
 * Errors:  -EINVAL: `why` says what it is; a literal. Not logged.
 * Threads: any.
 * Source:  bms.json, MabProtectionPolicy.
 */
#ifndef VAULT_ARM_MAB_H
#define VAULT_ARM_MAB_H

#include "base/json.h"
#include "vault/retention/gfs.h"

#define MAB_TIMES_MAX 3

struct mab_schedule {
	bool weekly;  /* on days, each `every` weeks; else daily */
	uint8_t days; /* bit 0: Sunday */
	unsigned int every;
	unsigned int n_times;
	uint16_t times[MAB_TIMES_MAX]; /* minutes since midnight */
};

struct mab_policy {
	struct mab_schedule schedule; /* no times: none */
	struct gfs keep;
};

/* "21:00", with commas between; out has room for MAB_TIMES_TEXT. */
#define MAB_TIMES_TEXT 24
void mab_times_text(const struct mab_schedule *s, char out[MAB_TIMES_TEXT]);
void mab_times_parse(const char *text, struct mab_schedule *s);

/* Of "properties". */
MUST_CHECK int mab_read(const struct json *properties, struct mab_policy *out,
			const char **why);
/* schedulePolicy and retentionPolicy. */
void mab_write(struct json_out *j, const struct mab_policy *p);

#endif /* VAULT_ARM_MAB_H */
