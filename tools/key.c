/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key.c - the passphrases that open a repository.
 *
 * A key is a slot: a passphrase's wrapping of the master keys. At no moment
 * of any of these does the repository have no slot that opens: what is new
 * is stored first.
 */
#include <errno.h>

#include "base/log.h"
#include "tools/commands.h"
#include "tools/opened.h"
#include "tools/output.h"
#include "tools/passphrase.h"

#define ID_SHOWN 12

struct keys {
	struct cli *cli;
	struct opened o;
	struct passphrase pass; /* the present one */
};

static const char *label_of(const struct cli *cli, char self[static 129])
{
	const char *label = cli_str(cli, "label");

	return label ? label : opened_label(self);
}

static void report(const char *type, const char *text, const char *id)
{
	struct output_line line;

	output_note("%s %.*s\n", text, ID_SHOWN, id);
	if (!output_is_json())
		return;
	output_begin(&line, type);
	json_str(&line.json, "id", id);
	output_end(&line);
}

/* --- list --- */

static int list_fn(void *arg, const char *name, const struct key_slot *slot,
		   bool current)
{
	const char *kdf = slot->kdf == KDF_SCRYPT ? "scrypt" : "argon2id";
	struct output_line line;
	char made[24];
	CLEANUP_FREE char *label =
		output_name(SPAN(slot->label, strlen(slot->label)));

	(void)arg;
	output_text("%c %.*s  %-8s  %s  %s\n", current ? '*' : ' ', ID_SHOWN,
		    name, kdf, output_time(made, (int64_t)slot->created_ns),
		    label ? label : "");
	if (!output_is_json())
		return 0;
	output_begin(&line, "key");
	json_str(&line.json, "id", name);
	json_bool(&line.json, "current", current);
	json_str(&line.json, "kdf", kdf);
	json_array(&line.json, "cost");
	json_u64(&line.json, NULL, slot->cost[0]);
	json_u64(&line.json, NULL, slot->cost[1]);
	json_u64(&line.json, NULL, slot->cost[2]);
	json_close(&line.json);
	json_u64(&line.json, "created_ns", slot->created_ns);
	json_str(&line.json, "label", slot->label);
	output_end(&line);
	return 0;
}

static int key_list(struct keys *k)
{
	output_text("  %-*s  %-8s  %-19s  %s\n", ID_SHOWN, "ID", "KDF", "Made",
		    "Label");
	return cli_exit_of(repo_slots(k->o.repo, list_fn, NULL));
}

/* --- add, passwd --- */

static int add(struct keys *k, char name[static STORE_NAME_MAX + 1])
{
	CLEANUP_PASSPHRASE struct passphrase next = PASSPHRASE_INIT;
	char self[129];
	int e = passphrase_get_new(k->cli, &next);

	if (e == 0)
		e = repo_slot_add(k->o.repo, passphrase_span(&next),
				  passphrase_kdf(k->cli),
				  label_of(k->cli, self), name);
	return e;
}

static int key_add(struct keys *k)
{
	char name[STORE_NAME_MAX + 1];
	int e = add(k, name);

	if (e == 0)
		report("key_added", "added key", name);
	return cli_exit_of(e);
}

static int key_passwd(struct keys *k)
{
	const char *old = repo_slot_current(k->o.repo);
	char name[STORE_NAME_MAX + 1];
	int e = add(k, name);

	if (e < 0)
		return cli_exit_of(e);
	e = repo_slot_remove(k->o.repo, old, true);
	if (e < 0 && e != -ENOENT) {
		log_fail(e,
			 "the new passphrase works, but so does the old "
			 "one: key %.*s could not be removed",
			 ID_SHOWN, old);
		return CLI_FATAL;
	}
	report("key_changed", "the passphrase is changed: key", name);
	return CLI_OK;
}

/* --- remove --- */

struct wanted {
	const char *prefix;
	unsigned int found;
	char name[STORE_NAME_MAX + 1];
};

/* By name alone: a slot that is damaged can be removed too. */
static int match_fn(void *arg, const char *name, uint64_t size)
{
	struct wanted *w = arg;

	(void)size;
	if (strncmp(name, w->prefix, strlen(w->prefix)) != 0)
		return 0;
	w->found++;
	snprintf(w->name, sizeof(w->name), "%s", name);
	return 0;
}

static int key_remove(struct keys *k)
{
	struct wanted w = { 0 };
	size_t n;
	int e;

	w.prefix = cli_args(k->cli, &n)[0];
	e = store_list(k->o.store, STORE_KEY, match_fn, &w);
	if (e == 0 && (w.found != 1 || !*w.prefix)) {
		log_error(w.found ? "more than one key begins with '%s'"
				  : "no key begins with '%s'",
			  w.prefix);
		return CLI_FATAL;
	}
	if (e == 0)
		e = repo_slot_remove(k->o.repo, w.name, false);
	if (e == -EBUSY) {
		if (strcmp(w.name, repo_slot_current(k->o.repo)) == 0)
			log_error("key %.*s is the one in use: open with "
				  "another, or change it with key passwd",
				  ID_SHOWN, w.name);
		else
			log_error("key %.*s is the last one: without it "
				  "nobody could open the repository",
				  ID_SHOWN, w.name);
		return CLI_FATAL;
	}
	if (e == -ENOENT)
		log_fail(e, "key %.*s", ID_SHOWN, w.name);
	if (e == 0)
		report("key_removed", "removed key", w.name);
	return cli_exit_of(e);
}

/* --- rekey --- */

static int key_rekey(struct keys *k)
{
	char self[129];
	int e = repo_rekey(k->o.repo, passphrase_span(&k->pass),
			   passphrase_kdf(k->cli), label_of(k->cli, self));

	if (e == 0)
		report("rekeyed",
		       "a new master key seals what is stored from now on; the "
		       "only key is",
		       repo_slot_current(k->o.repo));
	return cli_exit_of(e);
}

int cmd_key(struct cli *cli)
{
	static const struct {
		const char *word;
		int (*run)(struct keys *k);
	} forms[] = {
		{ "list", key_list },	  { "add", key_add },
		{ "remove", key_remove }, { "passwd", key_passwd },
		{ "rekey", key_rekey },
	};
	struct keys k = { .cli = cli,
			  .o = OPENED_INIT,
			  .pass = PASSPHRASE_INIT };
	const char *word = cli_form_word(cli);
	size_t i;
	int code = opened_store(cli, &k.o);

	if (code == CLI_OK)
		code = opened_unlock(cli, &k.o, &k.pass);
	for (i = 0; code == CLI_OK && i < ARRAY_LEN(forms); i++)
		if (strcmp(word, forms[i].word) == 0) {
			code = forms[i].run(&k);
			break;
		}
	passphrase_release(&k.pass);
	opened_close(&k.o);
	return code;
}
