/* SPDX-License-Identifier: Apache-2.0 */
/*
 * look.c - what a change source spares the walk.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>

#include "archive/archiver_private.h"

static bool born_then(const struct dir_job *dir)
{
	struct record_head head;

	return record_head_decode(dir->record, &head) &&
	       (head.birth.sec || head.birth.nsec) &&
	       head.birth.sec == dir->birth.sec &&
	       head.birth.nsec == dir->birth.nsec;
}

enum change look_ask(struct walker *w, const struct dir_job *dir)
{
	const struct change_source *src = w->a->opt.source;

	/* patterns may have left out other names where it was before */
	if (dir->strange && filter_has_patterns(w->a->opt.filter))
		return CHANGE_LOOK;
	/* an inode number that came back is another directory */
	if (!dir->record.p || !dir->record_live || !born_then(dir))
		return CHANGE_LOOK;
	return src->dir(src->arg, dir->key);
}

bool look_is_strange(const struct dir_job *parent, const struct node *old,
		     const struct node *n)
{
	/* which directories the sources are is in the tracker's token */
	return !parent->place &&
	       (parent->strange || !old || old->ino != n->ino);
}

/* A directory that is skipped stands for all that is below it. */
static bool count_below(struct walker *w, struct dir_job *dir,
			const struct node *old)
{
	struct catalog_key key = { dir->key.fsid, old->ino };
	struct span record = catalog_get(w->a->catalog, key);
	struct record_head head;

	if (!record.p || !record_head_decode(record, &head) ||
	    memcmp(record.p, old->tree, CHUNK_ID_LEN) != 0)
		return false;
	COUNT_IN(dir, dirs, head.below.dirs + 1);
	COUNT_IN(dir, files, head.below.files);
	COUNT_IN(dir, others, head.below.others);
	COUNT_IN(dir, bytes, head.below.bytes);
	COUNT(dir->a, files_unchanged, head.below.files);
	return true;
}

void look_take_whole(struct walker *w, struct dir_job *dir)
{
	struct record_head head;

	if (!record_head_decode(dir->record, &head))
		return; /* look_ask() has seen that it can be */
	dir->n_old = 0;
	COUNT_IN(dir, dirs, head.below.dirs);
	COUNT_IN(dir, files, head.below.files);
	COUNT_IN(dir, others, head.below.others);
	COUNT_IN(dir, bytes, head.below.bytes);
	COUNT(w->a, files_unchanged, head.below.files);
}

bool look_may_skip(struct walker *w, struct dir_job *dir,
		   const struct entry *entry, const struct node *old)
{
	const struct change_source *src = w->a->opt.source;
	struct catalog_key key = { dir->key.fsid, old->ino };

	if (dir->change == CHANGE_LOOK ||
	    (dir->change == CHANGE_LIST && entry->ino != old->ino))
		return false;
	if ((old->flags & (NODE_OTHER_FS | NODE_PARTIAL)) ||
	    src->entry(src->arg, key))
		return false;
	if (old->type == NODE_DIR)
		return count_below(w, dir, old);
	if (old->type == NODE_FILE) {
		COUNT_IN(dir, files, 1);
		COUNT_IN(dir, bytes, old->size);
		COUNT(dir->a, files_unchanged, 1);
	} else {
		COUNT_IN(dir, others, 1);
	}
	return true;
}

const struct dirty_inode *look_inode(const struct archiver *a,
				     const struct entry *entry,
				     const struct node *n,
				     const struct dirty **set)
{
	const struct change_source *src = a->opt.source;
	struct catalog_key key = { n->fsid, n->ino };

	*set = NULL;
	return entry->tracked ? src->inode(src->arg, key, set) : NULL;
}

unsigned int look_doubts(const struct archiver *a, const struct entry *entry,
			 const struct node *n)
{
	const struct dirty *set;
	const struct dirty_inode *in = look_inode(a, entry, n, &set);

	return entry->tracked && !(in && in->flags & DIRTY_DOUBT)
		       ? NODE_PARTIAL
		       : NODE_PARTIAL | NODE_RACY;
}

void look_wait(int fd, bool is_dir)
{
	uint8_t some[4096];

	/* ext4, xfs and btrfs take the inode's lock for these two */
	if (is_dir)
		(void)!syscall(SYS_getdents64, fd, some, sizeof(some));
	else
		(void)lseek(fd, 0, SEEK_HOLE);
	(void)lseek(fd, 0, SEEK_SET);
}

void look_add_below(struct dir_job *to, const struct totals *child)
{
	const uint64_t *in = (const uint64_t *)child;
	uint64_t *out = (uint64_t *)&to->below;
	size_t i;

	/* the run's own counters have it already */
	for (i = 0; i < sizeof(*child) / sizeof(*in); i++)
		__atomic_fetch_add(&out[i], in[i], __ATOMIC_RELAXED);
	__atomic_fetch_add(&to->below.dirs, 1, __ATOMIC_RELAXED);
}

static int put_index(struct catalog *c, const struct dir_job *dir)
{
	CLEANUP_FREE struct catalog_key *keys = NULL;
	size_t i, n = 0;

	keys = malloc((dir->n_entries + 1) * sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	/* what is old has been noted when it was new */
	for (i = 0; i < dir->n_entries; i++) {
		const struct entry *entry = dir->entries[i];

		if (entry->state == ENTRY_NEW && entry->ino)
			keys[n++] =
				(struct catalog_key){ entry->fsid, entry->ino };
	}
	return catalog_children(c, dir->key, keys, n);
}

/* The index first: it may say too much. */
void look_put_record(struct catalog *c, const struct dir_job *dir,
		     const uint8_t id[CHUNK_ID_LEN], struct span parts)
{
	if (put_index(c, dir) == 0)
		(void)!catalog_put(c, dir->key, id, parts);
}
