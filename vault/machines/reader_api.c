/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader_api.c - who may restore becomes known, and sees what there is.
 */
#include "vault/machines/reader_api.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "vault/machines/machine_auth.h"
#include "vault/machines/register_private.h"

#define PAGE_MAX 1000u /* machines of one listing */
#define REPLY_MAX (1u << 20)

static int use_right(struct http_exchange *x, struct vault *v,
		     struct registering *r, struct vault_reader *right)
{
	const struct x509_info *info;
	int e = reader_check(v->db, r->secret, right);

	if (e < 0)
		return e;
	memcpy(r->id, right->id, sizeof(r->id));
	memcpy(r->vault, right->vault, sizeof(r->vault));
	x509_free(TAKE_PTR(r->cert));
	e = register_sign(x, v, r->request, r->name, r->id, &r->cert);
	if (e < 0)
		return e;
	info = x509_info(r->cert);
	return reader_register(v->db, r->id, r->name, info->key_sha256,
			       info->sha256);
}

int register_reader(struct http_exchange *x, struct vault *v,
		    struct registering *r)
{
	struct vault_reader right;
	int e = use_right(x, v, r, &right);

	if (e == -EACCES)
		return register_refuse(x, v, r, e);
	if (e < 0)
		return e;
	log_info("%s may restore, as reader %s", r->name, r->id);
	return register_answer(x, v, r, right.expires);
}

int end_reader(struct http_exchange *x, struct vault *v,
	       const struct vault_reader *r)
{
	char actor[64];
	int e;

	snprintf(actor, sizeof(actor), "reader %s", r->id);
	e = reader_revoke(v->db, r->id, actor);
	return e < 0 && e != -ENOENT ? e
				     : http_reply(x, 204, NULL, SPAN(NULL, 0));
}

/* --- machines --- */

struct page {
	struct json_out *j;
	unsigned int n;
	char last[MACHINE_ID_LEN + 1];
};

static int add_machine(void *arg, const struct machine *m)
{
	struct page *p = arg;

	p->n++;
	snprintf(p->last, sizeof(p->last), "%s", m->id);
	json_object(p->j, NULL);
	json_str(p->j, "machine", m->id);
	json_str(p->j, "name", m->name);
	json_i64(p->j, "registered", m->registered);
	json_bool(p->j, "is_registered", m->removed == 0);
	json_i64(p->j, "head", m->head);
	json_i64(p->j, "points", m->points);
	json_i64(p->j, "newest_point", m->newest);
	json_close(p->j);
	return 0;
}

static int fill_page(struct vault *v, const struct vault_reader *r,
		     const char *after, struct page *p)
{
	int e;

	json_object(p->j, NULL);
	json_i64(p->j, "expires", r->expires);
	json_array(p->j, "machines");
	e = reader_machines(v->db, r, after, PAGE_MAX, add_machine, p);
	json_close(p->j);
	json_close(p->j);
	return e < 0 ? e : json_end(p->j);
}

static int list_machines(struct http_exchange *x, void *arg)
{
	CLEANUP_BUF struct buf b = BUF_INIT(REPLY_MAX);
	struct json_out j = JSON_OUT(&b);
	struct page p = { .j = &j };
	const char *after = http_query(x, "after");
	struct vault *v = arg;
	struct vault_reader r;
	struct machine m;
	int e = reader_auth(x, v, &r);

	if (e == -ENOENT) {
		/* a machine sees itself */
		e = machine_auth(x, v, &m);
		memset(&r, 0, sizeof(r));
		if (e == 0) {
			memcpy(r.vault, m.vault, sizeof(r.vault));
			memcpy(r.machine, m.id, sizeof(r.machine));
		}
	}
	if (e == 0)
		e = fill_page(v, &r, after ? after : "", &p);
	if (e == 0 && p.n == PAGE_MAX)
		e = http_set_header(x, "Tidemark-Next", p.last);
	if (e == 0)
		e = http_reply_json(x, 200, SPAN_OF(&b));
	return e == -ECANCELED ? 0 : e;
}

const struct http_route reader_routes[] = {
	{ "GET", "/v1/machines", list_machines, NULL, 0 },
};
const size_t n_reader_routes = ARRAY_LEN(reader_routes);
