/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay_main.c - run a fuzzer's function on given files, without a fuzzer.
 *
 * Usage: fuzz_X PATH...; a PATH is an input or a directory of inputs. Speaks
 * TAP: one test, which fails if there was no input at all. When an input
 * crashes or runs for more than INPUT_SECONDS, its name is the last line.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"

#define INPUT_SECONDS 10
#define INPUT_MAX (16u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* There in sanitized builds, which handle the signals themselves. */
void __sanitizer_set_death_callback(void (*fn)(void)) __attribute__((weak));

static char current[4096];
static unsigned int inputs;

static void say_current(void)
{
	size_t len = strlen(current);

	if (write(STDERR_FILENO, current, len) != (ssize_t)len)
		_exit(1);
}

static void on_signal(int sig)
{
	say_current();
	signal(sig, SIG_DFL);
	raise(sig);
}

static int run_input(const char *path)
{
	CLEANUP_BUF struct buf in = BUF_INIT(INPUT_MAX);
	CLEANUP_FREE uint8_t *copy = NULL;
	int r;

	r = io_read_file(AT_FDCWD, path, &in);
	if (r < 0) {
		printf("# %s: %s\n", path, strerror(-r));
		return r;
	}
	/* exactly as large as the input, so that asan sees a read past it */
	copy = malloc(in.len ? in.len : 1);
	if (!copy)
		return -ENOMEM;
	if (in.len)
		memcpy(copy, in.p, in.len);
	snprintf(current, sizeof(current), "# input: %s\n", path);
	alarm(INPUT_SECONDS);
	LLVMFuzzerTestOneInput(copy, in.len);
	alarm(0);
	inputs++;
	return 0;
}

static int run_directory(const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, NULL, alphasort), i, r = 0;

	if (n < 0)
		return -errno;
	for (i = 0; i < n; i++) {
		char file[4096];

		snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.' && r == 0)
			r = run_input(file);
		free(names[i]);
	}
	free(names);
	return r;
}

static int run_path(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		printf("# %s: %s\n", path, strerror(errno));
		return -errno;
	}
	return S_ISDIR(st.st_mode) ? run_directory(path) : run_input(path);
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/');
	bool ok = true;
	int i;

	name = name ? name + 1 : argv[0];
	if (__sanitizer_set_death_callback) {
		__sanitizer_set_death_callback(say_current);
	} else {
		signal(SIGSEGV, on_signal);
		signal(SIGBUS, on_signal);
		signal(SIGFPE, on_signal);
		signal(SIGABRT, on_signal);
	}
	signal(SIGALRM, on_signal);
	printf("1..1\n");
	fflush(stdout);
	for (i = 1; i < argc; i++)
		if (run_path(argv[i]) < 0)
			ok = false;
	ok = ok && inputs > 0;
	printf("%s 1 - %s: %u inputs\n", ok ? "ok" : "not ok", name, inputs);
	return ok ? 0 : 1;
}
