/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pick.c - which file, which page, which bytes.
 */
#include "tests/torture/ops.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES 24
#define LAID (256u << 10)

uint8_t *direct;
const char *const big[BIGS] = { "big0", "big1" };
static uint64_t state;

int begin_pick(uint64_t seed)
{
	state = seed * 2654435761u + 88172645463325252u;
	if (posix_memalign((void **)&direct, PAGE, 4 * PAGE) != 0)
		return -1;
	memset(direct, 7, 4 * PAGE);
	return 0;
}

uint32_t rnd(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return n ? (uint32_t)(state >> 16) % n : 0;
}

void fill(uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = (uint8_t)rnd(256);
}

/* Few names, so that they meet. */
const char *any_name(void)
{
	static char room[4][64];
	static int at;
	char *p = room[at++ & 3];
	uint32_t dir = rnd(DIRS);

	if (dir == 0)
		snprintf(p, 64, "f%u", rnd(NAMES));
	else
		snprintf(p, 64, "d%u/f%u", dir, rnd(NAMES));
	return p;
}

const char *any_dir(void)
{
	static char room[2][64];
	static int at;
	char *p = room[at++ & 1];

	snprintf(p, 64, "d%u", 1 + rnd(DIRS - 1));
	return p;
}

const char *any_big(void)
{
	return big[rnd(BIGS)];
}

const char *any_file(void)
{
	return rnd(2) ? any_big() : any_name();
}

uint64_t any_page(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || st.st_size < (off_t)PAGE)
		return 0;
	return rnd((uint32_t)(st.st_size / PAGE)) * (uint64_t)PAGE;
}

static int write_file(const char *path, const uint8_t *p, size_t len,
		      size_t piece)
{
	int fd = open(path, O_RDWR | O_CREAT, 0644);
	size_t at;

	if (fd < 0)
		return -1;
	for (at = 0; at < len; at += piece) {
		if (write(fd, p + at, piece) != (ssize_t)piece) {
			close(fd);
			return -1;
		}
	}
	return fd;
}

static int write_bytes(const char *path, size_t len, int byte, size_t piece)
{
	uint8_t *buf = malloc(len);
	int fd = -1;

	if (buf) {
		memset(buf, byte, len);
		fd = write_file(path, buf, len, piece);
	}
	free(buf);
	return fd;
}

int make_file(const char *path, size_t len, int byte)
{
	return write_bytes(path, len, byte, len);
}

int lay_file(const char *path, size_t len, int byte)
{
	return write_bytes(path, len, byte, LAID);
}

int lay_random_file(const char *path, size_t len)
{
	uint8_t *buf = malloc(len);
	int fd = -1;

	if (buf) {
		fill(buf, len);
		fd = write_file(path, buf, len, LAID);
	}
	free(buf);
	return fd;
}
