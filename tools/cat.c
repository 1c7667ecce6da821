/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cat.c - print a file of a snapshot, or an object of the repository.
 *
 * Objects are printed as JSON lines, with or without --json. An object of
 * many parts (an index, a tree) is a line of its own and one for each part,
 * so that none grows without bound.
 */
#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "base/log.h"
#include "repo/browse.h"
#include "tools/commands.h"
#include "tools/show.h"

#define ZEROS_LEN (256u << 10)

/* --- a file's content --- */

struct copy {
	struct repo_reader *rr;
	uint8_t *zeros;
};

static int copy_hole(const struct copy *c, uint64_t len)
{
	int e = 0;

	while (e == 0 && len > 0) {
		size_t n = MIN(len, (uint64_t)ZEROS_LEN);

		e = cli_interrupted() ? -EINTR
				      : output_bytes(SPAN(c->zeros, n));
		len -= n;
	}
	return e;
}

static int copy_extent(void *arg, uint64_t offset, const struct extent *x)
{
	struct copy *c = arg;
	struct chunk_ref ref = { { NULL, 0 }, NULL };
	int e;

	(void)offset;
	if (cli_interrupted())
		return -EINTR;
	if (x->kind == EXTENT_HOLE)
		return copy_hole(c, x->len);
	e = repo_chunk_get(c->rr, CHUNK_DATA, x->id, &ref);
	if (e < 0)
		return e;
	if (x->offset > ref.data.len || x->len > ref.data.len - x->offset)
		e = log_fail(-EUCLEAN,
			     "an extent that its chunk does not hold");
	else
		e = output_bytes(SPAN(ref.data.p + x->offset, x->len));
	repo_chunk_put(c->rr, &ref);
	return e;
}

static int copy_file(struct opened *o, const struct show_place *p)
{
	struct copy c = { o->reader, calloc(1, ZEROS_LEN) };
	char name[512];
	int e;

	if (!c.zeros)
		return -ENOMEM;
	e = content_walk(o->reader, p->node.content, p->node.size, copy_extent,
			 &c);
	free(c.zeros);
	if (e < 0 && e != -EINTR && e != -EPIPE)
		log_fail(e, "read %s",
			 log_printable(name, sizeof(name), p->path.p,
				       p->path.len));
	return e;
}

/* path NULL: ref is SNAPSHOT:PATH. */
static int cat_file(struct opened *o, const char *ref, const char *path)
{
	CLEANUP_SHOW_PLACE struct show_place p = SHOW_PLACE_INIT;
	CLEANUP_FREE char *name = NULL;
	const char *below = "";
	int e = path ? 0 : snapref_split(ref, &name, &below);

	if (e == 0)
		e = snapref_resolve(o->repo, name ? name : ref, NULL,
				    &p.snapshot);
	if (e == 0 && !path && !*below) {
		log_error("cat: needs SNAPSHOT PATH, or SNAPSHOT:PATH");
		e = -EINVAL;
	}
	if (!path)
		path = below;
	if (e == 0)
		e = show_place_find(o->reader, &p, SPAN(path, strlen(path)));
	if (e < 0)
		return e;
	if (p.is_root || p.node.type != NODE_FILE) {
		log_error("%s is no regular file but a %s: see tidemark ls",
			  path, p.is_root ? "dir" : show_type(&p.node));
		return -EINVAL;
	}
	return copy_file(o, &p);
}

/* --- objects --- */

static int cat_config(struct opened *o)
{
	const struct config *c = repo_config(o->repo);
	struct node_time t = { (int64_t)(c->created_ns / 1000000000u),
			       (uint32_t)(c->created_ns % 1000000000u) };
	struct output_line line;

	output_begin(&line, "config");
	json_u64(&line.json, "version", FORMAT_VERSION);
	json_hex(&line.json, "id", c->repo_id, REPO_ID_LEN);
	show_time_json(&line.json, "created", t);
	json_u64(&line.json, "chunk_min", c->cdc_min);
	json_u64(&line.json, "chunk_avg", c->cdc_avg);
	json_u64(&line.json, "chunk_max", c->cdc_max);
	output_end(&line);
	return 0;
}

static int cat_snapshot(struct opened *o, const char *ref)
{
	struct output_line line;
	struct snapshot s;
	int e = snapref_resolve(o->repo, ref, NULL, &s);

	if (e < 0)
		return e;
	output_begin(&line, "snapshot");
	show_snapshot_json(&line.json, &s);
	output_end(&line);
	snapshot_release(&s);
	return 0;
}

static void ids_json(struct json_out *j, const char *key,
		     const struct idlist *l)
{
	char hex[HEX_LEN(OBJECT_ID_LEN)];
	uint32_t i;

	json_array(j, key);
	for (i = 0; i < l->count; i++)
		json_str(j, NULL, hex_encode(hex, l->ids[i], OBJECT_ID_LEN));
	json_close(j);
}

static int cat_head(struct opened *o, const char *text)
{
	uint64_t counter = repo_head(o->repo)->counter;
	struct output_line line;
	struct head h;
	int e = strcmp(text, "latest") ? cli_parse_u64(text, &counter) : 0;

	if (e < 0) {
		log_error("'%s' is no head's number", text);
		return e;
	}
	e = repo_load_head(o->repo, counter, &h);
	if (e == -ENOENT)
		log_error("there is no head %" PRIu64
			  ": the newest is %" PRIu64,
			  counter, repo_head(o->repo)->counter);
	if (e < 0)
		return e;
	output_begin(&line, "head");
	json_u64(&line.json, "counter", h.counter);
	json_hex(&line.json, "hash", h.hash, OBJECT_ID_LEN);
	json_hex(&line.json, "previous", h.prev, OBJECT_ID_LEN);
	show_time_json(
		&line.json, "time",
		(struct node_time){ (int64_t)(h.time_ns / 1000000000u),
				    (uint32_t)(h.time_ns % 1000000000u) });
	ids_json(&line.json, "snapshots", &h.snapshots);
	ids_json(&line.json, "indexes", &h.indexes);
	ids_json(&line.json, "doomed_packs", &h.doomed);
	output_end(&line);
	head_release(&h);
	return 0;
}

/* Does the id begin with these digits? */
static bool has_prefix(const uint8_t id[32], const char *text)
{
	char hex[HEX_LEN(32)];

	return strncasecmp(hex_encode(hex, id, 32), text, strlen(text)) == 0;
}

static int check_prefix(const char *what, const char *text)
{
	if (strlen(text) >= SNAPREF_ID_MIN &&
	    strspn(text, "0123456789abcdefABCDEF") == strlen(text))
		return 0;
	log_error("'%s' does not begin the id of %s %s", text,
		  *what == 'i' ? "an" : "a", what);
	return -EINVAL;
}

static int not_one(const char *what, const char *text, unsigned int found)
{
	if (found == 0)
		log_error("no %s's id begins with '%s'", what, text);
	else
		log_error("%u ids begin with '%s'", found, text);
	return found ? -ENOTUNIQ : -ENOENT;
}

static void put_table(const struct table *t)
{
	struct output_line line;
	uint32_t i;

	output_begin(&line, "index");
	json_hex(&line.json, "id", t->id, OBJECT_ID_LEN);
	json_u64(&line.json, "packs", t->packs);
	json_u64(&line.json, "frames", t->frames);
	json_u64(&line.json, "chunks", t->chunks);
	output_end(&line);
	for (i = 0; i < t->packs; i++) {
		struct index_pack p = table_pack(t, i);

		output_begin(&line, "index_pack");
		json_hex(&line.json, "id", p.id, OBJECT_ID_LEN);
		json_str(&line.json, "type",
			 p.type == OBJECT_PACK_DATA ? "data" : "tree");
		json_u64(&line.json, "size", p.size);
		output_end(&line);
	}
	for (i = 0; i < t->chunks && !cli_interrupted(); i++) {
		struct index_chunk c = table_chunk(t, i);
		struct index_frame f = table_frame(t, c.frame);
		struct index_pack p = table_pack(t, f.pack);

		output_begin(&line, "index_chunk");
		json_hex(&line.json, "id", c.id, CHUNK_ID_LEN);
		json_hex(&line.json, "pack", p.id, OBJECT_ID_LEN);
		json_u64(&line.json, "frame", f.number);
		json_u64(&line.json, "frame_offset", f.offset);
		json_u64(&line.json, "frame_sealed", f.sealed_len);
		json_u64(&line.json, "frame_length", f.raw_len);
		json_u64(&line.json, "offset", c.offset);
		json_u64(&line.json, "length", c.len);
		output_end(&line);
	}
}

static int cat_index(struct opened *o, const char *text)
{
	const struct index *ix = NULL;
	unsigned int i, found = 0, at = 0;
	int e = check_prefix("index", text);

	if (e == 0)
		e = repo_index(o->repo, &ix);
	if (e < 0)
		return e;
	for (i = 0; i < ix->count; i++) {
		if (has_prefix(ix->tables[i].id, text)) {
			found++;
			at = i;
		}
	}
	if (found != 1)
		return not_one("index", text, found);
	put_table(&ix->tables[at]);
	return 0;
}

/* The one tree chunk whose id begins so. */
static int find_tree(struct opened *o, const char *text,
		     uint8_t id[CHUNK_ID_LEN])
{
	const struct index *ix = NULL;
	unsigned int i, found = 0;
	uint32_t k;
	int e = check_prefix("tree", text);

	if (e == 0)
		e = repo_index(o->repo, &ix);
	for (i = 0; e == 0 && i < ix->count; i++) {
		const struct table *t = &ix->tables[i];

		for (k = 0; k < t->chunks; k++) {
			struct index_chunk c = table_chunk(t, k);

			if (!has_prefix(c.id, text) ||
			    (found && !memcmp(c.id, id, CHUNK_ID_LEN)))
				continue;
			found++;
			memcpy(id, c.id, CHUNK_ID_LEN);
		}
	}
	if (e == 0 && found != 1)
		e = not_one("chunk", text, found);
	return e;
}

static int put_entries(struct tree_part *part)
{
	struct output_line line;
	struct tree_leaf_ref leaf;
	struct node n;
	int e;

	while (part->split && (e = tree_next_leaf(part, &leaf)) != 0) {
		if (e < 0)
			return e;
		output_begin(&line, "tree_leaf");
		json_name(&line.json, "first", leaf.first);
		json_hex(&line.json, "id", leaf.id, CHUNK_ID_LEN);
		json_u64(&line.json, "entries", leaf.entries);
		output_end(&line);
	}
	while (!part->split && (e = tree_next(part, &n, NULL)) != 0) {
		if (e < 0)
			return e;
		output_begin(&line, "node");
		show_node_json(&line.json, part, &n, n.name);
		if (n.type == NODE_DIR)
			json_hex(&line.json, "tree", n.tree, CHUNK_ID_LEN);
		output_end(&line);
	}
	return 0;
}

static int cat_tree(struct opened *o, const char *text)
{
	struct chunk_ref ref = { { NULL, 0 }, NULL };
	uint8_t id[CHUNK_ID_LEN] = { 0 };
	struct output_line line;
	struct tree_part part;
	int e = find_tree(o, text, id);

	if (e == 0)
		e = repo_chunk_get(o->reader, CHUNK_TREE, id, &ref);
	if (e < 0)
		return e;
	e = tree_part_open(ref.data, &part);
	if (e == 0) {
		output_begin(&line, "tree");
		json_hex(&line.json, "id", id, CHUNK_ID_LEN);
		json_bool(&line.json, "split", part.split);
		json_u64(&line.json, "entries", part.count);
		output_end(&line);
		e = put_entries(&part);
	}
	repo_chunk_put(o->reader, &ref);
	return e < 0 ? log_fail(e, "tree %s", text) : 0;
}

int cmd_cat(struct cli *cli)
{
	static const struct {
		const char *word;
		int (*run)(struct opened *o, const char *id);
	} objects[] = { { "snapshot", cat_snapshot },
			{ "index", cat_index },
			{ "head", cat_head },
			{ "tree", cat_tree } };
	CLEANUP_OPENED struct opened o = OPENED_INIT;
	const char *word = cli_form_word(cli);
	const char *const *args;
	int code = opened_repo(cli, &o);
	size_t n, i;

	if (code != CLI_OK)
		return code;
	args = cli_args(cli, &n);
	if (!word)
		return cli_exit_of(
			cat_file(&o, args[0], n > 1 ? args[1] : NULL));
	for (i = 0; i < ARRAY_LEN(objects); i++)
		if (strcmp(word, objects[i].word) == 0)
			return cli_exit_of(objects[i].run(&o, args[0]));
	return cli_exit_of(cat_config(&o));
}
