# SPDX-License-Identifier: GPL-2.0-or-later
"""
make bench: small ROM guests on the floor (a bare KVM_RUN loop), on kvm-dm and on Debian's QEMU in
turn; medians and ratios. A row's time is that of N rounds less that of none, so start-up is not in
it. Environment: B, KVM_DM, QEMU, TURNS (5), SECONDS_PER_RUN (0.4).
"""
import os
import re
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time

B = os.environ.get("B", "build")
KVM_DM = os.environ.get("KVM_DM", f"{B}/kvm-dm")
QEMU = os.environ.get("QEMU", "qemu-system-x86_64")
TURNS = int(os.environ.get("TURNS", "5"))
SECONDS = float(os.environ.get("SECONDS_PER_RUN", "0.4"))
ROUNDS_OFFSET = 0x8000
RAM_MIB = 61  # a size that no other mapping has

tmp = tempfile.mkdtemp(prefix="kvm-dm-bench.")
disk = f"{tmp}/disk.img"

MACHINE = ["-accel", "kvm", "-nodefaults", "-display", "none", "-m", str(RAM_MIB),
           "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
DEVICES = ["-vga", "std", "-serial", "null", "-drive", f"file={disk},format=raw"]


def rom_with(kind, rounds):
    path = f"{tmp}/{kind}-{rounds}.bin"
    if not os.path.exists(path):
        with open(f"{B}/bench/{kind}.bin", "rb") as f:
            image = bytearray(f.read())
        if kind != "start":
            struct.pack_into("<I", image, ROUNDS_OFFSET, rounds)
        with open(path, "wb") as f:
            f.write(image)
    return path


def command(who, rom, devices=True):
    if who == "floor":
        return [f"{B}/bench/floor", rom]
    return [KVM_DM if who == "kvm-dm" else QEMU, *MACHINE, *(DEVICES if devices else []), "-bios", rom]


def run(who, rom, devices=True):
    """Wall time in seconds of one run to its debug exit."""
    argv = command(who, rom, devices)
    start = time.perf_counter()
    result = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE)
    took = time.perf_counter() - start
    if result.returncode != 0x21:
        sys.exit(f"bench: {' '.join(argv)}: exit code {result.returncode}: {result.stderr.decode()}")
    return took


def rounds_for(kind, first):
    """So many rounds that the floor, or kvm-dm for a disk, takes about SECONDS."""
    who = "kvm-dm" if kind.startswith("ide") else "floor"
    rounds = first
    while True:
        took = run(who, rom_with(kind, rounds)) - run(who, rom_with(kind, 0))
        if took > SECONDS / 4:
            return max(1, int(rounds * SECONDS / took))
        rounds *= 4


def measure(kind, first):
    rounds = rounds_for(kind, first)
    times = {who: [] for who in who_all}
    for _ in range(TURNS):
        for who in who_all:
            none = run(who, rom_with(kind, 0))
            times[who].append((run(who, rom_with(kind, rounds)) - none) / rounds)
    return {who: statistics.median(t) for who, t in times.items()}


def row(name, unit, values, higher_is_better=False, digits=0):
    cells = "".join(f"{values[w]:>12.{digits}f}" if w in values else f"{'-':>12}"
                    for w in ("floor", "kvm-dm", "qemu"))
    ratios = ""
    for other in ("floor", "qemu"):
        if other in values and values[other] and values["kvm-dm"]:
            ratios += f"{values['kvm-dm'] / values[other]:>12.2f}"
        else:
            ratios += f"{'-':>12}"
    print(f"{name:<24}{unit:>8}{cells}{ratios}   {'more' if higher_is_better else 'less'} is better",
          flush=True)


def per_access(name, kind, first):
    times = measure(kind, first)
    row(name, "ns", {w: t * 1e9 for w, t in times.items()})


def throughput(name, kind, first, amount, unit):
    times = measure(kind, first)
    row(name, unit, {w: amount / t for w, t in times.items() if t > 0}, True, 1)


def start_up():
    for name, devices in (("start, no devices", False), ("start, VGA UART IDE", True)):
        times = {who: [] for who in who_all}
        for _ in range(TURNS * 2):
            for who in who_all:
                times[who].append(run(who, rom_with("start", 0), devices))
        row(name, "ms", {w: statistics.median(t) * 1e3 for w, t in times.items()}, digits=1)


def sizes(pid):
    """(resident, private) KiB without the guest's RAM, by /proc/PID/smaps."""
    resident = private = 0
    guest = False
    with open(f"/proc/{pid}/smaps") as f:
        for line in f:
            if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                continue
            name, _, rest = line.partition(":")
            if name == "Size":
                guest = int(rest.split()[0]) == RAM_MIB * 1024
            elif not guest and name == "Rss":
                resident += int(rest.split()[0])
            elif not guest and name in ("Private_Clean", "Private_Dirty"):
                private += int(rest.split()[0])
    return resident, private


def memory():
    found = {}
    for who in ("kvm-dm", "qemu"):
        if who not in who_all:
            continue
        argv = command(who, f"{B}/guest/rom/idle.bin")
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        time.sleep(1)
        found[who] = sizes(process.pid)
        process.terminate()
        process.wait()
    row("resident, without RAM", "KiB", {w: f[0] for w, f in found.items()})
    row("private, without RAM", "KiB", {w: f[1] for w, f in found.items()})


def main():
    with open(disk, "wb") as f:
        f.write(os.urandom(1 << 20) * 16)
    print(f"medians of {TURNS} turns; ratios of kvm-dm to the floor and to QEMU")
    print(f"{'':<24}{'unit':>8}{'floor':>12}{'kvm-dm':>12}{'qemu':>12}{'/ floor':>12}{'/ qemu':>12}")
    per_access("port read", "pio-read", 2000)
    per_access("port write", "pio-write", 2000)
    per_access("memory read", "mmio-read", 2000)
    per_access("memory write", "mmio-write", 2000)
    throughput("UART", "uart", 2000, 1, "byte/s")
    throughput("IDE PIO read", "ide-pio", 1, 0.131072, "MB/s")
    throughput("IDE DMA read", "ide-dma", 4, 0.131072, "MB/s")
    start_up()
    memory()


try:
    os.close(os.open("/dev/kvm", os.O_RDWR))
except OSError as e:
    sys.exit(f"bench: /dev/kvm cannot be used: {e.strerror}")
who_all = ["floor", "kvm-dm"] + (["qemu"] if shutil.which(QEMU) else [])
try:
    main()
finally:
    shutil.rmtree(tmp, ignore_errors=True)
