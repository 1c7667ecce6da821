/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commit.c - index, snapshot, head: the end of a writing session.
 *
 * The head's name is created once, so of two writers one must look at what
 * the other did. If the other only added, this session's references still
 * hold and it commits on top. Otherwise prune has run. The session is lost if
 *
 *   - a table went away that it may have found a chunk in, and one of that
 *     table's chunks is in no table now. (That all of them are is enough: a
 *     head's index lists a tree only together with all that it refers to.)
 *   - one of its own objects, adopted packs included, was doomed since.
 *
 * docs/commit.pml has the proof of this order. Nothing of it needs a lease.
 */
#include <errno.h>

#include "base/fault.h"
#include "base/log.h"
#include "repo/retable.h"
#include "repo/writer_private.h"

#define COMPACT_CHUNKS (16u << 10)
#define COMPACT_TABLES 16u

/* Adopted packs become part of the repository with this session. */
static int store_adopted(struct writer *w)
{
	unsigned int i;
	int e = 0;

	for (i = 0; e == 0 && w->adopted_used && i < w->adopted.count; i++) {
		const struct table *t = &w->adopted.tables[i];
		uint8_t id[OBJECT_ID_LEN];

		e = repo_store_table(w->repo, SPAN(t->base, t->len), id);
		if (e == 0)
			e = idlist_add(&w->indexes, id);
		if (e == 0)
			e = idlist_add(&w->added, table_pack(t, 0).id);
	}
	return e;
}

static int store_snapshot(struct writer *w, struct snapshot *s)
{
	CLEANUP_BUF struct buf object = BUF_INIT(SNAPSHOT_MAX);
	char name[HEX_LEN(OBJECT_ID_LEN)];
	int e;

	s->stats.bytes_stored = w->stats.bytes_stored;
	e = snapshot_encode(w->repo->ring, s, &w->added, &object);
	if (e == 0)
		e = FAULT("snapshot.write");
	if (e < 0)
		return log_fail(e, "write the snapshot");
	sha256_once(SPAN_OF(&object), s->id);
	return store_put_by_hash(store_put(
		w->repo->store, STORE_SNAPSHOT,
		hex_encode(name, s->id, OBJECT_ID_LEN), SPAN_OF(&object)));
}

static bool dooms(const struct head *h, const struct idlist *ids)
{
	uint32_t i;

	for (i = 0; i < ids->count; i++)
		if (idlist_has(&h->doomed, ids->ids[i]))
			return true;
	return false;
}

static bool dooms_us(const struct writer *w, const struct snapshot *s,
		     const struct head *h)
{
	return dooms(h, &w->added) || dooms(h, &w->indexes) ||
	       idlist_has(&h->doomed, s->id);
}

/*
 * Has one of the heads since this session began doomed an object of its own?
 * The newest alone does not tell: an object leaves the list when it is gone.
 * A head that was removed meanwhile leaves us in doubt, which is a yes.
 * Returns 1, 0 or an error.
 */
static int is_doomed(struct writer *w, const struct snapshot *s)
{
	const struct head *now = &w->repo->head;

	while (w->seen_head + 1 < now->counter) {
		struct head h;
		bool hit;
		int e = repo_load_head(w->repo, w->seen_head + 1, &h);

		if (e < 0)
			return e == -ENOENT ? 1 : e;
		hit = dooms_us(w, s, &h);
		head_release(&h);
		if (hit)
			return 1;
		w->seen_head++;
	}
	return dooms_us(w, s, now);
}

/* Does everything that this session relied on still hold under the head?
 * Returns 1, 0 or an error. */
static int still_valid(struct writer *w, const struct snapshot *s)
{
	int e;

	if (w->repo->losses != w->base_losses)
		return 0;
	e = is_doomed(w, s);
	return e < 0 ? e : !e;
}

static int next_head(const struct writer *w, const struct snapshot *s,
		     struct head *next)
{
	uint32_t i;
	int e = head_copy(next, &w->repo->head);

	for (i = 0; e == 0 && i < w->indexes.count; i++)
		e = idlist_add(&next->indexes, w->indexes.ids[i]);
	return e < 0 ? e : idlist_add(&next->snapshots, s->id);
}

/*
 * Each backup adds a table or two, and every lookup asks all of them: from
 * COMPACT_TABLES small ones on they are put together. Others that rely on
 * them lose nothing (tables_follow()), but must look; so this is done once
 * in many backups. The old objects are doomed; prune takes them away.
 */
static int compact(struct writer *w, struct head *next)
{
	const struct index *ix = &w->repo->index;
	struct idlist made = { 0 };
	struct retable rt;
	unsigned int t, small = 0;
	uint32_t i;
	int e = 0;

	for (t = 0; t < ix->count; t++)
		small += ix->tables[t].chunks < COMPACT_CHUNKS;
	if (small < COMPACT_TABLES)
		return 0;
	retable_init(&rt, w->repo, &made);
	for (t = 0; e == 0 && t < ix->count; t++) {
		const struct table *tab = &ix->tables[t];

		if (tab->chunks >= COMPACT_CHUNKS)
			continue;
		e = retable_begin(&rt, tab);
		for (i = 0; e == 0 && i < tab->chunks; i++)
			e = retable_add(&rt, i);
		idlist_remove(&next->indexes, tab->id);
		if (e == 0)
			e = idlist_add(&next->doomed, tab->id);
	}
	if (e == 0)
		e = retable_flush(&rt);
	for (i = 0; e == 0 && i < made.count; i++)
		e = idlist_add(&next->indexes, made.ids[i]);
	retable_release(&rt);
	idlist_release(&made);
	return e;
}

/*
 * Another's head came after our snapshot. A vault takes a head for a recovery
 * point by the snapshot that came since the head before (docs/
 * vault-protocol.md), so ours comes once more: under another name, as it is
 * sealed anew. Nothing refers to the first.
 */
static int snapshot_again(struct writer *w, struct snapshot *s)
{
	char name[HEX_LEN(OBJECT_ID_LEN)];
	int e;

	hex_encode(name, s->id, OBJECT_ID_LEN);
	e = store_snapshot(w, s);
	if (e == 0)
		(void)!store_delete(w->repo->store, STORE_SNAPSHOT, name);
	return e;
}

static int commit_head(struct writer *w, struct snapshot *s, bool *lost)
{
	int e;

	for (;;) {
		struct head next = { 0 };

		e = still_valid(w, s);
		*lost = e == 0;
		if (e <= 0)
			return e;
		e = next_head(w, s, &next);
		if (e == 0)
			e = compact(w, &next);
		if (e == 0)
			e = repo_commit(w->repo, &next);
		head_release(&next);
		if (e != -EEXIST)
			return e;
		e = repo_refresh(w->repo);
		if (e >= 0)
			e = snapshot_again(w, s);
		if (e < 0)
			return e;
	}
}

int writer_commit(struct writer *w, struct snapshot *s, bool *lost)
{
	char name[HEX_LEN(OBJECT_ID_LEN)];
	int e = writer_flush(w);

	*lost = false;
	if (e == 0)
		e = store_adopted(w);
	if (e == 0 && w->set.count > 0)
		e = writer_spill(w, true);
	if (e == 0)
		e = store_snapshot(w, s);
	if (e == 0)
		e = commit_head(w, s, lost);
	/* nothing refers to it: prune would take it away as well */
	if (e == 0 && *lost)
		(void)!store_delete(w->repo->store, STORE_SNAPSHOT,
				    hex_encode(name, s->id, OBJECT_ID_LEN));
	if (e == 0 && !*lost)
		e = FAULT("head.written");
	return e;
}
