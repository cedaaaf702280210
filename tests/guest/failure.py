# SPDX-License-Identifier: GPL-2.0-or-later
"""
Each way in which starting fails: one line on stderr that begins with the program's name and says
what is wrong, nothing on stdout, exit code 1, at once, and no file, socket or process left behind.
"""
import os
import shutil
import socket
import subprocess
import time

from vmtest import ACCEL, EMULATOR, Vm, check, done, fail, need_kvm, tmp

PROGRAM = os.path.basename(EMULATOR)
HEAD = ["-accel", ACCEL, "-nodefaults", "-display", "none", "-S"]
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
bad = []


def fails(what, args, words=(), head=None, wrapper=()):
    """`words`: what the line must contain (any case)."""
    place = tmp("place")
    shutil.rmtree(place, ignore_errors=True)
    os.mkdir(place)
    command = list(wrapper) + [EMULATOR] + (HEAD if head is None else head) + args
    try:
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=15,
                                cwd=place)
    except subprocess.TimeoutExpired:
        bad.append(what)
        print(f"BAD: {what}: was started: {' '.join(args)}")
        return
    text = result.stderr.decode("latin-1")
    wrong = []
    if result.returncode != 1:
        wrong.append(f"exit code {result.returncode}")
    if text.count("\n") != 1 or not text.startswith(PROGRAM + ": "):
        wrong.append("not one line with the program's name")
    if result.stdout:
        wrong.append(f"stdout {result.stdout[:80]!r}")
    if any(w.lower() not in text.lower() for w in words):
        wrong.append(f"does not name {words}")
    if os.listdir(place):
        wrong.append(f"left behind {os.listdir(place)}")
    if wrong:
        bad.append(what)
        print(f"BAD: {what}: {', '.join(wrong)}: {text[:400]!r}")
    else:
        print(f"ok: {what}: {text.strip()[:160]}")


def drive(file, more=""):
    return ["-drive", f"file={file},format=raw{more}"]


def make_image(name, size=1 << 20):
    path = tmp(name)
    with open(path, "wb") as f:
        f.truncate(size)
    return path


def options(image):
    fails("unknown option", ["-frobnicate"], ["-frobnicate"])
    fails("option without its value", ["-m"], ["-m"])
    fails("unknown machine", ["-machine", "vax"], ["vax"])
    fails("unknown accelerator", ["-accel", "warp"], ["warp"], head=HEAD[2:])
    fails("unknown device", ["-device", "frobnicator"], ["frobnicator"])
    fails("unknown device property", ["-device", "isa-debug-exit,colour=red"], ["colour"])
    fails("bad device property", ["-device", "isa-debug-exit,iobase=pink"], ["iobase"])
    fails("unknown property of a drive", drive(image, ",colour=red"), ["colour"])
    fails("unknown image format", ["-drive", f"file={image},format=cobol"], ["cobol"])
    fails("two drives in one place", drive(image, ",index=0") + drive(image, ",index=0"))
    fails("fifth IDE drive", drive(image, ",index=4"))
    fails("unknown chardev backend", ["-serial", "carrier-pigeon:1"], ["carrier-pigeon"])
    fails("device names no drive", ["-device", "ide-hd,drive=nosuch"], ["nosuch"])
    fails("monitor names no chardev", ["-mon", "chardev=nosuch,mode=control"], ["nosuch"])
    fails("same id twice", ["-chardev", "null,id=a", "-chardev", "null,id=a"], ["a"])
    for value in ("0", "-5", "abc", "12Q", "", "99999999999999999999", "64M,colour=red"):
        fails(f"-m '{value}'", ["-m", value], ["-m"] if value != "64M,colour=red" else ["colour"])
    for value in ("0", "-1", "x", "100000"):
        fails(f"-smp '{value}'", ["-smp", value], ["smp"])
    fails("unknown boot device", ["-boot", "order=q"])
    fails("bad UUID", ["-uuid", "zebra"], ["uuid"])
    fails("-initrd without -kernel", ["-initrd", image], ["-kernel"])
    fails("-append without -kernel", ["-append", "x"], ["-kernel"])


def files(image):
    fails("image is missing", drive("/nonexistent/disk.img"), ["/nonexistent/disk.img", "no such file"])
    fails("image is a directory", drive("/"), ["/"])
    fails("firmware is missing", ["-bios", "/nonexistent/rom"], ["/nonexistent/rom"])
    fails("firmware is empty", ["-bios", make_image("empty", 0)])
    fails("firmware too large", ["-bios", make_image("large", 64 << 20)])
    fails("kernel is missing", ["-kernel", "/nonexistent/kernel"], ["/nonexistent/kernel"])
    fails("pidfile cannot be written", ["-pidfile", "/nonexistent/pid"], ["/nonexistent/pid"])
    fails("serial file cannot be written", ["-serial", "file:/nonexistent/log"], ["/nonexistent/log"])
    fails("socket's folder is missing", ["-qmp", "unix:/nonexistent/q,server=on,wait=off"],
          ["/nonexistent/q"])
    fails("peer does not listen", ["-serial", "unix:nobody.sock"], ["nobody.sock"])
    # What was made before the failure must go again.
    fails("late failure", ["-qmp", "unix:qmp.sock,server=on,wait=off", "-serial",
                           "unix:serial.sock,server=on,wait=off", "-pidfile", "the.pid"]
          + drive("/nonexistent/disk.img"), ["/nonexistent/disk.img"])
    fails("late failure of a daemon", ["-daemonize", "-pidfile", "the.pid"]
          + drive("/nonexistent/disk.img"), ["/nonexistent/disk.img"])
    if os.getuid() == 0 and shutil.which("setpriv"):
        os.chmod(image, 0o600)
        if world_can_run(EMULATOR):
            fails("image without permission", drive(image), ["permission"],
                  head=["-accel", "qtest"] + HEAD[2:], wrapper=NOBODY)


def world_can_run(path):
    path = os.path.realpath(path)
    while path != "/":
        if not os.stat(path).st_mode & 1:
            return False
        path = os.path.dirname(path)
    return True


def in_use(image):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        fails("TCP port in use", ["-serial", f"tcp:127.0.0.1:{port},server=on,wait=off"], [str(port)])
    vm = Vm(["-m", "16"] + drive(image), paused=True)
    fails("image is locked by another", drive(image), [image, "lock"])
    second = Vm(["-m", "16"] + drive(image, ",snapshot=on,file.locking=off"), paused=True)
    check(True, "an image with locking=off opens beside it")
    for one in (second, vm):
        one.qmp("quit")
        one.wait_exit(5)
    vm = Vm(["-m", "16"] + drive(image), paused=True)
    check(True, "the lock goes with its holder")
    vm.kill()
    vm = Vm(["-m", "16"] + drive(image), paused=True)
    check(True, "also when it was killed")
    vm.qmp("quit")


def no_kvm():
    if os.getuid() != 0 or not shutil.which("unshare"):
        print("not tried: /dev/kvm absent (needs root and unshare)")
        return
    kvm = ["-accel", "kvm"] + HEAD[2:]

    def hidden(command):
        return ["unshare", "-m", "sh", "-c", f'{command} && exec "$@"', "sh"]

    if subprocess.run(hidden("mount -t tmpfs none /dev") + ["true"], capture_output=True).returncode:
        print("not tried: /dev/kvm absent (no mount namespaces here)")
        return
    keep = "mount -t tmpfs none /dev && mknod /dev/null c 1 3 && mknod /dev/urandom c 1 9"
    fails("/dev/kvm is absent", [], ["/dev/kvm"], head=kvm, wrapper=hidden(keep))
    fails("/dev/kvm is something else", [], ["/dev/kvm"], head=kvm,
          wrapper=hidden("mount --bind /dev/null /dev/kvm"))
    if shutil.which("setpriv") and not os.stat("/dev/kvm").st_mode & 6 and world_can_run(EMULATOR):
        fails("/dev/kvm without permission", [], ["/dev/kvm", "permission"], head=kvm,
              wrapper=NOBODY)


def memory():
    fails("more memory than there can be", ["-m", "900T"])
    limit = ["prlimit", "--as=2000000000"]
    if not shutil.which("prlimit") or subprocess.run(limit + [EMULATOR, "--version"],
                                                     capture_output=True).returncode:
        print("not tried: out of memory (no prlimit, or a sanitizer's shadow does not fit)")
        return
    fails("out of memory", ["-m", "3000"], ["memory"], wrapper=limit)


def no_process_left():
    time.sleep(0.2)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{pid}/cwd").startswith(tmp("place")):
                fail(f"process {pid} is left behind")
        except OSError:
            pass


need_kvm()
disk = make_image("disk.img")
options(disk)
files(disk)
in_use(disk)
no_kvm()
memory()
no_process_left()
if bad:
    fail(f"{len(bad)} cases: {', '.join(bad)}")
done("each failure: one line, exit code 1, nothing left behind")
