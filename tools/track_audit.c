/* SPDX-License-Identifier: Apache-2.0 */
/*
 * track_audit.c - an audit asks what changed, and turns nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "tools/track_private.h"

static int peek(struct track *t, int fd, struct place *p)
{
	const struct token_fs *since = token_find(t->last, p->fsid);
	CLEANUP_JSON struct json *reply = NULL;
	CLEANUP_CLOSE int passed = -1;
	bool trusted;
	int e = since ? track_call(fd, "since", p, NULL, since, &reply, &passed)
		      : 0;

	if (e < 0 || !since ||
	    json_to_bool(json_get(reply, "trusted"), &trusted) < 0 || !trusted)
		return e;
	e = dirty_read(passed, &p->dirty);
	p->is_trusted = e == 0 && !p->dirty.lost;
	return e;
}

int track_peek(const struct track_options *opt, struct track **out)
{
	CLEANUP_CLOSE int fd = -1;
	struct track *t = calloc(1, sizeof(*t));
	size_t i;
	int e;

	if (!t)
		return -ENOMEM;
	t->opt = *opt;
	t->no_daemon = track_connect_daemon(&fd) < 0;
	e = track_describe(t);
	if (e == 0)
		e = track_load_token(t);
	for (i = 0; e == 0 && !t->no_daemon && i < t->n_places; i++)
		e = peek(t, fd, &t->places[i]);
	if (e < 0) {
		track_end(t);
		return e == -ENOMEM ? e : log_fail(e, "ask the tracker");
	}
	*out = t;
	return 0;
}

bool track_is_stale(const struct track *t)
{
	return t->is_stale;
}

const struct dirty *track_marks(const struct track *t, uint64_t fsid)
{
	size_t i;

	for (i = 0; i < t->n_places; i++)
		if (t->places[i].fsid == fsid && t->places[i].is_trusted)
			return &t->places[i].dirty;
	return NULL;
}

bool track_is_again(const struct track *t, struct catalog_key key)
{
	uint32_t i;

	for (i = 0; t->last && i < t->last->n_again; i++)
		if (t->last->again[i].fsid == key.fsid &&
		    t->last->again[i].ino == key.ino)
			return true;
	return false;
}

int track_sync(const struct track *t)
{
	size_t i;

	for (i = 0; i < t->n_places; i++) {
		CLEANUP_CLOSE int fd = -1;

		if (!t->places[i].is_trusted)
			continue;
		fd = open(t->places[i].path, O_RDONLY | O_NONBLOCK | O_CLOEXEC |
						     O_NOFOLLOW | O_NOCTTY);
		if (fd < 0 || syncfs(fd) < 0)
			return log_fail(-errno, "sync the file system of %s",
					t->places[i].path);
	}
	return 0;
}

int track_distrust(const struct track *t, uint64_t fsid)
{
	CLEANUP_JSON struct json *reply = NULL;
	CLEANUP_CLOSE int fd = -1;
	int e = track_connect_daemon(&fd), passed = -1;
	bool tracked;
	size_t i = 0;

	while (i < t->n_places && t->places[i].fsid != fsid)
		i++;
	if (e == 0)
		e = i < t->n_places ? track_call(fd, "distrust", &t->places[i],
						 NULL, NULL, &reply, &passed)
				    : -ENODEV;
	if (e == 0 && (json_to_bool(json_get(reply, "tracked"), &tracked) < 0 ||
		       !tracked))
		e = -ENODEV;
	return e < 0 ? log_fail(e, "tell tidemarkd") : 0;
}
