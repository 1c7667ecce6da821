/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup_options.c - sources, filters, tags and streams of a backup.
 */
#include "tools/backup_options.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <time.h>

#include "base/io.h"
#include "base/log.h"
#include "compress/compress.h"
#include "tools/opened.h"
#include "tools/patterns.h"

/* Levels by name; docs/design.md, "Compression", has the figures. */
#define LEVEL_FAST 1
#define LEVEL_AUTO 1
#define LEVEL_MAX 19

int backup_state_dir(const char *dir)
{
	return io_mkdir_p(dir);
}

void backup_set_id(const struct backup_inputs *in, char *const *paths,
		   uint32_t n, uint8_t id[SHA256_LEN])
{
	CLEANUP_BUF struct buf text = BUF_INIT(SIZE_MAX);
	uint32_t i;
	int e = buf_append(&text, in->host, strlen(in->host) + 1);

	for (i = 0; e == 0 && i < n; i++)
		e = buf_append(&text, paths[i], strlen(paths[i]) + 1);
	/* its content is another set than the node that names it */
	if (e == 0 && in->devices)
		e = buf_append(&text, "/device", sizeof("/device"));
	sha256_once(SPAN_OF(&text), id);
}

static int level_of(const struct cli *cli)
{
	const char *how = cli_str(cli, "compression");
	uint64_t n;

	if (!how || !strcmp(how, "auto"))
		return LEVEL_AUTO;
	if (!strcmp(how, "off"))
		return COMPRESS_OFF;
	if (!strcmp(how, "fast"))
		return LEVEL_FAST;
	if (!strcmp(how, "max") || cli_parse_u64(how, &n) < 0)
		return LEVEL_MAX;
	return (int)n;
}

static int init_filter(struct backup_inputs *in, const struct cli *cli)
{
	struct cli_strings tags = cli_list(cli, "exclude-if-present");
	size_t i;
	int e = patterns_filter(cli, "exclude", &in->filter);

	for (i = 0; e == 0 && i < tags.n; i++)
		e = filter_add_tag(in->filter, tags.v[i]);
	if (e == 0 && cli_flag(cli, "exclude-caches"))
		e = filter_add_cachedir_tag(in->filter);
	if (e == 0 && cli_given(cli, "exclude-larger-than"))
		filter_set_max_size(in->filter,
				    cli_u64(cli, "exclude-larger-than", 0));
	return e;
}

/* "a,b" and repeated options are one set of tags. */
static int init_tags(struct backup_inputs *in, struct cli_strings list)
{
	size_t i;

	for (i = 0; i < list.n; i++) {
		const char *p = list.v[i];

		while (*p) {
			size_t len = strcspn(p, ",");
			void *grown = realloc(in->tags, (in->n_tags + 1) *
								sizeof(char *));

			if (!grown)
				return -ENOMEM;
			in->tags = grown;
			if (len > 0) {
				in->tags[in->n_tags] = strndup(p, len);
				if (!in->tags[in->n_tags])
					return -ENOMEM;
				in->n_tags++;
			}
			p += len + (p[len] == ',');
		}
	}
	return 0;
}

static int init_sources(struct backup_inputs *in, const struct cli *cli)
{
	static const struct {
		const char *opt;
		int (*add)(struct fileslist *l, const char *file);
	} from[] = {
		{ "files-from", fileslist_add_patterns },
		{ "files-from-verbatim", fileslist_add_verbatim },
		{ "files-from-raw", fileslist_add_raw },
	};
	const char *const *args;
	size_t n, i, k;
	int e = 0;

	struct cli_strings devices = cli_list(cli, "device");

	in->devices = devices.n > 0;
	for (i = 0; e == 0 && i < devices.n; i++)
		e = fileslist_add(&in->list, devices.v[i]);
	args = cli_args(cli, &n);
	for (i = 0; e == 0 && i < n; i++)
		e = fileslist_add(&in->list, args[i]);
	for (i = 0; i < ARRAY_LEN(from); i++) {
		struct cli_strings files = cli_list(cli, from[i].opt);

		for (k = 0; e == 0 && k < files.n; k++)
			e = from[i].add(&in->list, files.v[k]);
	}
	if (e == 0 && in->list.count == 0 && !in->may_name_none) {
		log_error("the lists of files name nothing to back up");
		e = -EINVAL;
	}
	return e;
}

/* Run the rest of the command line with its output in a pipe. */
static int start_command(struct backup_inputs *in, const struct cli *cli)
{
	const char *const *args;
	size_t n;
	int pipe_fds[2];

	args = cli_args(cli, &n);
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return log_fail(-errno, "make a pipe");
	in->command = fork();
	if (in->command < 0) {
		in->command = 0;
		close(pipe_fds[0]);
		close(pipe_fds[1]);
		return log_fail(-errno, "start %s", args[0]);
	}
	if (in->command == 0) {
		dup2(pipe_fds[1], STDOUT_FILENO);
		execvp(args[0], (char *const *)(uintptr_t)args);
		log_fail(-errno, "run %s", args[0]);
		_exit(127);
	}
	close(pipe_fds[1]);
	in->stream_fd = pipe_fds[0];
	return 0;
}

int backup_command_end(struct backup_inputs *in)
{
	int status;

	if (waitpid(in->command, &status, 0) < 0)
		return log_fail(-errno, "wait for the command");
	in->command = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status))
		log_error("the command ended with status %d: no snapshot is "
			  "made",
			  WEXITSTATUS(status));
	else
		log_error("the command was ended by signal %d: no snapshot is "
			  "made",
			  WTERMSIG(status));
	return -EIO;
}

static int check_stream_name(const char *name)
{
	if (!*name || strchr(name, '/') || !strcmp(name, ".") ||
	    !strcmp(name, "..") || strlen(name) > NAME_BYTES_MAX) {
		log_error("--stdin-filename %s: give a name without a slash",
			  name);
		return -EINVAL;
	}
	return 0;
}

static int init_stream(struct backup_inputs *in, const struct cli *cli)
{
	const char *name = cli_str(cli, "stdin-filename");
	int e;

	in->stream_name = name ? name : "stdin";
	e = check_stream_name(in->stream_name);
	if (e == 0 && cli_flag(cli, "stdin"))
		in->stream_fd = dup(STDIN_FILENO);
	else if (e == 0)
		e = start_command(in, cli);
	return e;
}

int backup_inputs_init(struct backup_inputs *in, const struct cli *cli)
{
	const char *host = cli_str(cli, "host");
	struct timespec now;
	char self[256];
	int e;

	in->stream_fd = -1;
	in->level = level_of(cli);
	in->host = strdup(host ? host : opened_host(self));
	if (!in->host)
		return -ENOMEM;
	if (!cli_time(cli, "time", &in->time_ns)) {
		clock_gettime(CLOCK_REALTIME, &now);
		in->time_ns = now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
	}
	e = init_filter(in, cli);
	if (e == 0)
		e = init_tags(in, cli_list(cli, "tag"));
	if (e == 0 &&
	    (cli_flag(cli, "stdin") || cli_flag(cli, "stdin-from-command")))
		return init_stream(in, cli);
	return e < 0 ? e : init_sources(in, cli);
}

void backup_inputs_release(struct backup_inputs *in)
{
	uint32_t i;

	if (in->stream_fd >= 0)
		close(in->stream_fd);
	if (in->command > 0)
		waitpid(in->command, NULL, 0);
	fileslist_release(&in->list);
	filter_free(in->filter);
	for (i = 0; i < in->n_tags; i++)
		free(in->tags[i]);
	free(in->tags);
	free(in->host);
}
