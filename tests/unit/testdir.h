/* SPDX-License-Identifier: Apache-2.0 */
/*
 * testdir.h - a directory of its own for each test, and warnings counted.
 */
#ifndef TESTS_UNIT_TESTDIR_H
#define TESTS_UNIT_TESTDIR_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/log.h"

static unsigned int warnings;

static inline void count_warnings(enum log_level level, const char *line,
				  void *arg)
{
	(void)line;
	(void)arg;
	warnings += level == LOG_LEVEL_WARNING;
}

static char dir[64];
static int dirfd_;

static inline int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/test_filter.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	dirfd_ = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	log_set_sink(count_warnings, NULL);
	warnings = 0;
	return dirfd_ < 0 ? -1 : 0;
}

static inline int remove_dir(void **state)
{
	char cmd[128];

	(void)state;
	close(dirfd_);
	log_set_sink(NULL, NULL);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	return system(cmd);
}

static inline void put_bytes(const char *name, const char *text, size_t len)
{
	int fd = openat(dirfd_, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, SPAN(text, len)), 0);
	close(fd);
}

static inline void put_file(const char *name, const char *text)
{
	put_bytes(name, text, strlen(text));
}

static inline const char *in_dir(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

#define IN_DIR(t) cmocka_unit_test_setup_teardown(t, make_dir, remove_dir)

#endif /* TESTS_UNIT_TESTDIR_H */
