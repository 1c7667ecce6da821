/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chunk.h - where a stream of bytes is cut, decided by content and a key.
 *
 * A gear hash (64-byte window, table of 256 secret 64-bit words) nominates
 * positions whose hash has CANDIDATE_BITS zero high bits; a keyed function
 * of the hash decides among the nominated. The gear table alone can be
 * recovered by chosen plaintexts (eprint 2025/532, 2025/558); the second
 * decision is a PRF, so a known table does not give the cuts.
 *
 * With min, avg, max: no chunk is shorter than min (but the last) or longer
 * than max; past min a cut comes on average after avg - min further bytes.
 *
 * Memory:  the chunker borrows the bytes for the call only.
 * Threads: one per chunker; a chunk_params may be shared.
 * Source:  gear: Xia et al., FastCDC, USENIX ATC 2016.
 */
#ifndef CHUNK_CHUNK_H
#define CHUNK_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

struct chunk_params {
	uint64_t gear[256];			/* secret */
	uint64_t (*prf)(void *arg, uint64_t x); /* secret function */
	void *prf_arg;
	uint32_t min, avg, max; /* bytes; 0 < min < avg < max; avg - min a
				   power of two, at least 64 KiB */
};

/*
 * The length of the first chunk of data. Return 0 if data[0..len) holds no
 * cut yet: more bytes are needed (len < max), or, at the end of the stream
 * (eof true), never: then it is len.
 * *state keeps where the search stopped, so that a call with more bytes
 * continues instead of starting over; zero it for each new chunk.
 */
struct chunk_state {
	size_t pos;    /* bytes already examined */
	uint64_t hash; /* gear hash there */
};

size_t chunk_cut(const struct chunk_params *params, struct chunk_state *state,
		 const uint8_t *data, size_t len, bool eof);

#endif /* CHUNK_CHUNK_H */
