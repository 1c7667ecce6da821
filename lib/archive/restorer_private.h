/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restorer_private.h - shared by the files of the restorer.
 */
#ifndef ARCHIVE_RESTORER_PRIVATE_H
#define ARCHIVE_RESTORER_PRIVATE_H

#include <pthread.h>
#include <sys/stat.h>

#include "archive/restorer.h"
#include "base/buf.h"
#include "base/pool.h"
#include "repo/browse.h"

/* Files above this are written by segments, on several threads. */
#define RESTORE_LARGE_MIN (4u << 20)
#define TEMP_NAME_LEN 40

struct restorer;

struct rworker {
	struct restorer *r;
	struct repo_reader *rr;
	struct chunk_ids ids;
	struct buf have;   /* bytes of an existing file */
	struct buf xattrs; /* of an existing object */
};

/* What of a directory is looked at: restore_scope.h. */
enum rscope {
	SCOPE_ALL,     /* each entry, and everything below */
	SCOPE_LIST,    /* marked entries, and names that are another inode's */
	SCOPE_WAY,     /* each entry; a source, or a way to one */
	SCOPE_ENTRIES, /* marked entries */
	SCOPE_NONE,
};

struct rdir {
	struct pool_job job;
	struct restorer *r;
	struct rdir *parent;
	struct node meta; /* its attributes and tree; xattrs are its own */
	char *path;	  /* in the snapshot; only with filters */
	int fd;
	unsigned int fd_users; /* atomic; 0: closed */
	unsigned int pending;  /* atomic: its own jobs, children, large files */
	unsigned int refs;     /* atomic: pending, children, links */
	bool has_meta;
	bool lazy;    /* made when something in it is */
	bool made;    /* atomic: fd is open, or it is absent in a dry run */
	bool failed;  /* atomic: could not be made; told */
	bool created; /* by this run */
	bool touch;   /* an existing one whose attributes are set too */
	bool plain;   /* a new file gets the caller's group */
	bool odd;     /* gives new files ACLs or flags of its own */
	bool inside;  /* a source or below one */
	enum rscope scope;
	struct listing *listing; /* SCOPE_LIST: before anything is done */
	struct statx st;
	struct filter_dir include, exclude;
	size_t name_len;
	char name[]; /* with a NUL */
};

struct rlink_table;
struct listing;

enum rpass { PASS_RESTORE, PASS_VERIFY };

struct restorer {
	struct repo *repo;
	struct restorer_options opt;
	const struct restore_what *what;
	enum rpass pass;
	struct pool *pool;
	struct rworker *workers;
	unsigned int n_workers;
	uid_t uid; /* file system ids of new objects */
	gid_t gid;
	pthread_mutex_t make_lock; /* lazy directories are made under it */
	pthread_mutex_t link_lock;
	struct rlink_table *links;	  /* guarded by link_lock */
	bool joining;			  /* the second walk: restore_scope.h */
	struct catalog_key *strays;	  /* guarded by link_lock */
	size_t n_strays, cap_strays;	  /* likewise */
	struct restore_progress progress; /* atomic counters */
	int error;			  /* atomic */
};

#define RCOUNT(r, field, n)                                                    \
	__atomic_fetch_add(&(r)->progress.field, (n), __ATOMIC_RELAXED)

static inline bool restorer_halted(const struct restorer *r)
{
	return __atomic_load_n(&r->error, __ATOMIC_RELAXED) < 0 ||
	       (r->opt.is_stopped && r->opt.is_stopped());
}

/* Only look, write nothing? */
static inline bool restorer_reads(const struct restorer *r)
{
	return r->pass == PASS_VERIFY || r->opt.dry_run;
}

/* --- restorer.c --- */

/* "PREFIX/a/b/NAME" in the snapshot; the caller frees it. */
char *restorer_path(const struct rdir *dir, struct span name);
/* Tell and count; an error that every further entry would meet (a full or
 * read-only target) ends the run. */
void restorer_error(struct restorer *r, const struct rdir *dir,
		    struct span name, int err, const char *during);
void restorer_item(struct restorer *r, const struct rdir *dir, struct span name,
		   enum restore_action what, uint64_t size);
/* What the policy says of an existing object: replace or fix it? */
bool restorer_may_replace(const struct restorer *r, const struct statx *st,
			  const struct node *n);
int restorer_statx(int fd, const char *name, struct statx *st);
/* A copy of n whose name, xattrs, target and content are in the same
 * allocation; the name has a NUL. */
struct node *restorer_node_copy(const struct node *n);

/* --- restore_dir.c --- */

struct rdir *rdir_new(struct restorer *r, struct rdir *parent,
		      struct span name);
void rdir_unref(struct rdir *dir);
/* One thing less that dir waits for. */
void rdir_done(struct rworker *w, struct rdir *dir);
/* Its descriptor, made if it was not yet; a negative errno. -ENOENT in a
 * dry run: it is not there. */
int rdir_fd(struct rdir *dir);
/* The same for a directory that may have been finished and closed. The
 * caller closes it. */
int rdir_reopen(struct rdir *dir);

/* --- restore_scope.c --- */

void restore_listing_free(struct listing *l); /* NULL is allowed */
/* Decide what of dir, which is made or absent, is looked at; false: nothing. */
bool restore_scope_dir(struct rdir *dir);
/* Need an entry of it, with all below, not be looked at? */
bool restore_scope_is_right(const struct rdir *dir, const struct node *n);
/* Was what the snapshot does not hold there when it was made? */
bool restore_scope_was_there(const struct rdir *dir, const struct statx *st);
/* Is the existing file's content what it was, unread? */
bool restore_scope_has_content(const struct restorer *r, const struct node *n,
			       const struct statx *st);
/* True: only these ranges of the existing file can have changed, and *out is
 * the caller's to free. */
bool restore_scope_ranges(const struct restorer *r, const struct node *n,
			  const struct statx *st, struct dirty_extent **out,
			  size_t *count);
/* A name of an inode with several is restored: nothing may lead to the
 * others. */
MUST_CHECK int restore_scope_claimed(struct restorer *r, const struct node *n);
/* Is it a name of such an inode? While r->joining. */
bool restore_scope_joins(const struct restorer *r, const struct node *n);
/* Between the walks: have the second one come to all names of such. */
MUST_CHECK int restore_scope_join(struct restorer *r);

/* --- restore_attr.c --- */

/* An object whose attributes are set: by fd, or by dirfd and name. */
struct robj {
	int fd; /* or -1 */
	int dirfd;
	const char *name;
	bool existed;	 /* not made by us: xattrs and flags may be there */
	bool written;	 /* content was changed: mtime and setuid are */
	bool flags_last; /* leave immutable and append to the end of the run */
	/* as they are now; UINT32_MAX: not known */
	uint32_t uid, gid, mode;
	struct node_time mtime;
};

/* Owner, xattrs, mode, times, flags, in this order. */
MUST_CHECK int restore_attrs(struct rworker *w, const struct node *n,
			     struct robj *o);
/* Everything that restore_attrs() sets is so already? */
bool restore_attrs_match(struct rworker *w, const struct node *n,
			 const struct robj *o);
void robj_existing(struct robj *o, const struct statx *st);
/* Take the flags off that forbid changes. */
void restore_unlock(int fd);
void restore_unlock_at(int dirfd, const char *name);
/* Set the inode flags of n alone. */
MUST_CHECK int restore_flags(struct rworker *w, const struct node *n, int fd,
			     bool all);
/* Has fd default ACLs or flags that new entries inherit? */
bool restore_is_odd(int fd);

/* --- restore_content.c --- */

/* Write data at off, but leave holes where whole blocks are zeros (the file
 * has holes there). */
MUST_CHECK int restore_write(struct rworker *w, int fd, struct span data,
			     uint64_t off);
struct rextent { /* an extent with its place, by value */
	uint64_t off, len;
	uint32_t chunk_off;
	enum extent_kind kind;
	uint8_t id[CHUNK_ID_LEN];
};
enum rcontent_mode { CONTENT_WRITE, CONTENT_PATCH, CONTENT_COMPARE };
/* One extent of fd. COMPARE: 1 if it differs. PATCH: 1 if it was written. */
MUST_CHECK int restore_extent(struct rworker *w, int fd,
			      const struct rextent *x, enum rcontent_mode mode);
/* The whole content; the size must be right already. As above. */
MUST_CHECK int restore_content(struct rworker *w, const struct node *n, int fd,
			       enum rcontent_mode mode);

/* --- restore_file.c --- */

struct rlink;

void restore_file(struct rworker *w, struct rdir *dir, const struct node *n,
		  struct rlink *link);
/* ".tidemark-HASH.tmp" */
char *restore_temp_name(char out[static TEMP_NAME_LEN], struct span name);
/* Remove what has the name, so that something else can have it. st is what
 * is there. -ENOTEMPTY: a directory with content, and no delete_extra. */
MUST_CHECK int restore_clear(struct rworker *w, struct rdir *dir, int dirfd,
			     struct span name, const struct statx *st);
/* Common end of every entry: count, tell, settle the link. e: 0 or the
 * error; o: the object made, or NULL. */
void restore_settle(struct rworker *w, struct rdir *dir, const struct node *n,
		    struct rlink *link, int e, enum restore_action what,
		    const struct robj *o);

/* --- restore_large.c --- */

/* Takes over fd; temp: it has its temporary name, else its own (patched in
 * place). */
void restore_large(struct rworker *w, struct rdir *dir, const struct node *n,
		   struct rlink *link, int fd, bool temp, bool fresh,
		   const struct statx *st);

/* --- restore_other.c --- */

void restore_other(struct rworker *w, struct rdir *dir, const struct node *n,
		   struct rlink *link);

/* --- restore_link.c --- */

/*
 * An inode with several names. 0: this name is the first, *out is the
 * group, to be settled. 1: it is linked, or will be, and everything is told
 * and counted.
 */
MUST_CHECK int rlink_claim(struct rworker *w, struct rdir *dir,
			   const struct node *n, struct rlink **out);
/* The first name is there (o, with its statx in the file system), or not
 * (o NULL). */
void rlink_settle(struct rworker *w, struct rlink *link, struct rdir *dir,
		  const struct node *n, const struct robj *o);
/* After everything: flags that forbid links. */
void rlinks_finish(struct rworker *w);
void rlinks_free(struct rlink_table *t);

/* --- restore_remove.c --- */

/* Remove name and all below. on_item is told of each. -ENOTEMPTY: something
 * in it had to stay. */
MUST_CHECK int restore_remove(struct rworker *w, struct rdir *dir, int dirfd,
			      struct span name);
/* Remove what is in dir and not in its tree. */
void restore_delete_extra(struct rworker *w, struct rdir *dir);
/* Remove the temporary files that a killed run left in dir. */
void restore_sweep(struct rworker *w, struct rdir *dir);

#endif /* ARCHIVE_RESTORER_PRIVATE_H */
