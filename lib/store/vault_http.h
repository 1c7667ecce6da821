/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault_http.h - requests to one vault, over TLS; private to lib/store.
 *
 * Who the vault is: its certificate must be signed by the one authority that
 * is given, for the host of the URL; no other is trusted, and nothing is
 * followed elsewhere. Who we are: the certificate, if there is one.
 *
 * A request that meets a broken connection, 429 or 5xx (not 507: a full disk
 * stays full) is sent again, from its body's start, after 0.5 s that double
 * up to 30 s, with jitter, or what Retry-After says; for ten minutes in all
 * (TIDEMARK_VAULT_RETRY_SECONDS), but for one minute as long as this vault has
 * never answered. What is kept of an answer is bounded before it is allocated.
 *
 * Errors:  0 means that the vault has answered, whatever it said. -EIO: it
 *          could not be reached, or broke off too often; -EACCES: it is
 *          not the vault that we know; -EPROTO: what came was no answer of a
 *          vault; -ETXTBSY never. All are logged, with the request's `what`.
 *          Not logged: -ENOMEM; -ECANCELED if `cancelled` said so; -EMSGSIZE:
 *          the answer is longer than there is room; and what `read` returned.
 * Threads: any; a request belongs to one.
 */
#ifndef STORE_VAULT_HTTP_H
#define STORE_VAULT_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/macros.h"
#include "store/store.h"

#define VAULT_PATH_MAX 256
#define VAULT_URL_MAX 1024
#define VAULT_SIZE_UNKNOWN UINT64_MAX

struct vault_http;

struct vault_http_options {
	const char *url; /* "https://host:port", see vault_url_is_good() */
	const char *directory; /* of the registration, for messages */
	/* PEM; copied. Without a certificate: a stranger. */
	struct span authority, certificate, key;
};

bool vault_url_is_good(const char *url);
MUST_CHECK int vault_http_new(const struct vault_http_options *opt,
			      struct vault_http **out);
/* The same of a registration; without a certificate yet, as a stranger. */
struct registration;
MUST_CHECK int vault_http_of(const struct registration *r,
			     struct vault_http **out);
/* NULL is allowed. No request may be under way. */
void vault_http_free(struct vault_http *h);

struct vault_request {
	const char *what;   /* for messages: "store packs/01ab" */
	const char *method; /* GET, HEAD, PUT, POST, DELETE */
	char path[VAULT_PATH_MAX];
	/* A body: in memory, or (read set) size bytes from off 0 on, again and
	 * again; size may be unknown, the body then ends where read gives 0
	 * bytes. read returns the bytes it gave, or a negative errno, which
	 * ends the request. */
	struct span body;
	ssize_t (*read)(void *arg, uint64_t off, void *p, size_t max);
	uint64_t size;
	void *arg; /* of read and cancelled */
	/* Asked about once a second, from the requesting thread. NULL: never */
	bool (*cancelled)(void *arg);
	bool ranged; /* only the bytes from..from + len - 1 */
	uint64_t from, len;
	bool once; /* try no second time */
	/* The body of a 2xx is appended here (NULL: dropped); on failure it is
	 * as it was. */
	struct buf *into;

	/* --- the answer --- */
	unsigned int status;
	unsigned int tries;
	uint64_t length;	       /* Content-Length, or SIZE_UNKNOWN */
	char next[STORE_NAME_MAX + 1]; /* Tidemark-Next */
	/* of an error: the vault's words; printable as log.h makes it */
	char code[64];
	char message[512];
};

MUST_CHECK int vault_http_send(struct vault_http *h, struct vault_request *q);

/* Log what a status of 400 and more means, and give an errno for it:
 * -EACCES: the certificate is not taken any more; -ENOSPC: no room there;
 * -EBADMSG: other bytes arrived; -ESTALE: a head that is not the next;
 * -EMSGSIZE; else -EPROTO. Not logged are answers: -ENOENT, -EEXIST, -EBUSY. A
 * status below 300 is 0. */
MUST_CHECK int vault_http_judge(const struct vault_http *h,
				const struct vault_request *q);

/* From now on waits for a next try end when it says so. NULL: never. */
void vault_http_interrupt(bool (*interrupted)(void));

#endif /* STORE_VAULT_HTTP_H */
