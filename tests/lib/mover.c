/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mover.c - a tree that does not hold still.
 *
 * mover DIRECTORY SEED ROUNDS: in each round one thing happens to one of a
 * few names: a file grows, shrinks, is written over, replaced by rename,
 * deleted, linked, becomes a directory, a fifo or a symlink; a directory is
 * renamed or removed with what is in it. The same SEED does the same. With
 * ROUNDS 0 it goes on until it is killed.
 *
 * A regular file's first 8 bytes say how long it was meant to be when that
 * was last decided, so that a reader can tell a torn one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macros.h"

#define NAMES 40
#define DIRS 6

static uint64_t state;

static uint64_t next(uint64_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % below;
}

static void path_of(char out[64], uint64_t dir, uint64_t name)
{
	if (dir == 0)
		snprintf(out, 64, "n%u", (unsigned int)name);
	else
		snprintf(out, 64, "d%u/n%u", (unsigned int)dir,
			 (unsigned int)name);
}

/* Whatever has the name: it is gone. */
static void clear(const char *path)
{
	char sub[80];
	unsigned int i;

	if (unlink(path) == 0 || errno == ENOENT)
		return;
	for (i = 0; i < 4; i++) {
		snprintf(sub, sizeof(sub), "%s/s%u", path, i);
		unlink(sub);
	}
	rmdir(path);
}

static void write_file(const char *path, uint64_t size, int flags)
{
	static uint8_t buf[1 << 20];
	int fd = open(path, O_WRONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC | flags,
		      0644);
	uint64_t done = 0;

	if (fd < 0)
		return;
	memset(buf, (int)next(256), sizeof(buf));
	memcpy(buf, &size, sizeof(size));
	while (done < size) {
		size_t n = MIN(size - done, (uint64_t)sizeof(buf));
		ssize_t w = write(fd, buf, n);

		if (w <= 0)
			break;
		done += (uint64_t)w;
	}
	close(fd);
}

/* Small most of the time, and sometimes large enough for segments. */
static uint64_t some_size(void)
{
	switch (next(8)) {
	case 0:
		return 0;
	case 1:
		return 500000 + next(100000);
	case 2:
		return next(6000000);
	default:
		return next(100000);
	}
}

static void make_dir(const char *path)
{
	char sub[80];
	unsigned int i;

	clear(path);
	mkdir(path, 0755);
	for (i = 0; i < 4; i++) {
		snprintf(sub, sizeof(sub), "%s/s%u", path, i);
		write_file(sub, next(5000), O_TRUNC);
	}
}

static void replace(const char *path)
{
	write_file("new", some_size(), O_TRUNC);
	if (rename("new", path) < 0)
		unlink("new");
}

static void rename_dir(void)
{
	char from[16], to[16];

	snprintf(from, sizeof(from), "d%u", 1 + (unsigned int)next(DIRS));
	snprintf(to, sizeof(to), "d%u", 1 + (unsigned int)next(DIRS));
	if (rename(from, "moving") == 0) {
		rename(to, from);
		rename("moving", to);
	}
	mkdir(from, 0755);
}

static void move(void)
{
	char a[64], b[64];

	path_of(a, next(DIRS + 1), next(NAMES));
	path_of(b, next(DIRS + 1), next(NAMES));
	switch (next(14)) {
	case 0:
	case 1:
		write_file(a, next(200000), O_APPEND);
		break;
	case 2:
		(void)!truncate(a, (off_t)next(700000));
		break;
	case 3:
	case 4:
		write_file(a, some_size(), 0);
		break;
	case 5:
	case 6:
		replace(a);
		break;
	case 7:
		clear(a);
		break;
	case 8:
		(void)!link(a, b);
		break;
	case 9:
		make_dir(a);
		break;
	case 10:
		clear(a);
		mkfifo(a, 0600);
		break;
	case 11:
		clear(a);
		(void)!symlink(b, a);
		break;
	case 12:
		rename_dir();
		break;
	default:
		(void)!rename(a, b);
	}
}

int main(int argc, char **argv)
{
	unsigned long rounds, i;
	char dir[16];

	if (argc != 4 || chdir(argv[1]) < 0) {
		fprintf(stderr, "mover: see the comment in the source\n");
		return 1;
	}
	state = strtoull(argv[2], NULL, 10) * 2654435761u + 1;
	rounds = strtoul(argv[3], NULL, 10);
	for (i = 1; i <= DIRS; i++) {
		snprintf(dir, sizeof(dir), "d%lu", i);
		mkdir(dir, 0755);
	}
	for (i = 0; rounds == 0 || i < rounds; i++)
		move();
	return 0;
}
