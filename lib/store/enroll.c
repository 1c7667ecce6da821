/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enroll.c - registered, renewed, unregistered: what is asked of the vault.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "pki/x509.h"
#include "store/registration.h"
#include "store/registration_private.h"
#include "store/vault_http.h"

#define CREDENTIALS_MAX (256u << 10)
#define ANSWER_MAX (1u << 20)
#define SECRET_DIGITS 64

/* --- credentials --- */

struct credentials {
	const char *file;
	struct json *json; /* owns what the others point to */
	const char *url, *vault, *secret, *authority;
	uint64_t expires;
};

static int malformed(const struct credentials *c, const char *why)
{
	log_error("%s is no file of credentials for a vault (%s): take one "
		  "that tidemark-vaultd credentials has made",
		  c->file, why);
	return -EUCLEAN;
}

static int check_authority(const struct credentials *c)
{
	CLEANUP_X509 struct x509_cert *ca = NULL;
	const char *why = NULL;
	int e = x509_parse(SPAN(c->authority, strlen(c->authority)), &ca, &why);

	if (e == -ENOMEM)
		return e;
	if (e < 0)
		return malformed(c, why ?: "its authority is no certificate");
	return x509_info(ca)->is_ca
		       ? 0
		       : malformed(c, "its authority is no authority");
}

static int check_credentials(struct credentials *c)
{
	const char *type = json_to_str(json_get(c->json, "type"));
	uint8_t secret[SECRET_DIGITS / 2];
	uint64_t version;
	int e;

	if (!type || strcmp(type, "tidemark vault credentials") != 0)
		return malformed(c, "it is another kind of file");
	if (json_to_u64(json_get(c->json, "version"), &version) < 0 ||
	    version != 1)
		return malformed(c, "its version is not 1");
	c->url = json_to_str(json_get(c->json, "url"));
	c->vault = json_to_str(json_get(c->json, "vault"));
	c->secret = json_to_str(json_get(c->json, "secret"));
	c->authority = json_to_str(json_get(c->json, "authority"));
	if (!c->url || !c->vault || !c->secret || !c->authority ||
	    json_to_u64(json_get(c->json, "expires"), &c->expires) < 0)
		return malformed(c, "something is missing in it");
	if (!vault_url_is_good(c->url))
		return malformed(c, "its url is not https://HOST:PORT");
	e = hex_decode(secret, sizeof(secret), c->secret, strlen(c->secret));
	secret_wipe(secret, sizeof(secret));
	if (e < 0)
		return malformed(c, "its secret is damaged");
	e = check_authority(c);
	if (e == 0 && (int64_t)c->expires <= clock_now()) {
		log_error("the credentials in %s are too old: make new ones on "
			  "the vault, with tidemark-vaultd credentials (or is "
			  "this machine's clock wrong?)",
			  c->file);
		e = -EKEYEXPIRED;
	}
	return e;
}

static int read_credentials(const char *file, struct credentials *c)
{
	CLEANUP_SECRET_BUF struct buf text = BUF_INIT(CREDENTIALS_MAX);
	int e = buf_reserve(&text, CREDENTIALS_MAX);

	c->file = file;
	if (e == 0)
		e = io_read_file(AT_FDCWD, file, &text);
	if (e == -EMSGSIZE)
		return malformed(c, "it is too long");
	if (e < 0)
		return log_fail(e, "read %s", file);
	e = json_parse(SPAN_OF(&text), CREDENTIALS_MAX, &c->json);
	if (e == -ENOMEM)
		return e;
	return e < 0 ? malformed(c, "it is no JSON") : check_credentials(c);
}

/* --- certificates --- */

int vault_http_of(const struct registration *r, struct vault_http **out)
{
	const struct vault_http_options opt = {
		.url = r->url,
		.directory = r->dir,
		.authority = SPAN_OF(&r->authority),
		.certificate = SPAN_OF(&r->certificate),
		.key = r->certificate.len ? SPAN_OF(&r->key) : SPAN(NULL, 0),
	};

	return vault_http_new(&opt, out);
}

/* {"secret", "name", "request"}; a renewal has the request only. */
static int request_body(const struct credentials *c, const char *name,
			const struct pkey *key, struct buf *out)
{
	CLEANUP_BUF struct buf request = BUF_INIT(X509_REQUEST_MAX);
	struct json_out j = JSON_OUT(out);
	int e = x509_request(key, name, &request);

	if (e == 0)
		e = buf_reserve(out, out->max); /* the secret leaves no copy */
	if (e < 0)
		return e;
	json_object(&j, NULL);
	if (c) {
		json_str(&j, "secret", c->secret);
		json_str(&j, "name", name);
	}
	json_strn(&j, "request", SPAN_OF(&request));
	json_close(&j);
	return json_end(&j);
}

/* Is it what we asked for? The answer may come from a vault that is not what
 * it was. */
static int check_certificate(struct registration *r, const struct pkey *key,
			     const char **why)
{
	CLEANUP_X509 struct x509_cert *c = NULL, *ca = NULL;
	int e = x509_parse(SPAN_OF(&r->certificate), &c, why);

	if (e == 0)
		e = x509_parse(SPAN_OF(&r->authority), &ca, why);
	if (e == 0 && !x509_has_key(c, key)) {
		*why = "it is for another key";
		e = -EKEYREJECTED;
	}
	if (e == 0)
		e = x509_verify(c, ca, X509_USE_CLIENT, clock_now(), why);
	if (e < 0)
		return e;
	if (strcmp(x509_info(c)->machine, r->machine) != 0) {
		*why = "it is for another machine";
		return -EKEYREJECTED;
	}
	r->not_before = x509_info(c)->not_before;
	r->not_after = x509_info(c)->not_after;
	return 0;
}

/* Fill in what a 201 has brought. Who we are never changes. */
static int take_answer(struct registration *r, const struct pkey *key,
		       struct span answer)
{
	CLEANUP_JSON struct json *j = NULL;
	const char *machine, *cert, *why = NULL;
	uint64_t until = 0;
	int e = json_parse(answer, ANSWER_MAX, &j);

	if (e == -ENOMEM)
		return e;
	machine = json_to_str(json_get(j, "machine"));
	cert = json_to_str(json_get(j, "certificate"));
	r->restores = false;
	(void)!json_to_bool(json_get(j, "restore"), &r->restores);
	if (e == 0 && r->restores)
		e = json_to_u64(json_get(j, "expires"), &until);
	r->restore_until = (int64_t)MIN(until, (uint64_t)INT64_MAX);
	if (e < 0 || !machine || !cert || !x509_is_uuid(machine)) {
		log_error("the vault %s has answered what is no certificate",
			  r->url);
		return -EPROTO;
	}
	r->certificate.len = 0;
	if (!r->machine)
		r->machine = strdup(machine);
	e = r->machine ? 0 : -ENOMEM;
	if (e == 0)
		e = buf_append(&r->certificate, cert, strlen(cert));
	if (e == 0)
		e = check_certificate(r, key, &why);
	if (e < 0 && e != -ENOMEM)
		log_error("the certificate that the vault %s has sent cannot "
			  "be used: %s",
			  r->url, why ?: log_strerror(e));
	return e;
}

/* --- registering --- */

static int refused(const struct vault_http *h, const struct vault_request *q,
		   const struct credentials *c, const struct registration *r)
{
	if (q->status == 403) {
		log_error("the vault %s does not take the credentials in %s: "
			  "%s",
			  r->url, c->file, q->message);
		return -EACCES;
	}
	if (q->status == 409) {
		log_error("the vault %s does not take the name %s: %s", r->url,
			  r->name, q->message);
		return -EEXIST;
	}
	return vault_http_judge(h, q);
}

/* The secret works once, but again for the same key: a lost answer is asked
 * for again, here and by the next run. */
static int ask(const struct credentials *c, struct registration *r,
	       const struct pkey *key)
{
	CLEANUP_SECRET_BUF struct buf body = BUF_INIT(2 * X509_REQUEST_MAX);
	CLEANUP_BUF struct buf answer = BUF_INIT(ANSWER_MAX);
	struct vault_http *h = NULL;
	struct vault_request q = {
		.what = "register this machine",
		.method = "POST",
		.path = "/v1/register",
		.into = &answer,
	};
	int e = request_body(c, r->name, key, &body);

	if (e == 0)
		e = vault_http_of(r, &h);
	if (e < 0)
		return e;
	q.body = SPAN_OF(&body);
	e = vault_http_send(h, &q);
	if (e == -EIO)
		log_error("this machine may be registered or not; repeat this "
			  "with the same credentials and directory (%s), "
			  "which keeps the key",
			  r->dir);
	else if (e == 0 && q.status != 201)
		e = refused(h, &q, c, r) ?: -EPROTO;
	else if (e == 0)
		e = take_answer(r, key, SPAN_OF(&answer));
	vault_http_free(h);
	return e;
}

/* The key of a run that was cut off, or a new one. */
static int get_key(int fd, const char *dir, struct pkey **out, bool *again)
{
	int e = pkey_load(fd, REGISTRATION_KEY, out);

	*again = e == 0;
	if (e != -ENOENT)
		return e;
	e = pkey_new(out);
	if (e < 0)
		return log_fail(e, "make a key for %s", dir);
	return pkey_save(fd, REGISTRATION_KEY, *out);
}

static int fill_in(struct registration *r, const char *dir,
		   const struct credentials *c, const char *name)
{
	r->dir = strdup(dir);
	r->url = strdup(c->url);
	r->vault = strdup(c->vault);
	r->name = strdup(name);
	r->certificate = BUF_INIT(2 * X509_CERT_MAX);
	r->authority = BUF_INIT(2 * X509_CERT_MAX);
	if (!r->dir || !r->url || !r->vault || !r->name)
		return -ENOMEM;
	return buf_append(&r->authority, c->authority, strlen(c->authority));
}

static int open_free_dir(const char *dir, int *out)
{
	int e = io_mkdir_p(dir);

	if (e < 0)
		return log_fail(e, "make %s", dir);
	*out = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*out < 0)
		return log_fail(-errno, "open %s", dir);
	if (faccessat(*out, REGISTRATION_RECORD, F_OK, 0) < 0)
		return errno == ENOENT ? 0
				       : log_fail(-errno, "%s/%s", dir,
						  REGISTRATION_RECORD);
	log_error("%s holds a registration already: tidemark unregister ends "
		  "it; or give another --directory",
		  dir);
	return -EEXIST;
}

static int enroll(const struct credentials *c, const char *dir,
		  const char *name, struct registration *r)
{
	CLEANUP_PKEY struct pkey *key = NULL;
	CLEANUP_CLOSE int fd = -1;
	bool again = false;
	int e = open_free_dir(dir, &fd);

	if (e == 0)
		e = fill_in(r, dir, c, name);
	if (e == 0)
		e = get_key(fd, dir, &key, &again);
	if (e == 0)
		e = ask(c, r, key);
	if (e == 0)
		return registration_save(fd, r);
	/* refused for good: the key is nobody's */
	if ((e == -EACCES || e == -EEXIST) && key && !again)
		(void)!registration_remove(fd, dir);
	return e;
}

int registration_make(const char *dir, const char *credentials,
		      const char *name, struct registration *out)
{
	struct credentials c = { .json = NULL };
	int e;

	memset(out, 0, sizeof(*out));
	if (!x509_is_machine_name(name)) {
		log_error("%s is no name for a machine: letters, digits, dots, "
			  "underscores and hyphens, the first a letter or "
			  "digit",
			  name);
		return -EINVAL;
	}
	e = read_credentials(credentials, &c);
	if (e == 0)
		e = enroll(&c, dir, name, out);
	json_free(c.json);
	if (e < 0)
		registration_release(out);
	return e;
}

/* --- renewing --- */

static int ask_again(struct registration *r, const struct pkey *key)
{
	CLEANUP_BUF struct buf body = BUF_INIT(2 * X509_REQUEST_MAX);
	CLEANUP_BUF struct buf answer = BUF_INIT(ANSWER_MAX);
	struct vault_http *h = NULL;
	struct vault_request q = {
		.what = "renew this machine's certificate",
		.method = "POST",
		.path = "/v1/machine/certificate",
		.into = &answer,
		.once = true,
	};
	int e = request_body(NULL, r->name, key, &body);

	if (e == 0)
		e = vault_http_of(r, &h);
	if (e < 0)
		return e;
	q.body = SPAN_OF(&body);
	e = vault_http_send(h, &q);
	if (e == 0 && q.status != 201)
		e = vault_http_judge(h, &q) ?: -EPROTO;
	else if (e == 0)
		e = take_answer(r, key, SPAN_OF(&answer));
	vault_http_free(h);
	return e;
}

static int renew(struct registration *r)
{
	CLEANUP_PKEY struct pkey *key = NULL;
	CLEANUP_CLOSE int fd = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *why = NULL;
	int e;

	if (fd < 0)
		return log_fail(-errno, "open %s", r->dir);
	e = pkey_from_pem(SPAN_OF(&r->key), &key, &why);
	if (e == 0)
		e = ask_again(r, key);
	return e < 0 ? e : registration_save_certificate(fd, r);
}

static int check_right(const struct registration *r, int64_t now)
{
	if (MIN(r->restore_until, r->not_after) > now)
		return 0;
	log_error("the right to restore in %s is over: have the vault's "
		  "administrator make new credentials (tidemark-vaultd "
		  "credentials --restore), then tidemark unregister and "
		  "tidemark register (or is this machine's clock wrong?)",
		  r->dir);
	return -EKEYEXPIRED;
}

int registration_renew(struct registration *r)
{
	struct registration next = *r; /* borrows all but the certificate */
	int64_t now = clock_now();
	int e;

	if (r->restores)
		return check_right(r, now);
	if (r->not_after - now > (r->not_after - r->not_before) / 3)
		return 0;
	if (r->not_after <= now) {
		log_error("the certificate in %s/" REGISTRATION_CERTIFICATE
			  " is over: register this machine anew (tidemark "
			  "unregister, then tidemark register), or is its "
			  "clock wrong?",
			  r->dir);
		return -EKEYEXPIRED;
	}
	/* what is good until now stays so, whatever comes of this */
	next.certificate = BUF_INIT(2 * X509_CERT_MAX);
	e = buf_append(&next.certificate, r->certificate.p, r->certificate.len);
	if (e == 0)
		e = renew(&next);
	if (e < 0) {
		buf_release(&next.certificate);
		log_warn("the certificate in %s could not be renewed; it is "
			 "good for another %lld days",
			 r->dir, (long long)((r->not_after - now) / 86400));
		return 0;
	}
	buf_release(&r->certificate);
	r->certificate = next.certificate;
	r->not_before = next.not_before;
	r->not_after = next.not_after;
	return 0;
}

/* --- unregistering --- */

static int tell_vault(const struct registration *r)
{
	struct vault_http *h = NULL;
	struct vault_request q = {
		.what = "unregister this machine",
		.method = "DELETE",
		.path = "/v1/machine",
		.once = true,
	};
	int e = vault_http_of(r, &h);

	if (e == 0)
		e = vault_http_send(h, &q);
	if (e == 0 && q.status == 401)
		log_warn("the vault %s did not know this machine any more",
			 r->url);
	else if (e == 0)
		e = vault_http_judge(h, &q);
	vault_http_free(h);
	return e;
}

int registration_end(const char *dir)
{
	CLEANUP_REGISTRATION struct registration r = { .dir = NULL };
	CLEANUP_CLOSE int fd = -1;
	int e = registration_load(dir, &r);

	if (e == 0)
		e = tell_vault(&r);
	if (e < 0)
		return e;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? log_fail(-errno, "open %s", dir)
		      : registration_remove(fd, dir);
}
