/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup_track.c - a backup asks the daemon what changed.
 *
 * The token that the catalog keeps is, in this order: version:u8,
 * SHA-256 of the options and mounts; count:u32 { fsid:u64 instance[16] fs[16]
 * epoch:u64 }*; count:u32 { fsid:u64 ino:u64 }*, directories in which
 * something went wrong.
 */
#include "tools/backup_track.h"

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "archive/attr.h"
#include "archive/tracked.h"
#include "base/io.h"
#include "base/log.h"
#include "control/control.h"
#include "crypto/crypto.h"

#define TOKEN_VERSION 1
#define FS_MAX 64
#define BELOW_MAX (1u << 20)

#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000
#endif

struct token_fs {
	uint64_t fsid;
	uint8_t instance[16], fs[16];
	uint64_t epoch;
};

struct place {
	uint64_t dev, fsid, mount;
	struct token_fs token; /* for the next time, if is_tracked */
	bool is_tracked, is_trusted;
	struct dirty dirty;
};

struct track {
	struct track_options opt;
	struct place places[FS_MAX];
	size_t n_places;
	struct catalog_key *below;
	size_t n_below;
	uint8_t options[SHA256_LEN];
	bool index_complete;
	bool twice; /* one file system, by two mounts */
	const char *why;
	char why_text[256];
	struct tracked *tracked;
};

/* --- the token of the last time --- */

struct token {
	struct token_fs fs[FS_MAX];
	uint32_t n_fs;
	struct catalog_key again[ARCHIVER_AGAIN_MAX];
	uint32_t n_again;
};

static int token_decode(struct span bytes, const uint8_t options[SHA256_LEN],
			struct token *t)
{
	struct reader rd = reader_of(bytes);
	struct span same;
	uint32_t i;

	if (rd_u8(&rd) != TOKEN_VERSION)
		return -EUCLEAN;
	same = rd_take(&rd, SHA256_LEN);
	if (rd.bad)
		return -EUCLEAN;
	if (memcmp(same.p, options, SHA256_LEN) != 0)
		return -ESTALE;
	t->n_fs = rd_le32(&rd);
	if (t->n_fs > FS_MAX)
		return -EUCLEAN;
	for (i = 0; i < t->n_fs; i++) {
		struct span s;

		t->fs[i].fsid = rd_le64(&rd);
		s = rd_take(&rd, 32);
		if (rd.bad)
			return -EUCLEAN;
		memcpy(t->fs[i].instance, s.p, 16);
		memcpy(t->fs[i].fs, s.p + 16, 16);
		t->fs[i].epoch = rd_le64(&rd);
	}
	t->n_again = rd_le32(&rd);
	if (t->n_again > ARCHIVER_AGAIN_MAX)
		return -EUCLEAN;
	for (i = 0; i < t->n_again; i++) {
		t->again[i].fsid = rd_le64(&rd);
		t->again[i].ino = rd_le64(&rd);
	}
	return rd.bad || reader_left(&rd) ? -EUCLEAN : 0;
}

static int token_encode(const struct track *t, struct buf *out)
{
	const struct catalog_key *again;
	size_t i, n_again, n = 0;
	int e = buf_u8(out, TOKEN_VERSION);

	again = archiver_again(t->opt.archiver, &n_again);
	if (n_again > ARCHIVER_AGAIN_MAX)
		return -E2BIG;
	for (i = 0; i < t->n_places; i++)
		n += t->places[i].is_tracked;
	if (e == 0)
		e = buf_append(out, t->options, sizeof(t->options));
	if (e == 0)
		e = buf_le32(out, (uint32_t)n);
	for (i = 0; e == 0 && i < t->n_places; i++) {
		const struct token_fs *fs = &t->places[i].token;

		if (!t->places[i].is_tracked)
			continue;
		e = buf_le64(out, t->places[i].fsid);
		if (e == 0)
			e = buf_append(out, fs->instance, 16);
		if (e == 0)
			e = buf_append(out, fs->fs, 16);
		if (e == 0)
			e = buf_le64(out, fs->epoch);
	}
	if (e == 0)
		e = buf_le32(out, (uint32_t)n_again);
	for (i = 0; e == 0 && i < n_again; i++) {
		e = buf_le64(out, again[i].fsid);
		if (e == 0)
			e = buf_le64(out, again[i].ino);
	}
	return e;
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
	if (i == FS_MAX || (i == t->n_places && !add))
		return NULL;
	if (i == t->n_places) {
		t->places[i].dev = dev;
		t->places[i].mount = st.stx_mnt_id;
		t->places[i].fsid =
			archiver_fs_number(t->opt.archiver, fd, dev);
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
		void *q;
		char *slash;

		if (!strcmp(path, point))
			e = buf_le64(said, key.ino);
		if (e < 0)
			return e;
		q = realloc(t->below, (t->n_below + 1) * sizeof(*t->below));
		if (!q)
			return -ENOMEM;
		t->below = q;
		if (t->n_below >= BELOW_MAX)
			return -E2BIG;
		if (p)
			t->below[t->n_below++] = key;
		if (!strcmp(path, source) || !strcmp(path, "/"))
			return 0;
		slash = strrchr(path, '/');
		if (slash == path)
			slash[1] = '\0';
		else
			*slash = '\0';
	}
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
	return e;
}

static int describe(struct track *t)
{
	CLEANUP_BUF struct buf said = BUF_INIT(FILTER_SAID_MAX + (16u << 20));
	int e = buf_u8(&said, t->opt.one_file_system);

	if (e == 0)
		e = find_places(t, &said);
	if (e == 0)
		e = filter_describe(t->opt.filter, &said);
	if (e == 0)
		sha256_once(SPAN_OF(&said), t->options);
	return e;
}

/* --- asking --- */

static int read_hex(const struct json *j, const char *key, uint8_t *out,
		    size_t n)
{
	const char *hex = json_to_str(json_get(j, key));

	return hex ? hex_decode(out, n, hex, strlen(hex)) : -EPROTO;
}

static int take_answer(struct track *t, struct place *p, const struct json *j,
		       int fd)
{
	bool tracked, trusted;
	const char *why = json_to_str(json_get(j, "why"));
	int e = json_to_bool(json_get(j, "tracked"), &tracked);

	if (e < 0 || !tracked)
		return e;
	e = json_to_bool(json_get(j, "trusted"), &trusted);
	if (e == 0)
		e = read_hex(j, "instance", p->token.instance, 16);
	if (e == 0)
		e = read_hex(j, "fs", p->token.fs, 16);
	if (e == 0)
		e = json_to_u64(json_get(j, "epoch"), &p->token.epoch);
	if (e < 0)
		return e;
	p->is_tracked = true;
	archiver_is_synced(t->opt.archiver, p->dev);
	if (trusted)
		e = dirty_read(fd, &p->dirty);
	p->is_trusted = trusted && e == 0 && !p->dirty.lost;
	if (!trusted && why && !t->why) {
		snprintf(t->why_text, sizeof(t->why_text), "%s", why);
		t->why = t->why_text;
	}
	return e;
}

static int ask(struct track *t, int fd, struct place *p,
	       const struct token_fs *since)
{
	CLEANUP_BUF struct buf b = BUF_INIT(CONTROL_PACKET_MAX);
	CLEANUP_JSON struct json *reply = NULL;
	CLEANUP_CLOSE int passed = -1;
	struct json_out j = JSON_OUT(&b);
	char consumer[HEX_LEN(SHA256_LEN)];
	int e;

	hex_encode(consumer, t->opt.consumer, SHA256_LEN);
	json_object(&j, NULL);
	json_str(&j, "op", "begin");
	json_u64(&j, "major", p->dev >> 32);
	json_u64(&j, "minor", p->dev & 0xffffffff);
	json_str(&j, "consumer", consumer);
	if (since) {
		json_hex(&j, "instance", since->instance, 16);
		json_hex(&j, "fs", since->fs, 16);
		json_u64(&j, "epoch", since->epoch);
	}
	json_close(&j);
	e = json_end(&j);
	if (e == 0)
		e = control_call(fd, SPAN_OF(&b), &reply, &passed);
	return e < 0 ? e : take_answer(t, p, reply, passed);
}

static int ask_all(struct track *t, int fd, const struct token *last)
{
	size_t i;
	uint32_t k;
	int e = 0;

	for (i = 0; e == 0 && i < t->n_places; i++) {
		const struct token_fs *since = NULL;

		for (k = 0; last && k < last->n_fs; k++)
			if (last->fs[k].fsid == t->places[i].fsid)
				since = &last->fs[k];
		e = ask(t, fd, &t->places[i], since);
	}
	return e;
}

static int use(struct track *t, const struct token *last)
{
	struct tracked_fs fs[FS_MAX];
	size_t i, n = 0;
	int e;

	for (i = 0; i < t->n_places; i++)
		if (t->places[i].is_trusted)
			fs[n++] = (struct tracked_fs){ t->places[i].fsid,
						       &t->places[i].dirty };
	if (n == 0)
		return 0;
	e = tracked_new(t->opt.catalog, fs, n, last->again, last->n_again,
			t->below, t->n_below, &t->tracked);
	if (e < 0)
		return e;
	catalog_keep_all(t->opt.catalog);
	archiver_use_source(t->opt.archiver, tracked_source(t->tracked));
	return 0;
}

static const struct token *last_token(struct track *t, struct token *room)
{
	struct span bytes = catalog_token(t->opt.catalog);
	int e;

	if (t->opt.differs) {
		t->why = "the options ask for more than a tracker can spare";
		return NULL;
	}
	/* a directory has one record, whatever the patterns say of each path */
	if (t->twice && filter_has_patterns(t->opt.filter)) {
		t->why = "a file system is there by two mounts, and there are "
			 "patterns";
		return NULL;
	}
	if (!bytes.p) /* the daemon says that it is the first time */
		return NULL;
	e = token_decode(bytes, t->options, room);
	if (e == -ESTALE)
		t->why = "patterns, options or mounts are not those of the "
			 "last backup";
	return e < 0 ? NULL : room;
}

int track_begin(const struct track_options *opt, struct track **out)
{
	const char *path = getenv("TIDEMARK_SOCKET") ?: CONTROL_SOCKET;
	CLEANUP_FREE struct token *room = calloc(1, sizeof(*room));
	CLEANUP_CLOSE int fd = -1;
	const struct token *last;
	struct track *t = calloc(1, sizeof(*t));
	int e = t && room ? 0 : -ENOMEM;

	if (e == 0)
		t->opt = *opt;
	if (e < 0 || !path[0] || control_connect(path, &fd) < 0)
		goto out;
	e = describe(t);
	if (e < 0 && e != -ENOMEM) {
		log_warn("what is mounted below the sources cannot be told "
			 "(%s): scanning",
			 log_strerror(e));
		t->why = "what is mounted below the sources cannot be told";
		t->n_places = 0;
		e = 0;
		goto out;
	}
	if (e < 0)
		goto out;
	t->index_complete = catalog_use_index(t->opt.catalog);
	last = last_token(t, room);
	e = ask_all(t, fd, last);
	if (e == 0 && last)
		e = use(t, last);
	if (e < 0 && e != -ENOMEM) {
		log_warn("the tracker cannot be asked (%s): scanning",
			 log_strerror(e));
		t->why = "the tracker could not be asked";
		t->n_places = 0;
		e = 0;
	}
out:
	if (e < 0)
		track_end(TAKE_PTR(t));
	*out = t;
	return e;
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
	if (e == 0 && trusted < t->n_places)
		e = catalog_each(t->opt.catalog, drop_untrusted, t);
	return e;
}

void track_commit(struct track *t)
{
	CLEANUP_BUF struct buf token = BUF_INIT(CATALOG_TOKEN_MAX);
	size_t i, n = 0;
	int e = 0;

	for (i = 0; t && i < t->n_places; i++)
		n += t->places[i].is_tracked;
	if (n == 0)
		return;
	if (!t->index_complete)
		e = tracked_index(t->opt.catalog);
	if (e == 0)
		e = forget_unseen(t);
	if (e == 0)
		e = token_encode(t, &token);
	if (e == 0)
		e = catalog_set_token(t->opt.catalog, SPAN_OF(&token));
	if (e < 0)
		log_warn("the next backup scans: %s", log_strerror(e));
}

void track_end(struct track *t)
{
	size_t i;

	if (!t)
		return;
	tracked_free(t->tracked);
	for (i = 0; i < t->n_places; i++)
		dirty_release(&t->places[i].dirty);
	free(t->below);
	free(t);
}

const char *track_source(const struct track *t)
{
	size_t i, trusted = 0;

	for (i = 0; t && i < t->n_places; i++)
		trusted += t->places[i].is_trusted;
	if (!t || !t->tracked)
		return "scan";
	return trusted == t->n_places ? "tracker" : "tracker and scan";
}

const char *track_why(const struct track *t)
{
	return t ? t->why : NULL;
}
