/* SPDX-License-Identifier: Apache-2.0 */
/*
 * epochs.c - closed epochs, kept until nobody needs them.
 *
 * A file system's state is a directory of the state directory, named by its
 * id: "info" (JSON), and "EPOCH.NUMBER" files of marks. The order in which a
 * turn makes things last:
 *
 *   turn, wait, sync | marks to a file | forget them in the kernel | info
 *
 * Killed before the file: the marks are in the kernel's idle set, and are
 * taken at the next start. Before the kernel forgets: they are in both.
 * Before info: the epoch's number is used once more, by nobody who knows of
 * the first.
 */
#include "daemon/epochs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/fault.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "daemon/epochs_private.h"

/* --- life of one --- */

void fs_free(struct fs *fs)
{
	if (!fs)
		return;
	mount_release(&fs->mount);
	free(fs->chunks);
	free(fs->dir);
	free(fs);
}

int fs_save(const struct epochs *e, const struct fs *fs)
{
	struct state_info info = {
		.path = fs->mount.path,
		.dev = fs->mount.dev,
		.mount_id = fs->mount.id,
		.epoch = fs->epoch,
		.floor = fs->floor,
		.next_number = fs->next_number,
		.consumers = (struct state_consumer *)(uintptr_t)fs->consumers,
		.n_consumers = fs->n_consumers,
		.has_left = fs->has_left,
		.left = fs->left,
		.chunks = fs->chunks,
		.n_chunks = fs->n_chunks,
	};

	snprintf(info.type, sizeof(info.type), "%s", fs->mount.type ?: "");

	memcpy(info.instance, tracker_instance(e->tracker),
	       sizeof(info.instance));
	return state_save(fs->dir, &info);
}

int fs_new_id(const struct epochs *e, struct fs *fs)
{
	char hex[HEX_LEN(EPOCHS_ID_LEN)];

	if (getrandom(fs->id, sizeof(fs->id), 0) != sizeof(fs->id))
		return -EIO;
	hex_encode(hex, fs->id, sizeof(fs->id));
	free(fs->dir);
	if (asprintf(&fs->dir, "%s/%s", e->dir, hex) < 0) {
		fs->dir = NULL;
		return -ENOMEM;
	}
	free(TAKE_PTR(fs->chunks));
	fs->n_chunks = 0;
	fs->epoch = fs->next_number = 1;
	fs->floor = 0;
	fs->n_consumers = 0;
	fs->drained = 0;
	if (mkdir(fs->dir, 0700) < 0)
		return log_fail(-errno, "make %s", fs->dir);
	return fs_save(e, fs);
}

int fs_reset(struct epochs *e, struct fs *fs, const char *why)
{
	int r;

	log_warn("%s: %s; the next backup looks at everything", fs->mount.path,
		 why);
	fs->resets++;
	fs->last_why = why;
	/* first: whatever fails from here on, nobody trusts what was */
	if (getrandom(fs->id, sizeof(fs->id), 0) != sizeof(fs->id))
		return -EIO;
	state_remove(fs->dir);
	r = tracker_remove(e->tracker, fs->slot);
	if (r == 0)
		r = tracker_add(e->tracker, fs->mount.dev, &fs->slot);
	return r < 0 ? r : fs_new_id(e, fs);
}

const char *fs_refuses(const struct epochs *e, const struct mount *m)
{
	const char *why = tracker_refuses(e->tracker, m->type);

	if (why)
		return why;
	if (strstr(m->options, "data=journal"))
		return "data=journal is not tracked";
	if (strstr(m->options, "dax=always") || strstr(m->options, ",dax"))
		return "stores to a DAX file system cannot be seen";
	if (m->id == 0 && !tracker_sees_unmount(e->tracker))
		return "this kernel cannot tell one mount from the next (Linux "
		       "6.8 can)";
	return NULL;
}

struct fs *fs_find(struct epochs *e, dev_t dev)
{
	struct fs *fs;

	for (fs = e->list; fs; fs = fs->next)
		if (fs->armed && fs->mount.dev == dev)
			return fs;
	return NULL;
}

/* --- taking marks out of the kernel --- */

int fs_take_idle(struct epochs *e, struct fs *fs, unsigned int how, bool *lost)
{
	struct dirty d = { 0 };
	struct tracker_slot slot;
	int r = tracker_drain(e->tracker, fs->slot, how & TAKE_SYNCED, &d);

	*lost = d.lost;
	dirty_sort(&d);
	if (r == 0 && !d.lost && d.n_inodes > 0) {
		struct state_chunk c = { .epoch = fs->epoch,
					 .number = fs->next_number,
					 .inodes = d.n_inodes };
		void *p = realloc(fs->chunks,
				  (fs->n_chunks + 1) * sizeof(*fs->chunks));

		if (p)
			fs->chunks = p;
		r = p ? state_chunk_write(fs->dir, &c, &d) : -ENOMEM;
		if (r == 0) {
			fs->chunks[fs->n_chunks++] = c;
			fs->next_number++;
		}
	}
	dirty_release(&d);
	if (r == 0)
		r = FAULT("turn.kept");
	if (r == 0)
		r = tracker_drop(e->tracker, fs->slot);
	if (r == 0)
		r = tracker_slot(e->tracker, fs->slot, &slot);
	if (r == 0 && slot.replaced && !(how & TAKE_ENDED))
		*lost = true;
	if (r == 0)
		fs->drained = slot.inodes;
	return r;
}

static int sync_fs(const struct epochs *e, const struct fs *fs, int fd)
{
	if (e->no_sync || syncfs(fd) == 0)
		return 0;
	return log_fail(-errno, "sync %s", fs->mount.path);
}

static int turn_and_sync(struct epochs *e, struct fs *fs, int fd)
{
	/* most of what is dirty: writing it back marks inodes, and this way in
	 * the epoch that ends. An error is told once, and not to the second */
	int r = sync_fs(e, fs, fd);

	if (r == 0)
		r = FAULT("turn.synced");
	if (r == 0)
		r = tracker_turn(e->tracker, fs->slot);
	if (r == 0)
		r = FAULT("turn.turned");
	return r < 0 ? r : sync_fs(e, fs, fd);
}

const char *fs_why_lost(const struct epochs *e, const struct fs *fs)
{
	struct tracker_slot slot;

	if (tracker_slot(e->tracker, fs->slot, &slot) < 0)
		return WHY_FULL;
	return slot.replaced ? WHY_UNMOUNTED : slot.lost ?: WHY_FULL;
}

/* The order is the protocol: docs/change-tracking.md. *why: trust is lost. */
static int turn(struct epochs *e, struct fs *fs, const char **why)
{
	CLEANUP_CLOSE int fd = mount_open(&fs->mount);
	bool lost = false;
	int r;

	*why = NULL;
	if (fd < 0) {
		*why = WHY_UNMOUNTED;
		return 0;
	}
	r = turn_and_sync(e, fs, fd);
	if (r < 0) {
		*why = "it could not be synced";
		return 0;
	}
	r = fs_take_idle(e, fs, e->no_sync ? 0 : TAKE_SYNCED, &lost);
	/* A turn that is not ended leaves marks in a set that the next turn
	 * takes for the new one: other backups would be told too little. */
	if (r < 0)
		*why = "its marks could not be kept";
	else if (lost)
		*why = fs_why_lost(e, fs);
	return 0;
}

/* --- what is kept --- */

static uint64_t least_needed(const struct fs *fs)
{
	uint64_t least = fs->epoch;
	size_t i;

	for (i = 0; i < fs->n_consumers; i++)
		least = MIN(least, fs->consumers[i].epoch);
	return fs->n_consumers ? least : 0;
}

static bool is_border(const struct fs *fs, uint64_t from, uint64_t to)
{
	size_t i;

	for (i = 0; i < fs->n_consumers; i++)
		if (fs->consumers[i].epoch >= from &&
		    fs->consumers[i].epoch < to)
			return true;
	return false;
}

/* Drop what everyone has passed; join what nobody tells apart. */
static int tidy(struct fs *fs)
{
	uint64_t least = least_needed(fs);
	size_t i, n = 0;
	int r = 0;

	for (i = 0; i < fs->n_chunks; i++) {
		struct state_chunk *c = &fs->chunks[i];

		if (c->epoch <= least) {
			fs->floor = MAX(fs->floor, c->epoch);
			state_chunk_remove(fs->dir, c);
		} else if (r == 0 && n > 0 &&
			   !is_border(fs, fs->chunks[n - 1].epoch, c->epoch)) {
			struct state_chunk to = { .epoch = c->epoch,
						  .number = fs->next_number++ };

			r = state_chunk_join(fs->dir, &fs->chunks[n - 1], c,
					     &to);
			if (r == 0)
				fs->chunks[n - 1] = to;
			else
				fs->chunks[n++] = *c;
		} else {
			fs->chunks[n++] = *c;
		}
	}
	fs->n_chunks = n;
	return r;
}

static void note_consumer(struct fs *fs, const char *name, uint64_t epoch)
{
	struct state_consumer *c = NULL;
	size_t i;

	for (i = 0; i < fs->n_consumers; i++)
		if (!strcmp(fs->consumers[i].name, name))
			c = &fs->consumers[i];
	if (!c && fs->n_consumers == CONSUMERS_MAX) {
		/* the one furthest behind: it will look at everything */
		c = &fs->consumers[0];
		for (i = 1; i < fs->n_consumers; i++)
			if (fs->consumers[i].epoch < c->epoch)
				c = &fs->consumers[i];
	}
	if (!c)
		c = &fs->consumers[fs->n_consumers++];
	snprintf(c->name, sizeof(c->name), "%s", name);
	c->epoch = epoch;
}

int fs_collect(struct fs *fs, uint64_t after, struct dirty *d)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < fs->n_chunks; i++)
		if (fs->chunks[i].epoch > after)
			r = state_chunk_read(fs->dir, &fs->chunks[i], d);
	dirty_sort(d);
	return r;
}

/* --- begin --- */

const char *fs_mistrust(const struct epochs *e, const struct fs *fs,
			const struct epochs_token *since)
{
	if (!since)
		return "this is the first backup with the tracker";
	if (memcmp(since->fs, fs->id, EPOCHS_ID_LEN) != 0) {
		if (fs->last_why)
			return fs->last_why;
		return memcmp(since->instance, tracker_instance(e->tracker),
			      TRACKER_INSTANCE_LEN) != 0
			       ? "the tracker was started anew since the last "
				 "backup"
			       : "tracking began anew since the last backup";
	}
	if (since->epoch >= fs->epoch || since->epoch < fs->floor)
		return "the changes since the last backup are not kept any "
		       "more";
	return NULL;
}

/* Reset, and turn once more: pages that are dirty now make no mark when they
 * are written again, unless they were written back before. */
static int start_over(struct epochs *e, struct fs *fs, const char *why)
{
	const char *lost;
	int r = fs_reset(e, fs, why);

	if (r == 0)
		r = turn(e, fs, &lost);
	if (r == 0 && lost)
		r = log_fail(-EAGAIN, "track %s: %s", fs->mount.path, lost);
	return r;
}

/* What is mounted there now, if it has the same device number. */
static int look_again(struct fs *fs)
{
	struct mount now;
	int r = mount_of(fs->mount.path, &now);

	if (r < 0)
		return -ENODEV;
	if (now.dev != fs->mount.dev) {
		mount_release(&now);
		return -ENODEV;
	}
	mount_release(&fs->mount);
	fs->mount = now;
	fs->attachment = continuity_attachment(now.dev);
	return 0;
}

/* lock: held */
static int begin(struct epochs *e, struct fs *fs,
		 const struct epochs_token *since, const char *consumer,
		 struct epochs_answer *out)
{
	const char *lost;
	int r = turn(e, fs, &lost);

	if (r == 0 && lost)
		r = look_again(fs);
	if (r == 0 && lost)
		r = start_over(e, fs, lost);
	if (r == 0)
		r = FAULT("turn.dropped");
	if (r < 0)
		return r;
	out->token.epoch = fs->epoch++;
	out->why = fs_mistrust(e, fs, since);
	out->trusted = !out->why;
	/* of a new one nothing is known but that it needs what comes now */
	if (consumer[0])
		note_consumer(fs, consumer,
			      out->trusted ? since->epoch : out->token.epoch);
	/* before epochs are joined that only the consumers tell apart */
	if (out->trusted)
		r = fs_collect(fs, since->epoch, &out->dirty);
	if (r == 0)
		r = tidy(fs);
	if (r < 0 || out->dirty.lost) {
		out->trusted = false;
		out->why = "the marks that were kept cannot be read";
		dirty_release(&out->dirty);
		r = start_over(e, fs, out->why);
		/* the numbers began anew, too */
		out->token.epoch = fs->epoch++;
		if (consumer[0])
			note_consumer(fs, consumer, out->token.epoch);
	}
	memcpy(out->token.instance, tracker_instance(e->tracker),
	       TRACKER_INSTANCE_LEN);
	memcpy(out->token.fs, fs->id, EPOCHS_ID_LEN);
	return r < 0 ? r : fs_save(e, fs);
}

int epochs_begin(struct epochs *e, dev_t dev, const struct epochs_token *since,
		 const char *consumer, struct epochs_answer *out)
{
	struct fs *fs;
	int r;

	memset(out, 0, sizeof(*out));
	pthread_mutex_lock(&e->lock);
	(void)presence_look(e);
	fs = fs_find(e, dev);
	r = fs ? begin(e, fs, since, consumer, out) : -ENODEV;
	if (r == 0)
		r = FAULT("turn.saved");
	pthread_mutex_unlock(&e->lock);
	if (r < 0)
		dirty_release(&out->dirty);
	return r;
}

int epochs_peek(struct epochs *e, dev_t dev, bool kept, struct dirty *out)
{
	struct fs *fs;
	int r = -ENODEV;

	pthread_mutex_lock(&e->lock);
	fs = fs_find(e, dev);
	if (fs)
		r = fs_collect(fs, kept ? least_needed(fs) : fs->epoch - 1,
			       out);
	if (fs && r == 0)
		r = tracker_peek(e->tracker, fs->slot, out);
	pthread_mutex_unlock(&e->lock);
	dirty_sort(out);
	return r;
}

/* --- the list --- */

static void unlink_fs(struct epochs *e, struct fs **at)
{
	struct fs *fs = *at;

	if (fs->armed)
		(void)tracker_remove(e->tracker, fs->slot);
	if (fs->dir)
		state_remove(fs->dir);
	*at = fs->next;
	fs_free(fs);
}

/* lock: held. Takes m. */
static int add_mount(struct epochs *e, struct mount *m)
{
	struct fs *fs = presence_want(e, m->path), **at;
	int r;

	if (!fs)
		return -ENOMEM;
	if (fs->armed) { /* that one is covered now */
		(void)tracker_remove(e->tracker, fs->slot);
		fs->armed = false;
	}
	mount_release(&fs->mount);
	fs->mount = *m;
	memset(m, 0, sizeof(*m));
	r = presence_arm(e, fs);
	for (at = &e->list; r < 0 && *at; at = &(*at)->next)
		if (*at == fs) {
			unlink_fs(e, at);
			break;
		}
	return r;
}

int epochs_add(struct epochs *e, const char *path, const char **why)
{
	struct mount m;
	int r = mount_of(path, &m);

	*why = NULL;
	if (r < 0)
		return log_fail(r, "find the mount of %s", path);
	*why = fs_refuses(e, &m);
	pthread_mutex_lock(&e->lock);
	(void)presence_look(e);
	if (*why)
		r = -EOPNOTSUPP;
	else if (!fs_find(e, m.dev))
		r = add_mount(e, &m);
	pthread_mutex_unlock(&e->lock);
	mount_release(&m);
	return r;
}

int epochs_want(struct epochs *e, const char *path)
{
	struct fs *fs;
	bool there;

	pthread_mutex_lock(&e->lock);
	fs = presence_want(e, path);
	(void)presence_look(e);
	there = !fs || fs->armed || fs->refused;
	pthread_mutex_unlock(&e->lock);
	if (!there)
		log_warn("%s is not mounted: tracked as soon as it is", path);
	return fs ? 0 : -ENOMEM;
}

/* lock: held. A path that is no mount any more lies on another file system,
 * which may be tracked, too: so the path comes before the device. */
static struct fs **find_path(struct epochs *e, const char *path)
{
	struct fs **at;
	struct stat st;

	for (at = &e->list; *at; at = &(*at)->next)
		if (!strcmp((*at)->mount.path, path))
			return at;
	if (stat(path, &st) < 0)
		return at;
	for (at = &e->list; *at; at = &(*at)->next)
		if ((*at)->armed && (*at)->mount.dev == st.st_dev)
			return at;
	return at;
}

int epochs_remove(struct epochs *e, const char *path, char **point)
{
	struct fs **at;
	int r = -ENOENT;

	pthread_mutex_lock(&e->lock);
	at = find_path(e, path);
	if (*at) {
		log_info("no longer tracking %s", (*at)->mount.path);
		*point = strdup((*at)->mount.path);
		r = *point ? 0 : -ENOMEM;
		if (r == 0)
			unlink_fs(e, at);
	}
	pthread_mutex_unlock(&e->lock);
	return r;
}

static const char *status_why(const struct fs *fs,
			      const struct tracker_slot *slot)
{
	if (!fs->armed && fs->refused)
		return fs->refused;
	if (!fs->armed)
		return fs->has_left ? "it is not mounted; what is recorded is "
				      "kept until it is"
				    : "it is not mounted";
	if (!mount_is_there(&fs->mount) || slot->replaced)
		return WHY_UNMOUNTED;
	if (slot->lost)
		return slot->lost;
	if (fs->n_consumers == 0)
		return fs->last_why
			       ?: "no backup has used the tracker here so far";
	return NULL;
}

static int status_of(struct epochs *e, const struct fs *fs,
		     struct epochs_status *s)
{
	size_t i;
	int r;

	*s = (struct epochs_status){ .path = fs->mount.path,
				     .type = fs->mount.type,
				     .dev = fs->mount.dev,
				     .mounted = fs->armed &&
						mount_is_there(&fs->mount),
				     .epoch = fs->epoch,
				     .consumers = (uint32_t)fs->n_consumers,
				     .resets = fs->resets,
				     .last_why = fs->last_why };
	for (i = 0; i < fs->n_chunks; i++)
		s->kept_inodes += fs->chunks[i].inodes;
	if (fs->armed) {
		r = tracker_slot(e->tracker, fs->slot, &s->slot);
		if (r < 0)
			return r;
	}
	s->why = status_why(fs, &s->slot);
	s->trusted = !s->why;
	return 0;
}

int epochs_each(struct epochs *e, epochs_fn *fn, void *arg)
{
	struct fs *fs;
	int r = 0;

	pthread_mutex_lock(&e->lock);
	for (fs = e->list; r == 0 && fs; fs = fs->next) {
		struct epochs_status s;

		r = status_of(e, fs, &s);
		if (r == 0)
			r = fn(arg, &s);
	}
	pthread_mutex_unlock(&e->lock);
	return r;
}

/* The kernel's sets are shared by all: at a third, whoever has most is
 * emptied. No epoch ends with it, so nothing needs to be synced. */
void epochs_tick(struct epochs *e)
{
	struct fs *fs, *most = NULL;
	uint64_t sum = 0, best = 0;
	bool lost;

	pthread_mutex_lock(&e->lock);
	for (fs = e->list; fs; fs = fs->next) {
		struct tracker_slot slot;

		if (!fs->armed || tracker_slot(e->tracker, fs->slot, &slot) < 0)
			continue;
		sum += slot.inodes - fs->drained;
		if (slot.inodes - fs->drained > best) {
			best = slot.inodes - fs->drained;
			most = fs;
		}
	}
	if (most && sum > e->max_inodes / 3 &&
	    (tracker_turn(e->tracker, most->slot) < 0 ||
	     fs_take_idle(e, most, 0, &lost) < 0 || lost))
		(void)fs_reset(e, most, fs_why_lost(e, most));
	pthread_mutex_unlock(&e->lock);
}

/* --- start --- */

void fs_take_info(struct fs *fs, const struct state_info *info)
{
	size_t i;

	fs->epoch = info->epoch;
	fs->floor = info->floor;
	fs->next_number = info->next_number;
	memcpy(fs->consumers, info->consumers,
	       info->n_consumers * sizeof(*fs->consumers));
	fs->n_consumers = info->n_consumers;
	/* files that were written after info have numbers, too */
	for (i = 0; i < fs->n_chunks; i++)
		fs->next_number =
			MAX(fs->next_number, fs->chunks[i].number + 1);
}

/* Or the tracker says that it was unmounted. */
static bool is_same(const struct epochs *e, const struct mount *m,
		    const struct state_info *info)
{
	return m->dev == info->dev && m->id == info->mount_id &&
	       (m->id || tracker_sees_unmount(e->tracker));
}

static int adopt(struct epochs *e, const char *name)
{
	struct fs *fs = calloc(1, sizeof(*fs));
	struct state_info info = { 0 };
	bool lost = false;
	int r = -ENOMEM;

	if (fs && asprintf(&fs->dir, "%s/%s", e->dir, name) >= 0)
		r = state_load(fs->dir, &info, &fs->chunks, &fs->n_chunks);
	if (r == 0 &&
	    (hex_decode(fs->id, sizeof(fs->id), name, strlen(name)) < 0 ||
	     memcmp(info.instance, tracker_instance(e->tracker),
		    sizeof(info.instance)) != 0))
		r = -ESTALE;
	if (r == 0)
		r = mount_listed(info.path, &fs->mount);
	if (r == 0)
		r = mount_confirm(&fs->mount);
	if (r == 0 && !is_same(e, &fs->mount, &info))
		r = -ESTALE;
	if (r == 0 &&
	    tracker_add(e->tracker, fs->mount.dev, &fs->slot) != -EEXIST)
		r = -ESTALE; /* nobody recorded it */
	if (r == 0) {
		fs_take_info(fs, &info);
		fs->armed = true;
		fs->attachment = continuity_attachment(fs->mount.dev);
		r = fs_take_idle(e, fs, 0, &lost);
	}
	state_info_release(&info);
	if (r < 0 || lost) {
		if (fs && fs->dir)
			state_remove(fs->dir);
		fs_free(fs);
		return r == -ENOMEM ? r : 0;
	}
	fs->next = e->list;
	e->list = fs;
	log_info("still tracking %s, epoch %llu", fs->mount.path,
		 (unsigned long long)fs->epoch);
	return 0;
}

/* Each entry of a directory, which is made if need be. */
static int each_state(struct epochs *e, const char *dir,
		      int (*fn)(struct epochs *e, const char *name))
{
	struct dirent *ent;
	int r = io_mkdir_p(dir);
	DIR *d = r == 0 ? opendir(dir) : NULL;

	if (r == 0 && !d)
		r = -errno;
	while (r == 0 && (ent = readdir(d)))
		if (ent->d_name[0] != '.')
			r = fn(e, ent->d_name);
	if (d)
		closedir(d);
	return r < 0 ? log_fail(r, "read the state in %s", dir) : 0;
}

int epochs_open(const struct epochs_options *opt, struct epochs **out)
{
	struct epochs *e = calloc(1, sizeof(*e));
	uint32_t used;
	int r;

	if (!e)
		return -ENOMEM;
	pthread_mutex_init(&e->lock, NULL);
	e->tracker = opt->tracker;
	e->no_sync = opt->without && !strcmp(opt->without, "sync");
	e->dir = strdup(opt->state_dir);
	e->keep = strdup(opt->keep_dir);
	r = e->dir && e->keep ? 0 : -ENOMEM;
	if (r == 0)
		r = tracker_fill(e->tracker, &used, &e->max_inodes);
	if (r == 0)
		r = each_state(e, e->dir, adopt);
	if (r == 0)
		r = each_state(e, e->keep, presence_load);
	if (r == 0)
		r = presence_start(e);
	if (r < 0) {
		epochs_close(e);
		return r;
	}
	*out = e;
	return 0;
}

void epochs_close(struct epochs *e)
{
	struct fs *fs;

	if (!e)
		return;
	presence_stop(e);
	while ((fs = e->list)) {
		e->list = fs->next;
		fs_free(fs);
	}
	pthread_mutex_destroy(&e->lock);
	free(e->dir);
	free(e->keep);
	free(e);
}
