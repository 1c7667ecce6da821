/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli.c - tidemark-vaultd identity and role.
 */
#include "vault/identity/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "pki/x509.h"
#include "vault/identity/assignments.h"
#include "vault/identity/identity.h"
#include "vault/vault.h"

#define ACTOR "local root"
#define WORDS_MAX 3 /* behind the action */

struct request {
	struct vault v;
	const char *dir, *action, *words[WORDS_MAX];
	int n_words;
	const char *issuer, *subject, *key, *scope;
	int64_t days;
	bool json, header, at_once;
};

/* --- output --- */

static char *date(char out[32], int64_t t)
{
	time_t sec = (time_t)t;
	struct tm tm;

	if (!gmtime_r(&sec, &tm) || strftime(out, 32, "%Y-%m-%d", &tm) == 0)
		snprintf(out, 32, "-");
	return out;
}

static int print_json(struct buf *b, struct json_out *j)
{
	int e = json_end(j);

	if (e == 0)
		printf("%.*s\n", (int)b->len, (const char *)b->p);
	return e;
}

static const char *kind_name(enum principal_kind k)
{
	static const char *const names[] = {
		[PRINCIPAL_APPLICATION] = "application",
		[PRINCIPAL_MANAGED] = "managed",
		[PRINCIPAL_MACHINE] = "machine",
		[PRINCIPAL_OUTSIDE] = "outside",
	};

	return k < ARRAY_LEN(names) && names[k] ? names[k] : "?";
}

static void principal_json(struct json_out *j, const struct principal *p)
{
	json_str(j, "displayName", p->name);
	json_str(j, "objectId", p->id);
	json_str(j, "appId", p->app);
	json_str(j, "tenant", p->tenant);
	json_str(j, "kind", kind_name(p->kind));
}

static int print_principal(void *arg, const struct principal *p)
{
	const struct request *q = arg;
	CLEANUP_BUF struct buf b = BUF_INIT(8192);
	struct json_out j = JSON_OUT(&b);

	if (!q->json) {
		printf("%-24s %-11s object %s  app %s%s%s\n", p->name,
		       kind_name(p->kind), p->id, p->app,
		       *p->resource ? "  " : "", p->resource);
		return 0;
	}
	json_object(&j, NULL);
	json_str(&j, "message_type", "principal");
	principal_json(&j, p);
	if (*p->resource)
		json_str(&j, "resource", p->resource);
	json_close(&j);
	return print_json(&b, &j);
}

static int print_secret(void *arg, const struct secret *s)
{
	static const char *const kinds[] = { "?", "secret", "header", "key" };
	const struct request *q = arg;
	CLEANUP_BUF struct buf b = BUF_INIT(8192);
	struct json_out j = JSON_OUT(&b);
	const char *kind = kinds[s->kind < ARRAY_LEN(kinds) ? s->kind : 0];
	char from[32], to[32];

	if (!q->json) {
		printf("%s  %-6s since %s until %s%s\n", s->id, kind,
		       date(from, s->created), date(to, s->expires),
		       s->expires <= clock_now() ? " (over)" : "");
		return 0;
	}
	json_object(&j, NULL);
	json_str(&j, "message_type", "secret");
	json_str(&j, "id", s->id);
	json_str(&j, "kind", kind);
	json_i64(&j, "created", s->created);
	json_i64(&j, "expires", s->expires);
	json_close(&j);
	return print_json(&b, &j);
}

static int print_assignment(void *arg, const struct assignment *a)
{
	const struct request *q = arg;
	const struct role *r = role_find(a->role);
	CLEANUP_BUF struct buf b = BUF_INIT(8192);
	struct json_out j = JSON_OUT(&b);

	if (!q->json) {
		printf("%s  %-28s of %s  %s\n", a->id, r ? r->name : a->role,
		       a->principal, a->scope);
		return 0;
	}
	json_object(&j, NULL);
	json_str(&j, "message_type", "role_assignment");
	json_str(&j, "id", a->id);
	json_str(&j, "role", r ? r->name : a->role);
	json_str(&j, "principal", a->principal);
	json_str(&j, "scope", a->scope);
	json_i64(&j, "created", a->created);
	json_str(&j, "created_by", a->created_by);
	json_close(&j);
	return print_json(&b, &j);
}

/* --- identity --- */

static int find(struct request *q, const char *word, struct principal *out)
{
	int e = principal_find(q->v.db, word, out);

	if (e == -ENOENT)
		log_error("nobody here is called %s: tidemark-vaultd identity "
			  "%s list",
			  word, q->dir);
	return e;
}

static int do_list(struct request *q)
{
	return principals_list(q->v.db, print_principal, q);
}

static bool is_issuer(const struct request *q)
{
	size_t i;

	for (i = 0; i < q->v.config.n_issuers; i++)
		if (!strcmp(q->v.config.issuers[i].name, q->issuer))
			return true;
	log_error("vaultd.conf has no [issuer %s]", q->issuer);
	return false;
}

static int do_add(struct request *q)
{
	struct principal_new n = { .kind = PRINCIPAL_APPLICATION,
				   .name = q->words[0],
				   .issuer = q->issuer,
				   .subject = q->subject,
				   .actor = ACTOR };
	struct principal p;
	int e;

	if (!q->issuer != !q->subject) {
		log_error("--issuer and --subject come together");
		return -EINVAL;
	}
	if (q->issuer && !is_issuer(q))
		return -ENOENT;
	if (q->issuer)
		n.kind = PRINCIPAL_OUTSIDE;
	e = principal_add(q->v.db, &n, &p);
	if (e == -EEXIST)
		log_error("%s, or what is outside, is there already", n.name);
	if (e == -EINVAL)
		log_error("%s is no name: letters, digits, dots, underscores "
			  "and hyphens",
			  n.name);
	return e < 0 ? e : print_principal(q, &p);
}

static int do_remove(struct request *q)
{
	struct principal p;
	int e = find(q, q->words[0], &p);

	if (e == 0 && p.kind == PRINCIPAL_MACHINE) {
		log_error("that is a machine: tidemark-vaultd unregister %s %s",
			  q->dir, p.id);
		return -EINVAL;
	}
	return e < 0 ? e : principal_remove(q->v.db, p.id, ACTOR);
}

/* A certificate, or a public key. */
static int add_key(struct request *q, const struct principal *p,
		   int64_t expires)
{
	CLEANUP_BUF struct buf text = BUF_INIT(X509_CERT_MAX);
	CLEANUP_PKEY struct pkey *key = NULL;
	CLEANUP_X509 struct x509_cert *cert = NULL;
	uint8_t hash[SHA256_LEN];
	const char *why = NULL;
	struct secret s;
	int e = io_read_file(AT_FDCWD, q->key, &text);

	if (e < 0)
		return log_fail(e, "read %s", q->key);
	e = x509_parse(SPAN_OF(&text), &cert, NULL);
	if (e == 0) {
		e = x509_public_key(cert, &key, &why);
		memcpy(hash, x509_info(cert)->sha256, sizeof(hash));
		expires = MIN(expires, x509_info(cert)->not_after);
	} else if (e != -ENOMEM) {
		e = pkey_public_from_pem(SPAN_OF(&text), &key, &why);
		sha256_once(SPAN_OF(&text), hash);
	}
	if (e < 0) {
		log_error("%s is no certificate and no public key: %s", q->key,
			  why ?: log_strerror(e));
		return e;
	}
	e = secret_add_key(q->v.db, p->id, key, hash, expires, ACTOR, &s);
	if (e == -EEXIST)
		log_error("%s is registered already", q->key);
	return e < 0 ? e : print_secret(q, &s);
}

static int say_secret(const struct request *q, const struct principal *p,
		      const struct secret *s, const char *text)
{
	CLEANUP_SECRET_BUF struct buf b = BUF_INIT(4096);
	struct json_out j = JSON_OUT(&b);
	int e;

	if (!q->json) {
		printf("%s\n", text);
		return 0;
	}
	e = buf_reserve(&b, b.max);
	if (e < 0)
		return e;
	json_object(&j, NULL);
	json_str(&j, "message_type", "new_secret");
	principal_json(&j, p);
	json_str(&j, "id", s->id);
	json_i64(&j, "expires", s->expires);
	json_str(&j, "password", text);
	json_close(&j);
	return print_json(&b, &j);
}

static int do_secret(struct request *q)
{
	int64_t expires = clock_now() + q->days * 86400;
	char text[SECRET_TEXT_LEN + 1] = "";
	struct principal p;
	struct secret s;
	int e = find(q, q->words[0], &p);

	if (e < 0)
		return e;
	if (p.kind != (q->header ? PRINCIPAL_MANAGED : PRINCIPAL_APPLICATION)) {
		log_error("%s is %s: only applications have secrets and keys, "
			  "only managed identities a --header",
			  p.name, kind_name(p.kind));
		return -EINVAL;
	}
	if (q->key)
		e = add_key(q, &p, expires);
	else
		e = secret_add(q->v.db, p.id,
			       q->header ? SECRET_HEADER : SECRET_CLIENT,
			       expires, ACTOR, &s, text);
	if (e == -ENOSPC)
		log_error("%s has %d secrets: remove one first", p.name,
			  SECRETS_MAX);
	if (e == 0 && !q->key)
		e = say_secret(q, &p, &s, text);
	secret_wipe(text, sizeof(text));
	return e;
}

static int do_secrets(struct request *q)
{
	struct principal p;
	int e = find(q, q->words[0], &p);

	return e < 0 ? e : secrets_list(q->v.db, p.id, print_secret, q);
}

static int do_secret_remove(struct request *q)
{
	int e = secret_remove(q->v.db, q->words[0], ACTOR);

	if (e == -ENOENT)
		log_error("no secret has the id %s", q->words[0]);
	return e;
}

static int do_rotate(struct request *q)
{
	return signing_rotate(q->v.identity->signing, q->at_once, ACTOR);
}

/* --- role --- */

static int do_role_list(struct request *q)
{
	struct principal p;
	int e = q->n_words > 0 ? find(q, q->words[0], &p) : 0;

	return e < 0 ? e
		     : assignments_list(q->v.db, q->n_words > 0 ? p.id : NULL,
					print_assignment, q);
}

static int do_role_assign(struct request *q)
{
	const struct role *r = role_find(q->words[1]);
	struct assignment a = { .by = ACTOR };
	struct principal p;
	int e = find(q, q->words[0], &p);

	if (e < 0)
		return e;
	if (!r) {
		log_error("there is no role %s", q->words[1]);
		return -EINVAL;
	}
	uuid_make(a.id);
	if ((size_t)snprintf(a.scope, sizeof(a.scope), "%s", q->scope) >=
	    sizeof(a.scope))
		return -EMSGSIZE;
	memcpy(a.principal, p.id, sizeof(a.principal));
	memcpy(a.role, r->id, sizeof(a.role));
	e = assignment_add(q->v.db, &a);
	if (e == -EEXIST)
		log_error("%s has that role at %s already", p.name, a.scope);
	if (e == -EINVAL)
		log_error("%s is no scope: / or the id of a resource",
			  q->scope);
	return e < 0 ? e : print_assignment(q, &a);
}

static int do_role_remove(struct request *q)
{
	struct assignment a;
	int e = assignment_remove(q->v.db, q->words[0], ACTOR, &a);

	if (e == -ENOENT)
		log_error("no role assignment has the id %s", q->words[0]);
	return e;
}

/* --- the command line --- */

static const struct action {
	const char *command, *name;
	int words_min, words_max;
	int (*run)(struct request *q);
} actions[] = {
	{ "identity", "list", 0, 0, do_list },
	{ "identity", "add", 1, 1, do_add },
	{ "identity", "remove", 1, 1, do_remove },
	{ "identity", "secret", 1, 1, do_secret },
	{ "identity", "secrets", 1, 1, do_secrets },
	{ "identity", "secret-remove", 1, 1, do_secret_remove },
	{ "identity", "rotate-keys", 0, 0, do_rotate },
	{ "role", "list", 0, 1, do_role_list },
	{ "role", "assign", 2, 2, do_role_assign },
	{ "role", "remove", 1, 1, do_role_remove },
};

static const struct option options[] = {
	{ "json", 0, NULL, 'j' },    { "days", 1, NULL, 'd' },
	{ "header", 0, NULL, 'h' },  { "key", 1, NULL, 'k' },
	{ "at-once", 0, NULL, 'a' }, { "issuer", 1, NULL, 'i' },
	{ "subject", 1, NULL, 's' }, { "scope", 1, NULL, 'p' },
	{ "clock", 1, NULL, 'c' },   { "verbose", 0, NULL, 'v' },
	{ NULL, 0, NULL, 0 },
};

static int take_days(struct request *q, const char *text)
{
	char *end;

	q->days = strtol(text, &end, 10);
	if (!*end && q->days >= 1 && q->days <= SECRET_DAYS_MAX)
		return 0;
	log_error("--days: 1 to %d", SECRET_DAYS_MAX);
	return -EINVAL;
}

static int take_option(struct request *q, int c)
{
	switch (c) {
	case 'j':
		q->json = true;
		return 0;
	case 'd':
		return take_days(q, optarg);
	case 'h':
		q->header = true;
		return 0;
	case 'k':
		q->key = optarg;
		return 0;
	case 'a':
		q->at_once = true;
		return 0;
	case 'i':
		q->issuer = optarg;
		return 0;
	case 's':
		q->subject = optarg;
		return 0;
	case 'p':
		q->scope = optarg;
		return 0;
	case 'c':
		clock_use(optarg);
		return 0;
	case 'v':
		log_set_level(LOG_LEVEL_DEBUG);
		return 0;
	}
	return -EINVAL;
}

static int parse(struct request *q, int argc, char **argv)
{
	int c, e = 0;

	optind = 0;
	while (e == 0 && (c = getopt_long(argc, argv, "v", options, NULL)) >= 0)
		e = take_option(q, c);
	if (e < 0 || argc - optind < 2 || argc - optind > 2 + WORDS_MAX)
		return -EINVAL;
	q->dir = argv[optind++];
	q->action = argv[optind++];
	while (optind < argc)
		q->words[q->n_words++] = argv[optind++];
	return 0;
}

int identity_cli(int argc, char **argv, bool *usage)
{
	struct request q = { .days = SECRET_DAYS, .scope = "/" };
	const struct action *a, *end = actions + ARRAY_LEN(actions);
	int e = parse(&q, argc, argv);

	*usage = true;
	if (e < 0)
		return e;
	for (a = actions; a < end; a++)
		if (!strcmp(a->command, argv[0]) &&
		    !strcmp(a->name, q.action) && q.n_words >= a->words_min &&
		    q.n_words <= a->words_max)
			break;
	if (a == end)
		return -EINVAL;
	*usage = false;
	e = vault_open(q.dir, &q.v);
	if (e < 0)
		return e;
	e = a->run(&q);
	vault_close(&q.v);
	return e;
}
