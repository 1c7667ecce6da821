/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter.c - $filter, as far as Azure's clients send it.
 */
#include "vault/arm/filter.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

static char *skip_blanks(char *p)
{
	while (*p == ' ')
		p++;
	return p;
}

/* A word of letters, digits, dots, slashes and underscores; *end is behind
 * it. */
static bool take_word(char *p, char **end)
{
	char *q = p;

	while (isalnum((unsigned char)*q) || (*q && strchr("._/", *q)))
		q++;
	*end = q;
	return q > p && isalpha((unsigned char)*p);
}

/* 'text', unquoted in place; or a word without quotes, as a number or true. */
static int take_value(char **at, const char **out)
{
	char *p = *at, *to;

	if (*p != '\'') {
		*out = p;
		while (isalnum((unsigned char)*p) || (*p && strchr("-.:+", *p)))
			p++;
		*at = p;
		return p > *out ? 0 : -EINVAL;
	}
	*out = to = ++p;
	for (; *p && (*p != '\'' || p[1] == '\''); p++) {
		if (*p == '\'')
			p++;
		*to++ = *p;
	}
	if (*p != '\'')
		return -EINVAL;
	*at = p + 1;
	*to = '\0';
	return 0;
}

/* Behind "NAME(": a value or none, and ")". */
static int take_call(char **at, struct filter_term *t)
{
	char *p = skip_blanks(*at);
	int e = 0;

	t->op = FILTER_CALL;
	if (*p == '\'')
		e = take_value(&p, &t->value);
	p = skip_blanks(p);
	if (e < 0 || *p != ')')
		return -EINVAL;
	*at = p + 1;
	return 0;
}

/* Behind a name: " eq 'VALUE'". */
static int take_comparison(char **at, struct filter_term *t)
{
	static const char *const names[] = { "eq", "ne", "ge", "le" };
	char *p = skip_blanks(*at), *end;
	unsigned int i;

	if (p == *at || !take_word(p, &end) || *end != ' ')
		return -EINVAL;
	for (i = 0; i < ARRAY_LEN(names); i++)
		if (end - p == 2 && !strncasecmp(p, names[i], 2))
			break;
	if (i == ARRAY_LEN(names))
		return -EINVAL;
	t->op = (enum filter_op)i;
	*at = skip_blanks(end);
	return take_value(at, &t->value);
}

/* A value without quotes ends where the next word begins: by a blank, which
 * becomes its NUL only when all around it has been read. */
static int take_term(char **at, struct filter *f)
{
	struct filter_term *t = &f->terms[f->n];
	char *p = skip_blanks(*at), *end;
	int e;

	if (f->n == FILTER_TERMS_MAX)
		return -EMSGSIZE;
	memset(t, 0, sizeof(*t));
	t->name = p;
	if (!take_word(p, &end))
		return -EINVAL;
	p = skip_blanks(end);
	if (*p == '(') {
		p++;
		e = take_call(&p, t);
	} else {
		p = end;
		e = take_comparison(&p, t);
	}
	if (e < 0 || (*p && *p != ' '))
		return e < 0 ? e : -EINVAL;
	*end = '\0';
	if (*p)
		*p++ = '\0';
	f->n++;
	*at = skip_blanks(p);
	return 0;
}

int filter_parse(const char *text, struct filter *out)
{
	char *p;
	int e = 0;

	memset(out, 0, sizeof(*out));
	out->text = strdup(text ?: "");
	if (!out->text)
		return -ENOMEM;
	p = skip_blanks(out->text);
	while (*p && e == 0) {
		e = take_term(&p, out);
		if (e < 0 || !*p)
			break;
		e = strncasecmp(p, "and ", 4) ? -EINVAL : 0;
		if (e == 0)
			p = skip_blanks(p + 4);
		if (e == 0 && !*p)
			e = -EINVAL;
	}
	if (e < 0)
		filter_release(out);
	return e;
}

void filter_release(struct filter *f)
{
	free(f->text);
	memset(f, 0, sizeof(*f));
}

const struct filter_term *filter_find(const struct filter *f, const char *name)
{
	unsigned int i;

	for (i = 0; i < f->n; i++)
		if (!strcasecmp(f->terms[i].name, name))
			return &f->terms[i];
	return NULL;
}

bool filter_passes(const struct filter *f, const char *name, const char *value)
{
	unsigned int i;

	for (i = 0; i < f->n; i++) {
		const struct filter_term *t = &f->terms[i];

		if (strcasecmp(t->name, name) || !t->value)
			continue;
		if (t->op == FILTER_EQ && strcasecmp(t->value, value))
			return false;
		if (t->op == FILTER_NE && !strcasecmp(t->value, value))
			return false;
	}
	return true;
}
