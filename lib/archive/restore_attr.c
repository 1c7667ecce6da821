/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restore_attr.c - owner, extended attributes, mode, times, inode flags.
 *
 * In this order, because each may undo one before it: a chown clears setuid
 * bits and file capabilities, an access ACL changes the mode, everything
 * changes times, and some flags forbid all of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "archive/attr.h"
#include "archive/device.h"
#include "archive/restorer_private.h"

#define FLAGS_LOCKING (FS_IMMUTABLE_FL | FS_APPEND_FL)
/* What a new entry takes over from its directory. */
#define FLAGS_INHERITED (ATTR_IFLAGS_KEPT & ~(uint32_t)FLAGS_LOCKING)

/* "Not allowed" and "not here": the rest is restored, and the kind counted. */
static bool is_lost(int err)
{
	return err == EPERM || err == EACCES || err == EOPNOTSUPP ||
	       err == ENOTTY || err == ENOSYS;
}

static int lost(struct rworker *w, enum restore_lost kind, int err)
{
	if (!is_lost(err))
		return -err;
	RCOUNT(w->r, lost[kind], 1);
	return 0;
}

void robj_existing(struct robj *o, const struct statx *st)
{
	o->existed = true;
	o->uid = st->stx_uid;
	o->gid = st->stx_gid;
	o->mode = st->stx_mode & 07777;
	o->mtime = (struct node_time){ st->stx_mtime.tv_sec,
				       st->stx_mtime.tv_nsec };
}

/* --- owner and mode --- */

static int set_owner(struct rworker *w, const struct node *n, struct robj *o)
{
	int r;

	if (!w->r->opt.owner || (o->uid == n->uid && o->gid == n->gid))
		return 0;
	r = o->fd >= 0 ? fchown(o->fd, n->uid, n->gid)
		       : fchownat(o->dirfd, o->name, n->uid, n->gid,
				  AT_SYMLINK_NOFOLLOW);
	o->mode = UINT32_MAX; /* setuid bits are gone */
	if (r == 0)
		return 0;
	return lost(w, LOST_OWNER, errno);
}

/* With an owner of our own a program must not run as somebody. */
static uint32_t mode_for(const struct rworker *w, const struct node *n,
			 const struct robj *o)
{
	struct statx st;

	if (!(n->mode & 06000) || (o->uid == n->uid && o->gid == n->gid))
		return n->mode;
	if (!w->r->opt.owner)
		return n->mode & ~06000u;
	if (restorer_statx(o->fd >= 0 ? o->fd : o->dirfd,
			   o->fd >= 0 ? "" : o->name, &st) < 0 ||
	    st.stx_uid != n->uid || st.stx_gid != n->gid)
		return n->mode & ~06000u;
	return n->mode;
}

static int set_mode(struct rworker *w, const struct node *n, struct robj *o)
{
	uint32_t mode;
	int r;

	if (n->type == NODE_SYMLINK)
		return 0;
	if (o->mode == n->mode && !(o->written && (n->mode & 06000)))
		return 0;
	mode = mode_for(w, n, o);
	if (o->fd >= 0)
		r = fchmod(o->fd, mode);
	else
		r = fchmodat(o->dirfd, o->name, mode, AT_SYMLINK_NOFOLLOW);
	return r < 0 ? -errno : 0;
}

static int set_times(const struct node *n, const struct robj *o)
{
	struct timespec ts[2] = { { 0, UTIME_OMIT },
				  { n->mtime.sec, n->mtime.nsec } };
	int r;

	if (o->existed && !o->written && o->mtime.sec == n->mtime.sec &&
	    o->mtime.nsec == n->mtime.nsec)
		return 0;
	r = o->fd >= 0 ? futimens(o->fd, ts)
		       : utimensat(o->dirfd, o->name, ts, AT_SYMLINK_NOFOLLOW);
	return r < 0 ? -errno : 0;
}

/* --- extended attributes --- */

/* There is no *xattrat() before Linux 6.13; the last component of this path
 * is not followed, and the one before it is our descriptor. */
static const char *path_of(const struct robj *o, char *out, size_t size)
{
	snprintf(out, size, "/proc/self/fd/%d/%s", o->dirfd, o->name);
	return out;
}

static int read_xattrs(const struct robj *o, struct buf *out)
{
	out->len = 0;
	return o->fd >= 0 ? attr_read_xattrs(o->fd, out)
			  : attr_read_xattrs_at(o->dirfd, o->name, out);
}

static int set_one(struct rworker *w, const struct robj *o, const char *name,
		   struct span value)
{
	char path[64 + NAME_BYTES_MAX];
	int r;

	r = o->fd >= 0 ? fsetxattr(o->fd, name, value.p, value.len, 0)
		       : lsetxattr(path_of(o, path, sizeof(path)), name,
				   value.p, value.len, 0);
	/* only says where the content came from */
	if (r < 0 && is_lost(errno) && !strcmp(name, DEVICE_XATTR))
		return 0;
	return r < 0 ? lost(w, LOST_XATTR, errno) : 0;
}

/* The value of name in an encoded set, or NULL. */
static const uint8_t *find_xattr(struct span set, struct span name, size_t *len)
{
	struct reader rd = reader_of(set);
	uint64_t left = set.len ? rd_varint(&rd) : 0;
	struct span have, value;

	while (left > 0 && attr_next_xattr(&rd, &left, &have, &value) == 1) {
		if (have.len == name.len && !memcmp(have.p, name.p, name.len)) {
			*len = value.len;
			return value.p;
		}
	}
	return NULL;
}

/* Labels of the security modules here are not ours to take away. */
static bool is_removable(const char *name)
{
	return strncmp(name, "user.", 5) == 0 ||
	       strncmp(name, "trusted.", 8) == 0 ||
	       strncmp(name, "system.posix_acl_", 17) == 0 ||
	       strcmp(name, "security.capability") == 0;
}

static int remove_surplus(struct rworker *w, const struct node *n,
			  const struct robj *o, struct span have)
{
	struct reader rd = reader_of(have);
	uint64_t left = have.len ? rd_varint(&rd) : 0;
	char path[64 + NAME_BYTES_MAX], name[256];
	struct span key, value;
	size_t len;
	int e = 0, r;

	while (e == 0 && left > 0 &&
	       attr_next_xattr(&rd, &left, &key, &value) == 1) {
		if (find_xattr(n->xattrs, key, &len))
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)key.len, key.p);
		if (!is_removable(name))
			continue;
		r = o->fd >= 0 ? fremovexattr(o->fd, name)
			       : lremovexattr(path_of(o, path, sizeof(path)),
					      name);
		if (r < 0 && errno != ENODATA)
			e = lost(w, LOST_XATTR, errno);
	}
	return e;
}

static int set_xattrs(struct rworker *w, const struct node *n, struct robj *o)
{
	struct reader rd = reader_of(n->xattrs);
	struct span have = { NULL, 0 }, key, value;
	uint64_t left;
	char name[256];
	size_t len;
	int e = 0;

	if (!w->r->opt.xattrs || (!n->xattrs.len && !o->existed))
		return 0;
	if (o->existed) {
		e = read_xattrs(o, &w->xattrs);
		have = SPAN_OF(&w->xattrs);
		if (e == 0 && have.len == n->xattrs.len &&
		    (!have.len || !memcmp(have.p, n->xattrs.p, have.len)))
			return 0;
		if (e == 0)
			e = remove_surplus(w, n, o, have);
	}
	o->mode = UINT32_MAX;
	left = n->xattrs.len ? rd_varint(&rd) : 0;
	while (e == 0 && left > 0) {
		const uint8_t *old;

		if (attr_next_xattr(&rd, &left, &key, &value) != 1)
			return -EUCLEAN;
		snprintf(name, sizeof(name), "%.*s", (int)key.len, key.p);
		old = find_xattr(have, key, &len);
		if (!old || len != value.len || memcmp(old, value.p, len) != 0)
			e = set_one(w, o, name, value);
	}
	return e;
}

/* --- inode flags --- */

static bool has_flags(const struct node *n)
{
	return n->type == NODE_FILE || n->type == NODE_DIR;
}

int restore_flags(struct rworker *w, const struct node *n, int fd, bool all)
{
	uint32_t want = n->iflags & ATTR_IFLAGS_KEPT, kept = ATTR_IFLAGS_KEPT;
	int flags = 0, next;

	if (!all)
		want &= ~(uint32_t)FLAGS_LOCKING;
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return want ? lost(w, LOST_FLAGS, errno) : 0;
	next = (int)(((uint32_t)flags & ~kept) | want);
	if (next == flags || ioctl(fd, FS_IOC_SETFLAGS, &next) == 0)
		return 0;
	return lost(w, LOST_FLAGS, errno);
}

void restore_unlock(int fd)
{
	int flags = 0;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0 || !(flags & FLAGS_LOCKING))
		return;
	flags &= ~FLAGS_LOCKING;
	(void)!ioctl(fd, FS_IOC_SETFLAGS, &flags); /* what follows will tell */
}

void restore_unlock_at(int dirfd, const char *name)
{
	CLEANUP_CLOSE int fd = openat(dirfd, name,
				      O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
					      O_CLOEXEC | O_NOCTTY);

	if (fd >= 0)
		restore_unlock(fd);
}

bool restore_is_odd(int fd)
{
	int flags = 0;

	if (fgetxattr(fd, "system.posix_acl_default", NULL, 0) > 0)
		return true;
	return ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 &&
	       ((uint32_t)flags & FLAGS_INHERITED);
}

/* --- all --- */

int restore_attrs(struct rworker *w, const struct node *n, struct robj *o)
{
	int e = set_owner(w, n, o);

	if (e == 0)
		e = set_xattrs(w, n, o);
	if (e == 0)
		e = set_mode(w, n, o);
	if (e == 0)
		e = set_times(n, o);
	if (e == 0 && has_flags(n) && o->fd >= 0 && (n->iflags || o->existed))
		e = restore_flags(w, n, o->fd, !o->flags_last);
	return e;
}

bool restore_attrs_match(struct rworker *w, const struct node *n,
			 const struct robj *o)
{
	bool owner = !w->r->opt.owner || (o->uid == n->uid && o->gid == n->gid);

	if (!owner || o->mtime.sec != n->mtime.sec ||
	    o->mtime.nsec != n->mtime.nsec)
		return false;
	if (n->type != NODE_SYMLINK && o->mode != n->mode)
		return false;
	if (has_flags(n) && o->fd >= 0 && attr_read_iflags(o->fd) != n->iflags)
		return false;
	if (!w->r->opt.xattrs)
		return true;
	return read_xattrs(o, &w->xattrs) == 0 &&
	       w->xattrs.len == n->xattrs.len &&
	       (!n->xattrs.len ||
		!memcmp(w->xattrs.p, n->xattrs.p, n->xattrs.len));
}
