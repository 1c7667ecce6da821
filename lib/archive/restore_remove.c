/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restore_remove.c - what the snapshot does not hold.
 *
 * Directories are emptied with a stack of open ones, not by recursion, and
 * by names in them alone. A file system that is mounted in the way, and the
 * repository and its cache, are never entered.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#include "archive/attr.h"
#include "archive/restorer_private.h"

struct level {
	DIR *dir;
	char *name; /* in the level before */
};

struct removal {
	struct rworker *w;
	struct rdir *at;
	struct level *levels;
	size_t n, cap;
	uint64_t dev;
	bool kept; /* something had to stay */
};

static bool is_skipped(const struct restorer *r, const struct statx *st)
{
	size_t i;

	for (i = 0; i < r->opt.n_skips; i++)
		if (r->opt.skips[i].dev == attr_dev(st) &&
		    r->opt.skips[i].ino == st->stx_ino)
			return true;
	return false;
}

static int unlink_one(int dirfd, const char *name, int flags)
{
	if (unlinkat(dirfd, name, flags) == 0)
		return 0;
	if (errno != EPERM && errno != EACCES)
		return -errno;
	restore_unlock(dirfd);
	restore_unlock_at(dirfd, name);
	return unlinkat(dirfd, name, flags) < 0 ? -errno : 0;
}

static int push(struct removal *m, int dirfd, const char *name)
{
	int fd = openat(dirfd, name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct level *l;

	if (fd < 0)
		return -errno;
	restore_unlock(fd);
	if (m->n == m->cap) {
		size_t cap = m->cap ? 2 * m->cap : 16;
		void *p = realloc(m->levels, cap * sizeof(*m->levels));

		if (!p) {
			close(fd);
			return -ENOMEM;
		}
		m->levels = p;
		m->cap = cap;
	}
	l = &m->levels[m->n];
	l->name = strdup(name);
	l->dir = l->name ? fdopendir(fd) : NULL;
	if (!l->dir) {
		free(l->name);
		close(fd);
		return -ENOMEM;
	}
	m->n++;
	return 0;
}

static int remove_entry(struct removal *m, int dirfd, const char *name)
{
	struct statx st;
	int e = restorer_statx(dirfd, name, &st);

	if (e < 0)
		return e == -ENOENT ? 0 : e;
	if (is_skipped(m->w->r, &st) || attr_dev(&st) != m->dev) {
		m->kept = true;
		return 0;
	}
	if (S_ISDIR(st.stx_mode))
		return push(m, dirfd, name);
	return unlink_one(dirfd, name, 0);
}

/* The innermost directory has been read to its end. */
static int pop(struct removal *m, int top)
{
	struct level l = m->levels[--m->n];
	int parent = m->n ? dirfd(m->levels[m->n - 1].dir) : top, e;

	closedir(l.dir);
	e = unlink_one(parent, l.name, AT_REMOVEDIR);
	if ((e == -ENOTEMPTY || e == -EBUSY) && m->kept)
		e = 0;
	free(l.name);
	return e;
}

static int empty_levels(struct removal *m, int top)
{
	int e = 0;

	while (e == 0 && m->n > 0) {
		DIR *d = m->levels[m->n - 1].dir;
		struct dirent *entry;

		errno = 0;
		entry = readdir(d);
		if (!entry) {
			e = errno ? -errno : pop(m, top);
			continue;
		}
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			e = remove_entry(m, dirfd(d), entry->d_name);
	}
	return e;
}

int restore_remove(struct rworker *w, struct rdir *dir, int dirfd,
		   struct span name)
{
	struct removal m = { .w = w, .at = dir };
	struct statx st;
	int e = restorer_statx(dirfd, (const char *)name.p, &st);

	if (e < 0)
		return e;
	m.dev = attr_dev(&dir->st);
	e = remove_entry(&m, dirfd, (const char *)name.p);
	if (e == 0)
		e = empty_levels(&m, dirfd);
	while (m.n > 0) {
		m.n--;
		closedir(m.levels[m.n].dir);
		free(m.levels[m.n].name);
	}
	free(m.levels);
	return e < 0 ? e : m.kept ? -ENOTEMPTY : 0;
}

/* --- a directory against its tree --- */

struct names {
	char **v;
	size_t n, cap;
};

static int names_add(struct names *s, const char *name)
{
	if (s->n == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 64;
		void *p = realloc(s->v, cap * sizeof(*s->v));

		if (!p)
			return -ENOMEM;
		s->v = p;
		s->cap = cap;
	}
	s->v[s->n] = strdup(name);
	if (!s->v[s->n])
		return -ENOMEM;
	s->n++;
	return 0;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list(int fd, struct names *out)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), e = 0;
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	if (!d)
		return -errno;
	errno = 0;
	while (e == 0 && (entry = readdir(d))) {
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			e = names_add(out, entry->d_name);
		errno = 0;
	}
	if (e == 0)
		e = -errno;
	closedir(d);
	if (out->n > 1) /* v may be NULL */
		qsort(out->v, out->n, sizeof(*out->v), by_bytes);
	return e;
}

static bool is_temp_name(const char *name)
{
	return strncmp(name, ".tidemark-", 10) == 0 &&
	       strspn(name + 10, "0123456789abcdef") == 16 &&
	       strcmp(name + 26, ".tmp") == 0;
}

static void remove_extra(struct rworker *w, struct rdir *dir, const char *name)
{
	struct restorer *r = w->r;
	struct span s = SPAN(name, strlen(name));
	struct statx st;
	int e = restorer_statx(dir->fd, name, &st);

	if (e == -ENOENT ||
	    filter_match(r->opt.exclude, &dir->exclude, name, s.len))
		return;
	if (e == 0 &&
	    (is_skipped(r, &st) || attr_dev(&st) != attr_dev(&dir->st) ||
	     restore_scope_was_there(dir, &st)))
		return;
	if (e == 0 && !r->opt.delete_extra) {
		RCOUNT(r, left, !is_temp_name(name));
		return;
	}
	if (e == 0 && !r->opt.dry_run)
		e = restore_remove(w, dir, dir->fd, s);
	if (e < 0) {
		restorer_error(r, dir, s, e, "remove");
		return;
	}
	RCOUNT(r, deleted, 1);
	restorer_item(r, dir, s, RESTORE_DELETED, 0);
}

static int merge(struct rworker *w, struct rdir *dir, struct names *have)
{
	struct tree_dir d;
	struct node n;
	size_t i = 0;
	int e = tree_dir_open(w->rr, dir->meta.tree, &d);

	while (e >= 0 && !restorer_halted(w->r)) {
		int c = -1;

		e = tree_dir_next(&d, &n, NULL);
		if (e < 0)
			break;
		for (; i < have->n; i++) {
			struct span s = SPAN(have->v[i], strlen(have->v[i]));

			c = -1;
			if (e == 1)
				c = memcmp(s.p, n.name.p,
					   MIN(s.len, n.name.len));
			if (e == 1 && c == 0)
				c = (s.len > n.name.len) - (s.len < n.name.len);
			if (c >= 0)
				break;
			remove_extra(w, dir, have->v[i]);
		}
		if (c == 0)
			i++;
		if (e == 0)
			break;
	}
	tree_dir_close(&d);
	return e;
}

/*
 * An empty directory of the snapshot may stand for a mount point whose file
 * system was left out of the backup: what is mounted there now is not ours.
 */
static bool is_foreign_mount(struct rworker *w, struct rdir *dir)
{
	struct tree_dir d;
	struct node n;
	bool empty;

	if (!dir->parent || attr_dev(&dir->st) == attr_dev(&dir->parent->st))
		return false;
	empty = tree_dir_open(w->rr, dir->meta.tree, &d) < 0 ||
		tree_dir_next(&d, &n, NULL) != 1;
	tree_dir_close(&d);
	return empty;
}

void restore_delete_extra(struct rworker *w, struct rdir *dir)
{
	struct names have = { NULL, 0, 0 };
	struct span none = { NULL, 0 };
	int e;

	if (dir->created || !dir->inside || dir->fd < 0 ||
	    is_foreign_mount(w, dir))
		return;
	e = list(dir->fd, &have);
	if (e == 0)
		e = merge(w, dir, &have);
	if (e < 0)
		restorer_error(w->r, dir, none, e, "list");
	while (have.n > 0)
		free(have.v[--have.n]);
	free(have.v);
}

/* --- leftovers --- */

/* One that was backed up is a file like others. */
static bool is_in_tree(struct rworker *w, struct rdir *dir, const char *name)
{
	struct tree_dir d;
	struct node n;
	bool has;

	has = tree_dir_open(w->rr, dir->meta.tree, &d) < 0 ||
	      tree_dir_find(&d, SPAN(name, strlen(name)), &n) != 0;
	tree_dir_close(&d);
	return has;
}

void restore_sweep(struct rworker *w, struct rdir *dir)
{
	struct names have = { NULL, 0, 0 };
	struct statx st;
	size_t i;
	int e;

	if (w->r->opt.overwrite == RESTORE_REFUSE ||
	    w->r->opt.overwrite == RESTORE_NEVER)
		return;
	e = list(dir->fd, &have);
	for (i = 0; e == 0 && i < have.n; i++)
		if (is_temp_name(have.v[i]) &&
		    restorer_statx(dir->fd, have.v[i], &st) == 0 &&
		    !S_ISDIR(st.stx_mode) && st.stx_uid == w->r->uid &&
		    !is_in_tree(w, dir, have.v[i]))
			(void)!unlink_one(dir->fd, have.v[i], 0);
	while (have.n > 0)
		free(have.v[--have.n]);
	free(have.v);
}
