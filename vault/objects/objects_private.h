/* SPDX-License-Identifier: Apache-2.0 */
/*
 * objects_private.h - what the parts of objects.h share.
 */
#ifndef VAULT_OBJECTS_OBJECTS_PRIVATE_H
#define VAULT_OBJECTS_OBJECTS_PRIVATE_H

#include <pthread.h>

#include "vault/objects/objects.h"

struct repository {
	struct repository *next;
	char machine[40];
	struct store *store;
	/* one head at a time: a file whose row is refused would be in the way
	 * of the right one for ever */
	pthread_mutex_t heads;
	pthread_rwlock_t files; /* objects.c */
	struct quota_hold hold;
};

struct objects {
	struct db *db;
	char *root;
	pthread_mutex_t lock; /* of the list */
	struct repository *repositories;
	struct quota quota; /* of machines that have none */
	uint64_t disk_reserve;
	bool is_interrupted; /* atomic */
};

MUST_CHECK int repository_get(struct objects *o, const char *machine,
			      struct repository **out);

#endif /* VAULT_OBJECTS_OBJECTS_PRIVATE_H */
