#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The screen as text, waiting for it, and typing, through the real process and its monitors."""
import hashlib
import json
import os
import random
import socket
import sys
import time
import unicodedata

sys.path.insert(0, os.path.dirname(__file__))
from kvmdm import Machine, run

ROM = "/usr/share/seabios/vgabios-stdvga.bin"
KEYMAPS = "/usr/share/qemu/keymaps"
TEXT = 0xb8000
CRTC80 = bytes.fromhex("5f4f50825581bf1f004f0d0e000000009c8e8f281f96b9a3ff")
CRTC40 = bytes.fromhex("2d2728902ba0bf1f004f0d0e000000009c8e8f141f96b9a3ff")


class Screen:
    """Text modes set by registers, as a BIOS does it."""

    def __init__(self, m):
        self.m = m

    def set(self, port, index, value):
        self.m.cmds(["outb 0x%x 0x%x" % (port, index), "outb 0x%x 0x%x" % (port + 1, value)])

    def attribute(self, index, value):
        self.m.inb(0x3da)
        self.m.outb(0x3c0, index)
        self.m.outb(0x3c0, value)

    def text(self, columns=80):
        self.columns = columns
        crtc = bytearray(CRTC40 if columns == 40 else CRTC80)
        if columns == 132:
            crtc[0x01], crtc[0x13] = 131, 66
        self.m.outb(0x3c2, 0x67)
        for i, v in enumerate((3, 8 if columns == 40 else 0, 3, 0, 2)):
            self.set(0x3c4, i, v)
        self.set(0x3d4, 0x11, 0)
        for i, v in enumerate(crtc):
            self.set(0x3d4, i, v)
        for i, v in enumerate((0, 0, 0, 0, 0, 0x10, 0x0e, 0, 0xff)):
            self.set(0x3ce, i, v)
        for i in range(16):
            self.attribute(i, i)
        self.attribute(0x10, 0x0c)
        self.attribute(0x12, 0x0f)
        self.attribute(0x13, 8)
        self.attribute(0x14, 0)
        self.m.inb(0x3da)
        self.m.outb(0x3c0, 0x20)
        self.m.write(TEXT, b" \x07" * (columns * 60))

    def font(self, glyphs):
        """256 glyphs of 16 lines into plane 2."""
        self.set(0x3c4, 2, 4), self.set(0x3c4, 4, 7)
        self.set(0x3ce, 5, 0), self.set(0x3ce, 6, 0)
        self.m.write(0xa0000, b"".join(g + bytes(16) for g in glyphs))
        self.set(0x3c4, 2, 3), self.set(0x3c4, 4, 2)
        self.set(0x3ce, 5, 0x10), self.set(0x3ce, 6, 0x0e)

    def put(self, row, column, text, attribute=7):
        cells = b"".join(bytes((c, attribute)) for c in text.encode("latin-1"))
        self.m.write(TEXT + (row * self.columns + column) * 2, cells)


class Peer:
    """Another monitor: its own connection, its own waiting."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)
        self.sock.settimeout(20)
        self.file = self.sock.makefile("rb")
        self.file.readline()
        self.send("qmp_capabilities")
        self.answer()

    def send(self, command, id=None, **arguments):
        self.sock.sendall(json.dumps({"execute": command, "arguments": arguments, "id": id}).encode())

    def answer(self):
        while True:
            a = json.loads(self.file.readline())
            if "event" not in a:
                return a

    def quiet(self, seconds):
        """Nothing but events comes for so long."""
        self.sock.settimeout(seconds)
        try:
            while b'"event"' in self.sock.recv(65536):
                pass
            raise AssertionError("an answer came")
        except TimeoutError:
            pass
        self.sock.settimeout(20)
        self.file = self.sock.makefile("rb")

    def close(self):
        self.file.close()
        self.sock.close()


def bios_font():
    with open(ROM, "rb") as f:
        rom = f.read()
    start = rom.find(bytes.fromhex("00007e81a58181bd9981817e00000000")) - 16
    return [rom[start + i * 16:start + i * 16 + 16] for i in range(256)]


def two(m_options=()):
    path = "/tmp/kvm-dm-screen-%d.sock" % os.getpid()
    if os.path.exists(path):
        os.unlink(path)
    return path, Machine("-vga", "std", "-qmp", "unix:%s,server=on,wait=off" % path, *m_options)


def test_text_modes():
    with Machine("-vga", "std") as m:
        s = Screen(m)
        for columns in (80, 40, 132):
            s.text(columns)
            s.font(bios_font())
            s.put(0, 0, "first \x84\xe1 \xb3", 0x1e)
            s.put(24, columns - 4, "last", 0x9f)
            s.set(0x3d4, 0x0e, 0), s.set(0x3d4, 0x0f, columns + 5)
            got = m.execute("query-screen-text", attributes=True)
            assert (got["mode"], got["columns"], got["rows"]) == ("text", columns, 25), got
            assert got["lines"][0] == "first äß │", got["lines"][0]
            assert got["lines"][24] == " " * (columns - 4) + "last"
            assert got["cursor"] == {"x": 5, "y": 1, "visible": True}, got["cursor"]
            assert got["attributes"][0] == [
                {"start": 0, "count": 10, "foreground": 14, "background": 1, "blink": False},
                {"start": 10, "count": columns - 10, "foreground": 7, "background": 0, "blink": False}]
            assert got["attributes"][24][1] == {
                "start": columns - 4, "count": 4, "foreground": 15, "background": 1, "blink": True}
        s.attribute(0x10, 0x04)  # bright backgrounds in place of blinking
        m.inb(0x3da), m.outb(0x3c0, 0x20)
        run_ = m.execute("query-screen-text", attributes=True)["attributes"][24][1]
        assert run_["background"] == 9 and not run_["blink"]


def test_start_address_and_split():
    with Machine("-vga", "std") as m:
        s = Screen(m)
        s.text()
        for row in range(50):
            s.put(row, 0, "row %d" % row)
        s.set(0x3d4, 0x0c, 0), s.set(0x3d4, 0x0d, 160 - 80)
        assert m.execute("query-screen-text")["lines"][:2] == ["row 1", "row 2"]
        line = 20 * 16 - 1  # the last five rows come from address 0
        s.set(0x3d4, 0x18, line & 0xff)
        s.set(0x3d4, 0x07, 0x1f & ~0x10 | (line >> 8 & 1) << 4)
        s.set(0x3d4, 0x09, 0x4f & ~0x40)
        lines = m.execute("query-screen-text")["lines"]
        assert lines[19:22] == ["row 20", "row 0", "row 1"] and len(lines) == 25, lines
        s.set(0x3d4, 0x18, (line - 8) & 0xff)  # inside of a row: both rows show
        lines = m.execute("query-screen-text")["lines"]
        assert lines[19:22] == ["row 20", "row 0", "row 1"] and len(lines) == 26, lines
        s.set(0x3d4, 0x08, 4)  # smooth scroll by four lines
        lines = m.execute("query-screen-text")["lines"]
        assert lines[0] == "row 1" and "row 0" in lines, lines


def test_loaded_font():
    with Machine("-vga", "std") as m:
        s = Screen(m)
        s.text()
        glyphs = bios_font()
        turned = [glyphs[(c - 1) % 256] for c in range(256)]
        s.font(turned)
        m.write(TEXT, b"!\x07" * 2000)  # the space of this font
        s.put(2, 0, "Ifmmp")
        assert m.execute("query-screen-text")["lines"][2] == "Hello"
        assert m.execute("wait-screen", text="^Hel+o$")["line"] == "Hello"


def test_wait_matches_and_times_out():
    path, machine = two()
    with machine as m:
        s = Screen(m)
        s.text()
        got = m.ask("wait-screen", text="never", **{"timeout-ms": 0})
        assert "timed out" in got["error"]["desc"], got
        start = time.monotonic()
        got = m.ask("wait-screen", text="never", **{"timeout-ms": 300})
        assert "timed out" in got["error"]["desc"] and 0.25 < time.monotonic() - start < 2, got
        s.put(5, 10, "login: ")
        got = m.execute("wait-screen", text="log(in|on):")
        assert (got["text"], got["row"], got["column"], got["line"]) == \
            ("login:", 5, 10, " " * 10 + "login:"), got
        p, q = Peer(path), None
        p.send("wait-screen", id=7, text="^ready [0-9]+$", **{"timeout-ms": 10000})
        p.send("query-status", id=8)  # keeps its place behind the answer
        p.quiet(0.3)
        for _ in range(20):
            m.execute("query-status")  # others go on
        s.put(7, 0, "ready 42")
        a = p.answer()
        assert a["id"] == 7 and a["return"]["text"] == "ready 42", a
        assert p.answer()["id"] == 8
        p.close()
        q = Peer(path)  # one that goes away while it waits
        q.send("wait-screen", text="nothing like this")
        time.sleep(0.2)
        q.close()
        time.sleep(0.2)
        s.put(9, 0, "nothing like this")
        q = Peer(path)
        q.send("query-status", id=1)
        assert q.answer()["id"] == 1
        q.close()
        for bad in ({}, {"text": "(", "timeout-ms": 1}, {"text": "a", "hash": "0" * 64}, {"hash": "xyz"},
                    {"text": "a" * 2000}, {"text": "a", "timeout-ms": -1}, {"stable-ms": 1 << 40}):
            assert "error" in m.ask("wait-screen", **bad), bad
        m.alive()


def test_hostile_regex():
    with Machine("-vga", "std") as m:
        s = Screen(m)
        s.text()
        for row in range(25):
            s.put(row, 0, "a" * 80)
        # No letter that has to be there: else the matcher sees at once that it is not.
        for pattern in ("(a+)+[bc]", "(a|a)*[bc]", "(?:a?){40}a{40}[bc]", "((a*)*)*[cd]",
                        "(?s)(.*?){60}[bc]", "(?=(a+)+[bc])"):
            start = time.monotonic()
            got = m.ask("wait-screen", text=pattern, **{"timeout-ms": 60000})
            assert "too long to match" in got["error"]["desc"], (pattern, got)
            assert time.monotonic() - start < 1, pattern
        got = m.ask("wait-screen", text="(*LIMIT_MATCH=4000000000)(a+)+[bc]")
        assert "begin" in got["error"]["desc"], got
        m.alive()


def test_stable_and_hash():
    path, machine = two()
    with machine as m:
        s = Screen(m)
        s.text()
        p = Peer(path)
        p.send("wait-screen", **{"stable-ms": 600, "timeout-ms": 10000})
        for i in range(10):  # it changes for a second
            s.put(0, 0, "%d" % i)
            time.sleep(0.1)
        changed = time.monotonic()
        a = p.answer()["return"]
        assert a["stable-ms"] >= 600 and time.monotonic() - changed > 0.4, a
        picture = os.path.join(m.dir.name, "shot.ppm")
        s.set(0x3d4, 0x0a, 0x20)  # no cursor, which would blink
        m.execute("screendump", filename=picture)
        with open(picture, "rb") as f:
            digest = hashlib.sha256(f.read()).hexdigest()
        assert m.execute("wait-screen", hash=digest)["hash"] == digest
        assert m.execute("wait-screen", hash=digest[:16].upper())["hash"] == digest
        assert "error" in m.ask("wait-screen", hash="0" * 64, **{"timeout-ms": 200})
        p.send("wait-screen", id=3, hash=digest, **{"timeout-ms": 10000})
        assert p.answer()["id"] == 3
        p.close()


def test_many_wait():
    path, machine = two()
    with machine as m:
        s = Screen(m)
        s.text()
        cpu = m.cpu_s()
        p = Peer(path)
        p.send("wait-screen", text="not there", **{"timeout-ms": 60000})
        time.sleep(3)
        used = (m.cpu_s() - cpu) / 3
        limit = 0.3 if "asan" in os.environ.get("KVM_DM", "") else 0.08
        assert used < limit, "waiting takes %.0f %% of a core" % (used * 100)
        m.execute("quit")  # with one still waiting
        m.process.wait(5)


def read_keys(m, count, pause=0.0, limit_s=20):
    """`count` bytes from the keyboard, each read after a pause."""
    out, end = [], time.monotonic() + limit_s
    while len(out) < count and time.monotonic() < end:
        if m.inb(0x64) & 1:
            time.sleep(pause)
            out.append(m.inb(0x60))
    return out


def test_slow_guest():
    path, machine = two()
    with machine as m:
        p = Peer(path)
        text = "the quick brown fox 0123456789"
        p.send("type-text", id=1, text=text, **{"interval-ms": 0})
        got = read_keys(m, 3 * len(text), pause=0.01)
        a = p.answer()
        assert a["return"] == {"typed": len(text), "characters": len(text)}, a
        make = [b for b, before in zip(got, [0] + got) if b != 0xf0 and before != 0xf0]
        codes = dict(zip("abcdefghijklmnopqrstuvwxyz0123456789 ", bytes.fromhex(
            "1c32212324 2b343343 3b424b3a 31444d15 2d1b2c3c 2a1d2235 1a 45161e26252e363d3e46 29")))
        assert make == [codes[c] for c in text], bytes(make).hex()
        assert not m.inb(0x64) & 1
        p.send("type-text", id=2, text="abc" * 100)
        read_keys(m, 6)
        m.execute("cancel-type")
        a = p.answer()
        assert "cancelled" in a["error"]["desc"], a
        rest = read_keys(m, 100, limit_s=0.5)
        assert len(rest) < 12 and not m.inb(0x64) & 1, rest
        p.close()
        m.execute("query-status")
        done = m.named("TYPE_COMPLETED")
        assert [d["result"] for d in done] == ["done", "cancelled"], done


def test_each_key_waits_for_the_guest():
    """Nothing is sent to the keyboard before the guest has read what was sent before, not even what has room there."""
    path, machine = two()

    def waiting(m):
        """Bytes that the keyboard and its controller hold, when something has come and a while after."""
        end = time.monotonic() + 10
        while not m.inb(0x64) & 1 and time.monotonic() < end:
            time.sleep(0.005)
        time.sleep(0.05)
        fields = m.execute("query-device-state", id="i8042")["fields"]
        return fields["obf"] + fields["kbd.scan.count"]

    with machine as m:
        p = Peer(path)
        p.send("type-text", text="aaB", **{"interval-ms": 0})
        for code in ("1c", "f01c", "1c", "f01c", "12", "32", "f032", "f012"):
            assert waiting(m) == len(code) // 2, "more than %s waits" % code
            assert bytes(m.inb(0x60) for _ in range(len(code) // 2)).hex() == code
        assert p.answer()["return"]["typed"] == 3
        p.close()


def test_interval_between_keys():
    """A guest that reads at once is given time nevertheless: 10 ms after each key, or as asked for."""
    path, machine = two()
    with machine as m:
        for arguments, at_least_s in (({}, 0.29), ({"interval-ms": 30}, 0.87), ({"hold-ms": 20}, 0.89)):
            p = Peer(path)
            p.send("type-text", text="a" * 30, **arguments)
            start = time.monotonic()
            assert len(read_keys(m, 90, limit_s=60)) == 90
            took = time.monotonic() - start
            assert took > at_least_s, "%s: 30 keys in %.2f s" % (arguments, took)
            assert p.answer()["return"]["typed"] == 30
            p.close()


def test_typing_ends_with_its_asker():
    path, machine = two()
    with machine as m:
        p = Peer(path)
        p.send("type-text", text="x" * 1000)
        time.sleep(0.1)
        p.close()
        time.sleep(0.2)
        m.execute("query-status")
        assert m.named("TYPE_COMPLETED")[-1]["result"] == "cancelled"
        m.execute("type-text", text="y", wait=False)  # nobody waits: it stays
        assert m.execute("cancel-type") == {"cancelled": 1}
        got = m.ask("type-text", text="z", **{"timeout-ms": 200})
        assert "does not read" in got["error"]["desc"], got


def test_keyboard_that_is_off():
    """A guest that has switched its keyboard off for a while, as drivers do at start, loses nothing."""
    path, machine = two()
    with machine as m:
        m.outb(0x60, 0xf5)
        assert read_keys(m, 1) == [0xfa]
        p = Peer(path)
        p.send("type-text", text="ok")
        time.sleep(0.3)
        assert not m.inb(0x64) & 1
        m.outb(0x60, 0xf4)
        assert read_keys(m, 1) == [0xfa]
        assert read_keys(m, 6) == [0x44, 0xf0, 0x44, 0x42, 0xf0, 0x42]
        assert p.answer()["return"]["typed"] == 2
        p.close()


def test_flood():
    with Machine("-vga", "std") as m:
        before = m.rss_kib()
        for _ in range(30):
            m.ask("type-text", text="flood " * 40000, wait=False)
            m.ask("send-key", keys=[{"type": "qcode", "data": "a"}] * 16)
            m.ask("input-send-event", events=[{"type": "rel", "data": {"axis": "x", "value": 32767}}] * 256)
        m.alive()
        assert m.rss_kib() - before < 150000, "%d KiB more" % (m.rss_kib() - before)
        assert m.execute("cancel-type")["cancelled"] > 0
        assert "error" in m.ask("send-key", keys=[{"type": "qcode", "data": "a"}] * 17)
        assert "error" in m.ask("type-text", text="x" * 300000)


def test_send_key():
    with Machine("-vga", "std") as m:
        def sent(keys, count, **more):
            m.execute("send-key", keys=keys, **more)
            return bytes(read_keys(m, count)).hex()
        q = lambda n: {"type": "qcode", "data": n}
        assert sent([q("ctrl"), q("alt"), q("delete")], 11) == "1411e071e0f071f011f014"
        assert sent([{"type": "number", "data": 211}], 5, **{"hold-time": 1}) == "e071e0f071"
        assert sent([q("pause")], 8) == "e11477e1f014f077"
        assert sent([q("print")], 10) == "e012e07ce0f07ce0f012"
        assert sent([q("volumeup")], 5) == "e032e0f032"
        assert sent([q("asterisk")], 3) == "7cf07c"
        assert sent([q("compose")], 5) == "e02fe0f02f"
        start = time.monotonic()
        m.execute("send-key", keys=[q("a")], **{"hold-time": 300})
        assert read_keys(m, 3) == [0x1c, 0xf0, 0x1c] and time.monotonic() - start > 0.29
        for bad in ([q("nope")], [{"type": "number", "data": 0}], [{"type": "number", "data": 300}], ["a"],
                    [{"type": "qcode", "data": 1}], [{"type": "number", "data": "a"}], [{}],
                    [{"type": "qcode"}], [q("lang1")]):
            assert "error" in m.ask("send-key", keys=bad), bad
        assert "error" in m.ask("send-key", keys=[q("a")], **{"hold-time": -1})
        assert not m.inb(0x64) & 1


def test_send_key_to_a_guest_that_hangs():
    """Nobody reads: the keys of later send-keys are pressed all the same, and the newest reader finds them."""
    with Machine("-vga", "std") as m:
        m.execute("send-key", keys=[{"type": "qcode", "data": "a"}], **{"hold-time": 0})
        time.sleep(2.6)
        assert read_keys(m, 3, limit_s=2) == [0x1c, 0xf0, 0x1c]


def test_input_send_event():
    with Machine("-vga", "std") as m:
        key = lambda n, d: {"type": "key", "data": {"key": {"type": "qcode", "data": n}, "down": d}}
        m.execute("input-send-event", events=[key("shift", True), key("a", True), key("a", False),
                                              key("shift", False)])
        assert bytes(read_keys(m, 6)).hex() == "121cf01cf012"
        # the mouse: switched on, as a driver does it
        m.outb(0x64, 0xa8)
        m.outb(0x64, 0x20)
        mode = m.inb(0x60)
        m.outb(0x64, 0x60), m.outb(0x60, mode & ~0x20)
        m.outb(0x64, 0xd4), m.outb(0x60, 0xf4)
        assert read_keys(m, 1) == [0xfa]
        m.execute("input-send-event", device="vga", head=0, events=[
            {"type": "rel", "data": {"axis": "x", "value": 5}}])
        assert read_keys(m, 3) == [0x08, 5, 0]
        m.execute("input-send-event", events=[{"type": "rel", "data": {"axis": "y", "value": 5}}])
        assert read_keys(m, 3) == [0x28, 0, 0xfb]
        m.execute("input-send-event", events=[{"type": "btn", "data": {"button": "left", "down": True}}])
        assert read_keys(m, 3) == [0x09, 0, 0]
        m.execute("input-send-event", events=[{"type": "btn", "data": {"button": "right", "down": True}}])
        assert read_keys(m, 3) == [0x0b, 0, 0]
        m.execute("input-send-event", events=[{"type": "btn", "data": {"button": "left", "down": False}}])
        assert read_keys(m, 3) == [0x0a, 0, 0]
        good = {"type": "rel", "data": {"axis": "x", "value": 9}}
        for bad in ({"type": "abs", "data": {"axis": "x", "value": 1}}, {"type": "mtt", "data": {}},
                    {"type": "rel", "data": {"axis": "z", "value": 1}}, {"type": "key", "data": {}}, 5,
                    {"type": "rel", "data": {"axis": "x", "value": 1 << 20}},
                    {"type": "btn", "data": {"button": "wheel-left", "down": True}}):
            assert "error" in m.ask("input-send-event", events=[good, bad]), bad
        assert not m.inb(0x64) & 1  # nothing of a list that is refused is done
        assert m.ask("input-send-event", device="x", events=[])["error"]["class"] == "DeviceNotFound"
        mice = m.execute("query-mice")
        assert mice[0]["current"] and not mice[0]["absolute"]


def test_screendump_device():
    with Machine("-vga", "std") as m:
        path = os.path.join(m.dir.name, "a.ppm")
        m.execute("screendump", filename=path, device="vga", head=0)
        assert os.path.getsize(path) > 0
        assert m.ask("screendump", filename=path, device="no")["error"]["class"] == "DeviceNotFound"
        assert "error" in m.ask("screendump", filename=path, device="vga", head=1)
        assert "error" in m.ask("screendump", filename=path, head=1)
    with Machine("-device", "VGA,id=video0") as m:
        m.execute("screendump", filename=os.path.join(m.dir.name, "a.ppm"), device="video0")


def test_no_display():
    with Machine("-vga", "none") as m:
        for command, arguments in (("query-screen-text", {}), ("wait-screen", {"text": "x"}),
                                   ("wait-screen", {"stable-ms": 1}), ("wait-screen", {"hash": "0" * 64})):
            assert "no graphic console" in m.ask(command, **arguments)["error"]["desc"]


KEYSYMS = {
    "space": " ", "exclam": "!", "quotedbl": '"', "numbersign": "#", "dollar": "$", "percent": "%",
    "ampersand": "&", "apostrophe": "'", "parenleft": "(", "parenright": ")", "asterisk": "*", "plus": "+",
    "comma": ",", "minus": "-", "period": ".", "slash": "/", "colon": ":", "semicolon": ";", "less": "<",
    "equal": "=", "greater": ">", "question": "?", "at": "@", "bracketleft": "[", "backslash": "\\",
    "bracketright": "]", "asciicircum": "^", "underscore": "_", "grave": "`", "braceleft": "{", "bar": "|",
    "braceright": "}", "asciitilde": "~", "EuroSign": "€", "sterling": "£", "section": "§", "degree": "°",
    "mu": "µ", "twosuperior": "²", "threesuperior": "³", "ssharp": "ß", "notsign": "¬", "currency": "¤",
    "exclamdown": "¡", "questiondown": "¿", "masculine": "º", "ordfeminine": "ª", "periodcentered": "·",
    "ntilde": "ñ", "Ntilde": "Ñ", "ccedilla": "ç", "Ccedilla": "Ç", "agrave": "à", "egrave": "è",
    "eacute": "é", "ograve": "ò", "ugrave": "ù", "igrave": "ì", "adiaeresis": "ä", "odiaeresis": "ö",
    "udiaeresis": "ü", "Adiaeresis": "Ä", "Odiaeresis": "Ö", "Udiaeresis": "Ü", "dead_grave": "\u0300",
    "dead_acute": "\u0301", "dead_circumflex": "\u0302", "dead_diaeresis": "\u0308"}


def keymap(name):
    """QEMU's own: (scan code, modifiers) -> character."""
    table = {}
    with open(os.path.join(KEYMAPS, name)) as f:
        for line in f:
            words = line.split()
            if len(words) < 2 or not words[1].startswith("0x"):
                continue
            c = words[0] if len(words[0]) == 1 else KEYSYMS.get(words[0])
            if c:
                table.setdefault((int(words[1], 16), tuple(sorted(words[2:]))), c)
    return table


# QEMU has de and fr without dead keys; there an accent stands for the dead key of the full layout.
DEADLESS = {"^": "\u0302", "`": "\u0300", "´": "\u0301", "¨": "\u0308", "acute": "\u0301"}


def decode(scans, table, deadless):
    """A guest that has the keymap: what it reads in set 2 as text."""
    names = {}
    held, out, dead, release = set(), "", "", False
    set2 = dict(zip(bytes.fromhex("0e161e26252e363d3e46454e55 151d242d2c353c43444d545b"
                                  "1c1b232b34333b424b4c525d 611a22212a32313a41494a 29 5a"),
                    [0x29] + list(range(2, 14)) + list(range(16, 28)) + list(range(30, 41)) + [0x2b, 0x56] +
                    list(range(0x2c, 0x36)) + [0x39, 0x1c]))
    for b in scans:
        if b == 0xe0:
            continue
        if b == 0xf0:
            release = True
            continue
        if b in (0x12, 0x11):
            name = "shift" if b == 0x12 else "altgr"
            (held.discard if release else held.add)(name)
        elif not release:
            c = " " if set2[b] == 0x39 else table[set2[b], tuple(sorted(held))]
            if deadless and (set2[b], c) in deadless:
                c = DEADLESS[c]
            if unicodedata.combining(c):
                dead = c
            else:
                if dead:
                    c = unicodedata.normalize("NFC", c + dead) if c != " " else \
                        {"\u0300": "`", "\u0301": "´", "\u0302": "^", "\u0308": "¨"}[dead]
                out, dead = out + c, ""
        release = False
    return out


def test_layouts_against_qemu_keymaps():
    if not os.path.isdir(KEYMAPS):
        print("(no keymaps of qemu-system-data)", end=" ")
        return
    texts = {
        "us": ("en-us", "".join(map(chr, range(32, 127))), None),
        "uk": ("en-gb", "".join(map(chr, range(32, 127))) + "£¬€", None),
        "de": ("de", "".join(map(chr, range(32, 127))) + "äöüÄÖÜß§°²³€µéèêàâÂ´",
               {(0x29, "^"), (0x0d, "´"), (0x0d, "`")}),
        "fr": ("fr", "".join(map(chr, range(32, 127))) + "éèçàù²§°£€¤µâêîôûëïüÄÔ",
               {(0x1a, "^"), (0x1a, "¨")}),
        "es": ("es", "".join(map(chr, range(32, 127))) + "ñÑçÇ¡¿ºª·¬€áéíóúÁÀâëü", None),
        "it": ("it", "".join(map(chr, range(32, 127))) + "èéòçà°ù§ì£€", None),
    }
    KEYSYMS["acute"], KEYSYMS["diaeresis"] = "´", "¨"
    path, machine = two()
    with machine as m:
        for layout, (name, text, deadless) in texts.items():
            p = Peer(path)
            p.send("type-text", text=text, layout=layout, **{"interval-ms": 0})
            scans, quiet = [], 0
            while quiet < 100:
                if m.inb(0x64) & 1:
                    scans.append(m.inb(0x60))
                    quiet = 0
                else:
                    quiet += 1
                    time.sleep(0.001)
            a = p.answer()
            assert "return" in a, (layout, a)
            got = decode(scans, keymap(name), deadless)
            assert got == text, "%s:\n%s\n%s" % (layout, text, got)
            p.close()


def test_type_without_keys():
    with Machine("-vga", "std") as m:
        got = m.ask("type-text", text="aéb日c")
        assert "é日" in got["error"]["desc"], got
        assert not m.inb(0x64) & 1  # nothing was typed
        m.execute("type-text", text="aéb日", skip=True, wait=False)
        assert read_keys(m, 6) == [0x1c, 0xf0, 0x1c, 0x32, 0xf0, 0x32]
        time.sleep(0.1)
        m.execute("query-status")
        assert m.named("TYPE_COMPLETED")[-1] == \
            {"typed": 2, "characters": 2, "no-key": "é日", "result": "done"}
        assert "error" in m.ask("type-text", text="a", layout="xx")
        m.outb(0x60, 0xed), read_keys(m, 1)
        m.outb(0x60, 4), read_keys(m, 1)
        assert "caps lock" in m.ask("type-text", text="a")["error"]["desc"]


def test_random_registers():
    """Whatever the registers hold, reading the screen answers."""
    r = random.Random(4)
    with Machine("-vga", "std") as m:
        s = Screen(m)
        s.text()
        m.write(TEXT, bytes(r.randrange(256) for _ in range(8000)))
        for i in range(150):
            for _ in range(3):
                port, count = r.choice(((0x3d4, 25), (0x3c4, 5), (0x3ce, 9)))
                s.set(port, r.randrange(count), r.randrange(256))
            got = m.ask("query-screen-text", attributes=bool(i % 2))
            assert "return" in got or "too often" in got["error"]["desc"], got
        m.alive()


if __name__ == "__main__":
    only = sys.argv[1:]
    for name in [n for n in list(globals()) if only and n.startswith("test_") and n not in only]:
        del globals()[name]
    run(sys.modules[__name__])
