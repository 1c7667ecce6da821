/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.c - what time it is, or what a test says that it is.
 */
#include "base/clock.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "base/io.h"
#include "base/timeparse.h"

static const char *fake;
static int64_t last; /* atomic */

void clock_use(const char *file)
{
	fake = file;
}

bool clock_is_fake(void)
{
	return fake != NULL;
}

int64_t clock_now(void)
{
	CLEANUP_BUF struct buf b = BUF_INIT(256);
	int64_t ns;

	if (!fake)
		return (int64_t)time(NULL);
	if (io_read_file(AT_FDCWD, fake, &b) == 0 && buf_u8(&b, 0) == 0) {
		b.p[strcspn((char *)b.p, "\n")] = '\0';
		if (timeparse_instant((char *)b.p, 0, &ns) == 0)
			__atomic_store_n(&last, ns / NSEC_PER_SEC,
					 __ATOMIC_RELAXED);
	}
	return __atomic_load_n(&last, __ATOMIC_RELAXED);
}
