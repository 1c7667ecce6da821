/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restore_link.c - inodes with several names.
 *
 * Whoever meets an inode first restores it; names that come while it is
 * being written wait in its group, later ones are linked at once. A link is
 * made to nothing but an object of this run, and what was linked is looked
 * at: were it another inode, somebody would have put it there meanwhile.
 *
 * A number alone does not make an inode: it may have been given to another
 * file during the backup, and clones of a file system have one id and the
 * same numbers. Names are one object if what was captured of them is the
 * same, or was of the same moment; else each has its own content.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>

#include "archive/restorer_private.h"
#include "crypto/crypto.h"

#define SLOTS 4096u

enum link_state { LINK_OPEN, LINK_MADE, LINK_FREE };

struct waiter {
	struct waiter *next;
	struct rdir *dir;
	struct node *node;
};

struct rlink {
	struct rlink *next;
	uint64_t fsid, ino; /* in the snapshot */
	struct node_time ctime;
	uint64_t size;
	uint8_t what[SHA256_LEN];
	enum link_state state;
	struct waiter *waiting;
	/* the object that was made */
	struct rdir *dir;
	struct node *node;
	uint64_t made_ino;
};

struct rlink_table {
	struct rlink *slots[SLOTS];
};

static struct rlink **slot_of(struct rlink_table *t, uint64_t ino)
{
	return &t->slots[(ino * 0x9e3779b97f4a7c15ull >> 40) % SLOTS];
}

/* Of that of a node which all names of an inode share. */
static int what_is(const struct node *n, uint8_t out[SHA256_LEN])
{
	const uint64_t numbers[] = { n->type,  n->size,	      n->major,
				     n->minor, n->target.len, n->content.len };
	struct sha256 *h;
	int e = sha256_new(&h);

	if (e < 0)
		return e;
	sha256_update(h, SPAN(numbers, sizeof(numbers)));
	sha256_update(h, n->target);
	sha256_update(h, n->content);
	sha256_final(h, out);
	sha256_free(h);
	return 0;
}

static bool is_same_inode(const struct rlink *l, const struct node *n,
			  const uint8_t what[SHA256_LEN])
{
	if (l->ino != n->ino || l->fsid != n->fsid)
		return false;
	return !memcmp(l->what, what, SHA256_LEN) ||
	       (l->size == n->size && l->ctime.sec == n->ctime.sec &&
		l->ctime.nsec == n->ctime.nsec);
}

/* link_lock: held */
static struct rlink *find_or_add(struct restorer *r, const struct node *n,
				 const uint8_t what[SHA256_LEN], bool *fresh)
{
	struct rlink **slot, *l;

	if (!r->links)
		r->links = calloc(1, sizeof(*r->links));
	if (!r->links)
		return NULL;
	slot = slot_of(r->links, n->ino);
	for (l = *slot; l; l = l->next)
		if (is_same_inode(l, n, what))
			break;
	*fresh = !l || l->state == LINK_FREE;
	if (!l) {
		l = calloc(1, sizeof(*l));
		if (!l)
			return NULL;
		l->ino = n->ino;
		l->fsid = n->fsid;
		l->ctime = n->ctime;
		l->size = n->size;
		memcpy(l->what, what, SHA256_LEN);
		l->next = *slot;
		*slot = l;
	}
	if (*fresh)
		l->state = LINK_OPEN;
	return l;
}

/* link_lock: held */
static int enqueue(struct rlink *l, struct rdir *dir, const struct node *n)
{
	struct waiter *wait = calloc(1, sizeof(*wait));

	if (wait)
		wait->node = restorer_node_copy(n);
	if (!wait || !wait->node) {
		free(wait);
		return -ENOMEM;
	}
	wait->dir = dir;
	wait->next = l->waiting;
	l->waiting = wait;
	__atomic_fetch_add(&dir->pending, 1, __ATOMIC_RELAXED);
	return 0;
}

/* --- linking --- */

static int check_linked(const struct rlink *l, int dirfd, const char *name)
{
	struct statx st;
	int e = restorer_statx(dirfd, name, &st);

	if (e < 0)
		return e;
	if (st.stx_ino == l->made_ino)
		return 0;
	(void)!unlinkat(dirfd, name, 0);
	return -ESTALE;
}

/* Replace an existing object by the link, so that there is always one. */
static int link_over(int sfd, const char *sname, int dirfd, struct span name)
{
	char temp[TEMP_NAME_LEN];
	int e;

	restore_temp_name(temp, name);
	(void)!unlinkat(dirfd, temp, 0);
	if (linkat(sfd, sname, dirfd, temp, 0) < 0)
		return -errno;
	if (renameat(dirfd, temp, dirfd, (const char *)name.p) == 0)
		return 0;
	e = -errno;
	(void)!unlinkat(dirfd, temp, 0);
	return e;
}

/* 0, 1: was there already; 2: the policy says no. name has a NUL. */
static int link_name(struct rworker *w, const struct rlink *l, struct rdir *dir,
		     const struct node *n, int sfd, int fd)
{
	const char *name = (const char *)n->name.p;
	const char *sname = (const char *)l->node->name.p;
	struct statx st;
	int e;

	if (!restorer_reads(w->r) && linkat(sfd, sname, fd, name, 0) == 0)
		return check_linked(l, fd, name);
	if (!restorer_reads(w->r) && errno != EEXIST)
		return -errno;
	e = restorer_statx(fd, name, &st);
	if (e < 0)
		return e == -ENOENT && w->r->opt.dry_run ? 0 : e;
	if (st.stx_ino == l->made_ino)
		return 1;
	if (w->r->pass == PASS_VERIFY)
		return -EBADMSG;
	if (w->r->opt.overwrite == RESTORE_REFUSE)
		return -EEXIST;
	if (!restorer_may_replace(w->r, &st, n))
		return 2;
	if (w->r->opt.dry_run)
		return 0;
	e = 0;
	if (S_ISDIR(st.stx_mode))
		e = restore_clear(w, dir, fd, n->name, &st);
	restore_unlock_at(fd, name);
	if (e == 0)
		e = link_over(sfd, sname, fd, n->name);
	return e < 0 ? e : check_linked(l, fd, name);
}

static void count_link(struct restorer *r, const struct node *n, bool was)
{
	if (r->pass == PASS_VERIFY) {
		RCOUNT(r, verified, 1);
	} else if (n->type == NODE_FILE) {
		RCOUNT(r, files, 1);
		RCOUNT(r, files_unchanged, was);
		RCOUNT(r, bytes, n->size);
	} else {
		RCOUNT(r, others, 1);
	}
}

static void link_one(struct rworker *w, const struct rlink *l, struct rdir *dir,
		     const struct node *n)
{
	CLEANUP_CLOSE int sfd = -1;
	int fd = rdir_fd(dir), e = fd;

	if (restorer_halted(w->r))
		return;
	if (fd == -ENOENT && w->r->opt.dry_run) {
		e = 0;
	} else if (fd >= 0) {
		sfd = rdir_reopen(l->dir);
		e = sfd < 0 && !restorer_reads(w->r)
			    ? sfd
			    : link_name(w, l, dir, n, sfd, fd);
	}
	if (e < 0) {
		restorer_error(w->r, dir, n->name, e, "link");
		return;
	}
	if (e == 2) {
		RCOUNT(w->r, skipped, 1);
		restorer_item(w->r, dir, n->name, RESTORE_SKIPPED, 0);
		return;
	}
	if (!w->r->joining)
		count_link(w->r, n, e == 1);
	if (w->r->pass == PASS_RESTORE)
		restorer_item(w->r, dir, n->name,
			      e == 1 ? RESTORE_UNCHANGED : RESTORE_CREATED,
			      n->size);
}

/* n with a NUL behind its name. */
static int link_now(struct rworker *w, const struct rlink *l, struct rdir *dir,
		    const struct node *n)
{
	struct node *copy = restorer_node_copy(n);

	if (!copy)
		return -ENOMEM;
	link_one(w, l, dir, copy);
	free(copy);
	return 0;
}

int rlink_claim(struct rworker *w, struct rdir *dir, const struct node *n,
		struct rlink **out)
{
	struct restorer *r = w->r;
	struct rlink *l;
	bool fresh = false, made = false;
	uint8_t what[SHA256_LEN];
	int e = what_is(n, what);

	if (e == 0)
		e = restore_scope_claimed(r, n);
	if (e < 0)
		return e;
	pthread_mutex_lock(&r->link_lock);
	l = find_or_add(r, n, what, &fresh);
	if (!l)
		e = -ENOMEM;
	else if (!fresh && l->state == LINK_OPEN)
		e = enqueue(l, dir, n);
	else if (!fresh)
		made = true;
	pthread_mutex_unlock(&r->link_lock);
	if (e < 0)
		return e;
	if (fresh) {
		*out = l;
		return 0;
	}
	if (made) { /* nothing of it changes any more */
		e = link_now(w, l, dir, n);
		if (e < 0)
			return e;
	}
	return 1;
}

/* What the group needs of the object that was made. */
static bool keep_made(struct rlink *l, struct rdir *dir, const struct node *n,
		      const struct robj *o)
{
	struct node made = *n;
	struct statx st;

	if (restorer_statx(o->fd >= 0 ? o->fd : o->dirfd,
			   o->fd >= 0 ? "" : o->name, &st) < 0)
		return false;
	made.xattrs = made.target = made.content = SPAN(NULL, 0);
	l->node = restorer_node_copy(&made);
	l->made_ino = st.stx_ino;
	l->dir = dir;
	if (l->node)
		__atomic_fetch_add(&dir->refs, 1, __ATOMIC_RELAXED);
	return l->node != NULL;
}

void rlink_settle(struct rworker *w, struct rlink *l, struct rdir *dir,
		  const struct node *n, const struct robj *o)
{
	struct waiter *list;
	bool made = o && keep_made(l, dir, n, o);

	pthread_mutex_lock(&w->r->link_lock);
	l->state = made ? LINK_MADE : LINK_FREE;
	list = l->waiting;
	l->waiting = NULL;
	pthread_mutex_unlock(&w->r->link_lock);
	while (list) {
		struct waiter *next = list->next;

		if (made)
			link_one(w, l, list->dir, list->node);
		else if (!restorer_halted(w->r))
			restorer_error(w->r, list->dir, list->node->name,
				       -ENOLINK, "link");
		rdir_done(w, list->dir);
		free(list->node);
		free(list);
		list = next;
	}
}

/* --- the end --- */

static void finish_one(struct rworker *w, struct rlink *l)
{
	CLEANUP_CLOSE int dirfd = rdir_reopen(l->dir);
	CLEANUP_CLOSE int fd = -1;
	const char *name = (const char *)l->node->name.p;
	struct statx st;
	int e;

	if (dirfd >= 0)
		fd = openat(dirfd, name,
			    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC |
				    O_NOCTTY);
	e = fd < 0 ? -errno : restorer_statx(fd, "", &st);
	if (e == 0 && st.stx_ino != l->made_ino)
		e = -ESTALE;
	if (e == 0)
		e = restore_flags(w, l->node, fd, true);
	if (e < 0)
		restorer_error(w->r, l->dir, l->node->name, e,
			       "set the flags of");
}

void rlinks_finish(struct rworker *w)
{
	struct rlink_table *t = w->r->links;
	struct rlink *l;
	size_t i;

	for (i = 0; t && i < SLOTS; i++)
		for (l = t->slots[i]; l; l = l->next)
			if (l->state == LINK_MADE &&
			    l->node->type == NODE_FILE &&
			    (l->node->iflags &
			     (FS_IMMUTABLE_FL | FS_APPEND_FL)))
				finish_one(w, l);
}

void rlinks_free(struct rlink_table *t)
{
	struct rlink *l, *next;
	size_t i;

	for (i = 0; t && i < SLOTS; i++) {
		for (l = t->slots[i]; l; l = next) {
			next = l->next;
			if (l->dir)
				rdir_unref(l->dir);
			free(l->node);
			free(l);
		}
	}
	free(t);
}
