# SPDX-License-Identifier: GPL-2.0-or-later
"""
Every mode of the VGA BIOS, standard and VBE, and registers beyond them: entered by one guest under kvm-dm and
under Debian's QEMU, filled with the same words, photographed on both by screendump, compared pixel by pixel.

  video.py [-v] [--keep DIRECTORY] [NAME ...]     only pictures whose name contains one of NAME

Both emulators use the same vgabios. What differs on purpose is in DIFFERENT, with its reason; a picture that is
listed there and is equal fails as well. tests/diff/pictures.py compares; tests/diff/frames.py has many more
pictures without a firmware.
"""
import os
import shutil
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "diff"))
import pictures
import vmtest
from vmtest import GUESTS, Vm, check, done, fail, need_file, need_kvm, skip, tmp

QEMU = shutil.which("qemu-system-x86_64")
BOOT = os.path.join(GUESTS, "rom", "video.bin")
BUFFER = 0x2000  # segment of the BIOS's answers
TEXT, CGA, PLANAR, PACKED = 0, 1, 3, 4
WORDS = 0x600  # of a plane or bank that are filled: each is an exit for one of the two

NINE = "a character cell at half the dot clock has 18 dots; QEMU knows only 16"
# 06Ah, without DISPI, shows what 102h should.
FOUR = "with DISPI on, QEMU 7.2 goes by a copy of the sequencer that guests' writes do not reach"
# name: why the pictures differ
DIFFERENT = {
    "00h": NINE, "01h": NINE, "VBE 000h 40x25x4": NINE, "VBE 001h 40x25x4": NINE,
    "VBE 102h 800x600x4": FOUR, "VBE 104h 1024x768x4": FOUR, "VBE 106h 1280x1024x4": FOUR,
    "07h, underline": "QEMU has no underline",
}
# QEMU's picture ends with the last whole row of characters: only that part is compared.
CROPPED = {"03h, 28 rows"}

KVM_DM = vmtest.EMULATOR


class Guest:
    """The sector of rom/video.S in one emulator."""

    def __init__(self, emulator, image, args):
        vmtest.EMULATOR = emulator
        self.vm = Vm(["-m", "32", *args, "-drive", f"file={image},format=raw"], serial="socket")
        self.seen = 0
        self.mono = False
        self.answer(0, 300)

    def answer(self, count, seconds=120):
        """Waits for '!' after count words; the words."""
        end = time.monotonic() + seconds
        want = self.seen + count * 2 + 1
        while len(data := self.vm.serial().encode("latin-1")) < want:
            if time.monotonic() > end or self.vm.process.poll() is not None:
                fail(f"the guest does not answer: {data[self.seen:]!r}")
            time.sleep(0.001)
        words = struct.unpack_from(f"<{count}H", data, self.seen)
        check_byte = data[want - 1:want]
        if check_byte != b"!":
            fail(f"the guest answers {data[self.seen:want]!r}")
        self.seen = want
        return words

    def command(self, letter, *words, answers=0):
        self.vm.send(letter.encode() + struct.pack(f"<{len(words)}H", *words))
        return self.answer(answers)

    def int10(self, ax, bx=0, cx=0, dx=0, es=0, di=0):
        return self.command("I", ax, bx, cx, dx, es, di, answers=3)

    def mode(self, number, set_it=None):
        """
        By function 00h, or set_it(). This vgabios programs the CRTC before it moves its ports from mono to colour or
        back, where it does not hear, and reads 3DAh in mono modes too: so mode 7 is entered from mode 3, and left
        by hand.
        """
        if self.mono:
            self.outb(0x3C2, 0x67)
            self.inb(0x3DA)
        self.mono = number == 0x07
        if self.mono:
            self.int10(0x03)
        return (set_it or (lambda: self.int10(number)))()

    def fill(self, segment, offset, words, first, step, mask=0xFFFF):
        self.command("W", segment, offset, words & 0xFFFF, first & 0xFFFF, step & 0xFFFF, mask)

    def word(self, segment, offset):
        return self.command("R", segment, offset, answers=1)[0]

    def outb(self, port, value):
        self.command("O", port, value)

    def outw(self, port, value):
        self.command("P", port, value)

    def inb(self, port):
        return self.command("G", port, answers=1)[0]

    def indexed(self, port, index, value):
        self.outw(port, value << 8 | index)


# ---- drawing ----

def fill_text(g, segment, words, mask=0xFFDF):
    """All attributes; characters 00h-1Fh, 40h-5Fh, 80h-9Fh, C0h-DFh, or by a mask of their bits."""
    g.int10(0x0100, cx=0x2000)  # no cursor
    g.int10(0x1003, bx=0)       # sixteen backgrounds: QEMU knows no blinking
    g.fill(segment, 0, words, 0x1041, 0x0307, mask)


def fill_planes(g, banks, words=WORDS):
    for bank in range(banks):
        if banks > 1:
            g.int10(0x4F05, 0, dx=bank)
        for plane in range(4):
            g.indexed(0x3C4, 2, 1 << plane)
            g.fill(0xA000, 0, words, 0x1234 * (plane + 1) + bank * 0x777, (0x0101, 0x0205, 0x1003, 0x0711)[plane])
    g.indexed(0x3C4, 2, 15)


def fill_banks(g, total):
    """The first 128 KiB, a part in the middle, and the end."""
    last = (total - 1) >> 16
    for bank in sorted({0, min(1, last), last // 2, last}):
        g.int10(0x4F05, 0, dx=bank)
        g.fill(0xA000, 0, WORDS, 0x1234 + bank * 0x777, 0x0305)
        g.fill(0xA000, 0xFE00, 0x100, 0x4321 + bank * 0x777, 0x0305)


def standard_mode(number, model, words=0x2000, segment=0xB800):
    def draw(g):
        g.mode(number)
        if model == TEXT:
            fill_text(g, segment, words)
        elif model == CGA:
            g.fill(segment, 0, words, 0x1234, 0x0305)
        elif model == PLANAR:
            fill_planes(g, 1)
        else:
            g.fill(0xA000, 0, 0x7D00, 0x1234, 0x0305)
    return draw


class VbeMode:
    """What function 4F01h says of a mode, and how it is drawn."""

    def __init__(self, g, number):
        self.number = number
        ax = g.int10(0x4F01, cx=number, es=BUFFER)[0]
        word = lambda offset: g.word(BUFFER, offset)
        self.usable = ax == 0x004F and word(0) & 1
        if not self.usable:
            return
        self.line_bytes, self.width, self.height = word(16), word(18), word(20)
        self.bpp, self.model = word(24) >> 8, word(26) >> 8

    def draw(self, g):
        ax = g.mode(self.number, lambda: g.int10(0x4F02, self.number))[0]
        if ax != 0x004F:
            fail(f"mode {self.number:#x} cannot be set: {ax:#x}")
        if self.model == TEXT:
            fill_text(g, 0xB000 if self.number == 7 else 0xB800, self.width * self.height)
        elif self.model == CGA:
            g.fill(0xB800, 0, 0x2000, 0x1234, 0x0305)
        elif self.model == PLANAR:
            fill_planes(g, (self.line_bytes * self.height + 65535) >> 16)
        else:
            fill_banks(g, self.line_bytes * self.height)


def vbe_modes(g):
    g.fill(BUFFER, 0, 0x100, 0, 0)
    if g.int10(0x4F00, es=BUFFER)[0] != 0x004F:
        fail("the BIOS has no VBE")
    offset, segment = g.word(BUFFER, 14), g.word(BUFFER, 16)
    numbers = []
    while (number := g.word(segment, offset)) != 0xFFFF:
        numbers.append(number)
        offset += 2
    return [m for m in (VbeMode(g, n) for n in numbers) if m.usable]


STANDARD = {
    "00h": (0x00, TEXT), "01h": (0x01, TEXT), "02h": (0x02, TEXT), "03h": (0x03, TEXT),
    "04h": (0x04, CGA), "05h": (0x05, CGA), "06h": (0x06, CGA), "07h": (0x07, TEXT, 0x1000, 0xB000),
    "0Dh": (0x0D, PLANAR), "0Eh": (0x0E, PLANAR), "0Fh": (0x0F, PLANAR), "10h": (0x10, PLANAR),
    "11h": (0x11, PLANAR), "12h": (0x12, PLANAR), "13h": (0x13, PACKED),
}


# ---- what else BIOS functions and a few registers make of them ----

def rows(function):
    """Another font: 1111h 8x14, 1112h 8x8."""
    def change(g):
        g.int10(function)
        fill_text(g, 0xB800, 0x2000)
    return change


def second_font(g):
    g.int10(0x1102, 1)     # 8x8 into block 1 as well
    g.int10(0x1103, 0x04)  # attribute bit 3 chooses block 1


def underline(g):
    g.indexed(0x3B4, 0x14, 0x0D)


def mode_x_240(g):
    g.indexed(0x3C4, 4, 6)
    g.outb(0x3C2, 0xE3)
    for index, value in ((0x14, 0), (0x17, 0xE3), (0x11, 0x2C), (6, 0x0D), (7, 0x3E), (0x10, 0xEA), (0x11, 0xAC),
                         (0x12, 0xDF), (0x15, 0xE7), (0x16, 6)):
        g.indexed(0x3D4, index, value)
    fill_planes(g, 1)


# name: the mode it starts from, and what is changed then
CHANGED = {
    "03h, 28 rows": ("03h", rows(0x1111)),
    "03h, 50 rows": ("03h", rows(0x1112)),
    "03h, two fonts": ("03h", second_font),
    "07h, underline": ("07h", underline),
    "13h, mode X 320x240": ("13h", mode_x_240),
}
ON_ISA = ("03h", "12h", "13h", "VBE 101h 640x480x8", "VBE 111h 640x480x16", "VBE 112h 640x480x24")


def both(*changes):
    def change(g):
        for c in changes:
            c(g)
    return change


def all_pictures(g):
    """(name, what draws it, bits of a component that are compared)"""
    for name, row in STANDARD.items():
        yield name, standard_mode(*row), 6
    for mode in vbe_modes(g):
        bits = {15: 5, 16: 5, 24: 8, 32: 8}.get(mode.bpp, 6)
        yield f"VBE {mode.number:03X}h {mode.width}x{mode.height}x{mode.bpp}", mode.draw, bits
    for name, (start, change) in CHANGED.items():
        yield name, both(standard_mode(*STANDARD[start]), change), 6


# ---- comparison ----

def keep(folder, name, which, picture):
    pictures.write_ppm(os.path.join(folder, name.replace(" ", "_").replace(",", "") + "." + which + ".ppm"), picture)


class Run:
    """Both emulators through the pictures; counts."""

    def __init__(self, wanted, folder, verbose):
        self.wanted, self.folder, self.verbose = wanted, folder, verbose
        self.equal = self.listed = 0
        self.wrong = []
        self.ours = {}

    def compare(self, name, a, b, bits):
        text = pictures.difference(a, b, bits, name in CROPPED)
        bad = (text is None) == (name in DIFFERENT)
        if self.folder:
            keep(self.folder, name, "ours", a)
            keep(self.folder, name, "qemu", b)
        if self.verbose or bad:
            print(f"{name}: {text or 'equal'} {a[0]}x{a[1]} and {b[0]}x{b[1]}", flush=True)
        if bad:
            self.wrong.append(name)
        self.listed += text is not None and not bad
        self.equal += text is None
        self.ours[name] = a

    def both(self):
        """Through all pictures on a PC; kvm-dm's guest goes on."""
        ours, theirs = (Guest(emulator, make_disk(which), ["-vga", "std"]) for emulator, which in
                        ((KVM_DM, "ours.img"), (QEMU, "qemu.img")))
        for (name, draw, bits), (_, draw_theirs, _) in zip(all_pictures(ours), all_pictures(theirs)):
            if self.wanted and not any(w in name for w in self.wanted):
                continue
            draw(ours)
            mine = ours.vm.screen()
            for _ in range(3):  # on a busy machine QEMU sometimes shows a few lines as they were
                draw_theirs(theirs)
                other = theirs.vm.screen()
                if name in DIFFERENT or not pictures.difference(mine, other, bits, name in CROPPED):
                    break
            self.compare(name, mine, other, bits)
        theirs.vm.kill()
        return ours

    def isa(self):
        """The ISA adapter with the same BIOS: a few modes are to look as on PCI."""
        g = Guest(KVM_DM, make_disk("isa.img"), ["-machine", "isapc", "-vga", "std"])
        seen = 0
        for name, draw, _ in all_pictures(g):
            if name in ON_ISA and name in self.ours:
                draw(g)
                check(g.vm.screen() == self.ours[name], f"on isapc, too: {name}")
                seen += 1
        check(self.wanted or seen == len(ON_ISA), f"{seen} modes on isapc")
        g.vm.kill()


def window_accesses(g):
    stats = g.vm.qmp("query-region-stats")
    region = next(r for r in stats if r["name"] == "vga.window")
    return region["reads"] + region["writes"]


def check_mapped(g):
    """Where the window is memory, what the guest draws is no access; and the picture shows it."""
    for name, mode, segment in (("text", 0x03, 0xB800), ("CGA", 0x04, 0xB800), ("mode 13h", 0x13, 0xA000)):
        g.mode(mode)
        g.fill(segment, 0, 0x100, 0, 0)  # after this it has earned it at the latest
        g.inb(0x3DA)
        before, blank = window_accesses(g), g.vm.screen()
        g.fill(segment, 0, 0x1000, 0x1234, 0x0305)
        check(window_accesses(g) == before, f"{name}: 4096 words drawn without an access")
        check(g.vm.screen() != blank, f"{name}: and they are seen")
    g.mode(0x12)
    before = window_accesses(g)
    g.fill(0xA000, 0, 0x100, 0x1234, 0x0305)
    check(window_accesses(g) == before + 256, "mode 12h: 256 words are 256 accesses")


def make_disk(name):
    path = tmp(name)
    with open(BOOT, "rb") as f, open(path, "wb") as out:
        out.write(f.read())
        out.truncate(1 << 20)
    return path


def main():
    args = [a for a in sys.argv[1:] if a != "-v"]
    folder = None
    if args[:1] == ["--keep"]:
        folder, args = args[1], args[2:]
        os.makedirs(folder, exist_ok=True)
    need_kvm()
    need_file(BOOT, "none: make guests")
    if not QEMU:
        skip("no qemu-system-x86_64 to compare with (Debian package qemu-system-x86)")
    run = Run(args, folder, "-v" in sys.argv[1:])
    guest = run.both()
    check_mapped(guest)
    guest.vm.kill()
    run.isa()
    four, by_registers = (run.ours.get(f"VBE {n}h 800x600x4") for n in ("102", "06A"))
    if four and by_registers:
        check(four == by_registers, "102h, by DISPI, is the picture of 06Ah, by VGA registers")
    if not args:
        check(set(DIFFERENT) <= set(run.ours), "every picture that is listed was made")
    if run.wrong:
        fail(f"{len(run.wrong)} pictures: {', '.join(run.wrong)}")
    done(f"{run.equal} pictures are those of QEMU, {run.listed} differ for the listed reasons")


if __name__ == "__main__":
    main()
