/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate.c - who may ask now, and who asks too much.
 */
#include "vault/http/gate.h"

#include <errno.h>
#include <string.h>

#include "vault/http/limiter.h"

#define BURST_SECONDS 10 /* that may be asked for at once */
#define REFUSAL_SECONDS 60
#define NAMES 16384 /* that are remembered: 1 MiB for each limit */

/* Each minute so many: a token is a refusal's sixtieth. */
#define REFUSAL 60

struct gate {
	struct limiter *addresses, *strangers, *requests, *bytes;
	uint64_t refused[GATE_KINDS]; /* atomic */
};

static int make(uint64_t rate, uint64_t seconds, struct limiter **out)
{
	struct limiter_options opt = { rate, seconds, NAMES };

	return limiter_new(&opt, out);
}

int gate_new(const struct vault_config *c, struct gate **out)
{
	struct gate *g = calloc(1, sizeof(*g));
	int e = g ? 0 : -ENOMEM;

	*out = NULL;
	if (e == 0)
		e = make(c->address_requests, BURST_SECONDS, &g->addresses);
	if (e == 0)
		e = make(c->address_refusals, REFUSAL_SECONDS, &g->strangers);
	if (e == 0)
		e = make(c->machine_requests, BURST_SECONDS, &g->requests);
	if (e == 0)
		e = make(c->machine_bytes, BURST_SECONDS, &g->bytes);
	if (e < 0)
		gate_free(g);
	else
		*out = g;
	return e;
}

void gate_free(struct gate *g)
{
	if (!g)
		return;
	limiter_free(g->addresses);
	limiter_free(g->strangers);
	limiter_free(g->requests);
	limiter_free(g->bytes);
	free(g);
}

static int refuse(struct gate *g, struct http_exchange *x, enum gate_kind kind,
		  unsigned int seconds)
{
	static const char *const who[] = { "this address", "this address",
					   "this machine" };
	char text[16];
	int e;

	__atomic_add_fetch(&g->refused[kind], 1, __ATOMIC_RELAXED);
	snprintf(text, sizeof(text), "%u", seconds);
	e = http_set_header(x, "Retry-After", text);
	if (e == 0)
		e = http_reply_error(x, 429, "TooManyRequests",
				     "That is more than the vault takes from "
				     "%s: again in %u seconds.",
				     who[kind], seconds);
	return e < 0 ? e : -ECANCELED;
}

int gate_address(struct gate *g, struct http_exchange *x)
{
	char name[LIMITER_NAME_MAX + 1];
	unsigned int wait = limiter_ask(
		g->addresses, limiter_name_of_address(http_address(x), name),
		limiter_now(), 1);

	return wait ? refuse(g, x, GATE_ADDRESS, wait) : 0;
}

int gate_stranger(struct gate *g, struct http_exchange *x)
{
	char name[LIMITER_NAME_MAX + 1];
	unsigned int wait = limiter_wait(
		g->strangers, limiter_name_of_address(http_address(x), name),
		limiter_now());

	return wait ? refuse(g, x, GATE_STRANGER, wait) : 0;
}

int gate_machine(struct gate *g, struct http_exchange *x, const char *machine)
{
	uint64_t now = limiter_now();
	unsigned int wait = limiter_wait(g->bytes, machine, now);

	if (!wait)
		wait = limiter_ask(g->requests, machine, now, 1);
	http_set_account(x, machine);
	return wait ? refuse(g, x, GATE_MACHINE, wait) : 0;
}

void gate_over(struct gate *g, const struct http_exchange *x,
	       const struct http_outcome *o)
{
	char name[LIMITER_NAME_MAX + 1];

	if (http_account(x))
		limiter_take(g->bytes, http_account(x), limiter_now(),
			     o->taken + o->sent);
	else if (o->status == 401 || o->status == 403)
		limiter_take(g->strangers,
			     limiter_name_of_address(http_address(x), name),
			     limiter_now(), REFUSAL);
}

uint64_t gate_refused(const struct gate *g, enum gate_kind kind)
{
	return __atomic_load_n(&g->refused[kind], __ATOMIC_RELAXED);
}
