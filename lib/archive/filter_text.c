/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter_text.c - filters from what people write: pattern files, sizes.
 */
#include "archive/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/log.h"

#define PATTERN_FILE_MAX (64u << 20)

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static int add_line(struct filter *f, char *line, size_t len,
		    unsigned int flags)
{
	while (len > 0 && is_blank(line[len - 1]))
		len--;
	line[len] = '\0';
	while (is_blank(*line))
		line++;
	return *line == '#' ? 0 : filter_add(f, line, flags);
}

int filter_add_file(struct filter *f, const char *file, unsigned int flags)
{
	CLEANUP_BUF struct buf text = BUF_INIT(PATTERN_FILE_MAX);
	bool from_stdin = strcmp(file, "-") == 0;
	char *p, *end, *nl;
	int r;

	r = io_read_file(AT_FDCWD, from_stdin ? "/dev/stdin" : file, &text);
	if (r >= 0)
		r = buf_u8(&text, '\n');
	if (r < 0)
		return log_fail(r, "read pattern file %s", file);
	p = (char *)text.p;
	end = p + text.len;
	if (memchr(p, '\0', text.len)) {
		log_error("pattern file %s has a NUL byte", file);
		return -EINVAL;
	}
	if (text.len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		p += 3; /* the byte order mark that some editors leave */
	for (r = 0; r == 0 && p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		r = add_line(f, p, (size_t)(nl - p), flags);
	}
	if (r == -EINVAL)
		log_error("pattern file %s cannot be used", file);
	else if (r < 0)
		log_fail(r, "pattern file %s", file);
	return r;
}

int filter_parse_size(const char *text, uint64_t *out)
{
	static const char units[] = "kmgt";
	unsigned int shift = 0;
	const char *unit;
	uint64_t v;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno)
		return -EINVAL;
	unit = *end ? strchr(units, *end | 0x20) : NULL;
	if (unit) {
		shift = 10 * (unsigned int)(unit - units + 1);
		end++;
		if (end[0] == 'i' && end[1] == 'B')
			end += 2;
	} else if (*end == 'b' || *end == 'B') {
		end++;
	}
	if (*end || v > UINT64_MAX >> shift)
		return -EINVAL;
	*out = v << shift;
	return 0;
}
