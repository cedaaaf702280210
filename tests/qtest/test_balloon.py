#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""virtio-balloon of the whole machine: the host has the memory back, and the monitor is told and can ask."""
import contextlib
import os
import random
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
from kvmdm import KVM_DM, Machine, run
from virtiodev import Virtio

DEVFN = 0x20
INFLATE, DEFLATE, STATS, REPORTING = range(4)
F_STATS, F_OOM, F_POISON, F_REPORTING = 1 << 1, 1 << 2, 1 << 4, 1 << 5
MIB = 1 << 20
BALLOON = "virtio-balloon-pci,id=balloon0,addr=4"
PATH = "/machine/peripheral/balloon0"
NAMES = ("swap-in", "swap-out", "major-faults", "minor-faults", "free-memory", "total-memory", "available-memory",
         "disk-caches", "htlb-pgalloc", "htlb-pgfail")


class Balloon(Virtio):
    def start(self, features=F_STATS):
        super().start(4 if features & F_REPORTING else 3, features=features, size=32)

    def pages(self, queue, pfns):
        for at in range(0, len(pfns), 256):
            part = pfns[at:at + 256]
            self.m.write(self.data, struct.pack("<%dI" % len(part), *part))
            self.queues[queue].add((self.data, 4 * len(part), False))
            assert self.queues[queue].take() == 0

    def say_actual(self, pages):
        self.set(0x2004, "<I", pages)

    def tell(self, values):
        data = b"".join(struct.pack("<HQ", tag, value) for tag, value in values.items())
        self.m.write(self.data + 4096, data)
        self.queues[STATS].add((self.data + 4096, len(data), False))


@contextlib.contextmanager
def started(*more, features=F_STATS):
    """A machine, and its balloon with a driver."""
    with Machine("-m", "64", "-device", BALLOON + ",".join(("",) + more)) as m:
        balloon = Balloon(m, DEVFN)
        balloon.start(features)
        yield m, balloon


def event(m, name, count=1):
    """Waits until that event has come so many times."""
    end = time.monotonic() + 60
    while len(m.named(name)) < count:
        assert time.monotonic() < end, "no event " + name
        m.execute("query-status")
        time.sleep(0.05)
    return m.named(name)[-1]


def test_memory_goes_back():
    """Resident memory shrinks by what is put into the balloon, in any order, and by what is reported as free."""
    with started("free-page-reporting=on", features=F_STATS | F_REPORTING) as (m, balloon):
        for at in range(16 * MIB, 48 * MIB, 65536):
            m.write(at, b"\x5a" * 65536)
        full = m.rss_kib()
        pfns = list(range(16 * MIB >> 12, 32 * MIB >> 12))
        random.Random(1).shuffle(pfns)
        balloon.pages(INFLATE, pfns)
        assert m.rss_kib() < full - 14 * 1024, (full, m.rss_kib())
        assert m.read(16 * MIB, 4096) == bytes(4096) and m.read(32 * MIB - 1, 2) == b"\0\x5a"
        balloon.queues[REPORTING].add((32 * MIB, 4 * MIB, True), (40 * MIB, 4 * MIB, True))
        assert balloon.queues[REPORTING].take() == 0
        assert m.rss_kib() < full - 22 * 1024, (full, m.rss_kib())
        assert m.read(40 * MIB, 16) == bytes(16) and m.read(36 * MIB, 16) == b"\x5a" * 16
        balloon.pages(DEFLATE, pfns[:1000])
        m.write(16 * MIB, b"again")
        assert m.read(16 * MIB, 5) == b"again"


def test_nothing_but_ram():
    """Pages of the firmware, of the frame buffer, of registers and of nothing are left alone."""
    with Machine("-m", "64", "-vga", "std", "-device", BALLOON) as m:
        balloon = Balloon(m, DEVFN)
        m.config_write(0x10, 0x10, 0xe0000000)
        m.config_write(0x10, 0x04, 3)
        balloon.start()
        m.write(0xe0000000, b"picture")
        rom = m.read(0xfffff000, 4096)
        assert any(rom) and m.read(0xff000, 4096) == rom
        balloon.pages(INFLATE, [0xe0000, 0xfffff, 0xff, 0xa0, 0xb8, 0xfec00, 0xfee00, balloon.bar >> 12,
                                64 * MIB >> 12, 0x100000, 0xffffffff])
        assert m.read(0xe0000000, 7) == b"picture"
        assert m.read(0xfffff000, 4096) == rom and m.read(0xff000, 4096) == rom
        devices = {d["id"]: d for d in m.execute("query-devices")}
        assert devices["balloon0"]["guest-errors"] > 0
        m.alive()


def test_size():
    """balloon asks, the guest follows, BALLOON_CHANGE and query-balloon tell; a reset gives it all back."""
    with started() as (m, balloon):
        assert m.execute("query-balloon") == {"actual": 64 * MIB}
        m.execute("balloon", value=48 * MIB)
        assert balloon.get(0x1000, "<B") & 2
        assert balloon.get(0x2000, "<I") == 16 * MIB >> 12
        assert m.execute("query-balloon") == {"actual": 64 * MIB}
        balloon.say_actual(8 * MIB >> 12)
        assert event(m, "BALLOON_CHANGE") == {"actual": 56 * MIB}
        for step in range(1, 200):  # a guest that talks is told of once a second
            balloon.say_actual((8 * MIB >> 12) + step)
        balloon.say_actual(16 * MIB >> 12)
        assert event(m, "BALLOON_CHANGE", 2)["actual"] <= 56 * MIB
        assert m.execute("query-balloon") == {"actual": 48 * MIB}
        balloon.say_actual(0xffffffff)
        assert m.execute("query-balloon") == {"actual": 0}
        m.execute("system_reset")
        m.step(1)
        end = time.monotonic() + 60
        while m.execute("query-balloon") != {"actual": 64 * MIB}:
            assert time.monotonic() < end
            time.sleep(0.05)
        assert len(m.named("BALLOON_CHANGE")) < 20
        m.execute("balloon", value=1 << 40)
        assert m.ask("balloon", value=0)["error"]["desc"] == "Parameter 'target' expects a size"
        say = m.execute("human-monitor-command", **{"command-line": "info balloon"})
        assert say.splitlines() == ["balloon: actual=64"], say
        assert m.execute("human-monitor-command", **{"command-line": "balloon 32"}) == ""
        again = Balloon(m, DEVFN)
        assert again.get(0x2000, "<I") == 32 * MIB >> 12


def test_statistics():
    """As libvirt does it: the property is found, set, and the statistics are read."""
    with started() as (m, balloon):
        names = [p["name"] for p in m.execute("qom-list", path=PATH)]
        assert "guest-stats" in names and "guest-stats-polling-interval" in names, names
        nothing = m.execute("qom-get", path=PATH, property="guest-stats")
        assert nothing["last-update"] == 0 and set(nothing["stats"]) == {"stat-" + n for n in NAMES}
        assert set(nothing["stats"].values()) == {-1}
        before = int(time.time())
        balloon.tell({4: 1234567, 6: 7654321, 99: 5})
        got = m.execute("qom-get", path=PATH, property="guest-stats")
        assert got["stats"]["stat-free-memory"] == 1234567 and got["stats"]["stat-available-memory"] == 7654321
        assert got["stats"]["stat-swap-in"] == -1 and before <= got["last-update"] <= time.time() + 1
        assert m.execute("qom-get", path=PATH, property="guest-stats-polling-interval") == 0
        m.execute("qom-set", path=PATH, property="guest-stats-polling-interval", value=2)
        assert m.execute("qom-get", path=PATH, property="guest-stats-polling-interval") == 2
        m.step(1_900_000_000)
        assert struct.unpack("<H", m.read(balloon.queues[STATS].used + 2, 2))[0] == 0
        m.step(200_000_000)
        assert balloon.queues[STATS].take() == 0
        balloon.tell({0: 9})
        got = m.execute("qom-get", path=PATH, property="guest-stats")["stats"]
        assert got["stat-swap-in"] == 9 and got["stat-free-memory"] == -1
        for value, text in ((-1, "greater than zero"), (1 << 32, "too big"), ("x", "integer")):
            said = m.ask("qom-set", path=PATH, property="guest-stats-polling-interval", value=value)
            assert text in said["error"]["desc"], said
        assert "not writable" in m.ask("qom-set", path=PATH, property="guest-stats", value={})["error"]["desc"]
        said = m.ask("qom-set", path=PATH, property="deflate-on-oom", value=True)["error"]["desc"]
        assert "after it was realized" in said, said
        assert "not found" in m.ask("qom-set", path=PATH, property="x", value=1)["error"]["desc"]


def test_hostile_guest():
    """Rings and lists that lie: the process lives, does not grow, and another driver can start."""
    with started("free-page-reporting=on", features=F_STATS | F_REPORTING) as (m, balloon):
        chance = random.Random(2)
        before = m.rss_kib()
        for _ in range(100):
            for queue in range(4):
                m.write(balloon.data, chance.randbytes(4096))
                buffers = [(chance.choice((balloon.data, 0, 64 * MIB - 8, 0xfffffffffffff000, 0xfee00000)),
                            chance.choice((1, 40, 4096, 0x7fffffff, 0xffffffff)), False),
                           (chance.choice((balloon.data, 0xe0000000, 1 << 40)),
                            chance.choice((1, 4096, 0xffffffff)), True)]
                balloon.queues[queue].add(*buffers[:chance.choice((1, 2))])
            if balloon.get(0x14, "<B") & 64 or chance.random() < 0.2:
                balloon.start(F_STATS | F_REPORTING)
        balloon.start(F_STATS | F_REPORTING)
        balloon.tell({4: 77})
        assert m.execute("qom-get", path=PATH, property="guest-stats")["stats"]["stat-free-memory"] == 77
        assert m.rss_kib() < before + 4096
        m.alive()


def test_refusals():
    for options, text in ((["-device", BALLOON, "-device", "virtio-balloon-pci"], "Only one balloon device"),
                          (["-device", BALLOON + ",free-page-hint=on"], "free-page-hint"),
                          (["-device", BALLOON + ",iothread=x"], "iothread"),
                          (["-device", "virtio-balloon"], "use virtio-balloon-pci"),
                          (["-M", "isapc", "-device", "virtio-balloon-pci"], "No PCI buses"),
                          (["-balloon", "virtio"], "use -device virtio-balloon-pci")):
        done = subprocess.run([KVM_DM, "-accel", "qtest", "-display", "none", *options], stdin=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, timeout=60)
        said = done.stderr.decode()
        assert done.returncode == 1 and text in said and said.count("\n") == 1, (options, said)
    with Machine() as m:
        for command in ({"command": "query-balloon"}, {"command": "balloon", "value": MIB}):
            assert m.ask(**command)["error"]["class"] == "DeviceNotActive"
        assert "No balloon" in m.execute("human-monitor-command", **{"command-line": "info balloon"})


if __name__ == "__main__":
    run(sys.modules[__name__])
