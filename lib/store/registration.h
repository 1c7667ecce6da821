/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registration.h - what makes this machine known to a vault, in a directory.
 *
 *	key.pem            the machine's key, made here; it never leaves
 *	cert.pem           the vault's certificate for it; replaced as it ages
 *	authority.pem      who has signed the vault's own; no other is trusted
 *	registration.json  where the vault is, and who we are there; written
 *	                   last: with it the registration is there
 *
 * One that was made with credentials to restore is not a machine's own: it is
 * for reading what others have stored, until a time, and is not renewed.
 *
 * The key is durable before it is asked for a certificate, so that a run that
 * was killed can be repeated.
 *
 * Errors:  all are logged, in one line that says what to do. -ENOENT: no
 *          registration; -EEXIST: there is one already, or (asked of the
 *          vault) a machine of that name; -EUCLEAN: a file is not what it must
 *          be; -EKEYEXPIRED: too old; -EACCES: the vault refuses; and those
 *          of vault_http.h.
 * Memory:  registration_release(), also of one that was not filled in.
 * Threads: one at a time per directory; two processes that renew at once
 *          both get a good certificate.
 * Source:  docs/vault-protocol.md.
 */
#ifndef STORE_REGISTRATION_H
#define STORE_REGISTRATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/macros.h"

#define REGISTRATION_DIR "/etc/tidemark/vault"
#define CLEANUP_REGISTRATION CLEANUP(registration_release)

struct registration {
	char *dir;
	char *url, *vault, *machine, *name;
	struct buf key, certificate, authority; /* PEM */
	int64_t not_before, not_after;		/* of the certificate */
	bool restores;	       /* what others have stored, and nothing else */
	int64_t restore_until; /* if so */
};

MUST_CHECK int registration_load(const char *dir, struct registration *out);
void registration_release(struct registration *r);

/* Register as `name` by a file that `tidemark-vaultd credentials` has made.
 * The directory is made if need be. */
MUST_CHECK int registration_make(const char *dir, const char *credentials,
				 const char *name, struct registration *out);
/* -EKEYEXPIRED if it is to restore, and that is over. Else, and if it is not:
 * a new certificate for the same key, when less than a third of the old one's
 * life is left. If there is none to be had, that is a warning as long as the
 * old one is good. */
MUST_CHECK int registration_renew(struct registration *r);
/* Tell the vault, then remove the files. If the vault does not know the
 * machine any more, they are removed, too. */
MUST_CHECK int registration_end(const char *dir);

#endif /* STORE_REGISTRATION_H */
