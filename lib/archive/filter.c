/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter.c - which paths a list of patterns selects.
 *
 * Of all patterns that match a path or one of the directories above it, the
 * last decides. So a directory is summed up by one number, the rank of the
 * last pattern that matched so far, and an entry needs to be tried only
 * against later ones, and only as a whole path.
 *
 * A path is matched from its end, without being put together: first the
 * name, which tells most patterns off, then the parent backwards. A pattern
 * without a slash in front is one with `**` in front.
 */
#include "archive/filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "archive/dirtag.h"
#include "archive/nameglob.h"
#include "base/log.h"

#define PATTERNS_MAX (1u << 20)
#define NONE UINT32_MAX

struct component {
	struct nameglob glob;
	bool deep; /* `**` */
};

struct pattern {
	struct component *comps;
	size_t count;
	bool anchored;
	bool negated;
	bool fold;
	uint32_t next; /* in its chain, towards earlier patterns */
};

struct filter {
	struct pattern *patterns;
	size_t count;
	size_t cap;
	/* Chains of patterns, the latest first, by the byte in which a name
	 * must end; `any` holds those that do not say. */
	uint32_t exact[256];
	uint32_t folded[256];
	uint32_t any;
	uint32_t root_rank; /* of the directory "/" */
	bool has_fold;
	struct dirtags tags;
	uint64_t max_size;
	struct buf said; /* all that was added, as it was written */
};

int filter_new(struct filter **out)
{
	struct filter *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	memset(f->exact, 0xff, sizeof(f->exact));
	memset(f->folded, 0xff, sizeof(f->folded));
	f->any = NONE;
	f->max_size = UINT64_MAX;
	f->said = BUF_INIT(FILTER_SAID_MAX);
	*out = f;
	return 0;
}

static void pattern_release(struct pattern *p)
{
	size_t i;

	for (i = 0; i < p->count; i++)
		nameglob_release(&p->comps[i].glob);
	free(p->comps);
	*p = (struct pattern){ 0 };
}

void filter_free(struct filter *f)
{
	size_t i;

	if (!f)
		return;
	for (i = 0; i < f->count; i++)
		pattern_release(&f->patterns[i]);
	free(f->patterns);
	dirtags_release(&f->tags);
	buf_release(&f->said);
	free(f);
}

static bool is_text(const char *p, size_t len, const char *text)
{
	return len == strlen(text) && memcmp(p, text, len) == 0;
}

static bool is_up(const struct component *c)
{
	return c->glob.kind == NAMEGLOB_LITERAL &&
	       is_text((const char *)c->glob.text, c->glob.len, "..");
}

/* Add the component s to p, resolving `.`, `..` and repeated `**`. */
static int pattern_push(struct pattern *p, const char *s, size_t len,
			bool literal)
{
	struct component *c = &p->comps[p->count];
	bool up = is_text(s, len, "..");
	bool first = p->count == 0;

	if (len == 0 || is_text(s, len, "."))
		return 0;
	if (up && first && p->anchored)
		return 0;
	if (up && !first && !is_up(&c[-1])) {
		nameglob_release(&c[-1].glob);
		p->count--;
		return 0;
	}
	*c = (struct component){ 0 };
	c->deep = !literal && is_text(s, len, "**");
	if (c->deep && !first && c[-1].deep)
		return 0;
	p->count++;
	if (literal)
		return nameglob_init_literal(&c->glob, s, len);
	return nameglob_init(&c->glob, s, len, p->fold);
}

static int pattern_parse(struct pattern *p, const char *s, bool literal)
{
	size_t slashes = 0, n;
	const char *c;
	int r = 0;

	for (c = s; *c; c++)
		slashes += *c == '/';
	p->comps = calloc(slashes + 1, sizeof(*p->comps));
	if (!p->comps)
		return -ENOMEM;
	p->anchored = literal || *s == '/';
	while (r == 0 && *s) {
		n = strcspn(s, "/");
		r = pattern_push(p, s, n, literal);
		s += n + (s[n] == '/');
	}
	/* "." names nothing below the root, so it must not select all. */
	if (r == 0 && p->count == 0 && !p->anchored) {
		p->count = 1;
		r = nameglob_init_literal(&p->comps[0].glob, ".", 1);
	}
	return r;
}

/* Is every component `**`, so that the root itself matches? */
static bool pattern_is_root(const struct pattern *p)
{
	return p->anchored &&
	       (p->count == 0 || (p->count == 1 && p->comps[0].deep));
}

static void chain(struct filter *f, struct pattern *p, uint32_t index)
{
	const struct component *last;
	uint32_t *head = &f->any;
	int tail;

	if (pattern_is_root(p))
		f->root_rank = index + 1;
	if (p->count > 0) {
		last = &p->comps[p->count - 1];
		tail = last->deep ? -1 : nameglob_tail(&last->glob);
		if (tail >= 0)
			head = p->fold ? &f->folded[tail] : &f->exact[tail];
	}
	p->next = *head;
	*head = index;
	f->has_fold |= p->fold;
}

static int grow(struct filter *f)
{
	size_t cap = f->cap ? 2 * f->cap : 16;
	struct pattern *p;

	if (f->count < f->cap)
		return 0;
	if (f->count >= PATTERNS_MAX)
		return log_fail(-EMSGSIZE, "more than %u patterns",
				PATTERNS_MAX);
	p = realloc(f->patterns, cap * sizeof(*p));
	if (!p)
		return -ENOMEM;
	f->patterns = p;
	f->cap = cap;
	return 0;
}

static int add(struct filter *f, const char *text, unsigned int flags,
	       bool literal)
{
	struct pattern p = { .fold = flags & FILTER_FOLD, .next = NONE };
	int r;

	if (!literal && *text == '!') {
		p.negated = true;
		text++;
	}
	if (*text == '\0')
		return 0;
	if (strlen(text) > FILTER_PATTERN_MAX) {
		log_error("pattern of more than %d bytes", FILTER_PATTERN_MAX);
		return -EINVAL;
	}
	r = grow(f);
	if (r < 0)
		return r;
	r = pattern_parse(&p, text, literal);
	if (r < 0) {
		pattern_release(&p);
		if (r == -EINVAL)
			log_error("pattern '%s' is malformed", text);
		return r;
	}
	chain(f, &p, (uint32_t)f->count);
	f->patterns[f->count++] = p;
	return 0;
}

/* For filter_digest(). */
static int say(struct filter *f, uint8_t kind, const char *text)
{
	int e = buf_u8(&f->said, kind);

	return e < 0 ? e : buf_append(&f->said, text, strlen(text) + 1);
}

int filter_add(struct filter *f, const char *pattern, unsigned int flags)
{
	int e = say(f, flags & FILTER_FOLD ? 'f' : 'p', pattern);

	return e < 0 ? e : add(f, pattern, flags, false);
}

int filter_add_path(struct filter *f, const char *path)
{
	int e = say(f, 'a', path);

	return e < 0 ? e : add(f, path, 0, true);
}

/* A component of a path on the way from its end to its beginning. */
struct cursor {
	const char *parent;
	size_t left; /* bytes of the parent before this component */
	const char *comp;
	size_t len;
	bool at_root; /* there is no component any more */
};

static void cursor_up(struct cursor *c)
{
	const char *slash;

	while (c->left > 0 && c->parent[c->left - 1] == '/')
		c->left--;
	if (c->left == 0) {
		c->at_root = true;
		return;
	}
	slash = memrchr(c->parent, '/', c->left);
	c->comp = slash ? slash + 1 : c->parent;
	c->len = (size_t)(c->parent + c->left - c->comp);
	c->left = (size_t)(c->comp - c->parent);
}

/*
 * Does p match the whole path parent/name? As with stars in a name, only the
 * `**` met last is tried again, so the cost is the product of the lengths.
 */
static bool pattern_match(const struct pattern *p, const struct filter_dir *d,
			  const char *name, size_t len)
{
	struct cursor c = { d->path, d->len, name, len, false };
	struct cursor retry = c;
	size_t i = p->count, retry_i = 0;
	bool deep = false;

	for (;;) {
		if (i == 0 && (!p->anchored || c.at_root))
			return true;
		if (i > 0 && p->comps[i - 1].deep) {
			deep = true;
			retry = c;
			retry_i = --i;
			continue;
		}
		if (i > 0 && c.at_root)
			return false;
		if (i > 0 &&
		    nameglob_match(&p->comps[i - 1].glob, c.comp, c.len)) {
			i--;
			cursor_up(&c);
			continue;
		}
		if (!deep)
			return false;
		cursor_up(&retry);
		c = retry;
		i = retry_i;
	}
}

/* The rank of the last pattern in the chain that matches and comes after
 * rank, else rank. */
static uint32_t try_chain(const struct filter *f, uint32_t i, uint32_t rank,
			  const struct filter_dir *d, const char *name,
			  size_t len)
{
	for (; i != NONE && i + 1 > rank; i = f->patterns[i].next) {
		if (pattern_match(&f->patterns[i], d, name, len))
			return i + 1;
	}
	return rank;
}

/* A name whose last character is not ASCII may fold to one that is, so the
 * chains do not tell and all folding patterns are tried. */
static uint32_t try_folding(const struct filter *f, uint32_t rank,
			    const struct filter_dir *d, const char *name,
			    size_t len)
{
	size_t i;

	for (i = f->count; i > rank; i--) {
		if (f->patterns[i - 1].fold &&
		    pattern_match(&f->patterns[i - 1], d, name, len))
			return (uint32_t)i;
	}
	return rank;
}

static uint32_t rank_of(const struct filter *f, const struct filter_dir *d,
			const char *name, size_t len)
{
	uint8_t last = len > 0 ? (uint8_t)name[len - 1] : 0;
	uint32_t rank = d->rank;

	rank = try_chain(f, f->exact[last], rank, d, name, len);
	rank = try_chain(f, f->any, rank, d, name, len);
	if (!f->has_fold)
		return rank;
	if (last >= 0x80)
		return try_folding(f, rank, d, name, len);
	if (last >= 'A' && last <= 'Z')
		last += 32;
	return try_chain(f, f->folded[last], rank, d, name, len);
}

static bool rank_selects(const struct filter *f, uint32_t rank)
{
	return rank > 0 && !f->patterns[rank - 1].negated;
}

bool filter_has_patterns(const struct filter *f)
{
	return f && f->count > 0;
}

bool filter_has_tags(const struct filter *f)
{
	return f && f->tags.count > 0;
}

bool filter_is_empty(const struct filter *f)
{
	return !f || (f->count == 0 && f->tags.count == 0 &&
		      f->max_size == UINT64_MAX);
}

void filter_dir_child(struct filter_dir *d, const struct filter *f,
		      const struct filter_dir *parent, const char *name,
		      size_t name_len, const char *path, size_t len)
{
	uint32_t rank = 0;

	if (filter_has_patterns(f))
		rank = rank_of(f, parent, name, name_len);
	*d = (struct filter_dir){ path, len, rank, 0, !filter_has_patterns(f) };
}

void filter_dir_init(struct filter_dir *d, const struct filter *f,
		     const char *path, size_t len)
{
	struct filter_dir up = { path, 0, 0, 0, !filter_has_patterns(f) };
	size_t i = 0, start;

	if (!up.idle)
		up.rank = f->root_rank;
	while (!up.idle && i < len) {
		while (i < len && path[i] == '/')
			i++;
		start = i;
		while (i < len && path[i] != '/')
			i++;
		if (i == start)
			break;
		up.len = start;
		up.rank = rank_of(f, &up, path + start, i - start);
	}
	*d = up;
	d->len = len;
}

bool filter_dir_is_matched(const struct filter_dir *d, const struct filter *f)
{
	return !d->idle && rank_selects(f, d->rank);
}

/* Can p, which begins at the root, match anything below path? */
static bool pattern_may_go_below(const struct pattern *p, const char *path,
				 size_t len)
{
	const char *end = path + len, *slash;
	size_t i;

	for (i = 0; i < p->count; i++) {
		while (path < end && *path == '/')
			path++;
		if (path == end || p->comps[i].deep)
			return true;
		slash = memchr(path, '/', (size_t)(end - path));
		if (!slash)
			slash = end;
		if (!nameglob_match(&p->comps[i].glob, path,
				    (size_t)(slash - path)))
			return false;
		path = slash;
	}
	return false;
}

bool filter_dir_may_contain(const struct filter_dir *d, const struct filter *f)
{
	const struct pattern *p;
	size_t i;

	if (d->idle)
		return false;
	if (rank_selects(f, d->rank))
		return true;
	for (i = d->rank; i < f->count; i++) {
		p = &f->patterns[i];
		if (!p->negated &&
		    (!p->anchored || pattern_may_go_below(p, d->path, d->len)))
			return true;
	}
	return false;
}

bool filter_match_slow(const struct filter *f, const struct filter_dir *d,
		       const char *name, size_t len)
{
	if (d->tags && !dirtags_is_one(&f->tags, d->tags, name, len))
		return true;
	return rank_selects(f, rank_of(f, d, name, len));
}

bool filter_match_path(const struct filter *f, const char *path, size_t len)
{
	struct filter_dir d;

	filter_dir_init(&d, f, path, len);
	return filter_dir_is_matched(&d, f);
}

void filter_set_max_size(struct filter *f, uint64_t bytes)
{
	f->max_size = bytes;
}

bool filter_has_max_size(const struct filter *f)
{
	return f && f->max_size != UINT64_MAX;
}

bool filter_is_too_large(const struct filter *f, uint64_t size)
{
	return f && size > f->max_size;
}

int filter_add_tag(struct filter *f, const char *spec)
{
	int e = say(f, 't', spec);

	return e < 0 ? e : dirtags_add(&f->tags, spec);
}

int filter_add_cachedir_tag(struct filter *f)
{
	return filter_add_tag(f, "CACHEDIR.TAG:Signature: "
				 "8a477f597d28d172789f06886806bc55");
}

int filter_describe(const struct filter *f, struct buf *out)
{
	int e = f ? buf_le64(out, f->max_size) : 0;

	return e < 0 || !f ? e : buf_append(out, f->said.p, f->said.len);
}

void filter_dir_read_tags(struct filter_dir *d, const struct filter *f,
			  int dirfd)
{
	if (!filter_has_tags(f))
		return;
	d->tags = dirtags_read(&f->tags, dirfd, d->path, d->len);
	if (d->tags)
		d->idle = false;
}
