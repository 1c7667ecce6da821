/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.c - what was asked of Azure Resource Manager: bodies, filters,
 * conditions.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "vault/arm/arm.h"
#include "vault/audit.h"

int arm_need_body(struct arm_request *r)
{
	if (r->body && json_is_object(r->body))
		return 0;
	return arm_done(arm_error(r, 400, "InvalidRequestContent",
				  "The request content was invalid: a JSON "
				  "object is needed."));
}

static const struct json *get_member(const struct json *j, const char *name,
				     size_t len)
{
	const struct json *i;

	if (!json_is_object(j))
		return NULL;
	for (i = json_first(j); i; i = json_next(i))
		if (strlen(json_key(i)) == len &&
		    !strncasecmp(json_key(i), name, len))
			return i;
	return NULL;
}

const struct json *arm_get(const struct json *j, const char *path)
{
	while (j && *path) {
		size_t len = strcspn(path, ".");

		j = get_member(j, path, len);
		path += len;
		path += *path == '.';
	}
	return j;
}

const char *arm_get_text(const struct json *j, const char *path)
{
	return json_to_str(arm_get(j, path));
}

int arm_get_filter(struct arm_request *r, struct filter *out)
{
	int e = filter_parse(http_query(r->x, "$filter"), out);

	if (e != -EINVAL && e != -EMSGSIZE)
		return e;
	return arm_done(arm_error(r, 400, "InvalidFilter",
				  "The $filter is not understood: terms are "
				  "NAME eq 'VALUE', with and between."));
}

/* "*" or a list of quoted tags with commas between. */
static bool lists_tag(const char *list, const char *etag)
{
	return strcmp(list, "*") == 0 || strstr(list, etag) != NULL;
}

int arm_check_etag(struct arm_request *r, const char *etag)
{
	const char *must = http_header(r->x, "If-Match");
	const char *must_not = http_header(r->x, "If-None-Match");

	if (must && (!etag || !lists_tag(must, etag)))
		return arm_done(arm_error(r, 412, "PreconditionFailed",
					  "The resource is not there, or was "
					  "changed since (If-Match)."));
	if (must_not && etag && lists_tag(must_not, etag))
		return arm_done(arm_error(r, 412, "PreconditionFailed",
					  "The resource is there already "
					  "(If-None-Match)."));
	return 0;
}

int arm_audit(struct db *db, const struct arm_request *r, const char *detail)
{
	struct audit_line line = { 0,	    0,	    r->actor, r->action,
				   r->path, "done", detail };

	return audit_add(db, &line);
}
