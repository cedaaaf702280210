# SPDX-License-Identifier: GPL-2.0-or-later
"""
Guests driven by nothing but kvm-dm-ctl's wait, type and key, on the VGA screen and the PS/2 keyboard: SeaBIOS's boot
menu, GRUB's menus and command line in text and in graphics, memtest86+, iPXE. No key may get lost or come twice:
what is typed is long, and GRUB and iPXE say it back.
"""
import json
import os
import re
import shutil
import subprocess
import time

import grub
from vmtest import check, done, fail, need_file, need_kvm, skip, tmp

KVM_DM = os.path.abspath(os.environ.get("KVM_DM", "build/kvm-dm"))
CTL = os.path.join(os.path.dirname(KVM_DM), "kvm-dm-ctl")
FONT = "/usr/share/grub/ascii.pf2"
MEMTEST, IPXE = "/boot/memtest86+ia32.bin", "/boot/ipxe.lkrn"
LIMIT = 600
grub.CONFIG = """
set timeout=-1
menuentry "the first entry" { echo "chosen: the first"; read }
menuentry "the second entry" { echo "chosen: the second"; read }
menuentry "graphics" { insmod vbe; insmod gfxterm; loadfont /boot/grub/font.pf2; set gfxmode=640x480
    terminal_output gfxterm; echo "chosen: graphics"; read }
"""
grub.FILE_MODULES = "normal terminal echo read halt vbe gfxterm font".split()
grub.FILES = {"font.pf2": FONT}

# Lines that fit on the screen behind "echo '": every character of the keyboard, most of them twice.
LINES = ("The quick brown fox jumps over the lazy dog, 0123456789 times.",
         "PACK MY BOX WITH FIVE DOZEN LIQUOR JUGS! 9876543210 @ $5?",
         "_-+=.,:;/?()[]{}<>@#%^&*~|`\\\" aAbBcCdDeEfFgGhHiIjJ  zZyYxX")


class NotHere(Exception):
    """This KVM cannot run the guest's code."""


class Vm:
    count = 0

    def __init__(self, *options):
        Vm.count += 1
        self.sock = tmp(f"ctl{Vm.count}.sock")
        self.process = subprocess.Popen([KVM_DM, "-nodefaults", "-display", "none", "-vga", "std", "-m", "64",
                                         "-no-reboot", "-qmp", f"unix:{self.sock},server=on,wait=off", *options],
                                        stderr=subprocess.DEVNULL)
        end = time.monotonic() + 30
        while not os.path.exists(self.sock):
            if time.monotonic() > end or self.process.poll() is not None:
                fail("the VM does not start")
            time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def ctl(self, *args, expect=0, seconds=LIMIT):
        r = subprocess.run([CTL, "-s", self.sock, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           timeout=seconds + 60)
        if r.returncode != expect:
            fail("kvm-dm-ctl %s: exit %d, not %d\n%s" % (" ".join(args), r.returncode, expect, r.stdout))
        return r.stdout

    def type(self, *args):
        """GRUB reads no key while it draws, which is long where guest code is interpreted."""
        self.ctl("type", "--timeout", str(LIMIT), *args)

    def wait(self, text, seconds=LIMIT, *more):
        return self.ctl("wait", "--text", text, "--timeout", str(seconds), *more, seconds=seconds).strip()

    def wait_first(self, text):
        """Words of code that not every KVM can run, where it may end."""
        end = time.monotonic() + LIMIT
        while subprocess.run([CTL, "-s", self.sock, "wait", "--text", text, "--timeout", "2", "--quiet"],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
            if json.loads(self.ctl("status", "--json"))["status"] == "internal-error":
                self.ctl("wait", "--text", "never", "--timeout", "600", expect=1)  # it does not wait for that
                raise NotHere
            if time.monotonic() > end:
                fail(f"'{text}' is not on the screen:\n" + self.ctl("screen"))


def bios_menu(vm):
    vm.wait("Press ESC for boot menu")
    vm.ctl("key", "esc")
    line = vm.wait("^1[.].*(ata0|disk|ATA).*$", LIMIT, "--ignore-case")
    check(line.startswith("1."), "SeaBIOS's boot menu: " + line)
    vm.type("1")


def grub_text(vm):
    vm.wait("the second entry")
    check("GNU GRUB" in vm.ctl("screen"), "GRUB's menu")
    vm.ctl("key", "down")
    vm.ctl("key", "ret")
    vm.wait("^chosen: the second")
    check(True, "keys choose a menu entry")
    vm.ctl("key", "ret")
    vm.wait("the first entry")
    vm.type("c")
    vm.wait("^grub> *$")
    lines = LINES if fast_kvm() else LINES[2:]
    for line in lines:
        vm.type("--enter", "echo '" + line + "'")
        vm.wait("^" + re.escape(line) + " *$")
    check(True, f"GRUB says back what was typed: {sum(map(len, lines))} characters, each once")
    check("reads/s" in vm.ctl("top", "--interval", "1"), "top")
    vm.ctl("wait", "--text", "not on any screen", "--timeout", "1", expect=4)
    vm.ctl("key", "esc")


def grub_graphics(vm):
    vm.wait("the first entry")
    vm.ctl("key", "down", "down", "ret")
    vm.wait("^ *chosen: graphics")
    seen = json.loads(vm.ctl("screen", "--json"))
    check(seen["mode"] == "graphics", f"GRUB's gfxterm, {seen['width']} x {seen['height']}")
    vm.ctl("key", "ret")
    vm.wait("the first entry")
    vm.ctl("key", "up", "ret")
    vm.wait("^ *chosen: the (first|second)")
    check(True, "its menu takes keys and shows words")
    vm.ctl("screenshot", tmp("menu.png"))
    with open(tmp("menu.png"), "rb") as f:
        check(f.read(4) == b"\x89PNG", "screenshot")
    vm.ctl("key", "ret")
    vm.wait("the first entry")
    vm.type("c")
    vm.wait("grub>")  # the cursor is drawn behind it


def fast_kvm():
    with open("/proc/cpuinfo") as f:
        flags = f.read().split()
    return "vmx" in flags or "svm" in flags


def boot_menus():
    need_file(f"{grub.GRUB}/boot.img", "grub-pc-bin")
    need_file(FONT, "grub-common")
    for tool, package in (("grub-mkimage", "grub-common"), ("mformat", "mtools")):
        if not shutil.which(tool):
            skip(f"{tool} is missing (Debian package {package})")
    with Vm("-boot", "menu=on,splash-time=60000", "-drive", f"file={grub.make_disk()},format=raw,id=hd") as vm:
        bios_menu(vm)
        grub_text(vm)
        if fast_kvm() or os.environ.get("CTL_GRAPHICS"):
            grub_graphics(vm)
        else:
            print("GRUB's gfxterm is left out: this KVM interprets its drawing for five minutes (CTL_GRAPHICS=1 runs it)")
            vm.type("c")
            vm.wait("^grub> *$")
        vm.ctl("powerdown", "--wait", "--timeout", "1", expect=4)
        vm.type("halt")
        vm.ctl("key", "ret")  # answers at once; `type` would wait for a guest that is off
        check(vm.process.wait(LIMIT) == 0, "typed: halt. The process ends with 0")


def memtest():
    need_file(MEMTEST, "memtest86+")
    with Vm("-kernel", MEMTEST) as vm:
        vm.wait_first("Memtest86[+] v")
        vm.wait_first("<F1> to configure|<F1>  *Configuration")
        vm.ctl("key", "f1")
        vm.wait("Settings:")
        vm.ctl("key", "f10")
        vm.ctl("wait", "--text", "Settings:", "--timeout", "1", "--quiet", expect=4)
        vm.ctl("key", "ret")
        line = vm.wait("Pass +[1-9][0-9]*%")
        check(True, "memtest86+'s menu opens and closes by keys, and its test runs: " + line)


def ipxe():
    need_file(IPXE, "ipxe")
    with Vm("-kernel", IPXE) as vm:
        vm.wait_first("iPXE initialising")
        vm.ctl("key", "ctrl-b")  # before it is asked for: that is for 2 seconds only
        vm.wait_first("^iPXE> *$")
        for line in LINES[:2]:
            vm.type("--enter", "echo " + line)
            vm.wait("^" + re.escape(line) + " *$")
        vm.type("--enter", "config")
        vm.wait("configuration settings")
        check(True, "iPXE says back what was typed, and shows its settings")
        vm.ctl("key", "ctrl-x")
        vm.wait("^iPXE> *$")


def main():
    need_kvm()
    ran = []
    if not fast_kvm():
        print("memtest86+ and iPXE are left out: this KVM interprets guest code and cannot run theirs; lab_menus does")
    for part in (boot_menus, memtest, ipxe) if fast_kvm() else (boot_menus,):
        start = time.monotonic()
        try:
            part()
            print(f"ok: {part.__name__}: {time.monotonic() - start:.0f} s", flush=True)
            ran.append(part.__name__)
        except NotHere:
            print(f"{part.__name__}: this KVM cannot run its code; the laboratory can", flush=True)
    done("driven by kvm-dm-ctl alone: " + ", ".join(ran))


main()
