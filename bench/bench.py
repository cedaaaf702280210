#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Measures kvm-dm ($KVM_DM) against a bare KVM_RUN loop (bench/floor.c) and Debian's QEMU. Each row is one
ROM guest; the three programs run it in turn, several rounds long. A ratio is taken within a round and the
median of the rounds printed, so that what the rest of the machine does falls on all three alike.
docs/bench.md says how to read the output.
"""
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time

import disks
import net
from guestrun import (BENCH, DM, EMULATOR, Failed, FLOOR, KVM_DM, PROGRAMS, QEMU, RAM_MIB, Run, SECONDS,
                      batch_ns, command, exits_per_batch)

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
ONLY = os.environ.get("BENCH_ROWS")
DISK = os.path.join(BENCH, "disk.img")
DISK_MIB = 16

SERIAL_NULL = ["-serial", "null"]
SERIAL_FILE = ["-serial", "file:" + os.path.join(BENCH, "serial.out")]
WITH_DISK = ["-drive", f"file={DISK},format=raw,if=ide"]
VGA = ["-vga", "std"]

# ---- kinds of row: how a run is measured, in which unit ----------------------------------------

class Access:
    """Nanoseconds for one access (or byte)."""
    unit, aim_text = "ns", "at most 1.05 x floor"
    digits = 0

    def __init__(self, rom, per_batch, options=()):
        self.rom, self.per_batch, self.options = rom, per_batch, list(options)

    def measure(self, program):
        return batch_ns(command(program, self.rom, self.options)) / self.per_batch

    def exits(self, program):
        return exits_per_batch(command(program, self.rom, self.options)) / self.per_batch

    @staticmethod
    def met(_values, vs_floor, _vs_qemu):
        return vs_floor <= 1.05


class Throughput(Access):
    """MB/s of an IDE disk."""
    unit, aim_text = "MB/s", "at least 1.5 x QEMU"
    digits = 2  # PIO writes are slow

    def __init__(self, rom, sectors):
        super().__init__(rom, sectors, WITH_DISK)

    def measure(self, program):
        return self.per_batch * 512 * 1000 / batch_ns(command(program, self.rom, self.options))

    @staticmethod
    def met(_values, _vs_floor, vs_qemu):
        return vs_qemu >= 1.5


class Pixels(Access):
    """Millions of pixels a second. Drawing whose every access traps in QEMU."""
    unit, aim_text = "Mpx/s", "at least 3 x QEMU"
    digits = 3

    def __init__(self, rom, pixels):
        super().__init__(rom, pixels, VGA)
        self.exits_of = {}

    def measure(self, program):
        return self.per_batch * 1000 / batch_ns(command(program, self.rom, self.options))

    def exits(self, program):
        # The mark's own are left out; the look for the retrace is one more.
        self.exits_of[program] = max(super().exits(program) - 1 / self.per_batch, 0)
        return self.exits_of[program]

    def met(self, _values, _vs_floor, vs_qemu):
        return vs_qemu >= 3


class LinearPixels(Pixels):
    """The same where the window is memory."""
    aim_text = "no exits"

    def __init__(self, rom, pixels, switches=0):
        super().__init__(rom, pixels)
        self.switches = switches  # register writes that a batch has to make

    def met(self, _values, _vs_floor, _vs_qemu):
        return self.exits_of[DM] * self.per_batch <= self.switches


class Start:
    """Milliseconds from exec to the guest's first instructions (its first port write)."""
    unit, aim_text = "ms", "at most 10 ms and 1/4 of QEMU"
    digits = 1
    exits = None
    rom = "start"

    def __init__(self, options=(), defaults=False):
        self.options, self.defaults = list(options), defaults

    def measure(self, program):
        times = []
        for _ in range(5):
            run = Run(command(program, self.rom, self.options, self.defaults))
            try:
                times.append(self.take(run) / 1e6)
            finally:
                run.close()
        return statistics.median(times)

    @staticmethod
    def take(run):
        run.read()
        return time.monotonic_ns() - run.t0

    @staticmethod
    def met(values, _vs_floor, vs_qemu):
        return statistics.median(values) <= 10 and vs_qemu <= 0.25


class WholeProcess(Start):
    """The same until the process has ended."""
    rom = "start-exit"
    aim_text = ""

    @staticmethod
    def take(run):
        status = run.wait()
        if os.waitstatus_to_exitcode(status) != 1:
            raise Failed(f"{os.path.basename(run.argv[0])}: exit code "
                         f"{os.waitstatus_to_exitcode(status)}, not 1")
        return time.monotonic_ns() - run.t0


class Memory(Start):
    """MB of the process beside the guest's RAM, while the guest sleeps."""
    unit, digits = "MB", 2

    def __init__(self, field, options=(), defaults=False):
        super().__init__(options, defaults)
        self.field = field
        self.aim_text = "at most 4 MB" if field == "private" else ""

    def measure(self, program):
        run = Run(command(program, self.rom, self.options, self.defaults))
        try:
            run.read()
            time.sleep(0.3)  # what starts after the vCPU belongs to it
            return memory_beside_ram(run.pid)[self.field] / 1000
        finally:
            run.close()

    @staticmethod
    def met(values, _vs_floor, _vs_qemu):
        return statistics.median(values) <= 4


class Idle(Start):
    """Share of a core that the process uses, its guest asleep in front of a still screen."""
    unit, aim_text = "%", "none: below 0.1 %"
    digits = 3
    rom = "video-still"
    SECONDS = 3

    def measure(self, program):
        run = Run(command(program, self.rom, self.options, self.defaults))
        try:
            run.read()
            time.sleep(0.5)  # until it sleeps
            before = sum(disks.cpu_ns(run.pid).values())
            time.sleep(self.SECONDS)
            return (sum(disks.cpu_ns(run.pid).values()) - before) / self.SECONDS / 1e7
        finally:
            run.close()

    @staticmethod
    def met(values, _vs_floor, _vs_qemu):
        return statistics.median(values) < 0.1


def memory_beside_ram(pid):
    """kB resident and private of a process, its guest's RAM (and video memory) left out."""
    total = {"resident": 0, "private": 0}
    mapping = {}

    def add():
        if mapping and mapping["Size"] < RAM_MIB * 1024 or mapping and "w" not in mapping["perms"]:
            total["resident"] += mapping["Rss"]
            total["private"] += mapping["Private_Clean"] + mapping["Private_Dirty"]

    with open(f"/proc/{pid}/smaps", encoding="utf-8") as f:
        for line in f:
            if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                add()
                mapping = {"perms": line.split()[1]}
            elif line.rstrip().endswith(" kB"):
                name, value = line.split(":")
                mapping[name] = int(value.split()[0])
        add()
    return {k: v * 1024 / 1000 for k, v in total.items()}


FULL = VGA + SERIAL_NULL + WITH_DISK
ROWS = [
    ("port read: UART scratch", Access("port-read-uart", 256, SERIAL_NULL)),
    ("port read: IDE alternate status", Access("port-read-ide", 256, WITH_DISK)),
    ("port write: UART scratch", Access("port-write-uart", 256, SERIAL_NULL)),
    ("port write: POST code (posted)", Access("port-write-post", 256)),
    ("memory read: VGA window", Access("mem-read-window", 256, VGA)),
    ("memory write: VGA window", Access("mem-write-window", 256, VGA)),
    ("memory read: PCI BAR", Access("mem-read-bar", 256, VGA)),
    ("memory write: PCI BAR", Access("mem-write-bar", 256, VGA)),
    ("UART byte: status + outb, null", Access("uart-out", 128, SERIAL_NULL)),
    ("UART byte: status + outb, file", Access("uart-out", 128, SERIAL_FILE)),
    ("UART byte: rep outsb, null", Access("uart-outs", 128, SERIAL_NULL)),
    ("IDE PIO read, SECTORS", Throughput("pio-read", 256)),
    ("IDE PIO read, MULTIPLE 16", Throughput("pio-read-multiple", 256)),
    ("IDE PIO write, SECTORS", Throughput("pio-write", 2)),
    ("IDE PIO write, MULTIPLE 2", Throughput("pio-write-multiple", 2)),
    ("IDE DMA read, 64 KiB", Throughput("dma-read-64k", 128)),
    ("IDE DMA read, 1 MiB", Throughput("dma-read-1m", 2048)),
    ("IDE DMA write, 64 KiB", Throughput("dma-write-64k", 128)),
    ("IDE DMA write, 1 MiB", Throughput("dma-write-1m", 2048)),
    ("planar: a bitmap's line", Pixels("video-planes", 640)),
    ("planar: a filled line", Pixels("video-fill", 640)),
    ("planar: single pixels", Pixels("video-dots", 32)),
    ("mode X: a bitmap's line", Pixels("video-xlines", 320)),
    ("mode X: single pixels", Pixels("video-xdots", 32)),
    ("mode 13h: the screen filled", LinearPixels("video-chain4", 64000)),
    ("text: the screen scrolled", LinearPixels("video-scroll", 720 * 400)),
    ("DISPI: four banks filled", LinearPixels("video-banks", 4 << 16, 4)),
    ("DISPI: linear frame buffer filled", LinearPixels("video-linear", 1 << 16)),
    ("idle before a still screen", Idle(VGA)),
    ("start to first instruction, bare", Start()),
    ("start, VGA + serial + disk", Start(FULL)),
    ("start to end of process, bare", WholeProcess()),
    ("memory resident, bare", Memory("resident")),
    ("memory private, bare", Memory("private")),
    ("memory private, VGA + serial + disk", Memory("private", FULL)),
]

# ---- the table ---------------------------------------------------------------------------------


def spread(values, digits):
    return (f"{statistics.median(values):.{digits}f} "
            f"({min(values):.{digits}f}-{max(values):.{digits}f})")


def ratio(values, others):
    return statistics.median(a / b if b else float("inf") if a else 1 for a, b in zip(values, others))


def show_exits(row):
    if not row.exits:
        return ""
    return " / ".join(f"{row.exits(p):.3g}" for p in PROGRAMS)


def run_row(name, row):
    values = {p: [] for p in PROGRAMS}
    try:
        for _ in range(ROUNDS):
            for program in PROGRAMS:
                values[program].append(row.measure(program))
        exits = show_exits(row)
    except (Failed, OSError) as e:
        print(f"{name:36} not run: {e}", flush=True)
        return {"name": name, "error": str(e)}
    vs_floor, vs_qemu = ratio(values[DM], values[FLOOR]), ratio(values[DM], values[EMULATOR])
    verdict = ""
    if row.aim_text:
        met = row.met(values[DM], vs_floor, vs_qemu)
        verdict = ("met: " if met else "NOT MET: ") + row.aim_text
        floor = ratio(values[FLOOR], values[EMULATOR])
        if not met and isinstance(row, Throughput) and floor < 1.5:
            verdict += f" (the floor itself is {floor:.2f} x)"
    cells = "".join(f"{spread(values[p], row.digits):>26}" for p in PROGRAMS)
    print(f"{name:36}{row.unit:5}{cells}{vs_floor:9.3f}{vs_qemu:9.3f}  {exits:22}  {verdict}", flush=True)
    return {"name": name, "unit": row.unit, "values": values, "exits": exits, "verdict": verdict}


def first_line(argv):
    return subprocess.run(argv, stdout=subprocess.PIPE, check=True, text=True).stdout.splitlines()[0]


def machine_lines():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        info = f.read()
    flags = re.search(r"^flags\s*:(.*)$", info, re.M)
    flags = flags.group(1).split() if flags else []
    kind = [x for x in ("vmx", "svm") if x in flags]
    model = re.search(r"^model name\s*:\s*(.*)$", info, re.M)
    print(f"KVM: {'hardware (' + kind[0] + ')' if kind else 'software (no vmx or svm)'}; "
          f"{os.cpu_count()} x {model.group(1) if model else platform.machine()}; "
          f"Linux {platform.release()}; load {os.getloadavg()[0]:.1f}")
    print(f"{first_line([KVM_DM, '--version'])}; {first_line([shutil.which(QEMU), '--version'])}; "
          f"{ROUNDS} rounds, {SECONDS:g} s a run; median (least-most)")


def unusable():
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR))
    except OSError as e:
        return f"/dev/kvm cannot be used: {e.strerror}"
    if not shutil.which(QEMU):
        return f"{QEMU} is missing (Debian package qemu-system-x86)"
    return None


def make_disk():
    with open(DISK, "wb") as f:
        for _ in range(DISK_MIB):
            f.write(os.urandom(1 << 20))
    os.sync()  # its write-back is not part of what is measured


def main():
    why = unusable()
    if why:
        print("bench: skipped:", why)
        return 0
    make_disk()
    machine_lines()
    print(f"\n{'row':36}{'unit':5}" + "".join(f"{p:>26}" for p in PROGRAMS) +
          f"{'/floor':>9}{'/qemu':>9}  {'exits f/dm/qemu':22}  aim")
    wanted = re.compile(ONLY, re.I) if ONLY else None
    results = [run_row(name, row) for name, row in ROWS if not wanted or wanted.search(name)]
    results += disks.run(wanted)
    results += net.run(wanted)
    with open(os.path.join(BENCH, "results.json"), "w", encoding="utf-8") as f:
        json.dump(results, f, indent=1)
    missed = sum(r.get("verdict", "").startswith("NOT") for r in results)
    failed = sum("error" in r for r in results)
    print(f"\n{missed} aims not met, {failed} rows not run; {BENCH}/results.json has every figure")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
