/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vectors.c - reads published test vectors.
 *
 * Lines that begin with '#' or '[' and empty lines say nothing that the
 * values themselves do not. A record ends where its first key comes again.
 */
#include "tests/unit/vectors.h"

#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#ifndef VECTORS_DIR
#define VECTORS_DIR "/usr/lib/python3/dist-packages/cryptography_vectors"
#endif
#define FIELDS_MAX 32

struct field {
	char *key;
	char *value;
	uint8_t *bytes; /* the value from hex, once asked for */
};

struct vectors {
	FILE *file;
	const char *first;
	char *line; /* getline's */
	size_t size;
	bool pending; /* line begins the next record */
	struct field fields[FIELDS_MAX];
	size_t count;
};

struct vectors *vectors_open(const char *name, const char *first)
{
	struct vectors *v = calloc(1, sizeof(*v));
	const char *dir = getenv("VECTORS_DIR");
	char path[512];

	assert_non_null(v);
	snprintf(path, sizeof(path), "%s/%s", dir ? dir : VECTORS_DIR, name);
	v->first = first;
	v->file = fopen(path, "re");
	if (!v->file)
		fail_msg("%s: %s (Debian package python3-cryptography-vectors)",
			 path, strerror(errno));
	return v;
}

static void forget_record(struct vectors *v)
{
	size_t i;

	for (i = 0; i < v->count; i++) {
		free(v->fields[i].key);
		free(v->fields[i].value);
		free(v->fields[i].bytes);
	}
	v->count = 0;
}

void vectors_close(struct vectors *v)
{
	forget_record(v);
	fclose(v->file);
	free(v->line);
	free(v);
}

static struct field *find(const struct vectors *v, const char *key)
{
	size_t i;

	for (i = 0; i < v->count; i++) {
		if (strcmp(v->fields[i].key, key) == 0)
			return (struct field *)&v->fields[i];
	}
	return NULL;
}

static char *trimmed(const char *from, const char *to)
{
	char *s;

	while (from < to && isspace((unsigned char)*from))
		from++;
	while (to > from && isspace((unsigned char)to[-1]))
		to--;
	s = strndup(from, (size_t)(to - from));
	assert_non_null(s);
	return s;
}

/* Add v->line to the record; false if it begins the next one. */
static bool take_line(struct vectors *v)
{
	const char *end = v->line + strlen(v->line);
	const char *equals = strchr(v->line, '=');
	struct field f = { NULL, NULL, NULL };

	f.key = trimmed(v->line, equals ? equals : end);
	if (f.key[0] == '\0' || f.key[0] == '#' || f.key[0] == '[') {
		free(f.key);
		return true;
	}
	if (strcmp(f.key, v->first) == 0 && find(v, f.key)) {
		free(f.key);
		return false;
	}
	assert_true(v->count < FIELDS_MAX);
	f.value = trimmed(equals ? equals + 1 : end, end);
	v->fields[v->count++] = f;
	return true;
}

bool vectors_next(struct vectors *v)
{
	forget_record(v);
	if (v->pending)
		take_line(v);
	v->pending = false;
	while (!v->pending && getline(&v->line, &v->size, v->file) >= 0)
		v->pending = !take_line(v);
	return find(v, v->first) != NULL;
}

bool vectors_has(const struct vectors *v, const char *key)
{
	return find(v, key) != NULL;
}

const char *vectors_text(const struct vectors *v, const char *key)
{
	const struct field *f = find(v, key);

	if (!f)
		fail_msg("vector has no %s", key);
	return f->value;
}

uint64_t vectors_number(const struct vectors *v, const char *key)
{
	const char *text = vectors_text(v, key);
	char *end;
	uint64_t n;

	n = strtoull(text, &end, 10);
	if (end == text || *end)
		fail_msg("%s = %s is no number", key, text);
	return n;
}

struct span vectors_hex(struct vectors *v, const char *key)
{
	const char *text = vectors_text(v, key);
	struct field *f = find(v, key);
	size_t len = strlen(text);

	if (!f->bytes) {
		f->bytes = malloc(len / 2 + 1);
		assert_non_null(f->bytes);
		if (hex_decode(f->bytes, len / 2, text, len) < 0)
			fail_msg("%s = %s is not hex", key, text);
	}
	return SPAN(f->bytes, len / 2);
}
