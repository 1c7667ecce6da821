/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli.h - tidemark-vaultd identity and role: who may call, and what they may.
 *
 * What is given out is text, or with --json JSON lines; a secret is said once,
 * on standard output.
 *
 * Errors:  -EINVAL with *usage set: a wrong command line. Others were logged.
 * Threads: one.
 * Source:  docs/tidemark-vaultd.8.
 */
#ifndef VAULT_IDENTITY_CLI_H
#define VAULT_IDENTITY_CLI_H

#include <stdbool.h>

#include "base/macros.h"

/* argv[0] is "identity" or "role"; then the vault's directory. */
MUST_CHECK int identity_cli(int argc, char **argv, bool *usage);

#endif /* VAULT_IDENTITY_CLI_H */
