/* SPDX-License-Identifier: Apache-2.0 */
/*
 * id.c - which resource is meant: the ids of Azure Resource Manager.
 */
#include "vault/arm/id.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

struct cursor {
	const char *const *v;
	unsigned int n, at;
};

static bool is_at(const struct cursor *c, const char *word)
{
	return c->at < c->n && !strcasecmp(c->v[c->at], word);
}

/* The name behind a word, if the word is next. */
static int take_named(struct cursor *c, const char *word, const char **out)
{
	if (!is_at(c, word) || c->at + 1 == c->n)
		return 0;
	*out = c->v[c->at + 1];
	c->at += 2;
	return **out ? 0 : -EINVAL;
}

/* Types and names up to the next "providers" or the end. */
static int take_parts(struct cursor *c, struct arm_id *out)
{
	out->n_parts = 0;
	while (c->at < c->n && !is_at(c, "providers")) {
		struct arm_part *p = &out->parts[out->n_parts];

		if (out->n_parts == ARM_DEPTH_MAX)
			return -EMSGSIZE;
		p->type = c->v[c->at++];
		p->name = c->at < c->n ? c->v[c->at++] : NULL;
		if (!*p->type || (p->name && !*p->name))
			return -EINVAL;
		out->n_parts++;
	}
	return 0;
}

int arm_id_parse(const char *const *segments, unsigned int n,
		 struct arm_id *out)
{
	struct cursor c = { segments, n, 0 };
	int e;

	memset(out, 0, sizeof(*out));
	if (n > 0 && !*segments[n - 1])
		c.n--;
	e = take_named(&c, "subscriptions", &out->subscription);
	if (e == 0 && out->subscription)
		e = take_named(&c, "resourceGroups", &out->group);
	out->scope_segments = c.n;
	while (e == 0 && is_at(&c, "providers") && c.at + 1 < c.n) {
		out->scope_segments = c.at;
		out->provider = c.v[c.at + 1];
		c.at += 2;
		e = *out->provider ? take_parts(&c, out) : -EINVAL;
		/* what has no name is no scope for another provider */
		if (e == 0 && c.at < c.n && out->n_parts > 0 &&
		    !out->parts[out->n_parts - 1].name)
			e = -EINVAL;
	}
	return e;
}

int arm_id_of_text(const char *text, struct uri *uri, struct arm_id *out)
{
	int e = strlen(text) < ARM_ID_MAX ? uri_parse(text, uri) : -EMSGSIZE;

	if (e < 0)
		return e;
	e = arm_id_parse(uri->segments, uri->n_segments, out);
	if (e < 0)
		uri_release(uri);
	return e;
}

int arm_path(const char *const *segments, unsigned int n,
	     char out[static ARM_ID_MAX])
{
	size_t at = 0, len;
	unsigned int i;

	out[0] = '/';
	out[1] = '\0';
	for (i = 0; i < n; i++) {
		len = strlen(segments[i]);
		if (len + 2 > ARM_ID_MAX - at)
			return -EMSGSIZE;
		out[at++] = '/';
		memcpy(out + at, segments[i], len + 1);
		at += len;
	}
	return 0;
}

bool arm_is_below(const char *path, const char *prefix)
{
	size_t len = strlen(prefix);

	if (len == 1 && *prefix == '/')
		return *path == '/';
	return !strncasecmp(path, prefix, len) &&
	       (!path[len] || path[len] == '/');
}
