# SPDX-License-Identifier: GPL-2.0-or-later
"""A small driver of the PCnet over qtest: software style 2, polling. As e1000dev.E1000 to its users."""
import struct
import time

from wire import Driver

RING = 16
BUFFER = 2048


class Pcnet(Driver):
    def __init__(self, m, devfn=0x18, base=0xc100, memory=0x400000):
        self.m, self.base = m, base
        self.block, self.rx_ring, self.tx_ring = memory, memory + 0x1000, memory + 0x2000
        self.rx_buffers, self.tx_buffers = memory + 0x10000, memory + 0x20000
        assert m.config_read(devfn, 0) == 0x20001022
        m.config_write(devfn, 0x10, base)
        m.config_write(devfn, 0x04, 5)
        m.inw(base + 0x14)
        self.mac = bytes(m.inb(base + i) for i in range(6))
        self.rx_at = self.tx_at = 0
        for n in range(RING):
            self.give(n)
        m.write(self.tx_ring, bytes(16 * RING))
        m.write(self.block, struct.pack("<I6sHQII", 4 << 20 | 4 << 28, self.mac, 0, 2 ** 64 - 1, self.rx_ring,
                                        self.tx_ring))
        m.outw(base + 0x12, 20)
        m.outw(base + 0x16, 2)
        self.set(1, self.block & 0xffff)
        self.set(2, self.block >> 16)
        self.set(4, 0x0915)
        self.set(0, 3)
        assert m.inw(base + 0x10) & 0x133 == 0x133

    def set(self, csr, value):
        self.m.cmds(["outw 0x%x 0x%x" % (self.base + 0x12, csr), "outw 0x%x 0x%x" % (self.base + 0x10, value)])

    def give(self, n):
        self.m.write(self.rx_ring + 16 * n, struct.pack("<IHHII", self.rx_buffers + n * BUFFER, 0x10000 - BUFFER,
                                                        0x8000, 0, 0))

    def flags(self, ring, n):
        return struct.unpack("<H", self.m.read(ring + 16 * n + 6, 2))[0]

    def send(self, frame):
        """Hands the frame to the card, when there is room."""
        n = self.tx_at
        while self.flags(self.tx_ring, n) & 0x8000:
            time.sleep(0.001)
        self.m.write(self.tx_buffers + n * BUFFER, frame)
        self.m.write(self.tx_ring + 16 * n, struct.pack("<IHHII", self.tx_buffers + n * BUFFER, 0x10000 - len(frame),
                                                        0x8300, 0, 0))
        self.tx_at = (n + 1) % RING
        self.set(0, 8)

    def sent(self):
        return not any(self.flags(self.tx_ring, n) & 0x8000 for n in range(RING))

    def poll(self):
        """The next frame, or None."""
        n = self.rx_at
        flags = self.flags(self.rx_ring, n)
        if flags & 0x8000:
            return None
        assert flags & 0x4300 == 0x0300, hex(flags)
        count = struct.unpack("<I", self.m.read(self.rx_ring + 16 * n + 8, 4))[0]
        frame = self.m.read(self.rx_buffers + n * BUFFER, count - 4)
        self.give(n)
        self.rx_at = (n + 1) % RING
        self.set(0, 0)
        return frame
