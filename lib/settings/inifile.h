/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inifile.h - the lines of an ini file, each with its number.
 *
 * libinih splits them. It tells neither the lines of what it hands out nor
 * more than one mistake, and cuts what is too long; so lines are counted and
 * looked at on their way to it.
 *
 * A line is [section], key = value, or a comment that starts with # or ;.
 * Blanks around words do not count. There are no comments behind a value and
 * no continued lines: both would change values that people paste.
 *
 * Errors:  -ENOMEM; what is wrong in the text goes to the sink.
 * Memory:  strings are borrowed for the call.
 * Threads: one at a time.
 */
#ifndef SETTINGS_INIFILE_H
#define SETTINGS_INIFILE_H

#include "base/buf.h"
#include "base/macros.h"

#define INIFILE_LINE_MAX 8000
#define INIFILE_WORD_MAX 49 /* of a section's or a key's name */

struct inifile_sink {
	void (*section)(void *arg, unsigned int line, const char *name);
	/* Belongs to the section before; not called after a bad one. */
	void (*pair)(void *arg, unsigned int line, const char *key,
		     const char *value);
	void (*wrong)(void *arg, unsigned int line, const char *why);
	void *arg;
};

MUST_CHECK int inifile_read(struct span text, const struct inifile_sink *sink);

#endif /* SETTINGS_INIFILE_H */
