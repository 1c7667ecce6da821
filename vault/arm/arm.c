/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arm.c - a request to Azure Resource Manager finds its handler.
 *
 * The order is: who asks, which route, may they, is what they name there. A
 * body is read only of those who are known.
 */
#include "vault/arm/arm.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "vault/arm/access.h"
#include "vault/arm/groups.h"

/* --- routes --- */

static unsigned int place_of(const struct arm_id *id, unsigned int scope)
{
	if (scope == 0)
		return ARM_AT_TENANT;
	if (id->subscription && scope == 2)
		return ARM_AT_SUBSCRIPTION;
	if (id->group && scope == 4)
		return ARM_AT_GROUP;
	return ARM_AT_RESOURCE;
}

/* Segments against "a/{}/b". */
static bool fits(struct arm_request *r, const char *path,
		 const char *const *segments, unsigned int n)
{
	unsigned int i, names = 0;

	for (i = 0; i < n; i++) {
		size_t len = strcspn(path, "/");

		if (!*segments[i])
			return false;
		if (len == 2 && path[0] == '{') {
			if (names == ARM_NAMES_MAX)
				return false;
			r->names[names++] = segments[i];
		} else if (strlen(segments[i]) != len ||
			   strncasecmp(segments[i], path, len) != 0) {
			return false;
		}
		path += len;
		if (*path == '/' && i + 1 < n)
			path++;
	}
	return !*path;
}

struct target {
	const char *const *segments;
	unsigned int n, scope;
};

static bool matches(struct arm_request *r, const struct arm_route *route,
		    const struct target *t)
{
	memset(r->names, 0, sizeof(r->names));
	if (*route->path == '/')
		return fits(r, route->path + 1, t->segments, t->n);
	return r->id.provider && (route->places & place_of(&r->id, t->scope)) &&
	       fits(r, route->path, t->segments + t->scope + 1,
		    t->n - t->scope - 1);
}

static bool is_method(const char *wanted, const char *method)
{
	return !strcmp(wanted, method);
}

/* Of a method, or, if other is set, of any. */
static const struct arm_route *look(struct arm_request *r,
				    const struct target *t, const char *method)
{
	size_t i, k;

	for (i = 0; i < n_arm_tables; i++)
		for (k = 0; k < arm_tables[i]->n; k++) {
			const struct arm_route *one = &arm_tables[i]->routes[k];

			if ((!method || is_method(one->method, method)) &&
			    matches(r, one, t))
				return one;
		}
	return NULL;
}

static const struct arm_route *find_route(struct arm_request *r,
					  const struct target *t)
{
	const char *method = http_method(r->x);
	const struct arm_route *route = look(r, t, method);

	if (!route && !strcmp(method, "HEAD"))
		route = look(r, t, "GET");
	return route;
}

/* What a path has no route for, and why. */
static int refuse_path(struct arm_request *r, const struct target *t)
{
	if (look(r, t, NULL))
		return arm_error(r, 405, "MethodNotAllowed",
				 "The resource does not take %s.",
				 http_method(r->x));
	if (r->id.provider)
		return arm_error(r, 404, "InvalidResourceType",
				 "The resource type could not be found in the "
				 "namespace '%s' for api version '%s'.",
				 r->id.provider,
				 http_query(r->x, "api-version"));
	return arm_error(r, 404, "NotFound", "There is nothing here.");
}

/* --- what is asked for --- */

/* What the caller needs a right for: the resource that is named, or the one
 * that a list, or an action, belongs to. */
static int set_path(struct arm_request *r, const struct target *t)
{
	unsigned int n = t->n;
	int e;

	if (*r->route->path == '/')
		n = r->id.group ? 4 : r->id.subscription ? 2 : 0;
	else if (r->id.n_parts == 0 ||
		 (r->id.n_parts == 1 && !r->id.parts[0].name))
		n = t->scope;
	else if (!r->id.parts[r->id.n_parts - 1].name)
		n--;
	e = arm_path(t->segments, n, r->path);
	return e < 0 ? e : arm_path(t->segments, t->scope, r->scope);
}

static const char *verb_of(const char *method)
{
	if (!strcmp(method, "PUT") || !strcmp(method, "PATCH"))
		return "write";
	if (!strcmp(method, "DELETE"))
		return "delete";
	return strcmp(method, "POST") ? "read" : "action";
}

/* "NS/a/{}/b" with GET: "NS/a/b/read". Every second word is a name. */
static void set_action(struct arm_request *r)
{
	const char *p = r->route->path;
	size_t at = 0, room = sizeof(r->action_text);
	unsigned int word;

	r->action = r->action_text;
	if (r->route->action)
		r->action = r->route->action;
	for (word = 0; *p; word++) {
		size_t len = strcspn(p, "/");

		if (word == 0 || word % 2 == 1)
			at += (size_t)snprintf(r->action_text + at, room - at,
					       "%.*s/", (int)len, p);
		p += len;
		p += *p == '/';
	}
	snprintf(r->action_text + at, room - at, "%s",
		 verb_of(r->route->method));
}

/* "2022-10-01", with or without words behind. */
static bool is_version(const char *text)
{
	static const char form[] = "dddd-dd-dd"; /* 10 letters */
	const char *p = text, *f;

	for (f = form; *f; f++, p++)
		if (*f == 'd' ? !isdigit((unsigned char)*p) : *p != '-')
			return false;
	for (; *p; p++)
		if (p - text == 64 ||
		    (!isalnum((unsigned char)*p) && *p != '-'))
			return false;
	return !text[10] || text[10] == '-';
}

static int check_version(struct arm_request *r)
{
	const char *version = http_query(r->x, "api-version");

	if (!version || !*version)
		return arm_done(arm_error(
			r, 400, "MissingApiVersionParameter",
			"The api-version query parameter (?api-version=) is "
			"required for all requests."));
	if (is_version(version))
		return 0;
	return arm_done(arm_error(r, 400, "InvalidApiVersionParameter",
				  "The api-version '%s' is invalid: versions "
				  "are YYYY-MM-DD, with -preview behind if "
				  "need be.",
				  version));
}

/* --- handling --- */

static int parse_body(struct arm_request *r)
{
	int e;

	if (r->raw.len == 0)
		return 0;
	e = json_parse(SPAN_OF(&r->raw), ARM_BODY_MAX, &r->body);
	if (e != -EUCLEAN && e != -EMSGSIZE)
		return e;
	return arm_done(arm_error(r, 400, "InvalidRequestContent",
				  "The request content was invalid and could "
				  "not be deserialized: it is no JSON."));
}

static int find_target(struct arm_request *r, struct target *t)
{
	int e;

	t->segments = http_segments(r->x, &t->n);
	if (t->n > 0 && !*t->segments[t->n - 1])
		t->n--;
	e = arm_id_parse(t->segments, t->n, &r->id);
	t->scope = r->id.scope_segments;
	if (e < 0)
		return arm_done(arm_error(r, 400, "InvalidResourceId",
					  "The path is no resource's id."));
	e = check_version(r);
	if (e < 0)
		return e;
	r->route = find_route(r, t);
	return r->route ? 0 : arm_done(refuse_path(r, t));
}

/* A group that is made now need not be there. */
static int check_scope(struct arm_request *r)
{
	int e = 0;

	if (r->id.subscription)
		e = subscription_check(r);
	if (e == 0 && r->id.group && *r->route->path != '/')
		e = group_check(r);
	return e;
}

static int dispatch(struct arm_request *r)
{
	struct target t;
	int e = find_target(r, &t);

	if (e == 0)
		e = set_path(r, &t);
	if (e < 0)
		return e;
	set_action(r);
	if (!(r->route->places & (ARM_FILTERED | ARM_PUBLIC)))
		e = arm_require(r, r->action, r->path);
	if (e == 0)
		e = check_scope(r);
	if (e == 0)
		e = parse_body(r);
	return e < 0 ? e : r->route->handle(r);
}

/* --- as the listener sees it --- */

static void request_free(struct arm_request *r)
{
	access_release(r);
	json_free(r->body);
	buf_release(&r->raw);
	free(r);
}

static int begin(struct http_exchange *x, void *arg, void **state)
{
	struct arm_request *r = calloc(1, sizeof(*r));
	int e;

	if (!r)
		return -ENOMEM;
	r->x = x;
	r->v = arg;
	r->raw.max = ARM_BODY_MAX;
	e = access_caller(r);
	if (e < 0)
		request_free(r);
	else
		*state = r;
	return e;
}

static int take(void *state, struct span piece)
{
	struct arm_request *r = state;

	return buf_append(&r->raw, piece.p, piece.len);
}

static int end(struct http_exchange *x, void *arg, void *state)
{
	struct arm_request *r = state;
	int e = dispatch(r);

	(void)x;
	(void)arg;
	request_free(r);
	return e == -ECANCELED ? 0 : e;
}

static void give_up(void *state)
{
	request_free(state);
}

static const struct http_sink sink = { begin, take, end, give_up };

#define ROUTE(path)                                                            \
	{                                                                      \
		"*", path, NULL, &sink, ARM_BODY_MAX                           \
	}

const struct http_route arm_http_routes[] = {
	ROUTE("/subscriptions"), ROUTE("/subscriptions/{*}"),
	ROUTE("/providers"),	 ROUTE("/providers/{*}"),
	ROUTE("/tenants"),
};
const size_t n_arm_http_routes = ARRAY_LEN(arm_http_routes);
