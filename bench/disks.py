# SPDX-License-Identifier: GPL-2.0-or-later
"""
Disks under load: one guest (bench/guest/disk.S) with one disk on kvm-dm, on QEMU, on kvm-dm with the same
disk as qcow2, and the host doing the same requests without a guest (bench/hostaio.c), in turn, some
rounds long. docs/bench.md says what the columns are.
"""
import os
import shutil
import statistics
import subprocess
import time

from guestrun import BENCH, DM, EMULATOR, FLOOR, Failed, Run, batch_ns, command, exits_per_batch

ROUNDS = int(os.environ.get("BENCH_DISK_ROUNDS", "3"))
SECONDS = float(os.environ.get("BENCH_DISK_SECONDS", "0.4"))
WARM_UP = 0.05
SPAN = 1 << 27  # BENCH_SPAN in bench.mk
RAW = os.path.join(BENCH, "load.img")
QCOW2 = os.path.join(BENCH, "load.qcow2")
CACHES = {"none": "cache=none,aio=native", "writeback": "cache=writeback,aio=threads"}
BATCH = {"dma": {3: 64, 7: 32, 11: 8}}  # commands between marks, as in bench.mk; PIO: 1
AIM_CPU, AIM_HOST, AIM_QCOW2 = 1.5, 0.9, 0.9
SIZES = {3: "4 KiB", 7: "64 KiB", 11: "1 MiB"}
PROTOCOLS = {"dma": "DMA", "sectors": "PIO SECTORS", "multiple": "PIO MULTIPLE"}
HOST, ON_QCOW2 = "host", "qcow2"


class Result:
    """What one run did: commands, and nanoseconds of time and of processor time of the process."""

    def __init__(self, commands, wall_ns, cpu_ns):
        self.per_second = commands * 1e9 / wall_ns
        self.per_cpu_second = commands * 1e9 / max(cpu_ns, 1)


def cpu_ns(pid):
    """By thread; to the nanosecond, which utime and stime in /proc/PID/stat are not."""
    times = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as f:
                times[thread] = int(f.read().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            pass  # it has just ended
    return times


def read_marks(run):
    """How many marks came, to the end of the last one."""
    data = run.read()
    while len(data) % 4:
        data += run.read()
    return len(data) // 4


def load_guest(argv, batch):
    """From one mark to another one at least SECONDS later."""
    run = Run(argv)
    try:
        read_marks(run)
        warm = time.monotonic_ns() + WARM_UP * 1e9
        while time.monotonic_ns() < warm:
            read_marks(run)
        start, cpu = time.monotonic_ns(), cpu_ns(run.pid)
        now, marks = start, 0
        while now - start < SECONDS * 1e9:
            marks += read_marks(run)
            now = time.monotonic_ns()
        used = sum(ns - cpu.get(thread, 0) for thread, ns in cpu_ns(run.pid).items())
        return Result(marks * batch, now - start, used)
    finally:
        run.close()


class Row:
    """One kind of command at one size on one kind of cache."""

    def __init__(self, how, what, order, shift, cache="none"):
        self.how, self.what, self.order, self.shift, self.cache = how, what, order, shift, cache
        self.rom = f"disk-{how}-{what}-{order}-{shift}"
        self.batch = BATCH.get(how, {}).get(shift, 1)
        self.bytes = 512 << shift
        self.name = f"{PROTOCOLS[how]} {what}, {SIZES[shift]}, {order}, {cache}"

    def argv(self, program, path=RAW, form="raw"):
        return command(program, self.rom, ["-drive", f"file={path},format={form},if=ide,{CACHES[self.cache]}"])

    def host(self):
        out = subprocess.run([os.path.join(BENCH, "hostaio"), RAW, str(SPAN), str(self.bytes), self.what,
                              self.order, "direct" if self.cache == "none" else "buffered", str(SECONDS)],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        if out.returncode:
            raise Failed(out.stderr.strip())
        return Result(*(int(x) for x in out.stdout.split()))

    def measure(self, who):
        prepare(QCOW2 if who == ON_QCOW2 else RAW, self.cache)
        if who == HOST:
            return self.host()
        if who == ON_QCOW2:
            return load_guest(self.argv(DM, QCOW2, "qcow2"), self.batch)
        return load_guest(self.argv(who), self.batch)

    def exits(self, program):
        return exits_per_batch(self.argv(program), 4) / self.batch


def prepare(path, cache):
    """What the run before has left dirty is written; for the page cache the file is in it."""
    with open(path, "rb", buffering=0) as f:
        os.fdatasync(f.fileno())
        if cache == "writeback":
            while f.read(1 << 20):
                pass


ROWS = [Row("dma", what, order, shift)
        for what in ("read", "write") for order in ("seq", "random") for shift in (3, 7, 11)]
ROWS += [Row("dma", what, order, shift, "writeback")
         for what in ("read", "write") for order, shift in (("random", 3), ("seq", 7), ("seq", 11))]
ROWS += [Row("sectors", "read", "seq", 3), Row("sectors", "read", "seq", 7),
         Row("multiple", "read", "seq", 3), Row("multiple", "read", "random", 3),
         Row("multiple", "read", "seq", 7), Row("multiple", "read", "seq", 11),
         Row("sectors", "write", "seq", 3), Row("multiple", "write", "seq", 3),
         Row("multiple", "write", "random", 3)]


def median_ratio(a, b, key):
    return statistics.median(getattr(x, key) / getattr(y, key) for x, y in zip(a, b))


def most_of_host(host_per_second, exits, exit_ns):
    """The best ratio to the host for whoever makes that many exits, each as cheap as the floor's."""
    host_ns = 1e9 / host_per_second
    return host_ns / (host_ns + exits * exit_ns)


def judge(row, cpu, host, most, qcow2):
    """What an aim asks, where it was not reached; most: of the host, which the exits alone leave."""
    missed = []
    if cpu < AIM_CPU:
        missed.append(f"{AIM_CPU} x QEMU per CPU second")
    if row.how == "dma" and row.order == "seq" and row.cache == "none" and host < AIM_HOST:
        missed.append(f"{AIM_HOST} x host" + (f" (its exits leave {most:.2f})" if most < AIM_HOST else ""))
    if qcow2 is not None and qcow2 < AIM_QCOW2:
        missed.append(f"qcow2 {AIM_QCOW2} x raw")
    return "NOT MET: at least " + ", ".join(missed) if missed else "met"


def run_row(row, parties, exit_ns):
    results = {who: [] for who in parties}
    try:
        for _ in range(ROUNDS):
            for who in parties:
                results[who].append(row.measure(who))
        exits = [row.exits(p) for p in (DM, EMULATOR)]
    except (Failed, OSError) as e:
        print(f"{row.name:40} not run: {e}", flush=True)
        return {"name": row.name, "error": str(e)}
    dm = results[DM]
    ratios = {who: median_ratio(dm, results[who], "per_second") for who in (HOST, EMULATOR)}
    cpu = median_ratio(dm, results[EMULATOR], "per_cpu_second")
    qcow2 = median_ratio(results[ON_QCOW2], dm, "per_second") if ON_QCOW2 in results else None
    most = most_of_host(statistics.median(x.per_second for x in results[HOST]), exits[0], exit_ns)
    verdict = judge(row, cpu, ratios[HOST], most, qcow2)
    mb = {who: [x.per_second * row.bytes / 1e6 for x in results[who]] for who in results}
    cells = "".join(f"{statistics.median(mb[who]):10.2f}" for who in (HOST, DM, EMULATOR))
    print(f"{row.name:40}{cells}{ratios[HOST]:8.3f}{ratios[EMULATOR]:8.3f}{cpu:8.3f}"
          f"{'-' if qcow2 is None else f'{qcow2:.3f}':>8}{exits[0]:9.1f}{exits[1]:9.1f}  {verdict}", flush=True)
    return {"name": row.name, "unit": "MB/s", "values": mb,
            "commands_per_cpu_second": {w: [x.per_cpu_second for x in results[w]] for w in results},
            "exits": exits, "verdict": verdict}


def make_images():
    """The same bytes twice. None, or why there is no qcow2."""
    with open(RAW, "wb") as f:
        for _ in range(SPAN >> 20):
            f.write(os.urandom(1 << 20))
    why = None
    if not shutil.which("qemu-img"):
        why = "qemu-img is missing (Debian package qemu-utils)"
    else:
        subprocess.run(["qemu-img", "convert", "-O", "qcow2", RAW, QCOW2], check=True)
        why = try_qcow2()
    os.sync()
    return why


def try_qcow2():
    run = Run(command(DM, "start", ["-drive", f"file={QCOW2},format=qcow2,if=ide"]))
    try:
        run.read()
    except Failed as e:
        return str(e)
    finally:
        run.close()
    return None


def run(wanted):
    """The rows that match; their results as bench.py keeps them."""
    rows = [row for row in ROWS if not wanted or wanted.search(row.name)]
    if not rows:
        return []
    why = make_images()
    parties = (HOST, DM, EMULATOR) if why else (HOST, DM, ON_QCOW2, EMULATOR)
    exit_ns = batch_ns(command(FLOOR, "port-read-ide", [])) / 256
    print(f"\nDisks: {SPAN >> 20} MiB, one command at a time; {ROUNDS} rounds, {SECONDS:g} s a run; medians; an exit "
          f"is {exit_ns / 1000:.1f} us"
          + (f"; no qcow2: {why}" if why else ""))
    print(f"{'':40}{'MB/s':>10}{'':20}{'times':>8}{'':8}{'by CPU':>8}{'qcow2':>8}{'exits per command':>18}\n"
          f"{'command':40}{'host':>10}{'kvm-dm':>10}{'qemu':>10}{'/host':>8}{'/qemu':>8}{'/qemu':>8}"
          f"{'/raw':>8}{'kvm-dm':>9}{'qemu':>9}  aim")
    try:
        return [run_row(row, parties, exit_ns) for row in rows]
    finally:
        for path in (RAW, QCOW2):
            if os.path.exists(path):
                os.unlink(path)
