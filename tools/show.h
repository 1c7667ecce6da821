/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show.h - snapshots and directory entries, as text and as JSON, and what
 * the verbs that show them share.
 *
 * Source:  docs/json.md.
 */
#ifndef TOOLS_SHOW_H
#define TOOLS_SHOW_H

#include "repo/browse.h"
#include "repo/snapref.h"
#include "tools/opened.h"
#include "tools/output.h"

#define SHORT_ID_LEN 8

/* --host, --tag, --path of the command line. */
struct snapref_filter show_filter(const struct cli *cli);

/* A snapshot and the directory or entry of it that the command line names. */
struct show_place {
	struct snapshot snapshot;
	struct buf path;  /* clean: "/a/b", "" for the root */
	bool is_root;	  /* then there is no node */
	struct node node; /* borrows from dir */
	struct tree_dir dir;
};

#define SHOW_PLACE_INIT ((struct show_place){ .path = BUF_INIT(SIZE_MAX) })
#define CLEANUP_SHOW_PLACE CLEANUP(show_place_release)

/* Go to path in p->snapshot, which was resolved. 0, or -ENOENT or -ENOTDIR
 * (logged). May be called again. */
MUST_CHECK int show_place_find(struct repo_reader *rr, struct show_place *p,
			       struct span path);
/* The same, but -ENOENT and -ENOTDIR are not logged. */
MUST_CHECK int show_place_look(struct repo_reader *rr, struct show_place *p,
			       struct span path);
/* The tree of the directory found; NULL if it is none. */
const uint8_t *show_place_tree(const struct show_place *p);
void show_place_release(struct show_place *p);

/* "-rwsr-xr-x". Returns out. */
char *show_mode(char out[static 11], const struct node *n);
/* "file", "dir", "symlink", "fifo", "socket", "chardev", "blockdev". */
const char *show_type(const struct node *n);
/* "2026-01-31 15:04:05", local time. */
char *show_time(char out[static 32], struct node_time t);
/* The same with its nanoseconds. */
char *show_time_exact(char out[static 48], struct node_time t);

/* One line: the path, or what `ls -l` says before it. part: of the entry. */
void show_node(const struct tree_part *part, const struct node *n,
	       struct span path, bool with_meta);
/* The members of an entry. */
void show_node_json(struct json_out *j, const struct tree_part *part,
		    const struct node *n, struct span path);
void show_snapshot_json(struct json_out *j, const struct snapshot *s);
/* RFC 3339 in UTC with nanoseconds. */
void show_time_json(struct json_out *j, const char *key, struct node_time t);

#endif /* TOOLS_SHOW_H */
