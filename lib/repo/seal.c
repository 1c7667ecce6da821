/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal.c - object headers, per-object keys, sealed pieces.
 *
 * Header: magic[8] version:le16 type:u8 generation:u8 zero:le32 salt[32]
 * commitment[32].
 */
#include "repo/seal.h"

#include <errno.h>

#define OFF_VERSION 8
#define OFF_TYPE 10
#define OFF_GENERATION 11
#define OFF_ZERO 12
#define OFF_SALT 16
#define OFF_COMMITMENT 48

static const char info_label[] = "tidemark/1 object";

/* Derive key and commitment for the header in s->aad. */
static int derive(struct sealer *s, const struct keyring *ring, bool fresh)
{
	uint8_t *header = s->aad + REPO_ID_LEN;
	uint8_t info[sizeof(info_label) - 1 + REPO_ID_LEN + 1];
	uint8_t okm[64];
	int r;

	memcpy(info, info_label, sizeof(info_label) - 1);
	memcpy(info + sizeof(info_label) - 1, ring->repo_id, REPO_ID_LEN);
	info[sizeof(info) - 1] = header[OFF_TYPE];
	memcpy(s->aad, ring->repo_id, REPO_ID_LEN);
	r = hkdf_sha256(SPAN(ring->master[header[OFF_GENERATION]],
			     AEAD_KEY_LEN),
			SPAN(header + OFF_SALT, 32), SPAN(info, sizeof(info)),
			okm, sizeof(okm));
	if (r == 0 && fresh)
		memcpy(header + OFF_COMMITMENT, okm + 32, 32);
	else if (r == 0 && !secret_equal(header + OFF_COMMITMENT, okm + 32, 32))
		r = -EBADMSG;
	if (r == 0)
		r = aead_new(okm, &s->aead);
	secret_wipe(okm, sizeof(okm));
	return r;
}

int sealer_init_new(struct sealer *s, const struct keyring *ring,
		    enum object_type type)
{
	uint8_t *header = s->aad + REPO_ID_LEN;

	memset(s, 0, sizeof(*s));
	memcpy(header, FORMAT_MAGIC, FORMAT_MAGIC_LEN);
	put_le16(header + OFF_VERSION, FORMAT_VERSION);
	header[OFF_TYPE] = (uint8_t)type;
	header[OFF_GENERATION] = (uint8_t)(ring->count - 1);
	random_bytes(header + OFF_SALT, 32);
	return derive(s, ring, true);
}

int sealer_init_open(struct sealer *s, const struct keyring *ring,
		     enum object_type type,
		     const uint8_t header[static SEAL_HEADER_LEN])
{
	memset(s, 0, sizeof(*s));
	if (memcmp(header, FORMAT_MAGIC, FORMAT_MAGIC_LEN) != 0)
		return -EUCLEAN;
	if (get_le16(header + OFF_VERSION) > FORMAT_VERSION)
		return -EPROTONOSUPPORT;
	if (get_le16(header + OFF_VERSION) != FORMAT_VERSION ||
	    header[OFF_TYPE] != type || get_le32(header + OFF_ZERO) != 0)
		return -EUCLEAN;
	if (header[OFF_GENERATION] >= ring->count)
		return -EKEYREJECTED;
	memcpy(s->aad + REPO_ID_LEN, header, SEAL_HEADER_LEN);
	return derive(s, ring, false);
}

void sealer_release(struct sealer *s)
{
	aead_free(s->aead);
	s->aead = NULL;
}

static void make_nonce(uint8_t nonce[static AEAD_NONCE_LEN],
		       enum seal_piece kind, uint64_t number)
{
	put_le32(nonce, kind);
	put_le64(nonce + 4, number);
}

int seal_piece(struct sealer *s, enum seal_piece kind, uint64_t number,
	       struct span pt, uint8_t *out)
{
	uint8_t nonce[AEAD_NONCE_LEN];

	make_nonce(nonce, kind, number);
	return aead_seal(s->aead, nonce, SPAN(s->aad, sizeof(s->aad)), pt, out);
}

int seal_open_piece(struct sealer *s, enum seal_piece kind, uint64_t number,
		    struct span ct, uint8_t *out)
{
	uint8_t nonce[AEAD_NONCE_LEN];

	make_nonce(nonce, kind, number);
	return aead_open(s->aead, nonce, SPAN(s->aad, sizeof(s->aad)), ct, out);
}

/* Associated data of a body: sealer's, then the clear part with its length. */
static int body_aad(const struct sealer *s, struct span clear, struct buf *aad)
{
	int r = buf_append(aad, s->aad, sizeof(s->aad));

	if (r == 0)
		r = buf_le32(aad, (uint32_t)clear.len);
	if (r == 0)
		r = buf_append(aad, clear.p, clear.len);
	return r;
}

int seal_object(const struct keyring *ring, enum object_type type,
		struct span clear, struct span body, struct buf *out)
{
	CLEANUP_BUF struct buf aad = BUF_INIT(SIZE_MAX);
	uint8_t nonce[AEAD_NONCE_LEN];
	struct sealer s;
	int r = sealer_init_new(&s, ring, type);

	make_nonce(nonce, SEAL_BODY, 0);
	if (r == 0)
		r = body_aad(&s, clear, &aad);
	if (r == 0)
		r = buf_append(out, sealer_header(&s), SEAL_HEADER_LEN);
	if (r == 0)
		r = buf_le32(out, (uint32_t)clear.len);
	if (r == 0)
		r = buf_append(out, clear.p, clear.len);
	if (r == 0)
		r = buf_reserve(out, body.len + AEAD_TAG_LEN);
	if (r == 0)
		r = aead_seal(s.aead, nonce, SPAN_OF(&aad), body,
			      out->p + out->len);
	if (r == 0)
		out->len += body.len + AEAD_TAG_LEN;
	sealer_release(&s);
	return r;
}

int seal_open_object(const struct keyring *ring, enum object_type type,
		     struct span object, struct span *clear, struct buf *body)
{
	CLEANUP_BUF struct buf aad = BUF_INIT(SIZE_MAX);
	struct reader rd = reader_of(object);
	struct span header = rd_take(&rd, SEAL_HEADER_LEN);
	uint32_t clear_len = rd_le32(&rd);
	struct span c = rd_take(&rd, clear_len), ct;
	uint8_t nonce[AEAD_NONCE_LEN];
	struct sealer s;
	int r;

	ct = rd_take(&rd, reader_left(&rd));
	if (rd.bad || ct.len < AEAD_TAG_LEN)
		return -EUCLEAN;
	make_nonce(nonce, SEAL_BODY, 0);
	r = sealer_init_open(&s, ring, type, header.p);
	if (r == 0)
		r = body_aad(&s, c, &aad);
	if (r == 0)
		r = buf_reserve(body, ct.len - AEAD_TAG_LEN);
	if (r == 0)
		r = aead_open(s.aead, nonce, SPAN_OF(&aad), ct,
			      body->p + body->len);
	if (r == 0) {
		body->len += ct.len - AEAD_TAG_LEN;
		if (clear)
			*clear = c;
	}
	sealer_release(&s);
	return r;
}
