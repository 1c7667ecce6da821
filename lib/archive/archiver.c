/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archiver.c - the archiver's life: sources, threads, errors.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "archive/archiver_private.h"
#include "archive/batch.h"
#include "archive/device.h"
#include "base/log.h"

/* --- errors, items, paths --- */

int archiver_fail(struct archiver *a, int err)
{
	int none = 0;

	__atomic_compare_exchange_n(&a->error, &none, err, false,
				    __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	return err;
}

char *archiver_path(const struct dir_job *dir, struct span name)
{
	const struct dir_job *d;
	size_t len = name.len ? name.len + 1 : 0, at;
	char *path;

	for (d = dir; d->slot; d = d->parent)
		len += d->slot->name.len + 1;
	path = malloc(len + 2);
	if (!path)
		return NULL;
	at = len;
	path[at] = '\0';
	if (name.len) {
		at -= name.len;
		memcpy(path + at, name.p, name.len);
		path[--at] = '/';
	}
	for (d = dir; d->slot; d = d->parent) {
		at -= d->slot->name.len;
		memcpy(path + at, d->slot->name.p, d->slot->name.len);
		path[--at] = '/';
	}
	if (len == 0)
		memcpy(path, "/", 2);
	return path;
}

/* A tracker has no reason to name again what could not be read. */
static void note_again(struct archiver *a, struct catalog_key key)
{
	void *p;

	pthread_mutex_lock(&a->lock);
	p = a->n_again > ARCHIVER_AGAIN_MAX
		    ? NULL
		    : realloc(a->again, (a->n_again + 1) * sizeof(*a->again));
	if (p) {
		a->again = p;
		a->again[a->n_again++] = key;
	} else {
		a->n_again = ARCHIVER_AGAIN_MAX + 1;
	}
	pthread_mutex_unlock(&a->lock);
}

void archiver_error(struct archiver *a, struct dir_job *dir, struct span name,
		    int err, const char *during)
{
	CLEANUP_FREE char *path = archiver_path(dir, name);

	COUNT(a, errors, 1);
	note_again(a, dir->key);
	if (!name.len && dir->parent)
		note_again(a, dir->parent->key);
	a->opt.on_error(a->opt.arg, path ? path : "?", err, during);
}

void archiver_item(struct archiver *a, struct dir_job *dir, struct span name,
		   enum archive_action what, uint64_t size)
{
	CLEANUP_FREE char *path = NULL;

	if (!a->opt.on_item)
		return;
	path = archiver_path(dir, name);
	if (path)
		a->opt.on_item(a->opt.arg, path, what, size);
}

/* --- the repository, when it is needed --- */

static int cdc_setup(struct archiver *a, const struct repo *r)
{
	uint8_t key[16];
	int e = keyring_subkey(repo_keyring(r), "cut table",
			       (uint8_t *)a->cdc.gear, sizeof(a->cdc.gear));

	if (e == 0)
		e = keyring_subkey(repo_keyring(r), "cut decision", key,
				   sizeof(key));
	if (e == 0)
		e = prf64_new(key, &a->prf);
	secret_wipe(key, sizeof(key));
	a->cdc.min = repo_config(r)->cdc_min;
	a->cdc.avg = repo_config(r)->cdc_avg;
	a->cdc.max = repo_config(r)->cdc_max;
	return e;
}

static uint64_t cut_decision(void *arg, uint64_t x)
{
	return prf64(arg, x);
}

static struct writer *writer_get(struct archiver *a)
{
	struct writer *w = a->opt.writer(a->opt.arg);
	int e = 0;

	if (!w) {
		archiver_fail(a, -ECANCELED);
		return NULL;
	}
	pthread_mutex_lock(&a->lock);
	if (!a->cdc_ready) {
		e = cdc_setup(a, writer_repo(w));
		a->cdc.prf = cut_decision;
		a->cdc.prf_arg = a->prf;
		a->cdc_ready = e == 0;
	}
	pthread_mutex_unlock(&a->lock);
	if (e < 0) {
		archiver_fail(a, e);
		return NULL;
	}
	return w;
}

struct lane *walker_lane(struct walker *w)
{
	struct writer *writer;
	int e;

	if (w->lane)
		return w->lane;
	writer = writer_get(w->a);
	if (!writer)
		return NULL;
	e = lane_new(writer, &w->lane);
	if (e < 0) {
		archiver_fail(w->a, e);
		return NULL;
	}
	return w->lane;
}

bool archiver_has(struct archiver *a, const uint8_t id[CHUNK_ID_LEN])
{
	struct writer *w = writer_get(a);

	return w && writer_has(w, id);
}

/* Without a live tree each chunk must be looked up. */
bool archiver_has_content(struct archiver *a, struct span content)
{
	struct content_iter it;
	struct extent x;
	int e = content_open(content, &it);

	while (e >= 0 && (e = content_next(&it, &x)) == 1)
		if (x.kind != EXTENT_HOLE && !archiver_has(a, x.id))
			return false;
	return e == 0;
}

/* --- file systems --- */

/* What is made up by the kernel as one looks at it. */
static bool is_pseudo(long type)
{
	static const uint32_t magics[] = {
		0x9fa0,	    /* proc */
		0x62656572, /* sysfs */
		0x64626720, /* debugfs */
		0x74726163, /* tracefs */
		0x63677270, /* cgroup2 */
		0x27e0eb,   /* cgroup */
		0xcafe4a11, /* bpf */
		0x1cd1,	    /* devpts */
		0x73636673, /* securityfs */
		0x6165676c, /* pstore */
		0x62656570, /* configfs */
		0xde5e81e4, /* efivarfs */
		0x19800202, /* mqueue */
		0x958458f6, /* hugetlbfs */
		0x65735543, /* fusectl */
		0x42494e4d, /* binfmt_misc */
		0x187,	    /* autofs */
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(magics); i++)
		if ((uint32_t)type == magics[i])
			return true;
	return false;
}

/* Push what is dirty to disk: see "Consistency" in archiver.h. */
static void sync_at(int dirfd, const char *path)
{
	CLEANUP_CLOSE int fd = openat(dirfd, path,
				      O_RDONLY | O_NONBLOCK | O_CLOEXEC |
					      O_NOFOLLOW | O_NOCTTY);

	if (fd >= 0 && syncfs(fd) < 0)
		log_warn("sync the file system of %s: %s", path,
			 log_strerror(-errno));
}

/* Has another of the file systems this id? Clones of a disk do, and
 * snapshots of a volume: then all their inodes would be taken for the same. */
static bool fsid_is_taken(const struct archiver *a, uint64_t fsid)
{
	size_t i;

	for (i = 0; i < a->n_file_systems; i++)
		if (a->file_systems[i].fsid == fsid)
			return true;
	return false;
}

/* XFS_IOC_FSGEOMETRY_V1 of libxfs/xfs_fs.h. */
struct xfs_geometry {
	uint32_t numbers[8];
	uint64_t more[4];
	uint8_t uuid[16];
	uint32_t rest[8];
};
#define XFS_GET_GEOMETRY _IOR('X', 100, struct xfs_geometry)

/* f_fsid outlives a remount, st_dev may not. That of xfs is the device's
 * number: it gets what ext4 makes of its UUID. */
static uint64_t lasting_id(int at, const struct statfs *fs)
{
	CLEANUP_CLOSE int fd = -1;
	char path[sizeof("/proc/self/fd/") + 12];
	struct xfs_geometry g;
	uint64_t id, half[2];

	memcpy(&id, &fs->f_fsid, sizeof(id));
	if (fs->f_type != XFS_SUPER_MAGIC)
		return id;
	/* at may be one that is only a path */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", at);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, XFS_GET_GEOMETRY, &g) < 0)
		return id;
	memcpy(half, g.uuid, sizeof(half));
	return le64toh(half[0]) ^ le64toh(half[1]);
}

uint64_t archiver_fsid(struct archiver *a, uint64_t dev, int fd, bool sync,
		       bool *pseudo)
{
	struct statfs fs;
	uint64_t fsid = dev;
	size_t i;
	void *p;

	pthread_mutex_lock(&a->lock);
	for (i = 0; i < a->n_file_systems; i++)
		if (a->file_systems[i].dev == dev)
			break;
	if (i == a->n_file_systems) {
		*pseudo = false;
		if (fstatfs(fd, &fs) == 0) {
			uint64_t id = lasting_id(fd, &fs);

			if (id && !fsid_is_taken(a, id))
				fsid = id;
			*pseudo = is_pseudo(fs.f_type);
		}
		p = realloc(a->file_systems,
			    (i + 1) * sizeof(*a->file_systems));
		if (p) {
			a->file_systems = p;
			a->file_systems[i].dev = dev;
			a->file_systems[i].fsid = fsid;
			a->file_systems[i].pseudo = *pseudo;
			a->file_systems[i].synced = false;
			a->n_file_systems++;
		}
	} else {
		fsid = a->file_systems[i].fsid;
		*pseudo = a->file_systems[i].pseudo;
	}
	if (sync && !*pseudo && i < a->n_file_systems &&
	    !a->file_systems[i].synced) {
		sync_at(fd, ".");
		a->file_systems[i].synced = true;
	}
	pthread_mutex_unlock(&a->lock);
	return fsid;
}

/* --- sources --- */

static int path_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Absolute, without symlinks but for the last component, which stands for
 * itself unless a slash follows it. */
static int resolve(const char *path, char **out)
{
	CLEANUP_FREE char *copy = strdup(path);
	CLEANUP_FREE char *parent = NULL;
	const char *dir = ".", *last;
	size_t len = strlen(path);
	struct stat st;
	char *slash;

	if (!copy)
		return -ENOMEM;
	if (len == 0)
		return -ENOENT;
	slash = strrchr(copy, '/');
	last = slash ? slash + 1 : copy;
	if (lstat(path, &st) < 0)
		return -errno;
	if (!S_ISLNK(st.st_mode) || !*last) {
		*out = realpath(path, NULL);
		return *out ? 0 : -errno;
	}
	if (slash) {
		*slash = '\0';
		dir = slash == copy ? "/" : copy;
	}
	parent = realpath(dir, NULL);
	if (!parent)
		return -errno;
	if (asprintf(out, "%s/%s", strcmp(parent, "/") ? parent : "", last) < 0)
		return -ENOMEM;
	return 0;
}

static struct place *place_child(struct place *at, const char *name, size_t len)
{
	struct place *p;

	for (p = at->children; p; p = p->next)
		if (strlen(p->name) == len && !memcmp(p->name, name, len))
			return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->name = strndup(name, len);
	if (!p->name) {
		free(p);
		return NULL;
	}
	p->next = at->children;
	at->children = p;
	return p;
}

/* A source inside another is part of it already. */
static int place_add(struct place *root, const char *path)
{
	struct place *at = root;

	while (at) {
		size_t len;

		if (at->is_source)
			return 0;
		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len == 0) {
			at->is_source = true;
			return 0;
		}
		at = place_child(at, path, len);
		path += len;
	}
	return -ENOMEM;
}

static void places_free(struct place *p)
{
	while (p) {
		struct place *next = p->next;

		places_free(p->children);
		free(p->name);
		free(p);
		p = next;
	}
}

/* Of sources that are the same path, one: the paths of a snapshot name its
 * series. a->paths is in order. */
static void drop_repeated(struct archiver *a)
{
	uint32_t i, kept = 0;

	for (i = 0; i < a->n_paths; i++)
		if (kept > 0 && !strcmp(a->paths[i], a->paths[kept - 1]))
			free(a->paths[i]);
		else
			a->paths[kept++] = a->paths[i];
	a->n_paths = kept;
}

static int add_sources(struct archiver *a)
{
	size_t i;
	int e = 0;

	a->paths = calloc(a->opt.n_paths + 2, sizeof(*a->paths));
	if (!a->paths)
		return -ENOMEM;
	for (i = 0; e == 0 && i < a->opt.n_paths; i++) {
		char *path = NULL;

		e = resolve(a->opt.paths[i], &path);
		if (e == 0) {
			a->paths[a->n_paths++] = path;
		} else if (e != -ENOMEM) {
			COUNT(a, errors, 1);
			a->opt.on_error(a->opt.arg, a->opt.paths[i], e,
					"source");
			e = 0;
		}
	}
	if (e == 0 && a->opt.stream_fd >= 0) {
		if (asprintf(&a->paths[a->n_paths], "/%s", a->opt.stream_name) <
		    0)
			return -ENOMEM;
		a->n_paths++;
	}
	qsort(a->paths, a->n_paths, sizeof(*a->paths), path_order);
	drop_repeated(a);
	for (i = 0; e == 0 && a->opt.stream_fd < 0 && i < a->n_paths; i++)
		e = place_add(&a->root, a->paths[i]);
	return e;
}

/* --- life --- */

/* A directory with unopened children keeps a descriptor. */
static void raise_fd_limit(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
		l.rlim_cur = l.rlim_max;
		(void)!setrlimit(RLIMIT_NOFILE, &l);
	}
}

static void walker_init(struct walker *w, struct archiver *a)
{
	w->a = a;
	w->small = BUF_INIT(SMALL_MAX + 1);
	w->window = BUF_INIT(2 * CDC_MAX);
	w->xattrs = BUF_INIT(XATTRS_BYTES_MAX);
	w->content = BUF_INIT(CHUNK_MAX);
	w->raw = BUF_INIT(CHUNK_MAX);
}

static void walker_release(struct walker *w)
{
	lane_free(w->lane);
	buf_release(&w->small);
	buf_release(&w->window);
	buf_release(&w->xattrs);
	buf_release(&w->content);
	buf_release(&w->raw);
	free(w->dents);
	batch_free(w->batch);
}

int archiver_new(const struct archiver_options *opt, struct archiver **out)
{
	struct archiver *a = calloc(1, sizeof(*a));
	unsigned int i;
	int e;

	if (!a)
		return -ENOMEM;
	a->opt = *opt;
	pthread_mutex_init(&a->lock, NULL);
	a->n_walkers = opt->threads ? opt->threads : pool_cpus();
	a->walkers = calloc(a->n_walkers, sizeof(*a->walkers));
	e = a->walkers ? add_sources(a) : -ENOMEM;
	for (i = 0; e == 0 && i < a->n_walkers; i++)
		walker_init(&a->walkers[i], a);
	if (e < 0) {
		archiver_free(a);
		return e;
	}
	raise_fd_limit();
	*out = a;
	return 0;
}

void archiver_free(struct archiver *a)
{
	uint32_t i;

	if (!a)
		return;
	for (i = 0; a->walkers && i < a->n_walkers; i++)
		if (a->walkers[i].a)
			walker_release(&a->walkers[i]);
	free(a->walkers);
	for (i = 0; i < a->n_paths; i++)
		free(a->paths[i]);
	free(a->paths);
	places_free(a->root.children);
	links_free(a->links);
	moved_free(a->moved);
	free(a->again);
	free(a->file_systems);
	prf64_free(a->prf);
	secret_wipe(&a->cdc, sizeof(a->cdc));
	pthread_mutex_destroy(&a->lock);
	free(a);
}

char **archiver_paths(const struct archiver *a, uint32_t *n)
{
	*n = a->n_paths;
	return a->paths;
}

void archiver_use_catalog(struct archiver *a, struct catalog *catalog,
			  bool is_current)
{
	a->catalog = catalog;
	a->catalog_is_current = catalog && is_current;
}

bool archive_skip_of(const char *path, struct archive_skip *out)
{
	struct statx st;

	if (!path || statx(AT_FDCWD, path, 0, STATX_INO, &st) < 0)
		return false;
	*out = (struct archive_skip){ attr_dev(&st), st.stx_ino };
	return true;
}

const struct catalog_key *archiver_again(const struct archiver *a, size_t *n)
{
	*n = a->n_again;
	return a->again;
}

void archiver_use_devices(struct archiver *a,
			  const struct archive_devices *devices)
{
	a->devices = devices;
}

void archiver_use_source(struct archiver *a, const struct change_source *source)
{
	a->opt.source = source;
	/* without it what was moved is read again */
	if (!a->moved)
		(void)!moved_new(&a->moved);
}

void archiver_scan_heals(struct archiver *a)
{
	a->healing = true;
}

uint64_t archiver_fs_number(struct archiver *a, int fd, uint64_t dev)
{
	bool pseudo;

	return archiver_fsid(a, dev, fd, false, &pseudo);
}

bool archiver_is_pseudo(const struct archiver *a, uint64_t dev)
{
	size_t i;

	for (i = 0; i < a->n_file_systems; i++)
		if (a->file_systems[i].dev == dev)
			return a->file_systems[i].pseudo;
	return false;
}

void archiver_is_synced(struct archiver *a, uint64_t dev)
{
	size_t i;

	for (i = 0; i < a->n_file_systems; i++)
		if (a->file_systems[i].dev == dev)
			a->file_systems[i].synced = true;
}

void archiver_use_skips(struct archiver *a, const struct archive_skip *skips,
			size_t n)
{
	a->skips = skips;
	a->n_skips = n;
}

void archiver_progress(struct archiver *a, struct archive_progress *out)
{
	const uint64_t *from = (const uint64_t *)&a->progress;
	uint64_t *to = (uint64_t *)out;
	size_t i;

	for (i = 0; i < sizeof(*out) / sizeof(*to); i++)
		to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}

/* --- run --- */

static bool is_synced(const struct archiver *a, const char *path)
{
	struct statx st;
	size_t i;

	if (capture_statx(AT_FDCWD, path, &st) < 0)
		return false;
	for (i = 0; i < a->n_file_systems; i++)
		if (a->file_systems[i].dev == attr_dev(&st))
			return a->file_systems[i].synced;
	return false;
}

static int run_walk(struct archiver *a)
{
	struct dir_job *root = dir_job_new(a);
	struct timespec now;
	struct statx st;
	uint32_t i;
	bool pseudo;
	int e;

	if (!root)
		return -ENOMEM;
	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	/* The clock of time stamps ticks slowly, and a network file system
	 * has its own: two seconds of doubt, read again next time. */
	a->synced = (struct node_time){ now.tv_sec - 2, (uint32_t)now.tv_nsec };
	for (i = 0; i < a->n_paths; i++)
		if (!is_synced(a, a->paths[i]))
			sync_at(AT_FDCWD, a->paths[i]);
	e = capture_statx(AT_FDCWD, "/", &st);
	if (e < 0) {
		free(root);
		return log_fail(e, "stat /");
	}
	root->place = a->root.is_source ? NULL : &a->root;
	root->dev = attr_dev(&st);
	root->fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	root->key.ino = st.stx_ino;
	root->key.fsid = archiver_fsid(a, root->dev, root->fd, false, &pseudo);
	if (root->fd >= 0)
		close(root->fd);
	root->fd = -1;
	e = pool_new(a->n_walkers, &a->pool);
	if (e < 0) {
		free(root);
		return e;
	}
	pool_push(a->pool, &root->job);
	pool_wait(a->pool);
	defer_end(a);
	pool_free(a->pool);
	return 0;
}

/* One file of the root directory, from a descriptor. */
static int run_stream(struct archiver *a)
{
	struct walker *w = &a->walkers[0];
	struct timespec now;
	struct node n = { .type = NODE_FILE,
			  .mode = 0600,
			  .uid = getuid(),
			  .gid = getgid() };
	struct tree_builder b;
	int e;

	clock_gettime(CLOCK_REALTIME, &now);
	n.mtime = (struct node_time){ now.tv_sec, (uint32_t)now.tv_nsec };
	n.ctime = n.btime = n.mtime;
	n.name = SPAN(a->opt.stream_name, strlen(a->opt.stream_name));
	if (!walker_lane(w))
		return -ECANCELED;
	e = large_stream(w, a->opt.stream_fd, &n, &n.size);
	if (e < 0)
		return e == -ECANCELED
			       ? e
			       : log_fail(e, "read %s", a->opt.stream_name);
	COUNT(a, files, 1);
	COUNT(a, files_new, 1);
	COUNT(a, bytes, n.size);
	w->raw.len = 0;
	e = tree_entry_encode(&n, &w->raw);
	tree_builder_init(&b, 0, walker_put, NULL, w);
	if (e == 0)
		e = tree_builder_add(&b, n.name, n.uid, n.gid,
				     SPAN_OF(&w->raw));
	if (e == 0)
		e = tree_builder_finish(&b, a->tree);
	tree_builder_release(&b);
	return e;
}

int archiver_run(struct archiver *a, uint8_t tree[CHUNK_ID_LEN])
{
	int e;

	if (a->n_paths == 0) {
		log_error("none of the sources can be read: nothing to back "
			  "up");
		return -ENOENT;
	}
	if (a->devices)
		e = device_run(a);
	else
		e = a->opt.stream_fd >= 0 ? run_stream(a) : run_walk(a);
	if (e == 0)
		e = a->error;
	if (e == 0 && archiver_halted(a))
		e = -ECANCELED;
	if (e == 0)
		memcpy(tree, a->tree, CHUNK_ID_LEN);
	return e;
}
