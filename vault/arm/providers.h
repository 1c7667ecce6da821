/* SPDX-License-Identifier: Apache-2.0 */
/*
 * providers.h - which namespaces and types of resources there are.
 */
#ifndef VAULT_ARM_PROVIDERS_H
#define VAULT_ARM_PROVIDERS_H

#include "vault/arm/arm.h"

extern const struct arm_table provider_table;

#endif /* VAULT_ARM_PROVIDERS_H */
