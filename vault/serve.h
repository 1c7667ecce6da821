/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve.h - the vault at work, until it is told to end.
 *
 * Errors:  negative errno, logged.
 * Threads: one.
 */
#ifndef VAULT_SERVE_H
#define VAULT_SERVE_H

#include "vault/vault.h"

struct serve_options {
	char **command; /* NULL: until SIGTERM or SIGINT; else as long as it
			 * runs, with TIDEMARK_VAULT_URL */
};

/* With a command: its exit code. */
MUST_CHECK int serve(struct vault *v, const struct serve_options *opt);

#endif /* VAULT_SERVE_H */
