/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dirwrite.c - how the directory kind stores an object.
 *
 * An object is written to an unnamed file (O_TMPFILE), synced, and only then
 * linked to its name, which is synced too. A crash at any instant leaves a
 * whole object or none, and nothing to clean up: an unnamed file goes with
 * its last descriptor.
 *
 * Where the file system knows no unnamed files (NFS, vfat), or there is no
 * /proc to link them by, the file has a temporary name until then. It is
 * held (held.h), so a listing that meets a dead writer's removes it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fault.h"
#include "base/io.h"
#include "base/log.h"
#include "store/dir.h"
#include "store/held.h"

/* The kernel is told to start writing after each such step, so that the
 * final fsync has little left to wait for. */
#define FLUSH_STEP (4u << 20)
#define COPY_STEP (64u << 10)

struct dir_writer {
	struct store_writer base;
	int dir;
	int fd;
	uint64_t size;
	char name[STORE_NAME_MAX + 1]; /* for messages; empty: not known */
	char temp[HELD_NAME_MAX];      /* empty: the file has no name */
};

static int fail(const struct dir_writer *w, const struct store *s, int err,
		enum store_class cls)
{
	return store_fail(s, err, "store", cls, w->name[0] ? w->name : NULL);
}

static bool use_tmpfile(struct dir_store *d)
{
	return !__atomic_load_n(&d->no_tmpfile, __ATOMIC_RELAXED);
}

static void give_up_tmpfile(struct dir_store *d)
{
	__atomic_store_n(&d->no_tmpfile, true, __ATOMIC_RELAXED);
}

static int make_file(struct dir_store *d, struct dir_writer *w)
{
	if (use_tmpfile(d)) {
		w->fd = openat(w->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC,
			       0400);
		if (w->fd >= 0)
			return 0;
		/* What open(2) and file systems say where there is none. */
		if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
			return -errno;
		give_up_tmpfile(d);
	}
	w->fd = held_make(w->dir, DIR_TEMP_PREFIX, false, w->temp);
	if (w->fd < 0)
		w->temp[0] = '\0';
	return MIN(w->fd, 0);
}

int dir_create(struct store *s, enum store_class cls, const char *name,
	       struct store_writer **out)
{
	struct dir_store *d = (struct dir_store *)s;
	struct dir_writer *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->fd = -1;
	if (name)
		memcpy(w->name, name, strlen(name) + 1);
	w->dir = dir_fd(d, cls, true);
	r = w->dir < 0 ? w->dir : FAULT("store.create");
	if (r == 0)
		r = make_file(d, w);
	if (r < 0) {
		r = fail(w, s, r, cls);
		dir_discard(&w->base);
		return r;
	}
	*out = &w->base;
	return 0;
}

static int write_piece(struct dir_writer *w, struct span piece)
{
	int r = io_write_all(w->fd, piece);

	if (r < 0)
		return r;
	w->size += piece.len;
	/* Only a hint: whether the bytes arrived, fsync says. */
	if (w->size % FLUSH_STEP == 0)
		(void)sync_file_range(w->fd, (off_t)(w->size - FLUSH_STEP),
				      FLUSH_STEP, SYNC_FILE_RANGE_WRITE);
	return 0;
}

int dir_append(struct store_writer *base, struct span data)
{
	struct dir_writer *w = (struct dir_writer *)base;
	int r = FAULT("store.write");

	while (r == 0 && data.len) {
		size_t room = FLUSH_STEP - (size_t)(w->size % FLUSH_STEP);
		size_t n = MIN(room, data.len);

		r = write_piece(w, SPAN(data.p, n));
		data.p += n;
		data.len -= n;
	}
	return r < 0 ? fail(w, base->store, r, base->cls) : 0;
}

static int copy_bytes(int from, int to, uint64_t size)
{
	CLEANUP_FREE uint8_t *p = malloc(COPY_STEP);
	uint64_t off;

	if (!p)
		return -ENOMEM;
	for (off = 0; off < size; off += COPY_STEP) {
		size_t n = (size_t)MIN((uint64_t)COPY_STEP, size - off);
		ssize_t got = io_pread_full(from, p, n, off);
		int r = got < 0 ? (int)got : 0;

		if (r == 0 && (size_t)got != n)
			r = -EIO;
		if (r == 0)
			r = io_write_all(to, SPAN(p, n));
		if (r < 0)
			return r;
	}
	return 0;
}

static int sync_file(struct dir_writer *w)
{
	/* A held file is writable, for its lock. vfat has no such modes. */
	if (w->temp[0])
		(void)fchmod(w->fd, 0400);
	return fsync(w->fd) < 0 ? -errno : 0;
}

/* The unnamed file cannot be linked here: go on with a copy that has a
 * temporary name. Happens once per store. */
static int copy_to_temp(struct dir_store *d, struct dir_writer *w)
{
	CLEANUP_CLOSE int unnamed = TAKE_FD(w->fd);
	int r;

	give_up_tmpfile(d);
	r = make_file(d, w);
	if (r == 0)
		r = copy_bytes(unnamed, w->fd, w->size);
	return r < 0 ? r : sync_file(w);
}

static bool is_unsupported(int err)
{
	switch (err) {
	case -ENOENT: /* no /proc */
	case -EPERM:
	case -EXDEV:
	case -EINVAL:
	case -ENOSYS:
	case -EOPNOTSUPP:
		return true;
	default:
		return false;
	}
}

static int link_unnamed(struct dir_writer *w, const char *name)
{
	char self[32];

	/* AT_EMPTY_PATH would need CAP_DAC_READ_SEARCH before 6.10. */
	snprintf(self, sizeof(self), "/proc/self/fd/%d", w->fd);
	if (linkat(AT_FDCWD, self, w->dir, name, AT_SYMLINK_FOLLOW) < 0)
		return -errno;
	return 0;
}

static int rename_temp(struct dir_writer *w, const char *name)
{
	int r;

	if (renameat2(w->dir, w->temp, w->dir, name, RENAME_NOREPLACE) == 0) {
		w->temp[0] = '\0';
		return 0;
	}
	r = -errno;
	if (r != -EINVAL && r != -ENOSYS && r != -EOPNOTSUPP)
		return r;
	/* NFS; the temporary name goes when the writer is discarded. */
	return linkat(w->dir, w->temp, w->dir, name, 0) < 0 ? -errno : 0;
}

static int give_name(struct dir_store *d, struct dir_writer *w,
		     const char *name)
{
	int r;

	if (!w->temp[0]) {
		r = link_unnamed(w, name);
		if (r == 0 || !is_unsupported(r))
			return r;
		r = copy_to_temp(d, w);
		if (r < 0)
			return r;
	}
	return rename_temp(w, name);
}

/* Who made the object that is there may not have lived to sync it, and a
 * copied repository was perhaps never synced: -EEXIST promises a durable
 * object, so it is synced here. -ENOENT if it is gone again. */
static int sync_existing(int dir, const char *name)
{
	CLEANUP_CLOSE int fd = openat(
		dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EUCLEAN;
	return fsync(fd) < 0 ? -errno : 0;
}

/*
 * When the directory's fsync fails, the name stays: another process may have
 * been told -EEXIST for it after a sync of its own. The next put of the
 * object finds it and syncs again.
 */
static int publish(struct dir_store *d, struct dir_writer *w, const char *name)
{
	int r, existing, synced;

	do {
		existing = 0;
		r = give_name(d, w, name);
		if (r == -EEXIST)
			existing = sync_existing(w->dir, name);
	} while (existing == -ENOENT);
	if (existing < 0)
		return existing;
	if (r < 0 && r != -EEXIST)
		return r;
	synced = FAULT("store.published");
	if (synced == 0)
		synced = dir_sync(w->dir);
	return synced < 0 ? synced : r;
}

int dir_commit(struct store_writer *base, const char *name)
{
	struct dir_writer *w = (struct dir_writer *)base;
	int r = FAULT("store.sync");

	memcpy(w->name, name, strlen(name) + 1);
	if (r == 0)
		r = sync_file(w);
	if (r == 0)
		r = FAULT("store.publish");
	if (r == 0)
		r = publish((struct dir_store *)base->store, w, name);
	if (r < 0 && r != -EEXIST)
		return fail(w, base->store, r, base->cls);
	return r;
}

void dir_discard(struct store_writer *base)
{
	struct dir_writer *w = (struct dir_writer *)base;

	if (w->temp[0])
		unlinkat(w->dir, w->temp, 0);
	if (w->fd >= 0)
		close(w->fd);
	free(w);
}
