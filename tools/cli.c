/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli.c - argument words to options and arguments, by the table.
 *
 * Options and arguments may be mixed until "--". One-letter options can be
 * joined (-xn), their value joined or next (-rREPO, -r REPO); long ones take
 * it by "=" or next. Before the verb only global options can stand. What
 * the table says about a value (its kind, bounds, words) and about options
 * together (excludes, needs, forms) is checked here, so that a command sees
 * only sound combinations.
 */
#include "tools/cli.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "tools/cli_priv.h"

bool cli_in_list(const char *list, const char *word, size_t len)
{
	char one[64];

	while (cli_next_word(&list, one))
		if (strlen(one) == len && !memcmp(one, word, len))
			return true;
	return false;
}

bool cli_next_word(const char **list, char out[static 64])
{
	size_t n;

	if (!*list || !**list)
		return false;
	n = strcspn(*list, " ");
	assert(n > 0 && n < 64);
	memcpy(out, *list, n);
	out[n] = '\0';
	*list += n;
	*list += **list == ' ';
	return true;
}

const struct cli_verb *cli_verb_find(const char *name)
{
	const struct cli_verb *v;

	for (v = cli_verbs; v->name; v++)
		if (v->run && !strcmp(v->name, name))
			return v;
	return NULL;
}

/* "backup: " for messages, or nothing before the verb is known. */
static const char *where(const struct cli *cli, char out[static 64])
{
	if (cli->verb)
		snprintf(out, 64, "%s: ", cli->verb->name);
	else
		out[0] = '\0';
	return out;
}

#define WRONG(cli, fmt, ...)                                                   \
	({                                                                     \
		char where_[64];                                               \
		log_error("%s" fmt, where(cli, where_), ##__VA_ARGS__);        \
		-EINVAL;                                                       \
	})

static int add_slots(struct cli *cli, const struct cli_opt *opts)
{
	size_t n = 0;
	struct cli_slot *p;

	while (opts && opts[n].name)
		n++;
	p = reallocarray(cli->slots, cli->nslots + n + 1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	cli->slots = p;
	for (; n > 0; n--)
		p[cli->nslots++] = (struct cli_slot){ opts++, 0, NULL };
	return 0;
}

static struct cli_slot *slot_long(struct cli *cli, const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < cli->nslots; i++)
		if (strlen(cli->slots[i].opt->name) == len &&
		    !memcmp(cli->slots[i].opt->name, name, len))
			return &cli->slots[i];
	return NULL;
}

static struct cli_slot *slot_short(struct cli *cli, char letter)
{
	size_t i;

	for (i = 0; i < cli->nslots; i++)
		if (cli->slots[i].opt->letter == letter)
			return &cli->slots[i];
	return NULL;
}

static int give(struct cli *cli, struct cli_slot *s, const char *value)
{
	const char **p;
	char why[256];

	if (value && cli_check_value(s->opt, value, why, sizeof(why)) < 0)
		return WRONG(cli, "--%s%s%s: %s", s->opt->name,
			     *value ? " " : "", value, why);
	if (s->opt->kind != CLI_FLAG) {
		p = reallocarray(s->values, s->count + 1, sizeof(*p));
		if (!p)
			return -ENOMEM;
		p[s->count] = value;
		s->values = p;
	}
	s->count++;
	return 0;
}

static const char before_verb[] = " (a verb's options come after it)";

static int unknown_opt(struct cli *cli, const char *name, size_t len)
{
	char typed[64];
	const char *near;

	snprintf(typed, sizeof(typed), "%.*s", (int)MIN(len, sizeof(typed)),
		 name);
	near = cli_suggest_opt(cli->verb, typed);
	if (!near)
		return WRONG(cli, "unknown option --%.*s%s", (int)len, name,
			     cli->verb ? "" : before_verb);
	return WRONG(cli, "unknown option --%.*s, did you mean --%s?", (int)len,
		     name, near);
}

/* --name, --name=value, or --name and the next word. Returns the number of
 * words taken. */
static int parse_long(struct cli *cli, char **word)
{
	const char *name = word[0] + 2, *eq = strchr(name, '=');
	size_t len = eq ? (size_t)(eq - name) : strlen(name);
	struct cli_slot *s = slot_long(cli, name, len);
	const char *value = eq ? eq + 1 : NULL;
	int taken = 1, r;

	if (!s)
		return unknown_opt(cli, name, len);
	if (s->opt->kind == CLI_FLAG && eq)
		return WRONG(cli, "--%s takes no value", s->opt->name);
	if (s->opt->kind != CLI_FLAG && !eq && !s->opt->value_optional) {
		value = word[1];
		taken = 2;
		if (!value)
			return WRONG(cli, "--%s needs a value", s->opt->name);
	}
	r = give(cli, s, value);
	return r < 0 ? r : taken;
}

static int parse_short(struct cli *cli, char **word)
{
	const char *p;
	int r;

	for (p = word[0] + 1; *p; p++) {
		struct cli_slot *s = slot_short(cli, *p);

		if (!s)
			return WRONG(cli, "unknown option -%c%s", *p,
				     cli->verb ? "" : before_verb);
		if (s->opt->kind == CLI_FLAG) {
			r = give(cli, s, NULL);
			if (r < 0)
				return r;
			continue;
		}
		if (!p[1] && !word[1])
			return WRONG(cli, "-%c needs a value", *p);
		r = give(cli, s, p[1] ? p + 1 : word[1]);
		return r < 0 ? r : p[1] ? 1 : 2;
	}
	return 1;
}

static int parse_verb(struct cli *cli, const char *name)
{
	const char *near;

	cli->verb = cli_verb_find(name);
	if (cli->verb)
		return add_slots(cli, cli->verb->opts);
	near = cli_suggest_verb(name);
	if (near)
		log_error("unknown verb %s, did you mean %s?", name, near);
	else
		log_error("unknown verb %s, see tidemark help", name);
	return -EINVAL;
}

static int parse_words(struct cli *cli, char **word)
{
	bool literal = false;
	int r;

	while (*word) {
		if (!literal && !strcmp(*word, "--")) {
			literal = true;
			r = 1;
		} else if (!literal && !strncmp(*word, "--", 2)) {
			r = parse_long(cli, word);
		} else if (!literal && **word == '-' && word[0][1]) {
			r = parse_short(cli, word);
		} else if (!cli->verb) {
			r = parse_verb(cli, *word);
			r = r < 0 ? r : 1;
		} else {
			cli->args[cli->nargs++] = *word;
			r = 1;
		}
		if (r < 0)
			return r;
		word += r;
	}
	return 0;
}

/* Find the form by its word and take the word off the arguments. */
static int choose_form(struct cli *cli)
{
	const struct cli_form *f;
	char words[256] = "", text[256], near[64];
	size_t n = 0;

	for (f = cli->verb->forms; f->help; f++) {
		if (!f->word)
			break;
		if (cli->nargs > 0 && !strcmp(cli->args[0], f->word)) {
			cli->form = f;
			cli->args++;
			cli->nargs--;
			return 0;
		}
		n += (size_t)snprintf(words + n, sizeof(words) - n, "%s%s",
				      n ? " " : "", f->word);
		assert(n < sizeof(words));
	}
	if (f->help) {
		cli->form = f;
		return 0;
	}
	if (cli->nargs > 0 && cli_suggest_word(words, cli->args[0], near))
		return WRONG(cli, "unknown word %s, did you mean %s?",
			     cli->args[0], near);
	return WRONG(cli, "say %s",
		     cli_list_text(words, "", text, sizeof(text)));
}

/* The first option of list that is given, or NULL. */
static const char *first_given(const struct cli *cli, const char *list,
			       char out[static 64])
{
	while (cli_next_word(&list, out))
		if (cli_given(cli, out))
			return out;
	return NULL;
}

static int check_opt(const struct cli *cli, const struct cli_opt *o)
{
	const char *word = cli->form->word ? cli->form->word : "";
	char one[64], text[256];

	if (o->only && !cli_in_list(o->only, word, strlen(word)))
		return WRONG(cli, "--%s belongs to %s %s", o->name,
			     cli->verb->name,
			     cli_list_text(o->only, "", text, sizeof(text)));
	if (first_given(cli, o->excludes, one))
		return WRONG(cli, "--%s and --%s contradict each other",
			     o->name, one);
	if (o->needs && !first_given(cli, o->needs, one))
		return WRONG(cli, "--%s needs %s", o->name,
			     cli_list_text(o->needs, "--", text, sizeof(text)));
	if (o->without_args && cli->nargs > 0)
		return WRONG(cli, "--%s and %s contradict each other", o->name,
			     cli->args[0]);
	return 0;
}

/* An option given that says what the arguments are, or NULL. */
static const struct cli_opt *names_args(const struct cli *cli)
{
	size_t i;

	for (i = 0; i < cli->nslots; i++)
		if (cli->slots[i].count > 0 && cli->slots[i].opt->args)
			return cli->slots[i].opt;
	return NULL;
}

/* `--read-data 10%`: the option given without its optional value that would
 * take this one, or NULL. */
static const struct cli_opt *meant_value(const struct cli *cli, const char *arg)
{
	char why[256];
	size_t i;

	for (i = 0; i < cli->nslots; i++) {
		const struct cli_slot *s = &cli->slots[i];

		if (s->count > 0 && s->opt->value_optional &&
		    !s->values[s->count - 1] &&
		    cli_check_value(s->opt, arg, why, sizeof(why)) == 0)
			return s->opt;
	}
	return NULL;
}

static int check_arity(const struct cli *cli)
{
	const struct cli_form *f = cli->form;
	const struct cli_verb *v = cli->verb;
	char one[64], text[256];
	int n = (int)cli->nargs;

	if (n < f->min && !first_given(cli, v->args_or, one)) {
		const struct cli_opt *o = names_args(cli);

		if (o)
			return WRONG(cli, "--%s needs %s", o->name, o->args);
		if (v->args_or)
			return WRONG(cli, "needs %s, or one of %s", f->args,
				     cli_list_text(v->args_or, "--", text,
						   sizeof(text)));
		return WRONG(cli, "%s%sneeds %s", f->word ? f->word : "",
			     f->word ? " " : "", f->args);
	}
	if (f->max >= 0 && n > f->max && meant_value(cli, cli->args[f->max]))
		return WRONG(cli,
			     "%s is one argument too many, did you mean "
			     "--%s=%s?",
			     cli->args[f->max],
			     meant_value(cli, cli->args[f->max])->name,
			     cli->args[f->max]);
	if (f->max >= 0 && n > f->max)
		return WRONG(cli, "%s is one argument too many",
			     cli->args[f->max]);
	if (v->one_of && !first_given(cli, v->one_of, one))
		return WRONG(cli, "needs %s",
			     cli_list_text(v->one_of, "--", text,
					   sizeof(text)));
	return 0;
}

static int check(struct cli *cli)
{
	size_t i;
	int r;

	if (cli_flag(cli, "help") || !cli->verb)
		return 0;
	r = choose_form(cli);
	for (i = 0; r == 0 && i < cli->nslots; i++)
		if (cli->slots[i].count > 0)
			r = check_opt(cli, cli->slots[i].opt);
	return r < 0 ? r : check_arity(cli);
}

int cli_parse(int argc, char **argv, struct cli **out)
{
	struct cli *cli = calloc(1, sizeof(*cli));
	struct timespec now;
	int r = -ENOMEM;

	if (!cli)
		return -ENOMEM;
	clock_gettime(CLOCK_REALTIME, &now);
	cli->now_ns = now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
	cli->words = calloc((size_t)argc + 1, sizeof(*cli->words));
	cli->args = cli->words;
	if (cli->words)
		r = add_slots(cli, cli_global_opts);
	if (r == 0)
		r = parse_words(cli, argv + (argc > 0));
	if (r == 0)
		r = check(cli);
	if (r < 0) {
		cli_free(cli);
		return r;
	}
	*out = cli;
	return 0;
}

void cli_free(struct cli *cli)
{
	size_t i;

	if (!cli)
		return;
	for (i = 0; i < cli->nslots; i++)
		free(cli->slots[i].values);
	free(cli->slots);
	free(cli->words);
	free(cli);
}

bool cli_wants_json(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--json"))
			return true;
	return false;
}
