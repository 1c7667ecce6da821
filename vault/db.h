/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db.h - what the vault remembers: SQLite, and nothing of what is in it.
 *
 * WAL, synchronous=FULL, foreign keys. Queries see what is committed, but for
 * those within db_write(). Writers share commits:
 * db_write() runs a function's statements in a savepoint of a transaction
 * that is open for whoever comes meanwhile, and returns when it is on stable
 * storage.
 *
 * SQL comes with a word that tells the kinds of its parameters, a letter each:
 *	s const char * (NULL: null)	i int64_t	b struct span
 * A statement is prepared once, by the address of its text: literals only.
 *
 * Errors:  -EEXIST: a key is taken; -ENOENT: a row that is referred to is not
 *          there; -EPERM: a trigger refused; these are not logged. -EIO,
 *          -ENOSPC, -ENOMEM, logged.
 * Threads: any.
 * Source:  sqlite.org/wal.html, sqlite.org/pragma.html#pragma_synchronous.
 */
#ifndef VAULT_DB_H
#define VAULT_DB_H

#include <stdint.h>

#include "base/buf.h"
#include "base/macros.h"

struct db;
struct db_row;

/* Open or make the file, and bring its tables to this version's. -EINVAL
 * (logged): it is a newer version's. */
MUST_CHECK int db_open(const char *path, struct db **out);
void db_close(struct db *db); /* NULL is allowed */

/* fn's changes together, or, if it returns an error, none of them; within
 * another's fn they are a part of that. Not within db_query(). fn uses
 * db_exec() and db_query(), and holds all others up: no input or output. */
typedef int db_fn(struct db *db, void *arg);
MUST_CHECK int db_write(struct db *db, db_fn *fn, void *arg);

/* Only within db_write(). Returns how many rows it changed. */
MUST_CHECK int db_exec(struct db *db, const char *sql, const char *kinds, ...);

/* fn gets each row; what is not 0 ends the query and is returned. */
typedef int db_row_fn(void *arg, const struct db_row *row);
MUST_CHECK int db_query(struct db *db, db_row_fn *fn, void *arg,
			const char *sql, const char *kinds, ...);
/* The first row's first column; -ENOENT if there is none or it is null. */
MUST_CHECK int db_number(struct db *db, int64_t *out, const char *sql,
			 const char *kinds, ...);

/* Columns from 0. Text and bytes are borrowed for the row; null is NULL, or
 * empty, or 0. */
const char *db_text(const struct db_row *row, int column);
struct span db_bytes(const struct db_row *row, int column);
int64_t db_int(const struct db_row *row, int column);

#endif /* VAULT_DB_H */
