/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nameglob.c - one pattern for one file name.
 *
 * A pattern becomes a row of tokens, each of which takes one character or,
 * for a star, any number. Only the last star passed is ever tried again:
 * what an earlier one could still take, the later one can take too. So
 * there is no recursion and no exponential case.
 */
#include "archive/nameglob.h"

#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

#include "base/utf8.h"

#define NOT_UTF8 0x80000000u /* ored with the byte */

enum token_type { TOKEN_CHAR, TOKEN_ONE, TOKEN_STAR, TOKEN_SET };

struct nameglob_token {
	enum token_type type;
	bool negated;
	uint32_t c;	/* TOKEN_CHAR: what; TOKEN_SET: index in ranges */
	uint32_t count; /* TOKEN_SET: how many ranges */
};

struct nameglob_range {
	uint32_t lo, hi;
};

static pthread_once_t utf8_once = PTHREAD_ONCE_INIT;
static locale_t utf8_locale;

/* The user's locale may be "C", in which nothing but ASCII has a case. */
static void utf8_open(void)
{
	utf8_locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

static uint32_t fold_char(uint32_t c)
{
	if (c < 0x80)
		return c >= 'A' && c <= 'Z' ? c + 32 : c;
	if (c >= NOT_UTF8 || !utf8_locale)
		return c;
	return (uint32_t)towlower_l((wint_t)c, utf8_locale);
}

/* The character at s (len > 0); *width is the bytes it takes. */
static uint32_t decode(const uint8_t *s, size_t len, size_t *width)
{
	size_t n = s[0] < 0x80 ? 1 : utf8_len(s, len), i;
	uint32_t c;

	*width = n ? n : 1;
	if (n == 0)
		return NOT_UTF8 | s[0];
	if (n == 1)
		return s[0];
	c = s[0] & (0x7fu >> n);
	for (i = 1; i < n; i++)
		c = c << 6 | (s[i] & 0x3f);
	return c;
}

struct parser {
	const uint8_t *p;
	const uint8_t *end;
	bool fold;
	bool fixed; /* text says all that the characters say */
	struct nameglob *g;
	size_t range_count;
};

/* One character of the pattern, after a `\` if there is one. */
static int parse_char(struct parser *ps, uint32_t *out)
{
	size_t width;

	if (ps->p < ps->end && *ps->p == '\\')
		ps->p++;
	if (ps->p == ps->end)
		return -EINVAL;
	*out = decode(ps->p, (size_t)(ps->end - ps->p), &width);
	if (ps->fold)
		*out = fold_char(*out);
	ps->p += width;
	return 0;
}

static int parse_range(struct parser *ps)
{
	struct nameglob_range r;

	if (ps->p == ps->end || *ps->p == ']' || *ps->p == '-')
		return -EINVAL;
	if (parse_char(ps, &r.lo) < 0)
		return -EINVAL;
	r.hi = r.lo;
	if (ps->p < ps->end && *ps->p == '-') {
		ps->p++;
		if (ps->p == ps->end || *ps->p == ']' || *ps->p == '-')
			return -EINVAL;
		if (parse_char(ps, &r.hi) < 0)
			return -EINVAL;
	}
	ps->g->ranges[ps->range_count++] = r;
	return 0;
}

static int parse_set(struct parser *ps, struct nameglob_token *t)
{
	int r;

	ps->p++;
	t->type = TOKEN_SET;
	t->c = (uint32_t)ps->range_count;
	if (ps->p < ps->end && *ps->p == '^') {
		t->negated = true;
		ps->p++;
	}
	do {
		r = parse_range(ps);
		if (r < 0)
			return r;
	} while (ps->p == ps->end || *ps->p != ']');
	ps->p++;
	t->count = (uint32_t)ps->range_count - t->c;
	return 0;
}

static int parse_literal(struct parser *ps, struct nameglob_token *t)
{
	const uint8_t *from = ps->p + (*ps->p == '\\');
	struct nameglob *g = ps->g;
	size_t n;

	if (parse_char(ps, &t->c) < 0)
		return -EINVAL;
	t->type = TOKEN_CHAR;
	if (!ps->fold) {
		n = (size_t)(ps->p - from);
		memcpy(g->text + g->len, from, n);
		g->len += n;
	} else if (t->c < 0x80) {
		g->text[g->len++] = (uint8_t)t->c;
	} else {
		ps->fixed = false;
	}
	return 0;
}

static int parse_token(struct parser *ps)
{
	struct nameglob *g = ps->g;
	struct nameglob_token *t = &g->tokens[g->token_count];
	int r = 0;

	*t = (struct nameglob_token){ 0 };
	switch (*ps->p) {
	case '*':
		ps->p++;
		if (g->token_count > 0 && t[-1].type == TOKEN_STAR)
			return 0;
		t->type = TOKEN_STAR;
		break;
	case '?':
		ps->p++;
		t->type = TOKEN_ONE;
		break;
	case '[':
		r = parse_set(ps, t);
		break;
	default:
		r = parse_literal(ps, t);
	}
	g->token_count += r == 0;
	return r;
}

/* The kind that answers fastest. With fold, text is used on names that are
 * all ASCII only, so the tokens are always kept for the others. */
static enum nameglob_kind classify(const struct parser *ps)
{
	const struct nameglob *g = ps->g;
	size_t stars = 0, others = 0, i;

	for (i = 0; i < g->token_count; i++) {
		stars += g->tokens[i].type == TOKEN_STAR;
		others += g->tokens[i].type == TOKEN_ONE ||
			  g->tokens[i].type == TOKEN_SET;
	}
	if (!ps->fixed || others > 0 || stars > 1)
		return NAMEGLOB_TOKENS;
	if (stars == 0)
		return NAMEGLOB_LITERAL;
	if (g->token_count == 1)
		return NAMEGLOB_ANY;
	if (g->tokens[0].type == TOKEN_STAR)
		return NAMEGLOB_SUFFIX;
	if (g->tokens[g->token_count - 1].type == TOKEN_STAR)
		return NAMEGLOB_PREFIX;
	return NAMEGLOB_TOKENS;
}

int nameglob_init(struct nameglob *g, const char *pattern, size_t len,
		  bool fold)
{
	const uint8_t *p = (const uint8_t *)pattern;
	struct parser ps = { p, p + len, fold, true, g, 0 };
	int r = 0;

	*g = (struct nameglob){ .fold = fold };
	if (fold)
		pthread_once(&utf8_once, utf8_open);
	/* Every token, range and byte of text comes from a byte at least. */
	g->text = malloc(len + 1);
	g->tokens = malloc((len + 1) * sizeof(*g->tokens));
	g->ranges = malloc((len + 1) * sizeof(*g->ranges));
	if (!g->text || !g->tokens || !g->ranges)
		r = -ENOMEM;
	while (r == 0 && ps.p < ps.end)
		r = parse_token(&ps);
	if (r < 0) {
		nameglob_release(g);
		return r;
	}
	g->kind = classify(&ps);
	return 0;
}

int nameglob_init_literal(struct nameglob *g, const char *name, size_t len)
{
	*g = (struct nameglob){ .kind = NAMEGLOB_LITERAL, .len = len };
	g->text = malloc(len + 1);
	if (!g->text)
		return -ENOMEM;
	memcpy(g->text, name, len);
	return 0;
}

void nameglob_release(struct nameglob *g)
{
	free(g->text);
	free(g->tokens);
	free(g->ranges);
	*g = (struct nameglob){ 0 };
}

static bool set_has(const struct nameglob *g, const struct nameglob_token *t,
		    uint32_t c)
{
	uint32_t i;

	for (i = t->c; i < t->c + t->count; i++) {
		if (c >= g->ranges[i].lo && c <= g->ranges[i].hi)
			return true;
	}
	return false;
}

static bool token_takes(const struct nameglob *g,
			const struct nameglob_token *t, uint32_t c)
{
	switch (t->type) {
	case TOKEN_CHAR:
		return t->c == c;
	case TOKEN_ONE:
		return true;
	case TOKEN_SET:
		return set_has(g, t, c) != t->negated;
	case TOKEN_STAR:
		break;
	}
	return false;
}

static bool tokens_match(const struct nameglob *g, const uint8_t *s, size_t len)
{
	size_t ti = 0, pos = 0, star_ti = 0, star_pos = 0;
	bool starred = false;
	size_t width;
	uint32_t c;

	for (;;) {
		if (ti < g->token_count && g->tokens[ti].type == TOKEN_STAR) {
			star_ti = ++ti;
			star_pos = pos;
			starred = true;
			continue;
		}
		if (pos == len)
			return ti == g->token_count;
		if (ti < g->token_count) {
			c = decode(s + pos, len - pos, &width);
			if (g->fold)
				c = fold_char(c);
			if (token_takes(g, &g->tokens[ti], c)) {
				ti++;
				pos += width;
				continue;
			}
		}
		if (!starred)
			return false;
		decode(s + star_pos, len - star_pos, &width);
		star_pos += width;
		pos = star_pos;
		ti = star_ti;
	}
}

static bool is_ascii(const uint8_t *s, size_t len)
{
	uint64_t any = 0, word;
	size_t i;

	for (i = 0; i + 8 <= len; i += 8) {
		memcpy(&word, s + i, 8);
		any |= word;
	}
	for (; i < len; i++)
		any |= s[i];
	return !(any & 0x8080808080808080u);
}

/* text is folded already. */
static bool bytes_equal(const struct nameglob *g, const uint8_t *s)
{
	size_t i;

	if (!g->fold)
		return memcmp(s, g->text, g->len) == 0;
	for (i = 0; i < g->len; i++) {
		if (fold_char(s[i]) != g->text[i])
			return false;
	}
	return true;
}

bool nameglob_match(const struct nameglob *g, const char *name, size_t len)
{
	const uint8_t *s = (const uint8_t *)name;

	if (g->kind == NAMEGLOB_ANY)
		return true;
	if (g->kind == NAMEGLOB_TOKENS || (g->fold && !is_ascii(s, len)))
		return tokens_match(g, s, len);
	if (len < g->len || (g->kind == NAMEGLOB_LITERAL && len != g->len))
		return false;
	return bytes_equal(g,
			   g->kind == NAMEGLOB_SUFFIX ? s + len - g->len : s);
}

int nameglob_tail(const struct nameglob *g)
{
	const struct nameglob_token *last;

	if (g->kind == NAMEGLOB_LITERAL || g->kind == NAMEGLOB_SUFFIX)
		return g->len > 0 ? g->text[g->len - 1] : -1;
	if (g->token_count == 0)
		return -1;
	last = &g->tokens[g->token_count - 1];
	if (last->type == TOKEN_CHAR && last->c < 0x80)
		return (int)last->c;
	return -1;
}
