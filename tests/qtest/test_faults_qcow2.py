#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
qcow2 whose file fails at the n-th of each of its steps (blkdebug's events): the guest gets an error or the VM
stops and goes on; qemu-img then finds leaks at worst, and every sector has what the guest was told. Without
FAULTS_ALL=1 only some n are taken.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
from atadisk import BSY, SECTOR, Ata, pattern, run_of, stored
from iomodel import Guest
from kvmdm import Machine, Refused, run

EIO, ENOSPC = 5, 28
ALL = bool(os.environ.get("FAULTS_ALL"))
FILLED, FILL = 6000, b"\x5a" * SECTOR  # sectors that the image has from the start
SOME = (1, 2, 4, 10)
MIXED = ("l2_load", "l2_update", "l2_alloc_cow_read", "l2_alloc_write", "read_aio", "read_backing_aio",
         "write_aio", "refblock_load", "refblock_update_part", "refblock_alloc", "refblock_alloc_write",
         "cluster_alloc", "cluster_alloc_bytes", "cluster_free", "flush_to_os", "flush_to_disk", "l1_update",
         "cow_read", "cow_write", "pwritev", "pwritev_done")
GROWTH = ("reftable_grow", "reftable_load", "reftable_update", "l1_grow_alloc_table", "l1_grow_write_table",
          "l1_grow_activate_table", "empty_image_prepare")


class Patient(Ata):
    """Lets the VM go on whenever it has stopped for an error."""
    stops = 0

    def wait(self, seconds=8):
        end = time.monotonic() + seconds
        while self.status() & BSY:
            assert time.monotonic() < end, "busy"
            if self.m.execute("query-status")["status"] == "io-error":
                self.stops += 1
                self.m.execute("cont")
        return super().wait(seconds)


def mixed(m, guest):
    """Parts of clusters and whole ones, over each other; reads; trims; flushes. Clusters are 1 KiB."""
    for lba, count in ((1, 1), (10, 4), (301, 7), (64, 64), (3000, 1), (8, 8), (2999, 5)):
        guest.write(lba, count)
    guest.flush()
    guest.trim([(64, 32), (3000, 1)])
    guest.read(0, 128)
    guest.write(70, 3)
    guest.flush()
    guest.write(5000, 200)
    guest.read(2990, 20)
    guest.trim([(5000, 100), (10, 2)])
    guest.flush()
    guest.write(5010, 300)
    guest.read(4990, 340)
    guest.write(FILLED + 11, 2)
    guest.read(FILLED, 64)
    guest.flush("last flush")


def growth(m, guest):
    """More clusters than the first refcount table can count, and a larger disk than the L1 table covers."""
    for lba in range(0, 20000, 2000):
        guest.write(lba, 2000)
    guest.flush()
    answer = m.ask("block_resize", **{"node-name": "d", "size": 64 << 20})
    if "error" in answer:
        guest.failed.append("resize")
    guest.write(50, 4)
    guest.flush("last flush")


WORK = {"mixed": (mixed, 1024, 4 << 20), "growth": (growth, 512, 12 << 20)}


class Image:
    def __init__(self, directory, work):
        self.work, cluster, self.bytes = WORK[work]
        self.sectors = self.bytes // SECTOR
        self.path, self.base = os.path.join(directory, "disk.qcow2"), os.path.join(directory, "base.raw")
        options = ["-o", "cluster_size=%d" % cluster]
        self.initial = lambda lba: bytes(SECTOR)
        if work == "mixed":
            with open(self.base, "wb") as f:
                f.write(run_of(0, self.sectors))
            options += ["-F", "raw", "-b", self.base]
            self.initial = lambda lba: FILL if FILLED <= lba < FILLED + 640 else pattern(lba)
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *options, self.path, str(self.bytes)], check=True)
        if work == "mixed":  # tables to load, and clusters that a snapshot shares
            subprocess.run(["qemu-io", "-f", "qcow2", "-c", "write -q -P 0x5a %d 320k" % (FILLED * SECTOR),
                            self.path], check=True, stdout=subprocess.DEVNULL)
            subprocess.run(["qemu-img", "snapshot", "-c", "s", self.path], check=True)
        with open(self.path, "rb") as f:
            self.fresh = f.read()

    def renew(self):
        with open(self.path, "wb") as f:
            f.write(self.fresh)

    def check(self, guest):
        done = subprocess.run(["qemu-img", "check", "-f", "qcow2", self.path], capture_output=True, text=True)
        assert done.returncode in (0, 3), done.stdout + done.stderr
        raw = self.path + ".raw"
        subprocess.run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", self.path, raw], check=True)
        guest.check_disk(stored(raw, 0, self.sectors))


def one(image, event, n, errno, once, policy):
    """Returns how many errors the monitor was told of."""
    image.renew()
    rules = {"set-state": [{"event": event, "state": k, "new_state": k + 1} for k in range(1, n)],
             "inject-error": [{"event": event, "state": n, "errno": errno, "once": once}]}
    node = {"driver": "qcow2", "node-name": "d", "discard": "unmap",
            "file": {"driver": "blkdebug", "discard": "unmap", **rules,
                     "image": {"driver": "file", "filename": image.path, "discard": "unmap"}}}
    machine = Machine("-nodefaults", "-blockdev", json.dumps(node), "-device",
                      "ide-hd,drive=d,id=disk0,werror=%s,rerror=%s" % (policy, policy))
    try:
        return run_one(image, machine, errno, policy)
    except Refused as e:  # the failing step was one of opening
        assert e.args[0] == 1 and e.args[1].count("\n") == 1, e
        image.check(Guest(None, image.initial))
        return 1


def run_one(image, machine, errno, policy):
    with machine as m:
        a = Patient(m)
        guest = Guest(a, image.initial)
        image.work(m, guest)
        m.alive()
        events = m.named("BLOCK_IO_ERROR")
        for e in events:
            assert e["action"] == policy and e["operation"] in ("read", "write") and e["node-name"] == "d", e
            # A failed header stays failed, as EIO, for whatever reason.
            assert e["nospace"] == (errno == ENOSPC) or e["reason"] == "Input/output error", e
        if policy == "stop":
            assert [f for f in guest.failed if f != "resize"] == [], guest.failed
            assert a.stops == len(events), (a.stops, events)
        else:
            assert not m.named("STOP")
            assert [f for f in guest.failed if f != "resize"] == [] or events
    image.check(guest)
    return len(events) + len(guest.failed)


def every(work, events):
    struck = set()
    with tempfile.TemporaryDirectory(prefix="kvm-dm-faults-") as directory:
        image = Image(directory, work)
        for event in events:
            for once, policy, errno in ((True, "stop", EIO), (True, "report", ENOSPC), (False, "report", EIO)):
                if policy == "stop" and event == "l1_grow_activate_table":
                    continue  # which of two headers is on disk is not known: nothing is written any more
                for n in range(1, 500) if ALL else SOME:
                    try:
                        errors = one(image, event, n, errno, once, policy)
                    except Exception as e:
                        raise AssertionError("%s, the %d-th, once %s, policy %s" % (event, n, once, policy)) from e
                    if not errors:
                        break
                    struck.add(event)
    print("  never failed:", ", ".join(e for e in events if e not in struck) or "none")


def test_each_step():
    every("mixed", MIXED)


def test_growth():
    every("growth", GROWTH)


if __name__ == "__main__":
    if not shutil.which("qemu-img"):
        print("qemu-img is not installed (package qemu-utils)")
        sys.exit(77)
    run(sys.modules[__name__])
