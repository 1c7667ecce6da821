/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state.c - a tracked file system's state on disk.
 */
#include "daemon/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/file.h>

#include "base/io.h"
#include "base/json.h"
#include "base/log.h"

#define INFO_MAX ((size_t)64 << 10)

int state_lock(const char *dir, int *fd)
{
	int e = io_mkdir_p(dir), d;

	if (e < 0)
		return log_fail(e, "make %s", dir);
	d = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d < 0)
		return log_fail(-errno, "open %s", dir);
	if (flock(d, LOCK_EX | LOCK_NB) == 0) {
		*fd = d;
		return 0;
	}
	e = -errno;
	close(d);
	if (e != -EWOULDBLOCK)
		return log_fail(e, "lock %s", dir);
	log_error("another tidemarkd works in %s: end it first, or give this "
		  "one another --state-dir",
		  dir);
	return -EBUSY;
}

void state_info_release(struct state_info *info)
{
	free(info->path);
	free(info->consumers);
	memset(info, 0, sizeof(*info));
}

/* --- info --- */

/* 64 bits do not fit a JSON number. */
static void put_u64(struct json_out *j, const char *key, uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, v);
	json_str(j, key, text);
}

static int get_u64(const struct json *j, uint64_t *out)
{
	const char *text = json_to_str(j);
	char *end;

	if (!text || !*text)
		return -EUCLEAN;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return *end || errno ? -EUCLEAN : 0;
}

static void put_left(struct json_out *j, const struct state_info *info)
{
	size_t i;

	json_object(j, "left");
	json_str(j, "type", info->type);
	json_hex(j, "uuid", info->left.uuid, sizeof(info->left.uuid));
	json_array(j, "counters");
	for (i = 0; i < CONTINUITY_COUNTERS; i++)
		put_u64(j, NULL, info->left.counters[i]);
	json_close(j);
	json_close(j);
}

static int read_left(const struct json *j, struct state_info *info)
{
	const char *type = json_to_str(json_get(j, "type"));
	const struct json *item = json_first(json_get(j, "counters"));
	size_t i;

	if (!type || strlen(type) >= sizeof(info->type) ||
	    json_to_hex(json_get(j, "uuid"), info->left.uuid,
			sizeof(info->left.uuid)) < 0)
		return -EUCLEAN;
	snprintf(info->type, sizeof(info->type), "%s", type);
	for (i = 0; i < CONTINUITY_COUNTERS; i++, item = json_next(item))
		if (!item || get_u64(item, &info->left.counters[i]) < 0)
			return -EUCLEAN;
	info->has_left = true;
	return 0;
}

/* A line of 16 digits after the JSON; against accidents. */
static uint64_t sum_of(struct span text)
{
	uint64_t h = 0xcbf29ce484222325ull;
	size_t i;

	for (i = 0; i < text.len; i++)
		h = (h ^ ((const uint8_t *)text.p)[i]) * 0x100000001b3ull;
	return h;
}

#define SUM_LINE_LEN 18

static int add_sum(struct buf *b)
{
	char line[SUM_LINE_LEN + 1];

	snprintf(line, sizeof(line), "\n%016" PRIx64 "\n", sum_of(SPAN_OF(b)));
	return buf_append(b, line, SUM_LINE_LEN);
}

static int take_sum(struct buf *b)
{
	char line[SUM_LINE_LEN + 1];

	if (b->len < SUM_LINE_LEN)
		return -EUCLEAN;
	b->len -= SUM_LINE_LEN;
	snprintf(line, sizeof(line), "\n%016" PRIx64 "\n", sum_of(SPAN_OF(b)));
	return memcmp(line, b->p + b->len, SUM_LINE_LEN) == 0 ? 0 : -EUCLEAN;
}

/* --- chunks that are gone --- */

/*
 * A chunk is removed in two steps, so that info never names one that is not
 * there: it is hidden by a dot, and unlinked when info was saved without it.
 */
static void unlink_hidden(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *ent;

	while (d && (ent = readdir(d)))
		if (ent->d_name[0] == '.' && ent->d_name[1] >= '0' &&
		    ent->d_name[1] <= '9')
			unlinkat(dirfd(d), ent->d_name, 0);
	if (d)
		closedir(d);
}

/* info does not know that it was removed: then it was not. */
static int find_named(const char *dir, const char *name)
{
	CLEANUP_FREE char *path = NULL, *hidden = NULL;

	if (strchr(name, '/') || asprintf(&path, "%s/%s", dir, name) < 0)
		return -EUCLEAN;
	if (access(path, F_OK) == 0)
		return 0;
	if (asprintf(&hidden, "%s/.%s", dir, name) < 0)
		return -ENOMEM;
	return rename(hidden, path) < 0 ? -EUCLEAN : 0;
}

static int find_all_named(const char *dir, const struct json *list)
{
	const struct json *item;
	int e = list ? 0 : -EUCLEAN;

	for (item = json_first(list); e == 0 && item; item = json_next(item)) {
		const char *name = json_to_str(item);

		e = name ? find_named(dir, name) : -EUCLEAN;
	}
	return e;
}

static void put_chunks(struct json_out *j, const struct state_info *info)
{
	char name[48];
	size_t i;

	json_array(j, "chunks");
	for (i = 0; i < info->n_chunks; i++) {
		snprintf(name, sizeof(name), "%" PRIu64 ".%" PRIu64,
			 info->chunks[i].epoch, info->chunks[i].number);
		json_str(j, NULL, name);
	}
	json_close(j);
}

int state_save(const char *dir, const struct state_info *info)
{
	CLEANUP_BUF struct buf b = BUF_INIT(INFO_MAX);
	CLEANUP_FREE char *path = NULL;
	struct json_out j = JSON_OUT(&b);
	size_t i;
	int e;

	json_object(&j, NULL);
	json_name(&j, "path", SPAN(info->path, strlen(info->path)));
	json_hex(&j, "instance", info->instance, sizeof(info->instance));
	json_u64(&j, "dev", info->dev);
	put_u64(&j, "mount_id", info->mount_id);
	json_u64(&j, "epoch", info->epoch);
	json_u64(&j, "floor", info->floor);
	json_u64(&j, "next_number", info->next_number);
	json_object(&j, "consumers");
	for (i = 0; i < info->n_consumers; i++)
		json_u64(&j, info->consumers[i].name, info->consumers[i].epoch);
	json_close(&j);
	if (info->has_left)
		put_left(&j, info);
	put_chunks(&j, info);
	json_close(&j);
	e = json_end(&j);
	if (e == 0)
		e = add_sum(&b);
	if (e == 0 && asprintf(&path, "%s/info", dir) < 0)
		e = -ENOMEM;
	if (e == 0)
		e = io_replace_file(AT_FDCWD, path, SPAN_OF(&b));
	if (e < 0)
		return log_fail(e, "write %s/info", dir);
	unlink_hidden(dir);
	return 0;
}

static int read_consumers(const struct json *list, struct state_info *info)
{
	const struct json *item;
	size_t n = 0;

	for (item = json_first(list); item; item = json_next(item))
		n++;
	info->consumers = calloc(n + 1, sizeof(*info->consumers));
	if (!info->consumers)
		return -ENOMEM;
	for (item = json_first(list); item; item = json_next(item)) {
		struct state_consumer *c =
			&info->consumers[info->n_consumers++];

		if (!json_key(item) ||
		    strlen(json_key(item)) >= sizeof(c->name) ||
		    json_to_u64(item, &c->epoch) < 0)
			return -EUCLEAN;
		snprintf(c->name, sizeof(c->name), "%s", json_key(item));
	}
	return n > 64 ? -EUCLEAN : 0;
}

static int read_info(const struct json *j, struct state_info *info)
{
	const char *path = json_to_str(json_get(j, "path"));
	const struct json *left = json_get(j, "left");
	uint64_t dev;
	int e;

	/* a path that is not UTF-8 is looked up anew: never trusted */
	if (!path || json_get(j, "path_b64") ||
	    get_u64(json_get(j, "mount_id"), &info->mount_id) < 0 ||
	    json_to_hex(json_get(j, "instance"), info->instance,
			sizeof(info->instance)) < 0 ||
	    json_to_u64(json_get(j, "dev"), &dev) < 0 ||
	    json_to_u64(json_get(j, "epoch"), &info->epoch) < 0 ||
	    json_to_u64(json_get(j, "floor"), &info->floor) < 0 ||
	    json_to_u64(json_get(j, "next_number"), &info->next_number) < 0)
		return -EUCLEAN;
	info->dev = dev;
	info->path = strdup(path);
	if (!info->path)
		return -ENOMEM;
	e = read_consumers(json_get(j, "consumers"), info);
	return e == 0 && left ? read_left(left, info) : e;
}

static int chunk_order(const void *a, const void *b)
{
	const struct state_chunk *x = a, *y = b;

	if (x->epoch != y->epoch)
		return x->epoch > y->epoch ? 1 : -1;
	return (x->number > y->number) - (x->number < y->number);
}

static int list_chunks(const char *dir, struct state_chunk **out, size_t *n)
{
	DIR *d = opendir(dir);
	struct dirent *ent;
	int e = 0;

	if (!d)
		return -errno;
	while (e == 0 && (ent = readdir(d))) {
		struct state_chunk c = { 0 };
		int end = 0;
		void *p;

		if (sscanf(ent->d_name, "%" SCNu64 ".%" SCNu64 "%n", &c.epoch,
			   &c.number, &end) != 2 ||
		    ent->d_name[end])
			continue;
		p = realloc(*out, (*n + 1) * sizeof(**out));
		if (p) {
			*out = p;
			(*out)[(*n)++] = c;
		} else {
			e = -ENOMEM;
		}
	}
	closedir(d);
	if (*n)
		qsort(*out, *n, sizeof(**out), chunk_order);
	return e;
}

int state_load(const char *dir, struct state_info *info,
	       struct state_chunk **chunks, size_t *n_chunks)
{
	CLEANUP_BUF struct buf b = BUF_INIT(INFO_MAX);
	CLEANUP_JSON struct json *j = NULL;
	CLEANUP_FREE char *path = NULL;
	int e;

	if (asprintf(&path, "%s/info", dir) < 0)
		return -ENOMEM;
	e = io_read_file(AT_FDCWD, path, &b);
	if (e == 0)
		e = take_sum(&b);
	if (e == 0)
		e = json_parse(SPAN_OF(&b), INFO_MAX, &j);
	if (e == 0)
		e = read_info(j, info);
	if (e == 0)
		e = find_all_named(dir, json_get(j, "chunks"));
	return e < 0 ? e : list_chunks(dir, chunks, n_chunks);
}

/* --- chunks --- */

static char *chunk_path(const char *dir, const struct state_chunk *c)
{
	char *path;

	return asprintf(&path, "%s/%" PRIu64 ".%" PRIu64, dir, c->epoch,
			c->number) < 0
		       ? NULL
		       : path;
}

int state_chunk_write(const char *dir, const struct state_chunk *c,
		      const struct dirty *d)
{
	CLEANUP_BUF struct buf b = BUF_INIT(DIRTY_ENCODED_MAX);
	CLEANUP_FREE char *path = chunk_path(dir, c);
	int e = path ? dirty_encode(d, &b) : -ENOMEM;

	if (e == 0)
		e = io_replace_file(AT_FDCWD, path, SPAN_OF(&b));
	return e < 0 ? log_fail(e, "write %s", path ? path : dir) : 0;
}

int state_chunk_read(const char *dir, const struct state_chunk *c,
		     struct dirty *d)
{
	CLEANUP_BUF struct buf b = BUF_INIT(DIRTY_ENCODED_MAX);
	CLEANUP_FREE char *path = chunk_path(dir, c);
	struct dirty some = { 0 };
	int e = path ? io_read_file(AT_FDCWD, path, &b) : -ENOMEM;

	if (e == 0)
		e = dirty_decode(SPAN_OF(&b), &some);
	if (e == 0)
		dirty_merge(d, &some);
	dirty_release(&some);
	return e < 0 ? log_fail(e, "read %s", path ? path : dir) : 0;
}

int state_chunk_join(const char *dir, const struct state_chunk *a,
		     const struct state_chunk *b, struct state_chunk *to)
{
	struct dirty d = { 0 };
	int e = state_chunk_read(dir, a, &d);

	if (e == 0)
		e = state_chunk_read(dir, b, &d);
	dirty_sort(&d);
	to->inodes = d.n_inodes;
	if (e == 0 && d.lost)
		e = -ENOMEM;
	if (e == 0)
		e = state_chunk_write(dir, to, &d);
	dirty_release(&d);
	if (e < 0)
		return e;
	state_chunk_remove(dir, a);
	state_chunk_remove(dir, b);
	return 0;
}

void state_chunk_remove(const char *dir, const struct state_chunk *c)
{
	CLEANUP_FREE char *path = chunk_path(dir, c);
	CLEANUP_FREE char *hidden = NULL;

	if (!path ||
	    asprintf(&hidden, "%s/.%s", dir, strrchr(path, '/') + 1) < 0)
		return;
	if (rename(path, hidden) < 0 && errno != ENOENT)
		log_warn("remove %s: %s", path, log_strerror(-errno));
}

int state_copy(const char *from, const char *to,
	       const struct state_chunk *chunks, size_t n)
{
	size_t i;
	int e = io_mkdir_p(to);

	for (i = 0; e == 0 && i < n; i++) {
		CLEANUP_BUF struct buf b = BUF_INIT(DIRTY_ENCODED_MAX);
		CLEANUP_FREE char *a = chunk_path(from, &chunks[i]);
		CLEANUP_FREE char *c = chunk_path(to, &chunks[i]);

		e = a && c ? io_read_file(AT_FDCWD, a, &b) : -ENOMEM;
		if (e == 0)
			e = io_replace_file(AT_FDCWD, c, SPAN_OF(&b));
	}
	return e < 0 ? log_fail(e, "copy %s to %s", from, to) : 0;
}

void state_remove(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *ent;

	if (!d)
		return;
	/* info first: without it the rest is nothing */
	unlinkat(dirfd(d), "info", 0);
	while ((ent = readdir(d)))
		if (strcmp(ent->d_name, ".") && strcmp(ent->d_name, ".."))
			unlinkat(dirfd(d), ent->d_name, 0);
	closedir(d);
	if (rmdir(dir) < 0)
		log_warn("remove %s: %s", dir, log_strerror(-errno));
}
