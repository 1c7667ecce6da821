/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup_token.h - what the catalog keeps for the next backup's tracking.
 *
 * Where each file system stood when the recovery point was made: as tidemarkd
 * told it, or as btrfs did; and the directories to be looked at again.
 *
 * Errors:  negative errno, not logged. -EUCLEAN: no token of this version.
 *          -ESTALE: it was made with other options, patterns or mounts.
 * Memory:  token_free() takes NULL.
 */
#ifndef TOOLS_BACKUP_TOKEN_H
#define TOOLS_BACKUP_TOKEN_H

#include "archive/archiver.h"
#include "crypto/crypto.h"
#include "track/btrfs.h"

#define TOKEN_FS_MAX 64

struct token_fs { /* of tidemarkd */
	uint64_t fsid;
	uint8_t instance[16], fs[16];
	uint64_t epoch;
};

struct token_btrfs {
	uint64_t fsid;
	struct btrfs_point point;
};

struct token {
	uint8_t options[SHA256_LEN]; /* with which it holds */
	uint8_t mounts[SHA256_LEN];  /* the part of it that is no patterns */
	bool one_file_system;
	uint8_t tree[CHUNK_ID_LEN]; /* of the snapshot */
	struct token_fs fs[TOKEN_FS_MAX];
	uint32_t n_fs;
	struct token_btrfs btrfs[TOKEN_FS_MAX];
	uint32_t n_btrfs;
	struct catalog_key again[ARCHIVER_AGAIN_MAX];
	uint32_t n_again;
};

MUST_CHECK int token_encode(const struct token *t, struct buf *out);
/* options may be NULL: whatever they were. */
MUST_CHECK int token_decode(struct span bytes, const uint8_t *options,
			    struct token *out);
/* NULL: neither is there. */
const struct token_fs *token_find(const struct token *t, uint64_t fsid);
const struct btrfs_point *token_point(const struct token *t, uint64_t fsid);

/* How the last backup was made, for the words of the next one: the catalog's
 * note. */
enum token_note {
	NOTE_NONE,	  /* there was none, or nobody remembers */
	NOTE_TRACKED,	  /* with a token */
	NOTE_NO_DAEMON,	  /* nobody could be asked */
	NOTE_NOT_TRACKED, /* tidemarkd knew none of the file systems */
	NOTE_AUDIT, /* since then an audit found that it had missed something */
};

/* Why nothing is known of what changed since: a sentence's end. NULL: this is
 * the first one. was: was there a token, of other file systems? */
const char *token_missing(enum token_note note, bool was);

#endif /* TOOLS_BACKUP_TOKEN_H */
