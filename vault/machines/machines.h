/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machines.h - which machines may come, and how they become known.
 *
 * An administrator makes credentials: a secret that works once, within ten
 * days. A machine that brings it and a request for a certificate is
 * registered under its name, which no other registered one of the vault may
 * have. From then on its certificate is who it is; the vault knows it by its
 * hash. To unregister revokes all its certificates and frees the name; what it
 * has stored stays.
 *
 * Errors:  -ENOENT: no such vault or machine; -EEXIST: the name is taken;
 *          -EACCES: the secret is not known, used or too old; -EINVAL: a name
 *          that is none. Others are logged.
 * Threads: any.
 */
#ifndef VAULT_MACHINES_MACHINES_H
#define VAULT_MACHINES_MACHINES_H

#include "crypto/digest.h"
#include "vault/db.h"
#include "vault/retention/protection.h"

#define MACHINE_ID_LEN 36 /* a UUID */
#define MACHINE_NAME_MAX 253
#define CREDENTIAL_LEN 32 /* bytes of a secret */
#define CREDENTIAL_DAYS 10

struct machine {
	char id[MACHINE_ID_LEN + 1];
	char vault[MACHINE_ID_LEN + 1];
	char name[MACHINE_NAME_MAX + 1];
	int64_t registered, head;
	int64_t removed; /* 0: it is registered */
	int64_t newest;	 /* recovery point; 0: none */
	int64_t bytes, points;
	enum protection_state state;
	int64_t purge_after; /* 0: it is not deleted */
};

MUST_CHECK int vault_add(struct db *db, const char *name,
			 char id[static MACHINE_ID_LEN + 1]);
/* Where a vault is for Azure Resource Manager. */
struct vault_place {
	const char *subscription, *group, *location;
	const char *tags; /* JSON */
};
/* place NULL: where vaults are by default. -ENOENT: no such group. */
MUST_CHECK int vault_add_at(struct db *db, const char *name,
			    const struct vault_place *place, const char *actor,
			    char id[static MACHINE_ID_LEN + 1]);
/* By name. */
MUST_CHECK int vault_find(struct db *db, const char *name,
			  char id[static MACHINE_ID_LEN + 1]);

/* Note a secret's hash. */
MUST_CHECK int credential_add(struct db *db, const char *vault,
			      const uint8_t secret[static CREDENTIAL_LEN],
			      int64_t expires, const char *actor);

/* A certificate that was signed for a machine. */
struct machine_certificate {
	uint8_t hash[SHA256_LEN]; /* of its DER */
	int64_t expires;
	uint8_t key[SHA256_LEN]; /* of the public key */
};

/* What a secret is good for. */
struct credential_use {
	char vault[MACHINE_ID_LEN + 1];
	/* Empty: machine_register() would take it. Else it did, for this one
	 * and this key: if both ask again, the answer was lost. */
	char machine[MACHINE_ID_LEN + 1];
	char name[MACHINE_NAME_MAX + 1];
	uint8_t key[SHA256_LEN];
};

/* -EACCES: not known, too old, or used by a machine that is gone. */
MUST_CHECK int credential_check(struct db *db,
				const uint8_t secret[static CREDENTIAL_LEN],
				struct credential_use *out);
/* Together: the secret is used up, the machine id is there with its name and
 * certificate. */
MUST_CHECK int machine_register(struct db *db,
				const uint8_t secret[static CREDENTIAL_LEN],
				const char *id, const char *name,
				const struct machine_certificate *c);
MUST_CHECK int machine_unregister(struct db *db, const char *id,
				  const char *actor);
/* One more certificate of a machine that has one. */
MUST_CHECK int certificate_add(struct db *db, const char *machine,
			       const struct machine_certificate *c);
/* Whose certificate it is; -ENOENT: nobody's, or it is revoked or over. */
MUST_CHECK int machine_of_certificate(struct db *db,
				      const uint8_t hash[static SHA256_LEN],
				      struct machine *out);

/* By its id, or its name in a vault. Of several with that name the one that
 * has recovery points; -EMLINK: more than one has. */
MUST_CHECK int machine_find(struct db *db, const char *vault, const char *word,
			    struct machine *out);

/* Not those that were purged. */
typedef int machine_fn(void *arg, const struct machine *m);
MUST_CHECK int machines_list(struct db *db, machine_fn *fn, void *arg);

bool machine_name_is_valid(const char *name);
void uuid_make(char out[static MACHINE_ID_LEN + 1]);

#endif /* VAULT_MACHINES_MACHINES_H */
