/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commit.c - index, snapshot, head: the end of a writing session.
 *
 * The head's name is created once, so of two writers one must look at what
 * the other did. If the other only added, this session's references still
 * hold and it commits on top. If tables that this session looked chunks up
 * in are gone, prune has run: some of those chunks may be gone too, and the
 * session is lost (docs/commit.pml has the proof of this order).
 */
#include <errno.h>

#include "base/fault.h"
#include "base/log.h"
#include "repo/writer_private.h"

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
	return store_put(w->repo->store, STORE_SNAPSHOT,
			 hex_encode(name, s->id, OBJECT_ID_LEN),
			 SPAN_OF(&object));
}

/* Does everything that this session relied on still hold under the head? */
static bool still_valid(const struct writer *w)
{
	const struct head *h = &w->repo->head;
	uint32_t i;

	for (i = 0; i < w->base_indexes.count; i++)
		if (!idlist_has(&h->indexes, w->base_indexes.ids[i]))
			return false;
	for (i = 0; i < w->added.count; i++)
		if (idlist_has(&h->doomed, w->added.ids[i]))
			return false;
	return true;
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

static int commit_head(struct writer *w, const struct snapshot *s, bool *lost)
{
	int e;

	for (;;) {
		struct head next = { 0 };

		*lost = !still_valid(w);
		if (*lost)
			return 0;
		e = next_head(w, s, &next);
		if (e == 0)
			e = repo_commit(w->repo, &next);
		head_release(&next);
		if (e != -EEXIST)
			return e;
		e = repo_refresh(w->repo);
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
