/* SPDX-License-Identifier: Apache-2.0 */
/*
 * btrfs.c - changed inodes by the transactions of btrfs.
 *
 * A search with a least transaction skips what is older by whole blocks, and
 * returns all items of the blocks that remain. So each inode and extent is
 * asked for its own number. What an extent's number does not tell: that it
 * was cloned here (it keeps its age), that another is gone (a hole leaves no
 * item), that its blocks were written in place (nodatacow). The inode's number
 * moves with each of these; then times or a whole reading decide.
 */
#include "track/btrfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/io.h"
#include "base/log.h"

#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x4000
#endif

#define SEARCH_BYTES (256u << 10)
#define INODE_NODATACOW (1u << 1)
/* The longest that a transaction is open beside another that commits. */
#define TRANSACTIONS_BESIDE 3

#define WHY_OTHER "another file system or subvolume is there now"
#define WHY_OLDER                                                              \
	"the file system is older than the last backup: it was set back"
#define WHY_HISTORY                                                            \
	"it was unmounted since the last backup, and nothing proves that it "  \
	"was not set back"

static bool without(const char *step)
{
	const char *w = secure_getenv("TIDEMARK_BTRFS_WITHOUT");

	return w && !strcmp(w, step);
}

/* --- searching a tree --- */

struct item {
	uint64_t objectid, offset;
	uint32_t type;
	struct span data;
};

struct search {
	int fd;
	struct btrfs_ioctl_search_key key;
	struct btrfs_ioctl_search_args_v2 *args;
	uint32_t left; /* items not yet returned */
	size_t at;
};

#define CLEANUP_SEARCH CLEANUP(search_release)

static void search_release(struct search *s)
{
	free(s->args);
}

/* All items of a tree; the caller narrows the key. */
static void search_init(struct search *s, int fd, uint64_t tree)
{
	memset(s, 0, sizeof(*s));
	s->fd = fd;
	s->key.tree_id = tree;
	s->key.max_objectid = UINT64_MAX;
	s->key.max_offset = UINT64_MAX;
	s->key.max_transid = UINT64_MAX;
	s->key.max_type = UINT8_MAX;
}

static void key_advance(struct btrfs_ioctl_search_key *k, const struct item *i)
{
	k->min_objectid = i->objectid;
	k->min_type = i->type;
	k->min_offset = i->offset + 1;
	if (k->min_offset == 0 && ++k->min_type > UINT8_MAX) {
		k->min_type = 0;
		k->min_objectid++;
	}
}

static int search_more(struct search *s)
{
	if (!s->args)
		s->args = malloc(sizeof(*s->args) + SEARCH_BYTES);
	if (!s->args)
		return -ENOMEM;
	s->args->key = s->key;
	s->args->key.nr_items = UINT32_MAX;
	s->args->buf_size = SEARCH_BYTES;
	if (ioctl(s->fd, BTRFS_IOC_TREE_SEARCH_V2, s->args) < 0)
		return -errno;
	s->left = s->args->key.nr_items;
	s->at = 0;
	return 0;
}

/* 1: an item, borrowed until the next call; 0: there are no more. */
static int search_next(struct search *s, struct item *out)
{
	struct btrfs_ioctl_search_header h;
	int e = s->left == 0 ? search_more(s) : 0;

	if (e < 0 || s->left == 0)
		return e;
	if (SEARCH_BYTES - s->at < sizeof(h))
		return -EUCLEAN;
	memcpy(&h, s->args->buf + s->at, sizeof(h));
	s->at += sizeof(h);
	if (SEARCH_BYTES - s->at < h.len)
		return -EUCLEAN;
	*out = (struct item){ .objectid = h.objectid,
			      .offset = h.offset,
			      .type = h.type,
			      .data = SPAN(s->args->buf + s->at, h.len) };
	s->at += h.len;
	s->left--;
	key_advance(&s->key, out);
	return 1;
}

static bool inode_of(const struct item *i, struct btrfs_inode_item *out)
{
	if (i->type != BTRFS_INODE_ITEM_KEY || i->data.len < sizeof(*out))
		return false;
	memcpy(out, i->data.p, sizeof(*out));
	return true;
}

static uint64_t ctime_of(const struct btrfs_inode_item *i)
{
	return le64toh(i->ctime.sec) * 1000000000u + le32toh(i->ctime.nsec);
}

/* --- points --- */

bool btrfs_is(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 &&
	       (unsigned int)fs.f_type == BTRFS_SUPER_MAGIC;
}

/* The right to search, before anything is written back for it. */
static int may_search(int fd)
{
	CLEANUP_SEARCH struct search s;
	struct item item;
	int r;

	search_init(&s, fd, 0);
	s.key.max_objectid = BTRFS_FIRST_FREE_OBJECTID;
	r = search_next(&s, &item);
	return r < 0 ? r : 0;
}

static void mount_of(int fd, struct btrfs_point *out)
{
	CLEANUP_BUF struct buf b = BUF_INIT(64);
	struct statx st;
	size_t i, n = 0;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID_UNIQUE, &st) == 0 &&
	    st.stx_mask & STATX_MNT_ID_UNIQUE)
		out->mount_id = st.stx_mnt_id;
	if (io_read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", &b) < 0)
		return;
	for (i = 0; i < b.len && n < 2 * sizeof(out->boot); i++) {
		unsigned int c = b.p[i], digit;

		if (c == '-' || c == '\n')
			continue;
		digit = c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
		out->boot[n / 2] |= (uint8_t)((digit & 15) << (n % 2 ? 0 : 4));
		n++;
	}
}

static int generation_of(int fd, struct btrfs_point *out, uint64_t *generation)
{
	struct btrfs_ioctl_fs_info_args info = {
		.flags = BTRFS_FS_INFO_FLAG_GENERATION
	};

	if (ioctl(fd, BTRFS_IOC_FS_INFO, &info) < 0)
		return -errno;
	memcpy(out->fs, info.fsid, sizeof(out->fs));
	*generation = info.flags & BTRFS_FS_INFO_FLAG_GENERATION
			      ? info.generation
			      : 0;
	return 0;
}

/* Everything that was changed so far, in a transaction that is committed. */
static int commit(int fd, uint64_t *transid)
{
	__u64 t;

	if (syncfs(fd) < 0 || ioctl(fd, BTRFS_IOC_START_SYNC, &t) < 0 ||
	    ioctl(fd, BTRFS_IOC_WAIT_SYNC, &t) < 0)
		return -errno;
	*transid = t;
	return 0;
}

int btrfs_point_take(int fd, struct btrfs_point *out)
{
	struct btrfs_ioctl_get_subvol_info_args sub = { 0 };
	uint64_t running = 0;
	int e = may_search(fd);

	memset(out, 0, sizeof(*out));
	if (e == 0 && ioctl(fd, BTRFS_IOC_GET_SUBVOL_INFO, &sub) < 0)
		e = -errno;
	if (e == 0)
		e = generation_of(fd, out, &running);
	if (e == 0 && without("sync"))
		out->transid = running - 1;
	else if (e == 0)
		e = commit(fd, &out->transid);
	if (e == 0 && without("committed"))
		out->transid++;
	if (e < 0)
		return e == -EPERM ? e : log_fail(e, "ask btrfs for its state");
	memcpy(out->subvol, sub.uuid, sizeof(out->subvol));
	out->subvol_id = sub.treeid;
	out->otransid = sub.otransid;
	out->before = running ? running : out->transid;
	out->before -= MIN(out->before, (uint64_t)TRANSACTIONS_BESIDE);
	out->since = out->transid;
	mount_of(fd, out);
	return 0;
}

void btrfs_point_trim(struct btrfs_point *p, uint32_t max)
{
	if (p->n_witnesses <= max)
		return;
	/* all of a transaction, or none */
	p->since = p->witnesses[max].transid;
	p->n_witnesses = max;
	while (p->n_witnesses > 0 &&
	       p->witnesses[p->n_witnesses - 1].transid == p->since)
		p->n_witnesses--;
}

int btrfs_point_encode(const struct btrfs_point *p, struct buf *out)
{
	int e = buf_append(out, p->fs, sizeof(p->fs));
	uint32_t i;

	if (e == 0)
		e = buf_append(out, p->subvol, sizeof(p->subvol));
	if (e == 0)
		e = buf_le64(out, p->subvol_id);
	if (e == 0)
		e = buf_le64(out, p->otransid);
	if (e == 0)
		e = buf_le64(out, p->transid);
	if (e == 0)
		e = buf_le64(out, p->before);
	if (e == 0)
		e = buf_append(out, p->boot, sizeof(p->boot));
	if (e == 0)
		e = buf_le64(out, p->mount_id);
	if (e == 0)
		e = buf_le64(out, p->since);
	if (e == 0)
		e = buf_le32(out, p->n_witnesses);
	for (i = 0; e == 0 && i < p->n_witnesses; i++) {
		e = buf_le64(out, p->witnesses[i].ino);
		if (e == 0)
			e = buf_le64(out, p->witnesses[i].transid);
		if (e == 0)
			e = buf_le64(out, p->witnesses[i].ctime_ns);
	}
	return e;
}

static void rd_uuid(struct reader *rd, uint8_t out[16])
{
	struct span s = rd_take(rd, 16);

	if (s.p)
		memcpy(out, s.p, 16);
}

int btrfs_point_decode(struct reader *rd, struct btrfs_point *out)
{
	uint32_t i;

	memset(out, 0, sizeof(*out));
	rd_uuid(rd, out->fs);
	rd_uuid(rd, out->subvol);
	out->subvol_id = rd_le64(rd);
	out->otransid = rd_le64(rd);
	out->transid = rd_le64(rd);
	out->before = rd_le64(rd);
	rd_uuid(rd, out->boot);
	out->mount_id = rd_le64(rd);
	out->since = rd_le64(rd);
	out->n_witnesses = rd_le32(rd);
	if (out->n_witnesses > BTRFS_WITNESSES)
		return -EUCLEAN;
	for (i = 0; i < out->n_witnesses; i++) {
		out->witnesses[i].ino = rd_le64(rd);
		out->witnesses[i].transid = rd_le64(rd);
		out->witnesses[i].ctime_ns = rd_le64(rd);
	}
	return rd->bad ? -EUCLEAN : 0;
}

/* --- witnesses --- */

/* Inodes by their number of transaction, the newest BTRFS_WITNESSES of them
 * and all of a transaction or none. */
struct recent {
	struct btrfs_witness w[4 * BTRFS_WITNESSES];
	size_t n;
	uint64_t floor; /* all of those above it are there */
};

static int newest_first(const void *a, const void *b)
{
	const struct btrfs_witness *x = a, *y = b;

	return (x->transid < y->transid) - (x->transid > y->transid);
}

static void recent_cut(struct recent *r)
{
	size_t n = MIN(r->n, (size_t)BTRFS_WITNESSES);

	qsort(r->w, r->n, sizeof(r->w[0]), newest_first);
	if (n < r->n) {
		r->floor = r->w[n].transid;
		while (n > 0 && r->w[n - 1].transid == r->floor)
			n--;
	}
	r->n = n;
}

static void recent_add(struct recent *r, const struct btrfs_witness *w)
{
	if (w->transid <= r->floor)
		return;
	if (r->n == ARRAY_LEN(r->w))
		recent_cut(r);
	if (w->transid > r->floor)
		r->w[r->n++] = *w;
}

/* Those of the last time that are still what they were stay. */
static void recent_take(struct recent *r, const struct btrfs_point *since,
			const struct dirty *d)
{
	uint32_t i;

	for (i = 0; i < since->n_witnesses; i++)
		if (!dirty_find(d, since->witnesses[i].ino))
			recent_add(r, &since->witnesses[i]);
}

static void recent_put(struct recent *r, struct btrfs_point *now)
{
	recent_cut(r);
	now->since = MIN(r->floor, now->transid);
	now->n_witnesses = (uint32_t)r->n;
	memcpy(now->witnesses, r->w, r->n * sizeof(r->w[0]));
}

static int inode_now(int fd, uint64_t ino, struct btrfs_inode_item *out)
{
	CLEANUP_SEARCH struct search s;
	struct item item;
	int r;

	search_init(&s, fd, 0);
	s.key.min_objectid = s.key.max_objectid = ino;
	s.key.min_type = s.key.max_type = BTRFS_INODE_ITEM_KEY;
	r = search_next(&s, &item);
	return r == 1 && !inode_of(&item, out) ? 0 : r;
}

/*
 * The file system was not mounted all the time. Had it been set back, to an
 * image or a copy of before, its numbers may have passed ours again. One inode
 * that is as it was seen shows that all up to its transaction happened here,
 * so everything is asked for from since on; and of what we know to have
 * changed after that, whatever is another now is taken for changed.
 */
static int check_history(int fd, const struct btrfs_point *since,
			 struct dirty *d)
{
	bool proven = false;
	uint32_t i;

	for (i = 0; i < since->n_witnesses; i++) {
		const struct btrfs_witness *w = &since->witnesses[i];
		struct btrfs_inode_item now = { 0 };
		int r = inode_now(fd, w->ino, &now);

		if (r < 0)
			return r;
		if (r == 1 && le64toh(now.transid) == w->transid &&
		    ctime_of(&now) == w->ctime_ns)
			proven = true;
		else
			dirty_add_inode(
				d, &(struct dirty_inode){
					   .ino = w->ino,
					   .generation = (uint32_t)le64toh(
						   now.generation),
					   .flags = DIRTY_META | DIRTY_DATA |
						    DIRTY_WHOLE });
	}
	return proven ? 0 : -ESTALE;
}

/* --- changes --- */

struct changes {
	uint64_t after;	 /* changed since the last backup */
	uint64_t before; /* perhaps while it ran */
	uint64_t ino;	 /* the one whose items come */
	uint32_t generation, mode;
	uint64_t iflags;
	bool is_newer, is_recent, has_extents;
	struct dirty *dirty;
};

static void inode_end(struct changes *c)
{
	struct dirty_inode in = { .ino = c->ino,
				  .min_size = UINT64_MAX,
				  .generation = c->generation,
				  .flags = DIRTY_META };
	bool in_place = c->is_newer && S_ISREG(c->mode) &&
			c->iflags & INODE_NODATACOW && !without("nocow");

	if (c->has_extents || in_place) {
		in.flags |= DIRTY_DATA | DIRTY_WHOLE;
		in.min_size = 0;
	} else if (S_ISREG(c->mode) && !without("doubt")) {
		in.flags |= DIRTY_DOUBT;
	}
	if (c->is_newer || c->is_recent || c->has_extents)
		dirty_add_inode(c->dirty, &in);
}

static void inode_begin(struct changes *c, uint64_t ino)
{
	inode_end(c);
	c->ino = ino;
	c->generation = 0;
	c->mode = 0;
	c->iflags = 0;
	c->is_newer = c->is_recent = c->has_extents = false;
}

static void take_item(struct changes *c, const struct item *item,
		      struct recent *recent, uint64_t transid)
{
	struct btrfs_inode_item inode;
	uint64_t extent;

	if (item->objectid != c->ino)
		inode_begin(c, item->objectid);
	if (inode_of(item, &inode)) {
		struct btrfs_witness w = { .ino = item->objectid,
					   .transid = le64toh(inode.transid),
					   .ctime_ns = ctime_of(&inode) };

		c->generation = (uint32_t)le64toh(inode.generation);
		c->mode = le32toh(inode.mode);
		c->iflags = le64toh(inode.flags);
		c->is_newer = w.transid > c->after;
		c->is_recent = w.transid > c->before;
		if (w.transid <= transid)
			recent_add(recent, &w);
	} else if (item->type == BTRFS_EXTENT_DATA_KEY &&
		   item->data.len >= sizeof(extent)) {
		/* its first word is its number */
		memcpy(&extent, item->data.p, sizeof(extent));
		c->has_extents |= le64toh(extent) > c->after;
	}
}

static int check_identity(const struct btrfs_point *since,
			  const struct btrfs_point *now, const char **why)
{
	*why = NULL;
	if (memcmp(since->fs, now->fs, sizeof(now->fs)) != 0 ||
	    memcmp(since->subvol, now->subvol, sizeof(now->subvol)) != 0 ||
	    since->subvol_id != now->subvol_id ||
	    since->otransid != now->otransid)
		*why = WHY_OTHER;
	else if (since->transid > now->transid)
		*why = WHY_OLDER;
	return *why ? -ESTALE : 0;
}

int btrfs_changes(int fd, const struct btrfs_point *since,
		  struct btrfs_point *now, struct dirty *d, const char **why)
{
	CLEANUP_FREE struct recent *recent = NULL;
	CLEANUP_SEARCH struct search s;
	struct changes c = { .dirty = d };
	struct item item;
	int r;

	search_init(&s, fd, 0);
	r = check_identity(since, now, why);
	if (r < 0)
		return r;
	c.after = since->transid;
	c.before = since->before;
	if ((!now->mount_id || since->mount_id != now->mount_id ||
	     memcmp(since->boot, now->boot, sizeof(now->boot)) != 0) &&
	    !without("history")) {
		r = check_history(fd, since, d);
		if (r == -ESTALE)
			*why = WHY_HISTORY;
		if (r < 0)
			return r;
		c.after = MIN(c.after, since->since);
		c.before = MIN(c.before, since->since);
	}
	recent = calloc(1, sizeof(*recent));
	if (!recent)
		return -ENOMEM;
	recent->floor = MIN(since->since, c.before);
	s.key.min_objectid = BTRFS_FIRST_FREE_OBJECTID;
	s.key.max_objectid = BTRFS_LAST_FREE_OBJECTID;
	s.key.min_transid = MIN(c.before, c.after) + 1;
	while (!d->lost && (r = search_next(&s, &item)) == 1)
		take_item(&c, &item, recent, now->transid);
	if (r < 0)
		return log_fail(r, "search a tree of btrfs");
	inode_end(&c);
	dirty_sort(d);
	recent_take(recent, since, d);
	recent_put(recent, now);
	/* what was recent before is looked at once more now, not ever */
	now->before = MAX(now->before, since->transid);
	return 0;
}

int btrfs_point_witness(int fd, struct btrfs_point *now)
{
	CLEANUP_FREE struct recent *recent = calloc(1, sizeof(*recent));
	CLEANUP_SEARCH struct search s;
	struct btrfs_inode_item inode;
	struct item item;
	int r = 0;

	search_init(&s, fd, 0);
	if (!recent)
		return -ENOMEM;
	s.key.min_objectid = BTRFS_FIRST_FREE_OBJECTID;
	s.key.max_objectid = BTRFS_LAST_FREE_OBJECTID;
	while ((r = search_next(&s, &item)) == 1) {
		if (!inode_of(&item, &inode))
			continue;
		if (le64toh(inode.transid) <= now->transid)
			recent_add(recent, &(struct btrfs_witness){
						   item.objectid,
						   le64toh(inode.transid),
						   ctime_of(&inode) });
		/* what is older than those need not be looked at */
		s.key.min_transid = recent->floor;
	}
	if (r < 0)
		return log_fail(r, "search a tree of btrfs");
	recent_put(recent, now);
	return 0;
}

/* --- subvolumes in subvolumes --- */

/* The path of a directory, from the subvolume's root, with a slash at its
 * end unless it is empty. */
static int dir_path(int fd, uint64_t tree, uint64_t ino, char out[PATH_MAX])
{
	struct btrfs_ioctl_ino_lookup_args args = { .treeid = tree,
						    .objectid = ino };

	if (ino == BTRFS_FIRST_FREE_OBJECTID) {
		out[0] = '\0';
		return 0;
	}
	if (ioctl(fd, BTRFS_IOC_INO_LOOKUP, &args) < 0)
		return -errno;
	snprintf(out, PATH_MAX, "%s", args.name);
	return 0;
}

static int tell_nested(int fd, const struct item *item, const char *top,
		       btrfs_nested_fn *fn, void *arg)
{
	struct btrfs_root_ref ref;
	char path[PATH_MAX], whole[2 * PATH_MAX];
	const char *below = NULL;
	size_t name_len, top_len = strlen(top);

	if (item->data.len < sizeof(ref))
		return -EUCLEAN;
	memcpy(&ref, item->data.p, sizeof(ref));
	name_len = le16toh(ref.name_len);
	if (item->data.len < sizeof(ref) + name_len)
		return -EUCLEAN;
	if (dir_path(fd, 0, le64toh(ref.dirid), path) == 0 &&
	    strncmp(path, top, top_len) == 0) {
		snprintf(whole, sizeof(whole), "%s%.*s", path + top_len,
			 (int)name_len,
			 (const char *)item->data.p + sizeof(ref));
		below = whole;
	}
	return fn(arg, le64toh(ref.dirid), below, item->offset);
}

int btrfs_nested(int fd, uint64_t top, btrfs_nested_fn *fn, void *arg)
{
	struct btrfs_ioctl_get_subvol_info_args sub = { 0 };
	CLEANUP_SEARCH struct search s;
	char path[PATH_MAX];
	struct item item;
	int r = dir_path(fd, 0, top, path);

	search_init(&s, fd, BTRFS_ROOT_TREE_OBJECTID);
	if (r == 0 && ioctl(fd, BTRFS_IOC_GET_SUBVOL_INFO, &sub) < 0)
		r = -errno;
	s.key.min_objectid = s.key.max_objectid = sub.treeid;
	s.key.min_type = s.key.max_type = BTRFS_ROOT_REF_KEY;
	while (r == 0 && (r = search_next(&s, &item)) == 1)
		r = tell_nested(fd, &item, path, fn, arg);
	return r;
}
