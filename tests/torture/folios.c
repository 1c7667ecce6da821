/* SPDX-License-Identifier: Apache-2.0 */
/*
 * folios.c - pages that are dirty, mapped, or part of large folios.
 *
 * The large files stay mapped for good. The folds are mapped now and then, and
 * write(2), stores and direct I/O meet in their folios.
 */
#include "tests/torture/ops.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Files that are not mapped most of the time, in large folios. */
#define FOLDS 2
#define FOLD_PLACES 6
#define FOLD_PAGES 32 /* of a place: some folios are as large */
#define FOLD_BYTE 145

static uint8_t *map[BIGS];
static uint8_t *held; /* a mapping of some fold, for a while */

int begin_folds(void)
{
	char path[16];
	int i, fd;

	for (i = 0; i < FOLDS; i++) {
		snprintf(path, sizeof(path), "fold%d", i);
		fd = lay_file(path, QUIET_BYTES, FOLD_BYTE + i);
		if (fd < 0)
			return -1;
		close(fd);
	}
	return 0;
}

/* Files that stay mapped. */
int begin_big(void)
{
	int i, fd;

	for (i = 0; i < BIGS; i++) {
		fd = lay_random_file(big[i], BIG_BYTES);
		if (fd < 0)
			return -1;
		map[i] = mmap(NULL, BIG_BYTES, PROT_READ | PROT_WRITE,
			      MAP_SHARED, fd, 0);
		if (map[i] == MAP_FAILED)
			return -1;
		close(fd); /* the mapping stays */
	}
	return 0;
}

/* The same page again and again: dirty pages meet turns of the epoch. */
void op_hot_page(void)
{
	uint8_t byte = (uint8_t)rnd(256);
	int fd = open(any_big(), O_WRONLY);

	if (fd < 0)
		return;
	(void)!pwrite(fd, &byte, 1, 8 * PAGE + rnd(64));
	close(fd);
}

void op_hot_map(void)
{
	struct stat st;

	/* beyond the end is a bus error */
	if (stat(big[1], &st) == 0 && st.st_size > 6 * (off_t)PAGE)
		map[1][5 * PAGE + rnd(16)] = (uint8_t)rnd(256);
}

void op_store(void)
{
	uint32_t i = rnd(BIGS), page = rnd(BIG_BYTES / PAGE);
	struct stat st;

	if (stat(big[i], &st) < 0 ||
	    st.st_size < (off_t)(page + 1) * (off_t)PAGE)
		return;
	map[i][page * PAGE + rnd(PAGE)] = (uint8_t)rnd(256);
	if (rnd(8) == 0)
		msync(map[i] + page * PAGE, PAGE, MS_SYNC);
}

static uint32_t fold_page(uint32_t place)
{
	return place * 2 * FOLD_PAGES + rnd(FOLD_PAGES);
}

static void fold_write(int fd, uint32_t place)
{
	uint64_t at = fold_page(place) * (uint64_t)PAGE;

	fill(direct, 64);
	if (rnd(2))
		(void)!pwrite(fd, direct, PAGE * (1 + rnd(3)), (off_t)at);
	else
		(void)!pwrite(fd, direct, 1 + rnd(64),
			      (off_t)at + rnd(PAGE - 64));
}

static void fold_store(uint8_t *p, uint32_t place)
{
	volatile uint8_t *q = p + fold_page(place) * (size_t)PAGE;

	if (rnd(2)) /* first mapped for reading, with what lies around it */
		(void)q[0];
	if (rnd(4) == 0) /* the kernel stores */
		(void)!syscall(SYS_getrandom, (void *)(uintptr_t)q, 9, 0);
	else
		q[rnd(PAGE)] = (uint8_t)rnd(256);
}

/* Direct I/O from elsewhere into a mapping. */
static void fold_pinned(uint8_t *p, uint32_t place)
{
	int fd = open("quiet/q0", O_RDONLY | O_DIRECT);

	if (fd < 0)
		return;
	(void)!pread(fd, p + fold_page(place) * (size_t)PAGE, PAGE,
		     PAGE * (off_t)rnd(16));
	close(fd);
}

static void fold_map(int fd, uint32_t place)
{
	uint8_t *p = mmap(NULL, QUIET_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
			  fd, 0);

	if (p == MAP_FAILED)
		return;
	if (rnd(4) == 0)
		fold_pinned(p, place);
	else
		fold_store(p, place);
	if (held || rnd(3)) {
		munmap(p, QUIET_BYTES);
		return;
	}
	held = p;
}

static void fold_held(uint32_t place)
{
	if (!held)
		return;
	fold_store(held, place);
	if (rnd(2) == 0) {
		munmap(held, QUIET_BYTES);
		held = NULL;
	}
}

/* Out of the page cache and back, in what folios readahead makes. */
static void fold_reload(int fd)
{
	uint8_t buf[65536];
	off_t at = 0;
	ssize_t n;

	fdatasync(fd);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	while (rnd(200) && (n = pread(fd, buf, sizeof(buf), at)) > 0)
		at += n;
}

void op_fold(void)
{
	uint32_t place = rnd(FOLD_PLACES), i;
	char path[16];
	int fd;

	snprintf(path, sizeof(path), "fold%u", rnd(FOLDS));
	fd = open(path, O_RDWR);
	if (fd < 0)
		return;
	for (i = 1 + rnd(6); i > 0; i--) {
		switch (rnd(10)) {
		case 0:
			fold_reload(fd);
			break;
		case 1:
		case 2:
			fold_map(fd, place);
			break;
		case 3:
			fold_held(place);
			break;
		default:
			fold_write(fd, place);
		}
	}
	close(fd);
}

/* Large files that were cut grow again, so that there is something to map. */
void op_regrow(void)
{
	uint32_t i = rnd(BIGS);
	struct stat st;

	if (stat(big[i], &st) == 0 && st.st_size < (off_t)BIG_BYTES / 2)
		(void)!truncate(big[i], BIG_BYTES);
}
