# SPDX-License-Identifier: GPL-2.0-or-later
"""A small driver of virtio over PCI for qtest: the modern transport, split and packed queues, polling."""
import struct
import time

VERSION_1 = 1 << 32
PACKED = 1 << 34
NEXT, WRITE = 1, 2
AVAIL, USED = 1 << 7, 1 << 15
NOTIFY, ISR, CONFIG = 0x3000, 0x1000, 0x2000


class Queue:
    """One split queue of `size` entries; its rings begin at guest address `base`."""

    def __init__(self, dev, number, base, size):
        self.dev, self.m, self.number, self.size = dev, dev.m, number, size
        self.desc, self.avail, self.used = base, base + 16 * size, base + 0x2000
        self.made = self.seen = self.next = 0
        self.m.write(base, bytes(0x4000))
        dev.set(0x16, "<H", number)
        dev.set(0x18, "<H", size)
        for register, at in ((0x20, self.desc), (0x28, self.avail), (0x30, self.used)):
            dev.set(register, "<I", at)
            dev.set(register + 4, "<I", 0)
        dev.set(0x1c, "<H", 1)

    def add(self, *buffers):
        """A chain of (address, bytes, device writes it), and the kick."""
        head = self.next
        for i, (at, count, write) in enumerate(buffers):
            following = (self.next + 1) % self.size
            flags = (NEXT if i + 1 < len(buffers) else 0) | (WRITE if write else 0)
            self.m.write(self.desc + 16 * self.next, struct.pack("<QIHH", at, count, flags, following))
            self.next = following
        self.m.write(self.avail + 4 + 2 * (self.made % self.size), struct.pack("<H", head))
        self.made = (self.made + 1) & 0xffff
        self.m.write(self.avail + 2, struct.pack("<H", self.made))
        self.kick()

    def kick(self):
        self.dev.set(NOTIFY + 4 * self.number, "<H", self.number)

    def take(self, limit_s=30):
        """Bytes written into the next used chain; None if there is none in time."""
        end = time.monotonic() + limit_s
        while struct.unpack("<H", self.m.read(self.used + 2, 2))[0] == self.seen & 0xffff:
            if time.monotonic() > end:
                return None
            time.sleep(0.002)
        _, count = struct.unpack("<II", self.m.read(self.used + 4 + 8 * (self.seen % self.size), 8))
        self.seen += 1
        return count


class PackedQueue(Queue):
    """The same with a packed ring; the buffers' ids go round, so that they are not the descriptors' numbers."""

    def __init__(self, dev, number, base, size):
        super().__init__(dev, number, base, size)
        self.wrap = self.seen_wrap = True
        self.id, self.chains = 0, {}

    def step(self, at, wrap, count):
        at += count
        return (at - self.size, not wrap) if at >= self.size else (at, wrap)

    def add(self, *buffers):
        self.id = (self.id + 3) % self.size
        self.chains[self.id] = len(buffers)
        for i, (at, count, write) in enumerate(buffers):
            flags = (NEXT if i + 1 < len(buffers) else 0) | (WRITE if write else 0) | (AVAIL if self.wrap else USED)
            self.m.write(self.desc + 16 * self.next, struct.pack("<QIHH", at, count, self.id, flags))
            self.next, self.wrap = self.step(self.next, self.wrap, 1)
        self.kick()

    def take(self, limit_s=30):
        end = time.monotonic() + limit_s
        wanted = AVAIL | USED if self.seen_wrap else 0
        while struct.unpack("<H", self.m.read(self.desc + 16 * self.seen + 14, 2))[0] & (AVAIL | USED) != wanted:
            if time.monotonic() > end:
                return None
            time.sleep(0.002)
        count, name = struct.unpack("<IH", self.m.read(self.desc + 16 * self.seen + 8, 6))
        self.seen, self.seen_wrap = self.step(self.seen, self.seen_wrap, self.chains.pop(name))
        return count


class Virtio:
    """The function at devfn; `features` are asked for besides VERSION_1."""

    def __init__(self, m, devfn, memory=0x400000, bar=0xfeb00000):
        self.m, self.devfn, self.memory = m, devfn, memory
        self.bar = bar + (devfn << 16)
        assert m.config_read(devfn, 0) & 0xffff == 0x1af4, hex(m.config_read(devfn, 0))
        m.config_write(devfn, 0x20, self.bar)
        m.config_write(devfn, 0x24, 0)
        m.config_write(devfn, 0x04, 0x6)

    def get(self, at, form):
        return struct.unpack(form, self.m.read(self.bar + at, struct.calcsize(form)))[0]

    def set(self, at, form, value):
        self.m.write(self.bar + at, struct.pack(form, value))

    def offered(self):
        words = []
        for word in range(2):
            self.set(0, "<I", word)
            words.append(self.get(4, "<I"))
        return words[0] | words[1] << 32

    def start(self, queues, features=0, size=64):
        for status in (0, 1, 3):
            self.set(0x14, "<B", status)
        for word in range(2):
            self.set(8, "<I", word)
            self.set(12, "<I", (features | VERSION_1) >> 32 * word & 0xffffffff)
        self.set(0x14, "<B", 11)
        assert self.get(0x14, "<B") == 11, "the features were refused"
        kind = PackedQueue if features & PACKED else Queue
        self.queues = [kind(self, n, self.memory + 0x4000 * n, size) for n in range(queues)]
        self.set(0x14, "<B", 15)
        self.data = self.memory + 0x4000 * queues
