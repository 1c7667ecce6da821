/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_vault_arm.c - ids of resources, and filters, as anybody may send them.
 *
 * The first byte chooses. An id that is taken is the same one when it is
 * written as a path and read again; a filter's terms are all within its text.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "vault/arm/filter.h"
#include "vault/arm/id.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_one(const char *a, const char *b)
{
	assert(!a == !b);
	assert(!a || !strcmp(a, b));
}

static void try_id(const char *text)
{
	char path[ARM_ID_MAX];
	struct uri uri;
	struct arm_id a, b;
	unsigned int n, i;

	if (arm_id_of_text(text, &uri, &a) < 0)
		return;
	n = uri.n_segments;
	assert(a.scope_segments <= n);
	assert(a.n_parts <= ARM_DEPTH_MAX);
	for (i = 0; i < a.n_parts; i++) {
		assert(a.parts[i].type && *a.parts[i].type);
		assert(a.parts[i].name || i + 1 == a.n_parts);
	}
	if (arm_path(uri.segments, n, path) == 0) {
		assert(arm_is_below(path, "/"));
		assert(arm_is_below(path, path));
		assert(arm_id_parse(uri.segments, n, &b) == 0);
		must_be_one(a.subscription, b.subscription);
		must_be_one(a.group, b.group);
		must_be_one(a.provider, b.provider);
	}
	uri_release(&uri);
}

static void try_filter(const char *text)
{
	struct filter f;
	size_t len = strlen(text);
	unsigned int i;

	if (filter_parse(text, &f) < 0)
		return;
	for (i = 0; i < f.n; i++) {
		const struct filter_term *t = &f.terms[i];

		assert(t->name >= f.text && t->name < f.text + len);
		assert(*t->name);
		assert(t->value || t->op == FILTER_CALL);
		assert(!t->value ||
		       (t->value >= f.text && t->value <= f.text + len));
		assert(filter_find(&f, t->name));
		(void)!filter_passes(&f, t->name, "x");
	}
	filter_release(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = size ? strndup((const char *)data + 1, size - 1) : NULL;

	if (!size)
		return 0;
	assert(text);
	if (data[0] & 1)
		try_id(text);
	else
		try_filter(text);
	free(text);
	return 0;
}
