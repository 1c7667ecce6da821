/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change.c - the change source that knows nothing: the scan.
 */
#include "archive/change.h"

static enum change look(void *arg, struct catalog_key key)
{
	(void)arg;
	(void)key;
	return CHANGE_LOOK;
}

static bool any_entry(void *arg, struct catalog_key key)
{
	(void)arg;
	(void)key;
	return true;
}

static const struct dirty_inode *no_inode(void *arg, struct catalog_key key,
					  const struct dirty **set)
{
	(void)arg;
	(void)key;
	*set = NULL;
	return NULL;
}

const struct change_source change_scan = {
	.name = "scan", .dir = look, .entry = any_entry, .inode = no_inode
};
