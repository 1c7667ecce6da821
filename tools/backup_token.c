/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup_token.c - what the catalog keeps for the next backup's tracking.
 *
 * In this order: version:u8, SHA-256 of the options and mounts, SHA-256 of the
 * mounts alone, one-file-system:u8, tree of the snapshot[32]; count:u32
 * { fsid:u64 instance[16] fs[16] epoch:u64 }*; count:u32 { fsid:u64 point }*,
 * of btrfs; count:u32 { fsid:u64 ino:u64 }*, directories in which something
 * went wrong.
 */
#include "tools/backup_token.h"

#include <errno.h>

#define TOKEN_VERSION 3

/* --- reading --- */

static void read_fs(struct reader *rd, struct token_fs *fs)
{
	struct span s;

	fs->fsid = rd_le64(rd);
	s = rd_take(rd, 32);
	if (!s.p)
		return;
	memcpy(fs->instance, s.p, 16);
	memcpy(fs->fs, s.p + 16, 16);
	fs->epoch = rd_le64(rd);
}

static int read_btrfs(struct reader *rd, struct token *t)
{
	uint32_t i;
	int e = 0;

	t->n_btrfs = rd_le32(rd);
	if (t->n_btrfs > TOKEN_FS_MAX)
		return -EUCLEAN;
	for (i = 0; e == 0 && i < t->n_btrfs; i++) {
		t->btrfs[i].fsid = rd_le64(rd);
		e = btrfs_point_decode(rd, &t->btrfs[i].point);
	}
	return e;
}

static int read_head(struct reader *rd, struct token *t)
{
	struct span options, mounts, tree;

	if (rd_u8(rd) != TOKEN_VERSION)
		return -EUCLEAN;
	options = rd_take(rd, SHA256_LEN);
	mounts = rd_take(rd, SHA256_LEN);
	t->one_file_system = rd_u8(rd) != 0;
	tree = rd_take(rd, CHUNK_ID_LEN);
	if (rd->bad)
		return -EUCLEAN;
	memcpy(t->options, options.p, SHA256_LEN);
	memcpy(t->mounts, mounts.p, SHA256_LEN);
	memcpy(t->tree, tree.p, CHUNK_ID_LEN);
	return 0;
}

int token_decode(struct span bytes, const uint8_t *options, struct token *t)
{
	struct reader rd = reader_of(bytes);
	uint32_t i;
	int e = read_head(&rd, t);

	if (e < 0)
		return e;
	if (options && memcmp(t->options, options, SHA256_LEN) != 0)
		return -ESTALE;
	t->n_fs = rd_le32(&rd);
	if (t->n_fs > TOKEN_FS_MAX)
		return -EUCLEAN;
	for (i = 0; i < t->n_fs; i++)
		read_fs(&rd, &t->fs[i]);
	if (rd.bad || read_btrfs(&rd, t) < 0)
		return -EUCLEAN;
	t->n_again = rd_le32(&rd);
	if (t->n_again > ARCHIVER_AGAIN_MAX)
		return -EUCLEAN;
	for (i = 0; i < t->n_again; i++) {
		t->again[i].fsid = rd_le64(&rd);
		t->again[i].ino = rd_le64(&rd);
	}
	return reader_done(&rd) ? 0 : -EUCLEAN;
}

/* --- writing --- */

static int write_fs(const struct token_fs *fs, struct buf *out)
{
	int e = buf_le64(out, fs->fsid);

	if (e == 0)
		e = buf_append(out, fs->instance, 16);
	if (e == 0)
		e = buf_append(out, fs->fs, 16);
	return e < 0 ? e : buf_le64(out, fs->epoch);
}

int token_encode(const struct token *t, struct buf *out)
{
	uint32_t i;
	int e = buf_u8(out, TOKEN_VERSION);

	if (e == 0)
		e = buf_append(out, t->options, sizeof(t->options));
	if (e == 0)
		e = buf_append(out, t->mounts, sizeof(t->mounts));
	if (e == 0)
		e = buf_u8(out, t->one_file_system);
	if (e == 0)
		e = buf_append(out, t->tree, sizeof(t->tree));
	if (e == 0)
		e = buf_le32(out, t->n_fs);
	for (i = 0; e == 0 && i < t->n_fs; i++)
		e = write_fs(&t->fs[i], out);
	if (e == 0)
		e = buf_le32(out, t->n_btrfs);
	for (i = 0; e == 0 && i < t->n_btrfs; i++) {
		e = buf_le64(out, t->btrfs[i].fsid);
		if (e == 0)
			e = btrfs_point_encode(&t->btrfs[i].point, out);
	}
	if (e == 0)
		e = buf_le32(out, t->n_again);
	for (i = 0; e == 0 && i < t->n_again; i++) {
		e = buf_le64(out, t->again[i].fsid);
		if (e == 0)
			e = buf_le64(out, t->again[i].ino);
	}
	return e;
}

/* --- looking --- */

const struct token_fs *token_find(const struct token *t, uint64_t fsid)
{
	uint32_t i;

	for (i = 0; t && i < t->n_fs; i++)
		if (t->fs[i].fsid == fsid)
			return &t->fs[i];
	return NULL;
}

const struct btrfs_point *token_point(const struct token *t, uint64_t fsid)
{
	uint32_t i;

	for (i = 0; t && i < t->n_btrfs; i++)
		if (t->btrfs[i].fsid == fsid)
			return &t->btrfs[i].point;
	return NULL;
}

const char *token_missing(enum token_note note, bool was)
{
	if (was)
		return "the last backup did not track it";
	switch (note) {
	case NOTE_TRACKED:
		return "a backup since the last one was cut off";
	case NOTE_NO_DAEMON:
		return "the last backup was made without tidemarkd";
	case NOTE_NOT_TRACKED:
		return "it was not tracked when the last backup was made";
	case NOTE_AUDIT:
		return "an audit found a change that was not recorded";
	default:
		return NULL;
	}
}
