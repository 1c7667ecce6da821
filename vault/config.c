/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.c - vaultd.conf.
 */
#include "vault/config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "settings/inifile.h"

#define CONFIG_MAX (1u << 20)
#define COUNT_MAX 100000

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

static void on_section(void *arg, unsigned int line, const char *name)
{
	struct reading *r = arg;

	snprintf(r->section, sizeof(r->section), "%s", name);
	if (strcmp(name, "vault") != 0 && strcmp(name, "limits") != 0)
		wrong(r, line, "there are [vault] and [limits]");
}

static void take_text(struct reading *r, char **to, const char *value)
{
	free(*to);
	*to = strdup(value);
	if (!*to)
		r->err = -ENOMEM;
}

static void take_number(struct reading *r, unsigned int line, unsigned int *to,
			const char *value)
{
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	if (*end || n == 0 || n > COUNT_MAX)
		wrong(r, line, "a number from 1 to 100000 is needed");
	else
		*to = (unsigned int)n;
}

static void take_name(struct reading *r, unsigned int line, const char *value)
{
	if (r->out->n_names == VAULT_NAMES_MAX)
		wrong(r, line, "too many names");
	else
		take_text(r, &r->out->names[r->out->n_names++], value);
}

static void on_pair(void *arg, unsigned int line, const char *key,
		    const char *value)
{
	struct reading *r = arg;
	bool limits = !strcmp(r->section, "limits");

	if (!*value)
		wrong(r, line, "a value is missing");
	else if (!limits && !strcmp(key, "listen"))
		take_text(r, &r->out->listen, value);
	else if (!limits && !strcmp(key, "url"))
		take_text(r, &r->out->url, value);
	else if (!limits && !strcmp(key, "name"))
		take_name(r, line, value);
	else if (limits && !strcmp(key, "connections"))
		take_number(r, line, &r->out->connections, value);
	else if (limits && !strcmp(key, "connections-per-address"))
		take_number(r, line, &r->out->connections_per_address, value);
	else
		wrong(r, line, "there is no such key in this section");
}

int vault_config_read(const char *path, struct vault_config *out)
{
	CLEANUP_BUF struct buf text = BUF_INIT(CONFIG_MAX);
	struct reading r = { .path = path, .out = out };
	struct inifile_sink sink = { on_section, on_pair, on_wrong, &r };
	int e = io_read_file(AT_FDCWD, path, &text);

	*out = (struct vault_config){ .connections = 4096,
				      .connections_per_address = 512 };
	if (e < 0)
		return log_fail(e, "read %s", path);
	e = inifile_read(SPAN_OF(&text), &sink);
	if (e == 0)
		e = r.err;
	if (e == 0 && (!out->listen || out->n_names == 0)) {
		log_error("%s: [vault] needs listen and name", path);
		e = -EINVAL;
	}
	if (e < 0)
		vault_config_release(out);
	return e;
}

void vault_config_release(struct vault_config *c)
{
	while (c->n_names > 0)
		free(c->names[--c->n_names]);
	free(c->listen);
	free(c->url);
	memset(c, 0, sizeof(*c));
}
