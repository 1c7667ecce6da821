/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orphans.c - what crashes have left on the disk.
 *
 * A file goes under the lock that deletions take, in a transaction that finds
 * no row of it: as in objects_delete.c.
 */
#include "vault/objects/orphans.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "vault/objects/objects_private.h"
#include "vault/retention/protection.h"
#include "vault/objects/scrub.h"

struct sweep {
	struct objects *o;
	int root; /* of all repositories */
	const char *machine;
	struct repository *r;
	enum store_class cls;
	const char *name;
	uint64_t n;
};

static bool is_old(int dir, const char *path)
{
	struct stat st;

	return fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       (int64_t)st.st_mtime + ORPHAN_SECONDS <= clock_now();
}

static int has_row(const struct sweep *s)
{
	int64_t n;
	int e = db_number(s->o->db, &n,
			  "SELECT 1 FROM object WHERE machine = ?"
			  " AND class = ? AND name = ?",
			  "sis", s->machine, (int64_t)s->cls, s->name);

	return e == -ENOENT ? 0 : e < 0 ? e : 1;
}

static int remove_file(struct db *db, void *arg)
{
	const struct sweep *s = arg;
	int e = has_row(s);

	(void)db;
	if (e != 0)
		return e;
	e = store_delete_soon(s->r->store, s->cls, s->name);
	return e == -ENOENT ? 1 : e;
}

static int look_at(void *arg, const char *name, uint64_t size)
{
	struct sweep *s = arg;
	char path[200];
	int e = objects_check_interrupt(s->o);

	(void)size;
	s->name = name;
	if (e == 0)
		e = has_row(s);
	if (e != 0)
		return MIN(e, 0);
	snprintf(path, sizeof(path), "%s/%s%s%s", s->machine,
		 s->cls == STORE_CONFIG ? "" : store_class_name(s->cls),
		 s->cls == STORE_CONFIG ? "" : "/", name);
	if (!is_old(s->root, path))
		return 0;
	pthread_rwlock_wrlock(&s->r->files);
	e = db_write(s->o->db, remove_file, s);
	pthread_rwlock_unlock(&s->r->files);
	s->n += e == 0;
	return MIN(e, 0);
}

/* Empty, or it stays. */
static void remove_directory(struct sweep *s)
{
	char path[200];
	int cls;

	for (cls = STORE_CONFIG + 1; cls < (int)STORE_CLASSES; cls++) {
		snprintf(path, sizeof(path), "%s/%s", s->machine,
			 store_class_name((enum store_class)cls));
		(void)unlinkat(s->root, path, AT_REMOVEDIR);
	}
	snprintf(path, sizeof(path), "%s/leases", s->machine);
	(void)unlinkat(s->root, path, AT_REMOVEDIR);
	if (unlinkat(s->root, s->machine, AT_REMOVEDIR) == 0)
		s->n++;
	else
		log_warn("repositories/%s belongs to no machine of this "
			 "vault, and is not empty: was an older vault.db "
			 "put back?",
			 s->machine);
}

static int sweep_machine(struct sweep *s)
{
	struct protection p;
	int64_t known;
	int cls, e;

	e = db_number(s->o->db, &known, "SELECT 1 FROM machine WHERE id = ?",
		      "s", s->machine);
	if (e == -ENOENT) {
		if (is_old(s->root, s->machine))
			remove_directory(s);
		return 0;
	}
	if (e == 0)
		e = repository_get(s->o, s->machine, &s->r);
	for (cls = 0; cls < (int)STORE_CLASSES && e == 0; cls++) {
		s->cls = (enum store_class)cls;
		e = store_list(s->r->store, s->cls, look_at, s);
	}
	if (e == 0 && protection_get(s->o->db, s->machine, &p) == -ENOENT &&
	    is_old(s->root, s->machine))
		remove_directory(s);
	return e;
}

int orphans_remove(struct objects *o, uint64_t *n)
{
	struct sweep s = { .o = o };
	const struct dirent *de;
	DIR *d = opendir(o->root);
	int e = 0;

	if (!d)
		return log_fail(-errno, "open %s", o->root);
	s.root = dirfd(d);
	while (e != -ECANCELED && (de = readdir(d))) {
		if (de->d_name[0] == '.' || strlen(de->d_name) > 36)
			continue;
		s.machine = de->d_name;
		e = sweep_machine(&s);
	}
	closedir(d);
	*n += s.n;
	return e == -ECANCELED ? e : 0;
}
