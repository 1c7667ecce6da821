/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verbs_private.h - how the table of verbs is written, and parts of it that
 * have files of their own.
 *
 * Source:  tools/cli.h says what the fields mean.
 */
#ifndef TOOLS_VERBS_PRIVATE_H
#define TOOLS_VERBS_PRIVATE_H

#include "repo/keys.h"
#include "tools/cli.h"

/* clang-format off */

#define OPT_END { .name = NULL }
#define FORM_END { .help = NULL }
#define FORM(a, lo, hi) { NULL, a, lo, hi, "" }
#define WORD(w, a, n, h) { w, a, n, n, h }
#define FLAG(n, l, h, ...)                                                     \
	{ .name = n, .letter = l, .kind = CLI_FLAG, .help = h, __VA_ARGS__ }
#define OPT(k, n, l, m, h, ...)                                                \
	{ .name = n, .letter = l, .kind = CLI_##k, .metavar = m, .help = h,    \
	  __VA_ARGS__ }

/* What several verbs have. */
#define WHICH .group = "Which snapshots"
#define SHARED_FILTERS(host_letter, what)                                      \
	OPT(LIST, "host", host_letter, "HOST", what " of this host", WHICH),   \
	OPT(LIST, "tag", 0, "TAG[,TAG]...", what " with all of these tags",    \
	    WHICH,                                                             \
	    .detail = "Given more than once, any one set of tags is enough."), \
	OPT(LIST, "path", 0, "PATH", what " that hold this path", WHICH,       \
	    .hint = CLI_HINT_FILE)
#define DRY_RUN(text, ...) FLAG("dry-run", 'n', text, __VA_ARGS__)
#define LONG_LIST FLAG("long", 'l', "with mode, owner, size and time")
#define KDF(...)                                                               \
	OPT(WORD, "kdf", 0, "NAME",                                            \
	    "how the passphrase becomes a key: scrypt or argon2id",            \
	    .words = "scrypt argon2id", .excludes = "kdf-memory",              \
	    __VA_ARGS__),                                                      \
	OPT(INT, "kdf-memory", 0, "MIB", "memory that argon2id takes for it",  \
	    .min = KDF_MEMORY_MIN, .max = KDF_MEMORY_MAX,                      \
	    .detail = "64 if not given. Who guesses passphrases needs as "     \
		      "much for each guess: more makes them dearer, and each " \
		      "command slower by as much; less is for machines that "  \
		      "have little.",                                          \
	    __VA_ARGS__)
/* what: exclude or include; tools/patterns.h reads them. */
#define FOLDED "the same, upper and lower case being equal"
#define PATTERNS(what, l, h, text, ...)                                        \
	OPT(LIST, what, l, "PATTERN", h, .detail = text, __VA_ARGS__),         \
	OPT(LIST, "i" what, 0, "PATTERN", FOLDED, __VA_ARGS__)
#define PATTERN_FILES(what, h, others, text, ...)                              \
	OPT(LIST, what "-file", 0, "FILE", h, .hint = CLI_HINT_FILE,           \
	    .aka = others, .detail = text, __VA_ARGS__),                       \
	OPT(LIST, "i" what "-file", 0, "FILE", FOLDED, .hint = CLI_HINT_FILE,  \
	    __VA_ARGS__)
#define PATTERNS_OF(what) what " i" what " " what "-file i" what "-file"

/* --- verbs_restore.c --- */

extern const struct cli_form restore_forms[];
extern const struct cli_opt restore_opts[];

/* --- verbs_vault.c --- */

extern const struct cli_opt register_opts[];
extern const struct cli_opt unregister_opts[];
extern const struct cli_opt machines_opts[];

#endif /* TOOLS_VERBS_PRIVATE_H */
