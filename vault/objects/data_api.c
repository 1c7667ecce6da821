/* SPDX-License-Identifier: Apache-2.0 */
/*
 * data_api.c - a machine's own repository, over HTTP.
 *
 * Whose repository it is stands in no request: it is that of the machine
 * whose certificate the connection has shown.
 */
#include "vault/objects/data_api.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "vault/machines/machine_auth.h"
#include "vault/vault.h"

#define PAGE_MAX 10000u /* names of one listing */
#define REPLY_MAX (2u << 20)

/* --- names --- */

static bool get_class(const char *text, enum store_class *out)
{
	unsigned int i;

	for (i = 0; i < STORE_CLASSES; i++) {
		*out = (enum store_class)i;
		if (!strcmp(store_class_name(*out), text))
			return true;
	}
	return false;
}

static bool is_name(enum store_class cls, const char *name)
{
	size_t n = strspn(name, "0123456789abcdef");

	if (cls == STORE_CONFIG)
		return !strcmp(name, "config");
	return n > 0 && n <= STORE_NAME_MAX && !name[n];
}

struct target {
	struct machine machine;
	enum store_class cls;
	const char *name; /* NULL: the class */
	int64_t as_of;
};

static bool get_as_of(struct http_exchange *x, int64_t *out)
{
	const char *text = http_query(x, "as-of");
	char *end;

	*out = AS_OF_NOW;
	if (!text)
		return true;
	errno = 0;
	*out = strtoll(text, &end, 10);
	return *text && !*end && !errno && *out >= 0;
}

/* To a machine whose protection has ended. */
static int answer_stopped(struct http_exchange *x, enum protection_state s)
{
	if (s == PROTECTION_STOPPED)
		return http_reply_error(
			x, 409, "ProtectionStopped",
			"An administrator of the vault has stopped the "
			"protection of this machine: what it has stored is "
			"kept and can be restored, and nothing new is taken "
			"until the protection is resumed there.");
	return http_reply_error(
		x, 409, "ItemSoftDeleted",
		"An administrator of the vault has deleted what this machine "
		"has stored: it can be neither read nor added to. Until it is "
		"purged it can be undeleted there.");
}

/* -ECANCELED: answered. */
static int check_protection(struct http_exchange *x, struct vault *v,
			    const struct machine *m, bool writes)
{
	struct protection p = { .state = PROTECTION_PURGED };
	int e = protection_get(v->db, m->id, &p);

	if (e < 0 && e != -ENOENT)
		return e;
	if (p.state == PROTECTED || (p.state == PROTECTION_STOPPED && !writes))
		return 0;
	e = answer_stopped(x, p.state);
	return e < 0 ? e : -ECANCELED;
}

/* -ECANCELED: answered. */
static int get_target(struct http_exchange *x, struct vault *v, bool has_name,
		      bool reads, struct target *t)
{
	int e;

	memset(t, 0, sizeof(*t));
	e = reads ? repository_auth(x, v, &t->machine)
		  : machine_auth(x, v, &t->machine);
	if (e == 0)
		e = check_protection(x, v, &t->machine, !reads);
	if (e < 0)
		return e;
	t->name = has_name ? http_segment(x, 1) : NULL;
	if (!get_class(http_segment(x, 0), &t->cls) ||
	    (t->name && !is_name(t->cls, t->name)))
		e = http_reply_error(x, 400, "InvalidName",
				     "That is no name of an object.");
	else if (!get_as_of(x, &t->as_of))
		e = http_reply_error(x, 400, "InvalidParameter",
				     "as-of is the number of a head.");
	else
		return 0;
	return e < 0 ? e : -ECANCELED;
}

/* Answer an error of objects.h, or return it. */
static int answer_error(struct http_exchange *x, int e, const char *cls,
			const char *name)
{
	switch (e) {
	case -ECANCELED:
		return 0; /* answered */
	case -ENOENT:
		return http_reply_error(x, 404, "ObjectNotFound",
					"There is no %s/%s.", cls, name);
	case -EEXIST:
		return http_reply_error(x, 409, "ObjectExists",
					"%s/%s is there already.", cls, name);
	case -EBADMSG:
		return http_reply_error(x, 422, "HashMismatch",
					"The bytes that came are not those of "
					"%s/%s.",
					cls, name);
	case -ESTALE:
		return http_reply_error(x, 409, "HeadNotNext",
					"Head %s does not follow the newest "
					"one.",
					name);
	case -EINVAL:
		return http_reply_error(x, 400, "InvalidName",
					"%s is no name of this class.", name);
	case -EMSGSIZE:
		return http_reply_error(x, 413, "RequestTooLarge",
					"An object has at most %u bytes.",
					OBJECT_MAX);
	case -EROFS:
		return answer_stopped(x, PROTECTION_STOPPED);
	case -EDQUOT:
		return http_reply_error(x, 507, "QuotaExceeded",
					"This machine's room in the vault is "
					"used up; the vault's administrator "
					"can give it more (tidemark-vaultd "
					"quota).");
	case -ENOSPC:
		return http_reply_error(x, 507, "InsufficientStorage",
					"The vault's disk is nearly full: its "
					"administrator must make room.");
	}
	return e;
}

static int answer_target(struct http_exchange *x, int e, const struct target *t)
{
	return answer_error(x, e, store_class_name(t->cls),
			    t->name ? t->name : "");
}

/* --- putting --- */

struct upload {
	struct object_writer *w;
	struct target target;
	char name[STORE_NAME_MAX + 1]; /* empty: told by its hash */
};

/* Rather before all of it has come. What is there takes no more room. */
static int check_room(struct http_exchange *x, struct vault *v,
		      const struct target *t)
{
	const char *length = http_header(x, "Content-Length");
	uint64_t size;
	int e = objects_room(v->objects, t->machine.id,
			     length ? strtoull(length, NULL, 10) : 1);

	if (e != -EDQUOT && e != -ENOSPC)
		return e;
	if (t->name && objects_stat(v->objects, t->machine.id, t->cls, t->name,
				    AS_OF_NOW, &size) == 0)
		return 0;
	e = answer_target(x, e, t);
	return e < 0 ? e : -ECANCELED;
}

static int begin_upload(struct http_exchange *x, struct vault *v, bool has_name,
			void **state)
{
	struct upload *u = calloc(1, sizeof(*u));
	int e;

	if (!u)
		return -ENOMEM;
	e = get_target(x, v, has_name, false, &u->target);
	if (e == 0 && has_name)
		snprintf(u->name, sizeof(u->name), "%s", u->target.name);
	if (e == 0)
		e = check_room(x, v, &u->target);
	if (e == 0)
		e = object_writer_open(v->objects, u->target.machine.id,
				       u->target.cls, &u->w);
	if (e < 0)
		free(u);
	else
		*state = u;
	return e;
}

static int begin_put(struct http_exchange *x, void *arg, void **state)
{
	return begin_upload(x, arg, true, state);
}

static int begin_post(struct http_exchange *x, void *arg, void **state)
{
	return begin_upload(x, arg, false, state);
}

static int take_upload(void *state, struct span piece)
{
	struct upload *u = state;

	return object_writer_append(u->w, piece);
}

static void abort_upload(void *state)
{
	struct upload *u = state;

	object_writer_abort(u->w);
	free(u);
}

static int answer_stored(struct http_exchange *x, const char *name, bool is_new)
{
	CLEANUP_BUF struct buf b = BUF_INIT(1024);
	struct json_out j = JSON_OUT(&b);
	int e;

	json_object(&j, NULL);
	json_str(&j, "name", name);
	json_bool(&j, "created", is_new);
	json_close(&j);
	e = json_end(&j);
	return e < 0 ? e : http_reply_json(x, is_new ? 201 : 200, SPAN_OF(&b));
}

static int end_put(struct http_exchange *x, void *arg, void *state)
{
	struct upload *u = state;
	const char *read = http_header(x, "Tidemark-Read");
	int e;

	(void)arg;
	if (read && u->target.cls == STORE_HEAD)
		object_writer_state_read(
			u->w, (int64_t)MIN(strtoull(read, NULL, 10),
					   (unsigned long long)INT64_MAX));
	e = object_writer_commit(TAKE_PTR(u->w), u->name);
	e = e < 0 ? answer_target(x, e, &u->target)
		  : answer_stored(x, u->name, true);
	free(u);
	return e;
}

static int end_post(struct http_exchange *x, void *arg, void *state)
{
	struct upload *u = state;
	int e = object_writer_commit(TAKE_PTR(u->w), u->name);

	(void)arg;
	if (e == 0 || e == -EEXIST)
		e = answer_stored(x, u->name, e == 0);
	else
		e = answer_target(x, e, &u->target);
	free(u);
	return e;
}

static const struct http_sink put_sink = { begin_put, take_upload, end_put,
					   abort_upload };
static const struct http_sink post_sink = { begin_post, take_upload, end_post,
					    abort_upload };

/* --- getting --- */

struct reading {
	struct objects *objects;
	char machine[MACHINE_ID_LEN + 1];
	enum store_class cls;
	char name[STORE_NAME_MAX + 1];
	uint64_t from;
};

static int read_object(void *state, uint64_t off, void *p, size_t len)
{
	const struct reading *r = state;

	return objects_read(r->objects, r->machine, r->cls, r->name,
			    r->from + off, p, len);
}

/* "bytes=FROM-TO" or "bytes=FROM-", one range. False: it asks for nothing that
 * is there. */
static bool get_range(const char *text, uint64_t size, uint64_t *from,
		      uint64_t *len)
{
	uint64_t to = size - 1;
	char *end;

	if (strncmp(text, "bytes=", 6) != 0 || text[6] < '0' || text[6] > '9')
		return false;
	*from = strtoull(text + 6, &end, 10);
	if (*end != '-')
		return false;
	if (end[1])
		to = MIN(strtoull(end + 1, &end, 10), to);
	if (size == 0 || *from >= size || to < *from)
		return false;
	*len = to - *from + 1;
	return true;
}

static int send_object(struct http_exchange *x, struct vault *v,
		       const struct target *t, uint64_t size)
{
	struct reading *r = calloc(1, sizeof(*r));
	struct http_source source = { read_object, free, r };
	const char *range = http_header(x, "Range");
	uint64_t len = size;
	char text[80];
	int e = 0;

	if (!r)
		return -ENOMEM;
	r->objects = v->objects;
	snprintf(r->machine, sizeof(r->machine), "%s", t->machine.id);
	r->cls = t->cls;
	snprintf(r->name, sizeof(r->name), "%s", t->name);
	if (range && !get_range(range, size, &r->from, &len)) {
		free(r);
		return http_reply_error(x, 416, "InvalidRange",
					"The object has %llu bytes.",
					(unsigned long long)size);
	}
	if (range) {
		snprintf(text, sizeof(text), "bytes %llu-%llu/%llu",
			 (unsigned long long)r->from,
			 (unsigned long long)(r->from + len - 1),
			 (unsigned long long)size);
		e = http_set_header(x, "Content-Range", text);
	}
	if (e < 0) {
		free(r);
		return e;
	}
	return http_reply_source(x, range ? 206 : 200, len, &source);
}

/* Of what is damaged nobody is told that it is there, but what is left of its
 * bytes is given: most of a pack may be whole, and its reader sees which. */
static int check_whole(struct vault *v, const struct target *t, bool asks_only)
{
	bool is_missing;
	int e = objects_damage(v->objects, t->machine.id, t->cls, t->name,
			       &is_missing);

	return e < 0 ? e : e && (is_missing || asks_only) ? -ENOENT : 0;
}

static int get_object(struct http_exchange *x, void *arg)
{
	struct vault *v = arg;
	struct target t;
	uint64_t size;
	int e = get_target(x, v, true, true, &t);

	if (e == 0)
		e = objects_stat(v->objects, t.machine.id, t.cls, t.name,
				 t.as_of, &size);
	if (e == 0)
		e = check_whole(v, &t, !strcmp(http_method(x), "HEAD"));
	if (e < 0)
		return answer_target(x, e, &t);
	return !strcmp(http_method(x), "HEAD") ? http_reply_size(x, size)
					       : send_object(x, v, &t, size);
}

/* --- listing and dropping --- */

struct page {
	struct buf text;
	unsigned int n;
	char last[STORE_NAME_MAX + 1];
};

static int add_name(void *arg, const char *name, uint64_t size)
{
	struct page *p = arg;
	char line[STORE_NAME_MAX + 32];
	int n = snprintf(line, sizeof(line), "%s %llu\n", name,
			 (unsigned long long)size);

	p->n++;
	snprintf(p->last, sizeof(p->last), "%s", name);
	return buf_append(&p->text, line, (size_t)n);
}

static int list_objects(struct http_exchange *x, void *arg)
{
	struct vault *v = arg;
	const char *after = http_query(x, "after");
	struct page p = { .text = BUF_INIT(REPLY_MAX) };
	struct target t;
	int e = get_target(x, v, false, true, &t);

	if (e == 0)
		e = objects_list(v->objects, t.machine.id, t.cls, t.as_of,
				 after ? after : "", PAGE_MAX, add_name, &p);
	if (e == 0 && p.n == PAGE_MAX)
		e = http_set_header(x, "Tidemark-Next", p.last);
	e = e < 0 ? answer_target(x, e, &t)
		  : http_reply(x, 200, "text/plain", SPAN_OF(&p.text));
	buf_release(&p.text);
	return e;
}

static int drop_object(struct http_exchange *x, void *arg)
{
	struct vault *v = arg;
	struct target t;
	int e = get_target(x, v, true, false, &t);

	if (e == 0)
		e = objects_drop(v->objects, t.machine.id, t.cls, t.name);
	return e < 0 ? answer_target(x, e, &t)
		     : http_reply(x, 204, NULL, SPAN(NULL, 0));
}

/* --- leases --- */

static int answer_lease(struct http_exchange *x, const char *id)
{
	CLEANUP_BUF struct buf b = BUF_INIT(1024);
	struct json_out j = JSON_OUT(&b);
	int e;

	json_object(&j, NULL);
	json_str(&j, "lease", id);
	json_u64(&j, "seconds", LEASE_SECONDS);
	json_close(&j);
	e = json_end(&j);
	return e < 0 ? e : http_reply_json(x, 201, SPAN_OF(&b));
}

static int begin_lease(struct http_exchange *x, void *arg)
{
	struct vault *v = arg;
	const char *kind = http_query(x, "kind");
	char id[LEASE_ID_LEN + 1];
	struct machine m;
	int e = machine_auth(x, v, &m);

	/* who may not write need not begin */
	if (e == 0)
		e = check_protection(x, v, &m, true);
	if (e < 0)
		return e == -ECANCELED ? 0 : e;
	if (!kind || (strcmp(kind, "writer") && strcmp(kind, "maintenance")))
		return http_reply_error(x, 400, "InvalidParameter",
					"kind is writer or maintenance.");
	e = lease_begin(v->leases, m.id,
			*kind == 'w' ? STORE_LEASE_WRITER
				     : STORE_LEASE_MAINTENANCE,
			id);
	if (e == -EBUSY)
		return http_reply_error(x, 409, "LeaseHeld",
					"Another process of this machine "
					"maintains the repository.");
	if (e == -ENOSPC)
		return http_reply_error(x, 429, "TooManyLeases",
					"This machine has too many leases.");
	return e < 0 ? e : answer_lease(x, id);
}

static int change_lease(struct http_exchange *x, void *arg)
{
	struct vault *v = arg;
	struct machine m;
	int e = machine_auth(x, v, &m);

	if (e < 0)
		return e == -ECANCELED ? 0 : e;
	e = !strcmp(http_method(x), "DELETE")
		    ? lease_end(v->leases, m.id, http_segment(x, 0))
		    : lease_renew(v->leases, m.id, http_segment(x, 0));
	return e < 0 ? http_reply_error(x, 404, "LeaseNotFound",
					"There is no such lease any more.")
		     : http_reply(x, 204, NULL, SPAN(NULL, 0));
}

/* --- the machine --- */

static int show_machine(struct http_exchange *x, void *arg)
{
	struct vault *v = arg;
	CLEANUP_BUF struct buf b = BUF_INIT(8192);
	struct json_out j = JSON_OUT(&b);
	struct machine m;
	int e = machine_auth(x, v, &m);

	if (e < 0)
		return e == -ECANCELED ? 0 : e;
	json_object(&j, NULL);
	json_str(&j, "machine", m.id);
	json_str(&j, "name", m.name);
	json_str(&j, "vault", m.vault);
	json_i64(&j, "head", m.head);
	json_i64(&j, "time", clock_now());
	json_str(&j, "protection", protection_text(m.state));
	json_bool(&j, "deleted", m.state >= PROTECTION_DELETED);
	json_u64(&j, "writers", lease_writers(v->leases, m.id));
	json_close(&j);
	e = json_end(&j);
	return e < 0 ? e : http_reply_json(x, 200, SPAN_OF(&b));
}

const struct http_route data_routes[] = {
	{ "GET", "/v1/machine", show_machine, NULL, 0 },
	{ "POST", "/v1/objects/{}", NULL, &post_sink, OBJECT_MAX },
	{ "GET", "/v1/objects/{}", list_objects, NULL, 0 },
	{ "PUT", "/v1/objects/{}/{}", NULL, &put_sink, OBJECT_MAX },
	{ "GET", "/v1/objects/{}/{}", get_object, NULL, 0 },
	{ "HEAD", "/v1/objects/{}/{}", get_object, NULL, 0 },
	{ "DELETE", "/v1/objects/{}/{}", drop_object, NULL, 0 },
	{ "POST", "/v1/leases", begin_lease, NULL, 4096 },
	{ "PUT", "/v1/leases/{}", change_lease, NULL, 4096 },
	{ "DELETE", "/v1/leases/{}", change_lease, NULL, 0 },
};
const size_t n_data_routes = ARRAY_LEN(data_routes);
