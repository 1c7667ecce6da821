/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_fixture.c - a fresh store of some kind for each test.
 */
#include "tests/contract/store_fixture.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "crypto/digest.h"
#include "store/vault.h"
#include "tests/contract/vault_fixture.h"

static const char *const kind_names[] = {
	[DIR_KIND] = "dir",	    [MEM_KIND] = "mem",
	[LIMIT_MEM] = "limit(mem)", [FAULT_DIR] = "fault(dir)",
	[FAULT_MEM] = "fault(mem)", [LIMIT_DIR] = "limit(dir)",
	[VAULT_KIND] = "vault",
};

/* written under the log's own lock */
int log_lines;
char last_line[512];
void (*fixture_reset)(void);

static void sink(enum log_level level, const char *line, void *arg)
{
	(void)level;
	(void)arg;
	log_lines++;
	snprintf(last_line, sizeof(last_line), "%s", line);
}

static bool has_directory(enum fixture_kind kind)
{
	return SHARED_KINDS & KIND(kind);
}

static struct store *decorate(enum fixture_kind kind, struct store *inner)
{
	struct store *s = inner;

	if (kind == LIMIT_MEM || kind == LIMIT_DIR)
		assert_int_equal(0, store_open_limit(inner, 1ull << 40, &s));
	if (kind == FAULT_DIR || kind == FAULT_MEM)
		assert_int_equal(0, store_open_fault(inner, "pglds", 0, 0,
						     false, &s));
	return s;
}

static int remove_one(const char *path, const struct stat *st, int flag,
		      struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const char *tmp = getenv("TMPDIR");
	struct store *inner;

	assert_non_null(f);
	if (fixture_reset)
		fixture_reset();
	f->kind = (enum fixture_kind)(uintptr_t)*state;
	snprintf(f->root, sizeof(f->root), "%.40s/store.XXXXXX",
		 tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(f->root));
	snprintf(f->repo, sizeof(f->repo), "%s/repo", f->root);
	if (f->kind == VAULT_KIND)
		inner = vault_fixture_store(f->repo);
	else if (has_directory(f->kind))
		assert_int_equal(0, store_create_dir(f->repo, &inner));
	else
		assert_int_equal(0, store_open_mem(&inner));
	f->s = decorate(f->kind, inner);
	log_lines = 0;
	last_line[0] = '\0';
	log_set_sink(sink, NULL);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	log_set_sink(NULL, NULL);
	if (fixture_reset)
		fixture_reset();
	store_free(f->s);
	nftw(f->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

struct store *fixture_again(const struct fixture *f)
{
	struct store *s;

	if (f->kind == VAULT_KIND)
		assert_int_equal(0, store_open_vault(f->repo, &s));
	else
		assert_int_equal(0, store_open_dir(f->repo, &s));
	return decorate(f->kind, s);
}

const char *fixture_name(char out[static STORE_NAME_MAX + 1],
			 const struct fixture *f, enum store_class cls,
			 const char *label, struct span data)
{
	uint8_t hash[SHA256_LEN];

	if (f->kind != VAULT_KIND || cls == STORE_CONFIG)
		snprintf(out, STORE_NAME_MAX + 1, "%s", label);
	else if (cls == STORE_HEAD)
		snprintf(out, STORE_NAME_MAX + 1, "%016lx",
			 strtoul(label, NULL, 16));
	else {
		sha256_once(data, hash);
		hex_encode(out, hash, sizeof(hash));
	}
	return out;
}

struct span fixture_other(const struct fixture *f, struct span data,
			  struct span other)
{
	return f->kind == VAULT_KIND ? data : other;
}

const char *fixture_path(char out[static 256], const struct fixture *f,
			 const char *sub)
{
	snprintf(out, 256, "%s/%s", f->repo, sub);
	return out;
}

int fixture_entries(const struct fixture *f, const char *sub)
{
	char path[256];
	DIR *dp = opendir(fixture_path(path, f, sub));
	int n = -2; /* . and .. */

	assert_non_null(dp);
	while (readdir(dp))
		n++;
	closedir(dp);
	return n;
}

int fixture_run(const char *title, const struct test_case *cases, size_t n)
{
	struct CMUnitTest *tests = calloc(n * KINDS, sizeof(*tests));
	char(*names)[128] = calloc(n * KINDS, sizeof(*names));
	size_t count = 0, i;
	int kind, failed;

	for (i = 0; i < n; i++)
		if (cases[i].kinds & KIND(VAULT_KIND))
			vault_fixture_start();
	if (!tests || !names)
		abort();
	for (kind = 0; kind < KINDS; kind++)
		for (i = 0; i < n; i++) {
			if (!(cases[i].kinds & KIND(kind)))
				continue;
			snprintf(names[count], sizeof(*names), "%s: %s",
				 kind_names[kind], cases[i].name);
			tests[count] = (struct CMUnitTest){
				.name = names[count],
				.test_func = cases[i].fn,
				.setup_func = setup,
				.teardown_func = teardown,
				.initial_state = (void *)(uintptr_t)kind,
			};
			count++;
		}
	cmocka_set_message_output(CM_OUTPUT_TAP);
	/* the macro without the underscore wants an array */
	failed = _cmocka_run_group_tests(title, tests, count, NULL, NULL);
	free(tests);
	free(names);
	return failed;
}

void assert_object(struct store *s, enum store_class cls, const char *name,
		   struct span want)
{
	CLEANUP_BUF struct buf b = BUF_INIT(64u << 20);
	uint64_t size = 0;

	assert_int_equal(0, store_get(s, cls, name, &b));
	assert_int_equal(want.len, b.len);
	if (want.len)
		assert_memory_equal(want.p, b.p, want.len);
	assert_int_equal(0, store_stat(s, cls, name, &size));
	assert_int_equal(want.len, size);
}

int count_one(void *arg, const char *name, uint64_t size)
{
	(void)name;
	(void)size;
	++*(int *)arg;
	return 0;
}

int count_objects(struct store *s, enum store_class cls)
{
	int n = 0;

	assert_int_equal(0, store_list(s, cls, count_one, &n));
	return n;
}

int count_all(struct store *s)
{
	int cls, n = 0;

	for (cls = 0; cls < STORE_CLASSES; cls++)
		n += count_objects(s, (enum store_class)cls);
	return n;
}

int get_size(struct store *s, enum store_class cls, const char *name)
{
	CLEANUP_BUF struct buf b = BUF_INIT(1000);
	int r = store_get(s, cls, name, &b);

	return r < 0 ? r : (int)b.len;
}

uint8_t *pattern(size_t len)
{
	uint8_t *p = malloc(len);
	size_t i;

	assert_non_null(p);
	for (i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 2654435761u >> 13);
	return p;
}
