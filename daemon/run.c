/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run.c - one run of a schedule: before, backup, forget, audit, after.
 */
#include "daemon/run.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/child.h"

#define ARGS_MAX 4096
#define CODE_PARTIAL 3 /* of tidemark: docs/tidemark(1) */
#define CODE_MISSED 4
#define CODE_INTERRUPTED 130

/* Words of a command line or an environment. */
struct words {
	const char **v;
	char **owned;
	size_t n, n_owned;
	bool failed;
};

static void words_init(struct words *w)
{
	*w = (struct words){ .v = calloc(ARGS_MAX + 1, sizeof(*w->v)),
			     .owned = calloc(ARGS_MAX, sizeof(*w->owned)) };
	w->failed = !w->v || !w->owned;
}

static void words_release(struct words *w)
{
	while (w->n_owned > 0)
		free(w->owned[--w->n_owned]);
	free(w->owned);
	free(w->v);
}

static void add(struct words *w, const char *word)
{
	if (w->failed || w->n == ARGS_MAX)
		w->failed = true;
	else
		w->v[w->n++] = word;
}

/* KEY=value; the word is the list's. */
static void add_pair(struct words *w, const char *key, const char *value)
{
	char *word;

	if (w->failed || asprintf(&word, "%s=%s", key, value) < 0) {
		w->failed = true;
		return;
	}
	w->owned[w->n_owned++] = word;
	add(w, word);
}

static void add_list(struct words *w, const struct settings_list *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		add(w, l->v[i]);
}

/* --- the environment --- */

/* What is the daemon's own, or decided by the schedule. */
static bool is_ours(const char *word)
{
	static const char *const keys[] = {
		"NOTIFY_SOCKET=",
		"WATCHDOG_",
		"LISTEN_",
		"JOURNAL_STREAM=",
		"TIDEMARK_SOCKET=",
		"TIDEMARK_REPOSITORY=",
		"TIDEMARK_PASSPHRASE_",
		"TIDEMARK_JOB",
		"TIDEMARK_SCHEDULE=",
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(keys); i++)
		if (!strncmp(word, keys[i], strlen(keys[i])))
			return true;
	return false;
}

static void make_env(const struct run *r, const struct record *rec,
		     struct words *env)
{
	const struct settings_schedule *sc = r->schedule;
	char id[24];
	size_t i;

	words_init(env);
	for (i = 0; environ[i]; i++)
		if (!is_ours(environ[i]))
			add(env, environ[i]);
	snprintf(id, sizeof(id), "%llu", (unsigned long long)rec->id);
	add_pair(env, "TIDEMARK_JOB", id);
	add_pair(env, "TIDEMARK_SCHEDULE", sc->name);
	add_pair(env, "TIDEMARK_SOCKET", r->socket);
	add_pair(env, "TIDEMARK_REPOSITORY", sc->repository);
	if (sc->passphrase_file)
		add_pair(env, "TIDEMARK_PASSPHRASE_FILE", sc->passphrase_file);
	if (sc->passphrase_command)
		add_pair(env, "TIDEMARK_PASSPHRASE_COMMAND",
			 sc->passphrase_command);
}

/* --- steps --- */

struct step {
	const struct run *r;
	struct record *rec;
	const char *name;
	char said[512]; /* the last error, as tidemark sums it up */
};

/* What tidemark --json says; and any text, of hooks and of the loader. */
static void on_line(void *arg, bool is_error, const char *text)
{
	struct step *s = arg;
	CLEANUP_JSON struct json *j = NULL;
	const char *type, *message;

	if (text[0] != '{' ||
	    json_parse(SPAN(text, strlen(text)), CHILD_LINE_MAX, &j) < 0) {
		if (is_error)
			record_add_error(s->rec, text);
		return;
	}
	type = json_to_str(json_get(j, "message_type")) ?: "";
	message = json_to_str(json_get(j, "message")) ?: "";
	/* the numbers of the run are those of its backup */
	if (!strcmp(type, "summary") && !strcmp(s->name, "backup"))
		record_read_summary(s->rec, j);
	else if (!strcmp(type, "exit_error"))
		RECORD_SET(s->said, message);
	else if (!strcmp(type, "error"))
		record_add_error(s->rec, message);
}

/* Why it was not good goes to rec->reason, if nothing is there yet. */
static void blame(struct step *s, const char *why)
{
	char text[1024];

	if (s->rec->reason[0])
		return;
	snprintf(text, sizeof(text), "%s: %s", s->name, why);
	RECORD_SET(s->rec->reason, text);
}

/* Its exit code; -1: it could not be run, was ended or cancelled, and the
 * result is set. */
static int run_step(struct step *s, struct child *c)
{
	struct child_end end;
	char words[64];
	int e;

	c->line = on_line;
	c->arg = s;
	e = child_run(c, &end);
	if (e < 0) {
		snprintf(words, sizeof(words), "cannot be run: %s",
			 strerror(-e));
		s->rec->result = RECORD_FAILED;
		blame(s, words);
		return -1;
	}
	child_end_words(&end, words);
	if (end.was_cancelled) {
		s->rec->result = RECORD_CANCELLED;
		return -1;
	}
	if (end.was_too_long || end.signal) {
		s->rec->result = RECORD_FAILED;
		blame(s, words);
		return -1;
	}
	if (end.code != 0)
		blame(s, s->said[0] ? s->said : words);
	return end.code;
}

/* 0 if it ended well. */
static int run_hook(const struct run *r, struct record *rec, const char *name,
		    const char *command)
{
	struct step s = { .r = r, .rec = rec, .name = name };
	const char *const argv[] = { "/bin/sh", "-c", command, NULL };
	struct child c = { .argv = argv,
			   .limit_s = r->schedule->hook_timeout_s,
			   .cancel = r->cancel };
	struct words env;
	int code = -1;

	make_env(r, rec, &env);
	if (!strcmp(name, "after")) {
		/* it is run also when the job was cancelled, and to its end */
		c.cancel = -1;
		add_pair(&env, "TIDEMARK_JOB_RESULT",
			 record_result_word(rec->result));
		add_pair(&env, "TIDEMARK_JOB_REASON", rec->reason);
		add_pair(&env, "TIDEMARK_JOB_SNAPSHOT", rec->snapshot);
	}
	c.envp = (char *const *)(uintptr_t)env.v;
	if (!env.failed)
		code = run_step(&s, &c);
	words_release(&env);
	return code;
}

static int run_tidemark(const struct run *r, struct record *rec,
			const char *verb, const struct words *args,
			uint32_t limit_s)
{
	struct step s = { .r = r, .rec = rec, .name = verb };
	struct child c = { .nice = r->schedule->nice,
			   .io_class = r->schedule->io_class,
			   .limit_s = limit_s,
			   .cancel = r->cancel };
	struct words env;
	int code = -1;

	make_env(r, rec, &env);
	c.argv = args->v;
	c.envp = (char *const *)(uintptr_t)env.v;
	if (!env.failed && !args->failed)
		code = run_step(&s, &c);
	words_release(&env);
	return code;
}

static void run_backup(const struct run *r, struct record *rec)
{
	const struct settings_schedule *sc = r->schedule;
	struct words args;
	int code;

	words_init(&args);
	add(&args, r->program);
	add(&args, "backup");
	add(&args, "--json");
	/* status lines once a second say nothing here */
	add(&args, "--quiet");
	add_list(&args, &sc->options);
	add(&args, "--");
	add_list(&args, &sc->paths);
	code = run_tidemark(r, rec, "backup", &args, sc->time_limit_s);
	words_release(&args);
	if (code < 0)
		return;
	rec->exit_code = code;
	rec->result = code == 0		     ? RECORD_OK
		      : code == CODE_PARTIAL ? RECORD_PARTIAL
					     : RECORD_FAILED;
	if (code == CODE_INTERRUPTED)
		rec->result = RECORD_CANCELLED;
}

/* Only snapshots of this host that hold these paths. */
static void run_forget(const struct run *r, struct record *rec)
{
	const struct settings_schedule *sc = r->schedule;
	char host[HOST_NAME_MAX + 1] = "";
	const char *name = host;
	struct words args;
	size_t i;
	int code;

	for (i = 0; i < sc->options.n; i++)
		if (!strncmp(sc->options.v[i], "--host=", 7))
			name = sc->options.v[i] + 7;
	if (name == host && gethostname(host, sizeof(host)) < 0)
		return;
	words_init(&args);
	add(&args, r->program);
	add(&args, "forget");
	add(&args, "--json");
	add(&args, "--quiet");
	add_pair(&args, "--host", name);
	for (i = 0; i < sc->paths.n; i++)
		add_pair(&args, "--path", sc->paths.v[i]);
	add_list(&args, &sc->keep);
	if (sc->prune)
		add(&args, "--prune");
	code = run_tidemark(r, rec, "forget", &args, 0);
	words_release(&args);
	/* the backup itself is there */
	if (code != 0 && rec->result == RECORD_OK)
		rec->result = RECORD_PARTIAL;
}

/* An option of backup that says what a backup is about. */
static bool is_of_audit(const char *word)
{
	static const char *const some[] = { "--exclude",  "--iexclude",
					    "--one-file", "--host",
					    "--limit-",	  "--cache-dir" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(some); i++)
		if (!strncmp(word, some[i], strlen(some[i])))
			return true;
	return false;
}

/* A part of what did not change, as nobody's need: so at the lowest
 * priority. */
static void run_audit(const struct run *r, struct record *rec)
{
	const struct settings_schedule *sc = r->schedule;
	struct settings_schedule low = *sc;
	struct run quiet = *r;
	struct words args;
	char hours[24];
	size_t i;
	int code;

	low.nice = 19;
	low.io_class = (char *)(uintptr_t) "idle";
	quiet.schedule = &low;
	words_init(&args);
	add(&args, r->program);
	add(&args, "audit");
	add(&args, "--json");
	add(&args, "--quiet");
	snprintf(hours, sizeof(hours), "%uh", sc->audit_s / 3600);
	add_pair(&args, "--period", hours);
	for (i = 0; i < sc->options.n; i++)
		if (is_of_audit(sc->options.v[i]))
			add(&args, sc->options.v[i]);
	add(&args, "--");
	add_list(&args, &sc->paths);
	code = run_tidemark(&quiet, rec, "audit", &args, sc->time_limit_s);
	words_release(&args);
	/* the backup itself is there, but something may be missing in it */
	if (code == CODE_MISSED)
		rec->result = RECORD_FAILED;
	else if (code != 0 && rec->result == RECORD_OK)
		rec->result = RECORD_PARTIAL;
}

/* A file that somebody else could have changed since it was configured. */
static bool secret_is_safe(const struct run *r, struct record *rec)
{
	const char *path = r->schedule->passphrase_file;
	char room[128], text[512];

	if (!path || settings_check_file(path, true, room) != -EPERM)
		return true;
	snprintf(text, sizeof(text), "%s: %s", path, room);
	RECORD_SET(rec->reason, text);
	rec->result = RECORD_FAILED;
	return false;
}

void run_schedule(const struct run *r, struct record *rec)
{
	const struct settings_schedule *sc = r->schedule;
	enum record_result result;

	rec->result = RECORD_OK;
	if (!secret_is_safe(r, rec))
		; /* no step, but the one that tells */
	else if (sc->before && run_hook(r, rec, "before", sc->before) != 0)
		rec->result = rec->result == RECORD_CANCELLED ? RECORD_CANCELLED
							      : RECORD_FAILED;
	else
		run_backup(r, rec);
	if (sc->keep.n > 0 && rec->result == RECORD_OK)
		run_forget(r, rec);
	if (sc->audit_s > 0 &&
	    (rec->result == RECORD_OK || rec->result == RECORD_PARTIAL))
		run_audit(r, rec);
	result = rec->result;
	if (sc->after) {
		(void)run_hook(r, rec, "after", sc->after);
		/* what it does changes no result, but it is told */
		rec->result = result;
	}
}

int run_find_program(char **out)
{
	static const char *const beside[] = { "tidemark", "../bin/tidemark" };
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;
	size_t i;

	if (n < 0)
		return log_fail(-errno, "read /proc/self/exe");
	self[n] = '\0';
	slash = strrchr(self, '/');
	if (slash)
		slash[1] = '\0';
	for (i = 0; i < ARRAY_LEN(beside); i++) {
		CLEANUP_FREE char *path = NULL;

		if (asprintf(&path, "%s%s", self, beside[i]) < 0)
			return -ENOMEM;
		if (access(path, X_OK) == 0) {
			*out = TAKE_PTR(path);
			return 0;
		}
	}
	return -ENOENT;
}
