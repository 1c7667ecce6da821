/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token_api.h - how principals get tokens, over HTTP: as from Microsoft Entra.
 *
 *	POST /TENANT/oauth2/v2.0/token	client credentials; scope RESOURCE/.default
 *	POST /TENANT/oauth2/token	the same; resource
 *	GET  /TENANT/v2.0/.well-known/openid-configuration, and without v2.0
 *	GET  /TENANT/discovery/v2.0/keys, and without v2.0
 *	GET  /metadata/identity/oauth2/token	managed identities
 *	GET  /v1/caller	whose token is this?
 *
 * TENANT is its id, or "adfs", which clients take for an authority that knows
 * one tenant only, so that they ask nobody else who it is.
 *
 * Who asks the last for a token proves who it is: by X-IDENTITY-HEADER, as in
 * App Service, or by the certificate of a registered machine. Nobody is
 * believed for the address that it comes from.
 *
 * Every handler's argument is the struct vault.
 *
 * Source:  RFC 6749 section 4.4; RFC 7523; OpenID Connect Discovery 1.0;
 *          learn.microsoft.com: v2-oauth2-client-creds-grant-flow,
 *          how-to-use-vm-token, overview-managed-identity (App Service).
 */
#ifndef VAULT_IDENTITY_TOKEN_API_H
#define VAULT_IDENTITY_TOKEN_API_H

#include "vault/http/http.h"

extern const struct http_route token_routes[];
extern const size_t n_token_routes;

#endif /* VAULT_IDENTITY_TOKEN_API_H */
