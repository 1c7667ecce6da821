/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault_fixture.c - a real vault for the tests of its store.
 */
#include "tests/contract/vault_fixture.h"

#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "store/registration.h"
#include "store/vault.h"
#include "tests/contract/store_fixture.h"

#define DIRECTORY "VAULT_FIXTURE_DIRECTORY" /* tells the inner program */

static char self[4096];

/* build/X/tidemark-vaultd for build/X/tests/contract/test_Y. */
static const char *vaultd(void)
{
	static char path[4200];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int i;

	assert_true(n > 0);
	self[n] = '\0';
	snprintf(path, sizeof(path), "%s", self);
	for (i = 0; i < 3; i++)
		*strrchr(path, '/') = '\0';
	strncat(path, "/tidemark-vaultd", sizeof(path) - strlen(path) - 1);
	return path;
}

static int run(const char *const *argv)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	assert_true(pid > 0);
	assert_int_equal(pid, waitpid(pid, &status, 0));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static int remove_one(const char *path, const struct stat *st, int flag,
		      struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void vault_fixture_start(void)
{
	const char *tmp = getenv("TMPDIR"), *program = vaultd();
	char dir[64], log[80];
	int status;

	if (getenv(DIRECTORY))
		return;
	snprintf(dir, sizeof(dir), "%.40s/vault.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(dir))
		abort();
	setenv(DIRECTORY, dir, 1);
	snprintf(log, sizeof(log), "%s/v", dir);
	/* standard output is TAP: what init says goes elsewhere */
	fflush(stdout);
	status = run((const char *[]){ "/bin/sh", "-c",
				       "\"$0\" init \"$1\" --listen "
				       "127.0.0.1:0 >&2",
				       program, log, NULL });
	if (status == 0)
		status = run((const char *[]){ program, "serve", log, "--run",
					       self, NULL });
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	exit(status);
}

void vault_fixture_credentials(const char *path)
{
	char dir[80];

	snprintf(dir, sizeof(dir), "%s/v", getenv(DIRECTORY));
	assert_int_equal(0, run((const char *[]){ vaultd(), "credentials", dir,
						  "--url",
						  getenv("TIDEMARK_VAULT_URL"),
						  "--output", path, NULL }));
}

struct store *vault_fixture_store(const char *dir)
{
	static unsigned int count;
	struct registration r;
	char credentials[128], name[64];
	struct store *s;

	snprintf(credentials, sizeof(credentials), "%s.json", dir);
	snprintf(name, sizeof(name), "machine-%ld-%u", (long)getpid(), count++);
	vault_fixture_credentials(credentials);
	assert_int_equal(0, registration_make(dir, credentials, name, &r));
	registration_release(&r);
	assert_int_equal(0, store_open_vault(dir, &s));
	return s;
}
