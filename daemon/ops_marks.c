/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops_marks.c - requests about what is tracked, and their replies.
 */
#include "daemon/ops_marks.h"

#include <errno.h>
#include <sys/sysmacros.h>

#include "daemon/listfile.h"

#define CONSUMER_MAX 64

/* --- requests --- */

int marks_dev(const struct request *q, dev_t *dev)
{
	uint64_t ma, mi;

	if (json_to_u64(json_get(q->j, "major"), &ma) < 0 ||
	    json_to_u64(json_get(q->j, "minor"), &mi) < 0)
		return -EUCLEAN;
	*dev = makedev((unsigned int)ma, (unsigned int)mi);
	return 0;
}

bool marks_token(const struct request *q, const char *id,
		 struct epochs_token *t)
{
	return json_to_hex(json_get(q->j, "instance"), t->instance,
			   sizeof(t->instance)) == 0 &&
	       json_to_hex(json_get(q->j, id), t->fs, sizeof(t->fs)) == 0 &&
	       json_to_u64(json_get(q->j, "epoch"), &t->epoch) == 0;
}

bool marks_kept(const struct request *q)
{
	bool kept;

	return json_to_bool(json_get(q->j, "kept"), &kept) == 0 && kept;
}

/* --- replies --- */

static int pass(struct request *q, const struct dirty *d)
{
	CLEANUP_BUF struct buf b = BUF_INIT(DIRTY_ENCODED_MAX);
	int e = dirty_encode(d, &b);

	return e < 0 ? e : request_pass(q, SPAN_OF(&b));
}

int marks_answer(struct request *q, int e, const char *id,
		 struct epochs_answer *a)
{
	json_bool(q->out, "tracked", e == 0);
	if (e < 0)
		return e == -ENODEV ? 0
				    : request_refuse_errno(q,
							   id ? "turn the epoch"
							      : "read marks",
							   e);
	json_bool(q->out, "trusted", a->trusted);
	json_str(q->out, "why", a->why);
	if (id) {
		json_hex(q->out, "instance", a->token.instance,
			 sizeof(a->token.instance));
		json_hex(q->out, id, a->token.fs, sizeof(a->token.fs));
		json_u64(q->out, "epoch", a->token.epoch);
	}
	if (a->trusted)
		e = pass(q, &a->dirty);
	dirty_release(&a->dirty);
	return e < 0 ? request_refuse_errno(q, "hand over the marks", e) : 0;
}

int marks_peeked(struct request *q, int e, struct dirty *d)
{
	json_bool(q->out, "tracked", e == 0);
	if (e == 0)
		e = pass(q, d);
	dirty_release(d);
	return e == 0 || e == -ENODEV
		       ? 0
		       : request_refuse_errno(q, "read marks", e);
}

/* --- whole operations --- */

int marks_begin(struct request *q, const char *id, marks_begin_fn *fn,
		void *arg)
{
	const char *consumer = json_to_str(json_get(q->j, "consumer"));
	struct epochs_token since;
	struct epochs_answer a;
	dev_t dev;
	int e;

	if (marks_dev(q, &dev) < 0 || !consumer ||
	    strlen(consumer) > CONSUMER_MAX)
		return request_refuse(q, "it needs major, minor and consumer");
	e = fn(arg, dev, marks_token(q, id, &since) ? &since : NULL, consumer,
	       &a);
	return marks_answer(q, e, id, &a);
}

static int change(struct request *q, const char *path, bool add,
		  const struct marks_list *list, marks_change_fn *fn, void *arg)
{
	CLEANUP_FREE char *listed = NULL;
	const char *why = NULL;
	int e = fn(arg, path, add, &listed, &why);

	if (why)
		return request_refuse(q, why);
	if (e == -ENOENT && !add)
		return request_refuse(q, "it is not tracked");
	if (e < 0)
		return request_refuse_errno(q, path, e);
	e = listfile_change(list->file, listed, add);
	if (e < 0)
		return request_refuse_errno(q, "remember it for the next start",
					    e);
	json_bool(q->out, "done", true);
	json_name(q->out, "path", SPAN(listed, strlen(listed)));
	return 0;
}

int marks_change(struct request *q, bool add, struct marks_list *list,
		 marks_change_fn *fn, void *arg)
{
	const char *path = json_to_str(json_get(q->j, "path"));
	int e;

	if (!q->is_root)
		return request_refuse(q,
				      "only root may change what is tracked");
	if (!path || path[0] != '/')
		return request_refuse(q, "an absolute path is needed");
	pthread_mutex_lock(&list->lock);
	e = change(q, path, add, list, fn, arg);
	pthread_mutex_unlock(&list->lock);
	return e;
}
