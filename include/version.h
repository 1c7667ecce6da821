/* SPDX-License-Identifier: Apache-2.0 */
/*
 * version.h - the version of the programs, for all of them.
 *
 * TIDEMARK_DATE is the date of that version in the manual pages; it is fixed
 * here, so that the same source gives the same pages on every day.
 */
#ifndef VERSION_H
#define VERSION_H

#ifndef TIDEMARK_VERSION
#define TIDEMARK_VERSION "0.1.0"
#endif
#define TIDEMARK_DATE "November 21, 2026"

#endif /* VERSION_H */
