/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault_fixture.h - a real vault for the tests of its store.
 *
 * The program starts itself once more under `tidemark-vaultd serve --run`, of
 * the same build, with a vault in a scratch directory; the outer one waits,
 * removes that, and ends as the inner one did.
 *
 * Helpers assert; they return only if all is well.
 */
#ifndef VAULT_FIXTURE_H
#define VAULT_FIXTURE_H

#include "store/store.h"

/* Returns in the inner program only. */
void vault_fixture_start(void);
/* A file of credentials, at path. */
void vault_fixture_credentials(const char *path);
/* Register a new machine, in dir, and open its empty repository. */
struct store *vault_fixture_store(const char *dir);

#endif /* VAULT_FIXTURE_H */
