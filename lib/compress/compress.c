/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compress.c - one zstd frame from bytes, and back.
 *
 * A context is kept, and the size of the input is known at each call, so zstd
 * fits window and tables to it: 512 KiB take 0.6 MiB at level 1 and 1.3 MiB
 * at level 3, whatever the level's full window.
 */
#include "compress/compress.h"

#include <errno.h>
#include <zstd.h>
#include <zstd_errors.h>

/*
 * Probing: one sample for every SAMPLE_EVERY bytes. That is 1/32 of the input,
 * yet under 2% of the time on data that compresses, where the first samples
 * decide. Samples are what level 1 makes of them, not an entropy of bytes:
 * it costs the same and also sees repetition.
 */
#define SAMPLE_LEN ((size_t)4096)
#define SAMPLE_EVERY ((size_t)128 << 10)
#define SAMPLES_MAX ((size_t)8)
#define SAMPLE_BOUND ZSTD_COMPRESSBOUND(SAMPLE_LEN)
/* Less saved than 1/50 of the samples is futile. Not the promised 3%: frame
 * and Huffman header weigh 1% in a sample, and little in a long frame. */
#define SAVED_MIN(sampled) ((sampled) / 50)

struct compressor {
	ZSTD_CCtx *ctx;
	ZSTD_CCtx *probe; /* level 1, small tables */
	uint8_t sample[SAMPLE_BOUND];
};

struct decompressor {
	ZSTD_DCtx *ctx;
};

static bool set(ZSTD_CCtx *ctx, ZSTD_cParameter what, int value)
{
	return !ZSTD_isError(ZSTD_CCtx_setParameter(ctx, what, value));
}

static ZSTD_CCtx *context_new(int level)
{
	ZSTD_CCtx *ctx = ZSTD_createCCtx();

	if (ctx && set(ctx, ZSTD_c_compressionLevel, level) &&
	    set(ctx, ZSTD_c_contentSizeFlag, 1) &&
	    set(ctx, ZSTD_c_checksumFlag, 0))
		return ctx;
	ZSTD_freeCCtx(ctx);
	return NULL;
}

int compressor_new(int level, struct compressor **out)
{
	struct compressor *c;

	if (level < 1 || level > COMPRESS_LEVEL_MAX)
		return -EINVAL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->ctx = context_new(level);
	c->probe = context_new(1);
	if (!c->ctx || !c->probe) {
		compressor_free(c);
		return -ENOMEM;
	}
	*out = c;
	return 0;
}

void compressor_free(struct compressor *c)
{
	if (!c)
		return;
	ZSTD_freeCCtx(c->ctx);
	ZSTD_freeCCtx(c->probe);
	free(c);
}

size_t compress_bound(size_t n)
{
	return ZSTD_compressBound(n);
}

int compress_frame(struct compressor *c, struct span in, uint8_t *out,
		   size_t room, size_t *out_len)
{
	size_t n = ZSTD_compress2(c->ctx, out, room, in.p, in.len);

	if (!ZSTD_isError(n)) {
		*out_len = n;
		return 0;
	}
	if (ZSTD_getErrorCode(n) == ZSTD_error_memory_allocation)
		return -ENOMEM;
	return -EINVAL; /* room is less than the contract asks for */
}

bool compress_is_futile(struct compressor *c, struct span in)
{
	size_t samples = MIN(in.len / SAMPLE_EVERY, SAMPLES_MAX);
	size_t saved = 0;
	size_t stride, i, n;

	/* Too short: a wrong guess would cost as much as to try. */
	if (samples == 0)
		return false;
	stride = in.len / samples;
	for (i = 0; i < samples; i++) {
		/* In the middle: the start is often a header. */
		const uint8_t *p = in.p + i * stride + stride / 2;

		n = ZSTD_compress2(c->probe, c->sample, sizeof(c->sample), p,
				   SAMPLE_LEN);
		if (ZSTD_isError(n))
			return false;
		if (n < SAMPLE_LEN)
			saved += SAMPLE_LEN - n;
		/* Enough already, even if the others save nothing. */
		if (saved >= SAVED_MIN(samples * SAMPLE_LEN))
			return false;
	}
	return true;
}

int decompressor_new(struct decompressor **out)
{
	struct decompressor *d = malloc(sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->ctx = ZSTD_createDCtx();
	if (!d->ctx) {
		free(d);
		return -ENOMEM;
	}
	*out = d;
	return 0;
}

void decompressor_free(struct decompressor *d)
{
	if (!d)
		return;
	ZSTD_freeDCtx(d->ctx);
	free(d);
}

/*
 * Exactly one frame of ours. zstd would also take several frames in a row,
 * skippable ones, and old formats whose decoders nobody looks at any more;
 * one content must not have many encodings.
 */
static bool is_one_frame(struct span in, size_t raw_len)
{
	if (in.len < 4 || get_le32(in.p) != ZSTD_MAGICNUMBER)
		return false;
	if (ZSTD_getFrameContentSize(in.p, in.len) != raw_len)
		return false;
	return ZSTD_findFrameCompressedSize(in.p, in.len) == in.len;
}

int decompress_frame(struct decompressor *d, struct span in, uint8_t *out,
		     size_t raw_len)
{
	size_t n;

	if (!is_one_frame(in, raw_len))
		return -EUCLEAN;
	n = ZSTD_decompressDCtx(d->ctx, out, raw_len, in.p, in.len);
	if (n == raw_len)
		return 0;
	if (ZSTD_isError(n) &&
	    ZSTD_getErrorCode(n) == ZSTD_error_memory_allocation)
		return -ENOMEM;
	return -EUCLEAN;
}
