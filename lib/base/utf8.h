/* SPDX-License-Identifier: Apache-2.0 */
/*
 * utf8.h - is it UTF-8?
 *
 * Overlong forms, surrogates and values past U+10FFFF are not (RFC 3629).
 *
 * Threads: any.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the sequence at p, of which left > 0 bytes are there; 0 if there
 * is none. */
size_t utf8_len(const uint8_t *p, size_t left);
bool utf8_is_valid(const void *p, size_t len);
/* Code points of valid UTF-8; for other bytes their number. */
size_t utf8_count(const void *p, size_t len);

#endif /* BASE_UTF8_H */
