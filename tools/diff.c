/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diff.c - what differs between two snapshots.
 *
 * Both trees are walked in step, and directories with the same id are not
 * opened: the work follows the difference, not the size.
 */
#include <errno.h>

#include "base/log.h"
#include "tools/commands.h"
#include "tools/show.h"
#include "tools/treewalk.h"

/* One directory of one snapshot. */
struct side {
	bool open;
	bool has; /* node is the entry at hand */
	struct tree_dir dir;
	struct node node;
};

struct level {
	struct side side[2];
	size_t len; /* of the path of the directory */
};

struct tally {
	uint64_t files, dirs, others, bytes;
};

struct differ {
	struct opened o;
	bool metadata;
	struct level *levels;
	size_t depth, cap;
	struct buf path;
	struct tally removed, added;
	uint64_t changed, metadata_only;
	unsigned int damaged;
};

static void complain(struct differ *d, int e)
{
	char name[512];

	d->damaged++;
	log_fail(e, "list %s",
		 log_printable(name, sizeof(name), d->path.p, d->path.len));
}

/* --- the stack --- */

static int level_push(struct differ *d, const uint8_t *a, const uint8_t *b)
{
	const uint8_t *tree[2] = { a, b };
	struct level *l;
	int i, e;

	if (d->depth == d->cap) {
		size_t cap = d->cap ? 2 * d->cap : 16;
		void *p = realloc(d->levels, cap * sizeof(*d->levels));

		if (!p)
			return -ENOMEM;
		d->levels = p;
		d->cap = cap;
	}
	l = &d->levels[d->depth++];
	memset(l, 0, sizeof(*l));
	l->len = d->path.len;
	for (i = 0; i < 2; i++) {
		struct side *s = &l->side[i];

		if (!tree[i])
			continue;
		e = tree_dir_open(d->o.reader, tree[i], &s->dir);
		if (e == -ENOMEM)
			return e;
		if (e < 0)
			complain(d, e);
		s->open = e == 0;
	}
	return 0;
}

static void level_pop(struct differ *d)
{
	struct level *l = &d->levels[--d->depth];

	tree_dir_close(&l->side[0].dir);
	tree_dir_close(&l->side[1].dir);
}

/* Have the next entry at hand, if there is one. */
static int side_fill(struct differ *d, struct level *l, struct side *s)
{
	int e;

	if (s->has || !s->open)
		return 0;
	e = tree_dir_next(&s->dir, &s->node, NULL);
	s->has = e == 1;
	if (e == 1)
		return 0;
	s->open = false;
	d->path.len = l->len;
	if (e < 0 && e != -ENOMEM)
		complain(d, e);
	return e == -ENOMEM ? e : 0;
}

/* --- telling --- */

static void count(struct tally *t, const struct node *n)
{
	if (n->type == NODE_FILE) {
		t->files++;
		t->bytes += n->size;
	} else if (n->type == NODE_DIR) {
		t->dirs++;
	} else {
		t->others++;
	}
}

static void tell(const struct differ *d, char what, bool is_dir)
{
	CLEANUP_FREE char *name = NULL;
	const char modifier[2] = { what, '\0' };
	struct output_line line;

	if (output_is_json()) {
		output_begin(&line, "change");
		json_str(&line.json, "modifier", modifier);
		json_name(&line.json, "path", SPAN_OF(&d->path));
		json_bool(&line.json, "is_dir", is_dir);
		output_end(&line);
		return;
	}
	name = output_name(SPAN_OF(&d->path));
	output_text("%c    %s%s\n", what, name ? name : "?", is_dir ? "/" : "");
}

static bool span_is(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || !memcmp(a.p, b.p, a.len));
}

static bool content_differs(const struct node *a, const struct node *b)
{
	switch (a->type) {
	case NODE_FILE:
		return a->size != b->size || !span_is(a->content, b->content);
	case NODE_SYMLINK:
		return !span_is(a->target, b->target);
	case NODE_CHAR:
	case NODE_BLOCK:
		return a->major != b->major || a->minor != b->minor;
	default:
		return false;
	}
}

/* What a restore would set; not ctime and inode number, which it cannot. */
static bool metadata_differs(const struct node *a, const struct node *b)
{
	return a->mode != b->mode || a->uid != b->uid || a->gid != b->gid ||
	       a->mtime.sec != b->mtime.sec || a->mtime.nsec != b->mtime.nsec ||
	       a->iflags != b->iflags || !span_is(a->xattrs, b->xattrs);
}

/* --- the walk --- */

static int one_sided(struct differ *d, struct side *s, bool added)
{
	const struct node *n = &s->node;
	bool is_dir = n->type == NODE_DIR;
	uint8_t tree[CHUNK_ID_LEN];

	tell(d, added ? '+' : '-', is_dir);
	count(added ? &d->added : &d->removed, n);
	s->has = false;
	if (!is_dir)
		return 0;
	memcpy(tree, n->tree, CHUNK_ID_LEN);
	return level_push(d, added ? NULL : tree, added ? tree : NULL);
}

static void tell_change(struct differ *d, const struct node *a,
			const struct node *b)
{
	bool is_dir = b->type == NODE_DIR;

	if (a->type != b->type) {
		tell(d, 'T', is_dir);
		count(&d->removed, a);
		count(&d->added, b);
	} else if (content_differs(a, b)) {
		tell(d, 'M', false);
		if (a->type == NODE_FILE) {
			d->changed++;
			d->removed.bytes += a->size;
			d->added.bytes += b->size;
		}
	} else if (metadata_differs(a, b)) {
		d->metadata_only++;
		if (d->metadata)
			tell(d, 'U', is_dir);
	}
}

static int both_sided(struct differ *d, struct level *l)
{
	struct side *a = &l->side[0], *b = &l->side[1];
	bool enter_a = a->node.type == NODE_DIR;
	bool enter_b = b->node.type == NODE_DIR;
	uint8_t tree[2][CHUNK_ID_LEN];

	tell_change(d, &a->node, &b->node);
	a->has = b->has = false;
	memcpy(tree[0], a->node.tree, CHUNK_ID_LEN);
	memcpy(tree[1], b->node.tree, CHUNK_ID_LEN);
	if (enter_a && enter_b && !memcmp(tree[0], tree[1], CHUNK_ID_LEN))
		return 0;
	if (!enter_a && !enter_b)
		return 0;
	return level_push(d, enter_a ? tree[0] : NULL,
			  enter_b ? tree[1] : NULL);
}

static int name_order(struct span a, struct span b)
{
	int c = memcmp(a.p, b.p, MIN(a.len, b.len));

	return c ? c : (a.len > b.len) - (a.len < b.len);
}

static int step(struct differ *d)
{
	struct level *l = &d->levels[d->depth - 1];
	struct side *a = &l->side[0], *b = &l->side[1];
	int e = side_fill(d, l, a), order = 0;

	if (e == 0)
		e = side_fill(d, l, b);
	if (e < 0)
		return e;
	if (!a->has && !b->has) {
		level_pop(d);
		return 0;
	}
	if (a->has && b->has)
		order = name_order(a->node.name, b->node.name);
	else
		order = a->has ? -1 : 1;
	e = treewalk_join(&d->path, l->len,
			  order > 0 ? b->node.name : a->node.name);
	if (e < 0)
		return e;
	if (order == 0)
		return both_sided(d, l);
	return one_sided(d, order < 0 ? a : b, order > 0);
}

static int walk(struct differ *d, const uint8_t *a, const uint8_t *b)
{
	int e = 0;

	if (memcmp(a, b, CHUNK_ID_LEN) != 0)
		e = level_push(d, a, b);
	while (e == 0 && d->depth > 0)
		e = cli_interrupted() ? -EINTR : step(d);
	while (d->depth > 0)
		level_pop(d);
	return e == 0 && d->damaged ? -EUCLEAN : e;
}

static void tally_json(struct json_out *j, const char *key,
		       const struct tally *t)
{
	json_object(j, key);
	json_u64(j, "files", t->files);
	json_u64(j, "dirs", t->dirs);
	json_u64(j, "others", t->others);
	json_u64(j, "bytes", t->bytes);
	json_close(j);
}

static uint64_t tally_all(const struct tally *t)
{
	return t->files + t->dirs + t->others;
}

static void sum_up(const struct differ *d, const struct snapshot s[2])
{
	char added[16], removed[16];
	struct output_line line;

	if (d->changed || tally_all(&d->added) || tally_all(&d->removed) ||
	    (d->metadata && d->metadata_only))
		output_note("\n");
	output_note("Files:  %llu new, %llu removed, %llu changed\n"
		    "Dirs:   %llu new, %llu removed\n"
		    "Others: %llu new, %llu removed\n",
		    (unsigned long long)d->added.files,
		    (unsigned long long)d->removed.files,
		    (unsigned long long)d->changed,
		    (unsigned long long)d->added.dirs,
		    (unsigned long long)d->removed.dirs,
		    (unsigned long long)d->added.others,
		    (unsigned long long)d->removed.others);
	output_note("Content: %s added, %s removed\n",
		    output_size(added, d->added.bytes),
		    output_size(removed, d->removed.bytes));
	if (!output_is_json())
		return;
	output_begin(&line, "statistics");
	json_hex(&line.json, "source_snapshot", s[0].id, OBJECT_ID_LEN);
	json_hex(&line.json, "target_snapshot", s[1].id, OBJECT_ID_LEN);
	json_u64(&line.json, "changed_files", d->changed);
	json_u64(&line.json, "changed_metadata", d->metadata_only);
	tally_json(&line.json, "added", &d->added);
	tally_json(&line.json, "removed", &d->removed);
	output_end(&line);
}

/* SNAPSHOT or SNAPSHOT:PATH: its tree. */
static int find_tree(struct differ *d, const char *ref, struct show_place *p,
		     const uint8_t **tree)
{
	CLEANUP_FREE char *name = NULL;
	const char *path;
	int e = snapref_split(ref, &name, &path);

	if (e == 0)
		e = snapref_resolve(d->o.repo, name, NULL, &p->snapshot);
	if (e == 0)
		e = show_place_find(d->o.reader, p, SPAN(path, strlen(path)));
	if (e < 0)
		return e;
	*tree = show_place_tree(p);
	if (*tree)
		return 0;
	log_error("%s is no directory", ref);
	return -ENOTDIR;
}

int cmd_diff(struct cli *cli)
{
	struct differ d = { .o = OPENED_INIT,
			    .metadata = cli_flag(cli, "metadata"),
			    .path = BUF_INIT(SIZE_MAX) };
	struct show_place p[2] = { SHOW_PLACE_INIT, SHOW_PLACE_INIT };
	struct snapshot s[2];
	const uint8_t *tree[2];
	const char *const *args;
	size_t n;
	int code = opened_repo(cli, &d.o), e = 0, i;

	args = cli_args(cli, &n);
	for (i = 0; code == CLI_OK && e == 0 && i < 2; i++)
		e = find_tree(&d, args[i], &p[i], &tree[i]);
	if (code == CLI_OK && e == 0) {
		e = walk(&d, tree[0], tree[1]);
		s[0] = p[0].snapshot;
		s[1] = p[1].snapshot;
		if (e == 0 || e == -EUCLEAN)
			sum_up(&d, s);
	}
	for (i = 0; i < 2; i++)
		show_place_release(&p[i]);
	free(d.levels);
	buf_release(&d.path);
	opened_close(&d.o);
	return code != CLI_OK ? code : cli_exit_of(e);
}
