/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history.c - the runs of the past, on disk.
 *
 * In memory there are the lines, ascending by id: a reader is given them as
 * they are, and only what the scheduler asks for is parsed.
 */
#include "daemon/history.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/log.h"

#define LINE_MAX_BYTES ((size_t)32 << 10)
#define FILE_MAX_BYTES ((size_t)1 << 30)

struct line {
	uint64_t id;
	char *text; /* without the newline */
};

struct history {
	char *path;
	size_t max;
	pthread_mutex_t lock; /* of all below */
	struct line *lines;
	size_t n, room;
	size_t written; /* lines in the file */
	uint64_t last_id;
	bool broken; /* the file ends in the middle of a line */
};

/* Where id is, or would be. */
static size_t place_of(const struct history *h, uint64_t id)
{
	size_t low = 0, high = h->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (h->lines[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* text becomes ours. */
static int keep(struct history *h, uint64_t id, char *text)
{
	size_t at = place_of(h, id);

	if (at < h->n && h->lines[at].id == id) {
		free(h->lines[at].text);
		h->lines[at].text = text;
		return 0;
	}
	if (h->n == h->room) {
		size_t room = h->room ? 2 * h->room : 64;
		struct line *l = reallocarray(h->lines, room, sizeof(*l));

		if (!l) {
			free(text);
			return -ENOMEM;
		}
		h->lines = l;
		h->room = room;
	}
	memmove(h->lines + at + 1, h->lines + at,
		(h->n - at) * sizeof(*h->lines));
	h->lines[at] = (struct line){ id, text };
	h->n++;
	if (id > h->last_id)
		h->last_id = id;
	if (h->n > h->max) {
		free(h->lines[0].text);
		h->n--;
		memmove(h->lines, h->lines + 1, h->n * sizeof(*h->lines));
	}
	return 0;
}

static int parse_line(const char *text, size_t len, struct record *r)
{
	CLEANUP_JSON struct json *j = NULL;
	int e = json_parse(SPAN(text, len), LINE_MAX_BYTES, &j);

	return e < 0 ? e : record_read(r, j);
}

static int encode(const struct record *r, struct buf *b)
{
	struct json_out j = JSON_OUT(b);
	int e;

	record_write(r, &j);
	e = json_end(&j);
	return e < 0 ? e : buf_u8(b, '\n');
}

/* --- the file --- */

static int rewrite(struct history *h)
{
	CLEANUP_BUF struct buf b = BUF_INIT(FILE_MAX_BYTES);
	size_t i;
	int e = 0;

	for (i = 0; e == 0 && i < h->n; i++) {
		e = buf_append(&b, h->lines[i].text, strlen(h->lines[i].text));
		if (e == 0)
			e = buf_u8(&b, '\n');
	}
	if (e == 0)
		e = io_replace_file(AT_FDCWD, h->path, SPAN_OF(&b));
	if (e < 0)
		return log_fail(e, "write %s", h->path);
	h->written = h->n;
	h->broken = false;
	return 0;
}

static int append(struct history *h, struct span line)
{
	CLEANUP_CLOSE int fd =
		open(h->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	int e = fd < 0 ? -errno : io_write_all(fd, line);

	if (e == 0 && fdatasync(fd) < 0)
		e = -errno;
	if (e < 0) {
		h->broken = true;
		return log_fail(e, "write %s", h->path);
	}
	h->written++;
	return 0;
}

static void put_locked(struct history *h, const struct record *r)
{
	CLEANUP_BUF struct buf b = BUF_INIT(LINE_MAX_BYTES);
	char *text;

	if (encode(r, &b) < 0 || !(text = strndup((char *)b.p, b.len - 1)) ||
	    keep(h, r->id, text) < 0) {
		log_error("job %llu is not in the history: out of memory",
			  (unsigned long long)r->id);
		return;
	}
	/* its whole content, if the last line may be torn or too much of it
	 * has been replaced */
	if (h->broken || h->written > 2 * h->max + 100)
		(void)!rewrite(h);
	else
		(void)!append(h, SPAN_OF(&b));
}

void history_put(struct history *h, const struct record *r)
{
	pthread_mutex_lock(&h->lock);
	put_locked(h, r);
	pthread_mutex_unlock(&h->lock);
}

uint64_t history_new_id(struct history *h)
{
	uint64_t id;

	pthread_mutex_lock(&h->lock);
	id = ++h->last_id;
	pthread_mutex_unlock(&h->lock);
	return id;
}

/* --- opening --- */

static int read_lines(struct history *h, struct buf *b)
{
	const char *p = (const char *)b->p, *end = p + b->len, *nl;
	size_t bad = 0;
	struct record r;

	for (; p < end; p = nl + 1) {
		char *text;

		nl = memchr(p, '\n', (size_t)(end - p));
		if (!nl) {
			h->broken = true;
			break;
		}
		h->written++;
		if (parse_line(p, (size_t)(nl - p), &r) < 0) {
			bad++;
			continue;
		}
		text = strndup(p, (size_t)(nl - p));
		if (!text || keep(h, r.id, text) < 0)
			return -ENOMEM;
	}
	if (bad > 0)
		log_warn("%s: %zu lines are damaged, and passed over", h->path,
			 bad);
	return 0;
}

static void bury(struct history *h, int64_t now)
{
	struct record r;
	size_t i;

	for (i = 0; i < h->n; i++) {
		if (parse_line(h->lines[i].text, strlen(h->lines[i].text), &r) <
			    0 ||
		    r.state == RECORD_ENDED)
			continue;
		r.state = RECORD_ENDED;
		r.result = RECORD_DIED;
		r.ended = now;
		RECORD_SET(r.reason, "tidemarkd or the machine ended while it "
				     "ran");
		put_locked(h, &r);
	}
}

int history_open(const char *path, size_t max, int64_t now,
		 struct history **out)
{
	CLEANUP_BUF struct buf b = BUF_INIT(FILE_MAX_BYTES);
	struct history *h = calloc(1, sizeof(*h));
	int e;

	if (!h)
		return -ENOMEM;
	pthread_mutex_init(&h->lock, NULL);
	h->max = max;
	h->path = strdup(path);
	e = h->path ? io_read_file(AT_FDCWD, path, &b) : -ENOMEM;
	if (e == -ENOENT)
		e = 0;
	else if (e < 0)
		log_fail(e, "read %s", path);
	if (e == 0)
		e = read_lines(h, &b);
	if (e == 0 && h->broken)
		e = rewrite(h);
	if (e < 0) {
		history_close(h);
		return e;
	}
	bury(h, now);
	*out = h;
	return 0;
}

void history_close(struct history *h)
{
	size_t i;

	if (!h)
		return;
	for (i = 0; i < h->n; i++)
		free(h->lines[i].text);
	free(h->lines);
	free(h->path);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

/* --- asking --- */

int history_last(struct history *h, const char *schedule, struct record *out)
{
	size_t i;
	int e = -ENOENT;

	pthread_mutex_lock(&h->lock);
	for (i = h->n; e < 0 && i-- > 0;) {
		const char *text = h->lines[i].text;

		/* parsing ten thousand lines for a schedule that never ran
		 * takes a while */
		if (!strstr(text, schedule) ||
		    parse_line(text, strlen(text), out) < 0)
			continue;
		if (!strcmp(out->schedule, schedule))
			e = 0;
	}
	pthread_mutex_unlock(&h->lock);
	return e;
}

int history_list(struct history *h, size_t n, uint64_t id, struct buf *out)
{
	size_t i;
	int e = 0;

	pthread_mutex_lock(&h->lock);
	for (i = h->n > n ? h->n - n : 0; e == 0 && i < h->n; i++) {
		const struct line *l = &h->lines[i];

		if (id && l->id != id)
			continue;
		e = buf_append(out, l->text, strlen(l->text));
		if (e == 0)
			e = buf_u8(out, '\n');
	}
	pthread_mutex_unlock(&h->lock);
	return e;
}
