/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xfs.c - two files of xfs exchange their extents.
 */
#include "tests/torture/ops.h"

#include <fcntl.h>
#include <unistd.h>

#include "tests/lib/oddly.h"

#define PAIR_BYTES (2u << 20)

static int no_swapext;

int begin_xfs(int without_swapext)
{
	int a = make_file("pair0", PAIR_BYTES, 'p');
	int b = make_file("pair1", PAIR_BYTES, 'q');

	no_swapext = without_swapext;
	if (a >= 0)
		close(a);
	if (b >= 0)
		close(b);
	return a < 0 || b < 0 ? -1 : 0;
}

/* Two files that are as long as each other for ever. */
void op_exchange(void)
{
	int a = open("pair0", O_RDWR), b = open("pair1", O_RDWR);
	uint8_t byte = (uint8_t)rnd(256);

	if (a >= 0 && b >= 0) {
		if (rnd(3) == 0)
			(void)!pwrite(a, &byte, 1, rnd(PAIR_BYTES));
		else if (rnd(2) && !no_swapext)
			(void)!oddly_swapext(a, b);
		else
			(void)!oddly_exchange(a, b);
	}
	if (a >= 0)
		close(a);
	if (b >= 0)
		close(b);
}
