/* SPDX-License-Identifier: Apache-2.0 */
/*
 * register_private.h - what register_api.c and reader_api.c share.
 *
 * Errors:  negative errno; -ECANCELED: it was answered.
 * Threads: any.
 */
#ifndef VAULT_MACHINES_REGISTER_PRIVATE_H
#define VAULT_MACHINES_REGISTER_PRIVATE_H

#include "vault/http/http.h"
#include "vault/machines/readers.h"
#include "vault/vault.h"

/* Who wants to be known. */
struct registering {
	uint8_t secret[CREDENTIAL_LEN];
	const char *name, *request;
	char id[MACHINE_ID_LEN + 1];
	char vault[MACHINE_ID_LEN + 1];
	struct x509_cert *cert;
};

MUST_CHECK int register_sign(struct http_exchange *x, struct vault *v,
			     const char *request, const char *name,
			     const char *id, struct x509_cert **out);
/* restore_until: of a reader, else 0. */
MUST_CHECK int register_answer(struct http_exchange *x, struct vault *v,
			       const struct registering *r,
			       int64_t restore_until);
/* -EACCES or -EEXIST, answered and noted. */
MUST_CHECK int register_refuse(struct http_exchange *x, struct vault *v,
			       const struct registering *r, int err);

/* The secret is no machine's: perhaps a reader's. Answers. */
MUST_CHECK int register_reader(struct http_exchange *x, struct vault *v,
			       struct registering *r);
/* A reader gives its right back. Answers. */
MUST_CHECK int end_reader(struct http_exchange *x, struct vault *v,
			  const struct vault_reader *r);

#endif /* VAULT_MACHINES_REGISTER_PRIVATE_H */
