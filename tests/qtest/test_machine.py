#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole machine without a vCPU: PCI, BARs, disks, DMA, interrupts, power, hostile accesses."""
import os
import struct
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
from kvmdm import Machine, run

IDE = 1 << 3 | 1
PM = 1 << 3 | 3
VGA = 2 << 3
SECTOR = 512
RAM_END = 128 << 20


class Disk:
    """A raw image with every sector marked by its number."""

    def __init__(self, sectors=4096):
        self.file = tempfile.NamedTemporaryFile(prefix="kvm-dm-disk-")
        for n in range(sectors):
            self.file.write(self.sector(n))
        self.file.flush()
        self.sectors = sectors

    @staticmethod
    def sector(n):
        return struct.pack("<I", n ^ 0xa5a50000) * (SECTOR // 4)

    def option(self):
        return "-drive", "file=%s,format=raw,if=ide" % self.file.name

    def changed(self):
        """The numbers of sectors that are not as they were made."""
        with open(self.file.name, "rb") as f:
            data = f.read()
        return [n for n in range(self.sectors) if data[n * SECTOR:(n + 1) * SECTOR] != self.sector(n)]


def ide_wait(m, mask=0x80, value=0, alt=0x3f6):
    end = time.monotonic() + 5
    while True:
        status = m.inb(alt)
        if status & mask == value:
            return status
        assert time.monotonic() < end, "drive stays at status %02x" % status


def ide_command(m, command, lba=0, count=1, features=0):
    m.outb(0x1f6, 0xe0 | lba >> 24 & 0xf)
    m.outb(0x1f1, features)
    m.outb(0x1f2, count & 0xff)
    m.outb(0x1f3, lba & 0xff)
    m.outb(0x1f4, lba >> 8 & 0xff)
    m.outb(0x1f5, lba >> 16 & 0xff)
    m.outb(0x1f7, command)


def ide_enable(m):
    """What firmware does: decode both channels, bus master on, registers at 0xc000."""
    m.config_write(IDE, 0x40, 0x80008000)
    m.config_write(IDE, 0x20, 0xc000)
    m.config_write(IDE, 0x04, 0x00000005)


def dma(m, command, lba, count, table, prds, to_memory=True):
    """Runs one DMA command; returns bus master status and drive status."""
    m.outb(0x3f6, 4)  # a table that was too short leaves the drive waiting, as drivers know
    m.outb(0x3f6, 0)
    ide_wait(m)
    data = b"".join(struct.pack("<II", a, n & 0xffff | (0x80000000 if i == len(prds) - 1 else 0))
                    for i, (a, n) in enumerate(prds))
    if data:
        m.write(table, data)
    m.outb(0xc002, 0x06)
    m.outl(0xc004, table)
    m.outb(0xc000, 0x08 if to_memory else 0)
    ide_command(m, command, lba, count)
    m.outb(0xc000, (0x08 if to_memory else 0) | 1)
    end = time.monotonic() + 5
    while m.inb(0xc002) & 1 and m.inb(0x3f6) & 0x80 and time.monotonic() < end:
        pass
    status = m.inb(0xc002), m.inb(0x3f6)
    m.outb(0xc000, 0)
    return status


def test_default_machine():
    with Machine() as m:
        assert m.config_read(0, 0) == 0x12378086
        assert m.config_read(1 << 3, 0) == 0x70008086
        assert m.config_read(IDE, 0) == 0x70108086
        assert m.config_read(PM, 0) == 0x71138086
        assert m.config_read(VGA, 0) == 0x11111234
        assert m.config_read(31 << 3, 0) == 0xffffffff
        m.outw(0x510, 0)
        assert bytes(m.inb(0x511) for _ in range(4)) == b"QEMU"
        m.outw(0x510, 3)
        assert sum(m.inb(0x511) << 8 * i for i in range(8)) == RAM_END
        assert m.cmd("endianness") == "little"
        names = [x["name"] for x in m.execute("query-commands")]
        assert "query-status" in names
        assert m.execute("query-status")["running"] is True
        m.alive()


def test_memory_verbs():
    with Machine(qmp=False) as m:
        m.cmd("memset 0x1000 0x2000 0x5a")
        assert m.read(0xfff, 3) == b"\0\x5a\x5a"
        m.write(0x1001, b"\1\2\3")
        assert m.cmd("readl 0x1000") == "0x000000000302015a"
        m.cmd("writeq 0x2000 0x1122334455667788")
        assert m.read(0x2000, 8).hex() == "8877665544332211"
        assert m.cmd("b64read 0x1001 3") == "AQID"
        m.cmd("b64write 0x3000 3 AQID")
        assert m.read(0x3000, 4) == b"\1\2\3\0"
        assert m.read(RAM_END - 2, 4) == b"\0\0\xff\xff"
        for bad in ("", "nonsense", "inb", "inb 0x10000", "outb 1", "read 0 0xffffffff", "read 0",
                    "write 0 4 0x00", "write 0 4 zz", "b64write 0 9 AQID", "clock_step -1",
                    "memset 0 0xffffffffffff 0", "irq_intercept_in /nowhere", "set_irq_in a b 99 1"):
            m.qtest.send(bad)
            if bad:
                assert m.qtest.line().startswith("FAIL"), bad
        m.alive()


def test_bars_move():
    with Machine() as m:
        m.config_write(VGA, 0x10, 0xffffffff)
        assert m.config_read(VGA, 0x10) == 0xff000008
        m.config_write(VGA, 0x10, 0xe0000000)
        m.config_write(VGA, 0x18, 0xf0000000)
        m.config_write(VGA, 0x04, 2)
        m.write(0xe0000010, b"pixels")
        assert m.read(0xe0000010, 6) == b"pixels"
        assert m.cmd("readw 0xf0000500")[-4:] == "b0c5"
        m.config_write(VGA, 0x10, 0xd0000000)
        assert m.read(0xd0000010, 6) == b"pixels"
        assert m.read(0xe0000010, 6) == b"\xff" * 6
        m.config_write(VGA, 0x04, 0)
        assert m.read(0xd0000010, 6) == b"\xff" * 6
        m.alive()


def test_bars_over_everything():
    """Each BAR at each place where something else is: the other one wins, nothing dies."""
    with Machine() as m:
        for place in (0, 0x1000, 0xa0000, 0xf0000, 0x100000, 0xfec00000, 0xfee00000, 0xfffc0000,
                      0xfffff000, RAM_END - 4096):
            for bar in (0x10, 0x18, 0x30):
                m.config_write(VGA, bar, place | (1 if bar == 0x30 else 0))
            m.config_write(VGA, 0x04, 7)
            m.write(0x1000, b"ram!")
            assert m.read(0x1000, 4) == b"ram!", hex(place)
        for port in (0, 0x60, 0x1f0, 0x3f0, 0x510, 0xcf0, 0xfff0):
            m.config_write(IDE, 0x20, port)
            m.config_write(IDE, 0x04, 5)
            assert m.config_read(0, 0) == 0x12378086
        m.alive()


def test_ide_pio_and_irq():
    disk = Disk()
    with Machine(*disk.option()) as m:
        ide_enable(m)
        m.cmd("irq_intercept_in ioapic")
        m.outb(0x3f6, 0)
        ide_command(m, 0xec)
        ide_wait(m, 0x88, 0x08)
        identify = bytes.fromhex(m.cmd("insw 0x1f0 256")[2:])
        assert struct.unpack_from("<I", identify, 120)[0] == disk.sectors
        assert ("raise", 14) in m.irqs
        m.inb(0x1f7)
        assert m.irqs[-1] == ("lower", 14)
        for lba in (0, 1, disk.sectors - 1):
            ide_command(m, 0x20, lba)
            ide_wait(m, 0x88, 0x08)
            assert bytes.fromhex(m.cmd("insw 0x1f0 256")[2:]) == disk.sector(lba)
        ide_command(m, 0x20, disk.sectors)
        assert ide_wait(m) & 1
        ide_command(m, 0x30, 7)
        ide_wait(m, 0x88, 0x08)
        m.cmd("outsw 0x1f0 256 0x" + "5a" * SECTOR)
        ide_wait(m, 0x80, 0)
        ide_command(m, 0xe7)
        assert ide_wait(m) & 1 == 0
        m.alive()
    assert disk.changed() == [7]


def test_ide_prd_shapes():
    """HAZARDS I-06 to I-09: bytes of the table against bytes of the command."""
    disk = Disk()
    shapes = [
        ([(0x10000, 512)], 1, 4), ([(0x10000, 256), (0x20000, 256)], 1, 4),
        ([(0x10000, 2)], 1, 0), ([(0x10000, 510)], 1, 0), ([(0x10000, 1000)], 2, 0),
        ([(0x10000, 300), (0x20000, 212)], 1, 4), ([(0x10000, 514)], 1, 5),
        ([(0x10000, 0)], 1, 5), ([(0x10000, 0)], 128, 4), ([(0x10000, 0), (0x20000, 0)], 256, 4),
        ([(0x10000, 0), (0x20000, 0), (0x30000, 0)], 256, 5), ([(0x10000, 1024)], 1, 5),
        ([(0x10000, 512), (0x20000, 512)], 1, 5), ([(0x10000, 512)], 2, 0),
    ]
    with Machine(*disk.option()) as m:
        ide_enable(m)
        for prds, count, want in shapes:
            m.cmd("memset 0x10000 0x40000 0xee")
            got, _ = dma(m, 0xc8, 0, count, 0x8000, prds)
            assert got & 7 == want, "%r count %d: status %d, not %d" % (prds, count, got & 7, want)
            moved = min(sum(n or 65536 for _, n in prds), count * SECTOR)
            stream = b"".join(m.read(a, n or 65536) for a, n in prds)
            whole = b"".join(disk.sector(n) for n in range(count))
            assert stream[:moved] == whole[:moved] or want == 0
            assert set(stream[moved:]) <= {0xee}, "memory past the request was written"
        m.alive()
    assert disk.changed() == []


def test_dma_reaches_memory_only():
    """HAZARDS D-01: bus masters aimed at registers, ROM, holes: no register changes, an error shows."""
    disk = Disk()
    with Machine(*disk.option()) as m:
        ide_enable(m)
        m.config_write(VGA, 0x10, 0xe0000000)
        m.config_write(VGA, 0x18, 0xf0000000)
        m.config_write(VGA, 0x04, 2)
        before = m.read(0xf0000400, 0x20)
        for target in (0xf0000400, 0xf0000000, 0xfee00000, 0xfec00000, 0xd0000000, 0xa0000, 0xfffffe00,
                       RAM_END - 256, RAM_END):
            status, drive = dma(m, 0xc8, 5, 1, 0x8000, [(target, 512)])
            assert status & 1 == 0 or status & 2 or target == 0xfffffe00, "%x: %x" % (target, status)
            assert m.read(0xf0000400, 0x20) == before
            m.alive()
        status, _ = dma(m, 0xc8, 5, 1, 0x8000, [(0xe0000000, 512)])
        assert status & 7 == 4 and m.read(0xe0000000, 512) == disk.sector(5)  # a frame buffer is RAM
        for table in (0xf0000400, 0xfee00000, RAM_END - 4, 0xfffffff8):
            dma(m, 0xc8, 5, 1, table, [])
            m.alive()
        # fw_cfg: the structure and the target in holes and registers
        for target in (0xf0000400, 0xfee00000, 0xd0000000, RAM_END - 2):
            m.write(0x9000, struct.pack(">IIQ", 0x0003000a, 0xffffffff, target))
            m.outl(0x514, 0)
            m.outl(0x518, 0x00900000)
            m.alive()
            assert m.read(0xf0000400, 0x20) == before
            m.outl(0x514, 0)
            m.outl(0x518, struct.unpack(">I", struct.pack("<I", target & 0xffffffff))[0])
            m.alive()
    assert disk.changed() == []


def test_prd_tables_without_end():
    """HAZARDS I-10, I-11: tables that loop, cross the end of RAM, are overwritten by their own data."""
    disk = Disk()
    with Machine(*disk.option()) as m:
        ide_enable(m)
        cpu = m.cpu_s()
        m.write(0x10000, struct.pack("<II", 0x20000, 2) * 8192)
        dma(m, 0xc8, 0, 0, 0x10000, [])
        m.write(0x10000, struct.pack("<II", 0x10000, 512) * 16)
        dma(m, 0xc8, 0, 16, 0x10000, [])
        m.write(RAM_END - 8, struct.pack("<II", 0x20000, 512))
        dma(m, 0xc8, 0, 2, RAM_END - 8, [])
        m.write(0x10000, struct.pack("<II", 0x20000, 0) * 8192)
        dma(m, 0xc8, 0, 1, 0x10000, [])
        assert m.cpu_s() - cpu < 2.0
        m.alive()
    assert disk.changed() == []


def test_reset_in_flight_writes_nothing_else():
    """HAZARDS I-15: a reset while a write is under way must not write anywhere else."""
    disk = Disk()
    with Machine(*disk.option()) as m:
        for turn in range(4):
            ide_enable(m)
            m.cmd("memset 0x20000 0x10000 0x77")
            m.write(0x8000, struct.pack("<II", 0x20000, 0x80000000))
            m.outl(0xc004, 0x8000)
            m.outb(0xc000, 0)
            ide_command(m, 0xca, 100, 128)
            m.outb(0xc000, 1)
            if turn % 2:
                m.outb(0x3f6, 4)
                m.outb(0x3f6, 0)
            else:
                m.execute("system_reset")
            m.alive()
    assert all(100 <= n < 228 for n in disk.changed()), disk.changed()[:5]


def test_clock_and_rtc():
    with Machine("-rtc", "base=2024-02-28T23:59:58") as m:
        m.cmd("irq_intercept_in ioapic")
        assert m.step(0) == 0
        m.outb(0x70, 0x0b)
        m.outb(0x71, 0x12)  # update-ended interrupt, 24 hours, BCD
        m.step(3 * 10**9)
        assert ("raise", 8) in m.irqs

        def cmos(i):
            m.outb(0x70, i)
            return m.inb(0x71)
        assert (cmos(9), cmos(8), cmos(7)) == (0x24, 0x02, 0x29)  # a leap day
        assert cmos(0x0c) & 0x10


def test_power_button_and_off():
    with Machine("-no-shutdown") as m:
        m.cmd("irq_intercept_in ioapic")
        m.config_write(PM, 0x40, 0xb001)
        m.config_write(PM, 0x80, 1)
        m.outb(0xb2, 0xf1)
        assert m.inw(0xb004) & 1
        m.outw(0xb002, 0x0100)
        m.execute("system_powerdown")
        assert m.inw(0xb000) & 0x0100
        assert ("raise", 9) in m.irqs
        m.outw(0xb000, 0x0100)
        assert m.irqs[-1] == ("lower", 9)
        m.outw(0xb004, 0x2001)
        m.execute("query-status")
        end = time.monotonic() + 5
        while m.execute("query-status")["status"] != "shutdown":
            assert time.monotonic() < end
        assert "SHUTDOWN" in [e["event"] for e in m.events]
        assert "POWERDOWN" in [e["event"] for e in m.events]


def test_every_port_every_width():
    """HAZARDS D-06 on the whole machine; fast paths only, so it takes seconds."""
    with Machine() as m:
        fds, rss = m.fds(), m.rss_kib()
        skip = set(range(0xcf8, 0x1000)) | set(range(0xc000, 0xc010))
        for first in range(0, 0x10000, 512):
            for op in ("inb", "inw", "inl"):
                batch = [p for p in range(first, first + 512) if p not in skip]
                m.qtest.sock.sendall("".join("%s %d\n" % (op, p) for p in batch).encode())
                for p in batch:
                    assert m.qtest.line().startswith("OK"), (op, p)
        m.alive()
        assert m.fds() == fds
        assert m.rss_kib() - rss < 8192


if __name__ == "__main__":
    run(sys.modules[__name__])
