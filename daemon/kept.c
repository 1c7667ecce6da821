/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kept.c - marks of closed epochs, in files.
 */
#include "daemon/kept.h"

#include <errno.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/log.h"

void kept_release(struct kept *k)
{
	free(k->chunks);
	free(k->dir);
	free(k->path);
	memset(k, 0, sizeof(*k));
}

int kept_save(const struct kept *k)
{
	struct state_info info = {
		.path = k->path,
		.dev = k->dev,
		.mount_id = k->identity,
		.epoch = k->epoch,
		.floor = k->floor,
		.next_number = k->next_number,
		.consumers = (struct state_consumer *)(uintptr_t)k->consumers,
		.n_consumers = k->n_consumers,
		.chunks = k->chunks,
		.n_chunks = k->n_chunks,
	};

	memcpy(info.instance, k->instance, sizeof(info.instance));
	return state_save(k->dir, &info);
}

int kept_new(struct kept *k, const char *base)
{
	char hex[HEX_LEN(EPOCHS_ID_LEN)];

	if (getrandom(k->id, sizeof(k->id), 0) != sizeof(k->id))
		return -EIO;
	hex_encode(hex, k->id, sizeof(k->id));
	free(k->dir);
	if (asprintf(&k->dir, "%s/%s", base, hex) < 0) {
		k->dir = NULL;
		return -ENOMEM;
	}
	free(TAKE_PTR(k->chunks));
	k->n_chunks = 0;
	k->epoch = k->next_number = 1;
	k->floor = 0;
	k->n_consumers = 0;
	if (mkdir(k->dir, 0700) < 0)
		return log_fail(-errno, "make %s", k->dir);
	return kept_save(k);
}

int kept_load(struct kept *k, const char *base, const char *name)
{
	struct state_info info = { 0 };
	size_t i;
	int e;

	if (hex_decode(k->id, sizeof(k->id), name, strlen(name)) < 0)
		return -EUCLEAN;
	if (asprintf(&k->dir, "%s/%s", base, name) < 0) {
		k->dir = NULL;
		return -ENOMEM;
	}
	e = state_load(k->dir, &info, &k->chunks, &k->n_chunks);
	if (e == 0 && info.n_consumers > KEPT_CONSUMERS_MAX)
		e = -EUCLEAN;
	if (e == 0) {
		memcpy(k->instance, info.instance, sizeof(k->instance));
		k->dev = info.dev;
		k->identity = info.mount_id;
		k->epoch = info.epoch;
		k->floor = info.floor;
		k->next_number = info.next_number;
		memcpy(k->consumers, info.consumers,
		       info.n_consumers * sizeof(*k->consumers));
		k->n_consumers = info.n_consumers;
		k->path = TAKE_PTR(info.path);
		/* files that were written after info have numbers, too */
		for (i = 0; i < k->n_chunks; i++)
			k->next_number =
				MAX(k->next_number, k->chunks[i].number + 1);
	}
	state_info_release(&info);
	return e;
}

int kept_take(struct kept *k, const struct dirty *d)
{
	struct state_chunk c = { .epoch = k->epoch,
				 .number = k->next_number,
				 .inodes = d->n_inodes };
	void *p;
	int e;

	if (d->n_inodes == 0)
		return 0;
	p = realloc(k->chunks, (k->n_chunks + 1) * sizeof(*k->chunks));
	if (!p)
		return -ENOMEM;
	k->chunks = p;
	e = state_chunk_write(k->dir, &c, d);
	if (e < 0)
		return e;
	k->chunks[k->n_chunks++] = c;
	k->next_number++;
	return 0;
}

/* --- what is kept --- */

static uint64_t least_needed(const struct kept *k)
{
	uint64_t least = k->epoch;
	size_t i;

	for (i = 0; i < k->n_consumers; i++)
		least = MIN(least, k->consumers[i].epoch);
	return k->n_consumers ? least : 0;
}

/* asked: what is wanted now, by whom nothing is noted perhaps. */
static bool is_border(const struct kept *k, uint64_t asked, uint64_t from,
		      uint64_t to)
{
	size_t i;

	if (asked >= from && asked < to)
		return true;
	for (i = 0; i < k->n_consumers; i++)
		if (k->consumers[i].epoch >= from && k->consumers[i].epoch < to)
			return true;
	return false;
}

/* Drop what everyone has passed; join what nobody tells apart. */
static int tidy(struct kept *k, uint64_t asked)
{
	uint64_t least = least_needed(k);
	size_t i, n = 0;
	int e = 0;

	for (i = 0; i < k->n_chunks; i++) {
		struct state_chunk *c = &k->chunks[i];

		if (c->epoch <= least) {
			k->floor = MAX(k->floor, c->epoch);
			state_chunk_remove(k->dir, c);
		} else if (e == 0 && n > 0 &&
			   !is_border(k, asked, k->chunks[n - 1].epoch,
				      c->epoch)) {
			struct state_chunk to = { .epoch = c->epoch,
						  .number = k->next_number++ };

			e = state_chunk_join(k->dir, &k->chunks[n - 1], c, &to);
			k->chunks[e == 0 ? n - 1 : n++] = e == 0 ? to : *c;
		} else {
			k->chunks[n++] = *c;
		}
	}
	k->n_chunks = n;
	return e;
}

static void note_consumer(struct kept *k, const char *name, uint64_t epoch)
{
	struct state_consumer *c = NULL;
	size_t i;

	for (i = 0; i < k->n_consumers; i++)
		if (!strcmp(k->consumers[i].name, name))
			c = &k->consumers[i];
	if (!c && k->n_consumers == KEPT_CONSUMERS_MAX) {
		/* the one furthest behind: it will read everything */
		c = &k->consumers[0];
		for (i = 1; i < k->n_consumers; i++)
			if (k->consumers[i].epoch < c->epoch)
				c = &k->consumers[i];
	}
	if (!c)
		c = &k->consumers[k->n_consumers++];
	snprintf(c->name, sizeof(c->name), "%s", name);
	c->epoch = epoch;
}

static int collect(const struct kept *k, uint64_t after, struct dirty *d)
{
	size_t i;
	int e = 0;

	for (i = 0; e == 0 && i < k->n_chunks; i++)
		if (k->chunks[i].epoch > after)
			e = state_chunk_read(k->dir, &k->chunks[i], d);
	return e;
}

static const char *mistrust(const struct kept *k,
			    const struct epochs_token *since,
			    const char *last_why)
{
	if (!since)
		return "this is the first backup with the tracker";
	if (memcmp(since->instance, k->instance, sizeof(k->instance)) != 0)
		return "the tracker was started anew since the last backup";
	if (memcmp(since->fs, k->id, EPOCHS_ID_LEN) != 0)
		return last_why ?: "tracking began anew since the last backup";
	if (since->epoch >= k->epoch || since->epoch < k->floor)
		return "the changes since the last backup are not kept any "
		       "more";
	return NULL;
}

int kept_answer(struct kept *k, const struct epochs_token *since,
		const char *consumer, const char *last_why,
		struct epochs_answer *out)
{
	int e;

	memcpy(out->token.instance, k->instance, sizeof(k->instance));
	memcpy(out->token.fs, k->id, EPOCHS_ID_LEN);
	out->token.epoch = k->epoch++;
	out->why = mistrust(k, since, last_why);
	out->trusted = !out->why;
	/* of a new one nothing is known but that it needs what comes now */
	if (consumer[0])
		note_consumer(k, consumer,
			      out->trusted ? since->epoch : out->token.epoch);
	e = tidy(k, out->trusted ? since->epoch : 0);
	if (e == 0 && out->trusted)
		e = collect(k, since->epoch, &out->dirty);
	dirty_sort(&out->dirty);
	return e;
}

int kept_peek(const struct kept *k, bool all, struct dirty *d)
{
	return collect(k, all ? least_needed(k) : k->epoch - 1, d);
}
