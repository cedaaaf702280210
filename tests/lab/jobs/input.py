# SPDX-License-Identifier: GPL-2.0-or-later
"""
Job "input", in the laboratory: Linux with atkbd, psmouse and vmmouse. 10,000 characters typed by type-text come
out of a raw terminal one for one; movement, wheel, five buttons and absolute places come out of evdev.

  input.py KERNEL INITRD APPEND COUNT psmouse|vmmouse
"""
import os
import random
import shutil
import string
import sys
import time
import zlib

from vmtest import Vm, check, done, fail

LIMIT = 300
KERNEL, INITRD, APPEND, COUNT, MOUSE = sys.argv[1:]


def text_of(count):
    """Every character of the US layout, some many times in a row; then all of them in a fixed disorder."""
    r = random.Random(count)
    letters = string.ascii_letters + string.digits + string.punctuation + "  \n\t"
    text = string.printable[:95] + "\n" + "".join(c * 40 for c in "aA1!\n")
    while len(text) < count:
        text += r.choice(letters) * (r.randrange(8) or 1 if r.random() < 0.05 else 1)
    return text[:count]


def sums_of(text):
    data = text.replace("\n", "\r").encode()
    return [f"{zlib.crc32(data[i:i + 100]):08x}" for i in range(0, len(data), 100)]


def keys(vm):
    text = text_of(int(COUNT))
    vm.wait_serial("lab: ready", LIMIT)
    start = time.monotonic()
    got = vm.qmp("type-text", timeout=1700, text=text, **{"interval-ms": 0, "timeout-ms": 60000})
    seconds = time.monotonic() - start
    check(got == {"typed": len(text), "characters": len(text)}, f"typed: {got} in {seconds:.0f} s")
    vm.wait_serial("lab: ask after keys", LIMIT)
    read = [l.split()[2] for l in vm.serial().splitlines() if l.startswith("lab: typed: ")]
    for i, (a, b) in enumerate(zip(read + [""] * 1000, sums_of(text))):
        if a != b:
            fail(f"characters {i * 100} to {i * 100 + 99} did not come so: {text[i * 100:i * 100 + 100]!r}")
    check(True, f"{len(text)} characters came one for one, {seconds / len(text) * 1000:.1f} ms each")
    line = next(l for l in vm.serial().splitlines() if l.startswith(f"lab: {len(text)} typed"))
    check("typed too much" not in vm.serial(), "and none more")
    presses, releases, repeats, wrong, lost = (int(part.split()[0]) for part in line.split(", ")[1:])
    if lost:  # the kernel's buffer for a reader of events holds ten keys, and inputctl was late
        print("ok: events are not compared, their buffer overran:", line, flush=True)
        return
    check(presses == releases >= len(text) and not repeats and not wrong, line)


def leds(vm):
    """Caps lock: Linux sets the lamp by a command to the keyboard."""
    vm.qmp("send-key", keys=[{"type": "qcode", "data": "caps_lock"}])
    end = time.monotonic() + 30
    while vm.qmp("query-device-state", id="i8042")["fields"]["kbd.leds"] != 4:
        if time.monotonic() > end:
            fail("the lamp of caps lock is not lit")
        time.sleep(0.2)
    check("caps lock" in vm.try_qmp("type-text", text="a")["error"]["desc"], "the lamp is lit, type-text says so")
    vm.qmp("send-key", keys=[{"type": "qcode", "data": "caps_lock"}])
    while vm.qmp("query-device-state", id="i8042")["fields"]["kbd.leds"] and time.monotonic() < end:
        time.sleep(0.2)
    check(vm.qmp("query-device-state", id="i8042")["fields"]["kbd.leds"] == 0, "and out again")


def event(kind, **data):
    return {"type": kind, "data": data}


class Pointer:
    """Sends events; each must come out as a report of its own, in order."""

    def __init__(self, vm):
        self.vm = vm
        self.seen = 0  # reports that have been taken

    def reports(self):
        lines = self.vm.serial().split("\n")[:-1]
        return [l.split(":", 2)[2].strip() for l in lines if l.startswith("lab: mouse")][self.seen:]

    def does(self, report, *events):
        """Sends them and waits for the report; returns those before it."""
        self.vm.qmp("input-send-event", events=list(events))
        end = time.monotonic() + LIMIT
        while report not in self.reports():
            if time.monotonic() > end:
                fail(f"{events} did not come out as '{report}', but: {self.reports()[-3:]}")
            time.sleep(0.05)
        before = self.reports()[:self.reports().index(report)]
        self.seen += len(before) + 1
        print("ok:", report, flush=True)
        return before


def axis(kind, x, y):
    return event(kind, axis="x", value=x), event(kind, axis="y", value=y)


def button(name, down):
    return event("btn", button=name, down=down)


def many_movements(vm, p):
    """Ten at a time: the kernel's buffer for a reader of events holds few more, and this one prints them."""
    want, got, moves = [0, 0], None, []
    for i in range(300):
        x, y = (i * 37) % 61 - 30, (i * 53) % 41 - 20
        want = [want[0] + x, want[1] + y]
        vm.qmp("input-send-event", events=list(axis("rel", x, y)))
        end = time.monotonic() + 30
        while i % 10 == 9 and got != want and time.monotonic() < end:
            moves = [r.split() for r in p.reports()]
            got = [sum(int(m[1 + k]) for m in moves) for k in range(2)]
            time.sleep(0.02)
    check(got == want, f"300 movements add up to {got}, in {len(moves)} reports")


def psmouse(vm):
    check('"ImExPS/2 Generic Explorer Mouse"' in vm.serial(), "psmouse finds the mouse with five buttons")
    p = Pointer(vm)
    p.does("rel 10 20 wheel 0 buttons 00", *axis("rel", 10, 20))
    p.does("rel -200 -100 wheel 0 buttons 00", *axis("rel", -200, -100))
    for i, name in enumerate(("left", "middle", "side", "extra")):
        bit = {"left": 1, "middle": 4, "side": 8, "extra": 16}[name]
        p.does(f"buttons {bit:02x}", button(name, True))
        p.does("buttons 00", button(name, False))
    p.does("rel 0 0 wheel 1 buttons 00", button("wheel-up", True), button("wheel-up", False))
    p.does("rel 0 0 wheel -1 buttons 00", button("wheel-down", True), button("wheel-down", False))
    many_movements(vm, p)
    p.does("buttons 02", button("right", True))
    p.does("buttons 00", button("right", False))


def vmmouse(vm):
    check('"VirtualPS/2 VMware VMMouse"' in vm.serial(), "Linux finds the vmmouse")
    mice = {m["name"]: m for m in vm.qmp("query-mice")}
    check(mice["vmmouse"]["current"] and mice["vmmouse"]["absolute"], "query-mice says that it is used")
    p = Pointer(vm)
    p.does("abs 32769 16384 buttons 00", *axis("abs", 0x4000, 0x2000))
    p.does("abs 65535 65535 buttons 00", *axis("abs", 0x7FFF, 0x7FFF))
    p.does("abs 0 0 buttons 00", *axis("abs", 0, 0))
    p.does("abs 2468 44273 buttons 00", *axis("abs", 0x4D2, 0x5678))
    p.does("buttons 01", button("left", True))
    p.does("abs 2 4 buttons 01", *axis("abs", 1, 2))
    p.does("buttons 00", button("left", False))
    p.does("rel 0 0 wheel -1 buttons 00", button("wheel-down", True))
    p.does("rel 5 -6 wheel 0 buttons 00", *axis("rel", 5, -6))
    for i in range(200):
        x, y = 100 * i, 30000 - 100 * i
        if i % 10 == 9:
            p.does(f"abs {x << 1 | x >> 14} {y << 1 | y >> 14} buttons 00", *axis("abs", x, y))
        else:
            vm.qmp("input-send-event", events=list(axis("abs", x, y)))
    p.does("buttons 02", button("right", True))
    p.does("buttons 00", button("right", False))


def main():
    vm = Vm(["-no-reboot", "-m", "256", "-vga", "std", "-kernel", KERNEL, "-initrd", INITRD, "-append", APPEND,
             "-machine", "vmport=" + ("on" if MOUSE == "vmmouse" else "off")], serial="socket")
    try:
        keys(vm)
        leds(vm)
        vm.send(b"go\n")
        vm.wait_serial("lab: ready with ", LIMIT)
        {"psmouse": psmouse, "vmmouse": vmmouse}[MOUSE](vm)
        vm.wait_serial("lab: ask after pointer", LIMIT)
        vm.send(b"go\n")
        code = vm.wait_exit(LIMIT)
    finally:
        if os.path.exists(vm.serial_path):
            shutil.copy(vm.serial_path, os.environ["SERIAL"])
    if code:
        fail(f"exit code {code}")
    done("keys and pointer")


main()
