/* SPDX-License-Identifier: Apache-2.0 */
/*
 * continuity.c - the counters that file systems keep of themselves.
 */
#include "daemon/continuity.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/io.h"

#define ALIGN 4096u
#define NAME_LEN 64

#define WHY_WRITTEN "it was written while nothing was recorded"
#define WHY_UNKNOWN "it cannot be told whether it was written meanwhile"

/* --- the device --- */

/* The name of a device in /sys ("sda1"); '/' in it is '!'. */
static int device_name(dev_t dev, char name[NAME_LEN])
{
	char link[64], target[512];
	const char *last;
	ssize_t n;

	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major(dev),
		 minor(dev));
	n = readlink(link, target, sizeof(target) - 1);
	if (n < 0)
		return -errno;
	target[n] = '\0';
	last = strrchr(target, '/');
	if (!last || strlen(last + 1) >= NAME_LEN)
		return -ENAMETOOLONG;
	snprintf(name, NAME_LEN, "%s", last + 1);
	return 0;
}

/* Past the page cache: what is on the disk now. */
static int device_open(dev_t dev)
{
	char name[NAME_LEN], path[NAME_LEN + 8], *c;
	CLEANUP_CLOSE int fd = -1;
	struct stat st;
	int e = device_name(dev, name);

	if (e < 0)
		return e;
	for (c = name; *c; c++)
		if (*c == '!')
			*c = '/';
	snprintf(path, sizeof(path), "/dev/%s", name);
	fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISBLK(st.st_mode) || st.st_rdev != dev)
		return -ENXIO;
	return TAKE_FD(fd);
}

struct page {
	_Alignas(ALIGN) uint8_t bytes[ALIGN];
};

static int read_page(int fd, struct page *p, uint64_t off)
{
	ssize_t n = io_pread_full(fd, p->bytes, ALIGN, off);

	return n < 0 ? (int)n : (size_t)n < ALIGN ? -EUCLEAN : 0;
}

static uint16_t le16_at(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

static uint32_t le32_at(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static uint32_t be32_at(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

static uint64_t be64_at(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return be64toh(v);
}

static uint64_t le64_at(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

/* The text of a file below /sys or /proc. */
static int read_text(const char *path, char *text, size_t size)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -errno : io_read_full(fd, text, size - 1);

	if (n < 0)
		return (int)n;
	text[n] = '\0';
	return 0;
}

static int read_number(const char *path, uint64_t *out)
{
	char text[64];
	int e = read_text(path, text, sizeof(text));

	if (e == 0 && sscanf(text, "%" SCNu64, out) != 1)
		e = -EUCLEAN;
	return e;
}

uint64_t continuity_attachment(dev_t dev)
{
	static const char *const where[] = { "diskseq", "../diskseq" };
	char path[96];
	uint64_t n;
	size_t i;

	for (i = 0; i < ARRAY_LEN(where); i++) {
		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s",
			 major(dev), minor(dev), where[i]);
		if (read_number(path, &n) == 0)
			return n;
	}
	return 0;
}

bool continuity_in_use(const char *type, dev_t dev)
{
	char name[NAME_LEN], path[64 + NAME_LEN];
	struct stat st;

	if (device_name(dev, name) < 0)
		return false;
	snprintf(path, sizeof(path), "/sys/fs/%.32s/%s", type, name);
	return stat(path, &st) == 0;
}

/* --- ext4 --- */

/* Offsets in the superblock, which lies at byte 1024. */
enum {
	EXT4_SUPER = 1024,
	EXT4_FREE_BLOCKS = 12,
	EXT4_FREE_INODES = 16,
	EXT4_MOUNTS = 52,
	EXT4_MAGIC = 56,
	EXT4_STATE = 58,
	EXT4_COMPAT = 92,
	EXT4_INCOMPAT = 96,
	EXT4_UUID = 104,
	EXT4_ORPHAN = 232,
	EXT4_KBYTES = 376,
};

#define EXT4_MAGIC_VALUE 0xef53
#define EXT4_CLEAN 1   /* state: this bit, and no other */
#define EXT4_JOURNAL 4 /* compat */
#define EXT4_RECOVER 4 /* incompat */

enum { EXT4_C_KBYTES, EXT4_C_MOUNTS, EXT4_C_FREE };

static int ext4_super(int fd, struct page *p, const uint8_t **sb)
{
	int e = read_page(fd, p, 0);

	*sb = p->bytes + EXT4_SUPER;
	if (e == 0 && (le16_at(*sb + EXT4_MAGIC) != EXT4_MAGIC_VALUE ||
		       !(le32_at(*sb + EXT4_COMPAT) & EXT4_JOURNAL)))
		e = -EOPNOTSUPP;
	return e;
}

static void ext4_facts(const uint8_t *sb, struct continuity *out)
{
	memcpy(out->uuid, sb + EXT4_UUID, sizeof(out->uuid));
	out->counters[EXT4_C_KBYTES] = le64_at(sb + EXT4_KBYTES);
	out->counters[EXT4_C_MOUNTS] = le16_at(sb + EXT4_MOUNTS);
	out->counters[EXT4_C_FREE] = (uint64_t)le32_at(sb + EXT4_FREE_BLOCKS)
					     << 32 |
				     le32_at(sb + EXT4_FREE_INODES);
}

static int ext4_left(int fd, struct continuity *out)
{
	const uint8_t *sb;
	struct page p;
	int e = ext4_super(fd, &p, &sb);

	if (e < 0)
		return e;
	/* the last write of an unmount changes both */
	if (!(le16_at(sb + EXT4_STATE) & EXT4_CLEAN) ||
	    (le32_at(sb + EXT4_INCOMPAT) & EXT4_RECOVER))
		return -EBUSY;
	/* errors: what was read from memory may not be on the disk */
	if (le16_at(sb + EXT4_STATE) != EXT4_CLEAN || le32_at(sb + EXT4_ORPHAN))
		return -EOPNOTSUPP;
	ext4_facts(sb, out);
	return 0;
}

/* Kilobytes that were written before this session. Both files count what was
 * written since on top, so they are read until they agree on that. */
static int ext4_kbytes_before(const char *name, uint64_t *out)
{
	char session[128], lifetime[128];
	uint64_t a, b, all;
	int e, i;

	snprintf(session, sizeof(session),
		 "/sys/fs/ext4/%s/session_write_kbytes", name);
	snprintf(lifetime, sizeof(lifetime),
		 "/sys/fs/ext4/%s/lifetime_write_kbytes", name);
	for (i = 0; i < 16; i++) {
		e = read_number(session, &a);
		if (e == 0)
			e = read_number(lifetime, &all);
		if (e == 0)
			e = read_number(session, &b);
		if (e < 0)
			return e;
		if (a == b) {
			*out = all - a;
			return 0;
		}
	}
	return -EBUSY;
}

/* Transactions since it was mounted. */
static int ext4_transactions(const char *name, uint64_t *out)
{
	char path[128], text[256];
	int e;

	snprintf(path, sizeof(path), "/proc/fs/jbd2/%s-8/info", name);
	e = read_text(path, text, sizeof(text));
	if (e == 0 && sscanf(text, "%" SCNu64 " transactions", out) != 1)
		e = -EUCLEAN;
	return e;
}

static const char *ext4_differs(const struct mount *m, int fd,
				const struct continuity *left)
{
	uint64_t before, transactions;
	char name[NAME_LEN];
	struct continuity now;
	const uint8_t *sb;
	struct page p;

	/* such a write may leave no trace in the journal for hours */
	if (strstr(m->options, "lazytime"))
		return "with lazytime " WHY_UNKNOWN;
	if (ext4_super(fd, &p, &sb) < 0 || device_name(m->dev, name) < 0 ||
	    ext4_kbytes_before(name, &before) < 0 ||
	    ext4_transactions(name, &transactions) < 0)
		return WHY_UNKNOWN;
	ext4_facts(sb, &now);
	if (memcmp(now.uuid, left->uuid, sizeof(now.uuid)) != 0)
		return "another file system is there now";
	if (before != left->counters[EXT4_C_KBYTES] ||
	    now.counters[EXT4_C_MOUNTS] !=
		    ((left->counters[EXT4_C_MOUNTS] + 1) & 0xffff) ||
	    now.counters[EXT4_C_FREE] != left->counters[EXT4_C_FREE] ||
	    transactions != 0)
		return WHY_WRITTEN;
	return NULL;
}

/* --- xfs --- */

enum {
	XFS_BLOCK_SIZE = 4,
	XFS_UUID = 32,
	XFS_LOG_START = 48,
	XFS_AG_BLOCKS = 84,
	XFS_LOG_BLOCKS = 96,
	XFS_AG_BLOCKS_LOG = 124,
	XFS_INODES = 128,
	XFS_FREE_BLOCKS = 144,
};

#define XFS_MAGIC 0x58465342u
#define XFS_RECORD 0xfeedbabeu
#define XFS_SECTOR 512u	    /* of the log: each begins with its cycle */
#define XFS_RECORD_MAX 512u /* sectors */
#define XFS_RECORD_OPS 40   /* in its first sector: operations */
#define XFS_OP_FLAGS 9	    /* in the operation's header */
#define XFS_OP_UNMOUNT 0x20

enum { XFS_C_HEAD, XFS_C_INODES, XFS_C_FREE };

struct xfs_log {
	int fd;
	uint64_t at;   /* byte on the device */
	uint64_t size; /* sectors */
};

static int xfs_super(int fd, struct page *p)
{
	int e = read_page(fd, p, 0);

	return e == 0 && be32_at(p->bytes) != XFS_MAGIC ? -EOPNOTSUPP : e;
}

static int xfs_find_log(int fd, const uint8_t *sb, struct xfs_log *log)
{
	uint64_t start = be64_at(sb + XFS_LOG_START);
	uint64_t block = be32_at(sb + XFS_BLOCK_SIZE);
	unsigned int shift = sb[XFS_AG_BLOCKS_LOG];
	uint64_t group;

	/* 0: the log is on another device */
	if (start == 0 || shift > 31 || block < XFS_SECTOR || block > 65536)
		return -EOPNOTSUPP;
	group = start >> shift;
	log->fd = fd;
	log->at = (group * be32_at(sb + XFS_AG_BLOCKS) +
		   (start & ((1ull << shift) - 1))) *
		  block;
	log->size = be32_at(sb + XFS_LOG_BLOCKS) * (block / XFS_SECTOR);
	return log->size < 2 || log->at > INT64_MAX / 2 ? -EUCLEAN : 0;
}

static int xfs_cycle(const struct xfs_log *log, uint64_t sector, uint32_t *out)
{
	uint64_t at = log->at + sector * XFS_SECTOR;
	const uint8_t *s;
	struct page p;
	int e = read_page(log->fd, &p, at & ~(uint64_t)(ALIGN - 1));

	s = p.bytes + (at & (ALIGN - 1));
	/* a record's first sector has its magic number in front */
	if (e == 0)
		*out = be32_at(s) == XFS_RECORD ? be32_at(s + 4) : be32_at(s);
	return e;
}

/* Where the next record goes: from the first sector on the cycle is that of
 * the first, then it is a smaller one. */
static int xfs_log_head(const struct xfs_log *log, uint64_t *out)
{
	uint64_t low = 0, high = log->size - 1;
	uint32_t first, cycle;
	int e = xfs_cycle(log, low, &first);

	if (e == 0)
		e = xfs_cycle(log, high, &cycle);
	if (e == 0 && first == cycle) /* just wrapped around, to be exact */
		e = -EOPNOTSUPP;
	while (e == 0 && high - low > 1) {
		uint64_t middle = low + (high - low) / 2;

		e = xfs_cycle(log, middle, &cycle);
		if (cycle == first)
			low = middle;
		else
			high = middle;
	}
	*out = (uint64_t)first << 32 | high;
	return e;
}

/* The last record must be an unmount's: after a shutdown, what was read from
 * memory may not be on the disk. */
static int xfs_is_unmounted(const struct xfs_log *log, uint64_t head)
{
	uint64_t first = head > XFS_RECORD_MAX ? head - XFS_RECORD_MAX : 0;
	uint64_t sector;
	struct page p;

	for (sector = head; sector-- > first;) {
		uint64_t at = log->at + sector * XFS_SECTOR;
		const uint8_t *s = p.bytes + (at & (ALIGN - 1));
		int e = read_page(log->fd, &p, at & ~(uint64_t)(ALIGN - 1));

		if (e < 0)
			return e;
		if (be32_at(s) != XFS_RECORD)
			continue;
		if (be32_at(s + XFS_RECORD_OPS) != 1 || sector + 1 >= head)
			return -EOPNOTSUPP;
		at += XFS_SECTOR; /* its only operation */
		s = p.bytes + (at & (ALIGN - 1));
		e = read_page(log->fd, &p, at & ~(uint64_t)(ALIGN - 1));
		if (e < 0)
			return e;
		return s[XFS_OP_FLAGS] & XFS_OP_UNMOUNT ? 0 : -EOPNOTSUPP;
	}
	return -EOPNOTSUPP;
}

static int xfs_left(int fd, struct continuity *out)
{
	uint64_t *head = &out->counters[XFS_C_HEAD];
	struct xfs_log log;
	struct page p;
	int e = xfs_super(fd, &p);

	if (e == 0)
		e = xfs_find_log(fd, p.bytes, &log);
	if (e == 0)
		e = xfs_log_head(&log, head);
	if (e == 0)
		e = xfs_is_unmounted(&log, *head & UINT32_MAX);
	if (e < 0)
		return e;
	memcpy(out->uuid, p.bytes + XFS_UUID, sizeof(out->uuid));
	out->counters[XFS_C_INODES] = be64_at(p.bytes + XFS_INODES);
	out->counters[XFS_C_FREE] = be64_at(p.bytes + XFS_FREE_BLOCKS);
	return 0;
}

static const char *xfs_differs(const struct mount *m, int fd,
			       const struct continuity *left)
{
	char name[NAME_LEN], path[128], text[64];
	uint32_t cycle, block;
	struct page p;

	if (strstr(m->options, "lazytime"))
		return "with lazytime " WHY_UNKNOWN;
	if (xfs_super(fd, &p) < 0 || device_name(m->dev, name) < 0)
		return WHY_UNKNOWN;
	snprintf(path, sizeof(path), "/sys/fs/xfs/%s/log/log_head_lsn", name);
	if (read_text(path, text, sizeof(text)) < 0 ||
	    sscanf(text, "%" SCNu32 ":%" SCNu32, &cycle, &block) != 2)
		return WHY_UNKNOWN;
	if (memcmp(p.bytes + XFS_UUID, left->uuid, sizeof(left->uuid)) != 0)
		return "another file system is there now";
	if (((uint64_t)cycle << 32 | block) != left->counters[XFS_C_HEAD] ||
	    be64_at(p.bytes + XFS_INODES) != left->counters[XFS_C_INODES] ||
	    be64_at(p.bytes + XFS_FREE_BLOCKS) != left->counters[XFS_C_FREE])
		return WHY_WRITTEN;
	return NULL;
}

/* --- both --- */

static const struct {
	const char *type;
	int (*left)(int fd, struct continuity *out);
	const char *(*differs)(const struct mount *m, int fd,
			       const struct continuity *left);
} types[] = {
	{ "ext4", ext4_left, ext4_differs },
	{ "xfs", xfs_left, xfs_differs },
};

static size_t type_of(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(types); i++)
		if (!strcmp(name, types[i].type))
			break;
	return i;
}

int continuity_left(const char *type, dev_t dev, struct continuity *out)
{
	CLEANUP_CLOSE int fd = -1;
	size_t i = type_of(type);
	int e;

	memset(out, 0, sizeof(*out));
	if (i == ARRAY_LEN(types))
		return -EOPNOTSUPP;
	fd = device_open(dev);
	if (fd < 0)
		return fd;
	e = types[i].left(fd, out);
	return e == 0 && continuity_in_use(type, dev) ? -EBUSY : e;
}

const char *continuity_differs(const struct mount *m,
			       const struct continuity *left)
{
	CLEANUP_CLOSE int fd = device_open(m->dev);
	size_t i = type_of(m->type);

	if (fd < 0 || i == ARRAY_LEN(types))
		return WHY_UNKNOWN;
	return types[i].differs(m, fd, left);
}
