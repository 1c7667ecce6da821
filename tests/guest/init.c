/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init.c - the guest's first process: from the initramfs to the host's tree.
 *
 * Loads the modules that "/modules" lists, mounts the host's root (9p, read
 * only) with a tmpfs over it, so that the guest may write where it likes, and
 * hands over to the script that the kernel's command line names (guest=PATH).
 * Whatever fails ends the guest: the kernel panics when its init ends.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void mount_or_fail(const char *from, const char *to, const char *type,
			  unsigned long flags, const char *options)
{
	if (mkdir(to, 0755) < 0 && access(to, F_OK) < 0)
		fail(to);
	if (mount(from, to, type, flags, options) < 0)
		fail(to);
}

static void load_modules(void)
{
	char path[512];
	FILE *f = fopen("/modules", "r");

	if (!f)
		fail("/modules");
	while (fgets(path, sizeof(path), f)) {
		int fd;

		path[strcspn(path, "\n")] = '\0';
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) < 0)
			fail(path);
		close(fd);
	}
	fclose(f);
}

/* The value of guest= on the kernel's command line. */
static const char *script(void)
{
	static char line[4096];
	FILE *f = fopen("/proc/cmdline", "r");
	char *at;

	if (!f || !fgets(line, sizeof(line), f))
		fail("/proc/cmdline");
	fclose(f);
	at = strstr(line, "guest=");
	if (!at)
		fail("guest=");
	at += strlen("guest=");
	at[strcspn(at, " \n")] = '\0';
	return at;
}

int main(void)
{
	const char *path;

	mount_or_fail("proc", "/proc", "proc", 0, NULL);
	path = script();
	load_modules();
	mount_or_fail("root", "/lower", "9p", MS_RDONLY,
		      "trans=virtio,version=9p2000.L,msize=524288,cache=loose");
	mount_or_fail("upper", "/upper", "tmpfs", 0, "size=90%");
	if (mkdir("/upper/new", 0755) < 0 || mkdir("/upper/work", 0755) < 0)
		fail("/upper");
	mount_or_fail(
		"root", "/new", "overlay", 0,
		"lowerdir=/lower,upperdir=/upper/new,workdir=/upper/work");
	mount_or_fail("proc", "/new/proc", "proc", 0, NULL);
	mount_or_fail("sys", "/new/sys", "sysfs", 0, NULL);
	mount_or_fail("dev", "/new/dev", "devtmpfs", 0, NULL);
	mount_or_fail("run", "/new/run", "tmpfs", 0, "size=90%");
	mount_or_fail("out", "/new/run/out", "9p", 0,
		      "trans=virtio,version=9p2000.L");
	if (chdir("/new") < 0 || mount("/new", "/", NULL, MS_MOVE, NULL) < 0 ||
	    chroot(".") < 0)
		fail("/new");
	execl(path, path, (char *)NULL);
	fail(path);
	return 1;
}
