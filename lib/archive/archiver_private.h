/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archiver_private.h - what the archiver's files share.
 *
 * archiver.c: life, sources, errors. walk.c: directories. relist.c: what
 * moves meanwhile. capture.c: one entry's metadata and small content.
 * batch.c: small files, many at once. large.c: large files, in segments.
 * moved.c: files under new names.
 * defer.c: reading first, trees later.
 */
#ifndef ARCHIVE_ARCHIVER_PRIVATE_H
#define ARCHIVE_ARCHIVER_PRIVATE_H

#include <pthread.h>
#include <sys/stat.h>

#include "archive/archiver.h"
#include "archive/attr.h"
#include "archive/record.h"
#include "base/arena.h"
#include "base/pool.h"
#include "chunk/chunk.h"
#include "repo/tree.h"

/* Files up to here are one chunk and are read in one go. */
#define SMALL_MAX CDC_MIN
#define CAPTURE_TRIES 3

/* One thread's tools. */
struct walker {
	struct archiver *a;
	struct lane *lane; /* NULL until first needed */
	struct buf small;  /* a small file's bytes */
	struct buf window; /* a large file's */
	struct buf xattrs, content, raw;
	uint8_t *dents;
	struct batch *batch; /* batch.h; NULL until first needed */
};

enum entry_state {
	ENTRY_PENDING, /* a directory or a large file at work */
	ENTRY_OLD,     /* as recorded: raw points into the record */
	ENTRY_NEW,     /* raw is its new encoding */
	ENTRY_GONE,    /* vanished, unreadable or excluded */
};

struct entry {
	struct span name;
	struct span raw;
	uint32_t uid, gid;
	uint8_t type; /* 0: none that is kept, or not yet known */
	uint8_t state;
	bool vanished; /* see relist.c */
	bool tracked;  /* the change source knows its inode */
	uint64_t ino; /* as listed or recorded, then as stat says; 0 in a place */
	uint64_t fsid;		    /* once it is stated */
	struct file_handle *handle; /* of a directory; may be NULL */
	struct entry *next;	    /* of those that vanished */
	struct node *node;	    /* pending: in the directory's arena */
	struct span old_raw;	    /* of a directory whose stat is the same */
};

/* A place in the skeleton above the sources. */
struct place {
	char *name;
	struct place *children, *next;
	bool is_source;
};

struct dir_job {
	struct pool_job job;
	struct archiver *a;
	struct dir_job *parent;
	struct entry *slot; /* in the parent's entries; NULL for the root */
	const struct place *place; /* NULL below a source */
	struct node *node;	   /* its own metadata */
	bool meta_same; /* stat is as recorded: xattrs need not be read */
	bool strange;	/* its path is not the one of its record */
	int fd;
	unsigned int fd_users; /* atomic: children yet to be listed, and self */
	uint64_t dev;	       /* st_dev, raw */
	struct catalog_key key;
	struct span record; /* of the catalog */
	bool record_live;   /* its tree is in the repository */
	enum change change; /* what the source says of it */
	struct node_time birth;
	struct totals below; /* atomic */
	pthread_mutex_t lock;
	struct arena arena;	/* guarded by lock once there are children */
	struct entry **entries; /* sorted by name */
	size_t n_entries, cap_entries;
	size_t n_old; /* entries in the record */
	struct filter_dir filter;
	char *path;	      /* NULL: made when it is needed */
	unsigned int pending; /* atomic: self, subdirectories, large files */
	bool changed;	      /* atomic */
	bool partial;	      /* atomic: not all that is in it is captured */
	bool moved;	      /* atomic: names went away since the listing */
	uint8_t relists;
	struct entry *lost; /* directories that vanished */
};

struct link_table;
struct moved;
struct archive_devices;

struct archiver {
	struct archiver_options opt;
	struct catalog *catalog; /* may be NULL */
	bool catalog_is_current;
	const struct archive_devices *devices; /* NULL: files */
	const struct archive_skip *skips;
	size_t n_skips;
	struct pool *pool;
	struct walker *walkers;
	unsigned int n_walkers;
	char **paths;
	uint32_t n_paths;
	struct place root;
	struct node_time synced; /* what changed after this is racy */
	bool healing;		 /* archiver_scan_heals() */
	struct chunk_params cdc;
	struct prf64 *prf;
	bool cdc_ready;
	pthread_mutex_t lock;
	struct link_table *links;
	struct moved *moved; /* NULL: not tracked */
	struct { /* guarded by lock: st_dev to a number that lasts */
		uint64_t dev, fsid;
		bool pseudo, synced;
	} * file_systems;
	size_t n_file_systems;
	struct archive_progress progress; /* atomic counters */
	int error;			  /* atomic: of the repository */
	uint8_t tree[CHUNK_ID_LEN];
	struct pool_job *deferred; /* guarded by lock; see defer.c */
	bool all_is_read;	   /* guarded by lock */
	struct catalog_key *again; /* guarded by lock */
	size_t n_again;		   /* guarded by lock; see archiver_again() */
};

#define COUNT(a, field, n)                                                     \
	__atomic_fetch_add(&(a)->progress.field, (n), __ATOMIC_RELAXED)

/* Of the whole run, and of the directory it lies in. */
#define COUNT_IN(dir, field, n)                                                \
	do {                                                                   \
		COUNT((dir)->a, field, n);                                     \
		__atomic_fetch_add(&(dir)->below.field, (n),                   \
				   __ATOMIC_RELAXED);                          \
	} while (0)

static inline bool archiver_halted(const struct archiver *a)
{
	return __atomic_load_n(&a->error, __ATOMIC_RELAXED) != 0 ||
	       (a->opt.stopped && a->opt.stopped());
}

/* archiver.c */
/* The repository failed: remember it, end the walk. Returns err. */
int archiver_fail(struct archiver *a, int err);
/* A source failed: tell and count. name {NULL, 0} means dir itself. */
void archiver_error(struct archiver *a, struct dir_job *dir, struct span name,
		    int err, const char *during);
void archiver_item(struct archiver *a, struct dir_job *dir, struct span name,
		   enum archive_action what, uint64_t size);
/* The walker's lane, opened when it is first asked for; NULL on failure,
 * which has then ended the walk. */
struct lane *walker_lane(struct walker *w);
bool archiver_has(struct archiver *a, const uint8_t id[CHUNK_ID_LEN]);
/* Every chunk of it? */
bool archiver_has_content(struct archiver *a, struct span content);
/* The lasting number of a file system; fd is an object on it. With sync, one
 * that is seen so for the first time is synced: nothing of it was read yet. */
uint64_t archiver_fsid(struct archiver *a, uint64_t dev, int fd, bool sync,
		       bool *pseudo);
/* The path of name in dir (or of dir), malloc'd; NULL without memory. */
char *archiver_path(const struct dir_job *dir, struct span name);

/* defer.c */
/* Everything in dir is read: is its tree made later? Then it is remembered. */
bool defer_dir(struct dir_job *dir);
/* No job is left: make all the trees. */
void defer_end(struct archiver *a);
int walker_put(void *arg, enum chunk_kind kind, struct span bytes,
	       uint8_t id[CHUNK_ID_LEN]);
/* A map that this backup has made; {NULL, 0}: not kept. */
struct span kept_map(const struct archiver *a, const uint8_t id[CHUNK_ID_LEN]);

/* walk.c */
void dir_job_run(struct pool_job *job, unsigned int worker);
/* One thing that the directory waited for is done; the last one finishes it,
 * and its parents as far as they are complete. */
void dir_job_done(struct walker *w, struct dir_job *dir);
/* Handle one entry of dir: compare, capture, or push a job. old may be
 * NULL. */
void walk_entry(struct walker *w, struct dir_job *dir, struct entry *entry,
		const struct statx *st, const struct node *old,
		struct span old_raw, const struct place *place);
/* Encode n as the entry's new state. */
void entry_set(struct walker *w, struct dir_job *dir, struct entry *entry,
	       const struct node *n);
/* The last one to put it looks for what was renamed meanwhile. */
void dir_fd_put(struct walker *w, struct dir_job *dir);
/* List dir and decide each name that is no entry yet. */
void dir_read(struct walker *w, struct dir_job *dir);
struct dir_job *dir_job_new(struct archiver *a);
/* Memory that lives as long as dir; p may be NULL. NULL without memory. */
void *dir_copy(struct dir_job *dir, const void *p, size_t n);

/* order.c */
/* Sort the entries by name, those from `from` on. A name that was made anew
 * during the listing may have been listed twice: it is there once. */
MUST_CHECK int order_entries(struct dir_job *dir, size_t from);
/* Is name among the first n entries, which are sorted? */
bool order_has(const struct dir_job *dir, size_t n, const char *name);

/* look.c */
/* Is what the source says of a directory worth anything here, and what is it?
 * With dir's record and birth. */
enum change look_ask(struct walker *w, const struct dir_job *dir);
/* Is a child of parent, recorded there as old (NULL: not), one whose record
 * may have been made at another path? */
bool look_is_strange(const struct dir_job *parent, const struct node *old,
		     const struct node *n);
/* The whole directory is as recorded: it is not even listed. */
void look_take_whole(struct walker *w, struct dir_job *dir);
/* The source vouches for the recorded entry, and the name still stands for
 * the same inode: it can stand, unseen. Counts what it stands for. */
bool look_may_skip(struct walker *w, struct dir_job *dir,
		   const struct entry *entry, const struct node *old);
/* What changed of n, if the source knows. */
const struct dirty_inode *look_inode(const struct archiver *a,
				     const struct entry *entry,
				     const struct node *n,
				     const struct dirty **set);
/* Has its content changed, too? A file that was shorter in between has: what
 * the last capture took from its record may be gone since. */
static inline bool look_is_content(const struct dirty_inode *in,
				   const struct node *old)
{
	return in && (in->flags & (DIRTY_DATA | DIRTY_WHOLE) ||
		      in->min_size < old->size);
}
/* Flags of a record that is not to be believed. A tracker needs no times, for
 * what was written after it was read is marked; unless it has doubts of n. */
unsigned int look_doubts(const struct archiver *a, const struct entry *entry,
			 const struct node *n);
/* Replace dir's record, and note in the catalog's index which inodes it has
 * entries for. */
void look_put_record(struct catalog *c, const struct dir_job *dir,
		     const uint8_t id[CHUNK_ID_LEN], struct span parts);
/* child is complete: the directory it lies in has all that is below it. */
void look_add_below(struct dir_job *to, const struct totals *child);
/* Wait until no change is under way whose mark came before it: all such hold
 * the inode's lock (docs/change-tracking.md). */
void look_wait(int fd, bool is_dir);

/* moved.c */
MUST_CHECK int moved_new(struct moved **out);
void moved_free(struct moved *m); /* NULL is allowed */
/* What the catalog knows of a file that is marked, and whose name is new where
 * it is. True: *out has its old content, times and size, which are those of
 * now. m may be NULL. */
bool moved_find(struct moved *m, const struct archiver *a,
		const struct node *now, struct node *out);

/* relist.c */
/* It was listed and is not there any more. */
void entry_vanished(struct dir_job *dir, struct entry *entry);
/* It is there and could not be captured: told, and dir is partial. */
void entry_failed(struct walker *w, struct dir_job *dir, struct entry *entry,
		  int err, const char *during);
/* The same for dir itself, which could not be opened: err tells which. */
void dir_open_failed(struct walker *w, struct dir_job *dir, int err);
/* The name is ino's now; another's, that was listed, may have a new one. */
void relist_if_replaced(struct dir_job *dir, const struct entry *entry,
			uint64_t ino);
/* What tells later whether a directory was deleted; may be NULL. */
struct file_handle *relist_handle(struct dir_job *dir,
				  const struct entry *entry);
/* Everything in dir was opened, or could not be. True if names were gone and
 * dir was listed again; the caller then has dir->fd as one of its users. */
bool relist(struct walker *w, struct dir_job *dir);

/* capture.c */
/* Everything but a directory. st is what n was made from. */
void capture_entry(struct walker *w, struct dir_job *dir, struct entry *entry,
		   struct node *n, const struct statx *st,
		   const struct node *old);
/* The open small file, alone, with retries. */
void capture_small_file(struct walker *w, struct dir_job *dir,
			struct entry *entry, struct node *n, bool had_old,
			int fd);
/* The bytes of a small file become its content. */
MUST_CHECK int capture_content(struct walker *w, struct span bytes,
			       struct node *n);
/* Set the entry, or tell the error e. */
void capture_done(struct walker *w, struct dir_job *dir, struct entry *entry,
		  struct node *n, bool had_old, int e);
/* Is the open file the one that the path's stat saw, unchanged? */
bool capture_is_as_seen(int fd, const struct statx *seen);
/* xattrs and iflags of an open file; w->xattrs holds them until the next. */
MUST_CHECK int capture_attrs(struct walker *w, int fd, struct node *n);
int capture_open(int dirfd, const char *name);
/* A ctime this young proves nothing. */
bool capture_is_racy(const struct archiver *a, const struct node *n);
MUST_CHECK int capture_statx(int fd, const char *name, struct statx *st);
/* Did the open file stay what it was? */
bool capture_stayed(int fd, const struct statx *before);
/* Content of an inode with several names that was captured already: 1 and
 * n->content is set. */
int links_get(struct archiver *a, struct dir_job *dir, struct node *n);
int links_put(struct archiver *a, const struct node *n);
void links_free(struct link_table *t);

/* large.c */
/* old: what the record says of it, or NULL. */
void large_push(struct walker *w, struct dir_job *dir, struct entry *entry,
		const struct node *n, bool had_old, const struct node *old);
MUST_CHECK int large_stream(struct walker *w, int fd, struct node *n,
			    uint64_t *bytes);

/* device.c */
/* Instead of the walk: a->devices; a->tree is set. */
MUST_CHECK int device_run(struct archiver *a);

#endif /* ARCHIVE_ARCHIVER_PRIVATE_H */
