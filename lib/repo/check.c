/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.c - the order of a check, and the objects that are not packs.
 *
 * Packs are read before the trees: what is unreadable is known by then, and
 * the walk over the trees tells which files it hurts.
 */
#include "repo/check_private.h"

#include <errno.h>

#include "base/log.h"

/* --- keys --- */

static int key_fn(void *arg, const char *name, uint64_t size)
{
	CLEANUP_BUF struct buf bytes = BUF_INIT(KEY_SLOT_MAX);
	char have[HEX_LEN(SHA256_LEN)];
	uint8_t hash[SHA256_LEN];
	struct key_slot slot;
	struct check *c = arg;
	int e = store_get(repo_store(c->repo), STORE_KEY, name, &bytes);

	(void)size;
	c->rep->keys++;
	if (e == 0) {
		sha256_once(SPAN_OF(&bytes), hash);
		if (strcmp(hex_encode(have, hash, sizeof(hash)), name) != 0)
			e = -EBADMSG;
	}
	if (e == 0)
		e = key_slot_decode(SPAN_OF(&bytes), &slot);
	if (e < 0 && e != -ENOENT)
		check_problem(c, CHECK_KEY, name, CHECK_NOWHERE, "%s",
			      log_strerror(e));
	return 0;
}

/* --- heads --- */

struct counters {
	uint64_t *v;
	size_t count, cap;
	uint64_t newest;
};

static int head_fn(void *arg, const char *name, uint64_t size)
{
	struct counters *l = arg;
	uint64_t counter;
	char *end;

	(void)size;
	counter = strtoull(name, &end, 16);
	if (strlen(name) != HEAD_NAME_LEN || *end || counter == 0 ||
	    counter > l->newest)
		return 0;
	if (l->count == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 64;
		void *p = realloc(l->v, cap * sizeof(*l->v));

		if (!p)
			return -ENOMEM;
		l->v = p;
		l->cap = cap;
	}
	l->v[l->count++] = counter;
	return 0;
}

static int counter_order(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Every head must name the hash of the one before; known: prev is the hash
 * of head counter-1. */
static bool check_head(struct check *c, uint64_t counter, bool known,
		       uint8_t prev[OBJECT_ID_LEN])
{
	static const uint8_t zeros[OBJECT_ID_LEN];
	char name[HEAD_NAME_LEN + 1];
	struct head h;
	int e = repo_load_head(c->repo, counter, &h);

	c->rep->heads++;
	head_name(counter, name);
	if (e < 0) {
		check_problem(c, CHECK_HEAD, name, CHECK_NOWHERE, "%s",
			      log_strerror(e));
		return false;
	}
	if (known && memcmp(h.prev, prev, OBJECT_ID_LEN) != 0)
		check_problem(c, CHECK_HEAD, name, CHECK_NOWHERE,
			      "it does not follow from the head before it: "
			      "one of the two was replaced");
	if (counter == 1 && memcmp(h.prev, zeros, OBJECT_ID_LEN) != 0)
		check_problem(c, CHECK_HEAD, name, CHECK_NOWHERE,
			      "the first head names one before it");
	memcpy(prev, h.hash, OBJECT_ID_LEN);
	head_release(&h);
	return true;
}

static void missing_heads(struct check *c, uint64_t first, uint64_t end)
{
	char name[HEAD_NAME_LEN + 1];

	head_name(first, name);
	check_problem(c, CHECK_HEAD, name, CHECK_NOWHERE,
		      "missing%s: only the oldest heads may be",
		      end - first > 1 ? ", and others after it" : "");
}

static int check_heads(struct check *c)
{
	struct counters l = { .newest = repo_head(c->repo)->counter };
	uint8_t prev[OBJECT_ID_LEN];
	bool known = false;
	size_t i;
	int e = store_list(repo_store(c->repo), STORE_HEAD, head_fn, &l);

	if (l.count)
		qsort(l.v, l.count, sizeof(*l.v), counter_order);
	for (i = 0; e == 0 && i < l.count; i++) {
		if (i > 0 && l.v[i] == l.v[i - 1])
			continue;
		if (i > 0 && l.v[i] != l.v[i - 1] + 1) {
			missing_heads(c, l.v[i - 1] + 1, l.v[i]);
			known = false;
		}
		known = check_head(c, l.v[i], known, prev);
	}
	free(l.v);
	return e;
}

/* --- snapshots --- */

static int check_snapshots(struct check *c)
{
	const struct idlist *ids = &repo_head(c->repo)->snapshots;
	char name[HEX_LEN(OBJECT_ID_LEN)];
	uint32_t i;

	c->roots = calloc(ids->count + 1u, sizeof(*c->roots));
	c->has_root = calloc(ids->count + 1u, sizeof(*c->has_root));
	if (!c->roots || !c->has_root)
		return -ENOMEM;
	for (i = 0; i < ids->count && !check_stopped(c); i++) {
		struct snapshot s;
		int e = repo_load_snapshot(c->repo, ids->ids[i], &s);

		c->rep->snapshots++;
		if (e < 0) {
			check_problem(
				c, CHECK_SNAPSHOT,
				hex_encode(name, ids->ids[i], OBJECT_ID_LEN),
				CHECK_NOWHERE, "%s",
				e == -ENOENT ? "missing" : log_strerror(e));
			continue;
		}
		memcpy(c->roots[i], s.tree, CHUNK_ID_LEN);
		c->has_root[i] = true;
		snapshot_release(&s);
	}
	return 0;
}

/* --- indexes --- */

static int alloc_bits(struct check_table *t, const struct table *table)
{
	size_t words = table->chunks / 64 + 1;

	t->seen = calloc(words, sizeof(*t->seen));
	t->bad = calloc(words, sizeof(*t->bad));
	t->packs = calloc(table->packs + 1u, sizeof(*t->packs));
	return t->seen && t->bad && t->packs ? 0 : -ENOMEM;
}

/* The stored object is looked at, and what this machine keeps of it is used
 * all the same: it is authentic, and it limits the damage. */
static int check_indexes(struct check *c)
{
	const struct idlist *ids = &repo_head(c->repo)->indexes;
	char name[HEX_LEN(OBJECT_ID_LEN)];
	uint32_t i;
	int e = 0;

	c->tables = calloc(ids->count + 1u, sizeof(*c->tables));
	if (!c->tables)
		return -ENOMEM;
	for (i = 0; e == 0 && i < ids->count && !check_stopped(c); i++) {
		struct table t;

		c->rep->indexes++;
		e = repo_verify_table(c->repo, ids->ids[i]);
		if (e < 0 && e != -ENOMEM)
			check_problem(
				c, CHECK_INDEX,
				hex_encode(name, ids->ids[i], OBJECT_ID_LEN),
				CHECK_NOWHERE, "%s",
				e == -ENOENT ? "missing" : log_strerror(e));
		if (e == -ENOMEM)
			break;
		e = repo_load_table(c->repo, ids->ids[i], &t);
		if (e == 0) {
			e = index_add(&c->index, t);
			if (e == 0)
				e = alloc_bits(&c->tables[c->index.count - 1],
					       &t);
		} else if (e != -ENOMEM) {
			e = 0;
		}
	}
	return e;
}

/* --- what nobody needs --- */

struct strays {
	const struct idlist *needed;
	uint64_t *count;
};

static int stray_fn(void *arg, const char *name, uint64_t size)
{
	struct strays *s = arg;
	uint8_t id[OBJECT_ID_LEN];

	(void)size;
	if (hex_decode(id, sizeof(id), name, strlen(name)) < 0 ||
	    !idlist_has(s->needed, id))
		++*s->count;
	return 0;
}

static int count_strays(struct check *c)
{
	const struct head *h = repo_head(c->repo);
	struct strays snapshots = { &h->snapshots, &c->rep->stray_snapshots };
	struct strays indexes = { &h->indexes, &c->rep->stray_indexes };
	struct store *s = repo_store(c->repo);
	int e = store_list(s, STORE_SNAPSHOT, stray_fn, &snapshots);

	return e < 0 ? e : store_list(s, STORE_INDEX, stray_fn, &indexes);
}

/* --- all of it --- */

static void check_release(struct check *c)
{
	unsigned int i;

	for (i = 0; c->tables && i < c->index.count; i++) {
		free(c->tables[i].seen);
		free(c->tables[i].bad);
		free(c->tables[i].packs);
	}
	free(c->tables);
	index_release(&c->index);
	free(c->packs);
	free(c->roots);
	free(c->has_root);
	free(c->maps);
	pthread_mutex_destroy(&c->lock);
}

int check_repo(struct repo *r, const struct check_options *opt,
	       struct check_report *rep)
{
	struct check c = { .repo = r, .opt = opt, .rep = rep };
	int e;

	pthread_mutex_init(&c.lock, NULL);
	e = store_list(repo_store(r), STORE_KEY, key_fn, &c);
	if (e == 0)
		e = check_heads(&c);
	if (e == 0)
		e = check_snapshots(&c);
	if (e == 0)
		e = check_indexes(&c);
	if (e == 0)
		e = count_strays(&c);
	if (e == 0)
		e = check_packs(&c);
	if (e == 0 && opt->read_data > 0 && !check_stopped(&c))
		e = check_data(&c);
	if (e == 0 && !check_stopped(&c))
		e = check_trees(&c);
	if (e == 0 && !check_stopped(&c))
		e = check_hurt(&c);
	if (e == 0)
		e = c.error;
	check_release(&c);
	return e;
}
