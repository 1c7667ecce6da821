/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli_get.c - what a parsed command line says.
 *
 * Values were checked when they were parsed, so the accessors only convert.
 */
#include "tools/cli.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "archive/filter.h"
#include "base/log.h"
#include "tools/cli_priv.h"

static bool has_opt(const struct cli_opt *o, const char *name)
{
	for (; o && o->name; o++)
		if (!strcmp(o->name, name))
			return true;
	return false;
}

/* NULL if this verb does not have the option. A misspelt name in our own
 * code must not look like an option that was not given. */
static const struct cli_slot *find(const struct cli *cli, const char *name)
{
	const struct cli_verb *v;
	size_t i;

	for (i = 0; i < cli->nslots; i++)
		if (!strcmp(cli->slots[i].opt->name, name))
			return &cli->slots[i];
	for (v = cli_verbs; v->name; v++)
		if (has_opt(v->opts, name))
			return NULL;
	assert(!"an option that is not in the table");
	return NULL;
}

/* The last value given, or NULL. */
static const char *last(const struct cli *cli, const char *name)
{
	const struct cli_slot *s = find(cli, name);

	return s && s->count > 0 && s->values ? s->values[s->count - 1] : NULL;
}

const struct cli_verb *cli_verb_of(const struct cli *cli)
{
	return cli->verb;
}

const char *cli_form_word(const struct cli *cli)
{
	return cli->form ? cli->form->word : NULL;
}

const char *const *cli_args(const struct cli *cli, size_t *n)
{
	*n = cli->nargs;
	return cli->args;
}

unsigned int cli_count(const struct cli *cli, const char *name)
{
	const struct cli_slot *s = find(cli, name);

	return s ? s->count : 0;
}

bool cli_flag(const struct cli *cli, const char *name)
{
	return cli_count(cli, name) > 0;
}

bool cli_given(const struct cli *cli, const char *name)
{
	return cli_count(cli, name) > 0;
}

const char *cli_str(const struct cli *cli, const char *name)
{
	const struct cli_slot *s = find(cli, name);
	const char *v = last(cli, name);

	if (v || !s || !s->opt->env)
		return v;
	v = getenv(s->opt->env);
	return v && *v ? v : NULL;
}

uint64_t cli_u64(const struct cli *cli, const char *name, uint64_t fallback)
{
	const struct cli_slot *s = find(cli, name);
	const char *v = last(cli, name);
	uint64_t n;

	if (!v)
		return fallback;
	if (s->opt->kind == CLI_SIZE)
		return filter_parse_size(v, &n) < 0 ? fallback : n;
	return cli_parse_u64(v, &n) < 0 ? UINT64_MAX : n;
}

double cli_percent(const struct cli *cli, const char *name, double fallback)
{
	const char *v = last(cli, name);
	double pct;

	return v && cli_parse_percent(v, &pct) == 0 ? pct : fallback;
}

struct cli_strings cli_list(const struct cli *cli, const char *name)
{
	const struct cli_slot *s = find(cli, name);

	if (!s || !s->values)
		return (struct cli_strings){ NULL, 0 };
	return (struct cli_strings){ s->values, s->count };
}

bool cli_duration(const struct cli *cli, const char *name, struct timespan *out)
{
	const char *v = last(cli, name);

	return v && timeparse_span(v, out) == 0;
}

bool cli_time(const struct cli *cli, const char *name, int64_t *out)
{
	const char *v = last(cli, name);

	return v && timeparse_instant(v, cli->now_ns, out) == 0;
}

static int join(const char *dir, const char *rest, char **out)
{
	return asprintf(out, "%s%s", dir, rest) < 0 ? -ENOMEM : 0;
}

int cli_cache_dir(const struct cli *cli, char **out)
{
	const char *given = cli_str(cli, "cache-dir");
	const char *xdg = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");

	if (given)
		return join(given, "", out);
	/* The XDG specification: a relative path is to be ignored. */
	if (xdg && *xdg == '/')
		return join(xdg, "/tidemark", out);
	if (geteuid() == 0)
		return join("/var/cache/tidemark", "", out);
	if (home && *home == '/')
		return join(home, "/.cache/tidemark", out);
	*out = NULL;
	log_warn("HOME is not set and no --cache-dir is given: going on "
		 "without a cache");
	return 0;
}
