# SPDX-License-Identifier: GPL-2.0-or-later
"""
Two emulators' pictures of one screen compared. kvm-dm draws in dots of the monitor, QEMU in pixels of the mode:
its picture is enlarged by whole numbers first. Palette entries have six bits, which the two expand
differently: `bits` of each component are compared.
"""
import hashlib


def read_ppm(path):
    """(width, height, bytes of three a pixel); ValueError if it is no whole PPM."""
    with open(path, "rb") as f:
        data = f.read()
    fields = data.split(None, 4)[:4]
    if len(fields) < 4 or fields[0] != b"P6" or fields[3] != b"255":
        raise ValueError(f"not a PPM: {data[:20]!r}")
    width, height = int(fields[1]), int(fields[2])
    if len(data) < width * height * 3 + 10:
        raise ValueError("cut short")
    return width, height, data[-width * height * 3:]


def write_ppm(path, picture):
    with open(path, "wb") as f:
        f.write(b"P6\n%d %d\n255\n" % picture[:2] + picture[2])


def checksum(picture):
    return hashlib.sha256(b"%d %d\n" % picture[:2] + picture[2]).hexdigest()[:16]


def reduced(picture, bits):
    """Rows of pixels, each component cut to its first bits."""
    width, height, data = picture
    data = data.translate(bytes(v >> (8 - bits) for v in range(256)))
    return width, [data[y * width * 3:(y + 1) * width * 3] for y in range(height)]


def enlarged(width, lines, want_width, want_height):
    """By whole numbers; None if it does not come out."""
    if want_width % width or want_height % len(lines):
        return None
    across, down = want_width // width, want_height // len(lines)
    if across > 1:
        lines = [b"".join(line[x:x + 3] * across for x in range(0, len(line), 3)) for line in lines]
    return [line for line in lines for _ in range(down)]


def difference(ours, theirs, bits, cropped=False):
    """None, or a sentence. cropped: only the lines that theirs has."""
    width, mine = reduced(ours, bits)
    if cropped:
        mine = mine[:theirs[1]]
    other = enlarged(*reduced(theirs, bits), width, len(mine))
    sizes = f"{ours[0]}x{ours[1]} and {theirs[0]}x{theirs[1]}"
    if other is None:
        return f"sizes {sizes}"
    bad = [y for y in range(len(mine)) if mine[y] != other[y]]
    if not bad:
        return None
    y = bad[0]
    columns = [x for x in range(width) if mine[y][x * 3:x * 3 + 3] != other[y][x * 3:x * 3 + 3]]
    x = columns[0]
    return (f"{sizes}: {len(bad)} lines differ, the first is {y}, there {len(columns)} pixels from {x}: "
            f"{mine[y][x * 3:x * 3 + 3].hex()} and {other[y][x * 3:x * 3 + 3].hex()}")


def self_test():
    """The comparison fails where it has to."""
    red, blue = b"\xff\0\0", b"\0\0\xff"
    small, large = (2, 1, red + blue), (4, 2, (red * 2 + blue * 2) * 2)
    assert difference(large, small, 8) is None, "enlarged by two"
    assert difference(small, large, 8).startswith("sizes"), "never made smaller"
    assert "1 lines differ" in difference((2, 1, red + red), small, 8), "another pixel"
    assert difference((1, 1, b"\xfc\0\0"), (1, 1, red), 6) is None, "the same six bits"
    assert difference((1, 1, b"\xf8\0\0"), (1, 1, red), 6), "other six bits"
    assert difference((1, 2, red + blue), (1, 1, red), 8, cropped=True) is None, "cropped"
    assert checksum(small) != checksum((1, 2, red + blue)), "the size counts"
