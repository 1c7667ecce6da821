/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dir.c - a directory as store: opening it, and reading, listing and
 * deleting objects.
 *
 *	config			the object of STORE_CONFIG
 *	keys/ packs/ index/ snapshots/ heads/
 *				an object is a file (mode 0400) of its name
 *	leases/			files held by living processes (dirlease.c)
 *
 * A class's directory that is missing (a copy without empty directories)
 * reads as empty and is made by the first put. What lies in the directories
 * may be hostile: no symlink is followed to an object, and a fifo or a
 * device in an object's place is refused without blocking.
 */
#include "store/dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fault.h"
#include "base/io.h"
#include "base/log.h"
#include "store/held.h"

static const char *dir_name(enum store_class cls)
{
	if (cls == DIR_LEASES)
		return "leases";
	return cls == STORE_CONFIG ? "." : store_class_name(cls);
}

int dir_sync(int dir)
{
	/* EINVAL: this file system has no fsync for directories (cifs before
	 * Linux 5.9), as its changes to them are the server's at once. */
	return fsync(dir) < 0 && errno != EINVAL ? -errno : 0;
}

static int open_class(struct dir_store *d, const char *name, bool make)
{
	const int flags = O_DIRECTORY | O_RDONLY | O_CLOEXEC;
	int fd = openat(d->root, name, flags), r;

	if (fd >= 0 || errno != ENOENT || !make)
		return fd < 0 ? -errno : fd;
	if (mkdirat(d->root, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	r = dir_sync(d->root);
	if (r < 0)
		return r;
	fd = openat(d->root, name, flags);
	return fd < 0 ? -errno : fd;
}

int dir_fd(struct dir_store *d, enum store_class cls, bool make)
{
	int fd;

	if (cls == STORE_CONFIG)
		return d->root;
	pthread_mutex_lock(&d->lock);
	fd = d->dirs[cls];
	if (fd < 0) {
		fd = open_class(d, dir_name(cls), make);
		if (fd >= 0)
			d->dirs[cls] = fd;
	}
	pthread_mutex_unlock(&d->lock);
	return fd;
}

/* A descriptor of the object and its size. */
static int open_object(struct dir_store *d, enum store_class cls,
		       const char *name, uint64_t *size)
{
	CLEANUP_CLOSE int fd = -1;
	int dir = dir_fd(d, cls, false);
	struct stat st;

	if (dir < 0)
		return dir;
	fd = openat(dir, name,
		    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EUCLEAN;
	*size = (uint64_t)st.st_size;
	return TAKE_FD(fd);
}

static int read_object(struct dir_store *d, enum store_class cls,
		       const char *name, struct buf *out)
{
	CLEANUP_CLOSE int fd = -1;
	uint64_t size;
	ssize_t n;
	int r = FAULT("store.read");

	if (r < 0)
		return r;
	fd = open_object(d, cls, name, &size);
	if (fd < 0)
		return fd;
	r = buf_reserve(out, (size_t)size);
	if (r < 0 || size == 0)
		return r;
	n = io_pread_full(fd, out->p + out->len, (size_t)size, 0);
	if (n < 0)
		return (int)n;
	if ((size_t)n != size)
		return -EUCLEAN;
	out->len += (size_t)n;
	return 0;
}

static int dir_get(struct store *s, enum store_class cls, const char *name,
		   struct buf *out)
{
	int r = read_object((struct dir_store *)s, cls, name, out);

	return r < 0 ? store_answer(s, r, "read", cls, name) : 0;
}

static int pread_exact(int fd, void *p, size_t len, uint64_t off)
{
	ssize_t n = io_pread_full(fd, p, len, off);

	if (n < 0)
		return (int)n;
	return (size_t)n == len ? 0 : -EUCLEAN;
}

/* The object's cached descriptor, or NULL. One that another process removed
 * is dropped: it is no longer in the store. */
static struct fdcache_slot *cached(struct dir_store *d, enum store_class cls,
				   const char *name, uint64_t *ticket)
{
	struct fdcache_slot *slot = fdcache_find(&d->cache, cls, name, ticket);
	struct stat st;

	if (!slot || (fstat(slot->fd, &st) == 0 && st.st_nlink > 0))
		return slot;
	fdcache_drop(&d->cache, cls, name);
	fdcache_done(&d->cache, slot);
	return fdcache_find(&d->cache, cls, name, ticket);
}

static int read_range(struct dir_store *d, enum store_class cls,
		      const char *name, uint64_t off, void *p, size_t len)
{
	CLEANUP_CLOSE int fd = -1;
	struct fdcache_slot *slot;
	uint64_t size, ticket;
	int r = FAULT("store.read");

	if (r < 0)
		return r;
	slot = cached(d, cls, name, &ticket);
	if (!slot) {
		fd = open_object(d, cls, name, &size);
		if (fd < 0)
			return fd;
		slot = fdcache_add(&d->cache, cls, name, ticket, fd);
	}
	if (!slot)
		return pread_exact(fd, p, len, off);
	(void)TAKE_FD(fd);
	r = pread_exact(slot->fd, p, len, off);
	fdcache_done(&d->cache, slot);
	return r;
}

static int dir_get_range(struct store *s, enum store_class cls,
			 const char *name, uint64_t off, void *p, size_t len)
{
	int r = read_range((struct dir_store *)s, cls, name, off, p, len);

	return r < 0 ? store_answer(s, r, "read a range of", cls, name) : 0;
}

static int dir_stat(struct store *s, enum store_class cls, const char *name,
		    uint64_t *size)
{
	int dir = dir_fd((struct dir_store *)s, cls, false);
	struct stat st;
	int r = 0;

	if (dir < 0)
		r = dir;
	else if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		r = -errno;
	else if (!S_ISREG(st.st_mode))
		r = -EUCLEAN;
	if (r < 0)
		return store_answer(s, r, "look up", cls, name);
	*size = (uint64_t)st.st_size;
	return 0;
}

static void cleanup_dir(DIR **dp)
{
	if (*dp)
		closedir(*dp);
}

static int open_listing(int dir, DIR **out)
{
	/* Not a dup(): that would share its position with other listings. */
	CLEANUP_CLOSE int fd =
		openat(dir, ".", O_DIRECTORY | O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	*out = fdopendir(fd);
	if (!*out)
		return -errno;
	(void)TAKE_FD(fd);
	return 0;
}

/* 1 if name is an object of cls, with its size; 0 if not; or -errno. */
static int list_entry(int dir, enum store_class cls, const char *name,
		      uint64_t *size)
{
	struct stat st;

	if (held_has_prefix(name, DIR_TEMP_PREFIX))
		(void)held_is_living(dir, name); /* a dead writer's goes */
	if (!store_name_is_valid(cls, name))
		return 0;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	*size = (uint64_t)st.st_size;
	return S_ISREG(st.st_mode);
}

static int dir_list(struct store *s, enum store_class cls, store_list_fn *fn,
		    void *arg)
{
	CLEANUP(cleanup_dir) DIR *dp = NULL;
	int dir = dir_fd((struct dir_store *)s, cls, false);
	struct dirent *e;
	int r;

	if (dir == -ENOENT)
		return 0;
	r = dir < 0 ? dir : open_listing(dir, &dp);
	if (r < 0)
		return log_fail(r, "list %s in %s", store_class_name(cls),
				s->location);
	while (errno = 0, (e = readdir(dp)) != NULL) {
		uint64_t size = 0;

		r = list_entry(dir, cls, e->d_name, &size);
		if (r < 0)
			return store_fail(s, r, "list", cls, e->d_name);
		r = r ? fn(arg, e->d_name, size) : 0;
		if (r)
			return r;
	}
	if (errno)
		return log_fail(-errno, "list %s in %s", store_class_name(cls),
				s->location);
	return 0;
}

static int unlink_object(struct dir_store *d, enum store_class cls,
			 const char *name, bool sync)
{
	int dir = dir_fd(d, cls, false);
	int r = dir < 0 ? dir : FAULT("store.delete");

	if (r == 0 && unlinkat(dir, name, 0) < 0)
		r = -errno;
	/* After the unlink, so that nobody can open and cache it again. */
	fdcache_drop(&d->cache, cls, name);
	if (r == 0 && sync)
		r = dir_sync(dir);
	return r < 0 ? store_answer(&d->base, r, "delete", cls, name) : 0;
}

static int dir_remove(struct store *s, enum store_class cls, const char *name)
{
	return unlink_object((struct dir_store *)s, cls, name, true);
}

static int dir_remove_soon(struct store *s, enum store_class cls,
			   const char *name)
{
	return unlink_object((struct dir_store *)s, cls, name, false);
}

static void dir_free(struct store *s)
{
	struct dir_store *d = (struct dir_store *)s;
	size_t i;

	for (i = 0; i < ARRAY_LEN(d->dirs); i++)
		if (d->dirs[i] >= 0)
			close(d->dirs[i]);
	if (d->root >= 0)
		close(d->root);
	fdcache_release(&d->cache);
	pthread_mutex_destroy(&d->lock);
	free(d->path);
	free(d);
}

static const struct store_kind dir_kind = {
	.free = dir_free,
	.create = dir_create,
	.append = dir_append,
	.commit = dir_commit,
	.discard = dir_discard,
	.get = dir_get,
	.get_range = dir_get_range,
	.stat = dir_stat,
	.list = dir_list,
	.remove = dir_remove,
	.remove_soon = dir_remove_soon,
	.lease_begin = dir_lease_begin,
	.lease_end = dir_lease_end,
	.lease_writers = dir_lease_writers,
};

static int dir_new(const char *path, struct dir_store **out)
{
	struct dir_store *d = calloc(1, sizeof(*d));
	size_t i;

	if (!d)
		return -ENOMEM;
	d->base.kind = &dir_kind;
	pthread_mutex_init(&d->lock, NULL);
	fdcache_init(&d->cache);
	for (i = 0; i < ARRAY_LEN(d->dirs); i++)
		d->dirs[i] = -1;
	d->root = -1;
	d->path = strdup(path);
	d->base.location = d->path;
	d->base.path = d->path;
	d->base.scratch = d->path;
	if (!d->path) {
		dir_free(&d->base);
		return -ENOMEM;
	}
	*out = d;
	return 0;
}

int store_open_dir(const char *path, struct store **out)
{
	struct dir_store *d;
	int r = dir_new(path, &d);

	if (r < 0)
		return r;
	d->root = open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (d->root < 0) {
		r = -errno;
		dir_free(&d->base);
		if (r != -ENOENT && r != -ENOTDIR)
			log_fail(r, "open repository %s", path);
		return r;
	}
	*out = &d->base;
	return 0;
}

/* May name lie in a directory that is to become a store? What an interrupted
 * store_create_dir() leaves may, and what mkfs puts there. */
static bool is_ours(const char *name)
{
	int cls;

	if (!strcmp(name, ".") || !strcmp(name, "..") ||
	    !strcmp(name, "lost+found") ||
	    held_has_prefix(name, DIR_TEMP_PREFIX))
		return true;
	for (cls = STORE_CONFIG + 1; cls <= (int)DIR_LEASES; cls++)
		if (!strcmp(name, dir_name((enum store_class)cls)))
			return true;
	return false;
}

static int check_empty(int root)
{
	CLEANUP(cleanup_dir) DIR *dp = NULL;
	struct dirent *e;
	int r = open_listing(root, &dp);

	if (r < 0)
		return r;
	while (errno = 0, (e = readdir(dp)) != NULL)
		if (!is_ours(e->d_name))
			return -EEXIST;
	return -errno;
}

/* Sync the directories in which path's parts were made. An ancestor that we
 * may not open is none that we made. */
static int sync_ancestors(int root, const char *path)
{
	CLEANUP_CLOSE int fd =
		openat(root, "..", O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	const char *p;

	for (p = path; fd >= 0; p++) {
		int up, r = dir_sync(fd);

		if (r < 0)
			return r;
		p = strchr(p, '/');
		if (!p)
			return 0;
		up = openat(fd, "..", O_DIRECTORY | O_RDONLY | O_CLOEXEC);
		close(fd);
		fd = up;
	}
	return errno == EACCES ? 0 : -errno;
}

static int make_dir(struct dir_store *d)
{
	int cls, r = io_mkdir_p(d->path);

	if (r < 0)
		return r;
	d->root = open(d->path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (d->root < 0)
		return -errno;
	r = check_empty(d->root);
	for (cls = STORE_CONFIG + 1; cls <= (int)DIR_LEASES && r == 0; cls++) {
		r = dir_fd(d, (enum store_class)cls, true);
		r = MIN(r, 0);
	}
	/* Also when all were there: who made them may not have synced. */
	if (r == 0)
		r = dir_sync(d->root);
	return r < 0 ? r : sync_ancestors(d->root, d->path);
}

int store_create_dir(const char *path, struct store **out)
{
	struct dir_store *d;
	int r = dir_new(path, &d);

	if (r < 0)
		return r;
	r = make_dir(d);
	if (r < 0) {
		dir_free(&d->base);
		if (r != -EEXIST)
			log_fail(r, "create repository %s", path);
		return r;
	}
	*out = &d->base;
	return 0;
}
