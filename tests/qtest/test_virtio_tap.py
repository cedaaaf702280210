#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""virtio-net on a tap of the host, in a network namespace that ends with this test: several queue pairs, offloads."""
import os
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
from kvmdm import Machine, run
from test_net_tap import GUEST, HOST, address_of, configure, enter_namespace, know_guest, sh, udp_is_right
from virtiodev import PACKED, Virtio
from wire import is_udp, udp, until

DEVFN = 0x20
CSUM, GUEST_CSUM, CTRL_VQ, MQ = 1 << 0, 1 << 1, 1 << 17, 1 << 22
ROOM, BUFFERS = 2048, 16


class Card(Virtio):
    """Receive buffers of one size in each pair; which pair a frame came by is told."""

    def start(self, pairs, features=0):
        super().start(2 * pairs + 1, features=features)
        self.pairs, self.at = pairs, [0] * pairs
        for pair in range(pairs):
            for n in range(BUFFERS):
                self.queues[2 * pair].add((self.place(pair, n), ROOM, True))
        self.scratch = self.data + 0x200000

    def place(self, pair, n):
        return self.data + ROOM * (BUFFERS * pair + n)

    def use_pairs(self, count):
        control = self.queues[2 * self.pairs]
        self.m.write(self.scratch, struct.pack("<BBHB", 4, 0, count, 0xee))
        control.add((self.scratch, 4, False), (self.scratch + 4, 1, True))
        assert control.take() == 1
        return self.m.read(self.scratch + 4, 1)[0]

    def send(self, pair, frame, header=bytes(12)):
        self.m.write(self.scratch, header + frame)
        self.queues[2 * pair + 1].add((self.scratch, 12 + len(frame), False))
        assert self.queues[2 * pair + 1].take() == 0

    def poll(self):
        """(pair, header, frame) or None."""
        for pair in range(self.pairs):
            written = self.queues[2 * pair].take(limit_s=0)
            if written is not None:
                at = self.place(pair, self.at[pair] % BUFFERS)
                data = self.m.read(at, written)
                self.queues[2 * pair].add((at, ROOM, True))
                self.at[pair] += 1
                return pair, data[:12], data[12:]
        return None

    def wait(self, wanted, limit_s=60):
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            got = self.poll()
            if got and wanted(got[2]):
                return got
            if not got:
                time.sleep(0.005)
        raise AssertionError("no such frame comes")


class Host:
    """A socket of the host's stack on the tap, which the machine has made."""

    def __enter__(self):
        configure("tapx")
        know_guest("tapx")
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("10.77.0.1", 5000))
        self.sock.settimeout(60)
        return self

    def __exit__(self, *exc):
        self.sock.close()

    def expect(self, data, port):
        assert self.sock.recvfrom(65536) == (data, ("10.77.0.9", port))


def use_pairs(card, count):
    """By command, and until the kernel knows it, which the main loop tells it."""
    assert card.use_pairs(count) == 0
    until(lambda: "numqueues %d " % count in sh("ip", "-d", "link", "show", "tapx"))


def test_queue_pairs():
    """The kernel sends each flow to the pair that the guest last sent it by; with one pair in use all come by that."""
    for options, features in (("", 0), (",packed=on", PACKED), (",vectors=0,event_idx=off", 0)):
        with Machine("-netdev", "tap,id=n,ifname=tapx,script=no,downscript=no,queues=2", "-device",
                     "virtio-net-pci,netdev=n,mq=on,addr=4,romfile=" + options) as m, \
                Host() as host:
            card = Card(m, DEVFN)
            assert card.offered() & MQ
            assert card.get(0x2008, "<H") == 2
            card.start(2, features | MQ | CTRL_VQ)
            assert card.use_pairs(3) == 1 and card.use_pairs(0) == 1
            use_pairs(card, 2)
            for round_ in range(2):
                for n in range(8):
                    pair, port = (n + round_) % 2, 6000 + 10 * round_ + n
                    data = os.urandom(100 + n)
                    card.send(pair, udp(address_of("tapx"), GUEST, HOST, port, 5000, data))
                    host.expect(data, port)
                    host.sock.sendto(data, ("10.77.0.9", port))
                    came_by, _, frame = card.wait(lambda f, port=port: is_udp(f, port))
                    assert came_by == pair, (came_by, pair, port)
                    assert frame[42:42 + len(data)] == data and udp_is_right(frame)
            use_pairs(card, 1)
            for port in range(7000, 7008):
                data = os.urandom(50)
                host.sock.sendto(data, ("10.77.0.9", port))
                came_by, _, frame = card.wait(lambda f, port=port: is_udp(f, port))
                assert came_by == 0 and frame[42:42 + 50] == data


def test_checksums():
    """Offered and taken, frames come without a checksum; with guest_csum=off or csum=off each side has to make its own."""
    for options, taken in (("", True), (",guest_csum=off,csum=off", False)):
        with Machine("-netdev", "tap,id=n,ifname=tapx,script=no,downscript=no", "-device",
                     "virtio-net-pci,netdev=n,addr=4,romfile=" + options) as m, \
                Host() as host:
            card = Card(m, DEVFN)
            assert bool(card.offered() & GUEST_CSUM) == bool(card.offered() & CSUM) == taken
            card.start(1, card.offered() & (CSUM | GUEST_CSUM))
            host.sock.sendto(b"text", ("10.77.0.9", 6000))
            _, header, frame = card.wait(lambda f: is_udp(f, 6000))
            assert bool(header[0] & 1) == taken and udp_is_right(frame) == (not taken)
            if taken:
                assert struct.unpack("<HH", header[6:10]) == (34, 6)
                data = bytearray(udp(address_of("tapx"), GUEST, HOST, 6000, 5000, b"answer"))
                data[40:42] = partial_sum(data)
                card.send(0, bytes(data), struct.pack("<BBHHHHH", 1, 0, 0, 0, 34, 6, 0))
                host.expect(b"answer", 6000)


def partial_sum(frame):
    """Of the pseudo header, as a driver leaves it for the card."""
    length = struct.unpack(">H", frame[38:40])[0]
    total = sum(struct.unpack(">6H", bytes(frame[26:34]) + struct.pack(">HH", 17, length)))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return struct.pack(">H", total)


if __name__ == "__main__":
    enter_namespace(__file__)
    sh("ip", "link", "set", "lo", "up")
    run(sys.modules["__main__"])
