/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restore_device.c - an image to a block device.
 *
 * The image's extents come in order and fill a buffer of whole blocks. What
 * is nothing but zeros the device makes itself, if it can (BLKZEROOUT).
 */
#include "tools/restore_device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <mntent.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/log.h"
#include "repo/browse.h"
#include "repo/snapref.h"
#include "tools/opened.h"
#include "tools/output.h"
#include "tools/show.h"

#define BLOCK_BYTES ((size_t)4 << 20)

struct image {
	const struct cli *cli;
	struct opened o;
	struct snapshot snap;
	struct tree_dir dir; /* holds node's memory */
	struct node node;
	const char *device;
	int fd;
	uint64_t size; /* of the device */
	uint8_t *block;
	uint64_t at; /* where the block lies */
	size_t len;  /* what is in it */
	bool verify; /* compare instead of writing */
	bool no_zeroout;
	uint64_t done, written, zeroed, verified; /* bytes */
};

/* --- blocks --- */

static bool is_zero(const uint8_t *p, size_t n)
{
	return n == 0 || (p[0] == 0 && !memcmp(p, p + 1, n - 1));
}

static int write_block(struct image *m)
{
	int e = io_pwrite_all(m->fd, SPAN(m->block, m->len), m->at);

	if (e < 0)
		return log_fail(e, "write %s at %llu", m->device,
				(unsigned long long)m->at);
	m->written += m->len;
	return 0;
}

static int zero_block(struct image *m)
{
	uint64_t range[2] = { m->at, m->len };

	if (!m->no_zeroout && ioctl(m->fd, BLKZEROOUT, range) == 0) {
		m->zeroed += m->len;
		return 0;
	}
	m->no_zeroout = true;
	return write_block(m);
}

static int verify_block(struct image *m)
{
	uint8_t *have = m->block + BLOCK_BYTES;
	ssize_t n = io_pread_full(m->fd, have, m->len, m->at);

	if (n < 0)
		return log_fail((int)n, "read back %s at %llu", m->device,
				(unsigned long long)m->at);
	if ((size_t)n != m->len || memcmp(have, m->block, m->len) != 0) {
		log_error("%s does not hold what was written to it, from %llu "
			  "on: replace it",
			  m->device, (unsigned long long)m->at);
		return -EIO;
	}
	m->verified += m->len;
	return 0;
}

static int flush(struct image *m)
{
	int e = 0;

	if (m->len == 0)
		return 0;
	if (cli_interrupted())
		return -EINTR;
	if (m->verify)
		e = verify_block(m);
	else if (is_zero(m->block, m->len))
		e = zero_block(m);
	else
		e = write_block(m);
	m->at += m->len;
	__atomic_store_n(&m->done, m->at, __ATOMIC_RELAXED);
	m->len = 0;
	return e;
}

/* p NULL: zeros. */
static int put(struct image *m, const uint8_t *p, uint64_t len)
{
	int e = 0;

	while (e == 0 && len > 0) {
		size_t n = (size_t)MIN((uint64_t)(BLOCK_BYTES - m->len), len);

		if (p)
			memcpy(m->block + m->len, p, n);
		else
			memset(m->block + m->len, 0, n);
		p = p ? p + n : NULL;
		m->len += n;
		len -= n;
		if (m->len == BLOCK_BYTES)
			e = flush(m);
	}
	return e;
}

static int take_extent(void *arg, uint64_t offset, const struct extent *x)
{
	struct image *m = arg;
	struct chunk_ref ref;
	int e;

	(void)offset;
	if (x->kind == EXTENT_HOLE)
		return put(m, NULL, x->len);
	e = repo_chunk_get(m->o.reader, CHUNK_DATA, x->id, &ref);
	if (e < 0)
		return e;
	if (x->offset > ref.data.len || x->len > ref.data.len - x->offset)
		e = log_fail(-EUCLEAN, "read a chunk of the image");
	else
		e = put(m, ref.data.p + x->offset, x->len);
	repo_chunk_put(m->o.reader, &ref);
	return e;
}

static int walk(struct image *m)
{
	int e;

	m->at = 0;
	m->len = 0;
	e = content_walk(m->o.reader, m->node.content, m->node.size,
			 take_extent, m);
	return e < 0 ? e : flush(m);
}

/* --- what to write, and where --- */

static int find_image(struct image *m)
{
	struct snapref_filter f = show_filter(m->cli);
	bool any = f.n_hosts || f.n_tags || f.n_paths;
	CLEANUP_FREE char *name = NULL;
	const char *const *args, *path;
	size_t n;
	int e;

	args = cli_args(m->cli, &n);
	e = snapref_split(args[0], &name, &path);
	if (e < 0)
		return e;
	if (!*path) {
		log_error("--to-device needs the path of an image: %s:PATH",
			  name);
		return -EINVAL;
	}
	e = snapref_resolve(m->o.repo, name, any ? &f : NULL, &m->snap);
	if (e == 0)
		e = tree_lookup(m->o.reader, m->snap.tree,
				SPAN(path, strlen(path)), &m->dir, &m->node);
	if (e == -ENOENT || e == -ENOTDIR) {
		log_error("the snapshot does not hold %s", path);
		return e;
	}
	if (e == 0 && m->node.type != NODE_FILE) {
		log_error("%s is a %s in the snapshot, and no image of a "
			  "device",
			  path, show_type(&m->node));
		return -EINVAL;
	}
	if (e == 0 && m->node.flags & NODE_PARTIAL)
		log_warn("the image is not of one instant: it was written to "
			 "while it was read");
	return e;
}

/* Where it is mounted, for the message. */
static void tell_busy(const struct image *m)
{
	CLEANUP_FREE char *real = realpath(m->device, NULL);
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct mntent *t;
	bool told = false;

	while (f && real && !told && (t = getmntent(f))) {
		if (strncmp(t->mnt_fsname, real, strlen(real)) != 0)
			continue;
		log_error("%s is mounted at %s: unmount it first",
			  t->mnt_fsname, t->mnt_dir);
		told = true;
	}
	if (f)
		endmntent(f);
	if (!told)
		log_error("%s is in use (by another device, swap, or another "
			  "program): free it first",
			  m->device);
}

static int open_device(struct image *m)
{
	int flags = cli_flag(m->cli, "dry-run") ? O_RDONLY : O_RDWR, sector;
	char need[16], have[16];
	struct stat st;

	m->device = cli_str(m->cli, "to-device");
	if (stat(m->device, &st) < 0)
		return log_fail(-errno, "find %s", m->device);
	if (!S_ISBLK(st.st_mode)) {
		log_error("%s is no block device: --target restores to a "
			  "directory, as a file",
			  m->device);
		return -ENOTBLK;
	}
	m->fd = open(m->device,
		     flags | O_EXCL | O_DIRECT | O_CLOEXEC | O_NOCTTY);
	if (m->fd < 0 && errno == EBUSY) {
		tell_busy(m);
		return -EBUSY;
	}
	if (m->fd < 0 || ioctl(m->fd, BLKGETSIZE64, &m->size) < 0 ||
	    ioctl(m->fd, BLKSSZGET, &sector) < 0)
		return log_fail(-errno, "open %s", m->device);
	if (m->size < m->node.size) {
		log_error("%s is too small: it has %s, and the image %s",
			  m->device, output_size(have, m->size),
			  output_size(need, m->node.size));
		return -ENOSPC;
	}
	if (m->node.size % (uint64_t)sector) {
		log_error("the image is no multiple of %d bytes, the sectors "
			  "of %s",
			  sector, m->device);
		return -EINVAL;
	}
	if (posix_memalign((void **)&m->block, 1 << 16, 2 * BLOCK_BYTES))
		return -ENOMEM;
	return 0;
}

/* --- the run --- */

static void sample(void *arg, struct progress_sample *out)
{
	const struct image *m = arg;

	out->bytes_done = __atomic_load_n(&m->done, __ATOMIC_RELAXED);
	out->bytes_total = m->node.size;
}

static int run(struct image *m)
{
	struct progress *progress = progress_start(sample, m);
	int e = walk(m);

	/* also what the device itself holds back */
	if (e == 0 && fsync(m->fd) < 0)
		e = log_fail(-errno, "sync %s", m->device);
	if (e == 0 && cli_flag(m->cli, "verify")) {
		m->verify = true;
		e = walk(m);
	}
	progress_stop(progress);
	/* a table of partitions may have come with it */
	if (e == 0)
		(void)!ioctl(m->fd, BLKRRPART);
	if (e < 0)
		log_error("%s is written in part: what was on it is lost, and "
			  "the image is not complete",
			  m->device);
	return e;
}

static void report(const struct image *m, double seconds)
{
	char size[16], written[16], zeroed[16], took[24];
	bool dry = cli_flag(m->cli, "dry-run");
	struct output_line line;

	output_note("%s %s to %s in %s\n", dry ? "would restore" : "restored",
		    output_size(size, m->node.size), m->device,
		    output_elapsed(took, seconds));
	if (!dry)
		output_note("wrote %s, zeroed %s%s\n",
			    output_size(written, m->written),
			    output_size(zeroed, m->zeroed),
			    m->verify ? ", verified all" : "");
	if (m->size > m->node.size)
		output_note("%s of %s behind the image %s as it was\n",
			    output_size(size, m->size - m->node.size),
			    m->device, dry ? "would stay" : "is");
	if (!output_is_json())
		return;
	output_begin(&line, "summary");
	json_bool(&line.json, "dry_run", dry);
	json_hex(&line.json, "snapshot_id", m->snap.id, OBJECT_ID_LEN);
	json_name(&line.json, "target", SPAN(m->device, strlen(m->device)));
	json_u64(&line.json, "bytes_restored", dry ? 0 : m->node.size);
	json_u64(&line.json, "bytes_written", m->written);
	json_u64(&line.json, "bytes_zeroed", m->zeroed);
	json_u64(&line.json, "bytes_verified", m->verified);
	json_double(&line.json, "total_duration", seconds);
	output_end(&line);
}

int restore_device(struct cli *cli)
{
	struct image m = { .cli = cli, .o = OPENED_INIT, .fd = -1 };
	int64_t began = output_clock();
	int code = opened_repo(cli, &m.o), e;

	if (code == CLI_OK) {
		e = find_image(&m);
		if (e == 0)
			e = open_device(&m);
		if (e == 0 && !cli_flag(cli, "dry-run"))
			e = run(&m);
		code = e == -EINTR ? CLI_INTERRUPTED : e < 0 ? CLI_FATAL : 0;
		if (e == 0)
			report(&m, (double)(output_clock() - began) / 1e9);
	}
	if (m.fd >= 0)
		close(m.fd);
	free(m.block);
	tree_dir_close(&m.dir);
	snapshot_release(&m.snap);
	opened_close(&m.o);
	return code;
}
