# SPDX-License-Identifier: GPL-2.0-or-later
"""
GRUB from a partitioned disk image to its menu, on the serial line and on the screen; a key over
the serial line chooses an entry, modules are read from a FAT file system, and GRUB powers off by
ACPI. The image is put together without root: a partition table and core.img by hand, FAT by mtools.
"""
import os
import shutil
import struct
import subprocess
import time

from vmtest import Vm, check, done, fail, need_file, need_kvm, skip, tmp

GRUB = "/usr/lib/grub/i386-pc"
# Little in core.img: its LZMA takes a KVM that interprets guest code 10 s for each 60 KiB.
CORE_MODULES = "biosdisk part_msdos fat".split()
FILE_MODULES = "normal terminal serial echo cat read halt".split()
FILES = {}  # others in /boot/grub: name -> path
PARTITION_LBA, PARTITION_SECTORS = 2048, 16384
LIMIT = 240

CONFIG = """
serial --unit=0 --speed=115200
terminal_input serial console
terminal_output serial console
set timeout=-1
menuentry "kvm-dm: say something" { echo "chosen: the first entry"; cat /boot/grub/note.txt; read }
menuentry "kvm-dm: power off" { insmod halt; echo "chosen: power off"; halt }
"""


def run(*command):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            env=dict(os.environ, MTOOLS_SKIP_CHECK="1"))
    if result.returncode:
        fail(f"{' '.join(command)}: {result.stdout.decode()}")


def with_dependencies(modules):
    needs = {}
    with open(f"{GRUB}/moddep.lst") as f:
        for line in f:
            name, _, rest = line.partition(":")
            needs[name] = rest.split()
    found, todo = set(), list(modules)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += needs.get(name, [])
    return sorted(found)


def make_disk():
    core, fat, disk = tmp("core.img"), tmp("fat.img"), tmp("disk.img")
    run("grub-mkimage", "-O", "i386-pc", "-p", "(hd0,msdos1)/boot/grub", "-o", core, *CORE_MODULES)
    run("mformat", "-C", "-i", fat, "-T", str(PARTITION_SECTORS), "-h", "16", "-s", "63",
        "-H", str(PARTITION_LBA), "::")
    run("mmd", "-i", fat, "::/boot", "::/boot/grub", "::/boot/grub/i386-pc")
    for name, text in (("grub.cfg", CONFIG), ("note.txt", "a file from the FAT file system\n")):
        with open(tmp(name), "w") as f:
            f.write(text)
        run("mcopy", "-i", fat, tmp(name), f"::/boot/grub/{name}")
    for name, path in FILES.items():
        run("mcopy", "-i", fat, path, f"::/boot/grub/{name}")
    files = [m + ".mod" for m in with_dependencies(FILE_MODULES)]
    files += ["moddep.lst", "command.lst", "terminal.lst"]
    run("mcopy", "-i", fat, *[f"{GRUB}/{f}" for f in files], "::/boot/grub/i386-pc/")

    with open(f"{GRUB}/boot.img", "rb") as f:
        boot = bytearray(f.read(512))
    with open(core, "rb") as f:
        core_data = f.read()
    if len(core_data) > (PARTITION_LBA - 1) * 512:
        fail("core.img does not fit before the partition")
    # boot.img expects core.img at sector 1; its floppy code lies where a disk has the partition table:
    # one active partition of type 0e (FAT, LBA).
    boot[446:510] = bytes(64)
    boot[446:462] = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", 0x0E, b"\xfe\xff\xff",
                                PARTITION_LBA, PARTITION_SECTORS)
    boot[510:512] = b"\x55\xaa"
    with open(disk, "wb") as out, open(fat, "rb") as f:
        out.write(boot + core_data)
        out.seek(PARTITION_LBA * 512)
        out.write(f.read())
        out.truncate((PARTITION_LBA + PARTITION_SECTORS) * 512)
    return disk


def press(vm, key, answer):
    """Sends a key until GRUB answers: it drops keys that come while it draws."""
    known = vm.serial().count(answer)
    for _ in range(6):
        vm.send(key)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            if vm.serial().count(answer) > known:
                time.sleep(1)
                return
            time.sleep(0.2)
    fail(f"no answer to key {key}: '{answer}'")


def main():
    need_kvm()
    need_file(f"{GRUB}/boot.img", "grub-pc-bin")
    for tool, package in (("grub-mkimage", "grub-common"), ("mformat", "mtools")):
        if not shutil.which(tool):
            skip(f"{tool} is missing (Debian package {package})")
    disk = make_disk()
    start = time.monotonic()
    vm = Vm(["-m", "64", "-vga", "std", "-drive", f"file={disk},format=raw", "-no-reboot"], serial="socket")
    vm.wait_serial("kvm-dm: power off", LIMIT)
    print(f"menu on the serial line after {time.monotonic() - start:.0f} s")
    seen = vm.wait_screen("kvm-dm: power off", 30)
    print(seen)
    check("GNU GRUB" in seen and "kvm-dm: say something" in seen, "menu on the screen, by screendump")
    width, height, _ = vm.screen()
    check((width, height) in ((720, 400), (640, 400)), f"screen of 80 x 25 cells: {width} x {height}")

    press(vm, b"\r", "a file from the FAT file system")
    check("chosen: the first entry" in vm.serial(), "Enter over the serial line runs the entry")
    vm.wait_screen("a file from the FAT file system", 30)
    check(True, "GRUB reads a file; its text is on the screen too")
    press(vm, b"\r", "*kvm-dm: say something")
    press(vm, b"\x1b[B", "*kvm-dm: power off")
    press(vm, b"\r", "chosen: power off")
    check(vm.wait_exit(60) == 0, "GRUB's halt powers the machine off, exit code 0")
    done("GRUB's menu on serial line and screen, files read, keys taken, power-off")


if __name__ == "__main__":
    main()
