/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limiter.h - how much each may ask for in a time: token buckets by name.
 *
 * A name (a machine's id, an address) has a bucket of tokens that fills at a
 * rate and holds what comes in so many seconds. Who takes more than is there
 * goes into debt, and is refused until it is paid: so a request is let in or
 * not by what came before it, and what it turns out to cost is taken later.
 *
 * The table is of a fixed size. When it is full, the name that has been quiet
 * for longest goes; a bucket that was let go begins full again. So that nobody
 * can empty the table by many addresses, addresses of one IPv6 network (/64)
 * are one name: limiter_name_of_address().
 *
 * Units:   tokens are requests or bytes; times are nanoseconds of a clock that
 *          does not jump, given by the caller.
 * Threads: any.
 */
#ifndef VAULT_HTTP_LIMITER_H
#define VAULT_HTTP_LIMITER_H

#include <stdint.h>

#include "base/macros.h"

#define LIMITER_NAME_MAX 47
#define LIMITER_SECOND 1000000000ull

struct limiter;

struct limiter_options {
	uint64_t rate;	    /* tokens in a second; 0: no limit */
	uint64_t seconds;   /* that a full bucket lasts */
	unsigned int names; /* that are remembered */
};

MUST_CHECK int limiter_new(const struct limiter_options *opt,
			   struct limiter **out);
void limiter_free(struct limiter *l); /* NULL is allowed */

/* 0: one may come. Otherwise the seconds until one may, at least 1. */
unsigned int limiter_wait(struct limiter *l, const char *name, uint64_t now);
/* That much was used. */
void limiter_take(struct limiter *l, const char *name, uint64_t now,
		  uint64_t tokens);
/* Both, if one may come. */
unsigned int limiter_ask(struct limiter *l, const char *name, uint64_t now,
			 uint64_t tokens);

/* "2001:db8:1:2:3:4:5:6" gives "2001:db8:1:2::/64"; others as they are. */
const char *limiter_name_of_address(const char *address,
				    char out[static LIMITER_NAME_MAX + 1]);
uint64_t limiter_now(void);

#endif /* VAULT_HTTP_LIMITER_H */
