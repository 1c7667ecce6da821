/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_json.c - the reader of JSON.
 *
 * What it accepts is walked whole. Every string must be UTF-8, and written
 * again and read again it must be the same.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_string(const char *s)
{
	CLEANUP_BUF struct buf b = BUF_INIT(1u << 20);
	CLEANUP_JSON struct json *again = NULL;
	struct json_out j = JSON_OUT(&b);

	assert(utf8_is_valid(s, strlen(s)));
	json_str(&j, NULL, s);
	assert(json_end(&j) == 0);
	assert(json_parse(SPAN_OF(&b), b.len, &again) == 0);
	assert(strcmp(json_to_str(again), s) == 0);
}

static void walk(const struct json *j, unsigned int depth)
{
	const struct json *item;
	uint64_t n;
	bool t;

	assert(depth <= JSON_DEPTH_MAX);
	if (json_key(j))
		check_string(json_key(j));
	if (json_to_str(j))
		check_string(json_to_str(j));
	if (json_to_u64(j, &n) == 0)
		assert(n <= 1ull << 53);
	if (json_to_bool(j, &t) == 0)
		assert(!json_to_str(j));
	for (item = json_first(j); item; item = json_next(item))
		walk(item, depth + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP_JSON struct json *j = NULL;

	if (json_parse(SPAN(data, size), 4096, &j) == 0)
		walk(j, 0);
	return 0;
}
