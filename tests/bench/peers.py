# SPDX-License-Identifier: Apache-2.0
"""peers.py - how each program is told to do the same thing.

Everything is left at its defaults, as on the day it was installed, but for
where caches go. A command is a shell line; a single program replaces the shell
(exec), so that the shell adds nothing to what is measured.
"""
import json
import os
import shlex
import shutil
import subprocess

PASSPHRASE = "correct horse battery staple bench"


class Tool:
    """One program with one repository for each tree."""
    name = ""
    repository = True
    ok = (0,)  # exit codes of a success

    def __init__(self, work):
        self.work = os.path.join(work, self.name)
        self.secret = os.path.join(work, "passphrase")

    def prepare_dirs(self, tree):
        os.makedirs(self.cache(tree), exist_ok=True)

    def repo(self, tree):
        return os.path.join(self.work, tree, "repo")

    def cache(self, tree):
        return os.path.join(self.work, tree, "cache")

    def env(self, tree):
        """HOME and the caches are the tree's own: what one work leaves
        behind must not help another."""
        env = {k: os.environ[k] for k in ("PATH", "LANG", "TZ")
               if k in os.environ}
        c = self.cache(tree)
        env.update(HOME=c, XDG_CACHE_HOME=c, XDG_STATE_HOME=c,
                   XDG_CONFIG_HOME=c, TMPDIR=os.environ.get("TMPDIR", "/tmp"))
        return env

    def missing(self):
        return None if shutil.which(self.name) else "not installed"

    def version(self):
        out = subprocess.run([self.name, "--version"], text=True, check=False,
                             capture_output=True).stdout
        return out.split("\n")[0].strip()

    def does(self, kind):
        return kind in ("first", "scan", "change", "restore", "check",
                        "forget")

    def out(self, tree, command):
        return subprocess.run(["sh", "-c", command], env=self.env(tree),
                              text=True, check=True,
                              capture_output=True).stdout


class Tidemark(Tool):
    name = "tidemark"

    def __init__(self, work):
        super().__init__(work)
        here = os.path.dirname(os.path.abspath(__file__))
        self.program = os.path.abspath(os.environ.get("TIDEMARK") or
                                       here +
                                       "/../../build/release/tidemark")

    def missing(self):
        if os.access(self.program, os.X_OK):
            return None
        return f"{self.program} is not there: make"

    def version(self):
        out = subprocess.run([self.program, "version"], text=True,
                             check=False, capture_output=True).stdout
        return out.split("\n")[0].strip()

    def command(self, tree, verb):
        return (f"{shlex.quote(self.program)} {verb} -r {self.repo(tree)}"
                f" --passphrase-file {self.secret}")

    def init(self, tree):
        return self.command(tree, "init")

    def backup(self, tree, src):
        return self.command(tree, "backup") + f" {src}"

    def restore(self, tree, target):
        return self.command(tree, "restore") + f" latest --target {target}"

    def check(self, tree):
        return self.command(tree, "check")

    def forget(self, tree):
        return self.command(tree, "forget") + " --keep-last 1 --prune"


class Restic(Tool):
    name = "restic"

    def version(self):
        out = subprocess.run([self.name, "version"], text=True, check=False,
                             capture_output=True).stdout
        return " ".join(out.split()[:2])

    def env(self, tree):
        return dict(super().env(tree), RESTIC_REPOSITORY=self.repo(tree),
                    RESTIC_PASSWORD_FILE=self.secret,
                    RESTIC_CACHE_DIR=self.cache(tree))

    def init(self, tree):
        return "restic init"

    def backup(self, tree, src):
        return f"restic backup {src}"

    def restore(self, tree, target):
        return f"restic restore latest --target {target}"

    def check(self, tree):
        return "restic check"

    def forget(self, tree):
        return "restic forget --keep-last 1 --prune"


class Rustic(Restic):
    name = "rustic"

    def version(self):
        return Tool.version(self)

    def env(self, tree):
        return dict(Tool.env(self, tree), RUSTIC_REPOSITORY=self.repo(tree),
                    RUSTIC_PASSWORD_FILE=self.secret,
                    RUSTIC_CACHE_DIR=self.cache(tree))

    def init(self, tree):
        return "rustic init"

    def backup(self, tree, src):
        return f"rustic backup {src}"

    def restore(self, tree, target):
        return f"rustic restore latest {target}"

    def check(self, tree):
        return "rustic check"

    def forget(self, tree):
        # Without --instant-delete packs are only marked.
        return "rustic forget --keep-last 1 --prune --instant-delete"


class Borg(Tool):
    name = "borg"

    def env(self, tree):
        return dict(super().env(tree), BORG_REPO=self.repo(tree),
                    BORG_PASSPHRASE=PASSPHRASE, BORG_BASE_DIR=self.cache(tree),
                    BORG_RELOCATED_REPO_ACCESS_IS_OK="yes")

    def init(self, tree):
        return "borg init --encryption=repokey"

    def backup(self, tree, src):
        return f"borg create '::{{now:%Y%m%dT%H%M%S.%f}}' {src}"

    def restore(self, tree, target):
        last = self.out(tree, "borg list --last 1 --short").strip()
        return f"cd {target} && exec borg extract ::{last}"

    def check(self, tree):
        return "borg check"

    def forget(self, tree):
        return "borg prune --keep-last 1 && borg compact"


class Kopia(Tool):
    name = "kopia"

    def env(self, tree):
        return dict(super().env(tree), KOPIA_PASSWORD=PASSPHRASE,
                    KOPIA_CHECK_FOR_UPDATES="false",
                    KOPIA_CONFIG_PATH=self.cache(tree) + "/repository.config",
                    KOPIA_LOG_DIR=self.cache(tree) + "/log")

    def init(self, tree):
        keep = " ".join(f"--keep-{u}=0" for u in
                        ("hourly", "daily", "weekly", "monthly", "annual"))
        return (f"kopia repository create filesystem --path {self.repo(tree)}"
                f" --cache-directory {self.cache(tree)}/kopia &&"
                f" kopia policy set --global --keep-latest=1 {keep}")

    def backup(self, tree, src):
        return f"kopia snapshot create {src}"

    def restore(self, tree, target):
        found = json.loads(self.out(tree, "kopia snapshot list --all --json"))
        last = max(found, key=lambda s: s["startTime"])["id"]
        return f"kopia snapshot restore {last} {target}"

    def check(self, tree):
        return "kopia snapshot verify"

    def forget(self, tree):
        return ("kopia snapshot expire --all --delete &&"
                " kopia maintenance run --full --safety=none")


class Floor(Tool):
    """What the machine can do at all, with plain tools."""
    repository = False
    kinds = ()

    def does(self, kind):
        return kind in self.kinds

    def version(self):
        return ""

    def missing(self):
        return None


class Find(Floor):
    name = "find -printf"
    kinds = ("scan", "change")

    def backup(self, tree, src):
        return f"find {src} -printf '%p %y %m %U %G %s %T@ %C@ %i\\n'"


class Cat(Floor):
    name = "cat"
    kinds = ("first",)

    def backup(self, tree, src):
        return f"find {src} -type f -print0 | xargs -0 cat"


class Tar(Floor):
    name = "tar|zstd -1|openssl"
    kinds = ("first",)

    def missing(self):
        gone = [p for p in ("tar", "zstd", "openssl") if not shutil.which(p)]
        return "no " + ", ".join(gone) if gone else None

    def repo(self, tree):
        return os.path.join(self.work.replace("|", "-").replace(" ", ""),
                            tree)

    def cache(self, tree):
        return self.repo(tree)

    def backup(self, tree, src):
        return (f"tar -C {src} -cf - . | zstd -q -1 | openssl enc"
                f" -aes-256-ctr -pbkdf2 -pass file:{self.secret}"
                f" -out {self.repo(tree)}/out.tar.zst.enc")


class Copy(Floor):
    name = "cp -r"
    kinds = ("restore",)

    def __init__(self, work):
        super().__init__(work)
        self.source = None

    def restore(self, tree, target):
        return f"cp -r {self.source} {target}/"


ALL = (Tidemark, Restic, Borg, Kopia, Rustic, Tar, Cat, Find, Copy)


def install(names, bin_dir, say):
    """kopia and rustic are no Debian packages; both take a while."""
    recipes = {
        "kopia": (["go", "install", "github.com/kopia/kopia@latest"],
                  {"GOBIN": bin_dir}),
        "rustic": (["cargo", "install", "--locked", "rustic-rs", "--root",
                    os.path.dirname(bin_dir)], {}),
    }
    os.environ["PATH"] = bin_dir + ":" + os.environ["PATH"]
    for name in names:
        if shutil.which(name):
            continue
        argv, env = recipes[name]
        say("installing: " + " ".join(argv))
        done = subprocess.run(argv, env=dict(os.environ, **env), check=False)
        if done.returncode != 0:
            say(f"{name} could not be installed")
