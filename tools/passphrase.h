/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passphrase.h - where the passphrase comes from.
 *
 * The first rank that names a source wins; two sources of one rank are an
 * error:
 *   1  --passphrase-file, --passphrase-fd, --passphrase-command
 *   2  TIDEMARK_PASSPHRASE_FILE, TIDEMARK_PASSPHRASE_COMMAND
 *   3  $CREDENTIALS_DIRECTORY/tidemark.passphrase (systemd)
 *   4  the terminal, without echo
 * A new passphrase besides the present one comes from --new-passphrase-* or
 * the terminal. Never from an argument or a variable itself: other processes
 * can read those.
 *
 * One newline at its end is taken off; what is left is 1..PASSPHRASE_MAX
 * bytes, and of a new one at least PASSPHRASE_NEW_MIN characters.
 *
 * Errors:  logged, one line. -EINVAL: no source, two, or a bad passphrase;
 *          -EINTR: interrupted; else what the source said.
 * Memory:  the bytes are in secret memory until passphrase_release().
 * Threads: one.
 */
#ifndef TOOLS_PASSPHRASE_H
#define TOOLS_PASSPHRASE_H

#include "base/buf.h"
#include "base/macros.h"
#include "repo/keys.h"
#include "tools/cli.h"

#define PASSPHRASE_MAX 1024
#define PASSPHRASE_NEW_MIN 16

struct passphrase {
	char *p; /* secret memory, not terminated */
	size_t len;
	bool asked; /* typed at a terminal: may be asked for again */
};

#define PASSPHRASE_INIT ((struct passphrase){ NULL, 0, false })
#define CLEANUP_PASSPHRASE CLEANUP(passphrase_release)

static inline struct span passphrase_span(const struct passphrase *pass)
{
	return SPAN(pass->p, pass->len);
}

/* The passphrase of an existing repository. */
MUST_CHECK int passphrase_get(const struct cli *cli, struct passphrase *out);
/* The first passphrase of a repository that is being made: the same sources,
 * asked twice on a terminal. */
MUST_CHECK int passphrase_get_first(const struct cli *cli,
				    struct passphrase *out);
/* The new one for `key add` and `key passwd`. */
MUST_CHECK int passphrase_get_new(const struct cli *cli,
				  struct passphrase *out);
/* How a key is to be made of it: --kdf, --kdf-memory. */
struct kdf_choice passphrase_kdf(const struct cli *cli);
/* Wipe; out may be PASSPHRASE_INIT. */
void passphrase_release(struct passphrase *pass);

#endif /* TOOLS_PASSPHRASE_H */
