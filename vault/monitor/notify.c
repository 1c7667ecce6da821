/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify.c - sends alerts out of the vault, by mail and to a webhook.
 */
#include "vault/monitor/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "vault/monitor/alerts.h"
#include "vault/monitor/send.h"

#define LOOK_SECONDS 2 /* others than the server raise alerts, too */
#define BATCH 16
#define MESSAGE_MAX (16u << 10)
#define FIRST_SECONDS 30
#define LONGEST_SECONDS 3600
#define GIVE_UP_SECONDS (3 * 86400)
#define TRIES_TO_TELL 3

struct notifier {
	struct vault *v;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stop; /* atomic, and with lock */
};

/* What is read from the database, before anything is sent. */
struct letter {
	int64_t alert, created, tries, severity;
	struct buf text;
};

struct letters {
	enum alert_channel channel;
	const struct vault_config *config;
	struct letter v[BATCH];
	unsigned int n;
	int err;
};

/* --- writing --- */

static void add_text(struct letters *l, struct buf *b, const char *text)
{
	if (l->err == 0)
		l->err = buf_append(b, text, strlen(text));
}

static void PRINTF_LIKE(3, 4)
	add_line(struct letters *l, struct buf *b, const char *fmt, ...)
{
	char line[2 * ALERT_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	add_text(l, b, line);
	add_text(l, b, "\r\n");
}

#define DATE_MAX 64

/* RFC 5322, section 3.3 */
static const char *mail_date(char out[static DATE_MAX], int64_t t)
{
	time_t sec = (time_t)t;
	struct tm tm;

	if (!gmtime_r(&sec, &tm) ||
	    strftime(out, DATE_MAX, "%a, %d %b %Y %H:%M:%S +0000", &tm) == 0)
		out[0] = '\0';
	return out;
}

static const char *date_text(char out[static DATE_MAX], int64_t t)
{
	time_t sec = (time_t)t;
	struct tm tm;

	if (!gmtime_r(&sec, &tm) ||
	    strftime(out, DATE_MAX, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
		out[0] = '\0';
	return out;
}

/* Lines of text only: no name in a head has a byte that could begin another
 * line, and what is printed has no control bytes. */
static void write_mail(struct letters *l, const struct alert *a, struct buf *b)
{
	const struct vault_config *c = l->config;
	char text[2 * ALERT_TEXT_MAX], date[DATE_MAX];
	const char *about = a->machine ? a->machine : a->subject;
	unsigned int i;

	add_line(l, b, "From: Tidemark vault <%s>", c->mail_from);
	for (i = 0; i < c->n_mail_to; i++)
		add_line(l, b, "%s%s%s", i == 0 ? "To: " : "\t", c->mail_to[i],
			 i + 1 < c->n_mail_to ? "," : "");
	add_line(l, b, "Subject: [tidemark] severity %" PRId64 ": %s%s%s",
		 a->severity, a->kind, *about ? " " : "", about);
	add_line(l, b, "Date: %s", mail_date(date, a->first));
	/* the same if it is sent twice */
	add_line(l, b, "Message-ID: <alert-%" PRId64 ".%" PRId64 "@%s>", a->id,
		 a->first, c->names[0]);
	add_line(l, b, "MIME-Version: 1.0");
	add_line(l, b, "Content-Type: text/plain; charset=utf-8");
	add_line(l, b, "Content-Transfer-Encoding: 8bit");
	add_line(l, b, "Auto-Submitted: auto-generated");
	add_line(l, b, "X-Tidemark-Alert: %s", a->kind);
	add_line(l, b, "%s", "");
	log_printable(text, sizeof(text), a->text, strlen(a->text));
	add_line(l, b, "%s.", text);
	add_line(l, b, "%s", "");
	add_line(l, b, "At %s, on the vault %s.", date_text(date, a->first),
		 c->names[0]);
	add_line(l, b,
		 "tidemark-vaultd alerts DIR lists what is open, "
		 "tidemark-vaultd acknowledge DIR %" PRId64
		 " takes this off the list.",
		 a->id);
}

static void write_json(struct letters *l, const struct alert *a, struct buf *b)
{
	struct json_out j = JSON_OUT(b);
	int e;

	json_object(&j, NULL);
	json_str(&j, "message_type", "alert");
	json_str(&j, "vault", l->config->names[0]);
	alert_json(&j, a);
	json_close(&j);
	e = json_end(&j);
	if (l->err == 0)
		l->err = e;
}

static int take_notice(void *arg, const struct notice *n)
{
	struct letters *l = arg;
	struct letter *to = &l->v[l->n++];

	*to = (struct letter){ n->alert.id, n->created, n->tries,
			       n->alert.severity, BUF_INIT(MESSAGE_MAX) };
	if (l->channel == ALERT_MAIL)
		write_mail(l, &n->alert, &to->text);
	else
		write_json(l, &n->alert, &to->text);
	return l->err;
}

/* --- sending --- */

static const char *const channel_names[] = { "by mail", "to the webhook" };

/* Twice as long each time; a third of it by chance, so that what failed
 * together does not come again together. */
static int64_t delay(int64_t tries)
{
	int64_t s = FIRST_SECONDS << MIN(tries, (int64_t)7);
	uint32_t chance;

	s = MIN(s, (int64_t)LONGEST_SECONDS);
	random_bytes(&chance, sizeof(chance));
	return s - (int64_t)(chance % (uint32_t)(s / 3 + 1));
}

static int failed(struct notifier *n, enum alert_channel channel,
		  const struct letter *l, const char *why)
{
	struct db *db = n->v->db;
	int64_t now = clock_now();
	int e = 0;

	log_warn("alert %" PRId64 " could not be sent %s: %s", l->alert,
		 channel_names[channel], why);
	if (l->tries + 1 >= TRIES_TO_TELL)
		e = alert_raise(db, ALERT_NOT_SENT, channel_names[channel],
				"alerts cannot be sent %s: %s",
				channel_names[channel], why);
	if (e < 0)
		return e;
	return now - l->created > GIVE_UP_SECONDS
		       ? notice_done(db, channel, l->alert)
		       : notice_later(db, channel, l->alert,
				      now + delay(l->tries));
}

static int send_one(struct notifier *n, enum alert_channel channel,
		    const struct letter *l)
{
	struct send_job job = { &n->v->config, &n->stop, "" };
	struct db *db = n->v->db;
	int e;

	if (l->severity > (int64_t)n->v->config.severity)
		return notice_done(db, channel, l->alert);
	e = channel == ALERT_MAIL
		    ? send_mail(&job, SPAN_OF(&l->text))
		    : send_webhook(&job, SPAN_OF(&l->text), clock_now());
	if (e == -EIO)
		return failed(n, channel, l, job.why);
	if (e == 0)
		e = notice_done(db, channel, l->alert);
	if (e == 0)
		e = alert_clear(db, ALERT_NOT_SENT, channel_names[channel]);
	return e;
}

static bool is_stopped(const struct notifier *n)
{
	return __atomic_load_n(&n->stop, __ATOMIC_RELAXED);
}

static int send_channel(struct notifier *n, enum alert_channel channel)
{
	struct letters l = { .channel = channel, .config = &n->v->config };
	unsigned int i;
	int e = notices_due(n->v->db, channel, BATCH, take_notice, &l);

	for (i = 0; i < l.n && e == 0 && !is_stopped(n); i++)
		e = send_one(n, channel, &l.v[i]);
	for (i = 0; i < l.n; i++)
		buf_release(&l.v[i].text);
	return e;
}

static int look(struct notifier *n)
{
	const char *const to[ALERT_CHANNELS] = { n->v->config.mail,
						 n->v->config.webhook };
	int64_t waiting;
	int channel, e = 0;

	for (channel = 0; channel < ALERT_CHANNELS && e == 0; channel++) {
		e = notices_waiting(n->v->db, (enum alert_channel)channel,
				    &waiting);
		if (e < 0 || waiting == 0)
			continue;
		e = to[channel] ? send_channel(n, (enum alert_channel)channel)
				: notices_drop(n->v->db,
					       (enum alert_channel)channel);
	}
	return e;
}

static void *work(void *arg)
{
	struct notifier *n = arg;
	struct timespec until;

	pthread_mutex_lock(&n->lock);
	while (!n->stop) {
		pthread_mutex_unlock(&n->lock);
		(void)!look(n); /* logged; again in a moment */
		pthread_mutex_lock(&n->lock);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += LOOK_SECONDS;
		if (!n->stop)
			pthread_cond_timedwait(&n->wake, &n->lock, &until);
	}
	pthread_mutex_unlock(&n->lock);
	return NULL;
}

int notify_start(struct vault *v, struct notifier **out)
{
	struct notifier *n = calloc(1, sizeof(*n));
	int e = n ? send_init() : -ENOMEM;

	*out = NULL;
	if (e < 0) {
		free(n);
		return e;
	}
	n->v = v;
	pthread_mutex_init(&n->lock, NULL);
	pthread_cond_init(&n->wake, NULL);
	e = -pthread_create(&n->thread, NULL, work, n);
	if (e < 0) {
		free(n);
		return log_fail(e, "start a thread");
	}
	*out = n;
	return 0;
}

void notify_stop(struct notifier *n)
{
	if (!n)
		return;
	pthread_mutex_lock(&n->lock);
	__atomic_store_n(&n->stop, true, __ATOMIC_RELAXED);
	pthread_cond_broadcast(&n->wake);
	pthread_mutex_unlock(&n->lock);
	pthread_join(n->thread, NULL);
	pthread_cond_destroy(&n->wake);
	pthread_mutex_destroy(&n->lock);
	free(n);
}
