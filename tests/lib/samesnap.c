/* SPDX-License-Identifier: Apache-2.0 */
/*
 * samesnap.c - is a snapshot what lies on the disk?
 *
 * samesnap REPO PASSPHRASE-FILE SNAPSHOT DIRECTORY
 *
 * Compares DIRECTORY (an absolute path) with what the snapshot holds at that
 * path: names, kinds, modes, owners, times of change in nanoseconds, devices,
 * link targets, extended attributes, inode flags, every byte, and that no
 * hole has become data. Each difference is a line; the exit status is then 1,
 * and 2 if something could not be read. The repository is read without any
 * cache, so this needs nothing that a backup has left on the machine.
 *
 * The file system is read by its own plain calls, not by the archiver's.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "archive/attr.h"
#include "base/io.h"
#include "base/log.h"
#include "repo/browse.h"
#include "repo/snapref.h"

static struct repo_reader *reader;
static unsigned int differences;

struct here { /* an entry, on the disk and in the snapshot */
	int dirfd;
	const char *name;
	const struct node *node;
	struct stat st;
};

static void differs(const struct here *h, const char *what)
{
	char text[512];

	differences++;
	if (differences <= 50)
		printf("%s: %s\n", what,
		       log_printable(text, sizeof(text), h->name,
				     strlen(h->name)));
}

/* --- content --- */

struct compare {
	const struct here *h;
	int fd;
	uint64_t holes; /* bytes */
	bool bad;
};

static bool range_is(int fd, uint64_t off, const uint8_t *want, size_t len)
{
	static uint8_t buf[CHUNK_MAX];

	return io_pread_full(fd, buf, len, off) == (ssize_t)len &&
	       !memcmp(buf, want, len);
}

static bool range_is_zero(int fd, uint64_t off, uint64_t len)
{
	static const uint8_t zeros[65536];
	uint64_t end = off + len;

	while (off < end) {
		off_t data = lseek(fd, (off_t)off, SEEK_DATA);
		size_t n;

		if (data < 0 || (uint64_t)data >= end)
			return data >= 0 || errno == ENXIO;
		off = (uint64_t)data;
		n = (size_t)MIN(end - off, (uint64_t)sizeof(zeros));
		if (!range_is(fd, off, zeros, n))
			return false;
		off += n;
	}
	return true;
}

static int compare_extent(void *arg, uint64_t offset, const struct extent *x)
{
	struct compare *c = arg;
	struct chunk_ref ref = { { NULL, 0 }, NULL };
	int e;

	if (x->kind == EXTENT_HOLE) {
		c->holes += x->len;
		c->bad |= !range_is_zero(c->fd, offset, x->len);
		return 0;
	}
	e = repo_chunk_get(reader, CHUNK_DATA, x->id, &ref);
	if (e < 0)
		return e;
	c->bad |= x->offset + x->len > ref.data.len ||
		  !range_is(c->fd, offset, ref.data.p + x->offset, x->len);
	repo_chunk_put(reader, &ref);
	return 0;
}

static uint64_t holes_of(int fd, uint64_t size)
{
	uint64_t at = 0, sum = 0;

	while (at < size) {
		off_t data = lseek(fd, (off_t)at, SEEK_DATA);

		if (data < 0 || (uint64_t)data > size)
			data = (off_t)size;
		sum += (uint64_t)data - at;
		data = lseek(fd, data, SEEK_HOLE);
		at = data < 0 ? size : (uint64_t)data;
	}
	return sum;
}

static int compare_file(const struct here *h)
{
	CLEANUP_CLOSE int fd =
		openat(h->dirfd, h->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct compare c = { .h = h, .fd = fd };
	int e;

	if (fd < 0)
		return log_fail(-errno, "open %s", h->name);
	if (h->node->size != (uint64_t)h->st.st_size) {
		differs(h, "size");
		return 0;
	}
	e = content_walk(reader, h->node->content, h->node->size,
			 compare_extent, &c);
	if (c.bad)
		differs(h, "content");
	/* what is read in one go has no holes: a restore finds the zeros */
	if (h->node->size > CDC_MIN && c.holes < holes_of(fd, h->node->size))
		differs(h, "holes");
	return e;
}

/* --- metadata --- */

static void compare_target(const struct here *h)
{
	static char target[SYMLINK_BYTES_MAX];
	ssize_t n = readlinkat(h->dirfd, h->name, target, sizeof(target));

	if (n < 0 || (size_t)n != h->node->target.len ||
	    memcmp(target, h->node->target.p, (size_t)n) != 0)
		differs(h, "target");
}

static void compare_one_xattr(const struct here *h, const char *path,
			      struct span name, struct span value)
{
	static char buf[65536];
	char text[256];
	ssize_t n;

	memcpy(text, name.p, MIN(name.len, (size_t)255));
	text[MIN(name.len, (size_t)255)] = '\0';
	n = lgetxattr(path, text, buf, sizeof(buf));
	if (n < 0 || (size_t)n != value.len || memcmp(buf, value.p, value.len))
		differs(h, text);
}

static void compare_xattrs(const struct here *h)
{
	static char names[65536];
	char path[64 + NAME_BYTES_MAX];
	struct reader rd = reader_of(h->node->xattrs);
	uint64_t left = h->node->xattrs.len ? rd_varint(&rd) : 0;
	uint64_t count = 0;
	struct span name, value;
	ssize_t n, i;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", h->dirfd, h->name);
	n = llistxattr(path, names, sizeof(names));
	for (i = 0; i < n; i += (ssize_t)strlen(names + i) + 1)
		count++;
	if (count != left)
		differs(h, "number of xattrs");
	while (attr_next_xattr(&rd, &left, &name, &value) == 1)
		compare_one_xattr(h, path, name, value);
}

static void compare_iflags(const struct here *h)
{
	CLEANUP_CLOSE int fd =
		openat(h->dirfd, h->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	int flags = 0;

	if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return;
	if (((uint32_t)flags & ATTR_IFLAGS_KEPT) != h->node->iflags)
		differs(h, "inode flags");
}

static mode_t kind_of(uint8_t type)
{
	static const mode_t kinds[] = { 0,	 S_IFREG,  S_IFDIR, S_IFLNK,
					S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK };

	return type < ARRAY_LEN(kinds) ? kinds[type] : 0;
}

static void compare_stat(const struct here *h)
{
	const struct node *n = h->node;

	if ((h->st.st_mode & 07777) != n->mode)
		differs(h, "mode");
	if (h->st.st_uid != n->uid || h->st.st_gid != n->gid)
		differs(h, "owner");
	if (h->st.st_mtim.tv_sec != n->mtime.sec ||
	    (uint32_t)h->st.st_mtim.tv_nsec != n->mtime.nsec)
		differs(h, "mtime");
	if ((S_ISCHR(h->st.st_mode) || S_ISBLK(h->st.st_mode)) &&
	    makedev(n->major, n->minor) != h->st.st_rdev)
		differs(h, "device");
	if (n->type != NODE_DIR &&
	    (h->st.st_nlink > 1) != !!(n->flags & NODE_HARDLINK))
		differs(h, "number of links");
	if ((n->flags & NODE_HARDLINK) && n->ino != h->st.st_ino)
		differs(h, "linked to another");
}

/* --- directories --- */

static int compare_dir(int fd, const uint8_t *tree);

static int compare_entry(struct here *h)
{
	int e = 0;

	if (fstatat(h->dirfd, h->name, &h->st, AT_SYMLINK_NOFOLLOW) < 0) {
		differs(h, "not on the disk");
		return 0;
	}
	if ((h->st.st_mode & S_IFMT) != kind_of(h->node->type)) {
		differs(h, "kind");
		return 0;
	}
	compare_stat(h);
	compare_xattrs(h);
	if (h->node->type == NODE_FILE || h->node->type == NODE_DIR)
		compare_iflags(h);
	if (h->node->type == NODE_SYMLINK)
		compare_target(h);
	if (h->node->type == NODE_FILE)
		e = compare_file(h);
	if (h->node->type == NODE_DIR) {
		int fd = openat(h->dirfd, h->name, O_RDONLY | O_DIRECTORY);

		if (fd < 0)
			return log_fail(-errno, "open %s", h->name);
		e = compare_dir(fd, h->node->tree);
		close(fd);
	}
	return e;
}

/* Names in fd that the tree has not. */
static int compare_names(int fd, const uint8_t *tree)
{
	DIR *d = fdopendir(openat(fd, ".", O_RDONLY | O_DIRECTORY));
	struct dirent *ent;
	int e = 0;

	if (!d)
		return -errno;
	while (e >= 0 && (ent = readdir(d))) {
		struct here h = { .name = ent->d_name };
		struct tree_dir td = { .rr = NULL };
		struct node n;

		if (!strcmp(ent->d_name, ".") || !strcmp(ent->d_name, ".."))
			continue;
		e = tree_dir_open(reader, tree, &td);
		if (e == 0)
			e = tree_dir_find(
				&td, SPAN(ent->d_name, strlen(ent->d_name)),
				&n);
		tree_dir_close(&td);
		if (e == 0)
			differs(&h, "not in the snapshot");
	}
	closedir(d);
	return MIN(e, 0);
}

static unsigned int entries_of(int fd)
{
	DIR *d = fdopendir(openat(fd, ".", O_RDONLY | O_DIRECTORY));
	unsigned int n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n >= 2 ? n - 2 : 0;
}

static int compare_dir(int fd, const uint8_t *tree)
{
	struct tree_dir td = { .rr = NULL };
	unsigned int before = differences, count = 0;
	struct node n;
	int e = tree_dir_open(reader, tree, &td);

	while (e >= 0 && (e = tree_dir_next(&td, &n, NULL)) == 1) {
		char name[NAME_BYTES_MAX + 1];
		struct here h = { fd, name, &n, { 0 } };

		memcpy(name, n.name.p, n.name.len);
		name[n.name.len] = '\0';
		e = compare_entry(&h);
		count++;
	}
	tree_dir_close(&td);
	if (e == 0 && (before != differences || count != entries_of(fd)))
		e = compare_names(fd, tree);
	return e;
}

static int compare_top(const struct snapshot *s, const char *path)
{
	struct tree_dir td = { .rr = NULL };
	struct here h = { AT_FDCWD, path, NULL, { 0 } };
	struct node n;
	int e = tree_lookup(reader, s->tree, SPAN(path, strlen(path)), &td, &n);

	h.node = &n;
	if (e < 0)
		log_fail(e, "look for %s in the snapshot", path);
	else
		e = compare_entry(&h);
	tree_dir_close(&td);
	return e;
}

int main(int argc, char **argv)
{
	CLEANUP_BUF struct buf pass = BUF_INIT(4096);
	struct repo_options opt = { .cache_dir = NULL };
	struct snapshot s = { 0 };
	struct store *store = NULL;
	struct repo *repo = NULL;
	int e;

	if (argc != 5) {
		fprintf(stderr, "samesnap: see the comment in the source\n");
		return 2;
	}
	e = io_read_file(AT_FDCWD, argv[2], &pass);
	if (e == 0 && pass.len > 0 && pass.p[pass.len - 1] == '\n')
		pass.len--;
	if (e == 0)
		e = store_open_dir(argv[1], &store);
	if (e == 0)
		e = repo_open(store, SPAN_OF(&pass), &opt, &repo);
	if (e == 0)
		e = repo_reader_new(repo, &reader);
	if (e == 0)
		e = snapref_resolve(repo, argv[3], NULL, &s);
	if (e == 0)
		e = compare_top(&s, argv[4]);
	snapshot_release(&s);
	repo_reader_free(reader);
	repo_free(repo);
	store_free(store);
	if (e < 0) {
		log_fail(e, "compare %s with %s", argv[3], argv[4]);
		return 2;
	}
	return differences ? 1 : 0;
}
