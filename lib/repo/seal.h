/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal.h - encrypted objects: one header, then sealed pieces.
 *
 * Every object gets a random salt and from it a key of its own:
 *
 *   okm[64] = HKDF-SHA256(master key, salt, "tidemark/1 object" | repository
 *             id | object type)
 *   key = okm[0..31], commitment = okm[32..63]
 *
 * A piece's nonce is its kind and number, so a nonce is used once under a
 * key as long as a writer seals each (kind, number) once; nothing of this is
 * kept between processes, so a restored machine image cannot repeat one.
 * The header (with type, version and salt), the clear part and the
 * repository's id are associated data of every piece.
 *
 * Errors:  -EBADMSG not authentic; -EUCLEAN no such object header;
 *          -EPROTONOSUPPORT a newer format; -EKEYREJECTED sealed with a
 *          master key generation that this keyring lacks. Not logged.
 * Memory:  sealer is plain data with a secret in it: sealer_release() wipes.
 * Threads: one per sealer.
 */
#ifndef REPO_SEAL_H
#define REPO_SEAL_H

#include "base/buf.h"
#include "crypto/crypto.h"
#include "repo/format.h"

#define SEAL_HEADER_LEN 80
#define KEYRING_MAX 32

/* The master keys, newest last. Lives in secret_alloc() memory. */
struct keyring {
	uint8_t repo_id[REPO_ID_LEN];
	unsigned int count;
	uint8_t master[KEYRING_MAX][AEAD_KEY_LEN]; /* index = generation */
};

enum seal_piece {
	SEAL_FRAME = 1,
	SEAL_DIRECTORY = 2,
	SEAL_TRAILER = 3,
	SEAL_BODY = 4,
};

struct sealer {
	struct aead *aead;
	uint8_t aad[REPO_ID_LEN + SEAL_HEADER_LEN];
};

/* The header of a new object, under the newest master key. */
MUST_CHECK int sealer_init_new(struct sealer *s, const struct keyring *ring,
			       enum object_type type);
/* From the first SEAL_HEADER_LEN bytes of an object that must be of type. */
MUST_CHECK int sealer_init_open(struct sealer *s, const struct keyring *ring,
				enum object_type type,
				const uint8_t header[static SEAL_HEADER_LEN]);
void sealer_release(struct sealer *s);

static inline const uint8_t *sealer_header(const struct sealer *s)
{
	return s->aad + REPO_ID_LEN;
}

/* out: pt.len + AEAD_TAG_LEN bytes. */
MUST_CHECK int seal_piece(struct sealer *s, enum seal_piece kind,
			  uint64_t number, struct span pt, uint8_t *out);
/* out: ct.len - AEAD_TAG_LEN bytes. */
MUST_CHECK int seal_open_piece(struct sealer *s, enum seal_piece kind,
			       uint64_t number, struct span ct, uint8_t *out);

/*
 * A whole object of one piece: header | clear length (u32) | clear | body.
 * The clear part is authenticated and readable by anyone.
 */
MUST_CHECK int seal_object(const struct keyring *ring, enum object_type type,
			   struct span clear, struct span body,
			   struct buf *out);
/* body gets the decrypted bytes; *clear (may be NULL) borrows from object. */
MUST_CHECK int seal_open_object(const struct keyring *ring,
				enum object_type type, struct span object,
				struct span *clear, struct buf *body);

#endif /* REPO_SEAL_H */
