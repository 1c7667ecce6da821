/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_pack.c - packs: there, of the right size, and what is in them.
 *
 * A pack is read once, from its header to its trailer, for its hash; on the
 * way each frame is opened and its chunks are compared with their ids. The
 * frame numbers of chunks that cannot be read are kept until the pack's end,
 * and then one pass over the tables gives those chunks their bad bit.
 */
#include "repo/check_private.h"

#include <errno.h>

#include "base/log.h"

#define TAIL_STEP (1u << 20)

static int pack_order(const void *a, const void *b)
{
	const struct check_pack *x = a, *y = b;

	return memcmp(x->pack.id, y->pack.id, OBJECT_ID_LEN);
}

static struct check_pack *pack_find(struct check *c,
				    const uint8_t id[OBJECT_ID_LEN])
{
	struct check_pack key = { 0 };

	memcpy(key.pack.id, id, OBJECT_ID_LEN);
	return c->n_packs ? bsearch(&key, c->packs, c->n_packs, sizeof(key),
				    pack_order)
			  : NULL;
}

/* --- which packs there should be --- */

static void disagree(struct check *c, const struct index_pack *pack)
{
	char name[HEX_LEN(OBJECT_ID_LEN)];

	check_problem(c, CHECK_PACK, hex_encode(name, pack->id, OBJECT_ID_LEN),
		      CHECK_NOWHERE, "two indexes disagree about it");
}

/* Sort, and keep one of each. */
static void unique_packs(struct check *c, uint32_t n)
{
	uint32_t i, kept = 0;

	if (n)
		qsort(c->packs, n, sizeof(*c->packs), pack_order);
	for (i = 0; i < n; i++) {
		struct check_pack *p = &c->packs[i], *last;

		last = kept ? &c->packs[kept - 1] : NULL;
		if (!last || pack_order(last, p) != 0)
			c->packs[kept++] = *p;
		else if (last->pack.size != p->pack.size ||
			 last->pack.type != p->pack.type)
			disagree(c, &p->pack);
	}
	c->n_packs = kept;
}

static int gather_packs(struct check *c)
{
	unsigned int t;
	uint32_t p, n = 0;

	for (t = 0; t < c->index.count; t++)
		n += c->index.tables[t].packs;
	c->packs = calloc(n + 1u, sizeof(*c->packs));
	if (!c->packs)
		return -ENOMEM;
	for (n = 0, t = 0; t < c->index.count; t++)
		for (p = 0; p < c->index.tables[t].packs; p++)
			c->packs[n++] = (struct check_pack){
				.pack = table_pack(&c->index.tables[t], p),
				.missing = true, /* until it is listed */
			};
	unique_packs(c, n);
	for (t = 0; t < c->index.count; t++)
		for (p = 0; p < c->index.tables[t].packs; p++)
			c->tables[t].packs[p] =
				(uint32_t)(pack_find(c,
						     table_pack(
							     &c->index.tables[t],
							     p)
							     .id) -
					   c->packs);
	return 0;
}

static int pack_fn(void *arg, const char *name, uint64_t size)
{
	struct check *c = arg;
	uint8_t id[OBJECT_ID_LEN];
	struct check_pack *p;

	if (hex_decode(id, sizeof(id), name, strlen(name)) < 0)
		return 0;
	p = pack_find(c, id);
	if (p) {
		p->missing = false;
		if (p->pack.size != size)
			check_problem(c, CHECK_PACK, name, CHECK_NOWHERE,
				      "it has %llu bytes, not %llu",
				      (unsigned long long)size,
				      (unsigned long long)p->pack.size);
	} else if (idlist_has(&repo_head(c->repo)->doomed, id)) {
		c->rep->doomed_packs++;
		c->rep->doomed_bytes += size;
	} else {
		c->rep->stray_packs++;
		c->rep->stray_bytes += size;
	}
	return 0;
}

int check_packs(struct check *c)
{
	char name[HEX_LEN(OBJECT_ID_LEN)];
	uint32_t i;
	int e = gather_packs(c);

	if (e == 0)
		e = store_list(repo_store(c->repo), STORE_PACK, pack_fn, c);
	for (i = 0; e == 0 && i < c->n_packs; i++) {
		const struct check_pack *p = &c->packs[i];

		c->rep->packs++;
		c->rep->pack_bytes += p->pack.size;
		hex_encode(name, p->pack.id, OBJECT_ID_LEN);
		if (p->missing)
			check_problem(c, CHECK_PACK, name, CHECK_NOWHERE,
				      "missing");
		if (idlist_has(&repo_head(c->repo)->doomed, p->pack.id))
			check_problem(c, CHECK_PACK, name, CHECK_NOWHERE,
				      "an index relies on it, but prune has "
				      "condemned it");
	}
	return e;
}

/* --- reading packs --- */

struct data_worker {
	struct repo_reader *reader;
	struct chunk_ids ids;
	struct sha256 *hash;
	struct buf directory, sealed, raw;
};

/* What a pack's reading found. */
struct reading {
	struct check *c;
	const struct check_pack *p;
	struct data_worker *w;
	char name[HEX_LEN(OBJECT_ID_LEN)];
	bool whole;	  /* every byte could be read */
	bool told;	  /* that something is wrong */
	uint64_t matched; /* chunks that the index has in the same place */
	struct buf bad;	  /* a byte per frame, not 0: not readable */
};

static void found(struct reading *rd, const char *what, uint32_t frame, int err)
{
	rd->told = true;
	check_problem(rd->c, CHECK_PACK, rd->name, CHECK_NOWHERE, "%s %u: %s",
		      what, frame, log_strerror(err));
}

static int mark_bad(struct reading *rd, uint32_t frame)
{
	int e = 0;

	if (rd->bad.len <= frame)
		e = buf_fill(&rd->bad, 0, frame + 1 - rd->bad.len);
	if (e == 0)
		rd->bad.p[frame] = 1;
	return e;
}

/* Give the chunks of the marked frames their bit. */
static void spread_bad(struct reading *rd)
{
	struct check *c = rd->c;
	uint32_t mine = (uint32_t)(rd->p - c->packs), i;
	unsigned int t;

	for (t = 0; rd->bad.len && t < c->index.count; t++) {
		const struct table *table = &c->index.tables[t];

		for (i = 0; i < table->chunks; i++) {
			struct index_frame f =
				table_frame(table, table_chunk(table, i).frame);

			if (c->tables[t].packs[f.pack] == mine &&
			    f.number < rd->bad.len && rd->bad.p[f.number])
				check_bit_set(c->tables[t].bad, i);
		}
	}
}

/* Count in how many tables the chunk stands in exactly this place. */
static void match(struct reading *rd, const struct index_frame *f,
		  const uint8_t *id, uint32_t offset, uint32_t len)
{
	struct check *c = rd->c;
	unsigned int t;

	for (t = 0; t < c->index.count; t++) {
		const struct table *table = &c->index.tables[t];
		int64_t pos = table_find(table, id);
		struct index_chunk chunk;
		struct index_frame have;

		if (pos < 0)
			continue;
		chunk = table_chunk(table, (uint32_t)pos);
		have = table_frame(table, chunk.frame);
		rd->matched +=
			&c->packs[c->tables[t].packs[have.pack]] == rd->p &&
			have.number == f->number && have.offset == f->offset &&
			have.sealed_len == f->sealed_len &&
			have.raw_len == f->raw_len &&
			have.compressed == f->compressed &&
			chunk.offset == offset && chunk.len == len;
	}
}

/* Is data what id says? A tree pack holds trees and maps. */
static bool is_genuine(struct reading *rd, struct span data, const uint8_t *id)
{
	bool tree = rd->p->pack.type == OBJECT_PACK_TREE;
	uint8_t have[CHUNK_ID_LEN];

	chunk_ids_of(&rd->w->ids, tree ? CHUNK_TREE : CHUNK_DATA, data, have);
	if (tree && memcmp(have, id, CHUNK_ID_LEN) != 0)
		chunk_ids_of(&rd->w->ids, CHUNK_MAP, data, have);
	return memcmp(have, id, CHUNK_ID_LEN) == 0;
}

/* raw NULL: the frame could not be opened. -EBADMSG: a chunk is wrong. */
static int frame_chunks(struct reading *rd, const struct pack_frame *f,
			const struct buf *raw)
{
	struct reader list = reader_of(f->list);
	uint32_t len, offset = 0;
	const uint8_t *id;
	int e = 0, r;

	while ((r = pack_chunk_next(&list, &id, &len)) == 1) {
		match(rd, &f->frame, id, offset, len);
		if (raw && !is_genuine(rd, SPAN(raw->p + offset, len), id))
			e = -EBADMSG;
		offset += len;
	}
	return r < 0 ? r : e;
}

static int read_frame(struct reading *rd, const struct pack_frame *f)
{
	struct data_worker *w = rd->w;
	const struct index_pack *pack = &rd->p->pack;
	int e = repo_frame_sealed(w->reader, pack, &f->frame, &w->sealed);
	int chunks;

	if (e == 0) {
		sha256_update(w->hash, SPAN_OF(&w->sealed));
		check_count(&rd->c->rep->bytes_read, w->sealed.len);
		e = repo_frame_open(w->reader, pack, &f->frame, &w->sealed,
				    &w->raw);
	} else {
		rd->whole = false;
	}
	if (e == -ENOMEM)
		return e;
	chunks = frame_chunks(rd, f, e == 0 ? &w->raw : NULL);
	if (e == 0)
		e = chunks;
	if (e == 0)
		return 0;
	found(rd, "frame", f->frame.number, e);
	return mark_bad(rd, f->frame.number);
}

/* Hash what no frame covers. */
static int hash_range(struct reading *rd, uint64_t from, uint64_t to)
{
	struct data_worker *w = rd->w;
	int e = 0;

	while (e == 0 && from < to && !check_stopped(rd->c)) {
		size_t n = MIN((uint64_t)TAIL_STEP, to - from);

		w->sealed.len = 0;
		e = buf_reserve(&w->sealed, n);
		if (e == 0)
			e = store_get_range(repo_store(rd->c->repo), STORE_PACK,
					    rd->name, from, w->sealed.p, n);
		if (e == 0) {
			sha256_update(w->hash, SPAN(w->sealed.p, n));
			check_count(&rd->c->rep->bytes_read, n);
		}
		from += n;
	}
	return e;
}

static int read_frames(struct reading *rd, uint64_t *end)
{
	struct pack_dir_iter it;
	struct pack_frame f;
	int e = pack_dir_open(SPAN_OF(&rd->w->directory), &it);

	while (e == 0 && (e = pack_dir_next(&it, &f)) == 1) {
		*end = f.frame.offset + f.frame.sealed_len;
		if (*end > rd->p->pack.size)
			return -EUCLEAN;
		e = check_stopped(rd->c) ? -ECANCELED : read_frame(rd, &f);
	}
	return e;
}

/* Without its directory a pack can still be read by the index. */
static int read_by_index(struct reading *rd)
{
	struct check *c = rd->c;
	struct data_worker *w = rd->w;
	unsigned int t;
	uint32_t i;
	int e = 0;

	for (t = 0; t < c->index.count; t++)
		for (i = 0; e == 0 && i < c->index.tables[t].frames; i++) {
			struct index_frame f =
				table_frame(&c->index.tables[t], i);

			if (&c->packs[c->tables[t].packs[f.pack]] == rd->p &&
			    repo_frame_read(w->reader, &rd->p->pack, &f,
					    &w->raw) < 0) {
				found(rd, "frame", f.number, -EBADMSG);
				e = mark_bad(rd, f.number);
			}
		}
	return e;
}

static int read_inside(struct reading *rd)
{
	struct data_worker *w = rd->w;
	uint64_t end = SEAL_HEADER_LEN;
	int e, r;

	r = pack_read_directory(rd->c->repo, &rd->p->pack, &w->directory);
	e = hash_range(rd, 0, MIN(end, rd->p->pack.size));
	if (r == 0 && e == 0) {
		r = read_frames(rd, &end);
		if (r == 0 && rd->matched != rd->p->expected)
			check_problem(rd->c, CHECK_PACK, rd->name,
				      CHECK_NOWHERE,
				      "of %llu chunks that the index has in "
				      "it, %llu are there",
				      (unsigned long long)rd->p->expected,
				      (unsigned long long)rd->matched);
	}
	if (r == -ENOMEM || r == -ECANCELED)
		return r;
	if (e == 0)
		e = hash_range(rd, end, rd->p->pack.size);
	if (e < 0)
		rd->whole = false;
	rd->told |= r < 0 || e < 0;
	if (r < 0)
		check_problem(rd->c, CHECK_PACK, rd->name, CHECK_NOWHERE,
			      "its directory: %s", log_strerror(r));
	else if (e < 0)
		check_problem(rd->c, CHECK_PACK, rd->name, CHECK_NOWHERE, "%s",
			      log_strerror(e));
	return r < 0 ? read_by_index(rd) : 0;
}

static int read_pack(struct check *c, struct data_worker *w,
		     const struct check_pack *p)
{
	struct reading rd = { .c = c,
			      .p = p,
			      .w = w,
			      .whole = true,
			      .bad = BUF_INIT(PACK_DIRECTORY_MAX) };
	uint8_t hash[SHA256_LEN];
	int e;

	hex_encode(rd.name, p->pack.id, OBJECT_ID_LEN);
	e = sha256_new(&w->hash);
	if (e == 0)
		e = read_inside(&rd);
	if (e == 0 && rd.whole) {
		sha256_final(w->hash, hash);
		if (!rd.told && memcmp(hash, p->pack.id, OBJECT_ID_LEN) != 0)
			check_problem(c, CHECK_PACK, rd.name, CHECK_NOWHERE,
				      "its content is not what its name says");
	}
	if (e == 0)
		spread_bad(&rd);
	sha256_free(w->hash);
	w->hash = NULL;
	buf_release(&rd.bad);
	check_count(&c->rep->packs_read, 1);
	return e;
}

/* --- which to read, and by whom --- */

/* Of n left, is this one among the want that are still to be chosen? */
static bool choose(uint32_t n, uint32_t want)
{
	uint64_t r;

	random_bytes(&r, sizeof(r));
	return r % n < want;
}

static void choose_packs(struct check *c)
{
	uint32_t i, want, left = 0;

	for (i = 0; i < c->n_packs; i++)
		left += !c->packs[i].missing;
	want = (uint32_t)((double)left * c->opt->read_data / 100 + 0.999999);
	want = MIN(want, left);
	for (i = 0; i < c->n_packs; i++) {
		struct check_pack *p = &c->packs[i];

		if (p->missing)
			continue;
		p->read = choose(left--, want);
		want -= p->read;
		if (p->read)
			c->rep->bytes_to_read += p->pack.size;
	}
}

static void count_expected(struct check *c)
{
	unsigned int t;
	uint32_t i;

	for (t = 0; t < c->index.count; t++) {
		const struct table *table = &c->index.tables[t];

		for (i = 0; i < table->chunks; i++) {
			struct index_frame f =
				table_frame(table, table_chunk(table, i).frame);

			c->packs[c->tables[t].packs[f.pack]].expected++;
		}
	}
}

static int worker_init(struct check *c, struct data_worker *w)
{
	int e = repo_reader_new(c->repo, &w->reader);

	w->directory = BUF_INIT(PACK_DIRECTORY_MAX);
	w->sealed = BUF_INIT(FRAME_SEALED_MAX);
	w->raw = BUF_INIT(FRAME_RAW_MAX);
	return e < 0 ? e : chunk_ids_init(&w->ids, c->repo);
}

static void worker_release(struct data_worker *w)
{
	repo_reader_free(w->reader);
	chunk_ids_release(&w->ids);
	buf_release(&w->directory);
	buf_release(&w->sealed);
	buf_release(&w->raw);
}

/* Each thread takes the next pack until there is none. */
struct data_thread {
	struct pool_job job;
	struct check *c;
	uint32_t *next; /* atomic */
};

static void data_run(struct pool_job *job, unsigned int number)
{
	struct data_thread *t = (struct data_thread *)job;
	struct data_worker w = { 0 };
	struct check *c = t->c;
	int e = worker_init(c, &w);

	(void)number;
	while (e == 0 && !check_stopped(c)) {
		uint32_t i = __atomic_fetch_add(t->next, 1, __ATOMIC_RELAXED);

		if (i >= c->n_packs)
			break;
		if (c->packs[i].read)
			e = read_pack(c, &w, &c->packs[i]);
	}
	if (e < 0)
		check_fail(c, e);
	worker_release(&w);
}

int check_data(struct check *c)
{
	unsigned int n = MAX(c->opt->threads, 1u), i;
	CLEANUP_FREE struct data_thread *jobs = calloc(n, sizeof(*jobs));
	struct pool *pool = NULL;
	uint32_t next = 0;
	int e;

	if (!jobs)
		return -ENOMEM;
	choose_packs(c);
	count_expected(c);
	e = pool_new(n, &pool);
	if (e < 0)
		return e;
	for (i = 0; i < n; i++) {
		jobs[i] = (struct data_thread){ { .run = data_run }, c, &next };
		pool_push(pool, &jobs[i].job);
	}
	pool_free(pool);
	return 0;
}
