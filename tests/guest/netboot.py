# SPDX-License-Identifier: GPL-2.0-or-later
"""
Debian's iPXE ROM of each card boots from a user network: DHCP, then a file by TFTP, whose sum is right.
netboot.py [CARD...]: some of them. A KVM that interprets guest code ends in iPXE, with Debian's QEMU too; so the
laboratory's job "netboot" runs this where /dev/kvm is like hardware's.
"""
import os
import random
import sys
import time

from vmtest import GUESTS, Vm, check, done, need_file, need_kvm, skip, tmp

ROMS = "/usr/lib/ipxe/qemu"
# -device, its ROM
CARDS = [
    ("e1000", "pxe-e1000.rom"),
    ("rtl8139", "pxe-rtl8139.rom"),
    ("ne2k_pci", "pxe-ne2k_pci.rom"),
    ("pcnet", "pxe-pcnet.rom"),
    ("pcnet,chip=am79c973", "pxe-pcnet.rom"),
    ("virtio-net-pci", "pxe-virtio.rom"),
    ("virtio-net-pci,disable-legacy=on", "pxe-virtio.rom"),
]
LIMIT = 300
FILE_BYTES = 100003


def make_file(path):
    """The program with data behind it; the sum that it is to tell."""
    with open(os.path.join(GUESTS, "rom", "netboot.bin"), "rb") as f:
        code = f.read()
    rest = random.Random(1).randbytes(FILE_BYTES - len(code))
    data = code[:8] + FILE_BYTES.to_bytes(4, "little") + code[12:] + rest
    with open(path, "wb") as f:
        f.write(data)
    total = 0
    for byte in data:
        total = ((total << 1 | total >> 31) + byte) & 0xffffffff
    return total


def interprets():
    """This /dev/kvm has no virtualization extensions behind it."""
    with open("/proc/cpuinfo") as f:
        return not {"vmx", "svm"} & set(f.read().split())


def boot(card, total, folder):
    vm = Vm(["-m", "64", "-vga", "std", "-no-reboot", "-device", "isa-debug-exit,iobase=0xf4",
             "-netdev", f"user,id=wire,tftp={folder},bootfile=boot.bin", "-device", f"{card},netdev=wire,bootindex=0"])
    end = time.monotonic() + LIMIT
    while "netboot: sum" not in vm.serial() and time.monotonic() < end and vm.process.poll() is None:
        time.sleep(0.5)
    vm.wait_serial("netboot: sum", 1)
    check(vm.wait_exit() == 0x63, f"{card}: the program was started")
    check(f"netboot: sum {total:08x}" in vm.serial(), f"{card}: {FILE_BYTES} bytes by TFTP, right to the last")


need_kvm()
if interprets() and not sys.argv[1:]:
    skip("this KVM interprets guest code, and iPXE ends in it, with Debian's QEMU too; the laboratory runs this")
names = sys.argv[1:] or [card for card, _ in CARDS]
tried = 0
os.mkdir(tmp("tftp"))
wanted = make_file(os.path.join(tmp("tftp"), "boot.bin"))
for name, rom in CARDS:
    if name in names:
        need_file(os.path.join(ROMS, rom), "ipxe-qemu")
        boot(name, wanted, tmp("tftp"))
        tried += 1
if not tried:
    skip("none of these cards: " + " ".join(names))
done(f"{tried} cards booted from the network")
