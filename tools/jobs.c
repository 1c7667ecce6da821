/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobs.c - the verb jobs: what tidemarkd ran, and what it runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "tools/ask.h"
#include "tools/commands.h"
#include "tools/jobs.h"
#include "tools/output.h"

#define LIST_MAX ((size_t)256 << 20)
#define RECORD_MAX ((size_t)64 << 10)
#define LAST_DEFAULT 20

int jobs_read_fd(int fd, struct buf *out)
{
	char self[32];
	int e;

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	e = fd < 0 ? -EPROTO : io_read_file(AT_FDCWD, self, out);
	return e < 0 ? log_fail(e, "read what tidemarkd sent") : 0;
}

char *jobs_time(char out[static 24], uint64_t seconds)
{
	if (seconds == 0) {
		snprintf(out, 24, "-");
		return out;
	}
	return output_time(out, (int64_t)seconds * NSEC_PER_SEC);
}

void jobs_json_time(struct json_out *j, const char *key, uint64_t seconds)
{
	time_t t = (time_t)seconds;
	char text[40];
	struct tm tm;

	if (seconds == 0 || !gmtime_r(&t, &tm))
		return;
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S.000000000Z", &tm);
	json_str(j, key, text);
}

/* --- one job --- */

static const char *word_of(const struct json *r)
{
	return ask_str(r, "result") ?: ask_text(r, "state");
}

static void put_text(struct json_out *j, const char *key, const struct json *r)
{
	if (ask_str(r, key))
		json_str(j, key, ask_str(r, key));
}

static void put_json(const struct json *r)
{
	static const char *const texts[] = {
		"state",	 "result",	"origin",     "schedule",
		"what",		 "repository",	"held_why",   "reason",
		"change_source", "scan_reason", "snapshot_id"
	};
	static const char *const times[] = { "due", "queued", "started",
					     "ended" };
	static const char *const numbers[] = { "skipped",
					       "attempt",
					       "held",
					       "exit_code",
					       "total_files_processed",
					       "files_new",
					       "files_changed",
					       "total_bytes_processed",
					       "bytes_read",
					       "data_added_packed",
					       "files_changed_meanwhile" };
	const struct json *error = json_first(json_get(r, "errors"));
	struct output_line line;
	size_t i;

	output_begin(&line, "job");
	json_u64(&line.json, "id", ask_u64(r, "id"));
	for (i = 0; i < ARRAY_LEN(texts); i++)
		put_text(&line.json, texts[i], r);
	for (i = 0; i < ARRAY_LEN(times); i++)
		jobs_json_time(&line.json, times[i], ask_u64(r, times[i]));
	json_bool(&line.json, "late", ask_true(r, "late"));
	for (i = 0; i < ARRAY_LEN(numbers); i++)
		if (json_get(r, numbers[i]))
			json_u64(&line.json, numbers[i],
				 ask_u64(r, numbers[i]));
	if (error) {
		json_array(&line.json, "errors");
		for (; error; error = json_next(error))
			json_str(&line.json, NULL, json_to_str(error));
		json_close(&line.json);
	}
	output_end(&line);
}

/* What there is to say in one line. */
static void remark(const struct json *r, char *out, size_t size)
{
	char read[16], stored[16];

	out[0] = '\0';
	if (ask_str(r, "reason"))
		snprintf(out, size, "%s", ask_str(r, "reason"));
	else if (ask_str(r, "change_source"))
		snprintf(out, size, "%llu changed, read %s, stored %s, by %s",
			 (unsigned long long)(ask_u64(r, "files_new") +
					      ask_u64(r, "files_changed")),
			 output_size(read, ask_u64(r, "bytes_read")),
			 output_size(stored, ask_u64(r, "data_added_packed")),
			 ask_str(r, "change_source"));
}

static void put_line(const struct json *r)
{
	char began[24], note[600];
	uint64_t from = ask_u64(r, "started") ?: ask_u64(r, "queued");

	remark(r, note, sizeof(note));
	output_text("%6llu  %-19s  %-9s  %-16s  %s\n",
		    (unsigned long long)ask_u64(r, "id"),
		    jobs_time(began, from), word_of(r),
		    ask_str(r, "schedule") ?: "by hand", note);
}

static void put_times(const struct json *r)
{
	char due[24], began[24], ended[24], took[24];
	uint64_t from = ask_u64(r, "started"), to = ask_u64(r, "ended");

	if (ask_u64(r, "due"))
		output_text("  due      %s%s\n",
			    jobs_time(due, ask_u64(r, "due")),
			    ask_true(r, "late") ? ", caught up" : "");
	if (ask_u64(r, "skipped"))
		output_text("  it stands for %llu that were due before\n",
			    (unsigned long long)ask_u64(r, "skipped"));
	if (ask_u64(r, "attempt") > 1)
		output_text("  the run before it died: the second try\n");
	if (ask_str(r, "held_why"))
		output_text("  held for %s: %s\n",
			    output_elapsed(took, (double)ask_u64(r, "held")),
			    ask_str(r, "held_why"));
	output_text("  began    %s\n", jobs_time(began, from));
	if (to)
		output_text("  ended    %s, after %s\n", jobs_time(ended, to),
			    output_elapsed(took, from && to >= from
							 ? (double)(to - from)
							 : 0));
}

static void put_whole(const struct json *r)
{
	const struct json *error = json_first(json_get(r, "errors"));
	char note[600];

	output_text("job %llu: %s\n", (unsigned long long)ask_u64(r, "id"),
		    word_of(r));
	if (ask_str(r, "schedule"))
		output_text("  schedule %s\n", ask_str(r, "schedule"));
	if (ask_str(r, "what"))
		output_text("  of       %s\n", ask_str(r, "what"));
	if (ask_str(r, "repository"))
		output_text("  to       %s\n", ask_str(r, "repository"));
	put_times(r);
	if (ask_str(r, "snapshot_id"))
		output_text("  snapshot %.8s\n", ask_str(r, "snapshot_id"));
	remark(r, note, sizeof(note));
	if (note[0])
		output_text("  %s\n", note);
	if (ask_str(r, "scan_reason"))
		output_text("  scanned: %s\n", ask_str(r, "scan_reason"));
	for (; error; error = json_next(error))
		output_text("  | %s\n", json_to_str(error) ?: "");
}

/* --- the list --- */

/* Each line is a record. */
static int put_all(struct buf *b, bool whole, size_t *n)
{
	const char *p = (const char *)b->p, *end = p + b->len, *nl;

	for (*n = 0; p < end && (nl = memchr(p, '\n', (size_t)(end - p)));
	     p = nl + 1, (*n)++) {
		CLEANUP_JSON struct json *r = NULL;
		int e = json_parse(SPAN(p, (size_t)(nl - p)), RECORD_MAX, &r);

		if (e < 0)
			return log_fail(e, "read what tidemarkd sent");
		if (output_is_json())
			put_json(r);
		else if (whole)
			put_whole(r);
		else
			put_line(r);
	}
	return 0;
}

static int list(const struct cli *cli, uint64_t id)
{
	CLEANUP_BUF struct buf b = BUF_INIT(LIST_MAX);
	CLEANUP_JSON struct json *reply = NULL;
	CLEANUP_CLOSE int fd = -1;
	CLEANUP_ASK struct ask a;
	size_t n = 0;

	ask_begin(&a, "jobs");
	if (id)
		json_u64(&a.json, "id", id);
	else
		json_u64(&a.json, "last", cli_u64(cli, "last", LAST_DEFAULT));
	if (ask_send(&a, cli, &reply, &fd) < 0 || jobs_read_fd(fd, &b) < 0 ||
	    put_all(&b, id != 0, &n) < 0)
		return CLI_FATAL;
	if (n == 0 && id) {
		log_error("there is no job %llu", (unsigned long long)id);
		return CLI_FATAL;
	}
	if (n == 0)
		output_note("no job has run yet\n");
	return CLI_OK;
}

static int cancel(const struct cli *cli, uint64_t id)
{
	CLEANUP_JSON struct json *reply = NULL;
	CLEANUP_CLOSE int fd = -1;
	CLEANUP_ASK struct ask a;
	struct output_line line;

	ask_begin(&a, "job-cancel");
	json_u64(&a.json, "id", id);
	if (ask_send(&a, cli, &reply, &fd) < 0)
		return CLI_FATAL;
	if (output_is_json()) {
		output_begin(&line, "job_cancelled");
		json_u64(&line.json, "id", id);
		output_end(&line);
	}
	output_note("job %llu is told to end\n", (unsigned long long)id);
	return CLI_OK;
}

int cmd_jobs(struct cli *cli)
{
	const char *word = cli_form_word(cli), *const * args;
	uint64_t id = 0;
	size_t n;

	args = cli_args(cli, &n);
	if (n > 0 && (cli_parse_u64(args[0], &id) < 0 || id == 0)) {
		log_error("%s is no number of a job: tidemark jobs lists them",
			  args[0]);
		return CLI_FATAL;
	}
	return word ? cancel(cli, id) : list(cli, id);
}
