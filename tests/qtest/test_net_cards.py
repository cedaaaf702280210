#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""NE2000 and PCnet in the whole machine, without a vCPU: frames both ways, a full ring, DHCP and TFTP."""
import os
import struct
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(__file__))
from kvmdm import Machine, run
from ne2000dev import Ne2000
from pcnetdev import Pcnet
from wire import BROADCAST, Peer, dhcp, frame, has_user, is_udp, read_frame, udp, until, write_frame

CARDS = [
    ("ne2k_isa", "", lambda m: Ne2000(m)),
    ("ne2k_pci", ",addr=3,romfile=", lambda m: Ne2000(m, 0xc000, 0x18)),
    ("pcnet", ",addr=3,romfile=", lambda m: Pcnet(m)),
    ("pcnet", ",chip=am79c973,addr=3,romfile=", lambda m: Pcnet(m)),
]


def on_a_stream():
    """Each card in a machine of its own, and the socket of its wire's other end."""
    for name, options, card_of in CARDS:
        with tempfile.TemporaryDirectory() as folder:
            peer = Peer(folder, name, options)
            with Machine(*peer.options) as m:
                sock = peer.accept()
                card = card_of(m)
                yield name, m, sock, card


def test_both_ways():
    """Frames of lengths from 60 to 1514, each way, in order, unchanged."""
    for name, m, sock, card in on_a_stream():
        assert card.mac == bytes.fromhex("525400123456")
        for n in (46, 47, 100, 240, 1000, 1499, 1500):
            data = frame(os.urandom(n))
            card.send(data)
            assert read_frame(sock) == data
            back = frame(os.urandom(n), card.mac)
            write_frame(sock, back)
            assert card.wait() == back, (name, n)
        m.alive()


def test_more_than_the_ring():
    """A peer sends 300 frames at once: the wire holds what the card has no room for; none is lost."""
    for name, m, sock, card in on_a_stream():
        frames = [frame(struct.pack(">I", i) + os.urandom(600), card.mac) for i in range(300)]

        def flood():
            for data in frames:
                write_frame(sock, data)

        thread = threading.Thread(target=flood)
        thread.start()
        for i, data in enumerate(frames):
            if i % 30 == 29 and name == "pcnet":
                m.step(2_000_000)  # its look for a buffer
            assert card.wait() == data, (name, i)
        thread.join()
        m.alive()


def test_user_network():
    """An address by DHCP, and a file by TFTP."""
    if not has_user():
        print("(built without libslirp)", end=" ")
        return
    for name, options, card_of in CARDS:
        with tempfile.TemporaryDirectory() as folder:
            content = os.urandom(5000)
            with open(os.path.join(folder, "boot.img"), "wb") as f:
                f.write(content)
            with Machine("-netdev", "user,id=n,tftp=%s,bootfile=boot.img" % folder,
                         "-device", "%s,netdev=n%s" % (name, options)) as m:
                card = card_of(m)
                card.send(udp(BROADCAST, bytes(4), b"\xff" * 4, 68, 67, dhcp(1)))
                offer = card.wait(lambda f: is_udp(f, 68))[42:]
                assert offer[108:116] == b"boot.img"
                me, host = offer[16:20], bytes([10, 0, 2, 2])
                card.send(udp(BROADCAST, bytes(4), b"\xff" * 4, 68, 67, dhcp(3, b"\x32\x04" + me)))
                card.wait(lambda f: is_udp(f, 68))
                assert fetch(card, me, host) == content, name
                until(card.sent)
                m.alive()


def fetch(card, me, host):
    gateway = b"\x52\x55" + host
    got, block = b"", 1
    card.send(udp(gateway, me, host, 2000, 69, b"\0\1boot.img\0octet\0"))
    while True:
        data = card.wait(lambda f: is_udp(f, 2000))
        packet = data[42:34 + struct.unpack(">H", data[38:40])[0]]
        assert packet[:4] == struct.pack(">HH", 3, block), packet[:4]
        got += packet[4:]
        card.send(udp(gateway, me, host, 2000, struct.unpack(">H", data[34:36])[0], struct.pack(">HH", 4, block)))
        block += 1
        if len(packet) < 516:
            return got


if __name__ == "__main__":
    run(sys.modules["__main__"])
