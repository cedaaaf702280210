# SPDX-License-Identifier: GPL-2.0-or-later
"""
How a guest comes to an end beside power-off and reset (reset.py): it halts for ever, panics, lets its watchdog run out.
Exit codes of dm/vm.h, events, states, and what -action, -watchdog-action and set-action make of it.
"""
import time

from vmtest import GUESTS, Vm, check, done, fail, need_kvm

PANIC, HALTED, WATCHDOG = 6, 8, 10


def start(method, *options, paused=False):
    return Vm(["-bios", f"{GUESTS}/rom/ends-{method}.bin", "-m", "16", *options], paused=paused)


def wait_status(vm, wanted, timeout=60):
    end = time.monotonic() + timeout
    while vm.qmp("query-status")["status"] != wanted:
        if time.monotonic() > end:
            fail(f"status {vm.qmp('query-status')['status']}, not {wanted}")
        time.sleep(0.05)


def wait_text(vm, text, timeout=60):
    end = time.monotonic() + timeout
    while text not in vm.serial():
        if time.monotonic() > end:
            fail(f"no '{text}' on the serial line")
        time.sleep(0.05)


def halts():
    vm = start("halt", "-action", "halt=shutdown")
    data = vm.wait_event("SHUTDOWN", 60)
    check(data["guest"] is True, "halt=shutdown: event SHUTDOWN from the guest")
    code = vm.wait_exit()
    check(code == HALTED and "running" in vm.serial(), f"halt=shutdown: exit code {code}")

    vm = start("halt", "-action", "halt=shutdown", "-smp", "2")
    check(vm.wait_exit(60) == HALTED, "halt=shutdown with -smp 2: processors that never started do not keep it")

    vm = start("halt", "-action", "halt=pause")
    vm.wait_event("STOP", 60)
    check(vm.qmp("query-status")["status"] == "paused", "halt=pause: stopped")
    vm.qmp("quit")
    vm.wait_exit()

    for options, text in ((["-action", "halt=shutdown"], "halted with interrupts on"), ([], "nobody asked")):
        vm = start("idle" if options else "halt", *options)
        wait_text(vm, "running")
        time.sleep(2)
        check(vm.qmp("query-status")["running"] is True, f"{text}: goes on")
        if not options:
            vm.qmp("set-action", halt="shutdown")
            check(vm.wait_exit(60) == HALTED, "set-action halt=shutdown: noticed from then on")
        else:
            vm.qmp("quit")
            vm.wait_exit()


def panics():
    device = ["-device", "pvpanic"]
    vm = start("panic", *device)
    check(vm.wait_event("GUEST_PANICKED", 60)["action"] == "poweroff", "panic: event GUEST_PANICKED, poweroff")
    check(vm.wait_event("SHUTDOWN")["reason"] == "guest-panic", "panic: event SHUTDOWN, guest-panic")
    code = vm.wait_exit()
    check(code == PANIC, f"panic: exit code {code}")
    check("goes on" not in vm.serial(), "panic: the guest does not go on")

    vm = start("panic", *device, "-action", "panic=exit-failure", "-no-shutdown")
    check(vm.wait_exit(60) == PANIC, "panic=exit-failure: ends in spite of -no-shutdown")

    for options in (["-action", "panic=pause"], ["-no-shutdown"]):
        vm = start("panic", *device, *options)
        check(vm.wait_event("GUEST_PANICKED", 60)["action"] == "pause", f"panic, {options}: pause")
        wait_status(vm, "guest-panicked")
        check("error" in vm.try_qmp("cont"), "a guest that has panicked is not let go on")
        vm.qmp("system_reset")
        vm.qmp("set-action", panic="none")
        vm.qmp("cont")
        check(vm.wait_event("GUEST_PANICKED", 60)["action"] == "run", "after a reset and set-action panic=none: run")
        wait_text(vm, "goes on")
        vm.qmp("quit")
        vm.wait_exit()

    vm = start("crashload", *device)
    check(vm.wait_event("GUEST_CRASHLOADED", 60)["action"] == "run", "event GUEST_CRASHLOADED")
    wait_text(vm, "goes on")
    vm.qmp("quit")
    vm.wait_exit()


def watchdog():
    device = ["-device", "ib700"]
    vm = start("watchdog", *device)
    check(vm.wait_event("WATCHDOG", 60)["action"] == "reset", "watchdog: event WATCHDOG, reset")
    check(vm.wait_event("RESET")["guest"] is True, "watchdog: the machine is reset")
    vm.wait_event("WATCHDOG", 60)
    vm.qmp("quit")
    vm.wait_exit()

    for options, code in ((["-no-reboot"], WATCHDOG), (["-watchdog-action", "poweroff"], WATCHDOG)):
        vm = start("watchdog", *device, *options)
        got = vm.wait_exit(60)
        check(got == code, f"watchdog, {options}: exit code {got}")

    vm = start("watchdog", *device, "-action", "watchdog=pause")
    check(vm.wait_event("WATCHDOG", 60)["action"] == "pause", "watchdog=pause: event")
    wait_status(vm, "watchdog")
    vm.qmp("watchdog-set-action", action="none")
    vm.qmp("cont")
    check(vm.qmp("query-status")["running"] is True, "watchdog=pause: cont goes on")
    vm.qmp("quit")
    vm.wait_exit()

    vm = start("watchdog", *device, "-watchdog-action", "shutdown")
    vm.wait_event("WATCHDOG", 60)
    vm.wait_event("POWERDOWN", 60)
    check(True, "watchdog=shutdown: the power button is pressed")
    vm.qmp("quit")
    vm.wait_exit()


def no_acpi():
    """The firmware finds no power management: no tables, no button."""
    vm = Vm(["-bios", f"{GUESTS}/rom/idle.bin", "-m", "16", "-no-acpi"])
    functions = [d["type"] for d in vm.qmp("query-devices")]
    check("PIIX4_PM" not in functions and "piix4-pm" not in functions and len(functions) > 5, "-no-acpi: no such function")
    vm.qmp("system_powerdown")
    check(vm.qmp("query-status")["running"] is True and not [e for e in vm.events if e["event"] == "POWERDOWN"],
          "-no-acpi: no power button")
    vm.qmp("quit")
    vm.wait_exit()


need_kvm()
no_acpi()
halts()
panics()
watchdog()
done("halt, panic, watchdog: exit codes, events, states, -action, set-action")
