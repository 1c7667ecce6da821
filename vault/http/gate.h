/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate.h - who may ask now, and who asks too much.
 *
 * Three limits, each answered with 429 and Retry-After, which agents keep to:
 *
 *	address   requests in a second, of everybody who comes from there
 *	stranger  refusals (401, 403) in a minute, of an address: then whoever
 *		  comes from there is let in with a certificate that is known,
 *		  and else waits, before anything is looked up for him
 *	machine   requests, and bytes in both directions, in a second
 *
 * Errors:  -ECANCELED: it was answered. -ENOMEM.
 * Threads: any.
 */
#ifndef VAULT_HTTP_GATE_H
#define VAULT_HTTP_GATE_H

#include "vault/config.h"
#include "vault/http/http.h"

struct gate;

MUST_CHECK int gate_new(const struct vault_config *c, struct gate **out);
void gate_free(struct gate *g); /* NULL is allowed */

/* The address may ask. */
MUST_CHECK int gate_address(struct gate *g, struct http_exchange *x);
/* Whoever shows nothing that is known may try. */
MUST_CHECK int gate_stranger(struct gate *g, struct http_exchange *x);
/* The machine may ask; from here on the exchange is its. */
MUST_CHECK int gate_machine(struct gate *g, struct http_exchange *x,
			    const char *machine);
/* It is over: its bytes, or its refusal, count. */
void gate_over(struct gate *g, const struct http_exchange *x,
	       const struct http_outcome *o);
/* How often each has refused: address, stranger, machine. */
enum gate_kind { GATE_ADDRESS, GATE_STRANGER, GATE_MACHINE, GATE_KINDS };
uint64_t gate_refused(const struct gate *g, enum gate_kind kind);

#endif /* VAULT_HTTP_GATE_H */
