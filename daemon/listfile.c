/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listfile.c - a file of paths, one in each line.
 */
#include "daemon/listfile.h"

#include <errno.h>
#include <fcntl.h>

#include "base/io.h"
#include "base/log.h"

#define LIST_MAX ((size_t)1 << 20)

/* With a NUL at its end. -ENOENT: none. */
static int read_list(const char *file, struct buf *out)
{
	int e = io_read_file(AT_FDCWD, file, out);

	return e < 0 ? e : buf_u8(out, 0);
}

static int add_line(struct buf *out, const char *line)
{
	int e = buf_append(out, line, strlen(line));

	return e < 0 ? e : buf_u8(out, '\n');
}

int listfile_change(const char *file, const char *path, bool add)
{
	CLEANUP_BUF struct buf was = BUF_INIT(LIST_MAX),
			       now = BUF_INIT(LIST_MAX);
	char *line, *save = NULL;
	int e;

	if (strchr(path, '\n'))
		return log_fail(-EINVAL, "write %s", file);
	e = read_list(file, &was);
	line = e == 0 ? strtok_r((char *)was.p, "\n", &save) : NULL;
	if (e == -ENOENT)
		e = 0;
	for (; e == 0 && line; line = strtok_r(NULL, "\n", &save))
		if (strcmp(line, path) != 0)
			e = add_line(&now, line);
	if (e == 0 && add)
		e = add_line(&now, path);
	if (e == 0)
		e = io_replace_file(AT_FDCWD, file, SPAN_OF(&now));
	return e < 0 ? log_fail(e, "write %s", file) : 0;
}

int listfile_has(const char *file, const char *path, bool *out)
{
	CLEANUP_BUF struct buf b = BUF_INIT(LIST_MAX);
	char *line, *save = NULL;
	int e = read_list(file, &b);
	bool has = false;

	if (e < 0 && e != -ENOENT)
		return log_fail(e, "read %s", file);
	line = e == 0 ? strtok_r((char *)b.p, "\n", &save) : NULL;
	for (; line && !has; line = strtok_r(NULL, "\n", &save))
		has = !strcmp(line, path);
	*out = has;
	return 0;
}

void listfile_each(const char *file, void (*fn)(void *arg, const char *path),
		   void *arg)
{
	CLEANUP_BUF struct buf b = BUF_INIT(LIST_MAX);
	char *line, *save = NULL;
	int e = read_list(file, &b);

	if (e == -ENOENT)
		return;
	if (e < 0) {
		log_fail(e, "read %s", file);
		return;
	}
	for (line = strtok_r((char *)b.p, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		fn(arg, line);
}
