/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vault_limiter.c - who asks for too much waits, and nobody else does.
 */
#include "testdir.h"
#include "vault/http/limiter.h"

#define S LIMITER_SECOND

static struct limiter *make(uint64_t rate, uint64_t seconds, unsigned int names)
{
	struct limiter_options opt = { rate, seconds, names };
	struct limiter *l;

	assert_int_equal(0, limiter_new(&opt, &l));
	return l;
}

static unsigned int ask(struct limiter *l, const char *name, uint64_t now)
{
	return limiter_ask(l, name, now, 1);
}

static void test_a_full_bucket_then_the_rate(void **state)
{
	struct limiter *l = make(10, 2, 100);
	uint64_t now = 1000 * S;
	unsigned int i, taken = 0;

	(void)state;
	for (i = 0; i < 20; i++)
		assert_int_equal(0, ask(l, "a", now));
	assert_int_equal(1, ask(l, "a", now));
	/* a refusal costs nothing; others have buckets of their own */
	assert_int_equal(0, ask(l, "b", now));
	for (i = 0; i < 1000; i++)
		taken += ask(l, "a", now + i * S / 100) == 0;
	assert_in_range(taken, 99, 101); /* of 10 seconds */
	limiter_free(l);
}

static void test_debt_is_told_and_paid(void **state)
{
	struct limiter *l = make(100, 1, 100);
	uint64_t now = 5 * S;

	(void)state;
	assert_int_equal(0, limiter_wait(l, "a", now));
	limiter_take(l, "a", now, 1000);
	assert_int_equal(10, limiter_wait(l, "a", now));
	assert_int_equal(1, limiter_wait(l, "a", now + 9 * S));
	assert_int_equal(0, limiter_wait(l, "a", now + 9 * S + 1));
	/* nobody waits for ever, whatever was taken */
	limiter_take(l, "b", now, UINT64_MAX);
	limiter_take(l, "b", now, UINT64_MAX);
	assert_in_range(limiter_wait(l, "b", now), 3000, 3601);
	assert_int_equal(0, limiter_wait(l, "b", now + 3602 * S));
	limiter_free(l);
}

static void test_no_rate_is_no_limit(void **state)
{
	struct limiter *l = make(0, 1, 8);

	(void)state;
	limiter_take(l, "a", S, UINT64_MAX);
	assert_int_equal(0, ask(l, "a", S));
	limiter_free(l);
}

/* A stranger with any number of addresses does not free one that waits. */
static void test_many_names_do_not_pay_a_debt(void **state)
{
	struct limiter *l = make(1, 1, 64);
	uint64_t now = 100 * S;
	char name[32];
	unsigned int i;

	(void)state;
	limiter_take(l, "bad", now, 500);
	for (i = 0; i < 10000; i++) {
		snprintf(name, sizeof(name), "10.0.%u.%u", i / 256, i % 256);
		(void)!ask(l, name, now);
	}
	assert_true(limiter_wait(l, "bad", now) > 400);
	limiter_free(l);
}

static void test_a_network_is_one_name(void **state)
{
	char a[LIMITER_NAME_MAX + 1], b[LIMITER_NAME_MAX + 1];

	(void)state;
	assert_string_equal("2001:db8:1:2::/64",
			    limiter_name_of_address("2001:db8:1:2:3:4:5:6", a));
	assert_string_equal(a, limiter_name_of_address("2001:db8:1:2::9", b));
	assert_string_not_equal(a,
				limiter_name_of_address("2001:db8:1:3::9", b));
	assert_string_equal("10.1.2.3", limiter_name_of_address("10.1.2.3", a));
	assert_string_equal("::ffff:10.1.2.3",
			    limiter_name_of_address("::ffff:10.1.2.3", a));
	assert_string_equal("local", limiter_name_of_address("local", a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_full_bucket_then_the_rate),
		cmocka_unit_test(test_debt_is_told_and_paid),
		cmocka_unit_test(test_no_rate_is_no_limit),
		cmocka_unit_test(test_many_names_do_not_pay_a_debt),
		cmocka_unit_test(test_a_network_is_one_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
