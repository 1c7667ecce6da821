/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup_options.h - what the command line of backup asks for, checked.
 *
 * Errors:  negative errno, logged.
 * Memory:  everything belongs to the struct.
 */
#ifndef TOOLS_BACKUP_OPTIONS_H
#define TOOLS_BACKUP_OPTIONS_H

#include "archive/archiver.h"
#include "archive/fileslist.h"
#include "crypto/crypto.h"
#include "tools/cli.h"

struct backup_inputs {
	bool may_name_none; /* set before backup_inputs_init(): an audit */
	struct fileslist list;
	struct filter *filter;
	char *host;
	char **tags;
	uint32_t n_tags;
	int64_t time_ns;
	int level;     /* of zstd */
	int stream_fd; /* -1: none */
	const char *stream_name;
	bool devices;  /* the sources are block devices */
	pid_t command; /* 0: none; writes to stream_fd */
	struct archive_skip skips[4];
	size_t n_skips;
};

MUST_CHECK int backup_inputs_init(struct backup_inputs *in,
				  const struct cli *cli);
void backup_inputs_release(struct backup_inputs *in);
/* Wait for the command; -EIO (logged) if it failed. */
MUST_CHECK int backup_command_end(struct backup_inputs *in);
/* What tells this set of sources, in the catalog, from others: host and
 * absolute paths. */
void backup_set_id(const struct backup_inputs *in, char *const *paths,
		   uint32_t n, uint8_t id[SHA256_LEN]);
/* Make the state directory of a repository. */
MUST_CHECK int backup_state_dir(const char *dir);

#endif /* TOOLS_BACKUP_OPTIONS_H */
