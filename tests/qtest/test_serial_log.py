#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Serial logs: of every back end, in lines, rotated, reopened, shared by processes, never in the guest's way."""
import glob
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(__file__))
from kvmdm import KVM_DM, Machine, run
from test_chardev import command, hear, refused, say, serial, wait_for

UTC = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z "


def content(path):
    with open(path, "rb") as f:
        return f.read()


def dropped(m):
    return next(c["dropped"] for c in m.execute("query-chardev") if c["label"] == "s")


def test_logfile_of_a_pty():
    """As libvirt gives it: a passed descriptor, on a pty that nobody has opened, and then somebody has."""
    with tempfile.NamedTemporaryFile() as log:
        log.write(b"old;")
        log.flush()
        fd = os.open(log.name, os.O_WRONLY | os.O_APPEND)
        with Machine("-add-fd", "set=0,fd=%d,opaque=serial0-log" % fd,
                     *serial("pty,logfile=/dev/fdset/0,logappend=on"), pass_fds=[fd]) as m:
            say(m, b"alone\n")
            wait_for(lambda: content(log.name) == b"old;alone\n")
            name = [c for c in m.execute("query-chardev") if c["label"] == "s"][0]["filename"]
            with open(name[len("pty:"):], "r+b", buffering=0) as slave:
                slave.write(b"k")
                assert hear(m, 1) == b"k"
                say(m, b"both\n")
                assert slave.read(5) == b"both\n"
            wait_for(lambda: content(log.name) == b"old;alone\nboth\n")
        os.close(fd)


def test_logfile_of_every_back_end():
    with tempfile.TemporaryDirectory() as d:
        log = os.path.join(d, "log")
        for n, backend in enumerate(("null", "ringbuf", "vc", "file,path=%s/f" % d, "socket,path=%s/s,server,nowait" % d,
                                     "udp,host=127.0.0.1,port=9", "null,mux=on")):
            with Machine(*serial(backend + ",logfile=" + log)) as m:
                say(m, b"n%d\n" % n)
            assert content(log) == b"n%d\n" % n, backend  # emptied at start; what waits is written at the end
        with Machine(*serial("null,logappend=on,logfile=" + log)) as m:
            say(m, b"more")
        assert content(log) == b"n6\nmore"
        refused("cannot write /nowhere/x", "-chardev", "null,id=s,logfile=/nowhere/x")
        for option in ("logappend=on", "rotate-size=4k", "timestamps=on", "line-prefix=a", "limit=1k", "reopen=on"):
            refused("logfile=", "-chardev", "null,id=s," + option)
        for bad in ("timestamps=maybe", "rotate-size=1k", "rotate-count=2", "rotate-size=4k,rotate-count=0",
                    "line-prefix=" + "x" * 65, "line-prefix=a\tb"):
            refused(bad.split(",")[-1].split("=")[0] + "=", "-chardev", "file,id=s,path=%s,%s" % (log, bad))
        refused("needs a path", "-chardev", "file,id=s,path=/dev/fdset/3,rotate-size=4k")
        refused("regular file", "-chardev", "file,id=s,path=/dev/null,rotate-size=4k")


def test_lines():
    with tempfile.TemporaryDirectory() as d:
        log = os.path.join(d, "log")
        with Machine(*serial("file,path=%s,timestamps=on,line-prefix=vm1" % log)) as m:
            say(m, b"one\r\n\ntwo\rthree\n" + b"x" * 5000 + b"\n")
            wait_for(lambda: content(log).count(b"\n") == 6)
            say(m, b"login: ")  # has no end for now
            start = time.monotonic()
            wait_for(lambda: content(log).endswith(b"login: \n"))
            assert 0.5 < time.monotonic() - start < 8
            say(m, b"cut")
        lines = content(log).decode().split("\n")
        assert lines.pop() == ""
        for line in lines:
            assert re.match("vm1: " + UTC, line) and len(line) < 4096, line
        texts = [re.sub("^vm1: " + UTC, "", line) for line in lines]
        assert texts[:4] == ["one", "", "two", "three"] and texts[6:] == ["login: ", "cut"], texts
        assert texts[4] + texts[5] == "x" * 5000
        with Machine(*serial("null,logfile=%s,timestamps=monotonic" % log)) as m:
            before = time.clock_gettime(time.CLOCK_MONOTONIC)
            say(m, b"a\n")
            after = time.clock_gettime(time.CLOCK_MONOTONIC)
        stamp = re.fullmatch(r"\[ *(\d+\.\d{6})\] a\n", content(log).decode())
        assert before - 1e-5 <= float(stamp.group(1)) <= after, (before, stamp, after)


def numbered(name, count):
    return b"".join(b"%s line %d of many\n" % (name, i) for i in range(count))


def write_lines(m, name, count):
    """By the string instruction's path: 10,000 lines take a while byte by byte, so all machines write at once."""
    text = numbered(name, count)
    commands = "\n".join("outb 0x3f8 0x%x" % b for b in text).split("\n")
    m.cmds(commands)


def several(options, count, lines):
    """`count` processes write at the same time."""
    machines = [Machine(*options(b"vm%d" % i)) for i in range(count)]
    for m in machines:
        m.__enter__()
    threads = [threading.Thread(target=write_lines, args=(m, b"vm%d" % i, lines)) for i, m in enumerate(machines)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for m in machines:
        assert dropped(m) == 0
        m.__exit__(None, None, None)


def check_shared(text, count, lines):
    """Every line is whole, has its own prefix, and comes once and in order."""
    got = {b"vm%d" % i: [] for i in range(count)}
    for line in text.split(b"\n")[:-1]:
        match = re.fullmatch(rb"(vm\d): (vm\d) line (\d+) of many", line)
        assert match and match.group(1) == match.group(2), line
        got[match.group(1)].append(int(match.group(3)))
    for name in got:
        assert got[name] == list(range(lines)), (name, len(got[name]))


def test_four_processes_one_file():
    with tempfile.TemporaryDirectory() as d:
        log = os.path.join(d, "log")
        several(lambda name: serial("file,path=%s,line-prefix=%s" % (log, name.decode())), 4, 10000)
        check_shared(content(log), 4, 10000)


def test_four_processes_rotate():
    with tempfile.TemporaryDirectory() as d:
        log = os.path.join(d, "log")
        several(lambda name: serial("null,logfile=%s,line-prefix=%s,rotate-size=8k,rotate-count=90"
                                    % (log, name.decode())), 3, 700)
        files = sorted(glob.glob(log + ".*"), key=lambda f: -int(f.rsplit(".", 1)[1])) + [log]
        assert len(files) > 4 and all(os.path.getsize(f) <= 8192 + 3 * 4096 for f in files)
        lines = b"".join(content(f) for f in files).split(b"\n")[:-1]
        assert len(lines) == 2100 and len(set(lines)) == 2100
        assert all(re.fullmatch(rb"(vm\d): \1 line \d+ of many", line) for line in lines)


def test_processes_on_a_fifo_and_a_device():
    with tempfile.TemporaryDirectory() as d:
        fifo = os.path.join(d, "fifo")
        os.mkfifo(fifo)
        master, slave = pty.openpty()
        os.system("stty raw -echo <" + os.ttyname(slave))
        for path, reader in ((fifo, os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)), (os.ttyname(slave), master)):
            got, over = [], threading.Event()
            os.set_blocking(reader, False)

            def read():
                while True:
                    ended = over.is_set()
                    try:
                        data = os.read(reader, 65536)
                    except BlockingIOError:
                        data = b""
                    got.append(data)
                    if not data and ended:
                        return
                    time.sleep(0 if data else 0.001)
            thread = threading.Thread(target=read)
            thread.start()
            several(lambda name: serial("file,path=%s,line-prefix=%s" % (path, name.decode())), 3, 500)
            over.set()
            thread.join()
            check_shared(b"".join(got), 3, 500)


def test_rotation():
    with tempfile.TemporaryDirectory() as d:
        log = os.path.join(d, "log")
        with Machine(*serial("file,path=%s,rotate-size=4k,rotate-count=2" % log)) as m:
            say(m, numbered(b"a", 1000))
            files = [log + ".2", log + ".1", log]
            wait_for(lambda: all(os.path.exists(f) for f in files) and content(log).endswith(b"a line 999 of many\n"))
        assert sorted(os.listdir(d)) == ["log", "log.1", "log.2"]
        text = b"".join(content(f) for f in files)
        assert numbered(b"a", 1000).endswith(text) and text.startswith(b"a line ")
        assert all(os.path.getsize(f) <= 8192 and content(f).endswith(b"\n") for f in files)


def test_reopen():
    with tempfile.TemporaryDirectory() as d:
        log = os.path.join(d, "log")
        with Machine(*serial("file,path=%s,reopen=on,timestamps=utc" % log)) as m:
            say(m, b"first\n")
            os.rename(log, log + ".old")
            m.process.send_signal(signal.SIGHUP)
            wait_for(lambda: os.path.exists(log))
            say(m, b"second\n")
            wait_for(lambda: content(log).endswith(b"second\n"))
            os.rename(log, log + ".old2")
            m.execute("chardev-reopen-logs")
            say(m, b"third\n")
            wait_for(lambda: content(log).endswith(b" third\n"))
            os.unlink(log)
            os.mkdir(log)
            assert "error" in command(m, "chardev-reopen-logs")
            assert m.alive() is None
        assert content(log + ".old").endswith(b" first\n") and content(log + ".old2").endswith(b"Z second\n")
        with Machine(*serial("file,path=%s.x" % log)) as m:  # without reopen=on it ends the process, as ever
            m.process.send_signal(signal.SIGHUP)
            m.process.wait(10)


def test_never_blocks():
    """A FIFO that nobody reads takes 64 KiB, the queue as much; then whole lines are lost, counted and told of."""
    with tempfile.TemporaryDirectory() as d:
        fifo = os.path.join(d, "fifo")
        os.mkfifo(fifo)
        with Machine(*serial("null,logfile=%s,line-prefix=v" % fifo)) as m:
            text = (b"y" * 999 + b"\n") * 160
            say(m, text)
            wait_for(lambda: dropped(m) > 0)
            lost = dropped(m)
            assert len(text) - 140000 < lost < 40000, lost
            deadline = time.monotonic() + 5
            while not any(e["event"] == "CHARDEV_DROPPED" for e in m.events) and time.monotonic() < deadline:
                m.execute("query-status")
            events = [e["data"] for e in m.events if e["event"] == "CHARDEV_DROPPED"]
            assert events and events[0]["id"] == "s" and 0 < events[0]["bytes"] <= lost and len(events) <= 8, events
            reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
            got = b""
            while b"the end\n" not in got:
                try:
                    got += os.read(reader, 65536)
                except BlockingIOError:
                    say(m, b"the end\n")
                    time.sleep(0.05)
            lines = set(got.split(b"\n")[:-1])
            assert lines == {b"v: " + b"y" * 999, b"v: the end"}, [x[:20] for x in lines]
            os.close(reader)


def test_limit_counts():
    with tempfile.TemporaryDirectory() as d:
        log = os.path.join(d, "log")
        with Machine(*serial("null,logfile=%s,limit=1k" % log)) as m:
            say(m, b"z" * 3000)
            wait_for(lambda: dropped(m) == 3000 - 1024)
            assert os.path.getsize(log) == 1024
        assert m.stderr.count("the limit is reached") == 1, m.stderr


def test_backlog():
    """Who comes late gets the end of what was said; also who comes again."""
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "s")
        with Machine(*serial("socket,path=%s,server=on,wait=off,backlog=4k" % path)) as m:
            text = numbered(b"b", 300)
            say(m, text)
            assert dropped(m) == len(text) - 4096
            for _ in range(2):
                with socket.socket(socket.AF_UNIX) as s:
                    s.settimeout(10)
                    s.connect(path)
                    got = b""
                    while len(got) < 4096:
                        got += s.recv(65536)
                    assert got == text[-4096:]
                    say(m, b"live")
                    text += b"live"
                    assert s.recv(100) == b"live"
            assert dropped(m) == len(text) - 8 - 4096
        refused("server=on", "-chardev", "socket,id=s,path=%s,backlog=4k" % path)


if __name__ == "__main__":
    run(sys.modules[__name__])
