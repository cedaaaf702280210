#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
The host itself fails: a system call, an allocation or a thread that cannot be had (by a preloaded library), a
full file system, a size limit, a file that somebody made shorter. Parts that this machine cannot do are left out
and named.
"""
import contextlib
import os
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
from atadisk import ABRT, BUFFER, ERR, SECTOR, UNC, Ata, pattern, run_of, stored
from iomodel import Guest
from kvmdm import KVM_DM, Machine, run

SECTORS = 4096
EIO, EAGAIN, ENOMEM, EINTR, ENOSPC = 5, 11, 12, 4, 28
CALLS = ("preadv", "pwritev", "fdatasync", "fallocate", "posix_memalign", "pthread_create", "io_submit")
FOREVER = 0xffffffff
left_out = set()


class Library:
    """fail_libc.c, built and preloaded; fail() says which call of which function is to fail."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "plan")
        self.so = os.path.join(directory, "fail_libc.so")
        with open(self.path, "wb") as f:
            f.write(bytes(16 * len(CALLS)))

    def usable(self):
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fail_libc.c")
        try:
            subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", self.so, source, "-ldl"], check=True,
                           stderr=subprocess.DEVNULL)
            done = subprocess.run([KVM_DM, "-version"], env=self.environment(), capture_output=True, timeout=20)
        except (OSError, subprocess.CalledProcessError):
            return False
        return done.returncode == 0 and not done.stderr  # a sanitizer wants to be the first library

    def environment(self):
        # GLib's own allocator ends the process without memory; it is not what is tested here.
        return dict(os.environ, LD_PRELOAD=self.so, FAIL_LIBC=self.path, G_SLICE="always-malloc")

    def fail(self, call, n, error, times=1):
        with open(self.path, "r+b") as f:
            f.seek(16 * CALLS.index(call))
            f.write(struct.pack("<IIII", n, error, times, 0))

    def seen(self, call):
        with open(self.path, "rb") as f:
            f.seek(16 * CALLS.index(call))
            return struct.unpack("<IIII", f.read(16))[3]


@contextlib.contextmanager
def environment(values):
    old = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(old)


@contextlib.contextmanager
def image():
    with tempfile.TemporaryDirectory(prefix="kvm-dm-faults-") as directory:
        path = os.path.join(directory, "disk.img")
        with open(path, "wb") as f:
            f.write(run_of(0, SECTORS))
        yield path


def one_machine(library, path, cache, call, n, error, times):
    """Returns what failed, and if the n-th call came at all."""
    options = ["-nodefaults", "-drive", "format=raw,file=%s,discard=unmap,werror=report,rerror=report,%s" %
               (path, cache)]
    with environment(library.environment()):
        with Machine(*options) as m:
            guest = Guest(Ata(m))
            library.fail(call, n, error, times)
            guest.everything()
            reached = library.seen(call) >= n
            library.fail(call, 0, 0)
            m.alive()
            assert m.execute("query-status")["status"] == "running"
            events = m.named("BLOCK_IO_ERROR")
            assert guest.failed == [] or events or error == ENOMEM, guest.failed
            data = stored(path, 0, SECTORS)
    guest.check(0, data)
    return guest.failed, reached


# What may be seen of a failure: EINTR never; for the others, reads of less have a second try.
PLANS = [
    ("cache=writeback", "preadv", EIO), ("cache=writeback", "preadv", EINTR),
    ("cache=writeback", "pwritev", EIO), ("cache=writeback", "pwritev", ENOSPC),
    ("cache=writeback", "pwritev", EINTR), ("cache=writethrough", "pwritev", EIO),
    ("cache=writeback", "fdatasync", EIO), ("cache=writethrough", "fdatasync", EIO),
    ("cache=writeback", "fdatasync", EINTR), ("cache=writeback", "fallocate", EIO),
    ("cache=writeback", "posix_memalign", ENOMEM), ("cache=writeback", "pthread_create", EAGAIN),
    ("cache=none,aio=native", "io_submit", EAGAIN), ("cache=none,aio=native", "posix_memalign", ENOMEM),
    ("cache=none,aio=threads", "pwritev", EIO),
]


def test_each_call_fails():
    with tempfile.TemporaryDirectory(prefix="kvm-dm-faults-") as directory:
        library = Library(directory)
        if not library.usable():
            left_out.add("failing system calls (no C compiler, or a sanitizer's build)")
            return
        for cache, call, error in PLANS:
            hit = False
            for times in (1, FOREVER):
                n, reached = 1, True
                while reached and n < 60:
                    with image() as path:
                        try:
                            failed, reached = one_machine(library, path, cache, call, n, error, times)
                        except AssertionError as e:
                            raise AssertionError("%s %s %d-th, error %d, times %d" %
                                                 (cache, call, n, error, times)) from e
                    hit |= bool(failed)
                    if error == EINTR and times == FOREVER:
                        break
                    check_pattern_of_failure(cache, call, error, times, failed, reached)
                    n += 1 if n < 8 else 5
                if error == EINTR:
                    break  # for ever would be for ever
            assert hit or error in (EINTR, EAGAIN) or call == "posix_memalign", (cache, call, error)


def check_pattern_of_failure(cache, call, error, times, failed, reached):
    if error == EINTR:
        assert failed == []
    if call == "fdatasync" and error == EIO and reached and failed:
        # B-03: pages may be lost, so that no later flush may say that all is well.
        assert failed[-1] == "last flush", (cache, failed)
    if call == "fallocate":
        assert set(failed) <= {"trim"}, failed
    if call in ("io_submit",):
        assert failed == [], "worker threads take what the kernel does not"


# ---- a file system that is full ----

@contextlib.contextmanager
def tmpfs(size):
    with tempfile.TemporaryDirectory(prefix="kvm-dm-tmpfs-") as directory:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=" + size, "kvm-dm", directory],
                              stderr=subprocess.DEVNULL)
        if done.returncode:
            left_out.add("a full file system (mount is not permitted)")
            yield None
            return
        try:
            yield directory
        finally:
            subprocess.run(["umount", "-l", directory], check=True)


def fill(a, first=0):
    """Writes up to the first command that does not end at once; returns its first sector."""
    for lba in range(first, SECTORS, 128):
        a.m.write(BUFFER, run_of(lba, 128, 5))
        a.prds(a.pieces(128 * SECTOR))
        a.dma_start(0xca, lba, 128, False)
        end = time.monotonic() + 5
        while a.status() & 0x80:
            if a.m.execute("query-status")["status"] == "io-error":
                return lba
            assert time.monotonic() < end
        if a.m.inb(a.base + 7) & ERR:
            return lba
        a.m.outb(a.bm, 0)
    return SECTORS


def create(path, kind):
    if kind == "raw":
        with open(path, "wb") as f:
            f.truncate(SECTORS * SECTOR)
    else:
        subprocess.run(["qemu-img", "create", "-q", "-f", kind, path, "%d" % (SECTORS * SECTOR)], check=True)


def check_image(path, kind, count):
    """The first `count` sectors have what fill() wrote, others that or zeroes; qcow2: no corruption."""
    raw = path
    if kind != "raw":
        done = subprocess.run(["qemu-img", "check", "-q", "-f", kind, path])
        assert done.returncode in (0, 3), "qemu-img check says %d" % done.returncode
        raw = os.path.join(tempfile.gettempdir(), "kvm-dm-faults-%d.raw" % os.getpid())
        subprocess.run(["qemu-img", "convert", "-f", kind, "-O", "raw", path, raw], check=True)
    data = stored(raw, 0, SECTORS)
    if raw != path:
        os.unlink(raw)
    for s in range(SECTORS):
        sector = data[s * SECTOR:(s + 1) * SECTOR]
        assert sector == pattern(s, 5) or s >= count and sector == bytes(SECTOR), s


def kinds():
    return ["raw", "qcow2"] if shutil.which("qemu-img") else ["raw"]


def test_full_file_system():
    """B-01: stops, and goes on by cont when there is room."""
    for kind in kinds():
        for policy in ("", ",werror=enospc", ",werror=stop"):
            with tmpfs("1m") as directory:
                if not directory:
                    return
                path = os.path.join(directory, "disk")
                create(path, kind)
                with Machine("-nodefaults", "-drive", "format=%s,file=%s%s" % (kind, path, policy)) as m:
                    a = Ata(m)
                    stuck = fill(a)
                    assert stuck < SECTORS
                    assert m.execute("query-status")["status"] == "io-error"
                    e = m.named("BLOCK_IO_ERROR")[0]
                    assert (e["nospace"], e["action"], e["operation"]) == (True, "stop", "write"), e
                    assert e["reason"] == "No space left on device"
                    assert m.execute("query-block")[0]["io-status"] == "nospace"
                    m.execute("cont")  # nothing has changed
                    end = time.monotonic() + 5
                    while m.execute("query-status")["status"] != "io-error":
                        assert time.monotonic() < end
                    subprocess.run(["mount", "-o", "remount,size=8m", directory], check=True)
                    m.execute("cont")
                    assert a.wait() == 0x50 and m.inb(a.bm + 2) & 7 == 4
                    m.outb(a.bm, 0)
                    assert fill(a, stuck + 128) == SECTORS
                    assert a.flush().status == 0x50
                check_image(path, kind, SECTORS)


def test_full_and_reported():
    for kind in kinds():
        with tmpfs("1m") as directory:
            if not directory:
                return
            path = os.path.join(directory, "disk")
            create(path, kind)
            with Machine("-nodefaults", "-drive", "format=%s,file=%s,werror=report" % (kind, path)) as m:
                a = Ata(m)
                stuck = fill(a)
                assert stuck < SECTORS and m.inb(a.base + 1) == ABRT
                bad = a.lba()
                assert stuck <= bad < stuck + 128
                assert not m.named("STOP") and m.execute("query-status")["status"] == "running"
                e = m.named("BLOCK_IO_ERROR")[-1]
                assert (e["nospace"], e["action"]) == (True, "report"), e
                assert a.dma_in(0xc8, 0, 128).data == run_of(0, 128, 5)
                r = a.flush()  # qcow2 has tables to write, and no room for them: then it must say so
                assert (r.status, r.error) in ([(0x50, 0)] if kind == "raw" else [(0x50, 0), (0x51, ABRT)]), r
                subprocess.run(["mount", "-o", "remount,size=8m", directory], check=True)
                assert a.flush().status == 0x50
            check_image(path, kind, bad)


def test_size_limit():
    """X-07: a limit on the size of files is a lack of space, not a signal."""
    for kind in kinds():
        with image() as path:
            os.unlink(path)
            create(path, kind)
            with Machine("-nodefaults", "-drive", "format=%s,file=%s" % (kind, path)) as m:
                a = Ata(m)
                resource.prlimit(m.process.pid, resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
                stuck = fill(a)
                assert stuck < SECTORS and m.execute("query-status")["status"] == "io-error"
                e = m.named("BLOCK_IO_ERROR")[0]
                assert (e["nospace"], e["action"], e["reason"]) == (True, "stop", "File too large"), e
                resource.prlimit(m.process.pid, resource.RLIMIT_FSIZE,
                                 (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
                m.execute("cont")
                assert a.wait() == 0x50
                m.outb(a.bm, 0)
                assert fill(a, stuck + 128) == SECTORS
            check_image(path, kind, SECTORS)


def test_file_made_shorter():
    """Somebody truncates the image under the running VM: an error where nothing is, all else goes on."""
    for cache in ("writeback", "none"):
        with image() as path:
            with Machine("-nodefaults", "-drive", "format=raw,file=%s,cache=%s" % (path, cache)) as m:
                a = Ata(m)
                os.truncate(path, 1000 * SECTOR)
                r = a.pio_in(0x20, 990, 20)
                assert (r.status & ~8, r.error, r.lba, len(r.data)) == (0x51, UNC, 1000, 10 * SECTOR), r
                r = a.dma_in(0xc8, 2000, 8)
                assert (r.status, r.error, r.lba) == (0x51, UNC, 2000), r
                assert a.nodata(0x40, 999, 1).status == 0x50
                assert a.nodata(0x40, 1000, 1).error == UNC
                assert m.execute("query-status")["status"] == "running"
                assert {e["action"] for e in m.named("BLOCK_IO_ERROR")} == {"report"}
                r = a.dma_out(0xca, 3000, run_of(3000, 8, 2))  # a write makes it longer again, with a hole
                assert r.status == 0x50 and a.flush().status == 0x50
                assert a.dma_in(0xc8, 3000, 8).data == run_of(3000, 8, 2)
                assert a.pio_in(0x20, 0, 1).data == pattern(0)
                m.alive()
            assert stored(path, 0, 1000) == run_of(0, 1000) and stored(path, 3000, 8) == run_of(3000, 8, 2)


if __name__ == "__main__":
    run(sys.modules[__name__])
    if left_out:
        print("cases passed, left out: " + "; ".join(sorted(left_out)))
