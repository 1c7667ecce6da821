/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf.h - bytes: borrowed (struct span), owned (struct buf), and read
 * (struct reader).
 *
 * A buf is created with the largest size it may ever have, so nothing that
 * comes from a repository can make it grow without bound. A reader walks
 * untrusted bytes: any read past the end sets `bad` and yields zeros, so a
 * decoder checks once, at the end (and before it uses a count in a loop).
 *
 * Errors:  -EMSGSIZE over the maximum, -ENOMEM.
 * Memory:  a span borrows; a buf owns until buf_release().
 * Threads: none of these is locked; one thread at a time per object.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/macros.h"

struct span {
	const uint8_t *p;
	size_t len;
};

struct buf {
	uint8_t *p;
	size_t len;
	size_t cap; /* allocated */
	size_t max; /* never more than this */
};

#define SPAN(ptr, n) ((struct span){ (const uint8_t *)(ptr), (n) })
#define SPAN_OF(b) ((struct span){ (b)->p, (b)->len })
#define BUF_INIT(maximum) ((struct buf){ NULL, 0, 0, (maximum) })
#define CLEANUP_BUF CLEANUP(buf_release)

/* Free the bytes; b is empty afterwards and can be used again. */
void buf_release(struct buf *b);

/* Make room for n more bytes without changing len. */
MUST_CHECK int buf_reserve(struct buf *b, size_t n);
MUST_CHECK int buf_append(struct buf *b, const void *p, size_t n);
/* Append n bytes of value c. */
MUST_CHECK int buf_fill(struct buf *b, uint8_t c, size_t n);
MUST_CHECK int buf_u8(struct buf *b, uint8_t v);
MUST_CHECK int buf_le16(struct buf *b, uint16_t v);
MUST_CHECK int buf_le32(struct buf *b, uint32_t v);
MUST_CHECK int buf_le64(struct buf *b, uint64_t v);
/* LEB128: 7 bits a byte, low group first. */
MUST_CHECK int buf_varint(struct buf *b, uint64_t v);
/* ZigZag, then LEB128. */
MUST_CHECK int buf_svarint(struct buf *b, int64_t v);
/* Length as varint, then the bytes. */
MUST_CHECK int buf_bytes(struct buf *b, const void *p, size_t n);

/* The same into memory that has room (10 bytes for a varint); return the
 * position after what was written. */
uint8_t *put_varint(uint8_t *p, uint64_t v);

struct reader {
	const uint8_t *p;
	const uint8_t *end;
	bool bad; /* something did not fit; all reads since gave zeros */
};

static inline struct reader reader_of(struct span s)
{
	return (struct reader){ s.p, s.p + s.len, false };
}

static inline size_t reader_left(const struct reader *r)
{
	return (size_t)(r->end - r->p);
}

/* True if every byte was consumed and nothing was out of range. */
static inline bool reader_done(const struct reader *r)
{
	return !r->bad && r->p == r->end;
}

uint8_t rd_u8(struct reader *r);
uint16_t rd_le16(struct reader *r);
uint32_t rd_le32(struct reader *r);
uint64_t rd_le64(struct reader *r);
/* A varint longer than 10 bytes, past 64 bits or not in its shortest form
 * is bad: one value has one encoding, so ids of equal content are equal. */
uint64_t rd_varint(struct reader *r);
int64_t rd_svarint(struct reader *r);
/* The next n bytes, borrowed; {NULL, 0} and bad if there are fewer. */
struct span rd_take(struct reader *r, size_t n);
/* Length-prefixed bytes of at most max. */
struct span rd_bytes(struct reader *r, size_t max);

static inline void put_le16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static inline void put_le32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, 4);
}

static inline void put_le64(uint8_t *p, uint64_t v)
{
	memcpy(p, &v, 8);
}

static inline uint16_t get_le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t get_le32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

static inline uint64_t get_le64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return v;
}

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Tidemark's formats are little-endian and read in place"
#endif

#define HEX_LEN(n) (2 * (n) + 1)
/* Lower-case hex of n bytes and a NUL into out[2n+1]. Returns out. */
char *hex_encode(char *out, const void *p, size_t n);
/* Exactly 2n lower-case digits to n bytes, or -EINVAL. */
MUST_CHECK int hex_decode(uint8_t *out, size_t n, const char *hex, size_t len);

#endif /* BASE_BUF_H */
