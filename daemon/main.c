/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - tidemarkd: records changes, and tells backups of them.
 *
 * The tracker's programs are pinned and outlive the daemon; only
 * --stop-tracking removes them. A restart, or a death, costs nothing.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/io.h"
#include "base/log.h"
#include "control/control.h"
#include "daemon/ops_devices.h"
#include "daemon/ops_track.h"
#include "daemon/server.h"
#include "daemon/state.h"
#include "version.h"

#define RUN_DIR "/run/tidemark"
#define TICK_MS 1000

struct daemon_options {
	const char *socket, *state, *pins, *list;
	struct tracker_options tracker;
	bool stop_tracking;
	char **command; /* --run */
};

static const char usage[] =
	"usage: tidemarkd [OPTION]...\n"
	"Record which files change, and tell backups of it.\n"
	"\n"
	"  --socket PATH        listen here (" CONTROL_SOCKET ")\n"
	"  --state-dir DIR      marks on their way (" RUN_DIR "/track);\n"
	"                       a tmpfs, since marks end with the kernel\n"
	"  --pins DIR           a bpffs (/sys/fs/bpf/tidemark)\n"
	"  --track-list FILE    what is tracked after a restart\n"
	"                       (/var/lib/tidemark/tracked)\n"
	"  --max-inodes N       changed files between two backups, before all\n"
	"                       is scanned (262144; 88 bytes each)\n"
	"  --max-ranges N       changed MiB of large files (262144; 96 bytes "
	"each)\n"
	"  --hooks SET          vfs, tracepoint, or auto: the best that the\n"
	"                       kernel takes (auto)\n"
	"  --stop-tracking      remove the programs and end\n"
	"  --run COMMAND ARG... run it with the daemon, then end with its "
	"code\n"
	"                       and remove the programs (for tests)\n"
	"  -v, --verbose        say more\n"
	"  --version, --help\n";

enum {
	OPT_SOCKET = 256,
	OPT_STATE,
	OPT_PINS,
	OPT_LIST,
	OPT_INODES,
	OPT_RANGES,
	OPT_HOOKS,
	OPT_STOP,
	OPT_RUN,
	OPT_WITHOUT,
	OPT_VERSION,
	OPT_HELP
};

static const struct option long_options[] = {
	{ "socket", 1, NULL, OPT_SOCKET },
	{ "state-dir", 1, NULL, OPT_STATE },
	{ "pins", 1, NULL, OPT_PINS },
	{ "track-list", 1, NULL, OPT_LIST },
	{ "max-inodes", 1, NULL, OPT_INODES },
	{ "max-ranges", 1, NULL, OPT_RANGES },
	{ "hooks", 1, NULL, OPT_HOOKS },
	{ "stop-tracking", 0, NULL, OPT_STOP },
	{ "run", 0, NULL, OPT_RUN },
	{ "without", 1, NULL, OPT_WITHOUT },
	{ "verbose", 0, NULL, 'v' },
	{ "version", 0, NULL, OPT_VERSION },
	{ "help", 0, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static int number(const char *text, uint32_t *out)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (!*text || *end || n == 0 || n > 1u << 28) {
		log_error("%s is no number from 1 to %u", text, 1u << 28);
		return -EINVAL;
	}
	*out = (uint32_t)n;
	return 0;
}

static int hook_set(const char *text, const char **out)
{
	if (strcmp(text, "auto") != 0 && strcmp(text, "vfs") != 0 &&
	    strcmp(text, "tracepoint") != 0) {
		log_error("--hooks %s: there are auto, vfs and tracepoint",
			  text);
		return -EINVAL;
	}
	*out = strcmp(text, "auto") ? text : NULL;
	return 0;
}

/* 1: done. */
static int parse(int argc, char **argv, struct daemon_options *o)
{
	int c, e = 0;

	while (e == 0 && !o->command &&
	       (c = getopt_long(argc, argv, "+v", long_options, NULL)) >= 0) {
		switch (c) {
		case OPT_SOCKET:
			o->socket = optarg;
			break;
		case OPT_STATE:
			o->state = optarg;
			break;
		case OPT_PINS:
			o->pins = optarg;
			break;
		case OPT_LIST:
			o->list = optarg;
			break;
		case OPT_INODES:
			e = number(optarg, &o->tracker.max_inodes);
			break;
		case OPT_RANGES:
			e = number(optarg, &o->tracker.max_ranges);
			break;
		case OPT_HOOKS:
			e = hook_set(optarg, &o->tracker.hooks);
			break;
		case OPT_STOP:
			o->stop_tracking = true;
			break;
		case OPT_RUN:
			o->command = argv + optind;
			break;
		case OPT_WITHOUT:
			o->tracker.without = optarg;
			break;
		case 'v':
			log_set_level(LOG_LEVEL_DEBUG);
			break;
		case OPT_VERSION:
			puts("tidemarkd " TIDEMARK_VERSION);
			return 1;
		case OPT_HELP:
			fputs(usage, stdout);
			return 1;
		default:
			fputs(usage, stderr);
			return -EINVAL;
		}
	}
	if (e == 0 && (o->command ? !o->command[0] : optind < argc)) {
		fputs(usage, stderr);
		return -EINVAL;
	}
	return e;
}

/* Tell the service manager (sd_notify(3)). */
static void notify(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	CLEANUP_CLOSE int fd = -1;
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;

	if (len == 0 || len >= sizeof(sa.sun_path))
		return;
	memcpy(sa.sun_path, path, len);
	if (sa.sun_path[0] == '@')
		sa.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		(void)!sendto(
			fd, text, strlen(text), MSG_NOSIGNAL,
			(struct sockaddr *)&sa,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				    len));
}

static pid_t start_command(const struct daemon_options *o)
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

/* Until a signal, or until the command has ended: its exit code. */
static int loop(struct epochs *epochs, struct devices *devices, int signals,
		pid_t command)
{
	for (;;) {
		struct pollfd p = { .fd = signals, .events = POLLIN };
		struct signalfd_siginfo si;
		int status, n = poll(&p, 1, TICK_MS);

		if (n <= 0) {
			epochs_tick(epochs);
			devices_tick(devices);
			continue;
		}
		if (read(signals, &si, sizeof(si)) != sizeof(si))
			continue;
		if (si.ssi_signo != SIGCHLD)
			return 0;
		if (command > 0 &&
		    waitpid(command, &status, WNOHANG) == command)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	}
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

/* What belongs to devices lies beside what belongs to file systems; what is
 * kept of those that are not mounted, beside the list. */
struct beside {
	char *pins, *state, *list, *keep;
};

static int beside_init(struct beside *b, const struct daemon_options *o)
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

static int stop_tracking(const struct daemon_options *o)
{
	struct beside b;
	int e = beside_init(&b, o), r;

	r = tracker_unpin(o->pins);
	if (e == 0)
		e = blocks_unpin(b.pins);
	beside_release(&b);
	return e < 0 ? e : r;
}

static int open_devices(const struct daemon_options *o, const struct beside *b,
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

	ops->list = b->list;
	if (e == 0)
		ops_devices_listed(ops);
	return e;
}

static int run(const struct daemon_options *o, int signals)
{
	struct tracker_options topt = o->tracker;
	struct ops_track track = { .list = o->list,
				   .lock = PTHREAD_MUTEX_INITIALIZER };
	struct ops_devices devices = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct server_table tables[] = { ops_track_table(&track),
					 ops_devices_table(&devices) };
	struct server_options sopt = { .path = o->socket,
				       .tables = tables,
				       .n_tables = ARRAY_LEN(tables) };
	struct epochs_options eopt = { .state_dir = o->state };
	struct server *server = NULL;
	struct beside beside;
	CLEANUP_CLOSE int lock = -1;
	pid_t command = -1;
	int e, code = 1;

	topt.pins = o->pins;
	if (make_parent(o->socket, 0755) < 0 || make_parent(o->list, 0700) < 0)
		return 1;
	e = state_lock(o->state, &lock);
	if (e == 0)
		e = tracker_open(&topt, &track.tracker);
	if (e < 0)
		return 1;
	log_info("hook set %s, %s", tracker_hook_set(track.tracker),
		 tracker_was_pinned(track.tracker) ? "taken over" : "loaded");
	e = beside_init(&beside, o);
	eopt.tracker = track.tracker;
	eopt.keep_dir = beside.keep;
	eopt.without = topt.without;
	if (e == 0)
		e = epochs_open(&eopt, &track.epochs);
	if (e == 0)
		e = open_devices(o, &beside, &devices);
	if (e == 0) {
		ops_track_listed(&track);
		e = server_start(&sopt, &server);
	}
	if (e == 0) {
		notify("READY=1\n");
		if (o->command)
			command = start_command(o);
		code = loop(track.epochs, devices.devices, signals, command);
		notify("STOPPING=1\n");
	}
	server_stop(server);
	devices_close(devices.devices);
	epochs_close(track.epochs);
	tracker_close(track.tracker);
	if (o->command)
		(void)stop_tracking(o);
	beside_release(&beside);
	return code;
}

int main(int argc, char **argv)
{
	struct daemon_options o = { .socket = CONTROL_SOCKET,
				    .state = RUN_DIR "/track",
				    .pins = "/sys/fs/bpf/tidemark",
				    .list = "/var/lib/tidemark/tracked" };
	sigset_t set;
	int e = parse(argc, argv, &o), signals;

	if (e != 0)
		return e < 0 ? 2 : 0;
	if (o.stop_tracking)
		return stop_tracking(&o) < 0;
	umask(077);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	/* before any thread: they all inherit it */
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (signals < 0) {
		log_fail(-errno, "signalfd");
		return 1;
	}
	e = run(&o, signals);
	close(signals);
	return e;
}
