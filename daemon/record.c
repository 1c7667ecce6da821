/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.c - what is remembered of one run, as JSON and back.
 */
#include "daemon/record.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"

static const char *const states[] = { "waiting", "running", "ended" };
static const char *const results[] = { "ok",	    "partial", "failed",
				       "cancelled", "died",    "missed" };
static const char *const origins[] = { "scheduled", "requested", "manual" };

const char *record_result_word(enum record_result r)
{
	return results[r];
}

const char *record_word(const struct record *r)
{
	return r->state == RECORD_ENDED ? results[r->result] : states[r->state];
}

void record_set(char *room, size_t size, const char *text)
{
	log_printable(room, size, text, strlen(text));
}

void record_add_error(struct record *r, const char *line)
{
	if (r->n_errors == RECORD_ERRORS) {
		memmove(r->errors[0], r->errors[1],
			sizeof(r->errors) - sizeof(r->errors[0]));
		r->n_errors--;
	}
	RECORD_SET(r->errors[r->n_errors++], line);
}

/* --- out --- */

/* What is not known is left out. */
static void put_text(struct json_out *j, const char *key, const char *text)
{
	if (*text)
		json_str(j, key, text);
}

static void put_time(struct json_out *j, const char *key, int64_t t)
{
	if (t > 0)
		json_i64(j, key, t);
}

static void put_summary(const struct record *r, struct json_out *j)
{
	put_text(j, "change_source", r->change_source);
	put_text(j, "scan_reason", r->scan_reason);
	put_text(j, "snapshot_id", r->snapshot);
	json_u64(j, "total_files_processed", r->files);
	json_u64(j, "files_new", r->files_new);
	json_u64(j, "files_changed", r->files_changed);
	json_u64(j, "total_bytes_processed", r->bytes);
	json_u64(j, "bytes_read", r->bytes_read);
	json_u64(j, "data_added_packed", r->bytes_stored);
	if (r->has_meanwhile)
		json_u64(j, "files_changed_meanwhile", r->files_meanwhile);
}

void record_write(const struct record *r, struct json_out *j)
{
	unsigned int i;

	json_object(j, NULL);
	json_u64(j, "id", r->id);
	json_str(j, "state", states[r->state]);
	if (r->state == RECORD_ENDED)
		json_str(j, "result", results[r->result]);
	json_str(j, "origin", origins[r->origin]);
	put_text(j, "schedule", r->schedule);
	put_text(j, "what", r->what);
	put_text(j, "repository", r->repository);
	put_time(j, "due", r->due);
	put_time(j, "queued", r->queued);
	put_time(j, "started", r->started);
	put_time(j, "ended", r->ended);
	json_u64(j, "skipped", r->skipped);
	json_bool(j, "late", r->late);
	json_u64(j, "attempt", r->attempt);
	put_time(j, "held", r->held_s);
	put_text(j, "held_why", r->held_why);
	put_text(j, "reason", r->reason);
	if (r->exit_code >= 0)
		json_i64(j, "exit_code", r->exit_code);
	if (r->has_summary)
		put_summary(r, j);
	if (r->n_errors > 0) {
		json_array(j, "errors");
		for (i = 0; i < r->n_errors; i++)
			json_str(j, NULL, r->errors[i]);
		json_close(j);
	}
	json_close(j);
}

/* --- in --- */

static int word_of(const struct json *j, const char *key,
		   const char *const *words, size_t n)
{
	const char *text = json_to_str(json_get(j, key));
	size_t i;

	for (i = 0; text && i < n; i++)
		if (!strcmp(text, words[i]))
			return (int)i;
	return -1;
}

static void get_text(const struct json *j, const char *key, char *room,
		     size_t size)
{
	const char *text = json_to_str(json_get(j, key));

	if (text)
		record_set(room, size, text);
}

static uint64_t get_number(const struct json *j, const char *key)
{
	uint64_t v;

	return json_to_u64(json_get(j, key), &v) < 0 ? 0 : v;
}

#define GET_TEXT(j, key, room) get_text(j, key, room, sizeof(room))

void record_read_summary(struct record *r, const struct json *j)
{
	GET_TEXT(j, "change_source", r->change_source);
	GET_TEXT(j, "scan_reason", r->scan_reason);
	GET_TEXT(j, "snapshot_id", r->snapshot);
	r->files = get_number(j, "total_files_processed");
	r->files_new = get_number(j, "files_new");
	r->files_changed = get_number(j, "files_changed");
	r->bytes = get_number(j, "total_bytes_processed");
	r->bytes_read = get_number(j, "bytes_read");
	r->bytes_stored = get_number(j, "data_added_packed");
	r->has_meanwhile = json_get(j, "files_changed_meanwhile");
	r->files_meanwhile = get_number(j, "files_changed_meanwhile");
	r->has_summary = true;
}

int record_read(struct record *r, const struct json *j)
{
	int state = word_of(j, "state", states, ARRAY_LEN(states));
	int origin = word_of(j, "origin", origins, ARRAY_LEN(origins));
	int result = word_of(j, "result", results, ARRAY_LEN(results));
	const struct json *error = json_get(j, "errors");
	uint64_t v;

	*r = (struct record){ .exit_code = -1 };
	if (json_to_u64(json_get(j, "id"), &r->id) < 0 || r->id == 0 ||
	    state < 0 || origin < 0 || (state == RECORD_ENDED && result < 0))
		return -EUCLEAN;
	r->state = (enum record_state)state;
	r->origin = (enum record_origin)origin;
	r->result = result < 0 ? RECORD_OK : (enum record_result)result;
	GET_TEXT(j, "schedule", r->schedule);
	GET_TEXT(j, "what", r->what);
	GET_TEXT(j, "repository", r->repository);
	r->due = (int64_t)get_number(j, "due");
	r->queued = (int64_t)get_number(j, "queued");
	r->started = (int64_t)get_number(j, "started");
	r->ended = (int64_t)get_number(j, "ended");
	r->skipped = (unsigned int)get_number(j, "skipped");
	(void)!json_to_bool(json_get(j, "late"), &r->late);
	r->attempt = (unsigned int)get_number(j, "attempt");
	r->held_s = (int64_t)get_number(j, "held");
	GET_TEXT(j, "held_why", r->held_why);
	GET_TEXT(j, "reason", r->reason);
	if (json_to_u64(json_get(j, "exit_code"), &v) == 0)
		r->exit_code = (int)v;
	if (json_get(j, "change_source"))
		record_read_summary(r, j);
	for (error = json_first(error); error; error = json_next(error))
		record_add_error(r, json_to_str(error) ?: "");
	return 0;
}
