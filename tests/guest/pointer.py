# SPDX-License-Identifier: GPL-2.0-or-later
"""
The absolute pointer with a real processor: rom/vmmouse.S calls the VMware port with its registers, and what
input-send-event does with the pointer is what it reads there.
"""
import os

from vmtest import GUESTS, Vm, check, done, need_file, need_kvm

ROM = os.path.join(GUESTS, "rom", "vmmouse.bin")
ARGS = ["-bios", ROM, "-m", "16", "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]


def place(x, y):
    return [{"type": "abs", "data": {"axis": "x", "value": x}}, {"type": "abs", "data": {"axis": "y", "value": y}}]


def steps(x, y):
    return [{"type": "rel", "data": {"axis": "x", "value": x}}, {"type": "rel", "data": {"axis": "y", "value": y}}]


def button(name, down):
    return [{"type": "btn", "data": {"button": name, "down": down}}]


ENABLED = "enabled 00000001 3442554a\n"  # the end of the line is there: so is all that the guest asked for before


class Guest:
    def __init__(self):
        self.vm = Vm(ARGS, serial="socket")
        self.vm.wait_serial(ENABLED, 30)

    def send(self, *events):
        self.vm.qmp("input-send-event", events=[e for part in events for e in part])

    def expect(self, what, *words):
        self.vm.wait_serial("packet " + " ".join(f"{w & 0xffffffff:08x}" for w in words) + "\n", 10)
        print("ok:", what, flush=True)


def main():
    need_kvm()
    need_file(ROM, "none: make guests")
    g = Guest()
    said = g.vm.serial()
    check("version 00000006 564d5868 00000002\n" in said, "the port tells its version in three registers")
    check("without ffffffff\n" in said, "without the magic number nobody answers")
    mice = {m["name"]: m for m in g.vm.qmp("query-mice")}
    check(mice["vmmouse"]["absolute"] and mice["vmmouse"]["current"] and not mice["PS/2 Mouse"]["current"],
          "query-mice: the guest uses the vmmouse")
    g.send(place(0x1234, 0x5678))
    g.expect("a place", 0, 0x2468, 0xACF1, 0)
    g.send(place(0, 0x7FFF), button("left", True))
    g.expect("from edge to edge", 0, 0, 0xFFFF, 0)
    g.expect("and the left button there", 0x20, 0, 0xFFFF, 0)
    g.send(button("middle", True))
    g.send(button("left", False), button("wheel-down", True), button("wheel-down", False))
    g.expect("the middle button", 0x28, 0, 0xFFFF, 0)
    g.expect("left up", 8, 0, 0xFFFF, 0)
    g.expect("the wheel", 8, 0, 0xFFFF, 1)
    g.send(steps(10, 20))
    g.expect("movement", 0x10008, 10, -20, 0)
    g.send(button("left", True))
    g.expect("a button where that ended", 0x10028, 0, 0, 0)
    g.send(button("left", False))
    g.send([{"type": "abs", "data": {"axis": "x", "value": 0x4000}}])
    g.expect("one axis", 8, 0x8001, 0xFFFF, 0)
    g.send(button("middle", False))
    error = g.vm.try_qmp("input-send-event", events=button("side", True))["error"]["desc"]
    check("vmmouse has no button" in error, error)
    check("error" in g.vm.try_qmp("input-send-event", events=place(0x8000, 0)), "no place beyond the screen")
    g.vm.qmp("system_reset")
    g.vm.wait_event("RESET")
    g.vm.wait_serial_times(ENABLED, 2, 30)
    for i in range(200):  # more than the queue holds
        x, y = i * 100, i
        g.send(place(x, y), button("left", i % 2 == 0))
        if i % 20 == 19:
            g.expect(f"{i + 1} places", 0, x << 1 | x >> 14, y << 1, 0)
    g.send(button("right", True))
    check(g.vm.wait_exit(30) == 33, "the guest ends by a click")
    seen = g.vm.serial().split("enabled")[2]
    check(seen.count("packet 00000020 ") == 200, "and has seen 100 others, down when they came and before they went")
    check("off ffff0000\n" in g.vm.serial(), "the pointer is off")

    off = Vm(ARGS + ["-machine", "vmport=off"], serial="socket")
    off.wait_serial("version ffffffff 00000000 0000000a\n", 30)
    check(len(off.qmp("query-mice")) == 1, "vmport=off: nobody answers")
    error = off.try_qmp("input-send-event", events=place(1, 1))["error"]["desc"]
    check("the guest does not use the vmmouse" in error, error)
    done("the VMware port and its pointer, with registers of a real processor")


main()
