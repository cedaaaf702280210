# SPDX-License-Identifier: GPL-2.0-or-later
"""
In the laboratory: Linux (hotplug.inner) asks for network cards to be put in and taken out, which is done by QMP.
Arguments: kernel, initramfs, command line, cards; the guest's serial line is left in the file $SERIAL.
"""
import os
import shutil
import sys

from vmtest import Vm, check, done

LIMIT = 600
KERNEL, INITRD, APPEND, CARDS = sys.argv[1:]


def put_in(vm, n, card, slot):
    vm.qmp("netdev_add", type="user", id="wire")
    vm.qmp("device_add", driver=card, netdev="wire", id="card", bus="pci.0", addr="0x%x" % slot,
           mac="52:54:00:00:00:%02x" % n)


def gone(vm):
    check(vm.wait_event("DEVICE_DELETED", LIMIT).get("device") == "card", "the guest has let the card go")
    vm.qmp("netdev_del", id="wire")


def take_out(vm):
    vm.qmp("device_del", id="card")
    # QEMU tells of a virtio card's two halves.
    while "device" not in vm.wait_event("DEVICE_DELETED", LIMIT):
        pass
    vm.qmp("netdev_del", id="wire")


def answer(vm, question, text):
    vm.wait_serial("lab: ask %s\r" % question, LIMIT)
    return lambda: vm.send(text.encode() + b"\n")


def main():
    cards = [c.split(":")[0] for c in CARDS.split()]
    vm = Vm(["-no-reboot", "-m", "256", "-kernel", KERNEL, "-initrd", INITRD, "-append", APPEND], serial="socket")
    try:
        for n, card in enumerate(cards, 1):
            go = answer(vm, "put in %d" % n, "go")
            put_in(vm, n, card, n + 4)
            go()
            go = answer(vm, "take out %d" % n, "go")
            take_out(vm)
            go()
            print("ok: %s came, was used, and went" % card, flush=True)
        answer(vm, "put in %d" % (len(cards) + 1), "end")()
        for i in range(1, 11):
            go = answer(vm, "again in %d" % i, "go")
            put_in(vm, 9, "e1000", 20)
            go()
            go = answer(vm, "again out %d" % i, "go")
            take_out(vm)
            go()
        go = answer(vm, "own in", "21")
        put_in(vm, 10, "e1000", 21)
        go()
        go = answer(vm, "own gone", "go")
        gone(vm)
        go()
        code = vm.wait_exit(LIMIT)
    finally:
        shutil.copy(vm.serial_path, os.environ["SERIAL"])
    check(code == 0, f"the guest powered off: exit code {code}")
    done("done")


main()
