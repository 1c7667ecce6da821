# SPDX-License-Identifier: Apache-2.0
"""measure.py - run one command; what it took."""
import json
import os
import signal
import subprocess
import sys
import threading

LIMIT_S = 3600

# A child's peak memory is never less than what its parent had when it was
# made (Linux carries the mark over exec). So the command is the child of a
# small interpreter, not of this one, which may hold a million names.
LAUNCHER = """
import os, sys, time
start = time.perf_counter()
pid = os.posix_spawn('/bin/sh', ['sh', '-c', sys.argv[1]], os.environ)
_, status, u = os.wait4(pid, 0)
wall = time.perf_counter() - start
os.write(3, b'{"wall_s": %f, "cpu_s": %f, "rss_bytes": %d, "rc": %d}' % (
    wall, u.ru_utime + u.ru_stime, u.ru_maxrss * 1024,
    os.waitstatus_to_exitcode(status)))
"""


def kill_group(pid):
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def run(command, env, cwd, log):
    """Wall seconds, CPU seconds (user + system) and the peak memory of the
    largest process, of a shell command and all that it waited for; None if
    it had to be killed."""
    read, write = os.pipe()
    argv = [sys.executable, "-I", "-S", "-c",
            f"import os; os.dup2({write}, 3, inheritable=False)\n" + LAUNCHER,
            command]
    with open(log, "wb") as err, subprocess.Popen(
            argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=err, pass_fds=[write],
            start_new_session=True) as p:
        os.close(write)
        timer = threading.Timer(LIMIT_S, kill_group, (p.pid,))
        timer.start()
        try:
            with os.fdopen(read, "rb") as answer:
                text = answer.read()
        except BaseException:
            kill_group(p.pid)
            raise
        finally:
            timer.cancel()
    return json.loads(text) if text else None


def last_line(log):
    with open(log, "rb") as f:
        lines = f.read()[-4096:].decode(errors="replace").split("\n")
    return next((x.strip() for x in reversed(lines) if x.strip()), "")


def size_of(path):
    """Regular files below path and their bytes."""
    files = total = 0
    stack = [path]
    while stack:
        with os.scandir(stack.pop()) as entries:
            for e in entries:
                if e.is_dir(follow_symlinks=False):
                    stack.append(e.path)
                elif e.is_file(follow_symlinks=False):
                    files += 1
                    total += e.stat(follow_symlinks=False).st_size
    return files, total


def remove(path):
    subprocess.run(["rm", "-rf", path], check=True)


def empty(path):
    """Remove what is in the directory, not itself."""
    if os.path.isdir(path):
        for name in os.listdir(path):
            remove(os.path.join(path, name))


def filesystem(path):
    """Mount point, type and device of the file system that path is in."""
    best = ("", "unknown", "")
    with open("/proc/self/mounts", encoding="utf-8") as f:
        for device, point, kind in (line.split()[:3] for line in f):
            inside = (path + "/").startswith(point.rstrip("/") + "/")
            if inside and len(point) >= len(best[0]):
                best = (point, kind, device)
    return best


class Disk:
    """Where repositories and restored trees go.

    ext4 without a journal, which many virtual machines have, does not use an
    inode again for some minutes after its file was deleted, and until then
    each new file walks past all such inodes: up to twenty times the cost,
    depending on what was deleted before, by whomever. There, a new ext4 with
    a journal, as Debian installs it, is made in a file and mounted."""

    def __init__(self, point, scale, say):
        self.point, self.image = point, point + ".img"
        self.mounted = False
        _, kind, device = filesystem(os.path.dirname(point))
        jbd2 = "/proc/fs/jbd2"
        journals = os.listdir(jbd2) if os.path.isdir(jbd2) else []
        name = os.path.basename(device) + "-"
        if kind != "ext4" or any(j.startswith(name) for j in journals):
            return
        if os.environ.get("BENCH_LOOP") != "0" and os.geteuid() == 0:
            self.mounted = self.make(scale)
        if not self.mounted:
            say("this ext4 has no journal: restores may look far too slow")

    def make(self, scale):
        subprocess.run(["umount", "-q", self.point], check=False)
        remove(self.image)
        with open(self.image, "wb") as f:
            f.truncate((4 << 30) + int(scale * (60 << 30)))
        os.makedirs(self.point, exist_ok=True)
        inodes = str(200_000 + int(scale * 4_000_000))
        for argv in (["mkfs.ext4", "-q", "-F", "-N", inodes, self.image],
                     ["mount", "-o", "loop", self.image, self.point]):
            if subprocess.run(argv, check=False).returncode != 0:
                remove(self.image)
                return False
        return True

    def close(self):
        if self.mounted:
            subprocess.run(["umount", self.point], check=False)
            remove(self.image)


def copy(src, target):
    subprocess.run(["cp", "-r", src, target], check=True)


def drop_caches():
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as f:
        f.write("3\n")


def warm(path):
    """Read everything: some machines put out what was not used a while."""
    subprocess.run(f"find '{path}' -type f -print0 | xargs -0 cat >/dev/null",
                   shell=True, check=True)


def warm_metadata(path):
    subprocess.run(["find", path, "-printf", "%s"], check=True,
                   stdout=subprocess.DEVNULL)
