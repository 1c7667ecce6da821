/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vault_arm.c - ids of resources, filters, tags.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vault/arm/filter.h"
#include "vault/arm/id.h"
#include "vault/arm/mab.h"
#include "vault/arm/tags.h"
#include "prng.h"

/* --- ids --- */

static void test_id_names_a_resource_in_a_group(void **state)
{
	struct arm_id id;
	struct uri uri;

	(void)state;
	assert_int_equal(
		0, arm_id_of_text("/Subscriptions/S/resourcegroups/R/providers/"
				  "N.X/vaults/v/items/a%3Bb",
				  &uri, &id));
	assert_string_equal("S", id.subscription);
	assert_string_equal("R", id.group);
	assert_string_equal("N.X", id.provider);
	assert_int_equal(2, id.n_parts);
	assert_string_equal("vaults", id.parts[0].type);
	assert_string_equal("a;b", id.parts[1].name);
	assert_int_equal(4, id.scope_segments);
	uri_release(&uri);
}

static void test_id_of_an_extension_has_a_resource_as_scope(void **state)
{
	char scope[ARM_ID_MAX];
	struct arm_id id;
	struct uri uri;

	(void)state;
	assert_int_equal(0, arm_id_of_text("//subscriptions/S/resourceGroups/R/"
					   "providers/A/vaults/v/providers/B/"
					   "roles/",
					   &uri, &id));
	assert_string_equal("B", id.provider);
	assert_int_equal(1, id.n_parts);
	assert_null(id.parts[0].name);
	assert_int_equal(0, arm_path(uri.segments, id.scope_segments, scope));
	assert_string_equal(
		"/subscriptions/S/resourceGroups/R/providers/A/vaults/v",
		scope);
	uri_release(&uri);
}

static void test_id_takes_a_group_named_providers(void **state)
{
	struct arm_id id;
	struct uri uri;

	(void)state;
	assert_int_equal(0, arm_id_of_text("/subscriptions/S/resourceGroups/"
					   "providers/providers/P/x/providers",
					   &uri, &id));
	assert_string_equal("providers", id.group);
	assert_string_equal("P", id.provider);
	assert_int_equal(1, id.n_parts);
	assert_string_equal("providers", id.parts[0].name);
	uri_release(&uri);
}

static void test_id_with_a_hole_is_none(void **state)
{
	static const char *const bad[] = {
		"",
		"x",
		"/subscriptions//resourceGroups/R",
		"/subscriptions/S/resourceGroups//providers/P/x",
		"/subscriptions/S/providers//x/y",
		"/subscriptions/S/providers/P/x//y/z",
		"/subscriptions/S/providers/P/x/../y",
		"/subscriptions/S/providers/P/x/a%2Fb",
		"/subscriptions/S/providers/P/x/a%00b",
	};
	struct arm_id id;
	struct uri uri;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(-EINVAL, arm_id_of_text(bad[i], &uri, &id));
}

static void test_id_is_limited(void **state)
{
	char text[2 * ARM_ID_MAX] = "/providers/P";
	struct arm_id id;
	struct uri uri;
	int i;

	(void)state;
	for (i = 0; i <= ARM_DEPTH_MAX; i++)
		strcat(text, "/t/n");
	assert_int_equal(-EMSGSIZE, arm_id_of_text(text, &uri, &id));
	memset(text, 'x', sizeof(text) - 1);
	text[0] = '/';
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(-EMSGSIZE, arm_id_of_text(text, &uri, &id));
}

static void test_below_is_by_whole_segments(void **state)
{
	(void)state;
	assert_true(arm_is_below("/a/b", "/a"));
	assert_true(arm_is_below("/A/b", "/a"));
	assert_true(arm_is_below("/a", "/a"));
	assert_true(arm_is_below("/a", "/"));
	assert_false(arm_is_below("/ab", "/a"));
	assert_false(arm_is_below("/a", "/a/b"));
}

/* --- filters --- */

static void test_filter_of_terms(void **state)
{
	struct filter f;

	(void)state;
	assert_int_equal(0, filter_parse("a eq 'x y' AND b.c NE 'it''s' and "
					 "n ge 5 and atScope()",
					 &f));
	assert_int_equal(4, f.n);
	assert_string_equal("x y", filter_find(&f, "A")->value);
	assert_int_equal(FILTER_NE, filter_find(&f, "b.c")->op);
	assert_string_equal("it's", filter_find(&f, "b.c")->value);
	assert_string_equal("5", filter_find(&f, "n")->value);
	assert_int_equal(FILTER_CALL, filter_find(&f, "atscope")->op);
	assert_null(filter_find(&f, "atscope")->value);
	assert_true(filter_passes(&f, "a", "X Y"));
	assert_false(filter_passes(&f, "a", "x"));
	assert_false(filter_passes(&f, "b.c", "it's"));
	assert_true(filter_passes(&f, "other", "x"));
	filter_release(&f);
	assert_int_equal(0, filter_parse(NULL, &f));
	assert_int_equal(0, f.n);
	filter_release(&f);
}

static void test_filter_that_is_half_understood_is_none(void **state)
{
	static const char *const bad[] = {
		"a",
		"a eq",
		"a eq '",
		"a eq 'x",
		"a is 'x'",
		"a eq 'x' or b",
		"a eq 'x' and",
		"a eq 'x' b eq 'y'",
		"f(",
		"f('x'",
		"f(x)",
		"eq 'x'",
		"'x' eq a",
		"a eq 'x'b eq 'y'",
		"1a eq 'x'",
	};
	struct filter f;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(-EINVAL, filter_parse(bad[i], &f));
}

static void test_filter_has_a_bound(void **state)
{
	char text[1024] = "a eq 'x'";
	struct filter f;
	int i;

	(void)state;
	for (i = 0; i < FILTER_TERMS_MAX; i++)
		strcat(text, " and a eq 'x'");
	assert_int_equal(-EMSGSIZE, filter_parse(text, &f));
}

/* --- tags --- */

static int tags_of(const char *text, struct buf *out)
{
	CLEANUP_JSON struct json *j = NULL;

	assert_int_equal(0, json_parse(SPAN(text, strlen(text)), 1 << 20, &j));
	return tags_text(j, out);
}

static void test_tags_are_words(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(TAGS_TEXT_MAX);
	CLEANUP_BUF struct buf written = BUF_INIT(TAGS_TEXT_MAX);
	struct json_out j = JSON_OUT(&written);

	(void)state;
	assert_int_equal(0, tags_of("{\"a\\\"b\":\"c\",\"d\":\"\"}", &b));
	json_object(&j, NULL);
	assert_int_equal(0, tags_write(&j, "tags", (const char *)b.p));
	json_close(&j);
	assert_int_equal(0, json_end(&j));
	assert_int_equal(0, buf_u8(&written, 0));
	assert_string_equal("{\"tags\":{\"a\\\"b\":\"c\",\"d\":\"\"}}",
			    (const char *)written.p);
	assert_int_equal(-EINVAL, tags_of("{\"a\":1}", &b));
	assert_int_equal(-EINVAL, tags_of("[\"a\"]", &b));
	assert_int_equal(-EINVAL, tags_of("\"a\"", &b));
	b.len = 0;
	assert_int_equal(0, tags_of("null", &b));
	assert_string_equal("{}", (const char *)b.p);
}

/* --- policies --- */

static int policy_of(struct span text, struct mab_policy *out)
{
	CLEANUP_JSON struct json *j = NULL;
	const char *why = NULL;

	assert_int_equal(0, json_parse(text, 1 << 20, &j));
	return mab_read(j, out, &why);
}

static unsigned int below(uint64_t *r, unsigned int n)
{
	return (unsigned int)(prng_next(r) % n);
}

static struct gfs_rule random_rule(uint64_t *r, enum gfs_unit unit)
{
	struct gfs_rule rule = { .count = 4 + below(r, 90) };

	if (unit == BY_WEEK || below(r, 2)) {
		rule.weekdays = (uint8_t)(1 + below(r, 127));
		if (unit != BY_WEEK)
			rule.weeks = (uint8_t)(1 + below(r, 31));
	} else {
		rule.days = 1 + below(r, (1u << 29) - 1);
	}
	if (unit == BY_YEAR)
		rule.months = (uint16_t)(1 + below(r, 4095));
	return rule;
}

static void test_policy_means_the_same_when_it_comes_back(void **state)
{
	uint64_t r = 7;
	unsigned int n, u;

	(void)state;
	for (n = 0; n < 2000; n++) {
		CLEANUP_BUF struct buf b = BUF_INIT(1 << 16);
		struct json_out j = JSON_OUT(&b);
		struct mab_policy p = { .keep = { .days = 7 +
							  below(&r, 9000) } };
		struct mab_policy back;

		for (u = BY_WEEK; u <= BY_YEAR; u++)
			if (below(&r, 2))
				p.keep.rules[u] = random_rule(&r, u);
		p.schedule.n_times = below(&r, MAB_TIMES_MAX + 1);
		for (u = 0; u < p.schedule.n_times; u++)
			p.schedule.times[u] = (uint16_t)below(&r, 1440);
		json_object(&j, NULL);
		mab_write(&j, &p);
		json_close(&j);
		assert_int_equal(0, json_end(&j));
		assert_int_equal(0, policy_of(SPAN_OF(&b), &back));
		assert_memory_equal(&p.keep, &back.keep, sizeof(p.keep));
		assert_memory_equal(p.schedule.times, back.schedule.times,
				    sizeof(p.schedule.times));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_id_names_a_resource_in_a_group),
		cmocka_unit_test(
			test_id_of_an_extension_has_a_resource_as_scope),
		cmocka_unit_test(test_id_takes_a_group_named_providers),
		cmocka_unit_test(test_id_with_a_hole_is_none),
		cmocka_unit_test(test_id_is_limited),
		cmocka_unit_test(test_below_is_by_whole_segments),
		cmocka_unit_test(test_filter_of_terms),
		cmocka_unit_test(test_filter_that_is_half_understood_is_none),
		cmocka_unit_test(test_filter_has_a_bound),
		cmocka_unit_test(test_tags_are_words),
		cmocka_unit_test(test_policy_means_the_same_when_it_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
