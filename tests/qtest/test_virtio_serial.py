#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""virtio-serial of the whole machine: ports by name, data between a driver and real sockets, events, refusals."""
import contextlib
import os
import random
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(__file__))
from kvmdm import KVM_DM, Machine, run
from virtiodev import Virtio

LIMIT_S = 120
DEVFN = 0x20
MULTIPORT = 1 << 1
CONTROL_RX, CONTROL_TX = 2, 3
DEVICE_READY, DEVICE_ADD, DEVICE_REMOVE, PORT_READY, CONSOLE_PORT, RESIZE, PORT_OPEN, PORT_NAME = range(8)
AGENT = "org.qemu.guest_agent.0"
ROOM, BUFFERS = 1024, 16


class Serial(Virtio):
    """A driver as Linux's: all ports that there are become ready; names and kinds are noted."""

    def __init__(self, m, ports=15):
        super().__init__(m, DEVFN, memory=0x1000000)
        self.count = ports

    def start(self, features=MULTIPORT):
        super().start(2 * (self.count + 1), features=features, size=32)
        self.names, self.consoles, self.open = {}, set(), {}
        self.at, self.ports = {}, []
        self.inbox = self.data
        self.messages = 0
        for n in range(32):
            self.queues[CONTROL_RX].add((self.inbox + 256 * n, 256, True))
        self.say(0xffffffff, DEVICE_READY, 1)
        self.listen()
        for port in self.ports:
            self.say(port, PORT_READY, 1)
        self.listen()

    def say(self, port, event, value):
        at = self.data + 0x4000
        self.m.write(at, struct.pack("<IHH", port, event, value))
        self.queues[CONTROL_TX].add((at, 8, False))
        assert self.queues[CONTROL_TX].take() == 0

    def pending(self, queue):
        q = self.queues[queue]
        return struct.unpack("<H", self.m.read(q.used + 2, 2))[0] != q.seen & 0xffff

    def listen(self):
        """Takes the messages that are there."""
        while self.pending(CONTROL_RX):
            count = self.queues[CONTROL_RX].take()
            at = self.inbox + 256 * (self.messages % 32)
            port, event, value = struct.unpack("<IHH", self.m.read(at, 8))
            rest = self.m.read(at + 8, count - 8) if count > 8 else b""
            self.queues[CONTROL_RX].add((at, 256, True))
            self.messages += 1
            if event == DEVICE_ADD:
                self.ports.append(port)
            elif event == CONSOLE_PORT:
                self.consoles.add(port)
            elif event == PORT_NAME:
                assert rest.endswith(b"\0")
                self.names[port] = rest[:-1].decode()
            elif event == PORT_OPEN:
                self.open.setdefault(port, []).append(value)

    def wait_open(self, port, values):
        end = time.monotonic() + LIMIT_S
        while self.open.get(port, []) != values:
            assert time.monotonic() < end, (self.open, values)
            time.sleep(0.01)
            self.listen()

    def rx(self, port):
        return 2 * port + 2 if port else 0

    def give_buffers(self, port):
        base = self.data + 0x10000 + 0x10000 * port
        for n in range(BUFFERS):
            self.queues[self.rx(port)].add((base + ROOM * n, ROOM, True))
        self.at[port] = 0

    def receive(self, port, count):
        base, queue = self.data + 0x10000 + 0x10000 * port, self.queues[self.rx(port)]
        got, end = b"", time.monotonic() + LIMIT_S
        while len(got) < count:
            assert time.monotonic() < end, "%d of %d bytes" % (len(got), count)
            if not self.pending(self.rx(port)):
                time.sleep(0.001)
                continue
            written = queue.take()
            at = base + ROOM * (self.at[port] % BUFFERS)
            got += self.m.read(at, written)
            queue.add((at, ROOM, True))
            self.at[port] += 1
        return got

    def send(self, port, data):
        at = self.data + 0x200000
        self.m.write(at, data)
        self.queues[self.rx(port) + 1].add((at, len(data), False))

    def sent(self, port):
        end = time.monotonic() + LIMIT_S
        while not self.pending(self.rx(port) + 1):
            assert time.monotonic() < end, "the data is not taken"
            self.m.step(1)
            time.sleep(0.001)
        assert self.queues[self.rx(port) + 1].take() == 0


def connect(path):
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(LIMIT_S)
    peer.connect(path)
    return peer


def exactly(peer, count):
    data = b""
    while len(data) < count:
        more = peer.recv(count - len(data))
        assert more, "the peer is cut off"
        data += more
    return data


@contextlib.contextmanager
def started(*more):
    """As libvirt asks for a channel, with a console beside it. Gives the machine, its driver, the channel's path."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "agent")
        with Machine("-device", "virtio-serial-pci,id=virtio-serial0,bus=pci.0,addr=0x4",
                     "-chardev", "socket,id=charchannel0,path=%s,server=on,wait=off" % path,
                     "-device", "virtserialport,bus=virtio-serial0.0,nr=1,chardev=charchannel0,id=channel0,"
                     "name=" + AGENT,
                     "-chardev", "ringbuf,id=charconsole0,size=65536",
                     "-device", "virtconsole,chardev=charconsole0,id=console0", *more) as m:
            serial = Serial(m)
            serial.start()
            yield m, serial, path


def wait_events(m, wanted):
    end = time.monotonic() + LIMIT_S
    while m.named("VSERPORT_CHANGE")[-len(wanted):] != wanted:
        assert time.monotonic() < end, m.named("VSERPORT_CHANGE")
        m.execute("query-status")
        time.sleep(0.02)


def frontend(m, label):
    return {c["label"]: c["frontend-open"] for c in m.execute("query-chardev")}[label]


def test_what_the_guest_finds():
    with started("-device", "virtserialport,id=x,name=third", "-device", "virtserialport,nr=14") as (m, serial, _):
        assert serial.ports == [0, 1, 2, 14]
        assert serial.names == {1: AGENT, 2: "third"}
        assert serial.consoles == {0}
        assert serial.open == {0: [1]}
        assert serial.get(0x2004, "<I") == 15
        names = [d["name"] for d in m.execute("qom-list", path="/machine/peripheral")]
        assert {"virtio-serial0", "channel0", "console0", "x"} <= set(names), names


def test_channel():
    """Data each way between a driver and whoever connects; open and close are told on both sides."""
    with started() as (m, serial, path):
        assert not frontend(m, "charchannel0") and frontend(m, "charconsole0")
        peer = connect(path)
        serial.wait_open(1, [1])
        peer.sendall(b"too early; kept\n")
        serial.give_buffers(1)
        assert not serial.pending(serial.rx(1))
        serial.say(1, PORT_OPEN, 1)
        wait_events(m, [{"id": "channel0", "open": True}])
        assert frontend(m, "charchannel0")
        assert serial.receive(1, 16) == b"too early; kept\n"
        serial.send(1, b'{"return": {}}\n')
        serial.sent(1)
        assert exactly(peer, 15) == b'{"return": {}}\n'
        text = os.urandom(200000)
        sender = threading.Thread(target=lambda: peer.sendall(text))
        sender.start()
        assert serial.receive(1, len(text)) == text
        sender.join()
        peer.close()
        serial.wait_open(1, [1, 0])
        serial.send(1, b"nobody hears it")
        serial.sent(1)
        peer = connect(path)
        serial.wait_open(1, [1, 0, 1])
        serial.send(1, b"hello again")
        serial.sent(1)
        assert exactly(peer, 11) == b"hello again"
        serial.say(1, PORT_OPEN, 0)
        wait_events(m, [{"id": "channel0", "open": True}, {"id": "channel0", "open": False}])
        assert not frontend(m, "charchannel0")
        serial.say(1, PORT_OPEN, 1)
        wait_events(m, [{"id": "channel0", "open": True}])
        serial.set(0x14, "<B", 0)  # the driver goes, and with it who had the port open
        wait_events(m, [{"id": "channel0", "open": False}])
        peer.close()


def test_a_reader_that_stops():
    """More than all buffers on the way hold: the driver waits, nothing grows, nothing is lost."""
    with started() as (m, serial, path):
        peer = connect(path)
        serial.wait_open(1, [1])
        serial.say(1, PORT_OPEN, 1)
        block, sent = os.urandom(65536), 0
        while sent < 200:
            if sent == 1:
                before = m.rss_kib()  # the guest's memory that the test uses is touched, and the back end's buffer
            serial.send(1, block)
            sent += 1
            end = time.monotonic() + 2
            while not serial.pending(5) and time.monotonic() < end:
                m.step(1)
            if not serial.pending(5):
                break
            assert serial.queues[5].take() == 0
        assert sent < 200, "13 MB go nowhere"
        m.alive()
        assert m.rss_kib() < before + 8192, (before, m.rss_kib(), sent)
        reader = threading.Thread(target=lambda: got.append(exactly(peer, sent * 65536)))
        got = []
        reader.start()
        serial.sent(1)
        reader.join(LIMIT_S)
        assert got == [block * sent]
        peer.close()


def test_console():
    with started() as (m, serial, _):
        serial.say(0, PORT_OPEN, 1)
        serial.give_buffers(0)
        serial.send(0, b"login: ")
        serial.sent(0)
        assert m.execute("ringbuf-read", device="charconsole0", size=100) == "login: "
        serial.set(0x2008, "<I", ord("!"))
        assert m.execute("ringbuf-read", device="charconsole0", size=100) == "!"
        wait_events(m, [{"id": "console0", "open": True}])


def test_events_are_few():
    """A guest that opens and closes a port all the time is told of once a second, and at last rightly."""
    with started() as (m, serial, _):
        for n in range(300):
            serial.say(1, PORT_OPEN, 1)
            serial.say(1, PORT_OPEN, 0)
        wait_events(m, [{"id": "channel0", "open": False}])
        time.sleep(1.5)  # what is told later is the state of then, which does not change any more
        m.execute("query-status")
        told = m.named("VSERPORT_CHANGE")
        assert told[-1] == {"id": "channel0", "open": False} and len(told) < 100, told


def test_hostile_guest():
    with started() as (m, serial, path):
        peer = connect(path)
        chance = random.Random(3)
        before = m.rss_kib()
        for _ in range(60):
            for queue in (0, 1, 2, 3, 4, 5, 6, 31):
                m.write(serial.data + 0x4000, chance.randbytes(64))
                out = (chance.choice((serial.data, serial.data + 0x4000, 0xfee00000, 0xfffffffffffff000)),
                       chance.choice((1, 8, 40, 65536, 0xffffffff)), False)
                into = (chance.choice((serial.data, 0xfffc0000, 1 << 40)),
                        chance.choice((1, 9, 4096, 0xffffffff)), True)
                serial.queues[queue].add(*chance.choice(((out,), (into,), (out, into), (into, out))))
            peer.sendall(b"input")
            m.step(300_000_000)
            if serial.get(0x14, "<B") & 64 or chance.random() < 0.1:
                serial.set(0x14, "<B", 0)
                Virtio.start(serial, 32, features=MULTIPORT, size=32)
        serial.start()
        serial.say(1, PORT_OPEN, 1)
        peer.close()
        peer = connect(path)
        serial.send(1, b"still here")
        serial.sent(1)
        assert m.rss_kib() < before + 8192
        m.alive()
        peer.close()


def test_refusals():
    bus = ["-device", "virtio-serial-pci,id=s,max_ports=4"]
    port = "virtserialport,bus=s.0"
    for options, text in (
            (["-device", "virtserialport"], "No 'virtio-serial-bus' bus found"),
            (["-device", "virtconsole,bus=s.0"], "Bus 's.0' not found"),
            ([*bus, "-device", "virtserialport,bus=t.0"], "Bus 't.0' not found"),
            ([*bus, "-device", port + ",nr=0"], "reserved for virtconsole"),
            ([*bus, "-device", port + ",nr=4"], "max. allowed: 3"),
            ([*bus, "-device", port + ",nr=1", "-device", port + ",nr=1"], "already exists at id 1"),
            ([*bus, "-device", port + ",name=a", "-device", port + ",name=a"], "already exists by name a"),
            ([*bus, *["-device", port] * 4], "the bus is full"),
            ([*bus, "-device", port + ",chardev=c"], "no -chardev has the id 'c'"),
            (["-chardev", "null,id=c", *bus, *["-device", port + ",chardev=c"] * 2], "'c' is in use"),
            ([*bus, "-device", port + ",name=" + "x" * 200], "name"),
            (["-device", "virtio-serial-pci,max_ports=31"], "max_ports"),
            (["-device", "virtio-serial"], "use virtio-serial-pci"),
            (["-M", "isapc", "-device", "virtio-serial-pci"], "No PCI buses")):
        done = subprocess.run([KVM_DM, "-accel", "qtest", "-display", "none", *options], stdin=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, timeout=60)
        said = done.stderr.decode()
        assert done.returncode == 1 and text in said and said.count("\n") == 1, (options, said)


def test_libguestfs_form():
    """No ids, no bus, the controller anywhere on the line."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "channel")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(1)
        with Machine("-device", "virtio-serial-pci,addr=4", "-chardev", "socket,path=%s,id=channel0" % path,
                     "-device", "virtserialport,chardev=channel0,name=org.libguestfs.channel.0") as m:
            peer = listener.accept()[0]
            serial = Serial(m)
            serial.start()
            assert serial.names == {1: "org.libguestfs.channel.0"}
            serial.wait_open(1, [1])
            serial.say(1, PORT_OPEN, 1)
            serial.send(1, b"appliance")
            serial.sent(1)
            assert exactly(peer, 9) == b"appliance"
            m.execute("query-status")
            assert not m.named("VSERPORT_CHANGE")  # it has no id
            peer.close()
        listener.close()


if __name__ == "__main__":
    run(sys.modules[__name__])
