/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signing.h - the keys that sign a vault's tokens.
 *
 * The newest signs. One that was followed by another is still known for as
 * long as a token of it may be good; then it is forgotten, and its file goes.
 * Public halves are in the database, so that what one process changes the
 * others see at once; private ones are files, DIR/KID.key, mode 0600. A key
 * that has signed for SIGNING_DAYS is followed by the next by itself.
 *
 * Names:   a kid is the key's thumbprint (RFC 7638).
 * Errors:  of signing_verify() as of jws.h, not logged; others are logged.
 * Threads: any.
 */
#ifndef VAULT_IDENTITY_SIGNING_H
#define VAULT_IDENTITY_SIGNING_H

#include "pki/jws.h"
#include "vault/db.h"

#define SIGNING_DAYS 90
#define TOKEN_SECONDS 3600
/* Clocks differ by so much at most. */
#define TOKEN_SKEW 300

struct signing;

/* dir is made, and the first key, too, if there is none. es256: new keys are
 * for ES256 instead of RS256, which more readers of tokens know. */
MUST_CHECK int signing_open(struct db *db, const char *dir, bool es256,
			    struct signing **out);
void signing_close(struct signing *s); /* NULL is allowed */

/* Append a token of that payload. */
MUST_CHECK int signing_sign(struct signing *s, struct span payload,
			    struct buf *out);
/* Append the payload, if the token is of one of the keys. */
MUST_CHECK int signing_verify(struct signing *s, struct span token,
			      struct buf *payload, const char **why);
/* Append {"keys":[...]}. */
MUST_CHECK int signing_jwks(struct signing *s, struct buf *out);
/* A new key from now on. at_once: the older ones are not known any more. */
MUST_CHECK int signing_rotate(struct signing *s, bool at_once,
			      const char *actor);

#endif /* VAULT_IDENTITY_SIGNING_H */
