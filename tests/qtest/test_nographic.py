#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""-nographic and mon:stdio: serial port and multiplexer on standard input and output, both ways."""
import subprocess
import time

import kvmdm

UART = 0x3f8
TEXT = b"more than the sixteen bytes of the FIFO\n"


class Typed(kvmdm.Machine):
    """A machine with pipes as its standard input and output."""

    def __enter__(self):
        command = [kvmdm.KVM_DM, "-accel", "qtest", "-qtest", "unix:" + self.qtest.path,
                   "-qtest-log", "/dev/null", *self.options]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.qtest.accept(self.process)
        return self

    def received(self, count):
        got = b""
        end = time.monotonic() + kvmdm.LIMIT_S
        while len(got) < count and time.monotonic() < end:
            if self.inb(UART + 5) & 1:
                got += bytes([self.inb(UART)])
        return got


def run(*options, human=True):
    with Typed(*options, qmp=False) as m:
        m.outb(UART + 2, 0x01)
        m.process.stdin.write(TEXT)
        m.process.stdin.flush()
        got = m.received(len(TEXT))
        assert got == TEXT, "%s: the port received %r" % (options, got)
        for byte in TEXT:
            m.outb(UART, byte)
        got = m.process.stdout.read(len(TEXT))
        assert got == TEXT, "%s: the port sent %r" % (options, got)
        # The escape key of the multiplexer, and the key after it, are not the guest's.
        m.process.stdin.write(b"\x01\x01ok\x01b")
        m.process.stdin.flush()
        got = m.received(3)
        assert got == b"\x01ok", "%s: after the escape key: %r" % (options, got)
        if human:
            m.process.stdin.write(b"\x01cinfo status\r")
            m.process.stdin.flush()
            got = b""
            while b"VM status: running" not in got:
                more = m.process.stdout.read(1)
                assert more, got
                got += more
            assert b"(qemu) info status" in got and b"[input: " in got, got
            m.process.stdin.write(b"\x01cxyz")  # back to the guest
            m.process.stdin.flush()
            got = m.received(4)
            assert got == b"\x00xyz", got  # the break of before, then what was typed
    print("ok:", *options)


run("-nographic")
run("-display", "none", "-serial", "mon:stdio")
run("-display", "none", "-chardev", "stdio,mux=on,id=c", "-serial", "chardev:c", human=False)
run("-display", "none", "-chardev", "stdio,mux=on,id=c", "-serial", "chardev:c", "-mon", "chardev=c,mode=readline")
print("-nographic, mon:stdio and mux=on: serial input and output, the human monitor")
