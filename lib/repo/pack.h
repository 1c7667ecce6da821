/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pack.h - one pack: sealed frames, a directory of them, padding.
 *
 *   header[80] | frame * | directory | trailer[32]
 *
 * The directory names the chunks of every frame, so an index can be made
 * again from packs alone. Zeros at its end pad the pack to a PADME length
 * (PURBs, Nikitin et al., PoPETs 2019): its size tells little. Where the
 * directory begins stands in the sealed trailer.
 *
 *   directory := frames:le32 { sealed_len raw_len compressed:u8 chunks
 *                { id[32] len }* }* zeros         (numbers as varints)
 *   trailer   := directory offset:le64, sealed length:le64
 *
 * Errors:  logged where detected.
 * Threads: a pack_writer belongs to one at a time.
 * Source:  docs/repository-format.md, "Packs".
 */
#ifndef REPO_PACK_H
#define REPO_PACK_H

#include "repo/index.h"
#include "repo/repo.h"

struct pack_writer;

MUST_CHECK int pack_writer_new(struct store *s, const struct keyring *ring,
			       enum object_type type, struct pack_writer **out);
/* NULL is allowed; forgets what was written. */
void pack_writer_free(struct pack_writer *p);

/* What a frame holds: its chunks as id[32] and len varint each. */
struct frame_chunks {
	struct buf list;
	uint32_t count;
};

/* Seal bytes[0..len) (room for a tag behind them) and append. Sets
 * frame->number, offset and sealed_len; the rest is the caller's. */
MUST_CHECK int pack_writer_frame(struct pack_writer *p, uint8_t *bytes,
				 size_t len, const struct frame_chunks *chunks,
				 struct index_frame *frame);
/* Large enough, and at a length where padding costs little. */
bool pack_writer_is_full(const struct pack_writer *p);
/* Write directory and trailer, store durably; pack gets id and size. The
 * writer is freed in every case. */
MUST_CHECK int pack_writer_finish(struct pack_writer *p,
				  struct index_pack *pack);

/* The next length of at least len that PADME allows. */
uint64_t padme(uint64_t len);

/* One frame of a directory. */
struct pack_frame {
	struct index_frame frame; /* but for pack */
	uint32_t chunks;
	struct span list; /* as frame_chunks.list */
};

/* The directory of a stored pack, decrypted into out (replaced); size is the
 * object's. */
MUST_CHECK int pack_read_directory(struct repo *r,
				   const struct index_pack *pack,
				   struct buf *out);
/* Walk it. 1 and the next frame, 0 at the end (all zeros), or -EUCLEAN. */
struct pack_dir_iter {
	struct reader rd;
	uint32_t left, number;
	uint64_t offset;
};
MUST_CHECK int pack_dir_open(struct span directory, struct pack_dir_iter *it);
MUST_CHECK int pack_dir_next(struct pack_dir_iter *it, struct pack_frame *f);
/* The next chunk of a frame's list. 1, 0 or -EUCLEAN. */
MUST_CHECK int pack_chunk_next(struct reader *list, const uint8_t **id,
			       uint32_t *len);

#endif /* REPO_PACK_H */
