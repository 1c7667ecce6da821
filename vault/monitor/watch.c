/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch.c - looks around each minute, and raises or clears alerts.
 */
#include "vault/monitor/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "vault/monitor/alerts.h"
#include "vault/retention/collect.h"
#include "vault/monitor/history.h"
#include "vault/machines/machines.h"

#define DAY 86400
#define BYTES_TIMES 3
#define RATIO_FLOOR 250 /* thousandths: from 50 % to 75 % */

/* --- the clock --- */

struct last_pass {
	int64_t time, uptime;
	char boot[48];
	bool is_there;
};

static int take_pass(void *arg, const struct db_row *row)
{
	struct last_pass *p = arg;

	p->time = db_int(row, 0);
	p->uptime = db_int(row, 1);
	snprintf(p->boot, sizeof(p->boot), "%s", db_text(row, 2));
	p->is_there = true;
	return 0;
}

static int get_last(struct db *db, struct last_pass *out)
{
	memset(out, 0, sizeof(*out));
	return db_query(db, take_pass, out,
			"SELECT time, uptime, boot FROM watch", "");
}

/* Without a kernel that tells its boot, each pass is a boot of its own. */
static void get_now(struct last_pass *out)
{
	CLEANUP_BUF struct buf b = BUF_INIT(4096);
	struct timespec up;

	memset(out, 0, sizeof(*out));
	clock_gettime(CLOCK_BOOTTIME, &up);
	out->time = clock_now();
	out->uptime = up.tv_sec;
	if (io_read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", &b) == 0)
		snprintf(out->boot, sizeof(out->boot), "%.36s",
			 b.len >= 36 ? (const char *)b.p : "");
}

static int note_pass(struct db *db, void *arg)
{
	const struct last_pass *p = arg;
	int e = db_exec(db,
			"INSERT INTO watch(one, time, boot, uptime)"
			" VALUES (1, ?, ?, ?) ON CONFLICT DO UPDATE SET"
			" time = excluded.time, boot = excluded.boot,"
			" uptime = excluded.uptime",
			"isi", p->time, p->boot, p->uptime);

	return MIN(e, 0);
}

/* By how much the clock was moved since the last pass. Over a boot only what
 * cannot be: back, or very far. */
static int64_t moved_by(const struct last_pass *was, const struct last_pass *is)
{
	int64_t by = is->time - was->time;

	if (was->boot[0] && !strcmp(was->boot, is->boot))
		return by - (is->uptime - was->uptime);
	return by < 0 || by > (int64_t)COLLECT_JUMP_DAYS * DAY ? by : 0;
}

static int look_at_clock(struct vault *v)
{
	struct last_pass was, is;
	int64_t by = 0;
	int e = get_last(v->db, &was);

	get_now(&is);
	if (e == 0 && was.is_there)
		by = moved_by(&was, &is);
	if (e == 0 && llabs(by) > WATCH_CLOCK_STEP)
		e = alert_raise(v->db, ALERT_CLOCK, "",
				"the vault's clock was moved %s by %lld "
				"seconds: retention and the ends of "
				"certificates go by it; set it right, and see "
				"who moved it",
				by < 0 ? "back" : "ahead",
				llabs((long long)by));
	return e < 0 ? e : db_write(v->db, note_pass, &is);
}

int watch_clock_is_right(struct vault *v, bool *is)
{
	struct last_pass was;
	int e = get_last(v->db, &was);

	*is = !was.is_there || clock_now() >= was.time - WATCH_CLOCK_STEP;
	return e;
}

/* --- the disk --- */

static int look_at_disk(struct vault *v)
{
	struct disk_room r = { 0 };
	int e = disk_room(v->dir, v->config.disk_reserve, &r);

	if (e < 0)
		return e;
	if (r.free < MAX(2 * r.reserve, r.size / 10))
		return alert_raise(v->db, ALERT_DISK, "",
				   "the disk of %s has %" PRIu64
				   " MiB of %" PRIu64 " left; at %" PRIu64
				   " nothing more is taken: make room",
				   v->dir, r.free >> 20, r.size >> 20,
				   r.reserve >> 20);
	/* a little more, so that it does not come and go */
	return r.free < MAX(3 * r.reserve, r.size / 8)
		       ? 0
		       : alert_clear(v->db, ALERT_DISK, "");
}

/* --- machines --- */

struct subject {
	char id[MACHINE_ID_LEN + 1];
	char name[MACHINE_NAME_MAX + 1];
	int64_t registered, newest, newest_head, watched;
};

struct subjects {
	struct subject *v;
	size_t n, room;
};

static int add_subject(void *arg, const struct db_row *row)
{
	struct subjects *all = arg;
	struct subject *s;

	if (all->n == all->room) {
		size_t room = all->room ? 2 * all->room : 64;

		s = realloc(all->v, room * sizeof(*s));
		if (!s)
			return -ENOMEM;
		all->v = s;
		all->room = room;
	}
	s = &all->v[all->n++];
	snprintf(s->id, sizeof(s->id), "%s", db_text(row, 0));
	snprintf(s->name, sizeof(s->name), "%s", db_text(row, 1));
	s->registered = db_int(row, 2);
	s->newest_head = db_int(row, 3);
	s->newest = db_int(row, 4);
	s->watched = db_int(row, 5);
	return 0;
}

#define SUBJECTS                                                               \
	"SELECT m.id, m.name, m.registered,"                                   \
	" (SELECT MAX(head) FROM point WHERE machine = m.id),"                 \
	" (SELECT arrived FROM point WHERE machine = m.id"                     \
	" ORDER BY head DESC LIMIT 1),"                                        \
	" w.head FROM machine m LEFT JOIN watched w ON w.machine = m.id"       \
	" WHERE m.removed IS NULL"

/* Of the newest points, oldest first; at most HISTORY_MAX + 1. */
struct past {
	int64_t arrived[HISTORY_MAX + 1], bytes[HISTORY_MAX + 1];
	int64_t ratio[HISTORY_MAX + 1]; /* thousandths; -1: not stated */
	size_t n;
};

static int add_past(void *arg, const struct db_row *row)
{
	struct past *p = arg;
	int64_t read = db_int(row, 2);

	p->arrived[p->n] = db_int(row, 0);
	p->bytes[p->n] = db_int(row, 1);
	/* of few bytes it says nothing */
	p->ratio[p->n] = read >= 1 << 20 ? (int64_t)((double)db_int(row, 1) /
						     (double)read * 1000)
					 : -1;
	return ++p->n > HISTORY_MAX ? 1 : 0;
}

static int get_past(struct db *db, const char *machine, struct past *out)
{
	int e;

	out->n = 0;
	e = db_query(db, add_past, out,
		     "SELECT * FROM (SELECT arrived, bytes, read_bytes, head"
		     " FROM point WHERE machine = ? ORDER BY head DESC LIMIT ?)"
		     " ORDER BY head",
		     "si", machine, (int64_t)HISTORY_MAX + 1);
	return MIN(e, 0);
}

static int look_for_missed(struct vault *v, const struct subject *s,
			   const struct past *p)
{
	int64_t now = clock_now(), quiet = now - s->newest, patience;

	if (s->newest == 0 &&
	    now - s->registered > (int64_t)WATCH_NEVER_DAYS * DAY)
		return alert_raise(v->db, ALERT_MISSED, s->id,
				   "%s was registered %lld days ago and has "
				   "never been backed up: is its agent set up?",
				   s->name,
				   (long long)((now - s->registered) / DAY));
	patience = history_patience(p->arrived, p->n);
	if (s->newest > 0 && patience > 0 && quiet > patience)
		return alert_raise(v->db, ALERT_MISSED, s->id,
				   "%s has not been backed up for %lld hours; "
				   "by its rhythm it should have been within "
				   "%lld: look at tidemarkd there",
				   s->name, (long long)(quiet / 3600),
				   (long long)(patience / 3600));
	return alert_clear(v->db, ALERT_MISSED, s->id);
}

/* Those before the newest that state how well they compressed. */
static struct history_verdict judge_ratio(const struct past *p)
{
	int64_t before[HISTORY_MAX + 1];
	size_t i, n = 0;

	for (i = 0; i + 1 < p->n; i++)
		if (p->ratio[i] >= 0)
			before[n++] = p->ratio[i];
	return history_judge(before, n, p->ratio[p->n - 1], 1, RATIO_FLOOR);
}

static int look_for_unusual(struct vault *v, const struct subject *s,
			    const struct past *p)
{
	size_t last = p->n - 1;
	struct history_verdict bytes, ratio;
	int e = 0;

	if (p->n == 0)
		return 0;
	bytes = history_judge(p->bytes, last, p->bytes[last], BYTES_TIMES,
			      WATCH_BYTES_FLOOR);
	ratio = judge_ratio(p);
	if (bytes.is_unusual)
		e = alert_raise(v->db, ALERT_UNUSUAL, s->id,
				"the newest recovery point of %s brought "
				"%" PRId64 " MiB, where %" PRId64
				" MiB are usual: if nobody knows why, its "
				"files may be encrypted just now; the points "
				"before are whole (tidemark-vaultd points)",
				s->name, p->bytes[last] >> 20,
				bytes.usual >> 20);
	if (e == 0 && ratio.is_unusual)
		e = alert_raise(v->db, ALERT_UNUSUAL, s->id,
				"what changed on %s compresses to %" PRId64
				" %%, where %" PRId64
				" %% are usual: its files may be encrypted "
				"just now; the points before are whole "
				"(tidemark-vaultd points)",
				s->name, p->ratio[last] / 10, ratio.usual / 10);
	return e;
}

static int note_watched(struct db *db, void *arg)
{
	const struct subject *s = arg;
	int e = db_exec(db,
			"INSERT INTO watched(machine, head) VALUES (?, ?)"
			" ON CONFLICT DO UPDATE SET head = excluded.head",
			"si", s->id, s->newest_head);

	return MIN(e, 0);
}

static int look_for_quota(struct vault *v, const struct subject *s)
{
	struct quota defaults = { v->config.quota_bytes,
				  v->config.quota_objects };
	struct quota_use u;
	int e = quota_of(v->db, s->id, &defaults, &u);

	if (e < 0)
		return e;
	if ((u.quota.bytes && u.bytes > u.quota.bytes / 10 * 9) ||
	    (u.quota.objects && u.objects > u.quota.objects / 10 * 9))
		return alert_raise(v->db, ALERT_QUOTA, s->id,
				   "%s uses more than nine tenths of its room: "
				   "%" PRIu64 " bytes, %" PRIu64
				   " objects; see tidemark-vaultd quota",
				   s->name, u.bytes, u.objects);
	return alert_clear(v->db, ALERT_QUOTA, s->id);
}

static int look_at_machine(struct vault *v, struct subject *s)
{
	struct past p;
	int e = get_past(v->db, s->id, &p);

	if (e == 0)
		e = look_for_missed(v, s, &p);
	if (e == 0)
		e = look_for_quota(v, s);
	if (e < 0 || s->newest_head <= s->watched)
		return e;
	e = look_for_unusual(v, s, &p);
	return e < 0 ? e : db_write(v->db, note_watched, s);
}

int watch_pass(struct vault *v)
{
	struct subjects all = { NULL, 0, 0 };
	size_t i;
	int e = look_at_clock(v);

	if (e == 0)
		e = look_at_disk(v);
	if (e == 0)
		e = db_query(v->db, add_subject, &all, SUBJECTS, "");
	for (i = 0; i < all.n && e == 0; i++)
		e = look_at_machine(v, &all.v[i]);
	free(all.v);
	return e < 0 ? e : alerts_forget(v->db);
}
