/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uri.c - a request's target, taken apart.
 */
#include "vault/http/uri.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decode text in place. What it stands for is plain text. */
static int unescape(char *text, bool is_query)
{
	const char *from = text;
	char *to = text;

	while (*from) {
		int c = (unsigned char)*from++;

		if (c == '%') {
			int high = hex_digit(from[0]);
			int low = high < 0 ? -1 : hex_digit(from[1]);

			if (low < 0)
				return -EINVAL;
			c = high << 4 | low;
			from += 2;
			if (c == '/' && !is_query)
				return -EINVAL;
		} else if (c == '+' && is_query) {
			c = ' ';
		}
		if (c < ' ' || c == 0x7f)
			return -EINVAL;
		*to++ = (char)c;
	}
	*to = '\0';
	return utf8_is_valid(text, (size_t)(to - text)) ? 0 : -EINVAL;
}

static int add_segment(struct uri *u, char *text)
{
	if (unescape(text, false) < 0 || !strcmp(text, ".") ||
	    !strcmp(text, ".."))
		return -EINVAL;
	if (u->n_segments == URI_SEGMENTS_MAX)
		return -EMSGSIZE;
	u->segments[u->n_segments++] = text;
	return 0;
}

/* The last may be empty: "/secrets/NAME/" asks for the newest version. */
static int take_path(struct uri *u, char *path)
{
	char *next;
	int e = 0;

	if (*path != '/')
		return -EINVAL;
	while (path[1] == '/')
		path++;
	for (path++; path && e == 0; path = next) {
		next = strchr(path, '/');
		if (next)
			*next++ = '\0';
		e = add_segment(u, path);
	}
	return e;
}

static int take_query(struct uri *u, char *query)
{
	char *next, *value;

	for (; query; query = next) {
		next = strchr(query, '&');
		if (next)
			*next++ = '\0';
		if (!*query)
			continue;
		value = strchr(query, '=');
		if (value)
			*value++ = '\0';
		else
			value = query + strlen(query);
		if (unescape(query, true) < 0 || unescape(value, true) < 0)
			return -EINVAL;
		if (u->n_parameters == URI_PARAMETERS_MAX)
			return -EMSGSIZE;
		u->parameters[u->n_parameters++] =
			(struct uri_parameter){ query, value };
	}
	return 0;
}

int uri_parse(const char *text, struct uri *out)
{
	char *query;
	int e;

	memset(out, 0, sizeof(*out));
	if (strlen(text) > URI_MAX)
		return -EMSGSIZE;
	out->text = strdup(text);
	out->parts = strdup(text);
	if (!out->text || !out->parts) {
		uri_release(out);
		return -ENOMEM;
	}
	out->path = out->text;
	out->text[strcspn(out->text, "?")] = '\0';
	query = strchr(out->parts, '?');
	if (query)
		*query++ = '\0';
	e = take_path(out, out->parts);
	if (e == 0)
		e = take_query(out, query);
	if (e < 0)
		uri_release(out);
	return e;
}

int uri_parse_form(struct span body, struct uri *out)
{
	int e;

	memset(out, 0, sizeof(*out));
	if (body.len > URI_FORM_MAX)
		return -EMSGSIZE;
	if (memchr(body.p ?: (const uint8_t *)"", '\0', body.len))
		return -EINVAL;
	out->parts = strndup((const char *)body.p ?: "", body.len);
	if (!out->parts)
		return -ENOMEM;
	out->form_len = body.len;
	e = take_query(out, out->parts);
	if (e < 0)
		uri_release(out);
	return e;
}

void uri_release(struct uri *u)
{
	free(u->text);
	if (u->form_len) /* it may hold a secret */
		explicit_bzero(u->parts, u->form_len);
	free(u->parts);
	memset(u, 0, sizeof(*u));
}

const char *uri_parameter(const struct uri *u, const char *name)
{
	unsigned int i;

	for (i = 0; i < u->n_parameters; i++)
		if (!strcasecmp(u->parameters[i].name, name))
			return u->parameters[i].value;
	return NULL;
}
