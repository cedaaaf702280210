# SPDX-License-Identifier: GPL-2.0-or-later
"""
In the laboratory: a Linux guest that has things done outside, each by a line "lab: ask WORD". $SERIAL is the file that
gets its serial line, as it comes.
"""
import os
import time

from vmtest import Vm, check, fail, tmp

PATIENCE_S = 900  # between two lines of the guest: against hanging only


def _lines(vm):
    """Whole lines of the guest, up to the end of the emulator."""
    taken = 0
    heard = time.monotonic()
    while True:
        running = vm.process.poll() is None
        whole = vm.serial().split("\n")[:-1]
        for line in whole[taken:]:
            yield line.rstrip("\r")
        if len(whole) > taken:
            taken = len(whole)
            heard = time.monotonic()
        elif not running:
            return
        elif time.monotonic() - heard > PATIENCE_S:
            fail(f"the guest said nothing for {PATIENCE_S} s")
        time.sleep(0.1)


def run(args, actions):
    """Starts the guest; actions: WORD to a function of the Vm. The guest gets a line when one is done."""
    os.symlink(os.environ["SERIAL"], tmp("serial0"))
    vm = Vm(["-no-reboot", "-m", "256"] + args, serial="socket")
    for line in _lines(vm):
        if line.startswith("lab: ask "):
            word = line.split()[2]
            if word not in actions:
                fail(f"the guest asks for {word}")
            actions[word](vm)
            vm.send(b"go\n")
    code = vm.wait_exit()
    check(code == 0, f"the guest powered off: exit code {code}")
