/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device.c - block devices, each as one large file.
 *
 * A whole device is cut in segments side by side, as a large file is. Of one
 * that was tracked the record's extents stay but for what is marked
 * (patch.c). A later pass does the same to the extents of the pass before,
 * which are in no record yet.
 */
#include "archive/device.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "archive/large_private.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "track/blocks.h"

#define SEGMENT_BYTES (128ull << 20)
#define BOUNCE_MAX ((size_t)1 << 20)
/* Catalog keys of devices: no file system has this number. */
#define DEVICE_FSID 0xde71ce0000000001ull

/* What was read while nothing could be written. */
struct still {
	struct dirty_extent *x;
	size_t n;
	uint8_t *bytes; /* of all extents, one after the other */
};

struct device_job {
	struct large_job f;
	struct archiver *a;
	struct archive_device *dev;
	const struct archive_devices *all;
	struct catalog_key key;
	struct still still;
	struct buf content; /* encoded */
	uint8_t xattrs[64];
};

/* --- reading --- */

static int read_direct(const struct archive_device *dev, void *p, size_t len,
		       uint64_t off)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(dev->fd, (uint8_t *)p + done, len - done,
				  (off_t)(off + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (int)done;
}

/* From memory, if it is there; 0: it is not. */
static size_t from_still(const struct still *s, void *p, size_t len,
			 uint64_t off)
{
	const uint8_t *bytes = s->bytes;
	size_t i, n;

	for (i = 0; i < s->n; i++) {
		const struct dirty_extent *x = &s->x[i];

		if (off >= x->from && off < x->to) {
			n = (size_t)MIN((uint64_t)len, x->to - off);
			memcpy(p, bytes + (off - x->from), n);
			return n;
		}
		bytes += x->to - x->from;
	}
	return 0;
}

static pthread_once_t bounce_once = PTHREAD_ONCE_INIT;
static pthread_key_t bounce_key;

static void make_bounce_key(void)
{
	if (pthread_key_create(&bounce_key, free) != 0)
		abort();
}

/* An aligned buffer of BOUNCE_MAX, until the thread ends; NULL without
 * memory. */
static uint8_t *bounce_of_thread(void)
{
	void *p;

	pthread_once(&bounce_once, make_bounce_key);
	p = pthread_getspecific(bounce_key);
	if (!p && posix_memalign(&p, 1 << 16, BOUNCE_MAX) == 0)
		pthread_setspecific(bounce_key, p);
	return p;
}

/* Any bytes, as pread(2): through an aligned buffer of the thread's own. */
static ssize_t device_read(void *arg, void *p, size_t len, uint64_t off)
{
	const struct device_job *j = arg;
	uint8_t *bounce = bounce_of_thread();
	uint64_t low = off & ~(uint64_t)(j->dev->align - 1);
	size_t skip = (size_t)(off - low), want, n;
	int got;

	n = from_still(&j->still, p, len, off);
	if (n > 0)
		return (ssize_t)n;
	if (!bounce)
		return -ENOMEM;
	want = MIN(len + skip, BOUNCE_MAX);
	want = MIN((want + j->dev->align - 1) & ~(size_t)(j->dev->align - 1),
		   BOUNCE_MAX);
	got = read_direct(j->dev, bounce, want, low);
	if (got < 0)
		return log_fail(got, "read %s at %llu", j->dev->path,
				(unsigned long long)low);
	if ((size_t)got <= skip)
		return log_fail(-EIO, "%s ends at %llu", j->dev->path,
				(unsigned long long)low + (size_t)got);
	n = MIN(len, (size_t)got - skip);
	memcpy(p, bounce + skip, n);
	return (ssize_t)n;
}

/* --- passes --- */

static int whole_segments(struct device_job *j)
{
	struct large_job *f = &j->f;
	size_t n = (size_t)((j->dev->size + SEGMENT_BYTES - 1) / SEGMENT_BYTES);
	size_t i;

	f->segments = calloc(n ? n : 1, sizeof(*f->segments));
	if (!f->segments)
		return -ENOMEM;
	f->n_segments = n;
	for (i = 0; i < n; i++) {
		f->segments[i].file = f;
		f->segments[i].from = i * SEGMENT_BYTES;
		f->segments[i].to = MIN((i + 1) * SEGMENT_BYTES, j->dev->size);
	}
	return 0;
}

static void drop_segments(struct large_job *f)
{
	size_t i;

	for (i = 0; i < f->n_segments; i++)
		free(f->segments[i].pieces);
	free(f->segments);
	f->segments = NULL;
	f->n_segments = 0;
}

static struct device_job *job_of(struct segment *s)
{
	return s->file->read_arg;
}

static int start_lane(struct walker *w)
{
	w->window.len = 0;
	/* the lane comes with the keys that cuts depend on */
	if (!walker_lane(w))
		return -ECANCELED;
	return buf_reserve(&w->window, 2 * CDC_MAX);
}

static void segment_run(struct pool_job *job, unsigned int worker)
{
	struct segment *s = (struct segment *)job;
	struct archiver *a = job_of(s)->a;
	struct walker *w = &a->walkers[worker];
	int e = start_lane(w);

	if (e == 0)
		e = segment_cut(w, s, s->from, s->to);
	if (e == 0 && !archiver_halted(a))
		COUNT(a, bytes, s->to - s->from);
	if (e < 0)
		archiver_fail(a, e);
}

/* Every segment, by all threads. */
static int read_whole(struct device_job *j)
{
	struct archiver *a = j->a;
	size_t i;
	int e = whole_segments(j);

	if (e == 0)
		e = pool_new(a->n_walkers, &a->pool);
	if (e < 0)
		return e;
	for (i = j->f.n_segments; i-- > 0;) {
		j->f.segments[i].job.run = segment_run;
		pool_push(a->pool, &j->f.segments[i].job);
	}
	pool_wait(a->pool);
	pool_free(a->pool);
	a->pool = NULL;
	return archiver_halted(a) ? -ECANCELED : 0;
}

static int extents_of(const struct device_job *j, const struct dirty *set,
		      struct dirty_extent **x, size_t *n)
{
	const struct dirty_inode *in = dirty_find(set, BLOCKS_INO);

	*x = NULL;
	*n = 0;
	return in ? dirty_extents(set, in, j->dev->size, j->dev->size, x, n)
		  : 0;
}

/* old: of the pass before; NULL: the record. */
static int read_marked(struct device_job *j, const struct segment *old,
		       size_t n_old)
{
	struct walker *w = &j->a->walkers[0];
	struct large_job *f = &j->f;
	struct segment *s = calloc(1, sizeof(*s));
	struct segment *was = f->segments;
	size_t n_was = f->n_segments, i;
	int e = s ? start_lane(w) : -ENOMEM;

	if (e < 0) {
		free(s);
		return e;
	}
	s->file = f;
	s->to = j->dev->size;
	e = old ? patch_pieces(w, s, old, n_old) : patch_segment(w, s);
	if (e == 0 && archiver_halted(j->a))
		e = -ECANCELED;
	if (e < 0) {
		free(s->pieces);
		free(s);
		return e;
	}
	for (i = 0; i < n_was; i++)
		free(was[i].pieces);
	free(was);
	f->segments = s;
	f->n_segments = 1;
	return 0;
}

static int first_pass(struct device_job *j)
{
	int e = -EUCLEAN;

	if (j->dev->dirty && j->f.old_content.p) {
		e = extents_of(j, j->dev->dirty, &j->f.extents,
			       &j->f.n_extents);
		if (e == 0)
			e = read_marked(j, NULL, 0);
		if (e == 0)
			COUNT(j->a, bytes, j->dev->size);
	}
	if (e == -EUCLEAN) {
		j->dev->whole = true;
		e = read_whole(j);
	}
	free(TAKE_PTR(j->f.extents));
	j->f.n_extents = 0;
	return e;
}

/* The marked parts into memory: within the time of a freeze. */
static int read_still(struct device_job *j)
{
	struct still *s = &j->still;
	uint64_t sum = 0, done = 0, at;
	size_t i;
	int e = 0;

	for (i = 0; i < j->f.n_extents; i++)
		sum += j->f.extents[i].to - j->f.extents[i].from;
	if (sum > DEVICE_STILL_MAX)
		return -EFBIG;
	s->bytes = malloc(sum ? sum : 1);
	if (!s->bytes)
		return -ENOMEM;
	for (i = 0; e == 0 && i < j->f.n_extents; i++) {
		for (at = j->f.extents[i].from;
		     e == 0 && at < j->f.extents[i].to;) {
			ssize_t n =
				device_read(j, s->bytes + done,
					    (size_t)MIN(j->f.extents[i].to - at,
							(uint64_t)BOUNCE_MAX),
					    at);

			e = n < 0 ? (int)n : 0;
			at += n < 0 ? 0 : (uint64_t)n;
			done += n < 0 ? 0 : (uint64_t)n;
		}
	}
	s->x = j->f.extents;
	s->n = e < 0 ? 0 : j->f.n_extents;
	return e;
}

static void still_release(struct still *s)
{
	free(s->bytes);
	memset(s, 0, sizeof(*s));
}

/* What was written since the last pass. 0: there is to be another one. 1: it
 * was the last. */
static int later_pass(struct device_job *j)
{
	const struct dirty *set = NULL;
	int pass = j->all->next(j->all->arg, j->dev, &set);
	int e = pass < 0 ? pass : 0, r;

	if (e < 0 || pass == DEVICE_DONE)
		return e < 0 ? e : 1;
	e = extents_of(j, set, &j->f.extents, &j->f.n_extents);
	if (e == 0 && pass == DEVICE_STILL) {
		r = read_still(j);
		e = r == -ENOMEM ? r : 0;
		/* what did not come in time is read as in any other pass */
		if (j->all->release(j->all->arg, j->dev, r == 0) < 0 || r < 0)
			still_release(&j->still);
	}
	if (e == 0)
		e = read_marked(j, j->f.segments, j->f.n_segments);
	still_release(&j->still);
	free(TAKE_PTR(j->f.extents));
	j->f.n_extents = 0;
	return e;
}

/* --- the record of the last time --- */

static void set_key(struct device_job *j)
{
	uint8_t hash[SHA256_LEN];

	sha256_once(SPAN(j->dev->path, strlen(j->dev->path)), hash);
	j->key = (struct catalog_key){ DEVICE_FSID, get_le64(hash) };
}

static void find_old(struct device_job *j)
{
	struct archiver *a = j->a;
	struct record_iter it;
	struct span record;

	if (!a->catalog)
		return;
	record = catalog_get(a->catalog, j->key);
	if (record.len < CHUNK_ID_LEN)
		return;
	if (!a->catalog_is_current && !archiver_has(a, record.p))
		return;
	record_open(&it, record);
	if (!it.has || it.damaged || it.node.type != NODE_FILE ||
	    it.node.size != j->dev->size)
		return;
	j->f.old_content = it.node.content;
	j->f.old_size = it.node.size;
}

static int put_nothing(void *arg, enum chunk_kind kind, struct span bytes,
		       uint8_t id[CHUNK_ID_LEN])
{
	(void)arg;
	(void)kind;
	(void)bytes;
	memset(id, 0, CHUNK_ID_LEN);
	return 0;
}

/* A record of one entry: the tree is told by its root. */
static int put_record(struct device_job *j, const uint8_t root[CHUNK_ID_LEN])
{
	const struct node *n = &j->f.node;
	struct record_head h = { 0 };
	uint8_t head[RECORD_HEAD_LEN], id[CHUNK_ID_LEN];
	CLEANUP_BUF struct buf raw = BUF_INIT(CHUNK_MAX);
	struct tree_builder b;
	int e = tree_entry_encode(n, &raw);

	tree_builder_init(&b, DEVICE_FSID, put_nothing, NULL, NULL);
	b.keep_record = true;
	record_head_encode(&h, head);
	if (e == 0)
		e = buf_append(&b.record, head, sizeof(head));
	if (e == 0)
		e = tree_builder_add(&b, n->name, n->uid, n->gid,
				     SPAN_OF(&raw));
	if (e == 0)
		e = tree_builder_finish(&b, id);
	if (e == 0)
		e = catalog_put(j->a->catalog, j->key, root,
				SPAN_OF(&b.record));
	tree_builder_release(&b);
	return e;
}

/* --- one device --- */

/* count 1, name, value */
static int set_xattr(struct device_job *j)
{
	struct buf b = BUF_INIT(sizeof(j->xattrs));
	char value[24];
	int n = snprintf(value, sizeof(value), "%u:%u", j->dev->major,
			 j->dev->minor);
	int e = buf_varint(&b, 1);

	if (e == 0)
		e = buf_bytes(&b, DEVICE_XATTR, strlen(DEVICE_XATTR));
	if (e == 0)
		e = buf_bytes(&b, value, (size_t)n);
	if (e == 0) {
		memcpy(j->xattrs, b.p, b.len);
		j->f.node.xattrs = SPAN(j->xattrs, b.len);
		j->f.node.flags |= NODE_HAS_XATTRS;
	}
	buf_release(&b);
	return e;
}

bool device_of_image(const struct node *n, char out[static 32])
{
	struct reader rd = reader_of(n->xattrs);
	uint64_t left = n->xattrs.len ? rd_varint(&rd) : 0;
	struct span name, value;

	if (n->type != NODE_FILE)
		return false;
	while (left > 0 && attr_next_xattr(&rd, &left, &name, &value) == 1) {
		if (name.len != strlen(DEVICE_XATTR) ||
		    memcmp(name.p, DEVICE_XATTR, name.len) != 0)
			continue;
		/* anybody may have set it */
		log_printable(out, 32, value.p, value.len);
		return true;
	}
	return false;
}

static int init_node(struct device_job *j)
{
	const char *slash = strrchr(j->dev->path, '/');
	struct node *n = &j->f.node;
	struct statx st;

	if (statx(AT_FDCWD, j->dev->path, 0, ATTR_STATX_MASK, &st) < 0)
		return log_fail(-errno, "stat %s", j->dev->path);
	attr_from_statx(&st, n);
	n->fsid = DEVICE_FSID;
	n->type = NODE_FILE;
	n->flags = 0;
	n->mode = 0600;
	n->major = n->minor = 0;
	n->size = j->dev->size;
	n->name = SPAN(slash + 1, strlen(slash + 1));
	return set_xattr(j);
}

static bool is_as_before(const struct device_job *j)
{
	const struct span *old = &j->f.old_content;

	return old->p && old->len == j->content.len &&
	       !memcmp(old->p, j->content.p, old->len);
}

static int finish(struct device_job *j, bool had_old)
{
	struct walker *w = &j->a->walkers[0];
	struct archiver *a = j->a;
	int e = large_content(w, j->f.segments, j->f.n_segments, &j->f.node);

	if (e == 0)
		e = buf_append(&j->content, j->f.node.content.p,
			       j->f.node.content.len);
	if (e < 0)
		return archiver_fail(a, e);
	j->f.node.content = SPAN_OF(&j->content);
	if (j->dev->partial) {
		j->f.node.flags |= NODE_PARTIAL;
		COUNT(a, errors, 1);
	}
	COUNT(a, files, 1);
	if (is_as_before(j))
		COUNT(a, files_unchanged, 1);
	else if (had_old)
		COUNT(a, files_changed, 1);
	else
		COUNT(a, files_new, 1);
	return 0;
}

static int run_device(struct device_job *j)
{
	int e, more = 0;

	j->f.read = device_read;
	j->f.read_arg = j;
	j->f.zeros_are_holes = true;
	j->f.fd = j->dev->fd;
	j->f.before.stx_size = j->dev->size;
	e = init_node(j);
	if (e < 0)
		return archiver_fail(j->a, e);
	set_key(j);
	find_old(j);
	e = first_pass(j);
	while (e == 0 && more == 0 && j->all->next) {
		more = later_pass(j);
		e = more < 0 ? more : 0;
	}
	if (e == 0)
		e = finish(j, j->f.old_content.p != NULL);
	if (e < 0 && !archiver_halted(j->a))
		return archiver_fail(j->a, e);
	return e;
}

/* --- the tree --- */

struct tree_run {
	struct archiver *a;
	struct device_job *jobs;
	size_t n;
};

static int build(struct tree_run *t, const struct place *p, const char *path,
		 uint8_t id[CHUNK_ID_LEN]);

static const char *owner_name(void *arg, bool group, uint32_t id)
{
	(void)arg;
	return attr_owner_name(group, id);
}

static int dir_node(struct tree_run *t, const struct place *p, const char *path,
		    struct node *n)
{
	struct statx st;

	memset(n, 0, sizeof(*n));
	if (statx(AT_FDCWD, path, 0, ATTR_STATX_MASK, &st) < 0)
		return log_fail(-errno, "stat %s", path);
	attr_from_statx(&st, n);
	n->fsid = DEVICE_FSID;
	n->type = NODE_DIR;
	n->name = SPAN(p->name, strlen(p->name));
	return build(t, p, path, n->tree);
}

static int child_node(struct tree_run *t, const struct place *p,
		      const char *path, struct node *n)
{
	size_t i;

	if (!p->is_source)
		return dir_node(t, p, path, n);
	for (i = 0; i < t->n; i++)
		if (!strcmp(t->jobs[i].dev->path, path)) {
			*n = t->jobs[i].f.node;
			return 0;
		}
	return -ENOENT;
}

static int place_order(const void *a, const void *b)
{
	return strcmp((*(struct place *const *)a)->name,
		      (*(struct place *const *)b)->name);
}

/* Its depth is that of a device's path. */
static int build(struct tree_run *t, const struct place *p, const char *path,
		 uint8_t id[CHUNK_ID_LEN])
{
	CLEANUP_BUF struct buf raw = BUF_INIT(CHUNK_MAX);
	CLEANUP_FREE const struct place **list = NULL;
	struct walker *w = &t->a->walkers[0];
	const struct place *child;
	struct tree_builder b;
	size_t n = 0, i;
	int e = 0;

	for (child = p->children; child; child = child->next)
		n++;
	list = calloc(n + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (child = p->children, i = 0; child; child = child->next)
		list[i++] = child;
	qsort(list, n, sizeof(struct place *), place_order);
	tree_builder_init(&b, DEVICE_FSID, walker_put, owner_name, w);
	for (i = 0; e == 0 && i < n; i++) {
		CLEANUP_FREE char *below = NULL;
		struct node node;

		if (asprintf(&below, "%s/%s", path, list[i]->name) < 0) {
			below = NULL;
			e = -ENOMEM;
			break;
		}
		e = child_node(t, list[i], below, &node);
		raw.len = 0;
		if (e == 0)
			e = tree_entry_encode(&node, &raw);
		if (e == 0)
			e = tree_builder_add(&b, node.name, node.uid, node.gid,
					     SPAN_OF(&raw));
	}
	if (e == 0)
		e = tree_builder_finish(&b, id);
	tree_builder_release(&b);
	return e;
}

int device_run(struct archiver *a)
{
	const struct archive_devices *all = a->devices;
	CLEANUP_FREE struct device_job *jobs = calloc(all->n, sizeof(*jobs));
	struct tree_run t = { a, jobs, all->n };
	size_t i;
	int e = jobs ? 0 : -ENOMEM;

	for (i = 0; e == 0 && i < all->n; i++) {
		jobs[i].a = a;
		jobs[i].all = all;
		jobs[i].dev = &all->v[i];
		jobs[i].content = BUF_INIT(CHUNK_MAX);
		e = run_device(&jobs[i]);
	}
	if (e == 0)
		e = walker_lane(&a->walkers[0])
			    ? build(&t, &a->root, "", a->tree)
			    : -ECANCELED;
	/* Without its record the next run reads more; no reason to fail. */
	for (i = 0; e == 0 && a->catalog && i < all->n; i++)
		(void)!put_record(&jobs[i], a->tree);
	for (i = 0; jobs && i < all->n; i++) {
		drop_segments(&jobs[i].f);
		buf_release(&jobs[i].content);
	}
	return e;
}
