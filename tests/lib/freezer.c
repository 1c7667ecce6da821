/* SPDX-License-Identifier: Apache-2.0 */
/*
 * freezer.c - freeze a file system, for tests of track/freeze.h.
 *
 * Usage: freezer MOUNT MILLISECONDS: freezes, writes "frozen", waits for a
 * line on standard input, thaws, and writes "ERROR HELD-MILLISECONDS".
 *        freezer -f MOUNT PATH: would a write to PATH wait? Why; exit 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "track/freeze.h"

static const char *word(int e)
{
	switch (-e) {
	case 0:
		return "ok";
	case ETIMEDOUT:
		return "ETIMEDOUT";
	case ESTALE:
		return "ESTALE";
	case EBUSY:
		return "EBUSY";
	case EOPNOTSUPP:
		return "EOPNOTSUPP";
	case EIO:
		return "EIO";
	default:
		return strerror(-e);
	}
}

int main(int argc, char **argv)
{
	struct freeze *f = NULL;
	uint64_t held = 0;
	char line[16], why[256];
	int fd, e;

	if (argc < 3)
		return 2;
	fd = open(argv[argc - 2], O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		perror(argv[argc - 2]);
		return 2;
	}
	if (!strcmp(argv[1], "-f")) {
		e = freeze_forbidden(fd, argv[3], why, sizeof(why));
		if (e == 1)
			printf("%s %s\n", argv[3], why);
		return e < 0 ? 2 : e;
	}
	e = freeze_begin(fd, (unsigned int)atoi(argv[2]), &f);
	if (e < 0) {
		puts(word(e));
		return 1;
	}
	puts("frozen");
	fflush(stdout);
	(void)!fgets(line, sizeof(line), stdin);
	e = freeze_end(f, &held);
	printf("%s %llu\n", word(e), (unsigned long long)(held / 1000000));
	return e < 0;
}
