/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain.c - why a file was sent, skipped or reused.
 *
 * Everything is worked out from the records: what a snapshot holds of the
 * path, what its parent held, and, for the next backup, what the file is
 * now. The rules are those of the archiver (walk.c, capture.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "archive/attr.h"
#include "base/log.h"
#include "tools/commands.h"
#include "tools/show.h"

struct explain {
	struct opened o;
	struct buf path; /* absolute and clean */
	struct snapshot *list;
	size_t count;
	bool found;
};

/* --- what differs between two records of a path --- */

enum field {
	F_TYPE,
	F_SIZE,
	F_MTIME,
	F_CTIME,
	F_INODE,
	F_BIRTH,
	F_MODE,
	F_OWNER,
	F_LINKS,
	F_XATTRS,
	F_IFLAGS,
	FIELDS
};

static const char *const field_names[FIELDS] = {
	"type", "size",	 "mtime", "ctime",  "inode", "birth time",
	"mode", "owner", "links", "xattrs", "flags",
};

#define BIT(f) (1u << (f))
/* What shows that ctime moved for another reason than new content. */
#define EXPLAINS_CTIME                                                         \
	(BIT(F_MODE) | BIT(F_OWNER) | BIT(F_LINKS) | BIT(F_XATTRS) |           \
	 BIT(F_IFLAGS))
/* What makes the archiver read a file. */
#define MEANS_CONTENT                                                          \
	(BIT(F_TYPE) | BIT(F_SIZE) | BIT(F_MTIME) | BIT(F_INODE) | BIT(F_BIRTH))

static bool time_is(struct node_time a, struct node_time b)
{
	return a.sec == b.sec && a.nsec == b.nsec;
}

static bool span_is(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || !memcmp(a.p, b.p, a.len));
}

static unsigned int fields_of(const struct node *a, const struct node *b)
{
	unsigned int f = 0;

	f |= a->type != b->type ? BIT(F_TYPE) : 0;
	f |= a->type == NODE_FILE && a->size != b->size ? BIT(F_SIZE) : 0;
	f |= !time_is(a->mtime, b->mtime) ? BIT(F_MTIME) : 0;
	f |= !time_is(a->ctime, b->ctime) ? BIT(F_CTIME) : 0;
	f |= a->ino != b->ino ? BIT(F_INODE) : 0;
	f |= !time_is(a->btime, b->btime) ? BIT(F_BIRTH) : 0;
	f |= a->mode != b->mode ? BIT(F_MODE) : 0;
	f |= a->uid != b->uid || a->gid != b->gid ? BIT(F_OWNER) : 0;
	f |= (a->flags ^ b->flags) & NODE_HARDLINK ? BIT(F_LINKS) : 0;
	f |= !span_is(a->xattrs, b->xattrs) ? BIT(F_XATTRS) : 0;
	f |= a->iflags != b->iflags ? BIT(F_IFLAGS) : 0;
	return f;
}

static void field_text(char out[static 128], enum field f, const struct node *a,
		       const struct node *b)
{
	char from[48], to[48];

	switch (f) {
	case F_TYPE:
		snprintf(out, 128, "type %s -> %s", show_type(a), show_type(b));
		break;
	case F_SIZE:
		snprintf(out, 128, "size %llu -> %llu",
			 (unsigned long long)a->size,
			 (unsigned long long)b->size);
		break;
	case F_MTIME:
	case F_CTIME:
		snprintf(out, 128, "%s %s -> %s", field_names[f],
			 show_time_exact(from,
					 f == F_MTIME ? a->mtime : a->ctime),
			 show_time_exact(to,
					 f == F_MTIME ? b->mtime : b->ctime));
		break;
	case F_INODE:
		snprintf(out, 128, "inode %llu -> %llu",
			 (unsigned long long)a->ino,
			 (unsigned long long)b->ino);
		break;
	case F_MODE:
		snprintf(out, 128, "mode %04o -> %04o", a->mode, b->mode);
		break;
	case F_OWNER:
		snprintf(out, 128, "owner %u:%u -> %u:%u", a->uid, a->gid,
			 b->uid, b->gid);
		break;
	default:
		snprintf(out, 128, "%s", field_names[f]);
	}
}

/* "size 3 -> 5, mtime ... -> ...". */
static int fields_text(struct buf *out, unsigned int fields,
		       const struct node *a, const struct node *b)
{
	char text[128];
	int f, e = 0;

	for (f = 0; e == 0 && f < FIELDS; f++) {
		if (!(fields & BIT(f)))
			continue;
		field_text(text, (enum field)f, a, b);
		if (out->len > 0)
			e = buf_append(out, ", ", 2);
		if (e == 0)
			e = buf_append(out, text, strlen(text));
	}
	return e < 0 ? e : buf_u8(out, '\0');
}

static void fields_json(struct json_out *j, unsigned int fields)
{
	int f;

	json_array(j, "changed");
	for (f = 0; f < FIELDS; f++)
		if (fields & BIT(f))
			json_str(j, NULL, field_names[f]);
	json_close(j);
}

/* --- one snapshot --- */

enum state { NEW, SKIPPED, META, REREAD, CHANGED };

static const char *const state_names[] = {
	[NEW] = "new",	     [SKIPPED] = "unchanged", [META] = "metadata",
	[REREAD] = "reread", [CHANGED] = "changed",
};

static bool same_content(const struct node *a, const struct node *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case NODE_FILE:
		return a->size == b->size && span_is(a->content, b->content);
	case NODE_DIR:
		return !memcmp(a->tree, b->tree, CHUNK_ID_LEN);
	case NODE_SYMLINK:
		return span_is(a->target, b->target);
	default:
		return a->major == b->major && a->minor == b->minor;
	}
}

static bool is_doubtful(const struct node *n)
{
	return n->flags & (NODE_RACY | NODE_PARTIAL);
}

static enum state state_of(const struct node *old, const struct node *n,
			   unsigned int fields)
{
	if (!old)
		return NEW;
	if (!same_content(old, n))
		return CHANGED;
	if (fields == 0 && !is_doubtful(old))
		return SKIPPED;
	if (n->type != NODE_FILE)
		return META;
	if (is_doubtful(old) || (fields & MEANS_CONTENT) ||
	    !(fields & EXPLAINS_CTIME))
		return REREAD;
	return META;
}

/* One id for a content: of its extents as they are recorded. */
static void content_id(const struct node *n, uint8_t id[SHA256_LEN])
{
	if (n->type == NODE_DIR)
		memcpy(id, n->tree, CHUNK_ID_LEN);
	else if (n->type == NODE_SYMLINK)
		sha256_once(n->target, id);
	else
		sha256_once(n->content, id);
}

static const char *why_text(const struct snapshot *s, enum state state,
			    const struct node *n, const struct node *old)
{
	switch (state) {
	case NEW:
		return s->has_parent
			       ? "new: the snapshot before has no such path"
			       : "new: no snapshot of these sources before it";
	case SKIPPED:
		return n->type == NODE_DIR
			       ? "reused: the directory is the same"
			       : "not read: stat is as the snapshot before has "
				 "it; reused";
	case META:
		return n->type == NODE_FILE
			       ? "content not read but reused, new metadata"
			       : "the same, new metadata";
	case REREAD:
		return is_doubtful(old) ? "read, because its record was in "
					  "doubt; content "
					  "the same, reused"
					: "read; content the same, reused";
	default:
		return n->type == NODE_FILE ? "read; content changed"
					    : "changed";
	}
}

static void put_flags(const struct node *n)
{
	if (n->flags & NODE_RACY)
		output_text("  racy: it changed so close to its capture that "
			    "its times prove nothing; the next backup reads "
			    "it again\n");
	if ((n->flags & NODE_PARTIAL) && n->type == NODE_DIR)
		output_text("  partial: not all that was in it could be "
			    "read\n");
	else if (n->flags & NODE_PARTIAL)
		output_text("  partial: it changed each time that it was read; "
			    "what is here may be of different moments\n");
	if (n->flags & NODE_HARDLINK)
		output_text("  it had more than one name\n");
}

static void put_text(const struct snapshot *s, const struct node *n,
		     const struct node *old, enum state state,
		     unsigned int fields)
{
	CLEANUP_BUF struct buf diff = BUF_INIT(4096);
	char id[HEX_LEN(OBJECT_ID_LEN)], when[24], mtime[48], ctime[48];
	uint8_t content[SHA256_LEN];
	char hex[HEX_LEN(SHA256_LEN)];

	output_text("snapshot %.8s of %s: %s\n",
		    hex_encode(id, s->id, OBJECT_ID_LEN),
		    output_time(when, (int64_t)s->time_ns),
		    why_text(s, state, n, old));
	if (old && fields && fields_text(&diff, fields, old, n) == 0)
		output_text("  changed: %s\n", (const char *)diff.p);
	content_id(n, content);
	hex_encode(hex, content, sizeof(content));
	output_text("  %s", show_type(n));
	if (n->type == NODE_FILE)
		output_text(", size %llu", (unsigned long long)n->size);
	output_text(", inode %llu, content %.16s\n", (unsigned long long)n->ino,
		    hex);
	output_text("  mtime %s, ctime %s\n", show_time_exact(mtime, n->mtime),
		    show_time_exact(ctime, n->ctime));
	put_flags(n);
}

static void put_json(const struct explain *x, const struct snapshot *s,
		     const struct show_place *p, enum state state,
		     unsigned int fields)
{
	uint8_t content[SHA256_LEN];
	struct output_line line;

	output_begin(&line, "explain");
	json_hex(&line.json, "snapshot", s->id, OBJECT_ID_LEN);
	json_u64(&line.json, "snapshot_time_ns", s->time_ns);
	json_str(&line.json, "state", state_names[state]);
	json_bool(&line.json, "reused", state != NEW && state != CHANGED);
	fields_json(&line.json, fields);
	show_node_json(&line.json, &p->dir.part, &p->node, SPAN_OF(&x->path));
	content_id(&p->node, content);
	json_hex(&line.json, "content_id", content, sizeof(content));
	json_bool(&line.json, "racy", p->node.flags & NODE_RACY);
	output_end(&line);
}

/* The parent's record of the path: 1, or 0 if there is none. */
static int find_old(struct explain *x, const struct snapshot *s,
		    struct show_place *old)
{
	size_t i;
	int e;

	for (i = 0; s->has_parent && i < x->count; i++) {
		if (memcmp(x->list[i].id, s->parent, OBJECT_ID_LEN) != 0)
			continue;
		memcpy(old->snapshot.tree, x->list[i].tree, CHUNK_ID_LEN);
		e = show_place_look(x->o.reader, old, SPAN_OF(&x->path));
		if (e == -ENOENT || e == -ENOTDIR)
			return 0;
		return e < 0 ? e : 1;
	}
	return 0;
}

static void put_removed(const struct explain *x, const struct snapshot *s)
{
	char id[HEX_LEN(OBJECT_ID_LEN)], when[24];
	struct output_line line;

	output_text("snapshot %.8s of %s: removed\n",
		    hex_encode(id, s->id, OBJECT_ID_LEN),
		    output_time(when, (int64_t)s->time_ns));
	if (!output_is_json())
		return;
	output_begin(&line, "explain");
	json_hex(&line.json, "snapshot", s->id, OBJECT_ID_LEN);
	json_u64(&line.json, "snapshot_time_ns", s->time_ns);
	json_str(&line.json, "state", "removed");
	json_name(&line.json, "path", SPAN_OF(&x->path));
	output_end(&line);
}

static int explain_snapshot(struct explain *x, const struct snapshot *s)
{
	CLEANUP_SHOW_PLACE struct show_place p = SHOW_PLACE_INIT;
	CLEANUP_SHOW_PLACE struct show_place old = SHOW_PLACE_INIT;
	unsigned int fields = 0;
	enum state state;
	int e, had;

	memcpy(p.snapshot.tree, s->tree, CHUNK_ID_LEN);
	e = show_place_look(x->o.reader, &p, SPAN_OF(&x->path));
	if (e < 0 && e != -ENOENT && e != -ENOTDIR)
		return e;
	had = find_old(x, s, &old);
	if (had < 0)
		return had;
	if (e < 0) {
		if (had)
			put_removed(x, s);
		return 0;
	}
	x->found = true;
	if (had)
		fields = fields_of(&old.node, &p.node);
	state = state_of(had ? &old.node : NULL, &p.node, fields);
	if (output_is_json())
		put_json(x, s, &p, state, fields);
	else
		put_text(s, &p.node, had ? &old.node : NULL, state, fields);
	return 0;
}

/* --- the next backup --- */

/* The parent directory of path, however long it is; name gets the rest. */
static int open_parent(const struct buf *path, char name[static 256])
{
	int at = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), next;
	size_t i = 1, len;

	while (at >= 0) {
		const uint8_t *slash = memchr(path->p + i, '/', path->len - i);

		len = slash ? (size_t)(slash - path->p) - i : path->len - i;
		if (len > NAME_BYTES_MAX) {
			close(at);
			return -ENAMETOOLONG;
		}
		memcpy(name, path->p + i, len);
		name[len] = '\0';
		if (!slash)
			return at;
		next = openat(at, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		len = (size_t)errno;
		close(at);
		errno = (int)len;
		at = next;
		i = (size_t)(slash - path->p) + 1;
	}
	return -errno;
}

/* What the archiver would see of the path now. */
static int look_now(const struct explain *x, struct node *now,
		    struct buf *xattrs)
{
	CLEANUP_CLOSE int dir = -1, fd = -1;
	char name[NAME_BYTES_MAX + 1];
	struct statx st;

	dir = open_parent(&x->path, name);
	if (dir < 0)
		return dir;
	if (statx(dir, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
		  ATTR_STATX_MASK, &st) < 0)
		return -errno;
	attr_from_statx(&st, now);
	if (now->type != NODE_FILE && now->type != NODE_DIR)
		return attr_read_xattrs_at(dir, name, xattrs);
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	now->iflags = attr_read_iflags(fd);
	return attr_read_xattrs(fd, xattrs);
}

struct next {
	const char *action; /* of the JSON line */
	const char *text;
};

static struct next next_of(const struct node *old, const struct node *now,
			   unsigned int fields)
{
	if (!old)
		return (struct next){ "read", "would be read: no snapshot of "
					      "this host has it" };
	if (now->type == NODE_DIR)
		return (struct next){ "list", "would be listed, as every "
					      "directory is" };
	if (old->flags & NODE_RACY)
		return (struct next){ "read", "would be read: its record is "
					      "marked as racy" };
	if (old->flags & NODE_PARTIAL)
		return (struct next){ "read", "would be read: its record is "
					      "marked as partial" };
	/* xattrs and flags are looked at only when stat shows a change */
	if (!(fields & ~(BIT(F_XATTRS) | BIT(F_IFLAGS))))
		return (struct next){ "skip", "would be skipped: type, size, "
					      "mode, owner, mtime, ctime and "
					      "inode are as recorded" };
	if (now->type != NODE_FILE)
		return (struct next){ "metadata", "would be recorded anew" };
	if (!(fields & MEANS_CONTENT) && (fields & EXPLAINS_CTIME))
		return (struct next){ "metadata",
				      "content would not be read, only the "
				      "metadata" };
	return (struct next){ "read", "would be read" };
}

static void put_next(const struct explain *x, struct next next,
		     unsigned int fields, const struct node *old,
		     const struct node *now)
{
	CLEANUP_BUF struct buf diff = BUF_INIT(4096);
	struct output_line line;
	bool tells = old && fields && strcmp(next.action, "skip") != 0;

	if (tells && fields_text(&diff, fields, old, now) < 0)
		tells = false;
	output_text("next backup: %s%s%s\n", next.text, tells ? ": " : "",
		    tells ? (const char *)diff.p : "");
	if (!output_is_json())
		return;
	output_begin(&line, "explain_next");
	json_name(&line.json, "path", SPAN_OF(&x->path));
	json_str(&line.json, "action", next.action);
	json_str(&line.json, "reason", next.text);
	fields_json(&line.json, tells ? fields : 0);
	output_end(&line);
}

/* The last record of this host: that is what a scan compares with. 1 or 0. */
static int last_record(struct explain *x, struct show_place *p)
{
	char host[256];
	size_t i;
	int e;

	opened_host(host);
	for (i = x->count; i-- > 0;) {
		if (strcmp(x->list[i].host, host) != 0)
			continue;
		memcpy(p->snapshot.tree, x->list[i].tree, CHUNK_ID_LEN);
		e = show_place_look(x->o.reader, p, SPAN_OF(&x->path));
		if (e == 0)
			return 1;
		if (e != -ENOENT && e != -ENOTDIR)
			return e;
	}
	return 0;
}

static int explain_next(struct explain *x)
{
	CLEANUP_SHOW_PLACE struct show_place p = SHOW_PLACE_INIT;
	CLEANUP_BUF struct buf xattrs = BUF_INIT(XATTRS_BYTES_MAX);
	struct node now = { 0 };
	unsigned int fields = 0;
	int had = last_record(x, &p), e;
	struct next next;

	if (had < 0)
		return had;
	e = look_now(x, &now, &xattrs);
	if (e < 0) {
		next = (struct next){ "gone", e == -ENOENT || e == -ENOTDIR
						      ? "it is not there any "
							"more"
						      : log_strerror(e) };
		put_next(x, next, 0, NULL, NULL);
		return 0;
	}
	now.xattrs = SPAN_OF(&xattrs);
	if (had)
		fields = fields_of(&p.node, &now);
	next = next_of(had ? &p.node : NULL, &now, fields);
	put_next(x, next, fields, had ? &p.node : NULL, &now);
	return 0;
}

/* --- the run --- */

/* Absolute, without . and .., by the text alone as the archiver does it. */
static int make_absolute(const char *text, struct buf *out)
{
	CLEANUP_FREE char *cwd = *text == '/' ? NULL : get_current_dir_name();
	CLEANUP_FREE char *whole = NULL;
	const char *at;
	int e = 0;

	if (*text != '/' && !cwd)
		return log_fail(-errno, "current directory");
	if (asprintf(&whole, "%s/%s", cwd ? cwd : "", text) < 0) {
		whole = NULL;
		return -ENOMEM;
	}
	for (at = whole; e == 0 && *at;) {
		size_t len = strcspn(at, "/");

		if (len == 2 && !memcmp(at, "..", 2)) {
			while (out->len > 0 && out->p[--out->len] != '/')
				;
		} else if (len > 0 && !(len == 1 && *at == '.')) {
			e = buf_u8(out, '/');
			if (e == 0)
				e = buf_append(out, at, len);
		}
		at += len + (at[len] == '/');
	}
	return e;
}

static int run(struct explain *x, const struct cli *cli)
{
	const char *ref = cli_str(cli, "snapshot");
	const char *const *args;
	struct snapshot one;
	size_t n, i;
	int e;

	args = cli_args(cli, &n);
	e = make_absolute(args[0], &x->path);
	if (e == 0 && x->path.len == 0) {
		log_error("the root directory is in every snapshot");
		return -EINVAL;
	}
	if (e == 0)
		e = snapref_list(x->o.repo, NULL, &x->list, &x->count);
	if (e == 0 && ref) {
		e = snapref_resolve(x->o.repo, ref, NULL, &one);
		if (e == 0) {
			e = explain_snapshot(x, &one);
			snapshot_release(&one);
		}
	}
	for (i = 0; e == 0 && !ref && i < x->count; i++)
		e = cli_interrupted() ? -EINTR
				      : explain_snapshot(x, &x->list[i]);
	if (e == 0 && !x->found) {
		log_error("%s: no snapshot%s holds it", args[0],
			  ref ? " of that name" : "");
		e = -ENOENT;
	}
	return e < 0 ? e : explain_next(x);
}

int cmd_explain(struct cli *cli)
{
	struct explain x = { .o = OPENED_INIT, .path = BUF_INIT(SIZE_MAX) };
	int code = opened_repo(cli, &x.o);

	if (code == CLI_OK)
		code = cli_exit_of(run(&x, cli));
	snapref_list_free(x.list, x.count);
	buf_release(&x.path);
	opened_close(&x.o);
	return code;
}
