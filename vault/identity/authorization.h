/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authorization.h - Microsoft.Authorization: role definitions, role
 * assignments, and the caller's own permissions, at any scope.
 *
 * The right to assign is checked at the scope that is assigned at; an
 * assignment is found under its own scope only. A condition is refused, since
 * one that is not looked at would give more than was meant.
 *
 * Source:  azure-rest-api-specs, authorization, 2022-04-01.
 */
#ifndef VAULT_IDENTITY_AUTHORIZATION_H
#define VAULT_IDENTITY_AUTHORIZATION_H

#include "vault/arm/arm.h"

extern const struct arm_table authorization_table;

#endif /* VAULT_IDENTITY_AUTHORIZATION_H */
