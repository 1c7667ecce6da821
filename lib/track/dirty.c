/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dirty.c - a set of changed inodes and blocks.
 */
#include "track/dirty.h"

#include <errno.h>
#include <sys/mman.h>

#define REGION_BYTES ((uint64_t)DIRTY_BLOCK * DIRTY_REGION_BLOCKS)
#define DIRTY_MAGIC 0x31797472696465ull
#define HEADER_LEN 40

void dirty_release(struct dirty *d)
{
	free(d->inodes);
	free(d->ranges);
	memset(d, 0, sizeof(*d));
}

/* Room for one more. False: the set is lost. */
static bool grow(struct dirty *d, void **p, size_t n, size_t *cap, size_t max,
		 size_t size)
{
	size_t to = *cap ? 2 * *cap : 64;
	void *q;

	if (d->lost)
		return false;
	if (n < *cap)
		return true;
	q = n < max ? realloc(*p, to * size) : NULL;
	if (!q) {
		d->lost = true;
		return false;
	}
	*p = q;
	*cap = to;
	return true;
}

void dirty_add_inode(struct dirty *d, const struct dirty_inode *in)
{
	if (!grow(d, (void **)&d->inodes, d->n_inodes, &d->cap_inodes,
		  DIRTY_INODES_MAX, sizeof(*in)))
		return;
	d->inodes[d->n_inodes++] = *in;
	d->sorted = false;
}

void dirty_add_range(struct dirty *d, const struct dirty_range *r)
{
	if (!grow(d, (void **)&d->ranges, d->n_ranges, &d->cap_ranges,
		  DIRTY_RANGES_MAX, sizeof(*r)))
		return;
	d->ranges[d->n_ranges++] = *r;
	d->sorted = false;
}

void dirty_merge(struct dirty *d, const struct dirty *from)
{
	size_t i;

	if (from->lost)
		d->lost = true;
	for (i = 0; i < from->n_inodes; i++)
		dirty_add_inode(d, &from->inodes[i]);
	for (i = 0; i < from->n_ranges; i++)
		dirty_add_range(d, &from->ranges[i]);
}

/* --- order --- */

static int inode_order(const void *a, const void *b)
{
	const struct dirty_inode *x = a, *y = b;

	return (x->ino > y->ino) - (x->ino < y->ino);
}

static int range_order(const void *a, const void *b)
{
	const struct dirty_range *x = a, *y = b;

	if (x->ino != y->ino)
		return x->ino > y->ino ? 1 : -1;
	return (x->region > y->region) - (x->region < y->region);
}

static void fold_inode(struct dirty_inode *to, const struct dirty_inode *from)
{
	to->min_size = MIN(to->min_size, from->min_size);
	to->flags |= from->flags;
	if (to->generation != from->generation)
		to->flags |= DIRTY_WHOLE; /* another file by now */
}

void dirty_sort(struct dirty *d)
{
	size_t i, k, n = 0;

	if (d->sorted)
		return;
	if (d->n_inodes)
		qsort(d->inodes, d->n_inodes, sizeof(*d->inodes), inode_order);
	for (i = 0; i < d->n_inodes; i++) {
		if (n > 0 && d->inodes[n - 1].ino == d->inodes[i].ino)
			fold_inode(&d->inodes[n - 1], &d->inodes[i]);
		else
			d->inodes[n++] = d->inodes[i];
	}
	d->n_inodes = n;
	n = 0;
	if (d->n_ranges)
		qsort(d->ranges, d->n_ranges, sizeof(*d->ranges), range_order);
	for (i = 0; i < d->n_ranges; i++) {
		if (n > 0 &&
		    range_order(&d->ranges[n - 1], &d->ranges[i]) == 0) {
			for (k = 0; k < ARRAY_LEN(d->ranges->bits); k++)
				d->ranges[n - 1].bits[k] |=
					d->ranges[i].bits[k];
		} else {
			d->ranges[n++] = d->ranges[i];
		}
	}
	d->n_ranges = n;
	d->sorted = true;
}

void dirty_meet(struct dirty *d, struct dirty *with)
{
	size_t i, j = 0, k;

	dirty_sort(d);
	dirty_sort(with);
	for (i = 0; i < d->n_ranges; i++) {
		struct dirty_range *r = &d->ranges[i];

		while (j < with->n_ranges &&
		       range_order(&with->ranges[j], r) < 0)
			j++;
		for (k = 0; k < ARRAY_LEN(r->bits); k++)
			r->bits[k] &=
				j < with->n_ranges &&
						range_order(&with->ranges[j],
							    r) == 0
					? with->ranges[j].bits[k]
					: 0;
	}
}

const struct dirty_inode *dirty_find(const struct dirty *d, uint64_t ino)
{
	struct dirty_inode key = { .ino = ino };

	if (d->n_inodes == 0)
		return NULL;
	return bsearch(&key, d->inodes, d->n_inodes, sizeof(key), inode_order);
}

/* --- parts of a file --- */

static size_t first_range(const struct dirty *d, uint64_t ino)
{
	size_t low = 0, high = d->n_ranges;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (d->ranges[mid].ino < ino)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct extent_list {
	struct dirty_extent *p;
	size_t n, cap;
};

static int extent_add(struct extent_list *l, uint64_t from, uint64_t to)
{
	if (from >= to)
		return 0;
	if (l->n > 0 && l->p[l->n - 1].to >= from) {
		l->p[l->n - 1].to = MAX(l->p[l->n - 1].to, to);
		return 0;
	}
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 32;
		void *p = realloc(l->p, cap * sizeof(*l->p));

		if (!p)
			return -ENOMEM;
		l->p = p;
		l->cap = cap;
	}
	l->p[l->n++] = (struct dirty_extent){ from, to };
	return 0;
}

int dirty_extents(const struct dirty *d, const struct dirty_inode *in,
		  uint64_t old_size, uint64_t size, struct dirty_extent **out,
		  size_t *n)
{
	uint64_t tail = MIN(in->min_size, old_size), end;
	struct extent_list l = { 0 };
	size_t i = first_range(d, in->ino);
	int e = 0;

	if (in->flags & DIRTY_WHOLE)
		tail = 0;
	end = MIN(tail, size);
	for (; e == 0 && i < d->n_ranges && d->ranges[i].ino == in->ino; i++) {
		const struct dirty_range *r = &d->ranges[i];
		uint64_t at = r->region * REGION_BYTES;
		unsigned int b;

		for (b = 0; e == 0 && b < DIRTY_REGION_BLOCKS;
		     b++, at += DIRTY_BLOCK)
			if (r->bits[b / 64] >> b % 64 & 1)
				e = extent_add(&l, at,
					       MIN(at + DIRTY_BLOCK, end));
	}
	if (e == 0)
		e = extent_add(&l, tail, size);
	if (e == 0 && !l.p)
		l.p = malloc(sizeof(*l.p));
	if (!l.p)
		e = -ENOMEM;
	if (e < 0)
		free(TAKE_PTR(l.p));
	*out = l.p;
	*n = e < 0 ? 0 : l.n;
	return e;
}

uint64_t dirty_bytes(const struct dirty *d)
{
	uint64_t sum = 0;
	size_t i, k;

	for (i = 0; i < d->n_ranges; i++)
		for (k = 0; k < ARRAY_LEN(d->ranges->bits); k++)
			sum += (uint64_t)__builtin_popcountll(
				       d->ranges[i].bits[k]) *
			       DIRTY_BLOCK;
	return sum;
}

/* --- bytes --- */

/* Against accidents: a torn file. */
static uint64_t sum_of(const uint8_t *p, size_t len)
{
	uint64_t h = 0xcbf29ce484222325ull ^ len;
	size_t i;

	for (i = 0; i + 8 <= len; i += 8) {
		uint64_t word;

		memcpy(&word, p + i, 8);
		h = (h ^ word) * 0x9e3779b97f4a7c15ull;
		h ^= h >> 32;
	}
	return h;
}

int dirty_encode(const struct dirty *d, struct buf *out)
{
	size_t at = out->len;
	int e = buf_le64(out, DIRTY_MAGIC);

	if (e == 0)
		e = buf_le64(out, d->n_inodes);
	if (e == 0)
		e = buf_le64(out, d->n_ranges);
	if (e == 0)
		e = buf_le64(out, d->lost);
	if (e == 0)
		e = buf_le64(out, 0);
	if (e == 0)
		e = buf_append(out, d->inodes,
			       d->n_inodes * sizeof(*d->inodes));
	if (e == 0)
		e = buf_append(out, d->ranges,
			       d->n_ranges * sizeof(*d->ranges));
	if (e == 0) {
		uint64_t sum = sum_of(out->p + at, out->len - at);

		memcpy(out->p + at + 32, &sum, 8);
	}
	return e;
}

int dirty_decode(struct span bytes, struct dirty *out)
{
	CLEANUP_FREE uint8_t *copy = NULL;
	uint64_t head[HEADER_LEN / 8], sum;
	size_t inodes, ranges, i;

	memset(out, 0, sizeof(*out));
	if (bytes.len < HEADER_LEN || bytes.len > DIRTY_ENCODED_MAX)
		return -EUCLEAN;
	memcpy(head, bytes.p, HEADER_LEN);
	if (head[0] != DIRTY_MAGIC || head[1] > DIRTY_INODES_MAX ||
	    head[2] > DIRTY_RANGES_MAX || head[3] > 1)
		return -EUCLEAN;
	inodes = head[1] * sizeof(*out->inodes);
	ranges = head[2] * sizeof(*out->ranges);
	if (bytes.len != HEADER_LEN + inodes + ranges)
		return -EUCLEAN;
	copy = malloc(bytes.len);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, bytes.p, bytes.len);
	memset(copy + 32, 0, 8);
	sum = sum_of(copy, bytes.len);
	if (sum != head[4])
		return -EUCLEAN;
	for (i = 0; i < head[1]; i++) {
		struct dirty_inode in;

		memcpy(&in, copy + HEADER_LEN + i * sizeof(in), sizeof(in));
		dirty_add_inode(out, &in);
	}
	for (i = 0; i < head[2]; i++) {
		struct dirty_range r;

		memcpy(&r, copy + HEADER_LEN + inodes + i * sizeof(r),
		       sizeof(r));
		dirty_add_range(out, &r);
	}
	out->lost |= head[3] != 0;
	dirty_sort(out);
	return 0;
}

int dirty_read(int fd, struct dirty *out)
{
	off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	void *p;
	int e;

	if (size <= 0 || (uint64_t)size > DIRTY_ENCODED_MAX)
		return -EUCLEAN;
	p = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	e = dirty_decode(SPAN(p, (size_t)size), out);
	munmap(p, (size_t)size);
	return e;
}
