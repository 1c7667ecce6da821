/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup.c - the verb backup.
 *
 * The passphrase's key derivation takes longer than the scan of a hundred
 * thousand unchanged files, so the repository is opened by a thread of its
 * own while the archiver already walks; it waits only when it first has
 * something to store.
 */
#include <errno.h>
#include <pthread.h>

#include "archive/archiver.h"
#include "archive/fileslist.h"
#include "base/log.h"
#include "compress/compress.h"
#include "tools/backup_count.h"
#include "tools/backup_device.h"
#include "tools/backup_job.h"
#include "tools/backup_options.h"
#include "tools/backup_passes.h"
#include "tools/backup_track.h"
#include "tools/commands.h"
#include "tools/opened.h"
#include "tools/output.h"
#include "tools/passphrase.h"
#include "version.h"

/* More than this many runs against other writers is not bad luck. */
#define COMMIT_TRIES 5

struct backup {
	const struct cli *cli;
	struct opened o;
	struct passphrase pass;
	struct backup_inputs in;
	struct catalog *catalog;
	struct track *track;
	struct backup_device *device; /* NULL: files */
	uint8_t set[SHA256_LEN];      /* backup_set_id() */
	struct writer *writer;
	struct archiver *archiver;
	struct passes *passes; /* NULL: one is enough */
	struct count *count;   /* NULL: nobody watches */
	struct backup_job job;
	struct track_meanwhile meanwhile;
	bool has_meanwhile;
	int64_t began; /* output_clock() */
	/* the opening thread */
	pthread_t opener;
	bool opener_runs;
	pthread_mutex_t lock;
	int open_code; /* guarded by lock, valid when opened */
	bool opened;   /* guarded by lock */
	bool warned;
	/* the catalog was the newest head's; when the writer began, too */
	bool believed, holds;
};

/* --- opening beside the scan --- */

static void *open_thread(void *arg)
{
	struct backup *b = arg;
	struct repo_options opt = {
		.config = SPAN_OF(&b->o.config_bytes),
		.cache_dir = b->o.cache_dir,
		.accept_rollback = cli_flag(b->cli, "accept-rollback"),
		.expect_head = cli_u64(b->cli, "expect-head", 0),
	};
	int e = repo_open(b->o.store, passphrase_span(&b->pass), &opt,
			  &b->o.repo);

	if (e == -EKEYREJECTED)
		log_error("wrong passphrase for the repository at %s",
			  store_location(b->o.store));
	b->open_code = cli_exit_of(e);
	return NULL;
}

/* Whoever typed the passphrase may have to do so again, and is not asked
 * amid a backup: then it is opened before. */
static int start_opening(struct backup *b)
{
	int e = 0;

	if (b->pass.asked) {
		b->open_code = opened_unlock(b->cli, &b->o, &b->pass);
		b->opened = true;
	} else {
		e = -pthread_create(&b->opener, NULL, open_thread, b);
		b->opener_runs = e == 0;
	}
	return e;
}

/* The repository, opened; waits for it. */
static int ensure_open(struct backup *b)
{
	pthread_mutex_lock(&b->lock);
	if (!b->opened) {
		pthread_join(b->opener, NULL);
		b->opened = true;
	}
	pthread_mutex_unlock(&b->lock);
	return b->open_code;
}

static struct writer *get_writer(void *arg)
{
	struct backup *b = arg;
	struct writer *w;
	struct writer_options opt = {
		.level = b->in.level,
		.dry_run = cli_flag(b->cli, "dry-run"),
	};

	if (ensure_open(b) != CLI_OK)
		return NULL;
	pthread_mutex_lock(&b->lock);
	/* The head may have moved while the key was made: whoever moved it
	 * may have pruned what the records refer to. */
	if (!b->writer)
		b->holds = !b->believed ||
			   catalog_is_current(b->catalog,
					      repo_head(b->o.repo)->hash);
	if (!b->writer && writer_new(b->o.repo, &opt, &b->writer) < 0)
		b->writer = NULL;
	w = b->writer;
	pthread_mutex_unlock(&b->lock);
	return w;
}

/* --- telling --- */

static void on_item(void *arg, const char *path, enum archive_action what,
		    uint64_t size)
{
	static const char *const words[] = { "new", "changed", "metadata",
					     "unchanged" };

	(void)arg;
	if (what != ARCHIVE_UNCHANGED || output_verbosity() > 1)
		output_action(words[what], path, size);
}

static void sample(void *arg, struct progress_sample *out)
{
	struct backup *b = arg;
	struct archive_progress p;

	archiver_progress(b->archiver, &p);
	out->files_done = p.files;
	out->bytes_done = p.bytes;
	out->errors = p.errors;
	(void)count_get(b->count, &out->files_total, &out->bytes_total);
}

/* --- the run --- */

/* Where the repository and the cache lie: never backed up into themselves. */
static void add_skip(struct backup *b, const char *path)
{
	if (b->in.n_skips < ARRAY_LEN(b->in.skips) &&
	    archive_skip_of(path, &b->in.skips[b->in.n_skips]))
		b->in.n_skips++;
}

static bool lies_in(const char *path, const char *dir)
{
	CLEANUP_FREE char *p = realpath(path, NULL);
	CLEANUP_FREE char *d = realpath(dir, NULL);
	size_t n = d ? strlen(d) : 0;

	return p && d && !strncmp(p, d, n) && (!p[n] || p[n] == '/');
}

/* Sources that are all within the repository leave nothing to back up. */
static int check_sources(const struct backup *b)
{
	const char *repo = store_path(b->o.store);
	size_t i;

	for (i = 0; i < b->in.list.count; i++)
		if (!lies_in(b->in.list.paths[i], repo))
			return 0;
	if (i == 0)
		return 0;
	log_error("%s lies in the repository, which is no source: nothing to "
		  "back up",
		  b->in.list.paths[0]);
	return -EINVAL;
}

/* The newest head's hash, without keys: is it the one the catalog knows? */
static bool newest_head_is(struct backup *b)
{
	CLEANUP_BUF struct buf object = BUF_INIT(HEAD_MAX);
	uint8_t hash[SHA256_LEN];
	char name[HEAD_NAME_LEN + 1] = "";

	if (repo_newest_head(b->o.store, name) < 0 ||
	    store_get(b->o.store, STORE_HEAD, name, &object) < 0)
		return false;
	sha256_once(SPAN_OF(&object), hash);
	return catalog_is_current(b->catalog, hash);
}

static int open_catalog(struct backup *b)
{
	CLEANUP_FREE char *dir = NULL;
	char **paths;
	uint32_t n;
	int e;

	if (b->in.stream_fd >= 0 || !b->o.cache_dir)
		return 0;
	e = repo_state_path(b->o.cache_dir, &b->o.config, &dir);
	if (e < 0 || (e = backup_state_dir(dir)) < 0) {
		/* repo_open() warns of it, once for both */
		log_debug("cannot use cache %s (%s): everything is read anew",
			  dir ? dir : b->o.cache_dir, log_strerror(e));
		return e == -ENOMEM ? e : 0;
	}
	add_skip(b, dir);
	paths = archiver_paths(b->archiver, &n);
	backup_set_id(&b->in, paths, n, b->set);
	e = catalog_open(dir, SPAN(b->set, sizeof(b->set)), &b->catalog);
	if (e == -EBUSY)
		return e;
	if (e < 0) {
		log_warn("going on without a catalog: everything is read anew");
		return 0;
	}
	b->believed = newest_head_is(b);
	archiver_use_catalog(b->archiver, b->catalog, b->believed);
	return 0;
}

/* The last snapshot of this host and these paths, if there is one. */
static int find_parent(struct backup *b, struct snapshot *parent)
{
	const struct head *h = repo_head(b->o.repo);
	uint32_t i, k, n;
	char **paths = archiver_paths(b->archiver, &n);

	for (i = h->snapshots.count; i-- > 0;) {
		int e = repo_load_snapshot(b->o.repo, h->snapshots.ids[i],
					   parent);

		if (e < 0)
			return e;
		for (k = 0; k < n && k < parent->n_paths; k++)
			if (strcmp(paths[k], parent->paths[k]) != 0)
				break;
		if (k == n && k == parent->n_paths &&
		    !strcmp(parent->host, b->in.host))
			return 1;
		snapshot_release(parent);
	}
	return 0;
}

/* Who asks the daemon: the sources and the repository. */
static void consumer_id(const struct backup *b, uint8_t out[SHA256_LEN])
{
	uint8_t both[SHA256_LEN + sizeof(b->o.config.repo_id)];

	memcpy(both, b->set, SHA256_LEN);
	memcpy(both + SHA256_LEN, b->o.config.repo_id,
	       sizeof(b->o.config.repo_id));
	sha256_once(SPAN(both, sizeof(both)), out);
}

static int begin_devices(struct backup *b, const struct archiver_options *opt)
{
	uint8_t consumer[SHA256_LEN];
	struct backup_device_options dopt = {
		.archiver = b->archiver,
		.catalog = b->catalog,
		.consumer = consumer,
		.read_all = opt->reread || cli_flag(b->cli, "scan"),
		.consistent = cli_flag(b->cli, "consistent"),
		.freeze_ms = (unsigned int)cli_u64(b->cli, "freeze-max",
						   DEVICE_FREEZE_MS_DEFAULT),
		.keep_off = { store_scratch(b->o.store), b->o.cache_dir },
	};

	consumer_id(b, consumer);
	return backup_device_begin(&dopt, &b->device);
}

/* Other programs than the tracker change what is scanned. */
static int begin_tracking(struct backup *b, const struct archiver_options *opt)
{
	uint8_t consumer[SHA256_LEN];
	struct track_options topt = {
		.archiver = b->archiver,
		.catalog = b->catalog,
		.filter = b->in.filter,
		.one_file_system = opt->one_file_system,
		/* what was too large has no record, and no way to it */
		.differs = opt->reread || opt->ignore_inode ||
			   filter_has_max_size(b->in.filter),
		.scan = cli_flag(b->cli, "scan"),
		.consumer = consumer,
	};

	if (b->in.devices)
		return begin_devices(b, opt);
	if (!b->catalog)
		return 0;
	consumer_id(b, consumer);
	return track_begin(&topt, &b->track);
}

/* The records are those of the newest head. */
static void commit_catalog(struct backup *b, const uint8_t tree[CHUNK_ID_LEN])
{
	if (!b->catalog)
		return;
	if (b->device)
		backup_device_commit(b->device);
	else
		track_commit(b->track, tree);
	(void)!catalog_commit(b->catalog, repo_head(b->o.repo)->hash);
}

static void fill_stats(const struct backup *b, struct snapshot_stats *s)
{
	struct archive_progress p;
	struct passes_result r;

	archiver_progress(b->archiver, &p);
	*s = (struct snapshot_stats){
		.files = p.files,
		.dirs = p.dirs,
		.others = p.others,
		.bytes = p.bytes,
		.files_new = p.files_new,
		.files_changed = p.files_changed,
		.files_unchanged = p.files_unchanged,
		.bytes_read = p.bytes_read,
		.duration_ns = (uint64_t)(output_clock() - b->began),
		.errors = p.errors,
	};
	if (!b->passes)
		return;
	passes_result(b->passes, &r);
	s->files_new += r.files_new;
	s->files_changed += r.files_changed;
	s->bytes_read += r.bytes_read;
	s->files_unchanged =
		s->files - MIN(s->files, s->files_new + s->files_changed);
}

static bool is_consistent(const struct backup *b)
{
	struct passes_result r = { 0 };

	if (b->passes)
		passes_result(b->passes, &r);
	return r.is_consistent || backup_device_is_still(b->device);
}

/* What is of one instant has nothing of what came after it. */
static void look_back(struct backup *b)
{
	b->has_meanwhile = b->track && !is_consistent(b) &&
			   track_meanwhile(b->track, b->in.skips, b->in.n_skips,
					   &b->meanwhile);
}

static void report_meanwhile(const struct backup *b)
{
	const struct track_meanwhile *m = &b->meanwhile;

	if (b->has_meanwhile && m->files + m->dirs > 0)
		output_note("meanwhile: %s%llu %s and %llu %s changed while "
			    "the backup ran; the next one has them\n",
			    m->is_more ? "at least " : "",
			    (unsigned long long)m->files,
			    m->files == 1 ? "file" : "files",
			    (unsigned long long)m->dirs,
			    m->dirs == 1 ? "directory" : "directories");
}

static void report_passes(const struct backup *b)
{
	struct passes_result r;

	passes_result(b->passes, &r);
	if (r.is_consistent)
		output_note("instant: one for all, frozen for %.1f ms after "
			    "%u %s\n",
			    (double)r.frozen_ns / 1e6, r.passes - 1,
			    r.passes == 2 ? "pass" : "passes");
	else
		log_warn("the snapshot is not of one instant, as "
			 "--consistent asks: %s",
			 r.why);
}

static void report_passes_json(const struct backup *b, struct json_out *j)
{
	struct passes_result r;

	passes_result(b->passes, &r);
	json_bool(j, "consistent", r.is_consistent);
	json_u64(j, "passes", r.passes);
	json_double(j, "frozen_ms", (double)r.frozen_ns / 1e6);
	if (!r.is_consistent)
		json_str(j, "not_consistent", r.why);
}

static const char *source_of(const struct backup *b)
{
	return b->device ? backup_device_source(b->device)
			 : track_source(b->track);
}

static const char *why_of(const struct backup *b)
{
	return b->device ? backup_device_why(b->device) : track_why(b->track);
}

static void report(struct backup *b, const struct snapshot *s, bool skipped)
{
	char id[HEX_LEN(OBJECT_ID_LEN)], size[16], read[16], stored[16],
		took[24];
	const struct snapshot_stats *st = &s->stats;
	const struct head *h = repo_head(b->o.repo);
	struct writer_stats ws = { 0 };
	struct output_line line;

	if (b->writer)
		writer_get_stats(b->writer, &ws);
	hex_encode(id, s->id, OBJECT_ID_LEN);
	backup_job_report(&b->job, st, ws.bytes_stored,
			  skipped || cli_flag(b->cli, "dry-run") ? NULL : id,
			  source_of(b), why_of(b),
			  b->has_meanwhile ? &b->meanwhile : NULL);
	output_note("files:   %llu new, %llu changed, %llu unchanged; "
		    "%llu directories\n",
		    (unsigned long long)st->files_new,
		    (unsigned long long)st->files_changed,
		    (unsigned long long)st->files_unchanged,
		    (unsigned long long)st->dirs);
	output_note("content: %s, read %s, stored %s, by %s, in %s\n",
		    output_size(size, st->bytes),
		    output_size(read, st->bytes_read),
		    output_size(stored, ws.bytes_stored), source_of(b),
		    output_elapsed(took, (double)st->duration_ns / 1e9));
	if (why_of(b))
		output_note("%s: %s\n", b->device ? "read whole" : "scanned",
			    why_of(b));
	if (b->passes)
		report_passes(b);
	report_meanwhile(b);
	backup_device_tell(b->device);
	if (skipped)
		output_note("nothing changed: no snapshot\n");
	else if (cli_flag(b->cli, "dry-run"))
		output_note("dry run: nothing was stored\n");
	else
		output_note("snapshot %.8s saved (head %llu)\n", id,
			    (unsigned long long)h->counter);
	if (!output_is_json())
		return;
	output_begin(&line, "summary");
	json_bool(&line.json, "dry_run", cli_flag(b->cli, "dry-run"));
	json_u64(&line.json, "files_new", st->files_new);
	json_u64(&line.json, "files_changed", st->files_changed);
	json_u64(&line.json, "files_unmodified", st->files_unchanged);
	json_u64(&line.json, "dirs", st->dirs);
	json_u64(&line.json, "others", st->others);
	json_u64(&line.json, "total_files_processed", st->files);
	json_u64(&line.json, "total_bytes_processed", st->bytes);
	json_u64(&line.json, "bytes_read", st->bytes_read);
	json_u64(&line.json, "data_added", ws.bytes_new);
	json_u64(&line.json, "data_added_packed", ws.bytes_stored);
	json_u64(&line.json, "chunks_new", ws.chunks_new);
	json_u64(&line.json, "errors", st->errors);
	json_double(&line.json, "total_duration",
		    (double)st->duration_ns / 1e9);
	json_str(&line.json, "change_source", source_of(b));
	if (why_of(b))
		json_str(&line.json, "scan_reason", why_of(b));
	if (b->passes)
		report_passes_json(b, &line.json);
	backup_device_json(b->device, &line.json);
	if (b->has_meanwhile) {
		json_u64(&line.json, "files_changed_meanwhile",
			 b->meanwhile.files);
		json_u64(&line.json, "dirs_changed_meanwhile",
			 b->meanwhile.dirs);
	}
	json_u64(&line.json, "head", h->counter);
	if (!skipped && !cli_flag(b->cli, "dry-run"))
		json_str(&line.json, "snapshot_id", id);
	output_end(&line);
}

/* Times order snapshots: who takes the latest one would get another. */
static void tell_clock(const struct backup *b, const struct snapshot *s,
		       const struct snapshot *parent)
{
	char then[24];
	int64_t asked;

	if (parent->time_ns > s->time_ns && !cli_time(b->cli, "time", &asked))
		log_warn(
			"the clock was set back: the snapshot before this one "
			"is of %s, later than now. \"latest\" and forget go by "
			"these times; until the clock is past it, name this "
			"snapshot by its id",
			output_time(then, (int64_t)parent->time_ns));
}

static int finish(struct backup *b, const uint8_t tree[CHUNK_ID_LEN],
		  bool *lost)
{
	struct snapshot s = { .time_ns = (uint64_t)b->in.time_ns }, parent = {};
	char user[64];
	uint32_t n;
	int e = ensure_open(b) == CLI_OK ? 0 : -ECANCELED, have;

	if (e < 0)
		return e;
	have = find_parent(b, &parent);
	if (have < 0)
		return have;
	memcpy(s.tree, tree, CHUNK_ID_LEN);
	if (have)
		tell_clock(b, &s, &parent);
	s.has_parent = have;
	memcpy(s.parent, parent.id, OBJECT_ID_LEN);
	fill_stats(b, &s.stats);
	s.partial = s.stats.errors > 0;
	s.consistent = is_consistent(b);
	s.host = b->in.host;
	s.user = (char *)opened_user(user);
	s.program = (char *)"tidemark " TIDEMARK_VERSION;
	s.paths = archiver_paths(b->archiver, &n);
	s.n_paths = n;
	s.tags = b->in.tags;
	s.n_tags = b->in.n_tags;
	if (have && cli_flag(b->cli, "skip-if-unchanged") &&
	    !memcmp(parent.tree, tree, CHUNK_ID_LEN)) {
		/* the parent's tree is this one: the records hold for it */
		if (!cli_flag(b->cli, "dry-run"))
			commit_catalog(b, tree);
		report(b, &s, true);
	} else if (cli_flag(b->cli, "dry-run")) {
		report(b, &s, false);
	} else {
		e = get_writer(b) ? 0 : -ECANCELED;
		*lost = e == 0 && !b->holds;
		if (e == 0 && !*lost)
			e = writer_commit(b->writer, &s, lost);
		if (e == 0 && !*lost) {
			commit_catalog(b, tree);
			report(b, &s, false);
		}
	}
	snapshot_release(&parent);
	return e;
}

/* What the backup itself writes to must not wait for what it holds still. */
static int check_passes(struct backup *b)
{
	const char *needs[] = { store_scratch(b->o.store), b->o.cache_dir };

	return b->passes ? passes_check(b->passes, b->track, needs,
					ARRAY_LEN(needs))
			 : 0;
}

static int more_passes(struct backup *b, uint8_t tree[CHUNK_ID_LEN])
{
	struct passes_run r = { .archiver = b->archiver,
				.track = b->track,
				.catalog = b->catalog,
				.skips = b->in.skips,
				.n_skips = b->in.n_skips };
	int e;

	memcpy(r.tree, tree, CHUNK_ID_LEN);
	e = passes_run(b->passes, &r);
	b->archiver = r.archiver;
	b->track = r.track;
	memcpy(tree, r.tree, CHUNK_ID_LEN);
	return e;
}

static int walk(struct backup *b, const struct archiver_options *opt,
		uint8_t tree[CHUNK_ID_LEN])
{
	struct progress *progress;
	uint32_t n;
	char **paths = archiver_paths(b->archiver, &n);
	int e;

	/* fts crashes on an empty list; and to look at every file would cost
	 * more than a backup that does not */
	if (n > 0 && progress_is_wanted() && b->in.stream_fd < 0 &&
	    !b->in.devices && !track_is_whole(b->track))
		b->count =
			count_start(paths, b->in.filter, opt->one_file_system);
	progress = progress_start(sample, b);
	e = archiver_run(b->archiver, tree);
	progress_stop(progress);
	count_stop(TAKE_PTR(b->count));
	if (e == 0 && b->passes)
		e = more_passes(b, tree);
	if (e == 0 && cli_interrupted())
		e = -EINTR;
	if (e == 0 && b->in.command)
		e = backup_command_end(&b->in);
	return e;
}

/* One walk, or as many as one instant needs, and one try to commit. */
static int run_once(struct backup *b, const struct archiver_options *opt,
		    bool *lost)
{
	uint8_t tree[CHUNK_ID_LEN];
	int e = 0;

	*lost = false;
	if (cli_flag(b->cli, "consistent") && !b->in.devices)
		e = passes_new(opt,
			       (unsigned int)cli_u64(b->cli, "freeze-max",
						     PASSES_FREEZE_MS_DEFAULT),
			       &b->passes);
	if (e == 0)
		e = archiver_new(b->passes ? passes_archiver(b->passes) : opt,
				 &b->archiver);
	if (e == 0)
		e = open_catalog(b);
	if (e == 0)
		e = begin_tracking(b, opt);
	if (e == 0)
		e = check_passes(b);
	if (e < 0)
		return e;
	archiver_use_skips(b->archiver, b->in.skips, b->in.n_skips);
	e = walk(b, opt, tree);
	if (e == 0)
		look_back(b);
	return e < 0 ? e : finish(b, tree, lost);
}

static void drop_run(struct backup *b)
{
	archiver_free(b->archiver);
	b->archiver = NULL;
	passes_free(TAKE_PTR(b->passes));
	writer_free(b->writer);
	b->writer = NULL;
	track_end(TAKE_PTR(b->track));
	backup_device_end(TAKE_PTR(b->device));
	catalog_close(b->catalog);
	b->catalog = NULL;
	b->believed = false;
}

static int run(struct backup *b)
{
	struct archiver_options opt = {
		.paths = (const char *const *)b->in.list.paths,
		.n_paths = b->in.list.count,
		.filter = b->in.filter,
		.one_file_system = cli_flag(b->cli, "one-file-system"),
		.reread = cli_flag(b->cli, "force"),
		.ignore_inode = cli_flag(b->cli, "ignore-inode"),
		.strict_ctime = cli_flag(b->cli, "strict-ctime"),
		.threads = (unsigned int)cli_u64(b->cli, "read-concurrency", 0),
		.source = &change_scan,
		.stream_fd = b->in.stream_fd,
		.stream_name = b->in.stream_name,
		.on_error = output_on_error,
		.on_item = output_verbosity() ? on_item : NULL,
		.stopped = cli_interrupted,
		.writer = get_writer,
		.arg = b,
	};
	bool lost = false;
	int e, tries;

	for (tries = 0; tries < COMMIT_TRIES; tries++) {
		e = run_once(b, &opt, &lost);
		if (e < 0 || !lost)
			return e;
		if (b->in.stream_fd >= 0)
			break;
		log_info("the repository was pruned meanwhile: looking at the "
			 "sources again");
		drop_run(b);
		b->in.n_skips = 1;
	}
	log_error("the repository was changed by others %d times while this "
		  "backup ran: try again later",
		  tries + 1);
	return -EBUSY;
}

static int code_of(struct backup *b, int e)
{
	struct archive_progress p = { 0 };

	if (b->opened && b->open_code != CLI_OK)
		return b->open_code;
	if (e == -ECANCELED && cli_interrupted())
		e = -EINTR;
	if (e < 0)
		return e == -ECANCELED ? CLI_FATAL : cli_exit_of(e);
	if (b->archiver)
		archiver_progress(b->archiver, &p);
	if (b->passes && !is_consistent(b))
		return CLI_PARTIAL;
	return p.errors ? CLI_PARTIAL : CLI_OK;
}

int cmd_backup(struct cli *cli)
{
	struct backup b = { .cli = cli,
			    .o = OPENED_INIT,
			    .pass = PASSPHRASE_INIT,
			    .job = BACKUP_JOB_INIT };
	int code, e;

	pthread_mutex_init(&b.lock, NULL);
	b.in.stream_fd = -1;
	code = opened_store(cli, &b.o);
	if (code == CLI_OK)
		code = cli_exit_of(passphrase_get(cli, &b.pass));
	/* before its time is taken, and a command is started that prints what
	 * is backed up */
	if (code == CLI_OK)
		code = cli_exit_of(backup_job_begin(&b.job, cli));
	b.began = output_clock();
	if (code == CLI_OK)
		code = cli_exit_of(backup_inputs_init(&b.in, cli));
	if (code == CLI_OK)
		code = cli_exit_of(check_sources(&b));
	if (code == CLI_OK) {
		add_skip(&b, store_path(b.o.store));
		e = start_opening(&b);
		if (e == 0 && (!b.opened || b.open_code == CLI_OK))
			e = run(&b);
		if (b.opener_runs)
			ensure_open(&b);
		code = code_of(&b, e);
	}
	drop_run(&b);
	backup_job_end(&b.job, code);
	opened_close(&b.o);
	passphrase_release(&b.pass);
	backup_inputs_release(&b.in);
	pthread_mutex_destroy(&b.lock);
	return code;
}
