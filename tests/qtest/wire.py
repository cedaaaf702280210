# SPDX-License-Identifier: GPL-2.0-or-later
"""Wires for tests of network cards: frames, the other end of a stream, packets of UDP and DHCP."""
import os
import socket
import struct
import subprocess
import time

from kvmdm import KVM_DM

MAC = bytes.fromhex("525400123456")
BROADCAST = b"\xff" * 6


def frame(payload, to=BROADCAST, kind=0x88b5):
    data = to + MAC + struct.pack(">H", kind) + payload
    return data + bytes(max(0, 60 - len(data)))


def exactly(sock, count):
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        assert more, "the stream ended"
        data += more
    return data


def read_frame(sock):
    return exactly(sock, struct.unpack(">I", exactly(sock, 4))[0])


def write_frame(sock, data):
    sock.sendall(struct.pack(">I", len(data)) + data)


def counters(m, name="n"):
    return next(n for n in m.execute("query-netdevs") if n["id"] == name)


def until(condition, limit_s=30):
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "it does not come true"
        time.sleep(0.005)


class Peer:
    """The other end of a stream: a unix socket that kvm-dm connects to."""

    def __init__(self, folder, device="e1000", options=",addr=3,romfile="):
        self.path = os.path.join(folder, "peer")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(1)
        self.options = ["-netdev", "stream,id=n,reconnect=1,addr.type=unix,addr.path=" + self.path,
                        "-device", "%s,netdev=n,id=net0%s" % (device, options)]

    def accept(self):
        self.listener.settimeout(30)
        sock = self.listener.accept()[0]
        sock.settimeout(30)
        return sock


class Driver:
    """What small drivers of cards have in common; poll() is the card's own."""

    def wait(self, wanted=lambda frame: True, limit_s=60):
        """The next frame of which `wanted` is true; others are dropped."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            frame = self.poll()
            if frame is None:
                time.sleep(0.002)
            elif wanted(frame):
                return frame
        raise AssertionError("no such frame came within %d s" % limit_s)


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(">%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def udp(to_mac, source, target, sport, dport, payload):
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), 1, 0, 64, 17, 0, source, target)
    head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
    return frame(head + struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload, to_mac, 0x0800)


def is_udp(data, dport):
    return data[12:14] == b"\x08\x00" and data[23] == 17 and data[36:38] == struct.pack(">H", dport)


def dhcp(kind, *options):
    packet = struct.pack(">BBBBIHH", 1, 1, 6, 0, 0x12345678, 0, 0x8000) + bytes(16) + MAC + bytes(10 + 64 + 128)
    return packet + b"\x63\x82\x53\x63\x35\x01" + bytes([kind]) + b"".join(options) + b"\xff" + bytes(200)


def dhcp_options(packet):
    options, at = {}, 240
    while packet[at] != 255:
        options[packet[at]] = packet[at + 2:at + 2 + packet[at + 1]]
        at += 2 + packet[at + 1]
    return options


def has_user():
    done = subprocess.run([KVM_DM, "-netdev", "help"], stdout=subprocess.PIPE, check=True)
    return b"user" in done.stdout
