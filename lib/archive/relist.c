/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relist.c - names that went away between the listing and the opening.
 *
 * Such a name was deleted, which is nobody's loss, or renamed, and the file
 * would be in the snapshot under neither name. So when everything in a
 * directory has been opened and something was not there, the directory is
 * listed again and what is new is captured, a few times at most. A rename
 * over a name that was listed is seen by the inode number.
 *
 * A file that left its directory for one that was read before is missed, as
 * nothing tells it from one that was deleted. A directory may hold much: it
 * is named unless it is found again here, or found to be deleted. For that
 * its handle is asked for what it names, as root only.
 */
#include <errno.h>
#include <fcntl.h>

#include "archive/archiver_private.h"

#define RELISTS_MAX 3

void entry_vanished(struct dir_job *dir, struct entry *entry)
{
	entry->vanished = true;
	__atomic_store_n(&dir->changed, true, __ATOMIC_RELAXED);
	__atomic_store_n(&dir->moved, true, __ATOMIC_RELAXED);
}

void entry_failed(struct walker *w, struct dir_job *dir, struct entry *entry,
		  int err, const char *during)
{
	__atomic_store_n(&dir->partial, true, __ATOMIC_RELAXED);
	archiver_error(w->a, dir, entry->name, err, during);
}

/* What can be had without opening it: a restore must not take the xattrs
 * off. */
static void read_attrs_by_name(struct walker *w, struct dir_job *dir)
{
	void *p;

	w->xattrs.len = 0;
	if (dir->meta_same || !dir->slot ||
	    attr_read_xattrs_at(dir->parent->fd,
				(const char *)dir->slot->name.p,
				&w->xattrs) < 0 ||
	    w->xattrs.len == 0)
		return;
	p = dir_copy(dir->parent, w->xattrs.p, w->xattrs.len);
	if (!p)
		return;
	dir->node->xattrs = SPAN(p, w->xattrs.len);
	dir->node->flags |= NODE_HAS_XATTRS;
}

/* If it is there, it is in the tree, empty and partial, so that a restore does
 * not take what it holds for deleted. */
void dir_open_failed(struct walker *w, struct dir_job *dir, int e)
{
	struct span none = { NULL, 0 };
	bool gone = e == -ENOENT || e == -ENOTDIR || e == -ELOOP ||
		    e == -ESTALE;

	if (gone && dir->slot) {
		dir->slot->state = ENTRY_GONE;
		if (!dir->parent->place) {
			entry_vanished(dir->parent, dir->slot);
			return;
		}
	}
	archiver_error(w->a, dir, none, e, "open directory");
	if (gone)
		return;
	read_attrs_by_name(w, dir);
	dir->partial = true;
}

void relist_if_replaced(struct dir_job *dir, const struct entry *entry,
			uint64_t ino)
{
	if (entry->ino && entry->ino != ino)
		__atomic_store_n(&dir->moved, true, __ATOMIC_RELAXED);
}

struct file_handle *relist_handle(struct dir_job *dir,
				  const struct entry *entry)
{
	union {
		struct file_handle h;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} u = { .h.handle_bytes = MAX_HANDLE_SZ };
	int mount;

	if (geteuid() != 0 ||
	    name_to_handle_at(dir->fd, (const char *)entry->name.p, &u.h,
			      &mount, 0) < 0)
		return NULL;
	return dir_copy(dir, &u, sizeof(u.h) + u.h.handle_bytes);
}

static bool is_deleted(const struct dir_job *dir, const struct entry *entry)
{
	CLEANUP_CLOSE int fd = -1;
	struct stat st;

	if (!entry->handle)
		return false;
	fd = open_by_handle_at(dir->fd, entry->handle, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return errno == ESTALE;
	return fstat(fd, &st) == 0 && st.st_nlink == 0;
}

/* Take what vanished out of the entries; directories are remembered. */
static void forget_vanished(struct dir_job *dir)
{
	size_t i, n = 0;

	for (i = 0; i < dir->n_entries; i++) {
		struct entry *entry = dir->entries[i];

		if (!entry->vanished) {
			dir->entries[n++] = entry;
		} else if (entry->type == NODE_DIR) {
			entry->next = dir->lost;
			dir->lost = entry;
		}
	}
	dir->n_entries = n;
}

static bool is_found(const struct dir_job *dir, uint64_t ino)
{
	size_t i;

	for (i = 0; i < dir->n_entries; i++)
		if (dir->entries[i]->ino == ino)
			return true;
	return false;
}

/* No more listings: what became of the directories? */
static void settle(struct walker *w, struct dir_job *dir)
{
	for (; dir->lost; dir->lost = dir->lost->next)
		if (!is_found(dir, dir->lost->ino) &&
		    !is_deleted(dir, dir->lost))
			archiver_error(w->a, dir, dir->lost->name, -ENOENT,
				       "moved away or deleted before it was "
				       "read:");
}

bool relist(struct walker *w, struct dir_job *dir)
{
	struct span none = { NULL, 0 };
	bool moved = __atomic_load_n(&dir->moved, __ATOMIC_RELAXED);
	size_t before;

	if (archiver_halted(w->a) || dir->fd < 0 || dir->place)
		return false;
	if (moved && dir->relists == RELISTS_MAX) {
		archiver_error(w->a, dir, none, -EAGAIN,
			       "changed while it was read:");
		__atomic_store_n(&dir->partial, true, __ATOMIC_RELAXED);
		forget_vanished(dir);
	}
	if (!moved || dir->relists == RELISTS_MAX ||
	    lseek(dir->fd, 0, SEEK_SET) < 0) {
		settle(w, dir);
		return false;
	}
	dir->relists++;
	__atomic_store_n(&dir->moved, false, __ATOMIC_RELAXED);
	__atomic_store_n(&dir->fd_users, 1, __ATOMIC_RELAXED);
	forget_vanished(dir);
	before = dir->n_entries;
	dir_read(w, dir);
	if (dir->n_entries > before)
		__atomic_store_n(&dir->changed, true, __ATOMIC_RELAXED);
	return true;
}
