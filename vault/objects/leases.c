/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leases.c - who works on a repository just now.
 */
#include "vault/objects/leases.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "crypto/digest.h"

struct lease {
	struct lease *next;
	char machine[40];
	char id[LEASE_ID_LEN + 1];
	enum store_lease_kind kind;
	time_t until; /* CLOCK_MONOTONIC */
};

struct leases {
	pthread_mutex_t lock;
	struct lease *list;
};

static time_t seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec;
}

int leases_new(struct leases **out)
{
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	pthread_mutex_init(&(*out)->lock, NULL);
	return 0;
}

void leases_free(struct leases *l)
{
	if (!l)
		return;
	while (l->list) {
		struct lease *next = l->list->next;

		free(l->list);
		l->list = next;
	}
	pthread_mutex_destroy(&l->lock);
	free(l);
}

/* With the lock, as all below: where the lease hangs, or the end. What is over
 * is forgotten on the way. */
static struct lease **find(struct leases *l, const char *machine,
			   const char *id)
{
	struct lease **at = &l->list;
	time_t now = seconds_now();

	while (*at) {
		struct lease *one = *at;

		if (one->until < now) {
			*at = one->next;
			free(one);
		} else if (id && !strcmp(one->machine, machine) &&
			   !strcmp(one->id, id)) {
			break;
		} else {
			at = &one->next;
		}
	}
	return at;
}

static unsigned int count(struct leases *l, const char *machine,
			  enum store_lease_kind kind)
{
	const struct lease *one;
	unsigned int n = 0;

	(void)find(l, machine, NULL);
	for (one = l->list; one; one = one->next)
		n += one->kind == kind && !strcmp(one->machine, machine);
	return n;
}

int lease_begin(struct leases *l, const char *machine,
		enum store_lease_kind kind, char id[static LEASE_ID_LEN + 1])
{
	struct lease *one = calloc(1, sizeof(*one));
	uint8_t random[LEASE_ID_LEN / 2];
	unsigned int max = kind == STORE_LEASE_MAINTENANCE ? 1 : LEASES_MAX;
	int e = 0;

	if (!one)
		return -ENOMEM;
	random_bytes(random, sizeof(random));
	hex_encode(one->id, random, sizeof(random));
	snprintf(one->machine, sizeof(one->machine), "%s", machine);
	one->kind = kind;
	one->until = seconds_now() + LEASE_SECONDS;
	memcpy(id, one->id, sizeof(one->id));
	pthread_mutex_lock(&l->lock);
	if (count(l, machine, kind) >= max) {
		e = max == 1 ? -EBUSY : -ENOSPC;
		free(one);
	} else {
		one->next = l->list;
		l->list = one;
	}
	pthread_mutex_unlock(&l->lock);
	return e;
}

int lease_renew(struct leases *l, const char *machine, const char *id)
{
	struct lease *one;

	pthread_mutex_lock(&l->lock);
	one = *find(l, machine, id);
	if (one)
		one->until = seconds_now() + LEASE_SECONDS;
	pthread_mutex_unlock(&l->lock);
	return one ? 0 : -ENOENT;
}

int lease_end(struct leases *l, const char *machine, const char *id)
{
	struct lease **at, *one;

	pthread_mutex_lock(&l->lock);
	at = find(l, machine, id);
	one = *at;
	if (one)
		*at = one->next;
	pthread_mutex_unlock(&l->lock);
	free(one);
	return one ? 0 : -ENOENT;
}

unsigned int lease_writers(struct leases *l, const char *machine)
{
	unsigned int n;

	pthread_mutex_lock(&l->lock);
	n = count(l, machine, STORE_LEASE_WRITER);
	pthread_mutex_unlock(&l->lock);
	return n;
}
