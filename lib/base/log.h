/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h - one line to the operator.
 *
 * The one who detects an error logs it, once, with the object and the
 * operation, and returns it: `return log_fail(-errno, "open %s", path);`
 * Control bytes in the text (hostile file names) are written as \xNN.
 * Secrets are never arguments.
 *
 * Threads: any.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

#include "base/macros.h"

enum log_level {
	LOG_LEVEL_ERROR = 3, /* the numbers are syslog's */
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

/* A sink gets one line without a newline, already made printable. */
typedef void log_sink(enum log_level level, const char *line, void *arg);

/* Lines above level are dropped. Default: LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);
/* NULL restores the default sink: "tidemark: LINE" on stderr. */
void log_set_sink(log_sink *sink, void *arg);

/* Log "TEXT: strerror(-err)" as an error (err < 0) and return err. */
int log_fail(int err, const char *fmt, ...) PRINTF_LIKE(2, 3);
void log_error(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_warn(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_info(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_debug(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* What err means, in words of this project where errno's would mislead
 * (EBADMSG: "authentication failed", EUCLEAN: "damaged structure", ...). */
const char *log_strerror(int err);

/* Make text printable: control bytes and bytes that are not UTF-8 become
 * \xNN. At most size - 1 bytes and a NUL. Returns out. */
char *log_printable(char *out, size_t size, const void *text, size_t len);

#endif /* BASE_LOG_H */
