/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.h - vaultd.conf.
 *
 * Errors:  -EINVAL: every mistake is logged, with file and line; -ENOMEM.
 * Memory:  vault_config_release().
 * Threads: one.
 * Source:  docs/tidemark-vaultd.8.
 */
#ifndef VAULT_CONFIG_H
#define VAULT_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "vault/identity/issuers.h"

#define VAULT_NAMES_MAX 16
#define VAULT_MAIL_TO_MAX 8

struct vault_config {
	char *listen; /* "127.0.0.1:8443" */
	char *url;    /* for machines; NULL: of the first name */
	char *names[VAULT_NAMES_MAX]; /* of the server, for its certificate */
	unsigned int n_names;

	/* [limits]; 0: no limit */
	uint64_t connections, connections_per_address;
	uint64_t machine_requests, machine_bytes; /* in a second */
	uint64_t address_requests;		  /* in a second */
	uint64_t address_refusals; /* in a minute, without a certificate */
	uint64_t quota_bytes, quota_objects; /* of a machine without its own */
	uint64_t disk_reserve;		     /* bytes that are left free */
	uint64_t scrub_bytes;		     /* in a second; 0: no scrub */

	/* [alerts]; NULL: not sent that way */
	uint64_t severity; /* the least that is sent */
	char *mail;	   /* "smtps://host", "smtp://host:587" */
	char *mail_from, *mail_to[VAULT_MAIL_TO_MAX];
	unsigned int n_mail_to;
	char *mail_user, *mail_password_file, *mail_ca;
	char *webhook, *webhook_secret_file, *webhook_ca;

	/* [identity], [issuer NAME] */
	bool es256; /* signs tokens so, instead of by RS256 */
	struct issuer_config issuers[ISSUERS_MAX];
	size_t n_issuers;
};

MUST_CHECK int vault_config_read(const char *path, struct vault_config *out);
/* "10", "10G": units of 1024. -EINVAL, not logged: no number, or over max. */
MUST_CHECK int vault_config_number(const char *value, uint64_t max,
				   uint64_t *out);
void vault_config_release(struct vault_config *c);

#endif /* VAULT_CONFIG_H */
