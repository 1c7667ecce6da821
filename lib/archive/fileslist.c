/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fileslist.c - lists of paths to back up, read from files.
 *
 * Not glob(3): it hides names that begin with a dot, and where it is told
 * not to, `*` finds `.` and `..`.
 */
#include "archive/fileslist.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "archive/nameglob.h"
#include "base/buf.h"
#include "base/io.h"
#include "base/log.h"

int fileslist_add(struct fileslist *l, const char *path)
{
	size_t cap = l->cap ? 2 * l->cap : 64;
	char **p;

	if (l->count == l->cap) {
		p = realloc(l->paths, cap * sizeof(*p));
		if (!p)
			return -ENOMEM;
		l->paths = p;
		l->cap = cap;
	}
	l->paths[l->count] = strdup(path);
	if (!l->paths[l->count])
		return -ENOMEM;
	l->count++;
	return 0;
}

void fileslist_release(struct fileslist *l)
{
	size_t i;

	for (i = 0; i < l->count; i++)
		free(l->paths[i]);
	free(l->paths);
	*l = (struct fileslist){ 0 };
}

static int read_list(const char *file, struct buf *out)
{
	const char *path = strcmp(file, "-") == 0 ? "/dev/stdin" : file;
	int r = io_read_file(AT_FDCWD, path, out);

	return r < 0 ? log_fail(r, "read list %s", file) : 0;
}

/* Call fn for each line, NUL-terminated in place of its newline. */
static int each_line(struct fileslist *l, const char *file,
		     int (*fn)(struct fileslist *, char *))
{
	CLEANUP_BUF struct buf text = BUF_INIT(FILESLIST_MAX);
	char *p, *end, *nl;
	int r = read_list(file, &text);

	if (r == 0)
		r = buf_u8(&text, '\n');
	if (r < 0)
		return r;
	p = (char *)text.p;
	end = p + text.len;
	if (memchr(p, '\0', text.len)) {
		log_error("list %s has a NUL byte", file);
		return -EINVAL;
	}
	for (; r == 0 && p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		*nl = '\0';
		if (*p)
			r = fn(l, p);
	}
	if (r == -EINVAL)
		log_error("list %s cannot be used", file);
	else if (r < 0 && r != -ENOMEM)
		log_fail(r, "list %s", file);
	return r;
}

static int add_line(struct fileslist *l, char *line)
{
	return fileslist_add(l, line);
}

int fileslist_add_verbatim(struct fileslist *l, const char *file)
{
	return each_line(l, file, add_line);
}

int fileslist_add_raw(struct fileslist *l, const char *file)
{
	CLEANUP_BUF struct buf text = BUF_INIT(FILESLIST_MAX);
	const char *p, *end;
	int r = read_list(file, &text);

	if (r < 0)
		return r;
	p = (const char *)text.p;
	end = p + text.len;
	if (text.len > 0 && end[-1] != '\0') {
		log_error("list %s does not end in a NUL", file);
		return -EINVAL;
	}
	for (; r == 0 && p < end; p += strlen(p) + 1) {
		if (*p == '\0') {
			log_error("list %s: empty name", file);
			return -EINVAL;
		}
		r = fileslist_add(l, p);
	}
	return r;
}

/* Add base if it exists. Broken links exist. */
static int add_existing(struct fileslist *l, const char *base)
{
	struct stat st;

	if (lstat(base, &st) < 0)
		return 0;
	return fileslist_add(l, base);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in directory base ("" is the current one) that g matches. A
 * directory that cannot be read has none. */
static int matching_names(const char *base, const struct nameglob *g,
			  struct fileslist *names)
{
	DIR *dir = opendir(*base ? base : ".");
	struct dirent *e;
	int r = 0;

	if (!dir)
		return 0;
	while (r == 0 && (e = readdir(dir))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (nameglob_match(g, e->d_name, strlen(e->d_name)))
			r = fileslist_add(names, e->d_name);
	}
	closedir(dir);
	if (names->count > 1)
		qsort(names->paths, names->count, sizeof(*names->paths),
		      compare_names);
	return r;
}

static int expand(struct fileslist *l, struct buf *base, const char *rest);

static int expand_names(struct fileslist *l, struct buf *base,
			const struct nameglob *g, const char *rest)
{
	CLEANUP_FILESLIST struct fileslist names = { 0 };
	size_t len = base->len, i;
	int r = buf_u8(base, '\0');

	if (r == 0)
		r = matching_names((char *)base->p, g, &names);
	base->len = len;
	for (i = 0; r == 0 && i < names.count; i++) {
		r = buf_append(base, names.paths[i], strlen(names.paths[i]));
		if (r == 0)
			r = expand(l, base, rest);
		base->len = len;
	}
	return r;
}

/*
 * Add what the pattern rest finds below base, which ends in a slash or is
 * empty or is a found name. Only a component with a wildcard goes one call
 * deeper, and that needs an open directory whose path fits PATH_MAX.
 */
static int expand(struct fileslist *l, struct buf *base, const char *rest)
{
	struct nameglob g = { 0 };
	size_t n;
	int r = 0;

	while (r == 0 && *rest) {
		n = strspn(rest, "/");
		if (n > 0)
			r = buf_u8(base, '/');
		rest += n;
		n = strcspn(rest, "/");
		if (n == 0)
			break;
		if (r == 0)
			r = nameglob_init(&g, rest, n, false);
		if (r < 0)
			return r;
		rest += n;
		if (g.kind != NAMEGLOB_LITERAL) {
			r = expand_names(l, base, &g, rest);
			nameglob_release(&g);
			return r;
		}
		r = buf_append(base, g.text, g.len);
		nameglob_release(&g);
	}
	if (r == 0)
		r = buf_u8(base, '\0');
	return r < 0 ? r : add_existing(l, (char *)base->p);
}

/* A bad component is an error even where nothing is found before it. */
static int check_pattern(const char *s)
{
	struct nameglob g = { 0 };
	int r = 0;

	while (r == 0 && *s) {
		r = nameglob_init(&g, s, strcspn(s, "/"), false);
		if (r == 0)
			nameglob_release(&g);
		s += strcspn(s, "/");
		s += strspn(s, "/");
	}
	return r;
}

static int add_pattern(struct fileslist *l, char *line)
{
	CLEANUP_BUF struct buf base = BUF_INIT(2 * FILESLIST_MAX);
	size_t before = l->count, len;
	int r;

	line += strspn(line, " \t\v\f\r");
	len = strlen(line);
	while (len > 0 && strchr(" \t\v\f\r", line[len - 1]))
		len--;
	line[len] = '\0';
	if (*line == '\0' || *line == '#')
		return 0;
	r = check_pattern(line);
	if (r == -EINVAL)
		log_error("pattern '%s' is malformed", line);
	if (r < 0)
		return r;
	r = expand(l, &base, line);
	if (r == 0 && l->count == before)
		log_warn("pattern '%s' finds nothing", line);
	return r;
}

int fileslist_add_patterns(struct fileslist *l, const char *file)
{
	return each_line(l, file, add_pattern);
}
