/* SPDX-License-Identifier: Apache-2.0 */
/*
 * utf8.c - validation of UTF-8.
 */
#include "base/utf8.h"

size_t utf8_len(const uint8_t *p, size_t left)
{
	size_t n, i;

	if (p[0] < 0x80)
		return 1;
	n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || n > left)
		return 0;
	for (i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

bool utf8_is_valid(const void *p, size_t len)
{
	const uint8_t *s = p;
	size_t n;

	for (; len > 0; s += n, len -= n) {
		n = utf8_len(s, len);
		if (n == 0)
			return false;
	}
	return true;
}

size_t utf8_count(const void *p, size_t len)
{
	const uint8_t *s = p;
	size_t count = 0, i;

	if (!utf8_is_valid(p, len))
		return len;
	for (i = 0; i < len; i++)
		count += (s[i] & 0xc0) != 0x80;
	return count;
}
