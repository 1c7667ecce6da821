/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passphrase_tty.c - the terminal, without echo.
 *
 * The controlling terminal is asked, not standard input, which may be the
 * data to be backed up. SIGINT and SIGTERM are blocked but for the moment of
 * waiting, so none of them can end the process with the echo still off, and
 * none is lost between the look at the flag and the wait.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>

#include "base/io.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "tools/passphrase_priv.h"

#define ATTEMPTS 3

static int put(int tty, const char *text)
{
	return io_write_all(tty, SPAN(text, strlen(text)));
}

static int read_line(int tty, const sigset_t *waiting, struct passphrase *out)
{
	out->len = 0;
	while (out->len < PASSPHRASE_ROOM) {
		struct pollfd p = { .fd = tty, .events = POLLIN };
		ssize_t n;

		if (cli_interrupted())
			return -EINTR;
		if (ppoll(&p, 1, NULL, waiting) < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		n = read(tty, out->p + out->len, PASSPHRASE_ROOM - out->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		out->len += (size_t)n;
		if (n == 0 || out->p[out->len - 1] == '\n')
			return 0;
	}
	return 0;
}

/* Show the prompt and read a line with the echo off. */
static int prompt_line(int tty, const char *prompt, struct passphrase *out)
{
	struct termios old, hidden;
	sigset_t block, before;
	int r;

	if (tcgetattr(tty, &old) < 0)
		return -ENOTTY;
	hidden = old;
	hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	hidden.c_lflag |= ICANON | ISIG;
	/* Stopped here, the shell would be left without echo. */
	hidden.c_cc[VSUSP] = _POSIX_VDISABLE;
	sigemptyset(&block);
	sigaddset(&block, SIGINT);
	sigaddset(&block, SIGTERM);
	sigaddset(&block, SIGHUP);
	sigprocmask(SIG_BLOCK, &block, &before);
	/* What was typed before the prompt was not meant for it. */
	r = tcsetattr(tty, TCSAFLUSH, &hidden) < 0 ? -errno : put(tty, prompt);
	if (r == 0)
		r = read_line(tty, &before, out);
	tcsetattr(tty, TCSAFLUSH, &old);
	(void)!put(tty, "\n");
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (r < 0 && r != -EINTR)
		return log_fail(r, "read the passphrase from the terminal");
	return r;
}

static int ask_again(int tty, const struct passphrase *out)
{
	CLEANUP_PASSPHRASE struct passphrase again = PASSPHRASE_INIT;
	int r;

	again.p = secret_alloc(PASSPHRASE_ROOM);
	if (!again.p)
		return log_fail(-ENOMEM, "memory for the passphrase");
	r = prompt_line(tty, "The same again: ", &again);
	if (r == 0)
		r = passphrase_trim(&again);
	if (r < 0)
		return r;
	if (again.len == out->len && secret_equal(again.p, out->p, out->len))
		return 0;
	log_error("the two passphrases differ");
	return -EINVAL;
}

int passphrase_ask(const char *prompt, bool is_new, struct passphrase *out)
{
	CLEANUP_CLOSE int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	int i, r = -EINVAL;

	if (tty < 0)
		return -ENOTTY;
	for (i = 0; i < ATTEMPTS && r == -EINVAL; i++) {
		r = prompt_line(tty, prompt, out);
		if (r == 0)
			r = passphrase_trim(out);
		if (r == 0 && is_new)
			r = passphrase_check_new(out);
		if (r == 0 && is_new)
			r = ask_again(tty, out);
	}
	return r;
}
