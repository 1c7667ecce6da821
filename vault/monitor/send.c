/* SPDX-License-Identifier: Apache-2.0 */
/*
 * send.c - one message out of the vault: by SMTP, or as a POST by https.
 */
#include "vault/monitor/send.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "version.h"

#define SECRET_MAX 4096
#define BLOCK 64 /* of SHA-256 */
#define ANSWER_MAX (64u << 10)

int send_init(void)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		log_error("libcurl does not start");
		return -EIO;
	}
	return 0;
}

/* --- secrets --- */

static void wipe(struct buf *b)
{
	if (b->p)
		secret_wipe(b->p, b->cap);
	buf_release(b);
}

/* The first line, as a string. */
static int read_secret(struct send_job *job, const char *path, struct buf *out)
{
	int e = buf_reserve(out, SECRET_MAX); /* is not moved about */

	if (e == 0)
		e = io_read_file(AT_FDCWD, path, out);
	if (e == 0)
		e = buf_u8(out, '\0');
	if (e < 0) {
		snprintf(job->why, sizeof(job->why), "read %s: %s", path,
			 log_strerror(e));
		return e == -ENOMEM ? e : -EIO;
	}
	out->len = strcspn((char *)out->p, "\r\n");
	out->p[out->len] = '\0';
	if (out->len > 0)
		return 0;
	snprintf(job->why, sizeof(job->why), "%s is empty", path);
	return -EIO;
}

static void pad(const uint8_t key[static BLOCK], uint8_t with, struct sha256 *h)
{
	uint8_t block[BLOCK];
	size_t i;

	for (i = 0; i < BLOCK; i++)
		block[i] = key[i] ^ with;
	sha256_update(h, SPAN(block, BLOCK));
	secret_wipe(block, sizeof(block));
}

int send_sign(struct span secret, struct span a, struct span b,
	      uint8_t out[static SHA256_LEN])
{
	uint8_t key[BLOCK] = { 0 };
	struct sha256 *h;
	int e = sha256_new(&h);

	if (e < 0)
		return e;
	if (secret.len > BLOCK)
		sha256_once(secret, key);
	else if (secret.len > 0)
		memcpy(key, secret.p, secret.len);
	pad(key, 0x36, h);
	sha256_update(h, a);
	sha256_update(h, b);
	sha256_final(h, out);
	pad(key, 0x5c, h);
	sha256_update(h, SPAN(out, SHA256_LEN));
	sha256_final(h, out);
	sha256_free(h);
	secret_wipe(key, sizeof(key));
	return 0;
}

/* --- sending --- */

struct source {
	struct span left;
};

static size_t give(char *p, size_t size, size_t n, void *arg)
{
	struct source *s = arg;
	size_t len = MIN(size * n, s->left.len);

	if (len > 0)
		memcpy(p, s->left.p, len);
	s->left.p += len;
	s->left.len -= len;
	return len;
}

/* What is answered is of no use; too much of it ends the transfer. */
static size_t drop(char *p, size_t size, size_t n, void *arg)
{
	size_t *taken = arg;

	(void)p;
	*taken += size * n;
	return *taken > ANSWER_MAX ? 0 : size * n;
}

static int look_for_stop(void *arg, curl_off_t a, curl_off_t b, curl_off_t c,
			 curl_off_t d)
{
	const struct send_job *job = arg;

	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return __atomic_load_n(job->stop, __ATOMIC_RELAXED);
}

struct transfer {
	struct send_job *job;
	CURL *c;
	struct curl_slist *list; /* headers, or recipients */
	struct source source;
	size_t taken;
	char text[CURL_ERROR_SIZE];
	bool ok; /* all options were set */
};

#define SET(t, option, value)                                                  \
	((t)->ok = (t)->ok && curl_easy_setopt((t)->c, CURLOPT_##option,       \
					       value) == CURLE_OK)

static int open_transfer(struct transfer *t, const char *url, const char *kinds,
			 const char *authority)
{
	t->c = curl_easy_init();
	if (!t->c)
		return -ENOMEM;
	t->ok = true;
	SET(t, URL, url);
	SET(t, PROTOCOLS_STR, kinds);
	SET(t, USE_SSL, (long)CURLUSESSL_ALL);
	SET(t, SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(t, FOLLOWLOCATION, 0L);
	SET(t, NOSIGNAL, 1L);
	SET(t, PROXY, "");
	SET(t, TIMEOUT, (long)SEND_SECONDS);
	SET(t, FAILONERROR, 1L);
	SET(t, ERRORBUFFER, t->text);
	SET(t, USERAGENT, "tidemark-vaultd/" TIDEMARK_VERSION);
	SET(t, WRITEFUNCTION, drop);
	SET(t, WRITEDATA, &t->taken);
	SET(t, NOPROGRESS, 0L);
	SET(t, XFERINFOFUNCTION, look_for_stop);
	SET(t, XFERINFODATA, t->job);
	if (authority)
		SET(t, CAINFO, authority);
	return 0;
}

static bool add_line(struct transfer *t, const char *text)
{
	struct curl_slist *list = curl_slist_append(t->list, text);

	if (list)
		t->list = list;
	return list != NULL;
}

/* And closes it. */
static int perform(struct transfer *t)
{
	CURLcode r = t->ok ? curl_easy_perform(t->c) : CURLE_OUT_OF_MEMORY;

	curl_easy_cleanup(t->c);
	curl_slist_free_all(t->list);
	if (r == CURLE_OK)
		return 0;
	if (__atomic_load_n(t->job->stop, __ATOMIC_RELAXED))
		return -ECANCELED;
	snprintf(t->job->why, sizeof(t->job->why), "%s",
		 *t->text ? t->text : curl_easy_strerror(r));
	return -EIO;
}

int send_mail(struct send_job *job, struct span message)
{
	const struct vault_config *v = job->config;
	CLEANUP(wipe) struct buf password = BUF_INIT(SECRET_MAX);
	struct transfer t = { .job = job, .source = { message } };
	unsigned int i;
	int e = v->mail_user
			? read_secret(job, v->mail_password_file, &password)
			: 0;

	if (e == 0)
		e = open_transfer(&t, v->mail, "smtp,smtps", v->mail_ca);
	if (e < 0)
		return e;
	for (i = 0; i < v->n_mail_to; i++)
		t.ok = t.ok && add_line(&t, v->mail_to[i]);
	SET(&t, MAIL_FROM, v->mail_from);
	SET(&t, MAIL_RCPT, t.list);
	if (v->mail_user) {
		SET(&t, USERNAME, v->mail_user);
		SET(&t, PASSWORD, (char *)password.p);
	}
	SET(&t, READFUNCTION, give);
	SET(&t, READDATA, &t.source);
	SET(&t, UPLOAD, 1L);
	return perform(&t);
}

/* "Tidemark-Signature: t=TIME,sha256=HMAC(secret, TIME "." body)" */
static int add_signature(struct transfer *t, struct span body, int64_t time)
{
	CLEANUP(wipe) struct buf secret = BUF_INIT(SECRET_MAX);
	uint8_t mac[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1], at[32], header[200];
	int e = read_secret(t->job, t->job->config->webhook_secret_file,
			    &secret);

	snprintf(at, sizeof(at), "%" PRId64 ".", time);
	if (e == 0)
		e = send_sign(SPAN_OF(&secret), SPAN(at, strlen(at)), body,
			      mac);
	if (e < 0)
		return e;
	snprintf(header, sizeof(header),
		 "Tidemark-Signature: t=%" PRId64 ",sha256=%s", time,
		 hex_encode(hex, mac, sizeof(mac)));
	return add_line(t, header) ? 0 : -ENOMEM;
}

int send_webhook(struct send_job *job, struct span body, int64_t time)
{
	const struct vault_config *v = job->config;
	struct transfer t = { .job = job };
	int e = open_transfer(&t, v->webhook, "https", v->webhook_ca);

	if (e < 0)
		return e;
	e = add_signature(&t, body, time);
	if (e < 0) {
		curl_easy_cleanup(t.c);
		curl_slist_free_all(t.list);
		return e;
	}
	t.ok = t.ok && add_line(&t, "Content-Type: application/json");
	SET(&t, HTTPHEADER, t.list);
	SET(&t, POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
	SET(&t, POSTFIELDS, (const char *)body.p);
	return perform(&t);
}
