/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limiter.c - how much each may ask for in a time: token buckets by name.
 *
 * A bucket is one number: the time at which it is full (the "theoretical
 * arrival time" of the leaky bucket as a meter). Each token moves it ahead by
 * the time that one needs; a bucket may be used while that is less than its
 * depth ahead of now. What is full is as good as forgotten, so the one to let
 * go is the one whose time is the earliest among those that it could displace.
 */
#include "vault/http/limiter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "crypto/digest.h"

#define WAYS 8	       /* places that a name may have */
#define DEBT_MAX 3600u /* seconds that anyone waits at most */

struct bucket {
	char name[LIMITER_NAME_MAX + 1];
	uint64_t full; /* when it is; 0: nobody's */
};

struct limiter {
	struct limiter_options opt;
	uint64_t key; /* nobody can choose names that displace one another */
	unsigned int sets;
	pthread_mutex_t lock;
	struct bucket v[];
};

int limiter_new(const struct limiter_options *opt, struct limiter **out)
{
	unsigned int sets = MAX(opt->names / WAYS, 1u);
	struct limiter *l;

	*out = NULL;
	l = calloc(1, sizeof(*l) + (size_t)sets * WAYS * sizeof(l->v[0]));
	if (!l)
		return -ENOMEM;
	l->opt = *opt;
	l->sets = sets;
	random_bytes(&l->key, sizeof(l->key));
	pthread_mutex_init(&l->lock, NULL);
	*out = l;
	return 0;
}

void limiter_free(struct limiter *l)
{
	if (!l)
		return;
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static uint64_t hash(const struct limiter *l, const char *name)
{
	uint64_t h = l->key;

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 0x100000001b3u ^ h >> 29;
	return h * 0x9e3779b97f4a7c15u >> 32;
}

/* Of a name; the one it displaces is the longest quiet. lock is held. */
static struct bucket *find(struct limiter *l, const char *name)
{
	struct bucket *set = &l->v[hash(l, name) % l->sets * WAYS];
	struct bucket *quiet = set;
	unsigned int i;

	for (i = 0; i < WAYS; i++) {
		if (set[i].full && !strcmp(set[i].name, name))
			return &set[i];
		if (set[i].full < quiet->full)
			quiet = &set[i];
	}
	snprintf(quiet->name, sizeof(quiet->name), "%s", name);
	quiet->full = 1;
	return quiet;
}

static unsigned int wait_of(const struct limiter *l, const struct bucket *b,
			    uint64_t now)
{
	uint64_t depth = l->opt.seconds * LIMITER_SECOND;

	if (b->full < now + depth)
		return 0;
	return (unsigned int)((b->full - now - depth) / LIMITER_SECOND) + 1;
}

static void take(const struct limiter *l, struct bucket *b, uint64_t now,
		 uint64_t tokens)
{
	uint64_t most = (l->opt.seconds + DEBT_MAX) * LIMITER_SECOND;
	double cost =
		(double)tokens * (double)LIMITER_SECOND / (double)l->opt.rate;

	b->full = MAX(b->full, now);
	b->full += cost > (double)most ? most : (uint64_t)cost;
	b->full = MIN(b->full, now + most);
}

unsigned int limiter_ask(struct limiter *l, const char *name, uint64_t now,
			 uint64_t tokens)
{
	struct bucket *b;
	unsigned int wait;

	if (l->opt.rate == 0)
		return 0;
	pthread_mutex_lock(&l->lock);
	b = find(l, name);
	wait = wait_of(l, b, now);
	if (wait == 0)
		take(l, b, now, tokens);
	pthread_mutex_unlock(&l->lock);
	return wait;
}

unsigned int limiter_wait(struct limiter *l, const char *name, uint64_t now)
{
	return limiter_ask(l, name, now, 0);
}

void limiter_take(struct limiter *l, const char *name, uint64_t now,
		  uint64_t tokens)
{
	if (l->opt.rate == 0)
		return;
	pthread_mutex_lock(&l->lock);
	take(l, find(l, name), now, tokens);
	pthread_mutex_unlock(&l->lock);
}

const char *limiter_name_of_address(const char *address,
				    char out[static LIMITER_NAME_MAX + 1])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char net[INET6_ADDRSTRLEN];
	struct in6_addr a;

	if (inet_pton(AF_INET6, address, &a) != 1 ||
	    !memcmp(&a, mapped, sizeof(mapped))) {
		snprintf(out, LIMITER_NAME_MAX + 1, "%s", address);
		return out;
	}
	memset(a.s6_addr + 8, 0, 8);
	if (!inet_ntop(AF_INET6, &a, net, sizeof(net)))
		net[0] = '\0';
	snprintf(out, LIMITER_NAME_MAX + 1, "%.43s/64", net);
	return out;
}

uint64_t limiter_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * LIMITER_SECOND + (uint64_t)now.tv_nsec;
}
