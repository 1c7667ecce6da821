/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registration.c - the files of a registration.
 */
#include "store/registration.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "pki/x509.h"
#include "store/registration_private.h"
#include "store/vault_http.h"

#define TEXT_MAX (64u << 10)

void registration_release(struct registration *r)
{
	free(r->dir);
	free(r->url);
	free(r->vault);
	free(r->machine);
	free(r->name);
	pkey_wipe_buf(&r->key);
	buf_release(&r->certificate);
	buf_release(&r->authority);
	memset(r, 0, sizeof(*r));
}

/* --- reading --- */

static int fail(const char *dir, const char *file, int err, const char *why)
{
	log_error("%s/%s: %s; register this machine anew (tidemark register)",
		  dir, file, why);
	return err;
}

static int read_file(int fd, const char *dir, const char *file, size_t max,
		     struct buf *out)
{
	int e;

	*out = BUF_INIT(max);
	e = buf_reserve(out, max); /* no growth: a key leaves no copies */
	if (e == 0)
		e = io_read_file(fd, file, out);
	if (e == -ENOENT)
		return fail(dir, file, -EUCLEAN, "it is missing");
	return e < 0 ? log_fail(e, "%s/%s", dir, file) : 0;
}

static char *member(const struct json *j, const char *name)
{
	const char *text = json_to_str(json_get(j, name));

	return text ? strdup(text) : NULL;
}

/* Only who restores has these. */
static int read_restore(const struct json *j, struct registration *r)
{
	const struct json *until = json_get(j, "restore_until");
	uint64_t n = 0;
	int e = until ? json_to_u64(until, &n) : 0;

	r->restores = until != NULL;
	r->restore_until = (int64_t)MIN(n, (uint64_t)INT64_MAX);
	return e;
}

static int read_record(int fd, struct registration *r)
{
	CLEANUP_BUF struct buf text = BUF_INIT(TEXT_MAX);
	CLEANUP_JSON struct json *j = NULL;
	int e = io_read_file(fd, REGISTRATION_RECORD, &text);

	if (e == -ENOENT) {
		log_error("%s holds no registration with a vault: tidemark "
			  "register --vault-credentials FILE makes one",
			  r->dir);
		return e;
	}
	if (e < 0)
		return log_fail(e, "%s/" REGISTRATION_RECORD, r->dir);
	e = json_parse(SPAN_OF(&text), TEXT_MAX, &j);
	if (e == -ENOMEM)
		return e;
	r->url = member(j, "url");
	r->vault = member(j, "vault");
	r->machine = member(j, "machine");
	r->name = member(j, "name");
	if (e < 0 || !r->url || !r->vault || !r->machine || !r->name ||
	    !vault_url_is_good(r->url) || read_restore(j, r) < 0)
		return fail(r->dir, REGISTRATION_RECORD, -EUCLEAN,
			    "it is damaged");
	return 0;
}

static int read_certificate(int fd, struct registration *r)
{
	CLEANUP_X509 struct x509_cert *c = NULL;
	CLEANUP_PKEY struct pkey *key = NULL;
	const char *why = NULL;
	int e = pkey_load(fd, REGISTRATION_KEY, &key);

	if (e == -ENOENT)
		return fail(r->dir, REGISTRATION_KEY, -EUCLEAN,
			    "it is missing");
	if (e < 0)
		return e;
	e = x509_parse(SPAN_OF(&r->certificate), &c, &why);
	if (e == -ENOMEM)
		return e;
	if (e == 0 && !x509_has_key(c, key))
		why = "it is not for key.pem";
	if (why)
		return fail(r->dir, REGISTRATION_CERTIFICATE, -EUCLEAN, why);
	r->not_before = x509_info(c)->not_before;
	r->not_after = x509_info(c)->not_after;
	return e;
}

static int read_files(int fd, struct registration *r)
{
	int e = read_record(fd, r);

	if (e == 0)
		e = read_file(fd, r->dir, REGISTRATION_KEY, PKEY_PEM_MAX,
			      &r->key);
	if (e == 0)
		e = read_file(fd, r->dir, REGISTRATION_CERTIFICATE,
			      2 * X509_CERT_MAX, &r->certificate);
	if (e == 0)
		e = read_file(fd, r->dir, REGISTRATION_AUTHORITY,
			      2 * X509_CERT_MAX, &r->authority);
	return e < 0 ? e : read_certificate(fd, r);
}

int registration_load(const char *dir, struct registration *out)
{
	CLEANUP_CLOSE int fd = -1;
	int e;

	memset(out, 0, sizeof(*out));
	out->dir = strdup(dir);
	if (!out->dir)
		return -ENOMEM;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		log_error("%s holds no registration with a vault: tidemark "
			  "register --vault-credentials FILE makes one",
			  dir);
		e = -ENOENT;
	} else if (fd < 0) {
		e = log_fail(-errno, "open %s", dir);
	} else {
		e = read_files(fd, out);
	}
	if (e < 0)
		registration_release(out);
	return e;
}

/* --- writing --- */

static int save(int fd, const struct registration *r, const char *file,
		struct span data)
{
	int e = io_replace_file(fd, file, data);

	return e < 0 ? log_fail(e, "write %s/%s", r->dir, file) : 0;
}

int registration_save_certificate(int fd, const struct registration *r)
{
	return save(fd, r, REGISTRATION_CERTIFICATE, SPAN_OF(&r->certificate));
}

int registration_save(int fd, const struct registration *r)
{
	CLEANUP_BUF struct buf text = BUF_INIT(TEXT_MAX);
	struct json_out j = JSON_OUT(&text);
	int e;

	json_object(&j, NULL);
	json_str(&j, "url", r->url);
	json_str(&j, "vault", r->vault);
	json_str(&j, "machine", r->machine);
	json_str(&j, "name", r->name);
	if (r->restores)
		json_i64(&j, "restore_until", r->restore_until);
	json_close(&j);
	e = json_end(&j);
	if (e == 0)
		e = buf_u8(&text, '\n');
	if (e == 0)
		e = save(fd, r, REGISTRATION_AUTHORITY, SPAN_OF(&r->authority));
	if (e == 0)
		e = registration_save_certificate(fd, r);
	return e < 0 ? e : save(fd, r, REGISTRATION_RECORD, SPAN_OF(&text));
}

/* First what says that there is a registration, last the key: whatever cuts
 * this off, what is left is none. */
int registration_remove(int fd, const char *dir)
{
	static const char *const files[] = { REGISTRATION_RECORD,
					     REGISTRATION_CERTIFICATE,
					     REGISTRATION_AUTHORITY,
					     REGISTRATION_KEY };
	size_t i;

	for (i = 0; i < ARRAY_LEN(files); i++)
		if (unlinkat(fd, files[i], 0) < 0 && errno != ENOENT)
			return log_fail(-errno, "remove %s/%s", dir, files[i]);
	if (fsync(fd) < 0)
		return log_fail(-errno, "sync %s", dir);
	(void)rmdir(dir); /* if nothing else is in it */
	return 0;
}
