/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refusals.c - strangers who try to register, in few lines of the audit log.
 */
#include "vault/machines/refusals.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "vault/monitor/alerts.h"
#include "vault/audit.h"
#include "vault/http/limiter.h"

struct source {
	char address[LIMITER_NAME_MAX + 1]; /* empty: nobody's */
	uint64_t since;			    /* limiter_now() */
	uint64_t n, untold;
};

struct refusals {
	pthread_mutex_t lock;
	struct source v[REFUSALS_ADDRESSES + 1]; /* the last: all others */
};

int refusals_new(struct refusals **out)
{
	struct refusals *r = calloc(1, sizeof(*r));

	*out = r;
	if (r)
		pthread_mutex_init(&r->lock, NULL);
	return r ? 0 : -ENOMEM;
}

void refusals_free(struct refusals *r)
{
	if (!r)
		return;
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static struct source *find(struct refusals *r, const char *address)
{
	struct source *other = &r->v[REFUSALS_ADDRESSES], *empty = NULL;
	unsigned int i;

	for (i = 0; i < REFUSALS_ADDRESSES; i++) {
		struct source *s = &r->v[i];

		if (!strcmp(s->address, address))
			return s;
		if (!s->address[0] && !empty)
			empty = s;
	}
	if (!empty) {
		empty = other;
		address = "other addresses";
		if (other->address[0])
			return other;
	}
	snprintf(empty->address, sizeof(empty->address), "%s", address);
	empty->since = limiter_now();
	return empty;
}

/* Is it to be a line of its own? n: which one it is. */
static bool count(struct refusals *r, const char *address, uint64_t *n)
{
	char name[LIMITER_NAME_MAX + 1];
	struct source *s;
	bool tell;

	pthread_mutex_lock(&r->lock);
	s = find(r, limiter_name_of_address(address, name));
	*n = ++s->n;
	tell = s->n == REFUSALS_ALERT ||
	       (s->n <= REFUSALS_LINES && s != &r->v[REFUSALS_ADDRESSES]);
	if (!tell)
		s->untold++;
	pthread_mutex_unlock(&r->lock);
	return tell;
}

struct telling {
	const struct audit_line *line;
	const char *address;
	uint64_t n;
	bool is_many;
};

static int tell(struct db *db, void *arg)
{
	const struct telling *t = arg;
	int e = audit_add(db, t->line);

	if (e == 0 && t->is_many)
		e = alert_raise(db, ALERT_REFUSED, "",
				"%llu attempts to register a machine from %s "
				"were refused: is somebody guessing, or is an "
				"old credentials file in use?",
				(unsigned long long)t->n, t->address);
	return e;
}

int refusals_note(struct refusals *r, struct db *db, const char *address,
		  const char *name, const char *why)
{
	char actor[64];
	struct audit_line line = { 0,	 0,	    actor, "machine/register",
				   name, "refused", why };
	struct telling t = { &line, address, 0, false };
	bool is_line = count(r, address, &t.n);

	snprintf(actor, sizeof(actor), "address %s", address);
	t.is_many = t.n == REFUSALS_ALERT;
	return is_line ? db_write(db, tell, &t) : 0;
}

static int flush_one(struct db *db, const struct source *s)
{
	char actor[64], detail[80];
	struct audit_line line = { 0,	   0,	      actor, "machine/register",
				   "many", "refused", detail };
	struct telling t = { &line, s->address, s->n, s->n >= REFUSALS_ALERT };

	snprintf(actor, sizeof(actor), "address %s", s->address);
	snprintf(detail, sizeof(detail), "%llu more times in %llu seconds",
		 (unsigned long long)s->untold,
		 (unsigned long long)((limiter_now() - s->since) /
				      LIMITER_SECOND));
	return s->untold ? db_write(db, tell, &t) : 0;
}

/* The lock is not held while the disk is waited for. */
int refusals_flush(struct refusals *r, struct db *db, bool all)
{
	uint64_t now = limiter_now();
	unsigned int i;
	int e = 0, one;

	for (i = 0; i < ARRAY_LEN(r->v); i++) {
		struct source s = { .n = 0 };

		pthread_mutex_lock(&r->lock);
		if (r->v[i].address[0] &&
		    (all || now - r->v[i].since >=
				    REFUSALS_SECONDS * LIMITER_SECOND)) {
			s = r->v[i];
			memset(&r->v[i], 0, sizeof(r->v[i]));
		}
		pthread_mutex_unlock(&r->lock);
		one = flush_one(db, &s);
		if (e == 0)
			e = one;
	}
	return e;
}
