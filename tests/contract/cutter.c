/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cutter.c - a bad network: a relay that cuts connections.
 */
#include "tests/contract/cutter.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "tests/contract/store_fixture.h"

#define BLOCK (16u << 10)

struct cutter {
	int listener;
	unsigned int port, to;
	pthread_t acceptor;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t idle;
	uint64_t there, back; /* of the next connection */
	unsigned int count, running, era;
};

struct relay {
	struct cutter *c;
	int client, server;
	uint64_t there, back;
	unsigned int era; /* of the cutter's when it was made */
};

static struct sockaddr_in address(unsigned int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons((uint16_t)port),
				     .sin_addr.s_addr =
					     htonl(INADDR_LOOPBACK) };
}

static bool is_over(const struct relay *r)
{
	bool over;

	pthread_mutex_lock(&r->c->lock);
	over = r->era != r->c->era;
	pthread_mutex_unlock(&r->c->lock);
	return over;
}

/* False: it has ended, or is to be cut. */
static bool pass(int from, int to, uint64_t *left)
{
	uint8_t p[BLOCK];
	ssize_t n = read(from, p, (size_t)MIN((uint64_t)sizeof(p), *left));

	if (n <= 0 || io_write_all(to, SPAN(p, n)) < 0)
		return false;
	*left -= (uint64_t)n;
	return *left > 0;
}

static void run(struct relay *r)
{
	struct pollfd p[2] = { { r->client, POLLIN, 0 },
			       { r->server, POLLIN, 0 } };
	bool on = r->there > 0 && r->back > 0;

	while (on && !is_over(r) && poll(p, 2, 50) >= 0) {
		if (p[0].revents)
			on = pass(r->client, r->server, &r->there);
		if (on && p[1].revents)
			on = pass(r->server, r->client, &r->back);
	}
}

static void *relay(void *arg)
{
	struct relay *r = arg;
	struct cutter *c = r->c;
	struct sockaddr_in to = address(c->to);

	r->server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(r->server, (struct sockaddr *)(void *)&to, sizeof(to)) == 0)
		run(r);
	close(r->server);
	close(r->client);
	free(r);
	pthread_mutex_lock(&c->lock);
	c->running--;
	pthread_cond_broadcast(&c->idle);
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

static void begin(struct cutter *c, int client)
{
	struct relay *r = calloc(1, sizeof(*r));
	pthread_t t;

	if (!r)
		abort();
	pthread_mutex_lock(&c->lock);
	*r = (struct relay){ c, client, -1, c->there, c->back, c->era };
	c->there = c->back = CUTTER_NEVER;
	c->count++;
	c->running++;
	pthread_mutex_unlock(&c->lock);
	if (pthread_create(&t, NULL, relay, r) != 0)
		abort();
	pthread_detach(t);
}

static void *accept_all(void *arg)
{
	struct cutter *c = arg;
	int fd;

	while ((fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		begin(c, fd);
	return NULL;
}

struct cutter *cutter_new(unsigned int port)
{
	struct cutter *c = calloc(1, sizeof(*c));
	struct sockaddr_in at = address(0);
	socklen_t len = sizeof(at);

	assert_non_null(c);
	c->to = port;
	c->there = c->back = CUTTER_NEVER;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->idle, NULL);
	c->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(0, bind(c->listener, (struct sockaddr *)(void *)&at,
				 sizeof(at)));
	assert_int_equal(0, listen(c->listener, 64));
	assert_int_equal(0, getsockname(c->listener,
					(struct sockaddr *)(void *)&at, &len));
	c->port = ntohs(at.sin_port);
	assert_int_equal(0, pthread_create(&c->acceptor, NULL, accept_all, c));
	return c;
}

void cutter_cut(struct cutter *c, uint64_t there, uint64_t back)
{
	pthread_mutex_lock(&c->lock);
	c->era++;
	while (c->running > 0)
		pthread_cond_wait(&c->idle, &c->lock);
	c->there = there;
	c->back = back;
	c->count = 0;
	pthread_mutex_unlock(&c->lock);
}

unsigned int cutter_count(struct cutter *c)
{
	unsigned int n;

	pthread_mutex_lock(&c->lock);
	n = c->count;
	pthread_mutex_unlock(&c->lock);
	return n;
}

unsigned int cutter_port(const struct cutter *c)
{
	return c->port;
}

void cutter_free(struct cutter *c)
{
	shutdown(c->listener, SHUT_RDWR);
	pthread_join(c->acceptor, NULL);
	cutter_cut(c, CUTTER_NEVER, CUTTER_NEVER);
	close(c->listener);
	pthread_cond_destroy(&c->idle);
	pthread_mutex_destroy(&c->lock);
	free(c);
}
