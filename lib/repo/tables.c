/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tables.c - index objects: stored, fetched, and cached decoded.
 *
 * An index object's body is raw_len:le64 and one zstd frame of the table.
 * The cached copy is the table and 32 bytes of MAC over the object's id and
 * the table's SHA-256, under a key of this repository: a damaged cache could
 * claim chunks that do not exist, and a backup that believed it would lose
 * data, so it is checked at each open and thrown away if it fails.
 */
#include "repo/private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/fault.h"
#include "base/io.h"
#include "base/log.h"
#include "compress/compress.h"

#define MAC_LEN SHA256_LEN
#define LOOKUPS_RESIDENT (16u << 10)
#define CHECK_STEP (4u << 20)

static int cache_path(const struct repo *r, const uint8_t id[OBJECT_ID_LEN],
		      char *path, size_t size)
{
	char hex[HEX_LEN(OBJECT_ID_LEN)];

	if (!r->state_dir)
		return -ENOENT;
	snprintf(path, size, "%s/index/%s", r->state_dir,
		 hex_encode(hex, id, OBJECT_ID_LEN));
	return 0;
}

static int cache_mac(const struct repo *r, const uint8_t id[OBJECT_ID_LEN],
		     const uint8_t digest[SHA256_LEN], uint8_t mac[MAC_LEN])
{
	struct hmac *h;
	int e = hmac_new(SPAN(r->cache_key, sizeof(r->cache_key)), &h);

	if (e < 0)
		return e;
	hmac_once(h, SPAN(id, OBJECT_ID_LEN), SPAN(digest, SHA256_LEN), mac);
	hmac_free(h);
	return 0;
}

/* Hash a mapping in steps and let go of the pages behind, so that checking a
 * large table does not make it resident. */
static int digest_mapping(const uint8_t *p, size_t len,
			  uint8_t digest[SHA256_LEN])
{
	struct sha256 *h;
	size_t off, n;
	int e = sha256_new(&h);

	if (e < 0)
		return e;
	for (off = 0; off < len; off += n) {
		n = MIN((size_t)CHECK_STEP, len - off);
		sha256_update(h, SPAN(p + off, n));
		madvise((void *)(uintptr_t)(p + off), n, MADV_DONTNEED);
	}
	sha256_final(h, digest);
	sha256_free(h);
	return 0;
}

/* The structure was checked before the MAC was made; here the header only. */
static int table_from_cache(struct span bytes, struct table *t)
{
	struct reader rd = reader_of(bytes);

	memset(t, 0, sizeof(*t));
	t->base = bytes.p;
	t->len = bytes.len;
	t->packs = rd_le32(&rd);
	t->frames = rd_le32(&rd);
	t->chunks = rd_le32(&rd);
	t->mapped = true;
	return rd.bad ? -EUCLEAN : 0;
}

static int cache_open(const struct repo *r, const uint8_t id[OBJECT_ID_LEN],
		      struct table *t)
{
	CLEANUP_CLOSE int fd = -1;
	uint8_t digest[SHA256_LEN], want[MAC_LEN], have[MAC_LEN];
	char path[4096];
	struct stat st;
	uint8_t *p;
	size_t len;
	int e = cache_path(r, id, path, sizeof(path));

	if (e < 0)
		return e;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size < TABLE_HEADER_LEN + MAC_LEN)
		return -EUCLEAN;
	len = (size_t)st.st_size - MAC_LEN;
	if (io_pread_full(fd, have, MAC_LEN, len) != MAC_LEN)
		return -EIO;
	p = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	e = digest_mapping(p, len, digest);
	if (e == 0)
		e = cache_mac(r, id, digest, want);
	if (e == 0 && !secret_equal(have, want, MAC_LEN))
		e = -EBADMSG;
	if (e == 0)
		e = table_from_cache(SPAN(p, len), t);
	if (e < 0) {
		munmap(p, len);
		if (e == -EBADMSG)
			log_warn(
				"cached index %s is damaged: fetching it again",
				path);
		unlink(path);
	}
	return e;
}

/* Best effort: without a cache the table stays in memory. */
static int cache_store(const struct repo *r, const uint8_t id[OBJECT_ID_LEN],
		       struct span table)
{
	CLEANUP_CLOSE int fd = -1;
	uint8_t digest[SHA256_LEN], mac[MAC_LEN];
	char path[4096], tmp[4096 + 16];
	int e = cache_path(r, id, path, sizeof(path));

	if (e < 0)
		return e;
	sha256_once(table, digest);
	e = cache_mac(r, id, digest, mac);
	if (e < 0)
		return e;
	snprintf(tmp, sizeof(tmp), "%s.%ld", path, (long)getpid());
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	e = io_write_all(fd, table);
	if (e == 0)
		e = io_write_all(fd, SPAN(mac, sizeof(mac)));
	if (e == 0 && rename(tmp, path) < 0)
		e = -errno;
	if (e < 0)
		unlink(tmp);
	return e;
}

static int table_decode(struct span body, struct buf *raw)
{
	struct decompressor *d = NULL;
	struct reader rd = reader_of(body);
	uint64_t raw_len = rd_le64(&rd);
	int e;

	if (rd.bad || raw_len > INDEX_RAW_MAX)
		return -EUCLEAN;
	e = buf_reserve(raw, raw_len);
	if (e == 0)
		e = decompressor_new(&d);
	if (e == 0)
		e = decompress_frame(d, SPAN(rd.p, reader_left(&rd)), raw->p,
				     raw_len);
	if (e == 0)
		raw->len = raw_len;
	decompressor_free(d);
	return e;
}

static int table_fetch(struct repo *r, const uint8_t id[OBJECT_ID_LEN],
		       struct buf *raw)
{
	CLEANUP_BUF struct buf object = BUF_INIT(INDEX_RAW_MAX);
	CLEANUP_BUF struct buf body = BUF_INIT(INDEX_RAW_MAX);
	char name[HEX_LEN(OBJECT_ID_LEN)];
	uint8_t hash[SHA256_LEN];
	int e = store_get(r->store, STORE_INDEX,
			  hex_encode(name, id, OBJECT_ID_LEN), &object);

	if (e == -ENOENT)
		return e;
	if (e == 0) {
		sha256_once(SPAN_OF(&object), hash);
		if (memcmp(hash, id, OBJECT_ID_LEN) != 0)
			e = -EBADMSG;
	}
	if (e == 0)
		e = seal_open_object(r->ring, OBJECT_INDEX, SPAN_OF(&object),
				     NULL, &body);
	if (e == 0)
		e = table_decode(SPAN_OF(&body), raw);
	return e;
}

int repo_verify_table(struct repo *r, const uint8_t id[OBJECT_ID_LEN])
{
	CLEANUP_BUF struct buf raw = BUF_INIT(INDEX_RAW_MAX);
	struct table t;
	int e = table_fetch(r, id, &raw);

	return e < 0 ? e : table_parse(SPAN_OF(&raw), &t);
}

int repo_load_table(struct repo *r, const uint8_t id[OBJECT_ID_LEN],
		    struct table *t)
{
	CLEANUP_BUF struct buf raw = BUF_INIT(INDEX_RAW_MAX);
	char name[HEX_LEN(OBJECT_ID_LEN)];
	int e = cache_open(r, id, t);

	if (e == 0) {
		memcpy(t->id, id, OBJECT_ID_LEN);
		return 0;
	}
	e = table_fetch(r, id, &raw);
	if (e == 0)
		e = table_parse(SPAN_OF(&raw), t);
	if (e == -ENOENT)
		return e;
	if (e < 0)
		return log_fail(e, "index %.12s",
				hex_encode(name, id, OBJECT_ID_LEN));
	if (cache_store(r, id, SPAN_OF(&raw)) == 0 &&
	    cache_open(r, id, t) == 0) {
		memcpy(t->id, id, OBJECT_ID_LEN);
		return 0;
	}
	memcpy(t->id, id, OBJECT_ID_LEN);
	t->base = TAKE_PTR(raw.p);
	t->mapped = false;
	return 0;
}

int repo_store_table(struct repo *r, struct span table,
		     uint8_t id[OBJECT_ID_LEN])
{
	CLEANUP_BUF struct buf object = BUF_INIT(INDEX_RAW_MAX);
	CLEANUP_BUF struct buf body = BUF_INIT(INDEX_RAW_MAX);
	struct compressor *c = NULL;
	char name[HEX_LEN(OBJECT_ID_LEN)];
	struct table check;
	size_t n = 0;
	int e = table_parse(table, &check);

	if (e == 0)
		e = compressor_new(1, &c);
	if (e == 0)
		e = buf_le64(&body, table.len);
	if (e == 0)
		e = buf_reserve(&body, compress_bound(table.len));
	if (e == 0)
		e = compress_frame(c, table, body.p + body.len,
				   body.cap - body.len, &n);
	body.len += n;
	compressor_free(c);
	if (e == 0)
		e = seal_object(r->ring, OBJECT_INDEX, SPAN(NULL, 0),
				SPAN_OF(&body), &object);
	if (e == 0)
		e = FAULT("index.write");
	if (e < 0)
		return log_fail(e, "write an index");
	sha256_once(SPAN_OF(&object), id);
	e = store_put_by_hash(store_put(r->store, STORE_INDEX,
					hex_encode(name, id, OBJECT_ID_LEN),
					SPAN_OF(&object)));
	if (e < 0)
		return e;
	(void)!cache_store(r, id, table);
	return 0;
}

bool table_is_loaded(const struct repo *r, const uint8_t id[OBJECT_ID_LEN])
{
	unsigned int i;

	for (i = 0; i < r->index.count; i++)
		if (!memcmp(r->index.tables[i].id, id, OBJECT_ID_LEN))
			return true;
	return false;
}

int tables_load(struct repo *r)
{
	const struct idlist *ids = &r->head.indexes;
	uint32_t i;
	int e = 0;

	for (i = 0; e == 0 && i < ids->count; i++) {
		struct table t;

		if (table_is_loaded(r, ids->ids[i]))
			continue;
		e = repo_load_table(r, ids->ids[i], &t);
		if (e == 0)
			e = index_add(&r->index, t);
	}
	return e;
}

/* Is every chunk of t in ix? */
static bool is_covered(const struct index *ix, const struct table *t)
{
	uint32_t i;

	for (i = 0; i < t->chunks; i++)
		if (!index_has(ix, table_chunk(t, i).id))
			return false;
	return true;
}

int tables_follow(struct repo *r)
{
	struct index kept = { 0 }, dropped = { 0 };
	unsigned int i;
	int e;

	for (i = 0; i < r->index.count; i++) {
		struct table *t = &r->index.tables[i];
		bool keep = idlist_has(&r->head.indexes, t->id);

		/* out of memory releases the table: a kept one is loaded
		 * again, and of a dropped one nothing is known */
		if (index_add(keep ? &kept : &dropped, *t) < 0 && !keep)
			r->losses++;
	}
	free(r->index.tables);
	r->index = kept;
	e = tables_load(r);
	for (i = 0; r->relying > 0 && i < dropped.count; i++)
		if (e < 0 || !is_covered(&r->index, &dropped.tables[i]))
			r->losses++;
	index_release(&dropped);
	return e;
}

/* A table that prune has replaced since the head was read: look again. */
static int load_or_refresh(struct repo *r)
{
	int e, tries;

	for (tries = 0;; tries++) {
		pthread_rwlock_wrlock(&r->lock);
		e = r->index_loaded ? 0 : tables_load(r);
		if (e == 0)
			r->index_loaded = true;
		pthread_rwlock_unlock(&r->lock);
		if (e != -ENOENT || tries == 3)
			break;
		e = repo_refresh(r);
		if (e == 0)
			e = -ENOENT;
		if (e < 0)
			break;
	}
	if (e == -ENOENT)
		return log_fail(e, "an index object that head %llu names",
				(unsigned long long)r->head.counter);
	return e;
}

int repo_index(struct repo *r, const struct index **out)
{
	int e = 0;

	if (!__atomic_load_n(&r->index_loaded, __ATOMIC_ACQUIRE))
		e = load_or_refresh(r);
	if (e == 0)
		*out = &r->index;
	return e;
}

/* Lookups touch every page of the tables before long; the page cache has them
 * anyway, and the process need not. lock: held for reading. */
static void let_go(struct repo *r, const struct index *ix)
{
	unsigned int i;

	if (__atomic_add_fetch(&r->lookups, 1, __ATOMIC_RELAXED) %
	    LOOKUPS_RESIDENT)
		return;
	for (i = 0; i < ix->count; i++) {
		const struct table *t = &ix->tables[i];

		if (t->mapped)
			madvise((void *)(uintptr_t)t->base, t->len,
				MADV_DONTNEED);
	}
}

bool repo_find(struct repo *r, const uint8_t id[CHUNK_ID_LEN],
	       struct chunk_loc *loc)
{
	const struct index *ix;
	bool found;

	if (repo_index(r, &ix) < 0)
		return false;
	pthread_rwlock_rdlock(&r->lock);
	found = index_find(ix, id, loc);
	let_go(r, ix);
	pthread_rwlock_unlock(&r->lock);
	return found;
}
