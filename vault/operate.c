/* SPDX-License-Identifier: Apache-2.0 */
/*
 * operate.c - commands of an administrator about quotas and alerts.
 */
#include "vault/operate.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/log.h"
#include "vault/monitor/alerts.h"
#include "vault/machines/machines.h"
#include "vault/monitor/monitor_api.h"
#include "vault/objects/quota.h"
#include "vault/monitor/watch.h"

#define ACTOR "local root"

static int print_json(struct buf *b, struct json_out *j)
{
	int e = json_end(j);

	if (e == 0)
		printf("%.*s\n", (int)b->len, (const char *)b->p);
	return e;
}

/* --- quotas --- */

struct showing {
	struct vault *v;
	const struct quota *defaults;
	bool json;
};

static const char *limit_text(char out[static 32], uint64_t n)
{
	if (n)
		snprintf(out, 32, "of %" PRIu64, n);
	else
		snprintf(out, 32, "no limit");
	return out;
}

static int print_use(const struct machine *m, const struct quota_use *u,
		     bool json)
{
	CLEANUP_BUF struct buf b = BUF_INIT(8192);
	struct json_out j = JSON_OUT(&b);
	char bytes[32], objects[32];

	if (!json) {
		printf("%s  %-24s %" PRIu64 " bytes (%s), %" PRIu64
		       " objects (%s)\n",
		       m->id, m->name, u->bytes,
		       limit_text(bytes, u->quota.bytes), u->objects,
		       limit_text(objects, u->quota.objects));
		return 0;
	}
	json_object(&j, NULL);
	json_str(&j, "message_type", "quota");
	json_str(&j, "machine", m->id);
	json_str(&j, "name", m->name);
	json_u64(&j, "bytes", u->bytes);
	json_u64(&j, "objects", u->objects);
	json_u64(&j, "quota_bytes", u->quota.bytes);
	json_u64(&j, "quota_objects", u->quota.objects);
	json_close(&j);
	return print_json(&b, &j);
}

static int show_quota(void *arg, const struct machine *m)
{
	const struct showing *s = arg;
	struct quota_use u;
	int e = quota_of(s->v->db, m->id, s->defaults, &u);

	return e < 0 ? e : print_use(m, &u, s->json);
}

/* "none" is no limit, which is 0; 0 itself is a mistake. */
static int get_limit(const char *word, uint64_t *out)
{
	if (!word)
		return 0;
	if (!strcmp(word, "none")) {
		*out = 0;
		return 0;
	}
	if (vault_config_number(word, INT64_MAX, out) == 0 && *out > 0)
		return 0;
	log_error("%s: a quota is a number above 0 (K, M, G or T behind it are "
		  "units of 1024), or none",
		  word);
	return -EINVAL;
}

static int change_quota(struct vault *v, const char *machine,
			const struct quota *defaults,
			const struct quota_words *w)
{
	struct quota_use u;
	int e = quota_of(v->db, machine, defaults, &u);

	if (e == 0 && w->is_default)
		return quota_set(v->db, machine, NULL, ACTOR);
	if (e == 0)
		e = get_limit(w->bytes, &u.quota.bytes);
	if (e == 0)
		e = get_limit(w->objects, &u.quota.objects);
	return e < 0 ? e : quota_set(v->db, machine, &u.quota, ACTOR);
}

int operate_quota(struct vault *v, const char *machine,
		  const struct quota_words *w, bool json)
{
	struct quota defaults = { v->config.quota_bytes,
				  v->config.quota_objects };
	struct showing s = { v, &defaults, json };
	int e;

	if (!machine)
		return machines_list(v->db, show_quota, &s);
	e = change_quota(v, machine, &defaults, w);
	if (e == -ENOENT)
		log_error("no machine has the id %s: tidemark-vaultd machines "
			  "%s lists them",
			  machine, v->dir);
	return e;
}

/* --- alerts --- */

static const char *time_text(char out[32], int64_t t)
{
	time_t sec = (time_t)t;
	struct tm tm;

	if (!gmtime_r(&sec, &tm) ||
	    strftime(out, 32, "%Y-%m-%d %H:%M:%SZ", &tm) == 0)
		snprintf(out, 32, "-");
	return out;
}

static void print_alert_text(const struct alert *a)
{
	char first[32], last[32], text[2 * ALERT_TEXT_MAX];
	const char *state = a->acknowledged ? "acknowledged"
			    : a->ended	    ? "over"
					    : "open";

	log_printable(text, sizeof(text), a->text, strlen(a->text));
	printf("%" PRId64 "  severity %" PRId64 "  %s  %s", a->id, a->severity,
	       time_text(first, a->first), a->kind);
	if (a->machine || *a->subject)
		printf("  %s", a->machine ? a->machine : a->subject);
	if (a->count > 1)
		printf("  (%" PRId64 " times, last %s)", a->count,
		       time_text(last, a->last));
	printf("  %s\n    %s\n", state, text);
}

static int print_alert(void *arg, const struct alert *a)
{
	const bool *json = arg;
	CLEANUP_BUF struct buf b = BUF_INIT(8192);
	struct json_out j = JSON_OUT(&b);

	if (!*json) {
		print_alert_text(a);
		return 0;
	}
	json_object(&j, NULL);
	json_str(&j, "message_type", "alert");
	alert_json(&j, a);
	json_close(&j);
	return print_json(&b, &j);
}

int operate_alerts(struct vault *v, bool all, bool json)
{
	int e = watch_pass(v);

	return e < 0 ? e : alerts_list(v->db, all, print_alert, &json);
}

int operate_acknowledge(struct vault *v, const char *id)
{
	char *end;
	long long n = strtoll(id, &end, 10);
	int e = *id && !*end ? alert_acknowledge(v->db, n, ACTOR) : -ENOENT;

	if (e == -ENOENT)
		log_error("no alert %s waits to be acknowledged: "
			  "tidemark-vaultd alerts %s lists them",
			  id, v->dir);
	return e;
}

/* --- tokens --- */

int operate_monitor_token(struct vault *v, const char *name, bool revoke)
{
	char token[2 * MONITOR_TOKEN_LEN + 1];
	int e;

	if (!machine_name_is_valid(name)) {
		log_error("%s is no name: letters, digits, dots, underscores "
			  "and hyphens",
			  name);
		return -EINVAL;
	}
	e = revoke ? monitor_token_revoke(v->db, name, ACTOR)
		   : monitor_token_add(v->db, name, ACTOR, token);
	if (e == -ENOENT)
		log_error("there is no token %s", name);
	if (e == -EEXIST)
		log_error("there is a token %s: --revoke takes it away", name);
	if (e < 0 || revoke)
		return e;
	printf("%s\n", token);
	secret_wipe(token, sizeof(token));
	return 0;
}
