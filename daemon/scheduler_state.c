/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheduler_state.c - what is remembered of schedules beyond a restart, and
 * what is told of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/clock.h"
#include "daemon/scheduler_private.h"

#define STATE_MAX ((size_t)1 << 20)

struct entry *scheduler_find(struct scheduler *s, const char *name)
{
	size_t i;

	for (i = 0; name && i < s->n; i++)
		if (!strcmp(s->entries[i].sc->name, name))
			return &s->entries[i];
	return NULL;
}

/* FNV-1a. */
static uint64_t hash(uint64_t h, const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		h = (h ^ (uint8_t)text[i]) * 0x100000001b3;
	return h;
}

uint64_t scheduler_seed(const char *name)
{
	CLEANUP_BUF struct buf id = BUF_INIT(256);
	char host[256] = "";
	uint64_t h = 0xcbf29ce484222325;

	if (io_read_file(AT_FDCWD, "/etc/machine-id", &id) == 0 && id.len > 0)
		h = hash(h, (const char *)id.p, id.len);
	else if (gethostname(host, sizeof(host) - 1) == 0)
		h = hash(h, host, strlen(host));
	return hash(h, name, strlen(name));
}

/* --- on disk --- */

static void load_one(struct scheduler *s, const struct json *j)
{
	struct entry *e = scheduler_find(s, json_to_str(json_get(j, "name")));
	uint64_t v;

	if (!e)
		return;
	if (json_to_u64(json_get(j, "handled"), &v) == 0)
		e->handled = (int64_t)v;
	(void)!json_to_bool(json_get(j, "paused"), &e->is_paused);
	if (json_to_u64(json_get(j, "until"), &v) == 0)
		e->paused_until = (int64_t)v;
}

int scheduler_load(struct scheduler *s, int64_t now)
{
	CLEANUP_BUF struct buf b = BUF_INIT(STATE_MAX);
	CLEANUP_JSON struct json *j = NULL;
	const struct json *one;
	size_t i;
	int e;

	for (i = 0; i < s->n; i++)
		s->entries[i].handled = now;
	e = io_read_file(AT_FDCWD, s->opt.state, &b);
	if (e == -ENOENT)
		return 0;
	if (e == 0)
		e = json_parse(SPAN_OF(&b), STATE_MAX, &j);
	if (e == -ENOMEM)
		return e;
	if (e < 0) {
		/* written whole or not at all: somebody else did this */
		log_warn("%s cannot be read (%s): schedules count from now on, "
			 "and none is paused",
			 s->opt.state, log_strerror(e));
		return 0;
	}
	one = json_first(json_get(j, "schedules"));
	for (; one; one = json_next(one))
		load_one(s, one);
	return 0;
}

void scheduler_save(struct scheduler *s)
{
	CLEANUP_BUF struct buf b = BUF_INIT(STATE_MAX);
	struct json_out j = JSON_OUT(&b);
	size_t i;
	int e;

	json_object(&j, NULL);
	json_array(&j, "schedules");
	for (i = 0; i < s->n; i++) {
		const struct entry *en = &s->entries[i];

		json_object(&j, NULL);
		json_str(&j, "name", en->sc->name);
		json_i64(&j, "handled", en->handled);
		json_bool(&j, "paused", en->is_paused);
		json_i64(&j, "until", en->paused_until);
		json_close(&j);
	}
	json_close(&j);
	json_close(&j);
	e = json_end(&j);
	if (e == 0)
		e = buf_u8(&b, '\n');
	if (e == 0)
		e = io_replace_file(AT_FDCWD, s->opt.state, SPAN_OF(&b));
	if (e < 0)
		log_fail(e, "write %s", s->opt.state);
}

/* --- telling --- */

static const char *state_word(const struct entry *e)
{
	if (e->job)
		return e->job_runs ? "running" : "queued";
	if (!e->sc->enabled)
		return "disabled";
	if (e->is_paused)
		return "paused";
	if (e->pending.is_set)
		return e->pending.held_since ? "held" : "delayed";
	return "waiting";
}

static void put_entry(const struct entry *e, int64_t now, struct json_out *j)
{
	const struct pending *p = &e->pending;
	int64_t next = schedule_after(&e->sc->rule, MAX(now, e->handled));
	char words[512];

	json_object(j, NULL);
	json_str(j, "name", e->sc->name);
	json_str(j, "when", schedule_words(&e->sc->rule, words, sizeof(words)));
	json_str(j, "state", state_word(e));
	json_str(j, "repository", e->sc->repository);
	if (e->job)
		json_u64(j, "job", e->job);
	if (e->is_paused && e->paused_until)
		json_i64(j, "paused_until", e->paused_until);
	if (p->is_set) {
		json_i64(j, "due", p->occurrence);
		json_i64(j, "start", p->start);
	}
	if (p->is_set && p->held_since)
		json_str(j, "held_why", p->held_why);
	if (e->sc->enabled && !e->is_paused && next != SCHEDULE_NEVER)
		json_i64(j, "next", next);
	if (e->last.id) {
		json_u64(j, "last_job", e->last.id);
		json_str(j, "last_result", record_word(&e->last));
		json_i64(j, "last_ended", e->last.ended);
		if (e->last.reason[0])
			json_str(j, "last_reason", e->last.reason);
	}
	json_close(j);
}

int scheduler_list(struct scheduler *s, struct json_out *j)
{
	int64_t now = clock_now();
	size_t i;

	pthread_mutex_lock(&s->lock);
	json_array(j, NULL);
	for (i = 0; i < s->n; i++)
		put_entry(&s->entries[i], now, j);
	json_close(j);
	pthread_mutex_unlock(&s->lock);
	return 0;
}

/* Does it make runs by itself? */
static bool is_active(const struct entry *e)
{
	return e->sc->enabled && !(e->is_paused && !e->paused_until);
}

int scheduler_next(struct scheduler *s, const char *name, unsigned int count,
		   struct json_out *j)
{
	int64_t now = clock_now(), *at;
	int e = 0;
	size_t i;

	pthread_mutex_lock(&s->lock);
	if (name && !scheduler_find(s, name))
		e = -ENOENT;
	at = calloc(s->n + 1, sizeof(*at));
	if (!at)
		e = -ENOMEM;
	for (i = 0; e == 0 && i < s->n; i++) {
		const struct entry *en = &s->entries[i];
		bool wanted = is_active(en) &&
			      (!name || !strcmp(name, en->sc->name));
		int64_t from = MAX(now, en->handled);

		from = MAX(from, en->paused_until);
		at[i] = !wanted ? SCHEDULE_NEVER
				: schedule_after(&en->sc->rule, from);
	}
	json_array(j, NULL);
	while (e == 0 && count-- > 0) {
		size_t first = s->n;

		for (i = 0; i < s->n; i++)
			if (at[i] != SCHEDULE_NEVER &&
			    (first == s->n || at[i] < at[first]))
				first = i;
		if (first == s->n)
			break;
		json_object(j, NULL);
		json_str(j, "name", s->entries[first].sc->name);
		json_i64(j, "due", at[first]);
		json_i64(j, "delay",
			 schedule_delay(&s->entries[first].sc->rule,
					s->entries[first].seed, at[first]));
		json_close(j);
		at[first] =
			schedule_after(&s->entries[first].sc->rule, at[first]);
	}
	json_close(j);
	free(at);
	pthread_mutex_unlock(&s->lock);
	return e;
}
