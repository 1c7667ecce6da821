/* SPDX-License-Identifier: Apache-2.0 */
/*
 * order.c - entries in the order of their names.
 *
 * A directory may have a hundred thousand of them, which lie all over the
 * memory. What most of them begin with is left out of the comparison, and the
 * eight bytes behind it lie beside the pointer: names are looked at only where
 * these are the same.
 */
#include <endian.h>
#include <errno.h>

#include "archive/archiver_private.h"

struct item {
	uint64_t bytes; /* behind what all have in common, as a number */
	struct entry *entry;
};

static int name_order(struct span x, struct span y)
{
	int c = memcmp(x.p, y.p, MIN(x.len, y.len));

	return c ? c : (x.len > y.len) - (x.len < y.len);
}

static int entry_order(const void *a, const void *b)
{
	return name_order((*(struct entry *const *)a)->name,
			  (*(struct entry *const *)b)->name);
}

static int item_order(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? -1 : 1;
	return name_order(x->entry->name, y->entry->name);
}

/* How many bytes do all names begin with? */
static size_t in_common(struct entry *const *e, size_t n)
{
	size_t len = e[0]->name.len, i, k;

	for (i = 1; i < n && len > 0; i++) {
		len = MIN(len, e[i]->name.len);
		for (k = 0; k < len && e[i]->name.p[k] == e[0]->name.p[k];)
			k++;
		len = k;
	}
	return len;
}

/* Names have no NUL: one that ends is before those that go on. */
static uint64_t bytes_at(struct span name, size_t at)
{
	uint64_t bytes = 0;

	memcpy(&bytes, name.p + at, MIN(name.len - at, sizeof(bytes)));
	return be64toh(bytes);
}

/* Returns how many are left without doubles. */
static size_t sort(struct entry **e, size_t n)
{
	CLEANUP_FREE struct item *items = calloc(n, sizeof(*items));
	size_t skip = in_common(e, n), i, to = 0;

	if (!items)
		return 0;
	for (i = 0; i < n; i++)
		items[i] = (struct item){ bytes_at(e[i]->name, skip), e[i] };
	qsort(items, n, sizeof(*items), item_order);
	for (i = 0; i < n; i++)
		if (i == 0 || item_order(&items[i - 1], &items[i]) != 0)
			e[to++] = items[i].entry;
	return to;
}

int order_entries(struct dir_job *dir, size_t from)
{
	size_t n = dir->n_entries - from, left;

	if (n == 0)
		return 0;
	left = sort(dir->entries + from, n);
	if (left == 0)
		return -ENOMEM;
	dir->n_entries = from + left;
	return 0;
}

bool order_has(const struct dir_job *dir, size_t n, const char *name)
{
	struct entry e = { .name = SPAN(name, strlen(name)) }, *key = &e;

	return n > 0 && bsearch(&key, dir->entries, n, sizeof(*dir->entries),
				entry_order);
}
