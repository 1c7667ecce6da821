/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capture.c - one entry: its metadata, and the content of a small file.
 */
#include <errno.h>
#include <fcntl.h>

#include "archive/archiver_private.h"
#include "archive/batch.h"
#include "base/fault.h"
#include "base/io.h"
#include "base/log.h"

int capture_statx(int fd, const char *name, struct statx *st)
{
	int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;

	if (!name[0])
		flags |= AT_EMPTY_PATH;
	if (statx(fd, name, flags, ATTR_STATX_MASK, st) < 0)
		return -errno;
	return 0;
}

int capture_open(int dirfd, const char *name)
{
	/* O_NONBLOCK: what was a file may be a fifo by now */
	int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
	int fd = openat(dirfd, name, flags | O_NOATIME);

	if (fd < 0 && errno == EPERM)
		fd = openat(dirfd, name, flags);
	return fd < 0 ? -errno : fd;
}

/* What every write changes. */
static bool same_state(const struct statx *a, const struct statx *b)
{
	return a->stx_size == b->stx_size &&
	       a->stx_mtime.tv_sec == b->stx_mtime.tv_sec &&
	       a->stx_mtime.tv_nsec == b->stx_mtime.tv_nsec &&
	       a->stx_ctime.tv_sec == b->stx_ctime.tv_sec &&
	       a->stx_ctime.tv_nsec == b->stx_ctime.tv_nsec;
}

bool capture_is_as_seen(int fd, const struct statx *seen)
{
	struct statx now;

	return capture_statx(fd, "", &now) == 0 &&
	       now.stx_ino == seen->stx_ino && now.stx_mode == seen->stx_mode &&
	       now.stx_dev_major == seen->stx_dev_major &&
	       now.stx_dev_minor == seen->stx_dev_minor &&
	       same_state(&now, seen);
}

bool capture_stayed(int fd, const struct statx *before)
{
	struct statx now;

	return capture_statx(fd, "", &now) == 0 && same_state(&now, before);
}

bool capture_is_racy(const struct archiver *a, const struct node *n)
{
	return n->ctime.sec > a->synced.sec ||
	       (n->ctime.sec == a->synced.sec &&
		n->ctime.nsec >= a->synced.nsec);
}

int capture_attrs(struct walker *w, int fd, struct node *n)
{
	int e;

	w->xattrs.len = 0;
	e = attr_read_xattrs(fd, &w->xattrs);
	n->xattrs = SPAN_OF(&w->xattrs);
	n->iflags = attr_read_iflags(fd);
	if (n->xattrs.len)
		n->flags |= NODE_HAS_XATTRS;
	if (n->iflags)
		n->flags |= NODE_HAS_IFLAGS;
	return e;
}

/* --- content --- */

/*
 * The bytes of a file of the size that st says, into w->small. Returns them,
 * or -ESTALE if the file has another size by now.
 */
static ssize_t read_small(struct walker *w, int fd, const struct statx *st)
{
	size_t size = st->stx_size;
	ssize_t n;
	int e;

	w->small.len = 0;
	e = buf_reserve(&w->small, size + 1);
	if (e < 0)
		return e;
	/* one byte more than there is, to see whether it grew */
	n = io_pread_full(fd, w->small.p, size + 1, 0);
	if (n >= 0 && (size_t)n != size)
		return -ESTALE;
	return n;
}

int capture_content(struct walker *w, struct span bytes, struct node *n)
{
	size_t len = bytes.len;
	uint8_t id[CHUNK_ID_LEN];
	struct lane *lane = walker_lane(w);
	int e = 0;

	if (!lane)
		return -ECANCELED;
	w->content.len = 0;
	if (len > 0)
		e = lane_add(lane, CHUNK_DATA, bytes, id);
	if (e < 0)
		return archiver_fail(w->a, e);
	/* depth 0, one extent or none: as content_builder would write it */
	e = buf_u8(&w->content, 0);
	if (e == 0)
		e = buf_varint(&w->content, len > 0);
	if (e == 0 && len > 0)
		e = buf_varint(&w->content, EXTENT_CHUNK);
	if (e == 0 && len > 0)
		e = buf_varint(&w->content, len);
	if (e == 0 && len > 0)
		e = buf_append(&w->content, id, CHUNK_ID_LEN);
	n->content = SPAN_OF(&w->content);
	n->size = len;
	if (capture_is_racy(w->a, n))
		n->flags |= NODE_RACY;
	return e < 0 ? archiver_fail(w->a, e) : 0;
}

/* The metadata of an open file replaces what a path's stat said: this is
 * the inode whose content is read. */
static int refresh(struct walker *w, int fd, struct node *n, struct statx *st)
{
	uint64_t fsid = n->fsid;
	struct span name = n->name;
	int e = capture_statx(fd, "", st);

	if (e < 0)
		return e;
	attr_from_statx(st, n);
	n->fsid = fsid;
	n->name = name;
	if (n->type != NODE_FILE)
		return -ESTALE;
	return capture_attrs(w, fd, n);
}

static int capture_small(struct walker *w, int fd, struct node *n)
{
	struct statx st;
	ssize_t got = 0;
	int e, tries;

	for (tries = 1;; tries++) {
		e = refresh(w, fd, n, &st);
		if (e < 0)
			return e;
		if (st.stx_size > SMALL_MAX)
			return -EFBIG;
		got = read_small(w, fd, &st);
		if (got < 0 && got != -ESTALE)
			return (int)got;
		if (got >= 0)
			COUNT(w->a, bytes_read, (uint64_t)got);
		if (got >= 0 && capture_stayed(fd, &st))
			break;
		if (tries == CAPTURE_TRIES) {
			n->flags |= NODE_PARTIAL;
			break;
		}
	}
	if (got ==
	    -ESTALE) { /* never twice the same size: keep what there is */
		got = io_pread_full(fd, w->small.p, w->small.cap, 0);
		if (got < 0)
			return (int)got;
	}
	return capture_content(w, SPAN(w->small.p, (size_t)got), n);
}

static void tell_file(struct walker *w, struct dir_job *dir,
		      struct entry *entry, const struct node *n, bool had_old)
{
	if (n->flags & NODE_PARTIAL)
		archiver_error(w->a, dir, entry->name, -EAGAIN,
			       "changed while it was read:");
	if (had_old)
		COUNT(w->a, files_changed, 1);
	else
		COUNT(w->a, files_new, 1);
	archiver_item(w->a, dir, entry->name,
		      had_old ? ARCHIVE_CHANGED : ARCHIVE_NEW, n->size);
}

/* Only what ctime alone tells differs, and something visible explains why
 * it moved: mode, owner, number of names, xattrs or flags. */
static bool only_meta(struct walker *w, const struct entry *entry,
		      const struct node *old, const struct node *n, bool live)
{
	const struct dirty_inode *in;
	const struct dirty *set;
	bool explained;

	if (!old || old->type != NODE_FILE || !live ||
	    (old->flags & look_doubts(w->a, entry, n)) ||
	    !attr_content_is_same(old, n))
		return false;
	if (w->a->opt.strict_ctime || (w->a->healing && !entry->tracked))
		return false;
	in = look_inode(w->a, entry, n, &set);
	if (look_is_content(in, old))
		return false;
	explained = old->mode != n->mode || old->uid != n->uid ||
		    old->gid != n->gid ||
		    ((old->flags ^ n->flags) & NODE_HARDLINK) ||
		    old->iflags != n->iflags ||
		    old->xattrs.len != n->xattrs.len ||
		    (n->xattrs.len &&
		     memcmp(old->xattrs.p, n->xattrs.p, n->xattrs.len) != 0);
	return explained;
}

void capture_done(struct walker *w, struct dir_job *dir, struct entry *entry,
		  struct node *n, bool had_old, int e)
{
	relist_if_replaced(dir, entry, n->ino);
	if (e == 0) {
		if (n->flags & NODE_HARDLINK)
			(void)!links_put(w->a, n);
		tell_file(w, dir, entry, n, had_old);
		entry_set(w, dir, entry, n);
	} else if (e == -ENOENT) { /* deleted since it was listed */
		entry_vanished(dir, entry);
	} else if (e != -ECANCELED) {
		entry_failed(w, dir, entry, e, "read");
	}
}

void capture_small_file(struct walker *w, struct dir_job *dir,
			struct entry *entry, struct node *n, bool had_old,
			int fd)
{
	int e = n->size > SMALL_MAX ? -EFBIG : capture_small(w, fd, n);

	if (e == -EFBIG)
		large_push(w, dir, entry, n, had_old, NULL);
	else
		capture_done(w, dir, entry, n, had_old, e);
}

/* Fewer blocks than bytes: there may be holes, which are to stay holes. */
static bool is_sparse(const struct statx *st)
{
	return st->stx_size > 4096 && st->stx_blocks * 512 < st->stx_size;
}

/* Something about it is special: another name, holes, or a record whose
 * content may still hold. Such files are few. */
static void capture_alone(struct walker *w, struct dir_job *dir,
			  struct entry *entry, struct node *n,
			  const struct node *old, int fd)
{
	struct statx st;
	int e = refresh(w, fd, n, &st);

	relist_if_replaced(dir, entry, n->ino);
	if (e < 0) {
		capture_done(w, dir, entry, n, old != NULL, e);
	} else if (only_meta(w, entry, old, n, dir->record_live)) {
		n->content = old->content;
		if (capture_is_racy(w->a, n))
			n->flags |= NODE_RACY;
		if (n->flags & NODE_HARDLINK)
			(void)!links_put(w->a, n);
		COUNT(w->a, files_unchanged, 1);
		archiver_item(w->a, dir, entry->name, ARCHIVE_META, n->size);
		entry_set(w, dir, entry, n);
	} else if ((n->flags & NODE_HARDLINK) && links_get(w->a, dir, n) == 1) {
		tell_file(w, dir, entry, n, old != NULL);
		entry_set(w, dir, entry, n);
	} else if (is_sparse(&st) || n->size > SMALL_MAX) {
		large_push(w, dir, entry, n, old != NULL, old);
	} else {
		capture_small_file(w, dir, entry, n, old != NULL, fd);
	}
}

/* A name that is new where it is: does the tracker know the inode, and that its
 * content is what the catalog has under another name? */
static bool is_moved(struct walker *w, const struct entry *entry,
		     const struct node *n, struct node *was)
{
	const struct dirty *set;
	const struct dirty_inode *in = look_inode(w->a, entry, n, &set);

	return in && !w->a->opt.strict_ctime && n->size > 0 &&
	       moved_find(w->a->moved, w->a, n, was) &&
	       !look_is_content(in, was);
}

/* False: it is another by now. */
static bool capture_moved(struct walker *w, struct dir_job *dir,
			  struct entry *entry, struct node *n,
			  const struct node *was, int fd)
{
	struct statx st;
	int e = refresh(w, fd, n, &st);

	if (e == 0 &&
	    (!attr_is_same_file(was, n) || !attr_content_is_same(was, n)))
		return false;
	if (e == 0) {
		n->content = was->content;
		if (capture_is_racy(w->a, n))
			n->flags |= NODE_RACY;
	}
	capture_done(w, dir, entry, n, false, e);
	return true;
}

static void capture_file(struct walker *w, struct dir_job *dir,
			 struct entry *entry, struct node *n,
			 const struct statx *st, const struct node *old)
{
	CLEANUP_CLOSE int fd = -1;
	struct node was;
	int e = FAULT("archive.file");

	if (e == 0)
		fd = capture_open(dir->fd, (const char *)entry->name.p);
	if (e == 0 && fd < 0)
		e = fd;
	if (e < 0) {
		capture_done(w, dir, entry, n, old != NULL, e);
		return;
	}
	if (entry->tracked)
		look_wait(fd, false);
	if (!old && is_moved(w, entry, n, &was) &&
	    capture_moved(w, dir, entry, n, &was, fd))
		return;
	if (n->size > BATCH_FILE_MAX || is_sparse(st) ||
	    (n->flags & NODE_HARDLINK) ||
	    (old && attr_content_is_same(old, n)) || !batch_of(w))
		capture_alone(w, dir, entry, n, old, fd);
	else
		batch_add(w, dir, entry, n, st, old != NULL, TAKE_FD(fd));
}

static int read_target(struct walker *w, int dirfd, const char *name,
		       struct node *n)
{
	ssize_t len;
	int e;

	w->content.len = 0;
	e = buf_reserve(&w->content, SYMLINK_BYTES_MAX);
	if (e < 0)
		return e;
	len = readlinkat(dirfd, name, (char *)w->content.p, SYMLINK_BYTES_MAX);
	if (len < 0)
		return -errno;
	n->target = SPAN(w->content.p, (size_t)len);
	return 0;
}

/* -ENOENT also comes from a /proc that is not there. */
static bool is_gone(const struct dir_job *dir, const char *name)
{
	struct statx st;

	return capture_statx(dir->fd, name, &st) == -ENOENT;
}

static void capture_other(struct walker *w, struct dir_job *dir,
			  struct entry *entry, struct node *n, bool had_old)
{
	const char *name = (const char *)entry->name.p;
	int e = 0;

	w->xattrs.len = 0;
	if (n->type == NODE_SYMLINK)
		e = read_target(w, dir->fd, name, n);
	if (e == 0)
		e = attr_read_xattrs_at(dir->fd, name, &w->xattrs);
	n->xattrs = SPAN_OF(&w->xattrs);
	if (n->xattrs.len)
		n->flags |= NODE_HAS_XATTRS;
	if (capture_is_racy(w->a, n))
		n->flags |= NODE_RACY;
	if (e == 0) {
		archiver_item(w->a, dir, entry->name,
			      had_old ? ARCHIVE_CHANGED : ARCHIVE_NEW, 0);
		entry_set(w, dir, entry, n);
	} else if (e == -ENOENT && is_gone(dir, name)) {
		entry_vanished(dir, entry);
	} else {
		entry_failed(w, dir, entry, e, "read");
	}
}

void capture_entry(struct walker *w, struct dir_job *dir, struct entry *entry,
		   struct node *n, const struct statx *st,
		   const struct node *old)
{
	if (n->type == NODE_FILE)
		capture_file(w, dir, entry, n, st, old);
	else
		capture_other(w, dir, entry, n, old != NULL);
}

/* --- inodes with several names --- */

struct link {
	struct link *next;
	uint64_t fsid, ino;
	struct node_time ctime;
	uint64_t size;
	uint8_t flags;
	size_t len;
	uint8_t content[];
};

struct link_table {
	size_t count, mask;
	struct link **slots;
};

static struct link **link_slot(struct link_table *t, uint64_t ino)
{
	return &t->slots[(ino * 0x9e3779b97f4a7c15ull >> 20) & t->mask];
}

static int links_grow(struct archiver *a)
{
	struct link_table *t = a->links;
	size_t n = t ? 2 * (t->mask + 1) : 1024, i;
	struct link_table grown = { t ? t->count : 0, n - 1,
				    calloc(n, sizeof(*grown.slots)) };

	if (!grown.slots)
		return -ENOMEM;
	if (!t) {
		t = calloc(1, sizeof(*t));
		if (!t) {
			free(grown.slots);
			return -ENOMEM;
		}
		a->links = t;
	}
	for (i = 0; t->slots && i <= t->mask; i++) {
		struct link *l = t->slots[i];

		while (l) {
			struct link *next = l->next;
			struct link **slot = link_slot(&grown, l->ino);

			l->next = *slot;
			*slot = l;
			l = next;
		}
	}
	free(t->slots);
	*t = grown;
	return 0;
}

int links_get(struct archiver *a, struct dir_job *dir, struct node *n)
{
	struct link *l = NULL;
	void *p;
	int found = 0;

	pthread_mutex_lock(&a->lock);
	if (a->links)
		l = *link_slot(a->links, n->ino);
	while (l && (l->ino != n->ino || l->fsid != n->fsid))
		l = l->next;
	if (l && l->size == n->size && l->ctime.sec == n->ctime.sec &&
	    l->ctime.nsec == n->ctime.nsec) {
		p = dir_copy(dir, l->content, l->len);
		if (p) {
			n->content = SPAN(p, l->len);
			n->flags |= l->flags & (NODE_RACY | NODE_PARTIAL);
			found = 1;
		}
	}
	pthread_mutex_unlock(&a->lock);
	return found;
}

int links_put(struct archiver *a, const struct node *n)
{
	struct link *l = malloc(sizeof(*l) + n->content.len);
	struct link **slot;
	int e = 0;

	if (!l)
		return -ENOMEM;
	l->fsid = n->fsid;
	l->ino = n->ino;
	l->ctime = n->ctime;
	l->size = n->size;
	l->flags = n->flags;
	l->len = n->content.len;
	memcpy(l->content, n->content.p, l->len);
	pthread_mutex_lock(&a->lock);
	if (!a->links || a->links->count > a->links->mask)
		e = links_grow(a);
	if (e == 0) {
		slot = link_slot(a->links, l->ino);
		l->next = *slot;
		*slot = l;
		a->links->count++;
	} else {
		free(l);
	}
	pthread_mutex_unlock(&a->lock);
	return e;
}

void links_free(struct link_table *t)
{
	size_t i;

	if (!t)
		return;
	for (i = 0; i <= t->mask; i++) {
		while (t->slots[i]) {
			struct link *l = t->slots[i];

			t->slots[i] = l->next;
			free(l);
		}
	}
	free(t->slots);
	free(t);
}
