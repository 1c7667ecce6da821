/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verbs.c - the table: every verb, its forms and its options.
 *
 * Usage, parser, manual pages and completions come from here alone; cli.h
 * says what the fields mean. The spellings are those that users of restic
 * and borg know. Longer than a file of code should be, because it is one
 * table.
 */
#include "tools/verbs_private.h"

#include "tools/commands.h"

/* clang-format off */

static const struct cli_form no_args[] = { FORM("", 0, 0), FORM_END };
static const struct cli_form any_snapshots[] = {
	FORM("[SNAPSHOT]...", 0, -1), FORM_END
};

/* --- options of every verb --- */

#define G .group = "Global options"
const struct cli_opt cli_global_opts[] = {
	OPT(STRING, "repo", 'r', "REPOSITORY", "the repository", G,
	    .env = "TIDEMARK_REPOSITORY", .hint = CLI_HINT_DIR,
	    .detail = "A directory; or vault: for the vault that this machine "
		      "is registered with (tidemark-register(1)), vault:DIR "
		      "if the registration is in DIR. With #MACHINE behind that, "
		      "another machine's repository, if the registration is "
		      "one to restore; with @N, the repository as it was with "
		      "head N, and what was forgotten since. Nothing is "
		      "written to these."),
	OPT(STRING, "passphrase-file", 'p', "FILE",
	    "read the passphrase from a file", G,
	    .excludes = "passphrase-fd passphrase-command",
	    .hint = CLI_HINT_FILE, .aka = "password-file key-file",
	    .detail = "One newline at its end is taken off. The environment "
		      "variable TIDEMARK_PASSPHRASE_FILE does the same."),
	OPT(INT, "passphrase-fd", 0, "N",
	    "read the passphrase from an open descriptor", G, .max = 1048576,
	    .excludes = "passphrase-file passphrase-command"),
	OPT(STRING, "passphrase-command", 0, "COMMAND",
	    "take the passphrase from what a command prints", G,
	    .excludes = "passphrase-file passphrase-fd",
	    .hint = CLI_HINT_COMMAND, .aka = "password-command passcommand",
	    .detail = "The command is run by /bin/sh with an empty standard "
		      "input. The environment variable "
		      "TIDEMARK_PASSPHRASE_COMMAND does the same."),
	OPT(STRING, "cache-dir", 0, "DIR", "keep the local catalog here", G,
	    .env = "TIDEMARK_CACHE_DIR", .hint = CLI_HINT_DIR,
	    .detail = "The default is $XDG_CACHE_HOME/tidemark if that is "
		      "set, else /var/cache/tidemark for root and "
		      "~/.cache/tidemark for others; without HOME there is none. What is in it can be thrown away at any time; "
		      "the next backup is then slower."),
	OPT(SIZE, "limit-rate", 0, "SIZE",
	    "at most this many bytes a second to and from the repository", G,
	    .aka = "limit-upload limit-download upload-ratelimit"),
	OPT(STRING, "limit-work-hours", 0, "HOURS",
	    "another such limit, in these hours of the week", G,
	    .detail = "Days, hours and a rate: 'mon-fri 08:00-18:00 512K', "
		      "'sat,sun 22:00-06:00 2M', 'daily 00:00-12:00 1M'. Then "
		      "--limit-rate is for the rest of the week; without it "
		      "the rest is unlimited. Hours are local time; "
		      "what is under way keeps to each new hour."),
	FLAG("accept-rollback", 0,
	    "go on although the repository is older than seen before", G,
	    .detail = "For a repository that was put back from a copy on "
		      "purpose."),
	OPT(INT, "expect-head", 0, "N",
	    "refuse a repository whose newest head is older than N", G,
	    .max = INT64_MAX,
	    .detail = "A machine remembers the newest head that it has seen. "
		      "One that has seen none, as when another's files are "
		      "restored there, is told by this. backup says the "
		      "number: \"saved (head N)\"."),
	FLAG("json", 0, "print JSON lines, for scripts", G,
	    .aka = "log-json"),
	FLAG("quiet", 'q', "no progress and no summary", G,
	    .excludes = "verbose"),
	FLAG("verbose", 'v', "say more; twice: say most", G),
	FLAG("help", 'h', "explain the verb", G, .aka = "usage"),
	FLAG("version", 'V', "print the version", G),
	OPT_END
};
#undef G

/* --- init --- */

static const struct cli_opt init_opts[] = {
	KDF(),
	OPT(STRING, "label", 0, "TEXT", "a name for the first key"),
	OPT_END
};

/* --- backup --- */

static const struct cli_form backup_forms[] = {
	FORM("PATH...", 1, -1), FORM_END
};

#define INPUTS "files-from files-from-verbatim files-from-raw"
#define STDIN_WITH PATTERNS_OF("exclude") " exclude-caches "                   \
		   "exclude-if-present exclude-larger-than one-file-system "

/* Of backup, and of audit, which must be given the same. */
#define LEFT_OUT .group = "What to leave out"
#define NAMED .group = "What to back up"
#define LEAVE_OUT							       \
	PATTERNS("exclude", 'e', "leave out what matches",		       \
		 "* and ? stand for any characters of one name, ** for any "   \
		 "number of directories. A pattern that starts with / is "     \
		 "matched from the root, others at any depth.", LEFT_OUT),     \
	PATTERN_FILES("exclude", "leave out by patterns in a file",	       \
		      "exclude-from",					       \
		      "One pattern in each line. Empty lines and lines that "  \
		      "start with # are comments. A line that starts with ! "  \
		      "takes back in what an earlier pattern left out.", LEFT_OUT),\
	FLAG("exclude-caches", 0, "leave out directories with a CACHEDIR.TAG", \
	    LEFT_OUT, .detail = "As https://bford.info/cachedir/ defines it. The tag "\
			 "itself is kept."),				       \
	OPT(LIST, "exclude-if-present", 0, "NAME[:HEADER]",		       \
	    "leave out directories that hold this file", LEFT_OUT,	       \
	    .detail = "With a header, the file must start with it. The "       \
		      "directory itself and the file are kept."),	       \
	OPT(SIZE, "exclude-larger-than", 0, "SIZE",			       \
	    "leave out files over this size", LEFT_OUT),		       \
	FLAG("one-file-system", 'x', "do not enter other file systems", LEFT_OUT)
#define PATHS_FROM							       \
	OPT(LIST, "files-from", 0, "FILE", "paths by patterns in a file", NAMED,\
	    .hint = CLI_HINT_FILE,					       \
	    .detail = "One shell pattern in each line; empty lines and lines " \
		      "that start with # are comments. The file - is standard "\
		      "input."),					       \
	OPT(LIST, "files-from-verbatim", 0, "FILE",			       \
	    "paths from a file, one in each line", NAMED, .hint = CLI_HINT_FILE),\
	OPT(LIST, "files-from-raw", 0, "FILE",				       \
	    "paths from a file, each ended by a zero byte", NAMED,	       \
	    .hint = CLI_HINT_FILE, .detail = "As find -print0 writes them.")

static const struct cli_opt backup_opts[] = {
	LEAVE_OUT,
#define G .group = "What to back up"
	PATHS_FROM,
	OPT(LIST, "device", 0, "DEVICE", "the content of a block device", G,
	    .without_args = true, .hint = CLI_HINT_FILE,
	    .excludes = STDIN_WITH "stdin stdin-from-command " INPUTS,
	    .aka = "image read-special",
	    .detail = "The snapshot holds it as one large file of the same "
		      "name. If tidemarkd tracks it (tidemark-track(1)), only "
		      "what was written since the last backup is read; else "
		      "all of it, and what is stored already is not stored "
		      "again. tidemark-restore(1) writes it to a file, or with "
		      "--to-device to a device."),
	FLAG("stdin", 0, "back up standard input as one file", G,
	    .without_args = true,
	    .excludes = STDIN_WITH "stdin-from-command " INPUTS),
	FLAG("stdin-from-command", 0,
	    "back up what a command prints; the command follows --", G,
	    .excludes = STDIN_WITH "stdin " INPUTS, .aka = "content-from-command",
	    .args = "a command after --",
	    .detail = "If the command fails, there is no snapshot."),
	OPT(STRING, "stdin-filename", 0, "NAME",
	    "the name of that file; stdin if not given", G,
	    .needs = "stdin stdin-from-command", .aka = "stdin-name"),
#undef G
#define G .group = "The snapshot"
	OPT(LIST, "tag", 0, "TAG[,TAG]...", "mark the snapshot", G),
	OPT(STRING, "host", 'H', "HOST", "the host's name in the snapshot", G,
	    .aka = "hostname"),
	OPT(TIME, "time", 0, "TIME", "the snapshot's time; now if not given",
	    G, .aka = "timestamp",
	    .detail = "Like 2026-01-31 15:04:05 in local time, or like "
		      "2026-01-31T15:04:05+02:00."),
	FLAG("skip-if-unchanged", 0,
	    "no snapshot if it would equal the last one", G),
	DRY_RUN("read and report, but store nothing", G),
#undef G
#define G .group = "How to read"
	FLAG("force", 'f', "read every file anew", G,
	    .aka = "ignore-catalog no-cache rescan",
	    .detail = "Without this, a file whose ctime, mtime, size and inode "
		      "are those of the last backup is not opened."),
	FLAG("scan", 0, "look at every file, whatever a tracker says", G,
	    .detail = "Without this, tidemarkd is asked what changed, if it "
		      "runs and tracks the file systems of the sources; and "
		      "btrfs is asked itself. The next backup without it "
		      "looks only at what changed since."),
	FLAG("consistent", 0, "one instant for all, by freezing it shortly", G,
	    .excludes = "scan ignore-inode exclude-larger-than dry-run "
			"stdin stdin-from-command",
	    .detail = "What changed while the backup ran is read again, until "
		      "little is left; that is read while the file systems of "
		      "the sources are frozen: who writes there waits, for "
		      "--freeze-max at most. The snapshot then holds one "
		      "instant, as after a power failure. The file systems "
		      "must be tracked (tidemark-track(1)), and neither the "
		      "repository nor the local catalog may lie on them. If "
		      "files change too fast, there is a snapshot as without "
		      "this option, a warning, and exit status 3. Of a device, "
		      "the file systems on it are frozen."),
	OPT(INT, "freeze-max", 0, "MS",
	    "with --consistent: freeze for this many milliseconds at most; "
	    "2000 if not given", G, .min = 1, .max = 60000,
	    .needs = "consistent",
	    .detail = "A process of its own thaws when they are over, whatever "
		      "became of the backup."),
	FLAG("ignore-inode", 0, "an inode number that differs is no change", G,
	    .detail = "For file systems that number their files anew at each "
		      "mount."),
	FLAG("strict-ctime", 0,
	    "read a file again if only its ctime differs", G,
	    .detail = "Without this, a file whose size and mtime are the same "
		      "is not read when only its metadata changed; the new "
		      "metadata is stored."),
	FLAG("no-wait", 0, "fail if tidemarkd runs another backup", G,
	     .detail = "Without this, a backup of root waits for its turn. The "
		       "exit status is 11."),
	OPT(INT, "read-concurrency", 0, "N", "read this many files at once", G,
	    .min = 1, .max = 128),
	OPT(WORD, "compression", 0, "HOW",
	    "off, fast, auto, max, or a level of zstd from 1 to 19", G,
	    .words = "off fast auto max", .min = 1, .max = 19,
	    .detail = "auto compresses well and leaves alone what does not "
		      "shrink."),
#undef G
	OPT_END
};

/* --- audit --- */

static const struct cli_form audit_forms[] = {
	FORM("[PATH]...", 0, -1), FORM_END
};

static const struct cli_opt audit_opts[] = {
#define G .group = "How much"
	OPT(PERCENT, "rate", 0, "N%", "this part of what is unchanged", G,
	    .min = 0, .max = 100, .excludes = "files read-bytes all"),
	OPT(INT, "files", 0, "N", "so many files and directories", G, .min = 1,
	    .max = UINT32_MAX, .excludes = "rate read-bytes all"),
	OPT(SIZE, "read-bytes", 0, "SIZE", "until so much was read", G,
	    .excludes = "rate files all"),
	FLAG("all", 0, "all of it", G, .excludes = "rate files read-bytes"),
	OPT(DURATION, "period", 0, "DURATION",
	    "what is due, so that all is looked at in this time; 30d if not "
	    "given", G,
	    .detail = "Years, months, days and hours, like 1m or 10d. A run "
		      "that is late looks at more. The first one takes what "
		      "is due in a day."),
#undef G
	LEAVE_OUT,
	PATHS_FROM,
	OPT(STRING, "host", 'H', "HOST", "the host's name in the snapshots",
	    .aka = "hostname"),
	OPT_END
};

/* --- snapshots, ls, find, cat, diff --- */

static const struct cli_opt snapshots_opts[] = {
	SHARED_FILTERS('H', "only snapshots"),
	OPT(INT, "latest", 0, "N", "only the last N of each host and paths",
	    .min = 1, .max = UINT32_MAX, WHICH),
	OPT_END
};

static const struct cli_form ls_forms[] = {
	FORM("SNAPSHOT [PATH]...", 1, -1), FORM_END
};
static const struct cli_opt ls_opts[] = {
	LONG_LIST,
	FLAG("recursive", 'R', "all that is below, too"),
	OPT_END
};

static const struct cli_form find_forms[] = {
	FORM("PATTERN...", 1, -1), FORM_END
};
static const struct cli_opt find_opts[] = {
	FLAG("iname", 'i', "upper and lower case are equal",
	    .aka = "ignore-case"),
	OPT(WORD, "type", 0, "TYPE",
	    "only file, dir, symlink, fifo, socket, chardev or blockdev",
	    .words = "file dir symlink fifo socket chardev blockdev"),
	OPT(TIME, "newer", 'N', "TIME", "only what changed at TIME or later",
	    .aka = "oldest"),
	OPT(TIME, "older", 'O', "TIME", "only what changed before TIME",
	    .aka = "newest"),
	LONG_LIST,
	OPT(LIST, "snapshot", 's', "SNAPSHOT", "only in this snapshot",
	    WHICH),
	SHARED_FILTERS('H', "only in snapshots"),
	OPT_END
};

static const struct cli_form cat_forms[] = {
	WORD("config", "", 0, "the repository's identity and parameters"),
	WORD("snapshot", "ID", 1, "a snapshot's record"),
	WORD("index", "ID", 1, "what one index object lists"),
	WORD("head", "N", 1, "the head with this number"),
	WORD("tree", "ID", 1, "one directory as stored"),
	{ NULL, "SNAPSHOT PATH", 1, 2,
	  "a file's content; SNAPSHOT:PATH is the same" },
	FORM_END
};

static const struct cli_form diff_forms[] = {
	FORM("SNAPSHOT SNAPSHOT", 2, 2), FORM_END
};
static const struct cli_opt diff_opts[] = {
	FLAG("metadata", 0, "show changes of metadata alone, too"),
	OPT_END
};

/* --- mount --- */

static const struct cli_form mount_forms[] = {
	FORM("MOUNTPOINT", 1, 1), FORM_END
};
static const struct cli_opt mount_opts[] = {
	FLAG("allow-other", 0, "let other users in"),
	FLAG("foreground", 0, "stay in the foreground (it always does)"),
	SHARED_FILTERS('H', "only snapshots"),
	OPT_END
};

/* --- check, forget, prune --- */

static const struct cli_opt check_opts[] = {
	OPT(PERCENT, "read-data", 0, "N%",
	    "read and verify all packs, or a random part of them",
	    .value_optional = true, .min = 1, .max = 100,
	    .aka = "verify-data read-data-subset"),
	OPT_END
};

static const struct cli_form forget_forms[] = {
	FORM("SNAPSHOT...", 1, -1), FORM_END
};
#define KEEPS "keep-last keep-hourly keep-daily keep-weekly keep-monthly "     \
	      "keep-yearly keep-within keep-tag"
#define G .group = "What to keep"
#define POLICY G, .without_args = true
#define KEEP(n, l, h)                                                          \
	OPT(INT, "keep-" n, l, "N", h, .max = UINT32_MAX,                      \
	    .words = "unlimited", POLICY)
static const struct cli_opt forget_opts[] = {
	KEEP("last", 'l', "keep the last N snapshots"),
	KEEP("hourly", 'H', "keep the last of each of N hours"),
	KEEP("daily", 'd', "keep the last of each of N days"),
	KEEP("weekly", 'w', "keep the last of each of N weeks"),
	KEEP("monthly", 'm', "keep the last of each of N months"),
	KEEP("yearly", 'y', "keep the last of each of N years"),
	OPT(DURATION, "keep-within", 0, "DURATION",
	    "keep all within this time before the latest", POLICY,
	    .detail = "Years, months, days and hours, like 1y6m14d12h. The "
		      "time is counted from the latest snapshot, not from "
		      "now."),
	OPT(LIST, "keep-tag", 0, "TAG[,TAG]...",
	    "keep those with all of these tags", POLICY),
	OPT(STRING, "group-by", 'g', "HOW",
	    "apply this to each host, paths, tags apart; host,paths if not "
	    "given", POLICY, .may_be_empty = true,
	    .detail = "A list of host, paths and tags with commas between, "
		      "or an empty one for a single group."),
	FLAG("unsafe-allow-remove-all", 0,
	    "allow that nothing of a group is kept", G,
	    .detail = "Without this, a policy that would keep nothing is "
		      "refused."),
#undef G
	SHARED_FILTERS(0, "only snapshots"),
	FLAG("prune", 0, "then free the space that is not needed"),
	DRY_RUN("report, but remove nothing", .group = NULL),
	OPT_END
};

static const struct cli_opt prune_opts[] = {
	OPT(PERCENT, "max-unused", 0, "N%",
	    "leave up to this share of unused bytes where they are",
	    .max = 100),
	OPT(SIZE, "max-repack-size", 0, "SIZE",
	    "copy at most this much in one run"),
	DRY_RUN("report, but change nothing", .group = NULL),
	OPT_END
};

/* --- keys --- */

static const struct cli_form key_forms[] = {
	WORD("list", "", 0, "list the keys"),
	WORD("add", "", 0, "add a passphrase"),
	WORD("remove", "ID", 1, "remove a key; never the last one"),
	WORD("passwd", "", 0, "replace the passphrase in use by a new one"),
	WORD("rekey", "", 0, "start a new master key for what is stored now on"),
	FORM_END
};
static const struct cli_opt key_opts[] = {
	OPT(STRING, "label", 0, "TEXT", "a name for the key",
	    .only = "add passwd rekey"),
	KDF(.only = "add passwd rekey"),
	OPT(STRING, "new-passphrase-file", 0, "FILE",
	    "read the new passphrase from a file", .only = "add passwd",
	    .excludes = "new-passphrase-fd new-passphrase-command",
	    .hint = CLI_HINT_FILE, .aka = "new-password-file"),
	OPT(INT, "new-passphrase-fd", 0, "N",
	    "read it from an open descriptor", .only = "add passwd",
	    .excludes = "new-passphrase-file new-passphrase-command",
	    .max = 1048576),
	OPT(STRING, "new-passphrase-command", 0, "COMMAND",
	    "take it from what a command prints", .only = "add passwd",
	    .excludes = "new-passphrase-file new-passphrase-fd",
	    .hint = CLI_HINT_COMMAND, .aka = "new-password-command"),
	OPT_END
};

/* --- stats, explain, benchmark, version, completion, help --- */

static const struct cli_opt stats_opts[] = {
	OPT(WORD, "mode", 0, "MODE", "count restore-size or raw-data",
	    .words = "restore-size raw-data",
	    .detail = "restore-size is what a restore would write, raw-data "
		      "what the repository holds for it."),
	OPT_END
};

static const struct cli_form explain_forms[] = {
	FORM("PATH", 1, 1), FORM_END
};
static const struct cli_opt explain_opts[] = {
	OPT(STRING, "snapshot", 's', "SNAPSHOT",
	    "only in this snapshot; in all that hold it if not given"),
	OPT_END
};

static const struct cli_form track_forms[] = {
	WORD("add", "PATH", 1, "track the file system that PATH lies on"),
	WORD("remove", "PATH", 1, "track it no longer"),
	WORD("list", "", 0, "list what is tracked"),
	FORM_END
};
static const struct cli_form changes_forms[] = {
	FORM("[PATH]", 0, 1), FORM_END
};
#define SOCKET                                                                 \
	OPT(STRING, "socket", 0, "PATH", "where tidemarkd listens",            \
	    .env = "TIDEMARK_SOCKET", .hint = CLI_HINT_FILE,                   \
	    .detail = "The default is /run/tidemark/control.")
static const struct cli_opt track_opts[] = { SOCKET, OPT_END };
static const struct cli_opt changes_opts[] = {
	FLAG("kept", 0, "also what is kept of the time before",
	    .detail = "What a backup took is kept until the next one begins, "
		      "since it may have failed."),
	SOCKET,
	OPT_END
};

static const struct cli_form schedule_forms[] = {
	WORD("list", "", 0, "list the schedules, and how each stands"),
	WORD("next", "", 0, "list the next runs"),
	WORD("run", "NAME", 1, "run it now, whatever its time"),
	WORD("pause", "NAME", 1, "make no runs"),
	WORD("resume", "NAME", 1, "make runs again"),
	FORM_END
};
static const struct cli_opt schedule_opts[] = {
	OPT(INT, "count", 0, "N", "this many; 10 if not given", .min = 1,
	    .max = 10000, .only = "next"),
	FLAG("wait", 0, "until it has ended; the exit status is its own",
	    .only = "run"),
	OPT(TIME, "until", 0, "TIME", "go on by itself then", .only = "pause"),
	SOCKET,
	OPT_END
};
static const struct cli_form jobs_forms[] = {
	WORD("cancel", "ID", 1, "end a job that waits or runs"),
	FORM("[ID]", 0, 1),
	FORM_END
};
static const struct cli_opt jobs_opts[] = {
	OPT(INT, "last", 0, "N", "the last N; 20 if not given", .min = 1,
	    .max = 1000000),
	SOCKET,
	OPT_END
};

static const struct cli_opt version_opts[] = {
	FLAG("fault-points", 0, "list the points where a test can break it"),
	OPT_END
};
static const struct cli_form completion_forms[] = {
	WORD("bash", "", 0, "print the completion for bash"),
	WORD("zsh", "", 0, "print the completion for zsh"),
	WORD("fish", "", 0, "print the completion for fish"),
	WORD("man", "DIR", 1, "write the manual pages to a directory"),
	FORM_END
};
static const struct cli_form help_forms[] = {
	FORM("[VERB]", 0, 1), FORM_END
};

/* --- the verbs --- */

#define MAKE .group = "Make"
#define LOOK .group = "Look"
#define BACK .group = "Bring back"
#define KEEP_UP .group = "Look after"
#define TRACKING .group = "Track changes"
#define SCHEDULES .group = "Schedules"
#define VAULT .group = "Vault"
#define OTHER .group = "Other"

const struct cli_verb cli_verbs[] = {
	{ "init", MAKE, .help = "make a repository",
	  .detail =
	  "Makes an empty repository, encrypted with a key that the passphrase "
	  "protects. The passphrase has at least 16 characters. If it is lost, "
	  "so is the repository.",
	  .examples =
	  "Make one on a mounted disk\n"
	  "\ttidemark -r /mnt/disk/backup init\n"
	  "Make one in the vault that this machine is registered with\n"
	  "\ttidemark -r vault: init\n",
	  .forms = no_args, .opts = init_opts, .run = cmd_init,
	  .aka = "repo-create create-repo" },
	{ "backup", MAKE, .help = "back up files and directories",
	  .detail =
	  "Stores the paths as they are now in a new snapshot. What is in the "
	  "repository already is not stored again, and files that did not "
	  "change since the last backup are not read.\n\n"
	  "Files that cannot be read are named, the rest is stored, and the "
	  "exit status is 3.",
	  .examples =
	  "Back up two directories without entering other file systems\n"
	  "\ttidemark backup -x /etc /home\n"
	  "Back up the content of a partition\n"
	  "\ttidemark backup --device /dev/sdb1\n"
	  "Store what a program prints\n"
	  "\ttidemark backup --stdin-filename shop.sql --stdin-from-command "
	  "-- pg_dump shop\n",
	  .forms = backup_forms, .opts = backup_opts, .run = cmd_backup,
	  .args_or = INPUTS " stdin device", .arg_hint = CLI_HINT_FILE,
	  .aka = "create put save" },
	{ "snapshots", LOOK, .help = "list snapshots",
	  .detail = "Lists the snapshots, the oldest first.",
	  .forms = any_snapshots, .opts = snapshots_opts, .prints = true,
	  .run = cmd_snapshots, .aka = "list repo-list log" },
	{ "ls", LOOK, .help = "list what a snapshot holds",
	  .detail = "Lists the directory PATH of a snapshot, or its root.",
	  .examples = "List the whole of the latest snapshot\n"
		      "\ttidemark ls --recursive latest\n",
	  .forms = ls_forms, .opts = ls_opts, .prints = true, .run = cmd_ls,
	  .aka = "list-contents dir" },
	{ "find", LOOK, .help = "find files in snapshots",
	  .detail = "Prints the paths whose name, or whose whole path if "
		    "PATTERN holds a /, matches PATTERN.",
	  .examples = "Where is any version of this file?\n"
		      "\ttidemark find --type file report.odt\n",
	  .forms = find_forms, .opts = find_opts, .prints = true,
	  .run = cmd_find, .aka = "locate search" },
	{ "cat", LOOK, .help = "print a file of a snapshot, or an object",
	  .detail = "Writes the content of a file to standard output. With one "
		    "of the words, prints an object of the repository as JSON.",
	  .examples = "Compare a file with its version of yesterday\n"
		      "\ttidemark cat latest~1 /etc/fstab | diff - /etc/fstab\n",
	  .forms = cat_forms, .prints = true, .run = cmd_cat, .aka = "dump" },
	{ "diff", LOOK, .help = "show what differs between two snapshots",
	  .detail = "Prints a line for each path that differs: + added, "
		    "- removed, M content changed, T type changed, U metadata "
		    "changed.",
	  .examples = "What did the last backup find?\n"
		      "\ttidemark diff latest~1 latest\n",
	  .forms = diff_forms, .opts = diff_opts, .prints = true,
	  .run = cmd_diff, .aka = "compare" },
	{ "explain", LOOK, .help = "say why a file was sent or reused",
	  .detail = "Tells for a path, snapshot by snapshot, whether its "
		    "content was read or reused and what was seen to have "
		    "changed; and what the next backup would do with the "
		    "file as it is now.",
	  .forms = explain_forms, .opts = explain_opts, .prints = true,
	  .run = cmd_explain, .arg_hint = CLI_HINT_FILE, .aka = "why" },
	{ "stats", LOOK, .help = "count files and bytes",
	  .detail = "Counts over the named snapshots, or over all.",
	  .forms = any_snapshots, .opts = stats_opts, .prints = true,
	  .run = cmd_stats, .aka = "info repoinfo" },
	{ "restore", BACK, .help = "restore files",
	  .detail =
	  "Restores a snapshot, or the part of it below PATH, with all "
	  "metadata that the caller may set. Nothing is written outside the "
	  "target, and links in it are not followed. A restore that was "
	  "interrupted can be run again and does the rest.",
	  .examples =
	  "Look at yesterday's state elsewhere\n"
	  "\ttidemark restore latest~1 --target /tmp/yesterday\n"
	  "Bring one directory back to where it was\n"
	  "\ttidemark restore latest:/srv/www --in-place --overwrite "
	  "if-changed\n"
	  "Write the image of a disk to another disk\n"
	  "\ttidemark restore latest:/dev/sda --to-device /dev/sdb --verify\n",
	  .forms = restore_forms, .opts = restore_opts, .run = cmd_restore,
	  .one_of = "target in-place to-device", .aka = "extract get" },
	{ "mount", BACK, .help = "show snapshots as a file system",
	  .detail = "Mounts the repository, read-only, until it is unmounted "
		    "or interrupted.",
	  .forms = mount_forms, .opts = mount_opts, .run = cmd_mount,
	  .arg_hint = CLI_HINT_DIR, .aka = "browse" },
	{ "check", KEEP_UP, .help = "verify the repository",
	  .detail =
	  "Verifies that everything that a snapshot needs is there and "
	  "genuine. Without --read-data all trees are read, and packs must be "
	  "there and of the right size, but the files' content is not read. "
	  "Whatever is damaged is named, with the files and snapshots that it "
	  "hurts, and the exit status is 1.",
	  .examples = "Read a tenth of the content, another one each time\n"
		      "\ttidemark check --read-data=10%\n",
	  .forms = no_args, .opts = check_opts, .run = cmd_check,
	  .aka = "verify fsck" },
	{ "audit", KEEP_UP, .help = "look for changes that nothing told of",
	  .detail =
	  "Reads a part of the files that the next backup would leave unread, "
	  "because a tracker, or their times, say that they did not change, "
	  "and compares them with what is stored. Each run takes another "
	  "part, chosen at random, until all was looked at. Says how many "
	  "changes were missed, and how many at most there can be.\n\n"
	  "PATH and the options for what to leave out are those of the "
	  "backup; without PATH, those of this host's newest snapshot.\n\n"
	  "A change that was missed is named, and the exit status is 4. The "
	  "tracker is then trusted no longer: the next backup looks at "
	  "everything, and reads what was named. Older snapshots hold what "
	  "was there before.",
	  .examples =
	  "Once a day: look at everything within two weeks\n"
	  "\ttidemark audit --period 14d /srv\n",
	  .forms = audit_forms, .opts = audit_opts, .run = cmd_audit,
	  .arg_hint = CLI_HINT_FILE, .aka = "verify-source" },
	{ "forget", KEEP_UP, .help = "remove snapshots",
	  .detail =
	  "Removes the named snapshots, or those that a policy does not keep. "
	  "The space is freed by prune.",
	  .examples =
	  "Keep a week of days and a year of months\n"
	  "\ttidemark forget --keep-daily 7 --keep-monthly 12 --prune\n",
	  .forms = forget_forms, .opts = forget_opts, .run = cmd_forget,
	  .args_or = KEEPS " unsafe-allow-remove-all", .aka = "delete rm expire" },
	{ "prune", KEEP_UP, .help = "free what no snapshot needs",
	  .detail = "Removes packs that no snapshot needs, and copies what is "
		    "left of packs that are mostly unused. A backup may run at "
		    "the same time.",
	  .forms = no_args, .opts = prune_opts, .run = cmd_prune,
	  .aka = "gc compact" },
	{ "key", KEEP_UP, .help = "list, add, remove and change keys",
	  .detail = "Each key is a passphrase that opens the repository. "
		    "passwd and add do not touch what is stored. rekey starts "
		    "a new master key for what is stored from then on, and "
		    "keeps the present passphrase alone.",
	  .forms = key_forms, .opts = key_opts, .run = cmd_key,
	  .aka = "keys passwd change-passphrase change-password" },
	{ "track", TRACKING, .help = "record which files change",
	  .detail =
	  "Has tidemarkd record the changes of a file system, so that a backup "
	  "looks only at what changed. The first backup with it scans. What "
	  "was added is tracked after a restart, too. ext4 and xfs can be "
	  "tracked. btrfs needs it not: backups by root ask it what changed. "
	  "Everything else is scanned.\n\n"
	  "Of a block device, a disk or a partition, the written blocks are "
	  "recorded, for backup --device.\n\n"
	  "Needs no repository; add and remove need root.",
	  .examples = "Track the file system of /home\n"
		      "\ttidemark track add /home\n",
	  .forms = track_forms, .opts = track_opts, .run = cmd_track,
	  .arg_hint = CLI_HINT_DIR, .aka = "watch" },
	{ "status", TRACKING, .help = "show what is tracked, and if it is trusted",
	  .detail =
	  "Prints for each tracked file system whether the next backup trusts "
	  "the tracker, or why it scans; and how full the tracker's maps are. "
	  "A change for which there was no room makes the next backup scan.",
	  .forms = no_args, .opts = track_opts, .prints = true,
	  .run = cmd_status },
	{ "changes", TRACKING, .help = "list what changed since a backup",
	  .detail =
	  "Prints what tidemarkd has recorded of the file system of PATH, or "
	  "of the working directory, since the last backup of it began: inodes of which only metadata changed "
	  "(meta; of a directory, its entries), of which parts of the content "
	  "changed (data, with the bytes), and of which all of it may have "
	  "(whole).\n\n"
	  "Names are those that the kernel knows; the others are inode "
	  "numbers, which find -inum resolves.",
	  .forms = changes_forms, .opts = changes_opts, .prints = true,
	  .run = cmd_changes, .arg_hint = CLI_HINT_DIR },
	{ "schedule", SCHEDULES, .help = "show and run what is scheduled",
	  .detail =
	  "tidemarkd makes the backups that its configuration schedules; see "
	  "tidemarkd.conf(5). What came due while the machine was off is "
	  "caught up once.\n\n"
	  "Needs no repository; run, pause and resume need root. What comes "
	  "due while a schedule is paused is not caught up. A pause outlives "
	  "a restart.",
	  .examples = "Make no backups until the move is done\n"
		      "\ttidemark schedule pause nightly --until '2026-03-01 "
		      "06:00'\n",
	  .forms = schedule_forms, .opts = schedule_opts, .run = cmd_schedule,
	  .aka = "cron timer" },
	{ "jobs", SCHEDULES, .help = "list backups that were run, and how they ended",
	  .detail =
	  "Prints a line for each run of a schedule, and for each backup by "
	  "hand that took its turn in the queue of tidemarkd; the newest is the "
	  "last. With ID, all that is known of one, with the last errors. "
	  "Results are ok, partial (some sources could not be read), failed, "
	  "cancelled, died (the backup, tidemarkd or the machine ended) and "
	  "missed (was due, and was not run).\n\n"
	  "cancel needs root.",
	  .forms = jobs_forms, .opts = jobs_opts, .prints = true,
	  .run = cmd_jobs, .aka = "history runs" },
	{ "register", VAULT, .help = "make this machine known to a vault",
	  .detail =
	  "Makes a key, has the vault sign a certificate for it, and keeps "
	  "both. From then on -r vault: is this machine's repository there. "
	  "The certificate is renewed by whatever verb finds that two thirds "
	  "of its life are over.\n\n"
	  "The vault's administrator makes the credentials with "
	  "tidemark-vaultd credentials. A run that was cut off can be "
	  "repeated with the same file and directory.\n\n"
	  "With credentials to restore (tidemark-vaultd credentials "
	  "--restore) this machine may read what others have stored, for some "
	  "days, and do nothing else there: tidemark machines lists them, "
	  "and -r vault:#MACHINE is the repository of one. Only its "
	  "passphrase is needed besides. tidemark unregister gives the right "
	  "back.",
	  .examples = "Register, under the host's name\n"
		      "\ttidemark register --vault-credentials server.json\n"
		      "Then back up there\n"
		      "\ttidemark -r vault: backup /etc /home\n"
		      "With credentials to restore, beside an own "
		      "registration\n"
		      "\ttidemark register --vault-credentials restore.json "
		      "--directory /root/restore\n"
		      "Then restore another machine's files here\n"
		      "\ttidemark -r vault:/root/restore#web1 restore "
		      "latest:/srv --target /srv\n",
	  .forms = no_args, .opts = register_opts, .run = cmd_register,
	  .one_of = "vault-credentials", .aka = "enroll login" },
	{ "unregister", VAULT, .help = "take this machine's registration back",
	  .detail =
	  "Has the vault revoke this machine's certificates, and removes its "
	  "key. What it has stored stays in the vault, which does not give it "
	  "to a machine that registers anew.",
	  .forms = no_args, .opts = unregister_opts, .run = cmd_unregister,
	  .aka = "logout" },
	{ "machines", VAULT, .help = "list machines whose files can be restored",
	  .detail =
	  "Lists the machines whose repositories the registration may read, "
	  "with the time of the newest recovery point by the vault's clock, "
	  "the number of points, and the vault's id of the machine; with "
	  "credentials to restore these are others, else it is this one. "
	  "What an unregistered machine has stored is listed as well.",
	  .forms = no_args, .opts = machines_opts, .run = cmd_machines,
	  .prints = true },
	{ "benchmark", OTHER, .help = "measure this machine",
	  .detail = "Measures the building blocks: hashing, encryption, "
		    "compression, chunking, and the repository's disk if one "
		    "is given.",
	  .forms = no_args, .run = cmd_benchmark, .prints = true,
	  .aka = "bench" },
	{ "version", OTHER, .help = "print the version",
	  .detail = "Prints the version of the program.",
	  .forms = no_args, .opts = version_opts, .run = cmd_version,
	  .prints = true },
	{ "completion", OTHER, .help = "print shell completions, write the manual",
	  .detail = "Generates what this page is made of.",
	  .examples = "Complete in this shell\n"
		      "\teval \"$(tidemark completion bash)\"\n",
	  .forms = completion_forms, .run = cmd_completion, .prints = true,
	  .arg_hint = CLI_HINT_DIR, .aka = "completions generate" },
	{ "help", OTHER, .help = "explain a verb",
	  .detail = "Prints the options of a verb, or the list of verbs.",
	  .forms = help_forms, .run = cmd_help, .prints = true },
	{ .name = NULL }
};
