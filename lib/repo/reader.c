/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader.c - frames and chunks, read, decrypted, decoded and proved.
 *
 * Small files share frames, and files that were near each other when they
 * were stored are near each other when they are restored: a small cache of
 * decoded frames, shared by all threads, decodes most frames once.
 */
#include "repo/private.h"

#include <errno.h>

#include "base/log.h"
#include "compress/compress.h"

#define SLOTS 64
#define FRAME_CACHE_BYTES (24u << 20)
#define SEALERS 8

struct cached_frame {
	uint8_t pack[OBJECT_ID_LEN];
	uint32_t number;
	unsigned int pins;
	bool ready;
	int failed;	/* the error of who loaded it */
	uint64_t stamp; /* of the last use */
	struct buf raw;
};

struct frame_cache {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t clock;			   /* guarded by lock */
	size_t bytes;			   /* guarded by lock */
	struct cached_frame *slots[SLOTS]; /* guarded by lock */
};

struct repo_reader {
	struct repo *repo;
	struct chunk_ids ids;
	struct decompressor *decompressor;
	struct buf sealed;
	/* The packs read last: deriving a key costs more than a small read. */
	struct {
		uint8_t pack[OBJECT_ID_LEN];
		struct sealer sealer;
		uint64_t stamp;
	} sealers[SEALERS];
	uint64_t clock;
};

int frame_cache_new(struct frame_cache **out)
{
	struct frame_cache *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->changed, NULL);
	*out = c;
	return 0;
}

static void frame_free(struct cached_frame *f)
{
	if (!f)
		return;
	buf_release(&f->raw);
	free(f);
}

void frame_cache_free(struct frame_cache *c)
{
	int i;

	if (!c)
		return;
	for (i = 0; i < SLOTS; i++)
		frame_free(c->slots[i]);
	pthread_mutex_destroy(&c->lock);
	pthread_cond_destroy(&c->changed);
	free(c);
}

void repo_frames_drop(struct repo *r)
{
	struct frame_cache *c = r->frames;
	int i;

	pthread_mutex_lock(&c->lock);
	for (i = 0; i < SLOTS; i++) {
		if (!c->slots[i] || c->slots[i]->pins > 0)
			continue;
		c->bytes -= c->slots[i]->raw.max;
		frame_free(c->slots[i]);
		c->slots[i] = NULL;
	}
	pthread_mutex_unlock(&c->lock);
}

int repo_reader_new(struct repo *r, struct repo_reader **out)
{
	struct repo_reader *rr = calloc(1, sizeof(*rr));
	int e;

	if (!rr)
		return -ENOMEM;
	rr->repo = r;
	rr->sealed = BUF_INIT(FRAME_SEALED_MAX);
	e = chunk_ids_init(&rr->ids, r);
	if (e == 0)
		e = decompressor_new(&rr->decompressor);
	if (e < 0) {
		repo_reader_free(rr);
		return e;
	}
	*out = rr;
	return 0;
}

void repo_reader_free(struct repo_reader *rr)
{
	int i;

	if (!rr)
		return;
	for (i = 0; i < SEALERS; i++)
		sealer_release(&rr->sealers[i].sealer);
	chunk_ids_release(&rr->ids);
	decompressor_free(rr->decompressor);
	buf_release(&rr->sealed);
	free(rr);
}

/* --- one frame --- */

static int sealer_for(struct repo_reader *rr, const struct index_pack *pack,
		      const char *name, struct sealer **out)
{
	uint8_t header[SEAL_HEADER_LEN];
	int i, oldest = 0, e;

	rr->clock++;
	for (i = 0; i < SEALERS; i++) {
		if (rr->sealers[i].sealer.aead &&
		    !memcmp(rr->sealers[i].pack, pack->id, OBJECT_ID_LEN)) {
			rr->sealers[i].stamp = rr->clock;
			*out = &rr->sealers[i].sealer;
			return 0;
		}
		if (rr->sealers[i].stamp < rr->sealers[oldest].stamp)
			oldest = i;
	}
	e = store_get_range(rr->repo->store, STORE_PACK, name, 0, header,
			    sizeof(header));
	if (e < 0)
		return e;
	sealer_release(&rr->sealers[oldest].sealer);
	e = sealer_init_open(&rr->sealers[oldest].sealer, rr->repo->ring,
			     pack->type, header);
	if (e < 0)
		return log_fail(e, "pack %s", name);
	memcpy(rr->sealers[oldest].pack, pack->id, OBJECT_ID_LEN);
	rr->sealers[oldest].stamp = rr->clock;
	*out = &rr->sealers[oldest].sealer;
	return 0;
}

static int frame_decode(struct repo_reader *rr, const struct index_frame *frame,
			struct span coded, struct buf *out)
{
	int e;

	out->len = 0;
	e = buf_reserve(out, frame->raw_len);
	if (e < 0)
		return e;
	if (frame->compressed) {
		e = decompress_frame(rr->decompressor, coded, out->p,
				     frame->raw_len);
	} else if (coded.len == frame->raw_len) {
		memcpy(out->p, coded.p, coded.len);
	} else {
		e = -EUCLEAN;
	}
	if (e == 0)
		out->len = frame->raw_len;
	return e;
}

int repo_frame_open(struct repo_reader *rr, const struct index_pack *pack,
		    const struct index_frame *frame, struct buf *sealed,
		    struct buf *out)
{
	char name[HEX_LEN(OBJECT_ID_LEN)];
	struct sealer *sealer = NULL;
	int e;

	hex_encode(name, pack->id, OBJECT_ID_LEN);
	if (sealed->len < AEAD_TAG_LEN)
		return log_fail(-EUCLEAN, "pack %s frame %u", name,
				frame->number);
	e = sealer_for(rr, pack, name, &sealer);
	if (e < 0)
		return e;
	e = seal_open_piece(sealer, SEAL_FRAME, frame->number, SPAN_OF(sealed),
			    sealed->p);
	if (e == 0)
		e = frame_decode(rr, frame,
				 SPAN(sealed->p, sealed->len - AEAD_TAG_LEN),
				 out);
	if (e < 0)
		return log_fail(e, "pack %s frame %u", name, frame->number);
	return 0;
}

int repo_frame_sealed(struct repo_reader *rr, const struct index_pack *pack,
		      const struct index_frame *frame, struct buf *sealed)
{
	char name[HEX_LEN(OBJECT_ID_LEN)];
	int e;

	sealed->len = 0;
	e = buf_reserve(sealed, frame->sealed_len);
	if (e < 0)
		return e;
	e = store_get_range(rr->repo->store, STORE_PACK,
			    hex_encode(name, pack->id, OBJECT_ID_LEN),
			    frame->offset, sealed->p, frame->sealed_len);
	if (e == 0)
		sealed->len = frame->sealed_len;
	return e;
}

int repo_frame_read(struct repo_reader *rr, const struct index_pack *pack,
		    const struct index_frame *frame, struct buf *out)
{
	int e = repo_frame_sealed(rr, pack, frame, &rr->sealed);

	return e < 0 ? e : repo_frame_open(rr, pack, frame, &rr->sealed, out);
}

/* --- the cache --- */

static bool frame_is(const struct cached_frame *f, const struct chunk_loc *loc)
{
	return f && f->number == loc->frame.number &&
	       !memcmp(f->pack, loc->pack.id, OBJECT_ID_LEN);
}

/* Remove frames that nobody holds, oldest first, until want bytes and a slot
 * are free. Returns the slot, or -1: all are held. lock: held. */
static int cache_room(struct frame_cache *c, size_t want)
{
	for (;;) {
		int i, oldest = -1, empty = -1;

		for (i = 0; i < SLOTS; i++) {
			struct cached_frame *f = c->slots[i];

			if (!f)
				empty = i;
			else if (f->pins == 0 &&
				 (oldest < 0 ||
				  f->stamp < c->slots[oldest]->stamp))
				oldest = i;
		}
		if (empty >= 0 &&
		    (oldest < 0 || c->bytes + want <= FRAME_CACHE_BYTES))
			return empty;
		if (oldest < 0)
			return -1;
		c->bytes -= c->slots[oldest]->raw.max;
		frame_free(c->slots[oldest]);
		c->slots[oldest] = NULL;
	}
}

/* The frame at loc, pinned; *load tells the caller to fill it. lock: held. */
static struct cached_frame *cache_claim(struct frame_cache *c,
					const struct chunk_loc *loc, bool *load)
{
	struct cached_frame *f;
	int i;

	*load = false;
	for (i = 0; i < SLOTS; i++) {
		f = c->slots[i];
		if (!frame_is(f, loc) || f->failed)
			continue;
		f->pins++;
		f->stamp = ++c->clock;
		return f;
	}
	i = cache_room(c, loc->frame.raw_len);
	if (i < 0)
		return NULL;
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	memcpy(f->pack, loc->pack.id, OBJECT_ID_LEN);
	f->number = loc->frame.number;
	f->raw = BUF_INIT(loc->frame.raw_len);
	f->pins = 1;
	f->stamp = ++c->clock;
	c->bytes += f->raw.max;
	c->slots[i] = f;
	*load = true;
	return f;
}

static void unpin(struct frame_cache *c, struct cached_frame *f)
{
	pthread_mutex_lock(&c->lock);
	if (--f->pins == 0) {
		int i;

		for (i = 0; f->failed && i < SLOTS; i++) {
			if (c->slots[i] != f)
				continue;
			c->bytes -= f->raw.max;
			frame_free(f);
			c->slots[i] = NULL;
			break;
		}
		pthread_cond_broadcast(&c->changed);
	}
	pthread_mutex_unlock(&c->lock);
}

/* The decoded frame at loc, pinned. */
static int frame_get(struct repo_reader *rr, const struct chunk_loc *loc,
		     struct cached_frame **out)
{
	struct frame_cache *c = rr->repo->frames;
	struct cached_frame *f;
	int e, failed;
	bool load;

	pthread_mutex_lock(&c->lock);
	while (!(f = cache_claim(c, loc, &load)))
		pthread_cond_wait(&c->changed, &c->lock);
	while (!load && !f->ready && !f->failed)
		pthread_cond_wait(&c->changed, &c->lock);
	failed = f->failed;
	pthread_mutex_unlock(&c->lock);
	if (!load && !failed) {
		*out = f;
		return 0;
	}
	if (!load) { /* whoever loaded it said why */
		unpin(c, f);
		return failed;
	}
	e = repo_frame_read(rr, &loc->pack, &loc->frame, &f->raw);
	pthread_mutex_lock(&c->lock);
	f->ready = e == 0;
	f->failed = e;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
	if (e < 0)
		unpin(c, f);
	else
		*out = f;
	return e;
}

/* --- chunks --- */

int repo_chunk_get_at(struct repo_reader *rr, enum chunk_kind kind,
		      const struct chunk_loc *loc, struct chunk_ref *out)
{
	char name[HEX_LEN(CHUNK_ID_LEN)];
	uint8_t have[CHUNK_ID_LEN];
	struct cached_frame *f = NULL;
	struct span data;
	int e = frame_get(rr, loc, &f);

	if (e < 0)
		return e;
	data = SPAN(f->raw.p + loc->chunk.offset, loc->chunk.len);
	chunk_ids_of(&rr->ids, kind, data, have);
	if (memcmp(have, loc->chunk.id, CHUNK_ID_LEN) != 0) {
		unpin(rr->repo->frames, f);
		return log_fail(-EBADMSG, "chunk %.16s in its pack",
				hex_encode(name, loc->chunk.id, CHUNK_ID_LEN));
	}
	out->data = data;
	out->frame = f;
	return 0;
}

static int chunk_try(struct repo_reader *rr, enum chunk_kind kind,
		     const uint8_t id[CHUNK_ID_LEN], struct chunk_ref *out)
{
	struct chunk_loc loc;

	if (!repo_find(rr->repo, id, &loc))
		return -ENOENT;
	return repo_chunk_get_at(rr, kind, &loc, out);
}

int repo_chunk_get(struct repo_reader *rr, enum chunk_kind kind,
		   const uint8_t id[CHUNK_ID_LEN], struct chunk_ref *out)
{
	char name[HEX_LEN(CHUNK_ID_LEN)];
	int e = chunk_try(rr, kind, id, out);

	/* prune may have moved it since the head was read; another reader may
	 * have seen that first, so the head need not be a newer one now */
	if (e == -ENOENT && repo_refresh(rr->repo) >= 0)
		e = chunk_try(rr, kind, id, out);
	if (e == -ENOENT)
		return log_fail(e, "chunk %.16s",
				hex_encode(name, id, CHUNK_ID_LEN));
	return e;
}

void repo_chunk_put(struct repo_reader *rr, struct chunk_ref *ref)
{
	if (ref->frame)
		unpin(rr->repo->frames, ref->frame);
	ref->frame = NULL;
	ref->data = SPAN(NULL, 0);
}
