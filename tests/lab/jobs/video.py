# SPDX-License-Identifier: GPL-2.0-or-later
"""
Job "video", in the laboratory: Linux's display drivers. At each "lab: ask NAME" of the guest the screen is read as
text and photographed.

  video.py KERNEL INITRD APPEND PICTURES
"""
import os
import shutil
import sys
import time

from vmtest import Vm, check, done, fail

LIMIT = 300
KERNEL, INITRD, APPEND, PICTURES = sys.argv[1:]
# By driver: the size of the screen, and how it is seen (None: whatever the driver chose).
CONSOLES = {"vgacon": ("text", None), "bochs": ("graphics", None),
            "back": ("graphics", None), "vesafb": ("graphics", (1024, 768)), "takeover": ("graphics", None)}


def keep(vm, name):
    vm.qmp("screendump", filename=os.path.join(PICTURES, f"{name}.png"), format="png")


def console(vm, name, number):
    mode, size = CONSOLES[name]
    words = f"^screen {number}: the quick brook *$"
    got = vm.try_qmp("wait-screen", timeout=LIMIT, text=words, **{"timeout-ms": LIMIT * 900})
    if "error" in got:
        keep(vm, name)
        fail(f"{name}: {got['error']['desc']}: {vm.qmp('query-screen-text')['lines'][:3]}")
    seen = vm.qmp("query-screen-text")
    keep(vm, name)
    check(seen["mode"] == mode, f"{name}: {mode} of {seen['columns']} x {seen['rows']}")
    check(seen["lines"][1] == "  runs 123456789 {[()]}", f"{name}: the second line")
    if size:
        check((seen["width"], seen["height"]) == size, f"{name}: {size}")


def picture(vm, width, height):
    """kmsctl's: each pixel tells where it is."""
    keep(vm, f"{width}x{height}")
    got_width, got_height, pixels = vm.screen()
    check((got_width, got_height) == (width, height), f"mode {width}x{height} is set")
    for y in list(range(0, height, 16)) + [height - 1]:
        want = bytes(v for x in range(width) for v in (x & 255, y & 255, (x ^ y) & 255))
        if pixels[y * width * 3:(y + 1) * width * 3] != want:
            fail(f"mode {width}x{height}: row {y} is not what was drawn")
    check(True, "and shows what was drawn")


def main():
    vm = Vm(["-no-reboot", "-m", "256", "-vga", "std", "-kernel", KERNEL, "-initrd", INITRD, "-append", APPEND],
            serial="socket")
    seen = consoles = 0
    try:
        end = time.monotonic() + LIMIT
        while vm.process.poll() is None:
            asked = [l.split()[2] for l in vm.serial().split("\n")[:-1] if l.startswith("lab: ask ")]
            if len(asked) <= seen:
                if time.monotonic() > end:
                    fail("the guest asks nothing and does not end")
                time.sleep(0.1)
                continue
            name = asked[seen].strip()
            if name in CONSOLES:
                consoles += 1
                console(vm, name, consoles)
            else:
                picture(vm, *(int(n) for n in name.split("x")))
            vm.send(b"go\n")
            seen += 1
            end = time.monotonic() + LIMIT
        code = vm.wait_exit(5)
    finally:
        if os.path.exists(vm.serial_path):
            shutil.copy(vm.serial_path, os.environ["SERIAL"])
    if code:
        fail(f"exit code {code}")
    done(f"{seen} screens seen")


main()
