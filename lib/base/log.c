/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.c - lines to stderr or to a sink.
 */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

#define LINE_MAX_BYTES 8192

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static log_sink *sink_fn; /* guarded by lock */
static void *sink_arg;	  /* guarded by lock */
static enum log_level max_level = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	__atomic_store_n(&max_level, level, __ATOMIC_RELAXED);
}

bool log_enabled(enum log_level level)
{
	return level <= __atomic_load_n(&max_level, __ATOMIC_RELAXED);
}

void log_set_sink(log_sink *sink, void *arg)
{
	pthread_mutex_lock(&lock);
	sink_fn = sink;
	sink_arg = arg;
	pthread_mutex_unlock(&lock);
}

char *log_printable(char *out, size_t size, const void *text, size_t len)
{
	const uint8_t *p = text, *end = p + len;
	size_t o = 0;

	while (p < end) {
		size_t n = utf8_len(p, (size_t)(end - p));

		if (n == 0 || *p < 0x20 || *p == 0x7f ||
		    (n == 2 && p[0] == 0xc2 && p[1] < 0xa0)) {
			if (o + 5 > size)
				break;
			snprintf(out + o, 5, "\\x%02x", *p++);
			o += 4;
			continue;
		}
		if (o + n + 1 > size)
			break;
		memcpy(out + o, p, n);
		o += n;
		p += n;
	}
	if (size)
		out[o] = '\0';
	return out;
}

const char *log_strerror(int err)
{
	switch (err < 0 ? -err : err) {
	case EBADMSG:
		return "authentication failed: the data was changed or damaged";
	case EUCLEAN:
		return "damaged structure";
	case EKEYREJECTED:
		return "wrong passphrase";
	case EMSGSIZE:
		return "larger than the format allows";
	case EPROTONOSUPPORT:
		return "made by a newer version of tidemark";
	case ESTALE:
		return "out of date";
	default:
		return strerror(err < 0 ? -err : err);
	}
}

static void emit(enum log_level level, const char *text)
{
	char line[LINE_MAX_BYTES];
	static const char *const prefix[] = {
		[LOG_LEVEL_ERROR] = "",
		[LOG_LEVEL_WARNING] = "warning: ",
		[LOG_LEVEL_INFO] = "",
		[LOG_LEVEL_DEBUG] = "debug: ",
	};

	log_printable(line, sizeof(line), text, strlen(text));
	pthread_mutex_lock(&lock);
	if (sink_fn)
		sink_fn(level, line, sink_arg);
	else
		fprintf(stderr, "tidemark: %s%s\n", prefix[level], line);
	pthread_mutex_unlock(&lock);
}

static void PRINTF_LIKE(2, 0)
	vlog(enum log_level level, const char *fmt, va_list ap)
{
	char text[LINE_MAX_BYTES / 2];

	if (!log_enabled(level))
		return;
	vsnprintf(text, sizeof(text), fmt, ap);
	emit(level, text);
}

int log_fail(int err, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES / 2];
	int saved = errno, n;
	va_list ap;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(text))
		snprintf(text + n, sizeof(text) - (size_t)n, ": %s",
			 log_strerror(err));
	if (log_enabled(LOG_LEVEL_ERROR))
		emit(LOG_LEVEL_ERROR, text);
	errno = saved;
	return err;
}

#define LOG_FN(name, level)                                                    \
	void name(const char *fmt, ...)                                        \
	{                                                                      \
		va_list ap;                                                    \
                                                                               \
		va_start(ap, fmt);                                             \
		vlog(level, fmt, ap);                                          \
		va_end(ap);                                                    \
	}

LOG_FN(log_error, LOG_LEVEL_ERROR)
LOG_FN(log_warn, LOG_LEVEL_WARNING)
LOG_FN(log_info, LOG_LEVEL_INFO)
LOG_FN(log_debug, LOG_LEVEL_DEBUG)
