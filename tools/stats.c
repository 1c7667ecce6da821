/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stats.c - count files and bytes.
 *
 * What a restore would write stands in each snapshot's record. What the
 * repository holds for some snapshots is found by walking their trees, with
 * one bit for each chunk of the index: a tree that was met before is not
 * entered again.
 */
#include <errno.h>
#include <inttypes.h>

#include "base/log.h"
#include "repo/browse.h"
#include "tools/commands.h"
#include "tools/show.h"

/* Chunks and what they take. */
struct raw {
	uint64_t data_chunks, tree_chunks;
	uint64_t data_bytes, tree_bytes; /* decoded */
	uint64_t stored;		 /* their share of sealed frames */
};

struct class_size {
	uint64_t objects, bytes;
};

struct stats {
	struct opened o;
	struct snapshot *list;
	size_t count;
	uint64_t files, dirs, others, bytes;
	struct raw raw;
	struct class_size classes[STORE_CLASSES];
	uint64_t tree_packs, tree_pack_bytes;
	/* walking */
	const struct index *ix;
	uint64_t counter; /* of the head that seen is made for */
	unsigned int n_seen;
	uint8_t **seen; /* a bit for each chunk of each table */
	uint8_t (*stack)[CHUNK_ID_LEN];
	size_t depth, cap;
};

/* --- chunks --- */

static void raw_add(struct raw *raw, const struct index_chunk *c,
		    const struct index_frame *f, uint8_t pack_type)
{
	if (pack_type == OBJECT_PACK_DATA) {
		raw->data_chunks++;
		raw->data_bytes += c->len;
	} else {
		raw->tree_chunks++;
		raw->tree_bytes += c->len;
	}
	if (f->raw_len)
		raw->stored += (uint64_t)f->sealed_len * c->len / f->raw_len;
}

/* All that the index lists, whoever needs it. */
static void count_index(struct stats *s)
{
	unsigned int i;
	uint32_t k;

	for (i = 0; i < s->ix->count && !cli_interrupted(); i++) {
		const struct table *t = &s->ix->tables[i];

		for (k = 0; k < t->chunks; k++) {
			struct index_chunk c = table_chunk(t, k);
			struct index_frame f = table_frame(t, c.frame);

			raw_add(&s->raw, &c, &f, table_pack(t, f.pack).type);
		}
	}
}

/* 1 the first time that this chunk is met, 0 later. */
static int note_chunk(struct stats *s, const uint8_t id[CHUNK_ID_LEN])
{
	char hex[HEX_LEN(CHUNK_ID_LEN)];
	struct chunk_loc loc;
	uint8_t *byte, bit;

	if (!repo_find(s->o.repo, id, &loc))
		return log_fail(-ENOENT, "chunk %.16s",
				hex_encode(hex, id, CHUNK_ID_LEN));
	if (repo_head(s->o.repo)->counter != s->counter) {
		log_error("the repository was pruned meanwhile: try again");
		return -EAGAIN;
	}
	byte = &s->seen[loc.table][loc.pos / 8];
	bit = (uint8_t)(1u << loc.pos % 8);
	if (*byte & bit)
		return 0;
	*byte |= bit;
	raw_add(&s->raw, &loc.chunk, &loc.frame, loc.pack.type);
	return 1;
}

static int note_extent(void *arg, uint64_t offset, const struct extent *x)
{
	int e;

	(void)offset;
	if (x->kind == EXTENT_HOLE)
		return 0;
	e = note_chunk(arg, x->id);
	return e < 0 ? e : 0;
}

static int note_map(void *arg, const uint8_t id[CHUNK_ID_LEN])
{
	int e = note_chunk(arg, id);

	return e < 0 ? e : 0;
}

/* --- trees, without their names --- */

static int push(struct stats *s, const uint8_t id[CHUNK_ID_LEN])
{
	int e = note_chunk(s, id);

	if (e <= 0)
		return e;
	if (s->depth == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 64;
		void *p = realloc(s->stack, cap * CHUNK_ID_LEN);

		if (!p)
			return -ENOMEM;
		s->stack = p;
		s->cap = cap;
	}
	memcpy(s->stack[s->depth++], id, CHUNK_ID_LEN);
	return 0;
}

static int walk_part(struct stats *s, struct tree_part *part)
{
	struct tree_leaf_ref leaf;
	struct node n;
	int e = 0;

	while (part->split && (e = tree_next_leaf(part, &leaf)) == 1) {
		e = push(s, leaf.id);
		if (e < 0)
			return e;
	}
	while (!part->split && (e = tree_next(part, &n, NULL)) == 1) {
		if (n.type == NODE_DIR)
			e = push(s, n.tree);
		else if (n.type == NODE_FILE)
			e = content_walk_maps(s->o.reader, n.content, n.size,
					      note_map, note_extent, s);
		if (e < 0)
			return e;
	}
	return e;
}

static int walk_tree(struct stats *s, const uint8_t root[CHUNK_ID_LEN])
{
	int e = push(s, root);

	while (e == 0 && s->depth > 0) {
		struct chunk_ref ref = { { NULL, 0 }, NULL };
		struct tree_part part;
		uint8_t id[CHUNK_ID_LEN];
		char hex[HEX_LEN(CHUNK_ID_LEN)];

		memcpy(id, s->stack[--s->depth], CHUNK_ID_LEN);
		e = repo_chunk_get(s->o.reader, CHUNK_TREE, id, &ref);
		if (e < 0)
			return e;
		e = tree_part_open(ref.data, &part);
		if (e == 0)
			e = walk_part(s, &part);
		repo_chunk_put(s->o.reader, &ref);
		if (e == -EUCLEAN)
			log_fail(e, "tree %.16s",
				 hex_encode(hex, id, CHUNK_ID_LEN));
		if (e == 0 && cli_interrupted())
			e = -EINTR;
	}
	return e;
}

static int walk_all(struct stats *s)
{
	unsigned int i;
	size_t k;
	int e = 0;

	s->counter = repo_head(s->o.repo)->counter;
	s->n_seen = s->ix->count;
	s->seen = calloc(s->n_seen + 1, sizeof(*s->seen));
	if (!s->seen)
		return -ENOMEM;
	for (i = 0; i < s->n_seen; i++) {
		s->seen[i] = calloc(s->ix->tables[i].chunks / 8 + 1, 1);
		if (!s->seen[i])
			return -ENOMEM;
	}
	for (k = 0; e == 0 && k < s->count; k++)
		e = walk_tree(s, s->list[k].tree);
	return e;
}

/* --- the store --- */

static int count_object(void *arg, const char *name, uint64_t size)
{
	struct class_size *c = arg;

	(void)name;
	c->objects++;
	c->bytes += size;
	return 0;
}

static int count_store(struct stats *s)
{
	unsigned int i;
	uint32_t k;
	int c, e = 0;

	for (c = 0; e == 0 && c < STORE_CLASSES; c++)
		e = store_list(s->o.store, (enum store_class)c, count_object,
			       &s->classes[c]);
	for (i = 0; i < s->ix->count; i++) {
		const struct table *t = &s->ix->tables[i];

		for (k = 0; k < t->packs; k++) {
			struct index_pack p = table_pack(t, k);

			if (p.type != OBJECT_PACK_TREE)
				continue;
			s->tree_packs++;
			s->tree_pack_bytes += p.size;
		}
	}
	return e;
}

/* --- telling --- */

static double ratio(uint64_t a, uint64_t b)
{
	return b ? (double)a / (double)b : 0;
}

static void put_restore(const struct stats *s)
{
	char size[16];

	output_text("Snapshots:     %zu\n", s->count);
	output_text("Files:         %" PRIu64 ", %" PRIu64
		    " directories, %" PRIu64 " others\n",
		    s->files, s->dirs, s->others);
	output_text("Restore size:  %s\n", output_size(size, s->bytes));
}

static void put_raw(const struct stats *s)
{
	const struct raw *r = &s->raw;
	char data[16], tree[16], stored[16];

	output_text("Data chunks:   %" PRIu64 ", %s\n", r->data_chunks,
		    output_size(data, r->data_bytes));
	output_text("Tree chunks:   %" PRIu64 ", %s\n", r->tree_chunks,
		    output_size(tree, r->tree_bytes));
	output_text("Stored:        %s (compressed to %.1f%%)\n",
		    output_size(stored, r->stored),
		    100 * ratio(r->stored, r->data_bytes + r->tree_bytes));
	output_text("Deduplication: %.2f to 1\n",
		    ratio(s->bytes, r->data_bytes));
}

static uint64_t class_total(const struct stats *s)
{
	uint64_t sum = 0;
	int c;

	for (c = 0; c < STORE_CLASSES; c++)
		sum += s->classes[c].bytes;
	return sum;
}

static void put_class(const char *name, uint64_t objects, uint64_t bytes)
{
	char size[16];

	output_text("  %-12s %9" PRIu64 "  %11s\n", name, objects,
		    output_size(size, bytes));
}

static void put_classes(const struct stats *s)
{
	const struct class_size *packs = &s->classes[STORE_PACK];
	char size[16];
	int c;

	output_text("Repository:    %s\n", output_size(size, class_total(s)));
	put_class("tree packs", s->tree_packs, s->tree_pack_bytes);
	put_class("data packs", packs->objects - s->tree_packs,
		  packs->bytes - s->tree_pack_bytes);
	for (c = 0; c < STORE_CLASSES; c++)
		if (c != STORE_PACK)
			put_class(store_class_name((enum store_class)c),
				  s->classes[c].objects, s->classes[c].bytes);
}

static void put_text(const struct stats *s, bool restore, bool raw, bool store)
{
	if (restore)
		put_restore(s);
	if (raw)
		put_raw(s);
	if (store)
		put_classes(s);
}

static void raw_json(struct json_out *j, const struct stats *s)
{
	const struct raw *r = &s->raw;

	json_u64(j, "total_blob_count", r->data_chunks + r->tree_chunks);
	json_u64(j, "data_chunks", r->data_chunks);
	json_u64(j, "tree_chunks", r->tree_chunks);
	json_u64(j, "data_bytes", r->data_bytes);
	json_u64(j, "tree_bytes", r->tree_bytes);
	json_u64(j, "total_uncompressed_size", r->data_bytes + r->tree_bytes);
	json_u64(j, "stored_bytes", r->stored);
	json_double(j, "compression_ratio",
		    ratio(r->data_bytes + r->tree_bytes, r->stored));
	json_double(j, "deduplication_ratio", ratio(s->bytes, r->data_bytes));
}

static void class_json(struct json_out *j, const char *key, uint64_t objects,
		       uint64_t bytes)
{
	json_object(j, key);
	json_u64(j, "objects", objects);
	json_u64(j, "bytes", bytes);
	json_close(j);
}

static void store_json(struct json_out *j, const struct stats *s)
{
	int c;

	json_object(j, "repository");
	json_u64(j, "bytes", class_total(s));
	class_json(j, "tree_packs", s->tree_packs, s->tree_pack_bytes);
	class_json(j, "data_packs",
		   s->classes[STORE_PACK].objects - s->tree_packs,
		   s->classes[STORE_PACK].bytes - s->tree_pack_bytes);
	for (c = 0; c < STORE_CLASSES; c++)
		if (c != STORE_PACK)
			class_json(j, store_class_name((enum store_class)c),
				   s->classes[c].objects, s->classes[c].bytes);
	json_close(j);
}

static void put_json(const struct stats *s, bool restore, bool raw, bool store)
{
	struct output_line line;

	output_begin(&line, "stats");
	json_u64(&line.json, "snapshots_count", s->count);
	if (restore) {
		json_u64(&line.json, "total_file_count", s->files);
		json_u64(&line.json, "total_dir_count", s->dirs);
		json_u64(&line.json, "total_other_count", s->others);
		json_u64(&line.json, "total_size", s->bytes);
	}
	if (raw)
		raw_json(&line.json, s);
	if (store)
		store_json(&line.json, s);
	output_end(&line);
}

/* --- the run --- */

static int choose(struct stats *s, const struct cli *cli)
{
	const char *const *args;
	size_t n;
	int e = 0;

	args = cli_args(cli, &n);
	if (n == 0)
		return snapref_list(s->o.repo, NULL, &s->list, &s->count);
	s->list = calloc(n, sizeof(*s->list));
	if (!s->list)
		return -ENOMEM;
	while (e == 0 && s->count < n) {
		e = snapref_resolve(s->o.repo, args[s->count], NULL,
				    &s->list[s->count]);
		s->count += e == 0;
	}
	return e;
}

static int run(struct stats *s, const struct cli *cli)
{
	const char *mode = cli_str(cli, "mode");
	bool restore = !mode || !strcmp(mode, "restore-size");
	bool raw = !mode || !strcmp(mode, "raw-data");
	size_t given, i;
	int e = choose(s, cli);

	cli_args(cli, &given);
	if (e == 0)
		e = repo_index(s->o.repo, &s->ix);
	if (e < 0)
		return e;
	for (i = 0; i < s->count; i++) {
		s->files += s->list[i].stats.files;
		s->dirs += s->list[i].stats.dirs;
		s->others += s->list[i].stats.others;
		s->bytes += s->list[i].stats.bytes;
	}
	/* Without a mode and without names: all that there is, at once. */
	if (raw && (mode || given))
		e = walk_all(s);
	else if (raw)
		count_index(s);
	if (e == 0 && !mode && !given)
		e = count_store(s);
	if (e < 0)
		return e;
	if (output_is_json())
		put_json(s, restore, raw, !mode && !given);
	else
		put_text(s, restore, raw, !mode && !given);
	return 0;
}

int cmd_stats(struct cli *cli)
{
	struct stats s = { .o = OPENED_INIT };
	int code = opened_repo(cli, &s.o);
	unsigned int i;

	if (code == CLI_OK)
		code = cli_exit_of(run(&s, cli));
	for (i = 0; s.seen && i < s.n_seen; i++)
		free(s.seen[i]);
	free(s.seen);
	free(s.stack);
	snapref_list_free(s.list, s.count);
	opened_close(&s.o);
	return code;
}
