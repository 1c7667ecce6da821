/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_config.c - the repository's config, which anyone can write.
 *
 * The input as it is, and again with the checksum that fits it, since chance
 * never finds one. What is accepted must encode to the same bytes.
 */
#include <assert.h>

#include "crypto/crypto.h"
#include "repo/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes after the type are zero when written, and not looked at: the
 * checksum and the key slots bind them. */
static void decode(struct span in)
{
	CLEANUP_BUF struct buf again = BUF_INIT(CONFIG_MAX);
	struct config c;

	if (config_decode(in, &c) < 0)
		return;
	assert(c.cdc_min < c.cdc_avg && c.cdc_avg < c.cdc_max);
	assert(c.cdc_max <= CHUNK_MAX);
	assert(config_encode(&c, &again) == 0);
	assert(again.len == in.len);
	assert(memcmp(again.p + 12, in.p + 12, 36) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t whole[52 + SHA256_LEN];

	decode(SPAN(data, size));
	if (size < 52)
		return 0;
	memcpy(whole, data, 52);
	sha256_once(SPAN(whole, 52), whole + 52);
	decode(SPAN(whole, sizeof(whole)));
	return 0;
}
