/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.c - a directory's record in the catalog.
 */
#include "archive/record.h"

void record_head_encode(const struct record_head *h,
			uint8_t out[RECORD_HEAD_LEN])
{
	put_le64(out, (uint64_t)h->birth.sec);
	put_le64(out + 8, h->birth.nsec);
	put_le64(out + 16, h->below.files);
	put_le64(out + 24, h->below.dirs);
	put_le64(out + 32, h->below.others);
	put_le64(out + 40, h->below.bytes);
}

bool record_head_decode(struct span record, struct record_head *out)
{
	const uint8_t *p = record.p + CHUNK_ID_LEN;

	if (record.len < CHUNK_ID_LEN + RECORD_HEAD_LEN)
		return false;
	out->birth.sec = (int64_t)get_le64(p);
	out->birth.nsec = (uint32_t)get_le64(p + 8);
	out->below = (struct totals){ get_le64(p + 16), get_le64(p + 24),
				      get_le64(p + 32), get_le64(p + 40) };
	return true;
}

void record_next(struct record_iter *it)
{
	it->has = false;
	while (!it->damaged) {
		int e;

		if (!it->in_part) {
			uint32_t len;
			struct span s;

			if (reader_left(&it->parts) == 0)
				return;
			len = rd_le32(&it->parts);
			s = rd_take(&it->parts, len);
			if (it->parts.bad || tree_part_open(s, &it->part) < 0) {
				it->damaged = true;
				return;
			}
			it->in_part = true;
		}
		e = tree_next(&it->part, &it->node, &it->raw);
		if (e == 1) {
			it->has = true;
			return;
		}
		it->in_part = false;
		it->damaged = e < 0;
	}
}

void record_open(struct record_iter *it, struct span record)
{
	memset(it, 0, sizeof(*it));
	it->parts = reader_of(SPAN(record.p, record.len));
	rd_take(&it->parts, record.len ? CHUNK_ID_LEN + RECORD_HEAD_LEN : 0);
	it->damaged = it->parts.bad;
	record_next(it);
}
