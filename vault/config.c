/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.c - vaultd.conf.
 */
#include "vault/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "settings/inifile.h"

#define CONFIG_MAX (1u << 20)
#define COUNT_MAX 1000000
#define BYTES_MAX (UINT64_C(1) << 60)

struct reading {
	const char *path;
	struct vault_config *out;
	char section[INIFILE_WORD_MAX + 1];
	int err;
};

static void wrong(struct reading *r, unsigned int line, const char *why)
{
	log_error("%s:%u: %s", r->path, line, why);
	r->err = -EINVAL;
}

static void on_wrong(void *arg, unsigned int line, const char *why)
{
	wrong(arg, line, why);
}

static void take_text(struct reading *r, char **to, const char *value)
{
	free(*to);
	*to = strdup(value);
	if (!*to)
		r->err = -ENOMEM;
}

/* --- who is believed --- */

static void begin_issuer(struct reading *r, unsigned int line, const char *name)
{
	if (r->out->n_issuers == ISSUERS_MAX)
		wrong(r, line, "too many issuers");
	else
		take_text(r, &r->out->issuers[r->out->n_issuers++].name, name);
}

static void take_issuer(struct reading *r, unsigned int line, const char *key,
			const char *value)
{
	struct issuer_config *c;

	if (r->out->n_issuers == 0)
		return; /* its section was wrong already */
	c = &r->out->issuers[r->out->n_issuers - 1];
	if (!strcmp(key, "issuer"))
		take_text(r, &c->issuer, value);
	else if (!strcmp(key, "jwks") &&
		 (*value == '/' || !strncmp(value, "https://", 8)))
		take_text(r, &c->jwks, value);
	else if (!strcmp(key, "jwks"))
		wrong(r, line,
		      "keys come by https://, or from a file that "
		      "begins with /");
	else if (!strcmp(key, "authority"))
		take_text(r, &c->authority, value);
	else if (!strcmp(key, "tenant"))
		take_text(r, &c->tenant, value);
	else if (!strcmp(key, "subject-claim"))
		take_text(r, &c->subject, value);
	else if (strcmp(key, "audience") != 0)
		wrong(r, line, "there is no such key in this section");
	else if (c->n_audiences == ISSUER_AUDIENCES_MAX)
		wrong(r, line, "too many audiences");
	else
		take_text(r, &c->audiences[c->n_audiences++], value);
}

static void take_identity(struct reading *r, unsigned int line, const char *key,
			  const char *value)
{
	bool es256 = !strcmp(value, "ES256");

	if (strcmp(key, "algorithm") != 0)
		wrong(r, line, "there is no such key in this section");
	else if (!es256 && strcmp(value, "RS256") != 0)
		wrong(r, line, "RS256 or ES256 is needed");
	else
		r->out->es256 = es256;
}

static void check_issuers(struct reading *r)
{
	size_t i;

	for (i = 0; i < r->out->n_issuers; i++) {
		const struct issuer_config *c = &r->out->issuers[i];

		if (c->issuer && c->jwks && c->n_audiences > 0)
			continue;
		log_error("%s: [issuer %s] needs issuer, jwks and audience",
			  r->path, c->name ?: "");
		r->err = -EINVAL;
	}
}

static const char *const sections[] = { "vault", "limits", "alerts",
					"identity" };

static void on_section(void *arg, unsigned int line, const char *name)
{
	struct reading *r = arg;
	size_t i;

	snprintf(r->section, sizeof(r->section), "%s", name);
	for (i = 0; i < ARRAY_LEN(sections); i++)
		if (!strcmp(name, sections[i]))
			return;
	if (!strncmp(name, "issuer ", 7))
		begin_issuer(r, line, name + 7);
	else
		wrong(r, line,
		      "there are [vault], [limits], [alerts], [identity] and "
		      "[issuer NAME]");
}

/* --- keys --- */

#define TEXT(section, key, field)                                              \
	{                                                                      \
		section, key, offsetof(struct vault_config, field), 0, 0       \
	}
#define NUMBER(section, key, field, min, max)                                  \
	{                                                                      \
		section, key, offsetof(struct vault_config, field), min, max   \
	}

static const struct key {
	const char *section, *name;
	size_t offset;
	uint64_t min, max; /* of a number; max 0: it is a text */
} keys[] = {
	TEXT("vault", "listen", listen),
	TEXT("vault", "url", url),
	NUMBER("limits", "connections", connections, 1, COUNT_MAX),
	NUMBER("limits", "connections-per-address", connections_per_address, 1,
	       COUNT_MAX),
	NUMBER("limits", "machine-requests", machine_requests, 0, COUNT_MAX),
	NUMBER("limits", "machine-bytes", machine_bytes, 0, BYTES_MAX),
	NUMBER("limits", "address-requests", address_requests, 0, COUNT_MAX),
	NUMBER("limits", "address-refusals", address_refusals, 0, COUNT_MAX),
	NUMBER("limits", "quota-bytes", quota_bytes, 0, BYTES_MAX),
	NUMBER("limits", "quota-objects", quota_objects, 0, BYTES_MAX),
	NUMBER("limits", "disk-reserve", disk_reserve, 0, BYTES_MAX),
	NUMBER("limits", "scrub-bytes", scrub_bytes, 0, BYTES_MAX),
	NUMBER("alerts", "severity", severity, 0, 9),
	TEXT("alerts", "mail", mail),
	TEXT("alerts", "mail-from", mail_from),
	TEXT("alerts", "mail-user", mail_user),
	TEXT("alerts", "mail-password-file", mail_password_file),
	TEXT("alerts", "mail-authority", mail_ca),
	TEXT("alerts", "webhook", webhook),
	TEXT("alerts", "webhook-secret-file", webhook_secret_file),
	TEXT("alerts", "webhook-authority", webhook_ca),
};

/* Keys that may be repeated. */
static bool take_repeated(struct reading *r, unsigned int line, const char *key,
			  const char *value)
{
	struct vault_config *c = r->out;
	bool is_name = !strcmp(r->section, "vault") && !strcmp(key, "name");
	bool is_to = !strcmp(r->section, "alerts") && !strcmp(key, "mail-to");

	if (is_name && c->n_names < VAULT_NAMES_MAX)
		take_text(r, &c->names[c->n_names++], value);
	else if (is_to && c->n_mail_to < VAULT_MAIL_TO_MAX)
		take_text(r, &c->mail_to[c->n_mail_to++], value);
	else if (is_name || is_to)
		wrong(r, line, "too many of these");
	return is_name || is_to;
}

int vault_config_number(const char *value, uint64_t max, uint64_t *out)
{
	static const char units[] = "kmgt";
	const char *unit;
	uint64_t n;
	char *end;

	errno = 0;
	n = strtoull(value, &end, 10);
	if (errno || end == value || *value < '0' || *value > '9')
		return -EINVAL;
	unit = *end ? strchr(units, *end | 0x20) : NULL;
	if (*end && (!unit || end[1]))
		return -EINVAL;
	for (; unit && unit >= units; unit--) {
		if (n > UINT64_MAX / 1024)
			return -EINVAL;
		n *= 1024;
	}
	if (n > max)
		return -EINVAL;
	*out = n;
	return 0;
}

static void take_number(struct reading *r, unsigned int line,
			const struct key *k, const char *value)
{
	uint64_t *to = (void *)((char *)r->out + k->offset), n;
	char why[100];

	if (vault_config_number(value, k->max, &n) == 0 && n >= k->min) {
		*to = n;
		return;
	}
	snprintf(why, sizeof(why),
		 "a number from %llu to %llu is needed; K, M, G or T behind it "
		 "are units of 1024",
		 (unsigned long long)k->min, (unsigned long long)k->max);
	wrong(r, line, why);
}

static void on_pair(void *arg, unsigned int line, const char *key,
		    const char *value)
{
	struct reading *r = arg;
	size_t i;

	if (!*value) {
		wrong(r, line, "a value is missing");
		return;
	}
	if (!strncmp(r->section, "issuer ", 7)) {
		take_issuer(r, line, key, value);
		return;
	}
	if (!strcmp(r->section, "identity")) {
		take_identity(r, line, key, value);
		return;
	}
	for (i = 0; i < ARRAY_LEN(keys); i++) {
		const struct key *k = &keys[i];

		if (strcmp(k->section, r->section) || strcmp(k->name, key))
			continue;
		if (k->max)
			take_number(r, line, k, value);
		else
			take_text(r, (void *)((char *)r->out + k->offset),
				  value);
		return;
	}
	if (!take_repeated(r, line, key, value))
		wrong(r, line, "there is no such key in this section");
}

/* What does not go together. */
static int check(const char *path, const struct vault_config *c)
{
	const char *why = NULL;

	if (!c->listen || c->n_names == 0)
		why = "[vault] needs listen and name";
	else if (c->mail && strncmp(c->mail, "smtp://", 7) != 0 &&
		 strncmp(c->mail, "smtps://", 8) != 0)
		why = "mail is smtps://HOST or smtp://HOST:587";
	else if (c->mail && (!c->mail_from || c->n_mail_to == 0))
		why = "mail needs mail-from and mail-to";
	else if (c->mail && !c->mail_user != !c->mail_password_file)
		why = "mail-user and mail-password-file go together";
	else if (c->webhook && strncmp(c->webhook, "https://", 8) != 0)
		why = "webhook is https://...";
	else if (c->webhook && !c->webhook_secret_file)
		why = "webhook needs webhook-secret-file, which signs what is "
		      "sent";
	if (!why)
		return 0;
	log_error("%s: %s", path, why);
	return -EINVAL;
}

static const struct vault_config defaults = {
	.connections = 4096,
	.connections_per_address = 512,
	.machine_requests = 1000,
	.address_requests = 10000,
	.address_refusals = 30,
	.disk_reserve = 256u << 20,
	.scrub_bytes = 10u << 20,
	.severity = 1,
};

int vault_config_read(const char *path, struct vault_config *out)
{
	CLEANUP_BUF struct buf text = BUF_INIT(CONFIG_MAX);
	struct reading r = { .path = path, .out = out };
	struct inifile_sink sink = { on_section, on_pair, on_wrong, &r };
	int e = io_read_file(AT_FDCWD, path, &text);

	*out = defaults;
	if (e < 0)
		return log_fail(e, "read %s", path);
	e = inifile_read(SPAN_OF(&text), &sink);
	check_issuers(&r);
	if (e == 0)
		e = r.err;
	if (e == 0)
		e = check(path, out);
	if (e < 0)
		vault_config_release(out);
	return e;
}

static void release_issuer(struct issuer_config *c)
{
	while (c->n_audiences > 0)
		free(c->audiences[--c->n_audiences]);
	free(c->name);
	free(c->issuer);
	free(c->jwks);
	free(c->authority);
	free(c->tenant);
	free(c->subject);
}

void vault_config_release(struct vault_config *c)
{
	size_t i;

	while (c->n_issuers > 0)
		release_issuer(&c->issuers[--c->n_issuers]);
	while (c->n_names > 0)
		free(c->names[--c->n_names]);
	while (c->n_mail_to > 0)
		free(c->mail_to[--c->n_mail_to]);
	for (i = 0; i < ARRAY_LEN(keys); i++)
		if (!keys[i].max)
			free(*(char **)(void *)((char *)c + keys[i].offset));
	memset(c, 0, sizeof(*c));
}
