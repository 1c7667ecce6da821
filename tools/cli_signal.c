/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli_signal.c - interruption, and results as exit codes.
 *
 * The handler only raises a flag. It is installed for one delivery, so the
 * second signal of a kind meets the default action and ends a process that
 * does not come to its end by itself.
 */
#include "tools/cli.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
	(void)sig;
	interrupted = 1;
}

void cli_signals_init(void)
{
	/* SA_RESTART: library calls below need not expect EINTR. What waits
	 * for a person or a command uses ppoll(), which never restarts. */
	struct sigaction sa = { .sa_handler = on_signal,
				.sa_flags = SA_RESETHAND | SA_RESTART };
	struct sigaction old;
	static const int sigs[] = { SIGINT, SIGTERM, SIGHUP };
	size_t i;

	sigemptyset(&sa.sa_mask);
	for (i = 0; i < ARRAY_LEN(sigs); i++) {
		/* nohup ignores SIGHUP, and shells without job control
		 * SIGINT for what they start in the background: leave it
		 * so. */
		if (sigaction(sigs[i], NULL, &old) == 0 &&
		    old.sa_handler != SIG_IGN)
			sigaction(sigs[i], &sa, NULL);
	}
}

bool cli_interrupted(void)
{
	return interrupted != 0;
}

int cli_exit_of(int r)
{
	switch (r) {
	case 0:
		return CLI_OK;
	case -EKEYREJECTED:
		return CLI_WRONG_PASSPHRASE;
	case -EBUSY:
		return CLI_LOCKED;
	case -EINTR:
	case -ECANCELED:
		return CLI_INTERRUPTED;
	default:
		return CLI_FATAL;
	}
}
