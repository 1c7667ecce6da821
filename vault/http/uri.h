/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uri.h - a request's target, taken apart.
 *
 * Azure's clients escape names of parameters, too, and begin some paths with
 * two slashes; both are as good as what they mean. Refused: a segment that is
 * "." or "..", an escaped slash, a control byte, bytes that are not UTF-8,
 * anything escaped wrongly.
 *
 * Errors:  -EINVAL; -EMSGSIZE: longer, or more parts, than the limits below.
 * Memory:  uri_release(); all strings are within it.
 * Threads: one at a time.
 * Source:  RFC 3986; RFC 9112 section 3.2 (origin-form).
 */
#ifndef VAULT_HTTP_URI_H
#define VAULT_HTTP_URI_H

#include "base/buf.h"
#include "base/macros.h"

#define URI_MAX 8192 /* bytes */
#define URI_FORM_MAX (32u << 10)
#define URI_SEGMENTS_MAX 32
#define URI_PARAMETERS_MAX 32

struct uri {
	char *text, *parts;
	size_t form_len;  /* of parts, if it is a form's */
	const char *path; /* as sent, without the query */
	const char *segments[URI_SEGMENTS_MAX];
	unsigned int n_segments;
	struct uri_parameter {
		const char *name, *value;
	} parameters[URI_PARAMETERS_MAX];
	unsigned int n_parameters;
};

MUST_CHECK int uri_parse(const char *text, struct uri *out);
/* A form (application/x-www-form-urlencoded) instead: parameters only. */
MUST_CHECK int uri_parse_form(struct span body, struct uri *out);
void uri_release(struct uri *u);
/* The first of that name (letters in either case), or NULL. */
const char *uri_parameter(const struct uri *u, const char *name);

#endif /* VAULT_HTTP_URI_H */
