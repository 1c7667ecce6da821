/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passphrase_priv.h - between passphrase.c and passphrase_tty.c.
 */
#ifndef TOOLS_PASSPHRASE_PRIV_H
#define TOOLS_PASSPHRASE_PRIV_H

#include "tools/passphrase.h"

/* The longest one, its newline, and one byte that shows it is too long. */
#define PASSPHRASE_ROOM (PASSPHRASE_MAX + 2)

/* Take the newline off; -EINVAL (logged) if nothing or too much is left. */
MUST_CHECK int passphrase_trim(struct passphrase *pass);
/* Long enough for a new one? -EINVAL (logged). */
MUST_CHECK int passphrase_check_new(const struct passphrase *pass);

/* Ask on the terminal; twice for a new one, until both are equal and long
 * enough, a few times. out->p has PASSPHRASE_ROOM bytes. -ENOTTY (not
 * logged): there is no terminal. */
MUST_CHECK int passphrase_ask(const char *prompt, bool is_new,
			      struct passphrase *out);

#endif /* TOOLS_PASSPHRASE_PRIV_H */
