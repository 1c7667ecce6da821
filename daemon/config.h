/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.h - settings in force, shared by those who still use them.
 *
 * A run keeps the settings that it began with, also when they were replaced
 * meanwhile.
 *
 * Threads: any; what is shared is never changed.
 */
#ifndef DAEMON_CONFIG_H
#define DAEMON_CONFIG_H

#include "settings/settings.h"

struct config {
	struct settings s;
	unsigned int refs; /* atomic */
};

/* Read the file. Every mistake is logged; then -EINVAL, and *out is as it
 * was. */
MUST_CHECK int config_read(const char *path, bool must_exist,
			   struct config **out);
struct config *config_get(struct config *c);
void config_put(struct config *c); /* NULL is allowed */

#endif /* DAEMON_CONFIG_H */
