/* SPDX-License-Identifier: Apache-2.0 */
/*
 * track_meanwhile.c - what changed while a backup ran.
 *
 * The epochs that began with it have a mark for each such change, and some
 * more: writing back marks inodes, and so does whatever else lies on these
 * file systems. So each is looked at. What has marks of content counts; of
 * others the time of change must have moved since the marks were asked for.
 * What has no name any more is in its directory's count.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "tools/track_name.h"
#include "tools/track_private.h"

/* A few microseconds each; more are not looked at. */
#define LOOKS_MAX 65536u

struct look {
	const struct track *t;
	const struct place *p;
	const struct archive_skip *skips;
	size_t n_skips;
	int at; /* something open there */
};

static int open_place(const struct place *p)
{
	return open(p->path,
		    O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
}

static bool is_source(const struct track *t, const char *path)
{
	uint32_t i, n;
	char **paths = archiver_paths(t->opt.archiver, &n);

	for (i = 0; i < n; i++)
		if (!strcmp(paths[i], path))
			return true;
	return false;
}

static bool is_skipped(const struct look *l, const char *path)
{
	struct archive_skip s;
	size_t i;

	if (!archive_skip_of(path, &s))
		return true; /* gone */
	for (i = 0; i < l->n_skips; i++)
		if (l->skips[i].dev == s.dev && l->skips[i].ino == s.ino)
			return true;
	return false;
}

/* Does a backup come to it? From the name up to the source. */
static bool is_ours(const struct look *l, char *path)
{
	const struct filter *f = l->t->opt.filter;

	for (;;) {
		char *slash = strrchr(path, '/');

		if (is_skipped(l, path))
			return false;
		if (is_source(l->t, path))
			return true;
		if (!slash || !path[1] ||
		    filter_match_path(f, path, strlen(path)))
			return false;
		slash[slash == path] = '\0';
	}
}

static int has_parent(void *arg, struct catalog_key parent)
{
	(void)arg;
	(void)parent;
	return -ECANCELED; /* one is enough */
}

static bool was_there(const struct look *l, uint64_t ino)
{
	struct catalog_key key = { l->p->fsid, ino };

	return catalog_parents(l->t->opt.catalog, key, has_parent, NULL) ==
	       -ECANCELED;
}

static bool moved_on(const struct look *l, const struct dirty_inode *in,
		     const struct track_name *name)
{
	const struct timespec *began = &l->p->began, *c = &name->changed;

	if (in->flags & (DIRTY_DATA | DIRTY_WHOLE))
		return true;
	return c->tv_sec > began->tv_sec ||
	       (c->tv_sec == began->tv_sec && c->tv_nsec >= began->tv_nsec);
}

/* -EPERM: this user may not look. */
static int look_at(const struct look *l, const struct dirty_inode *in,
		   struct track_meanwhile *out)
{
	struct track_name name;
	bool counts;

	track_name_find(l->at, in->ino, in->generation, &name);
	if (!name.is_there)
		return name.is_gone ? 0 : -EPERM;
	counts = !name.is_gone && moved_on(l, in, &name);
	if (counts && !(name.path && is_ours(l, name.path)))
		counts = (!name.path || name.has_more) && was_there(l, in->ino);
	free(name.path);
	if (counts && name.is_dir)
		out->dirs++;
	else if (counts)
		out->files++;
	return 0;
}

static int look_at_all(const struct look *l, const struct dirty *d,
		       struct track_meanwhile *out)
{
	size_t i, n = MIN(d->n_inodes, LOOKS_MAX);
	int e = 0;

	out->is_more |= d->n_inodes > n;
	for (i = 0; e == 0 && i < n; i++)
		e = look_at(l, &d->inodes[i], out);
	return e;
}

/* -ESTALE: it cannot be told. */
static int ask(int daemon, const struct look *l, struct track_meanwhile *out)
{
	CLEANUP_JSON struct json *reply = NULL;
	CLEANUP_CLOSE int passed = -1;
	struct dirty d = { 0 };
	bool trusted;
	int e = track_call(daemon, "since", l->p, NULL, &l->p->token, &reply,
			   &passed);

	if (e == 0 && (json_to_bool(json_get(reply, "trusted"), &trusted) < 0 ||
		       !trusted))
		e = -ESTALE;
	if (e == 0)
		e = dirty_read(passed, &d);
	if (e == 0)
		e = d.lost ? -ESTALE : look_at_all(l, &d, out);
	dirty_release(&d);
	return e;
}

bool track_meanwhile(const struct track *t, const struct archive_skip *skips,
		     size_t n_skips, struct track_meanwhile *out)
{
	struct track_meanwhile sum = { 0 };
	CLEANUP_CLOSE int daemon = -1;
	size_t i, asked = 0;
	int e = 0;

	for (i = 0; e == 0 && t && i < t->n_places; i++) {
		struct look l = { t, &t->places[i], skips, n_skips, -1 };
		CLEANUP_CLOSE int at = -1;

		if (l.p->asked != ASKED_DAEMON)
			continue;
		if (asked++ == 0)
			e = track_connect_daemon(&daemon);
		if (e == 0)
			l.at = at = open_place(l.p);
		if (e == 0 && at < 0)
			e = -errno;
		if (e == 0)
			e = ask(daemon, &l, &sum);
	}
	if (e < 0)
		log_debug("what changed meanwhile is not known: %s",
			  log_strerror(e));
	else if (asked > 0)
		*out = sum;
	return e == 0 && asked > 0;
}
