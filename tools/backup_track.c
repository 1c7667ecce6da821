/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup_track.c - a backup asks what changed: tidemarkd, or btrfs itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "archive/attr.h"
#include "base/io.h"
#include "base/log.h"
#include "control/control.h"
#include "tools/track_private.h"
#include "track/kinds.h"

#define BELOW_MAX (1u << 20)
#define NESTED_MAX 16
/* Of all file systems: they must fit into the catalog. */
#define WITNESSES_MAX 1024

#define WHY_TWICE "a file system is there by two mounts, and there are patterns"

#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000
#endif

static void set_why(struct track *t, const char *why)
{
	if (t->why || t->opt.scan || !why)
		return;
	snprintf(t->why_text, sizeof(t->why_text), "%s", why);
	t->why = t->why_text;
}

/* --- where the sources lie --- */

/* add: also if nothing of its file system was met before. */
static struct place *place_of(struct track *t, const char *path, bool add,
			      struct catalog_key *key)
{
	CLEANUP_CLOSE int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct statx st;
	uint64_t dev;
	size_t i;

	*key = (struct catalog_key){ 0 };
	if (fd < 0 ||
	    statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_MNT_ID, &st) < 0)
		return NULL;
	key->ino = st.stx_ino;
	dev = attr_dev(&st);
	for (i = 0; i < t->n_places; i++)
		if (t->places[i].dev == dev)
			break;
	if (i < t->n_places && t->places[i].mount != st.stx_mnt_id)
		t->twice = true;
	if (i == t->n_places && !add)
		return NULL;
	if (i == TOKEN_FS_MAX) {
		t->has_more = true;
		return NULL;
	}
	if (i == t->n_places) {
		uint64_t fsid = archiver_fs_number(t->opt.archiver, fd, dev);

		if (archiver_is_pseudo(t->opt.archiver, dev))
			return NULL;
		t->places[i].path = strdup(path);
		if (!t->places[i].path)
			return NULL;
		t->places[i].dev = dev;
		t->places[i].mount = st.stx_mnt_id;
		t->places[i].fsid = fsid;
		t->n_places++;
	}
	*key = (struct catalog_key){ t->places[i].fsid, st.stx_ino };
	return &t->places[i];
}

static bool is_below(const char *path, const char *top)
{
	size_t len = strlen(top);

	return !strcmp(top, "/") ? path[1] != '\0'
				 : !strncmp(path, top, len) && path[len] == '/';
}

static int add_below(struct track *t, struct catalog_key key)
{
	void *p;

	if (t->n_below > 0 && t->below[t->n_below - 1].fsid == key.fsid &&
	    t->below[t->n_below - 1].ino == key.ino)
		return 0;
	if (t->n_below >= BELOW_MAX)
		return -E2BIG;
	if (t->n_below == t->cap_below) {
		size_t cap = t->cap_below ? 2 * t->cap_below : 64;

		p = realloc(t->below, cap * sizeof(*t->below));
		if (!p)
			return -ENOMEM;
		t->below = p;
		t->cap_below = cap;
	}
	t->below[t->n_below++] = key;
	return 0;
}

/* The directories from a source down to what is mounted below it must be
 * looked into. said: which directory is mounted there. */
static int add_way(struct track *t, const char *source, const char *point,
		   struct buf *said)
{
	CLEANUP_FREE char *path = strdup(point);
	bool add = !t->opt.one_file_system;
	struct catalog_key key;
	int e = 0;

	if (!path)
		return -ENOMEM;
	for (;;) {
		struct place *p = place_of(t, path, add, &key);
		char *slash;

		if (!strcmp(path, point))
			e = buf_le64(said, key.ino);
		if (e == 0 && p)
			e = add_below(t, key);
		if (e < 0)
			return e;
		if (!strcmp(path, source) || !strcmp(path, "/"))
			return 0;
		slash = strrchr(path, '/');
		if (slash == path)
			slash[1] = '\0';
		else
			*slash = '\0';
	}
}

int track_open_btrfs(const char *path)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY |
						  O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 && btrfs_is(fd) ? TAKE_FD(fd) : -1;
}

struct nest {
	struct track *t;
	const char *path;
	uint64_t fsid;
	unsigned int depth;
};

static int add_nested(struct track *t, const char *path, unsigned int depth);

/* No directory above tells that something in a nested subvolume changed. */
static int found_nested(void *arg, uint64_t dir, const char *path, uint64_t id)
{
	const struct nest *n = arg;
	CLEANUP_FREE char *whole = NULL;
	int e = add_below(n->t, (struct catalog_key){ n->fsid, dir });

	(void)id;
	if (e < 0 || !path)
		return e;
	if (asprintf(&whole, "%s/%s", n->path, path) < 0) {
		whole = NULL;
		return -ENOMEM;
	}
	return add_nested(n->t, whole, n->depth + 1);
}

/* The subvolumes below path. They are no mounts, and each has inode numbers
 * of its own. */
static int add_nested(struct track *t, const char *path, unsigned int depth)
{
	CLEANUP_CLOSE int fd = track_open_btrfs(path);
	struct nest n = { .t = t, .path = path, .depth = depth };
	struct catalog_key key;
	int e;

	if (fd < 0 || depth > NESTED_MAX || !place_of(t, path, true, &key))
		return 0;
	n.fsid = key.fsid;
	e = btrfs_nested(fd, key.ino, found_nested, &n);
	return e == -EPERM ? 0 : e; /* who may not ask scans */
}

static int find_sources(struct track *t, struct buf *said)
{
	struct catalog_key key;
	uint32_t i, n;
	char **paths = archiver_paths(t->opt.archiver, &n);
	int e = 0;

	for (i = 0; e == 0 && i < n; i++) {
		(void)place_of(t, paths[i], true, &key);
		e = buf_le64(said, key.ino);
	}
	return e;
}

/* Everything that, if it is another than the last time, makes a record say
 * nothing of what has to be looked at: which directories the sources are, and
 * what is mounted where below them. Also if that is left out, for it covers
 * what was there. */
static int find_places(struct track *t, struct buf *said)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct mntent *m;
	uint32_t i, n;
	char **paths = archiver_paths(t->opt.archiver, &n);
	int e = f ? find_sources(t, said) : -errno;

	while (e == 0 && (m = getmntent(f))) {
		for (i = 0; e == 0 && i < n; i++) {
			if (!is_below(m->mnt_dir, paths[i]))
				continue;
			e = add_way(t, paths[i], m->mnt_dir, said);
			if (e == 0)
				e = buf_append(said, m->mnt_dir,
					       strlen(m->mnt_dir) + 1);
			if (e == 0)
				e = buf_append(said, m->mnt_fsname,
					       strlen(m->mnt_fsname) + 1);
		}
	}
	if (f)
		endmntent(f);
	n = (uint32_t)t->n_places;
	for (i = 0; e == 0 && !t->opt.one_file_system && i < n; i++)
		e = add_nested(t, t->places[i].path, 0);
	return e;
}

int track_describe(struct track *t)
{
	CLEANUP_BUF struct buf said = BUF_INIT(FILTER_SAID_MAX + (16u << 20));
	int e = buf_u8(&said, t->opt.one_file_system);

	if (e == 0)
		e = find_places(t, &said);
	if (e == 0)
		sha256_once(SPAN_OF(&said), t->mounts);
	if (e == 0)
		e = filter_describe(t->opt.filter, &said);
	if (e == 0)
		sha256_once(SPAN_OF(&said), t->options);
	return e;
}

/* --- asking --- */

static bool had_token(const struct track *t)
{
	return t->last && t->last->n_fs + t->last->n_btrfs > 0;
}

/* Nothing is known of the last time: how was it made? */
static const char *missing(const struct track *t)
{
	return token_missing((enum token_note)catalog_note(t->opt.catalog),
			     had_token(t));
}

static int take_answer(struct track *t, struct place *p, const struct json *j,
		       int fd, bool has_since)
{
	bool tracked, trusted;
	const char *why = json_to_str(json_get(j, "why"));
	int e = json_to_bool(json_get(j, "tracked"), &tracked);

	if (e < 0 || !tracked)
		return e;
	e = json_to_bool(json_get(j, "trusted"), &trusted);
	if (e == 0)
		e = json_to_hex(json_get(j, "instance"), p->token.instance, 16);
	if (e == 0)
		e = json_to_hex(json_get(j, "fs"), p->token.fs, 16);
	if (e == 0)
		e = json_to_u64(json_get(j, "epoch"), &p->token.epoch);
	if (e < 0)
		return e;
	p->token.fsid = p->fsid;
	clock_gettime(CLOCK_REALTIME_COARSE, &p->began);
	p->asked = ASKED_DAEMON;
	archiver_is_synced(t->opt.archiver, p->dev);
	if (trusted)
		e = dirty_read(fd, &p->dirty);
	p->is_trusted = trusted && e == 0 && !p->dirty.lost;
	if (!trusted)
		set_why(t, has_since ? why : missing(t) ?: why);
	return e;
}

int track_call(int fd, const char *op, const struct place *p,
	       const uint8_t *consumer, const struct token_fs *since,
	       struct json **reply, int *passed)
{
	CLEANUP_BUF struct buf b = BUF_INIT(CONTROL_PACKET_MAX);
	struct json_out j = JSON_OUT(&b);
	int e;

	json_object(&j, NULL);
	json_str(&j, "op", op);
	json_u64(&j, "major", p->dev >> 32);
	json_u64(&j, "minor", p->dev & 0xffffffff);
	if (consumer)
		json_hex(&j, "consumer", consumer, SHA256_LEN);
	else
		json_str(&j, "consumer", "");
	if (since) {
		json_hex(&j, "instance", since->instance, 16);
		json_hex(&j, "fs", since->fs, 16);
		json_u64(&j, "epoch", since->epoch);
	}
	json_close(&j);
	e = json_end(&j);
	return e < 0 ? e : control_call(fd, SPAN_OF(&b), reply, passed);
}

static int ask_daemon(struct track *t, int fd, struct place *p)
{
	CLEANUP_JSON struct json *reply = NULL;
	CLEANUP_CLOSE int passed = -1;
	const struct token_fs *since = token_find(t->last, p->fsid);
	/* what is kept for the backup stays until it is finished */
	const uint8_t *consumer = t->again ? NULL : t->opt.consumer;
	int e = track_call(fd, "begin", p, consumer, since, &reply, &passed);

	return e < 0 ? e : take_answer(t, p, reply, passed, since != NULL);
}

/* -EPERM: not by this user. */
static int ask_btrfs(struct track *t, int fd, struct place *p)
{
	const struct btrfs_point *since = token_point(t->last, p->fsid);
	const char *why = NULL;
	int e;

	p->point = calloc(1, sizeof(*p->point));
	e = p->point ? btrfs_point_take(fd, p->point) : -ENOMEM;
	if (e < 0)
		return e;
	p->asked = ASKED_BTRFS;
	archiver_is_synced(t->opt.archiver, p->dev);
	if (!since)
		set_why(t, missing(t) ?: "this is the first backup of it");
	else
		e = btrfs_changes(fd, since, p->point, &p->dirty, &why);
	if (e == 0 && p->dirty.lost)
		why = "there were more changes than can be kept";
	p->is_trusted = since && e == 0 && !p->dirty.lost;
	set_why(t, why);
	return !since || e == -ESTALE ? btrfs_point_witness(fd, p->point) : e;
}

/* It cannot be asked; what else there is can. */
static void leave_btrfs(struct track *t, struct place *p, int err)
{
	set_why(t, err == -EPERM ? "only root may ask btrfs what changed"
				 : "btrfs could not be asked");
	dirty_release(&p->dirty);
	free(TAKE_PTR(p->point));
	p->asked = ASKED_NOBODY;
	p->is_trusted = false;
}

/* daemon: -1 if none runs. */
static int ask_all(struct track *t, int daemon)
{
	size_t i;
	int e = 0;

	for (i = 0; e == 0 && i < t->n_places; i++) {
		struct place *p = &t->places[i];
		CLEANUP_CLOSE int fd = track_open_btrfs(p->path);

		if (fd >= 0)
			e = ask_btrfs(t, fd, p);
		else if (daemon >= 0)
			e = ask_daemon(t, daemon, p);
		if (fd >= 0 && e < 0 && e != -ENOMEM) {
			leave_btrfs(t, p, e);
			e = 0;
		}
	}
	return e;
}

/* The places that nobody tracks: only if there is nothing worse to tell. */
static void tell_untracked(struct track *t)
{
	size_t i;

	for (i = 0; i < t->n_places; i++)
		if (t->places[i].asked == ASKED_NOBODY)
			set_why(t, kind_why_scanned(t->places[i].path));
}

static int use(struct track *t)
{
	struct tracked_fs fs[TOKEN_FS_MAX];
	size_t i, n = 0;
	int e;

	for (i = 0; i < t->n_places; i++)
		if (t->places[i].is_trusted)
			fs[n++] = (struct tracked_fs){ t->places[i].fsid,
						       &t->places[i].dirty };
	if (n == 0)
		return 0;
	e = tracked_new(t->opt.catalog, fs, n, t->last->again, t->last->n_again,
			t->below, t->n_below, &t->tracked);
	if (e < 0)
		return e;
	catalog_keep_all(t->opt.catalog);
	archiver_use_source(t->opt.archiver, tracked_source(t->tracked));
	return 0;
}

int track_load_token(struct track *t)
{
	struct span bytes = catalog_token(t->opt.catalog);
	/* a directory has one record, whatever the patterns say of each path */
	bool differs = t->twice && filter_has_patterns(t->opt.filter);
	int e;

	if (t->opt.differs)
		set_why(t, "the options ask for more than a tracker can spare");
	else if (differs)
		set_why(t, WHY_TWICE);
	/* without one it is said how the last backup was made */
	if (t->opt.differs || differs || t->opt.scan || !bytes.p)
		return 0;
	t->last = calloc(1, sizeof(*t->last));
	if (!t->last)
		return -ENOMEM;
	e = token_decode(bytes, t->options, t->last);
	t->is_stale = e == -ESTALE;
	if (t->is_stale)
		set_why(t, "patterns, options or mounts are not those of the "
			   "last backup");
	if (e < 0)
		free(TAKE_PTR(t->last));
	return 0;
}

static bool is_asked(const struct track *t)
{
	size_t i;

	for (i = 0; i < t->n_places; i++)
		if (t->places[i].asked != ASKED_NOBODY)
			return true;
	return false;
}

/* Forget all answers: look at everything. */
static void give_up(struct track *t, int err)
{
	log_warn("the tracker cannot be asked (%s): scanning",
		 log_strerror(err));
	set_why(t, "the tracker could not be asked");
	while (t->n_places > 0) {
		struct place *p = &t->places[--t->n_places];

		dirty_release(&p->dirty);
		free(p->point);
		free(p->path);
		memset(p, 0, sizeof(*p));
	}
	tracked_free(TAKE_PTR(t->tracked));
}

/* -ENOENT also if somebody has said that there is none. */
int track_connect_daemon(int *fd)
{
	const char *path = getenv("TIDEMARK_SOCKET") ?: CONTROL_SOCKET;

	return path[0] ? control_connect(path, fd) : -ENOENT;
}

int track_begin(const struct track_options *opt, struct track **out)
{
	CLEANUP_CLOSE int fd = -1;
	struct track *t = calloc(1, sizeof(*t));
	int e;

	if (!t)
		return -ENOMEM;
	t->opt = *opt;
	t->no_daemon = track_connect_daemon(&fd) < 0;
	e = track_describe(t);
	if (e < 0)
		set_why(t, "what is mounted below the sources cannot be told");
	else
		e = track_load_token(t);
	if (e == 0)
		e = ask_all(t, fd);
	if (e == 0 && !t->no_daemon)
		tell_untracked(t);
	if (e == 0 && is_asked(t))
		t->index_complete = catalog_use_index(t->opt.catalog);
	if (e == 0)
		e = use(t);
	if (e < 0 && e != -ENOMEM) {
		give_up(t, e);
		e = 0;
	}
	if (e == 0 && (is_asked(t) || catalog_token(opt->catalog).p))
		archiver_scan_heals(opt->archiver);
	if (e < 0)
		track_end(TAKE_PTR(t));
	*out = t;
	return e;
}

/* --- the end --- */

/* What the next backup is to know. */
static int next_token(const struct track *t, struct token *next)
{
	const struct catalog_key *again;
	uint32_t i;
	size_t n;

	memcpy(next->options, t->options, sizeof(next->options));
	memcpy(next->mounts, t->mounts, sizeof(next->mounts));
	next->one_file_system = t->opt.one_file_system;
	for (i = 0; i < t->n_places; i++) {
		const struct place *p = &t->places[i];

		if (p->asked == ASKED_DAEMON) {
			next->fs[next->n_fs++] = p->token;
		} else if (p->asked == ASKED_BTRFS) {
			struct token_btrfs *b = &next->btrfs[next->n_btrfs++];

			b->fsid = p->fsid;
			b->point = *p->point;
		}
	}
	for (i = 0; i < next->n_btrfs; i++)
		btrfs_point_trim(&next->btrfs[i].point,
				 WITNESSES_MAX / next->n_btrfs);
	again = archiver_again(t->opt.archiver, &n);
	if (n > ARCHIVER_AGAIN_MAX)
		return -E2BIG;
	if (n > 0)
		memcpy(next->again, again, n * sizeof(*again));
	next->n_again = (uint32_t)n;
	return 0;
}

/* What was scanned beside it keeps only what was come to. */
static int drop_untrusted(void *arg, struct catalog_key key, struct span record)
{
	const struct track *t = arg;
	size_t i;

	(void)record;
	for (i = 0; i < t->n_places; i++)
		if (t->places[i].fsid == key.fsid && t->places[i].is_trusted)
			return 0;
	return catalog_drop_unseen(t->opt.catalog, key);
}

/* Records of what nobody has looked at are those of its last look. */
static int forget_unseen(struct track *t)
{
	size_t i, trusted = 0;
	int e;

	if (!t->tracked) /* the commit drops all that were not kept */
		return 0;
	e = tracked_forget_unseen(t->tracked);
	for (i = 0; i < t->n_places; i++)
		trusted += t->places[i].is_trusted;
	if (e == 0 && (trusted < t->n_places || t->has_more))
		e = catalog_each(t->opt.catalog, drop_untrusted, t);
	return e;
}

static int put_token(struct track *t, const uint8_t tree[CHUNK_ID_LEN])
{
	CLEANUP_BUF struct buf bytes = BUF_INIT(CATALOG_TOKEN_MAX);
	CLEANUP_FREE struct token *next = calloc(1, sizeof(*next));
	int e = next ? 0 : -ENOMEM;

	if (e == 0 && !t->index_complete)
		e = tracked_index(t->opt.catalog);
	if (e == 0)
		e = forget_unseen(t);
	if (e == 0)
		e = next_token(t, next);
	if (e == 0) {
		memcpy(next->tree, tree, CHUNK_ID_LEN);
		e = token_encode(next, &bytes);
	}
	return e < 0 ? e : catalog_set_token(t->opt.catalog, SPAN_OF(&bytes));
}

void track_commit(struct track *t, const uint8_t tree[CHUNK_ID_LEN])
{
	int e = 0;

	if (!t)
		return;
	if (is_asked(t))
		e = put_token(t, tree);
	if (e < 0)
		log_warn("the next backup scans: %s", log_strerror(e));
	catalog_set_note(t->opt.catalog, is_asked(t) && e == 0 ? NOTE_TRACKED
					 : t->no_daemon	       ? NOTE_NO_DAEMON
							: NOTE_NOT_TRACKED);
}

/* --- once more --- */

int track_settle(struct track *t)
{
	int e = t->index_complete ? 0 : tracked_index(t->opt.catalog);

	t->index_complete |= e == 0;
	/* of this pass: what the next one comes to is another matter */
	if (e == 0)
		e = forget_unseen(t);
	return e < 0 ? e : catalog_renew(t->opt.catalog);
}

static int look_again(struct track *t, const struct track *before, int daemon)
{
	size_t i;
	int e = next_token(before, t->last);

	if (e < 0)
		set_why(t, "too many directories could not be read");
	if (e == 0)
		e = track_describe(t);
	if (e == 0 && memcmp(t->options, t->last->options, SHA256_LEN) != 0)
		set_why(t, "something was mounted or unmounted below the "
			   "sources");
	if (t->twice && filter_has_patterns(t->opt.filter))
		set_why(t, WHY_TWICE);
	if (e < 0 || t->why)
		return e < 0 ? e : -ESTALE;
	e = ask_all(t, daemon);
	for (i = 0; e == 0 && i < t->n_places; i++)
		if (!t->places[i].is_trusted)
			e = -ESTALE;
	return e < 0 ? e : use(t);
}

int track_again(struct track *last, struct archiver *archiver,
		struct track **out, char *why, size_t size)
{
	const char *path = getenv("TIDEMARK_SOCKET") ?: CONTROL_SOCKET;
	struct track *t = calloc(1, sizeof(*t));
	CLEANUP_CLOSE int fd = -1;
	int e = 0;

	if (!t)
		return -ENOMEM;
	t->opt = last->opt;
	t->opt.archiver = archiver;
	t->again = true;
	t->index_complete = last->index_complete;
	t->last = calloc(1, sizeof(*t->last));
	e = t->last ? control_connect(path, &fd) : -ENOMEM;
	if (e == 0)
		e = look_again(t, last, fd);
	if (e < 0) {
		snprintf(why, size, "%s",
			 t->why ?: "the tracker could not be asked");
		track_end(t);
		return e == -ENOMEM ? e : -ESTALE;
	}
	/* how the backup began is what its result says */
	snprintf(t->source, sizeof(t->source), "%s", track_source(last));
	if (last->why)
		set_why(t, last->why);
	*out = t;
	return 0;
}

int track_places(const struct track *t, track_place_fn *fn, void *arg)
{
	size_t i;
	int e = 0;

	for (i = 0; e == 0 && t && i < t->n_places; i++)
		e = fn(arg, t->places[i].path,
		       t->places[i].asked == ASKED_DAEMON);
	return e;
}

void track_end(struct track *t)
{
	size_t i;

	if (!t)
		return;
	tracked_free(t->tracked);
	for (i = 0; i < t->n_places; i++) {
		dirty_release(&t->places[i].dirty);
		free(t->places[i].point);
		free(t->places[i].path);
	}
	free(t->below);
	free(t->last);
	free(t);
}

const char *track_source(struct track *t)
{
	const char *names[3];
	size_t i, by[3] = { 0 }, n = 0;

	if (t && t->again)
		return t->source;
	for (i = 0; t && t->tracked && i < t->n_places; i++)
		by[t->places[i].is_trusted ? t->places[i].asked
					   : ASKED_NOBODY]++;
	if (!t || !t->tracked)
		return "scan";
	if (by[ASKED_DAEMON])
		names[n++] = "tracker";
	if (by[ASKED_BTRFS])
		names[n++] = "btrfs generations";
	if (by[ASKED_NOBODY] || t->has_more)
		names[n++] = "scan";
	snprintf(t->source, sizeof(t->source), "%s%s%s%s%s", names[0],
		 n == 3	  ? ", "
		 : n == 2 ? " and "
			  : "",
		 n > 1 ? names[1] : "", n == 3 ? " and " : "",
		 n == 3 ? names[2] : "");
	return t->source;
}

bool track_is_whole(const struct track *t)
{
	size_t i;

	for (i = 0; t && i < t->n_places; i++)
		if (!t->places[i].is_trusted)
			return false;
	return t && t->tracked && !t->has_more;
}

const char *track_why(const struct track *t)
{
	return t ? t->why : NULL;
}
