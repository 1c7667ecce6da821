/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree.c - encoding and decoding of directories.
 */
#include "repo/tree.h"

#include <errno.h>

#define LEAF_MIN 16384u	 /* bytes of entries before a cut is looked for */
#define LEAF_MAX 131072u /* and at the latest */
#define ENTRY_MAX (CHUNK_MAX / 2)
#define LEAVES_MAX (CHUNK_MAX - 1024)
#define OWNERS_MAX 65536u

void tree_builder_init(struct tree_builder *b, uint64_t fsid, tree_put_fn *put,
		       tree_name_fn *name_of, void *arg)
{
	memset(b, 0, sizeof(*b));
	b->fsid = fsid;
	b->put = put;
	b->name_of = name_of;
	b->arg = arg;
	b->entries = BUF_INIT(CHUNK_MAX);
	b->part = BUF_INIT(CHUNK_MAX);
	b->list = BUF_INIT(CHUNK_MAX);
	b->record = BUF_INIT(1u << 31);
}

void tree_builder_release(struct tree_builder *b)
{
	buf_release(&b->entries);
	buf_release(&b->part);
	buf_release(&b->list);
	buf_release(&b->record);
}

/* FNV-1a over the name: a fixed function, as leaves hide in packs anyway. */
static uint32_t name_hash(struct span name)
{
	uint32_t h = 2166136261u;
	size_t i;

	for (i = 0; i < name.len; i++)
		h = (h ^ name.p[i]) * 16777619u;
	return h ^ h >> 15;
}

static int put_names(struct tree_builder *b, bool group)
{
	const uint32_t *ids = group ? b->gids : b->uids;
	unsigned int i, n = group ? b->n_gids : b->n_uids, named = 0;
	int r;

	if (!b->name_of)
		return buf_varint(&b->part, 0);
	for (i = 0; i < n; i++)
		named += b->name_of(b->arg, group, ids[i])[0] != '\0';
	r = buf_varint(&b->part, named);
	for (i = 0; r == 0 && i < n; i++) {
		const char *name = b->name_of(b->arg, group, ids[i]);

		if (name[0] == '\0')
			continue;
		r = buf_varint(&b->part, ids[i]);
		if (r == 0)
			r = buf_bytes(&b->part, name, strlen(name));
	}
	return r;
}

/* Put the leaf's bytes together in b->part. */
static int leaf_encode(struct tree_builder *b)
{
	int r;

	b->part.len = 0;
	r = buf_u8(&b->part, 0);
	if (r == 0)
		r = put_names(b, false);
	if (r == 0)
		r = put_names(b, true);
	if (r == 0)
		r = buf_varint(&b->part, b->fsid);
	if (r == 0)
		r = buf_varint(&b->part, b->count);
	if (r == 0)
		r = buf_append(&b->part, b->entries.p, b->entries.len);
	return r;
}

static int leaf_close(struct tree_builder *b, uint8_t id[CHUNK_ID_LEN])
{
	int r = leaf_encode(b);

	if (r == 0)
		r = b->put(b->arg, CHUNK_TREE, SPAN_OF(&b->part), id);
	if (r == 0)
		r = buf_bytes(&b->list, b->first, b->first_len);
	if (r == 0)
		r = buf_append(&b->list, id, CHUNK_ID_LEN);
	if (r == 0)
		r = buf_varint(&b->list, b->count);
	if (r == 0 && b->keep_record)
		r = buf_le32(&b->record, (uint32_t)b->part.len);
	if (r == 0 && b->keep_record)
		r = buf_append(&b->record, b->part.p, b->part.len);
	b->leaves++;
	b->entries.len = 0;
	b->count = 0;
	b->n_uids = b->n_gids = 0;
	return r;
}

static void note_owner(uint32_t *list, unsigned int *n, uint32_t id)
{
	unsigned int i;

	for (i = 0; i < *n; i++)
		if (list[i] == id)
			return;
	/* more than 64 owners in one leaf: the rest go by number */
	if (*n < 64)
		list[(*n)++] = id;
}

static int put_time(struct buf *b, struct node_time t)
{
	int r = buf_svarint(b, t.sec);

	return r < 0 ? r : buf_varint(b, t.nsec);
}

static int put_rest(struct buf *b, const struct node *n)
{
	int r = 0;

	switch (n->type) {
	case NODE_FILE:
		r = buf_varint(b, n->size);
		return r < 0 ? r : buf_append(b, n->content.p, n->content.len);
	case NODE_DIR:
		return buf_append(b, n->tree, CHUNK_ID_LEN);
	case NODE_SYMLINK:
		return buf_bytes(b, n->target.p, n->target.len);
	case NODE_CHAR:
	case NODE_BLOCK:
		r = buf_varint(b, n->major);
		return r < 0 ? r : buf_varint(b, n->minor);
	default:
		return 0;
	}
}

static int entry_encode(struct buf *b, const struct node *n)
{
	int r = buf_u8(b, n->type);

	if (r == 0)
		r = buf_varint(b, n->flags);
	if (r == 0)
		r = buf_bytes(b, n->name.p, n->name.len);
	if (r == 0)
		r = buf_varint(b, n->mode);
	if (r == 0)
		r = buf_varint(b, n->uid);
	if (r == 0)
		r = buf_varint(b, n->gid);
	if (r == 0)
		r = put_time(b, n->mtime);
	if (r == 0)
		r = put_time(b, n->ctime);
	if (r == 0)
		r = put_time(b, n->btime);
	if (r == 0)
		r = buf_varint(b, n->ino);
	if (r == 0 && (n->flags & NODE_HAS_XATTRS))
		r = buf_bytes(b, n->xattrs.p, n->xattrs.len);
	if (r == 0 && (n->flags & NODE_HAS_IFLAGS))
		r = buf_varint(b, n->iflags);
	if (r == 0 && (n->flags & NODE_OTHER_FS))
		r = buf_varint(b, n->fsid);
	return r < 0 ? r : put_rest(b, n);
}

int tree_entry_encode(const struct node *n, struct buf *out)
{
	CLEANUP_BUF struct buf b = BUF_INIT(ENTRY_MAX);
	int r = entry_encode(&b, n);

	return r < 0 ? r : buf_bytes(out, b.p, b.len);
}

int tree_builder_add(struct tree_builder *b, struct span name, uint32_t uid,
		     uint32_t gid, struct span raw)
{
	uint8_t id[CHUNK_ID_LEN];
	int r;

	if (b->entries.len >= LEAF_MAX ||
	    (b->entries.len >= LEAF_MIN && (name_hash(name) & 127) == 0)) {
		r = leaf_close(b, id);
		if (r < 0)
			return r;
	}
	if (b->count == 0) {
		memcpy(b->first, name.p, name.len);
		b->first_len = (uint8_t)name.len;
	}
	note_owner(b->uids, &b->n_uids, uid);
	note_owner(b->gids, &b->n_gids, gid);
	b->count++;
	return buf_append(&b->entries, raw.p, raw.len);
}

int tree_builder_finish(struct tree_builder *b, uint8_t id[CHUNK_ID_LEN])
{
	int r = 0;

	if (b->count > 0 || b->leaves == 0)
		r = leaf_close(b, id);
	if (r < 0 || b->leaves == 1)
		return r;
	if (b->list.len > LEAVES_MAX)
		return -EMSGSIZE;
	b->part.len = 0;
	r = buf_u8(&b->part, 1);
	if (r == 0)
		r = buf_varint(&b->part, b->leaves);
	if (r == 0)
		r = buf_append(&b->part, b->list.p, b->list.len);
	return r < 0 ? r : b->put(b->arg, CHUNK_TREE, SPAN_OF(&b->part), id);
}

/* --- reading --- */

/* Skip a names table and return its entries. */
static struct span read_names(struct reader *rd)
{
	uint64_t n = rd_varint(rd);
	const uint8_t *start = rd->p;

	if (n > OWNERS_MAX)
		rd->bad = true;
	while (!rd->bad && n-- > 0) {
		rd_varint(rd);
		rd_bytes(rd, 1024);
	}
	return SPAN(start, rd->bad ? 0 : (size_t)(rd->p - start));
}

int tree_part_open(struct span bytes, struct tree_part *p)
{
	struct reader rd = reader_of(bytes);
	uint8_t kind = rd_u8(&rd);
	uint64_t count;

	memset(p, 0, sizeof(*p));
	if (kind > 1)
		return -EUCLEAN;
	p->split = kind == 1;
	if (!p->split) {
		p->users = read_names(&rd);
		p->groups = read_names(&rd);
		p->fsid = rd_varint(&rd);
	}
	count = rd_varint(&rd);
	if (rd.bad || count > reader_left(&rd))
		return -EUCLEAN;
	p->count = (uint32_t)count;
	p->rest = rd;
	return 0;
}

static struct node_time get_time(struct reader *rd)
{
	struct node_time t;
	uint64_t nsec;

	t.sec = rd_svarint(rd);
	nsec = rd_varint(rd);
	if (nsec >= 1000000000)
		rd->bad = true;
	t.nsec = (uint32_t)nsec;
	return t;
}

static uint32_t get_u32(struct reader *rd)
{
	uint64_t v = rd_varint(rd);

	if (v > UINT32_MAX)
		rd->bad = true;
	return (uint32_t)v;
}

static bool name_is_sane(struct span name)
{
	if (name.len < 1 || name.len > NAME_BYTES_MAX ||
	    memchr(name.p, '/', name.len) || memchr(name.p, '\0', name.len))
		return false;
	return !(name.p[0] == '.' &&
		 (name.len == 1 || (name.len == 2 && name.p[1] == '.')));
}

static void get_rest(struct reader *rd, struct node *n)
{
	struct span s;

	n->size = 0;
	n->major = n->minor = 0;
	n->target = n->content = SPAN(NULL, 0);
	switch (n->type) {
	case NODE_FILE:
		n->size = rd_varint(rd);
		n->content = rd_take(rd, reader_left(rd));
		break;
	case NODE_DIR:
		s = rd_take(rd, CHUNK_ID_LEN);
		if (s.p)
			memcpy(n->tree, s.p, CHUNK_ID_LEN);
		break;
	case NODE_SYMLINK:
		n->target = rd_bytes(rd, SYMLINK_BYTES_MAX);
		if (!rd->bad && memchr(n->target.p, '\0', n->target.len))
			rd->bad = true;
		break;
	case NODE_CHAR:
	case NODE_BLOCK:
		n->major = get_u32(rd);
		n->minor = get_u32(rd);
		break;
	case NODE_FIFO:
	case NODE_SOCKET:
		break;
	default:
		rd->bad = true;
	}
}

static int entry_decode(struct span bytes, uint64_t fsid, struct node *n)
{
	struct reader rd = reader_of(bytes);
	uint64_t flags, mode;

	memset(n, 0, sizeof(*n)); /* what the type does not have is empty */
	n->type = rd_u8(&rd);
	flags = rd_varint(&rd);
	n->name = rd_bytes(&rd, NAME_BYTES_MAX);
	mode = rd_varint(&rd);
	if (rd.bad || flags > NODE_FLAGS_ALL || mode > 07777)
		return -EUCLEAN;
	n->flags = (uint8_t)flags;
	n->mode = (uint16_t)mode;
	n->uid = get_u32(&rd);
	n->gid = get_u32(&rd);
	n->mtime = get_time(&rd);
	n->ctime = get_time(&rd);
	n->btime = get_time(&rd);
	n->ino = rd_varint(&rd);
	n->xattrs = SPAN(NULL, 0);
	if (n->flags & NODE_HAS_XATTRS)
		n->xattrs = rd_bytes(&rd, XATTRS_BYTES_MAX);
	n->iflags = n->flags & NODE_HAS_IFLAGS ? get_u32(&rd) : 0;
	n->fsid = n->flags & NODE_OTHER_FS ? rd_varint(&rd) : fsid;
	get_rest(&rd, n);
	if (!reader_done(&rd) || !name_is_sane(n->name))
		return -EUCLEAN;
	return 0;
}

static int name_cmp(struct span a, struct span b)
{
	int c = memcmp(a.p, b.p, MIN(a.len, b.len));

	return c ? c : (a.len > b.len) - (a.len < b.len);
}

int tree_next(struct tree_part *p, struct node *n, struct span *raw)
{
	const uint8_t *start = p->rest.p;
	struct span entry;
	int r;

	if (p->split)
		return -EUCLEAN;
	if (p->seen == p->count)
		return reader_done(&p->rest) ? 0 : -EUCLEAN;
	entry = rd_bytes(&p->rest, ENTRY_MAX);
	if (p->rest.bad)
		return -EUCLEAN;
	r = entry_decode(entry, p->fsid, n);
	if (r < 0)
		return r;
	if (p->seen > 0 && name_cmp(p->last_name, n->name) >= 0)
		return -EUCLEAN;
	p->last_name = n->name;
	p->seen++;
	if (raw)
		*raw = SPAN(start, (size_t)(p->rest.p - start));
	return 1;
}

int tree_next_leaf(struct tree_part *p, struct tree_leaf_ref *leaf)
{
	struct span id;

	if (!p->split)
		return -EUCLEAN;
	if (p->seen == p->count)
		return reader_done(&p->rest) ? 0 : -EUCLEAN;
	leaf->first = rd_bytes(&p->rest, NAME_BYTES_MAX);
	id = rd_take(&p->rest, CHUNK_ID_LEN);
	leaf->entries = rd_varint(&p->rest);
	if (p->rest.bad ||
	    (p->seen > 0 && name_cmp(p->last_name, leaf->first) >= 0))
		return -EUCLEAN;
	leaf->id = id.p;
	p->last_name = leaf->first;
	p->seen++;
	return 1;
}

struct span tree_owner_name(const struct tree_part *p, bool group, uint32_t id)
{
	struct reader rd = reader_of(group ? p->groups : p->users);

	while (reader_left(&rd) > 0 && !rd.bad) {
		uint64_t have = rd_varint(&rd);
		struct span name = rd_bytes(&rd, 1024);

		if (!rd.bad && have == id)
			return name;
	}
	return SPAN(NULL, 0);
}
