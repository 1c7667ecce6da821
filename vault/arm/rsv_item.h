/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rsv_item.h - machines as protected items, and as containers of these.
 *
 *	backupFabrics/Azure/protectionContainers/Windows;NAME
 *		/protectedItems/FileFolder;ID
 *
 * A machine that is unregistered stays an item as long as it has a recovery
 * point. So two items may be in one container, of which one machine at most
 * is registered.
 *
 * Errors:  -ECANCELED: it is not there; that was answered. Others are logged.
 */
#ifndef VAULT_ARM_RSV_ITEM_H
#define VAULT_ARM_RSV_ITEM_H

#include "vault/arm/rsv.h"
#include "vault/retention/protection.h"

#define RSV_FABRIC "/backupFabrics/{}"
#define RSV_CONTAINER RSV_FABRIC "/protectionContainers/{}"
#define RSV_ITEM RSV_CONTAINER "/protectedItems/{}"

struct rsv_item {
	struct machine m; /* without bytes */
	char policy[MACHINE_NAME_MAX + 1];
	int64_t oldest;
	struct protection protection;
};

/* The one that the request's path names: {vault}/{fabric}/{container}/{item}. */
MUST_CHECK int rsv_item_find(struct arm_request *r, const struct rsv *v,
			     struct rsv_item *out);
/* Below the vault's path: "/backupFabrics/...". */
void rsv_item_path(const struct machine *m, char out[static ARM_ID_MAX]);

#endif /* VAULT_ARM_RSV_ITEM_H */
