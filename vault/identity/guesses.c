/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guesses.c - how often an address has shown a wrong secret.
 */
#include "vault/identity/guesses.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#define SLOTS 256

struct guesser {
	uint8_t address[16]; /* as IPv6; the lower half is zero */
	unsigned int n;	     /* 0: nobody */
	time_t since;
};

struct guesses {
	pthread_mutex_t lock;
	struct guesser slots[SLOTS];
};

/* Not the vault's clock: nobody's patience ends by a change of time. */
static time_t seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec;
}

static void address_of(const char *text, uint8_t out[static 16])
{
	memset(out, 0, 16);
	if (inet_pton(AF_INET6, text, out) == 1)
		memset(out + 8, 0, 8);
	else if (inet_pton(AF_INET, text, out + 12) != 1)
		memset(out, 0xff, 16); /* a local socket */
}

/* The slot of that address, or the one to take for it. */
static struct guesser *slot_of(struct guesses *g, const uint8_t *address,
			       time_t now)
{
	struct guesser *s, *oldest = g->slots;

	for (s = g->slots; s < g->slots + SLOTS; s++) {
		if (s->n > 0 && now - s->since >= GUESSES_SECONDS)
			s->n = 0;
		if (s->n > 0 && !memcmp(s->address, address, 16))
			return s;
		if (s->n == 0 || (oldest->n > 0 && s->since < oldest->since))
			oldest = s;
	}
	oldest->n = 0;
	return oldest;
}

int guesses_new(struct guesses **out)
{
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	pthread_mutex_init(&(*out)->lock, NULL);
	return 0;
}

void guesses_free(struct guesses *g)
{
	if (g)
		pthread_mutex_destroy(&g->lock);
	free(g);
}

unsigned int guesses_wait(struct guesses *g, const char *address)
{
	uint8_t bytes[16];
	const struct guesser *s;
	time_t now = seconds_now();
	unsigned int wait = 0;

	address_of(address, bytes);
	pthread_mutex_lock(&g->lock);
	s = slot_of(g, bytes, now);
	if (s->n >= GUESSES_MAX)
		wait = (unsigned int)(s->since + GUESSES_SECONDS - now);
	pthread_mutex_unlock(&g->lock);
	return wait;
}

void guesses_wrong(struct guesses *g, const char *address)
{
	uint8_t bytes[16];
	struct guesser *s;
	time_t now = seconds_now();

	address_of(address, bytes);
	pthread_mutex_lock(&g->lock);
	s = slot_of(g, bytes, now);
	if (s->n == 0) {
		memcpy(s->address, bytes, 16);
		s->since = now;
	}
	s->n++;
	pthread_mutex_unlock(&g->lock);
}
