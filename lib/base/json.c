/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.c - a writer of its own, and cJSON behind bounds as the reader.
 *
 * cJSON's tree is never shown: struct json is its node by another name.
 */
#include "base/json.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/base64.h"
#include "base/utf8.h"

#define EXACT_MAX (1ull << 53)

/* --- writing --- */

static void put(struct json_out *j, const void *p, size_t n)
{
	if (j->err == 0)
		j->err = buf_append(j->buf, p, n);
}

static void put_byte(struct json_out *j, char c)
{
	put(j, &c, 1);
}

/* The text between the quotes. Runs that need nothing go as they are. */
static void put_text(struct json_out *j, struct span s)
{
	const uint8_t *p = s.p, *end = s.p + s.len, *from = p;

	while (p < end) {
		size_t n = utf8_len(p, (size_t)(end - p));
		char esc[8];

		if (n > 0 && *p >= 0x20 && *p != '"' && *p != '\\' &&
		    *p != 0x7f) {
			p += n;
			continue;
		}
		put(j, from, (size_t)(p - from));
		if (n == 0)
			put(j, "\xef\xbf\xbd", 3);
		else if (*p == '"' || *p == '\\')
			put(j, (char[]){ '\\', (char)*p }, 2);
		else if (*p == '\n')
			put(j, "\\n", 2);
		else
			put(j, esc,
			    (size_t)snprintf(esc, sizeof(esc), "\\u%04x", *p));
		from = ++p;
	}
	put(j, from, (size_t)(p - from));
}

/* What stands before a value: a comma, the key. */
static void lead(struct json_out *j, const char *key)
{
	if (j->comma)
		put_byte(j, ',');
	j->comma = true;
	if (!key)
		return;
	put_byte(j, '"');
	put_text(j, SPAN(key, strlen(key)));
	put(j, "\":", 2);
}

static void open_level(struct json_out *j, const char *key, bool array)
{
	assert(j->depth < JSON_DEPTH_MAX);
	lead(j, key);
	put_byte(j, array ? '[' : '{');
	j->depth++;
	j->arrays &= ~(1ull << j->depth);
	j->arrays |= (uint64_t)array << j->depth;
	j->comma = false;
}

void json_object(struct json_out *j, const char *key)
{
	open_level(j, key, false);
}

void json_array(struct json_out *j, const char *key)
{
	open_level(j, key, true);
}

void json_close(struct json_out *j)
{
	assert(j->depth > 0);
	put_byte(j, j->arrays >> j->depth & 1 ? ']' : '}');
	j->depth--;
	j->comma = true;
}

void json_strn(struct json_out *j, const char *key, struct span s)
{
	lead(j, key);
	put_byte(j, '"');
	put_text(j, s);
	put_byte(j, '"');
}

void json_str(struct json_out *j, const char *key, const char *s)
{
	if (s) {
		json_strn(j, key, SPAN(s, strlen(s)));
		return;
	}
	lead(j, key);
	put(j, "null", 4);
}

void json_u64(struct json_out *j, const char *key, uint64_t v)
{
	char text[24];

	lead(j, key);
	put(j, text, (size_t)snprintf(text, sizeof(text), "%" PRIu64, v));
}

void json_i64(struct json_out *j, const char *key, int64_t v)
{
	char text[24];

	lead(j, key);
	put(j, text, (size_t)snprintf(text, sizeof(text), "%" PRId64, v));
}

void json_double(struct json_out *j, const char *key, double v)
{
	char text[32];

	lead(j, key);
	if (!__builtin_isfinite(v))
		put(j, "null", 4);
	else
		put(j, text, (size_t)snprintf(text, sizeof(text), "%.9g", v));
}

void json_bool(struct json_out *j, const char *key, bool v)
{
	lead(j, key);
	put(j, v ? "true" : "false", v ? 4 : 5);
}

void json_name(struct json_out *j, const char *key, struct span name)
{
	json_strn(j, key, name);
	if (utf8_is_valid(name.p, name.len))
		return;
	put(j, ",\"", 2);
	put(j, key, strlen(key));
	put(j, "_b64\":\"", 7);
	if (j->err == 0)
		j->err = base64_append(j->buf, name);
	put_byte(j, '"');
}

void json_hex(struct json_out *j, const char *key, const void *p, size_t n)
{
	const uint8_t *b = p;
	char two[HEX_LEN(1)];
	size_t i;

	lead(j, key);
	put_byte(j, '"');
	for (i = 0; i < n; i++)
		put(j, hex_encode(two, b + i, 1), 2);
	put_byte(j, '"');
}

int json_end(struct json_out *j)
{
	assert(j->depth == 0);
	return j->err;
}

/* --- reading --- */

static const cJSON *node(const struct json *j)
{
	return (const cJSON *)j;
}

/*
 * What cJSON does not refuse and we do: bytes that are not UTF-8, zero bytes
 * in either form, and levels so many that its recursion goes deep.
 */
static int check_text(struct span text)
{
	unsigned int depth = 0;
	bool quoted = false;
	size_t i;

	if (!utf8_is_valid(text.p, text.len))
		return -EUCLEAN;
	for (i = 0; i < text.len; i++) {
		uint8_t c = text.p[i];

		if (c == '\0' || (quoted && c < 0x20))
			return -EUCLEAN;
		if (quoted && c == '\\') {
			if (text.len - i >= 6 &&
			    !memcmp(text.p + i, "\\u0000", 6))
				return -EUCLEAN;
			i++;
		} else if (c == '"') {
			quoted = !quoted;
		} else if (!quoted && (c == '{' || c == '[')) {
			if (++depth > JSON_DEPTH_MAX)
				return -EUCLEAN;
		} else if (!quoted && (c == '}' || c == ']') && depth > 0) {
			depth--;
		}
	}
	return 0;
}

int json_parse(struct span text, size_t max, struct json **out)
{
	CLEANUP_FREE char *copy = NULL;
	cJSON *tree;
	int r;

	if (text.len > max)
		return -EMSGSIZE;
	r = check_text(text);
	if (r < 0)
		return r;
	/* A string that ends in zero: cJSON's bounds by length have had
	 * mistakes (CVE-2023-26819 and before), a terminator cannot be
	 * read over. */
	copy = strndup(text.len ? (const char *)text.p : "", text.len);
	if (!copy)
		return -ENOMEM;
	tree = cJSON_ParseWithOpts(copy, NULL, 1);
	if (!tree)
		return -EUCLEAN;
	*out = (struct json *)tree;
	return 0;
}

void json_free(struct json *j)
{
	cJSON_Delete((cJSON *)j);
}

void json_cleanup(struct json **j)
{
	json_free(*j);
}

const struct json *json_get(const struct json *j, const char *key)
{
	return (const struct json *)cJSON_GetObjectItemCaseSensitive(node(j),
								     key);
}

bool json_is_object(const struct json *j)
{
	return cJSON_IsObject(node(j));
}

bool json_is_array(const struct json *j)
{
	return cJSON_IsArray(node(j));
}

const struct json *json_first(const struct json *j)
{
	if (!json_is_object(j) && !json_is_array(j))
		return NULL;
	return (const struct json *)node(j)->child;
}

const struct json *json_next(const struct json *item)
{
	return (const struct json *)node(item)->next;
}

const char *json_key(const struct json *item)
{
	return node(item)->string;
}

const char *json_to_str(const struct json *j)
{
	return cJSON_IsString(node(j)) ? node(j)->valuestring : NULL;
}

int json_to_u64(const struct json *j, uint64_t *out)
{
	double v;

	if (!cJSON_IsNumber(node(j)))
		return -EUCLEAN;
	v = node(j)->valuedouble;
	if (!(v >= 0 && v <= (double)EXACT_MAX) || v != (double)(uint64_t)v)
		return -EUCLEAN;
	*out = (uint64_t)v;
	return 0;
}

int json_to_hex(const struct json *j, uint8_t *out, size_t n)
{
	const char *hex = json_to_str(j);

	return hex && hex_decode(out, n, hex, strlen(hex)) == 0 ? 0 : -EUCLEAN;
}

int json_to_bool(const struct json *j, bool *out)
{
	if (!cJSON_IsBool(node(j)))
		return -EUCLEAN;
	*out = cJSON_IsTrue(node(j));
	return 0;
}
