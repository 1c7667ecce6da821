/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restore.c - the verb restore.
 *
 * SNAPSHOT:PATH puts what is below PATH directly into the target, as restic
 * does; PATH's own attributes become the target's. Without PATH the target
 * gets the whole tree, from the root.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "archive/restorer.h"
#include "base/io.h"
#include "base/log.h"
#include "repo/browse.h"
#include "repo/snapref.h"
#include "tools/commands.h"
#include "tools/opened.h"
#include "tools/patterns.h"
#include "tools/restore_device.h"
#include "tools/rollback.h"
#include "tools/show.h"

struct restore {
	const struct cli *cli;
	struct opened o;
	struct filter *include, *exclude;
	struct snapshot snap;
	char *prefix;	     /* PATH without its last slashes */
	struct tree_dir dir; /* holds self's memory */
	struct node self;
	struct restore_what what;
	char *target;
	struct archive_skip skips[2];
	struct rollback *rollback; /* NULL: look at everything */
	struct restorer *restorer;
	int64_t began; /* output_clock() */
	bool verifying;
};

static const char *const lost_words[LOST_KINDS] = {
	[LOST_OWNER] = "owners",
	[LOST_XATTR] = "extended attributes",
	[LOST_DEVICE] = "devices",
	[LOST_FLAGS] = "inode flags",
};

/* --- telling --- */

static void on_item(void *arg, const char *path, enum restore_action what,
		    uint64_t size)
{
	static const char *const words[] = { "restored", "updated", "unchanged",
					     "skipped", "deleted" };
	static const char *const dry[] = { "would restore", "would update",
					   "unchanged", "would skip",
					   "would delete" };
	const struct restore *s = arg;
	/* scripts are told by the summary */
	bool would = cli_flag(s->cli, "dry-run") && !output_is_json();

	if (what != RESTORE_UNCHANGED || output_verbosity() > 1)
		output_action(would ? dry[what] : words[what], path, size);
}

static void sample(void *arg, struct progress_sample *out)
{
	struct restore *s = arg;
	struct restore_progress p;
	bool whole = !*s->prefix && !s->rollback &&
		     filter_is_empty(s->include) && filter_is_empty(s->exclude);

	restorer_progress(s->restorer, &p);
	out->files_done = s->verifying ? p.verified : p.files;
	out->bytes_done = p.bytes + p.bytes_open;
	out->errors = p.errors;
	if (whole) {
		out->files_total = s->snap.stats.files;
		out->bytes_total = s->snap.stats.bytes;
	}
}

/* Is what was lost of this kind a failure? That only root can set owners is
 * known to everyone else who restores. */
static bool is_failure(const struct restore_progress *p, size_t kind)
{
	return p->lost[kind] > 0 && (kind != LOST_OWNER || geteuid() == 0);
}

/* Entries, of the snapshot. */
static uint64_t looked_at(const struct restore_progress *p)
{
	return p->files + p->dirs + p->others + p->skipped;
}

static uint64_t all_of(const struct restore *s)
{
	const struct snapshot_stats *st = &s->snap.stats;

	return st->files + st->dirs + st->others;
}

static void report_text(const struct restore *s,
			const struct restore_progress *p, double seconds)
{
	char size[16], written[16], took[24], n[3][48];
	bool dry = cli_flag(s->cli, "dry-run");
	size_t i;

	output_note("%s %s (%s), %s, %s in %s\n",
		    dry ? "would restore" : "restored",
		    output_count(n[0], p->files, "file", "files"),
		    output_size(size, p->bytes),
		    output_count(n[1], p->dirs, "directory", "directories"),
		    output_count(n[2], p->others, "other", "others"),
		    output_elapsed(took, seconds));
	if (!dry)
		output_note("wrote %s; %s right already\n",
			    output_size(written, p->bytes_written),
			    output_count(n[0], p->files_unchanged, "file was",
					 "files were"));
	if (s->rollback)
		output_note("looked at what changed since the snapshot, by "
			    "%s: %llu of %llu\n",
			    rollback_source(s->rollback),
			    (unsigned long long)looked_at(p),
			    (unsigned long long)all_of(s));
	if (p->left)
		output_note("%llu that came since %s left: --delete removes "
			    "%s\n",
			    (unsigned long long)p->left,
			    p->left == 1 ? "is" : "are",
			    p->left == 1 ? "it" : "them");
	if (p->skipped)
		output_note("skipped %llu that exist\n",
			    (unsigned long long)p->skipped);
	if (p->deleted)
		output_note("%s %llu that the snapshot does not hold\n",
			    dry ? "would delete" : "deleted",
			    (unsigned long long)p->deleted);
	if (s->verifying)
		output_note("verified %s\n", output_count(n[0], p->verified,
							  "entry", "entries"));
	for (i = 0; i < LOST_KINDS; i++) {
		if (!p->lost[i])
			continue;
		if (!is_failure(p, i))
			log_warn("the owner of %llu %s was not restored: only "
				 "root can give files away (--no-owner if "
				 "that is meant)",
				 (unsigned long long)p->lost[i],
				 p->lost[i] == 1 ? "entry" : "entries");
		else
			log_warn("%s of %llu %s could not be restored: not "
				 "permitted or not supported here%s",
				 lost_words[i], (unsigned long long)p->lost[i],
				 p->lost[i] == 1 ? "entry" : "entries",
				 i == LOST_OWNER ? " (--no-owner leaves them)"
						 : "");
	}
	if (p->errors)
		log_warn("%s",
			 output_count(n[0], p->errors, "error", "errors"));
	if (!filter_is_empty(s->include) &&
	    p->files + p->dirs + p->others + p->skipped + p->errors == 0)
		log_warn("nothing in the snapshot matches what --include asks "
			 "for");
}

static void report_json(const struct restore *s,
			const struct restore_progress *p, double seconds)
{
	struct output_line line;

	output_begin(&line, "summary");
	json_bool(&line.json, "dry_run", cli_flag(s->cli, "dry-run"));
	json_hex(&line.json, "snapshot_id", s->snap.id, OBJECT_ID_LEN);
	json_name(&line.json, "target", SPAN(s->target, strlen(s->target)));
	json_u64(&line.json, "files_restored", p->files);
	json_u64(&line.json, "dirs_restored", p->dirs);
	json_u64(&line.json, "others_restored", p->others);
	json_u64(&line.json, "bytes_restored", p->bytes);
	json_u64(&line.json, "bytes_written", p->bytes_written);
	json_u64(&line.json, "files_unchanged", p->files_unchanged);
	json_u64(&line.json, "files_skipped", p->skipped);
	json_u64(&line.json, "files_deleted", p->deleted);
	json_u64(&line.json, "verified", p->verified);
	json_u64(&line.json, "partial", p->partial);
	json_u64(&line.json, "owners_lost", p->lost[LOST_OWNER]);
	json_u64(&line.json, "xattrs_lost", p->lost[LOST_XATTR]);
	json_u64(&line.json, "devices_lost", p->lost[LOST_DEVICE]);
	json_u64(&line.json, "flags_lost", p->lost[LOST_FLAGS]);
	json_u64(&line.json, "errors", p->errors);
	if (s->rollback) {
		json_str(&line.json, "change_source",
			 rollback_source(s->rollback));
		json_u64(&line.json, "looked_at", looked_at(p));
		json_u64(&line.json, "total_entries", all_of(s));
		json_u64(&line.json, "files_left", p->left);
	}
	json_double(&line.json, "total_duration", seconds);
	output_end(&line);
}

/* Tell the result; the exit code it has. */
static int report(const struct restore *s)
{
	struct restore_progress p;
	double seconds = (double)(output_clock() - s->began) / 1e9;
	bool partial;
	size_t i;

	restorer_progress(s->restorer, &p);
	report_text(s, &p, seconds);
	if (output_is_json())
		report_json(s, &p, seconds);
	partial = p.errors > 0;
	for (i = 0; i < LOST_KINDS; i++)
		partial = partial || is_failure(&p, i);
	return partial ? CLI_PARTIAL : CLI_OK;
}

/* --- what the command line says --- */

static int init_filters(struct restore *s)
{
	int e = patterns_filter(s->cli, "include", &s->include);

	return e < 0 ? e : patterns_filter(s->cli, "exclude", &s->exclude);
}

static enum restore_overwrite overwrite_of(const struct cli *cli)
{
	const char *how = cli_str(cli, "overwrite");

	if (!how) /* with --delete the target becomes what the snapshot is */
		return cli_flag(cli, "delete") || cli_flag(cli, "changed-only")
			       ? RESTORE_IF_CHANGED
			       : RESTORE_REFUSE;
	if (!strcmp(how, "always"))
		return RESTORE_ALWAYS;
	if (!strcmp(how, "if-changed"))
		return RESTORE_IF_CHANGED;
	return strcmp(how, "if-newer") ? RESTORE_NEVER : RESTORE_IF_NEWER;
}

static int find_snapshot(struct restore *s)
{
	struct snapref_filter f = show_filter(s->cli);
	bool any = f.n_hosts || f.n_tags || f.n_paths;
	CLEANUP_FREE char *name = NULL;
	const char *const *args, *path;
	size_t n;
	int e;

	args = cli_args(s->cli, &n);
	e = snapref_split(args[0], &name, &path);
	if (e < 0)
		return e;
	n = strlen(path);
	while (n > 0 && path[n - 1] == '/')
		n--;
	s->prefix = strndup(path, n);
	if (!s->prefix)
		return -ENOMEM;
	return snapref_resolve(s->o.repo, name, any ? &f : NULL, &s->snap);
}

/* The node at PATH: a directory's entries, or one entry of its parent. */
static int find_path(struct restore *s)
{
	struct restore_what *what = &s->what;
	char *slash;
	int e;

	what->prefix = s->prefix;
	memcpy(what->tree, s->snap.tree, CHUNK_ID_LEN);
	if (!*s->prefix)
		return 0;
	e = tree_lookup(s->o.reader, s->snap.tree,
			SPAN(s->prefix, strlen(s->prefix)), &s->dir, &s->self);
	if (e == -ENOENT || e == -ENOTDIR) {
		log_error("the snapshot does not hold %s", s->prefix);
		return e;
	}
	if (e < 0)
		return e;
	if (s->self.type == NODE_DIR) {
		memcpy(what->tree, s->self.tree, CHUNK_ID_LEN);
		what->self = &s->self;
		return 0;
	}
	memcpy(what->tree, s->dir.id, CHUNK_ID_LEN);
	what->only = s->self.name;
	slash = strrchr(s->prefix, '/');
	*slash = '\0';
	return 0;
}

/* --- the target --- */

/* mkdir -p; the last one is private until its attributes are known. */
static int make_dirs(const char *path)
{
	CLEANUP_FREE char *copy = strdup(path);
	char *p;

	if (!copy)
		return -ENOMEM;
	for (p = copy + 1; *p; p++) {
		if (*p != '/' || p[1] == '/' || !p[1])
			continue;
		*p = '\0';
		if (mkdir(copy, 0777) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return mkdir(path, 0700) < 0 ? -errno : 0;
}

/* 1 if there is anything in it. */
static int has_entries(int fd)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), found;
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;

	if (!d)
		return -errno;
	for (found = 0; !found && (e = readdir(d));)
		found = strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
	closedir(d);
	return found;
}

static int check_empty(const struct restore *s)
{
	int e;

	if (s->what.target_is_new || overwrite_of(s->cli) != RESTORE_REFUSE)
		return 0;
	e = has_entries(s->what.target);
	if (e < 0)
		return log_fail(e, "list %s", s->target);
	if (e == 0)
		return 0;
	if (s->what.only.len) { /* the others in it do not matter */
		struct stat st;
		char name[NAME_BYTES_MAX + 1];

		snprintf(name, sizeof(name), "%.*s", (int)s->what.only.len,
			 s->what.only.p);
		if (cli_flag(s->cli, "in-place") &&
		    fstatat(s->what.target, name, &st, AT_SYMLINK_NOFOLLOW) &&
		    errno == ENOENT)
			return 0;
	}
	log_error("%s is not empty: say with --overwrite (or --delete) what "
		  "becomes of what is there (if-changed makes it right, and "
		  "finishes an "
		  "interrupted restore)",
		  s->target);
	return -ENOTEMPTY;
}

static int open_target(struct restore *s)
{
	const char *target = cli_str(s->cli, "target");
	bool dry = cli_flag(s->cli, "dry-run");
	int e = 0;

	if (!target)
		target = *s->prefix ? s->prefix : "/";
	s->target = strdup(target);
	if (!s->target)
		return -ENOMEM;
	s->what.target = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->what.target < 0 && errno == ENOENT && !dry) {
		e = make_dirs(target);
		s->what.target_is_new = e == 0;
		if (e < 0 && e != -EEXIST)
			return log_fail(e, "make %s", target);
		s->what.target =
			open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (s->what.target < 0 && errno == ENOENT && dry)
		return 0;
	if (s->what.target < 0)
		return log_fail(-errno, "open target %s", target);
	return check_empty(s);
}

/* --- the run --- */

static int run(struct restore *s)
{
	struct restorer_options opt = {
		.include = s->include,
		.exclude = s->exclude,
		.overwrite = overwrite_of(s->cli),
		.delete_extra = cli_flag(s->cli, "delete"),
		.dry_run = cli_flag(s->cli, "dry-run"),
		.owner = !cli_flag(s->cli, "no-owner"),
		.xattrs = !cli_flag(s->cli, "no-xattrs"),
		.sources = s->snap.paths,
		.n_sources = s->snap.n_paths,
		.scope = rollback_scope(s->rollback),
		.skips = s->skips,
		.on_error = output_on_error,
		.on_item = output_verbosity() ? on_item : NULL,
		.is_stopped = cli_interrupted,
		.arg = s,
	};
	struct progress *progress;
	int e;

	opt.n_skips +=
		archive_skip_of(store_path(s->o.store), &s->skips[opt.n_skips]);
	opt.n_skips += archive_skip_of(s->o.cache_dir, &s->skips[opt.n_skips]);
	e = restorer_new(s->o.repo, &opt, &s->restorer);
	if (e < 0)
		return e;
	progress = progress_start(sample, s);
	e = restorer_run(s->restorer, &s->what);
	if (e == 0 && cli_flag(s->cli, "verify")) {
		s->verifying = true;
		/* or what is read back is only the memory of it */
		if (syncfs(s->what.target) < 0)
			e = log_fail(-errno, "sync %s", s->target);
		if (e == 0)
			e = restorer_verify(s->restorer, &s->what);
	}
	progress_stop(progress);
	if (cli_interrupted() && e == -ECANCELED)
		return -EINTR;
	return e;
}

static int begin_rollback(struct restore *s)
{
	struct rollback_options opt = {
		.cli = s->cli,
		.opened = &s->o,
		.snapshot = &s->snap,
		.exclude = s->exclude,
		.deletes = cli_flag(s->cli, "delete"),
	};

	return cli_flag(s->cli, "changed-only")
		       ? rollback_begin(&opt, &s->rollback)
		       : 0;
}

static int restore(struct restore *s)
{
	int e = init_filters(s);

	if (e == 0)
		e = find_snapshot(s);
	if (e == 0)
		e = find_path(s);
	if (e == 0)
		e = begin_rollback(s);
	if (e == 0)
		e = open_target(s);
	if (e == 0)
		e = run(s);
	return e;
}

int cmd_restore(struct cli *cli)
{
	struct restore s = { .cli = cli, .o = OPENED_INIT, .what.target = -1 };
	int code, e;

	if (cli_given(cli, "to-device"))
		return restore_device(cli);
	s.began = output_clock();
	code = opened_repo(cli, &s.o);
	if (code == CLI_OK) {
		e = restore(&s);
		code = e == -EINTR ? CLI_INTERRUPTED : e < 0 ? CLI_FATAL : 0;
		if (s.restorer && e >= 0)
			code = report(&s);
		else if (s.restorer)
			(void)report(&s);
	}
	restorer_free(s.restorer);
	rollback_end(s.rollback);
	tree_dir_close(&s.dir);
	if (s.what.target >= 0)
		close(s.what.target);
	filter_free(s.include);
	filter_free(s.exclude);
	snapshot_release(&s.snap);
	free(s.prefix);
	free(s.target);
	opened_close(&s.o);
	return code;
}
