# SPDX-License-Identifier: Apache-2.0
"""works.py - what is measured, and the bars.

A goal is (kind, what, against, factor): `what` of Tidemark must be at most
`factor` times that of `against`, or at most `factor` itself where `against`
is None. A "bar" must be met; an "aim" is where we want to be.
"""
MIB = 1 << 20


class Work:
    def __init__(self, name, kind, tree, text, *goals):
        self.name, self.kind, self.tree = name, kind, tree
        self.text, self.goals = text, goals


def bar(what, against, factor):
    return ("bar", what, against, factor)


def aim(what, against, factor):
    return ("aim", what, against, factor)


WORKS = (
    Work("linux-first", "first", "linux",
         "first backup, linux-source-6.1",
         bar("wall_s", "restic", 1 / 3), bar("repo_bytes", "restic", 1),
         aim("wall_s", None, 3)),
    Work("linux-scan", "scan", "linux",
         "nothing changed, linux-source-6.1",
         bar("wall_s", "restic", 1 / 10), aim("wall_s", "find -printf", 2)),
    Work("linux-restore", "restore", "linux",
         "restore, linux-source-6.1",
         bar("wall_s", "restic", 1 / 3), aim("wall_s", "cp -r", 1.2)),
    Work("m1-first", "first", "m1",
         "first backup, 1 M files of 0.2-2 kB",
         bar("wall_s", "restic", 1 / 4), bar("rss_bytes", None, 128 * MIB),
         aim("wall_s", None, 25)),
    Work("m1-scan", "scan", "m1",
         "nothing changed, 1 M files",
         bar("wall_s", None, 2.5), aim("wall_s", "find -printf", 1.5)),
    Work("m1-change", "change", "m1", "100 files changed of 1 M"),
    Work("m1-restore", "restore", "m1",
         "restore, 1 M files",
         bar("wall_s", "restic", 1 / 2), bar("rss_bytes", None, 128 * MIB),
         aim("wall_s", "cp -r", 1.2)),
    Work("m1-check", "check", "m1",
         "check of the structure, 1 M files",
         bar("wall_s", "restic", 1 / 3)),
    Work("m1-forget", "forget", "m1",
         "forget and prune to one snapshot, 1 M files, 5 % changed",
         bar("wall_s", "restic", 1 / 4), bar("rss_bytes", None, 128 * MIB)),
    Work("big-first", "first", "big",
         "first backup, one file of 4 GiB, half random",
         bar("wall_s", "restic", 1 / 6), aim("wall_s", None, 4)),
)

UNITS = {"wall_s": ("s", 1), "cpu_s": ("s", 1), "rss_bytes": ("MiB", MIB),
         "repo_bytes": ("MB", 1e6)}
WORDS = {"wall_s": "time", "cpu_s": "CPU", "rss_bytes": "memory",
         "repo_bytes": "repository"}


def goal_text(goal):
    kind, what, against, factor = goal
    unit, size = UNITS[what]
    if against is None:
        return f"{kind}: {WORDS[what]} <= {factor / size:g} {unit}"
    times = f"1/{round(1 / factor)}" if factor < 1 else f"{factor:g} x"
    if factor == 1:
        times = "that"
    return f"{kind}: {WORDS[what]} <= {times} of {against}"


def judge(goal, rows, scale):
    """(verdict, value over limit); rows maps a tool to its medians."""
    _, what, against, factor = goal
    ours = rows.get("tidemark", {}).get(what)
    if ours is None:
        return "not measured", None
    if against is None:
        if scale != 1 and what != "rss_bytes":
            return "only at SCALE=1", None
        limit = factor
    else:
        other = rows.get(against, {}).get(what)
        if other is None:
            return f"no {against} to compare with", None
        limit = factor * other
    return ("pass" if ours <= limit else "MISS"), ours / limit
