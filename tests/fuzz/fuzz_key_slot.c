/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_key_slot.c - a key slot before any passphrase is tried.
 *
 * What is accepted has costs within the floors and the ceilings: nobody who
 * can write to the repository makes a client skip the work or burn memory.
 */
#include <assert.h>

#include "repo/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct key_slot s;
	uint64_t a, b, c;

	if (key_slot_decode(SPAN(data, size), &s) < 0)
		return 0;
	assert(strlen(s.label) <= KEY_LABEL_MAX);
	a = s.cost[0];
	b = s.cost[1];
	c = s.cost[2];
	if (s.kdf == KDF_SCRYPT) {
		assert((a & (a - 1)) == 0 && a >= 1u << 15);
		assert(a * b * c >= 8u << 15 && 128 * a * b <= 2ull << 30);
		assert(c <= 64);
	} else {
		assert(s.kdf == KDF_ARGON2ID);
		assert(a * b >= 2 * 19456 && a <= 64 && b <= 2u << 20);
		assert(c >= 1 && c <= 64);
	}
	return 0;
}
