/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.h - JSON written (struct json_out) and read (struct json).
 *
 * The writer appends to a buf, piece by piece, and has no tree: a listing of
 * a million names costs a million lines, not a million nodes. Its error is
 * remembered and told once, by json_end(). Every key is a literal of ours.
 *
 * The reader is for untrusted bytes: it takes valid UTF-8 only, at most
 * JSON_DEPTH_MAX levels, no zero bytes written or escaped (they would cut a
 * string short), nothing after the value. What it allocates is at most 40
 * times the text, so the caller bounds the text.
 *
 * Errors:  -EUCLEAN: not JSON, or not of these bounds; -EMSGSIZE: the text is
 *          longer than its maximum; -ENOMEM. Not logged.
 * Memory:  what a reader's accessor returns belongs to the tree.
 * Threads: one at a time per object.
 * Source:  RFC 8259.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/macros.h"

#define JSON_DEPTH_MAX 32

/* --- writing --- */

struct json_out {
	struct buf *buf;
	int err;
	unsigned int depth;
	uint64_t arrays; /* bit n: level n is an array */
	bool comma;	 /* something stands before at this level */
};

#define JSON_OUT(b) ((struct json_out){ (b), 0, 0, 0, false })

/* key is NULL inside an array and at the top. */
void json_object(struct json_out *j, const char *key);
void json_array(struct json_out *j, const char *key);
/* End the innermost object or array. */
void json_close(struct json_out *j);

/* Bytes that are not UTF-8 are written as U+FFFD. s NULL: null. */
void json_str(struct json_out *j, const char *key, const char *s);
void json_strn(struct json_out *j, const char *key, struct span s);
void json_u64(struct json_out *j, const char *key, uint64_t v);
void json_i64(struct json_out *j, const char *key, int64_t v);
/* Not a number or infinite: null. */
void json_double(struct json_out *j, const char *key, double v);
void json_bool(struct json_out *j, const char *key, bool v);
/* A name of any bytes: KEY as json_strn(), and if that lost something also
 * KEY_b64 with the exact bytes in base64. Only inside an object. */
void json_name(struct json_out *j, const char *key, struct span name);
/* Lower-case hex of the bytes. */
void json_hex(struct json_out *j, const char *key, const void *p, size_t n);
/* The error, if there was one. Everything must be closed. */
MUST_CHECK int json_end(struct json_out *j);

/* --- reading --- */

struct json;

#define CLEANUP_JSON CLEANUP(json_cleanup)

/* Parse text of at most max bytes. *out is owned by the caller. */
MUST_CHECK int json_parse(struct span text, size_t max, struct json **out);
/* NULL is allowed; only what json_parse() gave. */
void json_free(struct json *j);
void json_cleanup(struct json **j);

/* The member of an object, or NULL. Of two with one name, the first. */
const struct json *json_get(const struct json *j, const char *key);
bool json_is_object(const struct json *j);
bool json_is_array(const struct json *j);
/* Walk an array or object; NULL at the end. */
const struct json *json_first(const struct json *j);
const struct json *json_next(const struct json *item);
/* The member's name, or NULL for an array's item. */
const char *json_key(const struct json *item);

/* The value of j (which may be NULL), or NULL if it is no string. */
const char *json_to_str(const struct json *j);
/* -EUCLEAN if it is no integer of 0..2^53: others are not exact in JSON. */
MUST_CHECK int json_to_u64(const struct json *j, uint64_t *out);
/* -EUCLEAN if it is no string of n bytes in hex. */
MUST_CHECK int json_to_hex(const struct json *j, uint8_t *out, size_t n);
MUST_CHECK int json_to_bool(const struct json *j, bool *out);

#endif /* BASE_JSON_H */
