/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_fixture.h - a fresh store of some kind for each test, and what the
 * tests of stores ask it.
 *
 * Helpers assert; they return only if all is well.
 */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store.h"

#define HELLO SPAN("hello", 5)
#define WORLD SPAN("world!", 6)

enum fixture_kind {
	DIR_KIND,
	MEM_KIND,
	LIMIT_MEM,
	FAULT_DIR,
	FAULT_MEM,
	LIMIT_DIR,
	VAULT_KIND,
	KINDS
};

#define KIND(k) (1u << (k))
#define ALL_KINDS ((1u << KINDS) - 1)
/* Those that take any bytes under any name. */
#define FREE_KINDS (ALL_KINDS & ~KIND(VAULT_KIND))
/* Those that another process can open too, and that lie in a directory. */
#define SHARED_KINDS (KIND(DIR_KIND) | KIND(FAULT_DIR) | KIND(LIMIT_DIR))

struct fixture {
	enum fixture_kind kind;
	char root[64]; /* scratch directory */
	char repo[80]; /* the store's, or its registration's */
	struct store *s;
};

struct test_case {
	const char *name;
	CMUnitTestFunction fn;
	unsigned int kinds; /* KIND()s to run it on */
};

#define CASE(fn, kinds)                                                        \
	{                                                                      \
#fn, fn, kinds                                                 \
	}

/* Called, if set, before each test's store is made and after it is freed. */
extern void (*fixture_reset)(void);

/* Run each case on each of its kinds; *state is a struct fixture. Output is
 * TAP. Returns main()'s result. */
int fixture_run(const char *title, const struct test_case *cases, size_t n);

/* The name of data in a test that calls it `label` (hexadecimal): a vault
 * takes it under its hash only, and heads by their numbers. NAMED lives as long
 * as the block around it. */
#define NAMED(f, cls, label, data)                                             \
	fixture_name((char[STORE_NAME_MAX + 1]){ 0 }, f, cls, label, data)
const char *fixture_name(char out[static STORE_NAME_MAX + 1],
			 const struct fixture *f, enum store_class cls,
			 const char *label, struct span data);
/* Other bytes of the same name, where a kind can have such; else data. */
struct span fixture_other(const struct fixture *f, struct span data,
			  struct span other);

/* A second store on the same directory, as another process would open it. */
struct store *fixture_again(const struct fixture *f);
/* REPO/sub */
const char *fixture_path(char out[static 256], const struct fixture *f,
			 const char *sub);
/* The number of names in REPO/sub, objects or not. */
int fixture_entries(const struct fixture *f, const char *sub);

/* What was logged since the test began. */
extern int log_lines;
extern char last_line[512];

void assert_object(struct store *s, enum store_class cls, const char *name,
		   struct span want);
int count_objects(struct store *s, enum store_class cls);
int count_all(struct store *s);
/* store_list_fn that counts in an int. */
int count_one(void *arg, const char *name, uint64_t size);
/* store_get() of an object of at most 1000 bytes: its size or the error. */
int get_size(struct store *s, enum store_class cls, const char *name);
/* len bytes that repeat nowhere near; the caller frees them. */
uint8_t *pattern(size_t len);

#endif /* STORE_FIXTURE_H */
