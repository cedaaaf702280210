# SPDX-License-Identifier: GPL-2.0-or-later
"""
Every way by which the guest resets, with and without -no-reboot, and the monitor's way of
control: exit codes of dm/vm.h, QMP's events in their order. ROM guests, so each run is short.
"""
import os
import signal
import subprocess
import sys
import time

from vmtest import ACCEL, EMULATOR, GUESTS, Vm, check, done, fail, need_kvm

# Exit codes as dm/vm.h states them; QEMU's own for a run of this test with QEMU as $KVM_DM.
QEMU = "qemu-system" in os.environ.get("KVM_DM", "")
GUEST_RESET, TRIPLE_FAULT = (0, 0) if QEMU else (2, 4)
INTERNAL_ERROR = 3
DEBUG = ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]

METHODS = {
    "keyboard": "keyboard controller",
    "port92": "port 92h",
    "cf9": "port CF9h",
    "triple": "triple fault",
}


def rom(name):
    return ["-bios", f"{GUESTS}/rom/{name}.bin", "-m", "16"]


def guest_resets(method, text):
    vm = Vm(rom("reset-" + method) + DEBUG)
    code = vm.wait_exit()
    check(code == 0x21 and "second start" in vm.serial(), f"{text}: starts again, exit code {code}")
    events = [e["event"] for e in drain(vm)]
    check("RESET" in events, f"{text}: event RESET")

    vm = Vm(rom("reset-" + method) + DEBUG + ["-no-reboot"])
    code = vm.wait_exit()
    wanted = TRIPLE_FAULT if method == "triple" else GUEST_RESET
    check(code == wanted, f"{text} with -no-reboot: exit code {code}")
    check("second start" not in vm.serial(), f"{text} with -no-reboot: does not start again")
    events = [e for e in drain(vm) if e["event"] == "SHUTDOWN"]
    check(len(events) == 1 and events[0]["data"]["guest"] is True,
          f"{text} with -no-reboot: one event SHUTDOWN from the guest")


def beyond_kvm():
    """
    An instruction that a KVM without processor support cannot interpret: the report names it. A KVM
    with such support runs it, into the triple fault that follows.
    """
    command = [EMULATOR, "-accel", ACCEL, "-nodefaults", "-display", "none", "-no-reboot"]
    result = subprocess.run(command + rom("reset-beyond"), stdin=subprocess.DEVNULL, timeout=30,
                            capture_output=True)
    report = result.stderr.decode()
    if result.returncode == TRIPLE_FAULT:
        print("not tried: an instruction beyond KVM; this one runs int3")
        return
    print(report)
    check(result.returncode == INTERNAL_ERROR, f"beyond KVM: exit code {result.returncode}")
    check("cannot emulate" in report and "bytes: cc " in report, "beyond KVM: the bytes are reported")
    check("rip 00000000000f00" in report and "cr0 60000011" in report, "beyond KVM: the registers are reported")
    check(len(report) < 4096, "beyond KVM: the report is short")

    vm = Vm(rom("reset-beyond") + DEBUG)
    end = time.monotonic() + 10
    while vm.qmp("query-status")["status"] != "internal-error" and time.monotonic() < end:
        time.sleep(0.05)
    check(vm.qmp("query-status")["status"] == "internal-error", "beyond KVM: kept for the monitor")
    check("error" in vm.try_qmp("cont"), "beyond KVM: cont is refused")
    vm.qmp("system_reset")
    vm.qmp("cont")
    check(vm.wait_exit() == 0x21, "beyond KVM: system_reset and cont start it again")


def drain(vm):
    """All events up to the end of the connection."""
    while True:
        message = vm._read(2)
        if message is None:
            return vm.events
        if "event" in message:
            vm.events.append(message)


def dots(vm):
    return vm.serial().count(".")


def wait_dots(vm, more, timeout=20):
    wanted = dots(vm) + more
    end = time.monotonic() + timeout
    while dots(vm) < wanted:
        if time.monotonic() > end:
            fail("the guest does not run")
        time.sleep(0.05)


def monitor_controls():
    vm = Vm(rom("idle"), paused=True)
    time.sleep(0.3)
    status = vm.qmp("query-status")
    check(status["status"] == "prelaunch" and status["running"] is False, "-S: prelaunch")
    check(vm.serial() == "", "-S: the guest has not run")
    vm.qmp("cont")
    vm.wait_event("RESUME")
    wait_dots(vm, 3)
    check(vm.qmp("query-status")["running"] is True, "cont: running")

    vm.qmp("stop")
    vm.wait_event("STOP")
    time.sleep(0.3)
    before = dots(vm)
    time.sleep(0.7)
    check(dots(vm) == before, "stop: the guest stands still")
    check(vm.qmp("query-status")["status"] == "paused", "stop: paused")
    vm.qmp("cont")
    vm.wait_event("RESUME")
    wait_dots(vm, 3)

    vm.qmp("system_reset")
    check(vm.wait_event("RESET").get("guest") is False, "system_reset: event RESET, not by the guest")
    end = time.monotonic() + 20
    while vm.serial().count("idle: running") < 2 and time.monotonic() < end:
        time.sleep(0.05)
    check(vm.serial().count("idle: running") == 2, "system_reset: starts again")

    vm.qmp("stop")
    vm.qmp("system_reset")
    check(vm.qmp("query-status")["running"] is False, "system_reset of a stopped guest stays stopped")
    vm.qmp("cont")

    wait_dots(vm, 3)
    vm.qmp("system_powerdown")
    vm.wait_event("POWERDOWN")
    check(vm.wait_event("SHUTDOWN").get("guest") is True, "system_powerdown: the guest turns off")
    check(vm.wait_exit() == 0 and "idle: power button" in vm.serial(), "power-off: exit code 0")


def quits():
    vm = Vm(rom("idle"))
    wait_dots(vm, 2)
    vm.qmp("quit")
    data = vm.wait_event("SHUTDOWN")
    check(data.get("guest") is False and data.get("reason") == "host-qmp-quit", "quit: event SHUTDOWN")
    check(vm.wait_exit(5) == 0, "quit: exit code 0")

    vm = Vm(rom("idle"))
    wait_dots(vm, 2)
    os.kill(vm.process.pid, signal.SIGTERM)
    check(vm.wait_event("SHUTDOWN").get("reason") == "host-signal", "SIGTERM: event SHUTDOWN")
    check(vm.wait_exit(5) == 0, "SIGTERM: exit code 0")


def no_shutdown():
    vm = Vm(rom("idle") + ["-no-shutdown"])
    wait_dots(vm, 2)
    vm.qmp("system_powerdown")
    vm.wait_event("SHUTDOWN")
    end = time.monotonic() + 5
    while vm.qmp("query-status")["status"] != "shutdown" and time.monotonic() < end:
        time.sleep(0.05)
    check(vm.qmp("query-status")["status"] == "shutdown", "-no-shutdown: kept, status shutdown")
    vm.qmp("system_reset")
    vm.qmp("cont")
    wait_dots(vm, 3)
    check(True, "-no-shutdown: runs again after system_reset and cont")
    vm.qmp("quit")
    check(vm.wait_exit(5) == 0, "-no-shutdown: quit")


need_kvm()
for name, title in METHODS.items():
    if len(sys.argv) > 1 and name not in sys.argv[1:]:
        continue
    guest_resets(name, title)
if not QEMU:
    beyond_kvm()
monitor_controls()
quits()
no_shutdown()
done("resets by 4 ways, -no-reboot, stop, cont, system_reset, system_powerdown, quit, SIGTERM")
