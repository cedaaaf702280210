#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The web console without a browser: who gets in, what is served, and what hostile peers can do (nothing)."""
import base64
import hashlib
import json
import os
import random
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
import rfb
from kvmdm import KVM_DM, Machine, run
from oracles import SLOW, SixOrs

COM, LSR = 0x3f8, 0x3fd
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
LIMIT_S = 15


class Web(Machine):
    """A machine with the web console on a free port of 127.0.0.1."""

    def __init__(self, *more, address="127.0.0.1:0", options=""):
        super().__init__("-display", "web=" + address + options, "-serial", "vc", *more)

    def __enter__(self):
        super().__enter__()
        self.url = self.execute("query-web")["url"]
        self.port, self.token = re.fullmatch(r"http://[^/]+:(\d+)/#token=([0-9A-Za-z_-]+)", self.url).groups()
        return self

    def connect(self):
        sock = socket.create_connection(("127.0.0.1", int(self.port)))
        sock.settimeout(LIMIT_S)
        return sock

    def send(self, text):
        """What comes back until the connection ends or a handshake is answered."""
        sock = self.connect()
        try:
            sock.sendall(text if isinstance(text, bytes) else text.encode("latin-1"))
            data = b""
            while part := sock.recv(65536):
                data += part
        except ConnectionError:
            pass
        sock.close()
        return data

    def get(self, path, method="GET", host=None, more=""):
        host = host if host is not None else "127.0.0.1:" + self.port
        data = self.send("%s %s HTTP/1.1\r\nHost: %s\r\n%sConnection: close\r\n\r\n" % (method, path, host, more))
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        return int(lines[0].split()[1]) if data else 0, dict(l.lower().split(": ", 1) for l in lines[1:]), body

    def handshake(self, path, **change):
        """A WebSocket, or the status that refused it. Headers by name, _ for -; None: left out."""
        key = base64.b64encode(os.urandom(16)).decode()
        headers = {"Host": "127.0.0.1:" + self.port, "Upgrade": "websocket", "Connection": "keep-alive, Upgrade",
                   "Sec-WebSocket-Key": key, "Sec-WebSocket-Version": "13",
                   "Sec-WebSocket-Protocol": "kvm-dm, token." + self.token}
        headers.update({name.replace("_", "-"): value for name, value in change.items()})
        sock = self.connect()
        sock.sendall(("GET %s HTTP/1.1\r\n" % path + "".join(
            "%s: %s\r\n" % item for item in headers.items() if item[1] is not None) + "\r\n").encode("latin-1"))
        data = b""
        while b"\r\n\r\n" not in data:
            part = sock.recv(65536)
            if not part:
                break
            data += part
        head, _, rest = data.partition(b"\r\n\r\n")
        status = int(head.split()[1]) if head else 0
        if status != 101:
            sock.close()
            return status
        fields = dict(l.lower().split(": ", 1) for l in head.decode().split("\r\n")[1:])
        assert fields["sec-websocket-protocol"] == "kvm-dm", fields
        accept = base64.b64encode(hashlib.sha1((headers["Sec-WebSocket-Key"] + GUID).encode()).digest()).decode()
        assert fields["sec-websocket-accept"] == accept.lower(), fields
        return Socket(sock, rest)

    def gone(self, what=lambda m: m.execute("query-web")["pages"] == 0):
        end = time.monotonic() + LIMIT_S
        while not what(self):
            assert time.monotonic() < end, "still there"
            time.sleep(0.02)


class Socket:
    """The client's end of a WebSocket."""

    def __init__(self, sock, data=b""):
        self.sock, self.data, self.payload = sock, data, b""

    def frame(self, opcode, payload=b"", fin=0x80, mask=True, length=None, rsv=0):
        n = len(payload) if length is None else length
        head = bytes([fin | rsv | opcode])
        bit = 0x80 if mask else 0
        if n < 126:
            head += bytes([bit | n])
        elif n < 65536:
            head += bytes([bit | 126]) + struct.pack(">H", n)
        else:
            head += bytes([bit | 127]) + struct.pack(">Q", n)
        if mask:
            key = os.urandom(4)
            # The mask in one operation on long integers.
            pad = (key * (len(payload) // 4 + 1))[:len(payload)]
            payload = (int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")).to_bytes(len(payload), "big")
            head += key
        return head + payload

    def send(self, *args, **kwargs):
        self.sock.sendall(self.frame(*args, **kwargs))

    def take(self, n):
        while len(self.data) < n:
            part = self.sock.recv(65536)
            if not part:
                raise EOFError()
            self.data += part
        part, self.data = self.data[:n], self.data[n:]
        return part

    def read(self):
        """(opcode, payload) of the next frame; server frames are not masked."""
        first, second = self.take(2)
        assert first & 0x70 == 0 and second & 0x80 == 0, (first, second)
        n = second & 127
        if n == 126:
            n = struct.unpack(">H", self.take(2))[0]
        elif n == 127:
            n = struct.unpack(">Q", self.take(8))[0]
        return first & 15, self.take(n)

    def ended(self):
        """The status of the close frame; None: the connection ended without one."""
        try:
            while True:
                opcode, payload = self.read()
                if opcode == CLOSE:
                    return struct.unpack(">H", payload[:2])[0] if payload else 1005
        except (EOFError, ConnectionError):
            return None

    # for rfb.Client
    def sendall(self, data): self.send(BINARY, data)
    def settimeout(self, s): self.sock.settimeout(s)
    def close(self): self.sock.close()

    def recv(self, n):
        while not self.payload:
            opcode, self.payload = self.read()
            assert opcode == BINARY, opcode
        part, self.payload = self.payload[:n], self.payload[n:]
        return part


class Page(Socket):
    """The control channel: states apart from answers."""

    def __init__(self, m, **change):
        ws = m.handshake("/control", **change)
        assert isinstance(ws, Socket), ws
        super().__init__(ws.sock, ws.data)
        self.states = []

    def message(self):
        opcode, payload = self.read()
        assert opcode == TEXT, (opcode, payload)
        return json.loads(payload)

    def state(self, word):
        while not self.states or self.states[-1]["state"] != word:
            got = self.message()
            assert "state" in got, got
            self.states.append(got)
        return self.states[-1]

    def ask(self, command):
        self.send(TEXT, json.dumps({"do": command}).encode())
        while True:
            got = self.message()
            if "state" not in got:
                return got
            self.states.append(got)


# ---- the start ----

def refused(*options):
    said = subprocess.run([KVM_DM, "-accel", "qtest", "-qtest", "null", *options], capture_output=True, text=True,
                          timeout=30, stdin=subprocess.DEVNULL)
    assert said.returncode == 1 and said.stderr.count("\n") == 1, (options, said)
    return said.stderr


def test_start():
    for address in "0.0.0.0:0", ":0", "[::]:0":
        assert "remote=on" in refused("-display", "web=" + address), address
    for address in "127.0.0.1:65536", "127.0.0.1:", "x", "127.0.0.1:http", "1:2:", "-1", "127.0.0.1:0x":
        assert "expected [HOST:]PORT" in refused("-display", "web=" + address), address
    assert "no address" in refused("-display", "web=no-such-host.invalid:0")
    assert "sslcert" in refused("-display", "web=127.0.0.1:0,sslcert=x")
    assert "it has been given" in refused("-display", "web=0", "-display", "web=0")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert "Address already in use" in refused("-display", "web=127.0.0.1:%d" % port)
        assert "Address already in use" in refused("-display", "web=%d" % port)


def test_token_file():
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "token")
        assert "No such file" in refused("-display", "web=0,token-file=" + path)
        for bad in "", "0" * 31, "0" * 129, "0" * 31 + "/", "0" * 32 + " x", "0" * 20 + "\n" + "0" * 20, "0" * 40 + "\0x":
            with open(path, "w") as f:
                f.write(bad)
            assert "it has to hold" in refused("-display", "web=0,token-file=" + path), bad
        with open(path, "w") as f:
            f.write("0123456789_abcdefghij-KLMNOPQRST\n")
        with Web(options=",token-file=" + path) as m:
            assert m.token == "0123456789_abcdefghij-KLMNOPQRST"
            Page(m).close()
            token = m.token
        assert token not in m.stderr and "web console: http://127.0.0.1:" in m.stderr, m.stderr


def test_tokens_differ():
    tokens = set()
    for _ in range(3):
        with Web() as m:
            tokens.add(m.token)
        assert m.url in m.stderr, m.stderr
    assert len(tokens) == 3 and all(re.fullmatch("[0-9a-f]{32}", t) for t in tokens), tokens


def test_remote():
    """With the explicit word: the host's own name is fine then, and a warning says what that means."""
    name = socket.gethostname()
    with Web(address="0.0.0.0:0", options=",remote=on") as m:
        assert m.url.startswith("http://%s:" % name), m.url
        assert m.get("/", host="%s:%s" % (name, m.port))[0] == 200
        assert m.get("/", host="evil.example:" + m.port)[0] == 403
        Page(m, Host=name + ":" + m.port, Origin="http://%s:%s" % (name, m.port)).close()
        assert m.handshake("/control", Origin="http://evil.example") == 403
    assert "warning: -display web: without TLS" in m.stderr, m.stderr


def test_costs_nothing_if_not_asked_for():
    with Machine() as m, open("/proc/%d/maps" % m.process.pid) as f:
        maps = f.read()
        assert m.execute("query-web") == {"enabled": False}
        assert "microhttpd" not in maps and "wslay" not in maps


# ---- HTTP ----

def test_files():
    """The page and all modules that it needs, by following what they import."""
    with Web() as m:
        wanted, seen = ["/", "/page.css"], set()
        while wanted:
            path = wanted.pop()
            if path in seen:
                continue
            seen.add(path)
            status, headers, body = m.get(path)
            assert status == 200, (path, status)
            assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
            assert "default-src 'none'" in headers["content-security-policy"]
            kind = "javascript" if path.endswith(".js") else "css" if path.endswith(".css") else "html"
            assert headers["content-type"] == "text/%s; charset=utf-8" % kind, (path, headers)
            text = body.decode()
            assert m.token not in text
            if path == "/":
                wanted += ["/" + s for s in re.findall(r'(?:src|href)="([a-z.]+)"', text)]
            for ref in re.findall(r"^(?:import|export) .*? from ['\"](\.[^'\"]+)['\"]", text, re.M | re.S):
                wanted.append(os.path.normpath(os.path.join(os.path.dirname(path), ref)))
            head = m.get(path, method="HEAD")
            assert head[0] == 200 and head[1]["content-length"] == str(len(body)) and not head[2], head
        assert "/novnc/core/rfb.js" in seen and "/serial.js" in seen and len(seen) > 20, seen


def test_no_other_files():
    with Web() as m:
        for path in ("/etc/passwd", "/../etc/passwd", "/novnc/../../etc/passwd", "/novnc/core/../../../../etc/passwd",
                     "/%2e%2e/etc/passwd", "/novnc/core/%2e%2e%2f%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/novnc", "/novnc/",
                     "/novnc/core", "/novnc/core/", "//page.js", "/page.js/",
                     "/novnc/vnc.html", "/novnc/core/rfb.js~", "/./page.js", "/PAGE.JS", "/page.js;x", "/favicon.ico"):
            status, _, body = m.get(path)
            assert status in (400, 404) and b"root:" not in body, (path, status, body[:60])
        assert m.get("/page.js?x=1#y")[0] == 200
        assert m.get("/page.js%00/etc/passwd")[2] == m.get("/page.js")[2]  # a name ends there
        for method in "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get":
            assert m.get("/", method=method)[0] in (400, 405, 501), method
        assert m.get("/", method="POST", more="Content-Length: 5\r\n")[0] == 405


HOSTS_FINE = ["127.0.0.1", "127.0.0.1:8080", "localhost", "LOCALHOST:1", "[::1]", "[::1]:6080", "192.0.2.7:80"]
HOSTS_FOREIGN = ["", "evil.example", "evil.example:6080", "localhost.evil.example", "127.0.0.1.evil.example",
                 "evil.example:127.0.0.1", "localhost:evil", "localhost:", "127.0.0.1@evil.example", "[evil.example]",
                 "[::1", "::1", "[::1]x", "127.1", "0x7f000001", "2130706433", "a" * 600, "localhost:123456"]


def test_hosts():
    """DNS rebinding: a foreign name that resolves to here."""
    with Web() as m:
        for host in HOSTS_FINE:
            assert m.get("/", host=host)[0] == 200, host
            Page(m, Host=host).close()
        for host in HOSTS_FOREIGN:
            if host != "localhost:":
                assert m.get("/", host=host)[0] in (400, 403), host
                assert m.handshake("/control", Host=host) in (400, 403), host
        assert b" 400 " in m.send("GET / HTTP/1.1\r\n\r\n")[:20]  # none at all
        assert m.send("GET / HTTP/1.0\r\n\r\n").split()[1] in (b"400", b"403")
        assert b" 200 " not in m.send("GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n"
                                      "Connection: close\r\n\r\n")[:20]


def test_origins():
    with Web() as m:
        here = "127.0.0.1:" + m.port
        for origin in None, "http://" + here, "https://" + here, "http://" + here.upper():
            Page(m, Origin=origin).close()
        Page(m, Host="localhost:8080", Origin="http://localhost:8080").close()  # through a tunnel
        for origin in ("null", "", "http://evil.example", "http://127.0.0.1", "http://localhost:" + m.port,
                       "http://" + here + ".evil.example", "http://" + here + "/", "ftp://" + here, here,
                       "http://" + here + " http://evil.example", "file://"):
            for path in "/control", "/vnc", "/serial0":
                assert m.handshake(path, Origin=origin) == 403, (path, origin)
        m.gone()


def test_tokens():
    with Web() as m:
        t = m.token
        flip = ("0" if t[0] != "0" else "1") + t[1:]
        for offered in (None, "", "kvm-dm", "token." + t, "kvm-dm, token.", "kvm-dm, token." + flip,
                        "kvm-dm, token." + t[:-1], "kvm-dm, token." + t + "0", "kvm-dm, token." + t.upper() + "x",
                        "kvm-dm, TOKEN." + t, "kvm-dm, " + t, "binary, token." + t, "kvm-dm token." + t,
                        "kvm-dm;token." + t, "kvm-dm, token." + t + ", " + "x" * 600):
            for path in "/control", "/vnc", "/serial0":
                assert m.handshake(path, Sec_WebSocket_Protocol=offered) == 403, (path, offered)
        Page(m, Sec_WebSocket_Protocol=" token.%s ,kvm-dm" % t).close()
        m.gone()


def test_handshakes():
    with Web() as m:
        for change in ({"Sec_WebSocket_Key": None}, {"Sec_WebSocket_Key": ""}, {"Sec_WebSocket_Key": "x" * 24},
                       {"Sec_WebSocket_Key": base64.b64encode(b"x" * 15).decode()},
                       {"Sec_WebSocket_Key": base64.b64encode(b"x" * 17).decode()},
                       {"Upgrade": None}, {"Upgrade": "h2c"}, {"Connection": None}, {"Connection": "close"}):
            assert m.handshake("/control", **change) == 400, change
        for version in None, "", "8", "14", "013":
            assert m.handshake("/control", Sec_WebSocket_Version=version) == 426, version
        assert m.handshake("/nowhere") == 404
        assert m.handshake("/serial1") == m.handshake("/serial4") == 404
        assert m.handshake("/") == 200  # a page is a page
        assert m.get("/control")[0] == 400


# ---- what the WebSockets carry ----

def test_control():
    with Web("-name", "guest name", "-S") as m:
        page, other = Page(m), Page(m)
        first = page.state("prelaunch")
        assert first["name"] == "guest name" and first["serial"] == [{"port": 0, "label": "serial0"}], first
        assert m.execute("query-web")["pages"] == 2
        assert page.ask("resume") == {}
        page.state("running")
        other.state("running")
        assert page.ask("pause") == {}
        other.state("paused")
        assert m.execute("query-status")["status"] == "paused"
        m.execute("cont")
        page.state("running")  # what others do is seen, too
        assert page.ask("reset") == {}
        assert page.ask("powerdown") == {}
        m.execute("query-status")
        assert [e for e in m.events if e["event"] == "RESET"] and [e for e in m.events if e["event"] == "POWERDOWN"]
        assert page.ask("text") == m.execute("query-screen-text")
        assert "error" in page.ask("no such thing")
        page.close()
        m.gone(lambda m: m.execute("query-web")["pages"] == 1)
        other.send(TEXT, b'{"do": "quit"}')
        m.process.wait(LIMIT_S)


def test_no_screen():
    with Web("-vga", "none") as m:
        page = Page(m)
        assert "no graphic console" in page.ask("text")["error"]
        client = viewer(m)
        client.close()


def test_bad_commands():
    with Web() as m:
        for text in (b"", b"x", b"[]", b"{}", b'{"do": 1}', b'{"do": "pause", "x": 1}', b'{"do": "pause"} x',
                     b'{"do": "pa\\u0000use"}', b'{"do": "pause"' + b" " * 1000, b"[" * 5000, b'{"do"' * 3000):
            page = Page(m)
            page.send(TEXT, text)
            assert page.ended() == 1008, text[:40]
        page = Page(m)
        try:
            for _ in range(100):  # more than anybody clicks
                page.send(TEXT, b'{"do": "pause"}')
        except ConnectionError:
            pass
        assert page.ended() in (1008, None)  # what it has not read of ours may take the goodbye with it
        m.gone()
        assert Page(m).ask("pause") == {}


def viewer(m):
    class Viewer(rfb.Client):
        pass

    ws = m.handshake("/vnc")
    assert isinstance(ws, Socket), ws
    saved = rfb.connect
    rfb.connect = lambda address, websocket=False: ws
    try:
        return Viewer(None)
    finally:
        rfb.connect = saved


def test_viewer():
    with Web() as m:
        client = viewer(m)
        client.catch_up()
        path = os.path.join(m.dir.name, "dump.ppm")
        m.execute("screendump", filename=path)
        with open(path, "rb") as f:
            data = f.read()
        assert data.startswith(b"P6\n%d %d\n255\n" % (client.width, client.height)), data[:20]
        assert data.endswith(client.rgb()) and client.kind == 1
        m.execute("query-status")
        said = [e["data"] for e in m.events if e["event"] == "VNC_CONNECTED"]
        assert said and said[0]["client"]["websocket"] and said[0]["server"]["service"] == m.port, said
        client.close()
        m.gone(lambda m: m.execute("query-status") and [e for e in m.events if e["event"] == "VNC_DISCONNECTED"])


def test_viewer_beside_vnc_with_password():
    """The token is the password."""
    path = tempfile.mktemp(prefix="kvm-dm-web-")
    with Web("-vnc", "unix:%s,password=on" % path) as m:
        client = viewer(m)
        client.catch_up()
        assert client.kind == 1
        client.close()


def serial_write(m, data):
    for byte in data:
        m.outb(COM, byte)


def uart(m):
    m.outb(COM + 3, 0x83)
    m.outb(COM, 1)
    m.outb(COM + 1, 0)
    m.outb(COM + 3, 3)


def read_bytes(ws, n):
    data = b""
    while len(data) < n:
        opcode, payload = ws.read()
        assert opcode == BINARY
        data += payload
    return data


def serial_flood(m, count):
    """So many bytes from the guest, as it prints them: sixteen at a time."""
    data = bytes(i * 7 + i // 256 & 255 for i in range(count))
    texts = ["outb 0x3fa 0x1"]
    for i in range(0, count, 16):
        texts += ["outb 0x3f8 0x%x" % byte for byte in data[i:i + 16]] + ["clock_step 2000000"]
    m.cmds(texts)
    return data


def test_serial():
    with Web() as m:
        uart(m)
        sent = serial_flood(m, 300)
        ws, late = m.handshake("/serial0"), m.handshake("/serial0")
        assert read_bytes(ws, 300) == sent and read_bytes(late, 300) == sent, "what came before"
        ws.send(BINARY, b"typed")
        got = b""
        end = time.monotonic() + LIMIT_S
        while len(got) < 5 and time.monotonic() < end:
            if m.inb(LSR) & 1:
                got += bytes([m.inb(COM)])
            m.step(200000)
        assert got == b"typed", got


def test_serial_flow():
    """A guest that does not read: the page has to wait, and nothing is lost."""
    with Web() as m, SixOrs(m, "flow", cpu_s=30):
        uart(m)
        m.outb(COM + 2, 7)
        ws = m.handshake("/serial0")
        data = random.Random(1).randbytes(40000)
        ws.sock.settimeout(1)
        sent = 0
        frames = b"".join(ws.frame(BINARY, data[i:i + 1000]) for i in range(0, len(data), 1000))
        got = b""
        while len(got) < len(data):
            if sent < len(frames):
                try:
                    sent += ws.sock.send(frames[sent:sent + 30000], socket.MSG_DONTWAIT)
                except BlockingIOError:
                    pass
            texts = ["inb 0x3fd", "inb 0x3f8"] * 16 + ["clock_step 2000000"]
            answers = m.cmds(texts)
            for i in range(0, 32, 2):
                if int(answers[i], 16) & 1:
                    got += bytes([int(answers[i + 1], 16)])
        assert got == data
        ws.close()


def test_serial_log_is_bounded():
    with Web() as m:
        uart(m)
        rss = m.rss_kib()
        ws = m.handshake("/serial0")  # and does not read
        total = b"".join(serial_flood(m, 30000) for _ in range(1 if SLOW > 1 else 5))
        assert m.rss_kib() - rss < 20 * 1024 * SLOW, m.rss_kib() - rss
        late = m.handshake("/serial0")
        kept = read_bytes(late, min(len(total), 128 * 1024))
        assert total.endswith(kept) and len(kept) == min(len(total), 128 * 1024)
        ws.close()


# ---- hostile frames ----

def test_frames():
    with Web() as m:
        cases = {
            "not masked": lambda s: s.frame(TEXT, b"{}", mask=False),
            "reserved bit": lambda s: s.frame(TEXT, b"{}", rsv=0x40),
            "reserved opcode": lambda s: s.frame(3, b"x"),
            "reserved control opcode": lambda s: s.frame(11, b"x"),
            "long ping": lambda s: s.frame(PING, b"x" * 126),
            "ping in parts": lambda s: s.frame(PING, b"x", fin=0),
            "a continuation of nothing": lambda s: s.frame(0, b"x"),
            "two beginnings": lambda s: s.frame(TEXT, b"x", fin=0) + s.frame(TEXT, b"y"),
            "not UTF-8": lambda s: s.frame(TEXT, b"\xff\xfe"),
            "too long": lambda s: s.frame(TEXT, b" " * 65537),
            "says it is huge": lambda s: s.frame(TEXT, b"x", length=1 << 40),
            "says it is negative": lambda s: s.frame(TEXT, b"x", length=(1 << 64) - 1),
            "too long in parts": lambda s: s.frame(TEXT, b" " * 40000, fin=0) + s.frame(0, b" " * 40000),
            "length not minimal": lambda s: b"\x81\xfe\x00\x02mask{}",
            "close with half a status": lambda s: s.frame(CLOSE, b"\x03"),
            "close with a status that is none": lambda s: s.frame(CLOSE, b"\x00\x01"),
            "goodbye": lambda s: s.frame(CLOSE, b"\x03\xe8"),
        }
        for path in "/control", "/serial0", "/vnc":
            for name, make in cases.items():
                if name == "not UTF-8" and path != "/control":
                    continue
                ws = m.handshake(path)
                ws.sock.sendall(make(ws))
                status = ws.ended()
                if "says it is" in name and path == "/vnc" and status is None:
                    continue
                assert status in (None, 1000, 1001, 1002, 1005, 1007, 1008, 1009), (path, name, status)
        m.gone()


def test_pings():
    with Web() as m:
        ws = m.handshake("/serial0")
        ws.send(PING, b"are you there")
        assert ws.read() == (PONG, b"are you there")
        ws.send(TEXT, b"", fin=0)
        ws.send(PING, b"")
        ws.send(0, b"")
        assert ws.read() == (PONG, b"")
        ws.close()
        # Many, and the answers are not read.
        rss = m.rss_kib()
        with SixOrs(m, "pings", cpu_s=20):
            ws = m.handshake("/serial0")
            flood = ws.frame(PING, b"x" * 125) * 1000
            ws.sock.settimeout(0.5)
            sent = 0
            try:
                for _ in range(400):
                    sent += ws.sock.send(flood)
            except TimeoutError:
                pass
            assert sent < 40e6, "it reads without end and answers into the void"
            assert m.rss_kib() - rss < 20 * 1024 * SLOW
            ws.close()


def test_random_bytes():
    rng = random.Random(7)
    with Web() as m, SixOrs(m, "random", cpu_s=20):
        before = m.fds()
        starts = [b"", b"GET / HTTP/1.1\r\n", b"GET /control HTTP/1.1\r\nHost: localhost\r\n", b"GET " + b"/" * 5000,
                  b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"]
        for i in range(60):
            sock = m.connect()
            sock.settimeout(0.3)  # half a request is waited for, but not by us
            try:
                sock.sendall(rng.choice(starts) + rng.randbytes(rng.choice((1, 20, 300, 9000))))
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(65536):
                    pass
            except OSError:
                pass
            sock.close()
        for i in range(60):
            ws = m.handshake(rng.choice(("/control", "/serial0", "/vnc")))
            if isinstance(ws, int):
                assert ws == 503  # the last ones are still on their way out
                time.sleep(0.2)
                continue
            try:
                ws.sock.sendall(rng.randbytes(rng.choice((1, 20, 300, 9000))))
                if rng.random() < 0.5:
                    ws.sock.shutdown(socket.SHUT_WR)
                    ws.ended()
            except OSError:
                pass
            ws.close()
        m.gone()
        m.gone(lambda m: m.fds() <= before)  # half a request is waited for, ten seconds


def test_long_headers():
    with Web() as m:
        assert m.get("/", more="X: " + "a" * 20000 + "\r\n")[0] in (0, 400, 413, 431)
        assert m.get("/", more="".join("X%d: y\r\n" % i for i in range(2000)))[0] in (0, 400, 413, 431)
        assert m.get("/" + "a" * 20000)[0] in (0, 400, 404, 414, 431)
        assert m.get("/")[0] == 200


# ---- too many, too slow ----

def test_limits():
    with Web() as m, SixOrs(m, "limits", cpu_s=20):
        sockets = []
        for _ in range(30):
            ws = m.handshake("/serial0")
            if isinstance(ws, int):
                assert ws == 503, ws
                break
            sockets.append(ws)
        assert len(sockets) == 24, len(sockets)
        for ws in sockets:
            ws.close()
        m.gone(lambda m: isinstance(m.handshake("/serial0"), Socket))
        idle = []
        for _ in range(100):  # the kernel keeps what is over the limit waiting
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", int(m.port)))
            idle.append(sock)
        m.alive()
        assert m.fds() < 120
        m.alive()
        for sock in idle:
            sock.close()
        assert m.get("/")[0] == 200


def test_slow_peers():
    """A header that never ends, a peer that says nothing, a WebSocket that takes nothing: gone in half a minute."""
    with Web() as m:
        slow, silent, half = m.connect(), m.connect(), m.connect()
        slow.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ")
        half.sendall(b"GET /")
        stuck = m.handshake("/control")
        stuck.sock.setblocking(False)
        stuck.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        flood = stuck.frame(PING, b"x" * 125) * 40000
        end = time.monotonic() + 60
        gone = {}
        while len(gone) < 3 or m.execute("query-web")["pages"]:
            assert time.monotonic() < end, "still there, but %s" % list(gone)
            if "slow" not in gone:
                try:
                    slow.send(b"a")
                except ConnectionError:
                    gone["slow"] = True
            for name, sock in (("silent", silent), ("half", half)):
                sock.setblocking(False)
                try:
                    if name not in gone and not sock.recv(4096):
                        gone[name] = True
                except BlockingIOError:
                    pass
                except ConnectionError:
                    gone[name] = True
            # Answers that it does not take, until the socket between us is full.
            try:
                while flood:
                    flood = flood[stuck.sock.send(flood[:100000]):]
            except (BlockingIOError, ConnectionError):
                pass
            time.sleep(0.1)
        m.alive()


if __name__ == "__main__":
    said = subprocess.run([KVM_DM, "-accel", "qtest", "-qtest", "null", "-display", "web=x"], capture_output=True, text=True)
    if "no web console" in said.stderr:
        print("built without the web console")
        sys.exit(77)
    if not os.path.exists("/usr/share/novnc/core/rfb.js"):
        print("noVNC is missing (Debian package novnc)")
        sys.exit(77)
    run(sys.modules[__name__])
