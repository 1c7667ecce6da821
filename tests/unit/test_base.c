/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_base.c - buffers, readers, hex, printable text, whole reads and writes.
 *
 * WRAP: fsync renameat write read
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/io.h"
#include "base/log.h"

/* --- what the linker puts between io.c and the kernel --- */

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_renameat(int from, const char *a, int to, const char *b);
int __wrap_renameat(int from, const char *a, int to, const char *b);
ssize_t __real_write(int fd, const void *p, size_t len);
ssize_t __wrap_write(int fd, const void *p, size_t len);
ssize_t __real_read(int fd, void *p, size_t len);
ssize_t __wrap_read(int fd, void *p, size_t len);

static struct {
	int fsync_error, rename_error, write_error, read_error;
	unsigned int fsyncs;
	size_t longest; /* bytes one write or read moves; 0: as asked */
	bool interrupt; /* every other write or read is EINTR */
} sys;

int __wrap_fsync(int fd)
{
	sys.fsyncs++;
	if (!sys.fsync_error)
		return __real_fsync(fd);
	errno = sys.fsync_error;
	return -1;
}

int __wrap_renameat(int from, const char *a, int to, const char *b)
{
	if (!sys.rename_error)
		return __real_renameat(from, a, to, b);
	errno = sys.rename_error;
	return -1;
}

static bool refuse(int error)
{
	static bool odd;

	errno = error;
	if (!error && sys.interrupt) {
		odd = !odd;
		errno = EINTR;
		return odd;
	}
	return error != 0;
}

ssize_t __wrap_write(int fd, const void *p, size_t len)
{
	if (refuse(sys.write_error))
		return -1;
	if (sys.longest && len > sys.longest)
		len = sys.longest;
	return __real_write(fd, p, len);
}

ssize_t __wrap_read(int fd, void *p, size_t len)
{
	if (refuse(sys.read_error))
		return -1;
	if (sys.longest && len > sys.longest)
		len = sys.longest;
	return __real_read(fd, p, len);
}

/* --- a directory per test --- */

struct dir {
	char path[64];
	int fd;
};

static int set_up(void **state)
{
	struct dir *d = calloc(1, sizeof(*d));

	memset(&sys, 0, sizeof(sys));
	if (!d)
		return -1;
	snprintf(d->path, sizeof(d->path), "/tmp/tidemark-base.XXXXXX");
	if (!mkdtemp(d->path))
		return -1;
	d->fd = open(d->path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	*state = d;
	return d->fd < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	struct dir *d = *state;
	char command[128];
	int r;

	memset(&sys, 0, sizeof(sys));
	close(d->fd);
	snprintf(command, sizeof(command), "rm -rf '%s'", d->path);
	r = system(command);
	free(d);
	return r;
}

static void make_file(struct dir *d, const char *name, size_t len)
{
	CLEANUP_BUF struct buf b = BUF_INIT(len);
	CLEANUP_CLOSE int fd = openat(d->fd, name, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(buf_fill(&b, 'x', len), 0);
	assert_int_equal(io_write_all(fd, SPAN_OF(&b)), 0);
}

/* --- buf --- */

static void test_append_keeps_the_bytes_and_grows(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(1 << 20);
	unsigned int i;

	(void)state;
	for (i = 0; i < 10000; i++)
		assert_int_equal(buf_le32(&b, i), 0);
	assert_int_equal(b.len, 40000);
	for (i = 0; i < 10000; i++)
		assert_int_equal(get_le32(b.p + 4 * i), i);
}

static void test_nothing_grows_past_the_maximum(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(8);

	(void)state;
	assert_int_equal(buf_append(&b, "12345678", 8), 0);
	assert_int_equal(buf_append(&b, "9", 1), -EMSGSIZE);
	assert_int_equal(buf_fill(&b, 0, 1), -EMSGSIZE);
	assert_int_equal(buf_u8(&b, 0), -EMSGSIZE);
	assert_int_equal(buf_reserve(&b, SIZE_MAX), -EMSGSIZE);
	assert_int_equal(buf_reserve(&b, SIZE_MAX - 7), -EMSGSIZE);
	assert_int_equal(b.len, 8);
	assert_memory_equal(b.p, "12345678", 8);
}

static void test_no_bytes_always_fit(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(0);

	(void)state;
	assert_int_equal(buf_append(&b, NULL, 0), 0);
	assert_int_equal(buf_fill(&b, 1, 0), 0);
	assert_int_equal(buf_reserve(&b, 0), 0);
	assert_null(b.p);
}

static void test_reserve_changes_no_length(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(100);

	(void)state;
	assert_int_equal(buf_reserve(&b, 100), 0);
	assert_int_equal(b.len, 0);
	assert_true(b.cap >= 100);
}

static void test_a_released_buf_can_be_used_again(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(4);

	(void)state;
	assert_int_equal(buf_append(&b, "abcd", 4), 0);
	buf_release(&b);
	assert_int_equal(b.len, 0);
	assert_int_equal(buf_append(&b, "efgh", 4), 0);
	assert_memory_equal(b.p, "efgh", 4);
}

/* --- varint --- */

static void test_varint_edges(void **state)
{
	static const struct {
		uint64_t value;
		size_t len;
	} edges[] = {
		{ 0, 1 },	    { 1, 1 },
		{ 0x7f, 1 },	    { 0x80, 2 },
		{ 0x3fff, 2 },	    { 0x4000, 3 },
		{ UINT32_MAX, 5 },  { (1ull << 63) - 1, 9 },
		{ 1ull << 63, 10 }, { UINT64_MAX, 10 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(edges); i++) {
		CLEANUP_BUF struct buf b = BUF_INIT(10);
		struct reader r;

		assert_int_equal(buf_varint(&b, edges[i].value), 0);
		assert_int_equal(b.len, edges[i].len);
		r = reader_of(SPAN_OF(&b));
		assert_true(rd_varint(&r) == edges[i].value);
		assert_true(reader_done(&r));
		/* every shorter prefix is bad, and yields zero */
		for (b.len--; b.len > 0; b.len--) {
			r = reader_of(SPAN_OF(&b));
			assert_int_equal(rd_varint(&r), 0);
			assert_true(r.bad);
		}
	}
}

static void test_svarint_edges(void **state)
{
	static const int64_t edges[] = { 0,	    -1,	      1,   -64,
					 63,	    64,	      -65, INT32_MIN,
					 INT64_MIN, INT64_MAX };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(edges); i++) {
		CLEANUP_BUF struct buf b = BUF_INIT(10);
		struct reader r;

		assert_int_equal(buf_svarint(&b, edges[i]), 0);
		if (edges[i] >= -64 && edges[i] <= 63)
			assert_int_equal(b.len, 1);
		r = reader_of(SPAN_OF(&b));
		assert_true(rd_svarint(&r) == edges[i]);
		assert_true(reader_done(&r));
	}
}

static void test_a_varint_has_one_encoding(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} bad[] = {
		{ "\x80\x00", 2 },
		{ "\xff\x00", 2 },
		{ "\x80\x80\x00", 3 },
		{ "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 10 },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10 },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00", 11 },
		{ "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		struct reader r = reader_of(SPAN(bad[i].bytes, bad[i].len));

		assert_int_equal(rd_varint(&r), 0);
		assert_true(r.bad);
		assert_false(reader_done(&r));
	}
}

/* --- reader --- */

static void test_reads_of_each_width(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(64);
	struct reader r;
	struct span s;

	(void)state;
	assert_int_equal(buf_u8(&b, 0xfe), 0);
	assert_int_equal(buf_le16(&b, 0x0102), 0);
	assert_int_equal(buf_le32(&b, 0x01020304), 0);
	assert_int_equal(buf_le64(&b, 0x0102030405060708), 0);
	assert_int_equal(buf_bytes(&b, "name", 4), 0);
	assert_int_equal(b.p[1], 2); /* low byte first */
	r = reader_of(SPAN_OF(&b));
	assert_int_equal(rd_u8(&r), 0xfe);
	assert_int_equal(rd_le16(&r), 0x0102);
	assert_int_equal(rd_le32(&r), 0x01020304);
	assert_true(rd_le64(&r) == 0x0102030405060708);
	s = rd_bytes(&r, 4);
	assert_int_equal(s.len, 4);
	assert_memory_equal(s.p, "name", 4);
	assert_true(reader_done(&r));
}

static void test_a_read_past_the_end_is_bad_for_good(void **state)
{
	struct reader r = reader_of(SPAN("abc", 3));

	(void)state;
	assert_int_equal(rd_le32(&r), 0);
	assert_true(r.bad);
	/* three bytes are left, and none is given any more */
	assert_int_equal(rd_u8(&r), 0);
	assert_int_equal(rd_le16(&r), 0);
	assert_int_equal(rd_varint(&r), 0);
	assert_null(rd_take(&r, 1).p);
	assert_null(rd_bytes(&r, 3).p);
	assert_int_equal(reader_left(&r), 3);
	assert_false(reader_done(&r));
}

static void test_bytes_left_over_are_not_done(void **state)
{
	struct reader r = reader_of(SPAN("ab", 2));

	(void)state;
	assert_int_equal(rd_u8(&r), 'a');
	assert_false(reader_done(&r));
	assert_false(r.bad);
}

static void test_an_empty_reader_is_done(void **state)
{
	struct reader r = reader_of(SPAN(NULL, 0));

	(void)state;
	assert_true(reader_done(&r));
	assert_int_equal(rd_u8(&r), 0);
	assert_true(r.bad);
}

static void test_length_prefix_over_the_maximum_is_bad(void **state)
{
	struct reader r = reader_of(SPAN("\x04name", 5));

	(void)state;
	assert_null(rd_bytes(&r, 3).p);
	assert_true(r.bad);
}

static void test_length_prefix_past_the_end_is_bad(void **state)
{
	struct reader huge = reader_of(
		SPAN("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01name", 14));
	struct reader r = reader_of(SPAN("\x05name", 5));

	(void)state;
	assert_null(rd_bytes(&r, 100).p);
	assert_true(r.bad);
	assert_null(rd_bytes(&huge, SIZE_MAX).p);
	assert_true(huge.bad);
}

/* --- hex --- */

static void test_hex_there_and_back(void **state)
{
	uint8_t bytes[256], back[256];
	char hex[HEX_LEN(256)];
	unsigned int i;

	(void)state;
	for (i = 0; i < 256; i++)
		bytes[i] = (uint8_t)i;
	assert_ptr_equal(hex_encode(hex, bytes, 256), hex);
	assert_memory_equal(hex, "000102", 6);
	assert_string_equal(hex + 506, "fdfeff");
	assert_int_equal(hex_decode(back, 256, hex, 512), 0);
	assert_memory_equal(bytes, back, 256);
}

static void test_hex_refuses_other_spellings(void **state)
{
	uint8_t out[2];

	(void)state;
	assert_int_equal(hex_decode(out, 2, "abcd", 4), 0);
	assert_int_equal(hex_decode(out, 2, "ABCD", 4), -EINVAL);
	assert_int_equal(hex_decode(out, 2, "abc", 3), -EINVAL);
	assert_int_equal(hex_decode(out, 2, "abcde", 5), -EINVAL);
	assert_int_equal(hex_decode(out, 2, "ab g", 4), -EINVAL);
	assert_int_equal(hex_decode(out, 2, "\0bcd", 4), -EINVAL);
	assert_int_equal(hex_decode(out, 0, "", 0), 0);
}

/* --- log --- */

static void assert_printable(const char *text, size_t len, const char *want)
{
	char out[128];

	assert_string_equal(log_printable(out, sizeof(out), text, len), want);
}

static void test_text_stays_and_control_bytes_do_not(void **state)
{
	(void)state;
	assert_printable("plain", 5, "plain");
	assert_printable("na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80", 15,
			 "na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80");
	assert_printable("a\nb\0c\x7f", 6, "a\\x0ab\\x00c\\x7f");
	assert_printable("\x1b[31m", 5, "\\x1b[31m");
	/* C1: a terminal may take U+009B for an escape */
	assert_printable("\xc2\x9b", 2, "\\xc2\\x9b");
}

static void test_bytes_that_are_no_utf8_are_spelled_out(void **state)
{
	(void)state;
	assert_printable("\xff\xfe", 2, "\\xff\\xfe");
	assert_printable("\xc0\xaf", 2, "\\xc0\\xaf");		/* overlong */
	assert_printable("\xed\xa0\x80", 3, "\\xed\\xa0\\x80"); /* surrogate */
	assert_printable("\xf4\x90\x80\x80", 4, "\\xf4\\x90\\x80\\x80");
	assert_printable("\xe2\x82", 2, "\\xe2\\x82"); /* cut short */
}

static void test_printable_text_is_cut_at_whole_characters(void **state)
{
	char out[8];

	(void)state;
	log_printable(out, 4, "\xe2\x82\xac\xe2\x82\xac", 6);
	assert_string_equal(out, "\xe2\x82\xac");
	log_printable(out, 3, "\xe2\x82\xac", 3);
	assert_string_equal(out, "");
	log_printable(out, 5, "\n\n", 2);
	assert_string_equal(out, "\\x0a");
	log_printable(out, 1, "a", 1);
	assert_string_equal(out, "");
}

struct lines {
	unsigned int n;
	enum log_level level;
	char text[9000];
};

static void keep_line(enum log_level level, const char *line, void *arg)
{
	struct lines *l = arg;

	l->n++;
	l->level = level;
	snprintf(l->text, sizeof(l->text), "%s", line);
}

static void test_fail_logs_once_and_gives_the_error_back(void **state)
{
	struct lines l = { 0 };

	(void)state;
	log_set_sink(keep_line, &l);
	assert_int_equal(log_fail(-EBADMSG, "read %s", "pack\n1"), -EBADMSG);
	log_set_sink(NULL, NULL);
	assert_int_equal(l.n, 1);
	assert_int_equal(l.level, LOG_LEVEL_ERROR);
	assert_non_null(strstr(l.text, "read pack\\x0a1: authentication"));
}

static void test_lines_above_the_level_are_dropped(void **state)
{
	struct lines l = { 0 };

	(void)state;
	log_set_sink(keep_line, &l);
	log_debug("not by default");
	assert_int_equal(l.n, 0);
	log_set_level(LOG_LEVEL_ERROR);
	log_warn("neither");
	assert_int_equal(l.n, 0);
	log_error("%s", "this");
	log_set_level(LOG_LEVEL_INFO);
	log_set_sink(NULL, NULL);
	assert_int_equal(l.n, 1);
	assert_string_equal(l.text, "this");
}

static void test_a_line_of_any_length_is_cut(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(100001);
	struct lines l = { 0 };

	(void)state;
	assert_int_equal(buf_fill(&b, 0xff, 100000), 0);
	assert_int_equal(buf_u8(&b, 0), 0);
	log_set_sink(keep_line, &l);
	assert_int_equal(log_fail(-EIO, "read %s", (char *)b.p), -EIO);
	log_set_sink(NULL, NULL);
	assert_int_equal(l.n, 1);
	assert_true(strlen(l.text) < 8192);
}

/* --- io --- */

static void test_whole_files_through_short_and_interrupted_calls(void **state)
{
	CLEANUP_BUF struct buf in = BUF_INIT(200000);
	CLEANUP_BUF struct buf out = BUF_INIT(200000);
	struct dir *d = *state;
	unsigned int i;

	for (i = 0; i < 50000; i++)
		assert_int_equal(buf_le32(&in, i), 0);
	sys.longest = 4097;
	sys.interrupt = true;
	assert_int_equal(io_replace_file(d->fd, "f", SPAN_OF(&in)), 0);
	assert_int_equal(io_read_file(d->fd, "f", &out), 0);
	assert_int_equal(out.len, in.len);
	assert_memory_equal(out.p, in.p, in.len);
}

static void test_read_at_an_offset(void **state)
{
	struct dir *d = *state;
	CLEANUP_CLOSE int fd =
		openat(d->fd, "f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char got[8] = { 0 };

	assert_int_equal(io_pwrite_all(fd, SPAN("abcdef", 6), 10), 0);
	assert_int_equal(io_pread_full(fd, got, 3, 12), 3);
	assert_string_equal(got, "cde");
	/* the end of the file is no error */
	assert_int_equal(io_pread_full(fd, got, 8, 14), 2);
	assert_int_equal(io_pread_full(fd, got, 8, 100), 0);
}

static void test_read_file_appends(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(100);
	struct dir *d = *state;

	make_file(d, "f", 3);
	assert_int_equal(buf_append(&b, "ab", 2), 0);
	assert_int_equal(io_read_file(d->fd, "f", &b), 0);
	assert_int_equal(b.len, 5);
	assert_memory_equal(b.p, "abxxx", 5);
}

static void test_read_file_up_to_the_maximum_and_no_further(void **state)
{
	static const size_t sizes[] = { 1, 65535, 65536, 65537, 131072 };
	struct dir *d = *state;
	size_t i;

	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		CLEANUP_BUF struct buf fits = BUF_INIT(sizes[i]);
		CLEANUP_BUF struct buf small = BUF_INIT(sizes[i] - 1);

		make_file(d, "f", sizes[i]);
		assert_int_equal(io_read_file(d->fd, "f", &fits), 0);
		assert_int_equal(fits.len, sizes[i]);
		assert_int_equal(io_read_file(d->fd, "f", &small), -EMSGSIZE);
		assert_int_equal(small.len, 0);
		assert_int_equal(unlinkat(d->fd, "f", 0), 0);
	}
}

static void test_read_file_errors_leave_the_buf(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(100);
	struct dir *d = *state;

	make_file(d, "f", 3);
	assert_int_equal(buf_u8(&b, 'a'), 0);
	assert_int_equal(io_read_file(d->fd, "missing", &b), -ENOENT);
	assert_int_equal(io_read_file(d->fd, ".", &b), -EISDIR);
	sys.read_error = EIO;
	assert_int_equal(io_read_file(d->fd, "f", &b), -EIO);
	assert_int_equal(b.len, 1);
}

static void test_replace_syncs_file_and_directory(void **state)
{
	struct dir *d = *state;
	struct stat st;

	assert_int_equal(io_replace_file(d->fd, "f", SPAN("new", 3)), 0);
	assert_int_equal(sys.fsyncs, 2);
	assert_int_equal(fstatat(d->fd, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 3);
}

/* A process died here, or someone put a link in the way. */
static void test_replace_writes_a_file_of_its_own(void **state)
{
	struct dir *d = *state;
	struct stat st;
	int fd;

	fd = openat(d->fd, "f.tmp", O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0666), 0);
	close(fd);
	assert_int_equal(io_replace_file(d->fd, "f", SPAN("new", 3)), 0);
	assert_int_equal(fstatat(d->fd, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(symlinkat("elsewhere", d->fd, "f.tmp"), 0);
	assert_int_equal(io_replace_file(d->fd, "f", SPAN("new", 3)), 0);
	assert_int_equal(fstatat(d->fd, "f", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(fstatat(d->fd, "elsewhere", &st, 0), -1);
}

static void test_replace_works_below_a_directory(void **state)
{
	struct dir *d = *state;
	char path[PATH_MAX];
	struct stat st;

	assert_int_equal(mkdirat(d->fd, "sub", 0700), 0);
	assert_int_equal(io_replace_file(d->fd, "sub/f", SPAN("1", 1)), 0);
	assert_int_equal(fstatat(d->fd, "sub/f", &st, 0), 0);
	snprintf(path, sizeof(path), "%s/sub/g", d->path);
	assert_int_equal(io_replace_file(AT_FDCWD, path, SPAN("1", 1)), 0);
	assert_int_equal(fstatat(d->fd, "sub/g", &st, 0), 0);
}

static void test_a_failed_replace_keeps_the_old_file(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(100);
	struct dir *d = *state;
	struct stat st;

	assert_int_equal(io_replace_file(d->fd, "f", SPAN("old", 3)), 0);
	sys.write_error = ENOSPC;
	assert_int_equal(io_replace_file(d->fd, "f", SPAN("new", 3)), -ENOSPC);
	sys.write_error = 0;
	sys.fsync_error = EIO;
	assert_int_equal(io_replace_file(d->fd, "f", SPAN("new", 3)), -EIO);
	sys.fsync_error = 0;
	sys.rename_error = EACCES;
	assert_int_equal(io_replace_file(d->fd, "f", SPAN("new", 3)), -EACCES);
	sys.rename_error = 0;
	assert_int_equal(io_read_file(d->fd, "f", &b), 0);
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.p, "old", 3);
	assert_int_equal(fstatat(d->fd, "f.tmp", &st, 0), -1);
}

static void test_mkdir_p_makes_all_of_a_path(void **state)
{
	struct dir *d = *state;
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/a/b//c/", d->path);
	assert_int_equal(io_mkdir_p(path), 0);
	assert_int_equal(io_mkdir_p(path), 0);
	assert_int_equal(fstatat(d->fd, "a/b/c", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	make_file(d, "file", 1);
	snprintf(path, sizeof(path), "%s/file/x", d->path);
	assert_int_equal(io_mkdir_p(path), -ENOTDIR);
	assert_int_equal(io_mkdir_p(""), -EINVAL);
}

/* --- fault points --- */

static int init_fault(const char *spec)
{
	struct lines l = { 0 };
	int r;

	setenv("TIDEMARK_FAULT", spec, 1);
	log_set_sink(keep_line, &l);
	r = fault_init();
	log_set_sink(NULL, NULL);
	unsetenv("TIDEMARK_FAULT");
	/* a refusal names its reason */
	assert_int_equal(l.n, r < 0);
	return r;
}

static void test_a_fault_that_names_no_point_is_refused(void **state)
{
	static const char *const bad[] = {
		"store",
		"store.",
		"nowhere",
		":1:EIO",
		"store.sync:0",
		"store.sync:x",
		"store.sync:1:EPERM",
		"store.sync:1:",
		"store.sync:1:EIO:1",
		"store.sync:1:a-long-name-of-an-action",
	};
	size_t i;

	(void)state;
	assert_int_equal(fault_init(), 0);
	assert_int_equal(init_fault(""), 0);
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(init_fault(bad[i]), -EINVAL);
	assert_int_equal(FAULT("store.sync"), 0);
}

static void test_a_fault_comes_once_at_its_passage(void **state)
{
	(void)state;
	assert_int_equal(init_fault("store.sync:3:ENOSPC"), 0);
	assert_int_equal(FAULT("store.write"), 0);
	assert_int_equal(FAULT("store.sync"), 0);
	assert_int_equal(FAULT("store.sync"), 0);
	assert_int_equal(FAULT("store.sync"), -ENOSPC);
	assert_int_equal(FAULT("store.sync"), 0);
	fault_armed = 0;
}

static void test_every_fault_point_can_be_armed(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; fault_name(i); i++) {
		char spec[64];

		snprintf(spec, sizeof(spec), "%s:1:EIO", fault_name(i));
		assert_int_equal(init_fault(spec), 0);
		assert_int_equal(FAULT(fault_name(i)), -EIO);
	}
	assert_true(i > 10);
	fault_armed = 0;
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_append_keeps_the_bytes_and_grows),
		cmocka_unit_test(test_nothing_grows_past_the_maximum),
		cmocka_unit_test(test_no_bytes_always_fit),
		cmocka_unit_test(test_reserve_changes_no_length),
		cmocka_unit_test(test_a_released_buf_can_be_used_again),
		cmocka_unit_test(test_varint_edges),
		cmocka_unit_test(test_svarint_edges),
		cmocka_unit_test(test_a_varint_has_one_encoding),
		cmocka_unit_test(test_reads_of_each_width),
		cmocka_unit_test(test_a_read_past_the_end_is_bad_for_good),
		cmocka_unit_test(test_bytes_left_over_are_not_done),
		cmocka_unit_test(test_an_empty_reader_is_done),
		cmocka_unit_test(test_length_prefix_over_the_maximum_is_bad),
		cmocka_unit_test(test_length_prefix_past_the_end_is_bad),
		cmocka_unit_test(test_hex_there_and_back),
		cmocka_unit_test(test_hex_refuses_other_spellings),
		cmocka_unit_test(test_text_stays_and_control_bytes_do_not),
		cmocka_unit_test(test_bytes_that_are_no_utf8_are_spelled_out),
		cmocka_unit_test(
			test_printable_text_is_cut_at_whole_characters),
		cmocka_unit_test(test_fail_logs_once_and_gives_the_error_back),
		cmocka_unit_test(test_lines_above_the_level_are_dropped),
		cmocka_unit_test(test_a_line_of_any_length_is_cut),
		IN_DIR(test_whole_files_through_short_and_interrupted_calls),
		IN_DIR(test_read_at_an_offset),
		IN_DIR(test_read_file_appends),
		IN_DIR(test_read_file_up_to_the_maximum_and_no_further),
		IN_DIR(test_read_file_errors_leave_the_buf),
		IN_DIR(test_replace_syncs_file_and_directory),
		IN_DIR(test_replace_writes_a_file_of_its_own),
		IN_DIR(test_replace_works_below_a_directory),
		IN_DIR(test_a_failed_replace_keeps_the_old_file),
		IN_DIR(test_mkdir_p_makes_all_of_a_path),
		cmocka_unit_test(test_a_fault_that_names_no_point_is_refused),
		cmocka_unit_test(test_a_fault_comes_once_at_its_passage),
		cmocka_unit_test(test_every_fault_point_can_be_armed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
