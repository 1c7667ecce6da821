/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_check.c - is a thing still what was recorded of it?
 */
#include "archive/audit_check.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/syscall.h>

#include "archive/archiver_private.h"
#include "base/io.h"
#include "repo/browse.h"

#define DENTS_BYTES (128u << 10)
#define ZEROS_STEP (1u << 20)

struct dent { /* struct linux_dirent64 */
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

int audit_check_init(struct audit_check *c, const struct repo *r,
		     struct repo_reader *reader)
{
	memset(c, 0, sizeof(*c));
	c->reader = reader;
	c->bytes = BUF_INIT(CHUNK_MAX);
	c->attrs = BUF_INIT(XATTRS_BYTES_MAX);
	return chunk_ids_init(&c->ids, r);
}

void audit_check_release(struct audit_check *c)
{
	chunk_ids_release(&c->ids);
	buf_release(&c->bytes);
	buf_release(&c->attrs);
	free(c->dents);
}

/* --- the way to it --- */

/* The length of the next piece of a path that the kernel takes, up to a whole
 * component. */
static size_t piece_of(const char *p, const char *end)
{
	size_t n = MIN((size_t)(end - p), (size_t)PATH_MAX - 1);

	if (p + n < end)
		while (n > 0 && p[n] != '/')
			n--;
	return n;
}

/* The directory that path lies in, piece by piece if it is longer than the
 * kernel takes. *name is its last component. */
static int open_parent(const char *path, const char **name)
{
	const char *end = strrchr(path, '/'), *p = path;
	int at = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (at < 0)
		return -errno;
	*name = end + 1;
	while (p < end) {
		char piece[PATH_MAX];
		size_t n;
		int next;

		p++; /* its slash */
		n = piece_of(p, end);
		memcpy(piece, p, n);
		piece[n] = '\0';
		next = openat(at, piece, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (next < 0)
			next = -errno;
		close(at);
		if (next < 0)
			return next;
		at = next;
		p += n;
	}
	return at;
}

/* --- content --- */

struct reading {
	struct audit_check *c;
	int fd;
	struct audit_found *out;
};

static bool is_zero(const uint8_t *p, size_t n)
{
	return n == 0 || (p[0] == 0 && !memcmp(p, p + 1, n - 1));
}

/* Read a piece of the file; 0 if it ends before. */
static int read_piece(struct reading *r, uint64_t at, size_t len)
{
	struct buf *b = &r->c->bytes;
	ssize_t n;
	int e;

	b->len = 0;
	e = buf_reserve(b, len);
	if (e < 0)
		return e;
	n = io_pread_full(r->fd, b->p, len, at);
	if (n < 0)
		return (int)n;
	r->out->bytes += (uint64_t)n;
	return (size_t)n == len;
}

static int check_hole(struct reading *r, uint64_t at, uint64_t len)
{
	uint64_t end = at + len;

	while (at < end) {
		off_t data = lseek(r->fd, (off_t)at, SEEK_DATA);
		size_t n;
		int e;

		if (data < 0 && errno == ENXIO)
			return 1;
		if (data < 0)
			return -errno;
		at = (uint64_t)data;
		if (at >= end)
			break;
		n = (size_t)MIN(end - at, (uint64_t)ZEROS_STEP);
		e = read_piece(r, at, n);
		if (e <= 0 || !is_zero(r->c->bytes.p, n))
			return e < 0 ? e : 0;
		at += n;
	}
	return 1;
}

/* 1: it is what is in the chunk; 0: it is not. */
static int check_chunk(struct reading *r, const struct extent *x)
{
	struct buf *b = &r->c->bytes;
	uint8_t id[CHUNK_ID_LEN];
	struct chunk_ref ref;
	int e;

	if (x->kind == EXTENT_CHUNK) {
		chunk_ids_of(&r->c->ids, CHUNK_DATA, SPAN(b->p, x->len), id);
		if (!memcmp(id, x->id, CHUNK_ID_LEN))
			return 1;
	}
	e = repo_chunk_get(r->c->reader, CHUNK_DATA, x->id, &ref);
	if (e < 0)
		return e;
	if (x->offset > ref.data.len || x->len > ref.data.len - x->offset)
		e = -EUCLEAN;
	else
		e = !memcmp(ref.data.p + x->offset, b->p, x->len);
	repo_chunk_put(r->c->reader, &ref);
	return e;
}

/* Ends the walk with 1 where something differs. */
static int check_extent(void *arg, uint64_t offset, const struct extent *x)
{
	struct reading *r = arg;
	int e;

	if (r->c->stopped && r->c->stopped())
		return -EINTR;
	if (x->kind == EXTENT_HOLE) {
		e = check_hole(r, offset, x->len);
	} else {
		e = read_piece(r, offset, x->len);
		if (e == 1)
			e = check_chunk(r, x);
	}
	return e < 0 ? e : !e;
}

static int check_content(struct audit_check *c, int fd,
			 const struct audit_unit *u, struct audit_found *out)
{
	struct reading r = { c, fd, out };
	int e;

	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_NOREUSE);
	e = content_walk(c->reader, u->node.content, u->node.size, check_extent,
			 &r);
	if (e == 1)
		out->differs |= AUDIT_CONTENT;
	return e < 0 ? e : 0;
}

/* --- names --- */

struct listed {
	uint64_t ino;
	const char *name;
};

struct listing {
	struct arena arena;
	struct listed *names;
	size_t n, cap;
};

static int name_order(const void *a, const void *b)
{
	return strcmp(((const struct listed *)a)->name,
		      ((const struct listed *)b)->name);
}

static int list_add(struct listing *l, const struct dent *d)
{
	if (!strcmp(d->name, ".") || !strcmp(d->name, ".."))
		return 0;
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 256;
		void *p = realloc(l->names, cap * sizeof(*l->names));

		if (!p)
			return -ENOMEM;
		l->names = p;
		l->cap = cap;
	}
	l->names[l->n].ino = d->ino;
	l->names[l->n].name =
		arena_copy(&l->arena, d->name, strlen(d->name) + 1);
	return l->names[l->n++].name ? 0 : -ENOMEM;
}

static int list(struct audit_check *c, int fd, struct listing *l)
{
	long n;
	int e = 0;

	if (!c->dents)
		c->dents = malloc(DENTS_BYTES);
	if (!c->dents)
		return -ENOMEM;
	while (e == 0 &&
	       (n = syscall(SYS_getdents64, fd, c->dents, DENTS_BYTES)) > 0) {
		uint8_t *p = c->dents;

		while (e == 0 && p < c->dents + n) {
			const struct dent *d = (struct dent *)p;

			p += d->reclen;
			e = list_add(l, d);
		}
	}
	if (e == 0 && n < 0)
		e = -errno;
	if (l->n > 1)
		qsort(l->names, l->n, sizeof(*l->names), name_order);
	return e;
}

/* A name that is not recorded: does it belong there? */
static bool is_left_out(const struct audit_check *c,
			const struct filter_dir *dir, const struct statx *st,
			const struct listed *at)
{
	size_t i;

	if (filter_match(c->filter, dir, at->name, strlen(at->name)))
		return true;
	for (i = 0; i < c->n_skips; i++)
		if (c->skips[i].ino == at->ino &&
		    c->skips[i].dev == attr_dev(st))
			return true;
	return false;
}

/* Two sorted lists. Of a directory that is held by its times the filter may
 * be another than the backup's: more names say nothing there. */
static bool same_names(const struct audit_check *c, const struct listing *l,
		       const struct audit_unit *u, const struct filter_dir *dir,
		       const struct statx *st)
{
	struct record_iter it;
	size_t i = 0;

	record_open(&it, u->record);
	for (; it.has; record_next(&it)) {
		char name[NAME_BYTES_MAX + 1];
		int order = -1;

		memcpy(name, it.node.name.p, it.node.name.len);
		name[it.node.name.len] = '\0';
		while (i < l->n &&
		       (order = strcmp(l->names[i].name, name)) < 0) {
			if (u->is_tracked &&
			    !is_left_out(c, dir, st, &l->names[i]))
				return false;
			i++;
		}
		if (i == l->n || order != 0)
			return false;
		/* a mount point is listed as what it covers */
		if (!(it.node.flags & NODE_OTHER_FS) &&
		    l->names[i].ino != it.node.ino)
			return false;
		i++;
	}
	for (; u->is_tracked && i < l->n; i++)
		if (!is_left_out(c, dir, st, &l->names[i]))
			return false;
	return true;
}

static int check_names(struct audit_check *c, int fd,
		       const struct audit_unit *u, const struct statx *st,
		       struct audit_found *out)
{
	struct listing l = { 0 };
	struct filter_dir dir;
	int e = list(c, fd, &l);

	if (e == 0) {
		filter_dir_init(&dir, c->filter, u->path, strlen(u->path));
		filter_dir_read_tags(&dir, c->filter, fd);
		if (!same_names(c, &l, u, &dir, st))
			out->differs |= AUDIT_NAMES;
	}
	arena_release(&l.arena);
	free(l.names);
	return e;
}

/* --- metadata --- */

static bool span_is(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || !memcmp(a.p, b.p, a.len));
}

static int check_attrs(struct audit_check *c, int fd,
		       const struct audit_unit *u, struct audit_found *out)
{
	int e;

	c->attrs.len = 0;
	e = attr_read_xattrs(fd, &c->attrs);
	if (e == 0 && (!span_is(SPAN_OF(&c->attrs), u->node.xattrs) ||
		       attr_read_iflags(fd) != u->node.iflags))
		out->differs |= AUDIT_ATTRS;
	return e;
}

/* Neither a file nor a directory. */
static int check_other(struct audit_check *c, int at, const char *name,
		       const struct audit_unit *u, struct audit_found *out)
{
	char target[SYMLINK_BYTES_MAX + 1];
	int e;

	c->attrs.len = 0;
	e = attr_read_xattrs_at(at, name, &c->attrs);
	if (e == 0 && !span_is(SPAN_OF(&c->attrs), u->node.xattrs))
		out->differs |= AUDIT_ATTRS;
	if (e == 0 && u->node.type == NODE_SYMLINK) {
		ssize_t n = readlinkat(at, name, target, sizeof(target));

		if (n < 0)
			return -errno;
		if (!span_is(SPAN(target, (size_t)n), u->node.target))
			out->differs |= AUDIT_ATTRS;
	}
	return e;
}

static unsigned int compare_stat(const struct audit_unit *u,
				 const struct statx *st)
{
	struct node now = { 0 };

	attr_from_statx(st, &now);
	now.fsid = u->node.fsid;
	if (now.type != u->node.type || now.ino != u->node.ino)
		return AUDIT_GONE;
	if (u->is_source)
		return 0;
	if (!attr_is_same(&u->node, &now) ||
	    ((u->node.flags ^ now.flags) & NODE_HARDLINK) ||
	    now.major != u->node.major || now.minor != u->node.minor)
		return AUDIT_STAT;
	return 0;
}

/* What is open is what stat showed, and stayed so. */
static int check_open(struct audit_check *c, int fd, const struct audit_unit *u,
		      const struct statx *st, struct audit_found *out)
{
	int e = 0;

	if (!capture_is_as_seen(fd, st)) {
		out->has_moved = true;
		return 0;
	}
	if (!u->is_source)
		e = check_attrs(c, fd, u, out);
	if (e == 0 && u->node.type == NODE_FILE)
		e = check_content(c, fd, u, out);
	if (e == 0 && u->node.type == NODE_DIR)
		e = check_names(c, fd, u, st, out);
	if (e == 0 && !capture_stayed(fd, st))
		out->has_moved = true;
	return e;
}

static int open_unit(int at, const char *name, const struct audit_unit *u)
{
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd;

	if (!name[0])
		name = ".";
	if (u->node.type != NODE_DIR)
		return capture_open(at, name);
	fd = openat(at, name, flags | O_NOATIME);
	if (fd < 0 && errno == EPERM)
		fd = openat(at, name, flags);
	return fd < 0 ? -errno : fd;
}

static bool is_gone(int e)
{
	return e == -ENOENT || e == -ENOTDIR || e == -ELOOP;
}

int audit_check_unit(struct audit_check *c, const struct audit_unit *u,
		     struct audit_found *out)
{
	const char *name;
	CLEANUP_CLOSE int at = open_parent(u->path, &name);
	CLEANUP_CLOSE int fd = -1;
	struct statx st;
	int e = at < 0 ? at : capture_statx(at, name[0] ? name : ".", &st);

	memset(out, 0, sizeof(*out));
	if (is_gone(e))
		out->differs = AUDIT_GONE;
	else if (e < 0)
		return e;
	else
		out->differs = compare_stat(u, &st);
	if (out->differs) {
		out->has_moved = !u->is_tracked;
		return 0;
	}
	if (u->node.type != NODE_FILE && u->node.type != NODE_DIR) {
		e = check_other(c, at, name, u, out);
		if (e == 0 &&
		    (capture_statx(at, name, &st) < 0 || compare_stat(u, &st)))
			out->has_moved = true;
		return e;
	}
	fd = open_unit(at, name, u);
	if (is_gone(fd)) {
		out->differs = AUDIT_GONE;
		out->has_moved = !u->is_tracked;
		return 0;
	}
	return fd < 0 ? fd : check_open(c, fd, u, &st, out);
}

void audit_check_wait(const struct audit_unit *u)
{
	const char *name;
	CLEANUP_CLOSE int at = open_parent(u->path, &name);
	CLEANUP_CLOSE int fd = -1;

	if (at < 0 || (u->node.type != NODE_FILE && u->node.type != NODE_DIR))
		return;
	fd = open_unit(at, name, u);
	if (fd >= 0)
		look_wait(fd, u->node.type == NODE_DIR);
}
