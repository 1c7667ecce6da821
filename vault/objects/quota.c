/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quota.c - how much room a machine has in the vault.
 */
#include "vault/objects/quota.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/log.h"
#include "vault/audit.h"

/* --- what is used --- */

struct reading {
	struct quota_use *out;
	bool is_there;
};

static int read_use(void *arg, const struct db_row *row)
{
	struct reading *r = arg;

	*r->out = (struct quota_use){
		.bytes = (uint64_t)db_int(row, 0),
		.objects = (uint64_t)db_int(row, 1),
		.quota = { (uint64_t)db_int(row, 2), (uint64_t)db_int(row, 3) },
	};
	r->is_there = true;
	return 0;
}

int quota_of(struct db *db, const char *machine, const struct quota *defaults,
	     struct quota_use *out)
{
	struct reading r = { out, false };
	int e = db_query(db, read_use, &r,
			 "SELECT bytes, objects, COALESCE(quota_bytes, ?),"
			 " COALESCE(quota_objects, ?) FROM usage"
			 " WHERE machine = ?",
			 "iis", (int64_t)defaults->bytes,
			 (int64_t)defaults->objects, machine);

	return e == 0 && !r.is_there ? -ENOENT : e;
}

uint64_t quota_room(const struct quota_use *use)
{
	const struct quota *q = &use->quota;

	if (q->objects && use->objects >= q->objects)
		return 0;
	if (!q->bytes)
		return UINT64_MAX;
	return use->bytes < q->bytes ? q->bytes - use->bytes : 0;
}

/* --- changing it --- */

struct change {
	const char *machine, *actor;
	const struct quota *own;
};

static int change(struct db *db, void *arg)
{
	const struct change *c = arg;
	char detail[100] = "that of the configuration";
	struct audit_line line = { 0,	       0,      c->actor, "quota/set",
				   c->machine, "done", detail };
	int n;

	if (c->own)
		n = db_exec(db,
			    "UPDATE usage SET quota_bytes = ?,"
			    " quota_objects = ? WHERE machine = ?",
			    "iis", (int64_t)c->own->bytes,
			    (int64_t)c->own->objects, c->machine);
	else
		n = db_exec(db,
			    "UPDATE usage SET quota_bytes = NULL,"
			    " quota_objects = NULL WHERE machine = ?",
			    "s", c->machine);
	if (c->own)
		snprintf(detail, sizeof(detail), "%llu bytes, %llu objects",
			 (unsigned long long)c->own->bytes,
			 (unsigned long long)c->own->objects);
	return n < 0 ? n : n == 0 ? -ENOENT : audit_add(db, &line);
}

int quota_set(struct db *db, const char *machine, const struct quota *own,
	      const char *actor)
{
	struct change c = { machine, actor, own };

	return db_write(db, change, &c);
}

/* --- what is on its way --- */

void quota_hold_init(struct quota_hold *h)
{
	memset(h, 0, sizeof(*h));
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->given, NULL);
}

void quota_hold_release(struct quota_hold *h)
{
	pthread_cond_destroy(&h->given);
	pthread_mutex_destroy(&h->lock);
}

static bool fits(const struct quota_use *use, uint64_t bytes, uint64_t objects)
{
	const struct quota *q = &use->quota;

	return (!q->bytes || use->bytes + bytes <= q->bytes) &&
	       (!q->objects || use->objects + objects <= q->objects);
}

/*
 * What is held is counted twice for the moment between its row's commit and
 * quota_give(). So what does not fit with it, and would without, waits until
 * it is clear which of the two is true.
 */
int quota_take(struct quota_hold *h, struct db *db, const char *machine,
	       const struct quota *defaults, uint64_t size)
{
	struct quota_use use;
	int e;

	pthread_mutex_lock(&h->lock);
	for (;;) {
		e = quota_of(db, machine, defaults, &use);
		if (e == 0 && !fits(&use, size, 1))
			e = -EDQUOT;
		if (e < 0 || fits(&use, h->bytes + size, h->objects + 1))
			break;
		pthread_cond_wait(&h->given, &h->lock);
	}
	if (e == 0) {
		h->bytes += size;
		h->objects++;
	}
	pthread_mutex_unlock(&h->lock);
	return e;
}

void quota_give(struct quota_hold *h, uint64_t size)
{
	pthread_mutex_lock(&h->lock);
	h->bytes -= size;
	h->objects--;
	pthread_cond_broadcast(&h->given);
	pthread_mutex_unlock(&h->lock);
}

/* --- the disk --- */

int disk_room(const char *path, uint64_t reserve, struct disk_room *out)
{
	struct statvfs s;

	if (statvfs(path, &s) < 0)
		return log_fail(-errno, "look for room in %s", path);
	out->size = (uint64_t)s.f_blocks * s.f_frsize;
	out->free = (uint64_t)s.f_bavail * s.f_frsize;
	out->reserve = MIN(reserve, out->size / 20);
	return 0;
}

int disk_check(const char *path, uint64_t reserve)
{
	struct disk_room r = { 0 };
	int e = disk_room(path, reserve, &r);

	return e < 0 ? e : r.free < r.reserve ? -ENOSPC : 0;
}
