# SPDX-License-Identifier: GPL-2.0-or-later
"""memtest86+ by -kernel (it keeps to Linux's boot protocol) to its screen, and on its serial console."""
import re
import time

from vmtest import Vm, check, done, need_file, need_kvm, skip

IMAGE = "/boot/memtest86+ia32.bin"
LIMIT = 150

need_kvm()
need_file(IMAGE, "memtest86+")
vm = Vm(["-m", "32", "-vga", "std", "-kernel", IMAGE, "-append", "console=ttyS0,115200"])
start = time.monotonic()
while "Memtest86+" not in vm.serial() and time.monotonic() < start + LIMIT:
    time.sleep(0.5)
    # Its first instructions (fwait, fninit) are beyond a KVM that interprets guest code.
    if vm.process.poll() == 3 or vm.process.poll() is None and \
            vm.qmp("query-status")["status"] == "internal-error":
        skip("this KVM cannot run memtest86+'s code (KVM_EXIT_INTERNAL_ERROR); the lab test runs it")
seen = vm.wait_screen("Memtest86+", 30)
seen = vm.wait_screen("Pass", 60)
print(seen)
took = time.monotonic() - start
check(re.search(r"Memory\s*:|Mem\w*\s", seen), "its screen")
_, _, one = vm.screen()
end = time.monotonic() + 60
while vm.screen()[2] == one and time.monotonic() < end:
    time.sleep(1)
check(vm.screen()[2] != one, "the screen changes while it tests")
check("Memtest86+" in vm.serial(), "its serial console")
vm.qmp("quit")
check(vm.wait_exit(5) == 0, "quit")
done(f"memtest86+ on screen and serial line, in {took:.0f} s")
