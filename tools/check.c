/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.c - the verb that verifies a repository.
 *
 * What the rooms below would log for each damaged byte range is silenced
 * (-v shows it): the report has one entry for each damaged object.
 */
#include <errno.h>

#include "base/log.h"
#include "base/pool.h"
#include "repo/check.h"
#include "tools/commands.h"
#include "tools/opened.h"
#include "tools/output.h"

/* If prune replaces the head under a check, objects that the old head names
 * go away: that is no damage, and the new head is checked instead. */
#define TRIES 4
#define HURT_SHOWN 50

struct run {
	struct cli *cli;
	struct opened o;
	struct check_options opt;
	struct check_report rep;
	int64_t began; /* output_clock() */
};

static void sample(void *arg, struct progress_sample *out)
{
	const struct check_report *rep = &((struct run *)arg)->rep;

	out->files_done = __atomic_load_n(&rep->files, __ATOMIC_RELAXED);
	out->bytes_done = __atomic_load_n(&rep->bytes_read, __ATOMIC_RELAXED);
	out->bytes_total =
		__atomic_load_n(&rep->bytes_to_read, __ATOMIC_RELAXED);
	out->errors = __atomic_load_n(&rep->count, __ATOMIC_RELAXED);
}

static uint64_t problems(const struct check_report *rep)
{
	return rep->count + rep->more;
}

/* Has somebody committed since? Then the repo stands on that head. */
static bool moved_on(struct run *r)
{
	char newest[HEAD_NAME_LEN + 1], ours[HEAD_NAME_LEN + 1];

	head_name(repo_head(r->o.repo)->counter, ours);
	return repo_newest_head(r->o.store, newest) == 0 &&
	       strcmp(newest, ours) > 0 && repo_refresh(r->o.repo) > 0;
}

static int check(struct run *r)
{
	struct progress *progress;
	int e, tries;

	if (!output_verbosity())
		log_set_level((enum log_level)0);
	for (tries = 1;; tries++) {
		progress = progress_start(sample, r);
		e = check_repo(r->o.repo, &r->opt, &r->rep);
		progress_stop(progress);
		if (e < 0 || problems(&r->rep) == 0 || tries == TRIES ||
		    !moved_on(r))
			break;
		check_report_release(&r->rep);
	}
	output_init(r->cli);
	return e;
}

/* --- people --- */

static void say_place(const struct check_place *place)
{
	char id[HEX_LEN(OBJECT_ID_LEN)];
	CLEANUP_FREE char *path = output_name(SPAN(place->path, place->len));

	hex_encode(id, place->snapshot, OBJECT_ID_LEN);
	output_text("    snapshot %.8s  %s\n", id, path ? path : "?");
}

static void say_problem(const struct check_problem *p)
{
	unsigned int i;

	output_text("%s %s: %s", check_object_name(p->object), p->name,
		    p->what);
	if (p->times - p->affected > 1)
		output_text(" (and %llu more)",
			    (unsigned long long)(p->times - p->affected - 1));
	output_text("\n");
	if (p->affected == 0)
		return;
	output_text("  %llu %s not readable because of this%s\n",
		    (unsigned long long)p->affected,
		    p->affected == 1 ? "file or directory is"
				     : "files and directories are",
		    p->affected > p->n_places ? ", the first of them:" : ":");
	for (i = 0; i < p->n_places; i++)
		say_place(&p->places[i]);
}

static void say_hurt(const struct check_report *rep)
{
	char id[HEX_LEN(OBJECT_ID_LEN)];
	uint32_t i;

	if (rep->hurt.count == 0)
		return;
	output_text("not whole: %u of %llu snapshots:", rep->hurt.count,
		    (unsigned long long)rep->snapshots);
	for (i = 0; i < rep->hurt.count && i < HURT_SHOWN; i++)
		output_text(" %.8s",
			    hex_encode(id, rep->hurt.ids[i], OBJECT_ID_LEN));
	output_text(i < rep->hurt.count ? " ...\n" : "\n");
}

static void say_strays(const struct check_report *rep)
{
	char size[16], n[2][48];

	if (rep->stray_packs)
		output_note("note: %s (%s) that no index has, of runs that "
			    "died or run now\n",
			    output_count(n[0], rep->stray_packs, "pack",
					 "packs"),
			    output_size(size, rep->stray_bytes));
	if (rep->doomed_packs)
		output_note("note: %s (%s) that prune has yet to delete\n",
			    output_count(n[0], rep->doomed_packs, "pack",
					 "packs"),
			    output_size(size, rep->doomed_bytes));
	if (rep->stray_indexes || rep->stray_snapshots)
		output_note("note: %s and %s that the head does not name\n",
			    output_count(n[0], rep->stray_indexes, "index",
					 "indexes"),
			    output_count(n[1], rep->stray_snapshots, "snapshot",
					 "snapshots"));
}

static void say_summary(const struct run *r, double seconds)
{
	const struct check_report *rep = &r->rep;
	char size[16], took[24], n[5][48];

	output_note("%s, %s, %s; %s (%s) in %s\n",
		    output_count(n[0], rep->snapshots, "snapshot", "snapshots"),
		    output_count(n[1], rep->trees, "tree", "trees"),
		    output_count(n[2], rep->files, "file", "files"),
		    output_count(n[3], rep->packs, "pack", "packs"),
		    output_size(size, rep->pack_bytes),
		    output_count(n[4], rep->indexes, "index", "indexes"));
	if (rep->packs_read)
		output_note("read %s (%s)\n",
			    output_count(n[0], rep->packs_read, "pack",
					 "packs"),
			    output_size(size, rep->bytes_read));
	if (problems(rep) == 0)
		output_note("no problem found, in %s\n",
			    output_elapsed(took, seconds));
}

/* --- scripts --- */

static void json_problem(const struct check_problem *p)
{
	struct output_line line;
	unsigned int i;

	output_begin(&line, "problem");
	json_str(&line.json, "object", check_object_name(p->object));
	json_str(&line.json, "id", p->name);
	json_str(&line.json, "what", p->what);
	json_u64(&line.json, "times", p->times);
	json_u64(&line.json, "affected", p->affected);
	json_array(&line.json, "places");
	for (i = 0; i < p->n_places; i++) {
		json_object(&line.json, NULL);
		json_hex(&line.json, "snapshot_id", p->places[i].snapshot,
			 OBJECT_ID_LEN);
		json_name(&line.json, "path",
			  SPAN(p->places[i].path, p->places[i].len));
		json_close(&line.json);
	}
	json_close(&line.json);
	output_end(&line);
}

static void json_summary(const struct run *r, double seconds)
{
	const struct check_report *rep = &r->rep;
	struct output_line line;
	struct json_out *j = &line.json;
	uint32_t i;

	output_begin(&line, "summary");
	json_u64(j, "problems", problems(rep));
	json_u64(j, "head", repo_head(r->o.repo)->counter);
	json_u64(j, "keys", rep->keys);
	json_u64(j, "heads", rep->heads);
	json_u64(j, "snapshots", rep->snapshots);
	json_u64(j, "indexes", rep->indexes);
	json_u64(j, "packs", rep->packs);
	json_u64(j, "pack_bytes", rep->pack_bytes);
	json_u64(j, "trees", rep->trees);
	json_u64(j, "maps", rep->maps);
	json_u64(j, "files", rep->files);
	json_u64(j, "chunk_references", rep->chunks);
	json_u64(j, "packs_read", rep->packs_read);
	json_u64(j, "bytes_read", rep->bytes_read);
	json_u64(j, "stray_packs", rep->stray_packs);
	json_u64(j, "stray_bytes", rep->stray_bytes);
	json_u64(j, "condemned_packs", rep->doomed_packs);
	json_u64(j, "condemned_bytes", rep->doomed_bytes);
	json_u64(j, "stray_indexes", rep->stray_indexes);
	json_u64(j, "stray_snapshots", rep->stray_snapshots);
	json_array(j, "damaged_snapshots");
	for (i = 0; i < rep->hurt.count; i++)
		json_hex(j, NULL, rep->hurt.ids[i], OBJECT_ID_LEN);
	json_close(j);
	json_double(j, "total_duration", seconds);
	output_end(&line);
}

static int report(const struct run *r)
{
	const struct check_report *rep = &r->rep;
	double seconds = (double)(output_clock() - r->began) / 1e9;
	uint32_t i;

	for (i = 0; i < rep->count; i++) {
		if (output_is_json())
			json_problem(&rep->problems[i]);
		else
			say_problem(&rep->problems[i]);
	}
	if (rep->more)
		output_text("and %llu more problems\n",
			    (unsigned long long)rep->more);
	say_hurt(rep);
	say_strays(rep);
	say_summary(r, seconds);
	if (output_is_json())
		json_summary(r, seconds);
	if (problems(rep) == 0)
		return CLI_OK;
	log_error("repository %s is damaged: %llu problem%s",
		  store_location(r->o.store), (unsigned long long)problems(rep),
		  problems(rep) == 1 ? "" : "s");
	return CLI_FATAL;
}

int cmd_check(struct cli *cli)
{
	struct run r = { .cli = cli, .o = OPENED_INIT };
	int code, e;

	r.began = output_clock();
	r.opt.threads = pool_cpus();
	r.opt.stop = cli_interrupted;
	if (cli_given(cli, "read-data"))
		r.opt.read_data = cli_percent(cli, "read-data", 100);
	code = opened_repo(cli, &r.o);
	if (code == CLI_OK) {
		e = check(&r);
		if (e < 0 && e != -ECANCELED)
			log_fail(e, "check %s", store_location(r.o.store));
		code = e < 0 ? cli_exit_of(e == -ECANCELED ? -EINTR : e)
			     : report(&r);
	}
	check_report_release(&r.rep);
	opened_close(&r.o);
	return code;
}
