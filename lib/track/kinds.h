/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kinds.h - why file systems of some kinds are scanned, in words.
 *
 * Names:   types as /proc/self/mountinfo has them: "ext4", "fuse.sshfs".
 * Threads: any.
 */
#ifndef TRACK_KINDS_H
#define TRACK_KINDS_H

/* A sentence's end, static: why no tracker in this kernel can see all changes
 * to such a file system. NULL: nothing is known against it. */
const char *kind_why_not(const char *type);
/* Of what path lies on, which is not tracked: why that is scanned. Static. */
const char *kind_why_scanned(const char *path);

#endif /* TRACK_KINDS_H */
