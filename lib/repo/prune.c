/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prune.c - mark, copy, commit, delete.
 *
 * Objects are listed before the head is looked at again at the commit, and
 * living writers are counted after the listing: a session that ended between
 * the two has moved the head, so the commit fails and all is looked at anew;
 * one that began after the listing has nothing in it.
 */
#include "repo/prune.h"

#include <dirent.h>
#include <errno.h>

#include "base/fault.h"
#include "base/log.h"
#include "repo/prune_private.h"
#include "repo/retable.h"

#define ROUNDS 5
#define SMALL_TABLE (16u << 10)

static void round_release(struct prune *p)
{
	unsigned int t;

	live_release(&p->live);
	for (t = 0; p->pack_of && t < p->ix.count; t++)
		free(p->pack_of[t]);
	free(p->pack_of);
	p->pack_of = NULL;
	index_release(&p->ix);
	free(p->packs);
	p->packs = NULL;
	p->n_packs = 0;
	p->n_found = 0;
	idlist_release(&p->indexes);
	idlist_release(&p->doomed);
}

/* --- what is there --- */

struct lister {
	struct prune *p;
	enum store_class cls;
};

static int list_fn(void *arg, const char *name, uint64_t size)
{
	struct lister *l = arg;
	struct prune *p = l->p;
	struct found f = { .size = size, .cls = l->cls };

	if (hex_decode(f.id, OBJECT_ID_LEN, name, strlen(name)) < 0)
		return 0; /* no name of ours */
	if (p->n_found == p->cap_found) {
		uint32_t cap = p->cap_found ? 2 * p->cap_found : 256;
		void *grown = realloc(p->found, cap * sizeof(f));

		if (!grown)
			return -ENOMEM;
		p->found = grown;
		p->cap_found = cap;
	}
	p->found[p->n_found++] = f;
	return 0;
}

static int list_all(struct prune *p)
{
	static const enum store_class classes[] = { STORE_PACK, STORE_INDEX,
						    STORE_SNAPSHOT };
	struct store *s = repo_store(p->repo);
	size_t i;
	int e = 0;

	for (i = 0; e == 0 && i < ARRAY_LEN(classes); i++) {
		struct lister l = { p, classes[i] };

		e = store_list(s, classes[i], list_fn, &l);
	}
	return e;
}

static int add_table(struct prune *p, const uint8_t id[OBJECT_ID_LEN])
{
	struct table t;
	int e = repo_load_table(p->repo, id, &t);

	return e < 0 ? e : index_add(&p->ix, t);
}

/* Begin as if nothing had been copied; what was is an orphan. */
static int forget_own(struct prune *p)
{
	idlist_release(&p->own);
	return -EEXIST;
}

static bool is_there(const struct prune *p, const uint8_t *id)
{
	uint32_t i;

	if (idlist_has(&repo_head(p->repo)->doomed, id))
		return false;
	for (i = 0; i < p->n_found; i++)
		if (!memcmp(p->found[i].id, id, OBJECT_ID_LEN))
			return true;
	return false;
}

/* Another maintenance, where leases do not keep it out, may have taken what
 * no head names for a dead session's. What is there now, and not doomed by
 * the head that was read before, never was. */
static bool own_table_holds(const struct prune *p, const struct table *t)
{
	uint32_t i;

	for (i = 0; i < t->packs; i++)
		if (!is_there(p, table_pack(t, i).id))
			return false;
	return is_there(p, t->id);
}

/* The head's tables, then own ones: index_find() prefers the later, so what
 * was copied in an earlier round is not copied again. */
static int load_tables(struct prune *p)
{
	const struct idlist *ids = &repo_head(p->repo)->indexes;
	uint32_t i;
	int e = 0;

	for (i = 0; e == 0 && i < ids->count; i++)
		e = add_table(p, ids->ids[i]);
	for (i = 0; e == 0 && i < p->own.count; i++) {
		e = add_table(p, p->own.ids[i]);
		if (e == 0 &&
		    !own_table_holds(p, &p->ix.tables[p->ix.count - 1]))
			return forget_own(p);
	}
	return e;
}

static int mark(struct prune *p)
{
	const struct head *h = repo_head(p->repo);
	struct idlist trees = { 0 };
	uint32_t i;
	int e = live_init(&p->live, &p->ix);

	for (i = 0; e == 0 && i < h->snapshots.count; i++) {
		struct snapshot s;

		if (p->opt->without &&
		    idlist_has(p->opt->without, h->snapshots.ids[i]))
			continue;
		e = repo_load_snapshot(p->repo, h->snapshots.ids[i], &s);
		if (e == 0) {
			e = idlist_add(&trees, s.tree);
			snapshot_release(&s);
		}
	}
	if (e == 0)
		e = live_mark_trees(p->repo, &p->live, &trees, p->opt->stop,
				    p->opt->arg);
	idlist_release(&trees);
	return e;
}

/* --- the new index --- */

/* Does the chunk stay, and where it is? */
static bool stays(const struct prune *p, unsigned int t, uint32_t pos)
{
	return live_has(&p->live, t, pos) &&
	       p->packs[prune_pack_of(p, t, pos)].fate == PACK_KEEP;
}

static bool all_stay(const struct prune *p, unsigned int t)
{
	uint32_t i;

	for (i = 0; i < p->ix.tables[t].chunks; i++)
		if (!stays(p, t, i))
			return false;
	return true;
}

/* Tables of which all stays are kept, unless they are small and there are
 * others to be merged with. rewrite[t] is set for the rest. */
static uint32_t choose_tables(const struct prune *p, bool *rewrite)
{
	uint32_t n = 0, small = 0, one = 0;
	unsigned int t;

	for (t = 0; t < p->ix.count; t++) {
		rewrite[t] = !all_stay(p, t);
		if (!rewrite[t] && p->ix.tables[t].chunks < SMALL_TABLE) {
			rewrite[t] = true;
			small++;
			one = t;
		}
		n += rewrite[t];
	}
	if (n == 1 && small == 1) {
		rewrite[one] = false;
		n = 0;
	}
	return n;
}

static int rewrite_tables(struct prune *p, const bool *rewrite,
			  struct idlist *made)
{
	struct retable rt;
	unsigned int t;
	uint32_t i;
	int e = 0;

	retable_init(&rt, p->repo, made);
	for (t = 0; e == 0 && t < p->ix.count; t++) {
		if (!rewrite[t])
			continue;
		e = retable_begin(&rt, &p->ix.tables[t]);
		for (i = 0; e == 0 && i < p->ix.tables[t].chunks; i++)
			if (stays(p, t, i))
				e = retable_add(&rt, i);
		index_unload(&p->ix);
	}
	if (e == 0)
		e = retable_flush(&rt);
	retable_release(&rt);
	return e;
}

/* *changed: the list is another than the head's. */
static int make_index(struct prune *p, bool *changed)
{
	CLEANUP_FREE bool *rewrite = calloc(p->ix.count + 1, sizeof(*rewrite));
	struct idlist made = { 0 };
	unsigned int t;
	uint32_t i;
	int e = 0;

	if (!rewrite)
		return -ENOMEM;
	*changed = p->indexes.count > 0 || p->own.count > 0;
	if (choose_tables(p, rewrite) > 0) {
		*changed = true;
		e = rewrite_tables(p, rewrite, &made);
	}
	for (t = 0; e == 0 && t < p->ix.count; t++)
		if (!rewrite[t])
			e = idlist_add(&p->indexes, p->ix.tables[t].id);
	for (i = 0; e == 0 && i < made.count; i++) {
		e = idlist_add(&p->indexes, made.ids[i]);
		if (e == 0)
			e = idlist_add(&p->own, made.ids[i]);
	}
	idlist_release(&made);
	return e;
}

/* --- what is to go --- */

static const struct live_pack *fate_of(const struct prune *p, const uint8_t *id)
{
	uint32_t lo = 0, hi = p->n_packs;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int c = memcmp(p->packs[mid].id, id, OBJECT_ID_LEN);

		if (c == 0)
			return &p->packs[mid];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

enum verdict { STAYS, GOES, ORPHAN };

/* What is needed stays, whatever else is said of it. */
static enum verdict judge(const struct prune *p, const struct found *f)
{
	const struct head *h = repo_head(p->repo);
	const struct live_pack *k = NULL;
	bool known = false;

	switch (f->cls) {
	case STORE_PACK:
		k = fate_of(p, f->id);
		if (k && k->fate == PACK_KEEP)
			return STAYS;
		known = k != NULL;
		break;
	case STORE_INDEX:
		if (idlist_has(&p->indexes, f->id))
			return STAYS;
		known = idlist_has(&h->indexes, f->id) ||
			idlist_has(&p->own, f->id);
		break;
	default:
		if (idlist_has(&h->snapshots, f->id))
			return STAYS;
	}
	return known || idlist_has(&h->doomed, f->id) ? GOES : ORPHAN;
}

/* Orphans are what dead sessions left, unless a living one has stored them
 * and not committed yet. found[] keeps what goes and is there. */
static int doom(struct prune *p, bool *changed)
{
	const struct head *h = repo_head(p->repo);
	int writers = store_lease_writers(repo_store(p->repo));
	uint32_t i, n = 0;
	int e = 0;

	if (writers < 0)
		return writers;
	p->stats->busy_writers = writers > 0;
	for (i = 0; e == 0 && i < p->n_found; i++) {
		struct found f = p->found[i];
		enum verdict v = judge(p, &f);

		if (v == STAYS || (v == ORPHAN && writers > 0))
			continue;
		if (v == ORPHAN && f.cls == STORE_PACK) {
			p->stats->packs_orphaned++;
			p->stats->bytes_orphaned += f.size;
		}
		*changed |= !idlist_has(&h->doomed, f.id);
		p->stats->bytes_freed += f.cls == STORE_PACK ? f.size : 0;
		p->found[n++] = f;
		e = idlist_add(&p->doomed, f.id);
	}
	p->n_found = n;
	return e;
}

static int commit(struct prune *p)
{
	struct head next;
	int e = head_copy(&next, repo_head(p->repo));

	if (e < 0)
		return e;
	idlist_release(&next.indexes);
	idlist_release(&next.doomed);
	e = idlist_copy(&next.indexes, &p->indexes);
	if (e == 0)
		e = idlist_copy(&next.doomed, &p->doomed);
	if (e == 0)
		e = repo_commit(p->repo, &next);
	head_release(&next);
	return e;
}

/* --- deleting --- */

/* The store logs what cannot be deleted; the next prune tries again. */
static int delete_doomed(struct prune *p)
{
	char name[HEX_LEN(OBJECT_ID_LEN)];
	uint32_t i;
	int e, first = 0;

	for (i = 0; i < p->n_found; i++) {
		const struct found *f = &p->found[i];

		if (p->opt->stop && p->opt->stop(p->opt->arg))
			return -EINTR;
		e = FAULT("prune.delete");
		if (e < 0)
			return log_fail(e, "delete doomed objects");
		e = store_delete(repo_store(p->repo), f->cls,
				 hex_encode(name, f->id, OBJECT_ID_LEN));
		p->stats->objects_deleted += e == 0;
		if (e < 0 && e != -ENOENT && first == 0)
			first = e;
	}
	return first;
}

struct old_heads {
	struct prune *p;
	uint64_t newest;
	struct idlist names; /* counters, in the first 8 bytes */
};

static int old_head_fn(void *arg, const char *name, uint64_t size)
{
	struct old_heads *o = arg;
	uint8_t id[OBJECT_ID_LEN] = { 0 };
	uint64_t counter;
	char *end;

	(void)size;
	counter = strtoull(name, &end, 16);
	if (strlen(name) != HEAD_NAME_LEN || *end ||
	    counter + HEADS_KEPT > o->newest)
		return 0;
	put_le64(id, counter);
	return idlist_add(&o->names, id);
}

static int delete_old_heads(struct prune *p)
{
	struct old_heads o = { .p = p, .newest = repo_head(p->repo)->counter };
	struct store *s = repo_store(p->repo);
	char name[HEAD_NAME_LEN + 1];
	uint32_t i;
	int e = store_list(s, STORE_HEAD, old_head_fn, &o);

	for (i = 0; e == 0 && i < o.names.count; i++) {
		head_name(get_le64(o.names.ids[i]), name);
		e = store_delete(s, STORE_HEAD, name);
		p->stats->objects_deleted += e == 0;
		if (e == -ENOENT)
			e = 0;
	}
	idlist_release(&o.names);
	return e;
}

/* Cached copies of tables that are gone. Another session's own are fetched
 * again when it wants them. */
static void trim_cache(struct prune *p)
{
	const char *state = repo_state_dir(p->repo);
	const struct idlist *ids = &repo_head(p->repo)->indexes;
	char path[4096];
	struct dirent *d;
	DIR *dp;

	if (!state)
		return;
	snprintf(path, sizeof(path), "%s/index", state);
	dp = opendir(path);
	while (dp && (d = readdir(dp))) {
		uint8_t id[OBJECT_ID_LEN];

		if (hex_decode(id, sizeof(id), d->d_name, strlen(d->d_name)) ==
			    0 &&
		    !idlist_has(ids, id))
			(void)!unlinkat(dirfd(dp), d->d_name, 0);
	}
	if (dp)
		closedir(dp);
}

/* --- one round --- */

static int look(struct prune *p)
{
	uint64_t stored = p->stats->bytes_stored;
	int e = list_all(p);

	memset(p->stats, 0, sizeof(*p->stats));
	p->stats->bytes_stored = stored;
	if (e == 0)
		e = load_tables(p);
	if (e == 0)
		e = mark(p);
	return e < 0 ? e : prune_plan(p);
}

/* What would be freed, for a dry run. */
static void estimate(struct prune *p)
{
	uint64_t live = 0;
	uint32_t i;

	for (i = 0; i < p->n_packs; i++)
		if (p->packs[i].fate == PACK_REPACK)
			live += MIN(p->packs[i].live_bytes, p->packs[i].size);
	p->stats->bytes_stored = live;
}

static int at_point(int e)
{
	return e < 0 ? log_fail(e, "prune") : 0;
}

static int change(struct prune *p)
{
	bool changed = false;
	int e = 0;

	if (p->stats->packs_repacked > 0)
		e = prune_repack(p);
	if (e == 0)
		e = at_point(FAULT("prune.repacked"));
	if (e == 0)
		e = make_index(p, &changed);
	if (e == 0)
		e = doom(p, &changed);
	if (e == 0 && changed)
		e = commit(p);
	if (e < 0)
		return e;
	p->stats->committed = changed;
	e = at_point(FAULT("prune.committed"));
	if (e == 0)
		e = delete_doomed(p);
	if (e == 0)
		e = delete_old_heads(p);
	trim_cache(p);
	return e;
}

static int dry_round(struct prune *p)
{
	bool changed = false;
	uint32_t i;
	int e = look(p);

	/* every table that is there counts as named */
	for (i = 0; e == 0 && i < p->ix.count; i++)
		e = idlist_add(&p->indexes, p->ix.tables[i].id);
	if (e == 0)
		e = doom(p, &changed);
	if (e == 0)
		estimate(p);
	return e;
}

static int one_round(struct prune *p)
{
	int e;

	if (p->opt->dry_run)
		return dry_round(p);
	e = look(p);
	return e < 0 ? e : change(p);
}

static int rounds(struct prune *p)
{
	int i, e;

	for (i = 0; i < ROUNDS; i++) {
		e = one_round(p);
		round_release(p);
		/* -ENOENT: something went while it was being read, which
		 * another maintenance may have done */
		if (e != -EEXIST && e != -ENOENT)
			return e;
		if (repo_refresh(p->repo) == 0 && e == -ENOENT)
			return log_fail(e, "prune: the repository is not whole "
					   "(see tidemark check)");
	}
	return log_fail(-EBUSY, "prune: others keep changing the repository");
}

int repo_prune(struct repo *r, const struct prune_options *opt,
	       struct prune_stats *stats)
{
	struct prune p = { .repo = r, .opt = opt, .stats = stats };
	struct store_lease *lease = NULL;
	int e = 0;

	memset(stats, 0, sizeof(*stats));
	if (!opt->dry_run)
		e = store_lease_begin(repo_store(r), STORE_LEASE_MAINTENANCE,
				      &lease);
	if (e == 0)
		e = rounds(&p);
	if (e == 0)
		stats->bytes_freed -=
			MIN(stats->bytes_freed, stats->bytes_stored);
	store_lease_end(lease);
	idlist_release(&p.own);
	free(p.found);
	return e;
}
