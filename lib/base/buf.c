/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf.c - growing buffers and readers of untrusted bytes.
 */
#include "base/buf.h"

#include <errno.h>

void buf_release(struct buf *b)
{
	free(b->p);
	b->p = NULL;
	b->len = b->cap = 0;
}

int buf_reserve(struct buf *b, size_t n)
{
	size_t want, cap;
	uint8_t *p;

	if (n <= b->cap - b->len)
		return 0;
	if (n > b->max || b->len > b->max - n)
		return -EMSGSIZE;
	want = b->len + n;
	cap = b->cap ? b->cap : 64;
	while (cap < want)
		cap += cap / 2 + 64;
	if (cap > b->max)
		cap = b->max;
	p = realloc(b->p, cap);
	if (!p)
		return -ENOMEM;
	b->p = p;
	b->cap = cap;
	return 0;
}

int buf_append(struct buf *b, const void *p, size_t n)
{
	int r;

	if (n == 0)
		return 0;
	r = buf_reserve(b, n);
	if (r < 0)
		return r;
	memcpy(b->p + b->len, p, n);
	b->len += n;
	return 0;
}

int buf_fill(struct buf *b, uint8_t c, size_t n)
{
	int r;

	if (n == 0)
		return 0;
	r = buf_reserve(b, n);
	if (r < 0)
		return r;
	memset(b->p + b->len, c, n);
	b->len += n;
	return 0;
}

int buf_u8(struct buf *b, uint8_t v)
{
	return buf_append(b, &v, 1);
}

int buf_le16(struct buf *b, uint16_t v)
{
	uint8_t t[2];

	put_le16(t, v);
	return buf_append(b, t, sizeof(t));
}

int buf_le32(struct buf *b, uint32_t v)
{
	uint8_t t[4];

	put_le32(t, v);
	return buf_append(b, t, sizeof(t));
}

int buf_le64(struct buf *b, uint64_t v)
{
	uint8_t t[8];

	put_le64(t, v);
	return buf_append(b, t, sizeof(t));
}

uint8_t *put_varint(uint8_t *p, uint64_t v)
{
	while (v >= 0x80) {
		*p++ = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	*p++ = (uint8_t)v;
	return p;
}

int buf_varint(struct buf *b, uint64_t v)
{
	uint8_t t[10];

	return buf_append(b, t, (size_t)(put_varint(t, v) - t));
}

int buf_svarint(struct buf *b, int64_t v)
{
	return buf_varint(b, (uint64_t)v << 1 ^ (uint64_t)(v >> 63));
}

int buf_bytes(struct buf *b, const void *p, size_t n)
{
	int r = buf_varint(b, n);

	return r < 0 ? r : buf_append(b, p, n);
}

struct span rd_take(struct reader *r, size_t n)
{
	struct span s = { NULL, 0 };

	if (UNLIKELY(r->bad || n > reader_left(r))) {
		r->bad = true;
		return s;
	}
	s.p = r->p;
	s.len = n;
	r->p += n;
	return s;
}

uint8_t rd_u8(struct reader *r)
{
	if (UNLIKELY(r->bad || r->p == r->end)) {
		r->bad = true;
		return 0;
	}
	return *r->p++;
}

uint16_t rd_le16(struct reader *r)
{
	struct span s = rd_take(r, 2);

	return s.p ? get_le16(s.p) : 0;
}

uint32_t rd_le32(struct reader *r)
{
	struct span s = rd_take(r, 4);

	return s.p ? get_le32(s.p) : 0;
}

uint64_t rd_le64(struct reader *r)
{
	struct span s = rd_take(r, 8);

	return s.p ? get_le64(s.p) : 0;
}

uint64_t rd_varint(struct reader *r)
{
	uint64_t v = 0;
	int shift;

	for (shift = 0; shift < 64; shift += 7) {
		uint8_t c = rd_u8(r);

		if (UNLIKELY(shift == 63 && c > 1))
			break;
		v |= (uint64_t)(c & 0x7f) << shift;
		if (c & 0x80)
			continue;
		if (UNLIKELY(c == 0 && shift > 0))
			break;
		return r->bad ? 0 : v;
	}
	r->bad = true;
	return 0;
}

int64_t rd_svarint(struct reader *r)
{
	uint64_t v = rd_varint(r);

	return (int64_t)(v >> 1 ^ (~(v & 1) + 1));
}

struct span rd_bytes(struct reader *r, size_t max)
{
	uint64_t n = rd_varint(r);

	if (n > max)
		r->bad = true;
	return rd_take(r, r->bad ? 0 : (size_t)n);
}

char *hex_encode(char *out, const void *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *b = p;
	size_t i;

	for (i = 0; i < n; i++) {
		out[2 * i] = digits[b[i] >> 4];
		out[2 * i + 1] = digits[b[i] & 15];
	}
	out[2 * n] = '\0';
	return out;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int hex_decode(uint8_t *out, size_t n, const char *hex, size_t len)
{
	size_t i;

	if (len != 2 * n)
		return -EINVAL;
	for (i = 0; i < n; i++) {
		int hi = hex_digit(hex[2 * i]), lo = hex_digit(hex[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return -EINVAL;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return 0;
}
