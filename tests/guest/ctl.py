# SPDX-License-Identifier: GPL-2.0-or-later
"""
A guest driven by nothing but kvm-dm-ctl: SeaBIOS's boot menu, GRUB's menu and GRUB's command line, on
the VGA screen and the PS/2 keyboard. Keys may not get lost: what is typed is long, and GRUB says it back.
"""
import os
import re
import shutil
import subprocess
import time

import grub
from vmtest import check, done, fail, need_file, need_kvm, skip, tmp

KVM_DM = os.path.abspath(os.environ.get("KVM_DM", "build/kvm-dm"))
CTL = os.path.join(os.path.dirname(KVM_DM), "kvm-dm-ctl")
grub.CONFIG = """
set timeout=-1
menuentry "the first entry" { echo "chosen: the first"; read }
menuentry "the second entry" { echo "chosen: the second"; read }
"""
# Lines that fit on the screen behind "echo '": every character of the keyboard, most of them twice.
LINES = ("The quick brown fox jumps over the lazy dog, 0123456789 times.",
         "PACK MY BOX WITH FIVE DOZEN LIQUOR JUGS! 9876543210 @ $5?",
         "_-+=.,:;/?()[]{}<>@#%^&*~|`\\\" aAbBcCdDeEfFgGhHiIjJ  zZyYxX")


def ctl(*args, expect=0):
    r = subprocess.run([CTL, "-s", tmp("ctl.sock"), *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       text=True, timeout=300)
    if r.returncode != expect:
        fail("kvm-dm-ctl %s: exit %d, not %d\n%s" % (" ".join(args), r.returncode, expect, r.stdout))
    return r.stdout


def main():
    need_kvm()
    need_file(f"{grub.GRUB}/boot.img", "grub-pc-bin")
    for tool, package in (("grub-mkimage", "grub-common"), ("mformat", "mtools")):
        if not shutil.which(tool):
            skip(f"{tool} is missing (Debian package {package})")
    disk = grub.make_disk()
    start = time.monotonic()
    vm = subprocess.Popen([KVM_DM, "-nodefaults", "-display", "none", "-vga", "std", "-m", "64",
                           "-boot", "menu=on,splash-time=30000", "-qmp", f"unix:{tmp('ctl.sock')},server=on,wait=off",
                           "-drive", f"file={disk},format=raw,id=hd", "-no-reboot"])
    try:
        while not os.path.exists(tmp("ctl.sock")):
            time.sleep(0.05)
        ctl("wait", "--text", "Press ESC for boot menu", "--timeout", "60")
        ctl("key", "esc")
        line = ctl("wait", "--text", "^1[.].*(ata0|disk|ATA)", "--ignore-case", "--timeout", "60")
        check("1." in line, "SeaBIOS's boot menu: " + line.strip())
        ctl("type", "1")
        ctl("wait", "--text", "the second entry", "--timeout", str(grub.LIMIT))
        check("GNU GRUB" in ctl("screen"), f"GRUB's menu after {time.monotonic() - start:.0f} s")
        ctl("key", "down")
        ctl("key", "ret")
        ctl("wait", "--text", "^chosen: the second", "--timeout", "60")
        check(True, "keys choose a menu entry")
        ctl("key", "ret")
        ctl("wait", "--text", "the first entry", "--timeout", "60")
        ctl("type", "c")
        ctl("wait", "--text", "^grub> *$", "--timeout", "60")
        for line in LINES:
            ctl("type", "--enter", "echo '" + line + "'")
            ctl("wait", "--text", "^" + re.escape(line) + " *$", "--timeout", "120")
        check(True, "GRUB says back what was typed, each character once")
        top = ctl("top", "--interval", "1")
        check("i8042" in top, "top shows that GRUB polls the keyboard")
        ctl("wait", "--text", "not on any screen", "--timeout", "1", expect=4)
        ctl("screenshot", tmp("end.png"))
        check(open(tmp("end.png"), "rb").read(4) == b"\x89PNG", "screenshot")
        ctl("powerdown", "--wait", "--timeout", "1", expect=4)
        ctl("type", "--enter", "halt")
        check(vm.wait(60) == 0, "typed: halt. The process ends with 0")
    finally:
        if vm.poll() is None:
            vm.kill()
    done("SeaBIOS and GRUB driven by kvm-dm-ctl alone")


main()
