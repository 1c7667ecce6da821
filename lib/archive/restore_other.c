/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restore_other.c - symlinks, fifos, sockets and devices.
 *
 * All by name in an open directory; no call here follows a link.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/sysmacros.h>

#include "archive/restorer_private.h"

static mode_t format_of(const struct node *n)
{
	switch (n->type) {
	case NODE_FIFO:
		return S_IFIFO;
	case NODE_SOCKET:
		return S_IFSOCK;
	case NODE_CHAR:
		return S_IFCHR;
	case NODE_BLOCK:
		return S_IFBLK;
	default:
		return S_IFLNK;
	}
}

static int make(const struct node *n, int dirfd, const char *name)
{
	CLEANUP_FREE char *target = NULL;

	if (n->type != NODE_SYMLINK)
		return mknodat(dirfd, name, format_of(n) | 0600,
			       makedev(n->major, n->minor)) < 0
			       ? -errno
			       : 0;
	target = strndup((const char *)n->target.p, n->target.len);
	if (!target)
		return -ENOMEM;
	return symlinkat(target, dirfd, name) < 0 ? -errno : 0;
}

static int make_whole(struct rworker *w, struct rdir *dir, const struct node *n,
		      int dirfd, const char *name)
{
	struct robj o = { .fd = -1,
			  .dirfd = dirfd,
			  .name = name,
			  .existed = dir->odd && n->type != NODE_SYMLINK,
			  .written = true,
			  .uid = w->r->uid,
			  .gid = dir->plain ? w->r->gid : UINT32_MAX,
			  .mode = 0600 };
	int e = make(n, dirfd, name);

	if (e == 0)
		e = restore_attrs(w, n, &o);
	else
		return e;
	if (e < 0)
		(void)!unlinkat(dirfd, name, 0);
	return e;
}

static int make_over(struct rworker *w, struct rdir *dir, const struct node *n,
		     int dirfd)
{
	char temp[TEMP_NAME_LEN];
	int e;

	restore_temp_name(temp, n->name);
	(void)!unlinkat(dirfd, temp, 0);
	e = make_whole(w, dir, n, dirfd, temp);
	if (e == 0 &&
	    renameat(dirfd, temp, dirfd, (const char *)n->name.p) < 0) {
		e = -errno;
		(void)!unlinkat(dirfd, temp, 0);
	}
	return e;
}

/* Is what exists the same but for its attributes? */
static bool is_same(const struct node *n, int dirfd, const struct statx *st)
{
	char have[SYMLINK_BYTES_MAX];
	ssize_t len;

	if ((st->stx_mode & S_IFMT) != format_of(n))
		return false;
	if (n->type == NODE_CHAR || n->type == NODE_BLOCK)
		return st->stx_rdev_major == n->major &&
		       st->stx_rdev_minor == n->minor;
	if (n->type != NODE_SYMLINK)
		return true;
	len = readlinkat(dirfd, (const char *)n->name.p, have, sizeof(have));
	return len >= 0 && (size_t)len == n->target.len &&
	       !memcmp(have, n->target.p, n->target.len);
}

static int over_existing(struct rworker *w, struct rdir *dir,
			 const struct node *n, int dirfd,
			 const struct statx *st, enum restore_action *what)
{
	struct robj o = { .fd = -1,
			  .dirfd = dirfd,
			  .name = (const char *)n->name.p };
	int e = 0;

	if (w->r->opt.overwrite == RESTORE_REFUSE)
		return -EEXIST;
	*what = RESTORE_SKIPPED;
	if (!restorer_may_replace(w->r, st, n))
		return 0;
	robj_existing(&o, st);
	*what = RESTORE_UNCHANGED;
	if (is_same(n, dirfd, st)) {
		if (restorer_reads(w->r) || restore_attrs_match(w, n, &o))
			return 0;
		if (st->stx_nlink == 1)
			return restore_attrs(w, n, &o);
	}
	*what = RESTORE_UPDATED;
	if (restorer_reads(w->r))
		return 0;
	if (S_ISDIR(st->stx_mode))
		e = restore_clear(w, dir, dirfd, n->name, st);
	else
		restore_unlock_at(dirfd, o.name);
	return e < 0 ? e : make_over(w, dir, n, dirfd);
}

static int look(struct rworker *w, const struct node *n, int dirfd)
{
	struct statx st;
	int e = restorer_statx(dirfd, (const char *)n->name.p, &st);

	if (e < 0)
		return e;
	if (is_same(n, dirfd, &st) || w->r->opt.overwrite >= RESTORE_IF_NEWER)
		return 0;
	return -EBADMSG;
}

void restore_other(struct rworker *w, struct rdir *dir, const struct node *n,
		   struct rlink *link)
{
	const char *name = (const char *)n->name.p;
	enum restore_action what = RESTORE_CREATED;
	struct robj o = { .fd = -1, .name = name };
	struct statx st;
	int dirfd = rdir_fd(dir), e = dirfd;

	if (dirfd >= 0 && w->r->pass == PASS_VERIFY) {
		e = look(w, n, dirfd);
	} else if (dirfd >= 0) {
		e = w->r->opt.dry_run ? restorer_statx(dirfd, name, &st)
				      : make_whole(w, dir, n, dirfd, name);
		if (w->r->opt.dry_run && e == 0)
			e = -EEXIST;
		if (w->r->opt.dry_run && e == -ENOENT)
			e = 0;
		if (e == -EEXIST && restorer_statx(dirfd, name, &st) == 0)
			e = over_existing(w, dir, n, dirfd, &st, &what);
	} else if (dirfd == -ENOENT && w->r->opt.dry_run) {
		e = 0;
	}
	if (e == -EPERM && (n->type == NODE_CHAR || n->type == NODE_BLOCK)) {
		RCOUNT(w->r, lost[LOST_DEVICE], 1);
		what = RESTORE_SKIPPED;
		e = 0;
	}
	o.dirfd = dirfd;
	restore_settle(w, dir, n, link, e, what,
		       dirfd >= 0 && what != RESTORE_SKIPPED &&
				       !(w->r->opt.dry_run)
			       ? &o
			       : NULL);
}
