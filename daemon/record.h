/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.h - what is remembered of one run of a backup.
 *
 * Plain data. As JSON it is a line of the history, and what `tidemark jobs`
 * is told; docs/control.md has the members. Texts are cut to their room and
 * hold no control bytes.
 *
 * Units:   seconds since 1970; 0: has not come to that.
 * Errors:  -EUCLEAN: no record.
 * Threads: one at a time per record.
 */
#ifndef DAEMON_RECORD_H
#define DAEMON_RECORD_H

#include <stdint.h>

#include "base/json.h"
#include "base/macros.h"

#define RECORD_ERRORS 5

enum record_state { RECORD_WAITING, RECORD_RUNNING, RECORD_ENDED };

/* Valid when it has ended. */
enum record_result {
	RECORD_OK,
	RECORD_PARTIAL, /* some sources could not be read */
	RECORD_FAILED,
	RECORD_CANCELLED,
	RECORD_DIED,   /* it, the daemon or the machine */
	RECORD_MISSED, /* was due, and was not run */
};

/* Why it runs. */
enum record_origin { RECORD_SCHEDULED, RECORD_REQUESTED, RECORD_MANUAL };

struct record {
	uint64_t id;
	enum record_state state;
	enum record_result result;
	enum record_origin origin;
	char schedule[64]; /* empty: none */
	char what[256];	   /* of a manual one: its paths */
	char repository[256];
	int64_t due, queued, started, ended;
	unsigned int skipped; /* occurrences before due that it stands for */
	bool late;	      /* caught up */
	unsigned int attempt; /* 2: the one before it died */
	int64_t held_s;
	char held_why[128];
	char reason[512];
	int exit_code; /* -1: none */
	/* what the backup said of itself */
	bool has_summary;
	char change_source[32], scan_reason[256], snapshot[72];
	uint64_t files, files_new, files_changed, bytes, bytes_read,
		bytes_stored;
	bool has_meanwhile; /* it is known how many changed while it ran */
	uint64_t files_meanwhile;
	char errors[RECORD_ERRORS][256]; /* the last lines, oldest first */
	unsigned int n_errors;
};

const char *record_result_word(enum record_result r);
/* "ok", "running", ...: the state, or the result if it has ended. */
const char *record_word(const struct record *r);
/* Copy into one of the texts: printable, and cut. */
#define RECORD_SET(room, text) record_set((room), sizeof(room), (text))
void record_set(char *room, size_t size, const char *text);
void record_add_error(struct record *r, const char *line);
/* Members of an open object: the summary line of `tidemark backup`. */
void record_read_summary(struct record *r, const struct json *j);

/* An object. */
void record_write(const struct record *r, struct json_out *j);
MUST_CHECK int record_read(struct record *r, const struct json *j);

#endif /* DAEMON_RECORD_H */
