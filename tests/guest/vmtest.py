# SPDX-License-Identifier: GPL-2.0-or-later
"""
Runs one emulator for a test and talks to it: serial line, QMP, screen, exit code.

The emulator is $KVM_DM; $ACCEL (default kvm) its accelerator. A test is a script that ends by
done(), fail() or skip(); its last line is what the test runner shows.
"""
import atexit
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

EMULATOR = os.environ.get("KVM_DM", "build/kvm-dm")
ACCEL = os.environ.get("ACCEL", "kvm")
GUESTS = os.path.join(os.environ.get("B", "build"), "guest")
VGA_ROM = "/usr/share/seabios/vgabios-stdvga.bin"

_tmp = tempfile.mkdtemp(prefix="kvm-dm-test.")
_running = []


def _clean():
    for vm in _running:
        vm.kill()
    shutil.rmtree(_tmp, ignore_errors=True)


atexit.register(_clean)


def tmp(name):
    return os.path.join(_tmp, name)


def fail(text):
    for vm in _running:
        vm.show()
    print("FAIL:", text)
    sys.exit(1)


def skip(text):
    print(text)
    sys.exit(77)


def done(text):
    print(text)
    sys.exit(0)


def check(condition, text):
    if not condition:
        fail(text)
    print("ok:", text, flush=True)


def need_kvm():
    if ACCEL == "kvm":
        try:
            os.close(os.open("/dev/kvm", os.O_RDWR))
        except OSError as e:
            skip(f"/dev/kvm cannot be used: {e.strerror}")


def need_file(path, package):
    if not os.path.exists(path):
        skip(f"{path} is missing (Debian package {package})")


class Vm:
    """
    One running emulator: started stopped by the constructor, with QMP negotiated, so that no event
    is missed; then let run, unless paused. COM1 goes to a file, or to a socket ("socket") where the
    test can also send, or to the display ("vc").
    """

    def __init__(self, args, serial="file", paused=False):
        number = len(_running)
        self.events = []
        self._buffer = b""
        self._replies = []
        self.serial_path = tmp(f"serial{number}")
        self.stderr_path = tmp(f"stderr{number}")
        qmp_path = tmp(f"qmp{number}")
        command = [EMULATOR, "-accel", ACCEL, "-nodefaults", "-display", "none", "-S",
                   "-qmp", f"unix:{qmp_path},server=on,wait=off"]
        if serial == "socket":
            command += ["-serial", f"unix:{self.serial_path}.sock,server=on,wait=off"]
        elif serial == "vc":
            command += ["-serial", "vc"]
        else:
            command += ["-serial", f"file:{self.serial_path}"]
        self.command_line = command + args
        with open(self.stderr_path, "wb") as err:
            self.process = subprocess.Popen(self.command_line, stdin=subprocess.DEVNULL,
                                            stdout=err, stderr=err)
        _running.append(self)
        self._connect(qmp_path)
        self.qmp("qmp_capabilities")
        if serial == "socket":
            self._connect_serial()
        if not paused:
            self.qmp("cont")
            self.wait_event("RESUME")

    def _connect(self, path):
        end = time.monotonic() + 10
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(path)
                break
            except OSError:
                self.socket.close()
            if self.process.poll() is not None:
                fail(f"the emulator ended with {self.process.returncode} at start")
            if time.monotonic() > end:
                fail("no QMP socket after 10 s")
            time.sleep(0.02)
        greeting = self._read(30)
        if "QMP" not in (greeting or {}):
            fail(f"bad QMP greeting: {greeting}")

    def _connect_serial(self):
        self.serial_socket = socket.socket(socket.AF_UNIX)
        self.serial_socket.connect(self.serial_path + ".sock")
        threading.Thread(target=self._copy_serial, daemon=True).start()

    def _copy_serial(self):
        """What comes from the guest goes to the same file as without a socket."""
        with open(self.serial_path, "wb", buffering=0) as out:
            try:
                while data := self.serial_socket.recv(4096):
                    out.write(data)
            except OSError:
                pass

    def send(self, data):
        self.serial_socket.sendall(data)

    def _read(self, timeout):
        """Next message, or None at the end of the connection or time."""
        end = time.monotonic() + timeout
        while b"\n" not in self._buffer:
            left = end - time.monotonic()
            if left <= 0:
                return None
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(65536)
            except (TimeoutError, socket.timeout):
                return None
            except OSError:
                return None
            if not data:
                return None
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        return json.loads(line) if line.strip() else {}

    def qmp(self, command, timeout=20, **arguments):
        """The command's return value; fails on an error reply."""
        reply = self.try_qmp(command, timeout, **arguments)
        if "return" not in reply:
            fail(f"{command}: {reply.get('error', 'no answer')}")
        return reply["return"]

    def try_qmp(self, command, timeout=20, **arguments):
        message = {"execute": command}
        if arguments:
            message["arguments"] = arguments
        self.socket.sendall(json.dumps(message).encode() + b"\r\n")
        end = time.monotonic() + timeout
        while True:
            reply = self._read(max(0.01, end - time.monotonic()))
            if reply is None:
                return {}
            if "event" in reply:
                self.events.append(reply)
            elif "return" in reply or "error" in reply:
                return reply

    def wait_event(self, name, timeout=20):
        """Takes the first event of this name, and those before it, off the list; its data."""
        end = time.monotonic() + timeout
        while True:
            for i, event in enumerate(self.events):
                if event["event"] == name:
                    del self.events[:i + 1]
                    return event.get("data", {})
            message = self._read(max(0.01, end - time.monotonic()))
            if message is None:
                fail(f"no event {name} in {timeout} s")
            if "event" in message:
                self.events.append(message)

    def serial(self):
        try:
            with open(self.serial_path, "rb") as f:
                return f.read().decode("latin-1")
        except FileNotFoundError:
            return ""

    def wait_serial(self, text, timeout):
        self.wait_serial_times(text, 1, timeout)

    def wait_serial_times(self, text, count, timeout):
        end = time.monotonic() + timeout
        while self.serial().count(text) < count:
            if self.process.poll() is not None and self.serial().count(text) < count:
                fail(f"the emulator ended with {self.process.returncode} before '{text}'")
            if time.monotonic() > end:
                fail(f"not on the serial line in {timeout} s: '{text}'")
            time.sleep(0.1)

    def wait_exit(self, timeout=30):
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            fail(f"still running after {timeout} s")

    def screen(self):
        """(width, height, pixels) by screendump."""
        path = tmp("screen.ppm")
        if os.path.exists(path):
            os.unlink(path)
        self.qmp("screendump", filename=path)
        return read_ppm(path)

    def screen_text(self):
        return screen_text(*self.screen())

    def wait_screen(self, text, timeout):
        end = time.monotonic() + timeout
        while True:
            seen = self.screen_text()
            if text in seen:
                return seen
            if self.process.poll() is not None:
                fail(f"the emulator ended before the screen showed '{text}'")
            if time.monotonic() > end:
                print(seen)
                fail(f"not on the screen in {timeout} s: '{text}'")
            time.sleep(0.5)

    def rss_kib(self):
        with open(f"/proc/{self.process.pid}/status") as f:
            for line in f:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
        return 0

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def show(self):
        print("command:", " ".join(self.command_line))
        for name, path in (("serial", self.serial_path), ("stderr", self.stderr_path)):
            if os.path.exists(path) and os.path.getsize(path):
                with open(path, "rb") as f:
                    print(f"--- {name}:\n" + f.read().decode("latin-1")[-2000:])


def read_ppm(path):
    with open(path, "rb") as f:
        data = f.read()
    fields = data.split(None, 4)[:4]
    if len(fields) < 4 or fields[0] != b"P6" or fields[3] != b"255":
        fail(f"screendump is not a PPM: {data[:20]!r}")
    width, height = int(fields[1]), int(fields[2])
    pixels = data[-width * height * 3:]
    if len(data) < width * height * 3 + 10:
        fail("screendump is cut short")
    return width, height, pixels


_font = {}


def _load_font():
    """Glyphs of the 8 x 16 font as vgabios has it: 16 row bytes -> character."""
    with open(VGA_ROM, "rb") as f:
        rom = f.read()
    smiley = bytes.fromhex("00007e81a58181bd9981817e00000000")
    start = rom.find(smiley) - 16
    if start < 0:
        fail("no 8 x 16 font in " + VGA_ROM)
    for code in range(255, -1, -1):
        glyph = rom[start + code * 16:start + code * 16 + 16]
        _font[glyph] = chr(code) if 32 <= code < 127 else " " if code in (0, 255) else "\x7f"
    _font[bytes(16)] = " "


def screen_text(width, height, pixels):
    """
    What stands on a text screen with the BIOS font, line by line: cells of 8 or 9 x 16 pixels.
    A character that is not ASCII is DEL; a cell that is no glyph is '?'.
    """
    if not _font:
        _load_font()
    cell = 9 if width % 9 == 0 and width // 9 in (40, 80) else 8
    lines = []
    for top in range(0, height - 15, 16):
        line = ""
        for left in range(0, width, cell):
            line += _read_cell(width, pixels, left, top)
        lines.append(line.rstrip())
    return "\n".join(lines)


def _read_cell(width, pixels, left, top):
    rows = []
    background = None
    for y in range(top, top + 16):
        at = (y * width + left) * 3
        row = [pixels[at + x * 3:at + x * 3 + 3] for x in range(8)]
        background = background or row[0]
        rows.append(sum(1 << (7 - x) for x in range(8) if row[x] != background))
    glyph = bytes(rows)
    # The pixel that was taken for background may be a foreground one.
    return _font.get(glyph) or _font.get(bytes(255 - r for r in rows)) or "?"
