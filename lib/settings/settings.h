/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings.h - tidemarkd.conf: what it may say, and what it says.
 *
 * FILE is read, then FILE.d/(name).conf by name. A list grows; another value
 * that is given again in a later file replaces the earlier one, and twice in
 * one file is a mistake. Every mistake is collected, with its file and line.
 *
 * Errors:  -EINVAL: there are mistakes, in the list; -ENOMEM. Not logged.
 * Memory:  everything belongs to the struct.
 * Threads: one at a time, of all the process (libinih has switches).
 * Source:  docs/tidemarkd.conf.5.
 */
#ifndef SETTINGS_SETTINGS_H
#define SETTINGS_SETTINGS_H

#include "base/buf.h"
#include "schedule/schedule.h"

#define SETTINGS_FILE "/etc/tidemark/tidemarkd.conf"
#define SETTINGS_FILE_MAX ((size_t)1 << 20)
#define SETTINGS_SCHEDULES_MAX 256
#define SETTINGS_KEYS_MAX 64 /* of one kind of section */
#define SETTINGS_FOREVER UINT32_MAX

struct settings_list {
	char **v; /* ends with NULL, unless it is NULL itself */
	size_t n;
};

/* [schedule NAME]. Strings that were not given are NULL. */
struct settings_schedule {
	char *name;
	char *where; /* FILE:LINE of its first section */
	struct schedule_rule rule;
	struct settings_list paths;
	char *repository, *passphrase_file, *passphrase_command;
	/* further options of `tidemark backup`, each one word */
	struct settings_list options;
	/* of `tidemark forget`; none: nothing is forgotten */
	struct settings_list keep;
	bool prune;
	uint32_t audit_s; /* the period of `tidemark audit`; 0: none */
	bool enabled;
	char *before, *after;
	uint32_t hook_timeout_s;
	bool hold_on_battery;
	uint32_t pressure;	 /* in percent of 100; 0: none */
	uint32_t hold_at_most_s; /* SETTINGS_FOREVER */
	uint32_t nice;
	char *io_class;	       /* idle, best-effort */
	uint32_t time_limit_s; /* 0: none */
	/* which file a key came from, 1.. */
	uint16_t given[SETTINGS_KEYS_MAX];
};

struct settings {
	/* [daemon] */
	char *socket, *state_dir, *pins, *track_list, *job_dir, *hooks;
	uint32_t max_inodes, max_ranges; /* 0: not given */
	uint32_t history;		 /* runs that are remembered */
	bool tracking;
	uint16_t given[SETTINGS_KEYS_MAX];
	/* [track] */
	struct settings_list track;
	struct settings_schedule *schedules;
	size_t n_schedules;

	struct settings_list mistakes; /* "FILE:LINE: what" */
	unsigned int n_files;
};

#define CLEANUP_SETTINGS CLEANUP(settings_release)

/* Nothing was given. */
void settings_init(struct settings *s);
/* Read path and path.d, and look whether all that is needed is there. A file
 * that is not there is a mistake only if it must exist. */
MUST_CHECK int settings_load(struct settings *s, const char *path,
			     bool must_exist);
/* One text, as if it were the file name; for settings_load() and tests. */
MUST_CHECK int settings_parse(struct settings *s, const char *name,
			      struct span text);
/* What can only be seen when all has been read. */
MUST_CHECK int settings_finish(struct settings *s);
void settings_release(struct settings *s);

const struct settings_schedule *settings_find(const struct settings *s,
					      const char *name);
/* May this file hold a secret, or say what root runs? Owned by root or who
 * asks, and nobody else may write it, nor read it if it is secret. *why is
 * half a line, in room; -EPERM. -ENOENT and others: it cannot be seen. */
MUST_CHECK int settings_check_file(const char *path, bool secret,
				   char room[static 128]);

#endif /* SETTINGS_SETTINGS_H */
