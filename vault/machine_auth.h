/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine_auth.h - which machine asks.
 */
#ifndef VAULT_MACHINE_AUTH_H
#define VAULT_MACHINE_AUTH_H

#include "vault/http.h"
#include "vault/machines.h"

struct vault;

/* By the certificate of its connection. -ECANCELED: it showed none that is
 * valid, or asks too much (gate.h); that was answered (401, 429). */
MUST_CHECK int machine_auth(struct http_exchange *x, struct vault *v,
			    struct machine *out);

#endif /* VAULT_MACHINE_AUTH_H */
