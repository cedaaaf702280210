# SPDX-License-Identifier: GPL-2.0-or-later
"""
SeaBIOS's boot menu and GRUB's shell, driven by wait-screen, send-key and type-text alone: the words are
waited for, the keys are typed, and what they do is seen on the screen.
"""
import os
import re
import shutil
import subprocess
import time

from vmtest import Vm, check, done, fail, need_file, need_kvm, skip, tmp

GRUB = "/usr/lib/grub/i386-pc"
LIMIT_MS = 150000


def wait(vm, text, timeout_ms=LIMIT_MS):
    return vm.qmp("wait-screen", timeout=timeout_ms / 1000 + 10, text=text, **{"timeout-ms": timeout_ms})


def keys(vm, *names):
    vm.qmp("send-key", keys=[{"type": "qcode", "data": n} for n in names])


def type_text(vm, text, **more):
    return vm.qmp("type-text", timeout=LIMIT_MS / 1000, text=text, **more)


def grub_disk():
    """GRUB without a file system of its own: it comes up in its rescue shell."""
    core, disk = tmp("core.img"), tmp("grub.img")
    made = subprocess.run(["grub-mkimage", "-O", "i386-pc", "-p", "/nowhere", "-o", core, "biosdisk"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if made.returncode:
        fail("grub-mkimage: " + made.stdout.decode())
    with open(disk, "wb") as out:
        for part in (f"{GRUB}/boot.img", core):
            with open(part, "rb") as f:
                out.write(f.read())
        out.truncate(4 << 20)
    return disk


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
    check(wait(vm, f"^word={text}$", 30000)["column"] == 0, "GRUB read every character")
    type_text(vm, "set y='z&{}[]|~@^`'\nset\n", layout="us")
    wait(vm, "^" + re.escape("y=z&{}[]|~@^`") + "$", 30000)
    check(True, "and those with Shift")
    for _ in range(3):
        keys(vm, "a")
    keys(vm, "shift", "b")
    wait(vm, r"grub rescue> aaaB", 30000)
    keys(vm, "backspace")
    wait(vm, r"grub rescue> aaa$", 30000)
    check(True, "send-key types, and takes back")
    shot = vm.qmp("query-screen-text", attributes=True)
    check(shot["cursor"]["visible"] and shot["cursor"]["x"] == len("grub rescue> aaa"), "the cursor behind it")
    check(shot["attributes"][0][0]["foreground"] == 7, "grey on black")
    vm.qmp("wait-screen", **{"stable-ms": 500, "timeout-ms": 20000})
    vm.qmp("quit")
    check(vm.wait_exit(5) == 0, "quit")
    done(f"SeaBIOS's menu and GRUB's shell by wait-screen and type-text, {time.monotonic() - start:.0f} s")


main()
