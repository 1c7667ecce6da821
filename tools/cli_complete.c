/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli_complete.c - completion scripts for bash, zsh and fish.
 *
 * The scripts hold the table's words and nothing of their own: verbs, forms,
 * options, the words of a value, and whether a value is a file.
 */
#include "tools/cli.h"

#include <string.h>

#include "base/log.h"

/* Text inside single quotes of a shell. */
static void put_quoted(FILE *out, const char *s)
{
	fputc('\'', out);
	for (; *s; s++)
		if (*s == '\'')
			fputs("'\\''", out);
		else
			fputc(*s, out);
	fputc('\'', out);
}

/* --- bash --- */

static void bash_names(FILE *out, const struct cli_opt *o)
{
	for (; o && o->name; o++) {
		fprintf(out, " --%s", o->name);
		if (o->letter)
			fprintf(out, " -%c", o->letter);
	}
}

/* `case` branches: what follows each option that takes a value. The verb is
 * part of the word, as one letter means different things in two verbs. */
static void bash_values(FILE *out, const struct cli_opt *o, const char *verb)
{
	for (; o && o->name; o++) {
		if (o->kind == CLI_FLAG || o->value_optional)
			continue;
		fprintf(out, "\t%s:--%s", verb, o->name);
		if (o->letter)
			fprintf(out, "|%s:-%c", verb, o->letter);
		fputs(") ", out);
		if (o->words)
			fprintf(out, "words='%s'", o->words);
		else if (o->hint == CLI_HINT_FILE)
			fputs("how=-f", out);
		else if (o->hint == CLI_HINT_DIR)
			fputs("how=-d", out);
		else if (o->hint == CLI_HINT_COMMAND)
			fputs("how=-c", out);
		else
			fputs("how=none", out);
		fputs(" ;;\n", out);
	}
}

static void bash_verb(FILE *out, const struct cli_verb *v)
{
	const struct cli_form *f;
	const char *sep = "";

	fprintf(out, "\t%s) opts='", v->name);
	bash_names(out, v->opts);
	fputs("' args='", out);
	for (f = v->forms; f->help && f->word; f++) {
		fprintf(out, "%s%s", sep, f->word);
		sep = " ";
	}
	if (!strcmp(v->name, "help"))
		fputs("'\"$verbs\"'", out);
	fputs("' ", out);
	if (v->arg_hint == CLI_HINT_FILE)
		fputs("files=-f ", out);
	if (v->arg_hint == CLI_HINT_DIR)
		fputs("files=-d ", out);
	fputs(";;\n", out);
}

static const char bash_head[] =
	"# bash completion for tidemark\n"
	"_tidemark()\n"
	"{\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} "
	"prev=${COMP_WORDS[COMP_CWORD-1]}\n"
	"\tlocal verb='' how='' words='' opts='' args='' files='' i w\n";

static const char bash_find_verb[] =
	"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	"\t\tw=${COMP_WORDS[i]}\n"
	"\t\tcase \" $verbs \" in *\" $w \"*) verb=$w; break ;; esac\n"
	"\tdone\n"
	"\tif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
	"\tif [[ $cur == = ]]; then\n"
	"\t\tcur=''\n"
	"\tfi\n"
	"\tcase \"$verb:$prev\" in\n";

static const char bash_global[] =
	"\tesac\n"
	"\tcase \"${how:-${words:+w}}:all:$prev\" in\n";

static const char bash_tail[] =
	"\tesac\n"
	"\tif [[ -n $words ]]; then\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
	"\telif [[ $how == none ]]; then\n"
	"\t\tCOMPREPLY=()\n"
	"\telif [[ -n $how ]]; then\n"
	"\t\tcompopt -o filenames 2>/dev/null\n"
	"\t\tmapfile -t COMPREPLY < <(compgen \"$how\" -- \"$cur\")\n"
	"\telif [[ $cur == -* ]]; then\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -W \"$opts $global\" -- "
	"\"$cur\")\n"
	"\telif [[ -z $verb ]]; then\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -W \"$verbs\" -- \"$cur\")\n"
	"\telif [[ -n $args ]]; then\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -W \"$args\" -- \"$cur\")\n"
	"\tfi\n"
	"\tif [[ -n $files && -z $words$how && $cur != -* && "
	"${#COMPREPLY[@]} -eq 0 ]]; then\n"
	"\t\tcompopt -o filenames 2>/dev/null\n"
	"\t\tmapfile -t COMPREPLY < <(compgen \"$files\" -- \"$cur\")\n"
	"\tfi\n"
	"}\n"
	"complete -F _tidemark tidemark\n";

static void write_bash(FILE *out)
{
	const struct cli_verb *v;
	const char *sep = "";

	fputs(bash_head, out);
	fputs("\tlocal verbs='", out);
	for (v = cli_verbs; v->name; v++) {
		if (!v->run)
			continue;
		fprintf(out, "%s%s", sep, v->name);
		sep = " ";
	}
	fputs("'\n\tlocal global='", out);
	bash_names(out, cli_global_opts);
	fputs("'\n", out);
	fputs(bash_find_verb, out);
	for (v = cli_verbs; v->name; v++)
		if (v->run)
			bash_values(out, v->opts, v->name);
	fputs(bash_global, out);
	bash_values(out, cli_global_opts, ":all");
	fputs("\tesac\n\tcase $verb in\n", out);
	for (v = cli_verbs; v->name; v++)
		if (v->run)
			bash_verb(out, v);
	fputs(bash_tail, out);
}

/* --- zsh --- */

/* Inside an _arguments spec, ':' and brackets are special. */
static void zsh_text(FILE *out, const char *s)
{
	for (; *s; s++) {
		if (strchr("[]:\\", *s))
			fputc('\\', out);
		if (*s == '\'')
			fputs("'\\''", out);
		else
			fputc(*s, out);
	}
}

static void zsh_action(FILE *out, enum cli_hint hint)
{
	static const char *const action[] = {
		[CLI_HINT_NONE] = " ",
		[CLI_HINT_FILE] = "_files",
		[CLI_HINT_DIR] = "_files -/",
		[CLI_HINT_COMMAND] = "_command_names",
	};

	fputs(action[hint], out);
}

static void zsh_spec(FILE *out, const struct cli_opt *o, const char *spelling,
		     bool is_long)
{
	const char *value = !is_long ? "" : o->value_optional ? "=-" : "=";

	if (o->kind == CLI_FLAG)
		value = "";
	fprintf(out, "\t\t\t'%s%s%s%s[",
		o->kind == CLI_LIST || o->kind == CLI_FLAG ? "*" : "", spelling,
		o->kind != CLI_FLAG && !is_long ? "+" : "", value);
	zsh_text(out, o->help);
	fputc(']', out);
	if (o->kind != CLI_FLAG) {
		fputs(o->value_optional ? "::" : ":", out);
		zsh_text(out, o->metavar);
		fputc(':', out);
		if (o->words)
			fprintf(out, "(%s)", o->words);
		else
			zsh_action(out, o->hint);
	}
	fputs("' \\\n", out);
}

static void zsh_opts(FILE *out, const struct cli_opt *o)
{
	char spelling[80];

	for (; o && o->name; o++) {
		snprintf(spelling, sizeof(spelling), "--%s", o->name);
		zsh_spec(out, o, spelling, true);
		snprintf(spelling, sizeof(spelling), "-%c", o->letter);
		if (o->letter)
			zsh_spec(out, o, spelling, false);
	}
}

static void zsh_verb(FILE *out, const struct cli_verb *v)
{
	const struct cli_form *f = v->forms;

	fprintf(out, "\t\t(%s)\n\t\t_arguments -s \\\n", v->name);
	zsh_opts(out, v->opts);
	zsh_opts(out, cli_global_opts);
	if (f->word) {
		fputs("\t\t\t'1:word:((", out);
		for (; f->help && f->word; f++) {
			fprintf(out, "%s\\:\"", f->word);
			zsh_text(out, f->help);
			fputs("\" ", out);
		}
		fputs("))' \\\n", out);
	}
	if (!strcmp(v->name, "help"))
		fputs("\t\t\t'1:verb:_tidemark_verbs'\n", out);
	else {
		fputs("\t\t\t'*:argument:", out);
		zsh_action(out, v->arg_hint);
		fputs("'\n", out);
	}
	fputs("\t\t;;\n", out);
}

static void write_zsh(FILE *out)
{
	const struct cli_verb *v;

	fputs("#compdef tidemark\n\n_tidemark_verbs()\n{\n\tlocal -a verbs\n"
	      "\tverbs=(\n",
	      out);
	for (v = cli_verbs; v->name; v++) {
		if (!v->run)
			continue;
		fprintf(out, "\t\t'%s:", v->name);
		zsh_text(out, v->help);
		fputs("'\n", out);
	}
	fputs("\t)\n\t_describe verb verbs\n}\n\n_tidemark()\n{\n"
	      "\tlocal context state state_descr line\n"
	      "\ttypeset -A opt_args\n\t_arguments -s -C \\\n",
	      out);
	zsh_opts(out, cli_global_opts);
	fputs("\t\t\t'1:verb:_tidemark_verbs' \\\n"
	      "\t\t\t'*::argument:->verb'\n"
	      "\tif [[ $state == verb ]]; then\n\t\tcase $line[1] in\n",
	      out);
	for (v = cli_verbs; v->name; v++)
		if (v->run)
			zsh_verb(out, v);
	/* Sourced, it only defines; autoloaded, it is the function. */
	fputs("\t\tesac\n\tfi\n}\n\n"
	      "if [[ $funcstack[1] == _tidemark ]]; then\n"
	      "\t_tidemark \"$@\"\nelse\n\tcompdef _tidemark tidemark\nfi\n",
	      out);
}

/* --- fish --- */

static void fish_opts(FILE *out, const struct cli_opt *o, const char *verb)
{
	for (; o && o->name; o++) {
		fputs("complete -c tidemark", out);
		if (verb)
			fprintf(out, " -n '__fish_seen_subcommand_from %s'",
				verb);
		fprintf(out, " -l %s", o->name);
		if (o->letter)
			fprintf(out, " -s %c", o->letter);
		if (o->kind != CLI_FLAG && !o->value_optional)
			fputs(o->hint == CLI_HINT_FILE ? " -r -F" : " -x", out);
		if (o->words)
			fprintf(out, " -a '%s'", o->words);
		else if (o->hint == CLI_HINT_DIR)
			fputs(" -a '(__fish_complete_directories)'", out);
		else if (o->hint == CLI_HINT_COMMAND)
			fputs(" -a '(__fish_complete_command)'", out);
		fputs(" -d ", out);
		put_quoted(out, o->help);
		fputc('\n', out);
	}
}

static void fish_verb(FILE *out, const struct cli_verb *v)
{
	const struct cli_form *f;

	fprintf(out, "complete -c tidemark -n __fish_use_subcommand -a %s -d ",
		v->name);
	put_quoted(out, v->help);
	fputc('\n', out);
	for (f = v->forms; f->help && f->word; f++) {
		fprintf(out,
			"complete -c tidemark -n '__fish_seen_subcommand_from "
			"%s' -a %s -d ",
			v->name, f->word);
		put_quoted(out, f->help);
		fputc('\n', out);
	}
	if (v->arg_hint != CLI_HINT_NONE)
		fprintf(out,
			"complete -c tidemark -n '__fish_seen_subcommand_from "
			"%s' %s\n",
			v->name,
			v->arg_hint == CLI_HINT_FILE
				? "-F"
				: "-a '(__fish_complete_directories)'");
	fish_opts(out, v->opts, v->name);
}

static void write_fish(FILE *out)
{
	const struct cli_verb *v;

	fputs("# fish completion for tidemark\ncomplete -c tidemark -f\n", out);
	fish_opts(out, cli_global_opts, NULL);
	for (v = cli_verbs; v->name; v++)
		if (v->run)
			fish_verb(out, v);
}

void cli_complete_write(FILE *out, const char *shell)
{
	if (!strcmp(shell, "bash"))
		write_bash(out);
	else if (!strcmp(shell, "zsh"))
		write_zsh(out);
	else
		write_fish(out);
}
