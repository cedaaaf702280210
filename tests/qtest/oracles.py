# SPDX-License-Identifier: GPL-2.0-or-later
"""
What every hostile case checks besides its own (HAZARDS): the process lives, answers within a second, uses bounded
CPU, memory, descriptors and threads, and nothing outside of what was addressed has changed. That stderr stays
short and sanitizers silent is checked by Machine at its end.
"""
import os
import time

from atadisk import SECTOR
from kvmdm import KVM_DM

GUARD, GUARD_BYTES, FILL = 0x400000, 0x20000, 0x5a  # guest memory that no case may write to


def slowness():
    """A sanitizer's build needs more of everything."""
    with open(KVM_DM, "rb") as f:
        data = f.read()
    return 8 if b"__asan_init" in data or b"__tsan_init" in data else 1


SLOW = slowness()


class SixOrs:
    """with SixOrs(m, files={path: sectors that may change}): case"""

    def __init__(self, m, name="", files=None, cpu_s=2.0, grow_kib=40 * 1024):
        self.m, self.name, self.files = m, name, files or {}
        self.cpu_s, self.grow_kib = cpu_s, grow_kib

    def threads(self):
        return len(os.listdir("/proc/%d/task" % self.m.process.pid))

    def __enter__(self):
        m = self.m
        m.cmd("memset 0x%x 0x%x 0x%x" % (GUARD, GUARD_BYTES, FILL))
        m.alive()
        self.before = {path: open(path, "rb").read() for path in self.files}
        self.cpu, self.rss, self.fds, self.tasks = m.cpu_s(), m.rss_kib(), m.fds(), self.threads()
        return self

    def __exit__(self, kind, *rest):
        if kind:
            return
        m = self.m
        assert m.process.poll() is None, self.name + ": the process has gone"
        m.alive()
        cpu = m.cpu_s() - self.cpu
        assert cpu < self.cpu_s * SLOW, "%s: %.1f s of CPU" % (self.name, cpu)
        self.settle(lambda: m.rss_kib() - self.rss < self.grow_kib * SLOW, "memory, %d KiB more: a" % (m.rss_kib() - self.rss))
        self.settle(lambda: m.fds() <= self.fds, "descriptors")
        assert self.threads() <= self.tasks + 32, "%s: %d threads" % (self.name, self.threads())
        guard = m.read(GUARD, GUARD_BYTES)
        assert guard == bytes([FILL]) * GUARD_BYTES, "%s: guest memory changed" % self.name
        for path, may in self.files.items():
            self.compare(path, may)

    def settle(self, good, what):
        end = time.monotonic() + 3
        while not good():
            assert time.monotonic() < end, "%s: %s leak" % (self.name, what)
            self.m.execute("query-status")
            time.sleep(0.02)

    def compare(self, path, may):
        before, after = self.before[path], open(path, "rb").read()
        if before == after:
            return
        assert len(before) == len(after), "%s: the size of %s changed" % (self.name, path)
        for at in range(0, len(before), SECTOR):
            if before[at:at + SECTOR] != after[at:at + SECTOR]:
                assert at // SECTOR in may, "%s: sector %d of %s changed" % (self.name, at // SECTOR, path)
