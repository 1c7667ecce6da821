/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show.c - snapshots and directory entries, as text and as JSON.
 */
#include "tools/show.h"

#include <errno.h>
#include <time.h>

#include "archive/device.h"
#include "base/log.h"
#include "base/utf8.h"
#include "tools/treewalk.h"

struct snapref_filter show_filter(const struct cli *cli)
{
	struct cli_strings hosts = cli_list(cli, "host");
	struct cli_strings tags = cli_list(cli, "tag");
	struct cli_strings paths = cli_list(cli, "path");

	return (struct snapref_filter){ hosts.v, hosts.n, tags.v,
					tags.n,	 paths.v, paths.n };
}

/* --- a place --- */

int show_place_look(struct repo_reader *rr, struct show_place *p,
		    struct span path)
{
	int e = treewalk_clean(path, &p->path);

	if (e < 0)
		return e;
	p->is_root = p->path.len == 0;
	if (p->is_root)
		return 0;
	tree_dir_close(&p->dir);
	return tree_lookup(rr, p->snapshot.tree, SPAN_OF(&p->path), &p->dir,
			   &p->node);
}

int show_place_find(struct repo_reader *rr, struct show_place *p,
		    struct span path)
{
	int e = show_place_look(rr, p, path);
	char hex[HEX_LEN(OBJECT_ID_LEN)], name[512];

	if (e == -ENOENT || e == -ENOTDIR)
		log_error("snapshot %.8s has no %s",
			  hex_encode(hex, p->snapshot.id, OBJECT_ID_LEN),
			  log_printable(name, sizeof(name), p->path.p,
					p->path.len));
	return e;
}

const uint8_t *show_place_tree(const struct show_place *p)
{
	if (p->is_root)
		return p->snapshot.tree;
	return p->node.type == NODE_DIR ? p->node.tree : NULL;
}

void show_place_release(struct show_place *p)
{
	snapshot_release(&p->snapshot);
	buf_release(&p->path);
	tree_dir_close(&p->dir);
}

/* --- text --- */

char *show_mode(char out[static 11], const struct node *n)
{
	static const char types[] = "?-dlpscb";
	static const char bits[] = "rwxrwxrwx";
	int i;

	out[0] = n->type < sizeof(types) - 1 ? types[n->type] : '?';
	for (i = 0; i < 9; i++)
		out[i + 1] = n->mode & (0400 >> i) ? bits[i] : '-';
	if (n->mode & 04000)
		out[3] = n->mode & 0100 ? 's' : 'S';
	if (n->mode & 02000)
		out[6] = n->mode & 0010 ? 's' : 'S';
	if (n->mode & 01000)
		out[9] = n->mode & 0001 ? 't' : 'T';
	out[10] = '\0';
	return out;
}

const char *show_type(const struct node *n)
{
	static const char *const names[] = {
		[NODE_FILE] = "file",	    [NODE_DIR] = "dir",
		[NODE_SYMLINK] = "symlink", [NODE_FIFO] = "fifo",
		[NODE_SOCKET] = "socket",   [NODE_CHAR] = "chardev",
		[NODE_BLOCK] = "blockdev",
	};

	if (n->type >= ARRAY_LEN(names) || !names[n->type])
		return "unknown";
	return names[n->type];
}

char *show_time(char out[static 32], struct node_time t)
{
	time_t sec = (time_t)t.sec;
	struct tm tm;

	/* A year that does not fit an int is no time of a file. */
	if (!localtime_r(&sec, &tm) ||
	    strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		snprintf(out, 32, "@%lld", (long long)t.sec);
	return out;
}

char *show_time_exact(char out[static 48], struct node_time t)
{
	char whole[32];

	snprintf(out, 48, "%s.%09u", show_time(whole, t), t.nsec);
	return out;
}

static void owner_text(char out[static 64], const struct tree_part *part,
		       bool group, uint32_t id)
{
	struct span name = tree_owner_name(part, group, id);

	if (name.len > 0)
		log_printable(out, 64, name.p, name.len);
	else
		snprintf(out, 64, "%u", id);
}

static void size_text(char out[static 32], const struct node *n)
{
	if (n->type == NODE_CHAR || n->type == NODE_BLOCK)
		snprintf(out, 32, "%u, %u", n->major, n->minor);
	else
		snprintf(out, 32, "%llu",
			 (unsigned long long)(n->type == NODE_SYMLINK
						      ? n->target.len
						      : n->size));
}

void show_node(const struct tree_part *part, const struct node *n,
	       struct span path, bool with_meta)
{
	CLEANUP_FREE char *name = output_name(path), *target = NULL;
	char mode[11], user[64], group[64], size[32], when[32], device[32];
	bool image = device_of_image(n, device);

	if (!with_meta) {
		output_text("%s\n", name ? name : "?");
		return;
	}
	if (n->type == NODE_SYMLINK)
		target = output_name(n->target);
	owner_text(user, part, false, n->uid);
	owner_text(group, part, true, n->gid);
	size_text(size, n);
	output_text("%s %-8s %-8s %12s %s %s%s%s%s%s%s\n", show_mode(mode, n),
		    user, group, size, show_time(when, n->mtime),
		    name ? name : "?", target ? " -> " : "",
		    target ? target : "", image ? " (image of device " : "",
		    image ? device : "", image ? ")" : "");
}

/* --- JSON --- */

void show_time_json(struct json_out *j, const char *key, struct node_time t)
{
	char text[64], whole[40];
	time_t sec = (time_t)t.sec;
	struct tm tm;

	if (!gmtime_r(&sec, &tm) ||
	    strftime(whole, sizeof(whole), "%Y-%m-%dT%H:%M:%S", &tm) == 0) {
		json_str(j, key, NULL);
		return;
	}
	snprintf(text, sizeof(text), "%s.%09uZ", whole, t.nsec);
	json_str(j, key, text);
}

static void owner_json(struct json_out *j, const char *key,
		       const struct tree_part *part, bool group, uint32_t id)
{
	struct span name = tree_owner_name(part, group, id);

	if (name.len > 0)
		json_name(j, key, name);
}

void show_node_json(struct json_out *j, const struct tree_part *part,
		    const struct node *n, struct span path)
{
	char mode[11], device[32];

	json_name(j, "path", path);
	json_str(j, "type", show_type(n));
	if (device_of_image(n, device))
		json_str(j, "device", device);
	json_u64(j, "mode", n->mode);
	json_str(j, "permissions", show_mode(mode, n));
	json_u64(j, "uid", n->uid);
	json_u64(j, "gid", n->gid);
	owner_json(j, "user", part, false, n->uid);
	owner_json(j, "group", part, true, n->gid);
	if (n->type == NODE_FILE)
		json_u64(j, "size", n->size);
	if (n->type == NODE_SYMLINK)
		json_name(j, "linktarget", n->target);
	if (n->type == NODE_CHAR || n->type == NODE_BLOCK) {
		json_u64(j, "major", n->major);
		json_u64(j, "minor", n->minor);
	}
	show_time_json(j, "mtime", n->mtime);
	show_time_json(j, "ctime", n->ctime);
	if (n->btime.sec || n->btime.nsec)
		show_time_json(j, "btime", n->btime);
	json_u64(j, "inode", n->ino);
	if (n->flags & NODE_HARDLINK)
		json_bool(j, "hardlink", true);
	if (n->flags & NODE_PARTIAL)
		json_bool(j, "partial", true);
}

static void names_json(struct json_out *j, const char *key,
		       const char *exact_key, char *const *list, uint32_t n)
{
	bool lossy = false;
	uint32_t i;

	json_array(j, key);
	for (i = 0; i < n; i++) {
		json_str(j, NULL, list[i]);
		lossy |= !utf8_is_valid(list[i], strlen(list[i]));
	}
	json_close(j);
	if (!lossy)
		return;
	json_array(j, exact_key);
	for (i = 0; i < n; i++) {
		json_object(j, NULL);
		json_name(j, "path", SPAN(list[i], strlen(list[i])));
		json_close(j);
	}
	json_close(j);
}

static void stats_json(struct json_out *j, const struct snapshot_stats *s)
{
	json_object(j, "summary");
	json_u64(j, "files", s->files);
	json_u64(j, "dirs", s->dirs);
	json_u64(j, "others", s->others);
	json_u64(j, "bytes", s->bytes);
	json_u64(j, "files_new", s->files_new);
	json_u64(j, "files_changed", s->files_changed);
	json_u64(j, "files_unmodified", s->files_unchanged);
	json_u64(j, "bytes_read", s->bytes_read);
	json_u64(j, "data_added_packed", s->bytes_stored);
	json_double(j, "total_duration", (double)s->duration_ns / 1e9);
	json_u64(j, "errors", s->errors);
	json_close(j);
}

void show_snapshot_json(struct json_out *j, const struct snapshot *s)
{
	struct node_time t = { (int64_t)(s->time_ns / 1000000000u),
			       (uint32_t)(s->time_ns % 1000000000u) };

	show_time_json(j, "time", t);
	json_u64(j, "time_ns", s->time_ns);
	json_hex(j, "tree", s->tree, CHUNK_ID_LEN);
	names_json(j, "paths", "paths_exact", s->paths, s->n_paths);
	json_name(j, "hostname", SPAN(s->host, strlen(s->host)));
	json_name(j, "username", SPAN(s->user, strlen(s->user)));
	names_json(j, "tags", "tags_exact", s->tags, s->n_tags);
	json_str(j, "program_version", s->program);
	json_hex(j, "id", s->id, OBJECT_ID_LEN);
	json_hex(j, "short_id", s->id, SHORT_ID_LEN / 2);
	if (s->has_parent)
		json_hex(j, "parent", s->parent, OBJECT_ID_LEN);
	json_bool(j, "partial", s->partial);
	json_bool(j, "consistent", s->consistent);
	stats_json(j, &s->stats);
}
