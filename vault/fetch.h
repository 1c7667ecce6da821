/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch.h - GET something small by https.
 *
 * Nothing is followed elsewhere. Ten seconds in all.
 *
 * Errors:  -EIO (logged): it could not be had; -EMSGSIZE (logged): it is
 *          longer than out may be; -ENOMEM.
 * Threads: any.
 */
#ifndef VAULT_FETCH_H
#define VAULT_FETCH_H

#include "base/buf.h"
#include "base/macros.h"

/* Append the answer's body. authority: a PEM file of whom to trust, or NULL:
 * the system's. */
MUST_CHECK int fetch(const char *url, const char *authority, struct buf *out);

#endif /* VAULT_FETCH_H */
