/* SPDX-License-Identifier: Apache-2.0 */
/*
 * send.h - one message out of the vault: by SMTP, or as a POST by https.
 *
 * TLS always, and nothing is followed to anywhere else. Passwords and secrets
 * are read from their files for each message, so that they can be changed, and
 * wiped after it.
 *
 * Errors:  -EIO: it was not taken, why says so; -ECANCELED: stop was set;
 *          -ENOMEM. Not logged.
 * Threads: any, after send_init().
 * Source:  RFC 5321, 5322, 3207; RFC 2104.
 */
#ifndef VAULT_MONITOR_SEND_H
#define VAULT_MONITOR_SEND_H

#include <stdbool.h>

#include "base/buf.h"
#include "crypto/digest.h"
#include "vault/config.h"

#define SEND_WHY_MAX 300
#define SEND_SECONDS 30

/* Before any thread. */
MUST_CHECK int send_init(void);

struct send_job {
	const struct vault_config *config;
	const bool *stop; /* atomic */
	char why[SEND_WHY_MAX];
};

/* A whole message, with its head. */
MUST_CHECK int send_mail(struct send_job *job, struct span message);
/* JSON; time: of the signature. */
MUST_CHECK int send_webhook(struct send_job *job, struct span body,
			    int64_t time);

/* HMAC-SHA-256. */
MUST_CHECK int send_sign(struct span secret, struct span a, struct span b,
			 uint8_t out[static SHA256_LEN]);

#endif /* VAULT_MONITOR_SEND_H */
