/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify.c - the structure of an LMDB file, page by page.
 *
 * From the newer meta page every tree is walked: each page is what its place
 * wants it to be, is reached once, and is tiled exactly by its nodes; long
 * values lie in runs of overflow pages; the lists of free pages name pages
 * that nothing uses. Values are not read, so a catalog of a million files
 * costs some milliseconds.
 */
#include "catalog/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

#define META_MAGIC 0xbeefc0deu
#define DATA_VERSION 1
#define PAGE_HEADER 16
#define NODE_HEADER 8
#define DB_BYTES 48
#define DEPTH_MAX 32
#define PAGES_MAX (1ull << 32)
#define NO_PAGE UINT64_MAX

enum { PAGE_BRANCH = 1, PAGE_LEAF = 2, PAGE_OVERFLOW = 4, PAGE_META = 8 };
#define PAGE_KINDS 0x6f /* with LEAF2 and SUBP, which a catalog never has */

enum { NODE_BIG = 1, NODE_SUB = 2 };

struct list { /* of free pages: count, then page numbers, descending */
	const uint8_t *p;
	size_t len;
};

enum which { DB_FREE, DB_MAIN, DB_SET };

struct image {
	const uint8_t *map;
	uint64_t size;
	uint32_t page_size;
	uint64_t last; /* page number */
	uint8_t *used; /* a bit a page */
	struct list *lists;
	size_t n_lists, cap_lists;
	unsigned int touched; /* pages, since they were let go */
};

struct db {
	uint16_t flags, depth;
	uint64_t root;
};

static struct db db_read(const uint8_t *p)
{
	return (struct db){ get_le16(p + 4), get_le16(p + 6),
			    get_le64(p + 40) };
}

static int db_walk(struct image *im, struct db db, enum which which);

#define PAGES_RESIDENT 2048

/* The walk reads every page once; the process need not keep them. */
static void let_go(struct image *im)
{
	if (++im->touched < PAGES_RESIDENT)
		return;
	im->touched = 0;
	madvise((void *)(uintptr_t)im->map, im->size, MADV_DONTNEED);
}

/* Take pages [first, first + n) for one use. */
static int claim(struct image *im, uint64_t first, uint64_t n)
{
	uint64_t i;

	let_go(im);
	if (first < 2 || n == 0 || n > im->last || first > im->last - n + 1)
		return -EUCLEAN;
	for (i = first; i < first + n; i++) {
		if (im->used[i / 8] & 1 << i % 8)
			return -EUCLEAN;
		im->used[i / 8] |= (uint8_t)(1 << i % 8);
	}
	return 0;
}

static const uint8_t *page_at(const struct image *im, uint64_t pgno,
			      unsigned int kind)
{
	const uint8_t *p = im->map + pgno * im->page_size;

	if (pgno >= im->size / im->page_size || get_le64(p) != pgno ||
	    (get_le16(p + 10) & PAGE_KINDS) != kind)
		return NULL;
	return p;
}

static int list_add(struct image *im, const uint8_t *p, size_t len)
{
	if (im->n_lists == im->cap_lists) {
		size_t cap = im->cap_lists ? 2 * im->cap_lists : 16;
		void *grown = realloc(im->lists, cap * sizeof(*im->lists));

		if (!grown)
			return -ENOMEM;
		im->lists = grown;
		im->cap_lists = cap;
	}
	im->lists[im->n_lists++] = (struct list){ p, len };
	return 0;
}

/* The pages of a long value; *data gets its bytes. */
static int overflow(struct image *im, uint64_t pgno, size_t len,
		    const uint8_t **data)
{
	uint64_t pages = (PAGE_HEADER + len - 1) / im->page_size + 1, have;
	const uint8_t *p = page_at(im, pgno, PAGE_OVERFLOW);

	if (!p)
		return -EUCLEAN;
	/* more than it needs, if a longer value was there before it in the
	 * same transaction */
	have = get_le32(p + 12);
	if (have < pages || claim(im, pgno, have) < 0 ||
	    pgno + have > im->size / im->page_size)
		return -EUCLEAN;
	*data = p + PAGE_HEADER;
	return 0;
}

/* A leaf's node at p, of which `left` bytes are in the page. Returns the
 * bytes it takes, or an error. */
static int leaf_node(struct image *im, const uint8_t *p, size_t left,
		     enum which which)
{
	size_t len = get_le16(p) | (size_t)get_le16(p + 2) << 16;
	unsigned int flags = get_le16(p + 4);
	size_t head = NODE_HEADER + (size_t)get_le16(p + 6);
	const uint8_t *data = p + head;
	size_t here = flags & NODE_BIG ? 8 : len;
	int e = 0;

	if (head > left || here > left - head || (flags & ~3u) ||
	    (flags & NODE_SUB && (which != DB_MAIN || len != DB_BYTES)))
		return -EUCLEAN;
	if (flags & NODE_BIG)
		e = overflow(im, get_le64(data), len, &data);
	if (e == 0 && flags & NODE_SUB)
		e = db_walk(im, db_read(data), DB_SET);
	if (e == 0 && which == DB_FREE)
		e = list_add(im, data, len);
	return e < 0 ? e : (int)(head + here);
}

static int page_walk(struct image *im, uint64_t pgno, unsigned int depth,
		     enum which which);

static int branch_node(struct image *im, const uint8_t *p, size_t left,
		       unsigned int depth, enum which which)
{
	uint64_t child = get_le16(p) | (uint64_t)get_le16(p + 2) << 16 |
			 (uint64_t)get_le16(p + 4) << 32;
	size_t len = NODE_HEADER + (size_t)get_le16(p + 6);
	int e;

	if (len > left)
		return -EUCLEAN;
	e = page_walk(im, child, depth - 1, which);
	return e < 0 ? e : (int)len;
}

/* The nodes that p's n pointers name must follow each other from upper to the
 * page's end. */
static int nodes_walk(struct image *im, const uint8_t *p, unsigned int n,
		      unsigned int depth, enum which which)
{
	uint8_t starts[65536 / 16] = { 0 };
	uint32_t at = get_le16(p + 14), i, seen = 0;

	for (i = 0; i < n; i++) {
		uint16_t start = get_le16(p + PAGE_HEADER + 2 * i);

		if (start % 2 || starts[start / 16] & 1 << start / 2 % 8)
			return -EUCLEAN;
		starts[start / 16] |= (uint8_t)(1 << start / 2 % 8);
	}
	while (at + NODE_HEADER <= im->page_size) {
		int len;

		if (at % 2 || !(starts[at / 16] & 1 << at / 2 % 8))
			return -EUCLEAN;
		len = depth == 1
			      ? leaf_node(im, p + at, im->page_size - at, which)
			      : branch_node(im, p + at, im->page_size - at,
					    depth, which);
		if (len < 0)
			return len;
		at += ((uint32_t)len + 1) & ~1u;
		seen++;
	}
	return at == im->page_size && seen == n ? 0 : -EUCLEAN;
}

static int page_walk(struct image *im, uint64_t pgno, unsigned int depth,
		     enum which which)
{
	const uint8_t *p;
	unsigned int lower;

	if (depth == 0 || claim(im, pgno, 1) < 0)
		return -EUCLEAN;
	p = page_at(im, pgno, depth == 1 ? PAGE_LEAF : PAGE_BRANCH);
	if (!p)
		return -EUCLEAN;
	lower = get_le16(p + 12);
	if (lower <= PAGE_HEADER || lower % 2 || lower > get_le16(p + 14))
		return -EUCLEAN;
	return nodes_walk(im, p, (lower - PAGE_HEADER) / 2, depth, which);
}

static int db_walk(struct image *im, struct db db, enum which which)
{
	/* LMDB sorts the free list's keys as integers; nothing else has a
	 * flag */
	if (db.depth > DEPTH_MAX || (which != DB_FREE && db.flags))
		return -EUCLEAN;
	if (db.root == NO_PAGE)
		return db.depth ? -EUCLEAN : 0;
	return page_walk(im, db.root, db.depth, which);
}

static int lists_check(struct image *im)
{
	size_t i;

	for (i = 0; i < im->n_lists; i++) {
		const struct list *l = &im->lists[i];
		uint64_t count = l->len >= 8 ? get_le64(l->p) : UINT64_MAX;
		uint64_t k, before = UINT64_MAX;

		if (count >= l->len / 8)
			return -EUCLEAN;
		for (k = 1; k <= count; k++) {
			uint64_t pgno = get_le64(l->p + 8 * k);

			if (pgno >= before || claim(im, pgno, 1) < 0)
				return -EUCLEAN;
			before = pgno;
		}
	}
	return 0;
}

/* The newer of the two, or NULL. */
static const uint8_t *meta_pick(struct image *im)
{
	const uint8_t *m[2];
	int i;

	if (im->size < PAGE_HEADER + 24 + 4)
		return NULL;
	im->page_size = get_le32(im->map + PAGE_HEADER + 24);
	if (im->page_size < 512 || im->page_size > 32768 ||
	    im->page_size & (im->page_size - 1) || im->size / im->page_size < 2)
		return NULL;
	for (i = 0; i < 2; i++) {
		m[i] = im->map + (size_t)i * im->page_size;
		if (get_le64(m[i]) != (uint64_t)i ||
		    (get_le16(m[i] + 10) & PAGE_KINDS) != PAGE_META)
			return NULL;
		m[i] += PAGE_HEADER;
		if (get_le32(m[i]) != META_MAGIC ||
		    get_le32(m[i] + 4) != DATA_VERSION ||
		    get_le32(m[i] + 24) != im->page_size)
			return NULL;
	}
	return get_le64(m[1] + 128) > get_le64(m[0] + 128) ? m[1] : m[0];
}

static int image_check(struct image *im)
{
	const uint8_t *meta = meta_pick(im);
	int e;

	if (!meta)
		return -EUCLEAN;
	im->last = get_le64(meta + 120);
	if (im->last < 1 || im->last >= PAGES_MAX)
		return -EUCLEAN;
	im->used = calloc(1, im->last / 8 + 1);
	if (!im->used)
		return -ENOMEM;
	e = db_walk(im, db_read(meta + 24), DB_FREE);
	if (e == 0)
		e = db_walk(im, db_read(meta + 24 + DB_BYTES), DB_MAIN);
	return e < 0 ? e : lists_check(im);
}

int catalog_verify(const char *path)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct image im = { 0 };
	struct stat st;
	void *map;
	int e;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size == 0)
		return 0;
	im.size = (uint64_t)st.st_size;
	map = mmap(NULL, im.size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	im.map = map;
	e = image_check(&im);
	munmap(map, im.size);
	free(im.used);
	free(im.lists);
	return e;
}
