#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Golden frames: scripts of accesses set video modes and draw, on Debian's QEMU and on kvm-dm (both as qtest machines,
no firmware), and the two screendumps are compared.

  frames.py [-v] [--keep DIRECTORY] [NAME ...]     only frames whose name contains one of NAME

A frame that differs is listed in frames_known.txt: its name, the checksum of kvm-dm's picture, and the reason. So
what is listed is held to that picture; a row whose frame is equal, has another checksum or is no more, fails.
"""
import json
import os
import random
import shlex
import socket
import sys
import tempfile
import time

import diff
import pictures
from frames_modes import CRTC, GRAPHICS, MODES, SEQUENCER, attribute, dispi, font, indexed, palette, set_mode

HERE = os.path.dirname(os.path.abspath(__file__))
KNOWN = os.path.join(HERE, "frames_known.txt")
OPTIONS = "-display none -nodefaults -qtest stdio -qtest-log /dev/null -vga std"
LFB = 0xE0000000
# QEMU's picture ends with the last whole row of characters: what it has is compared.
CROPPED = {"text 80x28", "text 80x43", "text 132x43"}
# What is tried on the ISA adapter too: its frame buffer is at the same place, without a BAR.
ON_ISA = ("text 80x25, 9 dots", "12h, every write mode", "13h", "mode X, 320x240", "DISPI 1024x768x16",
          "DISPI 640x480x8, banks")


class Screen:
    """An emulator that takes qtest commands and is photographed by QMP."""

    def __init__(self, command, folder, pci=True):
        self.socket_path = os.path.join(folder, "qmp")
        self.ppm = os.path.join(folder, "shot.ppm")
        self.emulator = diff.Emulator(shlex.split(f"{command} {OPTIONS} -qmp unix:{self.socket_path},server=on,wait=off"))
        self.qmp = socket.socket(socket.AF_UNIX)
        end = time.monotonic() + 20
        while True:
            try:
                self.qmp.connect(self.socket_path)
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)
        self.lines = self.qmp.makefile("rwb")
        self.lines.readline()
        self.ask("qmp_capabilities")
        for offset, value in ((0x10, LFB), (0x04, 3)) if pci else ():
            self.run([f"outl 0xcf8 {0x80001000 | offset:#x}", f"outl 0xcfc {value:#x}"])

    def ask(self, command, **arguments):
        self.lines.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        self.lines.flush()
        while True:
            answer = json.loads(self.lines.readline())
            if "return" in answer:
                return
            if "error" in answer:
                sys.exit(f"{command}: {answer['error']}")

    def run(self, commands):
        """In one write, the answers afterwards: a script is thousands of lines."""
        for i in range(0, len(commands), 200):
            part = commands[i:i + 200]
            self.emulator.process.stdin.write("".join(c + "\n" for c in part).encode("ascii"))
            self.emulator.process.stdin.flush()
            for command in part:
                while (line := self.emulator.line()).startswith("IRQ "):
                    pass
                if not line.startswith("OK"):
                    sys.exit(f"{self.emulator.argv[0]}: {command}: {line}")

    def shot(self):
        self.ask("screendump", filename=self.ppm)
        return pictures.read_ppm(self.ppm)

    def end(self):
        self.qmp.close()
        self.emulator.end()


# ---- drawing ----

def fill(address, size, seed):
    """Bytes that look like nothing else, in pieces that a line can hold."""
    rng = random.Random(seed)
    data = rng.randbytes(size)
    return [f"write {address + i:#x} {len(data[i:i + 1024]):#x} 0x{data[i:i + 1024].hex()}"
            for i in range(0, size, 1024)]


def text_cells(cells, seed, base=0xB8000):
    """All attributes; no characters whose ninth column the two make differently (B0h-BFh)."""
    rng = random.Random(seed)
    data = bytearray()
    for _ in range(cells):
        data += bytes([rng.choice([c for c in range(256) if not 0xB0 <= c < 0xC0]),
                       rng.choice([a for a in range(256) if a & 0x77 != 1])])
    return [f"write {base + i:#x} {len(data[i:i + 1024]):#x} 0x{bytes(data[i:i + 1024]).hex()}"
            for i in range(0, len(data), 1024)]


def planes(size, seed):
    """Each plane by its map mask, in write mode 0."""
    out = []
    for plane in range(4):
        out += indexed(SEQUENCER, 2, 1 << plane) + fill(0xA0000, size, seed * 4 + plane)
    return out + indexed(SEQUENCER, 2, 15)


def text(name, cells=4000, seed=1):
    return set_mode(name) + font(0, seed) + font(1, seed + 1) + text_cells(cells, seed)


def every_write_mode():
    """A row for each write mode, function and rotation: latches loaded from a pattern, then written."""
    out = set_mode("12h") + planes(80 * 40, 7)
    row = 40
    for mode in range(4):
        for function in range(4):
            for rotate in (0, 3):
                out += indexed(GRAPHICS, 5, mode) + indexed(GRAPHICS, 3, function << 3 | rotate)
                out += indexed(GRAPHICS, 0, (row * 5) & 15) + indexed(GRAPHICS, 1, row & 15)
                out += indexed(GRAPHICS, 8, 0x7E if row & 1 else 0xFF) + indexed(SEQUENCER, 2, 15 if row & 2 else 11)
                for x in range(0, 80, 4):
                    out += [f"readb {0xA0000 + (row - 40) * 80 + x:#x}", f"writel {0xA0000 + row * 80 + x:#x} 0x{x * 0x01030507 & 0xffffffff:08x}"]
                row += 1
    return out


def read_modes():
    """What reading gives is drawn: read mode 0 of each plane, read mode 1 of each colour. The latch decides."""
    out = set_mode("12h") + planes(80 * 20, 9)
    for colour in range(16):
        out += indexed(GRAPHICS, 5, 8) + indexed(GRAPHICS, 2, colour) + indexed(GRAPHICS, 7, 15 - (colour >> 1))
        out += [f"readb {0xA0000 + colour * 80 + x:#x}" for x in range(0, 80, 7)]
        out += indexed(GRAPHICS, 5, 1) + [f"writeb {0xA0000 + (30 + colour) * 80 + x:#x} 0" for x in range(0, 80, 3)]
    return out


def random_pipeline(seed):
    """Any registers of the memory pipeline, any accesses, in a planar mode."""
    rng = random.Random(seed)
    out = set_mode("12h") + planes(80 * 100, seed)
    for _ in range(120):
        index = rng.choice((0, 1, 2, 3, 4, 5, 7, 8))
        value = rng.randrange(256) & (0x0B if index == 5 else 0xFF)
        out += indexed(GRAPHICS, index, value)
        if rng.random() < 0.3:
            out += indexed(SEQUENCER, 2, rng.randrange(16))
        for _ in range(6):
            address = 0xA0000 + rng.randrange(80 * 100)
            size, width = rng.choice((("b", 1), ("w", 2), ("l", 4)))
            if rng.random() < 0.4:
                out.append(f"read{size} {address:#x}")
            else:
                out.append(f"write{size} {address:#x} {rng.randrange(1 << 8 * width):#x}")
    return out


def split(line, double=0):
    return (indexed(CRTC, 0x18, line & 0xFF) + indexed(CRTC, 7, 0x1F & ~0x10 | (line >> 4 & 0x10)) +
            indexed(CRTC, 9, 0x0F | (line >> 3 & 0x40) | double))


def mode_x(lines_240=False):
    out = set_mode("13h") + indexed(SEQUENCER, 4, 6) + indexed(CRTC, 0x14, 0) + indexed(CRTC, 0x17, 0xE3)
    if lines_240:
        out.append("outb 0x3c2 0xe3")
        for index, value in ((0x11, 0x2C), (6, 0x0D), (7, 0x3E), (0x10, 0xEA), (0x11, 0xAC), (0x12, 0xDF), (0x15, 0xE7),
                             (0x16, 6)):
            out += indexed(CRTC, index, value)
    return out + planes(32768, 21)


def deep(width, height, bpp, virtual=0, x=0, y=0, flags=0x41, size=None):
    """A DISPI mode after a larger one, that clears more than the mode does. Filled through the frame buffer."""
    out = set_mode("13h")
    for index, value in ((4, 0), (1, 1600), (2, 1200), (3, 32), (4, 0x41), (4, 0), (1, width), (2, height), (3, bpp),
                         (4, flags), (6, virtual or width), (8, x), (9, y)):
        out += dispi(index, value)
    line = (virtual or width) * (1 if bpp == 4 else (bpp + 7) // 8)
    for at in (0, line * (height // 2), line * (height - 2), line * (y + height // 3)):
        out += fill(LFB + at, size or 4096, at)
    return out


def banked(bpp):
    out = set_mode("13h")
    for index, value in ((4, 0), (1, 640), (2, 480), (3, bpp), (4, 0x41)):
        out += dispi(index, value)
    for bank in range((640 * 480 * bpp // 8) >> 16):
        out += dispi(5, bank) + fill(0xA0000, 512, bank) + fill(0xAFE00, 512, bank + 100)
    return out


def frames():
    """name: (commands, bits of a component that are compared)"""
    def crtc(*pairs):
        return [c for index, value in pairs for c in indexed(CRTC, index, value)]

    def ar(*pairs):
        return [c for index, value in pairs for c in attribute(index, value)]

    f = {name: (text(name), 6) for name in MODES if name.startswith("text")}
    for shape in ((0, 15), (13, 14), (5, 31), (31, 31), (8, 7), (0x20, 15)):
        f["cursor %d-%d" % shape] = (text("text 80x25, 9 dots") +
                                     crtc((0x0A, shape[0]), (0x0B, shape[1]), (0x0E, 0), (0x0F, 85)), 6)
    t = text("text 80x25, 9 dots", 8000)
    f.update({
        "text, start address": (t + crtc((0x0C, 3), (0x0D, 0x21)), 6),
        "text, start address ffff": (t + crtc((0x0C, 0xFF), (0x0D, 0xFF)), 6),
        "text, pitch of 100": (t + crtc((0x13, 50)), 6),
        "text, split at a row": (t + split(207) + crtc((0x0D, 160)), 6),
        "text, split inside of a row": (t + split(199) + crtc((0x0D, 160)), 6),
        "text, two fonts": (t + indexed(SEQUENCER, 3, 0x04), 6),
        "text, fonts 4 and 7": (t + indexed(SEQUENCER, 3, 0x3C) + font(4, 31) + font(7, 32), 6),
        "text, no line graphics": (t + ar((0x10, 0x00)), 6),
        "text, palette": (t + ar((1, 0x3F), (7, 0x01), (15, 0x2A)), 6),
        "text, colour select": (t + ar((0x14, 0x04)), 6),
        "text, smooth scroll": (t + crtc((0x08, 5)), 6),
        "text, panning": (t + ar((0x13, 3)), 6),
        "text, byte panning": (t + crtc((0x08, 0x40)), 6),
        "text, colour planes off": (t + ar((0x12, 0x0B)), 6),
        "text, blinking": (t + ar((0x10, 0x0C)), 6),
        "text, underline": (set_mode("text 80x25, 9 dots") + font(0, 1) + crtc((0x14, 13)) +
                            ["memset 0xb8000 0x1000 0x41", "writew 0xb8000 0x0141", "writew 0xb8002 0x0941"], 6),
        "text, screen off": (t + indexed(SEQUENCER, 1, 0x20), 6),
    })
    for name, size in (("12h", 38400), ("10h", 28000), ("0Eh", 16000), ("0Dh", 8000)):
        f[name] = (set_mode(name) + planes(size, 3), 6)
    g = set_mode("12h") + planes(42000, 4)
    f.update({
        "12h, every write mode": (every_write_mode(), 6),
        "12h, read modes": (read_modes(), 6),
        "12h, palette": (g + ar((1, 0x3F), (9, 0x12)), 6),
        "12h, colour select": (g + ar((0x10, 0x81), (0x14, 0x05)), 6),
        "12h, colour select high": (g + ar((0x14, 0x0C)), 6),
        "12h, planes off": (g + ar((0x12, 0x06)), 6),
        "12h, panning": (g + ar((0x13, 5)), 6),
        "12h, start address": (g + crtc((0x0C, 1), (0x0D, 0x43)), 6),
        "12h, start address ffff": (g + crtc((0x0C, 0xFF), (0x0D, 0xFF)), 6),
        "12h, pitch of 100": (g + crtc((0x13, 50)), 6),
        "12h, split screen": (g + crtc((0x18, 0x90), (7, 0x2E), (9, 0x00), (0x0C, 4)), 6),
        "12h, doubled": (g + crtc((0x09, 0xC0)), 6),
        "12h, rows of 3": (g + crtc((0x09, 0x42)), 6),
        "12h, even lines elsewhere": (g + crtc((0x17, 0xE2)), 6),
        "12h, four-line interleave": (g + crtc((0x17, 0xE0), (0x09, 0x43)), 6),
        "12h, vertical doubling": (g + crtc((0x17, 0xE7), (0x12, 0xEF)), 6),
        "0Dh, panning": (set_mode("0Dh") + planes(8200, 5) + ar((0x13, 3)), 6),
        "0Dh, split screen": (set_mode("0Dh") + planes(16384, 5) +
                              crtc((0x18, 0x97), (7, 0x0F), (9, 0x80), (0x0C, 0x10)), 6),
        "04h": (set_mode("04h") + fill(0xB8000, 16384, 11), 6),
        "05h": (set_mode("04h") + fill(0xB8000, 16384, 11) + ar((1, 0x13), (2, 0x15), (3, 0x17)), 6),
        "06h": (set_mode("06h") + fill(0xB8000, 16384, 12), 6),
        "04h, palette mask": (set_mode("04h") + fill(0xB8000, 16384, 11) + ["outb 0x3c6 0x02"], 6),
        "04h, scrolled": (set_mode("04h") + fill(0xB8000, 16384, 11) + crtc((0x0D, 80)), 6),
    })
    p = set_mode("13h") + fill(0xA0000, 64000, 13)
    f.update({
        "13h": (p, 6),
        "13h, start address": (p + crtc((0x0C, 0x10), (0x0D, 3)), 6),
        "13h, panning": (p + ar((0x13, 4)), 6),
        "13h, split screen": (p + crtc((0x18, 201), (7, 0x0F), (9, 1), (0x0C, 0x10)), 6),
        "13h, split inside of a row": (p + crtc((0x18, 200), (7, 0x0F), (9, 1), (0x0C, 0x10)), 6),
        "13h, map mask": (p + indexed(SEQUENCER, 2, 5) + fill(0xA0000, 32000, 14), 6),
        "13h, palette mask": (p + ["outb 0x3c6 0x0f"], 6),
        "13h, 128 KiB window": (p + indexed(GRAPHICS, 6, 1) + fill(0xB0000, 32000, 15) + crtc((0x0C, 0x40)), 6),
        "13h, window at b8000": (p + indexed(GRAPHICS, 6, 0x0D) + fill(0xB8000, 32000, 16), 6),
        "13h, window at b0000": (p + indexed(GRAPHICS, 6, 0x09) + fill(0xB0000, 32000, 17), 6),
        "13h, memory off": (p + ["outb 0x3c2 0x61"] + fill(0xA0000, 32000, 18), 6),
        "mode X, 320x200": (mode_x(), 6),
        "mode X, 320x240": (mode_x(True), 6),
        "mode X, page 3": (mode_x() + crtc((0x0C, 0x40)), 6),
        "mode X, no doubling": (mode_x() + crtc((0x09, 0x40)), 6),
        "mode X, latched copy": (mode_x() + indexed(GRAPHICS, 5, 0x41) +
                                 [c for i in range(400) for c in (f"readb {0xA0000 + i * 7:#x}",
                                                                  f"writeb {0xA8000 + i * 3:#x} 0")] +
                                 crtc((0x0C, 0x80)), 6),
    })
    for seed in range(24):
        f[f"random pipeline {seed}"] = (random_pipeline(seed), 6)
    for bpp in (8, 15, 16, 24, 32):
        bits = {8: 6, 15: 5, 16: 5}.get(bpp, 8)
        f[f"DISPI 1024x768x{bpp}"] = (deep(1024, 768, bpp), bits)
        f[f"DISPI 640x480x{bpp}, virtual"] = (deep(640, 480, bpp, 1024, 24, 100), bits)
        f[f"DISPI 640x480x{bpp}, banks"] = (banked(bpp), bits)
    f.update({
        "DISPI 2560x1600x32": (deep(2560, 1600, 32), 8),
        "DISPI 1920x1080x16": (deep(1920, 1080, 16), 5),
        "DISPI 640x480x16, odd panning": (deep(640, 480, 16, 960, 3, 7), 5),
        "DISPI 640x480x8, 8-bit palette": (deep(640, 480, 8, flags=0x61) + palette(8), 8),
        "DISPI 800x600x4, from reset": (set_mode("12h") + [c for pair in ((1, 800), (2, 600), (3, 4), (4, 0x41))
                                                            for c in dispi(*pair)] + planes(8000, 40), 6),
        "DISPI 800x600x4, after 8": (deep(640, 480, 8) + set_mode("12h", False) +
                                     [c for pair in ((4, 0), (1, 800), (2, 600), (3, 4), (4, 0x41))
                                      for c in dispi(*pair)] + planes(8000, 40), 6),
        "DISPI 800x600x4, frame buffer": (deep(800, 600, 4, size=8192), 6),
        "DISPI then 13h": (deep(800, 600, 16) + dispi(4, 0) + p, 6),
    })
    return f


# ---- comparison ----

def read_known(path):
    """name: (checksum, reason)"""
    known = {}
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            body, _, reason = line.strip().partition(" # ")
            if not line.strip() or line.startswith("#"):
                continue
            name, _, sha = body.rpartition(": ")
            if not name or not reason or len(sha) != 16 or name in known:
                sys.exit(f"{path}:{number}: wanted 'name: checksum # reason', each name once")
            known[name] = (sha, reason)
    return known


def verdict(text, sha, row):
    """None if all is as it should be, else what is wrong."""
    if text is None:
        return "is equal now: take its row out" if row else None
    if not row:
        return f"{text}\n  {{}}: {sha} # TODO"
    return None if row[0] == sha else f"is listed with another picture of kvm-dm: {sha}"


def self_test():
    pictures.self_test()
    assert verdict(None, "a", None) is None and verdict("differs", "a", ("a", "why")) is None
    assert verdict(None, "a", ("a", "why")), "stale"
    assert verdict("differs", "a", None), "not listed"
    assert verdict("differs", "b", ("a", "why")), "another picture of ours"


class Run:
    """Counts over all frames; prints what is wrong."""

    def __init__(self, known, verbose, folder, wanted):
        self.known, self.verbose, self.folder, self.wanted = known, verbose, folder, wanted
        self.wrong = self.equal = self.listed = 0
        self.names = set()

    def compare(self, name, a, b, bits, cropped):
        text = pictures.difference(a, b, bits, cropped)
        problem = verdict(text, pictures.checksum(a), self.known.get(name))
        if problem or self.verbose:
            print(f"{name}: {(problem or text or 'equal').format(name)}", flush=True)
        if self.folder:
            for which, picture in (("ours", a), ("qemu", b)):
                pictures.write_ppm(os.path.join(self.folder, f"{name.replace(' ', '_')}.{which}.ppm"), picture)
        self.wrong += problem is not None
        self.equal += text is None
        self.listed += text is not None and name in self.known

    def machine(self, machine, todo, prefix=""):
        self.names |= {prefix + name for name in todo}
        todo = {name: row for name, row in todo.items() if not self.wanted or any(w in name for w in self.wanted)}
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
            ours = Screen(f"{os.environ.get('KVM_DM', 'build/kvm-dm')} -machine {machine} -accel qtest", one, not prefix)
            theirs = Screen(f"qemu-system-x86_64 -machine {machine},accel=tcg -S", two, not prefix)
            for name, (commands, bits) in todo.items():
                ours.run(commands)
                theirs.run(commands)
                self.compare(prefix + name, ours.shot(), theirs.shot(), bits, name in CROPPED)
            ours.end()
            theirs.end()


def main():
    args = sys.argv[1:]
    verbose = "-v" in args
    args = [a for a in args if a != "-v"]
    folder = args[1] if args[:1] == ["--keep"] else None
    args = args[2:] if folder else args
    self_test()
    run = Run(read_known(KNOWN), verbose, folder, args)
    everything = frames()
    run.machine("pc", everything)
    run.machine("isapc", {name: everything[name] for name in ON_ISA}, "ISA, ")
    gone = [name for name in run.known if name not in run.names]
    for name in gone:
        print(f"frames_known.txt: there is no frame '{name}'")
    print(f"{run.equal} frames are those of QEMU, {run.listed} differ for listed reasons, "
          f"{run.wrong + len(gone)} are wrong")
    return 1 if run.wrong or gone or not run.equal else 0


if __name__ == "__main__":
    sys.exit(main())
