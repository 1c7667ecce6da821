/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output.c - lines for people or scripts.
 *
 * Whoever writes to the terminal first takes the progress bar away, under
 * the lock that the bar is drawn under; it comes back with its next turn.
 */
#include "tools/output.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "base/io.h"
#include "tools/output_priv.h"

static bool json, quiet;
static unsigned int verbosity;

pthread_mutex_t output_lock = PTHREAD_MUTEX_INITIALIZER;
bool output_bar_shown;	     /* guarded by output_lock */
static int write_error;	     /* guarded by output_lock */
static char last_error[512]; /* guarded by output_lock */

void output_bar_clear(void)
{
	if (output_bar_shown)
		fputs("\r\033[K", stderr);
	output_bar_shown = false;
}

/* A whole line in one write, so that lines of two programs do not mix. */
static void put_line(FILE *to, struct output_line *line)
{
	int r;

	json_close(&line->json);
	r = json_end(&line->json);
	if (r == 0)
		r = buf_u8(&line->buf, '\n');
	pthread_mutex_lock(&output_lock);
	if (r == 0 &&
	    fwrite(line->buf.p, 1, line->buf.len, to) != line->buf.len)
		r = -errno;
	if (r < 0 && to == stdout && write_error == 0)
		write_error = r;
	pthread_mutex_unlock(&output_lock);
	buf_release(&line->buf);
}

void output_begin(struct output_line *line, const char *message_type)
{
	line->buf = BUF_INIT(16u << 20);
	line->json = JSON_OUT(&line->buf);
	json_object(&line->json, NULL);
	json_str(&line->json, "message_type", message_type);
	json_u64(&line->json, "schema", OUTPUT_SCHEMA);
}

void output_end(struct output_line *line)
{
	put_line(stdout, line);
}

static const char *level_name(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return "error";
	case LOG_LEVEL_WARNING:
		return "warning";
	case LOG_LEVEL_DEBUG:
		return "debug";
	default:
		return "info";
	}
}

static void remember(enum log_level level, const char *text)
{
	if (level != LOG_LEVEL_ERROR)
		return;
	pthread_mutex_lock(&output_lock);
	snprintf(last_error, sizeof(last_error), "%s", text);
	pthread_mutex_unlock(&output_lock);
}

static void sink_json(enum log_level level, const char *text, void *arg)
{
	struct output_line line;

	(void)arg;
	remember(level, text);
	output_begin(&line, level_name(level));
	json_str(&line.json, "message", text);
	put_line(stderr, &line);
}

static void sink_human(enum log_level level, const char *text, void *arg)
{
	const char *prefix = level == LOG_LEVEL_WARNING ? "warning: "
			     : level == LOG_LEVEL_DEBUG ? "debug: "
							: "";

	(void)arg;
	pthread_mutex_lock(&output_lock);
	output_bar_clear();
	fprintf(stderr, "tidemark: %s%s\n", prefix, text);
	pthread_mutex_unlock(&output_lock);
}

void output_early(bool wants_json)
{
	json = wants_json;
	log_set_sink(json ? sink_json : sink_human, NULL);
}

void output_init(const struct cli *cli)
{
	output_early(cli_flag(cli, "json"));
	quiet = cli_flag(cli, "quiet");
	verbosity = MIN(cli_count(cli, "verbose"), 2u);
	log_set_level(quiet	       ? LOG_LEVEL_WARNING
		      : verbosity >= 2 ? LOG_LEVEL_DEBUG
				       : LOG_LEVEL_INFO);
}

static void say_exit_error(int code)
{
	struct output_line line;

	output_begin(&line, "exit_error");
	json_i64(&line.json, "code", code);
	json_str(&line.json, "message",
		 code == CLI_INTERRUPTED ? "interrupted" : last_error);
	put_line(stderr, &line);
}

int output_finish(int code)
{
	int r;

	pthread_mutex_lock(&output_lock);
	if (fflush(stdout) != 0 && write_error == 0)
		write_error = -errno;
	r = write_error;
	pthread_mutex_unlock(&output_lock);
	if (r < 0) {
		/* Who closed the pipe has seen enough and is told nothing;
		 * what was to be done is done all the same. */
		if (r != -EPIPE)
			log_fail(r, "write standard output");
		if (r != -EPIPE && code == CLI_OK)
			code = CLI_FATAL;
	}
	if (json && code != CLI_OK)
		say_exit_error(code);
	return code;
}

bool output_is_json(void)
{
	return json;
}

bool output_is_quiet(void)
{
	return quiet;
}

unsigned int output_verbosity(void)
{
	return verbosity;
}

static void PRINTF_LIKE(1, 0) text_out(const char *fmt, va_list ap)
{
	pthread_mutex_lock(&output_lock);
	output_bar_clear();
	if (vprintf(fmt, ap) < 0 && write_error == 0)
		write_error = -errno;
	pthread_mutex_unlock(&output_lock);
}

void output_text(const char *fmt, ...)
{
	va_list ap;

	if (json)
		return;
	va_start(ap, fmt);
	text_out(fmt, ap);
	va_end(ap);
}

void output_note(const char *fmt, ...)
{
	va_list ap;

	if (json || quiet)
		return;
	va_start(ap, fmt);
	text_out(fmt, ap);
	va_end(ap);
}

int output_bytes(struct span bytes)
{
	int r = 0;

	pthread_mutex_lock(&output_lock);
	if (fflush(stdout) != 0)
		r = -errno;
	if (r == 0)
		r = io_write_all(STDOUT_FILENO, bytes);
	if (r < 0 && write_error == 0)
		write_error = r;
	pthread_mutex_unlock(&output_lock);
	return r;
}

char *output_name(struct span name)
{
	size_t size = name.len * 4 + 1;
	char *out = malloc(size);

	return out ? log_printable(out, size, name.p, name.len) : NULL;
}

void output_item(enum log_level level, const char *during, struct span path,
		 int err)
{
	CLEANUP_FREE char *name = NULL;
	struct output_line line;
	char text[512];
	bool whole;

	if (!log_enabled(level))
		return;
	name = output_name(path);
	/* "changed while it was read:" is the whole story */
	whole = *during && during[strlen(during) - 1] == ':';
	snprintf(text, sizeof(text), "%s%s", whole ? "" : ": ",
		 whole ? "" : log_strerror(err));
	if (!json) {
		if (level == LOG_LEVEL_ERROR)
			log_error("%s %s%s", during, name ? name : "", text);
		else
			log_warn("%s %s%s", during, name ? name : "", text);
		return;
	}
	snprintf(text, sizeof(text), "%s %s%s%s", during, name ? name : "",
		 whole ? "" : ": ", whole ? "" : log_strerror(err));
	remember(level, text);
	output_begin(&line, level_name(level));
	json_str(&line.json, "message", text);
	json_str(&line.json, "during", during);
	json_name(&line.json, "path", path);
	json_i64(&line.json, "errno", err < 0 ? -err : err);
	put_line(stderr, &line);
}

void output_on_error(void *arg, const char *path, int err, const char *during)
{
	(void)arg;
	output_item(LOG_LEVEL_ERROR, during, SPAN(path, strlen(path)), err);
}

void output_action(const char *action, const char *path, uint64_t size)
{
	struct span item = SPAN(path, strlen(path));
	CLEANUP_FREE char *name = NULL;
	struct output_line line;

	if (output_is_json()) {
		output_begin(&line, "verbose_status");
		json_str(&line.json, "action", action);
		json_name(&line.json, "item", item);
		json_u64(&line.json, "size", size);
		output_end(&line);
		return;
	}
	name = output_name(item);
	output_note("%-9s %s\n", action, name ? name : "?");
}

int64_t output_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NSEC_PER_SEC + t.tv_nsec;
}

char *output_count(char out[static 48], uint64_t n, const char *one,
		   const char *many)
{
	snprintf(out, 48, "%llu %s", (unsigned long long)n,
		 n == 1 ? one : many);
	return out;
}

char *output_size(char out[static 16], uint64_t bytes)
{
	static const char units[] = "KMGTPE";
	double v = (double)bytes;
	int i = -1;

	/* From 999.95 on, "%.1f" would say 1000.0. */
	while (v >= 999.95 && i < 5) {
		v /= 1024;
		i++;
	}
	if (i < 0)
		snprintf(out, 16, "%u B", (unsigned int)bytes);
	else
		snprintf(out, 16, "%.1f %ciB", v, units[i]);
	return out;
}

char *output_elapsed(char out[static 24], double seconds)
{
	unsigned long s = seconds > 0 && seconds < 1e9 ? (unsigned long)seconds
						       : 0;

	if (s >= 3600)
		snprintf(out, 24, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60,
			 s % 60);
	else if (s >= 60)
		snprintf(out, 24, "%lu:%02lu", s / 60, s % 60);
	else if (s >= 10)
		snprintf(out, 24, "%lus", s);
	else
		snprintf(out, 24, "%.1fs", seconds > 0 ? seconds : 0.0);
	return out;
}

char *output_time(char out[static 24], int64_t ns)
{
	struct tm tm;

	time_local(ns, &tm);
	if (strftime(out, 24, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		out[0] = '\0';
	return out;
}
