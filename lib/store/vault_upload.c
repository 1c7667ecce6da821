/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault_upload.c - how the vault kind stores an object.
 *
 * What a writer is given is kept until the vault has answered, so that it can
 * be sent again from the start: up to MEMORY_MAX in memory, more in an unnamed
 * file. A small object, or one whose name is known, is sent by the commit
 * (PUT). A large one is sent by a thread of its own while it is being made
 * (POST, chunked); the vault then tells its name.
 *
 * If nothing more comes for STALL_SECONDS, the thread breaks off and begins
 * again when all is there: a vault does not wait for long.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/fault.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "store/vault_private.h"

#define MEMORY_MAX (1u << 20)
#define STALL_SECONDS 5
#define ANSWER_MAX 4096u

struct vault_writer {
	struct store_writer base;
	char name[STORE_NAME_MAX + 1]; /* empty: known only at the end */
	struct buf memory;	       /* all of it, as long as fd < 0 */
	int fd;
	bool streaming; /* there is a thread */
	pthread_t thread;

	pthread_mutex_t lock; /* of all below, if there is a thread */
	pthread_cond_t changed;
	uint64_t size;
	bool whole, cancelled;
	bool ended; /* the thread has an answer, or an error */
	int err;
	char stored[STORE_NAME_MAX + 1]; /* what the vault calls it */
	bool created;
};

static int fail(const struct vault_writer *w, const struct store *s, int err)
{
	return store_fail(s, err, "store", w->base.cls,
			  w->name[0] ? w->name : NULL);
}

/* --- the unnamed file --- */

const char *vault_scratch(void)
{
	const char *dir = getenv("TMPDIR");

	return dir && *dir == '/' ? dir : "/var/tmp";
}

static int open_scratch(const char *dir)
{
	CLEANUP_FREE char *path = NULL;
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	/* what open(2) and file systems say where there is none */
	if (fd >= 0 ||
	    (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd >= 0 ? fd : -errno;
	if (asprintf(&path, "%s/tidemark.XXXXXX", dir) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	(void)unlink(path);
	return fd;
}

static int move_to_file(struct vault_writer *w)
{
	const char *dir = vault_scratch();
	int fd = open_scratch(dir), e = MIN(fd, 0);

	if (e == 0)
		e = io_write_all(fd, SPAN_OF(&w->memory));
	if (e < 0) {
		if (fd >= 0)
			close(fd);
		return log_fail(e, "keep what is sent to %s in %s (TMPDIR)",
				w->base.store->location, dir);
	}
	w->fd = fd;
	buf_release(&w->memory);
	return 0;
}

/* At most n bytes of what is there. */
static ssize_t read_at(const struct vault_writer *w, uint64_t off, void *p,
		       size_t n)
{
	if (w->fd >= 0)
		return io_pread_full(w->fd, p, n, off);
	memcpy(p, w->memory.p + off, n);
	return (ssize_t)n;
}

static ssize_t read_whole(void *arg, uint64_t off, void *p, size_t max)
{
	const struct vault_writer *w = arg;
	uint64_t left = off < w->size ? w->size - off : 0;

	return left ? read_at(w, off, p, (size_t)MIN((uint64_t)max, left)) : 0;
}

/* --- the thread --- */

static void init_wait(struct vault_writer *w)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->changed, &attr);
	pthread_condattr_destroy(&attr);
}

/* Wait until there is more than off, or all. Returns the bytes there are
 * behind off, 0 at the end. */
static ssize_t wait_for_more(struct vault_writer *w, uint64_t off)
{
	struct timespec until;
	ssize_t r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += STALL_SECONDS;
	pthread_mutex_lock(&w->lock);
	while (r == 0 && !w->cancelled && !w->whole && w->size <= off)
		r = -pthread_cond_timedwait(&w->changed, &w->lock, &until);
	if (w->cancelled)
		r = -ECANCELED;
	else if (w->size > off)
		r = (ssize_t)MIN(w->size - off, (uint64_t)INT32_MAX);
	else if (w->whole)
		r = 0;
	else
		r = -EAGAIN;
	pthread_mutex_unlock(&w->lock);
	return r;
}

static ssize_t read_stream(void *arg, uint64_t off, void *p, size_t max)
{
	struct vault_writer *w = arg;
	ssize_t n = wait_for_more(w, off);

	return n <= 0 ? n : read_at(w, off, p, MIN((size_t)n, max));
}

static bool is_cancelled(void *arg)
{
	struct vault_writer *w = arg;
	bool yes;

	pthread_mutex_lock(&w->lock);
	yes = w->cancelled;
	pthread_mutex_unlock(&w->lock);
	return yes;
}

/* {"name", "created"} */
static int read_answer(struct vault_writer *w, struct span text)
{
	CLEANUP_JSON struct json *j = NULL;
	int e = json_parse(text, ANSWER_MAX, &j);
	const char *name = json_to_str(json_get(j, "name"));

	if (e == -ENOMEM)
		return e;
	if (e < 0 || !name || strlen(name) >= sizeof(w->stored) ||
	    json_to_bool(json_get(j, "created"), &w->created) < 0) {
		log_error("store %s/(new): %s has answered what is no answer",
			  store_class_name(w->base.cls),
			  w->base.store->location);
		return -EPROTO;
	}
	snprintf(w->stored, sizeof(w->stored), "%s", name);
	return 0;
}

/* -EAGAIN: nothing more comes just now. */
static int send_stream(struct vault_writer *w, uint64_t size)
{
	struct vault_store *v = (struct vault_store *)w->base.store;
	CLEANUP_BUF struct buf answer = BUF_INIT(ANSWER_MAX);
	char what[VAULT_WHAT_MAX];
	struct vault_request q = {
		.what = vault_what(what, "store", w->base.cls, NULL),
		.method = "POST",
		.read = read_stream,
		.size = size,
		.arg = w,
		.cancelled = is_cancelled,
		.into = &answer,
	};
	int e;

	vault_path(q.path, v, w->base.cls, NULL);
	e = vault_ask(v, &q);
	return e < 0 ? e : read_answer(w, SPAN_OF(&answer));
}

static void *stream(void *arg)
{
	struct vault_writer *w = arg;
	int e = send_stream(w, VAULT_SIZE_UNKNOWN);

	if (e == -EAGAIN) {
		pthread_mutex_lock(&w->lock);
		while (!w->whole && !w->cancelled)
			pthread_cond_wait(&w->changed, &w->lock);
		pthread_mutex_unlock(&w->lock);
		/* whole: it does not change any more */
		e = send_stream(w, w->size);
	}
	pthread_mutex_lock(&w->lock);
	w->err = e;
	w->ended = true;
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* If there can be no thread, the commit sends it. */
static void start_stream(struct vault_writer *w)
{
	w->streaming = pthread_create(&w->thread, NULL, stream, w) == 0;
}

static void finish_stream(struct vault_writer *w, bool *how)
{
	pthread_mutex_lock(&w->lock);
	*how = true;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	w->streaming = false;
}

/* --- a writer --- */

int vault_create(struct store *s, enum store_class cls, const char *name,
		 struct store_writer **out)
{
	struct vault_store *v = (struct vault_store *)s;
	char what[VAULT_WHAT_MAX];
	struct vault_writer *w;
	int e = vault_may_write(v, vault_what(what, "store", cls, name));

	if (e == 0) {
		e = FAULT("store.create");
		if (e < 0)
			return store_fail(s, e, "store", cls, name);
	}
	if (e < 0)
		return e;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->fd = -1;
	w->memory = BUF_INIT(MEMORY_MAX);
	if (name)
		memcpy(w->name, name, strlen(name) + 1);
	init_wait(w);
	*out = &w->base;
	return 0;
}

static int append_to_file(struct vault_writer *w, struct span data)
{
	int e = io_pwrite_all(w->fd, data, w->size);

	if (e < 0)
		return log_fail(e, "keep what is sent to %s in %s (TMPDIR)",
				w->base.store->location, vault_scratch());
	pthread_mutex_lock(&w->lock);
	w->size += data.len;
	e = w->ended ? w->err : 0; /* no use in going on */
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
	return e;
}

int vault_append(struct store_writer *base, struct span data)
{
	struct vault_writer *w = (struct vault_writer *)base;
	int e = FAULT("store.write");

	if (e < 0)
		return fail(w, base->store, e);
	if (w->fd < 0 && data.len <= MEMORY_MAX - w->memory.len) {
		w->size += data.len;
		return buf_append(&w->memory, data.p, data.len);
	}
	if (w->fd < 0) {
		e = move_to_file(w);
		if (e == 0 && !w->name[0])
			start_stream(w);
	}
	return e < 0 ? e : append_to_file(w, data);
}

static int commit_stream(struct vault_writer *w, const char *name)
{
	finish_stream(w, &w->whole);
	if (w->err < 0)
		return w->err;
	if (strcmp(w->stored, name) != 0) {
		log_error("store packs/%s in %s: it has stored %s: the bytes "
			  "were damaged on their way, or here in memory",
			  name, w->base.store->location, w->stored);
		return -EBADMSG;
	}
	return w->created ? 0 : -EEXIST;
}

static int commit_put(struct vault_writer *w, const char *name)
{
	struct vault_store *v = (struct vault_store *)w->base.store;
	char what[VAULT_WHAT_MAX];
	struct vault_request q = {
		.what = vault_what(what, "store", w->base.cls, name),
		.method = "PUT",
		.read = read_whole,
		.size = w->size,
		.arg = w,
	};

	vault_path(q.path, v, w->base.cls, name);
	return vault_ask(v, &q);
}

int vault_commit(struct store_writer *base, const char *name)
{
	struct vault_writer *w = (struct vault_writer *)base;
	int e = FAULT("store.publish");

	if (e < 0)
		return fail(w, base->store, e);
	e = w->streaming ? commit_stream(w, name) : commit_put(w, name);
	if (e == 0) {
		e = FAULT("store.published");
		if (e < 0)
			return fail(w, base->store, e);
	}
	return e;
}

void vault_discard(struct store_writer *base)
{
	struct vault_writer *w = (struct vault_writer *)base;

	if (w->streaming)
		finish_stream(w, &w->cancelled);
	if (w->fd >= 0)
		close(w->fd);
	buf_release(&w->memory);
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
