/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - tidemarkd: records changes, tells backups of them, and runs those
 * that are scheduled.
 *
 * The tracker's programs are pinned and outlive the daemon; only
 * --stop-tracking removes them. A restart, or a death, costs nothing.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fault.h"
#include "base/io.h"
#include "base/log.h"
#include "base/clock.h"
#include "daemon/config.h"
#include "daemon/ops_devices.h"
#include "daemon/ops_off.h"
#include "daemon/ops_track.h"
#include "daemon/options.h"
#include "daemon/planner.h"
#include "daemon/server.h"
#include "base/service.h"
#include "daemon/state.h"
#include "track/pins.h"

#define TICK_MS 1000

struct daemon {
	struct options o;
	struct config *config;
	int signals, lock; /* -1 */
	struct ops_track track;
	struct ops_devices devices;
	struct beside {
		/* what belongs to devices lies beside what belongs to file
		 * systems; what is kept of those that are not mounted, beside
		 * the list */
		char *pins, *state, *list, *keep;
	} beside;
	struct planner *planner;
	struct server *server;
};

static pid_t start_command(const struct options *o)
{
	pid_t pid = fork();
	sigset_t none;

	if (pid != 0)
		return pid;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setenv("TIDEMARK_SOCKET", o->socket, 1);
	execvp(o->command[0], o->command);
	log_error("run %s: %s", o->command[0], log_strerror(-errno));
	_exit(127);
}

/* The directory that a file of ours will be in, if there is none; with
 * --socket DIR/x, the group must be able to go through DIR. */
static int make_parent(const char *path, mode_t mode)
{
	const char *slash = strrchr(path, '/');
	CLEANUP_FREE char *dir = NULL;
	struct stat st;
	int e;

	if (!slash || slash == path)
		return 0;
	dir = strndup(path, (size_t)(slash - path));
	if (!dir)
		return -ENOMEM;
	if (stat(dir, &st) == 0)
		return 0;
	e = io_mkdir_p(dir);
	if (e == 0 && chmod(dir, mode) < 0)
		e = -errno;
	return e < 0 ? log_fail(e, "make %s", dir) : 0;
}

static int beside_init(struct beside *b, const struct options *o)
{
	memset(b, 0, sizeof(*b));
	if (asprintf(&b->pins, "%s-devices", o->pins) < 0)
		b->pins = NULL;
	if (asprintf(&b->state, "%s-devices", o->state) < 0)
		b->state = NULL;
	if (asprintf(&b->list, "%s-devices", o->list) < 0)
		b->list = NULL;
	if (asprintf(&b->keep, "%s.left", o->list) < 0)
		b->keep = NULL;
	return b->pins && b->state && b->list && b->keep ? 0 : -ENOMEM;
}

static void beside_release(struct beside *b)
{
	free(b->pins);
	free(b->state);
	free(b->list);
	free(b->keep);
}

static int stop_tracking(const struct options *o)
{
	struct beside b;
	int e = beside_init(&b, o), r;

	r = pins_end(o->pins);
	if (e == 0)
		e = pins_end(b.pins);
	beside_release(&b);
	return e < 0 ? e : r;
}

static int open_devices(const struct options *o, const struct beside *b,
			struct ops_devices *ops)
{
	const struct devices_options opt = {
		.blocks = { .pins = b->pins,
			    .max_entries = o->tracker.max_ranges,
			    .without = o->tracker.without },
		.state_dir = b->state,
		.without = o->tracker.without,
	};
	int e = devices_open(&opt, &ops->devices);

	ops->list.file = b->list;
	if (e == 0)
		ops_devices_listed(ops);
	return e;
}

/* --- tracking --- */

/* What cannot be tracked is logged, and scanned. */
static void track_configured(struct daemon *d)
{
	const struct settings_list *l = &d->config->s.track;

	ops_track_configured(&d->track, l->v, l->n);
}

static int open_tracking(struct daemon *d)
{
	const struct options *o = &d->o;
	struct epochs_options eopt = { .state_dir = o->state,
				       .keep_dir = d->beside.keep,
				       .without = o->tracker.without };
	int e = state_lock(o->state, &d->lock);

	if (e == 0)
		e = tracker_open(&o->tracker, &d->track.tracker);
	if (e < 0)
		return e;
	log_info("hook set %s, %s", tracker_hook_set(d->track.tracker),
		 tracker_was_pinned(d->track.tracker) ? "taken over"
						      : "loaded");
	eopt.tracker = d->track.tracker;
	e = epochs_open(&eopt, &d->track.epochs);
	if (e == 0)
		e = open_devices(o, &d->beside, &d->devices);
	if (e == 0) {
		ops_track_listed(&d->track);
		track_configured(d);
	}
	return e;
}

/* --- running --- */

/* SIGHUP. What is wrong is logged, and then everything stays as it is. */
static void reload(struct daemon *d)
{
	struct config *config = NULL;
	int e;

	service_reloading();
	e = config_read(d->o.config ?: SETTINGS_FILE, d->o.config != NULL,
			&config);
	if (e == 0)
		e = planner_use(d->planner, config);
	if (e < 0) {
		log_error("the configuration was not read again: the old one "
			  "stays in force");
		config_put(config);
	} else {
		config_put(d->config);
		d->config = config;
		if (d->track.epochs)
			track_configured(d);
		log_info("the configuration was read again; what [daemon] says "
			 "counts from the next start on");
	}
	service_notify("READY=1\n");
}

/* Until a signal, or until the command has ended: its exit code. */
static int loop(struct daemon *d, pid_t command)
{
	for (;;) {
		struct pollfd p = { .fd = d->signals, .events = POLLIN };
		struct signalfd_siginfo si;
		int status, n = poll(&p, 1, TICK_MS);

		if (n <= 0 && d->track.epochs) {
			epochs_tick(d->track.epochs);
			devices_tick(d->devices.devices);
		}
		if (n <= 0 || read(d->signals, &si, sizeof(si)) != sizeof(si))
			continue;
		if (si.ssi_signo == SIGHUP) {
			reload(d);
			continue;
		}
		if (si.ssi_signo != SIGCHLD)
			return 0;
		if (command > 0 &&
		    waitpid(command, &status, WNOHANG) == command)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	}
}

static int start_server(struct daemon *d)
{
	struct server_table tables[3] = { planner_table(d->planner) };
	struct server_options sopt = { .path = d->o.socket,
				       .tables = tables,
				       .n_tables = 1 };

	if (d->o.no_tracking) {
		tables[sopt.n_tables++] = ops_off_table();
	} else {
		tables[sopt.n_tables++] = ops_track_table(&d->track);
		tables[sopt.n_tables++] = ops_devices_table(&d->devices);
	}
	return server_start(&sopt, &d->server);
}

static int start(struct daemon *d)
{
	const struct planner_options popt = { .dir = d->o.job_dir,
					      .socket = d->o.socket,
					      .places = d->o.places };
	int e = make_parent(d->o.socket, 0755);

	if (e == 0)
		e = make_parent(d->o.list, 0700);
	if (e == 0)
		e = beside_init(&d->beside, &d->o);
	if (e == 0 && !d->o.no_tracking)
		e = open_tracking(d);
	if (e == 0)
		e = planner_open(&popt, d->config, &d->planner);
	if (e == 0)
		e = start_server(d);
	/* a job asks the server */
	return e < 0 ? e : planner_start(d->planner);
}

static int run(struct daemon *d)
{
	pid_t command = -1;
	int code = 1;

	d->track.list.file = d->o.list;
	if (start(d) == 0) {
		service_notify("READY=1\n");
		if (d->o.command)
			command = start_command(&d->o);
		code = loop(d, command);
		service_notify("STOPPING=1\n");
	}
	planner_stop(d->planner);
	server_stop(d->server);
	planner_free(d->planner);
	devices_close(d->devices.devices);
	epochs_close(d->track.epochs);
	tracker_close(d->track.tracker);
	if (d->o.command && !d->o.no_tracking)
		(void)stop_tracking(&d->o);
	if (d->lock >= 0)
		close(d->lock);
	beside_release(&d->beside);
	return code;
}

/* Before any thread: they all inherit it. */
static int block_signals(void)
{
	static const int all[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD };
	sigset_t set;
	size_t i;
	int fd;

	sigemptyset(&set);
	for (i = 0; i < ARRAY_LEN(all); i++)
		sigaddset(&set, all[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	return fd < 0 ? log_fail(-errno, "signalfd") : fd;
}

/* 0: go on; else the exit code is there. */
static int configure(struct daemon *d, int *code)
{
	struct options *o = &d->o;
	const char *file = o->config ?: SETTINGS_FILE;
	int e = config_read(file, o->config != NULL, &d->config);

	*code = 2;
	if (e < 0) {
		log_error("%s: not started", file);
		return e;
	}
	if (o->check_config) {
		log_info("%s: %zu schedule%s, no mistakes", file,
			 d->config->s.n_schedules,
			 d->config->s.n_schedules == 1 ? "" : "s");
		*code = 0;
		return 1;
	}
	clock_use(o->clock);
	return options_complete(o, &d->config->s);
}

int main(int argc, char **argv)
{
	struct daemon d = { .lock = -1,
			    .track.list.lock = PTHREAD_MUTEX_INITIALIZER,
			    .devices.list.lock = PTHREAD_MUTEX_INITIALIZER };
	struct config *first;
	int e = options_parse(&d.o, argc, argv), code = 2;

	service_log_init();
	umask(077);
	if (e != 0)
		return e < 0 ? 2 : 0;
	if (fault_init() < 0)
		return 2;
	if (configure(&d, &code) == 0) {
		/* the options hold on to its strings */
		first = config_get(d.config);
		d.signals = block_signals();
		if (d.signals < 0)
			code = 1;
		else if (d.o.stop_tracking)
			code = stop_tracking(&d.o) < 0;
		else
			code = run(&d);
		config_put(first);
	}
	config_put(d.config);
	options_release(&d.o);
	return code;
}
