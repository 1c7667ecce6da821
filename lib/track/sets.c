/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sets.c - walk and empty maps of marks; wait for programs.
 */
#include "track/sets.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/log.h"

#define BATCH 4096

int set_each(const struct set_map *m, set_fn *fn, void *arg)
{
	CLEANUP_FREE uint8_t *keys = calloc(BATCH, m->key_len);
	CLEANUP_FREE uint8_t *values = calloc(BATCH, m->value_len);
	uint64_t cursor[4] = { 0 }, next[4] = { 0 };
	bool first = true;
	uint32_t n, i;
	int e = 0;

	if (!keys || !values)
		return -ENOMEM;
	while (e == 0) {
		n = BATCH;
		e = bpf_map_lookup_batch(m->fd, first ? NULL : cursor, next,
					 keys, values, &n, NULL);
		if (e < 0 && e != -ENOENT)
			return log_fail(e, "read the marks");
		for (i = 0; i < n; i++)
			fn(arg, keys + i * m->key_len,
			   values + i * m->value_len);
		memcpy(cursor, next, sizeof(cursor));
		first = false;
	}
	return 0;
}

struct drop {
	set_is_fn *is;
	void *arg;
	size_t key_len;
	struct buf keys;
	int error;
};

static void note_key(void *arg, const void *key, const void *value)
{
	struct drop *to = arg;

	(void)value;
	if (to->error == 0 && to->is(to->arg, key))
		to->error = buf_append(&to->keys, key, to->key_len);
}

int set_drop(const struct set_map *m, set_is_fn *is, void *arg)
{
	struct drop to = { .is = is,
			   .arg = arg,
			   .key_len = m->key_len,
			   .keys = BUF_INIT(SIZE_MAX) };
	int e = set_each(m, note_key, &to);
	size_t i, n = to.keys.len / m->key_len;

	if (e == 0)
		e = to.error;
	for (i = 0; e == 0 && i < n;) {
		uint32_t some = (uint32_t)MIN(n - i, (size_t)BATCH);

		e = bpf_map_delete_batch(m->fd, to.keys.p + i * m->key_len,
					 &some, NULL);
		i += some;
	}
	buf_release(&to.keys);
	return e < 0 ? log_fail(e, "clear the marks") : 0;
}

int set_barrier(int inner, int *fd)
{
	struct bpf_map_create_opts opts = { .sz = sizeof(opts),
					    .inner_map_fd = (uint32_t)inner };

	*fd = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "barrier", 4, 4, 1,
			     &opts);
	return *fd < 0 ? log_fail(*fd, "make a map of maps") : 0;
}

int set_wait(int barrier, int inner)
{
	uint32_t zero = 0;
	int e = bpf_map_update_elem(barrier, &zero, &inner, 0);

	return e < 0 ? log_fail(e, "wait for the programs") : 0;
}
