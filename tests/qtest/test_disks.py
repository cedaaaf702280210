#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""More than four disks: PCI IDE functions in native mode and ISA channels, without a vCPU or firmware."""
import contextlib
import os
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
from kvmdm import KVM_DM, Machine, run

SECTOR = 512
SECTORS = 256
PIIX3, PIIX3_IDE = 1 << 3, 1 << 3 | 1
CMD646 = 0x06461095
ROUTES = (10, 10, 11, 11)  # PIRQ A to D, as SeaBIOS has them


class Disks:
    """Raw images, each with content of its own."""

    def __init__(self, count):
        self.dir = tempfile.TemporaryDirectory(prefix="kvm-dm-disks-")
        for n in range(count):
            with open(self.path(n), "wb") as f:
                f.write(b"".join(self.sector(n, s) for s in range(SECTORS)))

    def path(self, n):
        return os.path.join(self.dir.name, "%d.img" % n)

    @staticmethod
    def sector(n, s, salt=0):
        return struct.pack("<HHI", n, s, salt) * (SECTOR // 8)

    def stored(self, n, s):
        with open(self.path(n), "rb") as f:
            f.seek(s * SECTOR)
            return f.read(SECTOR)

    def options(self, n, bus, unit):
        return ["-drive", "if=none,id=d%d,format=raw,file=%s" % (n, self.path(n)),
                "-device", "ide-hd,drive=d%d,bus=%s,unit=%d,serial=S%03d" % (n, bus, unit, n)]


class Channel:
    """A driver of one channel: polls, but counts the interrupts that came."""

    def __init__(self, machine, command, control, irq, bm=None):
        self.m, self.command, self.control, self.irq, self.bm = machine, command, control, irq, bm

    def start(self, unit, opcode, lba=0, count=1):
        m = self.m
        m.outb(self.command + 6, 0xe0 | unit << 4)
        m.outb(self.command + 2, count)
        for i in range(3):
            m.outb(self.command + 3 + i, lba >> 8 * i & 0xff)
        m.irqs.clear()
        m.outb(self.command + 7, opcode)

    def wait(self):
        end = time.monotonic() + 5
        while self.m.inb(self.control) & 0x80:
            assert time.monotonic() < end, "busy for 5 s"

    def interrupted(self):
        """The line went up since the command, and reading the status lets it go."""
        self.wait()
        end = time.monotonic() + 5
        while ("raise", self.irq) not in self.m.irqs:
            self.m.inb(self.control)
            assert time.monotonic() < end, "no interrupt %d: %s" % (self.irq, self.m.irqs)
        status = self.m.inb(self.command + 7)
        assert self.m.irqs[-1] == ("lower", self.irq), self.m.irqs
        return status

    def read_pio(self, unit, lba=0, opcode=0x20):
        self.start(unit, opcode, lba)
        assert self.interrupted() == 0x58
        return b"".join(struct.pack("<H", self.m.inw(self.command)) for _ in range(SECTOR // 2))

    def write_pio(self, unit, lba, data):
        self.start(unit, 0x30, lba)
        self.wait()
        for (word,) in struct.iter_unpack("<H", data):
            self.m.outw(self.command, word)
        assert self.interrupted() == 0x50

    def dma(self, unit, opcode, lba, address):
        m, to_memory = self.m, 8 if opcode == 0xc8 else 0
        m.write(0x1000, struct.pack("<II", address, SECTOR | 0x80000000))
        m.outb(self.bm + 2, 6)
        m.outl(self.bm + 4, 0x1000)
        m.outb(self.bm, to_memory)
        self.start(unit, opcode, lba)
        m.outb(self.bm, to_memory | 1)
        assert self.interrupted() == 0x50
        assert m.inb(self.bm + 2) & 7 == 4, "bus master status %02x" % m.inb(self.bm + 2)
        m.outb(self.bm, 0)

    def identity(self, unit):
        data = self.read_pio(unit, opcode=0xec)
        return data[20:40:2], bytes(data[i ^ 1] for i in range(20, 40)).strip().decode()


def enumerate_pci(m):
    """Every CMD646, with BARs assigned as firmware would; slot -> its channels."""
    found, port = {}, 0xc000
    for pirq, irq in enumerate(ROUTES):
        m.outl(0xcf8, 0x80000000 | PIIX3 << 8 | 0x60)
        m.outb(0xcfc + pirq, irq)
    for slot in range(2, 32):
        devfn = slot << 3
        if m.config_read(devfn, 0) != CMD646:
            continue
        assert m.config_read(devfn, 8) == 0x01018f07
        bars = []
        for bar in range(5):
            m.config_write(devfn, 0x10 + 4 * bar, 0xffffffff)
            size = ~(m.config_read(devfn, 0x10 + 4 * bar) & ~3) + 1 & 0xffff
            assert size == (8, 4, 8, 4, 16)[bar] or (size == 0 and bar in (2, 3))
            m.config_write(devfn, 0x10 + 4 * bar, port)
            bars.append(port)
            port += 16
        # SeaBIOS's last word, which must not count.
        for bar, legacy in enumerate((0x1f0, 0x3f4, 0x170, 0x374)):
            m.config_write(devfn, 0x10 + 4 * bar, legacy)
        m.config_write(devfn, 4, 5)
        irq = ROUTES[slot - 1 & 3]
        count = 2 if m.config_read(devfn, 0x50) >> 8 & 8 else 1
        found[slot] = [Channel(m, bars[2 * i], bars[2 * i + 1] + 2, irq, bars[4] + 8 * i)
                       for i in range(count)]
    return found


def own_channels(m):
    m.config_write(PIIX3_IDE, 0x40, 0x80008000)
    m.config_write(PIIX3_IDE, 0x20, 0xb000)
    m.config_write(PIIX3_IDE, 0x04, 5)
    return [Channel(m, 0x1f0, 0x3f6, 14, 0xb000), Channel(m, 0x170, 0x376, 15, 0xb008)]


@contextlib.contextmanager
def machine(*options):
    with Machine(*options) as m:
        m.cmd("irq_intercept_in ioapic")
        yield m


def exercise(m, disks, places):
    """places: disk number -> (channel, unit). All of each disk's own: identity, reads, writes."""
    for n, (channel, unit) in places.items():
        assert channel.identity(unit)[1] == "S%03d" % n
        assert channel.read_pio(unit, n) == disks.sector(n, n), "disk %d" % n
        channel.write_pio(unit, 100, disks.sector(n, 100, 1))
        if not channel.bm:
            continue
        m.cmd("memset 0x8000 0x200 0xee")
        channel.dma(unit, 0xc8, 200, 0x8000)
        assert m.read(0x8000, SECTOR) == disks.sector(n, 200), "disk %d" % n
        m.write(0x9000, disks.sector(n, 201, 2))
        channel.dma(unit, 0xca, 201, 0x9000)
    for n, (channel, unit) in places.items():
        channel.start(unit, 0xe7)
        assert channel.interrupted() == 0x50


def check_stored(disks, places, dma=True):
    changed = {100: 1, 201: 2} if dma else {100: 1}
    for n in places:
        for s in range(SECTORS):
            assert disks.stored(n, s) == disks.sector(n, s, changed.get(s, 0)), (n, s)


def test_twenty_disks():
    disks = Disks(20)
    where = [("ide.%d" % (n // 2), n % 2) for n in range(4)]
    where += [("c%d.%d" % (n // 4, n // 2 % 2), n % 2) for n in range(16)]
    options = []
    for n, (bus, unit) in enumerate(where):  # the disks first: they name what comes later
        options += disks.options(n, bus, unit)
    for c in range(4):
        options += ["-device", "cmd646-ide,id=c%d" % c]
    with machine(*options) as m:
        slots = enumerate_pci(m)
        assert sorted(slots) == [3, 4, 5, 6], slots.keys()  # after the display in slot 2
        channels = own_channels(m) + [c for slot in sorted(slots) for c in slots[slot]]
        places = {n: (channels[n // 2], n % 2) for n in range(20)}
        exercise(m, disks, places)
        m.alive()
    check_stored(disks, places)


def test_isa_channels():
    disks = Disks(4)
    options = ["-device", "isa-ide,iobase=0x1e8,iobase2=0x3ee,irq=11,id=t", "-device", "isa-ide"]
    for n, (bus, unit) in enumerate([("t.0", 0), ("t.0", 1), ("ide.2", 0), ("ide.2", 1)]):
        options += disks.options(n, bus, unit)
    with machine(*options) as m:
        channels = [Channel(m, 0x1e8, 0x3ee, 11), Channel(m, 0x168, 0x36e, 10)]
        places = {n: (channels[n // 2], n % 2) for n in range(4)}
        exercise(m, disks, places)
        m.alive()
    check_stored(disks, places, dma=False)


def test_isapc_third_channel():
    disks = Disks(1)
    with machine("-machine", "isapc", "-device", "isa-ide,id=t", *disks.options(0, "t.0", 1)) as m:
        exercise(m, disks, {0: (Channel(m, 0x1e8, 0x3ee, 11), 1)})
    check_stored(disks, {0: None}, dma=False)


def test_shared_interrupt():
    """Two controllers on one line: it stays up until both have been heard."""
    disks = Disks(2)
    options = ["-device", "cmd646-ide,id=a,addr=5", "-device", "cmd646-ide,id=b,addr=9"]
    options += disks.options(0, "a.0", 0) + disks.options(1, "b.1", 0)
    with machine(*options) as m:
        slots = enumerate_pci(m)
        first, second = slots[5][0], slots[9][1]
        assert first.irq == second.irq
        first.start(0, 0xec)
        second.start(0, 0xec)
        first.wait()
        second.wait()
        m.irqs.clear()
        assert m.inb(first.command + 7) == 0x58
        assert m.irqs == []
        assert m.inb(second.command + 7) == 0x58
        assert m.irqs == [("lower", second.irq)]


def test_one_channel_and_reset():
    disks = Disks(2)
    options = ["-device", "cmd646-ide,secondary=0,addr=7"]
    options += disks.options(0, "ide.2", 0) + disks.options(1, "ide.2", 1)
    with machine(*options) as m:
        for _ in range(2):
            slots = enumerate_pci(m)
            assert list(slots) == [7] and len(slots[7]) == 1
            for unit in (0, 1):
                assert slots[7][0].identity(unit)[1] == "S%03d" % unit
            m.execute("system_reset")
            assert m.inb(slots[7][0].command + 7) == 0xff


def test_default_serials_differ():
    """Drivers and udev tell disks apart by them."""
    disks = Disks(6)
    options = ["-device", "cmd646-ide,id=a", "-device", "cmd646-ide"]
    for n, bus in enumerate(("a.0", "a.0", "a.1", "ide.2", "ide.3", "ide.3")):
        options += ["-drive", "if=none,id=d%d,format=raw,file=%s" % (n, disks.path(n)),
                    "-device", "ide-hd,drive=d%d,bus=%s" % (n, bus)]
    with machine(*options) as m:
        slots = enumerate_pci(m)
        serials = [c.identity(u)[1] for c, u in ((slots[3][0], 0), (slots[3][0], 1), (slots[3][1], 0),
                                                 (slots[4][0], 0), (slots[4][1], 0), (slots[4][1], 1))]
        assert len(set(serials)) == 6, serials


def fw_cfg_file(m, name):
    m.outw(0x510, 0x19)
    count = struct.unpack(">I", bytes(m.inb(0x511) for _ in range(4)))[0]
    for _ in range(count):
        size, select, _, found = struct.unpack(">IHH56s", bytes(m.inb(0x511) for _ in range(64)))
        if found.rstrip(b"\0").decode() == name:
            m.outw(0x510, select)
            return bytes(m.inb(0x511) for _ in range(size)).rstrip(b"\0").decode().split("\n")
    return None


def test_what_the_bios_is_told():
    disks = Disks(3)
    options = ["-device", "cmd646-ide,id=a,addr=9", "-device", "cmd646-ide,id=b,addr=4,secondary=0"]
    for n, (bus, more) in enumerate((("a.1", "bootindex=3"), ("b.0", "bootindex=0"),
                                     ("ide.1", "bootindex=1,lcyls=12,lheads=8,lsecs=32"))):
        option = disks.options(n, bus, 1)
        option[-1] += "," + more + ",bios-chs-trans=" + ("lba", "large", "rechs")[n]
        options += option
    with machine(*options) as m:
        assert fw_cfg_file(m, "bootorder") == ["/pci@i0cf8/ide@4/drive@0/disk@1",
                                               "/pci@i0cf8/ide@1,1/drive@1/disk@1",
                                               "/pci@i0cf8/ide@9/drive@1/disk@1"]
        assert fw_cfg_file(m, "bios-geometry") == ["/pci@i0cf8/ide@1,1/drive@1/disk@1 12 8 32"]
        cmos = []
        for index in (0x12, 0x39, 0x3a, 0x3b, 0x3c):
            m.outb(0x70, index)
            cmos.append(m.inb(0x71))
        # Positions: ide 0 to 3, b (one channel) 4 and 5, a from 6.
        assert cmos == [0, 3 << 6, 2 << 2, 1 << 2, 0], cmos


def test_places_behind_the_cmos():
    """SeaBIOS looks for translations of 16 places; what is behind gets its geometry another way."""
    options, sizes = [], (("c2.1", "1G"), ("c3.0", "1G"), ("c3.1", "200M"), ("c4.0", "20G"))
    for c in range(5):
        options += ["-device", "cmd646-ide,id=c%d" % c]
    for n, (bus, size) in enumerate(sizes):
        options += ["-blockdev", "driver=null-co,node-name=n%d,size=%s" % (n, size),
                    "-device", "ide-hd,drive=n%d,bus=%s" % (n, bus)]
    with machine(*options) as m:
        # 1 GiB is 33288 tracks: 32 heads, and cut at 1024 cylinders as SeaBIOS does; so are 20 GiB.
        assert fw_cfg_file(m, "bios-geometry") == ["/pci@i0cf8/ide@6/drive@0/disk@0 1024 32 63",
                                                   "/pci@i0cf8/ide@6/drive@1/disk@0 406 16 63",
                                                   "/pci@i0cf8/ide@7/drive@0/disk@0 1024 255 63"]
        m.outb(0x70, 0x3c)
        assert m.inb(0x71) == 1 << 4
    refused = subprocess.run([KVM_DM, "-accel", "qtest", "-display", "none",
                              *[o + ",bios-chs-trans=large" if o.endswith("c4.0") else o for o in options]],
                             timeout=10, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert refused.returncode == 1 and "lcyls=" in refused.stderr, refused


def test_refusals():
    disks = Disks(2)
    with tempfile.NamedTemporaryFile() as readonly:
        readonly.truncate(1 << 20)
        drive = ["-drive", "if=none,id=a,format=raw,file=" + disks.path(0)]
        for options, words in (
                (drive + ["-device", "ide-hd,drive=a,bus=x.0"], "no bus 'x.0'; there are ide.0, ide.1"),
                (drive + ["-device", "ide-hd,drive=a,bus=x.1", "-device", "cmd646-ide,id=x,secondary=0"],
                 "no bus 'x.1'"),
                (drive + ["-device", "ide-hd,drive=a,bus=x.0,bootindex=1", "-device", "isa-ide,id=x"],
                 "bootindex"),
                (drive + ["-device", "ide-hd,drive=a,physical_block_size=1000"], "power of two"),
                (drive + ["-device", "ide-hd,drive=a,logical_block_size=4096"], "must be 512"),
                (drive + ["-device", "ide-hd,drive=a,lheads=3"], "belong together"),
                (["-drive", "format=raw,readonly=on,file=" + disks.path(0)], "read-only|snapshot=on"),
                (["-device", "isa-ide,iobase=0x1f0"], "ide.0 and ide.1"),
                (["-device", "isa-ide,iobase=0x3f0,iobase2=0x1000,irq=5"], "ide.0 and ide.1"),
                (["-device", "isa-ide"] * 3, "iobase= is missing"),
                (["-device", "cmd646-ide,addr=1"], "taken by"),
                (["-device", "cmd646-ide"] * 31, "no free slot"),
                (["-machine", "isapc", "-device", "cmd646-ide"], "No PCI buses")):
            done = subprocess.run([KVM_DM, "-accel", "qtest", "-display", "none", *options], timeout=10,
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True)
            assert done.returncode == 1, (options, done)
            assert done.stderr.count("\n") == 1, done.stderr
            for word in words.split("|"):
                assert word in done.stderr, (options, done.stderr)
        snapshot = ["-drive", "format=raw,snapshot=on,file=" + readonly.name]
        with Machine(*snapshot) as m:
            m.alive()


if __name__ == "__main__":
    run(sys.modules[__name__])
