#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A hundred machines on one base image, an overlay each (docs/images.md)."""
import contextlib
import hashlib
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
from kvmdm import KVM_DM, Machine, run

GUESTS = int(os.environ.get("GUESTS", "100"))
BASE_SECTORS = 8192
IDE = 1 << 3 | 1


def img(*args):
    r = subprocess.run(["qemu-img", *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert r.returncode == 0, "qemu-img %s: %s" % (" ".join(args), r.stdout)


def start(m, command, lba):
    m.config_write(IDE, 0x04, 0x00000005)
    for port, value in ((0x1f6, 0xe0), (0x1f2, 1), (0x1f3, lba & 255), (0x1f4, lba >> 8), (0x1f5, 0)):
        m.outb(port, value)
    m.outb(0x1f7, command)


def wait(m, mask, value):
    end = time.monotonic() + 10
    while m.inb(0x3f6) & (0x80 | mask) != value:
        assert time.monotonic() < end, "status %02x" % m.inb(0x3f6)
    return m.inb(0x1f7)


def read(m, lba):
    start(m, 0x20, lba)
    wait(m, 0x08, 0x08)
    return bytes.fromhex(m.cmd("insw 0x1f0 256")[2:])


def write(m, lba, data):
    start(m, 0x30, lba)
    wait(m, 0x08, 0x08)
    m.cmd("outsw 0x1f0 256 0x%s" % data.hex())
    assert not wait(m, 0, 0) & 1
    m.outb(0x1f7, 0xe7)
    assert not wait(m, 0, 0) & 1


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).digest()


def mark(n):
    return (b"guest %04d " % n).ljust(512, b".")


def make(d):
    """A base of content, and an overlay for each guest, naming it relative to itself."""
    with open(os.path.join(d, "raw"), "wb") as f:
        for lba in range(BASE_SECTORS):
            f.write((b"base %06d " % lba).ljust(512, b"-"))
    img("convert", "-O", "qcow2", os.path.join(d, "raw"), os.path.join(d, "base.qcow2"))
    overlays = [os.path.join(d, "guest%d.qcow2" % n) for n in range(GUESTS)]
    for path in overlays:
        img("create", "-q", "-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2", path)
    return overlays


def refused_writer(base):
    r = subprocess.run([KVM_DM, "-accel", "qtest", "-display", "none", "-drive", "file=%s,format=qcow2" % base],
                       stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=10)
    assert r.returncode == 1 and "in use" in r.stderr, (r.returncode, r.stderr)


def test_many_on_one_base():
    with tempfile.TemporaryDirectory(prefix="kvm-dm-many-") as d:
        overlays = make(d)
        before = digest(os.path.join(d, "base.qcow2"))
        with contextlib.ExitStack() as stack:
            machines = [stack.enter_context(Machine("-nodefaults", "-m", "16", "-drive", "file=" + path,
                                                    qmp=False)) for path in overlays]
            refused_writer(os.path.join(d, "base.qcow2"))
            for n, m in enumerate(machines):
                assert read(m, 100 + n).startswith(b"base %06d " % (100 + n))
                write(m, 100 + n, mark(n))
            for n, m in enumerate(machines):
                assert read(m, 100 + n) == mark(n)
                assert read(m, 100 + (n + 1) % GUESTS).startswith(b"base "), "another guest's write is seen"
        assert digest(os.path.join(d, "base.qcow2")) == before, "the base has changed"
        for n, path in enumerate(overlays):
            img("check", "-q", path)
            assert os.path.getsize(path) < 1 << 20, "an overlay holds more than its guest wrote"


if __name__ == "__main__":
    run(sys.modules[__name__])
