/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader_api.h - who may restore becomes known, and sees what there is, over
 * HTTP.
 *
 * Every handler's argument is the struct vault.
 * Source:  docs/vault-protocol.md.
 */
#ifndef VAULT_MACHINES_READER_API_H
#define VAULT_MACHINES_READER_API_H

#include "vault/http/http.h"

extern const struct http_route reader_routes[];
extern const size_t n_reader_routes;

#endif /* VAULT_MACHINES_READER_API_H */
