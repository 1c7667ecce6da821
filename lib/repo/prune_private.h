/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prune_private.h - what prune.c, prune_plan.c and repack.c share.
 */
#ifndef REPO_PRUNE_PRIVATE_H
#define REPO_PRUNE_PRIVATE_H

#include "repo/prune.h"

/* A pack that a table names. */
struct live_pack {
	uint8_t id[OBJECT_ID_LEN];
	uint64_t size;
	uint64_t live_bytes;
	uint32_t live_chunks;
	uint8_t type;
	bool exists;
	enum { PACK_KEEP, PACK_DROP, PACK_REPACK } fate;
};

/* An object that is there. */
struct found {
	uint8_t id[OBJECT_ID_LEN];
	uint64_t size;
	enum store_class cls;
};

struct prune {
	struct repo *repo;
	const struct prune_options *opt;
	struct prune_stats *stats;
	/* index objects of this prune's own, of rounds that came to nothing
	 * as well: others may have committed meanwhile */
	struct idlist own;

	/* of one round */
	struct index ix; /* the head's tables and own */
	struct live live;
	struct live_pack *packs; /* by id */
	uint32_t n_packs;
	uint32_t **pack_of; /* by table and its pack: position in packs */
	struct found *found;
	uint32_t n_found, cap_found;
	struct idlist indexes; /* of the new head */
	struct idlist doomed;  /* of the new head */
};

/* The pack of a chunk, as a position in packs. */
static inline uint32_t prune_pack_of(const struct prune *p, unsigned int table,
				     uint32_t chunk)
{
	const struct table *t = &p->ix.tables[table];
	struct index_chunk c = table_chunk(t, chunk);

	return p->pack_of[table][table_frame(t, c.frame).pack];
}

/* prune_plan.c: count what is live in each pack and decide its fate. */
MUST_CHECK int prune_plan(struct prune *p);
/* repack.c: copy what is live out of packs to be repacked; the new index
 * objects are added to p->own and p->indexes. */
MUST_CHECK int prune_repack(struct prune *p);

#endif /* REPO_PRUNE_PRIVATE_H */
