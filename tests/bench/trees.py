# SPDX-License-Identifier: Apache-2.0
"""trees.py - the data that is backed up: made once, always the same.

linux  linux-source-6.1 as Debian ships it
m1     a million files of 200 to 2,000 bytes of words, 1,000 in a directory
big    one file of 4 GiB: a MiB of random bytes, a MiB of words, and so on

SCALE shrinks all three. Files of m1 are rewritten by some works; reset()
puts the first contents back, so that each run starts from the same bytes.
"""
import os
import random
import shutil
import subprocess
import tarfile

LINUX_TAR = "/usr/src/linux-source-6.1.tar.xz"
LINUX_FILES = 78579
M1_FILES = 1_000_000
M1_PER_DIR = 1000
BIG_BYTES = 4 << 30
MIB = 1 << 20
VERSION = "1"  # of what is generated; another one makes it again


def word_pool():
    """64 Ki words, common ones many times over, as in a language."""
    rng = random.Random(61)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    words = []
    for _ in range(20000):
        n = rng.randint(2, 10)
        words.append("".join(letters[int(rng.random() ** 2 * 26)]
                             for _ in range(n)).encode())
    return [words[int(len(words) ** rng.random()) - 1] for _ in range(65536)]


class Trees:
    def __init__(self, base, scale):
        self.root = os.path.join(base, f"data-{scale:g}")
        self.scale = scale
        self.count = {"m1": max(1000, int(M1_FILES * scale)),
                      "linux": max(100, int(LINUX_FILES * scale))}
        self.pool = None

    def path(self, name):
        return os.path.join(self.root, name)

    def missing(self, name):
        """Why the tree cannot be had, or None."""
        if name == "linux" and not os.path.exists(LINUX_TAR):
            return f"{LINUX_TAR} is not there (package linux-source-6.1)"
        return None

    def ensure(self, name, say):
        mark = os.path.join(self.root, f".{name}.done")
        if os.path.exists(mark):
            with open(mark, encoding="ascii") as f:
                if f.read() == VERSION:
                    return
        say(f"making {self.path(name)}")
        shutil.rmtree(self.path(name), ignore_errors=True)
        os.makedirs(self.path(name))
        getattr(self, "make_" + name)(self.path(name))
        with open(mark, "w", encoding="ascii") as f:
            f.write(VERSION)

    def text(self, rng, size):
        if self.pool is None:
            self.pool = word_pool()
        pool, rnd = self.pool, rng.random
        n = len(pool)
        out = b" ".join([pool[int(rnd() * n)] for _ in range(size // 5 + 1)])
        while len(out) < size:
            out += b"\n" + out
        return out[:size]

    def make_linux(self, to):
        if self.scale >= 1:
            subprocess.run(["tar", "-C", to, "-xf", LINUX_TAR], check=True)
            return
        left = self.count["linux"]
        with tarfile.open(LINUX_TAR, "r|xz") as tar:
            for member in tar:
                tar.extract(member, to)
                left -= 1
                if left == 0:
                    break

    def m1_name(self, index):
        d = index // M1_PER_DIR
        return os.path.join(self.path("m1"), f"{d // 100:02d}", f"{d:04d}",
                            f"file-{index:07d}.txt")

    def m1_write(self, index, generation):
        rng = random.Random(index * 1000003 + generation)
        data = self.text(rng, rng.randint(200, 2000))
        fd = os.open(self.m1_name(index),
                     os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.write(fd, data)
        os.close(fd)

    def make_m1(self, _to):
        for index in range(self.count["m1"]):
            if index % M1_PER_DIR == 0:
                os.makedirs(os.path.dirname(self.m1_name(index)))
            self.m1_write(index, 0)

    def make_big(self, to):
        left = int(BIG_BYTES * self.scale)
        rng = random.Random(4)
        with open(os.path.join(to, "big.img"), "wb") as f:
            while left > 0:
                f.write(rng.randbytes(min(MIB, left)))
                left -= MIB
                if left > 0:
                    f.write(self.text(rng, min(MIB, left)))
                left -= MIB

    def changed_list(self):
        return os.path.join(self.root, ".m1.changed")

    def change_m1(self, n, generation):
        """Rewrite n files. The list comes first: reset() must know them."""
        some = random.Random(generation).sample(range(self.count["m1"]), n)
        with open(self.changed_list(), "a", encoding="ascii") as f:
            f.writelines(f"{i}\n" for i in some)
        for i in some:
            self.m1_write(i, generation)

    def reset(self):
        if not os.path.exists(self.changed_list()):
            return
        with open(self.changed_list(), encoding="ascii") as f:
            some = {int(line) for line in f}
        for i in some:
            self.m1_write(i, 0)
        os.unlink(self.changed_list())
