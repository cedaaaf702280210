# SPDX-License-Identifier: GPL-2.0-or-later
"""
Network cards and wires: one guest (tests/guest/net) that sends, or receives, frames of one length for ever, on kvm-dm
and on QEMU in turn; bench/netpeer.c is the other end. All is in a network namespace of its own. docs/bench.md says what
the columns are.
"""
import mmap
import os
import shutil
import signal
import statistics
import subprocess
import time

from disks import cpu_ns
from guestrun import BENCH, BUILD, DM, EMULATOR, Failed, KVM_DM, QEMU

ROUNDS = int(os.environ.get("BENCH_NET_ROUNDS", "3"))
SECONDS = float(os.environ.get("BENCH_NET_SECONDS", "0.4"))
WARM_UP = 0.1
TIMEOUT = 60
MARK_FRAMES, SLOW_MARK_FRAMES = 128, 8  # tests/guest/net/main.c
PORT, FORWARDED = 34567, 34568
HEADER = 42  # Ethernet, IP, UDP
COUNT, MARKS, EXITS = (os.path.join(BENCH, "net-" + name) for name in ("count", "marks", "exits"))
SOCKET, PEER_SOCKET = (os.path.join(BENCH, "net-" + name) for name in ("vm.sock", "peer.sock"))
TAP = "tap0"
MAC = "52:54:00:12:34:56"
CARDS = {"e1000": "e1000", "rtl8139 C+": "rtl8139", "rtl8139 C": "rtl8139", "pcnet": "pcnet", "ne2k_pci": "ne2k_pci",
         "ne2k_isa": "ne2k_isa", "virtio-net": "virtio-net-pci"}
AIMS = {"e1000": 2, "virtio-net": 1}  # times QEMU's frames per processor second


class Namespace:
    """A network namespace while an object of this class lives; its own user namespace if we are not root."""

    def __init__(self):
        user = [] if os.geteuid() == 0 else ["-r"]
        script = ("ip link set lo up && ip tuntap add " + TAP + " mode tap && ip link set " + TAP + " up && "
                  "{ echo 2048 >/proc/sys/net/unix/max_dgram_qlen || :; } 2>/dev/null && echo ok && exec cat")
        self.holder = subprocess.Popen(["unshare", *user, "-n", "sh", "-c", script], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if self.holder.stdout.readline() != b"ok\n":
            raise Failed("no network namespace: " + self.holder.stderr.read().decode().strip())
        enter = ["-U", "--preserve-credentials"] if user else []
        self.prefix = ["nsenter", "-t", str(self.holder.pid), *enter, "-n"]

    def close(self):
        self.holder.stdin.close()
        self.holder.wait()


def counter(path):
    """A file of eight bytes, zero, that others count in."""
    with open(path, "wb") as f:
        f.write(bytes(8))
    with open(path, "rb") as f:
        return mmap.mmap(f.fileno(), 8, access=mmap.ACCESS_READ)


class Wire:
    """-netdev options, and what netpeer takes for the same."""

    def __init__(self, name, netdev, peer, sink=True):
        self.name, self.netdev, self.peer = name, netdev, peer
        self.sink = sink  # False: the kernel takes the frames, and counts them


WIRES = {
    "stream": Wire("stream", f"stream,server=off,addr.type=unix,addr.path={PEER_SOCKET}", ["stream", PEER_SOCKET]),
    "dgram": Wire("dgram", f"dgram,local.type=unix,local.path={SOCKET},remote.type=unix,remote.path={PEER_SOCKET}",
                  ["unix", PEER_SOCKET, SOCKET]),
    "tap": Wire("tap", f"tap,ifname={TAP},script=no,downscript=no", ["packet", TAP], sink=False),
    "user": Wire("user", f"user,hostfwd=udp:127.0.0.1:{FORWARDED}-10.0.2.15:{PORT}", ["udp"]),
}


class Running:
    """An emulator with its guest, and the other end."""

    def __init__(self, row, program, namespace, counted=False):
        for path in (SOCKET, PEER_SOCKET):
            if os.path.exists(path):
                os.unlink(path)
        open(MARKS, "wb").close()
        self.count = counter(COUNT)
        self.exits = counter(EXITS) if counted else None
        self.log = os.path.join(BENCH, "stderr.txt")
        self.peer = self.vm = None
        with open(self.log, "wb") as log:
            if row.peer_argv():
                self.peer = subprocess.Popen(namespace.prefix + row.peer_argv(), stdin=subprocess.DEVNULL, stderr=log)
            self.wait_for(lambda: row.wire.name != "stream" or os.path.exists(PEER_SOCKET))
            env = dict(os.environ, LD_PRELOAD=os.path.abspath(os.path.join(BENCH, "countrun.so")),
                       BENCH_COUNT=EXITS) if counted else None
            self.vm = subprocess.Popen(namespace.prefix + row.argv(program), stdin=subprocess.DEVNULL, stdout=log,
                                       stderr=log, env=env)
        self.pid = self.vm.pid
        self.row = row

    def wait_for(self, condition):
        end = time.monotonic() + TIMEOUT
        while not condition():
            if self.vm and self.vm.poll() is not None:
                with open(self.log, encoding="utf-8", errors="replace") as f:
                    raise Failed((f.read().strip().splitlines() or ["it ended"])[-1])
            if time.monotonic() > end:
                raise Failed(f"no frames in {TIMEOUT} s")
            time.sleep(0.0005)

    def marks(self):
        return os.stat(MARKS).st_size

    def frames(self):
        """That have arrived: at the other end, or (by the guest's marks) in the guest."""
        if not self.row.sends:
            return self.marks() * (SLOW_MARK_FRAMES if self.row.card.startswith("ne2k") else MARK_FRAMES)
        if self.row.wire.sink:
            return int.from_bytes(self.count[:8], "little")
        with open(f"/proc/{self.pid}/net/dev", encoding="ascii") as f:
            for line in f:
                if line.strip().startswith(TAP + ":"):
                    return int(line.split(":")[1].split()[1])
        return 0

    def next_mark(self):
        before = self.marks()
        self.wait_for(lambda: self.marks() != before)

    def close(self):
        for process in (self.vm, self.peer):
            if process:
                process.send_signal(signal.SIGKILL)
                process.wait()


class Result:
    """Of one run, between two marks."""

    def __init__(self, frames, wall_ns, cpu):
        self.per_second = frames * 1e9 / wall_ns
        self.cpu_ns = cpu / max(frames, 1)


class Row:
    """A card on a wire, one way, one length of frames."""

    def __init__(self, card, wire, sends, size):
        self.card, self.wire, self.sends, self.size = card, WIRES[wire], sends, size
        self.name = f"{card}, {wire}, {'send' if sends else 'receive'} {size}"

    def rom(self):
        kind = f"send-{self.size}" if self.sends else "receive"
        return os.path.join(BUILD, "guest", "net", kind + ("-c" if self.card == "rtl8139 C" else "") + ".bin")

    def argv(self, program):
        options = ",iobase=0x300,irq=9" if self.card == "ne2k_isa" else ",romfile="
        return [KVM_DM if program == DM else shutil.which(QEMU), "-machine", "pc", "-accel", "kvm", "-m", "32",
                "-no-user-config", "-nodefaults", "-display", "none", "-bios", self.rom(),
                "-chardev", f"file,id=mark,path={MARKS}", "-device", "isa-debugcon,iobase=0x402,chardev=mark",
                "-netdev", self.wire.netdev + ",id=n", "-device", f"{CARDS[self.card]},netdev=n,mac={MAC}{options}"]

    def peer_argv(self):
        if self.sends and not self.wire.sink:
            return None
        udp = [str(PORT if self.sends else FORWARDED)] if self.wire.name == "user" else []
        payload = self.size - (HEADER if udp else 0)
        return [os.path.join(BENCH, "netpeer"), "sink" if self.sends else "source", *self.wire.peer, *udp, str(payload),
                COUNT] + ([] if self.sends else [MARKS])

    def measure(self, program, namespace):
        run = Running(self, program, namespace)
        try:
            run.next_mark()
            time.sleep(WARM_UP)
            run.next_mark()
            frames, cpu, start = run.frames(), cpu_ns(run.pid), time.monotonic_ns()
            time.sleep(SECONDS)
            run.next_mark()
            frames, end = run.frames() - frames, time.monotonic_ns()
            used = sum(ns - cpu.get(thread, 0) for thread, ns in cpu_ns(run.pid).items())
            if not frames:
                raise Failed("no frame arrived")
            return Result(frames, end - start, used)
        finally:
            run.close()

    def exits(self, program, namespace):
        run = Running(self, program, namespace, counted=True)
        try:
            run.next_mark()
            run.next_mark()
            frames, before = run.frames(), int.from_bytes(run.exits[:8], "little")
            time.sleep(SECONDS / 2)
            run.next_mark()
            return (int.from_bytes(run.exits[:8], "little") - before) / max(run.frames() - frames, 1)
        finally:
            run.close()


ROWS = [Row(card, "stream", sends, size) for card in CARDS for sends in (True, False) for size in (60, 1514)]
ROWS += [Row(card, wire, sends, size) for card in ("e1000", "virtio-net") for wire in ("dgram", "tap", "user")
         for sends in (True, False) for size in (60, 1514)]


def run_row(row, namespace):
    results = {DM: [], EMULATOR: []}
    try:
        for _ in range(ROUNDS):
            for program, list_of in results.items():
                list_of.append(row.measure(program, namespace))
        exits = [row.exits(program, namespace) for program in results]
    except (Failed, OSError) as e:
        print(f"{row.name:36} not run: {e}", flush=True)
        return {"name": row.name, "error": str(e)}
    kfps = {p: statistics.median(x.per_second for x in r) / 1e3 for p, r in results.items()}
    per_gb = {p: statistics.median(x.cpu_ns for x in r) / row.size for p, r in results.items()}
    pairs = list(zip(results[DM], results[EMULATOR]))
    wall = statistics.median(a.per_second / b.per_second for a, b in pairs)
    cpu = statistics.median(b.cpu_ns / a.cpu_ns for a, b in pairs)
    aim = AIMS.get(row.card)
    verdict = "" if aim is None else f"{'met' if cpu >= aim else 'NOT MET'}: at least {aim} x QEMU per CPU second"
    print(f"{row.name:36}{kfps[DM]:9.1f}{kfps[EMULATOR]:9.1f}{kfps[DM] * row.size / 1e3:9.1f}"
          f"{kfps[EMULATOR] * row.size / 1e3:9.1f}{per_gb[DM]:9.2f}{per_gb[EMULATOR]:9.2f}{exits[0]:9.3f}{exits[1]:9.3f}"
          f"{wall:8.2f}{cpu:8.2f}  {verdict}", flush=True)
    return {"name": row.name, "unit": "frames/s", "values": {p: [x.per_second for x in r] for p, r in results.items()},
            "cpu_ns_per_frame": {p: [x.cpu_ns for x in r] for p, r in results.items()}, "exits": exits,
            "verdict": verdict}


def run(wanted):
    """The rows that match; their results as bench.py keeps them."""
    rows = [row for row in ROWS if not wanted or wanted.search("net: " + row.name)]
    if not rows:
        return []
    try:
        namespace = Namespace()
    except (Failed, OSError) as e:
        print(f"\nNetwork: not run: {e}")
        return [{"name": row.name, "error": str(e)} for row in rows]
    print(f"\nNetwork: {ROUNDS} rounds, {SECONDS:g} s a run; medians\n"
          f"{'':36}{'1000 frames/s':>18}{'MB/s':>18}{'CPU s per GB':>18}{'exits per frame':>18}{'x QEMU':>8}{'by CPU':>8}\n"
          f"{'card, wire, bytes':36}" + f"{'kvm-dm':>9}{'qemu':>9}" * 4 + f"{'/qemu':>8}{'/qemu':>8}  aim")
    try:
        return [run_row(row, namespace) for row in rows]
    finally:
        namespace.close()
