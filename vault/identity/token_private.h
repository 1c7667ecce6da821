/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token_private.h - what the endpoints for tokens share.
 */
#ifndef VAULT_IDENTITY_TOKEN_PRIVATE_H
#define VAULT_IDENTITY_TOKEN_PRIVATE_H

#include "vault/http/http.h"
#include "vault/identity/identity.h"
#include "vault/vault.h"

/* {"error":ERROR,"error_description":"AADSTS<code>: ..."}, as Entra has it. */
MUST_CHECK int token_refuse(struct http_exchange *x, unsigned int status,
			    const char *error, unsigned int code,
			    const char *fmt, ...) PRINTF_LIKE(5, 6);
/* Its secret was wrong: that is counted, noted and answered. */
MUST_CHECK int token_wrong(struct http_exchange *x, struct vault *v,
			   const char *who, const char *detail);
/* -ECANCELED: this address has to wait; that was answered. */
MUST_CHECK int token_may_try(struct http_exchange *x, struct vault *v);

int token_on_metadata(struct http_exchange *x, void *arg);

#endif /* VAULT_IDENTITY_TOKEN_PRIVATE_H */
