/* SPDX-License-Identifier: Apache-2.0 */
/*
 * track_private.h - what backup_track.c, track_audit.c and track_rollback.c
 * share.
 */
#ifndef TOOLS_TRACK_PRIVATE_H
#define TOOLS_TRACK_PRIVATE_H

#include <time.h>

#include "archive/tracked.h"
#include "base/json.h"
#include "crypto/crypto.h"
#include "tools/backup_token.h"
#include "tools/backup_track.h"

enum asked { ASKED_NOBODY, ASKED_DAEMON, ASKED_BTRFS };

struct place {
	uint64_t dev, fsid, mount;
	char *path;	  /* something that lies there */
	enum asked asked; /* who answered; the next time's token is there */
	struct token_fs token;
	struct timespec began; /* when it had answered, as files have times */
	struct btrfs_point *point;
	bool is_trusted;
	struct dirty dirty;
};

struct track {
	struct track_options opt;
	struct place places[TOKEN_FS_MAX];
	size_t n_places;
	bool has_more; /* file systems than places */
	bool no_daemon;
	bool twice;    /* one file system, by two mounts */
	bool is_stale; /* options, patterns or mounts differ */
	bool again;    /* a later pass */
	struct catalog_key *below;
	size_t n_below, cap_below;
	uint8_t options[SHA256_LEN], mounts[SHA256_LEN];
	struct token *last; /* NULL: none that holds */
	bool index_complete;
	const char *why;
	char why_text[256];
	char source[64];
	struct tracked *tracked;
};

/* Where the sources lie, and the hash of what a token holds for. */
MUST_CHECK int track_describe(struct track *t);
/* The catalog's token, if it holds for this. After track_describe(). */
MUST_CHECK int track_load_token(struct track *t);
/* What path is on btrfs, open for what is asked of it; -1 if it is not. */
int track_open_btrfs(const char *path);
/* Not logged: there may be none. */
MUST_CHECK int track_connect_daemon(int *fd);
/* Ask it op of p. consumer and since may be NULL. */
MUST_CHECK int track_call(int fd, const char *op, const struct place *p,
			  const uint8_t *consumer, const struct token_fs *since,
			  struct json **reply, int *passed);

#endif /* TOOLS_TRACK_PRIVATE_H */
