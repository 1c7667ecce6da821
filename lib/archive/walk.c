/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walk.c - directories: list, compare with the record, finish bottom up.
 *
 * A directory's job lists it and decides each entry. Files are done at once
 * (or by jobs of their own, if large); subdirectories are pushed. Whoever
 * completes the last thing a directory waits for finishes it: if nothing
 * differs from the record its tree is taken from there, else it is made
 * anew, and the news goes to the parent. What went away between its listing
 * and its opening is looked for in relist.c.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>

#include "archive/archiver_private.h"
#include "archive/batch.h"
#include "base/log.h"

#define DENTS_BYTES (128u << 10)
#define AHEAD 8 /* entries, to have in the processor's cache */

struct dent { /* struct linux_dirent64 */
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

static int name_order(struct span x, struct span y)
{
	int c = memcmp(x.p, y.p, MIN(x.len, y.len));

	return c ? c : (x.len > y.len) - (x.len < y.len);
}

/* --- life --- */

struct dir_job *dir_job_new(struct archiver *a)
{
	struct dir_job *dir = calloc(1, sizeof(*dir));

	if (!dir)
		return NULL;
	dir->job.run = dir_job_run;
	dir->a = a;
	dir->fd = -1;
	dir->fd_users = 1;
	dir->pending = 1;
	pthread_mutex_init(&dir->lock, NULL);
	return dir;
}

static void dir_free(struct dir_job *dir)
{
	if (dir->fd >= 0)
		close(dir->fd);
	if (dir->record.p)
		catalog_done(dir->record);
	arena_release(&dir->arena);
	pthread_mutex_destroy(&dir->lock);
	free(dir->entries);
	free(dir->path);
	free(dir);
}

void *dir_copy(struct dir_job *dir, const void *p, size_t n)
{
	void *to;

	pthread_mutex_lock(&dir->lock);
	to = arena_alloc(&dir->arena, n);
	pthread_mutex_unlock(&dir->lock);
	if (to && p)
		memcpy(to, p, n);
	return to;
}

/* --- descriptors --- */

void dir_fd_put(struct walker *w, struct dir_job *dir)
{
	do
		if (__atomic_sub_fetch(&dir->fd_users, 1, __ATOMIC_ACQ_REL) > 0)
			return;
	while (relist(w, dir)); /* which has more for it to do */
	if (dir->fd >= 0)
		close(dir->fd);
	dir->fd = -1;
	/* the children's filters have been made; paths of deep trees are
	 * long */
	free(dir->path);
	dir->path = NULL;
}

static int dir_open(const struct dir_job *dir)
{
	const char *name = dir->slot ? (const char *)dir->slot->name.p : "/";
	int at = dir->parent ? dir->parent->fd : AT_FDCWD;
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(at, name, flags | O_NOATIME);

	if (fd < 0 && errno == EPERM)
		fd = openat(at, name, flags);
	return fd < 0 ? -errno : fd;
}

/* --- listing --- */

/* Children and large files point at entries: they stay where they are. */
static struct entry *entry_add(struct dir_job *dir, struct span name)
{
	struct entry *e;

	if (dir->n_entries == dir->cap_entries) {
		size_t cap = dir->cap_entries ? 2 * dir->cap_entries : 32;
		void *p = realloc(dir->entries, cap * sizeof(*dir->entries));

		if (!p)
			return NULL;
		dir->entries = p;
		dir->cap_entries = cap;
	}
	e = dir_copy(dir, NULL, sizeof(*e) + name.len + 1);
	if (!e)
		return NULL;
	memset(e, 0, sizeof(*e) + name.len + 1);
	/* with its NUL: names are passed to system calls */
	memcpy(e + 1, name.p, name.len);
	e->name = SPAN(e + 1, name.len);
	e->state = ENTRY_GONE;
	dir->entries[dir->n_entries++] = e;
	return e;
}

static bool is_dots(const char *n)
{
	return n[0] == '.' && (!n[1] || (n[1] == '.' && !n[2]));
}

/* Add what is no entry yet. */
static int list_dir(struct walker *w, struct dir_job *dir)
{
	size_t known = dir->n_entries;
	struct entry *entry;
	long n;

	if (!w->dents)
		w->dents = malloc(DENTS_BYTES);
	if (!w->dents)
		return -ENOMEM;
	while ((n = syscall(SYS_getdents64, dir->fd, w->dents, DENTS_BYTES)) >
	       0) {
		uint8_t *p = w->dents;

		while (p < w->dents + n) {
			struct dent *d = (struct dent *)p;

			p += d->reclen;
			if (is_dots(d->name) ||
			    order_has(dir, known, d->name) ||
			    filter_match(w->a->opt.filter, &dir->filter,
					 d->name, strlen(d->name)))
				continue;
			entry = entry_add(dir, SPAN(d->name, strlen(d->name)));
			if (!entry)
				return -ENOMEM;
			entry->ino = d->ino;
			entry->type = d->type == DT_DIR ? NODE_DIR : 0;
		}
	}
	return n < 0 ? -errno : 0;
}

static int list_places(struct dir_job *dir)
{
	const struct place *p;

	for (p = dir->place->children; p; p = p->next)
		if (!entry_add(dir, SPAN(p->name, strlen(p->name))))
			return -ENOMEM;
	return 0;
}

/* The names are as recorded. */
static int list_record(struct dir_job *dir)
{
	struct record_iter it;

	for (record_open(&it, dir->record); it.has; record_next(&it)) {
		struct entry *entry = entry_add(dir, it.node.name);

		if (!entry)
			return -ENOMEM;
		entry->ino = it.node.flags & NODE_OTHER_FS ? 0 : it.node.ino;
		entry->type = it.node.type == NODE_DIR ? NODE_DIR : 0;
	}
	return it.damaged ? -EUCLEAN : 0;
}

static int list(struct walker *w, struct dir_job *dir)
{
	int e;

	if (dir->place)
		return list_places(dir);
	/* a tag may say something else by now */
	if (dir->change == CHANGE_ENTRIES && filter_has_tags(w->a->opt.filter))
		dir->change = CHANGE_LIST;
	if (dir->change != CHANGE_ENTRIES || dir->n_entries > 0)
		return list_dir(w, dir);
	e = list_record(dir);
	if (e != -EUCLEAN)
		return e;
	dir->change = CHANGE_LOOK;
	dir->n_entries = 0;
	return list_dir(w, dir);
}

/* --- the record --- */

/* Advance to name. True if the record has it. */
static bool record_seek(struct record_iter *it, struct dir_job *dir,
			struct span name)
{
	while (it->has) {
		int c = name_order(it->node.name, name);

		if (c == 0)
			return true;
		if (c > 0)
			return false;
		dir->n_old++; /* an entry that is gone */
		record_next(it);
	}
	return false;
}

static void load_record(struct walker *w, struct dir_job *dir)
{
	struct archiver *a = w->a;

	if (!a->catalog || a->opt.reread)
		return;
	dir->record = catalog_get(a->catalog, dir->key);
	if (dir->record.p)
		dir->record_live = a->catalog_is_current ||
				   archiver_has(a, dir->record.p);
}

/* --- entries --- */

void entry_set(struct walker *w, struct dir_job *dir, struct entry *entry,
	       const struct node *n)
{
	struct node copy = *n;
	void *p;
	int e;

	copy.name = entry->name;
	copy.flags &= (uint8_t)~NODE_OTHER_FS;
	if (copy.fsid != dir->key.fsid)
		copy.flags |= NODE_OTHER_FS;
	w->raw.len = 0;
	e = tree_entry_encode(&copy, &w->raw);
	p = e == 0 ? dir_copy(dir, w->raw.p, w->raw.len) : NULL;
	if (!p) {
		archiver_fail(w->a, e < 0 ? e : -ENOMEM);
		return;
	}
	entry->raw = SPAN(p, w->raw.len);
	entry->uid = copy.uid;
	entry->gid = copy.gid;
	entry->state = ENTRY_NEW;
	__atomic_store_n(&dir->changed, true, __ATOMIC_RELAXED);
}

static void entry_keep(struct entry *entry, const struct node *old,
		       struct span raw)
{
	entry->raw = raw;
	entry->uid = old->uid;
	entry->gid = old->gid;
	entry->state = ENTRY_OLD;
}

static bool is_skipped(const struct archiver *a, uint64_t dev, uint64_t ino)
{
	size_t i;

	for (i = 0; i < a->n_skips; i++)
		if (a->skips[i].dev == dev && a->skips[i].ino == ino)
			return true;
	return false;
}

static void push_dir(struct walker *w, struct dir_job *dir, struct entry *entry,
		     const struct node *n, const struct node *old,
		     struct span old_raw, const struct place *place,
		     uint64_t dev)
{
	struct dir_job *child = dir_job_new(w->a);
	struct node *node = dir_copy(dir, n, sizeof(*n));

	if (!child || !node) {
		free(child);
		archiver_fail(w->a, -ENOMEM);
		return;
	}
	entry->node = node;
	entry->handle = relist_handle(dir, entry);
	entry->state = ENTRY_PENDING;
	child->parent = dir;
	child->slot = entry;
	child->place = place && !place->is_source ? place : NULL;
	child->node = node;
	child->dev = dev;
	child->key.fsid = n->fsid;
	child->key.ino = n->ino;
	child->strange = look_is_strange(dir, old, n);
	if (old && attr_is_same(old, n) &&
	    !(old->flags & (NODE_RACY | NODE_PARTIAL))) {
		child->meta_same = true;
		entry->old_raw = old_raw;
		node->xattrs = old->xattrs;
		node->iflags = old->iflags;
		node->flags = old->flags;
		memcpy(node->tree, old->tree, CHUNK_ID_LEN);
	}
	__atomic_fetch_add(&dir->pending, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&dir->fd_users, 1, __ATOMIC_RELAXED);
	pool_push(w->a->pool, &child->job);
}

/* A directory of another file system inside a source. */
static bool stays_outside(struct walker *w, struct dir_job *dir,
			  struct entry *entry, struct node *n, uint64_t dev)
{
	bool pseudo = false;
	int fd = openat(dir->fd, (const char *)entry->name.p,
			O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0) {
		/* what is mounted below a source, and will be entered */
		n->fsid = archiver_fsid(w->a, dev, fd,
					n->type == NODE_DIR && !dir->place &&
						!w->a->opt.one_file_system,
					&pseudo);
		close(fd);
	}
	return n->type == NODE_DIR && !dir->place &&
	       (w->a->opt.one_file_system || pseudo);
}

/* The mount point itself is kept, empty. */
static void set_mount_point(struct walker *w, struct dir_job *dir,
			    struct entry *entry, struct node *n)
{
	struct tree_builder b;
	int e;

	if (!walker_lane(w))
		return;
	tree_builder_init(&b, n->fsid, walker_put, NULL, w);
	e = tree_builder_finish(&b, n->tree);
	tree_builder_release(&b);
	if (e < 0) {
		archiver_fail(w->a, e);
		return;
	}
	COUNT_IN(dir, dirs, 1);
	entry_set(w, dir, entry, n);
}

/* May old stand for the entry as it is now? */
static bool may_keep(const struct walker *w, const struct dir_job *dir,
		     const struct entry *entry, const struct node *old,
		     const struct node *now)
{
	const struct dirty_inode *in;
	const struct dirty *set;
	struct node eased = *now;

	if (old->flags & look_doubts(w->a, entry, now))
		return false;
	in = look_inode(w->a, entry, now, &set);
	if (look_is_content(in, old))
		return false;
	if (w->a->opt.ignore_inode) {
		eased.ino = old->ino;
		eased.ctime = old->ctime;
		eased.btime = old->btime;
	}
	if (!attr_is_same(old, &eased) ||
	    ((old->flags ^ now->flags) & NODE_HARDLINK))
		return false;
	return dir->record_live || old->type != NODE_FILE;
}

static void count_file(struct dir_job *dir, const struct node *n)
{
	if (n->type == NODE_FILE) {
		COUNT_IN(dir, files, 1);
		COUNT_IN(dir, bytes, n->size);
	} else {
		COUNT_IN(dir, others, 1);
	}
}

void walk_entry(struct walker *w, struct dir_job *dir, struct entry *entry,
		const struct statx *st, const struct node *old,
		struct span old_raw, const struct place *place)
{
	uint64_t dev = attr_dev(st);
	struct node n = { 0 };

	attr_from_statx(st, &n);
	n.name = entry->name;
	n.fsid = dir->key.fsid;
	entry->type = n.type;
	entry->ino = n.ino;
	entry->fsid = n.fsid;
	if (n.type == 0)
		return;
	if (is_skipped(w->a, dev, n.ino)) {
		if (dir->place) /* a source is this, or lies below it */
			archiver_error(w->a, dir, entry->name, -EPERM,
				       "the repository is no source:");
		return;
	}
	if (dev != dir->dev && stays_outside(w, dir, entry, &n, dev)) {
		set_mount_point(w, dir, entry, &n);
		return;
	}
	entry->fsid = n.fsid;
	if (n.type == NODE_DIR) {
		push_dir(w, dir, entry, &n, old, old_raw, place, dev);
		return;
	}
	if (n.type == NODE_FILE &&
	    filter_is_too_large(w->a->opt.filter, n.size))
		return;
	count_file(dir, &n);
	if (old && may_keep(w, dir, entry, old, &n)) {
		entry_keep(entry, old, old_raw);
	} else if (old && n.type == NODE_FILE && !dir->record_live &&
		   !entry->tracked && attr_is_same(old, &n) &&
		   !(old->flags & (NODE_RACY | NODE_PARTIAL)) &&
		   archiver_has_content(w->a, old->content)) {
		entry_keep(entry, old, old_raw);
		__atomic_store_n(&dir->changed, true, __ATOMIC_RELAXED);
	} else {
		capture_entry(w, dir, entry, &n, st, old);
		return;
	}
	if (n.type == NODE_FILE)
		COUNT(w->a, files_unchanged, 1);
	archiver_item(w->a, dir, entry->name, ARCHIVE_UNCHANGED, n.size);
}

static const struct place *place_of(const struct dir_job *dir, struct span name)
{
	const struct place *p;

	if (!dir->place)
		return NULL;
	for (p = dir->place->children; p; p = p->next)
		if (strcmp(p->name, (const char *)name.p) == 0)
			return p;
	return NULL;
}

static void stat_entries(struct walker *w, struct dir_job *dir, size_t from)
{
	struct record_iter it;
	size_t i;

	record_open(&it, dir->record);
	for (i = from; i < dir->n_entries && !archiver_halted(w->a); i++) {
		struct entry *entry = dir->entries[i];
		bool has = record_seek(&it, dir, entry->name);
		struct statx st;
		int e;

		/* in the order of names they lie all over the memory */
		if (i + AHEAD < dir->n_entries) {
			__builtin_prefetch(dir->entries[i + AHEAD]);
			__builtin_prefetch(dir->entries[i + AHEAD] + 1);
		}
		entry->tracked = dir->change != CHANGE_LOOK;
		if (has && look_may_skip(w, dir, entry, &it.node)) {
			entry_keep(entry, &it.node, it.raw);
			dir->n_old++;
			record_next(&it);
			continue;
		}
		e = capture_statx(dir->fd, (const char *)entry->name.p, &st);
		if (e == 0) {
			/* a mount point is listed as what it covers */
			if (attr_dev(&st) == dir->dev)
				relist_if_replaced(dir, entry, st.stx_ino);
			walk_entry(w, dir, entry, &st, has ? &it.node : NULL,
				   it.raw, place_of(dir, entry->name));
		} else if (e == -ENOENT && !dir->place) {
			entry_vanished(dir, entry);
		} else {
			entry_failed(w, dir, entry, e, "stat");
		}
		if (has) {
			dir->n_old++;
			record_next(&it);
		}
	}
	batch_flush(w, dir);
	while (it.has) {
		dir->n_old++;
		record_next(&it);
	}
	if (it.damaged) /* what was matched is sound: each entry is checked */
		__atomic_store_n(&dir->changed, true, __ATOMIC_RELAXED);
}

/* --- finish --- */

/* The same entries as in the record, all of them old? */
static bool is_unchanged(const struct dir_job *dir)
{
	size_t i, old = 0;

	if (!dir->record.p || !dir->record_live || dir->changed)
		return false;
	for (i = 0; i < dir->n_entries; i++) {
		uint8_t state = dir->entries[i]->state;

		if (state == ENTRY_NEW || state == ENTRY_PENDING)
			return false;
		old += state == ENTRY_OLD;
	}
	return old == dir->n_old;
}

static const char *owner_name(void *arg, bool group, uint32_t id)
{
	(void)arg;
	return attr_owner_name(group, id);
}

static int build_tree(struct walker *w, struct dir_job *dir,
		      uint8_t id[CHUNK_ID_LEN])
{
	bool record = w->a->catalog;
	uint8_t head[RECORD_HEAD_LEN];
	struct tree_builder b;
	size_t i;
	int e = 0;

	tree_builder_init(&b, dir->key.fsid, walker_put, owner_name, w);
	b.keep_record = record;
	record_head_encode(&(struct record_head){ dir->birth, dir->below },
			   head);
	if (record)
		e = buf_append(&b.record, head, sizeof(head));
	for (i = 0; e == 0 && i < dir->n_entries; i++) {
		const struct entry *entry = dir->entries[i];

		if (entry->state == ENTRY_OLD || entry->state == ENTRY_NEW)
			e = tree_builder_add(&b, entry->name, entry->uid,
					     entry->gid, entry->raw);
	}
	if (e == 0)
		e = tree_builder_finish(&b, id);
	/* Without its record the next run reads more; no reason to fail. */
	if (e == 0 && record)
		look_put_record(w->a->catalog, dir, id, SPAN_OF(&b.record));
	tree_builder_release(&b);
	return e;
}

/* Tell the parent what became of this directory. */
static void report_up(struct walker *w, struct dir_job *dir,
		      const uint8_t id[CHUNK_ID_LEN])
{
	struct entry *slot = dir->slot;

	if (!slot) {
		memcpy(w->a->tree, id, CHUNK_ID_LEN);
		return;
	}
	if (dir->partial) {
		dir->node->flags |= NODE_PARTIAL;
		dir->meta_same = false;
	}
	if (dir->meta_same && slot->old_raw.p &&
	    !memcmp(dir->node->tree, id, CHUNK_ID_LEN)) {
		slot->raw = slot->old_raw;
		slot->uid = dir->node->uid;
		slot->gid = dir->node->gid;
		slot->state = ENTRY_OLD;
		return;
	}
	memcpy(dir->node->tree, id, CHUNK_ID_LEN);
	entry_set(w, dir->parent, slot, dir->node);
}

static void dir_finish(struct walker *w, struct dir_job *dir)
{
	uint8_t id[CHUNK_ID_LEN];
	int e = 0;

	if (archiver_halted(w->a))
		return;
	if (dir->slot && dir->slot->state == ENTRY_GONE)
		return;
	if (is_unchanged(dir)) {
		memcpy(id, dir->record.p, CHUNK_ID_LEN);
		(void)!catalog_keep(w->a->catalog, dir->key);
	} else if (walker_lane(w)) {
		e = build_tree(w, dir, id);
	} else {
		return;
	}
	if (e < 0) {
		archiver_fail(w->a, e);
		return;
	}
	if (dir->parent)
		look_add_below(dir->parent, &dir->below);
	report_up(w, dir, id);
}

void dir_job_done(struct walker *w, struct dir_job *dir)
{
	/* a loop, not a recursion: trees may be thousands of levels deep */
	while (dir &&
	       __atomic_sub_fetch(&dir->pending, 1, __ATOMIC_ACQ_REL) == 0) {
		struct dir_job *parent = dir->parent;

		if (defer_dir(dir))
			return;
		dir_finish(w, dir);
		dir_free(dir);
		dir = parent;
	}
}

/* --- the job --- */

static int read_own_attrs(struct walker *w, struct dir_job *dir)
{
	struct statx st;
	struct span x;
	const struct dirty *set;
	void *p;
	int e;

	if (dir->slot && look_inode(w->a, dir->slot, dir->node, &set)) {
		dir->meta_same = false;
		look_wait(dir->fd, true);
	}
	e = capture_statx(dir->fd, "", &st);
	if (e < 0)
		return e;
	if (st.stx_ino != dir->key.ino && dir->slot)
		return -ESTALE;
	dir->birth =
		(struct node_time){ st.stx_btime.tv_sec, st.stx_btime.tv_nsec };
	if (dir->meta_same || !dir->node)
		return 0;
	e = capture_attrs(w, dir->fd, dir->node);
	if (capture_is_racy(w->a, dir->node))
		dir->node->flags |= NODE_RACY;
	x = dir->node->xattrs;
	if (e < 0 || x.len == 0)
		return e;
	p = dir_copy(dir->parent, x.p, x.len);
	dir->node->xattrs = SPAN(p, x.len);
	return p ? 0 : -ENOMEM;
}

static void init_filter(struct walker *w, struct dir_job *dir)
{
	const struct filter *f = w->a->opt.filter;
	const struct dir_job *parent = dir->parent;
	struct span none = { NULL, 0 };

	if (filter_is_empty(f) || dir->place) {
		filter_dir_init(&dir->filter, NULL, "/", 1);
		return;
	}
	dir->path = archiver_path(dir, none);
	if (!dir->path) {
		archiver_fail(w->a, -ENOMEM);
		return;
	}
	if (!parent || parent->place)
		filter_dir_init(&dir->filter, f, dir->path, strlen(dir->path));
	else
		filter_dir_child(&dir->filter, f, &parent->filter,
				 (const char *)dir->slot->name.p,
				 dir->slot->name.len, dir->path,
				 strlen(dir->path));
	filter_dir_read_tags(&dir->filter, f, dir->fd);
}

/* List dir and decide each name that is no entry yet. */
void dir_read(struct walker *w, struct dir_job *dir)
{
	struct span none = { NULL, 0 };
	size_t known = dir->n_entries;
	int e = list(w, dir);

	if (e < 0) {
		archiver_error(w->a, dir, none, e, "list directory");
		__atomic_store_n(&dir->partial, true, __ATOMIC_RELAXED);
	}
	/* in the order of trees, even if the listing broke off */
	e = order_entries(dir, known);
	if (e == 0)
		stat_entries(w, dir, known);
	if (e == 0 && known > 0)
		e = order_entries(dir, 0);
	if (e < 0)
		archiver_fail(w->a, e);
}

static void dir_work(struct walker *w, struct dir_job *dir)
{
	struct span none = { NULL, 0 };
	int e;

	dir->fd = dir_open(dir);
	e = dir->fd < 0 ? dir->fd : read_own_attrs(w, dir);
	if (dir->fd < 0 || e == -ESTALE) {
		dir_open_failed(w, dir, e);
		return;
	}
	if (e < 0)
		archiver_error(w->a, dir, none, e, "read attributes of");
	COUNT(w->a, dirs, 1);
	load_record(w, dir);
	/* of a place only some names are recorded: each is looked at */
	dir->change = dir->place ? CHANGE_LOOK : look_ask(w, dir);
	if (dir->change == CHANGE_NONE) {
		look_take_whole(w, dir);
		return;
	}
	init_filter(w, dir);
	dir_read(w, dir);
}

void dir_job_run(struct pool_job *job, unsigned int worker)
{
	struct dir_job *dir = (struct dir_job *)job;
	struct walker *w = &dir->a->walkers[worker];

	if (!archiver_halted(w->a))
		dir_work(w, dir);
	if (dir->parent)
		dir_fd_put(w, dir->parent);
	dir_fd_put(w, dir);
	dir_job_done(w, dir);
}
