# SPDX-License-Identifier: GPL-2.0-or-later
"""A driver of the machine's own IDE channels (PIIX3), as a guest would write one: it polls."""
import collections
import struct
import time

SECTOR = 512
IDE_DEVFN = 0x09
BSY, DRDY, DSC, DRQ, ERR = 0x80, 0x40, 0x10, 0x08, 0x01
ABRT, IDNF, UNC = 0x04, 0x10, 0x40
TABLE, BUFFER = 0x1000, 0x100000  # in guest memory: PRDs; data
WAIT_S = 8

# lba: what the registers say afterwards. bm: the bus master's status, or None without DMA.
class Result(collections.namedtuple("Result", "status error lba data bm")):
    def __repr__(self):
        return "status %02x error %02x lba %d data %d bytes bm %s" % (self.status, self.error, self.lba,
                                                                   len(self.data), self.bm)


class Busy(Exception):
    """BSY stays; the command has not ended."""


def prepare(m):
    """What firmware does: both channels decode their ports, the bus master's are at b000."""
    m.config_write(IDE_DEVFN, 0x40, 0x80008000)
    m.config_write(IDE_DEVFN, 0x20, 0xb000)
    m.config_write(IDE_DEVFN, 0x04, 5)


class Ata:
    """One drive: unit 0 and 1 of the primary, 2 and 3 of the secondary channel."""

    def __init__(self, m, unit=0):
        self.m, self.unit = m, unit
        self.base, self.control = ((0x1f0, 0x3f6), (0x170, 0x376))[unit >> 1]
        self.bm = 0xb000 + 8 * (unit >> 1)
        self.select = 0xe0 | (unit & 1) << 4
        prepare(m)

    # ---- parts of a command ----

    def issue(self, opcode, lba=0, count=1, feature=0, ext=False):
        b, out = self.base, []
        out.append((b + 6, self.select | (0 if ext else lba >> 24 & 0x0f)))
        if ext:
            out += [(b + 1, feature >> 8), (b + 2, count >> 8), (b + 3, lba >> 24 & 0xff),
                    (b + 4, lba >> 32 & 0xff), (b + 5, lba >> 40 & 0xff)]
        out += [(b + 1, feature & 0xff), (b + 2, count & 0xff), (b + 3, lba & 0xff),
                (b + 4, lba >> 8 & 0xff), (b + 5, lba >> 16 & 0xff), (b + 7, opcode)]
        self.m.cmds(["outb 0x%x 0x%x" % (port, value & 0xff) for port, value in out])

    def status(self):
        return self.m.inb(self.control)

    def wait(self, seconds=WAIT_S):
        end = time.monotonic() + seconds
        while True:
            status = self.status()
            if not status & BSY:
                return self.m.inb(self.base + 7)  # lets the interrupt go
            if time.monotonic() > end:
                raise Busy("status %02x for %d s" % (status, seconds))

    def lba(self, ext=False):
        m, b = self.m, self.base
        lba = m.inb(b + 3) | m.inb(b + 4) << 8 | m.inb(b + 5) << 16
        if not ext:
            return lba | (m.inb(b + 6) & 0x0f) << 24
        m.outb(self.control, 0x80)
        lba |= m.inb(b + 3) << 24 | m.inb(b + 4) << 32 | m.inb(b + 5) << 40
        m.outb(self.control, 0)
        return lba

    def result(self, status, data=b"", ext=False, bm=None):
        error = self.m.inb(self.base + 1) if status & ERR else 0
        return Result(status, error, self.lba(ext), data, bm)

    # ---- whole commands ----

    def nodata(self, opcode, lba=0, count=1, feature=0, ext=False, seconds=WAIT_S):
        self.issue(opcode, lba, count, feature, ext)
        return self.result(self.wait(seconds), ext=ext)

    def take(self, bytes_):
        longs = self.m.cmds(["inl 0x%x" % self.base] * (bytes_ // 4))
        words = self.m.cmds(["inw 0x%x" % self.base] * ((bytes_ % 4 + 1) // 2))
        return (b"".join(struct.pack("<I", int(w, 16)) for w in longs) +
                b"".join(struct.pack("<H", int(w, 16)) for w in words))[:bytes_]

    def give(self, data):
        self.m.cmds(["outl 0x%x 0x%x" % (self.base, w) for (w,) in struct.iter_unpack("<I", data)])

    def pio_in(self, opcode, lba=0, count=1, block=1, ext=False):
        self.issue(opcode, lba, count, ext=ext)
        return self.take_blocks(count, block, ext)

    def take_blocks(self, count, block=1, ext=False):
        data, left = b"", count
        while True:
            status = self.wait()
            if not status & DRQ or not left:
                return self.result(status, data, ext)
            now = min(block, left)
            data += self.take(now * SECTOR)
            left -= now

    def pio_out(self, opcode, lba, data, block=1, ext=False):
        self.issue(opcode, lba, len(data) // SECTOR, ext=ext)
        return self.give_blocks(data, block, ext)

    def give_blocks(self, data, block=1, ext=False):
        done = 0
        while True:
            status = self.wait()
            if not status & DRQ or done == len(data):
                return self.result(status, b"", ext)
            now = data[done:done + block * SECTOR]
            self.give(now)
            done += len(now)

    def prds(self, pieces, table=TABLE):
        """pieces: (address, bytes); the last one ends the table."""
        text = b"".join(struct.pack("<II", addr, n & 0xffff) for addr, n in pieces[:-1])
        addr, n = pieces[-1]
        self.m.write(table, text + struct.pack("<II", addr, n & 0xffff | 0x80000000))

    def pieces(self, bytes_, address=BUFFER):
        return [(address + at, min(65536, bytes_ - at)) for at in range(0, bytes_, 65536)]

    def dma_start(self, opcode, lba, count, to_memory, ext=False, feature=0, table=TABLE):
        m = self.m
        m.outb(self.bm, 0)
        m.outb(self.bm + 2, 6)
        m.outl(self.bm + 4, table)
        m.outb(self.bm, 8 if to_memory else 0)
        self.issue(opcode, lba, count, feature, ext)
        m.outb(self.bm, 9 if to_memory else 1)

    def dma_end(self, bytes_=0, ext=False, address=BUFFER, seconds=WAIT_S):
        status = self.wait(seconds)
        bm = self.m.inb(self.bm + 2) & 7
        self.m.outb(self.bm, 0)
        return self.result(status, self.m.read(address, bytes_) if bytes_ else b"", ext, bm)

    def dma_in(self, opcode, lba, count, ext=False):
        self.m.cmd("memset 0x%x 0x%x 0xee" % (BUFFER, count * SECTOR))
        self.prds(self.pieces(count * SECTOR))
        self.dma_start(opcode, lba, count, True, ext)
        return self.dma_end(count * SECTOR, ext)

    def dma_out(self, opcode, lba, data, ext=False):
        self.m.write(BUFFER, data)
        self.prds(self.pieces(len(data)))
        self.dma_start(opcode, lba, len(data) // SECTOR, False, ext)
        return self.dma_end(0, ext)

    def trim(self, ranges):
        data = b"".join(struct.pack("<Q", lba | n << 48) for lba, n in ranges)
        data += bytes(-len(data) % SECTOR)
        self.m.write(BUFFER, data)
        self.prds(self.pieces(len(data)))
        self.dma_start(0x06, 0, len(data) // SECTOR, False, ext=True, feature=1)
        return self.dma_end()

    def flush(self):
        return self.nodata(0xe7)

    def identify(self):
        r = self.pio_in(0xec)
        assert r.status == 0x50 and len(r.data) == SECTOR, r
        return struct.unpack("<256H", r.data)

    def soft_reset(self):
        self.m.outb(self.control, 4)
        self.m.outb(self.control, 0)

    # ---- packet commands ----

    def packet_issue(self, cdb, limit=0xfffe, feature=0):
        b = self.base
        self.m.outb(b + 6, self.select)
        self.m.cmds(["outb 0x%x 0x%x" % pair for pair in
                     ((b + 1, feature), (b + 4, limit & 0xff), (b + 5, limit >> 8), (b + 7, 0xa0))])
        status = self.wait()
        if status & DRQ:
            self.give(bytes(cdb) + bytes(12 - len(cdb)))
        return status

    def packet(self, cdb, limit=0xfffe):
        """PIO; Result.error's high nibble is the sense key."""
        self.packet_issue(cdb, limit)
        return self.packet_end()

    def packet_end(self):
        data = b""
        while True:
            status = self.wait()
            if not status & DRQ:
                return self.result(status, data)
            data += self.take(self.m.inb(self.base + 4) | self.m.inb(self.base + 5) << 8)

    def packet_dma(self, cdb, bytes_):
        m = self.m
        m.cmd("memset 0x%x 0x%x 0xee" % (BUFFER, bytes_))
        self.prds(self.pieces(bytes_))
        m.outb(self.bm, 0)
        m.outb(self.bm + 2, 6)
        m.outl(self.bm + 4, TABLE)
        m.outb(self.bm, 8)
        self.packet_issue(cdb, feature=1)
        m.outb(self.bm, 9)
        return self.dma_end(bytes_)

    def sense(self):
        """(key, additional code, qualifier), and it is cleared."""
        data = self.packet([3, 0, 0, 0, 18]).data
        return data[2] & 0x0f, data[12], data[13]


def pattern(lba, salt=0):
    """A sector that says where it belongs."""
    return struct.pack("<QII", lba, salt, (lba * 2654435761 ^ salt * 40503) & 0xffffffff) * (SECTOR // 16)


def run_of(lba, count, salt=0):
    return b"".join(pattern(lba + i, salt) for i in range(count))


def stored(path, lba, count=1):
    with open(path, "rb") as f:
        f.seek(lba * SECTOR)
        return f.read(count * SECTOR)
