/* SPDX-License-Identifier: Apache-2.0 */
/*
 * repo.c - opening a repository, its head, and the one way to change it.
 */
#include "repo/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "base/fault.h"
#include "base/io.h"
#include "base/log.h"

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- the newest head --- */

static int newest_fn(void *arg, const char *name, uint64_t size)
{
	uint64_t *newest = arg, counter;
	char *end;

	(void)size;
	if (strlen(name) != HEAD_NAME_LEN)
		return 0;
	counter = strtoull(name, &end, 16);
	if (*end == '\0' && counter > *newest)
		*newest = counter;
	return 0;
}

int repo_load_head(struct repo *r, uint64_t counter, struct head *h)
{
	CLEANUP_BUF struct buf object = BUF_INIT(HEAD_MAX);
	char name[HEAD_NAME_LEN + 1];
	int e;

	head_name(counter, name);
	e = store_get(r->store, STORE_HEAD, name, &object);
	if (e < 0)
		return e;
	e = head_decode(r->ring, SPAN_OF(&object), counter, h);
	if (e < 0)
		return log_fail(e, "head %s", name);
	return 0;
}

int repo_newest_head(struct store *s, char name[static HEAD_NAME_LEN + 1])
{
	uint64_t newest = 0;
	int e = store_list(s, STORE_HEAD, newest_fn, &newest);

	if (e == 0 && newest == 0)
		e = -ENOENT;
	if (e == 0)
		head_name(newest, name);
	return e;
}

static int load_newest(struct repo *r, struct head *h)
{
	uint64_t newest = 0;
	int e = store_list(r->store, STORE_HEAD, newest_fn, &newest);

	if (e < 0)
		return e;
	if (newest == 0) {
		log_error("repository %s has no head: it was never finished or "
			  "its heads were removed",
			  store_location(r->store));
		return -EUCLEAN;
	}
	e = repo_load_head(r, newest, h);
	if (e == -ENOENT)
		return log_fail(e, "head %llu", (unsigned long long)newest);
	return e;
}

/* --- rollback --- */

struct seen {
	unsigned long long counter;
	uint8_t hash[OBJECT_ID_LEN];
};

static int seen_read(const struct repo *r, struct seen *seen)
{
	CLEANUP_BUF struct buf text = BUF_INIT(128);
	char path[4096], hex[HEX_LEN(OBJECT_ID_LEN)];

	snprintf(path, sizeof(path), "%s/seen-head", r->state_dir);
	if (io_read_file(AT_FDCWD, path, &text) < 0 ||
	    buf_u8(&text, '\0') < 0 ||
	    sscanf((char *)text.p, "%llu %64s", &seen->counter, hex) != 2)
		return -ENOENT;
	return hex_decode(seen->hash, OBJECT_ID_LEN, hex, strlen(hex));
}

/* Not synced: if it is lost, an older sighting or none is left, and a crash
 * of this machine is not what a rollback of the repository looks like. */
static void seen_write(const struct repo *r)
{
	char path[4096], tmp[4096 + 8], hex[HEX_LEN(OBJECT_ID_LEN)];
	FILE *f;

	if (!r->state_dir)
		return;
	snprintf(path, sizeof(path), "%s/seen-head", r->state_dir);
	snprintf(tmp, sizeof(tmp), "%s.tmp", path);
	f = fopen(tmp, "we");
	if (!f)
		return;
	fprintf(f, "%llu %s\n", (unsigned long long)r->head.counter,
		hex_encode(hex, r->head.hash, OBJECT_ID_LEN));
	if (fclose(f) == 0)
		(void)!rename(tmp, path);
}

/* The head that was seen must be this one, or one before it in the chain. */
static int check_rollback(struct repo *r, bool accept)
{
	struct seen seen;
	struct head old;
	bool same;
	int e;

	if (!r->state_dir || seen_read(r, &seen) < 0)
		return 0;
	if (seen.counter == r->head.counter) {
		same = !memcmp(seen.hash, r->head.hash, OBJECT_ID_LEN);
	} else if (seen.counter > r->head.counter) {
		same = false;
	} else {
		e = repo_load_head(r, seen.counter, &old);
		if (e == -ENOENT) /* prune trims old heads */
			return 0;
		if (e < 0)
			return e;
		same = !memcmp(seen.hash, old.hash, OBJECT_ID_LEN);
		head_release(&old);
	}
	if (same)
		return 0;
	log_warn("repository %s was rolled back: it shows head %llu, but head "
		 "%llu was seen before; snapshots made in between are gone",
		 store_location(r->store), (unsigned long long)r->head.counter,
		 seen.counter);
	if (accept)
		return 0;
	log_error("if you put this repository back from a copy, say "
		  "--accept-rollback; else ask who changed it");
	return -ESTALE;
}

/* A machine that has seen nothing yet is told what to find. */
static int check_expected(const struct repo *r, uint64_t counter)
{
	if (r->head.counter >= counter)
		return 0;
	log_error("repository %s shows head %llu, but head %llu is expected "
		  "(--expect-head): it is an old copy, or what is newer is "
		  "kept from us; ask who changed it",
		  store_location(r->store), (unsigned long long)r->head.counter,
		  (unsigned long long)counter);
	return -ESTALE;
}

/* --- open --- */

int repo_probe(struct store *s, struct config *c, struct buf *config_bytes)
{
	int e = store_get(s, STORE_CONFIG, "config", config_bytes);

	if (e == 0)
		e = config_decode(SPAN_OF(config_bytes), c);
	if (e == -EPROTONOSUPPORT)
		return log_fail(e, "repository %s", store_location(s));
	if (e == -EUCLEAN || e == -EMSGSIZE)
		return log_fail(-EUCLEAN, "config of repository %s",
				store_location(s));
	return e;
}

int repo_state_path(const char *cache_dir, const struct config *c, char **out)
{
	char id[HEX_LEN(REPO_ID_LEN)];

	if (asprintf(out, "%s/%s", cache_dir,
		     hex_encode(id, c->repo_id, REPO_ID_LEN)) < 0) {
		*out = NULL;
		return -ENOMEM;
	}
	return 0;
}

/* Without a usable state directory everything works, only slower. */
static int open_state(struct repo *r, const char *cache_dir)
{
	char path[4096];
	int e;

	if (!cache_dir)
		return 0;
	e = repo_state_path(cache_dir, &r->config, &r->state_dir);
	if (e < 0)
		return e;
	snprintf(path, sizeof(path), "%s/index", r->state_dir);
	e = io_mkdir_p(path);
	if (e < 0) {
		log_warn("cannot use cache %s (%s): going on without a cache",
			 r->state_dir, log_strerror(e));
		free(r->state_dir);
		r->state_dir = NULL;
	}
	return 0;
}

static int open_fill(struct repo *r, struct span pass,
		     const struct repo_options *opt)
{
	int e;

	if (opt->config.len > 0) {
		e = buf_append(&r->config_bytes, opt->config.p,
			       opt->config.len);
		if (e == 0)
			e = config_decode(opt->config, &r->config);
	} else {
		e = repo_probe(r->store, &r->config, &r->config_bytes);
	}
	if (e < 0)
		return e;
	memcpy(r->ring->repo_id, r->config.repo_id, REPO_ID_LEN);
	e = open_state(r, opt->cache_dir);
	if (e == 0)
		e = slots_unlock(r, pass);
	if (e == 0)
		e = keyring_subkey(r->ring, "cache", r->cache_key,
				   sizeof(r->cache_key));
	if (e == 0)
		e = load_newest(r, &r->head);
	if (e == 0)
		e = check_expected(r, opt->expect_head);
	if (e == 0)
		e = check_rollback(r, opt->accept_rollback);
	if (e == 0)
		seen_write(r);
	return e;
}

static int repo_alloc(struct store *s, struct repo **out)
{
	struct repo *r = calloc(1, sizeof(*r));
	int e;

	if (!r)
		return -ENOMEM;
	r->store = s;
	r->config_bytes = BUF_INIT(CONFIG_MAX);
	pthread_rwlock_init(&r->lock, NULL);
	r->ring = secret_alloc(sizeof(*r->ring));
	e = r->ring ? frame_cache_new(&r->frames) : -ENOMEM;
	if (e < 0) {
		repo_free(r);
		return e;
	}
	memset(r->ring, 0, sizeof(*r->ring));
	*out = r;
	return 0;
}

int repo_open(struct store *s, struct span pass, const struct repo_options *opt,
	      struct repo **out)
{
	struct repo *r = NULL;
	int e = repo_alloc(s, &r);

	if (e < 0)
		return e;
	e = open_fill(r, pass, opt);
	if (e < 0) {
		repo_free(r);
		return e;
	}
	*out = r;
	return 0;
}

void repo_free(struct repo *r)
{
	if (!r)
		return;
	frame_cache_free(r->frames);
	index_release(&r->index);
	head_release(&r->head);
	buf_release(&r->config_bytes);
	if (r->ring)
		secret_free(r->ring, sizeof(*r->ring));
	secret_wipe(r->cache_key, sizeof(r->cache_key));
	pthread_rwlock_destroy(&r->lock);
	free(r->state_dir);
	free(r);
}

struct store *repo_store(const struct repo *r)
{
	return r->store;
}

const struct config *repo_config(const struct repo *r)
{
	return &r->config;
}

const struct keyring *repo_keyring(const struct repo *r)
{
	return r->ring;
}

const char *repo_state_dir(const struct repo *r)
{
	return r->state_dir;
}

const struct head *repo_head(const struct repo *r)
{
	return &r->head;
}

/* --- init --- */

int repo_init(struct store *s, struct span pass, struct kdf_choice kdf,
	      const char *label)
{
	CLEANUP_BUF struct buf slot = BUF_INIT(KEY_SLOT_MAX);
	uint8_t hash[SHA256_LEN];
	char name[STORE_NAME_MAX + 1];
	struct head first = { 0 };
	struct repo *r = NULL;
	int e = repo_alloc(s, &r);

	if (e < 0)
		return e;
	random_bytes(r->config.repo_id, REPO_ID_LEN);
	r->config.created_ns = now_ns();
	r->config.cdc_min = CDC_MIN;
	r->config.cdc_avg = CDC_AVG;
	r->config.cdc_max = CDC_MAX;
	memcpy(r->ring->repo_id, r->config.repo_id, REPO_ID_LEN);
	r->ring->count = 1;
	random_bytes(r->ring->master[0], AEAD_KEY_LEN);
	e = config_encode(&r->config, &r->config_bytes);
	if (e == 0)
		e = key_slot_seal(r->ring, SPAN_OF(&r->config_bytes), pass, kdf,
				  label, &slot);
	if (e == 0) {
		sha256_once(SPAN_OF(&slot), hash);
		hex_encode(name, hash, sizeof(hash));
		e = store_put_by_hash(
			store_put(s, STORE_KEY, name, SPAN_OF(&slot)));
	}
	if (e == 0)
		e = repo_commit(r, &first);
	/* The config comes last: until it is there, there is no repository. */
	if (e == 0)
		e = store_put(s, STORE_CONFIG, "config",
			      SPAN_OF(&r->config_bytes));
	head_release(&first);
	repo_free(r);
	return e;
}

/* --- change --- */

static int went_back(const struct repo *r, const struct head *h)
{
	if (h->counter == r->head.counter &&
	    !memcmp(h->hash, r->head.hash, OBJECT_ID_LEN))
		return 0;
	log_error("the repository's head went back from %llu to %llu while it "
		  "was in use",
		  (unsigned long long)r->head.counter,
		  (unsigned long long)h->counter);
	return -ESTALE;
}

/* The tables after the head; if they cannot be had now, they are loaded when
 * somebody asks. lock: held, write. */
static int follow_head(struct repo *r)
{
	int e = 0;

	if (r->index_loaded || r->index.count > 0) {
		e = tables_follow(r);
		__atomic_store_n(&r->index_loaded, e == 0, __ATOMIC_RELEASE);
	}
	return e;
}

/* Does h drop a table of the head's that was never looked at? Whoever relies
 * on what it lists (a catalog says so) cannot be told what is gone. lock:
 * held. */
static bool drops_unseen(const struct repo *r, const struct head *h)
{
	const struct idlist *ids = &r->head.indexes;
	uint32_t i;

	for (i = 0; i < ids->count; i++)
		if (!idlist_has(&h->indexes, ids->ids[i]) &&
		    !table_is_loaded(r, ids->ids[i]))
			return true;
	return false;
}

/* Stand on h, which is taken or released. lock: held, write. */
static int adopt_head(struct repo *r, struct head *h)
{
	int e = 0;

	if (h->counter <= r->head.counter) {
		e = went_back(r, h);
		head_release(h);
		return e;
	}
	if (r->relying > 0 && drops_unseen(r, h))
		r->losses++;
	head_release(&r->head);
	r->head = *h;
	e = follow_head(r);
	seen_write(r);
	return e < 0 ? e : 1;
}

int repo_refresh(struct repo *r)
{
	int e, tries, moved = 0;

	/* a table may go away between its head and its own reading: then
	 * there is a newer head */
	for (tries = 0; tries < 4; tries++) {
		struct head h;

		e = load_newest(r, &h);
		if (e < 0)
			return e;
		pthread_rwlock_wrlock(&r->lock);
		e = adopt_head(r, &h);
		pthread_rwlock_unlock(&r->lock);
		moved |= e != 0;
		if (e != -ENOENT)
			return e < 0 ? e : moved;
	}
	return log_fail(e, "an index object that head %llu names",
			(unsigned long long)r->head.counter);
}

/*
 * A head's name is created once, but prune removes heads that are far behind
 * the newest: then the name is free again, and a writer that slept for that
 * long would "commit" where nobody looks. Head c can only have been removed
 * if the newest is HEADS_KEPT ahead; then the next head tells whether it was
 * built on this one.
 */
static int commit_is_real(struct repo *r, const struct head *mine)
{
	char name[HEAD_NAME_LEN + 1];
	uint64_t newest = 0;
	struct head after;
	bool chained;
	int e = store_list(r->store, STORE_HEAD, newest_fn, &newest);

	if (e < 0 || newest < mine->counter + HEADS_KEPT)
		return e;
	e = repo_load_head(r, mine->counter + 1, &after);
	if (e < 0 && e != -ENOENT)
		return e;
	chained = e == 0 && !memcmp(after.prev, mine->hash, OBJECT_ID_LEN);
	if (e == 0)
		head_release(&after);
	if (chained)
		return 0;
	head_name(mine->counter, name);
	(void)!store_delete(r->store, STORE_HEAD, name);
	return -EEXIST;
}

/* Put the head's object. A store that answered and was not heard may be
 * asked twice: what is there may be ours. */
static int put_head(struct repo *r, const struct head *next, struct span object)
{
	CLEANUP_BUF struct buf there = BUF_INIT(HEAD_MAX);
	char name[HEAD_NAME_LEN + 1];
	int e;

	head_name(next->counter, name);
	e = FAULT("head.write");
	if (e < 0)
		return log_fail(e, "store head %s", name);
	e = store_put(r->store, STORE_HEAD, name, object);
	if (e == -EEXIST &&
	    store_get(r->store, STORE_HEAD, name, &there) == 0 &&
	    there.len == object.len && !memcmp(there.p, object.p, object.len))
		e = 0;
	return e < 0 ? e : commit_is_real(r, next);
}

/* A name that is taken is that of a head which can be seen. A store that takes
 * a head and hides it would have us try for ever. */
static int check_taken(struct repo *r, const struct head *next)
{
	uint64_t newest = 0;
	int e = store_list(r->store, STORE_HEAD, newest_fn, &newest);

	if (e < 0 || newest >= next->counter)
		return e < 0 ? e : -EEXIST;
	log_error("%s says that there is a head %llu, and shows none after "
		  "%llu: it was put back from an old copy, or keeps something "
		  "from us. Nothing was committed",
		  store_location(r->store), (unsigned long long)next->counter,
		  (unsigned long long)newest);
	return -ESTALE;
}

int repo_commit(struct repo *r, struct head *next)
{
	CLEANUP_BUF struct buf object = BUF_INIT(HEAD_MAX);
	struct head copy;
	int e;

	/* made from another head than the present one: as if another writer
	 * had been first */
	if (next->counter != r->head.counter)
		return -EEXIST;
	next->counter = r->head.counter + 1;
	memcpy(next->prev, r->head.hash, OBJECT_ID_LEN);
	next->time_ns = now_ns();
	e = head_encode(r->ring, next, &object);
	if (e < 0)
		return log_fail(e, "encode head");
	e = head_copy(&copy, next);
	if (e < 0)
		return e;
	e = put_head(r, next, SPAN_OF(&object));
	if (e == -EEXIST)
		e = check_taken(r, next);
	if (e < 0) {
		head_release(&copy);
		return e;
	}
	pthread_rwlock_wrlock(&r->lock);
	head_release(&r->head);
	r->head = copy;
	(void)!follow_head(r); /* it is committed, whatever comes of them */
	seen_write(r);
	pthread_rwlock_unlock(&r->lock);
	return 0;
}

int repo_load_snapshot(struct repo *r, const uint8_t id[OBJECT_ID_LEN],
		       struct snapshot *s)
{
	CLEANUP_BUF struct buf object = BUF_INIT(SNAPSHOT_MAX);
	char name[HEX_LEN(OBJECT_ID_LEN)];
	int e = store_get(r->store, STORE_SNAPSHOT,
			  hex_encode(name, id, OBJECT_ID_LEN), &object);

	if (e == 0)
		e = snapshot_decode(r->ring, SPAN_OF(&object), s);
	if (e < 0)
		return log_fail(e, "snapshot %.12s", name);
	if (memcmp(s->id, id, OBJECT_ID_LEN) != 0) {
		snapshot_release(s);
		return log_fail(-EBADMSG, "snapshot %.12s", name);
	}
	return 0;
}

/* --- ids --- */

int chunk_ids_init(struct chunk_ids *ids, const struct repo *r)
{
	static const char *const purpose[CHUNK_KINDS] = {
		[CHUNK_DATA] = "id data",
		[CHUNK_TREE] = "id tree",
		[CHUNK_MAP] = "id map",
	};
	uint8_t key[32];
	int i, e = 0;

	memset(ids, 0, sizeof(*ids));
	for (i = 0; e == 0 && i < CHUNK_KINDS; i++) {
		e = keyring_subkey(r->ring, purpose[i], key, sizeof(key));
		if (e == 0)
			e = hmac_new(SPAN(key, sizeof(key)), &ids->mac[i]);
	}
	secret_wipe(key, sizeof(key));
	if (e < 0)
		chunk_ids_release(ids);
	return e;
}

void chunk_ids_release(struct chunk_ids *ids)
{
	int i;

	for (i = 0; i < CHUNK_KINDS; i++)
		hmac_free(ids->mac[i]);
	memset(ids, 0, sizeof(*ids));
}

void chunk_ids_of(struct chunk_ids *ids, enum chunk_kind kind, struct span data,
		  uint8_t id[CHUNK_ID_LEN])
{
	hmac_once(ids->mac[kind], data, SPAN(NULL, 0), id);
}
