/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service.h - what the service manager and its journal are told.
 *
 * Source:  sd_notify(3), sd-daemon(3), systemd.exec(5) (JOURNAL_STREAM).
 * Threads: any.
 */
#ifndef BASE_SERVICE_H
#define BASE_SERVICE_H

#include "base/macros.h"

/* Lines like "STATUS=...", if NOTIFY_SOCKET is set. */
void service_notify(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* RELOADING=1, with the time that goes with it. */
void service_reloading(void);
/* If stderr is the journal's, lines carry their priority: "<3>text". */
void service_log_init(void);

#endif /* BASE_SERVICE_H */
