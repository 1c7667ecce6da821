/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.h - what a vault has done, in numbers for Prometheus.
 *
 * Counters are kept in memory from the start of the process; what the
 * database knows is asked for when somebody reads.
 *
 * Errors:  negative errno; -EMSGSIZE: more than out may have.
 * Threads: any.
 * Source:  prometheus.io/docs/instrumenting/exposition_formats, text 0.0.4.
 */
#ifndef VAULT_MONITOR_METRICS_H
#define VAULT_MONITOR_METRICS_H

#include "base/buf.h"
#include "vault/http/http.h"

struct metrics;
struct vault;

#define METRICS_MAX (32u << 20) /* bytes; 1 KiB for each machine */

/* routes: those that are served, borrowed. */
MUST_CHECK int metrics_new(const struct http_route *routes, size_t n,
			   struct metrics **out);
void metrics_free(struct metrics *m); /* NULL is allowed */
void metrics_over(struct metrics *m, const struct http_outcome *o);
MUST_CHECK int metrics_text(const struct metrics *m, struct vault *v,
			    struct buf *out);

#endif /* VAULT_MONITOR_METRICS_H */
