/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount.c - snapshots as a read-only file system.
 *
 * libfuse's low level interface: the kernel names inodes by our own pointers,
 * and one readdirplus answers for a directory what would else be a lookup
 * for each of its entries. Nothing changes in a snapshot, so the kernel may
 * keep all that it was told for as long as it likes.
 */
#define FUSE_USE_VERSION 314

#include <errno.h>
#include <fuse_lowlevel.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/log.h"
#include "tools/commands.h"
#include "tools/mountfs.h"
#include "tools/show.h"

#define FOR_EVER 31536000.0 /* a year, in seconds */
#define THREADS 8
#define XATTR_LIST_MAX 65536

static struct mountfs *fs_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static struct mnode *mnode_of(fuse_req_t req, fuse_ino_t ino)
{
	if (ino == FUSE_ROOT_ID)
		return mountfs_root(fs_of(req));
	return (struct mnode *)(uintptr_t)ino;
}

static fuse_ino_t ino_of(fuse_req_t req, const struct mnode *m)
{
	if (m == mountfs_root(fs_of(req)))
		return FUSE_ROOT_ID;
	return (fuse_ino_t)(uintptr_t)m;
}

static void fill_entry(fuse_req_t req, struct mnode *m,
		       struct fuse_entry_param *ep)
{
	ep->ino = m ? ino_of(req, m) : 0;
	ep->attr_timeout = FOR_EVER;
	ep->entry_timeout = FOR_EVER;
}

/* --- names and attributes --- */

static void op_init(void *arg, struct fuse_conn_info *conn)
{
	(void)arg;
	conn->want |= conn->capable & FUSE_CAP_CACHE_SYMLINKS;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param ep = { .ino = 0 };
	struct mnode *m = NULL;
	int e = mountfs_lookup(fs_of(req), mnode_of(req, parent), name, &m,
			       &ep.attr);

	if (e < 0 && e != -ENOENT) {
		fuse_reply_err(req, -e);
		return;
	}
	/* An entry without an inode: the kernel keeps that, too. */
	fill_entry(req, e == 0 ? m : NULL, &ep);
	if (fuse_reply_entry(req, &ep) < 0 && e == 0)
		mountfs_forget(fs_of(req), m, 1);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
	mountfs_forget(fs_of(req), mnode_of(req, ino), n);
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count,
			    struct fuse_forget_data *forgets)
{
	size_t i;

	for (i = 0; i < count; i++)
		mountfs_forget(fs_of(req), mnode_of(req, forgets[i].ino),
			       forgets[i].nlookup);
	fuse_reply_none(req);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	struct stat st;
	int e = mountfs_stat(fs_of(req), mnode_of(req, ino), &st);

	(void)fi;
	if (e < 0)
		fuse_reply_err(req, -e);
	else
		fuse_reply_attr(req, &st, FOR_EVER);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	CLEANUP_FREE char *target = NULL;
	int e = mountfs_readlink(fs_of(req), mnode_of(req, ino), &target);

	if (e < 0)
		fuse_reply_err(req, -e);
	else
		fuse_reply_readlink(req, target);
}

/* The two calls that give bytes, or their number if size is 0. */
static void reply_xattr(fuse_req_t req, int e, const struct buf *bytes,
			size_t size)
{
	if (e < 0)
		fuse_reply_err(req, -e);
	else if (size == 0)
		fuse_reply_xattr(req, bytes->len);
	else if (bytes->len > size)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, (const char *)bytes->p, bytes->len);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
			size_t size)
{
	CLEANUP_BUF struct buf value = BUF_INIT(XATTRS_BYTES_MAX);
	int e = mountfs_getxattr(fs_of(req), mnode_of(req, ino), name, &value);

	reply_xattr(req, e, &value, size);
}

static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	CLEANUP_BUF struct buf names = BUF_INIT(XATTR_LIST_MAX);
	int e = mountfs_listxattr(fs_of(req), mnode_of(req, ino), &names);

	reply_xattr(req, e == -EMSGSIZE ? -E2BIG : e, &names, size);
}

/* --- directories --- */

struct open_dir {
	pthread_mutex_t lock;
	struct mdir *d; /* guarded by lock */
};

static void op_opendir(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	struct open_dir *od = calloc(1, sizeof(*od));
	int e = od ? mountfs_opendir(fs_of(req), mnode_of(req, ino), &od->d)
		   : -ENOMEM;

	if (e < 0) {
		free(od);
		fuse_reply_err(req, -e);
		return;
	}
	pthread_mutex_init(&od->lock, NULL);
	fi->fh = (uint64_t)(uintptr_t)od;
	fi->cache_readdir = 1;
	fi->keep_cache = 1;
	fuse_reply_open(req, fi);
}

static void op_releasedir(fuse_req_t req, fuse_ino_t ino,
			  struct fuse_file_info *fi)
{
	struct open_dir *od = (struct open_dir *)(uintptr_t)fi->fh;

	(void)ino;
	mountfs_closedir(od->d);
	pthread_mutex_destroy(&od->lock);
	free(od);
	fuse_reply_err(req, 0);
}

/* Add one entry of a listing; the number of bytes that it takes, or would
 * take where there is no room. */
static size_t add_entry(fuse_req_t req, char *at, size_t room, const char *name,
			const struct fuse_entry_param *ep, off_t next,
			bool plus)
{
	if (plus)
		return fuse_add_direntry_plus(req, at, room, name, ep, next);
	return fuse_add_direntry(req, at, room, name, &ep->attr, next);
}

static size_t add_dots(fuse_req_t req, fuse_ino_t ino, char *buf, size_t size,
		       off_t *off, bool plus)
{
	struct fuse_entry_param ep = { .ino = 0 };
	size_t used = 0, n;

	/* Only the type counts, and the number of "."; the kernel knows both
	 * directories. */
	ep.attr.st_mode = S_IFDIR;
	ep.attr.st_ino = ino;
	for (; *off < 2; ++*off) {
		n = add_entry(req, buf + used, size - used, *off ? ".." : ".",
			      &ep, *off + 1, plus);
		if (n > size - used)
			break;
		used += n;
	}
	return used;
}

/* Fill buf from position off on. Returns the bytes used, or an error if
 * there is not even one entry. */
static ssize_t fill_listing(fuse_req_t req, struct mdir *d, fuse_ino_t ino,
			    char *buf, size_t size, off_t off, bool plus)
{
	size_t used = add_dots(req, ino, buf, size, &off, plus), need;
	struct mountfs *fs = fs_of(req);
	int e;

	if (off < 2)
		return (ssize_t)used;
	e = mountfs_seekdir(fs, d, (uint64_t)off - 2);
	while (e >= 0) {
		struct fuse_entry_param ep = { .ino = 0 };
		struct mnode *m = NULL;
		const char *name;

		e = mountfs_peek(fs, d, &name, &ep.attr);
		if (e <= 0)
			break;
		need = add_entry(req, NULL, 0, name, &ep, off + 1, plus);
		if (need > size - used)
			break;
		if (plus) {
			e = mountfs_take(fs, d, &m, &ep.attr);
			if (e < 0)
				break;
			fill_entry(req, m, &ep);
		}
		used += add_entry(req, buf + used, size - used, name, &ep,
				  ++off, plus);
		mountfs_advance(d);
	}
	return e < 0 && used == 0 ? e : (ssize_t)used;
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		 struct fuse_file_info *fi, bool plus)
{
	struct open_dir *od = (struct open_dir *)(uintptr_t)fi->fh;
	CLEANUP_FREE char *buf = malloc(size);
	ssize_t n;

	if (!buf) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	pthread_mutex_lock(&od->lock);
	n = fill_listing(req, od->d, ino, buf, size, off, plus);
	pthread_mutex_unlock(&od->lock);
	if (n < 0)
		fuse_reply_err(req, (int)-n);
	else
		fuse_reply_buf(req, buf, (size_t)n);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	list(req, ino, size, off, fi, false);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size,
			   off_t off, struct fuse_file_info *fi)
{
	list(req, ino, size, off, fi, true);
}

/* --- files --- */

static struct fileread *file_of(const struct fuse_file_info *fi)
{
	return (struct fileread *)(uintptr_t)fi->fh;
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fileread *f = NULL;
	int e = (fi->flags & O_ACCMODE) == O_RDONLY ? 0 : -EROFS;

	if (e == 0)
		e = mountfs_open(fs_of(req), mnode_of(req, ino), &f);
	if (e < 0) {
		fuse_reply_err(req, -e);
		return;
	}
	fi->fh = (uint64_t)(uintptr_t)f;
	fi->keep_cache = 1;
	if (fuse_reply_open(req, fi) < 0)
		fileread_free(f);
}

static void op_release(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	(void)ino;
	fileread_free(file_of(fi));
	fuse_reply_err(req, 0);
}

/* Put together what lies in several chunks, or in holes. All of it or an
 * error: the kernel takes less than it asked for as the end of the file, and
 * a file that ends early without an error looks sound. */
static ssize_t gather(struct mountfs *fs, struct fileread *f,
		      struct repo_reader *rr, uint64_t off, char *buf,
		      size_t size)
{
	struct chunkcache *c = mountfs_chunks(fs);
	size_t done = 0;

	while (done < size) {
		struct fileread_piece piece;
		int e = fileread_get(f, c, rr, off + done, size - done, &piece);

		if (e < 0)
			return e;
		if (piece.len == 0)
			return -EIO;
		if (piece.p)
			memcpy(buf + done, piece.p, piece.len);
		else
			memset(buf + done, 0, piece.len);
		fileread_put(c, &piece);
		done += piece.len;
	}
	return (ssize_t)done;
}

static void read_with(fuse_req_t req, struct fileread *f,
		      struct repo_reader *rr, uint64_t off, size_t size)
{
	struct mountfs *fs = fs_of(req);
	struct chunkcache *c = mountfs_chunks(fs);
	struct fileread_piece piece;
	size_t want =
		(size_t)MIN((uint64_t)size, off < f->size ? f->size - off : 0);
	CLEANUP_FREE char *buf = NULL;
	ssize_t n;
	int e = fileread_get(f, c, rr, off, want, &piece);

	if (e < 0) {
		fuse_reply_err(req, -e);
		return;
	}
	if (piece.len == want && (piece.p || want == 0)) {
		fuse_reply_buf(req, (const char *)piece.p, want);
		fileread_put(c, &piece);
	} else {
		fileread_put(c, &piece);
		buf = malloc(want);
		n = buf ? gather(fs, f, rr, off, buf, want) : -ENOMEM;
		if (n < 0)
			fuse_reply_err(req, (int)-n);
		else
			fuse_reply_buf(req, buf, (size_t)n);
	}
	if (want > 0)
		fileread_ahead(f, c, rr, off + want);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	struct repo_reader *rr = mountfs_reader(fs_of(req));
	struct mountfs *fs = fs_of(req);
	struct fileread *f = file_of(fi);

	(void)ino;
	if (!rr) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	/* What is read ahead after the reply must not lose its file: the
	 * kernel may release that as soon as it has the reply. */
	fileread_hold(f);
	read_with(req, f, rr, (uint64_t)off, size);
	fileread_free(f);
	mountfs_reader_put(fs, rr);
}

static void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
		     struct fuse_file_info *fi)
{
	struct repo_reader *rr = mountfs_reader(fs_of(req));
	int64_t r = rr ? -EINVAL : -ENOMEM;

	(void)ino;
	if (rr && (whence == SEEK_DATA || whence == SEEK_HOLE)) {
		if ((uint64_t)off >= file_of(fi)->size)
			r = -ENXIO;
		else
			r = fileread_seek(file_of(fi), rr, (uint64_t)off,
					  whence == SEEK_DATA);
	}
	if (rr)
		mountfs_reader_put(fs_of(req), rr);
	if (r < 0)
		fuse_reply_err(req, (int)-r);
	else
		fuse_reply_lseek(req, r);
}

static const struct fuse_lowlevel_ops operations = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.readlink = op_readlink,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.opendir = op_opendir,
	.releasedir = op_releasedir,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.open = op_open,
	.release = op_release,
	.read = op_read,
	.lseek = op_lseek,
};

/* --- the mount --- */

static void PRINTF_LIKE(2, 0)
	log_fuse(enum fuse_log_level level, const char *fmt, va_list ap)
{
	char text[512];
	size_t n;

	vsnprintf(text, sizeof(text), fmt, ap);
	n = strlen(text);
	while (n > 0 && text[n - 1] == '\n')
		text[--n] = '\0';
	if (level <= FUSE_LOG_ERR)
		log_error("%s", text);
	else
		log_debug("%s", text);
}

static int check_mountpoint(const char *where)
{
	struct stat st;

	if (stat(where, &st) < 0)
		return log_fail(-errno, "mount point %s", where);
	if (!S_ISDIR(st.st_mode))
		return log_fail(-ENOTDIR, "mount point %s", where);
	if (!opened_dir_is_empty(where)) {
		log_error("mount point %s is not empty: the mount would hide "
			  "what it holds",
			  where);
		return -ENOTEMPTY;
	}
	return 0;
}

/* Ours only raise a flag, which nobody would look at while the kernel has
 * no requests; libfuse's end its loop. */
static void leave_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	size_t i;

	for (i = 0; i < ARRAY_LEN(signals); i++)
		signal(signals[i], SIG_DFL);
}

static void tell_mounted(const char *where, size_t snapshots)
{
	struct output_line line;

	output_note("%zu snapshot%s at %s until it is unmounted or "
		    "interrupted\n",
		    snapshots, snapshots == 1 ? "" : "s", where);
	if (output_is_json()) {
		output_begin(&line, "mounted");
		json_name(&line.json, "mountpoint", SPAN(where, strlen(where)));
		json_u64(&line.json, "snapshots", snapshots);
		output_end(&line);
	}
	fflush(stdout);
}

static int serve(struct fuse_session *se)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int r;

	if (!config)
		return -ENOMEM;
	fuse_loop_cfg_set_max_threads(config, THREADS);
	fuse_loop_cfg_set_idle_threads(config, THREADS);
	fuse_loop_cfg_set_clone_fd(config, 1);
	r = fuse_session_loop_mt(se, config);
	fuse_loop_cfg_destroy(config);
	/* positive: a signal ended it, which is how it is meant to end */
	return r < 0 ? log_fail(r, "mount") : 0;
}

static struct fuse_session *new_session(struct mountfs *fs, bool others)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fuse_session *se = NULL;

	if (fuse_opt_add_arg(&args, "tidemark") == 0 &&
	    fuse_opt_add_arg(&args, "-o") == 0 &&
	    fuse_opt_add_arg(&args,
			     others ? "ro,fsname=tidemark,subtype=tidemark,"
				      "allow_other,default_permissions"
				    : "ro,fsname=tidemark,"
				      "subtype=tidemark") == 0)
		se = fuse_session_new(&args, &operations, sizeof(operations),
				      fs);
	fuse_opt_free_args(&args);
	return se;
}

static int run(struct mountfs *fs, const char *where, bool others,
	       size_t snapshots)
{
	struct fuse_session *se;
	int e = -EIO;

	fuse_set_log_func(log_fuse);
	se = new_session(fs, others);
	if (!se)
		return -ENOMEM;
	leave_signals();
	if (fuse_set_signal_handlers(se) == 0) {
		if (fuse_session_mount(se, where) == 0) {
			tell_mounted(where, snapshots);
			e = serve(se);
			fuse_session_unmount(se);
		}
		fuse_remove_signal_handlers(se);
	}
	fuse_session_destroy(se);
	return e;
}

int cmd_mount(struct cli *cli)
{
	CLEANUP_OPENED struct opened o = OPENED_INIT;
	struct snapref_filter f = show_filter(cli);
	const struct index *ix = NULL;
	struct snapshot *snapshots;
	struct mountfs *fs = NULL;
	const char *const *args;
	size_t n, count;
	int e, code;

	args = cli_args(cli, &n);
	e = check_mountpoint(args[0]);
	if (e < 0)
		return cli_exit_of(e);
	code = opened_repo(cli, &o);
	if (code != CLI_OK)
		return code;
	e = snapref_list(o.repo, &f, &snapshots, &count);
	if (e == 0)
		e = repo_index(o.repo, &ix);
	if (e == 0) {
		e = mountfs_new(o.repo, snapshots, count, &fs);
		if (e < 0)
			snapref_list_free(snapshots, count);
	}
	if (e == 0)
		e = run(fs, args[0], cli_flag(cli, "allow-other"), count);
	mountfs_free(fs);
	return cli_exit_of(e);
}
