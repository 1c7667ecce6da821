/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault.h - what the parts of a running vault share.
 *
 * A vault is a directory:
 *
 *	vaultd.conf	how to listen, and limits
 *	vault.db	machines, objects, the audit log (db.h)
 *	repositories/	a directory store for each machine
 *	identity/	the keys that sign tokens
 *	tls/		ca.crt ca.key server.crt server.key
 *
 * Errors:  negative errno, logged.
 * Threads: any may use an open vault; opening and closing is for one.
 */
#ifndef VAULT_VAULT_H
#define VAULT_VAULT_H

#include "vault/authority.h"
#include "vault/config.h"
#include "vault/db.h"
#include "vault/machines/machines.h"
#include "vault/http/gate.h"
#include "vault/objects/leases.h"
#include "vault/objects/objects.h"
#include "vault/machines/refusals.h"

struct identity;
struct metrics;

struct vault {
	char *dir;
	char *url; /* atomic; vault_url() */
	struct vault_config config;
	struct authority authority;
	struct db *db;
	struct objects *objects;
	struct leases *leases;
	struct gate *gate;
	struct refusals *refusals;
	struct identity *identity;
	struct metrics *metrics; /* of a server; else NULL */
};

/* Make a vault in dir, which must be empty or not be there: -EEXIST (logged).
 * config: the text of its vaultd.conf. */
MUST_CHECK int vault_make(const char *dir, const char *config,
			  const char *vault_name);
/* -ENOENT (logged): there is no vault in dir. */
MUST_CHECK int vault_open(const char *dir, struct vault *out);
void vault_close(struct vault *v);

/* How clients reach it, "https://HOST:PORT"; NULL: it does not listen yet. */
const char *vault_url(const struct vault *v);
/* It listens on this port. Once. */
MUST_CHECK int vault_listens(struct vault *v, unsigned int port);

/* A machine by its name, or its id. -ENOENT, -EMLINK: logged. */
MUST_CHECK int vault_machine(struct vault *v, const char *vault_name,
			     const char *word, struct machine *out);
/* A secret for one machine, as JSON for `tidemark register`. url NULL: that of
 * the configuration. */
MUST_CHECK int vault_credentials(struct vault *v, const char *vault_name,
				 const char *url, const char *actor,
				 struct buf *out);
/* The same for who may restore (readers.h), for so many days. machine: an id
 * or a name; NULL: every one of the vault. */
MUST_CHECK int vault_restore_credentials(struct vault *v,
					 const char *vault_name,
					 const char *machine, unsigned int days,
					 const char *url, struct buf *out);

#endif /* VAULT_VAULT_H */
