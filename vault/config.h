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

#include "base/macros.h"

#define VAULT_NAMES_MAX 16

struct vault_config {
	char *listen; /* "127.0.0.1:8443" */
	char *url;    /* for machines; NULL: of the first name */
	char *names[VAULT_NAMES_MAX]; /* of the server, for its certificate */
	unsigned int n_names;
	unsigned int connections, connections_per_address;
};

MUST_CHECK int vault_config_read(const char *path, struct vault_config *out);
void vault_config_release(struct vault_config *c);

#endif /* VAULT_CONFIG_H */
