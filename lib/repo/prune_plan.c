/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prune_plan.c - which packs go, which are copied, which stay as they are.
 *
 * How many bytes of a pack are dead is reckoned from what is live, as the
 * index does not list dead chunks: their frames' share, the directory and
 * the padding that a pack of just those would have.
 */
#include <errno.h>

#include "base/log.h"
#include "repo/pack.h"
#include "repo/prune_private.h"

#define PACK_FIXED 160u	    /* header, trailer, tags */
#define DIRECTORY_CHUNK 35u /* id and length */
/* So many small packs of a type are put together, whatever is in them. */
#define SMALL_PACK (4u << 20)
#define SMALL_PACKS 16u

static int by_pack_id(const void *a, const void *b)
{
	const struct live_pack *x = a, *y = b;

	return memcmp(x->id, y->id, OBJECT_ID_LEN);
}

static struct live_pack *pack_find(const struct prune *p, const uint8_t *id)
{
	struct live_pack key = { .size = 0 };

	if (p->n_packs == 0)
		return NULL;
	memcpy(key.id, id, OBJECT_ID_LEN);
	return bsearch(&key, p->packs, p->n_packs, sizeof(key), by_pack_id);
}

static int collect_packs(struct prune *p)
{
	uint32_t i, n = 0, total = 0;
	unsigned int t;

	for (t = 0; t < p->ix.count; t++)
		total += p->ix.tables[t].packs;
	p->packs = calloc(total + 1, sizeof(*p->packs));
	if (!p->packs)
		return -ENOMEM;
	for (t = 0; t < p->ix.count; t++)
		for (i = 0; i < p->ix.tables[t].packs; i++) {
			struct index_pack k = table_pack(&p->ix.tables[t], i);

			memcpy(p->packs[n].id, k.id, OBJECT_ID_LEN);
			p->packs[n].size = k.size;
			p->packs[n++].type = k.type;
		}
	qsort(p->packs, n, sizeof(*p->packs), by_pack_id);
	for (i = 0; i < n; i++)
		if (p->n_packs == 0 ||
		    by_pack_id(&p->packs[p->n_packs - 1], &p->packs[i]) != 0)
			p->packs[p->n_packs++] = p->packs[i];
	return 0;
}

static int place_packs(struct prune *p)
{
	unsigned int t;
	uint32_t i;

	p->pack_of = calloc(p->ix.count + 1, sizeof(*p->pack_of));
	if (!p->pack_of)
		return -ENOMEM;
	for (t = 0; t < p->ix.count; t++) {
		const struct table *tab = &p->ix.tables[t];

		p->pack_of[t] = malloc((tab->packs + 1) * sizeof(uint32_t));
		if (!p->pack_of[t])
			return -ENOMEM;
		for (i = 0; i < tab->packs; i++)
			p->pack_of[t][i] =
				(uint32_t)(pack_find(p, table_pack(tab, i).id) -
					   p->packs);
	}
	return 0;
}

static void count_table(struct prune *p, unsigned int t)
{
	const struct table *tab = &p->ix.tables[t];
	uint32_t i;

	for (i = 0; i < tab->chunks; i++) {
		struct index_chunk c;
		struct index_frame f;
		struct live_pack *k;

		if (!live_has(&p->live, t, i)) {
			p->stats->chunks_dead++;
			continue;
		}
		c = table_chunk(tab, i);
		f = table_frame(tab, c.frame);
		k = &p->packs[p->pack_of[t][f.pack]];
		k->live_chunks++;
		k->live_bytes += DIRECTORY_CHUNK;
		if (f.raw_len > 0)
			k->live_bytes += ((uint64_t)f.sealed_len * c.len +
					  f.raw_len - 1) /
					 f.raw_len;
		p->stats->chunks_live++;
	}
}

static uint64_t dead_bytes(const struct live_pack *k)
{
	uint64_t want = padme(k->live_bytes + PACK_FIXED);

	return k->size > want ? k->size - want : 0;
}

static int note_existing(struct prune *p)
{
	uint32_t i;

	for (i = 0; i < p->n_found; i++) {
		struct live_pack *k = NULL;

		if (p->found[i].cls != STORE_PACK)
			continue;
		p->stats->packs++;
		p->stats->bytes += p->found[i].size;
		k = pack_find(p, p->found[i].id);
		if (k)
			k->exists = true;
	}
	for (i = 0; i < p->n_packs; i++) {
		char name[HEX_LEN(OBJECT_ID_LEN)];

		if (p->packs[i].exists || p->packs[i].live_chunks == 0)
			continue;
		return log_fail(-ENOENT, "pack %s, which snapshots need",
				hex_encode(name, p->packs[i].id,
					   OBJECT_ID_LEN));
	}
	return 0;
}

/* --- which to copy --- */

static int by_waste(const void *a, const void *b)
{
	const struct live_pack *x = *(struct live_pack *const *)a;
	const struct live_pack *y = *(struct live_pack *const *)b;
	double wx = (double)dead_bytes(x) / (double)(x->size + 1);
	double wy = (double)dead_bytes(y) / (double)(y->size + 1);

	return (wx < wy) - (wx > wy);
}

static bool choose(struct prune *p, struct live_pack *k, uint64_t *budget)
{
	if (k->fate != PACK_KEEP || k->size > *budget)
		return false;
	k->fate = PACK_REPACK;
	*budget -= k->size;
	p->stats->packs_repacked++;
	p->stats->bytes_repacked += k->size;
	return true;
}

/* The most wasteful first, until what stays dead is little enough. */
static void choose_wasteful(struct prune *p, struct live_pack **order,
			    uint32_t n, uint64_t *budget)
{
	uint64_t dead = 0, used = 0, allowed;
	uint32_t i;

	for (i = 0; i < n; i++) {
		dead += dead_bytes(order[i]);
		used += order[i]->size - dead_bytes(order[i]);
	}
	allowed = p->opt->max_unused >= 1
			  ? UINT64_MAX
			  : (uint64_t)((double)used * p->opt->max_unused /
				       (1 - p->opt->max_unused));
	qsort(order, n, sizeof(struct live_pack *), by_waste);
	for (i = 0; i < n && dead > allowed; i++) {
		uint64_t d = dead_bytes(order[i]);

		if (d > 0 && choose(p, order[i], budget))
			dead -= d;
	}
	p->stats->bytes_unused = dead;
}

static void choose_small(struct prune *p, struct live_pack **order, uint32_t n,
			 uint8_t type, uint64_t *budget)
{
	uint32_t i, small = 0;

	for (i = 0; i < n; i++)
		small += order[i]->type == type && order[i]->size < SMALL_PACK;
	for (i = 0; i < n && small >= SMALL_PACKS; i++)
		if (order[i]->type == type && order[i]->size < SMALL_PACK)
			(void)choose(p, order[i], budget);
}

static int choose_fates(struct prune *p)
{
	CLEANUP_FREE struct live_pack **order =
		calloc(p->n_packs + 1, sizeof(*order));
	uint64_t budget = p->opt->max_repack;
	uint32_t i, n = 0;

	if (!order)
		return -ENOMEM;
	for (i = 0; i < p->n_packs; i++) {
		struct live_pack *k = &p->packs[i];

		if (k->live_chunks > 0) {
			order[n++] = k;
			continue;
		}
		k->fate = PACK_DROP;
		if (k->exists) {
			p->stats->packs_removed++;
			p->stats->bytes_removed += k->size;
		}
	}
	choose_wasteful(p, order, n, &budget);
	choose_small(p, order, n, OBJECT_PACK_DATA, &budget);
	choose_small(p, order, n, OBJECT_PACK_TREE, &budget);
	return 0;
}

int prune_plan(struct prune *p)
{
	unsigned int t;
	int e = collect_packs(p);

	if (e == 0)
		e = place_packs(p);
	for (t = 0; e == 0 && t < p->ix.count; t++)
		count_table(p, t);
	if (e == 0)
		e = note_existing(p);
	return e < 0 ? e : choose_fates(p);
}
