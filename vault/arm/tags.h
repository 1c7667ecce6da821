/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tags.h - the tags of a resource: words that people give it.
 *
 * Errors:  -EINVAL: no object of strings, or over Azure's bounds (50, names of
 *          512 bytes, values of 256); -ENOMEM, -EMSGSIZE. Not logged.
 * Threads: any.
 */
#ifndef VAULT_ARM_TAGS_H
#define VAULT_ARM_TAGS_H

#include "base/json.h"

#define TAGS_MAX 50
#define TAGS_TEXT_MAX (64u << 10)

/* Append them as one text, NUL and all. tags NULL or null: none. */
MUST_CHECK int tags_text(const struct json *tags, struct buf *out);
/* The object that text stands for. */
MUST_CHECK int tags_write(struct json_out *j, const char *key,
			  const char *text);

#endif /* VAULT_ARM_TAGS_H */
