/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mapped.c - stores through a shared mapping that stays open.
 *
 * mapped FILE: maps FILE and stores one byte for each line on standard
 * input, "OFFSET BYTE" in decimal; answers each with "ok". The mapping and
 * the descriptor live as long as the input.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

int main(int argc, char **argv)
{
	struct stat st;
	uint64_t off;
	unsigned int byte;
	uint8_t *p;
	int fd = argc == 2 ? open(argv[1], O_RDWR | O_CLOEXEC) : -1;

	if (fd < 0 || fstat(fd, &st) < 0) {
		perror("mapped");
		return 1;
	}
	p = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		 fd, 0);
	if (p == MAP_FAILED) {
		perror("mapped: mmap");
		return 1;
	}
	while (scanf("%" SCNu64 " %u", &off, &byte) == 2) {
		if (off >= (uint64_t)st.st_size)
			return 1;
		p[off] = (uint8_t)byte;
		puts("ok");
		fflush(stdout);
	}
	return 0;
}
