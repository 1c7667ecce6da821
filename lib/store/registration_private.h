/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registration_private.h - what registration.c and enroll.c share.
 *
 * Errors:  logged.
 */
#ifndef STORE_REGISTRATION_PRIVATE_H
#define STORE_REGISTRATION_PRIVATE_H

#include "store/registration.h"

#define REGISTRATION_KEY "key.pem"
#define REGISTRATION_CERTIFICATE "cert.pem"
#define REGISTRATION_AUTHORITY "authority.pem"
#define REGISTRATION_RECORD "registration.json"

/* All but the key, into the directory fd; durable, the record last. */
MUST_CHECK int registration_save(int fd, const struct registration *r);
MUST_CHECK int registration_save_certificate(int fd,
					     const struct registration *r);
/* All files, and the directory if it is empty then. */
MUST_CHECK int registration_remove(int fd, const char *dir);

#endif /* STORE_REGISTRATION_PRIVATE_H */
