/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity.c - a vault's own issuer of tokens.
 */
#include "vault/identity/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "vault/identity/assignments.h"
#include "vault/identity/roles.h"
#include "vault/vault.h"

#define ADMINISTRATOR "administrator"
#define ADMINISTRATOR_DAYS 365
#define UTI_BYTES 16

/* --- opening --- */

static int open_parts(struct vault *v, struct identity *i)
{
	CLEANUP_FREE char *dir = NULL;
	int e = asprintf(&dir, "%s/identity", v->dir) < 0 ? -ENOMEM : 0;

	if (e < 0)
		dir = NULL;
	if (e == 0)
		e = tenant_id(v->db, i->tenant);
	if (e == 0)
		e = signing_open(v->db, dir, v->config.es256, &i->signing);
	if (e == 0)
		e = issuers_new(v->config.issuers, v->config.n_issuers,
				&i->issuers);
	return e < 0 ? e : guesses_new(&i->guesses);
}

int identity_open(struct vault *v, struct identity **out)
{
	struct identity *i = calloc(1, sizeof(*i));
	int e = i ? open_parts(v, i) : -ENOMEM;

	if (e < 0)
		identity_close(i);
	else
		*out = i;
	return e;
}

void identity_close(struct identity *i)
{
	if (!i)
		return;
	signing_close(i->signing);
	issuers_free(i->issuers);
	guesses_free(i->guesses);
	free(i);
}

/* --- what a token is for --- */

int identity_issuer(struct vault *v, char **out)
{
	const char *url = vault_url(v);

	if (!url)
		return -EAGAIN;
	return asprintf(out, "%s/%s/", url, v->identity->tenant) < 0 ? -ENOMEM
								     : 0;
}

static bool is_same(const char *resource, const char *known)
{
	size_t n = strlen(resource);

	if (n > 0 && resource[n - 1] == '/')
		n--;
	return strlen(known) == n && !strncasecmp(resource, known, n);
}

int identity_audience(struct vault *v, const char *resource, enum audience *out)
{
	static const struct {
		const char *resource;
		enum audience audience;
	} known[] = {
		{ "https://management.azure.com", AUDIENCE_ARM },
		{ "https://management.core.windows.net", AUDIENCE_ARM },
		{ "https://vault.azure.net", AUDIENCE_KEY_VAULT },
	};
	const char *url = vault_url(v);
	size_t i;

	*out = AUDIENCE_ARM;
	if (url && is_same(resource, url))
		return 0;
	for (i = 0; i < ARRAY_LEN(known); i++)
		if (is_same(resource, known[i].resource)) {
			*out = known[i].audience;
			return 0;
		}
	return -EINVAL;
}

/* --- tokens --- */

static int write_claims(struct vault *v, const struct token *t, const char *iss,
			struct buf *out)
{
	CLEANUP_BUF struct buf uti = BUF_INIT(64);
	const struct principal *p = t->principal;
	struct json_out j = JSON_OUT(out);
	uint8_t random[UTI_BYTES];
	int e;

	random_bytes(random, sizeof(random));
	e = base64url_append(&uti, SPAN(random, sizeof(random)));
	if (e < 0)
		return e;
	json_object(&j, NULL);
	json_str(&j, "aud", t->resource);
	json_str(&j, "iss", iss);
	json_i64(&j, "iat", t->issued);
	json_i64(&j, "nbf", t->issued);
	json_i64(&j, "exp", t->expires);
	json_str(&j, "appid", p->app);
	json_str(&j, "appidacr", t->proof == PROOF_KEY ? "2" : "1");
	json_str(&j, "idp", iss);
	json_str(&j, "idtyp", "app");
	json_str(&j, "oid", p->id);
	json_str(&j, "sub", p->id);
	json_str(&j, "tid", v->identity->tenant);
	json_strn(&j, "uti", SPAN_OF(&uti));
	json_str(&j, "ver", "1.0");
	if (*p->resource)
		json_str(&j, "xms_mirid", p->resource);
	json_close(&j);
	return json_end(&j);
}

int token_issue(struct vault *v, struct token *t, struct buf *out)
{
	CLEANUP_BUF struct buf claims = BUF_INIT(JWS_MAX);
	CLEANUP_FREE char *iss = NULL;
	int e = identity_issuer(v, &iss);

	if (e < 0) {
		iss = NULL;
		return log_fail(e, "the issuer of tokens");
	}
	t->issued = clock_now();
	t->expires = t->issued + TOKEN_SECONDS;
	e = write_claims(v, t, iss, &claims);
	if (e < 0)
		return e;
	return signing_sign(v->identity->signing, SPAN_OF(&claims), out);
}

/* --- the first administrator --- */

static int write_administrator(struct vault *v, const struct principal *p,
			       const struct secret *s, const char *text,
			       struct buf *out)
{
	struct json_out j = JSON_OUT(out);
	int e;

	json_object(&j, NULL);
	json_str(&j, "appId", p->app);
	json_str(&j, "displayName", p->name);
	json_str(&j, "objectId", p->id);
	json_str(&j, "password", text);
	json_i64(&j, "expires", s->expires);
	json_str(&j, "tenant", v->identity->tenant);
	json_close(&j);
	e = json_end(&j);
	return e < 0 ? e : buf_u8(out, '\n');
}

struct first {
	struct principal *p;
	struct secret *s;
	char *text;
};

static int add_administrator(struct db *db, void *arg)
{
	const struct first *f = arg;
	const struct principal_new n = { .kind = PRINCIPAL_APPLICATION,
					 .name = ADMINISTRATOR,
					 .actor = "local root" };
	struct assignment a = { .by = "local root", .scope = "/" };
	int e = principal_add(db, &n, f->p);

	if (e == 0)
		e = secret_add(db, f->p->id, SECRET_CLIENT,
			       clock_now() + ADMINISTRATOR_DAYS * 86400,
			       "local root", f->s, f->text);
	uuid_make(a.id);
	snprintf(a.principal, sizeof(a.principal), "%s", f->p->id);
	snprintf(a.role, sizeof(a.role), "%s", ROLE_OWNER);
	return e < 0 ? e : MIN(assignment_add(db, &a), 0);
}

int identity_first_administrator(struct vault *v, const char *file)
{
	CLEANUP_SECRET_BUF struct buf b = BUF_INIT(4096);
	char text[SECRET_TEXT_LEN + 1] = "";
	struct principal p;
	struct secret s;
	struct first f = { &p, &s, text };
	int e = buf_reserve(&b, b.max);

	if (e == 0 && access(file, F_OK) == 0)
		e = log_fail(-EEXIST, "the administrator's file %s", file);
	if (e == 0)
		e = db_write(v->db, add_administrator, &f);
	if (e == 0)
		e = write_administrator(v, &p, &s, text, &b);
	secret_wipe(text, sizeof(text));
	if (e == 0)
		e = io_replace_file(AT_FDCWD, file, SPAN_OF(&b));
	return e < 0 ? log_fail(e, "the first administrator, %s", file) : 0;
}
