/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.c - what was asked of the vault, and what became of it.
 */
#include "vault/audit.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

static void add_number(struct sha256 *h, int64_t n)
{
	uint8_t bytes[8];

	put_le64(bytes, (uint64_t)n);
	sha256_update(h, SPAN(bytes, sizeof(bytes)));
}

static void add_text(struct sha256 *h, const char *text)
{
	uint8_t len[4];

	put_le32(len, (uint32_t)strlen(text));
	sha256_update(h, SPAN(len, sizeof(len)));
	sha256_update(h, SPAN(text, strlen(text)));
}

/* hash: of the line before; then of this one. */
static void chain(struct sha256 *h, const struct audit_line *line,
		  uint8_t hash[static SHA256_LEN])
{
	sha256_update(h, SPAN(hash, SHA256_LEN));
	add_number(h, line->seq);
	add_number(h, line->time);
	add_text(h, line->actor);
	add_text(h, line->action);
	add_text(h, line->target);
	add_text(h, line->outcome);
	add_text(h, line->detail);
	sha256_final(h, hash);
}

struct end {
	int64_t seq;
	uint8_t hash[SHA256_LEN];
};

static int take_end(void *arg, const struct db_row *row)
{
	struct end *end = arg;
	struct span hash = db_bytes(row, 1);

	end->seq = db_int(row, 0);
	if (hash.len != SHA256_LEN)
		return log_fail(-EUCLEAN, "line %lld of the audit log",
				(long long)end->seq);
	memcpy(end->hash, hash.p, SHA256_LEN);
	return 0;
}

int audit_add(struct db *db, const struct audit_line *line)
{
	struct audit_line l = *line;
	struct end end = { 0 };
	struct sha256 *h = NULL;
	int e = db_query(db, take_end, &end,
			 "SELECT seq, hash FROM audit"
			 " ORDER BY seq DESC LIMIT 1",
			 "");

	if (e == 0)
		e = sha256_new(&h);
	if (e < 0)
		return e;
	l.seq = end.seq + 1;
	l.time = clock_now();
	chain(h, &l, end.hash);
	sha256_free(h);
	e = db_exec(db,
		    "INSERT INTO audit(seq, time, actor, action, target,"
		    " outcome, detail, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		    "iisssssb", l.seq, l.time, l.actor, l.action, l.target,
		    l.outcome, l.detail, SPAN(end.hash, SHA256_LEN));
	return MIN(e, 0);
}

static int add_one(struct db *db, void *arg)
{
	return audit_add(db, arg);
}

int audit_note(struct db *db, const struct audit_line *line)
{
	return db_write(db, add_one, (void *)(uintptr_t)line);
}

struct listing {
	audit_fn *fn;
	void *arg;
};

static int list_row(void *arg, const struct db_row *row)
{
	const struct listing *l = arg;
	struct span hash = db_bytes(row, 7);
	struct audit_line line = {
		.seq = db_int(row, 0),
		.time = db_int(row, 1),
		.actor = db_text(row, 2),
		.action = db_text(row, 3),
		.target = db_text(row, 4),
		.outcome = db_text(row, 5),
		.detail = db_text(row, 6),
	};
	uint8_t bytes[SHA256_LEN] = { 0 };

	memcpy(bytes, hash.p ? hash.p : bytes, MIN(hash.len, sizeof(bytes)));
	return l->fn(l->arg, &line, bytes);
}

int audit_list(struct db *db, int64_t from, audit_fn *fn, void *arg)
{
	struct listing l = { fn, arg };

	return db_query(db, list_row, &l,
			"SELECT seq, time, actor, action, target, outcome,"
			" detail, hash FROM audit WHERE seq >= ? ORDER BY seq",
			"i", from);
}

struct checking {
	struct sha256 *h;
	struct audit_verdict *out;
};

static int check_line(void *arg, const struct audit_line *line,
		      const uint8_t hash[static SHA256_LEN])
{
	struct checking *c = arg;
	struct audit_verdict *out = c->out;

	chain(c->h, line, out->last);
	if (out->wrong == 0 && (line->seq != out->lines + 1 ||
				memcmp(out->last, hash, SHA256_LEN) != 0))
		out->wrong = line->seq;
	memcpy(out->last, hash, SHA256_LEN);
	out->lines++;
	return 0;
}

int audit_verify(struct db *db, struct audit_verdict *out)
{
	struct checking c = { NULL, out };
	int e;

	memset(out, 0, sizeof(*out));
	e = sha256_new(&c.h);
	if (e == 0)
		e = audit_list(db, 0, check_line, &c);
	sha256_free(c.h);
	return e;
}
