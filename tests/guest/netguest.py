# SPDX-License-Identifier: GPL-2.0-or-later
"""
A guest of our own on /dev/kvm (tests/guest/net) with a driver for each card sends frames of many lengths, and
receives as many. Every byte is looked at on both sides; the wire is a unix stream, which loses nothing.
"""
import os
import socket
import struct
import subprocess
import sys
import time

from vmtest import ACCEL, EMULATOR, GUESTS, check, done, fail, need_file, need_kvm, tmp

FRAMES, AT, OK, MARK = 600, 42, 0x10, 4  # tests/guest/net/pattern.h
WINDOW = 8  # frames on their way: as many as an NE2000's memory holds; it loses what it has no room for
MAC = "52:54:00:12:34:56"
TIMEOUT = 180  # only to find a hang
CARDS = {"e1000": "test", "rtl8139": "test", "rtl8139 in C mode": "test-c", "pcnet": "test", "ne2k_pci": "test",
         "ne2k_isa": "test", "virtio-net-pci": "test"}


def length(n):
    return 60 + n * 487 % 1455


def contents(n):
    return bytes(((n * 2654435761 + at * 40503) & 0xffffffff) >> 11 & 0xff for at in range(AT, length(n)))


def frame_to_guest(n):
    header = bytes.fromhex(MAC.replace(":", "")) + bytes.fromhex("52550a000202") + struct.pack(">H", 0x88b5)
    return header.ljust(AT, b"\0") + contents(n)


class Wire:
    """The host's end of the stream: a length of four bytes before each frame."""

    def __init__(self, path):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)
        self.listener.settimeout(TIMEOUT)
        self.socket = None
        self.data = b""

    def accept(self):
        self.socket, _ = self.listener.accept()
        self.socket.settimeout(TIMEOUT)

    def take(self, n):
        while len(self.data) < n:
            got = self.socket.recv(1 << 16)
            if not got:
                fail("the emulator has closed the wire")
            self.data += got
        got, self.data = self.data[:n], self.data[n:]
        return got

    def receive(self):
        return self.take(struct.unpack(">I", self.take(4))[0])

    def send(self, frame):
        self.socket.sendall(struct.pack(">I", len(frame)) + frame)


def check_sent(card, wire):
    """Frames as the guest makes them, behind its announcement by ARP."""
    mac = bytes.fromhex(MAC.replace(":", ""))
    first = wire.receive()
    if first[:14] != b"\xff" * 6 + mac + b"\x08\x06" or len(first) != 60:
        fail(f"{card}: the announcement is {first.hex()}")
    for n in range(FRAMES):
        frame = wire.receive()
        if len(frame) != length(n) or frame[6:14] != mac + b"\x08\x00" or frame[AT:] != contents(n):
            fail(f"{card}: frame {n} of {length(n)} bytes arrived as {len(frame)} bytes {frame.hex()}")


def wait_for_window(card, console, vm, sent):
    end = time.monotonic() + TIMEOUT
    while sent >= said(console).count(".") * MARK + WINDOW:
        if vm.poll() is not None or time.monotonic() > end:
            fail(f"{card}: the guest takes no more frames; it says: {said(console)!r}")
        time.sleep(0.0005)


def run(card, rom, number):
    wire = Wire(tmp(f"wire{number}"))
    console = tmp(f"console{number}")
    device = card.split()[0]
    options = ",iobase=0x300,irq=9" if device == "ne2k_isa" else ",romfile="
    command = [EMULATOR, "-accel", ACCEL, "-nodefaults", "-display", "none", "-m", "32", "-bios",
               f"{GUESTS}/net/{rom}.bin", "-netdev", f"stream,id=n,server=off,addr.type=unix,addr.path={tmp(f'wire{number}')}",
               "-device", f"{device},netdev=n,mac={MAC}{options}",
               "-chardev", f"file,id=c,path={console}", "-device", "isa-debugcon,iobase=0x402,chardev=c",
               "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as vm:
        try:
            wire.accept()
            check_sent(card, wire)
            for n in range(FRAMES):
                wait_for_window(card, console, vm, n)
                wire.send(frame_to_guest(n))
            code = vm.wait(TIMEOUT)
        except (socket.timeout, OSError, subprocess.TimeoutExpired) as e:
            vm.kill()
            fail(f"{card}: {e}; the guest says: {said(console)!r}")
        finally:
            vm.kill()
    check(code == OK << 1 | 1, f"{card}: {FRAMES} frames each way; the guest says: {said(console).replace('.', '')!r}")


def said(path):
    with open(path, encoding="latin-1") as f:
        return f.read()


need_kvm()
for rom_name in sorted(set(CARDS.values())):
    need_file(f"{GUESTS}/net/{rom_name}.bin", "none: make guests")
wanted = sys.argv[1:] or CARDS
for i, name in enumerate(wanted):
    run(name, CARDS[name], i)
done(f"{len(wanted)} cards: {FRAMES} frames of 60 to 1514 bytes sent and received, every byte right")
