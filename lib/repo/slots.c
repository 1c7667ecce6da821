/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slots.c - passphrases: which key slots there are, and which one opens.
 */
#include "repo/private.h"

#include <errno.h>

#include "base/log.h"

struct unlock {
	struct repo *repo;
	struct span pass;
	unsigned int tried, damaged;
	int error;
};

static int slot_load(struct store *s, const char *name, struct buf *bytes)
{
	uint8_t hash[SHA256_LEN];
	char have[HEX_LEN(SHA256_LEN)];
	int e;

	bytes->len = 0;
	e = store_get(s, STORE_KEY, name, bytes);
	if (e < 0)
		return e;
	sha256_once(SPAN_OF(bytes), hash);
	if (strcmp(hex_encode(have, hash, sizeof(hash)), name) != 0)
		return -EBADMSG;
	return 0;
}

/* 1 ends the listing: opened. */
static int unlock_fn(void *arg, const char *name, uint64_t size)
{
	CLEANUP_BUF struct buf bytes = BUF_INIT(KEY_SLOT_MAX);
	struct unlock *u = arg;
	struct repo *r = u->repo;
	int e = slot_load(r->store, name, &bytes);

	(void)size;
	if (e == 0)
		e = key_slot_open(SPAN_OF(&bytes), SPAN_OF(&r->config_bytes),
				  u->pass, r->ring);
	u->tried++;
	if (e == 0) {
		snprintf(r->slot, sizeof(r->slot), "%s", name);
		return 1;
	}
	if (e == -ENOMEM)
		return e;
	if (e != -EKEYREJECTED && e != -ENOENT) {
		log_fail(e, "key slot %.12s", name);
		u->damaged++;
		u->error = e;
	}
	return 0;
}

int slots_unlock(struct repo *r, struct span pass)
{
	struct unlock u = { .repo = r, .pass = pass };
	int e = store_list(r->store, STORE_KEY, unlock_fn, &u);

	if (e == 1)
		return 0;
	if (e < 0)
		return e;
	if (u.tried == 0) {
		log_error("repository %s has no key slot: nobody can open it "
			  "until one is put back from a copy of keys/",
			  store_location(r->store));
		return -EUCLEAN;
	}
	/* with a damaged slot, nobody can tell whether it was the right one */
	return u.damaged == u.tried ? u.error : -EKEYREJECTED;
}

struct list {
	struct repo *repo;
	repo_slot_fn *fn;
	void *arg;
};

static int list_fn(void *arg, const char *name, uint64_t size)
{
	CLEANUP_BUF struct buf bytes = BUF_INIT(KEY_SLOT_MAX);
	struct list *l = arg;
	struct key_slot slot;
	int e = slot_load(l->repo->store, name, &bytes);

	(void)size;
	if (e == 0)
		e = key_slot_decode(SPAN_OF(&bytes), &slot);
	if (e < 0)
		return log_fail(e, "key slot %.12s", name);
	return l->fn(l->arg, name, &slot, strcmp(name, l->repo->slot) == 0);
}

int repo_slots(struct repo *r, repo_slot_fn *fn, void *arg)
{
	struct list l = { r, fn, arg };

	return store_list(r->store, STORE_KEY, list_fn, &l);
}

static int slot_store(struct repo *r, const struct keyring *ring,
		      struct span pass, struct kdf_choice kdf,
		      const char *label, char name[static STORE_NAME_MAX + 1])
{
	CLEANUP_BUF struct buf bytes = BUF_INIT(KEY_SLOT_MAX);
	uint8_t hash[SHA256_LEN];
	int e = key_slot_seal(ring, SPAN_OF(&r->config_bytes), pass, kdf, label,
			      &bytes);

	if (e < 0)
		return log_fail(e, "make a key slot");
	sha256_once(SPAN_OF(&bytes), hash);
	hex_encode(name, hash, sizeof(hash));
	return store_put_by_hash(
		store_put(r->store, STORE_KEY, name, SPAN_OF(&bytes)));
}

int repo_slot_add(struct repo *r, struct span pass, struct kdf_choice kdf,
		  const char *label, char name[static STORE_NAME_MAX + 1])
{
	return slot_store(r, r->ring, pass, kdf, label, name);
}

static int count_fn(void *arg, const char *name, uint64_t size)
{
	(void)name;
	(void)size;
	++*(unsigned int *)arg;
	return 0;
}

int repo_slot_remove(struct repo *r, const char *name, bool force)
{
	unsigned int count = 0;
	int e = store_list(r->store, STORE_KEY, count_fn, &count);

	if (e < 0)
		return e;
	if (count <= 1 || (!force && strcmp(name, r->slot) == 0))
		return -EBUSY;
	return store_delete(r->store, STORE_KEY, name);
}

const char *repo_slot_current(const struct repo *r)
{
	return r->slot;
}

struct sweep {
	struct repo *repo;
	const char *keep;
};

static int sweep_fn(void *arg, const char *name, uint64_t size)
{
	struct sweep *s = arg;
	int e;

	(void)size;
	if (strcmp(name, s->keep) == 0)
		return 0;
	e = store_delete(s->repo->store, STORE_KEY, name);
	return e == -ENOENT ? 0 : e;
}

int repo_rekey(struct repo *r, struct span pass, struct kdf_choice kdf,
	       const char *label)
{
	char name[STORE_NAME_MAX + 1];
	struct sweep sweep = { r, name };
	struct keyring *next;
	int e;

	if (r->ring->count == KEYRING_MAX) {
		log_error("this repository has had %d master keys, the most "
			  "that its format allows: start a new repository",
			  KEYRING_MAX);
		return -EMSGSIZE;
	}
	next = secret_alloc(sizeof(*next));
	if (!next)
		return -ENOMEM;
	*next = *r->ring;
	random_bytes(next->master[next->count++], AEAD_KEY_LEN);
	e = slot_store(r, next, pass, kdf, label, name);
	/* The old slots go only when the new one is safely stored. */
	if (e == 0) {
		*r->ring = *next;
		snprintf(r->slot, sizeof(r->slot), "%s", name);
		e = store_list(r->store, STORE_KEY, sweep_fn, &sweep);
	}
	secret_free(next, sizeof(*next));
	return e;
}
