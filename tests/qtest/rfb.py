# SPDX-License-Identifier: GPL-2.0-or-later
"""A small RFB client (RFC 6143): raw, hextile and zrle, key and pointer events, VNC authentication."""
import base64
import os
import socket
import struct
import time
import zlib

RAW, HEXTILE, ZRLE, TIGHT, ZLIB = 0, 5, 16, 7, 6
NEW_SIZE, EXT_KEY, RELATIVE = -223, -258, -257
LIMIT_S = 10


# ---- DES (FIPS 46-3), one block, for the challenge; tables as in the standard, counted from 1 ----

def table(text):
    return [int(n) for n in text.split()]


IP = [58 - 8 * c + 2 * r for r in range(4) for c in range(8)] + [57 - 8 * c + 2 * r for r in range(4) for c in range(8)]
FP = [IP.index(n) + 1 for n in range(1, 65)]
E = [(4 * r + c - 1) % 32 + 1 for r in range(8) for c in range(6)]
P = table("16 7 20 21 29 12 28 17 1 15 23 26 5 18 31 10 2 8 24 14 32 27 3 9 19 13 30 6 22 11 4 25")
PC1 = table("57 49 41 33 25 17 9 1 58 50 42 34 26 18 10 2 59 51 43 35 27 19 11 3 60 52 44 36 "
            "63 55 47 39 31 23 15 7 62 54 46 38 30 22 14 6 61 53 45 37 29 21 13 5 28 20 12 4")
PC2 = table("14 17 11 24 1 5 3 28 15 6 21 10 23 19 12 4 26 8 16 7 27 20 13 2 "
            "41 52 31 37 47 55 30 40 51 45 33 48 44 49 39 56 34 53 46 42 50 36 29 32")
SHIFTS = [1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1]
S = [table(t) for t in (
    "14 4 13 1 2 15 11 8 3 10 6 12 5 9 0 7 0 15 7 4 14 2 13 1 10 6 12 11 9 5 3 8 "
    "4 1 14 8 13 6 2 11 15 12 9 7 3 10 5 0 15 12 8 2 4 9 1 7 5 11 3 14 10 0 6 13",
    "15 1 8 14 6 11 3 4 9 7 2 13 12 0 5 10 3 13 4 7 15 2 8 14 12 0 1 10 6 9 11 5 "
    "0 14 7 11 10 4 13 1 5 8 12 6 9 3 2 15 13 8 10 1 3 15 4 2 11 6 7 12 0 5 14 9",
    "10 0 9 14 6 3 15 5 1 13 12 7 11 4 2 8 13 7 0 9 3 4 6 10 2 8 5 14 12 11 15 1 "
    "13 6 4 9 8 15 3 0 11 1 2 12 5 10 14 7 1 10 13 0 6 9 8 7 4 15 14 3 11 5 2 12",
    "7 13 14 3 0 6 9 10 1 2 8 5 11 12 4 15 13 8 11 5 6 15 0 3 4 7 2 12 1 10 14 9 "
    "10 6 9 0 12 11 7 13 15 1 3 14 5 2 8 4 3 15 0 6 10 1 13 8 9 4 5 11 12 7 2 14",
    "2 12 4 1 7 10 11 6 8 5 3 15 13 0 14 9 14 11 2 12 4 7 13 1 5 0 15 10 3 9 8 6 "
    "4 2 1 11 10 13 7 8 15 9 12 5 6 3 0 14 11 8 12 7 1 14 2 13 6 15 0 9 10 4 5 3",
    "12 1 10 15 9 2 6 8 0 13 3 4 14 7 5 11 10 15 4 2 7 12 9 5 6 1 13 14 0 11 3 8 "
    "9 14 15 5 2 8 12 3 7 0 4 10 1 13 11 6 4 3 2 12 9 5 15 10 11 14 1 7 6 0 8 13",
    "4 11 2 14 15 0 8 13 3 12 9 7 5 10 6 1 13 0 11 7 4 9 1 10 14 3 5 12 2 15 8 6 "
    "1 4 11 13 12 3 7 14 10 15 6 8 0 5 9 2 6 11 13 8 1 4 10 7 9 5 0 15 14 2 3 12",
    "13 2 8 4 6 15 11 1 10 9 3 14 5 0 12 7 1 15 13 8 10 3 7 4 12 5 6 11 0 14 9 2 "
    "7 11 4 1 9 12 14 2 0 6 10 13 15 3 5 8 2 1 14 7 4 10 8 13 15 12 9 0 3 5 6 11")]


def permute(bits, order):
    return [bits[n - 1] for n in order]


def des(key, block):
    """key: 8 bytes as DES takes them."""
    def bits(data):
        return [byte >> (7 - i) & 1 for byte in data for i in range(8)]

    cd = permute(bits(key), PC1)
    left, right = (lambda b: (b[:32], b[32:]))(permute(bits(block), IP))
    for shift in SHIFTS:
        cd = cd[shift:28] + cd[:shift] + cd[28 + shift:] + cd[28:28 + shift]
        x = [a ^ b for a, b in zip(permute(right, E), permute(cd, PC2))]
        out = []
        for i in range(8):
            b = x[6 * i:6 * i + 6]
            n = S[i][32 * b[0] + 16 * b[5] + 8 * b[1] + 4 * b[2] + 2 * b[3] + b[4]]
            out += [n >> 3 & 1, n >> 2 & 1, n >> 1 & 1, n & 1]
        left, right = right, [a ^ b for a, b in zip(left, permute(out, P))]
    out = permute(right + left, FP)
    return bytes(sum(out[8 * i + j] << (7 - j) for j in range(8)) for i in range(8))


assert des(bytes.fromhex("133457799BBCDFF1"), bytes.fromhex("0123456789ABCDEF")).hex() == "85e813540f0ab405"


def vnc_response(password, challenge):
    """RFC 6143, 7.2.2, with the bits of each key byte mirrored, as every implementation does."""
    key = bytes(int("{:08b}".format(b)[::-1], 2) for b in password.encode()[:8].ljust(8, b"\0"))
    return des(key, challenge[:8]) + des(key, challenge[8:])


class Closed(Exception):
    pass


class WebSocket:
    """A socket's sendall() and recv() in binary frames (RFC 6455)."""

    def __init__(self, sock):
        self.sock, self.data = sock, b""
        sock.sendall(b"GET /websockify HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n"
                     b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: "
                     + base64.b64encode(os.urandom(16)) +
                     b"\r\nSec-WebSocket-Protocol: binary\r\nSec-WebSocket-Version: 13\r\n\r\n")
        while b"\r\n\r\n" not in self.data:
            self.more()
        head, self.data = self.data.split(b"\r\n\r\n", 1)
        assert head.startswith(b"HTTP/1.1 101"), head
        self.payload = b""

    def more(self):
        part = self.sock.recv(65536)
        if not part:
            raise Closed()
        self.data += part

    def take(self, n):
        while len(self.data) < n:
            self.more()
        part, self.data = self.data[:n], self.data[n:]
        return part

    def recv(self, n):
        while not self.payload:
            head = self.take(2)
            length = head[1] & 127
            if length == 126:
                length = struct.unpack(">H", self.take(2))[0]
            elif length == 127:
                length = struct.unpack(">Q", self.take(8))[0]
            self.payload = self.take(length)
        part, self.payload = self.payload[:n], self.payload[n:]
        return part

    def sendall(self, data):
        mask = os.urandom(4)
        length = len(data)
        head = bytes([0x82, 0x80 | length]) if length < 126 else bytes([0x82, 0xfe]) + struct.pack(">H", length)
        self.sock.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def close(self): self.sock.close()
    def settimeout(self, s): self.sock.settimeout(s)


def connect(address, websocket=False):
    sock = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
    sock.settimeout(LIMIT_S)
    sock.connect(address)
    return WebSocket(sock) if websocket else sock


class Client:
    def __init__(self, address, password=None, shared=True, encodings=(RAW, NEW_SIZE), websocket=False, version=8):
        self.sock = connect(address, websocket)
        self.data = b""
        assert self.read(12) == b"RFB 003.008\n"
        self.sock.sendall(b"RFB 003.00%d\n" % version)
        self.authenticate(password, version)
        self.sock.sendall(bytes([shared]))
        self.width, self.height = struct.unpack(">HH", self.read(4))
        self.format = self.read(16)
        self.name = self.read(struct.unpack(">I", self.read(4))[0]).decode()
        self.pixels = bytearray(self.width * self.height * 4)
        self.inflate = zlib.decompressobj()
        self.seen = set()  # encodings that came
        if encodings:
            self.set_encodings(*encodings)

    def authenticate(self, password, version):
        if version < 7:
            self.kind = struct.unpack(">I", self.read(4))[0]
        else:
            kinds = self.read(self.read(1)[0])
            assert len(kinds) == 1
            self.kind = kinds[0]
            self.sock.sendall(bytes(kinds))
        if self.kind == 2:
            challenge = self.read(16)
            self.sock.sendall(password if isinstance(password, bytes) else vnc_response(password or "", challenge))
        if self.kind == 2 or version >= 8:
            if self.read(4) != b"\0\0\0\0":
                raise PermissionError()

    def read(self, n):
        while len(self.data) < n:
            try:
                part = self.sock.recv(1 << 20)
            except ConnectionError:
                part = b""
            if not part:
                raise Closed()
            self.data += part
        part, self.data = self.data[:n], self.data[n:]
        return part

    def close(self):
        self.sock.close()

    # ---- to the server ----
    def set_encodings(self, *codes):
        self.sock.sendall(struct.pack(">BBH", 2, 0, len(codes)) + b"".join(struct.pack(">i", c) for c in codes))

    def set_format(self, bits=32, depth=24, big=0, true=1, maxes=(255, 255, 255), shifts=(16, 8, 0)):
        self.sock.sendall(struct.pack(">BBBBBBBBHHHBBBBBB", 0, 0, 0, 0, bits, depth, big, true, *maxes, *shifts, 0, 0, 0))

    def request(self, incremental=True, rect=None):
        self.sock.sendall(struct.pack(">BBHHHH", 3, incremental, *(rect or (0, 0, self.width, self.height))))

    def key(self, keysym, down=True):
        self.sock.sendall(struct.pack(">BBHI", 4, down, 0, keysym))

    def ext_key(self, xt, down=True, keysym=0):
        self.sock.sendall(struct.pack(">BBHII", 255, 0, down, keysym, xt))

    def pointer(self, x, y, buttons=0):
        self.sock.sendall(struct.pack(">BBHH", 5, buttons, x, y))

    # ---- from the server ----
    def message(self):
        """One message; for an update the list of (x, y, w, h, encoding)."""
        kind = self.read(1)[0]
        if kind == 3:
            self.read(self.length(self.read(7)[3:]))
            return None
        if kind == 1:
            self.read(6 * struct.unpack(">xHH", self.read(5))[1])
            return None
        assert kind == 0, "message %d" % kind
        count = struct.unpack(">xH", self.read(3))[0]
        return [self.rectangle() for _ in range(count)]

    @staticmethod
    def length(data):
        return abs(struct.unpack(">i", data)[0])

    def rectangle(self):
        x, y, w, h, code = struct.unpack(">HHHHi", self.read(12))
        self.seen.add(code)
        if code == NEW_SIZE:
            self.width, self.height = w, h
            self.pixels = bytearray(w * h * 4)
        elif code == RAW:
            self.put(x, y, w, h, self.read(w * h * 4))
        elif code == ZRLE:
            self.zrle(x, y, w, h, self.inflate.decompress(self.read(struct.unpack(">I", self.read(4))[0])))
        elif code == HEXTILE:
            self.hextile(x, y, w, h)
        else:
            assert code in (EXT_KEY, RELATIVE), "encoding %d" % code
        return x, y, w, h, code

    def put(self, x, y, w, h, data):
        for row in range(h):
            at = ((y + row) * self.width + x) * 4
            assert at + w * 4 <= len(self.pixels)
            self.pixels[at:at + w * 4] = data[row * w * 4:(row + 1) * w * 4]

    def hextile(self, x0, y0, w0, h0):
        back = fore = b"\0\0\0\0"
        for y in range(y0, y0 + h0, 16):
            for x in range(x0, x0 + w0, 16):
                w, h = min(16, x0 + w0 - x), min(16, y0 + h0 - y)
                mask = self.read(1)[0]
                if mask & 1:
                    self.put(x, y, w, h, self.read(w * h * 4))
                    continue
                back = self.read(4) if mask & 2 else back
                fore = self.read(4) if mask & 4 else fore
                self.put(x, y, w, h, back * (w * h))
                for _ in range(self.read(1)[0] if mask & 8 else 0):
                    colour = self.read(4) if mask & 16 else fore
                    a, b = self.read(2)
                    sw, sh = (b >> 4) + 1, (b & 15) + 1
                    self.put(x + (a >> 4), y + (a & 15), sw, sh, colour * (sw * sh))

    def zrle(self, x0, y0, w0, h0, data):
        at = 0

        def pixel():
            nonlocal at
            at += 3
            return data[at - 3:at] + b"\0"

        def run():
            nonlocal at
            n = 1
            while data[at] == 255:
                n, at = n + 255, at + 1
            at += 1
            return n + data[at - 1]

        for y in range(y0, y0 + h0, 64):
            for x in range(x0, x0 + w0, 64):
                w, h = min(64, x0 + w0 - x), min(64, y0 + h0 - y)
                kind = data[at]
                at += 1
                out = []
                if kind == 0:
                    out = [pixel() for _ in range(w * h)]
                elif kind == 1:
                    out = [pixel()] * (w * h)
                elif kind <= 16:
                    palette = [pixel() for _ in range(kind)]
                    size = 1 if kind == 2 else 2 if kind <= 4 else 4
                    for _ in range(h):
                        row = data[at:at + (w * size + 7) // 8]
                        at += len(row)
                        for i in range(w):
                            out.append(palette[row[i * size // 8] >> (8 - size - i * size % 8) & (1 << size) - 1])
                elif kind == 128:
                    while len(out) < w * h:
                        out += [pixel()] * run()
                else:
                    palette = [pixel() for _ in range(kind - 128)]
                    while len(out) < w * h:
                        index = data[at]
                        at += 1
                        out += [palette[index & 127]] * (run() if index & 128 else 1)
                self.put(x, y, w, h, b"".join(out))
        assert at == len(data)

    def update(self, incremental=True, within=LIMIT_S):
        """Asks, and reads until pixels came; False: none within so many seconds."""
        self.request(incremental)
        self.sock.settimeout(within)
        try:
            while True:
                got = self.message()
                if got and any(code >= 0 for *_, code in got):
                    return True
                if got and any(code == NEW_SIZE for *_, code in got):
                    self.request(False)
        except TimeoutError:
            return False
        finally:
            self.sock.settimeout(LIMIT_S)

    def rgb(self):
        out = bytearray(self.width * self.height * 3)
        out[0::3], out[1::3], out[2::3] = self.pixels[2::4], self.pixels[1::4], self.pixels[0::4]
        return bytes(out)

    def catch_up(self, quiet=0.4):
        """Until nothing new comes for a while."""
        end = time.monotonic() + LIMIT_S
        while self.update(True, quiet):
            assert time.monotonic() < end, "the picture does not come to rest"
