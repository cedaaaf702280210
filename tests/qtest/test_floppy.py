#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Floppy drives of the whole machine, without a vCPU: options, CMOS, data, media by QMP, bad lines."""
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
from kvmdm import KVM_DM, Machine, run

DOR, MSR, FIFO, CCR = 0x3f2, 0x3f4, 0x3f5, 0x3f7
BUFFER = 0x20000


def sector(n, salt=0):
    return bytes((n * 7 + i + salt) & 0xff for i in range(256)) * 2


def image(folder, name, kib, salt=0):
    path = os.path.join(folder, name)
    with open(path, "wb") as f:
        f.write(b"".join(sector(n, salt) for n in range(kib * 2)))
    return path


def command(m, *data):
    for byte in data:
        assert m.inb(MSR) & 0xc0 == 0x80
        m.outb(FIFO, byte)


def results(m, count):
    end = time.monotonic() + 10
    while m.inb(MSR) & 0xc0 != 0xc0:
        assert time.monotonic() < end, "no result: MSR %02x" % m.inb(MSR)
    got = bytes(m.inb(FIFO) for _ in range(count))
    assert m.inb(MSR) == 0x80
    return got


def dma(m, to_memory, count):
    for port, value in ((0x0a, 6), (0x0c, 0), (0x0b, 0x46 if to_memory else 0x4a), (0x04, BUFFER & 0xff),
                        (0x04, BUFFER >> 8 & 0xff), (0x05, count - 1 & 0xff), (0x05, count - 1 >> 8),
                        (0x81, BUFFER >> 16), (0x0a, 2)):
        m.outb(port, value)


def transfer(m, drive, lba, count=1, data=None, spt=18):
    c, h, r = lba // spt // 2, lba // spt % 2, lba % spt + 1
    if data is not None:
        m.write(BUFFER, data)
    dma(m, data is None, 512 * count)
    command(m, 0xe6 if data is None else 0xc5, h << 2 | drive, c, h, r, 2, spt, 0x1b, 0xff)
    return results(m, 7)


def cmos(m, index):
    m.outb(0x70, index)
    return m.inb(0x71)


def test_default_drive():
    """Drive A is there and empty; not with -nodefaults; QEMU's numbers in CMOS."""
    for options, types, equipment in (([], 0x50, 0x07), (["-nodefaults"], 0x00, 0x06),
                                      (["-global", "isa-fdc.fdtypeA=144"], 0x40, 0x07),
                                      (["-global", "isa-fdc.fallback=120"], 0x20, 0x07),
                                      (["-fdb", ""], 0x55, 0x47),
                                      (["-machine", "isapc"], 0x50, 0x07),
                                      (["-device", "floppy,unit=1,drive-type=144"], 0x04, 0x07)):
        with Machine(*options) as m:
            assert cmos(m, 0x10) == types, (options, cmos(m, 0x10))
            assert cmos(m, 0x14) & 0xc7 == equipment, (options, cmos(m, 0x14))
            assert m.inb(MSR) == 0x80  # the controller is part of the machine


def test_data():
    """Both drives: read and written by DMA; what is written is in the file."""
    with tempfile.TemporaryDirectory() as folder:
        a, b = image(folder, "a", 1440), image(folder, "b", 720, 3)
        with Machine("-fda", a, "-drive", "if=none,id=x,format=raw,file=" + b, "-device",
                     "floppy,drive=x,id=f1", "-nodefaults") as m:
            m.cmd("irq_intercept_in ioapic")
            assert cmos(m, 0x10) == 0x44
            m.outb(DOR, 0x1c)
            assert transfer(m, 0, 100, 4) == bytes((0x24, 0, 0, 2, 1, 15, 2))
            assert m.read(BUFFER, 2048) == b"".join(sector(n) for n in range(100, 104))
            assert transfer(m, 0, 2879, data=b"K" * 512)[0] & 0xc0 == 0
            m.outb(CCR, 2)
            m.outb(DOR, 0x2d)
            assert transfer(m, 1, 1439, spt=9)[0] & 0xc0 == 0
            assert m.read(BUFFER, 512) == sector(1439, 3)
        with open(a, "rb") as f:
            assert f.read() == b"".join(sector(n) for n in range(2879)) + b"K" * 512


def test_reset_and_seek():
    """A client that does not step the clock: what needs no host ends with its port write."""
    with tempfile.TemporaryDirectory() as folder, Machine("-fda", image(folder, "a", 1440)) as m:
        m.cmd("irq_intercept_in ioapic")
        m.outb(DOR, 0x08)
        m.outb(DOR, 0x0c)
        for unit in range(4):
            command(m, 0x08)
            assert results(m, 2) == bytes((0xc0 | unit, 0))
        command(m, 0x0f, 0, 12)
        command(m, 0x08)
        assert results(m, 2) == bytes((0x20, 12))
        assert m.inb(0x3f7) == 0
        command(m, 0x4a, 0)
        assert results(m, 7) == bytes((0, 0, 0, 12, 0, 1, 2))


def test_media():
    """QMP puts a floppy in and takes it out; the change line says so, until a step."""
    with tempfile.TemporaryDirectory() as folder, Machine() as m:
        a = image(folder, "a", 1440, 9)
        m.outb(DOR, 0x1c)
        assert m.inb(0x3f7) == 0x80
        assert transfer(m, 0, 0)[:2] == bytes((0x40, 0x01))
        m.execute("blockdev-change-medium", device="floppy0", filename=a, format="raw")
        assert m.inb(0x3f7) == 0x80
        command(m, 0x0f, 0, 1)
        command(m, 0x08)
        assert results(m, 2) == bytes((0x20, 1))
        assert m.inb(0x3f7) == 0
        assert transfer(m, 0, 5)[0] & 0xc0 == 0
        assert m.read(BUFFER, 512) == sector(5, 9)
        m.execute("eject", device="floppy0")
        assert m.inb(0x3f7) == 0x80
        assert transfer(m, 0, 5)[:2] == bytes((0x40, 0x01))
        m.alive()


def test_read_only():
    """A file that cannot be written, and readonly=on: the tab is shut."""
    with tempfile.TemporaryDirectory() as folder:
        a = image(folder, "a", 1440)
        with Machine("-drive", "if=floppy,format=raw,readonly=on,file=" + a) as m:
            command(m, 0x04, 0)
            assert results(m, 1) == b"\x78"
            assert transfer(m, 0, 5, data=b"x" * 512)[:2] == bytes((0x40, 0x02))


def test_refused():
    with tempfile.TemporaryDirectory() as folder:
        big, ed = image(folder, "big", 4000), image(folder, "ed", 2880)
        drive = ["-drive", "if=none,id=d,format=raw,file=" + ed]
        for options, words in (
                (["-fda", big], "4096000 bytes"),
                (drive + ["-device", "floppy,drive=d,drive-type=144"], "2949120 bytes|144"),
                (drive + ["-fda", "", "-device", "floppy,drive=d,unit=0"], "units 0 (A) and 1 (B)"),
                (["-fda", ed, "-fdb", ed], "lock"),
                (drive + ["-machine", "isapc", "-device", "floppy,drive=d,bootindex=1"], "bootindex"),
                (["-device", "floppy", "-device", "floppy", "-device", "floppy"], "no free place")):
            done = subprocess.run([KVM_DM, "-accel", "qtest", "-display", "none", *options], timeout=10,
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True)
            assert done.returncode == 1, (options, done)
            assert done.stderr.count("\n") == 1, done.stderr
            for word in words.split("|"):
                assert word in done.stderr, (options, done.stderr)


if __name__ == "__main__":
    run(sys.modules[__name__])
