# SPDX-License-Identifier: GPL-2.0-or-later
"""
SeaBIOS and a boot sector seen through viewers of others: TigerVNC's in a virtual X server, vncsnapshot, and
twenty of these at once. Their pixels are compared with screendump's; keys typed into the viewer's window
arrive; the viewer's window follows a new size.
"""
import os
import shutil
import struct
import subprocess
import time

from vmtest import EMULATOR, GUESTS, Vm, check, done, fail, need_file, need_kvm, read_ppm, skip, tmp

TOOLS = {"vncviewer": "tigervnc-viewer", "vncsnapshot": "vncsnapshot", "Xvfb": "xvfb", "xdotool": "xdotool",
         "xwd": "x11-apps", "djpeg": "libjpeg-turbo-progs"}
LIMIT_S = 120
AT_ONCE = 20
processes = []


def start(*command, **more):
    with open(tmp("tools.log"), "ab") as log:
        processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **more))
    return processes[-1]


def end_all():
    for p in processes:
        p.terminate()
    for p in processes:
        try:
            p.wait(10)
        except subprocess.TimeoutExpired:
            p.kill()


def until(what, fn):
    end = time.monotonic() + LIMIT_S
    while not (value := fn()):
        if time.monotonic() > end:
            with open(tmp("tools.log"), errors="replace") as f:
                print(f.read()[-3000:])
            fail(f"not in {LIMIT_S} s: {what}")
        time.sleep(0.2)
    return value


class XServer:
    """An X server of our own with one viewer in it."""

    def __init__(self):
        read_end, write_end = os.pipe()
        start("Xvfb", "-displayfd", str(write_end), "-screen", "0", "1280x1024x24", "-nolisten", "tcp",
              pass_fds=(write_end,))
        os.close(write_end)
        with os.fdopen(read_end) as f:
            number = f.readline().strip()
        if not number:
            fail("Xvfb does not start")
        self.environment = dict(os.environ, DISPLAY=":" + number, HOME=tmp(""), XAUTHORITY="/dev/null")

    def do(self, *command):
        return subprocess.run(command, env=self.environment, capture_output=True, timeout=LIMIT_S)

    def window(self, title):
        found = self.do("xdotool", "search", "--name", title).stdout.split()
        return found[-1].decode() if found else None

    def size(self, window):
        words = self.do("xdotool", "getwindowgeometry", "--shell", window).stdout.decode().split()
        values = dict(w.split("=", 1) for w in words if "=" in w)
        return int(values.get("WIDTH", 0)), int(values.get("HEIGHT", 0))

    def picture(self, window):
        """(width, height, RGB) of a window, from xwd's dump: a header of 25 numbers, the colours, the rows."""
        dump = self.do("xwd", "-silent", "-id", window).stdout
        if len(dump) < 100:
            return None
        header = struct.unpack(">25I", dump[:100])
        size, width, height, bits, stride, colours = (header[i] for i in (0, 4, 5, 11, 12, 19))
        if bits != 32 or header[7] != 0:
            fail(f"a dump with {bits} bits, byte order {header[7]}")
        rows = dump[size + colours * 12:]
        rgb = bytearray(width * height * 3)
        for y in range(height):
            row = rows[y * stride:y * stride + width * 4]
            for i in range(3):
                rgb[y * width * 3 + i:(y + 1) * width * 3:3] = row[2 - i::4]
        return width, height, bytes(rgb)


class Guest(Vm):
    def __init__(self):
        disk = tmp("echo.img")
        shutil.copy(os.path.join(GUESTS, "rom/echo.bin"), disk)
        os.truncate(disk, 1 << 20)
        super().__init__(["-m", "16", "-vga", "std", "-vnc", "127.0.0.1:30,to=99", "-name", "echo",
                          "-drive", f"file={disk},format=raw"])
        self.port = int(self.qmp("query-vnc")["service"])

    def lines(self):
        return self.qmp("query-screen-text")["lines"]

    def still(self):
        """The screen by screendump when nothing moves: the cursor of text modes blinks."""
        return self.screen()


def window_shows(x, window, vm):
    """All pixels the same; the picture that did it, as the cursor may blink between two looks."""
    seen, want = x.picture(window), vm.still()
    return seen if seen == want else None


def snapshots(vm, count, encoding):
    """By so many vncsnapshots at once; each file's (width, height, RGB)."""
    paths = [tmp(f"shot{i}.jpg") for i in range(count)]
    env = dict(os.environ, HOME=tmp(""))
    running = [start("vncsnapshot", "-quiet", "-encodings", encoding, "-quality", "100", f"127.0.0.1:{vm.port - 5900}", p,
                     env=env) for p in paths]
    for p in running:
        if p.wait(LIMIT_S):
            fail(f"vncsnapshot: exit {p.returncode}")
    for path in paths:
        with open(path + ".ppm", "wb") as f:
            subprocess.run(["djpeg", "-pnm", path], stdout=f, check=True)
    return [read_ppm(path + ".ppm") for path in paths]


def difference(a, b):
    """Mean of the differences of all values; JPEG blurs a little."""
    return sum(map(lambda p, q: abs(p - q), a[2], b[2])) / len(a[2]) if a[:2] == b[:2] else 255


def check_snapshots(vm, count, encoding):
    want = vm.still()
    got = [difference(shot, want) for shot in snapshots(vm, count, encoding)]
    print("mean differences: " + " ".join(f"{d:.2f}" for d in got))
    check(difference((*want[:2], bytes(len(want[2]))), want) > 0.5, "there is something to see")
    check(max(got) < 0.1, f"{count} x vncsnapshot -encodings {encoding}: {want[0]} x {want[1]}, as screendump has it")


def follow(x, window, vm):
    check(until("the viewer's pixels are screendump's", lambda: window_shows(x, window, vm)),
          f"vncviewer's window: every pixel of {x.size(window)}")


def main():
    need_kvm()
    for tool, package in TOOLS.items():
        if not shutil.which(tool):
            skip(f"{tool} is missing (Debian package {package})")
    if subprocess.run([EMULATOR, "-vnc", "help"], capture_output=True).returncode:
        skip("built without VNC")
    need_file(os.path.join(GUESTS, "rom/echo.bin"), "make guests")
    vm, x = Guest(), XServer()
    viewer = start("vncviewer", "-SecurityTypes=None", "-Shared=1", "-RemoteResize=0", "-DotWhenNoCursor=0", "-AutoSelect=0",
                   "-PreferredEncoding=ZRLE", "-FullColor=1", f"127.0.0.1::{vm.port}", env=x.environment)
    window = until("vncviewer's window", lambda: x.window("kvm-dm \\(echo\\)"))
    until("the boot sector", lambda: "Type away:" in vm.lines())
    vm.qmp("wait-screen", **{"stable-ms": 500})
    follow(x, window, vm)

    x.do("xdotool", "windowfocus", "--sync", window)
    text = "The quick brown fox, {[0123456789]} ~!@#$%^&*() \"'\\|<>?/"
    x.do("xdotool", "mousemove", "--window", window, "5", "5")
    x.do("xdotool", "type", "--delay", "30", text)
    x.do("xdotool", "key", "Return")
    until("what was typed into the viewer is on the guest's screen", lambda: text in vm.lines())
    check(viewer.poll() is None, "typed through vncviewer, and all of it arrived")
    follow(x, window, vm)
    for encoding in "tight", "zrle", "hextile", "zlib", "raw":
        check_snapshots(vm, 1, encoding)

    x.do("xdotool", "key", "Tab")
    until("the guest's new mode", lambda: vm.screen()[:2] == (640, 480))
    until("the window's new size", lambda: x.size(window) == (640, 480))
    x.do("xdotool", "type", "--delay", "30", text)
    until("typed in the new mode", lambda: vm.lines()[0].startswith(text))
    follow(x, window, vm)
    check_snapshots(vm, AT_ONCE, "tight")
    follow(x, window, vm)
    vm.qmp("quit")
    check(vm.wait_exit(10) == 0, "quit with a viewer")
    viewer.wait(LIMIT_S)
    done(f"vncviewer and {AT_ONCE} vncsnapshots see what screendump sees; keys and a new size arrive")


try:
    main()
finally:
    end_all()
