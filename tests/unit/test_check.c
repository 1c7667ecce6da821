/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_check.c - repositories that are authentic and yet wrong.
 *
 * What a stranger changes is found by its MAC (tests/e2e/tamper.bats). Here
 * the writer itself was wrong: trees that refer to what is not there, sizes
 * that do not add up, an index that points elsewhere.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "repo/check.h"
#include "repo/tree.h"
#include "repo/writer.h"

#define PASS SPAN("a passphrase for tests", 22)

struct fixture {
	struct store *store;
	struct repo *repo;
	struct writer *writer;
	struct lane *lane;
	struct check_report rep;
};

/* nobody guesses here */
static const struct kdf_choice cheap = { KDF_ARGON2ID, KDF_MEMORY_MIN };

static int setup(void **state)
{
	struct repo_options opt = { 0 };
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(store_open_mem(&f->store), 0);
	assert_int_equal(repo_init(f->store, PASS, cheap, "test"), 0);
	assert_int_equal(repo_open(f->store, PASS, &opt, &f->repo), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	check_report_release(&f->rep);
	repo_free(f->repo);
	store_free(f->store);
	free(f);
	return 0;
}

/* --- writing --- */

static void begin(struct fixture *f)
{
	struct writer_options opt = { .level = 1 };

	assert_int_equal(writer_new(f->repo, &opt, &f->writer), 0);
	assert_int_equal(lane_new(f->writer, &f->lane), 0);
}

static int put(void *arg, enum chunk_kind kind, struct span bytes,
	       uint8_t id[CHUNK_ID_LEN])
{
	struct fixture *f = arg;

	return lane_add(f->lane, kind, bytes, id);
}

static void put_data(struct fixture *f, const char *text,
		     uint8_t id[CHUNK_ID_LEN])
{
	assert_int_equal(put(f, CHUNK_DATA, SPAN(text, strlen(text)), id), 0);
}

/* A content of one whole chunk. */
static void one_chunk(struct buf *content, const uint8_t *id, uint64_t len)
{
	content->len = 0;
	assert_int_equal(buf_u8(content, 0), 0);
	assert_int_equal(buf_varint(content, 1), 0);
	assert_int_equal(buf_varint(content, EXTENT_CHUNK), 0);
	assert_int_equal(buf_varint(content, len), 0);
	assert_int_equal(buf_append(content, id, CHUNK_ID_LEN), 0);
}

/* A directory of this one entry. */
static void one_entry(struct fixture *f, const struct node *n,
		      uint8_t id[CHUNK_ID_LEN])
{
	CLEANUP_BUF struct buf raw = BUF_INIT(4096);
	struct tree_builder b;

	tree_builder_init(&b, 0, put, NULL, f);
	assert_int_equal(tree_entry_encode(n, &raw), 0);
	assert_int_equal(tree_builder_add(&b, n->name, n->uid, n->gid,
					  SPAN_OF(&raw)),
			 0);
	assert_int_equal(tree_builder_finish(&b, id), 0);
	tree_builder_release(&b);
}

static void tree_of_file(struct fixture *f, const char *name,
			 struct span content, uint64_t size,
			 uint8_t id[CHUNK_ID_LEN])
{
	struct node n = { .type = NODE_FILE,
			  .name = SPAN(name, strlen(name)),
			  .size = size,
			  .content = content };

	one_entry(f, &n, id);
}

static void tree_of_dir(struct fixture *f, const char *name,
			const uint8_t below[CHUNK_ID_LEN],
			uint8_t id[CHUNK_ID_LEN])
{
	struct node n = { .type = NODE_DIR, .name = SPAN(name, strlen(name)) };

	memcpy(n.tree, below, CHUNK_ID_LEN);
	one_entry(f, &n, id);
}

static void end(struct fixture *f, const uint8_t tree[CHUNK_ID_LEN])
{
	struct snapshot s = { .time_ns = 1 };
	bool lost = false;

	memcpy(s.tree, tree, CHUNK_ID_LEN);
	assert_int_equal(writer_flush(f->writer), 0);
	assert_int_equal(writer_commit(f->writer, &s, &lost), 0);
	lane_free(f->lane);
	assert_false(lost);
	writer_free(f->writer);
}

/* One good file in one snapshot. */
static void good(struct fixture *f, const char *text)
{
	CLEANUP_BUF struct buf content = BUF_INIT(4096);
	uint8_t id[CHUNK_ID_LEN];

	begin(f);
	put_data(f, text, id);
	one_chunk(&content, id, strlen(text));
	tree_of_file(f, "good", SPAN_OF(&content), strlen(text), id);
	end(f, id);
}

/* --- looking --- */

static int look(struct fixture *f, double read_data)
{
	struct check_options opt = { .read_data = read_data, .threads = 2 };

	check_report_release(&f->rep);
	return check_repo(f->repo, &opt, &f->rep);
}

static const struct check_problem *only_problem(struct fixture *f,
						enum check_object object)
{
	const struct check_problem *p;

	assert_int_equal(f->rep.count, 1);
	p = &f->rep.problems[0];
	assert_string_equal(check_object_name(p->object),
			    check_object_name(object));
	return p;
}

static void assert_place(const struct check_problem *p, const char *path)
{
	assert_true(p->n_places >= 1);
	assert_int_equal(p->places[0].len, strlen(path));
	assert_memory_equal(p->places[0].path, path, strlen(path));
}

/* --- tests --- */

static void test_good(void **state)
{
	struct fixture *f = *state;

	good(f, "one");
	good(f, "two");
	assert_int_equal(look(f, 0), 0);
	assert_int_equal(f->rep.count, 0);
	assert_int_equal(f->rep.snapshots, 2);
	assert_int_equal(f->rep.heads, 3);
	assert_int_equal(f->rep.files, 2);
	assert_int_equal(f->rep.trees, 2);
	assert_int_equal(f->rep.chunks, 2);
	assert_int_equal(f->rep.packs, 4);
	assert_int_equal(f->rep.packs_read, 0);
	assert_int_equal(look(f, 100), 0);
	assert_int_equal(f->rep.count, 0);
	assert_int_equal(f->rep.packs_read, 4);
	assert_int_equal(f->rep.bytes_read, f->rep.pack_bytes);
}

static void test_share(void **state)
{
	struct fixture *f = *state;

	good(f, "one");
	good(f, "two");
	assert_int_equal(look(f, 50), 0);
	assert_int_equal(f->rep.packs_read, 2);
	/* never none */
	assert_int_equal(look(f, 1), 0);
	assert_int_equal(f->rep.packs_read, 1);
}

static void test_unknown_chunk(void **state)
{
	CLEANUP_BUF struct buf content = BUF_INIT(4096);
	struct fixture *f = *state;
	uint8_t id[CHUNK_ID_LEN] = { 1 }, tree[CHUNK_ID_LEN];
	const struct check_problem *p;

	begin(f);
	one_chunk(&content, id, 3);
	tree_of_file(f, "file", SPAN_OF(&content), 3, tree);
	tree_of_dir(f, "dir", tree, tree);
	end(f, tree);
	assert_int_equal(look(f, 0), 0);
	p = only_problem(f, CHECK_CHUNK);
	assert_int_equal(p->affected, 1);
	assert_place(p, "/dir/file");
	assert_int_equal(f->rep.hurt.count, 1);
}

static void test_unknown_tree(void **state)
{
	struct fixture *f = *state;
	uint8_t none[CHUNK_ID_LEN] = { 1 }, tree[CHUNK_ID_LEN];

	begin(f);
	tree_of_dir(f, "dir", none, tree);
	end(f, tree);
	assert_int_equal(look(f, 0), 0);
	assert_place(only_problem(f, CHECK_TREE), "/dir");
	begin(f);
	end(f, none);
	assert_int_equal(look(f, 0), 0);
	assert_int_equal(f->rep.count, 1);
	assert_int_equal(f->rep.problems[0].affected, 2);
	assert_int_equal(f->rep.hurt.count, 2);
}

static void test_short_chunk(void **state)
{
	CLEANUP_BUF struct buf content = BUF_INIT(4096);
	struct fixture *f = *state;
	uint8_t id[CHUNK_ID_LEN];

	begin(f);
	put_data(f, "abc", id);
	one_chunk(&content, id, 4);
	tree_of_file(f, "file", SPAN_OF(&content), 4, id);
	end(f, id);
	assert_int_equal(look(f, 0), 0);
	assert_place(only_problem(f, CHECK_CHUNK), "/file");
	assert_int_equal(f->rep.hurt.count, 1);
}

static void test_wrong_size(void **state)
{
	CLEANUP_BUF struct buf content = BUF_INIT(4096);
	struct fixture *f = *state;
	uint8_t id[CHUNK_ID_LEN];

	begin(f);
	put_data(f, "abc", id);
	one_chunk(&content, id, 3);
	tree_of_file(f, "file", SPAN_OF(&content), 5, id);
	end(f, id);
	assert_int_equal(look(f, 0), 0);
	assert_place(only_problem(f, CHECK_TREE), "/file");
}

/* A tree's bytes are not a file's, even if somebody says so. */
static void test_wrong_kind(void **state)
{
	CLEANUP_BUF struct buf content = BUF_INIT(4096);
	struct fixture *f = *state;
	uint8_t id[CHUNK_ID_LEN], tree[CHUNK_ID_LEN];

	begin(f);
	put_data(f, "abc", id);
	one_chunk(&content, id, 3);
	tree_of_file(f, "inner", SPAN_OF(&content), 3, tree);
	one_chunk(&content, tree, 3);
	tree_of_file(f, "outer", SPAN_OF(&content), 3, tree);
	end(f, tree);
	assert_int_equal(look(f, 0), 0);
	assert_place(only_problem(f, CHECK_CHUNK), "/outer");
}

static void test_no_tree(void **state)
{
	struct fixture *f = *state;
	uint8_t id[CHUNK_ID_LEN];

	begin(f);
	assert_int_equal(put(f, CHUNK_TREE, SPAN("\2garbage", 8), id), 0);
	tree_of_dir(f, "dir", id, id);
	end(f, id);
	assert_int_equal(look(f, 0), 0);
	assert_place(only_problem(f, CHECK_TREE), "/dir");
}

/* A list of one leaf, which says that it has so many entries, from first. */
static void list_of(struct fixture *f, const char *first, uint64_t entries,
		    uint8_t id[CHUNK_ID_LEN])
{
	CLEANUP_BUF struct buf list = BUF_INIT(4096);
	CLEANUP_BUF struct buf content = BUF_INIT(4096);
	uint8_t leaf[CHUNK_ID_LEN];

	put_data(f, "abc", leaf);
	one_chunk(&content, leaf, 3);
	tree_of_file(f, "file", SPAN_OF(&content), 3, leaf);
	assert_int_equal(buf_u8(&list, 1), 0);
	assert_int_equal(buf_varint(&list, 1), 0);
	assert_int_equal(buf_bytes(&list, first, strlen(first)), 0);
	assert_int_equal(buf_append(&list, leaf, CHUNK_ID_LEN), 0);
	assert_int_equal(buf_varint(&list, entries), 0);
	assert_int_equal(put(f, CHUNK_TREE, SPAN_OF(&list), id), 0);
}

static void check_list(struct fixture *f, const char *first, uint64_t entries,
		       uint32_t problems)
{
	uint8_t id[CHUNK_ID_LEN];

	begin(f);
	list_of(f, first, entries, id);
	end(f, id);
	assert_int_equal(look(f, 0), 0);
	assert_int_equal(f->rep.count, problems);
}

static void test_list_good(void **state)
{
	check_list(*state, "file", 1, 0);
}

static void test_list_count(void **state)
{
	check_list(*state, "file", 2, 1);
}

static void test_list_first(void **state)
{
	check_list(*state, "a", 1, 1);
}

/* A list of lists is none. */
static void test_list_nested(void **state)
{
	CLEANUP_BUF struct buf list = BUF_INIT(4096);
	struct fixture *f = *state;
	uint8_t id[CHUNK_ID_LEN];

	begin(f);
	list_of(f, "file", 1, id);
	assert_int_equal(buf_u8(&list, 1), 0);
	assert_int_equal(buf_varint(&list, 1), 0);
	assert_int_equal(buf_bytes(&list, "file", 4), 0);
	assert_int_equal(buf_append(&list, id, CHUNK_ID_LEN), 0);
	assert_int_equal(buf_varint(&list, 1), 0);
	assert_int_equal(put(f, CHUNK_TREE, SPAN_OF(&list), id), 0);
	end(f, id);
	assert_int_equal(look(f, 0), 0);
	only_problem(f, CHECK_TREE);
}

/* A content that is one map, of which the entry says it has len bytes. */
static void file_with_map(struct fixture *f, uint64_t len,
			  uint8_t tree[CHUNK_ID_LEN])
{
	CLEANUP_BUF struct buf content = BUF_INIT(4096);
	uint8_t id[CHUNK_ID_LEN];

	put_data(f, "abc", id);
	one_chunk(&content, id, 3);
	assert_int_equal(put(f, CHUNK_MAP, SPAN_OF(&content), id), 0);
	content.len = 0;
	assert_int_equal(buf_u8(&content, 1), 0);
	assert_int_equal(buf_varint(&content, 1), 0);
	assert_int_equal(buf_varint(&content, len), 0);
	assert_int_equal(buf_append(&content, id, CHUNK_ID_LEN), 0);
	tree_of_file(f, "mapped", SPAN_OF(&content), len, tree);
}

static void test_map(void **state)
{
	struct fixture *f = *state;
	uint8_t tree[CHUNK_ID_LEN];
	uint32_t i;
	bool map = false;

	begin(f);
	file_with_map(f, 3, tree);
	end(f, tree);
	assert_int_equal(look(f, 100), 0);
	assert_int_equal(f->rep.count, 0);
	assert_int_equal(f->rep.maps, 1);
	/* the same map, known to be good, where it does not fit */
	begin(f);
	file_with_map(f, 4, tree);
	end(f, tree);
	assert_int_equal(look(f, 0), 0);
	for (i = 0; i < f->rep.count; i++)
		map |= f->rep.problems[i].object == CHECK_MAP;
	assert_true(map);
}

static void test_only_one_is_hurt(void **state)
{
	CLEANUP_BUF struct buf content = BUF_INIT(4096);
	struct fixture *f = *state;
	uint8_t id[CHUNK_ID_LEN] = { 1 };

	good(f, "one");
	begin(f);
	one_chunk(&content, id, 3);
	tree_of_file(f, "file", SPAN_OF(&content), 3, id);
	end(f, id);
	good(f, "three");
	assert_int_equal(look(f, 0), 0);
	assert_int_equal(f->rep.hurt.count, 1);
	assert_memory_equal(f->rep.hurt.ids[0],
			    repo_head(f->repo)->snapshots.ids[1],
			    OBJECT_ID_LEN);
}

/* --- heads and indexes that say what is not so --- */

static void test_condemned(void **state)
{
	struct fixture *f = *state;
	const struct index *ix;
	struct index_pack pack;
	struct head next;

	good(f, "one");
	assert_int_equal(repo_index(f->repo, &ix), 0);
	pack = table_pack(&ix->tables[0], 0);
	assert_int_equal(head_copy(&next, repo_head(f->repo)), 0);
	assert_int_equal(idlist_add(&next.doomed, pack.id), 0);
	assert_int_equal(repo_commit(f->repo, &next), 0);
	head_release(&next);
	assert_int_equal(look(f, 0), 0);
	only_problem(f, CHECK_PACK);
}

/* Replace the head's index by its table after change() had it. */
static void replace_index(struct fixture *f,
			  void (*change)(struct index_pack *packs,
					 struct index_chunk *chunks),
			  bool keep_old)
{
	CLEANUP_BUF struct buf bytes = BUF_INIT(1u << 20);
	struct index_pack packs[8];
	struct index_frame frames[8];
	struct index_chunk chunks[8];
	uint8_t id[OBJECT_ID_LEN];
	const struct index *ix;
	const struct table *t;
	struct head next;
	uint32_t i;

	assert_int_equal(repo_index(f->repo, &ix), 0);
	t = &ix->tables[0];
	assert_true(t->packs <= 8 && t->frames <= 8 && t->chunks <= 8);
	for (i = 0; i < t->packs; i++)
		packs[i] = table_pack(t, i);
	for (i = 0; i < t->frames; i++)
		frames[i] = table_frame(t, i);
	for (i = 0; i < t->chunks; i++)
		chunks[i] = table_chunk(t, i);
	change(packs, chunks);
	assert_int_equal(table_encode(packs, t->packs, frames, t->frames,
				      chunks, t->chunks, &bytes),
			 0);
	assert_int_equal(repo_store_table(f->repo, SPAN_OF(&bytes), id), 0);
	assert_int_equal(head_copy(&next, repo_head(f->repo)), 0);
	if (!keep_old)
		idlist_remove(&next.indexes, t->id);
	assert_int_equal(idlist_add(&next.indexes, id), 0);
	assert_int_equal(repo_commit(f->repo, &next), 0);
	head_release(&next);
}

static void shorten_chunk(struct index_pack *packs, struct index_chunk *chunks)
{
	(void)packs;
	chunks[0].len--;
	chunks[0].offset++;
}

static void test_index_points_elsewhere(void **state)
{
	struct fixture *f = *state;

	good(f, "one");
	replace_index(f, shorten_chunk, false);
	assert_int_equal(look(f, 100), 0);
	/* packs are read first: it is not only felt in a tree */
	assert_true(f->rep.count >= 1);
	assert_int_equal(f->rep.problems[0].object, CHECK_PACK);
	assert_non_null(strstr(f->rep.problems[0].what, "that the index has"));
	assert_int_equal(f->rep.stray_indexes, 1);
}

static void lengthen_pack(struct index_pack *packs, struct index_chunk *chunks)
{
	(void)chunks;
	packs[0].size++;
}

static void test_index_pack_size(void **state)
{
	struct fixture *f = *state;

	good(f, "one");
	replace_index(f, lengthen_pack, false);
	assert_int_equal(look(f, 0), 0);
	only_problem(f, CHECK_PACK);
}

static void test_indexes_disagree(void **state)
{
	struct fixture *f = *state;

	good(f, "one");
	replace_index(f, lengthen_pack, true);
	assert_int_equal(look(f, 0), 0);
	only_problem(f, CHECK_PACK);
	assert_non_null(strstr(f->rep.problems[0].what, "disagree"));
}

/* --- the check's own end --- */

static bool at_once(void)
{
	return true;
}

static void test_stop(void **state)
{
	struct fixture *f = *state;
	struct check_options opt = { .read_data = 100,
				     .threads = 2,
				     .stop = at_once };

	good(f, "one");
	assert_int_equal(check_repo(f->repo, &opt, &f->rep), -ECANCELED);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_good),
		T(test_share),
		T(test_unknown_chunk),
		T(test_unknown_tree),
		T(test_short_chunk),
		T(test_wrong_size),
		T(test_wrong_kind),
		T(test_no_tree),
		T(test_list_good),
		T(test_list_count),
		T(test_list_first),
		T(test_list_nested),
		T(test_map),
		T(test_only_one_is_hurt),
		T(test_condemned),
		T(test_index_points_elsewhere),
		T(test_index_pack_size),
		T(test_indexes_disagree),
		T(test_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
