/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine_auth.c - which machine asks.
 */
#include "vault/machine_auth.h"

#include <errno.h>

#include "vault/vault.h"

int machine_auth(struct http_exchange *x, struct vault *v, struct machine *out)
{
	const uint8_t *hash = http_fingerprint(x);
	int e = hash ? machine_of_certificate(v->db, hash, out) : -ENOENT;

	if (e == 0)
		return gate_machine(v->gate, x, out->id);
	if (e != -ENOENT)
		return e;
	e = gate_stranger(v->gate, x);
	if (e < 0)
		return e;
	e = http_reply_error(x, 401, "Unauthorized",
			     hash ? "This machine's certificate is not known, "
				    "revoked or over: register it anew."
				  : "A registered machine's certificate is "
				    "needed.");
	return e < 0 ? e : -ECANCELED;
}
