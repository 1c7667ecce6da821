/* SPDX-License-Identifier: Apache-2.0 */
/*
 * head.c - encoding of heads and snapshots.
 */
#include "repo/head.h"

#include <errno.h>

#define STRINGS_MAX 65536u
#define STRING_BYTES_MAX (1u << 20)

void idlist_release(struct idlist *l)
{
	free(l->ids);
	memset(l, 0, sizeof(*l));
}

int idlist_add(struct idlist *l, const uint8_t id[OBJECT_ID_LEN])
{
	if (l->count == l->cap) {
		uint32_t cap = l->cap ? 2 * l->cap : 16;
		void *p = realloc(l->ids, (size_t)cap * OBJECT_ID_LEN);

		if (!p)
			return -ENOMEM;
		l->ids = p;
		l->cap = cap;
	}
	memcpy(l->ids[l->count++], id, OBJECT_ID_LEN);
	return 0;
}

int idlist_copy(struct idlist *to, const struct idlist *from)
{
	uint32_t i;
	int r = 0;

	memset(to, 0, sizeof(*to));
	for (i = 0; r == 0 && i < from->count; i++)
		r = idlist_add(to, from->ids[i]);
	return r;
}

bool idlist_has(const struct idlist *l, const uint8_t id[OBJECT_ID_LEN])
{
	uint32_t i;

	for (i = 0; i < l->count; i++)
		if (memcmp(l->ids[i], id, OBJECT_ID_LEN) == 0)
			return true;
	return false;
}

void idlist_remove(struct idlist *l, const uint8_t id[OBJECT_ID_LEN])
{
	uint32_t i;

	for (i = 0; i < l->count; i++) {
		if (memcmp(l->ids[i], id, OBJECT_ID_LEN) != 0)
			continue;
		memmove(l->ids[i], l->ids[i + 1],
			(size_t)(l->count - i - 1) * OBJECT_ID_LEN);
		l->count--;
		return;
	}
}

static int put_ids(struct buf *b, const struct idlist *l)
{
	int r = buf_varint(b, l->count);

	return r < 0 ? r
		     : buf_append(b, l->ids, (size_t)l->count * OBJECT_ID_LEN);
}

static int get_ids(struct reader *rd, struct idlist *l)
{
	uint64_t n = rd_varint(rd);
	struct span s;
	int r = 0;

	if (n > reader_left(rd) / OBJECT_ID_LEN)
		return -EUCLEAN;
	while (r == 0 && n-- > 0) {
		s = rd_take(rd, OBJECT_ID_LEN);
		r = idlist_add(l, s.p);
	}
	return r;
}

void head_name(uint64_t counter, char name[static HEAD_NAME_LEN + 1])
{
	snprintf(name, HEAD_NAME_LEN + 1, "%016llx",
		 (unsigned long long)counter);
}

int head_encode(const struct keyring *ring, struct head *h, struct buf *out)
{
	CLEANUP_BUF struct buf body = BUF_INIT(HEAD_MAX);
	size_t start = out->len;
	int r = buf_le64(&body, h->counter);

	if (r == 0)
		r = buf_append(&body, h->prev, sizeof(h->prev));
	if (r == 0)
		r = buf_le64(&body, h->time_ns);
	if (r == 0)
		r = put_ids(&body, &h->snapshots);
	if (r == 0)
		r = put_ids(&body, &h->indexes);
	if (r == 0)
		r = put_ids(&body, &h->doomed);
	if (r == 0)
		r = seal_object(ring, OBJECT_HEAD, SPAN(NULL, 0),
				SPAN_OF(&body), out);
	if (r == 0)
		sha256_once(SPAN(out->p + start, out->len - start), h->hash);
	return r;
}

int head_decode(const struct keyring *ring, struct span object,
		uint64_t counter, struct head *h)
{
	CLEANUP_BUF struct buf body = BUF_INIT(HEAD_MAX);
	struct reader rd;
	struct span s;
	int r;

	memset(h, 0, sizeof(*h));
	r = seal_open_object(ring, OBJECT_HEAD, object, NULL, &body);
	if (r < 0)
		return r;
	rd = reader_of(SPAN_OF(&body));
	h->counter = rd_le64(&rd);
	s = rd_take(&rd, OBJECT_ID_LEN);
	if (s.p)
		memcpy(h->prev, s.p, OBJECT_ID_LEN);
	h->time_ns = rd_le64(&rd);
	r = get_ids(&rd, &h->snapshots);
	if (r == 0)
		r = get_ids(&rd, &h->indexes);
	if (r == 0)
		r = get_ids(&rd, &h->doomed);
	if (r == 0 && !reader_done(&rd))
		r = -EUCLEAN;
	/* an older head under a newer name is a replay */
	if (r == 0 && h->counter != counter)
		r = -EBADMSG;
	if (r < 0)
		head_release(h);
	else
		sha256_once(object, h->hash);
	return r;
}

int head_copy(struct head *to, const struct head *from)
{
	int r;

	*to = *from;
	memset(&to->snapshots, 0, sizeof(to->snapshots));
	memset(&to->indexes, 0, sizeof(to->indexes));
	memset(&to->doomed, 0, sizeof(to->doomed));
	r = idlist_copy(&to->snapshots, &from->snapshots);
	if (r == 0)
		r = idlist_copy(&to->indexes, &from->indexes);
	if (r == 0)
		r = idlist_copy(&to->doomed, &from->doomed);
	if (r < 0)
		head_release(to);
	return r;
}

void head_release(struct head *h)
{
	idlist_release(&h->snapshots);
	idlist_release(&h->indexes);
	idlist_release(&h->doomed);
}

static int put_string(struct buf *b, const char *s)
{
	return buf_bytes(b, s ? s : "", s ? strlen(s) : 0);
}

static int put_strings(struct buf *b, char **list, uint32_t n)
{
	uint32_t i;
	int r = buf_varint(b, n);

	for (i = 0; r == 0 && i < n; i++)
		r = put_string(b, list[i]);
	return r;
}

static int get_string(struct reader *rd, char **out)
{
	struct span s = rd_bytes(rd, STRING_BYTES_MAX);

	if (rd->bad || memchr(s.p, '\0', s.len))
		return -EUCLEAN;
	*out = strndup((const char *)s.p, s.len);
	return *out ? 0 : -ENOMEM;
}

static int get_strings(struct reader *rd, char ***list, uint32_t *n)
{
	uint64_t count = rd_varint(rd);
	int r = 0;

	if (count > STRINGS_MAX || count > reader_left(rd))
		return -EUCLEAN;
	*list = calloc(count + 1, sizeof(**list));
	if (!*list)
		return -ENOMEM;
	while (r == 0 && *n < count) {
		r = get_string(rd, &(*list)[*n]);
		if (r == 0)
			(*n)++;
	}
	return r;
}

/* The stats in the order in which they are stored. */
#define STATS(s)                                                               \
	{                                                                      \
		&(s)->files, &(s)->dirs, &(s)->others, &(s)->bytes,            \
			&(s)->files_new, &(s)->files_changed,                  \
			&(s)->files_unchanged, &(s)->bytes_read,               \
			&(s)->bytes_stored, &(s)->duration_ns, &(s)->errors    \
	}

static int snapshot_body(const struct snapshot *s, struct buf *b)
{
	const uint64_t *const stats[] = STATS(&s->stats);
	size_t i;
	int r = buf_le64(b, s->time_ns);

	if (r == 0)
		r = buf_append(b, s->tree, CHUNK_ID_LEN);
	if (r == 0)
		r = buf_u8(b, (uint8_t)(s->has_parent | s->partial << 1 |
					s->consistent << 2));
	if (r == 0)
		r = buf_append(b, s->parent, OBJECT_ID_LEN);
	if (r == 0)
		r = put_string(b, s->host);
	if (r == 0)
		r = put_string(b, s->user);
	if (r == 0)
		r = put_string(b, s->program);
	if (r == 0)
		r = put_strings(b, s->paths, s->n_paths);
	if (r == 0)
		r = put_strings(b, s->tags, s->n_tags);
	for (i = 0; r == 0 && i < ARRAY_LEN(stats); i++)
		r = buf_varint(b, *stats[i]);
	return r;
}

int snapshot_encode(const struct keyring *ring, const struct snapshot *s,
		    const struct idlist *added, struct buf *out)
{
	CLEANUP_BUF struct buf clear = BUF_INIT(SNAPSHOT_MAX);
	CLEANUP_BUF struct buf body = BUF_INIT(SNAPSHOT_MAX);
	int r = buf_le64(&clear, s->stats.bytes_stored);

	if (r == 0)
		r = put_ids(&clear, added);
	if (r == 0)
		r = snapshot_body(s, &body);
	if (r == 0)
		r = seal_object(ring, OBJECT_SNAPSHOT, SPAN_OF(&clear),
				SPAN_OF(&body), out);
	return r;
}

static int snapshot_parse(struct reader *rd, struct snapshot *s)
{
	uint64_t *const stats[] = STATS(&s->stats);
	struct span tree, parent;
	uint8_t flags;
	size_t i;
	int r;

	s->time_ns = rd_le64(rd);
	tree = rd_take(rd, CHUNK_ID_LEN);
	flags = rd_u8(rd);
	parent = rd_take(rd, OBJECT_ID_LEN);
	if (rd->bad || flags > 7)
		return -EUCLEAN;
	memcpy(s->tree, tree.p, CHUNK_ID_LEN);
	memcpy(s->parent, parent.p, OBJECT_ID_LEN);
	s->has_parent = flags & 1;
	s->partial = flags & 2;
	s->consistent = flags & 4;
	r = get_string(rd, &s->host);
	if (r == 0)
		r = get_string(rd, &s->user);
	if (r == 0)
		r = get_string(rd, &s->program);
	if (r == 0)
		r = get_strings(rd, &s->paths, &s->n_paths);
	if (r == 0)
		r = get_strings(rd, &s->tags, &s->n_tags);
	for (i = 0; r == 0 && i < ARRAY_LEN(stats); i++)
		*stats[i] = rd_varint(rd);
	if (r == 0 && !reader_done(rd))
		r = -EUCLEAN;
	return r;
}

int snapshot_decode(const struct keyring *ring, struct span object,
		    struct snapshot *s)
{
	CLEANUP_BUF struct buf body = BUF_INIT(SNAPSHOT_MAX);
	struct reader rd;
	int r;

	memset(s, 0, sizeof(*s));
	r = seal_open_object(ring, OBJECT_SNAPSHOT, object, NULL, &body);
	if (r < 0)
		return r;
	rd = reader_of(SPAN_OF(&body));
	r = snapshot_parse(&rd, s);
	if (r < 0)
		snapshot_release(s);
	else
		sha256_once(object, s->id);
	return r;
}

void snapshot_release(struct snapshot *s)
{
	uint32_t i;

	free(s->host);
	free(s->user);
	free(s->program);
	for (i = 0; i < s->n_paths; i++)
		free(s->paths[i]);
	for (i = 0; i < s->n_tags; i++)
		free(s->tags[i]);
	free(s->paths);
	free(s->tags);
	memset(s, 0, sizeof(*s));
}
