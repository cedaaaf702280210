# SPDX-License-Identifier: GPL-2.0-or-later
"""
How many disks SeaBIOS finds, and boots from: a boot sector on every disk says which one it came from,
how many BIOS drives there are, and which disk each of them is. docs/disks.md has the results.
"""
import re

from vmtest import GUESTS, Vm, check, done, fail, need_file, need_kvm, tmp

NATIVE = "cmd646-ide"
OWN = [("ide.0", 0), ("ide.0", 1), ("ide.1", 0), ("ide.1", 1)]


def controllers(count, **more):
    args = []
    for c in range(count):
        extra = more.get(f"c{c}", "")
        args += ["-device", f"{NATIVE},id=c{c}{extra}"]
    return args


def places(count):
    return [(f"c{c}.{channel}", unit) for c in range(count) for channel in (0, 1) for unit in (0, 1)]


def disk(number, mib):
    path = tmp(f"disk{number}.img")
    with open(f"{GUESTS}/rom/disks.bin", "rb") as f:
        boot = f.read()
    with open(path, "wb") as f:
        f.write(boot + bytes([number]) * 512)
        f.truncate(mib << 20)
    return path


def boot(args, where, props={}, mib=8):
    """The BIOS drives: what boots, and (disk, heads) per drive."""
    command = ["-m", "32", "-device", "isa-debug-exit,iobase=0xf4,iosize=4"] + args
    for number, (bus, unit) in enumerate(where):
        command += ["-drive", f"if=none,id=d{number},format=raw,file={disk(number, mib)}",
                    "-device", f"ide-hd,drive=d{number},bus={bus},unit={unit}{props.get(number, '')}"]
    vm = Vm(command)
    code = vm.wait_exit(60)
    match = re.search(r"disks: boot 80 count ([0-9a-f]{2})((?: [0-9a-f:-]+)*)\r", vm.serial())
    if code != 99 or not match:
        fail(f"exit code {code}, said {vm.serial()!r}")
    drives = match.group(2).split()
    if len(drives) != int(match.group(1), 16) or "--" in drives:
        fail(f"count and drives disagree, or one cannot be read: {vm.serial()!r}")
    return [tuple(int(x, 16) for x in d.split(":")) for d in drives]


def disks(drives):
    return [d for d, _ in drives]


need_kvm()
need_file(f"{GUESTS}/rom/disks.bin", "make guests")

found = disks(boot(controllers(3), OWN + places(3)))
check(found == list(range(16)), f"4 + 12 disks: BIOS drives are {found}")

found = disks(boot(controllers(3), OWN + places(3), {15: ",bootindex=0", 9: ",bootindex=5"}))
check(found == [15, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14],
      f"bootindex on the 16th and the 10th disk: {found}")

found = disks(boot(controllers(1), places(1)))
check(found == [0, 1, 2, 3], f"no disk on the machine's own channels: {found}")

# The order is that of the slots, not of the options.
found = disks(boot(controllers(2, c0=",addr=9", c1=",addr=4"), places(2)))
check(found == [4, 5, 6, 7, 0, 1, 2, 3], f"two controllers in reverse: {found}")

found = disks(boot(controllers(1, c0=",secondary=0") + controllers(2)[2:],
                   OWN[:1] + [("c0.0", 1), ("c1.0", 0), ("c1.1", 1)]))
check(found == [0, 1, 2, 3], f"a controller with one channel, holes: {found}")

# SeaBIOS keeps its tables in what the F segment has left.
found = disks(boot(controllers(6), OWN + places(6)))
check(13 <= len(found) <= 16 and found == list(range(len(found))), f"28 disks: it finds {len(found)}")

found = disks(boot(["-device", "isa-ide,id=t", "-device", "isa-ide,id=q"],
                   OWN[:1] + [("t.0", 0), ("q.0", 1)]))
check(found == [0], f"disks of isa-ide are not found: {found}")

# Translations of 4063/16/63: none, auto (LBA) three times, large, r-echs, LBA, and what lheads says.
drives = boot(controllers(1), OWN[:1] + places(1) + OWN[1:],
              {0: ",bios-chs-trans=none", 1: ",bios-chs-trans=large", 2: ",bios-chs-trans=rechs",
               3: ",bios-chs-trans=lba", 4: ",lcyls=100,lheads=77,lsecs=20"}, mib=2000)
heads = [h + 1 for _, h in drives]
check(heads == [16, 64, 64, 64, 64, 120, 64, 77], f"heads by bios-chs-trans and lheads: {heads}")
done("SeaBIOS finds 16 disks on ide.0, ide.1 and three cmd646-ide, and boots from each that has the index")
