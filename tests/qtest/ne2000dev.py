# SPDX-License-Identifier: GPL-2.0-or-later
"""A small driver of the NE2000 over qtest: strings of words, the ring, polling. As e1000dev.E1000 to its users."""
import time

from wire import Driver

START, STOP = 0x46, 0x80


class Ne2000(Driver):
    def __init__(self, m, base=0x300, devfn=None):
        self.m, self.base = m, base
        if devfn is not None:
            assert m.config_read(devfn, 0) == 0x802910ec
            m.config_write(devfn, 0x10, base)
            m.config_write(devfn, 0x04, 1)
        m.inb(base + 0x1f)
        self.outs((0, 0x21), (14, 0x49), (12, 0x0c), (13, 0), (3, START), (1, START), (2, STOP), (7, 0xff), (15, 0))
        prom = self.remote_read(0, 32)
        assert prom[28:] == b"WWWW", prom
        self.mac = prom[:12:2]
        self.outs((0, 0x61), *((1 + i, b) for i, b in enumerate(self.mac)), *((8 + i, 255) for i in range(8)),
                  (7, START + 1), (0, 0x22))
        self.next = START + 1

    def outs(self, *pairs):
        self.m.cmds(["outb 0x%x 0x%x" % (self.base + reg, value) for reg, value in pairs])

    def remote(self, command, address, count):
        self.outs((0, 0x22), (10, count & 255), (11, count >> 8), (8, address & 255), (9, address >> 8), (0, command))

    def remote_read(self, address, count):
        self.remote(0x0a, address, count)
        words = (count + 1) // 2
        return bytes.fromhex(self.m.cmd("insw 0x%x %d" % (self.base + 0x10, words))[2:])[:count]

    def send(self, frame):
        """Hands the frame to the card, when the one before has left."""
        while self.m.inb(self.base) & 4:
            time.sleep(0.001)
        data = frame + bytes(len(frame) % 2)
        self.remote(0x12, 0x4000, len(data))
        self.m.cmd("outsw 0x%x %d 0x%s" % (self.base + 0x10, len(data) // 2, data.hex()))
        self.outs((4, 0x40), (5, len(frame) & 255), (6, len(frame) >> 8), (0, 0x26))

    def sent(self):
        return not self.m.inb(self.base) & 4

    def current(self):
        self.outs((0, 0x62))
        page = self.m.inb(self.base + 7)
        self.outs((0, 0x22))
        return page

    def poll(self):
        """The next frame, or None."""
        if self.current() == self.next:
            return None
        status, following, low, high = self.remote_read(self.next << 8, 4)
        assert status & 1, status
        frame = self.remote_read((self.next << 8) + 4, (low | high << 8) - 4)
        self.next = following
        self.outs((3, STOP - 1 if following == START else following - 1))
        return frame
