/* SPDX-License-Identifier: Apache-2.0 */
/*
 * readers.h - who may restore what machines have stored, without being one.
 *
 * An administrator allows it: a secret, for one machine's repository or for
 * those of a whole vault, until a time. Who brings it first, with a request
 * for a certificate, is the reader from then on: it reads and changes nothing,
 * until that time or until it is revoked, whichever comes first. That a reader
 * begins with a repository, or reaches for one that it may not have, leaves a
 * line of the audit log.
 *
 * Errors:  -ENOENT: no such reader or machine; -EACCES: not known, revoked,
 *          over, or not allowed; -EMLINK: several machines of that name.
 *          Others are logged.
 * Threads: any.
 * Source:  docs/vault-protocol.md, "Restoring elsewhere".
 */
#ifndef VAULT_MACHINES_READERS_H
#define VAULT_MACHINES_READERS_H

#include "vault/machines/machines.h"

#define READER_DAYS 2
#define READER_DAYS_MAX CREDENTIAL_DAYS

struct vault_reader {
	char id[MACHINE_ID_LEN + 1];
	char vault[MACHINE_ID_LEN + 1];
	char machine[MACHINE_ID_LEN + 1]; /* empty: all of the vault's */
	char name[MACHINE_NAME_MAX + 1];  /* of who used it; empty: nobody */
	int64_t created, expires;
	int64_t used, revoked;	 /* 0: not yet */
	uint8_t key[SHA256_LEN]; /* of who used it */
};

/* machine: the only one that may be read, or NULL. Fills in id. */
MUST_CHECK int reader_allow(struct db *db, const char *vault,
			    const char *machine,
			    const uint8_t secret[static CREDENTIAL_LEN],
			    int64_t expires, const char *actor,
			    char id[static MACHINE_ID_LEN + 1]);
/* Whom the secret is for; who used it already is found, too. */
MUST_CHECK int reader_check(struct db *db,
			    const uint8_t secret[static CREDENTIAL_LEN],
			    struct vault_reader *out);
/* The secret is used, by who has this key; again only by the same key and
 * name, whose answer was lost. The certificate takes the last one's place. */
MUST_CHECK int reader_register(struct db *db, const char *id, const char *name,
			       const uint8_t key[static SHA256_LEN],
			       const uint8_t certificate[static SHA256_LEN]);
/* -ENOENT: it is no reader's. -EACCES: of one that is revoked or over. */
MUST_CHECK int reader_of_certificate(struct db *db,
				     const uint8_t hash[static SHA256_LEN],
				     struct vault_reader *out);
/* May it read that machine's repository? Notes the first time, and each
 * refusal. */
MUST_CHECK int reader_may_read(struct db *db, const struct vault_reader *r,
			       const char *machine, struct machine *out);
/* The machines that it may read, behind the id `after`, in order of ids. */
MUST_CHECK int reader_machines(struct db *db, const struct vault_reader *r,
			       const char *after, unsigned int max,
			       machine_fn *fn, void *arg);
MUST_CHECK int reader_revoke(struct db *db, const char *id, const char *actor);

typedef int reader_fn(void *arg, const struct vault_reader *r);
MUST_CHECK int readers_list(struct db *db, reader_fn *fn, void *arg);

#endif /* VAULT_MACHINES_READERS_H */
