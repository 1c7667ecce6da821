/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token_api.c - how applications get tokens, over HTTP.
 */
#include "vault/identity/token_api.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "vault/audit.h"
#include "vault/identity/caller.h"
#include "vault/identity/token_private.h"
#include "vault/http/uri.h"

#define ASSERTION "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#define ASSERTION_SECONDS 3600 /* so long it may be good, at most */

/* --- answers --- */

int token_refuse(struct http_exchange *x, unsigned int status,
		 const char *error, unsigned int code, const char *fmt, ...)
{
	CLEANUP_BUF struct buf b = BUF_INIT(8192);
	struct json_out j = JSON_OUT(&b);
	char trace[MACHINE_ID_LEN + 1], when[32], text[512], all[1024];
	time_t now = (time_t)clock_now();
	struct tm tm;
	va_list ap;
	int e;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	uuid_make(trace);
	if (!gmtime_r(&now, &tm) ||
	    strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%SZ", &tm) == 0)
		when[0] = '\0';
	snprintf(all, sizeof(all),
		 "AADSTS%u: %s Trace ID: %s Correlation ID: %s Timestamp: %s",
		 code, text, trace, trace, when);
	json_object(&j, NULL);
	json_str(&j, "error", error);
	json_str(&j, "error_description", all);
	json_array(&j, "error_codes");
	json_u64(&j, NULL, code);
	json_close(&j);
	json_str(&j, "timestamp", when);
	json_str(&j, "trace_id", trace);
	json_str(&j, "correlation_id", trace);
	json_close(&j);
	e = json_end(&j);
	if (e == 0)
		e = http_set_header(x, "Cache-Control", "no-store");
	if (e == 0)
		e = http_reply_json(x, status, SPAN_OF(&b));
	return e < 0 ? e : -ECANCELED;
}

int token_may_try(struct http_exchange *x, struct vault *v)
{
	unsigned int wait = guesses_wait(v->identity->guesses, http_address(x));
	char text[16];
	int e;

	if (wait == 0)
		return 0;
	snprintf(text, sizeof(text), "%u", wait);
	e = http_set_header(x, "Retry-After", text);
	return e < 0 ? e
		     : token_refuse(x, 429, "temporarily_unavailable", 50053,
				    "Too many wrong secrets came from this "
				    "address. Try again in %u seconds.",
				    wait);
}

int token_wrong(struct http_exchange *x, struct vault *v, const char *who,
		const char *detail)
{
	char actor[80];
	struct audit_line line = { 0,	0,	   actor, "token/issue",
				   who, "refused", detail };

	snprintf(actor, sizeof(actor), "address %s", http_address(x));
	guesses_wrong(v->identity->guesses, http_address(x));
	return audit_note(v->db, &line);
}

/* --- who asks --- */

struct asking {
	struct uri form;
	const char *client, *resource;
	enum audience audience;
	bool v1;
	struct principal p;
	enum proof proof;
};

static int missing(struct http_exchange *x, const char *name)
{
	return token_refuse(x, 400, "invalid_request", 900144,
			    "The request body must contain the following "
			    "parameter: '%s'.",
			    name);
}

static int check_tenant(struct http_exchange *x, const struct vault *v)
{
	const char *tenant = http_segment(x, 0);

	if (!strcasecmp(tenant, v->identity->tenant) ||
	    !strcasecmp(tenant, "adfs"))
		return 0;
	return token_refuse(x, 400, "invalid_request", 90002,
			    "Tenant '%s' not found. Check to make sure you "
			    "have the correct tenant ID.",
			    tenant);
}

/* A parameter that comes twice could be read in two ways (RFC 6749, 3.2). */
static int parse_form(struct http_exchange *x, struct asking *a)
{
	unsigned int i, k;
	int e = uri_parse_form(http_body(x), &a->form);

	if (e == -ENOMEM)
		return e;
	for (i = 0; e == 0 && i < a->form.n_parameters; i++)
		for (k = 0; k < i; k++)
			if (!strcasecmp(a->form.parameters[i].name,
					a->form.parameters[k].name))
				e = -EINVAL;
	return e < 0 ? token_refuse(x, 400, "invalid_request", 900144,
				    "The request body is no form, or has a "
				    "parameter twice.")
		     : 0;
}

struct proving {
	struct vault *v;
	const struct principal *p;
	const char *assertion;
	char *audience; /* the tenant's URL */
	bool is_signed, is_good, is_over;
};

/* RFC 7523, section 3: iss and sub are the client, aud is this endpoint, and
 * it is not for ever. */
static int check_assertion(struct proving *w, const struct json *j)
{
	const char *iss = json_to_str(json_get(j, "iss"));
	const char *sub = json_to_str(json_get(j, "sub"));
	const char *aud = json_to_str(json_get(j, "aud"));
	int64_t now = clock_now();
	uint64_t exp, nbf = 0;

	if (!iss || !sub || !aud || strcmp(iss, w->p->app) != 0 ||
	    strcmp(sub, w->p->app) != 0 ||
	    strncmp(aud, w->audience, strlen(w->audience)) != 0)
		return 0;
	if (json_to_u64(json_get(j, "exp"), &exp) < 0 ||
	    (json_get(j, "nbf") && json_to_u64(json_get(j, "nbf"), &nbf) < 0))
		return 0;
	w->is_over = (int64_t)exp + TOKEN_SKEW <= now ||
		     (int64_t)nbf - TOKEN_SKEW > now ||
		     (int64_t)exp > now + ASSERTION_SECONDS + TOKEN_SKEW;
	w->is_good = !w->is_over;
	return 0;
}

static int try_key(void *arg, const struct pkey *key)
{
	struct proving *w = arg;
	CLEANUP_BUF struct buf payload = BUF_INIT(JWS_MAX);
	CLEANUP_JSON struct json *j = NULL;
	const char *why;
	int e = jws_verify_key(SPAN(w->assertion, strlen(w->assertion)), key,
			       &payload, NULL, &why);

	if (e < 0)
		return e == -ENOMEM ? e : 0;
	w->is_signed = true;
	e = json_parse(SPAN_OF(&payload), JWS_MAX, &j);
	if (e < 0)
		return e == -ENOMEM ? e : 0;
	return check_assertion(w, j);
}

static int prove_by_key(struct http_exchange *x, struct vault *v,
			struct asking *a, const char *assertion)
{
	CLEANUP_FREE char *audience = NULL;
	struct proving w = { .v = v, .p = &a->p, .assertion = assertion };
	int e = identity_issuer(v, &audience);

	if (e < 0) {
		audience = NULL;
		return e;
	}
	/* in whatever way the client spells the tenant */
	audience[strlen(audience) - strlen(v->identity->tenant) - 1] = '\0';
	w.audience = audience;
	e = secret_keys(v->db, a->p.id, try_key, &w);
	if (e < 0 || w.is_good)
		return e;
	e = token_wrong(x, v, a->p.app, "assertion");
	if (e < 0)
		return e;
	if (w.is_over)
		return token_refuse(x, 401, "invalid_client", 700024,
				    "Client assertion is not within its valid "
				    "time range.");
	return token_refuse(x, 401, "invalid_client", 700027,
			    w.is_signed ? "Client assertion has claims that "
					  "are not those of this client."
					: "The certificate or key that signed "
					  "the client assertion is not "
					  "registered.");
}

static int prove_by_secret(struct http_exchange *x, struct vault *v,
			   const struct asking *a, const char *text)
{
	int r = secret_check(v->db, a->p.id, text), e;

	if (r != -EACCES && r != -EKEYEXPIRED)
		return r;
	e = token_wrong(x, v, a->p.app,
			r == -EACCES ? "secret" : "a secret that is over");
	if (e < 0)
		return e;
	if (r == -EKEYEXPIRED)
		return token_refuse(x, 401, "invalid_client", 7000222,
				    "The provided client secret keys for app "
				    "'%s' are expired.",
				    a->p.app);
	return token_refuse(x, 401, "invalid_client", 7000215,
			    "Invalid client secret provided. Ensure the secret "
			    "being sent in the request is the client secret "
			    "value, not the client secret ID, for a secret "
			    "added to app '%s'.",
			    a->p.app);
}

static int find_client(struct http_exchange *x, struct vault *v,
		       struct asking *a)
{
	int e;

	a->client = uri_parameter(&a->form, "client_id");
	if (!a->client)
		return missing(x, "client_id");
	e = principal_of_app(v->db, a->client, &a->p);
	if (e == 0 && a->p.kind == PRINCIPAL_APPLICATION)
		return 0;
	if (e < 0 && e != -ENOENT)
		return e;
	/* what a stranger has made up does not go into the audit log */
	e = token_wrong(x, v, "(unknown)", "client_id");
	return e < 0 ? e
		     : token_refuse(x, 400, "unauthorized_client", 700016,
				    "Application with identifier '%.64s' was "
				    "not found in the directory.",
				    a->client);
}

static int prove(struct http_exchange *x, struct vault *v, struct asking *a)
{
	const char *text = uri_parameter(&a->form, "client_secret");
	const char *key = uri_parameter(&a->form, "client_assertion");
	const char *type = uri_parameter(&a->form, "client_assertion_type");

	if (!text == !key)
		return token_refuse(x, 401, "invalid_client", 7000218,
				    "The request body must contain the "
				    "following parameter: 'client_assertion' "
				    "or 'client_secret'.");
	a->proof = key ? PROOF_KEY : PROOF_SECRET;
	if (text)
		return prove_by_secret(x, v, a, text);
	if (!type || strcmp(type, ASSERTION) != 0)
		return missing(x, "client_assertion_type");
	return prove_by_key(x, v, a, key);
}

/* --- what for --- */

static int find_resource(struct http_exchange *x, struct vault *v,
			 struct asking *a)
{
	static const char suffix[] = "/.default";
	const char *name = a->v1 ? "resource" : "scope";
	const char *text = uri_parameter(&a->form, name);
	size_t n = text ? strlen(text) : 0;

	/* at the one place, libraries of ADFS send what is of the other */
	if (!text) {
		name = a->v1 ? "scope" : "resource";
		text = uri_parameter(&a->form, name);
		n = text ? strlen(text) : 0;
	}
	if (!text)
		return missing(x, a->v1 ? "resource" : "scope");
	if (!strcmp(name, "scope")) {
		if (n < sizeof(suffix) ||
		    strcmp(text + n - (sizeof(suffix) - 1), suffix) != 0)
			return token_refuse(
				x, 400, "invalid_scope", 1002012,
				"The provided value for scope is not valid. "
				"Client credential flows must have a scope "
				"value with /.default suffixed to the resource "
				"identifier.");
		n -= sizeof(suffix) - 1;
	}
	/* the form is this request's own */
	((char *)(uintptr_t)text)[n] = '\0';
	a->resource = text;
	if (identity_audience(v, text, &a->audience) == 0)
		return 0;
	return token_refuse(x, 400,
			    a->v1 ? "invalid_resource" : "invalid_scope",
			    500011,
			    "The resource principal named %.200s was not found "
			    "in the tenant.",
			    text);
}

static int answer_token(struct http_exchange *x, struct vault *v,
			const struct asking *a)
{
	CLEANUP_BUF struct buf text = BUF_INIT(JWS_MAX);
	CLEANUP_BUF struct buf b = BUF_INIT(2 * JWS_MAX);
	struct json_out j = JSON_OUT(&b);
	struct token t = { .principal = &a->p,
			   .resource = a->resource,
			   .proof = a->proof };
	char number[24];
	int e = token_issue(v, &t, &text);

	if (e < 0)
		return e;
	json_object(&j, NULL);
	json_str(&j, "token_type", "Bearer");
	if (a->v1) {
		snprintf(number, sizeof(number), "%d", TOKEN_SECONDS - 1);
		json_str(&j, "expires_in", number);
		json_str(&j, "ext_expires_in", number);
		snprintf(number, sizeof(number), "%" PRId64, t.expires);
		json_str(&j, "expires_on", number);
		snprintf(number, sizeof(number), "%" PRId64, t.issued);
		json_str(&j, "not_before", number);
		json_str(&j, "resource", a->resource);
	} else {
		json_u64(&j, "expires_in", TOKEN_SECONDS - 1);
		json_u64(&j, "ext_expires_in", TOKEN_SECONDS - 1);
	}
	json_strn(&j, "access_token", SPAN_OF(&text));
	json_close(&j);
	e = json_end(&j);
	if (e == 0)
		e = http_set_header(x, "Cache-Control", "no-store");
	return e < 0 ? e : http_reply_json(x, 200, SPAN_OF(&b));
}

static int give_token(struct http_exchange *x, struct vault *v,
		      struct asking *a)
{
	const char *grant;
	int e = check_tenant(x, v);

	if (e == 0)
		e = token_may_try(x, v);
	if (e == 0)
		e = parse_form(x, a);
	if (e < 0)
		return e;
	grant = uri_parameter(&a->form, "grant_type");
	if (!grant)
		return missing(x, "grant_type");
	if (strcmp(grant, "client_credentials") != 0)
		return token_refuse(x, 400, "unsupported_grant_type", 70003,
				    "The app requested an unsupported grant "
				    "type '%.64s'.",
				    grant);
	e = find_client(x, v, a);
	if (e == 0)
		e = prove(x, v, a);
	if (e == 0)
		e = find_resource(x, v, a);
	return e < 0 ? e : answer_token(x, v, a);
}

static int on_token(struct http_exchange *x, void *arg, bool v1)
{
	struct asking a = { .v1 = v1 };
	int e = give_token(x, arg, &a);

	uri_release(&a.form);
	return e == -ECANCELED ? 0 : e;
}

static int on_token_v1(struct http_exchange *x, void *arg)
{
	return on_token(x, arg, true);
}

static int on_token_v2(struct http_exchange *x, void *arg)
{
	return on_token(x, arg, false);
}

/* --- discovery --- */

static int on_configuration(struct http_exchange *x, void *arg)
{
	struct vault *v = arg;
	CLEANUP_BUF struct buf b = BUF_INIT(8192);
	struct json_out j = JSON_OUT(&b);
	CLEANUP_FREE char *iss = NULL;
	const char *url = vault_url(v), *tenant = http_segment(x, 0);
	char text[1024];
	int e = check_tenant(x, v);

	if (e == 0)
		e = identity_issuer(v, &iss);
	if (e < 0) {
		iss = NULL;
		return e == -ECANCELED ? 0 : e;
	}
	json_object(&j, NULL);
	json_str(&j, "issuer", iss);
	snprintf(text, sizeof(text), "%s/%s/oauth2/v2.0/authorize", url,
		 tenant);
	json_str(&j, "authorization_endpoint", text);
	snprintf(text, sizeof(text), "%s/%s/oauth2/v2.0/token", url, tenant);
	json_str(&j, "token_endpoint", text);
	snprintf(text, sizeof(text), "%s/%s/discovery/v2.0/keys", url, tenant);
	json_str(&j, "jwks_uri", text);
	json_array(&j, "token_endpoint_auth_methods_supported");
	json_str(&j, NULL, "client_secret_post");
	json_str(&j, NULL, "private_key_jwt");
	json_close(&j);
	json_array(&j, "response_types_supported");
	json_str(&j, NULL, "token");
	json_close(&j);
	json_array(&j, "subject_types_supported");
	json_str(&j, NULL, "public");
	json_close(&j);
	json_array(&j, "id_token_signing_alg_values_supported");
	json_str(&j, NULL, v->config.es256 ? "ES256" : "RS256");
	json_close(&j);
	json_close(&j);
	e = json_end(&j);
	return e < 0 ? e : http_reply_json(x, 200, SPAN_OF(&b));
}

static int on_keys(struct http_exchange *x, void *arg)
{
	struct vault *v = arg;
	CLEANUP_BUF struct buf b = BUF_INIT(JWK_SET_MAX);
	int e = check_tenant(x, v);

	if (e == 0)
		e = signing_jwks(v->identity->signing, &b);
	if (e == 0)
		e = http_reply_json(x, 200, SPAN_OF(&b));
	return e == -ECANCELED ? 0 : e;
}

/* --- whose token is this? --- */

static int on_caller(struct http_exchange *x, void *arg)
{
	CLEANUP_BUF struct buf b = BUF_INIT(8192);
	struct json_out j = JSON_OUT(&b);
	struct caller c;
	int e = caller_of(x, arg, AUDIENCE_ARM, &c);

	if (e < 0)
		return e == -ECANCELED ? 0 : e;
	json_object(&j, NULL);
	json_str(&j, "tenant", c.tenant);
	json_str(&j, "objectId", c.object);
	json_str(&j, "appId", c.app);
	json_str(&j, "displayName", c.name);
	json_close(&j);
	e = json_end(&j);
	return e < 0 ? e : http_reply_json(x, 200, SPAN_OF(&b));
}

const struct http_route token_routes[] = {
	{ "GET", "/v1/caller", on_caller, NULL, 0 },
	{ "POST", "/{}/oauth2/token", on_token_v1, NULL, URI_FORM_MAX },
	{ "POST", "/{}/oauth2/v2.0/token", on_token_v2, NULL, URI_FORM_MAX },
	{ "GET", "/{}/.well-known/openid-configuration", on_configuration, NULL,
	  0 },
	{ "GET", "/{}/v2.0/.well-known/openid-configuration", on_configuration,
	  NULL, 0 },
	{ "GET", "/{}/discovery/keys", on_keys, NULL, 0 },
	{ "GET", "/{}/discovery/v2.0/keys", on_keys, NULL, 0 },
	{ "GET", "/metadata/identity/oauth2/token", token_on_metadata, NULL,
	  0 },
	{ "GET", "/metadata/identity/oauth2/token/", token_on_metadata, NULL,
	  0 },
};
const size_t n_token_routes = ARRAY_LEN(token_routes);
