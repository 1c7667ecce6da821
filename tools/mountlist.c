/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mountlist.c - directories of the mount, listed.
 */
#include "tools/mountfs_private.h"

#include <errno.h>

static int as_io(int e)
{
	return e == 0 || e == -ENOMEM || e == -ENOENT || e == -ENOTDIR ? e
								       : -EIO;
}

struct mdir {
	struct mnode *m;
	uint64_t pos;
	/* of a snapshot's directory */
	struct tree_dir dir;
	struct node node;
	bool has; /* node is the entry at pos */
	bool end;
	char name[NAME_BYTES_MAX + 1];
};

int mountfs_opendir(struct mountfs *fs, struct mnode *m, struct mdir **out)
{
	struct mdir *d;
	int e;

	if (m->type != NODE_DIR)
		return -ENOTDIR;
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->m = m;
	e = mountfs_seekdir(fs, d, 0);
	if (e < 0)
		mountfs_closedir(d);
	else
		*out = d;
	return e;
}

void mountfs_closedir(struct mdir *d)
{
	tree_dir_close(&d->dir);
	free(d);
}

/* Have the entry at the position at hand. */
static int mdir_fill(struct mountfs *fs, struct mdir *d)
{
	struct repo_reader *rr;
	int e;

	if (d->has || d->end)
		return 0;
	rr = mountfs_reader(fs);
	if (!rr)
		return -ENOMEM;
	d->dir.rr = rr;
	e = tree_dir_next(&d->dir, &d->node, NULL);
	mountfs_reader_put(fs, rr);
	d->has = e == 1;
	d->end = e == 0;
	return e < 0 ? as_io(e) : 0;
}

static int rewind_scan(struct mountfs *fs, struct mdir *d)
{
	struct repo_reader *rr = mountfs_reader(fs);
	int e;

	if (!rr)
		return -ENOMEM;
	tree_dir_close(&d->dir);
	d->has = d->end = false;
	e = tree_dir_open(rr, d->m->data, &d->dir);
	mountfs_reader_put(fs, rr);
	return e < 0 ? -EIO : 0;
}

int mountfs_seekdir(struct mountfs *fs, struct mdir *d, uint64_t pos)
{
	int e = 0;

	if (!has_tree(d->m)) {
		d->pos = pos;
		return 0;
	}
	if (pos < d->pos || !d->dir.rr) {
		e = rewind_scan(fs, d);
		d->pos = 0;
	}
	while (e == 0 && d->pos < pos) {
		e = mdir_fill(fs, d);
		if (e == 0 && d->end)
			break;
		d->has = false;
		d->pos++;
	}
	return e;
}

/* The pos-th name of a directory that no snapshot has; false at the end. */
static bool made_name(const struct mountfs *fs, struct mdir *d)
{
	static const char *const root[] = { "snapshots", "ids", "latest" };
	uint64_t n = fs->n_snaps, pos = d->pos;

	switch (d->m->kind) {
	case M_ROOT:
		if (pos >= (n ? 3 : 2))
			return false;
		snprintf(d->name, sizeof(d->name), "%s", root[pos]);
		return true;
	case M_IDS:
		if (pos < n)
			snap_id(fs, (uint32_t)pos, d->name);
		return pos < n;
	default:
		if (n > 0 && pos == n)
			snprintf(d->name, sizeof(d->name), "latest");
		else if (pos < n)
			snprintf(d->name, sizeof(d->name), "%s",
				 fs->snaps[pos].name);
		return n > 0 && pos <= n;
	}
}

int mountfs_peek(struct mountfs *fs, struct mdir *d, const char **name,
		 struct stat *st)
{
	struct spec spec;
	int e;

	*name = d->name;
	memset(st, 0, sizeof(*st));
	if (!has_tree(d->m)) {
		if (!made_name(fs, d))
			return 0;
		e = spec_made(fs, d->m, SPAN(d->name, strlen(d->name)), &spec);
		st->st_ino = spec.ino;
		st->st_mode = spec.kind == M_LINK ? S_IFLNK : S_IFDIR;
		return e < 0 ? e : 1;
	}
	e = mdir_fill(fs, d);
	if (e < 0)
		return e;
	if (d->end)
		return 0;
	memcpy(d->name, d->node.name.p, d->node.name.len);
	d->name[d->node.name.len] = '\0';
	spec_node(d->m, &d->node, &spec);
	stat_node(fs, d->m->snap, spec.ino, &d->node, st);
	return 1;
}

int mountfs_take(struct mountfs *fs, struct mdir *d, struct mnode **out,
		 struct stat *st)
{
	struct spec spec;
	int e;

	if (has_tree(d->m)) {
		spec_node(d->m, &d->node, &spec);
		return mnode_get(fs, d->m, &spec, out);
	}
	e = spec_made(fs, d->m, SPAN(d->name, strlen(d->name)), &spec);
	if (e == 0)
		e = mnode_get(fs, d->m, &spec, out);
	if (e == 0)
		stat_made(fs, *out, st);
	return e;
}

void mountfs_advance(struct mdir *d)
{
	d->has = false;
	d->pos++;
}
