/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.h - the catalog's keys as bytes, and sums of its records.
 *
 * Threads: any.
 */
#ifndef CATALOG_KEYS_H
#define CATALOG_KEYS_H

#include "catalog/catalog.h"

/* Big-endian inode numbers: neighbours in the file system are neighbours in
 * the tree. */
static inline void key_encode(struct catalog_key k,
			      uint8_t out[CATALOG_KEY_LEN])
{
	put_le64(out, k.fsid);
	put_le64(out + 8, __builtin_bswap64(k.ino));
}

static inline struct catalog_key key_decode(const uint8_t in[CATALOG_KEY_LEN])
{
	return (struct catalog_key){ get_le64(in),
				     __builtin_bswap64(get_le64(in + 8)) };
}

static inline uint64_t key_hash(const uint8_t key[CATALOG_KEY_LEN])
{
	uint64_t h = get_le64(key) * 0x9e3779b97f4a7c15ull;

	h ^= get_le64(key + 8);
	h *= 0xff51afd7ed558ccdull;
	h ^= h >> 32;
	h *= 0xc4ceb9fe1a85ec53ull;
	h ^= h >> 29;
	return h ? h : 1;
}

/* Of what archive/record.h says; records of another layout are none. */
#define RECORD_LAYOUT (2ull << 56)

/* Against accidents; who can write here can read the files as well. */
static inline uint64_t record_sum(const uint8_t key[CATALOG_KEY_LEN],
				  struct span value)
{
	uint64_t h = key_hash(key) ^ value.len ^ RECORD_LAYOUT, word = 0;
	size_t i;

	for (i = 0; i + 8 <= value.len; i += 8) {
		h = (h ^ get_le64(value.p + i)) * 0x9e3779b97f4a7c15ull;
		h ^= h >> 32;
	}
	if (i < value.len)
		memcpy(&word, value.p + i, value.len - i);
	h = (h ^ word) * 0xff51afd7ed558ccdull;
	return h ^ h >> 32;
}

#endif /* CATALOG_KEYS_H */
