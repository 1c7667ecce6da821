/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verbs_restore.c - the table of verbs: options of restore.
 */
#include "tools/verbs_private.h"

/* clang-format off */

const struct cli_form restore_forms[] = {
	FORM("SNAPSHOT[:PATH]", 1, 1), FORM_END
};
const struct cli_opt restore_opts[] = {
#define G .group = "Where to"
	OPT(STRING, "target", 't', "DIR", "restore below this directory", G,
	    .excludes = "in-place", .hint = CLI_HINT_DIR, .aka = "into"),
	FLAG("in-place", 0, "restore where it was", G),
	FLAG("changed-only", 0,
	    "with --in-place: look only at what changed since the snapshot", G,
	    .needs = "in-place", .excludes = PATTERNS_OF("include"),
	    .aka = "rollback",
	    .detail = "Comes to the same as --overwrite if-changed, and costs "
		      "what changed instead of what there is: after "
		      "ransomware, say, or a script gone wrong. It takes the "
		      "last snapshot that this machine made of these paths, "
		      "and a tracker that is trusted since (tidemark-track(1); "
		      "btrfs is asked itself). Otherwise nothing is done, and "
		      "it is said why. With --delete, which removes what came "
		      "since, the --exclude options must be those of the "
		      "backup. Directories above the sources are left as they "
		      "are."),
	OPT(STRING, "to-device", 0, "DEVICE",
	    "write the file PATH, an image, to this block device", G,
	    .hint = CLI_HINT_FILE,
	    .excludes = "target in-place overwrite delete no-owner no-xattrs "
			PATTERNS_OF("include") " " PATTERNS_OF("exclude"),
	    .detail = "What is on the device is lost. It must be as large as "
		      "the image, or larger: then the rest of it stays as it "
		      "is. One that is mounted, or in use otherwise, is "
		      "refused."),
	OPT(WORD, "overwrite", 0, "WHEN",
	    "what exists: always, if-changed, if-newer or never replace it", G,
	    .words = "always if-changed if-newer never",
	    .detail = "Needed if the target is not empty. With if-changed, "
		      "content that is already right is compared and not "
		      "written again; always writes all of it. --delete alone "
		      "means if-changed."),
	FLAG("delete", 0, "remove what the snapshot does not hold", G,
	    .excludes = PATTERNS_OF("include"),
	    .detail = "Only below the restored directories. What the snapshot "
		      "holds is made right, as with --overwrite if-changed, "
		      "if --overwrite does not say otherwise."),
#undef G
#define G .group = "What to restore"
	PATTERNS("include", 'i', "only what matches", NULL, G,
		 .excludes = PATTERNS_OF("exclude")),
	PATTERN_FILES("include", "only by patterns in a file", NULL, NULL, G,
		      .excludes = PATTERNS_OF("exclude")),
	PATTERNS("exclude", 'e', "all but what matches", NULL, G),
	PATTERN_FILES("exclude", "all but by patterns in a file", NULL, NULL,
		      G),
#undef G
	SHARED_FILTERS('H', "for latest and times, only snapshots"),
	FLAG("no-owner", 0, "leave owner and group to the caller's",
	    .aka = "no-same-owner numeric-ids",
	    .detail = "Without this, owners that cannot be set are one "
		      "warning for users and a failure for root."),
	FLAG("no-xattrs", 0, "no extended attributes, ACLs or capabilities",
	    .aka = "exclude-xattr"),
	FLAG("verify", 0, "read what was written and compare",
	    .excludes = "dry-run"),
	DRY_RUN("report, but write nothing", .excludes = "verify"),
	OPT_END
};
