# SPDX-License-Identifier: GPL-2.0-or-later
"""
ISOLINUX from a CD (El Torito, no emulation) to its prompt on the serial line, which is typed on; a file is
read from the CD and shown on the screen; the CD is changed while the guest runs, by QMP as an administrator does it, and the file of the
other one is read; the drive is emptied, and a read fails.
"""
import os
import shutil
import subprocess
import time

from vmtest import Vm, check, done, fail, need_file, need_kvm, skip, tmp

LIMIT = 240
MODULES = "/usr/lib/syslinux/modules/bios"
CONFIG = """SERIAL 0 115200
PROMPT 1
TIMEOUT 0
LABEL note
  COM32 cat.c32
  APPEND /note.txt
"""


def make_iso(name, note):
    root, iso = tmp(name + ".d"), tmp(name + ".iso")
    os.makedirs(root)
    shutil.copy("/usr/lib/ISOLINUX/isolinux.bin", root)
    for module in ("ldlinux", "cat", "libcom32"):
        shutil.copy(f"{MODULES}/{module}.c32", root)
    for file, text in (("isolinux.cfg", CONFIG), ("note.txt", note)):
        with open(os.path.join(root, file), "w") as f:
            f.write(text)
    result = subprocess.run(["genisoimage", "-quiet", "-o", iso, "-b", "isolinux.bin", "-c", "boot.cat",
                             "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", root],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if result.returncode:
        fail(f"genisoimage: {result.stdout.decode()}")
    return iso


def ask(vm, answer, limit=120):
    """Types the label until the answer is on the screen: the prompt drops keys that come while it draws."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        vm.send(b"note\r")
        wait = time.monotonic() + 20
        while time.monotonic() < wait:
            if answer in vm.screen_text():
                time.sleep(1)
                return
            time.sleep(0.5)
    fail(f"no '{answer}' after typing the label; the screen:\n{vm.screen_text()}")


def main():
    need_kvm()
    need_file("/usr/lib/ISOLINUX/isolinux.bin", "isolinux")
    need_file(f"{MODULES}/ldlinux.c32", "syslinux-common")
    if not shutil.which("genisoimage"):
        skip("genisoimage is missing (Debian package genisoimage)")
    first, second, third = (make_iso(name, f"the {name} CD speaks\n") for name in ("first", "second", "third"))

    start = time.monotonic()
    vm = Vm(["-m", "64", "-vga", "std", "-cdrom", first, "-boot", "d", "-no-reboot"], serial="socket")
    end = time.monotonic() + LIMIT
    while "boot:" not in vm.serial() and time.monotonic() < end:
        if "KVM cannot emulate" in open(vm.stderr_path).read():
            skip("this KVM cannot run ISOLINUX's code (KVM_EXIT_INTERNAL_ERROR); the lab test runs it")
        time.sleep(0.5)
    vm.wait_serial("boot:", 1)
    print(f"ISOLINUX's prompt after {time.monotonic() - start:.0f} s")
    ask(vm, "the first CD speaks")
    check(True, "a file is read from the CD")

    vm.qmp("blockdev-change-medium", device="ide1-cd0", filename=second, format="raw")
    moved = [vm.wait_event("DEVICE_TRAY_MOVED")["tray-open"] for _ in range(2)]
    check(moved == [True, False], "the tray goes out and comes back, with events")
    inserted = vm.qmp("query-block")[0]["inserted"]
    check(inserted["file"] == second and inserted["ro"], "query-block names the new medium, read-only")
    ask(vm, "the second CD speaks")
    check(True, "the other CD's file is read after a change")

    vm.qmp("eject", device="ide1-cd0")
    check("inserted" not in vm.qmp("query-block")[0], "the drive is empty")
    known = vm.screen_text().count("the second CD speaks")
    vm.send(b"note\r")
    time.sleep(5)
    check(vm.screen_text().count("the second CD speaks") <= known, "nothing is read from an empty drive")
    check(vm.qmp("query-status")["status"] == "running", "and the machine goes on")
    vm.qmp("blockdev-insert-medium", id="ide1-cd0", **{"node-name": add_node(vm, third)})
    vm.qmp("blockdev-close-tray", id="ide1-cd0")
    ask(vm, "the third CD speaks")
    vm.qmp("quit")
    done("ISOLINUX from CD: prompt, files, change, eject, insert")


def add_node(vm, path):
    vm.qmp("blockdev-add", driver="raw", **{"node-name": "again", "read-only": True,
                                            "file": {"driver": "file", "filename": path}})
    return "again"


if __name__ == "__main__":
    main()
