# SPDX-License-Identifier: GPL-2.0-or-later
"""A small driver of the 82540EM over qtest: legacy descriptors, polling. What a test needs to send and get frames."""
import struct

from wire import Driver

CTRL, STATUS, RCTL, TCTL = 0x0000, 0x0008, 0x0100, 0x0400
RDBAL, RDBAH, RDLEN, RDH, RDT = 0x2800, 0x2804, 0x2808, 0x2810, 0x2818
TDBAL, TDBAH, TDLEN, TDH, TDT = 0x3800, 0x3804, 0x3808, 0x3810, 0x3818
RING = 64           # descriptors of each ring
BUFFER = 16384      # bytes of each buffer
BAR = 0xfeb00000


class E1000(Driver):
    """The card at devfn; its rings and buffers begin at guest address `memory` (4 MiB of it)."""

    def __init__(self, m, devfn=0x18, memory=0x400000):
        self.m, self.devfn = m, devfn
        self.bar = BAR + (devfn << 16)
        self.tx_ring, self.rx_ring = memory, memory + 0x1000
        self.tx_buffers, self.rx_buffers = memory + 0x10000, memory + 0x10000 + RING * BUFFER
        assert m.config_read(devfn, 0) == 0x100e8086, hex(m.config_read(devfn, 0))
        m.config_write(devfn, 0x10, self.bar)
        m.config_write(devfn, 0x04, 0x6)
        self.start()

    def get(self, reg):
        return struct.unpack("<I", self.m.read(self.bar + reg, 4))[0]

    def set(self, reg, value):
        self.m.write(self.bar + reg, struct.pack("<I", value & 0xffffffff))

    def start(self):
        self.tx_at = self.rx_at = 0
        self.m.write(self.tx_ring, bytes(16 * RING))
        self.m.write(self.rx_ring, b"".join(struct.pack("<QQ", self.rx_buffers + i * BUFFER, 0) for i in range(RING)))
        self.set(CTRL, 0x40)  # SLU
        for base, low, ring in ((RDBAL, self.rx_ring, RING), (TDBAL, self.tx_ring, RING)):
            self.set(base, low)
            self.set(base + 4, 0)
            self.set(base + 8, ring * 16)
            self.set(base + 0x10, 0)
            self.set(base + 0x18, 0)
        self.set(TCTL, 0x0004010a)
        self.set(RDT, RING - 1)
        # EN, UPE, MPE, BAM, LPE, buffers of 16384 (BSIZE 1, BSEX), SECRC
        self.set(RCTL, 0x0601803a | 1 << 16)

    def link(self):
        self.m.step(100_000_000)  # its PHY needs time to negotiate
        return bool(self.get(STATUS) & 2)

    def send(self, frame):
        """Hands the frame to the card; does not wait."""
        at = self.tx_at
        self.m.write(self.tx_buffers + at * BUFFER, frame)
        # EOP, IFCS, RS
        self.m.write(self.tx_ring + 16 * at, struct.pack("<QHBBBBH", self.tx_buffers + at * BUFFER, len(frame), 0, 0x0b,
                                                         0, 0, 0))
        self.tx_at = (at + 1) % RING
        self.set(TDT, self.tx_at)

    def sent(self):
        """All frames that were handed over have left."""
        return self.get(TDH) == self.tx_at

    def poll(self, refill=True):
        """The next frame, or None."""
        at = self.rx_at
        _, length, _, status, _, _ = struct.unpack("<QHHBBH", self.m.read(self.rx_ring + 16 * at, 16))
        if not status & 1:
            return None
        frame = self.m.read(self.rx_buffers + at * BUFFER, length)
        self.m.write(self.rx_ring + 16 * at + 12, bytes(4))
        self.rx_at = (at + 1) % RING
        if refill:
            self.set(RDT, at)
        return frame
