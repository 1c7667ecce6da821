/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault_private.h - what the files of the vault kind share.
 */
#ifndef STORE_VAULT_PRIVATE_H
#define STORE_VAULT_PRIVATE_H

#include <pthread.h>

#include "store/kind.h"
#include "store/registration.h"
#include "store/sources.h"
#include "store/vault_http.h"

#define VAULT_NOW UINT64_MAX
#define VAULT_WHAT_MAX (STORE_TEXT_MAX + 32)

struct vault_lease;

struct vault_store {
	struct store base;
	struct registration registration;
	struct vault_http *http;
	char *text;	/* for messages */
	uint64_t as_of; /* VAULT_NOW, or a head's number */
	/* whose repository it is, if not this machine's */
	struct vault_source source;

	/* vault_lease.c */
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t wake;
	struct vault_lease *leases;
	unsigned int lease_seconds; /* that the vault gave the last one */
	bool ending, renews;
	pthread_t renewer;
};

/* A request's what, "store packs/01ab" of store.c's texts. Returns out. */
const char *vault_what(char out[static VAULT_WHAT_MAX], const char *verb,
		       enum store_class cls, const char *name);
/* A request's path: the class's, or with a name the object's. */
void vault_path(char out[static VAULT_PATH_MAX], const struct vault_store *v,
		enum store_class cls, const char *name);
/* Send, and judge the answer. */
MUST_CHECK int vault_ask(struct vault_store *v, struct vault_request *q);
/* 0, or -EROFS, logged: nothing is written to what is past. */
MUST_CHECK int vault_may_write(const struct vault_store *v, const char *what);

/* --- vault_upload.c --- */
MUST_CHECK int vault_create(struct store *s, enum store_class cls,
			    const char *name, struct store_writer **out);
MUST_CHECK int vault_append(struct store_writer *w, struct span data);
MUST_CHECK int vault_commit(struct store_writer *w, const char *name);
void vault_discard(struct store_writer *w);
/* The directory of unnamed files. */
const char *vault_scratch(void);

/* --- vault_lease.c --- */
void vault_leases_init(struct vault_store *v);
/* Ends what is left. */
void vault_leases_release(struct vault_store *v);
MUST_CHECK int vault_lease_begin(struct store *s, enum store_lease_kind kind,
				 struct store_lease **out);
void vault_lease_end(struct store_lease *l);
MUST_CHECK int vault_lease_writers(struct store *s);

#endif /* STORE_VAULT_PRIVATE_H */
