/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_uri.c - a request's target, or a form, as anybody may send it.
 *
 * What is accepted has no part that could leave a directory, and no bytes
 * that a log or a database would not want.
 */
#include <assert.h>
#include <string.h>

#include "base/utf8.h"
#include "vault/http/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_plain(const char *text)
{
	const char *p;

	assert(utf8_is_valid(text, strlen(text)));
	for (p = text; *p; p++)
		assert((unsigned char)*p >= ' ' && *p != 0x7f);
}

static void must_have_plain_parameters(const struct uri *u)
{
	unsigned int i;

	for (i = 0; i < u->n_parameters; i++) {
		must_be_plain(u->parameters[i].name);
		must_be_plain(u->parameters[i].value);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	struct uri u;
	unsigned int i;

	assert(text);
	if (uri_parse(text, &u) == 0) {
		assert(u.n_segments > 0);
		for (i = 0; i < u.n_segments; i++) {
			must_be_plain(u.segments[i]);
			assert(!strchr(u.segments[i], '/'));
			assert(strcmp(u.segments[i], ".") &&
			       strcmp(u.segments[i], ".."));
		}
		must_have_plain_parameters(&u);
		uri_release(&u);
	}
	free(text);
	/* zeros, too */
	if (uri_parse_form(SPAN(data, size), &u) == 0) {
		assert(!memchr(data, '\0', size));
		must_have_plain_parameters(&u);
		uri_release(&u);
	}
	return 0;
}
