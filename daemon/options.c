/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.c - the command line, and the configuration behind it.
 */
#include "daemon/options.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "base/log.h"
#include "control/control.h"
#include "version.h"

#define RUN_DIR "/run/tidemark"

static const char usage[] =
	"usage: tidemarkd [OPTION]...\n"
	"Record which files change, tell backups of it, and run those that "
	"are\n"
	"scheduled.\n"
	"\n"
	"  --config FILE        read this, and FILE.d; command line options "
	"win\n"
	"                       (/etc/tidemark/tidemarkd.conf)\n"
	"  --check-config       say what is wrong in it and end\n"
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
	"  --job-dir DIR        the history of jobs, and what is remembered "
	"of\n"
	"                       schedules (where the track list is)\n"
	"  --no-tracking        run what is scheduled, and record nothing\n"
	"  --stop-tracking      remove the programs and end\n"
	"  --run COMMAND ARG... run it with the daemon, then end with its "
	"code\n"
	"                       and remove the programs (for tests)\n"
	"  --clock FILE         the time is what FILE says (for tests)\n"
	"  --pressure-dir DIR   instead of /proc/pressure (for tests)\n"
	"  --power-dir DIR      instead of /sys/class/power_supply (for "
	"tests)\n"
	"  -v, --verbose        say more\n"
	"  --version, --help\n";

enum {
	OPT_CONFIG = 256,
	OPT_CHECK,
	OPT_SOCKET,
	OPT_STATE,
	OPT_PINS,
	OPT_LIST,
	OPT_INODES,
	OPT_RANGES,
	OPT_HOOKS,
	OPT_JOBS,
	OPT_NO_TRACKING,
	OPT_STOP,
	OPT_RUN,
	OPT_WITHOUT,
	OPT_CLOCK,
	OPT_PRESSURE,
	OPT_POWER,
	OPT_VERSION,
	OPT_HELP
};

static const struct option long_options[] = {
	{ "config", 1, NULL, OPT_CONFIG },
	{ "check-config", 0, NULL, OPT_CHECK },
	{ "job-dir", 1, NULL, OPT_JOBS },
	{ "no-tracking", 0, NULL, OPT_NO_TRACKING },
	{ "clock", 1, NULL, OPT_CLOCK },
	{ "pressure-dir", 1, NULL, OPT_PRESSURE },
	{ "power-dir", 1, NULL, OPT_POWER },
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
	*out = text;
	return 0;
}

/* Options whose value is kept as it is. */
static const char **text_option(struct options *o, int c)
{
	switch (c) {
	case OPT_CONFIG:
		return &o->config;
	case OPT_SOCKET:
		return &o->socket;
	case OPT_STATE:
		return &o->state;
	case OPT_PINS:
		return &o->pins;
	case OPT_LIST:
		return &o->list;
	case OPT_JOBS:
		return &o->job_dir;
	case OPT_WITHOUT:
		return &o->tracker.without;
	case OPT_CLOCK:
		return &o->clock;
	case OPT_PRESSURE:
		return &o->places.pressure;
	case OPT_POWER:
		return &o->places.power;
	}
	return NULL;
}

/* 1: done; -EINVAL. */
static int take_option(struct options *o, int c, char **argv)
{
	const char **at = text_option(o, c);

	if (at) {
		*at = optarg;
		return 0;
	}
	switch (c) {
	case OPT_CHECK:
		o->check_config = true;
		return 0;
	case OPT_INODES:
		return number(optarg, &o->tracker.max_inodes);
	case OPT_RANGES:
		return number(optarg, &o->tracker.max_ranges);
	case OPT_HOOKS:
		return hook_set(optarg, &o->tracker.hooks);
	case OPT_NO_TRACKING:
		o->no_tracking = true;
		return 0;
	case OPT_STOP:
		o->stop_tracking = true;
		return 0;
	case OPT_RUN:
		o->command = argv + optind;
		return 0;
	case 'v':
		log_set_level(LOG_LEVEL_DEBUG);
		return 0;
	case OPT_VERSION:
		puts("tidemarkd " TIDEMARK_VERSION);
		return 1;
	case OPT_HELP:
		fputs(usage, stdout);
		return 1;
	}
	fputs(usage, stderr);
	return -EINVAL;
}

int options_parse(struct options *o, int argc, char **argv)
{
	int c, e = 0;

	*o = (struct options){ 0 };
	while (e == 0 && !o->command &&
	       (c = getopt_long(argc, argv, "+v", long_options, NULL)) >= 0)
		e = take_option(o, c, argv);
	if (e == 0 && (o->command ? !o->command[0] : optind < argc)) {
		fputs(usage, stderr);
		return -EINVAL;
	}
	return e;
}

/* --- and the configuration --- */

static void fall_back(const char **at, const char *setting, const char *usual)
{
	if (!*at)
		*at = setting ? setting : usual;
}

/* Where the track list is: what belongs together lies together. */
static int find_job_dir(struct options *o)
{
	const char *slash = strrchr(o->list, '/');

	if (o->job_dir)
		return 0;
	o->made_job_dir = slash && slash > o->list
				  ? strndup(o->list, (size_t)(slash - o->list))
				  : strdup(".");
	o->job_dir = o->made_job_dir;
	return o->job_dir ? 0 : -ENOMEM;
}

int options_complete(struct options *o, const struct settings *s)
{
	fall_back(&o->socket, s->socket, CONTROL_SOCKET);
	fall_back(&o->state, s->state_dir, RUN_DIR "/track");
	fall_back(&o->pins, s->pins, "/sys/fs/bpf/tidemark");
	fall_back(&o->list, s->track_list, "/var/lib/tidemark/tracked");
	fall_back(&o->job_dir, s->job_dir, NULL);
	fall_back(&o->places.pressure, NULL, "/proc/pressure");
	fall_back(&o->places.power, NULL, "/sys/class/power_supply");
	if (!o->tracker.max_inodes)
		o->tracker.max_inodes = s->max_inodes;
	if (!o->tracker.max_ranges)
		o->tracker.max_ranges = s->max_ranges;
	o->no_tracking |= !s->tracking;
	o->tracker.pins = o->pins;
	fall_back(&o->tracker.hooks, s->hooks, "auto");
	/* the best that can be had is NULL there */
	if (!strcmp(o->tracker.hooks, "auto"))
		o->tracker.hooks = NULL;
	return find_job_dir(o);
}

void options_release(struct options *o)
{
	free(o->made_job_dir);
}
