# SPDX-License-Identifier: GPL-2.0-or-later
"""
Job "balloon", in the laboratory: Linux's virtio_balloon and virtio_console, seen from the host.

  balloon.py KERNEL INITRD APPEND
"""
import hashlib
import os
import random
import shutil
import socket
import sys
import time

from vmtest import Vm, check, done, fail, tmp

LIMIT = 300
MIB = 1 << 20
KERNEL, INITRD, APPEND = sys.argv[1:]
BALLOON = "/machine/peripheral/balloon0"


def until(what, text):
    end = time.monotonic() + LIMIT
    while not what():
        if time.monotonic() > end:
            fail("not in time: " + text)
        time.sleep(0.3)
    print("ok:", text, flush=True)


def asked(vm, word):
    vm.wait_serial("lab: ask " + word, LIMIT)


def said(vm, start):
    return next(l for l in vm.serial().splitlines() if l.startswith(start))[len(start):].strip()


def free_pages(vm):
    asked(vm, "filled")
    full = vm.rss_kib()
    check(full > 120 << 10, f"the emulator has {full >> 10} MiB when the guest's memory is full")
    vm.send(b"go\n")
    asked(vm, "removed")
    until(lambda: vm.rss_kib() < full - (80 << 10), "free pages go back to the host without being asked for")
    print(f"ok: {(full - vm.rss_kib()) >> 10} MiB of 120", flush=True)
    vm.send(b"go\n")


def size(vm):
    asked(vm, "smaller")
    vm.qmp("balloon", value=160 * MIB)
    until(lambda: vm.qmp("query-balloon")["actual"] == 160 * MIB, "the balloon takes 96 MiB")
    check(vm.wait_event("BALLOON_CHANGE", LIMIT)["actual"] < 256 * MIB, "BALLOON_CHANGE")
    vm.send(b"go\n")
    asked(vm, "larger")
    vm.qmp("balloon", value=256 * MIB)
    until(lambda: vm.qmp("query-balloon")["actual"] == 256 * MIB, "and gives them back")
    vm.send(b"go\n")
    free = {w: int(said(vm, f"lab: free {w}:").split()[0]) for w in ("before", "smaller")}
    check(free["before"] - free["smaller"] > 80 << 10, f"the guest sees it: {free}")


def statistics(vm):
    vm.qmp("qom-set", path=BALLOON, property="guest-stats-polling-interval", value=1)
    first = vm.qmp("qom-get", path=BALLOON, property="guest-stats")["last-update"]
    until(lambda: vm.qmp("qom-get", path=BALLOON, property="guest-stats")["last-update"] > first + 2,
          "statistics come by themselves")
    stats = vm.qmp("qom-get", path=BALLOON, property="guest-stats")["stats"]
    total, available = stats["stat-total-memory"], stats["stat-available-memory"]
    check(150 * MIB < total <= 256 * MIB and 0 < available < total and stats["stat-minor-faults"] > 0,
          f"total {total >> 20} MiB, available {available >> 20} MiB")


def channel(vm, peer):
    asked(vm, "open")
    check(vm.wait_event("VSERPORT_CHANGE", LIMIT) == {"id": "channel0", "open": True}, "the guest has the channel open")
    data = random.Random(1).randbytes(1000000)
    vm.send(b"go\n")
    peer.sendall(data)
    vm.wait_serial("lab: sent: ", LIMIT)
    got = b""
    while len(got) < 1000000:
        got += peer.recv(65536) or fail("the channel is cut off")
    vm.wait_serial("lab: ask closed", LIMIT)
    check(said(vm, "lab: received:").split()[0] == hashlib.md5(data).hexdigest(), "a megabyte into the guest")
    check(said(vm, "lab: sent:").split()[0] == hashlib.md5(got).hexdigest(), "a megabyte out of it")
    check(vm.wait_event("VSERPORT_CHANGE", LIMIT) == {"id": "channel0", "open": False}, "the guest has closed it")
    vm.send(b"go\n")


def console(vm, peer):
    got = b""
    while b"hello from hvc0\n" not in got.replace(b"\r", b""):
        got += peer.recv(4096) or fail("the console is cut off")
    check(True, "hvc0 speaks")
    peer.sendall(b"hello to hvc0\n")
    vm.wait_serial("lab: console: hello to hvc0", LIMIT)
    check(True, "and hears")


def connect(path):
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(LIMIT)
    peer.connect(path)
    return peer


def main():
    agent, hvc = tmp("agent"), tmp("hvc")
    vm = Vm(["-no-reboot", "-m", "256", "-kernel", KERNEL, "-initrd", INITRD, "-append", APPEND,
             "-device", "virtio-balloon-pci,id=balloon0,free-page-reporting=on,deflate-on-oom=on",
             "-device", "virtio-serial-pci,id=vs",
             "-chardev", f"socket,id=agent,path={agent},server=on,wait=off",
             "-device", "virtserialport,bus=vs.0,chardev=agent,id=channel0,name=org.qemu.guest_agent.0",
             "-chardev", f"socket,id=hvc,path={hvc},server=on,wait=off",
             "-device", "virtconsole,bus=vs.0,chardev=hvc"], serial="socket")
    try:
        peers = connect(agent), connect(hvc)
        free_pages(vm)
        size(vm)
        statistics(vm)
        channel(vm, peers[0])
        console(vm, peers[1])
        code = vm.wait_exit(LIMIT)
    finally:
        if os.path.exists(vm.serial_path):
            shutil.copy(vm.serial_path, os.environ["SERIAL"])
    if code:
        fail(f"exit code {code}")
    done("balloon, channel and console")


main()
