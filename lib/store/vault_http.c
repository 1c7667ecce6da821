/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault_http.c - requests to one vault: connections, tries, patience.
 *
 * A handle of libcurl keeps its connection alive between requests; handles
 * that nobody uses wait in a small pool. Every option is set anew for each
 * request, so that none remains of the last one.
 */
#include "store/vault_http.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "version.h"

#define POOL_MAX 16
#define ANSWER_MAX (64u << 10) /* bytes of an error's body */
#define HEAD_MAX (64u << 10)   /* bytes of all headers */
#define RETRY_SECONDS 600u     /* of trying again, in all */
#define FIRST_SECONDS 60u      /* the same, before the first answer */
#define DELAY_MIN_MS 500u
#define DELAY_MAX_MS 30000u
#define RETRY_AFTER_MAX 300u /* seconds that a vault may ask for */
#define NAP_MS 200u	     /* between looks at who cancels */
#define SILENCE_SECONDS 120L /* without a byte: it is broken */
#define CONNECT_SECONDS 20L
#define IDLE_SECONDS 45L /* less than the vault keeps a connection */
#define SEND_BUFFER (256L << 10)
#define RECEIVE_BUFFER (128L << 10)

struct vault_http {
	char *url, *directory;
	struct buf authority, certificate, key;
	unsigned int retry_seconds;
	bool answered; /* atomic: it has, once */
	bool troubled; /* atomic: a warning was given, and no answer since */
	pthread_mutex_t lock;
	CURL *idle[POOL_MAX]; /* guarded by lock */
	unsigned int n_idle;
};

/* One try of a request. */
struct attempt {
	struct vault_http *http;
	struct vault_request *q;
	CURL *curl;
	struct curl_slist *headers;
	uint64_t sent;	    /* offset in the body */
	size_t into_before; /* length of q->into */
	struct buf answer;  /* an error's body, or one that nobody wants */
	size_t head;	    /* bytes of headers */
	unsigned int retry_after;
	int err; /* of a callback; it ended the transfer */
	char text[CURL_ERROR_SIZE];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool (*interrupted)(void);

static void init_library(void)
{
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

void vault_http_interrupt(bool (*fn)(void))
{
	interrupted = fn;
}

/* --- opening --- */

/* "https://" and a host, perhaps a port; no user, no query. */
bool vault_url_is_good(const char *url)
{
	const char *host = url + 8;
	size_t n;

	if (strncmp(url, "https://", 8) != 0 || strlen(url) > VAULT_URL_MAX)
		return false;
	n = strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			 "0123456789.-_:[]");
	return n > 0 && (!host[n] || (host[n] == '/' && !host[n + 1]));
}

static unsigned int retry_seconds(void)
{
	const char *text = getenv("TIDEMARK_VAULT_RETRY_SECONDS");
	char *end;
	unsigned long n;

	if (!text || !*text)
		return RETRY_SECONDS;
	n = strtoul(text, &end, 10);
	if (*end || n > 86400) {
		log_warn("TIDEMARK_VAULT_RETRY_SECONDS=%s: no number of "
			 "seconds up to 86400; it is not used",
			 text);
		return RETRY_SECONDS;
	}
	return (unsigned int)n;
}

static int copy(struct buf *to, struct span from)
{
	*to = BUF_INIT(from.len + 1);
	return buf_append(to, from.p, from.len);
}

int vault_http_new(const struct vault_http_options *opt,
		   struct vault_http **out)
{
	struct vault_http *h = calloc(1, sizeof(*h));
	int e;

	if (!h)
		return -ENOMEM;
	pthread_once(&once, init_library);
	pthread_mutex_init(&h->lock, NULL);
	h->retry_seconds = retry_seconds();
	h->directory = strdup(opt->directory);
	h->url = strdup(opt->url);
	e = h->url && h->directory ? 0 : -ENOMEM;
	if (e == 0 && h->url[strlen(h->url) - 1] == '/')
		h->url[strlen(h->url) - 1] = '\0';
	if (e == 0)
		e = copy(&h->authority, opt->authority);
	if (e == 0)
		e = copy(&h->certificate, opt->certificate);
	if (e == 0)
		e = copy(&h->key, opt->key);
	if (e < 0)
		vault_http_free(h);
	else
		*out = h;
	return e;
}

void vault_http_free(struct vault_http *h)
{
	if (!h)
		return;
	while (h->n_idle > 0)
		curl_easy_cleanup(h->idle[--h->n_idle]);
	if (h->key.p)
		secret_wipe(h->key.p, h->key.len);
	buf_release(&h->key);
	buf_release(&h->certificate);
	buf_release(&h->authority);
	pthread_mutex_destroy(&h->lock);
	free(h->directory);
	free(h->url);
	free(h);
}

static CURL *take_handle(struct vault_http *h)
{
	CURL *c = NULL;

	pthread_mutex_lock(&h->lock);
	if (h->n_idle > 0)
		c = h->idle[--h->n_idle];
	pthread_mutex_unlock(&h->lock);
	return c ?: curl_easy_init();
}

static void give_handle(struct vault_http *h, CURL *c)
{
	pthread_mutex_lock(&h->lock);
	if (h->n_idle < POOL_MAX)
		h->idle[h->n_idle++] = TAKE_PTR(c);
	pthread_mutex_unlock(&h->lock);
	if (c)
		curl_easy_cleanup(c);
}

/* --- what libcurl calls --- */

static size_t on_send(char *p, size_t size, size_t n, void *arg)
{
	struct attempt *a = arg;
	ssize_t got = a->q->read(a->q->arg, a->sent, p, size * n);

	if (got < 0) {
		a->err = (int)got;
		return CURL_READFUNC_ABORT;
	}
	a->sent += (uint64_t)got;
	return (size_t)got;
}

/* A connection that was kept was closed meanwhile: once more, on another. */
static int on_seek(void *arg, curl_off_t off, int origin)
{
	struct attempt *a = arg;

	if (origin != SEEK_SET || off < 0)
		return CURL_SEEKFUNC_CANTSEEK;
	a->sent = (uint64_t)off;
	return CURL_SEEKFUNC_OK;
}

static bool is_good(const struct attempt *a)
{
	return a->q->status >= 200 && a->q->status < 300;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct attempt *a = arg;

	if (is_good(a) && a->q->into)
		a->err = buf_append(a->q->into, p, size * n);
	else if (size * n > ANSWER_MAX - a->answer.len)
		a->err = -EPROTO; /* nothing that a vault says is so long */
	else
		a->err = buf_append(&a->answer, p, size * n);
	return a->err < 0 ? CURL_WRITEFUNC_ERROR : size * n;
}

/* "NAME: VALUE" into out, which stays as it is if it is another header or too
 * long. */
static void take_header(const char *line, size_t len, const char *name,
			char *out, size_t size)
{
	size_t n = strlen(name);

	if (len <= n || strncasecmp(line, name, n) != 0 || line[n] != ':')
		return;
	line += n + 1;
	len -= n + 1;
	while (len > 0 && (*line == ' ' || *line == '\t')) {
		line++;
		len--;
	}
	while (len > 0 && strchr(" \t\r\n", line[len - 1]))
		len--;
	if (len < size) {
		memcpy(out, line, len);
		out[len] = '\0';
	}
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	struct attempt *a = arg;
	struct vault_request *q = a->q;
	char number[24] = "";
	long status = 0;

	a->head += size * n;
	if (a->head > HEAD_MAX) {
		a->err = -EPROTO;
		return 0;
	}
	if (size * n > 5 && !strncmp(p, "HTTP/", 5)) {
		curl_easy_getinfo(a->curl, CURLINFO_RESPONSE_CODE, &status);
		q->status = (unsigned int)status;
		q->length = VAULT_SIZE_UNKNOWN;
		q->next[0] = '\0';
		return size * n;
	}
	take_header(p, size * n, "Tidemark-Next", q->next, sizeof(q->next));
	take_header(p, size * n, "Retry-After", number, sizeof(number));
	if (number[0] >= '0' && number[0] <= '9')
		a->retry_after =
			(unsigned int)MIN(strtoul(number, NULL, 10),
					  (unsigned long)RETRY_AFTER_MAX);
	number[0] = '\0';
	take_header(p, size * n, "Content-Length", number, sizeof(number));
	if (number[0] >= '0' && number[0] <= '9')
		q->length = strtoull(number, NULL, 10);
	return size * n;
}

static int on_progress(void *arg, curl_off_t dl, curl_off_t dl_now,
		       curl_off_t ul, curl_off_t ul_now)
{
	struct attempt *a = arg;

	(void)dl;
	(void)dl_now;
	(void)ul;
	(void)ul_now;
	if (!a->q->cancelled || !a->q->cancelled(a->q->arg))
		return 0;
	a->err = -ECANCELED;
	return 1;
}

/* A command that we start must not inherit a connection. */
static int on_socket(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	(void)arg;
	(void)purpose;
	return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? CURL_SOCKOPT_ERROR
						  : CURL_SOCKOPT_OK;
}

/* --- one try --- */

#define SET(option, value)                                                     \
	do {                                                                   \
		if (curl_easy_setopt(a->curl, option, value) != CURLE_OK)      \
			return -ENOMEM;                                        \
	} while (0)

static struct curl_blob blob_of(const struct buf *b)
{
	return (struct curl_blob){ .data = b->p,
				   .len = b->len,
				   .flags = CURL_BLOB_NOCOPY };
}

/* The authority alone: libcurl's own list of others is taken away. */
static int set_tls(struct attempt *a)
{
	struct curl_blob ca = blob_of(&a->http->authority);
	struct curl_blob cert = blob_of(&a->http->certificate);
	struct curl_blob key = blob_of(&a->http->key);

	SET(CURLOPT_CAINFO, NULL);
	SET(CURLOPT_CAPATH, NULL);
	SET(CURLOPT_CAINFO_BLOB, &ca);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (cert.len > 0) {
		SET(CURLOPT_SSLCERT_BLOB, &cert);
		SET(CURLOPT_SSLKEY_BLOB, &key);
	}
	return 0;
}

static int set_connection(struct attempt *a)
{
	SET(CURLOPT_PROTOCOLS_STR, "https");
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_USERAGENT, "tidemark/" TIDEMARK_VERSION);
	SET(CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
	SET(CURLOPT_LOW_SPEED_TIME, SILENCE_SECONDS);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_MAXAGE_CONN, IDLE_SECONDS);
	SET(CURLOPT_MAXCONNECTS, 1L);
	SET(CURLOPT_UPLOAD_BUFFERSIZE, SEND_BUFFER);
	SET(CURLOPT_BUFFERSIZE, RECEIVE_BUFFER);
	SET(CURLOPT_ERRORBUFFER, a->text);
	SET(CURLOPT_SOCKOPTFUNCTION, on_socket);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, a);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, a);
	SET(CURLOPT_NOPROGRESS, a->q->cancelled ? 0L : 1L);
	SET(CURLOPT_XFERINFOFUNCTION, on_progress);
	SET(CURLOPT_XFERINFODATA, a);
	return set_tls(a);
}

static int add_header(struct attempt *a, const char *line)
{
	struct curl_slist *l = curl_slist_append(a->headers, line);

	if (!l)
		return -ENOMEM;
	a->headers = l;
	return 0;
}

static int set_body(struct attempt *a)
{
	const struct vault_request *q = a->q;
	bool known = !q->read || q->size != VAULT_SIZE_UNKNOWN;
	/* no "100 Continue" is waited for: it would cost a round trip */
	int e = add_header(a, "Expect:");

	if (e == 0)
		e = add_header(a, q->read ? "Content-Type: "
					    "application/octet-stream"
					  : "Content-Type: application/json");
	if (e == 0 && !known)
		e = add_header(a, "Transfer-Encoding: chunked");
	if (e < 0)
		return e;
	if (!q->read) {
		SET(CURLOPT_POSTFIELDS,
		    q->body.p ? (const char *)q->body.p : "");
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.len);
		return 0;
	}
	SET(CURLOPT_UPLOAD, 1L);
	if (known)
		SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)q->size);
	SET(CURLOPT_READFUNCTION, on_send);
	SET(CURLOPT_READDATA, a);
	SET(CURLOPT_SEEKFUNCTION, on_seek);
	SET(CURLOPT_SEEKDATA, a);
	return 0;
}

static int set_request(struct attempt *a)
{
	struct vault_request *q = a->q;
	char url[VAULT_URL_MAX + VAULT_PATH_MAX + 8], range[64];
	int e = 0;

	snprintf(url, sizeof(url), "%s%s", a->http->url, q->path);
	SET(CURLOPT_URL, url);
	if (!strcmp(q->method, "PUT") || !strcmp(q->method, "POST"))
		e = set_body(a);
	if (e < 0)
		return e;
	if (!strcmp(q->method, "HEAD"))
		SET(CURLOPT_NOBODY, 1L);
	else
		SET(CURLOPT_CUSTOMREQUEST, q->method);
	if (q->ranged) {
		snprintf(range, sizeof(range), "%llu-%llu",
			 (unsigned long long)q->from,
			 (unsigned long long)(q->from + q->len - 1));
		SET(CURLOPT_RANGE, range);
	}
	SET(CURLOPT_HTTPHEADER, a->headers);
	return 0;
}

/* TLS writes to a socket whose other end is gone would end the programs that
 * do not ignore SIGPIPE because they only print. */
static CURLcode perform(CURL *c)
{
	static const struct timespec now = { 0, 0 };
	sigset_t pipe, before, pending;
	CURLcode r;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe, &before);
	sigpending(&pending);
	r = curl_easy_perform(c);
	if (!sigismember(&pending, SIGPIPE))
		while (sigtimedwait(&pipe, NULL, &now) == SIGPIPE)
			;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

static void copy_text(char *out, size_t size, const char *text)
{
	if (text)
		log_printable(out, size, text, strlen(text));
}

/* {"error":{"code":..., "message":...}} */
static void read_error(struct attempt *a)
{
	CLEANUP_JSON struct json *j = NULL;
	const struct json *error;

	a->q->code[0] = a->q->message[0] = '\0';
	if (a->answer.len == 0 ||
	    json_parse(SPAN_OF(&a->answer), ANSWER_MAX, &j) < 0)
		return;
	error = json_get(j, "error");
	copy_text(a->q->code, sizeof(a->q->code),
		  json_to_str(json_get(error, "code")));
	copy_text(a->q->message, sizeof(a->q->message),
		  json_to_str(json_get(error, "message")));
}

/* --- what became of it --- */

/* True if it may be better next time. */
static bool may_pass(CURLcode r)
{
	switch (r) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_CONNECT:
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_UPLOAD_FAILED:
	case CURLE_HTTP2_STREAM:
		return true;
	default:
		return false;
	}
}

static int refuse_vault(const struct attempt *a)
{
	const char *url = a->http->url, *text = a->text;
	char when[32];
	time_t now = time(NULL);
	struct tm tm;

	if (strstr(text, "expired") || strstr(text, "not yet valid")) {
		strftime(when, sizeof(when), "%F %T UTC", gmtime_r(&now, &tm));
		log_error("%s: the certificate of the vault %s is not valid "
			  "now (%s): is this machine's clock right, which "
			  "says %s?",
			  a->q->what, url, text, when);
	} else if (strstr(text, "subject name")) {
		log_error("%s: the certificate of the vault is not for the "
			  "host of %s (%s): use a name that the vault was made "
			  "with (name = in its vaultd.conf)",
			  a->q->what, url, text);
	} else {
		log_error("%s: what answers at %s is not the vault that is "
			  "known in %s: its certificate is not signed by that "
			  "one's authority (%s). Nothing was sent. If the "
			  "vault was made anew, register this machine anew",
			  a->q->what, url, a->http->directory, text);
	}
	return -EACCES;
}

static int judge_failure(const struct attempt *a, CURLcode r, bool *again)
{
	if (a->err == -EPROTO)
		log_error("%s in the vault %s: its answer is longer than any "
			  "of a vault's",
			  a->q->what, a->http->url);
	if (a->err < 0)
		return a->err;
	if (r == CURLE_OUT_OF_MEMORY)
		return -ENOMEM;
	if (r == CURLE_PEER_FAILED_VERIFICATION)
		return refuse_vault(a);
	*again = may_pass(r);
	if (*again)
		return -EIO;
	if (r == CURLE_SSL_CERTPROBLEM) {
		log_error("%s: the key and certificate in %s cannot be used "
			  "(%s): register this machine anew",
			  a->q->what, a->http->directory, a->text);
		return -EACCES;
	}
	log_error("%s in the vault %s: %s", a->q->what, a->http->url,
		  *a->text ? a->text : curl_easy_strerror(r));
	return -EPROTO;
}

/* Also fills a->text with what to say of it. */
static int judge_status(struct attempt *a, bool *again)
{
	struct vault_request *q = a->q;

	if (!is_good(a))
		read_error(a);
	*again = q->status == 429 || (q->status >= 500 && q->status != 507);
	if (!*again)
		return 0;
	snprintf(a->text, sizeof(a->text), "it answers %u%s%.200s", q->status,
		 *q->message ? ": " : "", q->message);
	return -EIO;
}

static int try_once(struct attempt *a, bool *again)
{
	CURLcode r;
	int e;

	curl_easy_reset(a->curl);
	curl_slist_free_all(TAKE_PTR(a->headers));
	a->head = 0;
	a->q->status = 0;
	a->q->length = VAULT_SIZE_UNKNOWN;
	a->q->next[0] = '\0';
	a->text[0] = '\0';
	a->sent = 0;
	a->err = 0;
	a->retry_after = 0;
	a->answer.len = 0;
	e = set_connection(a);
	if (e == 0)
		e = set_request(a);
	if (e < 0)
		return e;
	r = perform(a->curl);
	if (r != CURLE_OK) {
		if (a->text[0] == '\0')
			snprintf(a->text, sizeof(a->text), "%s",
				 curl_easy_strerror(r));
		return judge_failure(a, r, again);
	}
	return judge_status(a, again);
}

/* --- patience --- */

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Wait, unless somebody does not want to. */
static int nap(const struct vault_request *q, uint64_t ms)
{
	uint64_t end = now_ms() + ms;

	for (;;) {
		uint64_t now = now_ms(), left = end > now ? end - now : 0;
		struct timespec t;

		if (q->cancelled && q->cancelled(q->arg))
			return -ECANCELED;
		if (interrupted && interrupted())
			return -EINTR;
		if (left == 0)
			return 0;
		left = MIN(left, (uint64_t)NAP_MS);
		t = (struct timespec){ 0, (long)left * 1000000 };
		nanosleep(&t, NULL);
	}
}

struct patience {
	uint64_t began;
	uint64_t delay_ms;
};

static uint64_t next_delay(struct patience *p, unsigned int retry_after)
{
	uint64_t half = p->delay_ms / 2;
	uint32_t random;

	p->delay_ms = MIN(p->delay_ms * 2, (uint64_t)DELAY_MAX_MS);
	if (retry_after > 0)
		return retry_after * 1000ull;
	random_bytes(&random, sizeof(random));
	return half + random % (half + 1);
}

static unsigned int budget(const struct vault_http *h)
{
	return __atomic_load_n(&h->answered, __ATOMIC_RELAXED)
		       ? h->retry_seconds
		       : MIN(h->retry_seconds, FIRST_SECONDS);
}

/* 0: try again now. */
static int wait_for_next(struct attempt *a, struct patience *p)
{
	struct vault_http *h = a->http;
	unsigned int seconds = budget(h);
	uint64_t delay = next_delay(p, a->retry_after);

	if (a->q->once || now_ms() + delay > p->began + seconds * 1000ull) {
		log_error("%s in the vault %s: %s%s", a->q->what, h->url,
			  a->text, a->q->once ? "" : "; given up");
		return -EIO;
	}
	if (!__atomic_exchange_n(&h->troubled, true, __ATOMIC_RELAXED))
		log_warn("%s in the vault %s: %s; trying again for %u seconds",
			 a->q->what, h->url, a->text, seconds);
	return nap(a->q, delay);
}

static int send_with(struct attempt *a)
{
	struct patience p = { now_ms(), DELAY_MIN_MS };
	struct vault_request *q = a->q;
	bool again;
	int e;

	for (;;) {
		again = false;
		q->tries++;
		e = try_once(a, &again);
		if (e < 0 && q->into)
			q->into->len = a->into_before;
		if (!again)
			return e;
		e = wait_for_next(a, &p);
		if (e < 0)
			return e;
	}
}

int vault_http_send(struct vault_http *h, struct vault_request *q)
{
	struct attempt a = { .http = h, .q = q };
	int e;

	a.answer = BUF_INIT(ANSWER_MAX);
	a.into_before = q->into ? q->into->len : 0;
	a.curl = take_handle(h);
	if (!a.curl)
		return -ENOMEM;
	q->tries = 0;
	e = send_with(&a);
	log_debug("vault: %s %s: %u, try %u", q->method, q->path, q->status,
		  q->tries);
	if (e == 0) {
		__atomic_store_n(&h->answered, true, __ATOMIC_RELAXED);
		if (__atomic_exchange_n(&h->troubled, false, __ATOMIC_RELAXED))
			log_info("the vault %s answers again", h->url);
	}
	/* the handle must not point to what ends with this call */
	curl_easy_reset(a.curl);
	give_handle(h, a.curl);
	curl_slist_free_all(a.headers);
	buf_release(&a.answer);
	return e;
}

/* --- what a status means --- */

static int say(const struct vault_http *h, const struct vault_request *q,
	       int err, const char *advice)
{
	log_error("%s in the vault %s: it answers %u%s%s%s%s", q->what, h->url,
		  q->status, *q->message ? ": " : "", q->message,
		  *advice ? "; " : "", advice);
	return err;
}

int vault_http_judge(const struct vault_http *h, const struct vault_request *q)
{
	bool is_head = !strcmp(q->method, "HEAD");

	switch (q->status) {
	case 401:
		if (!strcmp(q->code, "RightEnded"))
			return say(h, q, -EACCES, "");
		return say(h, q, -EACCES,
			   "the vault does not know this machine (any more): "
			   "register it anew, with tidemark register");
	case 403:
		return say(h, q, -EACCES, "");
	case 404:
		/* a HEAD has no body; others say who it is that answers */
		if (is_head || !strcmp(q->code, "ObjectNotFound") ||
		    !strcmp(q->code, "LeaseNotFound"))
			return -ENOENT;
		break;
	case 409:
		if (!strcmp(q->code, "ObjectExists") ||
		    !strcmp(q->code, "MachineExists"))
			return -EEXIST;
		if (!strcmp(q->code, "LeaseHeld"))
			return -EBUSY;
		if (!strcmp(q->code, "HeadNotNext"))
			return say(h, q, -ESTALE, "");
		if (!strcmp(q->code, "ProtectionStopped") ||
		    !strcmp(q->code, "ItemSoftDeleted"))
			return say(h, q, -EROFS, "");
		break;
	case 413:
		return say(h, q, -EMSGSIZE, "");
	case 422:
		return say(h, q, -EBADMSG,
			   "the bytes were damaged on their way, or here in "
			   "memory");
	case 507:
		return say(h, q, -ENOSPC,
			   "what was stored so far stays; make room there, "
			   "then run this again");
	default:
		if (q->status >= 200 && q->status < 300)
			return 0;
	}
	return say(h, q, -EPROTO, "is that a vault of Tidemark?");
}
