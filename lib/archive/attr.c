/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attr.c - stat, extended attributes, inode flags, owners' names.
 */
#include "archive/attr.h"

#include <errno.h>
#include <grp.h>
#include <linux/fs.h>
#include <pthread.h>
#include <pwd.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define XATTR_VALUE_MAX 65536
#define XATTR_NAMES_MAX 65536

static struct node_time time_of(struct statx_timestamp t)
{
	return (struct node_time){ t.tv_sec, t.tv_nsec };
}

static uint8_t type_of(uint16_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return NODE_FILE;
	case S_IFDIR:
		return NODE_DIR;
	case S_IFLNK:
		return NODE_SYMLINK;
	case S_IFIFO:
		return NODE_FIFO;
	case S_IFSOCK:
		return NODE_SOCKET;
	case S_IFCHR:
		return NODE_CHAR;
	case S_IFBLK:
		return NODE_BLOCK;
	default:
		return 0;
	}
}

void attr_from_statx(const struct statx *st, struct node *n)
{
	n->type = type_of(st->stx_mode);
	n->mode = st->stx_mode & 07777;
	n->uid = st->stx_uid;
	n->gid = st->stx_gid;
	n->mtime = time_of(st->stx_mtime);
	n->ctime = time_of(st->stx_ctime);
	n->btime = (struct node_time){ 0, 0 };
	if (st->stx_mask & STATX_BTIME)
		n->btime = time_of(st->stx_btime);
	n->ino = st->stx_ino;
	n->fsid = makedev(st->stx_dev_major, st->stx_dev_minor);
	n->size = n->type == NODE_FILE ? st->stx_size : 0;
	n->major = st->stx_rdev_major;
	n->minor = st->stx_rdev_minor;
	n->flags = n->type != NODE_DIR && st->stx_nlink > 1 ? NODE_HARDLINK : 0;
}

static bool time_is(struct node_time a, struct node_time b)
{
	return a.sec == b.sec && a.nsec == b.nsec;
}

bool attr_is_same_file(const struct node *old, const struct node *now)
{
	return old->type == now->type && old->ino == now->ino &&
	       old->fsid == now->fsid && time_is(old->btime, now->btime) &&
	       (now->btime.sec || now->btime.nsec);
}

bool attr_content_is_same(const struct node *old, const struct node *now)
{
	return old->type == now->type && old->ino == now->ino &&
	       old->fsid == now->fsid && old->size == now->size &&
	       time_is(old->mtime, now->mtime) &&
	       time_is(old->btime, now->btime);
}

bool attr_is_same(const struct node *old, const struct node *now)
{
	return attr_content_is_same(old, now) &&
	       time_is(old->ctime, now->ctime) && old->mode == now->mode &&
	       old->uid == now->uid && old->gid == now->gid;
}

/* --- extended attributes --- */

/* Either an open file or a path that is not followed. */
struct xattr_of {
	int fd;
	const char *path;
};

static ssize_t list_names(struct xattr_of of, char *buf, size_t size)
{
	return of.path ? llistxattr(of.path, buf, size)
		       : flistxattr(of.fd, buf, size);
}

static ssize_t get_value(struct xattr_of of, const char *name, void *buf,
			 size_t size)
{
	return of.path ? lgetxattr(of.path, name, buf, size)
		       : fgetxattr(of.fd, name, buf, size);
}

static int name_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Read the value of one attribute and append both. An attribute that is gone
 * or hidden by now is left out. */
static int append_one(struct xattr_of of, const char *name, struct buf *out,
		      uint64_t *count)
{
	CLEANUP_FREE uint8_t *value = malloc(XATTR_VALUE_MAX);
	ssize_t n;
	int e;

	if (!value)
		return -ENOMEM;
	n = get_value(of, name, value, XATTR_VALUE_MAX);
	if (n < 0)
		return errno == ENODATA || errno == ENOTSUP || errno == EPERM
			       ? 0
			       : -errno;
	e = buf_bytes(out, name, strlen(name));
	if (e == 0)
		e = buf_bytes(out, value, (size_t)n);
	++*count;
	return e;
}

static int encode_xattrs(struct xattr_of of, char *names, size_t len,
			 struct buf *out)
{
	CLEANUP_BUF struct buf list = BUF_INIT(XATTRS_BYTES_MAX);
	CLEANUP_FREE char **sorted = NULL;
	uint64_t count = 0;
	size_t n = 0, i;
	char *p;
	int e = 0;

	for (p = names; p < names + len; p += strlen(p) + 1)
		n++;
	sorted = malloc(n * sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	for (n = 0, p = names; p < names + len; p += strlen(p) + 1)
		sorted[n++] = p;
	qsort(sorted, n, sizeof(*sorted), name_order);
	for (i = 0; e == 0 && i < n; i++)
		e = append_one(of, sorted[i], &list, &count);
	if (e < 0 || count == 0)
		return e;
	e = buf_varint(out, count);
	return e < 0 ? e : buf_append(out, list.p, list.len);
}

static int read_xattrs(struct xattr_of of, struct buf *out)
{
	char names[512];
	ssize_t n = list_names(of, names, sizeof(names));

	if (n > 0)
		return encode_xattrs(of, names, (size_t)n, out);
	if (n < 0 && errno == ERANGE) {
		CLEANUP_FREE char *more = malloc(XATTR_NAMES_MAX);

		if (!more)
			return -ENOMEM;
		n = list_names(of, more, XATTR_NAMES_MAX);
		if (n > 0)
			return encode_xattrs(of, more, (size_t)n, out);
	}
	return n < 0 && errno != ENOTSUP ? -errno : 0;
}

int attr_read_xattrs(int fd, struct buf *out)
{
	return read_xattrs((struct xattr_of){ fd, NULL }, out);
}

int attr_read_xattrs_at(int dirfd, const char *name, struct buf *out)
{
	char path[64 + NAME_BYTES_MAX];

	/* no *xattrat() before Linux 6.13 */
	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dirfd, name);
	return read_xattrs((struct xattr_of){ -1, path }, out);
}

int attr_next_xattr(struct reader *rd, uint64_t *left, struct span *name,
		    struct span *value)
{
	if (*left == 0)
		return reader_done(rd) ? 0 : -EUCLEAN;
	*name = rd_bytes(rd, 255);
	*value = rd_bytes(rd, XATTR_VALUE_MAX);
	if (rd->bad || name->len == 0 || memchr(name->p, '\0', name->len))
		return -EUCLEAN;
	--*left;
	return 1;
}

uint32_t attr_read_iflags(int fd)
{
	int flags = 0;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return 0;
	return (uint32_t)flags & ATTR_IFLAGS_KEPT;
}

/* --- owners' names --- */

struct owner {
	struct owner *next;
	bool group;
	uint32_t id;
	char name[];
};

static pthread_rwlock_t owners_lock = PTHREAD_RWLOCK_INITIALIZER;
static struct owner *owners[256]; /* guarded by owners_lock; never shrinks */

static struct owner *owner_find(bool group, uint32_t id)
{
	struct owner *o = owners[(id * 2 + group) % ARRAY_LEN(owners)];

	while (o && (o->id != id || o->group != group))
		o = o->next;
	return o;
}

static struct owner *owner_ask(bool group, uint32_t id)
{
	char buf[16384];
	const char *name = "";
	struct passwd pw, *pwp = NULL;
	struct group gr, *grp = NULL;
	struct owner *o;

	if (group && getgrgid_r(id, &gr, buf, sizeof(buf), &grp) == 0 && grp)
		name = grp->gr_name;
	if (!group && getpwuid_r(id, &pw, buf, sizeof(buf), &pwp) == 0 && pwp)
		name = pwp->pw_name;
	if (strlen(name) > 255)
		name = "";
	o = malloc(sizeof(*o) + strlen(name) + 1);
	if (!o)
		return NULL;
	o->group = group;
	o->id = id;
	memcpy(o->name, name, strlen(name) + 1);
	return o;
}

const char *attr_owner_name(bool group, uint32_t id)
{
	struct owner *o, *fresh;

	pthread_rwlock_rdlock(&owners_lock);
	o = owner_find(group, id);
	pthread_rwlock_unlock(&owners_lock);
	if (o)
		return o->name;
	fresh = owner_ask(group, id);
	if (!fresh)
		return "";
	pthread_rwlock_wrlock(&owners_lock);
	o = owner_find(group, id);
	if (!o) {
		struct owner **head =
			&owners[(id * 2 + group) % ARRAY_LEN(owners)];

		fresh->next = *head;
		*head = o = fresh;
		fresh = NULL;
	}
	pthread_rwlock_unlock(&owners_lock);
	free(fresh);
	return o->name;
}
