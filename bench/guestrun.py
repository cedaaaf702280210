# SPDX-License-Identifier: GPL-2.0-or-later
"""One benchmark guest in one program: how it is started, timed, and its exits counted."""
import mmap
import os
import select
import shutil
import signal
import statistics
import time

BUILD = os.environ.get("B", "build")
BENCH = os.path.join(BUILD, "bench")
KVM_DM = os.environ.get("KVM_DM", os.path.join(BUILD, "kvm-dm"))
QEMU = os.environ.get("QEMU", "qemu-system-x86_64")
SECONDS = float(os.environ.get("BENCH_SECONDS", "0.6"))
RAM_MIB = 64
FLOOR, DM, EMULATOR = "floor", "kvm-dm", "qemu"
PROGRAMS = (FLOOR, DM, EMULATOR)


class Failed(Exception):
    """The row cannot run; the text says why."""


def command(program, rom, options, defaults=False):
    path = os.path.join(BENCH, rom + ".bin")
    if program == FLOOR:
        return [os.path.join(BENCH, "floor"), path, str(RAM_MIB)]
    bare = [] if defaults else ["-nodefaults"]
    return [KVM_DM if program == DM else shutil.which(QEMU),
            "-machine", "pc", "-accel", "kvm", "-m", str(RAM_MIB), "-no-user-config", *bare,
            "-display", "none", "-bios", path, "-chardev", "file,id=mark,path=/dev/fd/1",
            "-device", "isa-debugcon,iobase=0x402,chardev=mark",
            "-device", "isa-debug-exit,iobase=0xf4,iosize=4", *options]


class Run:
    """A program that runs, its marks on a pipe. `t0`: just before it was started, in ns."""

    def __init__(self, argv, env=None):
        self.argv = argv
        self.log = os.path.join(BENCH, "stderr.txt")
        self.pipe, theirs = os.pipe()
        actions = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                   (os.POSIX_SPAWN_OPEN, 2, self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
                   (os.POSIX_SPAWN_DUP2, theirs, 1)]
        environ = dict(os.environ, **(env or {}))
        self.t0 = time.monotonic_ns()
        self.pid = os.posix_spawn(argv[0], argv, environ, file_actions=actions)
        os.close(theirs)

    def read(self, timeout_s=20):
        """The bytes that came by now, waiting for the first; fails at the end of file or time."""
        if not select.select([self.pipe], [], [], timeout_s)[0]:
            raise Failed(f"{os.path.basename(self.argv[0])}: no mark from the guest in {timeout_s:.0f} s")
        data = os.read(self.pipe, 65536)
        if not data:
            with open(self.log, encoding="utf-8", errors="replace") as f:
                text = f.read().strip().splitlines()
            raise Failed(f"{os.path.basename(self.argv[0])}: {text[-1] if text else 'it ended'}")
        return data

    def wait(self):
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        return status

    def close(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()
        os.close(self.pipe)


def stamps(data):
    """The time stamps in whole marks, four bytes each."""
    return [int.from_bytes(data[i:i + 4], "little") for i in range(0, len(data) - 3, 4)]


def batch_ns(argv):
    """
    The time of a batch that nobody interrupts: the tenth percentile of the batches of SECONDS. The guest's
    ticks become nanoseconds by the host's clock over the whole run.
    """
    run = Run(argv)
    try:
        first = run.read()
        start = now = time.monotonic_ns()
        data = first
        while now - start < SECONDS * 1e9 or len(data) < 40:
            data += run.read()
            now = time.monotonic_ns()
        marks = stamps(data)
        ticks = [(b - a) % (1 << 32) for a, b in zip(marks, marks[1:])]
        ns_per_tick = (now - start) / sum(ticks[len(first) // 4:])
        return statistics.quantiles(ticks[1:], n=10)[0] * ns_per_tick
    finally:
        run.close()


def exits_per_batch(argv, marks=16):
    """Returns of KVM_RUN to the program between two marks, the mark's own four left out of account."""
    path = os.path.join(BENCH, "count")
    with open(path, "wb") as f:
        f.write(bytes(8))
    run = Run(argv, {"LD_PRELOAD": os.path.abspath(os.path.join(BENCH, "countrun.so")),
                     "BENCH_COUNT": path})
    try:
        with open(path, "rb") as f, mmap.mmap(f.fileno(), 8, access=mmap.ACCESS_READ) as m:
            def count():
                return int.from_bytes(m[:8], "little")
            run.read()
            run.read()
            before, got = count(), 0
            while got < 4 * marks:
                got += len(run.read())
            return (count() - before) / (got / 4) - 4
    finally:
        run.close()
