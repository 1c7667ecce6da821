/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authority.c - the vault's own certificates, and those it signs.
 */
#include "vault/authority.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"

#define RENEW_SECONDS (30 * 86400) /* before the end of the server's */

static int open_dir(const char *dir, int *out)
{
	*out = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *out < 0 ? log_fail(-errno, "open %s", dir) : 0;
}

static int save(int dirfd, const char *name, const struct x509_cert *c)
{
	CLEANUP_BUF struct buf pem = BUF_INIT(2 * X509_CERT_MAX);
	int e = x509_to_pem(c, &pem);

	return e < 0 ? e : io_replace_file(dirfd, name, SPAN_OF(&pem));
}

static int load(int dirfd, const char *name, struct x509_cert **out)
{
	CLEANUP_BUF struct buf pem = BUF_INIT(2 * X509_CERT_MAX);
	const char *why = NULL;
	int e = io_read_file(dirfd, name, &pem);

	if (e == -ENOENT)
		return e;
	if (e == 0)
		e = x509_parse(SPAN_OF(&pem), out, &why);
	return e < 0 ? log_fail(e, "%s: %s", name, why ?: "read") : 0;
}

int authority_make(const char *dir, const char *name)
{
	CLEANUP_PKEY struct pkey *key = NULL;
	CLEANUP_X509 struct x509_cert *ca = NULL;
	CLEANUP_CLOSE int fd = -1;
	int e = io_mkdir_p(dir);

	if (e == 0)
		e = open_dir(dir, &fd);
	if (e == 0)
		e = pkey_new(&key);
	if (e == 0)
		e = x509_new_ca(key, name, clock_now(), AUTHORITY_CA_DAYS, &ca);
	if (e == 0)
		e = pkey_save(fd, "ca.key", key);
	if (e == 0)
		e = save(fd, "ca.crt", ca);
	return e < 0 ? log_fail(e, "make the vault's authority in %s", dir) : 0;
}

/* The names it was made for lie beside it: there is nothing to parse. */
static int names_text(const char *const *names, size_t n, struct buf *out)
{
	size_t i;
	int e = 0;

	for (i = 0; i < n && e == 0; i++) {
		e = buf_append(out, names[i], strlen(names[i]));
		if (e == 0)
			e = buf_u8(out, '\n');
	}
	return e;
}

static bool server_is_good(const struct authority *a, int fd, struct span names)
{
	CLEANUP_BUF struct buf made_for = BUF_INIT(64u << 10);

	return a->server && a->server_key &&
	       x509_has_key(a->server, a->server_key) &&
	       x509_info(a->server)->not_after > clock_now() + RENEW_SECONDS &&
	       io_read_file(fd, "server.names", &made_for) == 0 &&
	       made_for.len == names.len &&
	       memcmp(made_for.p, names.p, names.len) == 0;
}

static int make_server(struct authority *a, int fd, const char *const *names,
		       size_t n, struct span text)
{
	struct x509_signer by = { a->ca, a->key, clock_now(),
				  AUTHORITY_SERVER_DAYS };
	int e;

	pkey_free(TAKE_PTR(a->server_key));
	x509_free(TAKE_PTR(a->server));
	e = pkey_new(&a->server_key);
	if (e == 0)
		e = x509_new_server(&by, a->server_key, names, n, &a->server);
	if (e == 0)
		e = pkey_save(fd, "server.key", a->server_key);
	if (e == 0)
		e = save(fd, "server.crt", a->server);
	if (e == 0)
		e = io_replace_file(fd, "server.names", text);
	return e < 0 ? log_fail(e, "make the server's certificate in %s",
				a->dir)
		     : 0;
}

static int open_server(struct authority *a, int fd, const char *const *names,
		       size_t n)
{
	CLEANUP_BUF struct buf text = BUF_INIT(64u << 10);
	int e = names_text(names, n, &text);

	if (e == 0)
		e = pkey_load(fd, "server.key", &a->server_key);
	if (e == 0)
		e = load(fd, "server.crt", &a->server);
	if (e < 0 && e != -ENOENT)
		return e;
	if (server_is_good(a, fd, SPAN_OF(&text)))
		return 0;
	return make_server(a, fd, names, n, SPAN_OF(&text));
}

int authority_open(const char *dir, const char *const *names, size_t n_names,
		   struct authority *out)
{
	CLEANUP_CLOSE int fd = -1;
	int e = open_dir(dir, &fd);

	memset(out, 0, sizeof(*out));
	if (e < 0)
		return e;
	out->dir = strdup(dir);
	if (!out->dir)
		return -ENOMEM;
	e = pkey_load(fd, "ca.key", &out->key);
	if (e == 0)
		e = load(fd, "ca.crt", &out->ca);
	if (e == -ENOENT)
		e = log_fail(e, "the vault's authority in %s", dir);
	if (e == 0)
		e = open_server(out, fd, names, n_names);
	if (e < 0)
		authority_close(out);
	return e;
}

void authority_close(struct authority *a)
{
	pkey_free(a->key);
	pkey_free(a->server_key);
	x509_free(a->ca);
	x509_free(a->server);
	free(a->dir);
	memset(a, 0, sizeof(*a));
}

int authority_server(const struct authority *a, struct buf *cert,
		     struct buf *key)
{
	int e = x509_to_pem(a->server, cert);

	return e < 0 ? e : pkey_to_pem(a->server_key, key);
}

int authority_sign(const struct authority *a, struct span request,
		   const char *machine, const char *uuid,
		   struct x509_cert **out, const char **why)
{
	struct x509_signer by = { a->ca, a->key, clock_now(),
				  AUTHORITY_CLIENT_DAYS };

	return x509_new_client(&by, request, machine, uuid, out, why);
}
