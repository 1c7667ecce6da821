# SPDX-License-Identifier: Apache-2.0
"""workloads.py - what a server does, for the cost of being tracked.

Each command works in $DIR and ends with a sync of its own file system: what
the tracker adds to writing back counts, too.
"""
import shutil

from trees import LINUX_TAR

FIO = ("fio --minimal --directory=$DIR --name=job --thread --randseed=7"
       " --fallocate=none --group_reporting")


class Workload:
    def __init__(self, name, text, command, prepare="true", needs="fio"):
        self.name, self.text, self.needs = name, text, needs
        self.command = f"{{ {command}; }} >/dev/null && sync -f $DIR"
        self.prepare = prepare

    def missing(self):
        return None if shutil.which(self.needs) else f"no {self.needs}"


def all_of(scale):
    mib = max(8, int(512 * scale))
    files = max(100, int(50_000 * scale))
    laid = f"{FIO} --rw=write --bs=1M --size={mib}M --end_fsync=1"
    tar = "/var/tmp/tidemark-bench-linux.tar"
    return (
        Workload("new-4k", "a new file in 4 KiB writes",
                 f"{FIO} --rw=write --bs=4k --size={mib}M"),
        Workload("over-4k", "random 4 KiB overwrites, buffered, twice",
                 f"{FIO} --rw=randwrite --bs=4k --size={mib}M --loops=2"
                 " --overwrite=1", laid),
        Workload("mmap", "random 4 KiB stores through a mapping",
                 f"{FIO} --ioengine=mmap --rw=randwrite --bs=4k"
                 f" --size={mib}M", laid),
        Workload("direct", "random 4 KiB overwrites, O_DIRECT",
                 f"{FIO} --rw=randwrite --bs=4k --direct=1"
                 f" --size={max(8, mib // 4)}M", laid),
        Workload("mix", "70 % reads, 30 % overwrites of 4 to 64 KiB, fsync"
                 " after every 64",
                 f"{FIO} --rw=randrw --rwmixread=70 --bsrange=4k-64k"
                 f" --fsync=64 --numjobs=2 --size={max(8, mib // 4)}M",
                 f"{laid} --numjobs=2"),
        Workload("create", f"{files:,} files made and unlinked",
                 f"{FIO} --ioengine=filecreate --nrfiles={files}"
                 f" --filesize=4k --unlink=1 --openfiles=1 --bs=4k"
                 f" --rw=write --size={files * 4}k"),
        Workload("untar", "linux-source-6.1 unpacked",
                 f"tar -C $DIR -xf {tar}",
                 f"[ -f {tar} ] || xz -dc {LINUX_TAR} >{tar}", "xz"),
    )
