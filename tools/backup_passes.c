/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup_passes.c - passes over what changed meanwhile, the last one frozen.
 *
 * Each pass is an ordinary backup by the tracker; what it compares with is
 * what the pass before has put into the catalog. The order in the last one:
 *
 *   freeze | turn the epoch, take the marks | read | thaw | trees
 *
 * The freeze comes first and writes back what was dirty, so that all marks of
 * writers who came through are there when the epoch turns, and nobody writes
 * until everything is read.
 */
#include "tools/backup_passes.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <time.h>

#include "archive/attr.h"
#include "archive/kept.h"
#include "base/fault.h"
#include "base/log.h"
#include "track/freeze.h"

#define PASSES_MAX 10
#define FREEZES_MAX 3
#define PLACES_MAX 64
#define SAID_MAX 10000
#define NS_PER_MS 1000000ull

struct said {
	struct said *next;
	const char *during; /* NULL: an item */
	int err;
	enum archive_action what;
	uint64_t size;
	char path[];
};

struct place {
	char *path;
	int fd;
	struct freeze *freeze;
};

struct passes {
	struct archiver_options base, opt;
	unsigned int freeze_max_ms;
	struct kept_maps *maps;
	struct place places[PLACES_MAX];
	size_t n_places;
	int64_t began_ns;
	/* of the pass that runs */
	bool is_frozen; /* atomic */
	int thawed;	/* 0: held to the end */
	pthread_mutex_t lock;
	struct said *said, **said_end; /* guarded by lock */
	size_t n_said;		       /* guarded by lock */
	struct passes_result result;
	char why[320];
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* --- what is told later --- */

static bool keep_said(struct passes *p, const char *path, struct said like)
{
	size_t len = strlen(path) + 1;
	struct said *s = NULL;

	pthread_mutex_lock(&p->lock);
	if (p->n_said < SAID_MAX)
		s = malloc(sizeof(*s) + len);
	if (s) {
		*s = like;
		s->next = NULL;
		memcpy(s->path, path, len);
		*p->said_end = s;
		p->said_end = &s->next;
		p->n_said++;
	}
	pthread_mutex_unlock(&p->lock);
	return s;
}

static void on_error(void *arg, const char *path, int err, const char *during)
{
	struct passes *p = arg;
	struct said like = { .during = during, .err = err };

	if (!keep_said(p, path, like))
		p->base.on_error(p->base.arg, path, err, during);
}

static void on_item(void *arg, const char *path, enum archive_action what,
		    uint64_t size)
{
	struct passes *p = arg;
	struct said like = { .what = what, .size = size };

	if (!__atomic_load_n(&p->is_frozen, __ATOMIC_RELAXED))
		p->base.on_item(p->base.arg, path, what, size);
	else
		(void)keep_said(p, path, like);
}

/* Errors only of the pass that counts; items of each, but not while a file
 * that they are written to may be frozen. */
static void tell(struct passes *p, bool with_errors)
{
	struct said *s;

	while ((s = p->said)) {
		p->said = s->next;
		if (!s->during && !p->is_frozen)
			p->base.on_item(p->base.arg, s->path, s->what, s->size);
		else if (s->during && with_errors)
			p->base.on_error(p->base.arg, s->path, s->err,
					 s->during);
		free(s);
	}
	p->said_end = &p->said;
	p->n_said = 0;
}

static struct writer *get_writer(void *arg)
{
	struct passes *p = arg;

	return p->base.writer(p->base.arg);
}

/* --- life --- */

int passes_new(const struct archiver_options *base, unsigned int freeze_max_ms,
	       struct passes **out)
{
	struct passes *p = calloc(1, sizeof(*p));
	int e = p ? kept_new(&p->maps) : -ENOMEM;

	if (e < 0) {
		free(p);
		return e;
	}
	pthread_mutex_init(&p->lock, NULL);
	p->said_end = &p->said;
	p->freeze_max_ms = freeze_max_ms;
	p->base = p->opt = *base;
	p->opt.arg = p;
	p->opt.on_error = on_error;
	p->opt.on_item = base->on_item ? on_item : NULL;
	p->opt.writer = get_writer;
	p->opt.maps = p->maps;
	*out = p;
	return 0;
}

void passes_free(struct passes *p)
{
	size_t i;

	if (!p)
		return;
	tell(p, true);
	for (i = 0; i < p->n_places; i++) {
		close(p->places[i].fd);
		free(p->places[i].path);
	}
	kept_free(p->maps);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

const struct archiver_options *passes_archiver(const struct passes *p)
{
	return &p->opt;
}

void passes_result(const struct passes *p, struct passes_result *out)
{
	*out = p->result;
	out->why = p->why;
}

static void PRINTF_LIKE(2, 3) why_not(struct passes *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->why, sizeof(p->why), fmt, ap);
	va_end(ap);
}

/* --- may it be done? --- */

/* Something of the file system of path that can be frozen by: what cannot be
 * opened for reading lies in a directory that can. */
static int open_on_it(const char *path)
{
	CLEANUP_FREE char *up = strdup(path);
	struct stat st, dir;
	char *slash;
	int fd;

	if (!up || lstat(path, &st) < 0)
		return up ? -errno : -ENOMEM;
	if (S_ISDIR(st.st_mode) || S_ISREG(st.st_mode)) {
		fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		return fd < 0 ? -errno : fd;
	}
	slash = strrchr(up, '/');
	if (!slash)
		return -EINVAL;
	slash[slash == up] = '\0';
	fd = open(up, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &dir) == 0 && dir.st_dev == st.st_dev)
		return fd;
	close(fd);
	return -EXDEV;
}

static int add_place(void *arg, const char *path, bool is_tracked)
{
	struct passes *p = arg;
	struct place *at = &p->places[p->n_places];

	if (!is_tracked) {
		log_error("--consistent needs tidemarkd to see what changes, "
			  "and it does not track the file system of %s: see "
			  "whether it runs (tidemark status), then tidemark "
			  "track add %s, or leave that out "
			  "(--one-file-system)",
			  path, path);
		return -EINVAL;
	}
	if (p->n_places == PLACES_MAX)
		return log_fail(-E2BIG, "hold %s still", path);
	at->fd = open_on_it(path);
	if (at->fd < 0)
		return log_fail(at->fd, "open %s to hold it still", path);
	at->path = strdup(path);
	p->n_places++;
	return at->path ? 0 : -ENOMEM;
}

/* Whose bytes lie on another that is frozen must be frozen before it. */
static void order_places(struct passes *p)
{
	size_t i, k, x;
	char why[128];

	for (i = 0; i < p->n_places; i++) {
		for (k = i; k < p->n_places; k++) {
			bool carries = false;
			struct place t;

			for (x = i; x < p->n_places; x++)
				carries |= x != k &&
					   freeze_forbidden(p->places[k].fd,
							    p->places[x].path,
							    why,
							    sizeof(why)) == 1;
			if (carries)
				continue;
			t = p->places[i];
			p->places[i] = p->places[k];
			p->places[k] = t;
			break;
		}
	}
}

int passes_check(struct passes *p, const struct track *t,
		 const char *const *needs, size_t n_needs)
{
	char why[256];
	size_t i, k;
	int e = track_places(t, add_place, p);

	if (e < 0)
		return e;
	if (p->n_places == 0) {
		log_error("--consistent needs the local catalog and tidemarkd "
			  "to see what changes (tidemark status)");
		return -EINVAL;
	}
	for (i = 0; i < p->n_places; i++)
		for (k = 0; k < n_needs; k++)
			if (needs[k] &&
			    freeze_forbidden(p->places[i].fd, needs[k], why,
					     sizeof(why)) == 1) {
				log_error("--consistent would hold itself up: "
					  "%s, which the backup writes to, %s "
					  "of %s. It must lie on another one",
					  needs[k], why, p->places[i].path);
				return -EINVAL;
			}
	order_places(p);
	p->began_ns = now_ns();
	return 0;
}

/* --- frozen --- */

/* In the reverse order. */
static void thaw(struct passes *p)
{
	size_t i;

	for (i = p->n_places; i-- > 0;) {
		struct place *at = &p->places[i];
		uint64_t held = 0;
		int e;

		if (!at->freeze)
			continue;
		e = freeze_end(TAKE_PTR(at->freeze), &held);
		if (e < 0 && p->thawed == 0)
			p->thawed = e;
		p->result.frozen_ns = MAX(p->result.frozen_ns, held);
	}
	__atomic_store_n(&p->is_frozen, false, __ATOMIC_RELAXED);
}

static void all_read(void *arg)
{
	thaw(arg);
}

static int freeze(struct passes *p)
{
	size_t i;
	int e = 0;

	p->thawed = 0;
	__atomic_store_n(&p->is_frozen, true, __ATOMIC_RELAXED);
	for (i = 0; e == 0 && i < p->n_places; i++) {
		e = freeze_begin(p->places[i].fd, p->freeze_max_ms,
				 &p->places[i].freeze);
		if (e < 0)
			why_not(p, "%s could not be frozen: %s",
				p->places[i].path,
				e == -ETIMEDOUT
					? "it took longer than --freeze-max"
				: e == -EBUSY ? "another program has frozen it"
					      : log_strerror(e));
	}
	if (e == 0)
		e = FAULT("backup.frozen");
	if (e < 0)
		thaw(p);
	return e;
}

/* --- one pass --- */

/* What the archiver before has counted, and this result has not. */
static void add_counts(struct passes *p, struct archiver *a)
{
	struct archive_progress g;

	archiver_progress(a, &g);
	p->result.files_new += g.files_new;
	p->result.files_changed += g.files_changed;
	p->result.bytes_read += g.bytes_read;
}

static bool same_sources(const struct archiver *a, const struct archiver *b)
{
	uint32_t n, m, i;
	char **x = archiver_paths(a, &n), **y = archiver_paths(b, &m);

	if (n != m)
		return false;
	for (i = 0; i < n; i++)
		if (strcmp(x[i], y[i]) != 0)
			return false;
	return true;
}

/* With the tools of the next pass: -ESTALE (p->why): it cannot be. */
static int walk(struct passes *p, struct passes_run *r, struct archiver *next)
{
	uint8_t tree[CHUNK_ID_LEN];
	struct track *t = NULL;
	char why[256];
	int e = track_again(r->track, next, &t, why, sizeof(why));

	if (e == -ESTALE)
		why_not(p, "%s", why);
	if (e < 0)
		return e;
	tell(p, false);
	e = archiver_run(next, tree);
	if (e < 0) {
		track_end(t);
		return e == -ESTALE ? -EIO : e;
	}
	add_counts(p, r->archiver);
	track_end(r->track);
	archiver_free(r->archiver);
	r->track = t;
	r->archiver = next;
	memcpy(r->tree, tree, CHUNK_ID_LEN);
	p->result.passes++;
	return 0;
}

/* The one that runs is r's before, and after it if it went well. */
static int pass(struct passes *p, struct passes_run *r, bool frozen)
{
	struct archiver_options opt = p->opt;
	struct archiver *next = NULL;
	int e = archiver_flush(r->archiver);

	opt.reread = false;
	opt.all_read = frozen ? all_read : NULL;
	if (e == 0)
		e = track_settle(r->track);
	if (e == 0)
		e = archiver_new(&opt, &next);
	if (e < 0)
		return e;
	archiver_use_catalog(next, r->catalog, true);
	archiver_use_skips(next, r->skips, r->n_skips);
	if (!same_sources(next, r->archiver)) {
		why_not(p, "a source came or went meanwhile");
		e = -ESTALE;
	}
	if (e == 0 && frozen && freeze(p) < 0)
		e = -ESTALE;
	if (e == 0)
		e = walk(p, r, next);
	if (frozen)
		thaw(p);
	if (e < 0)
		archiver_free(next);
	return e;
}

/* --- the passes --- */

/* Read again until it goes fast; -ESTALE: it does not, or cannot. */
static int shrink(struct passes *p, struct passes_run *r, uint64_t took)
{
	uint64_t max = p->freeze_max_ms * NS_PER_MS, before;

	/* what changes in a quarter of the time is read in less than that */
	do {
		int64_t began = now_ns();
		int e;

		if (took <= max / 4)
			return 0;
		e = pass(p, r, false);
		if (e < 0)
			return e;
		before = took;
		took = (uint64_t)(now_ns() - began);
	} while (p->result.passes < PASSES_MAX && took < before / 4 * 3);
	if (took <= max)
		return 0;
	why_not(p,
		"files change faster than they can be read again: the last "
		"pass took %llu ms, and --freeze-max allows %u",
		(unsigned long long)(took / NS_PER_MS), p->freeze_max_ms);
	return -ESTALE;
}

int passes_run(struct passes *p, struct passes_run *r)
{
	uint64_t took = (uint64_t)(now_ns() - p->began_ns);
	unsigned int tries;
	int e = 0;

	p->result.passes = 1;
	for (tries = 0; tries < FREEZES_MAX; tries++) {
		int64_t began;

		e = shrink(p, r, took);
		if (e < 0)
			break;
		began = now_ns();
		e = pass(p, r, true);
		if (e < 0)
			break;
		if (p->thawed == 0) {
			p->result.is_consistent = true;
			break;
		}
		why_not(p, "%s",
			p->thawed == -ETIMEDOUT
				? "reading the rest took longer than "
				  "--freeze-max"
				: "the freeze was ended by another program");
		took = (uint64_t)(now_ns() - began);
	}
	tell(p, true);
	return e == -ESTALE ? 0 : e;
}
