/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.c - what a vault has done, in numbers for Prometheus.
 */
#include "vault/monitor/metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/clock.h"
#include "vault/monitor/alerts.h"
#include "vault/machines/machines.h"
#include "vault/vault.h"
#include "version.h"

#define CLASSES 6 /* by the first digit of the status; 0: broken off */

/* Upper ends of times, in milliseconds. */
static const unsigned int ends[] = { 5,	  10,	25,   50,   100,  250,
				     500, 1000, 2500, 5000, 10000 };

struct counters {
	uint64_t classes[CLASSES];
	uint64_t times[ARRAY_LEN(ends) + 1]; /* not yet summed up */
	uint64_t nanoseconds, taken, sent;
};

struct metrics {
	const struct http_route *routes;
	size_t n;
	int64_t started;
	struct counters v[]; /* atomic; the last: of no route */
};

int metrics_new(const struct http_route *routes, size_t n, struct metrics **out)
{
	struct metrics *m = calloc(1, sizeof(*m) + (n + 1) * sizeof(m->v[0]));

	*out = m;
	if (!m)
		return -ENOMEM;
	m->routes = routes;
	m->n = n;
	m->started = clock_now();
	return 0;
}

void metrics_free(struct metrics *m)
{
	free(m);
}

static void add(uint64_t *to, uint64_t n)
{
	__atomic_add_fetch(to, n, __ATOMIC_RELAXED);
}

static uint64_t get(const uint64_t *from)
{
	return __atomic_load_n(from, __ATOMIC_RELAXED);
}

void metrics_over(struct metrics *m, const struct http_outcome *o)
{
	struct counters *c = &m->v[m->n];
	unsigned int i = 0;

	if (o->route && o->route >= m->routes && o->route < m->routes + m->n)
		c = &m->v[o->route - m->routes];
	while (i < ARRAY_LEN(ends) && o->nanoseconds > ends[i] * 1000000ull)
		i++;
	add(&c->times[i], 1);
	add(&c->classes[MIN(o->status / 100, CLASSES - 1u)], 1);
	add(&c->nanoseconds, o->nanoseconds);
	add(&c->taken, o->taken);
	add(&c->sent, o->sent);
}

/* --- writing --- */

struct writing {
	struct buf *out;
	int err;
};

static void PRINTF_LIKE(2, 3) line(struct writing *w, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (w->err == 0)
		w->err = buf_append(w->out, text,
				    MIN((size_t)n, sizeof(text) - 1));
}

static void head(struct writing *w, const char *name, const char *type,
		 const char *help)
{
	line(w, "# HELP tidemark_vault_%s %s\n# TYPE tidemark_vault_%s %s\n",
	     name, help, name, type);
}

static void one(struct writing *w, const char *name, const char *help,
		uint64_t n)
{
	head(w, name, "gauge", help);
	line(w, "tidemark_vault_%s %" PRIu64 "\n", name, n);
}

static void name_route(const struct metrics *m, size_t i, char *out, size_t n)
{
	if (i == m->n)
		snprintf(out, n, "method=\"\",path=\"\"");
	else
		snprintf(out, n, "method=\"%s\",path=\"%s\"",
			 m->routes[i].method, m->routes[i].path);
}

static void write_times(struct writing *w, const struct counters *c,
			const char *route)
{
	static const char name[] = "tidemark_vault_http_request_duration_"
				   "seconds";
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(ends); i++) {
		sum += get(&c->times[i]);
		line(w, "%s_bucket{%s,le=\"%g\"} %" PRIu64 "\n", name, route,
		     ends[i] / 1000.0, sum);
	}
	sum += get(&c->times[i]);
	line(w, "%s_bucket{%s,le=\"+Inf\"} %" PRIu64 "\n", name, route, sum);
	line(w, "%s_sum{%s} %.6f\n", name, route,
	     (double)get(&c->nanoseconds) / 1e9);
	line(w, "%s_count{%s} %" PRIu64 "\n", name, route, sum);
}

static bool is_used(const struct counters *c)
{
	unsigned int i;

	for (i = 0; i < CLASSES; i++)
		if (get(&c->classes[i]))
			return true;
	return false;
}

static void write_classes(struct writing *w, const struct counters *c,
			  const char *route)
{
	unsigned int i;

	for (i = 0; i < CLASSES; i++)
		if (get(&c->classes[i]))
			line(w,
			     "tidemark_vault_http_requests_total{%s,"
			     "code=\"%s%s\"} %" PRIu64 "\n",
			     route, i ? (char[]){ (char)('0' + i), 0 } : "none",
			     i ? "xx" : "", get(&c->classes[i]));
}

static void write_requests(struct writing *w, const struct metrics *m)
{
	uint64_t taken = 0, sent = 0;
	char route[300];
	size_t i;

	head(w, "http_requests_total", "counter", "Requests by their answer.");
	for (i = 0; i <= m->n; i++) {
		name_route(m, i, route, sizeof(route));
		write_classes(w, &m->v[i], route);
		taken += get(&m->v[i].taken);
		sent += get(&m->v[i].sent);
	}
	head(w, "http_request_duration_seconds", "histogram",
	     "From a request's head to the end of its answer.");
	for (i = 0; i <= m->n; i++) {
		name_route(m, i, route, sizeof(route));
		if (is_used(&m->v[i]))
			write_times(w, &m->v[i], route);
	}
	head(w, "received_bytes_total", "counter", "Bytes of bodies.");
	line(w, "tidemark_vault_received_bytes_total %" PRIu64 "\n", taken);
	head(w, "sent_bytes_total", "counter", "Bytes of bodies.");
	line(w, "tidemark_vault_sent_bytes_total %" PRIu64 "\n", sent);
}

/* --- what the database knows --- */

struct columns {
	const char *name, *help;
};
static const struct columns columns[] = {
	{ "machine_bytes", "Bytes that the vault keeps of a machine." },
	{ "machine_objects", "Objects that the vault keeps of a machine." },
	{ "machine_points", "Recovery points of a machine." },
	{ "machine_head", "The number of a machine's newest head." },
	{ "machine_newest_point_timestamp_seconds",
	  "When a machine's newest recovery point came; 0: never." },
	{ "machine_quota_bytes", "The room a machine has; 0: any." },
};

struct machine_lines {
	struct writing *w;
	unsigned int column;
};

/* Names are letters, digits, dots, underscores and hyphens. */
static int write_machine(void *arg, const struct db_row *row)
{
	const struct machine_lines *l = arg;

	line(l->w,
	     "tidemark_vault_%s{machine=\"%s\",name=\"%s\"} %" PRId64 "\n",
	     columns[l->column].name, db_text(row, 0), db_text(row, 1),
	     db_int(row, 2 + (int)l->column));
	return l->w->err;
}

/* A metric's lines must be together, so the rows are asked for each. */
static int write_machines(struct writing *w, struct vault *v)
{
	struct machine_lines l = { w, 0 };
	int e = 0;

	for (; l.column < ARRAY_LEN(columns) && e == 0; l.column++) {
		head(w, columns[l.column].name, "gauge",
		     columns[l.column].help);
		e = db_query(v->db, write_machine, &l,
			     "SELECT m.id, m.name, u.bytes, u.objects,"
			     " (SELECT COUNT(*) FROM point"
			     " WHERE machine = m.id), m.head,"
			     " (SELECT MAX(arrived) FROM point"
			     " WHERE machine = m.id),"
			     " COALESCE(u.quota_bytes, ?)"
			     " FROM machine m JOIN usage u ON u.machine = m.id"
			     " WHERE m.removed IS NULL ORDER BY m.id",
			     "i", (int64_t)v->config.quota_bytes);
	}
	return e;
}

static int write_alerts(struct writing *w, struct vault *v)
{
	static const char *const channels[] = { "mail", "webhook" };
	int64_t open[ALERT_KINDS], n;
	unsigned int i;
	int e = alerts_count(v->db, open);

	head(w, "alerts", "gauge", "Alerts that are open, by kind.");
	for (i = 0; i < ALERT_KINDS && e == 0; i++)
		line(w,
		     "tidemark_vault_alerts{kind=\"%s\",severity=\"%u\"}"
		     " %" PRId64 "\n",
		     alert_kind_name((enum alert_kind)i),
		     alert_severity((enum alert_kind)i), open[i]);
	head(w, "notices_waiting", "gauge",
	     "Alerts that are not sent yet, by the way they go.");
	for (i = 0; i < ALERT_CHANNELS && e == 0; i++) {
		e = notices_waiting(v->db, (enum alert_channel)i, &n);
		line(w,
		     "tidemark_vault_notices_waiting{channel=\"%s\"}"
		     " %" PRId64 "\n",
		     channels[i], e < 0 ? 0 : n);
	}
	return e;
}

static void write_refusals(struct writing *w, const struct gate *g)
{
	static const char *const kinds[] = { "address", "stranger", "machine" };
	unsigned int i;

	head(w, "throttled_total", "counter",
	     "Requests that were told to come later, by the limit.");
	for (i = 0; i < GATE_KINDS; i++)
		line(w,
		     "tidemark_vault_throttled_total{limit=\"%s\"} %" PRIu64
		     "\n",
		     kinds[i], gate_refused(g, (enum gate_kind)i));
}

int metrics_text(const struct metrics *m, struct vault *v, struct buf *out)
{
	struct writing w = { out, 0 };
	struct disk_room disk = { 0 };
	int e = disk_room(v->dir, v->config.disk_reserve, &disk);

	head(&w, "build_info", "gauge", "The program's version.");
	line(&w, "tidemark_vault_build_info{version=\"%s\"} 1\n",
	     TIDEMARK_VERSION);
	one(&w, "start_time_seconds", "When the server was started.",
	    (uint64_t)m->started);
	one(&w, "disk_size_bytes", "Of the vault's disk.", disk.size);
	one(&w, "disk_free_bytes", "Of the vault's disk.", disk.free);
	one(&w, "disk_reserve_bytes", "What stays free.", disk.reserve);
	write_requests(&w, m);
	write_refusals(&w, v->gate);
	if (e == 0)
		e = write_alerts(&w, v);
	if (e == 0)
		e = write_machines(&w, v);
	return e < 0 ? e : w.err;
}
