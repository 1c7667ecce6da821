/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.h - the command line, and the configuration behind it.
 *
 * Errors:  -EINVAL: told on stderr; -ENOMEM.
 * Memory:  strings belong to the command line and to the settings.
 * Threads: one.
 */
#ifndef DAEMON_OPTIONS_H
#define DAEMON_OPTIONS_H

#include "daemon/hold.h"
#include "settings/settings.h"
#include "track/tracker.h"

struct options {
	const char *config; /* NULL: the usual file, if it is there */
	const char *socket, *state, *pins, *list, *job_dir, *clock;
	struct tracker_options tracker;
	struct hold_places places;
	bool stop_tracking, no_tracking, check_config;
	char **command; /* --run */
	char *made_job_dir;
};

/* 1: done (--help); NULL and 0 stand for what is not given. */
MUST_CHECK int options_parse(struct options *o, int argc, char **argv);
/* What is not given is what the settings say, or the default. The settings
 * must live as long. */
MUST_CHECK int options_complete(struct options *o, const struct settings *s);
void options_release(struct options *o);

#endif /* DAEMON_OPTIONS_H */
