/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instant.c - a tree that tells whether it was seen at one instant.
 *
 * Usage: instant run DIR: writes until it is killed. Round n makes the file
 *        m/n, writes n into each of a chain of files, in order, then into one
 *        block and one file of two rings, whose turn comes round again long
 *        after, then into parts of a large file, moves tokens from directory
 *        to directory, and removes m/(n - 1).
 *        instant check DIR: was DIR like that at one moment of it? Exit 1, and
 *        what tells it was not.
 *
 * At any instant the numbers of the chain descend from its first to its last
 * by one at most, the newest of a ring is the chain's first or the one before
 * it and tells all others, there are one or two files in m, the newest of them
 * that of the chain's first or the next one, and each token is in one
 * directory.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRS 8
#define CHAIN 120
#define BLOCKS 4096ul
#define BLOCK_BYTES 4096
#define FILES 200ul
#define PARTS 8
#define PART_BYTES (1u << 20)
#define TOKENS 4

static int fds[CHAIN], big, ring;

static int die(const char *what)
{
	perror(what);
	return 1;
}

static void chain_path(char *path, size_t size, int i)
{
	snprintf(path, size, "d%d/chain%03d", i * 5 % DIRS, i);
}

static void token_path(char *path, size_t size, unsigned long dir, int token)
{
	snprintf(path, size, "d%lu/token%d", dir % DIRS, token);
}

static void file_path(char *path, size_t size, unsigned long n)
{
	snprintf(path, size, "d%lu/file%03lu", n % DIRS, n);
}

/* --- writing --- */

static int put(int fd, off_t at, unsigned long n)
{
	char text[32];

	snprintf(text, sizeof(text), "%020lu\n", n);
	return pwrite(fd, text, 21, at) == 21 ? 0 : -1;
}

static int put_file(unsigned long n, unsigned long value)
{
	char path[64];
	int fd, e;

	file_path(path, sizeof(path), n);
	fd = open(path, O_WRONLY | O_CREAT, 0644);
	e = fd < 0 ? -1 : put(fd, 0, value);
	if (fd >= 0)
		close(fd);
	return e;
}

/* Each block by itself, so that none is a part of a large folio, as a whole
 * of which it would be marked. */
static int set_up_rings(void)
{
	char block[BLOCK_BYTES] = "";
	unsigned long i;

	ring = open("ring", O_RDWR | O_CREAT, 0644);
	if (ring < 0)
		return -1;
	for (i = 0; i < BLOCKS; i++) {
		unsigned long at = i * 1021 % BLOCKS;

		snprintf(block, sizeof(block), "%020lu\n", 0ul);
		if (pwrite(ring, block, sizeof(block),
			   (off_t)(at * BLOCK_BYTES)) < 0)
			return -1;
	}
	for (i = 0; i < FILES; i++)
		if (put_file(i, 0) < 0)
			return -1;
	return 0;
}

static int set_up(void)
{
	char path[64];
	int i;

	for (i = 0; i < DIRS; i++) {
		snprintf(path, sizeof(path), "d%d", i);
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return -1;
	}
	if (mkdir("m", 0755) < 0 && errno != EEXIST)
		return -1;
	for (i = 0; i < CHAIN; i++) {
		chain_path(path, sizeof(path), i);
		fds[i] = open(path, O_RDWR | O_CREAT, 0644);
		if (fds[i] < 0)
			return -1;
	}
	big = open("big", O_RDWR | O_CREAT, 0644);
	for (i = 0; i < TOKENS; i++) {
		int fd;

		token_path(path, sizeof(path), 0, i);
		fd = open(path, O_RDWR | O_CREAT, 0644);
		if (fd < 0)
			return -1;
		close(fd);
	}
	return big < 0 ? -1 : set_up_rings();
}

static int round_of(unsigned long n)
{
	char from[64], to[64];
	int i, e, fd;

	snprintf(from, sizeof(from), "m/%lu", n);
	fd = open(from, O_WRONLY | O_CREAT | O_EXCL, 0644);
	if (fd < 0)
		return -1;
	close(fd);
	for (i = 0, e = 0; e == 0 && i < CHAIN; i++)
		e = put(fds[i], 0, n);
	if (e == 0)
		e = put(ring, (off_t)(n % BLOCKS * BLOCK_BYTES), n);
	if (e == 0)
		e = put_file(n % FILES, n);
	for (i = 0; e == 0 && i < PARTS; i++)
		e = put(big, (off_t)i * PART_BYTES, n);
	for (i = 0; e == 0 && i < TOKENS; i++) {
		token_path(from, sizeof(from), n - 1, i);
		token_path(to, sizeof(to), n, i);
		e = rename(from, to);
	}
	snprintf(from, sizeof(from), "m/%lu", n - 1);
	if (e == 0 && n > 1)
		e = unlink(from);
	return e;
}

static int run(void)
{
	unsigned long n;

	if (set_up() < 0)
		return die("set up");
	for (n = 1;; n++) {
		if (round_of(n) < 0)
			return die("write");
		if (n == 1) {
			puts("runs");
			fflush(stdout);
		}
	}
}

/* --- looking --- */

static int get(const char *path, off_t at, unsigned long *n)
{
	char text[32] = "";
	int fd = open(path, O_RDONLY);
	ssize_t got = fd < 0 ? -1 : pread(fd, text, 21, at);

	if (fd >= 0)
		close(fd);
	if (got != 21 || text[20] != '\n') {
		printf("%s at %lld: not a number\n", path, (long long)at);
		return -1;
	}
	*n = strtoul(text, NULL, 10);
	return 0;
}

static int check_chain(unsigned long *first, unsigned long *last)
{
	unsigned long n, before = 0;
	char path[64] = "big";
	int i;

	for (i = 0; i < CHAIN + PARTS; i++) {
		off_t at = 0;

		if (i < CHAIN)
			chain_path(path, sizeof(path), i);
		else
			at = (off_t)(i - CHAIN) * PART_BYTES;
		if (i == CHAIN)
			snprintf(path, sizeof(path), "big");
		if (get(path, at, &n) < 0)
			return 1;
		if (i == 0)
			*first = before = n;
		if (n > before || *first - n > 1) {
			printf("%s at %lld: %lu, after %lu and %lu\n", path,
			       (long long)at, n, *first, before);
			return 1;
		}
		before = n;
	}
	*last = before;
	return 0;
}

/* What turn i of a ring of size says when turn newest was the last. */
static unsigned long value_of(unsigned long newest, unsigned long i,
			      unsigned long size)
{
	unsigned long back = (newest % size + size - i) % size;

	return back < newest ? newest - back : 0;
}

static int check_ring(unsigned long first, unsigned long size, bool files)
{
	unsigned long i, newest = 0, n;
	char path[64] = "ring";
	int pass;

	for (pass = 0; pass < 2; pass++)
		for (i = 0; i < size; i++) {
			if (files)
				file_path(path, sizeof(path), i);
			if (get(path, files ? 0 : (off_t)(i * BLOCK_BYTES),
				&n) < 0)
				return 1;
			if (pass == 0) {
				newest = n > newest ? n : newest;
			} else if (n != value_of(newest, i, size)) {
				printf("%s, turn %lu: %lu, the newest is %lu\n",
				       path, i, n, newest);
				return 1;
			}
		}
	if (newest == first || newest + 1 == first)
		return 0;
	printf("%s: %lu, the chain: %lu\n", path, newest, first);
	return 1;
}

static int check_marks(unsigned long first, unsigned long last)
{
	DIR *d = opendir("m");
	struct dirent *e;
	unsigned long newest = 0, count = 0;

	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.') {
			unsigned long n = strtoul(e->d_name, NULL, 10);

			newest = n > newest ? n : newest;
			count++;
		}
	if (d)
		closedir(d);
	if (count >= 1 && count <= 2 &&
	    (newest == first || (newest == first + 1 && first == last)))
		return 0;
	printf("m: %lu files, the newest %lu; the chain: %lu to %lu\n", count,
	       newest, first, last);
	return 1;
}

static int check_tokens(void)
{
	unsigned long i;
	int t, bad = 0;

	for (t = 0; t < TOKENS; t++) {
		int have = 0;

		for (i = 0; i < DIRS; i++) {
			char path[64];

			token_path(path, sizeof(path), i, t);
			have += access(path, F_OK) == 0;
		}
		if (have != 1) {
			printf("token %d: in %d directories\n", t, have);
			bad = 1;
		}
	}
	return bad;
}

int main(int argc, char **argv)
{
	unsigned long first = 0, last = 0;

	if (argc != 3 || chdir(argv[2]) < 0)
		return 2;
	if (!strcmp(argv[1], "run"))
		return run();
	return check_chain(&first, &last) || check_ring(first, BLOCKS, false) ||
	       check_ring(first, FILES, true) || check_marks(first, last) ||
	       check_tokens();
}
