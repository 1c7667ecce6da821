/* SPDX-License-Identifier: Apache-2.0 */
/*
 * devices.c - the epochs of block devices.
 *
 * What tells one disk from the next with the same number (disk.h) is looked
 * at when an epoch turns; the programs compare the disk's sequence number at
 * each mark. Any doubt: the tracking begins anew, and the next backup reads
 * the whole device.
 */
#include "daemon/devices.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>

#include "base/io.h"
#include "base/log.h"
#include "track/hooks.h"
#include "track/pins.h"
#include "daemon/kept.h"

#define WHY_ANOTHER "another disk, or one of another size, is there now"
#define WHY_GONE "it was gone"
#define WHY_FULL "there were more changes than the tracker holds"
#define WHY_FOREIGN "commands were sent to it past the block layer"
#define WHY_MISSED "the kernel left out runs of the tracker's programs"
#define WHY_NOT_KEPT "its marks could not be kept"

#define NO_SLOT UINT32_MAX

struct device {
	struct device *next;
	struct disk disk;
	uint32_t slot;
	struct kept kept;
	uint64_t drained; /* entries counted when the set was last emptied */
	uint64_t resets;
	const char *last_why;
};

struct devices {
	struct devices_options opt;
	struct blocks *blocks; /* NULL: nothing is tracked */
	pthread_mutex_t lock;
	struct device *list; /* guarded by lock, as everything in it */
};

/* --- life of one --- */

static void device_free(struct device *v)
{
	if (!v)
		return;
	kept_release(&v->kept);
	free(v);
}

static struct device **find(struct devices *d, dev_t dev)
{
	struct device **at;

	for (at = &d->list; *at; at = &(*at)->next)
		if ((*at)->disk.dev == dev)
			break;
	return at;
}

/* Record it, from now on, as what disk says. */
static int start(struct devices *d, struct device *v, const struct disk *disk)
{
	uint32_t slot;
	int e = blocks_add(d->blocks, disk, &slot);

	if (e == -EEXIST) { /* of a daemon that left no state */
		e = blocks_remove(d->blocks, slot);
		if (e == 0)
			e = blocks_add(d->blocks, disk, &slot);
	}
	if (e < 0)
		return e;
	v->slot = slot;
	v->disk = *disk;
	v->drained = 0;
	v->kept.dev = disk->dev;
	v->kept.identity = disk->identity;
	memcpy(v->kept.instance, blocks_instance(d->blocks),
	       sizeof(v->kept.instance));
	return kept_new(&v->kept, d->opt.state_dir);
}

/* Begin anew: nothing that was recorded before counts. */
static int reset(struct devices *d, struct device *v, const char *why)
{
	struct disk now;
	int e = disk_of_dev(v->disk.dev, &now);

	log_warn("%s: %s; the next backup reads all of it", v->kept.path, why);
	v->resets++;
	v->last_why = why;
	state_remove(v->kept.dir);
	if (v->slot != NO_SLOT)
		(void)blocks_remove(d->blocks, v->slot);
	v->slot = NO_SLOT; /* another may get its number now */
	return e < 0 ? e : start(d, v, &now);
}

static const char *refuses(const struct devices *d, const struct disk *disk)
{
	if (hooks_in_list(d->opt.without, "kinds"))
		return NULL;
	if (disk->size == 0)
		return "it has no size: there is no medium in it";
	return disk->refused;
}

static const char *doubt(const struct blocks_slot *s)
{
	if (s->replaced)
		return WHY_ANOTHER;
	if (s->foreign)
		return WHY_FOREIGN;
	if (s->missed)
		return WHY_MISSED;
	return s->lost ? WHY_FULL : NULL;
}

/* Is it what was tracked? NULL: yes. */
static const char *changed(const struct device *v)
{
	struct disk now;

	if (disk_of_dev(v->disk.dev, &now) < 0)
		return WHY_GONE;
	return now.identity != v->disk.identity ? WHY_ANOTHER : NULL;
}

/* --- epochs --- */

/* The idle set goes into a file of the epoch. *why: trust is lost. */
static int take_idle(struct devices *d, struct device *v, const char **why)
{
	struct dirty set = { 0 };
	struct blocks_slot slot;
	int e = blocks_drain(d->blocks, v->slot, &set);

	dirty_sort(&set);
	if (e == 0)
		e = blocks_slot(d->blocks, v->slot, &slot);
	if (e == 0) {
		*why = doubt(&slot);
		if (!*why && set.lost)
			*why = WHY_FULL;
	}
	if (e == 0 && !*why)
		e = kept_take(&v->kept, &set);
	dirty_release(&set);
	if (e == 0)
		e = blocks_drop(d->blocks, v->slot);
	if (e == 0)
		v->drained = slot.entries;
	return e;
}

static const char *turn(struct devices *d, struct device *v)
{
	const char *why = NULL;
	int e = v->slot == NO_SLOT ? -ENODEV : blocks_turn(d->blocks, v->slot);

	if (e == 0)
		e = take_idle(d, v, &why);
	/* as in epochs.c: a turn that is not ended would tell too little */
	if (e < 0)
		return WHY_NOT_KEPT;
	/* after the turn: whatever it was replaced with until then counts */
	return why ?: changed(v);
}

static int begin(struct devices *d, struct device *v,
		 const struct epochs_token *since, const char *consumer,
		 struct epochs_answer *out)
{
	const char *why = turn(d, v);
	int e = why ? reset(d, v, why) : 0;

	if (e < 0)
		return e;
	e = kept_answer(&v->kept, since, consumer, v->last_why, out);
	if (e < 0 || out->dirty.lost) {
		dirty_release(&out->dirty);
		memset(out, 0, sizeof(*out));
		e = reset(d, v, "the marks that were kept cannot be read");
		if (e == 0)
			e = kept_answer(&v->kept, NULL, consumer, NULL, out);
		out->why = v->last_why;
	}
	return e < 0 ? e : kept_save(&v->kept);
}

int devices_begin(struct devices *d, dev_t dev,
		  const struct epochs_token *since, const char *consumer,
		  struct epochs_answer *out)
{
	struct device *v;
	int e;

	memset(out, 0, sizeof(*out));
	pthread_mutex_lock(&d->lock);
	v = *find(d, dev);
	e = v ? begin(d, v, since, consumer, out) : -ENODEV;
	pthread_mutex_unlock(&d->lock);
	if (e < 0)
		dirty_release(&out->dirty);
	return e;
}

int devices_peek(struct devices *d, dev_t dev, bool kept, struct dirty *out)
{
	struct device *v;
	int e = -ENODEV;

	pthread_mutex_lock(&d->lock);
	v = *find(d, dev);
	if (v)
		e = kept_peek(&v->kept, kept, out);
	if (v && e == 0 && v->slot == NO_SLOT)
		out->lost = true;
	else if (v && e == 0)
		e = blocks_peek(d->blocks, v->slot, out);
	pthread_mutex_unlock(&d->lock);
	dirty_sort(out);
	return e;
}

void devices_tick(struct devices *d)
{
	struct device *v, *most = NULL;
	uint32_t used, max;
	uint64_t sum = 0, best = 0;
	const char *why = NULL;

	pthread_mutex_lock(&d->lock);
	for (v = d->list; v; v = v->next) {
		struct blocks_slot slot;

		if (v->slot == NO_SLOT ||
		    blocks_slot(d->blocks, v->slot, &slot) < 0)
			continue;
		sum += slot.entries - v->drained;
		if (slot.entries - v->drained > best) {
			best = slot.entries - v->drained;
			most = v;
		}
	}
	/* counted only when there is something to count */
	if (most && sum > 1024 && blocks_fill(d->blocks, &used, &max) == 0 &&
	    used > max / 3) {
		if (blocks_turn(d->blocks, most->slot) < 0 ||
		    take_idle(d, most, &why) < 0)
			why = WHY_NOT_KEPT;
		if (why)
			(void)!reset(d, most, why);
	}
	pthread_mutex_unlock(&d->lock);
}

/* --- the list --- */

/* lock: held */
static void unload_if_idle(struct devices *d)
{
	if (d->list || !d->blocks)
		return;
	blocks_close(TAKE_PTR(d->blocks));
	(void)pins_end(d->opt.blocks.pins);
}

/* lock: held */
static int add(struct devices *d, const char *path, const struct disk *disk)
{
	struct device *v = calloc(1, sizeof(*v));
	int e = v ? 0 : -ENOMEM;

	if (e == 0) {
		v->kept.path = strdup(path);
		e = v->kept.path ? 0 : -ENOMEM;
	}
	if (e == 0 && !d->blocks)
		e = blocks_open(&d->opt.blocks, true, &d->blocks);
	if (e == 0)
		e = start(d, v, disk);
	if (e < 0) {
		device_free(v);
		unload_if_idle(d);
		return e;
	}
	v->next = d->list;
	d->list = v;
	log_info("tracking %s (%s)", path, disk->name);
	return 0;
}

void devices_trim(struct devices *d)
{
	pthread_mutex_lock(&d->lock);
	unload_if_idle(d);
	pthread_mutex_unlock(&d->lock);
}

int devices_add(struct devices *d, const char *path, const char **why)
{
	struct disk disk;
	int e = disk_of(path, &disk);

	*why = NULL;
	if (e < 0)
		return e;
	*why = refuses(d, &disk);
	if (*why)
		return -EOPNOTSUPP;
	pthread_mutex_lock(&d->lock);
	if (!*find(d, disk.dev))
		e = add(d, path, &disk);
	pthread_mutex_unlock(&d->lock);
	return e;
}

int devices_remove(struct devices *d, const char *path, char **was)
{
	struct device **at, *v;
	struct disk disk;
	int e = -ENOENT;

	pthread_mutex_lock(&d->lock);
	for (at = &d->list; *at; at = &(*at)->next)
		if (!strcmp((*at)->kept.path, path))
			break;
	if (!*at && disk_of(path, &disk) == 0)
		at = find(d, disk.dev);
	v = *at;
	if (v) {
		e = v->slot == NO_SLOT ? 0 : blocks_remove(d->blocks, v->slot);
		state_remove(v->kept.dir);
		*at = v->next;
		log_info("no longer tracking %s", v->kept.path);
		*was = TAKE_PTR(v->kept.path);
		device_free(v);
		unload_if_idle(d);
	}
	pthread_mutex_unlock(&d->lock);
	return e;
}

static int status_of(struct devices *d, const struct device *v,
		     struct devices_status *s)
{
	int e = 0;

	*s = (struct devices_status){ .path = v->kept.path,
				      .disk = v->disk,
				      .epoch = v->kept.epoch,
				      .consumers =
					      (uint32_t)v->kept.n_consumers,
				      .resets = v->resets,
				      .last_why = v->last_why };
	if (v->slot != NO_SLOT) {
		e = blocks_slot(d->blocks, v->slot, &s->slot);
		if (e < 0)
			return e;
	}
	s->why = doubt(&s->slot) ?: changed(v);
	if (!s->why && v->kept.n_consumers == 0)
		s->why = v->last_why
				 ?: "no backup has used the tracker here so "
				    "far";
	s->trusted = !s->why;
	return 0;
}

int devices_each(struct devices *d, devices_fn *fn, void *arg)
{
	struct device *v;
	int e = 0;

	pthread_mutex_lock(&d->lock);
	for (v = d->list; e == 0 && v; v = v->next) {
		struct devices_status s;

		e = status_of(d, v, &s);
		if (e == 0)
			e = fn(arg, &s);
	}
	pthread_mutex_unlock(&d->lock);
	return e;
}

void devices_fill(struct devices *d, uint32_t *used, uint32_t *max)
{
	*used = *max = 0;
	pthread_mutex_lock(&d->lock);
	if (d->blocks && blocks_fill(d->blocks, used, max) < 0)
		*used = *max = 0;
	pthread_mutex_unlock(&d->lock);
}

/* --- start --- */

/* The state of the daemon before this one, if it holds. */
static int adopt(struct devices *d, const char *name)
{
	struct device *v = calloc(1, sizeof(*v));
	const char *why = NULL;
	bool recorded = false;
	int e = v ? kept_load(&v->kept, d->opt.state_dir, name) : -ENOMEM;

	if (e == 0 &&
	    (!d->blocks || memcmp(v->kept.instance, blocks_instance(d->blocks),
				  sizeof(v->kept.instance)) != 0))
		e = -ESTALE;
	if (e == 0)
		e = disk_of_dev(v->kept.dev, &v->disk);
	if (e == 0 && v->disk.identity != v->kept.identity)
		e = -ESTALE;
	if (e == 0) {
		e = blocks_add(d->blocks, &v->disk, &v->slot);
		recorded = e == 0 || e == -EEXIST;
		/* if it had to be added, nobody recorded it */
		e = e == -EEXIST ? 0 : -ESTALE;
	}
	if (e == 0)
		e = take_idle(d, v, &why);
	if (e < 0 || why) {
		if (recorded)
			(void)blocks_remove(d->blocks, v->slot);
		if (v && v->kept.dir)
			state_remove(v->kept.dir);
		device_free(v);
		return e == -ENOMEM ? e : 0;
	}
	v->next = d->list;
	d->list = v;
	log_info("still tracking %s, epoch %llu", v->kept.path,
		 (unsigned long long)v->kept.epoch);
	return 0;
}

int devices_open(const struct devices_options *opt, struct devices **out)
{
	struct devices *d = calloc(1, sizeof(*d));
	struct dirent *ent;
	DIR *dir;
	int e;

	if (!d)
		return -ENOMEM;
	d->opt = *opt;
	pthread_mutex_init(&d->lock, NULL);
	e = io_mkdir_p(opt->state_dir);
	if (e == 0)
		e = blocks_open(&opt->blocks, false, &d->blocks);
	if (e == -ENOENT)
		e = 0;
	dir = e == 0 ? opendir(opt->state_dir) : NULL;
	if (e == 0 && !dir)
		e = -errno;
	while (e == 0 && (ent = readdir(dir)))
		if (ent->d_name[0] != '.')
			e = adopt(d, ent->d_name);
	if (dir)
		closedir(dir);
	if (e < 0) {
		log_fail(e, "read the state in %s", opt->state_dir);
		devices_close(d);
		return e;
	}
	*out = d;
	return 0;
}

void devices_close(struct devices *d)
{
	struct device *v;

	if (!d)
		return;
	while ((v = d->list)) {
		d->list = v->next;
		device_free(v);
	}
	blocks_close(d->blocks);
	pthread_mutex_destroy(&d->lock);
	free(d);
}
