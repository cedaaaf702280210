# SPDX-License-Identifier: GPL-2.0-or-later
"""What a guest knows of its disk: which contents each sector may have, given what it was answered."""
from atadisk import ABRT, ERR, SECTOR, UNC, pattern, run_of


class Guest:
    """Does all kinds of I/O and remembers what it was told: what may be in a sector, given the answers."""

    def __init__(self, a, initial=pattern):
        self.a, self.initial = a, initial
        self.may = {}     # lba -> contents that it may have; not there: as at first
        self.disk = {}    # the same after a crash: all versions since the last flush that ended well
        self.salt = 1
        self.failed = []  # opcodes

    def ended(self, what, r):
        assert r.status & ~0x08 in (0x50, 0x51), (what, r)
        if r.status & ERR:
            assert r.error in (ABRT, UNC), (what, r)
            self.failed.append(what)
        return not r.status & ERR

    def contents(self, lba):
        return self.may.get(lba) or {self.initial(lba)}

    def on_disk(self, lba):
        return self.disk.get(lba) or self.contents(lba)

    def put(self, lba, now, stable=False):
        self.disk[lba] = now if stable else self.on_disk(lba) | now
        self.may[lba] = now

    def wrote(self, what, lba, count, r, stable=False):
        good = self.ended(what, r)
        for s in range(lba, lba + count):
            new = pattern(s, self.salt)
            self.put(s, {new} if good else self.contents(s) | {new}, good and stable)
        self.salt += 1

    def check(self, lba, data):
        for i in range(0, len(data), SECTOR):
            s = lba + i // SECTOR
            assert data[i:i + SECTOR] in self.contents(s), "sector %d: %r" % (s, data[i:i + 16])

    def check_disk(self, data):
        """The image after the process has gone, in whatever way."""
        for s in range(len(data) // SECTOR):
            sector = data[s * SECTOR:(s + 1) * SECTOR]
            assert sector in self.on_disk(s), "sector %d on disk: %r" % (s, sector[:16])

    def flush(self, what="flush"):
        good = self.ended(what, self.a.flush())
        if good:
            self.disk.clear()
        return good

    def write(self, lba, count, what="write"):
        """By DMA."""
        self.wrote(what, lba, count, self.a.dma_out(0x35, lba, run_of(lba, count, self.salt), ext=True))

    def read(self, lba, count, what="read"):
        r = self.a.dma_in(0x25, lba, count, ext=True)
        if self.ended(what, r):
            self.check(lba, r.data)

    def trim(self, ranges):
        """It is advice: the old content may stay, whatever is answered."""
        self.ended("trim", self.a.trim(ranges))
        for lba, count in ranges:
            for s in range(lba, lba + count):
                self.put(s, self.contents(s) | {bytes(SECTOR), self.initial(s)})

    def everything(self):
        a = self.a
        self.wrote("write", 40, 3, a.pio_out(0x30, 40, run_of(40, 3, self.salt)))
        self.wrote("dma", 50, 16, a.dma_out(0xca, 50, run_of(50, 16, self.salt)))
        self.wrote("fua", 70, 2, a.dma_out(0x3d, 70, run_of(70, 2, self.salt), ext=True), True)
        self.flush()
        for what, r in (("read", a.pio_in(0x20, 38, 6)), ("multiple", a.pio_in(0xc4, 48, 20, 16)),
                        ("read dma", a.dma_in(0xc8, 60, 16))):
            if self.ended(what, r):
                self.check({"read": 38, "multiple": 48, "read dma": 60}[what], r.data)
        self.ended("verify", a.nodata(0x40, 40, 100))
        self.trim([(200, 8), (1000, 64)])
        self.flush("last flush")
