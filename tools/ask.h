/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask.h - one question to tidemarkd, for verbs that need it.
 *
 * Errors:  negative errno, logged; -EPROTO: the daemon refused, and its words
 *          were logged.
 * Memory:  a reply is the caller's; so is a descriptor that came with it.
 * Threads: one at a time per object.
 */
#ifndef TOOLS_ASK_H
#define TOOLS_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "control/control.h"
#include "tools/cli.h"

/* A request that is being written: members are added to json. */
struct ask {
	struct buf buf;
	struct json_out json;
};

#define CLEANUP_ASK CLEANUP(ask_release)

/* Begin a request for the operation. */
void ask_begin(struct ask *a, const char *op);
/* Connect (--socket, TIDEMARK_SOCKET or the usual place), send, wait for the
 * reply; *fd is -1 or came with it. */
MUST_CHECK int ask_send(struct ask *a, const struct cli *cli,
			struct json **reply, int *fd);
void ask_release(struct ask *a);

/* Members of a reply: 0, false, "?" and NULL if they are not there. */
uint64_t ask_u64(const struct json *j, const char *key);
bool ask_true(const struct json *j, const char *key);
const char *ask_text(const struct json *j, const char *key);
const char *ask_str(const struct json *j, const char *key);

#endif /* TOOLS_ASK_H */
