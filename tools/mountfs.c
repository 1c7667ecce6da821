/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mountfs.c - snapshots as inodes that come and go.
 *
 * An mnode knows the directory it is in and its name there: what else there
 * is to know of it is looked up in the directory's tree when it is asked
 * for. That is rare, as the kernel keeps attributes for ever: nothing here
 * changes.
 */
#include "tools/mountfs_private.h"

#include <errno.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "archive/attr.h"
#include "base/log.h"
#include "base/timeparse.h"
#include "repo/browse.h"

#define CHUNK_CACHE_BYTES (32u << 20)

/* --- numbers --- */

static uint64_t mix(uint64_t h, const void *p, size_t len)
{
	const uint8_t *b = p;
	uint64_t v = 0;

	h += 0x9e3779b97f4a7c15ull * (len + 1);
	for (; len > 0; len -= MIN(len, (size_t)8), b += 8) {
		v = 0;
		memcpy(&v, b, MIN(len, (size_t)8));
		h = (h ^ v) * 0xbf58476d1ce4e5b9ull;
		h ^= h >> 29;
		h = (h ^ h >> 32) * 0x94d049bb133111ebull;
		h ^= h >> 31;
	}
	return h;
}

static uint64_t ino_of_name(const struct mnode *dir, struct span name)
{
	uint64_t h = mix(dir->ino, name.p, name.len);

	return h > 1 ? h : 2; /* 1 is the root */
}

/* With the content: two files may have had the number, one after the other,
 * while the backup ran. */
static uint64_t ino_of_link(uint32_t snap, const struct node *n)
{
	uint64_t key[3] = { snap, n->fsid, n->ino };
	uint64_t h = mix(~0ull, key, sizeof(key));

	h = mix(h, n->content.p, n->content.len);
	return h > 1 ? h : 2;
}

/* --- readers --- */

struct repo_reader *mountfs_reader(struct mountfs *fs)
{
	struct repo_reader *rr = NULL;

	pthread_mutex_lock(&fs->lock);
	if (fs->n_readers > 0)
		rr = fs->readers[--fs->n_readers];
	pthread_mutex_unlock(&fs->lock);
	if (!rr && repo_reader_new(fs->repo, &rr) < 0)
		return NULL;
	return rr;
}

void mountfs_reader_put(struct mountfs *fs, struct repo_reader *rr)
{
	pthread_mutex_lock(&fs->lock);
	if (fs->n_readers < READERS_KEPT) {
		fs->readers[fs->n_readers++] = rr;
		rr = NULL;
	}
	pthread_mutex_unlock(&fs->lock);
	repo_reader_free(rr);
}

struct chunkcache *mountfs_chunks(struct mountfs *fs)
{
	return fs->chunks;
}

struct mnode *mountfs_root(struct mountfs *fs)
{
	return fs->root;
}

/* --- the table --- */

static struct span mnode_name(const struct mnode *m)
{
	return SPAN(m->data + (has_tree(m) ? CHUNK_ID_LEN : 0), m->name_len);
}

static int table_grow(struct mountfs *fs)
{
	size_t n = 2 * (fs->mask + 1), i;
	struct mnode **slots = calloc(n, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (i = 0; i <= fs->mask; i++) {
		struct mnode *m = fs->slots[i], *next;

		for (; m; m = next) {
			next = m->next;
			m->next = slots[m->ino & (n - 1)];
			slots[m->ino & (n - 1)] = m;
		}
	}
	free(fs->slots);
	fs->slots = slots;
	fs->mask = n - 1;
	return 0;
}

static struct mnode *mnode_new(struct mnode *parent, const struct spec *spec)
{
	size_t tree_len = spec->tree ? CHUNK_ID_LEN : 0;
	struct mnode *m = calloc(1, sizeof(*m) + tree_len + spec->name.len);

	if (!m)
		return NULL;
	m->parent = parent;
	m->ino = spec->ino;
	m->snap = spec->snap;
	m->kind = (uint8_t)spec->kind;
	m->type = spec->kind == M_LINK ? NODE_SYMLINK : NODE_DIR;
	if (spec->node) {
		m->type = spec->node->type;
		m->has_xattrs = spec->node->flags & NODE_HAS_XATTRS;
	}
	m->name_len = (uint8_t)spec->name.len;
	if (tree_len)
		memcpy(m->data, spec->tree, tree_len);
	memcpy(m->data + tree_len, spec->name.p, spec->name.len);
	return m;
}

int mnode_get(struct mountfs *fs, struct mnode *dir, const struct spec *spec,
	      struct mnode **out)
{
	struct mnode *m;
	int e = 0;

	pthread_mutex_lock(&fs->lock);
	for (m = fs->slots[spec->ino & fs->mask]; m; m = m->next)
		if (m->ino == spec->ino)
			break;
	if (!m) {
		if (fs->count > fs->mask)
			e = table_grow(fs);
		m = e == 0 ? mnode_new(dir, spec) : NULL;
		if (m) {
			m->next = fs->slots[spec->ino & fs->mask];
			fs->slots[spec->ino & fs->mask] = m;
			fs->count++;
			dir->refs++;
		}
	}
	if (m)
		m->lookups++;
	pthread_mutex_unlock(&fs->lock);
	*out = m;
	return m ? 0 : -ENOMEM;
}

void mountfs_forget(struct mountfs *fs, struct mnode *m, uint64_t n)
{
	struct mnode **at, *parent;

	pthread_mutex_lock(&fs->lock);
	m->lookups -= MIN(m->lookups, n);
	while (m->lookups == 0 && m->refs == 0 && m->parent) {
		for (at = &fs->slots[m->ino & fs->mask]; *at != m;
		     at = &(*at)->next)
			;
		*at = m->next;
		fs->count--;
		parent = m->parent;
		parent->refs--;
		free(m);
		m = parent;
	}
	pthread_mutex_unlock(&fs->lock);
}

/* --- attributes --- */

static struct timespec timespec_of(struct node_time t)
{
	return (struct timespec){ .tv_sec = t.sec, .tv_nsec = t.nsec };
}

static mode_t type_bits(uint8_t type)
{
	static const mode_t bits[] = {
		[NODE_FILE] = S_IFREG,	  [NODE_DIR] = S_IFDIR,
		[NODE_SYMLINK] = S_IFLNK, [NODE_FIFO] = S_IFIFO,
		[NODE_SOCKET] = S_IFSOCK, [NODE_CHAR] = S_IFCHR,
		[NODE_BLOCK] = S_IFBLK,
	};

	return type < ARRAY_LEN(bits) ? bits[type] : S_IFREG;
}

/* Bytes that are no hole, as far as the entry itself tells. */
static uint64_t data_bytes(const struct node *n)
{
	struct content_iter it;
	struct extent x;
	uint64_t sum = 0;

	if (content_open(n->content, &it) < 0 || it.depth > 0)
		return n->size;
	while (content_next(&it, &x) == 1)
		sum += x.kind == EXTENT_HOLE ? 0 : x.len;
	return sum;
}

/* How many names the inode has in the snapshot. The first time that this is
 * asked of a snapshot, its trees are read through. */
static nlink_t names_of(struct mountfs *fs, uint32_t snap, const struct node *n)
{
	struct msnap *s = &fs->snaps[snap];
	uint32_t count = 1;

	if (!(n->flags & NODE_HARDLINK))
		return 1;
	pthread_mutex_lock(&fs->links_lock);
	if (!s->links) {
		struct repo_reader *rr = mountfs_reader(fs);

		if (rr && mountlinks_new(rr, s->s.tree, &s->links) < 0)
			s->links = NULL;
		if (rr)
			mountfs_reader_put(fs, rr);
	}
	if (s->links)
		count = mountlinks_count(s->links, n->fsid, n->ino);
	pthread_mutex_unlock(&fs->links_lock);
	return count;
}

void stat_node(struct mountfs *fs, uint32_t snap, uint64_t ino,
	       const struct node *n, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = ino;
	st->st_mode = type_bits(n->type) | n->mode;
	/* a directory's number of directories is not known: 1, as on btrfs */
	st->st_nlink = n->type == NODE_DIR ? 1 : names_of(fs, snap, n);
	st->st_uid = n->uid;
	st->st_gid = n->gid;
	st->st_mtim = timespec_of(n->mtime);
	st->st_ctim = timespec_of(n->ctime);
	st->st_atim = st->st_mtim;
	st->st_blksize = 128 << 10;
	if (n->type == NODE_FILE) {
		st->st_size = (off_t)n->size;
		st->st_blocks = (blkcnt_t)((data_bytes(n) + 511) / 512);
	} else if (n->type == NODE_SYMLINK) {
		st->st_size = (off_t)n->target.len;
	}
	if (n->type == NODE_CHAR || n->type == NODE_BLOCK)
		st->st_rdev = makedev(n->major, n->minor);
}

void stat_made(const struct mountfs *fs, const struct mnode *m, struct stat *st)
{
	*st = fs->stat;
	st->st_ino = m->ino;
	if (m->kind == M_LINK) {
		st->st_mode = S_IFLNK | 0777;
		st->st_size = (off_t)strlen(fs->snaps[m->snap].name);
	}
	if (m->kind == M_SNAPSHOT || m->kind == M_LINK) {
		uint64_t t = fs->snaps[m->snap].s.time_ns;

		st->st_mtim.tv_sec = (time_t)(t / 1000000000u);
		st->st_mtim.tv_nsec = (long)(t % 1000000000u);
		st->st_ctim = st->st_atim = st->st_mtim;
	}
}

/* --- names that are made up --- */

static int find_snap_name(const struct mountfs *fs, struct span name)
{
	uint32_t i;

	for (i = 0; i < fs->n_snaps; i++)
		if (strlen(fs->snaps[i].name) == name.len &&
		    !memcmp(fs->snaps[i].name, name.p, name.len))
			return (int)i;
	return -1;
}

void snap_id(const struct mountfs *fs, uint32_t i, char out[static 9])
{
	hex_encode(out, fs->snaps[i].s.id, 4);
}

static int find_snap_id(const struct mountfs *fs, struct span name)
{
	char id[HEX_LEN(4)];
	uint32_t i;

	for (i = 0; name.len == 8 && i < fs->n_snaps; i++) {
		snap_id(fs, i, id);
		if (!memcmp(id, name.p, 8))
			return (int)i;
	}
	return -1;
}

static bool is_name(struct span name, const char *text)
{
	return name.len == strlen(text) && !memcmp(name.p, text, name.len);
}

int spec_made(struct mountfs *fs, const struct mnode *dir, struct span name,
	      struct spec *spec)
{
	int i = -1;

	*spec = (struct spec){ .name = name, .ino = ino_of_name(dir, name) };
	if (dir->kind == M_ROOT && is_name(name, "snapshots")) {
		spec->kind = M_SNAPSHOTS;
		return 0;
	}
	if (dir->kind == M_ROOT && is_name(name, "ids")) {
		spec->kind = M_IDS;
		return 0;
	}
	spec->kind = M_LINK;
	if (dir->kind == M_IDS)
		i = find_snap_id(fs, name);
	else if (fs->n_snaps > 0 && is_name(name, "latest"))
		i = (int)fs->n_snaps - 1;
	else if (dir->kind == M_SNAPSHOTS)
		i = find_snap_name(fs, name);
	if (i < 0)
		return -ENOENT;
	spec->snap = (uint32_t)i;
	if (dir->kind == M_SNAPSHOTS && !is_name(name, "latest")) {
		spec->kind = M_SNAPSHOT;
		spec->tree = fs->snaps[i].s.tree;
	}
	return 0;
}

void spec_node(const struct mnode *dir, const struct node *n, struct spec *spec)
{
	*spec = (struct spec){
		.kind = M_NODE,
		.snap = dir->snap,
		.name = n->name,
		.node = n,
		.tree = n->type == NODE_DIR ? n->tree : NULL,
		.ino = n->flags & NODE_HARDLINK && n->type != NODE_DIR
			       ? ino_of_link(dir->snap, n)
			       : ino_of_name(dir, n->name),
	};
}

/* --- looking up --- */

/* Call fn with the node of an mnode, or of name in a directory. */
typedef int node_fn(struct mountfs *fs, void *arg, const struct node *n);

static int with_entry(struct mountfs *fs, const struct mnode *dir,
		      struct span name, node_fn *fn, void *arg)
{
	struct repo_reader *rr = mountfs_reader(fs);
	struct tree_dir d;
	struct node n;
	int e;

	if (!rr)
		return -ENOMEM;
	e = tree_dir_open(rr, dir->data, &d);
	if (e == 0)
		e = tree_dir_find(&d, name, &n);
	if (e == 1)
		e = fn(fs, arg, &n);
	else if (e == 0)
		e = -ENOENT;
	else
		e = -EIO;
	tree_dir_close(&d);
	mountfs_reader_put(fs, rr);
	return e;
}

static int with_node(struct mountfs *fs, const struct mnode *m, node_fn *fn,
		     void *arg)
{
	if (m->kind != M_NODE)
		return -EINVAL;
	return with_entry(fs, m->parent, mnode_name(m), fn, arg);
}

struct lookup {
	struct mnode *dir, *found;
	struct stat *st;
};

static int lookup_node(struct mountfs *fs, void *arg, const struct node *n)
{
	struct lookup *l = arg;
	struct spec spec;
	int e;

	spec_node(l->dir, n, &spec);
	e = mnode_get(fs, l->dir, &spec, &l->found);
	if (e == 0)
		stat_node(fs, l->dir->snap, spec.ino, n, l->st);
	return e;
}

int mountfs_lookup(struct mountfs *fs, struct mnode *dir, const char *name,
		   struct mnode **out, struct stat *st)
{
	struct span text = SPAN(name, strlen(name));
	struct lookup l = { dir, NULL, st };
	struct spec spec;
	int e;

	if (dir->type != NODE_DIR)
		return -ENOTDIR;
	if (text.len > NAME_BYTES_MAX)
		return -ENAMETOOLONG;
	if (has_tree(dir)) {
		e = with_entry(fs, dir, text, lookup_node, &l);
		*out = l.found;
		return e;
	}
	e = spec_made(fs, dir, text, &spec);
	if (e == 0)
		e = mnode_get(fs, dir, &spec, out);
	if (e == 0)
		stat_made(fs, *out, st);
	return e;
}

struct stat_arg {
	const struct mnode *m;
	struct stat *st;
};

static int stat_found(struct mountfs *fs, void *arg, const struct node *n)
{
	const struct stat_arg *a = arg;

	stat_node(fs, a->m->snap, a->m->ino, n, a->st);
	return 0;
}

int mountfs_stat(struct mountfs *fs, struct mnode *m, struct stat *st)
{
	struct stat_arg a = { m, st };

	if (m->kind == M_NODE)
		return with_node(fs, m, stat_found, &a);
	stat_made(fs, m, st);
	return 0;
}

static int copy_target(struct mountfs *fs, void *arg, const struct node *n)
{
	char **out = arg;

	(void)fs;
	*out = strndup((const char *)n->target.p, n->target.len);
	return *out ? 0 : -ENOMEM;
}

int mountfs_readlink(struct mountfs *fs, struct mnode *m, char **out)
{
	const char *where;

	*out = NULL;
	if (m->type != NODE_SYMLINK)
		return -EINVAL;
	if (m->kind == M_NODE)
		return with_node(fs, m, copy_target, out);
	where = m->parent->kind == M_ROOT  ? "snapshots/"
		: m->parent->kind == M_IDS ? "../snapshots/"
					   : "";
	if (asprintf(out, "%s%s", where, fs->snaps[m->snap].name) < 0)
		*out = NULL;
	return *out ? 0 : -ENOMEM;
}

static int open_found(struct mountfs *fs, void *arg, const struct node *n)
{
	(void)fs;
	return fileread_open(n, arg);
}

int mountfs_open(struct mountfs *fs, struct mnode *m, struct fileread **out)
{
	if (m->type == NODE_DIR)
		return -EISDIR;
	if (m->type != NODE_FILE)
		return -EINVAL;
	return with_node(fs, m, open_found, out);
}

/* --- extended attributes --- */

struct xattr_arg {
	const char *name; /* NULL: list */
	struct buf *out;
};

static int xattr_found(struct mountfs *fs, void *arg, const struct node *n)
{
	struct xattr_arg *a = arg;
	struct reader rd = reader_of(n->xattrs);
	struct span name, value;
	uint64_t left = n->flags & NODE_HAS_XATTRS ? rd_varint(&rd) : 0;
	int e = 0;

	(void)fs;
	while (left > 0 &&
	       (e = attr_next_xattr(&rd, &left, &name, &value)) == 1) {
		if (!a->name) {
			e = buf_append(a->out, name.p, name.len);
			if (e == 0)
				e = buf_u8(a->out, '\0');
			if (e < 0)
				return e;
		} else if (is_name(name, a->name)) {
			return buf_append(a->out, value.p, value.len);
		}
	}
	if (e < 0)
		return -EIO;
	return a->name ? -ENODATA : 0;
}

int mountfs_listxattr(struct mountfs *fs, struct mnode *m, struct buf *out)
{
	struct xattr_arg a = { NULL, out };

	return m->has_xattrs ? with_node(fs, m, xattr_found, &a) : 0;
}

int mountfs_getxattr(struct mountfs *fs, struct mnode *m, const char *name,
		     struct buf *out)
{
	struct xattr_arg a = { name, out };

	return m->has_xattrs ? with_node(fs, m, xattr_found, &a) : -ENODATA;
}

/* --- life --- */

/* "2026-01-31T15:04:05Z" or "...+01:00"; "-1" behind it and so on where one
 * second has several. */
static void name_snapshot(struct mountfs *fs, uint32_t at)
{
	struct msnap *s = &fs->snaps[at];
	char base[32], zone[8];
	unsigned int again = 0;
	struct tm tm;
	int len;

	time_local((int64_t)s->s.time_ns, &tm);
	strftime(base, sizeof(base), "%Y-%m-%dT%H:%M:%S", &tm);
	strftime(zone, sizeof(zone), "%z", &tm);
	len = tm.tm_gmtoff == 0
		      ? snprintf(s->name, sizeof(s->name), "%sZ", base)
		      : snprintf(s->name, sizeof(s->name), "%s%.3s:%.2s", base,
				 zone, zone + 3);
	while (find_snap_name(fs, SPAN(s->name, strlen(s->name))) < (int)at)
		snprintf(s->name + len, sizeof(s->name) - (size_t)len, "-%u",
			 ++again);
}

static void make_stat(struct mountfs *fs)
{
	struct stat *st = &fs->stat;

	st->st_mode = S_IFDIR | 0555;
	st->st_nlink = 1;
	st->st_uid = getuid();
	st->st_gid = getgid();
	clock_gettime(CLOCK_REALTIME, &st->st_mtim);
	st->st_atim = st->st_ctim = st->st_mtim;
}

int mountfs_new(struct repo *r, struct snapshot *list, size_t n,
		struct mountfs **out)
{
	struct mountfs *fs = calloc(1, sizeof(*fs));
	struct spec root = { .kind = M_ROOT, .ino = 1, .name = SPAN("", 0) };
	uint32_t i;
	int e = -ENOMEM;

	if (!fs)
		return -ENOMEM;
	fs->repo = r;
	pthread_mutex_init(&fs->lock, NULL);
	pthread_mutex_init(&fs->links_lock, NULL);
	make_stat(fs);
	fs->mask = 1023;
	fs->slots = calloc(fs->mask + 1, sizeof(*fs->slots));
	fs->snaps = calloc(n + 1, sizeof(*fs->snaps));
	fs->root = mnode_new(NULL, &root);
	if (fs->slots && fs->snaps && fs->root)
		e = chunkcache_new(CHUNK_CACHE_BYTES, &fs->chunks);
	if (e < 0) {
		mountfs_free(fs);
		return e;
	}
	for (i = 0; i < n; i++) {
		fs->snaps[i].s = list[i];
		fs->n_snaps++;
		name_snapshot(fs, i);
	}
	free(list);
	*out = fs;
	return 0;
}

void mountfs_free(struct mountfs *fs)
{
	size_t i;

	if (!fs)
		return;
	for (i = 0; fs->slots && i <= fs->mask; i++) {
		while (fs->slots[i]) {
			struct mnode *m = fs->slots[i];

			fs->slots[i] = m->next;
			free(m);
		}
	}
	for (i = 0; i < fs->n_snaps; i++) {
		snapshot_release(&fs->snaps[i].s);
		mountlinks_free(fs->snaps[i].links);
	}
	for (i = 0; i < fs->n_readers; i++)
		repo_reader_free(fs->readers[i]);
	chunkcache_free(fs->chunks);
	pthread_mutex_destroy(&fs->lock);
	pthread_mutex_destroy(&fs->links_lock);
	free(fs->root);
	free(fs->slots);
	free(fs->snaps);
	free(fs);
}
