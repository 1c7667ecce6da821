/* SPDX-License-Identifier: Apache-2.0 */
/*
 * presence.c - tracked file systems come and go.
 *
 * One that is unmounted while the daemon looks on is left: its last marks are
 * taken, its own counters are noted, and both are kept on a disk, not in the
 * state directory, which ends with the machine. When it comes back (after a
 * reboot, on another device number) it is recorded again at once, and if its
 * counters say that nothing was written in between, everything goes on as if
 * it had never been away. Otherwise tracking begins anew, and the next backup
 * looks at everything.
 *
 * The order, when it leaves: it is no more in use | facts | last marks |
 * facts again. A session in between would have moved the facts.
 * When it comes: record | sync | facts. A write before the recording shows in
 * them after the sync, a later one is recorded.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>

#include "base/io.h"
#include "base/log.h"
#include "daemon/epochs_private.h"

#define LOOK_MS 1000
#define SOON_MS 20
/* Between the last look at a mount and its facts: whoever writes to the
 * device in this time without a mount is not seen. */
#define UNSEEN_MS 5000
/* An unmount has to write back; a lazy one may never end. */
#define GOING_MS 60000

struct presence {
	struct epochs *e;
	pthread_t thread;
	int stop; /* eventfd */
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* The state goes to another directory; fs->dir follows. */
static int move_to(struct epochs *e, struct fs *fs, const char *base)
{
	CLEANUP_FREE char *to = NULL;
	char hex[HEX_LEN(EPOCHS_ID_LEN)];
	char *from;
	int r;

	hex_encode(hex, fs->id, sizeof(fs->id));
	if (asprintf(&to, "%s/%s", base, hex) < 0) {
		to = NULL;
		return -ENOMEM;
	}
	r = state_copy(fs->dir, to, fs->chunks, fs->n_chunks);
	if (r < 0)
		return r;
	from = fs->dir;
	fs->dir = TAKE_PTR(to);
	r = fs_save(e, fs); /* now it counts */
	if (r == 0)
		state_remove(from);
	free(from);
	return r;
}

/* --- going --- */

static void lose(struct epochs *e, struct fs *fs, const char *why)
{
	log_warn("%s: %s; the next backup looks at everything", fs->mount.path,
		 why);
	fs->resets++;
	fs->last_why = why;
	fs->armed = fs->has_left = false;
	if (tracker_remove(e->tracker, fs->slot) < 0)
		log_warn("%s: its marks stay in the kernel", fs->mount.path);
	state_remove(fs->dir);
	fs->n_chunks = fs->n_consumers = 0;
}

/* NULL: the last marks are in fs->dir; left holds the facts. */
static const char *take_last(struct epochs *e, struct fs *fs)
{
	struct continuity again;
	bool lost;

	if (tracker_turn(e->tracker, fs->slot) < 0 ||
	    fs_take_idle(e, fs, TAKE_ENDED, &lost) < 0 || lost)
		return "its last marks could not be kept";
	if (continuity_left(fs->mount.type, fs->mount.dev, &again) < 0 ||
	    memcmp(&again, &fs->left, sizeof(again)) != 0)
		return WHY_UNMOUNTED;
	return NULL;
}

/* It is not in use any more. True: it was a moment ago, look again. */
static bool leave(struct epochs *e, struct fs *fs)
{
	const char *why = WHY_UNMOUNTED;
	int r = -ESTALE;

	if (now_ms() - fs->seen <= UNSEEN_MS &&
	    continuity_attachment(fs->mount.dev) == fs->attachment)
		r = continuity_left(fs->mount.type, fs->mount.dev, &fs->left);
	if (r == -EBUSY && now_ms() - fs->gone <= GOING_MS) {
		fs->seen = now_ms();
		return true;
	}
	if (r == 0)
		why = take_last(e, fs);
	if (!why) {
		fs->has_left = true;
		if (move_to(e, fs, e->keep) < 0)
			why = "its last marks could not be kept";
	}
	if (why) {
		lose(e, fs, why);
		return false;
	}
	fs->armed = false;
	if (tracker_remove(e->tracker, fs->slot) < 0)
		log_warn("%s: its marks stay in the kernel", fs->mount.path);
	log_info("%s was unmounted; what is recorded of it is kept",
		 fs->mount.path);
	return false;
}

/* Is a file system with this device number mounted at its path? */
static bool is_replaced(const struct fs *fs)
{
	struct mount now;
	bool same;

	if (mount_listed(fs->mount.path, &now) < 0)
		return false;
	same = now.dev == fs->mount.dev && mount_confirm(&now) == 0;
	mount_release(&now);
	return same;
}

/* True: look again soon. */
static bool look_at_armed(struct epochs *e, struct fs *fs)
{
	struct tracker_slot slot;

	if (tracker_slot(e->tracker, fs->slot, &slot) < 0)
		return false;
	if (mount_is_there(&fs->mount) && !slot.replaced) {
		fs->seen = now_ms();
		fs->gone = 0;
		return false;
	}
	if (fs->gone == 0)
		fs->gone = now_ms();
	if (is_replaced(fs)) {
		lose(e, fs, WHY_UNMOUNTED);
		return true;
	}
	if (!continuity_in_use(fs->mount.type, fs->mount.dev))
		return leave(e, fs);
	if (now_ms() - fs->gone > GOING_MS) {
		lose(e, fs, WHY_UNMOUNTED);
		return false;
	}
	/* in use, but not by this mount: it ends, and until then all that is
	 * written is recorded */
	fs->seen = now_ms();
	return true;
}

/* --- coming --- */

static int record(struct epochs *e, struct fs *fs)
{
	int r = tracker_add(e->tracker, fs->mount.dev, &fs->slot);

	if (r == -EEXIST) { /* of a daemon that left no state */
		r = tracker_remove(e->tracker, fs->slot);
		if (r == 0)
			r = tracker_add(e->tracker, fs->mount.dev, &fs->slot);
	}
	return r;
}

/* NULL: it is as it was left, and its state is where it belongs. */
static const char *take_up(struct epochs *e, struct fs *fs)
{
	CLEANUP_CLOSE int fd = mount_open(&fs->mount);
	const char *why;

	if (fd < 0 || syncfs(fd) < 0)
		return WHY_UNMOUNTED;
	why = continuity_differs(&fs->mount, &fs->left);
	if (why)
		return why;
	fs->has_left = false;
	return move_to(e, fs, e->dir) < 0 ? "its marks could not be kept"
					  : NULL;
}

static int begin_anew(struct epochs *e, struct fs *fs, const char *why)
{
	if (why) {
		log_warn("%s: %s; the next backup looks at everything",
			 fs->mount.path, why);
		fs->resets++;
		fs->last_why = why;
	}
	if (fs->dir)
		state_remove(fs->dir);
	fs->has_left = false;
	return fs_new_id(e, fs);
}

int presence_arm(struct epochs *e, struct fs *fs)
{
	const char *why = NULL;
	int r = record(e, fs);

	if (r < 0)
		return r;
	fs->armed = true;
	fs->attachment = continuity_attachment(fs->mount.dev);
	fs->seen = now_ms();
	fs->gone = 0;
	fs->drained = 0;
	if (fs->has_left) {
		why = take_up(e, fs);
		if (!why) {
			log_info("%s is as it was left: tracking goes on",
				 fs->mount.path);
			return 0;
		}
	}
	r = begin_anew(e, fs, why);
	if (r < 0) {
		fs->armed = false;
		(void)tracker_remove(e->tracker, fs->slot);
	} else if (!why) {
		log_info("tracking %s (%s)", fs->mount.path, fs->mount.type);
	}
	return r;
}

/* Done each second for what may never come: so the path is looked up only if
 * something of a kind that can be tracked is mounted there. What it lies on
 * was not asked for. */
static void look_at_absent(struct epochs *e, struct fs *fs)
{
	const char *refused;
	struct mount now;

	if (mount_listed(fs->mount.path, &now) < 0)
		return;
	refused = tracker_refuses(e->tracker, now.type);
	if (!refused && mount_confirm(&now) < 0) {
		mount_release(&now);
		return;
	}
	if (!refused && fs_find(e, now.dev))
		refused = "it is tracked under another path";
	else if (!refused)
		refused = fs_refuses(e, &now);
	if (refused && refused != fs->refused)
		log_warn("%s is not tracked: %s", fs->mount.path, refused);
	fs->refused = refused;
	if (refused) {
		mount_release(&now);
		return;
	}
	mount_release(&fs->mount);
	fs->mount = now;
	if (presence_arm(e, fs) < 0)
		log_warn("%s is not tracked: see above", fs->mount.path);
}

bool presence_look(struct epochs *e)
{
	bool soon = false;
	struct fs *fs;

	for (fs = e->list; fs; fs = fs->next)
		if (fs->armed && look_at_armed(e, fs))
			soon = true;
	for (fs = e->list; fs; fs = fs->next)
		if (!fs->armed)
			look_at_absent(e, fs);
	return soon;
}

/* --- start --- */

struct fs *presence_want(struct epochs *e, const char *path)
{
	struct fs *fs;

	for (fs = e->list; fs; fs = fs->next)
		if (!strcmp(fs->mount.path, path))
			return fs;
	fs = calloc(1, sizeof(*fs));
	if (!fs)
		return NULL;
	fs->mount.path = strdup(path);
	if (!fs->mount.path) {
		free(fs);
		return NULL;
	}
	fs->next = e->list;
	e->list = fs;
	return fs;
}

int presence_load(struct epochs *e, const char *name)
{
	CLEANUP_FREE char *dir = NULL;
	struct state_info info = { 0 };
	struct state_chunk *chunks = NULL;
	struct fs *fs = NULL;
	uint8_t id[EPOCHS_ID_LEN];
	size_t n = 0;
	int r;

	if (hex_decode(id, sizeof(id), name, strlen(name)) < 0)
		return 0;
	if (asprintf(&dir, "%s/%s", e->keep, name) < 0) {
		dir = NULL;
		return -ENOMEM;
	}
	r = state_load(dir, &info, &chunks, &n);
	if (r == 0 && info.has_left)
		fs = presence_want(e, info.path);
	/* one that came back already, or is no longer what was left there */
	if (!fs || fs->armed || fs->has_left) {
		log_warn("%s is not used: %s", dir,
			 r < 0 ? log_strerror(r) : "it is out of date");
		state_remove(dir);
		free(chunks);
	} else {
		memcpy(fs->id, id, sizeof(id));
		fs->dir = TAKE_PTR(dir);
		fs->has_left = true;
		fs->left = info.left;
		fs->chunks = chunks;
		fs->n_chunks = n;
		fs_take_info(fs, &info);
	}
	state_info_release(&info);
	return r == -ENOMEM ? r : 0;
}

static void *presence_thread(void *arg)
{
	struct presence *p = arg;
	CLEANUP_CLOSE int mounts =
		open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	bool soon = false;

	for (;;) {
		struct pollfd fds[2] = { { .fd = p->stop, .events = POLLIN },
					 { .fd = mounts, .events = POLLPRI } };

		(void)poll(fds, 2, soon ? SOON_MS : LOOK_MS);
		if (fds[0].revents)
			return NULL;
		pthread_mutex_lock(&p->e->lock);
		soon = presence_look(p->e);
		pthread_mutex_unlock(&p->e->lock);
	}
}

int presence_start(struct epochs *e)
{
	struct presence *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->e = e;
	p->stop = eventfd(0, EFD_CLOEXEC);
	r = p->stop < 0 ? -errno
			: -pthread_create(&p->thread, NULL, presence_thread, p);
	if (r < 0) {
		if (p->stop >= 0)
			close(p->stop);
		free(p);
		return r;
	}
	e->presence = p;
	return 0;
}

void presence_stop(struct epochs *e)
{
	struct presence *p = TAKE_PTR(e->presence);

	if (!p)
		return;
	if (eventfd_write(p->stop, 1) == 0)
		pthread_join(p->thread, NULL);
	close(p->stop);
	free(p);
}
