/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compress.h - one zstd frame from bytes, and back.
 *
 * Every frame carries its content size and zstd's own XXH64 checksum is off:
 * what is stored is authenticated and identified by other means. This room
 * alone includes zstd.
 *
 * Errors:  -EUCLEAN: not a frame, or not of the size promised; -ENOMEM.
 *          Not logged.
 * Memory:  contexts are owned by the caller; NULL may be freed.
 * Threads: a context belongs to one thread at a time.
 * Source:  RFC 8878.
 */
#ifndef COMPRESS_COMPRESS_H
#define COMPRESS_COMPRESS_H

#include "base/buf.h"

enum { COMPRESS_OFF = 0, COMPRESS_LEVEL_MAX = 19 };

struct compressor;
struct decompressor;

/* level: 1..COMPRESS_LEVEL_MAX. */
MUST_CHECK int compressor_new(int level, struct compressor **out);
void compressor_free(struct compressor *c);
/* Worst case size of a frame of n bytes. */
size_t compress_bound(size_t n);
/* Write a frame to out (room: at least compress_bound(in.len)); *out_len
 * gets its size. */
MUST_CHECK int compress_frame(struct compressor *c, struct span in,
			      uint8_t *out, size_t room, size_t *out_len);
/* A cheap guess from a few samples: compressing in would save less than 3%.
 * Wrong guesses cost space or time, never correctness. */
bool compress_is_futile(struct compressor *c, struct span in);

MUST_CHECK int decompressor_new(struct decompressor **out);
void decompressor_free(struct decompressor *d);
/* Exactly raw_len bytes into out; anything else is -EUCLEAN. Never writes
 * past raw_len, whatever the frame claims. */
MUST_CHECK int decompress_frame(struct decompressor *d, struct span in,
				uint8_t *out, size_t raw_len);

#endif /* COMPRESS_COMPRESS_H */
