/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retention.c - which snapshots a policy keeps.
 *
 * Sorted by group and then from new to old, each snapshot is shown to every
 * rule once. A rule remembers only the unit (day, week...) it kept last: as
 * times fall, a unit that was left does not come back.
 */
#include "repo/retention.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A snapshot with its lists sorted, so that groups compare equal. */
struct item {
	const struct retention_snapshot *snap;
	size_t index;
	const char **paths;
	const char **tags;
	unsigned int by;
};

/* What unit a snapshot falls into. Two are the same unit if all is equal. */
struct bucket {
	int64_t a, b;
};

struct rule {
	enum retention_unit unit;
	uint32_t reason;
	int left;      /* how many more to keep, or RETENTION_UNLIMITED */
	bool bounded;  /* only what is younger than since */
	int64_t since; /* exclusive */
	bool used;     /* last is set */
	struct bucket last;
};

#define RULES_MAX (2 * RETENTION_UNITS)

bool retention_is_empty(const struct retention_policy *p)
{
	int u;

	for (u = 0; u < RETENTION_UNITS; u++) {
		if (p->keep[u] != 0 || !timespan_is_zero(&p->within[u]))
			return false;
	}
	return p->tags_count == 0;
}

static int compare_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int compare_lists(const char *const *a, size_t na, const char *const *b,
			 size_t nb)
{
	size_t i;
	int r;

	for (i = 0; i < na && i < nb; i++) {
		r = strcmp(a[i], b[i]);
		if (r != 0)
			return r;
	}
	return (na > nb) - (na < nb);
}

static int compare_groups(const struct item *a, const struct item *b)
{
	const struct retention_snapshot *x = a->snap, *y = b->snap;
	int r = 0;

	if (a->by & RETENTION_BY_HOST)
		r = strcmp(x->host ? x->host : "", y->host ? y->host : "");
	if (r == 0 && a->by & RETENTION_BY_PATHS)
		r = compare_lists(a->paths, x->path_count, b->paths,
				  y->path_count);
	if (r == 0 && a->by & RETENTION_BY_TAGS)
		r = compare_lists(a->tags, x->tag_count, b->tags, y->tag_count);
	return r;
}

/* By group; in a group the newest comes first. */
static int compare_items(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int64_t tx = x->snap->time_ns, ty = y->snap->time_ns;
	int r = compare_groups(x, y);

	if (r != 0)
		return r;
	if (tx != ty)
		return tx < ty ? 1 : -1;
	return x->index < y->index ? 1 : -1;
}

static int sorted_copy(const char *const *list, size_t n, const char ***out)
{
	const char **copy = calloc(n + 1, sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	if (n > 0) {
		memcpy(copy, list, n * sizeof(*copy));
		qsort(copy, n, sizeof(*copy), compare_text);
	}
	*out = copy;
	return 0;
}

static int fill_item(struct item *it, const struct retention_snapshot *s,
		     size_t index, unsigned int by)
{
	int r = 0;

	it->snap = s;
	it->index = index;
	it->by = by;
	if (by & RETENTION_BY_PATHS)
		r = sorted_copy(s->paths, s->path_count, &it->paths);
	if (r == 0 && by & RETENTION_BY_TAGS)
		r = sorted_copy(s->tags, s->tag_count, &it->tags);
	return r;
}

/*
 * Days since 1970 of the Monday before, by local date. Two dates are in the
 * same ISO week exactly if they share their Monday, so the number of the week
 * and the year it belongs to need not be known.
 */
static int64_t monday_of(const struct tm *local)
{
	struct tm day = { .tm_year = local->tm_year,
			  .tm_mon = local->tm_mon,
			  .tm_mday = local->tm_mday };

	return timegm(&day) / 86400 - (local->tm_wday + 6) % 7;
}

static struct bucket bucket_of(enum retention_unit unit, const struct item *it)
{
	struct bucket b = { 0 };
	struct tm tm;

	time_local(it->snap->time_ns, &tm);
	switch (unit) {
	case RETENTION_HOURLY:
		b.a = tm.tm_year * 366LL * 24 + tm.tm_yday * 24 + tm.tm_hour;
		b.b = tm.tm_gmtoff;
		break;
	case RETENTION_DAILY:
		b.a = tm.tm_year * 366LL + tm.tm_yday;
		break;
	case RETENTION_WEEKLY:
		b.a = monday_of(&tm);
		break;
	case RETENTION_MONTHLY:
		b.a = tm.tm_year * 12LL + tm.tm_mon;
		break;
	case RETENTION_YEARLY:
		b.a = tm.tm_year;
		break;
	case RETENTION_LAST:
	case RETENTION_UNITS:
		b.a = (int64_t)it->index;
		break;
	}
	return b;
}

/* The rules of p for a group whose newest snapshot is of that time. */
static size_t make_rules(const struct retention_policy *p, int64_t newest,
			 struct rule rules[static RULES_MAX])
{
	size_t n = 0;
	int u;

	for (u = 0; u < RETENTION_UNITS; u++) {
		if (p->keep[u] != 0)
			rules[n++] = (struct rule){
				.unit = (enum retention_unit)u,
				.reason = RETENTION_REASON_KEEP(u),
				.left = p->keep[u],
			};
	}
	for (u = 0; u < RETENTION_UNITS; u++) {
		if (!timespan_is_zero(&p->within[u]))
			rules[n++] = (struct rule){
				.unit = (enum retention_unit)u,
				.reason = RETENTION_REASON_WITHIN(u),
				.left = RETENTION_UNLIMITED,
				.bounded = true,
				.since = timespan_before(newest, &p->within[u]),
			};
	}
	return n;
}

/* Show the next older snapshot to a rule. Returns its reasons to keep it. */
static uint32_t judge(struct rule *r, const struct item *it, bool oldest)
{
	struct bucket b;
	bool fresh;

	if (r->left == 0)
		return 0;
	if (r->bounded && it->snap->time_ns <= r->since)
		return 0;
	b = bucket_of(r->unit, it);
	fresh = !r->used || b.a != r->last.a || b.b != r->last.b;
	if (!fresh)
		return oldest && !r->bounded ? RETENTION_REASON_OLDEST : 0;
	r->last = b;
	r->used = true;
	if (r->left > 0)
		r->left--;
	return r->reason;
}

static bool has_tag(const struct retention_snapshot *s, const char *tag)
{
	size_t i;

	if (*tag == '\0')
		return s->tag_count == 0;
	for (i = 0; i < s->tag_count; i++) {
		if (strcmp(s->tags[i], tag) == 0)
			return true;
	}
	return false;
}

static bool is_tagged(const struct retention_policy *p,
		      const struct retention_snapshot *s)
{
	size_t i, j;

	for (i = 0; i < p->tags_count; i++) {
		for (j = 0; j < p->tags[i].count; j++) {
			if (!has_tag(s, p->tags[i].tags[j]))
				break;
		}
		if (p->tags[i].count > 0 && j == p->tags[i].count)
			return true;
	}
	return false;
}

/* Judge the n snapshots of one group, newest first. */
static size_t judge_group(const struct retention_policy *p,
			  const struct item *items, size_t n, uint32_t group,
			  struct retention_verdict *verdicts)
{
	struct rule rules[RULES_MAX];
	size_t count, kept = 0, i, k;
	bool none = retention_is_empty(p);
	uint32_t reasons;

	count = make_rules(p, items[0].snap->time_ns, rules);
	for (i = 0; i < n; i++) {
		reasons = none ? RETENTION_REASON_NO_POLICY : 0;
		if (is_tagged(p, items[i].snap))
			reasons |= RETENTION_REASON_TAG;
		for (k = 0; k < count; k++)
			reasons |= judge(&rules[k], &items[i],
					 p->keep_oldest && i + 1 == n);
		verdicts[items[i].index] =
			(struct retention_verdict){ reasons, group };
		kept += reasons != 0;
	}
	return kept;
}

static struct retention_summary judge_all(const struct retention_policy *p,
					  const struct item *items, size_t n,
					  struct retention_verdict *verdicts)
{
	struct retention_summary sum = { 0 };
	size_t from, to, kept;

	for (from = 0; from < n; from = to) {
		for (to = from + 1; to < n; to++) {
			if (compare_groups(&items[from], &items[to]) != 0)
				break;
		}
		kept = judge_group(p, items + from, to - from,
				   (uint32_t)sum.groups, verdicts);
		sum.groups++;
		sum.kept += kept;
		sum.emptied += kept == 0;
	}
	sum.removed = n - sum.kept;
	return sum;
}

int retention_apply(const struct retention_policy *p, unsigned int by,
		    const struct retention_snapshot *snaps, size_t n,
		    struct retention_verdict *verdicts,
		    struct retention_summary *sum)
{
	struct item *items = calloc(n + 1, sizeof(*items));
	struct retention_summary found;
	size_t i;
	int r = 0;

	if (!items)
		return -ENOMEM;
	for (i = 0; r == 0 && i < n; i++)
		r = fill_item(&items[i], &snaps[i], i, by);
	if (r == 0) {
		qsort(items, n, sizeof(*items), compare_items);
		found = judge_all(p, items, n, verdicts);
		if (sum)
			*sum = found;
	}
	for (i = 0; i < n; i++) {
		free(items[i].paths);
		free(items[i].tags);
	}
	free(items);
	return r;
}

const char *retention_reason_name(unsigned int bit)
{
	static const char *const names[RETENTION_REASONS] = {
		"last",
		"hourly",
		"daily",
		"weekly",
		"monthly",
		"yearly",
		NULL,
		NULL,
		"within",
		"within hourly",
		"within daily",
		"within weekly",
		"within monthly",
		"within yearly",
		NULL,
		NULL,
		"oldest",
		"tag",
		"no policy",
	};

	return bit < RETENTION_REASONS ? names[bit] : NULL;
}

int retention_parse_group(const char *text, unsigned int *out)
{
	static const struct {
		const char *name;
		unsigned int by;
	} words[] = {
		{ "host", RETENTION_BY_HOST },	{ "paths", RETENTION_BY_PATHS },
		{ "path", RETENTION_BY_PATHS }, { "tags", RETENTION_BY_TAGS },
		{ "tag", RETENTION_BY_TAGS },
	};
	unsigned int by = 0;
	size_t n, i;

	while (*text) {
		n = strcspn(text, ",");
		for (i = 0; i < ARRAY_LEN(words); i++) {
			if (strlen(words[i].name) == n &&
			    memcmp(words[i].name, text, n) == 0)
				break;
		}
		if (i == ARRAY_LEN(words) || (text[n] && !text[n + 1]))
			return -EINVAL;
		by |= words[i].by;
		text += n + (text[n] == ',');
	}
	*out = by;
	return 0;
}

int retention_parse_keep(const char *text, int *out)
{
	int v = 0;

	if (strcmp(text, "unlimited") == 0 || strcmp(text, "-1") == 0) {
		*out = RETENTION_UNLIMITED;
		return 0;
	}
	if (*text == '\0')
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || v > 100000000)
			return -EINVAL;
		v = 10 * v + (*text - '0');
	}
	*out = v;
	return 0;
}
