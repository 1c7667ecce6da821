/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output.h - what a person or a script sees.
 *
 * Two forms, chosen by --json for the whole process:
 *   human   text on standard output, "tidemark: ..." lines and the progress
 *           bar on standard error
 *   JSON    one object per line; results on standard output, diagnostics
 *           (what log.h is told) on standard error
 *
 * Every JSON line begins with "message_type" and "schema". Members may be
 * added under the same schema; a change of meaning makes it 2.
 *
 * Units:   bytes, nanoseconds since 1970 where a name says _ns, seconds.
 * Errors:  a failed write of standard output is remembered and told by
 *          output_finish().
 * Threads: any; a line is written whole.
 */
#ifndef TOOLS_OUTPUT_H
#define TOOLS_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"
#include "base/macros.h"
#include "tools/cli.h"

#define OUTPUT_SCHEMA 1

/* Before the command line is parsed: only the form of errors. */
void output_early(bool json);
/* --json, --quiet and --verbose. */
void output_init(const struct cli *cli);
/* Flush. Returns code, or CLI_FATAL if the output could not be written and
 * code is CLI_OK; with JSON and a code other than 0, says exit_error. */
int output_finish(int code);

bool output_is_json(void);
bool output_is_quiet(void);
/* 0, 1 or 2. */
unsigned int output_verbosity(void);

/* Human form: what the verb is for (not silenced by --quiet), and summaries
 * and remarks (silenced). Both say nothing in JSON form. */
void output_text(const char *fmt, ...) PRINTF_LIKE(1, 2);
void output_note(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Any bytes to standard output as they are (`cat`), in either form. */
MUST_CHECK int output_bytes(struct span bytes);

/* One JSON line. Between begin and end, add members to line->json. */
struct output_line {
	struct buf buf;
	struct json_out json;
};
void output_begin(struct output_line *line, const char *message_type);
/* To standard output. */
void output_end(struct output_line *line);

/* A name as text for people: control bytes and bytes that are not UTF-8 as
 * \xNN. The result is the caller's to free, NULL without memory. */
char *output_name(struct span name);

/* Something happened to one item: in human form "DURING PATH: strerror" as
 * log_fail() says it, in JSON form the same in members of their own. */
void output_item(enum log_level level, const char *during, struct span path,
		 int err);

/* output_item() as the archiver and the restorer call it. */
void output_on_error(void *arg, const char *path, int err, const char *during);
/* For --verbose: one word for what became of the item. */
void output_action(const char *action, const char *path, uint64_t size);

/* Nanoseconds of a clock that nobody sets, for durations. */
int64_t output_clock(void);
/* "1.5 MiB", "17 B". Returns out. */
/* "1 file", "2 files". Returns out. */
char *output_count(char out[static 48], uint64_t n, const char *one,
		   const char *many);
char *output_size(char out[static 16], uint64_t bytes);
/* "0.6s", "17s", "1:02", "3:04:05". */
char *output_elapsed(char out[static 24], double seconds);
/* "2026-01-31 15:04:05", local time. */
char *output_time(char out[static 24], int64_t ns);

/* --- progress --- */

/*
 * A thread of its own draws the bar, or writes JSON status lines, and asks
 * for the numbers when it does; so the work is not slowed by being watched.
 * Nothing is drawn when standard error is no terminal or with --quiet.
 */
struct progress_sample {
	uint64_t files_done, files_total; /* total 0: not known yet */
	uint64_t bytes_done, bytes_total;
	uint64_t errors;
};
typedef void progress_fn(void *arg, struct progress_sample *out);

struct progress;
/* Would progress_start() show anything? */
bool progress_is_wanted(void);
/* sample is called from the other thread until progress_stop(). Without
 * memory there is no progress, and NULL. */
struct progress *progress_start(progress_fn *sample, void *arg);
/* Remove the bar and free p; NULL is allowed. */
void progress_stop(struct progress *p);

#endif /* TOOLS_OUTPUT_H */
