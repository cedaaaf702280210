#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests that drive their disks in ways that no driver would (HAZARDS D, I, A, M-08), on the whole process."""
import contextlib
import itertools
import os
import random
import struct
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
from atadisk import ABRT, BSY, BUFFER, DRQ, ERR, IDNF, SECTOR, TABLE, Ata, Busy, pattern, prepare, run_of
from kvmdm import Machine, run
from oracles import SixOrs

SECTORS = 2048
CONTENT = run_of(0, SECTORS)
RAM = 128 << 20
VGA_DEVFN, FRAME, VGA_REGS = 0x10, 0xe0000000, 0xf0000000
SCRATCH = range(1000, 1100)  # sectors that cases may write


@contextlib.contextmanager
def machine(*options, disks=1, cd=None, more=""):
    """Yields (machine, paths); disks on the primary channel, a CD (True: with a medium) on the secondary."""
    with tempfile.TemporaryDirectory(prefix="kvm-dm-hostile-") as directory:
        paths = [os.path.join(directory, "%d.img" % i) for i in range(disks)]
        line = ["-nodefaults", "-vga", "std", *options]
        for i, path in enumerate(paths):
            with open(path, "wb") as f:
                f.write(CONTENT)
            line += ["-drive", "if=ide,index=%d,format=raw,file=%s%s" % (i, path, more)]
        if cd is not None:
            iso = os.path.join(directory, "cd.iso")
            with open(iso, "wb") as f:
                f.write(CONTENT)
            medium = ["-drive", "if=none,id=cd,media=cdrom,format=raw,readonly=on,file=" + iso] if cd else \
                ["-drive", "if=none,id=cd,media=cdrom"]
            line += [*medium, "-device", "ide-cd,drive=cd,bus=ide.1,unit=0,id=cd0"]
        with Machine(*line) as m:
            prepare(m)
            m.config_write(VGA_DEVFN, 0x10, FRAME)
            m.config_write(VGA_DEVFN, 0x18, VGA_REGS)
            m.config_write(VGA_DEVFN, 0x04, 3)
            yield m, paths


def settle(a):
    """Whatever it was, it ends or is given up; afterwards the drive works."""
    m = a.m
    m.outb(a.bm, 0)
    a.soft_reset()
    end = time.monotonic() + 5
    while a.status() & BSY:
        assert time.monotonic() < end
    m.outb(a.bm + 2, 6)


def start_and_look(a, opcode, lba, count, to_memory, table=TABLE):
    """A DMA command that may wait for ever: (status, bus master status) once it is not busy."""
    a.dma_start(opcode, lba, count, to_memory, table=table)
    end = time.monotonic() + 5
    while a.status() & BSY:
        assert time.monotonic() < end
    return a.m.inb(a.control), a.m.inb(a.bm + 2) & 7


# ---- PRD tables ----

SHAPES = [  # name, PRDs (address, count word), sectors, bus master status (interrupt 4, error 2, active 1)
    ("exact", [(BUFFER, 512)], 1, 4),
    ("exact in two", [(BUFFER, 300), (BUFFER + 300, 212)], 1, 4),
    ("exact in 2-byte pieces", [(BUFFER + 2 * i, 2) for i in range(256)], 1, 4),
    ("count 0 is 64 KiB", [(BUFFER, 0)], 128, 4),
    ("count 0, longer than one sector", [(BUFFER, 0)], 1, 5),
    ("longer", [(BUFFER, 1024)], 1, 5),
    ("much longer", [(BUFFER, 0)] * 512, 1, 5),
    ("short by 2", [(BUFFER, 510)], 1, 0),
    ("2 bytes", [(BUFFER, 2)], 1, 0),
    ("8 bytes", [(BUFFER, 8)], 1, 0),
    ("one sector of two", [(BUFFER, 512)], 2, 0),
    ("1000 bytes for two sectors", [(BUFFER, 1000)], 2, 0),
    ("513 is 512", [(BUFFER, 513)], 1, 4),
    ("511 is 510", [(BUFFER, 511)] * 8, 8, 0),
    ("odd address", [(BUFFER + 1, 512)], 1, 4),
    ("crosses 64 KiB", [(BUFFER + 0xff00, 1024)], 2, 4),
    ("last bytes of RAM", [(RAM - 512, 512)], 1, 4),
]


def put_table(m, pieces, last=True, table=TABLE):
    data = b"".join(struct.pack("<IHH", addr, n & 0xffff, 0) for addr, n in pieces)
    if last:
        data = data[:-1] + b"\x80"
    m.write(table, data)


def test_prd_shapes():
    with machine() as (m, paths):
        a = Ata(m)
        for name, pieces, count, want in SHAPES:
            for opcode, to_memory, lba in ((0xc8, True, 5), (0xca, False, 1000)):
                with SixOrs(m, name, {paths[0]: SCRATCH if not to_memory else ()}):
                    if not to_memory:  # what is there already, so that content stays known
                        m.write(BUFFER, bytes(131072))
                    put_table(m, pieces)
                    status, bm = start_and_look(a, opcode, lba, count if to_memory else min(count, 100), to_memory)
                    if to_memory or count <= 100:
                        assert bm == want, "%s, opcode %02x: bus master %x, not %x" % (name, opcode, bm, want)
                        assert status == (0x50 if want & 4 else 0x58), (name, opcode, status)
                    settle(a)
                    assert a.pio_in(0x20, 7).data == pattern(7)


def test_prd_tables_without_end():
    with machine() as (m, paths):
        a = Ata(m)
        # 64 KiB of table, no end: it ends at the boundary. Then one that is the target of its own transfer.
        for name, addr, pieces, count, want in (
                ("no end", 0x20000, [(BUFFER, 16)] * 8192, 256, 4),
                ("no end, short", 0x20000, [(BUFFER, 2)] * 8192, 256, 0),
                ("end at the boundary", 0x2fff8, [(BUFFER, 512)], 2, 0),
                ("itself", 0x20000, [(0x20000, 512)] * 8, 8, 4)):
            with SixOrs(m, name, {paths[0]: ()}):
                put_table(m, pieces, last=name == "itself", table=addr)
                _, bm = start_and_look(a, 0xc8, 0, count, True, addr)
                assert bm & 2 == 0 and (name == "itself" or bm == want), (name, bm)
                settle(a)
                assert a.pio_in(0x20, 7).data == pattern(7)


NOT_MEMORY = {"VGA registers": VGA_REGS + 0x500, "VGA window": 0xa0000, "text window": 0xb8000, "I/O APIC": 0xfec00000,
              "local APIC": 0xfee00000, "PCI hole": 0xd0000000, "behind RAM": RAM, "far behind RAM": 0x70000000,
              "top": 0xfffff000 - 0x1000000, "4 GiB - 64 KiB of nothing": 0xfff00000 - 0x10000}
PARTLY = {"last sector of RAM and on": RAM - 512, "2 bytes before its end": RAM - 2, "511 before": RAM - 510,
          "before the VGA window": 0xa0000 - 2, "4 GiB - 256": 0xffffff00, "ROM below 1 MiB": 0xfff00}
ROM = {"BIOS": 0xf0000, "BIOS at 4 GiB": 0xffff0000, "option ROM": 0xc0000}


def registers(m):
    """What a transfer into registers would change."""
    m.outw(0x1ce, 0)
    return [m.read(VGA_REGS + 0x500, 22), m.read(VGA_REGS + 0x400, 32), [m.inb(p) for p in (0x3c2, 0x3cc, 0x3da)]]


def test_targets():
    """D-01, D-02: every bus master transfer, to everything that is not RAM."""
    with machine(cd=True) as (m, paths):
        a, cd = Ata(m), Ata(m, 2)
        for _ in range(3):
            cd.packet([0])
            cd.sense()
        rom = {name: m.read(addr, 0x1000) for name, addr in ROM.items()}
        before = registers(m)
        for name, addr in [*NOT_MEMORY.items(), *PARTLY.items(), *ROM.items()]:
            for what in ("read", "write", "read 64 KiB", "trim", "packet", "table"):
                with SixOrs(m, name + ", " + what, {paths[0]: SCRATCH}):
                    count = 128 if what == "read 64 KiB" else 1
                    put_table(m, [(addr, count * SECTOR)] if count == 1 else [(addr, 0)])
                    drive = cd if what == "packet" else a
                    if what == "packet":
                        m.cmds(["outb 0x%x 0" % cd.bm, "outb 0x%x 6" % (cd.bm + 2),
                                "outl 0x%x 0x%x" % (cd.bm + 4, TABLE), "outb 0x%x 8" % cd.bm])
                        cd.packet_issue([0x28, 0, 0, 0, 0, 3, 0, 0, 1], feature=1)
                        m.outb(cd.bm, 9)
                        with contextlib.suppress(Busy):
                            cd.wait(2)
                        status, bm = cd.status(), m.inb(cd.bm + 2) & 7
                    elif what == "table":
                        status, bm = start_and_look(a, 0xc8, 3, 1, True, addr)
                    elif what == "trim":
                        a.dma_start(0x06, 0, 1, False, ext=True, feature=1)
                        with contextlib.suppress(Busy):
                            a.wait(2)
                        status, bm = a.status(), m.inb(a.bm + 2) & 7
                    else:
                        opcode, lba = (0xca, 1000) if what == "write" else (0xc8, 3)
                        status, bm = start_and_look(a, opcode, lba, count, opcode == 0xc8)
                    assert not status & BSY, (name, what, status)
                    if name in NOT_MEMORY:
                        assert bm & 2, "%s, %s: bus master status %x" % (name, what, bm)
                        assert status & ERR or status & DRQ, (name, what, status)
                    settle(drive)
                    if what == "packet":
                        cd.packet([0])
                        cd.sense()
        assert registers(m) == before
        assert {n: m.read(addr, 0x1000) for n, addr in ROM.items()} == rom
        assert a.dma_in(0xc8, 0, 256).data == run_of(0, 256)


# ---- addresses and counts ----

def test_edges():
    """I-19, I-20: every command that has an address, at every edge; out of range, nothing moves."""
    lbas = (0, 1, SECTORS - 1, SECTORS, SECTORS + 1, 2**28 - 1, 2**28, 2**32 - 1, 2**32, 2**47, 2**48 - 1)
    counts = (0, 1, 2, 255, 256, 257, 65535)
    commands = {0x20: "in", 0x24: "in ext", 0x29: "in ext", 0xc4: "in", 0x30: "out", 0x34: "out ext", 0x39: "out ext",
                0xc5: "out", 0xce: "out ext", 0x40: "none", 0x42: "none ext", 0xc8: "dma", 0x25: "dma ext",
                0xca: "dma out", 0x35: "dma out ext", 0x3d: "dma out ext", 0x70: "seek"}
    with machine() as (m, paths):
        a = Ata(m)
        put_table(m, [(BUFFER, 0)] * 8)
        for opcode, kind in commands.items():
            ext = "ext" in kind
            with SixOrs(m, "opcode %02x" % opcode, {paths[0]: range(SECTORS)}):
                for lba, count in itertools.product(lbas, counts):
                    seen = lba if ext else lba & 0x0fffffff
                    n = (count & 0xffff or 65536) if ext else (count & 0xff or 256)
                    good = seen < SECTORS if kind == "seek" else seen < SECTORS and n <= SECTORS - seen
                    m.cmds(["outb 0x%x 0" % a.bm, "outb 0x%x 6" % (a.bm + 2), "outl 0x%x 0x%x" % (a.bm + 4, TABLE)])
                    a.issue(opcode, lba, count, ext=ext)
                    if good:  # a transfer stays within its range: test_faults and others
                        settle(a)
                        continue
                    r = a.result(a.wait(), ext=ext)
                    assert (r.status, r.error & ~IDNF) == (0x51, 0) and r.error & IDNF, (opcode, lba, count, r)
                    assert m.inl(a.base) == 0
        assert open(paths[0], "rb").read() == CONTENT


def test_chs_edges():
    with machine() as (m, paths):
        a = Ata(m)
        with SixOrs(m, "CHS", {paths[0]: ()}):
            for cyl, head, sec in itertools.product((0, 1, 2, 3, 255, 65535), (0, 15), (0, 1, 63, 64, 255)):
                for opcode in (0x20, 0x30, 0x40, 0xc8, 0xca, 0x24, 0x25, 0x70):
                    m.cmds(["outb 0x%x 0x%x" % p for p in
                            ((a.base + 6, 0xa0 | head), (a.base + 2, 1), (a.base + 3, sec), (a.base + 4, cyl & 255),
                             (a.base + 5, cyl >> 8), (a.base + 7, opcode))])
                    a.wait()
                    settle(a)


# ---- any command to anything ----

def test_all_commands():
    """I-05: 256 opcodes to a disk, a CD, an empty CD and nobody, by LBA and CHS, with what may follow."""
    for medium in (True, False):
        with machine(disks=1, cd=medium) as (m, paths):
            for unit, who in ((0, "disk"), (1, "nobody"), (2, "CD"), (3, "nobody beside a CD")):
                if not medium and unit < 2:
                    continue
                a = Ata(m, unit)
                put_table(m, [(BUFFER, 0)] * 4)
                with SixOrs(m, who, {paths[0]: range(SECTORS)}, cpu_s=10):
                    for opcode in range(256):
                        for count, lba_bit in itertools.product((0, 1, 255), (0x40, 0)):
                            m.cmds(["outb 0x%x 0x%x" % p for p in
                                    ((a.base + 6, a.select & ~0x40 | lba_bit), (a.base + 2, 0), (a.base + 2, count),
                                     (a.base + 3, 1), (a.base + 4, 0), (a.base + 5, 0), (a.base + 7, opcode))])
                            m.cmds(["outsl 0x%x 200 0x%s" % (a.base, "5a" * 800), "insl 0x%x 200" % a.base,
                                    "outb 0x%x 9" % a.bm, "outb 0x%x 0" % a.bm])
                        settle(a)
                    prepare(m)


def test_data_port_after_the_end():
    """I-01, I-03: no packet command leaves the data port armed, and nothing of the host's comes out of it."""
    with machine(cd=True) as (m, paths):
        cd, disk = Ata(m, 2), Ata(m)
        with SixOrs(m, "packet commands", {paths[0]: ()}, cpu_s=10):
            for opcode in range(256):
                cd.packet_issue([opcode, 0, 0, 0, 0, 0, 0, 0, 1])
                m.cmds(["outsw 0x%x 40000 0x%s" % (cd.base, "ee" * 80000) if opcode in (0x1b, 0x2b, 0x1e, 0)
                        else "outsl 0x%x 500 0x%s" % (cd.base, "ee" * 2000)])
                for _ in range(20):  # READ(12) of 256 blocks is what the same bytes mean to it
                    m.cmds(["insw 0x%x 40000" % cd.base])
                    if not cd.wait() & DRQ:
                        break
                assert not cd.status() & DRQ, "packet %02x" % opcode
                assert m.inl(cd.base) == 0
            disk.issue(0x30, 20, 1)  # a write, and the port is read
            assert set(bytes.fromhex(m.cmd("insl 0x1f0 1000")[2:])) == {0}
            settle(disk)
            disk.issue(0x20, 20, 1)  # a read, and the port is written
            m.cmd("outsl 0x1f0 100 0x%s" % ("77" * 400))
            assert disk.take_blocks(1).data == pattern(20)


# ---- ATAPI ----

def test_packet_lengths():
    """A-01 to A-03: addresses and lengths beyond the medium, byte counts of every kind."""
    blocks = SECTORS // 4
    with machine(cd=True) as (m, paths):
        cd = Ata(m, 2)
        for _ in range(3):
            cd.packet([0])
            cd.sense()
        bad = [(0xffffffff, 1), (blocks - 1, 2), (blocks, 1), (0, 0xffff), (0x7fffffff, 0xffff), (blocks - 1, 0xffff)]
        with SixOrs(m, "addresses", {paths[0]: ()}):
            for lba, n in bad:
                for cdb in ([0x28, 0, *struct.pack(">I", lba), 0, *struct.pack(">H", n)],
                            [0xa8, 0, *struct.pack(">II", lba, n)], [0xa8, 0, *struct.pack(">II", lba, 0xffffffff)],
                            [0xbe, 0, *struct.pack(">I", lba), *struct.pack(">I", n)[1:], 0x10],
                            [0xbe, 0, *struct.pack(">I", lba), 0xff, 0xff, 0xff, 0xf8]):
                    for dma in (False, True):
                        if dma:
                            cd.prds(cd.pieces(4096))
                            r = cd.packet_dma(cdb, 4096)
                            assert r.data == b"\xee" * 4096, (cdb, r)
                        else:
                            r = cd.packet(cdb)
                            assert r.data == b"", (cdb, r)
                        assert r.status & ERR and r.error >> 4 == 5, (cdb, r)
                        assert cd.sense()[:2] == (5, 0x21) or cdb[0] == 0xbe, cdb
        with SixOrs(m, "byte counts", {paths[0]: ()}, cpu_s=6):
            for limit in (0, 1, 2, 3, 4, 511, 512, 2047, 2049, 0xfffe, 0xffff):
                r = cd.packet([0x28, 0, 0, 0, 0, 9, 0, 0, 2], limit)
                if limit < 2:
                    assert r.status & ERR and r.error & ABRT and not r.data, (limit, r)
                    continue
                assert r.status == 0x50 and r.data == run_of(36, 8), (limit, r)
            assert cd.packet([0], 0).status == 0x50
        with SixOrs(m, "allocation lengths", {paths[0]: ()}):
            for n in (0, 1, 2, 3, 17, 18, 255):
                assert len(cd.packet([3, 0, 0, 0, n]).data) == min(n, 18)
                assert len(cd.packet([0x12, 0, 0, 0, n]).data) <= n
            for n in (0, 1, 3, 7, 8, 11, 0xffff):
                for opcode in (0x43, 0x46, 0x4a, 0x51, 0x5a, 0xad):
                    at = 8 if opcode in (0x5a, 0x43, 0x46, 0x51, 0x4a, 0xad) else 7
                    cdb = [opcode, 1 if opcode == 0x4a else 0, 0x3f if opcode == 0x5a else 0, 0, 0x10, 0, 0, 0, 0, 0]
                    cdb[at - 1], cdb[at] = n >> 8, n & 255
                    assert len(cd.packet(cdb).data) <= n + n % 2, (opcode, n)


# ---- resets and changed registers while a request is under way ----

SLOW = ",throttling.iops-total=12"


def busy_read(a, m, opcode=0xc8, lba=40, count=1):
    """A request that waits: the limit lets the one before it go at once."""
    put_table(m, [(BUFFER, 0)] * 4)
    a.dma_start(opcode, lba, count, opcode == 0xc8)


def test_reset_with_a_write_under_way():
    """I-13, I-15: a write that was given up is done where it belongs, or not at all."""
    with machine(more=SLOW) as (m, paths):
        a = Ata(m)
        m.write(BUFFER, b"\x99" * 65536)
        for how in ("soft", "machine", "bus master", "device register", "soft, then a command", "diagnostic"):
            with SixOrs(m, how, {paths[0]: SCRATCH}):
                for lba in (1000, 1010, 1020, 1030):
                    busy_read(a, m, 0xca, lba, 8)
                    if how == "machine":
                        m.execute("system_reset")
                        prepare(m)
                    elif how == "bus master":
                        m.outb(a.bm, 0)
                    elif how == "device register":
                        m.outb(a.base + 6, 0xf0)
                        m.outb(a.bm, 0)
                        m.outb(a.base + 6, 0xe0)
                    elif how == "diagnostic":
                        m.outb(a.base + 7, 0x90)
                    else:
                        a.soft_reset()
                        if "command" in how:
                            assert a.pio_in(0x20, 3).data == pattern(3)
                    m.outb(a.bm, 0)
                    m.alive()
                settle(a)
                assert a.pio_in(0x20, 0).data == pattern(0)


def test_registers_in_flight():
    """I-17: all orders of five things done to a request under way; it is the one that was asked for, or none."""
    acts = {
        "address": lambda m, a: m.cmds(["outb 0x1f3 9", "outb 0x1f4 0", "outb 0x1f2 4"]),
        "device": lambda m, a: m.outb(0x1f6, 0xf0),
        "pointer": lambda m, a: m.outl(a.bm + 4, 0xfffffff0),
        "table": lambda m, a: m.write(TABLE, b"\xff" * 32),
        "stop": lambda m, a: m.outb(a.bm, 0),
    }
    with machine(more=",throttling.iops-total=300", disks=2) as (m, paths):
        a = Ata(m)
        with SixOrs(m, "in flight", {paths[0]: (), paths[1]: ()}):
            for order in itertools.permutations(acts):
                m.outb(0x1f6, 0xe0)
                m.cmd("memset 0x%x 0x1000 0xee" % BUFFER)
                busy_read(a, m)
                for name in order:
                    acts[name](m, a)
                time.sleep(0.002)
                m.outb(0x1f6, 0xe0)
                data = m.read(BUFFER, SECTOR)
                assert data in (pattern(40), b"\xee" * SECTOR), order
                assert m.read(BUFFER + SECTOR, 512) == b"\xee" * 512, order
                settle(a)


def test_random_walk():
    """I-13: control, device, command and the start bit in any order, on a slow disk; writes only to SCRATCH."""
    rng = random.Random(11)
    with machine(more=",throttling.iops-total=2000") as (m, paths):
        a = Ata(m)
        m.write(BUFFER, b"\x42" * 65536)
        put_table(m, [(BUFFER, 0)] * 2)
        m.outl(a.bm + 4, TABLE)
        with SixOrs(m, "walk", {paths[0]: SCRATCH}, cpu_s=20):
            for _ in range(300):
                out = []
                for _ in range(100):
                    what = rng.randrange(9)
                    if what == 0:
                        out += ["outb 0x3f6 4", "outb 0x3f6 0"]
                    elif what == 1:
                        out.append("outb 0x3f6 %d" % rng.choice((0, 2, 4, 0x80)))
                    elif what == 2:
                        out.append("outb 0x1f6 0x%x" % rng.choice((0xe0, 0xf0)))
                    elif what in (3, 4):
                        out.append("outb 0x%x %d" % (a.bm, rng.choice((0, 1, 8, 9))))
                    elif what == 5:
                        out += ["insl 0x1f0 %d" % rng.choice((1, 128, 300))]
                    elif what == 6:
                        out += ["outsl 0x1f0 128 0x" + "42" * 512]
                    else:
                        m.cmds(out)
                        out = []
                        command(a, rng)
                m.cmds(out)
            m.outb(0x3f6, 0)
            settle(a)
            m.outb(0x1f6, 0xe0)
            assert a.pio_in(0x20, 0).data == pattern(0)


def command(a, rng):
    """Only to an idle drive: one that ends its work in between would take it with the address of a reset."""
    m = a.m
    m.outb(0x1f6, 0xe0)
    if m.inb(0x3f6) & (BSY | DRQ):
        return
    opcode = rng.choice((0x20, 0x30, 0xc8, 0xca, 0xe7, 0x40, 0xc4, 0xc5, 0xec, 0x08, 0x90, 0xef))
    m.cmds(["outb 0x1f2 8", "outb 0x1f3 0x%x" % (0xe8 + rng.randrange(16)), "outb 0x1f4 3", "outb 0x1f5 0",
            "outb 0x1f7 0x%x" % opcode])


# ---- the life of the process, M-08 ----

def life(m):
    return {
        "stop": lambda: m.ask("stop"),
        "cont": lambda: m.ask("cont"),
        "system_reset": lambda: m.ask("system_reset"),
        "system_powerdown": lambda: m.ask("system_powerdown"),
        "screendump": lambda: m.ask("screendump", filename="/dev/null"),
        "change": lambda: m.ask("blockdev-change-medium", **{"id": "cd0", "filename": "null-co://", "format": "raw"}),
        "eject": lambda: m.ask("eject", id="cd0", force=True),
        "quit": None,
    }


def test_orders():
    """Two of eight things in each order, with a write under way; then quit, always within 2 s."""
    names = list(life(None))
    for first in names:
        with machine(cd=True, more=",throttling.iops-total=4") as (m, paths):
            a, cd = Ata(m), Ata(m, 2)
            for second in names:
                if first == "quit":
                    break
                with SixOrs(m, first + ", " + second, {paths[0]: SCRATCH}):
                    m.outb(a.bm, 0)
                    busy_read(a, m, 0xca, 1000, 8)
                    cd.packet_issue([0x28, 0, 0, 0, 0, 1, 0, 0, 2])
                    for name in (first, second):
                        if name != "quit":
                            life(m)[name]()
                    status = m.execute("query-status")
                    assert status["running"] == (status["status"] == "running")
                    m.ask("cont")
                    m.execute("system_reset")
                    prepare(m)
            busy_read(a, m, 0xca, 1000, 8)
            start = time.monotonic()
            if first != "quit":
                life(m)[first]()
            m.execute("quit")
            m.process.wait(5)
            assert time.monotonic() - start < 2, first


if __name__ == "__main__":
    run(sys.modules[__name__])
