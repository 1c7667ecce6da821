/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nameglob.h - one pattern for one file name.
 *
 * `*` is any run of characters, `?` one character, `[a-z]` and `[^a-z]` one
 * character in or outside a set, `\` takes the next character as it is.
 * These are the rules of Go's path.Match, which restic's users know: `[!a]`
 * is no negation, a leading dot is nothing special. A name has no slash.
 *
 * Names:   bytes. What is valid UTF-8 counts by character, any other byte
 *          is a character of its own that only itself equals.
 * Cost:    matching is at most name length times pattern length; the usual
 *          shapes (name, name*, *.ext) are one comparison of bytes.
 * Errors:  -EINVAL for a bad pattern (an open or empty set, a `\` at the
 *          end), not logged; -ENOMEM.
 * Threads: any, once initialised.
 */
#ifndef ARCHIVE_NAMEGLOB_H
#define ARCHIVE_NAMEGLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

enum nameglob_kind {
	NAMEGLOB_LITERAL,
	NAMEGLOB_ANY,	 /* `*` */
	NAMEGLOB_PREFIX, /* text, then anything */
	NAMEGLOB_SUFFIX, /* anything, then text */
	NAMEGLOB_TOKENS,
};

struct nameglob_token;
struct nameglob_range;

struct nameglob {
	enum nameglob_kind kind;
	bool fold;
	uint8_t *text; /* the fixed part, escapes resolved */
	size_t len;
	struct nameglob_token *tokens;
	size_t token_count;
	struct nameglob_range *ranges;
};

/* With fold, case does not count: ASCII letters, and where the name is valid
 * UTF-8 every letter that has a lower case. */
MUST_CHECK int nameglob_init(struct nameglob *g, const char *pattern,
			     size_t len, bool fold);
/* Exactly this name, whatever characters it has. */
MUST_CHECK int nameglob_init_literal(struct nameglob *g, const char *name,
				     size_t len);
void nameglob_release(struct nameglob *g);

bool nameglob_match(const struct nameglob *g, const char *name, size_t len);

/* The byte with which every matching name ends, or -1 where there is no such
 * byte. With fold it is lower case ASCII, and a name that ends in a byte
 * from 0x80 may match all the same. */
int nameglob_tail(const struct nameglob *g);

#endif /* ARCHIVE_NAMEGLOB_H */
