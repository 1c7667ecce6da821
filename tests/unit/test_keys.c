/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_keys.c - the config, and slots: who gets in, and at what price.
 *
 * Each opening of a slot takes what the passphrase's derivation takes, so
 * what can be told without one is tested on the clear part.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo/keys.h"
#include "tests/unit/prng.h"

#define PASS "correct horse battery staple"
#define OFF_KDF 11
#define OFF_COST 12
#define OFF_SALT 24
#define OFF_COMMITMENT 56
#define OFF_CREATED 88
#define OFF_LABEL 96

static const struct kdf_choice argon2id = { KDF_ARGON2ID, KDF_MEMORY_MIN };

static struct keyring ring;
static struct buf config = BUF_INIT(CONFIG_MAX);
static struct buf slot = BUF_INIT(KEY_SLOT_MAX); /* Argon2id */

static const struct config good_config = {
	.created_ns = 1700000000123456789u,
	.cdc_min = CDC_MIN,
	.cdc_avg = CDC_AVG,
	.cdc_max = CDC_MAX,
};

static int make_slot(void **state)
{
	struct config c = good_config;

	(void)state;
	prng_fill(1, c.repo_id, sizeof(c.repo_id));
	memcpy(ring.repo_id, c.repo_id, sizeof(c.repo_id));
	ring.count = 3;
	prng_fill(2, ring.master, 3 * sizeof(ring.master[0]));
	if (config_encode(&c, &config) < 0)
		return -1;
	return key_slot_seal(&ring, SPAN_OF(&config), SPAN(PASS, strlen(PASS)),
			     argon2id, "user@host", &slot);
}

static int free_slot(void **state)
{
	(void)state;
	buf_release(&config);
	buf_release(&slot);
	return 0;
}

static int open_slot(const struct buf *bytes, const char *pass,
		     struct keyring *out)
{
	memset(out, 0, sizeof(*out));
	return key_slot_open(SPAN_OF(bytes), SPAN_OF(&config),
			     SPAN(pass, strlen(pass)), out);
}

/* --- config --- */

static void test_config_round_trip(void **state)
{
	struct config c;

	(void)state;
	assert_int_equal(config_decode(SPAN_OF(&config), &c), 0);
	assert_memory_equal(c.repo_id, ring.repo_id, REPO_ID_LEN);
	assert_int_equal(c.created_ns, good_config.created_ns);
	assert_int_equal(c.cdc_min, CDC_MIN);
	assert_int_equal(c.cdc_avg, CDC_AVG);
	assert_int_equal(c.cdc_max, CDC_MAX);
}

/* "Not ours" is told from "damaged", for the message that a person gets. */
static void test_config_damage(void **state)
{
	struct config c;
	size_t i;

	(void)state;
	for (i = 0; i < config.len * 8; i++) {
		int r;

		config.p[i / 8] ^= (uint8_t)(1u << i % 8);
		r = config_decode(SPAN_OF(&config), &c);
		config.p[i / 8] ^= (uint8_t)(1u << i % 8);
		if (i / 8 < FORMAT_MAGIC_LEN)
			assert_int_equal(r, -ENOMSG);
		else if (i / 8 == 8 || i / 8 == 9)
			assert_true(r == -EPROTONOSUPPORT || r == -EUCLEAN);
		else
			assert_int_equal(r, -EUCLEAN);
	}
	for (i = 0; i < config.len; i++)
		assert_int_equal(config_decode(SPAN(config.p, i), &c),
				 i < 12 ? -ENOMSG : -EUCLEAN);
	assert_int_equal(config_decode(SPAN("[core]\n\tbare = true\n", 20), &c),
			 -ENOMSG);
}

/* Sound sums over lengths that would make the chunker fail or loop. */
static void test_config_limits(void **state)
{
	static const uint32_t bad[][3] = {
		{ 0, CDC_AVG, CDC_MAX },
		{ 65535, 65535 + 65536, CDC_MAX },
		{ CDC_MIN, CDC_MIN, CDC_MAX },
		{ CDC_MIN, CDC_MIN - 1, CDC_MAX },
		{ CDC_MIN, CDC_AVG, CDC_AVG },
		{ CDC_MIN, CDC_AVG, CHUNK_MAX + 1 },
		{ CDC_MIN, CDC_AVG, UINT32_MAX },
		{ CDC_MIN, CDC_AVG + 1, CDC_MAX },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		CLEANUP_BUF struct buf b = BUF_INIT(CONFIG_MAX);
		struct config c = good_config;

		c.cdc_min = bad[i][0];
		c.cdc_avg = bad[i][1];
		c.cdc_max = bad[i][2];
		assert_int_equal(config_encode(&c, &b), 0);
		assert_int_equal(config_decode(SPAN_OF(&b), &c), -EUCLEAN);
	}
}

/* --- slots --- */

static void assert_opens(const struct buf *bytes, const char *pass)
{
	struct keyring got;

	assert_int_equal(open_slot(bytes, pass, &got), 0);
	assert_int_equal(got.count, ring.count);
	assert_memory_equal(got.master, ring.master,
			    (size_t)ring.count * AEAD_KEY_LEN);
}

static void test_slot_round_trip(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(KEY_SLOT_MAX);
	struct key_slot s;

	(void)state;
	assert_int_equal(key_slot_decode(SPAN_OF(&slot), &s), 0);
	assert_int_equal(s.kdf, KDF_ARGON2ID);
	assert_string_equal(s.label, "user@host");
	assert_true(s.created_ns > good_config.created_ns);
	assert_opens(&slot, PASS);
	assert_int_equal(key_slot_seal(&ring, SPAN_OF(&config),
				       SPAN("another passphrase", 18),
				       (struct kdf_choice){ KDF_SCRYPT, 0 }, "",
				       &b),
			 0);
	assert_int_equal(key_slot_decode(SPAN_OF(&b), &s), 0);
	assert_int_equal(s.kdf, KDF_SCRYPT);
	assert_int_equal(s.cost[0], 1u << 17);
	assert_opens(&b, "another passphrase");
	/* the size does not tell how many master keys there are */
	assert_int_equal(b.len + strlen("user@host"), slot.len);
}

static void test_memory_of_a_slot(void **state)
{
	static const struct {
		struct kdf_choice kdf;
		int result;
	} cases[] = {
		{ { KDF_ARGON2ID, KDF_MEMORY_MIN - 1 }, -EINVAL },
		{ { KDF_ARGON2ID, KDF_MEMORY_MIN }, 0 },
		{ { KDF_ARGON2ID, 0 }, 0 },
		{ { KDF_ARGON2ID, KDF_MEMORY_MAX + 1 }, -EINVAL },
		{ { KDF_SCRYPT, KDF_MEMORY_MIN }, -EINVAL },
	};
	struct key_slot s;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP_BUF struct buf b = BUF_INIT(KEY_SLOT_MAX);
		uint32_t mib = cases[i].kdf.memory ?: 64;

		assert_int_equal(key_slot_seal(&ring, SPAN_OF(&config),
					       SPAN(PASS, strlen(PASS)),
					       cases[i].kdf, "", &b),
				 cases[i].result);
		if (cases[i].result < 0)
			continue;
		assert_int_equal(key_slot_decode(SPAN_OF(&b), &s), 0);
		assert_int_equal(s.cost[1], mib << 10);
		assert_opens(&b, PASS);
	}
}

/* Someone who mistyped is told so; someone whose slot rotted is not sent to
 * look for another passphrase. */
static void test_wrong_passphrase_or_damaged_slot(void **state)
{
	struct keyring got;
	size_t at;

	(void)state;
	assert_int_equal(open_slot(&slot, PASS "r", &got), -EKEYREJECTED);
	assert_int_equal(open_slot(&slot, "", &got), -EKEYREJECTED);
	/* in the sealed part: first, middle, the tag's last byte */
	for (at = slot.len - 1040; at < slot.len; at += 1039 / 2) {
		slot.p[at] ^= 1;
		assert_int_equal(open_slot(&slot, PASS, &got), -EBADMSG);
		assert_int_equal(got.count, 0);
		slot.p[at] ^= 1;
	}
	slot.p[slot.len - 1] ^= 0x80;
	assert_int_equal(open_slot(&slot, PASS, &got), -EBADMSG);
	slot.p[slot.len - 1] ^= 0x80;
	/* clear bytes that the key does not depend on are bound to it */
	slot.p[OFF_CREATED] ^= 1;
	assert_int_equal(open_slot(&slot, PASS, &got), -EBADMSG);
	slot.p[OFF_CREATED] ^= 1;
	slot.p[OFF_LABEL + 1] ^= 1;
	assert_int_equal(open_slot(&slot, PASS, &got), -EBADMSG);
	slot.p[OFF_LABEL + 1] ^= 1;
	/* salt, commitment and cost change the key: as a wrong passphrase */
	slot.p[OFF_SALT] ^= 1;
	assert_int_equal(open_slot(&slot, PASS, &got), -EKEYREJECTED);
	slot.p[OFF_SALT] ^= 1;
	slot.p[OFF_COMMITMENT + 31] ^= 1;
	assert_int_equal(open_slot(&slot, PASS, &got), -EKEYREJECTED);
	slot.p[OFF_COMMITMENT + 31] ^= 1;
	slot.p[OFF_COST]++;
	assert_int_equal(open_slot(&slot, PASS, &got), -EKEYREJECTED);
	slot.p[OFF_COST]--;
	assert_opens(&slot, PASS);
}

/* A config that was exchanged under the same slot. */
static void test_config_is_bound(void **state)
{
	CLEANUP_BUF struct buf other = BUF_INIT(CONFIG_MAX);
	struct config c;
	struct keyring got;

	(void)state;
	assert_int_equal(config_decode(SPAN_OF(&config), &c), 0);
	c.cdc_max = CHUNK_MAX;
	assert_int_equal(config_encode(&c, &other), 0);
	assert_int_equal(key_slot_open(SPAN_OF(&slot), SPAN_OF(&other),
				       SPAN(PASS, strlen(PASS)), &got),
			 -EBADMSG);
}

/* Below: the work could be skipped. Above: a hostile slot could burn hours or
 * gigabytes. All refused before anything is derived. */
static void test_cost_floors_and_ceilings(void **state)
{
	static const struct {
		uint32_t kdf, cost[3];
		int want;
	} cases[] = {
		{ KDF_ARGON2ID, { 3, 65536, 4 }, 0 },
		{ KDF_ARGON2ID, { 2, 19456, 1 }, 0 },
		{ KDF_ARGON2ID, { 1, 38912, 1 }, 0 },
		{ KDF_ARGON2ID, { 1, 19456, 1 }, -EUCLEAN },
		{ KDF_ARGON2ID, { 2, 19455, 1 }, -EUCLEAN },
		{ KDF_ARGON2ID, { 3, 19455, 1 }, -EUCLEAN },
		{ KDF_ARGON2ID, { 3, 19456, 1 }, 0 },
		{ KDF_ARGON2ID, { 64, 8, 1 }, -EUCLEAN },
		{ KDF_ARGON2ID, { 0, 65536, 4 }, -EUCLEAN },
		{ KDF_ARGON2ID, { 3, 65536, 0 }, -EUCLEAN },
		{ KDF_ARGON2ID, { 64, 2u << 20, 64 }, 0 },
		{ KDF_ARGON2ID, { 65, 65536, 4 }, -EUCLEAN },
		{ KDF_ARGON2ID, { 3, (2u << 20) + 1, 4 }, -EUCLEAN },
		{ KDF_ARGON2ID, { 3, UINT32_MAX, 4 }, -EUCLEAN },
		{ KDF_ARGON2ID, { UINT32_MAX, 65536, 4 }, -EUCLEAN },
		{ KDF_ARGON2ID, { 3, 65536, 65 }, -EUCLEAN },
		{ KDF_SCRYPT, { 1u << 17, 8, 1 }, 0 },
		{ KDF_SCRYPT, { 1u << 15, 8, 1 }, 0 },
		{ KDF_SCRYPT, { 1u << 14, 8, 1 }, -EUCLEAN },
		{ KDF_SCRYPT, { 1u << 14, 8, 2 }, -EUCLEAN },
		{ KDF_SCRYPT, { 1u << 17, 7, 1 }, -EUCLEAN },
		{ KDF_SCRYPT, { (1u << 17) + 1, 8, 1 }, -EUCLEAN },
		{ KDF_SCRYPT, { 0, 8, 1 }, -EUCLEAN },
		{ KDF_SCRYPT, { 1u << 17, 8, 0 }, -EUCLEAN },
		{ KDF_SCRYPT, { 1u << 21, 8, 1 }, 0 },
		{ KDF_SCRYPT, { 1u << 22, 8, 1 }, -EUCLEAN },
		{ KDF_SCRYPT, { 1u << 31, 64, 1 }, -EUCLEAN },
		{ KDF_SCRYPT, { 1u << 17, 65, 1 }, -EUCLEAN },
		{ KDF_SCRYPT, { 1u << 17, 8, 65 }, -EUCLEAN },
		{ KDF_SCRYPT, { 1u << 17, UINT32_MAX, 1 }, -EUCLEAN },
		{ 0, { 3, 65536, 4 }, -EPROTONOSUPPORT },
		{ 3, { 3, 65536, 4 }, -EPROTONOSUPPORT },
		{ 255, { 3, 65536, 4 }, -EPROTONOSUPPORT },
	};
	size_t i, k;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP_BUF struct buf b = BUF_INIT(KEY_SLOT_MAX);
		struct key_slot s;
		struct keyring got;
		int r;

		assert_int_equal(buf_append(&b, slot.p, slot.len), 0);
		b.p[OFF_KDF] = (uint8_t)cases[i].kdf;
		for (k = 0; k < 3; k++)
			put_le32(b.p + OFF_COST + 4 * k, cases[i].cost[k]);
		r = key_slot_decode(SPAN_OF(&b), &s);
		if (r != cases[i].want)
			print_error("case %zu\n", i);
		assert_int_equal(r, cases[i].want);
		if (r < 0)
			assert_int_equal(open_slot(&b, PASS, &got), r);
	}
}

static void test_slot_structure(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(KEY_SLOT_MAX);
	struct key_slot s;
	size_t i;

	(void)state;
	for (i = 0; i < slot.len; i++) {
		uint8_t *copy = malloc(i + 1);
		int r;

		assert_non_null(copy);
		memcpy(copy, slot.p, i);
		r = key_slot_decode(SPAN(copy, i), &s);
		free(copy);
		assert_int_equal(r, -EUCLEAN);
	}
	assert_int_equal(buf_append(&b, slot.p, slot.len), 0);
	assert_int_equal(buf_u8(&b, 0), 0);
	assert_int_equal(key_slot_decode(SPAN_OF(&b), &s), -EUCLEAN);
	b.len--;
	b.p[0] ^= 1;
	assert_int_equal(key_slot_decode(SPAN_OF(&b), &s), -EUCLEAN);
	b.p[0] ^= 1;
	b.p[8] = 2;
	assert_int_equal(key_slot_decode(SPAN_OF(&b), &s), -EPROTONOSUPPORT);
	b.p[8] = 0;
	assert_int_equal(key_slot_decode(SPAN_OF(&b), &s), -EUCLEAN);
	b.p[8] = 1;
	b.p[10] = OBJECT_CONFIG;
	assert_int_equal(key_slot_decode(SPAN_OF(&b), &s), -EUCLEAN);
	b.p[10] = OBJECT_KEY;
	b.p[OFF_LABEL + 2] = '\0';
	assert_int_equal(key_slot_decode(SPAN_OF(&b), &s), -EUCLEAN);
	b.p[OFF_LABEL + 2] = 's';
	assert_int_equal(key_slot_decode(SPAN_OF(&b), &s), 0);
}

static void test_long_label(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(KEY_SLOT_MAX);
	char label[300];
	struct key_slot s;

	(void)state;
	memset(label, 'x', sizeof(label));
	label[sizeof(label) - 1] = '\0';
	assert_int_equal(key_slot_seal(&ring, SPAN_OF(&config),
				       SPAN(PASS, strlen(PASS)), argon2id,
				       label, &b),
			 0);
	assert_int_equal(key_slot_decode(SPAN_OF(&b), &s), 0);
	assert_int_equal(strlen(s.label), KEY_LABEL_MAX);
}

/* Ids and cuts hang on the oldest master key, so they outlast a rekey; and no
 * two purposes, nor two repositories, share a key. */
static void test_subkeys(void **state)
{
	uint8_t a[32], b[32];
	struct keyring more = ring;

	(void)state;
	assert_int_equal(keyring_subkey(&ring, "id data", a, sizeof(a)), 0);
	more.count++;
	memset(more.master[3], 9, AEAD_KEY_LEN);
	assert_int_equal(keyring_subkey(&more, "id data", b, sizeof(b)), 0);
	assert_memory_equal(a, b, sizeof(a));
	assert_int_equal(keyring_subkey(&ring, "id tree", b, sizeof(b)), 0);
	assert_memory_not_equal(a, b, sizeof(a));
	more.repo_id[3] ^= 1;
	assert_int_equal(keyring_subkey(&more, "id data", b, sizeof(b)), 0);
	assert_memory_not_equal(a, b, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config_round_trip),
		cmocka_unit_test(test_config_damage),
		cmocka_unit_test(test_config_limits),
		cmocka_unit_test(test_slot_round_trip),
		cmocka_unit_test(test_memory_of_a_slot),
		cmocka_unit_test(test_wrong_passphrase_or_damaged_slot),
		cmocka_unit_test(test_config_is_bound),
		cmocka_unit_test(test_cost_floors_and_ceilings),
		cmocka_unit_test(test_slot_structure),
		cmocka_unit_test(test_long_label),
		cmocka_unit_test(test_subkeys),
	};

	return cmocka_run_group_tests(tests, make_slot, free_slot);
}
