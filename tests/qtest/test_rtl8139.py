#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""RTL8139C+ in the whole machine, on a real wire: frames both ways, large sends cut, a full wire, a full ring."""
import os
import socket
import struct
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
from kvmdm import Machine, run
from wire import MAC, checksum, read_frame, until, write_frame

PORT = 0xC000
TSD, TSAD, RBSTART, CR, CAPR, IMR, ISR, TCR, RCR, TPPOLL, CPCR, RDSAR = (
    0x10, 0x20, 0x30, 0x37, 0x38, 0x3C, 0x3E, 0x40, 0x44, 0xD9, 0xE0, 0xE4)
RING, RING_BYTES, BUFFER = 0x100000, 8192, 0x200000
TX_RING, RX_RING, RX_BUFFERS = 0x110000, 0x111000, 0x120000
OWN, EOR, FS, LS, LGSEN = 1 << 31, 1 << 30, 1 << 29, 1 << 28, 1 << 27


def frame(length, salt, to=MAC):
    return to + b"\x02\0\0\0\0\x01\x88\xb5" + bytes((i * 7 + salt) & 0xFF for i in range(length - 14))


class Card(Machine):
    """A machine with the card in slot 3, its wire a stream to self.peer."""

    def __init__(self, *options):
        self.folder = tempfile.TemporaryDirectory(prefix="kvm-dm-rtl-")
        path = os.path.join(self.folder.name, "peer")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)
        self.listener.settimeout(30)
        super().__init__("-nodefaults", "-m", "16",
                         "-netdev", "stream,id=n,addr.type=unix,addr.path=" + path,
                         "-device", "rtl8139,netdev=n,addr=3,romfile=", *options)

    def __enter__(self):
        super().__enter__()
        self.peer = self.listener.accept()[0]
        self.peer.settimeout(30)
        self.config_write(0x18, 0x10, PORT)
        self.config_write(0x18, 0x04, 7)
        return self

    def __exit__(self, *exc):
        self.peer.close()
        self.listener.close()
        super().__exit__(*exc)
        self.folder.cleanup()

    def start(self, cplus):
        self.outb(PORT + CR, 0x10)
        self.outw(PORT + CPCR, 0x23 if cplus else 0)
        self.outl(PORT + RBSTART, RING)
        if cplus:
            self.outl(PORT + TSAD, TX_RING)
            self.outl(PORT + RDSAR, RX_RING)
        self.outb(PORT + CR, 0x0C)
        self.outl(PORT + RCR, 0x0A)
        self.outl(PORT + TCR, 0x03000600)
        self.read_at = self.rx_index = 0

    def descriptor(self, ring, index, command, tag, buffer):
        self.write(ring + 16 * index, struct.pack("<IIQ", command, tag, buffer))

    def command(self, ring, index):
        return struct.unpack("<I", self.read(ring + 16 * index, 4))[0]

    def take_c(self):
        """The next frame of the ring of C mode, without its FCS; None: it is empty."""
        if self.inb(PORT + CR) & 1:
            return None
        ring = self.read(RING, RING_BYTES)
        ring = ring[self.read_at:] + ring[:self.read_at]
        status, length = struct.unpack("<HH", ring[:4])
        assert status & 1 and 64 <= length <= 4096, (status, length)
        self.read_at = (self.read_at + 4 + length + 3) // 4 * 4 % RING_BYTES
        self.outw(PORT + CAPR, (self.read_at - 16) & 0xFFFF)
        return ring[4:length]


def test_c_mode_both_ways():
    with Card() as m:
        m.start(False)
        for i in range(40):
            data = frame(60 + i * 37, i, b"\xff" * 6)
            m.write(BUFFER, data)
            m.outl(PORT + TSAD + 4 * (i % 4), BUFFER)
            m.outl(PORT + TSD + 4 * (i % 4), len(data))
            assert m.inl(PORT + TSD + 4 * (i % 4)) == 0xA000 | len(data)
            assert read_frame(m.peer) == data
            write_frame(m.peer, frame(60 + i * 37, i))
            until(lambda: m.inw(PORT + ISR) & 1)
            m.outw(PORT + ISR, 0xFFFF)
            assert m.take_c() == frame(60 + i * 37, i)
        write_frame(m.peer, frame(60, 1, b"\x02\0\0\0\0\x05"))  # for somebody else
        write_frame(m.peer, frame(60, 2)[:30])                  # short: padded
        until(lambda: not m.inb(PORT + CR) & 1)
        assert m.take_c() == frame(60, 2)[:30] + bytes(30)
        assert m.take_c() is None


def test_full_ring_loses_nothing():
    """HAZARDS N-33: 400 frames against a ring of 8 KiB whose guest is slow."""
    with Card() as m:
        m.start(False)
        m.peer.setblocking(False)
        sent = taken = 0
        queued = b""
        end = time.monotonic() + 120
        while taken < 400:
            assert time.monotonic() < end, "it stalls after %d of %d" % (taken, sent)
            if sent < 400:
                data = frame(60 + sent * 13 % 1400, sent)
                queued += struct.pack(">I", len(data)) + data
                sent += 1
            try:
                queued = queued[m.peer.send(queued):] if queued else queued
            except BlockingIOError:
                pass
            if sent % 20 == 0 or sent == 400:
                got = m.take_c()
                while got is not None:
                    assert got == frame(60 + taken * 13 % 1400, taken), "frame %d" % taken
                    taken += 1
                    got = m.take_c()
        assert m.inl(PORT + 0x4C) == 0, "frames were missed"


def test_descriptors_come_late():
    """Nothing tells of new descriptors but the card's own look, here with time that is stepped."""
    with Card() as m:
        m.start(True)
        for i in range(5):
            write_frame(m.peer, frame(600 + i, i))
        until(lambda: m.inw(PORT + ISR) & 0x10)
        for i in range(5):
            m.descriptor(RX_RING, i, OWN | 1536, 0, RX_BUFFERS + 2048 * i)
        end = time.monotonic() + 30
        while m.command(RX_RING, 4) & OWN:
            assert time.monotonic() < end, "it stalls"
            m.step(1000000)
        for i in range(5):
            assert m.command(RX_RING, i) & 0x1FFF == 604 + i
            assert m.read(RX_BUFFERS + 2048 * i, 600 + i) == frame(600 + i, i)


def test_full_wire_keeps_order():
    """The peer does not read until the wire is full; then all frames come, once and in their order."""
    with Card() as m:
        m.start(True)
        data = frame(1514, 0, b"\xff" * 6)
        m.write(BUFFER, data)
        full = sent = 0
        for round_ in range(60):
            for i in range(64):
                m.write(BUFFER + 0x1000 + 2048 * i, data[:14] + struct.pack(">H", sent + i) + data[16:])
                m.descriptor(TX_RING, i, OWN | (EOR if i == 63 else 0) | FS | LS | 1514, 0, BUFFER + 0x1000 + 2048 * i)
            m.outb(PORT + TPPOLL, 0x40)
            sent += 64
            full = sum(m.command(TX_RING, i) >> 31 for i in range(64))
            if full:
                break
        assert full, "the wire takes everything"
        for n in range(sent):
            got = read_frame(m.peer)
            assert struct.unpack(">H", got[14:16])[0] == n, "frame %d" % n
            if n > sent - full:
                m.step(1000000)
        until(lambda: not any(m.command(TX_RING, i) >> 31 for i in range(64)))


def check_segment(got, header, payload, at):
    ip, tcp = got[14:34], got[34:54]
    length = len(got) - 54
    assert struct.unpack(">H", ip[2:4])[0] == 40 + length and checksum(ip) == 0
    assert struct.unpack(">I", tcp[4:8])[0] == 1000 + at
    assert got[54:] == payload[at:at + length]
    pseudo = ip[12:20] + struct.pack(">HH", 6, 20 + length)
    assert checksum(pseudo + got[34:]) == 0, "TCP's sum"
    assert got[:14] == header[:14]
    return length


def test_large_send():
    """60 KB in one descriptor pair: segments of the size asked for, each with its sums."""
    with Card() as m:
        m.start(True)
        payload = bytes((i * 11 + (i >> 8)) & 0xFF for i in range(60000))
        header = (b"\xff" * 6 + MAC + b"\x08\0" + b"\x45\0" + struct.pack(">H", 40 + len(payload)) +
                  b"\0\1\x40\0\x40\6\0\0\x0a\0\0\1\x0a\0\0\2" + b"\x12\x34\x56\x78" + struct.pack(">I", 1000) +
                  b"\0\0\0\1\x50\x10\x10\0\0\0\0\0")
        m.write(BUFFER, header + payload)
        m.descriptor(TX_RING, 1, OWN | LS | LGSEN | 1460 << 16 | (len(payload) + 54 - 30000), 0, BUFFER + 30000)
        m.descriptor(TX_RING, 0, OWN | FS | LGSEN | 1460 << 16 | 30000, 0, BUFFER)
        m.outb(PORT + TPPOLL, 0x40)
        at = count = 0
        while at < len(payload):
            length = check_segment(read_frame(m.peer), header, payload, at)
            assert length == min(1460, len(payload) - at)
            at += length
            count += 1
        assert count == 42 and m.command(TX_RING, 1) >> 31 == 0


def test_link():
    with Card() as m:
        m.start(False)
        m.execute("set_link", name="n", up=False)
        until(lambda: m.inw(PORT + ISR) & 0x20)
        assert m.inb(PORT + 0x58) & 4
        m.outw(PORT + ISR, 0xFFFF)
        m.execute("set_link", name="n", up=True)
        until(lambda: m.inw(PORT + ISR) & 0x20)
        assert not m.inb(PORT + 0x58) & 4


if __name__ == "__main__":
    run(sys.modules[__name__])
