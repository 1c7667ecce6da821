/* SPDX-License-Identifier: Apache-2.0 */
/*
 * private.h - between the files of this room.
 *
 * Errors:  -EINVAL with *why, half a line; -ENOMEM.
 * Threads: one at a time.
 */
#ifndef SETTINGS_PRIVATE_H
#define SETTINGS_PRIVATE_H

#include "settings/settings.h"

struct key;

/* The keys of a section, ended by one without a name. */
extern const struct key *const keys_of_daemon, *const keys_of_track,
						       *const keys_of_schedule;

/* The key of that name and its place in the table, or NULL. */
const struct key *key_find(const struct key *table, const char *name,
			   size_t *index);
bool key_is_list(const struct key *k);
/* Set it in what, the struct of the section. */
MUST_CHECK int key_set(const struct key *k, void *what, const char *value,
		       char why[static 256]);
/* "a, b, c". */
char *key_names(const struct key *table, char *out, size_t size);

MUST_CHECK int list_add(struct settings_list *l, const char *text);
void list_release(struct settings_list *l);

#endif /* SETTINGS_PRIVATE_H */
