/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault_lease.c - leases that a vault keeps.
 *
 * The vault forgets one that is not renewed; a thread renews those of a store
 * well before that. One that the vault has forgotten all the same (it was
 * started anew) is taken again: leases only spare work, so a gap does no harm.
 */
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/log.h"
#include "store/vault_private.h"

#define ID_MAX 64
#define ANSWER_MAX 4096u
#define SECONDS_DEFAULT 45
#define SECONDS_MIN 3 /* a vault that gives less gets no more of us */
#define SECONDS_MAX 3600

struct vault_lease {
	struct store_lease base;
	struct vault_lease *next; /* of the store's; guarded by its lock */
	enum store_lease_kind kind;
	char id[ID_MAX + 1];
	bool lost;		  /* a warning was given */
	struct vault_lease *twin; /* of all of this process's */
};

/* A process does not count its own writers, whatever store they belong to. */
static pthread_mutex_t own_lock = PTHREAD_MUTEX_INITIALIZER;
static struct vault_lease *own;

static unsigned int count_own(const char *machine)
{
	const struct vault_lease *l;
	unsigned int n = 0;

	pthread_mutex_lock(&own_lock);
	for (l = own; l; l = l->twin) {
		const struct vault_store *v =
			(const struct vault_store *)l->base.store;

		n += l->kind == STORE_LEASE_WRITER &&
		     !strcmp(v->registration.machine, machine);
	}
	pthread_mutex_unlock(&own_lock);
	return n;
}

static void add_own(struct vault_lease *l)
{
	pthread_mutex_lock(&own_lock);
	l->twin = own;
	own = l;
	pthread_mutex_unlock(&own_lock);
}

static void drop_own(const struct vault_lease *l)
{
	struct vault_lease **at = &own;

	pthread_mutex_lock(&own_lock);
	while (*at && *at != l)
		at = &(*at)->twin;
	if (*at)
		*at = l->twin;
	pthread_mutex_unlock(&own_lock);
}

/* --- requests --- */

static bool is_id(const char *id)
{
	size_t n = strspn(id, "0123456789abcdef");

	return n > 0 && n <= ID_MAX && !id[n];
}

static int read_lease(struct vault_store *v, struct span text, char *id,
		      unsigned int *seconds)
{
	CLEANUP_JSON struct json *j = NULL;
	uint64_t n = SECONDS_DEFAULT;
	int e = json_parse(text, ANSWER_MAX, &j);
	const char *given = json_to_str(json_get(j, "lease"));

	if (e == -ENOMEM)
		return e;
	if (e < 0 || !given || !is_id(given) ||
	    json_to_u64(json_get(j, "seconds"), &n) < 0) {
		log_error("begin a lease in %s: what it answered is no lease",
			  v->text);
		return -EPROTO;
	}
	snprintf(id, ID_MAX + 1, "%s", given);
	*seconds = (unsigned int)MAX(MIN(n, (uint64_t)SECONDS_MAX),
				     (uint64_t)SECONDS_MIN);
	return 0;
}

static int take(struct vault_store *v, enum store_lease_kind kind, bool once,
		char *id, unsigned int *seconds)
{
	CLEANUP_BUF struct buf answer = BUF_INIT(ANSWER_MAX);
	struct vault_request q = {
		.what = "begin a lease",
		.method = "POST",
		.into = &answer,
		.once = once,
	};
	int e;

	snprintf(q.path, sizeof(q.path), "/v1/leases?kind=%s",
		 kind == STORE_LEASE_WRITER ? "writer" : "maintenance");
	e = vault_ask(v, &q);
	return e < 0 ? e : read_lease(v, SPAN_OF(&answer), id, seconds);
}

/* Once, and without the lock: a vault that is slow holds up nobody. */
static int change(struct vault_store *v, const char *method, const char *id)
{
	struct vault_request q = {
		.what = !strcmp(method, "PUT") ? "renew a lease"
					       : "end a lease",
		.method = method,
		.once = true,
	};

	snprintf(q.path, sizeof(q.path), "/v1/leases/%s", id);
	return vault_ask(v, &q);
}

/* --- renewing --- */

struct held {
	char id[ID_MAX + 1];
	enum store_lease_kind kind;
};

/* The lease with this id, if it has not ended meanwhile. Lock held. */
static struct vault_lease *find(struct vault_store *v, const char *id)
{
	struct vault_lease *l;

	for (l = v->leases; l && strcmp(l->id, id) != 0;)
		l = l->next;
	return l;
}

static void retake(struct vault_store *v, const struct held *h)
{
	char id[ID_MAX + 1];
	unsigned int seconds;
	struct vault_lease *l;
	int e = take(v, h->kind, true, id, &seconds);

	pthread_mutex_lock(&v->lock);
	l = find(v, h->id);
	if (e == 0 && l)
		memcpy(l->id, id, sizeof(l->id));
	if (e == -EBUSY && l && !l->lost) {
		log_warn("another process has begun to maintain the "
			 "repository in %s meanwhile",
			 v->text);
		l->lost = true;
	}
	pthread_mutex_unlock(&v->lock);
	if (e == 0 && !l)
		(void)!change(v, "DELETE", id);
}

static void renew_all(struct vault_store *v)
{
	CLEANUP_FREE struct held *list = NULL;
	struct vault_lease *l;
	size_t n = 0, i;

	pthread_mutex_lock(&v->lock);
	for (l = v->leases; l; l = l->next)
		n++;
	list = calloc(n + 1, sizeof(*list));
	for (l = v->leases, i = 0; list && l; l = l->next, i++) {
		memcpy(list[i].id, l->id, sizeof(l->id));
		list[i].kind = l->kind;
	}
	pthread_mutex_unlock(&v->lock);
	for (i = 0; list && i < n; i++)
		if (change(v, "PUT", list[i].id) == -ENOENT)
			retake(v, &list[i]);
}

static void *renewer(void *arg)
{
	struct vault_store *v = arg;
	struct timespec until;

	pthread_mutex_lock(&v->lock);
	while (!v->ending) {
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += v->lease_seconds / 3;
		if (pthread_cond_timedwait(&v->wake, &v->lock, &until) == 0)
			continue;
		pthread_mutex_unlock(&v->lock);
		renew_all(v);
		pthread_mutex_lock(&v->lock);
	}
	pthread_mutex_unlock(&v->lock);
	return NULL;
}

/* --- the life of one --- */

void vault_leases_init(struct vault_store *v)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&v->lock, NULL);
	pthread_cond_init(&v->wake, &attr);
	pthread_condattr_destroy(&attr);
	v->lease_seconds = SECONDS_DEFAULT;
}

void vault_leases_release(struct vault_store *v)
{
	pthread_mutex_lock(&v->lock);
	v->ending = true;
	pthread_cond_broadcast(&v->wake);
	pthread_mutex_unlock(&v->lock);
	if (v->renews)
		pthread_join(v->renewer, NULL);
	while (v->leases)
		vault_lease_end(&v->leases->base);
	pthread_cond_destroy(&v->wake);
	pthread_mutex_destroy(&v->lock);
}

/* Without a thread a lease just ends early. Lock held. */
static void add(struct vault_store *v, struct vault_lease *l,
		unsigned int seconds)
{
	l->next = v->leases;
	v->leases = l;
	v->lease_seconds = seconds;
	if (!v->renews)
		v->renews = pthread_create(&v->renewer, NULL, renewer, v) == 0;
}

int vault_lease_begin(struct store *s, enum store_lease_kind kind,
		      struct store_lease **out)
{
	struct vault_store *v = (struct vault_store *)s;
	CLEANUP_FREE struct vault_lease *l = calloc(1, sizeof(*l));
	unsigned int seconds;
	int e = vault_may_write(v, kind == STORE_LEASE_WRITER
					   ? "begin to write"
					   : "begin to maintain");

	if (!l)
		return -ENOMEM;
	if (e == 0)
		e = take(v, kind, false, l->id, &seconds);
	if (e < 0)
		return e;
	l->base.store = s;
	l->kind = kind;
	pthread_mutex_lock(&v->lock);
	add(v, l, seconds);
	pthread_mutex_unlock(&v->lock);
	add_own(l);
	*out = &TAKE_PTR(l)->base;
	return 0;
}

void vault_lease_end(struct store_lease *base)
{
	struct vault_store *v = (struct vault_store *)base->store;
	struct vault_lease *l = (struct vault_lease *)base, **at;

	pthread_mutex_lock(&v->lock);
	at = &v->leases;
	while (*at && *at != l)
		at = &(*at)->next;
	if (*at)
		*at = l->next;
	pthread_mutex_unlock(&v->lock);
	drop_own(l);
	/* if it cannot be told, the vault finds out by itself */
	(void)!change(v, "DELETE", l->id);
	free(l);
}

int vault_lease_writers(struct store *s)
{
	struct vault_store *v = (struct vault_store *)s;
	CLEANUP_BUF struct buf answer = BUF_INIT(ANSWER_MAX);
	CLEANUP_JSON struct json *j = NULL;
	struct vault_request q = {
		.what = "count writers",
		.method = "GET",
		.path = "/v1/machine",
		.into = &answer,
	};
	uint64_t n, mine = count_own(v->registration.machine);
	int e = vault_ask(v, &q);

	if (e < 0)
		return e;
	e = json_parse(SPAN_OF(&answer), ANSWER_MAX, &j);
	if (e == 0)
		e = json_to_u64(json_get(j, "writers"), &n);
	if (e < 0) {
		log_error("count writers in %s: what it answered is no number",
			  v->text);
		return -EPROTO;
	}
	return n > mine ? (int)MIN(n - mine, (uint64_t)INT32_MAX) : 0;
}
