/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ls.c - list what a snapshot holds.
 */
#include <errno.h>

#include "base/log.h"
#include "tools/commands.h"
#include "tools/show.h"
#include "tools/treewalk.h"

static void put(const struct tree_part *part, const struct node *n,
		struct span path, bool with_meta)
{
	struct output_line line;

	if (!output_is_json()) {
		show_node(part, n, path, with_meta);
		return;
	}
	output_begin(&line, "node");
	show_node_json(&line.json, part, n, path);
	output_end(&line);
}

static int list_dir(struct opened *o, const uint8_t *tree, struct span path,
		    bool with_meta, bool recursive)
{
	CLEANUP_TREEWALK struct treewalk w = { 0 };
	struct node n;
	int e = treewalk_open(&w, o->reader, tree, path);

	while (e == 0 && (e = treewalk_next(&w, &n)) == 1) {
		put(treewalk_part(&w), &n, SPAN_OF(&w.path), with_meta);
		if (!recursive)
			treewalk_skip(&w);
		e = cli_interrupted() ? -EINTR : 0;
	}
	return e == 0 && w.damaged ? -EUCLEAN : e;
}

static int list_path(struct opened *o, struct show_place *p, const char *path,
		     const struct cli *cli)
{
	bool with_meta = cli_flag(cli, "long");
	const uint8_t *tree;
	int e = show_place_find(o->reader, p, SPAN(path, strlen(path)));

	if (e < 0)
		return e;
	tree = show_place_tree(p);
	if (!tree) {
		put(&p->dir.part, &p->node, SPAN_OF(&p->path), with_meta);
		return 0;
	}
	return list_dir(o, tree, SPAN_OF(&p->path), with_meta,
			cli_flag(cli, "recursive"));
}

int cmd_ls(struct cli *cli)
{
	CLEANUP_OPENED struct opened o = OPENED_INIT;
	CLEANUP_SHOW_PLACE struct show_place p = SHOW_PLACE_INIT;
	CLEANUP_FREE char *name = NULL;
	struct output_line line;
	const char *const *args, *below;
	size_t n, i;
	int code = opened_repo(cli, &o), e, r;

	if (code != CLI_OK)
		return code;
	args = cli_args(cli, &n);
	e = snapref_split(args[0], &name, &below);
	if (e == 0)
		e = snapref_resolve(o.repo, name, NULL, &p.snapshot);
	if (e < 0)
		return cli_exit_of(e);
	if (output_is_json()) {
		output_begin(&line, "snapshot");
		show_snapshot_json(&line.json, &p.snapshot);
		output_end(&line);
	}
	if (n == 1 || *below)
		e = list_path(&o, &p, below, cli);
	for (i = 1; i < n; i++) {
		r = list_path(&o, &p, args[i], cli);
		e = e ? e : r;
	}
	return cli_exit_of(e);
}
