/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base64.c - bytes as text.
 */
#include "base/base64.h"

#include <errno.h>

static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			    "abcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			  "abcdefghijklmnopqrstuvwxyz0123456789-_";

static int append(struct buf *out, struct span s, const char *digits, bool pad)
{
	size_t i;
	uint8_t *p;
	int r;

	if (s.len > SIZE_MAX / 2)
		return -EMSGSIZE;
	r = buf_reserve(out, pad ? (s.len + 2) / 3 * 4 : BASE64URL_LEN(s.len));
	if (r < 0 || s.len == 0)
		return r;
	p = out->p + out->len;
	for (i = 0; i < s.len; i += 3) {
		size_t n = MIN(s.len - i, (size_t)3);
		uint32_t v = (uint32_t)s.p[i] << 16;

		v |= n > 1 ? (uint32_t)s.p[i + 1] << 8 : 0;
		v |= n > 2 ? s.p[i + 2] : 0;
		*p++ = (uint8_t)digits[v >> 18];
		*p++ = (uint8_t)digits[v >> 12 & 63];
		if (n > 1 || pad)
			*p++ = (uint8_t)(n > 1 ? digits[v >> 6 & 63] : '=');
		if (n > 2 || pad)
			*p++ = (uint8_t)(n > 2 ? digits[v & 63] : '=');
	}
	out->len = (size_t)(p - out->p);
	return 0;
}

int base64_append(struct buf *out, struct span data)
{
	return append(out, data, plain, true);
}

int base64url_append(struct buf *out, struct span data)
{
	return append(out, data, url, false);
}

static int value_of(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-')
		return 62;
	return c == '_' ? 63 : -1;
}

int base64url_decode(struct buf *out, struct span text)
{
	uint32_t bits = 0; /* the low ones have not been written yet */
	unsigned int held = 0;
	size_t i;
	uint8_t *p;
	int r;

	if (text.len % 4 == 1)
		return -EUCLEAN;
	r = buf_reserve(out, text.len / 4 * 3 + text.len % 4 * 3 / 4);
	if (r < 0 || text.len == 0)
		return r;
	p = out->p + out->len;
	for (i = 0; i < text.len; i++) {
		int v = value_of(text.p[i]);

		if (v < 0)
			return -EUCLEAN;
		bits = (bits << 6 | (uint32_t)v) & 0xffff;
		held += 6;
		if (held < 8)
			continue;
		held -= 8;
		*p++ = (uint8_t)(bits >> held);
	}
	if (bits & ((1u << held) - 1))
		return -EUCLEAN;
	out->len = (size_t)(p - out->p);
	return 0;
}
