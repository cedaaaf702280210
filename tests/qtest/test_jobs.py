#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Backups and live snapshots of a disk that the guest writes to meanwhile, by QMP. qemu-img judges."""
import json
import os
import random
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
from kvmdm import Machine, run

SECTORS = 32768  # 16 MiB
IDE = 1 << 3 | 1


def img(*args):
    r = subprocess.run(["qemu-img", *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert r.returncode == 0, "qemu-img %s: %s" % (" ".join(args), r.stdout)
    return r.stdout


class Disk:
    """A disk of random content, and a twin in memory of what the guest should see."""

    def __init__(self, fmt="raw", seed=1):
        self.dir = tempfile.TemporaryDirectory(prefix="kvm-dm-backup-")
        self.fmt, self.path = fmt, self.file("disk." + fmt)
        self.rng = random.Random(seed)
        data = bytearray(self.rng.randbytes(SECTORS * 512 // 2) + bytes(SECTORS * 512 // 2))
        self.twin = data
        with open(self.file("raw"), "wb") as f:
            f.write(data)
        img("convert", "-O", fmt, self.file("raw"), self.path)

    def file(self, name):
        return os.path.join(self.dir.name, name)

    def option(self):
        return "-drive", "file=%s,format=%s,if=ide,id=hd" % (self.path, self.fmt)

    def write(self, m, lba, fill=None):
        """One sector by WRITE SECTORS; the data register takes words."""
        data = bytes([self.rng.randrange(1, 256) if fill is None else fill]) * 512
        m.config_write(IDE, 0x40, 0x80008000)  # as firmware does: both channels decode
        m.config_write(IDE, 0x04, 0x00000005)
        m.outb(0x1f6, 0xe0 | lba >> 24 & 15)
        m.outb(0x1f2, 1)
        for i in range(3):
            m.outb(0x1f3 + i, lba >> 8 * i & 255)
        m.outb(0x1f7, 0x30)
        wait(m, 0x88, 0x08)
        m.cmd("outsw 0x1f0 256 0x%s" % data.hex())
        assert not wait(m, 0x80, 0) & 1, "the guest's write failed"
        self.twin[lba * 512:lba * 512 + 512] = data

    def scribble(self, m, n):
        for _ in range(n):
            self.write(m, self.rng.randrange(SECTORS))

    def flush(self, m):
        m.outb(0x1f7, 0xe7)
        assert not wait(m, 0x80, 0) & 1

    def check(self, content, path, fmt):
        """That an image reads as `content`, and is sound."""
        with open(self.file("expected"), "wb") as f:
            f.write(content)
        img("compare", "-f", "raw", "-F", fmt, self.file("expected"), path)
        if fmt == "qcow2":
            img("check", "-f", "qcow2", path)


def wait(m, mask, value):
    end = time.monotonic() + 10
    while True:
        status = m.inb(0x3f6)
        if not status & 0x80 and status & mask == value:
            return status
        assert time.monotonic() < end, "status %02x" % status


def events(m, name, **match):
    return [e["data"] for e in m.events if e["event"] == name
            and all(e["data"].get(k) == v for k, v in match.items())]


def until(m, condition, limit=20):
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, m.events
        time.sleep(0.01)
        m.execute("query-jobs")


def done(m, job, name="BLOCK_JOB_COMPLETED"):
    until(m, lambda: events(m, name, device=job))
    return events(m, name, device=job)[-1]


def inserted(m, device):
    return [b["inserted"] for b in m.execute("query-block") if b["device"] == device][0]


def states(m, job):
    return [e["status"] for e in events(m, "JOB_STATUS_CHANGE", id=job)]


def error_of(m, command, **arguments):
    m.qmp.send(json.dumps({"execute": command, "arguments": arguments}))
    while True:
        a = json.loads(m.qmp.line())
        if "event" not in a:
            break
        m.events.append(a)
    assert "error" in a, (command, arguments, a)
    return a["error"]


def backup_case(source, target_format, speed):
    disk = Disk(source, seed=len(source + target_format) + speed)
    target = disk.file("copy." + target_format)
    with Machine(*disk.option()) as m:
        disk.scribble(m, 20)
        at_start = bytes(disk.twin)
        m.execute("drive-backup", device="hd", target=target, format=target_format, sync="full",
                  speed=speed, **{"job-id": "b0"})
        jobs = m.execute("query-jobs")
        assert [j["id"] for j in jobs] == ["b0"] and jobs[0]["type"] == "backup"
        assert jobs[0]["total-progress"] == SECTORS * 512
        blocks = m.execute("query-block-jobs")
        assert blocks[0]["device"] == "b0" and blocks[0]["len"] == SECTORS * 512
        progress = []
        for _ in range(12):
            disk.scribble(m, 10)
            for j in m.execute("query-jobs"):
                progress.append(j["current-progress"])
        assert progress == sorted(progress) and progress, "no progress seen: too fast, or backwards"
        m.execute("query-block")
        if m.execute("query-block-jobs"):
            m.execute("block-job-set-speed", device="b0", speed=0)
        data = done(m, "b0")
        assert data["offset"] == data["len"] == SECTORS * 512 and "error" not in data, data
        until(m, lambda: states(m, "b0")[-1] == "null")
        assert states(m, "b0") == ["created", "running", "waiting", "pending", "concluded", "null"]
        disk.scribble(m, 5)
        disk.flush(m)
        disk.check(at_start, target, target_format)  # its lock is gone, too
    disk.check(disk.twin, disk.path, source)
    if target_format == "raw":  # the second half has never been written to
        assert os.stat(target).st_blocks * 512 < SECTORS * 512 * 3 // 4, "the copy is not sparse"


def test_backup_raw_raw():
    backup_case("raw", "raw", 16 << 20)


def test_backup_raw_qcow2():
    backup_case("raw", "qcow2", 16 << 20)


def test_backup_qcow2_qcow2():
    backup_case("qcow2", "qcow2", 16 << 20)


def test_cancel_pause_reset_and_quit():
    disk = Disk()
    with Machine(*disk.option()) as m:
        m.execute("drive-backup", device="hd", target=disk.file("c"), format="raw", sync="full",
                  speed=1 << 20, **{"job-id": "b1"})
        disk.scribble(m, 5)
        assert "busy" in error_of(m, "drive-backup", device="hd", target=disk.file("d"), format="raw",
                                  sync="full", **{"job-id": "b2"})["desc"]
        assert not os.path.exists(disk.file("d"))
        m.execute("stop")
        m.execute("cont")
        m.execute("system_reset")
        m.execute("job-pause", id="b1")
        until(m, lambda: states(m, "b1")[-1] == "paused")
        disk.scribble(m, 5)
        assert error_of(m, "job-pause", id="b1")["class"] == "GenericError"
        assert error_of(m, "job-complete", id="b1")["desc"] == \
            "Job 'b1' in state 'paused' cannot accept command verb 'complete'"
        m.execute("job-resume", id="b1")
        start = time.monotonic()
        m.execute("block-job-cancel", device="b1")
        done(m, "b1", "BLOCK_JOB_CANCELLED")
        until(m, lambda: states(m, "b1")[-1] == "null")
        assert time.monotonic() - start < 1
        assert m.execute("query-jobs") == []
        disk.scribble(m, 5)
        assert error_of(m, "block-job-cancel", device="b1")["class"] == "DeviceNotActive"
        assert error_of(m, "job-cancel", id="b1")["class"] == "GenericError"
        m.execute("drive-backup", device="hd", target=disk.file("e"), format="raw", sync="full",
                  speed=1 << 20, **{"job-id": "b3"})
        disk.flush(m)
    disk.check(disk.twin, disk.path, "raw")


def test_nodes_finalize_dismiss():
    disk = Disk()
    img("create", "-f", "qcow2", disk.file("t"), str(SECTORS * 512))
    img("create", "-f", "qcow2", disk.file("small"), "1M")
    with Machine(*disk.option()) as m:
        for name, path in ("t", "t"), ("s", "small"):
            m.execute("blockdev-add", driver="qcow2", **{"node-name": name},
                      file={"driver": "file", "filename": disk.file(path)})
        assert "different sizes" in error_of(m, "blockdev-backup", device="hd", target="s", sync="full")["desc"]
        assert "Cannot find" in error_of(m, "blockdev-backup", device="no", target="t", sync="full")["desc"]
        assert "bitmap" in error_of(m, "blockdev-backup", device="hd", target="t", sync="incremental")["desc"]
        at_start = bytes(disk.twin)
        m.execute("blockdev-backup", device="hd", target="t", sync="full",
                  **{"job-id": "b", "auto-finalize": False, "auto-dismiss": False})
        disk.scribble(m, 30)
        until(m, lambda: states(m, "b")[-1] == "pending")
        assert events(m, "BLOCK_JOB_PENDING") == [{"type": "backup", "id": "b"}]
        disk.scribble(m, 5)
        assert "in use" in error_of(m, "blockdev-del", **{"node-name": "t"})["desc"]
        m.execute("job-finalize", id="b")
        assert states(m, "b")[-1] == "concluded"
        assert m.execute("query-jobs")[0]["status"] == "concluded"
        m.execute("job-dismiss", id="b")
        assert m.execute("query-jobs") == []
        m.execute("blockdev-del", **{"node-name": "t"})
        disk.check(at_start, disk.file("t"), "qcow2")


def test_snapshot_sync():
    for fmt in "raw", "qcow2":
        disk = Disk(fmt)
        with Machine(*disk.option()) as m:
            disk.scribble(m, 10)
            at_start = bytes(disk.twin)
            m.execute("blockdev-snapshot-sync", device="hd",
                      **{"snapshot-file": disk.file("o1"), "snapshot-node-name": "o1"})
            disk.check(at_start, disk.path, fmt)  # not locked against readers any more
            disk.scribble(m, 60)
            middle = bytes(disk.twin)
            m.execute("blockdev-snapshot-sync", **{"node-name": "o1", "snapshot-file": disk.file("o2")})
            disk.scribble(m, 60)
            info = inserted(m, "hd")
            assert info["backing_file_depth"] == 2 and info["file"] == disk.file("o2"), info
            disk.flush(m)
        disk.check(at_start, disk.path, fmt)
        disk.check(middle, disk.file("o1"), "qcow2")
        disk.check(disk.twin, disk.file("o2"), "qcow2")
        with Machine("-drive", "file=%s,format=qcow2,if=ide,id=hd" % disk.file("o2")) as m:
            disk.scribble(m, 10)
            disk.flush(m)
        disk.check(disk.twin, disk.file("o2"), "qcow2")


def test_commit():
    """A snapshot, and the overlay back into the disk, as virsh blockcommit --active --pivot does it."""
    for fmt in "raw", "qcow2":
        disk = Disk(fmt)
        with Machine(*disk.option()) as m:
            disk.scribble(m, 10)
            for name in "o1", "o2":
                m.execute("blockdev-snapshot-sync", device="hd", **{"snapshot-file": disk.file(name)})
                disk.scribble(m, 60)
            assert "active layer" in error_of(m, "block-commit", device="hd", top=disk.file("o1"))["desc"]
            m.execute("block-commit", device="hd", speed=64 << 20, **{"job-id": "c", "auto-dismiss": False})
            disk.scribble(m, 60)
            assert "busy" in error_of(m, "blockdev-snapshot-sync", device="hd",
                                      **{"snapshot-file": disk.file("o3")})["desc"]
            until(m, lambda: states(m, "c")[-1] == "ready")
            assert events(m, "BLOCK_JOB_READY", device="c")
            disk.scribble(m, 60)
            assert m.execute("query-block-jobs")[0]["ready"] is True
            m.execute("job-complete", id="c")
            disk.scribble(m, 60)
            data = done(m, "c")
            assert "error" not in data and data["offset"] == data["len"], data
            assert states(m, "c") == ["created", "running", "ready", "waiting", "pending", "concluded"]
            m.execute("job-dismiss", id="c")
            info = inserted(m, "hd")
            assert info["file"] == disk.path and info["backing_file_depth"] == 0, info
            disk.scribble(m, 20)
            disk.flush(m)
            # Once more, into the image in the middle, and given up.
            m.execute("blockdev-snapshot-sync", device="hd", **{"snapshot-file": disk.file("o4")})
            disk.scribble(m, 20)
            m.execute("block-commit", device="hd", base=disk.path, speed=1, **{"job-id": "d"})
            disk.scribble(m, 20)
            m.execute("job-cancel", id="d")
            done(m, "d", "BLOCK_JOB_CANCELLED")
            disk.scribble(m, 20)
            disk.flush(m)
            assert inserted(m, "hd")["file"] == disk.file("o4")
        disk.check(disk.twin, disk.file("o4"), "qcow2")
        with Machine("-drive", "file=%s,format=qcow2,if=ide,id=hd" % disk.file("o4")) as m:
            if fmt == "qcow2":
                assert "read-only" in error_of(m, "block-commit", device="hd")["desc"]
                continue
            disk.scribble(m, 20)
            m.execute("block-commit", device="hd", **{"job-id": "s"})
            until(m, lambda: states(m, "s")[-1] == "ready")
            disk.scribble(m, 20)
            disk.flush(m)
            m.execute("block-job-cancel", device="s")  # base is complete, the disk stays where it is
            done(m, "s")
            assert inserted(m, "hd")["file"] == disk.file("o4")
            disk.check(disk.twin, disk.path, "raw")
            disk.scribble(m, 20)
            m.execute("block-commit", device="hd", **{"job-id": "e"})
            until(m, lambda: states(m, "e")[-1] == "ready")
            disk.scribble(m, 20)
            m.execute("job-complete", id="e")
            done(m, "e")
            disk.scribble(m, 20)
            disk.flush(m)
        disk.check(disk.twin, disk.path, "raw")


def test_snapshot_as_libvirt_does():
    """blockdev-add of the file, blockdev-create in it, blockdev-add of the overlay, transaction."""
    disk = Disk("qcow2")
    open(disk.file("snap"), "w").close()
    with Machine("-blockdev", '{"driver":"file","filename":"%s","node-name":"libvirt-1-storage"}' % disk.path,
                 "-blockdev", '{"node-name":"libvirt-1-format","driver":"qcow2","file":"libvirt-1-storage"}',
                 "-device", "ide-hd,drive=libvirt-1-format,id=ide0-0-0") as m:
        disk.scribble(m, 10)
        at_start = bytes(disk.twin)
        m.execute("blockdev-add", driver="file", filename=disk.file("snap"), **{"node-name": "libvirt-2-storage"})
        m.execute("blockdev-create", **{"job-id": "create-libvirt-2-format", "options": {
            "driver": "qcow2", "file": "libvirt-2-storage", "size": SECTORS * 512, "backing-file": disk.path,
            "backing-fmt": "qcow2"}})
        until(m, lambda: states(m, "create-libvirt-2-format")[-1] == "concluded")
        assert states(m, "create-libvirt-2-format") == ["created", "running", "waiting", "pending", "concluded"]
        assert "error" not in m.execute("query-jobs")[0]
        m.execute("job-dismiss", id="create-libvirt-2-format")
        m.execute("blockdev-add", driver="qcow2", file="libvirt-2-storage", backing=None,
                  **{"node-name": "libvirt-2-format"})
        m.execute("transaction", actions=[{"type": "blockdev-snapshot", "data": {
            "node": "libvirt-1-format", "overlay": "libvirt-2-format"}}])
        disk.scribble(m, 40)
        disk.flush(m)
        assert "in use" in error_of(m, "blockdev-del", **{"node-name": "libvirt-1-format"})["desc"]
    disk.check(at_start, disk.path, "qcow2")
    disk.check(disk.twin, disk.file("snap"), "qcow2")


def test_transactions():
    disk, other = Disk(seed=3), Disk(seed=4)
    with Machine(*disk.option(), "-drive", "file=%s,format=raw,if=ide,id=hd1" % other.path) as m:
        def snap(device, name):
            return {"type": "blockdev-snapshot-sync", "data": {"device": device, "snapshot-file": disk.file(name)}}
        backup = {"type": "drive-backup", "data": {"device": "hd1", "target": disk.file("b"), "format": "raw",
                                                   "sync": "full", "job-id": "j"}}
        for bad in ([snap("hd", "x"), snap("nothing", "y")], [snap("hd", "x"), backup, {"type": "abort", "data": {}}],
                    [snap("hd", "x"), snap("hd", "y")], [{"type": "block-dirty-bitmap-add", "data": {}}],
                    [backup, {"type": "blockdev-snapshot", "data": {"node": "hd", "overlay": "hd"}}]):
            error_of(m, "transaction", actions=bad)
            assert m.execute("query-jobs") == []
            assert inserted(m, "hd")["backing_file_depth"] == 0
            assert not [n for n in "xyb" if os.path.exists(disk.file(n))], bad
        assert "grouped" in error_of(m, "transaction", actions=[], properties={"completion-mode": "grouped"})["desc"]
        disk.scribble(m, 5)
        at_start = bytes(disk.twin)
        m.execute("transaction", actions=[snap("hd", "x"), backup])
        disk.scribble(m, 20)
        done(m, "j")
        disk.flush(m)
        disk.check(other.twin, disk.file("b"), "raw")
    disk.check(at_start, disk.path, "raw")
    disk.check(disk.twin, disk.file("x"), "qcow2")


def test_refused():
    disk = Disk()
    with Machine(*disk.option()) as m:
        for command, args, what in (
                ("drive-backup", dict(device="hd", target=disk.path, format="raw", sync="full"), "itself"),
                ("drive-backup", dict(device="hd", target=disk.file("v"), format="vmdk", sync="full"), "raw and qcow2"),
                ("drive-backup", dict(device="hd", target=disk.file("v"), mode="existing", sync="full"), "format"),
                ("drive-backup", dict(device="hd", target="/nonexistent/v", format="raw", sync="full"), "No such file"),
                ("blockdev-snapshot-sync", {"device": "hd", "snapshot-file": disk.path}, "itself"),
                ("blockdev-snapshot-sync", {"device": "hd", "snapshot-file": disk.file("v"), "format": "raw"}, "qcow2"),
                ("blockdev-create", {"job-id": "c", "options": {"driver": "vdi"}}, "file, raw and qcow2"),
                ("blockdev-create", {"job-id": "c", "options": {"driver": "file", "filename": "x", "size": -1}}, "negative"),
                ("blockdev-create", {"job-id": "1 2", "options": {"driver": "file", "filename": "x", "size": 1}}, "job ID")):
            desc = error_of(m, command, **args)["desc"]
            assert what in desc, desc
        m.execute("blockdev-create", **{"job-id": "c", "options": {"driver": "file", "filename": disk.path, "size": 1}})
        until(m, lambda: states(m, "c")[-1] == "concluded")
        assert "in use" in m.execute("query-jobs")[0]["error"]
        assert not os.path.exists(disk.file("v"))
    disk.check(disk.twin, disk.path, "raw")


if __name__ == "__main__":
    run(sys.modules[__name__])
