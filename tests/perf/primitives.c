/* SPDX-License-Identifier: Apache-2.0 */
/*
 * primitives.c - MB/s of what every stored byte passes through.
 *
 * Usage: primitives FILE. The file (its first 64 MiB) is what is compressed;
 * all else works on random bytes. One thread; each figure is the best of
 * RUNS, because the machine may be doing other things.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "chunk/chunk.h"
#include "compress/compress.h"
#include "crypto/crypto.h"

#define MIB ((size_t)1 << 20)
#define DATA_LEN (64 * MIB)
#define PART ((size_t)512 << 10)
#define RUNS 5

struct bench {
	uint8_t *data; /* random */
	uint8_t *text; /* the file */
	size_t text_len;
	uint8_t *out; /* compress_bound(PART), at least */
	struct chunk_params chunks;
	struct hmac *hmac;
	struct aead *aead;
	struct compressor *c;
	struct decompressor *d;
	size_t part;   /* what hmac is given at a time */
	uint64_t sink; /* so that nothing is optimised away */
};

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* f does its work on b and returns the bytes it has worked on. */
static void report(const char *what, size_t (*f)(struct bench *b),
		   struct bench *b)
{
	double start, took, best = 1e9;
	size_t bytes = 0;
	int i;

	for (i = 0; i < RUNS; i++) {
		start = now_s();
		bytes = f(b);
		took = now_s() - start;
		best = MIN(best, took);
	}
	printf("%-34s %8.0f MB/s\n", what, (double)bytes / best / 1e6);
}

static void die(const char *what, int err)
{
	fprintf(stderr, "primitives: %s: %s\n", what, strerror(-err));
	exit(1);
}

static void must(const char *what, int r)
{
	if (r < 0)
		die(what, r);
}

static uint64_t call_prf(void *arg, uint64_t x)
{
	return prf64(arg, x);
}

static size_t run_chunk(struct bench *b)
{
	size_t at, n;

	for (at = 0; at < DATA_LEN; at += n) {
		struct chunk_state s = { 0, 0 };

		n = chunk_cut(&b->chunks, &s, b->data + at, DATA_LEN - at,
			      true);
		b->sink += n;
	}
	return DATA_LEN;
}

static size_t run_hmac(struct bench *b)
{
	uint8_t out[SHA256_LEN];
	size_t at;

	for (at = 0; at + b->part <= DATA_LEN; at += b->part) {
		hmac_once(b->hmac, SPAN(b->data + at, b->part), SPAN(NULL, 0),
			  out);
		b->sink += out[0];
	}
	return DATA_LEN;
}

static size_t run_seal(struct bench *b)
{
	uint8_t nonce[AEAD_NONCE_LEN] = { 0 };
	size_t at;

	for (at = 0; at < DATA_LEN; at += b->part) {
		put_le64(nonce, at);
		must("seal", aead_seal(b->aead, nonce, SPAN("aad", 3),
				       SPAN(b->data + at, b->part), b->out));
		b->sink += b->out[0];
	}
	return DATA_LEN;
}

static size_t run_open(struct bench *b)
{
	uint8_t nonce[AEAD_NONCE_LEN] = { 0 };
	size_t at;

	for (at = 0; at < DATA_LEN; at += b->part) {
		/* Does not verify, which costs the same and a wipe more. */
		if (aead_open(b->aead, nonce, SPAN(NULL, 0),
			      SPAN(b->data + at, b->part), b->out) != -EBADMSG)
			die("open", -EINVAL);
	}
	return DATA_LEN;
}

static size_t compress_all(struct bench *b, const uint8_t *p, size_t len,
			   size_t *total)
{
	size_t at, n, out_len;

	*total = 0;
	for (at = 0; at < len; at += n) {
		n = MIN(len - at, PART);
		must("compress", compress_frame(b->c, SPAN(p + at, n), b->out,
						compress_bound(n), &out_len));
		*total += out_len;
	}
	return len;
}

static size_t run_compress(struct bench *b)
{
	size_t total;

	return compress_all(b, b->text, b->text_len, &total);
}

static size_t run_compress_random(struct bench *b)
{
	size_t total;

	return compress_all(b, b->data, DATA_LEN, &total);
}

/* The same frame again and again: of the first part of the file. */
static size_t run_decompress(struct bench *b)
{
	size_t n = MIN(b->text_len, PART), total, done;
	uint8_t *out = b->out + compress_bound(PART);

	compress_all(b, b->text, n, &total);
	for (done = 0; done < DATA_LEN; done += n)
		must("decompress",
		     decompress_frame(b->d, SPAN(b->out, total), out, n));
	return done;
}

static size_t probe_all(struct bench *b, const uint8_t *p, size_t len,
			size_t *futile)
{
	size_t at, n;

	*futile = 0;
	for (at = 0; at < len; at += n) {
		n = MIN(len - at, PART);
		*futile += compress_is_futile(b->c, SPAN(p + at, n));
	}
	return len;
}

static size_t run_probe_text(struct bench *b)
{
	size_t futile;

	return probe_all(b, b->text, b->text_len, &futile);
}

static size_t run_probe_random(struct bench *b)
{
	size_t futile;

	return probe_all(b, b->data, DATA_LEN, &futile);
}

static void bench_compress(struct bench *b)
{
	const int levels[] = { 1, 2, 3, 6 };
	size_t total, futile, i;
	char what[64];

	for (i = 0; i < ARRAY_LEN(levels); i++) {
		must("compressor", compressor_new(levels[i], &b->c));
		compress_all(b, b->text, b->text_len, &total);
		snprintf(what, sizeof(what), "compress -%d, to %.1f%%",
			 levels[i],
			 100.0 * (double)total / (double)b->text_len);
		report(what, run_compress, b);
		if (levels[i] == 1) {
			report("compress -1, random", run_compress_random, b);
			report("decompress", run_decompress, b);
			report("is_futile, file", run_probe_text, b);
			report("is_futile, random", run_probe_random, b);
			probe_all(b, b->text, b->text_len, &futile);
			printf("  futile parts: %zu of %zu in the file", futile,
			       (b->text_len + PART - 1) / PART);
			probe_all(b, b->data, DATA_LEN, &futile);
			printf(", %zu of %zu random\n", futile,
			       DATA_LEN / PART);
		}
		compressor_free(b->c);
	}
}

static void bench_crypto(struct bench *b)
{
	b->part = 1024;
	report("hmac_once, 1 KiB", run_hmac, b);
	b->part = MIB;
	report("hmac_once, 1 MiB", run_hmac, b);
	b->part = PART;
	report("aead_seal, 512 KiB", run_seal, b);
	report("aead_open, 512 KiB", run_open, b);
	b->part = 1024;
	report("aead_seal, 1 KiB", run_seal, b);
}

static void bench_chunk(struct bench *b)
{
	b->chunks.min = 256 << 10;
	b->chunks.avg = 768 << 10;
	b->chunks.max = 4 << 20;
	report("chunk_cut, 256 K/768 K/4 M", run_chunk, b);
	b->chunks.min = 1;
	b->chunks.avg = 1 + (512 << 10);
	report("chunk_cut, every byte looked at", run_chunk, b);
}

static void read_text(struct bench *b, const char *path)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		die(path, -errno);
	while (b->text_len < DATA_LEN) {
		n = read(fd, b->text + b->text_len, DATA_LEN - b->text_len);
		if (n < 0)
			die(path, -errno);
		if (n == 0)
			break;
		b->text_len += (size_t)n;
	}
	if (b->text_len == 0)
		die(path, -ENODATA);
}

int main(int argc, char **argv)
{
	uint8_t key[AEAD_KEY_LEN];
	struct bench b = { 0 };
	struct prf64 *prf;

	if (argc != 2) {
		fprintf(stderr, "usage: primitives FILE\n");
		return 2;
	}
	b.data = malloc(DATA_LEN);
	b.text = malloc(DATA_LEN);
	b.out = malloc(compress_bound(PART) + PART);
	if (!b.data || !b.text || !b.out)
		die("memory", -ENOMEM);
	read_text(&b, argv[1]);
	random_bytes(b.data, DATA_LEN);
	random_bytes(key, sizeof(key));
	random_bytes(b.chunks.gear, sizeof(b.chunks.gear));
	must("prf", prf64_new(key, &prf));
	must("hmac", hmac_new(SPAN(key, sizeof(key)), &b.hmac));
	must("aead", aead_new(key, &b.aead));
	must("decompressor", decompressor_new(&b.d));
	b.chunks.prf = call_prf;
	b.chunks.prf_arg = prf;
	bench_chunk(&b);
	bench_crypto(&b);
	bench_compress(&b);
	decompressor_free(b.d);
	aead_free(b.aead);
	hmac_free(b.hmac);
	prf64_free(prf);
	free(b.out);
	free(b.text);
	free(b.data);
	return b.sink == 1; /* never, but the compiler cannot know */
}
