#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Wires and cards of the whole machine, without a vCPU: frames both ways, DHCP and TFTP, the cable, captures, QMP."""
import contextlib
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(__file__))
from e1000dev import E1000, RCTL
from kvmdm import KVM_DM, Machine, run
from wire import (BROADCAST, MAC, Peer, checksum, counters, dhcp, dhcp_options, exactly, frame, has_user, is_udp,
                  read_frame, udp, until, write_frame)


@contextlib.contextmanager
def connected():
    """The end of a stream that its peer has, a machine with an E1000 on it, the socket, the card with its link up."""
    with tempfile.TemporaryDirectory() as folder:
        peer = Peer(folder)
        with Machine(*peer.options) as m:
            sock = peer.accept()
            card = E1000(m)
            until(card.link)
            yield peer, m, sock, card


def test_both_ways():
    """Frames of all lengths from 60 to 9000, each way, in order, unchanged."""
    with connected() as (_, m, sock, card):
        for n in (46, 47, 100, 1486, 1500, 8000):
            data = frame(os.urandom(n))
            card.send(data)
            assert read_frame(sock) == data
            answer = frame(os.urandom(n), MAC)
            write_frame(sock, answer)
            assert card.wait() == answer
        for i in range(40):
            write_frame(sock, frame(bytes([i]) * 200, MAC))
        for i in range(40):
            assert card.wait()[14] == i
        c = counters(m)
        assert c["tx-frames"] == 6 and c["rx-frames"] == 46 and c["device"] == "net0", c
        assert c["tx-bytes"] == sum(max(60, 14 + n) for n in (46, 47, 100, 1486, 1500, 8000))


def test_receive_full():
    """N-33: more frames than the ring holds; when the guest gives buffers, all that was on the way arrives."""
    with connected() as (_, m, sock, card):
        count = 1000

        def flood():
            for i in range(count):
                write_frame(sock, frame(struct.pack(">H", i) + bytes(1000), MAC))

        sender = threading.Thread(target=flood)  # it has to wait for us: the wire takes no more than fits
        sender.start()
        until(lambda: counters(m)["rx-frames"] >= 60)
        m.alive()
        assert counters(m)["rx-frames"] < 70 and sender.is_alive()
        for i in range(count):
            assert struct.unpack(">H", card.wait()[14:16])[0] == i
        sender.join()
        write_frame(sock, frame(b"after", MAC))
        assert card.wait()[14:19] == b"after"
        assert counters(m)["rx-dropped"] == 0


def test_stop_and_reset():
    """While the VM stands nothing is written to its memory; reset with frames on the way leaves the wire alive."""
    with connected() as (_, m, sock, card):
        m.execute("stop")
        write_frame(sock, frame(b"while stopped", MAC))
        time.sleep(0.2)
        assert card.poll() is None
        m.execute("cont")
        assert card.wait()[14:27] == b"while stopped"
        m.execute("stop")
        for i in range(30):  # a unix socket keeps some forty
            write_frame(sock, frame(bytes(500), MAC))
        m.execute("system_reset")
        m.execute("cont")
        time.sleep(0.1)
        card = E1000(m)
        until(card.link)
        write_frame(sock, frame(b"after reset", MAC))
        card.wait(lambda f: f[14:25] == b"after reset")
        card.send(frame(b"and back"))
        while read_frame(sock)[14:22] != b"and back":
            pass


def test_never_reading_peer():
    """A peer that does not read: the guest is not stopped, the process neither hangs nor grows."""
    with connected() as (peer, m, sock, card):
        before = None
        for i in range(2000):
            card.send(frame(bytes(8000)))
            if i == 300:
                before = m.rss_kib()
            if i % 200 == 0:
                m.alive()
        assert m.rss_kib() - before < 2048, (before, m.rss_kib())
        assert counters(m)["tx-held"] + counters(m)["tx-dropped"] > 0
        sock.setblocking(False)
        sock.settimeout(10)
        read_frame(sock)
        sock.close()
        sock = peer.accept()  # it connects again
        until(card.link)
        card.start()
        card.send(frame(b"to the next"))
        while read_frame(sock)[14:25] != b"to the next":
            pass


def test_hostile_peer():
    """Lengths that lie, and garbage: the connection ends at worst."""
    with tempfile.TemporaryDirectory() as folder:
        peer = Peer(folder)
        with Machine(*peer.options) as m:
            card = E1000(m)
            for bad in (struct.pack(">I", 65665), b"\xff" * 100, struct.pack(">I", 70000) + bytes(70000),
                        struct.pack(">I", 100) + bytes(10), bytes(1000), b""):
                sock = peer.accept()
                until(card.link)
                try:
                    sock.sendall(bad)
                except OSError:
                    pass
                sock.close()
                until(lambda: not card.link())
                m.alive()
            sock = peer.accept()
            until(card.link)
            for n in (1, 13, 14, 59, 65664):
                write_frame(sock, bytes(n))
            write_frame(sock, frame(b"still there", MAC))
            card.wait(lambda f: f[14:25] == b"still there")


def test_set_link():
    """The cable by QMP, by either name; the guest sees it; nothing passes while it is out."""
    with connected() as (_, m, sock, card):
        for name in ("n", "net0"):
            m.execute("set_link", name=name, up=False)
            until(lambda: not card.link())
            assert not counters(m)["link"]
            card.send(frame(b"lost"))
            write_frame(sock, frame(b"lost", MAC))
            until(lambda: counters(m)["rx-dropped"] > 0)
            m.execute("set_link", name=name, up=True)
            until(card.link)
            card.start()
            card.send(frame(b"there"))
            while read_frame(sock)[14:19] != b"there":
                raise AssertionError("a frame passed a cable that was out")
        assert m.ask("set_link", name="nobody", up=True)["error"]["class"] == "DeviceNotFound"
        names = [e["data"]["netdev-id"] for e in m.events if e["event"] == "NETDEV_STREAM_CONNECTED"]
        assert names in ([], ["n"]), names  # it may have been before the monitor listened


def test_netdev_add():
    """Wires come and go while the machine runs; one that a card has stays."""
    with tempfile.TemporaryDirectory() as folder:
        with Machine("-netdev", "hubport,id=h,hubid=0", "-device", "e1000,netdev=h,addr=3,romfile=") as m:
            path = os.path.join(folder, "s")
            m.execute("netdev_add", type="stream", id="s", server=True, addr={"type": "unix", "path": path})
            m.execute("netdev_add", type="hubport", id="p", hubid=0, netdev="s")
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(path)
            sock.settimeout(10)
            until(lambda: counters(m, "s")["link"])
            assert m.named("NETDEV_STREAM_CONNECTED")[0]["addr"] == {"type": "unix", "path": path}
            card = E1000(m)
            card.send(frame(b"through the hub"))
            assert read_frame(sock)[14:29] == b"through the hub"
            write_frame(sock, frame(b"and back", MAC))
            card.wait(lambda f: f[14:22] == b"and back")
            for line, words in ((dict(type="stream", id="s"), "taken"), (dict(type="vde", id="v"), "does not accept"),
                                (dict(type="hubport", id="1"), "id"), (dict(type="hubport", id="x"), "hubid"),
                                (dict(type="hubport", id="x", hubid="1"), "number"),
                                (dict(type="hubport", id="x", hubid=1, foo=1), "foo")):
                error = m.ask("netdev_add", **line)["error"]
                assert words in error["desc"], error
            assert "uses it" in m.ask("netdev_del", id="s")["error"]["desc"]
            m.execute("netdev_del", id="p")
            m.execute("netdev_del", id="s")
            assert [n["id"] for n in m.execute("query-netdevs")] == ["h"]
            card.send(frame(b"to nobody"))
            until(card.sent)
            assert "uses it" in m.ask("netdev_del", id="h")["error"]["desc"]
            assert m.ask("netdev_del", id="none")["error"]["class"] == "DeviceNotFound"
            before = m.fds()
            for _ in range(50):
                m.execute("netdev_add", type="stream", id="t", server=True,
                          addr={"type": "unix", "path": path + "2"})
                m.execute("netdev_del", id="t")
            assert m.fds() == before and not os.path.exists(path + "2")


def test_rx_filter():
    with Machine("-netdev", "hubport,id=h,hubid=0", "-device", "e1000,netdev=h,id=net0,addr=3,romfile=",
                 "-device", "e1000,addr=4,romfile=") as m:
        card = E1000(m)
        answer = m.execute("query-rx-filter", name="net0")
        assert len(answer) == 1 and answer[0]["main-mac"] == "52:54:00:12:34:56", answer
        assert answer[0]["promiscuous"] is True and answer[0]["broadcast-allowed"] is True
        assert [a["name"] for a in m.execute("query-rx-filter")] == ["net0"]
        for promiscuous in (0, 8, 0, 8):  # said once, until somebody has looked again
            card.set(RCTL, 0x06018032 | promiscuous)
        m.execute("query-status")
        until(lambda: m.execute("query-status") and m.named("NIC_RX_FILTER_CHANGED"))
        events = m.named("NIC_RX_FILTER_CHANGED")
        assert events == [{"name": "net0", "path": "/machine/peripheral/net0"}], events
        assert m.execute("query-rx-filter")[0]["promiscuous"] is True
        assert "nobody" in m.ask("query-rx-filter", name="nobody")["error"]["desc"]


def test_capture():
    """What passes is in the file, as tcpdump reads it; one direction only, and cut, if asked for."""
    with tempfile.TemporaryDirectory() as folder:
        peer = Peer(folder)
        both, half = os.path.join(folder, "both.pcap"), os.path.join(folder, "half.pcap")
        with Machine(*peer.options, "-object", "filter-dump,id=a,netdev=n,file=" + both,
                     "-object", "filter-dump,id=b,netdev=n,file=%s,queue=rx,maxlen=20" % half) as m:
            sock = peer.accept()
            card = E1000(m)
            until(card.link)
            out, back = frame(b"out"), frame(b"in", MAC)
            card.send(out)
            assert read_frame(sock) == out
            write_frame(sock, back)
            assert card.wait() == back
        for path, frames in ((both, [out, back]), (half, [out[:20]])):
            with open(path, "rb") as f:
                data = f.read()
            assert struct.unpack("<IHH", data[:8]) == (0xa1b2c3d4, 2, 4)
            at, got = 24, []
            while at < len(data):
                kept, whole = struct.unpack("<II", data[at + 8:at + 16])
                assert whole == 60
                got.append(data[at + 16:at + 16 + kept])
                at += 16 + kept
            assert got == frames, got


def test_macs():
    """Addresses count on from QEMU's first and leave out what a user gave; doubles are refused."""
    with Machine("-device", "e1000,addr=3,romfile=", "-device", "e1000,addr=4,mac=52:54:00:12:34:57,romfile=",
                 "-device", "e1000,addr=5,romfile=", "-device", "e1000,addr=6,romfile=") as m:
        got = []
        for slot in (3, 4, 5, 6):
            card = E1000(m, slot << 3)
            low, high = card.get(0x5400), card.get(0x5404)
            got.append(struct.pack("<IH", low, high & 0xffff)[5])
        assert got == [0x56, 0x57, 0x58, 0x59], got
    for options, words in ((["-device", "e1000,mac=52:54:00:12:34:57", "-device", "e1000,mac=52-54-00-12-34-57"],
                            "another"),
                           (["-device", "e1000,mac=53:54:00:12:34:57"], "multicast"),
                           (["-device", "e1000,mac=52:54:00:12:34"], "six bytes"),
                           (["-device", "e1000,netdev=x"], "no -netdev"),
                           (["-netdev", "hubport,id=a,hubid=1", "-device", "e1000,netdev=a", "-device",
                             "e1000,netdev=a"], "another card has it"),
                           (["-device", "e1000,addr=40"], "slot"),
                           (["-device", "e1000,addr=3.1"], "slot"),
                           (["-device", "e1000,addr=5", "-device", "e1000,addr=5"], "addr"),
                           (["-device", "e1000,romfile=/nonexistent"], "romfile=/nonexistent: there is no such file"),
                           (["-device", "e1000,romfile=none.rom"], "romfile=none.rom: there is no such file"),
                           (["-machine", "isapc", "-device", "e1000"], "PCI"),
                           (["-netdev", "tap,id=a,vhost=on"], "vhost=on"),
                           (["-netdev", "tap,id=a,foo=1"], "foo"),
                           (["-nic", "tap,model=foo"], "model=foo"),
                           (["-netdev", "l2tpv3,id=a"], "l2tpv3")):
        done = subprocess.run([KVM_DM, "-accel", "qtest", "-display", "none", *options], stderr=subprocess.PIPE,
                              timeout=20, check=False)
        said = done.stderr.decode()
        assert done.returncode == 1 and words in said and said.count("\n") == 1, (options, done)


def test_short_forms():
    """-nic and -net make the same as -netdev and -device."""
    if not has_user():
        print("(built without libslirp)", end=" ")
        return
    with Machine("-nic", "user,model=e1000,mac=52:54:00:aa:bb:cc", "-nic", "none") as m:
        n = m.execute("query-netdevs")
        assert len(n) == 1 and n[0]["type"] == "user" and n[0]["used"], n
    with Machine("-net", "nic,model=e1000", "-net", "user") as m:
        n = m.execute("query-netdevs")
        assert len(n) == 1 and n[0]["device"] == "e1000.0", n
    with Machine("-net", "nic,model=e1000,name=first", "-net", "nic,model=e1000", "-net", "user,id=u") as m:
        n = {x["id"]: x for x in m.execute("query-netdevs")}
        assert sorted(x["type"] for x in n.values()) == ["hubport", "hubport", "hubport", "user"], n
        assert any(x.get("device") == "first" for x in n.values())
    with Machine("-net", "user,id=u") as m:
        assert not m.execute("query-netdevs")[0]["used"]
    assert "netdev u has no peer" in m.stderr
    with Machine("-nic", "none") as m:
        assert m.execute("query-netdevs") == []
    with Machine() as m:
        assert m.execute("query-netdevs") == []  # no card unless one is asked for


def test_rom_and_boot():
    """The option ROM behind its BAR is the file; bootindex puts the card into SeaBIOS's list."""
    path = "/usr/lib/ipxe/qemu/pxe-e1000.rom"
    if not os.path.exists(path):
        print("(no ipxe-qemu)", end=" ")
        return
    with open(path, "rb") as f:
        rom = f.read()
    with Machine("-device", "e1000,addr=3,bootindex=2", "-device", "e1000,addr=4,romfile=",
                 "-device", "e1000,addr=5,rombar=0") as m:
        m.config_write(0x18, 0x04, 2)
        m.config_write(0x18, 0x30, 0xfe000001)
        assert m.read(0xfe000000, len(rom)) == rom
        for devfn in (0x20, 0x28):
            m.config_write(devfn, 0x30, 0xffffffff)
            assert m.config_read(devfn, 0x30) == 0
        m.outw(0x510, 0x19)  # the directory of fw_cfg
        count = struct.unpack(">I", bytes(m.inb(0x511) for _ in range(4)))[0]
        files = {}
        for _ in range(count):
            entry = bytes(m.inb(0x511) for _ in range(64))
            size, select = struct.unpack(">IH", entry[:6])
            files[entry[8:].split(b"\0")[0].decode()] = (select, size)
        select, size = files["bootorder"]
        m.outw(0x510, select)
        order = bytes(m.inb(0x511) for _ in range(size)).decode()
        assert "/pci@i0cf8/ethernet@3/ethernet-phy@0" in order, order


# ---- the user network ----

def test_user_network():
    """libslirp: an address by DHCP with what the options say, a file by TFTP, a port of the host that leads in."""
    if not has_user():
        print("(built without libslirp)", end=" ")
        return
    with tempfile.TemporaryDirectory() as folder:
        content = os.urandom(3000)
        with open(os.path.join(folder, "boot.img"), "wb") as f:
            f.write(content)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        options = ("user,id=n,net=192.168.76.0/24,dhcpstart=192.168.76.9,hostname=guest,domainname=example.org,"
                   "tftp=%s,bootfile=boot.img,dnssearch=a.example,dnssearch=b.example,hostfwd=tcp:127.0.0.1:%d-:80,"
                   "guestfwd=tcp:192.168.76.100:7-cmd:cat" % (folder, port))
        with Machine("-netdev", options, "-device", "e1000,netdev=n,addr=3,romfile=") as m:
            card = E1000(m)
            zero, everybody = bytes(4), b"\xff" * 4
            card.send(udp(BROADCAST, zero, everybody, 68, 67, dhcp(1)))
            offer = card.wait(lambda f: is_udp(f, 68))[42:]
            o = dhcp_options(offer)
            assert offer[16:20] == bytes([192, 168, 76, 9]), offer[16:20]
            assert offer[108:116] == b"boot.img" and o[12] == b"guest" and o[1] == bytes([255, 255, 255, 0])
            assert o[15] == b"example.org" and o[3] == bytes([192, 168, 76, 2]) and o[6] == bytes([192, 168, 76, 3])
            assert b"\x07example" in o[119]
            me, host = bytes([192, 168, 76, 9]), bytes([192, 168, 76, 2])
            gateway = bytes.fromhex("525500000000")[:2] + host
            card.send(udp(BROADCAST, zero, everybody, 68, 67, dhcp(3, b"\x32\x04" + me)))
            card.wait(lambda f: is_udp(f, 68))

            got, block = b"", 1
            card.send(udp(gateway, me, host, 2000, 69, b"\0\1boot.img\0octet\0"))
            while True:
                data = card.wait(lambda f: is_udp(f, 2000))
                length = struct.unpack(">H", data[38:40])[0]
                packet = data[42:34 + length]
                assert packet[:4] == struct.pack(">HH", 3, block), packet[:4]
                got += packet[4:]
                card.send(udp(gateway, me, host, 2000, struct.unpack(">H", data[34:36])[0],
                              struct.pack(">HH", 4, block)))
                block += 1
                if len(packet) < 516:
                    break
            assert got == content

            with socket.create_connection(("127.0.0.1", port), 10):
                syn = card.wait(lambda f: f[12:14] == b"\x08\x00" and f[23] == 6)
                assert syn[36:38] == struct.pack(">H", 80) and syn[47] & 2
            m.alive()


class Tcp:
    """One TCP connection of the guest: enough of it to say something and hear the answer."""

    def __init__(self, card, gateway, me, host, port, sport, answered=True):
        self.card, self.gateway, self.me, self.host, self.port, self.sport = card, gateway, me, host, port, sport
        self.seq, self.ack = 1000, 0
        self.segment(0x02)
        if not answered:
            return
        first = self.card.wait(self.mine)
        self.flags = first[47]
        self.seq, self.ack = 1001, struct.unpack(">I", first[38:42])[0] + 1
        if self.flags & 0x12 == 0x12:
            self.segment(0x10)

    def mine(self, data):
        ports = struct.pack(">HH", self.port, self.sport)
        return data[12:14] == b"\x08\x00" and data[23] == 6 and data[34:38] == ports

    def segment(self, flags, payload=b""):
        tcp = struct.pack(">HHIIBBHHH", self.sport, self.port, self.seq, self.ack, 0x50, flags, 65535, 0, 0)
        pseudo = self.me + self.host + struct.pack(">HH", 6, len(tcp) + len(payload))
        tcp = tcp[:16] + struct.pack(">H", checksum(pseudo + tcp + payload)) + tcp[18:]
        head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(payload), 1, 0, 64, 6, 0, self.me, self.host)
        head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
        self.card.send(frame(head + tcp + payload, self.gateway, 0x0800))
        self.seq += len(payload)

    def receive(self, count):
        got = b""
        while len(got) < count:
            data = self.card.wait(self.mine)
            at = 34 + (data[46] >> 4) * 4
            part = data[at:14 + struct.unpack(">H", data[16:18])[0]]
            if struct.unpack(">I", data[38:42])[0] == self.ack:
                got += part
                self.ack += len(part)
                if part:
                    self.segment(0x10)
        return got


def test_guest_forwards():
    """Addresses of the network that lead to a program, to a socket of the host; with restrict=on to nothing else."""
    if not has_user():
        print("(built without libslirp)", end=" ")
        return
    with tempfile.TemporaryDirectory() as folder, socket.socket() as server, socket.socket(socket.AF_UNIX) as peer:
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        path = os.path.join(folder, "forward")
        peer.bind(path)
        peer.listen(1)
        peer.settimeout(30)
        options = "user,id=n,restrict=on,guestfwd=tcp:10.0.2.100:7-cmd:cat,guestfwd=tcp:10.0.2.101:8-unix:" + path
        with Machine("-netdev", options, "-device", "e1000,netdev=n,addr=3,romfile=") as m:
            other = peer.accept()[0]
            other.settimeout(30)
            card = E1000(m)
            me, host = bytes([10, 0, 2, 15]), bytes([10, 0, 2, 2])
            gateway = b"\x52\x55" + host
            # It has to know us: a question for its address.
            question = struct.pack(">HHBBH6s4s6s4s", 1, 0x800, 6, 4, 1, MAC, me, bytes(6), host)
            card.send(frame(question, BROADCAST, 0x806))
            assert card.wait(lambda f: f[12:14] == b"\x08\x06")[22:32] == gateway + host
            cat = Tcp(card, gateway, me, bytes([10, 0, 2, 100]), 7, 3000)
            assert cat.flags & 0x12 == 0x12
            words = os.urandom(1000)
            cat.segment(0x18, words)
            assert cat.receive(1000) == words
            out = Tcp(card, gateway, me, bytes([10, 0, 2, 101]), 8, 3001)
            out.segment(0x18, b"to the socket")
            assert exactly(other, 13) == b"to the socket"
            other.sendall(b"and back")
            assert out.receive(8) == b"and back"
            Tcp(card, gateway, me, host, server.getsockname()[1], 3002, answered=False)
            server.settimeout(1)
            try:
                server.accept()
                raise AssertionError("restrict=on let a connection out")
            except TimeoutError:
                pass
            m.alive()


def test_fuzzy_frames():
    """Random frames into every wire that looks inside: nothing ends, nothing grows."""
    import random
    rng = random.Random(5)
    wires = ["hubport,id=n,hubid=1"] + (["user,id=n,restrict=on"] if has_user() else [])
    for wire in wires:
        with Machine("-netdev", wire, "-device", "e1000,netdev=n,addr=3,romfile=") as m:
            card = E1000(m)
            before = None
            for i in range(600):
                n = rng.choice((14, 20, 34, 42, 54, 60, 500, 1514))
                data = bytearray(rng.randbytes(n))
                data[12:14] = rng.choice((b"\x08\x00", b"\x08\x06", b"\x86\xdd", b"\x81\x00"))
                if n > 34 and rng.random() < 0.7:
                    data[14] = rng.choice((0x45, 0x60, 0x4f, 0x40))
                    data[23] = rng.choice((1, 6, 17, 58))
                card.send(bytes(data))
                if i == 200:
                    before = m.rss_kib()
                while card.poll() is not None:
                    pass
            until(card.sent)
            m.alive()
            assert m.rss_kib() - before < 8192, (before, m.rss_kib())


if __name__ == "__main__":
    listed = subprocess.run([KVM_DM, "-device", "help"], stdout=subprocess.PIPE, check=True).stdout
    if b'"e1000"' not in listed:
        print("skipped: this kvm-dm has no e1000")
        sys.exit(77)
    run(sys.modules["__main__"])
