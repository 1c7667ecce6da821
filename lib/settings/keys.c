/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.c - the keys of tidemarkd.conf, and what a value of each may be.
 *
 * A schedule is handed to `tidemark backup` as options; most keys are the
 * names of such options, and this table says which form their value has.
 */
#include "settings/private.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum kind {
	KIND_STRING,
	KIND_PATH, /* absolute */
	KIND_PATHS,
	KIND_SECRET, /* a path; the file is for root alone */
	KIND_FLAG,
	KIND_WORD,
	KIND_NUMBER,
	KIND_DURATION,
	KIND_PERCENT,
	KIND_AT,
	KIND_DAYS,
	KIND_STARTING,
	KIND_BATTERY,
	/* words of a command line, added to the list at offset */
	KIND_OPTION_FLAG,
	KIND_OPTION,	  /* one value: the last one counts */
	KIND_OPTION_LIST, /* each is one more */
	KIND_OPTION_PATHS,
	KIND_OPTION_SIZE,
	KIND_OPTION_NUMBER,
};

struct key {
	const char *name;
	enum kind kind;
	size_t offset;
	uint32_t min, max;
	const char *words; /* " a b " */
};

#define DAEMON(member) offsetof(struct settings, member)
#define SCHEDULE(member) offsetof(struct settings_schedule, member)

static const struct key daemon_keys[] = {
	{ "socket", KIND_PATH, DAEMON(socket), 0, 0, NULL },
	{ "state-dir", KIND_PATH, DAEMON(state_dir), 0, 0, NULL },
	{ "pins", KIND_PATH, DAEMON(pins), 0, 0, NULL },
	{ "track-list", KIND_PATH, DAEMON(track_list), 0, 0, NULL },
	{ "job-dir", KIND_PATH, DAEMON(job_dir), 0, 0, NULL },
	{ "max-inodes", KIND_NUMBER, DAEMON(max_inodes), 1, 1 << 28, NULL },
	{ "max-ranges", KIND_NUMBER, DAEMON(max_ranges), 1, 1 << 28, NULL },
	{ "hooks", KIND_WORD, DAEMON(hooks), 0, 0, " auto vfs tracepoint " },
	{ "history", KIND_NUMBER, DAEMON(history), 10, 100000, NULL },
	{ "tracking", KIND_FLAG, DAEMON(tracking), 0, 0, NULL },
	{ .name = NULL },
};

static const struct key track_keys[] = {
	{ "path", KIND_PATHS, DAEMON(track), 0, 0, NULL },
	{ .name = NULL },
};

#define OF_RULE(member) SCHEDULE(rule) + offsetof(struct schedule_rule, member)
#define OPTION(name, kind, ...)                                                \
	{                                                                      \
		name, KIND_OPTION##kind, SCHEDULE(options), __VA_ARGS__        \
	}
#define PLAIN 0, 0, NULL
#define KEEP(name)                                                             \
	{                                                                      \
		"keep-" name, KIND_OPTION_NUMBER, SCHEDULE(keep), 0,           \
			UINT32_MAX, " unlimited "                              \
	}
#define YEAR_S (366u * 86400)

static const struct key schedule_keys[] = {
	{ "path", KIND_PATHS, SCHEDULE(paths), PLAIN },
	{ "repository", KIND_STRING, SCHEDULE(repository), PLAIN },
	{ "passphrase-file", KIND_SECRET, SCHEDULE(passphrase_file), PLAIN },
	{ "passphrase-command", KIND_STRING, SCHEDULE(passphrase_command),
	  PLAIN },
	{ "enabled", KIND_FLAG, SCHEDULE(enabled), PLAIN },
	/* when */
	{ "at", KIND_AT, SCHEDULE(rule), PLAIN },
	{ "days", KIND_DAYS, SCHEDULE(rule), PLAIN },
	{ "every", KIND_DURATION, OF_RULE(every_s), 60, 86400, NULL },
	{ "every-weeks", KIND_NUMBER, OF_RULE(every_weeks), 1, 520, NULL },
	{ "starting", KIND_STARTING, OF_RULE(starting), PLAIN },
	{ "random-delay", KIND_DURATION, OF_RULE(delay_s), 0, 7 * 86400, NULL },
	{ "catch-up", KIND_FLAG, OF_RULE(catch_up), PLAIN },
	/* when not */
	{ "on-battery", KIND_BATTERY, SCHEDULE(hold_on_battery), PLAIN },
	{ "pressure", KIND_PERCENT, SCHEDULE(pressure), PLAIN },
	{ "hold-at-most", KIND_DURATION, SCHEDULE(hold_at_most_s), 0, YEAR_S,
	  "forever" },
	/* around it */
	{ "before", KIND_STRING, SCHEDULE(before), PLAIN },
	{ "after", KIND_STRING, SCHEDULE(after), PLAIN },
	{ "hook-timeout", KIND_DURATION, SCHEDULE(hook_timeout_s), 1, YEAR_S,
	  NULL },
	{ "time-limit", KIND_DURATION, SCHEDULE(time_limit_s), 1, YEAR_S,
	  NULL },
	{ "nice", KIND_NUMBER, SCHEDULE(nice), 0, 19, NULL },
	{ "io-class", KIND_WORD, SCHEDULE(io_class), 0, 0,
	  " idle best-effort " },
	/* options of tidemark backup */
	OPTION("exclude", _LIST, PLAIN),
	OPTION("iexclude", _LIST, PLAIN),
	OPTION("exclude-file", _PATHS, PLAIN),
	OPTION("iexclude-file", _PATHS, PLAIN),
	OPTION("exclude-caches", _FLAG, PLAIN),
	OPTION("exclude-if-present", _LIST, PLAIN),
	OPTION("exclude-larger-than", _SIZE, PLAIN),
	OPTION("one-file-system", _FLAG, PLAIN),
	OPTION("tag", _LIST, PLAIN),
	OPTION("host", , PLAIN),
	OPTION("skip-if-unchanged", _FLAG, PLAIN),
	OPTION("scan", _FLAG, PLAIN),
	OPTION("force", _FLAG, PLAIN),
	OPTION("ignore-inode", _FLAG, PLAIN),
	OPTION("strict-ctime", _FLAG, PLAIN),
	OPTION("read-concurrency", _NUMBER, 1, 128, NULL),
	OPTION("compression", _NUMBER, 1, 19, " off fast auto max "),
	OPTION("limit-rate", _SIZE, PLAIN),
	OPTION("limit-work-hours", , PLAIN),
	OPTION("cache-dir", _PATHS, PLAIN),
	/* of tidemark forget */
	KEEP("last"),
	KEEP("hourly"),
	KEEP("daily"),
	KEEP("weekly"),
	KEEP("monthly"),
	KEEP("yearly"),
	{ "prune", KIND_FLAG, SCHEDULE(prune), PLAIN },
	/* of tidemark audit */
	{ "audit", KIND_DURATION, SCHEDULE(audit_s), 3600, YEAR_S, NULL },
	{ .name = NULL },
};

const struct key *const keys_of_daemon = daemon_keys;
const struct key *const keys_of_track = track_keys;
const struct key *const keys_of_schedule = schedule_keys;

const struct key *key_find(const struct key *table, const char *name,
			   size_t *index)
{
	size_t i;

	for (i = 0; table[i].name; i++)
		if (!strcmp(table[i].name, name)) {
			*index = i;
			return &table[i];
		}
	return NULL;
}

bool key_is_list(const struct key *k)
{
	return k->kind == KIND_PATHS || k->kind == KIND_OPTION_LIST ||
	       k->kind == KIND_OPTION_PATHS;
}

char *key_names(const struct key *table, char *out, size_t size)
{
	size_t n = 0;

	out[0] = '\0';
	for (; table->name && n < size; table++)
		n += (size_t)snprintf(out + n, size - n, "%s%s", n ? ", " : "",
				      table->name);
	return out;
}

/* --- lists --- */

int list_add(struct settings_list *l, const char *text)
{
	char **v = realloc(l->v, (l->n + 2) * sizeof(*v));

	if (!v)
		return -ENOMEM;
	l->v = v;
	v[l->n] = strdup(text);
	if (!v[l->n])
		return -ENOMEM;
	v[++l->n] = NULL;
	return 0;
}

void list_release(struct settings_list *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct settings_list){ NULL, 0 };
}

/* Without the option, whatever its value. */
static void list_drop(struct settings_list *l, const char *option)
{
	size_t i, n = strlen(option), kept = 0;

	for (i = 0; i < l->n; i++) {
		if (!strncmp(l->v[i], option, n) &&
		    (l->v[i][n] == '=' || !l->v[i][n]))
			free(l->v[i]);
		else
			l->v[kept++] = l->v[i];
	}
	l->n = kept;
	if (l->v)
		l->v[kept] = NULL;
}

/* --- values --- */

static int wrong(char why[static 256], const char *text)
{
	snprintf(why, 256, "%s", text);
	return -EINVAL;
}

static int flag_of(const char *v, bool *out)
{
	if (!strcmp(v, "yes") || !strcmp(v, "true") || !strcmp(v, "on"))
		*out = true;
	else if (!strcmp(v, "no") || !strcmp(v, "false") || !strcmp(v, "off"))
		*out = false;
	else
		return -EINVAL;
	return 0;
}

static int number_of(const char *v, uint32_t *out)
{
	uint64_t n = 0;
	const char *p = v;

	for (; *p >= '0' && *p <= '9' && n <= UINT32_MAX; p++)
		n = 10 * n + (uint64_t)(*p - '0');
	if (p == v || *p || n > UINT32_MAX)
		return -EINVAL;
	*out = (uint32_t)n;
	return 0;
}

static bool is_word(const char *words, const char *v)
{
	size_t n = strlen(v);
	const char *p = words;

	while (words && n && (p = strstr(p, v))) {
		if (p > words && p[-1] == ' ' && p[n] == ' ')
			return true;
		p++;
	}
	return false;
}

static bool is_size(const char *v)
{
	size_t n = strspn(v, "0123456789");

	return n > 0 && n < 16 &&
	       (!v[n] || (strchr("kKmMgGtT", v[n]) && !v[n + 1]));
}

static int in_bounds(const struct key *k, const char *v, uint32_t *n,
		     char why[static 256])
{
	if (number_of(v, n) == 0 && *n >= k->min && *n <= k->max)
		return 0;
	snprintf(why, 256, "must be %s%sa number from %u to %u",
		 k->words ? k->words + 1 : "", k->words ? "or " : "", k->min,
		 k->max);
	return -EINVAL;
}

static int set_string(char **at, const char *v)
{
	char *copy = strdup(v);

	if (!copy)
		return -ENOMEM;
	free(*at);
	*at = copy;
	return 0;
}

/* A path that is used as a word of a command line. */
static int check_path(const char *v, char why[static 256])
{
	return v[0] == '/' ? 0
			   : wrong(why, "must be a path that starts with /");
}

static int set_duration(const struct key *k, uint32_t *at, const char *v,
			char why[static 256])
{
	const char *text = "";
	uint32_t s;

	if (k->words && !strcmp(v, k->words)) {
		*at = SETTINGS_FOREVER;
		return 0;
	}
	if (schedule_parse_duration(v, &s, &text) < 0) {
		snprintf(why, 256, "%s%s%s", text, k->words ? ", or " : "",
			 k->words ? k->words : "");
		return -EINVAL;
	}
	if (s < k->min)
		return wrong(why, k->min == 60 ? "is less than 1m"
					       : "is too "
						 "short");
	if (s > k->max)
		return wrong(why, k->max == 86400 ? "is more than 1d; at = and "
						    "days = are for that"
						  : "is too long");
	*at = s;
	return 0;
}

static int set_rule(const struct key *k, void *at, const char *v,
		    char why[static 256])
{
	struct schedule_rule *r = at;
	const char *text = "";
	int e;

	if (k->kind == KIND_AT) {
		r->n_at = 0;
		e = schedule_parse_at(v, r, &text);
	} else if (k->kind == KIND_DAYS) {
		e = schedule_parse_days(v, r, &text);
	} else {
		e = schedule_parse_day(v, at, &text);
	}
	return e < 0 ? wrong(why, text) : 0;
}

static int set_percent(uint32_t *at, const char *v, char why[static 256])
{
	char digits[8];
	size_t n = strlen(v);

	if (n > 0 && v[n - 1] == '%')
		n--;
	if (n > 0 && n < sizeof(digits)) {
		memcpy(digits, v, n);
		digits[n] = '\0';
		if (number_of(digits, at) == 0 && *at >= 1 && *at <= 100)
			return 0;
	}
	*at = 0;
	return wrong(why, "must be a percentage from 1% to 100%");
}

static int set_option(const struct key *k, struct settings_list *at,
		      const char *v, char why[static 256])
{
	CLEANUP_FREE char *word = NULL;
	char option[64];
	uint32_t n;
	bool on = true;
	int e = 0;

	snprintf(option, sizeof(option), "--%s", k->name);
	if (k->kind == KIND_OPTION_FLAG && flag_of(v, &on) < 0)
		e = wrong(why, "must be yes or no");
	if (k->kind == KIND_OPTION_PATHS)
		e = check_path(v, why);
	if (k->kind == KIND_OPTION_SIZE && !is_size(v))
		e = wrong(why, "must be a size, like 500K, 10M or 2G");
	if (k->kind == KIND_OPTION_NUMBER && !is_word(k->words, v))
		e = in_bounds(k, v, &n, why);
	if (e < 0)
		return e;
	if (!key_is_list(k))
		list_drop(at, option);
	if (k->kind == KIND_OPTION_FLAG)
		return on ? list_add(at, option) : 0;
	if (asprintf(&word, "%s=%s", option, v) < 0)
		return -ENOMEM;
	return list_add(at, word);
}

static int set_secret(char **at, const char *v, char why[static 256])
{
	char room[128] = "";
	int e = check_path(v, why);

	/* one that is not there yet is a matter of the run */
	if (e == 0 && settings_check_file(v, true, room) == -EPERM)
		e = wrong(why, room);
	return e < 0 ? e : set_string(at, v);
}

int key_set(const struct key *k, void *what, const char *v,
	    char why[static 256])
{
	void *at = (char *)what + k->offset;
	bool on;
	int e;

	if (!*v)
		return wrong(why, "there is no value");
	switch (k->kind) {
	case KIND_STRING:
		return set_string(at, v);
	case KIND_PATH:
		e = check_path(v, why);
		return e < 0 ? e : set_string(at, v);
	case KIND_PATHS:
		e = check_path(v, why);
		return e < 0 ? e : list_add(at, v);
	case KIND_SECRET:
		return set_secret(at, v, why);
	case KIND_FLAG:
		return flag_of(v, at) < 0 ? wrong(why, "must be yes or no") : 0;
	case KIND_WORD:
		if (is_word(k->words, v))
			return set_string(at, v);
		snprintf(why, 256, "must be one of%.*s",
			 (int)strlen(k->words) - 1, k->words);
		return -EINVAL;
	case KIND_NUMBER:
		return in_bounds(k, v, at, why);
	case KIND_DURATION:
		return set_duration(k, at, v, why);
	case KIND_PERCENT:
		return set_percent(at, v, why);
	case KIND_AT:
	case KIND_DAYS:
	case KIND_STARTING:
		return set_rule(k, at, v, why);
	case KIND_BATTERY:
		on = !strcmp(v, "hold");
		if (!on && strcmp(v, "run") != 0)
			return wrong(why, "must be hold or run");
		*(bool *)at = on;
		return 0;
	default:
		return set_option(k, at, v, why);
	}
}
