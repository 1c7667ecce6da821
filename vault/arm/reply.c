/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply.c - what Azure Resource Manager answers: bodies, errors, lists.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/base64.h"
#include "base/log.h"
#include "vault/arm/arm.h"
#include "vault/machines/machines.h"

/* --- headers --- */

/* What a client sent to find its request again in logs; else a new one. */
static int add_id(struct arm_request *r, const char *name, const char *from)
{
	char fresh[MACHINE_ID_LEN + 1];
	const char *sent = from ? http_header(r->x, from) : NULL;
	size_t i, n = sent ? strlen(sent) : 0;

	for (i = 0; i < n; i++)
		if (!isalnum((unsigned char)sent[i]) && !strchr("-_.", sent[i]))
			n = 0;
	if (n > 0 && n <= 128)
		return http_set_header(r->x, name, sent);
	uuid_make(fresh);
	return http_set_header(r->x, name, fresh);
}

static int add_headers(struct arm_request *r)
{
	static const char *const fixed[][2] = {
		{ "Cache-Control", "no-cache" },
		{ "Pragma", "no-cache" },
		{ "Expires", "-1" },
		{ "Strict-Transport-Security",
		  "max-age=31536000; includeSubDomains" },
		{ "X-Content-Type-Options", "nosniff" },
	};
	size_t i;
	int e = add_id(r, "x-ms-request-id", NULL);

	if (e == 0)
		e = add_id(r, "x-ms-correlation-request-id",
			   "x-ms-correlation-request-id");
	if (e == 0 && http_header(r->x, "x-ms-client-request-id"))
		e = add_id(r, "x-ms-client-request-id",
			   "x-ms-client-request-id");
	for (i = 0; i < ARRAY_LEN(fixed) && e == 0; i++)
		e = http_set_header(r->x, fixed[i][0], fixed[i][1]);
	return e;
}

/* --- bodies --- */

void arm_reply_init(struct arm_reply *a)
{
	a->b = BUF_INIT(ARM_REPLY_MAX);
	a->j = JSON_OUT(&a->b);
	json_object(&a->j, NULL);
}

void arm_reply_release(struct arm_reply *a)
{
	buf_release(&a->b);
}

int arm_reply_send(struct arm_request *r, struct arm_reply *a,
		   unsigned int status)
{
	int e;

	json_close(&a->j);
	e = json_end(&a->j);
	if (e == 0)
		e = add_headers(r);
	return e < 0 ? e : http_reply_json(r->x, status, SPAN_OF(&a->b));
}

int arm_reply_empty(struct arm_request *r, unsigned int status)
{
	int e = add_headers(r);

	return e < 0 ? e : http_reply(r->x, status, NULL, SPAN(NULL, 0));
}

int arm_error(struct arm_request *r, unsigned int status, const char *code,
	      const char *fmt, ...)
{
	CLEANUP_ARM_REPLY struct arm_reply a = { 0 };
	char text[2 * ARM_ID_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	arm_reply_init(&a);
	json_object(&a.j, "error");
	json_str(&a.j, "code", code);
	json_str(&a.j, "message", text);
	json_close(&a.j);
	return arm_reply_send(r, &a, status);
}

int arm_done(int e)
{
	return e < 0 ? e : -ECANCELED;
}

/* "Microsoft.RecoveryServices/vaults/NAME" of the request's id. */
int arm_not_found(struct arm_request *r)
{
	char text[ARM_ID_MAX];
	size_t at = 0;
	unsigned int i;
	int e = http_set_header(r->x, "x-ms-failure-cause", "gateway");

	at += (size_t)snprintf(text, sizeof(text), "%s",
			       r->id.provider ?: "Microsoft.Resources");
	for (i = 0; i < r->id.n_parts && at < sizeof(text); i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "/%s%s%s",
				       r->id.parts[i].type,
				       r->id.parts[i].name ? "/" : "",
				       r->id.parts[i].name ?: "");
	if (e < 0)
		return e;
	return arm_error(r, 404, "ResourceNotFound",
			 "The Resource '%s' under resource group '%s' was not "
			 "found. For more details please go to "
			 "https://aka.ms/ARMResourceNotFoundFix",
			 text, r->id.group ?: "<null>");
}

void arm_time(struct json_out *j, const char *key, int64_t t)
{
	char text[32] = "0001-01-01T00:00:00Z";
	time_t sec = (time_t)t;
	struct tm tm;

	if (t && gmtime_r(&sec, &tm))
		(void)!strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_str(j, key, text);
}

/* A client is sent to where it came to; it said so itself. */
int arm_base_url(struct arm_request *r, char *out, size_t size)
{
	const char *host = http_header(r->x, "Host");
	size_t i, n = host ? strlen(host) : 0;

	for (i = 0; i < n; i++)
		if (!isalnum((unsigned char)host[i]) &&
		    !strchr(".-:[]", host[i]))
			n = 0;
	if (n == 0 || n > 260)
		host = r->v->config.names[0];
	return snprintf(out, size, "https://%s", host) < (int)size ? 0
								   : -EMSGSIZE;
}

/* --- lists --- */

static int bad_token(struct arm_request *r)
{
	return arm_done(arm_error(r, 400, "InvalidSkipToken",
				  "The $skiptoken is not one of a list of "
				  "this vault."));
}

int arm_list_init(struct arm_request *r, struct arm_list *l)
{
	CLEANUP_BUF struct buf key = BUF_INIT(ARM_KEY_MAX - 1);
	const char *token = http_query(r->x, "$skiptoken");
	const char *top = http_query(r->x, "$top");
	unsigned long n = top ? strtoul(top, NULL, 10) : 0;

	memset(l, 0, sizeof(*l));
	arm_reply_init(&l->reply);
	l->max = n > 0 && n < ARM_PAGE ? (unsigned int)n : ARM_PAGE;
	if (token && *token) {
		if (base64url_decode(&key, SPAN(token, strlen(token))) < 0 ||
		    key.len == 0 || memchr(key.p, 0, key.len))
			return bad_token(r);
		memcpy(l->after, key.p, key.len);
	}
	json_array(&l->reply.j, "value");
	return 0;
}

void arm_list_release(struct arm_list *l)
{
	arm_reply_release(&l->reply);
}

bool arm_list_wants(struct arm_list *l, const char *key)
{
	if (*l->after && strcasecmp(key, l->after) <= 0)
		return false;
	if (l->n == l->max) {
		l->more = true;
		return false;
	}
	l->n++;
	snprintf(l->last, sizeof(l->last), "%s", key);
	return true;
}

static int append_text(struct buf *b, const char *text)
{
	return buf_append(b, text, strlen(text));
}

static int append_escaped(struct buf *b, const char *text)
{
	char hex[4];
	int e = 0;

	for (; *text && e == 0; text++) {
		if (isalnum((unsigned char)*text) || strchr("-._~", *text)) {
			e = buf_u8(b, (uint8_t)*text);
		} else {
			snprintf(hex, sizeof(hex), "%%%02X",
				 (unsigned int)(unsigned char)*text);
			e = append_text(b, hex);
		}
	}
	return e;
}

/* The same request, with a token for what comes next. */
static int next_link(struct arm_request *r, const struct arm_list *l,
		     struct buf *out)
{
	static const char *const kept[] = { "api-version", "$filter", "$top",
					    "$expand" };
	CLEANUP_BUF struct buf token = BUF_INIT(2 * ARM_KEY_MAX);
	char base[300];
	size_t i;
	int e = arm_base_url(r, base, sizeof(base));

	if (e == 0)
		e = append_text(out, base);
	if (e == 0)
		e = append_text(out, http_path(r->x));
	for (i = 0; i < ARRAY_LEN(kept) && e == 0; i++) {
		const char *value = http_query(r->x, kept[i]);

		if (!value)
			continue;
		e = append_text(out, i == 0 ? "?" : "&");
		if (e == 0)
			e = append_text(out, kept[i]);
		if (e == 0)
			e = append_text(out, "=");
		if (e == 0)
			e = append_escaped(out, value);
	}
	if (e == 0)
		e = base64url_append(&token, SPAN(l->last, strlen(l->last)));
	if (e == 0)
		e = append_text(out, "&$skiptoken=");
	return e < 0 ? e : buf_append(out, token.p, token.len);
}

int arm_list_send(struct arm_request *r, struct arm_list *l)
{
	CLEANUP_BUF struct buf link = BUF_INIT(2 * URI_MAX);
	int e = 0;

	json_close(&l->reply.j);
	if (l->more)
		e = next_link(r, l, &link);
	if (e < 0)
		return e;
	if (l->more)
		json_strn(&l->reply.j, "nextLink", SPAN_OF(&link));
	else
		json_str(&l->reply.j, "nextLink", NULL);
	return arm_reply_send(r, &l->reply, 200);
}
