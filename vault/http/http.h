/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.h - the listener: TLS, requests in, answers out.
 *
 * A table of routes says who handles what. A request has a thread of its own
 * while its connection lasts, so a handler may wait for disks. Everything is
 * limited before it is kept: lengths of lines and bodies, connections in all
 * and from one address, and how long a request may take to arrive.
 *
 * A client may show a certificate, and is taken for who it is by the hash of
 * it alone: whether it is known, and not revoked, is for others to say.
 *
 * Errors:  a handler answers by one of http_reply_*() and returns 0, or
 *          returns a negative errno, which is logged with the request and
 *          answered as 500.
 * Memory:  what an exchange gives out is its own, valid for the call.
 * Threads: handlers run at once; an exchange belongs to one thread.
 * Source:  RFC 9110, 9112; libmicrohttpd's manual.
 */
#ifndef VAULT_HTTP_HTTP_H
#define VAULT_HTTP_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/macros.h"

#define HTTP_FINGERPRINT_LEN 32 /* SHA-256 of a certificate's DER */
#define HTTP_SEGMENTS_MAX 16
#define HTTP_JSON_MAX (1u << 20)

struct http_exchange;

/* Takes a body in pieces, for what is too large for memory. begin answers by
 * itself, with -ECANCELED, what it will not take. */
struct http_sink {
	int (*begin)(struct http_exchange *x, void *arg, void **state);
	int (*take)(void *state, struct span piece);
	/* The body is whole. Answers, and frees state. */
	int (*end)(struct http_exchange *x, void *arg, void *state);
	/* It is not, and never will be; or take failed. Frees state. */
	void (*abort)(void *state);
};

struct http_route {
	const char *method; /* "*": any */
	/* "/v1/objects/{}/{}": each {} is one segment, not empty, handed over
	 * decoded. Letters of the rest match in either case. "/x/{*}" takes
	 * whatever begins so, and has one segment more at least. */
	const char *path;
	int (*handle)(struct http_exchange *x, void *arg);
	const struct http_sink *sink; /* instead of handle */
	uint64_t body_max;	      /* bytes */
};

/* How an exchange ended. */
struct http_outcome {
	const struct http_route *route; /* NULL: there is none */
	unsigned int status;		/* 0: it was broken off */
	uint64_t taken, sent;		/* bytes of bodies */
	uint64_t nanoseconds;		/* from its head to its end */
};

struct http_options {
	const char *address; /* "127.0.0.1:8443", "[::]:443" */
	int fd;		     /* >= 0: listens already; address is not used */
	/* PEM; copied */
	struct span certificate, key, client_ca;
	const struct http_route *routes;
	size_t n_routes;
	void *arg;
	/* Before anything else is looked at; NULL: all may come. As begin of a
	 * sink: -ECANCELED. */
	int (*admit)(struct http_exchange *x, void *arg);
	/* Comes last, whatever happened; or NULL. */
	void (*over)(const struct http_exchange *x, void *arg,
		     const struct http_outcome *o);
	unsigned int connections, connections_per_address;
	unsigned int seconds; /* without a byte, or for a request's head */
};

struct http;

/* "HOST:PORT"; the host of an IPv6 address stands in brackets. */
MUST_CHECK int http_listen(const char *address, int *fd);
MUST_CHECK int http_start(const struct http_options *opt, struct http **out);
uint16_t http_port(const struct http *h);
/* Answers what is under way, then ends. NULL is allowed. */
void http_stop(struct http *h);

/* --- what was asked --- */

const char *http_method(const struct http_exchange *x);
/* As sent, without the query. */
const char *http_path(const struct http_exchange *x);
/* What stands for the route's n-th {}, from 0. */
const char *http_segment(const struct http_exchange *x, unsigned int n);
/* All of the path, decoded; the last may be empty. */
const char *const *http_segments(const struct http_exchange *x,
				 unsigned int *n);
/* Decoded, names too; NULL: not there. */
const char *http_query(struct http_exchange *x, const char *name);
const char *http_header(struct http_exchange *x, const char *name);
struct span http_body(const struct http_exchange *x);
/* Without a client's certificate NULL. */
const uint8_t *http_fingerprint(const struct http_exchange *x);
/* Of the client, for logs: "127.0.0.1". */
const char *http_address(const struct http_exchange *x);

/* On whose account it is, for over(): at most HTTP_ACCOUNT_MAX bytes, copied.
 * NULL: nobody's. */
#define HTTP_ACCOUNT_MAX 63
void http_set_account(struct http_exchange *x, const char *account);
const char *http_account(const struct http_exchange *x);

/* --- what is answered --- */

/* Before the reply. Value is copied. */
MUST_CHECK int http_set_header(struct http_exchange *x, const char *name,
			       const char *value);
/* type NULL: no content type. body is copied. */
MUST_CHECK int http_reply(struct http_exchange *x, unsigned int status,
			  const char *type, struct span body);
MUST_CHECK int http_reply_json(struct http_exchange *x, unsigned int status,
			       struct span body);
/* {"error":{"code":CODE,"message":...}} */
MUST_CHECK int http_reply_error(struct http_exchange *x, unsigned int status,
				const char *code, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
/* size bytes that read() gives, in order, from any thread; done() comes last,
 * whatever happens. An error of read() breaks the connection off. */
struct http_source {
	int (*read)(void *state, uint64_t off, void *p, size_t len);
	void (*done)(void *state);
	void *state;
};
MUST_CHECK int http_reply_source(struct http_exchange *x, unsigned int status,
				 uint64_t size, const struct http_source *from);
/* The headers of a body of that size, as HEAD wants them. */
MUST_CHECK int http_reply_size(struct http_exchange *x, uint64_t size);

#endif /* VAULT_HTTP_HTTP_H */
