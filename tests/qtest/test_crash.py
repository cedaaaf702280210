#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
kill -9 in the middle of writes. Afterwards qemu-img finds leaks at worst, and each sector has what the guest wrote
last before a flush that was acknowledged, or something it wrote after that. The images live on from round to
round. CRASH_ROUNDS (20) says how often, CRASH_SEED what is done and when.
"""
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(__file__))
from atadisk import ERR, SECTOR, Ata, pattern, run_of, stored
from iomodel import Guest
from kvmdm import KVM_DM, Machine, run

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "20"))
SEED = int(os.environ.get("CRASH_SEED", "1"))
SECTORS = 8192
RENEW = 60       # rounds after which an image is made anew
LOAD_S = 0.25    # the kill comes at some moment within
GONE = (EOFError, ConnectionResetError, BrokenPipeError)

# name, format, options of qemu-img create, has a backing file, options of -drive
KINDS = [
    ("raw", "raw", None, False, "cache=writeback"),
    ("64k", "qcow2", "cluster_size=64k", False, "cache=writeback"),
    ("raw-direct", "raw", None, False, "cache=none,aio=native"),
    ("backing", "qcow2", "cluster_size=4k", True, "cache=writeback,discard=unmap"),
    ("raw-through", "raw", None, False, "cache=writethrough"),
    ("512", "qcow2", "cluster_size=512", False, "cache=writeback,discard=unmap"),
    ("preallocated", "qcow2", "cluster_size=8k,preallocation=metadata", False, "cache=writeback"),
    ("direct", "qcow2", "cluster_size=64k", True, "cache=none,aio=native"),
    ("v2", "qcow2", "cluster_size=1k,compat=0.10", True, "cache=writeback,discard=unmap"),
    ("through", "qcow2", "cluster_size=16k", False, "cache=writethrough,discard=unmap"),
    ("2m", "qcow2", "cluster_size=2M,lazy_refcounts=on", True, "cache=writeback,discard=unmap"),
    ("1-bit", "qcow2", "cluster_size=2k,refcount_bits=1", False, "cache=writeback,discard=unmap"),
]


class Writer(Guest):
    """What may be on the disk is written down before a command is given, not after it ended."""

    def __init__(self, initial, through):
        super().__init__(None, initial)
        self.through = through
        self.counts = {}

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def store(self, rng):
        a, lba, count = self.a, rng.randrange(SECTORS - 64), rng.choice((1, 1, 3, 8, 16, 64))
        data, salt = run_of(lba, count, self.salt), self.salt
        self.salt += 1
        for s in range(lba, lba + count):
            self.put(s, self.contents(s) | {pattern(s, salt)})
        how = rng.choice(("dma", "dma", "dma", "pio", "fua"))
        if how == "pio":
            r = a.pio_out(0x34, lba, data, ext=True)
        else:
            r = a.dma_out(0x3d if how == "fua" else 0x35, lba, data, ext=True)
        assert not r.status & ERR, (how, r)
        for s in range(lba, lba + count):
            self.put(s, {pattern(s, salt)}, how == "fua" or self.through)
        self.count("write")

    def look(self, rng):
        lba = rng.randrange(SECTORS - 64)
        r = self.a.dma_in(0x25, lba, 64, ext=True)
        assert not r.status & ERR, r
        self.check(lba, r.data)

    def discard(self, rng):
        lba, count = rng.randrange(SECTORS - 600), rng.choice((1, 8, 128, 600))
        for s in range(lba, lba + count):
            self.put(s, self.contents(s) | {bytes(SECTOR), self.initial(s)})
        r = self.a.trim([(lba, count)])
        assert not r.status & ERR, r
        self.count("trim")

    def step(self, rng):
        what = rng.randrange(100)
        if what < 62:
            self.store(rng)
        elif what < 71:
            self.look(rng)
        elif what < 79:
            self.discard(rng)
        else:
            assert self.flush()
            self.count("flush")

    def settle(self, data):
        """The crash is over: what is there is what there is."""
        self.check_disk(data)
        self.may = {}
        self.disk = {}
        for s in range(SECTORS):
            sector = data[s * SECTOR:(s + 1) * SECTOR]
            if sector != self.initial(s):
                self.may[s] = {sector}


class Image:
    def __init__(self, directory, kind):
        self.name, self.format, self.create, self.backed, self.drive = kind
        self.path = os.path.join(directory, self.name + ".img")
        self.base = os.path.join(directory, "base.raw")
        self.new()

    def new(self):
        self.age = 0
        initial = pattern if self.backed else lambda lba: bytes(SECTOR)
        self.writer = Writer(initial, "writethrough" in self.drive)
        if self.format == "raw":
            with open(self.path, "wb") as f:
                f.truncate(SECTORS * SECTOR)
            return
        backing = ["-F", "raw", "-b", self.base] if self.backed else []
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", self.create, *backing, self.path,
                        str(SECTORS * SECTOR)], check=True)

    def option(self, index):
        return ["-drive", "if=ide,index=%d,format=%s,file=%s,%s" % (index, self.format, self.path, self.drive)]

    def content(self):
        if self.format == "raw":
            return stored(self.path, 0, SECTORS)
        done = subprocess.run(["qemu-img", "check", "-f", "qcow2", self.path], capture_output=True, text=True)
        assert done.returncode in (0, 3), "%s: %s%s" % (self.name, done.stdout, done.stderr)
        raw = self.path + ".raw"
        subprocess.run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", self.path, raw], check=True)
        return stored(raw, 0, SECTORS)

    def check(self):
        self.writer.settle(self.content())
        self.age += 1
        if self.age >= RENEW:
            self.new()


def load(m, images, rng, delay):
    """Both channels have work at all times that a driver which waits for the end of each command can give."""
    killer = threading.Timer(delay, m.process.kill)
    try:
        for index, image in enumerate(images):
            image.writer.a = Ata(m, 2 * index)
        killer.start()
        while True:
            for image in images:
                image.writer.step(rng)
    except GONE:
        pass
    finally:
        killer.cancel()
    m.kill()


def crash(images, rng):
    options = [o for i, image in enumerate(images) for o in image.option(2 * i)]
    with Machine("-nodefaults", *options, qmp=False) as m:
        load(m, images, rng, 0.002 + rng.random() * LOAD_S)


def test_killed():
    rng = random.Random(SEED)
    total = {}
    with tempfile.TemporaryDirectory(prefix="kvm-dm-crash-") as directory:
        with open(os.path.join(directory, "base.raw"), "wb") as f:
            f.write(run_of(0, SECTORS))
        images = [Image(directory, kind) for kind in KINDS]
        for turn in range(ROUNDS):
            two = [images[2 * turn % len(images)], images[(2 * turn + 1) % len(images)]]
            before = [dict(image.writer.counts) for image in two]
            crash(two, rng)
            for image, counts in zip(two, before):
                for what, n in image.writer.counts.items():
                    total[what] = total.get(what, 0) + n - counts.get(what, 0)
                try:
                    image.check()
                except AssertionError as e:
                    keep = os.path.join(tempfile.gettempdir(), "kvm-dm-crash-" + image.name)
                    shutil.copy(image.path, keep)
                    raise AssertionError("round %d of seed %d, image kept as %s" % (turn, SEED, keep)) from e
    assert total.get("flush", 0) >= ROUNDS / 4 and total["write"] >= ROUNDS, total
    print("  %d rounds, acknowledged: %s" % (ROUNDS, total))


def test_killed_while_opening():
    """Opening for writing changes an image at most so that it can be opened again."""
    rng = random.Random(SEED)
    with tempfile.TemporaryDirectory(prefix="kvm-dm-crash-") as directory:
        image = Image(directory, KINDS[1])
        subprocess.run(["qemu-io", "-f", "qcow2", "-c", "write -q -P 7 0 1M", image.path], check=True,
                       stdout=subprocess.DEVNULL)
        with open(image.path, "r+b") as f:  # somebody left it dirty: it will be repaired
            f.seek(79)
            f.write(b"\1")
        want = bytes([7]) * (1 << 20) + bytes((SECTORS * SECTOR) - (1 << 20))
        for _ in range(max(5, ROUNDS // 20)):
            process = subprocess.Popen([KVM_DM, "-accel", "qtest", "-display", "none", "-nodefaults",
                                        *image.option(0)], stdin=subprocess.DEVNULL)
            time.sleep(rng.random() * 0.05)
            assert process.poll() is None
            process.kill()
            process.wait()
        done = subprocess.run(["qemu-img", "check", "-r", "all", "-f", "qcow2", image.path], capture_output=True)
        assert done.returncode in (0, 3), done
        assert image.content() == want


if __name__ == "__main__":
    if not shutil.which("qemu-img"):
        print("qemu-img is not installed (package qemu-utils)")
        sys.exit(77)
    run(sys.modules[__name__])
