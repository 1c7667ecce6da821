/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeping.c - what an administrator says about keeping and deleting.
 */
#include "vault/retention/keeping.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "vault/machines/machines.h"
#include "vault/retention/pin.h"
#include "vault/objects/scrub.h"

static const char actor[] = "local root";

static const char *time_text(char out[32], int64_t t)
{
	time_t sec = (time_t)t;
	struct tm tm;

	if (!gmtime_r(&sec, &tm) ||
	    strftime(out, 32, "%Y-%m-%d %H:%M:%SZ", &tm) == 0)
		snprintf(out, 32, "-");
	return out;
}

static int find(struct vault *v, const char *name,
		char id[static MACHINE_ID_LEN + 1])
{
	int e = vault_find(v->db, name, id);

	if (e == -ENOENT)
		log_error("there is no vault %s here", name);
	return e;
}

/* --- settings --- */

static int print_settings(const struct vault_settings *s, const char *name,
			  bool json)
{
	CLEANUP_BUF struct buf b = BUF_INIT(8192);
	struct json_out j = JSON_OUT(&b);
	int64_t now = clock_now();
	char when[32];
	int e;

	if (json) {
		json_object(&j, NULL);
		json_str(&j, "message_type", "settings");
		json_str(&j, "vault", name);
		json_str(&j, "soft_delete", setting_state_text(s->soft_delete));
		json_u64(&j, "soft_delete_days", s->soft_delete_days);
		json_str(&j, "immutability",
			 immutability_text(s->immutability));
		json_str(&j, "security_features",
			 setting_state_text(s->enhanced));
		json_i64(&j, "held_until", s->held_until);
		json_i64(&j, "guarded_until", s->guarded_until);
		json_close(&j);
		e = json_end(&j);
		if (e == 0)
			printf("%.*s\n", (int)b.len, (const char *)b.p);
		return e;
	}
	printf("%s: soft delete %s, %u days; immutability %s; security "
	       "features %s\n",
	       name, setting_state_text(s->soft_delete), s->soft_delete_days,
	       immutability_text(s->immutability),
	       setting_state_text(s->enhanced));
	if (now < s->held_until)
		printf("since soft delete was weakened, what is deleted is "
		       "kept until %s all the same\n",
		       time_text(when, s->held_until));
	if (s->enhanced == SETTING_DISABLED && now < s->guarded_until)
		printf("since the security features were turned off, they hold "
		       "until %s all the same\n",
		       time_text(when, s->guarded_until));
	return 0;
}

static int take_days(const char *text, struct vault_settings *s)
{
	char *end;

	if (!text)
		return 0;
	s->soft_delete_days = (unsigned int)strtoul(text, &end, 10);
	if (!*end && *text)
		return 0;
	log_error("%s is no number of days", text);
	return -EINVAL;
}

static int take_words(const struct keeping_options *o, struct vault_settings *s)
{
	if (o->soft_delete &&
	    !setting_state_parse(o->soft_delete, &s->soft_delete))
		log_error("%s: soft delete is enabled, disabled or alwayson",
			  o->soft_delete);
	else if (o->security && !setting_state_parse(o->security, &s->enhanced))
		log_error("%s: the security features are enabled, disabled or "
			  "alwayson",
			  o->security);
	else if (o->immutability &&
		 !immutability_parse(o->immutability, &s->immutability))
		log_error("%s: immutability is disabled, unlocked or locked",
			  o->immutability);
	else
		return take_days(o->soft_delete_days, s);
	return -EINVAL;
}

static int do_settings(struct vault *v, const char *vault_name,
		       const struct keeping_options *o)
{
	char id[MACHINE_ID_LEN + 1];
	struct vault_settings s;
	struct refusal why;
	int e = find(v, vault_name, id);

	if (e == 0)
		e = vault_settings_get(v->db, id, &s);
	if (e == 0 && !o->soft_delete && !o->soft_delete_days &&
	    !o->immutability && !o->security)
		return print_settings(&s, vault_name, o->json);
	if (e == 0)
		e = take_words(o, &s);
	if (e < 0)
		return e;
	e = vault_settings_set(v->db, id, &s, actor, &why);
	if (e == -EPERM)
		log_error("%s", why.text);
	if (e == 0)
		e = vault_settings_get(v->db, id, &s);
	return e < 0 ? e : print_settings(&s, vault_name, o->json);
}

/* --- PIN --- */

static int do_pin(struct vault *v, const char *vault_name)
{
	char id[MACHINE_ID_LEN + 1];
	struct pin pin;
	int e = find(v, vault_name, id);

	if (e == 0)
		e = pin_make(v->db, id, actor, &pin);
	if (e < 0)
		return e;
	printf("%s\n", pin.digits);
	fprintf(stderr, "good for %d minutes, once\n", PIN_SECONDS / 60);
	secret_wipe(&pin, sizeof(pin));
	return 0;
}

/* --- machines --- */

static void say(struct vault *v, const char *machine)
{
	struct protection p;
	char when[32];

	if (protection_get(v->db, machine, &p) < 0)
		return;
	switch (p.state) {
	case PROTECTED:
		puts("protected: it may back up again");
		break;
	case PROTECTION_STOPPED:
		puts("stopped: what it has stored is kept, all of it, and can "
		     "be restored");
		break;
	case PROTECTION_DELETED:
		printf("deleted: until %s, `tidemark-vaultd undelete` brings "
		       "all of it back; then it is purged\n",
		       time_text(when, p.purge_after));
		break;
	default:
		puts("its data go with the next collection");
	}
}

static int do_change(struct vault *v, const char *command, const char *machine,
		     const struct keeping_options *o)
{
	struct refusal why;
	int e;

	if (!strcmp(command, "resume"))
		e = protection_resume(v->db, machine, actor, &why);
	else if (!strcmp(command, "undelete"))
		e = protection_undelete(v->db, machine, actor, &why);
	else if (!strcmp(command, "purge"))
		e = protection_purge(v->db, machine, actor, &why);
	else if (o->delete_data)
		e = protection_delete(v->db, machine, o->pin, actor, &why);
	else
		e = protection_stop(v->db, machine, actor, &why);
	if (e == -EPERM)
		log_error("machine %s: %s", machine, why.text);
	if (e == -ENOENT)
		log_error("no machine has the id %s", machine);
	if (e == 0)
		say(v, machine);
	return e;
}

/* --- the scrub --- */

static int print_damage(void *arg, const struct damage *d)
{
	const bool *json = arg;
	CLEANUP_BUF struct buf b = BUF_INIT(8192);
	struct json_out j = JSON_OUT(&b);
	char when[32];
	int e;

	if (!*json) {
		printf("%s of machine %s: %s/%s, found %s\n", d->what,
		       d->machine, store_class_name(d->cls), d->name,
		       time_text(when, d->found));
		return 0;
	}
	json_object(&j, NULL);
	json_str(&j, "message_type", "damage");
	json_str(&j, "machine", d->machine);
	json_str(&j, "class", store_class_name(d->cls));
	json_str(&j, "name", d->name);
	json_str(&j, "what", d->what);
	json_i64(&j, "found", d->found);
	json_close(&j);
	e = json_end(&j);
	if (e == 0)
		printf("%.*s\n", (int)b.len, (const char *)b.p);
	return e;
}

static void print_state(const struct scrub_state *s)
{
	char began[32], ended[32];

	if (!s->began)
		puts("no object was looked at again yet");
	else if (s->ended)
		printf("all %" PRId64 " objects (%" PRId64
		       " bytes) were looked at again from %s to %s\n",
		       s->objects, s->bytes, time_text(began, s->began),
		       time_text(ended, s->ended));
	else
		printf("since %s, %" PRId64 " objects (%" PRId64
		       " bytes) were looked at again; the rest follows\n",
		       time_text(began, s->began), s->objects, s->bytes);
	printf("%" PRId64 " objects are damaged\n", s->damaged);
}

static int do_status(struct vault *v, bool json)
{
	struct scrub_state s;
	int e = scrub_get(v->db, &s);

	if (e == 0 && !json)
		print_state(&s);
	if (e == 0)
		e = damage_list(v->db, print_damage, &json);
	return e == 0 && s.damaged > 0 ? -EUCLEAN : e;
}

static int do_scrub(struct vault *v, bool json)
{
	struct scrubbed done = { 0 };
	int64_t n = 0;
	int e = scrub_all(v->objects, &done);

	if (e < 0)
		return e;
	printf("looked at %" PRIu64 " objects of %" PRIu64 " bytes: %" PRIu64
	       " more are damaged, %" PRIu64
	       " are whole again; removed %" PRIu64
	       " files and directories that a crash had left\n",
	       done.objects, done.bytes, done.damaged, done.healed,
	       done.orphans);
	e = damage_list(v->db, print_damage, &json);
	if (e == 0)
		e = db_number(v->db, &n, "SELECT COUNT(*) FROM damage", "");
	return e == 0 && n > 0 ? -EUCLEAN : e;
}

static const char *const commands[] = { "settings", "pin",   "stop",   "resume",
					"undelete", "purge", "status", "scrub" };

bool keeping_has(const char *command)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(commands); i++)
		if (!strcmp(commands[i], command))
			return true;
	return false;
}

int keeping_run(struct vault *v, const char *command, const char *of,
		const struct keeping_options *o)
{
	if (!strcmp(command, "settings"))
		return do_settings(v, of, o);
	if (!strcmp(command, "pin"))
		return do_pin(v, of);
	if (!strcmp(command, "status"))
		return do_status(v, o->json);
	if (!strcmp(command, "scrub"))
		return do_scrub(v, o->json);
	return do_change(v, command, of, o);
}
