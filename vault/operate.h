/* SPDX-License-Identifier: Apache-2.0 */
/*
 * operate.h - commands of an administrator about quotas and alerts.
 *
 * Errors:  negative errno, logged.
 * Threads: one.
 */
#ifndef VAULT_OPERATE_H
#define VAULT_OPERATE_H

#include "vault/vault.h"

struct quota_words {
	const char *bytes, *objects; /* "100G", "none"; NULL: as it is */
	bool is_default;	     /* the configuration's again */
};

/* machine NULL: show all. */
MUST_CHECK int operate_quota(struct vault *v, const char *machine,
			     const struct quota_words *w, bool json);
/* Look around first, as a server does each minute. */
MUST_CHECK int operate_alerts(struct vault *v, bool all, bool json);
/* Print a new one, or take one away. */
MUST_CHECK int operate_monitor_token(struct vault *v, const char *name,
				     bool revoke);
MUST_CHECK int operate_acknowledge(struct vault *v, const char *id);

#endif /* VAULT_OPERATE_H */
