/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema.h - the tables of the vault's database, version after version.
 *
 * schema_steps[n] makes version n + 1 out of version n. A step that has been
 * released is never changed.
 */
#ifndef VAULT_SCHEMA_H
#define VAULT_SCHEMA_H

#define SCHEMA_VERSION 7

extern const char *const schema_steps[SCHEMA_VERSION];

#endif /* VAULT_SCHEMA_H */
