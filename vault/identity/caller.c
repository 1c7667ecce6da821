/* SPDX-License-Identifier: Apache-2.0 */
/*
 * caller.c - who calls: the bearer of a token.
 *
 * The payload is read twice: before the signature is known to be good only
 * the issuer's name is taken from it, to know whose keys to verify with.
 */
#include "vault/identity/caller.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "vault/vault.h"

#define ISS_MAX 511

/* What is wrong with a token, as it is answered. */
struct fault {
	const char *code;
	char text[512];
};

static int PRINTF_LIKE(3, 4)
	wrong(struct fault *f, const char *code, const char *fmt, ...)
{
	va_list ap;

	f->code = code;
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
	return -EACCES;
}

static int invalid(struct fault *f)
{
	return wrong(f, "InvalidAuthenticationToken",
		     "The access token is invalid.");
}

/* --- before it is verified --- */

static int find_iss(struct span token, char out[static ISS_MAX + 1])
{
	CLEANUP_BUF struct buf payload = BUF_INIT(JWS_MAX);
	CLEANUP_JSON struct json *j = NULL;
	const uint8_t *end = token.p + token.len, *from, *to;
	const char *iss;
	int e;

	if (token.len > JWS_MAX)
		return -EMSGSIZE;
	from = memchr(token.p, '.', token.len);
	to = from ? memchr(from + 1, '.', (size_t)(end - from - 1)) : NULL;
	if (!to)
		return -EUCLEAN;
	e = base64url_decode(&payload, SPAN(from + 1, (size_t)(to - from - 1)));
	if (e == 0)
		e = json_parse(SPAN_OF(&payload), JWS_MAX, &j);
	if (e < 0)
		return e;
	iss = json_to_str(json_get(j, "iss"));
	if (!iss || strlen(iss) > ISS_MAX)
		return -EUCLEAN;
	snprintf(out, ISS_MAX + 1, "%s", iss);
	return 0;
}

/* --- what it claims --- */

static const char *claim(const struct json *j, const char *name)
{
	return json_to_str(json_get(j, name)) ?: "";
}

static char *utc(char out[32], int64_t t)
{
	time_t sec = (time_t)t;
	struct tm tm;

	if (!gmtime_r(&sec, &tm) ||
	    strftime(out, 32, "%m/%d/%Y %H:%M:%S", &tm) == 0)
		snprintf(out, 32, "%lld", (long long)t);
	return out;
}

static int check_times(const struct json *j, struct fault *f)
{
	int64_t now = clock_now();
	uint64_t nbf = 0, exp;
	char then[32], here[32];

	if (json_to_u64(json_get(j, "exp"), &exp) < 0 ||
	    (json_get(j, "nbf") && json_to_u64(json_get(j, "nbf"), &nbf) < 0))
		return invalid(f);
	if ((int64_t)exp + TOKEN_SKEW <= now)
		return wrong(f, "ExpiredAuthenticationToken",
			     "The access token expiry UTC time '%s' is earlier "
			     "than current UTC time '%s'.",
			     utc(then, (int64_t)exp), utc(here, now));
	if ((int64_t)nbf - TOKEN_SKEW > now)
		return wrong(f, "InvalidAuthenticationToken",
			     "The access token is not valid before '%s'; "
			     "current UTC time is '%s'.",
			     utc(then, (int64_t)nbf), utc(here, now));
	return 0;
}

static int wrong_audience(struct fault *f, const char *aud)
{
	return wrong(f, "InvalidAuthenticationTokenAudience",
		     "The access token has been obtained for wrong audience or "
		     "resource '%s'.",
		     aud);
}

static int wrong_tenant(struct vault *v, struct fault *f, const char *tid)
{
	return wrong(f, "InvalidAuthenticationTokenTenant",
		     "The access token is from the wrong tenant '%s'. It must "
		     "match the tenant '%s' associated with this subscription.",
		     tid, v->identity->tenant);
}

static int gone(int e, struct fault *f)
{
	return e == -ENOENT
		       ? wrong(f, "InvalidAuthenticationToken",
			       "The identity of the access token's bearer is "
			       "not known here, or not any more.")
		       : e;
}

/* One that this vault has issued. */
static int check_own(struct vault *v, const struct json *j, enum audience want,
		     struct principal *p, struct fault *f)
{
	enum audience aud;

	if (identity_audience(v, claim(j, "aud"), &aud) < 0 || aud != want)
		return wrong_audience(f, claim(j, "aud"));
	if (strcmp(claim(j, "tid"), v->identity->tenant) != 0)
		return wrong_tenant(v, f, claim(j, "tid"));
	return gone(principal_get(v->db, claim(j, "oid"), p), f);
}

static bool has_audience(const struct issuer_config *c, const char *aud)
{
	unsigned int i;

	for (i = 0; aud && i < c->n_audiences; i++)
		if (!strcmp(c->audiences[i], aud))
			return true;
	return false;
}

static bool audience_fits(const struct issuer_config *c, const struct json *aud)
{
	const struct json *one;

	if (!json_is_array(aud))
		return has_audience(c, json_to_str(aud));
	for (one = json_first(aud); one; one = json_next(one))
		if (has_audience(c, json_to_str(one)))
			return true;
	return false;
}

/* One of another issuer, who knows nothing of what there is here. */
static int check_outside(struct vault *v, const struct issuer_config *c,
			 const struct json *j, struct principal *p,
			 struct fault *f)
{
	const char *subject = claim(j, c->subject ?: "sub");

	if (!audience_fits(c, json_get(j, "aud")))
		return wrong_audience(f, claim(j, "aud"));
	if (c->tenant && strcmp(claim(j, "tid"), c->tenant) != 0)
		return wrong_tenant(v, f, claim(j, "tid"));
	if (!*subject)
		return invalid(f);
	return gone(principal_of_subject(v->db, c->name, subject, p), f);
}

/* --- the token --- */

static int check_claims(struct vault *v, const struct issuer *i,
			const char *iss, struct span payload,
			enum audience audience, struct principal *p,
			struct fault *f)
{
	CLEANUP_JSON struct json *j = NULL;
	int e = json_parse(payload, JWS_MAX, &j);

	if (e == -ENOMEM)
		return e;
	if (e < 0 || strcmp(claim(j, "iss"), iss) != 0)
		return invalid(f);
	e = check_times(j, f);
	if (e < 0)
		return e;
	return i ? check_outside(v, issuer_config(i), j, p, f)
		 : check_own(v, j, audience, p, f);
}

/* Of jws.h: about the token, not about us. */
static bool is_judgement(int e)
{
	return e == -EMSGSIZE || e == -EUCLEAN || e == -EPROTONOSUPPORT ||
	       e == -ENOKEY || e == -EKEYREJECTED || e == -EBADMSG;
}

static int check_token(struct vault *v, struct span token,
		       enum audience audience, struct principal *p,
		       struct fault *f)
{
	CLEANUP_BUF struct buf payload = BUF_INIT(JWS_MAX);
	CLEANUP_FREE char *own = NULL;
	char iss[ISS_MAX + 1] = "";
	struct issuer *i = NULL;
	const char *why = NULL;
	int e = find_iss(token, iss);

	if (e == -ENOMEM)
		return e;
	if (e < 0)
		return invalid(f);
	e = identity_issuer(v, &own);
	if (e < 0) {
		own = NULL;
		return e;
	}
	if (strcmp(iss, own) != 0) {
		i = issuers_find(v->identity->issuers, iss);
		if (!i)
			return wrong(f, "InvalidAuthenticationTokenTenant",
				     "The access token is from the wrong "
				     "issuer '%s'. It must match the tenant "
				     "'%s' associated with this subscription.",
				     iss, own);
	}
	e = i ? issuer_verify(i, token, &payload, &why)
	      : signing_verify(v->identity->signing, token, &payload, &why);
	if (e < 0 && !is_judgement(e))
		return e == -EACCES ? -EIO : e;
	if (e < 0) {
		log_debug("a token of %s: %s", iss, why ?: log_strerror(e));
		return wrong(f, "InvalidAuthenticationToken",
			     "The access token signature is invalid.");
	}
	return check_claims(v, i, iss, SPAN_OF(&payload), audience, p, f);
}

/* --- the request --- */

static int refuse(struct http_exchange *x, struct vault *v,
		  enum audience audience, const struct fault *f)
{
	char challenge[1024];
	const char *url = vault_url(v) ?: "";
	int e;

	if (audience == AUDIENCE_KEY_VAULT)
		snprintf(challenge, sizeof(challenge),
			 "Bearer authorization=\"%s/%s\", resource=\"%s\"", url,
			 v->identity->tenant, url);
	else
		snprintf(challenge, sizeof(challenge),
			 "Bearer authorization_uri=\"%s/%s\", "
			 "error=\"invalid_token\", error_description=\"%s\"",
			 url, v->identity->tenant,
			 !strcmp(f->code, "AuthenticationFailed")
				 ? "The authentication failed because of "
				   "missing 'Authorization' header."
				 : "The access token is not valid.");
	e = http_set_header(x, "WWW-Authenticate", challenge);
	if (e == 0)
		e = http_reply_error(x, 401, f->code, "%s", f->text);
	return e < 0 ? e : -ECANCELED;
}

static void fill(struct caller *c, const struct principal *p)
{
	memset(c, 0, sizeof(*c));
	memcpy(c->tenant, p->tenant, sizeof(c->tenant));
	memcpy(c->object, p->id, sizeof(c->object));
	memcpy(c->app, p->app, sizeof(c->app));
	memcpy(c->name, p->name, sizeof(c->name));
	c->kind = p->kind;
	snprintf(c->actor, sizeof(c->actor), "principal %s (%s)", p->id,
		 p->name);
}

int caller_of(struct http_exchange *x, struct vault *v, enum audience audience,
	      struct caller *out)
{
	const char *text = http_header(x, "Authorization");
	struct principal p;
	struct fault f;
	int e;

	if (!text || strncasecmp(text, "Bearer ", 7) != 0)
		e = wrong(&f, "AuthenticationFailed",
			  "Authentication failed. The 'Authorization' header "
			  "is missing, or its scheme is not Bearer.");
	else
		e = check_token(v, SPAN(text + 7, strlen(text + 7)), audience,
				&p, &f);
	if (e == -EACCES)
		return refuse(x, v, audience, &f);
	if (e == 0)
		fill(out, &p);
	return e;
}
