/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_tree.c - directories and contents: what goes in comes out, a small
 * change costs little, and hostile bytes are refused.
 *
 * Chunks live in an array here, named by their SHA-256.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "repo/tree.h"

#define CHUNKS_MAX 4096

static struct chunk {
	uint8_t id[CHUNK_ID_LEN];
	enum chunk_kind kind;
	struct buf bytes;
} chunks[CHUNKS_MAX];
static size_t n_chunks;
static size_t n_new; /* put and not there before */

static int forget(void **state)
{
	(void)state;
	while (n_chunks > 0)
		buf_release(&chunks[--n_chunks].bytes);
	n_new = 0;
	return 0;
}

static const struct chunk *find(const uint8_t id[CHUNK_ID_LEN])
{
	size_t i;

	for (i = 0; i < n_chunks; i++)
		if (!memcmp(chunks[i].id, id, CHUNK_ID_LEN))
			return &chunks[i];
	return NULL;
}

static int put(void *arg, enum chunk_kind kind, struct span bytes,
	       uint8_t id[CHUNK_ID_LEN])
{
	struct chunk *c;

	(void)arg;
	assert_true(bytes.len <= CHUNK_MAX);
	sha256_once(bytes, id);
	if (find(id))
		return 0;
	assert_true(n_chunks < CHUNKS_MAX);
	c = &chunks[n_chunks++];
	n_new++;
	memcpy(c->id, id, CHUNK_ID_LEN);
	c->kind = kind;
	c->bytes = BUF_INIT(CHUNK_MAX);
	return buf_append(&c->bytes, bytes.p, bytes.len);
}

static int put_fails(void *arg, enum chunk_kind kind, struct span bytes,
		     uint8_t id[CHUNK_ID_LEN])
{
	(void)arg;
	(void)kind;
	(void)bytes;
	(void)id;
	return -EIO;
}

static const char *name_of(void *arg, bool group, uint32_t id)
{
	(void)arg;
	if (id == 0)
		return group ? "wheel" : "root";
	return "";
}

static struct span text(const char *s)
{
	return SPAN(s, strlen(s));
}

/* --- nodes ------------------------------------------------------------- */

static struct node file_node(const char *name)
{
	static const uint8_t empty[] = { 0, 0 };

	return (struct node){ .name = text(name),
			      .type = NODE_FILE,
			      .mode = 0644,
			      .mtime = { 1700000000, 123456789 },
			      .ctime = { 1700000001, 999999999 },
			      .btime = { 1600000000, 0 },
			      .ino = 12345,
			      .fsid = 7,
			      .content = SPAN(empty, 2) };
}

static int add(struct tree_builder *b, const struct node *n)
{
	CLEANUP_BUF struct buf raw = BUF_INIT(CHUNK_MAX);
	int e = tree_entry_encode(n, &raw);

	return e < 0 ? e
		     : tree_builder_add(b, n->name, n->uid, n->gid,
					SPAN_OF(&raw));
}

static void build(const struct node *nodes, size_t n, uint8_t id[CHUNK_ID_LEN])
{
	struct tree_builder b;
	size_t i;

	tree_builder_init(&b, 7, put, name_of, NULL);
	for (i = 0; i < n; i++)
		assert_int_equal(add(&b, &nodes[i]), 0);
	assert_int_equal(tree_builder_finish(&b, id), 0);
	tree_builder_release(&b);
}

static bool same_span(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || !memcmp(a.p, b.p, a.len));
}

static bool same_time(struct node_time a, struct node_time b)
{
	return a.sec == b.sec && a.nsec == b.nsec;
}

static void assert_same(const struct node *a, const struct node *b)
{
	assert_true(same_span(a->name, b->name));
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->mode, b->mode);
	assert_int_equal(a->uid, b->uid);
	assert_int_equal(a->gid, b->gid);
	assert_true(same_time(a->mtime, b->mtime));
	assert_true(same_time(a->ctime, b->ctime));
	assert_true(same_time(a->btime, b->btime));
	assert_true(a->ino == b->ino);
	assert_true(a->fsid == b->fsid);
	assert_int_equal(a->iflags, b->iflags);
	assert_true(a->size == b->size);
	assert_int_equal(a->major, b->major);
	assert_int_equal(a->minor, b->minor);
	assert_true(same_span(a->xattrs, b->xattrs));
	assert_true(same_span(a->target, b->target));
	assert_true(same_span(a->content, b->content));
	assert_memory_equal(a->tree, b->tree, CHUNK_ID_LEN);
}

static void open_tree(const uint8_t id[CHUNK_ID_LEN], struct tree_part *p)
{
	const struct chunk *c = find(id);

	assert_non_null(c);
	assert_int_equal(c->kind, CHUNK_TREE);
	assert_int_equal(tree_part_open(SPAN_OF(&c->bytes), p), 0);
}

static void test_every_type_comes_back(void **state)
{
	struct node n[12], got;
	struct tree_part p;
	uint8_t id[CHUNK_ID_LEN];
	size_t i, k = 0;

	(void)state;
	n[k] = file_node("a-file");
	n[k++].size = 0;
	n[k] = file_node("b-all");
	n[k].size = UINT64_MAX;
	n[k].mode = 07777;
	n[k].uid = n[k].gid = UINT32_MAX;
	n[k].mtime = (struct node_time){ INT64_MIN, 999999999 };
	n[k].ctime = (struct node_time){ INT64_MAX, 1 };
	n[k].btime = (struct node_time){ -1, 0 };
	n[k].ino = n[k].fsid = UINT64_MAX;
	n[k].iflags = UINT32_MAX;
	n[k].xattrs = text("any bytes");
	n[k++].flags = NODE_FLAGS_ALL;
	n[k] = file_node("c-dir");
	n[k].type = NODE_DIR;
	n[k].content = SPAN(NULL, 0);
	memset(n[k++].tree, 0xab, CHUNK_ID_LEN);
	n[k] = file_node("d-symlink");
	n[k].type = NODE_SYMLINK;
	n[k].content = SPAN(NULL, 0);
	n[k++].target = text("../to/\xff\n");
	n[k] = file_node("e-fifo");
	n[k].content = SPAN(NULL, 0);
	n[k++].type = NODE_FIFO;
	n[k] = file_node("f-socket");
	n[k].content = SPAN(NULL, 0);
	n[k++].type = NODE_SOCKET;
	n[k] = file_node("g-char");
	n[k].type = NODE_CHAR;
	n[k].content = SPAN(NULL, 0);
	n[k].major = UINT32_MAX;
	n[k++].minor = 1;
	n[k] = file_node("h-block");
	n[k].type = NODE_BLOCK;
	n[k].content = SPAN(NULL, 0);
	n[k++].minor = UINT32_MAX;
	build(n, k, id);
	open_tree(id, &p);
	assert_false(p.split);
	for (i = 0; i < k; i++) {
		memset(&got, 0xee, sizeof(got)); /* all of it is set */
		assert_int_equal(tree_next(&p, &got, NULL), 1);
		assert_same(&n[i], &got);
	}
	assert_int_equal(tree_next(&p, &got, NULL), 0);
	assert_true(same_span(tree_owner_name(&p, false, 0), text("root")));
	assert_true(same_span(tree_owner_name(&p, true, 0), text("wheel")));
	assert_null(tree_owner_name(&p, false, 17).p);
}

static void test_names_of_any_bytes(void **state)
{
	char longest[NAME_BYTES_MAX + 2];
	struct node n[5], got;
	struct tree_part p;
	uint8_t id[CHUNK_ID_LEN];
	size_t i;

	(void)state;
	memset(longest, 0xff, sizeof(longest));
	longest[NAME_BYTES_MAX] = '\0';
	n[0] = file_node("\x01\n");
	n[1] = file_node("...");
	n[2] = file_node("a");
	n[3] = file_node("a\xff");
	n[4] = file_node(longest);
	build(n, 5, id);
	open_tree(id, &p);
	for (i = 0; i < 5; i++) {
		assert_int_equal(tree_next(&p, &got, NULL), 1);
		assert_same(&n[i], &got);
	}
}

static void test_an_empty_directory(void **state)
{
	uint8_t id[CHUNK_ID_LEN];
	struct tree_part p;
	struct node got;

	(void)state;
	build(NULL, 0, id);
	open_tree(id, &p);
	assert_int_equal(tree_next(&p, &got, NULL), 0);
}

static void test_a_raw_entry_can_be_copied(void **state)
{
	struct node n = file_node("name"), got;
	uint8_t id[CHUNK_ID_LEN], again[CHUNK_ID_LEN];
	struct tree_builder b;
	struct tree_part p;
	struct span raw;

	(void)state;
	build(&n, 1, id);
	open_tree(id, &p);
	assert_int_equal(tree_next(&p, &got, &raw), 1);
	tree_builder_init(&b, 7, put, name_of, NULL);
	assert_int_equal(tree_builder_add(&b, got.name, 0, 0, raw), 0);
	assert_int_equal(tree_builder_finish(&b, again), 0);
	tree_builder_release(&b);
	assert_memory_equal(id, again, CHUNK_ID_LEN);
}

static void test_a_failing_store_is_told(void **state)
{
	struct node n = file_node("name");
	uint8_t id[CHUNK_ID_LEN];
	struct tree_builder b;

	(void)state;
	tree_builder_init(&b, 7, put_fails, NULL, NULL);
	assert_int_equal(add(&b, &n), 0);
	assert_int_equal(tree_builder_finish(&b, id), -EIO);
	tree_builder_release(&b);
}

/* --- big directories --------------------------------------------------- */

#define MANY 20000

static char names[MANY + 1][24];
static struct node many[MANY + 1];

/* Names 0..n-1 without those of number skip. */
static size_t make_many(size_t n, size_t skip)
{
	size_t i, k = 0;

	for (i = 0; i < n; i++) {
		if (i == skip)
			continue;
		snprintf(names[k], sizeof(names[k]), "entry-%06u",
			 (unsigned int)i);
		many[k] = file_node(names[k]);
		k++;
	}
	return k;
}

static size_t count_all(const uint8_t id[CHUNK_ID_LEN], size_t *leaves)
{
	struct tree_leaf_ref ref;
	struct tree_part root, leaf;
	struct node n;
	size_t count = 0, here;

	*leaves = 0;
	open_tree(id, &root);
	assert_true(root.split);
	while (tree_next_leaf(&root, &ref) == 1) {
		open_tree(ref.id, &leaf);
		assert_false(leaf.split);
		for (here = 0; tree_next(&leaf, &n, NULL) == 1; here++)
			if (here == 0)
				assert_true(same_span(n.name, ref.first));
		assert_int_equal(here, ref.entries);
		count += here;
		++*leaves;
	}
	return count;
}

static void test_a_big_directory_is_split(void **state)
{
	uint8_t id[CHUNK_ID_LEN];
	size_t leaves;

	(void)state;
	build(many, make_many(MANY, MANY), id);
	assert_int_equal(count_all(id, &leaves), MANY);
	assert_in_range(leaves, 4, 200);
}

static void test_one_name_changes_few_leaves(void **state)
{
	static const size_t at[] = { 0, 1, 777, MANY / 2, MANY - 1 };
	uint8_t id[CHUNK_ID_LEN], other[CHUNK_ID_LEN];
	size_t i, leaves;

	(void)state;
	build(many, make_many(MANY, MANY), id);
	count_all(id, &leaves);
	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		n_new = 0;
		build(many, make_many(MANY, at[i]), other);
		assert_memory_not_equal(id, other, CHUNK_ID_LEN);
		/* the list, the leaf, and at most some that are cut anew */
		assert_in_range(n_new, 2, 4);
		assert_int_equal(count_all(other, &leaves), MANY - 1);
	}
}

static void test_the_record_is_all_leaves(void **state)
{
	struct tree_builder b;
	uint8_t id[CHUNK_ID_LEN];
	struct reader rd;
	size_t i, n = make_many(MANY, MANY), count = 0;

	(void)state;
	tree_builder_init(&b, 7, put, NULL, NULL);
	b.keep_record = true;
	for (i = 0; i < n; i++)
		assert_int_equal(add(&b, &many[i]), 0);
	assert_int_equal(tree_builder_finish(&b, id), 0);
	rd = reader_of(SPAN_OF(&b.record));
	while (reader_left(&rd) > 0) {
		uint32_t len = rd_le32(&rd);
		struct tree_part p;
		struct node got;

		assert_int_equal(tree_part_open(rd_take(&rd, len), &p), 0);
		assert_false(rd.bad);
		while (tree_next(&p, &got, NULL) == 1)
			assert_same(&got, &many[count++]);
	}
	assert_int_equal(count, n);
	tree_builder_release(&b);
}

/* --- hostile directories ----------------------------------------------- */

/* A leaf of these entries, put together by hand. */
static int read_leaf(const struct node *nodes, size_t n, uint64_t count)
{
	CLEANUP_BUF struct buf b = BUF_INIT(CHUNK_MAX);
	static const uint8_t head[] = { 0, 0, 0, 7 };
	struct tree_part p;
	struct node got;
	size_t i;
	int e;

	assert_int_equal(buf_append(&b, head, sizeof(head)), 0);
	assert_int_equal(buf_varint(&b, count), 0);
	for (i = 0; i < n; i++)
		assert_int_equal(tree_entry_encode(&nodes[i], &b), 0);
	e = tree_part_open(SPAN_OF(&b), &p);
	for (i = 0; e >= 0 && i <= n; i++)
		if ((e = tree_next(&p, &got, NULL)) == 0)
			return 0;
	return e;
}

static void assert_refused(const struct node *n)
{
	assert_int_equal(read_leaf(n, 1, 1), -EUCLEAN);
}

static void test_names_that_lead_elsewhere_are_refused(void **state)
{
	static const char *const bad[] = { "",	 ".",  "..",  "/",
					   "a/", "/a", "a/b", "../x" };
	char too_long[NAME_BYTES_MAX + 2];
	struct node n = file_node("x");
	size_t i;

	(void)state;
	assert_int_equal(read_leaf(&n, 1, 1), 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		n = file_node(bad[i]);
		assert_refused(&n);
	}
	n = file_node("x");
	n.name = SPAN("a\0b", 3);
	assert_refused(&n);
	memset(too_long, 'n', sizeof(too_long));
	n.name = SPAN(too_long, NAME_BYTES_MAX + 1);
	assert_refused(&n);
	n.name = SPAN(too_long, NAME_BYTES_MAX);
	assert_int_equal(read_leaf(&n, 1, 1), 0);
}

static void test_doubled_and_unsorted_names_are_refused(void **state)
{
	struct node two[2] = { file_node("a"), file_node("a") };

	(void)state;
	assert_int_equal(read_leaf(two, 2, 2), -EUCLEAN);
	two[0] = file_node("b");
	assert_int_equal(read_leaf(two, 2, 2), -EUCLEAN);
	two[1] = file_node("b\x01");
	assert_int_equal(read_leaf(two, 2, 2), 0);
}

static void test_counts_must_be_right(void **state)
{
	struct node n = file_node("a");

	(void)state;
	assert_int_equal(read_leaf(&n, 1, 0), -EUCLEAN);
	assert_int_equal(read_leaf(&n, 1, 2), -EUCLEAN);
	assert_int_equal(read_leaf(&n, 1, UINT64_MAX), -EUCLEAN);
	assert_int_equal(read_leaf(NULL, 0, 0), 0);
}

static void test_fields_out_of_range_are_refused(void **state)
{
	struct node n;

	(void)state;
	n = file_node("a");
	n.type = 0;
	assert_refused(&n);
	n.type = NODE_BLOCK + 1;
	assert_refused(&n);
	n = file_node("a");
	n.flags = 64;
	assert_refused(&n);
	n = file_node("a");
	n.mode = 010000;
	assert_refused(&n);
	n = file_node("a");
	n.mtime.nsec = 1000000000;
	assert_refused(&n);
	n = file_node("a");
	n.type = NODE_SYMLINK;
	n.target = SPAN("x\0y", 3);
	assert_refused(&n);
}

static void test_every_truncation_and_bit_is_survived(void **state)
{
	uint8_t id[CHUNK_ID_LEN];
	struct node n[3] = { file_node("a"), file_node("b"), file_node("c") };
	CLEANUP_BUF struct buf b = BUF_INIT(CHUNK_MAX);
	const struct chunk *c;
	struct tree_part p;
	struct node got;
	size_t i, len;

	(void)state;
	n[1].type = NODE_SYMLINK;
	n[1].target = text("target");
	n[2].flags = NODE_FLAGS_ALL;
	n[2].xattrs = text("bytes");
	build(n, 3, id);
	c = find(id);
	for (len = 0; len < c->bytes.len; len++) {
		int e = tree_part_open(SPAN(c->bytes.p, len), &p);

		while (e >= 0 && (e = tree_next(&p, &got, NULL)) == 1)
			;
		assert_int_equal(e, -EUCLEAN);
	}
	assert_int_equal(buf_append(&b, c->bytes.p, c->bytes.len), 0);
	for (i = 0; i < 8 * b.len; i++) {
		b.p[i / 8] ^= (uint8_t)(1 << i % 8);
		if (tree_part_open(SPAN_OF(&b), &p) == 0)
			while (tree_next(&p, &got, NULL) == 1)
				assert_true(got.name.len > 0);
		b.p[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}

static void test_a_list_of_leaves_is_checked(void **state)
{
	static const uint8_t id[CHUNK_ID_LEN];
	static const char *const order[2] = { "b", "a" };
	CLEANUP_BUF struct buf b = BUF_INIT(CHUNK_MAX);
	struct tree_leaf_ref ref;
	struct tree_part p;
	struct node n;
	int i;

	(void)state;
	assert_int_equal(buf_u8(&b, 1), 0);
	assert_int_equal(buf_varint(&b, 2), 0);
	for (i = 0; i < 2; i++) {
		assert_int_equal(buf_bytes(&b, order[i], 1), 0);
		assert_int_equal(buf_append(&b, id, sizeof(id)), 0);
		assert_int_equal(buf_varint(&b, 10), 0);
	}
	assert_int_equal(tree_part_open(SPAN_OF(&b), &p), 0);
	assert_int_equal(tree_next(&p, &n, NULL), -EUCLEAN); /* no leaf */
	assert_int_equal(tree_next_leaf(&p, &ref), 1);
	assert_int_equal(tree_next_leaf(&p, &ref), -EUCLEAN);
	assert_int_equal(tree_part_open(SPAN("\2", 1), &p), -EUCLEAN);
	assert_int_equal(tree_part_open(SPAN("", 0), &p), -EUCLEAN);
}

/* --- contents ---------------------------------------------------------- */

static void id_of(uint64_t i, uint8_t id[CHUNK_ID_LEN])
{
	sha256_once(SPAN(&i, sizeof(i)), id);
}

/* Extents i = 0..n-1: every seventh a hole, every fifth a part. */
static void add_extents(struct content_builder *b, uint64_t n, uint64_t other)
{
	uint8_t id[CHUNK_ID_LEN];
	uint64_t i;

	for (i = 0; i < n; i++) {
		struct extent x = { .len = 1 + i % 1000, .id = id };

		id_of(i == other ? ~i : i, id);
		x.kind = i % 7 == 0   ? EXTENT_HOLE
			 : i % 5 == 0 ? EXTENT_PART
				      : EXTENT_CHUNK;
		x.offset = x.kind == EXTENT_PART ? (uint32_t)i : 0;
		assert_int_equal(content_builder_add(b, &x), 0);
	}
}

/* Walk the maps and check the extents in order. Returns the next number. */
static uint64_t check_extents(struct span content, uint64_t next, int depth)
{
	uint8_t id[CHUNK_ID_LEN];
	struct content_iter it;
	struct extent x;
	int e;

	assert_int_equal(content_open(content, &it), 0);
	if (depth >= 0)
		assert_int_equal(it.depth, depth);
	while ((e = content_next(&it, &x)) == 1) {
		if (it.depth > 0) {
			const struct chunk *c = find(x.id);

			assert_non_null(c);
			assert_int_equal(c->kind, CHUNK_MAP);
			next = check_extents(SPAN_OF(&c->bytes), next,
					     it.depth - 1);
			continue;
		}
		id_of(next, id);
		assert_int_equal(x.len, 1 + next % 1000);
		assert_int_equal(x.kind == EXTENT_HOLE, next % 7 == 0);
		if (x.kind != EXTENT_HOLE)
			assert_memory_equal(x.id, id, CHUNK_ID_LEN);
		if (x.kind == EXTENT_PART)
			assert_int_equal(x.offset, next);
		next++;
	}
	assert_int_equal(e, 0);
	return next;
}

static void test_contents_of_any_length_come_back(void **state)
{
	static const uint64_t lengths[] = { 0,	1,   2,	  63,	64,
					    65, 255, 256, 5000, 300000 };
	struct content_builder b;
	size_t i;

	(void)state;
	content_builder_init(&b, put, NULL);
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		CLEANUP_BUF struct buf out = BUF_INIT(CHUNK_MAX);

		add_extents(&b, lengths[i], UINT64_MAX);
		assert_int_equal(content_builder_finish(&b, &out), 0);
		/* what an entry holds stays small */
		assert_true(out.len < 16384);
		assert_int_equal(check_extents(SPAN_OF(&out), 0, -1),
				 lengths[i]);
	}
	content_builder_release(&b);
}

static void test_holes_are_merged(void **state)
{
	CLEANUP_BUF struct buf out = BUF_INIT(CHUNK_MAX);
	struct extent hole = { .kind = EXTENT_HOLE, .len = 1ull << 40 };
	struct content_builder b;
	struct content_iter it;
	struct extent x;
	int i;

	(void)state;
	content_builder_init(&b, put, NULL);
	for (i = 0; i < 1000; i++)
		assert_int_equal(content_builder_add(&b, &hole), 0);
	assert_int_equal(content_builder_finish(&b, &out), 0);
	assert_int_equal(content_open(SPAN_OF(&out), &it), 0);
	assert_int_equal(content_next(&it, &x), 1);
	assert_int_equal(x.kind, EXTENT_HOLE);
	assert_true(x.len == 1000ull << 40);
	assert_int_equal(content_next(&it, &x), 0);
	content_builder_release(&b);
}

static void test_one_chunk_changes_few_maps(void **state)
{
	CLEANUP_BUF struct buf out = BUF_INIT(CHUNK_MAX);
	CLEANUP_BUF struct buf other = BUF_INIT(CHUNK_MAX);
	struct content_builder b;

	(void)state;
	content_builder_init(&b, put, NULL);
	add_extents(&b, 100000, UINT64_MAX);
	assert_int_equal(content_builder_finish(&b, &out), 0);
	n_new = 0;
	add_extents(&b, 100000, 50003);
	assert_int_equal(content_builder_finish(&b, &other), 0);
	assert_in_range(n_new, 1, 5);
	content_builder_release(&b);
}

static int read_content(const struct buf *b)
{
	struct content_iter it;
	struct extent x;
	int e = content_open(SPAN_OF(b), &it);

	while (e >= 0 && (e = content_next(&it, &x)) == 1)
		;
	return e;
}

/* depth count { kind len [id] [offset] } by hand; kind < 0: none. */
static int read_item(uint8_t depth, uint64_t count, int kind, uint64_t len,
		     uint64_t offset, const char *rest)
{
	CLEANUP_BUF struct buf b = BUF_INIT(4096);
	uint8_t id[CHUNK_ID_LEN] = { 1 };
	int e = buf_u8(&b, depth);

	if (e == 0)
		e = buf_varint(&b, count);
	if (e == 0 && kind >= 0 && depth == 0)
		e = buf_varint(&b, (uint64_t)kind);
	if (e == 0 && kind >= 0)
		e = buf_varint(&b, len);
	if (e == 0 && kind > 0)
		e = buf_append(&b, id, sizeof(id));
	if (e == 0 && kind == EXTENT_PART)
		e = buf_varint(&b, offset);
	if (e == 0)
		e = buf_append(&b, rest, strlen(rest));
	assert_int_equal(e, 0);
	return read_content(&b);
}

static void test_hostile_contents_are_refused(void **state)
{
	(void)state;
	assert_int_equal(read_item(0, 0, -1, 0, 0, ""), 0);
	assert_int_equal(read_item(0, 1, EXTENT_CHUNK, 5, 0, ""), 0);
	assert_int_equal(read_item(0, 1, EXTENT_PART, 5, 9, ""), 0);
	assert_int_equal(read_item(0, 1, EXTENT_HOLE, 1ull << 60, 0, ""), 0);
	/* length zero, kinds, offsets and depths that do not exist */
	assert_int_equal(read_item(0, 1, EXTENT_CHUNK, 0, 0, ""), -EUCLEAN);
	assert_int_equal(read_item(0, 1, 3, 5, 0, ""), -EUCLEAN);
	assert_int_equal(read_item(0, 1, EXTENT_CHUNK, CHUNK_MAX + 1, 0, ""),
			 -EUCLEAN);
	assert_int_equal(read_item(0, 1, EXTENT_PART, 5, CHUNK_MAX + 1, ""),
			 -EUCLEAN);
	assert_int_equal(read_item(MAP_DEPTH_MAX + 1, 1, EXTENT_CHUNK, 5, 0,
				   ""),
			 -EUCLEAN);
	/* more or fewer items than said, bytes behind them */
	assert_int_equal(read_item(0, UINT64_MAX, EXTENT_CHUNK, 5, 0, ""),
			 -EUCLEAN);
	assert_int_equal(read_item(0, 2, EXTENT_CHUNK, 5, 0, ""), -EUCLEAN);
	assert_int_equal(read_item(0, 1, EXTENT_CHUNK, 5, 0, "x"), -EUCLEAN);
	assert_int_equal(read_item(0, 0, EXTENT_CHUNK, 5, 0, ""), -EUCLEAN);
}

#define TEST(t) cmocka_unit_test_teardown(t, forget)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_type_comes_back),
		TEST(test_names_of_any_bytes),
		TEST(test_an_empty_directory),
		TEST(test_a_raw_entry_can_be_copied),
		TEST(test_a_failing_store_is_told),
		TEST(test_a_big_directory_is_split),
		TEST(test_one_name_changes_few_leaves),
		TEST(test_the_record_is_all_leaves),
		TEST(test_names_that_lead_elsewhere_are_refused),
		TEST(test_doubled_and_unsorted_names_are_refused),
		TEST(test_counts_must_be_right),
		TEST(test_fields_out_of_range_are_refused),
		TEST(test_every_truncation_and_bit_is_survived),
		TEST(test_a_list_of_leaves_is_checked),
		TEST(test_contents_of_any_length_come_back),
		TEST(test_holes_are_merged),
		TEST(test_one_chunk_changes_few_maps),
		TEST(test_hostile_contents_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
