/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restorer.c - one run: threads, counters, errors.
 */
#include "archive/restorer_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>

#include "base/log.h"

static int workers_init(struct restorer *r)
{
	unsigned int i;
	int e = 0;

	r->n_workers = r->opt.threads ? r->opt.threads : pool_cpus();
	r->workers = calloc(r->n_workers, sizeof(*r->workers));
	if (!r->workers)
		return -ENOMEM;
	for (i = 0; e == 0 && i < r->n_workers; i++) {
		struct rworker *w = &r->workers[i];

		w->r = r;
		w->have = BUF_INIT(CHUNK_MAX);
		w->xattrs = BUF_INIT(XATTRS_BYTES_MAX);
		e = repo_reader_new(r->repo, &w->rr);
		if (e == 0)
			e = chunk_ids_init(&w->ids, r->repo);
	}
	return e;
}

static void workers_free(struct restorer *r)
{
	unsigned int i;

	for (i = 0; r->workers && i < r->n_workers; i++) {
		struct rworker *w = &r->workers[i];

		repo_reader_free(w->rr);
		chunk_ids_release(&w->ids);
		buf_release(&w->have);
		buf_release(&w->xattrs);
	}
	free(r->workers);
}

int restorer_new(struct repo *repo, const struct restorer_options *opt,
		 struct restorer **out)
{
	struct restorer *r = calloc(1, sizeof(*r));
	const struct index *index;
	int e;

	if (!r)
		return -ENOMEM;
	r->repo = repo;
	r->opt = *opt;
	r->uid = geteuid();
	r->gid = getegid();
	pthread_mutex_init(&r->make_lock, NULL);
	pthread_mutex_init(&r->link_lock, NULL);
	e = workers_init(r);
	if (e == 0) /* before there are threads that would all load it */
		e = repo_index(repo, &index);
	if (e < 0) {
		restorer_free(r);
		return e;
	}
	*out = r;
	return 0;
}

void restorer_free(struct restorer *r)
{
	if (!r)
		return;
	workers_free(r);
	rlinks_free(r->links);
	free(r->strays);
	pthread_mutex_destroy(&r->make_lock);
	pthread_mutex_destroy(&r->link_lock);
	free(r);
}

/* --- telling --- */

static size_t put_back(char *to, size_t at, const void *p, size_t len)
{
	at -= len;
	if (len)
		memcpy(to + at, p, len);
	return at;
}

char *restorer_path(const struct rdir *dir, struct span name)
{
	const char *prefix = dir->r->what->prefix;
	size_t len = strlen(prefix), at;
	const struct rdir *d;
	char *out;

	if (name.len)
		len += name.len + 1;
	for (d = dir; d->parent; d = d->parent)
		len += d->name_len + 1;
	out = malloc(len + 1);
	if (!out)
		return NULL;
	at = len;
	out[at] = '\0';
	if (name.len) {
		at = put_back(out, at, name.p, name.len);
		at = put_back(out, at, "/", 1);
	}
	for (d = dir; d->parent; d = d->parent) {
		at = put_back(out, at, d->name, d->name_len);
		at = put_back(out, at, "/", 1);
	}
	put_back(out, at, prefix, strlen(prefix));
	return out;
}

void restorer_error(struct restorer *r, const struct rdir *dir,
		    struct span name, int err, const char *during)
{
	CLEANUP_FREE char *path = NULL;
	int none = 0;

	if (err == -ECANCELED)
		return;
	if ((err == -ENOSPC || err == -EDQUOT || err == -EROFS) &&
	    !__atomic_compare_exchange_n(&r->error, &none, err, false,
					 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return;
	RCOUNT(r, errors, 1);
	path = restorer_path(dir, name);
	r->opt.on_error(r->opt.arg, path && *path ? path : "/", err, during);
}

void restorer_item(struct restorer *r, const struct rdir *dir, struct span name,
		   enum restore_action what, uint64_t size)
{
	CLEANUP_FREE char *path = NULL;

	if (!r->opt.on_item || r->pass == PASS_VERIFY)
		return;
	path = restorer_path(dir, name);
	if (path)
		r->opt.on_item(r->opt.arg, *path ? path : "/", what, size);
}

bool restorer_may_replace(const struct restorer *r, const struct statx *st,
			  const struct node *n)
{
	switch (r->opt.overwrite) {
	case RESTORE_NEVER:
		return false;
	case RESTORE_IF_NEWER:
		return n->mtime.sec > st->stx_mtime.tv_sec ||
		       (n->mtime.sec == st->stx_mtime.tv_sec &&
			n->mtime.nsec > st->stx_mtime.tv_nsec);
	default:
		return true;
	}
}

int restorer_statx(int fd, const char *name, struct statx *st)
{
	int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;

	if (!name[0])
		flags |= AT_EMPTY_PATH;
	if (statx(fd, name, flags, STATX_BASIC_STATS | STATX_BTIME, st) < 0)
		return -errno;
	return 0;
}

struct node *restorer_node_copy(const struct node *n)
{
	struct node mine = *n, *copy;
	struct span *parts[4];
	uint8_t *at;
	size_t i;

	if (n->type != NODE_SYMLINK) /* a decoder sets what the type has */
		mine.target = SPAN(NULL, 0);
	if (n->type != NODE_FILE)
		mine.content = SPAN(NULL, 0);
	copy = malloc(sizeof(*copy) + mine.name.len + 1 + mine.xattrs.len +
		      mine.target.len + mine.content.len);
	if (!copy)
		return NULL;
	*copy = mine;
	at = (uint8_t *)(copy + 1);
	parts[0] = &copy->name;
	parts[1] = &copy->xattrs;
	parts[2] = &copy->target;
	parts[3] = &copy->content;
	for (i = 0; i < ARRAY_LEN(parts); i++) {
		if (parts[i]->len)
			memcpy(at, parts[i]->p, parts[i]->len);
		parts[i]->p = at;
		at += parts[i]->len;
		if (i == 0)
			*at++ = '\0';
	}
	return copy;
}

/* --- the run --- */

/* Every directory on the way to the one at hand is open. */
static void raise_limits(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) == 0 &&
	    lim.rlim_cur < lim.rlim_max) {
		lim.rlim_cur = lim.rlim_max;
		(void)!setrlimit(RLIMIT_NOFILE, &lim);
	}
}

static struct rdir *make_root(struct restorer *r)
{
	const struct restore_what *what = r->what;
	struct rdir *root = rdir_new(r, NULL, SPAN(NULL, 0));

	if (!root)
		return NULL;
	if (what->target >= 0) {
		root->fd = fcntl(what->target, F_DUPFD_CLOEXEC, 0);
		if (root->fd < 0) {
			rdir_unref(root);
			return NULL;
		}
		root->fd_users = 1;
	}
	root->made = true;
	root->created = what->target_is_new;
	if (what->self) {
		struct node *copy = &root->meta;
		void *p = NULL;

		*copy = *what->self;
		if (copy->xattrs.len) {
			p = malloc(copy->xattrs.len);
			if (p)
				memcpy(p, copy->xattrs.p, copy->xattrs.len);
			copy->xattrs = SPAN(p, p ? copy->xattrs.len : 0);
		}
		root->has_meta = true;
	}
	memcpy(root->meta.tree, what->tree, CHUNK_ID_LEN);
	return root;
}

static int run_pass(struct restorer *r, const struct restore_what *what,
		    enum rpass pass)
{
	struct rdir *root;
	mode_t mask;
	int e;

	r->what = what;
	r->pass = pass;
	rlinks_free(r->links);
	r->links = NULL;
	raise_limits();
	e = pool_new(r->n_workers, &r->pool);
	if (e < 0)
		return e;
	root = make_root(r);
	if (!root) {
		pool_free(r->pool);
		return -ENOMEM;
	}
	mask = umask(0);
	pool_push(r->pool, &root->job);
	pool_free(r->pool); /* waits */
	r->pool = NULL;
	if (pass == PASS_RESTORE && !r->opt.dry_run && !restorer_halted(r))
		rlinks_finish(&r->workers[0]);
	umask(mask);
	e = __atomic_load_n(&r->error, __ATOMIC_RELAXED);
	return e < 0 ? e : restorer_halted(r) ? -ECANCELED : 0;
}

int restorer_run(struct restorer *r, const struct restore_what *what)
{
	int e;

	r->n_strays = 0;
	e = run_pass(r, what, PASS_RESTORE);
	if (e < 0 || !r->n_strays || r->opt.dry_run)
		return e;
	e = restore_scope_join(r);
	r->joining = true;
	if (e == 0)
		e = run_pass(r, what, PASS_RESTORE);
	r->joining = false;
	return e;
}

int restorer_verify(struct restorer *r, const struct restore_what *what)
{
	return run_pass(r, what, PASS_VERIFY);
}

void restorer_progress(struct restorer *r, struct restore_progress *out)
{
	const uint64_t *from = (const uint64_t *)&r->progress;
	uint64_t *to = (uint64_t *)out;
	size_t i;

	for (i = 0; i < sizeof(*out) / sizeof(*to); i++)
		to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}
