# SPDX-License-Identifier: GPL-2.0-or-later
"""
PCI cards come and go under a guest that runs (rom/button.bin, which does what the methods of SeaBIOS's DSDT do): it
sees each card, lets it go when asked, and by its next instruction the slot is empty. HOTPLUG_ROUNDS: how often.
"""
import os
import time

from vmtest import GUESTS, Vm, check, done, fail, need_file, need_kvm, tmp

ROUNDS = int(os.environ.get("HOTPLUG_ROUNDS", "20"))
CARDS = {"e1000": "100e8086", "rtl8139": "813910ec", "pcnet": "20001022", "ne2k_pci": "802910ec",
         "virtio-net-pci": "10001af4", "virtio-rng-pci": "10051af4", "virtio-blk-pci": "10011af4"}


class Serial:
    """What the guest says: whole lines, each waited for behind the last."""

    def __init__(self, vm):
        self.vm, self.at = vm, 0

    def wait(self, line, timeout=240):
        end = time.monotonic() + timeout
        while (at := self.vm.serial().find(line + "\r\n", self.at)) < 0:
            if time.monotonic() > end:
                fail("the guest does not say '%s'" % line)
            time.sleep(0.02)
        self.at = at + len(line) + 2


def add(vm, serial, driver, slot, **more):
    vm.qmp("device_add", driver=driver, id="card", bus="pci.0", addr="0x%x" % slot, **more)
    serial.wait("card %02x %s" % (slot, CARDS[driver]))


def take_out(vm, serial, slot):
    vm.qmp("device_del", id="card")
    check(vm.wait_event("DEVICE_DELETED", 180).get("device") == "card", "the card is gone")
    serial.wait("gone %02x ffffffff" % slot)


def every_card(vm, serial):
    with open(tmp("disk.img"), "wb") as f:
        f.truncate(1 << 20)
    vm.qmp("blockdev-add", driver="raw", **{"node-name": "disk", "file": {"driver": "file", "filename": tmp("disk.img")}})
    for slot, driver in enumerate(CARDS, 4):
        more = {}
        if driver == "virtio-blk-pci":
            more["drive"] = "disk"
        elif driver != "virtio-rng-pci":
            vm.qmp("netdev_add", type="hubport", id="wire", hubid=0)
            more["netdev"] = "wire"
        add(vm, serial, driver, slot, **more)
        take_out(vm, serial, slot)
        if "netdev" in more:
            vm.qmp("netdev_del", id="wire")
        print("ok:", driver, "in slot", slot, flush=True)
    vm.qmp("blockdev-del", **{"node-name": "disk"})


def main():
    need_kvm()
    need_file(os.path.join(GUESTS, "rom", "button.bin"), "none: make")
    with open(os.path.join(GUESTS, "rom", "button.bin"), "rb") as f, open(tmp("boot.img"), "wb") as out:
        out.write(f.read())
        out.truncate(1 << 20)
    vm = Vm(["-m", "32", "-smp", "2", "-drive", "if=ide,format=raw,file=" + tmp("boot.img")])
    serial = Serial(vm)
    serial.wait("button: ready")
    every_card(vm, serial)
    vm.qmp("netdev_add", type="hubport", id="wire", hubid=0)
    for _ in range(ROUNDS):
        add(vm, serial, "e1000", 9, netdev="wire")
        vm.qmp("device_del", id="card")
        vm.wait_event("DEVICE_DELETED", 180)
        serial.wait("gone 09 ffffffff")
    # Asked for while the guest stands still: it lets go when it goes on.
    add(vm, serial, "rtl8139", 10)
    vm.qmp("stop")
    vm.qmp("device_del", id="card")
    check(not any(e["event"] == "DEVICE_DELETED" for e in vm.events), "the card waits for the guest")
    vm.qmp("cont")
    vm.wait_event("DEVICE_DELETED", 180)
    serial.wait("gone 0a ffffffff")
    # A reset takes what was asked for, and the BIOS starts without it.
    vm.qmp("stop")
    add_stopped(vm, serial)
    vm.qmp("system_powerdown")
    check(vm.wait_exit(180) == 0, "the guest switches itself off")
    done("%d kinds of cards come and go, one of them %d times more" % (len(CARDS), ROUNDS))


def add_stopped(vm, serial):
    vm.qmp("device_add", driver="pcnet", id="card", addr="0xb")
    vm.qmp("device_del", id="card")
    vm.qmp("system_reset")
    check(vm.wait_event("DEVICE_DELETED", 180).get("device") == "card", "a reset takes the card out")
    vm.wait_event("RESET")
    vm.qmp("cont")
    serial.wait("button: ready")


main()
