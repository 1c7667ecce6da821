/* SPDX-License-Identifier: Apache-2.0 */
/*
 * held.c - links and programs, by descriptor.
 */
#include "track/held.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/log.h"

#define MAPS_MAX 32

int held_lock(const char *pins, int *fd)
{
	int d = open(pins, O_RDONLY | O_DIRECTORY | O_CLOEXEC), e;

	if (d < 0)
		return log_fail(-errno, "open %s", pins);
	if (flock(d, LOCK_EX | LOCK_NB) == 0) {
		*fd = d;
		return 0;
	}
	e = -errno;
	close(d);
	if (e != -EWOULDBLOCK)
		return log_fail(e, "lock %s", pins);
	log_error("another tidemarkd uses the programs in %s: end it first, "
		  "or give this one another --pins",
		  pins);
	return -EBUSY;
}

static uint32_t map_id(int map)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);

	return bpf_obj_get_info_by_fd(map, &info, &len) < 0 ? 0 : info.id;
}

static bool uses_map(int program, uint32_t id)
{
	uint32_t ids[MAPS_MAX] = { 0 }, i;
	struct bpf_prog_info info = { .nr_map_ids = MAPS_MAX,
				      .map_ids = (uintptr_t)ids };
	uint32_t len = sizeof(info);

	if (id == 0 || bpf_obj_get_info_by_fd(program, &info, &len) < 0)
		return false;
	for (i = 0; i < info.nr_map_ids && i < MAPS_MAX; i++)
		if (ids[i] == id)
			return true;
	return false;
}

int held_add(struct held *h, int link, int map)
{
	struct bpf_link_info info = { 0 };
	uint32_t len = sizeof(info);
	int program = -1, e = 0;

	if (link < 0)
		return link;
	if (bpf_obj_get_info_by_fd(link, &info, &len) == 0)
		program = bpf_prog_get_fd_by_id(info.prog_id);
	if (program < 0 || !uses_map(program, map_id(map)))
		e = -ENOENT;
	else if (h->n == HELD_MAX)
		e = -E2BIG;
	if (e < 0) {
		if (program >= 0)
			close(program);
		close(link);
		return e;
	}
	h->links[h->n] = link;
	h->programs[h->n++] = program;
	return 0;
}

bool held_map_fits(int map, uint32_t type, size_t key_len, size_t value_len)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);

	return bpf_obj_get_info_by_fd(map, &info, &len) == 0 &&
	       info.type == type && info.key_size == key_len &&
	       info.value_size == value_len;
}

uint64_t held_misses(const struct held *h)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < h->n; i++) {
		struct bpf_prog_info info = { 0 };
		uint32_t len = sizeof(info);

		if (bpf_obj_get_info_by_fd(h->programs[i], &info, &len) == 0)
			sum += info.recursion_misses;
		else
			sum++;
	}
	return sum;
}

void held_release(struct held *h)
{
	size_t i;

	for (i = 0; i < h->n; i++) {
		close(h->links[i]);
		close(h->programs[i]);
	}
	h->n = 0;
}
