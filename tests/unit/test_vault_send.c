/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vault_send.c - signatures of what is sent: RFC 4231, cases 1 to 3 and 6.
 */
#include "testdir.h"
#include "vault/monitor/send.h"

static void check(const void *key, size_t key_len, const char *a, const char *b,
		  const char *want)
{
	uint8_t mac[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];

	assert_int_equal(0, send_sign(SPAN(key, key_len), SPAN(a, strlen(a)),
				      SPAN(b, strlen(b)), mac));
	assert_string_equal(want, hex_encode(hex, mac, sizeof(mac)));
}

static void test_signatures(void **state)
{
	uint8_t key[131];
	char data[51] = "";

	(void)state;
	memset(key, 0x0b, sizeof(key));
	check(key, 20, "Hi ", "There",
	      "b0344c61d8db38535ca8afceaf0bf12b"
	      "881dc200c9833da726e9376c2e32cff7");
	check("Jefe", 4, "what do ya want ", "for nothing?",
	      "5bdcc146bf60754e6a042426089575c7"
	      "5a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key));
	memset(data, 0xdd, 50);
	check(key, 20, data, "",
	      "773ea91e36800e46854db8ebd09181a7"
	      "2959098b3ef8c122d9635514ced565fe");
	/* a key longer than a block */
	check(key, 131, "Test Using Larger Than Block-Size Key - ",
	      "Hash Key First",
	      "60e431591ee0b67f0d8a26aacbf5b77f"
	      "8e0bc6213728c5140546040f0ee37f54");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signatures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
