/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resume.c - records of half-stored large files.
 *
 *   record := { hole:u8 len:varint [id[32]] }*
 */
#include "archive/resume.h"

#define SAVE_BYTES (32ull << 20)
/* No directory's inode number: those records have keys of the same kind. */
#define SEGMENT_BIT (1ull << 63)

void resume_init(struct resume *r, const struct node *n, uint64_t from,
		 uint64_t to)
{
	const uint64_t what[] = {
		n->fsid,
		n->ino,
		n->size,
		(uint64_t)n->mtime.sec,
		n->mtime.nsec,
		(uint64_t)n->ctime.sec,
		n->ctime.nsec,
		from,
		to,
	};

	memset(r, 0, sizeof(*r));
	sha256_once(SPAN(what, sizeof(what)), r->state);
	r->key.fsid = n->fsid ^ n->ino * 0x9e3779b97f4a7c15ull;
	r->key.ino = SEGMENT_BIT | from >> 12;
}

int resume_load(struct archiver *a, const struct resume *r, resume_fn *add,
		void *arg)
{
	struct reader rd;
	struct span record;
	int e = 0;

	if (!a->catalog || a->opt.reread)
		return 0;
	record = catalog_get(a->catalog, r->key);
	if (record.len < SHA256_LEN ||
	    memcmp(record.p, r->state, SHA256_LEN) != 0)
		return 0;
	rd = reader_of(SPAN(record.p + SHA256_LEN, record.len - SHA256_LEN));
	while (e == 0 && reader_left(&rd) > 0) {
		struct piece p = { .hole = rd_u8(&rd) != 0 };
		struct span id = { NULL, 0 };

		p.len = rd_varint(&rd);
		if (!p.hole)
			id = rd_take(&rd, CHUNK_ID_LEN);
		if (rd.bad || p.len == 0 || (!p.hole && p.len > CHUNK_MAX))
			break;
		if (id.p)
			memcpy(p.id, id.p, CHUNK_ID_LEN);
		e = add(arg, &p, p.hole || archiver_has(a, p.id));
	}
	catalog_done(record);
	return e;
}

static int encode(struct buf *b, const struct piece *pieces, size_t n)
{
	size_t i;
	int e = 0;

	for (i = 0; e == 0 && i < n; i++) {
		e = buf_u8(b, pieces[i].hole);
		if (e == 0)
			e = buf_varint(b, pieces[i].len);
		if (e == 0 && !pieces[i].hole)
			e = buf_append(b, pieces[i].id, CHUNK_ID_LEN);
	}
	return e;
}

void resume_note(struct archiver *a, struct resume *r, uint64_t len,
		 const struct piece *pieces, size_t n, bool end)
{
	CLEANUP_BUF struct buf b = BUF_INIT(CHUNK_MAX);

	r->unsaved += len;
	if (!a->catalog || r->unsaved == 0 || (!end && r->unsaved < SAVE_BYTES))
		return;
	r->unsaved = 0;
	/* written at once: in a batch the order of two records of one key is
	 * not kept */
	if (encode(&b, pieces, n) == 0 &&
	    catalog_put(a->catalog, r->key, r->state, SPAN_OF(&b)) == 0)
		(void)!catalog_flush(a->catalog);
}
