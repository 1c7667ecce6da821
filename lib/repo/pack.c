/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pack.c - writing packs, and reading their directories.
 */
#include "repo/pack.h"

#include <errno.h>

#include "base/fault.h"
#include "base/log.h"

#define TRAILER_LEN 16
#define TRAILER_SEALED (TRAILER_LEN + AEAD_TAG_LEN)
/* From PACK_SIZE_MIN on, a pack ends where padding costs at most this. */
#define CHEAP_PADDING (48u << 10)

struct pack_writer {
	enum object_type type;
	struct sealer sealer;
	struct store_writer *out;
	struct sha256 *hash;
	uint64_t offset;
	uint32_t frames;
	struct buf directory;
};

uint64_t padme(uint64_t len)
{
	unsigned int e, s;
	uint64_t mask;

	if (len < 4)
		return len;
	e = 63 - (unsigned int)__builtin_clzll(len);
	s = 32 - (unsigned int)__builtin_clz(e);
	mask = (1ull << (e - s)) - 1;
	return (len + mask) & ~mask;
}

static int append(struct pack_writer *p, struct span data)
{
	int e = store_writer_append(p->out, data);

	if (e < 0)
		return e;
	sha256_update(p->hash, data);
	p->offset += data.len;
	return 0;
}

int pack_writer_new(struct store *s, const struct keyring *ring,
		    enum object_type type, struct pack_writer **out)
{
	struct pack_writer *p = calloc(1, sizeof(*p));
	int e;

	if (!p)
		return -ENOMEM;
	p->type = type;
	p->directory = BUF_INIT(PACK_DIRECTORY_MAX);
	e = sealer_init_new(&p->sealer, ring, type);
	if (e == 0)
		e = sha256_new(&p->hash);
	if (e == 0)
		e = buf_le32(&p->directory, 0);
	if (e == 0)
		e = store_writer_open(s, STORE_PACK, &p->out);
	if (e == 0)
		e = append(p, SPAN(sealer_header(&p->sealer), SEAL_HEADER_LEN));
	if (e < 0) {
		pack_writer_free(p);
		return e;
	}
	*out = p;
	return 0;
}

void pack_writer_free(struct pack_writer *p)
{
	if (!p)
		return;
	store_writer_abort(p->out);
	sealer_release(&p->sealer);
	sha256_free(p->hash);
	buf_release(&p->directory);
	free(p);
}

static int directory_add(struct pack_writer *p, const struct index_frame *f,
			 const struct frame_chunks *chunks)
{
	struct buf *d = &p->directory;
	int e = buf_varint(d, f->sealed_len);

	if (e == 0)
		e = buf_varint(d, f->raw_len);
	if (e == 0)
		e = buf_u8(d, f->compressed);
	if (e == 0)
		e = buf_varint(d, chunks->count);
	return e < 0 ? e : buf_append(d, chunks->list.p, chunks->list.len);
}

int pack_writer_frame(struct pack_writer *p, uint8_t *bytes, size_t len,
		      const struct frame_chunks *chunks,
		      struct index_frame *frame)
{
	int e = seal_piece(&p->sealer, SEAL_FRAME, p->frames, SPAN(bytes, len),
			   bytes);

	if (e < 0)
		return log_fail(e, "seal a frame");
	frame->number = p->frames++;
	frame->offset = p->offset;
	frame->sealed_len = (uint32_t)(len + AEAD_TAG_LEN);
	e = append(p, SPAN(bytes, len + AEAD_TAG_LEN));
	return e < 0 ? e : directory_add(p, frame, chunks);
}

static uint64_t unpadded(const struct pack_writer *p)
{
	return p->offset + p->directory.len + AEAD_TAG_LEN + TRAILER_SEALED;
}

bool pack_writer_is_full(const struct pack_writer *p)
{
	uint64_t len = unpadded(p);

	if (len < PACK_SIZE_MIN)
		return false;
	return len >= PACK_SIZE_TARGET || padme(len) - len <= CHEAP_PADDING;
}

static int write_directory(struct pack_writer *p)
{
	uint8_t trailer[TRAILER_SEALED];
	struct buf *d = &p->directory;
	uint64_t len = unpadded(p);
	int e;

	put_le32(d->p, p->frames);
	e = buf_fill(d, 0, padme(len) - len);
	if (e == 0)
		e = buf_reserve(d, AEAD_TAG_LEN);
	if (e == 0)
		e = seal_piece(&p->sealer, SEAL_DIRECTORY, 0, SPAN_OF(d), d->p);
	if (e < 0)
		return log_fail(e, "seal a pack's directory");
	put_le64(trailer, p->offset);
	put_le64(trailer + 8, d->len + AEAD_TAG_LEN);
	e = seal_piece(&p->sealer, SEAL_TRAILER, 0, SPAN(trailer, TRAILER_LEN),
		       trailer);
	if (e == 0)
		e = append(p, SPAN(d->p, d->len + AEAD_TAG_LEN));
	if (e == 0)
		e = append(p, SPAN(trailer, sizeof(trailer)));
	return e;
}

int pack_writer_finish(struct pack_writer *p, struct index_pack *pack)
{
	char name[HEX_LEN(OBJECT_ID_LEN)];
	int e = write_directory(p);

	if (e == 0) {
		e = FAULT("pack.finish");
		if (e < 0)
			log_fail(e, "finish a pack");
	}
	if (e == 0) {
		sha256_final(p->hash, pack->id);
		pack->size = p->offset;
		pack->type = (uint8_t)p->type;
		e = store_put_by_hash(store_writer_commit(
			TAKE_PTR(p->out),
			hex_encode(name, pack->id, OBJECT_ID_LEN)));
	}
	pack_writer_free(p);
	return e;
}

/* --- reading --- */

static int read_directory(struct repo *r, const struct index_pack *pack,
			  const char *name, struct sealer *s, struct buf *out)
{
	uint8_t t[TRAILER_SEALED];
	uint64_t off, len;
	int e;

	if (pack->size < SEAL_HEADER_LEN + AEAD_TAG_LEN + TRAILER_SEALED)
		return -EUCLEAN;
	e = store_get_range(repo_store(r), STORE_PACK, name,
			    pack->size - sizeof(t), t, sizeof(t));
	if (e == 0)
		e = seal_open_piece(s, SEAL_TRAILER, 0, SPAN(t, sizeof(t)), t);
	if (e < 0)
		return e;
	off = get_le64(t);
	len = get_le64(t + 8);
	if (off < SEAL_HEADER_LEN || len < AEAD_TAG_LEN ||
	    len > PACK_DIRECTORY_MAX || off > pack->size ||
	    off + len + sizeof(t) != pack->size)
		return -EUCLEAN;
	out->len = 0;
	e = buf_reserve(out, len);
	if (e == 0)
		e = store_get_range(repo_store(r), STORE_PACK, name, off,
				    out->p, len);
	if (e == 0)
		e = seal_open_piece(s, SEAL_DIRECTORY, 0, SPAN(out->p, len),
				    out->p);
	if (e == 0)
		out->len = len - AEAD_TAG_LEN;
	return e;
}

int pack_read_directory(struct repo *r, const struct index_pack *pack,
			struct buf *out)
{
	uint8_t header[SEAL_HEADER_LEN];
	char name[HEX_LEN(OBJECT_ID_LEN)];
	struct sealer s = { 0 };
	int e = store_get_range(repo_store(r), STORE_PACK,
				hex_encode(name, pack->id, OBJECT_ID_LEN), 0,
				header, sizeof(header));

	if (e < 0)
		return e;
	e = sealer_init_open(&s, repo_keyring(r), pack->type, header);
	if (e == 0)
		e = read_directory(r, pack, name, &s, out);
	sealer_release(&s);
	if (e < 0)
		return log_fail(e, "directory of pack %s", name);
	return 0;
}

int pack_dir_open(struct span directory, struct pack_dir_iter *it)
{
	it->rd = reader_of(directory);
	it->left = rd_le32(&it->rd);
	it->number = 0;
	it->offset = SEAL_HEADER_LEN;
	return it->rd.bad ? -EUCLEAN : 0;
}

int pack_chunk_next(struct reader *list, const uint8_t **id, uint32_t *len)
{
	struct span s;
	uint64_t n;

	if (reader_left(list) == 0)
		return list->bad ? -EUCLEAN : 0;
	s = rd_take(list, CHUNK_ID_LEN);
	n = rd_varint(list);
	if (list->bad || n > CHUNK_MAX)
		return -EUCLEAN;
	*id = s.p;
	*len = (uint32_t)n;
	return 1;
}

int pack_dir_next(struct pack_dir_iter *it, struct pack_frame *f)
{
	uint64_t sealed, raw, chunks, sum = 0, i;
	struct reader list;
	const uint8_t *start, *id;
	uint8_t compressed;
	uint32_t len;

	if (it->left == 0) {
		while (reader_left(&it->rd) > 0)
			if (rd_u8(&it->rd) != 0)
				return -EUCLEAN;
		return 0;
	}
	sealed = rd_varint(&it->rd);
	raw = rd_varint(&it->rd);
	compressed = rd_u8(&it->rd);
	chunks = rd_varint(&it->rd);
	if (it->rd.bad || sealed > FRAME_SEALED_MAX || raw > FRAME_RAW_MAX ||
	    compressed > 1 || chunks > FRAME_CHUNKS_MAX)
		return -EUCLEAN;
	start = it->rd.p;
	list = it->rd;
	for (i = 0; i < chunks; i++, sum += len)
		if (pack_chunk_next(&list, &id, &len) != 1)
			return -EUCLEAN;
	if (sum != raw)
		return -EUCLEAN;
	it->rd = list;
	f->frame = (struct index_frame){ .number = it->number++,
					 .offset = it->offset,
					 .sealed_len = (uint32_t)sealed,
					 .raw_len = (uint32_t)raw,
					 .compressed = compressed };
	f->chunks = (uint32_t)chunks;
	f->list = SPAN(start, (size_t)(list.p - start));
	it->offset += sealed;
	it->left--;
	return 1;
}
