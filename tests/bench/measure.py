# SPDX-License-Identifier: Apache-2.0
"""measure.py - run one command; what it took."""
import json
import os
import shutil
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
    if os.path.lexists(path):
        shutil.rmtree(path)


def spread(path):
    """ext4 puts a new directory near its parent, and once the inodes there
    are used up each new file costs a search, fifteen times the usual time.
    With this flag the directories in path go where there is room."""
    subprocess.run(["chattr", "+T", path], check=False,
                   stderr=subprocess.DEVNULL)


def drop_caches():
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as f:
        f.write("3\n")


def warm(path):
    """Read everything once, so that no one pays for being the first."""
    subprocess.run(f"find '{path}' -type f -print0 | xargs -0 cat >/dev/null",
                   shell=True, check=True)
