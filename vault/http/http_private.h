/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_private.h - an exchange, as the listener and the answers see it.
 *
 * Included by http.c and http_reply.c only.
 */
#ifndef VAULT_HTTP_HTTP_PRIVATE_H
#define VAULT_HTTP_HTTP_PRIVATE_H

#include <netinet/in.h>

#include "vault/http/http.h"
#include "vault/http/uri.h"

struct MHD_Connection;
struct peer;

#define HTTP_HEADERS_MAX 16

struct http_exchange {
	struct http *http;
	struct MHD_Connection *c;
	struct peer *peer;
	const struct http_route *route;
	struct uri uri;
	int bad_target; /* of uri_parse() */
	char method[16];
	char address[INET6_ADDRSTRLEN];
	uint8_t fingerprint[HTTP_FINGERPRINT_LEN];
	bool has_certificate;
	const char *segments[HTTP_SEGMENTS_MAX];
	struct buf body;
	uint64_t taken; /* bytes of the body so far */
	uint64_t began;
	unsigned int status; /* of the answer */
	uint64_t sent;
	char account[HTTP_ACCOUNT_MAX + 1];
	void *state; /* of the sink */
	bool begun, sinking, replied;
	int err; /* the first; answered when the body has come */
	struct http_reply_header {
		char *name, *value;
	} headers[HTTP_HEADERS_MAX];
	unsigned int n_headers;
};

void http_headers_release(struct http_exchange *x);

#endif /* VAULT_HTTP_HTTP_PRIVATE_H */
