/* SPDX-License-Identifier: Apache-2.0 */
/*
 * register_api.c - how a machine becomes known, over HTTP.
 */
#include "vault/machines/register_api.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "vault/machines/machine_auth.h"
#include "vault/machines/register_private.h"
#include "vault/vault.h"

static int parse_request(struct http_exchange *x, struct json **j)
{
	int e = json_parse(http_body(x), HTTP_JSON_MAX, j);

	if (e == 0 || e == -ENOMEM)
		return e;
	e = http_reply_error(x, 400, "BadRequest", "The body is no JSON.");
	return e < 0 ? e : -ECANCELED;
}

static int get_members(struct http_exchange *x, const struct json *j,
		       struct registering *r)
{
	const char *secret = json_to_str(json_get(j, "secret"));
	int e;

	r->name = json_to_str(json_get(j, "name"));
	r->request = json_to_str(json_get(j, "request"));
	if (secret && r->name && r->request && machine_name_is_valid(r->name) &&
	    hex_decode(r->secret, sizeof(r->secret), secret, strlen(secret)) ==
		    0)
		return 0;
	e = http_reply_error(x, 400, "BadRequest",
			     "secret, name and request are needed; a name is "
			     "of letters, digits, dots, underscores and "
			     "hyphens.");
	return e < 0 ? e : -ECANCELED;
}

int register_sign(struct http_exchange *x, struct vault *v, const char *request,
		  const char *name, const char *id, struct x509_cert **out)
{
	const char *why = NULL;
	int e = authority_sign(&v->authority, SPAN(request, strlen(request)),
			       name, id, out, &why);

	if (e != -EUCLEAN && e != -EBADMSG && e != -EKEYREJECTED &&
	    e != -EMSGSIZE)
		return e;
	e = http_reply_error(x, 400, "BadCertificateRequest", "%s",
			     why ?: "The certificate request is too long.");
	return e < 0 ? e : -ECANCELED;
}

static struct machine_certificate hash_of(const struct x509_cert *cert)
{
	struct machine_certificate c;

	memcpy(c.hash, x509_info(cert)->sha256, sizeof(c.hash));
	memcpy(c.key, x509_info(cert)->key_sha256, sizeof(c.key));
	c.expires = x509_info(cert)->not_after;
	return c;
}

int register_answer(struct http_exchange *x, struct vault *v,
		    const struct registering *r, int64_t restore_until)
{
	CLEANUP_BUF struct buf pem = BUF_INIT(2 * X509_CERT_MAX);
	CLEANUP_BUF struct buf ca = BUF_INIT(2 * X509_CERT_MAX);
	CLEANUP_BUF struct buf b = BUF_INIT(8 * X509_CERT_MAX);
	struct json_out j = JSON_OUT(&b);
	int e = x509_to_pem(r->cert, &pem);

	if (e == 0)
		e = x509_to_pem(v->authority.ca, &ca);
	if (e < 0)
		return e;
	json_object(&j, NULL);
	json_str(&j, "machine", r->id);
	json_str(&j, "vault", r->vault);
	json_i64(&j, "expires", restore_until ?: x509_info(r->cert)->not_after);
	if (restore_until)
		json_bool(&j, "restore", true);
	json_strn(&j, "certificate", SPAN_OF(&pem));
	json_strn(&j, "authority", SPAN_OF(&ca));
	json_close(&j);
	e = json_end(&j);
	return e < 0 ? e : http_reply_json(x, 201, SPAN_OF(&b));
}

int register_refuse(struct http_exchange *x, struct vault *v,
		    const struct registering *r, int err)
{
	int e = refusals_note(v->refusals, v->db, http_address(x), r->name,
			      err == -EACCES ? "credentials"
					     : "the name is taken");

	if (e < 0)
		return e;
	if (err == -EACCES)
		return http_reply_error(
			x, 403, "InvalidCredentials",
			"These credentials are not known, used already, or "
			"too old: make new ones.");
	return http_reply_error(x, 409, "MachineExists",
				"A machine %s is registered in this vault: "
				"unregister it first, or give another name.",
				r->name);
}

static int register_new(struct http_exchange *x, struct vault *v,
			struct registering *r)
{
	struct machine_certificate c;
	int e;

	uuid_make(r->id);
	e = register_sign(x, v, r->request, r->name, r->id, &r->cert);
	if (e == 0)
		e = objects_add_machine(v->objects, r->id);
	if (e == 0) {
		c = hash_of(r->cert);
		e = machine_register(v->db, r->secret, r->id, r->name, &c);
	}
	if (e == 0)
		log_info("machine %s is registered as %s", r->name, r->id);
	return e;
}

/* The secret was used. By this machine, which has not heard of it? */
static int register_again(struct http_exchange *x, struct vault *v,
			  struct registering *r,
			  const struct credential_use *use)
{
	struct machine_certificate c;
	int e = strcmp(use->name, r->name) ? -EACCES : 0;

	memcpy(r->id, use->machine, sizeof(r->id));
	if (e == 0)
		e = register_sign(x, v, r->request, r->name, r->id, &r->cert);
	if (e < 0)
		return e;
	c = hash_of(r->cert);
	if (memcmp(c.key, use->key, sizeof(c.key)) != 0)
		return -EACCES;
	log_info("machine %s asks again for its registration as %s", r->name,
		 r->id);
	return certificate_add(v->db, r->id, &c);
}

static int register_once(struct http_exchange *x, struct vault *v,
			 struct registering *r)
{
	struct credential_use use;
	int e = credential_check(v->db, r->secret, &use);

	if (e < 0)
		return e;
	memcpy(r->vault, use.vault, sizeof(r->vault));
	x509_free(TAKE_PTR(r->cert));
	return use.machine[0] ? register_again(x, v, r, &use)
			      : register_new(x, v, r);
}

static int register_machine(struct http_exchange *x, struct vault *v,
			    struct registering *r)
{
	int e = register_once(x, v, r);

	/* an earlier try of the same may have come in between */
	if (e == -EACCES)
		e = register_once(x, v, r);
	if (e == -EACCES)
		return register_reader(x, v, r);
	if (e == -EEXIST)
		return register_refuse(x, v, r, e);
	return e < 0 ? e : register_answer(x, v, r, 0);
}

static int on_register(struct http_exchange *x, void *arg)
{
	struct registering r = { 0 };
	CLEANUP_JSON struct json *j = NULL;
	struct vault *v = arg;
	int e = gate_stranger(v->gate, x);

	if (e == 0)
		e = parse_request(x, &j);
	if (e == 0)
		e = get_members(x, j, &r);
	if (e == 0)
		e = register_machine(x, v, &r);
	x509_free(r.cert);
	secret_wipe(r.secret, sizeof(r.secret));
	return e == -ECANCELED ? 0 : e;
}

/* A machine that is known asks for its next certificate. */
static int on_renew(struct http_exchange *x, void *arg)
{
	struct vault *v = arg;
	CLEANUP_JSON struct json *j = NULL;
	CLEANUP_X509 struct x509_cert *cert = NULL;
	struct registering r = { 0 };
	struct machine_certificate c;
	struct machine m;
	const char *request;
	int e = machine_auth(x, v, &m);

	if (e == 0)
		e = parse_request(x, &j);
	if (e == 0) {
		request = json_to_str(json_get(j, "request"));
		e = register_sign(x, v, request ?: "", m.name, m.id, &cert);
	}
	if (e == 0) {
		c = hash_of(cert);
		e = certificate_add(v->db, m.id, &c);
	}
	if (e == 0) {
		memcpy(r.id, m.id, sizeof(r.id));
		memcpy(r.vault, m.vault, sizeof(r.vault));
		r.cert = cert;
		e = register_answer(x, v, &r, 0);
	}
	return e == -ECANCELED ? 0 : e;
}

static int on_unregister(struct http_exchange *x, void *arg)
{
	struct vault *v = arg;
	struct machine m;
	struct vault_reader r;
	char actor[64];
	int e = reader_auth(x, v, &r);

	if (e == 0)
		return end_reader(x, v, &r);
	if (e == -ENOENT)
		e = machine_auth(x, v, &m);
	if (e == 0) {
		snprintf(actor, sizeof(actor), "machine %s", m.id);
		e = machine_unregister(v->db, m.id, actor);
	}
	if (e == 0)
		e = http_reply(x, 204, NULL, SPAN(NULL, 0));
	return e == -ECANCELED ? 0 : e;
}

const struct http_route register_routes[] = {
	{ "POST", "/v1/register", on_register, NULL, 64u << 10 },
	{ "POST", "/v1/machine/certificate", on_renew, NULL, 64u << 10 },
	{ "DELETE", "/v1/machine", on_unregister, NULL, 0 },
};
const size_t n_register_routes = ARRAY_LEN(register_routes);
