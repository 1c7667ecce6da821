/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault.c - a vault is a directory: made, opened, closed.
 */
#include "vault/vault.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "vault/identity/identity.h"
#include "vault/machines/readers.h"

#define FORMAT 1 /* of a credentials file */

static char *in(const char *dir, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

/* --- making --- */

static int must_be_empty(const char *dir)
{
	DIR *d = opendir(dir);
	const struct dirent *de;
	int e = 0;

	if (!d)
		return log_fail(-errno, "open %s", dir);
	while (e == 0 && (de = readdir(d)))
		if (strcmp(de->d_name, ".") && strcmp(de->d_name, "..") &&
		    strcmp(de->d_name, "lost+found"))
			e = -EEXIST;
	closedir(d);
	if (e < 0)
		log_error("%s is not empty: a vault is made in a directory of "
			  "its own",
			  dir);
	return e;
}

static int make_database(const char *dir, const char *vault_name)
{
	CLEANUP_FREE char *path = in(dir, "vault.db");
	char id[MACHINE_ID_LEN + 1];
	struct db *db = NULL;
	int e = path ? db_open(path, &db) : -ENOMEM;

	if (e == 0) {
		e = vault_add(db, vault_name, id);
		if (e == -EINVAL)
			log_error("%s is no name of a vault: letters, digits, "
				  "dots, underscores and hyphens",
				  vault_name);
	}
	db_close(db);
	return e;
}

/* The configuration comes last: a directory without it is no vault yet. */
int vault_make(const char *dir, const char *config, const char *vault_name)
{
	CLEANUP_FREE char *tls = in(dir, "tls");
	CLEANUP_FREE char *repositories = in(dir, "repositories");
	CLEANUP_FREE char *file = in(dir, "vaultd.conf");
	int e = tls && repositories && file ? io_mkdir_p(dir) : -ENOMEM;

	if (e == 0)
		e = must_be_empty(dir);
	if (e == 0)
		e = io_mkdir_p(repositories);
	if (e == 0)
		e = authority_make(tls, "Tidemark vault");
	if (e == 0)
		e = make_database(dir, vault_name);
	if (e == 0)
		e = io_replace_file(AT_FDCWD, file,
				    SPAN(config, strlen(config)));
	return e;
}

/* --- opening --- */

static int open_parts(struct vault *v)
{
	CLEANUP_FREE char *tls = in(v->dir, "tls");
	CLEANUP_FREE char *repositories = in(v->dir, "repositories");
	CLEANUP_FREE char *file = in(v->dir, "vault.db");
	struct quota quota = { v->config.quota_bytes, v->config.quota_objects };
	int e;

	if (!tls || !repositories || !file)
		return -ENOMEM;
	e = authority_open(tls, (const char *const *)v->config.names,
			   v->config.n_names, &v->authority);
	if (e == 0)
		e = db_open(file, &v->db);
	if (e == 0)
		e = objects_open(v->db, repositories, &v->objects);
	if (e < 0)
		return e;
	objects_limit(v->objects, &quota, v->config.disk_reserve);
	e = leases_new(&v->leases);
	if (e == 0)
		e = gate_new(&v->config, &v->gate);
	if (e == 0)
		e = refusals_new(&v->refusals);
	return e < 0 ? e : identity_open(v, &v->identity);
}

int vault_open(const char *dir, struct vault *out)
{
	CLEANUP_FREE char *config = in(dir, "vaultd.conf");
	int e;

	memset(out, 0, sizeof(*out));
	out->dir = strdup(dir);
	if (!config || !out->dir) {
		vault_close(out);
		return -ENOMEM;
	}
	if (access(config, F_OK) < 0) {
		log_error("%s holds no vault: tidemark-vaultd init %s makes "
			  "one",
			  dir, dir);
		vault_close(out);
		return -ENOENT;
	}
	e = vault_config_read(config, &out->config);
	if (e == 0)
		e = open_parts(out);
	if (e < 0)
		vault_close(out);
	return e;
}

void vault_close(struct vault *v)
{
	refusals_free(v->refusals);
	gate_free(v->gate);
	identity_close(v->identity);
	leases_free(v->leases);
	objects_close(v->objects);
	db_close(v->db);
	authority_close(&v->authority);
	vault_config_release(&v->config);
	free(v->dir);
	free(v->url);
	memset(v, 0, sizeof(*v));
}

/* --- where it is --- */

const char *vault_url(const struct vault *v)
{
	return __atomic_load_n(&v->url, __ATOMIC_ACQUIRE);
}

int vault_listens(struct vault *v, unsigned int port)
{
	char *url = NULL;
	size_t n;

	if (v->config.url)
		url = strdup(v->config.url);
	else if (asprintf(&url, "https://%s:%u", v->config.names[0], port) < 0)
		url = NULL;
	if (!url)
		return -ENOMEM;
	for (n = strlen(url); n > 0 && url[n - 1] == '/'; n--)
		url[n - 1] = '\0';
	__atomic_store_n(&v->url, url, __ATOMIC_RELEASE);
	return 0;
}

/* --- credentials --- */

static int default_url(const struct vault_config *c, char **out)
{
	const char *port = strrchr(c->listen, ':');

	if (c->url)
		*out = strdup(c->url);
	else if (asprintf(out, "https://%s%s", c->names[0], port ?: "") < 0)
		*out = NULL;
	return *out ? 0 : -ENOMEM;
}

static int write_credentials(const struct vault *v, const char *vault_name,
			     const char *url, const uint8_t *secret,
			     int64_t expires, bool restore, struct buf *out)
{
	CLEANUP_BUF struct buf ca = BUF_INIT(2 * X509_CERT_MAX);
	struct json_out j = JSON_OUT(out);
	int e = x509_to_pem(v->authority.ca, &ca);

	if (e < 0)
		return e;
	json_object(&j, NULL);
	json_str(&j, "type", "tidemark vault credentials");
	json_u64(&j, "version", FORMAT);
	json_str(&j, "url", url);
	json_str(&j, "vault", vault_name);
	json_i64(&j, "expires", expires);
	if (restore)
		json_bool(&j, "restore", true);
	json_hex(&j, "secret", secret, CREDENTIAL_LEN);
	json_strn(&j, "authority", SPAN_OF(&ca));
	json_close(&j);
	e = json_end(&j);
	return e < 0 ? e : buf_u8(out, '\n');
}

static int find_vault(struct vault *v, const char *name, char *id)
{
	int e = vault_find(v->db, name, id);

	if (e == -ENOENT)
		log_error("there is no vault %s here", name);
	return e;
}

int vault_credentials(struct vault *v, const char *vault_name, const char *url,
		      const char *actor, struct buf *out)
{
	CLEANUP_FREE char *own = NULL;
	uint8_t secret[CREDENTIAL_LEN];
	char id[MACHINE_ID_LEN + 1];
	int64_t expires = clock_now() + CREDENTIAL_DAYS * 86400;
	int e = find_vault(v, vault_name, id);

	if (e == 0)
		e = default_url(&v->config, &own);
	random_bytes(secret, sizeof(secret));
	if (e == 0)
		e = credential_add(v->db, id, secret, expires, actor);
	if (e == 0)
		e = write_credentials(v, vault_name, url ? url : own, secret,
				      expires, false, out);
	secret_wipe(secret, sizeof(secret));
	return e;
}

static int find_machine(struct vault *v, const char *vault, const char *word,
			struct machine *out)
{
	int e = machine_find(v->db, vault, word, out);

	if (e == -ENOENT)
		log_error("there is no machine %s here: tidemark-vaultd "
			  "machines %s shows them",
			  word, v->dir);
	if (e == -EMLINK)
		log_error("several machines are called %s: give the id of one "
			  "of them, which tidemark-vaultd machines %s shows",
			  word, v->dir);
	return e;
}

int vault_machine(struct vault *v, const char *vault_name, const char *word,
		  struct machine *out)
{
	char id[MACHINE_ID_LEN + 1];
	int e = vault_find(v->db, vault_name, id);

	if (e == -ENOENT)
		log_error("there is no vault %s here", vault_name);
	return e < 0 ? e : find_machine(v, id, word, out);
}

int vault_restore_credentials(struct vault *v, const char *vault_name,
			      const char *machine, unsigned int days,
			      const char *url, struct buf *out)
{
	CLEANUP_FREE char *own = NULL;
	uint8_t secret[CREDENTIAL_LEN];
	char id[MACHINE_ID_LEN + 1], reader[MACHINE_ID_LEN + 1];
	int64_t expires = clock_now() + days * 86400ll;
	struct machine m;
	int e = find_vault(v, vault_name, id);

	if (e == 0 && machine)
		e = find_machine(v, id, machine, &m);
	if (e == 0)
		e = default_url(&v->config, &own);
	random_bytes(secret, sizeof(secret));
	if (e == 0)
		e = reader_allow(v->db, id, machine ? m.id : NULL, secret,
				 expires, "local root", reader);
	if (e == 0)
		e = write_credentials(v, vault_name, url ? url : own, secret,
				      expires, true, out);
	secret_wipe(secret, sizeof(secret));
	return e;
}
