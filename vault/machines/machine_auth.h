/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine_auth.h - which machine asks.
 */
#ifndef VAULT_MACHINES_MACHINE_AUTH_H
#define VAULT_MACHINES_MACHINE_AUTH_H

#include "vault/http/http.h"
#include "vault/machines/readers.h"

struct vault;

/* By the certificate of its connection. -ECANCELED: it showed none that is
 * valid, or asks too much (gate.h); that was answered (401, 429). */
MUST_CHECK int machine_auth(struct http_exchange *x, struct vault *v,
			    struct machine *out);

/* Whose repository is to be read: the machine's own; or, if a reader asks, the
 * one that it names (machine=ID). -ECANCELED: that was answered (401, 403). */
MUST_CHECK int repository_auth(struct http_exchange *x, struct vault *v,
			       struct machine *out);
/* The reader whose connection it is. -ENOENT: it is none's. -ECANCELED: its
 * right is over; that was answered (401). */
MUST_CHECK int reader_auth(struct http_exchange *x, struct vault *v,
			   struct vault_reader *out);

#endif /* VAULT_MACHINES_MACHINE_AUTH_H */
