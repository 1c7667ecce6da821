/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup_job.c - a backup by hand takes its turn in tidemarkd's queue.
 */
#include "tools/backup_job.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "control/control.h"

#define LOOK_MS 1000

/* One request on the connection; refused or failed: *reply is NULL. The
 * daemon's words are for debugging: the backup goes on without it. */
static int call(int fd, struct json_out *request, struct json **reply)
{
	CLEANUP_BUF struct buf in = BUF_INIT(CONTROL_PACKET_MAX);
	const char *why;
	int passed = -1, e;

	*reply = NULL;
	json_close(request);
	e = json_end(request);
	if (e == 0)
		e = control_send(fd, SPAN_OF(request->buf), -1);
	/* recvmsg() would be restarted after a signal; one that comes just
	 * before poll() is seen a second later */
	while (e == 0) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (cli_interrupted())
			return -EINTR;
		if (poll(&p, 1, LOOK_MS) > 0)
			break;
	}
	if (e == 0)
		e = control_recv(fd, &in, &passed);
	if (passed >= 0)
		close(passed);
	if (e == 0)
		e = json_parse(SPAN_OF(&in), CONTROL_PACKET_MAX, reply);
	if (e < 0)
		return e;
	why = json_to_str(json_get(*reply, "error"));
	if (!why)
		return 0;
	log_debug("tidemarkd: %s", why);
	json_free(TAKE_PTR(*reply));
	return -EPROTO;
}

/* The sources, as the history shows them. */
static void put_what(struct json_out *j, const struct cli *cli)
{
	char text[256] = "";
	const char *const *args;
	size_t n, i, len = 0;

	args = cli_args(cli, &n);
	for (i = 0; i < n && len < sizeof(text); i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
					i ? " " : "", args[i]);
	json_str(j, "what", text);
	json_str(j, "repository", cli_str(cli, "repo") ?: "");
}

static int enter(int fd, const struct cli *cli, uint64_t *id, uint64_t *ahead)
{
	CLEANUP_BUF struct buf b = BUF_INIT(CONTROL_PACKET_MAX);
	CLEANUP_JSON struct json *reply = NULL;
	struct json_out j = JSON_OUT(&b);
	int e;

	json_object(&j, NULL);
	json_str(&j, "op", "job-start");
	put_what(&j, cli);
	e = call(fd, &j, &reply);
	if (e == 0)
		e = json_to_u64(json_get(reply, "id"), id);
	if (e == 0)
		e = json_to_u64(json_get(reply, "ahead"), ahead);
	return e;
}

static int wait_turn(int fd, uint64_t id)
{
	CLEANUP_BUF struct buf b = BUF_INIT(CONTROL_PACKET_MAX);
	CLEANUP_JSON struct json *reply = NULL;
	struct json_out j = JSON_OUT(&b);

	json_object(&j, NULL);
	json_str(&j, "op", "job-wait");
	json_u64(&j, "id", id);
	json_str(&j, "for", "turn");
	return call(fd, &j, &reply);
}

int backup_job_begin(struct backup_job *job, const struct cli *cli)
{
	CLEANUP_CLOSE int fd = -1;
	const char *at = getenv("TIDEMARK_SOCKET") ?: CONTROL_SOCKET;
	uint64_t id, ahead;
	int e;

	if (geteuid() != 0 || getenv("TIDEMARK_JOB") ||
	    control_connect(at, &fd) < 0)
		return 0;
	e = enter(fd, cli, &id, &ahead);
	if (e == -EINTR)
		return e;
	if (e < 0)
		return 0;
	if (ahead && cli_flag(cli, "no-wait")) {
		log_error("job %llu runs or waits already: tidemark jobs says "
			  "what it is",
			  (unsigned long long)ahead);
		return -EBUSY;
	}
	if (ahead)
		log_info("waiting for job %llu", (unsigned long long)ahead);
	e = wait_turn(fd, id);
	if (e == -EINTR)
		return e;
	if (e == -EPROTO) {
		log_error("job %llu, which is this backup, was cancelled",
			  (unsigned long long)id);
		return -ECANCELED;
	}
	/* the daemon has gone: so has its queue */
	if (e == 0)
		job->fd = TAKE_FD(fd);
	return 0;
}

void backup_job_report(struct backup_job *job,
		       const struct snapshot_stats *stats, uint64_t stored,
		       const char *id, const char *source, const char *why,
		       const struct track_meanwhile *meanwhile)
{
	job->stats = *stats;
	job->stored = stored;
	snprintf(job->snapshot, sizeof(job->snapshot), "%s", id ? id : "");
	snprintf(job->change_source, sizeof(job->change_source), "%s", source);
	snprintf(job->scan_reason, sizeof(job->scan_reason), "%s",
		 why ? why : "");
	job->has_meanwhile = meanwhile;
	job->meanwhile = meanwhile ? meanwhile->files : 0;
}

static void put_summary(const struct backup_job *job, struct json_out *j)
{
	json_str(j, "change_source", job->change_source);
	if (job->scan_reason[0])
		json_str(j, "scan_reason", job->scan_reason);
	if (job->snapshot[0])
		json_str(j, "snapshot_id", job->snapshot);
	json_u64(j, "total_files_processed", job->stats.files);
	json_u64(j, "files_new", job->stats.files_new);
	json_u64(j, "files_changed", job->stats.files_changed);
	json_u64(j, "total_bytes_processed", job->stats.bytes);
	json_u64(j, "bytes_read", job->stats.bytes_read);
	json_u64(j, "data_added_packed", job->stored);
	if (job->has_meanwhile)
		json_u64(j, "files_changed_meanwhile", job->meanwhile);
}

void backup_job_end(struct backup_job *job, int code)
{
	CLEANUP_BUF struct buf b = BUF_INIT(CONTROL_PACKET_MAX);
	CLEANUP_JSON struct json *reply = NULL;
	struct json_out j = JSON_OUT(&b);

	if (job->fd < 0)
		return;
	json_object(&j, NULL);
	json_str(&j, "op", "job-end");
	json_u64(&j, "exit_code", (uint64_t)code);
	if (job->change_source[0])
		put_summary(job, &j);
	/* a daemon that has gone meanwhile says that it died, which is all
	 * that it knows */
	(void)!call(job->fd, &j, &reply);
	close(TAKE_FD(job->fd));
}
