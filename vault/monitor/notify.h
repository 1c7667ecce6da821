/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify.h - sends alerts out of the vault, by mail and to a webhook.
 *
 * What is to be sent waits in the database (alerts.h), so a restart loses
 * nothing: a message is sent once at least, and twice if the server dies
 * between the other side's answer and its own note. One that is not taken is
 * tried again, after half a minute at first and an hour at most, for three
 * days. Then, and from the third try on, that is an alert itself, which goes
 * the other way if there is one.
 *
 * Errors:  negative errno, logged.
 * Threads: it has one of its own; start and stop are for one.
 */
#ifndef VAULT_MONITOR_NOTIFY_H
#define VAULT_MONITOR_NOTIFY_H

#include "vault/vault.h"

struct notifier;

MUST_CHECK int notify_start(struct vault *v, struct notifier **out);
void notify_stop(struct notifier *n); /* NULL is allowed */

#endif /* VAULT_MONITOR_NOTIFY_H */
