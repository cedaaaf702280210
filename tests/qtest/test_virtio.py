#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""virtio devices of the whole machine, without a vCPU: disk and entropy, places, boot order, faults."""
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(__file__))
from kvmdm import KVM_DM, Machine, run
from virtiodev import PACKED, Virtio

DEVFN = 0x20
IN, OUT, FLUSH, GET_ID, DISCARD, ZEROES = 0, 1, 4, 8, 11, 13


class Disk(Virtio):
    def start(self, **more):
        super().start(1, **more)

    def request(self, kind, sector, data=b"", room=0):
        """Status byte, and what came back."""
        at = self.data
        self.m.write(at, struct.pack("<IIQ", kind, 0, sector) + data)
        self.m.write(at + 0x100000, b"\xee" * (room + 1))
        buffers = [(at, 16 + len(data), False)]
        if room:
            buffers.append((at + 0x100000, room, True))
        buffers.append((at + 0x100000 + room, 1, True))
        self.queues[0].add(*buffers)
        assert self.queues[0].take() is not None, "the request does not end"
        answer = self.m.read(at + 0x100000, room + 1)
        return answer[room], answer[:room]


def image(folder, name, size=8 << 20):
    path = os.path.join(folder, name)
    with open(path, "wb") as f:
        f.write(bytes(i // 512 & 0xff for i in range(64 * 512)))
        f.truncate(size)
    return path


def refused(*options):
    done = subprocess.run([KVM_DM, "-accel", "qtest", "-display", "none", *options], stdin=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 1, (options, done)
    return done.stderr.decode()


def test_disk_reads_and_writes():
    """What is written is in the file, at once without a cache; what is read is the file."""
    with tempfile.TemporaryDirectory() as folder:
        for form in ("raw", "qcow2"):
            path = image(folder, "disk.raw")
            if form == "qcow2":
                raw, path = path, os.path.join(folder, "disk.qcow2")
                assert os.system("qemu-img convert -f raw -O qcow2 %s %s" % (raw, path)) == 0
            packed = form == "qcow2"
            with Machine("-drive", "if=none,id=d,format=%s,file=%s" % (form, path), "-device",
                         "virtio-blk-pci,drive=d,addr=4,serial=SN-1" + (",packed=on" if packed else "")) as m:
                disk = Disk(m, DEVFN)
                assert bool(disk.offered() & PACKED) == packed
                disk.start(features=1 << 9 | (PACKED if packed else 0), size=11 if packed else 64)
                assert struct.unpack("<Q", m.read(disk.bar + 0x2000, 8))[0] == (8 << 20) // 512
                status, data = disk.request(IN, 3, room=1024)
                assert status == 0 and data == b"\3" * 512 + b"\4" * 512
                text = bytes(i * 7 & 0xff for i in range(4096))
                assert disk.request(OUT, 1000, text) == (0, b"")
                assert disk.request(FLUSH, 0) == (0, b"")
                assert disk.request(IN, 1000, room=4096) == (0, text)
                assert disk.request(GET_ID, 0, room=20) == (0, b"SN-1".ljust(20, b"\0"))
                assert disk.request(ZEROES, 0, struct.pack("<QII", 1001, 2, 1)) == (0, b"")
                assert disk.request(DISCARD, 0, struct.pack("<QII", 2000, 8, 0)) == (0, b"")
                assert disk.request(IN, 1000, room=2048) == (0, text[:512] + bytes(1024) + text[1536:2048])
                assert disk.request(IN, (8 << 20) // 512, room=512)[0] == 1
                assert disk.request(77, 0)[0] == 2
            if form == "raw":
                with open(path, "rb") as f:
                    f.seek(1000 * 512)
                    assert f.read(512) == text[:512]


def test_if_virtio_and_places():
    with tempfile.TemporaryDirectory() as folder:
        options = []
        for n in range(2):
            options += ["-drive", "if=virtio,format=raw,file=" + image(folder, "d%d" % n)]
        with Machine(*options, "-device", "virtio-net-pci,romfile=", "-device",
                     "virtio-rng-pci,addr=3") as m:
            assert m.config_read(3 << 3, 0) == 0x10051af4
            ids = [m.config_read(slot << 3, 0) for slot in range(32)]
            assert ids.count(0x10011af4) == 2 and ids.count(0x10051af4) == 1, ids
            names = [b["device"] for b in m.execute("query-block")]
            assert "virtio0" in names and "virtio1" in names, names


def test_resize():
    """block_resize is seen by the guest, by an interrupt of the configuration."""
    with tempfile.TemporaryDirectory() as folder:
        with Machine("-drive", "if=none,id=d,format=raw,file=" + image(folder, "d"), "-device",
                     "virtio-blk-pci,drive=d,addr=4") as m:
            disk = Disk(m, DEVFN)
            disk.start()
            m.execute("block_resize", device="d", size=16 << 20)
            assert disk.get(0x1000, "<B") & 2
            assert struct.unpack("<Q", m.read(disk.bar + 0x2000, 8))[0] == (16 << 20) // 512


def test_read_only():
    with tempfile.TemporaryDirectory() as folder:
        with Machine("-drive", "if=none,id=d,readonly=on,format=raw,file=" + image(folder, "d"), "-device",
                     "virtio-blk-pci,drive=d,addr=4") as m:
            disk = Disk(m, DEVFN)
            assert disk.offered() & 1 << 5
            disk.start(features=1 << 5)
            assert disk.request(OUT, 0, bytes(512))[0] == 1
            assert disk.request(IN, 1, room=512) == (0, b"\1" * 512)


def test_entropy():
    with Machine("-device", "virtio-rng-pci,addr=4") as m:
        rng = Virtio(m, DEVFN)
        rng.start(1, size=8)
        seen = set()
        for _ in range(8):
            rng.queues[0].add((rng.data, 64, True))
            assert rng.queues[0].take() == 64
            seen.add(m.read(rng.data, 64))
        assert len(seen) == 8 and bytes(64) not in seen


def test_entropy_from_a_file():
    """rng-random gives the bytes of its file, in order, so many in each period; rng-builtin the kernel's."""
    with tempfile.TemporaryDirectory() as folder:
        path, content = os.path.join(folder, "noise"), os.urandom(300)
        with open(path, "wb") as f:
            f.write(content)
        with Machine("-object", "rng-random,id=r,filename=" + path, "-object", "rng-builtin,id=b", "-device",
                     "virtio-rng-pci,addr=4,rng=r,max-bytes=100,period=1000", "-device",
                     "virtio-rng-pci,addr=5,rng=b") as m:
            rng, other = Virtio(m, DEVFN), Virtio(m, DEVFN + 8, memory=0x500000)
            rng.start(1, size=8)
            for n in range(3):
                rng.queues[0].add((rng.data, 64, True))
                assert rng.queues[0].take() == 64
                rng.queues[0].add((rng.data + 64, 64, True))
                assert rng.queues[0].take() == 36
                assert m.read(rng.data, 100) == content[100 * n:100 * n + 100]
                m.step(1_000_000_000)
            rng.queues[0].add((rng.data, 64, True))  # the file is at its end: the buffer waits
            m.step(1_000_000_000)
            with open(path, "ab") as f:
                f.write(b"more")
            m.step(1_000_000_000)
            assert rng.queues[0].take() == 4 and m.read(rng.data, 4) == b"more"
            other.start(1, size=8)
            other.queues[0].add((other.data, 64, True))
            assert other.queues[0].take() == 64 and m.read(other.data, 64) != bytes(64)


class Wire:
    """The other end of -netdev stream: frames with their length before them."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "peer")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(1)
        self.listener.settimeout(30)
        self.options = ["-netdev", "stream,id=n,addr.type=unix,addr.path=" + self.path]

    def accept(self):
        self.sock = self.listener.accept()[0]
        self.sock.settimeout(30)
        return self

    def exactly(self, count):
        data = b""
        while len(data) < count:
            data += self.sock.recv(count - len(data)) or self.closed()
        return data

    def closed(self):
        raise EOFError(self.path)

    def read(self):
        return self.exactly(struct.unpack(">I", self.exactly(4))[0])

    def write(self, frame):
        self.sock.sendall(struct.pack(">I", len(frame)) + frame)


class Card(Virtio):
    """Receive buffers of `room` bytes, one after the other; one frame at a time to send."""

    def start(self, features=0, room=2048, buffers=32):
        super().start(3, features=features)
        self.room, self.mergeable = room, features & 1 << 15
        for n in range(buffers):
            self.queues[0].add((self.data + room * n, room, True))
        self.tx = self.data + 0x100000
        self.at, self.buffers = 0, buffers

    def send(self, frame, header=bytes(12)):
        self.m.write(self.tx, header + frame)
        self.queues[1].add((self.tx, 12, False), (self.tx + 12, len(frame), False))
        assert self.queues[1].take() == 0

    def receive(self):
        parts, count = [], 1
        while len(parts) < count:
            written = self.queues[0].take()
            assert written is not None, "no frame comes"
            parts.append(self.m.read(self.data + self.room * self.at, written))
            count = struct.unpack("<H", parts[0][10:12])[0]
            self.queues[0].add((self.data + self.room * self.at, self.room, True))
            self.at = (self.at + 1) % self.buffers
        return b"".join(parts)[12:]


def test_card_both_ways():
    """Frames of all lengths each way, in one buffer or several; the MAC; the cable."""
    with tempfile.TemporaryDirectory() as folder:
        wire = Wire(folder)
        with Machine(*wire.options, "-device",
                     "virtio-net-pci,netdev=n,addr=4,mac=52:54:00:00:00:77,romfile=,packed=on") as m:
            wire.accept()
            card = Card(m, DEVFN)
            assert m.read(card.bar + 0x2000, 6) == bytes.fromhex("525400000077")
            for features in (0, 1 << 15 | 1 << 16, PACKED, PACKED | 1 << 15):
                card.start(features)
                for length in (14, 60, 61, 1514, 1900) + ((2036, 2037, 9014, 60000) if features & 1 << 15 else ()):
                    frame = os.urandom(length)
                    card.send(frame)
                    assert wire.read() == frame
                    answer = os.urandom(length)
                    wire.write(answer)
                    assert card.receive() == answer
            assert card.get(0x2006, "<H") == 1
            m.execute("set_link", name="n", up=False)
            m.step(1_000_000)
            assert card.get(0x2006, "<H") == 0
            m.execute("set_link", name="n", up=True)


def test_card_flood():
    """Far more frames than the ring has buffers: all come, in order."""
    with tempfile.TemporaryDirectory() as folder:
        wire = Wire(folder)
        with Machine(*wire.options, "-device", "virtio-net-pci,netdev=n,addr=4,romfile=") as m:
            wire.accept()
            card = Card(m, DEVFN)
            card.start(buffers=16)
            sender = threading.Thread(  # it has to wait for us: the wire takes no more than fits
                target=lambda: [wire.write(struct.pack(">H", n) + bytes(100)) for n in range(200)])
            sender.start()
            for n in range(200):
                assert card.receive()[:2] == struct.pack(">H", n)
            sender.join()


def test_card_offload():
    """A large TCP segment is cut before it goes into a wire that cannot, with right sums."""
    with tempfile.TemporaryDirectory() as folder:
        wire = Wire(folder)
        with Machine(*wire.options, "-device", "virtio-net-pci,netdev=n,addr=4,romfile=") as m:
            wire.accept()
            card = Card(m, DEVFN)
            card.start(1 << 0 | 1 << 11)
            payload = os.urandom(4000)
            ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(payload), 1, 0, 64, 6, 0, b"\x0a\0\0\1", b"\x0a\0\0\2")
            tcp = struct.pack(">HHIIBBHHH", 1, 2, 1000, 0, 0x50, 0x18, 1000, 0, 0)
            head = b"\x52\x54\0\0\0\1\x52\x54\0\0\0\2\x08\0" + ip + tcp
            card.send(head + payload, struct.pack("<BBHHHHH", 1, 1, 54, 1460, 34, 16, 0))
            got = b""
            for length in (1460, 1460, 1080):
                frame = wire.read()
                assert len(frame) == 54 + length
                sequence = struct.unpack(">I", frame[38:42])[0]
                assert sequence == 1000 + len(got)
                assert ones_sum(frame[14:34]) == 0xffff
                assert ones_sum(frame[26:34] + struct.pack(">HH", 6, 20 + length) + frame[34:]) == 0xffff
                got += frame[54:]
            assert got == payload


def ones_sum(data):
    total = sum(struct.unpack(">%dH" % (len(data) // 2), data[:len(data) & ~1])) + (data[-1] << 8 if len(data) & 1 else 0)
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def test_hostile_guest():
    """A broken ring asks for a reset; others go on; the process lives, does not grow, and says it a few times."""
    with tempfile.TemporaryDirectory() as folder:
        with Machine("-drive", "if=none,id=d,format=raw,file=" + image(folder, "d"), "-device",
                     "virtio-blk-pci,drive=d,addr=4", "-device", "virtio-rng-pci,addr=5") as m:
            disk = Disk(m, DEVFN)
            disk.start()
            before = m.rss_kib()
            for round_ in range(200):
                queue = disk.queues[0]
                head = queue.next
                queue.m.write(queue.desc + 16 * head, struct.pack("<QIHH", disk.data, 1 << 31, 3, head))
                queue.m.write(queue.avail + 4 + 2 * (queue.made % 64), struct.pack("<H", head))
                queue.m.write(queue.avail + 2, struct.pack("<H", queue.made + 1))
                queue.kick()
                assert disk.get(0x14, "<B") & 64, "it takes a loop for a request"
                disk.start()
            assert disk.request(IN, 2, room=512) == (0, b"\2" * 512)
            assert m.rss_kib() < before + 4096
            m.alive()


def test_refusals():
    with tempfile.TemporaryDirectory() as folder:
        path = image(folder, "d")
        drive = ["-drive", "if=none,id=d,format=raw,file=" + path]
        for options, text in (
                ([*drive, "-device", "virtio-blk-pci,drive=d,disable-legacy=on,disable-modern=on"], "no transport is left"),
                ([*drive, "-device", "virtio-blk-pci,drive=d,queue-size=48"], "power of two"),
                ([*drive, "-device", "virtio-blk-pci,drive=d,scsi=on"], "scsi"),
                ([*drive, "-device", "virtio-blk-pci,drive=d,addr=1"], "taken"),
                (["-device", "virtio-rng-pci,rng=x"], "rng=x: no -object"),
                (["-object", "rng-random,id=r,filename=/none/there"], "/none/there: No such file"),
                (["-object", "rng-egd,id=r"], "rng-random and rng-builtin"),
                (["-device", "virtio-net-pci,romfile=,host_ufo=on"], "host_ufo"),
                (["-device", "virtio-net-pci,romfile=,rx_queue_size=1024"], "rx_queue_size"),
                (["-device", "virtio-net-pci,romfile=,vectors=17"], "vectors"),
                (["-device", "virtio-rng-pci,packed=on,disable-modern=on"], "no packed rings"),
                (["-device", "virtio-blk-pci"], "drive= is missing"),
                (["-device", "virtio-blk-pci,drive=x"], "has that id"),
                (["-M", "isapc", "-device", "virtio-rng-pci"], "No PCI buses")):
            said = refused(*options)
            assert text in said and said.count("\n") == 1, (options, said)


if __name__ == "__main__":
    run(sys.modules[__name__])
