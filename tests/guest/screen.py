# SPDX-License-Identifier: GPL-2.0-or-later
"""
SeaBIOS's boot menu and GRUB's shell, driven by wait-screen, send-key and type-text alone: the words are
waited for, the keys are typed, and what they do is seen on the screen.
"""
import os
import re
import shutil
import subprocess
import tarfile
import time

from vmtest import Vm, check, done, fail, need_file, need_kvm, skip, tmp

GRUB = "/usr/lib/grub/i386-pc"
FONT = "/usr/share/grub/ascii.pf2"
LIMIT_MS = 600000


def wait(vm, text, timeout_ms=LIMIT_MS):
    return vm.qmp("wait-screen", timeout=timeout_ms / 1000 + 10, text=text, **{"timeout-ms": timeout_ms})


def wait_cursor(vm, x):
    """GRUB takes a character back by blanking it, and then moves the cursor."""
    end = time.monotonic() + LIMIT_MS / 1000
    while True:
        shot = vm.qmp("query-screen-text", attributes=True)
        if shot["cursor"]["x"] == x:
            return shot
        if time.monotonic() > end:
            fail(f"the cursor is in column {shot['cursor']['x']}, not {x}")
        time.sleep(0.05)


def keys(vm, *names):
    vm.qmp("send-key", keys=[{"type": "qcode", "data": n} for n in names])


def type_text(vm, text, **more):
    # timeout-ms is for one key: all of them may take longer.
    return vm.qmp("type-text", timeout=3 * LIMIT_MS / 1000, text=text, **{"timeout-ms": LIMIT_MS, **more})


def join(disk, *parts):
    with open(disk, "wb") as out:
        for part in parts:
            with open(part, "rb") as f:
                out.write(f.read())
        out.truncate(4 << 20)


def grub_disk():
    """GRUB without a file system of its own: it comes up in its rescue shell."""
    core, disk = tmp("core.img"), tmp("grub.img")
    made = subprocess.run(["grub-mkimage", "-O", "i386-pc", "-p", "/nowhere", "-o", core, "biosdisk"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if made.returncode:
        fail("grub-mkimage: " + made.stdout.decode())
    join(disk, f"{GRUB}/boot.img", core)
    return disk


GFX_CONFIG = """
loadfont (memdisk)/ascii.pf2
set gfxmode=640x480
terminal_output gfxterm
set
"""


def gfxterm_disk():
    """GRUB with its graphics terminal, its font beside it in a memory disk."""
    core, disk, tar, config = tmp("gfx.img"), tmp("gfxdisk.img"), tmp("mem.tar"), tmp("gfx.cfg")
    with open(config, "w") as f:
        f.write(GFX_CONFIG)
    with tarfile.open(tar, "w") as t:
        t.add(FONT, "ascii.pf2")
    made = subprocess.run(["grub-mkimage", "-O", "i386-pc", "-p", "/nowhere", "-o", core, "-c", config, "-m", tar,
                           "biosdisk", "memdisk", "tar", "font", "gfxterm", "vbe", "terminal"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if made.returncode:
        fail("grub-mkimage: " + made.stdout.decode())
    join(disk, f"{GRUB}/boot.img", core)
    return disk


def bios_modes_disk(modes):
    """A boot sector that sets each mode, prints through the BIOS, and waits for a key."""
    text = b"BIOS font, any mode\r\n  second line\0"
    code = bytes.fromhex("31c08ed8be0000ac" "b400cd1056be0000" "ac84c07409b40ebb0f00cd10ebf2" "5eb400cd16eb")
    code += bytes([(7 - len(code) - 1) & 0xff])  # back to the first lodsb
    at = 0x7c00 + len(code)
    code = bytearray(code + bytes(modes) + text)
    code[5:7] = at.to_bytes(2, "little")
    code[14:16] = (at + len(modes)).to_bytes(2, "little")
    disk = tmp("modes.img")
    with open(disk, "wb") as f:
        f.write(bytes(code).ljust(510, b"\0") + b"\x55\xaa")
        f.truncate(1 << 20)
    return disk


def bios_graphics():
    modes = ((0x12, 640, 480, 16), (0x10, 640, 350, 14), (0x13, 640, 400, 8), (0x03, 0, 0, 16), (0x01, 0, 0, 16))
    vm = Vm(["-m", "16", "-vga", "std", "-drive", f"file={bios_modes_disk([m[0] for m in modes])},format=raw"])
    for mode, width, height, lines in modes:
        end = time.monotonic() + 30
        while time.monotonic() < end:  # the screen before has the same words
            got = vm.qmp("query-screen-text")
            size = (got["width"], got["height"], got.get("grid", {}).get("cell-height")) \
                if width and "width" in got else got["columns"]
            if size == ((width, height, lines) if width else 40 if mode == 1 else 80) and \
                    got["lines"][:2] == ["BIOS font, any mode", "  second line"]:
                break
        else:
            fail(f"mode {mode:02x}: {got}")
        check(True, f"mode {mode:02x}: {got['mode']}, {got['columns']} x {got['rows']}")
        keys(vm, "spc")
    vm.qmp("quit")
    vm.wait_exit(5)


def grub_graphics():
    vm = Vm(["-m", "32", "-vga", "std", "-drive", f"file={gfxterm_disk()},format=raw"])
    end = time.monotonic() + LIMIT_MS / 1000
    while vm.qmp("query-screen-text")["mode"] == "text" and time.monotonic() < end:
        time.sleep(1)
    wait(vm, "grub rescue>")
    got = vm.qmp("query-screen-text")
    print("\n".join(got["lines"]).rstrip())
    check(got["mode"] == "graphics" and got["width"] == 640, f"GRUB's gfxterm, on a grid at {got['grid']}")
    type_text(vm, "set word=Typed_in_graphics_{[]}\nset\n")
    check(wait(vm, r"^ *word=Typed_in_graphics_\{\[\]\}$", 60000)["mode"] == "graphics", "typed and read there")
    vm.qmp("quit")
    vm.wait_exit(5)


def main():
    need_kvm()
    need_file(f"{GRUB}/boot.img", "grub-pc-bin")
    if not shutil.which("grub-mkimage"):
        skip("grub-mkimage is missing (Debian package grub-common)")
    empty = tmp("empty.img")
    with open(empty, "wb") as f:
        f.truncate(1 << 20)
    start = time.monotonic()
    vm = Vm(["-m", "32", "-vga", "std", "-boot", "menu=on,splash-time=60000",
             "-drive", f"file={empty},format=raw,index=0", "-drive", f"file={grub_disk()},format=raw,index=1",
             "-no-reboot"])
    wait(vm, "Press ESC for boot menu")
    keys(vm, "esc")
    seen = wait(vm, r"^Select boot device:")
    check(seen["mode"] == "text" and seen["column"] == 0, f"SeaBIOS's menu after {time.monotonic() - start:.0f} s")
    entry = wait(vm, r"^(\d)\. .*ata0-1.*$")["line"]
    vm.qmp("wait-screen", **{"stable-ms": 500})
    print("\n".join(l for l in vm.qmp("query-screen-text")["lines"] if l))
    check(entry[0].isdigit(), "the second disk is in the menu")
    type_text(vm, entry[0])
    wait(vm, "grub rescue>")
    check(True, f"the disk that was chosen boots: GRUB's shell after {time.monotonic() - start:.0f} s")

    text = "The_quick_brown_fox_jumps_over_the_lazy_dog_0123456789"
    got = type_text(vm, f"set word={text}\nset\n")
    check(got["typed"] == got["characters"] == len(text) + 14, f"typed: {got}")
    # In the list of variables, not in the line that was typed.
    check(wait(vm, f"^word={text}$")["column"] == 0, "GRUB read every character")
    type_text(vm, "set y='z&{}[]|~@^`'\nset\n", layout="us")
    wait(vm, "^" + re.escape("y=z&{}[]|~@^`") + "$")
    check(True, "and those with Shift")
    for _ in range(3):
        keys(vm, "a")
    keys(vm, "shift", "b")
    wait(vm, r"grub rescue> aaaB")
    keys(vm, "backspace")
    wait(vm, r"grub rescue> aaa$")
    check(True, "send-key types, and takes back")
    shot = wait_cursor(vm, len("grub rescue> aaa"))
    check(shot["cursor"]["visible"], "the cursor behind it")
    check(shot["attributes"][0][0]["foreground"] == 7, "grey on black")
    vm.qmp("wait-screen", **{"stable-ms": 500, "timeout-ms": 20000})
    vm.qmp("quit")
    check(vm.wait_exit(5) == 0, "quit")
    bios_graphics()
    if os.path.exists(FONT):
        grub_graphics()
    done(f"SeaBIOS's menu and GRUB's shell, in text and graphics, by wait-screen and type-text, {time.monotonic() - start:.0f} s")


main()
