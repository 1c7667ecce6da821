/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restore_file.c - regular files.
 *
 * The usual case, a small file that is not there yet, costs four system
 * calls: open, write, futimens, close. Its bytes are fetched and proved
 * before anything is created.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "archive/restorer_private.h"
#include "base/fault.h"

char *restore_temp_name(char out[static TEMP_NAME_LEN], struct span name)
{
	uint64_t h = 0xcbf29ce484222325ull; /* FNV-1a */
	size_t i;

	for (i = 0; i < name.len; i++)
		h = (h ^ name.p[i]) * 0x100000001b3ull;
	snprintf(out, TEMP_NAME_LEN, ".tidemark-%016llx.tmp",
		 (unsigned long long)h);
	return out;
}

int restore_clear(struct rworker *w, struct rdir *dir, int dirfd,
		  struct span name, const struct statx *st)
{
	const char *n = (const char *)name.p;
	bool is_dir = S_ISDIR(st->stx_mode);
	int flags = is_dir ? AT_REMOVEDIR : 0;

	if (unlinkat(dirfd, n, flags) == 0)
		return 0;
	if (errno == EPERM || errno == EACCES) {
		restore_unlock_at(dirfd, n);
		if (unlinkat(dirfd, n, flags) == 0)
			return 0;
	}
	if (!is_dir || (errno != ENOTEMPTY && errno != EEXIST))
		return -errno;
	return w->r->opt.delete_extra ? restore_remove(w, dir, dirfd, name)
				      : -ENOTEMPTY;
}

void restore_settle(struct rworker *w, struct rdir *dir, const struct node *n,
		    struct rlink *link, int e, enum restore_action what,
		    const struct robj *o)
{
	struct restorer *r = w->r;

	if (e < 0) {
		restorer_error(r, dir, n->name, e,
			       r->pass == PASS_VERIFY ? "verify" : "restore");
		o = NULL;
	} else if (what == RESTORE_SKIPPED) {
		RCOUNT(r, skipped, 1);
		o = NULL;
	} else if (r->joining) {
		; /* counted in the first walk */
	} else if (r->pass == PASS_VERIFY) {
		RCOUNT(r, verified, 1);
	} else if (n->type == NODE_FILE) {
		RCOUNT(r, files, 1);
		RCOUNT(r, bytes, n->size);
		if (what == RESTORE_UNCHANGED)
			RCOUNT(r, files_unchanged, 1);
	} else {
		RCOUNT(r, others, 1);
	}
	if (e == 0 && r->pass == PASS_RESTORE)
		restorer_item(r, dir, n->name, what, n->size);
	if (link)
		rlink_settle(w, link, dir, n, o);
}

/* --- a file of its own --- */

/* The one chunk that is the whole file? */
static bool is_one_chunk(const struct node *n, struct rextent *x)
{
	struct content_iter it;
	struct extent e;

	if (content_open(n->content, &it) < 0 || it.depth > 0 || it.left != 1 ||
	    content_next(&it, &e) != 1 || e.kind == EXTENT_HOLE ||
	    e.len != n->size)
		return false;
	x->kind = e.kind;
	x->len = e.len;
	x->off = 0;
	x->chunk_off = e.offset;
	memcpy(x->id, e.id, CHUNK_ID_LEN);
	return true;
}

/*
 * The mode to create with: the final one, where nobody can read through it
 * who may not in the end, and where nothing that comes later needs more.
 */
static mode_t first_mode(const struct rworker *w, const struct rdir *dir,
			 const struct node *n)
{
	bool group = !w->r->opt.owner || (dir->plain && n->gid == w->r->gid);

	if (n->mode & 07000 || n->xattrs.len || dir->odd)
		return 0600;
	if (!group && ((n->mode >> 3 & 7) & ~(n->mode & 7)))
		return 0600;
	return n->mode;
}

static int create(struct rworker *w, struct rdir *dir, const struct node *n,
		  int dirfd, const char *name, struct robj *o)
{
	mode_t mode = first_mode(w, dir, n);
	int fd = openat(dirfd, name,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			mode);

	if (fd < 0)
		return -errno;
	*o = (struct robj){ .fd = fd,
			    .dirfd = dirfd,
			    .name = name,
			    .existed = dir->odd,
			    .written = true,
			    .uid = w->r->uid,
			    .gid = dir->plain ? w->r->gid : UINT32_MAX,
			    .mode = dir->odd ? UINT32_MAX : mode };
	return fd;
}

static int write_one(struct rworker *w, struct rdir *dir, const struct node *n,
		     int dirfd, const char *name, const struct rextent *x,
		     struct robj *o)
{
	struct chunk_ref ref = { 0 };
	struct span data;
	int e = repo_chunk_get(w->rr, CHUNK_DATA, x->id, &ref), fd;

	if (e < 0)
		return e;
	if (x->chunk_off > ref.data.len ||
	    x->len > ref.data.len - x->chunk_off) {
		repo_chunk_put(w->rr, &ref);
		return -EUCLEAN;
	}
	data = SPAN(ref.data.p + x->chunk_off, (size_t)x->len);
	fd = create(w, dir, n, dirfd, name, o);
	e = fd < 0 ? fd : 0;
	/* a hole at the end is not written */
	if (e == 0 && data.p[data.len - 1] == 0 &&
	    ftruncate(fd, (off_t)n->size) < 0)
		e = -errno;
	if (e == 0)
		e = restore_write(w, fd, data, 0);
	repo_chunk_put(w->rr, &ref);
	return e;
}

/* Create name, which must not be there (-EEXIST), with content and
 * attributes; o->fd is open then. On failure there is no such file. */
static int write_new(struct rworker *w, struct rdir *dir, const struct node *n,
		     int dirfd, const char *name, bool linked, struct robj *o)
{
	struct rextent x;
	int e = FAULT("restore.file");

	o->fd = -1;
	if (e == 0 && is_one_chunk(n, &x)) {
		e = write_one(w, dir, n, dirfd, name, &x, o);
	} else if (e == 0) {
		e = create(w, dir, n, dirfd, name, o);
		if (e >= 0 && n->size > 0 &&
		    ftruncate(o->fd, (off_t)n->size) < 0)
			e = -errno;
		if (e >= 0)
			e = restore_content(w, n, o->fd, CONTENT_WRITE);
	}
	o->flags_last = linked;
	if (e >= 0)
		e = restore_attrs(w, n, o);
	if (e < 0 && o->fd >= 0) {
		close(o->fd);
		o->fd = -1;
		(void)!unlinkat(dirfd, name, 0);
	}
	return e < 0 ? e : 0;
}

/* The same under a temporary name, which then takes the place of what is
 * there. */
static int replace(struct rworker *w, struct rdir *dir, const struct node *n,
		   int dirfd, bool linked, struct robj *o)
{
	char temp[TEMP_NAME_LEN];
	int e;

	restore_temp_name(temp, n->name);
	/* flags that forbid a new name come after it */
	e = write_new(w, dir, n, dirfd, temp, true, o);
	if (e == -EEXIST) { /* of a run that was killed */
		restore_unlock_at(dirfd, temp);
		(void)!unlinkat(dirfd, temp, 0);
		e = write_new(w, dir, n, dirfd, temp, true, o);
	}
	if (e == 0 && renameat(dirfd, temp, dirfd, (const char *)n->name.p) < 0)
		e = -errno;
	if (e == 0 && !linked && n->iflags)
		e = restore_flags(w, n, o->fd, true);
	if (e < 0)
		(void)!unlinkat(dirfd, temp, 0);
	return e;
}

/* --- what exists --- */

static int open_existing(int dirfd, const char *name, int flags,
			 struct statx *st)
{
	int fd = openat(dirfd, name,
			flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int e;

	if (fd < 0)
		return -errno;
	e = restorer_statx(fd, "", st);
	if (e == 0 && !S_ISREG(st->stx_mode))
		e = -ESTALE;
	if (e < 0)
		close(fd);
	return e < 0 ? e : fd;
}

enum { SAME = 0, REPLACE = 1, TAKEN = 2 };

/* Content is right: the attributes, too? */
static int fix_attrs(struct rworker *w, const struct node *n, int fd,
		     const struct statx *st, bool linked, struct robj *o)
{
	*o = (struct robj){ .fd = fd, .flags_last = linked };
	robj_existing(o, st);
	if (restore_attrs_match(w, n, o))
		return SAME;
	/* Its other names may lie anywhere: nothing is changed through it. */
	if (st->stx_nlink > 1)
		return REPLACE;
	restore_unlock(fd);
	return restore_attrs(w, n, o);
}

/* TAKEN: restore_large() has it. */
static int keep_or_patch(struct rworker *w, struct rdir *dir,
			 const struct node *n, struct rlink *link, int dirfd,
			 struct robj *o)
{
	const char *name = (const char *)n->name.p;
	struct statx st;
	int fd = open_existing(dirfd, name, O_RDONLY, &st), e;

	if (fd < 0)
		return REPLACE;
	if (n->size > RESTORE_LARGE_MIN && st.stx_nlink == 1) {
		restore_unlock(fd);
		close(fd);
		fd = open_existing(dirfd, name, O_RDWR, &st);
		if (fd < 0) /* it runs, or may not be written */
			return REPLACE;
		restore_large(w, dir, n, link, fd, false, false, &st);
		return TAKEN;
	}
	if (restore_scope_has_content(w->r, n, &st))
		e = SAME;
	else
		e = st.stx_size != n->size
			    ? REPLACE
			    : restore_content(w, n, fd, CONTENT_COMPARE);
	if (e == SAME)
		e = fix_attrs(w, n, fd, &st, link != NULL, o);
	if (e != SAME)
		close(fd);
	return e;
}

/* Begin with a large file under its temporary name; an earlier run may have
 * left a part of it there, and it is ours alone. */
static int open_temp(struct rworker *w, struct rdir *dir, const struct node *n,
		     int dirfd, struct statx *st)
{
	char temp[TEMP_NAME_LEN];
	int fd, e;

	restore_temp_name(temp, n->name);
	fd = open_existing(dirfd, temp, O_RDWR, st);
	if (fd >= 0 && st->stx_nlink == 1 && st->stx_uid == w->r->uid &&
	    !(st->stx_mode & 022) && !dir->odd)
		return fd;
	if (fd >= 0)
		close(fd);
	if (fd != -ENOENT) {
		restore_unlock_at(dirfd, temp);
		(void)!unlinkat(dirfd, temp, 0);
	}
	fd = openat(dirfd, temp,
		    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	e = restorer_statx(fd, "", st);
	if (e < 0)
		close(fd);
	return e < 0 ? e : fd;
}

static void start_large(struct rworker *w, struct rdir *dir,
			const struct node *n, struct rlink *link, int dirfd,
			bool fresh)
{
	struct statx st;
	int fd = open_temp(w, dir, n, dirfd, &st);

	if (fd < 0)
		restore_settle(w, dir, n, link, fd, 0, NULL);
	else
		restore_large(w, dir, n, link, fd, true, fresh, &st);
}

static void over_existing(struct rworker *w, struct rdir *dir,
			  const struct node *n, struct rlink *link, int dirfd,
			  const struct statx *st)
{
	enum restore_overwrite how = w->r->opt.overwrite;
	struct robj o = { .fd = -1 };
	int e = REPLACE;

	if (how == RESTORE_REFUSE) {
		restore_settle(w, dir, n, link, -EEXIST, 0, NULL);
		return;
	}
	if (!restorer_may_replace(w->r, st, n)) {
		restore_settle(w, dir, n, link, 0, RESTORE_SKIPPED, NULL);
		return;
	}
	if (how != RESTORE_ALWAYS && S_ISREG(st->stx_mode))
		e = keep_or_patch(w, dir, n, link, dirfd, &o);
	if (e == TAKEN)
		return;
	if (e == REPLACE) {
		e = 0;
		if (S_ISDIR(st->stx_mode))
			e = restore_clear(w, dir, dirfd, n->name, st);
		else
			restore_unlock_at(dirfd, (const char *)n->name.p);
		if (e == 0 && n->size > RESTORE_LARGE_MIN) {
			start_large(w, dir, n, link, dirfd, false);
			return;
		}
		if (e == 0)
			e = replace(w, dir, n, dirfd, link != NULL, &o);
		restore_settle(w, dir, n, link, e, RESTORE_UPDATED, &o);
	} else {
		restore_settle(w, dir, n, link, e, RESTORE_UNCHANGED, &o);
	}
	if (o.fd >= 0)
		close(o.fd);
}

/* --- looking only --- */

static int compare(struct rworker *w, const struct node *n, int dirfd,
		   enum restore_action *what, struct robj *o)
{
	struct statx st;
	int fd = open_existing(dirfd, (const char *)n->name.p, O_RDONLY, &st);
	int e = fd < 0 ? fd : 1;

	*o = (struct robj){ .fd = fd };
	if (fd >= 0 && w->r->pass == PASS_VERIFY) /* from the disk, if it can */
		(void)!posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	if (fd >= 0 && restore_scope_has_content(w->r, n, &st))
		e = 0;
	else if (fd >= 0 && st.stx_size == n->size)
		e = restore_content(w, n, fd, CONTENT_COMPARE);
	*what = e == 0 ? RESTORE_UNCHANGED : RESTORE_UPDATED;
	if (w->r->pass == PASS_VERIFY)
		return e == 1 ? -EBADMSG : e;
	return 0; /* what cannot be compared would be written */
}

static void look(struct rworker *w, struct rdir *dir, const struct node *n,
		 struct rlink *link, int dirfd)
{
	enum restore_action what = RESTORE_CREATED;
	bool verify = w->r->pass == PASS_VERIFY;
	struct robj o = { .fd = -1 };
	struct statx st;
	int e = dirfd < 0 ? dirfd
			  : restorer_statx(dirfd, (const char *)n->name.p, &st);

	if (e == 0) {
		struct node_time have = { st.stx_mtime.tv_sec,
					  st.stx_mtime.tv_nsec };
		bool other = have.sec != n->mtime.sec ||
			     have.nsec != n->mtime.nsec;

		if (!verify && w->r->opt.overwrite == RESTORE_REFUSE)
			e = -EEXIST;
		else if ((verify && other &&
			  w->r->opt.overwrite >= RESTORE_IF_NEWER) ||
			 (!verify && !restorer_may_replace(w->r, &st, n)))
			what = RESTORE_SKIPPED;
		else
			e = compare(w, n, dirfd, &what, &o);
	} else if (e == -ENOENT && !verify) {
		e = 0;
	}
	restore_settle(w, dir, n, link, e, what, o.fd >= 0 ? &o : NULL);
	if (o.fd >= 0)
		close(o.fd);
}

void restore_file(struct rworker *w, struct rdir *dir, const struct node *n,
		  struct rlink *link)
{
	const char *name = (const char *)n->name.p;
	struct robj o = { .fd = -1 };
	struct statx st;
	int dirfd = rdir_fd(dir), e;

	if (restorer_reads(w->r)) {
		look(w, dir, n, link, dirfd);
		return;
	}
	if (dirfd < 0) {
		e = dirfd;
	} else if (n->size <= RESTORE_LARGE_MIN) {
		e = write_new(w, dir, n, dirfd, name, link != NULL, &o);
	} else if (dir->created || restorer_statx(dirfd, name, &st) < 0) {
		start_large(w, dir, n, link, dirfd, true);
		return;
	} else {
		e = -EEXIST;
	}
	if (e == -EEXIST)
		e = restorer_statx(dirfd, name, &st) < 0 ? -EEXIST : 1;
	if (e == 1) {
		over_existing(w, dir, n, link, dirfd, &st);
		return;
	}
	restore_settle(w, dir, n, link, e, RESTORE_CREATED, &o);
	if (o.fd >= 0)
		close(o.fd);
}
