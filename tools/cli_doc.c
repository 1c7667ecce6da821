/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli_doc.c - usage text from the table.
 */
#include "tools/cli.h"

#include <string.h>

#include "tools/cli_text.h"

#define COLUMN 32
#define WIDTH 79

void cli_opt_heading(char *out, size_t size, const struct cli_opt *opt)
{
	char letter[8] = "    ", value[80] = "";

	if (opt->letter)
		snprintf(letter, sizeof(letter), "-%c, ", opt->letter);
	if (opt->metavar)
		snprintf(value, sizeof(value),
			 opt->value_optional ? "[=%s]" : " %s", opt->metavar);
	snprintf(out, size, "%s--%s%s", letter, opt->name, value);
}

bool cli_group_starts(const struct cli_opt *opts, const struct cli_opt *o)
{
	const struct cli_opt *p;

	for (p = opts; p < o; p++)
		if (!strcmp(cli_group_name(p), cli_group_name(o)))
			return false;
	return true;
}

const char *cli_group_name(const struct cli_opt *o)
{
	return o->group ? o->group : "Options";
}

void cli_wrap(FILE *out, const char *text, size_t column, size_t indent,
	      size_t width)
{
	while (*text) {
		size_t n = strcspn(text, " ");

		if (column + 1 + n > width && column > indent) {
			fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			fputc(' ', out);
			column++;
		}
		fprintf(out, "%.*s", (int)n, text);
		column += n;
		text += n;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

/* "  heading      text", the text in its column. */
static void entry(FILE *out, const char *heading, const char *text,
		  size_t column)
{
	size_t n = strlen(heading) + 2;

	fprintf(out, "  %s", heading);
	if (n + 2 > column)
		fprintf(out, "\n%*s", (int)column, "");
	else
		fprintf(out, "%*s", (int)(column - n), "");
	cli_wrap(out, text, column, column, WIDTH);
}

static void options(FILE *out, const struct cli_opt *opts)
{
	const struct cli_opt *o, *p;
	char heading[128];

	for (o = opts; o && o->name; o++) {
		if (!cli_group_starts(opts, o))
			continue;
		fprintf(out, "\n%s:\n", cli_group_name(o));
		for (p = o; p->name; p++) {
			if (strcmp(cli_group_name(p), cli_group_name(o)))
				continue;
			cli_opt_heading(heading, sizeof(heading), p);
			entry(out, heading, p->help, COLUMN);
		}
	}
}

static void verbs_of_group(FILE *out, const char *group)
{
	const struct cli_verb *v;

	fprintf(out, "\n%s:\n", group);
	for (v = cli_verbs; v->name; v++)
		if (v->run && !strcmp(v->group, group))
			entry(out, v->name, v->help, 14);
}

void cli_usage(FILE *out)
{
	const struct cli_verb *v, *p;

	fputs("Usage: tidemark [OPTION]... VERB [ARGUMENT]...\n"
	      "Encrypted, incremental backup.\n",
	      out);
	for (v = cli_verbs; v->name; v++) {
		for (p = cli_verbs; p != v; p++)
			if (p->run && !strcmp(p->group, v->group))
				break;
		if (p == v && v->run)
			verbs_of_group(out, v->group);
	}
	options(out, cli_global_opts);
	fputs("\n`tidemark help VERB` explains a verb, tidemark(1) the rest.\n",
	      out);
}

void cli_usage_verb(FILE *out, const struct cli_verb *verb)
{
	const struct cli_form *f;
	const char *text = verb->detail;
	char heading[128];
	bool words = false;

	for (f = verb->forms; f->help; f++)
		fprintf(out, "%s tidemark %s%s%s%s%s%s\n",
			f == verb->forms ? "Usage:" : "      ", verb->name,
			verb->opts ? " [OPTION]..." : "", f->word ? " " : "",
			f->word ? f->word : "", *f->args ? " " : "", f->args);
	while (*text) {
		const char *end = strstr(text, "\n\n");
		size_t n = end ? (size_t)(end - text) : strlen(text);
		char *part = strndup(text, n);

		fputc('\n', out);
		if (part)
			cli_wrap(out, part, 0, 0, WIDTH);
		free(part);
		text += n + (end ? 2 : 0);
	}
	for (f = verb->forms; f->help; f++) {
		if (!*f->help)
			continue;
		if (!words)
			fputs("\nForms:\n", out);
		words = true;
		snprintf(heading, sizeof(heading), "%s%s%s",
			 f->word ? f->word : "", f->word && *f->args ? " " : "",
			 f->args);
		entry(out, heading, f->help, 20);
	}
	options(out, verb->opts);
	options(out, cli_global_opts);
}
