/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schedule.c - the verb schedule: what tidemarkd runs by itself, and when.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "tools/ask.h"
#include "tools/commands.h"
#include "tools/jobs.h"
#include "tools/output.h"

#define LIST_MAX ((size_t)256 << 20)

/* Ask, and parse the array that comes with the reply. */
static int fetch(struct ask *a, const struct cli *cli, struct json **out)
{
	CLEANUP_BUF struct buf b = BUF_INIT(LIST_MAX);
	CLEANUP_JSON struct json *reply = NULL;
	CLEANUP_CLOSE int fd = -1;
	int e = ask_send(a, cli, &reply, &fd);

	if (e == 0)
		e = jobs_read_fd(fd, &b);
	if (e < 0)
		return e;
	e = json_parse(SPAN_OF(&b), LIST_MAX, out);
	return e < 0 ? log_fail(e, "read what tidemarkd sent") : 0;
}

/* --- list --- */

static void put_json(const struct json *s)
{
	static const char *const texts[] = { "name",	   "when",
					     "state",	   "repository",
					     "held_why",   "last_result",
					     "last_reason" };
	static const char *const times[] = { "next", "due", "start",
					     "paused_until", "last_ended" };
	struct output_line line;
	size_t i;

	output_begin(&line, "schedule");
	for (i = 0; i < ARRAY_LEN(texts); i++)
		if (ask_str(s, texts[i]))
			json_str(&line.json, texts[i], ask_str(s, texts[i]));
	for (i = 0; i < ARRAY_LEN(times); i++)
		jobs_json_time(&line.json, times[i], ask_u64(s, times[i]));
	if (ask_u64(s, "job"))
		json_u64(&line.json, "job", ask_u64(s, "job"));
	if (ask_u64(s, "last_job"))
		json_u64(&line.json, "last_job", ask_u64(s, "last_job"));
	output_end(&line);
}

/* "next 2026-01-31 06:00:00", "job 12 runs", "held: ...". */
static void put_state(const struct json *s)
{
	const char *state = ask_text(s, "state");
	char when[24];

	if (ask_u64(s, "job"))
		output_text("job %" PRIu64 " %s", ask_u64(s, "job"),
			    !strcmp(state, "running") ? "runs" : "waits");
	else if (!strcmp(state, "held"))
		output_text("held: %s", ask_text(s, "held_why"));
	else if (!strcmp(state, "delayed"))
		output_text("starts %s", jobs_time(when, ask_u64(s, "start")));
	else if (!strcmp(state, "paused") && ask_u64(s, "paused_until"))
		output_text("paused until %s",
			    jobs_time(when, ask_u64(s, "paused_until")));
	else if (!strcmp(state, "paused") || !strcmp(state, "disabled"))
		output_text("%s", state);
	else
		output_text("next %s", jobs_time(when, ask_u64(s, "next")));
}

static void put_last(const struct json *s)
{
	char when[24];

	if (!ask_u64(s, "last_job"))
		output_text("; has not run yet\n");
	else
		output_text("; job %" PRIu64 " %s %s%s%s\n",
			    ask_u64(s, "last_job"), ask_text(s, "last_result"),
			    jobs_time(when, ask_u64(s, "last_ended")),
			    ask_str(s, "last_reason") ? ": " : "",
			    ask_str(s, "last_reason") ?: "");
}

static int list(const struct cli *cli)
{
	CLEANUP_JSON struct json *all = NULL;
	CLEANUP_ASK struct ask a;
	const struct json *s;

	ask_begin(&a, "schedules");
	if (fetch(&a, cli, &all) < 0)
		return CLI_FATAL;
	for (s = json_first(all); s; s = json_next(s)) {
		if (output_is_json()) {
			put_json(s);
			continue;
		}
		output_text("%s: %s, to %s\n  ", ask_text(s, "name"),
			    ask_text(s, "when"), ask_text(s, "repository"));
		put_state(s);
		put_last(s);
	}
	if (!json_first(all))
		output_note("nothing is scheduled: see tidemarkd.conf(5)\n");
	return CLI_OK;
}

int schedule_put_status(const struct cli *cli)
{
	CLEANUP_JSON struct json *all = NULL;
	CLEANUP_ASK struct ask a;
	const struct json *s;
	int e;

	ask_begin(&a, "schedules");
	e = fetch(&a, cli, &all);
	for (s = e < 0 ? NULL : json_first(all); s; s = json_next(s)) {
		if (output_is_json()) {
			put_json(s);
			continue;
		}
		output_text("schedule %s: ", ask_text(s, "name"));
		put_state(s);
		put_last(s);
	}
	return e;
}

/* --- next --- */

static int next(const struct cli *cli, const char *name)
{
	CLEANUP_JSON struct json *all = NULL;
	CLEANUP_ASK struct ask a;
	const struct json *s;
	struct output_line line;
	char when[24], delay[24];

	ask_begin(&a, "schedule-next");
	if (name)
		json_str(&a.json, "name", name);
	json_u64(&a.json, "count", cli_u64(cli, "count", 10));
	if (fetch(&a, cli, &all) < 0)
		return CLI_FATAL;
	for (s = json_first(all); s; s = json_next(s)) {
		if (output_is_json()) {
			output_begin(&line, "scheduled_run");
			json_str(&line.json, "name", ask_text(s, "name"));
			jobs_json_time(&line.json, "due", ask_u64(s, "due"));
			json_u64(&line.json, "delay", ask_u64(s, "delay"));
			output_end(&line);
			continue;
		}
		output_text("%s  %s", jobs_time(when, ask_u64(s, "due")),
			    ask_text(s, "name"));
		if (ask_u64(s, "delay"))
			output_text(" (and %s)",
				    output_elapsed(delay, (double)ask_u64(
								  s, "delay")));
		output_text("\n");
	}
	return CLI_OK;
}

/* --- run, pause, resume --- */

/* Until the job has ended: its result as an exit status. */
static int wait_for(const struct cli *cli, uint64_t id)
{
	CLEANUP_JSON struct json *reply = NULL, *done = NULL;
	CLEANUP_CLOSE int fd = -1;
	CLEANUP_ASK struct ask wait, look;
	const char *result;

	ask_begin(&look, "jobs");
	json_u64(&look.json, "id", id);
	ask_begin(&wait, "job-wait");
	json_u64(&wait.json, "id", id);
	if (ask_send(&wait, cli, &reply, &fd) < 0 ||
	    fetch(&look, cli, &done) < 0)
		return CLI_FATAL;
	result = ask_text(done, "result");
	if (strcmp(result, "ok") != 0)
		log_error("job %" PRIu64 " %s%s%s", id, result,
			  ask_str(done, "reason") ? ": " : "",
			  ask_str(done, "reason") ?: "");
	return !strcmp(result, "ok")	    ? CLI_OK
	       : !strcmp(result, "partial") ? CLI_PARTIAL
					    : CLI_FATAL;
}

static int run(const struct cli *cli, const char *name)
{
	CLEANUP_JSON struct json *reply = NULL;
	CLEANUP_CLOSE int fd = -1;
	CLEANUP_ASK struct ask a;
	struct output_line line;
	uint64_t id;

	ask_begin(&a, "schedule-run");
	json_str(&a.json, "name", name);
	if (ask_send(&a, cli, &reply, &fd) < 0)
		return CLI_FATAL;
	id = ask_u64(reply, "id");
	if (output_is_json()) {
		output_begin(&line, "job_queued");
		json_u64(&line.json, "id", id);
		json_str(&line.json, "name", name);
		output_end(&line);
	}
	output_note("%s is job %" PRIu64 "\n", name, id);
	return cli_flag(cli, "wait") ? wait_for(cli, id) : CLI_OK;
}

static int change(const struct cli *cli, const char *op, const char *name)
{
	CLEANUP_JSON struct json *reply = NULL;
	CLEANUP_CLOSE int fd = -1;
	CLEANUP_ASK struct ask a;
	struct output_line line;
	int64_t until = 0;

	ask_begin(&a, op);
	json_str(&a.json, "name", name);
	if (cli_time(cli, "until", &until))
		json_i64(&a.json, "until", until / NSEC_PER_SEC);
	if (ask_send(&a, cli, &reply, &fd) < 0)
		return CLI_FATAL;
	if (output_is_json()) {
		output_begin(&line, !strcmp(op, "schedule-pause")
					    ? "schedule_paused"
					    : "schedule_resumed");
		json_str(&line.json, "name", name);
		output_end(&line);
	}
	output_note("%s %s\n", name,
		    !strcmp(op, "schedule-pause") ? "is paused" : "goes on");
	return CLI_OK;
}

int cmd_schedule(struct cli *cli)
{
	const char *word = cli_form_word(cli), *const * args;
	size_t n;

	args = cli_args(cli, &n);
	if (!strcmp(word, "list"))
		return list(cli);
	if (!strcmp(word, "next"))
		return next(cli, NULL);
	if (!strcmp(word, "run"))
		return run(cli, args[0]);
	return change(cli,
		      !strcmp(word, "pause") ? "schedule-pause"
					     : "schedule-resume",
		      args[0]);
}
