# SPDX-License-Identifier: GPL-2.0-or-later
"""
In the laboratory: Linux with a CD drive, whose discs an administrator changes by QMP while it runs. The
guest (cd.inner) says what it wants next and waits. Arguments: kernel, initramfs, command line, two discs;
the guest's serial line is left in the file $SERIAL.
"""
import os
import shutil
import sys

from vmtest import Vm, check, done, fail, tmp

LIMIT = 120
KERNEL, INITRD, APPEND, FIRST, SECOND = sys.argv[1:]
DRIVE = "ide1-cd0"


class Guest:
    def __init__(self):
        self.vm = Vm(["-no-reboot", "-m", "256", "-kernel", KERNEL, "-initrd", INITRD, "-append", APPEND,
                      "-cdrom", FIRST], serial="socket")

    def asked(self, word):
        self.vm.wait_serial(f"lab: ask {word}", LIMIT)

    def go(self):
        self.vm.send(b"go\n")

    def drive(self):
        return next(d for d in self.vm.qmp("query-block") if d["device"] == DRIVE)

    def moves(self, *expected):
        """The tray events of these directions come, and no other has come before."""
        got = tuple(self.vm.wait_event("DEVICE_TRAY_MOVED")["tray-open"] for _ in expected)
        check(got == expected, f"tray events {got}")

    def quiet(self, what):
        """No tray event is waiting: a command's answer comes after the events before it."""
        self.vm.qmp("query-status")
        moved = [e for e in self.vm.events if e["event"] == "DEVICE_TRAY_MOVED"]
        check(not moved, f"no tray event {what}")

    def change(self, path):
        self.vm.qmp("blockdev-change-medium", device=DRIVE, filename=path, format="raw")


def locked(g, what):
    drive = g.drive()
    check(drive["locked"] and not drive["tray_open"], f"{what}: the drive is locked")
    error = g.vm.try_qmp("eject", device=DRIVE).get("error", {})
    check("is locked" in error.get("desc", ""), f"{what}: eject is refused: {error.get('desc')}")
    check(g.drive()["inserted"]["file"] in (FIRST, SECOND), f"{what}: the disc is where it was")
    g.quiet(what)


def big_disc():
    """More than 4 GiB, and not a whole number of 64 KiB."""
    path = tmp("big.iso")
    with open(path, "wb") as f:
        f.write(b"the first sector")
        f.seek((5 << 30) + 2048 * 3)
        f.write(b"the last sector".ljust(2048, b"\0"))
    return path


def drive_life(g):
    g.asked("locked")
    locked(g, "mounted")
    g.go()

    g.asked("change")
    check(not g.drive()["locked"], "not mounted: not locked")
    g.quiet("by mounting")
    g.change(SECOND)
    g.moves(True, False)
    g.go()

    g.asked("ejected")
    g.moves(True)
    drive = g.drive()
    check(drive["tray_open"] and drive["inserted"]["file"] == SECOND, "the guest put the tray out, the disc on it")
    g.go()

    g.asked("empty")
    g.moves(False)
    g.vm.qmp("eject", device=DRIVE)
    g.moves(True)
    g.vm.qmp("blockdev-close-tray", device=DRIVE)
    g.moves(False)
    check("inserted" not in g.drive(), "the drive is empty")
    g.go()


def second_life(g):
    g.asked("big")
    g.change(big_disc())
    g.go()
    g.asked("again")
    g.vm.qmp("blockdev-open-tray", device=DRIVE)
    g.vm.qmp("blockdev-remove-medium", id=g.drive().get("qdev", DRIVE))
    g.vm.qmp("blockdev-add", driver="raw", **{"node-name": "again", "read-only": True,
                                              "file": {"driver": "file", "filename": FIRST}})
    g.vm.qmp("blockdev-insert-medium", id=g.drive().get("qdev", DRIVE), **{"node-name": "again"})
    g.vm.qmp("blockdev-close-tray", device=DRIVE)
    g.go()
    g.asked("unlocked")
    check(not g.drive()["tray_open"], "the tray is in")
    g.go()


def main():
    g = Guest()
    try:
        drive_life(g)
        second_life(g)
        code = g.vm.wait_exit(LIMIT)
    finally:
        if os.path.exists(g.vm.serial_path):
            shutil.copy(g.vm.serial_path, os.environ["SERIAL"])
    if code:
        fail(f"exit code {code}")
    done("the life of a CD drive")


if __name__ == "__main__":
    main()
