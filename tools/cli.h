/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli.h - the command line: one table, its parser, and what it generates.
 *
 * verbs.c holds the table of verbs and options. The parser, the usage text,
 * the manual pages and the completions all read it, so they cannot disagree:
 * a new option is one entry there.
 *
 * Lists inside the table are words separated by one space ("a b c").
 *
 * Errors:  a function that returns int gives 0 or a negative errno, and has
 *          logged one line.
 * Memory:  what an accessor returns belongs to the cli and lives as long; it
 *          never changes after cli_parse().
 * Threads: accessors from any thread.
 */
#ifndef TOOLS_CLI_H
#define TOOLS_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/macros.h"
#include "base/timeparse.h"

/* What a process that ran tidemark sees. Documented in tidemark(1). */
enum cli_exit {
	CLI_OK = 0,
	CLI_FATAL = 1,
	CLI_PARTIAL = 3, /* finished, but some sources could not be read */
	CLI_MISSED = 4,	 /* an audit found changes that were not recorded */
	CLI_NO_REPOSITORY = 10,
	CLI_LOCKED = 11,
	CLI_WRONG_PASSPHRASE = 12,
	CLI_INTERRUPTED = 130,
};

/* --- the table --- */

enum cli_kind {
	CLI_FLAG,     /* no value; may be repeated: cli_count() */
	CLI_STRING,   /* cli_str() */
	CLI_LIST,     /* strings, each time one more: cli_list() */
	CLI_SIZE,     /* bytes with K, M, G, T: cli_u64() */
	CLI_INT,      /* min..max, or one of words: cli_u64() */
	CLI_WORD,     /* one of words: cli_str() */
	CLI_PERCENT,  /* min..max, "%" may be left out: cli_percent() */
	CLI_DURATION, /* like 1y6m14d12h: cli_duration() */
	CLI_TIME,     /* a date and time: cli_time() */
};

/* What a shell completes after the option. */
enum cli_hint { CLI_HINT_NONE, CLI_HINT_FILE, CLI_HINT_DIR, CLI_HINT_COMMAND };

struct cli_opt {
	const char *name; /* NULL ends an array */
	char letter;	  /* or 0 */
	enum cli_kind kind;
	enum cli_hint hint;
	const char *metavar;  /* NULL for a flag */
	const char *group;    /* heading in usage and manual */
	const char *help;     /* half a line, no full stop */
	const char *detail;   /* more for the manual, or NULL */
	const char *words;    /* of CLI_WORD and CLI_INT */
	uint64_t min, max;    /* of CLI_INT and CLI_PERCENT */
	bool value_optional;  /* a value only as --name=VALUE */
	bool may_be_empty;    /* of CLI_STRING */
	bool without_args;    /* contradicts arguments of the verb */
	const char *env;      /* read by cli_str() if not given */
	const char *excludes; /* options that contradict this one */
	const char *needs;    /* one of these must be given too */
	const char *args;     /* what arguments are with it, for messages */
	const char *only;     /* forms of the verb it belongs to; NULL: all */
	const char *aka;      /* what other tools call it, for suggestions */
};

/* `tidemark VERB WORD ARGS`; word NULL: the form without a word. */
struct cli_form {
	const char *word;
	const char *args; /* as in the synopsis, or "" */
	int min, max;	  /* how many; max -1: any number */
	const char *help; /* NULL ends an array */
};

struct cli;

struct cli_verb {
	const char *name; /* NULL ends the table */
	const char *group;
	const char *help;	      /* half a line, no full stop */
	const char *detail;	      /* manual; paragraphs by "\n\n" */
	const char *examples;	      /* "what\n\tcommand\n" each, or NULL */
	const struct cli_form *forms; /* the first without a word comes last */
	const struct cli_opt *opts;
	const char *args_or; /* these options stand in for arguments */
	const char *one_of;  /* at least one of these must be given */
	enum cli_hint arg_hint;
	bool prints; /* standard output is its purpose: SIGPIPE ends it */
	const char *aka;
	int (*run)(struct cli *cli); /* NULL: not built in, not shown */
};

extern const struct cli_verb cli_verbs[];
extern const struct cli_opt cli_global_opts[];

/* The verb, or NULL. */
const struct cli_verb *cli_verb_find(const char *name);
/* Is word one of the words of list (which may be NULL)? */
bool cli_in_list(const char *list, const char *word, size_t len);
/* Walk a list: copies the next word to out and moves *list on; false at its
 * end. */
bool cli_next_word(const char **list, char out[static 64]);

/* --- the parser --- */

/* Parse a command line into *out. Logs one line and returns -EINVAL if it
 * is wrong. */
MUST_CHECK int cli_parse(int argc, char **argv, struct cli **out);
/* NULL is allowed. */
void cli_free(struct cli *cli);
/* Did the words ask for --json? Looks before parsing, so that the errors of
 * parsing are JSON too. */
bool cli_wants_json(int argc, char **argv);

const struct cli_verb *cli_verb_of(const struct cli *cli);
/* The word of the form used ("add" of `key add`), or NULL. */
const char *cli_form_word(const struct cli *cli);
/* The arguments after the verb and its form's word. */
const char *const *cli_args(const struct cli *cli, size_t *n);

/* An option that no verb has is a mistake of ours and asserts; one that
 * this verb does not have is not given. */
bool cli_flag(const struct cli *cli, const char *name);
unsigned int cli_count(const struct cli *cli, const char *name);
/* Given on the command line (not by the environment). */
bool cli_given(const struct cli *cli, const char *name);
/* The value as text: the last one given, else the environment's, else
 * NULL. */
const char *cli_str(const struct cli *cli, const char *name);
/* The last value, or fallback if the option is not given. A word that
 * stands for a number ("unlimited") is UINT64_MAX. */
uint64_t cli_u64(const struct cli *cli, const char *name, uint64_t fallback);
double cli_percent(const struct cli *cli, const char *name, double fallback);

struct cli_strings {
	const char *const *v;
	size_t n;
};
/* Every value given, in order. */
struct cli_strings cli_list(const struct cli *cli, const char *name);

/* False if the option is not given. */
bool cli_duration(const struct cli *cli, const char *name,
		  struct timespan *out);
/* Nanoseconds since 1970. False if the option is not given. */
bool cli_time(const struct cli *cli, const char *name, int64_t *out);

/* Where local copies are kept: --cache-dir, its variable, or the place that
 * fits the user; NULL, with a warning, if there is no such place. *out is the
 * caller's to free. */
MUST_CHECK int cli_cache_dir(const struct cli *cli, char **out);

/* --- values (cli_value.c) --- */
/* Decimal digits and nothing else. -EINVAL, -ERANGE, not logged. */
MUST_CHECK int cli_parse_u64(const char *s, uint64_t *out);
/* "10", "2.5%". -EINVAL, not logged. */
MUST_CHECK int cli_parse_percent(const char *s, double *out);
/* Is v a good value of o? If not, why: half a line behind "--NAME VALUE: ".
 * -EINVAL. */
MUST_CHECK int cli_check_value(const struct cli_opt *o, const char *v,
			       char *why, size_t size);
/* "a, b or c" of a list; every word with prefix before it. Returns out. */
const char *cli_list_text(const char *list, const char *prefix, char *out,
			  size_t size);

/* --- nearest match (cli_suggest.c) --- */
/* The least of a few edits from a to b, an exchange of neighbours being
 * one. */
unsigned int cli_distance(const char *a, const char *b);
/* The name nearest to what was typed, or NULL if none is near. */
const char *cli_suggest_verb(const char *typed);
const char *cli_suggest_opt(const struct cli_verb *verb, const char *typed);
const char *cli_suggest_word(const char *words, const char *typed,
			     char out[static 64]);

/* --- generated text --- */
void cli_usage(FILE *out);
void cli_usage_verb(FILE *out, const struct cli_verb *verb);
/* "-e, --exclude PATTERN". */
void cli_opt_heading(char *out, size_t size, const struct cli_opt *opt);
/* Write tidemark.1 and tidemark-VERB.1 into the directory. */
MUST_CHECK int cli_man_write(const char *dir);
/* shell: bash, zsh or fish. */
void cli_complete_write(FILE *out, const char *shell);

/* --- signals (cli_signal.c) --- */
/* SIGINT, SIGTERM and SIGHUP raise a flag; the second one ends the process. */
void cli_signals_init(void);
/* Long loops poll this and come to an orderly end. */
bool cli_interrupted(void);
/* The exit code for a result: 0, or a negative errno as the rooms below
 * mean it. -ENOENT is not among the special ones: only who opened the
 * repository knows that it was the repository that is missing. */
int cli_exit_of(int r);

#endif /* TOOLS_CLI_H */
