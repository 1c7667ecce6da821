/* SPDX-License-Identifier: Apache-2.0 */
/*
 * issuers.c - tokens of other issuers.
 *
 * Who fetches keys holds `fetching` only, so that tokens of known keys are
 * verified meanwhile.
 */
#include "vault/identity/issuers.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/io.h"
#include "base/log.h"
#include "pki/jws.h"
#include "vault/fetch.h"

#define FETCH_SECONDS 60 /* between fetches */
#define KEEP_SECONDS 86400

struct issuer {
	const struct issuer_config *config;
	pthread_mutex_t fetching; /* held outside of lock */
	time_t tried;		  /* guarded by fetching; 0: never */
	pthread_rwlock_t lock;	  /* of what follows */
	struct jwk_set *set;
	time_t fetched;
};

struct issuers {
	struct issuer v[ISSUERS_MAX];
	size_t n;
};

static time_t seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec + 1; /* never 0 */
}

int issuers_new(const struct issuer_config *configs, size_t n,
		struct issuers **out)
{
	struct issuers *s = calloc(1, sizeof(*s));
	size_t i;

	if (!s)
		return -ENOMEM;
	for (i = 0; i < MIN(n, (size_t)ISSUERS_MAX); i++) {
		s->v[i].config = &configs[i];
		pthread_mutex_init(&s->v[i].fetching, NULL);
		pthread_rwlock_init(&s->v[i].lock, NULL);
	}
	s->n = i;
	*out = s;
	return 0;
}

void issuers_free(struct issuers *s)
{
	size_t i;

	for (i = 0; s && i < s->n; i++) {
		jwk_set_free(s->v[i].set);
		pthread_mutex_destroy(&s->v[i].fetching);
		pthread_rwlock_destroy(&s->v[i].lock);
	}
	free(s);
}

struct issuer *issuers_find(struct issuers *s, const char *iss)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (!strcmp(s->v[i].config->issuer, iss))
			return &s->v[i];
	return NULL;
}

const struct issuer_config *issuer_config(const struct issuer *i)
{
	return i->config;
}

/* --- keys --- */

static int get_text(const struct issuer_config *c, struct buf *out)
{
	int e;

	if (!strncmp(c->jwks, "https://", 8))
		return fetch(c->jwks, c->authority, out);
	e = io_read_file(AT_FDCWD, c->jwks, out);
	return e < 0 ? log_fail(e, "the keys of issuer %s: %s", c->name,
				c->jwks)
		     : 0;
}

/* -EAGAIN: not so soon after the last time. */
static int get_keys(struct issuer *i)
{
	CLEANUP_BUF struct buf text = BUF_INIT(JWK_SET_MAX);
	struct jwk_set *set = NULL;
	const char *why = NULL;
	time_t now = seconds_now();
	int e;

	if (i->tried && now - i->tried < FETCH_SECONDS)
		return -EAGAIN;
	i->tried = now;
	e = get_text(i->config, &text);
	if (e < 0)
		return e == -ENOMEM ? e : -EIO;
	e = jwk_set_parse(SPAN_OF(&text), &set, &why);
	if (e < 0) {
		log_error("the keys of issuer %s, %s: %s", i->config->name,
			  i->config->jwks, why ?: log_strerror(e));
		return e == -ENOMEM ? e : -EIO;
	}
	pthread_rwlock_wrlock(&i->lock);
	jwk_set_free(i->set);
	i->set = set;
	i->fetched = now;
	pthread_rwlock_unlock(&i->lock);
	return 0;
}

static int verify_now(struct issuer *i, struct span token, struct buf *payload,
		      const char **why)
{
	int e = -ENOKEY;

	pthread_rwlock_rdlock(&i->lock);
	if (i->set)
		e = jws_verify(token, i->set, payload, NULL, why);
	pthread_rwlock_unlock(&i->lock);
	return e;
}

static bool is_old(struct issuer *i)
{
	bool old;

	pthread_rwlock_rdlock(&i->lock);
	old = !i->set || seconds_now() - i->fetched > KEEP_SECONDS;
	pthread_rwlock_unlock(&i->lock);
	return old;
}

int issuer_verify(struct issuer *i, struct span token, struct buf *payload,
		  const char **why)
{
	bool old = is_old(i);
	int e = old ? -ENOKEY : verify_now(i, token, payload, why);

	if (e != -ENOKEY)
		return e;
	pthread_mutex_lock(&i->fetching);
	e = get_keys(i);
	pthread_mutex_unlock(&i->fetching);
	if (e == -ENOMEM)
		return e;
	return verify_now(i, token, payload, why);
}
