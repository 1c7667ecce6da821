/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restore_scope.c - what need not be looked at.
 *
 * Everything here may say "look" without need, and must not say "right"
 * without proof: of a directory that was opened its inode and birth, of other
 * names the listing.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#include "archive/attr.h"
#include "archive/restorer_private.h"

struct listed {
	char *name;
	uint64_t ino;
};

struct listing {
	struct listed *v; /* sorted by name */
	size_t n, cap;
};

/* --- the names of a directory --- */

static int by_name(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int listing_add(struct listing *l, const struct dirent *d)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 64;
		void *p = realloc(l->v, cap * sizeof(*l->v));

		if (!p)
			return -ENOMEM;
		l->v = p;
		l->cap = cap;
	}
	l->v[l->n].ino = d->d_ino;
	l->v[l->n].name = strdup(d->d_name);
	if (!l->v[l->n].name)
		return -ENOMEM;
	l->n++;
	return 0;
}

void restore_listing_free(struct listing *l)
{
	if (!l)
		return;
	while (l->n > 0)
		free(l->v[--l->n].name);
	free(l->v);
	free(l);
}

static int listing_read(int fd, struct listing **out)
{
	struct listing *l = calloc(1, sizeof(*l));
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), e = 0;
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	if (!l || !d) {
		e = l ? -errno : -ENOMEM;
		if (d)
			closedir(d);
		else if (copy >= 0)
			close(copy);
		restore_listing_free(l);
		return e;
	}
	errno = 0;
	while (e == 0 && (entry = readdir(d))) {
		e = listing_add(l, entry);
		errno = 0;
	}
	if (e == 0)
		e = -errno;
	closedir(d);
	if (e < 0) {
		restore_listing_free(l);
		return e;
	}
	qsort(l->v, l->n, sizeof(*l->v), by_name);
	*out = l;
	return 0;
}

/* Does the directory have this name for this inode still? */
static bool is_listed(const struct listing *l, struct span name, uint64_t ino)
{
	char copy[NAME_BYTES_MAX + 1];
	struct listed key = { .name = copy };
	const struct listed *found;

	if (!l || name.len > NAME_BYTES_MAX)
		return false;
	memcpy(copy, name.p, name.len);
	copy[name.len] = '\0';
	found = bsearch(&key, l->v, l->n, sizeof(*l->v), by_name);
	return found && found->ino == ino;
}

/* --- what is what it was --- */

/* Is what stat says the very inode that n was made from? */
static bool is_same_inode(const struct restorer *r, const struct node *n,
			  const struct statx *st)
{
	const struct restore_scope *s = r->opt.scope;

	if (!n->ino || st->stx_ino != n->ino ||
	    s->fsid(s->arg, attr_dev(st)) != n->fsid)
		return false;
	if (!(n->btime.sec || n->btime.nsec))
		return false;
	return (st->stx_mask & STATX_BTIME) &&
	       st->stx_btime.tv_sec == n->btime.sec &&
	       st->stx_btime.tv_nsec == n->btime.nsec;
}

static const struct dirty_inode *changed(const struct restorer *r,
					 const struct node *n,
					 const struct dirty **set)
{
	const struct change_source *src = r->opt.scope->source;
	struct catalog_key key = { n->fsid, n->ino };

	return src->inode(src->arg, key, set);
}

static bool is_marked(const struct restorer *r, const struct node *n)
{
	const struct change_source *src = r->opt.scope->source;

	return src->entry(src->arg, (struct catalog_key){ n->fsid, n->ino });
}

static enum rscope scope_of(struct rdir *dir)
{
	const struct restorer *r = dir->r;
	const struct change_source *src;
	struct catalog_key key = { dir->meta.fsid, dir->meta.ino };

	if (!r->opt.scope)
		return SCOPE_ALL;
	if (!dir->inside)
		return SCOPE_WAY;
	if ((dir->parent && dir->parent->scope == SCOPE_ALL) || dir->fd < 0 ||
	    dir->created || !dir->has_meta ||
	    !is_same_inode(r, &dir->meta, &dir->st))
		return SCOPE_ALL;
	src = r->opt.scope->source;
	switch (src->dir(src->arg, key)) {
	case CHANGE_NONE:
		return SCOPE_NONE;
	case CHANGE_ENTRIES:
		return SCOPE_ENTRIES;
	case CHANGE_LIST:
		return listing_read(dir->fd, &dir->listing) < 0 ? SCOPE_ALL
								: SCOPE_LIST;
	default:
		return SCOPE_ALL;
	}
}

bool restore_scope_dir(struct rdir *dir)
{
	dir->scope = scope_of(dir);
	return dir->scope != SCOPE_NONE;
}

bool restore_scope_is_right(const struct rdir *dir, const struct node *n)
{
	const struct restorer *r = dir->r;

	/* only names of inodes that are to be joined */
	if (r->joining && n->type != NODE_DIR)
		return !(n->flags & NODE_HARDLINK) ||
		       !restore_scope_joins(r, n);
	if (dir->scope != SCOPE_ENTRIES && dir->scope != SCOPE_LIST)
		return false;
	if ((n->flags & (NODE_OTHER_FS | NODE_PARTIAL)) || is_marked(r, n))
		return false;
	return dir->scope == SCOPE_ENTRIES ||
	       is_listed(dir->listing, n->name, n->ino);
}

bool restore_scope_was_there(const struct rdir *dir, const struct statx *st)
{
	const struct restore_scope *s = dir->r->opt.scope;
	struct node n = { .ino = st->stx_ino };

	if (dir->scope != SCOPE_LIST)
		return false;
	n.fsid = s->fsid(s->arg, attr_dev(st));
	return n.fsid && !is_marked(dir->r, &n);
}

/* --- content --- */

bool restore_scope_has_content(const struct restorer *r, const struct node *n,
			       const struct statx *st)
{
	const struct dirty_inode *in;
	const struct dirty *set;

	if (!r->opt.scope || r->pass == PASS_VERIFY ||
	    (n->flags & NODE_PARTIAL) || st->stx_size != n->size ||
	    st->stx_mtime.tv_sec != n->mtime.sec ||
	    st->stx_mtime.tv_nsec != n->mtime.nsec || !is_same_inode(r, n, st))
		return false;
	in = changed(r, n, &set);
	if (!set)
		return false;
	if (!in)
		return true;
	/* as a backup does: a mark without a visible reason means reading */
	return !(in->flags & (DIRTY_DATA | DIRTY_WHOLE | DIRTY_DOUBT)) &&
	       in->min_size >= n->size &&
	       ((st->stx_mode & 07777) != n->mode || st->stx_uid != n->uid ||
		st->stx_gid != n->gid);
}

bool restore_scope_ranges(const struct restorer *r, const struct node *n,
			  const struct statx *st, struct dirty_extent **out,
			  size_t *count)
{
	const struct dirty_inode *in;
	const struct dirty *set;

	if (!r->opt.scope || (n->flags & NODE_PARTIAL) ||
	    !is_same_inode(r, n, st))
		return false;
	in = changed(r, n, &set);
	if (!set || !in || (in->flags & (DIRTY_WHOLE | DIRTY_DOUBT)))
		return false;
	return dirty_extents(set, in, n->size, n->size, out, count) == 0;
}

/* --- names of one inode, here and there --- */

static int by_key(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct catalog_key));
}

int restore_scope_claimed(struct restorer *r, const struct node *n)
{
	struct catalog_key key = { n->fsid, n->ino };
	int e = 0;

	if (!r->opt.scope || r->joining || r->pass == PASS_VERIFY ||
	    is_marked(r, n))
		return 0;
	pthread_mutex_lock(&r->link_lock);
	if (r->n_strays == r->cap_strays) {
		size_t cap = r->cap_strays ? 2 * r->cap_strays : 64;
		void *p = realloc(r->strays, cap * sizeof(*r->strays));

		if (p) {
			r->strays = p;
			r->cap_strays = cap;
		} else {
			e = -ENOMEM;
		}
	}
	if (e == 0)
		r->strays[r->n_strays++] = key;
	pthread_mutex_unlock(&r->link_lock);
	return e;
}

bool restore_scope_joins(const struct restorer *r, const struct node *n)
{
	struct catalog_key key = { n->fsid, n->ino };

	return bsearch(&key, r->strays, r->n_strays, sizeof(key), by_key);
}

int restore_scope_join(struct restorer *r)
{
	const struct restore_scope *s = r->opt.scope;

	if (!r->n_strays)
		return 0;
	qsort(r->strays, r->n_strays, sizeof(*r->strays), by_key);
	return s->add(s->arg, r->strays, r->n_strays);
}
