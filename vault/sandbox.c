/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox.c - who the process is, and what it may still ask the kernel for.
 */
#include "vault/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/io.h"
#include "base/log.h"

#define LISTEN_FD 3 /* sd_listen_fds(3) */

/* Sanitizers ask for more, and for different things in each version. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif
#ifndef HAS_SANITIZER
#define HAS_SANITIZER 0
#endif

/* --- who --- */

static struct {
	bool is_other;
	uid_t uid;
	gid_t gid;
} owner; /* of the vault, if it is not who runs the program */

/* Of the lowest 32; no thread is there yet that would keep others. */
static int set_capabilities(uint32_t bits)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct data[2] = { { .effective = bits,
						    .permitted = bits } };

	if (syscall(SYS_capset, &head, data) < 0)
		return log_fail(-errno, "give up capabilities");
	return 0;
}

static int become_for_good(void)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 ||
	    setresgid(owner.gid, owner.gid, owner.gid) < 0 ||
	    setresuid(owner.uid, owner.uid, owner.uid) < 0)
		return log_fail(-errno, "become user %u, who owns the vault",
				(unsigned int)owner.uid);
	return set_capabilities(1u << CAP_NET_BIND_SERVICE);
}

int sandbox_become_owner(const char *dir, bool for_good)
{
	struct stat st;

	/* what is not there is somebody else's message */
	if (geteuid() != 0 || stat(dir, &st) < 0)
		return 0;
	if (st.st_uid == 0) {
		if (for_good)
			log_warn("the vault in %s is root's, so root serves "
				 "it, without capabilities: a user of its own "
				 "is better (chown -R USER %s)",
				 dir, dir);
		return 0;
	}
	owner.is_other = true;
	owner.uid = st.st_uid;
	owner.gid = st.st_gid;
	if (setgroups(1, &owner.gid) < 0)
		return log_fail(-errno, "give up groups");
	return for_good ? become_for_good() : sandbox_return();
}

int sandbox_leave(void)
{
	if (owner.is_other && (seteuid(0) < 0 || setegid(0) < 0))
		return log_fail(-errno, "become root again");
	return 0;
}

int sandbox_return(void)
{
	if (owner.is_other &&
	    (setegid(owner.gid) < 0 || seteuid(owner.uid) < 0))
		return log_fail(-errno, "become user %u, who owns the vault",
				(unsigned int)owner.uid);
	return 0;
}

int sandbox_give(const char *dir, const char *user)
{
	struct passwd *pw;
	int e = io_mkdir_p(dir);

	if (e < 0)
		return log_fail(e, "make %s", dir);
	errno = 0;
	pw = getpwnam(user);
	if (!pw) {
		log_error("there is no user %s%s%s", user, errno ? ": " : "",
			  errno ? log_strerror(-errno) : "");
		return -ENOENT;
	}
	if (chown(dir, pw->pw_uid, pw->pw_gid) < 0)
		return log_fail(-errno, "give %s to %s", dir, user);
	return 0;
}

/* --- what --- */

/*
 * What serving takes: files below the vault, sockets (to be asked by machines,
 * and to send alerts), threads and memory. No execve(), ptrace(), mount(),
 * bpf(), keyctl(), setuid(), personality(), io_uring; nothing with a path
 * outside of open, link, rename and unlink.
 */
static const char *const allowed[] = {
	/* files */
	"openat",
	"open",
	"close",
	"read",
	"readv",
	"write",
	"writev",
	"pread64",
	"pwrite64",
	"preadv",
	"pwritev",
	"lseek",
	"fsync",
	"fdatasync",
	"ftruncate",
	"fallocate",
	"fadvise64",
	"copy_file_range",
	"sendfile",
	"fstat",
	"stat",
	"lstat",
	"newfstatat",
	"statx",
	"fstatfs",
	"statfs",
	"access",
	"faccessat",
	"faccessat2",
	"readlink",
	"readlinkat",
	"getdents64",
	"mkdir",
	"mkdirat",
	"unlink",
	"unlinkat",
	"rmdir",
	"rename",
	"renameat",
	"renameat2",
	"link",
	"linkat",
	"fchmod",
	"fchown",
	"fcntl",
	"flock",
	"getcwd",
	"umask",
	"dup",
	"dup2",
	"dup3",
	"pipe",
	"pipe2",
	"sync_file_range",
	"syncfs",
	"utimensat",
	/* sockets */
	"socket",
	"socketpair",
	"connect",
	"bind",
	"listen",
	"accept",
	"accept4",
	"shutdown",
	"getsockname",
	"getpeername",
	"setsockopt",
	"getsockopt",
	"sendto",
	"sendmsg",
	"sendmmsg",
	"recvfrom",
	"recvmsg",
	"recvmmsg",
	"poll",
	"ppoll",
	"select",
	"pselect6",
	"epoll_create1",
	"epoll_ctl",
	"epoll_wait",
	"epoll_pwait",
	"eventfd2",
	/* memory and threads */
	"mmap",
	"munmap",
	"mprotect",
	"mremap",
	"madvise",
	"mlock",
	"mlock2",
	"munlock",
	"brk",
	"futex",
	"set_robust_list",
	"rseq",
	"set_tid_address",
	"sched_yield",
	"sched_getaffinity",
	"membarrier",
	"exit",
	"exit_group",
	"gettid",
	"getpid",
	"getppid",
	"tgkill",
	"getuid",
	"geteuid",
	"getgid",
	"getegid",
	"arch_prctl",
	/* time and signals */
	"clock_gettime",
	"clock_getres",
	"clock_nanosleep",
	"nanosleep",
	"gettimeofday",
	"time",
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"rt_sigtimedwait",
	"sigaltstack",
	"restart_syscall",
	"alarm",
	"wait4",
	"waitid",
	/* the machine */
	"getrandom",
	"uname",
	"sysinfo",
	"getrlimit",
	"prlimit64",
	"getrusage",
};

static int allow(scmp_filter_ctx f, const char *name)
{
	int nr = seccomp_syscall_resolve_name(name);

	/* this architecture has none of that name: nothing to allow */
	if (nr == __NR_SCMP_ERROR || nr < 0)
		return 0;
	return seccomp_rule_add(f, SCMP_ACT_ALLOW, nr, 0);
}

/* If argument number arg, masked, is value. libseccomp's own macros leave a
 * field out. */
static int allow_if(scmp_filter_ctx f, int nr, unsigned int arg,
		    scmp_datum_t mask, scmp_datum_t value)
{
	const struct scmp_arg_cmp when = { arg, SCMP_CMP_MASKED_EQ, mask,
					   value };

	return seccomp_rule_add_array(f, SCMP_ACT_ALLOW, nr, 1, &when);
}

/* Threads, and neither processes nor namespaces. What clone3() is asked for
 * stands in memory, where no filter can look: without it clone() is used. */
static int allow_threads(scmp_filter_ctx f)
{
	const scmp_datum_t bad = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
				 CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |
				 CLONE_NEWNET;
	int e = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3),
				 0);

	if (e == 0)
		e = allow_if(f, SCMP_SYS(clone), 0, bad | CLONE_THREAD,
			     CLONE_THREAD);
	return e;
}

/* prctl() names threads; ioctl() asks how much there is to read. */
static int allow_some(scmp_filter_ctx f)
{
	static const unsigned long ioctls[] = { FIONREAD, FIONBIO };
	int e = allow_if(f, SCMP_SYS(prctl), 0, UINT64_MAX, PR_SET_NAME);
	size_t i;

	for (i = 0; i < ARRAY_LEN(ioctls) && e == 0; i++)
		e = allow_if(f, SCMP_SYS(ioctl), 1, UINT64_MAX, ioctls[i]);
	return e;
}

static int load_filter(bool may_kill)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	size_t i;
	int e = f ? allow_some(f) : -ENOMEM;

	if (e == 0)
		e = allow_threads(f);
	for (i = 0; i < ARRAY_LEN(allowed) && e == 0; i++)
		e = allow(f, allowed[i]);
	if (e == 0 && may_kill)
		e = allow_if(f, SCMP_SYS(kill), 1, UINT64_MAX, SIGTERM);
	if (e == 0)
		e = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);
	if (e == 0)
		e = seccomp_load(f);
	seccomp_release(f);
	return e < 0 ? log_fail(e, "limit system calls (seccomp)") : 0;
}

int sandbox_enter(bool may_kill)
{
	int e;

	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	e = set_capabilities(0);
	if (e < 0)
		return e;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return log_fail(-errno, "give up new privileges");
	/* changing users has made it dumpable again */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return HAS_SANITIZER ? 0 : load_filter(may_kill);
}

/* --- a socket of the service manager --- */

static bool is_listener(int fd)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof(at), n = sizeof(int);
	int type = 0, listens = 0;

	return getsockname(fd, (struct sockaddr *)&at, &len) == 0 &&
	       (at.ss_family == AF_INET || at.ss_family == AF_INET6) &&
	       getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 &&
	       type == SOCK_STREAM &&
	       getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &n) == 0 &&
	       listens;
}

int sandbox_socket(void)
{
	const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");
	bool is_ours = pid && n && strtol(pid, NULL, 10) == (long)getpid() &&
		       strtol(n, NULL, 10) >= 1;

	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (!is_ours)
		return -1;
	if (!is_listener(LISTEN_FD)) {
		log_warn("the service manager's socket is no TCP socket that "
			 "listens: the configuration's address is used");
		return -1;
	}
	(void)fcntl(LISTEN_FD, F_SETFD, FD_CLOEXEC);
	return LISTEN_FD;
}
