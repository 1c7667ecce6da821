/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapref.c - find snapshots by id, order and time.
 */
#include "repo/snapref.h"

#include <errno.h>
#include <time.h>

#include "base/log.h"
#include "base/timeparse.h"

/* --- the filter --- */

static bool has_word(char *const *list, uint32_t n, const char *word,
		     size_t len)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (strlen(list[i]) == len && !memcmp(list[i], word, len))
			return true;
	return false;
}

/* All of "a,b,c"; "" is a snapshot without tags. */
static bool has_tags(const struct snapshot *s, const char *set)
{
	if (!*set)
		return s->n_tags == 0;
	for (;;) {
		size_t len = strcspn(set, ",");

		if (!has_word(s->tags, s->n_tags, set, len))
			return false;
		if (!set[len])
			return true;
		set += len + 1;
	}
}

bool snapref_matches(const struct snapref_filter *f, const struct snapshot *s)
{
	size_t i;

	if (!f)
		return true;
	for (i = 0; i < f->n_hosts && strcmp(f->hosts[i], s->host) != 0; i++)
		;
	if (f->n_hosts && i == f->n_hosts)
		return false;
	for (i = 0; i < f->n_tags && !has_tags(s, f->tags[i]); i++)
		;
	if (f->n_tags && i == f->n_tags)
		return false;
	for (i = 0; i < f->n_paths; i++)
		if (!has_word(s->paths, s->n_paths, f->paths[i],
			      strlen(f->paths[i])))
			return false;
	return true;
}

/* --- the list --- */

void snapref_list_free(struct snapshot *list, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		snapshot_release(&list[i]);
	free(list);
}

struct listed {
	struct snapshot s;
	size_t pos; /* in the head: qsort() is not stable */
};

static int by_time(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;

	if (x->s.time_ns != y->s.time_ns)
		return x->s.time_ns < y->s.time_ns ? -1 : 1;
	return x->pos < y->pos ? -1 : x->pos > y->pos;
}

static int load_all(struct repo *r, const struct snapref_filter *f,
		    struct listed *all, size_t *n)
{
	const struct idlist *ids = &repo_head(r)->snapshots;
	size_t i;

	*n = 0;
	for (i = 0; i < ids->count; i++) {
		int e = repo_load_snapshot(r, ids->ids[i], &all[*n].s);

		if (e < 0)
			return e;
		all[*n].pos = i;
		if (snapref_matches(f, &all[*n].s))
			++*n;
		else
			snapshot_release(&all[*n].s);
	}
	return 0;
}

int snapref_list(struct repo *r, const struct snapref_filter *f,
		 struct snapshot **out, size_t *n)
{
	CLEANUP_FREE struct listed *all = NULL;
	struct snapshot *list;
	size_t count = repo_head(r)->snapshots.count, i;
	int e;

	all = calloc(count + 1, sizeof(*all));
	list = calloc(count + 1, sizeof(*list));
	if (!all || !list) {
		free(list);
		return -ENOMEM;
	}
	e = load_all(r, f, all, &count);
	qsort(all, count, sizeof(*all), by_time);
	for (i = 0; i < count; i++)
		list[i] = all[i].s;
	if (e < 0) {
		snapref_list_free(list, count);
		return e;
	}
	*out = list;
	*n = count;
	return 0;
}

/* --- one --- */

static int by_id(struct repo *r, const char *text, struct snapshot *out)
{
	const struct idlist *ids = &repo_head(r)->snapshots;
	char hex[HEX_LEN(OBJECT_ID_LEN)];
	size_t len = strlen(text);
	uint32_t i, found = 0;
	uint32_t at = 0;

	for (i = 0; i < ids->count; i++) {
		hex_encode(hex, ids->ids[i], OBJECT_ID_LEN);
		if (strncasecmp(hex, text, len) == 0) {
			found++;
			at = i;
		}
	}
	if (found == 0) {
		log_error("no snapshot has an id that begins with '%s'", text);
		return -ENOENT;
	}
	if (found > 1) {
		log_error("%u snapshots have ids that begin with '%s'", found,
			  text);
		return -ENOTUNIQ;
	}
	return repo_load_snapshot(r, ids->ids[at], out);
}

/* The end of the day, minute or second that text names. */
static int end_of(const char *text, int64_t *out)
{
	static const struct {
		size_t len;
		const char *rest;
	} forms[] = { { 10, " 23:59:59" }, { 16, ":59" }, { 19, "" } };
	struct timespec now;
	char whole[64];
	size_t i;
	int e;

	clock_gettime(CLOCK_REALTIME, &now);
	for (i = 0; i < ARRAY_LEN(forms); i++)
		if (strlen(text) == forms[i].len)
			break;
	snprintf(whole, sizeof(whole), "%.40s%s", text,
		 i < ARRAY_LEN(forms) ? forms[i].rest : "");
	e = timeparse_instant(
		whole, (int64_t)now.tv_sec * NSEC_PER_SEC + now.tv_nsec, out);
	if (e == 0 && i < ARRAY_LEN(forms))
		*out += NSEC_PER_SEC - 1;
	return e;
}

/* "latest" and "latest~N". */
static bool parse_latest(const char *text, size_t *back)
{
	unsigned long long n;
	char *end;

	*back = 0;
	if (strncmp(text, "latest", 6) != 0)
		return false;
	if (!text[6])
		return true;
	if (text[6] != '~' || text[7] < '0' || text[7] > '9')
		return false;
	errno = 0;
	n = strtoull(text + 7, &end, 10);
	*back = errno || n > UINT32_MAX ? UINT32_MAX : (size_t)n;
	return !*end;
}

static int take(struct repo *r, const struct snapref_filter *f,
		const char *text, size_t back, int64_t until,
		struct snapshot *out)
{
	struct snapshot *list;
	size_t n, left;
	int e = snapref_list(r, f, &list, &n);

	if (e < 0)
		return e;
	for (left = n; left > 0; left--)
		if ((int64_t)list[left - 1].time_ns <= until)
			break;
	if (left > back) {
		*out = list[left - back - 1];
		memset(&list[left - back - 1], 0, sizeof(*list));
	} else if (n == 0) {
		log_error("no snapshot%s",
			  f && f->n_hosts + f->n_tags + f->n_paths > 0
				  ? " of that host, path and tag"
				  : " is there yet");
		e = -ENOENT;
	} else if (left == 0) {
		log_error("no snapshot is as old as %s", text);
		e = -ENOENT;
	} else {
		log_error("no snapshot '%s': there %s only %zu", text,
			  left == 1 ? "is" : "are", left);
		e = -ENOENT;
	}
	snapref_list_free(list, n);
	return e;
}

static bool is_id(const char *text, size_t len)
{
	return len >= SNAPREF_ID_MIN && len <= 2 * OBJECT_ID_LEN &&
	       strspn(text, "0123456789abcdefABCDEF") >= len;
}

/* latest:dir or ID:dir, which is no time either. */
static bool is_relative(const char *text)
{
	size_t len = strcspn(text, ":");

	return text[len] && (is_id(text, len) || !strncmp(text, "latest", 6));
}

int snapref_resolve(struct repo *r, const char *text,
		    const struct snapref_filter *f, struct snapshot *out)
{
	size_t len = strlen(text), back;
	int64_t until;

	if (parse_latest(text, &back))
		return take(r, f, text, back, INT64_MAX, out);
	if (is_id(text, len))
		return by_id(r, text, out);
	if (end_of(text, &until) == 0)
		return take(r, f, text, 0, until, out);
	if (is_relative(text))
		log_error("'%s' names no snapshot: a path behind one begins "
			  "with a slash, as in %.*s:/%s",
			  text, (int)strcspn(text, ":"), text,
			  strchr(text, ':') + 1);
	else
		log_error("'%s' names no snapshot: say latest, latest~N, %d or "
			  "more "
			  "digits of an id, or a time",
			  text, SNAPREF_ID_MIN);
	return -EINVAL;
}

int snapref_split(const char *text, char **name, const char **path)
{
	const char *colon = strstr(text, ":/");

	*name = colon ? strndup(text, (size_t)(colon - text)) : strdup(text);
	if (!*name)
		return -ENOMEM;
	*path = colon ? colon + 1 : "";
	return 0;
}
