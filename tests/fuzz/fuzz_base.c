/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_base.c - readers of untrusted bytes.
 *
 * What a reader accepts as a varint must encode to the same bytes again: one
 * value has one encoding. No read may leave the input, which asan watches.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_varint(const uint8_t *start, struct reader *r)
{
	uint8_t again[10];
	uint64_t v = rd_varint(r);
	size_t len;

	if (r->bad)
		return;
	len = (size_t)(put_varint(again, v) - again);
	assert(len == (size_t)(r->p - start));
	assert(memcmp(again, start, len) == 0);
}

static void check_printable(struct span s)
{
	char text[64];
	size_t i;

	log_printable(text, sizeof(text), s.p, s.len);
	for (i = 0; text[i]; i++)
		assert((uint8_t)text[i] >= 0x20 && text[i] != 0x7f);
	assert(i < sizeof(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(SPAN(data, size));

	check_printable(SPAN(data, size));
	while (!r.bad && reader_left(&r) > 0) {
		switch (rd_u8(&r) & 7) {
		case 0:
			rd_le16(&r);
			break;
		case 1:
			rd_le32(&r);
			break;
		case 2:
			rd_le64(&r);
			break;
		case 3:
			rd_svarint(&r);
			break;
		case 4:
			check_printable(rd_bytes(&r, 32));
			break;
		default:
			check_varint(r.p, &r);
		}
	}
	if (r.bad)
		assert(rd_u8(&r) == 0 && rd_le64(&r) == 0 && !rd_take(&r, 0).p);
	return 0;
}
