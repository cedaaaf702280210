# SPDX-License-Identifier: GPL-2.0-or-later
"""
SeaBIOS boots from virtio-blk by its own driver: by the modern and the legacy transport, by -drive if=virtio, in the
order of bootindex, beside a disk on IDE. The boot sector on each disk (rom/disks.bin) says which one it came from and
reads the last sector's number of all BIOS drives.
"""
import re

from vmtest import GUESTS, Vm, check, done, fail, need_file, need_kvm, tmp


KERNEL = f"{GUESTS}/mb/virtio.elf"


def disk(number):
    path = tmp(f"disk{number}.img")
    with open(f"{GUESTS}/rom/disks.bin", "rb") as f:
        boot = f.read()
    with open(path, "wb") as f:
        f.write(boot + bytes([number]) * 512)
        f.truncate(8 << 20)
    return path


def boot(*args):
    """Which disk booted first, and all that the BIOS has, in its order."""
    vm = Vm(["-m", "32", "-device", "isa-debug-exit,iobase=0xf4,iosize=4", *args])
    code = vm.wait_exit(120)
    match = re.search(r"disks: boot 80 count ([0-9a-f]{2})((?: [0-9a-f:-]+)*)\r", vm.serial())
    if code != 99 or not match:
        fail(f"exit code {code}, said {vm.serial()!r}")
    return [int(d.split(":")[0], 16) for d in match.group(2).split()]


def drive(number):
    return ["-drive", f"if=none,id=d{number},format=raw,file={disk(number)}"]


def doorbells(on):
    """The kernel's rounds with a kick each; who made the writes that the device was told last."""
    vm = Vm(["-m", "32", "-kernel", KERNEL, "-device", f"virtio-rng-pci,id=rng0,packed=on,ioeventfd={'on' if on else 'off'}"])
    vm.wait_serial("virtio: done\r\n", 240)
    rounds = re.findall(r"virtio: ([a-z ]+): (\d+) bytes in (\d+) buffers, (\d+) alike, (\d+) kcycles", vm.serial())
    print(vm.serial())
    expected = [(what, "12800", "200", "0") for what in ("legacy", "modern", "modern moved", "packed")]
    check([r[:4] for r in rounds] == expected, f"200 kicks by each transport and kind of ring: {rounds}")
    return [w for w in vm.qmp("query-device-state", id="rng0")["last-writes"]
            if (w["region"], w["address"] & 0x3f) == ("rng0.legacy", 0x10) or
            (w["region"], w["address"] & 0x3fff) == ("rng0.modern", 0x3000)]


need_kvm()
need_file(f"{GUESTS}/rom/disks.bin", "make guests")

for properties in ("", ",disable-legacy=on", ",disable-modern=on"):
    found = boot(*drive(3), "-device", "virtio-blk-pci,drive=d3" + properties)
    check(found == [3], f"boots from virtio-blk{properties}: {found}")

found = boot("-drive", f"if=virtio,format=raw,file={disk(1)}", "-drive", f"if=ide,format=raw,file={disk(4)}",
             *drive(2), "-device", "virtio-blk-pci,drive=d2,bootindex=0")
check(found[0] == 2 and sorted(found) == [1, 2, 4], f"the disk with bootindex is the first of three: {found}")
found = doorbells(True)
check(found and all(w.get("source") == "doorbell" for w in found), f"all of them were carried out for KVM: {found[:1]}")
found = doorbells(False)
check(found and all(w.get("vcpu") == 0 for w in found), f"ioeventfd=off: by the vCPU: {found[:1]}")
done("SeaBIOS boots from virtio-blk by both transports; a driver of ours kicks by doorbells, with split and packed rings")
