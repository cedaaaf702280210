# SPDX-License-Identifier: GPL-2.0-or-later
"""
SeaBIOS boots floppies of several formats; the boot sector reads tracks of each side by INT 13h (which
is the 82077AA with the 8237) and tells their sum, and writes the last sector. On pc by -fda, by -drive, by
-device with a bootindex; on isapc; and a short image, read-only.

SeaBIOS waits for the floppy's interrupt by "sti; nop; cli", where a KVM that interprets guest code delivers
none (Debian's QEMU fails there, too): then the laboratory (tests/lab, job floppy) does this.

  floppy.py --image FILE CYLINDERS HEADS SECTORS    makes an image; prints its sum
"""
import os
import re
import sys
import time

from vmtest import GUESTS, Vm, check, done, need_file, need_kvm, skip, tmp

LIMIT = 120
BOOT = os.path.join(GUESTS, "rom", "floppy.bin")


def make_image(path, cylinders, heads, sectors, short=None):
    with open(BOOT, "rb") as f:
        boot = bytearray(f.read(512))
    boot[0x18:0x1E] = b"".join(n.to_bytes(2, "little") for n in (sectors, heads, cylinders - 1))
    data = bytearray(boot)
    for sector in range(1, cylinders * heads * sectors):
        data += bytes((sector * 7 + sector // 256 + i * 3 + 1) & 0xFF for i in range(256)) * 2
    if short:
        data[short:] = bytes(len(data) - short)
    with open(path, "wb") as f:
        f.write(data[:short] if short else data)
    return bytes(data)


def expected_sum(data, cylinders, heads, sectors):
    track = sectors * 512
    at = lambda c, h: (c * heads + h) * track
    total = sum(data[512:track]) + sum(data[at(1, 0):at(1, 0) + track])
    if heads > 1:
        total += sum(data[track:2 * track])
    last = at(cylinders - 1, heads - 1)
    return (total + sum(data[last:last + track])) & 0xFFFF


def boot(name, geometry, options, drive_type, drive="00", short=None, written=True):
    image = tmp(name.replace(" ", "-") + ".img")
    data = make_image(image, *geometry, short=short)
    start = time.monotonic()
    vm = Vm(["-m", "32", "-vga", "std", "-device", "isa-debug-exit,iobase=0xf4,iosize=4"] +
            [o.replace("@", image) for o in options])
    code = vm.wait_exit(LIMIT)
    line = vm.serial().strip()
    check(code == 99, f"{name}: boots ({time.monotonic() - start:.0f} s): {line}")
    want = f"floppy: drive {drive} type {drive_type} sum {expected_sum(data, *geometry):04x}"
    check(line.startswith(want), f"{name}: {want}")
    with open(image, "rb") as f:
        after = f.read()
    if written:
        check(line.endswith("write 00 back b400"), f"{name}: the last sector is written, and read back")
        check(after == data[:-512] + b"\x5a" * 512, f"{name}: nothing else is changed in the image")
    else:
        check("write" in line and "FAILED" in line, f"{name}: the write fails")
        check(after == data[:len(after)], f"{name}: the image is as it was")


def main():
    if sys.argv[1:2] == ["--image"]:
        geometry = [int(n) for n in sys.argv[3:6]]
        print(f"{expected_sum(make_image(sys.argv[2], *geometry), *geometry):04x}")
        return
    need_kvm()
    need_file(BOOT, "none: make guests")
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
        if not re.search(r"^flags.*\b(vmx|svm)\b", f.read(), re.M) and "FLOPPY_ANYWAY" not in os.environ:
            skip("this KVM interprets guest code; SeaBIOS gets no floppy interrupt there (tests/lab does it)")
    order = ["-boot", "order=a"]
    boot("1.44 MB", (80, 2, 18), ["-fda", "@"] + order, "04")
    boot("1.44 MB on isapc", (80, 2, 18), ["-machine", "isapc", "-fda", "@"] + order, "04")
    boot("720 KB by bootindex", (80, 2, 9),
         ["-drive", "if=none,id=f,file=@,format=raw", "-device", "floppy,drive=f,bootindex=0"], "04")
    boot("2.88 MB", (80, 2, 36), ["-drive", "if=floppy,file=@,format=raw"] + order, "05")
    boot("1.2 MB", (80, 2, 15), ["-fda", "@"] + order, "02")
    boot("360 KB", (40, 2, 9), ["-fda", "@"] + order, "01")
    boot("160 KB", (40, 1, 8), ["-fda", "@"] + order, "01")
    boot("360 KB in 1.2 MB", (40, 2, 9),
         ["-fda", "@", "-global", "isa-fdc.fdtypeA=120"] + order, "02")
    boot("short and read-only", (80, 2, 18),
         ["-drive", "if=floppy,file=@,format=raw,readonly=on"] + order, "04", short=7 * 512,
         written=False)
    done("floppies of six formats booted, read and written by SeaBIOS")


main()
