/* SPDX-License-Identifier: Apache-2.0 */
/*
 * register_api.h - how a machine becomes known, over HTTP: with credentials
 * once, with its certificate afterwards.
 *
 * Every handler's argument is the struct vault.
 * Source:  docs/vault-protocol.md.
 */
#ifndef VAULT_MACHINES_REGISTER_API_H
#define VAULT_MACHINES_REGISTER_API_H

#include "vault/http/http.h"

extern const struct http_route register_routes[];
extern const size_t n_register_routes;

#endif /* VAULT_MACHINES_REGISTER_API_H */
