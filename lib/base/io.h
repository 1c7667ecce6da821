/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io.h - whole reads and writes on descriptors.
 *
 * Errors:  negative errno, not logged: the caller knows the object.
 * Threads: any.
 */
#ifndef BASE_IO_H
#define BASE_IO_H

#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

/* Write all of data; partial writes and EINTR are continued. */
MUST_CHECK int io_write_all(int fd, struct span data);
MUST_CHECK int io_pwrite_all(int fd, struct span data, uint64_t off);
/* Read until len bytes or end of file. Returns the bytes read. */
MUST_CHECK ssize_t io_read_full(int fd, void *p, size_t len);
MUST_CHECK ssize_t io_pread_full(int fd, void *p, size_t len, uint64_t off);
/* Append the whole file to out; -EMSGSIZE if it does not fit. */
MUST_CHECK int io_read_file(int dirfd, const char *path, struct buf *out);
/* Replace path atomically: temporary file, fsync, rename, fsync of the
 * directory. The mode is 0600. */
MUST_CHECK int io_replace_file(int dirfd, const char *path, struct span data);
/* mkdir -p with mode 0700. An existing directory is fine. */
MUST_CHECK int io_mkdir_p(const char *path);

#endif /* BASE_IO_H */
