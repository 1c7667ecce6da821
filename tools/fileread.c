/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fileread.c - a cache of proved chunks, and files read through it.
 */
#include "tools/fileread.h"

#include <errno.h>

#include "base/log.h"

#define SLOTS 64
#define BAD_MAX 64

/* --- the cache --- */

struct cached_chunk {
	uint8_t id[CHUNK_ID_LEN];
	unsigned int pins;
	bool ready;
	int error;
	uint64_t stamp; /* of the last use */
	struct buf bytes;
};

struct chunkcache {
	size_t max;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* guarded by lock */
	size_t bytes;
	uint64_t clock;
	struct cached_chunk *slots[SLOTS];
	uint8_t bad[BAD_MAX][CHUNK_ID_LEN]; /* known to be damaged */
	unsigned int n_bad;
};

int chunkcache_new(size_t max, struct chunkcache **out)
{
	struct chunkcache *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->max = max;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->changed, NULL);
	*out = c;
	return 0;
}

static void chunk_free(struct cached_chunk *k)
{
	buf_release(&k->bytes);
	free(k);
}

void chunkcache_free(struct chunkcache *c)
{
	int i;

	if (!c)
		return;
	for (i = 0; i < SLOTS; i++)
		if (c->slots[i])
			chunk_free(c->slots[i]);
	pthread_mutex_destroy(&c->lock);
	pthread_cond_destroy(&c->changed);
	free(c);
}

/* Drop chunks that nobody holds, oldest first, until there is a slot and
 * the rest is small enough. Returns the slot, or -1. lock: held. */
static int make_room(struct chunkcache *c)
{
	for (;;) {
		int i, empty = -1, oldest = -1;

		for (i = 0; i < SLOTS; i++) {
			struct cached_chunk *k = c->slots[i];

			if (!k)
				empty = i;
			else if (k->pins == 0 &&
				 (oldest < 0 ||
				  k->stamp < c->slots[oldest]->stamp))
				oldest = i;
		}
		if (empty >= 0 && (oldest < 0 || c->bytes <= c->max))
			return empty;
		if (oldest < 0)
			return -1;
		c->bytes -= c->slots[oldest]->bytes.len;
		chunk_free(c->slots[oldest]);
		c->slots[oldest] = NULL;
	}
}

static struct cached_chunk *find_slot(struct chunkcache *c,
				      const uint8_t id[CHUNK_ID_LEN])
{
	int i;

	for (i = 0; i < SLOTS; i++)
		if (c->slots[i] && !memcmp(c->slots[i]->id, id, CHUNK_ID_LEN) &&
		    !c->slots[i]->error)
			return c->slots[i];
	return NULL;
}

static bool is_bad(const struct chunkcache *c, const uint8_t id[CHUNK_ID_LEN])
{
	unsigned int i;

	for (i = 0; i < MIN(c->n_bad, (unsigned int)BAD_MAX); i++)
		if (!memcmp(c->bad[i], id, CHUNK_ID_LEN))
			return true;
	return false;
}

/* The chunk, pinned; *load: the caller fills it. NULL: no room or memory.
 * lock: held. */
static struct cached_chunk *claim(struct chunkcache *c,
				  const uint8_t id[CHUNK_ID_LEN], bool *load)
{
	struct cached_chunk *k = find_slot(c, id);
	int slot;

	*load = !k;
	if (!k) {
		slot = make_room(c);
		k = slot < 0 ? NULL : calloc(1, sizeof(*k));
		if (!k)
			return NULL;
		memcpy(k->id, id, CHUNK_ID_LEN);
		k->bytes = BUF_INIT(CHUNK_MAX);
		c->slots[slot] = k;
	}
	k->pins++;
	k->stamp = ++c->clock;
	return k;
}

static void chunk_put(struct chunkcache *c, struct cached_chunk *k)
{
	int i;

	pthread_mutex_lock(&c->lock);
	if (--k->pins == 0 && k->error) {
		for (i = 0; i < SLOTS; i++)
			if (c->slots[i] == k)
				c->slots[i] = NULL;
		chunk_free(k);
	}
	pthread_mutex_unlock(&c->lock);
}

static int load_chunk(struct cached_chunk *k, struct repo_reader *rr)
{
	struct chunk_ref ref = { { NULL, 0 }, NULL };
	int e = repo_chunk_get(rr, CHUNK_DATA, k->id, &ref);

	if (e < 0)
		return e;
	e = buf_append(&k->bytes, ref.data.p, ref.data.len);
	repo_chunk_put(rr, &ref);
	return e;
}

/* lock: held. */
static void note_loaded(struct chunkcache *c, struct cached_chunk *k, int e)
{
	k->ready = true;
	k->error = e;
	c->bytes += e == 0 ? k->bytes.len : 0;
	/* What a later try may mend is tried, and logged, again. */
	if (e == -EBADMSG || e == -EUCLEAN || e == -ENOENT)
		memcpy(c->bad[c->n_bad++ % BAD_MAX], k->id, CHUNK_ID_LEN);
	pthread_cond_broadcast(&c->changed);
}

static int chunk_get(struct chunkcache *c, struct repo_reader *rr,
		     const uint8_t id[CHUNK_ID_LEN], struct cached_chunk **out)
{
	struct cached_chunk *k;
	bool load = false;
	int e;

	pthread_mutex_lock(&c->lock);
	k = is_bad(c, id) ? NULL : claim(c, id, &load);
	if (!k) {
		e = is_bad(c, id) ? -EIO : -ENOMEM;
		pthread_mutex_unlock(&c->lock);
		return e;
	}
	if (load) {
		pthread_mutex_unlock(&c->lock);
		e = load_chunk(k, rr);
		pthread_mutex_lock(&c->lock);
		note_loaded(c, k, e);
	}
	while (!k->ready)
		pthread_cond_wait(&c->changed, &c->lock);
	e = k->error;
	pthread_mutex_unlock(&c->lock);
	if (e < 0) {
		chunk_put(c, k);
		return e == -ENOMEM ? e : -EIO;
	}
	*out = k;
	return 0;
}

static bool chunk_is_cached(struct chunkcache *c,
			    const uint8_t id[CHUNK_ID_LEN])
{
	bool is;

	pthread_mutex_lock(&c->lock);
	is = find_slot(c, id) || is_bad(c, id);
	pthread_mutex_unlock(&c->lock);
	return is;
}

/* --- a file's extents --- */

int fileread_open(const struct node *n, struct fileread **out)
{
	struct fileread *f = calloc(1, sizeof(*f));
	int e;

	if (!f)
		return -ENOMEM;
	f->users = 1;
	f->size = n->size;
	f->content = BUF_INIT(CHUNK_MAX);
	pthread_mutex_init(&f->lock, NULL);
	e = buf_append(&f->content, n->content.p, n->content.len);
	if (e < 0) {
		fileread_free(f);
		return e;
	}
	*out = f;
	return 0;
}

void fileread_hold(struct fileread *f)
{
	__atomic_add_fetch(&f->users, 1, __ATOMIC_RELAXED);
}

void fileread_free(struct fileread *f)
{
	if (!f || __atomic_sub_fetch(&f->users, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	pthread_mutex_destroy(&f->lock);
	buf_release(&f->content);
	free(f->run);
	free(f);
}

static int run_add(struct fileread *f, uint64_t at, const struct extent *x)
{
	struct file_extent *item;

	if (f->n == f->cap) {
		size_t cap = f->cap ? 2 * f->cap : 16;
		void *p = realloc(f->run, cap * sizeof(*f->run));

		if (!p)
			return -ENOMEM;
		f->run = p;
		f->cap = cap;
	}
	item = &f->run[f->n++];
	*item = (struct file_extent){
		.at = at, .len = x->len, .kind = x->kind, .offset = x->offset
	};
	if (x->kind != EXTENT_HOLE)
		memcpy(item->id, x->id, CHUNK_ID_LEN);
	return 0;
}

/* All extents of one list, which begins at `at` in the file and must be len
 * long. lock: held. */
static int run_fill(struct fileread *f, struct content_iter *it, uint64_t at,
		    uint64_t len)
{
	struct extent x;
	int e;

	f->n = 0;
	f->from = f->to = at;
	while ((e = content_next(it, &x)) == 1) {
		if (x.len > at + len - f->to)
			return -EUCLEAN;
		e = run_add(f, f->to, &x);
		if (e < 0)
			return e;
		f->to += x.len;
	}
	return e == 0 && f->to != at + len ? -EUCLEAN : e;
}

/* Of the maps that it lists, the one that covers off. */
static int find_map(struct content_iter *it, uint64_t off, uint64_t *at,
		    uint64_t *len, uint8_t id[CHUNK_ID_LEN])
{
	uint64_t end = *at + *len, from = *at;
	struct extent x;
	int e;

	while ((e = content_next(it, &x)) == 1) {
		if (x.len > end - from)
			return -EUCLEAN;
		if (off < from + x.len) {
			memcpy(id, x.id, CHUNK_ID_LEN);
			*at = from;
			*len = x.len;
			return 0;
		}
		from += x.len;
	}
	return e < 0 ? e : -EUCLEAN;
}

/* Make the run cover off, which is below the size. lock: held. */
static int run_seek(struct fileread *f, struct repo_reader *rr, uint64_t off)
{
	struct chunk_ref ref = { { NULL, 0 }, NULL };
	struct span list = SPAN_OF(&f->content);
	uint64_t at = 0, len = f->size;
	uint8_t id[CHUNK_ID_LEN];
	struct content_iter it;
	int depth = -1, e;

	if (off >= f->from && off < f->to)
		return 0;
	for (;;) {
		e = content_open(list, &it);
		if (e == 0 && depth >= 0 && it.depth != depth)
			e = -EUCLEAN;
		if (e == 0 && it.depth == 0)
			e = run_fill(f, &it, at, len);
		else if (e == 0)
			e = find_map(&it, off, &at, &len, id);
		if (e < 0 || it.depth == 0)
			break;
		depth = it.depth - 1;
		repo_chunk_put(rr, &ref);
		e = repo_chunk_get(rr, CHUNK_MAP, id, &ref);
		if (e < 0)
			break;
		list = ref.data;
	}
	repo_chunk_put(rr, &ref);
	if (e < 0)
		f->from = f->to = 0;
	return e;
}

/* The extent at off. lock: held. */
static int extent_at(struct fileread *f, struct repo_reader *rr, uint64_t off,
		     struct file_extent *out)
{
	size_t lo = 0, hi;
	int e = run_seek(f, rr, off);

	if (e < 0)
		return e == -ENOMEM ? e : -EIO;
	for (hi = f->n; hi - lo > 1;) {
		size_t mid = lo + (hi - lo) / 2;

		if (f->run[mid].at <= off)
			lo = mid;
		else
			hi = mid;
	}
	*out = f->run[lo];
	return 0;
}

static int find_extent(struct fileread *f, struct repo_reader *rr, uint64_t off,
		       struct file_extent *out)
{
	int e;

	pthread_mutex_lock(&f->lock);
	e = extent_at(f, rr, off, out);
	pthread_mutex_unlock(&f->lock);
	return e;
}

/* --- reading --- */

int fileread_get(struct fileread *f, struct chunkcache *c,
		 struct repo_reader *rr, uint64_t off, size_t len,
		 struct fileread_piece *out)
{
	struct cached_chunk *k = NULL;
	struct file_extent x;
	uint64_t skip;
	int e;

	memset(out, 0, sizeof(*out));
	if (off >= f->size || len == 0)
		return 0;
	e = find_extent(f, rr, off, &x);
	if (e < 0)
		return e;
	skip = off - x.at;
	out->len = (size_t)MIN((uint64_t)len, x.len - skip);
	if (x.kind == EXTENT_HOLE)
		return 0;
	e = chunk_get(c, rr, x.id, &k);
	if (e < 0)
		return e;
	if (x.offset > k->bytes.len || x.len > k->bytes.len - x.offset) {
		chunk_put(c, k);
		log_error("an extent that its chunk does not hold");
		return -EIO;
	}
	out->p = k->bytes.p + x.offset + skip;
	out->chunk = k;
	return 0;
}

void fileread_put(struct chunkcache *c, struct fileread_piece *piece)
{
	if (piece->chunk)
		chunk_put(c, piece->chunk);
	piece->chunk = NULL;
}

void fileread_ahead(struct fileread *f, struct chunkcache *c,
		    struct repo_reader *rr, uint64_t end)
{
	struct cached_chunk *k;
	struct file_extent x;
	uint64_t next;
	bool in_order;
	int e;

	pthread_mutex_lock(&f->lock);
	/* Reads of one stream may pass each other on the way. */
	in_order = end > f->last_end && end - f->last_end <= (1u << 20);
	f->last_end = end;
	if (!in_order || end >= f->size) {
		pthread_mutex_unlock(&f->lock);
		return;
	}
	e = extent_at(f, rr, end - 1, &x);
	next = x.at + x.len;
	if (e == 0 && next < f->size)
		e = extent_at(f, rr, next, &x);
	pthread_mutex_unlock(&f->lock);
	if (e < 0 || next >= f->size || x.kind == EXTENT_HOLE ||
	    chunk_is_cached(c, x.id))
		return;
	if (chunk_get(c, rr, x.id, &k) == 0)
		chunk_put(c, k);
}

int64_t fileread_seek(struct fileread *f, struct repo_reader *rr, uint64_t off,
		      bool data)
{
	struct file_extent x;
	int e;

	while (off < f->size) {
		e = find_extent(f, rr, off, &x);
		if (e < 0)
			return e;
		if ((x.kind != EXTENT_HOLE) == data)
			return (int64_t)off;
		off = x.at + x.len;
	}
	/* there is a hole behind the end of every file */
	return data ? -ENXIO : (int64_t)f->size;
}
