#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
The n-th operation on an image fails, for every n: what the guest's registers say, what the monitor is told, if
the VM stops and goes on, and that no sector has what nobody wrote there.
"""
import contextlib
import json
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
from atadisk import ABRT, BSY, ERR, SECTOR, UNC, Ata, pattern, prepare, run_of, stored
from kvmdm import Machine, run

SECTORS = 4096
CONTENT = run_of(0, SECTORS)
EIO, ENOSPC = 5, 28
REASONS = {EIO: "Input/output error", ENOSPC: "No space left on device"}
IO_OF = {"read_aio": "read", "write_aio": "write", "flush_to_disk": "flush"}
NEW = 1  # the salt of what a test writes


class Case:
    """A command that moves `count` sectors at `lba`. event: what raw raises below itself for it."""

    def __init__(self, name, event, count, go, moves=True):
        self.name, self.event, self.count, self.go, self.moves = name, event, count, go, moves
        self.lba, self.ext = 100, count > 256 or "EXT" in name
        self.writes = event != "read_aio"


def data_of(case):
    return run_of(case.lba, case.count, NEW)


READS = [
    Case("READ SECTOR", "read_aio", 1, lambda a, c: a.pio_in(0x20, c.lba, 1)),
    Case("READ SECTORS EXT", "read_aio", 130, lambda a, c: a.pio_in(0x24, c.lba, 130, ext=True)),
    Case("READ MULTIPLE", "read_aio", 40, lambda a, c: a.pio_in(0xc4, c.lba, 40, 16)),
    Case("READ DMA 1", "read_aio", 1, lambda a, c: a.dma_in(0xc8, c.lba, 1)),
    Case("READ DMA EXT", "read_aio", 2100, lambda a, c: a.dma_in(0x25, c.lba, 2100, ext=True)),
    Case("READ VERIFY", "read_aio", 200, lambda a, c: a.nodata(0x40, c.lba, 200), False),
]
WRITES = [
    Case("WRITE SECTOR", "write_aio", 1, lambda a, c: a.pio_out(0x30, c.lba, data_of(c))),
    Case("WRITE SECTORS EXT", "write_aio", 130, lambda a, c: a.pio_out(0x34, c.lba, data_of(c), ext=True)),
    Case("WRITE MULTIPLE", "write_aio", 40, lambda a, c: a.pio_out(0xc5, c.lba, data_of(c), 16)),
    Case("WRITE DMA", "write_aio", 8, lambda a, c: a.dma_out(0xca, c.lba, data_of(c))),
    Case("WRITE DMA EXT", "write_aio", 2100, lambda a, c: a.dma_out(0x35, c.lba, data_of(c), ext=True)),
    Case("WRITE DMA FUA EXT", "write_aio", 4, lambda a, c: a.dma_out(0x3d, c.lba, data_of(c), ext=True)),
]
FLUSHES = [
    Case("FLUSH CACHE", "flush_to_disk", 1, lambda a, c: a.nodata(0xe7), False),
    Case("FLUSH CACHE EXT", "flush_to_disk", 1, lambda a, c: a.nodata(0xea, ext=True), False),
    Case("STANDBY IMMEDIATE", "flush_to_disk", 1, lambda a, c: a.nodata(0xe0), False),
    Case("SET FEATURES, cache off", "flush_to_disk", 1, lambda a, c: a.nodata(0xef, feature=0x82), False),
]


def nth_rules(event, n, errno, once):
    """States count the events; the rule is active from the n-th on."""
    return {"set-state": [{"event": event, "state": k, "new_state": k + 1} for k in range(1, n)],
            "inject-error": [{"event": event, "state": n, "errno": errno, "once": once,
                              "iotype": IO_OF[event]}]}


def node(path, rules, driver="raw", readonly=False):
    return json.dumps({"driver": driver, "node-name": "d", "read-only": readonly, "discard": "unmap",
                       "file": {"driver": "blkdebug", "discard": "unmap", "read-only": readonly,
                                "image": {"driver": "file", "filename": path, "discard": "unmap",
                                          "read-only": readonly}, **rules}})


@contextlib.contextmanager
def machine(path, rules, werror="auto", rerror="auto", device="ide-hd", driver="raw"):
    """Yields (machine, driver of the disk); afterwards the process must end well and at once."""
    with Machine("-nodefaults", "-blockdev", node(path, rules, driver, device == "ide-cd"), "-device",
                 "%s,drive=d,id=disk0,werror=%s,rerror=%s" % (device, werror, rerror)) as m:
        yield m, Ata(m)
        m.alive()


@contextlib.contextmanager
def image(content=CONTENT):
    with tempfile.TemporaryDirectory(prefix="kvm-dm-faults-") as directory:
        path = os.path.join(directory, "disk.img")
        with open(path, "wb") as f:
            f.write(content)
        yield path


def wait_state(m, state):
    end = time.monotonic() + 10
    while m.execute("query-status")["status"] != state:
        assert time.monotonic() < end, "not %s but %s" % (state, m.execute("query-status"))
        time.sleep(0.002)


def check_events(m, case, action, errno, least=1):
    events = m.named("BLOCK_IO_ERROR")
    assert len(events) >= least, events
    for e in events:
        assert e == {"device": "", "node-name": "d", "operation": "write" if case.writes else "read",
                     "action": action, "nospace": errno == ENOSPC, "reason": REASONS[errno]}, e


def is_one_of(data, lba, choices):
    """Each sector is one of what may be there."""
    for i in range(0, len(data), SECTOR):
        sector = data[i:i + SECTOR]
        assert any(sector == c(lba + i // SECTOR) for c in choices), (lba + i // SECTOR, sector[:16])


OLD_SECTOR, NEW_SECTOR = pattern, lambda lba: pattern(lba, NEW)
ZERO_SECTOR = lambda lba: bytes(SECTOR)


def check_rest(path, case):
    """What the command did not name is as it was."""
    assert stored(path, 0, case.lba) == CONTENT[:case.lba * SECTOR]
    end = case.lba + case.count
    assert stored(path, end, SECTORS - end) == CONTENT[end * SECTOR:]


def check_good(path, case, r):
    assert r.status == 0x50 and r.error == 0, r
    assert r.bm in (None, 4), r
    if case.event == "read_aio" and case.moves:
        assert r.data == run_of(case.lba, case.count)
    if case.event == "write_aio":
        assert stored(path, case.lba, case.count) == data_of(case)


def check_failed(path, case, r):
    """The error says where, and all before that place was done."""
    assert r.status & ~0x08 == 0x51, r
    assert r.error == (UNC if case.event == "read_aio" else ABRT), r
    assert r.bm is None or r.bm & 6 == 4, r  # the interrupt came; active: the table was not used up
    if case.event == "flush_to_disk":
        return
    bad = r.lba
    assert case.lba <= bad < case.lba + case.count, r
    if case.event == "write_aio":
        done = bad - case.lba
        is_one_of(stored(path, case.lba, done), case.lba, [NEW_SECTOR])
        is_one_of(stored(path, bad, case.count - done), bad, [OLD_SECTOR])
    elif case.moves:
        whole = (bad - case.lba) * SECTOR
        if r.bm is None:
            assert len(r.data) <= whole, (len(r.data), whole)
            whole = len(r.data)
        assert r.data[:whole] == run_of(case.lba, whole // SECTOR)


def still_works(a):
    """After an error the drive goes on: elsewhere, by PIO."""
    r = a.pio_in(0x20, 7, 1)
    return r.status == 0x50 and r.data == pattern(7)


def report(case, n, errno, once, path, policy):
    """One run; True if the rule struck, that is, the command has an n-th operation."""
    with machine(path, nth_rules(case.event, n, errno, once), *policy) as (m, a):
        r = case.go(a, case)
        m.execute("query-status")
        struck = bool(m.named("BLOCK_IO_ERROR"))
        if struck:
            check_events(m, case, "report", errno)
        if r.status & ERR:
            assert struck
            check_failed(path, case, r)
        else:
            assert once or not struck, "reported, and the command ended well"
            check_good(path, case, r)
        if case.event != "read_aio" or struck and once:
            assert still_works(a)
    check_rest(path, case)
    return struck


def for_every_n(case, errnos, one_run):
    runs = 0
    for errno in errnos:
        for once in (True, False):
            n = 1
            while True:
                with image() as path:
                    struck = one_run(case, n, errno, once, path)
                runs += 1
                if not struck:
                    break
                n += 1
                assert n < 12, "no end"
            assert n > 1, "%s: never failed" % case.name
    return runs


def test_reported():
    for case in READS + WRITES + FLUSHES:
        policy = ("report", "report")
        for_every_n(case, (EIO, ENOSPC), lambda *args: report(*args, policy))


def test_enospc_reports_others():
    """The default: only a lack of space stops the VM."""
    for case in (WRITES[3], WRITES[0], FLUSHES[0]):
        for_every_n(case, (EIO,), lambda *args: report(*args, ("auto", "auto")))
        for_every_n(case, (EIO,), lambda *args: report(*args, ("enospc", "auto")))
    for case in (READS[0], READS[4]):
        for_every_n(case, (EIO, ENOSPC), lambda *args: report(*args, ("stop", "auto")))


def ignore(case, n, errno, once, path):
    with machine(path, nth_rules(case.event, n, errno, once), "ignore", "ignore") as (m, a):
        r = case.go(a, case)
        m.execute("query-status")
        struck = bool(m.named("BLOCK_IO_ERROR"))
        assert r.status == 0x50 and r.error == 0 and r.bm in (None, 4), r
        if struck:
            check_events(m, case, "ignore", errno)
        if case.event == "read_aio" and case.moves:
            is_one_of(r.data, case.lba, [OLD_SECTOR, ZERO_SECTOR])
            assert (bytes(SECTOR) in [r.data[i:i + SECTOR] for i in range(0, len(r.data), SECTOR)]) == struck
        assert m.execute("query-status")["status"] == "running"
    if case.event == "write_aio":
        is_one_of(stored(path, case.lba, case.count), case.lba, [OLD_SECTOR, NEW_SECTOR])
        assert (stored(path, case.lba, case.count) == data_of(case)) == (not struck)
    check_rest(path, case)
    return struck


def test_ignored():
    for case in READS + WRITES + FLUSHES[:1]:
        for_every_n(case, (EIO,), ignore)


class Running:
    """A command whose end is waited for elsewhere: go() raises Busy while the VM is stopped."""

    def __init__(self, m, a, case):
        self.m, self.a, self.case = m, a, case
        self.result = None
        a.wait_plain, a.wait = a.wait, self.wait
        self.stops = 0

    def wait(self, seconds=8):
        """As a guest: it does not see that time stood still. Here it is seen, and ended by cont."""
        end = time.monotonic() + seconds
        while self.a.status() & BSY:
            assert time.monotonic() < end, "busy"
            if self.m.execute("query-status")["status"] == "io-error":
                self.stopped()
        return self.m.inb(self.a.base + 7)

    def stopped(self):
        self.stops += 1
        assert self.a.status() & BSY
        self.m.alive()
        status = self.m.execute("query-block")[0]
        assert status["io-status"] in ("failed", "nospace"), status
        self.m.execute("cont")


def stop(case, n, errno, once, path, policy=("stop", "stop")):
    """Kept, and done by cont; a rule that stays stops the VM again."""
    if not once:
        return stop_for_ever(case, n, errno, path, policy)
    with machine(path, nth_rules(case.event, n, errno, True), *policy) as (m, a):
        running = Running(m, a, case)
        r = case.go(a, case)
        m.execute("query-status")
        struck = bool(m.named("BLOCK_IO_ERROR"))
        assert running.stops == struck, (running.stops, m.events)
        if struck:
            check_events(m, case, "stop", errno)
            names = [e["event"] for e in m.events]
            assert names.count("STOP") == 1 and names.count("RESUME") == 1, names
            assert names.index("BLOCK_IO_ERROR") < names.index("STOP") < names.index("RESUME"), names
        check_good(path, case, r)
        assert m.execute("query-block")[0]["io-status"] == "ok"
    check_rest(path, case)
    return struck


class Given(Exception):
    pass


def stop_for_ever(case, n, errno, path, policy):
    """cont changes nothing; a reset of the machine gives the request up, and it is never done."""
    with machine(path, nth_rules(case.event, n, errno, False), *policy) as (m, a):
        running = Running(m, a, case)

        def stopped():
            running.stops += 1
            if running.stops < 3:
                m.execute("cont")
                return
            raise Given()

        running.stopped = stopped
        try:
            r = case.go(a, case)
        except Given:
            m.execute("system_reset")
            m.execute("cont")
            assert m.execute("query-status")["status"] == "running"
            prepare(m)
            assert a.status() == 0x50
            check_events(m, case, "stop", errno, 3)
            if case.event == "write_aio":
                is_one_of(stored(path, case.lba, case.count), case.lba, [OLD_SECTOR, NEW_SECTOR])
            struck = True
        else:
            check_good(path, case, r)
            struck = False
    check_rest(path, case)
    return struck


def test_stopped():
    for case in READS + WRITES + FLUSHES[:2]:
        for_every_n(case, (EIO,), stop)


def test_enospc_stops():
    for policy in (("auto", "auto"), ("enospc", "report")):
        for case in (WRITES[1], WRITES[3], FLUSHES[0]):
            for_every_n(case, (ENOSPC,), lambda *args: stop(*args, policy))


def test_held_request_is_given_up():
    """Soft reset, stop of the bus master, quit and SIGTERM while a request is kept for cont."""
    case = WRITES[3]
    for how in ("srst", "bus master", "quit", "nothing"):
        with image() as path:
            with machine_that_may_quit(path, nth_rules("write_aio", 1, EIO, True)) as (m, a):
                m.write(0x100000, data_of(case))
                a.prds(a.pieces(case.count * SECTOR))
                a.dma_start(0xca, case.lba, case.count, False)
                wait_state(m, "io-error")
                if how == "quit":
                    start = time.monotonic()
                    m.execute("quit")
                    m.process.wait(5)
                    assert time.monotonic() - start < 2
                elif how != "nothing":
                    a.soft_reset() if how == "srst" else m.outb(a.bm, 0)
                    m.execute("cont")
                    m.alive()
                    time.sleep(0.05)
                    if how == "srst":
                        assert a.status() == 0x50 and still_works(a)
            assert stored(path, 0, SECTORS) == CONTENT, how


@contextlib.contextmanager
def machine_that_may_quit(path, rules):
    with Machine("-nodefaults", "-blockdev", node(path, rules), "-device",
                 "ide-hd,drive=d,id=disk0,werror=stop,rerror=stop") as m:
        yield m, Ata(m)


def test_bad_sector():
    """One sector that cannot be read or written, at every place in a command: it alone is lost."""
    for io, cases in (("read", READS), ("write", WRITES)):
        for case in cases:
            for at in sorted({0, 1, case.count // 2, case.count - 1} & set(range(case.count))):
                bad = case.lba + at
                rules = {"inject-error": [{"event": "none", "iotype": io, "sector": bad, "errno": EIO}]}
                with image() as path:
                    with machine(path, rules, "report", "report") as (m, a):
                        r = case.go(a, case)
                        check_failed(path, case, r)
                        assert r.lba == bad, (case.name, r.lba, bad)
                        check_events(m, case, "report", EIO, 0)
                        if case.event == "read_aio" and case.moves and r.bm is None:
                            whole = at - at % (16 if "MULTIPLE" in case.name else 1)
                            assert len(r.data) == whole * SECTOR, (case.name, at, len(r.data))
                        assert still_works(a)
                    check_rest(path, case)


def test_discard():
    ranges = [(10, 8), (200, 8), (1000, 1)]
    discard = Case("DATA SET MANAGEMENT", "discard", 0, None)
    for policy in ("report", "stop", "ignore"):
        for errno in (EIO, ENOSPC):
            for at, (bad, count) in enumerate(ranges):
                rules = {"inject-error": [{"event": "none", "iotype": "discard", "sector": bad, "errno": errno,
                                           "once": True}]}
                with image() as path:
                    with machine(path, rules, policy) as (m, a):
                        if policy == "stop":
                            Running(m, a, discard)
                        r = a.trim(ranges)
                        if policy == "report":
                            assert (r.status, r.error) == (0x51, ABRT), r
                        else:
                            assert (r.status, r.error) == (0x50, 0), r
                        m.execute("query-status")
                        check_events(m, discard, policy, errno)
                        assert len(m.named("BLOCK_IO_ERROR")) == 1
                    for i, (lba, n) in enumerate(ranges):
                        gone = i < at or i > at and policy != "report" or i == at and policy == "stop"
                        want = bytes(n * SECTOR) if gone else run_of(lba, n)
                        # A file system gives back whole pages only, and zeroes the rest.
                        assert stored(path, lba, n) == want, (policy, at, i)


def test_packet_reads():
    """ATAPI: the sense key tells, MEDIUM ERROR, unrecovered read error."""
    block = 2048
    go = {"READ(10) by PIO": lambda a, n: a.packet([0x28, 0, 0, 0, 0, 20, 0, 0, n]),
          "READ(12) by DMA": lambda a, n: a.packet_dma([0xa8, 0, 0, 0, 0, 20, 0, 0, 0, n], n * block)}
    case = Case("packet", "read_aio", 0, None)
    for name, command in go.items():
        for policy in ("report", "stop", "ignore"):
            for n in (1, 2, 40):
                for once in (True, False):
                    if policy == "stop" and not once:
                        continue
                    with image() as path:
                        rules = nth_rules("read_aio", 1, EIO, once)
                        with machine(path, rules, "auto", policy, "ide-cd") as (m, a):
                            a.packet([0])  # the unit attention of power-on
                            a.sense()
                            a.packet([0])
                            a.sense()
                            if policy == "stop":
                                Running(m, a, case)
                            r = command(a, n)
                            m.execute("query-status")
                            check_events(m, case, policy, EIO)
                            if r.status & ERR:
                                assert policy == "report", (name, n, once)
                                assert r.error >> 4 == 3, r
                                assert a.sense() == (3, 0x11, 0), name
                            else:
                                assert policy != "report" or once
                                assert r.status == 0x50, r
                                choices = [OLD_SECTOR] + ([ZERO_SECTOR] if policy == "ignore" else [])
                                assert len(r.data) == n * block
                                is_one_of(r.data, 80, choices)
                            if once:
                                again = a.packet([0x28, 0, 0, 0, 0, 21, 0, 0, 1])
                                assert again.status == 0x50 and again.data == run_of(84, 4)


if __name__ == "__main__":
    run(sys.modules[__name__])
