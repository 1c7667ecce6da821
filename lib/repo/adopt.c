/* SPDX-License-Identifier: Apache-2.0 */
/*
 * adopt.c - what a session that died has left behind.
 *
 * Its packs are whole and durable but in no index. Their directories say
 * which chunks they hold, so the next session need not store those again.
 * Only data packs are adopted: a data chunk refers to nothing, while a tree
 * may refer to chunks that prune has taken away since.
 *
 * A pack on the head's doomed list is never adopted: prune may be deleting
 * it at this moment.
 */
#include <errno.h>
#include <fcntl.h>

#include "base/log.h"
#include "repo/writer_private.h"

struct listing {
	struct writer *w;
	struct index_pack *packs;
	uint32_t count, cap;
};

static bool is_indexed(const struct index *ix, const uint8_t *id)
{
	unsigned int i;
	uint32_t p;

	for (i = 0; i < ix->count; i++)
		for (p = 0; p < ix->tables[i].packs; p++)
			if (!memcmp(table_pack(&ix->tables[i], p).id, id,
				    OBJECT_ID_LEN))
				return true;
	return false;
}

static int list_fn(void *arg, const char *name, uint64_t size)
{
	struct listing *l = arg;
	struct index_pack pack = { .size = size, .type = OBJECT_PACK_DATA };

	if (hex_decode(pack.id, OBJECT_ID_LEN, name, strlen(name)) < 0 ||
	    idlist_has(&l->w->repo->head.doomed, pack.id) ||
	    is_indexed(&l->w->repo->index, pack.id))
		return 0;
	if (l->count == l->cap) {
		uint32_t cap = l->cap ? 2 * l->cap : 16;
		void *p = realloc(l->packs, cap * sizeof(*l->packs));

		if (!p)
			return -ENOMEM;
		l->packs = p;
		l->cap = cap;
	}
	l->packs[l->count++] = pack;
	return 0;
}

/* The frames and chunks of one pack, as a table. */
struct pack_table {
	struct index_frame *frames;
	struct index_chunk *chunks;
	uint32_t n_frames, n_chunks, cap_frames, cap_chunks;
};

static int table_room(struct pack_table *t, uint32_t chunks)
{
	if (t->n_frames == t->cap_frames) {
		uint32_t cap = t->cap_frames ? 2 * t->cap_frames : 64;
		void *p = realloc(t->frames, cap * sizeof(*t->frames));

		if (!p)
			return -ENOMEM;
		t->frames = p;
		t->cap_frames = cap;
	}
	if (chunks > INDEX_CHUNKS_MAX - t->n_chunks)
		return -EMSGSIZE;
	while (t->n_chunks + chunks > t->cap_chunks) {
		uint32_t cap = t->cap_chunks ? 2 * t->cap_chunks : 1024;
		void *p = realloc(t->chunks, cap * sizeof(*t->chunks));

		if (!p)
			return -ENOMEM;
		t->chunks = p;
		t->cap_chunks = cap;
	}
	return 0;
}

static int add_frame(struct pack_table *t, const struct pack_frame *f)
{
	struct reader list = reader_of(f->list);
	const uint8_t *id;
	uint32_t len, off = 0;
	int e = table_room(t, f->chunks);

	if (e < 0)
		return e;
	while ((e = pack_chunk_next(&list, &id, &len)) == 1) {
		struct index_chunk *c = &t->chunks[t->n_chunks++];

		memcpy(c->id, id, CHUNK_ID_LEN);
		c->frame = t->n_frames;
		c->offset = off;
		c->len = len;
		off += len;
	}
	t->frames[t->n_frames] = f->frame;
	t->frames[t->n_frames++].pack = 0;
	return e;
}

static int read_pack(struct repo *r, const struct index_pack *pack,
		     struct buf *table)
{
	CLEANUP_BUF struct buf dir = BUF_INIT(PACK_DIRECTORY_MAX);
	struct pack_table t = { 0 };
	struct pack_dir_iter it;
	struct pack_frame f;
	int e = pack_read_directory(r, pack, &dir);

	if (e == 0)
		e = pack_dir_open(SPAN_OF(&dir), &it);
	while (e == 0 && (e = pack_dir_next(&it, &f)) == 1)
		e = add_frame(&t, &f);
	if (e == 0)
		e = table_encode(pack, 1, t.frames, t.n_frames, t.chunks,
				 t.n_chunks, table);
	free(t.frames);
	free(t.chunks);
	return e;
}

/* A pack that cannot be read is left for prune; nothing relies on it. */
static int adopt_one(struct writer *w, const struct index_pack *pack)
{
	struct buf table = BUF_INIT(INDEX_RAW_MAX);
	uint8_t header[SEAL_HEADER_LEN];
	char name[HEX_LEN(OBJECT_ID_LEN)];
	struct table t;
	int e;

	hex_encode(name, pack->id, OBJECT_ID_LEN);
	if (pack->size < sizeof(header) ||
	    store_get_range(w->repo->store, STORE_PACK, name, 0, header,
			    sizeof(header)) < 0 ||
	    header[10] != OBJECT_PACK_DATA)
		return 0;
	e = read_pack(w->repo, pack, &table);
	if (e == 0)
		e = table_parse(SPAN_OF(&table), &t);
	if (e < 0) {
		buf_release(&table);
		return e == -ENOMEM ? e : 0;
	}
	return index_add(&w->adopted, t);
}

int writer_adopt(struct writer *w)
{
	struct listing l = { .w = w };
	uint32_t i;
	int e = store_list(w->repo->store, STORE_PACK, list_fn, &l);

	for (i = 0; e == 0 && i < l.count; i++)
		e = adopt_one(w, &l.packs[i]);
	free(l.packs);
	return e;
}
