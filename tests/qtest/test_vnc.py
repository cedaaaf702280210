#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The VNC server: pictures against screendump, keys to the i8042, passwords, sharing, hostile peers (HAZARDS R)."""
import os
import random
import select
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
import rfb
from kvmdm import KVM_DM, LIMIT_S, Machine, run
from oracles import SLOW, SixOrs
from rfb import Client, Closed

VGA = 2 << 3
LFB = 0xe0000000
DISPI_X, DISPI_Y, DISPI_BPP, DISPI_ENABLE, DISPI_VIRT_WIDTH = 1, 2, 3, 4, 6
FREE_PORT_FROM = 20


class Screen(Machine):
    """A machine with -vnc on a unix socket, and ways to draw."""

    def __init__(self, options="", *more, listen=None):
        self.path = tempfile.mktemp(prefix="kvm-dm-vnc-")
        super().__init__("-vnc", (listen or "unix:" + self.path) + options, *more)

    def client(self, *args, **kwargs):
        return Client(self.path, *args, **kwargs)

    def dispi(self, index, value):
        self.outw(0x1ce, index)
        self.outw(0x1cf, value)

    def mode(self, width, height, bpp=32, virtual=0):
        self.config_write(VGA, 0x10, LFB)
        self.config_write(VGA, 0x04, 0x00000003)
        self.dispi(DISPI_ENABLE, 0)
        for index, value in ((DISPI_X, width), (DISPI_Y, height), (DISPI_BPP, bpp), (DISPI_ENABLE, 0x41)):
            self.dispi(index, value)
        if virtual:
            self.dispi(DISPI_VIRT_WIDTH, virtual)
        self.inb(0x3da)
        self.outb(0x3c0, 0x20)  # the attribute controller shows the picture

    def dump(self):
        path = os.path.join(self.dir.name, "dump.ppm")
        self.execute("screendump", filename=path)
        with open(path, "rb") as f:
            assert f.readline() == b"P6\n"
            size = tuple(int(n) for n in f.readline().split())
            f.readline()
            return size, f.read()

    def events_until(self, name, count=1):
        end = time.monotonic() + 5
        while len(self.named(name)) < count:
            assert time.monotonic() < end, "no %s; %s" % (name, self.events)
            self.execute("query-status")
            time.sleep(0.02)
        return self.named(name)

    def same(self, client):
        client.catch_up()
        size, rgb = self.dump()
        assert size == (client.width, client.height), (size, client.width, client.height)
        assert rgb == client.rgb(), "the viewer's picture is another one"


def noise(seed, count):
    """Pixels with runs, so that all kinds of tiles come up."""
    rng = random.Random(seed)
    out = b""
    while len(out) < count * 4:
        kind = rng.randrange(3)
        if kind == 0:
            out += struct.pack("<I", rng.randrange(1 << 24)) * rng.randrange(1, 300)
        elif kind == 1:
            palette = [struct.pack("<I", rng.randrange(1 << 24)) for _ in range(rng.randrange(2, 17))]
            out += b"".join(rng.choice(palette) for _ in range(200))
        else:
            out += bytes(b if i % 4 != 3 else 0 for i, b in enumerate(rng.randbytes(400)))
    return out[:count * 4]


def keys_read(m):
    """What the guest reads from the keyboard, until it is silent."""
    out, quiet = [], time.monotonic()
    while time.monotonic() - quiet < 0.6:
        if m.inb(0x64) & 1:
            out.append(m.inb(0x60))
            quiet = time.monotonic()
        m.step(1000000)
    return out


# ---- pictures ----

def test_pictures():
    for encoding in rfb.RAW, rfb.ZRLE, rfb.HEXTILE:
        with Screen() as m:
            m.mode(640, 480)
            m.write(LFB, noise(encoding, 640 * 480))
            c = m.client(encodings=(encoding, rfb.NEW_SIZE))
            assert (c.width, c.height) == (640, 480) and c.name == "kvm-dm"
            assert c.update(False) and encoding in c.seen
            m.same(c)
            m.write(LFB + (200 * 640 + 300) * 4, noise(encoding + 1, 1000))  # a part
            assert c.update()
            m.same(c)
            assert not c.update(True, 0.5), "an update, but nothing has changed"
            # an answer comes at last, when there is something
            m.write(LFB, b"\x12\x34\x56\0")
            while not any(code == encoding for *_, code in c.message()):
                pass
            m.same(c)
            c.close()


def test_sizes_and_strides():
    """R-06: odd widths, strides beside the width, depths."""
    with Screen() as m:
        m.mode(320, 200)
        clients = [m.client(encodings=(e, rfb.NEW_SIZE)) for e in (rfb.RAW, rfb.ZRLE, rfb.HEXTILE)]
        sizes = [(8 * n, 50 + n, 32, 0) for n in range(1, 34, 4)]
        sizes += [(1400, 120, 32, 0), (2552, 16, 32, 0), (2560, 1600, 32, 0), (800, 60, 32, 1024),
                  (720, 65, 32, 728), (640, 33, 16, 0), (640, 33, 8, 656), (632, 17, 15, 0), (640, 31, 24, 0)]
        for width, height, bpp, virtual in sizes:
            m.mode(width, height, bpp, virtual)
            m.write(LFB, noise(width, 4096))
            for c in clients if width * height < 1000000 else clients[:1]:
                assert c.update()
                m.same(c)
        for c in clients:
            assert rfb.NEW_SIZE in c.seen
            c.close()


def test_viewer_of_one_size():
    """A viewer that knows no new sizes gets the part that fits."""
    with Screen() as m:
        m.mode(320, 200)
        c = m.client(encodings=(rfb.RAW,))
        m.mode(640, 480)
        m.write(LFB, noise(1, 640 * 480))
        assert c.update(False)
        c.catch_up()
        (width, _), rgb = m.dump()
        assert c.width == 320 and width == 640
        part = b"".join(rgb[y * 640 * 3:y * 640 * 3 + 320 * 3] for y in range(200))
        assert c.rgb() == part
        m.mode(160, 100)
        c.update()
        c.catch_up()
        assert c.rgb()[160 * 3:320 * 3] == b"\0" * 480, "beside a smaller picture it is black"
        c.close()


def spent_ns(m):
    """CPU time of all threads, more finely than in ticks."""
    total = 0
    for task in os.listdir("/proc/%d/task" % m.process.pid):
        with open("/proc/%d/task/%s/schedstat" % (m.process.pid, task)) as f:
            total += int(f.read().split()[0])
    return total


def test_still_screen_costs_nothing():
    """Under 1 % of a core with a viewer that waits, nothing without."""
    with Screen() as m:
        m.mode(1024, 768)
        c = m.client(encodings=(rfb.ZRLE, rfb.NEW_SIZE))
        assert c.update(False)
        c.catch_up()
        c.request()  # somebody waits
        time.sleep(1)
        for limit in 0.01, 0.0005:
            before, start = spent_ns(m), time.monotonic()
            time.sleep(5)
            part = (spent_ns(m) - before) / 1e9 / (time.monotonic() - start)
            print("%.3f %%" % (100 * part), end=" ")
            assert part < limit * SLOW, "%.2f %% of a core for a screen that is still" % (100 * part)
            c.close()
            settled(m)
            time.sleep(1.5)


# ---- keyboard and pointer ----

def type_keysyms(c, text):
    for ch in text:
        c.key(ord(ch))
        c.key(ord(ch), False)


def test_keys():
    with Screen() as m:
        m.outb(0x64, 0x60)  # command byte: no translation, interrupts off
        m.outb(0x60, 0x40)
        c = m.client()
        type_keysyms(c, "a")
        assert keys_read(m) == [0x1e, 0x9e]
        type_keysyms(c, "A")  # no shift was pressed: it is put around the key
        assert keys_read(m) == [0x2a, 0x1e, 0xaa, 0x9e]
        c.key(0xffe1)
        type_keysyms(c, "B")  # with shift: as it is
        c.key(0xffe1, False)
        assert keys_read(m) == [0x2a, 0x30, 0xb0, 0xaa]
        c.key(0xffe1)
        type_keysyms(c, "1")  # French layout: shift types digits
        c.key(0xffe1, False)
        assert keys_read(m) == [0x2a, 0xaa, 0x02, 0x2a, 0x82, 0xaa]
        c.key(0xff53)  # cursor right
        c.key(0xff53, False)
        assert keys_read(m) == [0xe0, 0x4d, 0xe0, 0xcd]
        c.key(0xffe3)
        c.close()  # its keys go up with it
        assert keys_read(m) == [0x1d, 0x9d]


def test_layout():
    """-k: characters by the keys that they have on the guest's keyboard; type-text too."""
    with Screen("", "-k", "de") as m:
        m.outb(0x64, 0x60)
        m.outb(0x60, 0x40)
        c = m.client()
        type_keysyms(c, "z@")
        assert keys_read(m) == [0x15, 0x95, 0xe0, 0x38, 0x10, 0xe0, 0xb8, 0x90]
        type_keysyms(c, "\u00e9")  # a dead key first
        assert keys_read(m) == [0x0d, 0x8d, 0x12, 0x92]
        m.execute("type-text", text="y", wait=False)
        assert keys_read(m) == [0x2c, 0xac]
        c.close()
    said = subprocess.run([KVM_DM, "-k", "xx"], capture_output=True, text=True)
    assert said.returncode == 1 and "-k xx" in said.stderr and "de" in said.stderr, said


def test_ext_keys():
    with Screen() as m:
        m.outb(0x64, 0x60)
        m.outb(0x60, 0x40)
        c = m.client(encodings=(rfb.RAW, rfb.EXT_KEY, rfb.RELATIVE))
        while not {rfb.EXT_KEY, rfb.RELATIVE} <= c.seen:
            c.message()
        for xt in 0x1e, 0x9c, 0x56:
            c.ext_key(xt)
            c.ext_key(xt, False)
        assert keys_read(m) == [0x1e, 0x9e, 0xe0, 0x1c, 0xe0, 0x9c, 0x56, 0xd6]
        for xt in 0, 256, 0xe01c, 0xffffffff:
            c.ext_key(xt)
            c.ext_key(xt, False)
        assert keys_read(m) == []
        c.close()


def test_many_keys():
    """What is pasted arrives, each key once, though the keyboard holds 16 bytes."""
    text = "".join(random.Random(7).choice("abcdefghijklmnopqrstuvwxyz") for _ in range(400))
    with Screen() as m:
        m.outb(0x64, 0x60)
        m.outb(0x60, 0x40)
        c = m.client()
        type_keysyms(c, text)
        got = [b for b in keys_read(m) if b < 0x80]
        rows = {0x10: "qwertyuiop", 0x1e: "asdfghjkl", 0x2c: "zxcvbnm"}
        names = {first + i: ch for first, row in rows.items() for i, ch in enumerate(row)}
        assert "".join(names[b] for b in got) == text
        c.close()


def test_pointer():
    with Screen() as m:
        m.outb(0x64, 0xa8)  # auxiliary port on
        m.outb(0x64, 0xd4)
        m.outb(0x60, 0xf4)  # reporting on
        keys_read(m)
        c = m.client()
        c.pointer(100, 100)
        c.pointer(110, 95)
        c.pointer(110, 95, 1)
        c.pointer(110, 95, 0)
        c.pointer(110, 95, 4)
        got = keys_read(m)
        assert got[:3] == [0x08, 10, 5], got
        assert got[3:] == [0x09, 0, 0, 0x08, 0, 0, 0x0a, 0, 0], got
        c.close()
        c = m.client(encodings=(rfb.RAW, rfb.RELATIVE))
        while rfb.RELATIVE not in c.seen:
            c.message()
        c.pointer(0x7fff - 3, 0x7fff + 4, 0)
        assert keys_read(m)[-3:] == [0x38, 253, 252]
        c.close()


# ---- who gets in ----

def refused(fn):
    try:
        fn()
    except (PermissionError, Closed, ConnectionError):
        return True
    return False


def test_password():
    with Screen(",password=on") as m:
        assert m.execute("query-vnc")["auth"] == "vnc"
        assert refused(lambda: m.client("")) and refused(lambda: m.client("x"))  # none is set yet
        m.execute("set_password", protocol="vnc", password="secret12")
        assert refused(lambda: m.client("wrong")) and refused(lambda: m.client(""))
        m.client("secret12").close()
        m.client("secret12 and what is over").close()  # eight characters count
        m.client("secret12", version=3).close()
        m.client("secret12", version=7).close()
        m.execute("change-vnc-password", password="other")
        assert refused(lambda: m.client("secret12"))
        m.client("other").close()
        m.execute("expire_password", protocol="vnc", time="now")
        assert refused(lambda: m.client("other"))
        m.execute("expire_password", protocol="vnc", time="+60")
        m.client("other").close()
        m.execute("expire_password", protocol="vnc", time="never")
        m.client("other").close()
        m.execute("set_password", protocol="vnc", password="")
        assert refused(lambda: m.client(""))
        for bad in ({"protocol": "spice", "password": "x"}, {"protocol": "vnc", "password": "x", "connected": "fail"},
                    {"protocol": "vnc", "password": "x", "display": "other"}):
            assert "error" in m.ask("set_password", **bad), bad
        assert "error" in m.ask("expire_password", protocol="vnc", time="soon")
        # DES refuses this key, and then the challenge is its own answer
        m.execute("set_password", protocol="vnc", password="xxxxpppp")
        assert refused(lambda: echo_challenge(m.path))
    with Screen() as m:
        assert "error" in m.ask("set_password", protocol="vnc", password="x")


def echo_challenge(path):
    s = rfb.connect(path)
    s.recv(12)
    s.sendall(b"RFB 003.008\n")
    s.recv(2)
    s.sendall(b"\2")
    challenge = s.recv(16)
    s.sendall(challenge)
    if s.recv(4) != b"\0\0\0\0":
        raise PermissionError()


def gone(c):
    try:
        c.request(False)
        while True:
            c.message()
    except (Closed, ConnectionError):
        return True
    except TimeoutError:
        return False


def test_share():
    with Screen() as m:
        a, b = m.client(), m.client()
        assert a.update(False) and b.update(False)
        alone = m.client(shared=False)
        assert gone(a) and gone(b) and alone.update(False)
        assert refused(lambda: m.client())  # somebody asked to be alone, and is there
        alone.close()
        m.events_until("VNC_DISCONNECTED", 4)
        m.client().close()
    with Screen(",share=force-shared") as m:
        a = m.client()
        assert refused(lambda: m.client(shared=False)) and a.update(False)
    with Screen(",share=ignore") as m:
        a, b = m.client(shared=False), m.client(shared=False)
        assert a.update(False) and b.update(False)
    with Screen(",connections=2") as m:
        a, b = m.client(), m.client()
        assert refused(m.client)
        a.close()
        m.events_until("VNC_DISCONNECTED", 1)
        m.client().close()


def test_events_and_queries():
    with Screen(listen="127.0.0.1:%d,to=99" % FREE_PORT_FROM) as m:
        q = m.execute("query-vnc")
        assert q["enabled"] and q["host"] == "127.0.0.1" and q["family"] == "ipv4" and q["clients"] == []
        port = int(q["service"])
        assert 5900 + FREE_PORT_FROM <= port <= 5999
        c = Client(("127.0.0.1", port))
        mine = {"host": "127.0.0.1", "service": str(c.sock.getsockname()[1]), "family": "ipv4", "websocket": False}
        assert m.events_until("VNC_INITIALIZED")[0]["client"] == mine
        assert m.named("VNC_CONNECTED")[0]["server"] == {
            "host": "127.0.0.1", "service": str(port), "family": "ipv4", "websocket": False, "auth": "none"}
        assert m.execute("query-vnc")["clients"] == [mine]
        servers = m.execute("query-vnc-servers")
        assert servers[0]["id"] == "default" and servers[0]["clients"] == [mine] and servers[0]["auth"] == "none"
        assert servers[0]["server"][0]["service"] == str(port)
        c.close()
        assert m.events_until("VNC_DISCONNECTED")[0]["client"] == mine
        assert m.execute("query-vnc")["clients"] == []
    with Machine() as m:
        assert m.execute("query-vnc") == {"enabled": False} and m.execute("query-vnc-servers") == []
        assert "error" in m.ask("set_password", protocol="vnc", password="x")


def test_listening():
    def start(*options):
        return subprocess.run([KVM_DM, "-accel", "qtest", "-display", "none", *options, "-machine", "nonesuch"],
                              capture_output=True, text=True)

    with Screen(listen=":%d,to=99" % FREE_PORT_FROM) as m:
        port = int(m.execute("query-vnc")["service"])
        Client(("127.0.0.1", port)).close()
        taken = subprocess.run([KVM_DM, "-accel", "qtest", "-display", "none", "-vnc", ":%d" % (port - 5900)],
                               capture_output=True, text=True)
        assert taken.returncode == 1 and "in use" in taken.stderr, taken
        with Screen(listen="127.0.0.1:%d,to=99" % (port - 5900)) as n:
            assert int(n.execute("query-vnc")["service"]) > port
        assert "no password" not in n.stderr
    assert m.stderr.count("no password") == 1 and m.stderr.count("\n") == 1, m.stderr
    with Screen() as m:
        path = m.path
        assert m.execute("query-vnc")["host"] == path
    assert not os.path.exists(path), "the socket was left behind"
    for bad, word in (("nonsense", "HOST:DISPLAY"), (":99999", "HOST:DISPLAY"), ("unix:", "path"), (":1,tls-creds=x", "TLS"),
                      (":1,websocket=x", "port"), ("unix:/tmp/x,websocket=on", "unix"), (":1,power-control=on", "power-control"),
                      (":1,connections=99", "connections"), (":1,reverse=on", "reverse"), ("unix:/" + "x" * 200, "machine")):
        said = start("-vnc", bad)
        assert said.returncode == 1 and word in said.stderr and said.stderr.count("\n") == 1, (bad, said)
    said = start("-vnc", ":1", "-vnc", ":2")
    assert "one VNC server" in said.stderr
    with tempfile.TemporaryDirectory() as d:
        pidfile, path = os.path.join(d, "pid"), os.path.join(d, "vnc")
        subprocess.run([KVM_DM, "-accel", "qtest", "-display", "vnc=unix:vnc", "-daemonize", "-pidfile", pidfile], check=True,
                       cwd=d, stdin=subprocess.DEVNULL)
        Client(path).close()
        with open(pidfile) as f:
            pid = int(f.read())
        os.kill(pid, 15)
        end = time.monotonic() + 5
        while os.path.exists(path):
            assert time.monotonic() < end
            time.sleep(0.02)


def websocket_machine():
    return Screen(listen="127.0.0.1:%d,to=99,websocket=%d" % (FREE_PORT_FROM, 5760 + os.getpid() % 100))


def test_websocket():
    with websocket_machine() as m:
        plain, web = [("127.0.0.1", int(s["service"])) for s in m.execute("query-vnc-servers")[0]["server"]]
        m.mode(320, 200)
        m.write(LFB, noise(3, 320 * 200))
        c = Client(web, websocket=True, encodings=(rfb.ZRLE, rfb.NEW_SIZE))
        assert c.update(False)
        m.same(c)
        assert m.execute("query-vnc")["clients"][0]["websocket"] is True
        m.outb(0x64, 0x60)
        m.outb(0x60, 0x40)
        type_keysyms(c, "q")
        assert keys_read(m) == [0x10, 0x90]
        alone = Client(web, websocket=True, shared=False)
        assert gone(c) and alone.update(False)
        alone.close()
        # a page that somebody's browser shows must not reach the port that is no WebSocket
        s = rfb.connect(plain)
        s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nOrigin: http://evil\r\nSec-WebSocket-Key: eA==\r\n"
                  b"Sec-WebSocket-Version: 13\r\n\r\n")
        got = b""
        while part := s.recv(4096):
            got += part
        assert b"HTTP" not in got
        m.events_until("VNC_DISCONNECTED", 3)


# ---- hostile peers ----

def poke(address, data, websocket=False, wait=0.05):
    """A client that has come in, and then sends this."""
    c = Client(address, websocket=websocket)
    try:
        c.sock.sendall(data)
        c.request(False)
        c.sock.settimeout(wait)
        while True:
            c.sock.recv(65536)
    except (OSError, Closed):
        pass
    c.close()


def settled(m):
    end = time.monotonic() + 20
    while m.execute("query-vnc")["clients"]:
        assert time.monotonic() < end, "viewers stay"
        time.sleep(0.05)


def pixel_format(bits, depth, big, true, maxes, shifts):
    return struct.pack(">BBBBBBBBHHHBBBBBB", 0, 0, 0, 0, bits, depth, big, true, *maxes, *shifts, 0, 0, 0)


def test_hostile_messages():
    """R-01 to R-05: lengths, counts and pixel formats as nobody sends them."""
    rng = random.Random(1)
    encodings = [struct.pack(">BBHi", 2, 0, 1, code) for code in (0, 2, 4, 5, 6, 7, 9, 15, 16, 17, -260, 0x574d5600)]
    formats = [pixel_format(bits, depth, 0, 1, (255, 255, 255), (16, 8, 0))
               for bits in range(0, 256, 5) for depth in (0, 24, 255)]
    formats += [pixel_format(bits, 24, big, true, (top, top, 255), (shift, 8, 0))
                for bits in (8, 16, 32) for big in (0, 1) for true in (0, 1) for top in (0, 1, 0xfffe, 0xffff)
                for shift in (0, 7, 31, 32, 255)]
    messages = [struct.pack(">BxxxI", 6, 0), struct.pack(">BxH", 2, 0), struct.pack(">BxxxI", 6, 0xffffffff) + b"x" * 65536,
                struct.pack(">BxxxI", 6, 0x80000000), struct.pack(">BxxxI", 6, 1 << 20) + b"x" * 100,
                struct.pack(">BxH", 2, 0xffff) + b"\xff" * 262140, struct.pack(">BBHHHH", 3, 0, 65535, 65535, 65535, 65535),
                bytes([255, 0]), bytes([255, 1, 0, 0]), bytes([8, 0, 0, 0]), bytes([8, 1, 0, 0]), bytes([8, 255, 0, 0]),
                bytes([15, 2, 0, 0]), bytes([7]) + bytes(11), bytes([7, 3, 0, 1]) + struct.pack(">II", 8, 0x7fffffff),
                bytes([11]) + bytes(3) + struct.pack(">I", 0xfffffff0), bytes([250, 0, 1, 2]), bytes([251, 0] + [255] * 6),
                bytes([10, 0, 255, 255, 255, 255]), struct.pack(">BxHi", 2, 1, -0x3f5e1e1c)]
    messages += [bytes([kind]) + rng.randbytes(40) for kind in range(256)]
    messages += [rng.randbytes(rng.randrange(1, 400)) for _ in range(60)]
    with Screen() as m, SixOrs(m, "messages", cpu_s=20, grow_kib=64 * 1024):
        m.mode(64, 48)
        for message in messages:
            poke(m.path, message, wait=0.02)
        for i, f in enumerate(formats):
            poke(m.path, encodings[i % len(encodings)] + f, wait=0.02)
        settled(m)
        c = m.client()
        assert c.update(False)
        c.close()
        settled(m)


def test_formats_are_right():
    """Pixel formats that are taken give the right colours."""
    with Screen() as m:
        m.mode(64, 48)
        m.write(LFB, noise(9, 64 * 48))
        c = m.client(encodings=(rfb.RAW,))
        c.set_format(16, 16, 0, 1, (31, 63, 31), (11, 5, 0))
        c.request(False)
        head = c.read(4)
        assert head[0] == 0
        got = bytearray()
        for _ in range(struct.unpack(">H", head[2:])[0]):
            x, y, w, h, code = struct.unpack(">HHHHi", c.read(12))
            assert code == 0 and w == 64
            got += c.read(w * h * 2)
        _, rgb = m.dump()
        for i in range(64 * 48):
            v = struct.unpack_from("<H", got, 2 * i)[0]
            r, g, b = rgb[3 * i:3 * i + 3]
            for have, want, top in ((v >> 11, r, 31), (v >> 5 & 63, g, 63), (v & 31, b, 31)):
                assert abs(have * 255 / top - want) <= 255 / top, (i, v, r, g, b)
        for bad in ({"bits": 24}, {"bits": 0}, {"bits": 32, "shifts": (31, 8, 0)}, {"bits": 8, "maxes": (255, 255, 255)}):
            c = m.client()
            c.set_format(**bad)
            assert gone(c), bad


def test_slow_viewers():
    """R-08: who does not read, stops in the middle of a message or drips holds up nobody, and goes at last."""
    with Screen() as m:
        m.mode(1024, 768)
        m.write(LFB, noise(5, 1024 * 768))
        good = m.client(encodings=(rfb.ZRLE, rfb.NEW_SIZE))
        assert good.update(False)
        good.catch_up()
        with SixOrs(m, "slow", cpu_s=8, grow_kib=96 * 1024):
            silent = [rfb.connect(m.path) for _ in range(4)]  # says nothing
            for s in silent[1:]:
                s.sendall(b"RFB"[:3])
            deaf = [m.client() for _ in range(8)]
            for c in deaf:
                c.request(False)
            half = [m.client() for _ in range(4)]
            for c in half:
                c.sock.sendall(b"\3\1\0")
            start, worst = time.monotonic(), 0
            while time.monotonic() - start < 17:
                began = time.monotonic()
                m.alive()
                m.write(LFB, struct.pack("<I", random.getrandbits(24)) * 8)
                assert good.update(True, 3), "a slow viewer holds up the others"
                worst = max(worst, time.monotonic() - began)
                if random.random() < 0.2:
                    m.mode(1024, 768)
            assert worst < 1.5, "%.2f s for an answer" % worst
            assert len(m.execute("query-vnc")["clients"]) <= 5, "those who take nothing are still there"
            for s in silent:
                s.close()
            for c in deaf + half:
                c.close()
            end = time.monotonic() + 5
            while len(m.execute("query-vnc")["clients"]) > 1:
                assert time.monotonic() < end
                time.sleep(0.05)
        good.close()


def test_flood_of_changes():
    """R-08: a viewer that asks but does not read, while the guest changes its mode for ever: bounded memory."""
    with Screen() as m:
        m.mode(800, 600)
        deaf = m.client()
        deaf.sock.sendall(struct.pack(">BBHHHH", 3, 0, 0, 0, 800, 600) * 200)  # at once: small pieces fill a socket
        with SixOrs(m, "flood", cpu_s=20, grow_kib=48 * 1024):
            for i in range(300):
                m.mode(320 + 8 * (i % 60), 200)
                m.write(LFB, bytes([i % 256]) * 4096)
        deaf.close()
        settled(m)


def test_connect_storm():
    with Screen() as m:
        m.client().close()
        settled(m)
        with SixOrs(m, "storm", cpu_s=20, grow_kib=16 * 1024):
            for i in range(400):
                try:
                    s = rfb.connect(m.path)
                    s.sendall((b"", b"R", b"RFB 003.008\n", b"RFB 003.008\n\1\1", b"\x16\3\1\0", b"GET / HTTP/1.1\r\n\r\n")[i % 6])
                    if i % 3:
                        s.settimeout(0.05)
                        s.recv(100)
                    s.close()
                except OSError:
                    pass
            settled(m)
            many = [m.client() for _ in range(20)]
            assert all(c.update(False) for c in many)
            for c in many:
                c.close()
            settled(m)


def in_every_state(plain, web, seed):
    """Viewers who stopped somewhere in the handshake, in a message, in a frame, or take nothing."""
    rng, keep = random.Random(seed), []
    request = b"GET / HTTP/1.1\r\nHost: x\r\nOrigin: x\r\nSec-WebSocket-Key: AAAA\r\n"
    for length in range(0, 13, 3):
        keep.append(rfb.connect(plain))
        keep[-1].sendall(b"RFB 003.008\n"[:length])
    for length in 0, 1, 2, 3, 4, 5, rng.randrange(6, len(request)):
        keep.append(rfb.connect(web))
        keep[-1].sendall(request[:length])
    for websocket in False, True:
        deaf, half = (Client(web if websocket else plain, websocket=websocket) for _ in range(2))
        deaf.request(False)
        (half.sock.sock.sendall if websocket else half.sock.sendall)(b"\x82\xff" if websocket else b"\3\1\0")
        keep += [deaf, half]
    return keep


def test_end():
    for seed in range(8):
        with websocket_machine() as m:
            plain, web = [("127.0.0.1", int(s["service"])) for s in m.execute("query-vnc-servers")[0]["server"]]
            m.mode(1024, 768)
            m.write(LFB, noise(seed, 1024 * 100))
            keep = in_every_state(plain, web, seed)
            time.sleep(0.05 * seed)
            start = time.monotonic()
        assert time.monotonic() - start < 2 * SLOW, "the end waits for viewers"
        for k in keep:
            k.close()


def drain(clients, quiet=1.0):
    """Takes what comes to all of them until nothing does; how many bytes each got."""
    taken = {c.sock: 0 for c in clients}
    while (ready := select.select(list(taken), [], [], quiet if min(taken.values()) else LIMIT_S)[0]):
        for sock in ready:
            taken[sock] += len(sock.recv(1 << 20))
    return list(taken.values())


def test_memory_goes_back():
    """What viewers used is the system's again when they have left, and when most of them have."""
    with Screen() as m:
        m.mode(1600, 1200)
        m.write(LFB, noise(4, 1600 * 600))
        first = m.client(encodings=(rfb.ZRLE, rfb.NEW_SIZE))
        assert first.update(False)
        first.catch_up()
        before = m.rss_kib()
        for stays in True, False:
            many = [m.client(encodings=(e, rfb.NEW_SIZE)) for e in (rfb.RAW, rfb.ZRLE, rfb.HEXTILE, rfb.RAW) * 5]
            for c in many:
                c.request(False)
            taken = drain(many)
            assert all(n > 100000 for n in taken), taken
            peak = m.rss_kib()
            assert peak - before > 20 * 7000, "each has a copy of the picture"
            for c in many:
                c.close()
            if not stays:
                first.close()
            limit = before + 16 * 1024 * SLOW
            end = time.monotonic() + 5 * SLOW
            while m.rss_kib() > limit:
                assert time.monotonic() < end, "%d KiB more than before, of %d" % (m.rss_kib() - before, peak - before)
                time.sleep(0.1)
            print("(%d KiB more with 21, %d after)" % (peak - before, m.rss_kib() - before), end=" ")


def test_hostile_websockets():
    rng = random.Random(3)
    with websocket_machine() as m:
        plain, web = [("127.0.0.1", int(s["service"])) for s in m.execute("query-vnc-servers")[0]["server"]]
        requests = [b"", b"\x16\3\1\2\0\1\0", b"\x80abc", b"GET ", b"GET / HTTP/1.1\r\n\r\n", b"GET /" + b"x" * 9000,
                    b"G", b"GET", b"POST / HTTP/1.1\r\n\r\n", b"GET \r\n" * 900, b"GET / HTTP/1.1\r\nHost: \r\nOrigin: \r\n"
                    b"Sec-WebSocket-Version: 13\r\n\r\n", b"RFB 003.008\n\1\1"]
        head = b"GET / HTTP/1.1\r\nHost: x\r\nOrigin: x\r\nSec-WebSocket-Key: "
        requests += [head + b"A" * n + b"\r\nSec-WebSocket-Version: 13\r\n\r\n" for n in (0, 1, 100, 3900)]
        Client(web, websocket=True).close()
        settled(m)
        with SixOrs(m, "websocket", cpu_s=10, grow_kib=32 * 1024):
            for request in requests:
                for address in plain, web:
                    s = rfb.connect(address)
                    s.sendall(request)
                    s.settimeout(0.15)
                    try:
                        while s.recv(4096):
                            pass
                    except OSError:
                        pass
                    s.close()
            for i in range(150):
                c = Client(web, websocket=True)
                frame = (rng.randbytes(rng.randrange(1, 60)), bytes([0x82, 0xff]) + b"\xff" * 12, bytes([0x82, 0x7f]) + bytes(12),
                         bytes([0x89, 0xfe, 0xff, 0xff]) + bytes(8), bytes([0x01, 0x81, 0, 0, 0, 0, 3]), bytes([0x88, 0x80, 0, 0, 0, 0]),
                         bytes([0x82, 0x05]) + b"\3\0\0\0\0", bytes([0xf2, 0x81, 1, 2, 3, 4, 5]))[i % 8]
                try:
                    c.sock.sock.sendall(frame)
                    c.sock.settimeout(0.02)
                    c.sock.recv(100)
                except (OSError, Closed):
                    pass
                c.close()
            settled(m)
        Client(web, websocket=True).close()


# ---- viewers of others ----

def test_vncsnapshot():
    if not shutil.which("vncsnapshot"):
        print("(no vncsnapshot)", end=" ")
        return
    with Screen(listen="127.0.0.1:%d,to=99" % FREE_PORT_FROM) as m:
        display = int(m.execute("query-vnc")["service"]) - 5900
        m.mode(640, 480)
        m.write(LFB, b"\x30\xc0\x40\0" * (640 * 480))
        for encoding in "tight", "hextile", "zlib", "raw":
            path = os.path.join(m.dir.name, encoding + ".jpg")
            said = subprocess.run(["vncsnapshot", "-encodings", encoding, "-quality", "95", "127.0.0.1:%d" % display, path],
                                  capture_output=True, text=True, timeout=30, env=dict(os.environ, HOME=m.dir.name))
            assert said.returncode == 0, said.stderr
            assert "640" in said.stderr and os.path.getsize(path) > 1000, said.stderr
        settled(m)


if __name__ == "__main__":
    if "CONFIG_VNC" in os.environ.get("WITHOUT", "") or subprocess.run(
            [KVM_DM, "-vnc", "help"], capture_output=True).returncode:
        print("built without VNC")
        sys.exit(77)
    run(sys.modules[__name__])
