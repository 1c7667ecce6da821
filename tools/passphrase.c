/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passphrase.c - choose the source, read it, check what it gave.
 *
 * The terminal is in passphrase_tty.c.
 */
#include "tools/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/utf8.h"
#include "crypto/crypto.h"
#include "tools/passphrase_priv.h"

#define CREDENTIAL "tidemark.passphrase"

extern char **environ;

enum source_kind { SOURCE_NONE, SOURCE_FILE, SOURCE_FD, SOURCE_COMMAND };

struct source {
	enum source_kind kind;
	const char *name;  /* for messages: "--passphrase-file" */
	const char *value; /* path, number or command */
};

/* What a verb asks for. */
struct wish {
	const char *file, *fd, *command; /* options */
	bool env;			 /* and the environment, too */
	bool is_new;
	const char *prompt;
};

static const struct wish present = {
	"passphrase-file", "passphrase-fd", "passphrase-command", true, false,
	"Passphrase: "
};
static const struct wish first = {
	"passphrase-file", "passphrase-fd", "passphrase-command", true, true,
	"New passphrase: "
};
static const struct wish another = { "new-passphrase-file",
				     "new-passphrase-fd",
				     "new-passphrase-command",
				     false,
				     true,
				     "New passphrase: " };

void passphrase_release(struct passphrase *pass)
{
	secret_free(pass->p, PASSPHRASE_ROOM);
	pass->p = NULL;
	pass->len = 0;
	pass->asked = false;
}

int passphrase_trim(struct passphrase *pass)
{
	if (pass->len > 0 && pass->p[pass->len - 1] == '\n')
		pass->len--;
	if (pass->len > PASSPHRASE_MAX) {
		log_error("the passphrase is longer than %d bytes",
			  PASSPHRASE_MAX);
		return -EINVAL;
	}
	if (pass->len == 0) {
		log_error("the passphrase is empty");
		return -EINVAL;
	}
	return 0;
}

int passphrase_check_new(const struct passphrase *pass)
{
	if (utf8_count(pass->p, pass->len) >= PASSPHRASE_NEW_MIN)
		return 0;
	log_error("the new passphrase is too short: at least %d characters",
		  PASSPHRASE_NEW_MIN);
	return -EINVAL;
}

/* All of fd, but no more than can be right. */
static int read_fd(int fd, const char *name, struct passphrase *out)
{
	while (out->len < PASSPHRASE_ROOM) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		/* poll() is not restarted after a signal, read() is. */
		if (poll(&p, 1, -1) < 0 && errno == EINTR) {
			if (cli_interrupted())
				return -EINTR;
			continue;
		}
		n = read(fd, out->p + out->len, PASSPHRASE_ROOM - out->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return log_fail(-errno, "read passphrase from %s",
					name);
		if (n == 0)
			break;
		out->len += (size_t)n;
	}
	return 0;
}

static int read_file(const struct source *src, struct passphrase *out)
{
	CLEANUP_CLOSE int fd = open(src->value, O_RDONLY | O_CLOEXEC);

	char name[512]; /* shortened, for messages */

	if (fd < 0)
		return log_fail(-errno, "%s %s", src->name, src->value);
	snprintf(name, sizeof(name), "%.64s %.400s", src->name, src->value);
	return read_fd(fd, name, out);
}

static int read_number(const struct cli *cli, const struct source *src,
		       struct passphrase *out)
{
	CLEANUP_CLOSE int fd = -1;
	uint64_t n;

	if (cli_parse_u64(src->value, &n) < 0 || n > INT32_MAX)
		return -EINVAL;
	if (n == STDIN_FILENO && cli_flag(cli, "stdin")) {
		log_error("%s 0 and --stdin both read standard input",
			  src->name);
		return -EINVAL;
	}
	if (fcntl((int)n, F_GETFD) < 0)
		return log_fail(-errno, "%s %s", src->name, src->value);
	/* 0 to 2 stay open, or the next file would take their place. */
	if (n > STDERR_FILENO)
		fd = (int)n;
	return read_fd((int)n, src->name, out);
}

static int spawn(const char *command, int out_fd, pid_t *pid)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)command, NULL };
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	sigset_t none, defaults;
	int r;

	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	posix_spawn_file_actions_init(&fa);
	posix_spawnattr_init(&attr);
	r = posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&fa, out_fd, 1);
	if (r == 0)
		r = posix_spawnattr_setflags(
			&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	if (r == 0)
		r = posix_spawnattr_setsigmask(&attr, &none);
	if (r == 0)
		r = posix_spawnattr_setsigdefault(&attr, &defaults);
	if (r == 0)
		r = posix_spawn(pid, "/bin/sh", &fa, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&fa);
	return -r;
}

/* The command itself is not repeated in messages: it may hold secrets. */
static int command_result(const char *name, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFSIGNALED(status))
		log_error("the command of %s was killed by signal %d", name,
			  WTERMSIG(status));
	else
		log_error("the command of %s failed with exit status %d", name,
			  WEXITSTATUS(status));
	return -EINVAL;
}

static int read_command(const struct source *src, struct passphrase *out)
{
	CLEANUP_CLOSE int from = -1;
	int fds[2], status, r;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return log_fail(-errno, "pipe for %s", src->name);
	from = fds[0];
	r = spawn(src->value, fds[1], &pid);
	close(fds[1]);
	if (r < 0)
		return log_fail(r, "run /bin/sh for %s", src->name);
	r = read_fd(from, src->name, out);
	/* Closed before waiting: a command that prints for ever ends. */
	close(TAKE_FD(from));
	if (r < 0)
		kill(pid, SIGTERM);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return log_fail(-errno, "wait for the command of %s",
					src->name);
	if (r == 0 && cli_interrupted())
		r = -EINTR;
	if (r == 0 && out->len < PASSPHRASE_ROOM)
		r = command_result(src->name, status);
	return r;
}

/* One rank of sources. *n counts them, *src is the last. */
static void look(struct source *src, unsigned int *n, enum source_kind kind,
		 const char *name, const char *value)
{
	if (!value || !*value)
		return;
	*src = (struct source){ kind, name, value };
	(*n)++;
}

static int choose(const struct cli *cli, const struct wish *wish,
		  char credential[static 4096], char name[static 64],
		  struct source *src)
{
	const char *option[] = { wish->file, wish->fd, wish->command };
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	unsigned int n = 0;
	size_t i;

	for (i = 0; i < ARRAY_LEN(option); i++) {
		if (!cli_given(cli, option[i]))
			continue;
		snprintf(name, 64, "--%s", option[i]);
		look(src, &n, SOURCE_FILE + (unsigned int)i, name,
		     cli_str(cli, option[i]));
	}
	if (n > 0 || !wish->env)
		return 0;
	look(src, &n, SOURCE_FILE, "TIDEMARK_PASSPHRASE_FILE",
	     getenv("TIDEMARK_PASSPHRASE_FILE"));
	look(src, &n, SOURCE_COMMAND, "TIDEMARK_PASSPHRASE_COMMAND",
	     getenv("TIDEMARK_PASSPHRASE_COMMAND"));
	if (n > 1) {
		log_error("TIDEMARK_PASSPHRASE_FILE and "
			  "TIDEMARK_PASSPHRASE_COMMAND contradict each other");
		return -EINVAL;
	}
	if (n > 0 || !dir || !*dir)
		return 0;
	if (snprintf(credential, 4096, "%s/" CREDENTIAL, dir) < 4096 &&
	    access(credential, F_OK) == 0)
		look(src, &n, SOURCE_FILE, "the credential", credential);
	return 0;
}

static int ask(const struct wish *wish, struct passphrase *out)
{
	int r = passphrase_ask(wish->prompt, wish->is_new, out);

	if (r != -ENOTTY)
		return r;
	if (!wish->env)
		log_error("no new passphrase: give --new-passphrase-file or "
			  "--new-passphrase-command (there is no terminal)");
	else if (getenv("TIDEMARK_PASSPHRASE"))
		log_error("TIDEMARK_PASSPHRASE is not read, because others can "
			  "see it: use TIDEMARK_PASSPHRASE_FILE");
	else
		log_error("no passphrase: give --passphrase-file or "
			  "--passphrase-command (there is no terminal)");
	return -EINVAL;
}

static int get(const struct cli *cli, const struct wish *wish,
	       struct passphrase *out)
{
	CLEANUP_PASSPHRASE struct passphrase pass = PASSPHRASE_INIT;
	struct source src = { SOURCE_NONE, NULL, NULL };
	char credential[4096], name[64];
	int r = choose(cli, wish, credential, name, &src);

	if (r < 0)
		return r;
	pass.p = secret_alloc(PASSPHRASE_ROOM);
	if (!pass.p)
		return log_fail(-ENOMEM, "memory for the passphrase");
	if (src.kind == SOURCE_NONE) {
		r = ask(wish, &pass);
		pass.asked = true;
	} else {
		r = src.kind == SOURCE_FILE ? read_file(&src, &pass)
		    : src.kind == SOURCE_FD ? read_number(cli, &src, &pass)
					    : read_command(&src, &pass);
		if (r == 0)
			r = passphrase_trim(&pass);
		if (r == 0 && wish->is_new)
			r = passphrase_check_new(&pass);
	}
	if (r < 0)
		return r;
	*out = pass;
	pass = PASSPHRASE_INIT;
	return 0;
}

int passphrase_get(const struct cli *cli, struct passphrase *out)
{
	return get(cli, &present, out);
}

int passphrase_get_first(const struct cli *cli, struct passphrase *out)
{
	return get(cli, &first, out);
}

int passphrase_get_new(const struct cli *cli, struct passphrase *out)
{
	return get(cli, &another, out);
}

struct kdf_choice passphrase_kdf(const struct cli *cli)
{
	const char *kdf = cli_str(cli, "kdf");

	return (struct kdf_choice){
		.id = kdf && !strcmp(kdf, "scrypt") ? KDF_SCRYPT : KDF_ARGON2ID,
		.memory = (uint32_t)cli_u64(cli, "kdf-memory", 0),
	};
}
