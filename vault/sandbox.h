/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox.h - who the process is, and what it may still ask the kernel for.
 *
 * A vault belongs to the user who owns its directory. Root who runs a command
 * becomes that user before anything there is read, so that no file of the
 * vault ever belongs to root, and nothing that is in it reaches root. A server
 * keeps the right to take a port below 1024 until it has it.
 *
 * Then the server gives up what is left for good: every capability, every new
 * privilege, and all system calls but those that serving needs. What is not on
 * the list fails with EPERM: starting programs, looking into other processes,
 * mounting, loading anything into the kernel, changing who it is. New threads
 * inherit that.
 *
 * Errors:  negative errno, logged.
 * Threads: one, before there are others.
 * Source:  capabilities(7), seccomp(2), sd_listen_fds(3).
 */
#ifndef VAULT_SANDBOX_H
#define VAULT_SANDBOX_H

#include <stdbool.h>

#include "base/macros.h"

/* Root becomes the owner of dir: for good, but for the port (a server); or
 * until sandbox_leave() (a command). Others, and root whose own dir is, stay
 * who they are. */
MUST_CHECK int sandbox_become_owner(const char *dir, bool for_good);
/* Root again, to write what root has asked for; and back. */
MUST_CHECK int sandbox_leave(void);
MUST_CHECK int sandbox_return(void);
/* The directory, empty or not there yet, is that user's. */
MUST_CHECK int sandbox_give(const char *dir, const char *user);

/* For good. may_kill: a command runs that is told to end. */
MUST_CHECK int sandbox_enter(bool may_kill);

/* A listening socket that the service manager has opened, or -1: none, or
 * (logged) one that is none. */
int sandbox_socket(void);

#endif /* VAULT_SANDBOX_H */
