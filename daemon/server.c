/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.c - requests on the control socket.
 */
#include "daemon/server.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/io.h"
#include "base/log.h"
#include "control/control.h"
#include "daemon/mounts.h"

#define CONNECTIONS_MAX 32
#define LIST_MAX ((size_t)1 << 20)

struct server {
	struct server_options opt;
	int listener, stop;
	pthread_t thread;
	bool runs;
	pthread_mutex_t lock;	  /* of the list's file */
	unsigned int connections; /* atomic */
};

struct request {
	struct server *s;
	const struct json *j;
	struct json_out *out;
	bool is_root;
	int pass; /* goes with the reply; closed by the caller */
};

static int refuse(struct request *q, const char *text)
{
	json_str(q->out, "error", text);
	return 0;
}

static int refuse_errno(struct request *q, const char *what, int err)
{
	char text[256];

	snprintf(text, sizeof(text), "%s: %s", what, log_strerror(err));
	return refuse(q, text);
}

/* --- the list of tracked paths --- */

/* Its lines, each a path; rewritten without path, and with it if add. */
static int list_change(struct server *s, const char *path, bool add)
{
	CLEANUP_BUF struct buf was = BUF_INIT(LIST_MAX),
			       now = BUF_INIT(LIST_MAX);
	char *line, *save = NULL;
	int e;

	if (strchr(path, '\n'))
		return -EINVAL;
	pthread_mutex_lock(&s->lock);
	e = io_read_file(AT_FDCWD, s->opt.list, &was);
	if (e == -ENOENT)
		e = 0;
	if (e == 0)
		e = buf_u8(&was, 0);
	line = e == 0 ? strtok_r((char *)was.p, "\n", &save) : NULL;
	for (; e == 0 && line; line = strtok_r(NULL, "\n", &save)) {
		if (!strcmp(line, path))
			continue;
		e = buf_append(&now, line, strlen(line));
		if (e == 0)
			e = buf_u8(&now, '\n');
	}
	if (e == 0 && add)
		e = buf_append(&now, path, strlen(path));
	if (e == 0 && add)
		e = buf_u8(&now, '\n');
	if (e == 0)
		e = io_replace_file(AT_FDCWD, s->opt.list, SPAN_OF(&now));
	pthread_mutex_unlock(&s->lock);
	return e < 0 ? log_fail(e, "write %s", s->opt.list) : 0;
}

void server_track_listed(const struct server_options *opt)
{
	CLEANUP_BUF struct buf b = BUF_INIT(LIST_MAX);
	char *line, *save = NULL;
	int e = io_read_file(AT_FDCWD, opt->list, &b);

	if (e == -ENOENT)
		return;
	if (e == 0)
		e = buf_u8(&b, 0);
	if (e < 0) {
		log_fail(e, "read %s", opt->list);
		return;
	}
	for (line = strtok_r((char *)b.p, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		const char *why = NULL;
		struct mount m;

		/* what it lies on otherwise was not asked for */
		if (mount_of(line, &m) < 0 || strcmp(m.path, line) != 0)
			why = "nothing is mounted there";
		if ((why || epochs_add(opt->epochs, line, &why) < 0))
			log_warn("%s is not tracked: %s", line,
				 why ? why : "see above");
		mount_release(&m);
	}
}

/* --- operations --- */

/* Track the mount that path lies on, or no longer; *point is its path. */
static int change_tracking(struct epochs *epochs, const char *path, bool add,
			   char **point, const char **why)
{
	struct mount m;
	int e;

	*why = NULL;
	if (!add)
		return epochs_remove(epochs, path, point);
	e = mount_of(path, &m);
	if (e < 0)
		return e;
	e = epochs_add(epochs, m.path, why);
	*point = TAKE_PTR(m.path);
	mount_release(&m);
	return e;
}

static int op_track(struct request *q, bool add)
{
	const char *path = json_to_str(json_get(q->j, "path")), *why = NULL;
	CLEANUP_FREE char *point = NULL;
	int e;

	if (!q->is_root)
		return refuse(q, "only root may change what is tracked");
	if (!path || path[0] != '/')
		return refuse(q, "an absolute path is needed");
	e = change_tracking(q->s->opt.epochs, path, add, &point, &why);
	if (why)
		return refuse(q, why);
	if (e == -ENOENT && !add)
		return refuse(q, "it is not tracked");
	if (e < 0)
		return refuse_errno(q, path, e);
	e = list_change(q->s, point, add);
	if (e < 0)
		return refuse_errno(q, "remember it for the next start", e);
	json_bool(q->out, "done", true);
	json_name(q->out, "path", SPAN(point, strlen(point)));
	return 0;
}

static int op_track_add(struct request *q)
{
	return op_track(q, true);
}

static int op_track_remove(struct request *q)
{
	return op_track(q, false);
}

static int tell_fs(void *arg, const struct epochs_status *s)
{
	struct json_out *out = arg;

	json_object(out, NULL);
	json_name(out, "path", SPAN(s->path, strlen(s->path)));
	json_str(out, "type", s->type);
	json_u64(out, "major", major(s->dev));
	json_u64(out, "minor", minor(s->dev));
	json_u64(out, "epoch", s->epoch);
	json_u64(out, "kept_inodes", s->kept_inodes);
	json_u64(out, "backups", s->consumers);
	json_bool(out, "trusted", s->trusted);
	json_str(out, "why", s->why);
	json_u64(out, "resets", s->resets);
	json_str(out, "last_reset", s->last_why);
	json_bool(out, "lost", s->slot.lost || s->slot.replaced);
	json_u64(out, "marks", s->slot.events);
	json_u64(out, "inode_entries", s->slot.inodes);
	json_u64(out, "range_entries", s->slot.ranges);
	json_u64(out, "whole_file_falls", s->slot.whole);
	json_close(out);
	return 0;
}

static int op_status(struct request *q)
{
	struct tracker *t = q->s->opt.tracker;
	uint32_t used = 0, max = 0;
	int e = tracker_fill(t, &used, &max);

	if (e < 0)
		return refuse_errno(q, "read the tracker's maps", e);
	json_str(q->out, "hook_set", tracker_hook_set(t));
	json_hex(q->out, "instance", tracker_instance(t), TRACKER_INSTANCE_LEN);
	json_u64(q->out, "map_entries", used);
	json_u64(q->out, "map_entries_max", max);
	json_array(q->out, "file_systems");
	e = epochs_each(q->s->opt.epochs, tell_fs, q->out);
	json_close(q->out);
	return e;
}

/* A sealed file in memory that holds the set. */
static int dirty_to_fd(const struct dirty *d, int *fd)
{
	CLEANUP_BUF struct buf b = BUF_INIT(DIRTY_ENCODED_MAX);
	CLEANUP_CLOSE int m =
		memfd_create("dirty", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int e = m < 0 ? -errno : dirty_encode(d, &b);

	if (e == 0)
		e = io_write_all(m, SPAN_OF(&b));
	if (e == 0 && fcntl(m, F_ADD_SEALS,
			    F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW) < 0)
		e = -errno;
	if (e == 0)
		*fd = TAKE_FD(m);
	return e;
}

static int read_hex(const struct json *j, const char *key, uint8_t *out,
		    size_t n)
{
	const char *hex = json_to_str(json_get(j, key));

	return hex ? hex_decode(out, n, hex, strlen(hex)) : -EINVAL;
}

static int op_begin(struct request *q)
{
	const char *consumer = json_to_str(json_get(q->j, "consumer"));
	struct epochs_answer a;
	struct epochs_token since;
	uint64_t ma, mi;
	bool has;
	int e;

	if (json_to_u64(json_get(q->j, "major"), &ma) < 0 ||
	    json_to_u64(json_get(q->j, "minor"), &mi) < 0 || !consumer ||
	    strlen(consumer) > 64)
		return refuse(q, "begin needs major, minor and consumer");
	has = read_hex(q->j, "instance", since.instance,
		       sizeof(since.instance)) == 0 &&
	      read_hex(q->j, "fs", since.fs, sizeof(since.fs)) == 0 &&
	      json_to_u64(json_get(q->j, "epoch"), &since.epoch) == 0;
	e = epochs_begin(q->s->opt.epochs,
			 makedev((unsigned int)ma, (unsigned int)mi),
			 has ? &since : NULL, consumer, &a);
	json_bool(q->out, "tracked", e == 0);
	if (e == -ENODEV)
		return 0;
	if (e < 0)
		return refuse_errno(q, "turn the epoch", e);
	json_bool(q->out, "trusted", a.trusted);
	json_str(q->out, "why", a.why);
	json_hex(q->out, "instance", a.token.instance,
		 sizeof(a.token.instance));
	json_hex(q->out, "fs", a.token.fs, sizeof(a.token.fs));
	json_u64(q->out, "epoch", a.token.epoch);
	if (a.trusted)
		e = dirty_to_fd(&a.dirty, &q->pass);
	dirty_release(&a.dirty);
	return e < 0 ? refuse_errno(q, "hand over the marks", e) : 0;
}

static int op_changes(struct request *q)
{
	const char *path = json_to_str(json_get(q->j, "path"));
	struct dirty d = { 0 };
	struct stat st;
	bool kept;
	int e;

	if (json_to_bool(json_get(q->j, "kept"), &kept) < 0)
		kept = false;
	if (!path || stat(path, &st) < 0)
		return refuse(q, "a path is needed");
	e = epochs_peek(q->s->opt.epochs, st.st_dev, kept, &d);
	json_bool(q->out, "tracked", e == 0);
	if (e == 0)
		e = dirty_to_fd(&d, &q->pass);
	dirty_release(&d);
	return e == 0 || e == -ENODEV ? 0 : refuse_errno(q, "read marks", e);
}

static const struct {
	const char *name;
	int (*run)(struct request *q);
} operations[] = {
	{ "status", op_status },
	{ "track-add", op_track_add },
	{ "track-remove", op_track_remove },
	{ "begin", op_begin },
	{ "changes", op_changes },
};

/* --- connections --- */

static int answer(struct server *s, int fd, struct span packet, bool is_root)
{
	CLEANUP_BUF struct buf b = BUF_INIT(CONTROL_PACKET_MAX);
	CLEANUP_JSON struct json *j = NULL;
	struct json_out out = JSON_OUT(&b);
	struct request q = { s, NULL, &out, is_root, -1 };
	const char *op;
	size_t i;
	int e = json_parse(packet, CONTROL_PACKET_MAX, &j);

	if (e < 0)
		return e;
	q.j = j;
	op = json_to_str(json_get(j, "op"));
	for (i = 0; i < ARRAY_LEN(operations); i++)
		if (op && !strcmp(op, operations[i].name))
			break;
	json_object(&out, NULL);
	if (i < ARRAY_LEN(operations))
		e = operations[i].run(&q);
	else
		e = refuse(&q, "no such operation");
	json_close(&out);
	if (e == 0)
		e = json_end(&out);
	if (e == 0)
		e = control_send(fd, SPAN_OF(&b), q.pass);
	if (q.pass >= 0)
		close(q.pass);
	return e;
}

struct connection {
	struct server *s;
	int fd;
};

static void *connection_thread(void *arg)
{
	struct connection *c = arg;
	CLEANUP_BUF struct buf in = BUF_INIT(CONTROL_PACKET_MAX);
	struct ucred who = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(who);
	int passed, e = 0;

	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0)
		e = -errno;
	while (e == 0) {
		struct pollfd p[2] = { { .fd = c->fd, .events = POLLIN },
				       { .fd = c->s->stop, .events = POLLIN } };

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			break;
		if (p[1].revents)
			break;
		if (!p[0].revents)
			continue;
		e = control_recv(c->fd, &in, &passed);
		if (e == 0 && passed >= 0) /* nobody asked for one */
			close(passed);
		if (e == 0)
			e = answer(c->s, c->fd, SPAN_OF(&in), who.uid == 0);
	}
	close(c->fd);
	__atomic_sub_fetch(&c->s->connections, 1, __ATOMIC_RELEASE);
	free(c);
	return NULL;
}

static void take(struct server *s)
{
	struct connection *c;
	pthread_t thread;
	int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	c = malloc(sizeof(*c));
	if (!c || __atomic_add_fetch(&s->connections, 1, __ATOMIC_RELAXED) >
			  CONNECTIONS_MAX)
		goto busy;
	c->s = s;
	c->fd = fd;
	if (pthread_create(&thread, NULL, connection_thread, c) == 0) {
		pthread_detach(thread);
		return;
	}
busy:
	if (c)
		__atomic_sub_fetch(&s->connections, 1, __ATOMIC_RELAXED);
	free(c);
	close(fd);
}

static void *server_thread(void *arg)
{
	struct server *s = arg;

	for (;;) {
		struct pollfd p[2] = { { .fd = s->listener, .events = POLLIN },
				       { .fd = s->stop, .events = POLLIN } };

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return NULL;
		if (p[1].revents)
			return NULL;
		if (p[0].revents)
			take(s);
	}
}

int server_start(const struct server_options *opt, struct server **out)
{
	struct server *s = calloc(1, sizeof(*s));
	struct group *g = getgrnam("tidemark");
	int e;

	if (!s)
		return -ENOMEM;
	s->opt = *opt;
	s->listener = -1;
	pthread_mutex_init(&s->lock, NULL);
	s->stop = eventfd(0, EFD_CLOEXEC);
	e = s->stop < 0 ? -errno
			: control_listen(opt->path, g ? g->gr_gid : (gid_t)-1,
					 &s->listener);
	if (e < 0)
		log_fail(e, "listen on %s", opt->path);
	else
		e = -pthread_create(&s->thread, NULL, server_thread, s);
	s->runs = e == 0;
	if (e < 0) {
		server_stop(s);
		return e;
	}
	*out = s;
	return 0;
}

void server_stop(struct server *s)
{
	uint64_t one = 1;

	if (!s)
		return;
	if (s->runs) {
		if (write(s->stop, &one, sizeof(one)) == sizeof(one))
			pthread_join(s->thread, NULL);
		/* each ends with the request that it is at */
		while (__atomic_load_n(&s->connections, __ATOMIC_ACQUIRE) > 0)
			usleep(1000);
	}
	if (s->listener >= 0) {
		close(s->listener);
		unlink(s->opt.path);
	}
	if (s->stop >= 0)
		close(s->stop);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
