/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_reply.c - what was asked, and what is answered.
 */
#include <errno.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "vault/http/http_private.h"

#define BLOCK (64u << 10) /* of what is read while it is sent */

/* --- what was asked --- */

const char *http_method(const struct http_exchange *x)
{
	return x->method;
}

const char *http_path(const struct http_exchange *x)
{
	return x->uri.path ? x->uri.path : "(no path)";
}

const char *http_segment(const struct http_exchange *x, unsigned int n)
{
	return x->segments[n];
}

const char *const *http_segments(const struct http_exchange *x, unsigned int *n)
{
	*n = x->uri.n_segments;
	return x->uri.segments;
}

const char *http_query(struct http_exchange *x, const char *name)
{
	return uri_parameter(&x->uri, name);
}

const char *http_header(struct http_exchange *x, const char *name)
{
	return MHD_lookup_connection_value(x->c, MHD_HEADER_KIND, name);
}

struct span http_body(const struct http_exchange *x)
{
	return SPAN_OF(&x->body);
}

const uint8_t *http_fingerprint(const struct http_exchange *x)
{
	return x->has_certificate ? x->fingerprint : NULL;
}

const char *http_address(const struct http_exchange *x)
{
	return x->address;
}

void http_set_account(struct http_exchange *x, const char *account)
{
	snprintf(x->account, sizeof(x->account), "%s", account);
}

const char *http_account(const struct http_exchange *x)
{
	return x->account[0] ? x->account : NULL;
}

/* --- what is answered --- */

int http_set_header(struct http_exchange *x, const char *name,
		    const char *value)
{
	struct http_reply_header *h = &x->headers[x->n_headers];

	if (x->n_headers == HTTP_HEADERS_MAX)
		return -EMSGSIZE;
	h->name = strdup(name);
	h->value = strdup(value);
	x->n_headers++;
	return h->name && h->value ? 0 : -ENOMEM;
}

void http_headers_release(struct http_exchange *x)
{
	while (x->n_headers > 0) {
		struct http_reply_header *h = &x->headers[--x->n_headers];

		free(h->name);
		free(h->value);
	}
}

static int answer(struct http_exchange *x, unsigned int status,
		  struct MHD_Response *r)
{
	enum MHD_Result done = MHD_YES;
	unsigned int i;

	if (!r)
		return -ENOMEM;
	for (i = 0; i < x->n_headers && done == MHD_YES; i++)
		done = MHD_add_response_header(r, x->headers[i].name,
					       x->headers[i].value);
	if (done == MHD_YES)
		done = MHD_queue_response(x->c, status, r);
	MHD_destroy_response(r);
	x->replied = done == MHD_YES;
	x->status = status;
	return x->replied ? 0 : -EIO;
}

int http_reply(struct http_exchange *x, unsigned int status, const char *type,
	       struct span body)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(
		body.len,
		(void *)(uintptr_t)(body.p ? (const char *)body.p : ""),
		MHD_RESPMEM_MUST_COPY);

	if (r && type &&
	    MHD_add_response_header(r, "Content-Type", type) != MHD_YES) {
		MHD_destroy_response(r);
		return -ENOMEM;
	}
	x->sent = body.len;
	return answer(x, status, r);
}

int http_reply_json(struct http_exchange *x, unsigned int status,
		    struct span body)
{
	return http_reply(x, status, "application/json; charset=utf-8", body);
}

int http_reply_error(struct http_exchange *x, unsigned int status,
		     const char *code, const char *fmt, ...)
{
	CLEANUP_BUF struct buf b = BUF_INIT(8192);
	struct json_out j = JSON_OUT(&b);
	char text[1024];
	va_list ap;
	int e;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_object(&j, NULL);
	json_object(&j, "error");
	json_str(&j, "code", code);
	json_str(&j, "message", text);
	json_close(&j);
	json_close(&j);
	e = json_end(&j);
	return e < 0 ? e : http_reply_json(x, status, SPAN_OF(&b));
}

static ssize_t read_source(void *arg, uint64_t off, char *p, size_t max)
{
	struct http_source *from = arg;

	return from->read(from->state, off, p, max) < 0
		       ? MHD_CONTENT_READER_END_WITH_ERROR
		       : (ssize_t)max;
}

static void end_source(void *arg)
{
	struct http_source *from = arg;

	from->done(from->state);
	free(from);
}

int http_reply_source(struct http_exchange *x, unsigned int status,
		      uint64_t size, const struct http_source *from)
{
	struct http_source *copy = malloc(sizeof(*copy));
	struct MHD_Response *r;

	if (!copy) {
		from->done(from->state);
		return -ENOMEM;
	}
	*copy = *from;
	r = MHD_create_response_from_callback(size, BLOCK, read_source, copy,
					      end_source);
	if (!r) {
		end_source(copy);
		return -ENOMEM;
	}
	if (MHD_add_response_header(r, "Content-Type",
				    "application/octet-stream") != MHD_YES) {
		MHD_destroy_response(r);
		return -ENOMEM;
	}
	x->sent = strcmp(x->method, "HEAD") ? size : 0;
	return answer(x, status, r);
}

static int read_nothing(void *state, uint64_t off, void *p, size_t len)
{
	(void)state;
	(void)off;
	(void)p;
	(void)len;
	return -EIO;
}

static void nothing_done(void *state)
{
	(void)state;
}

int http_reply_size(struct http_exchange *x, uint64_t size)
{
	static const struct http_source none = { read_nothing, nothing_done,
						 NULL };

	return http_reply_source(x, 200, size, &none);
}
