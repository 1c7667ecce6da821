/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restore_dir.c - directories: made top down, finished bottom up.
 *
 * A directory's job makes it, restores its files and pushes its
 * subdirectories; a directory that is split in the repository is shared by
 * jobs of its leaves. Whoever completes the last thing it waits for sets its
 * attributes, and then looks at its parent. A directory stays open until
 * then, so that nothing is ever looked up by more than one name; the newest
 * job first means that open directories are as many as the tree is deep.
 */
#include <errno.h>
#include <fcntl.h>

#include "archive/restorer_private.h"

struct leaf_job {
	struct pool_job job;
	struct rdir *dir;
	uint8_t id[CHUNK_ID_LEN];
};

static void run_dir(struct pool_job *job, unsigned int worker);

/* --- life --- */

struct rdir *rdir_new(struct restorer *r, struct rdir *parent, struct span name)
{
	struct rdir *dir = calloc(1, sizeof(*dir) + name.len + 1);

	if (!dir)
		return NULL;
	dir->job.run = run_dir;
	dir->r = r;
	dir->parent = parent;
	dir->fd = -1;
	dir->pending = 1;
	dir->refs = 1;
	dir->name_len = name.len;
	if (name.len)
		memcpy(dir->name, name.p, name.len);
	if (parent) {
		__atomic_fetch_add(&parent->pending, 1, __ATOMIC_RELAXED);
		__atomic_fetch_add(&parent->refs, 1, __ATOMIC_RELAXED);
	}
	return dir;
}

void rdir_unref(struct rdir *dir)
{
	while (dir &&
	       __atomic_sub_fetch(&dir->refs, 1, __ATOMIC_ACQ_REL) == 0) {
		struct rdir *parent = dir->parent;

		free((void *)dir->meta.xattrs.p);
		restore_listing_free(dir->listing);
		free(dir->path);
		free(dir);
		dir = parent;
	}
}

/* --- descriptors --- */

static bool fd_hold(struct rdir *dir)
{
	unsigned int n = __atomic_load_n(&dir->fd_users, __ATOMIC_ACQUIRE);

	while (n > 0)
		if (__atomic_compare_exchange_n(&dir->fd_users, &n, n + 1,
						false, __ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE))
			return true;
	return false;
}

static void fd_put(struct rdir *dir)
{
	if (__atomic_load_n(&dir->fd_users, __ATOMIC_ACQUIRE) &&
	    __atomic_sub_fetch(&dir->fd_users, 1, __ATOMIC_ACQ_REL) == 0)
		close(dir->fd);
}

static int open_sub(int at, const char *name)
{
	int fd = openat(at, name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int rdir_reopen(struct rdir *dir)
{
	CLEANUP_FREE struct rdir **chain = NULL;
	struct rdir *at;
	size_t n = 0, depth = 0;
	int fd;

	for (at = dir; at; at = at->parent)
		depth++;
	chain = malloc(depth * sizeof(struct rdir *));
	if (!chain)
		return -ENOMEM;
	for (at = dir; at && !fd_hold(at); at = at->parent)
		chain[n++] = at;
	if (!at) /* the root is finished, too */
		n--;
	fd = fcntl(at ? at->fd : dir->r->what->target, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		fd = -errno;
	if (at)
		fd_put(at);
	while (fd >= 0 && n > 0) {
		int next = open_sub(fd, chain[--n]->name);

		close(fd);
		fd = next;
	}
	return fd;
}

/* --- making --- */

/* Something is there that is not a directory we can open. */
static int make_over(struct rdir *dir, int at)
{
	struct restorer *r = dir->r;
	struct statx st;
	int e = restorer_statx(at, dir->name, &st);

	if (e < 0)
		return e;
	if (S_ISDIR(st.stx_mode)) /* ours, without the right to open it */
		return fchmodat(at, dir->name, 0700, AT_SYMLINK_NOFOLLOW) < 0
			       ? -errno
			       : open_sub(at, dir->name);
	if (dir->lazy || r->pass == PASS_VERIFY ||
	    r->opt.overwrite == RESTORE_REFUSE)
		return -ENOTDIR;
	if (!restorer_may_replace(r, &st, &dir->meta))
		return -EEXIST;
	if (r->opt.dry_run) /* it would give way */
		return -ENOENT;
	restore_unlock_at(at, dir->name);
	if (unlinkat(at, dir->name, 0) < 0 || mkdirat(at, dir->name, 0700) < 0)
		return -errno;
	dir->created = true;
	return open_sub(at, dir->name);
}

/* Flags and modes that forbid new entries; its own come back in the end. */
static void make_usable(struct rdir *dir, int fd)
{
	restore_unlock(fd);
	if (dir->r->uid != 0 && (dir->st.stx_mode & 0700) != 0700 &&
	    fchmod(fd, (dir->st.stx_mode & 07777) | 0700) == 0)
		dir->st.stx_mode |= 0700;
}

/* What was there before us may differ from what we make in many ways. */
static int look_at(struct rdir *dir, int fd)
{
	struct restorer *r = dir->r;
	bool inherits = dir->parent && dir->parent->odd;
	int e = restorer_statx(fd, "", &dir->st);

	if (e < 0)
		return e;
	dir->plain = dir->st.stx_gid == r->gid;
	if (!dir->created && !restorer_reads(r)) {
		dir->odd = restore_is_odd(fd);
		dir->touch = !dir->lazy && dir->has_meta &&
			     (dir->inside || !r->opt.scope) &&
			     restorer_may_replace(r, &dir->st, &dir->meta);
		if (dir->touch)
			make_usable(dir, fd);
	} else if (inherits) {
		dir->odd = restore_is_odd(fd);
	}
	return 0;
}

/* The parent is made, and open or absent. */
static int make_dir(struct rdir *dir)
{
	struct restorer *r = dir->r;
	int at = dir->parent->fd, fd, e;

	if (at < 0) /* a dry run below what is not there */
		return -ENOENT;
	if (!restorer_reads(r)) {
		if (mkdirat(at, dir->name, 0700) == 0)
			dir->created = true;
		else if (errno != EEXIST)
			return -errno;
	}
	fd = open_sub(at, dir->name);
	if (fd == -ENOTDIR || fd == -ELOOP || fd == -EACCES)
		fd = make_over(dir, at);
	if (fd < 0)
		return fd;
	e = look_at(dir, fd);
	if (e < 0) {
		close(fd);
		return e;
	}
	dir->fd = fd;
	__atomic_store_n(&dir->fd_users, 1, __ATOMIC_RELEASE);
	return 0;
}

static int make_told(struct rdir *dir)
{
	struct restorer *r = dir->r;
	struct span none = { NULL, 0 };
	int e = make_dir(dir);

	if (e == -ENOENT && r->pass == PASS_RESTORE && r->opt.dry_run)
		e = 0;
	if (e < 0) {
		__atomic_store_n(&dir->failed, true, __ATOMIC_RELAXED);
		if (e == -EEXIST) /* the policy keeps what is there */
			RCOUNT(r, skipped, 1);
		else
			restorer_error(r, dir, none, e, "make directory");
	} else if (r->pass == PASS_RESTORE && !r->joining) {
		RCOUNT(r, dirs, 1);
		restorer_item(r, dir, none,
			      dir->created || dir->fd < 0 ? RESTORE_CREATED
							  : RESTORE_UNCHANGED,
			      0);
	}
	__atomic_store_n(&dir->made, true, __ATOMIC_RELEASE);
	return e;
}

/* Make the directories from the last one made down to dir. lock: held */
static void make_chain(struct rdir *dir)
{
	while (!__atomic_load_n(&dir->made, __ATOMIC_ACQUIRE)) {
		struct rdir *at = dir;

		while (!__atomic_load_n(&at->parent->made, __ATOMIC_ACQUIRE))
			at = at->parent;
		if (at->parent->failed) {
			at->failed = true;
			__atomic_store_n(&at->made, true, __ATOMIC_RELEASE);
		} else {
			(void)!make_told(at);
		}
	}
}

int rdir_fd(struct rdir *dir)
{
	if (!__atomic_load_n(&dir->made, __ATOMIC_ACQUIRE)) {
		pthread_mutex_lock(&dir->r->make_lock);
		make_chain(dir);
		pthread_mutex_unlock(&dir->r->make_lock);
	}
	if (dir->failed)
		return -ECANCELED; /* told already */
	return dir->fd >= 0 ? dir->fd : -ENOENT;
}

/* --- finishing --- */

static void finish(struct rworker *w, struct rdir *dir)
{
	struct span none = { NULL, 0 };
	struct robj o = { .fd = dir->fd };
	int e;

	if (dir->fd < 0)
		return;
	/* a temporary name in a directory has marked it */
	if (!dir->created && dir->scope <= SCOPE_LIST &&
	    !restorer_halted(w->r) && !restorer_reads(w->r))
		restore_sweep(w, dir);
	/* most are right, and to be left unmarked */
	if (w->r->opt.scope && !dir->created)
		o.written = restorer_statx(dir->fd, "", &dir->st) < 0;
	else
		o.written = true; /* its mtime moved with each entry */
	if (!restorer_halted(w->r) && !restorer_reads(w->r) && dir->has_meta &&
	    (dir->created || dir->touch)) {
		robj_existing(&o, &dir->st);
		o.existed = !dir->created || dir->odd;
		e = restore_attrs(w, &dir->meta, &o);
		if (e < 0)
			restorer_error(w->r, dir, none, e,
				       "set the attributes of");
	}
	fd_put(dir);
}

void rdir_done(struct rworker *w, struct rdir *dir)
{
	/* a loop, not a recursion: trees may be thousands of levels deep */
	while (dir &&
	       __atomic_sub_fetch(&dir->pending, 1, __ATOMIC_ACQ_REL) == 0) {
		struct rdir *parent = dir->parent;

		finish(w, dir);
		rdir_unref(dir);
		dir = parent;
	}
}

/* --- entries --- */

/* Is the directory a source, or below one? Above them the snapshot has only
 * the way to them. */
static bool is_inside(const struct restorer *r, const char *path)
{
	size_t i;

	for (i = 0; i < r->opt.n_sources; i++) {
		const char *s = r->opt.sources[i];
		size_t len = strlen(s);

		while (len > 0 && s[len - 1] == '/')
			len--;
		if (strncmp(path, s, len) == 0 &&
		    (path[len] == '/' || !path[len]))
			return true;
	}
	return false;
}

/* What the filters and --delete must know of a new directory. */
static int init_place(struct rdir *dir)
{
	struct restorer *r = dir->r;
	struct rdir *up = dir->parent;
	bool filters = !filter_is_empty(r->opt.include) ||
		       !filter_is_empty(r->opt.exclude);
	bool ask = (r->opt.delete_extra || r->opt.scope) && !(up && up->inside);
	const char *path = "/";
	size_t len;

	dir->inside = up && up->inside;
	if (filters || ask) {
		dir->path = restorer_path(dir, SPAN(NULL, 0));
		if (!dir->path)
			return -ENOMEM;
		path = *dir->path ? dir->path : "/";
	}
	if (ask)
		dir->inside = is_inside(r, path);
	len = strlen(path);
	if (!filters || !up) {
		filter_dir_init(&dir->include, r->opt.include, path, len);
		filter_dir_init(&dir->exclude, r->opt.exclude, path, len);
		return 0;
	}
	filter_dir_child(&dir->include, r->opt.include, &up->include, dir->name,
			 dir->name_len, path, len);
	filter_dir_child(&dir->exclude, r->opt.exclude, &up->exclude, dir->name,
			 dir->name_len, path, len);
	return 0;
}

static void push_dir(struct rworker *w, struct rdir *dir, const struct node *n,
		     bool lazy)
{
	struct rdir *sub = rdir_new(w->r, dir, n->name);
	int e = sub ? 0 : -ENOMEM;

	if (!sub) {
		restorer_error(w->r, dir, n->name, e, "restore");
		return;
	}
	sub->meta = *n;
	sub->meta.name = SPAN(sub->name, sub->name_len);
	sub->meta.xattrs = SPAN(NULL, 0);
	sub->has_meta = true;
	sub->lazy = lazy;
	if (n->xattrs.len) {
		void *p = malloc(n->xattrs.len);

		if (p) {
			memcpy(p, n->xattrs.p, n->xattrs.len);
			sub->meta.xattrs = SPAN(p, n->xattrs.len);
		} else {
			restorer_error(w->r, dir, n->name, -ENOMEM,
				       "restore the attributes of");
		}
	}
	pool_push(w->r->pool, &sub->job);
}

static void restore_entry(struct rworker *w, struct rdir *dir,
			  const struct node *n)
{
	struct rlink *link = NULL;
	int e;

	if ((n->flags & NODE_PARTIAL) && w->r->pass == PASS_RESTORE &&
	    !w->r->joining) {
		RCOUNT(w->r, partial, 1);
		restorer_error(w->r, dir, n->name, -ESTALE,
			       "was captured while it changed:");
	}
	if (n->flags & NODE_HARDLINK) {
		e = rlink_claim(w, dir, n, &link);
		if (e < 0)
			restorer_error(w->r, dir, n->name, e, "link");
		if (e != 0)
			return;
	}
	if (n->type == NODE_FILE)
		restore_file(w, dir, n, link);
	else
		restore_other(w, dir, n, link);
}

static void one_entry(struct rworker *w, struct rdir *dir, const struct node *n)
{
	const struct restorer *r = w->r;
	const char *name = (const char *)n->name.p;
	struct span only = r->what->only;
	char copy[NAME_BYTES_MAX + 1];
	struct node mine = *n;
	bool lazy;

	if (!dir->parent && only.len &&
	    (only.len != n->name.len || memcmp(only.p, name, only.len) != 0))
		return;
	if (filter_match(r->opt.exclude, &dir->exclude, name, n->name.len) ||
	    restore_scope_is_right(dir, n))
		return;
	lazy = !filter_is_empty(r->opt.include) &&
	       !filter_match(r->opt.include, &dir->include, name, n->name.len);
	if (n->type == NODE_DIR) {
		push_dir(w, dir, n, lazy);
		return;
	}
	if (lazy)
		return;
	memcpy(copy, n->name.p, n->name.len);
	copy[n->name.len] = '\0';
	mine.name.p = (const uint8_t *)copy;
	restore_entry(w, dir, &mine);
}

/*
 * The entries of one leaf, symlinks last. Nothing here ever looks through
 * one; should that be wrong one day, none is there yet to look through.
 */
static int run_entries(struct rworker *w, struct rdir *dir,
		       const struct tree_part *part)
{
	struct tree_part p = *part;
	bool symlinks = false;
	struct node n;
	int e;

	while ((e = tree_next(&p, &n, NULL)) == 1) {
		if (restorer_halted(w->r))
			return 0;
		if (n.type == NODE_SYMLINK)
			symlinks = true;
		else
			one_entry(w, dir, &n);
	}
	if (e < 0 || !symlinks)
		return e;
	p = *part;
	while ((e = tree_next(&p, &n, NULL)) == 1 && !restorer_halted(w->r))
		if (n.type == NODE_SYMLINK)
			one_entry(w, dir, &n);
	return e < 0 ? e : 0;
}

static void tell_tree(struct rworker *w, struct rdir *dir, int e)
{
	struct span none = { NULL, 0 };

	if (e < 0)
		restorer_error(w->r, dir, none, e, "read the list of");
}

static void run_leaf(struct pool_job *job, unsigned int worker)
{
	struct leaf_job *leaf = (struct leaf_job *)job;
	struct rdir *dir = leaf->dir;
	struct rworker *w = &dir->r->workers[worker];
	struct tree_dir d;
	int e;

	if (!restorer_halted(w->r)) {
		e = tree_dir_open(w->rr, leaf->id, &d);
		if (e == 0)
			e = d.root.split ? -EUCLEAN
					 : run_entries(w, dir, &d.part);
		tree_dir_close(&d);
		tell_tree(w, dir, e);
	}
	free(leaf);
	rdir_done(w, dir);
}

/* A job for each leaf; the first is pushed last, so that it runs first. */
static int push_leaves(struct rworker *w, struct rdir *dir,
		       struct tree_part *root)
{
	struct pool_job *list = NULL;
	struct tree_leaf_ref ref;
	int e;

	while ((e = tree_next_leaf(root, &ref)) == 1) {
		struct leaf_job *leaf = malloc(sizeof(*leaf));

		if (!leaf) {
			e = -ENOMEM;
			break;
		}
		leaf->job.run = run_leaf;
		leaf->job.next = list;
		leaf->dir = dir;
		memcpy(leaf->id, ref.id, CHUNK_ID_LEN);
		list = &leaf->job;
	}
	while (list) {
		struct pool_job *next = list->next;

		__atomic_fetch_add(&dir->pending, 1, __ATOMIC_RELAXED);
		pool_push(w->r->pool, list);
		list = next;
	}
	return e;
}

/* --- the job --- */

static int prepare(struct rdir *dir)
{
	int e = init_place(dir);

	if (e < 0)
		return e;
	if (!dir->parent) /* the target: open, and looked at */
		return dir->fd < 0 ? 0 : look_at(dir, dir->fd);
	if (!dir->lazy)
		return rdir_fd(dir);
	return filter_dir_may_contain(&dir->include, dir->r->opt.include)
		       ? 0
		       : -ECANCELED;
}

/* What the snapshot does not have of a partial directory may never have been
 * deleted: the backup could not read it. */
static void handle_extra(struct rworker *w, struct rdir *dir)
{
	const struct restorer *r = w->r;
	struct span none = { NULL, 0 };

	if (r->pass != PASS_RESTORE || r->joining ||
	    (!dir->parent && r->what->only.len))
		return;
	if (!(dir->meta.flags & NODE_PARTIAL)) {
		if (r->opt.scope ? dir->scope <= SCOPE_LIST
				 : r->opt.delete_extra)
			restore_delete_extra(w, dir);
	} else if (!dir->lazy) {
		RCOUNT(w->r, partial, 1);
		restorer_error(w->r, dir, none, -ENODATA,
			       r->opt.delete_extra
				       ? "the backup could not read all of it, "
					 "so nothing is deleted there:"
				       : "the backup could not read all of "
					 "it:");
	}
}

static void work_dir(struct rworker *w, struct rdir *dir)
{
	struct tree_dir d;
	int e = prepare(dir);

	if (e == -ENOMEM)
		tell_tree(w, dir, e);
	if (e < 0 && !(e == -ENOENT && w->r->opt.dry_run))
		return;
	if (!restore_scope_dir(dir))
		return;
	handle_extra(w, dir);
	e = tree_dir_open(w->rr, dir->meta.tree, &d);
	if (e == 0)
		e = d.root.split ? push_leaves(w, dir, &d.root)
				 : run_entries(w, dir, &d.part);
	tree_dir_close(&d);
	tell_tree(w, dir, e);
}

static void run_dir(struct pool_job *job, unsigned int worker)
{
	struct rdir *dir = (struct rdir *)job;
	struct rworker *w = &dir->r->workers[worker];

	if (!restorer_halted(w->r))
		work_dir(w, dir);
	rdir_done(w, dir);
}
