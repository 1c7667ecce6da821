/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.c - config and key slots.
 *
 * Config: magic[8] version:le16 type:u8 zero:u8 repo_id[16] created:le64
 *         min:le32 avg:le32 max:le32 sha256[32] of all before.
 * Slot:   magic[8] version:le16 type:u8 kdf:u8 cost:3*le32 salt[32]
 *         commitment[32] created:le64 label:u8+bytes sealed keyring.
 * The sealed keyring: count:u8, count master keys of 32 bytes, zeros up to
 * KEYRING_MAX keys, so that its size does not tell their number.
 */
#include "repo/keys.h"

#include <errno.h>
#include <time.h>

/* RFC 9106, second recommended option: 64 MiB. scrypt at twice its memory
 * would be as strong; see docs/design.md, "Passphrase". */
static const uint32_t argon2id_default[3] = { 3, 65536, 4 };
static const uint32_t scrypt_default[3] = { 1u << 17, 8, 1 };

#define WRAP_LEN (1 + KEYRING_MAX * AEAD_KEY_LEN)

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int config_encode(const struct config *c, struct buf *out)
{
	uint8_t b[52 + SHA256_LEN] = FORMAT_MAGIC;

	put_le16(b + 8, FORMAT_VERSION);
	b[10] = OBJECT_CONFIG;
	memcpy(b + 12, c->repo_id, REPO_ID_LEN);
	put_le64(b + 28, c->created_ns);
	put_le32(b + 36, c->cdc_min);
	put_le32(b + 40, c->cdc_avg);
	put_le32(b + 44, c->cdc_max);
	put_le32(b + 48, 0);
	sha256_once(SPAN(b, 52), b + 52);
	return buf_append(out, b, sizeof(b));
}

int config_decode(struct span bytes, struct config *c)
{
	uint8_t sum[SHA256_LEN];
	const uint8_t *b = bytes.p;

	if (bytes.len < 12 || memcmp(b, FORMAT_MAGIC, FORMAT_MAGIC_LEN) != 0)
		return -ENOMSG;
	if (get_le16(b + 8) > FORMAT_VERSION)
		return -EPROTONOSUPPORT;
	if (bytes.len != 52 + SHA256_LEN || b[10] != OBJECT_CONFIG)
		return -EUCLEAN;
	sha256_once(SPAN(b, 52), sum);
	if (memcmp(sum, b + 52, sizeof(sum)) != 0)
		return -EUCLEAN;
	memcpy(c->repo_id, b + 12, REPO_ID_LEN);
	c->created_ns = get_le64(b + 28);
	c->cdc_min = get_le32(b + 36);
	c->cdc_avg = get_le32(b + 40);
	c->cdc_max = get_le32(b + 44);
	if (c->cdc_min < 65536 || c->cdc_avg <= c->cdc_min ||
	    c->cdc_max <= c->cdc_avg || c->cdc_max > CHUNK_MAX ||
	    ((c->cdc_avg - c->cdc_min) & (c->cdc_avg - c->cdc_min - 1)) != 0)
		return -EUCLEAN;
	return 0;
}

/* Floors and ceilings of what this program derives with. */
static int cost_check(enum kdf_id kdf, const uint32_t cost[3])
{
	uint64_t memory;

	if (kdf == KDF_SCRYPT) {
		uint64_t n = cost[0], r = cost[1], p = cost[2];

		if (n == 0 || (n & (n - 1)) != 0)
			return -EUCLEAN;
		if (n < 1u << 15 || r < 8 || p < 1 || n * r * p < (8u << 15))
			return -EUCLEAN;
		memory = 128 * n * r;
		if (r > 64 || p > 64 || memory > (2ull << 30))
			return -EUCLEAN;
		return 0;
	}
	if (kdf == KDF_ARGON2ID) {
		if (cost[0] < 1 || cost[1] < 19456 || cost[2] < 1 ||
		    cost[0] * (uint64_t)cost[1] < 2 * 19456)
			return -EUCLEAN;
		if (cost[0] > 64 || cost[1] > (2u << 20) || cost[2] > 64)
			return -EUCLEAN;
		return 0;
	}
	return -EPROTONOSUPPORT;
}

/* key[32] and commitment[32] of a slot. */
static int slot_derive(const struct key_slot *slot, struct span pass,
		       uint8_t okm[static 64])
{
	static const char info[] = "tidemark/1 slot";
	uint8_t kek[32];
	int r;

	if (slot->kdf == KDF_SCRYPT)
		r = kdf_scrypt(pass, SPAN(slot->salt, 32), slot->cost[0],
			       slot->cost[1], slot->cost[2], kek, sizeof(kek));
	else
		r = kdf_argon2id(pass, SPAN(slot->salt, 32), slot->cost[0],
				 slot->cost[1], slot->cost[2], kek,
				 sizeof(kek));
	if (r == 0)
		r = hkdf_sha256(SPAN(kek, 32), SPAN(slot->salt, 32),
				SPAN(info, sizeof(info) - 1), okm, 64);
	secret_wipe(kek, sizeof(kek));
	return r;
}

static int slot_encode(const struct key_slot *slot, struct buf *out)
{
	size_t label_len = strlen(slot->label);
	int r = buf_append(out, FORMAT_MAGIC, FORMAT_MAGIC_LEN);
	int i;

	if (r == 0)
		r = buf_le16(out, FORMAT_VERSION);
	if (r == 0)
		r = buf_u8(out, OBJECT_KEY);
	if (r == 0)
		r = buf_u8(out, (uint8_t)slot->kdf);
	for (i = 0; r == 0 && i < 3; i++)
		r = buf_le32(out, slot->cost[i]);
	if (r == 0)
		r = buf_append(out, slot->salt, 32);
	if (r == 0)
		r = buf_append(out, slot->commitment, 32);
	if (r == 0)
		r = buf_le64(out, slot->created_ns);
	if (r == 0)
		r = buf_u8(out, (uint8_t)label_len);
	if (r == 0)
		r = buf_append(out, slot->label, label_len);
	return r;
}

/* Decode up to the sealed part, which rd is left at. */
static int slot_read(struct reader *rd, struct key_slot *slot)
{
	struct span magic = rd_take(rd, FORMAT_MAGIC_LEN), s;
	uint16_t version = rd_le16(rd);
	uint8_t type = rd_u8(rd), kdf = rd_u8(rd), label_len;
	int i;

	if (rd->bad || memcmp(magic.p, FORMAT_MAGIC, FORMAT_MAGIC_LEN) != 0 ||
	    type != OBJECT_KEY)
		return -EUCLEAN;
	if (version != FORMAT_VERSION)
		return version > FORMAT_VERSION ? -EPROTONOSUPPORT : -EUCLEAN;
	memset(slot, 0, sizeof(*slot));
	slot->kdf = kdf;
	for (i = 0; i < 3; i++)
		slot->cost[i] = rd_le32(rd);
	s = rd_take(rd, 32);
	if (s.p)
		memcpy(slot->salt, s.p, 32);
	s = rd_take(rd, 32);
	if (s.p)
		memcpy(slot->commitment, s.p, 32);
	slot->created_ns = rd_le64(rd);
	label_len = rd_u8(rd);
	s = rd_take(rd, label_len);
	if (rd->bad || s.len > KEY_LABEL_MAX || memchr(s.p, '\0', s.len))
		return -EUCLEAN;
	memcpy(slot->label, s.p, s.len);
	return cost_check(slot->kdf, slot->cost);
}

/* What the sealed keyring is bound to: the slot's clear bytes, the config. */
static int slot_aad(struct span clear, struct span config, struct buf *aad)
{
	uint8_t sum[SHA256_LEN];
	int r = buf_append(aad, clear.p, clear.len);

	sha256_once(config, sum);
	return r < 0 ? r : buf_append(aad, sum, sizeof(sum));
}

static const uint8_t zero_nonce[AEAD_NONCE_LEN];

int key_slot_seal(const struct keyring *ring, struct span config,
		  struct span pass, struct kdf_choice kdf, const char *label,
		  struct buf *out)
{
	CLEANUP_BUF struct buf aad = BUF_INIT(KEY_SLOT_MAX);
	struct key_slot slot = { .kdf = kdf.id, .created_ns = now_ns() };
	uint8_t okm[64], *wrap;
	struct aead *aead = NULL;
	size_t start = out->len;
	int r;

	if (kdf.memory &&
	    (kdf.id != KDF_ARGON2ID || kdf.memory < KDF_MEMORY_MIN ||
	     kdf.memory > KDF_MEMORY_MAX))
		return -EINVAL;
	memcpy(slot.cost,
	       kdf.id == KDF_SCRYPT ? scrypt_default : argon2id_default,
	       sizeof(slot.cost));
	if (kdf.memory)
		slot.cost[1] = kdf.memory << 10;
	snprintf(slot.label, sizeof(slot.label), "%s", label);
	random_bytes(slot.salt, sizeof(slot.salt));
	wrap = secret_alloc(WRAP_LEN);
	if (!wrap)
		return -ENOMEM;
	wrap[0] = (uint8_t)ring->count;
	memcpy(wrap + 1, ring->master, (size_t)ring->count * AEAD_KEY_LEN);
	r = slot_derive(&slot, pass, okm);
	memcpy(slot.commitment, okm + 32, 32);
	if (r == 0)
		r = slot_encode(&slot, out);
	if (r == 0)
		r = slot_aad(SPAN(out->p + start, out->len - start), config,
			     &aad);
	if (r == 0)
		r = aead_new(okm, &aead);
	if (r == 0)
		r = buf_reserve(out, WRAP_LEN + AEAD_TAG_LEN);
	if (r == 0) /* the key is this slot's alone: its salt is random */
		r = aead_seal(aead, zero_nonce, SPAN_OF(&aad),
			      SPAN(wrap, WRAP_LEN), out->p + out->len);
	if (r == 0)
		out->len += WRAP_LEN + AEAD_TAG_LEN;
	aead_free(aead);
	secret_wipe(okm, sizeof(okm));
	secret_free(wrap, WRAP_LEN);
	return r;
}

int key_slot_decode(struct span bytes, struct key_slot *slot)
{
	struct reader rd = reader_of(bytes);
	int r = slot_read(&rd, slot);

	if (r == 0 && reader_left(&rd) != WRAP_LEN + AEAD_TAG_LEN)
		r = -EUCLEAN;
	return r;
}

int key_slot_open(struct span bytes, struct span config, struct span pass,
		  struct keyring *ring)
{
	CLEANUP_BUF struct buf aad = BUF_INIT(KEY_SLOT_MAX);
	struct reader rd = reader_of(bytes);
	struct aead *aead = NULL;
	struct key_slot slot;
	uint8_t okm[64], *wrap;
	int r = key_slot_decode(bytes, &slot);

	if (r < 0)
		return r;
	r = slot_derive(&slot, pass, okm);
	if (r < 0)
		return r;
	if (!secret_equal(okm + 32, slot.commitment, 32)) {
		secret_wipe(okm, sizeof(okm));
		return -EKEYREJECTED;
	}
	wrap = secret_alloc(WRAP_LEN);
	if (!wrap)
		r = -ENOMEM;
	rd_take(&rd, bytes.len - WRAP_LEN - AEAD_TAG_LEN);
	if (r == 0)
		r = slot_aad(SPAN(bytes.p, (size_t)(rd.p - bytes.p)), config,
			     &aad);
	if (r == 0)
		r = aead_new(okm, &aead);
	if (r == 0)
		r = aead_open(aead, zero_nonce, SPAN_OF(&aad),
			      SPAN(rd.p, reader_left(&rd)), wrap);
	if (r == 0 && (wrap[0] < 1 || wrap[0] > KEYRING_MAX))
		r = -EUCLEAN;
	if (r == 0) {
		ring->count = wrap[0];
		memcpy(ring->master, wrap + 1, (size_t)wrap[0] * AEAD_KEY_LEN);
	}
	aead_free(aead);
	secret_wipe(okm, sizeof(okm));
	if (wrap)
		secret_free(wrap, WRAP_LEN);
	return r;
}

int keyring_subkey(const struct keyring *ring, const char *purpose,
		   uint8_t *out, size_t len)
{
	char info[64];
	int n = snprintf(info, sizeof(info), "tidemark/1 %s", purpose);

	return hkdf_sha256(SPAN(ring->master[0], AEAD_KEY_LEN),
			   SPAN(ring->repo_id, REPO_ID_LEN),
			   SPAN(info, (size_t)n), out, len);
}
