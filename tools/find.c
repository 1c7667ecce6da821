/* SPDX-License-Identifier: Apache-2.0 */
/*
 * find.c - find files in snapshots.
 *
 * A pattern without a slash is for names. One with a slash is for whole
 * paths, a component each; ** is any number of them, and without a slash in
 * front it may begin at any directory. Only what matches is printed, not all
 * that is below it.
 */
#include <errno.h>

#include "archive/nameglob.h"
#include "base/log.h"
#include "tools/commands.h"
#include "tools/show.h"
#include "tools/treewalk.h"

struct part {
	bool any; /* ** */
	struct nameglob glob;
};

struct pattern {
	struct part *parts;
	size_t n;
};

struct finder {
	const struct cli *cli;
	struct opened o;
	struct pattern *patterns;
	size_t n_patterns;
	const char *type; /* or NULL */
	int64_t newer, older;
	bool with_meta;
	uint64_t found;
	/* of the snapshot at hand */
	const struct snapshot *snapshot;
	bool told; /* its heading is printed */
};

/* --- patterns --- */

static void pattern_release(struct pattern *p)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		if (!p->parts[i].any)
			nameglob_release(&p->parts[i].glob);
	free(p->parts);
}

static int pattern_add(struct pattern *p, const char *text, size_t len,
		       bool fold)
{
	struct part *part = &p->parts[p->n];
	int e = 0;

	part->any = len == 2 && !memcmp(text, "**", 2);
	if (!part->any)
		e = nameglob_init(&part->glob, text, len, fold);
	p->n += e == 0;
	return e;
}

static int pattern_init(struct pattern *p, const char *text, bool fold)
{
	const char *at = text;
	int e = 0;

	/* no more parts than bytes, and one in front */
	p->parts = calloc(strlen(text) + 2, sizeof(*p->parts));
	if (!p->parts)
		return -ENOMEM;
	if (*at != '/')
		e = pattern_add(p, "**", 2, fold);
	while (e == 0 && *at) {
		size_t len = strcspn(at, "/");

		if (len > 0)
			e = pattern_add(p, at, len, fold);
		at += len + (at[len] == '/');
	}
	if (e == -EINVAL)
		log_error("bad pattern '%s'", text);
	return e;
}

static int finder_patterns(struct finder *f)
{
	bool fold = cli_flag(f->cli, "iname");
	const char *const *args;
	size_t n;
	int e = 0;

	args = cli_args(f->cli, &n);
	f->patterns = calloc(n, sizeof(*f->patterns));
	if (!f->patterns)
		return -ENOMEM;
	while (e == 0 && f->n_patterns < n) {
		e = pattern_init(&f->patterns[f->n_patterns],
				 args[f->n_patterns], fold);
		f->n_patterns++;
	}
	return e;
}

static struct span next_name(struct span *path)
{
	const uint8_t *slash;
	struct span c;

	path->p++; /* the slash that every component has in front */
	path->len--;
	slash = memchr(path->p, '/', path->len);
	c = SPAN(path->p, slash ? (size_t)(slash - path->p) : path->len);
	path->p += c.len;
	path->len -= c.len;
	return c;
}

static bool part_matches(const struct part *part, struct span name)
{
	return nameglob_match(&part->glob, (const char *)name.p, name.len);
}

/* The part after the last ** that was met moves on by one component each
 * time that the rest does not fit: no more tries than parts times
 * components. */
static bool path_matches(const struct pattern *p, struct span path)
{
	struct span retry = { NULL, 0 }, rest;
	size_t j = 0, star = SIZE_MAX;

	while (path.len > 0) {
		rest = path;
		if (j < p->n && p->parts[j].any) {
			star = j++;
			retry = path;
			continue;
		}
		if (j < p->n && part_matches(&p->parts[j], next_name(&rest))) {
			j++;
			path = rest;
			continue;
		}
		if (star == SIZE_MAX)
			return false;
		j = star + 1;
		next_name(&retry);
		path = retry;
	}
	while (j < p->n && p->parts[j].any)
		j++;
	return j == p->n;
}

static bool matches(const struct finder *f, const struct node *n,
		    struct span path)
{
	size_t i;

	for (i = 0; i < f->n_patterns; i++) {
		const struct pattern *p = &f->patterns[i];
		const struct part *last = &p->parts[p->n - 1];

		if (p->n == 0 || (!last->any && !part_matches(last, n->name)))
			continue;
		if ((p->n == 2 && p->parts[0].any) || path_matches(p, path))
			return true;
	}
	return false;
}

static bool is_wanted(const struct finder *f, const struct node *n)
{
	int64_t t;

	if (f->type && strcmp(f->type, show_type(n)) != 0)
		return false;
	if (__builtin_mul_overflow(n->mtime.sec, NSEC_PER_SEC, &t))
		t = n->mtime.sec < 0 ? INT64_MIN : INT64_MAX;
	else
		t += n->mtime.nsec;
	return t >= f->newer && t < f->older;
}

/* --- snapshots --- */

static void tell(struct finder *f, const struct tree_part *part,
		 const struct node *n, struct span path)
{
	struct output_line line;
	char when[24], id[HEX_LEN(OBJECT_ID_LEN)];

	f->found++;
	hex_encode(id, f->snapshot->id, OBJECT_ID_LEN);
	if (output_is_json()) {
		output_begin(&line, "match");
		json_str(&line.json, "snapshot", id);
		show_node_json(&line.json, part, n, path);
		output_end(&line);
		return;
	}
	if (!f->told)
		output_text("%ssnapshot %.8s of %s\n", f->found > 1 ? "\n" : "",
			    id,
			    output_time(when, (int64_t)f->snapshot->time_ns));
	f->told = true;
	show_node(part, n, path, f->with_meta);
}

static int search(struct finder *f, const struct snapshot *s)
{
	CLEANUP_TREEWALK struct treewalk w = { 0 };
	struct node n;
	int e = treewalk_open(&w, f->o.reader, s->tree, SPAN("", 0));

	f->snapshot = s;
	f->told = false;
	while (e == 0 && (e = treewalk_next(&w, &n)) == 1) {
		if (is_wanted(f, &n) && matches(f, &n, SPAN_OF(&w.path)))
			tell(f, treewalk_part(&w), &n, SPAN_OF(&w.path));
		e = cli_interrupted() ? -EINTR : 0;
	}
	return e == 0 && w.damaged ? -EUCLEAN : e;
}

static int search_all(struct finder *f, const struct snapref_filter *filter)
{
	struct snapshot *list;
	size_t n, i;
	int e = snapref_list(f->o.repo, filter, &list, &n), r;

	if (e < 0)
		return e;
	for (i = 0; i < n && e != -EINTR; i++) {
		r = search(f, &list[i]);
		e = r < 0 ? r : e;
	}
	snapref_list_free(list, n);
	return e;
}

static int search_named(struct finder *f, const struct snapref_filter *filter)
{
	struct cli_strings refs = cli_list(f->cli, "snapshot");
	size_t i;
	int e = 0;

	for (i = 0; e == 0 && i < refs.n; i++) {
		struct snapshot s;

		e = snapref_resolve(f->o.repo, refs.v[i], filter, &s);
		if (e < 0)
			break;
		e = search(f, &s);
		snapshot_release(&s);
	}
	return e;
}

int cmd_find(struct cli *cli)
{
	struct finder f = {
		.cli = cli,
		.o = OPENED_INIT,
		.type = cli_str(cli, "type"),
		.newer = INT64_MIN,
		.older = INT64_MAX,
		.with_meta = cli_flag(cli, "long"),
	};
	struct snapref_filter filter = show_filter(cli);
	int e = finder_patterns(&f), code = cli_exit_of(e);
	size_t i;

	cli_time(cli, "newer", &f.newer);
	cli_time(cli, "older", &f.older);
	if (e == 0)
		code = opened_repo(cli, &f.o);
	if (e == 0 && code == CLI_OK) {
		e = cli_given(cli, "snapshot") ? search_named(&f, &filter)
					       : search_all(&f, &filter);
		code = cli_exit_of(e);
	}
	for (i = 0; i < f.n_patterns; i++)
		pattern_release(&f.patterns[i]);
	free(f.patterns);
	opened_close(&f.o);
	return code;
}
