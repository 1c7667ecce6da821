/* SPDX-License-Identifier: Apache-2.0 */
/*
 * data_api.h - what machines may ask for: docs/vault-protocol.md over HTTP.
 *
 * Every handler's argument is the struct vault.
 */
#ifndef VAULT_OBJECTS_DATA_API_H
#define VAULT_OBJECTS_DATA_API_H

#include "vault/http/http.h"

extern const struct http_route data_routes[];
extern const size_t n_data_routes;

#endif /* VAULT_OBJECTS_DATA_API_H */
