/* SPDX-License-Identifier: Apache-2.0 */
/*
 * principals.h - who there is to call a vault, and what proves it.
 *
 * A principal has an object id, which rights are given to, and an app id,
 * under which it asks for tokens. An application is added by an
 * administrator. A vault's managed identity is made with the vault's resource
 * and goes with it. A machine's is its registration: the ids are the
 * machine's, and it is nobody's any more once that is unregistered. An outside
 * one is known to another issuer of tokens under a subject.
 *
 * Secrets are made here, of 32 random bytes, never chosen by anybody: so their
 * SHA-256 is enough to keep, and nothing else is kept. A principal may have
 * several, so that a new one can be there before the old one goes. Instead of
 * one, or beside it, it may sign its requests with a key of its own.
 *
 * Names:   of principals as of machines (machine_name_is_valid()).
 * Errors:  -ENOENT: there is no such one; -EEXIST: the name, resource, subject
 *          or key is taken; -EINVAL: a name that is none; -ENOSPC: it has
 *          SECRETS_MAX. Not logged; others are.
 * Threads: any.
 */
#ifndef VAULT_IDENTITY_PRINCIPALS_H
#define VAULT_IDENTITY_PRINCIPALS_H

#include "pki/pkey.h"
#include "vault/machines/machines.h"

#define PRINCIPAL_RESOURCE_MAX 511
#define SUBJECT_MAX 255
#define SECRET_TEXT_LEN 43 /* 32 bytes in base64url */
#define SECRET_DAYS 180
#define SECRET_DAYS_MAX 730
#define SECRETS_MAX 16

enum principal_kind {
	PRINCIPAL_APPLICATION = 1,
	PRINCIPAL_MANAGED,
	PRINCIPAL_MACHINE,
	PRINCIPAL_OUTSIDE
};

struct principal {
	char id[MACHINE_ID_LEN + 1];  /* object id */
	char app[MACHINE_ID_LEN + 1]; /* app id, client id */
	char tenant[MACHINE_ID_LEN + 1];
	char name[MACHINE_NAME_MAX + 1];
	char resource[PRINCIPAL_RESOURCE_MAX + 1]; /* of a managed identity */
	enum principal_kind kind;
	int64_t created;
};

/* The one tenant of this database, which is made if there is none. */
MUST_CHECK int tenant_id(struct db *db, char out[static MACHINE_ID_LEN + 1]);

/* What a new one is; what its kind does not have is NULL. */
struct principal_new {
	enum principal_kind kind;
	const char *name;
	const char *resource;
	const char *issuer, *subject;
	const char *actor; /* for the audit log */
};
/* Also within db_write(). */
MUST_CHECK int principal_add(struct db *db, const struct principal_new *n,
			     struct principal *out);
/* With its secrets and its role assignments. Also within db_write(). */
MUST_CHECK int principal_remove(struct db *db, const char *id,
				const char *actor);

MUST_CHECK int principal_get(struct db *db, const char *id,
			     struct principal *out);
MUST_CHECK int principal_of_app(struct db *db, const char *app,
				struct principal *out);
/* A managed identity by its resource's id, in any case of letters. */
MUST_CHECK int principal_of_resource(struct db *db, const char *resource,
				     struct principal *out);
MUST_CHECK int principal_of_subject(struct db *db, const char *issuer,
				    const char *subject, struct principal *out);
/* The machine's, which is made if there is none. */
MUST_CHECK int principal_of_machine(struct db *db, const struct machine *m,
				    struct principal *out);
/* By object id, app id or name, as an administrator says it. */
MUST_CHECK int principal_find(struct db *db, const char *word,
			      struct principal *out);

typedef int principal_fn(void *arg, const struct principal *p);
MUST_CHECK int principals_list(struct db *db, principal_fn *fn, void *arg);

/* --- what proves it --- */

enum secret_kind {
	SECRET_CLIENT = 1, /* client_secret */
	SECRET_HEADER,	   /* X-IDENTITY-HEADER of a managed identity */
	SECRET_KEY	   /* a public key that signs client assertions */
};

struct secret {
	char id[MACHINE_ID_LEN + 1];
	enum secret_kind kind;
	int64_t created, expires;
};

/* A new one, said in text only now. text is the caller's to wipe. */
MUST_CHECK int secret_add(struct db *db, const char *principal,
			  enum secret_kind kind, int64_t expires,
			  const char *actor, struct secret *out,
			  char text[static SECRET_TEXT_LEN + 1]);
/* hash: what a client names the key by: SHA-256 of its certificate's DER, or,
 * if it has none, of the public key's PEM. */
MUST_CHECK int secret_add_key(struct db *db, const char *principal,
			      const struct pkey *key,
			      const uint8_t hash[static SHA256_LEN],
			      int64_t expires, const char *actor,
			      struct secret *out);
MUST_CHECK int secret_remove(struct db *db, const char *id, const char *actor);

/* 0: it is one of the principal's client secrets. -EACCES: it is not;
 * -EKEYEXPIRED: it was. */
MUST_CHECK int secret_check(struct db *db, const char *principal,
			    const char *text);
/* Whose header that is. -ENOENT also if it is over. */
MUST_CHECK int secret_holder(struct db *db, const char *text,
			     struct principal *out);
/* The keys that are not over. fn's other than 0 ends it. */
typedef int secret_key_fn(void *arg, const struct pkey *key);
MUST_CHECK int secret_keys(struct db *db, const char *principal,
			   secret_key_fn *fn, void *arg);

typedef int secret_fn(void *arg, const struct secret *s);
MUST_CHECK int secrets_list(struct db *db, const char *principal, secret_fn *fn,
			    void *arg);

#endif /* VAULT_IDENTITY_PRINCIPALS_H */
