/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.c - settings in force.
 */
#include "daemon/config.h"

#include <errno.h>

#include "base/log.h"

int config_read(const char *path, bool must_exist, struct config **out)
{
	struct config *c = calloc(1, sizeof(*c));
	size_t i;
	int e;

	if (!c)
		return -ENOMEM;
	c->refs = 1;
	settings_init(&c->s);
	e = settings_load(&c->s, path, must_exist);
	for (i = 0; i < c->s.mistakes.n; i++)
		log_error("%s", c->s.mistakes.v[i]);
	if (e == 0)
		*out = TAKE_PTR(c);
	config_put(c);
	return e;
}

struct config *config_get(struct config *c)
{
	__atomic_add_fetch(&c->refs, 1, __ATOMIC_RELAXED);
	return c;
}

void config_put(struct config *c)
{
	if (!c || __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	settings_release(&c->s);
	free(c);
}
