# SPDX-License-Identifier: GPL-2.0-or-later
"""
Video modes as register tables (IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem", mode tables), and
what sets them, as lines of the qtest protocol.
"""
import random

SEQUENCER, GRAPHICS, CRTC = 0x3C4, 0x3CE, 0x3D4


def indexed(port, index, value):
    return [f"outw {port:#x} {value << 8 | index:#x}"]


def attribute(index, value):
    """Leaves the display on."""
    return ["inb 0x3da", f"outb 0x3c0 {index:#x}", f"outb 0x3c0 {value:#x}", "inb 0x3da", "outb 0x3c0 0x20"]


def dispi(index, value):
    return [f"outw 0x1ce {index:#x}", f"outw 0x1cf {value:#x}"]


def palette(bits):
    out = ["outb 0x3c6 0xff", "outb 0x3c8 0"]
    for i in range(256):
        for c in (i * 5 + 1, i * 3 ^ 0x15, i ^ i << 3):
            out.append(f"outb 0x3c9 {c & ((1 << bits) - 1):#x}")
    return out


def font(block, seed):
    """256 glyphs of 32 lines into plane 2, the way a BIOS does; the window is for text afterwards."""
    data = random.Random(seed).randbytes(8192)
    base = (block & 3) * 0x4000 + (block >> 2) * 0x2000
    out = (indexed(SEQUENCER, 2, 4) + indexed(SEQUENCER, 4, 7) + indexed(GRAPHICS, 4, 2) + indexed(GRAPHICS, 5, 0) +
           indexed(GRAPHICS, 6, 4))
    for i in range(0, len(data), 1024):
        out.append(f"write {0xA0000 + base + i:#x} 0x400 0x{data[i:i + 1024].hex()}")
    return out + (indexed(SEQUENCER, 2, 3) + indexed(SEQUENCER, 4, 3) + indexed(GRAPHICS, 4, 0) +
                  indexed(GRAPHICS, 5, 0x10) + indexed(GRAPHICS, 6, 0x0E))


LINES_400 = {6: 0xBF, 7: 0x1F, 0x10: 0x9C, 0x11: 0x8E, 0x12: 0x8F, 0x15: 0x96, 0x16: 0xB9}
LINES_350 = {6: 0xBF, 7: 0x1F, 0x10: 0x83, 0x11: 0x85, 0x12: 0x5D, 0x15: 0x63, 0x16: 0xBA}
LINES_480 = {6: 0x0B, 7: 0x3E, 0x10: 0xEA, 0x11: 0x8C, 0x12: 0xDF, 0x15: 0xE7, 0x16: 0x04}
COLUMNS_80 = {0: 0x5F, 1: 0x4F, 2: 0x50, 3: 0x82, 4: 0x55, 5: 0x81, 0x13: 0x28}
COLUMNS_40 = {0: 0x2D, 1: 0x27, 2: 0x28, 3: 0x90, 4: 0x2B, 5: 0xA0, 0x13: 0x14}
COLUMNS_132 = {0: 0xA0, 1: 0x83, 2: 0x84, 3: 0x83, 4: 0x8A, 5: 0x9E, 0x13: 0x42}


def text_mode(columns, lines, height, clocking):
    cr = {**columns, **lines, 8: 0, 9: 0x40 | height - 1, 0x0A: 0x20, 0x0B: 0, 0x0C: 0, 0x0D: 0, 0x0E: 0, 0x0F: 0,
          0x14: 0x1F, 0x17: 0xA3, 0x18: 0xFF}
    return {"misc": 0x67, "seq": [3, clocking, 3, 0, 2], "cr": cr, "gr": [0, 0, 0, 0, 0, 0x10, 0x0E, 0, 0xFF],
            "ar": [*range(16), 0x04, 0, 0x0F, 0x08 if not clocking & 1 else 0, 0]}


def graphics_mode(columns, lines, max_scan, clocking, cr, memory, gr5, gr6, attr_mode, mask=15):
    crtc = {**columns, **lines, 8: 0, 9: max_scan, 0x0A: 0x20, 0x0B: 0, 0x0C: 0, 0x0D: 0, 0x0E: 0, 0x0F: 0, 0x14: 0,
            0x17: 0xE3, 0x18: 0xFF, **cr}
    return {"misc": 0x63, "seq": [3, clocking, mask, 0, memory], "cr": crtc,
            "gr": [0, 0, 0, 0, 0, gr5, gr6, 15, 0xFF], "ar": [*range(16), attr_mode, 0, 0x0F, 0, 0]}


MODES = {
    "text 80x25, 9 dots": text_mode(COLUMNS_80, LINES_400, 16, 0),
    "text 80x25, 8 dots": text_mode(COLUMNS_80, LINES_400, 16, 1),
    "text 80x28": text_mode(COLUMNS_80, LINES_400, 14, 0),
    "text 80x43": text_mode(COLUMNS_80, LINES_350, 8, 0),
    "text 80x50": text_mode(COLUMNS_80, LINES_400, 8, 0),
    "text 80x30": text_mode(COLUMNS_80, LINES_480, 16, 0),
    "text 80x60": text_mode(COLUMNS_80, LINES_480, 8, 1),
    "text 40x25, 8 dots": text_mode(COLUMNS_40, LINES_400, 16, 9),
    "text 40x25, 9 dots": text_mode(COLUMNS_40, LINES_400, 16, 8),
    "text 132x25": text_mode(COLUMNS_132, LINES_400, 16, 1),
    "text 132x43": text_mode(COLUMNS_132, LINES_350, 8, 1),
    "text 132x60": text_mode(COLUMNS_132, LINES_480, 8, 0),
    "12h": graphics_mode(COLUMNS_80, LINES_480, 0x40, 1, {}, 6, 0, 5, 1),
    "10h": graphics_mode(COLUMNS_80, LINES_350, 0x40, 1, {}, 6, 0, 5, 1),
    "0Eh": graphics_mode(COLUMNS_80, LINES_400, 0xC0, 1, {}, 6, 0, 5, 1),
    "0Dh": graphics_mode(COLUMNS_40, LINES_400, 0xC0, 9, {}, 6, 0, 5, 1),
    "04h": graphics_mode(COLUMNS_40, LINES_400, 0xC1, 9, {0x17: 0xA2}, 2, 0x30, 0x0F, 1, 3),
    "06h": graphics_mode(COLUMNS_80, LINES_400, 0xC1, 1, {0x17: 0xC2, 0x13: 0x28}, 6, 0, 0x0D, 1, 1),
    "13h": graphics_mode({**COLUMNS_80, 4: 0x54, 5: 0x80}, LINES_400, 0x41, 1, {0x14: 0x40, 0x17: 0xA3}, 14, 0x40, 5,
                         0x41),
}


def set_mode(name, clear=True):
    """All registers; video memory cleared through the window at a0000 first, whatever the mode."""
    m = MODES[name]
    out = dispi(4, 0) + [f"outb 0x3c2 {m['misc']:#x}"]
    if clear:
        out += (indexed(SEQUENCER, 4, 6) + indexed(SEQUENCER, 2, 15) + indexed(GRAPHICS, 5, 0) +
                indexed(GRAPHICS, 1, 0) + indexed(GRAPHICS, 3, 0) + indexed(GRAPHICS, 8, 0xFF) +
                indexed(GRAPHICS, 6, 5) + ["memset 0xa0000 0x10000 0"])
    for index, value in enumerate(m["seq"]):
        out += indexed(SEQUENCER, index, value)
    out += indexed(CRTC, 0x11, 0)
    for index, value in sorted(m["cr"].items()):
        out += indexed(CRTC, index, value & 0x7F if index == 0x11 else value)
    for index, value in enumerate(m["gr"]):
        out += indexed(GRAPHICS, index, value)
    out.append("inb 0x3da")
    for index, value in enumerate(m["ar"]):
        out += [f"outb 0x3c0 {index:#x}", f"outb 0x3c0 {value:#x}"]
    return out + ["outb 0x3c0 0x20"] + palette(6)
