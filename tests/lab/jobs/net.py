# SPDX-License-Identifier: GPL-2.0-or-later
"""
In the laboratory: Linux with a network card on the tap tap0, whose cable is pulled by QMP, and whose
other end takes longer frames, when the guest (net.inner) asks for it. Arguments: kernel, initramfs, command line, card; the guest's serial line is left in the file $SERIAL.
"""
import os
import shutil
import subprocess
import sys

from vmtest import Vm, check, done

LIMIT = 600
KERNEL, INITRD, APPEND, CARD = sys.argv[1:]


def main():
    vm = Vm(["-no-reboot", "-m", "256", "-kernel", KERNEL, "-initrd", INITRD, "-append", APPEND,
             "-netdev", "tap,id=wire,ifname=tap0,script=no,downscript=no",
             "-device", f"{CARD},netdev=wire,id=net0,mac=52:54:00:01:02:03,romfile="], serial="socket")
    try:
        if "net.mtu=1500" not in APPEND:
            vm.wait_serial("lab: ask jumbo", LIMIT)
            subprocess.run(["ip", "link", "set", "tap0", "mtu", APPEND.split("net.mtu=")[1].split()[0]], check=True)
            vm.send(b"go\n")
            vm.wait_serial("lab: ask plain", LIMIT)
            subprocess.run(["ip", "link", "set", "tap0", "mtu", "1500"], check=True)
            vm.send(b"go\n")
        vm.wait_serial("lab: ask pull", LIMIT)
        vm.qmp("set_link", name="net0", up=False)
        vm.send(b"go\n")
        vm.wait_serial("lab: ask plug", LIMIT)
        vm.qmp("set_link", name="net0", up=True)
        vm.send(b"go\n")
        code = vm.wait_exit(LIMIT)
    finally:
        shutil.copy(vm.serial_path, os.environ["SERIAL"])
    check(code == 0, f"the guest powered off: exit code {code}")
    done("done")


main()
