/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.h - the repository's config and its key slots.
 *
 * A slot wraps the keyring (every master key so far) under a key derived
 * from a passphrase. The slot's own commitment tells a wrong passphrase
 * (-EKEYREJECTED) from a damaged slot (-EBADMSG), and is checked first: GCM
 * alone does not commit to a key. The config's bytes are associated data of
 * every slot, so nobody can change the config of a repository unnoticed.
 *
 * Cost floors are enforced at open, ceilings too: a hostile slot can make a
 * client neither skip the work nor burn gigabytes.
 *
 * Errors:  as named; -EUCLEAN structure; -EPROTONOSUPPORT newer. Not logged.
 * Threads: any.
 */
#ifndef REPO_KEYS_H
#define REPO_KEYS_H

#include "base/buf.h"
#include "repo/seal.h"

struct config {
	uint8_t repo_id[REPO_ID_LEN];
	uint64_t created_ns; /* Unix time */
	uint32_t cdc_min, cdc_avg, cdc_max;
};

MUST_CHECK int config_encode(const struct config *c, struct buf *out);
/* -ENOMSG: not a config of this program at all. */
MUST_CHECK int config_decode(struct span bytes, struct config *c);

enum kdf_id { KDF_SCRYPT = 1, KDF_ARGON2ID = 2 };

#define KDF_MEMORY_MIN 19 /* MiB */
#define KDF_MEMORY_MAX 2048

/* How the key of a new slot is derived. */
struct kdf_choice {
	enum kdf_id id;
	uint32_t memory; /* Argon2id's, MiB; 0: the default */
};

#define KEY_LABEL_MAX 128

struct key_slot {
	enum kdf_id kdf;
	/* scrypt: N, r, p; Argon2id: passes, KiB, lanes */
	uint32_t cost[3];
	uint8_t salt[32];
	uint8_t commitment[32];
	uint64_t created_ns;
	char label[KEY_LABEL_MAX + 1]; /* "user@host", printable */
};

/* A new slot for ring under pass. -EINVAL: a memory out of bounds. */
MUST_CHECK int key_slot_seal(const struct keyring *ring, struct span config,
			     struct span pass, struct kdf_choice kdf,
			     const char *label, struct buf *out);
/* The clear part of a slot. */
MUST_CHECK int key_slot_decode(struct span bytes, struct key_slot *slot);
/* Unwrap. Takes as long as the KDF. */
MUST_CHECK int key_slot_open(struct span bytes, struct span config,
			     struct span pass, struct keyring *ring);

/* Keys by purpose, from the oldest master key: ids and cuts stay what they
 * were when a new master key is started. */
MUST_CHECK int keyring_subkey(const struct keyring *ring, const char *purpose,
			      uint8_t *out, size_t len);

#endif /* REPO_KEYS_H */
