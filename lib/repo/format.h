/* SPDX-License-Identifier: Apache-2.0 */
/*
 * format.h - the numbers of repository format 1.
 *
 * docs/repository-format.md is the text of it; a number changes in both or
 * in neither. Limits are part of the format: a decoder refuses what is over
 * one before it allocates anything.
 */
#ifndef REPO_FORMAT_H
#define REPO_FORMAT_H

#include <stdint.h>

#define FORMAT_MAGIC "TIDEMARK" /* 8 bytes, no NUL */
#define FORMAT_MAGIC_LEN 8
#define FORMAT_VERSION 1

#define REPO_ID_LEN 16
#define OBJECT_ID_LEN 32 /* SHA-256 of the object's bytes */
#define CHUNK_ID_LEN 32	 /* HMAC-SHA-256 of the chunk's bytes */

enum object_type {
	OBJECT_CONFIG = 1,
	OBJECT_KEY = 2,
	OBJECT_PACK_DATA = 3, /* file content */
	OBJECT_PACK_TREE = 4, /* trees and content maps */
	OBJECT_INDEX = 5,
	OBJECT_SNAPSHOT = 6,
	OBJECT_HEAD = 7,
};

/* What a chunk is; each kind has its own id key. */
enum chunk_kind { CHUNK_DATA = 0, CHUNK_TREE = 1, CHUNK_MAP = 2, CHUNK_KINDS };

#define CHUNK_MAX (8u << 20)	  /* bytes of one chunk */
#define FRAME_RAW_MAX (16u << 20) /* decoded bytes of one frame */
#define FRAME_SEALED_MAX (17u << 20)
#define FRAME_CHUNKS_MAX (1u << 20)
#define PACK_MAX (1ull << 32)
#define PACK_DIRECTORY_MAX (256u << 20)
#define INDEX_CHUNKS_MAX (1u << 22) /* chunks listed by one index object */
#define INDEX_RAW_MAX (512u << 20)
#define SNAPSHOT_MAX (64u << 20)
#define HEAD_MAX (256u << 20)
#define CONFIG_MAX 4096
#define KEY_SLOT_MAX 8192
#define NAME_BYTES_MAX 255 /* of one directory entry */
#define SYMLINK_BYTES_MAX 65535
#define XATTRS_BYTES_MAX (4u << 20) /* of one inode, encoded */
#define MAP_DEPTH_MAX 4

/* What the writer aims at; not part of the format. */
#define FRAME_RAW_TARGET (512u << 10)
#define PACK_SIZE_MIN (24u << 20)
#define PACK_SIZE_TARGET (32u << 20)
#define INDEX_CHUNKS_TARGET (256u << 10)
#define HEADS_KEPT 256u /* prune removes older ones */
#define CDC_MIN (512u << 10)
#define CDC_AVG (1024u << 10)
#define CDC_MAX (4096u << 10)

#endif /* REPO_FORMAT_H */
