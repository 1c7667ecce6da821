/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli_value.c - is the text of an option a value of its kind?
 *
 * What is not understood whole is refused: "10Mfoo" is an error, never 10.
 */
#include "tools/cli.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "archive/filter.h"

/* Decimal digits at *s, moved past them. strtoull() would also take signs
 * and white space. */
static int digits(const char **s, uint64_t *out)
{
	uint64_t v = 0;

	if (!isdigit((unsigned char)**s))
		return -EINVAL;
	for (; isdigit((unsigned char)**s); (*s)++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(**s - '0'), &v))
			return -ERANGE;
	*out = v;
	return 0;
}

int cli_parse_u64(const char *s, uint64_t *out)
{
	uint64_t v;
	int r = digits(&s, &v);

	if (r < 0)
		return r;
	if (*s)
		return -EINVAL;
	*out = v;
	return 0;
}

int cli_parse_percent(const char *s, double *out)
{
	uint64_t whole, part = 0;
	double scale = 1;

	if (digits(&s, &whole) < 0)
		return -EINVAL;
	if (*s == '.') {
		const char *from = ++s;

		if (digits(&s, &part) < 0)
			return -EINVAL;
		for (; from < s; from++)
			scale *= 10;
	}
	if (*s == '%')
		s++;
	if (*s)
		return -EINVAL;
	*out = (double)whole + (double)part / scale;
	return 0;
}

const char *cli_list_text(const char *list, const char *prefix, char *out,
			  size_t size)
{
	char one[64];
	size_t n = 0;

	out[0] = '\0';
	while (cli_next_word(&list, one) && n < size) {
		const char *glue = n == 0 ? "" : *list ? ", " : " or ";

		n += (size_t)snprintf(out + n, size - n, "%s%s%s", glue, prefix,
				      one);
	}
	return out;
}

/* A number within the bounds, or one of the words. */
static int check_number(const struct cli_opt *o, const char *v, char *why,
			size_t size)
{
	char words[160];
	uint64_t n;

	if (cli_in_list(o->words, v, strlen(v)))
		return 0;
	if (o->max > 0 && cli_parse_u64(v, &n) == 0 && n >= o->min &&
	    n <= o->max)
		return 0;
	cli_list_text(o->words, "", words, sizeof(words));
	if (o->max == 0)
		snprintf(why, size, "must be %s", words);
	else if (o->max >= UINT32_MAX)
		snprintf(why, size, "must be a number%s%s%s",
			 o->min ? " from 1" : "", *words ? " or " : "", words);
	else
		snprintf(why, size,
			 "must be %s%sa number from %" PRIu64 " to %" PRIu64,
			 words, *words ? ", or " : "", o->min, o->max);
	return -EINVAL;
}

static int check_text(const struct cli_opt *o, const char *v)
{
	struct timespan span;
	int64_t t;
	uint64_t n;
	double pct;

	switch (o->kind) {
	case CLI_SIZE:
		return filter_parse_size(v, &n);
	case CLI_PERCENT:
		if (cli_parse_percent(v, &pct) < 0 || pct > (double)o->max)
			return -EINVAL;
		return pct > 0 || o->min == 0 ? 0 : -EINVAL;
	case CLI_DURATION:
		return timeparse_span(v, &span);
	case CLI_TIME:
		return timeparse_instant(v, 0, &t);
	case CLI_STRING:
		return *v || o->may_be_empty ? 0 : -EINVAL;
	default:
		return 0;
	}
}

int cli_check_value(const struct cli_opt *o, const char *v, char *why,
		    size_t size)
{
	static const char *const wrong[] = {
		[CLI_FLAG] = "takes no value",
		[CLI_STRING] = "the value is empty",
		[CLI_LIST] = "",
		[CLI_SIZE] = "not a size, like 500K, 10M or 2G",
		[CLI_INT] = "",
		[CLI_WORD] = "",
		[CLI_PERCENT] = "not a percentage, like 10%",
		[CLI_DURATION] = "not a duration, like 1y6m14d12h",
		[CLI_TIME] = "not a time, like 2026-01-31 15:04:05",
	};

	if (o->kind == CLI_INT || o->kind == CLI_WORD)
		return check_number(o, v, why, size);
	if (check_text(o, v) == 0)
		return 0;
	snprintf(why, size, "%s", wrong[o->kind]);
	return -EINVAL;
}
