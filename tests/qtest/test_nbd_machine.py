#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Network disks of a whole machine: all ways to name one, a server that hangs, dies, comes back."""
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
from kvmdm import KVM_DM, Machine, run

BYTES = 1 << 20
DATA = bytes((i * 7 + (i >> 9)) & 0xff for i in range(BYTES))


class Server:
    """nbdkit with a file of DATA."""

    def __init__(self, directory, *options):
        self.sock = os.path.join(directory, "nbd.sock")
        self.file = os.path.join(directory, "disk")
        self.options = options
        with open(self.file, "wb") as f:
            f.write(DATA)
        self.start()

    def start(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.sock)
        self.process = subprocess.Popen(["nbdkit", "-f", "--exit-with-parent", "-U", self.sock,
                                         *self.options, "file", self.file], stderr=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while True:
            with socket.socket(socket.AF_UNIX) as s, contextlib.suppress(OSError):
                s.connect(self.sock)
                return
            assert time.monotonic() < end, "no server"
            time.sleep(0.005)

    def kill(self):
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def server(*options):
    with tempfile.TemporaryDirectory(prefix="kvm-dm-nbd-") as directory:
        s = Server(directory, *options)
        try:
            yield s
        finally:
            s.kill()


def wait_for(condition, what, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def command(m, opcode, lba, sectors=1):
    m.config_write(0x09, 0x04, 5)           # what firmware does: I/O and bus master
    m.config_write(0x09, 0x40, 0x80008000)  # both channels decode their ports
    for port, value in ((0x1f6, 0xe0), (0x1f2, sectors), (0x1f3, lba & 0xff), (0x1f4, lba >> 8 & 0xff),
                        (0x1f5, lba >> 16), (0x1f7, opcode)):
        m.outb(port, value)


def ready(m):
    wait_for(lambda: not m.inb(0x1f7) & 0x80, "BSY stays")
    return m.inb(0x1f7)


def read_sector(m, lba):
    command(m, 0x20, lba)
    status = ready(m)
    if status & 1:
        return None
    return b"".join(m.inw(0x1f0).to_bytes(2, "little") for _ in range(256))


def write_sector(m, lba, data):
    command(m, 0x30, lba)
    assert ready(m) & 8
    for i in range(0, 512, 2):
        m.outw(0x1f0, int.from_bytes(data[i:i + 2], "little"))
    return ready(m)


def sector(lba):
    return DATA[lba * 512:lba * 512 + 512]


def test_names():
    with server() as s:
        for options in (
                ("-drive", "file=nbd:unix:%s,format=raw" % s.sock),
                ("-drive", "file=nbd+unix:///?socket=%s,format=raw" % s.sock),
                ("-hda", "nbd+unix:///?socket=%s" % s.sock),
                ("-drive", "driver=nbd,server.type=unix,server.path=%s" % s.sock),
                ("-blockdev", "driver=nbd,node-name=n,server.type=unix,server.path=%s" % s.sock,
                 "-device", "ide-hd,drive=n"),
                ("-blockdev", '{"driver":"nbd","node-name":"n","server":{"type":"unix","path":"%s"},'
                 '"reconnect-delay":3}' % s.sock,
                 "-blockdev", "driver=raw,node-name=r,file=n", "-device", "ide-hd,drive=r")):
            with Machine(*options) as m:
                assert read_sector(m, 5) == sector(5), options
                assert write_sector(m, 6, sector(5)) & 0x21 == 0
                command(m, 0xe7, 0)
                assert ready(m) & 0x21 == 0
            with open(s.file, "rb") as f:
                assert f.read(7 * 512)[6 * 512:] == sector(5)


def test_refused():
    for options, words in (
            (("-drive", "file=nbd:unix:/nonexistent/s,format=raw"), "/nonexistent/s"),
            (("-drive", "file=nbd://host:0/x,format=raw"), "port"),
            (("-drive", "driver=nbd,server.type=unix,server.path=/x,tls-creds=t"), "tls-creds=t"),
            (("-object", "tls-creds-x509,id=t,dir=/nonexistent"), "ca-cert.pem")):
        p = subprocess.run([KVM_DM, "-accel", "qtest", "-qtest", "null", "-display", "none", *options],
                           stderr=subprocess.PIPE, timeout=20)
        text = p.stderr.decode()
        assert p.returncode == 1 and words in text and len(text.splitlines()) == 1, (options, text)


def test_server_hangs():
    """The guest's read hangs; monitor, reset and quit do not (HAZARDS B-11, M-08)."""
    with server() as s:
        m = Machine("-drive", "file=nbd:unix:%s,format=raw" % s.sock)
        with m:
            assert read_sector(m, 1) == sector(1)
            s.process.send_signal(signal.SIGSTOP)
            command(m, 0x20, 2)
            time.sleep(0.3)
            assert m.inb(0x1f7) & 0x80
            m.alive()
            m.outb(0x3f6, 4)  # soft reset of the channel
            m.outb(0x3f6, 0)
            m.alive()
            command(m, 0x20, 3)
            m.execute("system_reset")
            m.alive()
            start = time.monotonic()
            m.execute("quit")
            m.process.wait(10)
            assert time.monotonic() - start < 2.5, time.monotonic() - start
        s.process.send_signal(signal.SIGCONT)


def test_server_dies():
    with server() as s:
        with Machine("-drive", "file=nbd:unix:%s,format=raw" % s.sock) as m:
            assert read_sector(m, 1) == sector(1)
            s.kill()
            assert read_sector(m, 2) is None
            assert m.inb(0x1f1)
            m.alive()
            s.start()
            wait_for(lambda: read_sector(m, 2) == sector(2), "not found again")


def test_server_comes_back():
    """With reconnect-delay the guest sees a slow disk, no error."""
    with server() as s:
        with Machine("-drive", "driver=nbd,server.type=unix,server.path=%s,reconnect-delay=20" % s.sock) as m:
            assert write_sector(m, 9, sector(1)) & 0x21 == 0
            command(m, 0xe7, 0)
            assert ready(m) & 0x21 == 0
            s.kill()
            command(m, 0x20, 9)
            time.sleep(0.3)
            assert m.inb(0x1f7) & 0x80
            m.alive()
            with open(s.file, "rb") as f:
                assert f.read()[9 * 512:10 * 512] == sector(1)
            s.start()
            assert ready(m) & 1 == 0
            assert b"".join(m.inw(0x1f0).to_bytes(2, "little") for _ in range(256)) == sector(1)
            command(m, 0xe7, 0)
            assert ready(m) & 0x21 == 0


def test_blockdev_add():
    with server() as s:
        with Machine() as m:
            fds = m.fds()
            for _ in range(5):
                m.execute("blockdev-add", **{"driver": "nbd", "node-name": "n", "read-only": True,
                                             "server": {"type": "unix", "path": s.sock}})
                m.execute("blockdev-del", **{"node-name": "n"})
            wait_for(lambda: m.fds() == fds, "descriptors are left")


if __name__ == "__main__":
    if not shutil.which("nbdkit"):
        print("needs nbdkit: apt-get install nbdkit")
        sys.exit(77)
    with open(KVM_DM, "rb") as f:
        if b"libnbd.so" not in f.read():
            print("built without libnbd")
            sys.exit(77)
    run(sys.modules[__name__])
