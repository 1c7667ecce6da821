/* SPDX-License-Identifier: Apache-2.0 */
/*
 * track_rollback.c - a restore asks what changed since a snapshot, and turns
 * nothing.
 *
 * Patterns and options of the backup do not matter: they say what the snapshot
 * lacks, and a restore goes by what it has. Mounts do, for a directory that is
 * covered by another is not what it was.
 */
#include <errno.h>
#include <unistd.h>

#include "base/log.h"
#include "tools/track_private.h"
#include "track/kinds.h"

static int set_why(struct track *t, const char *why)
{
	snprintf(t->why_text, sizeof(t->why_text), "%s", why);
	t->why = t->why_text;
	return -ESTALE;
}

static int load_token(struct catalog *c, struct token *t)
{
	struct span bytes = catalog_token(c);

	return bytes.p ? token_decode(bytes, NULL, t) : -ENOENT;
}

int track_token_tree(struct catalog *c, uint8_t tree[CHUNK_ID_LEN], char *why,
		     size_t size)
{
	CLEANUP_FREE struct token *t = calloc(1, sizeof(*t));
	int e = t ? load_token(c, t) : -ENOMEM;

	if (e == -ENOMEM)
		return e;
	if (e < 0) {
		snprintf(why, size, "%s",
			 token_missing((enum token_note)catalog_note(c), false)
				 ?: "the last backup did not note what was "
				    "tracked");
		return -ENOENT;
	}
	memcpy(tree, t->tree, CHUNK_ID_LEN);
	return 0;
}

/* --- asking --- */

static int ask_btrfs(struct track *t, struct place *p, int fd)
{
	const struct btrfs_point *since = token_point(t->last, p->fsid);
	CLEANUP_FREE struct btrfs_point *now = calloc(1, sizeof(*now));
	const char *why = NULL;
	int e = now ? 0 : -ENOMEM;

	if (!since)
		return set_why(t, token_missing(NOTE_NONE, true));
	if (e == 0)
		e = btrfs_point_take(fd, now);
	if (e == 0)
		e = btrfs_changes(fd, since, now, &p->dirty, &why);
	p->asked = ASKED_BTRFS;
	if (e == -ENOMEM)
		return e;
	if (e < 0)
		return set_why(t, why
					  ?: e == -EPERM
					     ? "only root may ask btrfs what "
					       "changed"
					     : "btrfs could not be asked");
	if (p->dirty.lost)
		return set_why(t, "there were more changes than can be kept");
	return 0;
}

static int ask_daemon(struct track *t, struct place *p, int daemon)
{
	const struct token_fs *since = token_find(t->last, p->fsid);
	CLEANUP_JSON struct json *reply = NULL;
	CLEANUP_CLOSE int passed = -1;
	bool tracked = false, trusted = false;
	int e;

	if (!since)
		return set_why(t,
			       kind_why_scanned(p->path)
				       ?: "the last backup did not track all "
					  "of it");
	if (daemon < 0)
		return set_why(t, "tidemarkd does not run, or may not be "
				  "asked");
	e = track_call(daemon, "since", p, NULL, since, &reply, &passed);
	if (e == -ENOMEM)
		return e;
	if (e < 0)
		return set_why(t, "tidemarkd could not be asked");
	if (json_to_bool(json_get(reply, "tracked"), &tracked) < 0 || !tracked)
		return set_why(t, "it is not tracked any more");
	if (json_to_bool(json_get(reply, "trusted"), &trusted) < 0 || !trusted)
		return set_why(t, json_to_str(json_get(reply, "why"))
					  ?: "the tracker is not trusted");
	p->asked = ASKED_DAEMON;
	e = dirty_read(passed, &p->dirty);
	if (e == 0 && p->dirty.lost)
		return set_why(t, "there were more changes than can be kept");
	return e < 0 && e != -ENOMEM
		       ? set_why(t, "what tidemarkd handed over is damaged")
		       : e;
}

static int ask_all(struct track *t, int daemon)
{
	size_t i;
	int e = 0;

	for (i = 0; e == 0 && i < t->n_places; i++) {
		struct place *p = &t->places[i];
		CLEANUP_CLOSE int fd = track_open_btrfs(p->path);

		e = fd >= 0 ? ask_btrfs(t, p, fd) : ask_daemon(t, p, daemon);
		p->is_trusted = e == 0;
	}
	return e;
}

/* --- is it the same? --- */

static int describe(struct track *t)
{
	int e = load_token(t->opt.catalog, t->last);

	if (e == -ENOMEM)
		return e;
	if (e < 0)
		return set_why(t, "the catalog does not say since when");
	t->opt.one_file_system = t->last->one_file_system;
	e = track_describe(t);
	if (e < 0)
		return e == -ENOMEM
			       ? e
			       : set_why(t, "what is mounted below the sources "
					    "cannot be told");
	if (memcmp(t->mounts, t->last->mounts, SHA256_LEN) != 0)
		return set_why(t, "a source was replaced since the last "
				  "backup, or what is mounted below");
	t->is_stale = memcmp(t->options, t->last->options, SHA256_LEN) != 0;
	/* then a directory is not one place in the snapshot */
	if (t->twice)
		return set_why(t, "a file system is there by two mounts");
	if (t->has_more || t->n_places == 0)
		return set_why(t, "the sources lie on too many file systems");
	return 0;
}

static int use(struct track *t)
{
	struct tracked_fs fs[TOKEN_FS_MAX];
	size_t i;

	for (i = 0; i < t->n_places; i++)
		fs[i] = (struct tracked_fs){ t->places[i].fsid,
					     &t->places[i].dirty };
	return tracked_new(t->opt.catalog, fs, t->n_places, t->last->again,
			   t->last->n_again, t->below, t->n_below, &t->tracked);
}

int track_rollback(const struct track_options *opt, struct track **out,
		   char *why, size_t size)
{
	CLEANUP_CLOSE int fd = -1;
	struct track *t = calloc(1, sizeof(*t));
	int e;

	if (!t)
		return -ENOMEM;
	t->opt = *opt;
	t->no_daemon = track_connect_daemon(&fd) < 0;
	t->last = calloc(1, sizeof(*t->last));
	e = t->last ? describe(t) : -ENOMEM;
	if (e == 0)
		e = ask_all(t, fd);
	if (e == 0)
		e = use(t);
	if (e < 0) {
		snprintf(why, size, "%s", t->why ?: log_strerror(e));
		track_end(t);
		return e == -ENOMEM ? e : -ESTALE;
	}
	*out = t;
	return 0;
}

struct tracked *track_tracked(const struct track *t)
{
	return t->tracked;
}

uint64_t track_fsid(const struct track *t, uint64_t dev)
{
	size_t i;

	for (i = 0; i < t->n_places; i++)
		if (t->places[i].dev == dev)
			return t->places[i].fsid;
	return 0;
}
