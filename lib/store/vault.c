/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault.c - the vault kind: reading, listing, dropping.
 */
#include "store/vault.h"

#include <string.h>

#include "base/fault.h"
#include "base/log.h"
#include "store/vault_private.h"

#define PAGE_MAX (2u << 20) /* bytes of one page of a listing */
#define MACHINE_TEXT_MAX (SOURCE_NAME_MAX + 24)

/* --- requests --- */

const char *vault_what(char out[static VAULT_WHAT_MAX], const char *verb,
		       enum store_class cls, const char *name)
{
	char text[STORE_TEXT_MAX];

	snprintf(out, VAULT_WHAT_MAX, "%s %s", verb,
		 store_text(text, cls, name));
	return out;
}

void vault_path(char out[static VAULT_PATH_MAX], const struct vault_store *v,
		enum store_class cls, const char *name)
{
	bool has_source = v->source.machine[0] != '\0';
	char as_of[40] = "", source[64] = "";

	if (has_source)
		snprintf(source, sizeof(source), "?machine=%s",
			 v->source.machine);
	if (v->as_of != VAULT_NOW)
		snprintf(as_of, sizeof(as_of), "%cas-of=%llu",
			 has_source ? '&' : '?', (unsigned long long)v->as_of);
	snprintf(out, VAULT_PATH_MAX, "/v1/objects/%s%s%s%s%s",
		 store_class_name(cls), name ? "/" : "", name ?: "", source,
		 as_of);
}

int vault_ask(struct vault_store *v, struct vault_request *q)
{
	int e = vault_http_send(v->http, q);

	return e < 0 ? e : vault_http_judge(v->http, q);
}

int vault_may_write(const struct vault_store *v, const char *what)
{
	if (v->as_of == VAULT_NOW && !v->source.machine[0])
		return 0;
	log_error("%s: %s can only be read: it is %s", what, v->text,
		  v->source.machine[0] ? "another machine's"
				       : "as of a head that is past");
	return -EROFS;
}

/* --- reading --- */

static int fail(struct vault_store *v, int e, const char *verb,
		enum store_class cls, const char *name)
{
	/* what vault_http.h leaves to be logged */
	if (e == -EMSGSIZE || e == -EUCLEAN)
		return store_fail(&v->base, e, verb, cls, name);
	return e;
}

static int vault_get(struct store *s, enum store_class cls, const char *name,
		     struct buf *out)
{
	struct vault_store *v = (struct vault_store *)s;
	char what[VAULT_WHAT_MAX];
	struct vault_request q = {
		.what = vault_what(what, "read", cls, name),
		.method = "GET",
		.into = out,
	};
	int e = FAULT("store.read");

	if (e < 0)
		return store_fail(s, e, "read", cls, name);
	vault_path(q.path, v, cls, name);
	e = vault_ask(v, &q);
	return e < 0 ? fail(v, e, "read", cls, name) : 0;
}

static int vault_stat(struct store *s, enum store_class cls, const char *name,
		      uint64_t *size)
{
	struct vault_store *v = (struct vault_store *)s;
	char what[VAULT_WHAT_MAX];
	struct vault_request q = {
		.what = vault_what(what, "look at", cls, name),
		.method = "HEAD",
	};
	int e;

	vault_path(q.path, v, cls, name);
	e = vault_ask(v, &q);
	if (e < 0)
		return e;
	if (q.length == VAULT_SIZE_UNKNOWN) {
		log_error("%s in %s: it answers without a size", what, v->text);
		return -EPROTO;
	}
	*size = q.length;
	return 0;
}

static int vault_get_range(struct store *s, enum store_class cls,
			   const char *name, uint64_t off, void *p, size_t len)
{
	struct vault_store *v = (struct vault_store *)s;
	/* the caller's memory: there is room for exactly what was asked for */
	struct buf into = { p, 0, len, len };
	char what[VAULT_WHAT_MAX];
	struct vault_request q = {
		.what = vault_what(what, "read a range of", cls, name),
		.method = "GET",
		.ranged = true,
		.from = off,
		.len = len,
		.into = &into,
	};
	uint64_t size;
	int e = FAULT("store.read");

	if (e < 0)
		return store_fail(s, e, "read a range of", cls, name);
	if (len == 0)
		return vault_stat(s, cls, name, &size);
	vault_path(q.path, v, cls, name);
	e = vault_http_send(v->http, &q);
	if (e == 0 && q.status != 416)
		e = vault_http_judge(v->http, &q);
	if (e == 0 && (q.status == 416 || into.len != len))
		e = -EUCLEAN;
	else if (e == 0 && q.status != 206)
		/* its first bytes, not those asked for */
		return store_fail(s, -EPROTO, "read a range of", cls, name);
	return e < 0 ? fail(v, e, "read a range of", cls, name) : 0;
}

/* --- listing --- */

struct page {
	struct vault_store *v;
	enum store_class cls;
	char after[STORE_NAME_MAX + 1];
	struct buf text;
	bool more;
};

static int damaged(const struct page *p)
{
	log_error("the list of %s in %s is damaged: it is not sorted, or no "
		  "list",
		  store_class_name(p->cls), p->v->text);
	return -EPROTO;
}

static int get_page(struct page *p)
{
	char what[VAULT_WHAT_MAX];
	struct vault_request q = { .what = what, .method = "GET" };
	size_t n;
	int e;

	p->text.len = 0;
	q.into = &p->text;
	snprintf(what, sizeof(what), "list %s", store_class_name(p->cls));
	vault_path(q.path, p->v, p->cls, NULL);
	n = strlen(q.path);
	if (p->after[0])
		snprintf(q.path + n, sizeof(q.path) - n, "%cafter=%s",
			 strchr(q.path, '?') ? '&' : '?', p->after);
	e = vault_ask(p->v, &q);
	if (e == -EMSGSIZE || (e == 0 && q.next[0] &&
			       (!store_name_is_valid(p->cls, q.next) ||
				strcmp(q.next, p->after) <= 0)))
		return damaged(p);
	p->more = e == 0 && q.next[0];
	if (p->more)
		snprintf(p->after, sizeof(p->after), "%s", q.next);
	return e;
}

/* "NAME SIZE\n" */
static int take_line(struct page *p, char **at, char **name, uint64_t *size)
{
	char *end = strchr(*at, '\n'), *space = strchr(*at, ' '), *stop;

	if (!end || !space || space > end || space[1] < '0' || space[1] > '9')
		return damaged(p);
	*space = *end = '\0';
	*name = *at;
	*size = strtoull(space + 1, &stop, 10);
	*at = end + 1;
	return *stop ? damaged(p) : 0;
}

static int show_page(struct page *p, store_list_fn *fn, void *arg)
{
	char *at, *name = NULL;
	uint64_t size = 0;
	int r = buf_u8(&p->text, '\0');

	if (r < 0)
		return r;
	at = (char *)p->text.p;
	while (r == 0 && *at) {
		r = take_line(p, &at, &name, &size);
		if (r == 0 && store_name_is_valid(p->cls, name))
			r = fn(arg, name, size);
	}
	return r;
}

static int vault_list(struct store *s, enum store_class cls, store_list_fn *fn,
		      void *arg)
{
	struct page p = { .v = (struct vault_store *)s, .cls = cls };
	int r;

	p.text = BUF_INIT(PAGE_MAX);
	do {
		r = get_page(&p);
		if (r == 0)
			r = show_page(&p, fn, arg);
	} while (r == 0 && p.more);
	buf_release(&p.text);
	return r;
}

/* --- dropping --- */

static int vault_remove(struct store *s, enum store_class cls, const char *name)
{
	struct vault_store *v = (struct vault_store *)s;
	char what[VAULT_WHAT_MAX];
	struct vault_request q = {
		.what = vault_what(what, "remove", cls, name),
		.method = "DELETE",
	};
	int e = vault_may_write(v, what);

	if (e == 0) {
		e = FAULT("store.delete");
		if (e < 0)
			return store_fail(s, e, "remove", cls, name);
	}
	if (e < 0)
		return e;
	vault_path(q.path, v, cls, name);
	e = vault_ask(v, &q);
	/* an earlier try may have done it, and its answer was lost */
	return e == -ENOENT && q.tries > 1 ? 0 : e;
}

/* --- opening --- */

static void vault_free(struct store *s)
{
	struct vault_store *v = (struct vault_store *)s;

	vault_leases_release(v);
	vault_http_free(v->http);
	registration_release(&v->registration);
	free(v->text);
	free(v);
}

static const struct store_kind vault_kind = {
	.free = vault_free,
	.create = vault_create,
	.append = vault_append,
	.commit = vault_commit,
	.discard = vault_discard,
	.get = vault_get,
	.get_range = vault_get_range,
	.stat = vault_stat,
	.list = vault_list,
	.remove = vault_remove,
	.lease_begin = vault_lease_begin,
	.lease_end = vault_lease_end,
	.lease_writers = vault_lease_writers,
};

static int make_text(struct vault_store *v)
{
	const struct registration *r = &v->registration;
	char as_of[48] = "", of[MACHINE_TEXT_MAX] = "";

	if (v->source.machine[0])
		snprintf(of, sizeof(of), ", repository of %s", v->source.name);
	if (v->as_of != VAULT_NOW)
		snprintf(as_of, sizeof(as_of), " as of head %llu",
			 (unsigned long long)v->as_of);
	if (asprintf(&v->text, "the vault %s%s%s", r->url, of, as_of) < 0) {
		v->text = NULL;
		return -ENOMEM;
	}
	v->base.location = v->text;
	return 0;
}

static int find_source(struct vault_store *v, const char *source)
{
	const struct registration *r = &v->registration;

	if (r->restores)
		return sources_find(v->http, r, source, &v->source);
	if (!source || !strcasecmp(source, r->name) ||
	    !strcmp(source, r->machine))
		return 0;
	log_error("the registration in %s is that of the machine %s: to read "
		  "the repository of %s, have the vault's administrator make "
		  "credentials (tidemark-vaultd credentials --restore), and "
		  "register with them in another --directory",
		  r->dir, r->name, source);
	return -EACCES;
}

static int open_vault(struct vault_store *v,
		      const struct store_vault_options *opt)
{
	int e = registration_load(opt->dir, &v->registration);

	if (e == 0)
		e = registration_renew(&v->registration);
	if (e == 0)
		e = vault_http_of(&v->registration, &v->http);
	if (e == 0)
		e = find_source(v, opt->source);
	return e < 0 ? e : make_text(v);
}

int store_open_vault_with(const struct store_vault_options *opt,
			  struct store **out)
{
	struct vault_store *v = calloc(1, sizeof(*v));
	int e;

	if (!v)
		return -ENOMEM;
	v->base.kind = &vault_kind;
	v->base.scratch = vault_scratch();
	v->as_of = opt->past ? opt->head : VAULT_NOW;
	vault_leases_init(v);
	e = open_vault(v, opt);
	if (e < 0)
		vault_free(&v->base);
	else
		*out = &v->base;
	return e;
}

int store_open_vault(const char *dir, struct store **out)
{
	const struct store_vault_options opt = { .dir = dir };

	return store_open_vault_with(&opt, out);
}

void store_vault_interrupt(bool (*interrupted)(void))
{
	vault_http_interrupt(interrupted);
}
