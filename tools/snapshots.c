/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshots.c - list the snapshots.
 */
#include <errno.h>

#include "base/log.h"
#include "base/utf8.h"
#include "tools/commands.h"
#include "tools/show.h"

#define GAP 2

/* --- which --- */

static int by_refs(struct opened *o, const struct snapref_filter *f,
		   const char *const *args, size_t n, struct snapshot **list,
		   size_t *count)
{
	int e = 0;

	*count = 0;
	*list = calloc(n, sizeof(**list));
	if (!*list)
		return -ENOMEM;
	while (e == 0 && *count < n) {
		e = snapref_resolve(o->repo, args[*count], f, &(*list)[*count]);
		*count += e == 0;
	}
	if (e < 0)
		snapref_list_free(*list, *count);
	return e;
}

static bool is_same_set(const struct snapshot *a, const struct snapshot *b)
{
	uint32_t i;

	if (strcmp(a->host, b->host) != 0 || a->n_paths != b->n_paths)
		return false;
	for (i = 0; i < a->n_paths; i++)
		if (strcmp(a->paths[i], b->paths[i]) != 0)
			return false;
	return true;
}

/* Keep the last `keep` of each host and paths, in the same order. */
static void only_latest(struct snapshot *list, size_t *count, uint64_t keep)
{
	size_t i, k, kept = 0;

	for (i = 0; i < *count; i++) {
		uint64_t newer = 0;

		for (k = i + 1; k < *count && newer < keep; k++)
			newer += is_same_set(&list[i], &list[k]);
		if (newer >= keep)
			snapshot_release(&list[i]);
		else
			list[kept++] = list[i];
	}
	*count = kept;
}

/* --- the table --- */

enum column { ID, TIME, HOST, TAGS, PATHS, SIZE, COLUMNS };

struct table_text {
	size_t width[COLUMNS];
	size_t pad; /* blanks before the next cell that holds something */
};

static const char *const titles[COLUMNS] = { "ID",   "Time",  "Host",
					     "Tags", "Paths", "Size" };

static size_t width_of(const char *s)
{
	return utf8_count(s, strlen(s));
}

static void widen(struct table_text *t, enum column c, const char *s)
{
	CLEANUP_FREE char *text = output_name(SPAN(s, strlen(s)));

	if (text)
		t->width[c] = MAX(t->width[c], width_of(text));
}

static void measure(struct table_text *t, const struct snapshot *list,
		    size_t count)
{
	size_t i;
	uint32_t k;
	int c;

	for (c = 0; c < COLUMNS; c++)
		t->width[c] = strlen(titles[c]);
	t->width[ID] = SHORT_ID_LEN;
	t->width[TIME] = strlen("2026-01-31 15:04:05");
	t->width[SIZE] = strlen("1023.9 MiB");
	for (i = 0; i < count; i++) {
		widen(t, HOST, list[i].host);
		for (k = 0; k < list[i].n_tags; k++)
			widen(t, TAGS, list[i].tags[k]);
		for (k = 0; k < list[i].n_paths; k++)
			widen(t, PATHS, list[i].paths[k]);
	}
}

/* A cell; behind the last one the line ends, without blanks. */
static void cell(struct table_text *t, enum column c, const char *s)
{
	CLEANUP_FREE char *text = output_name(SPAN(s, strlen(s)));
	size_t width = text ? width_of(text) : 0;
	size_t rest = t->width[c] - MIN(width, t->width[c]);

	if (c == SIZE) /* numbers stand to the right */
		t->pad += rest;
	if (width > 0) {
		output_text("%*s%s", (int)t->pad, "", text);
		t->pad = 0;
	}
	t->pad += rest + GAP;
	if (c == SIZE) {
		output_text("\n");
		t->pad = 0;
	}
}

static void rule(const struct table_text *t)
{
	size_t n = GAP * (COLUMNS - 1);
	int c;

	for (c = 0; c < COLUMNS; c++)
		n += t->width[c];
	while (n-- > 0)
		output_text("-");
	output_text("\n");
}

/* A row for the snapshot, and more where it has several tags or paths. */
static void put_rows(struct table_text *t, const struct snapshot *s)
{
	char id[HEX_LEN(OBJECT_ID_LEN)], when[24], size[16];
	uint32_t i, rows = MAX(s->n_paths, s->n_tags);

	hex_encode(id, s->id, OBJECT_ID_LEN);
	id[SHORT_ID_LEN] = '\0';
	output_time(when, (int64_t)s->time_ns);
	output_size(size, s->stats.bytes);
	for (i = 0; i == 0 || i < rows; i++) {
		cell(t, ID, i ? "" : id);
		cell(t, TIME, i ? "" : when);
		cell(t, HOST, i ? "" : s->host);
		cell(t, TAGS, i < s->n_tags ? s->tags[i] : "");
		cell(t, PATHS, i < s->n_paths ? s->paths[i] : "");
		cell(t, SIZE, i ? "" : size);
	}
}

static void put_table(const struct snapshot *list, size_t count)
{
	struct table_text t = { .pad = 0 };
	size_t i;
	int c;

	measure(&t, list, count);
	for (c = 0; count > 0 && c < COLUMNS; c++)
		cell(&t, (enum column)c, titles[c]);
	if (count > 0)
		rule(&t);
	for (i = 0; i < count; i++)
		put_rows(&t, &list[i]);
	if (count > 0)
		rule(&t);
	output_text("%zu snapshot%s\n", count, count == 1 ? "" : "s");
	for (i = 0; i < count; i++)
		if (list[i].partial)
			output_note("%02x%02x%02x%02x is incomplete: some "
				    "sources could not be read\n",
				    list[i].id[0], list[i].id[1], list[i].id[2],
				    list[i].id[3]);
}

static void put_json(const struct snapshot *list, size_t count)
{
	struct output_line line;
	size_t i;

	for (i = 0; i < count; i++) {
		output_begin(&line, "snapshot");
		show_snapshot_json(&line.json, &list[i]);
		output_end(&line);
	}
}

int cmd_snapshots(struct cli *cli)
{
	CLEANUP_OPENED struct opened o = OPENED_INIT;
	struct snapref_filter f = show_filter(cli);
	uint64_t keep = cli_u64(cli, "latest", 0);
	struct snapshot *list = NULL;
	const char *const *args;
	size_t n, count = 0;
	int code = opened_repo(cli, &o), e;

	if (code != CLI_OK)
		return code;
	args = cli_args(cli, &n);
	e = n ? by_refs(&o, &f, args, n, &list, &count)
	      : snapref_list(o.repo, &f, &list, &count);
	if (e < 0)
		return cli_exit_of(e);
	if (keep)
		only_latest(list, &count, keep);
	if (output_is_json())
		put_json(list, count);
	else
		put_table(list, count);
	snapref_list_free(list, count);
	return CLI_OK;
}
