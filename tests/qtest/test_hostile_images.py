#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Image files that lie (HAZARDS Q): raw disks whose guest wrote another format's header, backing names that lead
elsewhere, files that are none, and images of each format cut short or with bits turned. HOSTILE_BITS (160) is the
number of damaged copies of each image; HOSTILE_SEED chooses them.
"""
import contextlib
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
from atadisk import BUFFER, ERR, SECTOR, Ata, Busy, pattern, run_of
from kvmdm import KVM_DM, Machine, run
from oracles import SixOrs

BITS = int(os.environ.get("HOSTILE_BITS", "160"))
SEED = int(os.environ.get("HOSTILE_SEED", "1"))
BYTES = 1 << 20
LIMIT_S = 10


@contextlib.contextmanager
def directory():
    with tempfile.TemporaryDirectory(prefix="kvm-dm-hostile-") as d:
        yield d


def refused(*options, words=(), limit=LIMIT_S):
    """It ends with code 1 and one line; returns the line."""
    done = subprocess.run([KVM_DM, "-accel", "qtest", "-display", "none", "-nodefaults", *options], timeout=limit,
                          stdin=subprocess.DEVNULL, capture_output=True)
    text = done.stderr.decode(errors="replace")
    assert done.returncode == 1, (options, done.returncode, text)
    assert text.count("\n") == 1 and len(text) < 2000, text
    for word in words:
        assert word in text, (word, text)
    return text


# ---- what a guest can make of its own disk, Q-01 ----

def qcow2_header(backing=b"", fmt=b"raw", size=BYTES, version=3):
    name_off = 512
    head = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", version, name_off if backing else 0, len(backing), 16, size, 0, 1,
                       3 << 16, 1 << 16, 1, 0, 0)
    head += struct.pack(">QQQII", 0, 0, 0, 4, 104)
    if fmt:
        head += struct.pack(">II", 0xe2792aca, len(fmt)) + fmt + bytes(-len(fmt) % 8)
    head += bytes(8)
    return head + bytes(name_off - len(head)) + backing


HEADS = {
    "qcow2": qcow2_header(b"/etc/passwd"),
    "qcow2 version 2": qcow2_header(b"/etc/passwd", version=2),
    "qcow": b"QFI\xfb\0\0\0\1" + bytes(40),
    "vmdk": b"KDMV\1\0\0\0\3\0\0\0" + bytes(100),
    "vmdk descriptor": b'# Disk DescriptorFile\nversion=1\ncreateType="monolithicFlat"\nRW 20 FLAT "/etc/passwd" 0\n',
    "cowd": b"COWD\1\0\0\0",
    "vdi": b"<<< Oracle VM VirtualBox Disk Image >>>\n".ljust(64, b"\0") + b"\x7f\x10\xda\xbe\1\0\1\0",
    "vpc": b"conectix" + bytes(100),
    "vhdx": b"vhdxfile" + bytes(100),
    "qed": b"QED\0" + bytes(60),
    "luks": b"LUKS\xba\xbe\0\1" + bytes(60),
    "parallels": b"WithoutFreeSpace" + bytes(60),
}


def test_headers_that_the_guest_wrote():
    with directory() as d:
        path = os.path.join(d, "disk.img")
        for name, head in HEADS.items():
            with open(path, "wb") as f:
                f.write(run_of(0, BYTES // SECTOR))
            sectors = head + bytes(-len(head) % SECTOR)
            with Machine("-nodefaults", "-drive", "format=raw,file=" + path) as m:
                a = Ata(m)
                assert a.pio_out(0x30, 0, sectors).status == 0x50, name  # the companion: it is the guest's disk
                assert a.flush().status == 0x50
            with Machine("-nodefaults", "-drive", "format=raw,file=" + path) as m:
                a = Ata(m)
                assert a.pio_in(0x20, 0, len(sectors) // SECTOR).data == sectors, name
                assert a.pio_in(0x20, 9).data == pattern(9)
                assert a.identify()[60] == BYTES // SECTOR
            refused("-drive", "file=" + path, words=["looks like", "format="])
            refused("-drive", "snapshot=on,file=" + path, words=["looks like"])
            with Machine("-nodefaults", "-device", "ide-cd,id=cd0,bus=ide.1") as m:
                # Media that QMP brings without a format are raw, whatever is in them.
                m.execute("blockdev-change-medium", id="cd0", filename=path)
                inserted = m.execute("query-block")[0]["inserted"]
                assert (inserted["drv"], inserted["image"]["virtual-size"]) == ("raw", BYTES), inserted


# ---- backing files ----

def overlay(path, backing, fmt=b"raw", **more):
    """A small qcow2 image that states this backing file; all its clusters are read from there."""
    head = qcow2_header(backing, fmt, **more)
    with open(path, "wb") as f:
        f.write(head + bytes(65536 - len(head)))
        f.write(struct.pack(">Q", 2 << 16) + bytes(65528))               # refcount table
        f.write(struct.pack(">HHHH", 1, 1, 1, 1) + bytes(65536 - 8))     # refcount block
        f.write(bytes(65536))                                            # L1: nothing


def test_backing_names():
    with directory() as d:
        path, fifo = os.path.join(d, "o.qcow2"), os.path.join(d, "fifo")
        os.mkfifo(fifo)
        os.mkdir(os.path.join(d, "dir"))
        with open(os.path.join(d, "base.raw"), "wb") as f:
            f.write(run_of(0, BYTES // SECTOR))
        use = ["-drive", "format=qcow2,file=" + path]
        overlay(path, b"base.raw")
        with Machine("-nodefaults", *use) as m:  # the companion: an honest one works
            assert Ata(m).dma_in(0xc8, 0, 256).data == run_of(0, 256)
        for name in (b'json:{"driver":"file","filename":"/etc/passwd"}', b"json:{}", b"nbd://127.0.0.1:1/x",
                     b"nbd+unix:///x?socket=/tmp/none", b"file:base.raw", b"http://localhost/x", b"fd:0",
                     b"blkdebug::base.raw", b"null-co://", b"/dev/fdset/1", b"host_device:/dev/null"):
            overlay(path, name)
            refused(*use)
        for name in (b"nothing.raw", b"fifo", b"dir", fifo.encode(), b".", b"/", b"", b"x" * 1023, b"base.raw\0x",
                     b"\xff\xfe", b"a\nb"):
            overlay(path, name)
            if name:
                refused(*use)
        for name in (b"/dev/zero", b"/dev/tty", b"/dev/mem", b"/proc/self/mem", b"/proc/kmsg", b"/dev/stdin"):
            overlay(path, name)
            run_briefly(use)
        overlay(path, b"base.raw", fmt=b"")
        refused(*use, words=["format"])
        for fmt in (b"qcow2", b"vdi", b"file", b"nbd", b"blkdebug", b"x", b"raw\0", b"\n"):
            overlay(path, b"base.raw", fmt)
            run_briefly(use)


def test_names_in_answers():
    """What an image says may be any bytes; what the monitor says is JSON, whatever the image."""
    with directory() as d:
        for name in (b"\xff\xfe.raw", b"a\nb", b"\x1b[2J", b'"}', b"\\", b"\xc3"):
            path, base = os.path.join(d, "o.qcow2"), os.path.join(d.encode(), name)
            overlay(path, name)
            with open(base, "wb") as f:
                f.write(run_of(0, BYTES // SECTOR))
            with Machine("-nodefaults", "-drive", "format=qcow2,file=" + path) as m:
                inserted = m.execute("query-block")[0]["inserted"]
                assert name.decode(errors="replace") == inserted["image"]["backing-filename"], inserted
                m.execute("query-named-block-nodes")
                assert Ata(m).pio_in(0x20, 3).data == pattern(3)
            os.unlink(base)
            line = refused("-drive", "format=qcow2,file=" + path)
            assert line[:-1].isprintable(), line


def run_briefly(use):
    """It may be refused or run; it does not hang."""
    process = subprocess.Popen([KVM_DM, "-accel", "qtest", "-display", "none", "-nodefaults", "-qmp", "stdio", *use],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate(b'{"execute":"qmp_capabilities"}{"execute":"quit"}', LIMIT_S)
    assert process.returncode in (0, 1), (use, process.returncode, err)
    assert err.count(b"\n") <= 2, err


def test_backing_loops():
    with directory() as d:
        names = [os.path.join(d, "%d.qcow2" % i) for i in range(3)]
        for i, name in enumerate(names):
            overlay(name, os.path.basename(names[(i + 1) % 3]).encode(), b"qcow2")
        refused("-drive", "format=qcow2,file=" + names[0])
        overlay(names[0], b"0.qcow2", b"qcow2")
        refused("-drive", "format=qcow2,file=" + names[0])
        for i in range(400):  # no loop, but no end either
            overlay(os.path.join(d, "c%d.qcow2" % i), b"c%d.qcow2" % (i + 1), b"qcow2")
        refused("-drive", "format=qcow2,file=" + os.path.join(d, "c0.qcow2"))


# ---- files that are none ----

def test_not_files():
    with directory() as d:
        fifo, link, sock = (os.path.join(d, n) for n in ("fifo", "link", "sock"))
        os.mkfifo(fifo)
        os.symlink(link, link)
        empty = os.path.join(d, "empty")
        open(empty, "wb").close()
        for path in (fifo, d, link, "/dev/tty", os.path.join(d, "none"), "/dev/null/x", "x" * 1500):
            for fmt in ("raw", "qcow2", "vdi", "vpc", "vmdk"):
                refused("-drive", "readonly=on,if=none,id=x,format=%s,file=%s" % (fmt, path),
                        "-device", "ide-cd,drive=x")
        for fmt in ("qcow2", "vdi", "vpc", "vmdk"):
            refused("-drive", "readonly=on,if=none,id=x,format=%s,file=%s" % (fmt, empty), "-device", "ide-cd,drive=x")
        for path in ("/dev/zero", "/dev/null", "/dev/urandom", "/proc/self/mem", empty):
            run_briefly(["-drive", "if=none,id=x,readonly=on,format=raw,file=" + path, "-device", "ide-cd,drive=x"])
        with Machine("-nodefaults", "-device", "ide-cd,id=cd0,bus=ide.1") as m:
            with SixOrs(m, "media that are none"):
                for path in (fifo, d, link, os.path.join(d, "none"), "x" * 1500, "/dev/tty"):
                    for fmt in ("raw", "qcow2"):
                        answer = m.ask("blockdev-change-medium", id="cd0", filename=path, format=fmt)
                        assert answer["error"]["class"] == "GenericError", (path, answer)
                        answer = m.ask("blockdev-add", **{"driver": "file", "node-name": "n", "filename": path})
                        assert "error" in answer


# ---- damage ----

def make(d, fmt, name, *options):
    """An image with content, as qemu-img makes it."""
    raw = os.path.join(d, "content.raw")
    if not os.path.exists(raw):
        with open(raw, "wb") as f:
            f.write(run_of(0, 512) + bytes(BYTES // 2) + run_of(1536, 512))
    path = os.path.join(d, name)
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", fmt, *options, raw, path], check=True)
    with open(path, "rb") as f:
        return path, f.read()


IMAGES = [("qcow2", "64k.qcow2"), ("qcow2", "512.qcow2", "-o", "cluster_size=512"),
          ("qcow2", "v2.qcow2", "-o", "compat=0.10,cluster_size=4k"), ("qcow2", "packed.qcow2", "-c"),
          ("vdi", "d.vdi"), ("vpc", "d.vhd"), ("vpc", "fixed.vhd", "-o", "subformat=fixed"), ("vmdk", "d.vmdk"),
          ("vmdk", "stream.vmdk", "-o", "subformat=streamOptimized")]


def damaged(rng, good, count):
    """Copies: bits turned where the tables are, numbers replaced, and the end missing."""
    places = [i for i in range(0, len(good)) if good[i]][:4096] or [0]
    for _ in range(count):
        data = bytearray(good)
        kind = rng.randrange(4)
        if kind == 0:
            data[rng.choice(places)] ^= 1 << rng.randrange(8)
        elif kind == 1:
            at = rng.randrange(min(512, len(data)))
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            at = rng.choice(places) & ~3
            data[at:at + 4] = rng.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x80\0\0\0", b"\x7f\xff\xff\xff", b"\0\0\0\1"))
        else:
            data = data[:rng.choice((0, 1, 511, 512, 513, 1024, rng.randrange(len(data)), len(data) - 1, len(data) - 512))]
        yield bytes(data)


def look_at_everything(a):
    """Blocks of a CD at both ends and in the middle; errors are welcome."""
    r = a.packet([0x25])
    if r.status & ERR or len(r.data) < 4:
        a.sense()
        return
    blocks = struct.unpack(">I", r.data[:4])[0] + 1
    for lba in sorted({0, 1, blocks // 2, max(0, blocks - 1), min(blocks - 1, 200), min(blocks - 1, 400)}):
        r = a.packet([0xa8, 0, *struct.pack(">II", lba, min(8, blocks - lba))])
        if r.status & ERR:
            a.sense()


def test_damaged_images_to_read():
    """As the medium of a CD drive, brought and taken by QMP; hundreds in one process, and nothing is left of them."""
    rng = random.Random(SEED)
    opened = refusals = 0
    with directory() as d:
        bad = os.path.join(d, "bad")
        with Machine("-nodefaults", "-device", "ide-cd,id=cd0,bus=ide.1") as m:
            a = Ata(m, 2)
            for fmt, name, *options in IMAGES:
                _, good = make(d, fmt, name, *options)
                with SixOrs(m, name, cpu_s=0.1 * BITS + 2, grow_kib=160 * 1024):
                    for data in damaged(rng, good, BITS):
                        with open(bad, "wb") as f:
                            f.write(data)
                        start = time.monotonic()
                        answer = m.ask("blockdev-add", **{"driver": fmt, "node-name": "n", "read-only": True,
                                                          "file": {"driver": "file", "filename": bad}})
                        refusals += "error" in answer
                        if "return" in answer:
                            opened += 1
                            m.execute("blockdev-open-tray", id="cd0")
                            m.execute("blockdev-insert-medium", **{"id": "cd0", "node-name": "n"})
                            m.execute("blockdev-close-tray", id="cd0")
                            look_at_everything(a)
                            m.execute("query-block")
                            m.execute("query-named-block-nodes")
                            m.execute("eject", id="cd0", force=True)
                            m.execute("blockdev-del", **{"node-name": "n"})
                        assert time.monotonic() - start < LIMIT_S / 2, "slow"
                        assert m.execute("query-named-block-nodes") == []
    assert opened > BITS and refusals > BITS, (opened, refusals)
    print("(%d opened, %d refused)" % (opened, refusals), end=" ")


def write_here_and_there(a, rng):
    for _ in range(6):
        lba = rng.randrange(0, 1500)
        if rng.randrange(4) == 0:
            a.trim([(lba, rng.choice((1, 128, 300)))])
        else:
            a.dma_out(0xca, lba, run_of(lba, rng.choice((1, 8, 60)), 3))
        if rng.randrange(3) == 0:
            a.flush()
    a.dma_in(0xc8, rng.randrange(1500), 128)
    a.flush()


def test_damaged_images_to_write():
    """A process each: refused by one line, or it runs, and writes without an end or a hang."""
    rng = random.Random(SEED)
    ran = 0
    with directory() as d:
        bad, victim = os.path.join(d, "bad.qcow2"), os.path.join(d, "victim")
        with open(victim, "wb") as f:
            f.write(b"secret" * 100)
        for fmt, name, *options in IMAGES[:4]:
            _, good = make(d, fmt, name, *options)
            for data in damaged(rng, good, BITS // 4):
                with open(bad, "wb") as f:
                    f.write(data)
                machine = Machine("-nodefaults", "-drive", "format=qcow2,discard=unmap,file=" + bad)
                try:
                    with machine as m:
                        ran += 1
                        a = Ata(m)
                        before = m.rss_kib()
                        write_here_and_there(a, rng)
                        m.alive()
                        assert m.rss_kib() - before < 160 * 1024
                        assert os.stat(bad).st_blocks * 512 < 64 << 20
                except Exception as e:
                    if type(e).__name__ != "Refused":
                        shutil.copy(bad, "/tmp/kvm-dm-hostile-image")
                        raise AssertionError("image kept as /tmp/kvm-dm-hostile-image") from e
                    assert e.args[0] == 1 and e.args[1].count("\n") == 1, e.args
    assert ran > BITS // 10, ran
    print("(%d ran)" % ran, end=" ")


if __name__ == "__main__":
    if not shutil.which("qemu-img"):
        print("qemu-img is not installed (package qemu-utils)")
        sys.exit(77)
    run(sys.modules[__name__])
