/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli_man.c - manual pages from the table, in mdoc(7).
 *
 * One page for the program and one for each verb. Text is escaped, broken
 * after each sentence (as mdoc wants it) and wrapped.
 */
#include "tools/cli.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/log.h"
#include "tools/cli_text.h"
#include "version.h"

/* Characters that roff would take for its own. A hyphen is written so that
 * it can be copied from the page as a minus. */
static void put_escaped(FILE *out, const char *s, size_t n)
{
	if (n > 0 && (*s == '.' || *s == '\''))
		fputs("\\&", out);
	for (; n > 0; n--, s++) {
		if (*s == '\\')
			fputs("\\e", out);
		else if (*s == '-')
			fputs("\\-", out);
		else if (*s == '~')
			fputs("\\(ti", out);
		else if (*s == '`')
			fputs("\\(ga", out);
		else
			fputc(*s, out);
	}
}

/* Running text: a new line after each sentence and before column 72. */
static void put_text(FILE *out, const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t n = strcspn(text, " \n");

		if (column > 0 && column + 1 + n > 72) {
			fputc('\n', out);
			column = 0;
		}
		if (column > 0)
			fputc(' ', out);
		put_escaped(out, text, n);
		column += n + 1;
		text += n;
		if (!strncmp(text, "\n\n", 2)) {
			fputs("\n.Pp", out);
			column = 99;
		} else if (n > 0 && text[-1] == '.' && *text) {
			fputc('\n', out);
			column = 0;
		}
		text += strspn(text, " \n");
	}
	fputc('\n', out);
}

/* An argument of a macro: "PATH..." and brackets as they are. */
static void put_arg(FILE *out, const char *text)
{
	fputc('"', out);
	put_escaped(out, text, strlen(text));
	fputc('"', out);
}

/* Half a line of help as a sentence: "Read it." */
static void put_sentence(FILE *out, const char *help)
{
	char text[512];

	snprintf(text, sizeof(text), "%s.", help);
	*text = (char)toupper((unsigned char)*text);
	put_text(out, text);
}

static void put_header(FILE *out, const char *page, const char *help)
{
	const char *p;

	fprintf(out, ".\\\" SPDX-License-Identifier: Apache-2.0\n");
	fprintf(out, ".Dd %s\n.Dt ", TIDEMARK_DATE);
	for (p = page; *p; p++)
		fputc(toupper((unsigned char)*p), out);
	fputs(" 1\n.Os\n", out);
	fprintf(out, ".Sh NAME\n.Nm %s\n.Nd %s\n", page, help);
}

static void put_option(FILE *out, const struct cli_opt *o)
{
	fputs(".It ", out);
	if (o->letter)
		fprintf(out, "Fl %c , ", o->letter);
	fprintf(out, "Fl \\-%s", o->name);
	if (o->value_optional)
		fprintf(out, " Ns Op = Ns Ar %s", o->metavar);
	else if (o->metavar) {
		fputs(" Ar ", out);
		put_arg(out, o->metavar);
	}
	fputc('\n', out);
	put_sentence(out, o->help);
	if (o->detail)
		put_text(out, o->detail);
	if (o->env)
		fprintf(out, "The default is taken from\n.Ev %s .\n", o->env);
	if (o->kind == CLI_LIST)
		fputs("Can be given more than once.\n", out);
	if (o->only) {
		fputs("Only with the words: ", out);
		put_text(out, o->only);
	}
}

static void put_options(FILE *out, const struct cli_opt *opts)
{
	const struct cli_opt *o, *p;

	for (o = opts; o && o->name; o++) {
		if (!cli_group_starts(opts, o))
			continue;
		fprintf(out, ".Ss %s\n.Bl -tag -width Ds\n", cli_group_name(o));
		for (p = o; p->name; p++)
			if (!strcmp(cli_group_name(p), cli_group_name(o)))
				put_option(out, p);
		fputs(".El\n", out);
	}
}

static void put_examples(FILE *out, const char *examples)
{
	if (!examples)
		return;
	fputs(".Sh EXAMPLES\n", out);
	while (*examples) {
		size_t what = strcspn(examples, "\n");
		const char *command = examples + what + 2;
		size_t n = strcspn(command, "\n");
		char *text = strndup(examples, what);

		if (text)
			put_sentence(out, text);
		free(text);
		fputs(".Bd -literal -offset indent\n", out);
		put_escaped(out, command, n);
		fputs("\n.Ed\n", out);
		examples = command + n + 1;
		if (*examples)
			fputs(".Pp\n", out);
	}
}

static void put_synopsis(FILE *out, const struct cli_verb *verb)
{
	const struct cli_form *f;

	fputs(".Sh SYNOPSIS\n", out);
	for (f = verb->forms; f->help; f++) {
		fprintf(out, ".Nm tidemark %s\n.Op Ar option ...\n",
			verb->name);
		if (f->word)
			fprintf(out, ".Cm %s\n", f->word);
		if (*f->args) {
			fputs(".Ar ", out);
			put_arg(out, f->args);
			fputc('\n', out);
		}
	}
}

static void verb_page(FILE *out, const struct cli_verb *verb)
{
	const struct cli_form *f;
	char page[64];
	bool words = false;

	snprintf(page, sizeof(page), "tidemark-%s", verb->name);
	put_header(out, page, verb->help);
	put_synopsis(out, verb);
	fputs(".Sh DESCRIPTION\n", out);
	put_text(out, verb->detail);
	for (f = verb->forms; f->help; f++) {
		if (!*f->help)
			continue;
		if (!words)
			fputs(".Bl -tag -width Ds\n", out);
		words = true;
		fprintf(out, ".It%s%s%s", f->word ? " Cm " : "",
			f->word ? f->word : "", *f->args ? " Ar " : "");
		if (*f->args)
			put_arg(out, f->args);
		fputc('\n', out);
		put_sentence(out, f->help);
	}
	if (words)
		fputs(".El\n", out);
	if (verb->opts)
		fputs(".Sh OPTIONS\n", out);
	put_options(out, verb->opts);
	fputs(".Pp\nThe options of every verb are in\n"
	      ".Sy tidemark Ns (1) .\n",
	      out);
	put_examples(out, verb->examples);
}

static const char main_tail[] =
	".Sh ENVIRONMENT\n"
	".Bl -tag -width Ds\n"
	".It Ev TIDEMARK_REPOSITORY\n"
	"The repository, if\n"
	".Fl \\-repo\n"
	"is not given.\n"
	".It Ev TIDEMARK_PASSPHRASE_FILE\n"
	"A file with the passphrase.\n"
	".It Ev TIDEMARK_PASSPHRASE_COMMAND\n"
	"A command that prints the passphrase.\n"
	".It Ev CREDENTIALS_DIRECTORY\n"
	"Where systemd puts credentials; the one named\n"
	".Pa tidemark.passphrase\n"
	"is the passphrase.\n"
	".It Ev TIDEMARK_CACHE_DIR\n"
	"The directory of the local catalog.\n"
	".It Ev TIDEMARK_VAULT_RETRY_SECONDS\n"
	"For how long a request to a vault that breaks off or does not answer\n"
	"is sent again; 600 if not set.\n"
	"A vault that has not answered once is given up after 60.\n"
	".It Ev TMPDIR\n"
	"Where what is sent to a vault is kept, encrypted, until it has\n"
	"answered; /var/tmp if not set.\n"
	"About 300 MB at most.\n"
	".It Ev https_proxy , no_proxy\n"
	"A proxy on the way to a vault.\n"
	".El\n"
	".Pp\n"
	"The passphrase is taken from the options; if there is none, from the\n"
	"environment; then from the credential; then it is asked for on the\n"
	"terminal.\n"
	"Two sources of the same rank are an error.\n"
	"It is never taken from an argument or from the environment itself,\n"
	"because other users and programs can see them.\n"
	".Sh EXIT STATUS\n"
	".Bl -tag -width 130 -compact\n"
	".It 0\n"
	"Done.\n"
	".It 1\n"
	"Failed.\n"
	".It 3\n"
	"Finished, but some sources could not be read.\n"
	".It 4\n"
	"An audit found changes that nothing had told of.\n"
	".It 10\n"
	"There is no repository.\n"
	".It 11\n"
	"Another process has the lock or lease.\n"
	".It 12\n"
	"The passphrase is wrong.\n"
	".It 130\n"
	"Interrupted.\n"
	".El\n"
	".Pp\n"
	"Treat every other value as a failure.\n";

static const char main_json[] =
	".Sh JSON\n"
	"With\n"
	".Fl \\-json ,\n"
	"standard output is a sequence of JSON objects, one in each line, and\n"
	"so is standard error.\n"
	"Each has a\n"
	".Li message_type\n"
	"and the number of the\n"
	".Li schema ,\n"
	"now 1.\n"
	"Members may be added without a new number.\n"
	"On standard output there are\n"
	".Li status ,\n"
	".Li summary ,\n"
	"and what the verb lists; on standard error\n"
	".Li error ,\n"
	".Li warning ,\n"
	".Li info ,\n"
	".Li debug ,\n"
	"and at last, if the exit status is not 0,\n"
	".Li exit_error\n"
	"with its\n"
	".Li code .\n"
	"A name that is not UTF\\-8 is given twice: readable, with the "
	"invalid\n"
	"bytes replaced, and exactly, in a member with\n"
	".Li _b64\n"
	"behind the name.\n";

static void main_page(FILE *out)
{
	const struct cli_verb *v;

	put_header(out, "tidemark", "encrypted, incremental backup");
	fputs(".Sh SYNOPSIS\n.Nm\n.Op Ar option ...\n.Ar verb\n"
	      ".Op Ar argument ...\n"
	      ".Sh DESCRIPTION\n.Nm\n"
	      "stores snapshots of files in an encrypted repository.\n"
	      "What is already there is not stored again.\n"
	      "The repository can be read with the passphrase alone.\n"
	      ".Pp\nThe verbs, each with a page of its own "
	      "(tidemark\\-backup, ...):\n"
	      ".Bl -tag -width completion -compact\n",
	      out);
	for (v = cli_verbs; v->name; v++) {
		if (!v->run)
			continue;
		fprintf(out, ".It Cm %s\n", v->name);
		put_sentence(out, v->help);
	}
	fputs(".El\n.Pp\nA\n.Ar SNAPSHOT\n"
	      "is named by the beginning of its id, by\n.Cm latest ,\n"
	      ".Cm latest\\(ti1\n(the one before) and so on, or by a time:\n"
	      "the last one not after it.\n"
	      ".Pp\nA\n.Ar SIZE\n"
	      "is a number of bytes with K, M, G or T behind for powers of\n"
	      "1024.\n"
	      "Options and arguments can be mixed; after\n.Fl \\-\n"
	      "there are only arguments.\n"
	      ".Sh OPTIONS\n",
	      out);
	put_options(out, cli_global_opts);
	fputs(main_tail, out);
	fputs(main_json, out);
}

static int write_page(int dir, const char *name, const struct cli_verb *verb)
{
	CLEANUP_CLOSE int fd = openat(
		dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	CLEANUP_FILE FILE *out = NULL;

	if (fd < 0)
		return log_fail(-errno, "create %s", name);
	out = fdopen(fd, "w");
	if (!out)
		return -ENOMEM;
	(void)TAKE_FD(fd);
	if (verb)
		verb_page(out, verb);
	else
		main_page(out);
	if (fflush(out) != 0)
		return log_fail(-errno, "write %s", name);
	return 0;
}

int cli_man_write(const char *dir)
{
	CLEANUP_CLOSE int fd = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	const struct cli_verb *v;
	char name[80];
	int r;

	if (fd < 0)
		return log_fail(-errno, "open directory %s", dir);
	r = write_page(fd, "tidemark.1", NULL);
	for (v = cli_verbs; r == 0 && v->name; v++) {
		if (!v->run)
			continue;
		snprintf(name, sizeof(name), "tidemark-%s.1", v->name);
		r = write_page(fd, name, v);
	}
	return r;
}
