/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitor_api.c - is the vault well? Over HTTP.
 */
#include "vault/monitor/monitor_api.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "crypto/digest.h"
#include "vault/audit.h"
#include "vault/http/limiter.h"
#include "vault/monitor/metrics.h"
#include "vault/vault.h"
#include "vault/monitor/watch.h"

#define READY_SECONDS 5 /* that an answer is good for: it costs a commit */

/* --- tokens --- */

struct token {
	const char *name, *actor;
	uint8_t hash[SHA256_LEN];
};

static int note_token(struct db *db, const struct token *t, const char *action)
{
	struct audit_line line = { 0, 0, t->actor, action, t->name, "done", "" };

	return audit_add(db, &line);
}

static int add_token(struct db *db, void *arg)
{
	const struct token *t = arg;
	int e = db_exec(db,
			"INSERT INTO monitor_token(hash, name, created)"
			" VALUES (?, ?, ?)",
			"bsi", SPAN(t->hash, sizeof(t->hash)), t->name,
			clock_now());

	return e < 0 ? e : note_token(db, t, "monitor-token/add");
}

int monitor_token_add(struct db *db, const char *name, const char *actor,
		      char token[static 2 * MONITOR_TOKEN_LEN + 1])
{
	uint8_t secret[MONITOR_TOKEN_LEN];
	struct token t = { name, actor, { 0 } };
	int e;

	random_bytes(secret, sizeof(secret));
	sha256_once(SPAN(secret, sizeof(secret)), t.hash);
	e = db_write(db, add_token, &t);
	if (e == 0)
		hex_encode(token, secret, sizeof(secret));
	secret_wipe(secret, sizeof(secret));
	return e;
}

static int revoke_token(struct db *db, void *arg)
{
	const struct token *t = arg;
	int n = db_exec(db, "DELETE FROM monitor_token WHERE name = ?", "s",
			t->name);

	return n < 0	? n
	       : n == 0 ? -ENOENT
			: note_token(db, t, "monitor-token/revoke");
}

int monitor_token_revoke(struct db *db, const char *name, const char *actor)
{
	struct token t = { name, actor, { 0 } };

	return db_write(db, revoke_token, &t);
}

struct looking {
	uint8_t hash[SHA256_LEN];
	bool found;
};

/* All are compared, so that time tells nothing. */
static int compare_token(void *arg, const struct db_row *row)
{
	struct looking *l = arg;
	struct span hash = db_bytes(row, 0);

	if (hash.len == SHA256_LEN && secret_equal(hash.p, l->hash, SHA256_LEN))
		l->found = true;
	return 0;
}

/* 0: no valid token; 1: one. */
static int has_token(struct http_exchange *x, struct vault *v)
{
	const char *text = http_header(x, "Authorization");
	uint8_t secret[MONITOR_TOKEN_LEN];
	struct looking l = { .found = false };
	int e;

	if (!text || strncasecmp(text, "Bearer ", 7) != 0 ||
	    hex_decode(secret, sizeof(secret), text + 7, strlen(text + 7)) < 0)
		return 0;
	sha256_once(SPAN(secret, sizeof(secret)), l.hash);
	secret_wipe(secret, sizeof(secret));
	e = db_query(v->db, compare_token, &l, "SELECT hash FROM monitor_token",
		     "");
	return e < 0 ? e : l.found;
}

/* --- health --- */

static int on_health(struct http_exchange *x, void *arg)
{
	static const char text[] = "{\"status\":\"ok\"}";
	struct vault *v = arg;
	int64_t n;
	int e = db_number(v->db, &n, "SELECT COUNT(*) FROM vault", "");

	return e < 0 ? e : http_reply_json(x, 200, SPAN(text, strlen(text)));
}

static struct readiness {
	pthread_mutex_t lock;
	uint64_t looked; /* limiter_now(); 0: never */
	int database, disk;
	bool clock;
} readiness = { .lock = PTHREAD_MUTEX_INITIALIZER };

static int touch(struct db *db, void *arg)
{
	int e;

	(void)arg;
	e = db_exec(db, "UPDATE watch SET time = time", "");
	return MIN(e, 0);
}

static void look(struct vault *v, struct readiness *out)
{
	uint64_t now = limiter_now();

	pthread_mutex_lock(&readiness.lock);
	if (clock_is_fake() || !readiness.looked ||
	    now - readiness.looked > READY_SECONDS * LIMITER_SECOND) {
		readiness.database = db_write(v->db, touch, NULL);
		readiness.disk = disk_check(v->dir, v->config.disk_reserve);
		if (watch_clock_is_right(v, &readiness.clock) < 0)
			readiness.clock = false;
		readiness.looked = now;
	}
	*out = readiness;
	pthread_mutex_unlock(&readiness.lock);
}

static int on_ready(struct http_exchange *x, void *arg)
{
	CLEANUP_BUF struct buf b = BUF_INIT(4096);
	struct json_out j = JSON_OUT(&b);
	struct vault *v = arg;
	struct readiness r;
	bool ok;
	int e = has_token(x, v);

	if (e < 0)
		return e;
	look(v, &r);
	ok = r.database == 0 && r.disk == 0 && r.clock;
	json_object(&j, NULL);
	json_str(&j, "status", ok ? "ready" : "not ready");
	if (e > 0) {
		json_str(&j, "database",
			 r.database == 0 ? "ok" : "cannot be written");
		json_str(&j, "disk", r.disk == 0 ? "ok" : "nearly full");
		json_str(&j, "clock",
			 r.clock ? "ok" : "behind what it was before");
	}
	json_close(&j);
	e = json_end(&j);
	return e < 0 ? e : http_reply_json(x, ok ? 200 : 503, SPAN_OF(&b));
}

/* --- metrics --- */

static int refuse(struct http_exchange *x, struct vault *v)
{
	int e = gate_stranger(v->gate, x);

	if (e == 0)
		e = http_set_header(x, "WWW-Authenticate", "Bearer");
	if (e == 0)
		e = http_reply_error(x, 401, "Unauthorized",
				     "A token is needed: tidemark-vaultd "
				     "monitor-token makes one.");
	return e == -ECANCELED ? 0 : e;
}

static int on_metrics(struct http_exchange *x, void *arg)
{
	CLEANUP_BUF struct buf b = BUF_INIT(METRICS_MAX);
	struct vault *v = arg;
	int e = has_token(x, v);

	if (e <= 0)
		return e < 0 ? e : refuse(x, v);
	e = metrics_text(v->metrics, v, &b);
	return e < 0 ? e
		     : http_reply(x, 200, "text/plain; version=0.0.4",
				  SPAN_OF(&b));
}

const struct http_route monitor_routes[] = {
	{ "GET", "/health", on_health, NULL, 0 },
	{ "GET", "/health/ready", on_ready, NULL, 0 },
	{ "GET", "/metrics", on_metrics, NULL, 0 },
};
const size_t n_monitor_routes = ARRAY_LEN(monitor_routes);
