/* SPDX-License-Identifier: Apache-2.0 */
/*
 * location.h - what --repo names: the one place that turns it into a store.
 *
 *	DIR            a directory
 *	vault:         the vault that this machine is registered with
 *	vault:DIR      the same, with the registration in DIR
 *	vault:[DIR]#M  the repository of machine M, a name or an id, with a
 *	               registration that was made to restore; read only
 *	vault:...@N    that repository as it was with head N; read only
 *
 * A directory of such a name is ./vault:.
 *
 * Errors:  of a directory those of store.h; of a vault those of
 *          store/vault.h, but -ENOKEY (logged) if there is no registration,
 *          or no such machine.
 */
#ifndef TOOLS_LOCATION_H
#define TOOLS_LOCATION_H

#include <stdbool.h>

#include "store/store.h"

bool location_is_vault(const char *where);
/* It has an @N: nothing is written, and nothing that is newer is missed. */
bool location_is_past(const char *where);
MUST_CHECK int location_open(const char *where, struct store **out);
/* For a new repository: a directory is made. */
MUST_CHECK int location_create(const char *where, struct store **out);

#endif /* TOOLS_LOCATION_H */
