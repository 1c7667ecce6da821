/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.c - the verb that looks for changes that nothing told of.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "archive/attr.h"
#include "base/log.h"
#include "repo/snapref.h"
#include "tools/audit.h"
#include "tools/commands.h"
#include "tools/output.h"

/* Of the period; of 30 days 43 minutes. */
#define DUE_LEAST 0.001

/* --- what it is about --- */

/* Paths of the newest snapshot of this host. */
static int paths_of_newest(struct audit *a)
{
	const char *host = a->in.host;
	struct snapref_filter f = { .hosts = &host, .n_hosts = 1 };
	struct snapshot *list = NULL;
	size_t n = 0;
	uint32_t i;
	int e = snapref_list(a->o.repo, &f, &list, &n);

	for (i = 0; e == 0 && n > 0 && i < list[n - 1].n_paths; i++)
		e = fileslist_add(&a->in.list, list[n - 1].paths[i]);
	snapref_list_free(list, n);
	if (e == 0 && n == 0) {
		log_error("no snapshot is of host %s: give the paths of the "
			  "backup, or --host",
			  host);
		e = -ENOENT;
	}
	return e;
}

static int new_archiver(struct audit *a)
{
	struct archiver_options opt = {
		.paths = (const char *const *)a->in.list.paths,
		.n_paths = a->in.list.count,
		.filter = a->in.filter,
		.threads = 1,
		.source = &change_scan,
		.stream_fd = -1,
		.on_error = output_on_error,
	};

	return archiver_new(&opt, &a->archiver);
}

static int find_sources(struct audit *a)
{
	uint32_t i, n;
	char **paths = archiver_paths(a->archiver, &n);

	a->sources = calloc(n + 1, sizeof(*a->sources));
	if (!a->sources)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		CLEANUP_CLOSE int fd =
			open(paths[i], O_PATH | O_NOFOLLOW | O_CLOEXEC);
		struct audit_source *s = &a->sources[a->n_sources];
		struct statx st;

		if (fd < 0 ||
		    statx(fd, "", AT_EMPTY_PATH, STATX_INO, &st) < 0) {
			a->unreadable++;
			output_on_error(NULL, paths[i], -errno, "source");
			continue;
		}
		s->path = paths[i];
		s->key.fsid =
			archiver_fs_number(a->archiver, fd, attr_dev(&st));
		s->key.ino = st.stx_ino;
		a->n_sources++;
	}
	return 0;
}

static void add_skip(struct audit *a, const char *path)
{
	if (archive_skip_of(path, &a->in.skips[a->in.n_skips]))
		a->in.n_skips++;
}

/* What can be told without the repository's key. */
static int find_plan(struct audit *a)
{
	char **paths;
	uint32_t n;
	int e = 0;

	if (!a->o.cache_dir) {
		log_error("an audit needs the catalog, and there is no place "
			  "for one: give --cache-dir");
		e = -ENOENT;
	}
	if (e == 0)
		e = new_archiver(a);
	if (e == 0)
		e = find_sources(a);
	if (e == 0)
		e = repo_state_path(a->o.cache_dir, &a->o.config, &a->dir);
	if (e < 0)
		return e;
	paths = archiver_paths(a->archiver, &n);
	backup_set_id(&a->in, paths, n, a->set);
	return audit_state_load(a);
}

/* So little that it is left for a later run. */
static bool is_nothing_due(const struct audit *a)
{
	static const char *const amounts[] = { "rate", "files", "read-bytes",
					       "all" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(amounts); i++)
		if (cli_given(a->cli, amounts[i]))
			return false;
	return audit_due(&a->plan, a->now, a->period) < DUE_LEAST;
}

static int prepare(struct audit *a)
{
	int e;

	add_skip(a, store_path(a->o.store));
	add_skip(a, a->dir);
	e = audit_check_init(&a->check, a->o.repo, a->o.reader);
	a->check.filter = a->in.filter;
	a->check.skips = a->in.skips;
	a->check.n_skips = a->in.n_skips;
	a->check.stopped = cli_interrupted;
	return e;
}

/* --- how much of it --- */

static int64_t period_of(const struct audit *a)
{
	struct timespan span = { .days = 30 };
	int64_t now = a->now * NSEC_PER_SEC;

	(void)cli_duration(a->cli, "period", &span);
	return MAX((now - timespan_before(now, &span)) / NSEC_PER_SEC,
		   (int64_t)1);
}

static struct audit_arc arc_of(struct audit *a)
{
	double part = audit_due(&a->plan, a->now, a->period);

	if (cli_flag(a->cli, "all"))
		part = 1;
	else if (cli_given(a->cli, "rate"))
		part = cli_percent(a->cli, "rate", 0) / 100;
	else if (cli_given(a->cli, "files"))
		part = (double)cli_u64(a->cli, "files", 1) /
		       (double)MAX(a->held, (uint64_t)1);
	if (cli_given(a->cli, "read-bytes")) {
		a->bytes_max = cli_u64(a->cli, "read-bytes", 0);
		return (struct audit_arc){ .from = a->plan.at,
					   .len = UINT64_MAX };
	}
	return audit_arc_of(&a->plan, part);
}

static int run(struct audit *a)
{
	struct audit_arc arc;
	int e = audit_count(a), healed;

	if (e == -ENOENT) {
		log_error("this machine has no catalog of a backup of these "
			  "paths to this repository: back up first");
		return e;
	}
	if (e < 0)
		return e;
	arc = arc_of(a);
	e = audit_arc_run(a, &arc);
	/* also what was found before it failed */
	healed = audit_heal(a);
	return e < 0 ? e : healed;
}

/* --- telling --- */

static const struct {
	unsigned int bit;
	const char *word;
} kinds[] = {
	{ AUDIT_GONE, "gone" },	       { AUDIT_STAT, "metadata" },
	{ AUDIT_ATTRS, "attributes" }, { AUDIT_CONTENT, "content" },
	{ AUDIT_NAMES, "names" },
};

static void tell_miss(const struct audit_miss *m)
{
	CLEANUP_FREE char *name =
		output_name(SPAN(m->unit.path, strlen(m->unit.path)));
	struct output_line line;
	char what[64] = "";
	size_t i, len = 0;

	for (i = 0; i < ARRAY_LEN(kinds); i++)
		if (m->differs & kinds[i].bit)
			len += (size_t)snprintf(what + len, sizeof(what) - len,
						"%s%s", len ? ", " : "",
						kinds[i].word);
	if (m->unit.is_tracked)
		log_error("changed, and the tracker did not record it: %s (%s)",
			  name ? name : "?", what);
	else
		log_error("changed without a sign, its times are the same: %s "
			  "(%s)",
			  name ? name : "?", what);
	if (!output_is_json())
		return;
	output_begin(&line, "miss");
	json_name(&line.json, "path", SPAN(m->unit.path, strlen(m->unit.path)));
	json_str(&line.json, "held_by",
		 m->unit.is_tracked ? "tracker" : "times");
	json_array(&line.json, "differs");
	for (i = 0; i < ARRAY_LEN(kinds); i++)
		if (m->differs & kinds[i].bit)
			json_str(&line.json, NULL, kinds[i].word);
	json_close(&line.json);
	output_end(&line);
}

static void tell_what_next(const struct audit *a)
{
	if (a->n_misses == 0)
		return;
	if (!a->healed)
		log_error("the catalog could not be changed: back up with "
			  "--force, which reads everything");
	else
		log_error("%llu of %llu had changed; the next backup looks at "
			  "everything and reads these again, older snapshots "
			  "hold what was there before",
			  (unsigned long long)a->n_misses,
			  (unsigned long long)a->looked_at);
	if (a->tracker_misses && !a->distrusted)
		log_error("tidemarkd could not be told: restart it after "
			  "tidemarkd --stop-tracking, other backups trust it "
			  "still");
	if (a->gave_up)
		log_error("%d were enough: audit again after the next backup",
			  AUDIT_MISSES_MAX);
}

static void report(const struct audit *a)
{
	double bound = audit_bound(a->n_misses, a->looked_at);
	double rate = a->looked_at ? (double)a->n_misses / (double)a->looked_at
				   : 0;
	char size[16], took[24];
	double seconds = (double)(output_clock() - a->began) / 1e9;
	struct output_line line;

	output_note("looked at %llu of %llu that are held to be unchanged, "
		    "%llu of them by tracker; read %s, in %s\n",
		    (unsigned long long)a->looked_at,
		    (unsigned long long)a->held,
		    (unsigned long long)a->by_tracker,
		    output_size(size, a->bytes), output_elapsed(took, seconds));
	if (a->looked_at)
		output_note("missed: %llu, and at most %.2g %% of all, with "
			    "95 %% certainty\n",
			    (unsigned long long)a->n_misses, bound * 100);
	if (!output_is_json())
		return;
	output_begin(&line, "summary");
	json_u64(&line.json, "held", a->held);
	json_u64(&line.json, "held_bytes", a->held_bytes);
	json_u64(&line.json, "changed", a->changed);
	json_u64(&line.json, "looked_at", a->looked_at);
	json_u64(&line.json, "files", a->files);
	json_u64(&line.json, "by_tracker", a->by_tracker);
	json_u64(&line.json, "bytes_read", a->bytes);
	json_u64(&line.json, "moved_meanwhile", a->moved);
	json_u64(&line.json, "errors", a->unreadable);
	json_u64(&line.json, "misses", a->n_misses);
	json_u64(&line.json, "tracker_misses", a->tracker_misses);
	json_double(&line.json, "miss_rate", rate);
	json_double(&line.json, "miss_rate_bound_95", bound);
	json_double(&line.json, "total_duration", seconds);
	output_end(&line);
}

static int code_of(const struct audit *a, int e)
{
	if (a->n_misses)
		return CLI_MISSED;
	if (e < 0)
		return cli_exit_of(e);
	return a->unreadable ? CLI_PARTIAL : CLI_OK;
}

static void release(struct audit *a)
{
	audit_close_view(a);
	audit_check_release(&a->check);
	archiver_free(a->archiver);
	free(a->sources);
	free(a->dir);
	free(a->misses);
	arena_release(&a->arena);
	backup_inputs_release(&a->in);
	opened_close(&a->o);
}

int cmd_audit(struct cli *cli)
{
	struct audit a = { .cli = cli,
			   .o = OPENED_INIT,
			   .in = { .may_name_none = true, .stream_fd = -1 },
			   .bytes_max = UINT64_MAX };
	size_t i;
	int code, e = 0;

	a.began = output_clock();
	a.now = time(NULL);
	a.period = period_of(&a);
	code = opened_store(cli, &a.o);
	if (code == CLI_OK)
		code = cli_exit_of(backup_inputs_init(&a.in, cli));
	if (code == CLI_OK && a.in.list.count == 0) {
		code = opened_repo(cli, &a.o);
		if (code == CLI_OK)
			code = cli_exit_of(paths_of_newest(&a));
	}
	if (code == CLI_OK)
		code = cli_exit_of(find_plan(&a));
	if (code == CLI_OK && is_nothing_due(&a)) {
		output_note("nothing is due yet\n");
		release(&a);
		return CLI_OK;
	}
	if (code == CLI_OK && !a.o.repo)
		code = opened_repo(cli, &a.o);
	if (code == CLI_OK)
		code = cli_exit_of(prepare(&a));
	if (code == CLI_OK) {
		e = run(&a);
		for (i = 0; i < a.n_misses; i++)
			tell_miss(&a.misses[i]);
		tell_what_next(&a);
		if (e == 0)
			report(&a);
		code = code_of(&a, e);
	}
	release(&a);
	return code;
}
