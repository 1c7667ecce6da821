/* SPDX-License-Identifier: Apache-2.0 */
/*
 * macros.h - the few compiler words that every file uses.
 *
 * CLEANUP_*  run when the variable leaves its scope; the variable must be
 *            initialised where it is declared (with the value, -1 or NULL).
 * TAKE_*     hand the value on: the variable forgets it and cleans nothing.
 */
#ifndef BASE_MACROS_H
#define BASE_MACROS_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define CLEANUP_FREE CLEANUP(cleanup_free)
#define CLEANUP_CLOSE CLEANUP(cleanup_close)
#define CLEANUP_FILE CLEANUP(cleanup_file)

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_file(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define TAKE_PTR(p)                                                            \
	({                                                                     \
		__typeof__(p) take_ptr_ = (p);                                 \
		(p) = NULL;                                                    \
		take_ptr_;                                                     \
	})

#define TAKE_FD(fd)                                                            \
	({                                                                     \
		int take_fd_ = (fd);                                           \
		(fd) = -1;                                                     \
		take_fd_;                                                      \
	})

#define MIN(a, b)                                                              \
	({                                                                     \
		__typeof__(a) min_a_ = (a);                                    \
		__typeof__(b) min_b_ = (b);                                    \
		min_a_ < min_b_ ? min_a_ : min_b_;                             \
	})
#define MAX(a, b)                                                              \
	({                                                                     \
		__typeof__(a) max_a_ = (a);                                    \
		__typeof__(b) max_b_ = (b);                                    \
		max_a_ > max_b_ ? max_a_ : max_b_;                             \
	})

#endif /* BASE_MACROS_H */
