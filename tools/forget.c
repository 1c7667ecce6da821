/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forget.c - the verb forget.
 *
 * A snapshot is forgotten when a head that does not name it is stored. Its
 * object is doomed by the same head and removed after it, by this run or by
 * the next prune.
 */
#include <errno.h>
#include <limits.h>

#include "base/log.h"
#include "base/utf8.h"
#include "repo/retention.h"
#include "tools/commands.h"
#include "tools/prune.h"
#include "tools/show.h"

#define COMMIT_TRIES 10
#define GAP 2

struct forget {
	const struct cli *cli;
	struct opened o;
	struct retention_policy policy;
	unsigned int group_by;
	/* keep-tag, taken apart */
	struct retention_tags *tag_sets;
	size_t n_tag_sets;
	char *tag_text;
	/* the decision */
	struct snapshot *list;
	size_t count;
	struct retention_verdict *verdicts;
	size_t groups;
	struct idlist gone;
};

/* --- the policy --- */

static int count_keep(const struct cli *cli, const char *name)
{
	uint64_t n = cli_u64(cli, name, 0);

	if (n == UINT64_MAX)
		return RETENTION_UNLIMITED;
	return n > INT_MAX ? INT_MAX : (int)n;
}

/* "a,b" to its tags, which stay in text. */
static int split_tags(char *text, struct retention_tags *set)
{
	const char **tags;
	size_t n = 1;
	char *at;

	for (at = text; *at; at++)
		n += *at == ',';
	tags = calloc(n, sizeof(*tags));
	if (!tags)
		return -ENOMEM;
	set->tags = tags;
	set->count = n;
	for (n = 0, at = text; n < set->count; n++) {
		tags[n] = at;
		at += strcspn(at, ",");
		if (*at)
			*at++ = '\0';
	}
	return 0;
}

static int read_tags(struct forget *f)
{
	struct cli_strings given = cli_list(f->cli, "keep-tag");
	size_t i, len = 1;
	char *at;
	int e = 0;

	for (i = 0; i < given.n; i++)
		len += strlen(given.v[i]) + 1;
	f->tag_text = calloc(1, len);
	f->tag_sets = calloc(given.n + 1, sizeof(*f->tag_sets));
	if (!f->tag_text || !f->tag_sets)
		return -ENOMEM;
	at = f->tag_text;
	for (i = 0; e == 0 && i < given.n; i++) {
		len = strlen(given.v[i]) + 1;
		memcpy(at, given.v[i], len);
		e = split_tags(at, &f->tag_sets[f->n_tag_sets++]);
		at += len;
	}
	f->policy.tags = f->tag_sets;
	f->policy.tags_count = f->n_tag_sets;
	return e;
}

static int read_policy(struct forget *f)
{
	static const char *const names[RETENTION_UNITS] = {
		"keep-last",   "keep-hourly",  "keep-daily",
		"keep-weekly", "keep-monthly", "keep-yearly",
	};
	const char *by = cli_str(f->cli, "group-by");
	int u;

	for (u = 0; u < RETENTION_UNITS; u++)
		f->policy.keep[u] = count_keep(f->cli, names[u]);
	(void)cli_duration(f->cli, "keep-within",
			   &f->policy.within[RETENTION_LAST]);
	f->group_by = RETENTION_BY_HOST | RETENTION_BY_PATHS;
	if (by && retention_parse_group(by, &f->group_by) < 0) {
		log_error("--group-by %s: give a list of host, paths and tags",
			  by);
		return -EINVAL;
	}
	return read_tags(f);
}

/* --- the decision --- */

static int by_group_and_time(const void *a, const void *b, void *arg)
{
	const struct forget *f = arg;
	size_t x = *(const size_t *)a, y = *(const size_t *)b;

	if (f->verdicts[x].group != f->verdicts[y].group)
		return f->verdicts[x].group < f->verdicts[y].group ? -1 : 1;
	return (x > y) - (x < y); /* the list is in order of time */
}

static int apply_policy(struct forget *f)
{
	CLEANUP_FREE struct retention_snapshot *snaps =
		calloc(f->count + 1, sizeof(*snaps));
	bool all = cli_flag(f->cli, "unsafe-allow-remove-all");
	struct retention_summary sum = { 0 };
	size_t i;
	int e;

	if (!snaps)
		return -ENOMEM;
	for (i = 0; i < f->count; i++)
		snaps[i] = (struct retention_snapshot){
			.time_ns = (int64_t)f->list[i].time_ns,
			.host = f->list[i].host,
			.paths = (const char *const *)f->list[i].paths,
			.path_count = f->list[i].n_paths,
			.tags = (const char *const *)f->list[i].tags,
			.tag_count = f->list[i].n_tags,
		};
	e = retention_apply(&f->policy, f->group_by, snaps, f->count,
			    f->verdicts, &sum);
	if (e < 0)
		return e;
	f->groups = sum.groups;
	if (retention_is_empty(&f->policy) && all)
		for (i = 0; i < f->count; i++)
			f->verdicts[i].reasons = 0;
	if (sum.emptied > 0 && !all) {
		log_error("this would remove all snapshots of %zu group%s: "
			  "say --unsafe-allow-remove-all if that is meant",
			  sum.emptied, sum.emptied == 1 ? "" : "s");
		return -EINVAL;
	}
	return 0;
}

static int by_name(struct forget *f, const char *const *args, size_t n)
{
	struct snapref_filter filter = show_filter(f->cli);
	int e = 0;

	f->list = calloc(n + 1, sizeof(*f->list));
	if (!f->list)
		return -ENOMEM;
	for (; e == 0 && n > 0; n--, args++) {
		struct snapshot s;

		e = snapref_resolve(f->o.repo, *args, &filter, &s);
		if (e < 0)
			break;
		if (idlist_has(&f->gone, s.id)) {
			snapshot_release(&s);
			continue;
		}
		f->list[f->count++] = s;
		e = idlist_add(&f->gone, s.id);
	}
	f->verdicts = calloc(f->count + 1, sizeof(*f->verdicts));
	f->groups = 1;
	return e < 0 ? e : f->verdicts ? 0 : -ENOMEM;
}

static int by_policy(struct forget *f)
{
	struct snapref_filter filter = show_filter(f->cli);
	int e = snapref_list(f->o.repo, &filter, &f->list, &f->count);
	size_t i;

	if (e < 0)
		return e;
	f->verdicts = calloc(f->count + 1, sizeof(*f->verdicts));
	e = f->verdicts ? apply_policy(f) : -ENOMEM;
	for (i = 0; e == 0 && i < f->count; i++)
		if (f->verdicts[i].reasons == 0)
			e = idlist_add(&f->gone, f->list[i].id);
	return e;
}

static void drop_decision(struct forget *f)
{
	if (f->list)
		snapref_list_free(f->list, f->count);
	free(f->verdicts);
	idlist_release(&f->gone);
	f->list = NULL;
	f->verdicts = NULL;
	f->count = 0;
}

/* --- showing it --- */

enum column { ID, TIME, HOST, TAGS, REASONS, PATHS, COLUMNS };

static void join(struct buf *b, char *const *words, uint32_t n)
{
	uint32_t i;
	int e = 0;

	b->len = 0;
	for (i = 0; e == 0 && i < n; i++) {
		if (i > 0)
			e = buf_append(b, ", ", 2);
		if (e == 0)
			e = buf_append(b, words[i], strlen(words[i]));
	}
}

static void join_reasons(struct buf *b, uint32_t reasons)
{
	unsigned int bit;
	int e = 0;

	b->len = 0;
	for (bit = 0; e == 0 && bit < RETENTION_REASONS; bit++) {
		const char *name = retention_reason_name(bit);

		if (!(reasons >> bit & 1) || !name)
			continue;
		if (b->len > 0)
			e = buf_append(b, ", ", 2);
		if (e == 0)
			e = buf_append(b, name, strlen(name));
	}
}

/* The cells of one snapshot; text[c] is freed by the caller. */
static void make_cells(const struct forget *f, size_t i, char *text[COLUMNS])
{
	CLEANUP_BUF struct buf b = BUF_INIT(SIZE_MAX);
	const struct snapshot *s = &f->list[i];
	char id[HEX_LEN(OBJECT_ID_LEN)], when[24];

	hex_encode(id, s->id, OBJECT_ID_LEN);
	id[SHORT_ID_LEN] = '\0';
	text[ID] = strdup(id);
	text[TIME] = strdup(output_time(when, (int64_t)s->time_ns));
	text[HOST] = output_name(SPAN(s->host, strlen(s->host)));
	join(&b, s->tags, s->n_tags);
	text[TAGS] = output_name(SPAN_OF(&b));
	join_reasons(&b, f->verdicts[i].reasons);
	text[REASONS] = output_name(SPAN_OF(&b));
	join(&b, s->paths, s->n_paths);
	text[PATHS] = output_name(SPAN_OF(&b));
}

static size_t width_of(const char *s)
{
	return s ? utf8_count(s, strlen(s)) : 0;
}

static void put_row(const size_t width[COLUMNS], const char *const *text,
		    bool reasons)
{
	int c;

	for (c = 0; c < COLUMNS; c++) {
		if (c == REASONS && !reasons)
			continue;
		output_note("%s", text[c] ? text[c] : "");
		if (c + 1 < COLUMNS)
			output_note("%*s",
				    (int)(width[c] - width_of(text[c]) + GAP),
				    "");
	}
	output_note("\n");
}

/* Those of order[0..n) that are kept, or those that go. */
static void put_half(const struct forget *f, const size_t *order, size_t n,
		     bool kept)
{
	static const char *const titles[COLUMNS] = {
		"ID", "Time", "Host", "Tags", "Reasons", "Paths"
	};
	CLEANUP_FREE char *(*rows)[COLUMNS] = calloc(n + 1, sizeof(*rows));
	size_t width[COLUMNS], i, count = 0;
	int c;

	for (c = 0; c < COLUMNS; c++)
		width[c] = strlen(titles[c]);
	for (i = 0; rows && i < n; i++) {
		if ((f->verdicts[order[i]].reasons != 0) != kept)
			continue;
		make_cells(f, order[i], rows[count]);
		for (c = 0; c < COLUMNS; c++)
			width[c] = MAX(width[c], width_of(rows[count][c]));
		count++;
	}
	if (count == 0)
		return;
	output_note("%s %zu snapshot%s:\n", kept ? "keep" : "remove", count,
		    count == 1 ? "" : "s");
	put_row(width, titles, kept);
	for (i = 0; i < count; i++) {
		put_row(width, (const char *const *)rows[i], kept);
		for (c = 0; c < COLUMNS; c++)
			free(rows[i][c]);
	}
	output_note("\n");
}

static void put_group_text(const struct forget *f, const size_t *order,
			   size_t n)
{
	CLEANUP_BUF struct buf paths = BUF_INIT(SIZE_MAX);
	CLEANUP_FREE char *shown = NULL;
	const struct snapshot *s = &f->list[order[0]];

	join(&paths, s->paths, s->n_paths);
	shown = output_name(SPAN_OF(&paths));
	if (f->groups > 1)
		output_note(
			"snapshots of%s%s%s%s%s:\n",
			f->group_by & RETENTION_BY_HOST ? " host " : "",
			f->group_by & RETENTION_BY_HOST ? s->host : "",
			f->group_by & RETENTION_BY_PATHS ? " paths " : "",
			f->group_by & RETENTION_BY_PATHS && shown ? shown : "",
			f->group_by & RETENTION_BY_TAGS ? " with tags" : "");
	put_half(f, order, n, true);
	put_half(f, order, n, false);
}

static void put_snapshot_json(const struct forget *f, size_t i)
{
	struct output_line line;
	unsigned int bit;

	output_begin(&line, "forget_snapshot");
	json_str(&line.json, "action",
		 f->verdicts[i].reasons ? "keep" : "remove");
	json_u64(&line.json, "group", f->verdicts[i].group);
	json_array(&line.json, "reasons");
	for (bit = 0; bit < RETENTION_REASONS; bit++)
		if (f->verdicts[i].reasons >> bit & 1)
			json_str(&line.json, NULL, retention_reason_name(bit));
	json_close(&line.json);
	json_object(&line.json, "snapshot");
	show_snapshot_json(&line.json, &f->list[i]);
	json_close(&line.json);
	output_end(&line);
}

static int show_decision(struct forget *f)
{
	CLEANUP_FREE size_t *order = calloc(f->count + 1, sizeof(*order));
	size_t i, n;

	if (!order)
		return -ENOMEM;
	for (i = 0; i < f->count; i++)
		order[i] = i;
	qsort_r(order, f->count, sizeof(*order), by_group_and_time, f);
	for (i = 0; i < f->count; i += n) {
		uint32_t group = f->verdicts[order[i]].group;

		for (n = 0; i + n < f->count &&
			    f->verdicts[order[i + n]].group == group;
		     n++)
			if (output_is_json())
				put_snapshot_json(f, order[i + n]);
		if (!output_is_json())
			put_group_text(f, order + i, n);
	}
	return 0;
}

static void report(const struct forget *f)
{
	bool dry = cli_flag(f->cli, "dry-run");
	struct output_line line;

	if (!output_is_json()) {
		output_note("%s %u snapshot%s, %u left%s\n",
			    dry ? "would remove" : "removed", f->gone.count,
			    f->gone.count == 1 ? "" : "s",
			    repo_head(f->o.repo)->snapshots.count -
				    (dry ? f->gone.count : 0),
			    f->gone.count && !cli_flag(f->cli, "prune")
				    ? "; prune frees their space"
				    : "");
		return;
	}
	output_begin(&line, "forget_summary");
	json_bool(&line.json, "dry_run", dry);
	json_u64(&line.json, "groups", f->groups);
	json_u64(&line.json, "kept", f->count - f->gone.count);
	json_u64(&line.json, "removed", f->gone.count);
	json_u64(&line.json, "snapshots",
		 repo_head(f->o.repo)->snapshots.count);
	output_end(&line);
}

/* --- doing it --- */

static int commit(struct forget *f)
{
	struct head next;
	uint32_t i;
	int e = head_copy(&next, repo_head(f->o.repo));

	if (e < 0)
		return e;
	for (i = 0; e == 0 && i < f->gone.count; i++) {
		idlist_remove(&next.snapshots, f->gone.ids[i]);
		e = idlist_add(&next.doomed, f->gone.ids[i]);
	}
	if (e == 0)
		e = repo_commit(f->o.repo, &next);
	head_release(&next);
	return e;
}

static int delete_objects(struct forget *f)
{
	char name[HEX_LEN(OBJECT_ID_LEN)];
	uint32_t i;
	int e = 0, r;

	for (i = 0; i < f->gone.count; i++) {
		r = store_delete(f->o.store, STORE_SNAPSHOT,
				 hex_encode(name, f->gone.ids[i],
					    OBJECT_ID_LEN));
		if (r < 0 && r != -ENOENT && e == 0)
			e = r;
	}
	return e;
}

static int decide(struct forget *f)
{
	const char *const *args;
	size_t n;

	drop_decision(f);
	args = cli_args(f->cli, &n);
	return n ? by_name(f, args, n) : by_policy(f);
}

/* A backup that commits between decision and commit may change which are the
 * last seven days. */
static int forget(struct forget *f)
{
	bool dry = cli_flag(f->cli, "dry-run");
	int e, tries;

	for (tries = 0; tries < COMMIT_TRIES; tries++) {
		e = decide(f);
		if (e == 0 && !dry && f->gone.count > 0)
			e = commit(f);
		if (e != -EEXIST)
			break;
		e = repo_refresh(f->o.repo);
		if (e < 0)
			return e;
		e = -EBUSY;
	}
	if (e == -EBUSY)
		return log_fail(e, "forget: others keep changing the "
				   "repository");
	if (e == 0)
		e = show_decision(f);
	if (e == 0 && !dry)
		e = delete_objects(f);
	if (e == 0)
		report(f);
	return e;
}

static void release(struct forget *f)
{
	size_t i;

	drop_decision(f);
	for (i = 0; i < f->n_tag_sets; i++)
		free((void *)(uintptr_t)f->tag_sets[i].tags);
	free(f->tag_sets);
	free(f->tag_text);
	opened_close(&f->o);
}

int cmd_forget(struct cli *cli)
{
	struct forget f = { .cli = cli, .o = OPENED_INIT };
	int code = cli_exit_of(read_policy(&f));

	if (code == CLI_OK)
		code = opened_repo(cli, &f.o);
	if (code == CLI_OK)
		code = cli_exit_of(forget(&f));
	if (code == CLI_OK && cli_flag(cli, "prune"))
		code = prune_run(cli, &f.o,
				 cli_flag(cli, "dry-run") ? &f.gone : NULL);
	release(&f);
	return code;
}
