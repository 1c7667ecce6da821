/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metadata_api.c - how managed identities get tokens.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "vault/identity/token_private.h"
#include "vault/machines/machine_auth.h"

static int refuse(struct http_exchange *x, unsigned int status,
		  const char *error, const char *text)
{
	CLEANUP_BUF struct buf b = BUF_INIT(4096);
	struct json_out j = JSON_OUT(&b);
	int e;

	json_object(&j, NULL);
	json_str(&j, "error", error);
	json_str(&j, "error_description", text);
	json_close(&j);
	e = json_end(&j);
	if (e == 0)
		e = http_reply_json(x, status, SPAN_OF(&b));
	return e < 0 ? e : -ECANCELED;
}

/* A header that no page in a browser can send. */
static int check_header(struct http_exchange *x)
{
	const char *metadata = http_header(x, "Metadata");

	if (http_header(x, "X-IDENTITY-HEADER") ||
	    (metadata && !strcasecmp(metadata, "true")))
		return 0;
	return refuse(x, 400, "invalid_request",
		      "Required metadata header not specified");
}

static int prove_by_header(struct http_exchange *x, struct vault *v,
			   const char *text, struct principal *out)
{
	int e = token_may_try(x, v);

	if (e == 0)
		e = secret_holder(v->db, text, out);
	if (e != -ENOENT)
		return e;
	e = token_wrong(x, v, "(unknown)", "X-IDENTITY-HEADER");
	return e < 0 ? e
		     : refuse(x, 401, "unauthorized_client",
			      "The X-IDENTITY-HEADER is not one of a managed "
			      "identity, or is over.");
}

static int prove_by_certificate(struct http_exchange *x, struct vault *v,
				struct principal *out)
{
	struct machine m;
	const uint8_t *hash = http_fingerprint(x);
	int e = hash ? machine_of_certificate(v->db, hash, &m) : -ENOENT;

	if (e == 0)
		e = principal_of_machine(v->db, &m, out);
	if (e != -ENOENT)
		return e;
	return refuse(x, 401, "unauthorized_client",
		      "Who asks is not known: the certificate of a registered "
		      "machine, or X-IDENTITY-HEADER is needed.");
}

/* One that is named must be the one that was proven. */
static bool is_named(struct http_exchange *x, const struct principal *p)
{
	const char *client = http_query(x, "client_id");
	const char *object = http_query(x, "object_id");
	const char *resource = http_query(x, "msi_res_id");

	if (!object)
		object = http_query(x, "principal_id");
	if (!resource)
		resource = http_query(x, "mi_res_id");
	return (!client || !strcasecmp(client, p->app)) &&
	       (!object || !strcasecmp(object, p->id)) &&
	       (!resource || !strcasecmp(resource, p->resource));
}

/* Numbers are strings, as IMDS has them. */
static int answer(struct http_exchange *x, struct vault *v,
		  const struct principal *p, const char *resource)
{
	CLEANUP_BUF struct buf text = BUF_INIT(JWS_MAX);
	CLEANUP_BUF struct buf b = BUF_INIT(2 * JWS_MAX);
	struct json_out j = JSON_OUT(&b);
	struct token t = { .principal = p,
			   .resource = resource,
			   .proof = http_header(x, "X-IDENTITY-HEADER")
					    ? PROOF_SECRET
					    : PROOF_KEY };
	char number[24];
	int e = token_issue(v, &t, &text);

	if (e < 0)
		return e;
	json_object(&j, NULL);
	json_strn(&j, "access_token", SPAN_OF(&text));
	json_str(&j, "client_id", p->app);
	snprintf(number, sizeof(number), "%d", TOKEN_SECONDS - 1);
	json_str(&j, "expires_in", number);
	json_str(&j, "ext_expires_in", number);
	snprintf(number, sizeof(number), "%" PRId64, t.expires);
	json_str(&j, "expires_on", number);
	snprintf(number, sizeof(number), "%" PRId64, t.issued);
	json_str(&j, "not_before", number);
	json_str(&j, "resource", resource);
	json_str(&j, "token_type", "Bearer");
	json_close(&j);
	e = json_end(&j);
	if (e == 0)
		e = http_set_header(x, "Cache-Control", "no-store");
	return e < 0 ? e : http_reply_json(x, 200, SPAN_OF(&b));
}

static int give(struct http_exchange *x, struct vault *v)
{
	const char *header = http_header(x, "X-IDENTITY-HEADER");
	const char *resource = http_query(x, "resource");
	enum audience audience;
	struct principal p;
	int e = check_header(x);

	if (e == 0 && !http_query(x, "api-version"))
		e = refuse(x, 400, "invalid_request",
			   "The query parameter api-version is missing.");
	if (e == 0)
		e = header ? prove_by_header(x, v, header, &p)
			   : prove_by_certificate(x, v, &p);
	if (e == 0 && !is_named(x, &p))
		e = refuse(x, 400, "invalid_request", "Identity not found");
	if (e == 0 &&
	    (!resource || identity_audience(v, resource, &audience) < 0))
		e = refuse(x, 400, "invalid_resource",
			   "AADSTS50001: The application named in the query "
			   "parameter resource was not found in the tenant.");
	return e < 0 ? e : answer(x, v, &p, resource);
}

int token_on_metadata(struct http_exchange *x, void *arg)
{
	int e = give(x, arg);

	return e == -ECANCELED ? 0 : e;
}
