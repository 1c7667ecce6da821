/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quota.h - how much room a machine has in the vault.
 *
 * What it uses is counted by the database itself, with each object that comes
 * or is deleted: dropped objects count until they are deleted, since they take
 * the room. A machine has a quota of its own, or the configuration's.
 *
 * Between the check and the row that counts an object others may come: so its
 * room is held meanwhile, and two that would fit alone do not both.
 *
 * Errors:  -EDQUOT: no room; -ENOENT: no such machine; not logged. Others are
 *          logged.
 * Threads: any.
 */
#ifndef VAULT_OBJECTS_QUOTA_H
#define VAULT_OBJECTS_QUOTA_H

#include <pthread.h>
#include <stdint.h>

#include "vault/db.h"

struct quota {
	uint64_t bytes, objects; /* 0: no limit */
};

struct quota_use {
	uint64_t bytes, objects; /* that are there */
	struct quota quota;
};

/* defaults: of a machine that has none of its own. */
MUST_CHECK int quota_of(struct db *db, const char *machine,
			const struct quota *defaults, struct quota_use *out);
/* NULL: the configuration's again. A line of the audit log. */
MUST_CHECK int quota_set(struct db *db, const char *machine,
			 const struct quota *own, const char *actor);
/* Bytes that may still come; UINT64_MAX: any. */
uint64_t quota_room(const struct quota_use *use);

/* What is on its way, for each machine. */
struct quota_hold {
	pthread_mutex_t lock;
	pthread_cond_t given; /* back */
	uint64_t bytes, objects;
};

void quota_hold_init(struct quota_hold *h);
void quota_hold_release(struct quota_hold *h);
/* May wait for others of the machine who are about to be counted. */
MUST_CHECK int quota_take(struct quota_hold *h, struct db *db,
			  const char *machine, const struct quota *defaults,
			  uint64_t size);
/* It was counted, or has not come. */
void quota_give(struct quota_hold *h, uint64_t size);

/* Is less than reserve left on the disk, or, of a small disk, less than a
 * twentieth? -ENOSPC, not logged. */
MUST_CHECK int disk_check(const char *path, uint64_t reserve);
struct disk_room {
	uint64_t size, free, reserve;
};
MUST_CHECK int disk_room(const char *path, uint64_t reserve,
			 struct disk_room *out);

#endif /* VAULT_OBJECTS_QUOTA_H */
