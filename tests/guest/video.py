# SPDX-License-Identifier: GPL-2.0-or-later
"""
Every mode of the VGA BIOS, standard and VBE, and registers beyond them: entered by one guest under kvm-dm and
under Debian's QEMU, filled with the same words, photographed on both by screendump, compared pixel by pixel.

  video.py [-v] [--keep DIRECTORY] [NAME ...]     only pictures whose name contains one of NAME

Both emulators use the same vgabios. What differs on purpose is in DIFFERENT, with its reason; a picture that is
listed there and is equal fails as well. Sizes: kvm-dm draws in dots of the monitor, QEMU in pixels of the
mode, so QEMU's picture is enlarged by whole numbers first. Palette entries have six bits, which the two
expand differently: only those six are compared.
"""
import os
import shutil
import struct
import sys
import time

import vmtest
from vmtest import GUESTS, Vm, check, done, fail, need_file, need_kvm, skip, tmp

QEMU = shutil.which("qemu-system-x86_64")
BOOT = os.path.join(GUESTS, "rom", "video.bin")
BUFFER = 0x2000  # segment of the BIOS's answers
TEXT, CGA, PLANAR, PACKED = 0, 1, 3, 4
WORDS = 0x600  # of a plane or bank that are filled: each is an exit for one of the two

NINE = "a character cell at half the dot clock has 18 dots; QEMU knows only 16"
PANNING = "panning shifts the picture; QEMU 7.2 does not know it in this mode"
WRAP = "the part's 256 KiB wrap; QEMU reads on into video memory beyond"
SPLIT = "line compare starts a row anew; QEMU goes on with the scan line inside of the row"
# A deeper mode before leaves chain-4 in the copy, and a map mask of 15; from reset on both are 0, and the
# window takes no write at all. 06Ah, without DISPI, shows what 102h should.
FOUR = "with DISPI on, QEMU 7.2 goes by a copy of the sequencer that guests' writes do not reach"
# name: why the pictures differ
DIFFERENT = {
    "00h": NINE, "01h": NINE, "VBE 000h 40x25x4": NINE, "VBE 001h 40x25x4": NINE,
    "text, block graphics": "characters C0h-DFh go into the ninth column; QEMU takes B0h-DFh",
    "text, start address ffff": WRAP, "12h, start address ffff": WRAP,
    "text, byte panning": PANNING, "text, panning": PANNING, "12h, panning": PANNING,
    "0Dh, panning": PANNING, "13h, panning": PANNING,
    "text, colour plane enable": "the mask acts on text as well; QEMU ignores it there",
    "CGA, palette mask": "QEMU has no palette mask",
    "13h, split inside of a row": SPLIT,
    "VBE 102h 800x600x4": FOUR, "VBE 104h 1024x768x4": FOUR, "VBE 106h 1280x1024x4": FOUR,
    "DISPI 1280x720x4": FOUR,
    "DISPI 16, odd panning": "the start is a pixel; QEMU rounds it to four bytes",
}
# QEMU's picture ends with the last whole row of characters: only that part is compared.
CROPPED = {"text, 28 rows"}

VERBOSE = "-v" in sys.argv[1:]


class Guest:
    """The sector of rom/video.S in one emulator."""

    def __init__(self, emulator, image):
        vmtest.EMULATOR = emulator
        self.vm = Vm(["-m", "32", "-vga", "std", "-drive", f"file={image},format=raw"], serial="socket")
        self.seen = 0
        self.answer(0, 60)

    def answer(self, count, seconds=60):
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

    def attribute(self, index, value):
        self.inb(0x3DA)
        self.outb(0x3C0, index)
        self.outb(0x3C0, value)
        self.inb(0x3DA)
        self.outb(0x3C0, 0x20)

    def dispi(self, index, value):
        self.outw(0x1CE, index)
        self.outw(0x1CF, value)


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
        g.int10(number)
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
        ax = g.int10(0x4F02, self.number)[0]
        if ax != 0x004F:
            fail(f"mode {self.number:#x} cannot be set: {ax:#x}")
        if self.model == TEXT:
            fill_text(g, 0xB800, self.width * self.height)
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


# ---- registers beyond the BIOS's modes ----

def crtc(*pairs):
    def change(g):
        for index, value in pairs:
            g.indexed(0x3D4, index, value)
    return change


def split(line):
    """Line compare: bit 8 in CR07, bit 9 in CR09; of an 80-column text or 200-line graphics mode."""
    def change(g):
        g.indexed(0x3D4, 0x11, 0)
        for index, bit, mask in ((0x07, line >> 8 & 1, 0x10), (0x09, line >> 9 & 1, 0x40)):
            g.outb(0x3D4, index)
            g.outb(0x3D5, g.inb(0x3D5) & ~mask | (mask if bit else 0))
        g.indexed(0x3D4, 0x18, line & 0xFF)
    return change


def attributes(*pairs):
    def change(g):
        for index, value in pairs:
            g.attribute(index, value)
    return change


def rows(function):
    """Another font: 1111h 8x14, 1112h 8x8."""
    def change(g):
        g.int10(function)
        fill_text(g, 0xB800, 0x2000)
    return change


def block_graphics(g):
    fill_text(g, 0xB800, 0x2000, 0xFFFF)


def columns_of_8(g):
    g.indexed(0x3C4, 1, 9)


def second_font(g):
    g.int10(0x1102, 1)     # 8x8 into block 1 as well
    g.int10(0x1103, 0x04)  # attribute bit 3 chooses block 1
    g.attribute(0x12, 0x0F)


def planes_of_mode_x(g):
    g.indexed(0x3C4, 4, 6)
    g.indexed(0x3D4, 0x14, 0)
    g.indexed(0x3D4, 0x17, 0xE3)
    fill_planes(g, 1)


def mode_x_240(g):
    planes_of_mode_x(g)
    g.outb(0x3C2, 0xE3)
    for index, value in ((0x11, 0x2C), (6, 0x0D), (7, 0x3E), (0x10, 0xEA), (0x11, 0xAC), (0x12, 0xDF), (0x15, 0xE7),
                         (0x16, 6)):
        g.indexed(0x3D4, index, value)


def both(*changes):
    def change(g):
        for c in changes:
            c(g)
    return change


def dac_mask(g):
    g.outb(0x3C6, 0x3C)


def virtual(width, x, y):
    def change(g):
        for index, value in ((6, width), (8, x), (9, y)):
            g.dispi(index, value)
    return change


def dispi_mode(width, height, bpp):
    def draw(g):
        g.int10(0x0013)
        for index, value in ((1, 1600), (2, 1200), (3, 32), (4, 0x41)):
            g.dispi(index, value)  # clears more than the mode does
        for index, value in ((4, 0), (1, width), (2, height), (3, bpp), (4, 0x41)):
            g.dispi(index, value)
        window_bytes = width * height // 8 * (1 if bpp == 4 else (bpp + 7) // 8 * 8)
        for bank in sorted({0, (window_bytes - 1) >> 16}):
            g.dispi(5, bank)
            g.fill(0xA000, 0, WORDS, 0x1234 + bank * 0x777, 0x0305)
    return draw


# name: the mode it starts from, and what is changed then
CHANGED = {
    "text, 28 rows": ("03h", rows(0x1111)),
    "text, 50 rows": ("03h", rows(0x1112)),
    "text, start address": ("03h", crtc((0x0C, 0x03), (0x0D, 0x21))),
    "text, start address ffff": ("03h", crtc((0x0C, 0xFF), (0x0D, 0xFF))),
    "text, pitch of 100": ("03h", crtc((0x13, 50))),
    "text, split screen": ("03h", both(split(199), crtc((0x0D, 160)))),
    "text, split inside of a row": ("03h", both(split(196), crtc((0x0D, 160)))),
    "text, block graphics": ("03h", block_graphics),
    "text, 40 columns, 8 dots": ("01h", columns_of_8),
    "text, two fonts": ("03h", second_font),
    "text, 8 dots": ("03h", lambda g: g.indexed(0x3C4, 1, 1)),
    "text, underline": ("07h", crtc((0x14, 0x0D))),
    "text, smooth scroll": ("03h", crtc((0x08, 5))),
    "text, byte panning": ("03h", crtc((0x08, 0x40))),
    "text, panning": ("03h", attributes((0x13, 3))),
    "text, colour plane enable": ("03h", attributes((0x12, 0x0B))),
    "text, palette": ("03h", attributes((1, 0x3F), (7, 0x01), (15, 0x2A))),
    "text, no line graphics": ("03h", attributes((0x10, 0x00))),
    "CGA, palette mask": ("04h", dac_mask),
    "12h, colour select": ("12h", attributes((0x10, 0x81), (0x14, 0x05))),
    "12h, colour select high": ("12h", attributes((0x14, 0x0C))),
    "12h, planes off": ("12h", attributes((0x12, 0x06))),
    "12h, panning": ("12h", attributes((0x13, 5))),
    "0Dh, panning": ("0Dh", attributes((0x13, 3))),
    "0Dh, start address": ("0Dh", crtc((0x0C, 0x20), (0x0D, 0x11))),
    "0Dh, split screen": ("0Dh", both(split(151), crtc((0x0C, 0x20)))),
    "12h, start address ffff": ("12h", crtc((0x0C, 0xFF), (0x0D, 0xFF))),
    "13h, start address": ("13h", crtc((0x0C, 0x10), (0x0D, 0x03))),
    "13h, panning": ("13h", attributes((0x13, 4))),
    "13h, split screen": ("13h", both(split(201), crtc((0x0C, 0x10)))),
    "13h, split inside of a row": ("13h", both(split(200), crtc((0x0C, 0x10)))),
    "mode X, 320x200": ("13h", planes_of_mode_x),
    "mode X, 320x240": ("13h", mode_x_240),
    "mode X, page 3": ("13h", both(planes_of_mode_x, crtc((0x0C, 0xC0)))),
    "mode X, no doubling": ("13h", both(planes_of_mode_x, crtc((0x09, 0x40)))),
}

DISPI = {
    "DISPI 2560x1600x8": (2560, 1600, 8), "DISPI 1920x1080x16": (1920, 1080, 16),
    "DISPI 1024x600x15": (1024, 600, 15), "DISPI 1280x720x24": (1280, 720, 24),
    "DISPI 2560x1600x32": (2560, 1600, 32), "DISPI 1280x720x4": (1280, 720, 4),
}

VIRTUAL = {
    "DISPI 8, virtual": (8, 1024, 24, 100), "DISPI 32, virtual": (32, 1024, 24, 100),
    "DISPI 16, odd panning": (16, 960, 3, 7), "DISPI 4, virtual": (4, 1024, 16, 100),
}


def pictures(g):
    """(name, what draws it, bits of a component that are compared)"""
    for name, row in STANDARD.items():
        yield name, standard_mode(*row), 6
    for mode in vbe_modes(g):
        bits = {15: 5, 16: 5, 24: 8, 32: 8}.get(mode.bpp, 6)
        yield f"VBE {mode.number:03X}h {mode.width}x{mode.height}x{mode.bpp}", mode.draw, bits
    for name, (start, change) in CHANGED.items():
        yield name, both(standard_mode(*STANDARD[start]), change), 6
    for name, (width, height, bpp) in DISPI.items():
        yield name, dispi_mode(width, height, bpp), {15: 5, 16: 5, 24: 8, 32: 8}.get(bpp, 6)
    for name, (bpp, width, x, y) in VIRTUAL.items():
        yield name, both(dispi_mode(640, 480, bpp), virtual(width, x, y)), {16: 5, 32: 8}.get(bpp, 6)


# ---- comparison ----

def reduced(picture, bits):
    """Rows of pixels, each component cut to its first bits."""
    width, height, data = picture
    table = bytes((v >> (8 - bits)) for v in range(256))
    data = data.translate(table)
    return width, [data[y * width * 3:(y + 1) * width * 3] for y in range(height)]


def enlarged(width, lines, want_width, want_height):
    """By whole numbers; None if it does not come out."""
    if want_width % width or want_height % len(lines):
        return None
    across, down = want_width // width, want_height // len(lines)
    if across > 1:
        lines = [b"".join(line[x:x + 3] * across for x in range(0, len(line), 3)) for line in lines]
    return [line for line in lines for _ in range(down)]


def difference(ours, theirs, bits, cropped):
    """None, or a sentence."""
    width, mine = reduced(ours, bits)
    if cropped:
        mine = mine[:theirs[1]]
    other = enlarged(*reduced(theirs, bits), width, len(mine))
    sizes = f"{ours[0]}x{ours[1]} and {theirs[0]}x{theirs[1]}"
    if other is None:
        return f"sizes {sizes}"
    if mine == other:
        return None
    bad = [y for y in range(len(mine)) if mine[y] != other[y]]
    y = bad[0]
    columns = [x for x in range(width) if mine[y][x * 3:x * 3 + 3] != other[y][x * 3:x * 3 + 3]]
    x = columns[0]
    return (f"{sizes}: {len(bad)} lines differ, the first is {y}, there {len(columns)} pixels from {x}: "
            f"{mine[y][x * 3:x * 3 + 3].hex()} and {other[y][x * 3:x * 3 + 3].hex()}")


def keep(folder, name, which, picture):
    path = os.path.join(folder, name.replace(" ", "_").replace(",", "") + "." + which + ".ppm")
    with open(path, "wb") as f:
        f.write(b"P6\n%d %d\n255\n" % picture[:2] + picture[2])


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
    image = tmp("video.img")
    with open(BOOT, "rb") as f:
        boot = f.read()
    for path in (image, image + ".qemu"):
        with open(path, "wb") as f:
            f.write(boot + bytes(1024 * 1024 - 512))
    ours, theirs = Guest(vmtest.EMULATOR, image), Guest(QEMU, image + ".qemu")
    equal = listed = 0
    mine = {}
    wrong = []
    for (name, draw, bits), (_, draw_theirs, _) in zip(pictures(ours), pictures(theirs)):
        if args and not any(a in name for a in args):
            continue
        draw(ours)
        draw_theirs(theirs)
        a, b = ours.vm.screen(), theirs.vm.screen()
        text = difference(a, b, bits, name in CROPPED)
        if folder and text:
            keep(folder, name, "ours", a)
            keep(folder, name, "qemu", b)
        if VERBOSE or (text is None) == (name in DIFFERENT):
            print(f"{name}: {text or 'equal'} {a[0]}x{a[1]} and {b[0]}x{b[1]}", flush=True)
        if (text is None) == (name in DIFFERENT):
            wrong.append(name)
        listed += text is not None and name in DIFFERENT
        equal += text is None
        mine[name.split(" ", 2)[1] if "VBE" in name else name] = a
    if "102h" in mine and "06Ah" in mine:
        check(mine["102h"] == mine["06Ah"], "102h, by DISPI, is the picture of 06Ah, by VGA registers")
    if wrong:
        fail(f"{len(wrong)} pictures: {', '.join(wrong)}")
    done(f"{equal} pictures are those of QEMU, {listed} differ for the listed reasons")


main()
