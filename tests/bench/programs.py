# SPDX-License-Identifier: Apache-2.0
"""programs.py - how often the tracker's programs ran, and for how long.

The kernel counts it for each program (kernel.bpf_stats_enabled). Its measuring
is part of what it tells: an empty program takes 40 to 60 ns.
"""
import json
import os
import shutil
import subprocess

SWITCH = "/proc/sys/kernel/bpf_stats_enabled"
KTHREADD = "2"


def kernel_threads():
    """CPU seconds of all of them: what they write back is work that somebody
    made, and the programs run there, too."""
    ticks = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as f:
                words = f.read().rpartition(")")[2].split()
        except OSError:
            continue
        if words[1] == KTHREADD:
            ticks += int(words[11]) + int(words[12])
    return ticks / os.sysconf("SC_CLK_TCK")


class Programs:
    """Of the daemon with this process id, while in a with statement."""

    def __init__(self, pid):
        self.pid = pid
        self.was = None
        self.runs = self.ns = 0
        self.threads_s = 0

    @staticmethod
    def missing():
        return None if shutil.which("bpftool") else "no bpftool"

    @staticmethod
    def switch(value):
        with open(SWITCH, "w", encoding="ascii") as f:
            f.write(value)

    def ids(self):
        """It holds a link of each."""
        found = set()
        for fd in os.listdir(f"/proc/{self.pid}/fdinfo"):
            with open(f"/proc/{self.pid}/fdinfo/{fd}", encoding="ascii") as f:
                found.update(line.split()[1] for line in f
                             if line.startswith("prog_id:"))
        return found

    def read(self):
        runs = ns = 0
        for i in self.ids():
            out = subprocess.run(["bpftool", "-j", "prog", "show", "id", i],
                                 check=True, stdout=subprocess.PIPE).stdout
            told = json.loads(out)
            runs += told.get("run_cnt", 0)
            ns += told.get("run_time_ns", 0)
        return runs, ns

    def __enter__(self):
        with open(SWITCH, encoding="ascii") as f:
            self.was = f.read().strip()
        self.switch("1")
        self.runs, self.ns = self.read()
        self.threads_s = kernel_threads()
        return self

    def __exit__(self, *_):
        self.threads_s = max(0, kernel_threads() - self.threads_s)
        runs, ns = self.read()
        self.runs, self.ns = runs - self.runs, ns - self.ns
        self.switch(self.was)
