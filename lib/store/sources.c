/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sources.c - whose repositories a registration lets us read.
 */
#include "store/sources.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "pki/x509.h"
#include "store/vault_http.h"

#define PAGE_MAX (2u << 20)

struct asking {
	struct vault_http *http;
	const struct registration *r;
	char after[STORE_NAME_MAX + 1];
	bool more;
};

static int damaged(const struct asking *a)
{
	log_error("the vault %s has answered what is no list of machines",
		  a->r->url);
	return -EPROTO;
}

static int read_source(const struct json *j, struct vault_source *s)
{
	const char *machine = json_to_str(json_get(j, "machine"));
	const char *name = json_to_str(json_get(j, "name"));
	uint64_t registered, newest;

	if (!machine || !name || !x509_is_uuid(machine) ||
	    !x509_is_machine_name(name) ||
	    json_to_bool(json_get(j, "is_registered"), &s->is_registered) < 0 ||
	    json_to_u64(json_get(j, "registered"), &registered) < 0 ||
	    json_to_u64(json_get(j, "newest_point"), &newest) < 0 ||
	    json_to_u64(json_get(j, "points"), &s->points) < 0 ||
	    json_to_u64(json_get(j, "head"), &s->head) < 0)
		return -EPROTO;
	snprintf(s->machine, sizeof(s->machine), "%s", machine);
	snprintf(s->name, sizeof(s->name), "%s", name);
	s->registered = (int64_t)MIN(registered, (uint64_t)INT64_MAX);
	s->newest_point = (int64_t)MIN(newest, (uint64_t)INT64_MAX);
	return 0;
}

static int show_page(const struct asking *a, struct span text, source_fn *fn,
		     void *arg)
{
	CLEANUP_JSON struct json *j = NULL;
	const struct json *one;
	struct vault_source s;
	int e = json_parse(text, PAGE_MAX, &j);

	if (e == -ENOMEM)
		return e;
	if (e < 0 || !json_is_array(json_get(j, "machines")))
		return damaged(a);
	for (one = json_first(json_get(j, "machines")); one;
	     one = json_next(one)) {
		if (read_source(one, &s) < 0)
			return damaged(a);
		e = fn(arg, &s);
		if (e != 0)
			return e;
	}
	return 0;
}

static int get_page(struct asking *a, struct buf *text)
{
	struct vault_request q = {
		.what = "list machines",
		.method = "GET",
		.into = text,
	};
	int e;

	text->len = 0;
	snprintf(q.path, sizeof(q.path), "/v1/machines%s%s",
		 a->after[0] ? "?after=" : "", a->after);
	e = vault_http_send(a->http, &q);
	if (e == 0)
		e = vault_http_judge(a->http, &q);
	if (e == -EMSGSIZE ||
	    (e == 0 && q.next[0] &&
	     (!x509_is_uuid(q.next) || strcmp(q.next, a->after) <= 0)))
		return damaged(a);
	a->more = e == 0 && q.next[0];
	if (a->more)
		memcpy(a->after, q.next, sizeof(a->after));
	return e;
}

static int list(struct vault_http *h, const struct registration *r,
		source_fn *fn, void *arg)
{
	CLEANUP_BUF struct buf text = BUF_INIT(PAGE_MAX);
	struct asking a = { .http = h, .r = r };
	int e;

	do {
		e = get_page(&a, &text);
		if (e == 0)
			e = show_page(&a, SPAN_OF(&text), fn, arg);
	} while (e == 0 && a.more);
	return e;
}

int sources_list(const char *dir, source_fn *fn, void *arg)
{
	CLEANUP_REGISTRATION struct registration r = { .dir = NULL };
	struct vault_http *h = NULL;
	int e = registration_load(dir, &r);

	if (e == 0)
		e = registration_renew(&r);
	if (e == 0)
		e = vault_http_of(&r, &h);
	if (e == 0)
		e = list(h, &r, fn, arg);
	vault_http_free(h);
	return e;
}

/* --- one of them --- */

struct finding {
	const char *word; /* NULL: any */
	struct vault_source *out;
	unsigned int full, empty; /* how many fit, with points and without */
};

static int take_fitting(void *arg, const struct vault_source *s)
{
	struct finding *f = arg;

	if (f->word && strcmp(f->word, s->machine) != 0 &&
	    strcasecmp(f->word, s->name) != 0)
		return 0;
	if (s->points > 0 ? f->full++ == 0 : f->full == 0 && f->empty == 0)
		*f->out = *s;
	f->empty += s->points == 0;
	return 0;
}

static int none(const struct registration *r, const char *word)
{
	if (word)
		log_error("the vault %s has no machine %s whose repository may "
			  "be read with the registration in %s: tidemark "
			  "machines --directory %s lists those that may",
			  r->url, word, r->dir, r->dir);
	else
		log_error("the vault %s has no machine yet", r->url);
	return -ENOENT;
}

static int several(const struct registration *r, const char *word)
{
	if (word)
		log_error("several machines in the vault %s are called %s: "
			  "give the id of one, as vault:%s#ID; tidemark "
			  "machines --directory %s lists them",
			  r->url, word, r->dir, r->dir);
	else
		log_error("the registration in %s may read the repositories of "
			  "several machines: say which, as vault:%s#NAME; "
			  "tidemark machines --directory %s lists them",
			  r->dir, r->dir, r->dir);
	return -EMLINK;
}

int sources_find(struct vault_http *h, const struct registration *r,
		 const char *word, struct vault_source *out)
{
	struct finding f = { .word = word, .out = out };
	int e;

	memset(out, 0, sizeof(*out));
	e = list(h, r, take_fitting, &f);
	if (e < 0)
		return e;
	if (f.full + f.empty == 0)
		return none(r, word);
	/* what has no points is no reason to ask */
	return f.full > 1 || (f.full == 0 && f.empty > 1) ? several(r, word)
							  : 0;
}
