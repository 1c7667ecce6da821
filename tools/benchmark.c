/* SPDX-License-Identifier: Apache-2.0 */
/*
 * benchmark.c - how fast this machine does what a backup is made of.
 *
 * Each figure is that of one thread, and the best of some runs, because the
 * machine may be doing other things. What is compressed is half text-like,
 * half random, in turns: neither the best nor the worst case.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <time.h>

#include "base/io.h"
#include "base/log.h"
#include "chunk/chunk.h"
#include "compress/compress.h"
#include "crypto/crypto.h"
#include "repo/format.h"
#include "store/store.h"
#include "tools/commands.h"
#include "tools/opened.h"
#include "tools/output.h"

#define DATA_LEN ((size_t)64 << 20)
#define PART ((size_t)512 << 10)
#define RUNS 3
#define STORE_OBJECTS 4
#define ARGON2ID_KIB 65536u

struct bench {
	uint8_t *data;
	uint8_t *out;
	int fd; /* a file with the data in it */
	struct chunk_params chunks;
	struct prf64 *prf;
	struct hmac *hmac;
	struct aead *aead;
	struct compressor *compressor;
	uint64_t packed; /* what the data was compressed to */
	struct store *store;
	volatile uint64_t sink; /* so that nothing is optimised away */
};

static double now_s(void)
{
	return (double)output_clock() / 1e9;
}

/* --- telling --- */

static void tell(const char *what, const char *key, double bytes,
		 double seconds, const char *remark)
{
	struct output_line line;
	double rate = seconds > 0 ? bytes / seconds / 1e6 : 0;

	output_text("%-34s %9.0f MB/s  %s\n", what, rate, remark);
	if (!output_is_json())
		return;
	output_begin(&line, "benchmark");
	json_str(&line.json, "name", key);
	json_double(&line.json, "mb_per_second", rate);
	json_double(&line.json, "bytes", bytes);
	json_double(&line.json, "seconds", seconds);
	output_end(&line);
}

/* f works on all of b->data. seconds: of the best run. */
static int best_of(struct bench *b, int (*f)(struct bench *b), double *seconds)
{
	int i, e = 0;

	*seconds = 1e9;
	for (i = 0; e == 0 && i < RUNS; i++) {
		double start = now_s();

		e = f(b);
		*seconds = MIN(*seconds, now_s() - start);
		if (cli_interrupted())
			e = -EINTR;
	}
	return e;
}

/* --- what is measured --- */

static int run_read(struct bench *b)
{
	size_t at;

	for (at = 0; at < DATA_LEN; at += PART)
		if (io_pread_full(b->fd, b->out, PART, at) != (ssize_t)PART)
			return -EIO;
	return 0;
}

static uint64_t call_prf(void *arg, uint64_t x)
{
	return prf64(arg, x);
}

static int run_chunk(struct bench *b)
{
	size_t at, n;

	for (at = 0; at < DATA_LEN; at += n) {
		struct chunk_state s = { 0, 0 };

		n = chunk_cut(&b->chunks, &s, b->data + at, DATA_LEN - at,
			      true);
		b->sink += n;
	}
	return 0;
}

static int run_hmac(struct bench *b)
{
	uint8_t mac[SHA256_LEN];
	size_t at;

	for (at = 0; at < DATA_LEN; at += PART) {
		hmac_once(b->hmac, SPAN(b->data + at, PART), SPAN(NULL, 0),
			  mac);
		b->sink += mac[0];
	}
	return 0;
}

static int run_seal(struct bench *b)
{
	uint8_t nonce[AEAD_NONCE_LEN] = { 0 };
	size_t at;
	int e = 0;

	for (at = 0; e == 0 && at < DATA_LEN; at += PART) {
		put_le64(nonce, at); /* the key is thrown away */
		e = aead_seal(b->aead, nonce, SPAN(NULL, 0),
			      SPAN(b->data + at, PART), b->out);
	}
	return e;
}

static int run_compress(struct bench *b)
{
	size_t at, n;
	int e = 0;

	b->packed = 0;
	for (at = 0; e == 0 && at < DATA_LEN; at += PART) {
		e = compress_frame(b->compressor, SPAN(b->data + at, PART),
				   b->out, compress_bound(PART), &n);
		b->packed += n;
	}
	return e;
}

static int bench_compress(struct bench *b)
{
	static const int levels[] = { 1, 3, 9 };
	char what[64], key[32], remark[32];
	double seconds = 0;
	size_t i;
	int e = 0;

	for (i = 0; e == 0 && i < ARRAY_LEN(levels); i++) {
		e = compressor_new(levels[i], &b->compressor);
		if (e == 0)
			e = best_of(b, run_compress, &seconds);
		compressor_free(b->compressor);
		b->compressor = NULL;
		if (e < 0)
			break;
		snprintf(what, sizeof(what), "compression, zstd level %d",
			 levels[i]);
		snprintf(key, sizeof(key), "zstd_%d", levels[i]);
		snprintf(remark, sizeof(remark), "to %.1f%%",
			 100.0 * (double)b->packed / (double)DATA_LEN);
		tell(what, key, (double)DATA_LEN, seconds, remark);
	}
	return e;
}

static int bench_kdf(void)
{
	static const uint8_t salt[32];
	uint8_t key[32];
	struct output_line line;
	double start = now_s(), seconds;
	int e = kdf_argon2id(SPAN("not a passphrase", 16),
			     SPAN(salt, sizeof(salt)), 3, ARGON2ID_KIB, 4, key,
			     sizeof(key));

	seconds = now_s() - start;
	if (e < 0)
		return e;
	output_text("%-34s %9.0f ms\n", "passphrase, Argon2id of 64 MiB",
		    seconds * 1000);
	if (!output_is_json())
		return 0;
	output_begin(&line, "benchmark");
	json_str(&line.json, "name", "argon2id");
	json_double(&line.json, "seconds", seconds);
	output_end(&line);
	return 0;
}

/* --- the repository's disk --- */

static int store_objects(struct bench *b, double *seconds)
{
	char name[STORE_OBJECTS][HEX_LEN(OBJECT_ID_LEN)];
	uint8_t id[OBJECT_ID_LEN];
	double start = now_s();
	int i, done, e = 0;

	for (i = 0; e == 0 && i < STORE_OBJECTS; i++) {
		random_bytes(id, sizeof(id));
		hex_encode(name[i], id, sizeof(id));
		e = store_put(b->store, STORE_PACK, name[i],
			      SPAN(b->data, PACK_SIZE_TARGET));
		if (e == 0 && cli_interrupted())
			e = -EINTR;
	}
	*seconds = now_s() - start;
	done = e == 0 ? i : i - 1;
	for (i = 0; i < done; i++)
		(void)!store_delete(b->store, STORE_PACK, name[i]);
	return e;
}

/* Remove what store_create_dir() made; nothing else is in it. */
static void remove_store(const char *dir)
{
	CLEANUP_FREE char *path = NULL;
	static const char *const more[] = { "leases" };
	size_t i;
	int c;

	for (c = 0; c < STORE_CLASSES; c++) {
		if (asprintf(&path, "%s/%s", dir,
			     store_class_name((enum store_class)c)) < 0) {
			path = NULL;
			return;
		}
		rmdir(path);
		free(path);
		path = NULL;
	}
	for (i = 0; i < ARRAY_LEN(more); i++) {
		if (asprintf(&path, "%s/%s", dir, more[i]) < 0) {
			path = NULL;
			return;
		}
		rmdir(path);
		free(path);
		path = NULL;
	}
	if (rmdir(dir) < 0)
		log_warn("cannot remove %s: %s", dir, log_strerror(errno));
}

/* In a store of its own beside the classes: a backup that runs at the same
 * time must not find objects that are no packs. */
static int bench_store(struct bench *b, const struct opened *o)
{
	CLEANUP_FREE char *dir = NULL;
	double seconds = 0;
	int e;

	if (!store_path(o->store)) {
		log_info("the repository is in a vault: its speed is not "
			 "measured");
		return CLI_OK;
	}
	if (asprintf(&dir, "%s/benchmark.%ld", store_path(o->store),
		     (long)getpid()) < 0) {
		dir = NULL;
		return CLI_FATAL;
	}
	e = store_create_dir(dir, &b->store);
	if (e == 0)
		e = store_objects(b, &seconds);
	store_free(b->store);
	b->store = NULL;
	remove_store(dir);
	if (e == 0)
		tell("repository, write and sync 32 MiB", "store_write",
		     (double)STORE_OBJECTS * PACK_SIZE_TARGET, seconds, "");
	return cli_exit_of(e);
}

/* --- the run --- */

/* Words and numbers in every other part, random bytes in the others. */
static void fill(struct bench *b)
{
	static const char *const words[] = { "backup",	 "the ", "of ",
					     "snapshot", "\n",	 " = ",
					     "return ",	 "0x" };
	uint64_t x = 88172645463325252ull;
	size_t at, i;

	for (at = 0; at < DATA_LEN; at += PART) {
		if (at / PART % 2) {
			random_bytes(b->data + at, PART);
			continue;
		}
		for (i = 0; i + 16 < PART;) {
			const char *word;

			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			word = words[x % ARRAY_LEN(words)];
			i += (size_t)snprintf((char *)b->data + at + i, 16,
					      "%s%u", word,
					      (unsigned int)(x >> 40) % 300);
		}
	}
}

/* A file without a name, in the page cache once it is written. */
static int make_file(struct bench *b)
{
	const char *dir = getenv("TMPDIR");

	b->fd = open(dir ? dir : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (b->fd < 0)
		return log_fail(-errno, "make a file in %s",
				dir ? dir : "/tmp");
	return io_write_all(b->fd, SPAN(b->data, DATA_LEN));
}

static int prepare(struct bench *b)
{
	uint8_t key[AEAD_KEY_LEN];
	int e;

	b->fd = -1;
	b->data = malloc(DATA_LEN);
	b->out = malloc(compress_bound(PART) + AEAD_TAG_LEN);
	if (!b->data || !b->out)
		return -ENOMEM;
	fill(b);
	random_bytes(key, sizeof(key));
	random_bytes(b->chunks.gear, sizeof(b->chunks.gear));
	e = prf64_new(key, &b->prf);
	if (e == 0)
		e = hmac_new(SPAN(key, sizeof(key)), &b->hmac);
	if (e == 0)
		e = aead_new(key, &b->aead);
	b->chunks.prf = call_prf;
	b->chunks.prf_arg = b->prf;
	b->chunks.min = CDC_MIN;
	b->chunks.avg = CDC_AVG;
	b->chunks.max = CDC_MAX;
	return e < 0 ? e : make_file(b);
}

static int measure(struct bench *b)
{
	static const struct {
		const char *what, *key;
		int (*run)(struct bench *b);
	} parts[] = {
		{ "read, from the page cache", "read", run_read },
		{ "chunking", "chunk", run_chunk },
		{ "chunk ids, HMAC-SHA-256", "hmac_sha256", run_hmac },
		{ "encryption, AES-256-GCM", "aes_256_gcm", run_seal },
	};
	double seconds = 0;
	size_t i;
	int e = 0;

	for (i = 0; e == 0 && i < ARRAY_LEN(parts); i++) {
		e = best_of(b, parts[i].run, &seconds);
		if (e == 0)
			tell(parts[i].what, parts[i].key, (double)DATA_LEN,
			     seconds, "");
	}
	if (e == 0)
		e = bench_compress(b);
	return e < 0 ? e : bench_kdf();
}

int cmd_benchmark(struct cli *cli)
{
	CLEANUP_OPENED struct opened o = OPENED_INIT;
	struct bench b = { .fd = -1 };
	int e, code = cli_str(cli, "repo") ? opened_store(cli, &o) : CLI_OK;

	if (code != CLI_OK)
		return code;
	e = prepare(&b);
	if (e == 0)
		e = measure(&b);
	if (e < 0 && e != -EINTR)
		log_fail(e, "benchmark");
	code = cli_exit_of(e);
	if (e == 0 && o.store)
		code = bench_store(&b, &o);
	if (b.fd >= 0)
		close(b.fd);
	aead_free(b.aead);
	hmac_free(b.hmac);
	prf64_free(b.prf);
	free(b.out);
	free(b.data);
	return code;
}
