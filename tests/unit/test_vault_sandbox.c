/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vault_sandbox.c - what a server cannot do any more, whoever has taken
 * it over.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "testdir.h"
#include "vault/sandbox.h"

/* What a child says: 0, or the line that did not hold. */
#define HOLDS(what)                                                            \
	do {                                                                   \
		if (!(what))                                                   \
			_exit(__LINE__ % 250 + 1);                             \
	} while (0)
#define REFUSED(call) HOLDS((call) == -1 && errno == EPERM)

static int status_of(void (*fn)(void))
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		HOLDS(sandbox_enter(false) == 0);
		fn();
		_exit(0);
	}
	assert_int_equal(pid, waitpid(pid, &status, 0));
	return status;
}

static void need_filter(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	skip();
#endif
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
	skip();
#endif
#endif
}

static void try_programs(void)
{
	char *argv[] = { (char *)(uintptr_t) "true", NULL };

	REFUSED(execve("/bin/false", argv, NULL));
	REFUSED(syscall(SYS_execveat, -1, "/bin/false", argv, NULL, 0));
	REFUSED(fork());
	REFUSED(vfork());
	REFUSED(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
	HOLDS(syscall(SYS_clone3, NULL, 0) == -1 && errno == ENOSYS);
}

static void try_others(void)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY };

	REFUSED(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
	REFUSED(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0));
	REFUSED(kill(getppid(), SIGTERM));
	REFUSED(mount("none", "/mnt", "tmpfs", 0, NULL));
	REFUSED(unshare(CLONE_NEWNS));
	REFUSED(setuid(0));
	REFUSED(chroot("/"));
	REFUSED(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
	REFUSED(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)));
	REFUSED(syscall(SYS_io_uring_setup, 1, NULL));
	REFUSED(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
	REFUSED(syscall(SYS_init_module, NULL, 0, ""));
	REFUSED(syscall(SYS_personality, 0xffffffff));
	/* and nothing that is there takes the filter off */
	REFUSED(syscall(SYS_seccomp, 0, 0, NULL));
}

static void *try_in_thread(void *arg)
{
	(void)arg;
	return (void *)(uintptr_t)(ptrace(PTRACE_TRACEME, 0, NULL, NULL) ==
					   -1 &&
				   errno == EPERM);
}

static void try_work(void)
{
	pthread_t thread;
	void *refused = NULL;
	int fd, pair[2];

	HOLDS(pthread_create(&thread, NULL, try_in_thread, NULL) == 0);
	HOLDS(pthread_join(thread, &refused) == 0 && refused);
	fd = open("/tmp", O_RDWR | O_TMPFILE, 0600);
	HOLDS(fd >= 0 && write(fd, "x", 1) == 1 && fsync(fd) == 0);
	HOLDS(socket(AF_INET, SOCK_STREAM, 0) >= 0);
	HOLDS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	HOLDS(malloc(8u << 20));
}

static void see_privileges(void)
{
	char text[8192];
	int fd = open("/proc/thread-self/status", O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	HOLDS(n > 0);
	text[n] = '\0';
	HOLDS(strstr(text, "NoNewPrivs:\t1"));
	HOLDS(strstr(text, "CapEff:\t0000000000000000"));
	HOLDS(strstr(text, "CapPrm:\t0000000000000000"));
	HOLDS(strstr(text, "CapAmb:\t0000000000000000"));
}

static void test_no_program_is_started(void **state)
{
	(void)state;
	need_filter();
	assert_int_equal(0, status_of(try_programs));
}

static void test_no_other_process_is_reached(void **state)
{
	(void)state;
	need_filter();
	assert_int_equal(0, status_of(try_others));
}

static void test_what_serving_needs_is_there(void **state)
{
	(void)state;
	need_filter();
	assert_int_equal(0, status_of(try_work));
}

static void test_no_privilege_is_left(void **state)
{
	(void)state;
	assert_int_equal(0, status_of(see_privileges));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_program_is_started),
		cmocka_unit_test(test_no_other_process_is_reached),
		cmocka_unit_test(test_what_serving_needs_is_there),
		cmocka_unit_test(test_no_privilege_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
