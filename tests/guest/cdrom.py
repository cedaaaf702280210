# SPDX-License-Identifier: GPL-2.0-or-later
"""
GRUB from a CD (El Torito, no emulation): a file is read from the CD by the BIOS; the CD is changed while
the guest runs, by QMP as an administrator does it, and the file of the other one is read; the drive is
emptied and filled again. Then the machine is reset and boots from what is in the drive.
"""
import os
import shutil
import subprocess
import time

from vmtest import Vm, check, done, fail, need_file, need_kvm, skip, tmp

GRUB = "/usr/lib/grub/i386-pc"
CORE_MODULES = "biosdisk iso9660".split() # little: its LZMA takes a KVM that interprets guest code long
FILE_MODULES = "normal terminal serial echo cat read sleep test".split()
LIMIT = 240
CONFIG = """
serial --unit=0 --speed=115200
terminal_input serial
terminal_output serial
set timeout=-1
menuentry "kvm-dm: read the note" { sleep 3; cat /note.txt; echo "(end of note)"; read }
"""


def run(*command):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if result.returncode:
        fail(f"{' '.join(command)}: {result.stdout.decode()}")


def with_dependencies(modules):
    with open(f"{GRUB}/moddep.lst") as f:
        needs = {name: rest.split() for name, _, rest in (line.partition(":") for line in f)}
    found, todo = set(), list(modules)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += needs.get(name, [])
    return sorted(found)


def make_iso(name, note):
    root, iso = tmp(name + ".d"), tmp(name + ".iso")
    os.makedirs(f"{root}/boot/grub/i386-pc")
    run("grub-mkimage", "-O", "i386-pc-eltorito", "-p", "/boot/grub", "-o", f"{root}/boot/eltorito.img",
        *CORE_MODULES)
    for module in [m + ".mod" for m in with_dependencies(FILE_MODULES)] + ["moddep.lst", "command.lst",
                                                                           "terminal.lst"]:
        shutil.copy(f"{GRUB}/{module}", f"{root}/boot/grub/i386-pc")
    for file, text in (("boot/grub/grub.cfg", CONFIG), ("note.txt", note)):
        with open(os.path.join(root, file), "w") as f:
            f.write(text)
    run("genisoimage", "-quiet", "-R", "-o", iso, "-b", "boot/eltorito.img", "-c", "boot.cat",
        "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", root)
    return iso


def wait_count(vm, text, known, limit):
    end = time.monotonic() + limit
    while vm.serial().count(text) <= known and time.monotonic() < end:
        time.sleep(0.2)
    return vm.serial().count(text) > known


def read_note(vm, answer, tries=1):
    """
    Chooses the entry until the answer comes. After a change the drive reports it as a failed command
    (unit attention), and the BIOS does not ask again: the guest's user does.
    """
    known = vm.serial().count(answer)
    for _ in range(tries):
        ends = vm.serial().count("(end of note)")
        for _ in range(5):
            vm.send(b"\r") # dropped if it comes while GRUB draws
            if wait_count(vm, "(end of note)", ends, 30):
                break
        menu = vm.serial().count("*kvm-dm: read")
        vm.send(b"\r")
        wait_count(vm, "*kvm-dm: read", menu, 30)
        if vm.serial().count(answer) > known:
            break
    check(vm.serial().count(answer) > known, f"the guest reads: {answer}")


def add_node(vm, path):
    vm.qmp("blockdev-add", driver="raw", **{"node-name": "again", "read-only": True,
                                            "file": {"driver": "file", "filename": path}})
    return "again"


def main():
    need_kvm()
    need_file(f"{GRUB}/cdboot.img", "grub-pc-bin")
    for tool, package in (("grub-mkimage", "grub-common"), ("genisoimage", "genisoimage")):
        if not shutil.which(tool):
            skip(f"{tool} is missing (Debian package {package})")
    first, second = make_iso("first", "the first CD speaks\n"), make_iso("second", "the second CD speaks\n")

    start = time.monotonic()
    vm = Vm(["-m", "64", "-vga", "std", "-cdrom", first, "-boot", "d"], serial="socket")
    vm.wait_serial("kvm-dm: read the note", LIMIT)
    print(f"GRUB's menu after {time.monotonic() - start:.0f} s")
    read_note(vm, "the first CD speaks")

    vm.qmp("blockdev-change-medium", device="ide1-cd0", filename=second, format="raw")
    moved = [vm.wait_event("DEVICE_TRAY_MOVED")["tray-open"] for _ in range(2)]
    check(moved == [True, False], "the tray goes out and comes back, with events")
    inserted = vm.qmp("query-block")[0]["inserted"]
    check(inserted["file"] == second and inserted["ro"], "query-block names the new medium, read-only")
    read_note(vm, "the second CD speaks", tries=3)

    vm.qmp("eject", device="ide1-cd0")
    check("inserted" not in vm.qmp("query-block")[0], "the drive is empty")
    vm.qmp("blockdev-insert-medium", id="ide1-cd0", **{"node-name": add_node(vm, first)})
    vm.qmp("blockdev-close-tray", id="ide1-cd0")
    read_note(vm, "the first CD speaks", tries=3)

    vm.qmp("system_reset")
    vm.wait_event("RESET")
    menus = vm.serial().count("*kvm-dm: read")
    end = time.monotonic() + LIMIT
    while vm.serial().count("*kvm-dm: read") == menus and time.monotonic() < end:
        time.sleep(0.5)
    check(vm.serial().count("*kvm-dm: read") > menus, "it boots again after a reset")
    vm.qmp("quit")
    done("GRUB from CD: menu, files, change, eject, insert, reset")


main()
