/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rollback.c - restore --changed-only: what changed since the snapshot.
 */
#include "tools/rollback.h"

#include <errno.h>

#include "archive/tracked.h"
#include "base/log.h"
#include "tools/backup_options.h"
#include "tools/backup_track.h"
#include "tools/output.h"
#include "tools/show.h"

struct rollback {
	struct rollback_options opt;
	struct archiver *archiver; /* knows numbers of file systems */
	struct catalog *catalog;   /* a view */
	struct track *track;
	struct restore_scope scope;
};

static int refuse(const char *why)
{
	log_error("--changed-only is not possible: %s. Nothing was done; "
		  "restore --in-place --overwrite if-changed looks at "
		  "everything and comes to the same",
		  why);
	return -ESTALE;
}

/* --- of which snapshot it is known --- */

/* The newest one with this tree, in words. */
static int name_known(const struct rollback *rb,
		      const uint8_t tree[CHUNK_ID_LEN], char *out, size_t size)
{
	const char *host = rb->opt.snapshot->host;
	struct snapref_filter f = { .hosts = &host, .n_hosts = 1 };
	struct snapshot *list = NULL;
	char id[HEX_LEN(OBJECT_ID_LEN)], when[32];
	size_t n = 0, i;
	int e = snapref_list(rb->opt.opened->repo, &f, &list, &n);

	snprintf(out, size,
		 "what the last backup here made is not in the "
		 "repository any more");
	for (i = n; e == 0 && i-- > 0;) {
		struct node_time t = {
			(int64_t)(list[i].time_ns / NSEC_PER_SEC), 0
		};

		if (memcmp(list[i].tree, tree, CHUNK_ID_LEN) != 0)
			continue;
		hex_encode(id, list[i].id, OBJECT_ID_LEN);
		snprintf(out, size,
			 "it is known what changed since snapshot %.8s of %s, "
			 "not since another one",
			 id, show_time(when, t));
		break;
	}
	snapref_list_free(list, n);
	return e;
}

static int check_snapshot(const struct rollback *rb)
{
	uint8_t tree[CHUNK_ID_LEN];
	char why[256];
	int e = track_token_tree(rb->catalog, tree, why, sizeof(why));

	if (e == 0 && !memcmp(tree, rb->opt.snapshot->tree, CHUNK_ID_LEN))
		return 0;
	if (e == 0)
		e = name_known(rb, tree, why, sizeof(why));
	return e < 0 && e != -ENOENT ? e : refuse(why);
}

/* --- what changed --- */

static int open_catalog(struct rollback *rb)
{
	const struct snapshot *snap = rb->opt.snapshot;
	const struct opened *o = rb->opt.opened;
	struct backup_inputs in = { .host = snap->host };
	CLEANUP_FREE char *dir = NULL;
	uint8_t set[SHA256_LEN];
	int e;

	if (!o->cache_dir)
		return refuse("there is no local catalog (--cache-dir)");
	e = repo_state_path(o->cache_dir, &o->config, &dir);
	if (e < 0)
		return e;
	backup_set_id(&in, snap->paths, snap->n_paths, set);
	e = catalog_open_audit(dir, SPAN(set, sizeof(set)), false,
			       cli_interrupted, &rb->catalog);
	if (e == -ENOENT)
		return refuse("this machine has no catalog of a backup of "
			      "the snapshot's paths to this repository");
	return e;
}

static int new_archiver(struct rollback *rb)
{
	const struct snapshot *snap = rb->opt.snapshot;
	struct archiver_options opt = {
		.paths = (const char *const *)snap->paths,
		.n_paths = snap->n_paths,
		.threads = 1,
		.source = &change_scan,
		.stream_fd = -1,
		.on_error = output_on_error,
	};

	return archiver_new(&opt, &rb->archiver);
}

static int ask(struct rollback *rb)
{
	struct track_options opt = {
		.archiver = rb->archiver,
		.catalog = rb->catalog,
		.filter = rb->opt.exclude,
	};
	char why[256];
	int e = track_rollback(&opt, &rb->track, why, sizeof(why));

	if (e == -ESTALE)
		return refuse(why);
	/* what it left out would be taken for new */
	if (e == 0 && rb->opt.deletes && track_is_stale(rb->track))
		return refuse("the backup was made with other patterns: for "
			      "--delete give its --exclude options, or leave "
			      "--delete away");
	return e;
}

/* --- the scope --- */

static uint64_t scope_fsid(void *arg, uint64_t dev)
{
	const struct rollback *rb = arg;

	return track_fsid(rb->track, dev);
}

static int scope_add(void *arg, const struct catalog_key *keys, size_t n)
{
	const struct rollback *rb = arg;

	return tracked_add(track_tracked(rb->track), keys, n);
}

int rollback_begin(const struct rollback_options *opt, struct rollback **out)
{
	struct rollback *rb = calloc(1, sizeof(*rb));
	int e;

	if (!rb)
		return -ENOMEM;
	rb->opt = *opt;
	e = open_catalog(rb);
	if (e == 0)
		e = check_snapshot(rb);
	if (e == 0)
		e = new_archiver(rb);
	if (e == 0)
		e = ask(rb);
	if (e < 0) {
		rollback_end(rb);
		return e;
	}
	rb->scope = (struct restore_scope){
		.source = tracked_source(track_tracked(rb->track)),
		.fsid = scope_fsid,
		.add = scope_add,
		.arg = rb,
	};
	*out = rb;
	return 0;
}

const struct restore_scope *rollback_scope(const struct rollback *rb)
{
	return rb ? &rb->scope : NULL;
}

const char *rollback_source(const struct rollback *rb)
{
	return track_source(rb->track);
}

void rollback_end(struct rollback *rb)
{
	if (!rb)
		return;
	track_end(rb->track);
	catalog_close(rb->catalog);
	archiver_free(rb->archiver);
	free(rb);
}
