/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index.h - which chunk lies where.
 *
 * A table is a sorted, fixed-width list of chunks with the frames and packs
 * that hold them; the body of an index object is one table, compressed.
 * Opened tables lie in mapped files (the cache) and are searched in place,
 * so memory does not grow with the repository. An index is a set of tables.
 *
 * An index may only claim too little: a table is authenticated when it is
 * fetched, and its cached copy carries a MAC that is checked at each open.
 *
 * Table layout (little-endian):
 *   packs:le32 frames:le32 chunks:le32 zero:le32
 *   packs  * { id[32] size:le64 type:u8 zero[7] }
 *   frames * { pack:le32 number:le32 offset:le64 sealed_len:le32
 *              raw_len:le32 (bit 31: compressed) }
 *   chunks * id[32], strictly ascending
 *   chunks * { frame:le32 offset:le32 len:le32 }
 *
 * Errors:  -EUCLEAN a table's structure. Not logged.
 * Threads: lookups from any thread; index_add_* from one at a time, not
 *          beside lookups.
 * Source:  docs/repository-format.md, "Index".
 */
#ifndef REPO_INDEX_H
#define REPO_INDEX_H

#include "base/buf.h"
#include "repo/format.h"

#define TABLE_HEADER_LEN 16
#define TABLE_PACK_LEN 48
#define TABLE_FRAME_LEN 24
#define TABLE_LOC_LEN 12

struct index_pack {
	uint8_t id[OBJECT_ID_LEN];
	uint64_t size;
	uint8_t type; /* enum object_type */
};

struct index_frame {
	uint32_t pack;	 /* position in the table's packs */
	uint32_t number; /* in its pack, from 0 */
	uint64_t offset; /* in the pack */
	uint32_t sealed_len;
	uint32_t raw_len;
	bool compressed;
};

struct index_chunk {
	uint8_t id[CHUNK_ID_LEN];
	uint32_t frame;	 /* position in the table's frames */
	uint32_t offset; /* in the decoded frame */
	uint32_t len;
};

/* An opened table. */
struct table {
	const uint8_t *base;
	size_t len;
	uint32_t packs, frames, chunks;
	bool mapped;		   /* munmap, else free */
	uint8_t id[OBJECT_ID_LEN]; /* of the index object */
};

/* Check everything that lookups rely on; t borrows bytes. */
MUST_CHECK int table_parse(struct span bytes, struct table *t);
/* pos must be in range: the caller has it from a lookup or a loop. */
struct index_pack table_pack(const struct table *t, uint32_t pos);
struct index_frame table_frame(const struct table *t, uint32_t pos);
struct index_chunk table_chunk(const struct table *t, uint32_t pos);
/* Position of id or -1. */
int64_t table_find(const struct table *t, const uint8_t id[CHUNK_ID_LEN]);

/* Serialise; chunks need not be sorted and are sorted in place. */
MUST_CHECK int table_encode(const struct index_pack *packs, uint32_t n_packs,
			    const struct index_frame *frames, uint32_t n_frames,
			    struct index_chunk *chunks, uint32_t n_chunks,
			    struct buf *out);

struct index {
	struct table *tables;
	unsigned int count, cap;
};

/* Where a chunk is. */
struct chunk_loc {
	unsigned int table;
	uint32_t pos; /* of the chunk in its table */
	struct index_chunk chunk;
	struct index_frame frame;
	struct index_pack pack;
};

void index_release(struct index *ix);
/* Let go of the pages of mapped tables; they come back when they are used. */
void index_unload(const struct index *ix);
/* ix owns t's memory from now on, also on failure. */
MUST_CHECK int index_add(struct index *ix, struct table t);
bool index_has(const struct index *ix, const uint8_t id[CHUNK_ID_LEN]);
bool index_find(const struct index *ix, const uint8_t id[CHUNK_ID_LEN],
		struct chunk_loc *loc);

#endif /* REPO_INDEX_H */
