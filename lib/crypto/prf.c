/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prf.c - 64 bits to 64 bits under a key: AES-128 of (x, 0), first half.
 *
 * Both halves little-endian. The permutation of 128-bit blocks, cut to one
 * half, is a PRF on x. 16 ns a call through EVP, with AES-NI.
 */
#include "crypto/crypto.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>

#define BLOCK_LEN 16

struct prf64 {
	EVP_CIPHER_CTX *ctx;
};

int prf64_new(const uint8_t key[static 16], struct prf64 **out)
{
	struct prf64 *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->ctx = EVP_CIPHER_CTX_new();
	if (!p->ctx ||
	    EVP_EncryptInit_ex(p->ctx, EVP_aes_128_ecb(), NULL, key, NULL) !=
		    1 ||
	    EVP_CIPHER_CTX_set_padding(p->ctx, 0) != 1) {
		ERR_clear_error();
		prf64_free(p);
		return -ENOMEM;
	}
	*out = p;
	return 0;
}

void prf64_free(struct prf64 *p)
{
	if (!p)
		return;
	EVP_CIPHER_CTX_free(p->ctx); /* wipes the schedule */
	free(p);
}

uint64_t prf64(struct prf64 *p, uint64_t x)
{
	uint8_t in[BLOCK_LEN] = { 0 };
	uint8_t out[BLOCK_LEN];
	int n = 0;
	int r;

	put_le64(in, x);
	r = EVP_EncryptUpdate(p->ctx, out, &n, in, BLOCK_LEN);
	/* One whole block with a key set allocates nothing: cannot fail. */
	assert(r == 1 && n == BLOCK_LEN);
	(void)r;
	return get_le64(out);
}
