#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""-display curses (the same as text) in a real pty: what is shown, what is typed, sizes, the keys behind Ctrl-A."""
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time

sys.path.insert(0, os.path.dirname(__file__))
from kvmdm import KVM_DM, Stream, run
from test_screen import Screen

LIMIT_S = 15


class Console:
    """kvm-dm in a terminal of our own; qtest beside it, with the calls that Screen makes."""

    def __init__(self, display="curses", rows=30, columns=90):
        self.dir = tempfile.TemporaryDirectory(prefix="kvm-dm-curses-")
        self.qtest = Stream(self.dir.name, "qtest")
        self.master, slave = pty.openpty()
        self.slave = slave
        self.before = termios.tcgetattr(slave)
        self.size(rows, columns)
        self.process = subprocess.Popen(
            [KVM_DM, "-accel", "qtest", "-qtest", "unix:" + self.qtest.path, "-qtest-log", "/dev/null",
             "-display", display], stdin=slave, stdout=slave, stderr=subprocess.PIPE,
            env=dict(os.environ, TERM="xterm-256color"))
        self.qtest.accept(self.process)
        self.seen = b""

    def size(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def cmd(self, text):
        self.qtest.send(text)
        line = self.qtest.line()
        while line.startswith("IRQ "):
            line = self.qtest.line()
        assert line.startswith("OK"), line
        return line[3:]

    def cmds(self, texts): return [self.cmd(t) for t in texts]
    def inb(self, port): return int(self.cmd("inb 0x%x" % port), 16)
    def outb(self, port, v): self.cmd("outb 0x%x 0x%x" % (port, v))
    def write(self, addr, data): self.cmd("write 0x%x 0x%x 0x%s" % (addr, len(data), data.hex()))

    def type(self, text):
        os.write(self.master, text.encode())

    def wait(self, pattern, what):
        """Until that has come from the program; forgets what was before it."""
        end = time.monotonic() + LIMIT_S
        while not (found := re.search(pattern.encode(), self.seen, re.S)):
            assert time.monotonic() < end, (what, self.seen[-600:])
            if select.select([self.master], [], [], 0.1)[0]:
                self.seen += os.read(self.master, 65536)
        self.seen = self.seen[found.end():]

    def keys(self, count):
        """So many bytes from the keyboard, as the controller translates them to set 1."""
        got, end = [], time.monotonic() + LIMIT_S
        while len(got) < count:
            assert time.monotonic() < end, got
            self.cmd("clock_step 2000000")
            if self.inb(0x64) & 1:
                got.append(self.inb(0x60))
        return bytes(got).hex()

    def close(self):
        """It has ended; the terminal is as it was."""
        end = time.monotonic() + LIMIT_S
        while self.process.poll() is None:
            assert time.monotonic() < end
            if select.select([self.master], [], [], 0.1)[0]:
                self.seen += os.read(self.master, 65536)
        stderr = self.process.stderr.read().decode()
        assert self.process.returncode == 0 and not stderr, (self.process.returncode, stderr)
        assert termios.tcgetattr(self.slave) == self.before
        self.process.stderr.close()
        os.close(self.slave)
        os.close(self.master)
        self.qtest.sock.close()
        self.qtest.listener.close()
        self.dir.cleanup()


def keyboard_on(c):
    c.outb(0x64, 0x60)
    c.outb(0x60, 0x41)  # interrupts, translation
    c.outb(0x60, 0xf4)
    assert c.keys(1) == "fa"


def test_shown_and_typed():
    c = Console()
    screen = Screen(c)
    screen.text()
    screen.put(3, 5, "sixteen-colours", 0x9c)
    c.wait(r"\x1b\[\?1049h", "the alternate screen")
    c.wait(r"\x1b\[4;6H\x1b\[0;91;44;5msixteen-colours", "light red on blue, blinking")
    screen.attribute(0x10, 0x04)
    screen.attribute(0x30, 0x04)
    screen.put(3, 5, "Sixteen-Colours", 0x9c)
    c.wait(r"\x1b\[0;91;104m", "on light blue: the guest has switched blinking off")
    keyboard_on(c)
    c.type("a")
    assert c.keys(2) == "1e9e"
    c.type("\x1b[15~\x1bx\x1b[1;5A")
    assert c.keys(2 + 4 + 6) == "3fbf" + "382dadb8" + "1de048e0c89d"
    c.type("\x01d")
    assert c.keys(8) == "1d38e053e0d3" + "9db8"
    c.type("\x01h")
    c.wait("Ctrl-A d +Ctrl-Alt-Delete", "the help")
    c.type(" ")
    screen.put(6, 0, "after-the-help")
    c.wait("after-the-help", "it goes with any key")
    c.size(12, 40)
    c.wait(r"\x1b\[2J", "painted anew in a smaller terminal")
    c.type("\x01x")
    c.wait(r"\x1b\[\?1049l.*Sixteen-Colours.*after-the-help", "the last screen stays in the scroll-back")
    c.close()


def test_sixty_rows():
    c = Console("text", rows=64, columns=140)
    screen = Screen(c)
    screen.text(132)
    # 8 lines a character, 480 lines: 60 rows.
    screen.set(0x3d4, 0x11, 0)
    for index, value in ((0x09, 0x47), (0x12, 0xdf), (0x07, 0x3e), (0x06, 0x0b), (0x15, 0xea), (0x16, 0x04)):
        screen.set(0x3d4, index, value)
    screen.put(59, 110, "the-sixtieth-row")
    c.wait(r"\x1b\[60;111H(\x1b\[0;37;40m)?the-sixtieth-row", "row 60, column 111")
    c.type("\x01x")
    c.close()


def refused(*options):
    said = subprocess.run([KVM_DM, "-accel", "qtest", "-qtest", "null", *options], capture_output=True, text=True,
                          timeout=30, stdin=subprocess.DEVNULL)
    assert said.returncode == 1 and said.stderr.count("\n") == 1, said
    return said.stderr


def test_options():
    assert "takes no options" in refused("-display", "curses,charset=CP850")
    assert "it cannot be had with -daemonize" in refused("-display", "curses", "-daemonize")
    assert "-display curses" in refused("-curses")


if __name__ == "__main__":
    run(sys.modules[__name__])
