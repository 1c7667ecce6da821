/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_vault_arm.c - ids of resources, and filters, as anybody may send them.
 *
 * The first byte chooses. An id that is taken is the same one when it is
 * written as a path and read again; a filter's terms are all within its text;
 * a policy that is taken is the same one when it is written and read again.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "vault/arm/filter.h"
#include "vault/arm/id.h"
#include "vault/arm/mab.h"

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

static int read_policy(struct span text, struct mab_policy *out)
{
	CLEANUP_JSON struct json *j = NULL;
	const char *why;
	int e = json_parse(text, 1u << 16, &j);

	return e < 0 ? e : mab_read(j, out, &why);
}

static void try_policy(const char *text)
{
	CLEANUP_BUF struct buf b = BUF_INIT(1u << 16);
	struct json_out j = JSON_OUT(&b);
	struct mab_policy p, again;

	if (read_policy(SPAN(text, strlen(text)), &p) < 0)
		return;
	assert(!gfs_mistake(&p.keep));
	json_object(&j, NULL);
	mab_write(&j, &p);
	json_close(&j);
	assert(json_end(&j) == 0);
	assert(read_policy(SPAN_OF(&b), &again) == 0);
	assert(!memcmp(&p.keep, &again.keep, sizeof(p.keep)));
	assert(p.schedule.n_times == again.schedule.n_times);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = size ? strndup((const char *)data + 1, size - 1) : NULL;

	if (!size)
		return 0;
	assert(text);
	switch (data[0] % 3) {
	case 0:
		try_filter(text);
		break;
	case 1:
		try_id(text);
		break;
	default:
		try_policy(text);
	}
	free(text);
	return 0;
}
