/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arm.h - what all requests to Azure Resource Manager share.
 *
 * A request is of a known caller (before anything else, and before its body
 * is read), has an api-version, and names a resource. A table says who
 * handles it, and the right that it needs follows from what is written there:
 *
 *	GET	NAMESPACE/TYPE/TYPE/read	PUT, PATCH	.../write
 *	DELETE	NAMESPACE/TYPE/TYPE/delete	POST		.../action
 *
 * It is checked on the resource itself, or on the one that a list belongs to,
 * before anybody looks whether that is there: who may not see it does not
 * learn that. What is refused, and what was changed, has a line in the audit
 * log.
 *
 * Errors:  a handler answers by arm_reply*(), arm_error() or a function below
 *          that says so, and returns 0; or -ECANCELED: it was answered
 *          deeper down; or another negative errno: 500, logged.
 * Memory:  what belongs to a request lives as long as it.
 * Threads: a request belongs to one.
 * Source:  azure-rest-api-specs, common-types/resource-management;
 *          learn.microsoft.com/azure/azure-resource-manager.
 */
#ifndef VAULT_ARM_ARM_H
#define VAULT_ARM_ARM_H

#include "base/json.h"
#include "vault/arm/filter.h"
#include "vault/arm/id.h"
#include "vault/http/http.h"
#include "vault/vault.h"

#define ARM_NAMES_MAX 8
#define ARM_BODY_MAX (256u << 10)
#define ARM_REPLY_MAX (4u << 20)
#define ARM_PAGE 200 /* things of a list at once */
#define ARM_KEY_MAX 300
#define ARM_LOCATION "local"
#define RSV_TYPE "Microsoft.RecoveryServices/vaults"

struct caller;

/* Where a resource may be; of a route, one or several. */
enum arm_place {
	ARM_AT_TENANT = 1,	 /* /providers/... */
	ARM_AT_SUBSCRIPTION = 2, /* /subscriptions/S/providers/... */
	ARM_AT_GROUP = 4,	 /* /subscriptions/S/resourceGroups/R/... */
	ARM_AT_RESOURCE = 8,	 /* below another provider's resource */
	ARM_ANYWHERE = 15,
	/* The caller needs no right for the whole: the handler leaves out what
	 * arm_allows() does not let it see. */
	ARM_FILTERED = 16,
	/* Any caller may: of names and versions only. */
	ARM_PUBLIC = 32
};

struct arm_request {
	struct http_exchange *x;
	struct vault *v;
	const struct caller *caller;
	const char *actor; /* for the audit log */
	const struct arm_route *route;
	struct arm_id id;
	const char *names[ARM_NAMES_MAX]; /* what stands for the route's {} */
	char path[ARM_ID_MAX];	/* of the resource, or of the list's owner */
	char scope[ARM_ID_MAX]; /* what is before the last "providers" */
	const char *action;	/* the right that was needed */
	struct json *body;	/* NULL: there is none */
	struct buf raw;
	char action_text[512];
};

struct arm_route {
	const char *method; /* GET is HEAD, too */
	unsigned int places;
	/* "NAMESPACE/TYPE/{}/TYPE/{}", what follows the last "providers"; or,
	 * with a slash in front, the whole path. */
	const char *path;
	int (*handle)(struct arm_request *r);
	const char *action; /* NULL: as above */
};

struct arm_table {
	const struct arm_route *routes;
	size_t n;
};

/* Every room's routes: vault/arm/routes.c. */
extern const struct arm_table *const arm_tables[];
extern const size_t n_arm_tables;

/* For the listener; each handler's argument is the struct vault. */
extern const struct http_route arm_http_routes[];
extern const size_t n_arm_http_routes;

/* --- the caller's rights --- */

/* Has the caller the right, on this resource? 1, 0, or negative errno. */
MUST_CHECK int arm_allows(struct arm_request *r, const char *action,
			  const char *resource);
/* -ECANCELED: not; that was answered and noted. */
MUST_CHECK int arm_require(struct arm_request *r, const char *action,
			   const char *resource);

/* --- what was asked --- */

/* -ECANCELED: there is no body, or no object; that was answered. */
MUST_CHECK int arm_need_body(struct arm_request *r);
/* A member of a member...: "properties.sku.name"; letters in either case. */
const struct json *arm_get(const struct json *j, const char *path);
const char *arm_get_text(const struct json *j, const char *path);
/* $filter. -ECANCELED: it is none; that was answered. */
MUST_CHECK int arm_get_filter(struct arm_request *r, struct filter *out);
/* If-Match and If-None-Match against etag (NULL: the resource is not there).
 * -ECANCELED: 412 was answered. */
MUST_CHECK int arm_check_etag(struct arm_request *r, const char *etag);

/* --- what is answered --- */

struct arm_reply {
	struct buf b;
	struct json_out j;
};
/* Begin a body: its outermost object is open. */
void arm_reply_init(struct arm_reply *a);
void arm_reply_release(struct arm_reply *a);
#define CLEANUP_ARM_REPLY CLEANUP(arm_reply_release)
/* Close it, and send it. */
MUST_CHECK int arm_reply_send(struct arm_request *r, struct arm_reply *a,
			      unsigned int status);
MUST_CHECK int arm_reply_empty(struct arm_request *r, unsigned int status);
MUST_CHECK int arm_error(struct arm_request *r, unsigned int status,
			 const char *code, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
/* The resource of the request is not there. */
MUST_CHECK int arm_not_found(struct arm_request *r);
/* Was 0 answered? Then -ECANCELED: for those who answer for their caller. */
MUST_CHECK int arm_done(int e);
/* What was asked and what became of it, by this caller on this resource; e
 * decides the outcome. Within db_write() of the change. */
MUST_CHECK int arm_audit(struct db *db, const struct arm_request *r,
			 const char *detail);

/* "2026-11-22T12:00:00Z"; NULL key: inside an array. 0 is 0001-01-01. */
void arm_time(struct json_out *j, const char *key, int64_t t);
/* "https://HOST", as the client called it. */
MUST_CHECK int arm_base_url(struct arm_request *r, char *out, size_t size);

/* --- lists --- */

/*
 * {"value":[...],"nextLink":...}, a page at a time. Things come in the order
 * of their keys (as strcasecmp() has it), and arm_list_wants() is asked of
 * each. A thing that comes or goes between two pages moves no other one.
 */
struct arm_list {
	struct arm_reply reply;
	char after[ARM_KEY_MAX]; /* the key that the last page ended with */
	char last[ARM_KEY_MAX];
	unsigned int n, max;
	bool more;
};
#define CLEANUP_ARM_LIST CLEANUP(arm_list_release)
/* -ECANCELED: the $skiptoken is none; that was answered. */
MUST_CHECK int arm_list_init(struct arm_request *r, struct arm_list *l);
void arm_list_release(struct arm_list *l);
/* true: write it, as an object within l->reply.j; false: pass over. */
bool arm_list_wants(struct arm_list *l, const char *key);
MUST_CHECK int arm_list_send(struct arm_request *r, struct arm_list *l);

#endif /* VAULT_ARM_ARM_H */
