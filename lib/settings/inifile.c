/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inifile.c - the lines of an ini file, by libinih.
 *
 * libinih asks for line after line; when it asks for the next one, the one
 * before has been dealt with. A line that it would misread is told as wrong
 * and never given to it.
 */
#include "settings/inifile.h"

#include <assert.h>
#include <errno.h>
#include <ini.h>
#include <string.h>

struct source {
	const struct inifile_sink *sink;
	const char *p, *end;
	unsigned int line;
	bool in_section;  /* a good one */
	bool in_none;	  /* before the first */
	bool expect_pair; /* of the line before */
};

static void wrong(struct source *s, const char *why)
{
	s->sink->wrong(s->sink->arg, s->line, why);
}

static int on_pair(void *arg, const char *section, const char *key,
		   const char *value)
{
	struct source *s = arg;

	(void)section;
	s->expect_pair = false;
	if (!*key)
		wrong(s, "the key before the = is missing");
	else if (strlen(key) > INIFILE_WORD_MAX)
		wrong(s, "the key is longer than 49 bytes");
	else if (s->in_none)
		wrong(s, "stands before the first [section]");
	else if (s->in_section)
		s->sink->pair(s->sink->arg, s->line, key, value);
	return 1;
}

/* "[name]", already without blanks around; checked before libinih, which
 * would cut a long one and take the rest for another's. */
static void on_section(struct source *s, const char *text, size_t len)
{
	char name[INIFILE_WORD_MAX + 1];
	const char *close = memchr(text, ']', len);

	s->in_section = s->in_none = false;
	if (!close || close != text + len - 1) {
		wrong(s, "a section must look like [name]");
	} else if (len - 2 > INIFILE_WORD_MAX || len < 3) {
		wrong(s, "a section's name has 1 to 49 bytes");
	} else {
		memcpy(name, text + 1, len - 2);
		name[len - 2] = '\0';
		s->in_section = true;
		s->sink->section(s->sink->arg, s->line, name);
	}
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Should libinih see this line? *text and *len lose the blanks around. */
static bool look_at(struct source *s, const char **text, size_t *len)
{
	const char *p = *text, *end = p + *len;

	if (s->line == 1 && *len >= 3 && !memcmp(p, "\xef\xbb\xbf", 3))
		p += 3;
	while (end > p && is_blank(end[-1]))
		end--;
	while (end > p && is_blank(*p))
		p++;
	*text = p;
	*len = (size_t)(end - p);
	if (p == end || *p == '#' || *p == ';')
		return false;
	if (memchr(p, 0, *len))
		wrong(s, "a zero byte: this is no text");
	else if (*len > INIFILE_LINE_MAX)
		wrong(s, "the line is longer than 8000 bytes");
	else if (*p == '[')
		on_section(s, p, *len);
	else
		s->expect_pair = true;
	return s->expect_pair;
}

static void end_line(struct source *s)
{
	if (s->expect_pair)
		wrong(s, "must be [section], key = value, or a comment that "
			 "starts with #");
	s->expect_pair = false;
}

static char *next_line(char *out, int size, void *arg)
{
	struct source *s = arg;

	end_line(s);
	while (s->p < s->end) {
		const char *text = s->p;
		const char *nl = memchr(text, '\n', (size_t)(s->end - text));
		size_t len = (size_t)((nl ? nl : s->end) - text);

		s->p = nl ? nl + 1 : s->end;
		s->line++;
		if (!look_at(s, &text, &len))
			continue;
		assert(len < (size_t)size);
		memcpy(out, text, len);
		out[len] = '\0';
		return out;
	}
	return NULL;
}

int inifile_read(struct span text, const struct inifile_sink *sink)
{
	struct source s = { .sink = sink,
			    .p = (const char *)text.p,
			    .end = (const char *)text.p + text.len,
			    .in_none = true };
	int e;

	if (text.len == 0)
		return 0;
	ini_allow_multiline = false;
	ini_allow_inline_comments = false;
	ini_allow_no_value = false;
	ini_allow_realloc = false;
	ini_stop_on_first_error = false;
	ini_use_stack = false;
	ini_max_line = INIFILE_LINE_MAX + 1024;
	ini_initial_alloc = INIFILE_LINE_MAX + 1024;
	e = ini_parse_stream(next_line, &s, on_pair, &s);
	end_line(&s);
	return e == -2 ? -ENOMEM : 0;
}
