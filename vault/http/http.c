/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.c - the listener: a thread for each connection, by libmicrohttpd.
 */
#include "vault/http/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <netdb.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

#include "base/log.h"
#include "vault/http/http_private.h"

#define HEAD_MAX (32u << 10) /* bytes of a request's head, and buffers */
#define STACK (512u << 10)
#define BACKLOG 1024
#define RATE_MIN 1024 /* bytes/s of a body, after the first half minute */

/*
 * A connection is in one of three phases, each with its own patience. The
 * library's own time limit begins anew with each byte; a peer that sends one
 * a second would stay for ever.
 */
enum phase { PHASE_HEAD, PHASE_BODY, PHASE_ANSWER };

struct peer {
	struct peer *next, **at;
	int fd;
	enum phase phase;
	time_t since; /* of the phase */
	uint64_t bytes;
};

struct http {
	struct MHD_Daemon *daemon;
	struct http_options opt;
	pthread_mutex_t lock; /* of peers, stopping */
	pthread_cond_t wake;
	struct peer *peers;
	bool stopping;
	pthread_t warden;
	bool has_warden;
};

static uint64_t nanoseconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static time_t seconds_now(void)
{
	return (time_t)(nanoseconds_now() / 1000000000u);
}

/* --- patience --- */

static void enter(struct http *h, struct peer *p, enum phase phase)
{
	if (!p)
		return;
	pthread_mutex_lock(&h->lock);
	p->phase = phase;
	p->since = seconds_now();
	p->bytes = 0;
	pthread_cond_broadcast(&h->wake);
	pthread_mutex_unlock(&h->lock);
}

static bool is_late(const struct http *h, const struct peer *p, time_t now)
{
	uint64_t t = (uint64_t)(now - p->since);

	if (p->phase == PHASE_HEAD)
		return t > h->opt.seconds;
	return p->phase == PHASE_BODY && t > 30 && p->bytes / t < RATE_MIN;
}

static void *watch(void *arg)
{
	struct http *h = arg;
	struct timespec until;
	struct peer *p;

	pthread_mutex_lock(&h->lock);
	while (!h->stopping) {
		for (p = h->peers; p; p = p->next)
			if (is_late(h, p, seconds_now()))
				shutdown(p->fd, SHUT_RDWR);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec++;
		pthread_cond_timedwait(&h->wake, &h->lock, &until);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

static void peer_comes(struct http *h, struct MHD_Connection *c, void **socket)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct peer *p = calloc(1, sizeof(*p));

	*socket = p;
	if (!p || !info)
		return; /* the library's own limits remain */
	p->fd = info->connect_fd;
	p->since = seconds_now();
	pthread_mutex_lock(&h->lock);
	p->next = h->peers;
	p->at = &h->peers;
	if (p->next)
		p->next->at = &p->next;
	h->peers = p;
	pthread_mutex_unlock(&h->lock);
}

static void peer_goes(struct http *h, struct peer *p)
{
	if (p && p->at) {
		pthread_mutex_lock(&h->lock);
		*p->at = p->next;
		if (p->next)
			p->next->at = p->at;
		pthread_mutex_unlock(&h->lock);
	}
	free(p);
}

static void on_connection(void *arg, struct MHD_Connection *c, void **socket,
			  enum MHD_ConnectionNotificationCode what)
{
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		peer_comes(arg, c, socket);
	else
		peer_goes(arg, *socket);
}

/* --- an exchange --- */

/* The first thing that is known of a request is its target. */
static void *on_target(void *arg, const char *text, struct MHD_Connection *c)
{
	struct http_exchange *x = calloc(1, sizeof(*x));
	const union MHD_ConnectionInfo *info;

	if (!x)
		return NULL;
	x->http = arg;
	x->c = c;
	x->body.max = HTTP_JSON_MAX;
	x->began = nanoseconds_now();
	x->bad_target = uri_parse(text, &x->uri);
	info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	x->peer = info ? info->socket_context : NULL;
	return x;
}

static void get_address(struct http_exchange *x)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		x->c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *sa = info ? info->client_addr : NULL;
	const void *at = NULL;

	if (sa && sa->sa_family == AF_INET)
		at = &((const struct sockaddr_in *)(const void *)sa)->sin_addr;
	else if (sa && sa->sa_family == AF_INET6)
		at = &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
	if (!at ||
	    !inet_ntop(sa->sa_family, at, x->address, sizeof(x->address)))
		snprintf(x->address, sizeof(x->address), "local");
}

/* The handshake has proved that the peer has the certificate's key. */
static void get_certificate(struct http_exchange *x)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		x->c, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	const gnutls_datum_t *chain;
	unsigned int n = 0;

	if (!info || !info->tls_session)
		return;
	chain = gnutls_certificate_get_peers(info->tls_session, &n);
	x->has_certificate = chain && n > 0 &&
			     gnutls_hash_fast(GNUTLS_DIG_SHA256, chain[0].data,
					      chain[0].size,
					      x->fingerprint) == 0;
}

static bool segments_match(struct http_exchange *x, const char *path)
{
	unsigned int i, n = 0;

	for (i = 0; i < x->uri.n_segments; i++) {
		const char *segment = x->uri.segments[i];
		size_t len;

		if (*path++ != '/')
			return false;
		len = strcspn(path, "/");
		if (!strcmp(path, "{*}"))
			return true;
		if (len == 2 && path[0] == '{') {
			if (!*segment || n == HTTP_SEGMENTS_MAX)
				return false;
			x->segments[n++] = segment;
		} else if (strlen(segment) != len ||
			   strncasecmp(segment, path, len) != 0) {
			return false;
		}
		path += len;
	}
	return !*path;
}

/* Another method is known there: 405 instead of 404. */
static const struct http_route *find_route(struct http_exchange *x,
					   const char *method, bool *other)
{
	size_t i;

	*other = false;
	for (i = 0; i < x->http->opt.n_routes; i++) {
		const struct http_route *r = &x->http->opt.routes[i];

		if (!segments_match(x, r->path))
			continue;
		if (!strcmp(r->method, "*") || !strcmp(r->method, method))
			return r;
		*other = true;
	}
	return NULL;
}

static int refuse_target(struct http_exchange *x)
{
	if (x->bad_target == -EMSGSIZE)
		return http_reply_error(x, 414, "UriTooLong",
					"The request's target is too long.");
	return http_reply_error(x, 400, "BadRequest",
				"The request's target is not valid.");
}

struct lengths {
	unsigned int lengths, encodings;
};

static enum MHD_Result count_length(void *arg, enum MHD_ValueKind kind,
				    const char *name, const char *value)
{
	struct lengths *l = arg;

	(void)kind;
	(void)value;
	l->lengths += !strcasecmp(name, "Content-Length");
	l->encodings += !strcasecmp(name, "Transfer-Encoding");
	return MHD_YES;
}

/* RFC 9112 section 6.3: a proxy may have taken the other one, and what we
 * take for the next request is within the body of this one. */
static bool has_two_lengths(struct http_exchange *x)
{
	struct lengths l = { 0, 0 };

	MHD_get_connection_values(x->c, MHD_HEADER_KIND, count_length, &l);
	return l.lengths + l.encodings > 1;
}

static int refuse_lengths(struct http_exchange *x)
{
	int e = http_set_header(x, "Connection", "close");

	return e < 0 ? e
		     : http_reply_error(x, 400, "BadRequest",
					"The request says twice how long it "
					"is.");
}

/* 0: the body may come; otherwise it was answered already. */
static int begin(struct http_exchange *x, const char *method)
{
	const char *length = http_header(x, "Content-Length");
	bool other;

	snprintf(x->method, sizeof(x->method), "%s", method);
	get_address(x);
	get_certificate(x);
	if (has_two_lengths(x))
		return refuse_lengths(x);
	if (x->http->opt.admit) {
		x->err = x->http->opt.admit(x, x->http->opt.arg);
		if (x->err < 0)
			return x->replied ? 0 : x->err;
	}
	if (x->bad_target)
		return refuse_target(x);
	x->route = find_route(x, method, &other);
	if (!x->route)
		return other ? http_reply_error(x, 405, "MethodNotAllowed",
						"There is no %s here.", method)
			     : http_reply_error(x, 404, "NotFound",
						"There is nothing here.");
	if (length && strtoull(length, NULL, 10) > x->route->body_max)
		return http_reply_error(x, 413, "RequestTooLarge",
					"At most %llu bytes are taken here.",
					(unsigned long long)x->route->body_max);
	x->body.max = x->route->sink ? 0 : x->route->body_max;
	if (!x->route->sink)
		return 0;
	x->err = x->route->sink->begin(x, x->http->opt.arg, &x->state);
	x->sinking = x->err == 0;
	return 0;
}

static enum MHD_Result take(struct http_exchange *x, const char *p, size_t n)
{
	x->taken += n;
	if (x->peer)
		__atomic_add_fetch(&x->peer->bytes, n, __ATOMIC_RELAXED);
	if (x->replied || x->err < 0)
		return x->taken > x->route->body_max ? MHD_NO : MHD_YES;
	if (x->taken > x->route->body_max)
		return MHD_NO; /* chunked, and longer than it may be */
	if (x->sinking)
		x->err = x->route->sink->take(x->state, SPAN(p, n));
	else
		x->err = buf_append(&x->body, p, n);
	return MHD_YES;
}

static void abort_sink(struct http_exchange *x)
{
	if (x->sinking)
		x->route->sink->abort(x->state);
	x->sinking = false;
}

static void finish(struct http_exchange *x)
{
	void *arg = x->http->opt.arg;

	if (x->err == 0 && x->sinking) {
		x->sinking = false;
		x->err = x->route->sink->end(x, arg, x->state);
	} else if (x->err == 0) {
		x->err = x->route->handle(x, arg);
	}
	abort_sink(x);
	if (x->replied)
		return;
	if (x->err == -EMSGSIZE) {
		(void)!http_reply_error(x, 413, "RequestTooLarge",
					"That is more than is taken here.");
		return;
	}
	log_error("%s %s: %s", x->method, http_path(x),
		  x->err ? log_strerror(x->err) : "no answer");
	if (x->err == -ENOSPC || x->err == -EDQUOT)
		(void)!http_reply_error(x, 507, "InsufficientStorage",
					"The vault's disk is full.");
	else
		(void)!http_reply_error(x, 500, "InternalError",
					"The vault could not do it; its log "
					"says why.");
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c,
				  const char *url, const char *method,
				  const char *version, const char *data,
				  size_t *size, void **state)
{
	struct http_exchange *x = *state;

	(void)arg;
	(void)c;
	(void)url;
	(void)version;
	if (!x)
		return MHD_NO;
	if (!x->begun) {
		x->begun = true;
		enter(x->http, x->peer, PHASE_BODY);
		if (begin(x, method) < 0 && !x->replied)
			return MHD_NO;
		return MHD_YES;
	}
	if (*size > 0) {
		size_t n = *size;

		*size = 0;
		return take(x, data, n);
	}
	if (!x->replied) {
		enter(x->http, x->peer, PHASE_ANSWER);
		finish(x);
	}
	return x->replied ? MHD_YES : MHD_NO;
}

static void tell_outcome(const struct http_exchange *x,
			 enum MHD_RequestTerminationCode code)
{
	struct http_outcome o = {
		.route = x->route,
		.status = code == MHD_REQUEST_TERMINATED_COMPLETED_OK
				  ? x->status
				  : 0,
		.taken = x->taken,
		.sent = x->sent,
		.nanoseconds = nanoseconds_now() - x->began,
	};

	if (x->http->opt.over && x->begun)
		x->http->opt.over(x, x->http->opt.arg, &o);
}

static void on_completed(void *arg, struct MHD_Connection *c, void **state,
			 enum MHD_RequestTerminationCode code)
{
	struct http_exchange *x = *state;

	(void)arg;
	(void)c;
	if (!x)
		return;
	abort_sink(x);
	tell_outcome(x, code);
	enter(x->http, x->peer, PHASE_HEAD);
	uri_release(&x->uri);
	if (x->body.p) /* it may hold a secret */
		explicit_bzero(x->body.p, x->body.cap);
	buf_release(&x->body);
	http_headers_release(x);
	free(x);
	*state = NULL;
}

static void PRINTF_LIKE(2, 0)
	on_library_log(void *arg, const char *fmt, va_list ap)
{
	char line[512];
	size_t n;

	(void)arg;
	vsnprintf(line, sizeof(line), fmt, ap);
	n = strlen(line);
	while (n > 0 && line[n - 1] == '\n')
		line[--n] = '\0';
	log_debug("http: %s", line);
}

/* --- the listener --- */

static int resolve(const char *address, struct addrinfo **out)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	CLEANUP_FREE char *host = strdup(address);
	char *port = host ? strrchr(host, ':') : NULL, *name = host;
	int r;

	if (!host)
		return -ENOMEM;
	if (!port)
		return log_fail(-EINVAL, "listen on %s: no port", address);
	*port++ = '\0';
	if (*name == '[' && name[strlen(name) - 1] == ']') {
		name[strlen(name) - 1] = '\0';
		name++;
	}
	r = getaddrinfo(*name ? name : NULL, port, &hints, out);
	if (r == 0)
		return 0;
	log_error("listen on %s: %s", address, gai_strerror(r));
	return -EINVAL;
}

int http_listen(const char *address, int *out)
{
	struct addrinfo *found = NULL;
	CLEANUP_CLOSE int fd = -1;
	int one = 1, e = resolve(address, &found);

	if (e < 0)
		return e;
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, found->ai_addr, found->ai_addrlen) < 0 ||
	    listen(fd, BACKLOG) < 0)
		e = log_fail(-errno, "listen on %s", address);
	freeaddrinfo(found);
	if (e == 0)
		*out = TAKE_FD(fd);
	return e;
}

static char *text_of(struct span s)
{
	return strndup((const char *)s.p, s.len);
}

static int start_daemon(struct http *h, int fd)
{
	CLEANUP_FREE char *cert = text_of(h->opt.certificate);
	CLEANUP_FREE char *key = text_of(h->opt.key);
	CLEANUP_FREE char *ca = text_of(h->opt.client_ca);
	struct MHD_OptionItem items[] = {
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, cert },
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, key },
		{ MHD_OPTION_HTTPS_MEM_TRUST, 0, ca },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0,
		  (void *)(uintptr_t) "SECURE128:-VERS-ALL:+VERS-TLS1.3:"
				      "+VERS-TLS1.2" },
		{ MHD_OPTION_CONNECTION_MEMORY_LIMIT, HEAD_MAX, NULL },
		{ MHD_OPTION_CONNECTION_LIMIT, h->opt.connections, NULL },
		{ MHD_OPTION_PER_IP_CONNECTION_LIMIT,
		  h->opt.connections_per_address, NULL },
		{ MHD_OPTION_CONNECTION_TIMEOUT, h->opt.seconds, NULL },
		{ MHD_OPTION_THREAD_STACK_SIZE, STACK, NULL },
		{ MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL },
		{ MHD_OPTION_LISTEN_SOCKET, fd, NULL },
		{ MHD_OPTION_END, 0, NULL },
	};

	if (!cert || !key || !ca)
		return -ENOMEM;
	h->daemon = MHD_start_daemon(
		MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
			MHD_USE_THREAD_PER_CONNECTION | MHD_USE_TLS |
			MHD_USE_ITC | MHD_USE_ERROR_LOG,
		0, NULL, NULL, on_request, NULL, MHD_OPTION_EXTERNAL_LOGGER,
		on_library_log, NULL, MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, h, MHD_OPTION_NOTIFY_COMPLETED, on_completed, h,
		MHD_OPTION_URI_LOG_CALLBACK, on_target, h, MHD_OPTION_ARRAY,
		items, MHD_OPTION_END);
	explicit_bzero(key, strlen(key));
	if (h->daemon)
		return 0;
	log_error("the HTTPS listener does not start: is the certificate that "
		  "of the key?");
	return -EINVAL;
}

int http_start(const struct http_options *opt, struct http **out)
{
	struct http *h = calloc(1, sizeof(*h));
	int fd = opt->fd, e = 0;

	*out = NULL;
	if (!h)
		return -ENOMEM;
	h->opt = *opt;
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->wake, NULL);
	if (fd < 0)
		e = http_listen(opt->address, &fd);
	if (e == 0)
		e = start_daemon(h, fd);
	if (e < 0 && opt->fd < 0 && fd >= 0)
		close(fd);
	if (e == 0)
		e = -pthread_create(&h->warden, NULL, watch, h);
	h->has_warden = e == 0;
	if (e < 0)
		http_stop(h);
	else
		*out = h;
	return e;
}

uint16_t http_port(const struct http *h)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_BIND_PORT);

	return info ? info->port : 0;
}

/* Is a request under way? */
static bool is_busy(const struct http *h)
{
	const struct peer *p;

	for (p = h->peers; p; p = p->next)
		if (p->phase != PHASE_HEAD)
			return true;
	return false;
}

void http_stop(struct http *h)
{
	MHD_socket listener = MHD_INVALID_SOCKET;
	struct timespec until;

	if (!h)
		return;
	if (h->daemon)
		listener = MHD_quiesce_daemon(h->daemon);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += h->opt.seconds;
	pthread_mutex_lock(&h->lock);
	while (is_busy(h) &&
	       pthread_cond_timedwait(&h->wake, &h->lock, &until) == 0)
		;
	h->stopping = true;
	pthread_cond_broadcast(&h->wake);
	pthread_mutex_unlock(&h->lock);
	if (h->has_warden)
		pthread_join(h->warden, NULL);
	if (h->daemon)
		MHD_stop_daemon(h->daemon);
	if (listener != MHD_INVALID_SOCKET)
		close(listener);
	pthread_cond_destroy(&h->wake);
	pthread_mutex_destroy(&h->lock);
	free(h);
}
